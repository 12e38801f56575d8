/* What comes of a mapping and the values of one delivery. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "core/mapping_private.h"

struct value {
    struct bytes text;
    bool json;
};

static bool is_null(struct bytes json) {
    return json.len == 4 && memcmp(json.data, "null", 4) == 0;
}

/* ---- into the body ---- */

struct place {
    size_t left;
    struct bytes found;
};

static int count_down(void *arg, struct bytes element) {
    struct place *p = arg;
    if (p->left-- > 0) {
        return 0;
    }
    p->found = element;
    return 1;
}

static struct bytes element_of(struct bytes list, struct bytes step) {
    char text[8] = "";
    bool index = step.len < sizeof text && memcpy(text, step.data, step.len) != NULL &&
                 strspn(text, "0123456789") == step.len && (step.len == 1 || text[0] != '0');
    struct place p = {.left = index ? (size_t)strtoul(text, NULL, 10) : 0};
    if (index) {
        (void)json_each(list, count_down, &p);
    }
    return p.found;
}

/* {NULL, 0}: it is not there. */
static int walk(const struct mapping_part *part, struct bytes body, struct bytes *ret,
                struct err *why) {
    *ret = bytes_trim(body);
    for (size_t i = 0; i < part->step_count && ret->len > 0; i++) {
        struct bytes step = part->steps[i];
        char first = *(const char *)ret->data;
        if (first == '[') {
            *ret = element_of(*ret, step);
        } else if (first != '{') {
            *ret = (struct bytes){NULL, 0};
        } else if (json_single_member(*ret, step, ret) == -EEXIST) {
            return err_set(why, -EINVAL, "the body has \"%.*s\" twice in one object", (int)step.len,
                           (const char *)step.data);
        }
    }
    return 0;
}

/* ---- one value ---- */

/* 1: it has one; 0: it has none, nor is there one for that case. */
static int value_of(const struct mapping_part *part, const struct mapping_values *values,
                    struct value *ret, struct err *why) {
    *ret = (struct value){.json = part->from == MAPPING_BODY};
    bool found;
    if (part->from == MAPPING_BODY) {
        int r = walk(part, values->body, &ret->text, why);
        if (r != 0) {
            return r;
        }
        found = ret->text.len > 0 && !is_null(ret->text);
    } else {
        found = values->find(values->arg, part->from, part->name, &ret->text, &ret->json);
    }
    if (!found && part->has_otherwise) {
        *ret =
            (struct value){part->otherwise, part->otherwise_is_json && part->kind == MAPPING_ALONE};
    }
    return found || part->has_otherwise;
}

static void write_alone(const struct value *v, struct buf *out) {
    if (v->json) {
        buf_add(out, v->text.data, v->text.len);
    } else {
        json_strn(out, v->text.data == NULL ? "" : v->text.data, v->text.len);
    }
}

static bool is_utf8(struct bytes text) {
    const uint8_t *p = text.data, *end = p + text.len;
    while (p < end) {
        size_t len = utf8_char_len(p, end);
        if (len == 0 || *p == '\0') {
            return false;
        }
        p += len;
    }
    return true;
}

static int write_text(const struct mapping *m, struct bytes text, struct buf *out,
                      struct err *why) {
    if (m->text && !is_utf8(text)) {
        return err_set(why, -EINVAL, "a value is not UTF-8 text");
    }
    if (m->text) {
        buf_add(out, text.data, text.len);
        return 0;
    }
    size_t at = out->len;
    json_strn(out, text.data == NULL ? "" : text.data, text.len);
    if (!out->failed) { // within a string that has its quotes
        memmove(out->data + at, out->data + at + 1, out->len - at - 2);
        out->len -= 2;
        out->data[out->len] = '\0';
    }
    return 0;
}

static int write_inside(const struct mapping *m, const struct value *v, struct buf *out,
                        struct err *why) {
    if (!v->json || *(const char *)v->text.data != '"') {
        return write_text(m, v->text, out, why);
    }
    struct arena arena = {0};
    char *text = json_text(&arena, v->text);
    int r = text == NULL
                ? err_set(why, -EINVAL, "a text of the body holds \\u0000 or half a character")
                : write_text(m, bytes_of(text), out, why);
    arena_free(&arena);
    return r;
}

/* ---- all of it ---- */

static int no_value(const struct mapping_part *part, struct err *why) {
    static const char *const words[] = {
        [MAPPING_BODY] = "body",   [MAPPING_HEADER] = "header",
        [MAPPING_QUERY] = "query", [MAPPING_PATH] = "path",
        [MAPPING_FORM] = "form",   [MAPPING_HOOK] = "hook",
        [MAPPING_ID] = "id",       [MAPPING_RECEIVED_AT] = "received_at",
        [MAPPING_JOB] = "job",
    };
    return err_set(why, -ENODATA, "the delivery has no {%s%s%s}", words[part->from],
                   part->name == NULL ? "" : ".", part->name == NULL ? "" : part->name);
}

static int write_part(const struct mapping *m, const struct mapping_part *part,
                      const struct mapping_values *values, struct buf *out, struct err *why) {
    struct value v;
    if (part->kind == MAPPING_LITERAL) {
        buf_add(out, part->literal.data, part->literal.len);
        return 0;
    }
    int r = value_of(part, values, &v, why);
    if (r < 0) {
        return r;
    }
    if (r == 0 && part->kind == MAPPING_ALONE) {
        buf_str(out, "null");
        return 0;
    }
    if (r == 0) {
        return m->text ? no_value(part, why) : 0;
    }
    if (part->kind == MAPPING_ALONE) {
        write_alone(&v, out);
        return 0;
    }
    return write_inside(m, &v, out, why);
}

int mapping_write(const struct mapping *m, const struct mapping_values *values, struct buf *out,
                  struct err *why) {
    size_t before = out->len, most = values->most == 0 ? MAPPING_RESULT_MAX : values->most;
    for (size_t i = 0; i < m->count; i++) {
        int r = write_part(m, &m->parts[i], values, out, why);
        if (r != 0) {
            return r;
        }
        if (out->len - before > most) {
            return err_set(why, -EMSGSIZE, "what comes of it is larger than %zu KiB", most >> 10);
        }
    }
    return out->failed ? err_set(why, -ENOMEM, "out of memory") : 0;
}
