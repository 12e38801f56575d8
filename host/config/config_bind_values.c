// The kinds that hold several values: lists of texts, labels, JSON.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "config/config_bind.h"
#include "core/job.h"

// ---- lists of texts

static const char *bind_item(struct config_binding *b, const struct config_field *field,
                             struct yaml_node *node, struct config_scalar *scalar) {
    const struct config_field one = {field->key, CONFIG_STRING, .form = field->form};
    const char *text = NULL;
    if (!config_bind_word(b, &one, node, &text, scalar)) {
        return NULL;
    }
    if (*text == '\0') {
        config_bind_error(b, node, "missing_value", "an empty text");
        return NULL;
    }
    bool allowed =
        field->words == NULL || config_bind_is_word(b, field, node, &scalar->word, "bad_word");
    return allowed ? text : NULL;
}

// The list as an array in the arena; *ret_count says how many were good.
static const char **bind_items(struct config_binding *b, const struct config_field *field,
                               struct yaml_node *node, const void *slot, size_t *ret_count) {
    bool is_list = node->kind == YAML_LIST;
    *ret_count = 0;
    if (!is_list && ((field->flags & FIELD_ONE) == 0 || node->kind != YAML_TEXT)) {
        config_bind_wrong_kind(b, node, "a list");
        return NULL;
    }
    size_t count = is_list ? node->count : 1;
    if (count > (size_t)field->max || count < (size_t)field->min) {
        config_bind_error(b, node, count < (size_t)field->min ? "too_few" : "too_many",
                          "%zu entries; allowed is %" PRId64 " to %" PRId64, count, field->min,
                          field->max);
        return NULL;
    }
    const char **items = arena_zalloc(&b->priv->arena, (count + 1) * sizeof(*items));
    if (items == NULL) {
        config_bind_no_memory(b, node);
        return NULL;
    }
    struct config_scalar scalar = {0};
    bool hidden = false;
    size_t i = 0;
    for (struct yaml_node *v = is_list ? node->child : node; v != NULL;
         v = is_list ? v->next : NULL) {
        char part[24];
        (void)snprintf(part, sizeof(part), "[%zu]", i++);
        size_t path = is_list ? config_path_push(b, part) : b->path_len;
        const char *text = bind_item(b, field, v, &scalar);
        config_path_pop(b, path);
        hidden |= scalar.text.from_file;
        if (text != NULL) {
            items[(*ret_count)++] = text;
        }
    }
    config_bind_origin(b, slot, node, count == 1 ? &scalar : NULL, hidden);
    return items;
}

void config_bind_strings(struct config_binding *b, const struct config_field *field,
                         struct yaml_node *node, void *base) {
    void *slot = (char *)base + field->offset;
    const char **items =
        bind_items(b, field, node, slot, (size_t *)((char *)base + field->count_offset));
    if (items != NULL) {
        *(const char ***)slot = items;
    }
}

void config_bind_labels(struct config_binding *b, const struct config_field *field,
                        struct yaml_node *node, void *base) {
    const char **slot = (const char **)((char *)base + field->offset);
    size_t count = 0;
    const char **items = bind_items(b, field, node, slot, &count);
    struct buf joined = {0};
    for (size_t i = 0; items != NULL && i < count; i++) {
        if (strchr(items[i], ',') != NULL) {
            config_bind_error(b, node, "bad_value", "a label cannot contain a comma");
        }
        buf_str(&joined, i == 0 ? "" : ",");
        buf_str(&joined, items[i]);
    }
    if (joined.failed) {
        config_bind_no_memory(b, node);
    } else if (joined.len > JOB_LABELS_MAX) {
        config_bind_error(b, node, "too_long", "the labels take more than %d bytes",
                          JOB_LABELS_MAX);
    } else if (joined.len > 0) {
        *slot = config_bind_checked(b, arena_strn(&b->priv->arena, joined.data, joined.len));
    }
    buf_free(&joined);
}

// ---- JSON

struct json_work {
    struct config_binding *b;
    const struct config_field *field;
    struct buf out;
    bool hidden; // something in it came from outside the file
    bool failed;
};

// A number exactly as JSON writes one; everything else that is not a constant is text.
static bool is_json_number(const char *text) {
    static const char digits[] = "0123456789";
    const char *at = text + (*text == '-');
    size_t whole = strspn(at, digits);
    if (whole == 0 || (whole > 1 && *at == '0')) {
        return false;
    }
    at += whole;
    if (*at == '.') {
        size_t part = strspn(at + 1, digits);
        if (part == 0) {
            return false;
        }
        at += 1 + part;
    }
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '+' || at[1] == '-');
        size_t exponent = strspn(at, digits);
        if (exponent == 0) {
            return false;
        }
        at += exponent;
    }
    return *at == '\0';
}

static void json_scalar(struct json_work *w, struct yaml_node *node) {
    struct config_scalar scalar;
    if (yaml_tree_is_empty(node)) {
        buf_str(&w->out, "null");
        return;
    }
    const struct config_field text = {.key = w->field->key, .kind = CONFIG_STRING};
    if (!config_bind_scalar(w->b, &text, node, &scalar)) {
        w->failed = true;
        return;
    }
    node->shown = false; // a payload may hold what its author would not show
    if (scalar.text.from_file) {
        config_bind_error(w->b, node, "secret_in_payload",
                          "a secret file's content must not go into a payload; give it to the "
                          "plugin's config");
        w->failed = true;
        return;
    }
    w->hidden |= scalar.text.variable_count > 0;
    const char *word = scalar.word.text;
    bool constant = strcmp(word, "true") == 0 || strcmp(word, "false") == 0 ||
                    strcmp(word, "null") == 0 || is_json_number(word);
    if (!node->quoted && strcmp(word, "~") == 0) {
        buf_str(&w->out, "null");
    } else if (!node->quoted && constant) {
        buf_str(&w->out, word);
    } else {
        json_str(&w->out, word);
    }
}

// Depth is bounded by YAML_TREE_DEPTH_MAX.
static void json_value(struct json_work *w, struct yaml_node *node) {
    if (node->kind == YAML_TEXT) {
        json_scalar(w, node);
        return;
    }
    buf_char(&w->out, node->kind == YAML_MAP ? '{' : '[');
    for (struct yaml_node *v = node->child; v != NULL; v = v->next) {
        if (v != node->child) {
            buf_char(&w->out, ',');
        }
        if (node->kind == YAML_MAP) {
            json_strn(&w->out, v->key->text, v->key->len);
            buf_char(&w->out, ':');
        }
        json_value(w, v);
    }
    buf_char(&w->out, node->kind == YAML_MAP ? '}' : ']');
}

void config_bind_json(struct config_binding *b, const struct config_field *field,
                      struct yaml_node *node, void *base) {
    struct json_work w = {.b = b, .field = field};
    const char **slot = (const char **)((char *)base + field->offset);
    if (yaml_tree_is_empty(node)) {
        config_bind_error(b, node, "missing_value", "a value is missing; write {} for nothing");
        return;
    }
    json_value(&w, node);
    if (w.out.failed) {
        config_bind_no_memory(b, node);
    } else if (!w.failed) {
        *slot = config_bind_checked(b, arena_strn(&b->priv->arena, w.out.data, w.out.len));
        config_bind_origin(b, slot, node, NULL, w.hidden);
    }
    buf_free(&w.out);
}
