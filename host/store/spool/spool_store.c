#include "store/spool/spool_store.h"
#include "store/scope.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/spool/spool_private.h"
#include "store/sqlite/sqlite_store.h"

enum { SWEEP_ITEMS = 4096 };
static const int64_t default_max_age_ms = INT64_C(7) * 86400000;
static const uint64_t default_max_bytes = UINT64_C(1) << 30;

bool spool_is_away(int status) {
    static const int codes[] = {
        -ETIMEDOUT,   -ENOTCONN,  -ECONNRESET, -ECONNREFUSED, -ECONNABORTED, -EPIPE,  -EHOSTUNREACH,
        -ENETUNREACH, -EHOSTDOWN, -ENETDOWN,   -EIO,          -EROFS,        -EBUSY,  -EAGAIN,
        -ECANCELED,   -ESHUTDOWN, -EACCES,     -EPERM,        -EPROTO,       -EBADMSG};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (status == codes[i]) {
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------ counters */

struct spool_queue *spool_queue(struct spool_store *s, const char *name) {
    struct spool_queue *q;
    size_t len = strlen(name);
    HASH_FIND(hh, s->queues, name, len, q);
    if (q == NULL) {
        q = calloc(1, sizeof *q + len + 1);
        if (q != NULL) {
            memcpy(q->name, name, len);
            HASH_ADD_KEYPTR(hh, s->queues, q->name, len, q);
        }
    }
    return q;
}

void spool_count(struct spool_store *s, struct spool_queue *q, int delta) {
    if (q != NULL && (delta > 0 || q->waiting > 0)) {
        q->waiting = delta > 0 ? q->waiting + 1 : q->waiting - 1;
        s->waiting = delta > 0 ? s->waiting + 1 : s->waiting - 1;
    }
}

bool spool_is_full(const struct spool_store *s, uint64_t more) {
    return s->bytes + s->added + more > s->max_bytes;
}

/* ------------------------------------------------------------------ answers */

void spool_answer(struct spool_store *s, struct store_op *op) {
    if (s->events.answered != NULL) {
        s->events.answered(s->events.arg, op);
    }
    op->done(op);
}

void spool_answer_later(struct spool_store *s, struct store_op *op) {
    op->next = NULL;
    *s->later_end = op;
    s->later_end = &op->next;
    event_active(s->wake, 0, 0);
}

static void answer_those(struct spool_store *s) {
    while (s->later != NULL) {
        struct store_op *op = s->later;
        s->later = op->next;
        if (s->later == NULL) {
            s->later_end = &s->later;
        }
        spool_answer(s, op);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    answer_those(arg);
}

/* ------------------------------------------------------------------ upkeep of the disk */

static void pass_on(struct spool_store *s, struct store_op *op);

static void release_held(struct spool_store *s) {
    struct store_op *op = s->held;
    s->looked = true;
    s->held = NULL;
    s->held_end = &s->held;
    while (op != NULL) {
        struct store_op *next = op->next;
        pass_on(s, op);
        op = next;
    }
}

static void take_stats(struct spool_store *s) {
    const struct store_stats *stats = &s->stats;
    s->bytes = stats->bytes[BUDGET_JOBS] + stats->bytes[BUDGET_BLOBS];
    s->has_blobs = stats->bytes[BUDGET_BLOBS] > 0;
    s->oldest_ms = 0;
    for (size_t i = 0; i < stats->queue_count; i++) {
        int64_t ms = stats->queues[i].oldest_ready_ms;
        s->oldest_ms = ms != 0 && (s->oldest_ms == 0 || ms < s->oldest_ms) ? ms : s->oldest_ms;
    }
    for (size_t i = 0; !s->known && i < stats->lane_count; i++) {
        struct spool_queue *q = spool_queue(s, stats->lanes[i].lane.queue);
        while (q != NULL && (int64_t)q->waiting < stats->lanes[i].waiting) {
            spool_count(s, q, 1);
        }
    }
    s->known = true;
}

static void stats_done(struct store_op *op) {
    struct spool_store *s = op->arg;
    s->stats_out = false;
    if (op->status == 0) {
        take_stats(s);
    } else if (s->log != NULL) {
        log_warn(s->log, "spool.not_read", "status=%d msg=\"%s\"", op->status, op->err.msg);
    }
    store_op_finish(op);
    if (!s->looked) {
        release_held(s);
    }
    spool_upkeep_in(s, s->known && s->fault[0] == '\0' ? SPOOL_UPKEEP_MS : SPOOL_RETRY_MS);
    spool_forward_kick(s);
}

static void count_again(struct spool_store *s) {
    s->stats_out = true;
    s->added = 0; // what comes while it is counted may be counted twice
    s->stats = (struct store_stats){.op = {.kind = STORE_STATS,
                                           .now_ms = env_wall_ms(s->env),
                                           .timeout_ms = 60000,
                                           .done = stats_done,
                                           .arg = s}};
    store_post(&s->disk, &s->stats.op);
}

static void sweep_done(struct store_op *op) {
    struct spool_store *s = op->arg;
    s->sweep_out = false;
    store_op_finish(op);
    if (!s->closing) {
        count_again(s);
    }
}

void spool_upkeep(struct spool_store *s) {
    if (s->sweep_out || s->stats_out || s->closing) {
        return;
    }
    s->sweep_out = true;
    s->sweep = (struct store_sweep){.op = {.kind = STORE_SWEEP,
                                           .now_ms = env_wall_ms(s->env) + 2,
                                           .done = sweep_done,
                                           .arg = s},
                                    .limit = SWEEP_ITEMS};
    store_post(&s->disk, &s->sweep.op);
}

void spool_upkeep_in(struct spool_store *s, int ms) {
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    bool idle = s->waiting == 0 && s->known && s->fault[0] == '\0' && s->bytes + s->added == 0;
    bool soon = event_pending(s->timer, EV_TIMEOUT, NULL) != 0 && ms >= SPOOL_UPKEEP_MS;
    if (!s->closing && !idle && !soon) {
        (void)event_add(s->timer, &tv);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    spool_upkeep(arg);
}

/* ------------------------------------------------------------------ events */

static void disk_ready(void *arg, const struct store_lane *lane) {
    (void)arg;
    (void)lane;
}

static void disk_due(void *arg, int64_t due_ms) {
    (void)arg;
    (void)due_ms;
}

static void disk_health(void *arg, const struct err *why) {
    struct spool_store *s = arg;
    (void)snprintf(s->fault, sizeof s->fault, "%s", why == NULL ? "" : why->msg);
    if (s->log != NULL && why != NULL) {
        log_error(s->log, "spool.degraded", "msg=\"%s\"", why->msg);
    }
    if (s->timer != NULL) {
        spool_upkeep_in(s, SPOOL_RETRY_MS);
    }
}

static void main_ready(void *arg, const struct store_lane *lane) {
    const struct store_events *host = &((struct spool_store *)arg)->events;
    host->ready(host->arg, lane);
}

static void main_due(void *arg, int64_t due_ms) {
    const struct store_events *host = &((struct spool_store *)arg)->events;
    host->due(host->arg, due_ms);
}

static void main_health(void *arg, const struct err *why) {
    struct spool_store *s = arg;
    s->down = why != NULL;
    s->events.health(s->events.arg, why);
    if (s->forward != NULL) {
        spool_forward_kick(s);
    }
}

static void main_ask(void *arg, const struct job_id *id) {
    const struct store_events *host = &((struct spool_store *)arg)->events;
    host->ask(host->arg, id);
}

static void main_fenced(void *arg, const struct job_id *id) {
    const struct store_events *host = &((struct spool_store *)arg)->events;
    host->fenced(host->arg, id);
}

static void main_paused(void *arg, const struct store_queue_stats *queue) {
    const struct store_events *host = &((struct spool_store *)arg)->events;
    host->paused(host->arg, queue);
}

static void main_schedule(void *arg, const char *id) {
    const struct store_events *host = &((struct spool_store *)arg)->events;
    host->schedule(host->arg, id);
}

static void main_lease(void *arg, int64_t end_ms) {
    const struct store_events *host = &((struct spool_store *)arg)->events;
    host->lease(host->arg, end_ms);
}

static void main_limiter(void *arg, const char *name) {
    struct spool_store *s = arg;
    s->events.limiter(s->events.arg, name);
}

static void main_breaker(void *arg, const char *name) {
    struct spool_store *s = arg;
    s->events.breaker(s->events.arg, name);
}

static void main_token(void *arg, const char *id) {
    struct spool_store *s = arg;
    s->events.token(s->events.arg, id);
}

static void main_outbox(void *arg) {
    const struct store_events *host = &((struct spool_store *)arg)->events;
    host->outbox(host->arg);
}

// Submissions and what looks in two places are counted when they are answered for good.
static void main_answered(void *arg, const struct store_op *op) {
    const struct store_events *host = &((struct spool_store *)arg)->events;
    if (op->kind != STORE_SUBMIT && !spool_passage_is(op)) {
        host->answered(host->arg, op);
    }
}

/* ------------------------------------------------------------------ the store */

static void (*const posts[STORE_OP_KINDS])(struct spool_store *s, struct store_op *op) = {
    [STORE_SUBMIT] = spool_submit_post,
    [STORE_GET] = spool_get_post,
    [STORE_BLOB_OPEN] = spool_blob_open_post,
    [STORE_BLOB_PUT] = spool_blob_put_post,
};

static void pass_on(struct spool_store *s, struct store_op *op) {
    if ((unsigned)op->kind < STORE_OP_KINDS && posts[op->kind] != NULL) {
        posts[op->kind](s, op);
    } else {
        store_post(&s->main, op);
    }
}

// What comes while the spool closes, from who has just been answered, may find no store any more.
static void spool_post(void *self, struct store_op *op) {
    struct spool_store *s = self;
    if (s->closing) {
        op->status = err_set(&op->err, -ESHUTDOWN, "the store is being closed");
        spool_answer_later(s, op);
    } else if (store_scope_check(op) < 0) {
        op->status = -EACCES;
        spool_answer_later(s, op);
    } else if (!s->looked) {
        op->next = NULL;
        *s->held_end = op;
        s->held_end = &op->next;
    } else {
        pass_on(s, op);
    }
}

static uint64_t spool_blob_room(void *self) {
    struct spool_store *s = self;
    uint64_t used = s->bytes + s->added;
    if (!s->down && !s->closing) {
        return store_blob_room(&s->main);
    }
    return used < s->max_bytes ? s->max_bytes - used : 0;
}

static void spool_backlog(void *self, struct store_backlog *ret) {
    const struct spool_store *s = self;
    *ret = (struct store_backlog){
        .present = true,
        .fault = s->fault[0] == '\0' ? NULL : s->fault,
        .waiting = s->waiting,
        .bytes = s->bytes + s->added,
        .max_bytes = s->max_bytes,
        .oldest_ms = s->waiting == 0 ? 0 : s->oldest_ms,
        .forwarded = s->forwarded,
        .undelivered = s->undelivered,
    };
}

static void free_queues(struct spool_store *s) {
    struct spool_queue *q = s->queues;
    HASH_CLEAR(hh, s->queues);
    while (q != NULL) {
        struct spool_queue *next = q->hh.next;
        free(q);
        q = next;
    }
}

static void destroy(struct spool_store *s) {
    free_queues(s);
    if (s->wake != NULL) {
        event_free(s->wake);
    }
    if (s->timer != NULL) {
        event_free(s->timer);
    }
    free(s->path);
    free(s);
}

// Main first: what it could not answer goes to the disk.
static void spool_close(void *self) {
    struct spool_store *s = self;
    s->closing = true;
    release_held(s);
    store_close(&s->main);
    s->main_closed = true;
    spool_forward_stop(s->forward);
    store_close(&s->disk);
    spool_forward_free(&s->forward);
    answer_those(s);
    destroy(s);
}

static const struct store_ops spool_ops = {
    .post = spool_post,
    .close = spool_close,
    .blob_room = spool_blob_room,
    .backlog = spool_backlog,
};

/* ------------------------------------------------------------------ open */

static int open_disk(struct spool_store *s, const struct store_config *config, struct err *e) {
    char blobs[4200];
    struct err why = {.code = 0};
    struct store_events events = {
        .ready = disk_ready, .due = disk_due, .health = disk_health, .arg = s};
    if (strncmp(config->fallback, "sqlite:", 7) != 0) {
        return err_set(e, -EINVAL, "store.fallback: expected sqlite:PATH");
    }
    int n = snprintf(blobs, sizeof blobs, "%s.blobs", config->fallback + 7);
    if (n < 0 || (size_t)n >= sizeof blobs) {
        return err_set(e, -ENAMETOOLONG, "store.fallback: the path is too long");
    }
    s->path = strdup(config->fallback + 7);
    struct store_config disk = {
        .url = config->fallback,
        .blob_dir = blobs,
        .disk_env = config->disk_env,
        .budget = {[BUDGET_JOBS] = s->max_bytes, [BUDGET_BLOBS] = s->max_bytes}};
    int r = sqlite_store_open(&disk, s->base, s->log, s->env, &events, &s->disk, &why);
    return r < 0             ? err_set(e, r, "store.fallback: %s", why.msg)
           : s->path == NULL ? err_set(e, -ENOMEM, "out of memory")
                             : 0;
}

_Static_assert(sizeof(struct store_events) == 14 * sizeof(void *), "a new event is passed on");

static int open_main(struct spool_store *s, const struct store_config *config, struct err *e) {
    struct store_config behind = *config;
    struct store_events events = {.ready = main_ready,
                                  .due = main_due,
                                  .health = main_health,
                                  .ask = s->events.ask == NULL ? NULL : main_ask,
                                  .fenced = s->events.fenced == NULL ? NULL : main_fenced,
                                  .paused = s->events.paused == NULL ? NULL : main_paused,
                                  .lease = s->events.lease == NULL ? NULL : main_lease,
                                  .outbox = s->events.outbox == NULL ? NULL : main_outbox,
                                  .schedule = s->events.schedule == NULL ? NULL : main_schedule,
                                  .limiter = s->events.limiter == NULL ? NULL : main_limiter,
                                  .breaker = s->events.breaker == NULL ? NULL : main_breaker,
                                  .token = s->events.token == NULL ? NULL : main_token,
                                  .answered = s->events.answered == NULL ? NULL : main_answered,
                                  .arg = s};
    behind.fallback = NULL;
    behind.may_wait = true;
    return store_open(&behind, s->base, s->log, s->env, &events, &s->main, e);
}

static int open_all(struct spool_store *s, const struct store_config *config, struct err *e) {
    s->wake = event_new(s->base, -1, 0, on_wake, s);
    s->timer = evtimer_new(s->base, on_timer, s);
    if (s->wake == NULL || s->timer == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    int r = open_disk(s, config, e);
    r = r < 0 ? r : open_main(s, config, e);
    if (r == 0) {
        s->forward = spool_forward_new(s);
        r = s->forward == NULL ? err_set(e, -ENOMEM, "out of memory") : 0;
    }
    return r;
}

static int32_t patience_of(int64_t command_ms) {
    int64_t most = command_ms < SPOOL_PATIENCE_MAX_MS ? command_ms : SPOOL_PATIENCE_MAX_MS;
    return (int32_t)(most > SPOOL_PATIENCE_MS ? most : SPOOL_PATIENCE_MS);
}

int spool_store_open(const struct store_config *config, struct event_base *base,
                     const struct log *log, const struct env *env,
                     const struct store_events *events, struct store *ret_store, struct err *e) {
    struct spool_store *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    s->events = *events;
    s->log = log;
    s->env = env;
    s->base = base;
    s->max_bytes = config->spool_max_bytes == 0 ? default_max_bytes : config->spool_max_bytes;
    s->max_age_ms = config->spool_max_age_ms == 0 ? default_max_age_ms : config->spool_max_age_ms;
    s->patience_ms = patience_of(config->command_timeout_ms);
    s->held_end = &s->held;
    s->later_end = &s->later;
    int r = open_all(s, config, e);
    if (r < 0) {
        s->closing = true;
        store_close(&s->main);
        store_close(&s->disk);
        destroy(s);
        return r;
    }
    s->ops = spool_ops;
    s->ops.caps = s->main.ops->caps;
    *ret_store = (struct store){&s->ops, s};
    count_again(s);
    return 0;
}

struct store *spool_store_main(const struct store *store) {
    return store->ops->close == spool_close ? &((struct spool_store *)store->self)->main : NULL;
}
