#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

enum { REMARK_BYTES = 512 };

void report_init(struct report *r) {
    memset(r, 0, sizeof *r);
}

void report_finish(struct report *r) {
    pool_free(&r->pool);
}

void report_remark(struct report *r, struct remarks *to, const char *code, int64_t count,
                   bool warning, const char *format, ...) {
    char text[REMARK_BYTES];
    va_list args;
    if (to->count == to->cap) {
        size_t cap = to->cap == 0 ? 16 : to->cap * 2;
        struct remark *rows = pool_array(&r->pool, cap, sizeof *rows);
        if (rows == NULL) {
            return;
        }
        if (to->count > 0) {
            memcpy(rows, to->rows, to->count * sizeof *rows);
        }
        to->rows = rows;
        to->cap = cap;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    to->rows[to->count++] =
        (struct remark){code, count, warning, pool_text(&r->pool, text, strlen(text))};
}

struct compared report_compared(const struct report *r, const struct product *p) {
    const struct business *b = &r->business;
    const struct report_period *last = &b->periods[b->period_count - 1];
    if (b->period_count < 2 || !last->growth.by_day) {
        return (struct compared){p->sales_before, p->sales_last, false};
    }
    return (struct compared){number_ratio(p->sales_before, last[-1].days, 1),
                             number_ratio(p->sales_last, last->days, 1), true};
}
