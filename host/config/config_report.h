/* Collects what is wrong with the files: every problem of a run, each with its place.
 *
 *     add, add, add ─▶ (load is over) ─▶ sort ─▶ excerpts ─▶ handed to the caller
 *
 * Beyond CONFIG_REPORT_MAX errors (and as many warnings) problems are only counted. Texts live
 * in the report's own arena, so a report outlives the config. */
#ifndef JOBHOST_CONFIG_CONFIG_REPORT_H
#define JOBHOST_CONFIG_CONFIG_REPORT_H

#include <stdarg.h>
#include <stdbool.h>

#include "config/config.h"

enum { CONFIG_REPORT_MAX = 50 };

/* Where something stands. Lines and columns count from 1, columns in characters. */
struct config_place {
    const char *file; /* as the user named it; borrowed until the load is over */
    unsigned source;  /* number of the file in this load, for sorting          */
    int line, column;
};

void config_report_init(struct config_report *report);

/* True when one more error would only be counted: callers skip costly words then. */
bool config_report_full(const struct config_report *report);

/* `path` "" = the whole file; `code` is a constant. Control bytes in the message are escaped
 * here. */
void config_report_error(struct config_report *report, struct config_place at, const char *path,
                         const char *code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void config_report_warning(struct config_report *report, struct config_place at, const char *path,
                           const char *code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

void config_report_add(struct config_report *report, bool warning, struct config_place at,
                       const char *path, const char *code, const char *fmt, va_list ap)
    __attribute__((format(printf, 6, 0)));

/* By file, line and column; what came first stays first among equals. */
void config_report_sort(struct config_report *report);

/* Warnings become errors. */
void config_report_harden(struct config_report *report);

/* Has `line_of` write the source line of each problem and keeps it; false = nothing to show. */
void config_report_excerpts(struct config_report *report,
                            bool (*line_of)(void *arg, struct config_place at, struct buf *out),
                            void *arg);

/* `text` in double quotes for a message: at most 60 bytes of it, control bytes escaped. */
const char *config_quote(char out[96], const char *text, size_t len);

#endif
