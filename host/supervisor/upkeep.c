#include "supervisor/upkeep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/timer.h"
#include "core/due_turn.h"
#include "supervisor/beat.h"
#include "supervisor/boot.h"
#include "supervisor/cascade.h"
#include "supervisor/dispatch.h"
#include "supervisor/handover_adopt.h"
#include "supervisor/host.h"
#include "supervisor/hub.h"
#include "supervisor/lane.h"
#include "supervisor/schedules.h"
#include "supervisor/stats.h"
#include "supervisor/takeover.h"

enum {
    UPKEEP_BATCH = 1000,
    UPKEEP_SWEEP_MS = 60000,
    UPKEEP_RETRY_MS = 1000,   /* after a refusal of the store                          */
    UPKEEP_START_MS = 60000,  /* for what a start must know                            */
    UPKEEP_RARE_MS = 3600000, /* sweeps of a shared store in which we end no jobs       */
    UPKEEP_CLOCK_MS = 60000,  /* longest sleep until a due time, as wall time may step */
    UPKEEP_ROUNDS = 10, /* of deliveries; after so many a cascade waits no longer for their end */
};

struct upkeep {
    struct host *host;
    struct store_due due;
    struct store_forward forward;
    struct store_sweep sweep;
    struct store_stats stats;
    struct store_host_lease lease, leave;
    struct due_turn due_turn;
    bool due_out, forward_out, forward_again;
    unsigned rounds;        /* of deliveries since the last look for a cascade, without a pause */
    bool cascades;          /* somebody said that there is something; all hosts hear of it */
    int64_t due_ms;         /* the earliest known, 0 = none; while a look is out: since then */
    int64_t looked_for_ms;  /* what it was when the look went out */
    int64_t no_room_ms;     /* wall: upkeep_no_room_ms() */
    int64_t swept_ms;       /* mono: the last sweep */
    uint64_t swept_commits; /* answered until then */
    struct timer due_timer, sweep_timer;
    struct timer due_retry, probe, forward_timer, recover_timer; /* of real time */
    void (*ready)(struct host *host, int status);
    void (*left)(struct host *host);
};

static void upkeep_post(struct upkeep *u, struct store_op *op, enum store_op_kind kind,
                        void (*done)(struct store_op *)) {
    store_op_finish(op);
    op->kind = kind;
    op->done = done;
    op->arg = u;
    op->status = 0;
    op->now_ms = env_wall_ms(&u->host->env);
    store_post(&u->host->store, op);
}

static void upkeep_timer(struct upkeep *u, struct timer *t, int64_t in_ms) {
    (void)timer_set(u->host->timers, t, env_mono_ms(&u->host->env) + (in_ms < 0 ? 0 : in_ms));
}

static void upkeep_retry(struct upkeep *u, struct timer *t) {
    int64_t now = env_mono_ms(&u->host->net_env);
    (void)timer_set(u->host->net_timers, t, now + UPKEEP_RETRY_MS);
}

static bool upkeep_shares(const struct upkeep *u) {
    const struct store_ops *ops = u->host->store.ops; // NULL: it is being opened, and has news
    return ops != NULL && ops->caps.shared;
}

/* ------------------------------------------------------------------ due */

static void upkeep_plan_due(struct upkeep *u) {
    if (u->due_ms == 0 || u->due_out || timer_running(&u->due_retry) ||
        u->host->phase != HOST_RUNNING) {
        return;
    }
    int64_t at = upkeep_shares(u) ? due_turn_at(&u->due_turn, u->due_ms) : u->due_ms;
    int64_t in = at - env_wall_ms(&u->host->env);
    upkeep_timer(u, &u->due_timer, in > UPKEEP_CLOCK_MS ? UPKEEP_CLOCK_MS : in);
}

static void due_note(struct upkeep *u, int64_t due_ms) {
    if (due_ms != 0 && (u->due_ms == 0 || due_ms < u->due_ms)) {
        u->due_ms = due_ms;
    }
}

static void due_done(struct store_op *op) {
    struct upkeep *u = op->arg;
    u->due_out = false;
    if (op->status != 0) {
        due_note(u, u->looked_for_ms);
        upkeep_retry(u, &u->due_retry);
        return;
    }
    due_turn_found(&u->due_turn, u->due.moved, op->now_ms);
    if (u->due.moved == UPKEEP_BATCH) {
        due_note(u, op->now_ms); // more may wait
    } else {
        due_note(u, u->due.next_ms);
    }
    upkeep_plan_due(u);
}

static void due_fire(struct timer *t, void *arg) {
    struct upkeep *u = arg;
    (void)t;
    if (u->due_ms > env_wall_ms(&u->host->env)) {
        upkeep_plan_due(u);
        return;
    }
    u->looked_for_ms = u->due_ms;
    u->due_ms = 0; // what is told from now on may be unknown to the answer
    u->due_out = true;
    u->due.limit = UPKEEP_BATCH;
    upkeep_post(u, &u->due.op, STORE_DUE, due_done);
}

static void due_again(struct timer *t, void *arg) {
    (void)t;
    upkeep_plan_due(arg);
}

void upkeep_due(struct host *host, int64_t due_ms) {
    struct upkeep *u = host->upkeep;
    int64_t before = u->due_ms;
    due_note(u, due_ms);
    if (u->due_ms != before) {
        upkeep_plan_due(u);
    }
}

/* ------------------------------------------------------------------ outbox */

/* The start is over, one way or the other. */
static void upkeep_started(struct upkeep *u, int status) {
    void (*ready)(struct host *, int) = u->ready;
    u->ready = NULL;
    if (ready != NULL) {
        ready(u->host, status);
    }
}

static void forward_tell(struct upkeep *u, const struct job_id *ended) {
    hub_publish(u->host->hub, &(struct hub_event){.kind = HUB_STATE,
                                                  .id = *ended,
                                                  .at_ms = env_wall_ms(&u->host->env),
                                                  .state = JOB_CANCELLED});
}

static void forward_done(struct store_op *op) {
    struct upkeep *u = op->arg;
    u->forward_out = false;
    bool again = u->forward_again || u->forward.more;
    u->no_room_ms = op->status == 0 && u->forward.full ? op->now_ms : 0;
    for (size_t i = 0; op->status == 0 && i < u->forward.ended_count; i++) {
        forward_tell(u, &u->forward.ended[i]);
    }
    if (op->status !=
        0) { // the rows stay where they are; a host that starts need not wait for them
        upkeep_retry(u, &u->forward_timer);
        upkeep_started(u, 0);
        return;
    }
    u->rounds++;
    if (u->cascades && (!again || u->rounds >= UPKEEP_ROUNDS)) {
        u->cascades = false;
        u->rounds = 0;
        cascade_run(u->host);
    }
    if (again) {
        upkeep_forward(u->host);
        return;
    }
    u->rounds = 0;
    upkeep_started(u, 0);
}

int64_t upkeep_no_room_ms(const struct host *host) {
    return host->upkeep->no_room_ms;
}

static void forward_look(struct upkeep *u) {
    if (u->forward_out) {
        u->forward_again = true;
        return;
    }
    u->forward_again = false;
    u->forward_out = true;
    u->forward.limit = UPKEEP_BATCH;
    u->forward.ended_keep_ms = u->host->config->queue_default.ttl_ms;
    upkeep_post(u, &u->forward.op, STORE_FORWARD, forward_done);
}

void upkeep_forward_later(struct host *host) {
    upkeep_retry(host->upkeep, &host->upkeep->forward_timer);
}

void upkeep_forward(struct host *host) {
    host->upkeep->cascades = true;
    forward_look(host->upkeep);
}

static void forward_fire(struct timer *t, void *arg) {
    (void)t;
    upkeep_forward(((struct upkeep *)arg)->host);
}

/* ------------------------------------------------------------------ sweep */

static void sweep_fire(struct timer *t, void *arg);

static void sweep_done(struct store_op *op) {
    struct upkeep *u = op->arg;
    if (u->host->phase != HOST_RUNNING) {
        return;
    }
    if (op->status == 0 && u->sweep.more) {
        sweep_fire(NULL, u);
    } else {
        if (u->host->store_fault != NULL && !upkeep_shares(u)) {
            upkeep_retry(u, &u->probe);
        } else {
            upkeep_timer(u, &u->sweep_timer, UPKEEP_SWEEP_MS);
        }
        forward_look(u); // what a host that is gone had not delivered, or there was no room for
    }
}

/* Each look costs commands, which some services bill; what others have ended is swept by them. */
static bool sweep_is_needed(struct upkeep *u) {
    uint64_t commits = u->host->stats->store[STORE_COMMIT].count;
    int64_t now = env_mono_ms(&u->host->env);
    if (upkeep_shares(u) && !u->sweep.more && commits == u->swept_commits &&
        now - u->swept_ms < UPKEEP_RARE_MS) {
        return false;
    }
    u->swept_commits = commits;
    u->swept_ms = now;
    return true;
}

static void sweep_fire(struct timer *t, void *arg) {
    struct upkeep *u = arg;
    (void)t;
    if (!sweep_is_needed(u)) {
        upkeep_timer(u, &u->sweep_timer, UPKEEP_SWEEP_MS);
        if (u->no_room_ms != 0) {
            forward_look(u);
        }
        return;
    }
    u->sweep.limit = UPKEEP_BATCH;
    u->sweep.ledger_rows = (uint32_t)u->host->config->store.ledger_rows;
    u->sweep.ledger_keep_ms = u->host->config->store.ledger_keep_ms;
    u->sweep.ledger_window_ms = schedules_window(u->host);
    upkeep_post(u, &u->sweep.op, STORE_SWEEP, sweep_done);
}

void upkeep_probe(struct host *host) {
    struct upkeep *u = host->upkeep;
    if (!upkeep_shares(u) &&
        timer_running(&u->sweep_timer)) { // else it is under way, or the host does not run yet
        timer_cancel(host->timers, &u->sweep_timer);
        upkeep_retry(u, &u->probe);
    }
}

/* ------------------------------------------------------------------ start: lease, recover,
 * forward, look round */

/* Does the start end here? Because it has failed, or because the host has been stopped. */
static bool upkeep_stops(struct upkeep *u, const struct store_op *op, const char *what) {
    if (u->ready == NULL) {
        return true;
    }
    if (op->status != 0) {
        bool told = u->host->phase == HOST_RUNNING; // it goes on without the store
        log_write(&u->host->log, told ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, "store.start",
                  "what=%s status=%d msg=\"%s\"", what, op->status, op->err.msg);
        upkeep_started(u, op->status);
    }
    return op->status != 0;
}

void upkeep_take_queue(struct host *host, const struct store_queue_stats *s) {
    struct queue *q = lane_queue(host, s->queue);
    if (q != NULL) { // without memory the store still keeps to it
        queue_pause(host, q, s);
    }
}

static void stats_done(struct store_op *op) {
    struct upkeep *u = op->arg;
    struct host *host = u->host;
    if (upkeep_stops(u, op, "stats")) {
        return;
    }
    for (size_t i = 0; i < u->stats.queue_count; i++) {
        upkeep_take_queue(host, &u->stats.queues[i]);
    }
    for (size_t i = 0; i < u->stats.lane_count; i++) {
        dispatch_lane_ready(host, &u->stats.lanes[i].lane);
    }
    upkeep_due(host, u->stats.next_due_ms);
    store_op_finish(op);
    upkeep_forward(host); // its answer makes us ready
}

static void upkeep_recovered(struct host *host, const struct store_op *op) {
    struct upkeep *u = host->upkeep;
    struct err e = {.code = 0};
    if (upkeep_stops(u, op, "recover")) {
        return;
    }
    if (boot_leave(host->boot, host->nonce, &e) != 0) {
        log_warn(&host->log, "host.boot",
                 "msg=\"%s; after a crash its jobs wait for the end of "
                 "their leases\"",
                 e.msg);
    }
    u->stats.op.timeout_ms = UPKEEP_START_MS; // a large store takes its time, once
    upkeep_post(u, &u->stats.op, STORE_STATS, stats_done);
}

static void upkeep_lease(struct upkeep *u, struct store_host_lease *lease, int64_t lease_ms,
                         void (*done)(struct store_op *)) {
    struct host *host = u->host;
    lease->name = host->name;
    lease->nonce = host->nonce;
    lease->lease_ms = lease_ms;
    lease->version = JOBHOST_VERSION;
    lease->pid = (int32_t)getpid();
    upkeep_post(u, &lease->op, STORE_HOST_LEASE, done);
}

/* What is in hand is known: the rest of what runs here is nobody's. */
static void upkeep_adopted(struct host *host, int status) {
    struct upkeep *u = host->upkeep;
    if (u->ready == NULL) {
        return;
    }
    if (status != 0) {
        upkeep_started(u, status);
    } else {
        takeover_start(host, boot_gone(host->boot), upkeep_recovered);
    }
}

static void lease_done(struct store_op *op) {
    struct upkeep *u = op->arg;
    if (upkeep_stops(u, op, "lease")) {
        return;
    }
    if (u->host->adoption != NULL) {
        adopt_claims(u->host, upkeep_adopted);
    } else {
        takeover_start(u->host, boot_gone(u->host->boot), upkeep_recovered);
    }
}

void upkeep_recover(struct host *host, void (*ready)(struct host *host, int status)) {
    struct upkeep *u = host->upkeep;
    u->ready = ready;
    upkeep_lease(u, &u->lease, beat_first_span(host), lease_done);
}

static void recover_fire(struct timer *t, void *arg) {
    struct upkeep *u = arg;
    (void)t;
    if (u->ready != NULL) {
        upkeep_recover(u->host, u->ready);
    }
}

void upkeep_recover_later(struct host *host, void (*ready)(struct host *host, int status)) {
    host->upkeep->ready = ready;
    upkeep_retry(host->upkeep, &host->upkeep->recover_timer);
}

void upkeep_run(struct host *host) {
    host->upkeep->swept_ms = env_mono_ms(&host->env);
    upkeep_plan_due(host->upkeep);
    upkeep_timer(host->upkeep, &host->upkeep->sweep_timer, UPKEEP_SWEEP_MS);
}

/* ------------------------------------------------------------------ end */

static void left_done(struct store_op *op) {
    struct upkeep *u = op->arg;
    u->left(u->host);
}

void upkeep_leave(struct host *host, void (*done)(struct host *host)) {
    struct upkeep *u = host->upkeep;
    u->left = done;
    beat_stop(host);
    u->ready = NULL; // a start that is still under way ends here
    u->leave.op.timeout_ms = host->store_fault == NULL ? 0 : UPKEEP_RETRY_MS;
    upkeep_lease(u, &u->leave, 0, left_done);
}

struct upkeep *upkeep_new(struct host *host) {
    struct upkeep *u = calloc(1, sizeof *u);
    if (u != NULL) {
        u->host = host;
        timer_init(&u->due_timer, due_fire, u);
        timer_init(&u->due_retry, due_again, u);
        timer_init(&u->sweep_timer, sweep_fire, u);
        timer_init(&u->probe, sweep_fire, u);
        timer_init(&u->forward_timer, forward_fire, u);
        timer_init(&u->recover_timer, recover_fire, u);
    }
    return u;
}

void upkeep_free(struct upkeep **up) {
    struct upkeep *u = *up;
    if (u == NULL) {
        return;
    }
    timer_cancel(u->host->timers, &u->due_timer);
    timer_cancel(u->host->timers, &u->sweep_timer);
    struct timer *retries[] = {&u->due_retry, &u->probe, &u->forward_timer, &u->recover_timer};
    for (size_t i = 0; i < ARRAY_LEN(retries); i++) {
        timer_cancel(u->host->net_timers, retries[i]);
    }
    struct store_op *ops[] = {&u->due.op,   &u->forward.op, &u->sweep.op,
                              &u->stats.op, &u->lease.op,   &u->leave.op};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        store_op_finish(ops[i]);
    }
    free(u);
    *up = NULL;
}
