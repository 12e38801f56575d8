// The tables as JSON Schema 2020-12, for editors. What a schema cannot say is listed in
// docs/config-format.md.

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config/config.h"
#include "config/config_forms.h"
#include "config/config_tables.h"
#include "config/config_value.h"

static void table_schema(struct buf *out, const struct config_table *table, const char *doc);
static void field_schema(struct buf *out, const struct config_field *field);

static void ref(struct buf *out, const char *name) {
    buf_printf(out, "{\"$ref\":\"#/$defs/%s\"}", name);
}

static void begin_any_of(struct buf *out) {
    json_key(out, "anyOf");
    buf_char(out, '[');
}

// ---- one word

static void bounds(struct buf *out, const struct config_field *field, const char *low,
                   const char *high) {
    if (field->min != 0) {
        json_kint(out, low, field->min);
    }
    if (field->max != 0) {
        json_kint(out, high, field->max);
    }
}

static void number_schema(struct buf *out, const struct config_field *field) {
    buf_char(out, '{');
    json_kstr(out, "type", field->kind == CONFIG_NUMBER ? "number" : "integer");
    json_kint(out, "minimum", field->min);
    json_kint(out, "maximum", field->max);
    buf_char(out, '}');
}

static void text_schema(struct buf *out, const struct config_field *field) {
    buf_char(out, '{');
    json_kstr(out, "type", "string");
    if (field->kind == CONFIG_STRINGS || field->kind == CONFIG_LABELS ||
        field->kind == CONFIG_SECRET || field->kind == CONFIG_SECRETS ||
        field->kind == CONFIG_PATH) {
        json_kint(out, "minLength", 1);
    } else {
        bounds(out, field, "minLength", "maxLength");
    }
    if (field->form != NULL) {
        json_kstr(out, "pattern", field->form->pattern);
    }
    buf_char(out, '}');
}

static void words_schema(struct buf *out, const struct config_field *field) {
    buf_str(out, "{\"enum\":[");
    for (size_t i = 0; field->words[i] != NULL; i++) {
        json_comma(out);
        json_str(out, field->words[i]);
        if (strcmp(field->words[i], "true") == 0 || strcmp(field->words[i], "false") == 0) {
            buf_printf(out, ",%s", field->words[i]); // YAML reads the bare word as a boolean
        }
    }
    buf_str(out, "]}");
}

static void percent_schema(struct buf *out) {
    buf_str(out, "{\"type\":\"string\",\"pattern\":\"^(100|[0-9]{1,2}(\\\\.[0-9]+)?)%$\"}");
}

// The alternatives of one word; most may also be written with ${...}.
static void word_alternatives(struct buf *out, const struct config_field *field) {
    switch (field->kind) {
    case CONFIG_BOOL: buf_str(out, "{\"type\":\"boolean\"}"); break;
    case CONFIG_DURATION: ref(out, "duration"); break;
    case CONFIG_SIZE: ref(out, "size"); break;
    case CONFIG_RATE:
        number_schema(out, field);
        buf_char(out, ',');
        ref(out, "rate");
        break;
    case CONFIG_INT:
    case CONFIG_INT32: number_schema(out, field); break;
    case CONFIG_NUMBER:
        number_schema(out, field);
        if (field->max == 1) {
            buf_char(out, ',');
            percent_schema(out);
        }
        break;
    case CONFIG_WORD:
    case CONFIG_CHOICE: words_schema(out, field); break;
    default:
        if (field->words != NULL) {
            words_schema(out, field);
        } else {
            text_schema(out, field);
        }
        if (field->form == &form_port) { // as people write them
            buf_str(out, ",{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}");
        }
        break;
    }
}

static void word_schema(struct buf *out, const struct config_field *field) {
    begin_any_of(out);
    word_alternatives(out, field);
    buf_char(out, ',');
    ref(out, "substituted");
    buf_char(out, ']');
}

// ---- lists and mappings

static void list_bounds(struct buf *out, const struct config_field *field) {
    json_kstr(out, "type", "array");
    bounds(out, field, "minItems", "maxItems");
}

static void strings_schema(struct buf *out, const struct config_field *field) {
    bool one = (field->flags & FIELD_ONE) != 0;
    if (one) {
        begin_any_of(out);
        word_alternatives(out, field);
        buf_char(out, ',');
        ref(out, "substituted");
        buf_str(out, ",{");
    }
    list_bounds(out, field);
    json_key(out, "items");
    buf_char(out, '{');
    word_schema(out, field);
    buf_char(out, '}');
    if (one) {
        buf_str(out, "}]");
    }
}

static void named_schema(struct buf *out, const struct config_field *field) {
    buf_str(out, "\"type\":[\"object\",\"null\"]");
    json_kint(out, "maxProperties", field->max);
    json_key(out, "propertyNames");
    if (field->words != NULL) {
        words_schema(out, field);
    } else {
        buf_char(out, '{');
        json_kstr(out, "pattern", field->form->pattern);
        buf_char(out, '}');
    }
    json_key(out, "additionalProperties");
    table_schema(out, field->table, NULL);
}

static void list_schema(struct buf *out, const struct config_field *field) {
    bool one = (field->flags & FIELD_ONE) != 0;
    begin_any_of(out);
    if (one) {
        table_schema(out, field->table, NULL);
        buf_char(out, ',');
    }
    buf_char(out, '{');
    list_bounds(out, field);
    json_key(out, "items");
    table_schema(out, field->table, NULL);
    buf_str(out, "},{\"type\":\"null\"}]");
}

static void options_schema(struct buf *out) {
    buf_str(out, "\"type\":[\"object\",\"null\"],\"maxProperties\":256,"
                 "\"propertyNames\":{\"pattern\":\"^[A-Za-z_.-][A-Za-z0-9_.-]{0,63}$\"},"
                 "\"additionalProperties\":{\"type\":[\"string\",\"number\",\"boolean\"]}");
}

static void scheme_schema(struct buf *out, const struct config_table *scheme) {
    buf_char(out, '{');
    json_kstr(out, "type", "object");
    json_key(out, "required");
    buf_char(out, '[');
    json_str(out, scheme->what);
    buf_char(out, ']');
    json_kbool(out, "additionalProperties", false);
    json_key(out, "properties");
    buf_char(out, '{');
    json_key(out, scheme->what);
    table_schema(out, scheme, scheme->doc);
    buf_str(out, "}}");
}

static void verify_schema(struct buf *out, const struct config_field *field) {
    begin_any_of(out);
    ref(out, "scheme");
    buf_str(out, ",{");
    list_bounds(out, field);
    json_key(out, "items");
    ref(out, "scheme");
    buf_str(out, "}]");
}

// ---- fields and tables

static void add_default(struct buf *out, const struct config_field *field) {
    if (field->fallback == NULL || field->kind == CONFIG_LIST) {
        return;
    }
    json_key(out, "default");
    bool boolean = strcmp(field->fallback, "true") == 0 || strcmp(field->fallback, "false") == 0;
    if (config_value_is_bare(field) || field->kind == CONFIG_JSON || boolean) {
        buf_str(out, field->fallback);
    } else {
        json_str(out, field->fallback);
    }
}

static void field_schema(struct buf *out, const struct config_field *field) {
    if (field->kind == CONFIG_SECTION) {
        table_schema(out, field->table, field->doc);
        return;
    }
    buf_char(out, '{');
    json_kstr(out, "description", field->doc);
    add_default(out, field);
    switch (field->kind) {
    case CONFIG_JSON: break; // anything
    case CONFIG_INCLUDE:
    case CONFIG_STRINGS:
    case CONFIG_LABELS:
    case CONFIG_SECRETS: strings_schema(out, field); break;
    case CONFIG_NAMED:
        json_comma(out);
        named_schema(out, field);
        break;
    case CONFIG_LIST: list_schema(out, field); break;
    case CONFIG_OPTIONS:
        json_comma(out);
        options_schema(out);
        break;
    case CONFIG_VERIFY: verify_schema(out, field); break;
    case CONFIG_RENAMED: json_kbool(out, "deprecated", true); break;
    default: word_schema(out, field); break;
    }
    buf_char(out, '}');
}

static bool has_twin(const struct config_field *field) {
    return field->kind == CONFIG_SECRET || field->kind == CONFIG_SECRETS ||
           (field->flags & FIELD_PASSWORD) != 0;
}

static void properties(struct buf *out, const struct config_table *table) {
    json_key(out, "properties");
    buf_char(out, '{');
    for (size_t i = 0; i < table->count; i++) {
        const struct config_field *field = &table->fields[i];
        json_key(out, field->key);
        field_schema(out, field);
        if (has_twin(field)) {
            buf_printf(out,
                       ",\"%s_file\":{\"type\":\"string\",\"minLength\":1,"
                       "\"description\":\"A file that holds %s.\"}",
                       field->key, field->key);
        }
    }
    buf_char(out, '}');
}

static bool is_required(const struct config_field *field) {
    return (field->flags & FIELD_REQUIRED) != 0;
}

static bool requires_some(const struct config_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        if (is_required(&table->fields[i])) {
            return true;
        }
    }
    return false;
}

static void required(struct buf *out, const struct config_table *table) {
    json_key(out, "required");
    buf_char(out, '[');
    for (size_t i = 0; i < table->count; i++) {
        if (is_required(&table->fields[i]) && !has_twin(&table->fields[i])) {
            json_comma(out);
            json_str(out, table->fields[i].key);
        }
    }
    buf_char(out, ']');
}

// A key and its *_file twin: one of the two; exactly one when it is required.
static void twins(struct buf *out, const struct config_table *table) {
    bool any = false;
    for (size_t i = 0; i < table->count; i++) {
        const struct config_field *f = &table->fields[i];
        if (!has_twin(f)) {
            continue;
        }
        if (!any) {
            json_key(out, "allOf");
            buf_char(out, '[');
            any = true;
        }
        json_comma(out);
        buf_printf(out,
                   is_required(f)
                       ? "{\"oneOf\":[{\"required\":[\"%s\"]},{\"required\":[\"%s_file\"]}]}"
                       : "{\"not\":{\"type\":\"object\",\"required\":[\"%s\",\"%s_file\"]}}",
                   f->key, f->key);
    }
    if (any) {
        buf_char(out, ']');
    }
}

static const struct config_field *short_field(const struct config_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        if ((table->fields[i].flags & FIELD_SHORT) != 0) {
            return &table->fields[i];
        }
    }
    return NULL;
}

static void table_schema(struct buf *out, const struct config_table *table, const char *doc) {
    const struct config_field *shortcut = short_field(table);
    buf_char(out, '{');
    json_kstr(out, "description", doc != NULL ? doc : table->doc);
    if (shortcut != NULL) {
        begin_any_of(out);
        field_schema(out, shortcut);
        buf_str(out, ",{");
    }
    json_key(out, "type");
    buf_str(out, requires_some(table) ? "\"object\"" : "[\"object\",\"null\"]");
    json_kbool(out, "additionalProperties", false);
    if (requires_some(table)) {
        required(out, table);
    }
    twins(out, table);
    properties(out, table);
    buf_str(out, shortcut != NULL ? "}]}" : "}");
}

// ---- the whole

static void definitions(struct buf *out) {
    json_key(out, "$defs");
    buf_str(out,
            "{\"substituted\":{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{[^}]+\\\\}\","
            "\"description\":\"Text with ${VAR}, ${VAR:-default}, ${VAR:?message}, ${file:PATH} or "
            "${cred:NAME}.\"},"
            "\"duration\":{\"type\":\"string\",\"pattern\":"
            "\"^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$\","
            "\"description\":\"A duration such as 30s or 1h30m.\"},"
            "\"size\":{\"type\":\"string\",\"pattern\":\"^[0-9]+(B|[kK]B|[MGT]B|[KMGT]iB)$\","
            "\"description\":\"A size such as 10MiB.\"},"
            "\"rate\":{\"type\":\"string\",\"pattern\":\"^[0-9]+/[0-9]*(d|h|m|s|ms)$\","
            "\"description\":\"A rate such as 10/s.\"},"
            "\"scheme\":{\"anyOf\":[{\"const\":\"none\"}");
    for (size_t i = 0; i < config_scheme_count; i++) {
        buf_char(out, ',');
        scheme_schema(out, &config_schemes[i]);
    }
    buf_str(out, "]}}");
}

static void write_schema(struct buf *out) {
    buf_char(out, '{');
    json_kstr(out, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_kstr(out, "$id", "jobhost.schema.json");
    json_kstr(out, "title", "jobhost configuration");
    json_kstr(out, "type", "object");
    json_kbool(out, "additionalProperties", false);
    properties(out, &config_root);
    definitions(out);
    buf_char(out, '}');
}

void config_schema_json(struct buf *out) {
    struct buf compact = {0};
    write_schema(&compact);
    cJSON *tree = compact.failed ? NULL : cJSON_ParseWithLength(compact.data, compact.len);
    char *pretty = tree == NULL ? NULL : cJSON_Print(tree);
    if (pretty == NULL) {
        out->failed = true;
    } else {
        buf_str(out, pretty);
        buf_char(out, '\n');
    }
    cJSON_free(pretty);
    cJSON_Delete(tree);
    buf_free(&compact);
}
