#include "store/breakers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int store_breaker_check(const struct store_breaker *op) {
    enum breaker_kind kind;
    const char *scope;
    bool ok = (unsigned)op->verb < STORE_BREAKER_VERBS && op->name != NULL &&
              breaker_name_split(op->name, &kind, &scope) == 0;
    return ok ? 0 : -EINVAL;
}

bool store_breaker_apply(struct store_breaker *op, int64_t now_ms) {
    struct breaker *b = &op->state;
    uint32_t version = b->version;
    op->clock_ms = now_ms;
    op->verdict = BREAKER_GO;
    op->until_ms = 0;
    op->changed = false;
    switch (op->verb) {
    case STORE_BREAKER_ADMIT:
        op->verdict = breaker_admit(b, op->id, op->lease_ms, now_ms, &op->until_ms);
        break;
    case STORE_BREAKER_FAILED:
        op->changed = breaker_failed(b, &op->times, op->id, op->cls, op->retry_after_ms, now_ms);
        break;
    case STORE_BREAKER_SUCCEEDED: op->changed = breaker_succeeded(b, op->id); break;
    case STORE_BREAKER_ABANDONED: op->changed = breaker_abandoned(b, op->id); break;
    case STORE_BREAKER_RESET: op->changed = breaker_reset(b); break;
    case STORE_BREAKER_LOOK:
    case STORE_BREAKER_VERBS: break;
    }
    return b->version != version;
}

void store_breaker_write(const struct breaker *b, char out[STORE_BREAKER_TEXT_MAX]) {
    out[0] = '\0';
    if (b->failures > 0) {
        (void)snprintf(out, STORE_BREAKER_TEXT_MAX,
                       "%" PRId64 " %" PRIu32 " %" PRIu32 " %" PRId32 " %" PRId64 " %" PRId64
                       " %" PRIu64 " %" PRId64,
                       breaker_rest_ms(b), b->version, b->failures, b->cls, b->opened_ms,
                       b->until_ms, b->probe, b->probe_ms);
    }
}

enum { NUMBERS = 8 };
/* The longest pause and the longest run are of 30 days; a clock that went back is no damage. */
#define FAR_MS (INT64_C(40) * 86400000)

// The numbers of a text, and nothing else.
static bool read_numbers(struct bytes text, uint64_t ret[NUMBERS]) {
    const char *at = text.data, *end = at + text.len;
    for (int i = 0; i < NUMBERS; i++) {
        const char *from = at;
        for (ret[i] = 0; at < end && *at >= '0' && *at <= '9'; at++) {
            uint64_t digit = (uint64_t)(*at - '0');
            if (ret[i] > (UINT64_MAX - digit) / 10) {
                return false;
            }
            ret[i] = ret[i] * 10 + digit;
        }
        bool last = i == NUMBERS - 1;
        if (at == from || (last ? at != end : at == end || *at++ != ' ')) {
            return false;
        }
    }
    return true;
}

// With the time that stands in front of it.
static bool parse(struct bytes text, int64_t *ret_rest_ms, struct breaker *ret) {
    uint64_t n[NUMBERS];
    if (text.len >= STORE_BREAKER_TEXT_MAX || !read_numbers(text, n) || n[0] > INT64_MAX ||
        n[1] > UINT32_MAX || n[2] == 0 || n[2] > BREAKER_FAILURES_MAX || n[3] > JH_E_UNKNOWN ||
        n[4] > INT64_MAX || n[5] > INT64_MAX / 2 || n[7] > INT64_MAX / 2) {
        return false;
    }
    *ret_rest_ms = (int64_t)n[0];
    *ret = (struct breaker){.version = (uint32_t)n[1],
                            .failures = (uint32_t)n[2],
                            .cls = (jh_class)n[3],
                            .opened_ms = (int64_t)n[4],
                            .until_ms = (int64_t)n[5],
                            .probe = n[6],
                            .probe_ms = (int64_t)n[7]};
    return true;
}

int store_breaker_read(struct bytes text, int64_t now_ms, struct breaker *ret) {
    struct breaker b;
    int64_t rest_ms;
    *ret = (struct breaker){.version = 0};
    if (text.len > 0 && !parse(text, &rest_ms, &b)) {
        return -EBADMSG;
    }
    if (text.len > 0 && breaker_rest_ms(&b) > now_ms) {
        *ret = b;
    }
    return 0;
}

const char *store_breaker_fault(struct bytes name, struct bytes text, int64_t now_ms,
                                struct breaker *ret) {
    char own[BREAKER_NAME_MAX + 1];
    enum breaker_kind kind;
    const char *scope;
    int64_t rest_ms;
    if (name.len > BREAKER_NAME_MAX || memchr(name.data, '\0', name.len) != NULL) {
        return "its name is that of none";
    }
    memcpy(own, name.data, name.len);
    own[name.len] = '\0';
    if (breaker_name_split(own, &kind, &scope) != 0) {
        return "its name is that of none";
    }
    if (!parse(text, &rest_ms, ret)) {
        return "its state cannot be read";
    }
    if (rest_ms != breaker_rest_ms(ret)) {
        return "it is to be forgotten at another time than its state says";
    }
    bool far = ret->until_ms - now_ms > FAR_MS || ret->probe_ms - now_ms > FAR_MS;
    return far ? "its times are further ahead than any can be" : NULL;
}

uint64_t store_breaker_probe(const struct breaker *b, int64_t now_ms) {
    return b->probe_ms > now_ms ? b->probe : 0;
}
