#define _DEFAULT_SOURCE // struct winsize
#include "cli/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/rfc3339.h"

/* ---- text ---- */

void out_clean(char *text, bool lines) {
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)text[0], next = (unsigned char)text[1];
        if ((c < 0x20 && !(lines && c == '\n') && c != '\t') || c == 0x7f) {
            text[0] = ' ';
        } else if (c == 0xc2 && next >= 0x80 && next <= 0x9f) { // U+0080..9F: CSI and the like
            text[0] = text[1] = ' ';
        }
    }
}

/* Characters, not bytes: continuation bytes of UTF-8 take no room. */
static size_t text_width(const char *text) {
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

static size_t bytes_of_width(const char *text, size_t width) {
    size_t i = 0;
    for (; text[i] != '\0'; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80 && width-- == 0) {
            break;
        }
    }
    return i;
}

int out_width(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

/* ---- tables ---- */

void out_table_cell(struct out_table *t, const char *text) {
    if (t->count == t->cap) {
        size_t cap = t->cap == 0 ? 64 : t->cap * 2;
        char **cells = realloc(t->cells, cap * sizeof *cells);
        if (cells == NULL) {
            t->failed = true;
            return;
        }
        t->cells = cells;
        t->cap = cap;
    }
    char *copy = strdup(text == NULL || text[0] == '\0' ? "-" : text);
    if (copy == NULL) {
        t->failed = true;
        return;
    }
    out_clean(copy, false);
    t->cells[t->count++] = copy;
}

void out_table_cellf(struct out_table *t, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    out_table_cell(t, text);
}

static void print_cell(const struct cli *cli, const char *text, size_t width, bool last,
                       size_t room) {
    if (last) {
        size_t bytes = cli->out_tty ? bytes_of_width(text, room) : strlen(text);
        (void)printf("%.*s\n", (int)bytes, text);
        return;
    }
    (void)printf("%s%*s  ", text, (int)(width - text_width(text)), "");
}

static void print_rows(const struct cli *cli, const struct out_table *t, const size_t *widths) {
    size_t before = 0;
    size_t total = (size_t)out_width(STDOUT_FILENO);
    for (size_t c = 0; c + 1 < t->columns; c++) {
        before += widths[c] + 2;
    }
    size_t room = total > before + 8 ? total - before : 8;
    for (size_t c = 0; c < t->columns; c++) {
        print_cell(cli, t->titles[c], widths[c], c + 1 == t->columns, room);
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t c = i % t->columns;
        print_cell(cli, t->cells[i], widths[c], c + 1 == t->columns, room);
    }
}

void out_table_print(const struct cli *cli, struct out_table *t) {
    size_t widths[OUT_COLUMNS_MAX] = {0};
    if (t->columns == 0) {
        return;
    }
    for (size_t c = 0; c < t->columns; c++) {
        widths[c] = strlen(t->titles[c]);
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t width = text_width(t->cells[i]);
        size_t c = i % t->columns;
        widths[c] = width > widths[c] ? width : widths[c];
    }
    if (!t->failed) {
        print_rows(cli, t, widths);
    }
    for (size_t i = 0; i < t->count; i++) {
        free(t->cells[i]);
    }
    free(t->cells);
    *t = (struct out_table){.titles = t->titles, .columns = t->columns};
}

/* ---- lines ---- */

void out_line(const struct cli *cli, const char *name, const char *text) {
    (void)cli;
    char *copy = text == NULL ? NULL : strdup(text);
    if (copy != NULL) {
        out_clean(copy, true);
        (void)printf("%-13s %s\n", name, copy);
        free(copy);
    }
}

void out_linef(const struct cli *cli, const char *name, const char *fmt, ...) {
    struct buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    out_line(cli, name, text.data);
    buf_free(&text);
}

void out_text(const char *fmt, ...) {
    struct buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    if (text.data != NULL) {
        out_clean(text.data, true);
        (void)fputs(text.data, stdout);
    }
    buf_free(&text);
}

/* ---- times, sizes, states ---- */

static void format_age(int64_t ms, char out[24]) {
    static const struct {
        int64_t ms;
        char unit;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (ms >= units[i].ms * (units[i].unit == 's' ? 0 : 2) || units[i].unit == 's') {
            (void)snprintf(out, 24, "%lld%c", (long long)(ms / units[i].ms), units[i].unit);
            return;
        }
    }
}

static bool since(const char *rfc3339, int64_t *ret_ms) {
    int64_t then = 0;
    struct timespec now;
    if (rfc3339 == NULL || rfc3339_parse(rfc3339, &then) != 0) {
        return false;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *ret_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - then;
    return true;
}

const char *out_age(const char *rfc3339, char out[32]) {
    int64_t ms = 0;
    if (!since(rfc3339, &ms)) {
        return "-";
    }
    format_age(ms < 0 ? 0 : ms, out);
    return out;
}

const char *out_when(const char *rfc3339, char out[64]) {
    char age[24];
    int64_t ms = 0;
    if (!since(rfc3339, &ms)) {
        return NULL;
    }
    format_age(ms < 0 ? -ms : ms, age);
    (void)snprintf(out, 64, "%.30s (%s%s%s)", rfc3339, ms < 0 ? "in " : "", age,
                   ms < 0 ? "" : " ago");
    return out;
}

const char *out_size(double bytes, char out[32]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t u = 0;
    while (bytes >= 1024 && u + 1 < ARRAY_LEN(units)) {
        bytes /= 1024;
        u++;
    }
    (void)snprintf(out, 32, u == 0 ? "%.0f %s" : "%.1f %s", bytes, units[u]);
    return out;
}

const char *out_state(const struct cli *cli, const char *state, char out[64]) {
    static const struct {
        const char *state, *code;
    } colours[] = {{"succeeded", "32"}, {"dead", "31"},   {"failed", "31"},  {"running", "36"},
                   {"ready", "32"},     {"parked", "33"}, {"cancelled", "2"}};
    if (state == NULL) {
        return "-";
    }
    for (size_t i = 0; cli->colour && i < ARRAY_LEN(colours); i++) {
        if (strcmp(state, colours[i].state) == 0) {
            (void)snprintf(out, 64, "\033[%sm%s\033[0m", colours[i].code, state);
            return out;
        }
    }
    return state;
}
