#include "cli/sim_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rfc3339.h"
#include "cli/out.h"
#include "cli/table.h"

enum { TIME_MAX = 32, ROWS_MAX = 50 /* of a table; more are only counted */, USERS_MAX = 10 };

/* ------------------------------------------------------------------ the timeline */

static void write_time(int64_t wall_ms, char out[TIME_MAX]) {
    char text[RFC3339_LEN + 1];
    rfc3339_format(wall_ms, text);
    (void)snprintf(out, TIME_MAX, "%.10s %.8s", text, text + 11);
}

// "850ms", "4.4s", "5m46s", "10h05m", "3d12h": the two units that matter.
static void write_duration(int64_t ms, char out[48]) {
    int64_t s = (ms + 500) / 1000;
    if (ms < 1000) {
        (void)snprintf(out, 48, "%" PRId64 "ms", ms);
    } else if (ms < 60000) {
        (void)snprintf(out, 48, "%.1fs", (double)ms / 1000);
    } else if (s < 3600) {
        (void)snprintf(out, 48, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
    } else if (s < 86400) {
        (void)snprintf(out, 48, "%" PRId64 "h%02" PRId64 "m", s / 3600, s / 60 % 60);
    } else {
        (void)snprintf(out, 48, "%" PRId64 "d%02" PRId64 "h", s / 86400, s / 3600 % 24);
    }
}

/* A place in the table of what was shown; two that meet there are shown more or less often, and no more. */
static size_t place_of(const struct note *n, uint64_t *ret_what) {
    uint64_t h = UINT64_C(1469598103934665603) ^ (uint64_t)n->kind;
    for (const char *p = n->what == NULL ? "" : n->what; *p != '\0'; p++) {
        h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
    }
    *ret_what = h;
    return (size_t)(h % SIM_PAGE_SEEN);
}

/* Of what is routine only fires say something special: why they are not on time. */
static bool is_special(const struct note *n) {
    return !note_kinds[n->kind].routine || (n->kind == NOTE_FIRE && n->text[0] != '\0');
}

/* What goes on and on is shown less and less often, until it has not happened for a while. */
static bool is_due(struct sim_page *p, const struct note *n) {
    uint64_t what;
    size_t at = place_of(n, &what);
    bool known = p->seen[at].what == what;
    bool goes_on = known && n->passed_ms - p->seen[at].last_ms < p->rest_ms;
    bool due = !goes_on || n->passed_ms - p->seen[at].shown_ms >= p->seen[at].rest_ms;
    p->seen[at].what = what;
    p->seen[at].last_ms = n->passed_ms;
    if (due) {
        p->seen[at].shown_ms = n->passed_ms;
        p->seen[at].rest_ms = goes_on ? 2 * p->seen[at].rest_ms : p->rest_ms;
    }
    return due;
}

static bool is_shown(struct sim_page *p, const struct note *n) {
    return is_special(n) && (is_due(p, n) || n->kind == NOTE_FAULT || n->kind == NOTE_ACT);
}

static void print_quiet(struct sim_page *p, int64_t now_ms) {
    char wait[48];
    const char *comma = "";
    if (p->quiet_all == 0) {
        return;
    }
    write_duration(now_ms - p->shown_ms, wait);
    (void)printf("%19s  ", wait);
    for (int i = 0; i < NOTE_KINDS; i++) {
        if (p->quiet[i] > 0) {
            (void)printf("%s%" PRIu64 " %s", comma, p->quiet[i], note_kinds[i].name);
            comma = ", ";
        }
    }
    (void)putchar('\n');
    memset(p->quiet, 0, sizeof p->quiet);
    p->quiet_all = 0;
}

void sim_page_note(struct sim_page *p, const struct note *n) {
    char at[TIME_MAX];
    if (n->kind == NOTE_OVER) {
        print_quiet(p, n->passed_ms);
        return;
    }
    if (!is_shown(p, n)) {
        p->quiet[n->kind]++;
        p->quiet_all++;
        return;
    }
    print_quiet(p, n->passed_ms);
    p->shown_ms = n->passed_ms;
    write_time(n->wall_ms, at);
    const struct note_info *info = &note_kinds[n->kind];
    bool colour = p->cli->colour && info->style != NULL;
    (void)printf("%s  %s%s%s%-12s%s ", at, colour ? "\033[" : "", colour ? info->style : "",
                 colour ? "m" : "", info->name, colour ? "\033[0m" : "");
    out_text("%s%s%s%s%s\n", n->what == NULL ? "" : n->what, n->tenant == NULL ? "" : " of ",
             n->tenant == NULL ? "" : n->tenant, n->text[0] == '\0' ? "" : ": ", n->text);
}

/* ------------------------------------------------------------------ the summary */

static void time_cell(struct table *t, int64_t ms) {
    char text[48];
    write_duration(ms, text);
    table_cell(t, ms == 0 ? "0" : text);
}

static void print_types(const struct cli *cli, const struct report *r) {
    static const char *const titles[] = {"TYPE",    ">MADE",     ">SUCCEEDED", ">RETRIED",
                                         ">PARKED", ">DEAD",     ">CANCELLED", ">CRASHED",
                                         ">LOST",   ">WAIT P50", ">P99",       ">MAX"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    for (const struct report_type *x = r->types; x != NULL; x = x->next) {
        table_cell(&t, x->name);
        table_number(&t, (double)x->made);
        table_number(&t, (double)x->succeeded);
        table_number(&t, (double)x->retried);
        table_number(&t, (double)x->parked);
        table_number(&t, (double)x->dead);
        table_number(&t, (double)x->cancelled);
        table_number(&t, (double)x->crashed);
        table_number(&t, (double)x->lost);
        time_cell(&t, quantile_at(&x->wait, 0.5));
        time_cell(&t, quantile_at(&x->wait, 0.99));
        time_cell(&t, x->wait.max);
    }
    table_print(cli, &t);
}

static void print_users(const struct cli *cli, const struct report *r) {
    static const char *const titles[] = {"USER",      ">MADE", ">SUCCEEDED", ">DEAD",
                                         ">WAIT P50", ">P99",  ">MAX"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    size_t rows = 0;
    for (const struct report_type *x = r->users; x != NULL && rows < USERS_MAX; x = x->next) {
        rows++;
        table_cell(&t, x->name);
        table_number(&t, (double)x->made);
        table_number(&t, (double)x->succeeded);
        table_number(&t, (double)x->dead);
        time_cell(&t, quantile_at(&x->wait, 0.5));
        time_cell(&t, quantile_at(&x->wait, 0.99));
        time_cell(&t, x->wait.max);
    }
    if (rows > 0) {
        (void)putchar('\n');
        table_print(cli, &t);
    }
    if (r->user_count > rows) {
        (void)printf("and %s%zu more\n", r->user_count == REPORT_USERS_MAX ? "at least " : "",
                     r->user_count - rows);
    }
}

static uint64_t sum(const struct report_schedule *s, int first, int last) {
    uint64_t n = 0;
    for (int i = first; i <= last; i++) {
        n += s->times[i];
    }
    return n;
}

static void print_schedules(const struct cli *cli, const struct report *r) {
    static const char *const titles[] = {"SCHEDULE", ">FIRED",   ">CAUGHT UP", ">QUEUED",
                                         ">SKIPPED", ">DROPPED", ">REFUSED"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    size_t rows = 0, more = 0;
    for (const struct report_schedule *x = r->schedules; x != NULL; x = x->next) {
        if (rows++ >= ROWS_MAX) {
            more++;
            continue;
        }
        table_cell(&t, x->name);
        table_number(&t, (double)x->times[SCHEDULE_FIRE]);
        table_number(&t, (double)x->times[SCHEDULE_CAUGHT_UP]);
        table_number(&t, (double)sum(x, SCHEDULE_QUEUED, SCHEDULE_REPLACE));
        table_number(&t, (double)sum(x, SCHEDULE_SKIPPED_OVERLAP, SCHEDULE_SKIPPED_PAUSED));
        table_number(&t, (double)sum(x, SCHEDULE_DROPPED_WINDOW, SCHEDULE_DROPPED_CATCH_UP));
        table_number(&t, (double)x->times[SCHEDULE_REFUSED]);
    }
    if (rows > 0) {
        (void)putchar('\n');
        table_print(cli, &t);
    }
    if (more > 0) {
        (void)printf("and %zu more\n", more);
    }
}

static void print_calls(const struct cli *cli, const struct report *r) {
    static const char *const titles[] = {"CALLS",        "",         ">LET THROUGH",
                                         ">HAD TO WAIT", ">REFUSED", ">OVER ITS RATE"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    size_t rows = 0;
    for (const struct report_calls *x = r->calls; x != NULL && rows < ROWS_MAX; x = x->next) {
        rows++;
        table_cell(&t, x->name);
        table_cell(&t, x->remote ? "remote" : "limit");
        table_number(&t, (double)x->granted);
        table_number(&t, (double)x->waited);
        table_number(&t, (double)x->refused);
        table_number(&t, (double)x->over_rate);
    }
    if (rows > 0) {
        (void)putchar('\n');
        table_print(cli, &t);
    }
}

static void print_breakers(const struct cli *cli, const struct report *r) {
    static const char *const titles[] = {"BREAKER", ">OPENED", ">FOR"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    size_t rows = 0;
    for (const struct report_breaker *x = r->breakers; x != NULL && rows < ROWS_MAX; x = x->next) {
        rows++;
        table_cell(&t, x->name);
        table_number(&t, (double)x->opened);
        time_cell(&t, x->open_ms);
    }
    if (rows > 0) {
        (void)putchar('\n');
        table_print(cli, &t);
    }
}

static void print_reasons(const struct report *r) {
    int64_t all = 0;
    const char *comma = "";
    for (int i = 0; i < REASON_COUNT; i++) {
        all += r->waited_ms[i];
    }
    if (all == 0) {
        return;
    }
    char total[48];
    write_duration(all, total);
    (void)printf("\njobs waited %s in all: ", total);
    for (int i = 0; i < REASON_COUNT; i++) {
        if (r->waited_ms[i] > 0) {
            (void)printf("%s%s %.1f %%", comma, reason_code_name((enum reason_code)i),
                         100 * (double)r->waited_ms[i] / (double)all);
            comma = ", ";
        }
    }
    comma = " (parked for ";
    for (int i = 0; i < PARK_REASON_COUNT; i++) {
        if (r->parked_ms[i] > 0) {
            (void)printf("%s%s %.1f %%", comma, park_reason_name(i),
                         100 * (double)r->parked_ms[i] / (double)all);
            comma = ", ";
        }
    }
    (void)puts(comma[0] == ',' ? ")" : "");
}

void sim_page_summary(struct sim_page *p, const struct report *r) {
    char late[48], most[48];
    (void)putchar('\n');
    print_types(p->cli, r);
    print_users(p->cli, r);
    print_schedules(p->cli, r);
    print_calls(p->cli, r);
    print_breakers(p->cli, r);
    print_reasons(r);
    if (r->flows_opened > 0) {
        (void)printf("%" PRIu64 " flows were opened, %" PRIu64 " closed\n", r->flows_opened,
                     r->flows_closed);
    }
    if (r->late.count > 0) {
        write_duration(quantile_at(&r->late, 0.99), late);
        write_duration(r->late.max, most);
        (void)printf("jobs of schedules came %s after their time at p99, %s at most\n", late, most);
    }
    if (r->refused + r->duplicates > 0) {
        (void)printf("%" PRIu64 " submissions were refused, %" PRIu64 " were duplicates\n",
                     r->refused, r->duplicates);
    }
}
