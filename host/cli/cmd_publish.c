/* publish: an event for the jobs that wait for it. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/read_file.h"
#include "cli/remote.h"
#include "core/waits.h"

// What the event says, and of which type that is: JSON, unless it is said to be something else.
static int read_data(const struct cli *cli, struct buf *out) {
    const char *given = cli_value(cli, "data");
    struct err e;
    int r = 0;
    if (given != NULL && (given[0] == '@' || strcmp(given, "-") == 0)) {
        r = read_file(given[0] == '@' ? given + 1 : "-", WAITS_EVENT_MAX, out, &e);
    } else if (given != NULL) {
        buf_str(out, given);
    }
    if (r != 0) {
        return cli_fail(cli, CLI_USAGE, "%s", e.msg);
    }
    if (out->failed) {
        return cli_fail(cli, CLI_FAILED, "out of memory");
    }
    if (cli_value(cli, "type") == NULL && out->len > 0 && !json_is_valid(buf_bytes(out))) {
        return cli_fail(cli, CLI_USAGE,
                        "the data is not valid JSON; say what it is, as --type text/plain");
    }
    return CLI_OK;
}

static int print_answer(const struct cli *cli, struct bytes text) {
    cJSON *answer = cJSON_ParseWithLength(text.data, text.len);
    const char *name = remote_text(answer, "name");
    int r = CLI_OK;
    if (name == NULL) {
        r = cli_fail(cli, CLI_FAILED, "the host's answer names no event");
    } else {
        bool again = remote_true(answer, "duplicate");
        (void)printf("%s  %s\n", name, again ? "known already" : "published");
    }
    cJSON_Delete(answer);
    return r;
}

static int post(const struct cli *cli, const char *path, struct bytes data) {
    const char *type = cli_value(cli, "type");
    struct buf answer = {0};
    const struct client_request request = {.method = "POST",
                                           .path = path,
                                           .content_type = type == NULL ? "application/json" : type,
                                           .body = data};
    int r = remote_ask(cli, &request, &answer);
    if (r == CLI_OK && cli->json) {
        (void)fwrite(answer.data, 1, answer.len, stdout);
    } else if (r == CLI_OK) {
        r = print_answer(cli, buf_bytes(&answer));
    }
    buf_free(&answer);
    return r;
}

int cmd_publish(struct cli *cli) {
    struct buf data = {0}, path = {0};
    buf_str(&path, "/v1/events");
    remote_segment(&path, cli->args[0]);
    remote_query(&path, "key", cli_value(cli, "key"));
    remote_query(&path, "user", cli_value(cli, "user"));
    int r = path.failed ? cli_fail(cli, CLI_FAILED, "out of memory") : read_data(cli, &data);
    r = r == CLI_OK ? post(cli, path.data, buf_bytes(&data)) : r;
    buf_free(&data);
    buf_free(&path);
    return r;
}
