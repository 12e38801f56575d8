/* From an empty process to one that can take jobs: SANDBOX, WELCOME, load, HELLO, CONFIG, create(), READY.
 * On the main thread, before there are others. */
#ifndef JOBHOST_WORKER_HANDSHAKE_H
#define JOBHOST_WORKER_HANDSHAKE_H

struct worker;

/* 0; -ESHUTDOWN: the supervisor told us to go (DRAIN); -ECANCELED: it is gone; -EBADMSG: it broke
 * the protocol; -ENOEXEC: FAIL has been sent; another negative errno: this process cannot go on. */
int handshake_run(struct worker *w);

#endif
