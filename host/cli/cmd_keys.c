/* keys ls, keys release: who holds which deduplication key. */
#include <stdio.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/filters.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

int cmd_keys_ls(struct cli *cli) {
    static const char *const titles[] = {"QUEUE", "JOB", "UNTIL", "KEY"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    struct buf path = {0};
    cJSON *answer = NULL;
    const cJSON *key;
    char until[64];
    buf_str(&path, "/v1/dedup");
    (void)filters_query(cli, &path);
    int r = remote_json(cli, "GET", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(key, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            const char *expires = out_when(remote_text(key, "expires_at"), until);
            table_cell(&t, remote_text(key, "queue"));
            table_cell(&t, remote_text(key, "job"));
            table_cell(&t, expires == NULL ? "the job's end" : expires);
            table_cell(&t, remote_text(key, "key"));
        }
        table_print(cli, &t);
        filters_print_more(answer);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}

int cmd_keys_release(struct cli *cli) {
    struct buf body = {0};
    cJSON *answer = NULL;
    buf_char(&body, '{');
    json_kstr(&body, "queue", cli->args[0]);
    json_kstr(&body, "key", cli->args[1]);
    buf_char(&body, '}');
    int r = body.failed ? cli_fail(cli, CLI_FAILED, "out of memory")
                        : remote_json(cli, "POST", "/v1/dedup/release", body.data, &answer);
    if (r == CLI_OK && !cli->json) {
        (void)printf("released\n");
    }
    cJSON_Delete(answer);
    buf_free(&body);
    return r;
}
