/* schedules, schedules ledger|run|pause|resume|backfill|put|rm: what a host says of them, and is asked to do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/filters.h"
#include "cli/out.h"
#include "cli/read_file.h"
#include "cli/remote.h"
#include "cli/table.h"

enum { DEFINITION_MAX = 65536 };

static void path_of(const char *name, const char *verb, struct buf *out) {
    buf_str(out, "/v1/schedules");
    remote_segment(out, name);
    buf_str(out, verb);
}

/* ---- the list, and one of them */

static double jobs_of(const cJSON *s, const char *which) {
    return remote_number(cJSON_GetObjectItemCaseSensitive(s, "jobs"), which);
}

static void add_schedule(struct table *t, const cJSON *s) {
    char age[32];
    const char *why = remote_text(s, "why");
    table_cell(t, remote_text(s, "name"));
    table_state(t, remote_text(s, "state"));
    table_cell(t, remote_text(s, "cron"));
    table_cell(t, remote_text(s, "timezone"));
    table_cell(t, remote_text(s, "next_at"));
    table_cell(t, out_age(remote_text(s, "last_nominal"), age));
    table_number(t, jobs_of(s, "running"));
    table_number(t, jobs_of(s, "waiting"));
    table_cell(t, why != NULL ? why : remote_text(s, "paused_why"));
}

static int print_list(struct cli *cli) {
    static const char *const titles[] = {"SCHEDULE", "STATE",    "CRON",     "ZONE", "NEXT",
                                         ">LAST",    ">RUNNING", ">WAITING", "WHY"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    struct buf path = {0};
    cJSON *answer = NULL;
    const cJSON *s;
    buf_str(&path, "/v1/schedules");
    (void)filters_query(cli, &path);
    int r = remote_json(cli, "GET", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            add_schedule(&t, s);
        }
        table_print(cli, &t);
        filters_print_more(answer);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}

static void print_times(const struct cli *cli, const cJSON *s) {
    struct buf text = {0};
    const cJSON *n;
    cJSON_ArrayForEach(n, cJSON_GetObjectItemCaseSensitive(s, "times")) {
        buf_printf(&text, "%s%.0f %s", text.len == 0 ? "" : ", ", n->valuedouble, n->string);
    }
    out_line(cli, "times", text.len == 0 ? "none yet" : text.data);
    buf_free(&text);
}

static void print_definition(const struct cli *cli, const cJSON *s) {
    const cJSON *value;
    cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(s, "definition")) {
        char *text = cJSON_IsString(value) ? NULL : cJSON_PrintUnformatted(value);
        out_line(cli, value->string, cJSON_IsString(value) ? value->valuestring : text);
        cJSON_free(text);
    }
}

static void print_page(const struct cli *cli, const cJSON *s) {
    char text[64];
    out_line(cli, "schedule", remote_text(s, "name"));
    out_line(cli, "state", out_state(cli, remote_text(s, "state"), text));
    out_line(cli, "why", remote_text(s, "why"));
    if (remote_text(s, "paused_at") != NULL) {
        out_linef(cli, "paused", "by %s, %s", remote_text(s, "paused_by"),
                  out_when(remote_text(s, "paused_at"), text));
        out_line(cli, "paused for", remote_text(s, "paused_why"));
    }
    out_line(cli, "owner", remote_text(s, "owner"));
    out_line(cli, "stored by", remote_text(s, "stored_by"));
    out_line(cli, "since", out_when(remote_text(s, "since"), text));
    out_line(cli, "next", out_when(remote_text(s, "next_at"), text));
    out_line(cli, "last", out_when(remote_text(s, "last_nominal"), text));
    print_times(cli, s);
    out_linef(cli, "jobs", "%.0f running, %.0f waiting", jobs_of(s, "running"),
              jobs_of(s, "waiting"));
    print_definition(cli, s);
}

static int print_one(struct cli *cli) {
    struct buf path = {0};
    cJSON *answer = NULL;
    path_of(cli->args[0], "", &path);
    int r = remote_json(cli, "GET", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        print_page(cli, answer);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}

int cmd_schedules(struct cli *cli) {
    return cli->arg_count > 0 ? print_one(cli) : print_list(cli);
}

/* ---- the ledger */

static void add_row(struct table *t, const cJSON *row) {
    const char *last = remote_text(row, "last");
    table_cell(t, remote_text(row, "verdict"));
    table_cell(t, remote_text(row, "nominal"));
    if (last != NULL) {
        table_cellf(t, "%.0f, to %s", remote_number(row, "times"), last);
    } else {
        table_cell(t, "1");
    }
    table_cell(t, remote_text(row, "actual"));
    table_cell(t, remote_text(row, "job"));
    table_cell(t, remote_text(row, "reason"));
}

int cmd_schedules_ledger(struct cli *cli) {
    static const char *const titles[] = {"VERDICT", "NOMINAL", "TIMES", "WRITTEN", "JOB", "REASON"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    struct buf path = {0};
    cJSON *answer = NULL;
    const cJSON *row;
    path_of(cli->args[0], "/ledger", &path);
    (void)filters_query(cli, &path);
    remote_query(&path, "verdict", cli_value(cli, "verdict"));
    int r = remote_json(cli, "GET", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            add_row(&t, row);
        }
        table_print(cli, &t);
        filters_print_more(answer);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}

/* ---- acts */

/* Posts {"why", "from", "to"}, as far as they are given. */
static int act(struct cli *cli, const char *verb, cJSON **ret) {
    static const char *const members[] = {"why", "from", "to"};
    struct buf path = {0}, body = {0};
    path_of(cli->args[0], verb, &path);
    buf_char(&body, '{');
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        json_kstr(&body, members[i], cli_value(cli, members[i]));
    }
    buf_char(&body, '}');
    int r = remote_json(cli, "POST", path.data, body.data, ret);
    buf_free(&path);
    buf_free(&body);
    return r;
}

static int act_and_say(struct cli *cli, const char *verb, const char *done) {
    cJSON *answer = NULL;
    int r = act(cli, verb, &answer);
    if (r == CLI_OK && !cli->json) {
        out_text("%s is %s\n", cli->args[0], done);
    }
    cJSON_Delete(answer);
    return r;
}

int cmd_schedules_run(struct cli *cli) {
    cJSON *answer = NULL;
    int r = act(cli, "/run", &answer);
    if (r == CLI_OK && !cli->json) {
        out_text("%s\n", remote_text(answer, "job"));
    }
    cJSON_Delete(answer);
    return r;
}

int cmd_schedules_pause(struct cli *cli) {
    return cli_value(cli, "why") == NULL
               ? cli_usage(cli, "pause needs --why: whoever finds it paused will want to know")
               : act_and_say(cli, "/pause", "paused");
}

int cmd_schedules_resume(struct cli *cli) {
    return act_and_say(cli, "/resume", "running");
}

int cmd_schedules_backfill(struct cli *cli) {
    cJSON *answer = NULL;
    if (cli_value(cli, "from") == NULL || cli_value(cli, "to") == NULL) {
        return cli_usage(cli, "backfill needs --from and --to");
    }
    int r = act(cli, "/backfill", &answer);
    if (r == CLI_OK && !cli->json) {
        out_text("%.0f jobs made, %.0f were there, %.0f refused\n", remote_number(answer, "made"),
                 remote_number(answer, "existing"), remote_number(answer, "refused"));
    }
    cJSON_Delete(answer);
    return r;
}

/* ---- definitions */

static int read_definition(struct cli *cli, struct buf *out) {
    const char *given = cli->args[1];
    struct err e = {0};
    if (given[0] != '@' && strcmp(given, "-") != 0) {
        buf_str(out, given);
    } else if (read_file(given[0] == '@' ? given + 1 : given, DEFINITION_MAX, out, &e) < 0) {
        return cli_fail(cli, CLI_USAGE, "%s: %s", given,
                        e.code == -EFBIG ? "is larger than 64 KiB" : e.msg);
    }
    return json_is_valid(buf_bytes(out))
               ? CLI_OK
               : cli_usage(cli, "the definition is not valid JSON, such as "
                                "{\"cron\": \"@daily\", \"job\": \"TYPE\"}");
}

int cmd_schedules_put(struct cli *cli) {
    struct buf path = {0}, body = {0};
    cJSON *answer = NULL;
    int r = read_definition(cli, &body);
    path_of(cli->args[0], "", &path);
    if (r == CLI_OK) {
        r = remote_json(cli, "PUT", path.data, body.data, &answer);
    }
    if (r == CLI_OK && !cli->json) {
        out_text("%s is %s\n", cli->args[0],
                 remote_true(answer, "created") ? "stored" : "stored anew");
    }
    cJSON_Delete(answer);
    buf_free(&path);
    buf_free(&body);
    return r;
}

int cmd_schedules_rm(struct cli *cli) {
    struct buf path = {0};
    cJSON *answer = NULL;
    path_of(cli->args[0], "", &path);
    remote_query(&path, "why", cli_value(cli, "why"));
    int r = remote_json(cli, "DELETE", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        out_text("%s is removed\n", cli->args[0]);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}
