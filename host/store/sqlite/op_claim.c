#include <errno.h>

#include "core/priority.h"
#include "jobhost_plugin.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/outputs.h"
#include "store/sqlite/place.h"

// What a CLAIM gathers. A job that came too late is only listed while its band is read, and moved
// afterwards: the index must not change under the statement.
struct taking {
    struct writer *w;
    struct store_claim *claim;
    struct lane *lane;
    uint32_t want;
    size_t cap, late_cap;
    struct job_row *late;
    const char **late_codes;
    size_t late_count;
};

// The answer's array for all wants together, allocated once.
static int allocate(struct taking *t) {
    struct store_claim *c = t->claim;
    for (size_t i = 0; i < c->want_count; i++) {
        t->cap += c->wants[i].limit;
    }
    int64_t waiting = 0;
    for (struct lane *lane = t->w->lanes.by_name; lane != NULL; lane = lane->hh.next) {
        for (int p = 0; p < PRIORITY_COUNT; p++) {
            int64_t n = lanes_waiting(lane, p); // less than none: claims of jobs that never were
            waiting += n > 0 ? n : 0;
        }
    }
    t->cap = waiting >= 0 && t->cap > (uint64_t)waiting ? (size_t)waiting : t->cap;
    c->jobs = arena_alloc(&c->op.arena, (t->cap + 1) * sizeof *c->jobs);
    return c->jobs == NULL ? conn_no_memory(&t->w->conn) : 0;
}

static int add_late(struct taking *t, const struct job_row *row, const char *code) {
    if (t->late_count == t->late_cap) {
        size_t cap = t->late_cap == 0 ? 16 : t->late_cap * 2;
        struct job_row *rows = arena_alloc(&t->w->scratch, cap * sizeof *rows);
        const char **codes = arena_alloc(&t->w->scratch, cap * sizeof(char *));
        if (rows == NULL || codes == NULL) {
            return conn_no_memory(&t->w->conn);
        }
        for (size_t i = 0; i < t->late_count; i++) {
            rows[i] = t->late[i];
            codes[i] = t->late_codes[i];
        }
        t->late = rows;
        t->late_codes = codes;
        t->late_cap = cap;
    }
    t->late[t->late_count] = *row;
    t->late[t->late_count].payload.data = NULL;
    struct arena *a = &t->w->scratch;
    t->late[t->late_count].spec = arena_bytes(a, row->spec);
    t->late[t->late_count].life = arena_bytes(a, row->life);
    t->late_codes[t->late_count++] = code;
    return 0;
}

// Why it may not start any more, or NULL.
static const char *too_late(const struct job_spec *spec, const struct job_life *life,
                            int64_t now_ms) {
    if (spec->deadline_ms > 0 && spec->deadline_ms <= now_ms) {
        return "deadline";
    }
    return spec->expires_ms > 0 && spec->expires_ms <= now_ms && life->first_run_ms == 0 ? "expired"
                                                                                         : NULL;
}

static int read_payload(struct writer *w, struct arena *a, int64_t rid, struct bytes *ret) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_PAYLOAD_GET);
    bind_int(s, 1, rid);
    int r = conn_next(&w->conn, SQL_PAYLOAD_GET);
    if (r <= 0) {
        return r < 0 ? r : err_set(&w->conn.err, -EBADMSG, "the payload of a job is missing");
    }
    *ret = arena_bytes(a, column_bytes(s, 0));
    conn_reset(&w->conn, SQL_PAYLOAD_GET);
    return ret->data == NULL ? conn_no_memory(&w->conn) : 0;
}

static struct claim *claim_of(struct taking *t, const struct job_row *row) {
    struct claim *c = claims_new(&t->w->claims);
    if (c != NULL) {
        *c = (struct claim){
            .rid = row->rid,
            .id = row->id,
            .token = row->token + 1 + (uint32_t)t->w->boot,
            .commit_no = row->commit_no,
            .row_rev = row->rev,
            .has = row->has,
            .nonce = t->claim->host_nonce,
            .lane = t->lane,
            .priority = row->priority,
            .at_ms = row->at_ms,
            .plain = row->life.len == 0 &&
                     (row->has & (HAS_DEDUP | HAS_SCHEDULE | HAS_FLOW | HAS_OPENED)) == 0,
            .claimed_ms = t->claim->op.now_ms,
        };
    }
    return c;
}

// What the caller is told of it, but for token and payload.
static int describe(struct writer *w, struct arena *a, const struct job_row *row,
                    const struct job_spec *spec, const struct job_life *life,
                    const struct lane *lane, struct store_claimed *out) {
    *out = (struct store_claimed){
        .spec = *spec,
        .commit_no = row->commit_no,
        .steps_version = life->steps_version,
        .counters = life->counters,
        .build = life->build,
        .scope = life->error.scope,
        .created_ms = id_time_ms(&row->id),
        .first_run_ms = life->first_run_ms,
        .ready_ms = row->at_ms,
    };
    out->spec.queue = lane->names.queue;
    out->spec.type = lane->names.type;
    if ((row->has & HAS_OUTPUTS) == 0) {
        return 0;
    }
    return outputs_names(&w->conn, row->rid, life->output_count, a, &out->outputs,
                         &out->output_count);
}

static int take(struct taking *t, const struct job_row *row, const struct job_spec *spec,
                const struct job_life *life) {
    struct arena *a = &t->claim->op.arena;
    struct store_claimed *out = &t->claim->jobs[t->claim->job_count];
    int r = describe(t->w, a, row, spec, life, t->lane, out);
    if (r < 0) {
        return r;
    }
    out->want = t->want;
    if ((row->has & HAS_PAYLOAD) != 0) {
        r = read_payload(t->w, a, row->rid, &out->spec.payload);
        if (r < 0) {
            return r;
        }
    } else {
        out->spec.payload = arena_bytes(a, row->payload);
        if (row->payload.len > 0 && out->spec.payload.data == NULL) {
            return conn_no_memory(&t->w->conn);
        }
    }
    struct claim *c = claim_of(t, row);
    if (c == NULL) {
        return conn_no_memory(&t->w->conn);
    }
    out->token = c->token;
    r = writer_claim_add(t->w, c);
    if (r == 0) {
        t->claim->job_count++;
    }
    return r;
}

// One row of a band. 1 = it was taken.
static int consider(struct taking *t, const struct job_row *row) {
    struct job_spec spec;
    struct job_life life;
    if (claims_find(&t->w->claims, row->rid) != NULL) {
        return 0;
    }
    int r = jobrow_spec(row, &t->claim->op.arena, &spec);
    r = r < 0 ? r : jobrow_life(row, &t->claim->op.arena, &life);
    if (r < 0) {
        return err_set(&t->w->conn.err, r, "the row of a job is damaged");
    }
    jobrow_renew(&spec, &life);
    const char *code = too_late(&spec, &life, t->claim->op.now_ms);
    if (code != NULL) {
        return add_late(t, row, code);
    }
    r = take(t, row, &spec, &life);
    return r < 0 ? r : 1;
}

static int end_late(struct taking *t) {
    struct writer *w = t->w;
    struct store_claim *claim = t->claim;
    int64_t now = claim->op.now_ms;
    int64_t keep_ms = claim->wants[t->want].ended_keep_ms;
    keep_ms = keep_ms != 0 ? keep_ms : claim->ended_keep_ms;
    for (size_t i = 0; i < t->late_count; i++) {
        struct job_row *row = &t->late[i];
        struct job_life life;
        int r = jobrow_life(row, &w->scratch, &life);
        if (r < 0) {
            return err_set(&w->conn.err, r, "the row of a job is damaged");
        }
        life.error = (struct job_error){.cls = JH_E_TIMEOUT,
                                        .code = t->late_codes[i],
                                        .message = "its time was over before it could start"};
        row->rev++;
        life.updated_ms = now;
        struct place to = {JOB_DEAD, place_expiry(now, keep_ms)};
        r = place_move(w, row, &life, to, now);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int list_late(struct taking *t) {
    struct store_claim *c = t->claim;
    if (t->late_count == 0) {
        return 0;
    }
    size_t have = c->ended_count;
    struct job_id *all = arena_alloc(&c->op.arena, (have + t->late_count) * sizeof *all);
    if (all == NULL) {
        return conn_no_memory(&t->w->conn);
    }
    for (size_t i = 0; i < have; i++) {
        all[i] = c->ended[i];
    }
    for (size_t i = 0; i < t->late_count; i++) {
        all[have + i] = t->late[i].id;
    }
    c->ended = all;
    c->ended_count = have + t->late_count;
    int r = end_late(t);
    t->late_count = 0;
    return r;
}

static int64_t band_of(const struct taking *t, int p) {
    return place_number((struct place){.state = JOB_QUEUED}, t->lane->id, (enum job_priority)p);
}

static sqlite3_stmt *read_from(struct writer *w, enum sql_id id, int64_t place,
                               const struct band *cursor) {
    sqlite3_stmt *s = conn_stmt(&w->conn, id);
    bind_int(s, 1, place);
    bind_int(s, 2, cursor->at_ms);
    bind_int(s, 3, cursor->rid);
    return s;
}

// Takes up to `n` from a band in which no tenants take turns, oldest first. The number taken.
static int take_plain(struct taking *t, int p, uint32_t n) {
    struct writer *w = t->w;
    struct band *cursor = &t->lane->cursor[p];
    sqlite3_stmt *s = read_from(w, SQL_READY, band_of(t, p), cursor);
    int taken = 0, r = 0;
    while ((uint32_t)taken < n && (r = conn_next(&w->conn, SQL_READY)) > 0) {
        struct job_row row;
        jobrow_read_whole(s, &row);
        r = consider(t, &row);
        if (r < 0) {
            break;
        }
        taken += r;
        *cursor = (struct band){row.at_ms, row.rid};
    }
    conn_reset(&w->conn, SQL_READY);
    r = r < 0 ? r : list_late(t);
    return r < 0 ? r : taken;
}

// The next row of a line that is not out: 1, 0 = there is none.
static int next_of_line(struct writer *w, sqlite3_stmt *s) {
    int r = 0;
    while ((r = conn_next(&w->conn, SQL_READY)) > 0 &&
           claims_find(&w->claims, sqlite3_column_int64(s, 0)) != NULL) {
    }
    return r;
}

// Takes from a line as long as it is its turn, `n` at most. The next one is looked at before the turn
// is over, since the line may end here: of that row only the index is read.
static int take_turns(struct taking *t, struct turn *turn, uint32_t n) {
    struct writer *w = t->w;
    sqlite3_stmt *s = read_from(w, SQL_READY, turn->place, turn->cursor);
    int taken = 0, r = next_of_line(w, s), took = 0;
    if (r == 0) {
        turns_wait(t->lane, turn, 0);
    }
    while (r > 0 && (uint32_t)taken < n && turns_first(t->lane, turn->flow.priority) == turn) {
        struct job_row row;
        jobrow_read_whole(s, &row);
        took = consider(t, &row);
        if (took < 0) {
            break;
        }
        *turn->cursor = (struct band){row.at_ms, row.rid};
        r = next_of_line(w, s);
        int64_t head_ms = r <= 0 ? 0 : sqlite3_column_int64(s, ROW_AT);
        (took > 0 ? turns_start : turns_wait)(t->lane, turn, head_ms);
        taken += took;
    }
    conn_reset(&w->conn, SQL_READY);
    r = took < 0 ? took : r < 0 ? r : list_late(t);
    return r < 0 ? r : taken;
}

// Takes up to `n` from a band. The number taken.
static int take_band(struct taking *t, int p, uint32_t n) {
    uint32_t taken = 0;
    struct turn *turn = NULL;
    if (t->lane->turns == NULL) {
        return take_plain(t, p, n);
    }
    while (taken < n && (turn = turns_first(t->lane, (enum job_priority)p)) != NULL) {
        int r = take_turns(t, turn, n - taken);
        if (r < 0) {
            t->lane->turns_known = false;
            return r;
        }
        taken += (uint32_t)r;
    }
    return (int)taken;
}

// When the first of a line became ready; 0 = it is empty.
static int head_of_line(struct writer *w, int64_t place, const struct band *cursor,
                        int64_t *ret_ms) {
    sqlite3_stmt *s = read_from(w, SQL_READY_KEYS, place, cursor);
    int r = 0;
    *ret_ms = 0;
    while (*ret_ms == 0 && (r = conn_next(&w->conn, SQL_READY_KEYS)) > 0) {
        if (claims_find(&w->claims, sqlite3_column_int64(s, 1)) == NULL) {
            *ret_ms = sqlite3_column_int64(s, 0);
        }
    }
    conn_reset(&w->conn, SQL_READY_KEYS);
    return r < 0 ? r : 0;
}

// When the oldest of a band became ready; 0 = the band is empty. Who is said to be the oldest may have
// had his job cancelled.
static int head_of(struct taking *t, int p, int64_t *ret_ms) {
    struct turn *turn = NULL;
    if (t->lane->turns == NULL) {
        return head_of_line(t->w, band_of(t, p), &t->lane->cursor[p], ret_ms);
    }
    *ret_ms = 0;
    while (*ret_ms == 0 && (turn = turns_oldest(t->lane, (enum job_priority)p)) != NULL) {
        int64_t said = turn->flow.head_ms, ms = 0;
        int r = head_of_line(t->w, turn->place, turn->cursor, &ms);
        if (r < 0) {
            return r;
        }
        turns_wait(t->lane, turn, ms);
        *ret_ms = ms == said ? ms : 0;
    }
    return 0;
}

// How many to take from each band now. With one band in use there is nothing to decide, and nothing
// to look up.
static int split(struct taking *t, uint32_t n, uint64_t turn, uint32_t ret[PRIORITY_COUNT]) {
    int64_t heads[PRIORITY_COUNT] = {0};
    int used = 0;
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        bool some = lanes_waiting(t->lane, p) > 0;
        used += some;
        ret[p] = some ? n : 0;
    }
    if (used <= 1) {
        return 0;
    }
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        int r = ret[p] == 0 ? 0 : head_of(t, p, &heads[p]);
        if (r < 0) {
            return r;
        }
    }
    priority_split(n, heads, turn, t->claim->op.now_ms, ret);
    return 0;
}

static int take_lane(struct taking *t, const struct store_claim_want *want) {
    size_t room = t->cap - t->claim->job_count;
    uint32_t left = want->limit < room ? want->limit : (uint32_t)room;
    uint32_t limit = left;
    t->lane = lanes_find(&t->w->lanes, want->lane.queue, want->lane.type);
    int found = t->lane == NULL || left == 0 ? 0 : turns_load(t->lane, &t->w->conn);
    if (found < 0) {
        return found;
    }
    while (t->lane != NULL && left > 0) {
        uint32_t counts[PRIORITY_COUNT];
        uint32_t before = left;
        size_t ended = t->claim->ended_count;
        int r = split(t, left, want->turn + (limit - left), counts);
        for (int p = 0; p < PRIORITY_COUNT && r >= 0; p++) {
            r = counts[p] == 0 ? 0 : take_band(t, p, counts[p] < left ? counts[p] : left);
            left -= r > 0 ? (uint32_t)r : 0;
        }
        if (r < 0) {
            return r;
        }
        if (left == before && ended == t->claim->ended_count) {
            break;
        }
    }
    if (t->lane != NULL) {
        turns_forget(t->lane);
    }
    return 0;
}

int op_claim(struct writer *w, struct store_op *op) {
    struct store_claim *claim = CONTAINER_OF(op, struct store_claim, op);
    struct taking t = {.w = w, .claim = claim};
    claim->job_count = claim->ended_count = 0;
    claim->ended = NULL;
    claim->outbox = false;
    int r = allocate(&t);
    for (size_t i = 0; i < claim->want_count && r == 0; i++) {
        t.want = (uint32_t)i;
        r = take_lane(&t, &claim->wants[i]);
    }
    claim->outbox = claim->ended_count > 0 && (w->outbox > 0 || w->walks);
    return r;
}

/* ------------------------------------------------------------------ a claim from before */

static bool is_theirs(const struct store_adopt *adopt, const struct job_row *row,
                      const struct job_life *life) {
    return id_equal(&row->id, &adopt->id) && row->state == JOB_RUNNING &&
           row->token == adopt->token && life->host_nonce == adopt->host_nonce;
}

static int adopt_row(struct writer *w, struct store_adopt *adopt, const struct job_row *row) {
    struct arena *a = &adopt->op.arena;
    struct job_spec spec;
    struct job_life life;
    int r = jobrow_spec(row, a, &spec);
    r = r < 0 ? r : jobrow_life(row, a, &life);
    struct lane *lane = lanes_by_id(&w->lanes, row->lane);
    if (r < 0 || lane == NULL) {
        return err_set(&w->conn.err, r < 0 ? r : -EBADMSG, "the row of a job is damaged");
    }
    if (!is_theirs(adopt, row, &life) || claims_find(&w->claims, row->rid) != NULL) {
        return err_set(&w->conn.err, -ESTALE, "the job does not run under that token");
    }
    jobrow_renew(&spec, &life);
    r = describe(w, a, row, &spec, &life, lane, &adopt->job);
    struct claim *c = r < 0 ? NULL : claims_new(&w->claims);
    if (c == NULL) {
        return r < 0 ? r : conn_no_memory(&w->conn);
    }
    *c = (struct claim){
        .rid = row->rid,
        .id = row->id,
        .token = row->token,
        .commit_no = row->commit_no,
        .row_rev = row->rev,
        .has = row->has,
        .nonce = adopt->host_nonce,
        .lane = lane,
        .priority = row->priority,
        .at_ms = row->at_ms,
        .written = true,
        .claimed_ms = adopt->op.now_ms,
        .started_ms = life.started_ms != 0 ? life.started_ms : life.first_run_ms,
    };
    adopt->job.token = row->token;
    return writer_claim_add(w, c);
}

int op_adopt(struct writer *w, struct store_op *op) {
    struct store_adopt *adopt = CONTAINER_OF(op, struct store_adopt, op);
    struct job_row row = {.rid = 0};
    int r = place_find(w, &adopt->id, &row);
    if (r == 0) {
        return err_set(&w->conn.err, -ESTALE, "there is no such job");
    }
    return r < 0 ? r : adopt_row(w, adopt, &row);
}
