#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "encoding.h"
#include "number.h"

enum {
    GROUPS_MAX = 12,
    DECIMALS_MAX = 12,
    PERCENT_DECIMALS = 4,
    WHOLE_DECIMALS = 2, // zeros that a whole number may carry: three would be a group's
};

__extension__ typedef __int128 wide;

struct digits { // a number taken apart
    bool minus;
    int64_t whole;
    unsigned decimals; // how many in `fraction`
    uint8_t fraction[DECIMALS_MAX];
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Length of the group separator at `p`, 0 = none.
static size_t separator(const char *p, size_t len, enum number_style style) {
    static const char *const blanks[] = {"\xC2\xA0", "\xE2\x80\xAF", "\xE2\x80\x89", " ", "'"};
    if (style == NUMBER_POINT) {
        return p[0] == ',';
    }
    if (p[0] == '.') {
        return 1;
    }
    for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++) {
        size_t n = strlen(blanks[i]);
        if (len > n && memcmp(p, blanks[i], n) == 0) {
            return n;
        }
    }
    return 0;
}

// Groups of three after the first; or, as India writes, of two before a last one of three.
static bool groups_fit(const size_t *sizes, size_t count) {
    bool western = true, indian = true;
    if (count == 1) {
        return true;
    }
    for (size_t i = 1; i < count; i++) {
        western = western && sizes[i] == 3;
        indian = indian && sizes[i] == (i + 1 == count ? 3u : 2u);
    }
    return sizes[0] >= 1 && ((western && sizes[0] <= 3) || (indian && sizes[0] <= 2));
}

// The digits before the decimal sign: how many bytes, 0 = malformed; *ret_rc -ERANGE over 10^17.
static size_t take_whole(const char *text, size_t len, enum number_style style, struct digits *d,
                         int *ret_rc) {
    size_t sizes[GROUPS_MAX] = {0}, groups = 1, i = 0;
    while (i < len) {
        if (is_digit(text[i])) {
            if (d->whole >= INT64_C(10000000000000000)) {
                *ret_rc = -ERANGE;
                return 0;
            }
            d->whole = d->whole * 10 + (text[i] - '0');
            sizes[groups - 1]++;
            i++;
            continue;
        }
        size_t n = separator(text + i, len - i, style);
        if (n == 0) {
            break;
        }
        if (groups == GROUPS_MAX) {
            return 0;
        }
        groups++;
        i += n;
    }
    return sizes[0] > 0 && groups_fit(sizes, groups) ? i : 0;
}

static int take_apart(const char *text, size_t len, enum number_style style, struct digits *d) {
    static const char minus[] = "\xE2\x88\x92";
    int rc = -EINVAL;
    size_t i;
    memset(d, 0, sizeof *d);
    encoding_trim(&text, &len);
    if (len == 0 || (len == 1 && text[0] == '-')) {
        return -ENODATA;
    }
    if (text[0] == '-' || (len >= 3 && memcmp(text, minus, 3) == 0)) {
        size_t n = text[0] == '-' ? 1 : 3;
        d->minus = true;
        text += n;
        len -= n;
    }
    i = take_whole(text, len, style, d, &rc);
    if (i == 0) {
        return rc;
    }
    if (i < len && text[i] == (style == NUMBER_POINT ? '.' : ',')) {
        size_t first = ++i;
        for (; i < len && is_digit(text[i]); i++) {
            if (d->decimals < DECIMALS_MAX) {
                d->fraction[d->decimals++] = (uint8_t)(text[i] - '0');
            } else if (text[i] != '0') {
                return -EINVAL;
            }
        }
        if (i == first) {
            return -EINVAL;
        }
    }
    return i == len ? 0 : -EINVAL;
}

// whole.fraction times 10^scale, and what was cut off: 0 nothing, 1 less than half, 2 half or more.
static int scale_up(const struct digits *d, unsigned scale, int64_t *ret, int *ret_rest) {
    wide value = d->whole;
    for (unsigned i = 0; i < scale; i++) {
        value = value * 10 + (i < d->decimals ? d->fraction[i] : 0);
    }
    *ret_rest = 0;
    for (unsigned i = scale; i < d->decimals; i++) {
        int here = i == scale && d->fraction[i] >= 5 ? 2 : d->fraction[i] > 0;
        *ret_rest = here > *ret_rest ? here : *ret_rest;
    }
    if (value > INT64_MAX) {
        return -ERANGE;
    }
    *ret = (int64_t)(d->minus ? -value : value);
    return 0;
}

int number_fixed(const char *text, size_t len, enum number_style style, unsigned scale,
                 int64_t *ret) {
    struct digits d;
    int rest = 0;
    int rc = take_apart(text, len, style, &d);
    if (rc == 0 && d.decimals > (scale == 0 ? WHOLE_DECIMALS : scale)) {
        return -EINVAL;
    }
    if (rc == 0) {
        rc = scale_up(&d, scale, ret, &rest);
    }
    if (rc == 0 && rest != 0) {
        return -EINVAL;
    }
    return rc == 0 && (*ret > NUMBER_MONEY_MAX || *ret < -NUMBER_MONEY_MAX) ? -ERANGE : rc;
}

int number_count(const char *text, size_t len, enum number_style style, int64_t *ret) {
    int rc = number_fixed(text, len, style, 0, ret);
    if (rc == 0 && *ret < 0) {
        return -EINVAL;
    }
    return rc == 0 && *ret > NUMBER_COUNT_MAX ? -ERANGE : rc;
}

int number_percent(const char *text, size_t len, enum number_style style, int64_t *ret_ppm) {
    struct digits d;
    int rest = 0;
    encoding_trim(&text, &len);
    if (len > 0 && text[len - 1] == '%') {
        len--;
        if (len == 0) {
            return -EINVAL;
        }
    }
    int rc = take_apart(text, len, style, &d);
    if (rc == 0) {
        rc = scale_up(&d, PERCENT_DECIMALS, ret_ppm, &rest);
    }
    if (rc < 0) {
        return rc;
    }
    *ret_ppm += rest == 2;
    return d.minus ? -EINVAL : *ret_ppm > NUMBER_COUNT_MAX ? -ERANGE : 0;
}

int64_t number_ratio(int64_t a, int64_t b, int64_t scale) {
    if (a == NUMBER_NONE || b == NUMBER_NONE || b == 0) {
        return NUMBER_NONE;
    }
    wide n = (wide)a * scale, by = b;
    if (by < 0) {
        n = -n;
        by = -by;
    }
    wide half = by / 2;
    wide q = n >= 0 ? (n + half) / by : -((-n + half) / by);
    return q > INT64_MAX || q <= INT64_MIN ? NUMBER_NONE : (int64_t)q;
}

int64_t number_growth(int64_t now, int64_t then) {
    if (now == NUMBER_NONE || then == NUMBER_NONE) {
        return NUMBER_NONE;
    }
    return number_ratio(now - then, then, 1000000);
}
