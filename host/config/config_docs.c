// docs/config.md: every key with its type, range, default and meaning, from the tables.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rfc3339.h"
#include "config/config.h"
#include "config/config_tables.h"
#include "config/config_value.h"

static void add_bound(struct buf *out, const struct config_field *field, int64_t value) {
    char text[48];
    if (field->kind == CONFIG_DURATION) {
        duration_format(value, text, sizeof(text));
    } else if (field->kind == CONFIG_SIZE) {
        size_format((uint64_t)value, text, sizeof(text));
    } else {
        (void)snprintf(text, sizeof(text), "%" PRId64, value);
    }
    buf_str(out, text);
}

static void add_type(struct buf *out, const struct config_field *field) {
    if (field->words != NULL) {
        for (size_t i = 0; field->words[i] != NULL; i++) {
            buf_printf(out, "%s`%s`", i == 0 ? "" : ", ", field->words[i]);
        }
        if (field->kind == CONFIG_STRINGS) {
            buf_str(out, " (one or a list)");
        }
        return;
    }
    buf_str(out, config_value_type_name(field));
    bool ranged = field->kind == CONFIG_INT || field->kind == CONFIG_INT32 ||
                  field->kind == CONFIG_NUMBER || field->kind == CONFIG_DURATION ||
                  field->kind == CONFIG_SIZE;
    if (ranged) {
        buf_str(out, ", ");
        add_bound(out, field, field->min);
        buf_str(out, " to ");
        add_bound(out, field, field->max);
    }
    if ((field->flags & FIELD_ONE) != 0) {
        buf_str(out, " or one of it");
    }
}

// Markdown would take <state_dir> for a tag.
static void add_words(struct buf *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '<' || *text == '>') {
            buf_str(out, *text == '<' ? "&lt;" : "&gt;");
        } else {
            buf_char(out, *text);
        }
    }
}

static void add_default(struct buf *out, const struct config_field *field) {
    if ((field->flags & FIELD_REQUIRED) != 0) {
        buf_str(out, "**required**");
    } else if (field->default_words != NULL) {
        add_words(out, field->default_words);
    } else if (field->fallback != NULL) {
        buf_printf(out, "`%s`", *field->fallback == '\0' ? "\"\"" : field->fallback);
    } else {
        buf_str(out, "unset");
    }
}

static void add_rows(struct buf *out, const struct config_table *table, const char *prefix) {
    for (size_t i = 0; i < table->count; i++) {
        const struct config_field *f = &table->fields[i];
        char key[96];
        (void)snprintf(key, sizeof(key), "%s%s", prefix, f->key);
        if (f->kind == CONFIG_SECTION) {
            char deeper[100];
            (void)snprintf(deeper, sizeof(deeper), "%s.", key);
            buf_printf(out, "| `%s` | mapping |  | %s |\n", key, f->doc);
            add_rows(out, f->table, deeper);
            continue;
        }
        buf_printf(out, "| `%s` | ", key);
        add_type(out, f);
        buf_str(out, " | ");
        add_default(out, f);
        buf_printf(out, " | %s%s |\n", f->doc,
                   (f->flags & FIELD_RESTART) != 0 ? " *Needs a restart.*" : "");
        if (f->table != NULL) {
            char deeper[112];
            (void)snprintf(deeper, sizeof(deeper), "%s%s.", key,
                           f->kind == CONFIG_LIST ? "[]" : ".NAME");
            add_rows(out, f->table, deeper);
        }
    }
}

static void add_table(struct buf *out, const struct config_table *table) {
    buf_str(out, "\n| key | type | default | meaning |\n|---|---|---|---|\n");
    add_rows(out, table, "");
}

static const char *shape(const struct config_field *field) {
    return field->kind == CONFIG_NAMED ? ".&lt;name&gt;" : field->kind == CONFIG_LIST ? "[]" : "";
}

static void add_schemes(struct buf *out) {
    buf_str(out, "\n### Schemes of hooks.&lt;name&gt;.verify\n\n"
                 "Each entry is one scheme with its parameters: `{github: {secret: ...}}`. Where a "
                 "scheme has a `secret`, the\nword alone will do: `{bearer: \"${TOKEN}\"}`.\n");
    for (size_t i = 0; i < config_scheme_count; i++) {
        buf_printf(out, "\n#### %s\n\n%s\n", config_schemes[i].what, config_schemes[i].doc);
        add_table(out, &config_schemes[i]);
    }
}

void config_docs_markdown(struct buf *out) {
    buf_str(out,
            "# Configuration keys\n\n"
            "Generated from the tables in host/config/config_tables.c (`jobhost config docs`); the "
            "rules for values, secrets,\nsubstitution and includes are in "
            "[config-format.md](config-format.md).\n\n"
            "A secret may be given as `KEY_file: PATH` instead of `KEY`. Keys marked *Needs a "
            "restart* keep their old value on a reload.\n\n"
            "## The file\n");
    buf_str(out, "\n| section | meaning |\n|---|---|\n");
    for (size_t i = 0; i < config_root.count; i++) {
        buf_printf(out, "| `%s` | %s |\n", config_root.fields[i].key, config_root.fields[i].doc);
    }
    for (size_t i = 0; i < config_root.count; i++) {
        const struct config_field *f = &config_root.fields[i];
        if (f->table == NULL) {
            continue;
        }
        buf_printf(out, "\n## %s%s\n\n%s\n", f->key, shape(f), f->doc);
        add_table(out, f->table);
        if (strcmp(f->key, "hooks") == 0) {
            add_schemes(out);
        }
    }
}
