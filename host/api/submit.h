/* A submission under way. Shared by submit.c and submit_files.c. */
#ifndef JOBHOST_API_SUBMIT_H
#define JOBHOST_API_SUBMIT_H

#include "api/call.h"

enum { SUBMIT_ITEMS_MAX = 1000 };

struct submit_slot {
    struct job_spec spec;
    struct job_file *files;        /* spec.files, writable: sizes are filled in     */
    const struct problem *problem; /* this one is refused; the others go on         */
};

struct submit {
    struct store_submit store;
    struct call *call;
    bool is_array;
    struct submit_slot *slots;
    size_t count, room;
    unsigned file_ops; /* files whose content is being looked for */
};

/* Looks for the content of every file. `go_on` is called when all have been found or refused (at
 * once if there are none). */
void submit_files_check(struct submit *s, void (*go_on)(struct submit *s));

/* Refuses one job of the submission; the problem is copied. */
void submit_refuse(struct submit *s, struct submit_slot *slot, const struct problem *problem);

#endif
