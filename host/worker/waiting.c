#include "worker/waiting.h"

#include <errno.h>
#include <string.h>

#include "core/outcome.h"
#include "core/waits.h"
#include "worker/check.h"

// One wait on its way.
struct waiting {
    struct jh_call *call;
    const struct waiting_ops *ops;
    char step[WAITS_STEP_MAX];
    struct waits_step is; // its step, or what that shall be
    bool begun;           // the step is there
};

static int read_step(struct jh_call *call, const char *name, struct waits_step *ret) {
    struct jh_bytes value;
    int rc = call->host->step_get(call, name, &value);
    if (rc == 0) {
        rc = waits_step_read((struct bytes){value.data, value.len}, ret);
    }
    return rc;
}

// 0 = it is over, and w->is says how; 1 = it goes on.
static int look(struct waiting *w) {
    int rc = read_step(w->call, w->step, &w->is);
    w->begun = rc == 0;
    return rc < 0 ? rc : rc > 0 || w->is.state == WAITS_OPEN ? 1 : 0;
}

static int with_text(struct waiting *w,
                     int (*put)(struct jh_call *, const char *, struct jh_bytes)) {
    struct buf text = {.data = NULL};
    waits_step_put(&text, &w->is);
    int rc = text.failed ? -ENOMEM : put(w->call, w->step, (struct jh_bytes){text.data, text.len});
    buf_free(&text);
    return rc;
}

// Nothing came in time. What is said of that once is true for ever, so it is committed.
static int give_up(struct waiting *w, int64_t now_ms) {
    w->is.state = WAITS_LATE;
    w->is.at_ms = now_ms;
    int rc = with_text(w, w->call->host->step_put);
    return rc < 0 ? rc : -ETIMEDOUT;
}

static int64_t end_of(int64_t now_ms, int64_t timeout_ms) {
    return timeout_ms > JOB_SPAN_MAX_MS ? now_ms + JOB_SPAN_MAX_MS : now_ms + timeout_ms;
}

// Parks the job, or finds that it has waited long enough. `wait` says for what, and how long at most.
static int go_on(struct waiting *w, struct jh_wait *wait, const char *wait_for) {
    int64_t now = w->ops->now_ms(w->call);
    int rc = 0;
    if (!w->begun) {
        w->is.state = WAITS_OPEN;
        w->is.at_ms = wait->timeout_ms > 0 ? end_of(now, wait->timeout_ms) : 0;
        rc = with_text(w, w->ops->note_step);
    } else if (w->is.at_ms != 0 && w->is.at_ms <= now) {
        return give_up(w, now);
    }
    wait->timeout_ms = w->is.at_ms == 0 ? 0 : w->is.at_ms - now;
    rc = rc < 0 ? rc : w->ops->park(w->call, wait, wait_for);
    return rc < 0 ? rc : 1;
}

/* ------------------------------------------------------------------ operators */

static int ask(struct waiting *w, const struct jh_question *q, const char *wait_for,
               struct jh_bytes *ret) {
    struct jh_wait wait = {.size = sizeof wait,
                           .kind = OUTCOME_WAIT_OPERATOR,
                           .key = q->key,
                           .timeout_ms = q->timeout_ms};
    waits_operator_step(q->key, w->step);
    int rc = look(w);
    if (rc > 0) {
        return go_on(w, &wait, wait_for);
    }
    if (rc == 0 && w->is.state == WAITS_GOT) {
        *ret = (struct jh_bytes){w->is.value.data, w->is.value.len};
    }
    return rc < 0 ? rc : w->is.state == WAITS_LATE ? -ETIMEDOUT : 0;
}

int waiting_ask(struct jh_call *call, const struct waiting_ops *ops, const struct jh_question *q,
                struct jh_bytes *ret) {
    struct waiting w = {.call = call, .ops = ops};
    struct jh_question own = {.size = 0};
    struct buf text = {.data = NULL};
    int rc = ops->check(call);
    if (rc == 0) {
        rc = ret == NULL ? -EINVAL : check_question(q, &own);
    }
    rc = rc < 0 ? rc : waits_question_put(&text, own.question, own.choices);
    if (rc < 0) {
        buf_free(&text);
        return ops->refuse(call, "ask", rc);
    }
    buf_char(&text, '\0');
    rc = text.failed ? -ENOMEM : ask(&w, &own, text.data, ret);
    buf_free(&text);
    return rc;
}

/* ------------------------------------------------------------------ events */

// What is looked for: what its own step says.
static int go_on_for_event(struct waiting *w, struct jh_wait *wait, uint32_t n) {
    char wait_for[WAITS_EVENT_TEXT_MAX];
    struct waits_event what = {.n = n, .since_ms = w->is.since_ms};
    memcpy(what.position, w->is.position, sizeof what.position);
    waits_event_put(&what, wait_for);
    return go_on(w, wait, wait_for);
}

// What came since then is found. Where the clock was set back the job seems to have been made in the future, and no event
// would be new enough for a while.
static int64_t made_ms(const struct waiting *w) {
    int64_t created = w->ops->created_ms(w->call), now = w->ops->now_ms(w->call);
    return created < now ? created : now;
}

// Where the n-th wait begins that has no step yet: behind the event that the one before got.
static int begin(struct waiting *w, const char *name, uint32_t n, int64_t since_ms) {
    char before[WAITS_STEP_MAX];
    struct waits_step last = {.position = "-"};
    waits_event_step(name, n - 1, before);
    int rc = n == 1 ? 1 : read_step(w->call, before, &last);
    if (rc < 0) {
        return rc;
    }
    w->is = (struct waits_step){.state = WAITS_OPEN};
    memcpy(w->is.position, last.position, sizeof w->is.position);
    w->is.since_ms = since_ms > 0 ? since_ms : since_ms < 0 ? w->ops->now_ms(w->call) : made_ms(w);
    return 0;
}

static int wait_for_event(struct waiting *w, const struct jh_event_wait *e, struct jh_bytes *ret) {
    struct jh_wait wait = {
        .size = sizeof wait, .kind = JH_WAIT_EVENT, .key = e->name, .timeout_ms = e->timeout_ms};
    uint32_t n = w->ops->count(w->call, e->name);
    waits_event_step(e->name, n, w->step);
    int rc = n == 0 ? -ENOMEM : look(w);
    if (rc == 1 && !w->begun) {
        int begun = begin(w, e->name, n, e->since_ms);
        rc = begun < 0 ? begun : 1;
    }
    if (rc == 1) {
        return go_on_for_event(w, &wait, n);
    }
    if (rc == 0 && w->is.state == WAITS_GOT) {
        *ret = (struct jh_bytes){w->is.value.data, w->is.value.len};
    }
    return rc < 0 ? rc : w->is.state == WAITS_LATE ? -ETIMEDOUT : 0;
}

int waiting_event(struct jh_call *call, const struct waiting_ops *ops,
                  const struct jh_event_wait *wait, struct jh_bytes *ret) {
    struct waiting w = {.call = call, .ops = ops};
    struct jh_event_wait own = {.size = 0};
    int rc = ops->check(call);
    if (rc == 0) {
        rc = ret == NULL ? -EINVAL : check_event_wait(wait, &own);
    }
    return rc < 0 ? ops->refuse(call, "wait", rc) : wait_for_event(&w, &own, ret);
}

// It has one place for all its waits for a name, and cannot tell them apart: each begins anew behind what the last one got.
int waiting_plain(struct jh_call *call, const struct waiting_ops *ops, const struct jh_wait *wait) {
    struct waiting w = {.call = call, .ops = ops};
    struct jh_wait own = *wait;
    waits_plain_step(wait->key, w.step);
    int rc = read_step(call, w.step, &w.is);
    if (rc < 0) {
        return rc;
    }
    if (rc > 0) {
        w.is = (struct waits_step){.since_ms = made_ms(&w), .position = "-"};
    } else if (w.is.state != WAITS_OPEN) {
        w.is.since_ms = 0;
    }
    w.is.value = (struct bytes){NULL, 0};
    return go_on_for_event(&w, &own, 0);
}
