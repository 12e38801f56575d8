// Output files on their way through the supervisor: into the store when they are put, to the job
// with its next commit, and nowhere when there is none.
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "expect.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "supervisor/attempt.h"

static struct lab *lab;
static struct lab_worker *w;
static uint32_t requests;

static void begin(const struct lab_options *options) {
    lab = lab_open(options);
    w = lab_ready_worker(lab);
    requests = 0;
}

static void finish_with(uint64_t slot, const struct msg_done *m) {
    EXPECT_EQ_INT(0, msg_done_put(&w->out, slot, m));
    lab_flush(w);
    lab_begin(lab, w, 0, 0);
    lab_settle(lab);
}

static void finish(uint64_t slot, int32_t status, int32_t cls) {
    finish_with(slot, &(struct msg_done){.status = status, .cls = cls});
}

static void send(uint64_t slot, const char *name, const char *type, const char *text) {
    const struct msg_output m = {++requests, name, type, {.data = bytes_of(text)}};
    EXPECT_EQ_INT(0, msg_output_put(&w->out, slot, &m));
    lab_flush(w);
}

static int32_t answer(void) {
    struct record r = lab_expect(lab, w, REC_VALUE);
    struct msg_value v;
    EXPECT_EQ_INT(0, msg_value_get(&r, &v));
    EXPECT_EQ_UINT(requests, v.request);
    return v.status;
}

static int32_t put(uint64_t slot, const char *name, const char *text) {
    send(slot, name, NULL, text);
    return answer();
}

static int32_t put_by_fd(uint64_t slot, const char *name, size_t size) {
    char *content = calloc(1, size + 1);
    struct msg_output m = {++requests, name, "text/html", {.data = {NULL, size}, .by_fd = true}};
    m.content.fd = record_memfd((struct bytes){content, size});
    EXPECT_EQ_INT(0, msg_output_put(&w->out, slot, &m));
    lab_flush(w);
    free(content);
    return answer();
}

static int32_t commit(uint64_t slot, uint32_t number) {
    struct msg_committed m;
    lab_send_u32(w, REC_COMMIT, slot, number);
    struct record r = lab_expect(lab, w, REC_COMMITTED);
    EXPECT_EQ_INT(0, msg_committed_get(&r, &m));
    return m.status;
}

// "name:size name:size"
static const char *outputs_of(const struct job_id *id) {
    static char text[512];
    const struct store_job *job = lab_job(lab, id);
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < job->outputs_listed; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s:%llu", i == 0 ? "" : " ",
                               job->outputs[i].name, (unsigned long long)job->outputs[i].blob.size);
    }
    EXPECT_EQ_UINT(job->output_count, job->outputs_listed);
    return text;
}

static void test_commits(void) {
    begin(&(struct lab_options){.plugin = NULL});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    EXPECT_EQ_INT(0, put(slot, "a", "1"));
    EXPECT_EQ_INT(0, put(slot, "b", "22"));
    EXPECT_EQ_INT(0, put(slot, "a", "333")); // replaces
    EXPECT_EQ_STR("", outputs_of(&id));      // not yet the job's
    EXPECT_EQ_INT(0, commit(slot, 1));
    EXPECT_EQ_STR("a:3 b:2", outputs_of(&id));
    EXPECT_EQ_INT(0, put_by_fd(slot, "c", 100000));
    EXPECT_EQ_INT(0, put_by_fd(slot, "d", 0));
    finish(slot, JH_OK, JH_E_NONE);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    EXPECT_EQ_STR("a:3 b:2 c:100000 d:0", outputs_of(&id));
    EXPECT_EQ_STR("text/html", lab_job(lab, &id)->outputs[2].content_type);
    EXPECT_NULL(lab_job(lab, &id)->outputs[0].content_type);
    lab_end(lab);
}

static void test_ends(void) {
    static const struct {
        struct msg_done done;
        const char *want;
    } ends[] = {
        {{.status = JH_OK}, "o:1"},
        {{.status = JH_YIELD, .wait_kind = JH_WAIT_NOW}, "o:1"},
        {{.status = JH_RETRY, .cls = JH_E_NETWORK}, ""},
        {{.status = JH_FAIL, .cls = JH_E_INPUT}, ""},
        {{.status = JH_FAIL, .cls = JH_E_INPUT, .failure_flags = JH_FAILURE_KEEP_RESULT}, "o:1"},
        // it will be tried again, so nothing is kept yet
        {{.status = JH_RETRY, .cls = JH_E_NETWORK, .failure_flags = JH_FAILURE_KEEP_RESULT}, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        begin(&(struct lab_options){.plugin = NULL});
        struct job_id id = lab_submit(lab, LAB_SLOW);
        uint64_t slot = lab_start(lab, w);
        EXPECT_EQ_INT(0, put(slot, "o", "x"));
        finish_with(slot, &ends[i].done);
        EXPECT_EQ_STR(ends[i].want, outputs_of(&id));
        if (!job_is_final(lab_state(lab, &id))) {
            lab_advance(lab, 3600000);
            finish(lab_start(lab, w), JH_OK, JH_E_NONE);
            EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
            EXPECT_EQ_STR(ends[i].want, outputs_of(&id));
        }
        lab_end(lab);
    }
}

// What a worker put and did not commit dies with it; what it committed stays, and is counted.
static void test_crash(void) {
    begin(&(struct lab_options){.plugin = NULL});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    EXPECT_EQ_INT(0, put(slot, "kept", "1"));
    EXPECT_EQ_INT(0, commit(slot, 1));
    EXPECT_EQ_INT(0, put(slot, "lost", "1"));
    send(slot, "under way", NULL, "1");
    lab_bury(lab, w, SIGKILL);
    lab_settle(lab);
    EXPECT_EQ_STR("kept:1", outputs_of(&id));
    lab_advance(lab, 3600000);
    w = lab_ready_worker(lab);
    slot = lab_start(lab, w);
    EXPECT_EQ_INT(0, put(slot, "kept", "22"));
    finish(slot, JH_OK, JH_E_NONE);
    EXPECT_EQ_STR("kept:2", outputs_of(&id));
    lab_end(lab);
}

static void test_limits(void) {
    begin(&(struct lab_options){.more = "queues: {t: {max_result: 1KiB}}"});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    EXPECT_EQ_INT(0, put_by_fd(slot, "full", 1024));
    EXPECT_EQ_INT(-EFBIG, put_by_fd(slot, "over", 1025));
    for (int i = 1; i < JOB_OUTPUTS_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        EXPECT_EQ_INT(0, put(slot, name, ""));
        if (i == 500) {
            EXPECT_EQ_INT(0, commit(slot, 1));
        }
    }
    EXPECT_EQ_INT(-ENOSPC, put(slot, "one more", ""));
    EXPECT_EQ_INT(0, put(slot, "1", "again"));
    EXPECT_EQ_INT(0, put(slot, "999", "again"));
    finish(slot, JH_YIELD, JH_E_NONE);
    EXPECT_EQ_UINT(JOB_OUTPUTS_MAX, lab_job(lab, &id)->output_count);
    slot = lab_start(lab, w); // the next attempt knows them
    EXPECT_EQ_INT(-ENOSPC, put(slot, "one more", ""));
    EXPECT_EQ_INT(0, put(slot, "full", ""));
    finish(slot, JH_OK, JH_E_NONE);
    EXPECT_EQ_UINT(JOB_OUTPUTS_MAX, lab_job(lab, &id)->output_count);
    lab_end(lab);
}

static void refuse(enum store_op_kind kind, int code) {
    faulty_add(
        faulty_plan_of(&lab->store),
        (struct faulty_rule){.kind = (int)kind, .times = 1, .effect = FAULTY_BEFORE, .code = code});
}

static void test_unwell_store(void) {
    static const struct {
        int store, worker;
    } refusals[] = {{-ENOSPC, -ENOSPC}, {-EDQUOT, -ENOSPC}, {-EROFS, -EROFS}, {-EIO, -EIO}};
    begin(&(struct lab_options){.faulty = true});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        refuse(STORE_BLOB_PUT, refusals[i].store);
        EXPECT_EQ_INT(refusals[i].worker, put(slot, "o", "x"));
    }
    EXPECT_EQ_INT(0, put(slot, "o", "x"));
    finish(slot, JH_OK, JH_E_NONE);
    EXPECT_EQ_STR("o:1", outputs_of(&id));
    lab_end(lab);
}

// A handler may take longer than the hour that the store keeps what nobody names.
static void test_long_run(void) {
    begin(&(struct lab_options){.more = "jobs: {t.slow: {timeout: 10h}}"});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    EXPECT_EQ_INT(0, put(slot, "o", "patience"));
    for (int i = 0; i < 30; i++) {
        lab_advance(lab, 10 * 60 * 1000);
        lab_settle(lab);
    }
    EXPECT_EQ_INT(0, put(slot, "p", "x"));
    finish(slot, JH_OK, JH_E_NONE);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    EXPECT_EQ_STR("o:8 p:1", outputs_of(&id));
    lab_end(lab);
}

static const struct expect_test tests[] = {
    {"outputs come with a commit", test_commits},
    {"outputs and every end", test_ends},
    {"outputs and a crash", test_crash},
    {"outputs at their limits", test_limits},
    {"outputs and a store that is not well", test_unwell_store},
    {"outputs of a handler that takes hours", test_long_run},
};
SUITE_MAIN("supervisor outputs", tests)
