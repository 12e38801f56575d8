#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/filters.h"
#include "cli/job_page.h"
#include "cli/remote.h"
#include "cli/select.h"
#include "core/id.h"

int cmd_dlq_ls(struct cli *cli) {
    struct buf path = {0};
    cJSON *answer = NULL;
    buf_str(&path, "/v1/dlq");
    (void)filters_query(cli, &path);
    int r = remote_json(cli, "GET", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        filters_print_jobs(cli, answer, true);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}

int cmd_dlq_show(struct cli *cli) {
    return job_page_show(cli, cli->args[0]);
}

/* ---- retry and rm ---- */

/* The request's body: which jobs, and whether only to count them. */
static int build(struct cli *cli, bool dry_run, struct buf *out) {
    struct job_id id;
    struct buf filter = {0};
    size_t filters = filters_json(cli, &filter);
    bool all = cli_flag(cli, "all");
    int r = CLI_OK;
    buf_char(out, '{');
    if ((cli->arg_count > 0) + (filters > 0) + (all ? 1 : 0) != 1) {
        r = cli_usage(cli, "%s: name ids, or give filters, or --all: one of the three",
                      cli->command->name);
    } else if (filters > 0) {
        buf_printf(out, "\"filter\":{%s}", filter.data);
    } else if (all) {
        json_kbool(out, "all", true);
    } else {
        buf_str(out, "\"ids\":[");
        for (size_t i = 0; i < cli->arg_count && r == CLI_OK; i++) {
            json_comma(out);
            json_str(out, cli->args[i]);
            if (id_parse(cli->args[i], &id) != 0) {
                r = cli_usage(cli, "%s is not a job id", cli->args[i]);
            }
        }
        buf_char(out, ']');
    }
    json_kstr(out, "why", cli_value(cli, "why"));
    if (dry_run) {
        json_kbool(out, "dry_run", true);
    }
    buf_char(out, '}');
    buf_free(&filter);
    return r;
}

static int post(struct cli *cli, const char *path, bool dry_run, cJSON **ret) {
    struct buf body = {0}, answer = {0};
    int r = build(cli, dry_run, &body);
    if (r == CLI_OK) {
        struct client_request request = {.method = "POST",
                                         .path = path,
                                         .content_type = "application/json",
                                         .body = buf_bytes(&body),
                                         .silence_s = REMOTE_LONG_S};
        r = remote_ask(cli, &request, &answer);
    }
    if (r == CLI_OK) {
        *ret = cJSON_ParseWithLength(answer.data, answer.len);
        if (cli->json && !dry_run) {
            (void)fwrite(answer.data, 1, answer.len, stdout);
        }
    }
    buf_free(&body);
    buf_free(&answer);
    return r;
}

static int ask_first(struct cli *cli, const char *path, const char *what) {
    cJSON *preview = NULL;
    int r = post(cli, path, true, &preview);
    if (r == CLI_OK) {
        double count = remote_number(preview, "matched");
        if (count > 0 && !select_confirm(what, count, "dead job")) {
            r = cli_fail(cli, CLI_FAILED, "nothing was done");
        }
    }
    cJSON_Delete(preview);
    return r;
}

static int print_walk(const cJSON *answer, const char *done) {
    const cJSON *item;
    (void)printf("%.0f %s", remote_number(answer, "done"), done);
    if (remote_number(answer, "failed") > 0) {
        (void)printf(", %.0f refused", remote_number(answer, "failed"));
    }
    (void)printf("\n");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(answer, "errors")) {
        const cJSON *error = cJSON_GetObjectItemCaseSensitive(item, "error");
        (void)fprintf(stderr, "%s  %s\n", remote_text(item, "id"), remote_text(error, "message"));
    }
    return remote_number(answer, "failed") > 0 ? CLI_FAILED : CLI_OK;
}

static int walk(struct cli *cli, const char *path, const char *what, const char *done) {
    cJSON *answer = NULL;
    bool many = cli->arg_count == 0;
    int r = many && select_asks(cli) ? ask_first(cli, path, what) : CLI_OK;
    if (r == CLI_OK) {
        r = post(cli, path, false, &answer);
    }
    if (r == CLI_OK) {
        bool failed = remote_number(answer, "failed") > 0;
        r = cli->json ? (failed ? CLI_FAILED : CLI_OK) : print_walk(answer, done);
    }
    cJSON_Delete(answer);
    return r;
}

int cmd_dlq_retry(struct cli *cli) {
    return walk(cli, "/v1/dlq/retry", "Retry", "started again");
}

int cmd_dlq_rm(struct cli *cli) {
    return walk(cli, "/v1/dlq/remove", "Delete", "deleted");
}
