#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

// ---- finding values in text that a parser has accepted; on other text nothing is found, but
// nothing bad happens

struct scan {
    const char *p, *end;
};

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct scan *s) {
    while (s->p != s->end && is_space(*s->p)) {
        s->p++;
    }
}

static bool skip_char(struct scan *s, char c) {
    skip_space(s);
    if (s->p == s->end || *s->p != c) {
        return false;
    }
    s->p++;
    return true;
}

// From the opening quote to behind the closing one.
static void skip_string(struct scan *s) {
    const char *p = s->p + 1;
    for (;;) {
        const char *quote = memchr(p, '"', (size_t)(s->end - p));
        if (quote == NULL) {
            s->p = s->end;
            return;
        }
        const char *before = quote;
        while (before != p && before[-1] == '\\') {
            before--;
        }
        p = quote + 1;
        if ((quote - before) % 2 == 0) { // not escaped itself
            s->p = p;
            return;
        }
    }
}

// From the opening bracket to behind its partner.
static void skip_nest(struct scan *s) {
    size_t depth = 0;
    while (s->p != s->end) {
        switch (*s->p) {
        case '"': skip_string(s); continue;
        case '{':
        case '[': depth++; break;
        case '}':
        case ']': depth--; break;
        default: break;
        }
        s->p++;
        if (depth == 0) {
            return;
        }
    }
}

static bool ends_scalar(char c) {
    return c == ',' || c == ']' || c == '}' || c == ':' || is_space(c);
}

static struct bytes take_value(struct scan *s) {
    skip_space(s);
    const char *from = s->p;
    if (s->p == s->end) {
        return (struct bytes){NULL, 0};
    }
    if (*s->p == '"') {
        skip_string(s);
    } else if (*s->p == '{' || *s->p == '[') {
        skip_nest(s);
    } else {
        while (s->p != s->end && !ends_scalar(*s->p)) {
            s->p++;
        }
    }
    return (struct bytes){from, (size_t)(s->p - from)};
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Four hex digits; -1 if there are fewer.
static int32_t take_hex4(const char **p, const char *end) {
    int32_t unit = 0;
    if (end - *p < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_value((*p)[i]);
        if (digit == -1) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    *p += 4;
    return unit;
}

static size_t put_utf8(uint32_t c, char out[4]) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)(lead[len] | c);
    return len;
}

// The character that an escape stands for (behind its backslash) as UTF-8; 0 if it stands for none.
static size_t take_escape(const char **p, const char *end, char out[4]) {
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (*p == end || **p == '\0') {
        return 0;
    }
    char c = *(*p)++;
    const char *short_form = strchr(from, c);
    if (short_form != NULL) {
        out[0] = to[short_form - from];
        return 1;
    }
    int32_t unit = c == 'u' ? take_hex4(p, end) : -1;
    if (unit >= 0xd800 && unit <= 0xdbff && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        const char *low_at = *p + 2;
        int32_t low = take_hex4(&low_at, end);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *p = low_at;
            unit = 0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00);
        }
    }
    return unit < 0 ? 0 : put_utf8((uint32_t)unit, out);
}

// Is the string with these quotes, escapes resolved, `want`?
static bool string_is(struct bytes quoted, struct bytes want) {
    const char *p = (const char *)quoted.data + 1;
    const char *end = (const char *)quoted.data + quoted.len - 1;
    size_t len = (size_t)(end - p);
    if (memchr(p, '\\', len) == NULL) {
        return len == want.len && memcmp(p, want.data, len) == 0;
    }
    const char *w = want.data;
    const char *w_end = w + want.len;
    while (p != end) {
        char out[4] = {*p};
        size_t n = 1;
        if (*p++ == '\\') {
            n = take_escape(&p, end, out);
        }
        if (n == 0 || (size_t)(w_end - w) < n || memcmp(w, out, n) != 0) {
            return false;
        }
        w += n;
    }
    return w == w_end;
}

int json_each(struct bytes array, int (*each)(void *arg, struct bytes element), void *arg) {
    struct scan s = {array.data, (const char *)array.data + array.len};
    if (array.len == 0 || !skip_char(&s, '[') || skip_char(&s, ']')) {
        return 0;
    }
    do {
        struct bytes element = take_value(&s);
        if (element.len == 0) {
            return 0;
        }
        int r = each(arg, element);
        if (r != 0) {
            return r;
        }
    } while (skip_char(&s, ','));
    return 0;
}

int json_members(struct bytes object, int (*each)(void *arg, struct bytes key, struct bytes value),
                 void *arg) {
    struct scan s = {object.data, (const char *)object.data + object.len};
    if (object.len == 0 || !skip_char(&s, '{') || skip_char(&s, '}')) {
        return 0;
    }
    do {
        struct bytes key = take_value(&s);
        if (key.len < 2 || *(const char *)key.data != '"' || !skip_char(&s, ':')) {
            return 0;
        }
        struct bytes value = take_value(&s);
        int r = value.len == 0 ? 0 : each(arg, key, value);
        if (r != 0) {
            return r;
        }
    } while (skip_char(&s, ','));
    return 0;
}

struct lookup {
    struct bytes want, found;
};

static int look_up(void *arg, struct bytes key, struct bytes value) {
    struct lookup *l = arg;
    if (!string_is(key, l->want)) {
        return 0;
    }
    l->found = value;
    return 1;
}

struct bytes json_member(struct bytes object, const char *key) {
    struct lookup l = {.want = bytes_of(key)};
    (void)json_members(object, look_up, &l);
    return l.found;
}

static int look_again(void *arg, struct bytes key, struct bytes value) {
    struct lookup *l = arg;
    if (!string_is(key, l->want)) {
        return 0;
    }
    if (l->found.data != NULL) {
        return -EEXIST;
    }
    l->found = value;
    return 0;
}

int json_single_member(struct bytes object, struct bytes key, struct bytes *ret) {
    struct lookup l = {.want = key};
    int r = json_members(object, look_again, &l);
    *ret = r == 0 ? l.found : (struct bytes){NULL, 0};
    return r == 0 && l.found.data == NULL ? -ENOENT : r;
}

// Is this escape (as UTF-8) text that a C string can hold and that is UTF-8?
static bool escape_is_text(const char *utf8, size_t len) {
    return len > 0 && utf8[0] != '\0' &&
           utf8_char_len((const uint8_t *)utf8, (const uint8_t *)utf8 + len) == len;
}

char *json_text(struct arena *a, struct bytes value) {
    const char *p = value.data;
    if (value.len < 2 || *p != '"') {
        return NULL;
    }
    const char *end = p + value.len - 1;
    p++;
    if (memchr(p, '\\', (size_t)(end - p)) == NULL) {
        return arena_strn(a, p, (size_t)(end - p));
    }
    char *out = arena_alloc(a, value.len); // an escape is never shorter than what it stands for
    size_t n = 0;
    while (out != NULL && p != end) {
        if (*p != '\\') {
            out[n++] = *p++;
            continue;
        }
        p++;
        char utf8[4];
        size_t len = take_escape(&p, end, utf8);
        if (!escape_is_text(utf8, len)) {
            return NULL;
        }
        memcpy(out + n, utf8, len);
        n += len;
    }
    if (out != NULL) {
        out[n] = '\0';
    }
    return out;
}

// ---- strict checking

static bool check_string(struct scan *s) {
    if (!skip_char(s, '"')) {
        return false;
    }
    while (s->p != s->end) {
        uint8_t c = (uint8_t)*s->p;
        if (c == '"') {
            s->p++;
            return true;
        }
        if (c < 0x20) {
            return false;
        }
        if (c == '\\') {
            char out[4];
            s->p++;
            if (take_escape(&s->p, s->end, out) == 0) {
                return false;
            }
            continue;
        }
        size_t len = utf8_char_len((const uint8_t *)s->p, (const uint8_t *)s->end);
        if (len == 0) {
            return false;
        }
        s->p += len;
    }
    return false;
}

static size_t check_digits(struct scan *s) {
    const char *from = s->p;
    while (s->p != s->end && *s->p >= '0' && *s->p <= '9') {
        s->p++;
    }
    return (size_t)(s->p - from);
}

static bool check_number(struct scan *s) {
    if (*s->p == '-') {
        s->p++;
    }
    const char *from = s->p;
    size_t whole = check_digits(s);
    if (whole == 0 || (whole > 1 && *from == '0')) {
        return false;
    }
    if (s->p != s->end && *s->p == '.') {
        s->p++;
        if (check_digits(s) == 0) {
            return false;
        }
    }
    if (s->p != s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p != s->end && (*s->p == '+' || *s->p == '-')) {
            s->p++;
        }
        return check_digits(s) != 0;
    }
    return true;
}

static bool check_scalar(struct scan *s) {
    static const char *const words[] = {"true", "false", "null"};
    skip_space(s);
    if (s->p == s->end) {
        return false;
    }
    if (*s->p == '"') {
        return check_string(s);
    }
    if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9')) {
        return check_number(s);
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(s->end - s->p) >= len && memcmp(s->p, words[i], len) == 0) {
            s->p += len;
            return true;
        }
    }
    return false;
}

// What surrounds the place where the checker stands, the innermost last.
struct nest {
    bool is_object[JSON_DEPTH_MAX];
    unsigned depth;
};

// Steps behind the opening bracket, and behind the first key of an object. *ret_empty: and behind
// the closing bracket.
static bool check_open(struct scan *s, struct nest *nest, bool *ret_empty) {
    bool is_object = *s->p++ == '{';
    *ret_empty = skip_char(s, is_object ? '}' : ']');
    if (nest->depth == JSON_DEPTH_MAX) {
        return false;
    }
    if (*ret_empty) {
        return true;
    }
    nest->is_object[nest->depth++] = is_object;
    return !is_object || (check_string(s) && skip_char(s, ':'));
}

// After a value: closes what ends here. *ret_more: a comma followed, and another value is due.
static bool check_after(struct scan *s, struct nest *nest, bool *ret_more) {
    *ret_more = false;
    while (nest->depth > 0) {
        bool is_object = nest->is_object[nest->depth - 1];
        if (skip_char(s, ',')) {
            *ret_more = true;
            return !is_object || (check_string(s) && skip_char(s, ':'));
        }
        if (!skip_char(s, is_object ? '}' : ']')) {
            return false;
        }
        nest->depth--;
    }
    return true;
}

bool json_is_valid(struct bytes text) {
    if (text.len == 0) {
        return false;
    }
    struct scan s = {text.data, (const char *)text.data + text.len};
    struct nest nest = {.depth = 0};
    bool more;
    do {
        skip_space(&s);
        bool value_done = true;
        if (s.p != s.end && (*s.p == '{' || *s.p == '[')) {
            if (!check_open(&s, &nest, &value_done)) {
                return false;
            }
        } else if (!check_scalar(&s)) {
            return false;
        }
        more = true;
        if (value_done && !check_after(&s, &nest, &more)) {
            return false;
        }
    } while (more);
    skip_space(&s);
    return s.p == s.end;
}
