/* The configuration file as a command finds it: -c FILE, JOBHOST_CONFIG, config.yaml in the current
 * folder. */
#ifndef JOBHOST_CLI_LOCAL_CONFIG_H
#define JOBHOST_CLI_LOCAL_CONFIG_H

#include "cli/cli.h"
#include "config/config.h"

struct local_config {
    const char *file;
    struct config *config; /* NULL: it has errors, see report */
    struct config_report report;
    struct config_env *env;
};

/* Reads it, whatever it holds. CLI_OK (config may be NULL), or CLI_USAGE when no file can be found
 * (said). */
int local_config_read(const struct cli *cli, bool strict, struct local_config *ret);
/* Reads it and insists: CLI_OK, or CLI_USAGE with every error said. */
int local_config_load(const struct cli *cli, struct local_config *ret);
/* The same for where the host is, and nothing else (place_only of config.h). */
int local_config_load_place(const struct cli *cli, struct local_config *ret);
void local_config_finish(struct local_config *s);

/* Where the file is, or NULL (said). */
const char *local_config_file(const struct cli *cli);

#endif
