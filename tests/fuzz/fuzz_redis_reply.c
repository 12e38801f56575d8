// Replies of a Redis server that sends anything. The first two bytes of the input choose small limits and the size of the pieces.
// Whatever the pieces, the same replies come out, within the limits, and the class of an error is found without reading past it.
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "redis/reply.h"
#include "redis/reply_class.h"

enum { BYTES_MAX = 4096, ELEMENTS_MAX = 64 };

struct seen {
    struct buf text; // of all replies
    int result;
    size_t bytes, elements; // of the largest
};

static void look(const struct redis_reply *r, struct seen *s, unsigned depth) {
    FUZZ_CHECK(depth <= REDIS_REPLY_DEPTH_MAX);
    int64_t n = 0;
    buf_printf(&s->text, "%d:%lld:", (int)r->kind, (long long)r->integer);
    buf_add(&s->text, r->text.data, r->text.len);
    (void)redis_reply_integer(r, &n);
    (void)redis_reply_field(r, "master");
    if (r->kind == REDIS_ERROR) {
        FUZZ_CHECK(redis_class_of(r->text) != REDIS_FINE);
    }
    s->bytes += r->text.len;
    s->elements += r->count;
    for (size_t i = 0; i < r->count; i++) {
        look(&r->items[i], s, depth + (r->items[i].kind == REDIS_ARRAY));
    }
}

static struct seen read_all(const uint8_t *data, size_t size, size_t bytes_max, size_t elements_max,
                            size_t piece) {
    struct seen s = {.result = 0};
    struct redis_reader *reader = redis_reader_new(bytes_max, elements_max);
    for (size_t at = 0; at < size && s.result >= 0; at += piece) {
        struct bytes input = {data + at, size - at < piece ? size - at : piece};
        const struct redis_reply *reply;
        while ((s.result = redis_reader_next(reader, &input, &reply, NULL)) == 1) {
            s.bytes = s.elements = 0;
            look(reply, &s, 1);
            FUZZ_CHECK(s.bytes <= bytes_max && s.elements <= elements_max);
        }
        FUZZ_CHECK(s.result < 0 || input.len == 0);
        FUZZ_CHECK(s.result < 0 || redis_reader_pending(reader) <= bytes_max);
    }
    redis_reader_free(&reader);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    size_t bytes_max = data[0] < 128 ? BYTES_MAX : data[0];
    size_t piece = 1 + data[1] % 64;
    struct seen whole = read_all(data + 2, size - 2, bytes_max, ELEMENTS_MAX, size);
    struct seen parts = read_all(data + 2, size - 2, bytes_max, ELEMENTS_MAX, piece);
    FUZZ_CHECK(whole.text.len == parts.text.len);
    FUZZ_CHECK(whole.text.len == 0 ||
               memcmp(whole.text.data, parts.text.data, whole.text.len) == 0);
    FUZZ_CHECK((whole.result < 0) == (parts.result < 0));
    buf_free(&whole.text);
    buf_free(&parts.text);
    return 0;
}
