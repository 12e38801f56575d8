/* What the headers of an answer say about a limit. Pure.
 *
 * Which header means what is told by its name, without regard to case: "Retry-After"; else one that
 * contains "remaining" (X-RateLimit-Remaining, X-Discogs-Ratelimit-Remaining), "reset", "used" or
 * "policy" (not read), or else "limit" (X-RateLimit-Limit, X-Discogs-Ratelimit).
 *
 * A value is a whole number; a fraction is cut off, and so is what follows ',' or ';' ("100,
 * 100;w=60"). A time is a number of seconds, unix time in seconds (from 10^9 on) or milliseconds
 * (from 10^12 on), a span ("6m0s", "250ms", "1.5s"), RFC 3339, or HTTP's "Sun, 06 Nov 1994 08:49:37
 * GMT". What is none of these, or negative, is passed over, as if the header were not there. Of two
 * that mean the same the stricter one counts. */
#ifndef JOBHOST_CORE_LIMITER_HEADERS_H
#define JOBHOST_CORE_LIMITER_HEADERS_H

#include <stdint.h>

#include "base/bytes.h"
#include "core/limiter.h"

enum {
    LIMITER_HEADERS_MAX = 65536,    /* bytes of a block; what follows is not read */
    LIMITER_HEADER_VALUE_MAX = 128, /* of a value; longer ones are passed over    */
};
#define LIMITER_HEADER_SPAN_MAX_MS (INT64_C(366) * 86400000) /* longer ones are cut */

enum limiter_header {
    LIMITER_HEADER_OTHER,
    LIMITER_HEADER_REMAINING,
    LIMITER_HEADER_LIMIT,
    LIMITER_HEADER_RESET,
    LIMITER_HEADER_RETRY_AFTER,
};

enum limiter_header limiter_header_of(struct bytes name);

/* Adds what one header says. */
void limiter_header_add(struct limiter_hint *hint, enum limiter_header header, struct bytes value,
                        int64_t now_ms);

/* An answer with this status and these header lines ("Name: value", each ended by LF or CR LF; lines
 * without a colon are passed over). Of the headers those that `learn` names are read, and Retry-After
 * of a refusal always. */
struct limiter_hint limiter_headers_read(int status, struct bytes lines, const char *const *learn,
                                         size_t learn_count, int64_t now_ms);

#endif
