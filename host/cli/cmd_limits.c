#include "base/rfc3339.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

static void add_rules(struct table *t, const cJSON *l) {
    double rate = remote_number(l, "rate"), once = remote_number(l, "concurrency");
    char per[32] = "";
    if (rate > 0) {
        duration_format((int64_t)remote_number(l, "per_ms"), per, sizeof per);
    }
    if (rate > 0 && once > 0) {
        table_cellf(t, "%.0f/%s, %.0f at once", rate, per, once);
    } else if (rate > 0) {
        table_cellf(t, "%.0f/%s", rate, per);
    } else {
        table_cellf(t, "%.0f at once", once);
    }
}

/* Why not now, and until when. */
static void add_wait(struct table *t, const cJSON *l) {
    const char *part = remote_text(l, "waits_for"), *at = remote_text(l, "free_at");
    if (part == NULL) {
        table_cell(t, "");
    } else {
        table_cellf(t, "%s until %s", part, at == NULL ? "?" : at);
    }
}

int cmd_limits(struct cli *cli) {
    static const char *const titles[] = {"LIMITER", "RULES", ">HELD",    ">SETTLED",
                                         ">OTHERS", ">FREE", ">WAITING", "SHUT"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    cJSON *answer = NULL;
    const cJSON *l;
    int r = remote_json(cli, "GET", "/v1/limits", NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(l, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            table_cell(&t, remote_text(l, "name"));
            add_rules(&t, l);
            table_cellf(&t, "%.0f", remote_number(l, "held"));
            table_cellf(&t, "%.0f", remote_number(l, "settled"));
            table_cellf(&t, "%.0f", remote_number(l, "foreign"));
            table_cellf(&t, "%.0f", remote_number(l, "free"));
            table_cellf(&t, "%.0f", remote_number(l, "waiting"));
            add_wait(&t, l);
        }
        table_print(cli, &t);
    }
    cJSON_Delete(answer);
    return r;
}
