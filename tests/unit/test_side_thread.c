#include "base/side_thread.h"

#include <event2/event.h>
#include <pthread.h>

#include "base/bytes.h"
#include "expect.h"

struct step {
    struct side_op op;
    struct side_thread *thread;
    pthread_t loop;
    char name;
    struct step *then; // posted from done()
};

static char trace[64];

static void work(struct side_op *op) {
    struct step *s = CONTAINER_OF(op, struct step, op);
    EXPECT_FALSE(pthread_equal(s->loop, pthread_self()));
}

static void done(struct side_op *op) {
    struct step *s = CONTAINER_OF(op, struct step, op);
    EXPECT_TRUE(pthread_equal(s->loop, pthread_self()));
    size_t len = strlen(trace);
    (void)snprintf(trace + len, sizeof trace - len, "%c", s->name);
    if (s->then != NULL) {
        side_thread_post(s->thread, &s->then->op);
    }
}

static struct step step(struct side_thread *thread, char name) {
    return (struct step){
        .op = {.work = work, .done = done}, .thread = thread, .loop = pthread_self(), .name = name};
}

static void test_order(void) {
    struct event_base *base = event_base_new();
    struct side_thread *thread = NULL;
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(0, side_thread_new(base, "side", &thread, &e));
    struct step steps[20];
    trace[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        steps[i] = step(thread, (char)('a' + i));
        side_thread_post(thread, &steps[i].op);
    }
    EXPECT_EQ_STR("", trace); // later, on the loop
    while (side_thread_is_busy(thread)) {
        (void)event_base_loop(base, EVLOOP_ONCE);
    }
    EXPECT_EQ_STR("abcdefghijklmnopqrst", trace);
    side_thread_free(&thread);
    EXPECT_NULL(thread);
    side_thread_free(&thread);
    event_base_free(base);
}

static void test_free_finishes(void) {
    struct event_base *base = event_base_new();
    struct side_thread *thread = NULL;
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(0, side_thread_new(base, "side", &thread, &e));
    struct step last = step(thread, 'c'), second = step(thread, 'b'), first = step(thread, 'a');
    first.then = &second;
    second.then = &last;
    trace[0] = '\0';
    side_thread_post(thread, &first.op);
    side_thread_free(&thread);
    EXPECT_EQ_STR("abc", trace);
    event_base_free(base);
}

/* What is posted between side_thread_finish() and side_thread_free() is done too. */
static void test_finish_goes_on(void) {
    struct event_base *base = event_base_new();
    struct side_thread *thread = NULL;
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(0, side_thread_new(base, "side", &thread, &e));
    struct step second = step(thread, 'b'), first = step(thread, 'a'), last = step(thread, 'c');
    first.then = &second;
    trace[0] = '\0';
    side_thread_post(thread, &first.op);
    side_thread_finish(thread);
    EXPECT_EQ_STR("ab", trace);
    EXPECT_FALSE(side_thread_is_busy(thread));
    side_thread_post(thread, &last.op);
    side_thread_free(&thread);
    EXPECT_EQ_STR("abc", trace);
    event_base_free(base);
}

static const struct expect_test tests[] = {
    {"in order, and done on the loop", test_order},
    {"the end waits for what is posted", test_free_finishes},
    {"work may come after a finish", test_finish_goes_on},
};

SUITE_MAIN("side", tests)
