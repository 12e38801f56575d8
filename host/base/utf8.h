/* UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF. Pure. */
#ifndef JOBHOST_BASE_UTF8_H
#define JOBHOST_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the character that begins at `p` (p < end): 1..4, or 0 if there is no whole valid one.
 */
static inline size_t utf8_char_len(const uint8_t *p, const uint8_t *end) {
    size_t left = (size_t)(end - p);
    uint8_t low = 0x80, high = 0xbf; // bounds of the second byte
    size_t len;
    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        len = 3;
        low = p[0] == 0xe0 ? 0xa0 : low;
        high = p[0] == 0xed ? 0x9f : high;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        low = p[0] == 0xf0 ? 0x90 : low;
        high = p[0] == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (left < len || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if (p[i] < 0x80 || p[i] > 0xbf) {
            return 0;
        }
    }
    return len;
}

/* Takes out what is no character, such as the rest of one that a limit has cut. */
static inline void utf8_drop_broken(char *text) {
    const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
    char *out = text;
    while (p < end) {
        size_t len = utf8_char_len(p, end);
        memmove(out, p, len);
        out += len;
        p += len == 0 ? 1 : len;
    }
    *out = '\0';
}

#endif
