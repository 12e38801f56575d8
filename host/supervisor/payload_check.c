#include "supervisor/payload_check.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/rfc3339.h"
#include "jobhost_plugin.h"

enum {
    NUMBER_MAX = 63, // digits of an integer; none that fits has more
};

struct check {
    const struct pool_handler *handler;
    struct problem *problem;
    struct arena arena; // texts of the values
    bool *given;        // one a field
};

static int refuse(struct problem *p, const char *member, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* `fmt` goes on where the field's name ends; `member` is NULL for the payload itself. */
static int refuse(struct problem *p, const char *member, const char *fmt, ...) {
    va_list ap;
    p->status = 400;
    p->code = "bad_payload";
    (void)snprintf(p->field, sizeof p->field, "payload%s%.50s", member == NULL ? "" : ".",
                   member == NULL ? "" : member);
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

static bool fits(struct check *c, int32_t type, struct bytes value) {
    int64_t ms;
    uint64_t size;
    if (type == JH_OPT_BOOL) {
        return word_is(value, "true") || word_is(value, "false");
    }
    if (type == JH_OPT_INT) {
        return is_integer(value);
    }
    const char *text = json_text(&c->arena, value);
    switch (type) {
    case JH_OPT_DURATION: return text != NULL && duration_parse(text, &ms) == 0;
    case JH_OPT_SIZE: return text != NULL && size_parse(text, &size) == 0;
    case JH_OPT_URL: return text != NULL && is_url(text);
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
    };
    return type < 1 || (size_t)type >= ARRAY_LEN(words) ? words[JH_OPT_STRING] : words[type];
}

/* ---- members ---- */

static const struct config_option_spec *find_field(const struct pool_handler *h, const char *name) {
    for (size_t i = 0; i < h->payload_count; i++) {
        if (strcmp(h->payload[i].name, name) == 0) {
            return &h->payload[i];
        }
    }
    return NULL;
}

static int take_member(void *arg, struct bytes key, struct bytes value) {
    struct check *c = arg;
    const char *name = json_text(&c->arena, key);
    const struct config_option_spec *field = name == NULL ? NULL : find_field(c->handler, name);
    int r = 0;
    if (field == NULL) {
        r = refuse(c->problem, name == NULL ? "?" : name, "is not a field of %s", c->handler->name);
    } else if (c->given[field - c->handler->payload]) {
        r = refuse(c->problem, name, "is there twice");
    } else if (!word_is(value, "null")) { // which is as if it were not there
        c->given[field - c->handler->payload] = true;
        r = fits(c, field->type, value)
                ? 0
                : refuse(c->problem, name, "must be %s", words_of(field->type));
    }
    arena_reset(&c->arena);
    return r;
}

static int check_required(const struct check *c) {
    const struct pool_handler *h = c->handler;
    for (size_t i = 0; i < h->payload_count; i++) {
        if ((h->payload[i].flags & JH_OPT_REQUIRED) != 0 && !c->given[i]) {
            return refuse(c->problem, h->payload[i].name, "is required by %s", h->name);
        }
    }
    return 0;
}

int payload_check(const struct pool_handler *handler, struct bytes payload,
                  struct problem *ret_problem) {
    struct bytes text = bytes_trim(payload);
    if (text.len > 0 && *(const char *)text.data != '{') {
        (void)refuse(ret_problem, NULL, "must be a JSON object for %s", handler->name);
        return -EINVAL;
    }
    struct check c = {.handler = handler, .problem = ret_problem};
    c.given = calloc(handler->payload_count + 1, sizeof *c.given);
    if (c.given == NULL) {
        *ret_problem = (struct problem){
            .status = 503, .code = "out_of_memory", .message = "the host is out of memory"};
        return -EINVAL;
    }
    int r = json_members(text, take_member, &c);
    r = r != 0 ? r : check_required(&c);
    arena_free(&c.arena);
    free(c.given);
    return r;
}
