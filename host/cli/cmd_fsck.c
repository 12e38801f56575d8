#include <errno.h>
#include <stdio.h>

#include "api/fsck_json.h"
#include "cli/address.h"
#include "cli/cli.h"
#include "cli/local_config.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

enum { OFFLINE_TIMEOUT_MS = 24 * 60 * 60 * 1000 };

static void print_findings(struct cli *cli, const cJSON *answer) {
    static const char *const titles[] = {"FINDING", "JOB", "REPAIRED", "DETAIL"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    const cJSON *f;
    double total = remote_number(answer, "total");
    cJSON_ArrayForEach(f, cJSON_GetObjectItemCaseSensitive(answer, "findings")) {
        table_cell(&t, remote_text(f, "code"));
        table_cell(&t, remote_text(f, "job"));
        table_cell(&t, remote_true(f, "repaired") ? "yes" : "no");
        table_cell(&t, remote_text(f, "detail"));
    }
    if (total > 0) {
        table_print(cli, &t);
    }
    (void)printf("%.0f jobs and %.0f blobs checked, %.0f finding%s\n",
                 remote_number(answer, "jobs_checked"), remote_number(answer, "blobs_checked"),
                 total, total == 1 ? "" : "s");
}

/* Fails while anything is wrong that has not been repaired. */
static int report(struct cli *cli, const char *text) {
    cJSON *answer = cJSON_Parse(text);
    const cJSON *f;
    double open = remote_number(answer, "total");
    if (answer == NULL) {
        return cli_fail(cli, CLI_FAILED, "the answer is not JSON");
    }
    cJSON_ArrayForEach(f, cJSON_GetObjectItemCaseSensitive(answer, "findings")) {
        open -= remote_true(f, "repaired");
    }
    if (cli->json) {
        (void)printf("%s\n", text);
    } else {
        print_findings(cli, answer);
    }
    cJSON_Delete(answer);
    return open > 0 ? CLI_FAILED : CLI_OK;
}

static int check_online(struct cli *cli) {
    struct buf answer = {0};
    struct client_request request = {
        .method = "POST",
        .path = "/v1/fsck",
        .content_type = "application/json",
        .body = bytes_of(cli_flag(cli, "repair") ? "{\"repair\":true}" : "{}"),
        .silence_s = REMOTE_LONG_S,
    };
    int r = remote_ask(cli, &request, &answer);
    if (r == CLI_OK) {
        while (answer.len > 0 && answer.data[answer.len - 1] == '\n') {
            answer.data[--answer.len] = '\0';
        }
        r = report(cli, answer.data);
    }
    buf_free(&answer);
    return r;
}

static int check_offline(struct cli *cli, struct offline *o) {
    struct buf text = {0};
    struct store_fsck fsck = {.op = {.kind = STORE_FSCK, .timeout_ms = OFFLINE_TIMEOUT_MS},
                              .repair = cli_flag(cli, "repair")};
    offline_run(o, &fsck.op);
    int r;
    if (fsck.op.status != 0) {
        r = cli_fail(cli, CLI_FAILED, "%s", fsck.op.err.msg);
    } else {
        fsck_json(&text, &fsck);
        r = text.failed ? cli_fail(cli, CLI_FAILED, "out of memory") : report(cli, text.data);
    }
    store_op_finish(&fsck.op);
    buf_free(&text);
    return r;
}

static int open_and_check(struct cli *cli) {
    struct local_config local;
    struct offline offline;
    struct err e = {.code = 0};
    int r = local_config_load(cli, &local);
    if (r == CLI_OK && offline_open(local.config, false, &offline, &e) != 0) {
        r = cli_fail(cli, CLI_FAILED, "%s", e.msg);
    } else if (r == CLI_OK) {
        r = check_offline(cli, &offline);
        offline_close(&offline);
    }
    local_config_finish(&local);
    return r;
}

/* Does a host listen where the configuration says? It has the store then, and looks itself. */
static bool host_listens(struct cli *cli) {
    struct client_answer answer;
    struct err e = {.code = 0};
    int r = remote_try(cli, &(struct client_request){.method = "GET", .path = "/v1/version"},
                       &answer, &e);
    client_answer_finish(&answer);
    return r != -ECONNREFUSED;
}

int cmd_fsck(struct cli *cli) {
    int r = remote_begin(cli);
    if (r != CLI_OK) {
        return r;
    }
    return address_is_named(cli) || host_listens(cli) ? check_online(cli) : open_and_check(cli);
}
