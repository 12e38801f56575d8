#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/read_file.h"
#include "cli/remote.h"
#include "cli/result.h"
#include "cli/upload.h"
#include "core/job.h"

enum { PAYLOAD_MAX = 256 << 20 };

/* ---- building the request ---- */

static int add_payload(struct cli *cli, struct buf *out) {
    const char *given = cli_value(cli, "payload");
    struct buf text = {0};
    struct err e;
    int r = 0;
    if (given == NULL) {
        return CLI_OK;
    }
    if (given[0] == '@' || strcmp(given, "-") == 0) {
        r = read_file(given[0] == '@' ? given + 1 : "-", PAYLOAD_MAX, &text, &e);
    } else {
        buf_str(&text, given);
    }
    if (r != 0) {
        buf_free(&text);
        return cli_fail(cli, CLI_USAGE, "%s", e.msg);
    }
    if (!json_is_valid(buf_bytes(&text))) {
        buf_free(&text);
        return cli_fail(cli, CLI_USAGE,
                        "the payload is not valid JSON (text needs quotes: '\"text\"')");
    }
    json_key(out, "payload");
    buf_add(out, text.data, text.len);
    buf_free(&text);
    return CLI_OK;
}

static void add_labels(const struct cli *cli, struct buf *out) {
    const char *label;
    for (size_t n = 0; (label = cli_nth(cli, "label", n)) != NULL; n++) {
        if (n == 0) {
            json_key(out, "labels");
            buf_char(out, '[');
        }
        json_comma(out);
        json_str(out, label);
    }
    if (cli_value(cli, "label") != NULL) {
        buf_char(out, ']');
    }
}

static void add_dedup(const struct cli *cli, struct buf *out) {
    if (cli_value(cli, "dedup") == NULL && cli_value(cli, "dedup-ttl") == NULL) {
        return;
    }
    json_key(out, "dedup");
    buf_char(out, '{');
    json_kstr(out, "mode", cli_value(cli, "dedup"));
    json_kstr(out, "ttl", cli_value(cli, "dedup-ttl"));
    buf_char(out, '}');
}

static int add_max(struct cli *cli, struct buf *out) {
    const char *max = cli_value(cli, "max");
    char *end;
    if (max == NULL) {
        return CLI_OK;
    }
    long n = strtol(max, &end, 10);
    if (*end != '\0' || n < 1 || n > INT32_MAX) {
        return cli_usage(cli, "--max: \"%s\" is not a number from 1 on", max);
    }
    json_kint(out, "max", n);
    return CLI_OK;
}

/* ---- files: content first, then the job that names it ---- */

/* What the file is called here, unless that is no name for the API. */
static void add_filename(const char *path, struct buf *out) {
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    if (job_check_file_name(base, NULL) == 0) {
        json_kstr(out, "filename", base);
    }
}

static int add_file(struct cli *cli, const char *given, struct buf *out) {
    char name[256];
    cJSON *blob = NULL;
    const char *equals = strchr(given, '=');
    if (equals == NULL || equals == given || equals[1] == '\0' ||
        (size_t)(equals - given) >= sizeof name) {
        return cli_usage(cli, "--file: write NAME=PATH, not \"%s\"", given);
    }
    int r = upload(cli, equals + 1, &blob);
    if (r == CLI_OK) {
        (void)snprintf(name, sizeof name, "%.*s", (int)(equals - given), given);
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "name", name);
        add_filename(equals + 1, out);
        json_kstr(out, "sha256", remote_text(blob, "sha256"));
        buf_char(out, '}');
    }
    cJSON_Delete(blob);
    return r;
}

static int add_files(struct cli *cli, struct buf *out) {
    const char *given;
    if (cli_value(cli, "file") == NULL) {
        return CLI_OK;
    }
    json_key(out, "files");
    buf_char(out, '[');
    for (size_t n = 0; (given = cli_nth(cli, "file", n)) != NULL; n++) {
        int r = add_file(cli, given, out);
        if (r != CLI_OK) {
            return r;
        }
    }
    buf_char(out, ']');
    return CLI_OK;
}

static int build(struct cli *cli, struct buf *out) {
    static const struct {
        const char *option, *field;
    } texts[] = {
        {"queue", "queue"},       {"priority", "priority"}, {"delay", "delay"},
        {"run-at", "run_at"},     {"key", "key"},           {"user", "user"},
        {"timeout", "timeout"},   {"deadline", "deadline"}, {"expires", "expires"},
        {"callback", "callback"}, {"flow", "flow"},
    };
    buf_char(out, '{');
    json_kstr(out, "type", cli->args[0]);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_kstr(out, texts[i].field, cli_value(cli, texts[i].option));
    }
    add_dedup(cli, out);
    add_labels(cli, out);
    int r = add_max(cli, out);
    if (r == CLI_OK) {
        r = add_payload(cli, out);
    }
    if (r == CLI_OK) {
        r = add_files(cli, out);
    }
    buf_char(out, '}');
    return r == CLI_OK && out->failed ? cli_fail(cli, CLI_FAILED, "out of memory") : r;
}

/* ---- the end ---- */

static int print_accepted(const cJSON *answer) {
    const char *id = remote_text(answer, "id");
    (void)printf("%s\n", id == NULL ? "" : id);
    const char *replaced = remote_text(answer, "replaced");
    if (replaced != NULL) {
        (void)fprintf(stderr, "jobhost: in the place of %s\n", replaced);
    }
    if (remote_true(answer, "updated")) {
        (void)fprintf(stderr,
                      "jobhost: this job waited with the key, and does what you said now\n");
    } else if (remote_true(answer, "duplicate")) {
        (void)fprintf(stderr, "jobhost: this job has the key already; it is %s\n",
                      remote_text(answer, "state"));
    }
    if (remote_true(answer, "degraded")) {
        (void)fprintf(stderr, "jobhost: the store cannot be reached; the host keeps the job until "
                              "it can\n");
    }
    return CLI_OK;
}

static int wait_for(struct cli *cli, const char *id) {
    cJSON *job = NULL;
    int r = follow_job(cli, id, &(struct follow){.quiet = cli->json}, &job);
    if (r == CLI_OK) {
        const char *dir = cli_value(cli, "output");
        r = result_of_ended(cli, id, job,
                            &(struct job_outputs_to){.dir = dir, .force = cli_flag(cli, "force")});
    }
    cJSON_Delete(job);
    return r;
}

static int post(struct cli *cli, const char *body, cJSON **ret) {
    struct buf answer = {0};
    struct client_request request = {.method = "POST",
                                     .path = "/v1/jobs",
                                     .content_type = "application/json",
                                     .body = bytes_of(body)};
    int r = remote_ask(cli, &request, &answer);
    *ret = r == CLI_OK ? cJSON_ParseWithLength(answer.data, answer.len) : NULL;
    if (r == CLI_OK && cli->json && !cli_flag(cli, "wait")) {
        (void)fwrite(answer.data, 1, answer.len, stdout);
    }
    buf_free(&answer);
    return r;
}

/* What must be right before anything is sent. */
static int check_options(struct cli *cli) {
    const char *dir = cli_value(cli, "output");
    if (dir != NULL && !cli_flag(cli, "wait")) {
        return cli_usage(cli, "--output goes with --wait: there are no files before the end");
    }
    if (dir == NULL && cli_flag(cli, "force")) {
        return cli_usage(cli, "--force goes with --output");
    }
    return dir == NULL ? CLI_OK : job_outputs_check_folder(cli, dir);
}

int cmd_submit(struct cli *cli) {
    struct buf body = {0};
    cJSON *answer = NULL;
    int r = check_options(cli);
    r = r == CLI_OK ? build(cli, &body) : r;
    if (r == CLI_OK) {
        r = post(cli, body.data, &answer);
    }
    buf_free(&body);
    if (r == CLI_OK) {
        const char *id = remote_text(answer, "id");
        if (id == NULL) {
            r = cli_fail(cli, CLI_FAILED, "the host's answer names no job");
        } else if (cli_flag(cli, "wait")) {
            r = wait_for(cli, id);
        } else if (!cli->json) {
            r = print_accepted(answer);
        }
    }
    cJSON_Delete(answer);
    return r;
}
