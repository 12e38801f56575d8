#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

static void add_queue(struct table *t, const cJSON *q) {
    char age[32];
    const cJSON *states = cJSON_GetObjectItemCaseSensitive(q, "states");
    static const char *const shown[] = {"queued", "scheduled", "parked", "running", "dead"};
    table_cell(t, remote_text(q, "name"));
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        table_cellf(t, "%.0f", remote_number(states, shown[i]));
    }
    table_cell(t, out_age(remote_text(q, "oldest_ready_at"), age));
    if (remote_number(q, "concurrency") > 0) {
        table_cellf(t, "%.0f", remote_number(q, "concurrency"));
    } else {
        table_cell(t, NULL);
    }
    if (remote_true(q, "paused")) {
        const char *why = remote_text(q, "paused_why");
        const char *by = remote_text(q, "paused_by");
        table_cellf(t, "by %s, %s ago: %s", by == NULL ? "?" : by,
                    out_age(remote_text(q, "paused_at"), age), why == NULL ? "" : why);
    } else {
        table_cell(t, NULL);
    }
}

static void print_list(const struct cli *cli, const cJSON *answer) {
    static const char *const titles[] = {"QUEUE", ">QUEUED", ">SCHEDULED", ">PARKED", ">RUNNING",
                                         ">DEAD", ">OLDEST", ">LIMIT",     "PAUSED"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    const cJSON *q;
    cJSON_ArrayForEach(q, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
        add_queue(&t, q);
    }
    table_print(cli, &t);
}

/* ---- one of them ---- */

static void print_numbers(const struct cli *cli, const char *title, const cJSON *object) {
    struct buf text = {0};
    const cJSON *number;
    cJSON_ArrayForEach(number, object) {
        if (number->valuedouble > 0) {
            buf_printf(&text, "%s%.0f %s", text.len == 0 ? "" : ", ", number->valuedouble,
                       number->string);
        }
    }
    out_line(cli, title, text.len == 0 ? "none" : text.data);
    buf_free(&text);
}

static void print_limit(const struct cli *cli, const char *title, double limit) {
    if (limit > 0) {
        out_linef(cli, title, "%.0f", limit);
    }
}

static void print_page(const struct cli *cli, const cJSON *q) {
    char text[64];
    out_line(cli, "queue", remote_text(q, "name"));
    if (remote_true(q, "paused")) {
        out_linef(cli, "paused", "by %s, %s", remote_text(q, "paused_by"),
                  out_when(remote_text(q, "paused_at"), text));
        out_line(cli, "why", remote_text(q, "paused_why"));
    }
    print_numbers(cli, "jobs", cJSON_GetObjectItemCaseSensitive(q, "states"));
    print_numbers(cli, "waiting", cJSON_GetObjectItemCaseSensitive(q, "waiting"));
    out_line(cli, "oldest", out_when(remote_text(q, "oldest_ready_at"), text));
    print_limit(cli, "concurrency", remote_number(q, "concurrency"));
    print_limit(cli, "max jobs", remote_number(q, "max_jobs"));
}

static const char unknown_queue[] =
    "no job is in a queue of this name, and the configuration does not name it";

static const cJSON *find_queue(const cJSON *answer, const char *name) {
    const cJSON *q;
    cJSON_ArrayForEach(q, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
        const char *own = remote_text(q, "name");
        if (own != NULL && strcmp(own, name) == 0) {
            return q;
        }
    }
    return NULL;
}

static int show_one(const struct cli *cli, const char *name, const cJSON *answer) {
    const cJSON *q = find_queue(answer, name);
    if (q == NULL) {
        return cli_fail(cli, CLI_FAILED, "%s: %s", name, unknown_queue);
    }
    char *text = cli->json ? cJSON_PrintUnformatted(q) : NULL;
    if (text != NULL) {
        (void)printf("%s\n", text);
    } else {
        print_page(cli, q);
    }
    free(text);
    return CLI_OK;
}

int cmd_queues(struct cli *cli) {
    struct buf text = {0};
    int r = remote_ask(cli, &(struct client_request){.method = "GET", .path = "/v1/queues"}, &text);
    cJSON *answer = r == CLI_OK ? cJSON_ParseWithLength(text.data, text.len) : NULL;
    if (r == CLI_OK && answer == NULL) {
        r = cli_fail(cli, CLI_FAILED, "the host's answer is not JSON");
    } else if (r == CLI_OK && cli->arg_count > 0) {
        r = show_one(cli, cli->args[0], answer);
    } else if (r == CLI_OK && cli->json) {
        (void)fwrite(text.data, 1, text.len, stdout);
    } else if (r == CLI_OK) {
        print_list(cli, answer);
    }
    cJSON_Delete(answer);
    buf_free(&text);
    return r;
}

/* ---- pause and resume ---- */

static int set(struct cli *cli, const char *verb, const char *done) {
    struct buf path = {0}, body = {0};
    cJSON *answer = NULL;
    buf_str(&path, "/v1/queues");
    remote_segment(&path, cli->args[0]);
    buf_printf(&path, "/%s", verb);
    buf_char(&body, '{');
    json_kstr(&body, "why", cli_value(cli, "why"));
    buf_char(&body, '}');
    int r = remote_json(cli, "POST", path.data, body.data, &answer);
    if (r == CLI_OK && !cli->json) {
        (void)printf("%s is %s\n", cli->args[0], done);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    buf_free(&body);
    return r;
}

/* A queue that nobody has heard of is paused all the same, for its jobs may come later; but it may
 * be a slip of the pen. False also when the host does not say. */
static bool is_unheard_of(const struct cli *cli) {
    struct cli quiet = *cli;
    struct buf text = {0};
    quiet.silent = true;
    int r =
        remote_ask(&quiet, &(struct client_request){.method = "GET", .path = "/v1/queues"}, &text);
    cJSON *answer = r == CLI_OK ? cJSON_ParseWithLength(text.data, text.len) : NULL;
    bool unheard_of = answer != NULL && find_queue(answer, cli->args[0]) == NULL;
    cJSON_Delete(answer);
    buf_free(&text);
    return unheard_of;
}

int cmd_pause(struct cli *cli) {
    if (cli_value(cli, "why") == NULL) {
        return cli_usage(cli,
                         "pause needs --why: whoever finds the queue paused will want to know");
    }
    bool doubtful = is_unheard_of(cli); // before: afterwards everybody has
    int r = set(cli, "pause", "paused");
    if (r == CLI_OK && doubtful) {
        (void)fprintf(stderr, "jobhost: warning: %s: %s\n", cli->args[0], unknown_queue);
    }
    return r;
}

int cmd_resume(struct cli *cli) {
    return set(cli, "resume", "running");
}
