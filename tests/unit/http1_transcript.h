/* What the parser said to some bytes, as text, with the pieces joined: the same for every split of the same bytes.
 *
 *     GET /x 1.1 | Host=a | HEAD | body=5 "hello" | END 57          or, anywhere, ERR bad_header 32 */
#ifndef JOBHOST_TESTS_HTTP1_TRANSCRIPT_H
#define JOBHOST_TESTS_HTTP1_TRANSCRIPT_H

#include "base/buf.h"
#include "net/http1.h"

#include "transcript_text.h"

struct transcript {
    struct http1 parser;
    struct buf text;
    struct buf body;
    enum http1_event last;
    enum { IN_TARGET, IN_NAME, IN_VALUE, IN_BODY } part;
    uint64_t body_max;
};

static inline void transcript_print(struct buf *out, struct bytes b) {
    transcript_text(out, b, "|=\\");
}

static inline void transcript_init(struct transcript *t, const struct http1_limits *limits,
                                   uint64_t body_max) {
    *t = (struct transcript){.last = HTTP1_MORE, .body_max = body_max};
    http1_init(&t->parser, limits);
    t->parser.body_max = body_max;
}

static inline void transcript_end(struct transcript *t) {
    if (t->body.len > 0) {
        buf_printf(&t->text, "body=%zu \"", t->body.len);
        transcript_print(&t->text,
                         (struct bytes){t->body.data, t->body.len < 40 ? t->body.len : 40});
        buf_str(&t->text, "\" | ");
    }
    if (t->last == HTTP1_ERROR) {
        buf_printf(&t->text, "ERR %s %llu", http1_error_rows[t->parser.error].code,
                   (unsigned long long)t->parser.consumed);
    } else {
        buf_printf(&t->text, "%s %llu", t->last == HTTP1_END ? "END" : "MORE",
                   (unsigned long long)t->parser.consumed);
    }
}

static inline void transcript_event(struct transcript *t, enum http1_event event,
                                    struct bytes piece) {
    switch (event) {
    case HTTP1_NAME:
        buf_str(&t->text, t->part == IN_TARGET || t->part == IN_VALUE ? " | " : "");
        t->part = IN_NAME;
        transcript_print(&t->text, piece);
        break;
    case HTTP1_VALUE:
        buf_str(&t->text, t->part == IN_NAME ? "=" : "");
        t->part = IN_VALUE;
        transcript_print(&t->text, piece);
        break;
    case HTTP1_HEADER:
        buf_str(&t->text, t->part == IN_NAME ? "=" : "");
        t->part = IN_VALUE;
        break;
    case HTTP1_HEAD:
        buf_printf(&t->text, " | HEAD %s 1.%u host=%s%s%s%s | ",
                   http1_method_names[t->parser.method], t->parser.minor, t->parser.host,
                   t->parser.keep_alive ? "" : " close", t->parser.expect_continue ? " expect" : "",
                   t->parser.chunked ? " chunked" : "");
        t->parser.body_max = t->body_max;
        break;
    case HTTP1_BODY: buf_add(&t->body, piece.data, piece.len); break;
    default: transcript_print(&t->text, piece);
    }
}

/* Feeds one fragment; stops at END and ERROR. Returns how much of it was used. */
static inline size_t transcript_feed(struct transcript *t, const char *data, size_t len) {
    struct bytes in = {data, len};
    while (t->last != HTTP1_END && t->last != HTTP1_ERROR) {
        struct bytes piece;
        t->last = http1_next(&t->parser, &in, &piece);
        if (t->last == HTTP1_MORE) {
            break;
        }
        if (t->last != HTTP1_END && t->last != HTTP1_ERROR) {
            transcript_event(t, t->last, piece);
        }
    }
    return len - in.len;
}

static inline void transcript_finish(struct transcript *t) {
    buf_free(&t->text);
    buf_free(&t->body);
}

#endif
