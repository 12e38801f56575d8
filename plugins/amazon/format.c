#include <stdio.h>
#include <string.h>

#include "civil.h"
#include "format.h"

static const struct formatted none = {"\xE2\x80\x93"};

// Digits with commas at thousands; `minus` in front.
static void grouped(uint64_t value, bool minus, char out[40]) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    size_t used = 0;
    if (minus) {
        memcpy(out, "\xE2\x88\x92", 3);
        used = 3;
    }
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) {
            out[used++] = ',';
        }
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

static uint64_t magnitude(int64_t value) {
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

struct formatted format_count(int64_t value) {
    struct formatted f;
    char text[40];
    if (value == NUMBER_NONE) {
        return none;
    }
    grouped(magnitude(value), value < 0, text);
    (void)snprintf(f.text, sizeof f.text, "%s", text);
    return f;
}

struct formatted format_many(int64_t count, const char *noun) {
    struct formatted f;
    (void)snprintf(f.text, sizeof f.text, "%.40s %.20s%s", format_count(count).text, noun,
                   count == 1 ? "" : "s");
    return f;
}

static uint64_t power_of_ten(int exponent) {
    uint64_t p = 1;
    for (int i = 0; i < exponent; i++) {
        p *= 10;
    }
    return p;
}

static const char *sign_of(const struct report *r, const char **ret_gap) {
    const char *sign = r->currency[0] == '\0' ? "" : currency_sign(r->currency);
    *ret_gap = sign == NULL ? "\xC2\xA0" : "";
    return sign == NULL ? r->currency : sign;
}

struct formatted format_money(const struct report *r, int64_t minor) {
    struct formatted f;
    char text[40];
    const char *gap, *sign = sign_of(r, &gap);
    if (minor == NUMBER_NONE) {
        return none;
    }
    uint64_t unit = power_of_ten(r->exponent), value = magnitude(minor);
    grouped(value / unit, false, text);
    const char *minus = minor < 0 ? "\xE2\x88\x92" : "";
    if (r->exponent == 0) {
        (void)snprintf(f.text, sizeof f.text, "%s%s%s%s", minus, sign, gap, text);
    } else {
        (void)snprintf(f.text, sizeof f.text, "%s%s%s%s.%0*llu", minus, sign, gap, text,
                       r->exponent, (unsigned long long)(value % unit));
    }
    return f;
}

struct formatted format_short(const struct report *r, int64_t minor) {
    static const struct {
        uint64_t from;
        const char *letter;
    } steps[] = {{1000000000, "bn"}, {1000000, "m"}, {1000, "k"}};
    struct formatted f;
    const char *gap, *sign = sign_of(r, &gap);
    if (minor == NUMBER_NONE) {
        return none;
    }
    uint64_t value = magnitude(minor) / power_of_ten(r->exponent);
    const char *minus = minor < 0 ? "\xE2\x88\x92" : "";
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        uint64_t tenths = value / (steps[i].from / 10);
        if (value >= steps[i].from) {
            (void)snprintf(f.text, sizeof f.text, "%s%s%s%llu.%llu%s", minus, sign, gap,
                           (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10),
                           steps[i].letter);
            char *zero = strstr(f.text, ".0");
            if (zero != NULL) { // 12k, not 12.0k
                memmove(zero, zero + 2, strlen(zero + 2) + 1);
            }
            return f;
        }
    }
    (void)snprintf(f.text, sizeof f.text, "%s%s%s%llu", minus, sign, gap,
                   (unsigned long long)value);
    return f;
}

// Tenths of a percent, rounded; above 1000 % whole ones.
static struct formatted percent(int64_t ppm, bool sign, const char *unit) {
    struct formatted f;
    char text[40];
    if (ppm == NUMBER_NONE) {
        return none;
    }
    uint64_t tenths = (magnitude(ppm) + 500) / 1000;
    grouped(tenths / 10, false, text);
    const char *before = tenths == 0 ? "" : ppm < 0 ? "\xE2\x88\x92" : sign ? "+" : "";
    if (tenths >= 10000) {
        (void)snprintf(f.text, sizeof f.text, "%s%s%s", before, text, unit);
    } else {
        (void)snprintf(f.text, sizeof f.text, "%s%s.%llu%s", before, text,
                       (unsigned long long)(tenths % 10), unit);
    }
    return f;
}

struct formatted format_percent(int64_t ppm) {
    return percent(ppm, false, "%");
}

struct formatted format_change(int64_t ppm) {
    return percent(ppm, true, "%");
}

struct formatted format_points(int64_t ppm) {
    return percent(ppm, true, " pts");
}

struct formatted format_day(int32_t day) {
    struct formatted f;
    civil_format(day, f.text);
    return f;
}

struct formatted format_decimal(int64_t millionths) {
    struct formatted f;
    if (millionths == NUMBER_NONE) {
        return none;
    }
    uint64_t hundredths = (magnitude(millionths) + 5000) / 10000;
    (void)snprintf(f.text, sizeof f.text, "%s%llu.%02llu", millionths < 0 ? "\xE2\x88\x92" : "",
                   (unsigned long long)(hundredths / 100), (unsigned long long)(hundredths % 100));
    return f;
}
