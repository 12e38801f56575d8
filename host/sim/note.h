/* What happened, as a simulation tells it: one note for each thing, in the order of virtual time. The trace is these, a
 * line of JSON each, and nothing else: it says nothing of real time, processes or folders, so the same scenario and seed
 * write the same bytes. */
#ifndef JOBHOST_SIM_NOTE_H
#define JOBHOST_SIM_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/id.h"

/* In the order of note_kinds. */
enum note_kind {
    NOTE_ARRIVE,    /* a job came from outside, or of another            */
    NOTE_DUPLICATE, /* it did not: its key is held                       */
    NOTE_REFUSE,    /* nobody took it                                    */
    NOTE_FIRE,      /* a time of a schedule, and its job                 */
    NOTE_SKIP,      /* times of a schedule without one                   */
    NOTE_START,     /* an attempt                                        */
    NOTE_SUCCEED,
    NOTE_RETRY,
    NOTE_PARK,
    NOTE_DEAD,
    NOTE_CRASH,
    NOTE_CANCEL,
    NOTE_EVENT,  /* published                                         */
    NOTE_FLOW,   /* closed                                            */
    NOTE_ACT,    /* of people                                         */
    NOTE_LOST,   /* its host died                                     */
    NOTE_RETURN, /* it is back in its queue                           */
    NOTE_REFUSED_CALL,
    NOTE_BREAKER, /* opened, closed                                    */
    NOTE_PLUGIN,  /* left alone for its crashes, or not any more       */
    NOTE_FAULT,
    NOTE_OVER,
    NOTE_KINDS
};

struct note_info {
    const char *name;  /* "fire"                                                        */
    const char *style; /* as a terminal wants it, or NULL                               */
    bool routine;      /* people need not read each of them                             */
};
extern const struct note_info note_kinds[NOTE_KINDS];

enum { NOTE_TEXT_MAX = 256 };
struct note {
    enum note_kind kind;
    int64_t wall_ms;          /* as the hosts' clocks show it                                   */
    int64_t passed_ms;        /* since the beginning                                            */
    const char *what;         /* a job type, schedule, breaker, plugin, remote; NULL = none     */
    struct job_id job;        /* zero = none                                                    */
    const char *tenant;       /* NULL = none                                                    */
    char text[NOTE_TEXT_MAX]; /* why, in words; "" = there is nothing to say              */
};

/* One object, without an end of line. */
void note_json(const struct note *n, struct buf *out);

#endif
