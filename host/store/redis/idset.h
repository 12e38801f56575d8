/* A set of job ids, for a walk through all jobs: 24 to 48 bytes each. */
#ifndef JOBHOST_STORE_REDIS_IDSET_H
#define JOBHOST_STORE_REDIS_IDSET_H

#include <stdbool.h>
#include <stddef.h>

#include "core/id.h"

/* Zeroed: empty. The zero id cannot be in it. */
struct idset {
    struct job_id *slots;
    size_t cap, count;
};

/* 1: it is new; 0: it was there; -ENOMEM. */
int idset_add(struct idset *set, const struct job_id *id);
bool idset_has(const struct idset *set, const struct job_id *id);
void idset_free(struct idset *set);

#endif
