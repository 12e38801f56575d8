#include "base/civil.h"

// Years begin in March here, so leap days come last; an era is 400 of them.

int64_t civil_days(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = civil_floor(year, 400);
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct civil civil_from_days(int64_t days) {
    days += 719468;
    int64_t era = civil_floor(days, 146097);
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t m = (5 * of_year + 2) / 153;
    int month = (int)(m < 10 ? m + 3 : m - 9);
    return (struct civil){
        .year = year + era * 400 + (month <= 2),
        .month = month,
        .day = (int)(of_year - (153 * m + 2) / 5 + 1),
    };
}

bool civil_is_leap(int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int civil_month_length(int64_t year, int month) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && civil_is_leap(year) ? 29 : lengths[month - 1];
}

int civil_weekday(int64_t days) {
    int64_t of_week = days + 4; // 1970-01-01 was a Thursday
    return (int)(of_week - 7 * civil_floor(of_week, 7));
}
