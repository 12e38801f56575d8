#include "store/sqlite/schedule_jobs.h"

#include <errno.h>

#include "store/sqlite/place.h"

static void bind_whose(sqlite3_stmt *s, const char *schedule, const struct queue *queue) {
    bind_text(s, 1, schedule);
    bind_int(s, 2, queue->id);
}

int schedule_jobs_count(struct writer *w, const char *schedule, const struct queue *queue,
                        struct schedule_tally *ret) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_SCHEDULE_JOBS_COUNT);
    *ret = (struct schedule_tally){.running = 0};
    bind_whose(s, schedule, queue);
    int r = conn_next(&w->conn, SQL_SCHEDULE_JOBS_COUNT);
    if (r > 0) {
        ret->waiting = sqlite3_column_int64(s, 1);
        ret->running = sqlite3_column_int64(s, 0) - ret->waiting;
        conn_reset(&w->conn, SQL_SCHEDULE_JOBS_COUNT);
    }
    return r < 0 ? r : 0;
}

int schedule_jobs_add(struct writer *w, int64_t rid, const char *schedule,
                      const struct queue *queue, bool waits) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_SCHEDULE_JOB_ADD);
    bind_whose(s, schedule, queue);
    bind_int(s, 3, rid);
    bind_int(s, 4, waits);
    return conn_run(&w->conn, SQL_SCHEDULE_JOB_ADD);
}

int64_t schedule_jobs_all(struct writer *w, const char *schedule, const struct queue *queue,
                          int64_t **ret) {
    struct schedule_tally tally;
    int r = schedule_jobs_count(w, schedule, queue, &tally);
    size_t cap = (size_t)(tally.running + tally.waiting), count = 0;
    *ret = arena_alloc(&w->scratch, (cap + 1) * sizeof **ret);
    if (r < 0 || *ret == NULL) {
        return r < 0 ? r : conn_no_memory(&w->conn);
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_SCHEDULE_JOBS);
    bind_whose(s, schedule, queue);
    while (count < cap && (r = conn_next(&w->conn, SQL_SCHEDULE_JOBS)) > 0) {
        (*ret)[count++] = sqlite3_column_int64(s, 0);
    }
    conn_reset(&w->conn, SQL_SCHEDULE_JOBS);
    return r < 0 ? r : (int64_t)count;
}

static int by_rid(struct writer *w, enum sql_id id, int64_t rid) {
    bind_int(conn_stmt(&w->conn, id), 1, rid);
    return conn_run(&w->conn, id);
}

// place_move() comes back here, and the job waits no more.
static int let_go(struct writer *w, struct job_row *row, int64_t now_ms) {
    struct job_life life;
    int r = jobrow_life(row, &w->scratch, &life);
    if (r < 0) {
        return err_set(&w->conn.err, r, "the row of a job is damaged");
    }
    life.park = PARK_NONE;
    life.wait_key = life.wait_for = NULL;
    life.updated_ms = now_ms;
    row->rev++;
    return place_move(w, row, &life, (struct place){JOB_QUEUED, now_ms}, now_ms);
}

// The number of the first one that waits, if none is left that it waits for. 0 = there is none.
static int first_waiting(struct writer *w, const char *schedule, const struct queue *queue,
                         int64_t *ret_rid) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_SCHEDULE_JOB_FIRST);
    bind_whose(s, schedule, queue);
    int r = conn_next(&w->conn, SQL_SCHEDULE_JOB_FIRST);
    if (r > 0) {
        *ret_rid = sqlite3_column_int64(s, 0);
        conn_reset(&w->conn, SQL_SCHEDULE_JOB_FIRST);
    }
    return r;
}

int schedule_jobs_next(struct writer *w, const char *schedule, const struct queue *queue,
                       int64_t now_ms) {
    struct job_row row;
    int64_t rid = 0;
    int r = 0;
    while ((r = first_waiting(w, schedule, queue, &rid)) > 0) {
        r = place_find_rid(w, rid, &row);
        if (r > 0 && row.state == JOB_PARKED) {
            return let_go(w, &row, now_ms);
        }
        r = r < 0 ? r : by_rid(w, SQL_SCHEDULE_JOB_DEL, rid); // a damaged row holds up nobody
        if (r < 0) {
            return r;
        }
    }
    return r;
}

static int name_of(struct writer *w, const struct job_row *row, const char **ret) {
    struct job_spec spec;
    int r = jobrow_spec(row, &w->scratch, &spec);
    if (r < 0 || spec.schedule == NULL) {
        return err_set(&w->conn.err, -EBADMSG, "the row of a job is damaged");
    }
    *ret = spec.schedule;
    return 0;
}

int schedule_jobs_moved(struct writer *w, const struct job_row *row, const struct lane *lane,
                        enum job_state to, int64_t now_ms) {
    const char *schedule = NULL;
    int r = 0;
    if (!job_is_final(to) && job_is_final(row->state)) { // it was revived
        r = name_of(w, row, &schedule);
        return r < 0 ? r : schedule_jobs_add(w, row->rid, schedule, lane->queue, false);
    }
    if (!job_is_final(to)) {
        return row->state == JOB_PARKED ? by_rid(w, SQL_SCHEDULE_JOB_GO, row->rid) : 0;
    }
    r = by_rid(w, SQL_SCHEDULE_JOB_DEL, row->rid);
    r = r < 0 ? r : name_of(w, row, &schedule);
    return r < 0 ? r : schedule_jobs_next(w, schedule, lane->queue, now_ms);
}
