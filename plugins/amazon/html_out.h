/* Writing HTML: text escaped, tables, attributes. */
#ifndef AMAZON_HTML_OUT_H
#define AMAZON_HTML_OUT_H

#include <stdio.h>

#include "tables.h"

/* Escaped for text and for attributes in quotes; bytes that are not UTF-8 and what
 * encoding_is_hidden() become U+FFFD. */
void html_text(FILE *out, const char *text);
/* At most `max` characters, then an ellipsis. */
void html_cut(FILE *out, const char *text, size_t max);
void html_table(FILE *out, const struct table *t);

#endif
