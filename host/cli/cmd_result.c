#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/download.h"
#include "cli/job_outputs.h"
#include "cli/remote.h"
#include "cli/result.h"

static void result_path(struct buf *path, const char *id) {
    buf_str(path, "/v1/jobs");
    remote_segment(path, id);
    buf_str(path, "/result");
}

/* The result (`name` NULL) or an output to a file, which is not touched unless there is one; `file`
 * NULL: to standard output. */
static int copy_result(const struct cli *cli, const char *id, const char *name, const char *file) {
    struct buf path = {0};
    if (name == NULL) {
        result_path(&path, id);
    } else {
        job_outputs_path(&path, id, name);
    }
    int r = path.failed ? cli_fail(cli, CLI_FAILED, "out of memory")
                        : download(cli, &(struct download){.path = path.data, .file = file});
    buf_free(&path);
    return r;
}

int result_say_failed(const struct cli *cli, const cJSON *job) {
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(job, "error");
    const char *state = remote_text(job, "state");
    const char *message = remote_text(error, "message");
    const char *code = remote_text(error, "code");
    return cli_fail(cli, CLI_FAILED, "the job is %s%s%s%s%s%s", state == NULL ? "gone" : state,
                    message == NULL ? "" : ": ", message == NULL ? "" : message,
                    code == NULL ? "" : " (", code == NULL ? "" : code, code == NULL ? "" : ")");
}

/* The result as a JSON value; null when there is none. */
static int add_result(const struct cli *cli, const char *id, struct buf *out) {
    struct buf path = {0}, body = {0};
    result_path(&path, id);
    int r = remote_ask(cli, &(struct client_request){.method = "GET", .path = path.data}, &body);
    if (r == CLI_OK && json_is_valid(buf_bytes(&body))) {
        buf_add(out, body.data, body.len);
    } else if (r == CLI_OK) {
        json_strn(out, body.data == NULL ? "" : body.data, body.len);
    }
    buf_free(&path);
    buf_free(&body);
    return r;
}

static int print_json(const struct cli *cli, const char *id, const cJSON *job, bool has_result) {
    struct buf out = {0};
    char *text = cJSON_PrintUnformatted(job);
    int r = text == NULL ? cli_fail(cli, CLI_FAILED, "out of memory") : CLI_OK;
    if (r == CLI_OK) {
        buf_printf(&out, "{\"job\":%s,\"result\":", text);
        if (has_result) {
            r = add_result(cli, id, &out);
        } else {
            buf_str(&out, "null");
        }
    }
    if (r == CLI_OK) {
        (void)printf("%s}\n", out.data);
    }
    free(text);
    buf_free(&out);
    return r;
}

static int show_ended(const struct cli *cli, const char *id, const cJSON *job) {
    const char *state = remote_text(job, "state");
    bool ok = state != NULL && strcmp(state, "succeeded") == 0;
    bool has_result = cJSON_GetObjectItemCaseSensitive(job, "result") != NULL;
    if (cli->json) {
        int r = print_json(cli, id, job, has_result);
        return r == CLI_OK && !ok ? CLI_FAILED : r;
    }
    int r = CLI_OK;
    if (!ok) {
        r = result_say_failed(cli, job);
    } else if (has_result) {
        r = copy_result(cli, id, NULL, NULL);
        if (r == CLI_OK && cli->out_tty) {
            (void)putchar('\n');
        }
        (void)fflush(stdout);
    }
    job_outputs_mention(cli, id, job);
    return r;
}

int result_of_ended(const struct cli *cli, const char *id, const cJSON *job) {
    cJSON *whole = NULL;
    int r = CLI_OK;
    if (remote_number(job, "output_count") > 0) { // of which an event names none
        r = job_outputs_ask(cli, id, &whole);
    }
    r = r == CLI_OK ? show_ended(cli, id, whole == NULL ? job : whole) : r;
    cJSON_Delete(whole);
    return r;
}

int cmd_result(struct cli *cli) {
    const char *id = cli->args[0], *name = cli->arg_count > 1 ? cli->args[1] : NULL;
    const char *to = cli_value(cli, "output");
    bool list = cli_flag(cli, "list"), all = cli_flag(cli, "all"), force = cli_flag(cli, "force");
    if ((list && all) || (name != NULL && (list || all))) {
        return cli_usage(cli, "give one of NAME, --list and --all");
    }
    if (list && to != NULL) {
        return cli_usage(cli, "--list writes no file");
    }
    if (force && !all) {
        return cli_usage(cli, "--force goes with --all: -o FILE replaces its file in any case");
    }
    return list  ? job_outputs_list(cli, id)
           : all ? job_outputs_fetch(cli, id, to == NULL ? "." : to, force)
                 : copy_result(cli, id, name, to);
}
