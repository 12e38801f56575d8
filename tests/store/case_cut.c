/* Connections that are cut at every command of a job's life, before it and after it: what was asked for happens once. */
#include <errno.h>

#include "cases.h"
#include "redis_proxy.h"
#include "redis_server.h"

enum { POINTS_MAX = 200, KEEP_MS = 60000 };

struct life {
    struct rig rig;
    struct redis_proxy *proxy;
    struct job_spec main, doomed, kid, plain;
};

static void life_finish(struct life *l) {
    rig_close(&l->rig);
    redis_proxy_free(&l->proxy);
    rig_finish(&l->rig);
}

/* A claim is not repeated by itself: if its answer was lost its jobs come back when their leases end. */
static const struct store_claimed *claim_whatever_happens(struct rig *rig, const char *type) {
    for (int i = 0; i < 2; i++) {
        struct store_claim_want want = {.lane = {"q", type}, .limit = 1};
        struct store_claim *claim = RIG_NEW(rig, store_claim);
        claim->wants = &want;
        claim->want_count = 1;
        claim->host_nonce = rig->nonce;
        int r = rig_run(rig, &claim->op, STORE_CLAIM);
        claim->wants = NULL;
        if (r == 0 && claim->job_count == 1) {
            return &claim->jobs[0];
        }
        EXPECT_TRUE(r != 0); // never an answer without the job that it took
        (void)rig_end_leases();
        (void)rig_recover(rig);
    }
    EXPECT_TRUE(false); // none was claimed
    return NULL;
}

static void submit(struct rig *rig, const struct job_spec *spec) {
    int r = rig_submit(rig, spec);
    EXPECT_TRUE(r == SUBMIT_NEW || r == SUBMIT_REPEATED);
}

/* Steps, a counter, a child here and one elsewhere, a warning, then success. */
static void run_main(struct life *l, const struct store_claimed *job) {
    struct rig *rig = &l->rig;
    struct store_step step = {"s", bytes_of("1")};
    struct store_warning warning = {"w", "m"};
    struct store_kv_write kv = {STORE_KV_ADD, "n", {NULL, 0}, 1};
    struct store_attempt attempt = {.execution = 1, .outcome = "ok"};
    struct store_result result = {NULL, bytes_of("the result"), NULL};
    struct store_commit_item item = rig_item(job, JOB_EV_NONE);
    item.steps = &step;
    item.step_count = 1;
    item.warnings = &warning;
    item.warning_count = 1;
    item.children = &l->kid;
    item.child_count = 1;
    item.kv_namespace = "plug";
    item.kv = &kv;
    item.kv_count = 1;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    item = rig_item(job, JOB_EV_SUCCEED);
    item.commit_no++;
    item.result = &result;
    item.attempt = &attempt;
    item.keep_ms = KEEP_MS;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    EXPECT_EQ_INT(JOB_SUCCEEDED, item.state);
}

static void forward_all(struct rig *rig) {
    for (bool more = true; more;) {
        struct store_forward f = {.limit = 10};
        EXPECT_EQ_INT(0, rig_run(rig, &f.op, STORE_FORWARD));
        more = f.more;
        store_op_finish(&f.op);
    }
}

/* A job that ends without ado, and without the START that it would have had: as one word, where the server takes it so. */
static void run_plain(struct life *l) {
    struct rig *rig = &l->rig;
    l->plain = rig_spec(rig, "q", "plain");
    submit(rig, &l->plain);
    const struct store_claimed *job = claim_whatever_happens(rig, "plain");
    if (job != NULL) {
        struct store_commit_item item = rig_item(job, JOB_EV_SUCCEED);
        item.keep_ms = KEEP_MS;
        item.counters.attempts = item.counters.executions = 1;
        EXPECT_EQ_INT(0, rig_commit(rig, &item));
        EXPECT_EQ_INT(JOB_SUCCEEDED, item.state);
    }
}

/* Every kind of change once, one after the other. */
static void live(struct life *l) {
    struct rig *rig = &l->rig;
    l->main = rig_spec(rig, "q", "main");
    l->main.dedup_key = "k";
    l->main.tenant = "ann";
    l->doomed = rig_spec(rig, "q", "doomed");
    l->doomed.run_at_ms = rig->now + 10;
    l->kid = rig_spec(rig, "far", "kid");
    submit(rig, &l->main);
    submit(rig, &l->doomed);
    const struct store_claimed *job = claim_whatever_happens(rig, "main");
    if (job == NULL) {
        return;
    }
    struct store_start_item begun = {
        .id = job->spec.id, .token = job->token, .started_ms = rig->now, .pid = 7};
    struct store_start start = {.items = &begun, .count = 1};
    EXPECT_EQ_INT(0, rig_run(rig, &start.op, STORE_START));
    EXPECT_EQ_INT(0, begun.status);
    store_op_finish(&start.op);
    EXPECT_EQ_INT(0, rig_beat(rig));
    run_main(l, job);
    run_plain(l);
    forward_all(rig);
    rig->now += 10;
    (void)rig_due(rig, NULL);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(rig, &l->doomed.id));
    EXPECT_EQ_INT(0, rig_move(rig, &l->doomed.id, JOB_EV_PARK));
    EXPECT_EQ_INT(0, rig_move(rig, &l->doomed.id, JOB_EV_WAKE));
    EXPECT_EQ_INT(0, rig_move(rig, &l->doomed.id, JOB_EV_CANCEL));
    struct store_queue_set set = {.queue = "q", .paused = true, .by = "me", .why = "why"};
    EXPECT_EQ_INT(0, rig_run(rig, &set.op, STORE_QUEUE_SET));
    store_op_finish(&set.op);
    struct store_audit_add add = {.entry = {rig->now, "me", "queue.pause", "q", NULL}};
    EXPECT_EQ_INT(0, rig_run(rig, &add.op, STORE_AUDIT_ADD));
    store_op_finish(&add.op);
}

static void expect_once(struct life *l) {
    struct rig *rig = &l->rig;
    const struct store_job *job = rig_get(rig, &l->main.id);
    EXPECT_EQ_INT(JOB_SUCCEEDED, job->state);
    EXPECT_EQ_UINT(2, job->commit_no);
    EXPECT_EQ_UINT(1, job->step_count);
    EXPECT_EQ_UINT(1, job->warning_count);
    EXPECT_EQ_UINT(1, job->child_count);
    EXPECT_EQ_UINT(1, job->history_count);
    EXPECT_EQ_UINT(10, job->result_size);
    EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(rig, &l->plain.id));
    EXPECT_EQ_UINT(1, rig_get(rig, &l->plain.id)->commit_no);
    EXPECT_EQ_INT(1, rig_get(rig, &l->plain.id)->counters.executions);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(rig, &l->doomed.id));
    EXPECT_EQ_UINT(5, rig_get(rig, &l->doomed.id)->rev); // born, due, parked, awake, cancelled
    struct store_kv_get get = {.kv_namespace = "plug", .key = "n", .what = STORE_KV_COUNTER};
    EXPECT_EQ_INT(0, rig_run(rig, &get.op, STORE_KV_GET));
    EXPECT_EQ_INT(1, get.number);
    store_op_finish(&get.op);
    const struct store_stats *stats = rig_stats(rig);
    EXPECT_EQ_UINT(2, stats->queue_count);
    EXPECT_EQ_INT(0, stats->outbox);
    const struct store_claim *kids = rig_claim(rig, "far", "kid", 5);
    EXPECT_EQ_UINT(1, kids->job_count);
    EXPECT_EQ_UINT(4, rig_list(rig, rig_filter(), 10, NULL)->count);
    struct store_audit_list *list = RIG_NEW(rig, store_audit_list);
    list->limit = 10;
    EXPECT_EQ_INT(0, rig_run(rig, &list->op, STORE_AUDIT_LIST));
    EXPECT_EQ_UINT(1, list->count);
    rig_expect_sound(rig);
}

/* One life for each command of it, until there is none left to cut. */
static void cut_everywhere(enum redis_cut how) {
    unsigned point = 0;
    for (bool cut = true; cut && point < POINTS_MAX; point++) {
        struct life l;
        unsigned failures = CU_get_number_of_failures();
        l.proxy = rig_start_behind_proxy(&l.rig);
        redis_proxy_cut(l.proxy, point, how);
        live(&l);
        cut = redis_proxy_has_cut(l.proxy);
        expect_once(&l);
        if (CU_get_number_of_failures() > failures && cut) {
            (void)printf("    cut at command %u, %s\n", point, redis_proxy_cut_name(l.proxy));
            cut = false;
        }
        life_finish(&l);
    }
    EXPECT_TRUE(point > 12); // there was something to cut
    EXPECT_TRUE(point < POINTS_MAX);
}

static void test_before(void) {
    cut_everywhere(REDIS_CUT_BEFORE);
}

static void test_after(void) {
    cut_everywhere(REDIS_CUT_AFTER);
}

enum { IDS = 5 };

/* Jobs by whoever submitted them: of every other one this host has to ask. Wherever it is cut off: each is claimed by it once, in
 * their order, or comes back when its lease ends. */
static bool claim_ids(unsigned point, enum redis_cut how) {
    struct rig here, there;
    struct job_id ids[IDS];
    size_t met = 0;
    struct redis_proxy *proxy = rig_start_behind_proxy(&here);
    rig_start_beside(&there, &here);
    for (int i = 0; i < IDS; i++) {
        there.now = ++here.now;
        ids[i] = rig_submit_plain(i % 2 == 0 ? &there : &here, "q", "t");
    }
    redis_proxy_cut(proxy, point, how);
    while (met < IDS) {
        struct store_claim_want want = {.lane = {"q", "t"}, .limit = IDS};
        struct store_claim *claim = RIG_NEW(&here, store_claim);
        claim->wants = &want;
        claim->want_count = 1;
        claim->host_nonce = here.nonce;
        int r = rig_run(&here, &claim->op, STORE_CLAIM);
        claim->wants = NULL;
        for (size_t i = 0, k = 0; i < claim->job_count; i++, met++) {
            while (k < IDS && !id_equal(&ids[k], &claim->jobs[i].spec.id)) {
                k++;
            }
            EXPECT_TRUE(k < IDS); // behind the one before
            EXPECT_EQ_INT(0, rig_succeed(&here, &claim->jobs[i]));
        }
        if (!EXPECT_TRUE(r != 0 || claim->job_count > 0)) {
            break;
        }
        (void)rig_end_leases();
        (void)rig_recover(&here);
    }
    EXPECT_EQ_UINT(IDS, met);
    EXPECT_EQ_INT(IDS, rig_stats(&here)->queues[0].by_state[JOB_SUCCEEDED]);
    rig_expect_sound(&there);
    bool cut = redis_proxy_has_cut(proxy);
    rig_finish(&there);
    rig_close(&here);
    redis_proxy_free(&proxy);
    rig_finish(&here);
    return cut;
}

static void test_lost_ids(void) {
    for (int how = REDIS_CUT_BEFORE; how <= REDIS_CUT_AFTER; how++) {
        unsigned point = 0;
        while (point < 3 && claim_ids(point, (enum redis_cut)how)) {
            point++;
        }
        EXPECT_EQ_UINT(3, point); // claim, jobs, commit
    }
}

static int64_t next_lease(struct rig *rig) {
    struct store_recover rec = {.host_nonce = rig->nonce, .limit = 10};
    EXPECT_EQ_INT(0, rig_run(rig, &rec.op, STORE_RECOVER));
    EXPECT_EQ_UINT(0, rec.released);
    int64_t next = rec.next_ms;
    store_op_finish(&rec.op);
    return next;
}

/* Nobody knows of a job whose claim was never answered: its host, which may be the only one, hears
 * when to look for it, even if it runs others. */
static void test_lost_claim(void) {
    for (int others = 0; others < 2; others++) {
        struct life l;
        struct rig *rig = &l.rig;
        l.proxy = rig_start_behind_proxy(rig);
        struct job_id id = rig_submit_plain(rig, "q", "t");
        if (others > 0) {
            (void)rig_submit_plain(rig, "q", "other");
            (void)rig_claim_one(rig, "q", "other");
        }
        EXPECT_EQ_INT(0, rig_beat(rig));
        rig->lease_end = 0;
        redis_proxy_cut(l.proxy, 0, REDIS_CUT_AFTER);
        struct store_claim_want want = {.lane = {"q", "t"}, .limit = 1};
        struct store_claim claim = {.wants = &want, .want_count = 1, .host_nonce = rig->nonce};
        EXPECT_TRUE(rig_run(rig, &claim.op, STORE_CLAIM) != 0);
        store_op_finish(&claim.op);
        EXPECT_EQ_INT(JOB_RUNNING, rig_state(rig, &id));
        RIG_AWAIT(rig, rig->lease_end > 0);
        rig->lease_end = 0;
        EXPECT_EQ_INT(0, rig_beat(rig));
        EXPECT_TRUE(rig->lease_end > 0);
        EXPECT_TRUE(others > 0 || next_lease(rig) > 0); // a busy one has its beats
        char text[JOB_ID_TEXT + 1];
        id_format(&id, text);
        (void)rig_redis("ZADD jobs:q:processing 1 %s", text);
        EXPECT_EQ_UINT(1, rig_recover(rig));
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(rig, &id));
        life_finish(&l);
    }
}

/* What becomes of a revived job before its revival is asked for again: its claim, and its end. */
static const char *const fates[] = {
    "", // it waits
    "redis.call('HSET', job, 'status', 'running', 'rev', rev + 1, 'token', 9, 'host', 'ab') "
    "redis.call('ZADD', 'jobs:q:processing', '9000000000000', ARGV[1]) ",
    "redis.call('HSET', job, 'status', 'dead', 'rev', rev + 2) "
    "redis.call('ZADD', 'jobs:q:dlq', '1', ARGV[1]) "};

// 1 = it had been revived.
static int64_t meet_fate(const struct job_id *id, size_t fate) {
    char script[1000], text[JOB_ID_TEXT + 1];
    id_format(id, text);
    (void)snprintf(
        script, sizeof script,
        "local job = 'job:' .. ARGV[1] local rev = redis.call('HGET', job, 'rev') "
        "if redis.call('HGET', job, 'status') ~= 'queued' then return 0 end %s %s return 1",
        fate == 0 ? "" : "redis.call('DEL', 'jobs:q:queue', 'jobs:q:types')", fates[fate]);
    return REDIS_DO(rig_server(), "EVAL", script, "0", text);
}

static struct job_id make_dead(struct rig *rig) {
    struct job_id id = rig_submit_plain(rig, "q", "t");
    struct store_commit_item item = rig_item(rig_claim_one(rig, "q", "t"), JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    return id;
}

// 1 = the answer that was lost was that of the revival.
static int64_t revive_and_lose(unsigned point, bool with_rev, size_t fate) {
    static const enum job_state ends[] = {JOB_QUEUED, JOB_RUNNING, JOB_DEAD};
    struct life l;
    struct rig *rig = &l.rig;
    int64_t met = 0;
    l.proxy = rig_start_behind_proxy(rig);
    struct job_id id = make_dead(rig);
    uint32_t rev = rig_get(rig, &id)->rev;
    struct store_move_item item = {
        .id = id, .event = JOB_EV_REVIVE, .rev = with_rev ? rev : 0, .reset_counters = true};
    struct store_move move = {.items = &item, .count = 1};
    bool done = false;
    redis_proxy_cut(l.proxy, point, REDIS_CUT_AFTER);
    rig_post(rig, &move.op, STORE_MOVE, &done);
    for (int64_t end = rig_patience(rig);
         !done && !redis_proxy_has_cut(l.proxy) && rig_turn(rig, end);) {
    }
    met = done ? 0 : meet_fate(&id, fate);
    rig_wait(rig, &done);
    EXPECT_EQ_INT(0, move.op.status);
    EXPECT_EQ_INT(0, item.status);
    if (met == 1) {
        EXPECT_EQ_INT(ends[fate], item.state);
        EXPECT_EQ_UINT(rev + 1 + fate, rig_get(rig, &id)->rev); // not moved again
    }
    EXPECT_EQ_INT(met == 1 ? ends[fate] : JOB_QUEUED, rig_state(rig, &id));
    store_op_finish(&move.op);
    life_finish(&l);
    return met;
}

/* A revival whose answer is lost finds its own work, whatever the job has done since. */
static void test_lost_revival(void) {
    for (size_t fate = 0; fate < ARRAY_LEN(fates); fate++) {
        for (int with_rev = 0; with_rev < 2; with_rev++) {
            int64_t lost = 0;
            for (unsigned point = 0; point < 4; point++) {
                lost += revive_and_lose(point, with_rev == 1, fate);
            }
            EXPECT_EQ_INT(1, lost);
        }
    }
}

/* A host that knows all jobs that it has is not told to look for them. */
static void test_own_leases(void) {
    struct rig rig;
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q", "t");
    (void)rig_claim_one(&rig, "q", "t");
    // the look that follows a connection asks about all, and may come in between
    RIG_AWAIT(&rig, (rig.lease_end = 0, rig_beat(&rig) == 0 && rig.lease_end == 0));
    EXPECT_EQ_INT(0, next_lease(&rig));
    rig_finish(&rig);
}

/* The server loses its scripts, and all connections: nobody notices. */
static void test_forgetful_server(void) {
    struct life l;
    l.proxy = rig_start_behind_proxy(&l.rig);
    (void)rig_redis("SCRIPT FLUSH");
    live(&l);
    expect_once(&l);
    life_finish(&l);
    l.proxy = rig_start_behind_proxy(&l.rig);
    EXPECT_TRUE(rig_redis("CLIENT KILL TYPE normal") > 0);
    live(&l);
    expect_once(&l);
    life_finish(&l);
}

CASES(cut_shared, ON_SHARED, {"cut before every command of a life", test_before},
      {"cut after every command of a life", test_after},
      {"a claim whose answer is lost", test_lost_claim},
      {"a claim of ids whose answers are lost", test_lost_ids},
      {"a revival whose answer is lost", test_lost_revival},
      {"a beat knows the leases that are its own", test_own_leases},
      {"scripts and connections are lost", test_forgetful_server});
