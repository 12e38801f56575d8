/* Flows (store/flows.h): the tables `flows`, a row an opener, and `flow_ended`. Jobs without HAS_FLOW and
 * HAS_OPENED cost nothing here.
 *
 * All of it is in one database, so what happens to a member counts in the transaction in which it happens. */
#ifndef JOBHOST_STORE_SQLITE_FLOWS_H
#define JOBHOST_STORE_SQLITE_FLOWS_H

#include "store/flows.h"
#include "store/sqlite/jobrow.h"
#include "store/sqlite/writer.h"

/* flow_row.walked: FLOW_CANCEL has not to begin, or is through with all. */
enum { FLOW_NO_WALK = -1, FLOW_WALK_OVER = -2 };

struct flow_row {
    int64_t rid;
    struct job_id id; /* of the opener */
    struct store_flow is;
    int64_t listed;   /* number of the last row in flow_ended */
    int64_t walked;   /* FLOW_CANCEL has been through to here */
    int64_t asked_ms; /* when `then` was asked for            */
};

/* 1 = there is a flow of that opener. */
int flows_find(struct conn *c, int64_t rid, struct flow_row *ret);

/* The job of `opener` made so many members, and asked for `then` perhaps. */
int flows_made(struct writer *w, struct job_row *opener, const struct store_commit_item *item,
               int64_t made, int64_t now_ms);

/* May members be added? 1 = yes; a job that has opened no flow yet may open one. */
int flows_grows(struct writer *w, int64_t rid);

/* So many more in a flow that grows. */
int flows_add(struct writer *w, int64_t rid, int64_t made);

/* The opener is to wait for its children: 1 = some of them are open. */
int flows_waits(struct writer *w, int64_t rid);

/* What a death means has changed: is there something to follow from it? */
int flows_look(struct writer *w, int64_t rid, int64_t now_ms);

/* A member that was on its way, or that a commit brought, turned out to be the duplicate of another job. */
int flows_duplicate(struct writer *w, const struct job_spec *spec, int64_t now_ms);

/* Does the flow of a member that has just arrived cancel those that have not begun? */
int flows_cancels(struct writer *w, const struct job_spec *spec);

/* For place_move(), when the row has been written: a job with HAS_FLOW or HAS_OPENED went from `row->state` to
 * `to`. `asked`: it had been asked to end, so its flow is cancelled whatever it ended as. */
int flows_moved(struct writer *w, const struct job_row *row, enum job_state to, bool asked,
                int64_t now_ms);

/* The job has ended, and the flow above it cancels: what it has made is cancelled too. */
int flows_cancel(struct writer *w, const struct job_row *row, int64_t now_ms);

/* FLOW_CANCEL has been through the members up to there; 0 = through all. */
int flows_walked(struct writer *w, int64_t rid, uint64_t cursor, int64_t now_ms);

/* For FSCK: what should have followed from how it stands follows now. */
int flows_mend(struct writer *w, int64_t rid, int64_t now_ms);

/* Is the flow of an opener open, which must not go then? */
int flows_is_open(struct writer *w, int64_t rid);

/* For place_remove(): a job that has opened one. */
int flows_remove(struct writer *w, int64_t rid);

#endif
