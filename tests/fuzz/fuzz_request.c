// What is made of a request once it is in: the path and query of a target that the parser accepts; Range, Accept-Encoding and
// X-Forwarded-For values. The input is a target. Segments are free of slashes that were not encoded, of ".", ".." and of emptiness; ranges
// lie within the content.
#include <string.h>

#include "net/coding.h"
#include "net/forwarded.h"
#include "net/http1.h"
#include "net/path.h"
#include "net/range.h"
#include "net/server.h"

#include "fuzz.h"

static const struct http1_limits limits = {
    .request_line = 4096, .headers = 64, .header_count = 4, .chunk_ext = 0, .chunk_ext_total = 0};

static bool is_target(struct bytes target) {
    struct buf text = {0};
    struct http1 p;
    enum http1_event event;
    buf_str(&text, "GET ");
    buf_add(&text, target.data, target.len);
    buf_str(&text, " HTTP/1.1\r\nHost: a\r\n\r\n");
    struct bytes in = buf_bytes(&text), piece;
    http1_init(&p, &limits);
    do {
        event = http1_next(&p, &in, &piece);
    } while (event != HTTP1_END && event != HTTP1_ERROR && event != HTTP1_MORE);
    bool ok = event == HTTP1_END && in.len == 0;
    buf_free(&text);
    return ok;
}

static void check_path(const char *target) {
    struct request req = {.target = target};
    const char **segments = NULL;
    size_t count = 0;
    int r = path_split(&req.arena, target, &segments, &count, &req.query);
    for (size_t i = 0; r == 0 && i < count; i++) {
        FUZZ_CHECK(segments[i][0] != '\0' && strcmp(segments[i], ".") != 0 &&
                   strcmp(segments[i], "..") != 0);
        FUZZ_CHECK(strlen(segments[i]) <= strlen(target));
    }
    static const char *const names[] = {"a", "", "limit", "\xc3\xa9"};
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(names); i++) {
        const char *value = request_query(&req, names[i]);
        FUZZ_CHECK(value == NULL || (req.query != NULL && strlen(value) <= strlen(req.query)));
    }
    arena_free(&req.arena);
}

static void check_range(struct bytes text, uint64_t size) {
    struct range range = {UINT64_MAX, UINT64_MAX};
    if (range_parse(text, size, &range) == RANGE_PART) {
        FUZZ_CHECK(range.len > 0 && range.first < size && range.len <= size - range.first);
    }
}

/* Accept-Encoding: weights are thousandths, and more text behind a comma takes nothing away. */
static void check_coding(struct bytes text) {
    struct coding_weights w = {-1, -1, -1}, again = {-1, -1, -1};
    coding_read(text, &w);
    FUZZ_CHECK(w.gzip >= -1 && w.gzip <= 1000 && w.any >= -1 && w.any <= 1000);
    struct buf more = {0};
    buf_add(&more, text.data, text.len);
    buf_str(&more, ",br;q=0.5");
    coding_read(buf_bytes(&more), &again);
    FUZZ_CHECK(again.gzip == w.gzip && again.identity == w.identity && again.any == w.any);
    buf_free(&more);
}

/* X-Forwarded-For: who is found is no trusted proxy, and what stands further left changes nothing. */
static void check_forwarded(struct bytes text) {
    struct network own;
    struct ip ip, again;
    (void)network_parse("10.0.0.0/8", &own, NULL);
    const struct proxies proxies = {.networks = &own, .count = 1};
    struct header header = {bytes_of("X-Forwarded-For"), text};
    const struct request req = {.headers = &header, .header_count = 1};
    if (forwarded_for(&req, &proxies, &ip)) {
        struct buf more = {0};
        FUZZ_CHECK(!proxies_have(&proxies, &ip));
        buf_str(&more, "198.51.100.1,");
        buf_add(&more, text.data, text.len);
        header.value = buf_bytes(&more);
        FUZZ_CHECK(forwarded_for(&req, &proxies, &again) && memcmp(&ip, &again, sizeof ip) == 0);
        buf_free(&more);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes text = {data, size};
    if (is_target(text)) {
        struct buf target = {0};
        buf_add(&target, data, size);
        check_path(target.data);
        buf_free(&target);
    }
    check_coding(text);
    check_forwarded(text);
    check_range(text, 0);
    check_range(text, 1000);
    check_range(text, UINT64_MAX);
    return 0;
}
