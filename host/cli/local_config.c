#include "cli/local_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

const char *local_config_file(const struct cli *cli) {
    const char *file = cli_value(cli, "config");
    if (file == NULL) {
        file = getenv("JOBHOST_CONFIG");
    }
    bool fallback = file == NULL || file[0] == '\0';
    if (fallback) {
        file = "config.yaml";
    }
    if (access(file, R_OK) == 0) {
        return file;
    }
    (void)cli_fail(cli, CLI_USAGE, "%s: %s%s", file, strerror(errno),
                   fallback ? " (name the configuration with -c FILE or JOBHOST_CONFIG, or the "
                              "host's socket with --socket PATH)"
                            : "");
    return NULL;
}

static int read_with(const struct cli *cli, struct config_load_options options,
                     struct local_config *ret) {
    char plugin_dir[PATH_MAX];
    *ret = (struct local_config){.file = local_config_file(cli)};
    if (ret->file == NULL) {
        return CLI_USAGE;
    }
    ret->env = config_env_new(environ);
    if (ret->env == NULL) {
        return cli_fail(cli, CLI_FAILED, "out of memory");
    }
    options.default_plugin_dir = config_installed_plugin_dir(cli->self_exe, plugin_dir);
    ret->config = config_load(ret->file, ret->env, &options, &ret->report);
    return CLI_OK;
}

static int insist(const struct cli *cli, int status, const struct local_config *local) {
    struct buf text = {0};
    if (status != CLI_OK || local->config != NULL) {
        return status;
    }
    config_report_print(&local->report, cli->err_tty && cli->colour, &text);
    if (text.len > 0 && !cli->silent) {
        (void)fwrite(text.data, 1, text.len, stderr);
    }
    buf_free(&text);
    return cli_fail(cli, CLI_USAGE,
                    "%s has errors (a host's socket can be named with --socket PATH)", local->file);
}

int local_config_read(const struct cli *cli, bool strict, struct local_config *ret) {
    return read_with(cli, (struct config_load_options){.strict = strict}, ret);
}

int local_config_load(const struct cli *cli, struct local_config *ret) {
    return insist(cli, read_with(cli, (struct config_load_options){0}, ret), ret);
}

int local_config_load_place(const struct cli *cli, struct local_config *ret) {
    return insist(cli, read_with(cli, (struct config_load_options){.place_only = true}, ret), ret);
}

void local_config_finish(struct local_config *s) {
    if (s->env == NULL) {
        return; // nothing was read
    }
    config_free(&s->config);
    config_report_finish(&s->report);
    config_env_free(&s->env);
}
