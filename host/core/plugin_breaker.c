#include "core/plugin_breaker.h"

#include <string.h>

const char *plugin_breaker_state_name(enum plugin_breaker_state state) {
    static const char *const names[] = {
        [BREAKER_CLOSED] = "closed", [BREAKER_OPEN] = "open", [BREAKER_PROBING] = "probing"};
    return names[state];
}

static void drop_oldest(struct plugin_breaker *b, unsigned n) {
    b->count -= n;
    memmove(b->seen, b->seen + n, b->count * sizeof *b->seen);
}

enum plugin_breaker_state plugin_breaker_look(struct plugin_breaker *b, int64_t now_ms) {
    if (b->state == BREAKER_OPEN && now_ms >= b->until_ms) {
        b->state = BREAKER_PROBING;
    }
    return b->state;
}

static void trip(struct plugin_breaker *b, const struct plugin_breaker_rules *rules,
                 int64_t now_ms) {
    int64_t pause = rules->pause_ms;
    for (unsigned i = 0; i < b->trips && pause < rules->pause_max_ms; i++) {
        pause *= 2;
    }
    b->trips++;
    b->count = 0;
    b->state = BREAKER_OPEN;
    b->until_ms = now_ms + (pause < rules->pause_max_ms ? pause : rules->pause_max_ms);
}

// What is older than the window, and the same job's earlier crash, count no more.
static void forget(struct plugin_breaker *b, int64_t window_ms, uint64_t job, int64_t now_ms) {
    unsigned kept = 0;
    for (unsigned i = 0; i < b->count; i++) {
        if (b->seen[i].job != job && now_ms - b->seen[i].at_ms < window_ms) {
            b->seen[kept++] = b->seen[i];
        }
    }
    b->count = kept;
}

bool plugin_breaker_crash(struct plugin_breaker *b, const struct plugin_breaker_rules *rules,
                          uint64_t job, int64_t now_ms) {
    enum plugin_breaker_state state = plugin_breaker_look(b, now_ms);
    if (rules->jobs == 0 || state == BREAKER_OPEN) {
        return false; // one that was on its way
    }
    if (state == BREAKER_PROBING) {
        trip(b, rules, now_ms);
        return true;
    }
    forget(b, rules->window_ms, job, now_ms);
    if (b->count == PLUGIN_BREAKER_JOBS_MAX) {
        drop_oldest(b, 1);
    }
    b->seen[b->count].job = job;
    b->seen[b->count++].at_ms = now_ms;
    if (b->count < rules->jobs) {
        return false;
    }
    if (now_ms - b->closed_ms > rules->pause_max_ms) {
        b->trips = 0; // it had been well for long
    }
    trip(b, rules, now_ms);
    return true;
}

bool plugin_breaker_return(struct plugin_breaker *b, int64_t now_ms) {
    enum plugin_breaker_state state = plugin_breaker_look(b, now_ms);
    if (state == BREAKER_PROBING) {
        b->state = BREAKER_CLOSED;
        b->closed_ms = now_ms;
        return true;
    }
    if (state == BREAKER_CLOSED && b->count > 0) {
        drop_oldest(b, 1);
    }
    return false;
}
