#include "core/evaluate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rfc3339.h"

static const char *const code_names[REASON_COUNT] = {
    [REASON_FINISHED] = "finished",
    [REASON_RUNNING] = "running",
    [REASON_DUE_LATER] = "due_later",
    [REASON_PARKED] = "parked",
    [REASON_QUEUE_PAUSED] = "queue_paused",
    [REASON_NO_HANDLER] = "no_handler",
    [REASON_NO_SLOT] = "no_slot",
    [REASON_BEHIND] = "behind",
    [REASON_DRAINING] = "draining",
    [REASON_STORE] = "store",
    [REASON_SAFE_MODE] = "safe_mode",
    [REASON_BREAKER] = "breaker",
    [REASON_DISK] = "disk",
    [REASON_PLUGIN_PAUSED] = "plugin_paused",
    [REASON_RELEASED_SLOWLY] = "released_slowly",
    [REASON_LIMITER] = "limiter",
    [REASON_TENANT_SHARE] = "tenant_share",
    [REASON_SCOPE_BREAKER] = "scope_breaker",
    [REASON_BUDGET_FULL] = "budget_full",
};

const char *reason_code_name(enum reason_code code) {
    return (unsigned)code < REASON_COUNT ? code_names[code] : NULL;
}

static const char *const park_texts[PARK_REASON_COUNT] = {
    [PARK_NONE] = "it is parked",
    [PARK_TIME] = "it waits for a time",
    [PARK_EVENT] = "it waits for the event",
    [PARK_CHILDREN] = "it waits for its children to end",
    [PARK_LIMITER] = "it waits for the limiter",
    [PARK_BREAKER] = "it waits for the breaker to close",
    [PARK_NO_HANDLER] = "its handler is no longer in any loaded plugin",
    [PARK_STATE_VERSION] = "its steps were written by other code than is loaded now",
    [PARK_NEEDS_OPERATOR] = "it waits for an operator's answer",
    [PARK_PIN_UNAVAILABLE] = "the host or build it is tied to is not there",
    [PARK_SCHEDULE] = "it waits for the end of an earlier job of the schedule",
};

#define SAY(r, ...) ((void)snprintf((r)->detail, sizeof(r)->detail, __VA_ARGS__))

static bool is_timed(const struct job_facts *f) {
    return f->state == JOB_SCHEDULED || (f->state == JOB_PARKED && f->park == PARK_TIME);
}

static bool is_finished(const struct job_facts *f) {
    return job_is_final(f->state);
}

static void say_finished(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    (void)now_ms;
    if (f->winner == NULL) {
        SAY(r, "it has ended: %s", job_state_name((int)f->state));
    } else if (f->state == JOB_DUPLICATE) {
        SAY(r, "duplicate of %s", f->winner);
    } else {
        SAY(r, "it has ended: %s; %s took its key", job_state_name((int)f->state), f->winner);
    }
}

static bool is_running(const struct job_facts *f) {
    return f->state == JOB_RUNNING && !f->limited;
}

static void say_running(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    (void)f;
    (void)now_ms;
    SAY(r, "it runs, or a worker is about to start it");
}

static bool is_limited(const struct job_facts *f) {
    return f->limited;
}

static void say_limited(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    static const char *const why[LIMITER_PARTS] = {
        [LIMITER_PART_NONE] = "others come first",
        [LIMITER_PART_CLOSED] = "the other side has closed it",
        [LIMITER_PART_CONCURRENCY] = "as many calls as it lets are under way",
        [LIMITER_PART_WINDOW] = "its window is full",
        [LIMITER_PART_PACE] = "its rate lets no more",
        [LIMITER_PART_HOLDERS] = "too many calls are under way",
    };
    const char *words = why[(unsigned)f->limiter_part < LIMITER_PARTS ? f->limiter_part : 0];
    char at[RFC3339_LEN + 1];
    if (f->limiter_until_ms <= now_ms) {
        SAY(r, "limiter \"%.96s\": %s", f->limiter, words);
        return;
    }
    rfc3339_format(f->limiter_until_ms, at);
    SAY(r, "limiter \"%.96s\" has no slot before %s: %s", f->limiter, at, words);
    r->clears_at_ms = f->limiter_until_ms;
}

static bool has_store_fault(const struct job_facts *f) {
    return f->store_fault != NULL;
}

static void say_store(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    (void)now_ms;
    SAY(r, "the store takes no writes: %s", f->store_fault);
}

static bool is_draining(const struct job_facts *f) {
    return f->draining;
}

static void say_draining(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    (void)f;
    (void)now_ms;
    SAY(r, "the host is shutting down and starts nothing new");
}

static void say_pause(const char *what, const struct job_pause *p, struct reason *r) {
    char at[RFC3339_LEN + 1] = "an unknown time";
    if (p->at_ms != 0) {
        rfc3339_format(p->at_ms, at);
    }
    SAY(r, "%s was paused by %s at %s: %s", what, p->by == NULL ? "somebody" : p->by, at,
        p->why == NULL ? "no reason given" : p->why);
}

static bool is_safe_mode(const struct job_facts *f) {
    return f->pause[GATE_HOST].on;
}

static void say_safe_mode(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    (void)now_ms;
    if (f->pause[GATE_HOST].by == NULL) {
        SAY(r, "the host runs in safe mode (--safe): it takes jobs and starts none");
        return;
    }
    say_pause("this host", &f->pause[GATE_HOST], r);
}

static void say_due_later(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    if (f->run_at_ms <= now_ms) {
        SAY(r, "its time has come and it is about to be queued");
        return;
    }
    char at[RFC3339_LEN + 1], wait[64];
    rfc3339_format(f->run_at_ms, at);
    duration_format((f->run_at_ms - now_ms + 999) / 1000 * 1000, wait, sizeof wait);
    SAY(r, "it is due at %s, in %s", at, wait);
    r->clears_at_ms = f->run_at_ms;
}

static bool is_parked(const struct job_facts *f) {
    return f->state == JOB_PARKED && f->park != PARK_TIME;
}

// The question may be long; all of it stands in the job.
static void say_wait(const struct job_facts *f, const char *text, struct reason *r) {
    enum { QUESTION_SHOWN = 110 };
    char since[RFC3339_LEN + 1] = "";
    bool named = f->wait_key != NULL && f->wait_key[0] != '\0';
    if (f->parked_ms != 0) {
        rfc3339_format(f->parked_ms, since);
    }
    const char *word = since[0] == '\0' ? "" : ", since ";
    if (f->park == PARK_NEEDS_OPERATOR && f->question != NULL) {
        SAY(r, "%s%s%s: %.*s", text, word, since, QUESTION_SHOWN, f->question);
    } else if (named) {
        SAY(r, "%s \"%.100s\"%s%s", text, f->wait_key, word, since);
    } else {
        SAY(r, "%s%s%s", text, word, since);
    }
}

static void say_children(const struct job_facts *f, const char *text, struct reason *r) {
    say_wait(f, text, r);
    if (f->children_open > 0) {
        size_t len = strlen(r->detail);
        (void)snprintf(r->detail + len, sizeof r->detail - len,
                       "; %" PRId64 " of %" PRId64 " are open%s", f->children_open, f->children,
                       f->wait_job == NULL ? "" : ", one of them");
    }
}

static void say_parked(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    const char *text = park_texts[(unsigned)f->park < PARK_REASON_COUNT ? f->park : PARK_NONE];
    if (f->park == PARK_STATE_VERSION && f->steps_version != 0) {
        skew_say(f->resumes, f->steps_version, f->state_policy, f->pool, r->detail);
    } else if (f->park == PARK_PIN_UNAVAILABLE && f->steps_version != 0) {
        SAY(r, "%s, or has enough to do: its steps are of version %" PRIu32, text,
            f->steps_version);
    } else if (f->park == PARK_CHILDREN) {
        say_children(f, text, r);
    } else {
        say_wait(f, text, r);
    }
    if (f->wait_job != NULL) {
        size_t len = strlen(r->detail);
        (void)snprintf(r->detail + len, sizeof r->detail - len, ": %s", f->wait_job);
    }
    r->clears_at_ms = f->run_at_ms > now_ms ? f->run_at_ms : 0;
}

static bool lacks_room(const struct job_facts *f) {
    return f->state == JOB_PARKED && f->park == PARK_EVENT && f->no_room_ms != 0;
}

// Whose room it is, and when it comes, nobody knows: those who end are swept in their time.
static void say_no_room(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    char at[RFC3339_LEN + 1];
    (void)now_ms;
    rfc3339_format(f->no_room_ms, at);
    SAY(r,
        "events are not brought to jobs: store.budget.jobs had no room for the next one at %s; "
        "looked at again each minute, and when jobs end",
        at);
}

static bool is_paused(const struct job_facts *f) {
    return f->pause[GATE_QUEUE].on;
}

static void say_paused(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    char what[JOB_QUEUE_MAX + 16];
    (void)now_ms;
    (void)snprintf(what, sizeof what, "queue \"%s\"", f->queue);
    say_pause(what, &f->pause[GATE_QUEUE], r);
}

static bool is_plugin_paused(const struct job_facts *f) {
    return f->pause[GATE_PLUGIN].on;
}

static void say_plugin_paused(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    char what[JOB_TYPE_MAX + 16];
    (void)now_ms;
    (void)snprintf(what, sizeof what, "plugin \"%s\"", f->pool == NULL ? "?" : f->pool);
    say_pause(what, &f->pause[GATE_PLUGIN], r);
}

static bool lacks_handler(const struct job_facts *f) {
    return !f->has_handler;
}

static void say_no_handler(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    (void)now_ms;
    if (f->handler_fault == NULL) {
        SAY(r, "no loaded plugin %shas a handler for \"%s\"%s", f->shared ? "of this host " : "",
            f->type, f->shared ? "; it is left to other hosts" : "");
    } else if (f->pool == NULL) {
        SAY(r, "the plugin for \"%s\" is not up: %s", f->type, f->handler_fault);
    } else {
        SAY(r, "plugin \"%s\", which has \"%s\", is not up: %s", f->pool, f->type,
            f->handler_fault);
    }
}

static bool is_broken(const struct job_facts *f) {
    return f->breaker;
}

static void say_broken(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    (void)now_ms;
    const char *pool = f->pool == NULL ? "?" : f->pool;
    char at[RFC3339_LEN + 1];
    if (f->breaker_until_ms == 0) {
        SAY(r, "plugin \"%s\" crashed on too many jobs: it gets one at a time until one returns",
            pool);
        return;
    }
    rfc3339_format(f->breaker_until_ms, at);
    SAY(r, "plugin \"%s\" crashed on too many jobs: nothing of it starts before %s", pool, at);
    r->clears_at_ms = f->breaker_until_ms;
}

static bool is_left_alone(const struct job_facts *f) {
    return f->scope_breaker != NULL && (f->state != JOB_PARKED || f->park == PARK_BREAKER);
}

static void say_left_alone(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    char at[RFC3339_LEN + 1];
    if (f->scope_until_ms <= now_ms) {
        SAY(r, "breaker \"%.150s\": the next job that may try it goes on", f->scope_breaker);
        return;
    }
    rfc3339_format(f->scope_until_ms, at);
    if (f->scope_half_open) {
        SAY(r, "breaker \"%.150s\": one job tries it, until %s at most", f->scope_breaker, at);
    } else {
        SAY(r,
            "breaker \"%.150s\" is open until %s: %" PRIu32
            " failure%s in a row, the last of class %s",
            f->scope_breaker, at, f->scope_failures, f->scope_failures == 1 ? "" : "s",
            f->scope_class);
    }
    r->clears_at_ms = f->scope_until_ms;
}

static bool keeps_too_much(const struct job_facts *f) {
    return f->disk_bytes > 0;
}

static void say_disk(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    char max[32];
    (void)now_ms;
    size_format((uint64_t)f->disk_max, max, sizeof max);
    SAY(r,
        "plugin \"%s\" keeps %" PRId64 " bytes in its data folder, more than its max_disk of %s: "
        "nothing of it starts until there is less",
        f->pool == NULL ? "?" : f->pool, f->disk_bytes, max);
}

static bool is_released_slowly(const struct job_facts *f) {
    return f->release.on;
}

static void say_released_slowly(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    static const char *const words[] = {
        [GATE_HOST] = "this host", [GATE_PLUGIN] = "its plugin", [GATE_QUEUE] = "its queue"};
    char rate[PACE_TEXT_MAX];
    pace_format(&f->release.rate, rate);
    SAY(r, "%s starts %s: %" PRId64 " of the jobs that waited when it was resumed are left",
        words[f->release.of], rate, f->release.left);
    r->clears_at_ms = f->release.over_ms > now_ms ? f->release.over_ms : 0;
}

static bool queue_is_full(const struct job_facts *f) {
    return f->queue_limit != 0 && f->queue_running >= f->queue_limit;
}

static void say_queue_full(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    (void)now_ms;
    SAY(r, "queue \"%s\" runs %" PRIu32 " jobs and its concurrency is %" PRIu32, f->queue,
        f->queue_running, f->queue_limit);
}

static bool pool_is_full(const struct job_facts *f) {
    return f->has_handler && f->pool_busy >= f->pool_slots;
}

static void say_pool_full(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    (void)now_ms;
    const char *pool = f->pool == NULL ? "?" : f->pool;
    if (f->pool_slots == 0) {
        SAY(r, "no worker of plugin \"%s\" is ready yet", pool);
    } else {
        SAY(r, "plugin \"%s\" has %" PRIu32 " of %" PRIu32 " threads busy", pool, f->pool_busy,
            f->pool_slots);
    }
}

static bool has_turns(const struct job_facts *f) {
    return f->state == JOB_QUEUED && f->tenants > 0;
}

static void say_turns(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    (void)now_ms;
    SAY(r,
        "jobs %s \"%s\" take turns with those of up to %" PRId64 " %s%s of queue \"%s\" and type "
        "\"%s\"",
        f->tenant == NULL ? "without" : "of", f->tenant == NULL ? "user" : f->tenant, f->tenants,
        f->tenant == NULL ? "" : "other ", f->tenants == 1 ? "tenant" : "tenants", f->queue,
        f->type);
}

static bool is_behind(const struct job_facts *f) {
    return f->state == JOB_QUEUED && f->ahead > 0;
}

static void say_behind(const struct job_facts *f, int64_t now_ms, struct reason *r) {
    (void)now_ms;
    SAY(r, "up to %" PRId64 " other %s of queue \"%s\" and type \"%s\" may go first", f->ahead,
        f->ahead == 1 ? "job" : "jobs", f->queue, f->type);
}

// The most decisive first. An `only` rule says all there is to say.
static const struct rule {
    enum reason_code code;
    bool only;
    bool (*holds)(const struct job_facts *f);
    void (*say)(const struct job_facts *f, int64_t now_ms, struct reason *r);
} rules[] = {
    {REASON_FINISHED, true, is_finished, say_finished},
    {REASON_RUNNING, true, is_running, say_running},
    {REASON_STORE, false, has_store_fault, say_store},
    {REASON_DRAINING, false, is_draining, say_draining},
    {REASON_SAFE_MODE, false, is_safe_mode, say_safe_mode},
    {REASON_DUE_LATER, false, is_timed, say_due_later},
    {REASON_PARKED, false, is_parked, say_parked},
    {REASON_BUDGET_FULL, false, lacks_room, say_no_room},
    {REASON_QUEUE_PAUSED, false, is_paused, say_paused},
    {REASON_PLUGIN_PAUSED, false, is_plugin_paused, say_plugin_paused},
    {REASON_DISK, false, keeps_too_much, say_disk},
    {REASON_NO_HANDLER, false, lacks_handler, say_no_handler},
    {REASON_BREAKER, false, is_broken, say_broken},
    {REASON_SCOPE_BREAKER, false, is_left_alone, say_left_alone},
    {REASON_RELEASED_SLOWLY, false, is_released_slowly, say_released_slowly},
    {REASON_LIMITER, false, is_limited, say_limited},
    {REASON_NO_SLOT, false, queue_is_full, say_queue_full},
    {REASON_NO_SLOT, false, pool_is_full, say_pool_full},
    {REASON_TENANT_SHARE, false, has_turns, say_turns},
    {REASON_BEHIND, false, is_behind, say_behind},
};

unsigned evaluate(const struct job_facts *facts, int64_t now_ms, struct reason *ret_reasons,
                  unsigned cap) {
    unsigned count = 0;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (!rules[i].holds(facts)) {
            continue;
        }
        if (count < cap) {
            ret_reasons[count] = (struct reason){.code = rules[i].code};
            rules[i].say(facts, now_ms, &ret_reasons[count]);
        }
        count++;
        if (rules[i].only) {
            break;
        }
    }
    return count;
}

bool evaluate_may_start(const struct job_facts *facts) {
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (rules[i].holds(facts)) {
            return false;
        }
    }
    return true;
}
