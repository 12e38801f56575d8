#include "cli/complete_values.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/complete.h"
#include "cli/remote.h"

typedef void take_fn(void *arg, const char *value, const char *note);

static const struct {
    enum cli_kind kind;
    const char *words;
} lists[] = {
    {CLI_STATE, "scheduled queued running parked succeeded dead cancelled duplicate"},
    {CLI_PARK, "time event children limiter breaker no_handler state_version needs_operator "
               "pin_unavailable schedule"},
    {CLI_CLASS, "input auth network rate upstream timeout resource bug permanent unknown"},
    {CLI_PRIORITY, "high normal low"},
    {CLI_DEDUP, "return reject replace debounce throttle"},
    {CLI_DST, "vixie skip both shift"},
    {CLI_DAYS, "or and"},
    {CLI_VERDICT, "fire caught_up queued replace skipped_overlap skipped_gap skipped_paused "
                  "dropped_window dropped_max dropped_catch_up refused"},
    {CLI_SCOPE, "viewer submit operator admin"},
    {CLI_SHELL, "bash zsh fish"},
};

static const struct {
    enum cli_kind kind;
    const char *path;
    const char *inner; /* a list within each item, whose items count instead */
    const char *name;
    const char *notes[2];
} sources[] = {
    {CLI_JOB, "/v1/jobs?limit=50", NULL, "id", {"state", "type"}},
    {CLI_JOB_OR_QUEUE, "/v1/jobs?limit=50", NULL, "id", {"state", "type"}},
    {CLI_JOB_OR_QUEUE, "/v1/queues", NULL, "name", {NULL}},
    {CLI_JOB_ACTIVE, "/v1/jobs?limit=30&state=running", NULL, "id", {"state", "type"}},
    {CLI_JOB_ACTIVE, "/v1/jobs?limit=30&state=queued", NULL, "id", {"state", "type"}},
    {CLI_JOB_ACTIVE, "/v1/jobs?limit=30&state=scheduled", NULL, "id", {"state", "type"}},
    {CLI_JOB_ACTIVE, "/v1/jobs?limit=30&state=parked", NULL, "id", {"state", "type"}},
    {CLI_JOB_SCHEDULED, "/v1/jobs?limit=50&state=scheduled", NULL, "id", {"type"}},
    {CLI_JOB_STOPPED, "/v1/jobs?limit=50&state=dead", NULL, "id", {"state", "type"}},
    {CLI_JOB_STOPPED, "/v1/jobs?limit=50&state=cancelled", NULL, "id", {"state", "type"}},
    {CLI_JOB_DEAD, "/v1/dlq?limit=50", NULL, "id", {"type"}},
    {CLI_JOB_ASKING, "/v1/jobs?limit=50&park=needs_operator", NULL, "id", {"type"}},
    {CLI_JOB_SUCCEEDED, "/v1/jobs?limit=50&state=succeeded", NULL, "id", {"type"}},
    {CLI_QUEUE, "/v1/queues", NULL, "name", {NULL}},
    {CLI_PLUGIN, "/v1/plugins", NULL, "name", {"state"}},
    {CLI_SCHEDULE, "/v1/schedules?limit=200", NULL, "name", {"state", "cron"}},
    {CLI_TOKEN, "/v1/tokens", NULL, "id", {"name", "scope"}},
    {CLI_TYPE, "/v1/plugins", "handlers", "name", {"summary"}},
};

static void take_words(const char *words, take_fn *take, void *arg) {
    char word[32];
    while (*words != '\0') {
        size_t len = strcspn(words, " ");
        (void)snprintf(word, sizeof word, "%.*s", (int)len, words);
        take(arg, word, NULL);
        words += len + (words[len] == ' ');
    }
}

static void take_item(const cJSON *item, const char *name, const char *const notes[2],
                      take_fn *take, void *arg) {
    char note[160] = "";
    for (size_t i = 0; i < 2 && notes[i] != NULL; i++) {
        const char *text = remote_text(item, notes[i]);
        size_t len = strlen(note);
        (void)snprintf(note + len, sizeof note - len, "%s%s", len == 0 ? "" : " ",
                       text == NULL ? "" : text);
    }
    const char *value = remote_text(item, name);
    if (value != NULL && value[0] != '-') { // never an option
        take(arg, value, note);
    }
}

static void ask(const struct cli *cli, size_t source, take_fn *take, void *arg) {
    struct buf text = {0};
    const cJSON *item, *inner;
    (void)remote_ask(cli,
                     &(struct client_request){.method = "GET",
                                              .path = sources[source].path,
                                              .connect_ms = COMPLETE_CONNECT_MS,
                                              .total_ms = COMPLETE_TOTAL_MS},
                     &text);
    cJSON *answer = cJSON_ParseWithLength(text.data, text.len);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
        if (sources[source].inner == NULL) {
            take_item(item, sources[source].name, sources[source].notes, take, arg);
            continue;
        }
        cJSON_ArrayForEach(inner, cJSON_GetObjectItemCaseSensitive(item, sources[source].inner)) {
            take_item(inner, sources[source].name, sources[source].notes, take, arg);
        }
    }
    cJSON_Delete(answer);
    buf_free(&text);
}

void complete_values(const struct cli *cli, enum cli_kind kind, take_fn *take, void *arg) {
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (lists[i].kind == kind) {
            take_words(lists[i].words, take, arg);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        if (sources[i].kind == kind) {
            ask(cli, i, take, arg);
        }
    }
}
