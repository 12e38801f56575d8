// plugins.<name>.config against the option table that the plugin itself brings.

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/nearest.h"
#include "config/config_forms.h"
#include "config/config_report.h"
#include "config/config_secret.h"
#include "config/config_source.h"
#include "config/config_value.h"
#include "jobhost_plugin.h"

struct binding {
    const struct config_plugin *plugin;
    const struct config_option_spec *specs;
    size_t spec_count;
    struct arena *arena;
    struct config_option_value *values;
    size_t count;
    struct buf *out;
    int errors;
};

__attribute__((format(printf, 4, 5))) static void complain(struct binding *b,
                                                           const struct config_option *option,
                                                           const char *name, const char *fmt, ...) {
    va_list ap;
    int line = option == NULL ? b->plugin->entry.line : option->line;
    int column = option == NULL ? b->plugin->entry.column : option->column;
    const char *file = b->plugin->entry.file == NULL ? "" : b->plugin->entry.file;
    buf_printf(b->out, "%s:%d:%d: plugins.%s.config.%s: ", file, line, column,
               b->plugin->entry.name, name);
    va_start(ap, fmt);
    buf_vprintf(b->out, fmt, ap);
    va_end(ap);
    buf_char(b->out, '\n');
    b->errors++;
}

// ---- one value by the type of its spec

static const struct config_field *field_of(int32_t type) {
    static const struct config_field fields[] = {
        [JH_OPT_STRING] = {.key = "", .kind = CONFIG_STRING},
        [JH_OPT_INT] = {"", CONFIG_INT, .min = INT64_MIN, .max = INT64_MAX},
        [JH_OPT_BOOL] = {.key = "", .kind = CONFIG_BOOL},
        [JH_OPT_DURATION] = {"", CONFIG_DURATION, .max = INT64_MAX},
        [JH_OPT_SIZE] = {"", CONFIG_SIZE, .max = INT64_MAX},
        [JH_OPT_URL] = {"", CONFIG_STRING, .form = &form_http_url},
    };
    bool known = type >= JH_OPT_STRING && type <= JH_OPT_URL;
    return &fields[known ? type : JH_OPT_STRING]; // a type of a later ABI is text for us
}

// Durations become milliseconds, sizes bytes; the rest stays as it is written.
static const char *normalise(struct binding *b, const struct config_field *field, const char *text,
                             bool secret, struct err *e) {
    struct config_word word = {
        .text = text, .secret = secret, .dir = b->plugin->dir, .arena = b->arena};
    union {
        bool flag;
        int64_t number;
        const char *text;
    } slot = {0};
    if (config_value_read(field, &word, &slot, e) != NULL) {
        return NULL;
    }
    const char *result;
    if (field->kind == CONFIG_DURATION || field->kind == CONFIG_SIZE) {
        result = arena_printf(b->arena, "%" PRId64, slot.number);
    } else {
        result = arena_str(b->arena, text);
    }
    if (result == NULL) {
        (void)err_set(e, -ENOMEM, "out of memory");
    }
    return result;
}

static void set_value(struct binding *b, const struct config_option_spec *spec,
                      const struct config_option *option, const char *text) {
    struct err e = {0};
    bool secret = (spec->flags & JH_OPT_SECRET) != 0 || (option != NULL && option->secret_source);
    const char *value = normalise(b, field_of(spec->type), text, secret, &e);
    if (value == NULL) {
        complain(b, option, spec->name, "%s", e.msg);
        return;
    }
    b->values[b->count++] = (struct config_option_value){spec->name, value};
}

// ---- finding

static const struct config_option *find_option(const struct binding *b, const char *name) {
    for (size_t i = 0; i < b->plugin->option_count; i++) {
        if (strcmp(b->plugin->options[i].name, name) == 0) {
            return &b->plugin->options[i];
        }
    }
    return NULL;
}

static const struct config_option_spec *find_spec(const struct binding *b, const char *name) {
    for (size_t i = 0; i < b->spec_count; i++) {
        if (strcmp(b->specs[i].name, name) == 0) {
            return &b->specs[i];
        }
    }
    return NULL;
}

static bool has_suffix_file(const char *name, const char *base) {
    size_t len = strlen(base);
    return strncmp(name, base, len) == 0 && strcmp(name + len, "_file") == 0;
}

// NAME_file for a secret NAME, unless the plugin has an option of that very name.
static const struct config_option *find_twin(const struct binding *b,
                                             const struct config_option_spec *spec) {
    if ((spec->flags & JH_OPT_SECRET) == 0) {
        return NULL;
    }
    for (size_t i = 0; i < b->plugin->option_count; i++) {
        const struct config_option *option = &b->plugin->options[i];
        if (has_suffix_file(option->name, spec->name) && find_spec(b, option->name) == NULL) {
            return option;
        }
    }
    return NULL;
}

static void set_from_file(struct binding *b, const struct config_option_spec *spec,
                          const struct config_option *twin) {
    struct config_vault vault = {0};
    const char *dir = b->plugin->dir == NULL ? "." : b->plugin->dir;
    const char *path = config_path_join(b->arena, dir, twin->value);
    const char *text = NULL;
    size_t len = 0;
    struct err e = {0};
    int r = path == NULL
                ? err_set(&e, -ENOMEM, "out of memory")
                : config_secret_read(&vault, path, path, b->plugin->loose_files, &text, &len, &e);
    if (r < 0) {
        complain(b, twin, twin->name, "%s", e.msg);
    } else {
        set_value(b, spec, twin, text);
    }
    config_vault_free(&vault);
}

static void bind_spec(struct binding *b, const struct config_option_spec *spec) {
    const struct config_option *option = find_option(b, spec->name), *twin = find_twin(b, spec);
    if (option != NULL && twin != NULL) {
        complain(b, twin, twin->name, "%s and %s are both given; keep one", spec->name, twin->name);
    } else if (twin != NULL) {
        set_from_file(b, spec, twin);
    } else if (option != NULL) {
        set_value(b, spec, option, option->value);
    } else if (spec->fallback != NULL) {
        set_value(b, spec, NULL, spec->fallback);
    } else if ((spec->flags & JH_OPT_REQUIRED) != 0) {
        complain(b, NULL, spec->name, "is missing");
    }
}

static bool is_known(const struct binding *b, const char *name) {
    for (size_t i = 0; i < b->spec_count; i++) {
        bool secret = (b->specs[i].flags & JH_OPT_SECRET) != 0;
        if (strcmp(b->specs[i].name, name) == 0 ||
            (secret && has_suffix_file(name, b->specs[i].name))) {
            return true;
        }
    }
    return false;
}

static void report_unknown(struct binding *b) {
    for (size_t i = 0; i < b->plugin->option_count; i++) {
        const struct config_option *option = &b->plugin->options[i];
        struct nearest nearest = {.word = option->name};
        if (is_known(b, option->name)) {
            continue;
        }
        for (size_t j = 0; j < b->spec_count; j++) {
            nearest_offer(&nearest, b->specs[j].name);
        }
        const char *word = nearest_best(&nearest);
        if (word != NULL) {
            complain(b, option, option->name, "unknown option; did you mean \"%s\"?", word);
        } else {
            complain(b, option, option->name, "the plugin has no such option");
        }
    }
}

int config_bind_options(const struct config_plugin *plugin, const struct config_option_spec *specs,
                        size_t spec_count, struct arena *arena,
                        struct config_option_value **ret_values, size_t *ret_count,
                        struct buf *out) {
    struct binding b = {
        .plugin = plugin, .specs = specs, .spec_count = spec_count, .arena = arena, .out = out};
    b.values = arena_zalloc(arena, (spec_count + 1) * sizeof(b.values[0]));
    if (b.values == NULL) {
        complain(&b, NULL, "", "out of memory");
        return b.errors;
    }
    for (size_t i = 0; i < spec_count; i++) {
        bind_spec(&b, &specs[i]);
    }
    report_unknown(&b);
    *ret_values = b.values;
    *ret_count = b.count;
    return b.errors;
}
