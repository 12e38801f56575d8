/* The report as files. Each writes to `out` and looks at nothing but the report; errors of the
 * stream are the caller's to ask for (ferror). */
#ifndef AMAZON_RENDER_H
#define AMAZON_RENDER_H

#include <stdio.h>

#include "facts.h"
#include "report.h"

/* False: out of memory, and the file is not whole. */
bool render_json(const struct report *r, FILE *out);
bool render_md(const struct report *r, FILE *out);
bool render_html(const struct report *r, FILE *out);

/* Whole rankings, row by row from the facts: "asins", "skus", "parents", "sold_asins", "sold_skus".
 * Cells that a spreadsheet would take for a formula get an apostrophe. 0, or -1 with the trouble. */
int render_csv(struct facts *f, const struct report *r, const char *table, FILE *out,
               struct trouble *t);

#endif
