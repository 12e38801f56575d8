#include "config/config_walk.h"

#include <string.h>
#include <strings.h>

#include "config/config_value.h"

struct walk {
    const struct config *c;
    const struct config_visitor *visitor;
    void *arg;
    bool failed;
};

static void walk_table(struct walk *w, const struct config_table *table, const void *base);

static const struct config_origin *origin_of(const struct walk *w, const void *slot) {
    return config_origin_find(w->c->priv, slot);
}

static bool is_hidden(const struct config_field *field, const struct config_origin *origin) {
    return field->kind == CONFIG_SECRET || (origin != NULL && origin->hidden);
}

static void walk_word(struct walk *w, const struct config_field *field, const void *slot) {
    struct config_leaf leaf = {.key = field->key, .field = field, .origin = origin_of(w, slot)};
    struct buf text = {0};
    if (!config_value_is_set(field, slot)) {
        leaf.kind = LEAF_UNSET;
    } else if (is_hidden(field, leaf.origin)) {
        leaf.kind = LEAF_SECRET;
        leaf.text = field->kind == CONFIG_SECRET ? *(const char *const *)slot : NULL;
    } else {
        leaf.kind = field->kind == CONFIG_JSON    ? LEAF_JSON
                    : config_value_is_bare(field) ? LEAF_BARE
                                                  : LEAF_TEXT;
    }
    if (leaf.kind != LEAF_UNSET && leaf.text == NULL) {
        config_value_write(field, slot, &text);
        leaf.text = text.data == NULL ? "" : text.data;
        w->failed |= text.failed;
    }
    w->visitor->leaf(w->arg, &leaf);
    config_secret_buf_free(&text);
}

static void walk_strings(struct walk *w, const struct config_field *field, const void *base) {
    const void *slot = (const char *)base + field->offset;
    const char *const *items = *(const char *const *const *)slot;
    size_t count = *(const size_t *)(const void *)((const char *)base + field->count_offset);
    const struct config_origin *origin = origin_of(w, slot);
    w->visitor->open(w->arg, field->key, true, count, origin);
    for (size_t i = 0; i < count; i++) {
        struct config_leaf leaf = {.kind = is_hidden(field, origin) ? LEAF_SECRET : LEAF_TEXT,
                                   .text = items[i],
                                   .field = field,
                                   .origin = origin};
        w->visitor->leaf(w->arg, &leaf);
    }
    w->visitor->close(w->arg, true);
}

static void walk_labels(struct walk *w, const struct config_field *field, const char *const *slot) {
    const char *labels = *slot == NULL ? "" : *slot;
    size_t count = 0;
    for (const char *at = labels; *at != '\0'; at += strcspn(at, ",")) {
        at += *at == ',';
        count++;
    }
    const struct config_origin *origin = origin_of(w, slot);
    w->visitor->open(w->arg, field->key, true, count, origin);
    for (const char *at = labels; *at != '\0';) {
        size_t len = strcspn(at, ",");
        struct buf label = {0};
        buf_add(&label, at, len);
        w->failed |= label.failed;
        struct config_leaf leaf = {.kind = is_hidden(field, origin) ? LEAF_SECRET : LEAF_TEXT,
                                   .text = label.data == NULL ? "" : label.data,
                                   .field = field,
                                   .origin = origin};
        w->visitor->leaf(w->arg, &leaf);
        buf_free(&label);
        at += len + (at[len] == ',');
    }
    w->visitor->close(w->arg, true);
}

static void walk_entries(struct walk *w, const struct config_field *field, const void *base) {
    const char *items = *(const char *const *)(const void *)((const char *)base + field->offset);
    size_t count = *(const size_t *)(const void *)((const char *)base + field->count_offset);
    bool is_list = field->kind == CONFIG_LIST;
    w->visitor->open(w->arg, field->key, is_list, count, NULL);
    for (size_t i = 0; i < count; i++) {
        const void *item = items + i * field->table->size;
        const char *name = is_list ? NULL : ((const struct config_entry *)item)->name;
        w->visitor->open(w->arg, name, false, field->table->count, NULL);
        walk_table(w, field->table, item);
        w->visitor->close(w->arg, false);
    }
    w->visitor->close(w->arg, is_list);
}

// The plugin's table says which options are secret, but it is not at hand here: a name that sounds
// like one is enough.
static bool sounds_secret(const char *name) {
    static const char *const words[] = {"secret", "token",      "password", "passwd",
                                        "key",    "credential", "auth"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (const char *at = name; *at != '\0'; at++) {
            if (strncasecmp(at, words[i], strlen(words[i])) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void walk_options(struct walk *w, const struct config_option *options, size_t count,
                         bool is_plugin) {
    for (size_t i = 0; i < count; i++) {
        const struct config_option *o = &options[i];
        struct config_leaf leaf = {
            .kind =
                o->secret_source || (is_plugin && sounds_secret(o->name)) ? LEAF_SECRET : LEAF_TEXT,
            .key = o->name,
            .text = o->value,
            .origin = origin_of(w, o),
        };
        w->visitor->leaf(w->arg, &leaf);
    }
}

static void walk_verify(struct walk *w, const struct config_field *field, const void *base) {
    struct config_verify *const *slot = (const void *)((const char *)base + field->offset);
    size_t count = *(const size_t *)(const void *)((const char *)base + field->count_offset);
    const struct config_origin *origin = origin_of(w, slot);
    if (count == 0 && (field->flags & FIELD_REQUIRED) == 0) {
        return;
    }
    w->visitor->open(w->arg, field->key, true, count, origin);
    for (size_t i = 0; i < count; i++) {
        const struct config_verify *v = &(*slot)[i];
        w->visitor->open(w->arg, NULL, false, 1, NULL);
        w->visitor->open(w->arg, v->scheme, false, v->param_count, NULL);
        walk_options(w, v->params, v->param_count, false);
        w->visitor->close(w->arg, false);
        w->visitor->close(w->arg, false);
    }
    w->visitor->close(w->arg, true);
}

static void walk_field(struct walk *w, const struct config_field *field, const void *base) {
    const void *slot = (const char *)base + field->offset;
    switch (field->kind) {
    case CONFIG_INCLUDE:
    case CONFIG_RENAMED:
    case CONFIG_SECRETS: break;
    case CONFIG_STRINGS: walk_strings(w, field, base); break;
    case CONFIG_LABELS: walk_labels(w, field, slot); break;
    case CONFIG_NAMED:
    case CONFIG_LIST: walk_entries(w, field, base); break;
    case CONFIG_VERIFY: walk_verify(w, field, base); break;
    case CONFIG_SECTION:
        w->visitor->open(w->arg, field->key, false, field->table->count, NULL);
        walk_table(w, field->table, slot);
        w->visitor->close(w->arg, false);
        break;
    case CONFIG_OPTIONS: {
        const struct config_plugin *plugin = base;
        w->visitor->open(w->arg, field->key, false, plugin->option_count, NULL);
        walk_options(w, plugin->options, plugin->option_count, true);
        w->visitor->close(w->arg, false);
        break;
    }
    default: walk_word(w, field, slot); break;
    }
}

static void walk_table(struct walk *w, const struct config_table *table, const void *base) {
    for (size_t i = 0; i < table->count; i++) {
        walk_field(w, &table->fields[i], base);
    }
}

bool config_walk_table(const struct config *c, const struct config_table *table, const void *base,
                       const struct config_visitor *visitor, void *arg) {
    struct walk w = {.c = c, .visitor = visitor, .arg = arg};
    walk_table(&w, table, base);
    return !w.failed;
}

bool config_walk(const struct config *c, const struct config_visitor *visitor, void *arg) {
    return config_walk_table(c, &config_root, c, visitor, arg);
}
