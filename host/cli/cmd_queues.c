#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/gate_page.h"
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
    gate_page_cell(t, q);
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
    gate_page_print(cli, q);
    print_numbers(cli, "jobs", cJSON_GetObjectItemCaseSensitive(q, "states"));
    print_numbers(cli, "waiting", cJSON_GetObjectItemCaseSensitive(q, "waiting"));
    out_line(cli, "oldest", out_when(remote_text(q, "oldest_ready_at"), text));
    print_limit(cli, "concurrency", remote_number(q, "concurrency"));
    print_limit(cli, "max jobs", remote_number(q, "max_jobs"));
}

const char queues_unknown[] =
    "no job is in a queue of this name, and the configuration does not name it";

const cJSON *queues_find(const cJSON *answer, const char *name) {
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
    const cJSON *q = queues_find(answer, name);
    if (q == NULL) {
        return cli_fail(cli, CLI_FAILED, "%s: %s", name, queues_unknown);
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
