#include "config/config_bind.h"

#include <stdio.h>
#include <string.h>

#include "config/config_suggest.h"

// ---- path

size_t config_path_push(struct config_binding *b, const char *part) {
    size_t before = b->path_len, len = strlen(part);
    bool dot = before > 0 && part[0] != '[';
    if (before + len + 1 < sizeof(b->path)) {
        if (dot) {
            b->path[b->path_len++] = '.';
        }
        memcpy(b->path + b->path_len, part, len);
        b->path_len += len;
        b->path[b->path_len] = '\0';
    }
    return before;
}

void config_path_pop(struct config_binding *b, size_t len) {
    b->path_len = len;
    b->path[len] = '\0';
}

// ---- reporting

void config_bind_error(struct config_binding *b, const struct yaml_node *node, const char *code,
                       const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    config_report_add(b->report, false, node == NULL ? b->at : node->at, b->path, code, fmt, ap);
    va_end(ap);
}

void config_bind_wrong_kind(struct config_binding *b, const struct yaml_node *node,
                            const char *expected) {
    config_bind_error(b, node, "wrong_kind", "expected %s, found %s", expected,
                      yaml_tree_kind_name(node));
}

void config_bind_no_memory(struct config_binding *b, const struct yaml_node *node) {
    config_bind_error(b, node, "no_memory", "out of memory");
}

const char *config_bind_checked(struct config_binding *b, const char *allocated) {
    if (allocated == NULL) {
        config_bind_no_memory(b, NULL);
        return "";
    }
    return allocated;
}

bool config_bind_is_word(struct config_binding *b, const struct config_field *field,
                         const struct yaml_node *node, const struct config_word *word,
                         const char *code) {
    for (size_t i = 0; field->words[i] != NULL; i++) {
        if (strcmp(field->words[i], word->text) == 0) {
            return true;
        }
    }
    struct buf words = {0};
    char found[96];
    config_value_words(field->words, &words);
    config_bind_error(b, node, code, "expected %s, found %s", words.data == NULL ? "" : words.data,
                      config_value_found(word, found));
    buf_free(&words);
    return false;
}

// ---- the binder of each kind

static void bind_nothing(struct config_binding *b, const struct config_field *field,
                         struct yaml_node *node, void *base) {
    (void)b; // include was read before; old names are found by their new ones
    (void)field;
    (void)node;
    (void)base;
}

static config_binder *const binders[CONFIG_KIND_COUNT] = {
    [CONFIG_BOOL] = config_bind_one,        [CONFIG_INT] = config_bind_one,
    [CONFIG_INT32] = config_bind_one,       [CONFIG_NUMBER] = config_bind_one,
    [CONFIG_DURATION] = config_bind_one,    [CONFIG_SIZE] = config_bind_one,
    [CONFIG_RATE] = config_bind_one,        [CONFIG_STRING] = config_bind_one,
    [CONFIG_WORD] = config_bind_one,        [CONFIG_CHOICE] = config_bind_one,
    [CONFIG_PATH] = config_bind_one,        [CONFIG_SOCKET] = config_bind_one,
    [CONFIG_LOCATION] = config_bind_one,    [CONFIG_SECRET] = config_bind_one,
    [CONFIG_STRINGS] = config_bind_strings, [CONFIG_LABELS] = config_bind_labels,
    [CONFIG_JSON] = config_bind_json,       [CONFIG_SECRETS] = bind_nothing,
    [CONFIG_SECTION] = config_bind_section, [CONFIG_NAMED] = config_bind_named,
    [CONFIG_LIST] = config_bind_list,       [CONFIG_OPTIONS] = config_bind_plugin_options,
    [CONFIG_VERIFY] = config_bind_verify,   [CONFIG_INCLUDE] = bind_nothing,
    [CONFIG_RENAMED] = bind_nothing,
};

// ---- tables

static bool is_structure(const struct config_field *field) {
    return field->kind == CONFIG_SECTION || field->kind == CONFIG_NAMED ||
           field->kind == CONFIG_LIST;
}

static void bind_default(struct config_binding *b, const struct config_field *field, void *base) {
    if (is_structure(field)) {
        binders[field->kind](b, field, NULL, base);
        return;
    }
    if ((field->flags & FIELD_REQUIRED) != 0) {
        config_bind_error(b, NULL, "missing_key", "is missing");
        return;
    }
    if (field->fallback == NULL) {
        return;
    }
    if (field->kind == CONFIG_JSON) {
        *(const char **)((char *)base + field->offset) = field->fallback;
        return;
    }
    // defaults are relative to the main file
    struct config_word word = {
        .text = field->fallback, .dir = b->sources->items[0].dir, .arena = &b->priv->arena};
    struct err e = {0};
    if (config_value_read(field, &word, (char *)base + field->offset, &e) != NULL) {
        config_bind_error(b, NULL, "bad_default", "%s", e.msg);
    }
}

static bool has_twin(const struct config_field *field) {
    return field->kind == CONFIG_SECRET || (field->flags & FIELD_PASSWORD) != 0;
}

static struct yaml_node *twin_of(const struct config_field *field, const struct yaml_node *map) {
    char key[96];
    if (!has_twin(field)) {
        return NULL;
    }
    (void)snprintf(key, sizeof(key), "%s_file", field->key);
    return yaml_tree_get(map, key);
}

// The value under a key's old name, with a warning; an error when both are there.
static struct yaml_node *renamed_value(struct config_binding *b, const struct config_table *table,
                                       const struct config_field *field,
                                       const struct yaml_node *map, struct yaml_node *value) {
    for (size_t i = 0; i < table->count; i++) {
        const struct config_field *old = &table->fields[i];
        struct yaml_node *given = NULL;
        if (old->kind == CONFIG_RENAMED && strcmp(old->fallback, field->key) == 0) {
            given = yaml_tree_get(map, old->key);
        }
        if (given == NULL) {
            continue;
        }
        if (value != NULL) {
            config_bind_error(b, given->key, "given_twice", "is also given by its old name %s",
                              old->key);
            return value;
        }
        config_report_warning(b->report, given->key->at, b->path, "renamed_key",
                              "the name %s is old and ends with release %s; write %s", old->key,
                              old->default_words, field->key);
        return given;
    }
    return value;
}

static void bind_field(struct config_binding *b, const struct config_table *table,
                       const struct config_field *field, struct yaml_node *node, void *base) {
    bool is_word = node != NULL && node->kind == YAML_TEXT; // in place of the mapping
    struct yaml_node *value = is_word ? ((field->flags & FIELD_SHORT) != 0 ? node : NULL)
                                      : yaml_tree_get(node, field->key);
    size_t path = is_word && value != NULL ? b->path_len : config_path_push(b, field->key);
    value = renamed_value(b, table, field, node, value);
    struct yaml_node *twin = twin_of(field, node);
    if (twin != NULL && value != NULL) {
        config_bind_error(b, twin->key, "given_twice", "%s and %s_file are both given; keep one",
                          field->key, field->key);
    } else if (twin != NULL) {
        config_bind_twin(b, field, twin, base);
    } else if (value != NULL) {
        binders[field->kind](b, field, value, base);
    } else {
        bind_default(b, field, base);
    }
    config_path_pop(b, path);
}

static bool is_known(const struct config_table *table, const char *key) {
    if (config_table_field(table, key) != NULL) {
        return true;
    }
    size_t len = strlen(key);
    if (len <= 5 || len >= 96 || strcmp(key + len - 5, "_file") != 0) {
        return false;
    }
    char base[96];
    memcpy(base, key, len - 5);
    base[len - 5] = '\0';
    const struct config_field *field = config_table_field(table, base);
    return field != NULL && has_twin(field);
}

static void report_unknown(struct config_binding *b, const struct config_table *table,
                           const struct yaml_node *map) {
    for (const struct yaml_node *v = map->child; v != NULL; v = v->next) {
        if (is_known(table, v->key->text)) {
            continue;
        }
        struct buf words = {0};
        if (!config_report_full(b->report)) {
            config_suggest_key(table, v->key->text, &words);
        }
        size_t path = config_path_push(b, v->key->text);
        config_bind_error(b, v->key, "unknown_key", "unknown key%s",
                          words.data == NULL ? "" : words.data);
        config_path_pop(b, path);
        buf_free(&words);
    }
}

static bool has_short_form(const struct config_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        if ((table->fields[i].flags & FIELD_SHORT) != 0) {
            return true;
        }
    }
    return false;
}

void config_bind_table(struct config_binding *b, const struct config_table *table,
                       struct yaml_node *node, void *base) {
    if (node != NULL && yaml_tree_is_empty(node)) {
        node = NULL; // everything in it commented out: all defaults
    }
    bool fits = node == NULL || node->kind == YAML_MAP ||
                (node->kind == YAML_TEXT && has_short_form(table));
    if (!fits) {
        config_bind_wrong_kind(b, node, "a mapping");
        node = NULL;
    }
    struct config_place outer = b->at;
    if (node != NULL) {
        node->shown |= node->kind == YAML_MAP;
        b->at = node->key == NULL ? node->at : node->key->at;
    }
    for (size_t i = 0; fits && i < table->count; i++) {
        const struct config_field *field = &table->fields[i];
        bool wanted = !b->place_only || (field->flags & FIELD_PLACE) != 0;
        if (wanted && field->kind != CONFIG_RENAMED) { // found by its new name
            bind_field(b, table, field, node, base);
        }
    }
    if (node != NULL && node->kind == YAML_MAP) {
        report_unknown(b, table, node);
    }
    b->at = outer;
}
