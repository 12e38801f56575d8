/* What a configuration needs to use a plugin. */
#ifndef JOBHOST_CLI_PLUGIN_YAML_H
#define JOBHOST_CLI_PLUGIN_YAML_H

#include "base/buf.h"
#include "supervisor/pool.h"

/* An entry of `plugins:` as YAML, with what is to be filled in: its required options, with what they are as comments.
 * `file` NULL: it is where an entry of that name looks for it. */
void plugin_yaml(const char *name, const char *file, const struct pool_manifest *manifest,
                 struct buf *out);

#endif
