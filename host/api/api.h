/* The HTTP API: JSON in and out of what supervisor/jobs.h and the store can do. docs/api.md is its
 * reference.
 *
 *     request ─▶ guard (who may ask at all) ─▶ routes ─▶ handler ─▶ store or supervisor ─▶ answer
 *
 * A handler never blocks: what it needs is allocated in the request's arena, and it answers from
 * the callback of the last operation. Loop thread only. */
#ifndef JOBHOST_API_API_H
#define JOBHOST_API_API_H

struct request;
struct request_body;
struct host_front;

/* What the supervisor serves HTTP with (supervisor/host.h). */
extern const struct host_front api_front;

/* The server's two callbacks; `arg` is what api_front.open() made. */
void api_handle(struct request *req, void *arg);
/* Before a body is read: how much of it this route takes, and whether the store could keep it at
 * all. */
void api_admit(struct request *req, struct request_body *body, void *arg);

#endif
