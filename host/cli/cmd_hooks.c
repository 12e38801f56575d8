/* hooks: what is served, what came lately, and once more. */
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/filters.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

/* ["a","b"] as "a b". */
static void words_cell(struct table *t, const cJSON *words) {
    struct buf out = {0};
    const cJSON *word;
    cJSON_ArrayForEach(word, words) {
        buf_printf(&out, "%s%s", out.len == 0 ? "" : " ",
                   cJSON_IsString(word) ? word->valuestring : "");
    }
    table_cell(t, out.data);
    buf_free(&out);
}

static double deliveries(const cJSON *hook, const char *const *verdicts, size_t count) {
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(hook, "deliveries");
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += remote_number(all, verdicts[i]);
    }
    return sum;
}

int cmd_hooks(struct cli *cli) {
    static const char *const titles[] = {"HOOK",   "ON",          "METHODS",  "PATH", "SCHEMES",
                                         ">TAKEN", ">DUPLICATES", ">REFUSED", "LAST"};
    static const char *const taken[] = {"accepted", "skipped"}, *const again[] = {"duplicate"},
                             *const refused[] = {"refused", "unmapped", "failed", "limited"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    cJSON *answer = NULL;
    const cJSON *h;
    int r = remote_json(cli, "GET", "/v1/hooks", NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(h, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            table_cell(&t, remote_text(h, "name"));
            table_cell(&t, remote_true(h, "on") ? "on" : remote_text(h, "why"));
            words_cell(&t, cJSON_GetObjectItemCaseSensitive(h, "methods"));
            table_cell(&t, remote_text(h, "path"));
            words_cell(&t, cJSON_GetObjectItemCaseSensitive(h, "schemes"));
            table_number(&t, deliveries(h, taken, ARRAY_LEN(taken)));
            table_number(&t, deliveries(h, again, ARRAY_LEN(again)));
            table_number(&t, deliveries(h, refused, ARRAY_LEN(refused)));
            table_cell(&t, remote_text(h, "last_at"));
        }
        table_print(cli, &t);
    }
    cJSON_Delete(answer);
    return r;
}

int cmd_hooks_inbox(struct cli *cli) {
    static const char *const titles[] = {"DELIVERY", "AT",  "HOOK",  "VERDICT",
                                         "FROM",     "JOB", "CHECK", "DETAIL"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    struct buf path = {0};
    cJSON *answer = NULL;
    const cJSON *d;
    buf_str(&path, "/v1/hooks");
    if (cli->arg_count > 0) {
        remote_segment(&path, cli->args[0]);
    }
    buf_str(&path, "/inbox");
    if (cli_flag(cli, "refused")) {
        remote_query(&path, "refused", "true");
    }
    (void)filters_query(cli, &path);
    int r = remote_json(cli, "GET", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(d, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            table_cell(&t, remote_text(d, "id"));
            table_cell(&t, remote_text(d, "at"));
            table_cell(&t, remote_text(d, "hook"));
            table_cell(&t, remote_text(d, "verdict"));
            table_cell(&t, remote_text(d, "peer"));
            table_cell(&t, remote_text(d, "job"));
            table_cell(&t, remote_text(d, "check"));
            table_cell(&t, remote_text(d, "detail"));
        }
        table_print(cli, &t);
        filters_print_more(answer);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}

static void delivery_path(const struct cli *cli, struct buf *path, const char *more) {
    buf_str(path, "/v1/hooks/inbox");
    remote_segment(path, cli->args[0]);
    buf_str(path, more);
}

static void print_headers(const cJSON *headers) {
    const cJSON *h;
    cJSON_ArrayForEach(h, headers) {
        const cJSON *name = cJSON_GetArrayItem(h, 0), *value = cJSON_GetArrayItem(h, 1);
        out_text("%s: %s\n", cJSON_IsString(name) ? name->valuestring : "",
                 cJSON_IsString(value) ? value->valuestring : "");
    }
}

static void print_delivery(const struct cli *cli, const cJSON *d) {
    static const char *const lines[] = {"hook",   "verdict",  "check", "detail",
                                        "scheme", "delivery", "peer",  "job"};
    char when[64];
    out_line(cli, "at", out_when(remote_text(d, "at"), when));
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        out_line(cli, lines[i], remote_text(d, lines[i]));
    }
    out_linef(cli, "status", "%.0f", remote_number(d, "status"));
    out_text("\n%s %s\n", remote_text(d, "method"), remote_text(d, "target"));
    print_headers(cJSON_GetObjectItemCaseSensitive(d, "headers"));
    const char *body = remote_text(d, "body");
    if (body != NULL) {
        out_text("\n%s\n", body);
    } else {
        out_text("\n(%.0f bytes that are no text; --json has them)\n",
                 remote_number(d, "body_size"));
    }
    if (!remote_true(d, "body_whole")) {
        out_text("(the first part of %.0f bytes)\n", remote_number(d, "body_size"));
    }
}

int cmd_hooks_show(struct cli *cli) {
    struct buf path = {0};
    cJSON *answer = NULL;
    delivery_path(cli, &path, "");
    int r = remote_json(cli, "GET", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        print_delivery(cli, answer);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}

int cmd_hooks_replay(struct cli *cli) {
    struct buf path = {0}, body = {0};
    cJSON *answer = NULL;
    delivery_path(cli, &path, "/replay");
    buf_char(&body, '{');
    json_kstr(&body, "why", cli_value(cli, "why"));
    buf_char(&body, '}');
    int r = remote_json(cli, "POST", path.data, body.data, &answer);
    if (r == CLI_OK && !cli->json) {
        out_text("%s\n", remote_text(answer, "id"));
    }
    cJSON_Delete(answer);
    buf_free(&path);
    buf_free(&body);
    return r;
}
