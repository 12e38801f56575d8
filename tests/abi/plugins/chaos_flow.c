// How a job goes: steps, parking, sleeping, failing, dying.
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos.h"
#include "jobhost_clock.h"

static int enqueue_child(const struct chaos *x, const char *parent, int64_t delay_ms) {
    char payload[128];
    (void)snprintf(payload, sizeof payload, "{\"parent\":\"%s\"}", parent);
    struct jh_child child = {.size = sizeof child,
                             .handler = "chaos.child",
                             .payload = jh_bytes_of(payload),
                             .delay_ms = delay_ms};
    return x->host->enqueue(x->call, &child);
}

// One step and all that belongs to it, in one commit. 0, or negative: stop.
static int do_step(const struct chaos *x, int64_t number, int64_t pause_ms, int64_t children) {
    char name[32];
    struct jh_bytes seen;
    (void)snprintf(name, sizeof name, "%lld", (long long)number);
    int found = x->host->step_get(x->call, name, &seen);
    if (found <= 0) {
        return found;
    }
    if (pause_ms > 0 && x->host->sleep_ms(x->call, pause_ms) != 0) {
        return -1;
    }
    int rc = chaos_sink(x, name);
    for (int64_t i = 0; rc == 0 && i < children; i++) {
        rc = enqueue_child(x, x->job->id, 0);
    }
    return rc < 0 ? rc : jh_step_puts(x->call, name, "done");
}

// steps (5), pause_ms (0) before each, children (0) with each. Counts `sink:<id>:<n>` per step and
// `sink:<id>:end`.
jh_status chaos_steps(struct chaos *x) {
    int64_t steps = chaos_int(x, "steps", 5);
    int64_t pause_ms = chaos_int(x, "pause_ms", 0);
    int64_t children = chaos_int(x, "children", 0);
    for (int64_t i = 1; i <= steps; i++) {
        if (do_step(x, i, pause_ms, children) < 0) {
            return jh_stop(x->call);
        }
        (void)x->host->progress(x->call, (uint64_t)i, (uint64_t)steps, NULL);
    }
    if (chaos_sink(x, "end") < 0) {
        return jh_stop(x->call);
    }
    cJSON *result = cJSON_CreateObject();
    (void)cJSON_AddNumberToObject(result, "steps", (double)steps);
    return chaos_result(x, result) < 0 ? JH_RETRY : JH_OK;
}

// parent: adds 1 to `children:<parent>`.
jh_status chaos_child(struct chaos *x) {
    char key[128];
    (void)snprintf(key, sizeof key, "children:%s", chaos_text(x, "parent", "nobody"));
    if (chaos_sink(x, "end") < 0 || x->kv->add(x->call, key, 1) < 0) {
        return jh_stop(x->call);
    }
    return JH_OK;
}

// times (1), kind: now | until | event | children | limiter | bad; ms (100) from now for until,
// timeout_ms, key; children (0) that it makes before each, due after delay_ms (0).
jh_status chaos_yield(struct chaos *x) {
    static const char *const kinds[] = {"now", "until", "event", "children", "limiter", "bad"};
    int more = chaos_times(x, "yield", chaos_int(x, "times", 1));
    if (more < 0) {
        return jh_stop(x->call);
    }
    if (more == 0) {
        return JH_OK;
    }
    struct jh_wait wait = {.size = sizeof wait,
                           .key = chaos_text(x, "key", NULL),
                           .timeout_ms = chaos_int(x, "timeout_ms", 0)};
    const char *kind = chaos_text(x, "kind", "now");
    for (int i = 0; i < 6; i++) {
        if (strcmp(kinds[i], kind) == 0) {
            wait.kind = i;
        }
    }
    if (wait.kind == JH_WAIT_UNTIL) {
        const struct jh_clock *clock =
            (const struct jh_clock *)x->host->extension(x->host, JH_CLOCK_1);
        wait.wake_at_ms = clock->wall_ms(x->call) + chaos_int(x, "ms", 100);
    }
    for (int64_t i = 0; i < chaos_int(x, "children", 0); i++) {
        if (enqueue_child(x, x->job->id, chaos_int(x, "delay_ms", 0)) < 0) {
            return jh_stop(x->call);
        }
    }
    return x->host->yield(x->call, &wait);
}

// ms (1000), beat_ms (100) between progress reports; deaf: goes on when cancelled.
jh_status chaos_sleep(struct chaos *x) {
    int64_t ms = chaos_int(x, "ms", 1000);
    int64_t beat = chaos_int(x, "beat_ms", 100);
    for (int64_t slept = 0; slept < ms; slept += beat) {
        int64_t left = ms - slept;
        if (x->host->sleep_ms(x->call, left < beat ? left : beat) != 0) {
            if (!chaos_flag(x, "deaf")) {
                return jh_stop(x->call);
            }
            (void)poll(NULL, 0, 10);
        }
        (void)x->host->progress(x->call, (uint64_t)(slept + beat), (uint64_t)ms, "sleeping");
    }
    return JH_OK;
}

static jh_class class_of(const char *name) {
    static const char *const names[] = {"none", "input",     "auth",    "network",
                                        "rate", "upstream",  "timeout", "resource",
                                        "bug",  "permanent", "unknown"};
    for (jh_class i = 0; i <= JH_E_UNKNOWN; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return atoi(name);
}

// class (network), times (1000000), code, scope, message, retry_after_ms, keep (a result to keep).
jh_status chaos_fail(struct chaos *x) {
    int more = chaos_times(x, "fail", chaos_int(x, "times", 1000000));
    if (more < 0) {
        return jh_stop(x->call);
    }
    const char *keep = chaos_text(x, "keep", NULL);
    if (keep != NULL) {
        (void)x->host->result(x->call, jh_bytes_of(keep));
    }
    if (more == 0) {
        return JH_OK;
    }
    const struct jh_failure failure = {
        .size = sizeof failure,
        .cls = class_of(chaos_text(x, "class", "network")),
        .retry_after_ms = chaos_int(x, "retry_after_ms", 0),
        .scope = chaos_text(x, "scope", NULL),
        .message = chaos_text(x, "message", "as asked"),
        .code = chaos_text(x, "code", NULL),
        .flags = keep != NULL ? JH_FAILURE_KEEP_RESULT : 0,
    };
    return x->host->fail(x->call, &failure);
}

// The end is far beyond any stack.
static int dig(unsigned depth) {
    volatile char block[4096];
    block[depth % sizeof block] = 1;
    return depth == 0 ? 0 : dig(depth - 1) + block[17];
}

static void die(const char *how) {
    if (strcmp(how, "abort") == 0) {
        abort();
    } else if (strcmp(how, "exit") == 0) {
        exit(7);
    } else if (strcmp(how, "kill") == 0) {
        (void)raise(SIGKILL);
    } else if (strcmp(how, "stack") == 0) {
        (void)dig(1u << 30);
    } else if (strcmp(how, "hang") == 0) {
        for (;;) {
            (void)pause();
        }
    }
    (void)raise(SIGSEGV);
}

// Touches every page of `mib` MiB (256) and never asks whether malloc() gave them, as many do not.
jh_status chaos_eat(struct chaos *x) {
    size_t size = (size_t)chaos_int(x, "mib", 256) << 20;
    volatile char *memory = malloc(size);
    for (size_t i = 0; i < size; i += 4096) {
        memory[i] = 1;
    }
    free((void *)(uintptr_t)memory);
    return JH_OK;
}

// how: segv | abort | exit | kill | stack | hang; times (1); after that it succeeds. `raw`: does
// not count, dies every time.
jh_status chaos_crash(struct chaos *x) {
    int more = chaos_flag(x, "raw") ? 1 : chaos_times(x, "crash", chaos_int(x, "times", 1));
    if (more < 0) {
        return jh_stop(x->call);
    }
    if (more > 0) {
        die(chaos_text(x, "how", "segv"));
    }
    return JH_OK;
}

// status (0): returned as it is.
jh_status chaos_status(struct chaos *x) {
    return (jh_status)chaos_int(x, "status", 0);
}
