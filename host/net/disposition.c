#include "net/disposition.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "net/http1_private.h"
#include "net/path.h"

/* What stands for itself in a quoted string, to old readers too: they take '%' for an escape, and a
 * backslash for part of a path. */
static bool is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x7f && strchr("\"\\%", c) == NULL;
}

void disposition_inline(struct buf *out, const char *name) {
    bool plain = true;
    buf_str(out, "inline; filename=\"");
    for (const char *p = name; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if ((c & 0xc0) == 0x80) {
            continue; // one stand-in a character
        }
        plain = plain && is_plain(c);
        buf_char(out, is_plain(c) ? *p : '_');
    }
    buf_char(out, '"');
    if (!plain) {
        buf_str(out, "; filename*=UTF-8''");
        path_encode(out, name);
    }
}

/* ---- names that come ---- */

/* RFC 8187 attr-char. */
static bool is_attr_char(char c) {
    return http1_is(c, CLASS_TOKEN) && c != '*' && c != '\'' && c != '%';
}

static int decode(const char *p, const char *end, char *out, size_t *ret_len) {
    size_t n = 0;
    while (p < end) {
        bool escaped = *p == '%';
        if (escaped ? end - p < 3 || !http1_is(p[1], CLASS_HEX) || !http1_is(p[2], CLASS_HEX)
                    : !is_attr_char(*p)) {
            return -EINVAL;
        }
        unsigned char c = escaped
                              ? (unsigned char)(http1_hex_value(p[1]) * 16 + http1_hex_value(p[2]))
                              : (unsigned char)*p;
        if (c < 0x20 || c == 0x7f) {
            return -EINVAL;
        }
        out[n++] = (char)c;
        p += escaped ? 3 : 1;
    }
    *ret_len = n;
    return 0;
}

int disposition_extended(struct bytes value, char *out, size_t *ret_len) {
    static const char charset[] = "UTF-8'";
    const char *p = value.data, *end = p + value.len;
    if (value.len < sizeof charset - 1 || strncasecmp(p, charset, sizeof charset - 1) != 0) {
        return -EINVAL;
    }
    p += sizeof charset - 1;
    while (p < end && *p != '\'') {
        p++; // of the language nothing depends
    }
    return p == end ? -EINVAL : decode(p + 1, end, out, ret_len);
}

struct bytes disposition_base_name(struct bytes name) {
    const char *data = name.data;
    size_t from = name.len;
    while (from > 0 && data[from - 1] != '\\') {
        from--;
    }
    return (struct bytes){data + from, name.len - from};
}
