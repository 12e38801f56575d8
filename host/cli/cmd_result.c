#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/download.h"
#include "cli/job_outputs.h"
#include "cli/result.h"

/* An output to a file, which is not touched unless there is one; `file` NULL: to standard output. */
static int copy_output(const struct cli *cli, const char *id, const char *name, const char *file) {
    struct buf path = {0};
    job_outputs_path(&path, id, name);
    int r = path.failed ? cli_fail(cli, CLI_FAILED, "out of memory")
                        : download(cli, &(struct download){.path = path.data, .file = file});
    buf_free(&path);
    return r;
}

/* The bytes; on a terminal, of a job that succeeded with output files, the summary. */
static int show_result(const struct cli *cli, const char *id, const char *file) {
    cJSON *job = NULL;
    bool people = file == NULL && cli->out_tty && !cli->json;
    int r = people ? job_outputs_ask(cli, id, &job) : CLI_OK;
    if (r == CLI_OK) {
        bool summary =
            result_is_success(job) && cJSON_GetObjectItemCaseSensitive(job, "outputs") != NULL;
        r = summary ? result_summary(cli, id, job) : result_copy(cli, id, file);
    }
    cJSON_Delete(job);
    return r;
}

static bool is_folder(const char *path) {
    struct stat st;
    size_t len = path == NULL ? 0 : strlen(path);
    return len > 0 && (path[len - 1] == '/' || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)));
}

int cmd_result(struct cli *cli) {
    const char *id = cli->args[0], *name = cli->arg_count > 1 ? cli->args[1] : NULL;
    const char *to = cli_value(cli, "output");
    bool list = cli_flag(cli, "list"), force = cli_flag(cli, "force"), folder = is_folder(to);
    bool all = cli_flag(cli, "all");
    if ((list && all) || (name != NULL && (list || all))) {
        return cli_usage(cli, "give one of NAME, --list and --all");
    }
    if (list && to != NULL) {
        return cli_usage(cli, "--list writes no file");
    }
    if (name != NULL && folder) {
        return cli_usage(cli, "%s is a folder: name the file that \"%s\" is to be", to, name);
    }
    if (force && !all && !folder) {
        return cli_usage(cli, "--force goes with --all and folders: -o FILE replaces its file in "
                              "any case");
    }
    if (all || folder) {
        return job_outputs_fetch(
            cli, id, &(struct job_outputs_to){.dir = to == NULL ? "." : to, .force = force});
    }
    return list           ? job_outputs_list(cli, id)
           : name != NULL ? copy_output(cli, id, name, to)
                          : show_result(cli, id, to);
}
