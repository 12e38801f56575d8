/* An answer's body to where the user wants it. */
#ifndef JOBHOST_CLI_DOWNLOAD_H
#define JOBHOST_CLI_DOWNLOAD_H

#include <stdint.h>

#include "cli/cli.h"

struct download {
    const char *path; /* of the request, escaped */
    /* It is replaced when all of it has arrived and left alone otherwise (what is no regular file
     * is written to directly); NULL: standard output. */
    const char *file;
    bool keep; /* a file that is there already is left alone: that fails */
    bool
        replace; /* what stands there is replaced itself: no link is followed, no pipe written to */
    /* While it comes: bytes so far. May be NULL. */
    void (*on_part)(void *arg, uint64_t so_far);
    void *arg;
};

/* GETs it. An enum cli_exit, said. */
int download(const struct cli *cli, const struct download *d);

#endif
