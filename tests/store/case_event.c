/* Events: what is kept, who is woken, and that nothing falls between looking and parking. */
#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "redis_proxy.h"
#include "redis_server.h"
#include "sample.h"
#include "store/events.h"
#include "store/sqlite/event_log.h"

static struct store_event event_of(const char *name, const char *value) {
    return (struct store_event){
        .name = name, .content_type = "text/plain", .value = {value, strlen(value)}};
}

static int publish_event(struct rig *rig, const struct store_event *event) {
    struct store_event_item item = {.event = *event};
    struct store_event_put put = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(rig, &put.op, STORE_EVENT_PUT));
    store_op_finish(&put.op);
    return item.status;
}

static int publish(struct rig *rig, const char *name, const char *value) {
    const struct store_event event = event_of(name, value);
    return publish_event(rig, &event);
}

// All that there is to do; how many jobs were looked at.
static size_t forward(struct rig *rig) {
    size_t all = 0;
    struct store_forward f = {.limit = 3};
    do {
        EXPECT_EQ_INT(0, rig_run(rig, &f.op, STORE_FORWARD));
        all += f.delivered;
    } while (f.more);
    store_op_finish(&f.op);
    return all;
}

// The job parks for the n-th event of this name that is behind `position`.
static int park(struct rig *rig, const struct store_claimed *job, const char *name, uint32_t n,
                int64_t since_ms, const char *position, int64_t until_ms) {
    char step[WAITS_STEP_MAX], wait_for[WAITS_EVENT_TEXT_MAX];
    struct waits_event wait = {.n = n, .since_ms = since_ms};
    const struct store_step open = {step, {"open 0 0 -\n", 11}};
    struct store_commit_item item = rig_item(job, JOB_EV_PARK);
    (void)snprintf(wait.position, sizeof wait.position, "%s", position);
    waits_event_put(&wait, wait_for);
    if (n == 0) {
        waits_plain_step(name, step);
    } else {
        waits_event_step(name, n, step);
    }
    item.park = PARK_EVENT;
    item.wait_key = name;
    item.wait_for = wait_for;
    item.run_at_ms = until_ms;
    item.steps = &open;
    item.step_count = 1;
    item.state_version = 1;
    return rig_commit(rig, &item);
}

static struct job_id submit_for(struct rig *rig, const char *queue, const char *tenant) {
    struct job_spec spec = rig_spec(rig, queue, "t");
    spec.tenant = tenant;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    return spec.id;
}

// A job that waits for the first event of this name since it was made.
static struct job_id make_waiting(struct rig *rig, const char *queue, const char *name) {
    struct job_id id = submit_for(rig, queue, NULL);
    EXPECT_EQ_INT(0, park(rig, rig_claim_one(rig, queue, "t"), name, 1, id_time_ms(&id), "-", 0));
    return id;
}

// What the step says: the event's value, or NULL. `ret_position` gets its place.
static const char *got(struct rig *rig, const struct job_id *id, const char *name, uint32_t n,
                       char *ret_position) {
    static char value[64];
    char step[WAITS_STEP_MAX];
    struct waits_step is;
    struct store_step_get *get = RIG_NEW(rig, store_step_get);
    waits_event_step(name, n, step);
    get->id = *id;
    get->name = step;
    EXPECT_EQ_INT(0, rig_run(rig, &get->op, STORE_STEP_GET));
    if (!EXPECT_EQ_INT(0, waits_step_read(get->value, &is)) || is.state != WAITS_GOT) {
        return NULL;
    }
    EXPECT_EQ_STR("text/plain", is.type);
    (void)snprintf(value, sizeof value, "%.*s", (int)is.value.len, (const char *)is.value.data);
    if (ret_position != NULL) {
        (void)snprintf(ret_position, WAITS_POSITION_MAX + 1, "%s", is.position);
    }
    return value;
}

static void test_after_park(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = make_waiting(&rig, "q", "paid");
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_INT(PARK_EVENT, job->park);
    EXPECT_EQ_STR("paid", job->wait_key);
    EXPECT_EQ_UINT(0, forward(&rig));
    EXPECT_EQ_INT(0, publish(&rig, "other", "x"));
    EXPECT_EQ_UINT(0, forward(&rig));
    rig_expect_sound(&rig);
    rig.now += 5;
    EXPECT_EQ_INT(0, publish(&rig, "paid", "one"));
    rig_forget(&rig);
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_TRUE(rig_was_ready(&rig, "q", "t"));
    job = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_QUEUED, job->state);
    EXPECT_NULL(job->wait_key);
    EXPECT_NULL(job->wait_for);
    EXPECT_EQ_UINT(1, job->step_count);
    EXPECT_EQ_STR("one", got(&rig, &id, "paid", 1, NULL));
    EXPECT_EQ_INT(0, publish(&rig, "paid", "two")); // it is not told of that
    EXPECT_EQ_UINT(0, forward(&rig));
    EXPECT_EQ_STR("one", got(&rig, &id, "paid", 1, NULL));
    const struct store_claimed *again = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_UINT(1, again->steps_version);
    EXPECT_EQ_INT(0, rig_succeed(&rig, again));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// What came before the job was made is not for it; what came since then is, each once, in order.
static void test_before_park(void) {
    struct rig rig;
    char position[WAITS_POSITION_MAX + 1];
    rig_start(&rig);
    EXPECT_EQ_INT(0, publish(&rig, "paid", "zero"));
    rig.now += 10;
    struct job_id id = submit_for(&rig, "q", NULL);
    int64_t since = id_time_ms(&id);
    EXPECT_EQ_INT(0, publish(&rig, "paid", "one"));
    rig.now += 10;
    EXPECT_EQ_INT(0, publish(&rig, "paid", "two"));
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 1, since, "-", 0));
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_STR("one", got(&rig, &id, "paid", 1, position));
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 2, since, position, 0));
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_STR("two", got(&rig, &id, "paid", 2, position));
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 3, since, position, 0));
    EXPECT_EQ_UINT(0, forward(&rig));
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &id));
    EXPECT_EQ_INT(0, publish(&rig, "paid", "three"));
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_STR("three", got(&rig, &id, "paid", 3, NULL));
    EXPECT_EQ_UINT(3, rig_get(&rig, &id)->step_count);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A plain yield() has the event as it came, and its place beside it.
static void test_plain(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = submit_for(&rig, "q", NULL);
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 0, 0, "-", 0));
    EXPECT_EQ_INT(0, publish(&rig, "paid", "raw"));
    EXPECT_EQ_UINT(1, forward(&rig));
    struct store_step_get *get = RIG_NEW(&rig, store_step_get);
    get->id = id;
    get->name = "event:paid";
    EXPECT_EQ_INT(0, rig_run(&rig, &get->op, STORE_STEP_GET));
    EXPECT_EQ_BYTES("raw", 3, get->value.data, get->value.len);
    struct waits_step is;
    get->name = "event:paid#";
    EXPECT_EQ_INT(0, rig_run(&rig, &get->op, STORE_STEP_GET));
    EXPECT_EQ_INT(0, waits_step_read(get->value, &is));
    EXPECT_EQ_INT(WAITS_GOT, is.state);
    EXPECT_EQ_UINT(0, is.value.len);
    EXPECT_TRUE(strcmp("-", is.position) != 0);
    EXPECT_EQ_UINT(2, rig_get(&rig, &id)->step_count);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

enum { WAITING = 25 };

static void test_broadcast(void) {
    struct rig rig;
    struct job_id ids[WAITING];
    struct store_forward f = {.limit = 10};
    rig_start(&rig);
    for (int i = 0; i < WAITING; i++) {
        ids[i] = make_waiting(&rig, i % 2 == 0 ? "q" : "p", "paid");
    }
    struct job_id other = make_waiting(&rig, "q", "other");
    EXPECT_EQ_INT(0, publish(&rig, "paid", "one"));
    size_t rounds = 0, woken = 0;
    do {
        EXPECT_EQ_INT(0, rig_run(&rig, &f.op, STORE_FORWARD));
        EXPECT_TRUE(f.delivered <= 10);
        EXPECT_TRUE(f.woken <= f.delivered);
        woken += f.woken;
        rounds++;
    } while (f.more);
    store_op_finish(&f.op);
    EXPECT_TRUE(rounds >= 3);
    EXPECT_EQ_UINT(WAITING, woken);
    for (int i = 0; i < WAITING; i++) {
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &ids[i]));
        EXPECT_EQ_STR("one", got(&rig, &ids[i], "paid", 1, NULL));
    }
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &other));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_tenants(void) {
    static const char *const tenants[] = {"ann", "bob", NULL};
    struct rig rig;
    struct job_id ids[3];
    rig_start(&rig);
    for (int i = 0; i < 3; i++) {
        ids[i] = submit_for(&rig, "q", tenants[i]);
        EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 1, 0, "-", 0));
    }
    struct store_event event = event_of("paid", "hers");
    event.tenant = "ann";
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    struct store_forward f = {.limit = 10};
    EXPECT_EQ_INT(0, rig_run(&rig, &f.op, STORE_FORWARD));
    EXPECT_EQ_UINT(3, f.delivered);
    EXPECT_EQ_UINT(1, f.woken);
    store_op_finish(&f.op);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &ids[0]));
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &ids[1]));
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &ids[2]));
    EXPECT_EQ_INT(0, publish(&rig, "paid", "everybody's"));
    (void)forward(&rig);
    EXPECT_EQ_STR("hers", got(&rig, &ids[0], "paid", 1, NULL));
    EXPECT_EQ_STR("everybody's", got(&rig, &ids[1], "paid", 1, NULL)); // passing over hers
    EXPECT_EQ_STR("everybody's", got(&rig, &ids[2], "paid", 1, NULL));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// In a queue where all stand in one line, also those who are woken.
static void test_one_line(void) {
    static const struct store_queue_setup setup = {.queue = "q", .one_line = true};
    struct rig rig;
    rig_init(&rig);
    rig.config.queues = &setup;
    rig.config.queue_count = 1;
    EXPECT_EQ_INT(0, rig_open(&rig));
    struct job_id first = submit_for(&rig, "q", NULL), woken = submit_for(&rig, "q", "ann");
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 2);
    EXPECT_EQ_UINT(2, claim->job_count);
    EXPECT_EQ_INT(0, park(&rig, &claim->jobs[0], "other", 1, 0, "-", 0));
    EXPECT_EQ_INT(0, park(&rig, &claim->jobs[1], "paid", 1, 0, "-", 0));
    struct job_id before = submit_for(&rig, "q", "bob");
    rig.now++;
    EXPECT_EQ_INT(0, publish(&rig, "paid", "one"));
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &first));
    rig_expect_sound(&rig);
    EXPECT_TRUE(id_equal(&before, &rig_claim_one(&rig, "q", "t")->spec.id));
    EXPECT_TRUE(id_equal(&woken, &rig_claim_one(&rig, "q", "t")->spec.id));
    rig_finish(&rig);
}

// Looking back, each tenant finds its own among those of others, in the order in which all came.
static void test_tenants_look_back(void) {
    static const char *const tenants[] = {"bob", "ann", NULL, "an", "ann"};
    static const char *const values[] = {"1", "2", "3", "4", "5"};
    struct rig rig;
    char position[WAITS_POSITION_MAX + 1] = "-";
    rig_start(&rig);
    struct job_id id = submit_for(&rig, "q", "ann");
    for (size_t i = 0; i < ARRAY_LEN(tenants); i++) {
        struct store_event event = event_of("paid", values[i]);
        event.tenant = tenants[i];
        EXPECT_EQ_INT(0, publish_event(&rig, &event));
        rig.now++;
    }
    static const char *const hers[] = {"2", "3", "5"};
    for (uint32_t n = 1; n <= ARRAY_LEN(hers); n++) {
        const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
        EXPECT_EQ_INT(0, park(&rig, job, "paid", n, id_time_ms(&id), position, 0));
        EXPECT_EQ_UINT(1, forward(&rig));
        EXPECT_EQ_STR(hers[n - 1], got(&rig, &id, "paid", n, position));
    }
    int64_t since = rig.now - 1; // the last one came then
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 4, since, "-", 0));
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_STR("5", got(&rig, &id, "paid", 4, NULL));
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 5, since + 1, "-", 0));
    EXPECT_EQ_UINT(0, forward(&rig));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A clock that is set back, or another host's that is late: what comes while a job is parked is for it, each once.
static void test_clock_back(void) {
    struct rig rig;
    char position[WAITS_POSITION_MAX + 1] = "-";
    rig_start(&rig);
    struct job_id id = make_waiting(&rig, "q", "paid");
    int64_t since = id_time_ms(&id);
    rig.now -= 60000;
    EXPECT_EQ_INT(0, publish(&rig, "paid", "one"));
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_STR("one", got(&rig, &id, "paid", 1, position));
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 2, since, position, 0));
    EXPECT_EQ_UINT(0, forward(&rig)); // it has had that one
    rig.now -= 60000;
    EXPECT_EQ_INT(0, publish(&rig, "paid", "two"));
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_STR("two", got(&rig, &id, "paid", 2, position));
    rig_expect_sound(&rig);
    // all go, and places go on
    struct store_sweep sweep = {.limit = 100};
    rig.now += 48 * INT64_C(3600000);
    EXPECT_EQ_INT(0, rig_run(&rig, &sweep.op, STORE_SWEEP));
    EXPECT_EQ_UINT(2, sweep.removed);
    store_op_finish(&sweep.op);
    rig.now -= 72 * INT64_C(3600000);
    EXPECT_EQ_INT(0, publish(&rig, "paid", "three"));
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 3, 0, position, 0));
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_STR("three", got(&rig, &id, "paid", 3, NULL));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// An older store does not tell tenants apart, and numbers events one by one.
static void test_older_events(void) {
    struct rig rig;
    char position[WAITS_POSITION_MAX + 1] = "-";
    rig_start(&rig);
    struct job_id id = submit_for(&rig, "q", "ann");
    struct store_event event = event_of("paid", "one");
    event.tenant = "ann";
    rig.now++;
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    EXPECT_EQ_INT(0, publish(&rig, "paid", "two"));
    EXPECT_EQ_INT(0, publish(&rig, "other", "more"));
    rig_close(&rig);
    rig_sql(&rig,
            "DROP INDEX events_line; UPDATE event_names SET bytes = 131 * count;"
            "UPDATE events SET seq = (SELECT count(*) FROM events e WHERE e.seq <= events.seq);"
            "UPDATE sqlite_sequence SET seq = 3; ALTER TABLE flows DROP COLUMN deep;"
            " DROP TABLE once; DROP TABLE tokens; ALTER TABLE audit DROP COLUMN origin; "
            "ALTER TABLE audit DROP COLUMN outcome; PRAGMA user_version=11");
    EXPECT_EQ_INT(0, rig_open(&rig));
    (void)rig_recover(&rig);
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(0, publish(&rig, "paid", "three"));
    static const char *const values[] = {"one", "two", "three"};
    for (uint32_t n = 1; n <= ARRAY_LEN(values); n++) {
        const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
        EXPECT_EQ_INT(0, park(&rig, job, "paid", n, id_time_ms(&id), position, 0));
        EXPECT_EQ_UINT(1, forward(&rig));
        EXPECT_EQ_STR(values[n - 1], got(&rig, &id, "paid", n, position));
    }
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* With many names, fsck finds the events of each by an index. */
static void test_events_of_a_name(void) {
    struct rig rig;
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    unsigned found = 0;
    rig_start(&rig);
    rig_close(&rig);
    EXPECT_EQ_INT(SQLITE_OK, sqlite3_open(rig.db, &db));
    EXPECT_EQ_INT(SQLITE_OK, sqlite3_prepare_v2(db,
                                                "EXPLAIN QUERY PLAN SELECT " EVENT_LOG_OF_NAME(
                                                    "sum" EVENT_LOG_BYTES) " FROM event_names",
                                                -1, &s, NULL));
    while (sqlite3_step(s) == SQLITE_ROW) {
        found += strstr((const char *)sqlite3_column_text(s, 3), "SEARCH e USING INDEX") != NULL;
    }
    EXPECT_EQ_UINT(1, found);
    (void)sqlite3_finalize(s);
    (void)sqlite3_close(db);
    rig_finish(&rig);
}

static void test_keys_of_events(void) {
    struct rig rig;
    rig_start(&rig);
    rig.now += 1;
    struct store_event event = event_of("paid", "one");
    event.key = "a";
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    event.value = (struct bytes){"two", 3};
    EXPECT_EQ_INT(-EEXIST, publish_event(&rig, &event));
    event.name = "other";
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    event.name = "paid";
    event.key = "b";
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    struct job_id id = submit_for(&rig, "q", NULL);
    char position[WAITS_POSITION_MAX + 1];
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 1, 0, "-", 0));
    (void)forward(&rig);
    EXPECT_EQ_STR("one", got(&rig, &id, "paid", 1, position));
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 2, 0, position, 0));
    (void)forward(&rig);
    EXPECT_EQ_STR("two", got(&rig, &id, "paid", 2, NULL));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Whatever ends a wait, nobody is told of an event later.
static void test_waits_end(void) {
    static const enum job_event ends[] = {JOB_EV_CANCEL, JOB_EV_WAKE, JOB_EV_PROMOTE, JOB_EV_DIE};
    struct rig rig;
    struct job_id ids[ARRAY_LEN(ends)];
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char queue[] = {'q', (char)('a' + (int)i), '\0'};
        ids[i] = make_waiting(&rig, queue, "paid");
        EXPECT_EQ_INT(0, rig_move(&rig, &ids[i], ends[i]));
    }
    EXPECT_EQ_INT(0, rig_move(&rig, &ids[1], JOB_EV_PARK)); // for nothing in particular
    struct job_id id = submit_for(&rig, "p", NULL);
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "p", "t"), "paid", 1, 0, "-", rig.now + 1000));
    rig.now += 1000;
    EXPECT_EQ_INT(1, rig_due(&rig, NULL));
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(0, publish(&rig, "paid", "late"));
    EXPECT_EQ_UINT(0, forward(&rig));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &id));
    EXPECT_NULL(got(&rig, &id, "paid", 1, NULL));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// The time of a wait has come while nobody looked: the event comes first, and is all that happens.
static void test_event_or_time(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = submit_for(&rig, "q", NULL);
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 1, 0, "-", rig.now + 1000));
    rig.now += 2000;
    EXPECT_EQ_INT(0, publish(&rig, "paid", "one"));
    EXPECT_EQ_UINT(1, forward(&rig));
    uint32_t rev = rig_get(&rig, &id)->rev;
    EXPECT_EQ_INT(0, rig_due(&rig, NULL));
    EXPECT_EQ_UINT(rev, rig_get(&rig, &id)->rev);
    EXPECT_EQ_STR("one", got(&rig, &id, "paid", 1, NULL));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Children of other queues come first: if they are as many as may come, the event is still to be brought.
static void test_behind_children(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = make_waiting(&rig, "q", "paid");
    (void)rig_submit_plain(&rig, "p", "teller");
    struct job_spec child = rig_spec(&rig, "far", "t");
    struct store_commit_item item = rig_item(rig_claim_one(&rig, "p", "teller"), JOB_EV_SUCCEED);
    const struct store_event event = event_of("paid", "one");
    item.children = &child;
    item.child_count = 1;
    item.events = &event;
    item.event_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    struct store_forward f = {.limit = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &f.op, STORE_FORWARD));
    EXPECT_EQ_UINT(1, f.delivered);
    EXPECT_TRUE(f.more);
    store_op_finish(&f.op);
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &id));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_by_a_job(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = make_waiting(&rig, "q", "paid");
    (void)rig_submit_plain(&rig, "p", "teller");
    const struct store_claimed *teller = rig_claim_one(&rig, "p", "teller");
    struct store_event events[] = {event_of("paid", "one"), event_of("paid", "two")};
    struct store_commit_item item = rig_item(teller, JOB_EV_NONE);
    item.events = events;
    item.event_count = 2;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(0, rig_commit(&rig, &item)); // repeated
    EXPECT_EQ_UINT(1, forward(&rig));
    char position[WAITS_POSITION_MAX + 1];
    EXPECT_EQ_STR("one", got(&rig, &id, "paid", 1, position));
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 2, 0, position, 0));
    (void)forward(&rig);
    EXPECT_EQ_STR("two", got(&rig, &id, "paid", 2, position));
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 3, 0, position, 0));
    EXPECT_EQ_UINT(0, forward(&rig));
    item.commit_no++; // its last commit
    item.event = JOB_EV_SUCCEED;
    events[0].value = (struct bytes){"three", 5};
    item.event_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    (void)forward(&rig);
    EXPECT_EQ_STR("three", got(&rig, &id, "paid", 3, NULL));
    (void)rig_submit_plain(&rig, "p", "teller");
    item = rig_item(rig_claim_one(&rig, "p", "teller"), JOB_EV_SUCCEED);
    events[0].name = "a b";
    item.events = events;
    item.event_count = 1;
    EXPECT_EQ_INT(-E2BIG, rig_commit(&rig, &item));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// What is there survives the host, on both sides.
static void test_another_boot(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = make_waiting(&rig, "q", "paid");
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    EXPECT_EQ_INT(0, publish(&rig, "paid", "one"));
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_STR("one", got(&rig, &id, "paid", 1, NULL));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static size_t count_kept(struct rig *rig, const char *name) {
    char position[WAITS_POSITION_MAX + 1] = "-";
    struct job_id id = submit_for(rig, "count", NULL);
    size_t n = 0;
    for (;; n++) {
        const struct store_claimed *job = rig_claim_one(rig, "count", "t");
        EXPECT_EQ_INT(0, park(rig, job, name, (uint32_t)n + 1, 0, position, 0));
        (void)forward(rig);
        if (rig_state(rig, &id) == JOB_PARKED ||
            got(rig, &id, name, (uint32_t)n + 1, position) == NULL) {
            break;
        }
    }
    EXPECT_EQ_INT(0, rig_move(rig, &id, JOB_EV_CANCEL));
    return n;
}

static void test_bounds_of_a_name(void) {
    struct rig rig;
    static char large[3000];
    memset(large, 'x', sizeof large - 1);
    rig_init(&rig);
    rig.config.event_keep_ms = 60000;
    rig.config.event_max_kept = 4;
    rig.config.event_max_bytes = 10000;
    EXPECT_EQ_INT(0, rig_open(&rig));
    for (int i = 0; i < 6; i++) {
        EXPECT_EQ_INT(0, publish(&rig, "many", "x"));
        EXPECT_EQ_INT(0, publish(&rig, "large", large));
    }
    EXPECT_EQ_UINT(4, count_kept(&rig, "many"));
    EXPECT_EQ_UINT(3, count_kept(&rig, "large"));
    rig_expect_sound(&rig);
    rig.now += 30000;
    EXPECT_EQ_INT(0, publish(&rig, "many", "younger"));
    rig.now += 30000;
    struct store_sweep sweep = {.limit = 100};
    EXPECT_EQ_INT(0, rig_run(&rig, &sweep.op, STORE_SWEEP));
    EXPECT_EQ_UINT(6, sweep.removed);
    EXPECT_EQ_UINT(1, count_kept(&rig, "many"));
    EXPECT_EQ_UINT(0, count_kept(&rig, "large"));
    store_op_finish(&sweep.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A job looks back to its time and no further, and what is kept is as many as the name may have, as old as they may be.
static void test_look_back(void) {
    enum { KEPT = 3, KEEP_MS = 60000 };
    struct rig rig;
    char position[WAITS_POSITION_MAX + 1];
    rig_init(&rig);
    rig.config.event_keep_ms = KEEP_MS;
    rig.config.event_max_kept = KEPT;
    EXPECT_EQ_INT(0, rig_open(&rig));
    int64_t first = rig.now;
    EXPECT_EQ_INT(0, publish(&rig, "paid", "one"));
    rig.now += 1;
    EXPECT_EQ_INT(0, publish(&rig, "paid", "two"));
    struct job_id since = submit_for(&rig, "q", NULL);
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "q", "t"), "paid", 1, first + 1, "-", 0));
    struct job_id before = submit_for(&rig, "p", NULL);
    EXPECT_EQ_INT(0, park(&rig, rig_claim_one(&rig, "p", "t"), "paid", 1, first, "-", 0));
    (void)forward(&rig);
    EXPECT_EQ_STR("two", got(&rig, &since, "paid", 1, NULL));
    EXPECT_EQ_STR("one", got(&rig, &before, "paid", 1, position));
    EXPECT_EQ_INT(0, publish(&rig, "paid", "three"));
    EXPECT_EQ_UINT(KEPT, count_kept(&rig, "paid"));
    EXPECT_EQ_INT(0, publish(&rig, "paid", "four")); // one more than are kept
    EXPECT_EQ_UINT(KEPT, count_kept(&rig, "paid"));
    struct store_sweep sweep = {.limit = 100};
    rig.now = first + KEEP_MS;
    EXPECT_EQ_INT(0, rig_run(&rig, &sweep.op, STORE_SWEEP)); // "one" has gone already
    EXPECT_EQ_UINT(KEPT, count_kept(&rig, "paid"));
    rig.now += 1;
    EXPECT_EQ_INT(0, rig_run(&rig, &sweep.op, STORE_SWEEP)); // the others are of this age
    EXPECT_EQ_UINT(0, count_kept(&rig, "paid"));
    store_op_finish(&sweep.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Nothing goes that a job has still to be shown: then what comes is refused.
static void test_crowded(void) {
    struct rig rig;
    rig_init(&rig);
    rig.config.event_max_kept = 2;
    EXPECT_EQ_INT(0, rig_open(&rig));
    struct job_id id = make_waiting(&rig, "q", "paid");
    static const char *const values[] = {"one", "two", "three"};
    struct store_event keyed = event_of("paid", "four");
    keyed.key = "delivery-1";
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        EXPECT_EQ_INT(0, publish(&rig, "paid", values[i]));
    }
    EXPECT_EQ_INT(0, publish_event(&rig, &keyed));
    EXPECT_EQ_INT(-ENOBUFS, publish(&rig, "paid", "five"));
    EXPECT_EQ_INT(-EEXIST, publish_event(&rig, &keyed)); // that is no further one
    (void)forward(&rig);
    EXPECT_EQ_STR("one", got(&rig, &id, "paid", 1, NULL));
    EXPECT_EQ_INT(0, publish(&rig, "paid", "five"));
    EXPECT_EQ_UINT(2, count_kept(&rig, "paid"));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_limits_of_an_event(void) {
    struct rig rig;
    static char text[WAITS_EVENT_MAX + 1], name[WAITS_EVENT_NAME_MAX + 2];
    rig_start(&rig);
    struct store_event event = event_of("paid", "");
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    event.value = (struct bytes){text, WAITS_EVENT_MAX};
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    event.value.len++;
    EXPECT_EQ_INT(-EFBIG, publish_event(&rig, &event));
    memset(name, 'n', sizeof name - 1);
    event = event_of(name + 1, "x");
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    event.name = name;
    EXPECT_EQ_INT(-EFBIG, publish_event(&rig, &event));
    event = event_of("a b", "x");
    EXPECT_EQ_INT(-EINVAL, publish_event(&rig, &event));
    event = event_of("paid", "x");
    event.key = "";
    EXPECT_EQ_INT(-EINVAL, publish_event(&rig, &event));
    event.key = NULL;
    event.content_type = "a\nb";
    EXPECT_EQ_INT(-EINVAL, publish_event(&rig, &event));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// As if those of other names had so many bytes.
static void set_total(struct rig *rig, int64_t bytes) {
    if (rig_is_shared()) {
        char text[24];
        (void)snprintf(text, sizeof text, "%lld", (long long)bytes);
        (void)REDIS_DO(rig_server(), "HSET", "jh:events:bytes", "", text);
    } else {
        char sql[100];
        (void)snprintf(sql, sizeof sql, "UPDATE event_names SET bytes = %lld WHERE id = 0",
                       (long long)bytes);
        rig_sql(rig, sql);
    }
}

// At the limit of all names, and one byte beyond: nothing of a commit happens then, and later it may.
static void test_all_names_full(void) {
    struct rig rig;
    rig_start(&rig);
    struct store_event event = event_of("paid", "one");
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    set_total(&rig, STORE_EVENTS_TOTAL_MAX - store_event_bytes(&event) + 1);
    EXPECT_EQ_INT(-EDQUOT, publish_event(&rig, &event));
    (void)rig_submit_plain(&rig, "p", "teller");
    const struct store_claimed *teller = rig_claim_one(&rig, "p", "teller");
    struct store_step step = {"s", bytes_of("1")};
    struct store_commit_item item = rig_item(teller, JOB_EV_SUCCEED);
    item.events = &event;
    item.event_count = 1;
    item.steps = &step;
    item.step_count = 1;
    item.state_version = 1;
    EXPECT_EQ_INT(-EDQUOT, rig_commit(&rig, &item));
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &teller->spec.id));
    EXPECT_EQ_UINT(0, rig_get(&rig, &teller->spec.id)->step_count);
    set_total(&rig, STORE_EVENTS_TOTAL_MAX - store_event_bytes(&event));
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(-EDQUOT, publish_event(&rig, &event));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, true), "event_count", true));
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    rig_expect_sound(&rig);
    EXPECT_EQ_UINT(3, count_kept(&rig, "paid"));
    rig_finish(&rig);
}

// All that an event says counts: with one byte more there would be no room for two.
static void test_bytes_of_an_event(void) {
    struct rig rig;
    struct store_event event = event_of("paid", "one");
    event.key = "delivery-1";
    event.tenant = "ann";
    EXPECT_EQ_INT(3 + 10 + 3 + 10 + STORE_EVENT_OVERHEAD, store_event_bytes(&event));
    for (int64_t more = 0; more < 2; more++) {
        rig_init(&rig);
        rig.config.event_max_bytes = 2 * store_event_bytes(&event) - more;
        EXPECT_EQ_INT(0, rig_open(&rig));
        EXPECT_EQ_INT(0, publish_event(&rig, &event));
        event.key = "delivery-2";
        EXPECT_EQ_INT(0, publish_event(&rig, &event));
        event.key = "delivery-1";
        EXPECT_EQ_INT(more == 0 ? -EEXIST : 0, publish_event(&rig, &event)); // gone, or not
        rig_expect_sound(&rig);
        rig_finish(&rig);
    }
}

// Who publishes again what is kept is told so, however full it is.
static void test_known_when_full(void) {
    struct rig rig;
    rig_start(&rig);
    struct store_event event = event_of("paid", "one");
    event.key = "delivery-1";
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    set_total(&rig, STORE_EVENTS_TOTAL_MAX);
    EXPECT_EQ_INT(-EEXIST, publish_event(&rig, &event));
    EXPECT_EQ_INT(-EDQUOT, publish(&rig, "paid", "one"));
    (void)rig_submit_plain(&rig, "p", "teller");
    const struct store_claimed *teller = rig_claim_one(&rig, "p", "teller");
    struct store_event events[] = {event, event_of("paid", "two")};
    struct store_commit_item item = rig_item(teller, JOB_EV_SUCCEED);
    item.events = events;
    item.event_count = 2;
    EXPECT_EQ_INT(-EDQUOT, rig_commit(&rig, &item)); // it says something new, too
    item.event_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, true), "event_count", true));
    EXPECT_EQ_UINT(1, count_kept(&rig, "paid"));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// What a job says that it looks for may be anything.
static void test_odd_wait(void) {
    static const char *const odd[] = {"", "x", "1 0 99999999999999999999-1", "1 0 5-", "7 7 7 7"};
    struct rig rig;
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct job_id id = submit_for(&rig, "q", NULL);
        struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_PARK);
        item.park = PARK_EVENT;
        item.wait_key = "paid";
        item.wait_for = odd[i];
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
        EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &id));
    }
    EXPECT_EQ_INT(0, publish(&rig, "paid", "one"));
    (void)forward(&rig);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Who waits and is not entered would sleep for ever.
static void test_not_entered(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = make_waiting(&rig, "q", "paid");
    if (rig_is_shared()) {
        EXPECT_EQ_INT(1, rig_redis("DEL jh:event:paid:waits"));
    } else {
        rig_sql(&rig, "DELETE FROM event_waits");
    }
    rig.now += 1;
    EXPECT_EQ_INT(0, publish(&rig, "paid", "one"));
    EXPECT_EQ_UINT(0, forward(&rig));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, false), "event_wait_missing", false));
    EXPECT_EQ_UINT(0, forward(&rig));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, true), "event_wait_missing", true));
    rig_expect_sound(&rig);
    EXPECT_EQ_UINT(1, forward(&rig)); // also of what came meanwhile
    EXPECT_EQ_STR("one", got(&rig, &id, "paid", 1, NULL));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// The first job of the queue waits for the next one.
static void park_again(struct rig *rig, const struct job_id *id, const char *position) {
    const struct store_claimed *job = rig_claim_one(rig, "q", "t");
    EXPECT_TRUE(id_equal(id, &job->spec.id));
    EXPECT_EQ_INT(0, park(rig, job, "paid", 2, id_time_ms(id), position, 0));
}

/* The connection is cut at one command: what an event does it does once. With a key it comes to be, whatever happened;
 * without one nobody can say whether the same is meant again, so it is not sent again. */
static bool tell_and_cut(unsigned point, enum redis_cut how, const char *key) {
    struct rig rig;
    char position[WAITS_POSITION_MAX + 1] = "-";
    struct redis_proxy *proxy = rig_start_behind_proxy(&rig);
    struct job_id id = make_waiting(&rig, "q", "paid");
    struct store_event_item item = {.event = event_of("paid", "one")};
    struct store_event_put put = {.items = &item, .count = 1};
    item.event.key = key;
    redis_proxy_cut(proxy, point, how);
    int r = rig_run(&rig, &put.op, STORE_EVENT_PUT);
    EXPECT_TRUE(r == 0 || (key == NULL && redis_proxy_has_cut(proxy)));
    EXPECT_TRUE(item.status == 0 || (item.status == -EEXIST && redis_proxy_has_cut(proxy)));
    (void)forward(&rig);
    bool told = rig_state(&rig, &id) == JOB_QUEUED, cut = redis_proxy_has_cut(proxy);
    redis_proxy_cut(proxy, UINT_MAX, how); // nothing from here on
    if (told) {
        EXPECT_EQ_STR("one", got(&rig, &id, "paid", 1, position));
        park_again(&rig, &id, position);
    } else {
        EXPECT_TRUE(r != 0);
    }
    (void)forward(&rig);
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &id)); // there is no other
    store_op_finish(&put.op);
    rig_expect_sound(&rig);
    rig_close(&rig);
    redis_proxy_free(&proxy);
    rig_finish(&rig);
    return cut;
}

static void test_cut(void) {
    static const char *const keys[] = {NULL, "delivery-1"};
    for (int how = REDIS_CUT_BEFORE; how <= REDIS_CUT_AFTER; how++) {
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            unsigned point = 0;
            while (point < 30 && tell_and_cut(point, (enum redis_cut)how, keys[k])) {
                point++;
            }
            EXPECT_TRUE(point >= 3 && point < 30); // the event, FORWARD, what the job says
        }
    }
}

// The server dies behind the event, and again in the middle of telling: all are told, each once.
static void test_server_dies(void) {
    enum { JOBS = 8 };
    struct redis_server server;
    struct rig rig;
    struct job_id ids[JOBS];
    char url[128], position[WAITS_POSITION_MAX + 1];
    redis_server_init(&server);
    server.fsync = "always";
    redis_server_start(&server);
    rig_init(&rig);
    (void)snprintf(url, sizeof url, "unix:%s", server.socket);
    rig.config.url = url;
    EXPECT_EQ_INT(0, rig_open(&rig));
    for (int i = 0; i < JOBS; i++) {
        ids[i] = make_waiting(&rig, "q", "paid");
    }
    EXPECT_EQ_INT(0, publish(&rig, "paid", "one"));
    size_t woken = 0;
    struct store_forward f = {.limit = 3};
    do {
        redis_server_kill(&server);
        redis_server_start(&server);
        f.op.timeout_ms = 60000;
        EXPECT_EQ_INT(0, rig_run(&rig, &f.op, STORE_FORWARD));
        woken += f.woken;
    } while (f.more);
    EXPECT_EQ_UINT(JOBS, woken);
    store_op_finish(&f.op);
    for (int i = JOBS - 1; i >= 0; i--) {
        EXPECT_EQ_STR("one", got(&rig, &ids[i], "paid", 1, position));
    }
    park_again(&rig, &ids[0], position);
    (void)forward(&rig);
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &ids[0])); // there is no other
    rig_expect_sound(&rig);
    rig_finish(&rig);
    redis_server_finish(&server);
}

// What is known of kept events beside them.
static void test_damage(void) {
    static const struct {
        const char *code;
        int argc;
        const char *argv[4];
    } damages[] = {
        {"event_unswept", 3, {"ZREM", "jh:events", "paid"}},
        {"event_unswept", 2, {"DEL", "jh:events"}},
        {"event_unswept", 4, {"ZADD", "jh:events", "9000000000000", "paid"}},
        {"event_unswept", 4, {"ZADD", "jh:events", "5", "nothing"}},
        {"event_count", 4, {"HSET", "jh:events:bytes", "paid", "5"}},
        {"event_count", 3, {"HDEL", "jh:events:bytes", "paid"}},
        {"event_count", 4, {"HSET", "jh:events:bytes", "nothing", "5"}},
        {"event_count", 2, {"DEL", "jh:events:bytes"}},
        {"event_count", 4, {"HINCRBY", "jh:events:bytes", "", "7"}},
        {"event_key_gone", 4, {"HSET", "jh:event:paid:keys", "k", "1-1"}},
        {"event_key_gone", 4, {"HSET", "jh:event:paid:keys", "k", "nonsense"}},
        {"event_unplaced", 2, {"DEL", "jh:event:paid:places"}},
        {"event_unplaced", 4, {"ZADD", "jh:event:paid:places", "0", "nonsense"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct rig rig;
        rig_start(&rig);
        struct store_event event = event_of("paid", "one");
        event.key = "delivery-1";
        EXPECT_EQ_INT(0, publish_event(&rig, &event));
        EXPECT_EQ_INT(0, publish(&rig, "paid", "two"));
        EXPECT_EQ_INT(0, publish(&rig, "other", "three"));
        rig_expect_sound(&rig);
        (void)redis_server_do(rig_server(), damages[i].argc, damages[i].argv);
        EXPECT_TRUE(sample_has(sample_fsck(&rig, false), damages[i].code, false));
        EXPECT_TRUE(sample_has(sample_fsck(&rig, true), damages[i].code, true));
        rig_expect_sound(&rig);
        EXPECT_EQ_INT(-EEXIST, publish_event(&rig, &event));
        rig.now += 48 * INT64_C(3600000);
        struct store_sweep sweep = {.limit = 100};
        EXPECT_EQ_INT(0, rig_run(&rig, &sweep.op, STORE_SWEEP));
        EXPECT_EQ_UINT(3, sweep.removed);
        EXPECT_EQ_INT(0, rig_redis("EXISTS jh:event:paid jh:event:paid:keys "
                                   "jh:event:paid:places jh:events"));
        EXPECT_EQ_INT(1, rig_redis("HLEN jh:events:bytes")); // of all: 0
        store_op_finish(&sweep.op);
        rig_finish(&rig);
    }
}

// An event is written for each job that gets it, so many large ones are not brought at once.
static void test_large_broadcast(void) {
    enum { JOBS = 40 };
    static char value[WAITS_EVENT_MAX];
    struct rig rig;
    rig_start(&rig);
    for (int i = 0; i < JOBS; i++) {
        (void)make_waiting(&rig, "q", "paid");
    }
    const struct store_event event = {.name = "paid", .value = {value, sizeof value}};
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    struct store_forward f = {.limit = 1000};
    EXPECT_EQ_INT(0, rig_run(&rig, &f.op, STORE_FORWARD));
    EXPECT_TRUE(rig_is_shared() || (f.more && f.woken < JOBS));
    size_t woken = f.woken + forward(&rig);
    EXPECT_EQ_UINT(JOBS, woken);
    store_op_finish(&f.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void fill_pending(const char *command, const char *value) {
    char script[200];
    (void)snprintf(script, sizeof script,
                   "for i = 1, 60000 do redis.call('%s', 'jh:events:pending', 'n' .. i%s) end",
                   command, value);
    (void)REDIS_DO(rig_server(), "EVAL", script, "0");
}

// Of many names that were waited for one is left, while the server saves and its tables stay as large as they were.
static void test_sparse_names(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = make_waiting(&rig, "q", "paid");
    EXPECT_EQ_INT(0, publish(&rig, "paid", "one"));
    fill_pending("HSET", ", ''");
    EXPECT_EQ_STR("OK", rig_redis_text("CONFIG SET rdb-key-save-delay 5000000"));
    (void)rig_redis_text("BGSAVE");
    fill_pending("HDEL", "");
    struct store_forward f = {.limit = 3};
    EXPECT_EQ_INT(0, rig_run(&rig, &f.op, STORE_FORWARD));
    EXPECT_EQ_UINT(1, f.woken);
    EXPECT_FALSE(f.more);
    store_op_finish(&f.op);
    EXPECT_EQ_STR("one", got(&rig, &id, "paid", 1, NULL));
    EXPECT_EQ_STR("OK", rig_redis_text("CONFIG SET rdb-key-save-delay 0"));
    rig_finish(&rig);
    rig_empty_server(); // which ends the saving, too
}

/* Two jobs wait, and the budget has room for the one's event, not for the other's. Without a budget: what they take. */
static uint64_t tell_two(uint64_t budget, size_t size) {
    static char value[3000];
    struct rig rig;
    struct job_id ids[2];
    rig_init(&rig);
    rig.config.budget[BUDGET_JOBS] = budget;
    EXPECT_EQ_INT(0, rig_open(&rig));
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = make_waiting(&rig, "q", "paid");
    }
    uint64_t bytes = rig_stats(&rig)->bytes[BUDGET_JOBS];
    const struct store_event event = {.name = "paid", .value = {value, size}};
    EXPECT_EQ_INT(0, publish_event(&rig, &event));
    struct store_forward f = {.limit = 100};
    EXPECT_EQ_INT(0, rig_run(&rig, &f.op, STORE_FORWARD));
    EXPECT_FALSE(f.more);
    EXPECT_EQ_UINT(budget == 0 ? 2 : 1, f.woken);
    EXPECT_EQ_INT(budget > 0, f.full);
    if (budget > 0) {
        EXPECT_TRUE(rig_stats(&rig)->bytes[BUDGET_JOBS] <= budget);
        EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &ids[1]));
        EXPECT_EQ_INT(0, rig_run(&rig, &f.op, STORE_FORWARD)); // it asks for nothing
        EXPECT_EQ_UINT(0, f.woken);
        EXPECT_FALSE(f.more);
        rig_expect_sound(&rig);
        struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_SUCCEED);
        item.keep_ms = 1;
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
        struct store_sweep sweep = {.limit = 100};
        rig.now += 1;
        EXPECT_EQ_INT(0, rig_run(&rig, &sweep.op, STORE_SWEEP));
        store_op_finish(&sweep.op);
        (void)rig_submit_plain(&rig, "q", "t"); // a shared store tells its bytes
        EXPECT_EQ_INT(0, rig_run(&rig, &f.op, STORE_FORWARD));
        EXPECT_EQ_UINT(1, f.woken);
        EXPECT_FALSE(f.full);
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &ids[1]));
    }
    store_op_finish(&f.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
    return bytes;
}

// Events that are brought to jobs stay in the budget: who would go beyond it waits until there is room.
static void test_budget(void) {
    enum { SIZE = 3000, COST = SIZE + STORE_EVENT_OVERHEAD };
    uint64_t bytes = tell_two(0, SIZE);
    (void)tell_two(bytes + COST, SIZE);
    (void)tell_two(bytes + 2 * SIZE - 1, SIZE);
}

// More names than one call looks at, and more events than are read at once.
static void test_many_names(void) {
    enum { NAMES = 120, EVENTS = 150 };
    struct rig rig;
    char name[32];
    rig_start(&rig);
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof name, "name-%d", i);
        EXPECT_EQ_INT(0, publish(&rig, name, "one"));
    }
    for (int i = 0; i < EVENTS; i++) {
        EXPECT_EQ_INT(0, publish(&rig, "name-7", "more"));
    }
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(1, rig_redis("DEL jh:events"));
    EXPECT_EQ_UINT(NAMES, sample_fsck(&rig, true)->total_findings);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

CASES(events_shared, ON_SHARED, {"what is known of events is mended", test_damage},
      {"events of many names are checked", test_many_names},
      {"one name is left of many", test_sparse_names},
      {"an event at a connection that is cut", test_cut},
      {"a server that dies between an event and its jobs", test_server_dies});
CASES(events_file, ON_FILE, {"events of an older store", test_older_events},
      {"events of a name are found by an index", test_events_of_a_name});
CASES(events, ON_ALL, {"an event wakes who waits for it", test_after_park},
      {"an event that came before the job parked", test_before_park},
      {"an event for a plain yield", test_plain},
      {"all who wait get the event, in parts", test_broadcast},
      {"a large event that many wait for", test_large_broadcast},
      {"events of a tenant", test_tenants},
      {"events of tenants, looking back", test_tenants_look_back},
      {"an event in a queue of one line", test_one_line},
      {"an event and a clock that is set back", test_clock_back},
      {"what an event counts for", test_bytes_of_an_event},
      {"events and the budget for jobs", test_budget},
      {"an event of a key is kept once", test_keys_of_events},
      {"whatever ends a wait for an event", test_waits_end},
      {"an event or its time, not both", test_event_or_time},
      {"events that a job publishes", test_by_a_job},
      {"an event behind children", test_behind_children},
      {"events and who waits survive the host", test_another_boot},
      {"how many events a name keeps", test_bounds_of_a_name},
      {"how far a wait looks back", test_look_back},
      {"events that nobody was shown stay", test_crowded},
      {"events of all names are too many", test_all_names_full},
      {"an event that is kept, when there is no more room", test_known_when_full},
      {"limits of an event", test_limits_of_an_event}, {"an odd wait for an event", test_odd_wait},
      {"who waits is entered again", test_not_entered});
