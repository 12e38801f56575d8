#include "store/sqlite/event_log.h"
#include "store/sqlite/fsck.h"

static const struct fsck_rule rules[] = {
    {"event_wait_gone",
     "SELECT j.id, 'it is entered for an event, and waits for none', w.rid FROM event_waits w"
     " LEFT JOIN jobs j ON j.rid = w.rid WHERE j.rid IS NULL OR j.state <> 3 OR j.has & 8192 = 0"
     " ORDER BY w.rid + 0",
     "DELETE FROM event_waits WHERE rid = ?1"},
    {"orphan_event",
     "SELECT NULL, count(*) || ' events of ' || name, name FROM events"
     " WHERE name NOT IN (SELECT id FROM event_names) GROUP BY name ORDER BY name + 0",
     "DELETE FROM events WHERE name = ?1"},
    {"event_count",
     "SELECT NULL, name || ': ' || count || ' events of ' || bytes || ' bytes, found ' || n ||"
     " ' of ' || b, id, n, b FROM (SELECT id, name, count, bytes,"
     " " EVENT_LOG_OF_NAME("count(*)") " AS n, " EVENT_LOG_OF_NAME(
         "ifnull(sum" EVENT_LOG_BYTES ", 0)") " AS b FROM event_names)"
                                              " WHERE count <> n OR bytes <> b ORDER BY id + 0",
     "UPDATE event_names SET count = ?2, bytes = ?3 WHERE id = ?1"},
};
_Static_assert(HAS_EVENT == 8192, "the rules say so");

// Enters a job again, by what it says that it waits for.
static int enter(struct fsck *f, const struct job_row *row) {
    struct job_life life;
    int r = jobrow_life(row, &f->scratch, &life);
    bool damaged = r < 0 || life.wait_key == NULL || waits_check_name(life.wait_key) < 0;
    return damaged ? 0 : event_log_wait(f->w, row, &life); // damage is said elsewhere
}

static int each_missing(struct fsck *f, sqlite3_stmt *s) {
    struct job_row row;
    arena_reset(&f->scratch);
    jobrow_read(s, &row);
    int r = f->repair ? enter(f, &row) : 0;
    return r < 0 ? r
                 : fsck_report(f, "event_wait_missing", &row.id, f->repair,
                               "it waits for an event, and would not be told");
}

int fsck_events(struct fsck *f) {
    int r = fsck_rules_run(f, rules, ARRAY_LEN(rules));
    return r < 0 ? r
                 : fsck_query(f,
                              "SELECT " ROW_COLUMNS ", " ROW_SIZE " FROM jobs WHERE has & 8192"
                              " AND state = 3 AND rid NOT IN (SELECT rid FROM event_waits)"
                              " ORDER BY rid + 0",
                              each_missing);
}
