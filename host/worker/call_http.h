/* Extension jobhost.http/1: calls by libcurl, from the thread of the run. */
#ifndef JOBHOST_WORKER_CALL_HTTP_H
#define JOBHOST_WORKER_CALL_HTTP_H

#include "jobhost_http.h"
#include "record/messages.h"

struct call;
struct worker;

/* NULL: this machine has no libcurl. Any thread. */
const struct jh_http *call_http_table(void);

/* What calls of this plugin may reach. 0, or -EBADMSG. */
int call_http_allow(struct worker *w, const struct msg_sandbox *m);

/* A run() is over; the call itself is. */
void call_http_forget(struct call *c);
void call_http_finish(struct call *c);

#endif
