// The plugin on the harness: how a run ends, what it leaves, how it stops. Figures are checked in tests/plugins.
#include <string.h>

#include "jobhost_harness.h"

static const char report[] = "(Parent) ASIN,(Child) ASIN,Title,SKU,Sessions - Total,Units ordered,"
                             "Ordered Product Sales\n"
                             "B0PARENT01,B0CHILD001,Kettle,K1,100,10,\xC2\xA3"
                             "250.00\n"
                             "B0PARENT01,B0CHILD002,Teapot,T1,50,0,\xC2\xA3"
                             "0.00\n";
static const char orders[] =
    "amazon-order-id\tpurchase-date\torder-status\tsku\tquantity\tcurrency\t"
    "item-price\n"
    "202-1111111-1111111\t2026-08-03T12:00:00Z\tShipped\tK1\t1\tGBP\t25.00\n"
    "202-1111111-1111112\tyesterday\tShipped\tK1\t1\tGBP\t25.00\n";

static struct jh_harness *with_files(void) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    jh_harness_payload(h, "{\"marketplace\":\"UK\"}");
    jh_harness_input_file(h, "business_report", "August 2026.csv", "text/csv", report,
                          strlen(report));
    jh_harness_input_file(h, "orders", NULL, "text/plain", orders, strlen(orders));
    return h;
}

static void test_report(void) {
    struct jh_harness *h = with_files();
    JH_CHECK_INT(JH_OK, jh_harness_run(h, "amazon.analyze"));
    JH_CHECK_STR("application/json", jh_harness_result_type(h));
    JH_CHECK(strstr(jh_harness_result(h), "\"sales\":25000") != NULL);
    JH_CHECK_STR("text/html; charset=utf-8", jh_harness_output_type(h, "report.html"));
    JH_CHECK_STR("text/markdown; charset=utf-8", jh_harness_output_type(h, "report.md"));
    JH_CHECK(jh_harness_output_len(h, "report.html") > 1000);
    JH_CHECK_INT(7, jh_harness_outputs(h)); // and five tables
    JH_CHECK_INT(1, jh_harness_warnings(h));
    JH_CHECK_STR("bad_rows", jh_harness_warning(h, 0));
    JH_CHECK_INT(jh_harness_progress(h).total, jh_harness_progress(h).done);
    jh_harness_free(&h);
}

static void test_the_same_again(void) { // two runs of one plugin make the same bytes
    struct jh_harness *one = with_files(), *two = with_files();
    JH_CHECK_INT(JH_OK, jh_harness_run(one, "amazon.analyze"));
    JH_CHECK_INT(JH_OK, jh_harness_run(two, "amazon.analyze"));
    JH_CHECK_STR(jh_harness_result(one), jh_harness_result(two));
    JH_CHECK_STR(jh_harness_output(one, "report.html"), jh_harness_output(two, "report.html"));
    jh_harness_free(&one);
    jh_harness_free(&two);
}

// Whenever it is asked to, it stops; a drain parks the job and the next attempt does it all.
static void test_stops(void) {
    struct jh_harness *h = with_files();
    JH_CHECK_INT(JH_OK, jh_harness_run(h, "amazon.analyze"));
    unsigned calls = jh_harness_calls(h);
    jh_harness_free(&h);
    for (unsigned n = 1; n <= calls; n++) {
        h = with_files();
        jh_harness_cancel_at_call(h, n, JH_CANCEL_USER);
        jh_status status = jh_harness_run(h, "amazon.analyze");
        JH_CHECK(status == JH_CANCELLED || status == JH_OK); // OK: it was as good as done
        jh_harness_free(&h);
        h = with_files();
        jh_harness_cancel_at_call(h, n, JH_CANCEL_DRAIN);
        status = jh_harness_run(h, "amazon.analyze");
        JH_CHECK(status == JH_YIELD || status == JH_OK);
        JH_CHECK_INT(JH_OK, status == JH_YIELD ? jh_harness_run(h, "amazon.analyze") : JH_OK);
        jh_harness_free(&h);
    }
    h = with_files();
    jh_harness_cancel_at_call(h, 1, JH_CANCEL_USER);
    JH_CHECK_INT(JH_CANCELLED, jh_harness_run(h, "amazon.analyze"));
    JH_CHECK_INT(0, jh_harness_outputs(h));
    jh_harness_free(&h);
}

static void test_crashes(void) {
    struct jh_harness *h = with_files();
    JH_CHECK_INT(0, jh_harness_crash_everywhere(h, "amazon.analyze"));
    JH_CHECK_STR("", jh_harness_error(h));
    jh_harness_free(&h);
}

static void test_too_large(void) {
    struct jh_harness *h = with_files();
    jh_harness_max_result(h, 2000);
    JH_CHECK_INT(JH_FAIL, jh_harness_run(h, "amazon.analyze"));
    JH_CHECK_INT(JH_E_INPUT, jh_harness_class(h));
    JH_CHECK_STR("report_too_large", jh_harness_code(h));
    jh_harness_free(&h);
}

static void expect_refused_option(const char *name, const char *value) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    JH_CHECK_INT(0, jh_harness_option(h, name, value));
    JH_CHECK_INT(-1, jh_harness_create(h));
    jh_harness_free(&h);
}

static void test_options(void) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    JH_CHECK_INT(0, jh_harness_option(h, "top", "500"));
    JH_CHECK_INT(0, jh_harness_option(h, "cache", "1MiB"));
    JH_CHECK_INT(0, jh_harness_create(h));
    jh_harness_free(&h);
    expect_refused_option("top", "501");
    expect_refused_option("top", "4");
    expect_refused_option("abc_a", "96"); // over abc_b
    expect_refused_option("bad_rows_listed", "1001");
    expect_refused_option("disk_limit", "1000KiB");
}

static void test_described(void) { // what to give is said where `jobhost describe` shows it
    static const char *const names[] = {"marketplace",     "currency", "periods[].from",
                                        "business_report", "orders",   NULL};
    for (size_t i = 0; names[i] != NULL; i++) {
        const struct jh_option *o = jobhost_plugin.handlers[0].takes;
        while (o->name != NULL && strcmp(o->name, names[i]) != 0) {
            o++;
        }
        JH_CHECK(o->name != NULL && o->help != NULL);
    }
}

static void test_catalog(void) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    JH_CHECK_INT(JH_OK, jh_harness_run(h, "amazon.catalog"));
    const char *text = jh_harness_result(h);
    JH_CHECK(strstr(text, "{\"code\":\"DE\",\"currency\":\"EUR\",\"channel\":\"Amazon.de\"}") !=
             NULL);
    JH_CHECK(strstr(text, "\"code\":\"GB\"") == NULL); // it is UK
    JH_CHECK(strstr(text, "{\"code\":\"JPY\",\"decimals\":0}") != NULL);
    JH_CHECK(strstr(text, "{\"header\":\"amazon-order-id\",\"field\":\"order\",\"language\":null,"
                          "\"needed\":true}") != NULL ||
             strstr(text, "{\"header\":\"amazon-order-id\",\"field\":\"order\",\"language\":\"en\","
                          "\"needed\":true}") != NULL);
    jh_harness_free(&h);
}

static const char *recognized(struct jh_harness *h, const char *payload) {
    jh_harness_payload(h, payload);
    JH_CHECK_INT(JH_OK, jh_harness_run(h, "amazon.recognize"));
    return jh_harness_result(h);
}

static void test_recognize(void) {
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    const char *text = recognized(
        h,
        "{\"header\":\"(Parent) ASIN,(Child) ASIN,Title,SKU,Sessions - Total,Units ordered,Ordered "
        "Product Sales,Zebra\",\"file\":\"March 2026.csv\"}");
    JH_CHECK(strstr(text, "\"report\":\"business_report\",\"language\":\"en\",\"separator\":\",\","
                          "\"columns\":8,\"known\":7") != NULL);
    JH_CHECK(strstr(text, "Zebra") != NULL && strstr(text, "\"problem\":null") != NULL);
    JH_CHECK(strstr(text, "\"from\":\"2026-03-01\",\"to\":\"2026-03-31\"") != NULL);
    text = recognized(h, "{\"header\":\"amazon-order-id\\tpurchase-date\",\"file\":\"o.txt\"}");
    JH_CHECK(strstr(text, "\"report\":\"orders\"") != NULL && strstr(text, "\\u0009") != NULL);
    JH_CHECK(strstr(text, "\"code\":\"missing_column\"") != NULL &&
             strstr(text, "\"period\":null") != NULL);
    text = recognized(h, "{\"header\":\"PK\\u0003\\u0004\"}");
    JH_CHECK(strstr(text, "\"report\":null") != NULL && strstr(text, "Excel workbook") != NULL);
    jh_harness_free(&h);
}

int main(void) {
    test_described();
    test_report();
    test_catalog();
    test_recognize();
    test_the_same_again();
    test_stops();
    test_crashes();
    test_too_large();
    test_options();
    return jh_harness_exit_status();
}
