// Tests of the hello plugin on the harness: no daemon, no waiting.
#include <string.h>

#include "jobhost_harness.h"

static void test_greets(void) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    int64_t began = jh_harness_now_ms(h);
    JH_CHECK_INT(0, jh_harness_option(h, "greeting", "Ahoy"));
    jh_harness_payload(h, "{\"name\":\"Ada\",\"lines\":3}");
    JH_CHECK_INT(JH_OK, jh_harness_run(h, "hello.say"));
    JH_CHECK_STR("\"Ahoy, Ada!\"", jh_harness_result(h));
    JH_CHECK_INT(3 * 400, jh_harness_now_ms(h) - began); // of the harness's own time
    JH_CHECK_INT(3, jh_harness_progress(h).done);
    JH_CHECK_STR("said", jh_harness_step(h, "line-3"));
    JH_CHECK_INT(1, jh_harness_children(h));
    JH_CHECK_STR("hello.note", jh_harness_child(h, 0)->handler);
    JH_CHECK_STR("{\"name\":\"Ada\"}", (const char *)jh_harness_child(h, 0)->payload.data);
    JH_CHECK_INT(0, jh_harness_warnings(h));
    jh_harness_free(&h);
}

static void test_nobody(void) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    JH_CHECK_INT(JH_OK, jh_harness_run(h, "hello.say"));
    JH_CHECK_STR("\"Good day, world!\"", jh_harness_result(h));
    JH_CHECK_STR("no_name", jh_harness_warning(h, 0));
    jh_harness_free(&h);
}

static void expect_refused(const char *payload, const char *code) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    jh_harness_payload(h, payload);
    JH_CHECK_INT(JH_FAIL, jh_harness_run(h, "hello.say"));
    JH_CHECK_INT(JH_E_INPUT, jh_harness_class(h));
    JH_CHECK_STR(code, jh_harness_code(h));
    jh_harness_free(&h);
}

static void test_bad_payloads(void) {
    expect_refused("{\"name\":\"\"}", "bad_name");
    expect_refused("{\"name\":7}", "bad_name");
    expect_refused("{\"name\":\"Ada\",\"lines\":0}", "bad_lines");
    expect_refused("{\"name\":\"Ada\",\"lines\":101}", "bad_lines");
}

static void test_bad_options(void) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    JH_CHECK_INT(-1, jh_harness_option(h, "pause", "soon"));
    JH_CHECK_INT(-1, jh_harness_option(h, "volume", "11"));
    JH_CHECK_INT(0,
                 jh_harness_option(h, "greeting", "A greeting of more than forty bytes, too long"));
    JH_CHECK_INT(-1, jh_harness_create(h));
    jh_harness_free(&h);
}

// A drain parks the job; the next attempt goes on where it was.
static void test_drain(void) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    jh_harness_payload(h, "{\"name\":\"Ada\"}");
    jh_harness_cancel_after_ms(h, 1000, JH_CANCEL_DRAIN);
    JH_CHECK_INT(JH_YIELD, jh_harness_run(h, "hello.say"));
    JH_CHECK(jh_harness_step(h, "line-2") != NULL);
    JH_CHECK(jh_harness_step(h, "line-3") == NULL);
    JH_CHECK_INT(JH_OK, jh_harness_run(h, "hello.say"));
    JH_CHECK_INT(1, jh_harness_children(h));
    jh_harness_free(&h);
}

static void test_cancel(void) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    jh_harness_cancel_after_ms(h, 1, JH_CANCEL_USER);
    JH_CHECK_INT(JH_CANCELLED, jh_harness_run(h, "hello.say"));
    JH_CHECK_INT(0, jh_harness_children(h));
    jh_harness_free(&h);
}

// Wherever the process dies, the job ends with the same steps and exactly one note.
static void test_crashes(void) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    jh_harness_payload(h, "{\"name\":\"Ada\"}");
    JH_CHECK_INT(0, jh_harness_crash_everywhere(h, "hello.say"));
    JH_CHECK_STR("", jh_harness_error(h));
    jh_harness_free(&h);
}

static void test_note(void) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    jh_harness_payload(h, "{\"name\":\"Ada\"}");
    JH_CHECK_INT(JH_OK, jh_harness_run(h, "hello.note"));
    JH_CHECK(strstr(jh_harness_log(h), "Ada has been greeted") != NULL);
    jh_harness_free(&h);
}

int main(void) {
    test_greets();
    test_nobody();
    test_bad_payloads();
    test_bad_options();
    test_drain();
    test_cancel();
    test_crashes();
    test_note();
    return jh_harness_exit_status();
}
