/* A process beside the worker that outlives it by a moment, and ends what the worker's plugin has
 * started and left behind: programs, forked children, daemons. The supervisor ends the worker's
 * process group when it sees the worker die; the warden does so too when there is no supervisor any
 * more, and finds besides who has left the group. Only where a plugin may have processes at all
 * (sandbox_may_fork). */
#ifndef JOBHOST_WORKER_WARDEN_H
#define JOBHOST_WORKER_WARDEN_H

/* Before there are threads, and before the process is confined. `title` is the word of the command
 * line by which people tell it from the worker: "--worker", which becomes "--warden". It is no
 * child that wait() would find. 0, or negative errno. */
int warden_start(char *title);

#endif
