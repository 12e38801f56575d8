#include <stdint.h>
#include <string.h>

#include "encoding.h"

struct char_range { // of lead bytes, and of the second byte that may follow
    uint8_t first, last, low, high, len;
};
static const struct char_range ranges[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

// What 0x80..0x9F are in Windows-1252; 0xFFFD: nothing.
static const uint16_t cp1252_high[32] = {
    0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD, 0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178,
};

size_t encoding_char(const char *text, size_t len) {
    const uint8_t *p = (const uint8_t *)text;
    if (len == 0 || p[0] < 0x80) {
        return len == 0 ? 0 : 1;
    }
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        const struct char_range *r = &ranges[i];
        if (p[0] < r->first || p[0] > r->last) {
            continue;
        }
        if (len < r->len || p[1] < r->low || p[1] > r->high) {
            return 0;
        }
        for (size_t k = 2; k < r->len; k++) {
            if ((p[k] & 0xC0) != 0x80) {
                return 0;
            }
        }
        return r->len;
    }
    return 0;
}

bool encoding_is_utf8(const char *text, size_t len) {
    size_t i = 0;
    for (; i + 8 <= len; i += 8) { // most fields are ASCII
        uint64_t word;
        memcpy(&word, text + i, sizeof word);
        if ((word & 0x8080808080808080u) != 0) {
            break;
        }
    }
    while (i < len) {
        size_t n = encoding_char(text + i, len - i);
        if (n == 0) {
            return false;
        }
        i += n;
    }
    return true;
}

static uint32_t decode(const char *text, size_t n) { // one well-formed character of n bytes
    const uint8_t *p = (const uint8_t *)text;
    uint32_t u = n == 1 ? p[0] : p[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        u = (u << 6) | (p[i] & 0x3Fu);
    }
    return u;
}

bool encoding_is_hidden(const char *text, size_t n) {
    uint32_t u = n == 0 ? 0 : decode(text, n);
    return u < 0x20 || (u >= 0x7F && u < 0xA0) || (u >= 0x202A && u <= 0x202E) || u == 0x2066 ||
           u == 0x2067;
}

bool encoding_is_rtl(const char *text, size_t n) {
    uint32_t u = n == 0 ? 0 : decode(text, n);
    return (u >= 0x590 && u <= 0x8FF) || (u >= 0xFB1D && u <= 0xFDFF) ||
           (u >= 0xFE70 && u <= 0xFEFE) || (u >= 0x10800 && u <= 0x10FFF) ||
           (u >= 0x1E800 && u <= 0x1EFFF);
}

static size_t put_char(uint32_t u, char *out) { // below U+10000
    if (u < 0x80) {
        out[0] = (char)u;
        return 1;
    }
    if (u < 0x800) {
        out[0] = (char)(0xC0 | (u >> 6));
        out[1] = (char)(0x80 | (u & 0x3F));
        return 2;
    }
    out[0] = (char)(0xE0 | (u >> 12));
    out[1] = (char)(0x80 | ((u >> 6) & 0x3F));
    out[2] = (char)(0x80 | (u & 0x3F));
    return 3;
}

size_t encoding_from_cp1252(const char *text, size_t len, char *out) {
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t b = (uint8_t)text[i];
        used += put_char(b >= 0x80 && b < 0xA0 ? cp1252_high[b - 0x80] : b, out + used);
    }
    return used;
}

void encoding_show(const char *text, size_t len, char *out, size_t cap) {
    size_t used = 0;
    for (size_t i = 0; i < len;) {
        size_t n = encoding_char(text + i, len - i);
        bool hidden = encoding_is_hidden(text + i, n);
        size_t shown = hidden ? 1 : n;
        if (used + shown >= cap) {
            break;
        }
        memcpy(out + used, hidden ? "?" : text + i, shown);
        used += shown;
        i += n == 0 ? 1 : n;
    }
    out[used] = '\0';
}

// ---- blanks, dashes, case ----

static bool is_blank(uint32_t u) {
    return u == ' ' || (u >= 0x09 && u <= 0x0D) || u == 0xA0 || (u >= 0x2000 && u <= 0x200B) ||
           u == 0x202F || u == 0x205F || u == 0x3000 || u == 0xFEFF;
}

static bool is_dash(uint32_t u) {
    return u == '-' || (u >= 0x2010 && u <= 0x2015) || u == 0x2212 || u == 0xFE58 || u == 0xFE63 ||
           u == 0xFF0D;
}

static uint32_t lower(uint32_t u) {
    bool upper = (u >= 'A' && u <= 'Z') || (u >= 0xC0 && u <= 0xDE && u != 0xD7);
    return upper ? u + 0x20 : u;
}

void encoding_trim(const char **text, size_t *len) {
    for (size_t n; (n = encoding_char(*text, *len)) > 0 && is_blank(decode(*text, n));) {
        *text += n;
        *len -= n;
    }
    while (*len > 0) {
        size_t n = 1;
        while (n < *len && n < 4 && ((uint8_t)(*text)[*len - n] & 0xC0) == 0x80) {
            n++;
        }
        const char *last = *text + *len - n;
        if (encoding_char(last, n) != n || !is_blank(decode(last, n))) {
            return;
        }
        *len -= n;
    }
}

void encoding_fold(const char *text, size_t len, char *out, size_t cap) {
    size_t used = 0;
    bool gap = false;
    encoding_trim(&text, &len);
    for (size_t i = 0; i < len;) {
        size_t n = encoding_char(text + i, len - i);
        uint32_t u = n == 0 ? 0xFFFD : decode(text + i, n);
        char piece[4];
        size_t m;
        i += n == 0 ? 1 : n;
        if (is_blank(u)) {
            gap = true;
            continue;
        }
        u = is_dash(u) ? '-' : lower(u);
        m = u < 0x10000 ? put_char(u, piece) : put_char(0xFFFD, piece);
        if (used + m + (gap ? 1 : 0) >= cap) {
            break;
        }
        if (gap) {
            out[used++] = ' ';
            gap = false;
        }
        memcpy(out + used, piece, m);
        used += m;
    }
    out[used] = '\0';
}
