// The extension limit, as a test has set it up: how many takes are granted, and when to come again.
#include <errno.h>
#include <string.h>

#include "core/limiter.h"
#include "harness.h"
#include "jobhost_limit.h"

struct harness_limit {
    const char *name;
    int64_t left; // takes that will be granted; -1 = all
    int64_t again_ms, closed_ms;
    struct jh_harness_calls calls;
    struct harness_limit *next;
};

static struct harness_limit *find(const struct jh_harness *h, const char *name, size_t len) {
    struct harness_limit *l = h->limits;
    while (l != NULL && (strlen(l->name) != len || memcmp(l->name, name, len) != 0)) {
        l = l->next;
    }
    return l;
}

void jh_harness_limit(struct jh_harness *h, const char *limit, int64_t slots, int64_t again_ms) {
    struct harness_limit *l = find(h, limit, strlen(limit));
    if (l == NULL) {
        l = arena_zalloc(&h->arena, sizeof *l);
        if (l == NULL || (l->name = arena_str(&h->arena, limit)) == NULL) {
            harness_misused("out of memory");
        }
        l->next = h->limits;
        h->limits = l;
    }
    l->left = slots;
    l->again_ms = again_ms;
}

struct jh_harness_calls jh_harness_limit_calls(const struct jh_harness *h, const char *limit) {
    const struct harness_limit *l = find(h, limit, strlen(limit));
    return l == NULL ? (struct jh_harness_calls){0} : l->calls;
}

static int find_checked(struct jh_harness *h, const char *name, struct harness_limit **ret) {
    size_t len;
    const char *key;
    int rc = harness_check_job(h);
    if (rc == 0) {
        rc = name == NULL ? -EINVAL : limiter_name_split(name, &len, &key);
    }
    *ret = rc == 0 && h->outside == NULL ? find(h, name, len) : NULL;
    return rc == 0 && h->outside == NULL && *ret == NULL ? -ENOENT : rc;
}

// ---- the calls ----

static struct harness_ticket *take_ticket(struct jh_harness *h, uint64_t id) {
    for (struct harness_ticket **at = &h->attempt.tickets; *at != NULL; at = &(*at)->next) {
        if ((*at)->id == id) {
            struct harness_ticket *t = *at;
            *at = t->next;
            return t;
        }
    }
    return NULL;
}

static int add_ticket(struct jh_harness *h, struct harness_limit *l, uint64_t id) {
    struct harness_ticket *t = arena_alloc(&h->attempt.arena, sizeof *t);
    if (t == NULL) {
        return -ENOMEM;
    }
    *t = (struct harness_ticket){.limit = l, .id = id, .next = h->attempt.tickets};
    h->attempt.tickets = t;
    return 0;
}

static int grant(struct jh_harness *h, struct harness_limit *l, uint32_t n, uint64_t *ret_ticket) {
    *ret_ticket = ++h->attempt.last_ticket;
    l->left -= l->left > 0 ? n : 0;
    l->calls.granted++;
    return add_ticket(h, l, *ret_ticket);
}

static int ask_outside(struct jh_harness *h, const char *name, uint32_t n, int64_t wait_ms,
                       uint64_t *ret_ticket, struct jh_wait *ret_wait) {
    int64_t again_ms = 0;
    int rc = h->outside->acquire(h, name, n, wait_ms, ret_ticket, &again_ms);
    if (rc == 1) {
        *ret_wait = (struct jh_wait){.size = ret_wait->size,
                                     .kind = JH_WAIT_LIMITER,
                                     .key = arena_str(&h->attempt.arena, name),
                                     .timeout_ms = again_ms};
    }
    return rc == 0 ? add_ticket(h, NULL, *ret_ticket) : rc;
}

static int send_away(struct jh_harness *h, const struct harness_limit *l, const char *name,
                     int64_t wait_ms, struct jh_wait *ret_wait) {
    int64_t closed = l->closed_ms - h->now_ms - wait_ms;
    h->now_ms += wait_ms; // it has waited in vain
    *ret_wait = (struct jh_wait){.size = ret_wait->size,
                                 .kind = JH_WAIT_LIMITER,
                                 .key = arena_str(&h->attempt.arena, name),
                                 .timeout_ms = closed > l->again_ms ? closed : l->again_ms};
    return ret_wait->key == NULL ? -ENOMEM : 1;
}

static unsigned count_tickets(const struct jh_harness *h) {
    unsigned n = 0;
    for (const struct harness_ticket *t = h->attempt.tickets; t != NULL; t = t->next) {
        n++;
    }
    return n;
}

static int acquire(struct jh_harness *h, const char *name, uint32_t n, int64_t wait_ms,
                   uint64_t *ret_ticket, struct jh_wait *ret_wait) {
    struct harness_limit *l;
    int64_t wait = wait_ms < 0                      ? 0
                   : wait_ms > JH_LIMIT_WAIT_MAX_MS ? JH_LIMIT_WAIT_MAX_MS
                                                    : wait_ms;
    int rc = find_checked(h, name, &l);
    if (rc == 0 &&
        (n == 0 || ret_ticket == NULL || ret_wait == NULL || ret_wait->size < sizeof *ret_wait)) {
        rc = -EINVAL;
    }
    if (rc == 0 && count_tickets(h) >= JH_LIMIT_TICKETS_MAX) {
        rc = -ENOSPC;
    }
    if (rc == 0 && h->attempt.cancelled != 0) {
        rc = -ECANCELED;
    }
    if (rc < 0) {
        return rc;
    }
    if (l == NULL) {
        return ask_outside(h, name, n, wait, ret_ticket, ret_wait);
    }
    bool granted = (l->left < 0 || l->left >= n) && l->closed_ms <= h->now_ms + wait;
    return granted ? grant(h, l, n, ret_ticket) : send_away(h, l, name, wait, ret_wait);
}

static int limit_acquire(struct jh_call *call, const char *name, uint32_t n, int64_t wait_ms,
                         uint64_t *ret_ticket, struct jh_wait *ret_wait) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    int rc = acquire(h, name, n, wait_ms, ret_ticket, ret_wait);
    return rc < 0 ? harness_refuse(h, "acquire", rc) : rc;
}

static int limit_observe(struct jh_call *call, uint64_t ticket, int32_t status,
                         struct jh_bytes headers) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    int rc = harness_check_run(h);
    struct harness_ticket *t = rc == 0 ? take_ticket(h, ticket) : NULL;
    if (rc == 0 && (t == NULL || (headers.len > 0 && headers.data == NULL))) {
        rc = -EINVAL;
    }
    if (rc == 0 && t->limit == NULL) {
        rc = h->outside->end(h, ticket, true, status, headers);
    } else if (rc == 0) {
        t->limit->calls.observed++;
        t->limit->calls.status = status;
    }
    return harness_refuse(h, "observe", rc);
}

static int limit_give_back(struct jh_call *call, uint64_t ticket) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    int rc = harness_check_run(h);
    struct harness_ticket *t = rc == 0 ? take_ticket(h, ticket) : NULL;
    if (rc == 0 && t == NULL) {
        rc = -EINVAL;
    }
    if (rc == 0 && t->limit == NULL) {
        rc = h->outside->end(h, ticket, false, 0, (struct jh_bytes){NULL, 0});
    } else if (rc == 0) {
        t->limit->calls.given_back++;
        t->limit->left += t->limit->left >= 0;
    }
    return harness_refuse(h, "give_back", rc);
}

static int limit_park(struct jh_call *call, const char *name, int64_t until_ms) {
    struct jh_harness *h = harness_of(call);
    struct harness_limit *l;
    harness_enter(h);
    int rc = find_checked(h, name, &l);
    if (rc == 0 && l == NULL) {
        rc = h->outside->park(h, name, until_ms);
    } else if (rc == 0 && until_ms > l->closed_ms) {
        l->closed_ms = until_ms;
        l->calls.parked_until_ms = until_ms;
    }
    return harness_refuse(h, "park", rc);
}

const struct jh_limit harness_limit_table = {
    .size = sizeof(struct jh_limit),
    .acquire = limit_acquire,
    .observe = limit_observe,
    .give_back = limit_give_back,
    .park = limit_park,
};
