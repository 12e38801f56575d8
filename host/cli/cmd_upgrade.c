#define _XOPEN_SOURCE 700 // realpath
/* upgrade: another binary in the host's place, while jobs go on. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/remote.h"

enum { LOOK_MS = 100 };

static int print_report(const struct cli *cli, const cJSON *report) {
    bool done = strcmp(remote_text(report, "state"), "done") == 0;
    const char *to = remote_text(report, "to"), *why = remote_text(report, "reason");
    if (cli->json) {
        return done ? CLI_OK : CLI_FAILED; // the report has been printed, and says why
    }
    if (!done) {
        return cli_fail(cli, CLI_FAILED, "%s goes on: %s", remote_text(report, "from"),
                        why == NULL ? "no reason given" : why);
    }
    (void)printf("%s runs in the place of %s: %.0f workers and %.0f jobs went on\n",
                 to == NULL ? "the new binary" : to, remote_text(report, "from"),
                 remote_number(report, "workers"), remote_number(report, "jobs"));
    return CLI_OK;
}

/* Meanwhile a request waits in the socket's queue. */
static int wait_for_it(struct cli *cli) {
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
    struct cli quiet = *cli;
    cJSON *report = NULL;
    const char *state = "running";
    int r = CLI_OK;
    quiet.json = false; // only the last answer is one for standard output
    while (r == CLI_OK && state != NULL && strcmp(state, "running") == 0) {
        cJSON_Delete(report);
        (void)nanosleep(&pause, NULL);
        r = remote_json(&quiet, "GET", "/v1/upgrade", NULL, &report);
        state = r == CLI_OK ? remote_text(report, "state") : NULL;
    }
    if (r == CLI_OK && cli->json) {
        char *text = cJSON_PrintUnformatted(report);
        (void)printf("%s\n", text == NULL ? "{}" : text);
        cJSON_free(text);
    }
    r = r == CLI_OK ? print_report(cli, report) : r;
    cJSON_Delete(report);
    return r;
}

static int ask(struct cli *cli, const char *file) {
    struct cli quiet = *cli;
    struct buf body = {0};
    cJSON *answer = NULL;
    quiet.json = cli->json && !cli_flag(cli, "wait");
    buf_char(&body, '{');
    json_kstr(&body, "file", file);
    buf_str(&body, "}");
    buf_char(&body, '\0');
    int r = body.failed ? cli_fail(cli, CLI_FAILED, "out of memory")
                        : remote_json(&quiet, "POST", "/v1/upgrade", body.data, &answer);
    buf_free(&body);
    cJSON_Delete(answer);
    return r;
}

int cmd_upgrade(struct cli *cli) {
    char path[PATH_MAX];
    const char *file = cli->arg_count == 0 ? NULL : realpath(cli->args[0], path);
    if (cli->arg_count > 0 && file == NULL) {
        return cli_fail(cli, CLI_FAILED, "%s: there is no such file", cli->args[0]);
    }
    int r = ask(cli, file);
    if (r == CLI_OK && cli_flag(cli, "wait")) {
        return wait_for_it(cli);
    }
    if (r == CLI_OK && !cli->json) {
        (void)printf("asked; see the host's log, or ask with --wait\n");
    }
    return r;
}
