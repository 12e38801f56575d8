/* A server that is not as it should be, that is away for a while, or that refuses; and what lies on it for others to read. */
#include <errno.h>
#include <signal.h>

#include "cases.h"
#include "jobhost_plugin.h"
#include "redis_server.h"

static void id_text(const struct job_id *id, char text[JOB_ID_TEXT + 1]) {
    id_format(id, text);
}

static void expect_refused(struct rig *rig, int want, const char *part) {
    int r = rig_open(rig);
    EXPECT_TRUE(r < 0);
    EXPECT_EQ_INT(want, r);
    EXPECT_CONTAINS(part, rig->err.msg);
    rig_close(rig);
}

static void test_refusals(void) {
    struct rig rig;
    rig_init(&rig);
    (void)rig_redis("CONFIG SET maxmemory-policy allkeys-lru");
    expect_refused(&rig, -EPROTO, "noeviction");
    rig.config.allow_eviction = true;
    EXPECT_EQ_INT(0, rig_open(&rig));
    rig_close(&rig);
    rig.config.allow_eviction = false;
    (void)rig_redis("CONFIG SET maxmemory-policy noeviction");
    (void)rig_redis("SET jh:format 999");
    expect_refused(&rig, -EPROTO, "format 999");
    (void)rig_redis("DEL jh:format");
    (void)rig_redis("LPUSH jh:format cats");
    expect_refused(&rig, -EPROTO, "jh:format");
    (void)rig_redis("DEL jh:format");
    EXPECT_EQ_INT(0, rig_open(&rig));
    rig_finish(&rig);
}

static void test_unreachable(void) {
    struct rig rig;
    rig_init(&rig);
    rig.config.url = "unix:/no/such/socket";
    EXPECT_TRUE(rig_open(&rig) < 0);
    EXPECT_CONTAINS("/no/such/socket", rig.err.msg);
    rig.config.url = "redis://127.0.0.1:1/0";
    EXPECT_TRUE(rig_open(&rig) < 0);
    EXPECT_CONTAINS("127.0.0.1:1", rig.err.msg);
    rig_finish(&rig);
}

/* A server that has no memory takes nothing, and says so; reading goes on. */
static void test_no_memory(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    (void)rig_redis("CONFIG SET maxmemory 1");
    struct job_spec spec = rig_spec(&rig, "q", "t");
    EXPECT_EQ_INT(-EROFS, rig_submit(&rig, &spec));
    EXPECT_TRUE(rig.health[0] != '\0');
    int r = rig_succeed(&rig, job); // it may find the room that it needs
    EXPECT_TRUE(r == 0 || r == -EROFS);
    EXPECT_EQ_INT(r == 0 ? JOB_SUCCEEDED : JOB_RUNNING, rig_state(&rig, &id));
    (void)rig_redis("CONFIG SET maxmemory 0");
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    RIG_AWAIT(&rig, rig.health[0] == '\0');
    EXPECT_EQ_INT(0, rig_succeed(&rig, job));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ a permission that is taken away */

// What is repeated as its caller would: how often it took.
static int commit_until_taken(struct rig *rig, struct store_commit_item *item) {
    int tries = 1;
    while (tries < 5 && rig_commit(rig, item) != 0) {
        tries++;
    }
    EXPECT_EQ_INT(0, item->status);
    return tries;
}

static void allow_restore(bool allowed) {
    (void)rig_redis("ACL SETUSER default %crestore", allowed ? '+' : '-');
}

/* Whole hashes cannot be written any more: nothing is written by halves, and what is asked for again is written otherwise. */
static void test_no_restore_commit(void) {
    struct rig rig;
    struct store_step step = {"s", bytes_of("1")};
    struct store_warning warning = {"w", "m"};
    rig_start(&rig);
    struct job_id parent = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    struct job_spec kid = rig_spec(&rig, "q", "kid");
    struct store_commit_item item = rig_item(job, JOB_EV_NONE);
    item.steps = &step;
    item.step_count = 1;
    item.warnings = &warning;
    item.warning_count = 1;
    item.children = &kid;
    item.child_count = 1;
    allow_restore(false);
    EXPECT_TRUE(commit_until_taken(&rig, &item) <= 2);
    const struct store_job *got = rig_get(&rig, &parent);
    EXPECT_EQ_UINT(1, got->step_count);
    EXPECT_EQ_UINT(1, got->warning_count);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &kid.id));
    EXPECT_EQ_UINT(1, rig_claim(&rig, "q", "kid", 5)->job_count);
    EXPECT_TRUE(rig.health[0] == '\0');
    allow_restore(true);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* One of two ends with a log, the other without ado. */
static void test_no_restore_ends(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id ids[2] = {rig_submit_plain(&rig, "q", "t"), rig_submit_plain(&rig, "q", "t")};
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 2);
    struct store_commit_item items[2] = {{.status = -1}, {.status = -1}};
    struct store_commit commit = {.items = items, .count = 2};
    if (EXPECT_EQ_UINT(2, claim->job_count)) {
        items[0] = rig_item(&claim->jobs[0], JOB_EV_SUCCEED);
        items[1] = rig_item(&claim->jobs[1], JOB_EV_SUCCEED);
        items[0].log_tail = bytes_of("log");
        allow_restore(false);
        for (int i = 0; i < 5 && rig_run(&rig, &commit.op, STORE_COMMIT) != 0; i++) {
            store_op_finish(&commit.op);
        }
        store_op_finish(&commit.op);
    }
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ_INT(0, items[i].status);
        EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(&rig, &ids[i]));
    }
    allow_restore(true);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* A child that is on its way arrives. */
static void test_no_restore_forward(void) {
    struct rig rig;
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q", "t");
    struct job_spec kid = rig_spec(&rig, "elsewhere", "kid");
    struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_SUCCEED);
    item.children = &kid;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    allow_restore(false);
    int r = -1;
    for (int i = 0; i < 5 && r != 0; i++) {
        struct store_forward f = {.limit = 10};
        r = rig_run(&rig, &f.op, STORE_FORWARD);
        store_op_finish(&f.op);
    }
    EXPECT_EQ_INT(0, r);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &kid.id));
    allow_restore(true);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_no_restore_submit(void) {
    struct rig rig;
    rig_start(&rig);
    (void)rig_redis("CONFIG RESETSTAT");
    (void)rig_submit_plain(&rig, "q", "t");
    bool restores = strstr(rig_redis_text("INFO commandstats"), "cmdstat_restore:") != NULL;
    EXPECT_EQ_INT(strcmp(rig_backend, "redis") == 0, restores); // by TLS it is one who may not
    allow_restore(false);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    int r = -1;
    for (int i = 0; i < 5 && r < 0; i++) {
        r = rig_submit(&rig, &spec);
    }
    EXPECT_EQ_INT(SUBMIT_NEW, r);
    EXPECT_EQ_UINT(2, rig_claim(&rig, "q", "t", 5)->job_count);
    allow_restore(true);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* Of two jobs that were submitted and end alike one ends as one word, the other field by field: nobody sees which. */
static void test_no_restore_same(void) {
    static const char script[] =
        "local function read(id) local flat, map = redis.call('HGETALL', 'job:' .. id), {} "
        "for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end return map, #flat end "
        "local a, n = read(ARGV[1]) local b, m = read(ARGV[2]) local odd = n == m and 0 or 1 "
        "for name, value in pairs(a) do "
        "if name ~= 'id' and b[name] ~= value then odd = odd + 1 end end return odd";
    static const struct {
        enum job_event event;
        int64_t keep_ms;
        int32_t attempts, executions;
        const char *error;
    } rows[] = {
        {JOB_EV_SUCCEED, 60000, 1, 1, NULL},
        {JOB_EV_SUCCEED, 0, 1, 1, NULL},
        {JOB_EV_DIE, 60000, 1, 1, "all that one can say of it, and that is more than 64 bytes"},
        {JOB_EV_DIE, 0, 1, 0, ""},
        {JOB_EV_CANCEL, 60000, 0, 1, NULL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig rig;
        char payload[1024], texts[2][JOB_ID_TEXT + 1];
        rig_start(&rig);
        memset(payload, 'x', sizeof payload);
        for (int k = 0; k < 2; k++) {
            struct job_spec spec = rig_spec(&rig, "q", "t");
            spec.payload = (struct bytes){payload, sizeof payload};
            spec.tenant = "ann";
            spec.content_type = "text/plain";
            spec.labels = "a,b";
            spec.callback = "https://example.org/a/callback/that/is/longer/than/sixty-four/bytes";
            spec.retry = "{}";
            spec.flow_id = "7";
            spec.timeout_ms = 5000;
            spec.nominal_ms = 9007199254740993;
            spec.deadline_ms = spec.expires_ms = rig.now + 100000;
            EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
            id_text(&spec.id, texts[k]);
        }
        const struct store_claim *claim = rig_claim(&rig, "q", "t", 2);
        const struct job_error error = {JH_E_AUTH, "code", rows[i].error, "scope"};
        const struct job_progress progress = {1, 3, "a third", rig.now};
        for (size_t k = 0; k < 2 && EXPECT_EQ_UINT(2, claim->job_count); k++) {
            struct store_commit_item item = rig_item(&claim->jobs[k], rows[i].event);
            item.keep_ms = rows[i].keep_ms;
            item.counters.attempts = rows[i].attempts;
            item.counters.executions = rows[i].executions;
            item.error = rows[i].error == NULL ? NULL : &error;
            item.progress = &progress;
            item.first_run_ms = rig.now;
            EXPECT_TRUE(commit_until_taken(&rig, &item) <= 2);
            allow_restore(false);
        }
        allow_restore(true);
        EXPECT_EQ_INT(0, REDIS_DO(rig_server(), "EVAL", script, "0", texts[0], texts[1]));
        for (int k = 0; k < 2; k++) {
            EXPECT_EQ_INT(rows[i].keep_ms > 0, rig_redis("PTTL job:%s", texts[k]) > 0);
        }
        rig_expect_sound(&rig);
        rig_finish(&rig);
    }
}

/* Behind the same address there is another one, and nobody was away for long enough to look at it anew. */
static void test_no_restore_there(void) {
    struct redis_server server;
    struct rig rig;
    char url[128];
    redis_server_init(&server);
    redis_server_start(&server);
    rig_init(&rig);
    (void)snprintf(url, sizeof url, "unix:%s", server.socket);
    rig.config.url = url;
    EXPECT_EQ_INT(0, rig_open(&rig));
    (void)rig_submit_plain(&rig, "q", "t");
    redis_server_kill(&server);
    server.without = "restore";
    redis_server_start(&server);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    int r = -1;
    for (int i = 0; i < 5 && r < 0; i++) {
        r = rig_submit(&rig, &spec);
    }
    EXPECT_EQ_INT(SUBMIT_NEW, r);
    EXPECT_EQ_UINT(1, rig_claim(&rig, "q", "t", 5)->job_count);
    rig_finish(&rig);
    redis_server_finish(&server);
}

/* What it has lost with its last second may be that there is such a queue: nobody else would find its jobs. */
static void test_queue_lost(void) {
    struct redis_server server;
    struct rig rig;
    char url[128];
    redis_server_init(&server);
    redis_server_start(&server);
    rig_init(&rig);
    (void)snprintf(url, sizeof url, "unix:%s", server.socket);
    rig.config.url = url;
    EXPECT_EQ_INT(0, rig_open(&rig));
    (void)rig_submit_plain(&rig, "q", "t");
    EXPECT_EQ_INT(1, REDIS_DO(&server, "HEXISTS", "jh:queues", "q"));
    redis_server_kill(&server);
    redis_server_start(&server);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    RIG_AWAIT(&rig, REDIS_DO(&server, "HEXISTS", "jh:queues", "q") == 1);
    rig_expect_sound(&rig);
    rig_finish(&rig);
    redis_server_finish(&server);
}

/* A server of the case's own, which keeps what it answered for and is killed. */
static void test_restart(void) {
    struct redis_server server;
    struct rig rig;
    char url[128];
    bool done;
    redis_server_init(&server);
    server.fsync = "always";
    redis_server_start(&server);
    rig_init(&rig);
    (void)snprintf(url, sizeof url, "unix:%s", server.socket);
    rig.config.url = url;
    EXPECT_EQ_INT(0, rig_open(&rig));
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    redis_server_kill(&server);
    RIG_AWAIT(&rig, rig.health[0] != '\0'); // after a second or so
    struct store_commit_item item = rig_item(job, JOB_EV_SUCCEED);
    struct store_commit commit = {.items = &item, .count = 1};
    commit.op.timeout_ms = 60000;
    rig_post(&rig, &commit.op, STORE_COMMIT, &done); // waits for it
    redis_server_start(&server);
    rig_wait(&rig, &done);
    EXPECT_EQ_INT(0, commit.op.status);
    EXPECT_EQ_INT(0, item.status);
    RIG_AWAIT(&rig, rig.health[0] == '\0');
    EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(&rig, &id));
    rig_expect_sound(&rig);
    store_op_finish(&commit.op);
    rig_finish(&rig);
    redis_server_finish(&server);
}

/* An operation that nobody answers ends with its time. */
static void test_stopped(void) {
    struct rig rig;
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q", "t");
    (void)rig_stats(&rig); // nothing is on its way any more: what follows leaves this process
    struct job_spec spec = rig_spec(&rig, "q", "t");
    struct store_submit_item item = {.spec = &spec};
    struct store_submit submit = {.items = &item, .count = 1, .op.timeout_ms = 300};
    (void)kill(rig_server()->pid, SIGSTOP);
    EXPECT_EQ_INT(-ETIMEDOUT, rig_run(&rig, &submit.op, STORE_SUBMIT));
    (void)kill(rig_server()->pid, SIGCONT);
    int r = rig_submit(&rig, &spec); // its fate was open
    EXPECT_TRUE(r == SUBMIT_NEW || r == SUBMIT_REPEATED);
    EXPECT_EQ_UINT(2, rig_claim(&rig, "q", "t", 5)->job_count);
    store_op_finish(&submit.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* It does not wait for one that was posted before it and has more time. */
static void test_stopped_apart(void) {
    struct rig rig;
    bool done;
    rig_start(&rig);
    struct job_spec specs[2] = {rig_spec(&rig, "q", "t"), rig_spec(&rig, "q", "t")};
    struct store_submit_item items[2] = {{.spec = &specs[0]}, {.spec = &specs[1]}};
    struct store_submit patient = {.items = &items[0], .count = 1, .op.timeout_ms = 60000};
    struct store_submit hasty = {.items = &items[1], .count = 1, .op.timeout_ms = 300};
    (void)rig_stats(&rig);
    (void)kill(rig_server()->pid, SIGSTOP);
    rig_post(&rig, &patient.op, STORE_SUBMIT, &done);
    EXPECT_EQ_INT(-ETIMEDOUT, rig_run(&rig, &hasty.op, STORE_SUBMIT));
    EXPECT_TRUE(!done);
    (void)kill(rig_server()->pid, SIGCONT);
    rig_wait(&rig, &done);
    EXPECT_EQ_INT(0, patient.op.status);
    EXPECT_EQ_INT(0, items[0].status);
    store_op_finish(&patient.op);
    store_op_finish(&hasty.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ what others read */

/* The names and types that users of the seeds watch, with a prefix and without. */
static void watch(const char *prefix, const char *queue_list, const char *processing,
                  const char *dlq) {
    const struct store_queue_setup keys = {.queue = "klap", .prefix = prefix};
    struct rig rig;
    char a[JOB_ID_TEXT + 1], b[JOB_ID_TEXT + 1];
    rig_init(&rig);
    rig.config.queues = &keys;
    rig.config.queue_count = 1;
    EXPECT_EQ_INT(0, rig_open(&rig));
    struct job_id first = rig_submit_plain(&rig, "klap", "klap.video");
    struct job_id second = rig_submit_plain(&rig, "klap", "klap.video");
    id_text(&first, a);
    id_text(&second, b);
    EXPECT_EQ_INT(2, rig_redis("LLEN %s", queue_list));
    EXPECT_EQ_STR(a, rig_redis_text("LINDEX %s 0", queue_list));
    EXPECT_EQ_STR("queued", rig_redis_text("HGET %sjob:%s status", prefix, a));
    const struct store_claimed *job = rig_claim_one(&rig, "klap", "klap.video");
    EXPECT_EQ_INT(1, rig_redis("LLEN %s", queue_list));
    EXPECT_TRUE(strtod(rig_redis_text("ZSCORE %s %s", processing, a), NULL) > 1e12);
    EXPECT_EQ_STR("running", rig_redis_text("HGET %sjob:%s status", prefix, a));
    struct store_result result = {NULL, bytes_of("{\"ok\":true}"), NULL};
    struct store_commit_item item = rig_item(job, JOB_EV_SUCCEED);
    item.result = &result;
    item.keep_ms = 86400000;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(0, rig_redis("ZCARD %s", processing));
    EXPECT_EQ_STR("succeeded", rig_redis_text("HGET %sjob:%s status", prefix, a));
    EXPECT_EQ_STR("{\"ok\":true}", rig_redis_text("GET %sresults:%s", prefix, a));
    EXPECT_TRUE(rig_redis("PTTL %sjob:%s", prefix, a) > 86400000 - 60000);
    EXPECT_TRUE(rig_redis("PTTL %sresults:%s", prefix, a) > 86400000 - 60000);
    EXPECT_EQ_INT(-1, rig_redis("PTTL %sjob:%s", prefix, b)); // it is not over
    item = rig_item(rig_claim_one(&rig, "klap", "klap.video"), JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_TRUE(rig_redis_text("ZSCORE %s %s", dlq, b)[0] != '\0');
    EXPECT_EQ_STR("dead", rig_redis_text("HGET %sjob:%s status", prefix, b));
    EXPECT_EQ_INT(-1, rig_redis("PTTL %sjob:%s", prefix, b)); // kept for ever
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_watched(void) {
    watch("klap:", "klap:jobs:queue", "klap:jobs:processing", "klap:jobs:dlq");
    watch("", "jobs:klap:queue", "jobs:klap:processing", "jobs:klap:dlq");
}

/* Redis deletes a job that nobody sweeps, and what tells its queue with it: however its end was written, and whatever
 * stands beside it in the call. */
static void test_times_to_live(void) {
    static const struct {
        const char *queue;
        bool stranger, log, fenced; // submitted by another host: not as one word
        enum job_event event;
        int64_t keep_ms;
    } rows[] = {
        {"klap", false, false, false, JOB_EV_SUCCEED, 3600000},
        {"klap", false, false, false, JOB_EV_SUCCEED, 3600000},
        {"klap", false, false, true, JOB_EV_SUCCEED, 3600000},
        {"klap", false, false, false, JOB_EV_SUCCEED, 3600000},
        {"plain", false, false, false, JOB_EV_SUCCEED, 3600000},
        {"klap", false, false, false, JOB_EV_DIE, 3600000},
        {"klap", true, false, false, JOB_EV_SUCCEED, 3600000},
        {"klap", true, false, false, JOB_EV_DIE, 0},
        {"klap", false, true, false, JOB_EV_DIE, 3600000},
        {"plain", true, false, false, JOB_EV_SUCCEED, 3600000},
        {"klap", true, true, false, JOB_EV_SUCCEED, 0},
        {"klap", false, false, false, JOB_EV_SUCCEED, 0},
        {"klap", false, false, false, JOB_EV_DIE, 0},
    };
    const struct store_queue_setup keys = {.queue = "klap", .prefix = "klap:"};
    struct rig rig, other;
    struct store_commit_item items[ARRAY_LEN(rows)];
    rig_init(&rig);
    rig.config.queues = &keys;
    rig.config.queue_count = 1;
    EXPECT_EQ_INT(0, rig_open(&rig));
    rig_init_beside(&other, &rig);
    other.config.queues = &keys;
    other.config.queue_count = 1;
    EXPECT_EQ_INT(0, rig_open(&other));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)rig_submit_plain(rows[i].stranger ? &other : &rig, rows[i].queue, "t");
        const struct store_claimed *job = rig_claim_one(&rig, rows[i].queue, "t");
        items[i] = rig_item(job, rows[i].event);
        items[i].token += rows[i].fenced;
        items[i].log_tail = bytes_of(rows[i].log ? "a line" : "");
        items[i].keep_ms = rows[i].keep_ms;
    }
    struct store_commit commit = {.items = items, .count = ARRAY_LEN(rows)};
    EXPECT_EQ_INT(0, rig_run(&rig, &commit.op, STORE_COMMIT));
    store_op_finish(&commit.op);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *prefix = strcmp(rows[i].queue, "klap") == 0 ? "klap:" : "";
        bool expires = rows[i].keep_ms > 0 && !rows[i].fenced;
        char text[JOB_ID_TEXT + 1];
        id_text(&items[i].id, text);
        EXPECT_EQ_INT(rows[i].fenced ? -ESTALE : 0, items[i].status);
        int64_t left = rig_redis("PTTL %sjob:%s", prefix, text);
        int64_t index = rig_redis("PTTL jh:idx:%s", text);
        EXPECT_EQ_INT(expires, left > rows[i].keep_ms + 840000 && left <= rows[i].keep_ms + 900000);
        EXPECT_EQ_INT(expires, left != -1);
        EXPECT_EQ_INT(*prefix == '\0' ? -2 : expires ? 1 : -1, index > 0 ? 1 : index);
    }
    EXPECT_EQ_INT(4, rig_redis("ZCARD klap:jobs:dlq"));
    EXPECT_EQ_INT(2, rig_redis("ZCARD klap:jobs:dlq:expiry"));
    EXPECT_EQ_INT(6, rig_redis("ZCARD klap:jobs:succeeded"));
    EXPECT_EQ_INT(1, rig_redis("ZCARD klap:jobs:processing"));
    EXPECT_EQ_INT(2, rig_redis("ZCARD jobs:plain:succeeded"));
    rig_expect_sound(&rig);
    rig_finish(&other);
    rig_finish(&rig);
}

static void test_lists_of_priorities(void) {
    static const char *const lists[PRIORITY_COUNT] = {
        "klap:jobs:queue:high", "klap:jobs:queue:normal", "klap:jobs:queue:low"};
    const struct store_queue_setup keys = {
        .queue = "klap", .prefix = "klap:", .split_normal = true};
    struct rig rig;
    rig_init(&rig);
    rig.config.queues = &keys;
    rig.config.queue_count = 1;
    EXPECT_EQ_INT(0, rig_open(&rig));
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        struct job_spec spec = rig_spec(&rig, "klap", "t");
        spec.priority = (enum job_priority)p;
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
        EXPECT_EQ_INT(1, rig_redis("LLEN %s", lists[p]));
    }
    EXPECT_EQ_UINT(3, rig_claim(&rig, "klap", "t", 5)->job_count);
    rig_finish(&rig);
}

/* Keys that never end belong to what never ends by itself; jobs that are over have an end. */
static void test_ends_of_keys(void) {
    static const char script[] =
        "local n = 0 for _, k in ipairs(redis.call('KEYS', '*')) do "
        "if string.find(k, ARGV[1], 1, true) and redis.call('PTTL', k) < 0 then n = n + 1 end "
        "end return n";
    struct rig rig;
    char text[JOB_ID_TEXT + 1];
    char payload[3000] = "p";
    rig_start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    spec.payload = (struct bytes){payload, sizeof payload};
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    id_text(&spec.id, text);
    struct store_step step = {"s", bytes_of("v")};
    struct store_warning warning = {"w", "m"};
    struct store_attempt attempt = {.execution = 1, .outcome = "retry"};
    struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_RETRY);
    item.run_at_ms = rig.now;
    item.steps = &step;
    item.step_count = 1;
    item.warnings = &warning;
    item.warning_count = 1;
    item.attempt = &attempt;
    item.log_tail = bytes_of("log");
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    int64_t names = REDIS_DO(rig_server(), "EVAL", script, "0", text);
    EXPECT_TRUE(names >= 6); // none of them ends
    item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_DIE);
    item.keep_ms = 1000000;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(0, REDIS_DO(rig_server(), "EVAL", script, "0", text)); // all do
    EXPECT_EQ_INT(0, rig_move(&rig, &spec.id, JOB_EV_REVIVE));
    EXPECT_EQ_INT(names, REDIS_DO(rig_server(), "EVAL", script, "0", text)); // none again
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

CASES(server_shared, ON_SHARED, {"servers that are refused, with words", test_refusals},
      {"a server that is not there", test_unreachable}, {"a server without memory", test_no_memory},
      {"a commit that may not RESTORE any more", test_no_restore_commit},
      {"ends that may not RESTORE any more", test_no_restore_ends},
      {"a parcel that may not be brought by RESTORE any more", test_no_restore_forward},
      {"a submission that may not RESTORE any more", test_no_restore_submit},
      {"an end with RESTORE and one without", test_no_restore_same},
      {"another server, without RESTORE", test_no_restore_there},
      {"a queue that the server has lost", test_queue_lost},
      {"a server that is started again", test_restart},
      {"a server that stands still", test_stopped},
      {"each operation has its own time", test_stopped_apart},
      {"keys that others watch", test_watched},
      {"how long the keys of ended jobs stay, by one call", test_times_to_live},
      {"a list for each priority", test_lists_of_priorities},
      {"only what is over has an end", test_ends_of_keys});
