#include "base/disk.h"

#include <event2/event.h>
#include <pthread.h>

#include "base/bytes.h"
#include "expect.h"

struct step {
    struct disk_op op;
    struct disk *disk;
    pthread_t loop;
    char name;
    struct step *then; // posted from done()
};

static char trace[64];

static void work(struct disk_op *op) {
    struct step *s = CONTAINER_OF(op, struct step, op);
    EXPECT_FALSE(pthread_equal(s->loop, pthread_self()));
}

static void done(struct disk_op *op) {
    struct step *s = CONTAINER_OF(op, struct step, op);
    EXPECT_TRUE(pthread_equal(s->loop, pthread_self()));
    size_t len = strlen(trace);
    (void)snprintf(trace + len, sizeof trace - len, "%c", s->name);
    if (s->then != NULL) {
        disk_post(s->disk, &s->then->op);
    }
}

static struct step step(struct disk *disk, char name) {
    return (struct step){
        .op = {.work = work, .done = done}, .disk = disk, .loop = pthread_self(), .name = name};
}

static void test_order(void) {
    struct event_base *base = event_base_new();
    struct disk *disk = NULL;
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(0, disk_new(base, &disk, &e));
    struct step steps[20];
    trace[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        steps[i] = step(disk, (char)('a' + i));
        disk_post(disk, &steps[i].op);
    }
    EXPECT_EQ_STR("", trace); // later, on the loop
    while (disk_is_busy(disk)) {
        (void)event_base_loop(base, EVLOOP_ONCE);
    }
    EXPECT_EQ_STR("abcdefghijklmnopqrst", trace);
    disk_free(&disk);
    EXPECT_NULL(disk);
    disk_free(&disk);
    event_base_free(base);
}

static void test_free_finishes(void) {
    struct event_base *base = event_base_new();
    struct disk *disk = NULL;
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(0, disk_new(base, &disk, &e));
    struct step last = step(disk, 'c'), second = step(disk, 'b'), first = step(disk, 'a');
    first.then = &second;
    second.then = &last;
    trace[0] = '\0';
    disk_post(disk, &first.op);
    disk_free(&disk);
    EXPECT_EQ_STR("abc", trace);
    event_base_free(base);
}

/* What is posted between disk_finish() and disk_free() is done too. */
static void test_finish_goes_on(void) {
    struct event_base *base = event_base_new();
    struct disk *disk = NULL;
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(0, disk_new(base, &disk, &e));
    struct step second = step(disk, 'b'), first = step(disk, 'a'), last = step(disk, 'c');
    first.then = &second;
    trace[0] = '\0';
    disk_post(disk, &first.op);
    disk_finish(disk);
    EXPECT_EQ_STR("ab", trace);
    EXPECT_FALSE(disk_is_busy(disk));
    disk_post(disk, &last.op);
    disk_free(&disk);
    EXPECT_EQ_STR("abc", trace);
    event_base_free(base);
}

static const struct expect_test tests[] = {
    {"in order, and done on the loop", test_order},
    {"the end waits for what is posted", test_free_finishes},
    {"work may come after a finish", test_finish_goes_on},
};

SUITE_MAIN("disk", tests)
