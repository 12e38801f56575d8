/* Output for people: lines, ages, sizes, colours (tables: table.h). What came from outside is made harmless for a
 * terminal. */
#ifndef JOBHOST_CLI_OUT_H
#define JOBHOST_CLI_OUT_H

#include <stdint.h>

#include "base/buf.h"
#include "cli/cli.h"

/* "state     queued", aligned; nothing when text is NULL. */
void out_line(const struct cli *cli, const char *name, const char *text);
void out_linef(const struct cli *cli, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Text with its line ends, made harmless. */
void out_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "5s", "3m", "2h", "4d" since an RFC 3339 time; "-" for NULL. In `out`. */
const char *out_age(const char *rfc3339, char out[32]);
/* "2026-11-21T10:00:00.000Z (3m ago)" */
const char *out_when(const char *rfc3339, char out[64]);
const char *out_size(double bytes, char out[32]);

/* Replaces control characters by blanks, except line ends if `lines`. */
void out_clean(char *text, bool lines);

/* The style of a state's name, as a terminal wants it ("32"), or NULL. */
const char *out_style(const char *state);
/* A state's colour around its name, if colours are on. */
const char *out_state(const struct cli *cli, const char *state, char out[64]);

/* The width of the terminal on standard error, or 80. */
int out_width(int fd);

#endif
