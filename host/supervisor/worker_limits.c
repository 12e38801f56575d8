#include "supervisor/worker_limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limiter_headers.h"
#include "jobhost_limit.h"
#include "supervisor/attempt.h"
#include "supervisor/host.h"
#include "supervisor/limits.h"
#include "supervisor/pool_private.h"

/* The one wish of an attempt whose run() waits for it. */
struct attempt_wish {
    struct limit_wish wish;
    struct attempt *attempt;
    uint32_t request;
    char name[LIMITER_NAME_MAX + 1];
};

static void answer(struct attempt *a, uint32_t request, int status, int64_t number) {
    struct record_writer *out = a->worker == NULL ? NULL : worker_out(a->worker, 64);
    a->asking = false;
    if (out != NULL) {
        (void)msg_value_put(
            out, a->slot,
            &(struct msg_value){.request = request, .status = status, .number = number});
    }
}

static void wish_done(struct limit_wish *wish, int status, int64_t wait_ms) {
    struct attempt_wish *aw = wish->arg;
    struct attempt *a = aw->attempt;
    int64_t number = wait_ms;
    if (status == 0) {
        TAILQ_INSERT_TAIL(&a->tickets, wish->ticket, of_owner);
        a->ticket_count++;
        number = (int64_t)wish->ticket->id;
    }
    a->wish = NULL;
    answer(a, aw->request, status, number);
    if (status == 1) { // it may ask again
        free(a->sent_away);
        a->sent_away = aw;
    } else {
        free(aw);
    }
}

// NULL: another limiter has sent it away last, or none.
static const struct limit_wish *sent_away(const struct attempt *a, const char *name) {
    const struct attempt_wish *last = a->sent_away;
    return last != NULL && strcmp(last->name, name) == 0 ? &last->wish : NULL;
}

static int64_t turn_of(const struct attempt *a, const char *name) {
    const struct limit_wish *last = sent_away(a, name);
    return last == NULL ? 0 : last->turn_mono_ms;
}

uint64_t worker_limit_told(const struct attempt *a, const char *name) {
    const struct limit_wish *last = sent_away(a, name);
    return last == NULL ? 0 : last->told;
}

static int acquire(struct attempt *a, const struct msg_limit *m) {
    if (m->name == NULL || m->number < 1 || m->number > UINT32_MAX || m->wait_ms < 0 ||
        m->wait_ms > JH_LIMIT_WAIT_MAX_MS || a->ticket_count >= JH_LIMIT_TICKETS_MAX) {
        return -EBADMSG;
    }
    struct attempt_wish *aw = calloc(1, sizeof *aw);
    int status = a->cancel_mask != 0 ? -ECANCELED : aw == NULL ? -ENOMEM : 0;
    a->asking = true;
    if (status == 0) {
        aw->attempt = a;
        aw->request = m->request;
        aw->wish = (struct limit_wish){.n = (uint32_t)m->number,
                                       .until_mono_ms = env_mono_ms(&a->host->env) + m->wait_ms,
                                       .done = wish_done,
                                       .arg = aw,
                                       .turn_mono_ms = turn_of(a, m->name)};
        (void)snprintf(aw->name, sizeof aw->name, "%s", m->name);
        status = limits_wish(a->host, m->name, &aw->wish);
    }
    if (status == 0) {
        a->wish = aw;
    } else {
        free(aw);
        answer(a, m->request, status, 0);
    }
    return 0;
}

static struct limit_ticket *find_ticket(const struct attempt *a, uint64_t id) {
    struct limit_ticket *t;
    TAILQ_FOREACH(t, &a->tickets, of_owner) {
        if (t->id == id) {
            return t;
        }
    }
    return NULL;
}

static void take_out(struct attempt *a, struct limit_ticket *t) {
    TAILQ_REMOVE(&a->tickets, t, of_owner);
    a->ticket_count--;
}

static struct limiter_hint read_hint(struct host *host, const struct msg_limit *m) {
    size_t len;
    const char *key;
    const struct config_limit *c = limiter_name_split(m->name, &len, &key) == 0
                                       ? config_limit(host->config, m->name, len)
                                       : NULL;
    return limiter_headers_read(m->status, m->headers.data, c == NULL ? NULL : c->learn,
                                c == NULL ? 0 : c->learn_count, env_wall_ms(&host->env));
}

static int observe(struct attempt *a, const struct msg_limit *m) {
    if (m->name == NULL || m->headers.by_fd) {
        return -EBADMSG;
    }
    struct limit_ticket *t = find_ticket(a, m->ticket);
    struct limiter_hint hint = read_hint(a->host, m);
    if (t == NULL) {
        limits_answered_by_id(a->host, m->name, m->ticket, &hint);
        return 0;
    }
    take_out(a, t);
    limits_answered(a->host, t, &hint);
    return 0;
}

static int give_back(struct attempt *a, const struct msg_limit *m) {
    struct limit_ticket *t = find_ticket(a, m->ticket);
    if (t != NULL) {
        take_out(a, t);
        limits_give_back(a->host, t);
    }
    return 0;
}

static int close_limit(struct attempt *a, const struct msg_limit *m) {
    if (m->name == NULL || m->number < 0) {
        return -EBADMSG;
    }
    answer(a, m->request, limits_close(a->host, m->name, m->number), 0);
    return 0;
}

int worker_limit(struct worker *w, struct attempt *a, struct msg_limit *m) {
    static int (*const takes[])(struct attempt *, const struct msg_limit *) = {
        [LIMIT_ACQUIRE] = acquire,
        [LIMIT_OBSERVE] = observe,
        [LIMIT_GIVE_BACK] = give_back,
        [LIMIT_CLOSE] = close_limit,
    };
    (void)w;
    bool sane =
        m->what < ARRAY_LEN(takes) && takes[m->what] != NULL && !a->asking && !a->committing;
    int r = sane ? takes[m->what](a, m) : -EBADMSG;
    msg_bytes_close(&m->headers);
    return r;
}

void worker_limit_cancel(struct attempt *a) {
    struct attempt_wish *aw = a->wish;
    if (aw != NULL) {
        a->wish = NULL;
        limits_withdraw(a->host, &aw->wish);
        answer(a, aw->request, -ECANCELED, 0);
        free(aw);
    }
}

void worker_limit_end(struct attempt *a) {
    struct limit_ticket *t;
    if (a->wish != NULL) {
        limits_withdraw(a->host, &a->wish->wish);
        free(a->wish);
        a->wish = NULL;
    }
    while ((t = TAILQ_FIRST(&a->tickets)) != NULL) {
        take_out(a, t);
        limits_answered(a->host, t, NULL);
    }
}
