/* How much a folder holds, looked at in steps, so that nobody waits behind a large one. What stands in
 * it is somebody else's: links are not followed, nor other file systems, and depth and number of
 * entries are bounded. */
#ifndef JOBHOST_SUPERVISOR_DISK_WALK_H
#define JOBHOST_SUPERVISOR_DISK_WALK_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    DISK_WALK_DEPTH = 32,
    DISK_WALK_ENTRIES = 1000000, /* looked at in one walk */
};

struct disk_walk {
    DIR *open[DISK_WALK_DEPTH]; /* from the folder down to where it is */
    unsigned depth;
    dev_t device;
    uint64_t bytes;   /* of disk space, of what has been looked at */
    uint64_t entries; /* so many                                   */
    bool partial;     /* there is more than that: a bound was met, or something could not be read */
};

/* 0 or a negative errno. Either way disk_walk_end() may follow. */
int disk_walk_begin(struct disk_walk *w, const char *path);
/* At most so many entries more. True: there are no others. */
bool disk_walk_step(struct disk_walk *w, unsigned entries);
/* Before its end, too. */
void disk_walk_end(struct disk_walk *w);

#endif
