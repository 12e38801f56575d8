/* How much memory workers take: the guard that works everywhere, for plugins with max_rss.
 *
 *     up to max_rss .......... nothing
 *     above .................. takes no more jobs, finishes what it runs; another takes its place
 *     above 1.5 x max_rss .... killed; what it had begun ends with class RESOURCE
 *
 * Looked at once a second while a worker has jobs, and once after them. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_MEMORY_H
#define JOBHOST_SUPERVISOR_MEMORY_H

struct timer;
struct worker;

/* It was given a job. */
void memory_watch(struct worker *w);
/* Its memory_timer. */
void memory_check(struct timer *t, void *arg);

#endif
