// The ABI's argument checks: every limit at the limit and one beyond.
#include <errno.h>

#include "core/job.h"
#include "expect.h"
#include "jobhost_kv.h"
#include "worker/check.h"

// A text of n letters, valid until the next call.
static const char *text(size_t n) {
    static char out[70000];
    memset(out, 'x', n);
    out[n] = '\0';
    return out;
}

static struct jh_bytes bytes(size_t n) {
    static const char byte;
    return (struct jh_bytes){n == 0 ? NULL : &byte, n}; // only the length is looked at
}

static void test_text(void) {
    EXPECT_EQ_INT(-EINVAL, check_text(NULL, 5));
    EXPECT_EQ_INT(-EINVAL, check_text("", 5));
    EXPECT_EQ_INT(0, check_text("abcde", 5));
    EXPECT_EQ_INT(-EFBIG, check_text("abcdef", 5));
    EXPECT_EQ_INT(0, check_optional(NULL, 5));
    EXPECT_EQ_INT(0, check_optional("abcde", 5));
    EXPECT_EQ_INT(-EFBIG, check_optional("abcdef", 5));
}

static void test_bytes(void) {
    EXPECT_EQ_INT(0, check_bytes((struct jh_bytes){NULL, 0}, 3));
    EXPECT_EQ_INT(-EINVAL, check_bytes((struct jh_bytes){NULL, 1}, 3));
    EXPECT_EQ_INT(0, check_bytes(bytes(3), 3));
    EXPECT_EQ_INT(-EFBIG, check_bytes(bytes(4), 3));
}

static void test_limits(void) {
    EXPECT_EQ_INT(0, check_step(text(JOB_STEP_NAME_MAX), bytes(JOB_STEP_MAX)));
    EXPECT_EQ_INT(-EFBIG, check_step(text(JOB_STEP_NAME_MAX + 1), bytes(0)));
    EXPECT_EQ_INT(-EFBIG, check_step("x", bytes(JOB_STEP_MAX + 1)));
    EXPECT_EQ_INT(-EINVAL, check_step(NULL, bytes(0)));
    EXPECT_EQ_INT(0, check_warn(text(JOB_CODE_MAX), NULL));
    EXPECT_EQ_INT(-EFBIG, check_warn(text(JOB_CODE_MAX + 1), NULL));
    EXPECT_EQ_INT(-EINVAL, check_warn(NULL, "x"));
    EXPECT_EQ_INT(0, check_warn("x", text(JOB_MESSAGE_MAX)));
    EXPECT_EQ_INT(-EFBIG, check_warn("x", text(JOB_MESSAGE_MAX + 1)));
    EXPECT_EQ_INT(0, check_kv_key(text(JH_KV_KEY_MAX)));
    EXPECT_EQ_INT(-EFBIG, check_kv_key(text(JH_KV_KEY_MAX + 1)));
    EXPECT_EQ_INT(0, check_kv_value(bytes(JH_KV_VALUE_MAX)));
    EXPECT_EQ_INT(-EFBIG, check_kv_value(bytes(JH_KV_VALUE_MAX + 1)));
    EXPECT_EQ_INT(0, check_kv_ttl(0));
    EXPECT_EQ_INT(-EINVAL, check_kv_ttl(-1));
}

// ---- files ----

static void test_files(void) {
    EXPECT_EQ_INT(0, check_output("a.md", NULL));
    EXPECT_EQ_INT(0, check_output(text(JOB_FILE_NAME_MAX), "text/plain"));
    EXPECT_EQ_INT(-EINVAL, check_output(text(JOB_FILE_NAME_MAX + 1), NULL));
    EXPECT_EQ_INT(-EINVAL, check_output(NULL, NULL));
    EXPECT_EQ_INT(-EINVAL, check_output("a/b", NULL));
    EXPECT_EQ_INT(-EINVAL, check_output("a", ""));
    EXPECT_EQ_INT(0, check_output("a", text(JOB_CONTENT_TYPE_MAX)));
    EXPECT_EQ_INT(-EINVAL, check_output("a", text(JOB_CONTENT_TYPE_MAX + 1)));
    FILE *file = tmpfile();
    EXPECT_EQ_INT(0, check_file(fileno(file)));
    (void)fclose(file);
    EXPECT_EQ_INT(-EBADF, check_file(-1));
    file = fopen("/dev/null", "r");
    EXPECT_EQ_INT(-EINVAL, check_file(fileno(file)));
    (void)fclose(file);
}

static void test_input_room(void) {
    const struct jh_input full = {.length = 7, .name = "n", .filename = "f"};
    struct jh_input in = {.size = sizeof in};
    EXPECT_EQ_INT(0, check_input_room(&full, &in));
    EXPECT_EQ_UINT(sizeof in, in.size);
    EXPECT_EQ_STR("f", in.filename);
    in = (struct jh_input){.size = sizeof in + 8}; // of a later SDK
    EXPECT_EQ_INT(0, check_input_room(&full, &in));
    EXPECT_EQ_UINT(sizeof in, in.size);
    in = (struct jh_input){.size = offsetof(struct jh_input, filename)}; // of 1.0
    EXPECT_EQ_INT(0, check_input_room(&full, &in));
    EXPECT_EQ_UINT(7, in.length);
    EXPECT_NULL(in.filename);
    EXPECT_FALSE(JH_HAS(&in, jh_input, filename));
    in.size--;
    EXPECT_EQ_INT(-EINVAL, check_input_room(&full, &in));
    EXPECT_EQ_INT(-EINVAL, check_input_room(&full, NULL));
}

// ---- children ----

static int child(struct jh_child c) {
    struct jh_child copy;
    c.size = c.size == 0 ? sizeof c : c.size;
    c.handler = c.handler == NULL ? "a.b" : c.handler;
    return check_child(&c, &copy);
}

static void test_child(void) {
    struct jh_child copy;
    EXPECT_EQ_INT(-EINVAL, check_child(NULL, &copy));
    EXPECT_EQ_INT(0, child((struct jh_child){0}));
    EXPECT_EQ_INT(-EINVAL, child((struct jh_child){.size = 79}));
    EXPECT_EQ_INT(-EINVAL, child((struct jh_child){.handler = ""}));
    EXPECT_EQ_INT(-EINVAL, child((struct jh_child){.handler = "no spaces"}));
    EXPECT_EQ_INT(0, child((struct jh_child){.handler = text(JOB_TYPE_MAX)}));
    EXPECT_EQ_INT(-EFBIG, child((struct jh_child){.handler = text(JOB_TYPE_MAX + 1)}));
    EXPECT_EQ_INT(0, child((struct jh_child){.dedup_key = text(JOB_KEY_MAX)}));
    EXPECT_EQ_INT(-EFBIG, child((struct jh_child){.dedup_key = text(JOB_KEY_MAX + 1)}));
    EXPECT_EQ_INT(0, child((struct jh_child){.queue = text(JOB_QUEUE_MAX)}));
    EXPECT_EQ_INT(-EFBIG, child((struct jh_child){.queue = text(JOB_QUEUE_MAX + 1)}));
    EXPECT_EQ_INT(-EINVAL, child((struct jh_child){.queue = "sp ace"}));
    EXPECT_EQ_INT(0, child((struct jh_child){.tenant = text(JOB_TENANT_MAX)}));
    EXPECT_EQ_INT(-EFBIG, child((struct jh_child){.tenant = text(JOB_TENANT_MAX + 1)}));
    EXPECT_EQ_INT(0, child((struct jh_child){.labels = text(JOB_LABELS_MAX)}));
    EXPECT_EQ_INT(-EFBIG, child((struct jh_child){.labels = text(JOB_LABELS_MAX + 1)}));
    EXPECT_EQ_INT(0, child((struct jh_child){.priority = -1}));
    EXPECT_EQ_INT(0, child((struct jh_child){.priority = 1}));
    EXPECT_EQ_INT(-EINVAL, child((struct jh_child){.priority = -2}));
    EXPECT_EQ_INT(-EINVAL, child((struct jh_child){.priority = 2}));
    EXPECT_EQ_INT(-EINVAL, child((struct jh_child){.delay_ms = -1}));
    EXPECT_EQ_INT(-EINVAL, child((struct jh_child){.spread_ms = -1}));
    EXPECT_EQ_INT(-EINVAL, child((struct jh_child){.payload = {NULL, 1}}));
    EXPECT_EQ_INT(0, child((struct jh_child){.payload = bytes(CHECK_COMMIT_BYTES_MAX)}));
    EXPECT_EQ_INT(-EFBIG, child((struct jh_child){.payload = bytes(CHECK_COMMIT_BYTES_MAX + 1)}));
}

// A caller of a later ABI minor has a larger struct: what we know of it counts.
static void test_larger_struct(void) {
    struct {
        struct jh_child child;
        char more[64];
    } big = {.child = {.size = sizeof big, .handler = "a.b", .priority = 1}};
    struct jh_child copy;
    EXPECT_EQ_INT(0, check_child(&big.child, &copy));
    EXPECT_EQ_INT(1, copy.priority);
}

// ---- waits and failures ----

static int wait_for(struct jh_wait w) {
    struct jh_wait copy;
    w.size = sizeof w;
    return check_wait(&w, &copy);
}

static void test_wait(void) {
    struct jh_wait copy;
    EXPECT_EQ_INT(-EINVAL, check_wait(NULL, &copy));
    EXPECT_EQ_INT(-EINVAL, check_wait(&(struct jh_wait){.size = 31}, &copy));
    EXPECT_EQ_INT(0, wait_for((struct jh_wait){.kind = JH_WAIT_NOW}));
    EXPECT_EQ_INT(0, wait_for((struct jh_wait){.kind = JH_WAIT_CHILDREN}));
    EXPECT_EQ_INT(-EINVAL, wait_for((struct jh_wait){.kind = JH_WAIT_UNTIL}));
    EXPECT_EQ_INT(0, wait_for((struct jh_wait){.kind = JH_WAIT_UNTIL, .wake_at_ms = 1}));
    EXPECT_EQ_INT(-EINVAL, wait_for((struct jh_wait){.kind = JH_WAIT_EVENT}));
    EXPECT_EQ_INT(
        0, wait_for((struct jh_wait){.kind = JH_WAIT_EVENT, .key = text(JH_EVENT_NAME_MAX)}));
    EXPECT_EQ_INT(-EFBIG, wait_for((struct jh_wait){.kind = JH_WAIT_EVENT,
                                                    .key = text(JH_EVENT_NAME_MAX + 1)}));
    EXPECT_EQ_INT(0, wait_for((struct jh_wait){.kind = JH_WAIT_LIMITER, .key = text(JOB_KEY_MAX)}));
    EXPECT_EQ_INT(
        -EFBIG, wait_for((struct jh_wait){.kind = JH_WAIT_LIMITER, .key = text(JOB_KEY_MAX + 1)}));
    EXPECT_EQ_INT(-EINVAL, wait_for((struct jh_wait){.kind = JH_WAIT_NOW, .timeout_ms = -1}));
    EXPECT_EQ_INT(-EINVAL, wait_for((struct jh_wait){.kind = -1}));
    EXPECT_EQ_INT(-EINVAL, wait_for((struct jh_wait){.kind = JH_WAIT_LIMITER + 1, .key = "x"}));
}

static void test_failure(void) {
    struct jh_failure f;
    check_failure(NULL, &f);
    EXPECT_EQ_INT(JH_E_BUG, f.cls);
    EXPECT_CONTAINS("bad struct jh_failure", f.message);
    check_failure(&(struct jh_failure){.size = 47, .cls = JH_E_INPUT}, &f);
    EXPECT_EQ_INT(JH_E_BUG, f.cls);
    static const struct {
        jh_class given, want;
    } rows[] = {{-1, JH_E_BUG},
                {JH_E_NONE, JH_E_BUG},
                {JH_E_INPUT, JH_E_INPUT},
                {JH_E_UNKNOWN, JH_E_UNKNOWN},
                {JH_E_UNKNOWN + 1, JH_E_BUG}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct jh_failure in = {
            .size = sizeof in, .cls = rows[i].given, .retry_after_ms = -5};
        check_failure(&in, &f);
        EXPECT_EQ_INT(rows[i].want, f.cls);
        EXPECT_EQ_INT(0, f.retry_after_ms);
    }
}

static void test_cut(void) {
    EXPECT_EQ_UINT(0, check_cut("", 4));
    EXPECT_EQ_UINT(4, check_cut("abcd", 4));
    EXPECT_EQ_UINT(4, check_cut("abcde", 4));
    EXPECT_EQ_UINT(3, check_cut("abc\xc3\xa4", 4)); // not in the middle of a letter
    EXPECT_EQ_UINT(5, check_cut("abc\xc3\xa4", 5));
    EXPECT_EQ_UINT(1, check_cut("a\xf0\x9f\x98\x80", 4));
    EXPECT_EQ_UINT(0, check_cut("\x80\x80\x80\x80\x80", 4)); // no letter at all
}

static const struct expect_test tests[] = {
    {"outputs and files", test_files},
    {"room for an input", test_input_room},
    {"texts", test_text},
    {"bytes", test_bytes},
    {"steps, warnings, keys: at the limit and beyond", test_limits},
    {"children: at the limit and beyond", test_child},
    {"a larger struct", test_larger_struct},
    {"waits", test_wait},
    {"failures never fail", test_failure},
    {"cutting keeps letters whole", test_cut},
};
SUITE_MAIN("worker: check", tests)
