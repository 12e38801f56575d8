// One scalar of the file: what it holds once ${...} is replaced, where a secret's text may stand,
// and where it came from.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/config_bind.h"

// ---- origins

static void add_origin(struct config_binding *b, const struct yaml_node *node,
                       struct config_origin origin) {
    origin.file = config_bind_checked(b, arena_str(&b->priv->arena, node->at.file));
    origin.line = node->at.line;
    origin.column = node->at.column;
    if (config_origin_add(b->priv, &origin) < 0) {
        config_bind_no_memory(b, node);
    }
}

void config_bind_origin(struct config_binding *b, const void *slot, const struct yaml_node *node,
                        const struct config_scalar *scalar, bool hidden) {
    bool used = scalar != NULL && scalar->text.variable_count > 0;
    add_origin(b, node,
               (struct config_origin){
                   .slot = slot,
                   .variable = used ? scalar->text.variables[0] : NULL,
                   .hidden = hidden || (scalar != NULL && scalar->text.from_file),
               });
}

void config_bind_consumed(struct config_binding *b, const struct config_scalar *scalar) {
    for (size_t i = 0; i < scalar->text.variable_count; i++) {
        if (config_variable_add(b->priv, scalar->text.variables[i]) < 0) {
            config_bind_no_memory(b, NULL);
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
        entry->off_why = config_bind_checked(b, arena_str(&b->priv->arena, why));
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
        const char *variable = ret->text.variable_count > 0 ? ret->text.variables[0] : NULL;
        r = config_subst_file(&s, ret->text.text, variable, &ret->text, ret_code, e);
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
        !is_secret(field) && (field->flags & FIELD_PASSWORD) == 0 && !has_password(node->text);
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
        config_bind_no_memory(b, node);
        return false;
    }
    ret->word.arena = &b->priv->arena;
    ret->word.quoted = node->quoted && !ret->text.replaced;
    ret->word.secret = !node->shown || ret->text.from_file;
    ret->word.variable = ret->text.variable_count > 0 ? ret->text.variables[0] : NULL;
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

void config_bind_one(struct config_binding *b, const struct config_field *field,
                     struct yaml_node *node, void *base) {
    void *slot = (char *)base + field->offset;
    struct config_scalar scalar;
    size_t errors = b->report->errors;
    if (!config_bind_word(b, field, node, slot, &scalar)) {
        if (b->report->errors > errors) {
            add_origin(b, node, (struct config_origin){.slot = slot, .unread = true});
        }
        return;
    }
    if (scalar.unset) {
        return;
    }
    config_bind_origin(b, slot, node, &scalar, is_secret(field));
    if (is_secret(field) || (field->flags & FIELD_PASSWORD) != 0) {
        config_bind_consumed(b, &scalar);
    }
}

// `admin_token_file: PATH` beside `admin_token`
void config_bind_twin(struct config_binding *b, const struct config_field *field,
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
    int r = config_subst_file(&s, text, path.word.variable, &content, &code, &e);
    if (r < 0) {
        config_bind_unresolved(b, node, r, code, e.msg);
        return;
    }
    struct config_word word = {
        .text = content.text, .secret = true, .dir = path.word.dir, .arena = &b->priv->arena};
    void *slot = (char *)base + field->offset;
    code = config_value_read(field, &word, slot, &e);
    if (code != NULL) {
        config_bind_error(b, node, code, "%s", e.msg);
        return;
    }
    config_bind_origin(b, slot, node, &path, true);
}
