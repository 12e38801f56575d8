#include "config/config_subst.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/config_env.h"
#include "config/config_source.h"

struct work {
    const struct config_subst *s;
    struct config_substituted *ret;
    struct buf out;
    const char **ret_code;
    struct err *e;
};

#define FAIL(w, status, code, ...) (*(w)->ret_code = (code), err_set((w)->e, (status), __VA_ARGS__))

static bool is_name_start(char c) {
    return isalpha((unsigned char)c) || c == '_';
}

static size_t name_length(const char *at, size_t left) {
    size_t len = 0;
    while (len < left && (is_name_start(at[len]) || (len > 0 && isdigit((unsigned char)at[len])))) {
        len++;
    }
    return len;
}

static int add(struct work *w, const char *text, size_t len) {
    if (w->out.len + len > CONFIG_VALUE_MAX) {
        return FAIL(w, -EFBIG, "too_long", "longer than 256 KiB after substitution");
    }
    buf_add(&w->out, text, len);
    return w->out.failed ? FAIL(w, -ENOMEM, "no_memory", "out of memory") : 0;
}

// ---- files

int config_subst_file(const struct config_subst *s, const char *path, const char *variable,
                      struct config_substituted *ret, const char **ret_code, struct err *e) {
    if (s->no_files) {
        *ret_code = "secret_file";
        return err_set(e, -EPERM, "files are not read here");
    }
    const char *full = *path == '\0' ? NULL : config_path_join(s->arena, s->dir, path);
    if (full == NULL) {
        *ret_code = "secret_file";
        return err_set(e, -EINVAL, "expected the path of a file after file:");
    }
    const char *text = NULL;
    size_t len = 0;
    char named[96];
    (void)snprintf(named, sizeof(named), "the file named by %.64s",
                   variable == NULL ? "" : variable);
    const char *shown = variable == NULL ? full : named;
    int r = config_secret_read(s->vault, full, shown, s->loose, &text, &len, e);
    if (r < 0) {
        *ret_code = "secret_file";
        return r;
    }
    ret->text = text;
    ret->len = len;
    ret->replaced = true;
    ret->from_file = true;
    return 0;
}

static int add_file(struct work *w, const char *path) {
    struct config_substituted content = {0};
    int r = config_subst_file(w->s, path, NULL, &content, w->ret_code, w->e);
    if (r < 0) {
        return r;
    }
    w->ret->from_file = true;
    return add(w, content.text, content.len);
}

// systemd's LoadCredential= puts its files there
static int add_credential(struct work *w, const char *name) {
    static const char variable[] = "CREDENTIALS_DIRECTORY";
    if (*name == '\0' || strchr(name, '/') != NULL || strcmp(name, "..") == 0) {
        return FAIL(w, -EINVAL, "bad_substitution", "expected a credential's name after cred:");
    }
    const char *dir = config_env_get(w->s->env, variable, sizeof(variable) - 1);
    if (dir == NULL || *dir == '\0') {
        return FAIL(w, -ENOENT, "unset_variable",
                    "credential %.64s: CREDENTIALS_DIRECTORY is not set", name);
    }
    const char *path = config_path_join(w->s->arena, dir, name);
    return path == NULL ? FAIL(w, -ENOMEM, "no_memory", "out of memory") : add_file(w, path);
}

// ---- variables

static int note_used(struct work *w, const char *name) {
    struct config_substituted *ret = w->ret;
    for (size_t i = 0; i < ret->variable_count; i++) {
        if (strcmp(ret->variables[i], name) == 0) {
            return 0;
        }
    }
    if (ret->variable_count == CONFIG_VARIABLES_MAX) {
        return FAIL(w, -E2BIG, "bad_substitution", "more than %d variables in one value",
                    CONFIG_VARIABLES_MAX);
    }
    ret->variables[ret->variable_count++] = name;
    return 0;
}

// `rest` is "", ":-default" or ":?message"
static int add_variable(struct work *w, const char *name, const char *rest, size_t rest_len) {
    const char *value = config_env_get(w->s->env, name, strlen(name));
    bool empty = value == NULL || *value == '\0';
    char mark = rest_len == 0 ? '\0' : rest[1];
    if (mark == '-' && empty) {
        w->ret->missing = w->ret->missing == NULL ? name : w->ret->missing;
        return add(w, rest + 2, rest_len - 2);
    }
    if (mark == '?' && empty) {
        return FAIL(w, -ENOENT, "unset_variable", "%.64s: %.*s", name, (int)(rest_len - 2),
                    rest + 2);
    }
    if (value == NULL) {
        return FAIL(w, -ENOENT, "unset_variable", "%.64s is not set", name);
    }
    int r = note_used(w, name);
    return r < 0 ? r : add(w, value, strlen(value));
}

// `at` points behind "${", `len` is the length up to the brace.
static int replace(struct work *w, const char *at, size_t len) {
    if ((len > 5 && memcmp(at, "file:", 5) == 0) || (len > 5 && memcmp(at, "cred:", 5) == 0)) {
        const char *name = arena_strn(w->s->arena, at + 5, len - 5);
        if (name == NULL) {
            return FAIL(w, -ENOMEM, "no_memory", "out of memory");
        }
        return at[0] == 'f' ? add_file(w, name) : add_credential(w, name);
    }
    size_t name = name_length(at, len);
    const char *rest = at + name;
    size_t rest_len = len - name;
    bool plain = rest_len == 0;
    bool marked = rest_len >= 2 && rest[0] == ':' && (rest[1] == '-' || rest[1] == '?');
    if (name == 0 || (!plain && !marked)) {
        return FAIL(w, -EINVAL, "bad_substitution",
                    "expected ${VAR}, ${VAR:-default}, ${VAR:?message}, ${file:PATH} or "
                    "${cred:NAME}; write $$ for a dollar sign");
    }
    const char *copy = arena_strn(w->s->arena, at, name);
    return copy == NULL ? FAIL(w, -ENOMEM, "no_memory", "out of memory")
                        : add_variable(w, copy, rest, rest_len);
}

static int replace_at(struct work *w, const char *text, size_t len, size_t *at) {
    size_t start = *at + 2;
    const char *brace = memchr(text + start, '}', len - start);
    if (brace == NULL) {
        return FAIL(w, -EINVAL, "bad_substitution",
                    "${ without a closing brace; write $$ for a dollar sign");
    }
    size_t inside = (size_t)(brace - text) - start;
    for (size_t i = start; i + 1 < start + inside; i++) {
        if (text[i] == '$' && text[i + 1] == '{') {
            return FAIL(w, -EINVAL, "bad_substitution", "${...} inside ${...} is not supported");
        }
    }
    *at = start + inside + 1;
    return replace(w, text + start, inside);
}

static int replace_all(struct work *w, const char *text, size_t len) {
    int r = 0;
    for (size_t at = 0; at < len && r == 0;) {
        if (text[at] == '$' && at + 1 < len && text[at + 1] == '$') {
            r = add(w, "$", 1);
            at += 2;
        } else if (text[at] == '$' && at + 1 < len && text[at + 1] == '{') {
            r = replace_at(w, text, len, &at);
        } else {
            const char *dollar = memchr(text + at + 1, '$', len - at - 1);
            size_t run = dollar == NULL ? len - at : (size_t)(dollar - text) - at;
            r = add(w, text + at, run);
            at += run;
        }
    }
    return r;
}

int config_subst(const struct config_subst *s, const char *text, size_t len,
                 struct config_substituted *ret, const char **ret_code, struct err *e) {
    *ret = (struct config_substituted){.text = text, .len = len};
    bool any = false;
    for (size_t i = 0; i + 1 < len && !any; i++) {
        any = text[i] == '$' && (text[i + 1] == '$' || text[i + 1] == '{');
    }
    if (!any) {
        return 0;
    }
    struct work w = {.s = s, .ret = ret, .ret_code = ret_code, .e = e};
    (void)buf_room(&w.out, len + 8192); // a buffer that moves leaves an unwiped copy behind
    int r = replace_all(&w, text, len);
    if (r == 0) {
        ret->replaced = true;
        ret->len = w.out.len;
        // what came from outside may be a secret, whatever the key
        ret->text = config_vault_strn(s->vault, w.out.data == NULL ? "" : w.out.data, w.out.len);
        if (ret->text == NULL) {
            r = FAIL(&w, -ENOMEM, "too_long", "the substituted values take more than 16 MiB");
        }
    }
    config_secret_buf_free(&w.out);
    return r;
}
