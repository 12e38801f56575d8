#include "core/breaker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define MINUTE        INT64_C(60000)
#define DOUBLINGS_MAX 3

const struct breaker_times breaker_default[BREAKER_KINDS] = {
    [BREAKER_AUTH] = {30 * MINUTE, 240 * MINUTE, 1},
    [BREAKER_NETWORK] = {10 * MINUTE, 60 * MINUTE, 1},
    [BREAKER_UNKNOWN] = {20 * MINUTE, 160 * MINUTE, 1},
};

static const char *const kind_names[BREAKER_KINDS] = {
    [BREAKER_AUTH] = "auth",
    [BREAKER_NETWORK] = "network",
    [BREAKER_UNKNOWN] = "unknown",
};

const char *breaker_kind_name(enum breaker_kind kind) {
    return (unsigned)kind < BREAKER_KINDS ? kind_names[kind] : NULL;
}

int breaker_kind_of(jh_class cls) {
    switch (cls) {
    case JH_E_AUTH: return BREAKER_AUTH;
    case JH_E_NETWORK:
    case JH_E_TIMEOUT:
    case JH_E_UPSTREAM: return BREAKER_NETWORK;
    case JH_E_UNKNOWN: return BREAKER_UNKNOWN;
    default: return -1;
    }
}

const char *breaker_state_name(enum breaker_state state) {
    static const char *const names[] = {[BREAKER_IS_CLOSED] = "closed",
                                        [BREAKER_IS_OPEN] = "open",
                                        [BREAKER_IS_HALF_OPEN] = "half_open"};
    return (unsigned)state < ARRAY_LEN(names) ? names[state] : NULL;
}

// ---- names

static bool is_scope(const char *scope) {
    size_t len = strlen(scope);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)scope[i] < 0x20 || scope[i] == 0x7f) {
            return false;
        }
    }
    return len > 0 && len <= BREAKER_SCOPE_MAX;
}

int breaker_name(enum breaker_kind kind, const char *scope, char out[BREAKER_NAME_MAX + 1]) {
    if (!is_scope(scope)) {
        return -EINVAL;
    }
    (void)snprintf(out, BREAKER_NAME_MAX + 1, "%s:%s", kind_names[kind], scope);
    return 0;
}

int breaker_name_split(const char *name, enum breaker_kind *ret_kind, const char **ret_scope) {
    for (int kind = 0; kind < BREAKER_KINDS; kind++) {
        size_t len = strlen(kind_names[kind]);
        if (strncmp(name, kind_names[kind], len) == 0 && name[len] == ':' &&
            is_scope(name + len + 1)) {
            *ret_kind = (enum breaker_kind)kind;
            *ret_scope = name + len + 1;
            return 0;
        }
    }
    return -EINVAL;
}

// ---- the state

// A clock that has gone back makes it last no longer than it was to.
static int64_t end_of(const struct breaker *b, int64_t now_ms) {
    return now_ms < b->opened_ms ? now_ms + (b->until_ms - b->opened_ms) : b->until_ms;
}

// Or half open.
static bool is_open(const struct breaker *b) {
    return b->failures > 0 && b->until_ms > b->opened_ms;
}

bool breaker_is_counting(const struct breaker *b) {
    return b->failures > 0 && !is_open(b);
}

enum breaker_state breaker_state(const struct breaker *b, int64_t now_ms) {
    if (!is_open(b)) {
        return BREAKER_IS_CLOSED;
    }
    return now_ms < end_of(b, now_ms) ? BREAKER_IS_OPEN : BREAKER_IS_HALF_OPEN;
}

static bool is_probe(const struct breaker *b, uint64_t id) {
    return b->probe_ms != 0 && b->probe == id;
}

enum breaker_verdict breaker_ask(const struct breaker *b, uint64_t id, int64_t now_ms,
                                 int64_t *ret_until_ms) {
    *ret_until_ms = 0;
    switch (breaker_state(b, now_ms)) {
    case BREAKER_IS_CLOSED: return BREAKER_GO;
    case BREAKER_IS_OPEN: *ret_until_ms = end_of(b, now_ms); return BREAKER_WAIT;
    case BREAKER_IS_HALF_OPEN: break;
    }
    if (b->probe_ms > now_ms && b->probe != id) {
        *ret_until_ms = b->probe_ms;
        return BREAKER_WAIT;
    }
    return BREAKER_PROBE;
}

// Times that lie ahead of a clock that went back are brought back with it.
static void pass_time(struct breaker *b, int64_t lease_ms, int64_t now_ms) {
    if (b->failures > 0 && now_ms < b->opened_ms) {
        b->until_ms = end_of(b, now_ms);
        b->opened_ms = now_ms;
        b->version++;
    }
    if (b->probe_ms > now_ms + lease_ms) {
        b->probe_ms = now_ms + lease_ms;
        b->version++;
    }
}

enum breaker_verdict breaker_admit(struct breaker *b, uint64_t id, int64_t lease_ms, int64_t now_ms,
                                   int64_t *ret_until_ms) {
    pass_time(b, lease_ms, now_ms);
    enum breaker_verdict verdict = breaker_ask(b, id, now_ms, ret_until_ms);
    if (verdict == BREAKER_PROBE) {
        b->probe = id;
        b->probe_ms = now_ms + lease_ms;
        b->version++;
    }
    return verdict;
}

static int64_t pause_of(const struct breaker_times *times, uint32_t failures) {
    int64_t pause = times->base_ms;
    uint32_t first = times->needed > 0 ? times->needed : 1;
    for (uint32_t i = first; i < failures && i - first < DOUBLINGS_MAX; i++) {
        pause *= 2;
    }
    return pause < times->cap_ms ? pause : times->cap_ms;
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

bool breaker_failed(struct breaker *b, const struct breaker_times *times, uint64_t id, jh_class cls,
                    int64_t retry_after_ms, int64_t now_ms) {
    bool capped = retry_after_ms > BREAKER_RETRY_AFTER_MAX_MS, was_open = is_open(b);
    int64_t told = now_ms + (capped ? BREAKER_RETRY_AFTER_MAX_MS : retry_after_ms);
    if (was_open && !is_probe(b, id)) {
        if (told > b->until_ms && retry_after_ms > 0) {
            b->until_ms = told; // one that was on its way, but it knows for how long
            b->version++;
        }
        return false;
    }
    b->failures += b->failures < BREAKER_FAILURES_MAX;
    b->cls = cls;
    b->opened_ms = now_ms;
    b->until_ms = now_ms;
    b->probe = 0;
    b->probe_ms = 0;
    b->version++;
    if (!was_open && b->failures < times->needed) {
        return false;
    }
    b->until_ms = later(now_ms + pause_of(times, b->failures), told);
    return true;
}

bool breaker_reset(struct breaker *b) {
    bool was_open = is_open(b);
    *b = (struct breaker){.version = b->version + (b->failures > 0)};
    return was_open;
}

bool breaker_succeeded(struct breaker *b, uint64_t id) {
    return (is_probe(b, id) || breaker_is_counting(b)) && breaker_reset(b);
}

bool breaker_abandoned(struct breaker *b, uint64_t id) {
    if (!is_probe(b, id)) {
        return false;
    }
    b->probe = 0;
    b->probe_ms = 0;
    b->version++;
    return true;
}

int64_t breaker_wake_ms(const struct breaker *b, int64_t now_ms) {
    if (breaker_state(b, now_ms) == BREAKER_IS_OPEN) {
        return end_of(b, now_ms);
    }
    return b->probe_ms > now_ms ? b->probe_ms : 0;
}

int64_t breaker_rest_ms(const struct breaker *b) {
    return b->failures == 0 ? 0 : later(b->until_ms, b->probe_ms) + BREAKER_REMEMBER_MS;
}
