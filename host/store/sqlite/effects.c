#include "store/sqlite/effects.h"

#include <errno.h>

#include "store/history.h"
#include "store/sqlite/blobrow.h"
#include "store/sqlite/event_log.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/outputs.h"

int effects_drop_steps(struct writer *w, struct job_row *row, struct job_life *life) {
    if ((row->has & HAS_STEPS) == 0) {
        return 0;
    }
    bind_int(conn_stmt(&w->conn, SQL_STEPS_DEL), 1, row->rid);
    int r = conn_run(&w->conn, SQL_STEPS_DEL);
    r = r < 0 ? r : writer_bytes(w, BUDGET_JOBS, -(int64_t)life->step_bytes);
    row->has &= ~(uint32_t)HAS_STEPS;
    life->step_count = life->steps_version = 0;
    life->step_bytes = 0;
    return r;
}

int effects_put_step(struct writer *w, struct job_row *row, struct job_life *life,
                     const struct store_step *step) {
    int64_t old = -1;
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_STEP_SIZE);
    if ((row->has & HAS_STEPS) != 0) {
        bind_int(s, 1, row->rid);
        bind_text(s, 2, step->name);
        int r = conn_next(&w->conn, SQL_STEP_SIZE);
        if (r < 0) {
            return r;
        }
        old = r > 0 ? sqlite3_column_int64(s, 0) : -1;
        conn_reset(&w->conn, SQL_STEP_SIZE);
    }
    s = conn_stmt(&w->conn, SQL_STEP_PUT);
    bind_int(s, 1, row->rid);
    bind_text(s, 2, step->name);
    bind_bytes(s, 3, step->value);
    int r = conn_run(&w->conn, SQL_STEP_PUT);
    int64_t more = (int64_t)step->value.len - (old < 0 ? 0 : old);
    row->has |= HAS_STEPS;
    life->step_count += old < 0;
    life->step_bytes += (uint64_t)more;
    return r < 0 ? r : writer_bytes(w, BUDGET_JOBS, more);
}

static int put_steps(struct writer *w, struct job_row *row, struct job_life *life,
                     const struct store_commit_item *item) {
    int r = item->drop_steps ? effects_drop_steps(w, row, life) : 0;
    for (size_t i = 0; i < item->step_count && r == 0; i++) {
        r = effects_put_step(w, row, life, &item->steps[i]);
    }
    if (item->step_count > 0) {
        life->steps_version = item->state_version;
    }
    return r;
}

static int put_warnings(struct writer *w, struct job_row *row, struct job_life *life,
                        const struct store_commit_item *item) {
    for (size_t i = 0; i < item->warning_count; i++) {
        uint32_t seq = life->warning_count++;
        if (seq >= JOB_WARNINGS_MAX) {
            continue; // only counted
        }
        sqlite3_stmt *s = conn_stmt(&w->conn, SQL_WARNING_ADD);
        bind_int(s, 1, row->rid);
        bind_int(s, 2, seq);
        bind_text(s, 3, item->warnings[i].code);
        bind_text(s, 4, item->warnings[i].message);
        row->has |= HAS_WARNINGS;
        int r = conn_run(&w->conn, SQL_WARNING_ADD);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int effects_log(struct writer *w, struct job_row *row, struct bytes tail) {
    if (tail.len == 0) {
        return 0;
    }
    if (tail.len > JOB_LOG_TAIL_MAX) { // the newest lines are the ones that matter
        tail = (struct bytes){(const char *)tail.data + (tail.len - JOB_LOG_TAIL_MAX),
                              JOB_LOG_TAIL_MAX};
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_LOG_PUT);
    bind_int(s, 1, row->rid);
    bind_bytes(s, 2, tail);
    row->has |= HAS_LOG;
    return conn_run(&w->conn, SQL_LOG_PUT);
}

int effects_apply(struct writer *w, struct job_row *row, struct job_life *life,
                  const struct store_commit_item *item, int64_t now_ms) {
    int r = put_steps(w, row, life, item);
    r = r < 0 ? r : outputs_apply(w, row, life, item, now_ms);
    r = r < 0 ? r : effects_children(w, row, life, item, now_ms);
    for (size_t i = 0; i < item->event_count && r == 0; i++) {
        int kept; // of one key once: what the attempt before it published is there
        r = event_log_put(w, &item->events[i], false, now_ms, &kept);
    }
    if (r == 0 && item->kv_count > 0) {
        r = effects_kv(w, item->kv_namespace, item->kv, item->kv_count, now_ms);
    }
    r = r < 0 ? r : put_warnings(w, row, life, item);
    return r < 0 ? r : effects_log(w, row, item->log_tail);
}

// Replaces an earlier one (of a dead job that ran again).
static int put_result(struct writer *w, struct job_row *row, struct job_life *life,
                      const struct store_result *result, int64_t now_ms) {
    int r = (row->has & HAS_RESULT) != 0 ? blobrow_release_result(w, row->rid, now_ms) : 0;
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_RESULT_PUT);
    const struct blob_ref *blob = result->blob;
    life->result_size = blob != NULL ? blob->size : result->data.len;
    life->result_type = result->content_type;
    bind_int(s, 1, row->rid);
    bind_text(s, 2, result->content_type);
    bind_int(s, 3, (int64_t)life->result_size);
    bind_bytes(s, 4,
               blob != NULL ? (struct bytes){blob->sha256, sizeof blob->sha256}
                            : (struct bytes){NULL, 0});
    bind_bytes(s, 5, blob != NULL ? (struct bytes){NULL, 0} : result->data);
    row->has |= HAS_RESULT;
    r = r < 0 ? r : conn_run(&w->conn, SQL_RESULT_PUT);
    if (r < 0) {
        return r;
    }
    return blob != NULL ? blobrow_hold(w, blob)
                        : writer_bytes(w, BUDGET_RESULTS, (int64_t)result->data.len);
}

// What an earlier end left is not the result of this one.
static int drop_result(struct writer *w, struct job_row *row, struct job_life *life,
                       int64_t now_ms) {
    int r = blobrow_release_result(w, row->rid, now_ms);
    bind_int(conn_stmt(&w->conn, SQL_RESULT_DEL), 1, row->rid);
    row->has &= ~(uint32_t)HAS_RESULT;
    life->result_size = 0;
    life->result_type = NULL;
    return r < 0 ? r : conn_run(&w->conn, SQL_RESULT_DEL);
}

static int put_attempt(struct writer *w, struct job_row *row, struct job_life *life,
                       const struct store_attempt *attempt) {
    buf_clear(&w->pack);
    history_pack(&w->pack, attempt);
    if (w->pack.failed) {
        return conn_no_memory(&w->conn);
    }
    life->attempt_seq++;
    row->has |= HAS_ATTEMPTS;
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_ATTEMPT_ADD);
    bind_int(s, 1, row->rid);
    bind_int(s, 2, life->attempt_seq);
    bind_bytes(s, 3, buf_bytes(&w->pack));
    int r = conn_run(&w->conn, SQL_ATTEMPT_ADD);
    if (r < 0 || life->attempt_seq <= JOB_HISTORY_MAX) {
        return r;
    }
    s = conn_stmt(&w->conn, SQL_ATTEMPTS_TRIM);
    bind_int(s, 1, row->rid);
    bind_int(s, 2, (int64_t)life->attempt_seq - JOB_HISTORY_MAX);
    return conn_run(&w->conn, SQL_ATTEMPTS_TRIM);
}

int effects_end(struct writer *w, struct job_row *row, struct job_life *life,
                const struct store_commit_item *item, int64_t now_ms) {
    bool final = job_is_final((enum job_state)job_next_state(JOB_RUNNING, item->event));
    int r = 0;
    if (item->result != NULL) {
        r = put_result(w, row, life, item->result, now_ms);
    } else if (final && (row->has & HAS_RESULT) != 0) {
        r = drop_result(w, row, life, now_ms);
    }
    return r < 0 || item->attempt == NULL ? r : put_attempt(w, row, life, item->attempt);
}
