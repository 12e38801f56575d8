#include "cli/filters.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

static const struct {
    const char *option, *parameter;
} filters[] = {
    {"queue", "queue"}, {"type", "type"}, {"user", "user"}, {"label", "label"},
    {"class", "class"}, {"code", "code"}, {"search", "q"},
};

/* Those that only lists know. */
static const char *const of_lists[] = {"state", "after",  "before", "parent",
                                       "actor", "action", "target"};
static const char *const paging[] = {"limit", "cursor"};

static size_t add_given(const struct cli *cli, struct buf *path, const char *parameter,
                        const char *option) {
    const char *value = cli_value(cli, option);
    remote_query(path, parameter, value);
    return value != NULL;
}

size_t filters_query(const struct cli *cli, struct buf *path) {
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        count += add_given(cli, path, filters[i].parameter, filters[i].option);
    }
    count += add_given(cli, path, "park", "parked");
    for (size_t i = 0; i < ARRAY_LEN(of_lists); i++) {
        count += add_given(cli, path, of_lists[i], of_lists[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(paging); i++) {
        (void)add_given(cli, path, paging[i], paging[i]);
    }
    return count;
}

size_t filters_json(const struct cli *cli, struct buf *out) {
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        const char *value = cli_value(cli, filters[i].option);
        json_kstr(out, filters[i].parameter, value);
        count += value != NULL;
    }
    return count;
}

const char *filters_option(const char *parameter) {
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        if (strcmp(filters[i].parameter, parameter) == 0) {
            return filters[i].option;
        }
    }
    return parameter;
}

/* What is worth knowing in one line: how far it is, why it waits, or what went wrong. */
static void add_note(struct table *t, const cJSON *job) {
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(job, "error");
    const cJSON *progress = cJSON_GetObjectItemCaseSensitive(job, "progress");
    const cJSON *parked = cJSON_GetObjectItemCaseSensitive(job, "parked");
    const char *state = remote_text(job, "state");
    bool runs = state != NULL && strcmp(state, "running") == 0;
    bool percent = cJSON_GetObjectItemCaseSensitive(progress, "percent") != NULL;
    const char *message = remote_text(progress, "message");
    if (runs && percent) {
        table_cellf(t, "%.0f %% %s", remote_number(progress, "percent"),
                    message == NULL ? "" : message);
    } else if (parked != NULL) {
        const char *question = remote_text(parked, "question"), *key = remote_text(parked, "key");
        const char *more = question != NULL ? question : key;
        table_cellf(t, "for %s%s%s", remote_text(parked, "reason"), more == NULL ? "" : ": ",
                    more == NULL ? "" : more);
    } else if (error != NULL) {
        const char *text = remote_text(error, "message");
        table_cellf(t, "%s: %s", remote_text(error, "class"), text == NULL ? "" : text);
    } else {
        table_cell(t, message);
    }
}

static void add_job(struct table *t, const cJSON *job, bool dead) {
    char age[32];
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(job, "error");
    table_cell(t, remote_text(job, "id"));
    if (dead) {
        table_cell(t, remote_text(error, "code"));
    } else {
        table_state(t, remote_text(job, "state"));
    }
    table_cell(t, remote_text(job, "type"));
    table_cell(t, remote_text(job, "queue"));
    table_cell(t, out_age(remote_text(job, dead ? "finished_at" : "created_at"), age));
    table_cellf(t, "%.0f/%.0f", remote_number(job, "attempts"), remote_number(job, "max"));
    add_note(t, job);
}

void filters_print_jobs(const struct cli *cli, const cJSON *answer, bool dead) {
    static const char *const titles[] = {"ID", "STATE", "TYPE", "QUEUE", ">AGE", ">TRIES", "NOTE"};
    static const char *const dead_titles[] = {"ID",    "CODE",   "TYPE", "QUEUE",
                                              ">DEAD", ">TRIES", "WHY"};
    struct table t = {.titles = dead ? dead_titles : titles, .columns = ARRAY_LEN(titles)};
    const cJSON *job;
    cJSON_ArrayForEach(job, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
        add_job(&t, job, dead);
    }
    table_print(cli, &t);
    filters_print_more(answer);
}

void filters_print_more(const cJSON *answer) {
    const char *cursor = remote_text(answer, "next_cursor");
    if (cursor != NULL) {
        (void)fprintf(stderr, "more: --cursor %s\n", cursor);
    }
    if (remote_true(answer, "partial")) {
        (void)fputs("the search took too long and was cut; go on with the cursor\n", stderr);
    }
}
