#include "config/config_cron.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/rfc3339.h"
#include "config/config_forms.h"

#define DIGITS "0123456789"
#define BLANKS " \t"

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELD_COUNT };

static const char *const months[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                     "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
static const char *const weekdays[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};

static const struct field {
    const char *name;
    int min, max;
    const char *const *words; // the first stands for `min`
    const char *allowed;
} fields[FIELD_COUNT] = {
    {"second", 0, 59, NULL, "0 to 59"},
    {"minute", 0, 59, NULL, "0 to 59"},
    {"hour", 0, 23, NULL, "0 to 23"},
    {"day", 1, 31, NULL, "1 to 31, L, LW, 1W to 31W"},
    {"month", 1, 12, months, "1 to 12, JAN to DEC"},
    {"weekday", 0, 7, weekdays, "0 to 7 (0 and 7 are Sunday), SUN to SAT, MON#1, FRIL"},
};

// One field while it is read; what it names is collected to find dates that never come.
struct reader {
    const char *text; // of the whole expression, for columns
    int field;
    const char *at;
    uint64_t bits;
    bool open; // literally "*" or "?"
    struct err *e;
};

static int bad(const struct reader *r, const char *at, const char *words) {
    const struct field *f = &fields[r->field];
    return err_set(r->e, -EINVAL, "the %s, column %d: %s; allowed is %s", f->name,
                   (int)(at - r->text) + 1, words, f->allowed);
}

static bool ends(const char *at) {
    return *at == '\0' || strchr("," BLANKS, *at) != NULL;
}

static int read_number(const char **at) {
    size_t len = strspn(*at, DIGITS);
    int n = 0;
    for (size_t i = 0; i < len; i++) {
        n = n > 9999 ? n : n * 10 + ((*at)[i] - '0');
    }
    *at += len;
    return n;
}

// A number or a name. `ends_range`: SUN is 7 there.
static int read_value(struct reader *r, bool ends_range, int *ret) {
    const struct field *f = &fields[r->field];
    const char *begin = r->at;
    if (strspn(begin, DIGITS) > 0) {
        *ret = read_number(&r->at);
        return *ret >= f->min && *ret <= f->max ? 0 : bad(r, begin, "out of range");
    }
    for (int i = 0; f->words != NULL && f->words[i] != NULL; i++) {
        if (strncasecmp(begin, f->words[i], 3) == 0) {
            r->at += 3;
            *ret = ends_range && r->field == WEEKDAY && i == 0 ? 7 : f->min + i;
            return 0;
        }
    }
    return bad(r, begin, ends(begin) ? "a value is missing" : "this is no value");
}

static int read_step(struct reader *r, int *ret) {
    *ret = 1;
    if (*r->at != '/') {
        return 0;
    }
    const char *begin = ++r->at;
    *ret = read_number(&r->at);
    return r->at > begin && *ret > 0 ? 0 : bad(r, begin, "a step is a number from 1 on");
}

// What only days know. 1 = it was one, 0 = it was none, or negative.
static int read_special(struct reader *r, int value, bool has_value) {
    static const struct {
        int field;
        bool has_value;
        const char *word;
    } words[] = {{DAY, false, "?"}, {WEEKDAY, false, "?"}, {DAY, false, "LW"},  {DAY, false, "L"},
                 {DAY, true, "W"},  {WEEKDAY, true, "L"},  {WEEKDAY, true, "#"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = strlen(words[i].word);
        if (words[i].field != r->field || words[i].has_value != has_value ||
            strncasecmp(r->at, words[i].word, len) != 0) {
            continue;
        }
        r->at += len;
        if (*words[i].word == '#') {
            const char *begin = r->at;
            int nth = read_number(&r->at);
            if (nth < 1 || nth > 5) {
                return bad(r, begin, "# needs a number from 1 to 5");
            }
        }
        r->bits |= UINT64_C(1) << (has_value ? value : 1); // some day that every month has
        return 1;
    }
    return 0;
}

static int read_range(struct reader *r) {
    const struct field *f = &fields[r->field];
    const char *begin = r->at;
    int first = f->min, last = f->max, step, error;
    if (*r->at == '*') {
        r->at++;
    } else {
        if ((error = read_value(r, false, &first)) < 0 ||
            (error = read_special(r, first, true)) != 0) {
            return error < 0 ? error : 0;
        }
        last = *r->at == '/' ? f->max : first;
        if (*r->at == '-') {
            r->at++;
            if ((error = read_value(r, true, &last)) < 0) {
                return error;
            }
        }
    }
    if (first > last) {
        return bad(r, begin, "the range goes backwards; write two, such as 22-23,0-2");
    }
    if ((error = read_step(r, &step)) < 0) {
        return error;
    }
    for (int v = first; v <= last; v += step) {
        r->bits |= UINT64_C(1) << v;
    }
    return 0;
}

static int read_field(struct reader *r) {
    r->open = (*r->at == '*' || *r->at == '?') && (r->at[1] == '\0' || strchr(BLANKS, r->at[1]));
    for (;; r->at++) {
        int error = read_special(r, 0, false);
        if (error == 0) {
            error = read_range(r);
        }
        if (error < 0) {
            return error;
        }
        if (!ends(r->at)) {
            return bad(r, r->at, "this does not belong here");
        }
        if (*r->at != ',') {
            return 0;
        }
    }
}

// "30 2", "31 4,6": no month has that day, and no weekday would do instead.
static bool never_comes(const struct reader *day, const struct reader *month,
                        const struct reader *weekday) {
    static const int lengths[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!weekday->open) {
        return false;
    }
    for (int m = 1; m <= 12; m++) {
        uint64_t days = (UINT64_C(1) << (lengths[m] + 1)) - 1;
        if ((month->bits >> m & 1) != 0 && (day->bits & days) != 0) {
            return false;
        }
    }
    return true;
}

static int count_fields(const char *at) {
    int count = 0;
    for (; *at != '\0'; count++) {
        at += strcspn(at, BLANKS);
        at += strspn(at, BLANKS);
    }
    return count;
}

static int check_fields(const char *text, const char *at, struct err *e) {
    struct reader readers[FIELD_COUNT] = {{.text = NULL}};
    int count = count_fields(at);
    if (count != 5 && count != 6) {
        return err_set(
            e, -EINVAL,
            "found %d fields; expected 5 (minute hour day month weekday), 6 with seconds "
            "first, or a macro such as @daily",
            count);
    }
    for (int i = FIELD_COUNT - count; i < FIELD_COUNT; i++) {
        readers[i] = (struct reader){.text = text, .field = i, .at = at, .e = e};
        int error = read_field(&readers[i]);
        if (error < 0) {
            return error;
        }
        at = readers[i].at + strspn(readers[i].at, BLANKS);
    }
    return never_comes(&readers[DAY], &readers[MONTH], &readers[WEEKDAY])
               ? err_set(e, -EINVAL, "never comes: none of these months has such a day")
               : 0;
}

static int check_macro(const char *at, struct err *e) {
    static const char *const macros[] = {"@yearly", "@annually", "@monthly", "@weekly",
                                         "@daily",  "@midnight", "@hourly",  "@reboot"};
    int64_t ms;
    if (strncasecmp(at, "@every", 6) == 0 && (at[6] == ' ' || at[6] == '\t')) {
        if (duration_parse(at + 6 + strspn(at + 6, BLANKS), &ms) < 0 || ms < 1000) {
            return err_set(e, -EINVAL,
                           "@every needs a duration of at least 1s, such as @every 90s");
        }
        return 0;
    }
    size_t len = strcspn(at, BLANKS);
    for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
        if (strlen(macros[i]) == len && strncasecmp(at, macros[i], len) == 0 &&
            at[len + strspn(at + len, BLANKS)] == '\0') {
            return 0;
        }
    }
    return err_set(e, -EINVAL,
                   "unknown macro; there are @yearly @annually @monthly @weekly @daily @midnight "
                   "@hourly @reboot and @every DURATION");
}

int config_cron_zone(const char *text, char ret_zone[CONFIG_ZONE_MAX + 1], struct err *e) {
    const char *at = text + strspn(text, BLANKS);
    if (strncmp(at, "CRON_TZ=", 8) != 0 && strncmp(at, "TZ=", 3) != 0) {
        return 0;
    }
    at = strchr(at, '=') + 1;
    size_t len = strcspn(at, BLANKS);
    if (len > CONFIG_ZONE_MAX) {
        return err_set(e, -EINVAL, "the zone's name is longer than %d bytes", CONFIG_ZONE_MAX);
    }
    memcpy(ret_zone, at, len);
    ret_zone[len] = '\0';
    int r = form_zone.check(ret_zone, e);
    return r < 0 ? r : 1;
}

int config_cron_check(const char *text, struct err *e) {
    char zone[CONFIG_ZONE_MAX + 1];
    const char *at = text + strspn(text, BLANKS);
    int error = config_cron_zone(text, zone, e);
    if (error < 0) {
        return error;
    }
    if (error > 0) {
        at += strcspn(at, BLANKS);
        at += strspn(at, BLANKS);
    }
    return *at == '@' ? check_macro(at, e) : check_fields(text, at, e);
}
