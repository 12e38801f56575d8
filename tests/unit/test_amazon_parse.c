// The amazon plugin's reader, numbers, characters, dates and headers: each form, each limit and one more.
#include <errno.h>
#include <unistd.h>

#include "civil.h"
#include "columns.h"
#include "delimited.h"
#include "encoding.h"
#include "expect.h"
#include "market.h"
#include "number.h"
#include "period.h"

// ---- the reader ----

static int file_with(const char *text, size_t len) {
    char name[] = "./test-XXXXXX";
    int fd = mkstemp(name);
    if (!EXPECT_TRUE(fd != -1)) {
        return -1;
    }
    (void)unlink(name);
    EXPECT_EQ_INT((intmax_t)len, write(fd, text, len));
    (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

// Reads everything and writes it down: "line:a|b" a row, "line!column problem" for the rest.
static void transcribe(const char *text, size_t len, char delimiter, char *out, size_t cap) {
    struct delimited d;
    int fd = file_with(text, len), rc;
    size_t used = 0;
    out[0] = '\0';
    if (!EXPECT_EQ_INT(0, delimited_open(&d, fd))) {
        return;
    }
    delimited_format(&d, delimiter);
    while ((rc = delimited_next(&d)) > 0 && used + 1 < cap) {
        if (rc != DELIMITED_ROW) {
            used += (size_t)snprintf(out + used, cap - used, "%d%c%zu %s\n", (int)d.line,
                                     rc == DELIMITED_SKIPPED ? '?' : '!', d.column, d.problem);
            if (rc == DELIMITED_UNREADABLE) {
                break;
            }
            continue;
        }
        used += (size_t)snprintf(out + used, cap - used, "%d:", (int)d.line);
        for (size_t i = 0; i < d.count; i++) {
            used += (size_t)snprintf(out + used, cap - used, "%s%.*s", i == 0 ? "" : "|",
                                     (int)d.fields[i].len, d.fields[i].text);
        }
        used += (size_t)snprintf(out + used, cap - used, "\n");
    }
    delimited_close(&d);
    (void)close(fd);
}

static void expect_rows(const char *want, const char *text, char delimiter) {
    char got[1024];
    transcribe(text, strlen(text), delimiter, got, sizeof got);
    EXPECT_EQ_STR(want, got);
}

static void test_rows(void) {
    expect_rows("", "", ',');
    expect_rows("1:a\n", "a", ',');
    expect_rows("1:a|b\n2:c|d\n", "a,b\nc,d\n", ',');
    expect_rows("1:a|b\n3:c|d\n",
                "\xEF\xBB\xBF"
                "a,b\r\n\r\nc,d",
                ',');
    expect_rows("1:x\n2:|\n3:a|\n", "x\n,\na,\n", ',');
    expect_rows("1:a|b,c\n", "a;b,c\n", ';');
    expect_rows("4:a|b\n5:|\n", "\xEF\xBB\xBF\r\n \t \r\n,,;,\na,b\n,\n",
                ','); // before the header only
}

static void test_quotes(void) {
    expect_rows("1:a,b|c \"big\" d|\n", "\"a,b\",\"c \"\"big\"\" d\",\"\"\n", ',');
    expect_rows("1:a\r\nb|c\n3:d\n", "\"a\r\nb\",c\r\nd\n", ',');
    expect_rows("1:a 5\" pipe|b\n2:c\n", "a 5\" pipe,b\nc\n",
                ','); // inside a field it is a character
    expect_rows("1?2 text after a closing quote\n2:c\n", "a,\"b\"x\nc\n", ',');
    expect_rows("1:a\n2!2 a quote that is never closed\n", "a\nb,\"c\nd\ne", ',');
    // rows that an open quote took in are never lost in silence
    expect_rows("1:a\n2!2 a quote that is closed only in a later row, so that rows would be lost; "
                "close it, or double the quotes inside of the cell\n",
                "a\nb,\"c\nd,\"e\"\nf\n", ',');
    expect_rows("1!2 a quote that is closed only in a later row, so that rows would be lost; "
                "close it, or double the quotes inside of the cell\n",
                "a,\"b\nc\",\"d\"e\nf\n", ',');
    expect_rows("1:\"a|b\"\n", "\"a\tb\"\n", '\t'); // tabs know no quotes
    expect_rows("1:a|b \"big\" c||\"|\"\n",         // but what a spreadsheet quoted is whole
                "\"a\"\t\"b \"\"big\"\" c\"\t\"\"\t\"\t\"\"\"\"\n", '\t');
    expect_rows("1:\"Best\" tea \"pot\"|\"a\"\"|\"\"\"\n",
                "\"Best\" tea \"pot\"\t\"a\"\"\t\"\"\"\n", '\t');
    expect_rows("1:a|b|\n", "a\tb\t\r\n", '\t');
}

static void test_nul(void) {
    char got[128];
    transcribe("a\0b,c\nd\n", 8, ',', got, sizeof got);
    EXPECT_EQ_STR("1?1 a NUL byte\n2:d\n", got);
}

// A file of one field of `len` bytes between two others.
static void expect_field(size_t len, bool quoted, bool fits) {
    char *text = malloc(len + 16), *got = malloc(len + 64);
    if (!EXPECT_TRUE(text != NULL && got != NULL)) {
        return;
    }
    size_t n = (size_t)sprintf(text, quoted ? "a,\"" : "a,");
    memset(text + n, 'x', len);
    n += len;
    n += (size_t)sprintf(text + n, quoted ? "\"\nb\n" : "\nb\n");
    transcribe(text, n, ',', got, len + 64);
    if (fits) {
        EXPECT_EQ_INT((intmax_t)(len + strlen("1:a|\n2:b\n")), (intmax_t)strlen(got));
    } else {
        EXPECT_EQ_STR("1!2 a field of more than 64 KiB\n", got);
    }
    free(text);
    free(got);
}

static void test_field_limit(void) {
    expect_field(DELIMITED_FIELD_MAX, false, true);
    expect_field(DELIMITED_FIELD_MAX + 1, false, false);
    expect_field(DELIMITED_FIELD_MAX, true, true);
    expect_field(DELIMITED_FIELD_MAX + 1, true, false);
}

static void expect_record(size_t len, bool newline, bool fits) {
    char *text = malloc(len + 2);
    struct delimited d;
    if (!EXPECT_TRUE(text != NULL)) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        text[i] = i % 60000 == 59999 ? '\t' : 'x';
    }
    text[len] = '\n';
    int fd = file_with(text, len + newline);
    EXPECT_EQ_INT(0, delimited_open(&d, fd));
    delimited_format(&d, '\t');
    EXPECT_EQ_INT(fits ? DELIMITED_ROW : DELIMITED_UNREADABLE, delimited_next(&d));
    if (!fits) {
        EXPECT_EQ_STR("a row of more than 1 MiB", d.problem);
    }
    delimited_close(&d);
    (void)close(fd);
    free(text);
}

static void test_record_limit(void) {
    expect_record(DELIMITED_RECORD_MAX, true, true);
    expect_record(DELIMITED_RECORD_MAX, false, true);
    expect_record(DELIMITED_RECORD_MAX + 1, true, false);
    expect_record(DELIMITED_RECORD_MAX * 2, false, false);
}

static void test_column_limit(void) {
    char text[300], got[700];
    memset(text, ',', sizeof text);
    transcribe(text, DELIMITED_COLUMNS_MAX - 1, ',', got, sizeof got);
    EXPECT_EQ_INT(2 + DELIMITED_COLUMNS_MAX - 1 + 1, (intmax_t)strlen(got));
    transcribe(text, DELIMITED_COLUMNS_MAX, ',', got, sizeof got);
    EXPECT_EQ_STR("1!257 more than 256 columns\n", got);
}

static void test_many_blocks(void) { // rows that lie across every border of the buffer
    size_t rows = 60000, n = 0;
    char *text = malloc(rows * 32);
    struct delimited d;
    if (!EXPECT_TRUE(text != NULL)) {
        return;
    }
    for (size_t i = 0; i < rows; i++) {
        n += (size_t)sprintf(text + n, i % 3 == 0 ? "%zu,\"q\"\"%zu\",x\n" : "%zu,p%zu,x\n", i,
                             i * 7);
    }
    int fd = file_with(text, n), rc;
    size_t seen = 0, right = 0;
    EXPECT_EQ_INT(0, delimited_open(&d, fd));
    delimited_format(&d, ',');
    while ((rc = delimited_next(&d)) == DELIMITED_ROW) {
        char want[32];
        size_t len = (size_t)sprintf(want, seen % 3 == 0 ? "q\"%zu" : "p%zu", seen * 7);
        right += d.count == 3 && d.line == seen + 1 && d.fields[1].len == len &&
                 memcmp(d.fields[1].text, want, len) == 0;
        seen++;
    }
    EXPECT_EQ_INT(DELIMITED_END, rc);
    EXPECT_EQ_UINT(rows, seen);
    EXPECT_EQ_UINT(rows, right);
    EXPECT_EQ_UINT(n, d.offset);
    delimited_close(&d);
    (void)close(fd);
    free(text);
}

// "lines" of each record, and "!" behind the one that the file ends in.
static void expect_lines(const char *want, const char *text) {
    struct delimited d;
    char got[64] = "";
    int fd = file_with(text, strlen(text));
    EXPECT_EQ_INT(0, delimited_open(&d, fd));
    delimited_format(&d, ',');
    while (delimited_next(&d) == DELIMITED_ROW) {
        size_t used = strlen(got);
        (void)snprintf(got + used, sizeof got - used, "%d%s", (int)d.lines, d.unended ? "!" : "");
    }
    EXPECT_EQ_STR(want, got);
    delimited_close(&d);
    (void)close(fd);
}

static void test_lines_and_ends(void) {
    expect_lines("11", "a,b\nc,d\n");
    expect_lines("11!", "a,b\n\r\nc,d");
    expect_lines("32", "\"a\n\n\"\n\"b\r\n\"\r\n");
    expect_lines("12!", "a\n\"b\nc\"");
}

static void test_unreadable_descriptor(void) {
    struct delimited d;
    EXPECT_EQ_INT(-EBADF, delimited_open(&d, -1));
}

// ---- numbers ----

enum { POINT = NUMBER_POINT, COMMA = NUMBER_COMMA };

static void test_numbers(void) {
    static const struct {
        const char *text;
        int style;
        unsigned scale;
        int rc;
        int64_t want;
    } cases[] = {
        {"12", POINT, 2, 0, 1200},
        {" 1,234.56 ", POINT, 2, 0, 123456},
        {"1.699,15", COMMA, 2, 0, 169915},
        {"1\xC2\xA0"
         "699,15",
         COMMA, 2, 0, 169915},
        {"1\xE2\x80\xAF"
         "699",
         COMMA, 0, 0, 1699},
        {"1,23,456.00", POINT, 2, 0, 12345600}, // as India groups
        {"-5.5", POINT, 2, 0, -550},
        {"\xE2\x88\x92"
         "5",
         POINT, 0, 0, -5},
        {"1234.5", POINT, 1, 0, 12345},
        {"1234.50", POINT, 1, -EINVAL, 0}, // zeros too: of the other locale they are a group
        {"2.500", POINT, 2, -EINVAL, 0},
        {"2,500", COMMA, 2, -EINVAL, 0},
        {"1.000", POINT, 0, -EINVAL, 0},
        {"1,000", COMMA, 0, -EINVAL, 0},
        {"1.00", POINT, 0, 0, 1},
        {"1.0", POINT, 0, 0, 1},
        {"1,00", COMMA, 0, 0, 1},
        {"1.000", POINT, 3, 0, 1000},
        {"1.0000000000000000", POINT, 2, -EINVAL, 0},
        {"12.345", POINT, 2, -EINVAL, 0},
        {"1.234", COMMA, 0, 0, 1234},
        {"1.25", COMMA, 0, -EINVAL, 0},
        {"1.250", POINT, 0, -EINVAL, 0},
        {"1,25", POINT, 0, -EINVAL, 0},
        {"12,345,6", POINT, 0, -EINVAL, 0},
        {"1234,567", POINT, 0, -EINVAL, 0},
        {",5", POINT, 1, -EINVAL, 0},
        {"5.", POINT, 1, -EINVAL, 0},
        {"--5", POINT, 0, -EINVAL, 0},
        {"5-", POINT, 0, -EINVAL, 0},
        {"1 2", POINT, 0, -EINVAL, 0},
        {"0x10", POINT, 0, -EINVAL, 0},
        {"", POINT, 0, -ENODATA, 0},
        {" - ", POINT, 0, -ENODATA, 0},
        {"10000000000000.00", POINT, 2, 0, NUMBER_MONEY_MAX},
        {"10000000000000.01", POINT, 2, -ERANGE, 0},
        {"99999999999999999999999999", POINT, 0, -ERANGE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t got = 0;
        int rc = number_fixed(cases[i].text, strlen(cases[i].text),
                              (enum number_style)cases[i].style, cases[i].scale, &got);
        if (!EXPECT_EQ_INT(cases[i].rc, rc) || (rc == 0 && !EXPECT_EQ_INT(cases[i].want, got))) {
            (void)printf("  \"%s\"\n", cases[i].text);
        }
    }
}

static void test_counts(void) {
    int64_t v;
    EXPECT_EQ_INT(0, number_count("10000000000", 11, NUMBER_POINT, &v));
    EXPECT_EQ_INT(NUMBER_COUNT_MAX, v);
    EXPECT_EQ_INT(-ERANGE, number_count("10000000001", 11, NUMBER_POINT, &v));
    EXPECT_EQ_INT(-EINVAL, number_count("-1", 2, NUMBER_POINT, &v));
    EXPECT_EQ_INT(-EINVAL, number_count("1.5", 3, NUMBER_POINT, &v));
}

static void expect_percent(const char *text, enum number_style style, int rc, int64_t want) {
    int64_t got = 0;
    EXPECT_EQ_INT(rc, number_percent(text, strlen(text), style, &got));
    if (rc == 0) {
        EXPECT_EQ_INT(want, got);
    }
}

static void test_percent(void) {
    expect_percent("12.34%", NUMBER_POINT, 0, 123400);
    expect_percent("1,234.56%", NUMBER_POINT, 0, 12345600);
    expect_percent("97,5\xC2\xA0%", NUMBER_COMMA, 0, 975000);
    expect_percent("0.00005", NUMBER_POINT, 0, 1);
    expect_percent("0.00004", NUMBER_POINT, 0, 0);
    expect_percent("", NUMBER_POINT, -ENODATA, 0);
    expect_percent("%", NUMBER_POINT, -EINVAL, 0);
    expect_percent("-1%", NUMBER_POINT, -EINVAL, 0);
}

static void test_ratio(void) {
    EXPECT_EQ_INT(333333, number_ratio(1, 3, 1000000));
    EXPECT_EQ_INT(666667, number_ratio(2, 3, 1000000));
    EXPECT_EQ_INT(3, number_ratio(5, 2, 1)); // halves away from zero
    EXPECT_EQ_INT(-3, number_ratio(-5, 2, 1));
    EXPECT_EQ_INT(-3, number_ratio(5, -2, 1));
    EXPECT_EQ_INT(NUMBER_NONE, number_ratio(1, 0, 1));
    EXPECT_EQ_INT(NUMBER_NONE, number_ratio(NUMBER_NONE, 5, 1));
    EXPECT_EQ_INT(1000000, number_ratio(INT64_MAX, INT64_MAX, 1000000)); // 128 bits between
    EXPECT_EQ_INT(NUMBER_NONE, number_ratio(INT64_MAX, 1, 2));
    EXPECT_EQ_INT(-500000, number_growth(5, 10));
    EXPECT_EQ_INT(NUMBER_NONE, number_growth(5, 0));
}

static void expect_money(const char *text, enum number_style style, const char *expected, int rc,
                         int64_t minor, const char *currency) {
    struct money m;
    if (EXPECT_EQ_INT(rc, money_parse(text, strlen(text), style, expected, &m)) && rc == 0) {
        EXPECT_EQ_INT(minor, m.minor);
        EXPECT_EQ_STR(currency, m.currency);
    }
}

static void test_money(void) {
    expect_money("\xC2\xA3"
                 "12,345.67",
                 NUMBER_POINT, "", 0, 1234567, "GBP");
    expect_money("1.699,15 \xE2\x82\xAC", NUMBER_COMMA, "", 0, 169915, "EUR");
    expect_money("1.699,15\xC2\xA0\xE2\x82\xAC", NUMBER_COMMA, "", 0, 169915, "EUR");
    expect_money("-\xC2\xA3"
                 "5.00",
                 NUMBER_POINT, "", 0, -500, "GBP");
    expect_money("$5", NUMBER_POINT, "", 0, 500, "USD");
    expect_money("$5", NUMBER_POINT, "CAD", 0, 500, "CAD");
    expect_money("CA$5", NUMBER_POINT, "", 0, 500, "CAD");
    expect_money("EUR 5.00", NUMBER_POINT, "", 0, 500, "EUR");
    expect_money("\xC2\xA5"
                 "1,250",
                 NUMBER_POINT, "", 0, 1250, "JPY");
    expect_money("1250.00", NUMBER_POINT, "JPY", 0, 1250, "");
    expect_money("1250.50", NUMBER_POINT, "JPY", -EINVAL, 0, "");
    expect_money("KWD 1.234", NUMBER_POINT, "", 0, 1234, "KWD");
    expect_money("5", NUMBER_POINT, "", 0, 500, "");
    expect_money("", NUMBER_POINT, "", -ENODATA, 0, "");
    expect_money("n/a", NUMBER_POINT, "", -EINVAL, 0, "");
    expect_money("ABC 5.00", NUMBER_POINT, "", -EINVAL, 0, "");
    expect_money("$5\xE2\x82\xAC", NUMBER_POINT, "", -EINVAL, 0, "");
    expect_money("\xE2\x88\x9E"
                 "5",
                 NUMBER_POINT, "", -EINVAL, 0, "");
    expect_money("--5", NUMBER_POINT, "", -EINVAL, 0, "");
}

static void test_currencies(void) {
    EXPECT_EQ_INT(0, currency_exponent("JPY"));
    EXPECT_EQ_INT(2, currency_exponent("EUR"));
    EXPECT_EQ_INT(3, currency_exponent("KWD"));
    EXPECT_EQ_INT(2, currency_exponent("ZWG"));
    EXPECT_EQ_INT(4, currency_exponent("CLF"));
    EXPECT_EQ_INT(-1, currency_exponent("ABC"));
    EXPECT_EQ_INT(-1, currency_exponent("D A"));
    EXPECT_EQ_INT(-1, currency_exponent("eur"));
    EXPECT_EQ_INT(-1, currency_exponent(""));
    EXPECT_EQ_STR("UK", market_find("gb")->code);
    EXPECT_EQ_STR("JPY", market_find("JP")->currency);
    EXPECT_NULL(market_find("XX"));
    for (const char *p = MARKET_CODES; *p != '\0'; p += strcspn(p, " "), p += *p == ' ') {
        char code[3] = {p[0], p[1], '\0'};
        EXPECT_TRUE(market_find(code) != NULL);
    }
}

// ---- characters ----

static void expect_fold(const char *want, const char *text) {
    char got[64];
    encoding_fold(text, strlen(text), got, sizeof got);
    EXPECT_EQ_STR(want, got);
}

static void test_fold(void) {
    expect_fold("sessions - total", "Sessions \xE2\x80\x93 Total");
    expect_fold("sessions - total", "\xEF\xBB\xBF SESSIONS\xC2\xA0 \xE2\x80\x94  total\t");
    expect_fold("(\xC3\xBC"
                "bergeordnete) asin",
                "(\xC3\x9C"
                "bergeordnete) ASIN");
    expect_fold("", " \xC2\xA0 ");
    char cut[4];
    encoding_fold("abcdef", 6, cut, sizeof cut);
    EXPECT_EQ_STR("abc", cut);
}

static void test_encoding(void) {
    char out[32] = {0};
    EXPECT_TRUE(encoding_is_utf8("plain ASCII of more than eight", 30));
    EXPECT_TRUE(encoding_is_utf8("\xE8\x8C\xB6", 3));
    EXPECT_FALSE(encoding_is_utf8("\xE8\x8C", 2));
    EXPECT_FALSE(encoding_is_utf8("\xED\xA0\x80", 3)); // a surrogate
    EXPECT_FALSE(encoding_is_utf8("\xC0\x80", 2));     // overlong
    EXPECT_FALSE(encoding_is_utf8("\xF4\x90\x80\x80", 4));
    EXPECT_EQ_INT(9, (intmax_t)encoding_from_cp1252("\x80"
                                                    "1\xE9\x81",
                                                    4, out));
    EXPECT_EQ_STR("\xE2\x82\xAC"
                  "1\xC3\xA9\xEF\xBF\xBD",
                  out);
}

static void expect_shown(const char *want, const char *text, size_t cap) {
    char got[32];
    encoding_show(text, strlen(text), got, cap);
    EXPECT_EQ_STR(want, got);
}

static void test_show(void) {
    expect_shown("caf\xC3\xA9", "caf\xC3\xA9", 32);
    expect_shown("a?[2J?b?", "a\x1B[2J\nb\x7F", 32);
    expect_shown("a??", "a\xE9\xC3", 32); // no UTF-8, and a character that is cut off
    expect_shown("caf\xC3\xA9", "caf\xC3\xA9", 6);
    expect_shown("caf", "caf\xC3\xA9", 5); // never half a character
    expect_shown("", "abc", 1);
    expect_shown("a?b",
                 "a\xE2\x80\xAE"
                 "b",
                 32); // a character that turns letters round
}

static void expect_seen(bool hidden, bool rtl, const char *text) {
    EXPECT_EQ_INT(hidden, encoding_is_hidden(text, strlen(text)));
    EXPECT_EQ_INT(rtl, encoding_is_rtl(text, strlen(text)));
}

static void test_hidden(void) {
    static const char *const hidden[] = {
        "\x1F",         "\x7F",         "\xC2\x80",     "\xC2\x9F",      // controls
        "\xE2\x80\xAA", "\xE2\x80\xAE", "\xE2\x81\xA6", "\xE2\x81\xA7"}; // U+202A 202E 2066 2067
    static const char *const rtl[] = {"\xD6\x90", "\xE0\xA3\xBF", "\xEF\xAC\x9D",
                                      "\xF0\x90\xA0\x80"}; // U+0590 08FF FB1D 10800
    static const char *const plain[] = {" ",
                                        "~",
                                        "\xC2\xA0",
                                        "\xE2\x80\xA9",
                                        "\xE2\x80\xAF",
                                        "\xE2\x81\xA5", // U+00A0 2029 202F 2065
                                        ENCODING_FSI,
                                        ENCODING_PDI,
                                        "\xD6\x8F",
                                        "\xE0\xA4\x80",
                                        "\xEF\xBB\xBF"}; // U+058F 0900 FEFF
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        expect_seen(true, false, hidden[i]);
    }
    for (size_t i = 0; i < sizeof rtl / sizeof rtl[0]; i++) {
        expect_seen(false, true, rtl[i]);
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        expect_seen(false, false, plain[i]);
    }
    EXPECT_EQ_INT(true, encoding_is_hidden("\xE9", 0)); // no character at all
}

// ---- days ----

static void test_days(void) {
    EXPECT_EQ_INT(0, civil_day(1970, 1, 1));
    EXPECT_EQ_INT(20512, civil_day(2026, 2, 28));
    EXPECT_EQ_INT(3, civil_weekday(0)); // a Thursday
    for (int32_t day = civil_day(1990, 1, 1); day <= civil_day(2199, 12, 31); day++) {
        int y, m, d;
        civil_split(day, &y, &m, &d);
        if (civil_day(y, m, d) != day || !civil_valid(y, m, d)) {
            EXPECT_EQ_INT(day, civil_day(y, m, d));
            return;
        }
    }
}

static void expect_stamp(const char *text, int rc, const char *want_day, int64_t want_seconds) {
    int32_t day = 0;
    int64_t seconds = 0;
    char got[CIVIL_TEXT];
    if (EXPECT_EQ_INT(rc, civil_parse_stamp(text, strlen(text), &day, &seconds)) && rc == 0) {
        civil_format(day, got);
        EXPECT_EQ_STR(want_day, got);
        EXPECT_EQ_INT(want_seconds, seconds);
    }
}

static void test_stamps(void) {
    expect_stamp("1990-01-01T00:00:00+00:00", 0, "1990-01-01", 631152000);
    expect_stamp("2026-03-31T23:30:00-08:00", 0, "2026-03-31", 1775028600); // the day as written
    expect_stamp("2026-03-31 23:30", 0, "2026-03-31", 1774999800);
    expect_stamp("2026-03-31T23:30:00.123Z", 0, "2026-03-31", 1774999800);
    expect_stamp("2026-03-31T23:30:00+0200", 0, "2026-03-31", 1774992600);
    expect_stamp("2026-02-29T00:00:00Z", -EINVAL, "", 0);
    expect_stamp("1989-12-31T00:00:00Z", -EINVAL, "", 0);
    expect_stamp("2026-03-31T24:00:00Z", -EINVAL, "", 0);
    expect_stamp("2026-03-31T23:30:00+99:00", -EINVAL, "", 0);
    expect_stamp("2026-03-31", -EINVAL, "", 0);
    expect_stamp("31/03/2026 23:30", -EINVAL, "", 0);
}

static void expect_period(const char *file, const char *want) {
    struct period p;
    char got[2 * CIVIL_TEXT + PERIOD_LABEL + 8] = "none", from[CIVIL_TEXT], to[CIVIL_TEXT];
    if (period_from_name(file, &p)) {
        civil_format(p.from, from);
        civil_format(p.to, to);
        (void)snprintf(got, sizeof got, "%s %s %s", from, to, p.label);
    } else {
        EXPECT_EQ_STR(file, p.label);
    }
    EXPECT_EQ_STR(want, got);
}

static void test_periods(void) {
    expect_period("BusinessReport-August-2026.csv", "2026-08-01 2026-08-31 August 2026");
    expect_period("2026_m\xC3\xA4rz.csv", "2026-03-01 2026-03-31 March 2026");
    expect_period("sales 2026-02.csv", "2026-02-01 2026-02-28 February 2026");
    expect_period("2026-Q1.csv", "2026-01-01 2026-03-31 Q1 2026");
    expect_period("Q4 2026.csv", "2026-10-01 2026-12-31 Q4 2026");
    expect_period("r_2026-03-01_2026-03-14.csv", "2026-03-01 2026-03-14 2026-03-01 to 2026-03-14");
    expect_period("r 20260301-20260331.csv", "2026-03-01 2026-03-31 March 2026");
    expect_period("1.3.2026-31.3.2026.csv", "2026-03-01 2026-03-31 March 2026");
    expect_period("BusinessReport-March-2026 (1).csv", "2026-03-01 2026-03-31 March 2026");
    expect_period("shop 12345 March 2026.csv", "2026-03-01 2026-03-31 March 2026");
    expect_period("daily 2026-03-05.csv", "none"); // the day of the download, perhaps
    expect_period("2026-01_2026-03.csv", "none");  // ranges of months are not read
    expect_period("January-March 2026.csv", "none");
    expect_period("2026 January-March.csv", "none");
    expect_period("Q1-Q2 2026.csv", "none");
    expect_period("H1 2026-01.csv", "none");
    expect_period("1-15 March 2026.csv", "none");
    expect_period("Dezember 2025 - Januar 2026.csv", "none");
    expect_period("Business Report 2026-03-31.csv", "none");
    expect_period("downloaded 2 May 2026.csv", "none");
    expect_period("March 2026, downloaded 2026-04-02.csv", "none");
    expect_period("2026-03-01_2026-03-14_2026-03-31.csv", "none");
    expect_period("March 2026 2025.csv", "none");
    expect_period("BusinessReport-3-31-26.csv", "none");
    expect_period("BusinessReport-2026-03-31.csv", "none"); // the day of the download
    expect_period("r_2026-03-14_2026-03-01.csv", "none");
    expect_period("marching-band.csv", "none");
    expect_period("", "none");
}

// ---- headers ----

static void test_headers(void) {
    const char *language;
    EXPECT_EQ_INT(COLUMN_SESSIONS,
                  columns_find(KIND_BUSINESS, "SESSIONS \xE2\x80\x93 total", 18, &language));
    EXPECT_EQ_STR("en", language);
    EXPECT_EQ_INT(COLUMN_SALES_B2B,
                  columns_find(KIND_BUSINESS, "Ordered product sales \xE2\x80\x93 B2B", 29, NULL));
    EXPECT_EQ_INT(COLUMN_SALES_B2B,
                  columns_find(KIND_BUSINESS, "Bestellsumme - B2B", 18, &language));
    EXPECT_EQ_STR("de", language);
    EXPECT_EQ_INT(
        COLUMN_IGNORED,
        columns_find(KIND_BUSINESS, "Sessions \xE2\x80\x93 Mobile APP \xE2\x80\x93 B2B", 31, NULL));
    EXPECT_EQ_INT(COLUMN_COUNT, columns_find(KIND_BUSINESS, "Sessions - Tablet", 17, NULL));
    EXPECT_EQ_INT(COLUMN_COUNT, columns_find(KIND_BUSINESS, "Title - B2B", 11, NULL));
    EXPECT_EQ_INT(COLUMN_PERSONAL, columns_find(KIND_ORDERS, "ship-city", 9, NULL));
}

static bool is_header(const char *cell) {
    return columns_is_header(KIND_BUSINESS, (struct delimited_field){cell, strlen(cell)});
}

static void test_headers_among_rows(void) {
    EXPECT_TRUE(is_header("UNITS ordered"));
    EXPECT_TRUE(is_header("Bestellte Einheiten"));
    EXPECT_TRUE(is_header("Units ordered - B2B"));
    EXPECT_FALSE(is_header("12"));
    EXPECT_FALSE(is_header("n/a"));
    EXPECT_FALSE(is_header(""));
}

static int check_header(const char *text, struct trouble *t) {
    char copy[200];
    struct delimited d = {0};
    struct columns c;
    memcpy(copy, text, strlen(text));
    delimited_format(&d, ',');
    EXPECT_TRUE(delimited_split(&d, copy, strlen(text)));
    columns_map(d.fields, d.count, &c);
    return columns_check(&c, "f.csv", 3, t);
}

static void test_two_columns_of_one_field(void) {
    struct trouble t = {0};
    EXPECT_EQ_INT(0, check_header("ASIN,Sessions,Units ordered,Ordered product sales,"
                                  "Session percentage,Session percentage",
                                  &t));
    EXPECT_EQ_INT(-1, check_header("ASIN,Sessions,Units ordered,Ordered product sales,"
                                   "sessions - total",
                                   &t));
    EXPECT_EQ_STR("two_columns", t.code);
    EXPECT_EQ_STR("f.csv, row 3: the columns \"Sessions\" and \"sessions - total\" both say "
                  "\"sessions\"; remove the one that is not to count",
                  t.text);
    EXPECT_EQ_INT(-1, check_header("ASIN,Sessions,Units ordered", &t));
    EXPECT_EQ_STR("missing_column", t.code);
    EXPECT_TRUE(strstr(t.text, "f.csv, row 3: ") == t.text);
}

static void test_alias_table(void) {
    struct columns_alias a;
    size_t count = 0;
    for (; columns_alias(count, &a); count++) {
        enum report_kind kind = strcmp(a.report, "orders") == 0 ? KIND_ORDERS : KIND_BUSINESS;
        const char *language;
        bool known = strcmp(a.report, columns_kind_name(kind)) == 0 &&
                     columns_find(kind, a.header, strlen(a.header), &language) != COLUMN_COUNT &&
                     strcmp(language, a.language) == 0;
        if (!EXPECT_TRUE(known)) { // a field or report that does not exist, or a header said twice
            (void)printf("  headers.tsv: %s %s %s %s\n", a.report, a.field, a.language, a.header);
        }
    }
    EXPECT_TRUE(count > 100);
}

static const struct expect_test tests[] = {
    {"rows, empty lines, line ends, BOM", test_rows},
    {"quotes", test_quotes},
    {"NUL bytes", test_nul},
    {"the longest field", test_field_limit},
    {"the longest row", test_record_limit},
    {"the most columns", test_column_limit},
    {"rows across blocks", test_many_blocks},
    {"lines of a record, and its end", test_lines_and_ends},
    {"a descriptor that cannot be read", test_unreadable_descriptor},
    {"numbers", test_numbers},
    {"counts", test_counts},
    {"percentages", test_percent},
    {"ratios", test_ratio},
    {"amounts", test_money},
    {"currencies and marketplaces", test_currencies},
    {"folded headers", test_fold},
    {"UTF-8 and Windows-1252", test_encoding},
    {"bytes in messages", test_show},
    {"characters that are not shown", test_hidden},
    {"days", test_days},
    {"time stamps", test_stamps},
    {"periods in file names", test_periods},
    {"headers", test_headers},
    {"headers among rows", test_headers_among_rows},
    {"two columns of one field", test_two_columns_of_one_field},
    {"the table of headers", test_alias_table},
};
SUITE_MAIN("amazon_parse", tests)
