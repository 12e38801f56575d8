#include <stdio.h>
#include <string.h>

#include "config/config_source.h"
#include "config/config_tables.h"

static void append(struct yaml_node *map, struct yaml_node *value) {
    struct yaml_node **tail = &map->child;
    while (*tail != NULL) {
        tail = &(*tail)->next;
    }
    value->next = NULL;
    *tail = value;
    map->count++;
}

static void report_twice(const struct yaml_node *first, const struct yaml_node *second,
                         const char *path, struct config_report *report) {
    config_report_error(report, second->key->at, path, "duplicate_key",
                        "is given twice; the first is at %s:%d:%d", first->key->at.file,
                        first->key->at.line, first->key->at.column);
}

static bool is_map(const struct yaml_node *a, const struct yaml_node *b) {
    return a->kind == YAML_MAP && b->kind == YAML_MAP;
}

// Both hold `key`. Sections take each other's keys, named sections each other's entries; everything
// else is an error.
static void join(struct yaml_node *into, struct yaml_node *from, const struct config_table *table,
                 const char *prefix, struct config_report *report) {
    for (struct yaml_node *value = from->child, *next; value != NULL; value = next) {
        next = value->next;
        struct yaml_node *before = yaml_tree_get(into, value->key->text);
        if (before == NULL) {
            append(into, value);
            continue;
        }
        char path[160];
        (void)snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix == '\0' ? "" : ".",
                       value->key->text);
        const struct config_field *field =
            table == NULL ? NULL : config_table_field(table, value->key->text);
        if (field != NULL && field->kind == CONFIG_SECTION && is_map(before, value)) {
            join(before, value, field->table, path, report);
        } else if (field != NULL && field->kind == CONFIG_NAMED && is_map(before, value)) {
            join(before, value, NULL, path, report); // one name in two files is an error
        } else if (yaml_tree_is_empty(before)) {
            *before = (struct yaml_node){.kind = value->kind,
                                         .quoted = value->quoted,
                                         .at = value->at,
                                         .end_line = value->end_line,
                                         .end_column = value->end_column,
                                         .text = value->text,
                                         .len = value->len,
                                         .key = value->key,
                                         .child = value->child,
                                         .count = value->count,
                                         .next = before->next};
        } else if (!yaml_tree_is_empty(value)) {
            report_twice(before, value, path, report);
        }
    }
    from->child = NULL;
    from->count = 0;
}

void config_merge(struct yaml_node *root, struct yaml_node *other, struct config_report *report) {
    join(root, other, &config_root, "", report);
}
