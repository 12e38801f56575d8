#include "store/schedules.h"
#include "store/sqlite/fsck.h"
#include "store/sqlite/schedule_jobs.h"

static const struct fsck_rule rules[] = {
    {"schedule_job_gone",
     "SELECT j.id, 'of schedule ' || s.schedule, s.rid FROM schedule_jobs s"
     " LEFT JOIN jobs j ON j.rid = s.rid WHERE j.rid IS NULL OR j.state > 3 OR j.has & 1024 = 0"
     " ORDER BY s.rid + 0",
     "DELETE FROM schedule_jobs WHERE rid = ?1"},
    {"schedule_job_waits",
     "SELECT j.id, 'of schedule ' || s.schedule || ': it is not parked', s.rid"
     " FROM schedule_jobs s JOIN jobs j ON j.rid = s.rid WHERE s.waiting AND j.state <> 3"
     " ORDER BY s.rid + 0",
     "UPDATE schedule_jobs SET waiting = 0 WHERE rid = ?1"},
    {"orphan_ledger",
     "SELECT NULL, count(*) || ' rows of ' || sid, sid FROM ledger"
     " WHERE sid NOT IN (SELECT sid FROM schedules) GROUP BY sid ORDER BY sid + 0",
     "DELETE FROM ledger WHERE sid = ?1"},
    {"ledger_rows",
     "SELECT NULL, id || ': ' || rows || ' rows, ' || n || ' found', sid, n FROM (SELECT id, sid,"
     " rows, (SELECT count(*) FROM ledger l WHERE l.sid = schedules.sid) AS n FROM schedules)"
     " WHERE rows <> n ORDER BY sid + 0",
     "UPDATE schedules SET rows = ?2 WHERE sid = ?1"},
};
_Static_assert(HAS_SCHEDULE == 1024, "the rules say so");

static struct queue *queue_of(struct fsck *f, const char *name) {
    struct queue *queue = NULL;
    HASH_FIND_STR(f->w->lanes.queues, name, queue);
    return queue;
}

// Enters a job where its spec says that it belongs.
static int enter(struct fsck *f, const struct job_row *row, const char *queue_name) {
    struct job_spec spec;
    struct job_life life;
    int r = jobrow_spec(row, &f->scratch, &spec);
    r = r < 0 ? r : jobrow_life(row, &f->scratch, &life);
    struct queue *queue = queue_of(f, queue_name);
    if (r < 0 || spec.schedule == NULL || queue == NULL) {
        return 0; // it is damaged, and said to be
    }
    bool waits = row->state == JOB_PARKED && life.park == PARK_SCHEDULE;
    return schedule_jobs_add(f->w, row->rid, spec.schedule, queue, waits);
}

static int each_missing(struct fsck *f, sqlite3_stmt *s) {
    struct job_row row;
    arena_reset(&f->scratch);
    jobrow_read(s, &row);
    int r = f->repair ? enter(f, &row, column_text(s, ROW_PAYLOAD + 1)) : 0;
    return r < 0 ? r
                 : fsck_report(f, "schedule_job_missing", &row.id, f->repair,
                               "its schedule does not know that it is not over");
}

static int each_stuck(struct fsck *f, sqlite3_stmt *s) {
    const char *schedule = column_text(s, 0);
    struct queue *queue = f->repair ? queue_of(f, column_text(s, 1)) : NULL;
    int r = queue == NULL ? 0 : schedule_jobs_next(f->w, schedule, queue, f->op->op.now_ms);
    return r < 0 ? r
                 : fsck_report(f, "schedule_stuck", NULL, f->repair,
                               "jobs of %s wait for none that is left", schedule);
}

// Both are sorted by an expression: all of it is known before the first is mended.
int fsck_schedules(struct fsck *f) {
    int r = fsck_rules_run(f, rules, ARRAY_LEN(rules));
    r = r < 0 ? r
              : fsck_query(f,
                           "SELECT " ROW_COLUMNS ", " ROW_SIZE ", (SELECT q.name FROM lanes l"
                           " JOIN queues q ON q.id = l.queue WHERE l.id = jobs.lane) FROM jobs"
                           " WHERE has & 1024 AND state <= 3 AND rid NOT IN"
                           " (SELECT rid FROM schedule_jobs) ORDER BY rid + 0",
                           each_missing);
    return r < 0 ? r
                 : fsck_query(f,
                              "SELECT s.schedule, q.name FROM schedule_jobs s"
                              " JOIN queues q ON q.id = s.queue GROUP BY s.schedule, s.queue"
                              " HAVING min(s.waiting) > 0 ORDER BY s.schedule || q.name",
                              each_stuck);
}
