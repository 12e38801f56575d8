// The extensions kv and clock over the same vault, and the list of all.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/job.h"
#include "harness.h"
#include "jobhost_blob.h"
#include "jobhost_clock.h"
#include "jobhost_kv.h"
#include "jobhost_operator.h"
#include "worker/check.h"
#include "worker/mix.h"

// ---- kv: writing ----

static int write_key(struct jh_call *call, const char *name, enum pending_op op, const char *key,
                     struct jh_bytes value, int64_t number) {
    struct jh_harness *h = harness_of(call);
    const struct wish wish = {
        .kind = WISH_KV, .name = key, .value = {value.data, value.len}, .op = op, .number = number};
    harness_enter(h);
    int rc = harness_check_job(h);
    if (rc == 0) {
        rc = check_kv_key(key);
    }
    if (rc == 0) {
        rc = check_kv_value(value);
    }
    if (rc == 0 && op == PENDING_SET) {
        rc = check_kv_ttl(number);
    }
    if (rc == 0) {
        rc = harness_wish(h, &wish);
    }
    if (rc == 0) {
        rc = pending_write(&h->attempt.pending, op, key, wish.value, number);
    }
    return harness_refuse(h, name, rc);
}

static const struct jh_bytes nothing = {NULL, 0};

static int kv_set(struct jh_call *call, const char *key, struct jh_bytes value, int64_t ttl_ms) {
    return write_key(call, "set", PENDING_SET, key, value, ttl_ms);
}

static int kv_del(struct jh_call *call, const char *key) {
    return write_key(call, "del", PENDING_DEL, key, nothing, 0);
}

static int kv_add(struct jh_call *call, const char *key, int64_t delta) {
    return write_key(call, "add", PENDING_ADD, key, nothing, delta);
}

static int kv_sadd(struct jh_call *call, const char *key, struct jh_bytes member) {
    return write_key(call, "sadd", PENDING_SADD, key, member, 0);
}

static int kv_srem(struct jh_call *call, const char *key, struct jh_bytes member) {
    return write_key(call, "srem", PENDING_SREM, key, member, 0);
}

// ---- kv: reading ----

// 0 and *ret_key (NULL = not stored), or a negative errno.
static int begin_read(struct jh_harness *h, const char *name, const char *key, const void *ret,
                      const struct vault_key **ret_key) {
    harness_enter(h);
    int rc = harness_check_run(h);
    if (rc == 0) {
        rc = ret == NULL ? -EINVAL : check_kv_key(key);
    }
    *ret_key = rc == 0 ? vault_find(&h->vault, key) : NULL;
    return harness_refuse(h, name, rc);
}

static int kv_get(struct jh_call *call, const char *key, struct jh_bytes *out) {
    struct jh_harness *h = harness_of(call);
    const struct vault_key *k;
    int rc = begin_read(h, "get", key, out, &k);
    if (rc < 0) {
        return rc;
    }
    struct bytes value = {NULL, 0};
    enum pending_known known = pending_value(&h->attempt.pending, key, &value);
    if (known == PENDING_UNKNOWN && k != NULL && k->has_value) {
        known = PENDING_YES;
        value = k->value;
    }
    if (known != PENDING_YES) {
        return 1;
    }
    value = arena_bytes(&h->attempt.arena, value);
    *out = (struct jh_bytes){value.data, value.len};
    return 0;
}

static int kv_counter(struct jh_call *call, const char *key, int64_t *ret_value) {
    struct jh_harness *h = harness_of(call);
    const struct vault_key *k;
    int rc = begin_read(h, "counter", key, ret_value, &k);
    if (rc < 0) {
        return rc;
    }
    int64_t delta;
    bool fresh = pending_counter(&h->attempt.pending, key, &delta);
    uint64_t stored = fresh || k == NULL ? 0 : (uint64_t)k->counter;
    *ret_value = (int64_t)(stored + (uint64_t)delta);
    return 0;
}

static int kv_sismember(struct jh_call *call, const char *key, struct jh_bytes member) {
    struct jh_harness *h = harness_of(call);
    const struct vault_key *k;
    int rc = begin_read(h, "sismember", key, call, &k);
    if (rc == 0) {
        rc = harness_refuse(h, "sismember", check_kv_value(member));
    }
    if (rc < 0) {
        return rc;
    }
    struct bytes m = {member.data, member.len};
    enum pending_known known = pending_is_member(&h->attempt.pending, key, m);
    return known == PENDING_UNKNOWN ? vault_has_member(k, m) : known == PENDING_YES;
}

static int kv_scard(struct jh_call *call, const char *key, uint64_t *ret_count) {
    struct jh_harness *h = harness_of(call);
    const struct vault_key *k;
    int rc = begin_read(h, "scard", key, ret_count, &k);
    if (rc < 0) {
        return rc;
    }
    struct bytes member;
    int64_t delta;
    while (pending_ask_member(&h->attempt.pending, key, &member)) {
        pending_learn(&h->attempt.pending, key, member, vault_has_member(k, member));
    }
    bool fresh = pending_card(&h->attempt.pending, key, &delta);
    *ret_count = (uint64_t)((fresh || k == NULL ? 0 : (int64_t)k->member_count) + delta);
    return 0;
}

// ---- kv: claims ----

static bool has_claim(const struct attempt *a, const char *key) {
    for (size_t i = 0; i < a->claim_count; i++) {
        if (strcmp(a->claims[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_done_pending(const struct attempt *a, const char *key) {
    bool done = false;
    for (const struct wish *w = a->wishes; w != NULL; w = w->next) {
        bool deletes = w->kind == WISH_KV && w->op == PENDING_DEL;
        if ((deletes || w->kind == WISH_DONE) && strcmp(w->name, key) == 0) {
            done = !deletes;
        }
    }
    return done;
}

static int kv_claim(struct jh_call *call, const char *key, const char **ret_holder) {
    struct jh_harness *h = harness_of(call);
    struct attempt *a = &h->attempt;
    const struct vault_key *k;
    int rc = begin_read(h, "claim", key, call, &k);
    rc = rc < 0 ? rc : harness_refuse(h, "claim", harness_check_job(h));
    if (rc < 0) {
        return rc;
    }
    if ((k != NULL && k->done) || is_done_pending(a, key)) {
        return JH_CLAIM_DONE;
    }
    if (k != NULL && k->holder != NULL) {
        if (ret_holder != NULL) {
            *ret_holder = k->holder;
        }
        return JH_CLAIM_HELD;
    }
    if (!has_claim(a, key)) {
        const char **claims = realloc(a->claims, (a->claim_count + 1) * sizeof *claims);
        char *own = arena_str(&a->arena, key);
        if (claims == NULL || own == NULL) {
            vault_no_memory();
        }
        a->claims = claims;
        a->claims[a->claim_count++] = own;
    }
    return JH_CLAIM_WON;
}

static int kv_done(struct jh_call *call, const char *key, int64_t ttl_ms) {
    struct jh_harness *h = harness_of(call);
    const struct wish wish = {.kind = WISH_DONE, .name = key, .number = ttl_ms};
    harness_enter(h);
    int rc = harness_check_job(h);
    if (rc == 0) {
        rc = check_kv_key(key);
    }
    if (rc == 0) {
        rc = check_kv_ttl(ttl_ms);
    }
    if (rc == 0) {
        rc = harness_wish(h, &wish);
    }
    return harness_refuse(h, "done", rc);
}

static const struct jh_kv kv_table = {
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

// ---- clock ----

static int64_t clock_wall_ms(struct jh_call *call) {
    harness_enter(harness_of(call));
    return harness_of(call)->now_ms;
}

static uint64_t clock_random(struct jh_call *call) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    return harness_check_run(h) == -EPERM ? 0 : mix_next(&h->attempt.random);
}

static void clock_entropy(struct jh_call *call, void *out, size_t len) {
    struct jh_harness *h = harness_of(call);
    unsigned char *at = out;
    harness_enter(h);
    (void)pthread_mutex_lock(&h->lock);
    for (size_t i = 0; at != NULL && i < len; i++) {
        at[i] = (unsigned char)mix_next(&h->entropy);
    }
    (void)pthread_mutex_unlock(&h->lock);
}

static const struct jh_clock clock_table = {
    .size = sizeof(struct jh_clock),
    .wall_ms = clock_wall_ms,
    .mono_ms = clock_wall_ms, // any origin will do
    .random = clock_random,
    .entropy = clock_entropy,
};

const void *harness_extension(const char *id) {
    static const struct {
        const char *id;
        const void *table;
    } rows[] = {{JH_KV_1, &kv_table},
                {JH_BLOB_1, &harness_blob},
                {JH_CLOCK_1, &clock_table},
                {JH_OPERATOR_1, &harness_operator},
                {JH_LIMIT_1, &harness_limit_table},
                {JH_HTTP_1, &harness_http_table},
                {JH_EVENT_1, &harness_events},
                {JH_FLOW_1, &harness_flow_table}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].id, id) == 0) {
            return rows[i].table;
        }
    }
    return NULL;
}
