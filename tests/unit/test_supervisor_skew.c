// Jobs whose steps other code wrote: what becomes of them where they meet a handler, and the builds that stay for them.
#include "core/skew.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "expect.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "supervisor/pin_file.h"
#include "supervisor/pins.h"
#include "supervisor/pool_private.h"
#include "supervisor/reload.h"

enum { SECOND = 1000, NAP_MS = 10 * SECOND, LOOK_MS = 60 * SECOND, AHEAD = 50 };

static struct lab *lab;
static struct lab_worker *old;

/* ---- jobs with steps ---- */

/* A worker of code that writes steps of `version` and resumes them from `oldest` on. */
static void hello(struct lab_worker *w, uint32_t version, uint32_t oldest) {
    w->steps_version = version;
    w->oldest_steps = oldest;
    lab_shake_hands(lab, w);
}

static void begin(const struct lab_options *options, uint32_t version) {
    lab = lab_open(options);
    old = lab_worker(lab);
    hello(old, version, version);
}

static void begin_with_policy(const char *policy, const char *plugin, uint32_t version) {
    static char more[100]; // the lab reads it again
    (void)snprintf(more, sizeof more, "jobs: {t.slow: {state_policy: %s}}\n", policy);
    begin(&(struct lab_options){.plugin = plugin, .more = more, .faulty = true}, version);
}

static void finish(struct lab_worker *w, uint64_t slot) {
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    lab_settle(lab);
}

/* A job that has a step, and sleeps for so long. */
static struct job_id sleeper(int64_t ms) {
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, old);
    const struct msg_step step = {
        .name = "one", .value = {.data = bytes_of("1")}, .state_version = old->steps_version};
    const struct msg_done done = {.status = JH_YIELD,
                                  .wait_kind = JH_WAIT_UNTIL,
                                  .wake_at_ms = lab_wall_ms(lab) + ms,
                                  .run_us = 1000};
    EXPECT_EQ_INT(0, msg_step_put(&old->out, slot, &step));
    EXPECT_EQ_INT(0, msg_done_put(&old->out, slot, &done));
    lab_flush(old);
    lab_begin(lab, old, 0, 0);
    lab_settle(lab);
    EXPECT_EQ_UINT(old->steps_version, lab_job(lab, &id)->steps_version);
    return id;
}

/* ---- other code ---- */

struct asked {
    struct reload_waiter waiter;
    bool answered;
};

static void on_verdict(struct reload_waiter *w, const struct reload_report *report) {
    EXPECT_TRUE(report->ok);
    CONTAINER_OF(w, struct asked, waiter)->answered = true;
}

static bool is_answered(struct lab *of, void *arg) {
    (void)of;
    return ((const struct asked *)arg)->answered;
}

/* Its worker. */
static struct lab_worker *replace_by(uint32_t version, uint32_t oldest, bool restartable) {
    struct asked asked = {.waiter = {.done = on_verdict}};
    char code[40];
    (void)snprintf(code, sizeof code, "%u since %u", version, oldest);
    lab_change_plugin(lab, code);
    reload_request(lab->host, "test", 0, &asked.waiter);
    struct lab_worker *w = lab_worker(lab);
    w->restartable = restartable;
    hello(w, version, oldest);
    lab_until(lab, is_answered, &asked, "the reload has ended");
    lab_settle(lab);
    return w;
}

/* The worker of the code that was replaced has nothing to do, and goes. */
static void old_goes(void) {
    lab_send(old, REC_BYE, 0);
    lab_die(old, 0);
    lab_settle(lab);
}

static size_t pinned(void) {
    size_t n = 0;
    while (pins_sha256(lab->host, n) != NULL) {
        n++;
    }
    return n;
}

/* What is parked is looked at a second after a build has come up, in rounds; one that is under way ends first. */
static void wait_for_wake(const struct job_id *id) {
    for (int s = 0; s < 60 && lab_state(lab, id) == JOB_PARKED; s++) {
        lab_advance(lab, SECOND);
    }
}

/* ---- where they meet ---- */

static void test_policies(void) {
    static const struct {
        const char *policy;
        uint32_t wrote, version, oldest;
        bool restartable;
        enum job_state state;
        enum park_reason park;
    } rows[] = {
        {"park", 2, 3, 2, false, JOB_RUNNING, PARK_NONE}, // the oldest that it resumes
        {"park", 2, 3, 3, false, JOB_PARKED, PARK_STATE_VERSION},
        {"park", 2, 2, 1, false, JOB_RUNNING, PARK_NONE},
        {"park", 2, 1, 1, false, JOB_PARKED, PARK_STATE_VERSION}, // a rollback
        {"restart", 2, 3, 3, true, JOB_RUNNING, PARK_NONE},
        {"restart", 2, 3, 3, false, JOB_PARKED, PARK_STATE_VERSION},
        {"fail", 2, 3, 3, true, JOB_DEAD, PARK_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin_with_policy(rows[i].policy, NULL, rows[i].wrote);
        struct job_id id = sleeper(NAP_MS);
        struct lab_worker *w = replace_by(rows[i].version, rows[i].oldest, rows[i].restartable);
        lab_advance(lab, NAP_MS);
        EXPECT_EQ_INT(rows[i].state, lab_state(lab, &id));
        const struct store_job *job = lab_job(lab, &id);
        EXPECT_EQ_INT(rows[i].park, job->park);
        if (rows[i].state == JOB_RUNNING) {
            bool kept = strcmp(rows[i].policy, "restart") != 0;
            EXPECT_EQ_UINT(kept ? rows[i].wrote : 0, job->steps_version);
            finish(w, lab_start(lab, w));
        } else {
            EXPECT_EQ_UINT(1, job->step_count);
            EXPECT_EQ_STR("state_version", job->error.code);
        }
        lab_end(lab);
    }
}

/* Of code that lies between, nothing is lost: it waits until somebody resumes it. */
static void test_parked_until_somebody_does(void) {
    begin_with_policy("park", NULL, 2);
    struct job_id id = sleeper(NAP_MS);
    (void)replace_by(4, 3, false);
    lab_advance(lab, NAP_MS);
    EXPECT_EQ_INT(PARK_STATE_VERSION, lab_job(lab, &id)->park);
    struct lab_worker *w = replace_by(5, 2, false);
    wait_for_wake(&id);
    finish(w, lab_start(lab, w));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    lab_end(lab);
}

/* ---- who is pinned ---- */

static void note(uint32_t version, uint32_t oldest, uint32_t next_version, uint32_t next_oldest,
                 const char *next_name, const char *sha256) {
    const struct pool_handler before_handler = {.name = "t.slow",
                                                .state = {version, oldest, false}};
    const struct pool_handler next_handler = {.name = next_name,
                                              .state = {next_version, next_oldest, false}};
    struct pool *serving = lab->host->pools->items[0];
    struct pool before = {.config = serving->config,
                          .manifest = {.handlers = &before_handler, .handler_count = 1}};
    const struct pool next = {.config = serving->config,
                              .manifest = {.handlers = &next_handler, .handler_count = 1}};
    (void)snprintf(before.snapshot.sha256, sizeof before.snapshot.sha256, "%s", sha256);
    pins_note(lab->host, &before, &next);
}

static void test_who_is_pinned(void) {
    static const struct {
        const char *policy;
        uint32_t version, oldest, next_version, next_oldest;
        const char *next_name;
        bool pinned;
    } rows[] = {
        {"pin", 1, 1, 2, 2, "t.slow", true},
        {"pin", 1, 1, 2, 1, "t.slow", false},
        {"pin", 3, 1, 4, 2, "t.slow", true}, // the oldest of its own would have nobody
        {"pin", 3, 2, 4, 2, "t.slow", false},
        {"pin", 3, 2, 2, 2, "t.slow", true}, // nor, after a rollback, the newest
        {"pin", 1, 1, 2, 2, "t.other", false},
        {"park", 1, 1, 2, 2, "t.slow", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin_with_policy(rows[i].policy, NULL, 1);
        note(rows[i].version, rows[i].oldest, rows[i].next_version, rows[i].next_oldest,
             rows[i].next_name, lab->host->pools->items[0]->snapshot.sha256);
        EXPECT_EQ_UINT(rows[i].pinned, pinned());
        lab_end(lab);
    }
}

static void test_as_many_as_there_may_be(void) {
    begin_with_policy("pin", NULL, 1);
    for (unsigned i = 0; i < PINS_MAX + 1; i++) {
        char sha256[65];
        (void)snprintf(sha256, sizeof sha256, "%064x", i);
        note(1, 1, 2, 2, "t.slow", sha256);
        EXPECT_EQ_UINT(i < PINS_MAX ? i + 1 : PINS_MAX, pinned());
    }
    lab_advance(lab, LOOK_MS); // nobody has steps
    EXPECT_EQ_UINT(0, pinned());
    lab_end(lab);
}

/* ---- what a pinned build does ---- */

static void test_a_job_ends_on_its_build(void) {
    begin_with_policy("pin", NULL, 1);
    struct job_id id = sleeper(NAP_MS);
    struct lab_worker *next = replace_by(2, 2, false), *pin = lab_worker(lab);
    EXPECT_EQ_UINT(1, pinned());
    EXPECT_EQ_UINT(0, pins_room(lab->host, "t.slow", 1)); // not up yet
    hello(pin, 1, 1);
    EXPECT_EQ_UINT(AHEAD, pins_room(lab->host, "t.slow", 1));
    EXPECT_EQ_UINT(0, pins_room(lab->host, "t.slow", 2));
    EXPECT_EQ_UINT(0, pins_room(lab->host, "t.fast", 1)); // its policy is another one
    struct job_id fresh = lab_submit(lab, LAB_SLOW);
    finish(next, lab_start(lab, next)); // what has no steps is not for the pinned one
    lab_advance(lab, NAP_MS);
    EXPECT_EQ_UINT(AHEAD - 1, pins_room(lab->host, "t.slow", 1));
    finish(pin, lab_start(lab, pin));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &fresh));
    EXPECT_EQ_UINT(1, pinned());
    old_goes();
    lab_advance(lab, LOOK_MS);
    EXPECT_EQ_UINT(0, pinned());
    (void)lab_expect(lab, pin, REC_DRAIN);
    lab_end(lab);
}

/* The one that is too many is parked, and woken when the others are done. */
static void test_more_than_it_takes(void) {
    struct job_id ids[AHEAD + 1];
    unsigned parked = 0;
    begin_with_policy("pin", NULL, 1);
    for (unsigned i = 0; i < AHEAD + 1; i++) {
        ids[i] = sleeper(NAP_MS);
    }
    (void)replace_by(2, 2, false);
    struct lab_worker *pin = lab_worker(lab);
    hello(pin, 1, 1);
    lab_advance(lab, NAP_MS);
    for (unsigned i = 0; i < 5; i++) {
        lab_advance(lab, SECOND); // nobody wakes it for no room
    }
    EXPECT_EQ_UINT(0, pins_room(lab->host, "t.slow", 1));
    for (unsigned i = 0; i < AHEAD + 1; i++) {
        parked += lab_job(lab, &ids[i])->park == PARK_PIN_UNAVAILABLE;
    }
    EXPECT_EQ_UINT(1, parked);
    for (unsigned i = 0; i < AHEAD; i++) {
        finish(pin, lab_start(lab, pin));
    }
    for (unsigned i = 0; i < AHEAD + 1; i++) {
        wait_for_wake(&ids[i]);
    }
    finish(pin, lab_start(lab, pin));
    for (unsigned i = 0; i < AHEAD + 1; i++) {
        EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &ids[i]));
    }
    lab_end(lab);
}

/* Its build could not be started again: the jobs wait for another one that resumes them. */
static void test_it_does_not_come_up(void) {
    begin_with_policy("pin", NULL, 1);
    struct job_id id = sleeper(NAP_MS);
    (void)replace_by(2, 2, false);
    struct lab_worker *pin = lab_worker(lab);
    lab_advance(lab, NAP_MS); // it is held for it already
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id));
    lab_die(pin, 1 << 8);
    lab_settle(lab);
    lab_advance(lab, SECOND);
    EXPECT_EQ_INT(PARK_PIN_UNAVAILABLE, lab_job(lab, &id)->park);
    struct lab_worker *w = replace_by(3, 1, false);
    wait_for_wake(&id);
    finish(w, lab_start(lab, w));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    lab_end(lab);
}

/* ---- how long it stays ---- */

static void test_its_age(void) {
    static const char *const plugins[] = {"pin_max_age: 120s", "pin_max_age: 121s"};
    for (int over = 0; over <= 1; over++) {
        begin_with_policy("pin", plugins[over], 1);
        struct job_id id = sleeper(1000 * SECOND);
        (void)replace_by(2, 2, false);
        hello(lab_worker(lab), 1, 1);
        lab_advance(lab, LOOK_MS);
        EXPECT_EQ_UINT(1, pinned());
        lab_advance(lab, LOOK_MS);
        EXPECT_EQ_UINT(over, pinned());
        lab_advance(lab, LOOK_MS);
        EXPECT_EQ_UINT(0, pinned());
        lab_advance(lab, 1000 * SECOND);
        EXPECT_EQ_INT(PARK_PIN_UNAVAILABLE, lab_job(lab, &id)->park);
        lab_end(lab);
    }
}

static void test_while_the_store_is_away(void) {
    begin_with_policy("pin", NULL, 1);
    (void)replace_by(2, 2, false);
    hello(lab_worker(lab), 1, 1);
    old_goes();
    struct faulty_plan *plan = faulty_plan_of(&lab->store);
    faulty_add(plan,
               (struct faulty_rule){.kind = STORE_LIST, .effect = FAULTY_BEFORE, .code = -EIO});
    lab_advance(lab, LOOK_MS);
    EXPECT_EQ_UINT(1, pinned()); // nobody knows whether it is needed
    plan->count = 0;
    lab_advance(lab, LOOK_MS - 1);
    EXPECT_EQ_UINT(1, pinned());
    lab_advance(lab, 1);
    EXPECT_EQ_UINT(0, pinned());
    lab_end(lab);
}

/* A job that still runs there may leave steps yet. */
static void test_while_its_old_workers_drain(void) {
    begin_with_policy("pin", "drain_soft: 1h, drain_hard: 2h", 1);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, old);
    (void)replace_by(2, 2, false);
    hello(lab_worker(lab), 1, 1);
    lab_advance(lab, LOOK_MS);
    EXPECT_EQ_UINT(1, pinned());
    finish(old, slot);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    old_goes();
    lab_advance(lab, LOOK_MS);
    EXPECT_EQ_UINT(0, pinned());
    lab_end(lab);
}

/* It is there again after a restart of the host, as long as it is needed. */
static void test_a_restart(void) {
    begin_with_policy("pin", NULL, 1);
    struct job_id id = sleeper(30 * SECOND);
    (void)replace_by(2, 2, false);
    hello(lab_worker(lab), 1, 1);
    lab_stop(lab);
    lab_shut(lab);
    lab_reopen_only(lab);
    struct lab_worker *next = lab_worker(lab);
    hello(next, 2, 2);
    lab_wait_running(lab);
    struct lab_worker *pin = lab_worker(lab);
    hello(pin, 1, 1);
    EXPECT_EQ_UINT(1, pinned());
    lab_advance(lab, 30 * SECOND);
    finish(pin, lab_start(lab, pin));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    lab_end(lab);
}

static const struct expect_test tests[] = {
    {"what becomes of a job", test_policies},
    {"parked until somebody resumes it", test_parked_until_somebody_does},
    {"which builds are pinned", test_who_is_pinned},
    {"as many pinned builds as there may be, and one more", test_as_many_as_there_may_be},
    {"a job ends on its build", test_a_job_ends_on_its_build},
    {"as many jobs as a pinned build takes, and one more", test_more_than_it_takes},
    {"a pinned build does not come up", test_it_does_not_come_up},
    {"a pinned build is too old", test_its_age},
    {"the store is away when it looks", test_while_the_store_is_away},
    {"jobs run on the old workers", test_while_its_old_workers_drain},
    {"the host is started again", test_a_restart},
};
SUITE_MAIN("supervisor skew", tests)
