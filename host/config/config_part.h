/* Any other file with tables of its own, such as a scenario of `jobhost sim`: read, judged and reported as the
 * configuration is, with the same words, forms and places. */
#ifndef JOBHOST_CONFIG_CONFIG_PART_H
#define JOBHOST_CONFIG_CONFIG_PART_H

#include "config/config_bind.h"

/* Owns the texts that the bound struct points to. */
struct config_part {
    struct config_private *priv; /* private */
};

/* What the tables cannot say: called when all is bound and nothing was wrong. `arg` is the caller's, `base` the struct.
 * May be NULL. */
typedef void config_part_check(struct config_binding *b, void *base);

/* Fills `base` (zeroed) by `table`. 0, or -EINVAL: report->errors says why. The report is always filled and finished
 * with config_report_finish(), the part with config_part_finish(). Performs file I/O. */
int config_part_load(const char *path, const struct config_env *env,
                     const struct config_table *table, config_part_check *check, void *base,
                     struct config_part *ret, struct config_report *report);
/* Same for text in memory, which names no file that is opened. */
int config_part_load_text(const char *name, struct bytes text, const struct config_env *env,
                          const struct config_table *table, config_part_check *check, void *base,
                          struct config_part *ret, struct config_report *report);
void config_part_finish(struct config_part *part);

#endif
