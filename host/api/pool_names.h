/* The states of plugins and workers as the API spells them. */
#ifndef JOBHOST_API_POOL_NAMES_H
#define JOBHOST_API_POOL_NAMES_H

#include "supervisor/pool.h"

const char *pool_state_name(enum pool_state state);     /* "ready"  */
const char *worker_state_name(enum worker_state state); /* "loaded" */

#endif
