#include "worker/call_kv.h"

#include <errno.h>
#include <string.h>

#include "worker/ask.h"
#include "worker/check.h"
#include "worker/state.h"

struct call_claim {
    struct call_claim *next;
    const char *key;
    int state; // JH_CLAIM_WON or JH_CLAIM_DONE
};

// ---- writing ----

static int put_write(struct call *c, enum record_kv what, const char *key, struct bytes value,
                     int64_t number) {
    const struct msg_kv m = {.what = what, .key = key, .value = {.data = value}, .number = number};
    int rc;
    sender_lock(c->sender);
    do {
        rc = msg_kv_put(&c->sender->w, c->task->slot, &m);
    } while (sender_again(c->sender, &rc));
    sender_unlock(c->sender);
    return rc;
}

static int write_key(struct jh_call *pub, const char *name, enum record_kv what, const char *key,
                     struct jh_bytes value, int64_t number) {
    static const enum pending_op ops[] = {
        [KV_SET] = PENDING_SET,   [KV_DEL] = PENDING_DEL,   [KV_ADD] = PENDING_ADD,
        [KV_SADD] = PENDING_SADD, [KV_SREM] = PENDING_SREM,
    };
    struct call *c = call_of(pub);
    struct bytes own = {value.data, value.len};
    int rc = call_check_job(c);
    if (rc == 0) {
        rc = check_kv_key(key);
    }
    if (rc == 0) {
        rc = check_kv_value(value);
    }
    if (rc == 0 && what == KV_SET) {
        rc = check_kv_ttl(number);
    }
    if (rc == 0) {
        rc = check_count(&c->sum, strlen(key) + value.len + CHECK_KV_WEIGHT);
    }
    if (rc == 0) {
        rc = put_write(c, what, key, own, number);
    }
    if (rc == 0) {
        rc = pending_write(&c->pending, ops[what], key, own, number);
    }
    return call_refuse(c, name, rc);
}

static const struct jh_bytes nothing = {NULL, 0};

static int kv_set(struct jh_call *pub, const char *key, struct jh_bytes value, int64_t ttl_ms) {
    return write_key(pub, "set", KV_SET, key, value, ttl_ms);
}

// The key's claim goes as well, so it has to be asked for again.
static void forget_claim(struct call *c, const char *key) {
    for (struct call_claim **at = &c->claims; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->key, key) == 0) {
            *at = (*at)->next;
            return;
        }
    }
}

static int kv_del(struct jh_call *pub, const char *key) {
    int rc = write_key(pub, "del", KV_DEL, key, nothing, 0);
    if (rc == 0) {
        forget_claim(call_of(pub), key);
    }
    return rc;
}

static int kv_add(struct jh_call *pub, const char *key, int64_t delta) {
    return write_key(pub, "add", KV_ADD, key, nothing, delta);
}

static int kv_sadd(struct jh_call *pub, const char *key, struct jh_bytes member) {
    return write_key(pub, "sadd", KV_SADD, key, member, 0);
}

static int kv_srem(struct jh_call *pub, const char *key, struct jh_bytes member) {
    return write_key(pub, "srem", KV_SREM, key, member, 0);
}

// ---- reading ----

static int check_read(struct call *c, const char *name, const char *key, const void *ret) {
    int rc = call_check(c);
    if (rc == 0) {
        rc = ret == NULL ? -EINVAL : check_kv_key(key);
    }
    return call_refuse(c, name, rc);
}

// The supervisor's answer: 0, 1 (none) or a negative errno.
static int ask_key(struct call *c, enum record_get what, const char *key, struct bytes member,
                   struct answer *ret) {
    int rc = ask_value(c, what, key, member, ret);
    if (rc == 0) {
        rc = ask_map(c, ret);
    }
    return rc < 0 ? rc : ret->status;
}

static int kv_get(struct jh_call *pub, const char *key, struct jh_bytes *out) {
    struct call *c = call_of(pub);
    int rc = check_read(c, "get", key, out);
    if (rc < 0) {
        return rc;
    }
    struct bytes value = {NULL, 0};
    switch (pending_value(&c->pending, key, &value)) {
    case PENDING_NO: return 1;
    case PENDING_YES:
        value = arena_bytes(&c->arena, value); // must outlive the next commit
        if (value.len != 0 && value.data == NULL) {
            return -ENOMEM;
        }
        break;
    case PENDING_UNKNOWN: {
        struct answer a;
        rc = ask_key(c, GET_KV, key, value, &a);
        if (rc != 0) {
            return rc;
        }
        value = a.value;
        break;
    }
    }
    *out = (struct jh_bytes){value.data, value.len};
    return 0;
}

static int kv_counter(struct jh_call *pub, const char *key, int64_t *ret_value) {
    struct call *c = call_of(pub);
    int rc = check_read(c, "counter", key, ret_value);
    if (rc < 0) {
        return rc;
    }
    int64_t delta;
    struct answer a = {.value_number = 0};
    if (!pending_counter(&c->pending, key, &delta)) {
        rc = ask_key(c, GET_COUNTER, key, (struct bytes){NULL, 0}, &a);
        if (rc < 0) {
            return rc;
        }
    }
    *ret_value = (int64_t)((uint64_t)a.value_number + (uint64_t)delta);
    return 0;
}

static int ask_member(struct call *c, const char *key, struct bytes member) {
    struct answer a;
    int rc = ask_key(c, GET_IS_MEMBER, key, member, &a);
    return rc < 0 ? rc : a.value_number != 0;
}

static int kv_sismember(struct jh_call *pub, const char *key, struct jh_bytes member) {
    struct call *c = call_of(pub);
    int rc = check_read(c, "sismember", key, pub);
    if (rc == 0) {
        rc = call_refuse(c, "sismember", check_kv_value(member));
    }
    if (rc < 0) {
        return rc;
    }
    struct bytes m = {member.data, member.len};
    enum pending_known known = pending_is_member(&c->pending, key, m);
    return known == PENDING_UNKNOWN ? ask_member(c, key, m) : known == PENDING_YES;
}

static int kv_scard(struct jh_call *pub, const char *key, uint64_t *ret_count) {
    struct call *c = call_of(pub);
    int rc = check_read(c, "scard", key, ret_count);
    struct bytes member;
    while (rc == 0 && pending_ask_member(&c->pending, key, &member)) {
        int stored = ask_member(c, key, member);
        if (stored < 0) {
            return stored;
        }
        pending_learn(&c->pending, key, member, stored != 0);
    }
    if (rc < 0) {
        return rc;
    }
    int64_t delta;
    struct answer a = {.value_number = 0};
    if (!pending_card(&c->pending, key, &delta)) {
        rc = ask_key(c, GET_CARD, key, (struct bytes){NULL, 0}, &a);
        if (rc < 0) {
            return rc;
        }
    }
    int64_t count = (int64_t)((uint64_t)a.value_number +
                              (uint64_t)delta); // < 0 if somebody else took members out meanwhile
    *ret_count = count < 0 ? 0 : (uint64_t)count;
    return 0;
}

// ---- claims ----

static struct call_claim *find_claim(const struct call *c, const char *key) {
    for (struct call_claim *claim = c->claims; claim != NULL; claim = claim->next) {
        if (strcmp(claim->key, key) == 0) {
            return claim;
        }
    }
    return NULL;
}

static int note_claim(struct call *c, const char *key, int state) {
    struct call_claim *claim = find_claim(c, key);
    if (claim == NULL) {
        claim = arena_alloc(&c->arena, sizeof *claim);
        char *own = arena_str(&c->arena, key);
        if (claim == NULL || own == NULL) {
            return -ENOMEM;
        }
        *claim = (struct call_claim){.next = c->claims, .key = own};
        c->claims = claim;
    }
    claim->state = state;
    return 0;
}

static int kv_claim(struct jh_call *pub, const char *key, const char **ret_holder) {
    struct call *c = call_of(pub);
    int rc = check_read(c, "claim", key, pub);
    rc = rc < 0 ? rc : call_refuse(c, "claim", call_check_job(c));
    if (rc < 0) {
        return rc;
    }
    const struct call_claim *known = find_claim(c, key);
    if (known != NULL) {
        return known->state;
    }
    struct answer a;
    rc = ask_key(c, GET_CLAIM, key, (struct bytes){NULL, 0}, &a);
    if (rc == JH_CLAIM_WON) {
        int noted = note_claim(c, key, JH_CLAIM_WON);
        return noted < 0 ? noted : rc;
    }
    if (rc == JH_CLAIM_HELD && ret_holder != NULL) {
        struct bytes holder = arena_bytes(&c->arena, a.value); // adds the NUL
        *ret_holder = holder.data == NULL ? "" : holder.data;
    }
    return rc;
}

static int kv_done(struct jh_call *pub, const char *key, int64_t ttl_ms) {
    struct call *c = call_of(pub);
    int rc = call_check_job(c);
    if (rc == 0) {
        rc = check_kv_key(key);
    }
    if (rc == 0) {
        rc = check_kv_ttl(ttl_ms);
    }
    if (rc == 0) {
        rc = check_count(&c->sum, strlen(key) + CHECK_KV_WEIGHT);
    }
    if (rc == 0) {
        rc = put_write(c, KV_DONE, key, (struct bytes){NULL, 0}, ttl_ms);
    }
    if (rc == 0) {
        rc = note_claim(c, key, JH_CLAIM_DONE);
    }
    return call_refuse(c, "done", rc);
}

const struct jh_kv call_kv_table = {
    .size = sizeof(struct jh_kv),
    .get = kv_get,
    .set = kv_set,
    .del = kv_del,
    .add = kv_add,
    .counter = kv_counter,
    .sadd = kv_sadd,
    .srem = kv_srem,
    .sismember = kv_sismember,
    .scard = kv_scard,
    .claim = kv_claim,
    .done = kv_done,
};
