/* The rows of docs/sim.md, one for each key of a scenario, made of its tables. */
#ifndef JOBHOST_TESTS_SCENARIO_ROWS_H
#define JOBHOST_TESTS_SCENARIO_ROWS_H

#include <stdio.h>

#include "base/buf.h"
#include "config/config_value.h"
#include "sim/scenario.h"

static inline void scenario_row(const struct config_field *f, const char *path, struct buf *out) {
    buf_printf(out, "| `%s` | %s | ", path, config_value_type_name(f));
    if ((f->flags & FIELD_REQUIRED) != 0) {
        buf_str(out, "**required**");
    } else if (f->default_words != NULL) {
        buf_str(out, f->default_words);
    } else if (f->fallback != NULL) {
        buf_printf(out, "`%s`", f->fallback);
    }
    buf_printf(out, " | %s |\n", f->doc);
}

static inline void scenario_rows(const struct config_table *table, const char *prefix,
                                 struct buf *out) {
    for (size_t i = 0; i < table->count; i++) {
        const struct config_field *f = &table->fields[i];
        const char *deeper = f->kind == CONFIG_LIST ? "[]" : f->kind == CONFIG_NAMED ? ".NAME" : "";
        char path[256];
        (void)snprintf(path, sizeof path, "%.99s%s%.99s%s", prefix, prefix[0] == '\0' ? "" : ".",
                       f->key, deeper);
        scenario_row(f, path, out);
        if (f->table != NULL) {
            scenario_rows(f->table, path, out);
        }
    }
}

#endif
