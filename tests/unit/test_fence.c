#include "base/bytes.h"
#include "core/fence.h"
#include "vectors.h"

static enum fence_verdict of(bool running, uint32_t token, uint32_t number, bool goes_on) {
    const struct fence_stored stored = {running, 7, 3};
    return fence_commit(&stored, token, number, goes_on);
}

static void test_table(void) {
    EXPECT_EQ_INT(FENCE_APPLY, of(true, 7, 4, true));
    EXPECT_EQ_INT(FENCE_APPLY, of(true, 7, 4, false));
    EXPECT_EQ_INT(FENCE_APPLIED, of(true, 7, 3, true));
    EXPECT_EQ_INT(FENCE_ODD, of(true, 7, 3, false)); // an end that was applied is an end
    EXPECT_EQ_INT(FENCE_ODD, of(true, 7, 5, true));
    EXPECT_EQ_INT(FENCE_ODD, of(true, 7, 2, true));
    EXPECT_EQ_INT(FENCE_STALE, of(true, 6, 4, true));
    EXPECT_EQ_INT(FENCE_STALE, of(true, 8, 4, true));
    EXPECT_EQ_INT(FENCE_APPLIED, of(false, 7, 3, false));
    EXPECT_EQ_INT(FENCE_STALE, of(false, 7, 4, false));
    EXPECT_EQ_INT(FENCE_STALE, of(false, 6, 3, false));
}

// The form in Lua is run against them as well: test_redis_lua.c.
static void test_vectors(void) {
    uint64_t v[7];
    unsigned count = 0;
    FILE *f = vectors_open("fence.txt");
    while (vectors_next(f, v, ARRAY_LEN(v))) {
        const struct fence_stored stored = {v[0] != 0, (uint32_t)v[1], (uint32_t)v[2]};
        EXPECT_EQ_UINT(v[6], fence_commit(&stored, (uint32_t)v[3], (uint32_t)v[4], v[5] != 0));
        count++;
    }
    EXPECT_TRUE(count > 1000);
    (void)fclose(f);
}

static const struct expect_test tests[] = {
    {"fences", test_table},
    {"fence_commit() against the vectors", test_vectors},
};
SUITE_MAIN("fence", tests)
