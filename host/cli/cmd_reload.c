/* reload: another configuration and other code, while jobs go on. */
#include <stdio.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/remote.h"
#include "cli/table.h"

static void print_lines(FILE *to, const cJSON *report, const char *key, const char *before) {
    const cJSON *line;
    cJSON_ArrayForEach(line, cJSON_GetObjectItemCaseSensitive(report, key)) {
        (void)fprintf(to, "%s%s\n", before, cJSON_GetStringValue(line));
    }
}

static void print_verdicts(const struct cli *cli, const cJSON *report) {
    static const char *const titles[] = {"PLUGIN", "VERDICT", ">GENERATION", "BUILD", "REASON"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    const cJSON *p;
    cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(report, "plugins")) {
        table_cell(&t, remote_text(p, "plugin"));
        table_cell(&t, remote_text(p, "verdict"));
        table_number(&t, remote_number(p, "generation"));
        table_cell(&t, remote_text(p, "build"));
        table_cell(&t, remote_text(p, "reason"));
    }
    table_print(cli, &t);
}

static void print_warnings(const cJSON *report) {
    const cJSON *p;
    cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(report, "plugins")) {
        const char *warning = remote_text(p, "warning");
        if (warning != NULL) {
            (void)fprintf(stderr, "jobhost: %s: %s\n", remote_text(p, "plugin"), warning);
        }
    }
}

static int print_report(const struct cli *cli, const cJSON *report) {
    bool ok = remote_true(report, "ok");
    if (!cli->json) {
        print_lines(stderr, report, "problems", "");
        print_verdicts(cli, report);
        print_warnings(report);
        print_lines(stderr, report, "needs_restart", "jobhost: waits for a restart: ");
        if (!ok) {
            (void)fprintf(stderr, "jobhost: not all of it is in force\n");
        }
    }
    return ok ? CLI_OK : CLI_FAILED;
}

int cmd_reload(struct cli *cli) {
    bool wait = cli_flag(cli, "wait");
    struct buf path = {0};
    cJSON *answer = NULL;
    buf_str(&path, "/v1/reload");
    remote_query(&path, "wait", wait ? "1" : NULL);
    remote_query(&path, "all", cli_flag(cli, "all") ? "1" : NULL);
    remote_query(&path, "force", cli_flag(cli, "force") ? "1" : NULL);
    int r = remote_json(cli, "POST", path.data, NULL, &answer);
    if (r == CLI_OK && wait) {
        r = print_report(cli, answer);
    } else if (r == CLI_OK && !cli->json) {
        (void)printf("asked; see `jobhost generations`, or ask with --wait\n");
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}
