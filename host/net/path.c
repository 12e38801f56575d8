#include "net/path.h"

#include <errno.h>
#include <string.h>

#include "net/http1_private.h"

char *path_decode(struct arena *a, const char *text, size_t len, bool plus) {
    char *out = arena_alloc(a, len + 1);
    if (out == NULL) {
        return NULL;
    }
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%' && len - i > 2) {
            out[n++] = (char)(http1_hex_value(text[i + 1]) * 16 + http1_hex_value(text[i + 2]));
            i += 2;
        } else {
            out[n++] = plus && text[i] == '+' ? ' ' : text[i];
        }
    }
    out[n] = '\0';
    return out;
}

static bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

void path_encode(struct buf *out, const char *segment) {
    for (const char *p = segment; *p != '\0'; p++) {
        if (is_unreserved(*p)) {
            buf_char(out, *p);
        } else {
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*p);
        }
    }
}

/* Where the path begins: behind scheme and authority in absolute form. */
static const char *path_start(const char *target) {
    if (target[0] == '/' || target[0] == '*') {
        return target;
    }
    const char *authority = strstr(target, "://");
    return authority == NULL ? target : authority + 3 + strcspn(authority + 3, "/?");
}

int path_split(struct arena *a, const char *target, const char ***ret_segments, size_t *ret_count,
               const char **ret_query) {
    const char *path = path_start(target);
    const char *end = path + strcspn(path, "?");
    size_t slashes = 0;
    for (const char *p = path; p != end; p++) {
        slashes += *p == '/';
    }
    const char **segments = arena_alloc(a, (slashes + 1) * sizeof *segments);
    if (segments == NULL) {
        return -ENOMEM;
    }
    size_t count = 0;
    for (const char *p = path; p != end;) {
        p++; // the slash (or the star, which leaves nothing)
        size_t len = strcspn(p, "/?");
        char *segment = path_decode(a, p, len, false);
        if (segment == NULL) {
            return -ENOMEM;
        }
        p += len;
        if (strcmp(segment, "..") == 0) {
            if (count == 0) {
                return -EINVAL;
            }
            count--;
        } else if (segment[0] != '\0' && strcmp(segment, ".") != 0) {
            segments[count++] = segment;
        }
    }
    *ret_segments = segments;
    *ret_count = count;
    *ret_query = *end == '?' ? end + 1 : NULL;
    return 0;
}
