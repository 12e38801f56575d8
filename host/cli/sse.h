/* Server-sent events, line by line. Pure: bytes in, whole events out. */
#ifndef JOBHOST_CLI_SSE_H
#define JOBHOST_CLI_SSE_H

#include "base/buf.h"

struct sse {
    struct buf line;
    struct buf data;
    char event[32]; /* "" = message */
    char id[64];    /* of the last event that had one */
    void (*on_event)(void *arg, const char *event, const char *data);
    void *arg;
};

/* Feeds bytes; on_event is called for every event that is complete. 0, or -ENOMEM. */
int sse_feed(struct sse *s, const char *bytes, size_t len);
/* For another connection: forgets what is incomplete, and keeps the last event's id. */
void sse_reset(struct sse *s);
void sse_finish(struct sse *s);

#endif
