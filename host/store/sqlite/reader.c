#include "store/sqlite/reader.h"
#include "store/scope.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "base/env.h"
#include "base/thread.h"
#include "store/sqlite/ops.h"

enum {
    READER_GROUP = 64, /* jobs read in one snapshot */
    STEPS_BETWEEN_LOOKS = 5000,
    CROWDED_TURN_MS = 100, /* what a list has for itself although the log is crowded */
    CROWDED_WAIT_MS = 250  /* how long the next waits for a shorter one; longer: nobody writes */
};

bool reader_is_late(struct reader *r) {
    int64_t now = env_mono_ms(r->writer->env);
    return now >= r->deadline_mono_ms || (r->checking && inlet_is_stopping(&r->in)) ||
           (now >= r->yield_mono_ms && writer_is_crowded(r->writer, 0));
}

static int on_progress(void *arg) {
    return reader_is_late(arg);
}

int reader_fail(struct reader *r, struct store_op *op, int code) {
    if (op->err.code == 0) {
        op->err = r->conn.err;
        op->err.code = code;
    }
    return code;
}

const struct claim_view *reader_claim(const struct reader *r, const struct job_row *row) {
    if (row->state != JOB_QUEUED && row->state != JOB_RUNNING) {
        return NULL;
    }
    return claims_view_find(r->view, r->view_count, row->rid, row->rev);
}

static void fill_times(struct store_job *job, const struct job_row *row,
                       const struct job_life *life) {
    job->created_ms = id_time_ms(&row->id);
    job->first_run_ms = life->first_run_ms;
    job->started_ms = life->started_ms != 0 ? life->started_ms : life->first_run_ms;
    job->updated_ms = life->updated_ms != 0 ? life->updated_ms : job->created_ms;
    if (job_is_final(row->state)) {
        job->finished_ms = job->updated_ms;
        job->expires_at_ms = row->at_ms;
    } else if (row->state == JOB_SCHEDULED || row->state == JOB_PARKED) {
        job->spec.run_at_ms = row->at_ms;
    } else {
        job->ready_ms = row->at_ms;
    }
}

static void fill_life(struct store_job *job, const struct job_life *life) {
    job->park = (enum park_reason)life->park;
    job->wait_key = life->wait_key;
    job->wait_for = life->wait_for;
    job->counters = life->counters;
    job->progress = life->progress;
    job->error = life->error;
    job->winner = life->winner;
    job->result_size = life->result_size;
    job->result_type = life->result_type;
    job->warning_count = life->warning_count;
    job->build = life->build;
    job->pid = life->pid;
    job->child_count = life->child_count;
    job->step_count = life->step_count;
    job->step_bytes = life->step_bytes;
    job->steps_version = life->steps_version;
    job->output_count = life->output_count;
    job->output_bytes = life->output_bytes;
}

int reader_job(struct reader *r, const struct job_row *row, struct arena *a,
               struct store_job *ret) {
    struct job_life life;
    *ret = (struct store_job){.state = row->state, .rev = row->rev, .commit_no = row->commit_no};
    int code = jobrow_spec(row, a, &ret->spec);
    code = code < 0 ? code : jobrow_life(row, a, &life);
    struct lane *lane = lanes_by_id(&r->writer->lanes, row->lane);
    if (code < 0 || lane == NULL) {
        return err_set(&r->conn.err, code == -ENOMEM ? code : -EBADMSG,
                       "the row of a job is damaged");
    }
    ret->spec.queue = lane->names.queue;
    ret->spec.type = lane->names.type;
    jobrow_renew(&ret->spec, &life);
    fill_life(ret, &life);
    fill_times(ret, row, &life);
    ret->has_result = (row->has & HAS_RESULT) != 0;
    ret->has_flow = (row->has & HAS_OPENED) != 0;
    const struct claim_view *claim = reader_claim(r, row);
    if (claim != NULL || row->state == JOB_RUNNING) {
        ret->state = JOB_RUNNING;
        ret->rev++; // the claim, which the row counts when it ends
        ret->cancelling = life.cancel_ms != 0;
        if (life.host_nonce == 0) {
            ret->started_ms = claim == NULL ? 0 : claim->started_ms;
        }
    }
    return 0;
}

// True: the writer has it now, and answers.
static bool hand_on(struct reader *r, struct store_op *op) {
    if (op->status < 0 || !ops_mends(op) ||
        CONTAINER_OF(op, struct store_fsck, op)->total_findings == 0) {
        return false;
    }
    if (!inlet_post(&r->writer->in, op)) {
        op->status = err_set(&op->err, -ESHUTDOWN, "the store is being closed");
        return false;
    }
    return true;
}

/* Before its snapshot begins. */
static void make_way(struct reader *r, const struct store_op *op) {
    if (op->kind == STORE_LIST) {
        (void)writer_is_crowded(r->writer, CROWDED_WAIT_MS);
    }
}

static void set_bounds(struct reader *r, const struct store_op *op) {
    bool yields = op->kind == STORE_LIST;
    r->yield_mono_ms = yields ? env_mono_ms(r->writer->env) + CROWDED_TURN_MS : INT64_MAX;
    r->checking = op->kind == STORE_FSCK;
    r->deadline_mono_ms = ops_deadline(op);
}

static int begin(struct reader *r) {
    int code = claims_view(&r->writer->claims, &r->view, &r->view_count);
    return code < 0 ? code : conn_run(&r->conn, SQL_BEGIN_READ);
}

static void end(struct reader *r) {
    (void)conn_run(&r->conn, SQL_ROLLBACK);
    free(r->view);
    r->view = NULL;
    r->view_count = 0;
}

/* `begun`: what begin() said. */
static void run(struct reader *r, struct store_op *op, int begun) {
    op->err.code = 0;
    op->status = begun < 0 ? begun : ops_read(r, op);
    store_scope_answer(op);
    if (op->status < 0) {
        (void)reader_fail(r, op, op->status);
    }
    if (op->status == -EBADMSG) {
        outlet_health(r->outlet, op->err.msg);
    }
}

/* A group has one snapshot, and is answered together. */
static void run_group(struct reader *r, struct store_op *head) {
    struct store_op *answered = NULL, **end_of_answered = &answered;
    make_way(r, head);
    set_bounds(r, head);
    int begun = begin(r);
    for (struct store_op *op = head, *next; op != NULL; op = next) {
        next = op->next;
        set_bounds(r, op);
        run(r, op, begun);
        op->next = NULL;
        *end_of_answered = op;
        end_of_answered = &op->next;
    }
    end(r);
    if (!hand_on(r, head)) { // a check is a group of its own
        outlet_ops(r->outlet, answered);
    }
}

/* Reads of one job are quick, and come in flocks; everything else goes alone. */
static size_t weigh(const struct store_op *op) {
    return op->kind == STORE_GET ? 1 : READER_GROUP;
}

static void *reader_main(void *arg) {
    struct reader *r = arg;
    (void)prctl(PR_SET_NAME, r->name);
    struct store_op *op = NULL;
    while ((op = inlet_take(&r->in, weigh, READER_GROUP)) != NULL) {
        run_group(r, op);
    }
    return NULL;
}

int reader_start(struct reader *r, struct err *e) {
    int code = conn_open(&r->conn, r->path, CONN_READER, e);
    code = code < 0 ? code : conn_prepare(&r->conn, e);
    if (code < 0) {
        return code;
    }
    sqlite3_progress_handler(r->conn.db, STEPS_BETWEEN_LOOKS, on_progress, r);
    code = inlet_init(&r->in);
    code = code < 0 ? code : thread_start(&r->thread, NULL, reader_main, r);
    if (code < 0) {
        return err_errno(e, code, "reader thread");
    }
    r->running = true;
    return 0;
}

void reader_stop(struct reader *r) {
    if (r->running) {
        inlet_stop(&r->in);
        (void)pthread_join(r->thread, NULL);
        r->running = false;
    }
}

void reader_finish(struct reader *r) {
    conn_close(&r->conn);
}
