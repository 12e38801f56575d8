/* jobhost_util.h — small helpers for plugin authors, all inline: nothing here is part of the ABI,
 * so it may change between SDK releases without touching compiled plugins. C99 and C++17. Thread
 * words are those of jobhost_plugin.h. */
#ifndef JOBHOST_UTIL_H
#define JOBHOST_UTIL_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobhost_plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define JH_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#else
#define JH_PRINTF(format_at, first_at)
#endif

/* ---- bytes ---- */

static inline struct jh_bytes jh_bytes_of(const char *text) {
    struct jh_bytes b;
    b.data = text;
    b.len = text == NULL ? 0 : strlen(text);
    return b;
}

static inline struct jh_bytes jh_bytes_make(const void *data, size_t len) {
    struct jh_bytes b;
    b.data = data;
    b.len = len;
    return b;
}

/* ---- text: formatted into a buffer of this size, longer text is cut ---- */

enum { JH_TEXT_MAX = 1024 };

/* [any] */
static inline void jh_logf(struct jh_call *c, int32_t level, const char *format, ...)
    JH_PRINTF(3, 4);
static inline void jh_logf(struct jh_call *c, int32_t level, const char *format, ...) {
    char text[JH_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->host->log(c, level, text);
}

/* [setup][run] Returns the status that the handler returns at once:
 *     return jh_failf(c, JH_E_INPUT, "bad_url", "no host in %s", url);
 * `code` is a short machine word or NULL. For scopes and Retry-After fill a struct jh_failure
 * yourself. */
static inline jh_status jh_failf(struct jh_call *c, jh_class cls, const char *code,
                                 const char *format, ...) JH_PRINTF(4, 5);
static inline jh_status jh_failf(struct jh_call *c, jh_class cls, const char *code,
                                 const char *format, ...) {
    char text[JH_TEXT_MAX];
    struct jh_failure failure;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memset(&failure, 0, sizeof failure);
    failure.size = (uint32_t)sizeof failure;
    failure.cls = cls;
    failure.message = text;
    failure.code = code;
    return c->host->fail(c, &failure);
}

/* [run] */
static inline int jh_warnf(struct jh_call *c, const char *code, const char *format, ...)
    JH_PRINTF(3, 4);
static inline int jh_warnf(struct jh_call *c, const char *code, const char *format, ...) {
    char text[JH_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return c->host->warn(c, code, text);
}

/* [run] `step_put` with text. */
static inline JH_MUST_CHECK int jh_step_puts(struct jh_call *c, const char *name,
                                             const char *text) {
    return c->host->step_put(c, name, jh_bytes_of(text));
}

/* [run] What to return when sleep_ms() was woken, step_put() failed or cancelled() is non-zero: a
 * drain is a request to go on elsewhere, everything else ends the job. */
static inline jh_status jh_stop(struct jh_call *c) {
    uint32_t why = c->host->cancelled(c);
    return (why & JH_CANCEL_DRAIN) != 0 && (why & ~(uint32_t)JH_CANCEL_DRAIN) == 0 ? JH_YIELD
                                                                                   : JH_CANCELLED;
}

/* [run] Park until unix time `wake_at_ms`; return what it returns. */
static inline jh_status jh_yield_until(struct jh_call *c, int64_t wake_at_ms) {
    struct jh_wait wait;
    memset(&wait, 0, sizeof wait);
    wait.size = (uint32_t)sizeof wait;
    wait.kind = JH_WAIT_UNTIL;
    wait.wake_at_ms = wake_at_ms;
    return c->host->yield(c, &wait);
}

/* ---- options: the host has checked and normalised them, so these only convert; `fallback` for
 * unset ones ---- */

static inline const char *jh_opt_str(struct jh_call *c, const char *name, const char *fallback) {
    const char *value = c->host->config(c, name);
    return value == NULL ? fallback : value;
}

/* JH_OPT_INT; also JH_OPT_DURATION (milliseconds) and JH_OPT_SIZE (bytes). */
static inline int64_t jh_opt_int(struct jh_call *c, const char *name, int64_t fallback) {
    const char *value = c->host->config(c, name);
    char *end = NULL;
    long long number;
    if (value == NULL || value[0] == '\0') {
        return fallback;
    }
    number = strtoll(value, &end, 10);
    return *end == '\0' ? (int64_t)number : fallback;
}

static inline int64_t jh_opt_ms(struct jh_call *c, const char *name, int64_t fallback) {
    return jh_opt_int(c, name, fallback);
}

static inline uint64_t jh_opt_bytes(struct jh_call *c, const char *name, uint64_t fallback) {
    int64_t value = jh_opt_int(c, name, -1);
    return value < 0 ? fallback : (uint64_t)value;
}

/* JH_OPT_BOOL: 1 or 0. */
static inline int jh_opt_bool(struct jh_call *c, const char *name, int fallback) {
    const char *value = c->host->config(c, name);
    if (value == NULL) {
        return fallback;
    }
    return strcmp(value, "true") == 0;
}

#ifdef __cplusplus
}
#endif
#endif
