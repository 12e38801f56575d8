/* The folders of a host. */
#ifndef JOBHOST_SUPERVISOR_DIRS_H
#define JOBHOST_SUPERVISOR_DIRS_H

#include <limits.h>

#include "base/err.h"

/* mkdir -p; what it makes is 0700. */
int dirs_make(const char *path, struct err *e);

/* state_dir/data/<plugin>: where a plugin may keep files. `ret_path` may be NULL. */
int dirs_make_data(const char *state_dir, const char *plugin, char ret_path[PATH_MAX],
                   struct err *e);

#endif
