// Signed tokens: what is split is written again to the same bytes; what is found in an object is JSON, is
// there once, and a number is the one that its digits say.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/decode.h"
#include "base/json.h"
#include "fuzz.h"
#include "intake/jwt.h"

static void check_split(struct bytes text, struct arena *a) {
    struct jwt jwt;
    struct buf again = {0};
    if (!jwt_split(text, a, &jwt)) {
        return;
    }
    encode_bytes(DECODE_BASE64URL, jwt.header.data, jwt.header.len, &again);
    buf_char(&again, '.');
    encode_bytes(DECODE_BASE64URL, jwt.payload.data, jwt.payload.len, &again);
    FUZZ_CHECK(bytes_equal(buf_bytes(&again), jwt.signed_text));
    buf_char(&again, '.');
    encode_bytes(DECODE_BASE64URL, jwt.signature, sizeof jwt.signature, &again);
    FUZZ_CHECK(bytes_equal(buf_bytes(&again), text));
    buf_free(&again);
}

static void check_members(struct bytes text, struct arena *a) {
    static const struct bytes names[] = {{"alg", 3}, {"crit", 4}, {"exp", 3}, {"", 0}};
    struct bytes values[ARRAY_LEN(names)];
    char digits[32];
    if (!jwt_members(text, names, values, ARRAY_LEN(names), a)) {
        return;
    }
    FUZZ_CHECK(json_is_valid(text));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int64_t n;
        FUZZ_CHECK(values[i].data == NULL || json_is_valid(values[i]));
        FUZZ_CHECK(bytes_equal(values[i], json_member(text, names[i].data)));
        if (jwt_integer(values[i], &n)) {
            FUZZ_CHECK(n >= 0 && n < INT64_C(1) << 53);
            int len = snprintf(digits, sizeof digits, "%" PRId64, n);
            FUZZ_CHECK(bytes_equal((struct bytes){digits, (size_t)len}, values[i]));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {.head = NULL};
    check_split((struct bytes){data, size}, &a);
    check_members((struct bytes){data, size}, &a);
    arena_free(&a);
    return 0;
}
