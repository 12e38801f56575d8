// Who gets a thread, and when: lanes beside each other, queues with limits, workers with windows;
// nobody waits for ever.
#include <errno.h>
#include <signal.h>

#include "expect.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "supervisor/dispatch.h"
#include "supervisor/jobs.h"
#include "supervisor/pool_private.h"

static struct lab *lab;

static void begin(const struct lab_options *options) {
    lab = lab_open(options);
}

/* A worker that runs what it is given, one after the other; each job of a lane takes its time (us).
 */
struct runner {
    struct lab_worker *w;
    uint64_t slots[4096];
    bool slow[4096]; /* its payload's lane is not told to a worker, but its handler is */
    unsigned first, last;
    unsigned done[LAB_HANDLERS];
};

static void take(struct runner *r) {
    struct record record;
    struct msg_job job;
    struct arena arena = {.head = NULL};
    while (lab_next(r->w, &record)) {
        if (record.h.type == REC_JOB && msg_job_get(&record, &arena, &job) == 0) {
            r->slow[r->last % 4096] = job.handler == LAB_SLOW;
            r->slots[r->last++ % 4096] = record.h.job;
        }
    }
    arena_free(&arena);
}

// The next one ends. False: there is none.
static bool run_one(struct runner *r, uint32_t fast_us, uint32_t slow_us) {
    take(r);
    if (r->first == r->last) {
        return false;
    }
    bool slow = r->slow[r->first % 4096];
    const struct msg_done m = {.status = JH_OK, .run_us = slow ? slow_us : fast_us};
    if (msg_done_put(&r->w->out, r->slots[r->first++ % 4096], &m) != 0) {
        lab_fail("DONE");
    }
    lab_flush(r->w);
    r->done[slow]++;
    return true;
}

static void submit(enum lab_handler handler, int n) {
    for (int i = 0; i < n; i++) {
        (void)lab_submit(lab, handler);
    }
}

static void run_all(struct runner *r) {
    do {
        lab_settle(lab);
    } while (run_one(r, 100, 100));
}

// A lane of fast jobs that never ends does not keep a slow one from its thread.
static void test_slow_beside_fast(void) {
    static struct runner r;
    begin(&(struct lab_options){.plugin = NULL});
    r = (struct runner){.w = lab_ready_worker(lab)};
    submit(LAB_FAST, 400);
    submit(LAB_SLOW, 10);
    unsigned fast_between = 0;
    for (int i = 0; i < 100000 && r.done[LAB_SLOW] < 10; i++) {
        if (r.done[LAB_FAST] % 50 == 0) {
            submit(LAB_FAST, 50); // there is always another
        }
        if (!run_one(&r, 100, 20000)) {
            lab_settle(lab);
        }
        lab_turn(lab);
        fast_between = r.done[LAB_FAST];
    }
    EXPECT_EQ_UINT(10, r.done[LAB_SLOW]);
    EXPECT_TRUE(fast_between < 10 * 1000);
    run_all(&r);
    lab_end(lab);
}

// Two fast lanes, one of which takes twenty times as long: the quicker one does not take all there
// is.
static void test_fast_beside_fast(void) {
    static struct runner r;
    begin(&(struct lab_options){.plugin = NULL});
    r = (struct runner){.w = lab_ready_worker(lab)};
    submit(LAB_FAST, 1);
    submit(LAB_SLOW, 1);
    lab_settle(lab);
    while (run_one(&r, 80, 2000)) { // now both are known
        lab_settle(lab);
    }
    submit(LAB_FAST, 600);
    submit(LAB_SLOW, 10);
    for (int i = 0; i < 100000 && r.done[LAB_SLOW] < 11; i++) {
        if (r.done[LAB_FAST] % 50 == 0) {
            submit(LAB_FAST, 50);
        }
        if (!run_one(&r, 80, 2000)) {
            lab_settle(lab);
        }
        lab_turn(lab);
    }
    EXPECT_EQ_UINT(11, r.done[LAB_SLOW]);
    EXPECT_TRUE(r.done[LAB_FAST] < 10000);
    run_all(&r);
    lab_end(lab);
}

// The window stays wide when a lane's estimate goes up and down under load: nothing leaks from the
// count of work.
static void test_window(void) {
    static struct runner r;
    begin(&(struct lab_options){.plugin = NULL});
    r = (struct runner){.w = lab_ready_worker(lab)};
    submit(LAB_FAST, 300);
    unsigned widest = 0, i = 0;
    for (; r.done[LAB_FAST] < 250; i++) {
        uint32_t us = i % 40 == 0 ? 4000 : 50;
        (void)run_one(&r, us, us);
        lab_settle(lab);
        take(&r);
        const struct worker *w = lab_seen(lab, r.w);
        EXPECT_TRUE(w->load_us >= 0 && w->outstanding == r.last - r.first);
        widest = r.done[LAB_FAST] > 200 && w->outstanding > widest ? w->outstanding : widest;
        if (r.done[LAB_FAST] == 200) {
            submit(LAB_FAST, 200);
        }
    }
    EXPECT_TRUE(widest > 10);
    EXPECT_TRUE(widest <= RECORD_WINDOW_MAX + 1);
    run_all(&r);
    EXPECT_EQ_INT(0, lab_seen(lab, r.w)->load_us);
    lab_end(lab);
}

// A slow job at the head of those that are held finds the worker with a free thread, whoever has
// least to do.
static void test_free_thread(void) {
    begin(&(struct lab_options){.plugin = "workers: 2, threads: 2"});
    static struct runner a, b;
    a = (struct runner){.w = lab_ready_worker(lab)};
    b = (struct runner){.w = lab_ready_worker(lab)};
    submit(LAB_FAST, 1);
    run_all(&a);
    run_all(&b);
    unsigned before = a.last + b.last;
    submit(LAB_SLOW, 1);
    submit(LAB_FAST, 20);
    submit(LAB_SLOW, 1);
    lab_settle(lab);
    take(&a);
    take(&b);
    EXPECT_EQ_UINT(before + 22, a.last + b.last);
    const struct runner *busy = a.last > b.last ? &a : &b, *other = a.last > b.last ? &b : &a;
    EXPECT_TRUE(other->slow[other->last - 1]);
    EXPECT_FALSE(busy->slow[busy->last - 1]);
    run_all(&a);
    run_all(&b);
    run_all(&a);
    lab_end(lab);
}

static void test_many_threads(void) {
    begin(&(struct lab_options){.plugin = "threads: 256"});
    static struct runner r;
    r = (struct runner){.w = lab_ready_worker(lab)};
    submit(LAB_SLOW, 300);
    lab_settle(lab);
    take(&r);
    EXPECT_EQ_UINT(256, r.last);
    lab_begin(lab, r.w, 255, r.slots[255]);
    lab_advance(lab, 1500);
    while (run_one(&r, 10, 10)) { // from now on 64 wait for each
        lab_settle(lab);
    }
    EXPECT_EQ_UINT(300, r.done[LAB_SLOW]);
    lab_begin(lab, r.w, 255, 0);
    lab_end(lab);
}

static void test_concurrency(void) {
    begin(&(struct lab_options){.plugin = "threads: 8",
                                .more = "queues: {t: {concurrency: 3}, other: {concurrency: 1}}"});
    static struct runner r;
    r = (struct runner){.w = lab_ready_worker(lab)};
    submit(LAB_SLOW, 3);
    submit(LAB_FAST, 3);
    (void)lab_submit_to(lab, "other", "t.slow");
    (void)lab_submit_to(lab, "other", "t.fast");
    lab_settle(lab);
    take(&r);
    EXPECT_EQ_UINT(4, r.last);
    EXPECT_TRUE(run_one(&r, 9000, 9000));
    lab_settle(lab);
    take(&r);
    EXPECT_EQ_UINT(5, r.last); // one more, of the queue that has room again
    run_all(&r);
    EXPECT_EQ_UINT(8, r.last);
    lab_end(lab);
}

// A claim that the store refuses is tried again, once a second and not at every turn.
static void test_refused_claims(void) {
    begin(&(struct lab_options){.faulty = true});
    static struct runner r;
    r = (struct runner){.w = lab_ready_worker(lab)};
    struct faulty_plan *plan = faulty_plan_of(&lab->store);
    faulty_add(plan,
               (struct faulty_rule){
                   .kind = STORE_CLAIM, .effect = FAULTY_BEFORE, .code = -ETIMEDOUT, .times = 3});
    uint64_t before = plan->posted[STORE_CLAIM];
    submit(LAB_SLOW, 20);
    lab_settle(lab);
    EXPECT_EQ_UINT(before + 1, plan->posted[STORE_CLAIM]);
    for (int i = 0; i < 3; i++) {
        lab_advance(lab, 1000);
    }
    run_all(&r);
    EXPECT_EQ_UINT(20, r.last);
    lab_end(lab);
}

// Behind a slow one by mistake: what waits goes to another worker as soon as that is free, and no
// more of it than that can run.
static void test_recall(void) {
    begin(&(struct lab_options){.plugin = "workers: 2"});
    static struct runner a, b;
    a = (struct runner){.w = lab_ready_worker(lab)};
    submit(LAB_FAST, 1);
    run_all(&a);
    submit(LAB_FAST, 10); // the other one is not there yet
    lab_settle(lab);
    take(&a);
    EXPECT_EQ_UINT(11, a.last);
    lab_begin(lab, a.w, 0, a.slots[1]);
    b = (struct runner){.w = lab_ready_worker(lab)};
    lab_advance(lab, 20);
    struct record record;
    unsigned recalled = 0;
    while (lab_next(a.w, &record)) {
        if (record.h.type == REC_RECALL) {
            EXPECT_EQ_UINT(a.slots[2], record.h.job);
            lab_send(a.w, REC_NACK, record.h.job);
            recalled++;
        }
    }
    EXPECT_EQ_UINT(1, recalled);
    lab_settle(lab);
    take(&b);
    EXPECT_EQ_UINT(1, b.last);
    run_all(&b);
    lab_begin(lab, a.w, 0, 0);
    a.slots[2] = a.slots[1]; // it is gone from here
    a.first = 2;
    run_all(&a);
    lab_end(lab);
}

static const struct expect_test tests[] = {
    {"slow jobs beside a lane of fast ones", test_slow_beside_fast},
    {"two fast lanes", test_fast_beside_fast},
    {"the window", test_window},
    {"a free thread is found", test_free_thread},
    {"as many threads as there can be", test_many_threads},
    {"a queue's concurrency", test_concurrency},
    {"claims that are refused", test_refused_claims},
    {"what waits behind a slow job is called back", test_recall},
};
SUITE_MAIN("supervisor dispatch", tests)
