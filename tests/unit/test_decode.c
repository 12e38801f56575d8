// Bytes from text: every value has one spelling.
#include "base/decode.h"

#include "expect.h"

static bool reads(enum decode_form form, const char *text, const char *want) {
    uint8_t out[64];
    size_t len = 0;
    return decode_bytes(form, bytes_of(text), out, sizeof out, &len) && len == strlen(want) &&
           memcmp(out, want, len) == 0;
}

static bool refuses(enum decode_form form, const char *text) {
    uint8_t out[64];
    size_t len = 77;
    return !decode_bytes(form, bytes_of(text), out, sizeof out, &len) && len == 77;
}

static void test_rfc_vectors(void) { // RFC 4648, 10
    EXPECT_TRUE(reads(DECODE_BASE64, "", ""));
    EXPECT_TRUE(reads(DECODE_BASE64, "Zg==", "f"));
    EXPECT_TRUE(reads(DECODE_BASE64, "Zm8=", "fo"));
    EXPECT_TRUE(reads(DECODE_BASE64, "Zm9v", "foo"));
    EXPECT_TRUE(reads(DECODE_BASE64, "Zm9vYg==", "foob"));
    EXPECT_TRUE(reads(DECODE_BASE64URL, "Zm9vYg", "foob"));
    EXPECT_TRUE(reads(DECODE_BASE64URL, "Zm9vYmE", "fooba"));
    EXPECT_TRUE(reads(DECODE_HEX, "666F6f", "foo"));
    EXPECT_TRUE(reads(DECODE_HEX_LOWER, "666f6f", "foo"));
}

static void test_strict(void) {
    static const char *const base64[] = {"Zg",   "Zg=",      "Zg===",  "Z===",  "=",     "====",
                                         "Zh==", "Zm9=",     "Zm9v\n", " Zm9v", "Zm9v=", "Zm-v",
                                         "Zm_v", "Zg==Zg==", "Zm\0v",  "Zm9v,"};
    for (size_t i = 0; i < sizeof base64 / sizeof base64[0]; i++) {
        EXPECT_TRUE(refuses(DECODE_BASE64, base64[i]));
    }
    static const char *const url[] = {"Zg==", "Zh", "Z", "Zm9vY", "Zm+v", "Zm/v", "Zm9=", "Zm8."};
    for (size_t i = 0; i < sizeof url / sizeof url[0]; i++) {
        EXPECT_TRUE(refuses(DECODE_BASE64URL, url[i]));
    }
    EXPECT_TRUE(refuses(DECODE_HEX_LOWER, "6F"));
    EXPECT_TRUE(refuses(DECODE_HEX_UPPER, "6f"));
    EXPECT_TRUE(reads(DECODE_HEX_UPPER, "6F", "o"));
    EXPECT_TRUE(refuses(DECODE_HEX, "6"));
    EXPECT_TRUE(refuses(DECODE_HEX, "6g"));
    EXPECT_TRUE(refuses(DECODE_HEX, "0x"));
}

static void test_every_character(void) {
    static const char standard[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int c = 0; c < 256; c++) {
        char text[4] = {'A', 'A', 'A', (char)c};
        uint8_t out[3];
        size_t len;
        bool is_url = c == '-' || c == '_';
        const char *at = c == 0 ? NULL : strchr(standard, c);
        bool good = decode_bytes(DECODE_BASE64, (struct bytes){text, 4}, out, 3, &len);
        EXPECT_EQ_INT(at != NULL || c == '=', good);
        if (at != NULL && good) {
            EXPECT_EQ_INT(at - standard, out[2]);
        }
        good = decode_bytes(DECODE_BASE64URL, (struct bytes){text, 4}, out, 3, &len);
        EXPECT_EQ_INT(is_url || (at != NULL && c != '+' && c != '/'), good);
    }
}

static void test_room(void) {
    uint8_t out[4] = {0, 0, 0, 9};
    size_t len = 0;
    EXPECT_TRUE(decode_bytes(DECODE_BASE64, bytes_of("Zm9v"), out, 3, &len));
    EXPECT_FALSE(decode_bytes(DECODE_BASE64, bytes_of("Zm9vYg=="), out, 3, &len));
    EXPECT_FALSE(decode_bytes(DECODE_HEX, bytes_of("01020304"), out, 3, &len));
    EXPECT_EQ_INT(9, out[3]);
}

static void test_there_and_back(void) {
    static const enum decode_form forms[] = {DECODE_HEX, DECODE_HEX_LOWER, DECODE_HEX_UPPER,
                                             DECODE_BASE64, DECODE_BASE64URL};
    uint8_t data[48], out[DECODE_ROOM(96)];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 37 + 251);
    }
    for (size_t f = 0; f < 5; f++) {
        for (size_t n = 0; n <= sizeof data; n++) {
            struct buf text = {0};
            size_t len = 0;
            encode_bytes(forms[f], data, n, &text);
            EXPECT_TRUE(decode_bytes(forms[f], buf_bytes(&text), out, sizeof out, &len));
            EXPECT_EQ_BYTES(data, n, out, len);
            buf_free(&text);
        }
    }
}

static void test_numbers(void) {
    int64_t n = 0;
    EXPECT_TRUE(decode_number(bytes_of("1"), &n));
    EXPECT_EQ_INT(1, n);
    EXPECT_TRUE(decode_number(bytes_of("999999999999999"), &n));
    EXPECT_EQ_INT(INT64_C(999999999999999), n);
    static const char *const bad[] = {"",
                                      "0",
                                      "01",
                                      "+1",
                                      "-1",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "1e3",
                                      "0x1",
                                      "1a",
                                      "1000000000000000",
                                      "18446744073709551617",
                                      "١"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_FALSE(decode_number(bytes_of(bad[i]), &n));
    }
}

static const struct expect_test tests[] = {
    {"vectors of RFC 4648", test_rfc_vectors},
    {"one spelling for each value", test_strict},
    {"each character of base64", test_every_character},
    {"no more than there is room for", test_room},
    {"written and read again", test_there_and_back},
    {"numbers without leniency", test_numbers},
};
SUITE_MAIN("decode", tests)
