#include <errno.h>

#include "core/id.h"
#include "expect.h"
#include "store/pack.h"

struct thing {
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    int64_t time;
    const char *text;
    struct job_id id;
};

#define AT(member) offsetof(struct thing, member)
static const struct pack_field fields[] = {
    {1, PACK_I32, AT(i32)}, {2, PACK_U32, AT(u32)},   {3, PACK_I64, AT(i64)},
    {4, PACK_U64, AT(u64)}, {5, PACK_TIME, AT(time)}, {6, PACK_TEXT, AT(text)},
    {200, PACK_ID, AT(id)},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static const int64_t base = 1700000000000;

static void round_trip(const struct thing *in) {
    struct buf b = {.data = NULL};
    struct thing out = {.i32 = 0};
    pack_fields(&b, fields, FIELDS, in, base);
    EXPECT_EQ_INT(0, pack_read(fields, FIELDS, buf_bytes(&b), &out, base));
    EXPECT_EQ_INT(in->i32, out.i32);
    EXPECT_EQ_UINT(in->u32, out.u32);
    EXPECT_EQ_INT(in->i64, out.i64);
    EXPECT_EQ_UINT(in->u64, out.u64);
    EXPECT_EQ_INT(in->time, out.time);
    EXPECT_EQ_STR(in->text, out.text);
    EXPECT_TRUE(id_equal(&in->id, &out.id));
    buf_free(&b);
}

static void test_values(void) {
    round_trip(&(struct thing){.i32 = 0});
    round_trip(&(struct thing){1, 1, 1, 1, base, "", {{1}}});
    round_trip(&(struct thing){-1, 0, -1, 0, INT64_MIN, "x", {{0}}});
    round_trip(&(struct thing){
        INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX, INT64_MAX, "\xff\x01", {{255, 255}}});
    round_trip(
        &(struct thing){INT32_MIN, 0, INT64_MIN, 1ull << 63, 1, "long text with\nlines", {{0}}});
}

static void test_defaults_take_no_space(void) {
    struct buf b = {.data = NULL};
    pack_fields(&b, fields, FIELDS, &(struct thing){.i32 = 0}, base);
    EXPECT_EQ_UINT(0, b.len);
    pack_fields(&b, fields, FIELDS, &(struct thing){.time = base}, base);
    EXPECT_EQ_UINT(2, b.len); // the base itself is a time too
    buf_free(&b);
}

static void test_unknown_fields(void) {
    struct buf b = {.data = NULL};
    struct thing out = {.i32 = 0};
    pack_number(&b, 77, -5);
    pack_bytes(&b, 78, bytes_of("from the future"));
    pack_number(&b, 1, 42);
    EXPECT_EQ_INT(0, pack_read(fields, FIELDS, buf_bytes(&b), &out, base));
    EXPECT_EQ_INT(42, out.i32);
    buf_free(&b);
}

// Whatever the bytes, the answer is "read" or "damaged", and nothing beyond them is touched
// (AddressSanitizer watches).
static void test_damage(void) {
    struct buf good = {.data = NULL};
    uint64_t dice = 88172645463325252u;
    pack_fields(&good, fields, FIELDS, &(struct thing){1, 2, 3, 4, base + 5, "some text", {{6}}},
                base);
    for (int round = 0; round < 20000; round++) {
        size_t len = round % 2 == 0 ? good.len : (size_t)round % good.len;
        char *copy = malloc(len + 1);
        memcpy(copy, good.data, len);
        for (int i = 0; i < round % 4 && len > 0; i++) {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            copy[dice % len] = (char)(dice >> 32);
        }
        char *exact = realloc(copy, len == 0 ? 1 : len);
        struct thing out = {.i32 = 0};
        int r = pack_read(fields, FIELDS, (struct bytes){exact, len}, &out, base);
        EXPECT_TRUE(r == 0 || r == -EBADMSG);
        free(exact);
    }
    buf_free(&good);
}

static const struct expect_test tests[] = {
    {"values come back", test_values},
    {"defaults take no space", test_defaults_take_no_space},
    {"fields of a newer program are skipped", test_unknown_fields},
    {"damaged records are refused", test_damage},
};
SUITE_MAIN("pack", tests)
