/* Events that are kept, and the jobs that wait for them: the tables `event_names`, `events` and `event_waits`.
 *
 *     event_names   id, name, how many events and bytes; `pending`: there may be something to bring together, and the
 *                   jobs up to this number have been looked at since (NULL: there is nothing). Row 0 sums all up
 *     event_waits   a job with HAS_EVENT, from when it parks until it does so no more
 *
 * Jobs without HAS_EVENT cost nothing here. */
#ifndef JOBHOST_STORE_SQLITE_EVENT_LOG_H
#define JOBHOST_STORE_SQLITE_EVENT_LOG_H

#include "store/events.h"
#include "store/sqlite/jobrow.h"
#include "store/sqlite/writer.h"

/* Keeps an event; of one that cannot be, *ret_status says why (store_event_item). `bounded`: it may be refused because
 * of those of its name. */
int event_log_put(struct writer *w, const struct store_event *event, bool bounded, int64_t now_ms,
                  int *ret_status);
/* Is there room for them among those of all names? 1 = yes. */
int event_log_fits(struct writer *w, const struct store_event *events, size_t count);

/* What an event counts for (store_event_bytes()). */
#define EVENT_LOG_BYTES                                                                            \
    "(ifnull(length(data), 0) + ifnull(length(CAST(key AS BLOB)), 0) +"                            \
    " ifnull(length(CAST(tenant AS BLOB)), 0) + ifnull(length(CAST(type AS BLOB)), 0) + 128)"
_Static_assert(STORE_EVENT_OVERHEAD == 128, "EVENT_LOG_BYTES says so");
/* What there is of the events of a row of event_names, which is one of a name, or the one of all. */
#define EVENT_LOG_OF_NAME(what)                                                                    \
    "CASE id WHEN 0 THEN (SELECT " what " FROM events)"                                            \
    " ELSE (SELECT " what " FROM events e WHERE e.name = event_names.id) END"

/* The job is about to be parked for the event life->wait_key. If there is none for it now, life->wait_for becomes `text`: the
 * next one will be, whatever its time. */
int event_log_aim(struct writer *w, const struct job_row *row, struct job_life *life,
                  char text[WAITS_EVENT_TEXT_MAX]);
/* It was. */
int event_log_wait(struct writer *w, const struct job_row *row, const struct job_life *life);
/* For place_move(): it waits no more. */
int event_log_unwait(struct writer *w, int64_t rid);

/* Looks at up to `limit` jobs that wait, and queues those that find something. */
struct event_log_delivered {
    size_t looked, woken;
    size_t bytes; /* that those got: after some MiB the rest is left for the next call */
    bool full;    /* the budget has no room for the next one, who waits on */
};
int event_log_deliver(struct writer *w, size_t limit, int64_t now_ms,
                      struct event_log_delivered *ret);
/* Is there something to bring together? */
int event_log_pending(struct writer *w, bool *ret);

#endif
