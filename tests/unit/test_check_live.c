// What `plugin check` says of the jobs of a running host: whose they are, what would become of them, how many rows.
// The host is a table of answers.
#include "cli/check_live.h"

#include <cjson/cJSON.h>

#include "base/json.h"
#include "cli/remote.h"
#include "expect.h"

static const char plugins[] =
    "{\"items\":[{\"name\":\"p\",\"handlers\":["
    "{\"name\":\"p.run\",\"state_policy\":\"park\"},{\"name\":\"p.mend\",\"state_policy\":"
    "\"restart\"},{\"name\":\"p.old\"}]},"
    "{\"name\":\"q\",\"handlers\":[{\"name\":\"q.run\",\"state_policy\":\"fail\"}]}]}";

/* The new file: no p.old; it resumes steps of versions 3 and 2. */
static const struct pool_handler handlers[] = {
    {.name = "p.run", .state = {.version = 3, .oldest = 2}},
    {.name = "p.mend", .state = {.version = 3, .oldest = 2, .restartable = true}},
    {.name = "p.new", .state = {.version = 3, .oldest = 2, .restartable = true}},
};
static const struct pool_manifest manifest = {
    .name = "p", .handlers = handlers, .handler_count = ARRAY_LEN(handlers)};

/* ---- the host ---- */

static struct {
    const char *path; /* the beginning of it */
    const char *answer;
} pages[8];
static const char *own_plugins;
static int plugins_status;
static unsigned asked;
static struct buf queries; /* a line each */

/* In the place of remote_json(): the linker puts it there. */
int __wrap_remote_json(const struct cli *cli, const char *method, const char *path,
                       const char *body, cJSON **ret);

int __wrap_remote_json(const struct cli *cli, const char *method, const char *path,
                       const char *body, cJSON **ret) {
    const char *answer = "{\"items\":[]}";
    EXPECT_FALSE(cli->json);
    EXPECT_EQ_STR("GET", method);
    EXPECT_NULL(body);
    asked++;
    buf_printf(&queries, "%s\n", path);
    if (strcmp(path, "/v1/plugins") == 0) {
        *ret = plugins_status == CLI_OK ? cJSON_Parse(own_plugins) : NULL;
        return plugins_status;
    }
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        if (pages[i].path != NULL && strcmp(path, pages[i].path) == 0) {
            answer = pages[i].answer;
        }
    }
    *ret = answer == NULL ? NULL : cJSON_Parse(answer);
    return *ret == NULL ? CLI_FAILED : CLI_OK;
}

static const struct cli_option offline[] = {{.name = "offline"}, {.name = "url", .arg = "URL"}};
static const struct cli_given named[] = {{&offline[1], "http://somewhere"}};

static struct check_live live;

static int ask(const struct cli_given *given, size_t count) {
    const struct cli cli = {.given = (struct cli_given *)(uintptr_t)given, .given_count = count};
    asked = 0;
    buf_clear(&queries);
    check_live_finish(&live);
    return check_live_ask(&cli, "p", &manifest, &live);
}

static void begin(void) {
    memset(pages, 0, sizeof pages);
    own_plugins = plugins;
    plugins_status = CLI_OK;
}

static const struct check_live_row *row(const char *type, uint32_t version) {
    for (size_t i = 0; i < live.count; i++) {
        if (strcmp(live.rows[i].type, type) == 0 && live.rows[i].steps_version == version) {
            return &live.rows[i];
        }
    }
    return NULL;
}

#define QUEUED(rest) "/v1/jobs?limit=1000&state=queued" rest
#define PARKED(rest) "/v1/jobs?limit=1000&state=parked" rest
#define JOB(type, id, state_version)                                                               \
    "{\"type\":\"" type "\",\"id\":\"" id "\",\"steps\":{\"state_version\":" state_version "}}"
#define ITEMS(items) "{\"items\":[" items "]}"

static void expect_row(const char *type, uint32_t version, const char *becomes, uint64_t jobs) {
    const struct check_live_row *r = row(type, version);
    if (EXPECT_TRUE(r != NULL)) {
        EXPECT_EQ_STR(becomes, r->becomes);
        EXPECT_EQ_UINT(jobs, r->jobs);
    }
}

/* ---- tests ---- */

static void test_what_becomes_of_them(void) {
    begin();
    pages[0].path = QUEUED("&steps=1");
    pages[0].answer =
        ITEMS(JOB("p.run", "a", "1") "," JOB("p.run", "b", "2") "," JOB("p.run", "c", "3") "," JOB(
            "p.run", "d", "4") "," JOB("p.mend", "e", "1") "," JOB("p.new", "g",
                                                                   "1") "," JOB("q.run", "f", "1"));
    EXPECT_EQ_INT(CLI_OK, ask(NULL, 0));
    EXPECT_TRUE(live.asked);
    EXPECT_TRUE(live.breaks);
    EXPECT_EQ_UINT(6, live.count); // another plugin's is none of ours
    expect_row("p.run", 1, "park", 1);
    expect_row("p.run", 2, "go_on", 1);
    expect_row("p.run", 3, "go_on", 1);
    expect_row("p.run", 4, "park", 1);
    expect_row("p.mend", 1, "restart", 1);
    expect_row("p.new", 1, "park", 1); // the host knows no policy of it
}

static void test_harmless(void) {
    begin();
    pages[0].path = QUEUED("&steps=1");
    pages[0].answer = ITEMS(JOB("p.run", "b", "2") "," JOB("p.mend", "e", "1"));
    EXPECT_EQ_INT(CLI_OK, ask(NULL, 0));
    EXPECT_EQ_UINT(2, live.count);
    EXPECT_FALSE(live.breaks);
}

static void test_a_lost_handler(void) {
    begin();
    pages[0].path = PARKED("&type=p.old");
    pages[0].answer = ITEMS("{\"type\":\"p.old\",\"id\":\"a\"}");
    EXPECT_EQ_INT(CLI_OK, ask(NULL, 0));
    expect_row("p.old", 0, "no_handler", 1);
    if (EXPECT_EQ_UINT(1, live.count)) {
        EXPECT_EQ_UINT(1, live.rows[0].by_state[2]);
    }
    EXPECT_TRUE(live.breaks);
    EXPECT_TRUE(strstr(queries.data, "q.run") == NULL); // which has another plugin
    EXPECT_EQ_UINT(1 + 2 * CHECK_LIVE_STATES, asked);
}

static void test_pages(void) {
    begin();
    pages[0].path = QUEUED("&steps=1");
    pages[0].answer = "{\"items\":[" JOB("p.run", "a", "1") "],\"next_cursor\":\"x&y\"}";
    pages[1].path = QUEUED("&steps=1&cursor=x%26y");
    pages[1].answer =
        ITEMS(JOB("p.run", "b", "1") "," JOB("p.run", "c", "1") "," JOB("p.run", "d", "1"));
    pages[2].path = PARKED("&steps=1");
    pages[2].answer = ITEMS(JOB("p.run", "e", "1"));
    EXPECT_EQ_INT(CLI_OK, ask(NULL, 0));
    expect_row("p.run", 1, "park", 5);
    if (!EXPECT_EQ_UINT(1, live.count)) {
        return;
    }
    const struct check_live_row *r = &live.rows[0];
    EXPECT_EQ_UINT(4, r->by_state[0]);
    EXPECT_EQ_UINT(1, r->by_state[2]);
    EXPECT_EQ_STR("a", r->ids[0]);
    EXPECT_EQ_STR("c", r->ids[CHECK_LIVE_IDS - 1]); // and no more of them
    pages[1].answer = NULL;
    EXPECT_EQ_INT(CLI_FAILED, ask(NULL, 0));
}

/* So many versions, of which only the last would park. */
static void ask_versions(uint32_t count) {
    struct buf text = {0};
    begin();
    buf_str(&text, "{\"items\":[");
    for (uint32_t v = 0; v < count; v++) {
        buf_printf(&text, "%s{\"type\":\"%s\",\"id\":\"x\",\"steps\":{\"state_version\":%u}}",
                   v == 0 ? "" : ",", v + 1 < count ? "p.mend" : "p.run", 10 + v);
    }
    buf_str(&text, "]}");
    pages[0].path = QUEUED("&steps=1");
    pages[0].answer = text.data;
    EXPECT_EQ_INT(CLI_OK, ask(NULL, 0));
    buf_free(&text);
}

static void test_as_many_rows_as_there_may_be(void) {
    for (uint32_t over = 0; over <= 1; over++) {
        ask_versions(CHECK_LIVE_ROWS_MAX + over);
        EXPECT_EQ_UINT(CHECK_LIVE_ROWS_MAX, live.count);
        EXPECT_TRUE((row("p.run", 9 + CHECK_LIVE_ROWS_MAX + over) != NULL) == (over == 0));
        EXPECT_TRUE(live.breaks); // that is said in any case
    }
}

static void test_no_host(void) {
    static const struct cli_given off[] = {{&offline[0], NULL}};
    begin();
    plugins_status = CLI_UNREACHABLE;
    EXPECT_EQ_INT(CLI_OK, ask(NULL, 0));
    EXPECT_FALSE(live.asked);
    EXPECT_EQ_UINT(1, asked);
    EXPECT_EQ_INT(CLI_UNREACHABLE, ask(named, 1)); // that one was meant
    plugins_status = CLI_FAILED;
    EXPECT_EQ_INT(CLI_FAILED, ask(named, 1));
    EXPECT_EQ_INT(CLI_OK, ask(off, 1));
    EXPECT_EQ_UINT(0, asked);
}

/* Not what a host says: nothing is counted, and nothing breaks. */
static void test_nonsense(void) {
    static const char *const answers[] = {"7", "{\"items\":7}", "{\"items\":[7,null,{}]}",
                                          "{\"items\":[{\"type\":7,\"id\":[]}]}"};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        begin();
        own_plugins = answers[i];
        pages[0].path = QUEUED("&steps=1");
        pages[0].answer = answers[i];
        EXPECT_EQ_INT(CLI_OK, ask(NULL, 0));
        EXPECT_EQ_UINT(0, live.count);
    }
}

static void test_numbers_that_are_no_version(void) {
    static const char *const numbers[] = {"-1", "4294967296", "1e300", "\"7\""};
    char text[120];
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        begin();
        (void)snprintf(text, sizeof text,
                       "{\"items\":[{\"type\":\"p.run\",\"steps\":{\"state_version\":%s}}]}",
                       numbers[i]);
        pages[0].path = QUEUED("&steps=1");
        pages[0].answer = text;
        EXPECT_EQ_INT(CLI_OK, ask(NULL, 0));
        expect_row("p.run", 0, "go_on", 1);
    }
    begin();
    pages[0].path = QUEUED("&steps=1");
    pages[0].answer = ITEMS(JOB("p.run", "a", "4294967295"));
    EXPECT_EQ_INT(CLI_OK, ask(NULL, 0));
    expect_row("p.run", UINT32_MAX, "park", 1);
}

static void test_the_report(void) {
    struct buf out = {0};
    begin();
    pages[0].path = QUEUED("&steps=1");
    pages[0].answer = ITEMS(JOB("p.run", "a", "1"));
    (void)ask(NULL, 0);
    check_live_json(&live, &out);
    EXPECT_EQ_STR("\"breaks\":true,\"jobs\":[{\"type\":\"p.run\",\"steps_version\":1,\"becomes\":"
                  "\"park\",\"jobs\":1,\"states\":{\"queued\":1},\"ids\":[\"a\"]}]",
                  out.data);
    buf_clear(&out);
    live.asked = false;
    check_live_json(&live, &out);
    EXPECT_EQ_UINT(0, out.len);
    buf_free(&out);
}

static const struct expect_test tests[] = {
    {"what becomes of jobs that have steps", test_what_becomes_of_them},
    {"a file that does no harm", test_harmless},
    {"jobs that would lose their handler", test_a_lost_handler},
    {"page by page", test_pages},
    {"as many rows as there may be, and one more", test_as_many_rows_as_there_may_be},
    {"no host, or not the one that was named", test_no_host},
    {"an answer that is none", test_nonsense},
    {"numbers that are no version", test_numbers_that_are_no_version},
    {"the report", test_the_report},
};

int main(int argc, char **argv) {
    (void)unsetenv("JOBHOST_URL");
    int status = expect_run("plugin check", tests, ARRAY_LEN(tests), argc, argv);
    check_live_finish(&live);
    buf_free(&queries);
    return status;
}
