// A host among others on one store: its beat, what it does when it cannot be heard, and what others
// tell it.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "expect.h"
#include "jobhost_plugin.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "supervisor/dispatch.h"
#include "supervisor/host_store.h"
#include "supervisor/stats.h"

enum { LEASE = 30000, HOUR = 3600000 };

static struct lab *lab;
static struct lab_worker *w;
static struct job_id id;

static void begin(const char *plugin) {
    bool loud = getenv("LOUD") != NULL;
    lab = lab_open(
        &(struct lab_options){.plugin = plugin, .faulty = true, .shared = true, .loud = loud});
    w = lab_ready_worker(lab);
    lab_settle(lab);
}

static uint64_t begin_job(void) {
    id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    lab_settle(lab);
    return slot;
}

static uint64_t beats(void) {
    return lab->posted_of[STORE_HOST_LEASE];
}

static struct store_events told(void) {
    return host_store_events(lab->host);
}

static void refuse(enum store_op_kind kind, uint32_t times) {
    faulty_add(faulty_plan_of(&lab->store),
               (struct faulty_rule){
                   .kind = (int)kind, .effect = FAULTY_BEFORE, .code = -ETIMEDOUT, .times = times});
}

static void heal(void) {
    faulty_plan_of(&lab->store)->count = 0;
}

static bool gets_pong(void) {
    struct record r;
    lab_send(w, REC_PING, 0);
    lab_settle(lab);
    while (lab_next(w, &r)) {
        if (r.h.type == REC_PONG) {
            return true;
        }
    }
    return false;
}

/* Passes `ms` in steps, as time does. */
static void pass(int64_t ms) {
    for (; ms > 0; ms -= 500) {
        lab_advance(lab, ms > 500 ? 500 : ms);
    }
}

static void is_answered(struct store_op *op) {
    *(bool *)op->arg = true;
}

static bool is_true(struct lab *l, void *arg) {
    (void)l;
    return *(bool *)arg;
}

/* An operation by other hands. */
static void take(struct store_op *op) {
    bool answered = false;
    op->now_ms = lab_wall_ms(lab);
    op->done = is_answered;
    op->arg = &answered;
    store_post(&lab->store, op);
    lab_until(lab, is_true, &answered, "another host's operation is answered");
}

/* The mask of the next CANCEL. */
static uint32_t expect_cancel(uint64_t slot) {
    struct record r = lab_expect(lab, w, REC_CANCEL);
    EXPECT_EQ_UINT(slot, r.h.job);
    return record_get_u32(&r);
}

/* ---- the beat ---- */

static void test_idle(void) {
    begin(NULL);
    uint64_t posted = lab->posted, first = beats();
    EXPECT_EQ_INT(375000, lab->beat.lease_ms);
    for (int64_t at = 0; at < HOUR; at += 5000) {
        lab_advance(lab, 5000);
    }
    EXPECT_EQ_INT(24, beats() - first);
    // a sweep, a look at the outbox, three for what waits for other code, one for schedules
    EXPECT_TRUE(lab->posted - posted <= 24 + 6);
    EXPECT_EQ_UINT(1, lab->posted_of[STORE_SCHEDULE_LIST]);
    EXPECT_EQ_INT(375000, lab->beat.lease_ms);
    EXPECT_EQ_INT(0, lab->beat.running);
    lab_end(lab);
}

static void test_busy(void) {
    begin(NULL);
    pass(100000);
    uint64_t before = beats(), slot = begin_job();
    EXPECT_EQ_INT(before, beats()); // a claim sets its own lease
    pass(LEASE / 3 - 500);
    EXPECT_EQ_INT(before, beats());
    pass(500);
    EXPECT_EQ_INT(before + 1, beats());
    EXPECT_EQ_INT(LEASE, lab->beat.lease_ms);
    EXPECT_EQ_INT(1, lab->beat.running);
    pass(LEASE);
    EXPECT_EQ_INT(before + 4, beats());
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    pass(LEASE / 3); // says that the next one comes later
    EXPECT_EQ_INT(before + 5, beats());
    EXPECT_EQ_INT(375000, lab->beat.lease_ms);
    pass(STORE_IDLE_BEAT_MS - 1000);
    EXPECT_EQ_INT(before + 5, beats());
    lab_end(lab);
}

/* A burst now and then costs nothing besides itself. */
static void test_short_jobs_cost_no_beat(void) {
    begin(NULL);
    pass(60000);
    uint64_t before = beats(), slot = begin_job();
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    pass(60000);
    EXPECT_EQ_INT(before, beats());
    lab_end(lab);
}

static void test_one_host_has_no_beat(void) {
    lab = lab_open(&(struct lab_options){.faulty = true});
    w = lab_ready_worker(lab);
    uint64_t slot = begin_job(), before = beats();
    pass(4 * LEASE);
    EXPECT_EQ_INT(before, beats());
    EXPECT_EQ_INT(LEASE, lab->beat.lease_ms);
    EXPECT_TRUE(gets_pong());
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    lab_end(lab);
}

/* ---- not heard ---- */

static void test_beat_fails(void) {
    begin("grace: 60s");
    uint64_t slot = begin_job();
    refuse(STORE_HOST_LEASE, 0);
    refuse(STORE_COMMIT, 0);
    refuse(STORE_CLAIM, 0);
    pass(LEASE / 2 - 500);
    EXPECT_TRUE(gets_pong());
    pass(500);
    EXPECT_EQ_INT(JH_CANCEL_DRAIN, expect_cancel(slot));
    EXPECT_FALSE(gets_pong()); // its own clock runs from the last one
    pass(LEASE / 2 - 500);
    EXPECT_FALSE(w->dead);
    pass(500);
    EXPECT_TRUE(w->dead);
    EXPECT_EQ_INT(SIGKILL, w->signal);
    pass(2000);
    w = lab_ready_worker(lab);
    EXPECT_TRUE(gets_pong()); // it has nothing that others might have
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id));
    heal();
    pass(4000); // nobody has taken it: it goes back to its queue
    slot = lab_start(lab, w);
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    lab_expect_state(lab, &id, JOB_SUCCEEDED);
    EXPECT_EQ_INT(1, lab_job(lab, &id)->counters.attempts); // the stopped one used none
    EXPECT_EQ_INT(0, lab->host->stats->fenced);
    lab_end(lab);
}

/* Who has no job has none to lose: its workers are left alone. */
static void test_idle_and_not_heard(void) {
    begin(NULL);
    refuse(STORE_HOST_LEASE, 0);
    for (int i = 0; i < 60; i++) {
        lab_advance(lab, 5000);
        EXPECT_TRUE(gets_pong());
    }
    EXPECT_EQ_INT(0, w->signal);
    heal();
    pass(10000);
    lab_end(lab);
}

/* What has been asked to stop in time goes back to its queue, and no worker is lost. */
static void test_beat_comes_through(void) {
    begin(NULL);
    uint64_t slot = begin_job();
    refuse(STORE_HOST_LEASE, 0);
    pass(LEASE / 2);
    EXPECT_EQ_INT(JH_CANCEL_DRAIN, expect_cancel(slot));
    heal();
    pass(4000);
    EXPECT_TRUE(gets_pong());
    const struct msg_done m = {.status = JH_CANCELLED, .cancel_mask = JH_CANCEL_DRAIN};
    EXPECT_EQ_INT(0, msg_done_put(&w->out, slot, &m));
    lab_flush(w);
    lab_begin(lab, w, 0, 0);
    slot = lab_start(lab, w); // claimed anew
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    lab_expect_state(lab, &id, JOB_SUCCEEDED);
    EXPECT_EQ_INT(0, lab->host->stats->fenced);
    lab_end(lab);
}

/* An end that waits for the store is sent when that is back: if nobody has the job, it counts. */
static void test_waiting_end_survives(void) {
    begin(NULL);
    uint64_t slot = begin_job();
    refuse(STORE_HOST_LEASE, 0);
    refuse(STORE_COMMIT, 0);
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    pass(LEASE + 2000);
    EXPECT_FALSE(w->dead); // it has nothing in hand
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id));
    heal();
    pass(4000);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    EXPECT_EQ_INT(0, lab->host->stats->fenced);
    lab_end(lab);
}

/* Stopped for longer than a lease: the first act is to stop what runs, not to go on. */
static void test_woken_too_late(void) {
    begin(NULL);
    uint64_t slot = begin_job();
    struct store_recover rec = {
        .op = {.kind = STORE_RECOVER}, .host_nonce = lab->host->nonce + 1, .limit = 10};
    struct job_id second = lab_submit(lab, LAB_SLOW);
    lab_settle(lab);
    take(&rec.op);
    EXPECT_EQ_INT(1, rec.released);
    lab_send_u32(w, REC_COMMIT, slot, 1); // what lies in the sockets when it wakes
    lab_send(w, REC_PING, 0);
    lab_advance(lab, 2 * LEASE);
    EXPECT_TRUE(w->dead);
    EXPECT_EQ_INT(SIGKILL, w->signal);
    struct record r;
    while (lab_next(w, &r)) {
        EXPECT_TRUE(r.h.type != REC_PONG && r.h.type != REC_JOB);
    }
    pass(2000);
    EXPECT_EQ_INT(1, lab->host->stats->fenced);
    w = lab_ready_worker(lab); // after a beat that was answered, it goes on
    for (int i = 0; i < 2; i++) {
        slot = lab_start(lab, w);
        lab_done(w, slot, JH_OK, JH_E_NONE);
        lab_begin(lab, w, 0, 0);
    }
    lab_expect_state(lab, &id, JOB_SUCCEEDED);
    lab_expect_state(lab, &second, JOB_SUCCEEDED);
    EXPECT_EQ_INT(1, lab_job(lab, &id)->counters.attempts);
    lab_end(lab);
}

static void jump(int64_t ms) {
    int64_t skew = __atomic_load_n(&lab->outside.wall_skew_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&lab->outside.wall_skew_ms, skew + ms, __ATOMIC_RELEASE);
    __atomic_store_n(&lab->clock.wall_skew_ms, skew + ms, __ATOMIC_RELEASE);
}

/* Has anything of these types come? Turns the loop, waits for no answer. */
static bool has_come(enum record_type one, enum record_type other) {
    struct record r;
    for (int i = 0; i < 10; i++) {
        lab_turn(lab);
    }
    while (lab_next(w, &r)) {
        if (r.h.type == one || r.h.type == other) {
            return true;
        }
    }
    return false;
}

static void test_clock_jumps(void) {
    begin("workers: 1, threads: 2");
    uint64_t slot = begin_job(), before = beats();
    refuse(STORE_HOST_LEASE, 1);
    jump(LEASE);
    lab_send(w, REC_PING, 0);
    lab_turn(lab);
    timers_look(lab->host->net_timers);
    EXPECT_EQ_INT(before + 1, beats()); // at once
    (void)lab_submit(lab, LAB_SLOW);
    EXPECT_FALSE(has_come(REC_PONG, REC_JOB));
    pass(3000); // the next one is answered, in time
    EXPECT_EQ_INT(0, lab->host->stats->fenced);
    EXPECT_TRUE(gets_pong());
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_expect_state(lab, &id, JOB_SUCCEEDED);
    lab_stop(lab);
    lab_close(lab);
}

/* ---- what others tell ---- */

static void test_ask(void) {
    begin(NULL);
    uint64_t slot = begin_job();
    told().ask(lab->host, &id);
    EXPECT_EQ_INT(JH_CANCEL_USER, expect_cancel(slot));
    told().ask(lab->host, &id); // a beat may say so again
    lab_done(w, slot, JH_CANCELLED, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    lab_expect_state(lab, &id, JOB_CANCELLED);
    told().ask(lab->host, &id); // it has ended
    lab_end(lab);
}

static void test_fenced(void) {
    begin(NULL);
    uint64_t slot = begin_job();
    told().fenced(lab->host, &id);
    told().fenced(lab->host, &id);
    EXPECT_EQ_INT(JH_CANCEL_DRAIN, expect_cancel(slot));
    EXPECT_EQ_INT(1, lab->host->stats->fenced);
    EXPECT_NULL(attempt_find(lab->host, &id));
    lab_effect_kv(w, slot, "k", "v");
    lab_send_u32(w, REC_COMMIT, slot, 1);
    struct record r = lab_expect(lab, w, REC_COMMITTED);
    EXPECT_EQ_INT(1, record_get_u32(&r));
    EXPECT_EQ_INT(-ESTALE, record_get_i32(&r));
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    lab_settle(lab);
    EXPECT_EQ_INT(0, lab->posted_of[STORE_COMMIT]);
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id));
    EXPECT_FALSE(w->dead); // it is ready for the next
    EXPECT_FALSE(dispatch_has_claims(lab->host));
    lab_stop(lab);
    lab_close(lab);
}

/* It has a quarter of a lease to stop, and its process another one. */
static void test_fenced_does_not_stop(void) {
    begin("grace: 60s");
    (void)begin_job();
    told().fenced(lab->host, &id);
    pass(LEASE / 4 - 500);
    EXPECT_EQ_INT(0, w->signal);
    pass(1000);
    EXPECT_EQ_INT(SIGTERM, w->signal);
    pass(LEASE / 4);
    EXPECT_TRUE(w->dead);
    lab_settle(lab);
    EXPECT_EQ_INT(0, lab->posted_of[STORE_COMMIT]);
    lab_stop(lab);
    lab_close(lab);
}

/* In mid-run the store is the first to say it. */
static void test_commit_is_stale(void) {
    begin(NULL);
    uint64_t slot = begin_job();
    uint64_t other = lab->host->nonce + 1;
    struct store_recover rec = {.op = {.kind = STORE_RECOVER}, .host_nonce = other, .limit = 10};
    take(&rec.op);
    EXPECT_EQ_INT(1, rec.released);
    lab_send_u32(w, REC_COMMIT, slot, 1);
    EXPECT_EQ_INT(JH_CANCEL_DRAIN, expect_cancel(slot));
    EXPECT_EQ_INT(1, lab->host->stats->fenced);
    lab_done(w, slot, JH_CANCELLED, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    slot = lab_start(lab, w); // the same job, claimed anew
    EXPECT_TRUE(attempt_find(lab->host, &id) != NULL);
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    lab_expect_state(lab, &id, JOB_SUCCEEDED);
    lab_end(lab);
}

/* The job comes back to this host while the attempt that lost it still runs. */
static void claim_again(bool told_before) {
    begin("workers: 2, threads: 1");
    struct lab_worker *second = lab_ready_worker(lab);
    uint64_t slot = begin_job();
    struct store_recover rec = {
        .op = {.kind = STORE_RECOVER}, .host_nonce = lab->host->nonce + 1, .limit = 10};
    if (told_before) {
        told().fenced(lab->host, &id);
    }
    take(&rec.op);
    uint64_t again = lab_expect_job(lab, second);
    lab_begin(lab, second, 0, again);
    const struct attempt *a = attempt_find(lab->host, &id);
    EXPECT_TRUE(a != NULL && a->slot == again && !a->fenced);
    lab_done(w, slot, JH_OK, JH_E_NONE); // says nothing about the job
    lab_begin(lab, w, 0, 0);
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id));
    lab_done(second, again, JH_OK, JH_E_NONE);
    lab_begin(lab, second, 0, 0);
    lab_expect_state(lab, &id, JOB_SUCCEEDED);
    lab_end(lab);
}

static void test_fenced_and_claimed_again(void) {
    claim_again(true);
}

/* The claim is the first to say it. */
static void test_claimed_again(void) {
    claim_again(false);
}

static void test_paused(void) {
    begin(NULL);
    struct store_queue_stats queue = {
        .queue = "t", .paused = true, .paused_by = "anna", .paused_why = "why"};
    told().paused(lab->host, &queue);
    id = lab_submit(lab, LAB_SLOW);
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_QUEUED, lab_state(lab, &id));
    queue.paused = false;
    told().paused(lab->host, &queue);
    uint64_t slot = lab_start(lab, w);
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    lab_expect_state(lab, &id, JOB_SUCCEEDED);
    lab_end(lab);
}

/* ---- what is due ---- */

/* Somebody tells of a job while the store looks for others: the answer does not know of it. */
static void test_due_while_looking(void) {
    begin(NULL);
    uint64_t before = lab->posted_of[STORE_DUE];
    faulty_add(faulty_plan_of(&lab->store),
               (struct faulty_rule){.kind = STORE_DUE, .effect = FAULTY_DELAY, .delay_ms = 50});
    told().due(lab->host, lab_wall_ms(lab) + 100);
    __atomic_fetch_add(&lab->clock.base_test_ms, 200, __ATOMIC_RELAXED);
    timers_look(lab->host->timers);
    EXPECT_EQ_UINT(before + 1, lab->posted_of[STORE_DUE]);
    EXPECT_TRUE(lab->outstanding > 0);
    told().due(lab->host, lab_wall_ms(lab) + 5000);
    lab_settle(lab);
    heal();
    pass(4500);
    EXPECT_EQ_UINT(before + 1, lab->posted_of[STORE_DUE]);
    pass(1000);
    EXPECT_EQ_UINT(before + 2, lab->posted_of[STORE_DUE]);
    lab_end(lab);
}

// A clock of jobs that stands, or is set back, holds up nothing that the store has refused.
static void test_due_refused(void) {
    begin(NULL);
    uint64_t before = lab->posted_of[STORE_DUE];
    refuse(STORE_DUE, 1);
    told().due(lab->host, lab_wall_ms(lab));
    lab_advance(lab, 500); // hosts are spread
    EXPECT_EQ_UINT(before + 1, lab->posted_of[STORE_DUE]);
    told().due(lab->host, lab_wall_ms(lab) - 100);
    lab_settle(lab);
    EXPECT_EQ_UINT(before + 1, lab->posted_of[STORE_DUE]);
    lab_advance_outside(lab, 1000);
    lab_advance(lab, 0);
    EXPECT_EQ_UINT(before + 2, lab->posted_of[STORE_DUE]);
    lab_end(lab);
}

/* ---- jobs of hosts that are gone ---- */

static void test_takeover(void) {
    begin(NULL);
    uint64_t before = lab->posted_of[STORE_RECOVER];
    int64_t end = lab_wall_ms(lab) + 20000;
    told().lease(lab->host, end + 5000);
    told().lease(lab->host, end); // sooner
    told().lease(lab->host, end + 9000);
    pass(19500);
    EXPECT_EQ_INT(before, lab->posted_of[STORE_RECOVER]);
    pass(500 + 2000); // hosts are spread over two seconds
    EXPECT_EQ_INT(before + 1, lab->posted_of[STORE_RECOVER]);
    told().lease(lab->host, lab_wall_ms(lab)); // found nothing: not again for half a lease
    pass(LEASE / 2 - 2500);
    EXPECT_EQ_INT(before + 1, lab->posted_of[STORE_RECOVER]);
    pass(3000);
    EXPECT_EQ_INT(before + 2, lab->posted_of[STORE_RECOVER]);
    pass(4 * LEASE); // nothing more is known to run elsewhere
    EXPECT_EQ_INT(before + 2, lab->posted_of[STORE_RECOVER]);
    refuse(STORE_RECOVER, 1);
    told().lease(lab->host, lab_wall_ms(lab));
    pass(LEASE);
    EXPECT_EQ_INT(before + 4, lab->posted_of[STORE_RECOVER]); // refused, and again
    lab_end(lab);
}

static const struct expect_test tests[] = {
    {"what is told while the store looks for due jobs", test_due_while_looking},
    {"what the store has refused is due again in real time", test_due_refused},
    {"an idle host beats seldom, and does nothing else", test_idle},
    {"a busy one three times in a lease", test_busy},
    {"short jobs cost no beat", test_short_jobs_cost_no_beat},
    {"one host of one store has no beat", test_one_host_has_no_beat},
    {"not heard for a lease: asked to stop, stopped, dropped", test_beat_fails},
    {"not heard, and nothing to lose", test_idle_and_not_heard},
    {"heard again in time", test_beat_comes_through},
    {"an end that waits is sent", test_waiting_end_survives},
    {"woken after more than a lease", test_woken_too_late},
    {"the clock has jumped", test_clock_jumps},
    {"asked to end by way of another host", test_ask},
    {"fenced: what it still sends is dropped", test_fenced},
    {"fenced, and does not stop", test_fenced_does_not_stop},
    {"a stale commit fences", test_commit_is_stale},
    {"fenced and claimed again", test_fenced_and_claimed_again},
    {"claimed again before it is fenced", test_claimed_again},
    {"paused by way of another host", test_paused},
    {"jobs of hosts that are gone are looked for when a lease may end", test_takeover},
};

SUITE_MAIN("supervisor_hosts", tests)
