#include <errno.h>

#include "expect.h"
#include "failing_alloc.h"
#include "store/redis/idset.h"

static struct job_id id_of(uint32_t n) {
    struct job_id id = {{1}};
    memcpy(id.b + 8, &n, sizeof n);
    return id;
}

static void test_each_once(void) {
    enum { COUNT = 5000 };
    struct idset set = {.slots = NULL};
    struct job_id absent = id_of(COUNT);
    EXPECT_FALSE(idset_has(&set, &absent));
    for (uint32_t i = 0; i < COUNT; i++) {
        struct job_id id = id_of(i);
        if (idset_add(&set, &id) != 1 || idset_add(&set, &id) != 0) {
            (void)EXPECT_EQ_UINT(UINT32_MAX, i);
        }
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        struct job_id id = id_of(i);
        if (!idset_has(&set, &id)) {
            (void)EXPECT_EQ_UINT(UINT32_MAX, i);
        }
    }
    EXPECT_EQ_UINT(COUNT, set.count);
    EXPECT_FALSE(idset_has(&set, &absent));
    idset_free(&set);
    EXPECT_FALSE(idset_has(&set, &absent));
}

static void test_without_memory(void) {
    struct idset set = {.slots = NULL};
    struct job_id id = id_of(1);
    failing_alloc_after(1);
    int r = idset_add(&set, &id);
    failing_alloc_after(0);
    EXPECT_EQ_INT(-ENOMEM, r);
    EXPECT_EQ_INT(1, idset_add(&set, &id));
    idset_free(&set);
}

static const struct expect_test tests[] = {
    {"each id is in it once", test_each_once},
    {"out of memory", test_without_memory},
};
SUITE_MAIN("redis_idset", tests)
