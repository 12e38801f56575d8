/* The job's payload:
 *
 *     {"marketplace": "DE", "currency": "EUR",
 *      "periods": [{"from": "2026-03-01", "to": "2026-03-31", "label": "March"},
 *                  {"file": "april.csv", "from": "2026-04-01", "to": "2026-04-30"}]}
 *
 * All optional; null and "" (of texts) count as missing; no payload at all is fine. An entry without "file" belongs to the business
 * report of its own place; of several reports called `file`, the first entry is the first one's. */
#ifndef AMAZON_REQUEST_H
#define AMAZON_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "market.h"
#include "period.h"
#include "trouble.h"

enum { REQUEST_PERIODS_MAX = 120, REQUEST_FILE_NAME = 256 };

struct request {
    const struct market *market;  /* NULL = not said            */
    char currency[CURRENCY_TEXT]; /* "" = not said              */
    size_t period_count;
    struct request_period {
        char file[REQUEST_FILE_NAME]; /* "" = by place           */
        struct period period;         /* undated when without from and to */
        bool used;
    } periods[REQUEST_PERIODS_MAX];
};

/* Checks everything: unknown members, codes, dates, order of dates, bytes behind the end. */
int request_parse(const char *payload, size_t len, struct request *ret, struct trouble *t);

/* The period of the business report at `place` (from 0) called `file`: the request's first unused
 * entry by file name, else by place, else from the name. Marks the entry used. */
struct period request_period_of(struct request *r, size_t place, const char *file);

#endif
