#include "store/sqlite/event_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "store/sqlite/effects.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"

struct name_row {
    int64_t id, count, bytes;
    bool pending;
};

static int run_id(struct writer *w, enum sql_id sql, int64_t id) {
    bind_int(conn_stmt(&w->conn, sql), 1, id);
    return conn_run(&w->conn, sql);
}

// 1 = it is there.
static int find_name(struct writer *w, const char *name, struct name_row *ret) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EVENT_NAME_GET);
    *ret = (struct name_row){.id = 0};
    bind_text(s, 1, name);
    int r = conn_next(&w->conn, SQL_EVENT_NAME_GET);
    if (r > 0) {
        *ret = (struct name_row){.id = sqlite3_column_int64(s, 0),
                                 .count = sqlite3_column_int64(s, 1),
                                 .bytes = sqlite3_column_int64(s, 2),
                                 .pending = sqlite3_column_int(s, 3) != 0};
        conn_reset(&w->conn, SQL_EVENT_NAME_GET);
    }
    return r;
}

static int add_name(struct writer *w, const char *name, struct name_row *ret) {
    bind_text(conn_stmt(&w->conn, SQL_EVENT_NAME_ADD), 1, name);
    int r = conn_run(&w->conn, SQL_EVENT_NAME_ADD);
    ret->id = sqlite3_last_insert_rowid(w->conn.db);
    return r;
}

static int count(struct writer *w, int64_t name, int64_t n, int64_t bytes) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EVENT_NAME_COUNT);
    bind_int(s, 1, name);
    bind_int(s, 2, n);
    bind_int(s, 3, bytes);
    return conn_run(&w->conn, SQL_EVENT_NAME_COUNT);
}

// From the first job that waits on, or from the one behind `cursor`; < 0 = nothing is left to do.
static int set_pending(struct writer *w, int64_t name, int64_t cursor) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EVENT_NAME_PENDING);
    bind_int(s, 1, name);
    if (cursor < 0) {
        (void)sqlite3_bind_null(s, 2);
    } else {
        bind_int(s, 2, cursor);
        w->events_pending = true;
    }
    return conn_run(&w->conn, SQL_EVENT_NAME_PENDING);
}

static int is_waited_for(struct writer *w, int64_t name) {
    bind_int(conn_stmt(&w->conn, SQL_EVENT_WAITED), 1, name);
    int r = conn_next(&w->conn, SQL_EVENT_WAITED);
    conn_reset(&w->conn, SQL_EVENT_WAITED);
    return r;
}

static int has_room(struct writer *w, int64_t more) {
    struct name_row total;
    int r = find_name(w, "", &total);
    return r < 0 ? r : total.bytes + more <= STORE_EVENTS_TOTAL_MAX;
}

// 1 = one of this key is kept.
static int is_kept(struct writer *w, int64_t name, const char *key) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EVENT_KEPT);
    bind_int(s, 1, name);
    bind_text(s, 2, key);
    int r = conn_next(&w->conn, SQL_EVENT_KEPT);
    conn_reset(&w->conn, SQL_EVENT_KEPT);
    return r;
}

// What it adds to those that are kept: nothing, if it is one of them.
static int64_t growth_of(struct writer *w, const struct store_event *e) {
    struct name_row name;
    int r = e->key == NULL ? 0 : find_name(w, e->name, &name);
    r = r <= 0 ? r : is_kept(w, name.id, e->key);
    return r < 0 ? r : r > 0 ? 0 : store_event_bytes(e);
}

int event_log_fits(struct writer *w, const struct store_event *events, size_t count) {
    int64_t all = 0, more = 0;
    for (size_t i = 0; i < count; i++) {
        all += store_event_bytes(&events[i]);
    }
    int r = has_room(w, all);
    for (size_t i = 0; i < count && r == 0 && more >= 0; i++) { // exact, when it matters
        int64_t n = growth_of(w, &events[i]);
        more = n < 0 ? n : more + n;
    }
    return r != 0 ? r : more < 0 ? (int)more : has_room(w, more);
}

/* ------------------------------------------------------------------ PUT, SWEEP */

static int delete_event(struct writer *w, int64_t seq, int64_t name, int64_t bytes) {
    int r = run_id(w, SQL_EVENT_DEL, seq);
    return r < 0 ? r : count(w, name, -1, -bytes);
}

// The oldest of the name goes: 1 = it did.
static int delete_oldest(struct writer *w, struct name_row *name) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EVENT_OLDEST);
    bind_int(s, 1, name->id);
    int r = conn_next(&w->conn, SQL_EVENT_OLDEST);
    if (r <= 0) {
        return r;
    }
    int64_t seq = sqlite3_column_int64(s, 0), bytes = sqlite3_column_int64(s, 1);
    conn_reset(&w->conn, SQL_EVENT_OLDEST);
    name->count--;
    name->bytes -= bytes;
    r = delete_event(w, seq, name->id, bytes);
    return r < 0 ? r : 1;
}

static bool is_over(const struct name_row *name, const struct store_event_bounds *b, int64_t more) {
    return name->count + 1 > b->count || name->bytes + more > b->bytes;
}

static int make_room(struct writer *w, struct name_row *name, int64_t more) {
    const struct store_event_bounds b = store_event_bounds(w->config);
    int r = 1;
    while (r > 0 && name->count > 0 && is_over(name, &b, more)) {
        r = delete_oldest(w, name);
    }
    return r < 0 ? r : 0;
}

// Those that nobody has been shown yet stay, up to twice as many.
static bool is_crowded(const struct writer *w, const struct name_row *name, int64_t more) {
    struct store_event_bounds b = store_event_bounds(w->config);
    b.count *= 2;
    b.bytes *= 2;
    return name->pending && is_over(name, &b, more);
}

/* Numbers of events are their places. They begin with the time, and are not used again: where a clock goes back they
 * go on. Those below 2^40 are of before that, and only tell who came first. */
enum { PLACE_BITS = 20 };
#define PLACE_MS_MAX ((INT64_C(1) << (62 - PLACE_BITS)) - 1)

static int64_t place_at(int64_t ms) {
    return (ms < 0 ? 0 : ms > PLACE_MS_MAX ? PLACE_MS_MAX : ms) << PLACE_BITS;
}

static int last_place(struct writer *w, int64_t *ret) {
    int r = conn_next(&w->conn, SQL_EVENT_LAST);
    *ret = r > 0 ? sqlite3_column_int64(conn_stmt(&w->conn, SQL_EVENT_LAST), 0) : 0;
    conn_reset(&w->conn, SQL_EVENT_LAST);
    return r < 0 ? r : 0;
}

// 1 = it is new.
static int add_event(struct writer *w, int64_t name, const struct store_event *e, int64_t now_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EVENT_ADD);
    int64_t last, place = place_at(now_ms);
    int r = last_place(w, &last);
    if (r < 0) {
        return r;
    }
    bind_int(s, 1, name);
    bind_int(s, 2, now_ms);
    bind_text(s, 3, e->key);
    bind_text(s, 4, e->tenant);
    bind_text(s, 5, e->content_type);
    bind_bytes(s, 6, e->value);
    bind_int(s, 7, place > last ? place : last + 1);
    r = conn_run(&w->conn, SQL_EVENT_ADD);
    return r < 0 ? r : sqlite3_changes(w->conn.db) > 0;
}

// May it be kept? One that is there already is so, however full it is.
static int admit(struct writer *w, const struct name_row *name, const struct store_event *e,
                 bool bounded, int *ret_status) {
    int64_t bytes = store_event_bytes(e);
    int r = has_room(w, bytes);
    *ret_status = r == 0 ? -EDQUOT : bounded && is_crowded(w, name, bytes) ? -ENOBUFS : 0;
    if (r >= 0 && *ret_status < 0 && e->key != NULL && (r = is_kept(w, name->id, e->key)) > 0) {
        *ret_status = -EEXIST;
    }
    return r < 0 ? r : 0;
}

int event_log_put(struct writer *w, const struct store_event *e, bool bounded, int64_t now_ms,
                  int *ret_status) {
    struct name_row name;
    int64_t bytes = store_event_bytes(e);
    int r = find_name(w, e->name, &name);
    r = r < 0 ? r : admit(w, &name, e, bounded, ret_status);
    if (r < 0 || *ret_status < 0) {
        return r;
    }
    r = name.id != 0 ? 0 : add_name(w, e->name, &name);
    r = r < 0 ? r : add_event(w, name.id, e, now_ms);
    if (r <= 0) {
        *ret_status = r == 0 ? -EEXIST : 0;
        return r < 0 ? r : run_id(w, SQL_EVENT_NAME_DROP, name.id);
    }
    r = name.pending ? 0 : make_room(w, &name, bytes);
    r = r < 0 ? r : count(w, name.id, 1, bytes);
    r = r < 0 ? r : is_waited_for(w, name.id);
    return r <= 0 ? r : set_pending(w, name.id, 0);
}

int op_event_put(struct writer *w, struct store_op *op) {
    struct store_event_put *put = CONTAINER_OF(op, struct store_event_put, op);
    int r = 0;
    for (size_t i = 0; i < put->count && r == 0; i++) {
        struct store_event_item *item = &put->items[i];
        item->status = store_event_check(&item->event);
        if (item->status == 0) {
            r = event_log_put(w, &item->event, true, op->now_ms, &item->status);
        }
    }
    put->outbox = w->events_pending;
    return r;
}

int op_event_sweep(struct writer *w, int64_t now_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EVENT_OLD);
    bind_int(s, 1, now_ms - store_event_bounds(w->config).keep_ms);
    int r = conn_next(&w->conn, SQL_EVENT_OLD);
    if (r <= 0) {
        return r;
    }
    int64_t seq = sqlite3_column_int64(s, 0), name = sqlite3_column_int64(s, 1);
    int64_t bytes = sqlite3_column_int64(s, 2);
    conn_reset(&w->conn, SQL_EVENT_OLD);
    r = delete_event(w, seq, name, bytes);
    r = r < 0 ? r : run_id(w, SQL_EVENT_NAME_DROP, name);
    return r < 0 ? r : 1;
}

/* ------------------------------------------------------------------ who waits */

// What an event is looked for with.
struct looking {
    int64_t name, behind;
    struct waits_event wait;
    const char *tenant;
};

static int look_with(struct writer *w, const struct job_row *row, const struct job_life *life,
                     int64_t name, struct looking *ret) {
    struct job_spec spec;
    int r = jobrow_spec(row, &w->scratch, &spec);
    if (r < 0) {
        return err_set(&w->conn.err, r, "the row of a job is damaged");
    }
    *ret = (struct looking){.name = name, .tenant = spec.tenant};
    if (waits_event_read(life->wait_for, &ret->wait) < 0) {
        ret->wait = (struct waits_event){.since_ms = id_time_ms(&row->id)};
    }
    ret->behind = strtoll(ret->wait.position, NULL, 10);
    return 0;
}

// 1 = there is one: into the scratch arena; NULL = it is only looked for.
static int find_event(struct writer *w, const struct looking *l, struct waits_step *ret) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EVENT_FIND);
    bind_int(s, 1, l->name);
    bind_int(s, 2, l->behind < 0 ? 0 : l->behind);
    bind_int(s, 3, place_at(l->wait.since_ms) - 1);
    bind_int(s, 4, l->wait.since_ms);
    bind_text(s, 5, l->tenant);
    int r = conn_next(&w->conn, SQL_EVENT_FIND);
    if (r <= 0 || ret == NULL) {
        conn_reset(&w->conn, SQL_EVENT_FIND);
        return r;
    }
    const char *type = column_text(s, 2);
    *ret = (struct waits_step){.state = WAITS_GOT, .at_ms = sqlite3_column_int64(s, 1)};
    (void)snprintf(ret->position, sizeof ret->position, "%" PRId64,
                   (int64_t)sqlite3_column_int64(s, 0));
    (void)snprintf(ret->type, sizeof ret->type, "%s", type == NULL ? "" : type);
    struct bytes value = column_bytes(s, 3);
    ret->value = arena_bytes(&w->scratch, value);
    conn_reset(&w->conn, SQL_EVENT_FIND);
    return value.len > 0 && ret->value.data == NULL ? conn_no_memory(&w->conn) : 1;
}

int event_log_aim(struct writer *w, const struct job_row *row, struct job_life *life,
                  char text[WAITS_EVENT_TEXT_MAX]) {
    struct job_row whole;
    struct name_row name;
    struct looking l = {.name = 0};
    int64_t last = 0;
    int r = place_find_rid(w, row->rid, &whole); // a claim knows no spec
    if (r <= 0 || (r = find_name(w, life->wait_key, &name)) < 0) {
        return r;
    }
    r = look_with(w, &whole, life, name.id, &l);
    r = r < 0 ? r : find_event(w, &l, NULL);
    r = r != 0 ? r : last_place(w, &last);
    if (r == 0) {
        struct waits_event next = {.n = l.wait.n};
        (void)snprintf(next.position, sizeof next.position, "%" PRId64, last);
        waits_event_put(&next, text);
        life->wait_for = text;
    }
    return r < 0 ? r : 0;
}

int event_log_wait(struct writer *w, const struct job_row *row, const struct job_life *life) {
    struct job_row whole;
    struct name_row name;
    struct looking l = {.name = 0};
    int r = place_find_rid(w, row->rid, &whole);
    if (r <= 0) {
        return r;
    }
    r = find_name(w, life->wait_key, &name);
    r = r == 0 ? add_name(w, life->wait_key, &name) : r;
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EVENT_WAIT_ADD);
    bind_int(s, 1, name.id);
    bind_int(s, 2, row->rid);
    r = conn_run(&w->conn, SQL_EVENT_WAIT_ADD);
    r = r < 0 ? r : look_with(w, &whole, life, name.id, &l);
    r = r < 0 ? r : find_event(w, &l, NULL);
    return r <= 0 ? r : set_pending(w, name.id, 0);
}

int event_log_unwait(struct writer *w, int64_t rid) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EVENT_WAIT_OF);
    bind_int(s, 1, rid);
    int r = conn_next(&w->conn, SQL_EVENT_WAIT_OF);
    if (r <= 0) {
        return r;
    }
    int64_t name = sqlite3_column_int64(s, 0);
    conn_reset(&w->conn, SQL_EVENT_WAIT_OF);
    r = run_id(w, SQL_EVENT_WAIT_DEL, rid);
    return r < 0 ? r : run_id(w, SQL_EVENT_NAME_DROP, name);
}

/* ------------------------------------------------------------------ FORWARD */

static int put_text(struct writer *w, struct job_row *row, struct job_life *life, const char *name,
                    const struct waits_step *step) {
    struct buf text = {.data = NULL};
    waits_step_put(&text, step);
    int r = text.failed
                ? conn_no_memory(&w->conn)
                : effects_put_step(w, row, life, &(struct store_step){name, buf_bytes(&text)});
    buf_free(&text);
    return r;
}

// A plain yield() finds what came as it came, and its place beside it.
static int put_found(struct writer *w, struct job_row *row, struct job_life *life, uint32_t n,
                     struct waits_step *found) {
    char name[WAITS_STEP_MAX];
    waits_event_step(life->wait_key, n, name);
    if (n > 0) {
        return put_text(w, row, life, name, found);
    }
    int r = effects_put_step(w, row, life, &(struct store_step){name, found->value});
    waits_plain_step(life->wait_key, name);
    found->value = (struct bytes){NULL, 0};
    return r < 0 ? r : put_text(w, row, life, name, found);
}

static int wake(struct writer *w, struct job_row *row, struct job_life *life, uint32_t n,
                struct waits_step *found, int64_t now_ms) {
    if (fault(FAULT_STORE_FORWARD) < 0) {
        return err_set(&w->conn.err, -EIO, "fault injected while forwarding");
    }
    int r = put_found(w, row, life, n, found);
    life->park = PARK_NONE;
    life->wait_key = life->wait_for = NULL;
    life->updated_ms = now_ms;
    row->rev++;
    return r < 0 ? r : place_move(w, row, life, (struct place){JOB_QUEUED, now_ms}, now_ms);
}

// Bytes of what a job that gets it has to keep, at most.
static int64_t cost_of(const struct waits_step *found) {
    return (int64_t)(found->value.len + strlen(found->type)) + STORE_EVENT_OVERHEAD;
}

// Does the job get one?
static int look_at(struct writer *w, int64_t rid, int64_t name, int64_t now_ms,
                   struct event_log_delivered *ret) {
    struct job_row row;
    struct job_life life;
    struct looking l = {.name = 0};
    struct waits_step found;
    arena_reset(&w->scratch);
    int r = place_find_rid(w, rid, &row);
    if (r <= 0) {
        return r < 0 ? r : run_id(w, SQL_EVENT_WAIT_DEL, rid);
    }
    r = jobrow_life(&row, &w->scratch, &life);
    if (r < 0 || row.state != JOB_PARKED || life.wait_key == NULL) {
        return run_id(w, SQL_EVENT_WAIT_DEL, rid); // it holds up nobody
    }
    r = look_with(w, &row, &life, name, &l);
    r = r < 0 ? r : find_event(w, &l, &found);
    ret->full = r > 0 && writer_over(w, BUDGET_JOBS, cost_of(&found));
    if (r <= 0 || ret->full) {
        return r < 0 ? r : 0;
    }
    ret->woken++;
    ret->bytes += found.value.len;
    return wake(w, &row, &life, l.wait.n, &found, now_ms);
}

// Numbers of the next jobs that wait for the name.
static int64_t gather(struct writer *w, int64_t name, int64_t cursor, int64_t *rids, size_t max) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EVENT_WAITS);
    size_t n = 0;
    int r = 0;
    bind_int(s, 1, name);
    bind_int(s, 2, cursor);
    bind_int(s, 3, (int64_t)max);
    while (n < max && (r = conn_next(&w->conn, SQL_EVENT_WAITS)) > 0) {
        rids[n++] = sqlite3_column_int64(s, 0);
    }
    conn_reset(&w->conn, SQL_EVENT_WAITS);
    return r < 0 ? r : (int64_t)n;
}

// 1 = there is something to bring together.
static int next_pending(struct writer *w, int64_t *ret_name, int64_t *ret_cursor) {
    int r = conn_next(&w->conn, SQL_EVENT_NAME_NEXT);
    if (r > 0) {
        sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EVENT_NAME_NEXT);
        *ret_name = sqlite3_column_int64(s, 0);
        *ret_cursor = sqlite3_column_int64(s, 1);
        conn_reset(&w->conn, SQL_EVENT_NAME_NEXT);
    }
    return r;
}

enum { LOOKED_AT_ONCE = 100, BYTES_AT_ONCE = 4 * 1024 * 1024 };

static int deliver_some(struct writer *w, int64_t name, int64_t cursor, size_t max, int64_t now_ms,
                        struct event_log_delivered *ret) {
    int64_t rids[LOOKED_AT_ONCE], last = cursor;
    size_t cap = max < LOOKED_AT_ONCE ? max : LOOKED_AT_ONCE;
    int64_t n = gather(w, name, cursor, rids, cap);
    int r = n < 0 ? (int)n : 0;
    int64_t i = 0;
    while (i < n && r >= 0 && !ret->full && ret->bytes < BYTES_AT_ONCE) {
        r = look_at(w, rids[i], name, now_ms, ret);
        last = ret->full ? last : rids[i];
        i += !ret->full;
    }
    if (r < 0) {
        return r;
    }
    ret->looked += (size_t)i;
    r = set_pending(w, name, i == n && (size_t)n < cap ? -1 : last);
    return r < 0 ? r : run_id(w, SQL_EVENT_NAME_DROP, name);
}

int event_log_deliver(struct writer *w, size_t limit, int64_t now_ms,
                      struct event_log_delivered *ret) {
    int64_t name, cursor;
    int r = 1;
    *ret = (struct event_log_delivered){.looked = 0};
    while (ret->looked < limit && ret->bytes < BYTES_AT_ONCE && !ret->full &&
           (r = next_pending(w, &name, &cursor)) > 0) {
        r = deliver_some(w, name, cursor, limit - ret->looked, now_ms, ret);
        if (r < 0) {
            return r;
        }
    }
    return r < 0 ? r : event_log_pending(w, &w->events_pending);
}

int event_log_pending(struct writer *w, bool *ret) {
    int64_t name, cursor;
    int r = next_pending(w, &name, &cursor);
    *ret = r > 0;
    return r < 0 ? r : 0;
}
