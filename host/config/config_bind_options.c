// Names with values: plugins.<name>.config, and the parameters of hooks.<name>.verify.

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "config/config_bind.h"

enum { OPTIONS_MAX = 256, OPTION_NAME_MAX = 64 };

// ---- options of a plugin

static bool option_name_is_good(struct config_binding *b, const struct yaml_node *key) {
    bool good = key->len <= OPTION_NAME_MAX && !isdigit((unsigned char)key->text[0]);
    for (size_t i = 0; i < key->len; i++) {
        good &= isalnum((unsigned char)key->text[i]) || strchr("_.-", key->text[i]) != NULL;
    }
    if (!good) {
        config_bind_error(b, key, "bad_name",
                          "an option's name has 1 to %d letters, digits, '_', '.', '-'",
                          OPTION_NAME_MAX);
    }
    return good;
}

// `file:PATH` names a secret's file; a file:// URL is a value like any other.
static bool is_file_reference(const struct yaml_node *node) {
    return node->kind == YAML_TEXT && strncmp(node->text, "file:", 5) == 0 &&
           strncmp(node->text, "file://", 7) != 0;
}

static void bind_option(struct config_binding *b, struct yaml_node *node,
                        struct config_option *option) {
    static const struct config_field secret = {.key = "", .kind = CONFIG_SECRET};
    static const struct config_field plain = {.key = "", .kind = CONFIG_STRING};
    struct config_scalar scalar;
    if (node->kind != YAML_TEXT) {
        config_bind_error(b, node, "nested_option", "an option is a single value, this is %s",
                          yaml_tree_kind_name(node));
        return;
    }
    bool by_file = is_file_reference(node);
    const char *text = NULL;
    if (!config_bind_word(b, by_file ? &secret : &plain, node, &text, &scalar)) {
        node->shown = false;
        return;
    }
    node->shown = false; // the host does not know which options are secret
    bool outside = scalar.text.from_file || scalar.text.variable_count > 0;
    *option = (struct config_option){
        .name = config_bind_checked(b, arena_str(&b->priv->arena, node->key->text)),
        .value = text,
        .secret_source = outside,
        .line = node->at.line,
        .column = node->at.column,
    };
    config_bind_origin(b, option, node, &scalar, outside);
    config_bind_consumed(b, &scalar);
}

void config_bind_plugin_options(struct config_binding *b, const struct config_field *field,
                                struct yaml_node *node, void *base) {
    struct config_plugin *plugin = base;
    (void)field;
    if (yaml_tree_is_empty(node)) {
        return;
    }
    if (node->kind != YAML_MAP) {
        config_bind_wrong_kind(b, node, "a mapping of options");
        return;
    }
    if (node->count > OPTIONS_MAX) {
        config_bind_error(b, node, "too_many", "%zu options; at most %d are allowed", node->count,
                          OPTIONS_MAX);
        return;
    }
    plugin->options = arena_zalloc(&b->priv->arena, (node->count + 1) * sizeof(plugin->options[0]));
    if (plugin->options == NULL) {
        config_bind_no_memory(b, node);
        return;
    }
    node->shown = true;
    for (struct yaml_node *v = node->child; v != NULL; v = v->next) {
        size_t path = config_path_push(b, v->key->text);
        struct config_option *option = &plugin->options[plugin->option_count];
        if (option_name_is_good(b, v->key)) {
            bind_option(b, v, option);
            plugin->option_count += option->name != NULL;
        }
        config_path_pop(b, path);
    }
}

// ---- parameters of a scheme

struct params {
    struct config_binding *b;
    struct config_verify *verify;
    size_t cap;
};

static void add_param(struct params *p, const struct config_field *field, const char *value,
                      struct yaml_node *node, bool secret) {
    if (p->verify->param_count == p->cap) {
        return;
    }
    p->verify->params[p->verify->param_count++] = (struct config_option){
        .name = field->key,
        .value = value,
        .secret_source = secret,
        .line = node == NULL ? 0 : node->at.line,
        .column = node == NULL ? 0 : node->at.column,
    };
}

static void bind_param(struct params *p, const struct config_field *field, struct yaml_node *node) {
    union {
        bool b;
        const char *text;
    } scratch; // the value is kept as text; reading it checks it
    bool many = field->kind == CONFIG_SECRETS || field->kind == CONFIG_STRINGS;
    bool secret = field->kind == CONFIG_SECRET || field->kind == CONFIG_SECRETS;
    struct config_field one = *field;
    one.kind = field->kind == CONFIG_SECRETS ? CONFIG_SECRET : many ? CONFIG_STRING : field->kind;
    if (many) {
        one.min = one.max = 0; // those count the list
    }
    struct config_scalar scalar;
    if (!config_bind_word(p->b, &one, node, &scratch, &scalar) || scalar.unset) {
        return;
    }
    add_param(p, field, scalar.word.text, node, secret);
    if (secret) {
        config_bind_consumed(p->b, &scalar);
    }
}

static void bind_param_list(struct params *p, const struct config_field *field,
                            struct yaml_node *node) {
    if (node->count > (size_t)field->max || node->count < (size_t)field->min) {
        config_bind_error(p->b, node, node->count < (size_t)field->min ? "too_few" : "too_many",
                          "%zu entries; allowed is %d to %d", node->count, (int)field->min,
                          (int)field->max);
        return;
    }
    size_t i = 0;
    for (struct yaml_node *v = node->child; v != NULL; v = v->next) {
        char part[24];
        (void)snprintf(part, sizeof(part), "[%zu]", i++);
        size_t path = config_path_push(p->b, part);
        bind_param(p, field, v);
        config_path_pop(p->b, path);
    }
}

// A secret of a scheme may also be given as NAME_file: PATH.
static struct yaml_node *file_twin(struct params *p, const struct config_field *field,
                                   const struct yaml_node *map) {
    if (field->kind != CONFIG_SECRET && field->kind != CONFIG_SECRETS) {
        return NULL;
    }
    char key[96];
    (void)snprintf(key, sizeof(key), "%s_file", field->key);
    struct yaml_node *twin = yaml_tree_get(map, key);
    if (twin == NULL || twin->kind != YAML_TEXT) {
        return twin;
    }
    // the same as `file:PATH` under the plain name
    char *text = arena_printf(&p->b->priv->arena, "file:%s", twin->text);
    if (text == NULL) {
        config_bind_no_memory(p->b, twin);
        return NULL;
    }
    twin->text = text;
    twin->len = strlen(text);
    return twin;
}

static void bind_param_row(struct params *p, const struct config_field *field,
                           struct yaml_node *node) {
    bool is_word = node->kind == YAML_TEXT || node->kind == YAML_LIST; // in place of the mapping
    struct yaml_node *value = is_word ? ((field->flags & FIELD_SHORT) != 0 ? node : NULL)
                                      : yaml_tree_get(node, field->key);
    struct yaml_node *twin = is_word ? NULL : file_twin(p, field, node);
    size_t path = config_path_push(p->b, field->key);
    if (value != NULL && twin != NULL) {
        config_bind_error(p->b, twin->key, "given_twice", "%s and %s_file are both given; keep one",
                          field->key, field->key);
        value = twin = NULL;
    } else if (value == NULL && twin == NULL && (field->flags & FIELD_REQUIRED) != 0) {
        config_bind_error(p->b, node->key == NULL ? node : node->key, "missing_key", "is missing");
    } else if (value == NULL && twin == NULL && field->fallback != NULL) {
        add_param(p, field, field->fallback, NULL, false);
    }
    value = value == NULL ? twin : value;
    if (value != NULL && value->kind == YAML_LIST &&
        (field->kind == CONFIG_SECRETS || field->kind == CONFIG_STRINGS)) {
        bind_param_list(p, field, value);
    } else if (value != NULL) {
        bind_param(p, field, value);
    }
    config_path_pop(p->b, path);
}

static bool is_param(const struct config_table *scheme, const char *key) {
    for (size_t i = 0; i < scheme->count; i++) {
        const struct config_field *f = &scheme->fields[i];
        size_t len = strlen(f->key);
        bool secret = f->kind == CONFIG_SECRET || f->kind == CONFIG_SECRETS;
        if (strcmp(f->key, key) == 0 ||
            (secret && strncmp(f->key, key, len) == 0 && strcmp(key + len, "_file") == 0)) {
            return true;
        }
    }
    return false;
}

static void report_unknown_params(struct config_binding *b, const struct config_table *scheme,
                                  const struct yaml_node *map) {
    for (const struct yaml_node *v = map->kind == YAML_MAP ? map->child : NULL; v != NULL;
         v = v->next) {
        struct nearest nearest = {.word = v->key->text};
        if (is_param(scheme, v->key->text)) {
            continue;
        }
        for (size_t i = 0; i < scheme->count && !config_report_full(b->report); i++) {
            nearest_offer(&nearest, scheme->fields[i].key);
        }
        const char *word = nearest_best(&nearest);
        size_t path = config_path_push(b, v->key->text);
        config_bind_error(b, v->key, "unknown_key",
                          word == NULL ? "unknown key" : "unknown key; did you mean \"%s\"?", word);
        config_path_pop(b, path);
    }
}

static size_t most_params(const struct config_table *scheme, const struct yaml_node *node) {
    size_t most = scheme->count;
    if (node->kind == YAML_LIST) {
        return most + node->count;
    }
    for (const struct yaml_node *v = node->child; v != NULL; v = v->next) {
        most += v->kind == YAML_LIST ? v->count : 0;
    }
    return most;
}

static void bind_scheme(struct config_binding *b, const struct config_table *scheme,
                        struct yaml_node *node, struct config_verify *verify) {
    struct params p = {.b = b, .verify = verify, .cap = most_params(scheme, node)};
    verify->scheme = scheme->what;
    verify->params = arena_zalloc(&b->priv->arena, p.cap * sizeof(verify->params[0]));
    if (verify->params == NULL) {
        config_bind_no_memory(b, node);
        return;
    }
    node->shown |= node->kind == YAML_MAP;
    for (size_t i = 0; i < scheme->count; i++) {
        bind_param_row(&p, &scheme->fields[i], node);
    }
    report_unknown_params(b, scheme, node);
}

// ---- verify

static const struct config_table *find_scheme(struct config_binding *b,
                                              const struct yaml_node *key) {
    struct nearest nearest = {.word = key->text};
    for (size_t i = 0; i < config_scheme_count; i++) {
        if (strcmp(config_schemes[i].what, key->text) == 0) {
            return &config_schemes[i];
        }
        nearest_offer(&nearest, config_schemes[i].what);
    }
    const char *word = nearest_best(&nearest);
    size_t path = config_path_push(b, key->text);
    if (word != NULL) {
        config_bind_error(b, key, "unknown_key", "unknown scheme; did you mean \"%s\"?", word);
    } else {
        config_bind_error(b, key, "unknown_key",
                          "unknown scheme; there are qstash, standard_webhooks, svix, github, "
                          "stripe, slack, shopify, gitlab, twilio, bearer and hmac");
    }
    config_path_pop(b, path);
    return NULL;
}

static void bind_verify_entry(struct config_binding *b, struct yaml_node *node,
                              struct config_verify *verify) {
    if (node->kind == YAML_TEXT && strcmp(node->text, "none") == 0) {
        node->shown = true;
        verify->scheme = "none";
        return;
    }
    if (node->kind != YAML_MAP || node->count != 1) {
        config_bind_error(b, node, "wrong_kind",
                          "expected one scheme with its parameters, such as bearer: ${TOKEN}, or "
                          "the word none");
        return;
    }
    node->shown = true;
    const struct config_table *scheme = find_scheme(b, node->child->key);
    if (scheme != NULL) {
        size_t path = config_path_push(b, scheme->what);
        bind_scheme(b, scheme, node->child, verify);
        config_path_pop(b, path);
    }
}

void config_bind_verify(struct config_binding *b, const struct config_field *field,
                        struct yaml_node *node, void *base) {
    struct config_verify **slot = (void *)((char *)base + field->offset);
    size_t *filled = (void *)((char *)base + field->count_offset);
    bool is_list = node->kind == YAML_LIST;
    size_t count = is_list ? node->count : yaml_tree_is_empty(node) ? 0 : 1;
    if (count < (size_t)field->min || count > (size_t)field->max) {
        config_bind_error(b, node, count == 0 ? "too_few" : "too_many",
                          count == 0 ? "no scheme; write `none` to take requests from anybody"
                                     : "more than 8 schemes");
        return;
    }
    struct config_verify *all = arena_zalloc(&b->priv->arena, count * sizeof(all[0]));
    *slot = all;
    if (all == NULL) {
        config_bind_no_memory(b, node);
        return;
    }
    size_t i = 0;
    for (struct yaml_node *v = is_list ? node->child : node; v != NULL;
         v = is_list ? v->next : NULL) {
        char part[24];
        (void)snprintf(part, sizeof(part), "[%zu]", i++);
        size_t path = is_list ? config_path_push(b, part) : b->path_len;
        struct config_verify *verify = &all[*filled];
        bind_verify_entry(b, v, verify);
        *filled += verify->scheme != NULL;
        config_path_pop(b, path);
    }
    config_bind_origin(b, slot, node, NULL, false);
}
