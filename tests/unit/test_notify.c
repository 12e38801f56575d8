// What is told of, how often, and when it is over.
#include "core/id.h"
#include "core/notify.h"
#include "expect.h"

static struct notify_book book;
static struct notify_message m;

static void fresh(void) {
    book = (struct notify_book){.lost = 0};
}

static void test_told_once(void) {
    fresh();
    notify_raise(&book, NOTIFY_BREAKER_OPEN, "site", 7, 1000);
    notify_raise(&book, NOTIFY_BREAKER_OPEN, "site", 7, 1001);
    EXPECT_EQ_INT(1000, notify_due_ms(&book));
    EXPECT_TRUE(notify_next(&book, 1001, &m));
    EXPECT_EQ_INT(NOTIFY_BREAKER_OPEN, m.kind);
    EXPECT_EQ_STR("site", m.key);
    EXPECT_EQ_INT(1000, m.since_ms);
    EXPECT_FALSE(m.resolved);
    EXPECT_FALSE(notify_next(&book, 1000000, &m));
    EXPECT_TRUE(notify_due_ms(&book) == INT64_MAX);
}

static void test_told_that_it_is_over(void) {
    fresh();
    notify_raise(&book, NOTIFY_STORE_DEGRADED, "", 1, 1000);
    EXPECT_TRUE(notify_next(&book, 1000, &m));
    notify_clear(&book, NOTIFY_STORE_DEGRADED, "", 5000);
    notify_clear(&book, NOTIFY_STORE_DEGRADED, "", 6000); // which says nothing new
    EXPECT_EQ_INT(5000 + NOTIFY_SETTLED_MS, notify_due_ms(&book));
    EXPECT_FALSE(notify_next(&book, 5000 + NOTIFY_SETTLED_MS - 1, &m));
    EXPECT_TRUE(notify_next(&book, 5000 + NOTIFY_SETTLED_MS, &m));
    EXPECT_TRUE(m.resolved);
    EXPECT_EQ_INT(5000, m.until_ms);
    EXPECT_TRUE(notify_due_ms(&book) == INT64_MAX);
    notify_raise(&book, NOTIFY_STORE_DEGRADED, "", 2, 100000); // another time
    EXPECT_TRUE(notify_next(&book, 100000, &m));
    EXPECT_EQ_UINT(2, m.epoch);
}

static void test_what_flaps_is_told_once(void) {
    fresh();
    notify_raise(&book, NOTIFY_BREAKER_OPEN, "site", 1, 0);
    EXPECT_TRUE(notify_next(&book, 0, &m));
    for (int64_t t = 1000; t < 500000; t += 20000) {
        notify_clear(&book, NOTIFY_BREAKER_OPEN, "site", t);
        notify_raise(&book, NOTIFY_BREAKER_OPEN, "site", (uint64_t)t, t + 10000);
        EXPECT_FALSE(notify_next(&book, t + 19999, &m));
    }
}

static void test_what_nobody_heard_of_passes_in_silence(void) {
    fresh();
    notify_raise(&book, NOTIFY_DLQ_SIZE, "q", 1, 1000);
    notify_clear(&book, NOTIFY_DLQ_SIZE, "q", 1000);
    notify_clear(&book, NOTIFY_DLQ_SIZE, "other", 1000);
    EXPECT_FALSE(notify_next(&book, 1000000, &m));
}

static struct job_id id_of(unsigned char n) {
    struct job_id id = {{0}};
    ((unsigned char *)&id)[sizeof id - 1] = n;
    return id;
}

static void test_many_are_one_message(void) {
    fresh();
    for (unsigned char i = 1; i <= 20; i++) {
        struct job_id id = id_of(i);
        notify_happen(&book, NOTIFY_JOB_DEAD, "a.b", &id, 1000 + i);
    }
    EXPECT_FALSE(notify_next(&book, 1001 + NOTIFY_GATHER_MS - 1, &m));
    EXPECT_TRUE(notify_next(&book, 1001 + NOTIFY_GATHER_MS, &m));
    EXPECT_EQ_UINT(20, m.count);
    EXPECT_EQ_UINT(NOTIFY_IDS_MAX, m.id_count);
    struct job_id first = id_of(1);
    EXPECT_TRUE(memcmp(&first, &m.ids[0], sizeof first) == 0);
    int64_t told = 1001 + NOTIFY_GATHER_MS;
    notify_happen(&book, NOTIFY_JOB_DEAD, "a.b", &first,
                  told + 1); // the next one waits for company
    EXPECT_FALSE(notify_next(&book, told + NOTIFY_APART_MS - 1, &m));
    EXPECT_TRUE(notify_next(&book, told + NOTIFY_APART_MS, &m));
    EXPECT_EQ_UINT(1, m.count);
    EXPECT_FALSE(notify_next(&book, told + 2 * NOTIFY_APART_MS, &m)); // and is forgotten
    EXPECT_TRUE(notify_due_ms(&book) == INT64_MAX);
}

static void test_bounded(void) {
    char key[16];
    fresh();
    for (int i = 0; i < NOTIFY_ENTRIES_MAX + 3; i++) {
        (void)snprintf(key, sizeof key, "%d", i);
        notify_raise(&book, NOTIFY_NEEDS_OPERATOR, key, 1, 0);
    }
    EXPECT_EQ_UINT(3, book.lost);
    notify_clear(&book, NOTIFY_NEEDS_OPERATOR, "0", 0);
    notify_raise(&book, NOTIFY_NEEDS_REAUTH, "user:1", 1, 0);
    EXPECT_EQ_UINT(3, book.lost);
}

static void test_names(void) {
    char name[NOTIFY_NAME_MAX];
    struct job_id id = id_of(1);
    fresh();
    notify_raise(&book, NOTIFY_BREAKER_OPEN, "site", 7, 0);
    EXPECT_TRUE(notify_next(&book, 0, &m));
    notify_message_name(&m, name);
    EXPECT_EQ_STR("breaker.open:site:7", name);
    m.resolved = true;
    notify_message_name(&m, name);
    EXPECT_EQ_STR("breaker.open:site:7:over", name);
    notify_happen(&book, NOTIFY_JOB_DEAD, "a.b", &id, 0);
    EXPECT_TRUE(notify_next(&book, NOTIFY_GATHER_MS, &m));
    notify_message_name(&m, name);
    EXPECT_EQ_STR("job.dead:a.b:00000000-0000-0000-0000-000000000001", name);
}

static const struct expect_test tests[] = {
    {"what holds is told once", test_told_once},
    {"and when it is over", test_told_that_it_is_over},
    {"what flaps is told once", test_what_flaps_is_told_once},
    {"what nobody heard of passes in silence", test_what_nobody_heard_of_passes_in_silence},
    {"many are one message", test_many_are_one_message},
    {"the table is bounded", test_bounded},
    {"names of messages", test_names},
};
SUITE_MAIN("notify", tests)
