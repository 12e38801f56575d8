/* The environment as it was at start. Values live in a vault, for any of them may be a secret. */
#ifndef JOBHOST_CONFIG_CONFIG_ENV_H
#define JOBHOST_CONFIG_CONFIG_ENV_H

#include <stddef.h>

#include "config/config.h"

/* The value, or NULL when it is not set. `env` may be NULL (nothing is set). Borrowed until the
 * copy is freed. */
const char *config_env_get(const struct config_env *env, const char *name, size_t name_len);

#endif
