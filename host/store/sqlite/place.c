#include "store/sqlite/place.h"

#include <errno.h>
#include <string.h>

#include "store/sqlite/blobrow.h"
#include "store/sqlite/dedup.h"
#include "store/sqlite/event_log.h"
#include "store/sqlite/flows.h"
#include "store/sqlite/outputs.h"
#include "store/sqlite/schedule_jobs.h"

// Copies what the statement lends into the scratch arena.
static int keep(struct writer *w, struct job_row *row) {
    struct bytes spec = arena_bytes(&w->scratch, row->spec);
    struct bytes life = arena_bytes(&w->scratch, row->life);
    bool failed = (spec.len > 0 && spec.data == NULL) || (life.len > 0 && life.data == NULL);
    row->spec = spec;
    row->life = life;
    return failed ? conn_no_memory(&w->conn) : 1;
}

int place_find_rid(struct writer *w, int64_t rid, struct job_row *ret) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_JOB_BY_RID);
    bind_int(s, 1, rid);
    int r = conn_next(&w->conn, SQL_JOB_BY_RID);
    if (r > 0) {
        jobrow_read(s, ret);
        r = keep(w, ret);
        conn_reset(&w->conn, SQL_JOB_BY_RID);
    }
    return r;
}

int place_find(struct writer *w, const struct job_id *id, struct job_row *ret) {
    int r = place_find_rid(w, id_order(id), ret);
    return r > 0 && !id_equal(&ret->id, id) ? 0 : r;
}

// The column `place`: a queued job stands in the line of its tenant.
static int64_t number_of(const struct lane *lane, enum job_priority p, struct place where,
                         struct bytes tenant) {
    const struct store_queue_setup *setup = lane->queue->setup;
    int64_t number = place_number(where, lane->id, p);
    bool in_line = where.state == JOB_QUEUED && tenant.len > 0;
    return in_line && !(setup != NULL && setup->one_line)
               ? turns_place(number, turns_number(tenant))
               : number;
}

static struct bytes tenant_of(const struct job_spec *spec) {
    return (struct bytes){spec->tenant, spec->tenant == NULL ? 0 : strlen(spec->tenant)};
}

static void arrive(struct writer *w, struct lane *lane, enum job_priority p, struct place where,
                   int64_t number, int64_t rid) {
    if (where.state == JOB_QUEUED) {
        writer_ready(w, lane, p, number, (struct band){where.at_ms, rid});
    } else if ((where.state == JOB_SCHEDULED || where.state == JOB_PARKED) && where.at_ms > 0) {
        writer_due(w, where.at_ms);
    }
}

static int insert_payload(struct writer *w, int64_t rid, struct bytes payload) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_PAYLOAD_ADD);
    bind_int(s, 1, rid);
    bind_bytes(s, 2, payload);
    return conn_run(&w->conn, SQL_PAYLOAD_ADD);
}

// Enters the job into a list, or strikes it out. The key is `text`, or `number` when that is NULL.
static int change_list(struct writer *w, enum sql_id id, enum place_list kind, const char *text,
                       int64_t number, int64_t rid) {
    sqlite3_stmt *s = conn_stmt(&w->conn, id);
    bind_int(s, 1, kind);
    if (text != NULL) {
        bind_text(s, 2, text);
    } else {
        bind_int(s, 2, number);
    }
    bind_int(s, 3, rid);
    return conn_run(&w->conn, id);
}

// The lists that a job is in for life.
static int change_lists(struct writer *w, enum sql_id id, const struct job_spec *spec) {
    int64_t rid = id_order(&spec->id);
    int r = 0;
    if (spec->tenant != NULL) {
        r = change_list(w, id, PLACE_LIST_TENANT, spec->tenant, 0, rid);
    }
    if (r == 0 && !id_is_zero(&spec->parent)) {
        r = change_list(w, id, PLACE_LIST_PARENT, NULL, id_order(&spec->parent), rid);
    }
    return r;
}

static int change_state_list(struct writer *w, int64_t rid, int from, int to) {
    int r = 0;
    if (from == to) {
        return 0;
    }
    if (place_is_listed(from)) {
        r = change_list(w, SQL_LIST_DEL, PLACE_LIST_STATE, NULL, from, rid);
    }
    return r < 0 || !place_is_listed(to)
               ? r
               : change_list(w, SQL_LIST_ADD, PLACE_LIST_STATE, NULL, to, rid);
}

int place_insert(struct writer *w, const struct job_spec *spec, struct lane *lane, uint32_t has,
                 struct bytes packed, struct place where) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_JOB_ADD);
    int64_t rid = id_order(&spec->id);
    bool aside = (has & HAS_PAYLOAD) != 0;
    int64_t number = number_of(lane, spec->priority, where, tenant_of(spec));
    bind_int(s, 1, rid);
    bind_id(s, 2, &spec->id);
    bind_int(s, 3, where.state);
    bind_int(s, 4, lane->id);
    bind_int(s, 5, spec->priority);
    bind_int(s, 6, has);
    bind_set(s, 7, number);
    bind_set(s, 8, where.at_ms);
    bind_bytes(s, 9, packed);
    bind_bytes(s, 10, aside ? (struct bytes){NULL, 0} : spec->payload);
    int r = conn_run(&w->conn, SQL_JOB_ADD);
    if (r < 0 || sqlite3_changes(w->conn.db) == 0) {
        return r;
    }
    r = aside ? insert_payload(w, rid, spec->payload) : 0;
    r = r < 0 ? r : change_lists(w, SQL_LIST_ADD, spec);
    r = r < 0 ? r : change_state_list(w, rid, -1, (int)where.state);
    r = r < 0 ? r : writer_count(w, lane, spec->priority, -1, (int)where.state);
    r = r < 0 ? r : writer_bytes(w, BUDGET_JOBS, jobrow_bytes(spec->payload.len, packed.len));
    if (r < 0) {
        return r;
    }
    arrive(w, lane, spec->priority, where, number, rid);
    return 1;
}

static int pack_life(struct writer *w, const struct job_row *row, const struct job_life *life) {
    buf_clear(&w->pack);
    if (life != NULL) {
        jobrow_pack_life(&w->pack, life, id_time_ms(&row->id));
    }
    return w->pack.failed ? conn_no_memory(&w->conn) : 0;
}

int place_move(struct writer *w, const struct job_row *row, const struct job_life *life,
               struct place to, int64_t now_ms) {
    struct lane *lane = lanes_by_id(&w->lanes, row->lane);
    if (lane == NULL) {
        return err_set(&w->conn.err, -EBADMSG, "a job's lane %u is not in the database", row->lane);
    }
    int r = pack_life(w, row, life);
    if (r < 0) {
        return r;
    }
    struct bytes tenant =
        to.state == JOB_QUEUED ? jobrow_tenant(row->spec) : (struct bytes){NULL, 0};
    int64_t number = number_of(lane, row->priority, to, tenant);
    // parked again it may wait for something else
    bool waited = (row->has & HAS_EVENT) != 0 && row->state == JOB_PARKED;
    bool wakes = waited && to.state != JOB_PARKED;
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_JOB_MOVE);
    bind_int(s, 1, row->rid);
    bind_int(s, 2, to.state);
    bind_int(s, 3, row->rev);
    bind_int(s, 4, row->token);
    bind_int(s, 5, row->commit_no);
    bind_int(s, 6, wakes ? row->has & ~(uint32_t)HAS_EVENT : row->has);
    bind_set(s, 7, number);
    bind_set(s, 8, to.at_ms);
    bind_bytes(s, 9, buf_bytes(&w->pack));
    r = conn_run(&w->conn, SQL_JOB_MOVE);
    r = r < 0 ? r : change_state_list(w, row->rid, (int)row->state, (int)to.state);
    r = r < 0 ? r : writer_count(w, lane, row->priority, (int)row->state, (int)to.state);
    if (r == 0 && (row->has & HAS_DEDUP) != 0 && job_is_final(to.state)) {
        r = dedup_end(w, row, lane, to.state, now_ms);
    }
    if (r == 0 && wakes) {
        r = event_log_unwait(w, row->rid);
    }
    if (r == 0 && (row->has & HAS_SCHEDULE) != 0) {
        r = schedule_jobs_moved(w, row, lane, to.state, now_ms);
    }
    if (r == 0 && (row->has & (HAS_FLOW | HAS_OPENED)) != 0) {
        r = flows_moved(w, row, to.state, life != NULL && life->cancel_ms != 0, now_ms);
    }
    if (r == 0) {
        arrive(w, lane, row->priority, to, number, row->rid);
    }
    return r;
}

int place_leave(struct writer *w, const struct job_row *row, const struct job_life *life,
                struct place to, int64_t now_ms, enum job_state *ret) {
    if (life->cancel_ms != 0 && !job_is_final(to.state)) {
        to = (struct place){JOB_CANCELLED, place_expiry(now_ms, life->cancel_keep_ms)};
    }
    *ret = to.state;
    return place_move(w, row, life, to, now_ms);
}

int place_lose(struct writer *w, struct job_row *row, struct job_life *life, int64_t now_ms) {
    enum job_state state;
    life->counters.lost++;
    life->counters.executions++;
    life->host_nonce = 0;
    life->updated_ms = now_ms;
    row->token++; // what that attempt may still send is stale
    row->rev += 2;
    return place_leave(w, row, life, (struct place){JOB_QUEUED, row->at_ms}, now_ms, &state);
}

int place_touch(struct writer *w, const struct job_row *row, const struct job_life *life) {
    int r = pack_life(w, row, life);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_JOB_TOUCH);
    bind_int(s, 1, row->rid);
    bind_int(s, 2, row->token);
    bind_int(s, 3, row->commit_no);
    bind_int(s, 4, row->has);
    bind_bytes(s, 5, buf_bytes(&w->pack));
    return conn_run(&w->conn, SQL_JOB_TOUCH);
}

/* ------------------------------------------------------------------ removal */

static const struct {
    uint32_t has;
    enum sql_id sql;
} side_tables[] = {
    {HAS_PAYLOAD, SQL_PAYLOAD_DEL},   {HAS_STEPS, SQL_STEPS_DEL},
    {HAS_RESULT, SQL_RESULT_DEL},     {HAS_WARNINGS, SQL_WARNINGS_DEL},
    {HAS_ATTEMPTS, SQL_ATTEMPTS_DEL}, {HAS_LOG, SQL_LOG_DEL},
    {HAS_OUTPUTS, SQL_OUTPUTS_DEL},
};

static int delete_by_rid(struct writer *w, enum sql_id id, int64_t rid) {
    bind_int(conn_stmt(&w->conn, id), 1, rid);
    return conn_run(&w->conn, id);
}

static int release_files(struct writer *w, const struct job_spec *spec, int64_t now_ms) {
    int r = 0;
    for (size_t i = 0; i < spec->file_count && r == 0; i++) {
        r = blobrow_release(w, &spec->files[i].blob, now_ms);
    }
    return r;
}

// Nobody asks for a tombstone once its time is over.
static int remember(struct writer *w, const struct job_row *row, int64_t now_ms) {
    int64_t until = id_time_ms(&row->id) + jobrow_tombstone(row->spec);
    if ((row->has & HAS_TOMBSTONE) == 0 || until <= now_ms) {
        return 0;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_TOMBSTONE_ADD);
    bind_int(s, 1, row->rid);
    bind_int(s, 2, until);
    return conn_run(&w->conn, SQL_TOMBSTONE_ADD);
}

int place_was_removed(struct writer *w, const struct job_id *id, int64_t now_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_TOMBSTONE_GET);
    bind_int(s, 1, id_order(id));
    int r = conn_next(&w->conn, SQL_TOMBSTONE_GET);
    if (r > 0) {
        r = sqlite3_column_int64(s, 0) > now_ms;
        conn_reset(&w->conn, SQL_TOMBSTONE_GET);
    }
    return r;
}

int place_remove(struct writer *w, const struct job_row *row, int64_t now_ms) {
    struct lane *lane = lanes_by_id(&w->lanes, row->lane);
    struct job_life life;
    struct job_spec spec;
    int r = jobrow_life(row, &w->scratch, &life);
    r = r < 0 ? r : jobrow_spec(row, &w->scratch, &spec);
    if (r < 0 || lane == NULL) {
        return err_set(&w->conn.err, -EBADMSG, "the row of a job is damaged");
    }
    // place_find() leaves the payload out but for its size
    int64_t bytes = jobrow_bytes(spec.payload.len, row->spec.len) + (int64_t)life.step_bytes;
    r = release_files(w, &spec, now_ms);
    r = r < 0 || (row->has & HAS_RESULT) == 0 ? r : blobrow_release_result(w, row->rid, now_ms);
    r = r < 0 || (row->has & HAS_OUTPUTS) == 0 ? r : outputs_release(w, row->rid, now_ms);
    r = r < 0 || (row->has & HAS_OPENED) == 0 ? r : flows_remove(w, row->rid);
    for (size_t i = 0; i < ARRAY_LEN(side_tables) && r == 0; i++) {
        r = (row->has & side_tables[i].has) == 0 ? 0
                                                 : delete_by_rid(w, side_tables[i].sql, row->rid);
    }
    r = r < 0 ? r : change_lists(w, SQL_LIST_DEL, &spec);
    r = r < 0 ? r : change_state_list(w, row->rid, (int)row->state, -1);
    r = r < 0 ? r : delete_by_rid(w, SQL_JOB_DEL, row->rid);
    r = r < 0 ? r : remember(w, row, now_ms);
    r = r < 0 ? r : writer_count(w, lane, row->priority, (int)row->state, -1);
    return r < 0 ? r : writer_bytes(w, BUDGET_JOBS, -bytes);
}
