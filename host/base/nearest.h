/* "Did you mean ...?": the candidate that is fewest edits away from what somebody typed, if that is
 * near enough to be a slip and no other is as near: no suggestion is better than a silly one. Pure.
 *
 *     struct nearest n = {.word = "rpiority"};
 *     for each known name: nearest_offer(&n, name);
 *     const char *meant = nearest_best(&n); // "priority", or NULL */
#ifndef JOBHOST_BASE_NEAREST_H
#define JOBHOST_BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

struct nearest {
    const char *word;
    const char *best; /* borrowed from the offers */
    unsigned distance;
    bool tie;
};

/* At most two edits count, one in words of three and four letters, none in shorter ones. */
void nearest_offer(struct nearest *n, const char *candidate);
/* NULL: nothing is near, or two are equally near. */
const char *nearest_best(const struct nearest *n);

/* Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`, whatever the
 * case of letters; `limit` + 1 when there are more, or a word has more than 64 bytes. */
unsigned nearest_distance(const char *a, const char *b, unsigned limit);

#endif
