/* Which jobs a list is about: the meaning of struct store_filter, the same for every backend. Pure. */
#ifndef JOBHOST_STORE_FILTER_H
#define JOBHOST_STORE_FILTER_H

#include <stdbool.h>

#include "store/store.h"

bool filter_matches(const struct store_filter *filter, const struct store_scope *scope,
                    const struct store_job *job);

/* The part of it that an id tells. */
bool filter_matches_id(const struct store_filter *filter, const struct job_id *id);

/* The same of the audit log. */
bool filter_matches_audit(const struct store_audit_list *list, const struct store_audit *entry);

#endif
