#include "base/json.h"

#include <string.h>

#include "base/rfc3339.h"
#include "base/utf8.h"

#define ONES      UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

static bool is_plain(uint8_t c) {
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

// True if all eight bytes are plain. In a byte of ASCII, x - n borrows into bit 7 exactly when x <
// n; a borrow from a lower byte happens only where that byte was found out already.
static bool is_plain8(const uint8_t *p) {
    uint64_t x;
    memcpy(&x, p, sizeof x);
    uint64_t quote = x ^ (ONES * '"');
    uint64_t backslash = x ^ (ONES * '\\');
    uint64_t special = x | (x - ONES * 0x20) | (quote - ONES) | (backslash - ONES);
    return (special & HIGH_BITS) == 0;
}

// How many bytes from `p` on can be copied as they are.
static size_t plain_run(const uint8_t *p, const uint8_t *end) {
    const uint8_t *from = p;
    while (end - p >= 8 && is_plain8(p)) {
        p += 8;
    }
    while (p < end && is_plain(*p)) {
        p++;
    }
    return (size_t)(p - from);
}

static void add_escape(struct buf *b, uint8_t c) {
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    const char *short_form = c == 0 ? NULL : strchr(from, c);
    if (short_form != NULL) {
        buf_add(b, (char[]){'\\', to[short_form - from]}, 2);
    } else {
        buf_add(b, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
}

void json_strn(struct buf *b, const char *text, size_t len) {
    const uint8_t *p = (const uint8_t *)text;
    const uint8_t *end = len == 0 ? p : p + len;
    buf_char(b, '"');
    while (p != end) {
        size_t run = plain_run(p, end);
        buf_add(b, p, run);
        p += run;
        if (p == end) {
            break;
        }
        size_t chars = utf8_char_len(p, end);
        if (chars > 1) {
            buf_add(b, p, chars);
        } else if (chars == 1) {
            add_escape(b, *p);
        } else {
            buf_add(b, "\xef\xbf\xbd", 3); // U+FFFD
            chars = 1;
        }
        p += chars;
    }
    buf_char(b, '"');
}

void json_str(struct buf *b, const char *text) {
    if (text == NULL) {
        buf_add(b, "null", 4);
    } else {
        json_strn(b, text, strlen(text));
    }
}

void json_comma(struct buf *b) {
    if (b->len != 0 && strchr("{[:,", b->data[b->len - 1]) == NULL) {
        buf_char(b, ',');
    }
}

void json_key(struct buf *b, const char *key) {
    json_comma(b);
    json_str(b, key);
    buf_char(b, ':');
}

void json_kstr(struct buf *b, const char *key, const char *text) {
    if (text != NULL) {
        json_key(b, key);
        json_str(b, text);
    }
}

void json_kint(struct buf *b, const char *key, int64_t value) {
    char digits[20];
    char *p = digits + sizeof digits;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--p = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude != 0);
    if (value < 0) {
        *--p = '-';
    }
    json_key(b, key);
    buf_add(b, p, (size_t)(digits + sizeof digits - p));
}

void json_kbool(struct buf *b, const char *key, bool value) {
    json_key(b, key);
    buf_str(b, value ? "true" : "false");
}

void json_ktime(struct buf *b, const char *key, int64_t unix_ms) {
    if (unix_ms == 0) {
        return;
    }
    char text[RFC3339_LEN + 3];
    text[0] = '"';
    rfc3339_format(unix_ms, text + 1);
    text[RFC3339_LEN + 1] = '"';
    json_key(b, key);
    buf_add(b, text, RFC3339_LEN + 2);
}
