/* What the parser said to some bytes, as text, with the pieces joined: the same for every split of the same bytes.
 *
 *     a="1" | b file=x.txt type=text/plain "hello" | END          or, anywhere, ERR bad_multipart 32, or MORE */
#ifndef JOBHOST_TESTS_MULTIPART_TRANSCRIPT_H
#define JOBHOST_TESTS_MULTIPART_TRANSCRIPT_H

#include "base/buf.h"
#include "net/multipart.h"

#include "transcript_text.h"

struct transcript {
    struct multipart parser;
    struct buf text;
    enum multipart_event last;
    uint64_t content; /* bytes of all parts */
};

static inline void transcript_init(struct transcript *t, const char *boundary) {
    *t = (struct transcript){.last = MULTIPART_MORE};
    multipart_init(&t->parser, boundary);
}

static inline void transcript_print(struct buf *out, struct bytes b) {
    transcript_text(out, b, "|\"\\");
}

static inline void transcript_part(struct transcript *t) {
    const struct multipart *p = &t->parser;
    transcript_print(&t->text, bytes_of(p->name));
    if (p->has_filename) {
        buf_str(&t->text, " file=");
        transcript_print(&t->text, bytes_of(p->filename));
    }
    if (p->type[0] != '\0') {
        buf_str(&t->text, " type=");
        transcript_print(&t->text, bytes_of(p->type));
    }
    buf_str(&t->text, " \"");
}

/* Feeds one fragment; stops at ERROR. Returns how much of it was used. */
static inline size_t transcript_feed(struct transcript *t, const char *data, size_t len) {
    struct bytes in = {data, len}, piece;
    do {
        t->last = multipart_next(&t->parser, &in, &piece);
        switch (t->last) {
        case MULTIPART_PART: transcript_part(t); break;
        case MULTIPART_DATA:
            transcript_print(&t->text, piece);
            t->content += piece.len;
            break;
        case MULTIPART_PART_END: buf_str(&t->text, "\" | "); break;
        default: break;
        }
    } while (t->last != MULTIPART_MORE && t->last != MULTIPART_ERROR);
    return len - in.len;
}

static inline void transcript_end(struct transcript *t) {
    if (t->last == MULTIPART_ERROR) {
        buf_printf(&t->text, "ERR %s %llu", multipart_error_rows[t->parser.error].code,
                   (unsigned long long)t->parser.consumed);
    } else {
        buf_str(&t->text, multipart_is_complete(&t->parser) ? "END" : "MORE");
    }
}

static inline void transcript_finish(struct transcript *t) {
    buf_free(&t->text);
}

#endif
