// Slots of limiters on their way through the supervisor: who waits for them, in which order and until when, and what becomes of
// those that nobody gives back.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "core/evaluate.h"
#include "expect.h"
#include "jobhost_limit.h"
#include "lab.h"
#include "store/limits.h"
#include "supervisor/attempt.h"
#include "supervisor/jobs.h"
#include "supervisor/limits_private.h"

static struct lab *lab;
static struct lab_worker *w;
static uint32_t requests;

#define LIMITS                                                                                     \
    "limits: {api: {rate: 2, per: 1s, learn: X-Left-Remaining}, two: {concurrency: 2}, ten: "      \
    "{rate: 2, per: 10s}}\n"

static void begin_with(unsigned threads, const char *more) {
    static char plugin[64];
    (void)snprintf(plugin, sizeof plugin, "workers: 1, threads: %u", threads);
    lab = lab_open(&(struct lab_options){.plugin = plugin, .more = more});
    w = lab_ready_worker(lab);
    requests = 0;
}

static void begin(unsigned threads) {
    begin_with(threads, LIMITS);
}

static void say(uint64_t slot, struct msg_limit m) {
    m.request = ++requests;
    EXPECT_EQ_INT(0, msg_limit_put(&w->out, slot, &m));
    lab_flush(w);
}

struct told {
    uint64_t slot;
    int32_t status;
    int64_t number;
};

static struct told answer(void) {
    struct record r = lab_expect(lab, w, REC_VALUE);
    struct msg_value v;
    EXPECT_EQ_INT(0, msg_value_get(&r, &v));
    return (struct told){r.h.job, v.status, v.number};
}

static void ask(uint64_t slot, const char *name, int64_t n, int64_t wait_ms) {
    say(slot,
        (struct msg_limit){.what = LIMIT_ACQUIRE, .name = name, .number = n, .wait_ms = wait_ms});
}

static struct told acquire(uint64_t slot, const char *name, int64_t n, int64_t wait_ms) {
    ask(slot, name, n, wait_ms);
    struct told t = answer();
    EXPECT_EQ_UINT(slot, t.slot);
    return t;
}

// The ticket.
static uint64_t take(uint64_t slot, const char *name) {
    struct told t = acquire(slot, name, 1, 0);
    EXPECT_EQ_INT(0, t.status);
    return (uint64_t)t.number;
}

static void observe(uint64_t slot, const char *name, uint64_t ticket, int32_t status,
                    const char *headers) {
    say(slot, (struct msg_limit){.what = LIMIT_OBSERVE,
                                 .name = name,
                                 .ticket = ticket,
                                 .status = status,
                                 .headers = {.data = bytes_of(headers)}});
    lab_settle(lab);
}

static void give_back(uint64_t slot, uint64_t ticket) {
    say(slot, (struct msg_limit){.what = LIMIT_GIVE_BACK, .ticket = ticket});
    lab_settle(lab);
}

static bool is_silent(void) {
    struct record r;
    lab_settle(lab);
    return !lab_next(w, &r) || r.h.type != REC_VALUE;
}

static uint64_t start_on(unsigned thread) {
    (void)lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_expect_job(lab, w);
    lab_begin(lab, w, thread, slot);
    return slot;
}

static void finish(unsigned thread, uint64_t slot) {
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_begin(lab, w, thread, 0);
    lab_settle(lab);
}

static void end(void) {
    lab_advance(lab, 3600000); // no slot is taken any more
    lab_settle(lab);
    lab_end(lab);
}

static void test_granted(void) {
    begin(1);
    uint64_t slot = start_on(0);
    uint64_t first = take(slot, "api");
    uint64_t second = take(slot, "api");
    EXPECT_TRUE(first != second);
    struct told t = acquire(slot, "api", 1, 0);
    EXPECT_EQ_INT(1, t.status);
    EXPECT_EQ_INT(1001, t.number); // both are held: answered now at the earliest
    EXPECT_EQ_INT(0, acquire(slot, "api:ann", 2, 0).status);
    give_back(slot, first);
    EXPECT_EQ_INT(0, acquire(slot, "api", 1, 0).status);
    observe(slot, "api", second, 200, "");
    EXPECT_EQ_INT(1, acquire(slot, "api", 1, 0).status);
    EXPECT_EQ_INT(-ENOENT, acquire(slot, "none", 1, 0).status);
    EXPECT_EQ_INT(-ERANGE, acquire(slot, "api:bob", 3, 0).status);
    finish(0, slot);
    end();
}

static void test_waits(void) {
    begin(1);
    uint64_t slot = start_on(0);
    observe(slot, "api", take(slot, "api"), 200, "");
    observe(slot, "api", take(slot, "api"), 200, "");
    uint64_t asked = lab->posted_of[STORE_LIMITER];
    ask(slot, "api", 1, 1000); // a millisecond too short: it is told so at once
    EXPECT_EQ_INT(1, answer().status);
    EXPECT_EQ_UINT(asked + 1, lab->posted_of[STORE_LIMITER]);
    ask(slot, "api", 1, 2000);
    EXPECT_TRUE(is_silent());
    lab_advance(lab, 1000);
    EXPECT_TRUE(is_silent());
    EXPECT_EQ_UINT(asked + 1, lab->posted_of[STORE_LIMITER]); // nobody asks before it is time
    lab_advance(lab, 1);
    EXPECT_EQ_INT(0, answer().status);
    EXPECT_EQ_UINT(asked + 2, lab->posted_of[STORE_LIMITER]);
    finish(0, slot);
    end();
}

// Who came first goes first; a slot that comes back is handed on in the same turn.
static void test_line(void) {
    begin(4);
    uint64_t slots[4], tickets[2];
    for (unsigned i = 0; i < 4; i++) {
        slots[i] = start_on(i);
    }
    tickets[0] = take(slots[0], "two");
    tickets[1] = take(slots[1], "two");
    ask(slots[2], "two", 2, 30000);
    ask(slots[3], "two", 1, 30000);
    EXPECT_TRUE(is_silent());
    EXPECT_EQ_UINT(2, limits_waiting(lab->host, "two"));
    observe(slots[0], "two", tickets[0], 200, "");
    EXPECT_TRUE(is_silent()); // the first needs both
    observe(slots[1], "two", tickets[1], 200, "");
    struct told t = answer();
    EXPECT_EQ_UINT(slots[2], t.slot);
    EXPECT_TRUE(is_silent());
    finish(2, slots[2]); // its run is over, and so is its call
    t = answer();
    EXPECT_EQ_UINT(slots[3], t.slot);
    EXPECT_EQ_INT(0, t.status);
    for (unsigned i = 0; i < 4; i++) {
        if (i != 2) {
            finish(i, slots[i]);
        }
    }
    end();
}

static void test_told(void) {
    begin(1);
    uint64_t slot = start_on(0);
    observe(slot, "api", take(slot, "api"), 429, "Retry-After: 7\n");
    struct told t = acquire(slot, "api", 1, 5000);
    EXPECT_EQ_INT(1, t.status);
    EXPECT_EQ_INT(7000, t.number);
    lab_advance(lab, 7000);
    observe(slot, "api", take(slot, "api"), 200, "X-Left-Remaining: 0\nX-Other-Remaining: 9\n");
    EXPECT_EQ_INT(1, acquire(slot, "api", 1, 0).status); // somebody else has had the other
    say(slot, (struct msg_limit){.what = LIMIT_CLOSE, .name = "two", .number = 60000});
    EXPECT_EQ_INT(0, answer().status);
    EXPECT_EQ_INT(60000, acquire(slot, "two", 1, 0).number);
    say(slot, (struct msg_limit){.what = LIMIT_CLOSE, .name = "none", .number = 60000});
    EXPECT_EQ_INT(-ENOENT, answer().status);
    EXPECT_EQ_INT(0, limits_open(lab->host, "two"));
    lab_settle(lab);
    EXPECT_EQ_INT(0, acquire(slot, "two", 1, 0).status);
    finish(0, slot);
    end();
}

// Those who are sent away come one after the other, not all at the same time.
static void test_spread(void) {
    uint64_t slots[4];
    begin(4);
    for (unsigned i = 0; i < 4; i++) {
        slots[i] = start_on(i);
    }
    observe(slots[0], "api", take(slots[0], "api"), 200, "");
    observe(slots[0], "api", take(slots[0], "api"), 200, "");
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ_INT(1001 + i * 500, acquire(slots[i], "api", 1, 0).number);
    }
    for (unsigned i = 0; i < 100; i++) { // who asks again has his turn when he had it
        EXPECT_EQ_INT(1001, acquire(slots[0], "api", 1, 0).number);
    }
    EXPECT_EQ_INT(2501, acquire(slots[3], "api", 1, 0).number);
    for (unsigned i = 0; i < 4; i++) {
        finish(i, slots[i]);
    }
    end();
}

static void test_parked(void) {
    begin(1);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    observe(slot, "api", take(slot, "api"), 200, "");
    observe(slot, "api", take(slot, "api"), 200, "");
    struct told t = acquire(slot, "api", 1, 0);
    const struct msg_done m = {.status = JH_YIELD,
                               .wait_kind = JH_WAIT_LIMITER,
                               .wait_key = "api",
                               .wait_timeout_ms = t.number};
    EXPECT_EQ_INT(0, msg_done_put(&w->out, slot, &m));
    lab_flush(w);
    lab_begin(lab, w, 0, 0);
    lab_settle(lab);
    const struct store_job *job = lab_job(lab, &id);
    EXPECT_EQ_INT(JOB_PARKED, job->state);
    EXPECT_EQ_INT(PARK_LIMITER, job->park);
    EXPECT_EQ_STR("api", job->wait_key);
    EXPECT_EQ_INT(lab_wall_ms(lab) + 1001, job->spec.run_at_ms);
    EXPECT_EQ_INT(0, job->counters.attempts);
    lab_advance(lab, 1001);
    slot = lab_start(lab, w);
    EXPECT_EQ_INT(0, acquire(slot, "api", 1, 0).status);
    finish(0, slot);
    end();
}

// Yields as acquire() has told it to.
static void yield_for(unsigned thread, uint64_t slot, const char *name, int64_t wait_ms) {
    const struct msg_done m = {.status = JH_YIELD,
                               .wait_kind = JH_WAIT_LIMITER,
                               .wait_key = name,
                               .wait_timeout_ms = wait_ms};
    EXPECT_EQ_INT(0, msg_done_put(&w->out, slot, &m));
    lab_flush(w);
    lab_begin(lab, w, thread, 0);
    lab_settle(lab);
}

static uint64_t start_again(unsigned thread) {
    uint64_t slot = lab_expect_job(lab, w);
    lab_begin(lab, w, thread, slot);
    return slot;
}

// It does not sleep until the lease of who held the slot would end.
static void test_woken(void) {
    begin(2);
    uint64_t holder = start_on(0), ticket = (uint64_t)acquire(holder, "two", 2, 0).number;
    struct job_id id = lab_submit(lab, LAB_SLOW);
    for (int round = 0; round < 3; round++) {
        uint64_t slot = start_again(1);
        struct told t = acquire(slot, "two", 1, 0);
        EXPECT_EQ_INT(1, t.status);
        if (round == 1) { // a slot came free between that and its end
            observe(holder, "two", ticket, 200, "");
            ticket = (uint64_t)acquire(holder, "two", 2, 0).number;
        }
        yield_for(1, slot, "two", t.number);
        EXPECT_EQ_INT(round == 1 ? JOB_RUNNING : JOB_PARKED, lab_state(lab, &id));
        if (round == 0) { // one came free on another host
            limits_news(lab->host, "two");
        } else if (round == 2) {
            observe(holder, "two", ticket, 200, "");
        }
    }
    finish(1, start_again(1));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    finish(0, holder);
    end();
}

// One that waits for something else meanwhile is not woken, but the next.
static void test_woken_late(void) {
    begin(3);
    uint64_t holder = start_on(0), ticket = (uint64_t)acquire(holder, "two", 2, 0).number;
    struct job_id ids[2];
    struct told t[2];
    uint64_t slots[2];
    for (unsigned i = 0; i < 2; i++) {
        ids[i] = lab_submit(lab, LAB_SLOW);
        slots[i] = start_again(1 + i);
        t[i] = acquire(slots[i], "two", 1, 0);
    }
    yield_for(1, slots[0], "two", 1); // earlier than it was told
    yield_for(2, slots[1], "two", t[1].number);
    lab_advance(lab, 1);
    slots[0] = start_again(1);
    const struct msg_done m = {
        .status = JH_YIELD, .wait_kind = JH_WAIT_EVENT, .wait_key = "e", .wait_timeout_ms = 60000};
    EXPECT_EQ_INT(0, msg_done_put(&w->out, slots[0], &m));
    lab_flush(w);
    lab_begin(lab, w, 1, 0);
    lab_settle(lab);
    observe(holder, "two", ticket, 200, "");
    EXPECT_EQ_INT(JOB_PARKED, lab_state(lab, &ids[0]));
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &ids[1]));
    finish(0, holder);
    finish(2, start_again(2));
    lab_advance(lab, 60000);
    finish(1, start_again(1));
    end();
}

// Those who came when their time did, over and over or one after the other, take nobody's place among those that can be woken.
static void test_woken_behind_many(void) {
    enum { MANY = 64 };
    for (int others = 0; others < 2; others++) {
        begin(2);
        uint64_t holder = start_on(0), ticket = (uint64_t)acquire(holder, "two", 2, 0).number;
        for (int i = 0; i < MANY; i++) {
            if (others || i == 0) {
                (void)lab_submit(lab, LAB_SLOW);
            }
            uint64_t slot = start_again(1);
            EXPECT_EQ_INT(1, acquire(slot, "two", 1, 0).status);
            yield_for(1, slot, "two", 1); // earlier than it was told
            lab_advance(lab, 1);
            if (others || i == MANY - 1) {
                finish(1, start_again(1));
            }
        }
        struct job_id id = lab_submit(lab, LAB_SLOW);
        uint64_t slot = start_again(1);
        struct told t = acquire(slot, "two", 1, 0);
        EXPECT_EQ_INT(1, t.status);
        yield_for(1, slot, "two", t.number);
        EXPECT_EQ_INT(JOB_PARKED, lab_state(lab, &id));
        observe(holder, "two", ticket, 200, "");
        EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id));
        finish(1, start_again(1));
        finish(0, holder);
        end();
    }
}

static void test_cancelled(void) {
    begin(2);
    uint64_t holder = start_on(0);
    (void)acquire(holder, "two", 2, 0);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_expect_job(lab, w);
    lab_begin(lab, w, 1, slot);
    ask(slot, "two", 1, 30000);
    EXPECT_TRUE(is_silent());
    attempt_cancel_by_user(attempt_find(lab->host, &id));
    EXPECT_EQ_INT(-ECANCELED, answer().status);
    EXPECT_EQ_INT(-ECANCELED, acquire(slot, "two", 1, 30000).status);
    lab_done(w, slot, JH_CANCELLED, JH_E_NONE);
    lab_begin(lab, w, 1, 0);
    finish(0, holder);
    end();
}

// What a worker holds when it dies counts as answered then: no slot is lost.
static void test_death(void) {
    begin(2);
    uint64_t slot = start_on(0);
    (void)acquire(slot, "two", 2, 0);
    lab_bury(lab, w, SIGKILL);
    w = lab_ready_worker(lab);
    slot = start_on(0);
    EXPECT_EQ_INT(0, acquire(slot, "two", 2, 0).status);
    finish(0, slot);
    lab_advance(lab, 3600000); // the first one's next attempt
    finish(0, lab_start(lab, w));
    end();
}

// A run that takes longer than a lease keeps its slots; when the host is gone they are free after one.
static void test_lease(void) {
    begin(1);
    uint64_t slot = start_on(0);
    (void)acquire(slot, "two", 2, 0);
    for (int i = 0; i < 20; i++) {
        lab_advance(lab, 10000);
        lab_settle(lab);
        lab_send(w, REC_PING, 0);
    }
    EXPECT_EQ_INT(1, acquire(slot, "two", 1, 0).status);
    lab_shut(lab);
    lab_reopen(lab);
    w = lab_ready_worker(lab);
    slot = lab_start(lab, w);
    EXPECT_EQ_INT(1, acquire(slot, "two", 1, 0).status);
    lab_advance(lab, 30000);
    EXPECT_EQ_INT(0, acquire(slot, "two", 2, 0).status);
    finish(0, slot);
    end();
}

static void test_nonsense(void) {
    static const struct msg_limit bad[] = {
        {.what = 0, .name = "api"},
        {.what = LIMIT_CLOSE + 1, .name = "api"},
        {.what = LIMIT_ACQUIRE, .name = NULL, .number = 1},
        {.what = LIMIT_ACQUIRE, .name = "api", .number = 0},
        {.what = LIMIT_ACQUIRE, .name = "api", .number = 1, .wait_ms = JH_LIMIT_WAIT_MAX_MS + 1},
        {.what = LIMIT_CLOSE, .name = "api", .number = -1},
        {.what = LIMIT_OBSERVE},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        begin(1);
        uint64_t slot = start_on(0);
        say(slot, bad[i]);
        lab_settle(lab);
        EXPECT_EQ_INT(SIGKILL, w->signal);
        lab_advance(lab, 3600000);
        w = lab_ready_worker(lab);
        finish(0, lab_start(lab, w));
        end();
    }
}

/* ------------------------------------------------------------------ limits of jobs */

// Begins up to `count` jobs, on the threads from `thread` on: how many there were.
static unsigned start_from(unsigned thread, uint64_t *slots, unsigned count) {
    unsigned started = 0;
    struct record r;
    lab_settle(lab);
    while (started < count && lab_next(w, &r)) {
        if (r.h.type == REC_JOB) {
            lab_begin(lab, w, thread + started, r.h.job);
            slots[started++] = r.h.job;
        }
    }
    return started;
}

static unsigned start_all(uint64_t *slots, unsigned count) {
    return start_from(0, slots, count);
}

static void no_news(struct store_op *op) {
    (void)op;
}

static struct job_id submit_as(const char *tenant) {
    struct job_spec spec = {.queue = "t",
                            .type = lab_handlers[LAB_SLOW],
                            .tenant = tenant,
                            .timeout_ms = 300000,
                            .priority = PRIORITY_NORMAL};
    spec.id = id_next(&lab->host->ids, lab_wall_ms(lab));
    struct store_submit_item item = {.spec = &spec};
    struct store_submit op = {.op = {.done = no_news}, .items = &item, .count = 1};
    jobs_submit(lab->host, &op);
    lab_settle(lab);
    store_op_finish(&op.op);
    return spec.id;
}

static const struct reason *explain(const struct job_id *id) {
    static struct reason reasons[REASON_COUNT];
    reasons[0] = (struct reason){.code = REASON_COUNT};
    static const struct jobs_awaited none;
    (void)jobs_explain(lab->host, lab_job(lab, id), &none, NULL, reasons, REASON_COUNT);
    return &reasons[0];
}

// Two starts in ten seconds; the others stay queued, and say until when.
static void test_starts(void) {
    uint64_t slots[4] = {0};
    struct job_id ids[4];
    begin_with(4, LIMITS "jobs: {t.slow: {limit: {name: ten, until: start}}}\n");
    for (unsigned i = 0; i < 4; i++) {
        ids[i] = lab_submit(lab, LAB_SLOW);
    }
    EXPECT_EQ_UINT(2, start_all(slots, 4));
    uint64_t claims = lab->posted_of[STORE_CLAIM];
    struct job_id more = lab_submit(lab, LAB_SLOW);
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_QUEUED, lab_state(lab, &more));
    EXPECT_EQ_UINT(claims, lab->posted_of[STORE_CLAIM]); // nobody claims it in vain
    const struct reason *why = explain(&more);
    EXPECT_EQ_INT(REASON_LIMITER, why->code);
    EXPECT_CONTAINS("\"ten\" has no slot before", why->detail);
    EXPECT_TRUE(why->clears_at_ms > lab_wall_ms(lab) + 9000 &&
                why->clears_at_ms <= lab_wall_ms(lab) + 10001);
    for (unsigned i = 0; i < 2; i++) {
        finish(i, slots[i]);
    }
    lab_advance(lab, 10001);
    EXPECT_EQ_UINT(2, start_all(slots, 4));
    for (unsigned i = 0; i < 2; i++) {
        finish(i, slots[i]);
    }
    lab_advance(lab, 20000);
    EXPECT_EQ_UINT(1, start_all(slots, 4));
    finish(0, slots[0]);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &ids[i]));
        EXPECT_EQ_INT(1, lab_job(lab, &ids[i])->counters.attempts);
    }
    end();
}

// One tenant's jobs do not hold up the next one's; those that were parked are woken when a slot is free.
static void test_tenants(void) {
    uint64_t slots[4] = {0}, bob = 0;
    struct job_id ids[4];
    begin_with(4, LIMITS "queues: {t: {limit: {name: two, key: tenant}}}\n");
    for (unsigned i = 0; i < 4; i++) {
        ids[i] = submit_as("ann");
    }
    EXPECT_EQ_UINT(2, start_all(slots, 4));
    EXPECT_EQ_INT(REASON_LIMITER, explain(&ids[3])->code); // it waits here
    EXPECT_CONTAINS("two:ann", explain(&ids[3])->detail);
    (void)submit_as("bob");
    EXPECT_EQ_UINT(1, start_from(2, &bob, 1));
    finish(2, bob);
    lab_advance(lab, 2000);
    lab_settle(lab);
    const struct store_job *job = lab_job(lab, &ids[3]);
    EXPECT_EQ_INT(JOB_PARKED, job->state);
    EXPECT_EQ_INT(PARK_LIMITER, job->park);
    EXPECT_EQ_STR("two:ann", job->wait_key);
    EXPECT_TRUE(job->spec.run_at_ms > lab_wall_ms(lab));
    EXPECT_EQ_INT(job->spec.run_at_ms, explain(&ids[3])->clears_at_ms);
    EXPECT_EQ_INT(0, job->counters.yields + job->counters.attempts);
    finish(0, slots[0]);
    EXPECT_EQ_UINT(1, start_all(slots, 1)); // at once
    finish(0, slots[0]);
    EXPECT_EQ_UINT(1, start_all(slots, 1));
    finish(0, slots[0]);
    finish(1, slots[1]);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &ids[i]));
    }
    end();
}

// Those that stay queued, and those that were parked, go when a call ends, not when its lease would.
static void test_at_once(void) {
    uint64_t slots[4] = {0};
    struct job_id ids[4];
    begin_with(4, LIMITS "jobs: {t.slow: {limit: two}}\n");
    for (unsigned i = 0; i < 3; i++) {
        ids[i] = lab_submit(lab, LAB_SLOW);
    }
    EXPECT_EQ_UINT(2, start_all(slots, 4));
    lab_advance(lab, 2000);
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_PARKED, lab_state(lab, &ids[2]));
    ids[3] = lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_UINT(0, start_all(slots + 2, 2));
    EXPECT_EQ_INT(JOB_QUEUED, lab_state(lab, &ids[3]));
    finish(0, slots[0]);
    EXPECT_EQ_UINT(1, start_all(slots, 1));
    finish(0, slots[0]);
    EXPECT_EQ_UINT(1, start_all(slots, 1));
    finish(0, slots[0]);
    finish(1, slots[1]);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &ids[i]));
    }
    end();
}

// A job that the other side refused closes the limiter.
static void test_refused(void) {
    uint64_t slot = 0;
    begin_with(1, LIMITS "jobs: {t.slow: {limit: two}}\n");
    struct job_id id = lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_UINT(1, start_all(&slot, 1));
    const struct msg_done m = {
        .status = JH_YIELD, .cls = JH_E_RATE, .retry_after_ms = 60000, .message = "429"};
    EXPECT_EQ_INT(0, msg_done_put(&w->out, slot, &m));
    lab_flush(w);
    lab_begin(lab, w, 0, 0);
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_PARKED, lab_state(lab, &id));
    struct job_id other = lab_submit(lab, LAB_SLOW);
    lab_settle(lab);
    EXPECT_EQ_UINT(0, start_all(&slot, 1));
    EXPECT_TRUE(lab_state(lab, &other) != JOB_RUNNING);
    EXPECT_TRUE(explain(&other)->clears_at_ms >= lab_wall_ms(lab) + 59000);
    lab_advance(lab, 62000);
    EXPECT_EQ_UINT(1, start_all(&slot, 1));
    finish(0, slot);
    EXPECT_EQ_UINT(1, start_all(&slot, 1));
    finish(0, slot);
    end();
}

// One whose slot was for its start alone says the same.
static void test_refused_later(void) {
    uint64_t slot = 0;
    begin_with(1, LIMITS "jobs: {t.slow: {limit: {name: ten, until: start}}}\n");
    struct job_id id = lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_UINT(1, start_all(&slot, 1));
    const struct msg_done m = {
        .status = JH_YIELD, .cls = JH_E_RATE, .retry_after_ms = 60000, .message = "429"};
    EXPECT_EQ_INT(0, msg_done_put(&w->out, slot, &m));
    lab_flush(w);
    lab_begin(lab, w, 0, 0);
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_PARKED, lab_state(lab, &id));
    struct job_id other = lab_submit(lab, LAB_SLOW); // a second one in ten seconds would be let
    lab_settle(lab);
    EXPECT_EQ_UINT(0, start_all(&slot, 1));
    EXPECT_TRUE(explain(&other)->clears_at_ms >= lab_wall_ms(lab) + 59000);
    lab_advance(lab, 62000);
    EXPECT_EQ_UINT(1, start_all(&slot, 1));
    finish(0, slot);
    EXPECT_EQ_UINT(1, start_all(&slot, 1));
    finish(0, slot);
    end();
}

// What is never let is said so at once, and is nobody's turn.
static void test_too_many(void) {
    begin(1);
    uint64_t slot = start_on(0);
    observe(slot, "api", take(slot, "api"), 200, "");
    observe(slot, "api", take(slot, "api"), 200, "");
    EXPECT_EQ_INT(1, acquire(slot, "api", 1, 0).status);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ_INT(-ERANGE, acquire(slot, "api", UINT32_MAX, 0).status);
    }
    EXPECT_TRUE(acquire(slot, "api", 2, 0).number < 3000);
    finish(0, slot);
    end();
}

// Names cost nothing while nothing happens to them, and are forgotten when their time has passed.
static void test_names(void) {
    enum { NAMES = 120 }; // more than one operation holds
    char name[32];
    begin(1);
    uint64_t slot = start_on(0);
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof name, "ten:%d", i);
        observe(slot, name, take(slot, name), 200, "");
        observe(slot, name, take(slot, name), 200, "");
        EXPECT_EQ_INT(1, acquire(slot, name, 1, 0).status);
    }
    EXPECT_EQ_UINT(NAMES, HASH_COUNT(lab->host->limits->gauges));
    uint64_t asked = lab->posted_of[STORE_LIMITER];
    lab_advance(lab, 15001); // and who was sent away has had his turn
    lab_settle(lab);
    EXPECT_EQ_UINT(0, HASH_COUNT(lab->host->limits->gauges));
    EXPECT_EQ_UINT(asked, lab->posted_of[STORE_LIMITER]);
    finish(0, slot);
    end();
}

static const struct expect_test tests[] = {
    {"slots are granted, and told about", test_granted},
    {"who waits is asked for when it is time, and not before", test_waits},
    {"who came first goes first", test_line},
    {"what answers tell closes a limiter", test_told},
    {"who is sent away comes in his turn", test_spread},
    {"a run that yields is parked until then", test_parked},
    {"a run that yielded is woken by a slot", test_woken},
    {"a slot wakes none that waits for something else", test_woken_late},
    {"who has gone takes no place of those to be woken", test_woken_behind_many},
    {"a cancel ends the wait", test_cancelled},
    {"slots of a dead worker", test_death},
    {"slots are held for longer than a lease", test_lease},
    {"a worker that makes no sense", test_nonsense},
    {"a rate of starts", test_starts},
    {"so many at once for each tenant", test_tenants},
    {"the next start at once", test_at_once},
    {"a refused job closes its limiter", test_refused},
    {"a refused job closes the limiter of its start", test_refused_later},
    {"more than a limiter ever lets", test_too_many},
    {"many names", test_names},
};
SUITE_MAIN("supervisor limits", tests)
