// The reply reader: all types, bytes in any pieces, each limit at and above it, and what is no RESP2.
#include "redis/reply.h"

#include <errno.h>

#include "base/buf.h"
#include "expect.h"
#include "failing_alloc.h"

/* A reply as text: "+OK", "-ERR x", ":1", "nil", "'abc'", "[a b]". */
static void show(const struct redis_reply *r, struct buf *out) {
    switch (r->kind) {
    case REDIS_NIL: buf_str(out, "nil"); return;
    case REDIS_INTEGER: buf_printf(out, ":%lld", (long long)r->integer); return;
    case REDIS_STATUS: buf_printf(out, "+%s", (const char *)r->text.data); return;
    case REDIS_ERROR: buf_printf(out, "-%s", (const char *)r->text.data); return;
    case REDIS_STRING:
        buf_char(out, '\'');
        buf_add(out, r->text.data, r->text.len);
        buf_char(out, '\'');
        return;
    case REDIS_ARRAY: break;
    }
    buf_char(out, '[');
    for (size_t i = 0; i < r->count; i++) {
        buf_str(out, i == 0 ? "" : " ");
        show(&r->items[i], out);
    }
    buf_char(out, ']');
}

/* All replies of `text` in pieces of `piece` bytes, one a line; the last result. */
static int read_all(struct redis_reader *reader, struct bytes text, size_t piece, struct buf *out,
                    struct err *e) {
    const char *p = text.data;
    int r = 0;
    for (size_t at = 0; at < text.len && r >= 0; at += piece) {
        struct bytes input = {p + at, text.len - at < piece ? text.len - at : piece};
        const struct redis_reply *reply;
        while ((r = redis_reader_next(reader, &input, &reply, e)) == 1) {
            show(reply, out);
            buf_char(out, '\n');
        }
    }
    return r;
}

static const char SEVERAL[] =
    "+OK\r\n-ERR no\r\n:-42\r\n$-1\r\n$0\r\n\r\n$3\r\na\r\n\r\n*0\r\n*-1\r\n"
    "*3\r\n*2\r\n:1\r\n$1\r\nx\r\n$-1\r\n+s\r\n"
    "*2\r\n-ERR inside\r\n*1\r\n*0\r\n:7\r\n";
static const char SHOWN[] = "+OK\n-ERR no\n:-42\nnil\n''\n'a\r\n'\n[]\nnil\n"
                            "[[:1 'x'] nil +s]\n[-ERR inside [[]]]\n:7\n";

static void test_pieces(void) {
    for (size_t piece = 1; piece < sizeof SEVERAL; piece++) {
        struct redis_reader *reader = redis_reader_new(0, 0);
        struct buf out = {0};
        struct err e = {.msg = ""};
        EXPECT_EQ_INT(0, read_all(reader, bytes_of(SEVERAL), piece, &out, &e));
        EXPECT_EQ_STR(SHOWN, out.data);
        EXPECT_EQ_UINT(0, redis_reader_pending(reader));
        buf_free(&out);
        redis_reader_free(&reader);
    }
}

/* What is cut anywhere is not a reply, and says so. */
static void test_cut(void) {
    static const char text[] = "*2\r\n$3\r\nabc\r\n:12\r\n";
    for (size_t len = 1; len < sizeof text - 1; len++) {
        struct redis_reader *reader = redis_reader_new(0, 0);
        struct buf out = {0};
        EXPECT_EQ_INT(0, read_all(reader, (struct bytes){text, len}, len, &out, NULL));
        EXPECT_EQ_UINT(0, out.len);
        EXPECT_EQ_UINT(len, redis_reader_pending(reader));
        buf_free(&out);
        redis_reader_free(&reader);
    }
}

static void test_garbage(void) {
    static const struct {
        const char *text;
        int code;
        const char *words;
    } rows[] = {
        {"HTTP/1.1 400 Bad Request\r\n", -EPROTO, "got \"H\""},
        {"%1\r\n+a\r\n:1\r\n", -EPROTO, "got \"%\""}, // RESP3: map, null, double, ...
        {"_\r\n", -EPROTO, "got \"_\""},
        {",1.5\r\n", -EPROTO, "got \",\""},
        {"#t\r\n", -EPROTO, "got \"#\""},
        {"~1\r\n:1\r\n", -EPROTO, "got \"~\""},
        {">1\r\n:1\r\n", -EPROTO, "got \">\""},
        {"\r\n", -EPROTO, "got \"\\r\""},
        {":abc\r\n", -EPROTO, "Bad integer"},
        {":9223372036854775808\r\n", -EPROTO, "Bad integer"},
        {"$x\r\n", -EPROTO, "not the Redis protocol"},
        {"$-2\r\n", -EPROTO, "out of range"},
        {"*-2\r\n", -EPROTO, "out of range"},
        {"*4294967297\r\n", -EPROTO, "out of range"},
        {"*2147483647\r\n", -EMSGSIZE, "more elements"},
        {"$99999999999\r\n", -EMSGSIZE, "more than 67108864 bytes"},
        {"$18446744073709551616\r\n", -EPROTO, "not the Redis protocol"},
        {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", -EMSGSIZE,
         "arrays inside of one another"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t piece = 1; piece <= strlen(rows[i].text); piece += strlen(rows[i].text) - 1) {
            struct redis_reader *reader = redis_reader_new(0, 0);
            struct buf out = {0};
            struct err e = {.msg = ""};
            EXPECT_EQ_INT(rows[i].code, read_all(reader, bytes_of(rows[i].text), piece, &out, &e));
            EXPECT_CONTAINS(rows[i].words, e.msg);
            EXPECT_EQ_UINT(0, out.len);
            // for good
            struct bytes more = bytes_of("+OK\r\n");
            const struct redis_reply *reply;
            EXPECT_EQ_INT(rows[i].code, redis_reader_next(reader, &more, &reply, &e));
            redis_reader_free(&reader);
        }
    }
}

static void test_depth(void) {
    struct redis_reader *reader = redis_reader_new(0, 0);
    struct buf out = {0};
    struct bytes text = bytes_of("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n");
    EXPECT_EQ_INT(0, read_all(reader, text, text.len, &out, NULL));
    EXPECT_EQ_STR("[[[[[[[:1]]]]]]]\n", out.data);
    buf_free(&out);
    redis_reader_free(&reader);
}

/* A string whose reply has `len` bytes in all. */
static void add_string(struct buf *out, size_t len) {
    size_t body = len;
    char head[32];
    int n;
    do { // the header's length depends on the body's
        body--;
        n = snprintf(head, sizeof head, "$%zu\r\n", body);
    } while ((size_t)n + body + 2 > len);
    buf_str(out, head);
    char *room = buf_room(out, body);
    memset(room, 'x', body);
    buf_grew(out, body);
    buf_str(out, "\r\n");
}

static int read_sized(const struct buf *text, size_t bytes_max, size_t elements_max, size_t piece,
                      struct err *e) {
    struct redis_reader *reader = redis_reader_new(bytes_max, elements_max);
    struct buf out = {0};
    int r = read_all(reader, buf_bytes(text), piece, &out, e);
    buf_free(&out);
    redis_reader_free(&reader);
    return r;
}

static void test_bytes_limit(void) {
    static const size_t pieces[] = {1, 7, 1 << 20};
    enum { LIMIT = 50000 };
    struct buf text = {0};
    struct err e = {.msg = ""};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        buf_clear(&text);
        add_string(&text, LIMIT); // the limit is of one reply, not of many
        add_string(&text, LIMIT);
        EXPECT_EQ_INT(0, read_sized(&text, LIMIT, 0, pieces[i], &e));
        EXPECT_EQ_INT(-EMSGSIZE, read_sized(&text, LIMIT - 1, 0, pieces[i], &e));
        EXPECT_CONTAINS("more than 49999 bytes", e.msg);
        buf_clear(&text);
        buf_str(&text, "*2\r\n"); // in parts that are small enough
        add_string(&text, LIMIT / 2);
        add_string(&text, LIMIT / 2);
        EXPECT_EQ_INT(0, read_sized(&text, LIMIT + 4, 0, pieces[i], &e));
        EXPECT_EQ_INT(-EMSGSIZE, read_sized(&text, LIMIT + 3, 0, pieces[i], &e));
    }
    buf_free(&text);
}

static void test_elements_limit(void) {
    struct buf text = {0};
    struct err e = {.msg = ""};
    buf_str(&text, "*2\r\n*2\r\n:1\r\n:2\r\n*2\r\n:3\r\n:4\r\n"); // 6 in all
    EXPECT_EQ_INT(0, read_sized(&text, 0, 6, 1, &e));
    EXPECT_EQ_INT(-EMSGSIZE, read_sized(&text, 0, 5, 1, &e));
    buf_clear(&text);
    buf_printf(&text, "*%d\r\n", REDIS_REPLY_ELEMENTS_MAX);
    for (int i = 0; i < REDIS_REPLY_ELEMENTS_MAX; i++) {
        buf_str(&text, ":1\r\n");
    }
    EXPECT_EQ_INT(0, read_sized(&text, 0, 0, 1 << 16, &e));
    EXPECT_EQ_INT(-EMSGSIZE, read_sized(&text, 0, REDIS_REPLY_ELEMENTS_MAX - 1, 1 << 16, &e));
    buf_free(&text);
}

/* A status of LIMIT bytes, of one more, and one whose end never comes. */
static void test_line_limit(void) {
    static const size_t pieces[] = {61, 1 << 20};
    struct buf text = {0};
    for (size_t i = 0; i < ARRAY_LEN(pieces) * 3; i++) {
        struct err e = {.msg = ""};
        size_t more = i % 3;
        buf_clear(&text);
        buf_str(&text, "+\n");
        for (size_t n = 1; n < REDIS_REPLY_LINE_MAX + more; n++) {
            buf_char(&text, 'x');
        }
        buf_str(&text, more < 2 ? "\r\n" : "");
        EXPECT_EQ_INT(more == 0 ? 0 : -EMSGSIZE, read_sized(&text, 0, 0, pieces[i / 3], &e));
        EXPECT_CONTAINS(more == 0 ? "" : "in a ", e.msg);
    }
    buf_free(&text);
}

static void test_accessors(void) {
    struct redis_reader *reader = redis_reader_new(0, 0);
    struct bytes input =
        bytes_of("*8\r\n+role\r\n$6\r\nmaster\r\n$1\r\nn\r\n$3\r\n-17\r\n:5\r\n$-1\r\n"
                 "$20\r\n99999999999999999999\r\n$2\r\n1x\r\n");
    const struct redis_reply *r = NULL;
    int64_t n = 0;
    EXPECT_EQ_INT(1, redis_reader_next(reader, &input, &r, NULL));
    EXPECT_TRUE(redis_reply_is(r, REDIS_ARRAY));
    EXPECT_TRUE(redis_reply_says(redis_reply_field(r, "role"), "master"));
    EXPECT_FALSE(redis_reply_says(redis_reply_field(r, "role"), "maste"));
    EXPECT_NULL(redis_reply_field(r, "master")); // a value is no name
    EXPECT_NULL(redis_reply_field(NULL, "role"));
    EXPECT_TRUE(redis_reply_integer(redis_reply_field(r, "n"), &n));
    EXPECT_EQ_INT(-17, n);
    EXPECT_TRUE(redis_reply_integer(redis_reply_at(r, 4), &n));
    EXPECT_EQ_INT(5, n);
    EXPECT_FALSE(redis_reply_integer(redis_reply_at(r, 5), &n)); // nil
    EXPECT_FALSE(redis_reply_integer(redis_reply_at(r, 6), &n)); // too large
    EXPECT_FALSE(redis_reply_integer(redis_reply_at(r, 7), &n));
    EXPECT_NULL(redis_reply_at(r, 8));
    EXPECT_NULL(redis_reply_at(redis_reply_at(r, 0), 0));
    EXPECT_EQ_UINT(0, redis_reply_text(redis_reply_at(r, 4)).len);
    EXPECT_EQ_UINT(0, redis_reply_text(NULL).len);
    redis_reader_free(&reader);
    redis_reader_free(&reader); // NULL is fine
}

/* All replies from a reader of its own; the last result. */
static int read_with_new_reader(struct err *e) {
    struct redis_reader *reader = redis_reader_new(0, 0);
    struct bytes input = bytes_of(SEVERAL);
    const struct redis_reply *reply;
    int r = reader == NULL ? -ENOMEM : 1;
    while (r == 1) {
        r = redis_reader_next(reader, &input, &reply, e);
    }
    redis_reader_free(&reader);
    return r;
}

/* Each allocation of ours fails; hiredis' own are in its library. */
static void test_memory(void) {
    int nth = 0, r;
    do {
        struct err e = {.msg = ""};
        failing_alloc_after(++nth);
        r = read_with_new_reader(&e);
        failing_alloc_after(0);
        EXPECT_TRUE(r == 0 || r == -ENOMEM);
    } while (r != 0 && nth < 100);
    EXPECT_TRUE(nth > 2 && nth < 100);
}

static const struct expect_test tests[] = {
    {"all types, in pieces of any size", test_pieces},
    {"half a reply is none", test_cut},
    {"what is not RESP2, or announces too much", test_garbage},
    {"the deepest reply", test_depth},
    {"limit of bytes", test_bytes_limit},
    {"limit of elements", test_elements_limit},
    {"limit of a line", test_line_limit},
    {"what a reply says", test_accessors},
    {"no memory", test_memory},
};
SUITE_MAIN("redis replies", tests)
