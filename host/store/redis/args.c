#include "store/redis/args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis/rdb.h"
#include "store/redis/hostrow.h"

enum { CLAIM_TEXT = 64 }; // two numbers of 10 digits, a nonce and a few words

static bool grow(struct redis_args *a) {
    size_t cap = a->cap == 0 ? 64 : a->cap * 2;
    const char **words = realloc(a->words, cap * sizeof *words);
    a->words = words == NULL ? a->words : words;
    size_t *lens = words == NULL ? NULL : realloc(a->lens, cap * sizeof *lens);
    a->lens = lens == NULL ? a->lens : lens;
    a->cap = lens == NULL ? a->cap : cap;
    a->failed = lens == NULL;
    return lens != NULL;
}

void redis_args_bytes(struct redis_args *a, struct bytes bytes) {
    if (a->failed || (a->count == a->cap && !grow(a))) {
        return;
    }
    a->words[a->count] = bytes.len == 0 ? "" : bytes.data;
    a->lens[a->count++] = bytes.len;
    a->bytes += bytes.len;
}

void redis_args_text(struct redis_args *a, const char *text) {
    redis_args_bytes(a, bytes_of(text));
}

void redis_args_copy(struct redis_args *a, struct bytes bytes) {
    struct bytes copy = arena_bytes(&a->arena, bytes);
    a->failed = a->failed || (copy.len > 0 && copy.data == NULL);
    if (!a->failed) {
        redis_args_bytes(a, copy);
    }
}

const char *redis_args_keep(struct redis_args *a, const char *text) {
    const char *copy = arena_str(&a->arena, text);
    a->failed = a->failed || (copy == NULL && text != NULL);
    return copy;
}

void redis_args_printf(struct redis_args *a, const char *fmt, ...) {
    char text[256]; // names and numbers
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    a->failed = a->failed || n < 0 || (size_t)n >= sizeof text;
    if (!a->failed) {
        redis_args_copy(a, (struct bytes){text, (size_t)n});
    }
}

// Numbers are most of the words, so they are written without printf.
static struct bytes digits(int64_t number, char room[24]) {
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    char *p = room + 24;
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) {
        *--p = '-';
    }
    return (struct bytes){p, (size_t)(room + 24 - p)};
}

void redis_args_number(struct redis_args *a, int64_t number) {
    char room[24];
    redis_args_copy(a, digits(number, room));
}

void redis_args_id(struct redis_args *a, const struct job_id *id) {
    char text[JOB_ID_TEXT + 1];
    id_format(id, text);
    redis_args_copy(a, (struct bytes){text, JOB_ID_TEXT});
}

void redis_args_nonce(struct redis_args *a, uint64_t nonce) {
    char text[REDIS_NONCE_TEXT + 1];
    redis_nonce_format(nonce, text);
    redis_args_copy(a, nonce == 0 ? (struct bytes){NULL, 0} : bytes_of(text));
}

// Appends to a text that has room for it.
static char *put(char *p, struct bytes text) {
    memcpy(p, text.data, text.len);
    return p + text.len;
}

static char *put_owner(char *p, uint32_t token, uint64_t nonce) {
    char room[24];
    p = put(p, digits(token, room));
    *p++ = ' ';
    if (nonce == 0) {
        *p++ = '-';
        return p;
    }
    redis_nonce_format(nonce, p);
    return p + REDIS_NONCE_TEXT;
}

void redis_args_owner(struct redis_args *a, uint32_t token, uint64_t nonce) {
    char text[CLAIM_TEXT];
    redis_args_copy(a, (struct bytes){text, (size_t)(put_owner(text, token, nonce) - text)});
}

void redis_args_claim(struct redis_args *a, uint32_t token, uint64_t nonce, uint32_t commit,
                      bool over) {
    char text[CLAIM_TEXT], room[24];
    char *p = put_owner(text, token, nonce);
    *p++ = ' ';
    p = put(p, digits(commit, room));
    p = put(p, over ? bytes_of(" over") : (struct bytes){"", 0});
    redis_args_copy(a, (struct bytes){text, (size_t)(p - text)});
}

size_t redis_args_hole(struct redis_args *a) {
    redis_args_text(a, "0");
    return a->count - 1;
}

void redis_args_fill(struct redis_args *a, size_t hole, int64_t number) {
    char room[24];
    struct bytes copy = arena_bytes(&a->arena, digits(number, room));
    a->failed = a->failed || copy.data == NULL;
    if (!a->failed) {
        a->words[hole] = copy.data;
        a->lens[hole] = copy.len;
    }
}

struct redis_settings redis_settings_begin(struct redis_args *a) {
    struct redis_settings s = {.args = a, .count = redis_args_hole(a)};
    return s;
}

void redis_setting_bytes(struct redis_settings *s, const char *name, struct bytes value) {
    if (value.len > 0) {
        redis_args_text(s->args, name);
        redis_args_bytes(s->args, value);
        s->n++;
    }
}

void redis_setting_text(struct redis_settings *s, const char *name, const char *text) {
    redis_setting_bytes(s, name, bytes_of(text));
}

void redis_setting_number(struct redis_settings *s, const char *name, int64_t number) {
    if (number != 0) {
        redis_args_text(s->args, name);
        redis_args_number(s->args, number);
        s->n++;
    }
}

void redis_settings_end(struct redis_settings *s) {
    if (s->n > 0) {
        redis_args_fill(s->args, s->count, s->n);
    }
}

static struct bytes word(const struct redis_args *a, size_t i) {
    return (struct bytes){a->words[i], a->lens[i]};
}

static bool same_words(const struct redis_args *a, size_t one, size_t other, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!bytes_equal(word(a, one + i), word(a, other + i))) {
            return false;
        }
    }
    return true;
}

void redis_args_head(struct redis_args *a, struct redis_head *last, size_t first, size_t count) {
    if (a->failed || last->count != count || !same_words(a, last->first, first, count)) {
        *last = (struct redis_head){first, count};
        return;
    }
    size_t own = first + count, left = a->count - own;
    for (size_t i = first; i < own; i++) {
        a->bytes -= a->lens[i];
    }
    a->words[first] = "";
    a->lens[first] = 0;
    memmove(&a->words[first + 1], &a->words[own], left * sizeof *a->words);
    memmove(&a->lens[first + 1], &a->lens[own], left * sizeof *a->lens);
    a->count = first + 1 + left;
}

void redis_args_append(struct redis_args *a, const struct redis_args *more) {
    a->failed = a->failed || more->failed;
    for (size_t i = 0; i < more->count; i++) {
        redis_args_bytes(a, word(more, i));
    }
}

void redis_args_fold(struct redis_args *a, size_t first) {
    struct bytes form =
        redis_rdb_hash(a->words + first, a->lens + first, a->count - first, &a->arena);
    a->failed = a->failed || form.data == NULL;
    for (; a->count > first; a->count--) {
        a->bytes -= a->lens[a->count - 1];
    }
    redis_args_bytes(a, form);
}

int redis_args_call(const struct redis_args *a, struct redis_call *call) {
    return a->failed ? -ENOMEM : redis_call_set(call, (int)a->count, a->words, a->lens);
}

void redis_args_clear(struct redis_args *a) {
    a->count = a->bytes = 0;
    a->failed = false;
    arena_reset(&a->arena);
}

void redis_args_free(struct redis_args *a) {
    free(a->words);
    free(a->lens);
    arena_free(&a->arena);
    *a = (struct redis_args){.words = NULL};
}
