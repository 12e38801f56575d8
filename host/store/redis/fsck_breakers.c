// Breakers: all are in one hash. A probe is lost if its job is none that the walk has met, and was there before it began.
#include <errno.h>
#include <string.h>

#include "store/breakers.h"
#include "store/redis/fsck.h"

enum { BREAKERS_A_CALL = 100 };
#define YOUNG_MS (10 * 60 * 1000) // clocks may differ by so much

static bool is_met(const struct redis_fsck *f, uint64_t order) {
    for (size_t i = 0; i < f->seen.cap; i++) {
        const struct job_id *id = &f->seen.slots[i];
        if (!id_is_zero(id) && (uint64_t)id_order(id) == order) {
            return true;
        }
    }
    return false;
}

static bool is_lost(const struct redis_fsck *f, const struct breaker *b) {
    int64_t now = f->task.op->now_ms;
    uint64_t order = store_breaker_probe(b, now);
    return order != 0 && id_order_ms((int64_t)order) < now - YOUNG_MS && !is_met(f, order);
}

/* What is to be written down of one, and put in its place; `found` stays zeroed if nothing is wrong. 0 or -ENOMEM. */
static int look_at(struct redis_fsck *f, const struct redis_reply *name,
                   const struct redis_reply *text, struct fsck_breaker *found) {
    struct breaker b;
    const char *fault = store_breaker_fault(name->text, text->text, f->task.op->now_ms, &b);
    found->code = fault != NULL ? "breaker_damaged" : is_lost(f, &b) ? "breaker_probe_lost" : NULL;
    if (found->code == NULL) {
        return 0;
    }
    if (fault == NULL) {
        (void)breaker_abandoned(&b, b.probe);
        store_breaker_write(&b, found->after);
        fault = "the job that tries it is none that there is";
    }
    struct arena *a = &f->scratch;
    found->name = (struct bytes){arena_strn(a, name->text.data, name->text.len), name->text.len};
    found->before = (struct bytes){arena_strn(a, text->text.data, text->text.len), text->text.len};
    found->words = arena_printf(a, "\"%.200s\": %s", (const char *)found->name.data, fault);
    return found->name.data == NULL || found->before.data == NULL || found->words == NULL ? -ENOMEM
                                                                                          : 0;
}

static int write_down(struct redis_fsck *f, const struct redis_reply *mended) {
    int r = 0;
    for (size_t i = 0; i < f->breaker_count && r == 0; i++) {
        const struct fsck_breaker *found = &f->breakers[i];
        int64_t is = 0;
        (void)redis_reply_integer(redis_reply_at(mended, i), &is);
        r = redis_fsck_report(f, bytes_of(found->code), NULL, is == 1, bytes_of(found->words));
    }
    f->breaker_count = 0;
    arena_reset(&f->scratch);
    return r;
}

static int mend(struct redis_fsck *f) {
    struct redis_args *a = &f->request.args;
    redis_request_script(&f->request, REDIS_SCRIPT_fsck_breakers, NULL, 0, f->task.op->now_ms);
    redis_args_text(a, f->task.store->queues.caller);
    redis_args_number(a, (int64_t)f->breaker_count);
    for (size_t i = 0; i < f->breaker_count; i++) {
        redis_args_bytes(a, f->breakers[i].name);
        redis_args_bytes(a, f->breakers[i].before);
        redis_args_text(a, f->breakers[i].after);
    }
    return redis_fsck_ask(f, write_down);
}

static int take_page(struct redis_fsck *f, const struct redis_reply *reply) {
    const struct redis_reply *pairs = redis_reply_at(reply, 1);
    int r = redis_fsck_take_cursor(f, reply) ? 0 : -EPROTO;
    arena_reset(&f->scratch);
    f->breaker_count = 0;
    f->breakers =
        r < 0 ? NULL : arena_zalloc(&f->scratch, (pairs->count + 1) * sizeof *f->breakers);
    r = r == 0 && f->breakers == NULL ? -ENOMEM : r;
    for (size_t i = 0; r == 0 && i + 1 < pairs->count; i += 2) {
        struct fsck_breaker *found = &f->breakers[f->breaker_count];
        r = look_at(f, &pairs->items[i], &pairs->items[i + 1], found);
        f->breaker_count += found->code != NULL;
    }
    f->at.over = redis_fsck_at_end(f);
    if (r < 0 || f->breaker_count == 0) {
        return r;
    }
    return fsck_op(f)->repair ? mend(f) : write_down(f, NULL);
}

int redis_fsck_breakers(struct redis_fsck *f) {
    if (f->at.over) {
        return 0;
    }
    redis_fsck_scan(f, "HSCAN", "", "jh:breakers", BREAKERS_A_CALL);
    return redis_fsck_ask(f, take_page);
}
