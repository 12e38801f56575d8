// Job types that nobody has a handler for any more: how many of their jobs are said to wait, and how they end.
#include "supervisor/orphans.h"

#include <errno.h>
#include <string.h>

#include "expect.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "supervisor/jobs.h"
#include "supervisor/pool_private.h"

enum { SECOND = 1000, HOUR = 3600 * SECOND, A_SECOND = 50, SUBMIT_MAX = 100 };

static struct lab *lab;

static struct {
    bool called;
    size_t count;
    struct orphan items[ORPHANS_MAX + 1]; // with texts that last as long as the host
} told;

static void begin(void) {
    lab = lab_open(&(struct lab_options){.faulty = true});
    (void)lab_ready_worker(lab);
}

/* ---- jobs that nobody takes ---- */

static bool is_told(struct lab *of, void *arg) {
    (void)of;
    return *(const bool *)arg;
}

static void submitted(struct store_op *op) {
    EXPECT_EQ_INT(0, op->status);
    *(bool *)op->arg = true;
}

static void submit_some(const char *type, unsigned n, int64_t delay_ms, struct job_id *ret_ids) {
    bool done = false;
    struct problem problem;
    static struct job_spec specs[SUBMIT_MAX];
    static struct store_submit_item items[SUBMIT_MAX];
    struct store_submit op = {.op = {.done = submitted, .arg = &done}, .items = items, .count = n};
    const struct job_request request = {
        .type = "t.slow", .priority = -1, .dedup_mode = -1, .delay_ms = delay_ms};
    for (unsigned i = 0; i < n; i++) {
        EXPECT_EQ_INT(0, jobs_resolve(lab->host, &request, &op.op.arena, &specs[i], &problem));
        specs[i].type = type;
        items[i] = (struct store_submit_item){.spec = &specs[i]};
        if (ret_ids != NULL) {
            ret_ids[i] = specs[i].id;
        }
    }
    jobs_submit(lab->host, &op);
    lab_until(lab, is_told, &done, "jobs are submitted");
    store_op_finish(&op.op);
}

static void submit(const char *type, unsigned n, int64_t delay_ms) {
    for (unsigned some; n > 0; n -= some) {
        some = n < SUBMIT_MAX ? n : SUBMIT_MAX;
        submit_some(type, some, delay_ms, NULL);
    }
    lab_settle(lab);
}

/* ---- who they are ---- */

static void note(const char *type) {
    const struct pool_handler handler = {.name = type};
    const struct pool pool = {.config = lab->host->pools->items[0]->config,
                              .manifest = {.handlers = &handler, .handler_count = 1}};
    orphans_note(lab->host, &pool);
}

static void on_counted(void *arg, const struct orphan *items, size_t count) {
    EXPECT_TRUE(arg == &told);
    EXPECT_FALSE(told.called);
    told.called = true;
    told.count = count;
    if (count > 0) {
        memcpy(told.items, items, count * sizeof *items);
    }
}

static void ask(void) {
    told.called = false;
    orphans_count(lab->host, on_counted, &told);
}

static void count(void) {
    ask();
    lab_until(lab, is_told, &told.called, "orphans are counted");
}

static void expect_told(size_t i, const char *type, int64_t jobs, bool more) {
    if (EXPECT_TRUE(i < told.count)) {
        EXPECT_EQ_STR(type, told.items[i].type);
        EXPECT_EQ_STR("t", told.items[i].plugin);
        EXPECT_EQ_INT(jobs, told.items[i].jobs);
        EXPECT_TRUE(told.items[i].more == more);
    }
}

/* ---- counting ---- */

static void test_nobody(void) {
    begin();
    submit("a.gone", 1, 0); // of which no reload knows
    ask();
    EXPECT_TRUE(told.called); // at once
    EXPECT_EQ_UINT(0, told.count);
    note("t.slow"); // has a handler
    ask();
    EXPECT_TRUE(told.called);
    note("b.gone"); // has no jobs
    count();
    EXPECT_EQ_UINT(0, told.count);
    lab_end(lab);
}

static void test_what_waits(void) {
    begin();
    submit("a.gone", 2, 0);
    submit("a.gone", 3, HOUR);
    submit("b.gone", 1, HOUR);
    note("a.gone");
    note("b.gone");
    note("a.gone"); // by another pool
    count();
    EXPECT_EQ_UINT(2, told.count);
    expect_told(0, "a.gone", 5, false);
    expect_told(1, "b.gone", 1, false);
    ask(); // of the next reload it is not said again
    EXPECT_TRUE(told.called);
    EXPECT_EQ_UINT(0, told.count);
    lab_end(lab);
}

static void test_a_page_of_them(void) {
    begin();
    submit("a.gone", ORPHANS_PAGE, HOUR);
    note("a.gone");
    count();
    expect_told(0, "a.gone", ORPHANS_PAGE, false);
    submit("a.gone", 1, HOUR);
    note("a.gone");
    count();
    expect_told(0, "a.gone", ORPHANS_PAGE, true);
    submit("a.gone", 7, 0); // those are all counted
    note("a.gone");
    count();
    expect_told(0, "a.gone", ORPHANS_PAGE + 7, true);
    lab_end(lab);
}

static void test_types_that_are_counted(void) {
    char types[ORPHANS_COUNTED + 1][16];
    begin();
    for (size_t i = 0; i <= ORPHANS_COUNTED; i++) {
        (void)snprintf(types[i], sizeof types[i], "gone.n%zu", i);
        submit(types[i], 1, 0);
        submit(types[i], 1, HOUR);
        note(types[i]);
    }
    count();
    EXPECT_EQ_UINT(ORPHANS_COUNTED + 1, told.count);
    for (size_t i = 0; i <= ORPHANS_COUNTED; i++) {
        bool all = i < ORPHANS_COUNTED;
        expect_told(i, types[i], all ? 2 : 1, !all);
    }
    lab_end(lab);
}

static void test_types_that_are_remembered(void) {
    char type[24], last[24];
    begin();
    for (size_t i = 0; i <= ORPHANS_MAX; i++) {
        (void)snprintf(type, sizeof type, "gone.n%zu", i);
        note(type);
    }
    (void)snprintf(last, sizeof last, "gone.n%d", ORPHANS_MAX - 1);
    submit(last, 1, 0);
    submit(type, 1, 0); // the one that was too many
    count();
    EXPECT_EQ_UINT(1, told.count);
    expect_told(0, last, 1, true);
    lab_end(lab);
}

static void refuse(enum store_op_kind kind) {
    faulty_add(
        faulty_plan_of(&lab->store),
        (struct faulty_rule){.kind = (int)kind, .effect = FAULTY_BEFORE, .code = -EIO, .times = 1});
}

static void test_the_store_does_not_say(void) {
    begin();
    submit("a.gone", 2, 0);
    note("a.gone");
    refuse(STORE_STATS);
    count();
    expect_told(0, "a.gone", -1, false);
    note("a.gone");
    refuse(STORE_LIST); // of the scheduled ones: there may be more
    count();
    expect_told(0, "a.gone", 2, true);
    lab_end(lab);
}

static void test_nobody_wants_to_know(void) {
    begin();
    submit("a.gone", 1, 0);
    note("a.gone");
    ask();
    orphans_forget(lab->host);
    lab_settle(lab);
    EXPECT_FALSE(told.called);
    lab_end(lab);
}

/* ---- their end ---- */

static unsigned dead(const struct job_id *ids, unsigned n) {
    unsigned found = 0;
    for (unsigned i = 0; i < n; i++) {
        found += lab_state(lab, &ids[i]) == JOB_DEAD;
    }
    return found;
}

static void test_fifty_a_second(void) {
    struct job_id ids[A_SECOND + 1], later;
    begin();
    submit_some("a.gone", A_SECOND + 1, 0, ids);
    submit_some("a.gone", 1, HOUR, &later);
    note("a.gone");
    count();
    orphans_bury(lab->host);
    lab_advance(lab, 0);
    EXPECT_EQ_UINT(A_SECOND, dead(ids, A_SECOND + 1));
    lab_advance(lab, SECOND - 1);
    EXPECT_EQ_UINT(A_SECOND, dead(ids, A_SECOND + 1));
    lab_advance(lab, 1);
    EXPECT_EQ_UINT(A_SECOND + 1, dead(ids, A_SECOND + 1));
    lab_advance(lab, 0); // queued ones are at their end
    EXPECT_EQ_INT(JOB_DEAD, lab_state(lab, &later));
    const struct store_job *job = lab_job(lab, &later);
    EXPECT_EQ_STR("no_handler", job->error.code);
    EXPECT_CONTAINS("no loaded plugin has a handler", job->error.message);
    EXPECT_EQ_INT(lab_wall_ms(lab) + config_queue(lab->host->config, "t")->dead_ttl_ms,
                  job->expires_at_ms);
    lab_end(lab);
}

static void test_what_has_a_handler_again(void) {
    struct job_id mine, gone, running;
    begin();
    running = lab_submit(lab, LAB_SLOW);
    submit_some("t.slow", 1, HOUR, &mine);
    submit_some("a.gone", 1, HOUR, &gone);
    note("t.slow");
    note("a.gone");
    orphans_bury(lab->host); // nobody has counted since
    for (int i = 0; i < 10; i++) {
        lab_advance(lab, SECOND);
    }
    EXPECT_EQ_INT(JOB_SCHEDULED, lab_state(lab, &mine));
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &running));
    EXPECT_EQ_INT(JOB_DEAD, lab_state(lab, &gone));
    lab_done(lab->workers[0], lab_start(lab, lab->workers[0]), JH_OK, JH_E_NONE);
    lab_settle(lab);
    lab_end(lab);
}

// Types that are noted while others are buried have their turn.
static void test_more_of_them_meanwhile(void) {
    struct job_id ids[A_SECOND + 1], other;
    begin();
    submit_some("a.gone", A_SECOND + 1, 0, ids);
    submit_some("b.gone", 1, 0, &other);
    note("a.gone");
    orphans_bury(lab->host);
    lab_advance(lab, 0);
    note("b.gone");
    orphans_bury(lab->host);
    for (int i = 0; i < 10; i++) {
        lab_advance(lab, SECOND);
    }
    EXPECT_EQ_UINT(A_SECOND + 1, dead(ids, A_SECOND + 1));
    EXPECT_EQ_INT(JOB_DEAD, lab_state(lab, &other));
    lab_end(lab);
}

static const struct expect_test tests[] = {
    {"nobody is one", test_nobody},
    {"what waits", test_what_waits},
    {"a page of jobs, and one more", test_a_page_of_them},
    {"types that are counted, and one more", test_types_that_are_counted},
    {"types that are remembered, and one more", test_types_that_are_remembered},
    {"the store does not say how many", test_the_store_does_not_say},
    {"nobody wants to know", test_nobody_wants_to_know},
    {"fifty end a second, and one more", test_fifty_a_second},
    {"what has a handler again", test_what_has_a_handler_again},
    {"more types meanwhile", test_more_of_them_meanwhile},
};
SUITE_MAIN("supervisor orphans", tests)
