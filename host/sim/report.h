/* What came of it: counts and times by job type, schedule, limit, remote and breaker; and what was expected and did not
 * hold. */
#ifndef JOBHOST_SIM_REPORT_H
#define JOBHOST_SIM_REPORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/evaluate.h"
#include "core/schedule.h"
#include "sim/quantile.h"

enum { REPORT_BROKEN_MAX = 20, REPORT_USERS_MAX = 100 };

struct report_type {
    const char *name;
    uint64_t made, started, succeeded, retried, parked, dead, crashed, cancelled, lost, running;
    struct quantile wait; /* from when an attempt could have started to its start */
    struct report_type *next;
};

struct report_schedule {
    const char *name;
    uint64_t times[SCHEDULE_VERDICT_COUNT]; /* by what became of them */
    uint64_t missed;
    struct report_schedule *next;
};

/* A limit, with its key, or a remote. */
struct report_calls {
    const char *name;
    bool remote;
    uint64_t granted, waited, refused, over_rate;
    struct report_calls *next;
};

struct report_breaker {
    const char *name;
    uint64_t opened;
    int64_t open_ms;
    struct report_breaker *next;
};

struct report {
    struct arena arena;
    int64_t from_ms, for_ms, seed;
    uint64_t events, store_ops;
    uint64_t refused, duplicates;
    uint64_t flows_opened, flows_closed;
    struct report_type *types; /* in the order in which they came up; so are the others */
    struct report_type *users; /* the first REPORT_USERS_MAX whose jobs came */
    size_t user_count;
    struct report_schedule *schedules;
    struct report_calls *calls;
    struct report_breaker *breakers;
    struct quantile late;            /* from a schedule's time to its job */
    int64_t waited_ms[REASON_COUNT]; /* time that jobs waited, by evaluate()'s first reason */
    int64_t
        parked_ms[PARK_REASON_COUNT]; /* the same of REASON_PARKED, by what they are parked for */
    const char *broken[REPORT_BROKEN_MAX]; /* what was expected and does not hold */
    size_t broken_count, broken_all;
};

struct report *report_new(void);
void report_free(struct report **r);

/* Found or added at the end; NULL without memory. */
struct report_type *report_type(struct report *r, const char *name);
/* NULL: there are too many. */
struct report_type *report_user(struct report *r, const char *name);
struct report_schedule *report_schedule(struct report *r, const char *name);
struct report_calls *report_calls(struct report *r, const char *name, bool remote);
struct report_breaker *report_breaker(struct report *r, const char *name);

void report_break(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The sum of all types: `name` NULL, `next` NULL. */
void report_total(const struct report *r, struct report_type *ret);

/* One object, without an end of line; nothing in it is of real time. */
void report_json(const struct report *r, struct buf *out);

#endif
