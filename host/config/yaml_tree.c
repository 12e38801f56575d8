#define _GNU_SOURCE // explicit_bzero

#include "config/yaml_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct frame {
    struct yaml_node *node;
    struct yaml_node **tail; /* where the next child goes                           */
    bool value_next;         /* YAML_MAP: a key was read, its value comes next      */
    struct yaml_node *key;   /* that key; NULL = it was refused, the value is dropped */
};

struct parse {
    yaml_parser_t yaml;
    struct arena *arena;
    struct config_report *report;
    struct config_place where;
    struct bytes text;
    struct frame stack[YAML_TREE_DEPTH_MAX];
    int depth;
    int skip; /* open containers inside a refused key */
    struct yaml_node *root;
    int documents;
    bool stop;      /* nothing after this can be trusted */
    char path[256]; /* current_path()'s */
};

#define REFUSE(p, at, code, ...)                                                                   \
    config_report_error((p)->report, (at), current_path(p), (code), __VA_ARGS__)

// ---- where the parse is

// "queues.crawl", "routes[2].match": from the keys of the open containers. Valid until the next
// call.
static const char *current_path(struct parse *p) {
    size_t len = 0;
    p->path[0] = '\0';
    for (int i = 0; i < p->depth; i++) {
        const struct frame *f = &p->stack[i];
        char *to = p->path + len;
        size_t room = sizeof(p->path) - len;
        int n = 0;
        if (f->node->kind == YAML_LIST) {
            n = snprintf(to, room, "[%zu]", f->node->count - (i + 1 < p->depth));
        } else if (f->value_next || i + 1 < p->depth) {
            const struct yaml_node *key = f->value_next ? f->key : p->stack[i + 1].node->key;
            n = snprintf(to, room, "%s%s", len == 0 ? "" : ".", key == NULL ? "?" : key->text);
        }
        if (n < 0 || (size_t)n >= room) {
            break;
        }
        len += (size_t)n;
    }
    return p->path;
}

// ---- lines

// Length of the line break at `at`, 0 if there is none: CR LF, CR, LF, NEL, LS and PS, as libyaml
// counts lines.
static size_t break_length(const unsigned char *at, size_t left) {
    if (left >= 2 && at[0] == '\r' && at[1] == '\n') {
        return 2;
    }
    if (at[0] == '\r' || at[0] == '\n') {
        return 1;
    }
    if (left >= 2 && at[0] == 0xC2 && at[1] == 0x85) {
        return 2;
    }
    if (left >= 3 && at[0] == 0xE2 && at[1] == 0x80 && (at[2] == 0xA8 || at[2] == 0xA9)) {
        return 3;
    }
    return 0;
}

struct bytes yaml_tree_line(struct bytes text, int line) {
    const unsigned char *data = text.data;
    size_t start = 0;
    int at_line = 1;
    for (size_t i = 0; i < text.len;) {
        size_t len = break_length(data + i, text.len - i);
        if (len == 0) {
            i++;
            continue;
        }
        if (at_line == line) {
            return (struct bytes){data + start, i - start};
        }
        i += len;
        start = i;
        at_line++;
    }
    return at_line == line && text.len > start ? (struct bytes){data + start, text.len - start}
                                               : (struct bytes){NULL, 0};
}

// libyaml's marks are wrong for bytes its reader refuses; only the offset can be trusted.
static struct config_place place_of_offset(const struct parse *p, size_t offset) {
    struct config_place at = p->where;
    const unsigned char *data = p->text.data;
    at.line = 1;
    at.column = 1;
    for (size_t i = 0; i < p->text.len && i < offset;) {
        size_t len = break_length(data + i, p->text.len - i);
        if (len != 0) {
            at.line++;
            at.column = 1;
            i += len;
        } else {
            at.column += (data[i] & 0xC0) != 0x80; // characters, not bytes
            i++;
        }
    }
    return at;
}

static struct config_place place_of_mark(const struct parse *p, yaml_mark_t mark) {
    struct config_place at = p->where;
    at.line = (int)mark.line + 1;
    at.column = (int)mark.column + 1;
    return at;
}

// At the end of input the mark may lie one line past the last.
static struct config_place clamp_to_text(const struct parse *p, struct config_place at) {
    struct config_place end = place_of_offset(p, p->text.len);
    if (at.line > end.line) {
        at.line = end.line;
        at.column = end.column;
    }
    return at;
}

// ---- syntax errors

static void report_reader_error(struct parse *p) {
    size_t offset = p->yaml.problem_offset;
    struct config_place at = place_of_offset(p, offset);
    const unsigned char *data = p->text.data;
    if (offset < p->text.len && data[offset] == 0) {
        REFUSE(p, at, "yaml_bytes", "NUL byte in the file; if it is UTF-16, save it as UTF-8");
    } else {
        REFUSE(p, at, "yaml_bytes", "byte 0x%02x: %s", (unsigned)p->yaml.problem_value & 0xFF,
               p->yaml.problem == NULL ? "not valid UTF-8" : p->yaml.problem);
    }
}

static bool is_tab_at(const struct parse *p, struct config_place at) {
    struct bytes line = yaml_tree_line(p->text, at.line);
    const char *data = line.data;
    // a tab as indentation: everything before the place is white space
    for (size_t i = 0; i < line.len && i < (size_t)at.column; i++) {
        if (data[i] == '\t') {
            return true;
        }
        if (data[i] != ' ') {
            return false;
        }
    }
    return false;
}

static const char *syntax_hint(const struct parse *p, struct config_place at, const char *problem) {
    if (is_tab_at(p, at)) {
        return " (use spaces, not tabs)";
    }
    bool version = strcmp(problem, "found incompatible YAML document") == 0;
    return version ? " (%YAML 1.1 and 1.2 are understood)" : "";
}

static void report_syntax_error(struct parse *p) {
    if (p->yaml.error == YAML_MEMORY_ERROR) {
        REFUSE(p, p->where, "no_memory", "out of memory");
        return;
    }
    if (p->yaml.error == YAML_READER_ERROR) {
        report_reader_error(p);
        return;
    }
    struct config_place at = clamp_to_text(p, place_of_mark(p, p->yaml.problem_mark));
    const char *problem = p->yaml.problem == NULL ? "not YAML" : p->yaml.problem;
    const char *hint = syntax_hint(p, at, problem);
    if (p->yaml.context == NULL) {
        REFUSE(p, at, "yaml_syntax", "%s%s", problem, hint);
        return;
    }
    struct config_place from = clamp_to_text(p, place_of_mark(p, p->yaml.context_mark));
    REFUSE(p, at, "yaml_syntax", "%s%s, %s that begins at line %d, column %d", problem, hint,
           p->yaml.context, from.line, from.column);
}

// ---- building

static void out_of_memory(struct parse *p) {
    REFUSE(p, p->where, "no_memory", "out of memory");
    p->stop = true;
}

static struct yaml_node *node_new(struct parse *p, enum yaml_kind kind, const yaml_event_t *event) {
    struct yaml_node *node = arena_zalloc(p->arena, sizeof(*node));
    if (node == NULL) {
        out_of_memory(p);
        return NULL;
    }
    node->kind = kind;
    node->at = place_of_mark(p, event->start_mark);
    node->end_line = (int)event->end_mark.line + 1;
    node->end_column = (int)event->end_mark.column + 1;
    return node;
}

// Hangs a finished or opening node under its parent. The value of a refused key belongs to nobody.
static void node_attach(struct parse *p, struct yaml_node *node) {
    if (p->depth == 0) {
        p->root = p->root == NULL ? node : p->root;
        return;
    }
    struct frame *top = &p->stack[p->depth - 1];
    if (top->node->kind == YAML_MAP) {
        node->key = top->key;
        top->value_next = false;
        if (node->key == NULL) {
            return;
        }
    }
    *top->tail = node;
    top->tail = &node->next;
    top->node->count++;
}

static bool expects_key(const struct parse *p) {
    return p->depth > 0 && p->stack[p->depth - 1].node->kind == YAML_MAP &&
           !p->stack[p->depth - 1].value_next;
}

static void set_key(struct parse *p, struct yaml_node *key) {
    p->stack[p->depth - 1].value_next = true;
    p->stack[p->depth - 1].key = key;
}

static void refuse_markup(struct parse *p, struct config_place at, const yaml_char_t *anchor,
                          const yaml_char_t *tag) {
    if (anchor != NULL) {
        REFUSE(p, at, "yaml_anchor",
               "anchors (&name) are not supported; write the value out, or use include for shared "
               "parts");
    }
    if (tag != NULL) {
        REFUSE(p, at, "yaml_tag",
               "tags (!name) are not supported; the type comes from the key, so leave the tag out");
    }
}

static void open_container(struct parse *p, enum yaml_kind kind, const yaml_event_t *event) {
    struct config_place at = place_of_mark(p, event->start_mark);
    if (p->depth + p->skip >= YAML_TREE_DEPTH_MAX) {
        REFUSE(p, at, "yaml_depth", "nested deeper than %d levels", YAML_TREE_DEPTH_MAX);
        p->stop = true;
        return;
    }
    if (p->skip > 0) {
        p->skip++;
        return;
    }
    if (expects_key(p)) {
        REFUSE(p, at, "yaml_key", "a key must be a plain word, not a list or a mapping");
        p->skip = 1;
        return;
    }
    struct yaml_node *node = node_new(p, kind, event);
    if (node == NULL) {
        return;
    }
    node_attach(p, node);
    p->stack[p->depth++] = (struct frame){.node = node, .tail = &node->child};
}

static int by_key(const void *a, const void *b) {
    const struct yaml_node *x = *(struct yaml_node *const *)a, *y = *(struct yaml_node *const *)b;
    int order = strcmp(x->key->text, y->key->text);
    if (order != 0) {
        return order;
    }
    if (x->at.line != y->at.line) {
        return x->at.line < y->at.line ? -1 : 1;
    }
    return (x->at.column > y->at.column) - (x->at.column < y->at.column);
}

static void report_duplicates(struct parse *p, const struct yaml_node *map) {
    if (map->count < 2) {
        return;
    }
    struct yaml_node **sorted = malloc(map->count * sizeof(struct yaml_node *));
    if (sorted == NULL) {
        out_of_memory(p);
        return;
    }
    size_t n = 0;
    for (struct yaml_node *v = map->child; v != NULL; v = v->next) {
        sorted[n++] = v;
    }
    qsort(sorted, n, sizeof(struct yaml_node *), by_key);
    for (size_t i = 1, first = 0; i < n; i++) {
        const struct yaml_node *key = sorted[i]->key, *before = sorted[first]->key;
        if (strcmp(key->text, before->text) != 0) {
            first = i;
            continue;
        }
        struct frame *top = &p->stack[p->depth - 1];
        top->value_next = true; // the path ends with this key
        top->key = sorted[i]->key;
        REFUSE(p, key->at, "duplicate_key", "is given twice; the first is at line %d, column %d",
               before->at.line, before->at.column);
        top->value_next = false;
    }
    free(sorted);
}

static void close_container(struct parse *p) {
    if (p->skip > 0) {
        if (--p->skip == 0) {
            set_key(p, NULL);
        }
        return;
    }
    if (p->stack[p->depth - 1].node->kind == YAML_MAP) {
        report_duplicates(p, p->stack[p->depth - 1].node);
    }
    p->depth--;
}

static struct yaml_node *scalar_node(struct parse *p, const yaml_event_t *event) {
    struct yaml_node *node = node_new(p, YAML_TEXT, event);
    if (node == NULL) {
        return NULL;
    }
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->len = event->data.scalar.length;
    node->text = arena_strn(p->arena, (const char *)event->data.scalar.value, node->len);
    if (node->text == NULL) {
        out_of_memory(p);
        return NULL;
    }
    char *nul = memchr(node->text, '\0', node->len);
    if (nul != NULL) {
        REFUSE(p, node->at, "yaml_nul", "a NUL character (\\0) is not allowed in a value");
        node->len = (size_t)(nul - node->text);
    }
    return node;
}

static void accept_key(struct parse *p, struct yaml_node *key) {
    if (key->len == 0) {
        REFUSE(p, key->at, "yaml_key", "empty key");
    } else if (!key->quoted && strcmp(key->text, "<<") == 0) {
        REFUSE(p, key->at, "yaml_merge",
               "merge keys (<<) are not supported; write the values out, or use include for shared "
               "parts");
    } else {
        set_key(p, key);
        return;
    }
    set_key(p, NULL);
}

static void accept_scalar(struct parse *p, const yaml_event_t *event) {
    if (p->skip > 0) {
        return;
    }
    struct yaml_node *node = scalar_node(p, event);
    if (node == NULL) {
        return;
    }
    if (expects_key(p)) {
        accept_key(p, node);
    } else {
        node_attach(p, node);
    }
}

static void accept_alias(struct parse *p, const yaml_event_t *event) {
    REFUSE(
        p, place_of_mark(p, event->start_mark), "yaml_anchor",
        "aliases (*name) are not supported; write the value out, or use include for shared parts");
    if (p->skip > 0 || p->depth == 0) {
        return;
    }
    if (expects_key(p)) {
        set_key(p, NULL);
    } else {
        p->stack[p->depth - 1].value_next = false;
    }
}

static void accept_document(struct parse *p, const yaml_event_t *event) {
    struct config_place at = place_of_mark(p, event->start_mark);
    if (++p->documents > 1) {
        REFUSE(p, at, "yaml_documents", "a second document (---) begins here; a config has one");
        p->stop = true;
    }
    if (event->data.document_start.tag_directives.start !=
        event->data.document_start.tag_directives.end) {
        REFUSE(p, at, "yaml_tag", "%%TAG directives are not supported");
    }
}

static void accept_event(struct parse *p, const yaml_event_t *event) {
    struct config_place at = place_of_mark(p, event->start_mark);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: accept_document(p, event); break;
    case YAML_ALIAS_EVENT: accept_alias(p, event); break;
    case YAML_SCALAR_EVENT:
        refuse_markup(p, at, event->data.scalar.anchor, event->data.scalar.tag);
        accept_scalar(p, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        refuse_markup(p, at, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        open_container(p, YAML_LIST, event);
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_markup(p, at, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        open_container(p, YAML_MAP, event);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: close_container(p); break;
    default: break;
    }
}

static void wipe_event(yaml_event_t *event) {
    if (event->type == YAML_SCALAR_EVENT) {
        explicit_bzero(event->data.scalar.value, event->data.scalar.length);
    }
    yaml_event_delete(event);
}

// Reads events up to the end of the stream, so that a second document is seen. False after a syntax
// error.
static bool read_events(struct parse *p) {
    for (bool end = false; !end && !p->stop;) {
        yaml_event_t event;
        if (yaml_parser_parse(&p->yaml, &event) == 0) {
            report_syntax_error(p);
            return false;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        accept_event(p, &event);
        wipe_event(&event);
    }
    return !p->stop;
}

static bool is_utf16(struct bytes text) {
    const unsigned char *d = text.data;
    return text.len >= 2 && ((d[0] == 0xFF && d[1] == 0xFE) || (d[0] == 0xFE && d[1] == 0xFF));
}

static struct bytes skip_byte_order_mark(struct bytes text) {
    if (text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0) {
        return (struct bytes){(const char *)text.data + 3, text.len - 3};
    }
    return text;
}

struct yaml_node *yaml_tree_parse(struct arena *arena, struct config_place where, struct bytes text,
                                  struct config_report *report) {
    struct parse p = {.arena = arena, .report = report, .where = where};
    p.where.line = 1;
    p.where.column = 1;
    if (is_utf16(text)) {
        REFUSE(&p, p.where, "yaml_bytes", "the file is UTF-16; save it as UTF-8");
        return NULL;
    }
    p.text = skip_byte_order_mark(text);
    if (yaml_parser_initialize(&p.yaml) == 0) {
        REFUSE(&p, p.where, "no_memory", "out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p.yaml, p.text.len == 0 ? (const unsigned char *)"" : p.text.data,
                                 p.text.len);
    bool whole = read_events(&p);
    explicit_bzero(p.yaml.buffer.start, (size_t)(p.yaml.buffer.end - p.yaml.buffer.start));
    explicit_bzero(p.yaml.raw_buffer.start,
                   (size_t)(p.yaml.raw_buffer.end - p.yaml.raw_buffer.start));
    yaml_parser_delete(&p.yaml);
    if (whole && p.root == NULL) {
        REFUSE(&p, p.where, "empty", "empty configuration");
    }
    return whole ? p.root : NULL;
}

// ---- looking

struct yaml_node *yaml_tree_get(const struct yaml_node *map, const char *key) {
    if (map == NULL || map->kind != YAML_MAP) {
        return NULL;
    }
    for (struct yaml_node *v = map->child; v != NULL; v = v->next) {
        if (strcmp(v->key->text, key) == 0) {
            return v;
        }
    }
    return NULL;
}

void yaml_tree_remove(struct yaml_node *map, const struct yaml_node *value) {
    for (struct yaml_node **at = &map->child; *at != NULL; at = &(*at)->next) {
        if (*at == value) {
            *at = value->next;
            map->count--;
            return;
        }
    }
}

bool yaml_tree_is_empty(const struct yaml_node *node) {
    return node->kind == YAML_TEXT && node->len == 0 && !node->quoted;
}

const char *yaml_tree_kind_name(const struct yaml_node *node) {
    static const char *const names[] = {
        [YAML_TEXT] = "a word", [YAML_LIST] = "a list", [YAML_MAP] = "a mapping"};
    return names[node->kind];
}
