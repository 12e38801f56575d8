#include "cli/bar.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/out.h"

enum { BAR_CELLS = 30 };

void bar_clear(struct bar *b) {
    if (b->drawn) {
        (void)fputs("\r\033[K", stderr);
        (void)fflush(stderr);
        b->drawn = false;
    }
}

void bar_draw(struct bar *b, const char *state, double percent, const char *message) {
    if (!b->on) {
        return;
    }
    char text[512];
    char cells[BAR_CELLS + 1];
    int filled = percent < 0 ? 0 : (int)(percent * BAR_CELLS / 100);
    for (int i = 0; i < BAR_CELLS; i++) {
        cells[i] = i < filled ? '#' : '.';
    }
    cells[BAR_CELLS] = '\0';
    if (percent < 0) {
        (void)snprintf(text, sizeof text, "%-10s %s", state, message == NULL ? "" : message);
    } else {
        (void)snprintf(text, sizeof text, "%-10s [%s] %3.0f %%  %s", state, cells, percent,
                       message == NULL ? "" : message);
    }
    out_clean(text, false);
    (void)fprintf(stderr, "\r\033[K%.*s", out_width(STDERR_FILENO) - 1, text);
    (void)fflush(stderr);
    b->drawn = true;
}
