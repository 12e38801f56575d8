#include "intake/jwt.h"

#include "base/decode.h"
#include "base/json.h"

// ---- the compact form

// Up to the next dot, which is stepped over; the whole rest where there is none.
static struct bytes next_segment(struct bytes *rest, bool *ret_dot) {
    const char *p = rest->data;
    const char *dot = rest->len == 0 ? NULL : memchr(p, '.', rest->len);
    struct bytes segment = {p, dot == NULL ? rest->len : (size_t)(dot - p)};
    *ret_dot = dot != NULL;
    *rest = dot == NULL ? (struct bytes){NULL, 0}
                        : (struct bytes){dot + 1, rest->len - segment.len - 1};
    return segment;
}

static bool decode_segment(struct bytes segment, struct arena *a, struct bytes *ret) {
    size_t room = DECODE_ROOM(segment.len);
    uint8_t *out = segment.len == 0 ? NULL : arena_alloc(a, room);
    ret->data = out;
    return out != NULL && decode_bytes(DECODE_BASE64URL, segment, out, room, &ret->len);
}

bool jwt_split(struct bytes token, struct arena *a, struct jwt *ret) {
    struct bytes rest = token;
    bool first_dot, second_dot, third_dot;
    struct bytes header = next_segment(&rest, &first_dot);
    struct bytes payload = next_segment(&rest, &second_dot);
    struct bytes signature = next_segment(&rest, &third_dot);
    size_t len;
    if (!first_dot || !second_dot || third_dot) {
        return false;
    }
    ret->signed_text = (struct bytes){token.data, header.len + 1 + payload.len};
    return decode_bytes(DECODE_BASE64URL, signature, ret->signature, sizeof ret->signature, &len) &&
           len == sizeof ret->signature && decode_segment(header, a, &ret->header) &&
           decode_segment(payload, a, &ret->payload);
}

// ---- its objects

struct reading {
    const struct bytes *names;
    struct bytes *values;
    size_t count;
    struct arena *arena;
    struct bytes seen[JWT_MEMBERS_MAX]; // the names so far, escapes resolved
    size_t seen_count;
};

static bool resolve_name(struct arena *a, struct bytes key, struct bytes *ret) {
    struct bytes inside = {(const char *)key.data + 1, key.len - 2};
    if (inside.len > 0 && memchr(inside.data, '\\', inside.len) != NULL) {
        inside = bytes_of(json_text(a, key));
        if (inside.data == NULL) {
            return false;
        }
    }
    *ret = inside;
    return true;
}

// Names of one length differ in their first character more often than not.
static bool same_name(struct bytes a, struct bytes b) {
    return a.len == b.len &&
           (a.len == 0 || (*(const char *)a.data == *(const char *)b.data && bytes_equal(a, b)));
}

static int take_member(void *arg, struct bytes key, struct bytes value) {
    struct reading *r = arg;
    struct bytes name;
    if (r->seen_count == JWT_MEMBERS_MAX || !resolve_name(r->arena, key, &name)) {
        return 1;
    }
    for (size_t i = 0; i < r->seen_count; i++) {
        if (same_name(r->seen[i], name)) {
            return 1;
        }
    }
    r->seen[r->seen_count++] = name;
    for (size_t i = 0; i < r->count; i++) {
        if (same_name(r->names[i], name)) {
            r->values[i] = value;
        }
    }
    return 0;
}

bool jwt_members(struct bytes object, const struct bytes *names, struct bytes *values, size_t count,
                 struct arena *a) {
    struct reading r = {.names = names, .values = values, .count = count, .arena = a};
    struct bytes inside = bytes_trim(object);
    for (size_t i = 0; i < count; i++) {
        values[i] = (struct bytes){NULL, 0};
    }
    return inside.len > 0 && *(const char *)inside.data == '{' && json_is_valid(inside) &&
           json_members(inside, take_member, &r) == 0;
}

bool jwt_integer(struct bytes value, int64_t *ret) {
    const char *p = value.data;
    int64_t n = 0;
    if (value.len < 1 || value.len > 16 || (value.len > 1 && *p == '0')) {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return false;
        }
        n = n * 10 + (p[i] - '0');
    }
    if (n >= INT64_C(1) << 53) {
        return false;
    }
    *ret = n;
    return true;
}
