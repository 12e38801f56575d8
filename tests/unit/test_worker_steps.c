// What an attempt knows of its job's steps; and the queue of tasks.
#include <errno.h>
#include <stdlib.h>

#include "expect.h"
#include "failing_alloc.h"
#include "worker/steps.h"
#include "worker/task.h"

static void test_steps(void) {
    struct steps s = {0};
    struct arena a = {0};
    struct bytes b = {NULL, 0};
    EXPECT_EQ_INT(STEPS_UNKNOWN, steps_find(&s, "x", &b));
    EXPECT_EQ_INT(0, steps_note(&s, &a, "x", STEPS_ABSENT, b));
    EXPECT_EQ_INT(STEPS_ABSENT, steps_find(&s, "x", &b));
    EXPECT_EQ_INT(0, steps_note(&s, &a, "x", STEPS_PRESENT, bytes_of("value")));
    EXPECT_EQ_INT(STEPS_PRESENT, steps_find(&s, "x", &b));
    EXPECT_EQ_BYTES("value", 5, b.data, b.len);
    EXPECT_EQ_INT(0, steps_note(&s, &a, "large", STEPS_ELSEWHERE, b));
    EXPECT_EQ_INT(STEPS_ELSEWHERE, steps_find(&s, "large", &b));
    for (int i = 0; i < 10000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        EXPECT_EQ_INT(0, steps_note(&s, &a, name, STEPS_PRESENT, bytes_of("y")));
    }
    EXPECT_EQ_INT(STEPS_PRESENT, steps_find(&s, "9999", &b));
    EXPECT_EQ_INT(STEPS_UNKNOWN, steps_find(&s, "10000", &b));
    steps_finish(&s);
    steps_finish(&s);
    arena_free(&a);
}

static void test_out_of_memory(void) {
    for (int nth = 1; nth < 8; nth++) {
        struct steps s = {0};
        struct arena a = {0};
        struct bytes b = {NULL, 0};
        int rc = 0;
        int noted = 0;
        failing_alloc_after(nth);
        for (int i = 0; rc == 0 && i < 10000; i++) {
            char name[16];
            (void)snprintf(name, sizeof name, "%d", i);
            rc = steps_note(&s, &a, name, STEPS_ABSENT, b);
            noted += rc == 0;
        }
        failing_alloc_after(0);
        EXPECT_EQ_INT(-ENOMEM, rc);
        EXPECT_EQ_INT(noted > 0 ? STEPS_ABSENT : STEPS_UNKNOWN, steps_find(&s, "0", &b));
        steps_finish(&s);
        arena_free(&a);
    }
}

// ---- tasks ----

static const struct jh_handler serial = {.name = "serial"};
static const struct jh_handler concurrent = {.name = "concurrent", .flags = JH_HANDLER_CONCURRENT};

static void add(struct task_queue *q, uint64_t slot, const struct jh_handler *handler) {
    struct task *t = calloc(1, sizeof *t);
    t->slot = slot;
    t->handler = handler;
    task_queue_add(q, t);
}

static struct task *expect_take(struct task_queue *q, uint64_t slot) {
    struct task *t = task_queue_take(q);
    EXPECT_EQ_UINT(slot, t == NULL ? 0 : t->slot);
    return t;
}

static void end(struct task_queue *q, struct task *t) {
    if (t != NULL) {
        task_queue_ran(q, t);
        task_free(t);
    }
}

static void test_order(void) {
    struct task_queue q;
    task_queue_init(&q);
    EXPECT_FALSE(task_queue_ready(&q));
    EXPECT_NULL(task_queue_take(&q));
    add(&q, 1, &concurrent);
    add(&q, 2, &concurrent);
    add(&q, 3, &serial);
    add(&q, 4, &concurrent);
    struct task *one = expect_take(&q, 1);
    struct task *two = expect_take(&q, 2);
    EXPECT_NULL(task_queue_take(&q)); // 3 waits to be alone, 4 does not overtake it
    end(&q, one);
    EXPECT_NULL(task_queue_take(&q));
    end(&q, two);
    struct task *three = expect_take(&q, 3);
    EXPECT_NULL(task_queue_take(&q)); // nothing beside it
    end(&q, three);
    end(&q, expect_take(&q, 4));
    EXPECT_NULL(task_queue_take(&q));
}

static void test_recall(void) {
    struct task_queue q;
    task_queue_init(&q);
    for (uint64_t slot = 1; slot <= 3; slot++) {
        add(&q, slot, &serial);
    }
    struct task *t = task_queue_recall(&q, 2);
    EXPECT_TRUE(t != NULL && t->slot == 2);
    task_free(t);
    EXPECT_NULL(task_queue_recall(&q, 2));
    q.held = true;
    EXPECT_FALSE(task_queue_ready(&q));
    q.held = false;
    end(&q, expect_take(&q, 1));
    end(&q, expect_take(&q, 3));
    task_free(NULL);
}

static const struct expect_test tests[] = {
    {"steps: unknown, absent, present, elsewhere", test_steps},
    {"steps: out of memory", test_out_of_memory},
    {"tasks: in order, serial ones alone", test_order},
    {"tasks: recalled, held", test_recall},
};
SUITE_MAIN("worker: steps and tasks", tests)
