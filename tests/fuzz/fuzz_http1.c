// The HTTP/1 parser. However the input is cut, it says the same; what it hands out lies within its limits; an error is final and
// nothing behind it is looked at. The first byte of the input says where to cut.
#include <string.h>

#include "net/http1.h"

#include "fuzz.h"
#include "http1_transcript.h"

static const struct http1_limits limits = {.request_line = 512,
                                           .headers = 1024,
                                           .header_count = 8,
                                           .chunk_ext = 16,
                                           .chunk_ext_total = 40};
enum { BODY_MAX = 256 };

static void check_whole(const struct transcript *t, size_t size) {
    const struct http1 *p = &t->parser;
    FUZZ_CHECK(p->consumed <= size);
    FUZZ_CHECK(t->body.len <= BODY_MAX);
    FUZZ_CHECK(t->last == HTTP1_MORE || t->last == HTTP1_END || t->last == HTTP1_ERROR);
    FUZZ_CHECK(t->last != HTTP1_ERROR || (p->error > HTTP1_OK && p->error < HTTP1_ERROR_COUNT));
    FUZZ_CHECK(t->last != HTTP1_MORE || p->consumed == size);
    FUZZ_CHECK(strlen(p->host) <= HTTP1_HOST_MAX);
    FUZZ_CHECK(t->last != HTTP1_END || p->chunked || t->body.len == p->length);
}

static void check_final(struct transcript *t) {
    if (t->last != HTTP1_ERROR && t->last != HTTP1_END) {
        return;
    }
    struct bytes in = bytes_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), piece;
    FUZZ_CHECK(http1_next(&t->parser, &in, &piece) == t->last && in.len == 27);
}

/* Fragments of 1..step bytes. */
static void feed_cut(struct transcript *t, const char *data, size_t size, size_t step) {
    for (size_t at = 0, n; at < size && t->last != HTTP1_END && t->last != HTTP1_ERROR; at += n) {
        n = 1 + (at * 7 + step) % step;
        n = n < size - at ? n : size - at;
        (void)transcript_feed(t, data + at, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    struct transcript whole, cut;
    transcript_init(&whole, &limits, BODY_MAX);
    transcript_init(&cut, &limits, BODY_MAX);
    (void)transcript_feed(&whole, text, size - 1);
    feed_cut(&cut, text, size - 1, 1U + data[0] % 32U);
    check_whole(&whole, size - 1);
    transcript_end(&whole);
    transcript_end(&cut);
    FUZZ_CHECK(strcmp(whole.text.data, cut.text.data) == 0);
    FUZZ_CHECK(whole.last == cut.last && whole.parser.consumed == cut.parser.consumed);
    check_final(&whole);
    transcript_finish(&whole);
    transcript_finish(&cut);
    return 0;
}
