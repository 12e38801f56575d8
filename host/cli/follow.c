#include "cli/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/bar.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/sse.h"

enum { CUTS_MAX = 5 }; // how often a stream is taken up again: a slow reader, the end of a drain

struct watch {
    const struct cli *cli;
    const struct follow *how;
    struct bar bar;
    char state[32];
    cJSON *last; // the last "state" event
};

static bool is_final(const char *state) {
    static const char *const finals[] = {"succeeded", "dead", "cancelled", "duplicate"};
    for (size_t i = 0; i < sizeof finals / sizeof finals[0]; i++) {
        if (strcmp(state, finals[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- showing ---- */

static void show_line(const struct watch *w, const char *event, const cJSON *data) {
    char text[64];
    const char *at = remote_text(data, "at");
    at = at != NULL ? at : remote_text(data, "updated_at"); // the whole job, first and last
    const cJSON *progress = cJSON_GetObjectItemCaseSensitive(data, "progress");
    const char *message = remote_text(progress, "message");
    const char *log = remote_text(data, "text");
    char *line = strdup(log != NULL ? log : message != NULL ? message : "");
    if (line == NULL) {
        return;
    }
    out_clean(line, false);
    if (strcmp(event, "state") == 0) {
        (void)printf("%-25s%s", at == NULL ? "" : at, out_state(w->cli, w->state, text));
    } else if (strcmp(event, "progress") == 0) {
        (void)printf("%-25s%.0f/%.0f", at == NULL ? "" : at, remote_number(progress, "done"),
                     remote_number(progress, "total"));
    } else {
        const char *level = remote_text(data, "level");
        (void)printf("%-25s%s", at == NULL ? "" : at, level == NULL ? "" : level);
    }
    (void)printf("%s%s\n", line[0] == '\0' ? "" : "  ", line);
    (void)fflush(stdout);
    free(line);
}

static void show_event(struct watch *w, const char *event, const char *text, const cJSON *data) {
    if (w->how->events && w->cli->json) {
        (void)printf("{\"event\":\"%s\",\"data\":%s}\n", event, text);
        (void)fflush(stdout);
    } else if (w->how->events) {
        show_line(w, event, data);
    } else if (!w->how->quiet) {
        const cJSON *progress = cJSON_GetObjectItemCaseSensitive(data, "progress");
        bool known = cJSON_GetObjectItemCaseSensitive(progress, "percent") != NULL;
        bar_draw(&w->bar, w->state, known ? remote_number(progress, "percent") : -1,
                 remote_text(progress, "message"));
    }
}

static void on_event(void *arg, const char *event, const char *text) {
    struct watch *w = arg;
    cJSON *data = cJSON_Parse(text);
    const char *state = remote_text(data, "state");
    if (data == NULL) {
        return;
    }
    if (state != NULL) {
        (void)snprintf(w->state, sizeof w->state, "%s", state);
    }
    show_event(w, event[0] == '\0' ? "message" : event, text, data);
    if (strcmp(event, "state") == 0) {
        cJSON_Delete(w->last);
        w->last = data;
    } else {
        cJSON_Delete(data);
    }
}

/* ---- the stream ---- */

/* One connection, to the stream's end. */
static int read_stream(const struct cli *cli, const char *id, struct watch *w) {
    struct buf path = {0};
    struct err e = {.code = 0};
    struct client_response *response = malloc(sizeof *response);
    struct sse sse = {.on_event = on_event, .arg = w};
    char part[4096];
    int64_t n = 1;
    buf_str(&path, "/v1/jobs");
    remote_segment(&path, id);
    buf_str(&path, "/events");
    int r =
        response == NULL || path.failed
            ? cli_fail(cli, CLI_FAILED, "out of memory")
            : remote_open(cli,
                          &(struct client_request){
                              .method = "GET", .path = path.data, .accept = "text/event-stream"},
                          response);
    if (r == CLI_OK) {
        while (n > 0) {
            n = client_read(response, part, sizeof part, &e);
            if (n > 0 && sse_feed(&sse, part, (size_t)n) != 0) {
                n = -1;
            }
        }
        client_close(response);
    }
    sse_finish(&sse);
    buf_free(&path);
    free(response);
    return r;
}

int follow_job(const struct cli *cli, const char *id, const struct follow *how, cJSON **ret_job) {
    struct watch w = {.cli = cli, .how = how, .bar = {.on = cli->err_tty && !cli->json}};
    int r = CLI_OK;
    for (int cuts = 0; r == CLI_OK && !is_final(w.state) && cuts < CUTS_MAX; cuts++) {
        if (cuts > 0) {
            (void)nanosleep(&(struct timespec){.tv_nsec = 200 * 1000 * 1000}, NULL);
        }
        r = read_stream(cli, id, &w);
    }
    bar_clear(&w.bar);
    if (r == CLI_OK && !is_final(w.state)) {
        r = cli_fail(cli, CLI_UNREACHABLE, "the host stopped sending before the job had ended");
    }
    if (r == CLI_OK) {
        *ret_job = w.last;
    } else {
        cJSON_Delete(w.last);
    }
    return r;
}
