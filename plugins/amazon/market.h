/* Marketplaces and currencies: tables, and how amounts in cells are read. Pure. */
#ifndef AMAZON_MARKET_H
#define AMAZON_MARKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "number.h"

enum { CURRENCY_TEXT = 4 }; /* "EUR" and a NUL */

struct market {
    const char *code;     /* "DE" */
    const char *currency; /* "EUR" */
    const char *channel;  /* "Amazon.de", as `sales-channel` of order reports says it */
};

/* By code, any case; GB is UK. NULL = none. */
const struct market *market_find(const char *code);
/* The codes, for messages: "US UK DE ...". */
const char *market_codes(void);

/* Decimals of ISO 4217 (JPY 0, EUR 2, KWD 3); -1: no such code. */
int currency_exponent(const char *code);
/* What to print before an amount: "€", "US$"... or the code and a blank. */
const char *currency_sign(const char *code);

struct money {
    int64_t minor;
    char currency[CURRENCY_TEXT]; /* "" = the cell names none                        */
    bool guessed;                 /* the sign is shared by several, such as "$"       */
};

/* "£12.34", "1.699,15 €", "US$5", "12.50", "EUR 12.50". `expected` (or "") decides signs that
 * several currencies share, and the decimals of an amount without a sign (2 when it is "").
 * As number_fixed(); -EINVAL also for an unknown sign. */
int money_parse(const char *text, size_t len, enum number_style style, const char *expected,
                struct money *ret);

#endif
