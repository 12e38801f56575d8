/* "Did you mean ...?": the candidate that is fewest edits away from what somebody typed, if that is near enough to be a slip. Pure.
 *
 *     struct nearest n = {.word = "rpiority"};
 *     for each known name: nearest_offer(&n, name);
 *     const char *meant = nearest_best(&n); // "priority", or NULL */
#ifndef JOBHOST_BASE_NEAREST_H
#define JOBHOST_BASE_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *word;
    const char *best; /* borrowed from the offers */
    size_t distance;
};

void nearest_offer(struct nearest *n, const char *candidate);
/* At most one edit for up to four letters, else one in three letters; NULL = nothing is near. */
const char *nearest_best(const struct nearest *n);

#endif
