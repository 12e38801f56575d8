/* Writing JSON to a stream, value by value: commas and escapes are seen to. Text that is not UTF-8
 * and control characters cannot break the document. */
#ifndef AMAZON_JSON_OUT_H
#define AMAZON_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_out {
    FILE *out;
    bool comma; /* one is due before the next value */
};

/* `key` NULL: an element of an array (or the document). */
void json_open(struct json_out *j, const char *key, char bracket);     /* '{' or '[' */
void json_close(struct json_out *j, char bracket);                     /* '}' or ']' */
void json_text(struct json_out *j, const char *key, const char *text); /* NULL or "" = null */
void json_int(struct json_out *j, const char *key, int64_t value);     /* NUMBER_NONE = null */
struct json_figure {
    const char *key;
    int64_t value;
};
void json_ints(struct json_out *j, const struct json_figure *figures, size_t count);
/* One after another: JSON_INTS(j, {"a", 1}, {"b", 2}). */
#define JSON_INTS(j, ...)                                                                          \
    json_ints((j), (const struct json_figure[]){__VA_ARGS__},                                      \
              sizeof((const struct json_figure[]){__VA_ARGS__}) / sizeof(struct json_figure))
void json_bool(struct json_out *j, const char *key, bool value);

#endif
