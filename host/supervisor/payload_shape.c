#include "supervisor/payload_shape.h"

#include <string.h>

#include "jobhost_plugin.h"

/* How much of a row's name is the path of its parent; 0 for a member of the payload itself. */
static size_t payload_parent_len(const char *path, size_t len) {
    if (len > 2 && memcmp(path + len - 2, "[]", 2) == 0) {
        return len - 2;
    }
    while (len > 0 && path[len - 1] != '.') {
        len--;
    }
    return len == 0 ? 0 : len - 1;
}

static struct payload_shape *payload_add_member(struct arena *arena, struct payload_shape *of,
                                                const char *name) {
    struct payload_shape *m = arena_zalloc(arena, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->name = name;
    m->index = of->last == NULL ? 0 : of->last->index + 1;
    of->closed = true;
    *(of->last == NULL ? &of->members : &of->last->next) = m;
    of->last = m;
    return m;
}

/* The element of a list; without a row of its own it is an object, for a member of it is asked for. */
static struct payload_shape *payload_element(struct arena *arena, struct payload_shape *list) {
    if (list->element == NULL) {
        list->element = arena_zalloc(arena, sizeof *list->element);
        if (list->element != NULL) {
            list->element->name = "";
            list->element->type = JH_OPT_OBJECT;
        }
    }
    return list->element;
}

/* What `len` bytes of a path lead to; NULL = nothing that the rows so far have. */
static struct payload_shape *payload_find(struct arena *arena, struct payload_shape *root,
                                          const char *path, size_t len) {
    size_t up = payload_parent_len(path, len);
    struct payload_shape *in = up == 0 ? root : payload_find(arena, root, path, up);
    if (in == NULL) {
        return NULL;
    }
    if (len > 2 && memcmp(path + len - 2, "[]", 2) == 0) {
        return in->type == JH_OPT_LIST ? payload_element(arena, in) : NULL;
    }
    const char *name = up == 0 ? path : path + up + 1;
    struct payload_shape *m = in->members;
    while (m != NULL && (strncmp(m->name, name, (size_t)(path + len - name)) != 0 ||
                         m->name[path + len - name] != '\0')) {
        m = m->next;
    }
    return m;
}

static struct payload_shape *payload_place(struct arena *arena, struct payload_shape *root,
                                           const char *path) {
    size_t len = strlen(path), up = payload_parent_len(path, len);
    struct payload_shape *in = up == 0 ? root : payload_find(arena, root, path, up);
    if (in != NULL && in->type == JH_OPT_LIST && path[up] == '[') {
        return payload_element(arena, in);
    }
    return in != NULL && in->type == JH_OPT_OBJECT
               ? payload_add_member(arena, in, up == 0 ? path : path + up + 1)
               : payload_add_member(arena, root, path);
}

struct payload_shape *payload_shape_new(struct arena *arena, const struct config_option_spec *rows,
                                        size_t count) {
    struct payload_shape *root = arena_zalloc(arena, sizeof *root);
    if (root == NULL) {
        return NULL;
    }
    root->name = "";
    root->type = JH_OPT_OBJECT;
    root->closed = true;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].type == JH_OPT_FILE) {
            continue;
        }
        struct payload_shape *s = payload_place(arena, root, rows[i].name);
        if (s == NULL) {
            return NULL;
        }
        s->type = rows[i].type;
        s->choices = rows[i].type == JH_OPT_CHOICE ? rows[i].fallback : NULL;
        s->required = (rows[i].flags & JH_OPT_REQUIRED) != 0;
    }
    return root;
}
