#include <stdio.h>
#include <string.h>

#include "civil.h"
#include "encoding.h"
#include "period.h"

enum { WORDS_MAX = 32, FOLDED = 256 };

struct words { // runs of digits or of letters, with what stood before each
    struct word {
        const char *text;
        size_t len;
        int value; // of up to eight digits, else -1
        char before;
    } at[WORDS_MAX];
    size_t count;
};

static int class_of(char c) {
    if (c >= '0' && c <= '9') {
        return 1;
    }
    return (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80 ? 2 : 0;
}

static void cut_words(const char *text, struct words *w) {
    w->count = 0;
    for (size_t i = 0; text[i] != '\0' && w->count < WORDS_MAX;) {
        int kind = class_of(text[i]);
        size_t from = i;
        int value = 0;
        while (text[i] != '\0' && class_of(text[i]) == kind) {
            value = i - from < 8 ? value * 10 + (text[i] - '0') : value;
            i++;
            if (kind == 0) {
                break;
            }
        }
        if (kind != 0) {
            bool number = kind == 1 && i - from <= 8;
            w->at[w->count++] = (struct word){text + from, i - from, number ? value : -1,
                                              from > 0 ? text[from - 1] : '\0'};
        }
    }
}

// The date of three numbers at `i`: year first, or day first when points stand between. False: none.
static bool date_at(const struct words *w, size_t i, int32_t *ret) {
    if (i < w->count && w->at[i].len == 8 && w->at[i].value > 0) { // 20260331
        int v = w->at[i].value;
        if (civil_valid(v / 10000, v / 100 % 100, v % 100)) {
            *ret = civil_day(v / 10000, v / 100 % 100, v % 100);
            return true;
        }
    }
    if (i + 2 >= w->count || w->at[i].value < 0 || w->at[i + 1].value < 0 ||
        w->at[i + 2].value < 0 || w->at[i + 1].before != w->at[i + 2].before) {
        return false;
    }
    int a = w->at[i].value, b = w->at[i + 1].value, c = w->at[i + 2].value;
    if (w->at[i].len == 4 && civil_valid(a, b, c)) {
        *ret = civil_day(a, b, c);
        return true;
    }
    if (w->at[i + 2].len == 4 && w->at[i + 1].before == '.' && civil_valid(c, b, a)) {
        *ret = civil_day(c, b, a);
        return true;
    }
    return false;
}

static size_t words_of_date(const struct words *w, size_t i) {
    return w->at[i].len == 8 ? 1 : 3;
}

static bool is_year(const struct words *w, size_t i) {
    return i < w->count && w->at[i].len == 4 && w->at[i].value >= 1990 && w->at[i].value <= 2199;
}

static bool whole_months(int year, int first, int count, struct period *ret) {
    int last = first + count - 1;
    ret->from = civil_day(year, first, 1);
    ret->to = civil_day(year, last, civil_days_in_month(year, last));
    return true;
}

static bool dates_in(const struct words *w, bool from_amazon, struct period *ret) {
    for (size_t i = 0; i < w->count; i++) {
        if (!date_at(w, i, &ret->from)) {
            continue;
        }
        for (size_t k = i + words_of_date(w, i); k < w->count; k++) {
            if (date_at(w, k, &ret->to)) {
                return ret->from <= ret->to;
            }
        }
        ret->to = ret->from;
        return !from_amazon;
    }
    return false;
}

static bool month_in(const struct words *w, struct period *ret) {
    for (size_t i = 0; i < w->count; i++) {
        int32_t day;
        const struct word *word = &w->at[i];
        int month = word->value < 0 ? civil_month_from_name(word->text, word->len) : 0;
        if (month > 0 && is_year(w, i + 1)) {
            return whole_months(w->at[i + 1].value, month, 1, ret);
        }
        if (month > 0 && i > 0 && is_year(w, i - 1)) {
            return whole_months(w->at[i - 1].value, month, 1, ret);
        }
        if (word->len == 1 && word->text[0] == 'q' && i + 1 < w->count && w->at[i + 1].len == 1 &&
            w->at[i + 1].value >= 1 && w->at[i + 1].value <= 4) {
            int first = w->at[i + 1].value * 3 - 2;
            if (i > 0 && is_year(w, i - 1)) {
                return whole_months(w->at[i - 1].value, first, 3, ret);
            }
            if (is_year(w, i + 2)) {
                return whole_months(w->at[i + 2].value, first, 3, ret);
            }
        }
        if (is_year(w, i) && i + 1 < w->count && w->at[i + 1].len == 2 && w->at[i + 1].value >= 1 &&
            w->at[i + 1].value <= 12 && !date_at(w, i, &day)) {
            return whole_months(word->value, w->at[i + 1].value, 1, ret);
        }
    }
    return false;
}

void period_name(struct period *p) {
    int y, m, d, y2, m2, d2;
    char from[CIVIL_TEXT], to[CIVIL_TEXT];
    civil_split(p->from, &y, &m, &d);
    civil_split(p->to, &y2, &m2, &d2);
    bool months = d == 1 && d2 == civil_days_in_month(y2, m2) && y == y2;
    civil_format(p->from, from);
    civil_format(p->to, to);
    if (months && m == m2) {
        (void)snprintf(p->label, sizeof p->label, "%s %d", civil_month_name(m), y);
    } else if (months && m % 3 == 1 && m2 == m + 2) {
        (void)snprintf(p->label, sizeof p->label, "Q%d %d", m2 / 3, y);
    } else if (p->from == p->to) {
        (void)snprintf(p->label, sizeof p->label, "%s", from);
    } else {
        (void)snprintf(p->label, sizeof p->label, "%s to %s", from, to);
    }
}

bool period_from_name(const char *file, struct period *ret) {
    char folded[FOLDED];
    struct words w;
    memset(ret, 0, sizeof *ret);
    encoding_fold(file, strlen(file), folded, sizeof folded);
    cut_words(folded, &w);
    bool from_amazon = w.count > 0 && strncmp(folded, "businessreport", 14) == 0;
    if (dates_in(&w, from_amazon, ret) || month_in(&w, ret)) {
        ret->dated = true;
        ret->origin = PERIOD_FILE_NAME;
        period_name(ret);
        return true;
    }
    size_t fits = 0, n;
    size_t len = strlen(file);
    while (fits < len && (n = encoding_char(file + fits, len - fits)) > 0 &&
           fits + n < PERIOD_LABEL) {
        fits += n;
    }
    *ret = (struct period){.origin = PERIOD_UNKNOWN};
    memcpy(ret->label, file, fits);
    return false;
}
