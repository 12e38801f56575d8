#include <errno.h>
#include <string.h>

#include "encoding.h"
#include "market.h"

static const struct market markets[] = {
    {"US", "USD", "Amazon.com"},    {"UK", "GBP", "Amazon.co.uk"},  {"DE", "EUR", "Amazon.de"},
    {"FR", "EUR", "Amazon.fr"},     {"CA", "CAD", "Amazon.ca"},     {"AE", "AED", "Amazon.ae"},
    {"IN", "INR", "Amazon.in"},     {"IT", "EUR", "Amazon.it"},     {"ES", "EUR", "Amazon.es"},
    {"NL", "EUR", "Amazon.nl"},     {"JP", "JPY", "Amazon.co.jp"},  {"AU", "AUD", "Amazon.com.au"},
    {"BR", "BRL", "Amazon.com.br"}, {"MX", "MXN", "Amazon.com.mx"}, {"SG", "SGD", "Amazon.sg"},
    {"TR", "TRY", "Amazon.com.tr"}, {"PL", "PLN", "Amazon.pl"},     {"SE", "SEK", "Amazon.se"},
    {"NO", "NOK", "Amazon.no"},     {"BE", "EUR", "Amazon.com.be"}, {"EG", "EGP", "Amazon.eg"},
    {"SA", "SAR", "Amazon.sa"},     {"ZA", "ZAR", "Amazon.co.za"},  {"IE", "EUR", "Amazon.ie"},
};

// A sign, and the currencies that it may mean, the likeliest first.
static const struct {
    const char *sign, *currencies;
} signs[] = {
    {"$", "USD CAD AUD MXN SGD"},
    {"\xE2\x82\xAC", "EUR"},
    {"\xC2\xA3", "GBP"},
    {"\xE2\x82\xB9", "INR"},
    {"Rs.", "INR"},
    {"\xC2\xA5", "JPY"},
    {"\xEF\xBF\xA5", "JPY"},
    {"\xE5\x86\x86", "JPY"},
    {"z\xC5\x82", "PLN"},
    {"kr", "SEK NOK DKK"},
    {"kr.", "SEK NOK DKK"},
    {"\xE2\x82\xBA", "TRY"},
    {"TL", "TRY"},
    {"R$", "BRL"},
    {"R", "ZAR"},
    {"US$", "USD"},
    {"C$", "CAD"},
    {"CA$", "CAD"},
    {"CDN$", "CAD"},
    {"A$", "AUD"},
    {"AU$", "AUD"},
    {"MX$", "MXN"},
    {"S$", "SGD"},
    {"SG$", "SGD"},
};

// The currencies of ISO 4217 by their decimals.
static const struct {
    const char *codes;
    int exponent;
} exponents[] = {
    {CURRENCIES_2, 2},
    {CURRENCIES_0, 0},
    {CURRENCIES_3, 3},
    {CURRENCIES_4, 4},
};

static bool upper_equals(const char *text, const char *upper) {
    for (; *text != '\0' && *upper != '\0'; text++, upper++) {
        char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 32) : *text;
        if (c != *upper) {
            return false;
        }
    }
    return *text == *upper;
}

const struct market *market_find(const char *code) {
    if (upper_equals(code, "GB")) {
        code = "UK";
    }
    for (size_t i = 0; i < sizeof markets / sizeof markets[0]; i++) {
        if (upper_equals(code, markets[i].code)) {
            return &markets[i];
        }
    }
    return NULL;
}

static bool is_code(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 'A' || text[i] > 'Z') {
            return false;
        }
    }
    return len == 3;
}

int currency_exponent(const char *code) {
    if (!is_code(code, strlen(code))) {
        return -1;
    }
    for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++) {
        if (strstr(exponents[i].codes, code) != NULL) {
            return exponents[i].exponent;
        }
    }
    return -1;
}

const char *currency_sign(const char *code) {
    static const struct {
        const char *code, *sign;
    } known[] = {
        {"USD", "$"},        {"EUR", "\xE2\x82\xAC"}, {"GBP", "\xC2\xA3"},
        {"JPY", "\xC2\xA5"}, {"INR", "\xE2\x82\xB9"}, {"CAD", "CA$"},
        {"AUD", "A$"},       {"MXN", "MX$"},          {"BRL", "R$"},
        {"SGD", "S$"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].code, code) == 0) {
            return known[i].sign;
        }
    }
    return NULL;
}

// The currency that a sign means, to `ret`. -EINVAL: unknown.
static int read_sign(const char *text, size_t len, const char *expected, struct money *ret) {
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (strlen(signs[i].sign) != len || memcmp(signs[i].sign, text, len) != 0) {
            continue;
        }
        const char *hit = expected[0] == '\0' ? NULL : strstr(signs[i].currencies, expected);
        memcpy(ret->currency, hit == NULL ? signs[i].currencies : hit, CURRENCY_TEXT - 1);
        ret->guessed = hit == NULL && strlen(signs[i].currencies) > 3;
        return 0;
    }
    if (len != CURRENCY_TEXT - 1) {
        return -EINVAL;
    }
    memcpy(ret->currency, text, CURRENCY_TEXT - 1);
    return currency_exponent(ret->currency) < 0 ? -EINVAL : 0;
}

static bool in_number(char c) {
    return (c >= '0' && c <= '9') || c == '-';
}

int money_parse(const char *text, size_t len, enum number_style style, const char *expected,
                struct money *ret) {
    static const char minus[] = "\xE2\x88\x92";
    size_t from = 0, to;
    int64_t sign = 1;
    memset(ret, 0, sizeof *ret);
    encoding_trim(&text, &len);
    to = len;
    if (len > 1 && (text[0] == '-' || (len > 3 && memcmp(text, minus, 3) == 0))) {
        from = text[0] == '-' ? 1 : 3; // "-£5.00" and "-5,00 €"
        sign = -1;
        if (from < len && text[from] == '-') {
            return -EINVAL;
        }
    }
    const char *sign_at = text + from;
    while (from < to && !in_number(text[from])) {
        from++;
    }
    size_t sign_len = (size_t)(text + from - sign_at);
    encoding_trim(&sign_at, &sign_len);
    while (to > from && !(text[to - 1] >= '0' && text[to - 1] <= '9')) {
        to--;
    }
    const char *after = text + to;
    size_t after_len = len - to;
    encoding_trim(&after, &after_len);
    if (from == to) {
        return len == 0 || (len == 1 && text[0] == '-') ? -ENODATA : -EINVAL;
    }
    if (sign_len > 0 && after_len > 0) {
        return -EINVAL;
    }
    if (sign_len + after_len > 0 &&
        read_sign(sign_len > 0 ? sign_at : after, sign_len + after_len, expected, ret) < 0) {
        return -EINVAL;
    }
    const char *currency = ret->currency[0] != '\0' ? ret->currency : expected;
    int exponent = currency_exponent(currency);
    int rc = number_fixed(text + from, to - from, style, exponent < 0 ? 2 : (unsigned)exponent,
                          &ret->minor);
    ret->minor *= rc == 0 ? sign : 1;
    return rc;
}
