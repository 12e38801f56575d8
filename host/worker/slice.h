/* How long this thread may keep a processor that others want, too.
 *
 * Loading a plugin takes a processor for some milliseconds, while jobs of other processes begin and end. Linux 6.12 and
 * later let a task that wakes up go before one with a longer slice; so the thread that loads asks for a long one, and for
 * the usual one before there are jobs. Others ignore it. Source: sched_setattr(2), Documentation/scheduler/sched-eevdf.rst. */
#ifndef JOBHOST_WORKER_SLICE_H
#define JOBHOST_WORKER_SLICE_H

/* This thread, and those that it starts from now on. Nothing is wrong when the system does not know it. */
void slice_long(void);
void slice_usual(void);

#endif
