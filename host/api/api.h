/* The HTTP API: JSON in and out of what supervisor/jobs.h and the store can do. docs/api.md is its
 * reference.
 *
 *     head ─▶ api_admit: route, guard (who may ask at all)
 *     body ─▶ api_handle: handler ─▶ store or supervisor ─▶ answer
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

/* The server's two callbacks; `arg` is what api_front.open() made. Each request has passed through
 * api_admit() when it comes to api_handle(). */
void api_handle(struct request *req, void *arg);
/* Before a body is read: who asks, for what, and whether it could be kept at all. What is refused
 * is answered here; else: how much of the body this route takes, and where it goes. */
void api_admit(struct request *req, struct request_body *body, void *arg);

#endif
