/* The few things cJSON leaves out: cheap output into a struct buf, and the raw text of a member, so
 * that a payload survives byte for byte (numbers beyond 2^53, key order, spelling). */
#ifndef JOBHOST_BASE_JSON_H
#define JOBHOST_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"

/* Appends a quoted, escaped JSON string. Bytes that are not UTF-8 become U+FFFD. NULL appends null.
 */
void json_str(struct buf *b, const char *text);
void json_strn(struct buf *b, const char *text, size_t len);

/* Member helpers: append `"key":value` with a comma before it unless the last byte opens an object
 * or array. */
void json_key(struct buf *b, const char *key);
void json_kstr(struct buf *b, const char *key, const char *text); /* nothing when text is NULL */
void json_kint(struct buf *b, const char *key, int64_t value);
void json_kbool(struct buf *b, const char *key, bool value);
void json_ktime(struct buf *b, const char *key,
                int64_t unix_ms); /* RFC 3339 UTC with ms; nothing when 0 */
void json_comma(struct buf *b);   /* a comma if one is due before the next element */

/* The raw text of member `key` of the JSON object in `object`. The text must already have been
 * accepted by a JSON parser. {NULL, 0} when there is no such member; a repeated key yields the
 * first, as cJSON's lookup does. */
struct bytes json_member(struct bytes object, const char *key);

/* The same where two readers must not see two values: 0, -ENOENT (*ret = {NULL, 0}), or -EEXIST when the
 * key is there twice. `key` is {text, len}. */
int json_single_member(struct bytes object, struct bytes key, struct bytes *ret);

/* Calls `each` with the raw text of every element of an array (already accepted by a parser); stops
 * and returns the first non-zero answer. */
int json_each(struct bytes array, int (*each)(void *arg, struct bytes element), void *arg);

/* Calls `each` with the raw key (quotes included) and raw value of every member of an object
 * (already accepted by a parser), in one pass; stops and returns the first non-zero answer. */
int json_members(struct bytes object, int (*each)(void *arg, struct bytes key, struct bytes value),
                 void *arg);

/* The text of a raw string value (quotes included), escapes resolved, NUL-terminated, in the arena.
 * NULL when the value is no string, holds \u0000 or half a surrogate pair, or memory ran out. */
char *json_text(struct arena *a, struct bytes value);

#define JSON_DEPTH_MAX 64 /* arrays and objects inside of one another */

/* True when `text` is exactly one JSON value (RFC 8259, in valid UTF-8) with nothing around it but
 * white space, and no deeper than JSON_DEPTH_MAX. */
bool json_is_valid(struct bytes text);

#endif
