// The file of the last deliveries: order, kinds that do not push one another out, pages, and what a second opening finds.
#include "store/inbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"

#define DAY_MS INT64_C(86400000)

static char folder[64], path[96];
static struct inbox *inbox;
static char seen[512];

static void open_it(int64_t now_ms) {
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(0, inbox_open(path, now_ms, &inbox, &e));
}

static void begin(void) {
    (void)snprintf(folder, sizeof folder, "/tmp/test_inbox.XXXXXX");
    EXPECT_TRUE(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/inbox.db", folder);
    open_it(DAY_MS);
}

static void end(void) {
    static const char *const more[] = {"", "-wal", "-shm"};
    inbox_close(&inbox);
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        char file[128];
        (void)snprintf(file, sizeof file, "%s%s", path, more[i]);
        (void)unlink(file);
    }
    EXPECT_EQ_INT(0, rmdir(folder));
}

static struct inbox_entry entry(const char *hook, int kind, uint8_t n) {
    struct inbox_entry e = {.hook = hook,
                            .kind = kind,
                            .keep = 2,
                            .at_ms = DAY_MS,
                            .verdict = "v",
                            .key = -1,
                            .status = 202,
                            .peer = "p",
                            .method = "POST",
                            .target = "/",
                            .headers = "[]"};
    e.id.b[15] = n;
    return e;
}

static void add(const char *hook, int kind, uint8_t n) {
    struct inbox_entry one = entry(hook, kind, n);
    const struct inbox_entry *all[] = {&one};
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(0, inbox_add(inbox, all, 1, &e));
}

static void see(void *arg, const struct inbox_entry *e) {
    (void)arg;
    size_t len = strlen(seen);
    (void)snprintf(seen + len, sizeof seen - len, "%s%d.%d ", e->hook, e->kind, e->id.b[15]);
}

static const char *list(const char *hook, int refused, uint8_t before, unsigned limit) {
    struct job_id id = {.b = {0}};
    struct inbox_query q = {
        .hook = hook, .refused = refused, .before = before == 0 ? NULL : &id, .limit = limit};
    struct err e = {.msg = ""};
    id.b[15] = before;
    seen[0] = '\0';
    EXPECT_EQ_INT(0, inbox_list(inbox, &q, see, NULL, &e));
    return seen;
}

static void test_kinds(void) {
    begin();
    for (uint8_t n = 1; n <= 3; n++) {
        add("a", INBOX_TAKEN, n);
        add("b", INBOX_TAKEN, n + 10);
        add("a", INBOX_REFUSED, n + 20);
    }
    add("a", INBOX_FAILED, 30);
    EXPECT_EQ_STR("a1.30 a2.23 a2.22 b0.13 b0.12 a0.3 a0.2 ", list(NULL, -1, 0, 99));
    EXPECT_EQ_STR("a1.30 a2.23 a2.22 ", list("a", 1, 0, 99));
    EXPECT_EQ_STR("a0.3 a0.2 ", list("a", 0, 0, 99));
    EXPECT_EQ_STR("a2.22 b0.13 ", list(NULL, -1, 23, 2));
    EXPECT_EQ_STR("", list("c", -1, 0, 99));
    end();
}

static void test_batch(void) {
    begin();
    struct inbox_entry many[5];
    const struct inbox_entry *all[5];
    for (uint8_t n = 0; n < 5; n++) {
        many[n] = entry(n < 3 ? "a" : "b", INBOX_TAKEN, n + 1);
        all[n] = &many[n];
    }
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(0, inbox_add(inbox, all, 5, &e));
    EXPECT_EQ_STR("b0.5 b0.4 a0.3 a0.2 ", list(NULL, -1, 0, 99));
    end();
}

static void keep_body(void *arg, const struct inbox_entry *e) {
    struct bytes *body = arg;
    EXPECT_EQ_BYTES(body->data, body->len, e->body.data, e->body.len);
    EXPECT_EQ_INT(7, e->body_size);
    EXPECT_EQ_STR("[[\"A\",\"b\"]]", e->headers);
    EXPECT_NULL(e->job);
}

static void test_reopened(void) {
    begin();
    struct inbox_entry one = entry("a", INBOX_TAKEN, 1);
    const struct inbox_entry *all[] = {&one};
    struct bytes body = {"a\0b", 3};
    struct err e = {.msg = ""};
    one.body = body;
    one.body_size = 7;
    one.headers = "[[\"A\",\"b\"]]";
    EXPECT_EQ_INT(0, inbox_add(inbox, all, 1, &e));
    inbox_close(&inbox);
    struct stat st;
    EXPECT_EQ_INT(0, stat(path, &st));
    EXPECT_EQ_INT(0600, st.st_mode & 0777);
    open_it(DAY_MS + INBOX_KEPT_DAYS * DAY_MS);
    EXPECT_EQ_INT(0, inbox_get(inbox, &one.id, keep_body, &body, &e));
    inbox_close(&inbox);
    open_it(DAY_MS + INBOX_KEPT_DAYS * DAY_MS + 1);
    EXPECT_EQ_INT(-ENOENT, inbox_get(inbox, &one.id, keep_body, &body, &e));
    end();
}

static void test_no_database(void) {
    begin();
    inbox_close(&inbox);
    FILE *f = fopen(path, "w");
    EXPECT_TRUE(f != NULL && fputs("this is no database, and long enough to be none", f) >= 0);
    EXPECT_TRUE(f != NULL && fclose(f) == 0);
    struct err e = {.msg = ""};
    EXPECT_TRUE(inbox_open(path, DAY_MS, &inbox, &e) < 0);
    EXPECT_TRUE(inbox == NULL && e.msg[0] != '\0');
    end();
}

static const struct expect_test tests[] = {
    {"kinds keep to themselves", test_kinds},
    {"many at once", test_batch},
    {"opened again", test_reopened},
    {"a file that is no database", test_no_database},
};

SUITE_MAIN("inbox", tests)
