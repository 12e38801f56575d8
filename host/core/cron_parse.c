#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/civil.h"
#include "base/rfc3339.h"
#include "core/cron.h"

#define DIGITS "0123456789"
#define BLANKS " \t"

enum { EVERY_MIN_MS = 1000 };
#define EVERY_MAX_MS (INT64_C(3650) * 86400000)

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

// One field while it is read.
struct reader {
    const char *text; // of the whole expression, for columns
    int field;
    const char *at;
    uint64_t bits;
    bool open;  // literally "*" or "?"
    bool stars; // contains "*"
    struct cron *cron;
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

static const char *why_no_value(const char *at, int field) {
    if (ends(at)) {
        return "a value is missing";
    }
    if ((*at == 'H' || *at == 'h') && (at[1] == '/' || at[1] == '(' || ends(at + 1))) {
        return "H is not known here; `jitter` spreads schedules";
    }
    bool lone = field == WEEKDAY && (*at == 'L' || *at == 'l') && ends(at + 1);
    return lone ? "L needs a weekday in front, such as FRIL" : "this is no value";
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
    return bad(r, begin, why_no_value(begin, r->field));
}

static int read_step(struct reader *r, int *ret) {
    *ret = 1;
    if (*r->at != '/') {
        return 0;
    }
    const char *begin = ++r->at;
    *ret = read_number(&r->at);
    if (r->at == begin || *ret == 0) {
        return bad(r, begin, "a step is a number from 1 on");
    }
    if (*ret > fields[r->field].max && r->cron->big_step == 0) {
        r->cron->big_step = *ret;
        r->cron->big_step_column = (int)(begin - r->text) + 1;
        r->cron->big_step_field = fields[r->field].name;
    }
    return 0;
}

// ---- what only days know

static int keep_any(struct reader *r, int value) {
    (void)value;
    r->bits |= UINT64_MAX;
    return 0;
}

static int keep_last_workday(struct reader *r, int value) {
    (void)value;
    r->cron->last_workday = true;
    return 0;
}

static int keep_last_day(struct reader *r, int value) {
    (void)value;
    r->cron->last_day = true;
    return 0;
}

static int keep_near(struct reader *r, int value) {
    r->cron->near_days |= UINT32_C(1) << value;
    return 0;
}

static int keep_last_weekday(struct reader *r, int value) {
    r->cron->last_weekdays |= (uint8_t)(1u << value % 7);
    return 0;
}

static int keep_nth(struct reader *r, int value) {
    const char *begin = r->at;
    int nth = read_number(&r->at);
    if (nth < 1 || nth > 5) {
        return bad(r, begin, "# needs a number from 1 to 5");
    }
    r->cron->nth_weekdays[nth - 1] |= (uint8_t)(1u << value % 7);
    return 0;
}

// 1 = it was one, 0 = it was none, or negative.
static int read_special(struct reader *r, int value, bool has_value) {
    static const struct {
        int field;
        bool has_value;
        const char *word;
        int (*keep)(struct reader *r, int value);
    } words[] = {
        {DAY, false, "?", keep_any},           {WEEKDAY, false, "?", keep_any},
        {DAY, false, "LW", keep_last_workday}, {DAY, false, "L", keep_last_day},
        {DAY, true, "W", keep_near},           {WEEKDAY, true, "L", keep_last_weekday},
        {WEEKDAY, true, "#", keep_nth},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i].word);
        if (words[i].field == r->field && words[i].has_value == has_value &&
            strncasecmp(r->at, words[i].word, len) == 0) {
            r->at += len;
            int error = words[i].keep(r, value);
            return error < 0 ? error : 1;
        }
    }
    return 0;
}

// ---- fields

static int read_range(struct reader *r) {
    const struct field *f = &fields[r->field];
    const char *begin = r->at;
    int first = f->min, last = f->max, step, error;
    if (*r->at == '*') {
        r->at++;
        r->stars = true;
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

static int count_fields(const char *at) {
    int count = 0;
    for (; *at != '\0'; count++) {
        at += strcspn(at, BLANKS);
        at += strspn(at, BLANKS);
    }
    return count;
}

static void keep_fields(struct cron *c, const struct reader *r) {
    c->seconds = r[SECOND].text == NULL ? 1 : r[SECOND].bits;
    c->minutes = r[MINUTE].bits;
    c->hours = (uint32_t)r[HOUR].bits;
    c->days = (uint32_t)r[DAY].bits;
    c->months = (uint32_t)r[MONTH].bits;
    c->weekdays = (uint8_t)((r[WEEKDAY].bits | r[WEEKDAY].bits >> 7) & 0x7f);
    c->day_open = r[DAY].open;
    c->weekday_open = r[WEEKDAY].open;
    c->fixed = !r[SECOND].stars && !r[MINUTE].stars && !r[HOUR].stars;
    c->stepped_star_day = (r[DAY].stars || r[WEEKDAY].stars) && !c->day_open && !c->weekday_open;
}

static int read_fields(const char *text, const char *at, struct cron *ret, struct err *e) {
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
        readers[i] = (struct reader){.text = text, .field = i, .at = at, .cron = ret, .e = e};
        int error = read_field(&readers[i]);
        if (error < 0) {
            return error;
        }
        at = readers[i].at + strspn(readers[i].at, BLANKS);
    }
    keep_fields(ret, readers);
    return cron_comes(&(struct cron_rule){.cron = ret})
               ? 0
               : err_set(e, -EINVAL, "never comes: none of these months has such a day");
}

// ---- macros

static int read_every(const char *at, struct cron *ret, struct err *e) {
    char text[CRON_TEXT_MAX + 1];
    size_t len = strcspn(at, BLANKS);
    int64_t ms = 0;
    memcpy(text, at, len);
    text[len] = '\0';
    if (at[len + strspn(at + len, BLANKS)] != '\0' || duration_parse(text, &ms) < 0 ||
        ms < EVERY_MIN_MS || ms > EVERY_MAX_MS || ms % 1000 != 0) {
        return err_set(e, -EINVAL,
                       "@every needs a duration of at least 1s, such as @every 90s, in whole "
                       "seconds and of 3650d at most");
    }
    *ret = (struct cron){.kind = CRON_EVERY, .every = ms / 1000};
    return 0;
}

static int read_macro(const char *at, struct cron *ret, struct err *e) {
    static const struct {
        const char *name, *fields; // NULL = @reboot
    } macros[] = {
        {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
        {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
        {"@hourly", "0 * * * *"}, {"@reboot", NULL},
    };
    if (strncasecmp(at, "@every", 6) == 0 && (at[6] == ' ' || at[6] == '\t')) {
        return read_every(at + 6 + strspn(at + 6, BLANKS), ret, e);
    }
    size_t len = strcspn(at, BLANKS);
    for (size_t i = 0; i < ARRAY_LEN(macros); i++) {
        if (strlen(macros[i].name) != len || strncasecmp(macros[i].name, at, len) != 0 ||
            at[len + strspn(at + len, BLANKS)] != '\0') {
            continue;
        }
        if (macros[i].fields == NULL) {
            *ret = (struct cron){.kind = CRON_REBOOT};
            return 0;
        }
        return read_fields(macros[i].fields, macros[i].fields, ret, e);
    }
    return err_set(e, -EINVAL,
                   "unknown macro; there are @yearly @annually @monthly @weekly @daily @midnight "
                   "@hourly @reboot and @every DURATION");
}

// 1 = there is one, *at is behind it; 0 = there is none; or negative.
static int read_zone(const char **at, char zone[ZONE_NAME_MAX + 1], struct err *e) {
    if (strncmp(*at, "CRON_TZ=", 8) != 0 && strncmp(*at, "TZ=", 3) != 0) {
        return 0;
    }
    const char *name = strchr(*at, '=') + 1;
    size_t len = strcspn(name, BLANKS);
    int r = zone_check_name(name, len, e);
    if (r < 0) {
        return r;
    }
    memcpy(zone, name, len);
    zone[len] = '\0';
    *at = name + len + strspn(name + len, BLANKS);
    return 1;
}

int cron_parse(const char *text, struct cron *ret, struct err *e) {
    char zone[ZONE_NAME_MAX + 1] = "";
    struct cron c = {.kind = CRON_TIMES};
    if (strlen(text) > CRON_TEXT_MAX) {
        return err_set(e, -EINVAL, "longer than %d bytes", CRON_TEXT_MAX);
    }
    const char *at = text + strspn(text, BLANKS);
    int error = read_zone(&at, zone, e);
    if (error < 0) {
        return error;
    }
    error = *at == '@' ? read_macro(at, &c, e) : read_fields(text, at, &c, e);
    if (error < 0) {
        return error;
    }
    memcpy(c.zone, zone, sizeof zone);
    *ret = c;
    return 0;
}

bool cron_warning(const struct cron *c, bool days_and, int i, char out[CRON_NOTE_MAX]) {
    if (c->big_step != 0 && i-- == 0) {
        (void)snprintf(out, CRON_NOTE_MAX,
                       "the %s, column %d: the step %d is longer than the field, so only its first "
                       "value is left",
                       c->big_step_field, c->big_step_column, c->big_step);
        return true;
    }
    if (c->stepped_star_day && !days_and && i == 0) {
        (void)snprintf(out, CRON_NOTE_MAX,
                       "day and weekday are both restricted, so it comes when either matches; "
                       "crontab wants both beside a stepped star: `days: and`");
        return true;
    }
    return false;
}
