/* A parser for HTTP/1.x requests: bytes in, in any pieces, events out. It is the strict reading of
 * RFC 9112: what could be understood in two ways is refused, and after a refusal nothing more is
 * read. Pure: no I/O, no allocation, no clock; the state is one struct of fixed size. docs/http.md
 * lists what becomes of each kind of malformed request.
 *
 *     TARGET+ ( NAME+ VALUE* HEADER )* HEAD BODY* END
 *
 * with MORE between any two, and ERROR instead of any.
 *
 * Pieces (TARGET, NAME, VALUE, BODY) may be split wherever the input was split; joined, they are
 * the same for every split, and so is the number of bytes consumed before an ERROR. */
#ifndef JOBHOST_NET_HTTP1_H
#define JOBHOST_NET_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct http1_limits {
    size_t request_line;    /* bytes before its CR LF; over: 414 */
    size_t headers;         /* bytes with trailers, line ends and the empty line; over: 431 */
    unsigned header_count;  /* headers and trailers; over: 431 */
    size_t chunk_ext;       /* bytes of extensions of one chunk, over: 400 */
    size_t chunk_ext_total; /* ... of all chunks */
};

enum http1_event {
    HTTP1_MORE,   /* all input is used up */
    HTTP1_TARGET, /* a piece of the request target */
    HTTP1_NAME,   /* a piece of a header's name */
    HTTP1_VALUE,  /* a piece of its value; blanks before it are gone, blanks after it are not */
    HTTP1_HEADER, /* this header is complete */
    HTTP1_HEAD,   /* request line and headers are complete and make sense: see the facts below */
    HTTP1_BODY,   /* a piece of the body, chunked framing removed */
    HTTP1_END,    /* the request is complete; http1_reset() for the next one */
    HTTP1_ERROR,  /* `error` says why; final */
};

enum http1_method {
    HTTP1_GET,
    HTTP1_HEAD_METHOD,
    HTTP1_POST,
    HTTP1_PUT,
    HTTP1_PATCH,
    HTTP1_DELETE,
    HTTP1_OPTIONS,
    HTTP1_METHOD_COUNT
};

enum http1_error {
    HTTP1_OK,
    HTTP1_BAD_REQUEST_LINE,
    HTTP1_BAD_TARGET,
    HTTP1_UNKNOWN_METHOD,
    HTTP1_BAD_VERSION,
    HTTP1_LONG_REQUEST_LINE,
    HTTP1_BAD_HEADER,
    HTTP1_MANY_HEADERS,
    HTTP1_BAD_HOST,
    HTTP1_BAD_LENGTH,
    HTTP1_BAD_CODING,
    HTTP1_UNKNOWN_CODING,
    HTTP1_BAD_CHUNK,
    HTTP1_LARGE_BODY,
    HTTP1_UNKNOWN_EXPECT,
    HTTP1_ERROR_COUNT
};

/* How an error is answered. Constants: nothing of the request is reflected. */
struct http1_error_row {
    int status;
    const char *code, *message;
};
extern const struct http1_error_row http1_error_rows[HTTP1_ERROR_COUNT];
extern const char *const http1_method_names[HTTP1_METHOD_COUNT];

enum { HTTP1_WORD_MAX = 24, HTTP1_VALUE_MAX = 288, HTTP1_HOST_MAX = 263 };

struct http1 {
    const struct http1_limits *limits; /* borrowed for the parser's life */
    uint64_t body_max; /* the caller may set it when HEAD comes; http1_reset() = none allowed */

    /* facts: valid from HEAD on */
    enum http1_method method;
    uint8_t minor;        /* HTTP/1.minor */
    bool keep_alive;      /* the peer would like to go on */
    bool expect_continue; /* it waits for 100 Continue before it sends the body */
    bool chunked;
    bool absolute;                 /* the target was in absolute form: `host` comes from it */
    uint64_t length;               /* Content-Length, or 0 */
    char host[HTTP1_HOST_MAX + 1]; /* Host or the target's authority; "" = none (HTTP/1.0) */

    enum http1_error error; /* after HTTP1_ERROR */
    uint64_t consumed;      /* bytes of this request used so far */

    /* private */
    uint8_t state, blanks, field, escape, ext;
    bool trailers, has_length, has_coding, has_host, long_value, saw_close, saw_keep;
    unsigned header_count;
    size_t line_len, head_len, ext_len, ext_total;
    uint64_t left; /* of the body or chunk */
    uint64_t body_len;
    uint8_t digits;
    uint8_t word_len;
    uint16_t value_len;
    char word[HTTP1_WORD_MAX];   /* method, version, or header name in lower case, cut to size */
    char value[HTTP1_VALUE_MAX]; /* of a header that matters here */
};

/* Ready for the first byte of a request. */
void http1_init(struct http1 *p, const struct http1_limits *limits);
/* Ready for the next request of the same connection. */
void http1_reset(struct http1 *p);

/* The next event. Consumes from the front of *input; a piece is borrowed from it. After END or
 * ERROR the same answer is given until http1_reset(). */
enum http1_event http1_next(struct http1 *p, struct bytes *input, struct bytes *ret_piece);

/* Has any byte of a request been seen since the reset (empty lines do not count)? */
bool http1_started(const struct http1 *p);

#endif
