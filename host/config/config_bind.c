#include "config/config_bind.h"

#include <errno.h>
#include <inttypes.h>
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
    char words[384];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    config_report_error(b->report, node == NULL ? b->at : node->at, b->path, code, "%s", words);
}

void config_bind_wrong_kind(struct config_binding *b, const struct yaml_node *node,
                            const char *expected) {
    config_bind_error(b, node, "wrong_kind", "expected %s, found %s", expected,
                      yaml_tree_kind_name(node));
}

static void no_memory(struct config_binding *b, const struct yaml_node *node) {
    config_bind_error(b, node, "no_memory", "out of memory");
}

// ---- origins

void config_bind_origin(struct config_binding *b, const void *slot, const struct yaml_node *node,
                        const struct config_scalar *scalar, bool hidden) {
    bool used = scalar != NULL && scalar->text.variable_count > 0;
    struct config_origin origin = {
        .slot = slot,
        .file = arena_str(&b->priv->arena, node->at.file),
        .line = node->at.line,
        .variable = used ? scalar->text.variables[0] : NULL,
        .hidden = hidden || (scalar != NULL && scalar->text.from_file),
    };
    if (config_origin_add(b->priv, &origin) < 0) {
        no_memory(b, node);
    }
}

void config_bind_consumed(struct config_binding *b, const struct config_scalar *scalar) {
    for (size_t i = 0; i < scalar->text.variable_count; i++) {
        if (config_variable_add(b->priv, scalar->text.variables[i]) < 0) {
            no_memory(b, NULL);
        }
    }
}

// ---- one scalar

void config_bind_unresolved(struct config_binding *b, const struct yaml_node *node, int status,
                            const char *code, const char *why) {
    struct config_entry *entry = b->entry;
    bool forgiven = entry != NULL && (entry->enabled == ENABLED_FALSE ||
                                      (entry->enabled == ENABLED_AUTO && status == -ENOENT));
    if (!forgiven) {
        config_bind_error(b, node, code, "%s", why);
    } else if (entry->off_why == NULL) {
        entry->off_why = arena_str(&b->priv->arena, why);
    }
}

static bool is_secret(const struct config_field *field) {
    return field->kind == CONFIG_SECRET || field->kind == CONFIG_SECRETS;
}

// "scheme://user:password@host"
static bool has_password(const char *text) {
    const char *authority = strstr(text, "://");
    if (authority == NULL) {
        return false;
    }
    authority += 3;
    size_t len = strcspn(authority, "/?#");
    const char *at = memchr(authority, '@', len);
    return at != NULL && memchr(authority, ':', (size_t)(at - authority)) != NULL;
}

static void warn_of_literal(struct config_binding *b, const struct config_field *field,
                            const struct yaml_node *node) {
    bool literal =
        is_secret(field) || ((field->flags & FIELD_PASSWORD) != 0 && has_password(node->text));
    if (literal && b->sources->items[node->at.source].open_to_others) {
        config_report_warning(
            b->report, node->at, b->path, "open_secret",
            "a secret in a file that others may read; use ${VAR} or file:PATH, or "
            "chmod 600 %s",
            node->at.file);
    }
}

static int substitute(struct config_binding *b, const struct config_field *field,
                      const struct yaml_node *node, struct config_scalar *ret,
                      const char **ret_code, struct err *e) {
    struct config_subst s = {
        .env = b->env,
        .vault = &b->priv->vault,
        .dir = b->sources->items[node->at.source].dir,
        .loose = *b->loose,
        .no_files = b->sources->no_files,
        .arena = &b->priv->arena,
    };
    bool by_file = is_secret(field) && strncmp(node->text, "file:", 5) == 0;
    const char *text = by_file ? node->text + 5 : node->text;
    int r = config_subst(&s, text, strlen(text), &ret->text, ret_code, e);
    if (r == 0 && by_file) {
        r = config_subst_file(&s, ret->text.text, &ret->text, ret_code, e);
    }
    ret->word.dir = s.dir;
    return r;
}

// The text of the tree dies with the load; a secret of it must go into the vault.
static const char *keep_text(struct config_binding *b, const struct config_field *field,
                             const struct config_substituted *text) {
    if (text->replaced) {
        return text->text;
    }
    bool secret = is_secret(field) || (field->flags & FIELD_PASSWORD) != 0;
    return secret ? config_vault_strn(&b->priv->vault, text->text, text->len)
                  : arena_strn(&b->priv->arena, text->text, text->len);
}

// A secret that came out empty: unset where it may be, else as if it were not there.
static bool refuse_empty_secret(struct config_binding *b, const struct config_field *field,
                                const struct yaml_node *node, struct config_scalar *ret) {
    const char *missing = ret->text.missing;
    bool optional = (field->flags & FIELD_REQUIRED) == 0 && missing != NULL;
    if (optional && (b->entry == NULL || b->entry->enabled != ENABLED_AUTO)) {
        ret->unset = true;
        return true;
    }
    char why[128];
    (void)snprintf(why, sizeof(why), missing == NULL ? "is empty" : "%.80s is not set",
                   missing == NULL ? "" : missing);
    config_bind_unresolved(b, node, missing == NULL ? -EINVAL : -ENOENT, "empty_secret", why);
    return false;
}

bool config_bind_scalar(struct config_binding *b, const struct config_field *field,
                        struct yaml_node *node, struct config_scalar *ret) {
    *ret = (struct config_scalar){0};
    if (node->kind != YAML_TEXT) {
        config_bind_wrong_kind(b, node, config_value_expected(field));
        return false;
    }
    node->shown =
        !is_secret(field) && (field->flags & FIELD_PASSWORD) == 0 && field->kind != CONFIG_OPTIONS;
    if (yaml_tree_is_empty(node)) {
        config_bind_error(b, node, "missing_value", "a value is missing: expected %s",
                          config_value_expected(field));
        return false;
    }
    const char *code = "bad_value";
    struct err e = {0};
    int r = substitute(b, field, node, ret, &code, &e);
    if (r < 0) {
        config_bind_unresolved(b, node, r, code, e.msg);
        return false;
    }
    if (is_secret(field) && ret->text.len == 0) {
        return refuse_empty_secret(b, field, node, ret);
    }
    if (!ret->text.replaced) {
        warn_of_literal(b, field, node);
    }
    ret->word.text = keep_text(b, field, &ret->text);
    if (ret->word.text == NULL) {
        no_memory(b, node);
        return false;
    }
    ret->word.arena = &b->priv->arena;
    ret->word.quoted = node->quoted && !ret->text.replaced;
    ret->word.secret = !node->shown || ret->text.from_file;
    return true;
}

bool config_bind_word(struct config_binding *b, const struct config_field *field,
                      struct yaml_node *node, void *slot, struct config_scalar *ret) {
    if (!config_bind_scalar(b, field, node, ret)) {
        return false;
    }
    if (ret->unset) {
        return true;
    }
    struct err e = {0};
    const char *code = config_value_read(field, &ret->word, slot, &e);
    if (code != NULL) {
        config_bind_error(b, node, code, "%s", e.msg);
        return false;
    }
    return true;
}

static void bind_one(struct config_binding *b, const struct config_field *field,
                     struct yaml_node *node, void *base) {
    void *slot = (char *)base + field->offset;
    struct config_scalar scalar;
    if (!config_bind_word(b, field, node, slot, &scalar) || scalar.unset) {
        return;
    }
    config_bind_origin(b, slot, node, &scalar, is_secret(field));
    if (is_secret(field) || (field->flags & FIELD_PASSWORD) != 0) {
        config_bind_consumed(b, &scalar);
    }
}

// `admin_token_file: PATH` beside `admin_token`
static void bind_twin(struct config_binding *b, const struct config_field *field,
                      struct yaml_node *node, void *base) {
    static const struct config_field path_field = {"", CONFIG_STRING, .max = 4096};
    struct config_scalar path;
    const char *text = NULL;
    if (!config_bind_word(b, &path_field, node, &text, &path)) {
        return;
    }
    struct config_subst s = {.vault = &b->priv->vault,
                             .dir = path.word.dir,
                             .loose = *b->loose,
                             .no_files = b->sources->no_files,
                             .arena = &b->priv->arena};
    struct config_substituted content = {0};
    const char *code = NULL;
    struct err e = {0};
    int r = config_subst_file(&s, text, &content, &code, &e);
    if (r < 0) {
        config_bind_unresolved(b, node, r, code, e.msg);
        return;
    }
    struct config_word word = {content.text, false, true, path.word.dir, &b->priv->arena};
    void *slot = (char *)base + field->offset;
    code = config_value_read(field, &word, slot, &e);
    if (code != NULL) {
        config_bind_error(b, node, code, "%s", e.msg);
        return;
    }
    config_bind_origin(b, slot, node, &path, true);
}

// ---- structures

static void bind_section(struct config_binding *b, const struct config_field *field,
                         struct yaml_node *node, void *base) {
    // a nested table without a size has its offsets in the enclosing struct
    config_bind_table(b, field->table, node, (char *)base + field->offset);
}

static void *new_array(struct config_binding *b, const struct config_field *field,
                       const struct yaml_node *node, void *base, size_t count) {
    void *items = arena_zalloc(&b->priv->arena, (count == 0 ? 1 : count) * field->table->size);
    if (items == NULL) {
        no_memory(b, node);
        return NULL;
    }
    *(void **)((char *)base + field->offset) = items;
    return items;
}

static void bind_entry(struct config_binding *b, const struct config_field *field, const char *name,
                       struct config_place at, struct yaml_node *node, void *item) {
    struct config_place outer = b->at;
    b->at = at;
    if (field->table->entry) {
        struct config_entry *entry = item;
        entry->name = arena_str(&b->priv->arena, name);
        entry->file = arena_str(&b->priv->arena, at.file);
        entry->line = at.line;
        entry->column = at.column;
        entry->enabled = ENABLED_TRUE; // of entries that cannot be switched off
        b->entry = entry;
    }
    config_bind_table(b, field->table, node, item);
    if (b->entry != NULL) {
        struct config_entry *entry = b->entry;
        entry->on = entry->enabled == ENABLED_TRUE ||
                    (entry->enabled == ENABLED_AUTO && entry->off_why == NULL);
        entry->off_why = entry->enabled == ENABLED_FALSE ? "enabled: false" : entry->off_why;
        b->entry = NULL;
    }
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
        struct buf words = {0};
        for (size_t i = 0; field->words[i] != NULL; i++) {
            if (strcmp(field->words[i], key->text) == 0) {
                return true;
            }
        }
        config_value_words(field->words, &words);
        config_bind_error(b, key, "unknown_key", "expected %s, found %s",
                          words.data == NULL ? "" : words.data,
                          config_quote(quoted, key->text, key->len));
        buf_free(&words);
        return false;
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

static void bind_named(struct config_binding *b, const struct config_field *field,
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

static void bind_list(struct config_binding *b, const struct config_field *field,
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

static void bind_nothing(struct config_binding *b, const struct config_field *field,
                         struct yaml_node *node, void *base) {
    (void)b; // include was read before; old names are found by their new ones
    (void)field;
    (void)node;
    (void)base;
}

typedef void binder(struct config_binding *b, const struct config_field *field,
                    struct yaml_node *node, void *base);

static binder *const binders[CONFIG_KIND_COUNT] = {
    [CONFIG_BOOL] = bind_one,
    [CONFIG_INT] = bind_one,
    [CONFIG_INT32] = bind_one,
    [CONFIG_NUMBER] = bind_one,
    [CONFIG_DURATION] = bind_one,
    [CONFIG_SIZE] = bind_one,
    [CONFIG_RATE] = bind_one,
    [CONFIG_STRING] = bind_one,
    [CONFIG_WORD] = bind_one,
    [CONFIG_CHOICE] = bind_one,
    [CONFIG_PATH] = bind_one,
    [CONFIG_SOCKET] = bind_one,
    [CONFIG_LOCATION] = bind_one,
    [CONFIG_SECRET] = bind_one,
    [CONFIG_STRINGS] = config_bind_strings,
    [CONFIG_LABELS] = config_bind_labels,
    [CONFIG_JSON] = config_bind_json,
    [CONFIG_SECRETS] = bind_nothing,
    [CONFIG_SECTION] = bind_section,
    [CONFIG_NAMED] = bind_named,
    [CONFIG_LIST] = bind_list,
    [CONFIG_OPTIONS] = config_bind_plugin_options,
    [CONFIG_VERIFY] = config_bind_verify,
    [CONFIG_INCLUDE] = bind_nothing,
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
    struct config_word word = {field->fallback, false, false, b->sources->items[0].dir,
                               &b->priv->arena};
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
        bind_twin(b, field, twin, base);
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
        b->at = node->key == NULL ? node->at : node->key->at;
    }
    for (size_t i = 0; fits && i < table->count; i++) {
        bind_field(b, table, &table->fields[i], node, base);
    }
    if (node != NULL && node->kind == YAML_MAP) {
        report_unknown(b, table, node);
    }
    b->at = outer;
}
