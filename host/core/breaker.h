/* When calls of one scope (a user's account, a site, a handler) are left alone for a while after
 * failures of one class. Pure.
 *
 *                                   ┌── the probe fails: n + 1 ──┐
 *              a failure: n = 1     ▼                            │
 *     closed ─────────────────▶ open ── its time passes ──▶ half open ── one may go: the probe
 *        ▲                                                    │   │
 *        └────────────── the probe succeeds ──────────────────┘   └ the probe says nothing, or is silent
 *        └── an operator resets it, whenever                        for its lease: the next may go
 *
 * After the n-th failure in a row it is open for min(cap, base * min(8, 2^(n-1))), or for as long as
 * the failure said (Retry-After), if that is longer. What was under way when it opened and fails or
 * succeeds later tells nothing new: fifty jobs that start together and fail together are one failure.
 * Where it takes more than one to open it, those before are counted while it is closed, until somebody
 * succeeds; the last of them is the first of the formula.
 *
 *     class                          breaker   base    cap
 *     AUTH                           auth      30 min  4 h
 *     NETWORK, TIMEOUT, UPSTREAM     network   10 min  1 h
 *     UNKNOWN                        unknown   20 min  160 min
 *     all others                     none: theirs is the job, the limiter or this host
 *
 * `now` is unix ms of the clock of the store; when it goes back, a breaker is open for no longer than
 * it would be if it had opened now. `version` counts changes: a store applies a new state only if it
 * still holds the version that was decided on. 48 bytes, all integers below 2^53 but the probe's id.
 * After breaker_rest_ms() it may be forgotten. */
#ifndef JOBHOST_CORE_BREAKER_H
#define JOBHOST_CORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/job.h"
#include "jobhost_plugin.h"

enum breaker_kind { BREAKER_AUTH, BREAKER_NETWORK, BREAKER_UNKNOWN, BREAKER_KINDS };

enum {
    /* "spotify:user:42": what a plugin calls it, behind the plugin's name */
    BREAKER_SCOPE_MAX = JOB_TYPE_MAX + 1 + JOB_SCOPE_MAX,
    BREAKER_NAME_MAX = 8 + BREAKER_SCOPE_MAX, /* "network:" and the scope */
    BREAKER_FAILURES_MAX = 1000000,           /* more are not counted     */
    BREAKER_RETRY_AFTER_MAX_MS = 86400000,
    BREAKER_REMEMBER_MS = 86400000, /* failures in a row, after its time has passed */
};

struct breaker_times {
    int64_t base_ms, cap_ms;
    uint32_t needed; /* failures in a row that open it */
};
extern const struct breaker_times breaker_default[BREAKER_KINDS];

/* "auth", "network", "unknown". */
const char *breaker_kind_name(enum breaker_kind kind);
/* An enum breaker_kind, or -1: failures of this class open none. */
int breaker_kind_of(jh_class cls);

/* "auth:user:42", as operators type it. 0, or -EINVAL: the scope is empty, too long or not plain text. */
int breaker_name(enum breaker_kind kind, const char *scope, char out[BREAKER_NAME_MAX + 1]);
/* *ret_scope points into `name`. 0, or -EINVAL. */
int breaker_name_split(const char *name, enum breaker_kind *ret_kind, const char **ret_scope);

enum breaker_state { BREAKER_IS_CLOSED, BREAKER_IS_OPEN, BREAKER_IS_HALF_OPEN };
const char *breaker_state_name(enum breaker_state state); /* "half_open" */

/* Zeroed: closed. With its name and state this is all that an operator is shown. */
struct breaker {
    uint32_t version;
    uint32_t failures;           /* in a row                                      */
    jh_class cls;                /* of the last of them                           */
    int64_t opened_ms, until_ms; /* the same: still closed, failures are counted */
    uint64_t probe;              /* whose it is, by the id it asked with             */
    int64_t probe_ms;            /* until when it may be silent; 0 = there is none */
};

enum breaker_state breaker_state(const struct breaker *b, int64_t now_ms);
/* It is closed, but a success has to be told, for there were failures. */
bool breaker_is_counting(const struct breaker *b);

enum breaker_verdict { BREAKER_GO, BREAKER_PROBE, BREAKER_WAIT };

/* May `id` start? PROBE: yes, and what becomes of it has to be told; a probe that asks again is still
 * it. WAIT: ask again at *ret_until_ms, or when the breaker has changed. A probe that is silent for
 * lease_ms has died. */
enum breaker_verdict breaker_admit(struct breaker *b, uint64_t id, int64_t lease_ms, int64_t now_ms,
                                   int64_t *ret_until_ms);
/* What breaker_admit() would say, without becoming the probe: for explain. */
enum breaker_verdict breaker_ask(const struct breaker *b, uint64_t id, int64_t now_ms,
                                 int64_t *ret_until_ms);

/* `id` failed with a class of this breaker's; retry_after_ms 0 = it did not say. True: that opened it. */
bool breaker_failed(struct breaker *b, const struct breaker_times *times, uint64_t id, jh_class cls,
                    int64_t retry_after_ms, int64_t now_ms);
/* True: that closed it. Of one that is counting anybody's success says that it starts anew. */
bool breaker_succeeded(struct breaker *b, uint64_t id);
/* It ended in a way that says nothing about the other side. True: it was the probe, another may go. */
bool breaker_abandoned(struct breaker *b, uint64_t id);
/* An operator's. True: it was not closed. */
bool breaker_reset(struct breaker *b);

/* When somebody who waits should ask again; 0 = now. */
int64_t breaker_wake_ms(const struct breaker *b, int64_t now_ms);
/* From when on it may be forgotten. 0 = there is nothing to remember. */
int64_t breaker_rest_ms(const struct breaker *b);

#endif
