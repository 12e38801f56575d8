// Jobs as this host submitted them.
#include "core/id.h"
#include "expect.h"
#include "failing_alloc.h"
#include "store/redis/recall.h"

struct set {
    struct redis_recall recall;
    struct id_gen ids;
    struct arena arena;
};

static void set_init(struct set *s) {
    *s = (struct set){.arena = {.head = NULL}};
    id_gen_init(&s->ids, 7);
}

static void set_finish(struct set *s) {
    redis_recall_finish(&s->recall);
    EXPECT_EQ_UINT(0, s->recall.bytes);
    arena_free(&s->arena);
}

static struct job_spec spec_of(struct set *s, const char *payload) {
    return (struct job_spec){.id = id_next(&s->ids, 1700000000000),
                             .type = "a.b",
                             .queue = "q",
                             .priority = PRIORITY_NORMAL,
                             .payload = bytes_of(payload),
                             .max_attempts = 3};
}

// Was it known?
static bool forget(struct set *s, const struct job_spec *spec) {
    struct redis_recalled *known = redis_recall_take(&s->recall, &spec->id);
    bool was = known != NULL;
    redis_recalled_free(&known);
    return was;
}

static void test_as_submitted(void) {
    struct set s;
    struct redis_job job;
    set_init(&s);
    struct job_spec spec = spec_of(&s, "{\"long\":\"enough that it stands in several pieces of the "
                                       "hash, each of which is sixty-three bytes long\"}");
    spec.priority = PRIORITY_HIGH;
    spec.tenant = "";
    spec.labels = "a,b";
    spec.dedup_key = "k";
    spec.dedup_mode = DEDUP_RETURN;
    spec.dedup_ttl_ms = -1;
    redis_recall_add(&s.recall, &spec, true);
    struct redis_recalled *known = redis_recall_take(&s.recall, &spec.id);
    EXPECT_TRUE(known != NULL && redis_recalled_read(known, &s.arena, &job));
    EXPECT_TRUE(id_equal(&spec.id, &job.spec.id));
    EXPECT_EQ_STR("a.b", job.spec.type);
    EXPECT_EQ_STR("q", job.spec.queue);
    EXPECT_EQ_STR("", job.spec.tenant);
    EXPECT_EQ_STR("a,b", job.spec.labels);
    EXPECT_EQ_STR("k", job.spec.dedup_key);
    EXPECT_EQ_INT(DEDUP_RETURN, job.spec.dedup_mode);
    EXPECT_EQ_INT(-1, job.spec.dedup_ttl_ms);
    EXPECT_EQ_INT(PRIORITY_HIGH, job.spec.priority);
    EXPECT_EQ_INT(3, job.spec.max_attempts);
    EXPECT_EQ_BYTES(spec.payload.data, spec.payload.len, job.spec.payload.data,
                    job.spec.payload.len);
    EXPECT_EQ_INT(JOB_QUEUED, job.state);
    EXPECT_EQ_UINT(1, job.rev);
    EXPECT_EQ_UINT(0, job.token);
    EXPECT_NULL(redis_recall_take(&s.recall, &spec.id)); // it is claimed once
    struct redis_args words = {.words = NULL}, want = {.words = NULL};
    struct redis_job submitted;
    redis_recalled_put(known, &words);
    jobhash_of_spec(&spec, &submitted);
    EXPECT_EQ_STR("id", words.words[0]);
    EXPECT_EQ_UINT(2 * jobhash_write_whole(&submitted, true, &want) + 2, words.count);
    for (size_t i = 0; i < want.count; i++) {
        EXPECT_EQ_BYTES(want.words[i], want.lens[i], words.words[i + 2], words.lens[i + 2]);
    }
    redis_args_free(&words);
    redis_args_free(&want);
    redis_recalled_free(&known);
    set_finish(&s);
}

// The key's prefix tells its queue, so the hash does not: what is read is the type's own.
static void test_queue_with_prefix(void) {
    struct set s;
    struct redis_job job;
    set_init(&s);
    struct job_spec spec = spec_of(&s, "{}");
    redis_recall_add(&s.recall, &spec, false);
    struct redis_recalled *known = redis_recall_take(&s.recall, &spec.id);
    if (EXPECT_TRUE(known != NULL && redis_recalled_read(known, &s.arena, &job))) {
        EXPECT_TRUE(id_equal(&spec.id, &job.spec.id));
        EXPECT_EQ_BYTES(job_own_queue(spec.type).data, job_own_queue(spec.type).len, job.spec.queue,
                        strlen(job.spec.queue));
    }
    redis_recalled_free(&known);
    set_finish(&s);
}

static void test_oldest_go_first(void) {
    enum { JOBS = 10, KEPT = 4 };
    struct set s;
    struct job_spec specs[JOBS];
    set_init(&s);
    for (int i = 0; i < JOBS; i++) {
        specs[i] = spec_of(&s, "{}");
        redis_recall_add(&s.recall, &specs[i], true);
        if (i == 0) {
            s.recall.bytes_max = s.recall.bytes * KEPT; // all are of one size
        }
    }
    EXPECT_EQ_UINT(s.recall.bytes_max, s.recall.bytes);
    for (int i = 0; i < JOBS; i++) {
        EXPECT_EQ_INT(i >= JOBS - KEPT, forget(&s, &specs[i]));
    }
    set_finish(&s);
}

static void test_read_again(void) {
    struct set s;
    static char large[REDIS_RECALL_JOB_MAX + 1];
    struct job_file file = {.name = "f"};
    set_init(&s);
    memset(large, 'x', sizeof large - 1);
    struct job_spec files = spec_of(&s, "{}"), payload = files, labels = files;
    files.files = &file;
    files.file_count = 1;
    payload.payload = (struct bytes){large, REDIS_PAYLOAD_INLINE + 1};
    labels.labels = large;
    redis_recall_add(&s.recall, &files, true);
    redis_recall_add(&s.recall, &payload, true);
    redis_recall_add(&s.recall, &labels, true);
    EXPECT_NULL(s.recall.by_id);
    payload.payload.len = REDIS_PAYLOAD_INLINE;
    redis_recall_add(&s.recall, &payload, true);
    EXPECT_TRUE(forget(&s, &payload));
    set_finish(&s);
}

// One host alone knows them all; one of two knows every other one.
static void test_helps(void) {
    struct set s;
    set_init(&s);
    EXPECT_FALSE(redis_recall_helps(&s.recall)); // nothing is known
    struct job_spec spec = spec_of(&s, "{}");
    redis_recall_add(&s.recall, &spec, true);
    EXPECT_TRUE(redis_recall_helps(&s.recall));
    for (int i = 0; i < 100; i++) {
        redis_recall_note(&s.recall, i % 2 == 0);
    }
    EXPECT_FALSE(redis_recall_helps(&s.recall));
    for (int i = 0; i < 100; i++) {
        redis_recall_note(&s.recall, true);
    }
    EXPECT_TRUE(redis_recall_helps(&s.recall));
    set_finish(&s);
}

static void test_no_memory(void) {
    struct set s;
    set_init(&s);
    for (int n = 1; n < 12; n++) {
        struct job_spec spec = spec_of(&s, "{}");
        struct redis_job job;
        failing_alloc_after(n);
        redis_recall_add(&s.recall, &spec, true);
        struct redis_recalled *known = redis_recall_take(&s.recall, &spec.id);
        if (known != NULL && redis_recalled_read(known, &s.arena, &job)) {
            EXPECT_TRUE(id_equal(&spec.id, &job.spec.id));
        }
        failing_alloc_after(0);
        redis_recalled_free(&known);
        EXPECT_NULL(s.recall.by_id);
    }
    set_finish(&s);
}

static const struct expect_test tests[] = {
    {"a job as it was submitted", test_as_submitted},
    {"a job of a queue with a prefix", test_queue_with_prefix},
    {"the oldest are forgotten first", test_oldest_go_first},
    {"what must be read is not remembered", test_read_again},
    {"when it helps", test_helps},
    {"without memory", test_no_memory},
};
SUITE_MAIN("redis recall", tests)
