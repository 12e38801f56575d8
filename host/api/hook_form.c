/* application/x-www-form-urlencoded, of bodies and queries. What is no escape stands for itself. */
#include <errno.h>
#include <string.h>

#include "api/hooks.h"
#include "base/json.h"

struct field {
    struct bytes name, value; /* as sent */
};

/* The field at *at, which moves behind it. False: there is none. */
static bool next_field(struct bytes form, size_t *at, struct field *ret) {
    while (*at < form.len && ((const char *)form.data)[*at] == '&') {
        (*at)++;
    }
    if (*at >= form.len) {
        return false;
    }
    const char *p = (const char *)form.data + *at;
    const char *end = memchr(p, '&', form.len - *at);
    size_t len = end == NULL ? form.len - *at : (size_t)(end - p);
    const char *equals = memchr(p, '=', len);
    size_t name = equals == NULL ? len : (size_t)(equals - p);
    *ret = (struct field){{p, name}, {p + len, 0}};
    if (equals != NULL) {
        ret->value = (struct bytes){equals + 1, len - name - 1};
    }
    *at += len;
    return true;
}

static int hex_of(char c) {
    const char *digits = "0123456789abcdef", *at;
    at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);
    return at == NULL ? -1 : (int)(at - digits);
}

static struct bytes decode(struct arena *a, struct bytes text) {
    const char *p = text.data;
    char *out = arena_alloc(a, text.len + 1);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < text.len; i++) {
        int high = p[i] == '%' && text.len - i > 2 ? hex_of(p[i + 1]) : -1;
        int low = high < 0 ? -1 : hex_of(p[i + 2]);
        if (low >= 0) {
            out[n++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[n++] = p[i] == '+' ? ' ' : p[i];
        }
    }
    if (out != NULL) {
        out[n] = '\0';
    }
    return (struct bytes){out, out == NULL ? 0 : n};
}

bool hook_form_field(struct arena *a, struct bytes form, const char *name, struct bytes *ret) {
    struct field f;
    for (size_t at = 0; next_field(form, &at, &f);) {
        struct bytes plain = decode(a, f.name);
        if (plain.data != NULL && bytes_equal(plain, bytes_of(name))) {
            *ret = decode(a, f.value);
            return ret->data != NULL;
        }
    }
    return false;
}

static bool has_name(const struct bytes *names, size_t count, struct bytes name) {
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(names[i], name)) {
            return true;
        }
    }
    return false;
}

int hook_form_json(struct arena *a, struct bytes form, struct buf *out) {
    struct bytes *names = arena_alloc(a, HOOK_FORM_FIELDS_MAX * sizeof *names);
    size_t count = 0;
    struct field f;
    buf_char(out, '{');
    for (size_t at = 0; names != NULL && next_field(form, &at, &f);) {
        struct bytes name = decode(a, f.name), value = decode(a, f.value);
        if (name.data == NULL || value.data == NULL) {
            return -ENOMEM;
        }
        if (has_name(names, count, name)) {
            continue;
        }
        if (count == HOOK_FORM_FIELDS_MAX) {
            return -E2BIG;
        }
        names[count++] = name;
        json_comma(out);
        json_strn(out, name.data, name.len);
        buf_char(out, ':');
        json_strn(out, value.data, value.len);
    }
    buf_char(out, '}');
    return names == NULL || out->failed ? -ENOMEM : 0;
}
