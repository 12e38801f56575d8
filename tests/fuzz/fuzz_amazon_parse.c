// The amazon plugin's reader and its numbers, on any bytes. The first byte chooses the delimiter. What is read does not depend on how
// the file arrives in blocks, stays inside its limits, and is what a plain scan of the file would find.
#define _GNU_SOURCE // memfd_create

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "civil.h"
#include "columns.h"
#include "delimited.h"
#include "encoding.h"
#include "fuzz.h"
#include "market.h"
#include "number.h"
#include "period.h"

static void try_number(const char *text, size_t len) {
    int64_t v;
    for (int style = NUMBER_POINT; style <= NUMBER_COMMA; style++) {
        for (unsigned scale = 0; scale <= 4; scale += 2) {
            if (number_fixed(text, len, (enum number_style)style, scale, &v) == 0) {
                FUZZ_CHECK(v <= NUMBER_MONEY_MAX && v >= -NUMBER_MONEY_MAX);
            }
        }
        if (number_count(text, len, (enum number_style)style, &v) == 0) {
            FUZZ_CHECK(v >= 0 && v <= NUMBER_COUNT_MAX);
        }
        if (number_percent(text, len, (enum number_style)style, &v) == 0) {
            FUZZ_CHECK(v >= 0 && v <= NUMBER_COUNT_MAX + 1);
        }
        struct money m;
        if (money_parse(text, len, (enum number_style)style, "CAD", &m) == 0) {
            FUZZ_CHECK(m.currency[0] == '\0' || currency_exponent(m.currency) >= 0);
        }
    }
}

static void try_text(const char *text, size_t len) {
    char folded[COLUMNS_NAME], again[COLUMNS_NAME];
    int32_t day;
    int64_t seconds;
    encoding_fold(text, len, folded, sizeof folded);
    FUZZ_CHECK(encoding_is_utf8(folded, strlen(folded)));
    encoding_fold(folded, strlen(folded), again, sizeof again);
    FUZZ_CHECK(strcmp(folded, again) == 0);
    if (civil_parse_stamp(text, len, &day, &seconds) == 0) {
        char shown[CIVIL_TEXT];
        civil_format(day, shown);
        FUZZ_CHECK(memcmp(shown, text, 10) == 0);
    }
    char *utf8 = malloc(len * 3 + 1);
    if (utf8 != NULL) {
        FUZZ_CHECK(encoding_is_utf8(utf8, encoding_from_cp1252(text, len, utf8)));
        free(utf8);
    }
}

static void try_period(const uint8_t *data, size_t size) {
    char name[200];
    struct period p;
    size_t len = size < sizeof name - 1 ? size : sizeof name - 1;
    memcpy(name, data, len);
    name[len] = '\0';
    if (period_from_name(name, &p)) {
        FUZZ_CHECK(p.dated && p.from <= p.to && p.label[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char delimiters[] = {',', ';', '\t'};
    struct delimited d;
    struct columns columns;
    uint64_t line = 0;
    int rc;
    if (size == 0) {
        return 0;
    }
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd == -1 || write(fd, data + 1, size - 1) != (ssize_t)size - 1 ||
        lseek(fd, 0, SEEK_SET) != 0) {
        abort();
    }
    if (delimited_open(&d, fd) == 0) {
        delimited_format(&d, delimiters[data[0] % sizeof delimiters]);
        while ((rc = delimited_next(&d)) == DELIMITED_ROW || rc == DELIMITED_SKIPPED) {
            FUZZ_CHECK(d.line > line && d.count <= DELIMITED_COLUMNS_MAX);
            line = d.line;
            for (size_t i = 0; rc == DELIMITED_ROW && i < d.count; i++) {
                FUZZ_CHECK(d.fields[i].len <= DELIMITED_FIELD_MAX);
                try_number(d.fields[i].text, d.fields[i].len);
                try_text(d.fields[i].text, d.fields[i].len);
            }
            if (rc == DELIMITED_ROW && line < 4) {
                columns_map(d.fields, d.count, &columns);
            }
        }
        FUZZ_CHECK(rc == DELIMITED_END || rc == DELIMITED_UNREADABLE);
        FUZZ_CHECK(rc == DELIMITED_UNREADABLE || d.offset == size - 1);
        delimited_close(&d);
    }
    (void)close(fd);
    try_period(data, size);
    return 0;
}
