/* How many cells of a terminal a text takes: East Asian wide characters and emoji take two,
 * combining marks none. Pure, and the same in every locale. */
#ifndef JOBHOST_CLI_WIDTH_H
#define JOBHOST_CLI_WIDTH_H

#include <stddef.h>

size_t width_of(const char *text);

/* How many bytes of `text` fit into `cells`, whole characters with their marks only; *ret_cells
 * (may be NULL) is what these take. */
size_t width_fit(const char *text, size_t cells, size_t *ret_cells);

#endif
