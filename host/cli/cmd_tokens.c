/* tokens new, tokens ls, tokens revoke. */
#include <stdio.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

static void add_queues(const struct cli *cli, struct buf *body) {
    const char *queue = cli_nth(cli, "queue", 0);
    if (queue == NULL) {
        return;
    }
    json_key(body, "queues");
    buf_char(body, '[');
    for (size_t i = 0; (queue = cli_nth(cli, "queue", i)) != NULL; i++) {
        json_comma(body);
        json_str(body, queue);
    }
    buf_char(body, ']');
}

/* The token alone on standard output, for scripts; what it is good for, beside it. */
static void print_new(const cJSON *token) {
    const char *expires = remote_text(token, "expires_at");
    out_text("%s\n", remote_text(token, "token"));
    (void)fprintf(stderr,
                  "It is shown once. %s can be revoked with: jobhost tokens revoke %s%s%s\n",
                  remote_text(token, "name"), remote_text(token, "id"),
                  expires == NULL ? "" : "; it expires at ", expires == NULL ? "" : expires);
}

int cmd_tokens_new(struct cli *cli) {
    struct buf body = {0};
    cJSON *answer = NULL;
    if (cli_value(cli, "scope") == NULL) {
        return cli_usage(cli, "say what it may do: --scope viewer, submit, operator or admin");
    }
    buf_char(&body, '{');
    json_kstr(&body, "name", cli->args[0]);
    json_kstr(&body, "scope", cli_value(cli, "scope"));
    json_kstr(&body, "user", cli_value(cli, "user"));
    add_queues(cli, &body);
    json_kstr(&body, "expires", cli_value(cli, "expires"));
    buf_char(&body, '}');
    int r = body.failed ? cli_fail(cli, CLI_FAILED, "out of memory")
                        : remote_json(cli, "POST", "/v1/tokens", body.data, &answer);
    if (r == CLI_OK && !cli->json) {
        print_new(answer);
    }
    cJSON_Delete(answer);
    buf_free(&body);
    return r;
}

static void add_bound(struct table *t, const cJSON *token) {
    struct buf text = {0};
    const cJSON *queue;
    const char *user = remote_text(token, "user");
    buf_str(&text, user == NULL ? "" : "user ");
    buf_str(&text, user == NULL ? "" : user);
    cJSON_ArrayForEach(queue, cJSON_GetObjectItemCaseSensitive(token, "queues")) {
        buf_str(&text, text.len == 0 ? "" : ", ");
        buf_str(&text, cJSON_IsString(queue) ? queue->valuestring : "");
    }
    buf_char(&text, '\0');
    table_cell(t, text.failed ? NULL : text.data);
    buf_free(&text);
}

int cmd_tokens_ls(struct cli *cli) {
    static const char *const titles[] = {"ID",   "NAME",  "SCOPE",   "BOUND TO",
                                         ">AGE", ">USED", "EXPIRES", "STATE"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    cJSON *answer = NULL;
    const cJSON *token;
    char age[32], used[32];
    int r = remote_json(cli, "GET", "/v1/tokens", NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(token, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            table_cell(&t, remote_text(token, "id"));
            table_cell(&t, remote_text(token, "name"));
            table_cell(&t, remote_text(token, "scope"));
            add_bound(&t, token);
            table_cell(&t, out_age(remote_text(token, "created_at"), age));
            table_cell(&t, out_age(remote_text(token, "last_used_at"), used));
            table_cell(&t, remote_text(token, "expires_at"));
            table_cell(&t, remote_text(token, "state"));
        }
        table_print(cli, &t);
    }
    cJSON_Delete(answer);
    return r;
}

static int revoke(struct cli *cli, const char *id) {
    struct buf path = {0};
    cJSON *answer = NULL;
    buf_str(&path, "/v1/tokens");
    remote_segment(&path, id);
    remote_query(&path, "why", cli_value(cli, "why"));
    int r = remote_json(cli, "DELETE", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        out_text("%s is revoked\n", id);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}

int cmd_tokens_revoke(struct cli *cli) {
    int worst = CLI_OK;
    for (size_t i = 0; i < cli->arg_count; i++) {
        int r = revoke(cli, cli->args[i]);
        worst = r == CLI_OK ? worst : r;
    }
    return worst;
}
