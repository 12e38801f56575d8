/* Times as people and JSON see them: RFC 3339, UTC, milliseconds. Also durations and sizes in
 * words. Pure. */
#ifndef JOBHOST_BASE_RFC3339_H
#define JOBHOST_BASE_RFC3339_H

#include <stddef.h>
#include <stdint.h>

#define RFC3339_LEN 24 /* "2026-11-21T10:00:00.123Z" */

/* Writes RFC3339_LEN characters and a NUL. Times outside the years 0..9999 are clamped. */
void rfc3339_format(int64_t unix_ms, char out[RFC3339_LEN + 1]);

/* Accepts RFC 3339 with any offset and 0..9 fraction digits. 0, or -EINVAL. */
int rfc3339_parse(const char *text, int64_t *ret_unix_ms);

/* A day of the calendar, "2026-11-21" and nothing else: its first moment in UTC. 0, or -EINVAL. */
int rfc3339_parse_day(const char *text, int64_t *ret_unix_ms);

/* "30s", "1h30m", "250ms", "7d": what config.yaml and the CLI accept; a bare number is refused
 * (-EINVAL), overflow is -ERANGE. */
int duration_parse(const char *text, int64_t *ret_ms);
void duration_format(int64_t ms, char *out, size_t cap); /* the shortest exact spelling */

/* "10MiB", "512KiB", "1GB", "64B". -EINVAL, -ERANGE. */
int size_parse(const char *text, uint64_t *ret_bytes);
void size_format(uint64_t bytes, char *out, size_t cap); /* the shortest exact spelling */

#endif
