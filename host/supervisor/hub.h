/* Live events of jobs that somebody watches: changes of state, progress, log lines.
 *
 *     publish ─▶ ring of recent events, numbered ──news──▶ watchers of that job
 *                   │  12 13 14 15 16 17                    │
 *                   └───────── hub_after(job, 14) ◀─────────┘ each at its own place
 *
 * A job is followed from its first watcher on, and goes on being followed when that has left, so
 * that one who comes back with the number of the last event it has seen gets exactly what it
 * missed. Everything is bounded: the oldest events go first, then the jobs that have been without a
 * watcher for longest; who asks for what is gone is told so. Jobs that nobody has asked for cost a
 * look into a table. Numbers hold for one boot of the host. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_HUB_H
#define JOBHOST_SUPERVISOR_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "core/job.h"

struct hub;

enum {
    HUB_JOBS_MAX = 4096,     /* followed at once, and so watched at once */
    HUB_EVENTS_MAX = 16384,  /* kept, of all jobs together               */
    HUB_BYTES_MAX = 4 << 20, /* of memory that they take                 */
};

enum hub_event_kind { HUB_STATE, HUB_PROGRESS, HUB_LOG };
struct hub_event {
    uint64_t seq; /* given by hub_publish(); grows                  */
    enum hub_event_kind kind;
    struct job_id id;
    int64_t at_ms;
    enum job_state state;         /* HUB_STATE                                  */
    int32_t attempt;              /* 0 = not known                              */
    struct job_progress progress; /* HUB_PROGRESS; also filled for HUB_STATE when known */
    int level;                    /* HUB_LOG: JH_LOG_*                          */
    const char *text;             /* HUB_LOG line; HUB_STATE: error message or NULL */
    const struct job_spec *spec;  /* the job's, where it is at hand; borrowed, and not kept */
};

struct hub_track;
struct hub_watch {
    struct job_id id;
    void (*news)(struct hub_watch *watch); /* there is an event; may remove itself */
    void *arg;
    struct hub_track *track;        /* private */
    struct hub_watch *next, **prev; /* private */
};

/* Hears of every job, followed or not, in the order of publishing. Not to be removed while it hears. */
struct hub_ear {
    void (*heard)(struct hub_ear *ear, const struct hub_event *event);
    struct hub_ear *next; /* private */
};

struct hub *hub_new(void);
void hub_free(struct hub **hub);

/* -ENOSPC: HUB_JOBS_MAX jobs are being watched; -ENOMEM. */
int hub_add(struct hub *hub, struct hub_watch *watch);
void hub_remove(struct hub *hub, struct hub_watch *watch);
/* The same, and there is no such job: it is no longer followed, unless somebody else watches it or has
 * something to come back for. */
void hub_forget(struct hub *hub, struct hub_watch *watch);
/* How many watch. */
unsigned hub_watchers(const struct hub *hub);

/* Numbers, keeps and tells it if its job is followed; else nothing. A change to the state that was
 * published last is no news. Texts are copied. */
void hub_publish(struct hub *hub, const struct hub_event *event);
/* Is the job followed, or does somebody hear of all of them? Lets hot paths skip building events. */
bool hub_follows(const struct hub *hub, const struct job_id *id);
void hub_listen(struct hub *hub, struct hub_ear *ear);
void hub_listen_no_more(struct hub *hub, struct hub_ear *ear);
bool hub_is_heard(const struct hub *hub);

/* The newest number given out: what comes later is larger. */
uint64_t hub_seq(const struct hub *hub);
/* The first of the job's events behind `seq` (NULL: there is none yet), borrowed until something is
 * published. -ESTALE: some of them are gone, or the job has not been followed since, or there
 * cannot be such a number. */
int hub_after(const struct hub *hub, const struct job_id *id, uint64_t seq,
              const struct hub_event **ret_first);
/* The next one of the same job, or NULL. */
const struct hub_event *hub_next(const struct hub_event *event);

#endif
