/* The worker: `jobhost --worker PARENT_PID [label]`, started by the supervisor with the packet
 * socket as fd 3 and the start page as fd 4. It loads one plugin file, never another, and leaves by
 * exiting.
 *
 *     main thread      hand-shake ─▶ keeper: pings, lease, timeouts, late flushes;
 *                      receives when nobody else does
 *     run threads (N)  receive (one at a time) ─▶ queue ─▶ run() ─▶ packet ─▶ send
 *
 * Records are in record/record.h, the story in docs/worker-protocol.md. */
#ifndef JOBHOST_WORKER_WORKER_H
#define JOBHOST_WORKER_WORKER_H

/* The process's exit status, when it is not killed by a signal. */
enum worker_exit {
    WORKER_EXIT_OK = 0,       /* drained; BYE was sent                                       */
    WORKER_EXIT_USAGE = 64,   /* not started by a supervisor                                 */
    WORKER_EXIT_LOAD = 65,    /* FAIL was sent: the plugin cannot be used                    */
    WORKER_EXIT_SETUP = 71,   /* the process could not be made ready; stderr says why        */
    WORKER_EXIT_ORPHAN = 75,  /* the supervisor is gone or silent                            */
    WORKER_EXIT_PROTOCOL = 76 /* the supervisor sent what record.h does not allow            */
};

/* argv[1] is "--worker", argv[2] the supervisor's pid. Returns the exit status; may also end the
 * process itself. */
int worker_main(int argc, char **argv);

#endif
