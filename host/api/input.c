#include "api/input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

struct reader {
    struct call *call;
    const char *prefix;
    const struct input_field *fields;
    size_t count;
    uint32_t seen; // bit per field
};

static int bad(struct reader *r, const char *field, const char *code, const char *message) {
    char name[64];
    (void)snprintf(name, sizeof name, "%s%s", r->prefix, field);
    call_error(r->call, 400, code, name, message);
    return -EINVAL;
}

static int take_id(void *arg, struct bytes value) {
    void **pair = arg;
    struct input_ids *ids = pair[0];
    struct arena *arena = pair[1];
    const char *text = json_text(arena, value);
    if (ids->count == INPUT_IDS_MAX) {
        return -E2BIG;
    }
    if (text == NULL || id_parse(text, &ids->ids[ids->count]) != 0) {
        return -EINVAL;
    }
    ids->count++;
    return 0;
}

static int take_ids(struct reader *r, const struct input_field *f, struct bytes value) {
    struct input_ids *ids = f->to;
    struct arena *arena = &r->call->req->arena;
    void *pair[2] = {ids, arena};
    if (*(const char *)value.data != '[') {
        return bad(r, f->name, "bad_field", "must be an array of job ids");
    }
    ids->ids = call_alloc(r->call, INPUT_IDS_MAX * sizeof *ids->ids);
    if (ids->ids == NULL) {
        return -ENOMEM;
    }
    int error = json_each(value, take_id, pair);
    if (error == -E2BIG) {
        return bad(r, f->name, "too_many_ids", "at most 1000 ids at once");
    }
    return error == 0 ? 0 : bad(r, f->name, "bad_id", "one of these is not a job id");
}

static int take_queue(void *arg, struct bytes value) {
    void **pair = arg;
    struct buf *out = pair[0];
    struct err e;
    const char *text = json_text(pair[1], value);
    if (text == NULL || job_check_queue(text, &e) < 0) {
        return -EINVAL;
    }
    buf_str(out, out->len == 0 ? "" : ",");
    buf_str(out, text);
    return 0;
}

static int take_queues(struct reader *r, const struct input_field *f, struct bytes value) {
    struct arena *arena = &r->call->req->arena;
    struct buf text = {0};
    void *pair[2] = {&text, arena};
    bool good = *(const char *)value.data == '[' && json_each(value, take_queue, pair) == 0;
    *(const char **)f->to = text.len == 0 ? NULL : arena_strn(arena, text.data, text.len);
    buf_free(&text);
    return good ? 0 : bad(r, f->name, "bad_field", "must be an array of names of queues");
}

bool input_why_fits(struct call *call, const char *why) {
    if (why == NULL || strlen(why) <= INPUT_WHY_MAX) {
        return true;
    }
    call_errorf(call, 400, "bad_field", "why", "at most %d bytes", INPUT_WHY_MAX);
    return false;
}

static bool word_is(struct bytes value, const char *word) {
    return value.len == strlen(word) && memcmp(value.data, word, value.len) == 0;
}

static int take(struct reader *r, const struct input_field *f, struct bytes value) {
    if (word_is(value, "null")) {
        return 0;
    }
    switch (f->kind) {
    case INPUT_TEXT:
    case INPUT_WHY: {
        const char *text = json_text(&r->call->req->arena, value);
        *(const char **)f->to = text;
        if (text == NULL) {
            return bad(r, f->name, "bad_field", "must be a string");
        }
        return f->kind == INPUT_TEXT || input_why_fits(r->call, text) ? 0 : -EINVAL;
    }
    case INPUT_BOOL:
        *(bool *)f->to = word_is(value, "true");
        return word_is(value, "true") || word_is(value, "false")
                   ? 0
                   : bad(r, f->name, "bad_field", "must be true or false");
    case INPUT_OBJECT:
        *(struct bytes *)f->to = value;
        return *(const char *)value.data == '{' ? 0
                                                : bad(r, f->name, "bad_field", "must be an object");
    case INPUT_QUEUES: return take_queues(r, f, value);
    default: return take_ids(r, f, value);
    }
}

static int take_member(void *arg, struct bytes key, struct bytes value) {
    struct reader *r = arg;
    const char *name = json_text(&r->call->req->arena, key);
    struct nearest near = {.word = name == NULL ? "" : name};
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(near.word, r->fields[i].name) == 0) {
            bool again = (r->seen & UINT32_C(1) << i) != 0;
            r->seen |= UINT32_C(1) << i;
            return again ? bad(r, near.word, "repeated_field", "is there twice")
                         : take(r, &r->fields[i], value);
        }
        nearest_offer(&near, r->fields[i].name);
    }
    char message[160];
    const char *meant = nearest_best(&near);
    (void)snprintf(message, sizeof message, "there is no such field%s%s%s",
                   meant == NULL ? "" : "; did you mean \"", meant == NULL ? "" : meant,
                   meant == NULL ? "" : "\"?");
    return bad(r, near.word, "unknown_field", message);
}

bool input_read_object(struct call *call, struct bytes object, const char *prefix,
                       const struct input_field *fields, size_t count) {
    struct reader r = {call, prefix, fields, count, 0};
    return json_members(object, take_member, &r) == 0;
}

bool input_read(struct call *call, const struct input_field *fields, size_t count) {
    struct bytes text = call->req->body;
    const char *p = text.data;
    while (text.len > 0 && strchr(" \t\r\n", *p) != NULL) {
        p++;
        text.len--;
    }
    if (text.len == 0) {
        return true;
    }
    if (*p != '{') {
        call_error(call, 400, "bad_body", NULL, "the body must be a JSON object");
        return false;
    }
    return input_read_object(call, (struct bytes){p, text.len}, "", fields, count);
}
