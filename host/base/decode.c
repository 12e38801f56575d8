#include "base/decode.h"

// ---- hexadecimal

static int hex_value(uint8_t c, enum decode_form form) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return form == DECODE_HEX_UPPER ? -1 : c - 'a' + 10;
    }
    return form != DECODE_HEX_LOWER && c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode_hex(enum decode_form form, struct bytes text, uint8_t *out, size_t room,
                       size_t *ret_len) {
    const uint8_t *p = text.data;
    if (text.len % 2 != 0 || text.len / 2 > room) {
        return false;
    }
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = hex_value(p[2 * i], form), low = hex_value(p[2 * i + 1], form);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high * 16 + low);
    }
    *ret_len = text.len / 2;
    return true;
}

// ---- base64

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define NO     255 // not of the alphabet
#define NO4    NO, NO, NO, NO
#define NO8    NO4, NO4
#define NO32   NO8, NO8, NO8, NO8
#define NO128  NO32, NO32, NO32, NO32
#define DIGITS 52, 53, 54, 55, 56, 57, 58, 59, 60, 61
#define UPPER                                                                                      \
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25
#define LOWER                                                                                      \
    26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,    \
        49, 50, 51

static const uint8_t standard_values[256] = {NO32, NO8,    NO,  NO, NO,    62,  NO,    NO,   NO,
                                             63,   DIGITS, NO4, NO, NO,    NO,  UPPER, NO,   NO,
                                             NO,   NO,     NO,  NO, LOWER, NO4, NO,    NO128};
static const uint8_t url_safe_values[256] = {NO32, NO8, NO4, NO,    62,    NO, NO,   DIGITS,
                                             NO4,  NO,  NO,  NO,    UPPER, NO, NO,   NO,
                                             NO,   63,  NO,  LOWER, NO4,   NO, NO128};
#undef NO
#undef NO4
#undef NO8
#undef NO32
#undef NO128
#undef DIGITS
#undef UPPER
#undef LOWER

// How many characters of `text` are no padding; false where the padding is not as the form has it.
static bool base64_data(struct bytes text, bool url, size_t *ret_len) {
    const char *p = text.data;
    size_t len = text.len;
    if (!url) {
        if (len % 4 != 0) {
            return false;
        }
        len -= len > 0 && p[len - 1] == '=';
        len -= len < text.len && p[len - 1] == '=';
    }
    *ret_len = len;
    return len % 4 != 1;
}

// The last two or three characters; false if they stand for more bits than there are bytes.
static bool decode_tail(const uint8_t *p, size_t len, const uint8_t values[256], uint8_t *out) {
    uint32_t a = values[p[0]], b = values[p[1]], c = len == 3 ? values[p[2]] : 0;
    out[0] = (uint8_t)(a << 2 | b >> 4);
    if (len == 3) {
        out[1] = (uint8_t)(b << 4 | c >> 2);
    }
    return ((a | b | c) & ~63U) == 0 && (len == 3 ? (c & 3) : (b & 15)) == 0;
}

static bool decode_base64(struct bytes text, bool url, uint8_t *out, size_t room, size_t *ret_len) {
    const uint8_t *p = text.data, *values = url ? url_safe_values : standard_values;
    size_t len;
    if (!base64_data(text, url, &len)) {
        return false;
    }
    size_t tail = len % 4, count = len / 4 * 3 + (tail == 0 ? 0 : tail - 1);
    if (count > room) {
        return false;
    }
    uint32_t all = 0;
    for (size_t i = 0; i < len / 4; i++) {
        uint32_t a = values[p[4 * i]], b = values[p[4 * i + 1]];
        uint32_t c = values[p[4 * i + 2]], d = values[p[4 * i + 3]];
        all |= a | b | c | d;
        out[3 * i] = (uint8_t)(a << 2 | b >> 4);
        out[3 * i + 1] = (uint8_t)(b << 4 | c >> 2);
        out[3 * i + 2] = (uint8_t)(c << 6 | d);
    }
    if ((all & ~63U) != 0 ||
        (tail != 0 && !decode_tail(p + len - tail, tail, values, out + len / 4 * 3))) {
        return false;
    }
    *ret_len = count;
    return true;
}

static void encode_base64(const uint8_t *p, size_t len, bool url, struct buf *out) {
    const char *alphabet = url ? url_safe : standard;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                        (left > 2 ? p[i + 2] : 0);
        for (size_t j = 0; j <= left; j++) {
            buf_char(out, alphabet[bits >> (18 - 6 * j) & 63]);
        }
        for (size_t j = left; j < 3 && !url; j++) {
            buf_char(out, '=');
        }
    }
}

// ----

bool decode_bytes(enum decode_form form, struct bytes text, uint8_t *out, size_t room,
                  size_t *ret_len) {
    switch (form) {
    case DECODE_HEX:
    case DECODE_HEX_LOWER:
    case DECODE_HEX_UPPER: return decode_hex(form, text, out, room, ret_len);
    case DECODE_BASE64:
    case DECODE_BASE64URL: return decode_base64(text, form == DECODE_BASE64URL, out, room, ret_len);
    }
    return false;
}

void encode_bytes(enum decode_form form, const void *data, size_t len, struct buf *out) {
    const char *digits = form == DECODE_HEX_UPPER ? "0123456789ABCDEF" : "0123456789abcdef";
    const uint8_t *p = data;
    if (form == DECODE_BASE64 || form == DECODE_BASE64URL) {
        encode_base64(p, len, form == DECODE_BASE64URL, out);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        buf_char(out, digits[p[i] >> 4]);
        buf_char(out, digits[p[i] & 15]);
    }
}

bool decode_number(struct bytes text, int64_t *ret) {
    const char *p = text.data;
    int64_t n = 0;
    if (text.len < 1 || text.len > 15 || *p == '0') {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return false;
        }
        n = n * 10 + (p[i] - '0');
    }
    *ret = n;
    return true;
}
