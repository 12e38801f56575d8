/* The id of an event in a job's stream, which a client sends back as Last-Event-ID.
 *
 *     9f3a51c07be24d18-1042         boot of the host, number of the event
 *     9f3a51c07be24d18-1042-7       the same, and the whole job at revision 7, in a final state:
 *                                   who sends this has seen the end
 *
 * Pure. */
#ifndef JOBHOST_CORE_EVENT_ID_H
#define JOBHOST_CORE_EVENT_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum { EVENT_ID_TEXT = 16 + 1 + 20 + 1 + 10 }; /* bytes at most, without a NUL */

struct event_id {
    uint64_t boot, seq;
    bool final;
    uint32_t rev; /* final only */
};

void event_id_format(const struct event_id *id, char out[EVENT_ID_TEXT + 1]);
/* 0, or -EINVAL for anything that event_id_format() would not have written. */
int event_id_parse(struct bytes text, struct event_id *ret);

#endif
