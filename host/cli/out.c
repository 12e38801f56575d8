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

/* U+202A..E and U+2066..9 show text in another order than it has. */
static bool turns_direction(const char *text) {
    static const char *const marks[] = {"\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac",
                                        "\xe2\x80\xad", "\xe2\x80\xae", "\xe2\x81\xa6",
                                        "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9"};
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (strncmp(text, marks[i], 3) == 0) {
            return true;
        }
    }
    return false;
}

void out_clean(char *text, bool lines) {
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)text[0], next = (unsigned char)text[1];
        if ((c < 0x20 && !(lines && c == '\n') && c != '\t') || c == 0x7f) {
            text[0] = ' ';
        } else if (c == 0xc2 && next >= 0x80 && next <= 0x9f) { // U+0080..9F: CSI and the like
            text[0] = text[1] = ' ';
        } else if (turns_direction(text)) {
            text[0] = text[1] = text[2] = ' ';
        }
    }
}

int out_width(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
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

const char *out_style(const char *state) {
    static const struct {
        const char *state, *code;
    } styles[] = {{"succeeded", "32"}, {"dead", "31"},   {"failed", "31"},  {"running", "36"},
                  {"ready", "32"},     {"parked", "33"}, {"cancelled", "2"}};
    for (size_t i = 0; state != NULL && i < ARRAY_LEN(styles); i++) {
        if (strcmp(state, styles[i].state) == 0) {
            return styles[i].code;
        }
    }
    return NULL;
}

const char *out_state(const struct cli *cli, const char *state, char out[64]) {
    const char *style = cli->colour ? out_style(state) : NULL;
    if (state == NULL || style == NULL) {
        return state == NULL ? "-" : state;
    }
    (void)snprintf(out, 64, "\033[%sm%s\033[0m", style, state);
    return out;
}
