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

/* All codes there are, blanks between them: marketplaces, and those of ISO 4217 that have a minor
 * unit by its decimals: currencies, funds, and what was withdrawn lately (CUC, HRK, SLL, ZWL).
 * Neither metals nor codes for tests. */
#define MARKET_CODES "US UK GB DE FR CA AE IN IT ES NL JP AU BR MX SG TR PL SE NO BE EG SA ZA IE"
#define CURRENCIES_2                                                                               \
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD "             \
    "BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD "             \
    "EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS "             \
    "INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT "             \
    "MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR "             \
    "PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP "             \
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER "             \
    "ZAR ZMW ZWG ZWL"
#define CURRENCIES_0 "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
#define CURRENCIES_3 "BHD IQD JOD KWD LYD OMR TND"
#define CURRENCIES_4 "CLF UYW"

/* By code, any case; GB is UK. NULL = none. */
const struct market *market_find(const char *code);
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
