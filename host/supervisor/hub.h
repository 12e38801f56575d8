/* Live events: who watches which job hears of its changes of state, progress, log lines and
 * commits. Lossy by design: nothing is stored here, a watcher that joins late reads the job first.
 * Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_HUB_H
#define JOBHOST_SUPERVISOR_HUB_H

#include <stdint.h>

#include "core/job.h"

struct hub;

enum hub_event_kind { HUB_STATE, HUB_PROGRESS, HUB_LOG };
struct hub_event {
    enum hub_event_kind kind;
    struct job_id id;
    int64_t at_ms;
    enum job_state state; /* HUB_STATE                                   */
    int32_t attempt;
    struct job_progress progress; /* HUB_PROGRESS; also filled for HUB_STATE when known */
    int level;                    /* HUB_LOG: JH_LOG_*                           */
    const char *text;             /* HUB_LOG line; HUB_STATE: error message or NULL */
};

struct hub_watch {
    struct job_id id; /* zero = every job                            */
    void (*event)(struct hub_watch *watch, const struct hub_event *event); /* may remove itself */
    void *arg;
    struct hub_watch *next, **prev; /* private                                    */
};

struct hub *hub_new(void);
void hub_free(struct hub **hub);
int hub_add(struct hub *hub, struct hub_watch *watch);
void hub_remove(struct hub *hub, struct hub_watch *watch);
void hub_publish(struct hub *hub, const struct hub_event *event);
/* How many watch. */
unsigned hub_watchers(const struct hub *hub);
/* Anybody there? Lets hot paths skip building events. */
int hub_watching(const struct hub *hub, const struct job_id *id);

#endif
