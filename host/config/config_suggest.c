#include "config/config_suggest.h"

#include <string.h>

#include "base/nearest.h"

struct homes {
    const char *key;
    char path[128]; /* of the section under way */
    size_t len;
    struct buf *found; /* the sections that have it */
    unsigned count;
};

static void look_for_home(struct homes *h, const struct config_table *table);

static void enter(struct homes *h, const struct config_field *field) {
    static const char *const suffixes[CONFIG_KIND_COUNT] = {
        [CONFIG_NAMED] = ".<name>", [CONFIG_LIST] = "[]"};
    size_t before = h->len;
    const char *suffix = suffixes[field->kind] == NULL ? "" : suffixes[field->kind];
    size_t need = strlen(field->key) + strlen(suffix) + 1;
    if (before + need >= sizeof(h->path)) {
        return;
    }
    for (const char *part[] = {before == 0 ? "" : ".", field->key, suffix, NULL}, **p = part;
         *p != NULL; p++) {
        size_t len = strlen(*p);
        memcpy(h->path + h->len, *p, len);
        h->len += len;
    }
    h->path[h->len] = '\0';
    look_for_home(h, field->table);
    h->len = before;
    h->path[before] = '\0';
}

static void look_for_home(struct homes *h, const struct config_table *table) {
    if (config_table_field(table, h->key) != NULL) {
        if (h->count++ < 3) {
            buf_str(h->found, h->count == 1 ? "" : " or ");
            buf_str(h->found, h->len == 0 ? "the top level" : h->path);
        }
        return; // one place in it is enough
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->fields[i].table != NULL) {
            enter(h, &table->fields[i]);
        }
    }
}

void config_suggest_key(const struct config_table *table, const char *key, struct buf *out) {
    struct nearest nearest = {.word = key};
    for (size_t i = 0; i < table->count; i++) {
        nearest_offer(&nearest, table->fields[i].key);
    }
    const char *word = nearest_best(&nearest);
    if (word != NULL) {
        buf_printf(out, "; did you mean \"%s\"?", word);
        return;
    }
    struct buf homes = {0};
    struct homes h = {.key = key, .found = &homes};
    look_for_home(&h, &config_root);
    if (h.count >= 1 && h.count <= 3 && !homes.failed) {
        buf_printf(out, "; it belongs to %s", homes.data);
    }
    buf_free(&homes);
}
