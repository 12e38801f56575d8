#include "core/waits.h"

#include <errno.h>
#include <string.h>

#include "expect.h"

// A text of n bytes 'x'.
static const char *long_text(size_t n) {
    static char text[8192];
    memset(text, 'x', n);
    text[n] = '\0';
    return text;
}

static void test_names(void) {
    static const char *const good[] = {"paid", "order-17.paid", "a:b@c_d", "7"};
    static const char *const bad[] = {"", "a b", "a/b", "a#1", "a\n", "\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        EXPECT_EQ_INT(0, waits_check_name(good[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT_EQ_INT(-EINVAL, waits_check_name(bad[i]));
    }
    EXPECT_EQ_INT(-EINVAL, waits_check_name(NULL));
    EXPECT_EQ_INT(0, waits_check_name(long_text(WAITS_EVENT_NAME_MAX)));
    EXPECT_EQ_INT(-EFBIG, waits_check_name(long_text(WAITS_EVENT_NAME_MAX + 1)));
}

static void test_keys_and_types(void) {
    EXPECT_EQ_INT(0, waits_check_event_key("a#1/b"));
    EXPECT_EQ_INT(-EINVAL, waits_check_event_key(""));
    EXPECT_EQ_INT(-EINVAL, waits_check_event_key("a b"));
    EXPECT_EQ_INT(0, waits_check_event_key(long_text(WAITS_EVENT_KEY_MAX)));
    EXPECT_EQ_INT(-EFBIG, waits_check_event_key(long_text(WAITS_EVENT_KEY_MAX + 1)));
    EXPECT_EQ_INT(0, waits_check_type("text/plain; charset=utf-8"));
    EXPECT_EQ_INT(-EINVAL, waits_check_type("text/\nplain"));
    EXPECT_EQ_INT(-EINVAL, waits_check_type(" text"));
    EXPECT_EQ_INT(0, waits_check_type(long_text(JOB_CONTENT_TYPE_MAX)));
    EXPECT_EQ_INT(-EFBIG, waits_check_type(long_text(JOB_CONTENT_TYPE_MAX + 1)));
}

static void test_step_names(void) {
    char name[WAITS_STEP_MAX];
    waits_event_step("paid", 0, name);
    EXPECT_EQ_STR("event:paid", name);
    waits_event_step("paid", 2, name);
    EXPECT_EQ_STR("event:paid#2", name);
    waits_plain_step("paid", name);
    EXPECT_EQ_STR("event:paid#", name);
    waits_operator_step("charge", name);
    EXPECT_EQ_STR("operator:charge", name);
    waits_event_step(long_text(WAITS_EVENT_NAME_MAX), UINT32_MAX, name);
    EXPECT_EQ_UINT(6 + WAITS_EVENT_NAME_MAX + 11, strlen(name));
}

static void check_step(const char *text, const struct waits_step *step) {
    struct buf b = {0};
    struct waits_step got;
    waits_step_put(&b, step);
    EXPECT_EQ_BYTES(text, strlen(text), b.data, b.len);
    EXPECT_EQ_INT(0, waits_step_read(buf_bytes(&b), &got));
    EXPECT_EQ_INT(step->state, got.state);
    EXPECT_EQ_INT(step->at_ms, got.at_ms);
    EXPECT_EQ_INT(step->since_ms, got.since_ms);
    EXPECT_EQ_STR(step->position[0] == '\0' ? "-" : step->position, got.position);
    EXPECT_EQ_STR(step->type, got.type);
    EXPECT_EQ_BYTES(step->value.data, step->value.len, got.value.data, got.value.len);
    buf_free(&b);
}

static void test_steps(void) {
    check_step("open 0 0 -\n", &(struct waits_step){.state = WAITS_OPEN});
    check_step("open 1700000000000 5 1700000000000-3\n",
               &(struct waits_step){.state = WAITS_OPEN,
                                    .at_ms = 1700000000000,
                                    .since_ms = 5,
                                    .position = "1700000000000-3"});
    check_step("late 5 17\n",
               &(struct waits_step){.state = WAITS_LATE, .at_ms = 5, .position = "17"});
    check_step("got 5 17 -\n",
               &(struct waits_step){.state = WAITS_GOT, .at_ms = 5, .position = "17"});
    check_step("got 5 17 text/plain; charset=utf-8\none\ntwo",
               &(struct waits_step){.state = WAITS_GOT,
                                    .at_ms = 5,
                                    .position = "17",
                                    .type = "text/plain; charset=utf-8",
                                    .value = {"one\ntwo", 7}});
}

static void test_damaged_steps(void) {
    static const char *const bad[] = {"",
                                      "open",
                                      "open 0 0 -",
                                      "open 0 -\n",
                                      "open x 0 -\n",
                                      "open 0 x -\n",
                                      "open -1 0 -\n",
                                      "open 99999999999999999999 0 -\n",
                                      "shut 0 -\n",
                                      "open 0 0 - more\n",
                                      "open 0 0 -\nmore",
                                      "got 0 -\n",
                                      "got 0 - \n",
                                      "late 0 123456789012345678901234567890123456789012\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct waits_step got;
        EXPECT_EQ_INT(-EBADMSG, waits_step_read((struct bytes){bad[i], strlen(bad[i])}, &got));
    }
}

static void test_events(void) {
    struct waits_event got;
    char text[WAITS_EVENT_TEXT_MAX];
    waits_event_put(&(struct waits_event){.n = 3, .since_ms = 1700000000000, .position = "5-1"},
                    text);
    EXPECT_EQ_STR("3 1700000000000 5-1", text);
    EXPECT_EQ_INT(0, waits_event_read(text, &got));
    EXPECT_EQ_UINT(3, got.n);
    EXPECT_EQ_INT(1700000000000, got.since_ms);
    EXPECT_EQ_STR("5-1", got.position);
    waits_event_put(&(struct waits_event){.n = 0}, text);
    EXPECT_EQ_STR("0 0 -", text);
    static const char *const bad[] = {
        "",       "1",      "1 2",       "1 2 ", "x 2 -", "1 x -", "4294967296 0 -",
        "1 2 3-", "1 2 -3", "1 2 1-2-3", "1 2 x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT_EQ_INT(-EBADMSG, waits_event_read(bad[i], &got));
    }
    EXPECT_EQ_INT(-EBADMSG, waits_event_read(NULL, &got));
}

static void test_questions(void) {
    const char *const choices[] = {"refund", "charge again", NULL};
    struct waits_question q;
    struct buf b = {0};
    EXPECT_EQ_INT(0, waits_question_put(&b, "Was it paid?", choices));
    buf_char(&b, '\0');
    EXPECT_EQ_STR("Was it paid?\nrefund\ncharge again", b.data);
    EXPECT_EQ_INT(0, waits_question_read(b.data, &q));
    EXPECT_EQ_BYTES("Was it paid?", 12, q.question.data, q.question.len);
    EXPECT_EQ_UINT(2, q.choice_count);
    EXPECT_EQ_BYTES("charge again", 12, q.choices[1].data, q.choices[1].len);
    EXPECT_EQ_INT(0, waits_check_answer(&q, "refund"));
    EXPECT_EQ_INT(-ENOENT, waits_check_answer(&q, "refund "));
    EXPECT_EQ_INT(-EINVAL, waits_check_answer(&q, ""));
    EXPECT_EQ_INT(-EINVAL, waits_check_answer(&q, NULL));
    EXPECT_EQ_INT(0, waits_question_read("Which account?", &q));
    EXPECT_EQ_UINT(0, q.choice_count);
    EXPECT_EQ_INT(0, waits_check_answer(&q, "any\ttext\nof lines"));
    EXPECT_EQ_INT(-EINVAL, waits_check_answer(&q, "a\x1b[2J"));
    EXPECT_EQ_INT(0, waits_check_answer(&q, long_text(WAITS_ANSWER_MAX)));
    EXPECT_EQ_INT(-EFBIG, waits_check_answer(&q, long_text(WAITS_ANSWER_MAX + 1)));
    EXPECT_EQ_INT(-EBADMSG, waits_question_read(NULL, &q));
    buf_free(&b);
}

static int put(const char *question, const char *const *choices) {
    struct buf b = {0};
    struct waits_question q;
    int r = waits_question_put(&b, question, choices);
    buf_char(&b, '\0');
    EXPECT_TRUE(r < 0 || b.len - 1 <= WAITS_FOR_MAX);
    EXPECT_EQ_INT(0, r < 0 ? 0 : waits_question_read(b.data, &q));
    buf_free(&b);
    return r;
}

static void test_question_limits(void) {
    const char *choices[WAITS_CHOICES_MAX + 2] = {NULL};
    EXPECT_EQ_INT(-EINVAL, put(NULL, NULL));
    EXPECT_EQ_INT(-EINVAL, put("", NULL));
    EXPECT_EQ_INT(-EINVAL, put("two\nlines", NULL));
    EXPECT_EQ_INT(-EINVAL, put("a\x7f", NULL));
    EXPECT_EQ_INT(0, put(long_text(WAITS_QUESTION_MAX), NULL));
    EXPECT_EQ_INT(-EFBIG, put(long_text(WAITS_QUESTION_MAX + 1), NULL));
    choices[0] = "";
    EXPECT_EQ_INT(-EINVAL, put("q", choices));
    choices[0] = long_text(WAITS_CHOICE_MAX + 1);
    EXPECT_EQ_INT(-EFBIG, put("q", choices));
    const char *most = long_text(WAITS_CHOICE_MAX);
    for (size_t i = 0; i < WAITS_CHOICES_MAX; i++) {
        choices[i] = most;
    }
    EXPECT_EQ_INT(0, put("q", choices));
    choices[WAITS_CHOICES_MAX] = most;
    EXPECT_EQ_INT(-EFBIG, put("q", choices));
}

static const struct expect_test tests[] = {
    {"names of events, at the limit and above", test_names},
    {"keys and types of events", test_keys_and_types},
    {"names of steps", test_step_names},
    {"steps are read as they are written", test_steps},
    {"a damaged step is none", test_damaged_steps},
    {"what a job waits for is read as it is written", test_events},
    {"questions, and answers to them", test_questions},
    {"limits of questions and choices", test_question_limits},
};
SUITE_MAIN("waits", tests)
