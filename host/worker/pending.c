#include "worker/pending.h"

#include <errno.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct pending_member {
    struct bytes member;
    bool in;                   // what the attempt wants
    enum pending_known stored; // what the store has
    UT_hash_handle hh;
};

struct pending_key {
    const char *key;
    enum pending_known value_state; // YES: set, NO: deleted
    struct bytes value;
    bool counter_reset;
    int64_t delta;
    bool set_reset;
    struct pending_member *members;
    UT_hash_handle hh;
};

static struct pending_key *find_key(const struct pending *p, const char *key) {
    struct pending_key *found = NULL;
    HASH_FIND(hh, p->head, key, strlen(key), found);
    return found;
}

static struct pending_key *need_key(struct pending *p, const char *key) {
    struct pending_key *k = find_key(p, key);
    if (k != NULL) {
        return k;
    }
    k = arena_zalloc(&p->arena, sizeof *k);
    char *own = arena_str(&p->arena, key);
    if (k == NULL || own == NULL) {
        return NULL;
    }
    k->key = own;
    HASH_ADD_KEYPTR(hh, p->head, k->key, strlen(k->key), k);
    return k->hh.tbl == NULL ? NULL : k;
}

static struct pending_member *find_member(const struct pending_key *k, struct bytes member) {
    struct pending_member *found = NULL;
    const void *at = member.len == 0 ? "" : member.data;
    HASH_FIND(hh, k->members, at, member.len, found);
    return found;
}

static int write_member(struct pending *p, struct pending_key *k, struct bytes member, bool in) {
    struct pending_member *m = find_member(k, member);
    if (m != NULL) {
        m->in = in;
        return 0;
    }
    m = arena_zalloc(&p->arena, sizeof *m);
    struct bytes own = arena_bytes(&p->arena, member);
    if (m == NULL || (own.len != 0 && own.data == NULL)) {
        return -ENOMEM;
    }
    m->member = own.len == 0 ? bytes_of("") : own;
    m->in = in;
    m->stored = k->set_reset ? PENDING_NO : PENDING_UNKNOWN;
    HASH_ADD_KEYPTR(hh, k->members, m->member.data, m->member.len, m);
    return m->hh.tbl == NULL ? -ENOMEM : 0;
}

static int write_value(struct pending *p, struct pending_key *k, struct bytes value) {
    struct bytes own = arena_bytes(&p->arena, value);
    if (own.len != 0 && own.data == NULL) {
        return -ENOMEM;
    }
    k->value_state = PENDING_YES;
    k->value = own;
    return 0;
}

static int write_delete(struct pending_key *k) {
    k->value_state = PENDING_NO;
    k->counter_reset = true;
    k->delta = 0;
    k->set_reset = true;
    HASH_CLEAR(hh, k->members);
    return 0;
}

int pending_write(struct pending *p, enum pending_op op, const char *key, struct bytes value,
                  int64_t number) {
    struct pending_key *k = need_key(p, key);
    if (k == NULL) {
        return -ENOMEM;
    }
    switch (op) {
    case PENDING_SET: return write_value(p, k, value);
    case PENDING_DEL: return write_delete(k);
    case PENDING_ADD:
        // counters wrap like the store's
        k->delta = (int64_t)((uint64_t)k->delta + (uint64_t)number);
        return 0;
    case PENDING_SADD: return write_member(p, k, value, true);
    case PENDING_SREM: return write_member(p, k, value, false);
    }
    return -EINVAL;
}

enum pending_known pending_value(const struct pending *p, const char *key, struct bytes *ret) {
    const struct pending_key *k = find_key(p, key);
    if (k == NULL) {
        return PENDING_UNKNOWN;
    }
    *ret = k->value;
    return k->value_state;
}

bool pending_counter(const struct pending *p, const char *key, int64_t *ret_delta) {
    const struct pending_key *k = find_key(p, key);
    *ret_delta = k == NULL ? 0 : k->delta;
    return k != NULL && k->counter_reset;
}

enum pending_known pending_is_member(const struct pending *p, const char *key,
                                     struct bytes member) {
    const struct pending_key *k = find_key(p, key);
    if (k == NULL) {
        return PENDING_UNKNOWN;
    }
    const struct pending_member *m = find_member(k, member);
    if (m != NULL) {
        return m->in ? PENDING_YES : PENDING_NO;
    }
    return k->set_reset ? PENDING_NO : PENDING_UNKNOWN;
}

bool pending_ask_member(const struct pending *p, const char *key, struct bytes *ret_member) {
    const struct pending_key *k = find_key(p, key);
    for (const struct pending_member *m = k == NULL ? NULL : k->members; m != NULL;
         m = m->hh.next) {
        if (m->stored == PENDING_UNKNOWN) {
            *ret_member = m->member;
            return true;
        }
    }
    return false;
}

void pending_learn(struct pending *p, const char *key, struct bytes member, bool stored) {
    const struct pending_key *k = find_key(p, key);
    struct pending_member *m = k == NULL ? NULL : find_member(k, member);
    if (m != NULL) {
        m->stored = stored ? PENDING_YES : PENDING_NO;
    }
}

bool pending_card(const struct pending *p, const char *key, int64_t *ret_delta) {
    const struct pending_key *k = find_key(p, key);
    *ret_delta = 0;
    if (k == NULL) {
        return false;
    }
    for (const struct pending_member *m = k->members; m != NULL; m = m->hh.next) {
        bool stored = !k->set_reset && m->stored == PENDING_YES;
        *ret_delta += (m->in ? 1 : 0) - (stored ? 1 : 0);
    }
    return k->set_reset;
}

void pending_clear(struct pending *p) {
    if (p->arena.head == NULL) {
        return; // nothing was written: what almost every job does
    }
    for (struct pending_key *k = p->head; k != NULL; k = k->hh.next) {
        HASH_CLEAR(hh, k->members); // the entries lie in the arena
    }
    HASH_CLEAR(hh, p->head);
    arena_free(&p->arena);
}
