#include "net/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct peer {
    unsigned char key[9]; // family, then 4 or 8 bytes of address
    unsigned count;
    UT_hash_handle hh;
};

static void make_key(const struct sockaddr *address, unsigned char key[9]) {
    memset(key, 0, 9);
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        key[0] = 4;
        memcpy(key + 1, &in->sin_addr, 4);
        return;
    }
    const struct sockaddr_in6 *in6 = (const void *)address;
    const unsigned char *a = in6->sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        key[0] = 4;
        memcpy(key + 1, a + 12, 4);
        return;
    }
    key[0] = 6;
    memcpy(key + 1, a, 8);
}

struct peer *peers_enter(struct peers *p, const struct sockaddr *address, unsigned limit) {
    unsigned char key[9];
    make_key(address, key);
    struct peer *peer;
    HASH_FIND(hh, p->all, key, sizeof key, peer);
    if (peer == NULL) {
        peer = calloc(1, sizeof *peer);
        if (peer == NULL) {
            return NULL;
        }
        memcpy(peer->key, key, sizeof key);
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

void peers_text(const struct sockaddr *address, char *out, size_t cap) {
    const void *where =
        address->sa_family == AF_INET
            ? (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr
            : (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (inet_ntop(address->sa_family, where, out, (socklen_t)cap) == NULL) {
        (void)snprintf(out, cap, "unknown");
    }
}
