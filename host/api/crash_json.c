#define _GNU_SOURCE // sigabbrev_np
#include "api/crash_json.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

static void add_signal(struct buf *out, int32_t number) {
    const char *name = number > 0 ? sigabbrev_np(number) : NULL;
    char text[32];
    if (number == 0) {
        return;
    }
    (void)(name == NULL ? snprintf(text, sizeof text, "signal %d", number)
                        : snprintf(text, sizeof text, "SIG%s", name));
    json_kstr(out, "signal", text);
}

static void add_lines(struct buf *out, const char *log) {
    if (log == NULL) {
        return;
    }
    json_key(out, "log");
    buf_char(out, '[');
    for (const char *p = log; *p != '\0';) {
        size_t len = strcspn(p, "\n");
        json_comma(out);
        json_strn(out, p, len);
        p += len + (p[len] == '\n');
    }
    buf_char(out, ']');
}

void crash_json_members(struct buf *out, const struct store_crash *crash) {
    add_signal(out, crash->signal);
    if (crash->at_address != 0) {
        json_key(out, "address");
        buf_printf(out, "\"0x%llx\"", (unsigned long long)crash->address);
    }
    json_kstr(out, "symbol", crash->symbol);
    json_kstr(out, "code", crash->code);
    json_kstr(out, "build_id", crash->build_id);
    json_kstr(out, "step", crash->step);
    if (crash->rss != 0) {
        json_kint(out, "rss", (int64_t)crash->rss);
    }
    add_lines(out, crash->log);
}

static bool is_known(const struct store_crash *crash) {
    return crash->signal != 0 || crash->rss != 0 || crash->code != NULL ||
           crash->build_id != NULL || crash->step != NULL || crash->log != NULL;
}

void crash_json_add(struct buf *out, const struct store_crash *crash) {
    if (is_known(crash)) {
        json_key(out, "crash");
        buf_char(out, '{');
        crash_json_members(out, crash);
        buf_char(out, '}');
    }
}
