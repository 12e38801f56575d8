// Which days the orders tell about: an export covers the days from its first line to its last.
#include "analyse.h"

enum {
    PAUSE_MAX = 3,   // days between two exports that are days without an order, not a gap
    APART_MAX = 366, // days without a line in one export; more are not days without an order
};

static int read_reach(struct analysis *a, struct orders *o) {
    int64_t first, last;
    if (query_one(a, "SELECT first FROM reach", NULL, 0, &first) < 0 ||
        query_one(a, "SELECT last FROM reach", NULL, 0, &last) < 0) {
        return -1;
    }
    o->first_day = (int32_t)first;
    o->last_day = (int32_t)last;
    o->days = last - first + 1;
    return 0;
}

// by_day[i] = how many exports cover day i.
static int read_exports(struct analysis *a, const struct orders *o, int32_t *by_day) {
    int rc = query_begin(a, "SELECT first, last FROM section", NULL, 0);
    while (rc == 0 && (rc = query_next(a)) > 0) {
        by_day[query_int(a, 0) - o->first_day]++;
        by_day[query_int(a, 1) - o->first_day + 1]--;
        rc = 0;
    }
    query_end(a);
    for (int64_t i = 1; i < o->days; i++) {
        by_day[i] += by_day[i - 1];
    }
    return rc;
}

static void bridge_pauses(const struct orders *o, int32_t *by_day) {
    int64_t covered = 0; // the last day that is; the first one always is
    for (int64_t i = 1; i < o->days; i++) {
        if (by_day[i] <= 0) {
            continue;
        }
        for (int64_t k = covered + 1; k < i && i - covered - 1 <= PAUSE_MAX; k++) {
            by_day[k] = 1;
        }
        covered = i;
    }
}

// Days between lines that lie too far apart are covered by nothing: -1.
static int cut_apart(struct analysis *a, const struct orders *o, int32_t *by_day) {
    int64_t before = o->first_day;
    int rc = query_begin(a, "SELECT day FROM day_sum ORDER BY day", NULL, 0);
    while (rc == 0 && (rc = query_next(a)) > 0) {
        int64_t day = query_int(a, 0);
        rc = 0;
        for (int64_t k = before + 1; k < day && day - before - 1 > APART_MAX; k++) {
            int32_t *at = &by_day[k - o->first_day];
            *at = *at > 0 ? -1 : *at;
        }
        before = day;
    }
    query_end(a);
    return rc;
}

static int list_gaps(struct analysis *a, struct orders *o, const int32_t *by_day) {
    size_t count = 0;
    for (int64_t i = 1; i < o->days; i++) {
        count += by_day[i] <= 0 && by_day[i - 1] > 0;
    }
    o->gaps = pool_array(&a->report->pool, count + 1, sizeof *o->gaps);
    if (o->gaps == NULL) {
        return trouble_no_memory(a->trouble);
    }
    for (int64_t i = 1; i < o->days; i++) {
        int32_t day = o->first_day + (int32_t)i;
        if (by_day[i] > 0) {
            continue;
        }
        if (by_day[i - 1] > 0) {
            o->gaps[o->gap_count++] = (struct gap){.from = day};
        }
        o->gaps[o->gap_count - 1].to = day;
        o->gaps[o->gap_count - 1].inside = o->gaps[o->gap_count - 1].inside || by_day[i] < 0;
    }
    return 0;
}

// Turns how many exports cover each day into how many days before it are covered.
static void sum_up(struct orders *o, int32_t *by_day) {
    int32_t sum = 0;
    for (int64_t i = 0; i <= o->days; i++) {
        int32_t covered = i < o->days && by_day[i] > 0;
        by_day[i] = sum;
        sum += covered;
    }
    o->days_covered = sum;
    o->covered_before = by_day;
}

int analyse_cover(struct analysis *a) {
    struct orders *o = &a->report->orders;
    if (read_reach(a, o) < 0) {
        return -1;
    }
    int32_t *by_day = pool_array(&a->report->pool, (size_t)o->days + 1, sizeof *by_day);
    if (by_day == NULL) {
        return trouble_no_memory(a->trouble);
    }
    if (read_exports(a, o, by_day) < 0) {
        return -1;
    }
    bridge_pauses(o, by_day);
    if (cut_apart(a, o, by_day) < 0 || list_gaps(a, o, by_day) < 0) {
        return -1;
    }
    sum_up(o, by_day);
    return 0;
}

int64_t analyse_covered(const struct orders *o, int32_t from, int32_t to) {
    from = from < o->first_day ? o->first_day : from;
    to = to > o->last_day ? o->last_day : to;
    return from > to
               ? 0
               : o->covered_before[to - o->first_day + 1] - o->covered_before[from - o->first_day];
}
