#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "delimited.h"

enum { BLOCK = 256 * 1024, CAPACITY = DELIMITED_RECORD_MAX + BLOCK };

const char delimited_swallows[] =
    "a quote that is closed only in a later row, so that rows would be "
    "lost; close it, or double the quotes inside of the cell";

static const char bom[] = "\xEF\xBB\xBF";

// ---- the buffer ----

// Reads one more block behind what is there: 1, 0 at the end of the file, or a negative errno.
static int fill(struct delimited *d) {
    if (d->eof) {
        return 0;
    }
    if (d->begin > 0) {
        memmove(d->buf, d->buf + d->begin, d->end - d->begin);
        d->end -= d->begin;
        d->begin = 0;
    }
    ssize_t n;
    do {
        n = read(d->fd, d->buf + d->end, CAPACITY - d->end);
    } while (n == -1 && errno == EINTR);
    if (n == -1) {
        return -errno;
    }
    d->eof = n == 0;
    d->end += (size_t)n;
    d->offset += (uint64_t)n;
    return n > 0;
}

// The first line that is in the buffer says nothing: blanks, and delimiters of a spreadsheet's empty
// row. Its length with the line feed, 0 = it says something or has no line feed yet.
static size_t blank_line(const struct delimited *d) {
    static const char blanks[] = {' ', '\t', '\r', ',', ';'};
    size_t i = d->begin;
    while (i < d->end && memchr(blanks, d->buf[i], sizeof blanks) != NULL) {
        i++;
    }
    return i < d->end && d->buf[i] == '\n' ? i + 1 - d->begin : 0;
}

// Has the first line whole in the buffer that says something, or all there is: 0 or negative errno.
static int find_first_line(struct delimited *d) {
    int rc = 1;
    while (rc > 0) {
        size_t blank = blank_line(d);
        if (blank > 0) {
            d->begin += blank;
            d->next_line++;
        } else if (memchr(d->buf + d->begin, '\n', d->end - d->begin) != NULL ||
                   d->end - d->begin > DELIMITED_RECORD_MAX) {
            break;
        } else {
            rc = fill(d);
        }
    }
    return rc < 0 ? rc : 0;
}

int delimited_open(struct delimited *d, int fd) {
    memset(d, 0, sizeof *d);
    d->fd = fd;
    d->next_line = 1;
    d->buf = calloc(1, CAPACITY);
    if (d->buf == NULL) {
        return -ENOMEM;
    }
    int rc = 1;
    while (rc > 0 && d->end < sizeof bom - 1) {
        rc = fill(d);
    }
    if (rc >= 0 && d->end >= sizeof bom - 1 && memcmp(d->buf, bom, sizeof bom - 1) == 0) {
        d->begin = sizeof bom - 1;
    }
    rc = rc < 0 ? rc : find_first_line(d);
    d->line = d->next_line;
    if (rc < 0) {
        delimited_close(d);
    }
    return rc;
}

void delimited_close(struct delimited *d) {
    free(d->buf);
    d->buf = NULL;
}

void delimited_format(struct delimited *d, char delimiter) {
    d->delimiter = delimiter;
    d->quotes = delimiter != '\t';
}

static size_t without_cr(const char *text, size_t len) {
    return len > 0 && text[len - 1] == '\r' ? len - 1 : len;
}

struct delimited_field delimited_peek(struct delimited *d) {
    const char *text = d->buf + d->begin;
    size_t len = d->end - d->begin;
    const char *stop = memchr(text, '\n', len);
    len = stop == NULL ? len : (size_t)(stop - text);
    return (struct delimited_field){text, without_cr(text, len)};
}

// ---- where a record ends ----

struct extent {
    size_t len;  // of the record, without LF
    size_t next; // where the next one begins, from `begin`
};

static bool problem_at(struct delimited *d, enum delimited_result verdict, size_t column,
                       const char *words) {
    d->verdict = verdict;
    d->column = column;
    d->problem = words;
    return false;
}

enum quote_state { AT_START, PLAIN, QUOTED, AFTER_QUOTE };

static enum quote_state step(enum quote_state state, char c, char delimiter) {
    switch (state) {
    case QUOTED: return c == '"' ? AFTER_QUOTE : QUOTED;
    case AFTER_QUOTE:
        if (c == '"') {
            return QUOTED;
        }
        return c == delimiter ? AT_START : PLAIN;
    case AT_START:
        if (c == '"') {
            return QUOTED;
        }
        break;
    case PLAIN: break;
    }
    return c == delimiter ? AT_START : PLAIN;
}

// The end of a record that has quotes: true, or false when it is not in the buffer; *ret_open then
// says whether a quote is open there and d->column in which field.
static bool quoted_end(struct delimited *d, struct extent *ret, bool *ret_open) {
    const char *p = d->buf + d->begin;
    size_t len = d->end - d->begin;
    enum quote_state state = AT_START;
    for (size_t i = 0; i < len; i++) {
        if (state == QUOTED) {
            const char *quote = memchr(p + i, '"', len - i);
            if (quote == NULL) {
                break;
            }
            i = (size_t)(quote - p);
        } else if (p[i] == '\n') {
            *ret = (struct extent){i, i + 1};
            return true;
        }
        state = step(state, p[i], d->delimiter);
        d->column += state == AT_START;
    }
    *ret_open = state == QUOTED;
    *ret = (struct extent){len, len};
    return false;
}

// 1 and the extent; 0: not in the buffer, and *ret is all there is.
static int find_end(struct delimited *d, struct extent *ret, bool *ret_open) {
    const char *p = d->buf + d->begin;
    size_t len = d->end - d->begin;
    const char *lf = memchr(p, '\n', len);
    size_t plain = lf == NULL ? len : (size_t)(lf - p);
    *ret_open = false;
    d->column = 1;
    if (d->quotes && memchr(p, '"', plain) != NULL) {
        return quoted_end(d, ret, ret_open);
    }
    *ret = lf == NULL ? (struct extent){len, len} : (struct extent){plain, plain + 1};
    return lf != NULL;
}

// ---- splitting ----

static bool add_field(struct delimited *d, const char *text, size_t len) {
    if (d->count == DELIMITED_COLUMNS_MAX) {
        return problem_at(d, DELIMITED_UNREADABLE, d->count + 1, "more than 256 columns");
    }
    if (len > DELIMITED_FIELD_MAX) {
        return problem_at(d, DELIMITED_UNREADABLE, d->count + 1, "a field of more than 64 KiB");
    }
    d->fields[d->count++] = (struct delimited_field){text, len};
    return true;
}

// Takes one field in quotes off `text`; *ret_used counts the bytes up to the delimiter or the end.
static bool take_quoted(struct delimited *d, char *text, size_t len, size_t *ret_used) {
    size_t to = 0, from = 1;
    for (; from < len; from++) {
        if (text[from] == '"') {
            if (from + 1 == len || text[from + 1] != '"') {
                break;
            }
            from++;
        }
        text[to++] = text[from];
    }
    if (from == len) {
        return problem_at(d, DELIMITED_SKIPPED, d->count + 1, "a quote that is never closed");
    }
    from++;
    if (from < len && text[from] != d->delimiter) {
        return problem_at(d, DELIMITED_SKIPPED, d->count + 1, "text after a closing quote");
    }
    *ret_used = from;
    return add_field(d, text, to);
}

// A cell without quoting rules that is nevertheless one whole in quotes, all inside of it doubled, as
// spreadsheets write tab files: without them. Else as it stands. The new length.
static size_t unquote_whole(char *text, size_t len) {
    size_t to = 0;
    if (len < 2 || text[0] != '"' || text[len - 1] != '"') {
        return len;
    }
    for (size_t i = 1; i + 1 < len; i++) {
        if (text[i] == '"' && (++i + 1 >= len || text[i] != '"')) {
            return len;
        }
    }
    for (size_t i = 1; i + 1 < len; i++) {
        i += text[i] == '"';
        text[to++] = text[i];
    }
    return to;
}

bool delimited_split(struct delimited *d, char *text, size_t len) {
    size_t at = 0;
    d->count = 0;
    for (;;) {
        size_t used;
        if (d->quotes && at < len && text[at] == '"') {
            if (!take_quoted(d, text + at, len - at, &used)) {
                return false;
            }
        } else {
            const char *stop = memchr(text + at, d->delimiter, len - at);
            used = stop == NULL ? len - at : (size_t)(stop - (text + at));
            size_t shown = d->quotes ? used : unquote_whole(text + at, used);
            if (!add_field(d, text + at, shown)) {
                return false;
            }
        }
        at += used;
        if (at == len) {
            return true;
        }
        at++; // the delimiter
    }
}

// ---- the next record ----

static uint64_t count_lines(const char *text, size_t len) {
    uint64_t n = 0;
    const char *end = text + len;
    while ((text = memchr(text, '\n', (size_t)(end - text))) != NULL) {
        n++;
        text++;
    }
    return n;
}

// Makes the next record whole in the buffer: DELIMITED_ROW, _END, _UNREADABLE or a negative errno.
static int whole_record(struct delimited *d, struct extent *ret) {
    bool open;
    while (!find_end(d, ret, &open)) {
        if (ret->len > DELIMITED_RECORD_MAX) {
            break;
        }
        int rc = fill(d);
        if (rc < 0) {
            return rc;
        }
        if (rc == 0 && ret->len == 0) {
            return DELIMITED_END;
        }
        if (rc == 0 && open) {
            d->line = d->next_line;
            (void)problem_at(d, DELIMITED_UNREADABLE, d->column, "a quote that is never closed");
            return DELIMITED_UNREADABLE;
        }
        if (rc == 0) {
            break; // the last line has no line end
        }
    }
    if (ret->len > DELIMITED_RECORD_MAX) {
        d->line = d->next_line;
        (void)problem_at(d, DELIMITED_UNREADABLE, d->column, "a row of more than 1 MiB");
        return DELIMITED_UNREADABLE;
    }
    return DELIMITED_ROW;
}

// A record of several lines that cannot be split: a quote too many or too few has swallowed rows.
static void blame_quote(struct delimited *d) {
    for (size_t i = 0; i < d->count; i++) {
        if (memchr(d->fields[i].text, '\n', d->fields[i].len) != NULL) {
            d->column = i + 1;
            break;
        }
    }
    d->problem = delimited_swallows;
    d->verdict = DELIMITED_UNREADABLE;
}

int delimited_next(struct delimited *d) {
    struct extent record;
    size_t len;
    char *text;
    do {
        int rc = whole_record(d, &record);
        if (rc != DELIMITED_ROW) {
            return rc;
        }
        text = d->buf + d->begin;
        len = without_cr(text, record.len);
        d->line = d->next_line;
        d->unended = record.next == record.len;
        d->lines = (d->quotes ? count_lines(text, record.len) : 0) + 1;
        d->next_line += d->lines;
        d->begin += record.next;
    } while (len == 0);
    d->count = 0;
    if (memchr(text, '\0', len) != NULL) {
        (void)problem_at(d, DELIMITED_SKIPPED, 1, "a NUL byte");
    } else if (delimited_split(d, text, len)) {
        return DELIMITED_ROW;
    }
    if (d->lines > 1 && d->verdict == DELIMITED_SKIPPED) {
        blame_quote(d);
    }
    return (int)d->verdict;
}
