/* Our lease on a store that several hosts share (core/lease.h decides): the beat that renews it, and
 * what becomes of the jobs in hand when it cannot be renewed:
 *
 *     doubted or worse   nothing is claimed or placed; workers with jobs get no PONG
 *     fading             what runs is asked to stop, as by a drain
 *     lost               their workers are killed, what they did since their last commit is dropped
 *
 * Commits wait until the store is there again, also those that give back what was stopped: it takes
 * them for jobs that nobody else has got meanwhile. A store that is not shared has no beat, and is always held. Loop
 * thread only. */
#ifndef JOBHOST_SUPERVISOR_BEAT_H
#define JOBHOST_SUPERVISOR_BEAT_H

#include <stdbool.h>
#include <stdint.h>

struct beat;
struct host;

struct beat *beat_new(struct host *host);
void beat_free(struct beat **beat);

/* A first sign of life has been answered: from now on the host beats. */
void beat_run(struct host *host);
/* The last beat has been posted, or will not be. */
void beat_stop(struct host *host);

/* Until when others shall take us for alive, as a span: for the first sign of life. */
int64_t beat_first_span(const struct host *host);

/* A claim is about to be posted. */
void beat_claims(struct host *host);
/* The store is well again: a beat that failed is due. */
void beat_again(struct host *host);

/* May new effects begin? Looks at the clocks. */
bool beat_is_held(struct host *host);
/* Why nothing is started, for people; NULL: it is. */
const char *beat_fault(const struct host *host);

#endif
