/* Gives quarantined jobs another chance once another build of their plugin is up: one that crashed
 * too often under the old code is retried, as an operator would do it, under the new.
 *
 *     plugin up ─▶ page of dead jobs, code "quarantined" ─▶ of another build? ─▶ retried, audited
 *                        ▲                                                          │
 *                        └───────── a second later, until the end of the list ◀─────┘
 *
 * A job under the build that quarantined it stays where it is, so a look that is repeated, here or
 * by another host, changes nothing. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_RELEASE_H
#define JOBHOST_SUPERVISOR_RELEASE_H

struct host;
struct release;

enum { RELEASE_PER_S = 50 /* jobs that are looked at, and so may be retried */ };

struct release *release_new(struct host *host);
void release_free(struct release **r);

/* A build has become ready. */
void release_look(struct host *host);

#endif
