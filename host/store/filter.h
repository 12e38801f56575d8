/* Which jobs a list is about: the meaning of struct store_filter, the same for every backend. Pure. */
#ifndef JOBHOST_STORE_FILTER_H
#define JOBHOST_STORE_FILTER_H

#include <stdbool.h>

#include "store/store.h"

bool filter_matches(const struct store_filter *filter, const struct store_job *job);

/* The part of it that an id tells. */
bool filter_matches_id(const struct store_filter *filter, const struct job_id *id);

#endif
