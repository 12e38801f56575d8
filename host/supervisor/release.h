/* Gives jobs that wait for other code another chance once a build has come up: one that crashed too often under the old code
 * is retried, as an operator would do it, and one whose steps nobody resumed is woken if this build does, or if its policy
 * says something else by now.
 *
 *     plugin up ─▶ a patrol through each: quarantined, parked (state_version), parked (pin_unavailable)
 *
 * What is not due stays where it is, so a look that is repeated, here or by another host, changes nothing. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_RELEASE_H
#define JOBHOST_SUPERVISOR_RELEASE_H

struct host;
struct release;

struct release *release_new(struct host *host);
void release_free(struct release **r);

/* A build has become ready, or policies have changed. */
void release_look(struct host *host);

#endif
