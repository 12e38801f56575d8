/* What an unknown key may have been meant to be. */
#ifndef JOBHOST_CONFIG_CONFIG_SUGGEST_H
#define JOBHOST_CONFIG_CONFIG_SUGGEST_H

#include "base/buf.h"
#include "config/config_tables.h"

/* Appends "; did you mean "retries"?" for a key of `table`, or "; it belongs to plugins.<name>"
 * when another section has exactly this key. Appends nothing when there is nothing good to say. */
void config_suggest_key(const struct config_table *table, const char *key, struct buf *out);

#endif
