// Sections, named entries and lists of entries: arrays of structs, each filled by its table.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/config_bind.h"

void config_bind_section(struct config_binding *b, const struct config_field *field,
                         struct yaml_node *node, void *base) {
    // a nested table without a size has its offsets in the enclosing struct
    config_bind_table(b, field->table, node, (char *)base + field->offset);
}

static void *new_array(struct config_binding *b, const struct config_field *field,
                       const struct yaml_node *node, void *base, size_t count) {
    void *items = arena_zalloc(&b->priv->arena, (count == 0 ? 1 : count) * field->table->size);
    if (items == NULL) {
        config_bind_no_memory(b, node);
        return NULL;
    }
    *(void **)((char *)base + field->offset) = items;
    return items;
}

static void bind_entry(struct config_binding *b, const struct config_field *field, const char *name,
                       struct config_place at, struct yaml_node *node, void *item) {
    struct config_place outer = b->at;
    struct config_entry *outer_entry = b->entry;
    struct config_entry *entry = field->table->entry ? item : NULL;
    size_t errors = b->report->errors;
    b->at = at;
    if (entry != NULL) {
        if (name != NULL) {
            entry->name = config_bind_checked(b, arena_str(&b->priv->arena, name));
        }
        entry->file = config_bind_checked(b, arena_str(&b->priv->arena, at.file));
        entry->line = at.line;
        entry->column = at.column;
        entry->enabled = ENABLED_TRUE; // of entries that cannot be switched off
        b->entry = entry;
    }
    config_bind_table(b, field->table, node, item);
    if (entry != NULL) {
        entry->on = entry->enabled == ENABLED_TRUE ||
                    (entry->enabled == ENABLED_AUTO && entry->off_why == NULL);
        entry->off_why = entry->enabled == ENABLED_FALSE ? "enabled: false" : entry->off_why;
        entry->broken = b->report->errors > errors;
    }
    b->entry = outer_entry;
    b->at = outer;
}

static bool count_fits(struct config_binding *b, const struct config_field *field,
                       const struct yaml_node *node, size_t count) {
    if (field->max != 0 && count > (size_t)field->max) {
        config_bind_error(b, node, "too_many", "%zu entries; at most %" PRId64 " are allowed",
                          count, field->max);
        return false;
    }
    if (count < (size_t)field->min) {
        config_bind_error(b, node, "too_few", "at least %" PRId64 " is needed", field->min);
        return false;
    }
    return true;
}

static bool name_is_good(struct config_binding *b, const struct config_field *field,
                         const struct yaml_node *key) {
    struct err e = {0};
    char quoted[96];
    if (field->words != NULL) {
        const struct config_word word = {.text = key->text};
        return config_bind_is_word(b, field, key, &word, "unknown_key");
    }
    if (field->form != NULL && field->form->check(key->text, &e) < 0) {
        config_bind_error(b, key, "bad_name", "%s: %s", config_quote(quoted, key->text, key->len),
                          e.msg);
        return false;
    }
    return true;
}

// Entries that exist without being written (field->words).
static size_t bind_given_names(struct config_binding *b, const struct config_field *field,
                               const struct yaml_node *node, char *items, size_t count) {
    for (size_t i = 0; field->words != NULL && field->words[i] != NULL; i++) {
        if (node == NULL || yaml_tree_get(node, field->words[i]) == NULL) {
            bind_entry(b, field, field->words[i], b->at, NULL, items + count * field->table->size);
            count++;
        }
    }
    return count;
}

static size_t count_words(const char *const *words) {
    size_t n = 0;
    while (words != NULL && words[n] != NULL) {
        n++;
    }
    return n;
}

void config_bind_named(struct config_binding *b, const struct config_field *field,
                       struct yaml_node *node, void *base) {
    if (node != NULL && yaml_tree_is_empty(node)) {
        node = NULL;
    }
    if (node != NULL && node->kind != YAML_MAP) {
        config_bind_wrong_kind(b, node, "a mapping of names");
        node = NULL;
    }
    if (node != NULL && !count_fits(b, field, node, node->count)) {
        node = NULL;
    }
    if (node != NULL) {
        node->shown = true;
    }
    size_t given = count_words(field->words);
    if (node == NULL && given == 0) {
        return;
    }
    char *items = new_array(b, field, node, base, (node == NULL ? 0 : node->count) + given);
    size_t count = 0;
    if (items == NULL) {
        return;
    }
    for (struct yaml_node *v = node == NULL ? NULL : node->child; v != NULL; v = v->next) {
        size_t path = config_path_push(b, v->key->text);
        if (name_is_good(b, field, v->key)) {
            bind_entry(b, field, v->key->text, v->key->at, v, items + count * field->table->size);
            count++;
        }
        config_path_pop(b, path);
    }
    *(size_t *)((char *)base + field->count_offset) =
        bind_given_names(b, field, node, items, count);
}

void config_bind_list(struct config_binding *b, const struct config_field *field,
                      struct yaml_node *node, void *base) {
    if (node != NULL && yaml_tree_is_empty(node)) {
        node = NULL;
    }
    bool is_list = node != NULL && node->kind == YAML_LIST;
    if (node != NULL && !is_list && (field->flags & FIELD_ONE) == 0) {
        config_bind_wrong_kind(b, node, "a list");
        return;
    }
    size_t count = node == NULL ? (field->fallback != NULL ? 1 : 0) : is_list ? node->count : 1;
    if (count == 0 && field->min == 0) {
        return;
    }
    if (!count_fits(b, field, node, count)) {
        return;
    }
    char *items = new_array(b, field, node, base, count);
    if (items == NULL) {
        return;
    }
    *(size_t *)((char *)base + field->count_offset) = count;
    struct yaml_node *item = is_list ? node->child : node;
    for (size_t i = 0; i < count; i++) {
        char part[24];
        (void)snprintf(part, sizeof(part), "[%zu]", i);
        size_t path = config_path_push(b, part);
        bind_entry(b, field, NULL, item == NULL ? b->at : item->at, item,
                   items + i * field->table->size);
        config_path_pop(b, path);
        item = item == NULL ? NULL : item->next;
    }
}
