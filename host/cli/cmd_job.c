#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/crash_page.h"
#include "cli/job_outputs.h"
#include "cli/job_page.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

/* ---- the parts of the page ---- */

static void print_identity(const struct cli *cli, const cJSON *job) {
    static const char *const names[] = {"id",       "type",         "queue",      "user",
                                        "priority", "key",          "parent",     "member_of",
                                        "callback", "duplicate_of", "replaced_by"};
    char text[64];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        out_line(cli, names[i], remote_text(job, names[i]));
    }
    (void)printf("%-13s %s%s\n", "state", out_state(cli, remote_text(job, "state"), text),
                 remote_true(job, "cancelling") ? " (asked to stop)" : "");
}

static void print_labels(const struct cli *cli, const cJSON *job) {
    struct buf text = {0};
    const cJSON *label;
    cJSON_ArrayForEach(label, cJSON_GetObjectItemCaseSensitive(job, "labels")) {
        buf_printf(&text, "%s%s", text.len == 0 ? "" : ", ", label->valuestring);
    }
    out_line(cli, "labels", text.data);
    buf_free(&text);
}

static void print_times(const struct cli *cli, const cJSON *job) {
    static const struct {
        const char *member, *title;
    } times[] = {
        {"created_at", "created"},     {"run_at", "runs at"},     {"ready_at", "ready since"},
        {"first_run_at", "first run"}, {"started_at", "started"}, {"finished_at", "finished"},
        {"times_out_at", "times out"}, {"deadline", "deadline"},  {"expires", "expires"},
        {"kept_until", "kept until"},
    };
    char text[64];
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        out_line(cli, times[i].title, out_when(remote_text(job, times[i].member), text));
    }
    out_line(cli, "timeout", remote_text(job, "timeout"));
}

static void print_tries(const struct cli *cli, const cJSON *job) {
    static const char *const rare[] = {"crashes", "resource_retries", "yields", "lost", "children"};
    out_linef(cli, "attempts", "%.0f of %.0f used, %.0f started", remote_number(job, "attempts"),
              remote_number(job, "max"), remote_number(job, "attempt"));
    for (size_t i = 0; i < ARRAY_LEN(rare); i++) {
        if (remote_number(job, rare[i]) > 0) {
            out_linef(cli, rare[i], "%.0f", remote_number(job, rare[i]));
        }
    }
}

static void print_question(const struct cli *cli, const cJSON *parked) {
    const cJSON *choice;
    out_line(cli, "question", remote_text(parked, "question"));
    cJSON_ArrayForEach(choice, cJSON_GetObjectItemCaseSensitive(parked, "choices")) {
        out_line(cli, "choice", choice->valuestring);
    }
}

static void print_condition(const struct cli *cli, const cJSON *job) {
    const cJSON *progress = cJSON_GetObjectItemCaseSensitive(job, "progress");
    const cJSON *parked = cJSON_GetObjectItemCaseSensitive(job, "parked");
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(job, "error");
    const char *message = remote_text(progress, "message");
    char text[64];
    if (progress != NULL) {
        out_linef(cli, "progress", "%.0f of %.0f%s%s", remote_number(progress, "done"),
                  remote_number(progress, "total"), message == NULL ? "" : ": ",
                  message == NULL ? "" : message);
    }
    if (parked != NULL) {
        const char *until = out_when(remote_text(parked, "until"), text);
        out_linef(cli, "parked", "%s%s%s", remote_text(parked, "reason"),
                  until == NULL ? "" : " until ", until == NULL ? "" : until);
        out_line(cli, "waits for", remote_text(parked, "key"));
        print_question(cli, parked);
    }
    if (error != NULL) {
        const char *code = remote_text(error, "code");
        const char *words = remote_text(error, "message");
        out_linef(cli, "error", "%s%s%s%s%s", remote_text(error, "class"), code == NULL ? "" : " ",
                  code == NULL ? "" : code, words == NULL ? "" : ": ", words == NULL ? "" : words);
    }
}

static void print_flow(const struct cli *cli, const cJSON *job) {
    const cJSON *flow = cJSON_GetObjectItemCaseSensitive(job, "flow");
    if (flow == NULL) {
        return;
    }
    out_linef(cli, "flow", "%.0f of %.0f open; %.0f succeeded, %.0f dead, %.0f cancelled%s",
              remote_number(flow, "open"), remote_number(flow, "made"),
              remote_number(flow, "succeeded"), remote_number(flow, "dead"),
              remote_number(flow, "cancelled"), remote_true(flow, "closed") ? "; closed" : "");
    out_line(cli, "then", remote_text(flow, "then"));
    out_line(cli, "first dead", remote_text(flow, "died"));
}

static void print_place(const struct cli *cli, const cJSON *job) {
    out_line(cli, "plugin", remote_text(job, "plugin"));
    out_line(cli, "build", remote_text(job, "build"));
    if (remote_number(job, "pid") > 0) {
        out_linef(cli, "pid", "%.0f", remote_number(job, "pid"));
    }
}

static void print_content(const struct cli *cli, const cJSON *job) {
    enum { SHOWN = 2000 };
    char size[32];
    const cJSON *payload = cJSON_GetObjectItemCaseSensitive(job, "payload");
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(job, "result");
    const cJSON *steps = cJSON_GetObjectItemCaseSensitive(job, "steps");
    char *text = payload == NULL ? NULL : cJSON_PrintUnformatted(payload);
    if (text != NULL) {
        bool cut = strlen(text) > SHOWN;
        out_linef(cli, "payload", "%.*s%s", SHOWN, text, cut ? "..." : "");
    }
    free(text);
    if (steps != NULL) {
        out_linef(cli, "steps", "%.0f, %s", remote_number(steps, "count"),
                  out_size(remote_number(steps, "bytes"), size));
    }
    if (result != NULL) {
        out_linef(cli, "result", "%s, %s", remote_text(result, "content_type"),
                  out_size(remote_number(result, "size"), size));
    }
    const cJSON *file;
    cJSON_ArrayForEach(file, cJSON_GetObjectItemCaseSensitive(job, "files")) {
        const char *filename = remote_text(file, "filename");
        out_linef(cli, "file", "%s%s%s%s, %s", remote_text(file, "name"),
                  filename == NULL ? "" : " (", filename == NULL ? "" : filename,
                  filename == NULL ? "" : ")", out_size(remote_number(file, "size"), size));
    }
}

static void print_warnings(const struct cli *cli, const cJSON *job) {
    const cJSON *warnings = cJSON_GetObjectItemCaseSensitive(job, "warnings");
    const cJSON *w;
    if (warnings == NULL) {
        return;
    }
    out_linef(cli, "warnings", "%.0f", remote_number(warnings, "count"));
    cJSON_ArrayForEach(w, cJSON_GetObjectItemCaseSensitive(warnings, "items")) {
        const char *message = remote_text(w, "message");
        out_linef(cli, "", "%s: %s", remote_text(w, "code"), message == NULL ? "" : message);
    }
}

static void print_history(const struct cli *cli, const cJSON *job) {
    static const char *const titles[] = {">RUN", "STARTED", "OUTCOME", "CLASS", "BUILD", "MESSAGE"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    const cJSON *history = cJSON_GetObjectItemCaseSensitive(job, "history");
    const cJSON *a;
    if (cJSON_GetArraySize(history) == 0) {
        return;
    }
    (void)printf("\n");
    cJSON_ArrayForEach(a, history) {
        table_cellf(&t, "%.0f", remote_number(a, "execution"));
        table_cell(&t, remote_text(a, "started_at"));
        table_cell(&t, remote_text(a, "outcome"));
        table_cell(&t, remote_text(a, "class"));
        table_cell(&t, remote_text(a, "build"));
        table_cell(&t, remote_text(a, "message"));
    }
    table_print(cli, &t);
    crash_page_newest(cli, history);
}

int job_page_show(const struct cli *cli, const char *id) {
    struct buf path = {0};
    cJSON *job = NULL;
    buf_str(&path, "/v1/jobs");
    remote_segment(&path, id);
    int r = remote_json(cli, "GET", path.data, NULL, &job);
    if (r == CLI_OK && !cli->json) {
        print_identity(cli, job);
        print_labels(cli, job);
        print_condition(cli, job);
        print_flow(cli, job);
        print_tries(cli, job);
        print_times(cli, job);
        print_place(cli, job);
        print_content(cli, job);
        job_outputs_lines(cli, id, job, false);
        print_warnings(cli, job);
        print_history(cli, job);
    }
    cJSON_Delete(job);
    buf_free(&path);
    return r;
}

int cmd_job(struct cli *cli) {
    return job_page_show(cli, cli->args[0]);
}
