// What a reload does about what has changed between the running config and the new one: rows with FIELD_RESTART stay as
// they are; of a plugin, rows without FIELD_LIVE ask for new processes.

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/config_secret.h"
#include "config/config_tables.h"
#include "config/config_value.h"

struct comparison {
    struct buf *out;
    size_t found;
};

static void compare_tables(struct comparison *c, const struct config_table *table,
                           const char *prefix, const void *before, const void *after);

static void report(struct comparison *c, const char *path) {
    buf_printf(c->out, "%s\n", path);
    c->found++;
}

static size_t count_of(const struct config_field *field, const void *base) {
    return *(const size_t *)(const void *)((const char *)base + field->count_offset);
}

static const char *items_of(const struct config_field *field, const void *base) {
    return *(const char *const *)(const void *)((const char *)base + field->offset);
}

static const char *name_of(const char *item) {
    return ((const struct config_entry *)(const void *)item)->name;
}

// The entry of this name, looked for first where it most likely is.
static const char *find_entry(const struct config_field *field, const void *base, const char *name,
                              size_t likely) {
    const char *items = items_of(field, base);
    size_t count = count_of(field, base), size = field->table->size;
    for (size_t i = 0; i < count; i++) {
        const char *item = items + (likely + i) % count * size;
        if (strcmp(name_of(item), name) == 0) {
            return item;
        }
    }
    return NULL;
}

// Entries that came or went change nothing that runs.
static void compare_named(struct comparison *c, const struct config_field *field,
                          const void *before, const void *after) {
    const char *items = items_of(field, after);
    for (size_t i = 0; i < count_of(field, after); i++) {
        const char *item = items + i * field->table->size;
        const char *other = find_entry(field, before, name_of(item), i);
        char path[192];
        (void)snprintf(path, sizeof(path), "%s.%s.", field->key, name_of(item));
        if (other != NULL) {
            compare_tables(c, field->table, path, other, item);
        }
    }
}

static bool same_word(const struct config_field *field, const void *before, const void *after) {
    struct buf a = {0}, b = {0};
    config_value_write(field, before, &a);
    config_value_write(field, after, &b);
    bool same = config_value_is_set(field, before) == config_value_is_set(field, after) &&
                bytes_equal(buf_bytes(&a), buf_bytes(&b));
    config_secret_buf_free(&a);
    config_secret_buf_free(&b);
    return same;
}

// The only list whose change needs a restart is host.listen.
static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_listen(const struct config_host *before, const struct config_host *after) {
    bool same = before->listen_count == after->listen_count;
    for (size_t i = 0; same && i < before->listen_count; i++) {
        const struct config_listen *a = &before->listen[i], *b = &after->listen[i];
        same = same_text(a->address, b->address) && same_text(a->tls_cert, b->tls_cert) &&
               same_text(a->tls_key, b->tls_key) && same_text(a->tls_client_ca, b->tls_client_ca);
    }
    return same;
}

static void compare_field(struct comparison *c, const struct config_field *field,
                          const char *prefix, const void *before, const void *after) {
    char path[256];
    (void)snprintf(path, sizeof(path), "%s%s", prefix, field->key);
    const void *a = (const char *)before + field->offset, *b = (const char *)after + field->offset;
    if (field->kind == CONFIG_SECTION) {
        char deeper[260];
        (void)snprintf(deeper, sizeof(deeper), "%s.", path);
        compare_tables(c, field->table, deeper, a, b);
    } else if (field->kind == CONFIG_NAMED) {
        compare_named(c, field, before, after);
    } else if ((field->flags & FIELD_RESTART) == 0) {
        return;
    } else if (field->kind == CONFIG_LIST ? !same_listen(before, after) : !same_word(field, a, b)) {
        report(c, path);
    }
}

static void compare_tables(struct comparison *c, const struct config_table *table,
                           const char *prefix, const void *before, const void *after) {
    for (size_t i = 0; i < table->count; i++) {
        compare_field(c, &table->fields[i], prefix, before, after);
    }
}

size_t config_needs_restart(const struct config *running, const struct config *loaded,
                            struct buf *out) {
    struct comparison c = {.out = out};
    compare_tables(&c, &config_root, "", running, loaded);
    return c.found;
}

/* ------------------------------------------------------------------ values that stay */

// Of a row with FIELD_RESTART: a number, a flag, or a pointer.
static size_t slot_size(const struct config_field *f) {
    return f->kind == CONFIG_BOOL ? sizeof(bool)
           : f->kind == CONFIG_DURATION || f->kind == CONFIG_INT || f->kind == CONFIG_SIZE
               ? sizeof(int64_t)
               : sizeof(const void *);
}

// Sections of the root that are not lists of entries: host and store.
static void keep_table(const struct config_table *table, void *loaded, const void *running) {
    for (size_t i = 0; i < table->count; i++) {
        const struct config_field *f = &table->fields[i];
        void *to = (char *)loaded + f->offset;
        const void *from = (const char *)running + f->offset;
        if (f->kind == CONFIG_SECTION) {
            keep_table(f->table, to, from);
        } else if ((f->flags & FIELD_RESTART) != 0) {
            memcpy(to, from, slot_size(f));
            if (f->kind == CONFIG_LIST) {
                memcpy((char *)loaded + f->count_offset, (const char *)running + f->count_offset,
                       sizeof(size_t));
            }
        }
    }
}

void config_keep_running(struct config *loaded, const struct config *running) {
    keep_table(&config_root, loaded, running);
}

/* ------------------------------------------------------------------ what a plugin's processes are made of */

static bool same_strings(const struct config_field *f, const void *a, const void *b) {
    const char *const *x = *(const char *const *const *)(const void *)((const char *)a + f->offset);
    const char *const *y = *(const char *const *const *)(const void *)((const char *)b + f->offset);
    bool same = count_of(f, a) == count_of(f, b);
    for (size_t i = 0; same && i < count_of(f, a); i++) {
        same = strcmp(x[i], y[i]) == 0;
    }
    return same;
}

static bool same_options(const struct config_plugin *a, const struct config_plugin *b) {
    bool same = a->option_count == b->option_count && a->loose_files == b->loose_files &&
                same_text(a->dir, b->dir);
    for (size_t i = 0; same && i < a->option_count; i++) {
        same = strcmp(a->options[i].name, b->options[i].name) == 0 &&
               same_text(a->options[i].value, b->options[i].value);
    }
    return same;
}

// Of `table`, which stands at a and b.
static bool same_made_of(const struct config_table *table, const void *a, const void *b) {
    bool same = true;
    for (size_t i = 0; same && i < table->count; i++) {
        const struct config_field *f = &table->fields[i];
        const void *x = (const char *)a + f->offset, *y = (const char *)b + f->offset;
        if ((f->flags & FIELD_LIVE) != 0 || f->kind == CONFIG_OPTIONS ||
            strcmp(f->key, "enabled") == 0) {
            continue;
        }
        same = f->kind == CONFIG_SECTION   ? same_made_of(f->table, x, y)
               : f->kind == CONFIG_STRINGS ? same_strings(f, a, b)
                                           : same_word(f, x, y);
    }
    return same;
}

bool config_plugin_same_processes(const struct config_plugin *a, const struct config_plugin *b) {
    return same_made_of(&config_plugin_table, a, b) && same_options(a, b);
}

/* ------------------------------------------------------------------ the same as a digest */

static void write_text(struct buf *out, const char *text) {
    buf_printf(out, "%zu:%s\n", text == NULL ? 0 : strlen(text), text == NULL ? "" : text);
}

static void write_made_of(const struct config_table *table, const void *p, struct buf *out) {
    for (size_t i = 0; i < table->count; i++) {
        const struct config_field *f = &table->fields[i];
        const void *at = (const char *)p + f->offset;
        if ((f->flags & FIELD_LIVE) != 0 || f->kind == CONFIG_OPTIONS ||
            strcmp(f->key, "enabled") == 0) {
            continue;
        }
        buf_printf(out, "%s=", f->key);
        if (f->kind == CONFIG_SECTION) {
            write_made_of(f->table, at, out);
        } else if (f->kind == CONFIG_STRINGS) {
            const char *const *items = *(const char *const *const *)at;
            for (size_t k = 0; k < count_of(f, p); k++) {
                write_text(out, items[k]);
            }
        } else if (config_value_is_set(f, at)) {
            config_value_write(f, at, out);
        }
        buf_char(out, '\n');
    }
}

void config_plugin_digest(const struct config_plugin *p, char ret[CONFIG_DIGEST_LEN + 1]) {
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct buf text = {0};
    write_made_of(&config_plugin_table, p, &text);
    write_text(&text, p->loose_files ? "loose" : "strict");
    write_text(&text, p->dir);
    for (size_t i = 0; i < p->option_count; i++) {
        write_text(&text, p->options[i].name);
        write_text(&text, p->options[i].value);
    }
    SHA256((const unsigned char *)text.data, text.len, hash);
    config_secret_buf_free(&text);
    for (size_t i = 0; i < sizeof hash; i++) {
        (void)snprintf(ret + 2 * i, 3, "%02x", hash[i]);
    }
}
