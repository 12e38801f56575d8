/* "did you mean": the nearest of some words. No suggestion is better than a silly one. */
#ifndef JOBHOST_CONFIG_CONFIG_SUGGEST_H
#define JOBHOST_CONFIG_CONFIG_SUGGEST_H

#include <stdbool.h>

#include "base/buf.h"
#include "config/config_tables.h"

/* Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; `limit` +
 * 1 when there are more. */
unsigned config_distance(const char *a, const char *b, unsigned limit);

/* Feed the candidates, then ask for the answer: the one candidate that is clearly nearest, or
 * NULL. A zeroed struct is ready. */
struct config_nearest {
    const char *best;
    unsigned distance;
    bool tie;
};
void config_nearest_try(struct config_nearest *n, const char *word, const char *candidate);
const char *config_nearest_word(const struct config_nearest *n);

/* Appends "; did you mean "retries"?" for a key of `table`, or "; it belongs to plugins.<name>"
 * when another section has exactly this key. Appends nothing when there is nothing good to say. */
void config_suggest_key(const struct config_table *table, const char *key, struct buf *out);

#endif
