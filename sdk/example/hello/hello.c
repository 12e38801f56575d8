// hello: the living template of a handler plugin. It shows options, payload tables, steps, live
// progress, sleeping, a child job, a warning, failing with a class, and how to stop when asked.
//
//     hello.say   {"name": "Ada", "lines": 5}   greets line by line; each line is a step, so a
//                                               restart goes on where it was
//     hello.note  {"name": "Ada"}               its child: logs that it happened
#include <stdio.h>

#include "jobhost_json.h"
#include "jobhost_plugin.h"
#include "jobhost_util.h"

enum { NAME_BYTES = 65, GREETING_BYTES = 41, LINES_MAX = 100 };

struct settings { // made once per process, read by every run()
    char greeting[GREETING_BYTES];
    int64_t pause_ms;
};

// ---- hello.note ----

static jh_status note_run(void *self, struct jh_call *c, const struct jh_job *job) {
    char name[NAME_BYTES];
    (void)self;
    (void)jh_json_get_text(job->payload, "name", name, sizeof name);
    jh_logf(c, JH_LOG_INFO, "%s has been greeted", name);
    return JH_OK;
}

// ---- hello.say ----

// The child is only asked for here: it exists from the next commit on, together with that commit's
// step, or not at all.
static int queue_note(struct jh_call *c, const char *quoted_name) {
    char payload[NAME_BYTES * 6 + 16];
    struct jh_child child = {.size = sizeof child, .handler = "hello.note"};
    (void)snprintf(payload, sizeof payload, "{\"name\":%s}", quoted_name);
    child.payload = jh_bytes_of(payload);
    return c->host->enqueue(c, &child);
}

// One line: wait, then remember that it was said; with the last one the note is queued. 0, or
// negative: stop now.
static int say_line(struct jh_call *c, const struct settings *mine, const char *step,
                    const char *note) {
    struct jh_bytes seen;
    int found = c->host->step_get(c, step, &seen);
    if (found <= 0) { // said by an earlier attempt, or an error
        return found;
    }
    if (c->host->sleep_ms(c, mine->pause_ms) != 0) {
        return -1;
    }
    if (note != NULL && queue_note(c, note) < 0) {
        return -1;
    }
    return jh_step_puts(c, step, "said");
}

static jh_status say_run(void *self, struct jh_call *c, const struct jh_job *job) {
    const struct settings *mine = (const struct settings *)self;
    const struct jh_host *host = c->host;
    struct jh_bytes raw;
    char name[NAME_BYTES] = "world";
    char quoted[NAME_BYTES * 6];
    char text[NAME_BYTES * 6 + 64];
    int64_t lines = jh_json_get_int(job->payload, "lines", 5);

    if (!jh_json_member(job->payload, "name", &raw)) {
        (void)jh_warnf(c, "no_name", "the payload has no name, greeting the world");
    } else if (!jh_json_text(raw, name, sizeof name) || name[0] == '\0') {
        return jh_failf(c, JH_E_INPUT, "bad_name", "name must be 1 to %d bytes", NAME_BYTES - 1);
    }
    if (lines < 1 || lines > LINES_MAX) {
        return jh_failf(c, JH_E_INPUT, "bad_lines", "lines must be 1 to %d", LINES_MAX);
    }
    (void)jh_json_quote(name, quoted, sizeof quoted);
    for (int64_t i = 1; i <= lines; i++) {
        char step[32];
        (void)snprintf(step, sizeof step, "line-%d", (int)i);
        (void)snprintf(text, sizeof text, "line %d of %d for %s", (int)i, (int)lines, name);
        if (say_line(c, mine, step, i == lines ? quoted : NULL) < 0) {
            return jh_stop(c);
        }
        (void)host->progress(c, (uint64_t)i, (uint64_t)lines, text);
        host->log(c, JH_LOG_INFO, text);
    }
    (void)snprintf(text, sizeof text, "%s, %s!", mine->greeting, name);
    char result[sizeof text * 2];
    size_t len = jh_json_quote(text, result, sizeof result);
    (void)host->result(c, jh_bytes_make(result, len));
    return JH_OK;
}

// ---- the plugin ----

static int create(struct jh_call *c, void **self) {
    static struct settings mine; // one per process is all there ever is
    const char *greeting = jh_opt_str(c, "greeting", "Good day");
    if (strlen(greeting) >= sizeof mine.greeting) {
        (void)jh_failf(c, JH_E_INPUT, NULL, "greeting is over %d bytes", GREETING_BYTES - 1);
        return -1;
    }
    (void)snprintf(mine.greeting, sizeof mine.greeting, "%s", greeting); // borrowed: copy it
    mine.pause_ms = jh_opt_ms(c, "pause", 400);
    *self = &mine;
    return 0;
}

static const struct jh_option options[] = {
    {"greeting", JH_OPT_STRING, 0, "Good day", "what to say before the name"},
    {"pause", JH_OPT_DURATION, 0, "400ms", "time to wait before each line"},
    {0},
};
static const struct jh_option say_payload[] = {
    {"name", JH_OPT_STRING, 0, NULL, "who is greeted"},
    {"lines", JH_OPT_INT, 0, "5", "how many lines, 1 to 100"},
    {0},
};
static const struct jh_handler handlers[] = {
    {.name = "hello.say",
     .summary = "greet somebody, line by line",
     .run = say_run,
     .flags = JH_HANDLER_CONCURRENT,
     .state_version = 1,
     .payload = say_payload},
    {.name = "hello.note",
     .summary = "log that somebody was greeted",
     .run = note_run,
     .flags = JH_HANDLER_CONCURRENT,
     .state_version = 1},
};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,     .name = "hello",      .version = "0.1.0",
    .options = options, .handlers = handlers, .handler_count = sizeof handlers / sizeof handlers[0],
    .create = create,
};
