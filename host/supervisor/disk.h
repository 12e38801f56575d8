/* How much disk a plugin takes: the guard for plugins with sandbox.max_disk, whose data folder is
 * looked at every few seconds while they have jobs, and on as long as it holds too much.
 *
 *     up to max_disk ... nothing
 *     above ............ what runs is asked to stop and ends with class RESOURCE; nothing of the
 *                        plugin starts until a look has found less
 *
 * Looked at on the disk's thread, in steps. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_DISK_H
#define JOBHOST_SUPERVISOR_DISK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/side_thread.h"
#include "base/timer.h"
#include "core/evaluate.h"
#include "supervisor/disk_walk.h"

struct attempt;
struct host;
struct plugin;
struct pool;

/* A plugin's. */
struct disk {
    struct host *host;
    struct plugin *plugin;
    struct timer timer;
    struct side_op op;
    bool looking;          /* the rest is the disk thread's until it is done */
    bool begun;            /* of this look */
    int status;            /* of this look */
    struct disk_walk walk; /* of this look */
    char path[PATH_MAX];
    int64_t next_mono_ms; /* no look before that                            */
    bool over;            /* the last look found too much                   */
    int64_t bytes, max;   /* what it found, and was allowed; 0 = no look yet */
    char words[192];      /* of one that is over, for people                 */
};

void disk_init(struct disk *d, struct host *host, struct plugin *plugin);
void disk_finish(struct disk *d);

/* A job was given to one of its workers. */
void disk_watch(struct pool *pool);

void disk_facts(const struct disk *d, struct job_facts *facts);
#endif
