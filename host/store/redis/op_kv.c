#include <errno.h>
#include <string.h>

#include "store/redis/kv.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"

/* ------------------------------------------------------------------ KV_GET */

static const char *const what_names[] = {
    [STORE_KV_VALUE] = "value",
    [STORE_KV_COUNTER] = "counter",
    [STORE_KV_IS_MEMBER] = "member",
    [STORE_KV_CARD] = "card",
};

static int got(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct store_kv_get *get = arg;
    if (get->what != STORE_KV_VALUE) {
        return redis_reply_integer(reply, &get->number) ? 0 : redis_ask_odd(t, e);
    }
    if (!redis_reply_is(reply, REDIS_STRING)) {
        return redis_reply_is(reply, REDIS_NIL)
                   ? err_set(e, -ENOENT, "there is no value of that key")
                   : redis_ask_odd(t, e);
    }
    get->value = arena_bytes(&get->op.arena, reply->text);
    return get->value.len > 0 && get->value.data == NULL ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static void run_get(struct redis_task *t) {
    struct store_kv_get *get = CONTAINER_OF(t->op, struct store_kv_get, op);
    get->number = 0;
    get->value = (struct bytes){NULL, 0};
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_kv_get, got, get);
    if (ask != NULL) {
        struct redis_args *a = &ask->request.args;
        redis_args_text(a, get->kv_namespace);
        redis_args_text(a, get->key);
        redis_args_text(a, what_names[get->what]);
        redis_args_bytes(a, get->member);
        redis_ask_send(ask);
    }
}

const struct redis_op_kind redis_kv_get = {.run = run_get, .size = sizeof(struct redis_task)};

/* ------------------------------------------------------------------ KV_CLAIM */

static int claimed(struct redis_task *t, void *arg, const struct redis_reply *reply,
                   struct err *e) {
    enum { STALE = CLAIM_DONE + 1 }; // kv_claim.lua knows all four
    struct store_kv_claim *kc = arg;
    int64_t state;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &state) || state < CLAIM_WON ||
        state > STALE) {
        return redis_ask_odd(t, e);
    }
    if (state == STALE) {
        return err_set(e, -ESTALE, "the claiming attempt is not running any more");
    }
    const struct redis_reply *holder = redis_reply_at(reply, 1);
    kc->state = (enum store_claim_state)state;
    if (state != CLAIM_DONE && (!redis_reply_is(holder, REDIS_STRING) ||
                                id_parse(redis_reply_text(holder).data, &kc->holder) != 0)) {
        return redis_ask_odd(t, e);
    }
    return 0;
}

static void run_claim(struct redis_task *t) {
    struct store_kv_claim *kc = CONTAINER_OF(t->op, struct store_kv_claim, op);
    kc->holder = (struct job_id){{0}};
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_kv_claim, claimed, kc);
    if (ask != NULL) {
        struct redis_args *a = &ask->request.args;
        redis_args_text(a, kc->kv_namespace);
        redis_args_text(a, kc->key);
        redis_args_id(a, &kc->id);
        redis_args_number(a, kc->token);
        redis_ask_send(ask);
    }
}

const struct redis_op_kind redis_kv_claim = {
    .run = run_claim, .size = sizeof(struct redis_task), .mutates = true};

/* ------------------------------------------------------------------ commits */

int redis_kv_check(const struct store_commit_item *item) {
    for (size_t i = 0; i < item->kv_count; i++) {
        if (item->kv[i].value.len > STORE_INLINE_MAX) {
            return -E2BIG;
        }
    }
    return item->kv_count > 0 && item->kv_namespace == NULL ? -EINVAL : 0;
}

static void write_over(int64_t ttl_ms, int64_t now_ms, struct redis_args *a) {
    if (ttl_ms <= 0 || ttl_ms > INT64_MAX - now_ms) {
        redis_args_text(a, "");
    } else {
        redis_args_number(a, now_ms + ttl_ms);
    }
}

static void write_one(const struct store_kv_write *kv, int64_t now_ms, struct redis_args *a) {
    static const char *const verbs[] = {
        [STORE_KV_SET] = "set",   [STORE_KV_DEL] = "del",   [STORE_KV_ADD] = "add",
        [STORE_KV_SADD] = "sadd", [STORE_KV_SREM] = "srem", [STORE_KV_DONE] = "done",
    };
    redis_args_text(a, verbs[kv->kind]);
    redis_args_text(a, kv->key);
    if (kv->kind == STORE_KV_ADD) {
        redis_args_number(a, (int64_t)((uint64_t)kv->number ^ (UINT64_C(1) << 63)));
        redis_args_number(a, kv->number);
    } else {
        redis_args_bytes(a, kv->value);
        write_over(kv->number, now_ms, a);
    }
}

void redis_kv_write(const struct store_commit_item *item, uint64_t budget, int64_t now_ms,
                    struct redis_args *a) {
    int64_t bytes = 0;
    for (size_t i = 0; i < item->kv_count; i++) {
        bytes += (int64_t)(strlen(item->kv[i].key) + item->kv[i].value.len);
    }
    redis_args_text(a, item->kv_namespace);
    redis_args_number(a, bytes);
    if (budget > 0) {
        redis_args_number(a, (int64_t)budget);
    } else {
        redis_args_text(a, "");
    }
    redis_args_number(a, (int64_t)item->kv_count);
    for (size_t i = 0; i < item->kv_count; i++) {
        write_one(&item->kv[i], now_ms, a);
    }
}

/* ------------------------------------------------------------------ SWEEP */

struct sweep {
    redis_swept_fn *done;
    void *arg;
};

static int swept(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    const struct sweep *s = arg;
    int64_t removed, more;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &removed) || removed < 0 ||
        !redis_reply_integer(redis_reply_at(reply, 1), &more)) {
        return redis_ask_odd(t, e);
    }
    s->done(t, s->arg, (size_t)removed, more != 0);
    return 0;
}

void redis_kv_sweep(struct redis_task *t, uint32_t limit, redis_swept_fn *done, void *arg) {
    struct sweep *s = arena_alloc(&t->op->arena, sizeof *s);
    if (s == NULL) {
        redis_ask_no_memory(t);
        return;
    }
    *s = (struct sweep){done, arg};
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_kv_sweep, swept, s);
    if (ask != NULL) {
        redis_args_number(&ask->request.args, limit);
        redis_ask_send(ask);
    }
}
