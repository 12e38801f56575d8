/* Schedules: definitions, ledgers, and what waits behind a job that runs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "redis_proxy.h"
#include "redis_server.h"
#include "sample.h"
#include "store/flows.h"
#include "store/schedules.h"

enum { KEEP_MS = 60000, MANY = 1000 };

static struct store_schedule_put_item put_of(const char *id, const char *revision) {
    return (struct store_schedule_put_item){.id = id,
                                            .queue = "q",
                                            .revision = revision,
                                            .definition = "{\"cron\":\"* * * * *\"}",
                                            .by = "alpha"};
}

static struct store_schedule_put_item put_item(struct rig *rig,
                                               struct store_schedule_put_item item) {
    struct store_schedule_put put = {.items = &item, .count = 1};
    (void)EXPECT_EQ_INT(0, rig_run(rig, &put.op, STORE_SCHEDULE_PUT));
    store_op_finish(&put.op);
    return item;
}

static struct store_schedule_put_item put(struct rig *rig, const char *id, const char *revision) {
    return put_item(rig, put_of(id, revision));
}

static struct store_schedule_list *list_of(struct rig *rig, const char *id) {
    struct store_schedule_list *list = RIG_NEW(rig, store_schedule_list);
    list->id = id;
    list->limit = 1000;
    int r = rig_run(rig, &list->op, STORE_SCHEDULE_LIST);
    (void)EXPECT_TRUE(r == 0 || (id != NULL && r == -ENOENT));
    return list;
}

/* One without an id: it is not there. */
static const struct store_schedule *get(struct rig *rig, const char *id) {
    static const struct store_schedule none;
    const struct store_schedule_list *list = list_of(rig, id);
    return list->count == 1 ? &list->schedules[0] : &none;
}

static int set(struct rig *rig, const char *id, bool paused) {
    struct store_schedule_set op = {.id = id, .paused = paused, .by = "ann", .why = "holidays"};
    int r = rig_run(rig, &op.op, STORE_SCHEDULE_SET);
    store_op_finish(&op.op);
    return r;
}

/* One time of "s", of the second `at`; with a job unless the spec is NULL. */
static struct store_fire_item fire_of(const struct job_spec *spec, int64_t at, const char *key,
                                      enum schedule_verdict verdict) {
    return (struct store_fire_item){.schedule = "s",
                                    .queue = "q",
                                    .row = {.revision = "r1",
                                            .key = key,
                                            .verdict = verdict,
                                            .count = 1,
                                            .nominal_ms = at * 1000,
                                            .last_ms = at * 1000,
                                            .actual_ms = at * 1000 + 5},
                                    .spec = spec,
                                    .unfinished_max = -1,
                                    .keep_ms = KEEP_MS};
}

static int fire_item(struct rig *rig, struct store_fire_item *item) {
    struct store_fire *fire = RIG_NEW(rig, store_fire);
    fire->items = item;
    fire->count = 1;
    int r = rig_run(rig, &fire->op, STORE_FIRE);
    fire->items = NULL;
    return r < 0 ? r : item->status;
}

static struct job_spec spec_of(struct rig *rig) {
    struct job_spec spec = rig_spec(rig, "q", "t");
    spec.schedule = "s";
    spec.nominal_ms = rig->now;
    return spec;
}

/* The second `at` fires, with a new job: its id. */
static struct job_id fire(struct rig *rig, int64_t at, enum schedule_verdict verdict) {
    char key[32];
    struct job_spec spec = spec_of(rig);
    (void)snprintf(key, sizeof key, "%lld", (long long)at);
    struct store_fire_item item = fire_of(&spec, at, key, verdict);
    (void)EXPECT_EQ_INT(0, fire_item(rig, &item));
    (void)EXPECT_TRUE(id_equal(&spec.id, &item.job));
    return item.job;
}

static const struct store_ledger_list *ledger(struct rig *rig, int verdict, uint32_t limit,
                                              const char *cursor) {
    struct store_ledger_list *list = RIG_NEW(rig, store_ledger_list);
    list->schedule = "s";
    list->verdict = verdict;
    list->limit = limit;
    list->cursor = cursor;
    (void)EXPECT_EQ_INT(0, rig_run(rig, &list->op, STORE_LEDGER_LIST));
    return list;
}

/* ------------------------------------------------------------------ definitions */

static void test_put(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_EQ_UINT(0, list_of(&rig, NULL)->count);
    struct store_schedule_put_item item = put(&rig, "s", "r1");
    int64_t first = rig.now;
    EXPECT_EQ_INT(0, item.status);
    EXPECT_TRUE(item.changed);
    EXPECT_EQ_INT(first, item.stored_ms);
    rig.now += 1000;
    item = put(&rig, "s", "r1"); // another host, or the same after a start
    EXPECT_FALSE(item.changed);
    EXPECT_EQ_INT(first, item.stored_ms);
    item = put(&rig, "s", "r2");
    EXPECT_TRUE(item.changed);
    EXPECT_EQ_INT(rig.now, item.stored_ms);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    const struct store_schedule *s = get(&rig, "s");
    EXPECT_EQ_STR("q", s->queue);
    EXPECT_EQ_STR("r2", s->revision);
    EXPECT_EQ_STR("{\"cron\":\"* * * * *\"}", s->definition);
    EXPECT_EQ_STR("alpha", s->by);
    EXPECT_FALSE(s->api);
    EXPECT_EQ_INT(rig.now, s->stored_ms);
    EXPECT_EQ_INT(0, s->paused_ms);
    EXPECT_TRUE(s->last_ms == SCHEDULE_NONE);
    EXPECT_EQ_UINT(0, s->running + s->waiting);
    EXPECT_TRUE(id_is_zero(&s->job));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_limits(void) {
    static char id[STORE_SCHEDULE_ID_MAX + 2], revision[STORE_SCHEDULE_REVISION_MAX + 2],
        definition[STORE_SCHEDULE_DEFINITION_MAX + 2];
    struct rig rig;
    rig_start(&rig);
    memset(id, 'i', STORE_SCHEDULE_ID_MAX);
    memset(revision, 'r', STORE_SCHEDULE_REVISION_MAX);
    memset(definition, '1', STORE_SCHEDULE_DEFINITION_MAX);
    struct store_schedule_put_item most = put_of(id, revision);
    most.definition = definition;
    EXPECT_EQ_INT(0, put_item(&rig, most).status);
    EXPECT_EQ_STR(definition, get(&rig, id)->definition);
    definition[STORE_SCHEDULE_DEFINITION_MAX] = '1';
    EXPECT_EQ_INT(-EINVAL, put_item(&rig, most).status);
    id[STORE_SCHEDULE_ID_MAX] = 'i';
    revision[STORE_SCHEDULE_REVISION_MAX] = 'r';
    EXPECT_EQ_INT(-EINVAL, put(&rig, id, "r").status);
    EXPECT_EQ_INT(-EINVAL, put(&rig, "s", revision).status);
    EXPECT_EQ_INT(-EINVAL, put(&rig, "", "r").status);
    EXPECT_EQ_INT(-EINVAL, put(&rig, "two words", "r").status);
    EXPECT_EQ_INT(-EINVAL, put(&rig, "s", "two words").status);
    EXPECT_EQ_UINT(1, list_of(&rig, NULL)->count);
    rig_finish(&rig);
}

static void test_list(void) {
    struct rig rig;
    char name[16], seen[4];
    size_t count = 0;
    rig_start(&rig);
    for (int i = 3; i > 0; i--) {
        (void)snprintf(name, sizeof name, "s%d", i);
        EXPECT_EQ_INT(0, put(&rig, name, "r1").status);
    }
    const char *cursor = NULL;
    do {
        struct store_schedule_list *page = RIG_NEW(&rig, store_schedule_list);
        page->limit = 2;
        page->cursor = cursor;
        EXPECT_EQ_INT(0, rig_run(&rig, &page->op, STORE_SCHEDULE_LIST));
        for (size_t i = 0; i < page->count && count < 3; i++) {
            seen[count++] = page->schedules[i].id[1];
        }
        cursor = page->next_cursor;
    } while (cursor != NULL);
    seen[count] = '\0';
    EXPECT_EQ_STR("123", seen);
    EXPECT_NULL(get(&rig, "s4")->id);
    rig_finish(&rig);
}

static void test_pause(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_EQ_INT(-ENOENT, set(&rig, "s", true));
    put(&rig, "s", "r1");
    rig.now += 10;
    int64_t paused = rig.now;
    EXPECT_EQ_INT(0, set(&rig, "s", true));
    rig.now += 10;
    EXPECT_EQ_INT(0, set(&rig, "s", true)); // who was first stays
    put(&rig, "s", "r2");                   // a pause is not about the rule
    const struct store_schedule *s = get(&rig, "s");
    EXPECT_EQ_INT(paused, s->paused_ms);
    EXPECT_EQ_STR("ann", s->paused_by);
    EXPECT_EQ_STR("holidays", s->paused_why);
    EXPECT_EQ_INT(0, s->resumed_ms);
    struct job_spec spec = spec_of(&rig);
    struct store_fire_item item = fire_of(&spec, 60, "60", SCHEDULE_FIRE);
    item.row.revision = "r2";
    EXPECT_EQ_INT(-EBUSY, fire_item(&rig, &item));
    EXPECT_EQ_INT(-1, rig_state(&rig, &spec.id));
    struct store_fire_item skipped = fire_of(NULL, 60, "60", SCHEDULE_SKIPPED_PAUSED);
    skipped.row.revision = "r2";
    EXPECT_EQ_INT(0, fire_item(&rig, &skipped));
    item.by_hand = true;
    item.row.key = "run-1";
    EXPECT_EQ_INT(0, fire_item(&rig, &item));
    EXPECT_EQ_INT(0, set(&rig, "s", false));
    EXPECT_EQ_INT(0, set(&rig, "s", false));
    s = get(&rig, "s");
    EXPECT_EQ_INT(0, s->paused_ms);
    EXPECT_NULL(s->paused_by);
    EXPECT_EQ_INT(rig.now, s->resumed_ms);
    EXPECT_EQ_INT(60000, s->last_ms); // of the row that the pause left; by hand does not count
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static struct store_schedule_put_item drop(struct rig *rig, const char *id) {
    return put_item(rig, (struct store_schedule_put_item){.id = id, .remove = true});
}

static void test_remove(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_EQ_INT(-ENOENT, drop(&rig, "s").status);
    put(&rig, "s", "r1");
    struct job_id id = fire(&rig, 60, SCHEDULE_FIRE);
    EXPECT_EQ_INT(0, drop(&rig, "s").status);
    EXPECT_EQ_INT(-ENOENT, drop(&rig, "s").status);
    EXPECT_NULL(get(&rig, "s")->id);
    EXPECT_EQ_UINT(1, ledger(&rig, -1, 10, NULL)->count); // what was is still there
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &id));
    struct job_spec spec = spec_of(&rig);
    struct store_fire_item item = fire_of(&spec, 120, "120", SCHEDULE_FIRE);
    EXPECT_EQ_INT(-ENOENT, fire_item(&rig, &item));
    EXPECT_TRUE(put(&rig, "s", "r1").changed); // it begins again
    EXPECT_EQ_INT(rig.now, get(&rig, "s")->stored_ms);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Jobs stay where they are, and go on among themselves; rows go with the schedule.
static void test_another_queue(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct job_id first = fire(&rig, 60, SCHEDULE_FIRE), second = fire(&rig, 120, SCHEDULE_QUEUED);
    struct store_schedule_put_item moved = put_of("s", "r2");
    moved.queue = "far";
    EXPECT_TRUE(put_item(&rig, moved).changed);
    EXPECT_EQ_STR("far", get(&rig, "s")->queue);
    EXPECT_EQ_UINT(0, get(&rig, "s")->running);
    EXPECT_EQ_UINT(2, ledger(&rig, -1, 10, NULL)->count);
    EXPECT_EQ_UINT(1, list_of(&rig, NULL)->count);
    struct job_spec spec = spec_of(&rig);
    struct store_fire_item item = fire_of(&spec, 180, "180", SCHEDULE_QUEUED);
    item.row.revision = "r2";
    EXPECT_EQ_INT(-ESTALE, fire_item(&rig, &item)); // the old queue
    spec.queue = item.queue = "far";
    EXPECT_EQ_INT(0, fire_item(&rig, &item));
    EXPECT_FALSE(item.waits);
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &second));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(&rig, &first));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &second));
    EXPECT_EQ_INT(-EEXIST, (item.status = fire_item(&rig, &item)));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ FIRE */

static void test_fire(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    rig_forget(&rig);
    struct job_id id = fire(&rig, 60, SCHEDULE_FIRE);
    EXPECT_TRUE(rig_was_ready(&rig, "q", "t"));
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_QUEUED, job->state);
    EXPECT_EQ_STR("s", job->spec.schedule);
    struct job_spec again = spec_of(&rig);
    struct store_fire_item item = fire_of(&again, 60, "60", SCHEDULE_FIRE);
    EXPECT_EQ_INT(-EEXIST, fire_item(&rig, &item));
    EXPECT_TRUE(id_equal(&id, &item.job));
    EXPECT_EQ_INT(SCHEDULE_FIRE, item.verdict);
    EXPECT_EQ_INT(-1, rig_state(&rig, &again.id));
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    const struct store_schedule *s = get(&rig, "s");
    EXPECT_EQ_INT(60000, s->last_ms);
    EXPECT_EQ_UINT(1, s->running);
    EXPECT_EQ_UINT(0, s->waiting);
    EXPECT_TRUE(id_equal(&id, &s->job));
    EXPECT_EQ_INT(JOB_QUEUED, s->job_state);
    EXPECT_EQ_UINT(1, s->times[SCHEDULE_FIRE]);
    const struct store_claimed *claimed = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_STR("s", claimed->spec.schedule);
    EXPECT_EQ_INT(JOB_RUNNING, get(&rig, "s")->job_state);
    EXPECT_EQ_INT(0, rig_succeed(&rig, claimed));
    EXPECT_EQ_UINT(0, get(&rig, "s")->running);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_stale(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec spec = spec_of(&rig);
    struct store_fire_item item = fire_of(&spec, 60, "60", SCHEDULE_FIRE);
    EXPECT_EQ_INT(-ENOENT, fire_item(&rig, &item));
    put(&rig, "s", "r2");
    EXPECT_EQ_INT(-ESTALE, fire_item(&rig, &item)); // a host with an older file
    EXPECT_EQ_INT(-1, rig_state(&rig, &spec.id));
    EXPECT_EQ_UINT(0, ledger(&rig, -1, 10, NULL)->count);
    item.row.revision = "r2";
    EXPECT_EQ_INT(0, fire_item(&rig, &item));
    put(&rig, "s", "r3");
    struct job_spec other = spec_of(&rig);
    item.spec = &other;
    EXPECT_EQ_INT(-EEXIST, fire_item(&rig, &item)); // the answer was lost, and then came another
    EXPECT_TRUE(id_equal(&spec.id, &item.job));
    EXPECT_TRUE(get(&rig, "s")->last_ms == SCHEDULE_NONE); // of this revision there is none
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// The revision "a.1" has fired `at`, and is replaced by `revision` 100 s later: what that begins after.
static int64_t begin_of(const char *revision, int64_t at) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "a.1");
    struct job_spec spec = spec_of(&rig);
    struct store_fire_item item = fire_of(&spec, at, "k", SCHEDULE_FIRE);
    item.row.revision = "a.1";
    EXPECT_EQ_INT(0, fire_item(&rig, &item));
    rig.now += 100000;
    struct store_schedule_put_item next = put(&rig, "s", revision);
    EXPECT_TRUE(next.changed);
    EXPECT_EQ_INT(next.stored_ms, get(&rig, "s")->stored_ms);
    item.row.revision = revision;
    item.row.key = "l";
    EXPECT_EQ_INT(-EADDRINUSE, fire_item(&rig, &item)); // it is the one that fires now
    int64_t begin = next.stored_ms - rig.now;
    rig_finish(&rig);
    return begin;
}

static void test_series(void) {
    struct rig rig;
    rig_start(&rig);
    int64_t now = rig.now / 1000;
    rig_finish(&rig);
    EXPECT_EQ_INT(0, begin_of("b.1", now + 60));
    EXPECT_EQ_INT(0, begin_of("a", now + 60));
    EXPECT_EQ_INT(-40000 - rig.now % 1000, begin_of("a.2", now + 60)); // where it is
    EXPECT_EQ_INT(-100000, begin_of("a.2", now - 60));                 // not before it was stored
    EXPECT_EQ_INT(-100000, begin_of("a.2", now + 200000)); // a wrong clock's row holds nothing up
}

// A series that was removed meanwhile begins anew.
static void test_series_removed(void) {
    struct rig rig;
    rig_start(&rig);
    (void)put(&rig, "s", "a.1");
    struct store_fire_item row = fire_of(NULL, 60, "60", SCHEDULE_SKIPPED_PAUSED);
    row.row.revision = "a.1";
    EXPECT_EQ_INT(0, fire_item(&rig, &row));
    struct store_schedule_put_item gone = put_of("s", "a.1");
    gone.remove = true;
    EXPECT_EQ_INT(0, put_item(&rig, gone).status);
    rig.now += 5000;
    EXPECT_EQ_INT(rig.now, put(&rig, "s", "a.2").stored_ms);
    rig_finish(&rig);
}

static void test_fire_limits(void) {
    static char key[SCHEDULE_KEY_MAX + 2], reason[JOB_MESSAGE_MAX + 2];
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    memset(key, 'k', SCHEDULE_KEY_MAX);
    memset(reason, 'r', JOB_MESSAGE_MAX);
    struct store_fire_item item = fire_of(NULL, 60, key, SCHEDULE_SKIPPED_OVERLAP);
    item.row.reason = reason;
    EXPECT_EQ_INT(0, fire_item(&rig, &item));
    EXPECT_EQ_STR(reason, ledger(&rig, -1, 1, NULL)->rows[0].reason);
    reason[JOB_MESSAGE_MAX] = 'r';
    item.row.key = "k";
    EXPECT_EQ_INT(-EINVAL, fire_item(&rig, &item));
    item.row.reason = NULL;
    key[SCHEDULE_KEY_MAX] = 'k';
    item.row.key = key;
    EXPECT_EQ_INT(-EINVAL, fire_item(&rig, &item));
    item.row.key = "k";
    item.row.verdict = SCHEDULE_VERDICT_COUNT;
    EXPECT_EQ_INT(-EINVAL, fire_item(&rig, &item));
    struct job_spec spec = spec_of(&rig);
    item = fire_of(&spec, 60, "k", SCHEDULE_FIRE);
    spec.schedule = "other";
    EXPECT_EQ_INT(-EINVAL, fire_item(&rig, &item));
    spec.schedule = NULL;
    EXPECT_EQ_INT(-EINVAL, fire_item(&rig, &item));
    EXPECT_EQ_UINT(1, ledger(&rig, -1, 10, NULL)->count);
    rig_finish(&rig);
}

// A job that the store does not take has a row all the same.
static void test_refused(void) {
    struct rig rig;
    char holder[JOB_ID_TEXT + 1];
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct job_spec plain = rig_spec(&rig, "q", "t"), spec = spec_of(&rig);
    plain.dedup_key = spec.dedup_key = "k";
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &plain));
    struct store_fire_item item = fire_of(&spec, 60, "60", SCHEDULE_FIRE);
    EXPECT_EQ_INT(0, fire_item(&rig, &item));
    EXPECT_EQ_INT(SCHEDULE_REFUSED, item.verdict);
    EXPECT_TRUE(id_is_zero(&item.job));
    spec.dedup_key = NULL;
    item = fire_of(&spec, 120, "120", SCHEDULE_FIRE);
    item.max_waiting = 1;
    EXPECT_EQ_INT(0, fire_item(&rig, &item));
    EXPECT_EQ_INT(SCHEDULE_REFUSED, item.verdict);
    EXPECT_EQ_INT(-1, rig_state(&rig, &spec.id));
    const struct store_ledger_list *rows = ledger(&rig, SCHEDULE_REFUSED, 10, NULL);
    EXPECT_EQ_UINT(2, rows->count);
    EXPECT_CONTAINS("too many", rows->rows[0].reason);
    id_format(&plain.id, holder);
    EXPECT_CONTAINS(holder, rows->rows[1].reason);
    EXPECT_EQ_INT(120000, get(&rig, "s")->last_ms); // it is over, and not tried again
    EXPECT_EQ_UINT(2, get(&rig, "s")->times[SCHEDULE_REFUSED]);
    EXPECT_EQ_UINT(0, get(&rig, "s")->running);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Two hosts that see different things do not start two at a time.
static void test_unfinished(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    (void)fire(&rig, 60, SCHEDULE_FIRE);
    struct job_spec spec = spec_of(&rig);
    struct store_fire_item item = fire_of(&spec, 120, "120", SCHEDULE_FIRE);
    item.unfinished_max = 0;
    EXPECT_EQ_INT(-EAGAIN, fire_item(&rig, &item));
    EXPECT_EQ_INT(-1, rig_state(&rig, &spec.id));
    item.unfinished_max = 1;
    EXPECT_EQ_INT(0, fire_item(&rig, &item));
    EXPECT_EQ_UINT(2, get(&rig, "s")->running);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ what waits */

static void test_waits(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct job_id first = fire(&rig, 60, SCHEDULE_QUEUED); // there is none to wait for
    struct job_id second = fire(&rig, 120, SCHEDULE_QUEUED),
                  third = fire(&rig, 180, SCHEDULE_QUEUED);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &first));
    const struct store_job *job = rig_get(&rig, &second);
    EXPECT_EQ_INT(JOB_PARKED, job->state);
    EXPECT_EQ_INT(PARK_SCHEDULE, job->park);
    EXPECT_EQ_STR("s", job->wait_key);
    const struct store_schedule *s = get(&rig, "s");
    EXPECT_EQ_UINT(1, s->running);
    EXPECT_EQ_UINT(2, s->waiting);
    EXPECT_TRUE(id_equal(&first, &s->job));
    const struct store_claimed *claimed = rig_claim_one(&rig, "q", "t");
    rig_expect_sound(&rig);
    rig_forget(&rig);
    EXPECT_EQ_INT(0, rig_succeed(&rig, claimed));
    RIG_AWAIT(&rig, rig_was_ready(&rig, "q", "t"));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &second));
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &third));
    EXPECT_EQ_UINT(1, get(&rig, "s")->running);
    EXPECT_EQ_UINT(1, get(&rig, "s")->waiting);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    claimed = rig_claim_one(&rig, "q", "t");
    EXPECT_TRUE(id_equal(&second, &claimed->spec.id));
    struct store_commit_item item = rig_item(claimed, JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &third));
    EXPECT_EQ_INT(0, rig_move(&rig, &third, JOB_EV_CANCEL));
    EXPECT_EQ_UINT(0, get(&rig, "s")->running);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A retry, a park, a release are no end.
static void test_not_an_end(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct job_id first = fire(&rig, 60, SCHEDULE_FIRE), second = fire(&rig, 120, SCHEDULE_QUEUED);
    static const enum job_event events[] = {JOB_EV_RELEASE, JOB_EV_PARK, JOB_EV_RETRY};
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), events[i]);
        item.park = PARK_TIME;
        item.run_at_ms = rig.now + 10;
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
        EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &second));
        EXPECT_EQ_UINT(1, get(&rig, "s")->running);
        rig.now += 10;
        (void)rig_due(&rig, NULL);
    }
    EXPECT_EQ_INT(0, rig_move(&rig, &first, JOB_EV_CANCEL));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &second));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Somebody lets one go by hand, ends one that waits, and revives one.
static void test_by_hand(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct job_id ids[4];
    for (int i = 0; i < 4; i++) {
        ids[i] = fire(&rig, 60 * (i + 1), i == 0 ? SCHEDULE_FIRE : SCHEDULE_QUEUED);
    }
    EXPECT_EQ_INT(0, rig_move(&rig, &ids[1], JOB_EV_WAKE));
    EXPECT_EQ_UINT(2, get(&rig, "s")->running);
    EXPECT_EQ_INT(0, rig_move(&rig, &ids[2], JOB_EV_CANCEL));
    EXPECT_EQ_UINT(1, get(&rig, "s")->waiting);
    EXPECT_EQ_INT(0, rig_move(&rig, &ids[0], JOB_EV_CANCEL));
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &ids[3])); // the one that was let go is still there
    EXPECT_EQ_INT(0, rig_move(&rig, &ids[0], JOB_EV_REVIVE));
    EXPECT_EQ_INT(0, rig_move(&rig, &ids[1], JOB_EV_CANCEL));
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &ids[3]));
    EXPECT_EQ_UINT(1, get(&rig, "s")->running);
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(0, rig_move(&rig, &ids[0], JOB_EV_CANCEL));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &ids[3]));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// The end of a job is all that a store has of it when its claim has been answered and freed.
static void test_claim_is_gone(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct job_id first = fire(&rig, 60, SCHEDULE_FIRE), second = fire(&rig, 120, SCHEDULE_QUEUED);
    struct store_claim_want want = {.lane = {"q", "t"}, .limit = 1};
    struct store_claim claim = {.wants = &want, .want_count = 1, .host_nonce = rig.nonce};
    EXPECT_EQ_INT(0, rig_run(&rig, &claim.op, STORE_CLAIM));
    struct store_commit_item item = {.id = first,
                                     .token = claim.jobs[0].token,
                                     .commit_no = 1,
                                     .event = JOB_EV_SUCCEED,
                                     .keep_ms = KEEP_MS};
    store_op_finish(&claim.op);
    (void)list_of(&rig, NULL); // other words where those of the claim were
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &second));
    EXPECT_EQ_UINT(0, get(&rig, "s")->waiting);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// One that is replaced while it waits for its children is an opener that was cancelled.
static void test_replaced_opener(void) {
    struct rig rig;
    char flow[JOB_ID_TEXT + 1];
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct job_id first = fire(&rig, 60, SCHEDULE_FIRE);
    const struct store_claimed *claimed = rig_claim_one(&rig, "q", "t");
    struct job_spec kid = rig_spec(&rig, "q", "kid");
    id_format(&first, flow);
    kid.parent = first;
    kid.flow_id = flow;
    struct store_commit_item item = rig_item(claimed, JOB_EV_PARK);
    item.park = PARK_CHILDREN;
    item.children = &kid;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    (void)fire(&rig, 120, SCHEDULE_REPLACE);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &first));
    struct store_flow_get get_flow = {.id = first};
    EXPECT_EQ_INT(0, rig_run(&rig, &get_flow.op, STORE_FLOW_GET));
    EXPECT_EQ_INT(JOB_CANCELLED, get_flow.flow.facts.opener);
    EXPECT_TRUE(get_flow.flow.cancelling);
    store_op_finish(&get_flow.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_replace(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct job_id first = fire(&rig, 60, SCHEDULE_FIRE), second = fire(&rig, 120, SCHEDULE_QUEUED);
    const struct store_claimed *claimed = rig_claim_one(&rig, "q", "t");
    struct job_id third = fire(&rig, 180, SCHEDULE_REPLACE);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &second));
    const struct store_job *job = rig_get(&rig, &first);
    EXPECT_EQ_INT(JOB_RUNNING, job->state);
    EXPECT_TRUE(job->cancelling);
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &third));
    rig_expect_sound(&rig);
    struct store_commit_item item = rig_item(claimed, JOB_EV_RETRY); // it does not wait again
    item.run_at_ms = rig.now + 1000;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &first));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &third));
    struct job_id fourth = fire(&rig, 240, SCHEDULE_REPLACE); // nothing runs: at once
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &third));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &fourth));
    rig_expect_sound(&rig);
    rig.now += KEEP_MS;
    struct store_sweep sweep = {.limit = 100};
    EXPECT_EQ_INT(0, rig_run(&rig, &sweep.op, STORE_SWEEP));
    store_op_finish(&sweep.op);
    EXPECT_EQ_INT(-1, rig_state(&rig, &third));
    EXPECT_EQ_INT(-1, rig_state(&rig, &second));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// What one call has queued, and replaces, was never in a line: nor is it when it comes back.
static void test_replace_at_once(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct job_spec specs[] = {spec_of(&rig), spec_of(&rig)};
    specs[0].tenant = specs[1].tenant = "ann";
    struct store_fire_item items[] = {fire_of(&specs[0], 60, "60", SCHEDULE_FIRE),
                                      fire_of(&specs[1], 120, "120", SCHEDULE_REPLACE)};
    struct store_fire op = {.items = items, .count = 2};
    EXPECT_EQ_INT(0, rig_run(&rig, &op.op, STORE_FIRE));
    store_op_finish(&op.op);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &specs[0].id));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &specs[1].id));
    rig_expect_sound(&rig);
    rig.now++;
    EXPECT_EQ_INT(0, rig_move(&rig, &specs[0].id, JOB_EV_REVIVE));
    const struct store_claimed *claimed = rig_claim_one(&rig, "q", "t");
    EXPECT_TRUE(id_equal(&specs[1].id, &claimed->spec.id));
    rig_finish(&rig);
}

// One that has expired, or whose host is gone after it was asked to end, lets the next one go, too.
static void test_other_ends(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct job_spec spec = spec_of(&rig);
    spec.expires_ms = rig.now + 5;
    struct store_fire_item item = fire_of(&spec, 60, "60", SCHEDULE_FIRE);
    EXPECT_EQ_INT(0, fire_item(&rig, &item));
    struct job_id second = fire(&rig, 120, SCHEDULE_QUEUED),
                  third = fire(&rig, 180, SCHEDULE_QUEUED);
    rig.now += 6;
    (void)rig_claim(&rig, "q", "t", 1);
    EXPECT_EQ_INT(JOB_DEAD, rig_state(&rig, &spec.id));
    EXPECT_TRUE(rig_state(&rig, &second) != JOB_PARKED);
    if (rig_state(&rig, &second) == JOB_QUEUED) {
        (void)rig_claim_one(&rig, "q", "t");
    }
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &second));
    struct store_move_item ask = {.id = second, .event = JOB_EV_CANCEL, .ask = true};
    struct store_move move = {.items = &ask, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
    store_op_finish(&move.op);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    (void)rig_recover(&rig);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &second));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &third));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A submission that takes the key of a scheduled job ends it, and the next one goes.
static void test_ousted(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct job_spec first = spec_of(&rig), plain = rig_spec(&rig, "q", "t");
    first.dedup_key = plain.dedup_key = "k";
    struct store_fire_item item = fire_of(&first, 60, "60", SCHEDULE_FIRE);
    EXPECT_EQ_INT(0, fire_item(&rig, &item));
    struct job_id second = fire(&rig, 120, SCHEDULE_QUEUED);
    plain.dedup_mode = DEDUP_REPLACE;
    if (rig.config.fallback == NULL) {
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &plain));
        EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &first.id));
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &second));
    }
    rig_expect_sound(&rig);
    struct job_spec odd = spec_of(&rig);
    odd.dedup_key = "k2";
    odd.dedup_mode = DEDUP_DEBOUNCE;
    item = fire_of(&odd, 180, "180", SCHEDULE_FIRE);
    EXPECT_EQ_INT(-EINVAL, fire_item(&rig, &item));
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ ledgers */

static void test_ledger(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct job_id id = fire(&rig, 60, SCHEDULE_FIRE);
    struct store_fire_item run = fire_of(NULL, 120, "120", SCHEDULE_DROPPED_WINDOW);
    run.row.missed = true;
    run.row.count = 3;
    run.row.last_ms = 240000;
    run.row.reason = "older than an hour";
    EXPECT_EQ_INT(0, fire_item(&rig, &run));
    (void)fire(&rig, 300, SCHEDULE_CAUGHT_UP);
    const struct store_ledger_list *page = ledger(&rig, -1, 2, NULL);
    EXPECT_EQ_UINT(2, page->count);
    EXPECT_EQ_STR("300", page->rows[0].key);
    const struct store_ledger_row *row = &page->rows[1];
    EXPECT_EQ_STR("r1", row->revision);
    EXPECT_EQ_STR("120", row->key);
    EXPECT_EQ_INT(SCHEDULE_DROPPED_WINDOW, row->verdict);
    EXPECT_TRUE(row->missed);
    EXPECT_EQ_UINT(3, row->count);
    EXPECT_EQ_INT(120000, row->nominal_ms);
    EXPECT_EQ_INT(240000, row->last_ms);
    EXPECT_EQ_INT(120005, row->actual_ms);
    EXPECT_EQ_STR("older than an hour", row->reason);
    EXPECT_TRUE(id_is_zero(&row->job));
    EXPECT_TRUE(page->next_cursor != NULL);
    page = ledger(&rig, -1, 2, page->next_cursor);
    EXPECT_EQ_UINT(1, page->count);
    EXPECT_TRUE(id_equal(&id, &page->rows[0].job));
    EXPECT_NULL(page->rows[0].reason);
    EXPECT_NULL(page->next_cursor);
    EXPECT_EQ_UINT(1, ledger(&rig, SCHEDULE_DROPPED_WINDOW, 10, NULL)->count);
    EXPECT_EQ_UINT(3, get(&rig, "s")->times[SCHEDULE_DROPPED_WINDOW]);
    struct store_ledger_list bad = {
        .schedule = "s", .verdict = -1, .limit = 2, .cursor = "nonsense"};
    EXPECT_EQ_INT(-EINVAL, rig_run(&rig, &bad.op, STORE_LEDGER_LIST));
    store_op_finish(&bad.op);
    struct store_ledger_list none = {.schedule = "none", .verdict = -1, .limit = 2};
    EXPECT_EQ_INT(-ENOENT, rig_run(&rig, &none.op, STORE_LEDGER_LIST));
    store_op_finish(&none.op);
    rig_finish(&rig);
}

// A row that a wrong clock wrote far ahead does not say where the schedule is.
static void test_ahead(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    int64_t now = rig.now / 1000, far = now + SCHEDULE_AHEAD_MS / 1000;
    (void)fire(&rig, now, SCHEDULE_FIRE);
    (void)fire(&rig, far + 60, SCHEDULE_FIRE);
    EXPECT_EQ_INT(now * 1000, get(&rig, "s")->last_ms);
    (void)fire(&rig, far - 60, SCHEDULE_FIRE);
    EXPECT_EQ_INT((far - 60) * 1000, get(&rig, "s")->last_ms);
    rig.now += 120000;
    EXPECT_EQ_INT((far + 60) * 1000, get(&rig, "s")->last_ms);
    rig_finish(&rig);
}

static size_t sweep(struct rig *rig, uint32_t rows, int64_t keep_ms, int64_t window_ms) {
    struct store_sweep op = {.limit = 100,
                             .ledger_rows = rows,
                             .ledger_keep_ms = keep_ms,
                             .ledger_window_ms = window_ms};
    (void)EXPECT_EQ_INT(0, rig_run(rig, &op.op, STORE_SWEEP));
    store_op_finish(&op.op);
    return op.removed;
}

// A row that a clock a week ahead has written is no younger than those behind it.
static void test_sweep_ahead(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    for (int i = 0; i < 4; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%d", i);
        int64_t at = rig.now / 1000 + (i == 0 ? 7 * SCHEDULE_AHEAD_MS / 1000 : i);
        struct store_fire_item item = fire_of(NULL, at, key, SCHEDULE_SKIPPED_GAP);
        EXPECT_EQ_INT(0, fire_item(&rig, &item));
    }
    rig.now += 10000;
    EXPECT_EQ_UINT(2, sweep(&rig, 2, 0, 0));
    EXPECT_EQ_STR("2", ledger(&rig, -1, 10, NULL)->rows[1].key);
    EXPECT_EQ_UINT(0, sweep(&rig, 2, 0, 0));
    struct store_fire_item item =
        fire_of(NULL, rig.now / 1000 + 7 * SCHEDULE_AHEAD_MS / 1000, "0", SCHEDULE_SKIPPED_GAP);
    EXPECT_EQ_INT(0, fire_item(&rig, &item)); // nothing is known of its time any more
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Of a revision that comes back a shared store looks for its rows among the newest thousand.
static void test_far_back(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    struct store_fire_item first = fire_of(NULL, 1, "first", SCHEDULE_SKIPPED_GAP);
    EXPECT_EQ_INT(0, fire_item(&rig, &first));
    put(&rig, "s", "r2");
    for (int i = 0; i < 999; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%d", i);
        struct store_fire_item item = fire_of(NULL, i, key, SCHEDULE_SKIPPED_GAP);
        item.row.revision = "r2";
        EXPECT_EQ_INT(0, fire_item(&rig, &item));
    }
    put(&rig, "s", "r1");
    EXPECT_EQ_INT(1000, get(&rig, "s")->last_ms);
    put(&rig, "s", "r2");
    struct store_fire_item last = fire_of(NULL, 999, "last", SCHEDULE_SKIPPED_GAP);
    last.row.revision = "r2";
    EXPECT_EQ_INT(0, fire_item(&rig, &last));
    struct store_schedule_put_item back = put(&rig, "s", "r1");
    EXPECT_EQ_INT(rig.now, back.stored_ms); // it begins now
    EXPECT_EQ_INT(SCHEDULE_NONE, get(&rig, "s")->last_ms);
    EXPECT_EQ_INT(-EEXIST, fire_item(&rig, &first)); // and repeats nothing
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_sweep(void) {
    struct rig rig;
    rig_start(&rig);
    put(&rig, "s", "r1");
    for (int i = 1; i <= 6; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%d", i);
        struct store_fire_item item = fire_of(NULL, i, key, SCHEDULE_SKIPPED_GAP);
        item.row.actual_ms = rig.now;
        EXPECT_EQ_INT(0, fire_item(&rig, &item));
        rig.now += 1000; // the first was written 6 s ago, the last 1 s
    }
    EXPECT_EQ_UINT(0, sweep(&rig, 0, 0, 0));
    EXPECT_EQ_UINT(0, sweep(&rig, 6, 6001, 0));
    EXPECT_EQ_UINT(1, sweep(&rig, 0, 6000, 0));
    EXPECT_EQ_UINT(1, sweep(&rig, 4, 0, 0));
    EXPECT_EQ_STR("3", ledger(&rig, -1, 10, NULL)->rows[3].key);
    EXPECT_EQ_UINT(1, sweep(&rig, 1, 1, 4000)); // the others may be needed
    EXPECT_EQ_UINT(0, sweep(&rig, 1, 1, 4000));
    EXPECT_EQ_UINT(2, sweep(&rig, 1, 1, 0));
    EXPECT_EQ_UINT(0, sweep(&rig, 1, 1, 0)); // it says where the schedule is
    EXPECT_EQ_INT(6000, get(&rig, "s")->last_ms);
    EXPECT_EQ_UINT(6, get(&rig, "s")->times[SCHEDULE_SKIPPED_GAP]);
    struct store_fire_item again = fire_of(NULL, 6, "6", SCHEDULE_SKIPPED_GAP);
    EXPECT_EQ_INT(-EEXIST, fire_item(&rig, &again));
    rig_expect_sound(&rig);
    (void)drop(&rig, "s");
    EXPECT_EQ_UINT(1, sweep(&rig, 1, 1, 0));
    struct store_ledger_list list = {.schedule = "s", .verdict = -1, .limit = 2};
    EXPECT_EQ_INT(-ENOENT, rig_run(&rig, &list.op, STORE_LEDGER_LIST));
    store_op_finish(&list.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ exactly once */

static struct shot {
    struct job_spec specs[MANY];
    struct store_fire_item items[MANY];
    struct store_fire ops[MANY];
    bool done[MANY];
} shots[2];
static char keys[MANY][16];

static void aim(struct rig *rig, struct shot *shot) {
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "%d", i);
        shot->specs[i] = spec_of(rig);
        shot->items[i] = fire_of(&shot->specs[i], i, keys[i], SCHEDULE_FIRE);
        shot->ops[i] = (struct store_fire){.items = &shot->items[i], .count = 1};
    }
}

static int expect_once(struct rig *rig, int i) {
    const struct store_fire_item *a = &shots[0].items[i], *b = &shots[1].items[i];
    const struct store_fire_item *won = a->status == 0 ? a : b, *lost = a->status == 0 ? b : a;
    (void)EXPECT_EQ_INT(0, won->status);
    (void)EXPECT_EQ_INT(-EEXIST, lost->status);
    (void)EXPECT_TRUE(id_equal(&won->job, &won->spec->id));
    (void)EXPECT_TRUE(id_equal(&won->job, &lost->job));
    return i % 100 == 0 && rig_state(rig, &lost->spec->id) != -1;
}

// On a shared store two hosts, else two parts of one: they fire the same times at once.
static void test_two_at_once(void) {
    struct rig a, b;
    rig_start(&a);
    struct rig *other = rig_is_shared() ? &b : &a;
    if (rig_is_shared()) {
        rig_start_beside(&b, &a);
    }
    put(&a, "s", "r1");
    aim(&a, &shots[0]);
    aim(other, &shots[1]);
    for (int i = 0; i < MANY; i++) {
        rig_post(&a, &shots[0].ops[i].op, STORE_FIRE, &shots[0].done[i]);
        rig_post(other, &shots[1].ops[i].op, STORE_FIRE, &shots[1].done[i]);
    }
    for (int i = 0; i < MANY; i++) {
        rig_wait(&a, &shots[0].done[i]);
        rig_wait(other, &shots[1].done[i]);
        EXPECT_EQ_INT(0, expect_once(&a, i));
        store_op_finish(&shots[0].ops[i].op);
        store_op_finish(&shots[1].ops[i].op);
    }
    const struct store_schedule *s = get(&a, "s");
    EXPECT_EQ_UINT(MANY, s->running);
    EXPECT_EQ_UINT(MANY, s->times[SCHEDULE_FIRE]);
    EXPECT_EQ_UINT(MANY, ledger(&a, -1, MANY, NULL)->count);
    EXPECT_EQ_INT(MANY, rig_stats(&a)->lanes[0].waiting);
    if (rig_is_shared()) {
        rig_finish(&b);
    }
    rig_finish(&a);
}

/* ------------------------------------------------------------------ damage */

static const struct {
    const char *sql;
    const char *code;
} damages[] = {
    {"DELETE FROM schedule_jobs WHERE waiting = 0", "schedule_job_missing"},
    {"DELETE FROM schedule_jobs WHERE waiting = 1", "schedule_job_missing"},
    {"UPDATE schedule_jobs SET waiting = 1", "schedule_job_waits"},
    {"INSERT INTO schedule_jobs(rid, schedule, queue, waiting) VALUES(5, 's', 1, 0)",
     "schedule_job_gone"},
    {"UPDATE schedules SET rows = 7", "ledger_rows"},
    {"INSERT INTO ledger(sid, revision, key, verdict, actual_ms) VALUES(99, 'r', 'k', 0, 1)",
     "orphan_ledger"},
    {"UPDATE schedule_jobs SET schedule = 'x' WHERE waiting = 0", "schedule_stuck"},
};

static void test_damages(void) {
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct rig rig;
        rig_start(&rig);
        put(&rig, "s", "r1");
        (void)fire(&rig, 60, SCHEDULE_FIRE);
        struct job_id second = fire(&rig, 120, SCHEDULE_QUEUED);
        rig_close(&rig);
        rig_sql(&rig, damages[i].sql);
        EXPECT_EQ_INT(0, rig_open(&rig));
        EXPECT_TRUE(sample_has(sample_fsck(&rig, false), damages[i].code, false));
        EXPECT_TRUE(sample_has(sample_fsck(&rig, true), damages[i].code, true));
        rig_expect_sound(&rig);
        EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &second));
        rig_finish(&rig);
    }
}

/* ------------------------------------------------------------------ a shared store */

static void damage(int which, const struct job_id *running) {
    char id[JOB_ID_TEXT + 1];
    id_format(running, id);
    if (which == 0) {
        (void)rig_redis("DEL jobs:q:unfinished:s");
    } else if (which == 1) {
        (void)rig_redis("ZADD jobs:q:unfinished:s 0 018bcfe5-6800-7000-8000-00000000dead");
    } else {
        (void)rig_redis("ZINCRBY jobs:q:unfinished:s 0.5 %s", id);
    }
}

static void test_key_damages(void) {
    static const char *const codes[] = {"schedule_job_missing", "schedule_job_gone",
                                        "schedule_stuck"};
    for (int i = 0; i < (int)ARRAY_LEN(codes); i++) {
        struct rig rig;
        rig_start(&rig);
        put(&rig, "s", "r1");
        struct job_id first = fire(&rig, 60, SCHEDULE_FIRE),
                      second = fire(&rig, 120, SCHEDULE_QUEUED);
        rig_expect_sound(&rig);
        damage(i, &first);
        EXPECT_TRUE(sample_has(sample_fsck(&rig, false), codes[i], false));
        EXPECT_TRUE(sample_has(sample_fsck(&rig, true), codes[i], true));
        rig_expect_sound(&rig);
        EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &second));
        rig_finish(&rig);
    }
}

enum { POINTS_MAX = 60 };

// All of a schedule's life behind a connection that is cut at the point-th command. False: there was nothing to cut.
static bool live_cut(unsigned point, enum redis_cut how) {
    struct rig rig;
    struct redis_proxy *proxy = rig_start_behind_proxy(&rig);
    redis_proxy_cut(proxy, point, how);
    EXPECT_EQ_INT(0, put(&rig, "s", "r1").status);
    EXPECT_EQ_INT(0, set(&rig, "s", true));
    EXPECT_EQ_INT(0, set(&rig, "s", false));
    struct job_spec specs[3];
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"1", "2", "3"};
        specs[i] = spec_of(&rig);
        struct store_fire_item item =
            fire_of(&specs[i], i, names[i], i == 2 ? SCHEDULE_REPLACE : SCHEDULE_QUEUED);
        int r = fire_item(&rig, &item);
        EXPECT_TRUE(r == 0 || r == -EEXIST);
        EXPECT_TRUE(id_equal(&specs[i].id, &item.job));
    }
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &specs[0].id));
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &specs[1].id));
    EXPECT_EQ_INT(0, rig_move(&rig, &specs[2].id, JOB_EV_CANCEL));
    const struct store_schedule *s = get(&rig, "s");
    EXPECT_EQ_UINT(2, s->times[SCHEDULE_QUEUED]);
    EXPECT_EQ_UINT(1, s->times[SCHEDULE_REPLACE]);
    EXPECT_EQ_UINT(0, s->running + s->waiting);
    EXPECT_EQ_UINT(3, ledger(&rig, -1, 10, NULL)->count);
    rig_expect_sound(&rig);
    bool cut = redis_proxy_has_cut(proxy);
    rig_close(&rig);
    redis_proxy_free(&proxy);
    rig_finish(&rig);
    return cut;
}

static void test_cut(void) {
    for (int how = REDIS_CUT_BEFORE; how <= REDIS_CUT_AFTER; how++) {
        unsigned point = 0;
        while (point < POINTS_MAX && live_cut(point, (enum redis_cut)how)) {
            point++;
        }
        EXPECT_TRUE(point > 8); // there was something to cut
        EXPECT_TRUE(point < POINTS_MAX);
    }
}

CASES(schedule, ON_ALL, {"a definition is stored, and replaced by another revision", test_put},
      {"limits of a definition", test_limits}, {"schedules are listed by their ids", test_list},
      {"a schedule is paused and resumed", test_pause}, {"a schedule is removed", test_remove},
      {"a schedule moves to another queue", test_another_queue}, {"a time fires once", test_fire},
      {"another revision than the stored one does not fire", test_stale},
      {"another edition goes on where its series was", test_series},
      {"what was removed does not go on", test_series_removed},
      {"limits of a row", test_fire_limits}, {"a job that is refused has a row", test_refused},
      {"no more unfinished jobs than the caller knows of", test_unfinished},
      {"jobs of a schedule wait in line", test_waits},
      {"what is no end of a scheduled job lets nobody go", test_not_an_end},
      {"jobs of a schedule are moved by hand", test_by_hand},
      {"a time replaces the jobs before it", test_replace},
      {"a time replaces a job of the same call", test_replace_at_once},
      {"a job whose claim has been freed ends for its schedule", test_claim_is_gone},
      {"an opener that is replaced cancels its members", test_replaced_opener},
      {"every end of a scheduled job lets the next one go", test_other_ends},
      {"a scheduled job whose key is taken", test_ousted}, {"a ledger is read", test_ledger},
      {"rows that are far ahead", test_ahead}, {"ledgers are swept", test_sweep},
      {"rows of a clock that was ahead are swept", test_sweep_ahead},
      {"two fire the same thousand times at once", test_two_at_once});
CASES(schedule_file, ON_FILE, {"fsck mends what schedules know of their jobs", test_damages});
// What one host does to schedules the others hear; of what they miss they hear by the beat that something was.
static void test_told(void) {
    struct rig a, b;
    rig_start(&a);
    rig_start_beside(&b, &a);
    (void)rig_stats(&a);
    EXPECT_EQ_INT(0, rig_beat(&a));
    EXPECT_EQ_INT(0, rig_beat(&b));
    RIG_AWAIT(&a, rig_listeners() == 2);
    rig_forget(&b);
    (void)put(&a, "s", "r1");
    RIG_AWAIT(&a, strcmp("s", b.schedule) == 0);
    (void)put(&a, "s", "r1"); // nothing new
    EXPECT_EQ_INT(0, set(&a, "s", true));
    EXPECT_EQ_INT(0, set(&a, "s", true));
    RIG_AWAIT(&a, b.schedule_events >= 2);
    (void)put(&a, "last", "r1");
    RIG_AWAIT(&a, strcmp("last", b.schedule) == 0);
    EXPECT_EQ_UINT(3, b.schedule_events);
    EXPECT_EQ_INT(0, rig_beat(&b));
    EXPECT_EQ_UINT(3, b.schedule_events); // all of it was told
    (void)rig_redis("INCR jh:schedules:changed");
    EXPECT_EQ_INT(0, rig_beat(&b));
    EXPECT_EQ_STR("*", b.schedule);
    EXPECT_EQ_UINT(4, b.schedule_events);
    EXPECT_EQ_INT(0, rig_beat(&b));
    EXPECT_EQ_UINT(4, b.schedule_events);
    (void)put(&a, "s", "r2"); // the message is the one after what the beat has said
    RIG_AWAIT(&a, b.schedule_events == 5);
    EXPECT_EQ_STR("s", b.schedule);
    rig_finish(&b);
    rig_finish(&a);
}

CASES(schedule_shared, ON_SHARED, {"fsck mends keys of schedules", test_key_damages},
      {"changes of schedules are told to all hosts", test_told},
      {"a revision comes back after many rows", test_far_back},
      {"a schedule's life is cut at each command", test_cut});
