/* Which thread runs which operation, and the operations themselves (op_*.c change, read_*.c read).
 */
#ifndef JOBHOST_STORE_SQLITE_OPS_H
#define JOBHOST_STORE_SQLITE_OPS_H

#include <stddef.h>

#include "store/store.h"

struct claim;
struct writer;
struct reader;
struct doomed_blob;

/* The searcher is a reader for what may take long, so that a search does not hold up those who
 * fetch one thing. */
enum ops_thread { OPS_NOBODY, OPS_WRITER, OPS_READER, OPS_SEARCHER, OPS_BLOBS };

enum ops_thread ops_thread(const struct store_op *op);

/* Until when it may wait (mono time): its timeout from when it was posted. */
int64_t ops_deadline(const struct store_op *op);

/* How many items it has: what a group is bounded by. */
size_t ops_weight(const struct store_op *op);

/* A check that is to mend what it finds: it reads first, and goes on to the writer if there is
 * something. */
static inline bool ops_mends(const struct store_op *op) {
    return op->kind == STORE_FSCK && ((const struct store_fsck *)(const void *)op)->repair;
}

int ops_run(struct writer *w, struct store_op *op);
int ops_read(struct reader *r, struct store_op *op);

/* writer */
int op_submit(struct writer *w, struct store_op *op);
int op_claim(struct writer *w, struct store_op *op);
int op_adopt(struct writer *w, struct store_op *op);
int op_start(struct writer *w, struct store_op *op);
int op_commit(struct writer *w, struct store_op *op);

/* Marks the job of a claim as asked to cancel; `by`: the job that replaces it, zero = none. 1, 0 if there is no such
 * job, or negative errno. */
int op_commit_ask(struct writer *w, struct claim *claim, const struct job_id *by, int64_t keep_ms,
                  int64_t now_ms);

/* One item of a MOVE. `by`: the job that takes its key, to which it makes room; or NULL. 0 or negative errno;
 * item->state is where it is then. */
int op_move_item(struct writer *w, struct store_move_item *item, const struct job_id *by,
                 int64_t now_ms);
int op_move(struct writer *w, struct store_op *op);
int op_remove(struct writer *w, struct store_op *op);
int op_due(struct writer *w, struct store_op *op);
int op_forward(struct writer *w, struct store_op *op);
int op_recover(struct writer *w, struct store_op *op);
int op_sweep(struct writer *w, struct store_op *op);
int op_blob_put(struct writer *w, struct store_op *op);
int op_blob_keep(struct writer *w, struct store_op *op);
int op_kv_claim(struct writer *w, struct store_op *op);
int op_queue_set(struct writer *w, struct store_op *op);
int op_host_lease(struct writer *w, struct store_op *op);
int op_audit_add(struct writer *w, struct store_op *op);
int op_dedup_release(struct writer *w, struct store_op *op);
int op_schedule_put(struct writer *w, struct store_op *op);
int op_schedule_set(struct writer *w, struct store_op *op);
int op_fire(struct writer *w, struct store_op *op);
int op_limiter(struct writer *w, struct store_op *op);
int op_breaker(struct writer *w, struct store_op *op);
/* One that may be forgotten: 1 = there was one. */
int op_token_put(struct writer *w, struct store_op *op);
int op_token_set(struct writer *w, struct store_op *op);
int op_breaker_sweep(struct writer *w, int64_t now_ms);
/* Deletes one state that says nothing any more: 1, 0 = there is none, or negative errno. */
int op_limiter_sweep(struct writer *w, int64_t now_ms);
/* Deletes one row of a ledger that is past its time: 1, 0 = there is none, or negative errno. */
int op_schedule_sweep(struct writer *w, const struct store_sweep *sweep);
int op_flow_join(struct writer *w, struct store_op *op);
int op_flow_cancel(struct writer *w, struct store_op *op);
int op_event_put(struct writer *w, struct store_op *op);
/* Deletes one event that is past its time: 1, 0 = there is none, or negative errno. */
int op_event_sweep(struct writer *w, int64_t now_ms);
int op_fsck_repair(struct writer *w, struct store_op *op);

/* reader */
int read_get(struct reader *r, struct store_op *op);
int read_list(struct reader *r, struct store_op *op);
int read_step(struct reader *r, struct store_op *op);
int read_result(struct reader *r, struct store_op *op);
int read_output(struct reader *r, struct store_op *op);
int read_stats(struct reader *r, struct store_op *op);
int read_fsck(struct reader *r, struct store_op *op);
int read_flow(struct reader *r, struct store_op *op);
int read_flow_ended(struct reader *r, struct store_op *op);
int read_flow_members(struct reader *r, struct store_op *op);
int read_kv(struct reader *r, struct store_op *op);
int read_hosts(struct reader *r, struct store_op *op);
int read_audit(struct reader *r, struct store_op *op);
int read_dedup(struct reader *r, struct store_op *op);
int read_schedules(struct reader *r, struct store_op *op);
int read_ledger(struct reader *r, struct store_op *op);
int read_limiters(struct reader *r, struct store_op *op);
int read_breakers(struct reader *r, struct store_op *op);
int read_tokens(struct reader *r, struct store_op *op);

/* Is the job that the operation names in its scope? 0, or -ENOENT with words. */
int read_scope(struct reader *r, struct store_op *op);
/* [writer] 1, or 0: there is no such job, or it is not in it. */
int op_in_scope(struct writer *w, const struct store_scope *scope, const struct job_id *id);

/* Blob files whose row was deleted: op_blob_doom() remembers one until the group is committed, then
 * op_blob_delete() removes them, or op_blob_forget() after a rollback, down to what w->doomed was
 * before (NULL: all). */
int op_blob_doom(struct writer *w, const uint8_t sha256[32]);
void op_blob_delete(struct writer *w);
void op_blob_forget(struct writer *w, const struct doomed_blob *before);

#endif
