#include "net/peers.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct peer {
    struct ip key; // IPv6: its second half is 0
    unsigned count;
    UT_hash_handle hh;
};

struct peer *peers_enter(struct peers *p, const struct ip *ip, unsigned limit) {
    struct ip key = *ip;
    struct peer *peer;
    if (!ip_is_v4(ip)) {
        memset(key.b + 8, 0, 8);
    }
    HASH_FIND(hh, p->all, &key, sizeof key, peer);
    if (peer == NULL) {
        peer = calloc(1, sizeof *peer);
        if (peer == NULL) {
            return NULL;
        }
        peer->key = key;
        HASH_ADD(hh, p->all, key, sizeof peer->key, peer);
    }
    if (limit != 0 && peer->count >= limit) {
        return NULL;
    }
    peer->count++;
    return peer;
}

void peers_leave(struct peers *p, struct peer *peer) {
    if (peer == NULL || --peer->count > 0) {
        return;
    }
    HASH_DEL(p->all, peer);
    free(peer);
}

void peers_finish(struct peers *p) {
    struct peer *peer = p->all;
    HASH_CLEAR(hh, p->all); // frees the table; the elements stay chained
    while (peer != NULL) {
        struct peer *next = peer->hh.next;
        free(peer);
        peer = next;
    }
}
