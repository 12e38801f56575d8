/* Log lines: one event a line on stderr, key=value, or JSON when asked for.
 *
 *     2026-11-21T10:00:00.123Z info  worker.ready plugin=hello pid=4711 ready_ms=3
 *
 * `event` is a dotted constant that people can grep; the rest are fields built by the printf
 * format, already as key=value pairs, or "" for none. A value runs to the next " key=", so words
 * need no quotes. Text that is not ours goes last and in quotes, `msg=\"%s\"`: it runs to the end
 * of the line whatever is in it, and its quotes and backslashes are escaped, so it cannot forge a
 * field. Control bytes are escaped; fields over LOG_FIELDS_MAX bytes are cut and end in "...". Values of secrets must never reach it. Thread-safe: one write(2) a line. As JSON the
 * fields become members: whole numbers as numbers, all else as strings. */
#ifndef JOBHOST_BASE_LOG_H
#define JOBHOST_BASE_LOG_H

#include <stdbool.h>

#include "base/env.h"

#define LOG_FIELDS_MAX 3072

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log {
    const struct env *env;
    int fd;               /* -1: say nothing */
    enum log_level level; /* lowest level that is written */
    bool json;
    bool journal; /* prefix lines with <N> for the systemd journal instead of time and level */
};

void log_write(const struct log *log, enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define log_debug(log, ...) log_write((log), LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(log, ...)  log_write((log), LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(log, ...)  log_write((log), LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(log, ...) log_write((log), LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
