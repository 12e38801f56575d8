#include "cli/plugin_yaml.h"

#include <ctype.h>

#include "base/bytes.h"
#include "base/json.h"
#include "config/config.h"
#include "jobhost_plugin.h"

static const char *const type_words[] = {
    [JH_OPT_STRING] = "text",           [JH_OPT_INT] = "a number",
    [JH_OPT_BOOL] = "true or false",    [JH_OPT_DURATION] = "a duration, as 30s",
    [JH_OPT_SIZE] = "a size, as 10MiB", [JH_OPT_URL] = "a URL",
};

static bool is_required(const struct config_option_spec *o) {
    return (o->flags & JH_OPT_REQUIRED) != 0 && o->fallback == NULL;
}

/* A secret stands in the environment: THUMBS_API_KEY. */
static void add_variable(const char *plugin, const char *option, struct buf *out) {
    const char *const parts[] = {plugin, "_", option};
    buf_str(out, "\"${");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        for (const char *c = parts[i]; *c != '\0'; c++) {
            buf_char(out, isalnum((unsigned char)*c) != 0 ? (char)toupper((unsigned char)*c) : '_');
        }
    }
    buf_str(out, "}\"");
}

static void add_option(const char *plugin, const struct config_option_spec *o, struct buf *out) {
    bool known = o->type > 0 && (size_t)o->type < ARRAY_LEN(type_words);
    buf_printf(out, "      %s: ", o->name);
    if ((o->flags & JH_OPT_SECRET) != 0) {
        add_variable(plugin, o->name, out);
    } else {
        buf_str(out, "\"\"");
    }
    buf_printf(out, "  # %s%s%s\n", known ? type_words[o->type] : "text",
               o->help == NULL ? "" : ": ", o->help == NULL ? "" : o->help);
}

void plugin_yaml(const char *name, const char *file, const struct pool_manifest *manifest,
                 struct buf *out) {
    unsigned required = 0;
    buf_printf(out, "plugins:\n  %s:", name);
    if (file != NULL) {
        buf_str(out, "\n    file: ");
        json_str(out, file);
    }
    for (size_t i = 0; i < manifest->option_count; i++) {
        if (is_required(&manifest->options[i])) {
            buf_str(out, required++ == 0 ? "\n    config:\n" : "");
            add_option(name, &manifest->options[i], out);
        }
    }
    if (required == 0) {
        buf_str(out, file == NULL ? " {}\n" : "\n");
    }
}
