#include "api/query_fields.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/routes.h"
#include "jobhost_plugin.h"
#include "net/path.h"
#include "supervisor/payload_shape.h"
#include "supervisor/pool.h"

enum { QUERY_NAMES_MAX = 256 };

/* A name and its texts; only lists may have several. */
struct field {
    const char *name;
    const char *text;
    struct field *again; /* the same name once more */
};

struct reader {
    struct call *call;
    const struct pool_handler *handler;
    struct field items[QUERY_NAMES_MAX];
    size_t count;
};

static bool refuse(struct reader *r, const char *name, const char *words) {
    char field[64];
    (void)snprintf(field, sizeof field, "payload.%.50s", name);
    call_errorf(r->call, 400, "bad_payload", field, "%s %s", field, words);
    return false;
}

static int32_t type_of(const struct reader *r, const char *name) {
    const struct payload_shape *shape = r->handler->shape;
    for (const struct payload_shape *m = shape == NULL ? NULL : shape->members; m != NULL;
         m = m->next) {
        if (strcmp(m->name, name) == 0) {
            return m->type;
        }
    }
    return JH_OPT_STRING;
}

static bool add(struct reader *r, const char *name, const char *text) {
    struct arena *a = &r->call->req->arena;
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->items[i].name, name) != 0) {
            continue;
        }
        if (type_of(r, name) != JH_OPT_LIST) {
            return refuse(r, name, "is there twice");
        }
        struct field *more = arena_zalloc(a, sizeof *more), *last = &r->items[i];
        while (last->again != NULL) {
            last = last->again;
        }
        last->again = more;
        if (more != NULL) {
            *more = (struct field){.name = name, .text = text};
        }
        return more != NULL || refuse(r, name, "is too much for the memory there is");
    }
    if (r->count == QUERY_NAMES_MAX) {
        return refuse(r, name, "is one field too many");
    }
    r->items[r->count++] = (struct field){.name = name, .text = text};
    return true;
}

/* The names of the route's path, with what stands there. */
static bool add_path(struct reader *r) {
    const struct call *call = r->call;
    unsigned n = 0;
    for (const char *at = strchr(call->route->pattern, '{'); at != NULL; at = strchr(at + 1, '{')) {
        const char *name = arena_strn(&call->req->arena, at + 1, strcspn(at + 1, "}"));
        if (name == NULL || !add(r, name, call->param[n++])) {
            return name == NULL ? refuse(r, "?", "is too much for the memory there is") : false;
        }
    }
    return true;
}

static bool add_parameters(struct reader *r) {
    struct arena *a = &r->call->req->arena;
    for (const char *p = r->call->req->query; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, "&"), name_len = strcspn(p, "=&");
        if (len > 0) {
            const char *name = path_decode(a, p, name_len, true);
            const char *text =
                name_len < len ? path_decode(a, p + name_len + 1, len - name_len - 1, true) : "";
            if (name == NULL || text == NULL || name[0] == '\0') {
                return refuse(r, "?", "is a parameter without a name");
            }
            if (!add(r, name, text)) {
                return false;
            }
        }
        p += len + (p[len] == '&');
    }
    return true;
}

/* ---- the payload's text ---- */

static bool is_json_of(int32_t type, const char *text) {
    static const struct {
        int32_t type;
        const char *begins;
    } kinds[] = {
        {JH_OPT_INT, "-0123456789"}, {JH_OPT_BOOL, "tf"}, {JH_OPT_LIST, "["}, {JH_OPT_OBJECT, "{"}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].type == type) {
            return text[0] != '\0' && strchr(kinds[i].begins, text[0]) != NULL &&
                   json_is_valid((struct bytes){text, strlen(text)});
        }
    }
    return false;
}

/* What is none is put down as the text that it is: the table's check finds the words for it. */
static void put_value(struct buf *out, int32_t type, const struct field *f) {
    if (type != JH_OPT_LIST || (f->again == NULL && is_json_of(type, f->text))) {
        if (is_json_of(type, f->text)) {
            buf_str(out, f->text);
        } else {
            json_str(out, f->text);
        }
        return;
    }
    buf_char(out, '[');
    for (; f != NULL; f = f->again) {
        json_comma(out);
        json_str(out, f->text);
    }
    buf_char(out, ']');
}

struct merge {
    struct reader *r;
    struct buf *out;
    bool refused;
};

static int take_member(void *arg, struct bytes key, struct bytes value) {
    struct merge *m = arg;
    const char *name = json_text(&m->r->call->req->arena, key);
    for (size_t i = 0; name != NULL && i < m->r->count; i++) {
        if (strcmp(m->r->items[i].name, name) == 0) {
            m->refused = true;
            (void)refuse(m->r, name, "is there twice");
            return -EINVAL;
        }
    }
    json_comma(m->out);
    buf_add(m->out, key.data, key.len);
    buf_char(m->out, ':');
    buf_add(m->out, value.data, value.len);
    return 0;
}

/* False: answered. */
static bool put_body(struct reader *r, struct buf *out) {
    struct merge m = {r, out, false};
    struct bytes body = bytes_trim(r->call->req->body);
    if (body.len == 0) {
        return true;
    }
    if (*(const char *)body.data != '{') {
        call_error(r->call, 400, "bad_body", NULL, "the body must be a JSON object");
        return false;
    }
    (void)json_members(body, take_member, &m);
    return !m.refused;
}

bool query_fields_read(struct call *call, const struct pool_handler *handler,
                       struct bytes *ret_payload) {
    struct reader *r = call_alloc(call, sizeof *r);
    struct buf out = {.data = NULL};
    if (r == NULL) {
        return false;
    }
    r->call = call;
    r->handler = handler;
    if (!add_path(r) || !add_parameters(r)) {
        return false;
    }
    buf_char(&out, '{');
    for (size_t i = 0; i < r->count; i++) {
        json_key(&out, r->items[i].name);
        put_value(&out, type_of(r, r->items[i].name), &r->items[i]);
    }
    if (!put_body(r, &out)) {
        buf_free(&out);
        return false;
    }
    buf_char(&out, '}');
    *ret_payload = arena_bytes(&call->req->arena, buf_bytes(&out));
    bool whole = !out.failed && ret_payload->data != NULL;
    buf_free(&out);
    if (!whole) {
        call_error(call, 503, "out_of_memory", NULL, "the host is out of memory; try again later");
    }
    return whole;
}
