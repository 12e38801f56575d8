#include "core/mapping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "core/mapping_private.h"

struct compiler {
    struct mapping *m;
    const struct mapping_rules *rules;
    struct buf literal; /* not yet a part */
    size_t places;
    struct err *e;
};

static int no_memory(struct compiler *c) {
    return err_set(c->e, -ENOMEM, "out of memory");
}

/* ---- parts ---- */

static struct mapping_part *add_part(struct compiler *c) {
    struct mapping *m = c->m;
    if ((m->count & (m->count + 1)) == 0) { // 1, 3, 7, ...: twice as many from here
        struct mapping_part *more = arena_zalloc(&m->arena, (2 * m->count + 2) * sizeof *more);
        if (more == NULL) {
            return NULL;
        }
        if (m->count > 0) {
            memcpy(more, m->parts, m->count * sizeof *more);
        }
        m->parts = more;
    }
    return &m->parts[m->count++];
}

static int flush_literal(struct compiler *c) {
    if (c->literal.failed) {
        return no_memory(c);
    }
    if (c->literal.len == 0) {
        return 0;
    }
    struct mapping_part *part = add_part(c);
    struct bytes copy = arena_bytes(&c->m->arena, buf_bytes(&c->literal));
    if (part == NULL || copy.data == NULL) {
        return no_memory(c);
    }
    part->kind = MAPPING_LITERAL;
    part->literal = copy;
    buf_clear(&c->literal);
    return 0;
}

/* ---- one placeholder ---- */

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_header(const struct compiler *c, const char *name) {
    (void)c;
    return strspn(name, LETTERS DIGITS "!#$%&'*+.^_`|~-") == strlen(name);
}

static bool is_any(const struct compiler *c, const char *name) {
    (void)c;
    (void)name;
    return true;
}

static bool is_path_name(const struct compiler *c, const char *name) {
    size_t len = strlen(name);
    for (const char *at = c->rules->path; at != NULL && (at = strchr(at, '{')) != NULL; at++) {
        if (strncmp(at + 1, name, len) == 0 && at[1 + len] == '}') {
            return true;
        }
    }
    return false;
}

static bool is_of_job(const struct compiler *c, const char *name) {
    static const char *const names[] = {"id", "state", "duplicate"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return c->rules->answer;
        }
    }
    return false;
}

static const struct source {
    const char *word;
    enum mapping_from from;
    bool (*has)(const struct compiler *c, const char *name); /* NULL: it is one value */
    const char *wrong;
} sources[] = {
    {"header", MAPPING_HEADER, is_header, "is no name of a header"},
    {"query", MAPPING_QUERY, is_any, ""},
    {"form", MAPPING_FORM, is_any, ""},
    {"path", MAPPING_PATH, is_path_name, "is no name in braces in the hook's path"},
    {"job", MAPPING_JOB, is_of_job,
     "is not known here; an answer has {job.id}, {job.state} and {job.duplicate}"},
    {"hook", MAPPING_HOOK, NULL, NULL},
    {"id", MAPPING_ID, NULL, NULL},
    {"received_at", MAPPING_RECEIVED_AT, NULL, NULL},
    {"body", MAPPING_BODY, NULL, NULL},
};

/* body.a.b.0, behind its first word. */
static int take_steps(struct compiler *c, struct mapping_part *part, const char *text, size_t len) {
    part->steps = arena_alloc(&c->m->arena, MAPPING_STEPS_MAX * sizeof *part->steps);
    if (part->steps == NULL) {
        return no_memory(c);
    }
    for (size_t from = 0; from <= len;) {
        const char *dot = memchr(text + from, '.', len - from);
        size_t to = dot == NULL ? len : (size_t)(dot - text);
        if (to == from) {
            return err_set(c->e, -EINVAL, "{body.%.*s}: a part between two dots is empty", (int)len,
                           text);
        }
        if (part->step_count == MAPPING_STEPS_MAX) {
            return err_set(c->e, -EINVAL, "{body.%.*s} has more than %d parts", (int)len, text,
                           (int)MAPPING_STEPS_MAX);
        }
        part->steps[part->step_count++] = (struct bytes){text + from, to - from};
        from = to + 1;
    }
    return 0;
}

static int unknown_source(struct compiler *c, const char *name) {
    return err_set(c->e, -EINVAL,
                   "unknown placeholder {%s}; there are {body}, {body.NAME}, {header.NAME}, "
                   "{query.NAME}, {path.NAME}, {form.NAME}, {hook}, {id} and {received_at}, and {{ "
                   "is a brace",
                   name);
}

static int take_name(struct compiler *c, struct mapping_part *part, const char *name) {
    size_t word = strcspn(name, ".");
    const char *rest = name[word] == '.' ? name + word + 1 : NULL;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct source *s = &sources[i];
        if (strlen(s->word) != word || memcmp(s->word, name, word) != 0) {
            continue;
        }
        part->from = s->from;
        part->name = rest;
        if (s->from == MAPPING_BODY) {
            c->m->reads_body = true;
            return rest == NULL ? 0 : take_steps(c, part, rest, strlen(rest));
        }
        if ((s->has != NULL) != (rest != NULL && rest[0] != '\0')) {
            return err_set(c->e, -EINVAL,
                           s->has == NULL ? "{%s}: {%s} has no parts" : "{%s}: write {%s.NAME}",
                           name, s->word);
        }
        return s->has == NULL || s->has(c, rest)
                   ? 0
                   : err_set(c->e, -EINVAL, "{%s}: %s %s", name, rest, s->wrong);
    }
    return unknown_source(c, name);
}

static bool is_scalar_json(struct bytes text) {
    const char *p = text.data;
    return json_is_valid(text) && *p != '{' && *p != '[';
}

static int take_otherwise(struct compiler *c, struct mapping_part *part, const char *text) {
    part->has_otherwise = true;
    part->otherwise = bytes_of(text);
    part->otherwise_is_json = part->from == MAPPING_BODY && is_scalar_json(part->otherwise);
    if (part->otherwise_is_json && text[0] == '"') { // only JSON can say that it is a text
        bool inside = part->kind == MAPPING_INSIDE;
        char *plain = inside ? json_text(&c->m->arena, part->otherwise) : NULL;
        if (inside && plain == NULL) {
            return err_set(c->e, -EINVAL, "%s cannot stand in a text", text);
        }
        part->otherwise = inside ? bytes_of(plain) : part->otherwise;
    }
    return 0;
}

/* What stands between the braces. */
static int add_place(struct compiler *c, const char *text, size_t len, enum mapping_kind kind) {
    int r = flush_literal(c);
    if (r != 0) {
        return r;
    }
    if (++c->places > MAPPING_PLACES_MAX) {
        return err_set(c->e, -EINVAL, "more than %d placeholders", (int)MAPPING_PLACES_MAX);
    }
    if (len > MAPPING_NAME_MAX * 2) {
        return err_set(c->e, -EINVAL, "{%.20s...}: a placeholder has at most %d bytes", text,
                       2 * MAPPING_NAME_MAX);
    }
    char *name = arena_strn(&c->m->arena, text, len);
    struct mapping_part *part = add_part(c);
    if (name == NULL || part == NULL) {
        return no_memory(c);
    }
    part->kind = kind;
    char *mark = strchr(name, '?');
    if (mark != NULL) {
        *mark = '\0';
    }
    r = take_name(c, part, name);
    return r != 0 || mark == NULL ? r : take_otherwise(c, part, mark + 1);
}

/* ---- texts ---- */

/* Where the placeholder that begins at `at` ends; 0: nowhere. */
static size_t end_of_place(const char *text, size_t at, size_t len) {
    const char *end = memchr(text + at, '}', len - at);
    return end == NULL ? 0 : (size_t)(end - text);
}

static void add_literal(struct compiler *c, const char *text, size_t len) {
    if (c->m->text) {
        buf_add(&c->literal, text, len);
        return;
    }
    size_t at = c->literal.len;
    json_strn(&c->literal, text, len);
    if (!c->literal.failed) { // without its quotes
        memmove(c->literal.data + at, c->literal.data + at + 1, c->literal.len - at - 2);
        c->literal.len -= 2;
    }
}

static int add_text(struct compiler *c, const char *text, size_t len) {
    for (size_t i = 0; i < len;) {
        const char *brace = memchr(text + i, '{', len - i);
        size_t to = brace == NULL ? len : (size_t)(brace - text);
        if (to > i) {
            add_literal(c, text + i, to - i);
        }
        if (brace == NULL) {
            return 0;
        }
        if (to + 1 < len && text[to + 1] == '{') {
            buf_char(&c->literal, '{');
            i = to + 2;
            continue;
        }
        size_t end = end_of_place(text, to, len);
        if (end == 0) {
            return err_set(c->e, -EINVAL, "a brace without its partner; write {{ for a brace");
        }
        int r = add_place(c, text + to + 1, end - to - 1, MAPPING_INSIDE);
        if (r != 0) {
            return r;
        }
        i = end + 1;
    }
    return 0;
}

/* ---- JSON ---- */

static bool is_one_place(const char *text, size_t len) {
    return len >= 2 && text[0] == '{' && text[1] != '{' && end_of_place(text, 0, len) == len - 1;
}

static int add_string(struct compiler *c, struct bytes raw) {
    if (memchr(raw.data, '{', raw.len) == NULL) {
        buf_add(&c->literal, raw.data, raw.len);
        return 0;
    }
    char *text = json_text(&c->m->arena, raw);
    if (text == NULL) {
        return err_set(c->e, -EINVAL, "a text with placeholders cannot hold \\u0000");
    }
    size_t len = strlen(text);
    if (is_one_place(text, len)) {
        return add_place(c, text + 1, len - 2, MAPPING_ALONE);
    }
    buf_char(&c->literal, '"');
    int r = add_text(c, text, len);
    buf_char(&c->literal, '"');
    return r;
}

/* From an opening quote to behind the closing one. */
static size_t string_end(const char *p, size_t at, size_t len) {
    for (at++; at < len && p[at] != '"'; at++) {
        at += p[at] == '\\';
    }
    return at + 1 < len ? at + 1 : len;
}

static bool is_key(const char *p, size_t at, size_t len) {
    while (at < len && strchr(" \t\r\n", p[at]) != NULL) {
        at++;
    }
    return at < len && p[at] == ':';
}

static int add_json(struct compiler *c, const char *p, size_t len) {
    size_t depth = 0;
    for (size_t i = 0; i < len;) {
        if (p[i] != '"') {
            depth += p[i] == '{' || p[i] == '[';
            depth -= p[i] == '}' || p[i] == ']';
            if (depth > MAPPING_DEPTH_MAX) {
                return err_set(c->e, -EINVAL, "deeper than %d", (int)MAPPING_DEPTH_MAX);
            }
            buf_char(&c->literal, p[i++]);
            continue;
        }
        size_t end = string_end(p, i, len);
        struct bytes raw = {p + i, end - i};
        if (is_key(p, end, len)) {
            buf_add(&c->literal, raw.data, raw.len);
        } else {
            int r = add_string(c, raw);
            if (r != 0) {
                return r;
            }
        }
        i = end;
    }
    return 0;
}

/* ---- all of it ---- */

int mapping_new(struct bytes text, const struct mapping_rules *rules, struct mapping **ret,
                struct err *e) {
    *ret = NULL;
    if (text.len > MAPPING_TEXT_MAX) {
        return err_set(e, -EINVAL, "longer than %d bytes", (int)MAPPING_TEXT_MAX);
    }
    struct compiler c = {.m = calloc(1, sizeof(struct mapping)), .rules = rules, .e = e};
    if (c.m == NULL) {
        return no_memory(&c);
    }
    c.m->text = rules->text;
    int r = rules->text ? add_text(&c, text.data, text.len) : add_json(&c, text.data, text.len);
    r = r == 0 ? flush_literal(&c) : r;
    buf_free(&c.literal);
    if (r != 0) {
        mapping_free(&c.m);
    }
    *ret = c.m;
    return r;
}

void mapping_free(struct mapping **m) {
    if (*m != NULL) {
        arena_free(&(*m)->arena);
        free(*m);
    }
    *m = NULL;
}

bool mapping_reads_body(const struct mapping *m) {
    return m->reads_body;
}

bool mapping_varies(const struct mapping *m) {
    for (size_t i = 0; i < m->count; i++) {
        if (m->parts[i].kind != MAPPING_LITERAL) {
            return true;
        }
    }
    return false;
}
