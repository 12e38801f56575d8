#define _GNU_SOURCE // memmem
#include "redis/reply.h"

#include <errno.h>
#include <hiredis/read.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum {
    SLICE = 16 * 1024, // what the reader gets at once
    KEPT = 256 * 1024, // memory of one reply that is kept for the next
};

struct redis_reader {
    redisReader *parser;
    struct arena arena;      // the reply that is being read, or was handed out
    struct redis_reply root; // its top
    size_t bytes_max, elements_max;
    size_t bytes;    // of the reply that is being read
    size_t elements; // likewise
    bool handed_out;
    const char *refused; // what there was too much of; a constant
    struct err broken;   // final
};

/* ---- hiredis' builders: an object is its place in the array above it ---- */

static struct redis_reader *reader_of(const redisReadTask *task) {
    return task->privdata;
}

static struct redis_reply *place(const redisReadTask *task, enum redis_kind kind) {
    struct redis_reply *above = task->parent == NULL ? NULL : task->parent->obj;
    struct redis_reply *r = above == NULL ? &reader_of(task)->root : &above->items[task->idx];
    *r = (struct redis_reply){.kind = kind};
    return r;
}

static void *make_string(const redisReadTask *task, char *text, size_t len) {
    static const enum redis_kind kinds[] = {[REDIS_REPLY_STRING] = REDIS_STRING,
                                            [REDIS_REPLY_STATUS] = REDIS_STATUS,
                                            [REDIS_REPLY_ERROR] = REDIS_ERROR};
    struct redis_reader *reader = reader_of(task);
    if (task->type != REDIS_REPLY_STRING && len > REDIS_REPLY_LINE_MAX) {
        reader->refused = "bytes in a line";
        return NULL;
    }
    struct redis_reply *r = place(task, kinds[task->type]);
    char *copy = arena_strn(&reader->arena, text, len);
    r->text = (struct bytes){copy, len};
    return copy == NULL ? NULL : r;
}

static bool is_too_deep(const redisReadTask *task) {
    unsigned depth = 1;
    for (; task->parent != NULL; task = task->parent) {
        depth++;
    }
    return depth > REDIS_REPLY_DEPTH_MAX;
}

static void *make_array(const redisReadTask *task, int count) {
    struct redis_reader *reader = reader_of(task);
    size_t n = count < 0 ? 0 : (size_t)count;
    if (n > reader->elements_max - reader->elements || is_too_deep(task)) {
        reader->refused = is_too_deep(task) ? "arrays inside of one another" : "elements";
        return NULL;
    }
    reader->elements += n;
    struct redis_reply *r = place(task, REDIS_ARRAY);
    r->items = arena_zalloc(&reader->arena, (n == 0 ? 1 : n) * sizeof *r->items);
    r->count = n;
    return r->items == NULL ? NULL : r;
}

static void *make_integer(const redisReadTask *task, long long value) {
    struct redis_reply *r = place(task, REDIS_INTEGER);
    r->integer = value;
    return r;
}

static void *make_nil(const redisReadTask *task) {
    return place(task, REDIS_NIL);
}

static void forget(void *object) {
    (void)object; // it lives in the arena
}

static redisReplyObjectFunctions builders = {make_string, make_array, make_integer, make_nil,
                                             forget};

/* ---- the reader ---- */

struct redis_reader *redis_reader_new(size_t bytes_max, size_t elements_max) {
    struct redis_reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    r->bytes_max = bytes_max == 0 ? REDIS_REPLY_BYTES_MAX : bytes_max;
    r->elements_max = elements_max == 0 ? REDIS_REPLY_ELEMENTS_MAX : elements_max;
    r->parser = redisReaderCreateWithFunctions(&builders);
    if (r->parser == NULL) {
        free(r);
        return NULL;
    }
    r->parser->privdata = r;
    return r;
}

void redis_reader_free(struct redis_reader **at) {
    struct redis_reader *r = *at;
    if (r != NULL) {
        redisReaderFree(r->parser);
        arena_free(&r->arena);
        free(r);
        *at = NULL;
    }
}

size_t redis_reader_pending(const struct redis_reader *r) {
    return r->bytes;
}

static int too_large(struct redis_reader *r) {
    return err_set(&r->broken, -EMSGSIZE, "a reply of more than %zu bytes", r->bytes_max);
}

static int parser_failed(struct redis_reader *r) {
    if (r->refused != NULL) {
        return err_set(&r->broken, -EMSGSIZE, "a reply with more %s than jobhost reads",
                       r->refused);
    }
    if (r->parser->err == REDIS_ERR_OOM) {
        return err_set(&r->broken, -ENOMEM, "out of memory for a reply");
    }
    return err_set(&r->broken, -EPROTO, "not the Redis protocol: %s", r->parser->errstr);
}

static int line_too_long(struct redis_reader *r) {
    return err_set(&r->broken, -EMSGSIZE, "a line of more than %d bytes in a reply",
                   REDIS_REPLY_LINE_MAX);
}

/* What waits for more bytes, by how it begins: a string that says it will be too long need not be
 * waited for, and a line without an end would be searched again with each slice. hiredis has taken
 * the type's byte off. */
static int check_rest(struct redis_reader *r) {
    const redisReader *p = r->parser;
    const char *rest = p->buf + p->pos;
    size_t len = p->len - p->pos, window = REDIS_REPLY_LINE_MAX + 2;
    if (r->bytes > r->bytes_max) {
        return too_large(r);
    }
    if (len == 0 || p->ridx < 0) {
        return 0;
    }
    const char *end = memmem(rest, len < window ? len : window, "\r\n", 2);
    if (end == NULL) {
        return len < window ? 0 : line_too_long(r);
    }
    size_t announced = 0;
    for (; p->rstack[p->ridx].type == REDIS_REPLY_STRING && rest < end; rest++) {
        announced = announced * 10 + (size_t)(*rest - '0');
        if (announced > r->bytes_max) {
            return too_large(r);
        }
    }
    return 0;
}

static void begin_reply(struct redis_reader *r) {
    if (r->arena.used > KEPT) {
        arena_free(&r->arena);
    } else {
        arena_reset(&r->arena);
    }
    r->handed_out = false;
    r->elements = 0;
}

/* Feeds up to a slice. hiredis' buffer is empty of whole replies then, or the next call finds one. */
static int feed(struct redis_reader *r, struct bytes *input) {
    size_t room = r->bytes_max + 1 - r->bytes;
    size_t len = input->len < SLICE ? input->len : SLICE;
    len = len < room ? len : room;
    if (redisReaderFeed(r->parser, input->data, len) != REDIS_OK) {
        return parser_failed(r);
    }
    r->bytes += len;
    *input = (struct bytes){(const char *)input->data + len, input->len - len};
    return 0;
}

/* 1 and the reply is in r->root, 0, or an error. */
static int take(struct redis_reader *r) {
    void *object = NULL;
    if (redisReaderGetReply(r->parser, &object) != REDIS_OK) {
        return parser_failed(r);
    }
    if (object == NULL) {
        return check_rest(r);
    }
    size_t left = r->parser->len - r->parser->pos;
    if (r->bytes - left > r->bytes_max) {
        return too_large(r);
    }
    r->bytes = left; // belongs to the next one
    r->handed_out = true;
    return 1;
}

int redis_reader_next(struct redis_reader *r, struct bytes *input, const struct redis_reply **ret,
                      struct err *e) {
    if (r->handed_out) {
        begin_reply(r);
    }
    int n = r->broken.code;
    if (n == 0 && r->bytes > 0) {
        n = take(r); // several came in one slice
    }
    while (n == 0 && input->len > 0) {
        n = feed(r, input);
        n = n == 0 ? take(r) : n;
    }
    if (n < 0) {
        return err_set(e, n, "%s", r->broken.msg);
    }
    *ret = n == 1 ? &r->root : NULL;
    return n;
}

/* ---- accessors ---- */

bool redis_reply_is(const struct redis_reply *r, enum redis_kind kind) {
    return r != NULL && r->kind == kind;
}

struct bytes redis_reply_text(const struct redis_reply *r) {
    bool is_text = redis_reply_is(r, REDIS_STRING) || redis_reply_is(r, REDIS_STATUS);
    return is_text ? r->text : (struct bytes){"", 0};
}

bool redis_reply_says(const struct redis_reply *r, const char *text) {
    bool is_text = redis_reply_is(r, REDIS_STRING) || redis_reply_is(r, REDIS_STATUS);
    return is_text && bytes_equal(r->text, bytes_of(text));
}

static bool text_integer(struct bytes text, int64_t *ret) {
    char digits[24], *end;
    if (text.len == 0 || text.len >= sizeof digits || strspn(text.data, "-0123456789") < text.len) {
        return false;
    }
    memcpy(digits, text.data, text.len);
    digits[text.len] = '\0';
    errno = 0;
    long long n = strtoll(digits, &end, 10);
    *ret = n;
    return errno == 0 && *end == '\0' && end != digits;
}

bool redis_reply_integer(const struct redis_reply *r, int64_t *ret) {
    if (redis_reply_is(r, REDIS_INTEGER)) {
        *ret = r->integer;
        return true;
    }
    return redis_reply_is(r, REDIS_STRING) && text_integer(r->text, ret);
}

const struct redis_reply *redis_reply_at(const struct redis_reply *r, size_t i) {
    return redis_reply_is(r, REDIS_ARRAY) && i < r->count ? &r->items[i] : NULL;
}

const struct redis_reply *redis_reply_field(const struct redis_reply *r, const char *name) {
    for (size_t i = 0; redis_reply_is(r, REDIS_ARRAY) && i + 1 < r->count; i += 2) {
        if (redis_reply_says(&r->items[i], name)) {
            return &r->items[i + 1];
        }
    }
    return NULL;
}

int redis_reply_copy(const struct redis_reply *r, const char *name, struct arena *a,
                     const char **ret) {
    const struct redis_reply *value = redis_reply_field(r, name);
    *ret = NULL;
    if (value != NULL) {
        struct bytes text = redis_reply_text(value);
        *ret = arena_strn(a, text.data, text.len);
    }
    return value != NULL && *ret == NULL ? -ENOMEM : 0;
}
