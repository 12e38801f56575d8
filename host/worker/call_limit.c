#include "worker/call_limit.h"

#include <errno.h>
#include <string.h>

#include "core/limiter_headers.h"
#include "worker/ask.h"
#include "worker/check.h"
#include "worker/state.h"

struct call_ticket {
    struct call_ticket *next;
    uint64_t id;
    const char *name;
};

static unsigned count_tickets(const struct call *c) {
    unsigned n = 0;
    for (const struct call_ticket *t = c->tickets; t != NULL; t = t->next) {
        n++;
    }
    return n;
}

static struct call_ticket *take_ticket(struct call *c, uint64_t id) {
    for (struct call_ticket **at = &c->tickets; *at != NULL; at = &(*at)->next) {
        if ((*at)->id == id) {
            struct call_ticket *t = *at;
            *at = t->next;
            return t;
        }
    }
    return NULL;
}

static int check_name(const char *name) {
    size_t len;
    const char *key;
    return name == NULL ? -EINVAL : limiter_name_split(name, &len, &key);
}

/* ------------------------------------------------------------------ acquire */

static int check_acquire(const struct call *c, const char *name, uint32_t n,
                         const uint64_t *ret_ticket, const struct jh_wait *ret_wait) {
    int rc = check_name(name);
    if (rc < 0 || n == 0 || ret_ticket == NULL || ret_wait == NULL ||
        ret_wait->size < sizeof *ret_wait) {
        return -EINVAL;
    }
    return count_tickets(c) >= JH_LIMIT_TICKETS_MAX ? -ENOSPC : 0;
}

static int keep_ticket(struct call *c, uint64_t id, const char *name) {
    struct call_ticket *t = arena_alloc(&c->arena, sizeof *t);
    const char *own = arena_str(&c->arena, name);
    if (t == NULL || own == NULL) {
        return -ENOMEM; // it ends with this run()
    }
    *t = (struct call_ticket){c->tickets, id, own};
    c->tickets = t;
    return 0;
}

static int told_to_wait(struct call *c, const char *name, int64_t wait_ms,
                        struct jh_wait *ret_wait) {
    const char *own = arena_str(&c->arena, name);
    if (own == NULL) {
        return -ENOMEM;
    }
    *ret_wait = (struct jh_wait){
        .size = ret_wait->size, .kind = JH_WAIT_LIMITER, .key = own, .timeout_ms = wait_ms};
    return 1;
}

static int64_t bound_wait(int64_t wait_ms) {
    return wait_ms < 0 ? 0 : wait_ms > JH_LIMIT_WAIT_MAX_MS ? JH_LIMIT_WAIT_MAX_MS : wait_ms;
}

// An errno names nobody.
static int refuse_acquire(struct call *c, const char *name, int rc) {
    (void)call_refuse(c, "acquire", rc);
    if (rc == -ENOENT) {
        const char *words =
            arena_printf(&c->arena, "there is no limit \"%s\" in the configuration", name);
        c->notes.refused_words = words;
        c->pub.host->log(&c->pub, JH_LOG_WARN, words == NULL ? "there is no such limit" : words);
    }
    return rc;
}

static int limit_acquire(struct jh_call *pub, const char *name, uint32_t n, int64_t wait_ms,
                         uint64_t *ret_ticket, struct jh_wait *ret_wait) {
    struct call *c = call_of(pub);
    int rc = call_check_job(c);
    if (rc == 0) {
        rc = check_acquire(c, name, n, ret_ticket, ret_wait);
    }
    if (rc < 0) {
        return refuse_acquire(c, name, rc);
    }
    struct answer a;
    struct msg_limit m = {
        .what = LIMIT_ACQUIRE, .name = name, .number = n, .wait_ms = bound_wait(wait_ms)};
    rc = ask_limit(c, &m, &a);
    rc = rc < 0 ? rc : a.status;
    if (rc == 0) {
        *ret_ticket = (uint64_t)a.value_number;
        rc = keep_ticket(c, *ret_ticket, name);
    } else if (rc == 1) {
        rc = told_to_wait(c, name, a.value_number, ret_wait);
    }
    return rc == -ECANCELED ? rc : refuse_acquire(c, name, rc);
}

/* ------------------------------------------------------------------ what became of it */

static int tell(struct call *c, const struct msg_limit *m) {
    int rc;
    sender_lock(c->sender);
    do {
        rc = msg_limit_put(&c->sender->w, c->task->slot, m);
    } while (sender_again(c->sender, &rc));
    if (rc == 0) {
        rc = sender_flush(c->sender); // others wait for it
    }
    sender_unlock(c->sender);
    return rc;
}

// Of a block of headers those that say something about limits: what the supervisor is sent is short.
static void add_line(struct bytes line, struct buf *out) {
    const char *at = line.data, *colon = memchr(at, ':', line.len);
    struct bytes name = {at, colon == NULL ? 0 : (size_t)(colon - at)};
    if (colon != NULL && limiter_header_of(name) != LIMITER_HEADER_OTHER &&
        out->len + line.len < RECORD_INLINE_MAX && line.len <= 1024) {
        buf_add(out, line.data, line.len);
        buf_add(out, "\n", 1);
    }
}

static void sift_headers(struct jh_bytes headers, struct buf *out) {
    size_t len = headers.len < JH_LIMIT_HEADERS_MAX ? headers.len : JH_LIMIT_HEADERS_MAX;
    const char *at = headers.data, *end = at + len;
    while (at < end) {
        const char *nl = memchr(at, '\n', (size_t)(end - at));
        const char *stop = nl == NULL ? end : nl;
        add_line((struct bytes){at, (size_t)(stop - at)}, out);
        at = stop + 1;
    }
}

static int limit_observe(struct jh_call *pub, uint64_t ticket, int32_t status,
                         struct jh_bytes headers) {
    struct call *c = call_of(pub);
    int rc = call_check(c);
    const struct call_ticket *t = rc == 0 ? take_ticket(c, ticket) : NULL;
    if (t == NULL || (headers.len > 0 && headers.data == NULL)) {
        return call_refuse(c, "observe", rc < 0 ? rc : -EINVAL);
    }
    struct buf lines = {.len = 0};
    if (headers.len > 0) {
        sift_headers(headers, &lines);
    }
    rc = lines.failed ? -ENOMEM : 0;
    if (rc == 0) {
        rc = tell(c, &(struct msg_limit){.what = LIMIT_OBSERVE,
                                         .name = t->name,
                                         .ticket = ticket,
                                         .status = status,
                                         .headers = {.data = buf_bytes(&lines)}});
    }
    buf_free(&lines);
    return call_refuse(c, "observe", rc);
}

static int limit_give_back(struct jh_call *pub, uint64_t ticket) {
    struct call *c = call_of(pub);
    int rc = call_check(c);
    if (rc == 0 && take_ticket(c, ticket) == NULL) {
        rc = -EINVAL;
    }
    if (rc == 0) {
        rc = tell(c, &(struct msg_limit){.what = LIMIT_GIVE_BACK, .ticket = ticket});
    }
    return call_refuse(c, "give_back", rc);
}

static int limit_park(struct jh_call *pub, const char *name, int64_t until_ms) {
    struct call *c = call_of(pub);
    int rc = call_check_job(c);
    if (rc == 0) {
        rc = check_name(name);
    }
    if (rc < 0) {
        return call_refuse(c, "park", rc);
    }
    int64_t now = env_wall_ms(&c->worker->env);
    struct answer a;
    struct msg_limit m = {
        .what = LIMIT_CLOSE, .name = name, .number = until_ms > now ? until_ms - now : 0};
    rc = ask_limit(c, &m, &a);
    rc = rc < 0 ? rc : a.status > 0 ? -EIO : a.status;
    return call_refuse(c, "park", rc);
}

const struct jh_limit call_limit_table = {
    .size = sizeof(struct jh_limit),
    .acquire = limit_acquire,
    .observe = limit_observe,
    .give_back = limit_give_back,
    .park = limit_park,
};
