#include "supervisor/payload_check.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/nearest.h"
#include "base/rfc3339.h"
#include "jobhost_plugin.h"

enum {
    NUMBER_MAX = 63, // digits of an integer; none that fits has more
};

struct check {
    const struct pool_handler *handler;
    struct problem *problem;
    struct arena arena; // texts of the value that is looked at
    size_t values;      // looked at so far
};

// Where a value is, from the inside out: printed only when something is wrong with it.
struct place {
    const struct place *in; // NULL: the payload itself
    const char *name;       // NULL: an element
    size_t index;
};

static size_t print_place(const struct place *at, char *out, size_t cap) {
    size_t used = at->in == NULL ? 0 : print_place(at->in, out, cap);
    int n = at->in == NULL     ? snprintf(out, cap, "payload")
            : at->name != NULL ? snprintf(out + used, cap - used, ".%.50s", at->name)
                               : snprintf(out + used, cap - used, "[%zu]", at->index);
    used += (size_t)n;
    return used < cap ? used : cap - 1;
}

static int refuse(struct problem *p, const struct place *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* `fmt` goes on where the name of the place ends. */
static int refuse(struct problem *p, const struct place *at, const char *fmt, ...) {
    va_list ap;
    p->status = 400;
    p->code = "bad_payload";
    (void)print_place(at, p->field, sizeof p->field);
    int len = snprintf(p->message, sizeof p->message, "%s ", p->field);
    va_start(ap, fmt);
    (void)vsnprintf(p->message + len, sizeof p->message - (size_t)len, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* ---- values ---- */

static bool word_is(struct bytes value, const char *word) {
    return value.len == strlen(word) && memcmp(value.data, word, value.len) == 0;
}

static bool is_integer(struct bytes value) {
    char text[NUMBER_MAX + 1];
    char first = *(const char *)value.data;
    if ((first != '-' && (first < '0' || first > '9')) || value.len > NUMBER_MAX) {
        return false;
    }
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    double number = strtod(text, NULL);
    return fabs(number) <= 9007199254740992.0 && number == floor(number);
}

static bool is_url(const char *text) {
    return strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
}

static bool is_choice(const char *choices, const char *text) {
    size_t len = strlen(text);
    for (const char *p = choices; *p != '\0'; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (n == len && memcmp(p, text, n) == 0) {
            return true;
        }
        p += n;
    }
    return false;
}

static bool fits(struct check *c, const struct payload_shape *s, struct bytes value) {
    int32_t type = s->type;
    int64_t ms;
    uint64_t size;
    if (type == JH_OPT_BOOL) {
        return word_is(value, "true") || word_is(value, "false");
    }
    if (type == JH_OPT_INT) {
        return is_integer(value);
    }
    if (type == JH_OPT_LIST || type == JH_OPT_OBJECT) {
        return *(const char *)value.data == (type == JH_OPT_LIST ? '[' : '{');
    }
    const char *text = json_text(&c->arena, value);
    switch (type) {
    case JH_OPT_DURATION: return text != NULL && duration_parse(text, &ms) == 0;
    case JH_OPT_SIZE: return text != NULL && size_parse(text, &size) == 0;
    case JH_OPT_URL: return text != NULL && is_url(text);
    case JH_OPT_CHOICE: return text != NULL && is_choice(s->choices, text);
    case JH_OPT_DAY: return text != NULL && rfc3339_parse_day(text, &ms) == 0;
    default: return text != NULL;
    }
}

static const char *words_of(int32_t type) {
    static const char *const words[] = {
        [JH_OPT_STRING] = "a string (without \\u0000)",
        [JH_OPT_INT] = "an integer",
        [JH_OPT_BOOL] = "true or false",
        [JH_OPT_DURATION] = "a duration such as \"30s\"",
        [JH_OPT_SIZE] = "a size such as \"10MiB\"",
        [JH_OPT_URL] = "an http or https URL",
        [JH_OPT_LIST] = "a list",
        [JH_OPT_OBJECT] = "an object",
        [JH_OPT_DAY] = "a day such as \"2026-03-31\"",
    };
    bool known = type > 0 && (size_t)type < ARRAY_LEN(words) && words[type] != NULL;
    return words[known ? type : JH_OPT_STRING];
}

enum { CHOICES_SHOWN = 160 }; // bytes of a list of choices in a message

/* "US, UK, DE", or as much of it as is shown. */
static void list_choices(const char *choices, char *out, size_t cap) {
    size_t used = 0;
    for (const char *p = choices; *p != '\0'; p += strspn(p, " ")) {
        int n = (int)strcspn(p, " ");
        if (used + (size_t)n + sizeof ", ..." > cap) {
            (void)snprintf(out + used, cap - used, ", ...");
            return;
        }
        used += (size_t)snprintf(out + used, cap - used, "%s%.*s", used == 0 ? "" : ", ", n, p);
        p += n;
    }
}

static int refuse_choice(struct check *c, const struct payload_shape *s, const struct place *at,
                         struct bytes value) {
    char list[CHOICES_SHOWN] = "";
    const char *text = json_text(&c->arena, value);
    struct nearest near = {.word = text == NULL ? "" : text};
    for (const char *p = s->choices; *p != '\0'; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        const char *word = arena_strn(&c->arena, p, n);
        if (word != NULL) {
            nearest_offer(&near, word);
        }
        p += n;
    }
    const char *meant = nearest_best(&near);
    list_choices(s->choices, list, sizeof list);
    return refuse(c->problem, at, "must be one of %s%s%s%s", list,
                  meant == NULL ? "" : "; did you mean \"", meant == NULL ? "" : meant,
                  meant == NULL ? "" : "\"?");
}

/* ---- objects and lists ---- */

static int check_value(struct check *c, const struct payload_shape *s, const struct place *at,
                       struct bytes value);

struct walk { // of an object or a list
    struct check *c;
    const struct payload_shape *shape;
    const struct place *at;
    size_t index; // of the next element
    // bits by index: members that are there, if only as null; those that have a value
    uint64_t seen[PAYLOAD_MEMBERS_MAX / 64], given[PAYLOAD_MEMBERS_MAX / 64];
};

/* Null is as if it were not there; so is "" where it can be no value, as forms send what nobody filled in. */
static bool is_left_out(const struct payload_shape *m, struct bytes value) {
    bool never_empty = m->type == JH_OPT_CHOICE || m->type == JH_OPT_DAY;
    return word_is(value, "null") || (never_empty && word_is(value, "\"\""));
}

static int take_member(void *arg, struct bytes key, struct bytes value) {
    struct walk *w = arg;
    const char *name = json_text(&w->c->arena, key);
    const struct place at = {w->at, name == NULL ? "?" : name, 0};
    const struct payload_shape *m = name == NULL ? NULL : w->shape->members;
    while (m != NULL && strcmp(m->name, name) != 0) {
        m = m->next;
    }
    if (m == NULL) {
        return refuse(w->c->problem, &at, "is not a field of %s", w->c->handler->name);
    }
    uint64_t bit = UINT64_C(1) << (m->index % 64);
    if ((w->seen[m->index / 64] & bit) != 0) { // readers differ in which one counts
        return refuse(w->c->problem, &at, "is there twice");
    }
    w->seen[m->index / 64] |= bit;
    if (is_left_out(m, value)) {
        return 0;
    }
    w->given[m->index / 64] |= bit;
    return check_value(w->c, m, &(struct place){w->at, m->name, 0}, value);
}

static int check_object(struct check *c, const struct payload_shape *s, const struct place *at,
                        struct bytes object) {
    struct walk w = {.c = c, .shape = s, .at = at};
    int r = json_members(object, take_member, &w);
    for (const struct payload_shape *m = s->members; r == 0 && m != NULL; m = m->next) {
        if (m->required && (w.given[m->index / 64] >> (m->index % 64) & 1) == 0) {
            r = refuse(c->problem, &(struct place){at, m->name, 0}, "is required by %s",
                       c->handler->name);
        }
    }
    return r;
}

enum { ENOUGH = 1 };

static int take_element(void *arg, struct bytes value) {
    struct walk *w = arg;
    if (w->c->values >= PAYLOAD_VALUES_CHECKED) {
        return ENOUGH;
    }
    return check_value(w->c, w->shape->element, &(struct place){w->at, NULL, w->index++}, value);
}

static int check_value(struct check *c, const struct payload_shape *s, const struct place *at,
                       struct bytes value) {
    bool fit = fits(c, s, value);
    c->values++;
    arena_reset(&c->arena);
    if (!fit) {
        return s->choices != NULL ? refuse_choice(c, s, at, value)
                                  : refuse(c->problem, at, "must be %s", words_of(s->type));
    }
    if (s->type == JH_OPT_OBJECT && s->closed) {
        return check_object(c, s, at, value);
    }
    if (s->type == JH_OPT_LIST && s->element != NULL) {
        struct walk w = {.c = c, .shape = s, .at = at};
        int r = json_each(value, take_element, &w);
        return r == ENOUGH ? 0 : r;
    }
    return 0;
}

int payload_check(const struct pool_handler *handler, struct bytes payload,
                  struct problem *ret_problem) {
    const struct place at = {NULL, NULL, 0};
    struct bytes text = bytes_trim(payload);
    struct check c = {.handler = handler, .problem = ret_problem};
    if (text.len > 0 && *(const char *)text.data != '{') {
        return refuse(ret_problem, &at, "must be a JSON object for %s", handler->name);
    }
    int r = check_object(&c, handler->shape, &at, text);
    arena_free(&c.arena);
    return r;
}
