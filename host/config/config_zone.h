/* Is there such a time zone? Asks the system's database of them. */
#ifndef JOBHOST_CONFIG_CONFIG_ZONE_H
#define JOBHOST_CONFIG_CONFIG_ZONE_H

#include <stdbool.h>

#include "base/err.h"

enum { CONFIG_ZONE_MAX = 64 };

/* 0; or negative with words, which name the nearest zone if `suggest` (that reads the database's
 * folders). `zone` has form_zone. Performs file I/O. */
int config_zone_check(const char *zone, bool suggest, struct err *e);

#endif
