// The multipart parser. However the input is cut, it says the same; what it hands out lies within its limits; an error is final. The
// first byte says where to cut; the next line is a Content-Type, whose boundary is used if it has one.
#include <string.h>

#include "net/multipart.h"

#include "fuzz.h"
#include "multipart_transcript.h"

static void check_facts(const struct multipart *p) {
    FUZZ_CHECK(strlen(p->name) <= MULTIPART_NAME_MAX);
    FUZZ_CHECK(strlen(p->filename) <= MULTIPART_NAME_MAX);
    FUZZ_CHECK(strlen(p->type) <= MULTIPART_TYPE_MAX);
    FUZZ_CHECK(p->filename[0] == '\0' || p->has_filename);
    FUZZ_CHECK(strpbrk(p->name, "\\\r\n") == NULL && strpbrk(p->filename, "\\\r\n") == NULL);
}

static void check_whole(struct transcript *t, size_t size) {
    struct multipart *p = &t->parser;
    check_facts(p);
    FUZZ_CHECK(p->consumed <= size && t->content <= size);
    FUZZ_CHECK(t->last == MULTIPART_MORE || t->last == MULTIPART_ERROR);
    FUZZ_CHECK(t->last != MULTIPART_MORE || p->consumed == size);
    FUZZ_CHECK((t->last == MULTIPART_ERROR) ==
               (p->error > MULTIPART_OK && p->error < MULTIPART_ERROR_COUNT));
    if (t->last == MULTIPART_ERROR) {
        struct bytes in = bytes_of("--b--\r\n"), piece;
        FUZZ_CHECK(multipart_next(p, &in, &piece) == MULTIPART_ERROR && in.len == 7);
        FUZZ_CHECK(!multipart_is_complete(p));
    }
}

static void feed_cut(struct transcript *t, const char *data, size_t size, size_t step) {
    for (size_t at = 0, n; at < size && t->last != MULTIPART_ERROR; at += n) {
        n = 1 + (at * 7 + step) % step;
        n = n < size - at ? n : size - at;
        (void)transcript_feed(t, data + at, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *line_end = size < 2 ? NULL : memchr(data + 1, '\n', size - 1);
    if (line_end == NULL) {
        return 0;
    }
    struct bytes type = {data + 1, (size_t)(line_end - (const char *)data) - 1};
    const char *text = line_end + 1;
    size_t len = size - (size_t)(text - (const char *)data);
    char boundary[MULTIPART_BOUNDARY_MAX + 1] = "b";
    if (multipart_boundary(type, boundary) != 0) {
        FUZZ_CHECK(strcmp(boundary, "b") == 0);
    }
    struct transcript whole, cut;
    transcript_init(&whole, boundary);
    transcript_init(&cut, boundary);
    (void)transcript_feed(&whole, text, len);
    feed_cut(&cut, text, len, 1U + data[0] % 32U);
    check_whole(&whole, len);
    transcript_end(&whole);
    transcript_end(&cut);
    FUZZ_CHECK(strcmp(whole.text.data, cut.text.data) == 0);
    FUZZ_CHECK(whole.last == cut.last && whole.parser.consumed == cut.parser.consumed);
    transcript_finish(&whole);
    transcript_finish(&cut);
    return 0;
}
