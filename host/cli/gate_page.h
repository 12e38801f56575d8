/* Pauses and releases, and the queues that have them, as people see them. */
#ifndef JOBHOST_CLI_GATE_PAGE_H
#define JOBHOST_CLI_GATE_PAGE_H

#include <cjson/cJSON.h>

#include "cli/cli.h"
#include "cli/table.h"

/* A cell of its row: who paused it, how fast it is released, or empty. */
void gate_page_cell(struct table *t, const cJSON *of);
/* "by ann, 5m ago: why", "50/s, 812 left"; "" = neither. */
void gate_page_text(const cJSON *of, struct buf *out);
/* The lines of its page. */
void gate_page_print(const struct cli *cli, const cJSON *of);

/* The queue of this name in the answer of /v1/queues, or NULL. */
const cJSON *queues_find(const cJSON *answer, const char *name);
extern const char queues_unknown[]; /* what is said of one that is not there */

#endif
