/* Streaming reader of delimited text: comma or semicolon with RFC 4180 quotes, or tabs without any.
 *
 *     fd --read--> [ buffer: at most one record and what was read after it ] --> fields[]
 *
 * Fields point into the buffer and are good until the next call. Memory does not depend on the
 * length of the file. A UTF-8 byte order mark at the start is dropped, lines end in LF or CRLF,
 * empty lines are passed over. Lines count from 1, as editors do; a record in quotes may span
 * several, but then it must be well-formed: one that is not may have swallowed good rows, and makes
 * the file unreadable from there on. */
#ifndef AMAZON_DELIMITED_H
#define AMAZON_DELIMITED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DELIMITED_FIELD_MAX   (64u * 1024u)   /* bytes of a field, its quotes not counted */
#define DELIMITED_RECORD_MAX  (1024u * 1024u) /* bytes of a record without its line end   */
#define DELIMITED_COLUMNS_MAX 256u

struct delimited_field {
    const char *text; /* not NUL-terminated */
    size_t len;
};

enum delimited_result {
    DELIMITED_END = 0,
    DELIMITED_ROW = 1,
    DELIMITED_SKIPPED = 2,    /* this record cannot be read; the next one can: `problem`     */
    DELIMITED_UNREADABLE = 3, /* nor can anything after it: `problem`. Ask no further.       */
};                            /* or a negative errno of read()                               */

struct delimited {
    /* what callers read */
    uint64_t offset; /* bytes read from the file so far               */
    uint64_t line;   /* where the last record begins                  */
    uint64_t lines;  /* that it spans                                 */
    bool unended;    /* the file ends with it, without a line end     */
    size_t count;    /* of its fields                                 */
    struct delimited_field fields[DELIMITED_COLUMNS_MAX];
    size_t column;       /* of a problem, from 1                          */
    const char *problem; /* a literal                                     */
    /* its own */
    int fd; /* borrowed until delimited_close() */
    bool eof, quotes;
    enum delimited_result verdict; /* on a record with a problem */
    char delimiter;
    uint64_t next_line;
    char *buf;
    size_t begin, end;
};

/* The `problem` of a quote that reaches over rows. */
extern const char delimited_swallows[];

/* Reads up to the first line that holds more than blanks and delimiters; `line` is its place. 0 or a negative errno (then nothing is to be closed). */
int delimited_open(struct delimited *d, int fd);
void delimited_close(struct delimited *d); /* the descriptor stays open */

/* The bytes of that line as they stand in the file, without BOM and line end: for finding out
 * what it is. Before the first delimited_next() only. */
struct delimited_field delimited_peek(struct delimited *d);

/* Tabs are read without quotes, everything else with them. A cell between tabs that is whole in
 * quotes, those inside doubled, loses them: a spreadsheet saved it. */
void delimited_format(struct delimited *d, char delimiter);

/* The next record: enum delimited_result or a negative errno. */
int delimited_next(struct delimited *d);

/* Splits one record in place (quotes are taken off by moving bytes). True, or false with the
 * problem's column and words. */
bool delimited_split(struct delimited *d, char *text, size_t len);

#endif
