#include "net/disposition.h"

#include <stdbool.h>
#include <string.h>

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
