#include "cli/select.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/filters.h"
#include "cli/remote.h"

static int add_id(const struct cli *cli, struct selection *s, const char *text) {
    struct job_id id;
    if (text == NULL || id_parse(text, &id) != 0) {
        return cli_usage(cli, "%s is not a job id", text == NULL ? "nothing" : text);
    }
    buf_add(&s->text, text, JOB_ID_TEXT + 1);
    s->count++;
    return s->text.failed ? cli_fail(cli, CLI_FAILED, "out of memory") : CLI_OK;
}

static int add_arguments(const struct cli *cli, struct selection *s) {
    int r = CLI_OK;
    for (size_t i = 0; i < cli->arg_count && r == CLI_OK; i++) {
        r = add_id(cli, s, cli->args[i]);
    }
    return r;
}

/* ---- by filters ---- */

static int add_page(const struct cli *cli, struct selection *s, const char *path,
                    char cursor[512]) {
    struct buf text = {0};
    const cJSON *job;
    int r = remote_ask(cli, &(struct client_request){.method = "GET", .path = path}, &text);
    cJSON *answer = r == CLI_OK ? cJSON_ParseWithLength(text.data, text.len) : NULL;
    const char *next = remote_text(answer, "next_cursor");
    cJSON_ArrayForEach(job, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
        r = r == CLI_OK ? add_id(cli, s, remote_text(job, "id")) : r;
    }
    (void)snprintf(cursor, 512, "%s", next == NULL ? "" : next);
    if (r == CLI_OK && s->count > SELECT_MAX) {
        r = cli_fail(cli, CLI_FAILED, "more than %d jobs: narrow the filters", SELECT_MAX);
    }
    cJSON_Delete(answer);
    buf_free(&text);
    return r;
}

static int add_found(const struct cli *cli, struct selection *s, const char *state) {
    char cursor[512] = "";
    int r = CLI_OK;
    do {
        struct buf path = {0};
        buf_str(&path, "/v1/jobs?limit=1000");
        filters_query(cli, &path);
        if (cli_value(cli, "state") == NULL) {
            remote_query(&path, "state", state);
        }
        remote_query(&path, "cursor", cursor[0] == '\0' ? NULL : cursor);
        r = path.failed ? cli_fail(cli, CLI_FAILED, "out of memory")
                        : add_page(cli, s, path.data, cursor);
        buf_free(&path);
    } while (r == CLI_OK && cursor[0] != '\0');
    return r;
}

/* ---- asking ---- */

bool select_asks(const struct cli *cli) {
    return cli->err_tty && isatty(STDIN_FILENO) == 1 && !cli_flag(cli, "yes");
}

bool select_confirm(const char *what, double count, const char *noun) {
    char answer[16] = "";
    (void)fprintf(stderr, "%s %.0f %s%s? [y/N] ", what, count, noun, count == 1 ? "" : "s");
    (void)fflush(stderr);
    return fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

int select_jobs(const struct cli *cli, const char *const *states, const char *what,
                struct selection *ret) {
    struct buf filter = {0};
    size_t filters = filters_query(cli, &filter);
    bool all = cli_flag(cli, "all");
    int r = CLI_OK;
    *ret = (struct selection){.count = 0};
    buf_free(&filter);
    if ((cli->arg_count > 0) + (filters > 0) + (all ? 1 : 0) != 1) {
        return cli_usage(cli, "%s: name ids, or give filters, or --all: one of the three",
                         cli->command->name);
    }
    if (cli->arg_count > 0) {
        return add_arguments(cli, ret);
    }
    for (size_t i = 0; r == CLI_OK && states[i] != NULL; i++) {
        r = add_found(cli, ret, states[i]);
        if (cli_value(cli, "state") != NULL) {
            break;
        }
    }
    if (r == CLI_OK && ret->count > 0 && select_asks(cli) &&
        !select_confirm(what, (double)ret->count, "job")) {
        r = cli_fail(cli, CLI_FAILED, "nothing was done");
    }
    return r;
}

void select_finish(struct selection *s) {
    buf_free(&s->text);
}
