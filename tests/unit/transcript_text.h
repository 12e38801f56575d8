/* Bytes in a transcript: what is not plain text, or means something there, as \\xNN. */
#ifndef JOBHOST_TESTS_TRANSCRIPT_TEXT_H
#define JOBHOST_TESTS_TRANSCRIPT_TEXT_H

#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"

static inline void transcript_text(struct buf *out, struct bytes b, const char *special) {
    for (size_t i = 0; i < b.len; i++) {
        unsigned char c = ((const unsigned char *)b.data)[i];
        if (c < 0x20 || c > 0x7e || strchr(special, c) != NULL) {
            buf_printf(out, "\\x%02x", c);
        } else {
            buf_char(out, (char)c);
        }
    }
}

#endif
