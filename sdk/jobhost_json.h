/* jobhost_json.h — reading flat JSON payloads without a library: top-level members of one object,
 * as text, number or truth value. Inline, C99 and C++17, no allocation. Any bytes are safe to pass;
 * that they are well-formed JSON is checked only as far as they are read. For nested data, building
 * JSON or large documents link a JSON library. */
#ifndef JOBHOST_JSON_H
#define JOBHOST_JSON_H

#include <string.h>

#include "jobhost_plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

/* ---- the parts ---- */

static inline const char *jh_json_space(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }
    return p;
}

/* Past the string that begins at p; `end` if it does not end. */
static inline const char *jh_json_past_string(const char *p, const char *end) {
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\' && p + 1 < end) {
            p++;
        }
    }
    return p < end ? p + 1 : end;
}

/* Past the value that begins at p. */
static inline const char *jh_json_past_value(const char *p, const char *end) {
    size_t depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = jh_json_past_string(p, end);
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            if (depth == 0) {
                return p;
            }
            depth--;
            p++;
        } else if (*p == ',' && depth == 0) {
            return p;
        } else {
            p++;
            continue;
        }
        if (depth == 0) {
            return p;
        }
    }
    return end;
}

/* ---- what authors use ---- */

/* The raw text of a member of the object: 1 found, 0 not (also when `object` is no object). The
 * first of equal keys counts; keys written with escapes are not found. */
static inline int jh_json_member(struct jh_bytes object, const char *name, struct jh_bytes *ret) {
    const char *p = (const char *)object.data;
    const char *end = object.len == 0 ? p : p + object.len;
    size_t name_len = strlen(name);
    if (object.len == 0 || (p = jh_json_space(p, end)) == end || *p != '{') {
        return 0;
    }
    p = jh_json_space(p + 1, end);
    while (p < end && *p == '"') {
        const char *key = p + 1;
        const char *value;
        p = jh_json_past_string(p, end);
        value = jh_json_space(p, end);
        if (value == end || *value != ':') {
            return 0;
        }
        value = jh_json_space(value + 1, end);
        if ((size_t)(p - key) == name_len + 1 && memcmp(key, name, name_len) == 0) {
            const char *stop = jh_json_past_value(value, end);
            while (stop > value && jh_json_space(stop - 1, stop) == stop) {
                stop--;
            }
            ret->data = value;
            ret->len = (size_t)(stop - value);
            return 1;
        }
        p = jh_json_space(jh_json_past_value(value, end), end);
        if (p == end || *p != ',') {
            return 0;
        }
        p = jh_json_space(p + 1, end);
    }
    return 0;
}

static inline int jh_json_hex4(const char *p, const char *end, uint32_t *ret) {
    int i;
    *ret = 0;
    for (i = 0; i < 4; i++, p++) {
        uint32_t digit;
        if (p >= end) {
            return 0;
        }
        digit = *p >= '0' && *p <= '9'   ? (uint32_t)(*p - '0')
                : *p >= 'a' && *p <= 'f' ? (uint32_t)(*p - 'a' + 10)
                : *p >= 'A' && *p <= 'F' ? (uint32_t)(*p - 'A' + 10)
                                         : 16u;
        if (digit == 16u) {
            return 0;
        }
        *ret = *ret * 16 + digit;
    }
    return 1;
}

static inline size_t jh_json_utf8(uint32_t u, char out[4]) {
    if (u < 0x80) {
        out[0] = (char)u;
        return 1;
    }
    if (u < 0x800) {
        out[0] = (char)(0xC0 | (u >> 6));
        out[1] = (char)(0x80 | (u & 0x3F));
        return 2;
    }
    if (u < 0x10000) {
        out[0] = (char)(0xE0 | (u >> 12));
        out[1] = (char)(0x80 | ((u >> 6) & 0x3F));
        out[2] = (char)(0x80 | (u & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (u >> 18));
    out[1] = (char)(0x80 | ((u >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((u >> 6) & 0x3F));
    out[3] = (char)(0x80 | (u & 0x3F));
    return 4;
}

/* One character or escape at *p to `out`; how many bytes, 0 = malformed. Half a surrogate pair
 * becomes U+FFFD. */
static inline size_t jh_json_char(const char **p, const char *end, char out[4]) {
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *known;
    uint32_t u, low;
    if (**p != '\\') {
        out[0] = *(*p)++;
        return 1;
    }
    if (++*p >= end || **p == '\0') {
        return 0;
    }
    known = strchr(from, **p);
    if (known != NULL) {
        ++*p;
        out[0] = to[known - from];
        return 1;
    }
    if (**p != 'u' || !jh_json_hex4(*p + 1, end, &u)) {
        return 0;
    }
    *p += 5;
    if (u >= 0xD800 && u < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' &&
        jh_json_hex4(*p + 2, end, &low) && low >= 0xDC00 && low < 0xE000) {
        *p += 6;
        u = 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00);
    } else if (u >= 0xD800 && u < 0xE000) {
        u = 0xFFFD;
    }
    return jh_json_utf8(u, out);
}

/* Decodes a raw string value into `out` with a NUL: 1; 0 = not a string, malformed, holds a NUL, or
 * longer than cap - 1 bytes. */
static inline int jh_json_text(struct jh_bytes raw, char *out, size_t cap) {
    const char *p = (const char *)raw.data;
    const char *end;
    size_t used = 0;
    if (raw.len < 2 || p[0] != '"' || p[raw.len - 1] != '"' || cap == 0) {
        return 0;
    }
    end = p + raw.len - 1;
    for (p++; p < end;) {
        char piece[4];
        size_t n = jh_json_char(&p, end, piece);
        if (n == 0 || piece[0] == '\0' || n >= cap - used) {
            return 0;
        }
        memcpy(out + used, piece, n);
        used += n;
    }
    out[used] = '\0';
    return 1;
}

/* A raw whole number: 1, or 0 when it is none or out of range. */
static inline int jh_json_int(struct jh_bytes raw, int64_t *ret) {
    const char *p = (const char *)raw.data;
    int minus = raw.len > 0 && p[0] == '-';
    size_t i = minus ? 1 : 0;
    uint64_t value = 0;
    const uint64_t limit = minus ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    if (i == raw.len) {
        return 0;
    }
    for (; i < raw.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)p[i] - '0';
        if (digit > 9 || value > (limit - digit) / 10) {
            return 0;
        }
        value = value * 10 + digit;
    }
    *ret = minus ? (int64_t)(0 - value) : (int64_t)value;
    return 1;
}

/* Member readers: the value, or `fallback` when it is missing or of another kind. */
static inline int64_t jh_json_get_int(struct jh_bytes object, const char *name, int64_t fallback) {
    struct jh_bytes raw;
    int64_t value;
    return jh_json_member(object, name, &raw) && jh_json_int(raw, &value) ? value : fallback;
}

static inline int jh_json_get_bool(struct jh_bytes object, const char *name, int fallback) {
    struct jh_bytes raw;
    if (!jh_json_member(object, name, &raw)) {
        return fallback;
    }
    if (raw.len == 4 && memcmp(raw.data, "true", 4) == 0) {
        return 1;
    }
    return raw.len == 5 && memcmp(raw.data, "false", 5) == 0 ? 0 : fallback;
}

/* 1 and the text; 0 when missing (out is ""), not a string, or too long. */
static inline int jh_json_get_text(struct jh_bytes object, const char *name, char *out,
                                   size_t cap) {
    struct jh_bytes raw;
    if (cap > 0) {
        out[0] = '\0';
    }
    return jh_json_member(object, name, &raw) && jh_json_text(raw, out, cap);
}

/* Writes `text` as a quoted JSON string with a NUL: its length, or 0 when it does not fit. For
 * building small results. */
static inline size_t jh_json_quote(const char *text, char *out, size_t cap) {
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    if (cap < 3) {
        return 0;
    }
    out[n++] = '"';
    for (; *text != '\0'; text++) {
        unsigned char b = (unsigned char)*text;
        size_t need = b < 0x20 ? 6 : b == '"' || b == '\\' ? 2 : 1;
        if (cap - n < need + 2) {
            return 0;
        }
        if (b == '"' || b == '\\') {
            out[n++] = '\\';
            out[n++] = (char)b;
        } else if (b < 0x20) {
            memcpy(out + n, "\\u00", 4);
            out[n + 4] = hex[b >> 4];
            out[n + 5] = hex[b & 15];
            n += 6;
        } else {
            out[n++] = (char)b;
        }
    }
    out[n++] = '"';
    out[n] = '\0';
    return n;
}

#ifdef __cplusplus
}
#endif
#endif
