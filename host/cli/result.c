#include "cli/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/command.h"
#include "cli/download.h"
#include "cli/out.h"
#include "cli/remote.h"

enum { SHORT_RESULT = 500 }; /* bytes that a summary shows */

void result_path(struct buf *path, const char *id) {
    buf_str(path, "/v1/jobs");
    remote_segment(path, id);
    buf_str(path, "/result");
}

int result_copy(const struct cli *cli, const char *id, const char *file) {
    struct buf path = {0};
    result_path(&path, id);
    int r = path.failed ? cli_fail(cli, CLI_FAILED, "out of memory")
                        : download(cli, &(struct download){.path = path.data, .file = file});
    buf_free(&path);
    return r;
}

bool result_is_success(const cJSON *job) {
    const char *state = remote_text(job, "state");
    return state != NULL && strcmp(state, "succeeded") == 0;
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

static int ask_result(const struct cli *cli, const char *id, struct buf *ret_body) {
    struct buf path = {0};
    result_path(&path, id);
    int r = path.failed
                ? cli_fail(cli, CLI_FAILED, "out of memory")
                : remote_ask(cli, &(struct client_request){.method = "GET", .path = path.data},
                             ret_body);
    buf_free(&path);
    return r;
}

/* ---- for programs ---- */

/* The result as a JSON value; null when there is none. */
static int add_result(const struct cli *cli, const char *id, bool has_result, struct buf *out) {
    struct buf body = {0};
    int r = has_result ? ask_result(cli, id, &body) : CLI_OK;
    if (!has_result) {
        buf_str(out, "null");
    } else if (r == CLI_OK && json_is_valid(buf_bytes(&body))) {
        buf_add(out, body.data, body.len);
    } else if (r == CLI_OK) {
        json_strn(out, body.data == NULL ? "" : body.data, body.len);
    }
    buf_free(&body);
    return r;
}

static int print_json(const struct cli *cli, const char *id, const cJSON *job,
                      const struct buf *saved) {
    struct buf out = {0};
    char *text = cJSON_PrintUnformatted(job);
    int r = text == NULL ? cli_fail(cli, CLI_FAILED, "out of memory") : CLI_OK;
    if (r == CLI_OK) {
        buf_printf(&out, "{\"job\":%s,\"result\":", text);
        r = add_result(cli, id, cJSON_GetObjectItemCaseSensitive(job, "result") != NULL, &out);
    }
    if (r == CLI_OK && saved->len > 0) {
        buf_printf(&out, ",\"saved\":%s", saved->data);
    }
    if (r == CLI_OK && out.failed) {
        r = cli_fail(cli, CLI_FAILED, "out of memory");
    } else if (r == CLI_OK) {
        (void)printf("%s}\n", out.data);
    }
    free(text);
    buf_free(&out);
    return r;
}

/* ---- for people ---- */

static bool is_text(const char *content_type) {
    return content_type != NULL && (strncmp(content_type, "text/", 5) == 0 ||
                                    strncmp(content_type, "application/json", 16) == 0);
}

/* A short text as it is, of anything else what it is. */
static int print_result_line(const struct cli *cli, const char *id, const cJSON *result) {
    char size[32];
    struct buf body = {0}, command = {0};
    double bytes = remote_number(result, "size");
    const char *type = remote_text(result, "content_type");
    int r = CLI_OK;
    if (is_text(type) && bytes <= SHORT_RESULT) {
        r = ask_result(cli, id, &body);
        out_line(cli, "result", body.data);
    } else {
        command_job(cli, "result", id, &command);
        out_linef(cli, "result", "%s, %s: %s | less", type == NULL ? "of no type" : type,
                  out_size(bytes, size), command.failed ? "" : command.data);
    }
    buf_free(&command);
    buf_free(&body);
    return r;
}

static int print_summary(const struct cli *cli, const char *id, const cJSON *job) {
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(job, "result");
    double warnings = remote_number(cJSON_GetObjectItemCaseSensitive(job, "warnings"), "count");
    struct buf more = {0}, all = {0};
    char text[64];
    out_line(cli, "id", id);
    out_line(cli, "type", remote_text(job, "type"));
    (void)printf("%-13s %s\n", "state", out_state(cli, remote_text(job, "state"), text));
    if (warnings > 0) {
        command_job(cli, "job", id, &more);
        out_linef(cli, "warnings", "%.0f: %s", warnings, more.failed ? "" : more.data);
    }
    int r = result == NULL ? CLI_OK : print_result_line(cli, id, result);
    job_outputs_lines(cli, id, job, true);
    command_result(cli, id, NULL, &all);
    out_line(cli, "all of them", all.data);
    buf_free(&all);
    buf_free(&more);
    return r;
}

/* The job with its outputs, of which an event only says how many there are, in *ret_whole (the
 * caller's); NULL when `job` itself has all there is. */
static int with_outputs(const struct cli *cli, const char *id, const cJSON *job,
                        cJSON **ret_whole) {
    bool more = remote_number(job, "output_count") > 0 &&
                cJSON_GetObjectItemCaseSensitive(job, "outputs") == NULL;
    *ret_whole = NULL;
    return more ? job_outputs_ask(cli, id, ret_whole) : CLI_OK;
}

int result_summary(const struct cli *cli, const char *id, const cJSON *job) {
    cJSON *whole;
    int r = with_outputs(cli, id, job, &whole);
    const cJSON *shown = whole == NULL ? job : whole;
    if (r == CLI_OK && cJSON_GetObjectItemCaseSensitive(shown, "outputs") != NULL) {
        r = print_summary(cli, id, shown);
    }
    cJSON_Delete(whole);
    return r;
}

static int print_bytes(const struct cli *cli, const char *id, const cJSON *job) {
    int r = CLI_OK;
    if (cJSON_GetObjectItemCaseSensitive(job, "result") != NULL) {
        r = result_copy(cli, id, NULL);
        if (r == CLI_OK && cli->out_tty) {
            (void)putchar('\n');
        }
        (void)fflush(stdout);
    }
    job_outputs_mention(cli, id, job);
    return r;
}

/* ---- the end ---- */

static int save(const struct cli *cli, const char *id, const cJSON *job,
                const struct job_outputs_to *to, struct buf *saved) {
    int r = job_outputs_save(cli, id, job, to, saved);
    if (r != CLI_OK) { // whoever waited must not have to look for the job
        (void)fflush(stdout);
        (void)fprintf(stderr, "jobhost: the job itself succeeded: jobhost job %s\n", id);
    }
    return r;
}

static int show_ended(const struct cli *cli, const char *id, const cJSON *job,
                      const struct job_outputs_to *to) {
    struct buf saved = {0};
    bool ok = result_is_success(job), files = cJSON_GetObjectItemCaseSensitive(job, "outputs");
    int r = ok && to->dir != NULL ? save(cli, id, job, to, &saved) : CLI_OK;
    if (r != CLI_OK) {
        // said
    } else if (cli->json) {
        r = print_json(cli, id, job, &saved);
        r = r == CLI_OK && !ok ? CLI_FAILED : r;
    } else if (!ok) {
        r = result_say_failed(cli, job);
        job_outputs_mention(cli, id, job);
    } else if (to->dir == NULL) {
        r = files && cli->out_tty ? print_summary(cli, id, job) : print_bytes(cli, id, job);
    }
    buf_free(&saved);
    return r;
}

int result_of_ended(const struct cli *cli, const char *id, const cJSON *job,
                    const struct job_outputs_to *to) {
    cJSON *whole;
    int r = with_outputs(cli, id, job, &whole);
    r = r == CLI_OK ? show_ended(cli, id, whole == NULL ? job : whole, to) : r;
    cJSON_Delete(whole);
    return r;
}
