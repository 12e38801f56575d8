// What a job's run looks like from outside: results, ends, steps and commits, progress, log,
// batches.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/outcome.h"
#include "expect.h"
#include "fake.h"

// Index of a chaos handler in HELLO.
static uint32_t handler_of(const struct fake *f, const char *name) {
    for (uint32_t i = 0; i < f->hello.handler_count; i++) {
        if (strcmp(f->hello.handlers[i].name, name) == 0) {
            return i;
        }
    }
    fake_fail("no handler %s", name);
}

static void start_chaos(struct fake *f) {
    fake_start(f, &(struct fake_options){.plugin = "chaos"});
}

static void send_job(struct fake *f, uint64_t slot, const char *handler, const char *payload,
                     struct msg_job m) {
    m.handler = handler_of(f, handler);
    m.payload.data = bytes_of(payload);
    fake_put_job(f, slot, &m);
    fake_flush(f);
}

static void simple_job(struct fake *f, uint64_t slot, const char *handler, const char *payload) {
    send_job(f, slot, handler, payload, (struct msg_job){0});
}

static void finish(struct fake *f) {
    fake_drain(f);
    fake_finish(f);
}

// ---- results ----

static void test_echo(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "ok-v1"});
    fake_job(&f, 7, "hello");
    struct record r = fake_expect_for(&f, REC_RESULT, 7);
    struct bytes b = fake_bytes(&f, &r);
    EXPECT_EQ_BYTES("1.0.0:hello", 11, b.data, b.len);
    struct msg_done m = fake_expect_done(&f, 7);
    EXPECT_EQ_INT(JH_OK, m.status);
    EXPECT_EQ_INT(JH_E_NONE, m.cls);
    EXPECT_EQ_UINT(0, m.cancel_mask);
    EXPECT_NULL(m.message);
    EXPECT_EQ_UINT(0, atomic_load(&f.page->thread[0].job));
    EXPECT_EQ_UINT(1, atomic_load(&f.page->thread[0].started));
    finish(&f);
}

static void expect_result_size(struct fake *f, uint64_t slot, size_t want, bool by_fd) {
    struct record r = fake_expect_for(f, REC_RESULT, slot);
    EXPECT_EQ_INT(by_fd, (r.h.flags & RECORD_FD) != 0);
    struct bytes b = fake_bytes(f, &r);
    EXPECT_EQ_UINT(want, b.len);
    const char *text = b.data;
    bool right = true;
    for (size_t i = 0; i < b.len; i++) {
        right = right && text[i] == (char)('a' + i % 26);
    }
    EXPECT_TRUE(right);
}

static void test_result_sizes(void) {
    static const size_t sizes[] = {1, RECORD_INLINE_MAX, RECORD_INLINE_MAX + 1, 200000, 3000000};
    struct fake f;
    start_chaos(&f);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (int by_fd = 0; by_fd < 2; by_fd++) {
            char payload[128];
            uint64_t slot = 2 * i + (uint64_t)by_fd + 1;
            (void)snprintf(payload, sizeof payload,
                           "{\"bytes\":%zu,\"how\":\"%s\",\"type\":\"%s\"}", sizes[i],
                           by_fd ? "fd" : "chunks", "text/plain");
            simple_job(&f, slot, "chaos.big_result", payload);
            expect_result_size(&f, slot, sizes[i], by_fd || sizes[i] > RECORD_INLINE_MAX);
            struct record r = fake_expect_for(&f, REC_RESULT_TYPE, slot);
            EXPECT_EQ_STR("text/plain", record_get_str(&r));
            EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, slot).status);
        }
    }
    finish(&f);
}

// A payload on both sides of the limit from which it travels by descriptor.
static void test_payload_sizes(void) {
    static char payload[RECORD_INLINE_MAX + 2];
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "ok-v2"});
    for (size_t len = RECORD_INLINE_MAX - 6; len <= RECORD_INLINE_MAX + 1; len++) {
        memset(payload, 'p', len);
        payload[len] = '\0';
        fake_job(&f, len, payload);
        struct record r = fake_expect_for(&f, REC_RESULT, len);
        struct bytes b = fake_bytes(&f, &r);
        EXPECT_EQ_UINT(len + 6, b.len);
        EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, len).status);
    }
    finish(&f);
}

static void test_fields(void) {
    struct fake f;
    start_chaos(&f);
    send_job(&f, 1, "chaos.fields", "{}",
             (struct msg_job){.attempt = 3,
                              .id = "0193aaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa",
                              .dedup_key = "key",
                              .content_type = "application/json",
                              .deadline_ms = 1234567890123,
                              .steps_version = 9,
                              .queue = "q",
                              .tenant = "t",
                              .labels = "a,b",
                              .flow_id = "f",
                              .nominal_ms = 11,
                              .first_run_ms = 12,
                              .seed = 13});
    struct record r = fake_expect_for(&f, REC_RESULT, 1);
    struct bytes b = fake_bytes(&f, &r);
    static const char want[] =
        "{\"attempt\":3,\"payload_len\":2,\"deadline_ms\":1234567890123,\"steps_version\":9,"
        "\"input_count\":0,\"nominal_ms\":11,\"first_run_ms\":12,\"seed\":13,"
        "\"id\":\"0193aaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa\",\"handler\":\"chaos.fields\","
        "\"dedup_key\":\"key\",\"content_type\":\"application/json\",\"queue\":\"q\","
        "\"tenant\":\"t\",\"labels\":\"a,b\",\"flow_id\":\"f\"}";
    EXPECT_EQ_BYTES(want, strlen(want), b.data, b.len);
    (void)fake_expect_done(&f, 1);
    finish(&f);
}

// ---- ends ----

static void test_statuses(void) {
    static const struct {
        int given;
        jh_status status;
        jh_class cls;
        const char *words;
    } rows[] = {
        {0, JH_OK, JH_E_NONE, NULL},
        {1, JH_RETRY, JH_E_NONE, "without calling fail()"},
        {2, JH_FAIL, JH_E_NONE, "without calling fail()"},
        {3, JH_YIELD, JH_E_NONE, NULL},
        {4, JH_FAIL, JH_E_BUG, "nothing cancelled it"},
        {5, JH_FAIL, JH_E_BUG, "unknown status 5"},
        {-1, JH_FAIL, JH_E_BUG, "unknown status -1"},
        {99, JH_FAIL, JH_E_BUG, "unknown status 99"},
    };
    struct fake f;
    start_chaos(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char payload[32];
        (void)snprintf(payload, sizeof payload, "{\"status\":%d}", rows[i].given);
        simple_job(&f, i + 1, "chaos.status", payload);
        struct msg_done m = fake_expect_done(&f, i + 1);
        EXPECT_EQ_INT(rows[i].status, m.status);
        EXPECT_EQ_INT(rows[i].cls, m.cls);
        if (rows[i].words != NULL) {
            EXPECT_CONTAINS(rows[i].words, m.message);
        } else {
            EXPECT_NULL(m.message);
        }
    }
    finish(&f);
}

static void test_failures(void) {
    struct fake f;
    start_chaos(&f);
    for (int cls = -1; cls <= JH_E_UNKNOWN + 1; cls++) {
        char payload[256];
        uint64_t slot = (uint64_t)(cls + 2);
        (void)snprintf(payload, sizeof payload,
                       "{\"class\":\"%d\",\"scope\":\"user:1\",\"code\":\"c\",\"message\":\"m\","
                       "\"retry_after_ms\":1500,\"keep\":\"kept\"}",
                       cls);
        simple_job(&f, slot, "chaos.fail", payload);
        (void)fake_expect_for(&f, REC_STEP, slot); // that counts the failures
        (void)fake_expect_for(&f, REC_COMMIT, slot);
        fake_committed(&f, slot, 1, 0);
        (void)fake_expect_for(&f, REC_RESULT, slot);
        struct msg_done m = fake_expect_done(&f, slot);
        jh_class want = cls <= JH_E_NONE || cls > JH_E_UNKNOWN ? JH_E_BUG : cls;
        EXPECT_EQ_INT(want, m.cls);
        EXPECT_EQ_INT(outcome_status(want), m.status);
        EXPECT_EQ_STR("user:1", m.scope);
        EXPECT_EQ_STR("c", m.code);
        EXPECT_EQ_STR("m", m.message);
        EXPECT_EQ_INT(1500, m.retry_after_ms);
        EXPECT_EQ_UINT(JH_FAILURE_KEEP_RESULT, m.failure_flags);
    }
    finish(&f);
}

static void expect_yield(struct fake *f, uint64_t slot, const char *payload, int32_t kind,
                         const char *key, int64_t timeout_ms) {
    simple_job(f, slot, "chaos.yield", payload);
    struct msg_done m = fake_serve(f, slot);
    EXPECT_EQ_INT(JH_YIELD, m.status);
    EXPECT_EQ_INT(kind, m.wait_kind);
    EXPECT_EQ_STR(key, m.wait_key);
    EXPECT_EQ_INT(timeout_ms, m.wait_timeout_ms);
    EXPECT_EQ_INT(kind == JH_WAIT_UNTIL, m.wake_at_ms > 1600000000000);
}

static void test_yields(void) {
    struct fake f;
    start_chaos(&f);
    expect_yield(&f, 1, "{\"kind\":\"now\"}", JH_WAIT_NOW, NULL, 0);
    expect_yield(&f, 2, "{\"kind\":\"until\",\"ms\":5000}", JH_WAIT_UNTIL, NULL, 0);
    expect_yield(&f, 3, "{\"kind\":\"event\",\"key\":\"e\",\"timeout_ms\":9}", JH_WAIT_EVENT, "e",
                 9);
    expect_yield(&f, 4, "{\"kind\":\"children\"}", JH_WAIT_CHILDREN, NULL, 0);
    expect_yield(&f, 5, "{\"kind\":\"limiter\",\"key\":\"l\"}", JH_WAIT_LIMITER, "l", 0);
    // yields that make no sense are bugs
    static const char *const bad[] = {"{\"kind\":\"bad\"}", "{\"kind\":\"event\"}",
                                      "{\"kind\":\"limiter\"}",
                                      "{\"kind\":\"now\",\"timeout_ms\":-1}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        simple_job(&f, 10 + i, "chaos.yield", bad[i]);
        struct msg_done m = fake_serve(&f, 10 + i);
        EXPECT_EQ_INT(JH_E_BUG, m.cls);
        EXPECT_CONTAINS("bad struct jh_wait", m.message);
    }
    finish(&f);
}

// ---- steps and commits ----

static void expect_commit(struct fake *f, uint64_t slot, uint32_t number) {
    struct record r = fake_expect_for(f, REC_COMMIT, slot);
    EXPECT_EQ_UINT(number, record_get_u32(&r));
    EXPECT_EQ_INT(0, record_done(&r));
}

static void expect_step(struct fake *f, uint64_t slot, const char *name) {
    struct record r = fake_expect_for(f, REC_STEP, slot);
    struct msg_step m;
    EXPECT_EQ_INT(0, msg_step_get(&r, &m));
    EXPECT_EQ_STR(name, m.name);
    EXPECT_EQ_UINT(1, m.state_version);
    EXPECT_EQ_BYTES("done", 4, m.value.data.data, m.value.data.len);
}

static void expect_sink(struct fake *f, uint64_t slot, const char *what) {
    struct record r = fake_expect_for(f, REC_KV, slot);
    struct msg_kv m;
    char key[64];
    (void)snprintf(key, sizeof key, "sink:job:%s", what);
    EXPECT_EQ_INT(0, msg_kv_get(&r, &m));
    EXPECT_EQ_UINT(KV_ADD, m.what);
    EXPECT_EQ_STR(key, m.key);
    EXPECT_EQ_INT(1, m.number);
}

// All that belongs to a step comes before its COMMIT; nothing goes on before the answer; numbers go
// on from the job's.
// A job that has committed before may have opened a flow that takes no more: the first child asks.
static void answer_no_flow(struct fake *f, uint64_t slot) {
    struct record r = fake_expect_for(f, REC_FLOW, slot);
    struct msg_flow m;
    EXPECT_EQ_INT(0, msg_flow_get(&r, &m));
    EXPECT_EQ_UINT(FLOW_COUNTS, m.what);
    const struct msg_value v = {.request = m.request, .status = -ENOENT};
    EXPECT_EQ_INT(0, msg_value_put(&f->out, slot, &v));
    fake_flush(f);
}

static void test_commits(void) {
    struct fake f;
    start_chaos(&f);
    send_job(&f, 5, "chaos.steps", "{\"steps\":2,\"children\":2}",
             (struct msg_job){.id = "job", .commit_no = 40});
    expect_sink(&f, 5, "1");
    answer_no_flow(&f, 5);
    for (int i = 0; i < 2; i++) {
        struct record r = fake_expect_for(&f, REC_CHILD, 5);
        struct msg_child m;
        EXPECT_EQ_INT(0, msg_child_get(&r, &m));
        EXPECT_EQ_STR("chaos.child", m.handler);
        EXPECT_EQ_BYTES("{\"parent\":\"job\"}", 16, m.payload.data.data, m.payload.data.len);
    }
    expect_step(&f, 5, "1");
    expect_commit(&f, 5, 41);
    fake_committed(&f, 5, 41, 0);
    expect_sink(&f, 5, "2");
    (void)fake_expect_for(&f, REC_CHILD, 5);
    (void)fake_expect_for(&f, REC_CHILD, 5);
    expect_step(&f, 5, "2");
    expect_commit(&f, 5, 42);
    fake_committed(&f, 5, 42, 0);
    expect_sink(&f, 5, "end");
    (void)fake_expect_for(&f, REC_RESULT, 5);
    EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, 5).status);
    EXPECT_EQ_UINT(2, f.progress.done); // if it was held back, it came with the last commit
    finish(&f);
}

// jobhost.operator/1: what begins a wait goes with the DONE that parks the job.
static void test_asks(void) {
    struct fake f;
    start_chaos(&f);
    send_job(&f, 6, "chaos.ask",
             "{\"key\":\"k\",\"question\":\"Well?\",\"choices\":[\"a\",\"b\"],\"timeout_ms\":5000}",
             (struct msg_job){.id = "job"});
    struct record r = fake_expect_for(&f, REC_STEP, 6);
    struct msg_step step;
    EXPECT_EQ_INT(0, msg_step_get(&r, &step));
    EXPECT_EQ_STR("operator:k", step.name);
    EXPECT_CONTAINS("open 1", step.value.data.data);
    struct msg_done m = fake_expect_done(&f, 6);
    EXPECT_EQ_INT(JH_YIELD, m.status);
    EXPECT_EQ_INT(OUTCOME_WAIT_OPERATOR, m.wait_kind);
    EXPECT_EQ_STR("k", m.wait_key);
    EXPECT_EQ_STR("Well?\na\nb", m.wait_for);
    EXPECT_EQ_INT(5000, m.wait_timeout_ms);
    finish(&f);
}

static void answer_step(struct fake *f, uint64_t slot, const char *name, const char *value) {
    struct record r = fake_expect_for(f, REC_GET, slot);
    struct msg_get m;
    EXPECT_EQ_INT(0, msg_get_get(&r, &m));
    EXPECT_EQ_UINT(GET_STEP, m.what);
    EXPECT_EQ_STR(name, m.key);
    const struct msg_value v = {
        .request = m.request, .status = value == NULL ? 1 : 0, .value = {.data = bytes_of(value)}};
    EXPECT_EQ_INT(0, msg_value_put(&f->out, slot, &v));
    fake_flush(f);
}

// A job with stored steps asks for each once and does not repeat what was done.
static void test_stored_steps(void) {
    static char large[RECORD_INLINE_MAX + 10];
    memset(large, 'x', sizeof large - 1);
    struct fake f;
    start_chaos(&f);
    send_job(&f, 5, "chaos.steps", "{\"steps\":3}",
             (struct msg_job){.id = "job", .commit_no = 2, .steps_version = 1});
    answer_step(&f, 5, "1", "done");
    answer_step(&f, 5, "2", large); // by descriptor
    answer_step(&f, 5, "3", NULL);
    expect_sink(&f, 5, "3");
    expect_step(&f, 5, "3");
    expect_commit(&f, 5, 3);
    fake_committed(&f, 5, 3, 0);
    struct msg_done m = fake_serve(&f, 5);
    EXPECT_EQ_INT(JH_OK, m.status);
    finish(&f);
}

static void expect_broken(int32_t answer, jh_status status, jh_class cls, const char *words) {
    struct fake f;
    start_chaos(&f);
    send_job(&f, 5, "chaos.steps", "{\"steps\":2}", (struct msg_job){.id = "job"});
    expect_sink(&f, 5, "1");
    expect_step(&f, 5, "1");
    expect_commit(&f, 5, 1);
    fake_committed(&f, 5, 1, answer);
    struct msg_done m = fake_expect_done(&f, 5); // and no effect before it
    EXPECT_EQ_INT(status, m.status);
    EXPECT_EQ_INT(cls, m.cls);
    if (words != NULL) {
        EXPECT_CONTAINS(words, m.message);
    }
    finish(&f);
}

static void test_broken_commits(void) {
    expect_broken(-ESTALE, JH_CANCELLED, JH_E_NONE, NULL); // fenced off
    expect_broken(-EIO, JH_RETRY, JH_E_RESOURCE, "a commit failed: Input/output error");
    expect_broken(-E2BIG, JH_FAIL, JH_E_PERMANENT, "a commit failed: Argument list too long");
}

// After a commit that did not happen every call is refused, also for a handler that does not
// listen.
static void test_after_fence(void) {
    struct fake f;
    start_chaos(&f);
    simple_job(&f, 1, "chaos.kv",
               "{\"ops\":[[\"commit\",\"a\",\"\"],[\"commit\",\"b\",\"\"],[\"set\",\"k\",\"v\"],"
               "[\"get\",\"k\"],[\"claim\",\"k\"]]}");
    (void)fake_expect_for(&f, REC_STEP, 1);
    expect_commit(&f, 1, 1);
    fake_committed(&f, 1, 1, -ESTALE);
    EXPECT_EQ_INT(JH_CANCELLED, fake_expect_done(&f, 1).status);
    finish(&f);
}

// ---- inputs ----

static void test_inputs(void) {
    static const struct msg_input inputs[] = {
        {.name = "a.txt", .filename = "notes.txt", .content_type = "text/plain", .size = 3},
        {.name = "b", .size = 0},
    };
    struct fake f;
    start_chaos(&f);
    send_job(&f, 1, "chaos.reads_input", "{}",
             (struct msg_job){.input_count = 2, .inputs = inputs});
    for (int i = 0; i < 2; i++) {
        struct record r = fake_expect_for(&f, REC_GET, 1);
        struct msg_get m;
        EXPECT_EQ_INT(0, msg_get_get(&r, &m));
        EXPECT_EQ_UINT(GET_INPUT, m.what);
        EXPECT_EQ_STR(i == 0 ? "0" : "1", m.key);
        FILE *file = tmpfile(); // a plain file, not a memfd
        (void)fputs(i == 0 ? "abc" : "", file);
        rewind(file);
        struct msg_value v = {.request = m.request,
                              .value = {.data = {NULL, inputs[i].size}, .by_fd = true}};
        v.value.fd = dup(fileno(file));
        EXPECT_EQ_INT(0, msg_value_put(&f.out, 1, &v));
        fake_flush(&f);
        (void)fclose(file);
    }
    struct record r = fake_expect_for(&f, REC_RESULT, 1);
    struct bytes b = fake_bytes(&f, &r);
    static const char want[] =
        "[{\"name\":\"a.txt\",\"filename\":\"notes.txt\",\"type\":\"text/"
        "plain\",\"length\":3,\"read\":3,\"sum\":294},"
        "{\"name\":\"b\",\"type\":\"application/octet-stream\",\"length\":0,\"read\":0,\"sum\":0}]";
    EXPECT_EQ_BYTES(want, strlen(want), b.data, b.len);
    (void)fake_expect_done(&f, 1);
    // gone
    send_job(&f, 2, "chaos.reads_input", "{}",
             (struct msg_job){.input_count = 1, .inputs = inputs});
    r = fake_expect_for(&f, REC_GET, 2);
    struct msg_get m;
    EXPECT_EQ_INT(0, msg_get_get(&r, &m));
    EXPECT_EQ_INT(
        0, msg_value_put(&f.out, 2, &(struct msg_value){.request = m.request, .status = -ENOENT}));
    fake_flush(&f);
    EXPECT_EQ_INT(JH_E_RESOURCE, fake_expect_done(&f, 2).cls);
    finish(&f);
}

// ---- outputs ----

static struct msg_output expect_output(struct fake *f, const char *name, const char *type,
                                       const char *content) {
    struct record r = fake_expect_for(f, REC_OUTPUT, 1);
    struct msg_output m;
    char got[64] = "";
    EXPECT_EQ_INT(0, msg_output_get(&r, &m));
    EXPECT_EQ_STR(name, m.name);
    EXPECT_EQ_STR(type, m.content_type);
    EXPECT_TRUE(m.content.by_fd);
    EXPECT_EQ_INT((long long)strlen(content), pread(m.content.fd, got, sizeof got - 1, 0));
    EXPECT_EQ_STR(content, got);
    msg_bytes_close(&m.content);
    return m;
}

static void answer_output(struct fake *f, const struct msg_output *m, int32_t status) {
    EXPECT_EQ_INT(
        0, msg_value_put(&f->out, 1, &(struct msg_value){.request = m->request, .status = status}));
    fake_flush(f);
}

static void expect_text_result(struct fake *f, const char *want) {
    struct record r = fake_expect_for(f, REC_RESULT, 1);
    struct bytes b = fake_bytes(f, &r);
    EXPECT_EQ_BYTES(want, strlen(want), b.data, b.len);
}

static void test_outputs(void) {
    struct fake f;
    start_chaos(&f);
    send_job(&f, 1, "chaos.outputs",
             "{\"go_on\":true,\"files\":[{\"name\":\"a.md\",\"text\":\"# \",\"bytes\":3,"
             "\"type\":\"text/markdown\"},{\"name\":\"a/b\"},{\"name\":\"full\",\"bytes\":40},"
             "{\"name\":\"over\",\"bytes\":41},{\"name\":\"none left\"}]}",
             (struct msg_job){.max_result = 40});
    struct msg_output m = expect_output(&f, "a.md", "text/markdown", "# abc");
    answer_output(&f, &m, 0);
    // what cannot be is not asked
    m = expect_output(&f, "full", NULL, "abcdefghijklmnopqrstuvwxyzabcdefghijklmn");
    answer_output(&f, &m, 0);
    m = expect_output(&f, "none left", NULL, "");
    answer_output(&f, &m, -ENOSPC);
    expect_text_result(&f, "{\"refused\":{\"a/b\":-22,\"over\":-27,\"none left\":-28}}");
    EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, 1).status);
    finish(&f);
}

static void test_output_odd_answers(void) {
    struct fake f;
    start_chaos(&f);
    send_job(&f, 1, "chaos.outputs",
             "{\"go_on\":true,\"files\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
             (struct msg_job){.max_result = 40});
    struct msg_output m = expect_output(&f, "a", NULL, "");
    answer_output(&f, &m, 1); // not one of its answers
    m = expect_output(&f, "b", NULL, "");
    FILE *file = tmpfile(); // a file that nobody asked for is closed
    struct msg_value v = {.request = m.request, .value = {.by_fd = true}};
    v.value.fd = dup(fileno(file));
    EXPECT_EQ_INT(0, msg_value_put(&f.out, 1, &v));
    fake_flush(&f);
    (void)fclose(file);
    expect_text_result(&f, "{\"refused\":{\"a\":-5}}");
    (void)fake_expect_done(&f, 1);
    finish(&f);
}

// ---- progress, log ----

static void test_progress(void) {
    struct fake f;
    start_chaos(&f);
    simple_job(&f, 1, "chaos.progress", "{\"updates\":100000}");
    unsigned records = 0;
    uint64_t last = 0;
    for (;;) {
        struct record r = fake_next(&f);
        if (r.h.type == REC_DONE) {
            break;
        }
        struct msg_progress m;
        if (r.h.type == REC_PROGRESS && msg_progress_get(&r, &m) == 0) {
            records++;
            EXPECT_TRUE(m.done > last);
            last = m.done;
        }
    }
    EXPECT_EQ_UINT(100000, last); // whatever was held back, the last one comes
    EXPECT_TRUE(records < 1000);
    finish(&f);
}

// Held-back progress is shown although the handler calls nothing any more.
static void test_progress_held_back(void) {
    struct fake f;
    start_chaos(&f);
    simple_job(&f, 1, "chaos.sleep", "{\"ms\":3600000,\"beat_ms\":10}");
    for (uint64_t seen = 0; seen < 3; seen++) {
        (void)fake_expect_for(&f, REC_PROGRESS, 1);
    }
    fake_send_u32(&f, REC_CANCEL, 1, JH_CANCEL_USER);
    EXPECT_EQ_INT(JH_CANCELLED, fake_serve(&f, 1).status);
    finish(&f);
}

static void test_log(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "chaos", .log_level = JH_LOG_WARN});
    simple_job(&f, 1, "chaos.log", "{\"level\":1}");
    (void)fake_serve(&f, 1);
    EXPECT_EQ_UINT(0, f.logs);
    simple_job(&f, 2, "chaos.log", "{\"level\":2,\"lines\":3,\"bytes\":5}");
    (void)fake_serve(&f, 2);
    EXPECT_EQ_UINT(3, f.logs);
    EXPECT_EQ_STR("cdefg", f.last_log);
    simple_job(&f, 3, "chaos.log", "{\"level\":77,\"lines\":1,\"bytes\":20000}");
    struct record r = fake_expect_for(&f, REC_LOG, 3);
    struct msg_log m;
    EXPECT_EQ_INT(0, msg_log_get(&r, &m));
    EXPECT_EQ_INT(JH_LOG_ERROR, m.level);
    EXPECT_EQ_UINT(8192, strlen(m.text));
    (void)fake_expect_done(&f, 3);
    simple_job(&f, 4, "chaos.log", "{\"level\":3,\"lines\":5000,\"bytes\":500}");
    f.logs = 0;
    (void)fake_serve(&f, 4);
    EXPECT_EQ_UINT(5000, f.logs);
    finish(&f);
}

static void test_warnings(void) {
    struct fake f;
    start_chaos(&f);
    simple_job(&f, 1, "chaos.warn", "{\"count\":2}");
    for (int i = 1; i <= 2; i++) {
        struct record r = fake_expect_for(&f, REC_WARN, 1);
        struct msg_warn m;
        EXPECT_EQ_INT(0, msg_warn_get(&r, &m));
        EXPECT_EQ_STR("chaos", m.code);
        EXPECT_EQ_STR(i == 1 ? "warning 1" : "warning 2", m.message);
    }
    (void)fake_expect_done(&f, 1);
    finish(&f);
}

// ---- many ----

static void test_batches(void) {
    enum { JOBS = 1000 };
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "noop"});
    for (uint64_t i = 1; i <= JOBS; i++) {
        fake_put_job(&f, i, &(struct msg_job){.timeout_ms = 1000});
    }
    fake_flush(&f);
    for (uint64_t i = 1; i <= JOBS; i++) {
        EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, i).status);
    }
    EXPECT_EQ_UINT(JOBS, atomic_load(&f.page->thread[0].started));
    finish(&f);
}

// Several threads: every job once, each answered by itself.
static void test_threads(void) {
    enum { JOBS = 2000 };
    static bool seen[JOBS + 1];
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "chaos", .threads = 4});
    for (uint64_t i = 1; i <= JOBS; i++) {
        fake_put_job(&f, i,
                     &(struct msg_job){.handler = handler_of(&f, "chaos.echo"),
                                       .payload = {.data = bytes_of("{\"a\":1}")}});
    }
    fake_flush(&f);
    for (int i = 0; i < JOBS;) {
        struct record r = fake_next(&f);
        if (r.h.type == REC_DONE && EXPECT_TRUE(r.h.job <= JOBS) && !seen[r.h.job]) {
            seen[r.h.job] = true;
            i++;
        }
    }
    finish(&f);
}

static void test_other_threads(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "wrong-thread"});
    fake_job(&f, 1, "");
    struct record r = fake_expect_for(&f, REC_RESULT, 1);
    struct bytes b = fake_bytes(&f, &r);
    EXPECT_EQ_BYTES("refused 25, allowed 0", 21, b.data, b.len);
    EXPECT_EQ_STR("from another thread", f.last_log);
    EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, 1).status);
    finish(&f);
}

// The living template, as a user sees it.
static void test_hello(void) {
    static const struct msg_setting settings[] = {{"greeting", "Ahoy"}, {"pause", "1"}};
    struct fake f;
    fake_start(
        &f, &(struct fake_options){.plugin = HELLO_SO, .settings = settings, .setting_count = 2});
    simple_job(&f, 1, "hello.say", "{\"name\":\"Ad\\u00e4\",\"lines\":2}");
    unsigned commits = 0;
    bool child = false;
    struct bytes result = {NULL, 0};
    for (;;) {
        struct record r = fake_next(&f);
        if (r.h.type == REC_COMMIT) {
            fake_committed(&f, 1, ++commits, 0);
        } else if (r.h.type == REC_CHILD) {
            EXPECT_EQ_UINT(1, commits); // with the last step
            child = true;
        } else if (r.h.type == REC_RESULT) {
            result = arena_bytes(&f.arena, fake_bytes(&f, &r));
        } else if (r.h.type == REC_DONE) {
            break;
        }
    }
    EXPECT_EQ_UINT(2, commits);
    EXPECT_TRUE(child);
    EXPECT_EQ_BYTES("\"Ahoy, Ad\xc3\xa4!\"", 13, result.data, result.len);
    finish(&f);
}

static const struct expect_test tests[] = {
    {"a job goes in and its result comes out", test_echo},
    {"results inline and by descriptor", test_result_sizes},
    {"payloads inline and by descriptor", test_payload_sizes},
    {"the handler sees every field of the job", test_fields},
    {"every status that run() can return", test_statuses},
    {"every class that fail() can be given", test_failures},
    {"every kind of yield", test_yields},
    {"effects come before their commit", test_commits},
    {"a question to an operator", test_asks},
    {"stored steps are asked for once", test_stored_steps},
    {"commits that do not happen", test_broken_commits},
    {"nothing is accepted after a failed commit", test_after_fence},
    {"input files come by descriptor", test_inputs},
    {"outputs go by descriptor, and wait for an answer", test_outputs},
    {"an answer to an output that makes no sense", test_output_odd_answers},
    {"progress is coalesced and ends with the last", test_progress},
    {"progress of a silent handler is shown", test_progress_held_back},
    {"log lines: level, length, number", test_log},
    {"warnings", test_warnings},
    {"a thousand jobs in one go", test_batches},
    {"four threads", test_threads},
    {"other threads are refused", test_other_threads},
    {"hello greets", test_hello},
};
SUITE_MAIN("worker: run", tests)
