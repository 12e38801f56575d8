// The first line of a file that says something, and all that it can turn out to be.
#include <stdlib.h>
#include <string.h>

#include "encoding.h"
#include "load.h"

enum { LINE_SHOWN = 80 }; // bytes of a header in a message

static const struct {
    const char *magic;
    size_t len;
    const char *words;
} strangers[] = {
    {"PK\x03\x04", 4, "is an Excel workbook or ZIP archive; export or save it as CSV"},
    {"\x1F\x8B", 2, "is compressed; unpack it"},
    {"\xFF\xFE", 2, "is UTF-16 text; save it as CSV UTF-8"},
    {"\xFE\xFF", 2, "is UTF-16 text; save it as CSV UTF-8"},
    {"%PDF", 4, "is a PDF; download the report as CSV"},
    {"{", 1, "is JSON; download the report as CSV"},
    {"<", 1, "is a web page or XML; download the report again"},
};

// The line under the reader, for messages.
struct first_line {
    struct delimited_field bytes;
    unsigned long long place;
};

// Where the first byte is that no text has, from 1; 0 = there is none.
static size_t binary_at(struct delimited_field line) {
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.text[i];
        if (c < 0x20 && (c < '\t' || c > '\r')) {
            return i + 1;
        }
    }
    return 0;
}

static int check_strangers(const struct first_line *line, const char *file, struct trouble *t) {
    struct delimited_field text = line->bytes;
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        if (text.len >= strangers[i].len &&
            memcmp(text.text, strangers[i].magic, strangers[i].len) == 0) {
            return trouble_set(t, TROUBLE_INPUT, "not_a_report",
                               "%s, row %llu, column 1: the file %s", file, line->place,
                               strangers[i].words);
        }
    }
    size_t binary = binary_at(text);
    if (binary > 0) {
        return trouble_set(
            t, TROUBLE_INPUT, "not_a_report",
            "%s, row %llu, byte %zu: the file is not text; download the report as CSV", file,
            line->place, binary);
    }
    if (memchr(text.text, '\r', text.len) != NULL) {
        return trouble_set(t, TROUBLE_INPUT, "unreadable",
                           "%s, row %llu: lines end in carriage returns alone; save the file with "
                           "the line ends of Windows (CRLF) or Unix (LF)",
                           file, line->place);
    }
    if (text.len > DELIMITED_RECORD_MAX) {
        return trouble_set(t, TROUBLE_INPUT, "unreadable",
                           "%s, row %llu, column 1: a row of more than 1 MiB", file, line->place);
    }
    encoding_trim(&text.text, &text.len);
    return text.len > 0 ? 0 : trouble_set(t, TROUBLE_INPUT, "empty", "%s: the file is empty", file);
}

// What a line is with one delimiter: its columns, or those before a problem.
struct attempt {
    struct columns columns;
    const char *problem; // NULL = none
    size_t column;       // of the problem
};

// The line read with this delimiter. `copy` has room for its bytes.
static void try_delimiter(struct delimited_field line, char delimiter, char *copy,
                          struct attempt *ret) {
    struct delimited d;
    memset(&d, 0, sizeof d);
    memcpy(copy, line.text, line.len);
    delimited_format(&d, delimiter);
    bool whole = delimited_split(&d, copy, line.len);
    columns_map(d.fields, d.count, &ret->columns);
    ret->problem = whole ? NULL : d.problem;
    ret->column = d.column;
}

// Fills columns and delimiter of `s` with those that know most of the line's names.
static int identify_line(const struct first_line *first, struct source *s, struct trouble *t) {
    static const char delimiters[] = {',', '\t', ';'};
    struct delimited_field line = first->bytes;
    struct attempt now, best = {0};
    char *utf8 = malloc(line.len * 6 + 1); // the line as UTF-8, and a copy to cut up
    if (utf8 == NULL) {
        return trouble_no_memory(t);
    }
    if (!encoding_is_utf8(line.text, line.len)) {
        line.len = encoding_from_cp1252(line.text, line.len, utf8);
        line.text = utf8;
    }
    char *copy = utf8 + (line.text == utf8 ? line.len : 0);
    for (size_t i = 0; i < sizeof delimiters; i++) {
        try_delimiter(line, delimiters[i], copy, &now);
        if (now.columns.known > best.columns.known) {
            best = now;
            s->delimiter = delimiters[i];
        }
    }
    free(utf8);
    s->columns = best.columns;
    return best.problem == NULL
               ? 0
               : trouble_set(t, TROUBLE_INPUT, "unreadable", "%s, row %llu, column %zu: %s",
                             s->file, first->place, best.column, best.problem);
}

static int check_kind(enum report_kind expected, const struct first_line *line, struct source *s,
                      struct trouble *t) {
    if (s->columns.known == 0) {
        char shown[LINE_SHOWN + 1];
        encoding_show(line->bytes.text, line->bytes.len, shown, sizeof shown);
        return trouble_set(
            t, TROUBLE_INPUT, "unknown_report",
            "%s, row %llu: no column is known in \"%s\"; expected is a business report "
            "by child ASIN (\"(Child) ASIN\", \"Sessions - Total\", ...) or an All "
            "Orders report (\"amazon-order-id\", ...), cut by commas, semicolons or "
            "tabs",
            s->file, line->place, shown);
    }
    s->kind = s->columns.kind;
    if (expected != KIND_UNKNOWN && s->kind != expected) {
        return trouble_set(t, TROUBLE_INPUT, "wrong_report",
                           "%s, row %llu: this is the header of %s, but the file came as %s",
                           s->file, line->place,
                           s->kind == KIND_ORDERS ? "an orders report" : "a business report",
                           expected == KIND_ORDERS ? "orders" : "business_report");
    }
    return columns_check(&s->columns, s->file, line->place, t);
}

int load_identify(int fd, enum report_kind expected, struct source *s, struct trouble *t) {
    struct delimited d;
    int rc = delimited_open(&d, fd);
    if (rc < 0) {
        return trouble_set(t, TROUBLE_RESOURCE, "read", "%s cannot be read: %s", s->file,
                           strerror(-rc));
    }
    const struct first_line line = {.bytes = delimited_peek(&d), .place = d.line};
    rc = check_strangers(&line, s->file, t);
    if (rc == 0) {
        rc = identify_line(&line, s, t);
    }
    if (rc == 0) {
        rc = check_kind(expected, &line, s, t);
    }
    delimited_close(&d);
    return rc;
}
