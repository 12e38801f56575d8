#define _GNU_SOURCE
#include "record/messages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "expect.h"
#include "failing_alloc.h"

static int ends[2];
static int fds_before;
static struct record_writer writer;
static struct record_packet packet;
static struct arena arena;
static char large[RECORD_INLINE_MAX + 1];

static int count_fds(void) {
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

static void begin(void) {
    fds_before = count_fds();
    EXPECT_EQ_INT(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
    writer = (struct record_writer){0};
    packet = (struct record_packet){0};
    memset(large, 'L', sizeof large);
}

static void end(void) {
    record_writer_finish(&writer);
    record_packet_finish(&packet);
    arena_free(&arena);
    (void)close(ends[0]);
    (void)close(ends[1]);
    EXPECT_EQ_INT(fds_before, count_fds());
}

// Sends what was put and gives its first record.
static struct record pass(enum record_type type, uint64_t job) {
    struct record r;
    EXPECT_EQ_INT(0, record_send(&writer, ends[0]));
    EXPECT_EQ_INT(1, record_recv(&packet, ends[1]));
    EXPECT_EQ_INT(1, record_next(&packet, &r));
    EXPECT_EQ_INT(type, r.h.type);
    EXPECT_EQ_UINT(job, r.h.job);
    return r;
}

static struct msg_bytes inline_bytes(const char *text) {
    return (struct msg_bytes){.data = bytes_of(text)};
}

static void expect_inline(const char *want, const struct msg_bytes *got) {
    EXPECT_FALSE(got->by_fd);
    EXPECT_EQ_BYTES(want, strlen(want), got->data.data, got->data.len);
}

static void test_welcome(void) {
    begin();
    const struct msg_welcome m = {.wire_version = 1,
                                  .plugin = "crawl",
                                  .snapshot = "/var/so/ab.so",
                                  .sha256 = "abcd",
                                  .threads = 4,
                                  .ping_ms = 5000,
                                  .lease_ms = 30000,
                                  .log_level = 2,
                                  .data_dir = "/var/data"};
    struct msg_welcome got;
    EXPECT_EQ_INT(0, msg_welcome_put(&writer, 0, &m));
    struct record r = pass(REC_WELCOME, 0);
    EXPECT_EQ_INT(0, msg_welcome_get(&r, &got));
    EXPECT_EQ_UINT(1, got.wire_version);
    EXPECT_EQ_STR("crawl", got.plugin);
    EXPECT_EQ_STR("/var/so/ab.so", got.snapshot);
    EXPECT_EQ_STR("abcd", got.sha256);
    EXPECT_EQ_UINT(4, got.threads);
    EXPECT_EQ_INT(5000, got.ping_ms);
    EXPECT_EQ_INT(30000, got.lease_ms);
    EXPECT_EQ_UINT(2, got.log_level);
    EXPECT_EQ_STR("/var/data", got.data_dir);
    end();
}

static struct msg_sandbox sample_sandbox(void) {
    static const struct msg_path paths[] = {{MSG_PATH_READ, "/etc/hosts"}, {MSG_PATH_EXEC, "true"}};
    static const struct msg_port ports[] = {{443}, {65535}};
    static const struct msg_allowed allowed[] = {{"10.0.0.0/8"}, {"127.0.0.1:8080"}};
    return (struct msg_sandbox){.flags = MSG_SANDBOX_SECCOMP,
                                .max_data = 1ull << 40,
                                .max_files = 64,
                                .max_file_size = 7,
                                .max_cpu_s = 8,
                                .data_dir = "/var/data",
                                .path_count = 2,
                                .paths = paths,
                                .port_count = 2,
                                .ports = ports,
                                .allowed_count = 2,
                                .allowed = allowed};
}

static void test_sandbox(void) {
    begin();
    const struct msg_sandbox m = sample_sandbox();
    struct msg_sandbox got;
    EXPECT_EQ_INT(0, msg_sandbox_put(&writer, 0, &m));
    struct record r = pass(REC_SANDBOX, 0);
    EXPECT_EQ_INT(0, msg_sandbox_get(&r, &arena, &got));
    EXPECT_EQ_UINT(MSG_SANDBOX_SECCOMP, got.flags);
    EXPECT_EQ_UINT(1ull << 40, got.max_data);
    EXPECT_EQ_UINT(64, got.max_files);
    EXPECT_EQ_UINT(7, got.max_file_size);
    EXPECT_EQ_UINT(8, got.max_cpu_s);
    EXPECT_EQ_STR("/var/data", got.data_dir);
    EXPECT_EQ_UINT(2, got.path_count);
    EXPECT_EQ_UINT(MSG_PATH_EXEC, got.paths[1].rights);
    EXPECT_EQ_STR("true", got.paths[1].path);
    EXPECT_EQ_UINT(2, got.port_count);
    EXPECT_EQ_UINT(65535, got.ports[1].port);
    EXPECT_EQ_UINT(2, got.allowed_count);
    EXPECT_EQ_STR("127.0.0.1:8080", got.allowed[1].to);
    end();
}

static void test_note(void) {
    begin();
    const struct msg_note m = {"limits", MSG_NOTE_DEGRADED, NULL};
    struct msg_note got;
    EXPECT_EQ_INT(0, msg_note_put(&writer, 0, &m));
    struct record r = pass(REC_NOTE, 0);
    EXPECT_EQ_INT(0, msg_note_get(&r, &got));
    EXPECT_EQ_STR("limits", got.facility);
    EXPECT_EQ_UINT(MSG_NOTE_DEGRADED, got.state);
    EXPECT_NULL(got.text);
    end();
}

static void test_config(void) {
    begin();
    const struct msg_setting settings[] = {{"base", "http://x"}, {"token", NULL}};
    const struct msg_config m = {2, settings};
    struct msg_config got;
    EXPECT_EQ_INT(0, msg_config_put(&writer, 0, &m));
    struct record r = pass(REC_CONFIG, 0);
    EXPECT_EQ_INT(0, msg_config_get(&r, &arena, &got));
    EXPECT_EQ_UINT(2, got.setting_count);
    EXPECT_EQ_STR("base", got.settings[0].option);
    EXPECT_EQ_STR("http://x", got.settings[0].value);
    EXPECT_EQ_STR("token", got.settings[1].option);
    EXPECT_NULL(got.settings[1].value);
    // none at all
    EXPECT_EQ_INT(0, msg_config_put(&writer, 0, &(struct msg_config){0}));
    r = pass(REC_CONFIG, 0);
    EXPECT_EQ_INT(0, msg_config_get(&r, &arena, &got));
    EXPECT_EQ_UINT(0, got.setting_count);
    end();
}

static struct msg_job sample_job(void) {
    static const struct msg_input inputs[2] = {
        {.name = "a.png",
         .filename = "holiday.png",
         .content_type = "image/png",
         .size = UINT64_MAX,
         .sha256 = {1, 2, [31] = 9}},
        {.name = "b", .size = 0},
    };
    return (struct msg_job){.handler = 3,
                            .attempt = 2,
                            .id = "019a5f3c-8b1e-7abc-bdef-0123456789ab",
                            .dedup_key = "k",
                            .content_type = "application/json",
                            .payload = inline_bytes("{}"),
                            .deadline_ms = INT64_MAX,
                            .steps_version = 7,
                            .queue = "crawl",
                            .tenant = "ann",
                            .labels = "a,b",
                            .flow_id = "f",
                            .nominal_ms = -1,
                            .first_run_ms = 11,
                            .seed = UINT64_MAX,
                            .commit_no = 12,
                            .timeout_ms = 13,
                            .max_result = UINT64_MAX - 1,
                            .input_count = 2,
                            .inputs = inputs};
}

static void test_job(void) {
    begin();
    const struct msg_job m = sample_job();
    struct msg_job got;
    EXPECT_EQ_INT(0, msg_job_put(&writer, 42, &m));
    struct record r = pass(REC_JOB, 42);
    EXPECT_EQ_INT(0, msg_job_get(&r, &arena, &got));
    EXPECT_EQ_UINT(3, got.handler);
    EXPECT_EQ_UINT(2, got.attempt);
    EXPECT_EQ_STR(m.id, got.id);
    EXPECT_EQ_STR("k", got.dedup_key);
    EXPECT_EQ_STR("application/json", got.content_type);
    expect_inline("{}", &got.payload);
    EXPECT_EQ_INT(INT64_MAX, got.deadline_ms);
    EXPECT_EQ_UINT(7, got.steps_version);
    EXPECT_EQ_STR("crawl", got.queue);
    EXPECT_EQ_STR("ann", got.tenant);
    EXPECT_EQ_STR("a,b", got.labels);
    EXPECT_EQ_STR("f", got.flow_id);
    EXPECT_EQ_INT(-1, got.nominal_ms);
    EXPECT_EQ_INT(11, got.first_run_ms);
    EXPECT_EQ_UINT(UINT64_MAX, got.seed);
    EXPECT_EQ_UINT(12, got.commit_no);
    EXPECT_EQ_INT(13, got.timeout_ms);
    EXPECT_EQ_UINT(2, got.input_count);
    EXPECT_EQ_STR("a.png", got.inputs[0].name);
    EXPECT_EQ_UINT(UINT64_MAX - 1, got.max_result);
    EXPECT_EQ_STR("holiday.png", got.inputs[0].filename);
    EXPECT_EQ_STR("image/png", got.inputs[0].content_type);
    EXPECT_EQ_UINT(UINT64_MAX, got.inputs[0].size);
    EXPECT_EQ_BYTES(m.inputs[0].sha256, 32, got.inputs[0].sha256, 32);
    EXPECT_EQ_STR("b", got.inputs[1].name);
    EXPECT_NULL(got.inputs[1].filename);
    EXPECT_NULL(got.inputs[1].content_type);
    end();
}

static void test_job_by_fd(void) {
    begin();
    struct msg_job m = sample_job(), got;
    m.payload.data = (struct bytes){large, sizeof large};
    EXPECT_EQ_INT(0, msg_job_put(&writer, 1, &m));
    struct record r = pass(REC_JOB, 1);
    EXPECT_EQ_INT(0, msg_job_get(&r, &arena, &got));
    EXPECT_TRUE(got.payload.by_fd);
    EXPECT_EQ_UINT(sizeof large, got.payload.data.len);
    EXPECT_NULL(got.payload.data.data);
    // and on, without a copy
    m.payload = got.payload;
    EXPECT_EQ_INT(0, msg_job_put(&writer, 2, &m));
    r = pass(REC_JOB, 2);
    EXPECT_EQ_INT(0, msg_job_get(&r, &arena, &got));
    EXPECT_TRUE(got.payload.by_fd);
    msg_bytes_close(&got.payload);
    EXPECT_FALSE(got.payload.by_fd);
    msg_bytes_close(&got.payload);
    end();
}

static void test_small_ones(void) {
    begin();
    struct record r;
    struct msg_committed committed;
    EXPECT_EQ_INT(0, msg_committed_put(&writer, 1, &(struct msg_committed){5, -ESTALE}));
    r = pass(REC_COMMITTED, 1);
    EXPECT_EQ_INT(0, msg_committed_get(&r, &committed));
    EXPECT_EQ_UINT(5, committed.commit_no);
    EXPECT_EQ_INT(-ESTALE, committed.status);

    struct msg_fail fail;
    EXPECT_EQ_INT(0, msg_fail_put(&writer, 0, &(struct msg_fail){"create", 8, "no token"}));
    r = pass(REC_FAIL, 0);
    EXPECT_EQ_INT(0, msg_fail_get(&r, &fail));
    EXPECT_EQ_STR("create", fail.stage);
    EXPECT_EQ_INT(8, fail.cls);
    EXPECT_EQ_STR("no token", fail.message);

    struct msg_log log;
    EXPECT_EQ_INT(0, msg_log_put(&writer, 1, &(struct msg_log){2, "hello"}));
    r = pass(REC_LOG, 1);
    EXPECT_EQ_INT(0, msg_log_get(&r, &log));
    EXPECT_EQ_INT(2, log.level);
    EXPECT_EQ_STR("hello", log.text);

    struct msg_progress progress;
    EXPECT_EQ_INT(0, msg_progress_put(&writer, 1, &(struct msg_progress){3, 9, NULL}));
    r = pass(REC_PROGRESS, 1);
    EXPECT_EQ_INT(0, msg_progress_get(&r, &progress));
    EXPECT_EQ_UINT(3, progress.done);
    EXPECT_EQ_UINT(9, progress.total);
    EXPECT_NULL(progress.message);

    struct msg_warn warn;
    EXPECT_EQ_INT(0, msg_warn_put(&writer, 1, &(struct msg_warn){"w", "m"}));
    r = pass(REC_WARN, 1);
    EXPECT_EQ_INT(0, msg_warn_get(&r, &warn));
    EXPECT_EQ_STR("w", warn.code);
    EXPECT_EQ_STR("m", warn.message);
    end();
}

static void test_bytes_ones(void) {
    begin();
    struct record r;
    struct msg_value value;
    EXPECT_EQ_INT(
        0, msg_value_put(&writer, 1, &(struct msg_value){4, -2, INT64_MIN, inline_bytes("v")}));
    r = pass(REC_VALUE, 1);
    EXPECT_EQ_INT(0, msg_value_get(&r, &value));
    EXPECT_EQ_UINT(4, value.request);
    EXPECT_EQ_INT(-2, value.status);
    EXPECT_EQ_INT(INT64_MIN, value.number);
    expect_inline("v", &value.value);

    struct msg_get get;
    EXPECT_EQ_INT(0,
                  msg_get_put(&writer, 1, &(struct msg_get){4, GET_KV, "key", inline_bytes("m")}));
    r = pass(REC_GET, 1);
    EXPECT_EQ_INT(0, msg_get_get(&r, &get));
    EXPECT_EQ_UINT(4, get.request);
    EXPECT_EQ_UINT(GET_KV, get.what);
    EXPECT_EQ_STR("key", get.key);
    expect_inline("m", &get.member);

    struct msg_step step;
    EXPECT_EQ_INT(0, msg_step_put(&writer, 1, &(struct msg_step){"s", inline_bytes("v"), 3}));
    r = pass(REC_STEP, 1);
    EXPECT_EQ_INT(0, msg_step_get(&r, &step));
    EXPECT_EQ_STR("s", step.name);
    expect_inline("v", &step.value);
    EXPECT_EQ_UINT(3, step.state_version);

    struct msg_kv kv;
    EXPECT_EQ_INT(0, msg_kv_put(&writer, 1, &(struct msg_kv){KV_ADD, "k", inline_bytes(""), -7}));
    r = pass(REC_KV, 1);
    EXPECT_EQ_INT(0, msg_kv_get(&r, &kv));
    EXPECT_EQ_UINT(KV_ADD, kv.what);
    EXPECT_EQ_STR("k", kv.key);
    EXPECT_EQ_UINT(0, kv.value.data.len);
    EXPECT_EQ_INT(-7, kv.number);
    end();
}

static void test_limit(void) {
    begin();
    const struct msg_limit m = {7,  LIMIT_OBSERVE, "api:ann", UINT64_MAX,
                                -1, 3000,          429,       inline_bytes("Retry-After: 1")};
    struct msg_limit got;
    EXPECT_EQ_INT(0, msg_limit_put(&writer, 1, &m));
    struct record r = pass(REC_LIMIT, 1);
    EXPECT_EQ_INT(0, msg_limit_get(&r, &got));
    EXPECT_EQ_UINT(7, got.request);
    EXPECT_EQ_UINT(LIMIT_OBSERVE, got.what);
    EXPECT_EQ_STR("api:ann", got.name);
    EXPECT_TRUE(got.ticket == UINT64_MAX);
    EXPECT_EQ_INT(-1, got.number);
    EXPECT_EQ_INT(3000, got.wait_ms);
    EXPECT_EQ_INT(429, got.status);
    expect_inline("Retry-After: 1", &got.headers);
    end();
}

static void test_output(void) {
    begin();
    const struct msg_output m = {7, "report.html", NULL, inline_bytes("<p>")};
    struct msg_output got;
    EXPECT_EQ_INT(0, msg_output_put(&writer, 1, &m));
    struct record r = pass(REC_OUTPUT, 1);
    EXPECT_EQ_INT(0, msg_output_get(&r, &got));
    EXPECT_EQ_UINT(7, got.request);
    EXPECT_EQ_STR("report.html", got.name);
    EXPECT_NULL(got.content_type);
    expect_inline("<p>", &got.content);
    // an empty file is a file too
    struct msg_output by_fd = {8, "empty", "text/plain", {.by_fd = true}};
    by_fd.content.fd = record_memfd((struct bytes){NULL, 0});
    EXPECT_EQ_INT(0, msg_output_put(&writer, 1, &by_fd));
    r = pass(REC_OUTPUT, 1);
    EXPECT_EQ_INT(0, msg_output_get(&r, &got));
    EXPECT_EQ_STR("text/plain", got.content_type);
    EXPECT_TRUE(got.content.by_fd);
    EXPECT_EQ_UINT(0, got.content.data.len);
    msg_bytes_close(&got.content);
    end();
}

static void test_child(void) {
    begin();
    const struct msg_child m = {.priority = -1,
                                .handler = "h",
                                .dedup_key = "k",
                                .payload = inline_bytes("p"),
                                .delay_ms = 1,
                                .spread_ms = 2,
                                .queue = "q",
                                .tenant = NULL,
                                .labels = "l"};
    struct msg_child got;
    EXPECT_EQ_INT(0, msg_child_put(&writer, 1, &m));
    struct record r = pass(REC_CHILD, 1);
    EXPECT_EQ_INT(0, msg_child_get(&r, &got));
    EXPECT_EQ_INT(-1, got.priority);
    EXPECT_EQ_STR("h", got.handler);
    EXPECT_EQ_STR("k", got.dedup_key);
    expect_inline("p", &got.payload);
    EXPECT_EQ_INT(1, got.delay_ms);
    EXPECT_EQ_INT(2, got.spread_ms);
    EXPECT_EQ_STR("q", got.queue);
    EXPECT_NULL(got.tenant);
    EXPECT_EQ_STR("l", got.labels);
    end();
}

// A job that is made is the same to all three records.
static void test_kin(void) {
    static const struct {
        enum record_type type;
        int (*put)(struct record_writer *, uint64_t, const struct msg_child *);
        int (*get)(struct record *, struct msg_child *);
    } kinds[] = {{REC_SIBLING, msg_sibling_put, msg_sibling_get},
                 {REC_THEN, msg_then_put, msg_then_get}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        begin();
        const struct msg_child m = {.handler = "h", .payload = inline_bytes("p"), .queue = "q"};
        struct msg_child got;
        EXPECT_EQ_INT(0, kinds[i].put(&writer, 1, &m));
        struct record r = pass(kinds[i].type, 1), again = r;
        EXPECT_EQ_INT(-EBADMSG, msg_child_get(&again, &got));
        EXPECT_EQ_INT(0, kinds[i].get(&r, &got));
        EXPECT_EQ_STR("h", got.handler);
        EXPECT_EQ_STR("q", got.queue);
        expect_inline("p", &got.payload);
        end();
    }
}

static void test_flow(void) {
    begin();
    const struct msg_flow m = {7, FLOW_MEMBERS, 2, UINT64_MAX, NULL};
    struct msg_flow got;
    EXPECT_EQ_INT(0, msg_flow_put(&writer, 1, &m));
    struct record r = pass(REC_FLOW, 1);
    EXPECT_EQ_INT(0, msg_flow_get(&r, &got));
    EXPECT_EQ_UINT(7, got.request);
    EXPECT_EQ_UINT(FLOW_MEMBERS, got.what);
    EXPECT_EQ_UINT(2, got.which);
    EXPECT_TRUE(got.cursor == UINT64_MAX);
    EXPECT_NULL(got.id);
    end();
}

static void test_done(void) {
    begin();
    const struct msg_done m = {.status = 1,
                               .cls = 3,
                               .retry_after_ms = 4,
                               .scope = "s",
                               .message = "m",
                               .code = "c",
                               .failure_flags = 1,
                               .wait_kind = 2,
                               .wake_at_ms = 5,
                               .wait_key = "w",
                               .wait_for = "f",
                               .wait_timeout_ms = 6,
                               .cancel_mask = 7,
                               .run_us = 8};
    struct msg_done got;
    EXPECT_EQ_INT(0, msg_done_put(&writer, 1, &m));
    struct record r = pass(REC_DONE, 1);
    EXPECT_EQ_INT(0, msg_done_get(&r, &got));
    EXPECT_EQ_INT(1, got.status);
    EXPECT_EQ_INT(3, got.cls);
    EXPECT_EQ_INT(4, got.retry_after_ms);
    EXPECT_EQ_STR("s", got.scope);
    EXPECT_EQ_STR("m", got.message);
    EXPECT_EQ_STR("c", got.code);
    EXPECT_EQ_UINT(1, got.failure_flags);
    EXPECT_EQ_INT(2, got.wait_kind);
    EXPECT_EQ_INT(5, got.wake_at_ms);
    EXPECT_EQ_STR("w", got.wait_key);
    EXPECT_EQ_STR("f", got.wait_for);
    EXPECT_EQ_INT(6, got.wait_timeout_ms);
    EXPECT_EQ_UINT(7, got.cancel_mask);
    EXPECT_EQ_UINT(8, got.run_us);
    end();
}

static void test_crash(void) {
    begin();
    const struct msg_crash m = {11, -6, UINT64_MAX, 0x1234, 4096};
    uint8_t raw[MSG_CRASH_PACKET];
    msg_crash_packet(raw, 9, &m);
    EXPECT_EQ_INT(MSG_CRASH_PACKET, send(ends[0], raw, sizeof raw, 0));
    struct msg_crash got;
    struct record r = pass(REC_CRASH, 9);
    EXPECT_EQ_INT(0, msg_crash_get(&r, &got));
    EXPECT_EQ_INT(11, got.signal);
    EXPECT_EQ_INT(-6, got.si_code);
    EXPECT_EQ_UINT(UINT64_MAX, got.fault_address);
    EXPECT_EQ_UINT(0x1234, got.program_counter);
    EXPECT_EQ_UINT(4096, got.rss);
    end();
}

static struct msg_hello sample_hello(void) {
    static const struct jh_option options[] = {
        {"token", JH_OPT_STRING, JH_OPT_SECRET, NULL, "the token"},
        {"pause", JH_OPT_DURATION, 0, "2s", NULL},
    };
    static const struct msg_handler handlers[] = {
        {"a.one", "does one", JH_HANDLER_CONCURRENT, 3, 2, 1, 2, options},
        {"a.two", NULL, 0, 0, 0, 0, 0, NULL},
        {"a.three", NULL, 0, 0, 0, 1, 0, NULL},
    };
    return (struct msg_hello){.wire_version = 1,
                              .abi_major = 1,
                              .name = "a",
                              .version = "0.1",
                              .load_begin = 0x1000,
                              .load_end = 0x2000,
                              .option_count = 2,
                              .options = options,
                              .handler_count = 3,
                              .handlers = handlers};
}

static void test_hello(void) {
    begin();
    const struct msg_hello m = sample_hello();
    struct msg_hello got;
    EXPECT_EQ_INT(0, msg_hello_put(&writer, 0, &m));
    struct record r = pass(REC_HELLO, 0);
    EXPECT_EQ_INT(0, msg_hello_get(&r, &arena, &got));
    EXPECT_EQ_STR("a", got.name);
    EXPECT_EQ_STR("0.1", got.version);
    EXPECT_EQ_UINT(0x1000, got.load_begin);
    EXPECT_EQ_UINT(0x2000, got.load_end);
    EXPECT_EQ_UINT(2, got.option_count);
    EXPECT_EQ_STR("token", got.options[0].name);
    EXPECT_EQ_UINT(JH_OPT_SECRET, got.options[0].flags);
    EXPECT_EQ_STR("2s", got.options[1].fallback);
    EXPECT_NULL(got.options[1].help);
    EXPECT_EQ_UINT(3, got.handler_count);
    EXPECT_EQ_STR("does one", got.handlers[0].summary);
    EXPECT_EQ_UINT(3, got.handlers[0].state_version);
    EXPECT_EQ_UINT(2, got.handlers[0].oldest_state_version);
    EXPECT_EQ_UINT(2, got.handlers[0].field_count);
    EXPECT_EQ_STR("pause", got.handlers[0].fields[1].name);
    EXPECT_EQ_INT(JH_OPT_DURATION, got.handlers[0].fields[1].type);
    EXPECT_EQ_UINT(0, got.handlers[1].has_payload);
    EXPECT_EQ_UINT(1, got.handlers[2].has_payload);
    EXPECT_EQ_UINT(0, got.handlers[2].field_count);
    end();
}

// ---- limits

static void test_list_limits(void) {
    begin();
    static struct msg_setting settings[MSG_OPTIONS_MAX + 1];
    static struct jh_option options[MSG_OPTIONS_MAX + 1];
    static struct msg_handler handlers[MSG_HANDLERS_MAX + 1];
    static struct msg_input inputs[MSG_INPUTS_MAX + 1];
    for (size_t i = 0; i <= MSG_OPTIONS_MAX; i++) {
        settings[i].option = options[i].name = "o";
    }
    for (size_t i = 0; i <= MSG_HANDLERS_MAX; i++) {
        handlers[i].name = "h";
    }
    for (size_t i = 0; i <= MSG_INPUTS_MAX; i++) {
        inputs[i].name = "i";
    }
    struct msg_config config = {MSG_OPTIONS_MAX + 1, settings}, got_config;
    EXPECT_EQ_INT(-EINVAL, msg_config_put(&writer, 0, &config));
    config.setting_count = MSG_OPTIONS_MAX;
    EXPECT_EQ_INT(0, msg_config_put(&writer, 0, &config));
    struct record r = pass(REC_CONFIG, 0);
    EXPECT_EQ_INT(0, msg_config_get(&r, &arena, &got_config));
    EXPECT_EQ_UINT(MSG_OPTIONS_MAX, got_config.setting_count);

    struct msg_hello hello = sample_hello(), got_hello;
    hello.handlers = handlers;
    hello.options = options;
    hello.option_count = MSG_OPTIONS_MAX + 1;
    EXPECT_EQ_INT(-EINVAL, msg_hello_put(&writer, 0, &hello));
    hello.option_count = MSG_OPTIONS_MAX;
    hello.handler_count = MSG_HANDLERS_MAX + 1;
    EXPECT_EQ_INT(-EINVAL, msg_hello_put(&writer, 0, &hello));
    hello.handler_count = MSG_HANDLERS_MAX;
    EXPECT_EQ_INT(0, msg_hello_put(&writer, 0, &hello));
    r = pass(REC_HELLO, 0);
    EXPECT_EQ_INT(0, msg_hello_get(&r, &arena, &got_hello));
    EXPECT_EQ_UINT(MSG_HANDLERS_MAX, got_hello.handler_count);
    handlers[7].field_count = MSG_OPTIONS_MAX + 1;
    handlers[7].fields = options;
    EXPECT_EQ_INT(-EINVAL, msg_hello_put(&writer, 0, &hello));

    struct msg_job job = sample_job(), got_job;
    job.inputs = inputs;
    job.input_count = MSG_INPUTS_MAX + 1;
    EXPECT_EQ_INT(-EINVAL, msg_job_put(&writer, 0, &job));
    job.input_count = MSG_INPUTS_MAX;
    EXPECT_EQ_INT(0, msg_job_put(&writer, 0, &job));
    r = pass(REC_JOB, 0);
    EXPECT_EQ_INT(0, msg_job_get(&r, &arena, &got_job));
    EXPECT_EQ_UINT(MSG_INPUTS_MAX, got_job.input_count);
    end();
}

// The decoder keeps the limits too, whatever a peer writes.
static void test_list_limits_of_peer(void) {
    begin();
    const uint32_t counts[] = {MSG_OPTIONS_MAX, MSG_OPTIONS_MAX + 1, 1u << 31, UINT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        record_begin(&writer, REC_CONFIG, 0);
        record_u32(&writer, counts[i]);
        for (int k = 0; k < MSG_OPTIONS_MAX + 1; k++) {
            record_str(&writer, "o");
            record_str(&writer, NULL);
        }
        EXPECT_EQ_INT(0, record_end(&writer));
        struct record r = pass(REC_CONFIG, 0);
        struct msg_config got;
        EXPECT_EQ_INT(-EBADMSG, msg_config_get(&r, &arena, &got));
        EXPECT_TRUE(arena.used <= MSG_OPTIONS_MAX * sizeof(struct msg_setting));
        arena_free(&arena);
    }
    // a count that its record has no room for allocates nothing
    record_begin(&writer, REC_CONFIG, 0);
    record_u32(&writer, MSG_OPTIONS_MAX);
    record_u32(&writer, RECORD_NULL);
    EXPECT_EQ_INT(0, record_end(&writer));
    struct record r = pass(REC_CONFIG, 0);
    struct msg_config got;
    EXPECT_EQ_INT(-EBADMSG, msg_config_get(&r, &arena, &got));
    EXPECT_EQ_UINT(0, arena.used);
    end();
}

static void test_required(void) {
    begin();
    struct msg_job job = sample_job();
    job.id = NULL;
    EXPECT_EQ_INT(-EINVAL, msg_job_put(&writer, 0, &job));
    EXPECT_EQ_UINT(0, writer.packet.len);
    // and from a peer
    record_begin(&writer, REC_WARN, 1);
    record_str(&writer, NULL);
    record_str(&writer, "m");
    EXPECT_EQ_INT(0, record_end(&writer));
    struct record r = pass(REC_WARN, 1);
    struct msg_warn got = {.code = "untouched"};
    EXPECT_EQ_INT(-EBADMSG, msg_warn_get(&r, &got));
    EXPECT_EQ_STR("untouched", got.code);
    end();
}

static void test_wrong_type(void) {
    begin();
    EXPECT_EQ_INT(0, msg_warn_put(&writer, 1, &(struct msg_warn){"w", "m"}));
    struct record r = pass(REC_WARN, 1);
    struct msg_log got;
    EXPECT_EQ_INT(-EBADMSG, msg_log_get(&r, &got));
    end();
}

// A JOB with one input, written by hand, whose hash has too few bytes, the right ones, too many.
static void test_sha256_length(void) {
    begin();
    for (size_t len = 31; len <= 33; len++) {
        record_begin(&writer, REC_JOB, 1);
        record_u32(&writer, 0);
        record_u32(&writer, 0);
        record_str(&writer, "id");
        record_str(&writer, NULL);
        record_str(&writer, NULL);
        (void)record_bytes(&writer, bytes_of("p"));
        record_i64(&writer, 0);
        record_u32(&writer, 0);
        record_u32(&writer, 1);
        for (int i = 0; i < 4; i++) {
            record_str(&writer, NULL);
        }
        record_i64(&writer, 0);
        record_i64(&writer, 0);
        record_u64(&writer, 0);
        record_u32(&writer, 0);
        record_i64(&writer, 0);
        record_u64(&writer, 0);
        record_str(&writer, "name");
        record_str(&writer, NULL);
        record_str(&writer, NULL);
        record_u64(&writer, 0);
        (void)record_bytes(&writer, (struct bytes){large, len});
        EXPECT_EQ_INT(0, record_end(&writer));
        struct record r = pass(REC_JOB, 1);
        struct msg_job got;
        EXPECT_EQ_INT(len == 32 ? 0 : -EBADMSG, msg_job_get(&r, &arena, &got));
    }
    end();
}

// ---- damage

// Every message that a peer may send, whole; `get` reads it back and drops what it got.
static int get_any(struct record *r) {
    union {
        struct msg_welcome welcome;
        struct msg_sandbox sandbox;
        struct msg_config config;
        struct msg_job job;
        struct msg_committed committed;
        struct msg_value value;
        struct msg_hello hello;
        struct msg_note note;
        struct msg_fail fail;
        struct msg_log log;
        struct msg_progress progress;
        struct msg_get get;
        struct msg_output output;
        struct msg_limit limit;
        struct msg_flow flow;
        struct msg_warn warn;
        struct msg_step step;
        struct msg_child child;
        struct msg_kv kv;
        struct msg_event event;
        struct msg_done done;
        struct msg_crash crash;
    } m;
    int got = -ENOSYS;
    struct msg_bytes *bytes = NULL;
    switch (r->h.type) {
    case REC_WELCOME: got = msg_welcome_get(r, &m.welcome); break;
    case REC_SANDBOX: got = msg_sandbox_get(r, &arena, &m.sandbox); break;
    case REC_NOTE: got = msg_note_get(r, &m.note); break;
    case REC_EVENT: got = msg_event_get(r, &m.event), bytes = &m.event.value; break;
    case REC_CONFIG: got = msg_config_get(r, &arena, &m.config); break;
    case REC_JOB: got = msg_job_get(r, &arena, &m.job), bytes = &m.job.payload; break;
    case REC_COMMITTED: got = msg_committed_get(r, &m.committed); break;
    case REC_VALUE: got = msg_value_get(r, &m.value), bytes = &m.value.value; break;
    case REC_HELLO: got = msg_hello_get(r, &arena, &m.hello); break;
    case REC_FAIL: got = msg_fail_get(r, &m.fail); break;
    case REC_LOG: got = msg_log_get(r, &m.log); break;
    case REC_PROGRESS: got = msg_progress_get(r, &m.progress); break;
    case REC_GET: got = msg_get_get(r, &m.get), bytes = &m.get.member; break;
    case REC_OUTPUT: got = msg_output_get(r, &m.output), bytes = &m.output.content; break;
    case REC_LIMIT: got = msg_limit_get(r, &m.limit), bytes = &m.limit.headers; break;
    case REC_WARN: got = msg_warn_get(r, &m.warn); break;
    case REC_STEP: got = msg_step_get(r, &m.step), bytes = &m.step.value; break;
    case REC_CHILD: got = msg_child_get(r, &m.child), bytes = &m.child.payload; break;
    case REC_SIBLING: got = msg_sibling_get(r, &m.child), bytes = &m.child.payload; break;
    case REC_THEN: got = msg_then_get(r, &m.child), bytes = &m.child.payload; break;
    case REC_FLOW: got = msg_flow_get(r, &m.flow); break;
    case REC_KV: got = msg_kv_get(r, &m.kv), bytes = &m.kv.value; break;
    case REC_DONE: got = msg_done_get(r, &m.done); break;
    case REC_CRASH: got = msg_crash_get(r, &m.crash); break;
    default: break;
    }
    if (got == 0 && bytes != NULL) {
        msg_bytes_close(bytes);
    }
    return got;
}

static void put_crash(void) {
    record_begin(&writer, REC_CRASH, 1);
    for (int i = 0; i < 4; i++) {
        record_u64(&writer, 0);
    }
    EXPECT_EQ_INT(0, record_end(&writer));
}

static void put_sample(size_t which, struct msg_bytes b) {
    const struct msg_setting setting = {"o", "v"};
    const struct msg_sandbox sandbox = sample_sandbox();
    const struct msg_hello hello = sample_hello();
    struct msg_job job = sample_job();
    job.payload = b;
    int r = 0;
    switch (which) {
    case 0:
        r = msg_welcome_put(&writer, 1,
                            &(struct msg_welcome){.plugin = "p", .snapshot = "s", .sha256 = "h"});
        break;
    case 1: r = msg_config_put(&writer, 1, &(struct msg_config){1, &setting}); break;
    case 2: r = msg_job_put(&writer, 1, &job); break;
    case 3: r = msg_committed_put(&writer, 1, &(struct msg_committed){1, 2}); break;
    case 4: r = msg_value_put(&writer, 1, &(struct msg_value){1, 2, 3, b}); break;
    case 5: r = msg_hello_put(&writer, 1, &hello); break;
    case 6: r = msg_fail_put(&writer, 1, &(struct msg_fail){"s", 1, "m"}); break;
    case 7: r = msg_log_put(&writer, 1, &(struct msg_log){1, "t"}); break;
    case 8: r = msg_progress_put(&writer, 1, &(struct msg_progress){1, 2, "m"}); break;
    case 9: r = msg_get_put(&writer, 1, &(struct msg_get){1, 2, "k", b}); break;
    case 10: r = msg_warn_put(&writer, 1, &(struct msg_warn){"c", "m"}); break;
    case 11: r = msg_step_put(&writer, 1, &(struct msg_step){"n", b, 1}); break;
    case 12:
        r = msg_child_put(&writer, 1, &(struct msg_child){.handler = "h", .payload = b});
        break;
    case 13: r = msg_kv_put(&writer, 1, &(struct msg_kv){1, "k", b, 2}); break;
    case 14: r = msg_done_put(&writer, 1, &(struct msg_done){.message = "m"}); break;
    case 15: r = msg_output_put(&writer, 1, &(struct msg_output){1, "n", "t", b}); break;
    case 16: r = msg_sandbox_put(&writer, 1, &sandbox); break;
    case 17: r = msg_note_put(&writer, 1, &(struct msg_note){"f", 1, "t"}); break;
    case 18: r = msg_limit_put(&writer, 1, &(struct msg_limit){1, 2, "n", 3, 4, 5, 6, b}); break;
    case 19: r = msg_flow_put(&writer, 1, &(struct msg_flow){1, 2, 0, 3, "i"}); break;
    case 20:
        r = msg_sibling_put(&writer, 1, &(struct msg_child){.handler = "h", .payload = b});
        break;
    case 21: r = msg_then_put(&writer, 1, &(struct msg_child){.handler = "h", .payload = b}); break;
    default: put_crash(); break;
    }
    EXPECT_EQ_INT(0, r);
}
enum { SAMPLES = 23 };

// Cuts the body after every byte, and leaves one byte too many: always refused, nothing leaks.
static void damage(size_t which, struct msg_bytes b) {
    put_sample(which, b);
    EXPECT_EQ_INT(0, record_send(&writer, ends[0]));
    EXPECT_EQ_INT(1, record_recv(&packet, ends[1]));
    struct record whole;
    EXPECT_EQ_INT(1, record_next(&packet, &whole));
    size_t body = whole.h.len;
    for (size_t len = 0; len < body; len++) {
        struct record r = whole;
        r.end = r.body + len;
        EXPECT_EQ_INT(-EBADMSG, get_any(&r));
        if (whole.fd_at != -1 && packet.fds[whole.fd_at] == -1) {
            packet.fds[whole.fd_at] = record_memfd((struct bytes){large, sizeof large});
        }
    }
    if ((body & 7) != 0) {
        struct record r = whole;
        r.end = r.body + body + 1;
        EXPECT_EQ_INT(-EBADMSG, get_any(&r));
        if (whole.fd_at != -1 && packet.fds[whole.fd_at] == -1) {
            packet.fds[whole.fd_at] = record_memfd((struct bytes){large, sizeof large});
        }
    }
    EXPECT_EQ_INT(0, get_any(&whole));
    arena_reset(&arena);
}

static void test_truncated_everywhere(void) {
    begin();
    for (size_t which = 0; which < SAMPLES; which++) {
        damage(which, inline_bytes("payload"));
        damage(which, (struct msg_bytes){.data = {large, sizeof large}});
    }
    end();
}

// Flips every bit of every sample: accepted or refused, but never more than that.
static void test_flipped_bits(void) {
    begin();
    for (size_t which = 0; which < SAMPLES; which++) {
        put_sample(which, inline_bytes("payload"));
        size_t len = writer.packet.len;
        char raw[1024];
        EXPECT_TRUE(len <= sizeof raw);
        memcpy(raw, writer.packet.data, len);
        buf_clear(&writer.packet);
        for (size_t bit = 0; bit < len * 8; bit++) {
            raw[bit / 8] = (char)(raw[bit / 8] ^ 1 << bit % 8);
            EXPECT_EQ_INT((ssize_t)len, send(ends[0], raw, len, 0));
            EXPECT_EQ_INT(1, record_recv(&packet, ends[1]));
            struct record r;
            while (record_next(&packet, &r) == 1) {
                (void)get_any(&r);
            }
            raw[bit / 8] = (char)(raw[bit / 8] ^ 1 << bit % 8);
            arena_reset(&arena);
        }
    }
    end();
}

static void test_no_memory(void) {
    begin();
    failing_alloc_after(1);
    int r = msg_warn_put(&writer, 1, &(struct msg_warn){"w", "m"});
    failing_alloc_after(0);
    EXPECT_EQ_INT(-ENOMEM, r);
    EXPECT_EQ_UINT(0, writer.packet.len);
    struct msg_job m = sample_job(), got;
    m.payload.data = (struct bytes){large, sizeof large};
    EXPECT_EQ_INT(0, msg_job_put(&writer, 1, &m));
    struct record record = pass(REC_JOB, 1);
    failing_alloc_after(1);
    r = msg_job_get(&record, &arena, &got);
    failing_alloc_after(0);
    EXPECT_EQ_INT(-ENOMEM, r);
    end();
}

static const struct expect_test tests[] = {
    {"WELCOME", test_welcome},
    {"SANDBOX", test_sandbox},
    {"NOTE", test_note},
    {"CONFIG", test_config},
    {"JOB", test_job},
    {"JOB with a large payload", test_job_by_fd},
    {"COMMITTED, FAIL, LOG, PROGRESS, WARN", test_small_ones},
    {"VALUE, GET, STEP, KV", test_bytes_ones},
    {"OUTPUT", test_output},
    {"LIMIT", test_limit},
    {"CHILD", test_child},
    {"SIBLING, THEN", test_kin},
    {"FLOW", test_flow},
    {"DONE", test_done},
    {"CRASH", test_crash},
    {"HELLO", test_hello},
    {"lists have limits", test_list_limits},
    {"lists of a peer have limits", test_list_limits_of_peer},
    {"required strings", test_required},
    {"a record of another type", test_wrong_type},
    {"a hash has 32 bytes", test_sha256_length},
    {"cut after every byte", test_truncated_everywhere},
    {"every bit flipped", test_flipped_bits},
    {"no memory", test_no_memory},
};
SUITE_MAIN("messages", tests)
