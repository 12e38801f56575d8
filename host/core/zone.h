/* A time zone: what its clocks show when. Read from the bytes of a TZif file (RFC 8536). Pure.
 *
 *      begin                        end = begin of the next
 *   ─────┬───────────────────────────┬─────────────────────────▶ time, in unix seconds
 *        │ span: offset +7200        │ span: offset +3600
 *     a gap: local times that        an overlap: local times
 *     never are (before < offset)    that come twice (before > offset)
 *
 * Neighbours differ in their offset: changes of a name alone are none. After the last change in the file its footer goes
 * on for ever. Leap seconds are ignored, as unix time does. */
#ifndef JOBHOST_CORE_ZONE_H
#define JOBHOST_CORE_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    ZONE_NAME_MAX = 64,
    ZONE_FILE_MAX = 65536,   /* bytes; the largest there are have a tenth of it      */
    ZONE_OFFSET_MAX = 93599, /* seconds, either way: less than 26 hours, as RFC 8536 */
};
/* Before and after all times: a million millennia. */
#define ZONE_ALWAYS (INT64_C(1) << 55)

/* 0 for names that may be looked up in the database: letters, digits, "_+-/", not from "/" on, without "..". */
int zone_check_name(const char *name, size_t len, struct err *e);

struct zone; /* NULL is UTC */

/* -EINVAL with words: not such a file, cut off, or contradictory. Copies what it needs; the caller frees with
 * zone_free(). */
int zone_parse(const void *bytes, size_t len, struct zone **ret, struct err *e);
void zone_free(struct zone **zone);

struct zone_span {
    int64_t begin, end;     /* [begin, end); -ZONE_ALWAYS, ZONE_ALWAYS where there is no end */
    int32_t offset, before; /* seconds east of UTC; before: until `begin`                    */
};

/* The span with `at` in it. Costs one search in the file's changes, or six dates of the footer's. */
struct zone_span zone_span_at(const struct zone *zone, int64_t at);

#endif
