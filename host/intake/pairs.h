/* Headers that are a list of k=v, joined by commas without blanks: of Stripe, and of whoever does as
 * Stripe does. */
#ifndef JOBHOST_INTAKE_PAIRS_H
#define JOBHOST_INTAKE_PAIRS_H

#include <stdbool.h>

#include "base/bytes.h"

/* The next element; `rest` begins as the whole value and is stepped on. False: it is not k=v. */
bool pairs_next(struct bytes *rest, bool *ret_more, struct bytes *ret_name,
                struct bytes *ret_value);
/* How many elements have this name. */
size_t pairs_count(struct bytes value, const char *name);

#endif
