#include "cli/crash_page.h"

#include <stdio.h>

#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

/* "parse+0x1c", or as much as is known. */
static const char *place_of(const cJSON *crash) {
    const char *symbol = remote_text(crash, "symbol");
    return symbol != NULL ? symbol : remote_text(crash, "code");
}

static const char *memory_of(const cJSON *crash, char out[32]) {
    double rss = remote_number(crash, "rss");
    return rss > 0 ? out_size(rss, out) : NULL;
}

static void add_crash(struct table *t, const char *plugin, const cJSON *crash) {
    char age[32], size[32];
    table_cell(t, plugin);
    table_cell(t, out_age(remote_text(crash, "at"), age));
    table_cell(t, remote_text(crash, "job"));
    table_cell(t, remote_text(crash, "type"));
    table_cell(t, remote_text(crash, "signal"));
    table_cell(t, place_of(crash));
    table_cell(t, remote_text(crash, "step"));
    table_cell(t, memory_of(crash, size));
    table_cell(t, remote_text(crash, "build"));
}

void crash_page_table(const struct cli *cli, const cJSON *plugins) {
    static const char *const titles[] = {"CRASH OF", ">AGE", "JOB",     "TYPE", "SIGNAL",
                                         "WHERE",    "STEP", ">MEMORY", "BUILD"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    const cJSON *p, *crash;
    cJSON_ArrayForEach(p, plugins) {
        cJSON_ArrayForEach(crash, cJSON_GetObjectItemCaseSensitive(p, "recent_crashes")) {
            add_crash(&t, remote_text(p, "name"), crash);
        }
    }
    if (t.count > 0) {
        (void)printf("\n");
        table_print(cli, &t);
    } else {
        table_finish(&t);
    }
}

static void print_crash(const struct cli *cli, const cJSON *crash) {
    char size[32];
    const char *address = remote_text(crash, "address");
    const char *signal = remote_text(crash, "signal");
    const char *symbol = remote_text(crash, "symbol");
    const char *code = remote_text(crash, "code");
    const cJSON *line;
    (void)printf("\n");
    out_linef(cli, "last crash", "%s%s%s", signal == NULL ? "no signal" : signal,
              address == NULL ? "" : " at address ", address == NULL ? "" : address);
    if (code != NULL) {
        out_linef(cli, "in", "%s%s%s%s", symbol == NULL ? "" : symbol, symbol == NULL ? "" : " (",
                  code, symbol == NULL ? "" : ")");
    }
    out_line(cli, "build id", remote_text(crash, "build_id"));
    out_line(cli, "last step", remote_text(crash, "step"));
    out_line(cli, "memory", memory_of(crash, size));
    cJSON_ArrayForEach(line, cJSON_GetObjectItemCaseSensitive(crash, "log")) {
        out_line(cli, "log", cJSON_GetStringValue(line));
    }
}

void crash_page_newest(const struct cli *cli, const cJSON *history) {
    const cJSON *newest = NULL, *attempt;
    cJSON_ArrayForEach(attempt, history) {
        const cJSON *crash = cJSON_GetObjectItemCaseSensitive(attempt, "crash");
        newest = crash != NULL ? crash : newest;
    }
    if (newest != NULL) {
        print_crash(cli, newest);
    }
}
