/* The drain: SIGTERM until exit, within host.shutdown_grace.
 *
 *     stop claiming, give back what is held ─▶ DRAIN to workers
 *     ─▶ (soft) cancel(DRAIN) to what still runs ─▶ (hard) kill
 *     ─▶ all workers gone, all commits answered ─▶ answers under way have left ─▶ leave the store
 *     ─▶ end of the loop
 *
 * The public doors close at once, the admin's with the last job. No attempt is used
 * up by it. A second signal goes straight to the kill. */
#ifndef JOBHOST_SUPERVISOR_SHUTDOWN_H
#define JOBHOST_SUPERVISOR_SHUTDOWN_H

struct host;
struct shutdown;

struct shutdown *shutdown_new(struct host *host);
void shutdown_free(struct shutdown **s);

void shutdown_begin(struct host *host, const char *why);
/* Something ended: is that all? */
void shutdown_progress(struct host *host);

#endif
