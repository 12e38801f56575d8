#include "cli/follow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/bar.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/sse.h"

/* How often a broken stream is asked for without hearing an event: about half a minute, enough for
 * a host that is restarted. */
enum { TRIES_MAX = 10, PAUSE_MIN_MS = 200, PAUSE_MAX_MS = 5000 };

struct watch {
    const struct cli *cli;
    const struct follow *how;
    struct bar bar;
    char state[32];
    cJSON *last; // the last "state" event
    struct sse sse;
    bool heard; // an event came on this connection
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
    w->heard = true;
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

static int on_bytes(void *arg, struct bytes part, struct err *e) {
    struct watch *w = arg;
    return sse_feed(&w->sse, part.data, part.len) == 0 ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static void wait_ms(long ms) {
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Is there any use in asking again? Not after a refusal; but 5xx are a host that comes or goes. */
static bool may_retry(int error, const struct client_answer *answer) {
    return !answer->stopped && (error != 0 || answer->status == 200 || answer->status >= 500);
}

/* Takes a stream up again that broke off: from the event after the last one, if the host still
 * knows it, or else from the job's present state. */
static int resume(struct watch *w, struct client_request *request) {
    struct err e = {.code = 0};
    long pause_ms = PAUSE_MIN_MS;
    int r = CLI_OK;
    for (unsigned tries = 1; r == CLI_OK && !is_final(w->state); tries++) {
        struct client_answer answer;
        wait_ms(pause_ms);
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
        sse_reset(&w->sse);
        request->last_event_id = w->sse.id[0] == '\0' ? NULL : w->sse.id;
        w->heard = false;
        int error = remote_try(w->cli, request, &answer, &e);
        if (w->heard) {
            tries = 0;
            pause_ms = PAUSE_MIN_MS;
        }
        if (!may_retry(error, &answer)) {
            r = answer.stopped ? cli_fail(w->cli, CLI_FAILED, "%s", e.msg)
                               : remote_refused(w->cli, answer.status, buf_bytes(&answer.refusal));
        } else if (tries >= TRIES_MAX) {
            r = cli_fail(w->cli, CLI_UNREACHABLE,
                         "the host stopped sending before the job had ended%s%s",
                         error == 0 ? "" : ": ", error == 0 ? "" : e.msg);
        }
        client_answer_finish(&answer);
    }
    return r;
}

static int read_streams(struct watch *w, const char *path) {
    struct client_request request = {.method = "GET",
                                     .path = path,
                                     .accept = "text/event-stream",
                                     .on_body = on_bytes,
                                     .body_arg = w};
    struct client_answer answer;
    struct err e = {.code = 0};
    int r = remote_begin(w->cli);
    if (r != CLI_OK) {
        return r;
    }
    int error = remote_try(w->cli, &request, &answer, &e);
    bool broke = w->heard && !is_final(w->state) && may_retry(error, &answer);
    r = broke ? CLI_OK : remote_say(w->cli, error, &answer, &e);
    client_answer_finish(&answer);
    return r == CLI_OK ? resume(w, &request) : r;
}

int follow_job(const struct cli *cli, const char *id, const struct follow *how, cJSON **ret_job) {
    struct watch w = {.cli = cli, .how = how, .bar = {.on = cli->err_tty && !cli->json}};
    struct buf path = {0};
    w.sse = (struct sse){.on_event = on_event, .arg = &w};
    buf_str(&path, "/v1/jobs");
    remote_segment(&path, id);
    buf_str(&path, "/events");
    int r = path.failed ? cli_fail(cli, CLI_FAILED, "out of memory") : read_streams(&w, path.data);
    bar_clear(&w.bar);
    sse_finish(&w.sse);
    buf_free(&path);
    if (r == CLI_OK) {
        *ret_job = w.last;
    } else {
        cJSON_Delete(w.last);
    }
    return r;
}
