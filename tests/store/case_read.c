/* LIST, STATS, hosts, audit, pauses: what people look at. */
#include <errno.h>
#include <sys/stat.h>

#include "cases.h"

// Walks all pages; the number of jobs, and expects them strictly newest first.
static size_t walk(struct rig *rig, struct store_filter filter, uint32_t limit) {
    const char *cursor = NULL;
    size_t seen = 0;
    int64_t last = INT64_MAX;
    do {
        const struct store_list *list = rig_list(rig, filter, limit, cursor);
        EXPECT_TRUE(list->count <= limit);
        for (size_t i = 0; i < list->count; i++) {
            int64_t order = id_order(&list->jobs[i].spec.id);
            EXPECT_TRUE(order < last);
            last = order;
        }
        seen += list->count;
        cursor = list->next_cursor;
    } while (cursor != NULL);
    return seen;
}

// 40 jobs that differ in everything lists filter by.
static void fill(struct rig *rig, struct job_id ids[40]) {
    static const char *const labels[] = {NULL, "red", "red,blue", "bluered"};
    for (int i = 0; i < 40; i++) {
        struct job_spec spec =
            rig_spec(rig, i % 2 == 0 ? "even" : "odd", i % 4 < 2 ? "a.x" : "b.y");
        spec.tenant = i % 5 == 0 ? "ann" : i % 5 == 1 ? "bob" : NULL;
        spec.labels = labels[i % 4];
        spec.dedup_key = i == 7 ? "needle-in-key" : NULL;
        spec.run_at_ms = i % 10 == 9 ? rig->now + 100000 : 0;
        ids[i] = spec.id;
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
        rig->now += 10;
    }
}

static void test_filters(void) {
    struct rig rig;
    struct job_id ids[40];
    struct store_filter f = rig_filter();
    rig_start(&rig);
    int64_t t0 = rig.now;
    fill(&rig, ids);
    EXPECT_EQ_UINT(40, walk(&rig, f, 7));
    EXPECT_EQ_UINT(40, walk(&rig, f, 1000));
    f.queue = "odd";
    EXPECT_EQ_UINT(20, walk(&rig, f, 3));
    f.type = "b.y";
    EXPECT_EQ_UINT(10, walk(&rig, f, 3));
    f = rig_filter();
    f.tenant = "ann";
    EXPECT_EQ_UINT(8, walk(&rig, f, 3));
    f.queue = "even";
    EXPECT_EQ_UINT(4, walk(&rig, f, 3));
    f.tenant = "nobody";
    EXPECT_EQ_UINT(0, walk(&rig, f, 3));
    f = rig_filter();
    f.label = "red";
    EXPECT_EQ_UINT(20, walk(&rig, f, 3)); // not "bluered"
    f.label = "blue";
    EXPECT_EQ_UINT(10, walk(&rig, f, 3));
    f = rig_filter();
    f.text = "needle";
    EXPECT_EQ_UINT(1, walk(&rig, f, 3));
    char text[JOB_ID_TEXT + 1];
    id_format(&ids[3], text);
    f.text = text;
    EXPECT_EQ_UINT(1, walk(&rig, f, 3));
    f = rig_filter();
    f.state = JOB_SCHEDULED;
    EXPECT_EQ_UINT(4, walk(&rig, f, 3));
    f.state = JOB_QUEUED;
    EXPECT_EQ_UINT(36, walk(&rig, f, 3));
    f.state = JOB_DEAD;
    EXPECT_EQ_UINT(0, walk(&rig, f, 3));
    f = rig_filter();
    f.created_after_ms = t0 + 100;
    f.created_before_ms = t0 + 200;
    EXPECT_EQ_UINT(10, walk(&rig, f, 3)); // [after, before)
    rig_finish(&rig);
}

static void test_filters_by_end(void) {
    struct rig rig;
    struct store_filter f = rig_filter();
    struct job_error error = {2, "invalid_grant", "the token is gone", NULL};
    rig_start(&rig);
    for (int i = 0; i < 12; i++) {
        (void)rig_submit_plain(&rig, "q", "t");
    }
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 9);
    f.state = JOB_RUNNING;
    EXPECT_EQ_UINT(9, walk(&rig, f, 2));
    for (int i = 0; i < 6; i++) {
        struct store_commit_item item = rig_item(&claim->jobs[i], i < 3    ? JOB_EV_SUCCEED
                                                                  : i == 3 ? JOB_EV_NONE
                                                                           : JOB_EV_DIE);
        item.error = i > 3 ? &error : NULL;
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    }
    EXPECT_EQ_UINT(4, walk(&rig, f, 2)); // one of them written down
    f.state = JOB_SUCCEEDED;
    EXPECT_EQ_UINT(3, walk(&rig, f, 2));
    f.state = JOB_DEAD;
    EXPECT_EQ_UINT(2, walk(&rig, f, 2));
    f.state = JOB_QUEUED;
    EXPECT_EQ_UINT(3, walk(&rig, f, 2));
    f = rig_filter();
    f.error_code = "invalid_grant";
    EXPECT_EQ_UINT(2, walk(&rig, f, 2));
    f.error_cls = 2;
    EXPECT_EQ_UINT(2, walk(&rig, f, 2));
    f.error_cls = 3;
    EXPECT_EQ_UINT(0, walk(&rig, f, 2));
    f = rig_filter();
    f.text = "token is gone";
    EXPECT_EQ_UINT(2, walk(&rig, f, 2));
    rig_finish(&rig);
}

static void test_filters_by_wait(void) {
    static const enum park_reason parks[] = {PARK_TIME, PARK_STATE_VERSION, PARK_STATE_VERSION,
                                             PARK_EVENT};
    const struct store_step step = {"one", {"1", 1}};
    struct rig rig;
    struct store_filter f = rig_filter();
    rig_start(&rig);
    for (int i = 0; i < 5; i++) {
        (void)rig_submit_plain(&rig, "q", "t");
    }
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 4);
    for (int i = 0; i < 4; i++) {
        struct store_commit_item item = rig_item(&claim->jobs[i], JOB_EV_PARK);
        item.park = parks[i];
        item.run_at_ms = rig.now + 1000;
        item.steps = &step;
        item.step_count = (size_t)(i % 2);
        item.state_version = 3;
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    }
    f.park = PARK_STATE_VERSION;
    EXPECT_EQ_UINT(2, walk(&rig, f, 1));
    f.has_steps = true;
    EXPECT_EQ_UINT(1, walk(&rig, f, 1));
    const struct store_list *list = rig_list(&rig, f, 1, NULL);
    EXPECT_EQ_UINT(3, list->jobs[0].steps_version);
    f.park = PARK_NONE;
    EXPECT_EQ_UINT(2, walk(&rig, f, 1));
    f.state = JOB_QUEUED;
    EXPECT_EQ_UINT(0, walk(&rig, f, 1));
    rig_finish(&rig);
}

static void test_paging_while_writing(void) {
    struct rig rig;
    struct job_id ids[40];
    rig_start(&rig);
    fill(&rig, ids);
    const char *cursor = NULL;
    bool seen[40] = {false};
    do {
        const struct store_list *list = rig_list(&rig, rig_filter(), 6, cursor);
        for (size_t i = 0; i < list->count; i++) {
            for (int k = 0; k < 40; k++) {
                if (id_equal(&ids[k], &list->jobs[i].spec.id)) {
                    EXPECT_FALSE(seen[k]); // none twice
                    seen[k] = true;
                }
            }
        }
        cursor = list->next_cursor;
        (void)rig_submit_plain(&rig, "even", "a.x"); // newer ones do not disturb
        const struct store_claim *claim = rig_claim(&rig, "even", "a.x", 1);
        EXPECT_EQ_INT(0, rig_succeed(&rig, &claim->jobs[0]));
    } while (cursor != NULL);
    for (int k = 0; k < 40; k++) {
        EXPECT_TRUE(seen[k]); // none left out
    }
    rig_finish(&rig);
}

static void test_list_limits(void) {
    struct rig rig;
    rig_start(&rig);
    static const struct {
        uint32_t limit;
        const char *cursor;
        int status;
    } rows[] = {{0, NULL, -EINVAL},    {1, NULL, 0},     {1000, NULL, 0},
                {1001, NULL, -EINVAL}, {5, "", -EINVAL}, {5, "xyz", -EINVAL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store_list list = {
            .filter = rig_filter(), .limit = rows[i].limit, .cursor = rows[i].cursor};
        EXPECT_EQ_INT(rows[i].status, rig_run(&rig, &list.op, STORE_LIST));
        EXPECT_TRUE((rows[i].status < 0) == (list.op.err.code != 0));
        store_op_finish(&list.op);
    }
    rig_finish(&rig);
}

static void test_cursors_of_rows(void) {
    struct rig rig;
    static const struct {
        const char *cursor;
        int status;
    } rows[] = {{"0", -EINVAL}, {"7fff", 0}, {"-5", -EINVAL}};
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store_list list = {.filter = rig_filter(), .limit = 5, .cursor = rows[i].cursor};
        EXPECT_EQ_INT(rows[i].status, rig_run(&rig, &list.op, STORE_LIST));
        store_op_finish(&list.op);
    }
    rig_finish(&rig);
}

/* A list whose time is over after a page at most, by the clock of the rig if it has one. */
static void search_hurriedly(struct rig *rig, bool expect_partial) {
    struct store_filter f = rig_filter();
    f.text = "nowhere";
    const char *cursor = NULL;
    unsigned partial = 0, pages = 0;
    bool missed = false;
    do { // however short the time, every page gets further
        struct store_list *list = RIG_NEW(rig, store_list);
        *list = (struct store_list){.filter = f, .limit = 10, .cursor = cursor};
        list->op.timeout_ms = 1;
        int status = rig_run(rig, &list->op, STORE_LIST);
        missed = status == -ETIMEDOUT; // on a busy machine no thread may get round to it
        EXPECT_TRUE(missed || status == 0);
        EXPECT_EQ_UINT(0, list->count);
        partial += list->partial;
        pages++;
        cursor = missed ? cursor : list->next_cursor;
    } while ((missed || cursor != NULL) && pages < 5000);
    EXPECT_TRUE(partial > 0 || !expect_partial);
    EXPECT_NULL(cursor);
}

static void submit_many(struct rig *rig, size_t count);

// A server has a clock of its own: how far a page comes in its time is anybody's guess.
static void test_deadline_of_others(void) {
    struct rig rig;
    rig_start(&rig);
    submit_many(&rig, 4000);
    search_hurriedly(&rig, false);
    rig_finish(&rig);
}

// Cursors come back from callers, who may bring anything.
static void test_cursors_of_keys(void) {
    static const struct {
        const char *audit, *keys;
        int status;
    } rows[] = {
        {"1-1", "q 0 0", 0},
        {"18446744073709551615-18446744073709551615", "q 18446744073709551615 999999", 0},
        {NULL, "nobody 5 5", 0}, // a queue that is there no more
        {"", "", -EINVAL},
        {"1", "q", -EINVAL},
        {"-1", "q 0", -EINVAL},
        {"1-", "q 0 ", -EINVAL},
        {"1-1 ", "q 0 0 ", -EINVAL},
        {"1-1-1", "q 0 0 0", -EINVAL},
        {"(1-1", "q -1 0", -EINVAL},
        {"+", "q 0 -1", -EINVAL},
        {"1-x", "q 0 1000000", -EINVAL},
        {"123456789012345678901-1", "q 18446744073709551616 0", -EINVAL},
        {"1-123456789012345678901", "q.. * 0", -EINVAL},
    };
    struct rig rig;
    rig_start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    spec.dedup_key = "k";
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store_audit_list lines = {.limit = 5, .cursor = rows[i].audit};
        struct store_dedup_list keys = {.limit = 5, .cursor = rows[i].keys};
        EXPECT_EQ_INT(rows[i].status, rig_run(&rig, &lines.op, STORE_AUDIT_LIST));
        EXPECT_EQ_INT(rows[i].status, rig_run(&rig, &keys.op, STORE_DEDUP_LIST));
        store_op_finish(&lines.op);
        store_op_finish(&keys.op);
    }
    rig_finish(&rig);
}

/* Many keys of several queues, by pages of every size: each key once. */
static void test_many_keys(void) {
    enum { KEYS = 300 };
    struct rig rig;
    rig_start(&rig);
    for (int i = 0; i < KEYS; i++) {
        struct job_spec spec = rig_spec(&rig, i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "c", "t");
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        spec.dedup_key = key;
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    }
    static const uint32_t limits[] = {1, 7, 100, 1000};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        const char *cursor = NULL;
        bool seen[KEYS] = {false};
        size_t count = 0;
        do {
            struct store_dedup_list *list = RIG_NEW(&rig, store_dedup_list);
            list->limit = limits[i];
            list->cursor = cursor;
            EXPECT_EQ_INT(0, rig_run(&rig, &list->op, STORE_DEDUP_LIST));
            EXPECT_TRUE(list->count <= limits[i]);
            for (size_t k = 0; k < list->count; k++) {
                long number = strtol(list->entries[k].key + 1, NULL, 10);
                EXPECT_FALSE(seen[number]);
                seen[number] = true;
                count++;
            }
            cursor = list->next_cursor;
        } while (cursor != NULL);
        EXPECT_EQ_UINT(KEYS, count);
    }
    rig_finish(&rig);
}

static void test_deadline(void) {
    struct rig rig;
    struct env_clock_file clock = {.rate_milli = 1000000}; // a second of ours is 1000 of its
    rig_start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    for (int i = 0; i < 3000; i++) {
        spec.id = rig_id(&rig);
        if (rig_submit(&rig, &spec) != SUBMIT_NEW) {
            (void)EXPECT_TRUE(false);
        }
    }
    rig.env.clock = &clock;
    search_hurriedly(&rig, true);
    rig.env.clock = NULL;
    rig_finish(&rig);
}

static void test_stats(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_EQ_UINT(0, rig_stats(&rig)->queue_count);
    for (int i = 0; i < 6; i++) {
        struct job_spec spec = rig_spec(&rig, "q", i < 4 ? "a" : "b");
        spec.priority = (enum job_priority)(i % 3);
        spec.run_at_ms = i == 5 ? rig.now + 500 : 0;
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
        rig.now++;
    }
    const struct store_claim *claim = rig_claim(&rig, "q", "a", 1);
    const struct store_stats *stats = rig_stats(&rig);
    EXPECT_EQ_UINT(1, stats->queue_count);
    const struct store_queue_stats *q = &stats->queues[0];
    EXPECT_EQ_INT(4, q->by_state[JOB_QUEUED]);
    EXPECT_EQ_INT(1, q->by_state[JOB_RUNNING]);
    EXPECT_EQ_INT(1, q->by_state[JOB_SCHEDULED]);
    EXPECT_EQ_INT(1, q->waiting[PRIORITY_HIGH]);
    EXPECT_EQ_INT(2, q->waiting[PRIORITY_NORMAL]);
    EXPECT_EQ_INT(1, q->waiting[PRIORITY_LOW]);
    EXPECT_EQ_INT(1700000000001, q->oldest_ready_ms); // the very first is claimed
    EXPECT_EQ_UINT(2, stats->lane_count);
    EXPECT_EQ_INT(1700000000005 + 500, stats->next_due_ms);
    EXPECT_TRUE(rig_is_shared() || stats->disk_bytes > 0);
    EXPECT_EQ_INT(0, rig_succeed(&rig, &claim->jobs[0]));
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    stats = rig_stats(&rig);
    EXPECT_EQ_INT(4, stats->queues[0].by_state[JOB_QUEUED]);
    EXPECT_EQ_INT(1, stats->queues[0].by_state[JOB_SUCCEEDED]);
    EXPECT_EQ_INT(0, stats->queues[0].by_state[JOB_RUNNING]);
    rig_finish(&rig);
}

static void test_pause(void) {
    struct rig rig;
    rig_start(&rig);
    struct store_queue_set set = {.queue = "q", .paused = true, .by = "cli:root", .why = "repairs"};
    EXPECT_EQ_INT(0, rig_run(&rig, &set.op, STORE_QUEUE_SET));
    EXPECT_EQ_INT(0, rig_run(&rig, &set.op, STORE_QUEUE_SET));
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    const struct store_stats *stats = rig_stats(&rig);
    EXPECT_EQ_UINT(1, stats->queue_count); // known although it has no job
    EXPECT_TRUE(stats->queues[0].paused);
    EXPECT_EQ_STR("cli:root", stats->queues[0].paused_by);
    EXPECT_EQ_STR("repairs", stats->queues[0].paused_why);
    EXPECT_EQ_INT(rig.now, stats->queues[0].paused_at_ms);
    set.paused = false;
    EXPECT_EQ_INT(0, rig_run(&rig, &set.op, STORE_QUEUE_SET));
    stats = rig_stats(&rig);
    EXPECT_FALSE(stats->queues[0].paused);
    EXPECT_NULL(stats->queues[0].paused_why);
    rig_finish(&rig);
}

static void test_hosts(void) {
    struct rig rig;
    rig_start(&rig);
    struct store_host_lease lease = {
        .name = "alpha", .nonce = UINT64_MAX - 1, .lease_ms = 1000, .version = "0.1", .pid = 12};
    EXPECT_EQ_INT(0, rig_run(&rig, &lease.op, STORE_HOST_LEASE));
    int64_t started = rig.now;
    struct store_host_list *list = RIG_NEW(&rig, store_host_list);
    EXPECT_EQ_INT(0, rig_run(&rig, &list->op, STORE_HOST_LIST));
    EXPECT_FALSE(list->hosts[0].left);
    EXPECT_EQ_INT(started + 1000, list->hosts[0].lease_end_ms);
    rig.now += 10;
    lease.lease_ms = 0;
    EXPECT_EQ_INT(0, rig_run(&rig, &lease.op, STORE_HOST_LEASE));
    list = RIG_NEW(&rig, store_host_list);
    EXPECT_EQ_INT(0, rig_run(&rig, &list->op, STORE_HOST_LIST));
    EXPECT_EQ_UINT(1, list->count);
    EXPECT_EQ_UINT(UINT64_MAX - 1, list->hosts[0].nonce);
    EXPECT_EQ_STR("alpha", list->hosts[0].name);
    EXPECT_EQ_INT(started, list->hosts[0].started_ms);
    EXPECT_EQ_INT(rig.now, list->hosts[0].seen_ms);
    EXPECT_TRUE(list->hosts[0].left);
    // those seen last are kept
    for (int i = 0; i < STORE_HOSTS_MAX; i++) {
        rig.now++;
        lease.nonce = (uint64_t)i + 1;
        EXPECT_EQ_INT(0, rig_run(&rig, &lease.op, STORE_HOST_LEASE));
        list = RIG_NEW(&rig, store_host_list);
        EXPECT_EQ_INT(0, rig_run(&rig, &list->op, STORE_HOST_LIST));
        EXPECT_EQ_UINT(i + 2 < STORE_HOSTS_MAX ? i + 2 : STORE_HOSTS_MAX, list->count);
    }
    EXPECT_EQ_UINT(1, list->hosts[list->count - 1].nonce);
    store_op_finish(&lease.op);
    rig_finish(&rig);
}

static void test_audit(void) {
    struct rig rig;
    rig_start(&rig);
    for (int i = 0; i < 5; i++) {
        struct store_audit_add add = {
            .entry = {rig.now + i, "cli:root", "queue.pause", i == 4 ? NULL : "q", "why"}};
        EXPECT_EQ_INT(0, rig_run(&rig, &add.op, STORE_AUDIT_ADD));
        EXPECT_EQ_INT(0, rig_run(&rig, &add.op, STORE_AUDIT_ADD)); // resent: one line
        store_op_finish(&add.op);
    }
    const char *cursor = NULL;
    int seen = 0;
    do {
        struct store_audit_list *list = RIG_NEW(&rig, store_audit_list);
        list->limit = 2;
        list->cursor = cursor;
        EXPECT_EQ_INT(0, rig_run(&rig, &list->op, STORE_AUDIT_LIST));
        for (size_t i = 0; i < list->count; i++) {
            EXPECT_EQ_INT(rig.now + 4 - seen, list->entries[i].at_ms); // newest first
            EXPECT_EQ_STR("cli:root", list->entries[i].actor);
            seen++;
        }
        cursor = list->next_cursor;
    } while (cursor != NULL);
    EXPECT_EQ_INT(5, seen);
    struct store_audit_list bad = {.limit = 2, .cursor = "nonsense"};
    EXPECT_EQ_INT(-EINVAL, rig_run(&rig, &bad.op, STORE_AUDIT_LIST));
    store_op_finish(&bad.op);
    rig_finish(&rig);
}

static void test_not_there(void) {
    struct rig rig;
    rig_start(&rig);
    struct store_get get = {.id = rig_id(&rig)};
    EXPECT_EQ_INT(-ENOENT, rig_run(&rig, &get.op, STORE_GET));
    char text[JOB_ID_TEXT + 1];
    id_format(&get.id, text);
    EXPECT_CONTAINS(text, get.op.err.msg);
    rig_finish(&rig);
}

static void test_answers_in_order(void) {
    struct rig rig;
    enum { OPS = 200 };
    static struct store_submit submits[OPS];
    static struct store_submit_item items[OPS];
    static struct job_spec specs[OPS];
    bool done[OPS];
    rig_start(&rig);
    for (int i = 0; i < OPS; i++) {
        specs[i] = rig_spec(&rig, "q", "t");
        items[i] = (struct store_submit_item){.spec = &specs[i]};
        submits[i] = (struct store_submit){.items = &items[i], .count = 1};
        rig_post(&rig, &submits[i].op, STORE_SUBMIT, &done[i]);
        EXPECT_FALSE(done[i]); // never before store_post() has returned
    }
    for (int i = OPS - 1; i >= 0; i--) {
        rig_wait(&rig, &done[i]); // once the last is answered, all are
        EXPECT_EQ_INT(0, submits[i].op.status);
    }
    bool read_done = false;
    struct store_get *get = RIG_NEW(&rig, store_get);
    get->id = specs[OPS - 1].id;
    rig_post(&rig, &get->op, STORE_GET, &read_done);
    rig_wait(&rig, &read_done);
    EXPECT_EQ_INT(0, get->op.status); // a read sees what was reported before it
    rig_finish(&rig);
}

static uint64_t file_size(const char *path, const char *suffix) {
    char name[400];
    struct stat st;
    (void)snprintf(name, sizeof name, "%s%s", path, suffix);
    return stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static struct store_filter nothing_matches(void) {
    struct store_filter filter = rig_filter();
    filter.text = "in no job's words";
    return filter;
}

static void submit_many(struct rig *rig, size_t count) {
    enum { BATCH = 4000 };
    static struct store_submit_item items[BATCH];
    static struct job_spec specs[BATCH];
    for (size_t done = 0; done < count; done += BATCH) {
        struct store_submit submit = {.items = items, .count = BATCH};
        for (size_t i = 0; i < BATCH; i++) {
            specs[i] = rig_spec(rig, "q", "t");
            specs[i].labels = "some,labels,that,take,room";
            items[i] = (struct store_submit_item){.spec = &specs[i]};
        }
        EXPECT_EQ_INT(0, rig_run(rig, &submit.op, STORE_SUBMIT));
        store_op_finish(&submit.op);
    }
}

// A search looks at every job; who asks for one job must not wait for that.
static void test_search_beside_get(void) {
    struct rig rig;
    int overtaken = 0;
    rig_start(&rig);
    submit_many(&rig, 40000);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    for (int round = 0; round < 50 && overtaken == 0; round++) {
        bool listed, got;
        struct store_list *list = RIG_NEW(&rig, store_list);
        struct store_get *get = RIG_NEW(&rig, store_get);
        list->filter = nothing_matches();
        list->limit = 10;
        get->id = id;
        rig_post(&rig, &list->op, STORE_LIST, &listed);
        rig_post(&rig, &get->op, STORE_GET, &got);
        rig_wait(&rig, &got);
        overtaken += !listed;
        rig_wait(&rig, &listed);
        EXPECT_EQ_INT(0, get->op.status);
        EXPECT_EQ_INT(0, list->op.status);
        EXPECT_EQ_UINT(0, list->count);
        EXPECT_TRUE(list->op.arena.used < 100000); // not a word of 40000 jobs is kept
    }
    EXPECT_TRUE(overtaken > 0);
    rig_finish(&rig);
}

struct searching {
    struct rig *rig;
    struct store_list list;
    bool stop, done;
};

static void search_again(struct store_op *op) {
    struct searching *s = op->arg;
    store_op_finish(&s->list.op);
    s->done = s->stop;
    if (!s->stop) {
        s->list = (struct store_list){.filter = nothing_matches(), .limit = 10};
        s->list.op = (struct store_op){.kind = STORE_LIST, .done = search_again, .arg = s};
        store_post(&s->rig->store, &s->list.op);
    }
}

// Somebody searches all the time, and two of them so that there is never a pause in between.
static void test_log_stays_bounded(void) {
    struct rig rig;
    enum { WRITES = 200, MIB = 1 << 20 };
    struct searching searching[2];
    char *big = calloc(1, MIB);
    rig_start(&rig);
    submit_many(&rig, 80000);
    for (size_t i = 0; i < ARRAY_LEN(searching); i++) {
        searching[i] = (struct searching){.rig = &rig, .list.op.arg = &searching[i]};
        search_again(&searching[i].list.op);
    }
    uint64_t most = 0;
    for (int i = 0; i < WRITES; i++) {
        struct job_spec spec = rig_spec(&rig, "big", "t");
        spec.payload = (struct bytes){big, MIB};
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
        uint64_t wal = file_size(rig.db, "-wal");
        most = wal > most ? wal : most;
    }
    for (size_t i = 0; i < ARRAY_LEN(searching); i++) {
        searching[i].stop = true;
        rig_wait(&rig, &searching[i].done);
    }
    EXPECT_TRUE(most < (uint64_t)WRITES / 2 * MIB);
    rig_expect_sound(&rig);
    rig_finish(&rig);
    free(big);
}

CASES(read, ON_ALL, {"lists by every filter", test_filters},
      {"lists by how it ended", test_filters_by_end},
      {"lists by what it waits for, and by steps", test_filters_by_wait},
      {"pages while others write", test_paging_while_writing},
      {"limits and cursors of lists", test_list_limits},
      {"counters agree with jobs, also after opening again", test_stats},
      {"a pause is durable", test_pause}, {"hosts are listed", test_hosts},
      {"the audit log is paged and says nothing twice", test_audit},
      {"what is not there says so", test_not_there},
      {"answers come later, in order", test_answers_in_order},
      {"a search does not hold up who asks for one job", test_search_beside_get});
CASES(read_file, ON_FILE, {"cursors that are numbers of rows", test_cursors_of_rows},
      {"a list that runs out of time goes on later", test_deadline},
      {"the log stays bounded under searches", test_log_stays_bounded});
CASES(read_shared, ON_SHARED,
      {"a list that runs out of a server's time goes on later", test_deadline_of_others},
      {"cursors of keys and of the audit log", test_cursors_of_keys},
      {"all dedup keys are listed, page by page", test_many_keys});
