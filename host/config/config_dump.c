// The effective configuration: as YAML with comments for people, as JSON for programs, and as a
// hash.

#include "config/config_dump.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "config/config_value.h"
#include "config/config_walk.h"

#define MASK "***(set)"

enum { DEPTH_MAX = 12 };

// ---- what stands behind a secret

// Text as it is, but of a URL without the password: "rediss://default:***(set)@host:6379". With
// `hide_path` also without what follows the host: in the URLs of some services that is the secret.
static void add_text(const char *text, bool hide_path, struct buf *out) {
    const char *authority = strstr(text, "://");
    if (authority == NULL) {
        buf_str(out, text);
        return;
    }
    authority += 3;
    const char *path = authority + strcspn(authority, "/?#");
    const char *at = NULL, *colon = NULL;
    for (const char *c = authority; c < path; c++) {
        at = *c == '@' ? c : at;
    }
    if (at != NULL) {
        colon = memchr(authority, ':', (size_t)(at - authority));
    }
    if (colon != NULL) {
        buf_add(out, text, (size_t)(colon - text) + 1);
        buf_str(out, MASK);
        text = at;
    }
    buf_add(out, text, (size_t)(path - text));
    if (hide_path && path[0] != '\0' && path[1] != '\0') {
        buf_printf(out, "%c%s", *path, MASK);
    } else {
        buf_str(out, path);
    }
}

static bool may_hold_password(const struct config_leaf *leaf) {
    return leaf->field != NULL && (leaf->field->flags & FIELD_PASSWORD) != 0;
}

static void add_shown_text(const struct config_leaf *leaf, struct buf *out) {
    if (leaf->kind == LEAF_SECRET && !may_hold_password(leaf)) {
        buf_str(out, MASK);
    } else {
        bool outside =
            leaf->origin != NULL && (leaf->origin->variable != NULL || leaf->origin->hidden);
        add_text(leaf->text, may_hold_password(leaf) && outside, out);
    }
}

// ---- YAML

struct yaml_print {
    struct buf *out;
    int depth;
};

static void indent(const struct yaml_print *p) {
    for (int i = 0; i < p->depth; i++) {
        buf_str(p->out, "  ");
    }
}

static void print_origin(const struct config_origin *origin, struct buf *out) {
    if (origin == NULL) {
        buf_str(out, "  # default");
        return;
    }
    buf_str(out, "  # ");
    if (origin->file != NULL) {
        buf_printf(out, "%s:%d", origin->file, origin->line);
    }
    if (origin->variable != NULL) {
        buf_printf(out, origin->file == NULL ? "environment %s" : ", environment %s",
                   origin->variable);
    }
}

static void yaml_open(void *arg, const char *key, bool is_list, size_t count,
                      const struct config_origin *origin) {
    struct yaml_print *p = arg;
    indent(p);
    if (key == NULL) {
        buf_str(p->out, "-");
    } else {
        buf_printf(p->out, "%s:", key);
    }
    if (count == 0) {
        buf_str(p->out, is_list ? " []" : " {}");
    }
    if (origin != NULL) {
        print_origin(origin, p->out);
    }
    buf_char(p->out, '\n');
    p->depth++;
}

static void yaml_close(void *arg, bool is_list) {
    struct yaml_print *p = arg;
    (void)is_list;
    p->depth--;
}

static void yaml_leaf(void *arg, const struct config_leaf *leaf) {
    struct yaml_print *p = arg;
    if (leaf->kind == LEAF_UNSET) {
        return;
    }
    indent(p);
    if (leaf->key == NULL) {
        buf_str(p->out, "- ");
    } else {
        buf_printf(p->out, "%s: ", leaf->key);
    }
    struct buf text = {0};
    add_shown_text(leaf, &text);
    const char *shown = text.data == NULL ? "" : text.data;
    p->out->failed |= text.failed;
    if (leaf->kind == LEAF_TEXT) {
        json_str(p->out, shown); // a JSON string is a YAML string
    } else {
        buf_str(p->out, shown);
    }
    if (leaf->key != NULL) {
        print_origin(leaf->origin, p->out);
    }
    if (leaf->kind == LEAF_SECRET && leaf->text != NULL) {
        char fingerprint[9];
        config_secret_fingerprint(leaf->text, fingerprint);
        buf_printf(p->out, ", fingerprint %s", fingerprint);
    }
    buf_char(p->out, '\n');
    buf_free(&text);
}

static const struct config_visitor yaml_visitor = {yaml_open, yaml_leaf, yaml_close};

static void print_off(const char *section, const struct config_entry *entry, struct buf *out) {
    if (!entry->on) {
        buf_printf(out, "# off: %s.%s: %s\n", section, entry->name == NULL ? "" : entry->name,
                   entry->off_why == NULL ? "" : entry->off_why);
    }
}

// ---- JSON

struct json_print {
    struct buf *values, *origins; /* origins NULL = not wanted */
    bool fingerprints;            /* in place of the mask: for the hash */
    char path[512];
    size_t lengths[DEPTH_MAX];
    size_t indexes[DEPTH_MAX]; /* of the next element, when the level is a list */
    int depth;
};

static void json_path_push(struct json_print *p, const char *key) {
    size_t at = strlen(p->path);
    if (p->depth < DEPTH_MAX) {
        p->lengths[p->depth] = at;
    }
    if (key == NULL && p->depth > 0) {
        (void)snprintf(p->path + at, sizeof(p->path) - at, "[%zu]", p->indexes[p->depth - 1]++);
    } else {
        (void)snprintf(p->path + at, sizeof(p->path) - at, "%s%s", at == 0 ? "" : ".",
                       key == NULL ? "" : key);
    }
}

static void add_origin(struct json_print *p, const struct config_origin *origin) {
    if (p->origins == NULL) {
        return;
    }
    struct buf text = {0};
    print_origin(origin, &text);
    p->origins->failed |= text.failed;
    if (!text.failed) {
        json_kstr(p->origins, p->path, text.data + strlen("  # "));
    }
    buf_free(&text);
}

static void json_open(void *arg, const char *key, bool is_list, size_t count,
                      const struct config_origin *origin) {
    struct json_print *p = arg;
    (void)count;
    if (key == NULL) {
        json_comma(p->values);
    } else {
        json_key(p->values, key);
    }
    buf_char(p->values, is_list ? '[' : '{');
    json_path_push(p, key);
    if (origin != NULL) {
        add_origin(p, origin);
    }
    p->indexes[p->depth < DEPTH_MAX ? p->depth : DEPTH_MAX - 1] = 0;
    p->depth++;
}

static void json_close(void *arg, bool is_list) {
    struct json_print *p = arg;
    buf_char(p->values, is_list ? ']' : '}');
    p->depth--;
    p->path[p->lengths[p->depth]] = '\0';
}

static void json_add_value(struct json_print *p, const struct config_leaf *leaf) {
    struct buf text = {0};
    char fingerprint[9];
    if (p->fingerprints && (leaf->kind == LEAF_SECRET || may_hold_password(leaf))) {
        config_secret_fingerprint(leaf->text == NULL ? "" : leaf->text, fingerprint);
        buf_str(&text, fingerprint);
    } else {
        add_shown_text(leaf, &text);
    }
    const char *shown = text.data == NULL ? "" : text.data;
    p->values->failed |= text.failed;
    if (leaf->kind == LEAF_BARE || leaf->kind == LEAF_JSON) {
        buf_str(p->values, shown);
    } else {
        json_str(p->values, shown);
    }
    buf_free(&text);
}

static void json_leaf(void *arg, const struct config_leaf *leaf) {
    struct json_print *p = arg;
    if (leaf->kind == LEAF_UNSET) {
        return;
    }
    if (leaf->key == NULL) {
        json_comma(p->values);
        json_add_value(p, leaf);
        return;
    }
    json_key(p->values, leaf->key);
    json_add_value(p, leaf);
    json_path_push(p, leaf->key);
    add_origin(p, leaf->origin);
    p->path[p->lengths[p->depth]] = '\0';
}

static const struct config_visitor json_visitor = {json_open, json_leaf, json_close};

static void add_off(const char *section, const struct config_entry *entry, struct buf *out) {
    if (entry->on) {
        return;
    }
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "section", section);
    json_kstr(out, "name", entry->name);
    json_kstr(out, "why", entry->off_why);
    buf_char(out, '}');
}

static void each_off(const struct config *c,
                     void (*each)(const char *section, const struct config_entry *entry,
                                  struct buf *out),
                     struct buf *out) {
    for (size_t i = 0; i < c->plugin_count; i++) {
        each("plugins", &c->plugins[i].entry, out);
    }
    for (size_t i = 0; i < c->schedule_count; i++) {
        each("schedules", &c->schedules[i].entry, out);
    }
    for (size_t i = 0; i < c->hook_count; i++) {
        each("hooks", &c->hooks[i].entry, out);
    }
    for (size_t i = 0; i < c->route_count; i++) {
        each("routes", &c->routes[i].entry, out);
    }
    for (size_t i = 0; i < c->notify_count; i++) {
        each("notify", &c->notify[i].entry, out);
    }
}

static void dump_json(const struct config *c, struct buf *out) {
    struct buf origins = {0};
    struct json_print p = {.values = out, .origins = &origins};
    buf_char(out, '{');
    json_kstr(out, "file", c->file);
    json_kstr(out, "hash", c->hash);
    json_key(out, "config");
    buf_char(out, '{');
    bool whole = config_walk(c, &json_visitor, &p);
    buf_char(out, '}');
    json_key(out, "origins");
    buf_char(out, '{');
    buf_add(out, origins.data, origins.len);
    buf_char(out, '}');
    p.origins = NULL;
    json_key(out, "queue_default");
    buf_char(out, '{');
    whole &= config_walk_table(c, &config_queue_table, &c->queue_default, &json_visitor, &p);
    buf_char(out, '}');
    json_key(out, "job_default");
    buf_char(out, '{');
    whole &= config_walk_table(c, &config_job_table, &c->job_default, &json_visitor, &p);
    buf_char(out, '}');
    json_key(out, "off");
    buf_char(out, '[');
    each_off(c, add_off, out);
    buf_str(out, "]}");
    out->failed |= !whole || origins.failed;
    buf_free(&origins);
}

static void dump_yaml(const struct config *c, struct buf *out) {
    struct yaml_print p = {.out = out};
    buf_printf(out, "# %s\n# hash %s\n", c->file, c->hash);
    each_off(c, print_off, out);
    out->failed |= !config_walk(c, &yaml_visitor, &p);
}

void config_dump(const struct config *c, bool json, struct buf *out) {
    if (json) {
        dump_json(c, out);
    } else {
        dump_yaml(c, out);
    }
}

int config_hash(const struct config *c, char out[65]) {
    struct buf text = {0};
    struct json_print p = {.values = &text, .fingerprints = true};
    unsigned char digest[SHA256_DIGEST_LENGTH];
    buf_char(&text, '{');
    bool whole = config_walk(c, &json_visitor, &p);
    each_off(c, add_off, &text); // off and on are different configs
    whole &= !text.failed;
    if (whole) {
        SHA256((const unsigned char *)text.data, text.len, digest);
        for (size_t i = 0; i < sizeof(digest); i++) {
            (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
        }
    }
    buf_free(&text);
    return whole ? 0 : -ENOMEM;
}
