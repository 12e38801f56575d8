#include "supervisor/schedule_definition.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/nearest.h"
#include "config/config_tables.h"
#include "config/config_value.h"

// Those that say what starts; all others are of the series.
static const char *const edition_keys[] = {"job", "queue", "user", "key", "payload"};

static bool is_of_edition(const struct config_field *f) {
    for (size_t i = 0; i < ARRAY_LEN(edition_keys); i++) {
        if (strcmp(f->key, edition_keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

// Whether the file has it switched on is no part of what it says.
static bool is_kept(const struct config_field *f) {
    return strcmp(f->key, "enabled") != 0;
}

static const struct config_field *field_at(size_t i) {
    return &config_schedule_table.fields[i];
}

static bool is_text(const struct config_field *f) {
    return f->kind == CONFIG_STRING || f->kind == CONFIG_WORD || f->kind == CONFIG_JSON;
}

static void *slot_of(struct config_schedule *s, const struct config_field *f) {
    return (char *)s + f->offset;
}

static int no_memory(struct err *e) {
    return err_set(e, -ENOMEM, "out of memory");
}

/* ------------------------------------------------------------------ its text, its revision */

static void write_value(const struct config_schedule *s, const struct config_field *f,
                        struct buf *out) {
    const void *slot = (const char *)s + f->offset;
    struct buf word = {0};
    if (is_text(f) && *(const char *const *)slot == NULL) {
        return;
    }
    json_key(out, f->key);
    if (f->kind == CONFIG_JSON) {
        buf_str(out, *(const char *const *)slot);
        return;
    }
    config_value_write(f, slot, &word);
    if (config_value_is_bare(f)) {
        buf_add(out, word.data, word.len);
    } else {
        json_strn(out, word.data == NULL ? "" : word.data, word.len);
    }
    out->failed = out->failed || word.failed;
    buf_free(&word);
}

static void write_part(const struct config_schedule *s, bool edition, struct buf *out) {
    for (size_t i = 0; i < config_schedule_table.count; i++) {
        const struct config_field *f = field_at(i);
        if (is_kept(f) && is_of_edition(f) == edition) {
            write_value(s, f, out);
        }
    }
}

static uint64_t hash_of(const struct buf *text) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    uint64_t sum = 0;
    SHA256((const unsigned char *)text->data, text->len, digest);
    for (size_t i = 0; i < sizeof sum; i++) {
        sum = sum << 8 | digest[i];
    }
    return sum;
}

static int write_revision(struct schedule_definition *d, struct err *e) {
    struct buf text = {0};
    buf_printf(&text, "%016" PRIx64 "{", config_zones_mark(d->when.zone));
    write_part(&d->is, false, &text);
    uint64_t series = text.failed ? 0 : hash_of(&text);
    bool failed = text.failed;
    buf_clear(&text);
    buf_char(&text, '{');
    write_part(&d->is, true, &text);
    failed = failed || text.failed;
    if (!failed) {
        (void)snprintf(d->revision, sizeof d->revision, "%016" PRIx64 ".%016" PRIx64, series,
                       hash_of(&text));
    }
    buf_free(&text);
    return failed ? no_memory(e) : 0;
}

static int write_text(struct schedule_definition *d, struct err *e) {
    struct buf text = {0};
    buf_char(&text, '{');
    write_part(&d->is, false, &text);
    write_part(&d->is, true, &text);
    buf_char(&text, '}');
    d->text = text.failed ? NULL : arena_strn(&d->arena, text.data, text.len);
    size_t len = text.len;
    buf_free(&text);
    return d->text == NULL ? no_memory(e)
           : len > STORE_SCHEDULE_DEFINITION_MAX
               ? err_set(e, -EINVAL, "the definition has more than %d bytes",
                         STORE_SCHEDULE_DEFINITION_MAX)
               : 0;
}

/* ------------------------------------------------------------------ life */

static struct schedule_definition *definition_new(void) {
    struct schedule_definition *d = calloc(1, sizeof *d);
    if (d != NULL) {
        d->users = 1;
    }
    return d;
}

struct schedule_definition *schedule_definition_hold(struct schedule_definition *d) {
    d->users++;
    return d;
}

void schedule_definition_free(struct schedule_definition **at) {
    struct schedule_definition *d = *at;
    *at = NULL;
    if (d != NULL && --d->users == 0) {
        config_timetable_close(&d->when);
        arena_free(&d->arena);
        free(d);
    }
}

// What is read is whole.
static int complete(struct schedule_definition *d, const struct config *config,
                    struct config_zones *zones, struct err *e) {
    char name[JOB_QUEUE_MAX + 1];
    if (d->is.queue == NULL) {
        d->is.queue = arena_str(&d->arena, config_queue_of_type(config, d->is.job, name));
    }
    if (d->is.queue == NULL) {
        return no_memory(e);
    }
    int r = config_timetable_open_in(&d->is, 0, zones, &d->when, e);
    r = r < 0 ? r : write_text(d, e);
    return r < 0 ? r : write_revision(d, e);
}

static int hand_out(struct schedule_definition *d, int r, struct schedule_definition **ret) {
    if (r < 0) {
        schedule_definition_free(&d);
    }
    *ret = d;
    return r < 0 ? r : 0;
}

/* ------------------------------------------------------------------ from the configuration */

static int copy_all(struct schedule_definition *d, const struct config_schedule *from) {
    d->is = *from;
    d->is.entry = (struct config_entry){.name = arena_str(&d->arena, from->entry.name), .on = true};
    bool failed = d->is.entry.name == NULL;
    for (size_t i = 0; i < config_schedule_table.count; i++) {
        const struct config_field *f = field_at(i);
        if (is_text(f) && is_kept(f)) {
            const char **text = slot_of(&d->is, f);
            const char *was = *text;
            *text = arena_str(&d->arena, was);
            failed = failed || (was != NULL && *text == NULL);
        }
    }
    return failed ? -ENOMEM : 0;
}

int schedule_definition_of_config(const struct config *config, const struct config_schedule *from,
                                  struct config_zones *zones, struct schedule_definition **ret,
                                  struct err *e) {
    struct schedule_definition *d = definition_new();
    if (d == NULL) {
        *ret = NULL;
        return no_memory(e);
    }
    int r = copy_all(d, from) < 0 ? no_memory(e) : complete(d, config, zones, e);
    return hand_out(d, r, ret);
}

/* ------------------------------------------------------------------ from JSON */

struct reader {
    struct schedule_definition *d;
    const struct config_field *current; // that an error is about
    uint32_t seen;                      // bit per key
    struct err *e;
};

static const struct config_field *find_field(const char *key) {
    const struct config_field *f = config_table_field(&config_schedule_table, key);
    return f != NULL && is_kept(f) ? f : NULL;
}

static int unknown_key(struct reader *r, const char *key) {
    struct nearest near = {.word = key};
    for (size_t i = 0; i < config_schedule_table.count; i++) {
        if (is_kept(field_at(i))) {
            nearest_offer(&near, field_at(i)->key);
        }
    }
    const char *meant = nearest_best(&near);
    return err_set(r->e, -EINVAL, "there is no \"%.40s\"%s%s%s", key,
                   meant == NULL ? "" : "; did you mean \"", meant == NULL ? "" : meant,
                   meant == NULL ? "" : "\"?");
}

// The word that the file would have; NULL: it is another kind of value, or memory is short.
static const char *word_of(struct reader *r, const struct config_field *f, struct bytes value) {
    char first = *(const char *)value.data;
    if (first == '"') {
        return json_text(&r->d->arena, value);
    }
    bool bare = first != '{' && first != '[' && config_value_is_bare(f);
    return bare ? arena_strn(&r->d->arena, value.data, value.len) : NULL;
}

static int take_value(struct reader *r, const struct config_field *f, struct bytes value) {
    void *slot = slot_of(&r->d->is, f);
    if (f->kind == CONFIG_JSON) {
        const char *text = arena_strn(&r->d->arena, value.data, value.len);
        *(const char **)slot = text;
        return text == NULL ? no_memory(r->e) : 0;
    }
    const char *text = word_of(r, f, value);
    if (text == NULL) {
        return err_set(r->e, -EINVAL, "expected %s", config_value_expected(f));
    }
    const struct config_word word = {
        .text = text, .quoted = *(const char *)value.data == '"', .arena = &r->d->arena};
    return config_value_read(f, &word, slot, r->e) == NULL ? 0 : -EINVAL;
}

static int take_member(void *arg, struct bytes key, struct bytes value) {
    struct reader *r = arg;
    const char *name = json_text(&r->d->arena, key);
    const struct config_field *f = name == NULL ? NULL : find_field(name);
    r->current = NULL;
    if (f == NULL) {
        return unknown_key(r, name == NULL ? "?" : name);
    }
    r->current = f;
    uint32_t bit = UINT32_C(1) << (f - config_schedule_table.fields);
    if ((r->seen & bit) != 0) {
        return err_set(r->e, -EINVAL, "is there twice");
    }
    r->seen |= bit;
    bool is_null = value.len == 4 && memcmp(value.data, "null", 4) == 0;
    return is_null && f->kind != CONFIG_JSON ? 0 : take_value(r, f, value);
}

static int fill_defaults(struct reader *r) {
    for (size_t i = 0; i < config_schedule_table.count; i++) {
        const struct config_field *f = field_at(i);
        const struct config_word word = {.text = f->fallback, .arena = &r->d->arena};
        void *slot = slot_of(&r->d->is, f);
        if (!is_kept(f) || f->fallback == NULL) {
            continue;
        }
        if (f->kind == CONFIG_JSON) {
            *(const char **)slot = f->fallback;
        } else if (config_value_read(f, &word, slot, r->e) != NULL) {
            return -EINVAL;
        }
    }
    return 0;
}

static int check_required(struct reader *r) {
    for (size_t i = 0; i < config_schedule_table.count; i++) {
        const struct config_field *f = field_at(i);
        if ((f->flags & FIELD_REQUIRED) != 0 && *(const char **)slot_of(&r->d->is, f) == NULL) {
            r->current = f;
            return err_set(r->e, -EINVAL, "is required");
        }
    }
    return 0;
}

// Was another zone than the default one given?
static bool has_zone(const struct reader *r) {
    const struct config_field *f = find_field("timezone");
    return f != NULL && (r->seen >> (f - config_schedule_table.fields) & 1) != 0 &&
           f->fallback != NULL && strcmp(r->d->is.timezone, f->fallback) != 0;
}

// What the configuration's own checks say of more than one key.
static int check_together(struct reader *r) {
    const struct schedule_definition *d = r->d;
    const char *prefix = d->when.cron.zone;
    if (d->when.schedule.start_ms >= d->when.schedule.end_ms) {
        r->current = find_field("end_at");
        return err_set(r->e, -EINVAL, "is not after start_at");
    }
    if (*prefix != '\0' && has_zone(r) && strcmp(prefix, d->is.timezone) != 0) {
        r->current = find_field("timezone");
        return err_set(r->e, -EINVAL, "differs from the zone in cron");
    }
    return 0;
}

static int read_json(struct reader *r, const struct config *config, struct bytes json,
                     struct config_zones *zones) {
    int error = fill_defaults(r);
    error = error < 0 ? error : json_members(json, take_member, r);
    error = error < 0 ? error : check_required(r);
    if (error < 0) {
        return error;
    }
    r->current = NULL; // the words name the key
    error = complete(r->d, config, zones, r->e);
    return error < 0 ? error : check_together(r);
}

int schedule_definition_of_json(const struct config *config, const char *id, struct bytes json,
                                struct config_zones *zones, struct schedule_definition **ret,
                                const char **ret_key, struct err *e) {
    struct err unheard = {0};
    struct reader r = {.d = definition_new(), .e = e == NULL ? &unheard : e};
    *ret = NULL;
    if (ret_key != NULL) {
        *ret_key = NULL;
    }
    if (r.d == NULL) {
        return no_memory(e);
    }
    r.d->is.entry = (struct config_entry){.name = arena_str(&r.d->arena, id), .on = true};
    bool object = json.len > 0 && *(const char *)json.data == '{';
    int error = r.d->is.entry.name == NULL ? no_memory(e)
                : !object                  ? err_set(e, -EINVAL, "a schedule is a JSON object")
                                           : read_json(&r, config, json, zones);
    if (ret_key != NULL && r.current != NULL && error < 0) {
        *ret_key = r.current->key;
    }
    return hand_out(r.d, error, ret);
}
