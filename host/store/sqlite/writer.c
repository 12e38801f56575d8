#include "store/sqlite/writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/env.h"
#include "base/fault.h"
#include "base/thread.h"
#include "store/sqlite/blobs.h"
#include "store/sqlite/event_log.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/turns.h"

// A checkpoint copies pages from the log into the file. It is due when nobody waits and some have
// gathered, or when the log has used up its room (wal_room.h), so that it does not get longer.
// That needs a moment without readers of it; when it is crowded they are asked for one (reader.h).
enum { WAL_PAGES_IDLE = 2000, WAL_PAGES_MAX = 4000, WAL_PAGES_CROWDED = 16000 };

static const char *const bytes_keys[BUDGET_COUNT] = {"bytes_jobs", "bytes_results", "bytes_kv",
                                                     "bytes_blobs"};

/* ------------------------------------------------------------------ memory */

static int no_memory(struct writer *w) {
    return err_set(&w->conn.err, -ENOMEM, "out of memory");
}

int writer_fail(struct writer *w, struct store_op *op, int r) {
    if (op->err.code == 0) {
        op->err = w->conn.err;
        op->err.code = r;
    }
    return r;
}

static int store_queue(struct writer *w, struct queue *q) {
    if (q->stored) {
        return 0;
    }
    if (undo_add(&w->undo, UNDO_STORED, &q->stored) == NULL) {
        return no_memory(w);
    }
    q->stored = true;
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_QUEUE_ADD);
    bind_int(s, 1, q->id);
    bind_text(s, 2, q->name);
    return conn_run(&w->conn, SQL_QUEUE_ADD);
}

int writer_queue(struct writer *w, const char *name, struct queue **ret) {
    int r = lanes_queue(&w->lanes, name, ret);
    if (r < 0) {
        return err_set(&w->conn.err, r, r == -EDQUOT ? "too many queues" : "out of memory");
    }
    return store_queue(w, *ret);
}

static int store_lane(struct writer *w, struct lane *lane) {
    int r = store_queue(w, lane->queue);
    if (r < 0 || lane->stored) {
        return r;
    }
    if (undo_add(&w->undo, UNDO_STORED, &lane->stored) == NULL) {
        return no_memory(w);
    }
    lane->stored = true;
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_LANE_ADD);
    bind_int(s, 1, lane->id);
    bind_int(s, 2, lane->queue->id);
    bind_text(s, 3, lane->type);
    return conn_run(&w->conn, SQL_LANE_ADD);
}

int writer_lane(struct writer *w, const char *queue, const char *type, struct lane **ret) {
    int r = lanes_get(&w->lanes, queue, type, ret);
    if (r < 0) {
        return err_set(&w->conn.err, r,
                       r == -EDQUOT ? "too many job types and queues" : "out of memory");
    }
    return (*ret)->stored ? 0 : store_lane(w, *ret);
}

int writer_count(struct writer *w, struct lane *lane, enum job_priority p, int from, int to) {
    struct undo_entry *u = undo_add(&w->undo, UNDO_COUNT, lane);
    if (u == NULL) {
        return no_memory(w);
    }
    u->from = (int8_t)from;
    u->to = (int8_t)to;
    u->priority = (int8_t)p;
    lanes_count(&w->lanes, lane, p, from, to);
    return 0;
}

int writer_bytes(struct writer *w, enum store_budget budget, int64_t delta) {
    if (delta == 0) {
        return 0;
    }
    struct undo_entry *u = undo_add(&w->undo, UNDO_BYTES, &w->bytes[budget]);
    if (u == NULL) {
        return no_memory(w);
    }
    u->delta = delta;
    w->bytes[budget] += delta;
    return 0;
}

bool writer_over(const struct writer *w, enum store_budget budget, int64_t more) {
    uint64_t limit = w->config->budget[budget];
    int64_t sum = w->bytes[budget] + more;
    return limit != 0 && more > 0 && sum > 0 && (uint64_t)sum > limit;
}

int writer_claim_add(struct writer *w, struct claim *claim) {
    if (claims_add(&w->claims, claim) < 0) {
        free(claim);
        return no_memory(w);
    }
    if (undo_add(&w->undo, UNDO_CLAIM_ADDED, claim) == NULL) {
        claims_drop(&w->claims, claim);
        return no_memory(w);
    }
    lanes_count_claim(&w->lanes, claim->lane, claim->priority, claim->written ? 0 : 1);
    return 0;
}

int writer_claim_end(struct writer *w, struct claim *claim) {
    if (undo_add(&w->undo, UNDO_CLAIM_ENDED, claim) == NULL) {
        return no_memory(w);
    }
    lanes_count_claim(&w->lanes, claim->lane, claim->priority, claim->written ? 0 : -1);
    claims_end(&w->claims, claim);
    return 0;
}

int writer_claim_save(struct writer *w, struct claim *claim) {
    struct claim *copy = malloc(sizeof *copy);
    struct undo_entry *u = copy == NULL ? NULL : undo_add(&w->undo, UNDO_CLAIM_CHANGE, claim);
    if (u == NULL) {
        free(copy);
        return no_memory(w);
    }
    *copy = *claim;
    u->copy = copy;
    return 0;
}

void writer_touch(struct writer *w, struct lane *lane) {
    w->bore = w->bore || w->doing != STORE_SUBMIT;
    if (w->touched_count > 0 && w->touched[w->touched_count - 1] == lane) {
        return;
    }
    if (w->touched_count == w->touched_cap) {
        size_t cap = w->touched_cap == 0 ? 64 : w->touched_cap * 2;
        struct lane **p = realloc(w->touched, cap * sizeof(struct lane *));
        if (p == NULL) {
            return; // the lane's next job will announce it
        }
        w->touched = p;
        w->touched_cap = cap;
    }
    w->touched[w->touched_count++] = lane;
}

static void untouch(struct writer *w, const struct lane *lane) {
    size_t kept = 0;
    for (size_t i = 0; i < w->touched_count; i++) {
        w->touched[kept] = w->touched[i];
        kept += w->touched[i] != lane;
    }
    w->touched_count = kept;
}

// Who claimed all that a lane had needs no word that there was something.
static void untouch_sated(struct writer *w, const struct store_claim *claim) {
    size_t at = 0;
    for (size_t i = 0; i < claim->want_count && w->touched_count > 0; i++) {
        size_t first = at;
        while (at < claim->job_count && claim->jobs[at].want == i) {
            at++;
        }
        const struct store_lane *names = &claim->wants[i].lane;
        const struct lane *lane = at - first < claim->wants[i].limit
                                      ? lanes_find(&w->lanes, names->queue, names->type)
                                      : NULL;
        if (lane != NULL) {
            untouch(w, lane);
        }
    }
}

void writer_ready(struct writer *w, struct lane *lane, enum job_priority p, int64_t place,
                  struct band at) {
    turns_ready(lane, p, place, at);
    writer_touch(w, lane);
}

void writer_due(struct writer *w, int64_t at_ms) {
    if (w->touched_due == 0 || at_ms < w->touched_due) {
        w->touched_due = at_ms;
    }
}

/* ------------------------------------------------------------------ read-only mode */

// Errors of the medium, as opposed to errors of one operation.
static bool is_of_medium(int code) {
    return code == -ENOSPC || code == -EIO || code == -EROFS || code == -EACCES || code == -EBADMSG;
}

static void degrade(struct writer *w, int code, const char *words) {
    bool news = !w->degraded;
    w->degraded = true;
    w->corrupt = w->corrupt || code == -EBADMSG;
    w->tried_mono_ms = env_mono_ms(w->env);
    (void)snprintf(w->reason, sizeof w->reason, "%s", words);
    if (news) {
        outlet_health(w->outlet, w->reason);
    }
}

static void recover(struct writer *w) {
    if (w->degraded) {
        w->degraded = false;
        outlet_health(w->outlet, NULL);
    }
}

static void refuse(struct store_op *head, int code, const char *words) {
    for (struct store_op *op = head; op != NULL; op = op->next) {
        op->status = err_set(&op->err, code, "%s", words);
    }
}

// As if the answers were lost on their way. Those of claims cannot be: claims are in memory, so
// they come and go with the answer.
static void forget_answers(struct store_op *head) {
    for (struct store_op *op = head; op != NULL; op = op->next) {
        if (op->kind != STORE_CLAIM && op->status == 0) {
            op->status = err_set(&op->err, -EIO, "fault injected after commit");
        }
    }
}

// In read-only mode: true = leave it at that.
static bool refuse_degraded(struct writer *w, struct store_op *head) {
    if (!w->degraded ||
        (!w->corrupt && env_mono_ms(w->env) - w->tried_mono_ms >= WRITER_RETRY_MS)) {
        return false;
    }
    char words[sizeof w->reason + 64];
    (void)snprintf(words, sizeof words, "the store is read-only: %s", w->reason);
    refuse(head, -EROFS, words);
    return true;
}

/* ------------------------------------------------------------------ a group */

static void group_rollback(struct writer *w) {
    if (w->lent) {
        undo_keep_claims(&w->undo);
    }
    if (sqlite3_get_autocommit(w->conn.db) == 0) {
        (void)conn_run(&w->conn, SQL_ROLLBACK);
    }
    undo_rollback(&w->undo, 0, &w->lanes, &w->claims);
    w->touched_count = 0;
    w->touched_due = 0;
    op_blob_forget(w, NULL);
}

// One operation inside the open transaction. A negative answer = the transaction itself is lost.
static int group_op(struct writer *w, struct store_op *op, bool savepoint) {
    op->err.code = 0;
    if (env_mono_ms(w->env) >= ops_deadline(op)) {
        op->status = err_set(&op->err, -ETIMEDOUT, "the store was busy for too long");
        return 0;
    }
    size_t mark = w->undo.len;
    struct doomed_blob *doomed = w->doomed;
    int r = savepoint ? conn_run(&w->conn, SQL_SAVEPOINT) : 0;
    if (r < 0) {
        return r;
    }
    arena_reset(&w->scratch);
    w->doing = op->kind;
    op->status = ops_run(w, op);
    if (op->status == 0 && op->kind == STORE_CLAIM) {
        untouch_sated(w, CONTAINER_OF(op, const struct store_claim, op));
    }
    if (op->status < 0) {
        (void)writer_fail(w, op, op->status);
        if (!savepoint || sqlite3_get_autocommit(w->conn.db) != 0) {
            return op->status;
        }
        undo_rollback(&w->undo, mark, &w->lanes, &w->claims);
        op_blob_forget(w, doomed);
        r = conn_run(&w->conn, SQL_ROLLBACK_TO);
        if (r == 0 && is_of_medium(op->status)) {
            return op->status;
        }
    }
    return r < 0 || !savepoint ? r : conn_run(&w->conn, SQL_RELEASE);
}

static int save_bytes(struct writer *w) {
    for (int i = 0; i < BUDGET_COUNT; i++) {
        if (w->bytes[i] == w->bytes_shown[i]) {
            continue;
        }
        sqlite3_stmt *s = conn_stmt(&w->conn, SQL_META_SET);
        bind_text(s, 1, bytes_keys[i]);
        bind_int(s, 2, w->bytes[i]);
        int r = conn_run(&w->conn, SQL_META_SET);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int writer_save(struct writer *w) {
    int r = lanes_save(&w->lanes, &w->conn);
    return r < 0 ? r : save_bytes(w);
}

static bool group_may_lend(const struct writer *w) {
    for (struct store_op *op = w->head; op != NULL; op = op->next) {
        if (op->kind == STORE_CLAIM && op->status == 0 &&
            CONTAINER_OF(op, struct store_claim, op)->ended_count > 0) {
            return false;
        }
    }
    return !w->bore;
}

// The transaction is complete and about to be synced (syncs of the log also come in the middle of
// one, when the cache spills). Claims are in memory and need not wait for that: a job that was ready before is on the disk already, and one that was submitted in this
// group may begin while its submitter still waits for an answer. What a commit of this group made
// ready waits, since it must not begin if the commit turns out not to have happened.
static void group_lend(void *arg) {
    struct writer *w = arg;
    struct store_op *claims = NULL, **end = &claims, **at = &w->head;
    if (!w->committing || w->lent || !group_may_lend(w)) {
        return;
    }
    while (*at != NULL) {
        struct store_op *op = *at;
        if (op->kind != STORE_CLAIM) {
            at = &op->next;
            continue;
        }
        *at = op->next;
        *end = op;
        end = &op->next;
    }
    *end = NULL;
    if (claims != NULL) {
        w->lent = true;
        outlet_ops(w->outlet, claims);
    }
}

// 1 = committed.
static int group_apply(struct writer *w) {
    struct store_op *head = w->head;
    w->bore = w->lent = false;
    int r = conn_run(&w->conn, SQL_BEGIN);
    if (r == 0 && w->degraded) {
        r = conn_run(&w->conn, SQL_META_PROBE); // so that COMMIT has something to write
    }
    bool several = head->next != NULL;
    for (struct store_op *op = head; op != NULL && r == 0; op = op->next) {
        r = group_op(w, op, several);
    }
    r = r < 0 ? r : writer_save(w);
    if (r == 0 && fault(FAULT_STORE_BEFORE_COMMIT) < 0) {
        r = err_set(&w->conn.err, -EIO, "fault injected before commit");
    }
    w->committing = true;
    r = r < 0 ? r : conn_run(&w->conn, SQL_COMMIT);
    w->committing = false;
    return r < 0 ? r : 1;
}

static void group_publish(struct writer *w) {
    undo_clear(&w->undo);
    claims_settle(&w->claims);
    lanes_publish(&w->lanes);
    (void)pthread_mutex_lock(&w->shared);
    memcpy(w->bytes_shown, w->bytes, sizeof w->bytes);
    (void)pthread_mutex_unlock(&w->shared);
    op_blob_delete(w);
}

// Answers, with the news that the group made.
static void group_answer(struct writer *w) {
    int64_t due = w->touched_due;
    bool news = due != 0 && (w->due_reported == 0 || due < w->due_reported);
    if (news) {
        w->due_reported = due;
    }
    outlet_group(w->outlet, w->head, w->touched, w->touched_count, news ? due : 0);
    w->touched_count = 0;
    w->touched_due = 0;
}

// The transaction is lost, so nothing of it happened, whatever an operation reported to itself.
static void group_fail(struct writer *w, int r) {
    struct err why = w->conn.err;
    group_rollback(w);
    if (is_of_medium(r)) {
        degrade(w, r, why.msg);
    }
    for (struct store_op *op = w->head; op != NULL; op = op->next) {
        if (op->status >= 0) {
            op->status = err_set(&op->err, r, "%s", why.msg);
        }
    }
}

static uint32_t group_size(const struct store_op *op) {
    uint32_t n = 0;
    for (; op != NULL; op = op->next) {
        n++;
    }
    return n;
}

static void run_group(struct writer *w, struct store_op *head) {
    w->head = head;
    head->group = group_size(head);
    int r = refuse_degraded(w, head) ? 0 : group_apply(w);
    if (r < 0) {
        group_fail(w, r);
    } else if (r > 0) {
        recover(w);
        group_publish(w);
        if (fault(FAULT_STORE_AFTER_COMMIT) < 0) {
            forget_answers(w->head);
        }
    }
    for (struct store_op *op = w->head; op != NULL; op = op->next) {
        if (op->kind == STORE_BLOB_PUT) {
            blobs_landed(w->blobs, CONTAINER_OF(op, struct store_blob_put, op),
                         r > 0 && op->status == 0);
        }
    }
    group_answer(w);
    w->head = NULL;
}

/* ------------------------------------------------------------------ the thread */

static void checkpoint(struct writer *w) {
    if (w->wal_pages <= WAL_PAGES_IDLE ||
        (w->wal_pages <= WAL_PAGES_MAX && !inlet_is_empty(&w->in))) {
        return;
    }
    if (fault(FAULT_STORE_CHECKPOINT) < 0) {
        return;
    }
    int rc = sqlite3_wal_checkpoint_v2(w->conn.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    w->wal_pages = 0;
    if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
        int r = conn_fail(&w->conn, rc);
        if (is_of_medium(r)) {
            degrade(w, r, w->conn.err.msg);
        }
    }
}

static int on_wal(void *arg, sqlite3 *db, const char *name, int pages) {
    (void)db;
    (void)name;
    struct writer *w = arg;
    bool is_long = pages > WAL_PAGES_CROWDED;
    w->wal_pages = pages;
    if (is_long || w->wal_long) {
        w->wal_long = is_long;
        (void)pthread_mutex_lock(&w->shared);
        w->crowded = is_long;
        (void)pthread_mutex_unlock(&w->shared);
        (void)pthread_cond_broadcast(&w->roomy);
    }
    return SQLITE_OK;
}

bool writer_is_crowded(struct writer *w, int wait_ms) {
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_mutex_lock(&w->shared);
    while (wait_ms > 0 && w->crowded) {
        w->crowded = pthread_cond_timedwait(&w->roomy, &w->shared, &until) == 0 && w->crowded;
    }
    bool crowded = w->crowded;
    (void)pthread_mutex_unlock(&w->shared);
    return crowded;
}

static void *writer_main(void *arg) {
    (void)prctl(PR_SET_NAME, "store-writer");
    struct writer *w = arg;
    struct store_op *head = NULL;
    while ((head = inlet_take(&w->in, ops_weight, WRITER_GROUP_ITEMS)) != NULL) {
        run_group(w, head);
        checkpoint(w);
    }
    return NULL;
}

static int load_meta(struct writer *w, bool read_only) {
    for (int i = 0; i < BUDGET_COUNT; i++) {
        sqlite3_stmt *s = conn_stmt(&w->conn, SQL_META_GET);
        bind_text(s, 1, bytes_keys[i]);
        int r = conn_next(&w->conn, SQL_META_GET);
        if (r < 0) {
            return r;
        }
        w->bytes[i] = w->bytes_shown[i] = r > 0 ? sqlite3_column_int64(s, 0) : 0;
        conn_reset(&w->conn, SQL_META_GET);
    }
    int r = read_only ? 0 : conn_run(&w->conn, SQL_META_BOOT);
    r = r < 0 ? r : conn_number(&w->conn, "SELECT value FROM meta WHERE key='boot'", 0, &w->boot);
    w->walk = (uint64_t)w->boot << 32; // no page of another opening is of one of ours
    r = r < 0 ? r : conn_number(&w->conn, "SELECT count(*) FROM outbox", 0, &w->outbox);
    return r < 0 ? r : event_log_pending(w, &w->events_pending);
}

void writer_prepare(struct writer *w) {
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&w->shared, NULL);
    (void)pthread_cond_init(&w->roomy, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    claims_init(&w->claims, &w->shared);
}

int writer_init(struct writer *w, bool read_only, struct err *e) {
    int r = lanes_load(&w->lanes, &w->conn, &w->shared, w->config);
    r = r < 0 ? r : load_meta(w, read_only);
    if (r < 0) {
        return err_set(e, r, "%s", w->conn.err.msg);
    }
    (void)sqlite3_wal_hook(w->conn.db, on_wal, w);
    sync_hook_set(&w->sync_hook, w->conn.db, group_lend, w);
    return 0;
}

int writer_start(struct writer *w, struct err *e) {
    int r = inlet_init(&w->in);
    r = r < 0 ? r : thread_start(&w->thread, NULL, writer_main, w);
    if (r < 0) {
        return err_errno(e, r, "writer thread");
    }
    w->running = true;
    return 0;
}

void writer_stop(struct writer *w) {
    if (w->running) {
        inlet_stop(&w->in);
        (void)pthread_join(w->thread, NULL);
        w->running = false;
    }
}

void writer_finish(struct writer *w) {
    undo_finish(&w->undo);
    claims_finish(&w->claims);
    lanes_finish(&w->lanes);
    arena_free(&w->scratch);
    buf_free(&w->pack);
    free(w->touched);
    conn_close(&w->conn);
}
