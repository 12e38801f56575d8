// The table of the jobs that a host has claimed in Redis.
#include <errno.h>

#include "core/id.h"
#include "expect.h"
#include "failing_alloc.h"
#include "store/redis/claims.h"

struct table {
    struct redis_queues queues;
    struct redis_claims claims;
    struct redis_queue *q;
    struct id_gen ids;
};

static void table_init(struct table *t) {
    int r;
    *t = (struct table){.claims = {.by_id = NULL}};
    id_gen_init(&t->ids, 7);
    t->q = redis_queues_get(&t->queues, "mail", &r);
}

static void table_finish(struct table *t) {
    redis_claims_finish(&t->claims);
    redis_queues_finish(&t->queues);
}

static struct redis_job job_of(struct table *t) {
    return (struct redis_job){.spec = {.id = id_next(&t->ids, 1700000000000),
                                       .type = "a.b",
                                       .tenant = "somebody",
                                       .dedup_key = "k",
                                       .payload = bytes_of("{}"),
                                       .max_attempts = 3},
                              .state = JOB_RUNNING,
                              .rev = 2,
                              .token = 5,
                              .host_nonce = 9};
}

static void test_copies(void) {
    struct table t;
    table_init(&t);
    struct redis_job job = job_of(&t);
    char type[] = "a.b", code[] = "oops";
    job.spec.type = type;
    job.life.error = (struct job_error){.code = code};
    struct redis_claim *c = redis_claims_add(&t.claims, t.q, &job);
    type[0] = code[0] = '?';
    EXPECT_TRUE(c == redis_claims_find(&t.claims, &job.spec.id));
    EXPECT_TRUE(c->queue == t.q);
    EXPECT_EQ_STR("mail", c->job.spec.queue);
    EXPECT_EQ_STR("a.b", c->job.spec.type);
    EXPECT_EQ_STR("k", c->job.spec.dedup_key);
    EXPECT_EQ_STR("oops", c->job.life.error.code);
    EXPECT_EQ_STR("somebody", c->job.spec.tenant); // whose line it goes back to
    EXPECT_EQ_UINT(0, c->job.spec.payload.len);
    EXPECT_EQ_INT(3, c->job.spec.max_attempts);
    EXPECT_EQ_UINT(5, c->job.token);
    struct job_id other = id_next(&t.ids, 1700000000000);
    EXPECT_NULL(redis_claims_find(&t.claims, &other));
    redis_claims_end(&t.claims, c);
    EXPECT_NULL(redis_claims_find(&t.claims, &job.spec.id));
    EXPECT_EQ_UINT(0, redis_claims_count(&t.claims));
    table_finish(&t);
}

static void test_claimed_again(void) {
    struct table t;
    table_init(&t);
    struct redis_job job = job_of(&t);
    struct redis_claim *c = redis_claims_add(&t.claims, t.q, &job);
    c->busy = c->asked = true;
    job.token = 6;
    c = redis_claims_add(&t.claims, t.q, &job);
    EXPECT_EQ_UINT(1, redis_claims_count(&t.claims));
    EXPECT_EQ_UINT(6, redis_claims_find(&t.claims, &job.spec.id)->job.token);
    EXPECT_FALSE(c->busy || c->asked);
    table_finish(&t);
}

// The strings of `job` may be the claim's own.
static void test_update(void) {
    struct table t;
    table_init(&t);
    struct redis_job job = job_of(&t);
    struct redis_claim *c = redis_claims_add(&t.claims, t.q, &job);
    for (uint32_t i = 1; i <= 100; i++) {
        struct redis_job next = c->job;
        next.commit_no = i;
        next.life.progress = (struct job_progress){(int64_t)i, 100, "on it", 1700000000000};
        EXPECT_EQ_INT(0, redis_claims_update(&t.claims, c, &next));
    }
    EXPECT_EQ_UINT(100, c->job.commit_no);
    EXPECT_EQ_STR("on it", c->job.life.progress.message);
    EXPECT_EQ_STR("a.b", c->job.spec.type);
    EXPECT_TRUE(c->arena.used < 200); // nothing gathers
    table_finish(&t);
}

static void test_tell(void) {
    struct table t;
    table_init(&t);
    struct redis_job job = job_of(&t);
    struct redis_claim *c = redis_claims_add(&t.claims, t.q, &job);
    struct redis_life news = {.started_ms = 10, .pid = 3, .build = "b1"};
    EXPECT_EQ_INT(0, redis_claims_tell(&t.claims, c, &news));
    EXPECT_EQ_INT(10, c->job.life.started_ms);
    EXPECT_EQ_STR("b1", c->job.life.build);

    // a commit is under way that was computed before the next news
    struct redis_job to = c->job;
    to.commit_no = 1;
    to.life.progress = (struct job_progress){1, 4, "one", 100};
    c->busy = true;
    news = (struct redis_life){
        .started_ms = 10, .pid = 4, .build = "b2", .progress = {2, 4, "two", 101}};
    EXPECT_EQ_INT(0, redis_claims_tell(&t.claims, c, &news));
    EXPECT_EQ_STR("b1", to.life.build); // still there
    EXPECT_EQ_INT(0, redis_claims_update(&t.claims, c, &to));
    c->busy = false;
    EXPECT_EQ_UINT(1, c->job.commit_no);
    EXPECT_EQ_INT(4, c->job.life.pid);
    EXPECT_EQ_STR("b2", c->job.life.build);
    EXPECT_EQ_STR("two", c->job.life.progress.message);

    // and what it told is told once
    to = c->job;
    to.life.progress = (struct job_progress){3, 4, "three", 102};
    EXPECT_EQ_INT(0, redis_claims_update(&t.claims, c, &to));
    EXPECT_EQ_STR("three", c->job.life.progress.message);
    news.progress.at_ms = 0; // no news of progress
    EXPECT_EQ_INT(0, redis_claims_tell(&t.claims, c, &news));
    EXPECT_EQ_STR("three", c->job.life.progress.message);
    table_finish(&t);
}

static void test_many(void) {
    enum { MANY = 3000 };
    static struct job_id ids[MANY];
    struct table t;
    table_init(&t);
    for (int round = 0; round < 2; round++) { // the second from spare memory, in part
        for (int i = 0; i < MANY; i++) {
            struct redis_job job = job_of(&t);
            ids[i] = job.spec.id;
            EXPECT_TRUE(redis_claims_add(&t.claims, t.q, &job) != NULL);
        }
        int at = 0;
        for (struct redis_claim *c = t.claims.by_id; c != NULL; c = c->hh.next) {
            EXPECT_TRUE(id_equal(&ids[at++], &c->job.spec.id)); // in the order of claiming
        }
        EXPECT_EQ_INT(MANY, at);
        for (int i = 0; i < MANY; i++) {
            redis_claims_end(&t.claims, redis_claims_find(&t.claims, &ids[i]));
        }
    }
    table_finish(&t);
}

// It works wholly or changes nothing, wherever memory ends.
static void test_no_memory(void) {
    struct table t;
    table_init(&t);
    struct redis_job job = job_of(&t);
    struct redis_claim *c = NULL;
    for (int nth = 1; c == NULL; nth++) {
        failing_alloc_after(nth);
        c = redis_claims_add(&t.claims, t.q, &job);
        failing_alloc_after(0);
        EXPECT_EQ_UINT(c == NULL ? 0 : 1, redis_claims_count(&t.claims));
    }
    struct redis_job next = c->job;
    next.commit_no = 1;
    failing_alloc_after(1);
    EXPECT_EQ_INT(-ENOMEM, redis_claims_update(&t.claims, c, &next));
    failing_alloc_after(0);
    EXPECT_EQ_UINT(0, c->job.commit_no);
    EXPECT_EQ_STR("a.b", c->job.spec.type);
    table_finish(&t);
}

static const struct expect_test tests[] = {
    {"a claim keeps what commits need", test_copies},
    {"a job that is claimed again", test_claimed_again},
    {"a commit that goes on", test_update},
    {"START beside a commit", test_tell},
    {"many claims, in their order", test_many},
    {"without memory", test_no_memory},
};
SUITE_MAIN("redis claims", tests)
