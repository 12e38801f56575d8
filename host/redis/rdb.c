#include "redis/rdb.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    TYPE_HASH_LISTPACK = 16,
    VERSION = 10,   // of Redis 7.0, the first with that type
    HEAD = 6,       // of a listpack
    ENTRY_MAX = 10, // what an entry takes besides a string: its kind, its length, and that of both
    FRAME = 1 + 5 + 1 + 10, // type, length of the listpack, its end, version and CRC
    DIGITS_MAX = 20,
};

/* ------------------------------------------------------------------ CRC-64 (Jones), reflected */

static const uint64_t POLYNOMIAL = 0x95ac9329ac4bc9b5;
static uint64_t crc_table[256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void make_table(void) {
    for (unsigned i = 0; i < 256; i++) {
        uint64_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        }
        crc_table[i] = crc;
    }
}

uint64_t redis_crc64(const void *data, size_t len) {
    const unsigned char *p = data;
    uint64_t crc = 0;
    (void)pthread_once(&crc_once, make_table);
    for (size_t i = 0; i < len; i++) {
        crc = crc_table[(crc ^ p[i]) & 0xff] ^ crc >> 8;
    }
    return crc;
}

/* ------------------------------------------------------------------ numbers */

static unsigned char *put_number(unsigned char *p, uint64_t number, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) {
        *p++ = (unsigned char)(number >> (8 * i));
    }
    return p;
}

// Is it a number written as Redis writes it? Such ones take a few bytes.
static bool as_number(const char *text, size_t len, int64_t *ret) {
    bool negative = len > 0 && *text == '-';
    size_t i = negative;
    uint64_t n = 0, most = (uint64_t)INT64_MAX + negative;
    if (i == len || len > DIGITS_MAX || (text[i] == '0' && len > 1)) {
        return false;
    }
    for (; i < len; i++) {
        unsigned digit = (unsigned char)text[i] - (unsigned)'0';
        if (digit > 9 || n > (most - digit) / 10) {
            return false;
        }
        n = n * 10 + digit;
    }
    *ret = negative ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

/* ------------------------------------------------------------------ the listpack */

static unsigned char *put_integer(unsigned char *p, int64_t n) {
    static const struct {
        unsigned char kind, bits;
    } kinds[] = {{0xf1, 16}, {0xf2, 24}, {0xf3, 32}, {0xf4, 64}};
    if (n >= 0 && n < 128) {
        *p++ = (unsigned char)n;
        return p;
    }
    if (n >= -4096 && n < 4096) {
        *p++ = (unsigned char)(0xc0 | ((uint64_t)n >> 8 & 0x1f));
        *p++ = (unsigned char)n;
        return p;
    }
    size_t i = 0;
    while (kinds[i].bits < 64 &&
           (n < -(INT64_C(1) << (kinds[i].bits - 1)) || n >= INT64_C(1) << (kinds[i].bits - 1))) {
        i++;
    }
    *p++ = kinds[i].kind;
    return put_number(p, (uint64_t)n, kinds[i].bits / 8);
}

static unsigned char *put_string(unsigned char *p, const char *text, size_t len) {
    if (len < 64) {
        *p++ = (unsigned char)(0x80 | len);
    } else if (len < 4096) {
        *p++ = (unsigned char)(0xe0 | len >> 8);
        *p++ = (unsigned char)len;
    } else {
        *p++ = 0xf0;
        p = put_number(p, len, 4);
    }
    memcpy(p, text, len);
    return p + len;
}

// How long the entry is, in groups of 7 bits, the high ones first; to be read backwards: all but the first are marked.
// Redis computes from the length how many groups there are, and takes one more than it needs for 2^14 - 1, 2^21 - 1, ...
static unsigned char *put_length_behind(unsigned char *p, size_t len) {
    unsigned groups = 1;
    while ((len + (groups > 1)) >> (7 * groups) != 0) {
        groups++;
    }
    for (unsigned i = groups; i-- > 0;) {
        *p++ = (unsigned char)((len >> (7 * i) & 0x7f) | (i + 1 < groups ? 0x80 : 0));
    }
    return p;
}

static unsigned char *put_entry(unsigned char *p, const char *text, size_t len) {
    int64_t number;
    unsigned char *end =
        as_number(text, len, &number) ? put_integer(p, number) : put_string(p, text, len);
    return put_length_behind(end, (size_t)(end - p));
}

/* ------------------------------------------------------------------ the form */

// Always in its long form, so that it can be written last.
static void put_string_length(unsigned char *p, size_t length) {
    *p++ = 0x80;
    for (int shift = 24; shift >= 0; shift -= 8) {
        *p++ = (unsigned char)(length >> shift);
    }
}

struct bytes redis_rdb_hash(const char *const *words, const size_t *lens, size_t count,
                            struct arena *a) {
    if (count % 2 != 0 || count >= UINT16_MAX) { // a server that believed it would end
        return (struct bytes){NULL, 0};
    }
    size_t most = FRAME + HEAD + count * ENTRY_MAX;
    for (size_t i = 0; i < count; i++) {
        most += lens[i];
    }
    unsigned char *form = arena_alloc(a, most);
    if (form == NULL) {
        return (struct bytes){NULL, 0};
    }
    unsigned char *pack = form + 1 + 5, *p = pack + HEAD;
    for (size_t i = 0; i < count; i++) {
        p = put_entry(p, words[i], lens[i]);
    }
    *p++ = 0xff;
    (void)put_number(put_number(pack, (uint64_t)(p - pack), 4), count, 2);
    form[0] = TYPE_HASH_LISTPACK;
    put_string_length(form + 1, (size_t)(p - pack));
    p = put_number(p, VERSION, 2);
    p = put_number(p, redis_crc64(form, (size_t)(p - form)), 8);
    return (struct bytes){form, (size_t)(p - form)};
}
