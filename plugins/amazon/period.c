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

static struct period whole_months(int year, int first, int count) {
    int last = first + count - 1;
    return (struct period){.from = civil_day(year, first, 1),
                           .to = civil_day(year, last, civil_days_in_month(year, last))};
}

struct reading { // of a name: what its words say
    struct period period;
    size_t spans; // months and quarters; a pair of dates
    size_t dates;
    bool used[WORDS_MAX];
};

static void use(struct reading *r, size_t first, size_t count) {
    for (size_t i = first; i < first + count; i++) {
        r->used[i] = true;
    }
}

static void read_dates(const struct words *w, struct reading *r) {
    int32_t day;
    for (size_t i = 0; i < w->count; i++) {
        if (date_at(w, i, &day)) {
            *(r->dates == 0 ? &r->period.from : &r->period.to) = day;
            r->dates++;
            use(r, i, words_of_date(w, i));
            i += words_of_date(w, i) - 1;
        }
    }
    r->spans += r->dates == 2 && r->period.from <= r->period.to;
}

static bool is_month(const struct words *w, size_t i) {
    return w->at[i].value < 0 && civil_month_from_name(w->at[i].text, w->at[i].len) > 0;
}

// "q3": the quarter, else 0.
static int quarter_at(const struct words *w, size_t i) {
    bool quarter = w->at[i].len == 1 && w->at[i].text[0] == 'q' && i + 1 < w->count &&
                   w->at[i + 1].len == 1 && w->at[i + 1].value >= 1 && w->at[i + 1].value <= 4;
    return quarter ? w->at[i + 1].value : 0;
}

// The year that stands behind the `count` words from `i` on, else before them; its place, or -1.
static int year_beside(const struct words *w, const struct reading *r, size_t i, size_t count) {
    if (is_year(w, i + count) && !r->used[i + count]) {
        return (int)(i + count);
    }
    return i > 0 && is_year(w, i - 1) && !r->used[i - 1] ? (int)i - 1 : -1;
}

static void take_months(const struct words *w, struct reading *r, size_t i, size_t words, int first,
                        int count) {
    int at = year_beside(w, r, i, words);
    if (at >= 0) {
        r->period = whole_months(w->at[at].value, first, count);
        r->spans++;
        use(r, i, words);
        r->used[at] = true;
    }
}

static void read_months(const struct words *w, struct reading *r) {
    for (size_t i = 0; i < w->count; i++) {
        const struct word *word = &w->at[i];
        if (r->used[i]) {
            continue;
        }
        if (is_month(w, i)) {
            take_months(w, r, i, 1, civil_month_from_name(word->text, word->len), 1);
        } else if (quarter_at(w, i) > 0) {
            take_months(w, r, i, 2, quarter_at(w, i) * 3 - 2, 3);
        } else if (is_year(w, i) && i + 1 < w->count && w->at[i + 1].len == 2 &&
                   w->at[i + 1].value >= 1 && w->at[i + 1].value <= 12) { // 2026-03
            r->period = whole_months(word->value, w->at[i + 1].value, 1);
            r->spans++;
            use(r, i, 2);
        }
    }
}

// A word that may be part of a date and was not: a month, a year, a quarter or half, a number of a
// day or month. The copy's number that browsers add ("(1)") is none.
static bool may_be_date(const struct words *w, size_t i) {
    const struct word *word = &w->at[i];
    if (word->before == '(' && word->len <= 2 && word->text[word->len] == ')') {
        return false;
    }
    return is_month(w, i) || is_year(w, i) || quarter_at(w, i) > 0 ||
           (word->value >= 0 && (word->len <= 2 || word->len == 6 || word->len == 8));
}

// One period and no word that could mean another; other numbers make it doubtful.
static bool read_name(const struct words *w, struct period *ret) {
    struct reading r = {.spans = 0};
    read_dates(w, &r);
    read_months(w, &r);
    if (w->count == WORDS_MAX || r.spans != 1 || (r.dates != 0 && r.dates != 2)) {
        return false;
    }
    for (size_t i = 0; i < w->count; i++) {
        if (!r.used[i] && may_be_date(w, i)) {
            return false;
        }
        r.period.doubtful = r.period.doubtful || (!r.used[i] && class_of(w->at[i].text[0]) == 1 &&
                                                  w->at[i].before != '(');
    }
    *ret = r.period;
    return true;
}

// How many whole months it is; 0 = it does not begin and end with one.
static int months_of(const struct period *p) {
    int y, m, d, y2, m2, d2;
    civil_split(p->from, &y, &m, &d);
    civil_split(p->to, &y2, &m2, &d2);
    return d == 1 && d2 == civil_days_in_month(y2, m2) ? (y2 - y) * 12 + m2 - m + 1 : 0;
}

bool period_alike(const struct period *a, const struct period *b) {
    if (!a->dated || !b->dated || a->to - a->from == b->to - b->from) {
        return true;
    }
    return months_of(a) > 0 && months_of(a) == months_of(b);
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
    if (read_name(&w, ret)) {
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
