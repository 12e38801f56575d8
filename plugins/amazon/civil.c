#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "civil.h"

enum { FIRST_YEAR = 1990, LAST_YEAR = 2199 };

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};

// Names by which months are known in file names, beside the English ones.
static const struct {
    const char *name;
    int month;
} other_months[] = {
    {"januar", 1}, {"februar", 2}, {"m\xC3\xA4rz", 3}, {"maerz", 3},     {"mai", 5},  {"juni", 6},
    {"juli", 7},   {"sept", 9},    {"oktober", 10},    {"dezember", 12}, {"okt", 10}, {"dez", 12},
};

static bool is_leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int civil_days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

bool civil_valid(int year, int month, int day) {
    return year >= FIRST_YEAR && year <= LAST_YEAR && month >= 1 && month <= 12 && day >= 1 &&
           day <= civil_days_in_month(year, month);
}

// Years begin in March here, so that the leap day is the last one.
int32_t civil_day(int year, int month, int day) {
    int y = month <= 2 ? year - 1 : year;
    int m = month <= 2 ? month + 9 : month - 3;
    return (int32_t)(365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468);
}

void civil_split(int32_t day, int *ret_year, int *ret_month, int *ret_day) {
    int year = 1970 + day / 366;
    while (civil_day(year + 1, 1, 1) <= day) {
        year++;
    }
    int month = 12;
    while (civil_day(year, month, 1) > day) {
        month--;
    }
    *ret_year = year;
    *ret_month = month;
    *ret_day = day - civil_day(year, month, 1) + 1;
}

int civil_weekday(int32_t day) {
    int since = (day + 3) % 7; // 1970-01-01 was a Thursday
    return since < 0 ? since + 7 : since;
}

void civil_format(int32_t day, char out[CIVIL_TEXT]) {
    char text[40];
    int y, m, d;
    civil_split(day, &y, &m, &d);
    (void)snprintf(text, sizeof text, "%04d-%02d-%02d", y, m, d);
    memcpy(out, text, CIVIL_TEXT - 1);
    out[CIVIL_TEXT - 1] = '\0';
}

// `count` digits as a number, -1 = they are none.
static int digits(const char *text, size_t count) {
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

int civil_parse(const char *text, size_t len, int32_t *ret_day) {
    if (len != 10 || text[4] != '-' || text[7] != '-') {
        return -EINVAL;
    }
    int y = digits(text, 4), m = digits(text + 5, 2), d = digits(text + 8, 2);
    if (!civil_valid(y, m, d)) {
        return -EINVAL;
    }
    *ret_day = civil_day(y, m, d);
    return 0;
}

// "", "Z", "+02:00", "-0800": minutes, or false.
static bool parse_offset(const char *text, size_t len, int *ret_minutes) {
    *ret_minutes = 0;
    if (len == 0 || (len == 1 && (text[0] == 'Z' || text[0] == 'z'))) {
        return true;
    }
    if ((text[0] != '+' && text[0] != '-') || (len != 5 && !(len == 6 && text[3] == ':'))) {
        return false;
    }
    int h = digits(text + 1, 2), m = digits(text + len - 2, 2);
    if (h < 0 || h > 18 || m < 0 || m > 59) {
        return false;
    }
    *ret_minutes = (text[0] == '-' ? -1 : 1) * (h * 60 + m);
    return true;
}

int civil_parse_stamp(const char *text, size_t len, int32_t *ret_day, int64_t *ret_seconds) {
    int seconds = 0, minutes;
    size_t at = 16;
    if (len < 16 || civil_parse(text, 10, ret_day) < 0 || (text[10] != 'T' && text[10] != ' ') ||
        text[13] != ':') {
        return -EINVAL;
    }
    int h = digits(text + 11, 2), m = digits(text + 14, 2);
    if (len >= 19 && text[16] == ':') {
        seconds = digits(text + 17, 2);
        at = 19;
        if (at < len && text[at] == '.') {
            for (at++; at < len && text[at] >= '0' && text[at] <= '9';) {
                at++;
            }
        }
    }
    if (h < 0 || h > 23 || m < 0 || m > 59 || seconds < 0 || seconds > 60 ||
        !parse_offset(text + at, len - at, &minutes)) {
        return -EINVAL;
    }
    *ret_seconds = (int64_t)*ret_day * 86400 + h * 3600 + m * 60 + seconds - minutes * 60;
    return 0;
}

static bool equals_folded(const char *name, const char *word, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char c = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
        if (c != word[i]) {
            return false;
        }
    }
    return true;
}

int civil_month_from_name(const char *word, size_t len) {
    for (int i = 0; i < 12; i++) {
        size_t full = strlen(months[i]);
        if ((len == full || len == 3) && equals_folded(months[i], word, len)) {
            return i + 1;
        }
    }
    for (size_t i = 0; i < sizeof other_months / sizeof other_months[0]; i++) {
        if (strlen(other_months[i].name) == len && memcmp(other_months[i].name, word, len) == 0) {
            return other_months[i].month;
        }
    }
    return 0;
}

const char *civil_month_name(int month) {
    return months[month - 1];
}

const char *civil_weekday_name(int weekday) {
    return weekdays[weekday];
}
