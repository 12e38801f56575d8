#include <errno.h>

#include "core/outcome.h"
#include "expect.h"
#include "failing_alloc.h"
#include "store/redis/jobfield.h"

static const struct job_id id = {{0x01, 0x93, 0, 0, 0, 1, 0x70, 1, 0x80, 0, 0, 0, 0, 0, 0, 1}};
static const struct job_id other_id = {
    {0x01, 0x93, 0, 0, 0, 2, 0x70, 1, 0x80, 0, 0, 0, 0, 0, 0, 2}};
static const char id_text[] = "01930000-0001-7001-8000-000000000001";

static const struct job_file files[] = {
    {.name = "a.csv", .content_type = "text/csv", .blob = {{1, 2, 3}, 77}},
    {.name = "b", .filename = "C:\\b", .blob = {{9}, INT64_MAX}},
};

static struct redis_job full_job(void) {
    return (struct redis_job){
        .spec = {.id = id,
                 .queue = "mail",
                 .type = "mail.send",
                 .tenant = "t1",
                 .priority = PRIORITY_HIGH,
                 .payload = {"{\"n\":1}", 7},
                 .content_type = "text/plain",
                 .dedup_key = "k 1",
                 .dedup_mode = DEDUP_RETURN,
                 .dedup_ttl_ms = -1,
                 .max_attempts = 5,
                 .timeout_ms = 60000,
                 .deadline_ms = 1800000000000,
                 .expires_ms = 1700000000000,
                 .labels = "a,b",
                 .callback = "https://example.org/x",
                 .retry = "{\"max\":3}",
                 .flow_id = "f1",
                 .parent = other_id,
                 .nominal_ms = 1700000000001,
                 .files = files,
                 .file_count = 2},
        .life = {.counters = {1, 2, 3, 4, 5, 6},
                 .first_run_ms = 11,
                 .started_ms = 12,
                 .updated_ms = 13,
                 .finished_ms = 14,
                 .progress = {3, 4, "three of four", 15},
                 .error = {JH_E_AUTH, "invalid_grant", "no\nway", "api"},
                 .winner = other_id,
                 .park = PARK_EVENT,
                 .wait_key = "order.paid",
                 .wait_for = "1 0 -",
                 .build = "1.2",
                 .pid = 99,
                 .has_result = true,
                 .result_size = 5,
                 .result_type = "text/html",
                 .result_blob = "00ff",
                 .steps_version = 3,
                 .child_count = 8},
    };
}

// An HGETALL of pairs: what a script writes, then the words in `a`.
struct answer {
    struct redis_reply all;
    struct redis_reply items[256];
};

static void answer_add(struct answer *to, struct bytes word) {
    to->items[to->all.count++] = (struct redis_reply){.kind = REDIS_STRING, .text = word};
}

static void answer_begin(struct answer *to) {
    to->all = (struct redis_reply){.kind = REDIS_ARRAY, .items = to->items};
}

static void answer_pair(struct answer *to, const char *name, const char *value) {
    answer_add(to, bytes_of(name));
    answer_add(to, bytes_of(value));
}

static void answer_words(struct answer *to, const struct redis_args *a) {
    for (size_t i = 0; i < a->count; i++) {
        answer_add(to, (struct bytes){a->words[i], a->lens[i]});
    }
}

static void answer_job(struct answer *to, const struct redis_args *a) {
    answer_begin(to);
    answer_pair(to, "id", id_text);
    answer_pair(to, "status", "queued");
    answer_words(to, a);
}

static void expect_same_words(const struct redis_args *want, const struct redis_args *got) {
    EXPECT_EQ_UINT(want->count, got->count);
    for (size_t i = 0; i < want->count && i < got->count; i++) {
        EXPECT_EQ_BYTES(want->words[i], want->lens[i], got->words[i], got->lens[i]);
    }
}

static void expect_spec(const struct job_spec *want, const struct job_spec *got) {
    EXPECT_TRUE(id_equal(&want->id, &got->id));
    EXPECT_EQ_STR(want->type, got->type);
    EXPECT_EQ_STR(want->tenant, got->tenant);
    EXPECT_EQ_INT(want->priority, got->priority);
    EXPECT_EQ_BYTES(want->payload.data, want->payload.len, got->payload.data, got->payload.len);
    EXPECT_EQ_STR(want->dedup_key, got->dedup_key);
    EXPECT_EQ_INT(want->dedup_mode, got->dedup_mode);
    EXPECT_EQ_INT(want->dedup_ttl_ms, got->dedup_ttl_ms);
    EXPECT_EQ_INT(want->deadline_ms, got->deadline_ms);
    EXPECT_TRUE(id_equal(&want->parent, &got->parent));
    EXPECT_EQ_UINT(want->file_count, got->file_count);
    for (size_t i = 0; i < want->file_count && i < got->file_count; i++) {
        EXPECT_EQ_STR(want->files[i].name, got->files[i].name);
        EXPECT_EQ_STR(want->files[i].filename, got->files[i].filename);
        EXPECT_EQ_STR(want->files[i].content_type, got->files[i].content_type);
        EXPECT_EQ_UINT(want->files[i].blob.size, got->files[i].blob.size);
        EXPECT_EQ_BYTES(want->files[i].blob.sha256, 32, got->files[i].blob.sha256, 32);
    }
}

static void expect_life(const struct redis_life *want, const struct redis_life *got) {
    EXPECT_EQ_INT(want->counters.lost, got->counters.lost);
    EXPECT_EQ_INT(want->finished_ms, got->finished_ms);
    EXPECT_EQ_INT(want->progress.total, got->progress.total);
    EXPECT_EQ_INT(want->error.cls, got->error.cls);
    EXPECT_EQ_STR(want->error.message, got->error.message);
    EXPECT_EQ_INT(want->park, got->park);
    EXPECT_EQ_INT(want->has_result, got->has_result);
    EXPECT_EQ_UINT(want->result_size, got->result_size);
    EXPECT_TRUE(id_equal(&want->winner, &got->winner));
}

// What was written is read, and written again comes out the same.
static void round_trip(const struct redis_job *job) {
    struct redis_args first = {.words = NULL}, second = {.words = NULL};
    struct arena arena = {.head = NULL};
    struct answer answer;
    struct redis_job got;
    struct err e = {.code = 0};
    size_t pairs = jobhash_write(job, true, &first);
    EXPECT_EQ_UINT(pairs, first.count / 2);
    answer_job(&answer, &first);
    if (EXPECT_EQ_INT(0, jobhash_read(&answer.all, &arena, &got, &e))) {
        expect_spec(&job->spec, &got.spec);
        expect_life(&job->life, &got.life);
        (void)jobhash_write(&got, true, &second);
        expect_same_words(&first, &second);
    }
    arena_free(&arena);
    redis_args_free(&first);
    redis_args_free(&second);
}

static void test_round_trip(void) {
    struct redis_job job = full_job();
    round_trip(&job);
    job = (struct redis_job){.spec = {.id = id, .type = "t", .priority = PRIORITY_NORMAL}};
    round_trip(&job);
    job.spec.dedup_ttl_ms = INT64_MIN;
    job.spec.max_attempts = INT32_MIN;
    job.life = (struct redis_life){.counters = {INT32_MAX, INT32_MIN, -1, 0, 0, 0},
                                   .steps_version = UINT32_MAX,
                                   .has_result = true}; // of no bytes
    job.life.progress = (struct job_progress){INT64_MIN, INT64_MAX, "", -1};
    round_trip(&job);
}

static void test_every_enum(void) {
    struct redis_job job = {.spec = {.id = id, .type = "t"}};
    for (int i = 0; i < PRIORITY_COUNT; i++) {
        job.spec.priority = (enum job_priority)i;
        round_trip(&job);
    }
    for (int i = 0; i < DEDUP_MODE_COUNT; i++) {
        job.spec.dedup_mode = (enum dedup_mode)i;
        round_trip(&job);
    }
    for (int i = 0; i < PARK_REASON_COUNT; i++) {
        job.life.park = (enum park_reason)i;
        round_trip(&job);
    }
    for (int i = 0; i <= JH_E_UNKNOWN; i++) {
        job.life.error.cls = i;
        round_trip(&job);
    }
}

// Nothing of it needs a field but its type and when it was made.
static struct redis_job usual_job(void) {
    return (struct redis_job){.spec = {.id = id,
                                       .queue = "t",
                                       .type = "t.x",
                                       .priority = PRIORITY_NORMAL,
                                       .max_attempts = REDIS_USUAL_MAX,
                                       .timeout_ms = REDIS_USUAL_TIMEOUT_MS,
                                       .deadline_ms = redis_usual_deadline(&id)}};
}

static void test_payload_pieces(void) {
    static char data[REDIS_PAYLOAD_INLINE + 1];
    static const struct {
        size_t len, fields;
    } rows[] = {
        {0, 0},   {1, 1},   {62, 1},    {REDIS_PIECE_MAX, 1},       {REDIS_PIECE_MAX + 1, 2},
        {126, 2}, {127, 3}, {1008, 16}, {REDIS_PAYLOAD_INLINE, 17},
    };
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)(i * 7);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_job job = usual_job();
        struct redis_args a = {.words = NULL};
        job.spec.payload = (struct bytes){data, rows[i].len};
        EXPECT_EQ_UINT(2 + rows[i].fields, jobhash_write(&job, false, &a)); // type, createdAt
        redis_args_clear(&a);
        EXPECT_EQ_UINT(2 + (rows[i].len > 0), jobhash_write_whole(&job, false, &a));
        redis_args_free(&a);
        round_trip(&job);
    }
}

// In one word it is read as it is in pieces.
static void test_whole_payload(void) {
    static const char data[REDIS_PAYLOAD_INLINE] = "x\0y";
    struct redis_job job = usual_job(), got;
    struct redis_args a = {.words = NULL};
    struct arena arena = {.head = NULL};
    struct answer answer;
    job.spec.payload = (struct bytes){data, sizeof data};
    (void)jobhash_write_whole(&job, false, &a);
    EXPECT_EQ_STR("payload", a.words[a.count - 2]);
    answer_job(&answer, &a);
    if (EXPECT_EQ_INT(0, jobhash_read(&answer.all, &arena, &got, NULL))) {
        EXPECT_EQ_BYTES(data, sizeof data, got.spec.payload.data, got.spec.payload.len);
    }
    redis_args_clear(&a);
    job.spec.payload.len++; // has a key of its own: no content here
    (void)jobhash_write_whole(&job, false, &a);
    EXPECT_EQ_STR("payloadBytes", a.words[a.count - 2]);
    arena_free(&arena);
    redis_args_free(&a);
}

static void test_large_payload(void) {
    static char data[REDIS_PAYLOAD_INLINE + 1];
    struct job_spec spec = {.id = id, .type = "t", .payload = {data, sizeof data}};
    struct redis_job job, got;
    struct redis_args a = {.words = NULL};
    struct arena arena = {.head = NULL};
    struct answer answer;
    jobhash_of_spec(&spec, &job);
    EXPECT_TRUE(job.big_payload);
    (void)jobhash_write(&job, false, &a);
    answer_job(&answer, &a);
    EXPECT_EQ_INT(0, jobhash_read(&answer.all, &arena, &got, NULL));
    EXPECT_TRUE(got.big_payload);
    EXPECT_EQ_UINT(sizeof data, got.spec.payload.len);
    EXPECT_NULL(got.spec.payload.data);
    answer_add(&answer, bytes_of("payload")); // as in a parcel
    answer_add(&answer, (struct bytes){data, sizeof data});
    EXPECT_EQ_INT(0, jobhash_read(&answer.all, &arena, &got, NULL));
    EXPECT_EQ_BYTES(data, sizeof data, got.spec.payload.data, got.spec.payload.len);
    answer.items[answer.all.count - 1].text.len--; // not as long as payloadBytes says
    EXPECT_EQ_INT(-EBADMSG, jobhash_read(&answer.all, &arena, &got, NULL));
    arena_free(&arena);
    redis_args_free(&a);
}

static void test_values_stay_compact(void) {
    struct redis_job job = full_job();
    static char data[REDIS_PAYLOAD_INLINE];
    struct redis_args a = {.words = NULL};
    job.spec.payload = (struct bytes){data, sizeof data};
    job.spec.file_count = 0;
    (void)jobhash_write(&job, true, &a);
    for (size_t i = 0; i < a.count; i++) {
        EXPECT_TRUE(a.lens[i] <= REDIS_VALUE_COMPACT);
    }
    EXPECT_TRUE(a.count / 2 <= 128); // hash-max-listpack-entries
    redis_args_free(&a);
}

static void test_defaults_have_no_field(void) {
    struct redis_job job = usual_job();
    struct redis_args a = {.words = NULL};
    EXPECT_EQ_UINT(2, jobhash_write(&job, true, &a));
    EXPECT_EQ_STR("type", a.words[0]);
    EXPECT_EQ_STR("createdAt", a.words[2]);
    EXPECT_EQ_BYTES("1730871820289", 13, a.words[3], a.lens[3]);
    redis_args_free(&a);
    round_trip(&job);
}

// What is next to the usual has one, and so has what is none at all.
static void test_unusual_has_a_field(void) {
    static const struct {
        const char *name, *queue;
        int32_t max;
        int64_t timeout_ms, deadline_ms; // of the latter what it is beside the usual one
    } rows[] = {
        {"queue", "t.x", REDIS_USUAL_MAX, REDIS_USUAL_TIMEOUT_MS, 0},
        {"queue", "u", REDIS_USUAL_MAX, REDIS_USUAL_TIMEOUT_MS, 0},
        {"max", "t", REDIS_USUAL_MAX + 1, REDIS_USUAL_TIMEOUT_MS, 0},
        {"max", "t", 0, REDIS_USUAL_TIMEOUT_MS, 0},
        {"timeout", "t", REDIS_USUAL_MAX, REDIS_USUAL_TIMEOUT_MS - 1, 0},
        {"timeout", "t", REDIS_USUAL_MAX, 0, 0},
        {"deadline", "t", REDIS_USUAL_MAX, REDIS_USUAL_TIMEOUT_MS, -1},
        {"deadline", "t", REDIS_USUAL_MAX, REDIS_USUAL_TIMEOUT_MS, 1},
        {"deadline", "t", REDIS_USUAL_MAX, REDIS_USUAL_TIMEOUT_MS,
         -(INT64_C(1730871820289) + 86400000)},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_job job = usual_job();
        struct redis_args a = {.words = NULL};
        bool queue = strcmp(rows[i].name, "queue") == 0;
        job.spec.queue = rows[i].queue;
        job.spec.max_attempts = rows[i].max;
        job.spec.timeout_ms = rows[i].timeout_ms;
        job.spec.deadline_ms += rows[i].deadline_ms;
        EXPECT_EQ_UINT(3, jobhash_write(&job, true, &a));
        EXPECT_EQ_STR(rows[i].name, a.words[queue ? 2 : 4]);
        redis_args_clear(&a);
        EXPECT_EQ_UINT(queue ? 2 : 3, jobhash_write(&job, false, &a));
        redis_args_free(&a);
        round_trip(&job);
    }
}

static void test_percent(void) {
    static const struct {
        int64_t done, total;
        const char *want;
    } rows[] = {
        {1, 0, NULL},    {0, 10, "0"},    {-5, 10, "0"}, {1, 3, "33"},
        {10, 10, "100"}, {11, 10, "100"}, {5, -1, NULL}, {INT64_MAX / 2, INT64_MAX, "50"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_job job = {.spec = {.id = id, .type = "t", .priority = PRIORITY_NORMAL},
                                .life.progress = {rows[i].done, rows[i].total, NULL, 0}};
        struct redis_args a = {.words = NULL};
        const char *got = NULL;
        (void)jobhash_write(&job, false, &a);
        for (size_t k = 0; k < a.count; k += 2) {
            got = strcmp(a.words[k], "progress") == 0 ? a.words[k + 1] : got;
        }
        EXPECT_EQ_STR(rows[i].want, got);
        redis_args_free(&a);
    }
}

/* ------------------------------------------------------------------ differences */

static void expect_diff(const struct redis_job *from, const struct redis_job *to,
                        const char *want_set, const char *want_del) {
    struct redis_args set = {.words = NULL}, del = {.words = NULL};
    char text[512] = "", gone[512] = "";
    jobhash_diff(from, to, &set, &del);
    for (size_t i = 0; i < set.count; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s%s", (int)set.lens[i],
                       set.words[i], i % 2 == 0 ? "=" : " ");
    }
    for (size_t i = 0; i < del.count; i++) {
        (void)snprintf(gone + strlen(gone), sizeof gone - strlen(gone), "%s ", del.words[i]);
    }
    EXPECT_EQ_STR(want_set, text);
    EXPECT_EQ_STR(want_del, gone);
    redis_args_free(&set);
    redis_args_free(&del);
}

static void test_diff(void) {
    struct redis_job none = usual_job(), job = none;
    char code[] = "invalid_grant"; // the same text elsewhere
    job.life.counters.attempts = job.life.counters.executions = 1;
    job.life.error = (struct job_error){.cls = JH_E_AUTH, .code = "invalid_grant"};
    job.life.has_result = true;
    job.life.park = PARK_TIME;
    job.spec.deadline_ms = 5;
    job.spec.labels = "never compared";
    job.rev = 7;
    expect_diff(&none, &job,
                "deadline=5 attempts=1 errorClass=auth errorCode=invalid_grant parked=time "
                "resultBytes=0 ",
                "");
    expect_diff(&job, &none, "", "deadline attempts errorClass errorCode parked resultBytes ");
    struct redis_job same = job;
    same.life.error.code = code;
    expect_diff(&job, &same, "", "");
    same.life.progress = (struct job_progress){1, 4, NULL, 9};
    expect_diff(&job, &same, "progress=25 done=1 total=4 progressAt=9 ", "");
    struct redis_job crashed = job;
    crashed.life.counters.executions = 2; // only what is not as many as attempts has a field
    expect_diff(&job, &crashed, "executions=2 ", "");
    expect_diff(&crashed, &job, "", "executions ");
    struct redis_job more = same;
    more.life.progress.done = 2;
    more.life.winner = other_id;
    expect_diff(&same, &more,
                "progress=50 done=2 duplicateOf=01930000-0002-7001-8000-000000000002 ", "");
}

// A difference laid over what was there gives what is to be there, for any two of them.
static void test_diff_applies(void) {
    struct redis_job all[3] = {full_job(), {.spec = {.id = id, .type = "t"}}, full_job()};
    all[2].life.counters.crashes = -7;
    all[2].life.wait_key = NULL;
    all[2].life.has_result = false;
    all[2].life.result_size = 0;
    for (size_t i = 0; i < 9; i++) {
        struct redis_job from = all[i / 3], to = all[i % 3], got;
        struct redis_args a = {.words = NULL}, set = {.words = NULL}, del = {.words = NULL};
        struct arena arena = {.head = NULL};
        struct answer answer;
        to.spec = from.spec;
        jobhash_diff(&from, &to, &set, &del);
        (void)jobhash_write(&from, false, &a);
        answer_begin(&answer);
        answer_pair(&answer, "id", id_text);
        answer_pair(&answer, "status", "dead");
        for (size_t k = 0; k < a.count; k += 2) {
            bool gone = false;
            for (size_t d = 0; d < del.count; d++) {
                gone = gone || strcmp(del.words[d], a.words[k]) == 0;
            }
            if (!gone) {
                answer_add(&answer, (struct bytes){a.words[k], a.lens[k]});
                answer_add(&answer, (struct bytes){a.words[k + 1], a.lens[k + 1]});
            }
        }
        answer_words(&answer, &set);
        EXPECT_EQ_INT(0, jobhash_read(&answer.all, &arena, &got, NULL));
        expect_life(&to.life, &got.life);
        expect_diff(&to, &got, "", "");
        arena_free(&arena);
        redis_args_free(&a);
        redis_args_free(&set);
        redis_args_free(&del);
    }
}

/* ------------------------------------------------------------------ reading */

static int read_pairs(const char *const *pairs, size_t count, struct redis_job *ret,
                      struct arena *a, struct err *e) {
    struct answer answer;
    answer_begin(&answer);
    answer_pair(&answer, "id", id_text);
    answer_pair(&answer, "status", "running");
    answer_pair(&answer, "type", "t");
    for (size_t i = 0; i < count; i++) {
        answer_add(&answer, bytes_of(pairs[i]));
    }
    return jobhash_read(&answer.all, a, ret, e);
}

static void test_what_scripts_write(void) {
    static const char *const pairs[] = {
        "rev",   "7",          "claim",    "3 00ff 2", "begun",     "1", "ask",         "12 -1",
        "ready", "1700000000", "dueAt",    "5",        "log",       "9", "outputBytes", "1",
        "steps", "4294967295", "deleteAt", "6",        "tombstone", "8",
    };
    struct arena arena = {.head = NULL};
    struct redis_job job;
    struct store_job view;
    EXPECT_EQ_INT(0, read_pairs(pairs, ARRAY_LEN(pairs), &job, &arena, NULL));
    EXPECT_EQ_INT(JOB_RUNNING, job.state);
    EXPECT_EQ_UINT(7 + 3 + 2, job.rev); // claims and commits are changes too
    EXPECT_EQ_UINT(3, job.token);
    EXPECT_EQ_UINT(2, job.commit_no);
    EXPECT_TRUE(job.begun);
    EXPECT_EQ_UINT(255, job.host_nonce);
    EXPECT_EQ_INT(12, job.ask_ms);
    EXPECT_EQ_INT(-1, job.ask_keep_ms);
    EXPECT_EQ_INT(1700000000, job.ready_ms);
    EXPECT_EQ_UINT(UINT32_MAX, job.step_count);
    jobhash_view(&job, &view);
    EXPECT_TRUE(view.cancelling);
    EXPECT_EQ_INT(1700000000, view.ready_ms);
    EXPECT_EQ_INT(0, view.expires_at_ms); // it has not ended
    arena_free(&arena);
}

static void test_defaults_read(void) {
    struct arena arena = {.head = NULL};
    struct redis_job job;
    struct store_job view;
    EXPECT_EQ_INT(0, read_pairs(NULL, 0, &job, &arena, NULL));
    EXPECT_EQ_INT(id_time_ms(&id), job.ready_ms);
    EXPECT_EQ_INT(PRIORITY_NORMAL, job.spec.priority);
    jobhash_view(&job, &view);
    EXPECT_EQ_INT(id_time_ms(&id), view.created_ms);
    EXPECT_EQ_INT(id_time_ms(&id), view.updated_ms);
    EXPECT_EQ_INT(0, view.started_ms);
    arena_free(&arena);
}

static void test_view_by_state(void) {
    struct redis_job job = full_job();
    struct store_job view;
    job.due_ms = 100;
    job.delete_ms = 200;
    job.state = JOB_PARKED;
    jobhash_view(&job, &view);
    EXPECT_EQ_INT(100, view.spec.run_at_ms);
    EXPECT_EQ_INT(PARK_EVENT, view.park);
    EXPECT_EQ_STR("order.paid", view.wait_key);
    EXPECT_EQ_INT(0, view.expires_at_ms);
    job.state = JOB_SUCCEEDED;
    jobhash_view(&job, &view);
    EXPECT_EQ_INT(0, view.spec.run_at_ms);
    EXPECT_EQ_INT(200, view.expires_at_ms);
    EXPECT_EQ_INT(14, view.finished_ms);
    EXPECT_EQ_INT(PARK_NONE, view.park);
    EXPECT_NULL(view.wait_key);
}

static void test_unknown_fields(void) {
    static const char *const pairs[] = {
        "fromTheFuture", "x", "", "", "payloa", "1", "17", "y", "1x", "z"};
    struct arena arena = {.head = NULL};
    struct redis_job job;
    EXPECT_EQ_INT(0, read_pairs(pairs, ARRAY_LEN(pairs), &job, &arena, NULL));
    EXPECT_EQ_UINT(0, job.spec.payload.len);
    arena_free(&arena);
}

static void test_damaged_values(void) {
    static const char *const rows[][2] = {
        {"rev", ""},
        {"rev", "-1"},
        {"rev", "4294967296"},
        {"rev", "1x"},
        {"rev", " 1"},
        {"attempts", "2147483648"},
        {"attempts", "-2147483649"},
        {"deadline", "9223372036854775808"},
        {"deadline", "-9223372036854775809"},
        {"deadline", "--1"},
        {"deadline", "-"},
        {"resultBytes", "-1"},
        {"payloadBytes", "536870913"},
        {"payloadBytes", "1024"}, // would stand in pieces
        {"begun", "2"},
        {"claim", ""},
        {"claim", "1"},
        {"claim", "1 00ff"},
        {"claim", "1  2"},
        {"claim", "x 00ff 2"},
        {"claim", "1 00ff 2 "},
        {"claim", "1 00ff 2 done"},
        {"claim", "1 00ff 2 over over"},
        {"claim", "1 0123456789abcdef0 2"},
        {"claim", "1 xyz 2"},
        {"claim", "4294967296 00ff 2"},
        {"claim", "1 00ff -1"},
        {"executions", "2147483648"},
        {"executions", "-2147483649"},
        {"ask", "12"},
        {"ask", "12 "},
        {"ask", " 12"},
        {"status", "asleep"},
        {"priority", ""},
        {"keyMode", "x"},
        {"parked", "x"},
        {"errorClass", "x"},
        {"parent", "01930000-0001-7001-8000-00000000000"},
        {"id", "no"},
        {"files", "\x21\x05xxxxx"},
        {"files", "\xff"},
        {"1", "without a first piece"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {.head = NULL};
        struct err e = {.code = 0};
        struct redis_job job;
        EXPECT_EQ_INT(-EBADMSG, read_pairs(rows[i], 2, &job, &arena, &e));
        EXPECT_CONTAINS(strcmp(rows[i][0], "1") == 0 ? "\"payload\"" : rows[i][0], e.msg);
        arena_free(&arena);
    }
}

static void test_limits_of_numbers(void) {
    static const char *const rows[][2] = {
        {"rev", "4294967295"},
        {"rev", "0"},
        {"attempts", "2147483647"},
        {"attempts", "-2147483648"},
        {"deadline", "9223372036854775807"},
        {"deadline", "-9223372036854775808"},
        {"payloadBytes", "536870912"},
        {"payloadBytes", "1025"},
        {"claim", "4294967295 0123456789abcdef 4294967295 over"},
        {"claim", "1 - 0 over"},
        {"executions", "2147483647"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {.head = NULL};
        struct redis_job job;
        EXPECT_EQ_INT(0, read_pairs(rows[i], 2, &job, &arena, NULL));
        arena_free(&arena);
    }
}

static void test_incomplete(void) {
    static const char *const whole[] = {"id", id_text, "type", "t", "status", "dead", "queue", "q"};
    struct arena arena = {.head = NULL};
    struct redis_job job;
    struct answer answer;
    struct err e = {.code = 0};
    struct redis_reply nil = {.kind = REDIS_NIL}, number = {.kind = REDIS_INTEGER};
    EXPECT_EQ_INT(-ENOENT, jobhash_read(&nil, &arena, &job, &e));
    EXPECT_EQ_INT(-ENOENT, jobhash_read(NULL, &arena, &job, &e));
    EXPECT_EQ_INT(-EBADMSG, jobhash_read(&number, &arena, &job, &e));
    answer_begin(&answer);
    EXPECT_EQ_INT(-ENOENT, jobhash_read(&answer.all, &arena, &job, &e));
    for (size_t without = 0; without < ARRAY_LEN(whole); without += 2) {
        bool status = strcmp(whole[without], "status") == 0;
        bool queue = strcmp(whole[without], "queue") == 0; // then it is the type's own
        answer_begin(&answer);
        for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
            if (i / 2 != without / 2) {
                answer_add(&answer, bytes_of(whole[i]));
            }
        }
        EXPECT_EQ_INT(status || queue ? 0 : -EBADMSG,
                      jobhash_read_parcel(&answer.all, &arena, &job, &e));
        EXPECT_EQ_INT(status ? JOB_QUEUED : job.state, job.state);
        EXPECT_EQ_INT(queue ? 0 : -EBADMSG, jobhash_read(&answer.all, &arena, &job, &e));
        EXPECT_CONTAINS(queue ? "status" : whole[without], e.msg); // of the one before
    }
    answer.all.count = 3; // an odd number of words
    EXPECT_EQ_INT(-EBADMSG, jobhash_read(&answer.all, &arena, &job, &e));
    answer.all.count = 4;
    answer.items[3].kind = REDIS_INTEGER;
    EXPECT_EQ_INT(-EBADMSG, jobhash_read(&answer.all, &arena, &job, &e));
    arena_free(&arena);
}

static void test_file_limit(void) {
    struct job_file many[JOB_FILES_MAX + 1];
    struct redis_job job = {.spec = {.id = id, .type = "t", .files = many}}, got;
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = (struct job_file){.name = "n", .blob = {{(uint8_t)i}, i}};
    }
    job.spec.file_count = JOB_FILES_MAX;
    round_trip(&job);
    job.spec.file_count = JOB_FILES_MAX + 1;
    struct redis_args a = {.words = NULL};
    struct arena arena = {.head = NULL};
    struct answer answer;
    (void)jobhash_write(&job, false, &a);
    answer_job(&answer, &a);
    EXPECT_EQ_INT(-EBADMSG, jobhash_read(&answer.all, &arena, &got, NULL));
    arena_free(&arena);
    redis_args_free(&a);
}

static void test_find_in_any_order(void) {
    for (size_t i = 0; i < jobfield_count; i++) {
        size_t next = (i * 31) % (jobfield_count + 1);
        struct bytes name = {jobfields[i].name, jobfields[i].len};
        EXPECT_TRUE(jobfield_find(name, &next) == &jobfields[i]);
        EXPECT_EQ_UINT(i + 1, next);
        next = jobfield_count;
        EXPECT_TRUE(jobfield_find(name, &next) == &jobfields[i]);
    }
    size_t next = 5;
    EXPECT_NULL(jobfield_find(bytes_of("nothing"), &next));
    EXPECT_NULL(jobfield_find((struct bytes){"", 0}, &next));
}

static void test_bytes(void) {
    struct job_spec spec = {.id = id, .type = "1234", .payload = {"123", 3}};
    EXPECT_EQ_INT(REDIS_JOB_OVERHEAD + 7, jobhash_bytes(&spec));
    struct redis_job job = full_job(), got;
    struct redis_args a = {.words = NULL};
    struct arena arena = {.head = NULL};
    struct answer answer;
    int64_t sum = REDIS_JOB_OVERHEAD;
    static const char counted[] =
        " payload type user contentType key labels callback retry flow files ";
    (void)jobhash_write(&job, true, &a);
    for (size_t i = 0; i < a.count; i += 2) {
        char name[32];
        (void)snprintf(name, sizeof name, " %.*s ", (int)a.lens[i], a.words[i]);
        sum += strstr(counted, name) != NULL ? (int64_t)a.lens[i + 1] : 0;
    }
    EXPECT_EQ_INT(sum, jobhash_bytes(&job.spec));
    answer_job(&answer, &a); // and the same when it is removed
    EXPECT_EQ_INT(0, jobhash_read(&answer.all, &arena, &got, NULL));
    EXPECT_EQ_INT(sum, jobhash_bytes(&got.spec));
    arena_free(&arena);
    redis_args_free(&a);
}

static void test_without_memory(void) {
    struct redis_job job = full_job(), got;
    struct redis_args a = {.words = NULL};
    struct answer answer;
    (void)jobhash_write(&job, true, &a);
    answer_job(&answer, &a);
    for (int nth = 1; nth < 4; nth++) {
        struct arena arena = {.head = NULL};
        struct err e = {.code = 0};
        failing_alloc_after(nth);
        int r = jobhash_read(&answer.all, &arena, &got, &e);
        failing_alloc_after(0);
        EXPECT_TRUE(r == 0 || r == -ENOMEM);
        EXPECT_EQ_INT(r, e.code);
        EXPECT_TRUE(nth > 1 || r == -ENOMEM);
        arena_free(&arena);
    }
    redis_args_free(&a);
}

static const struct expect_test tests[] = {
    {"what was written is read", test_round_trip},
    {"every name of every enum", test_every_enum},
    {"a payload stands in pieces", test_payload_pieces},
    {"a large payload has a key of its own", test_large_payload},
    {"values and fields stay within a listpack", test_values_stay_compact},
    {"or in one word", test_whole_payload},
    {"defaults have no field", test_defaults_have_no_field},
    {"all else has one", test_unusual_has_a_field},
    {"percent of progress", test_percent},
    {"differences of two jobs", test_diff},
    {"a difference laid over the first gives the second", test_diff_applies},
    {"what scripts write", test_what_scripts_write},
    {"what is not there", test_defaults_read},
    {"times of the view, by state", test_view_by_state},
    {"unknown fields are skipped", test_unknown_fields},
    {"damaged values are named", test_damaged_values},
    {"numbers at their limits", test_limits_of_numbers},
    {"no job, or not all of it", test_incomplete},
    {"files up to their limit", test_file_limit},
    {"fields are found wherever the search begins", test_find_in_any_order},
    {"bytes of the budget", test_bytes},
    {"out of memory", test_without_memory},
};
SUITE_MAIN("redis_jobhash", tests)
