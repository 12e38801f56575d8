/* The options that choose jobs (--queue, --type, ...), as query parameters or as a JSON filter. */
#ifndef JOBHOST_CLI_FILTERS_H
#define JOBHOST_CLI_FILTERS_H

#include "base/buf.h"
#include "cli/cli.h"

/* Returns how many there were, paging not counted. */
size_t filters_query(const struct cli *cli, struct buf *path);
/* "queue":"x",... for the members of an object. Returns how many there were. */
size_t filters_json(const struct cli *cli, struct buf *out);
/* The option that gives this parameter of the API: "search" for "q"; most have the same name. */
const char *filters_option(const char *parameter);

/* Prints the jobs of {items, next_cursor}. */
struct cJSON;
void filters_print_jobs(const struct cli *cli, const struct cJSON *answer, bool dead);
/* Says how to go on, if there is more. */
void filters_print_more(const struct cJSON *answer);

#endif
