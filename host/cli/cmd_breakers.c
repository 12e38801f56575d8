/* breakers. */
#include "cli/cli.h"
#include "cli/filters.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

int cmd_breakers(struct cli *cli) {
    static const char *const titles[] = {"BREAKER", "STATE",     "UNTIL",
                                         "CLASS",   ">FAILURES", "PROBE"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    struct buf path = {0};
    cJSON *answer = NULL;
    const cJSON *b;
    buf_str(&path, "/v1/breakers");
    (void)filters_query(cli, &path);
    int r = remote_json(cli, "GET", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(b, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            table_cell(&t, remote_text(b, "name"));
            table_cell(&t, remote_text(b, "state"));
            table_cell(&t, remote_text(b, "open_until"));
            table_cell(&t, remote_text(b, "class"));
            table_cellf(&t, "%.0f", remote_number(b, "failures"));
            table_cell(&t, remote_true(b, "probing") ? "under way" : "");
        }
        table_print(cli, &t);
        filters_print_more(answer);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}
