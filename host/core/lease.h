/* For how long a host may take the jobs that it has in hand for its own, where several hosts share a
 * store. The store ends the lease of a job `lease_ms` after it was claimed or renewed; the host
 * cannot know when that was, but it was not before the claim or the beat was posted: `sure_ms`.
 *
 *     sure ──── held ──── + lease/2 ──── fading ──── + lease ──── lost
 *                               doubted: it has stood still, or its clock has jumped
 *
 * In doubt nothing new is started and no worker is told that all is well. When it fades, what runs
 * is asked to stop; when it is lost, it is stopped. An answered beat ends all three. Pure; times are
 * mono ms where nothing else is said. */
#ifndef JOBHOST_CORE_LEASE_H
#define JOBHOST_CORE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

enum lease_state { LEASE_HELD, LEASE_DOUBTED, LEASE_FADING, LEASE_LOST };
const char *lease_state_name(enum lease_state state); /* "held" */

struct lease {
    int64_t lease_ms; /* of jobs */
    int64_t idle_ms;  /* between beats while nothing is in hand */
    bool busy;        /* jobs are in hand */
    int64_t sure_ms;  /* while busy: no lease of them ends before this and lease_ms */
    int64_t beat_ms;  /* the last answered beat was posted */
    bool beat_busy;   /* it promised the next one within a lease */
    int64_t again_ms; /* after a beat that failed: not before */
    int64_t spare_ms; /* after either: doubted, not fading, until then */
    bool doubted;     /* since the last answered beat */
    int64_t looked_ms;
    int64_t skew_ms; /* wall - mono when it was looked at last */
};

/* A first beat has been answered just now, with nothing in hand. */
void lease_init(struct lease *l, int64_t lease_ms, int64_t idle_ms, int64_t wall_ms, int64_t now);

/* Jobs are about to be claimed, and none was in hand. */
void lease_take(struct lease *l, int64_t now);
/* None is in hand any more. */
void lease_rest(struct lease *l);

/* A beat that was posted at `posted`, busy or not, has been answered at `now`. */
void lease_beaten(struct lease *l, bool ok, bool busy, int64_t posted, int64_t now);

/* What made a beat fail is over: the next need not wait. */
void lease_hurry(struct lease *l, int64_t now);

/* Looks whether the wall clock has gone ahead of the other one by more than a quarter of a lease (the
 * machine slept, or its clock was set), or whether a busy host has not come to look for long (it was
 * stopped). Then a beat is due at once, and has a little time before what runs is asked to stop. True:
 * it has, just now. While busy to be called three times in a lease at least. */
bool lease_look(struct lease *l, int64_t wall_ms, int64_t now);

enum lease_state lease_state(const struct lease *l, int64_t now);

/* When it next becomes worse unless a beat is answered; INT64_MAX: never. */
int64_t lease_next_change(const struct lease *l, int64_t now);
/* When the next beat has to be posted. */
int64_t lease_next_beat(const struct lease *l);
/* Until when others shall take this host for alive, as a span from that beat. */
int64_t lease_span(const struct lease *l);

/* When to look for jobs of dead hosts, all in wall ms: a lease may end at `end_ms`; the last look that
 * found nothing was at `looked_ms` (0 = none). `random` spreads the hosts. */
int64_t lease_takeover_at(int64_t lease_ms, int64_t end_ms, int64_t looked_ms, uint32_t random);

#endif
