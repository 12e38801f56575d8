// Workers that break the protocol are killed, whatever they hold; what they had begun is charged,
// and no job is lost.
#define _GNU_SOURCE // memfd_create
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "expect.h"
#include "jobhost_kv.h"
#include "lab.h"
#include "supervisor/pool_private.h"

static struct lab *lab;
static struct lab_worker *w;
static uint64_t slot; // of a job that has begun
static uint64_t idle; // of one that has not

static const char *long_text(size_t len) {
    static char text[RECORD_PACKET_MAX];
    memset(text, 'x', len);
    text[len] = '\0';
    return text;
}

static void put(int r) {
    EXPECT_EQ_INT(0, r);
    lab_flush(w);
}

static void settle(void) {
    lab_settle(lab);
}

/* ------------------------------------------------------------------ breaches, each for a ready
 * worker with two jobs */

static void second_ready(void) {
    lab_send(w, REC_READY, 0);
}
static void second_hello(void) {
    lab_say_hello(w);
}
static void bye_without_drain(void) {
    lab_send(w, REC_BYE, 0);
}
static void fail_when_ready(void) {
    put(msg_fail_put(&w->out, 0, &(struct msg_fail){.stage = "create"}));
}
static void unknown_type(void) {
    lab_send(w, (enum record_type)99, 0);
}
static void supervisors_type(void) {
    lab_send(w, REC_DRAIN, 0);
}
static void garbage(void) {
    lab_send_packet(w, "this is no record at all", 24);
}
static void too_large(void) {
    lab_send_packet(w, long_text(RECORD_PACKET_MAX - 1), RECORD_PACKET_MAX);
}
static void foreign_slot(void) {
    lab_done(w, idle + 1, JH_OK, JH_E_NONE);
}
static void no_slot(void) {
    lab_done(w, 0, JH_OK, JH_E_NONE);
}
static void done_twice(void) {
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_done(w, slot, JH_OK, JH_E_NONE);
}
static void effect_after_done(void) {
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_effect_child(w, slot, 1);
}
static void done_before_committed(void) {
    lab_send_u32(w, REC_COMMIT, slot, 1);
    lab_done(w, slot, JH_OK, JH_E_NONE);
}
static void effect_before_committed(void) {
    lab_send_u32(w, REC_COMMIT, slot, 1);
    lab_effect_kv(w, slot, "k", "v");
}
static void commit_twice(void) {
    lab_send_u32(w, REC_COMMIT, slot, 1);
    lab_send_u32(w, REC_COMMIT, slot, 2);
}
static void commit_out_of_order(void) {
    lab_send_u32(w, REC_COMMIT, slot, 2);
}
static void nack_of_begun(void) {
    lab_send(w, REC_NACK, slot);
}
static void nack_after_effect(void) {
    lab_effect_kv(w, idle, "k", "v");
    lab_send(w, REC_NACK, idle);
}
static void nack_after_commit(void) {
    lab_effect_kv(w, idle, "k", "v");
    lab_send_u32(w, REC_COMMIT, idle, 1);
    (void)lab_expect(lab, w, REC_COMMITTED);
    lab_send(w, REC_NACK, idle);
}
static void long_message(void) {
    const struct msg_done m = {.status = JH_RETRY, .message = long_text(JOB_MESSAGE_MAX + 1)};
    put(msg_done_put(&w->out, slot, &m));
}
static void long_progress(void) {
    put(msg_progress_put(&w->out, slot,
                         &(struct msg_progress){.message = long_text(JOB_MESSAGE_MAX + 1)}));
}
static void long_warning(void) {
    put(msg_warn_put(&w->out, slot,
                     &(struct msg_warn){.code = "c", .message = long_text(JOB_MESSAGE_MAX + 1)}));
}
static void long_key(void) {
    lab_effect_kv(w, slot, long_text(JH_KV_KEY_MAX + 1), "v");
}
static void long_claim(void) {
    put(msg_get_put(
        &w->out, slot,
        &(struct msg_get){.request = 1, .what = GET_CLAIM, .key = long_text(JH_KV_KEY_MAX + 1)}));
}
static void two_questions(void) {
    for (uint32_t i = 1; i <= 2; i++) {
        put(msg_get_put(&w->out, slot,
                        &(struct msg_get){.request = i, .what = GET_STEP, .key = "s"}));
    }
}
static void question_of_unknown_kind(void) {
    put(msg_get_put(&w->out, slot, &(struct msg_get){.request = 1, .what = 99, .key = "s"}));
}
static void input_that_is_not_there(void) {
    put(msg_get_put(&w->out, slot, &(struct msg_get){.request = 1, .what = GET_INPUT, .key = "0"}));
}
static void large_step(void) {
    char *value = calloc(1, JOB_STEP_MAX + 1);
    const struct msg_step m = {.name = "s", .value = {.data = {value, JOB_STEP_MAX + 1}}};
    put(msg_step_put(&w->out, slot, &m));
    free(value);
}
static void bad_child(void) {
    put(msg_child_put(&w->out, slot, &(struct msg_child){.handler = "no such name"}));
}
static void negative_delay(void) {
    put(msg_child_put(&w->out, slot, &(struct msg_child){.handler = "t.slow", .delay_ms = -1}));
}
static void negative_ttl(void) {
    put(msg_kv_put(&w->out, slot, &(struct msg_kv){.what = KV_SET, .key = "k", .number = -1}));
}
static void kv_of_unknown_kind(void) {
    put(msg_kv_put(&w->out, slot, &(struct msg_kv){.what = 99, .key = "k"}));
}
static void put_fd(int fd, uint64_t size) {
    record_begin(&w->out, REC_RESULT, slot);
    record_bytes_fd(&w->out, fd, size);
    put(record_end(&w->out));
}
static void file_as_result(void) {
    char path[] = "lab-result-XXXXXX";
    int fd = mkstemp(path);
    (void)unlink(path);
    EXPECT_EQ_INT(4, write(fd, "data", 4));
    put_fd(fd, 4);
}
static void unsealed_result(void) {
    int fd = memfd_create("lab", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    EXPECT_EQ_INT(4, write(fd, "data", 4));
    put_fd(fd, 4);
}
static void result_of_another_size(void) {
    put_fd(record_memfd(bytes_of("data")), 5);
}
static void chunk_after_file(void) {
    char *value = calloc(1, STORE_INLINE_MAX + 1);
    put_fd(record_memfd((struct bytes){value, STORE_INLINE_MAX + 1}), STORE_INLINE_MAX + 1);
    free(value);
    record_begin(&w->out, REC_RESULT, slot);
    (void)record_bytes(&w->out, bytes_of("more"));
    put(record_end(&w->out));
}
static void put_output(uint64_t to, const char *name, const char *type, struct msg_bytes content) {
    put(msg_output_put(&w->out, to, &(struct msg_output){1, name, type, content}));
}
static void output_that_leads_elsewhere(void) {
    put_output(slot, "../x", NULL, (struct msg_bytes){0});
}
static void output_of_long_name(void) {
    put_output(slot, long_text(JOB_FILE_NAME_MAX + 1), NULL, (struct msg_bytes){0});
}
static void output_of_long_type(void) {
    put_output(slot, "x", long_text(JOB_CONTENT_TYPE_MAX + 1), (struct msg_bytes){0});
}
static void output_of_no_type(void) {
    put_output(slot, "x", "", (struct msg_bytes){0});
}
static void output_without_seals(void) {
    struct msg_bytes content = {.data = {NULL, 4}, .by_fd = true};
    content.fd = memfd_create("lab", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    EXPECT_EQ_INT(4, write(content.fd, "data", 4));
    put_output(slot, "x", NULL, content);
}
static void two_outputs_at_a_time(void) {
    put_output(slot, "x", NULL, (struct msg_bytes){0});
    put_output(slot, "y", NULL, (struct msg_bytes){0});
}
static void output_and_question(void) {
    put_output(slot, "x", NULL, (struct msg_bytes){0});
    put(msg_get_put(&w->out, slot, &(struct msg_get){.request = 2, .what = GET_STEP, .key = "s"}));
}
static void output_before_committed(void) {
    lab_send_u32(w, REC_COMMIT, slot, 1);
    put_output(slot, "x", NULL, (struct msg_bytes){0});
}
static void nack_after_output(void) {
    put_output(idle, "x", NULL, (struct msg_bytes){0});
    (void)lab_expect(lab, w, REC_VALUE);
    lab_send(w, REC_NACK, idle);
}
static void output_of_a_stranger(void) {
    put_output(idle + 1, "x", NULL, (struct msg_bytes){0});
}
static void fd_without_owner(void) {
    record_begin(&w->out, REC_PING, 0);
    (void)record_end(&w->out);
    w->out.fds[w->out.fd_count++] = record_memfd(bytes_of("data"));
    lab_flush(w);
}

static const struct {
    const char *name;
    void (*commit)(void);
} breaches[] = {
    {"READY twice", second_ready},
    {"HELLO when ready", second_hello},
    {"BYE without DRAIN", bye_without_drain},
    {"FAIL when ready", fail_when_ready},
    {"a record of unknown type", unknown_type},
    {"a record of the supervisor's", supervisors_type},
    {"a packet of garbage", garbage},
    {"a packet of something else that is as large as can be", too_large},
    {"a slot that is not its own", foreign_slot},
    {"no slot", no_slot},
    {"DONE twice", done_twice},
    {"an effect after DONE", effect_after_done},
    {"DONE before COMMITTED", done_before_committed},
    {"an effect before COMMITTED", effect_before_committed},
    {"COMMIT before COMMITTED", commit_twice},
    {"COMMIT out of order", commit_out_of_order},
    {"NACK of what runs", nack_of_begun},
    {"NACK of what asked for something", nack_after_effect},
    {"NACK of what has committed", nack_after_commit},
    {"a message that is too long", long_message},
    {"a progress message that is too long", long_progress},
    {"a warning that is too long", long_warning},
    {"a key that is too long", long_key},
    {"a claim's key that is too long", long_claim},
    {"two questions at a time", two_questions},
    {"a question of unknown kind", question_of_unknown_kind},
    {"an input that is not there", input_that_is_not_there},
    {"a step that is too large", large_step},
    {"a child of a type that cannot be", bad_child},
    {"a child before its time", negative_delay},
    {"a value that never was", negative_ttl},
    {"a write of unknown kind", kv_of_unknown_kind},
    {"a file as result", file_as_result},
    {"a memfd without seals", unsealed_result},
    {"a memfd of another size", result_of_another_size},
    {"more result after a large one", chunk_after_file},
    {"an output whose name leads elsewhere", output_that_leads_elsewhere},
    {"an output whose name is too long", output_of_long_name},
    {"an output whose content type is too long", output_of_long_type},
    {"an output of an empty content type", output_of_no_type},
    {"an output in a memfd without seals", output_without_seals},
    {"two outputs at a time", two_outputs_at_a_time},
    {"an output and a question at a time", output_and_question},
    {"an output before COMMITTED", output_before_committed},
    {"NACK of what has put an output", nack_after_output},
    {"an output for a slot that is not its own", output_of_a_stranger},
    {"a descriptor without a record", fd_without_owner},
};

static void begin(const char *plugin) {
    lab = lab_open(&(struct lab_options){.plugin = plugin});
}

// All jobs that there are succeed with the next worker.
static void finish_all(void) {
    w = lab_ready_worker(lab);
    for (int quiet = 0; quiet < 3; quiet++) {
        struct record r;
        lab_settle(lab);
        while (lab_next(w, &r)) {
            if (r.h.type == REC_JOB) {
                lab_done(w, r.h.job, JH_OK, JH_E_NONE);
                quiet = 0;
            }
        }
        lab_advance(lab, 3600000);
    }
}

static void test_breaches(void) {
    for (size_t i = 0; i < ARRAY_LEN(breaches); i++) {
        begin("threads: 2");
        w = lab_ready_worker(lab);
        struct job_id begun = lab_submit(lab, LAB_SLOW);
        struct job_id unbegun = lab_submit(lab, LAB_SLOW);
        slot = lab_expect_job(lab, w);
        idle = lab_expect_job(lab, w);
        lab_begin(lab, w, 0, slot);
        breaches[i].commit();
        settle();
        if (!EXPECT_EQ_INT(SIGKILL, w->signal)) {
            (void)fprintf(stderr, "not killed for: %s\n", breaches[i].name);
        }
        lab_bury(lab, w, SIGKILL);
        (void)EXPECT_EQ_INT(1, lab->host->pools->items[0]->crashes);
        (void)EXPECT_CONTAINS("killed by the host", lab->host->pools->items[0]->last_crash);
        lab_advance(lab, 100);
        finish_all();
        if (!EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &begun)) ||
            !EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &unbegun))) {
            (void)fprintf(stderr, "lost by: %s\n", breaches[i].name);
        }
        (void)EXPECT_EQ_INT(0, lab_job(lab, &unbegun)->counters.crashes);
        lab_end(lab);
    }
}

/* ------------------------------------------------------------------ before it is ready */

static void expect_refused(const char *words) {
    lab_settle(lab);
    EXPECT_EQ_INT(SIGKILL, w->signal);
    lab_bury(lab, w, SIGKILL);
    EXPECT_EQ_INT(POOL_FAILED, lab->host->pools->items[0]->state);
    EXPECT_CONTAINS(words, lab->host->pools->items[0]->fault);
    lab_end(lab);
}

static void test_ready_before_hello(void) {
    begin(NULL);
    w = lab_worker(lab);
    lab_send(w, REC_READY, 0);
    expect_refused("type 65 is not allowed now");
}

static void test_hello_twice(void) {
    begin(NULL);
    w = lab_worker(lab);
    lab_say_hello(w);
    lab_say_hello(w);
    expect_refused("type 64 is not allowed now");
}

static void test_other_version(void) {
    begin(NULL);
    w = lab_worker(lab);
    const struct msg_hello m = {
        .wire_version = RECORD_WIRE_VERSION + 1, .name = "t", .version = "1"};
    put(msg_hello_put(&w->out, 0, &m));
    expect_refused("version 3 of the protocol");
}

// What a worker whose configuration does not fit says next, in the same breath, is not heard.
static void test_unfit_configuration(void) {
    begin("config: {colour: red}");
    w = lab_worker(lab);
    struct record_writer *out = &w->out;
    const struct msg_handler handler = {.name = "t.slow"};
    const struct msg_hello m = {.wire_version = RECORD_WIRE_VERSION,
                                .name = "t",
                                .version = "1",
                                .handler_count = 1,
                                .handlers = &handler};
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ_INT(0, msg_hello_put(out, 0, &m));
    }
    record_begin(out, REC_READY, 0);
    put(record_end(out));
    expect_refused("colour");
}

// What a worker says is not what its own check of the plugin saw.
static void test_forged_fields(void) {
    static const struct jh_option choice = {.name = "unit", .type = JH_OPT_CHOICE};
    struct msg_handler handler = {
        .name = "t.slow", .has_payload = 1, .field_count = 1, .fields = &choice};
    const struct msg_hello m = {.wire_version = RECORD_WIRE_VERSION,
                                .name = "t",
                                .version = "1",
                                .handler_count = 1,
                                .handlers = &handler};
    begin(NULL);
    w = lab_worker(lab);
    put(msg_hello_put(&w->out, 0, &m));
    expect_refused("field unit is a choice without words");

    begin(NULL);
    w = lab_worker(lab);
    handler.has_payload = 0; // but for a field of it
    put(msg_hello_put(&w->out, 0, &m));
    lab_settle(lab);
    EXPECT_EQ_UINT(0, lab->host->pools->items[0]->manifest.handlers[0].field_count);
    lab_end(lab);
}

/* ------------------------------------------------------------------ allowed, and near to it */

static void test_limits(void) {
    begin("threads: 2");
    w = lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    slot = lab_expect_job(lab, w);
    lab_begin(lab, w, 0, slot);
    put(msg_progress_put(&w->out, slot,
                         &(struct msg_progress){.message = long_text(JOB_MESSAGE_MAX)}));
    put(msg_warn_put(&w->out, slot,
                     &(struct msg_warn){.code = "c", .message = long_text(JOB_MESSAGE_MAX)}));
    lab_effect_kv(w, slot, long_text(JH_KV_KEY_MAX), "v");
    put(msg_kv_put(&w->out, slot,
                   &(struct msg_kv){.what = KV_SET, .key = "k", .number = INT64_MAX}));
    char *member = calloc(1, JH_KV_VALUE_MAX);
    put(msg_get_put(&w->out, slot,
                    &(struct msg_get){.request = 1,
                                      .what = GET_IS_MEMBER,
                                      .key = "set",
                                      .member = {.data = {member, JH_KV_VALUE_MAX}}}));
    free(member);
    struct record r = lab_expect(lab, w, REC_VALUE);
    struct msg_value value;
    EXPECT_EQ_INT(0, msg_value_get(&r, &value));
    EXPECT_EQ_INT(0, value.number);
    const struct msg_done m = {.status = JH_YIELD,
                               .wait_kind = JH_WAIT_EVENT,
                               .wait_key = "e",
                               .wait_timeout_ms = INT64_MAX,
                               .retry_after_ms = INT64_MAX,
                               .wake_at_ms = INT64_MAX};
    put(msg_done_put(&w->out, slot, &m));
    lab_begin(lab, w, 0, 0);
    settle();
    EXPECT_EQ_INT(0, w->signal);
    EXPECT_EQ_INT(JOB_PARKED, lab_state(lab, &id));
    EXPECT_EQ_UINT(1, lab_job(lab, &id)->warning_count);
    lab_end(lab);
}

static void test_floods(void) {
    begin("threads: 2");
    w = lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    slot = lab_expect_job(lab, w);
    lab_begin(lab, w, 0, slot);
    for (int i = 0; i < 3000; i++) {
        (void)msg_log_put(&w->out, slot,
                          &(struct msg_log){.level = JH_LOG_INFO, .text = "again and again"});
        (void)msg_progress_put(&w->out, slot, &(struct msg_progress){.done = (uint64_t)i});
        if (i % 100 == 0) {
            lab_flush(w);
            settle();
        }
    }
    lab_flush(w);
    settle();
    EXPECT_EQ_INT(0, w->signal);
    lab_advance(lab, 1000);
    EXPECT_TRUE(lab_job(lab, &id)->log_tail.len <= JOB_LOG_TAIL_MAX);
    EXPECT_EQ_INT(2999, lab_job(lab, &id)->progress.done);
    lab_begin(lab, w, 0, 0);
    lab_done(w, slot, JH_OK, JH_E_NONE);
    settle();
    lab_end(lab);
}

// A worker that is sent to and does not read is given nothing more, and killed before it has cost
// too much.
static void test_does_not_read(void) {
    begin("threads: 2");
    w = lab_ready_worker(lab);
    for (int i = 0; i < 3000 && w->signal == 0; i++) {
        for (int k = 0; k < 4000; k++) {
            record_begin(&w->out, REC_PING, 0);
            if (record_end(&w->out) != 0) {
                break;
            }
        }
        int r = record_send(&w->out, w->sock);
        EXPECT_TRUE(r == 0 || r == -EAGAIN);
        lab_turn(lab);
    }
    EXPECT_EQ_INT(SIGKILL, w->signal);
    lab_bury(lab, w, SIGKILL);
    lab_end(lab);
}

static const struct expect_test tests[] = {
    {"every breach ends the worker and loses no job", test_breaches},
    {"READY before HELLO", test_ready_before_hello},
    {"HELLO twice", test_hello_twice},
    {"HELLO with fields that no check has seen", test_forged_fields},
    {"another version of the protocol", test_other_version},
    {"a configuration that does not fit", test_unfit_configuration},
    {"what is just allowed", test_limits},
    {"floods of log lines and progress", test_floods},
    {"a worker that does not read", test_does_not_read},
};
SUITE_MAIN("supervisor protocol", tests)
