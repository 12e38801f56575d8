/* jobhost_event.h — extension "jobhost.event/1": things that happen, told to jobs that wait for them. Thread
 * words and ownership as in jobhost_plugin.h.
 *
 *     const struct jh_events *events = h->extension(h, JH_EVENT_1);   // NULL: this host has none
 *
 *     const struct jh_event_wait w = {.size = sizeof w, .name = "order-17.paid", .timeout_ms = 86400000};
 *     struct jh_bytes body;
 *     int rc = events->wait(c, &w, &body);
 *     if (rc == 1) { return JH_YIELD; }          // the job is parked: it holds no worker, uses no attempt
 *     if (rc == -ETIMEDOUT) { ... }              // and stays so: in each later run this wait has timed out
 *     if (rc == 0) { ... body ... }
 *
 * Events come by `POST /v1/events/NAME` and by publish(). They are kept for a while, so a job is told of what came
 * before it began to wait: of everything since the job was made, unless it says otherwise. All jobs that wait for a
 * name get an event, and each job gets an event at most once: its second wait for the same name looks behind the
 * event of the first. What it got is a step of the job ("event:NAME#1", "event:NAME#2", ...), written in the
 * transaction that wakes it. So call wait() for a name in the same order in every run. */
#ifndef JOBHOST_EVENT_H
#define JOBHOST_EVENT_H

#include "jobhost_plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

#define JH_EVENT_1        "jobhost.event/1"
#define JH_EVENT_NAME_MAX 200u           /* bytes: letters, digits, '_' '.' ':' '@' '-' */
#define JH_EVENT_MAX      (256u * 1024u) /* bytes of an event                           */
#define JH_EVENT_KEY_MAX  200u           /* bytes of a key, printable ASCII without blanks */

enum { JH_EVENT_FOR_ALL = 1u }; /* also for jobs of other tenants than the publishing job's */

struct jh_event {
    uint32_t size;
    uint32_t flags; /* JH_EVENT_FOR_ALL */
    const char *name;
    struct jh_bytes payload;
    const char *content_type; /* NULL = application/json                                          */
    const char
        *key; /* the same again under this name is no event, as long as the first one is kept;
                               * NULL = every one is */
};

struct jh_event_wait {
    uint32_t size;
    uint32_t reserved;
    const char *name;
    int64_t timeout_ms; /* for how long it is worth waiting; 0 = until the job's deadline */
    int64_t
        since_ms; /* unix time: only what came then or later. 0 = since the job was made, -1 = from now on */
};

struct jh_events {
    uint32_t size;
    uint32_t reserved;

    /* [run] Buffered until the next commit: step_put, yield, JH_OK. Of a job of a tenant it is for that tenant's jobs,
     * unless it is for all. 0, -EINVAL, -EFBIG. */
    JH_MUST_CHECK int (*publish)(struct jh_call *, const struct jh_event *);

    /* [run]
     *  0           it has come; *ret_payload is valid until run() returns
     *  1           not yet: the job parks, as by yield(). Return JH_YIELD at once
     *  -ETIMEDOUT  it did not come in time, and never will for this wait
     *  -EINVAL, -EFBIG  the name, or a time
     *  <0          as of step_put(): return now */
    JH_MUST_CHECK int (*wait)(struct jh_call *, const struct jh_event_wait *,
                              struct jh_bytes *ret_payload);
};

#ifdef __cplusplus
}
#endif
#endif
