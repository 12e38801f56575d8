#include "net/http1_private.h"

#include <string.h>

/* ---- tables ---- */

/* What each byte may be: CLASS_* bits, sixteen bytes a row. */
// clang-format off
const uint8_t http1_classes[256] = {
    /* 00 */  0,  0,  0,  0,  0,  0,  0,  0,  0,  4,  0,  0,  0,  0,  0,  0,
    /* 10 */  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    /* 20 */  4,  7,  6,  5,  7,  5,  7,  7,  6,  6,  7,  7,  6, 39, 39,  6,
    /* 30 */ 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,  6,  6,  6,  6,  6,  6,
    /* 40 */  6, 55, 55, 55, 55, 55, 55, 39, 39, 39, 39, 39, 39, 39, 39, 39,
    /* 50 */ 39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 39,  6,  6,  6,  7, 39,
    /* 60 */  7, 55, 55, 55, 55, 55, 55, 39, 39, 39, 39, 39, 39, 39, 39, 39,
    /* 70 */ 39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 39,  6,  7,  6, 39,  0,
    /* 80 */  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
    /* 90 */  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
    /* a0 */  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
    /* b0 */  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
    /* c0 */  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
    /* d0 */  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
    /* e0 */  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
    /* f0 */  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
};
// clang-format on

const char *const http1_method_names[HTTP1_METHOD_COUNT] = {
    [HTTP1_GET] = "GET",         [HTTP1_HEAD_METHOD] = "HEAD", [HTTP1_POST] = "POST",
    [HTTP1_PUT] = "PUT",         [HTTP1_PATCH] = "PATCH",      [HTTP1_DELETE] = "DELETE",
    [HTTP1_OPTIONS] = "OPTIONS",
};

const struct http1_error_row http1_error_rows[HTTP1_ERROR_COUNT] = {
    [HTTP1_OK] = {200, "ok", ""},
    [HTTP1_BAD_REQUEST_LINE] = {400, "bad_request_line",
                                "the request line is not METHOD SP TARGET SP VERSION CR LF"},
    [HTTP1_BAD_TARGET] = {400, "bad_target",
                          "the request target is malformed: write a path with %XX escapes"},
    [HTTP1_UNKNOWN_METHOD] = {501, "unknown_method",
                              "the method is not one of GET HEAD POST PUT PATCH DELETE OPTIONS"},
    [HTTP1_BAD_VERSION] = {505, "bad_version", "only HTTP/1.1 and HTTP/1.0 are spoken here"},
    [HTTP1_LONG_REQUEST_LINE] = {414, "long_request_line", "the request line is too long"},
    [HTTP1_BAD_HEADER] = {400, "bad_header", "a header line is malformed"},
    [HTTP1_MANY_HEADERS] = {431, "large_headers", "the headers are too many or too large"},
    [HTTP1_BAD_HOST] = {400, "bad_host", "exactly one Host header is needed, as host or host:port"},
    [HTTP1_BAD_LENGTH] = {400, "bad_length",
                          "Content-Length must be there once, as 1 to 18 digits, and alone"},
    [HTTP1_BAD_CODING] = {400, "bad_transfer_coding",
                          "Transfer-Encoding must be there once, as chunked, and alone"},
    [HTTP1_UNKNOWN_CODING] = {501, "unknown_transfer_coding",
                              "the only transfer coding understood here is chunked"},
    [HTTP1_BAD_CHUNK] = {400, "bad_chunk", "the chunked body is malformed"},
    [HTTP1_LARGE_BODY] = {413, "large_body", "the body is larger than this resource accepts"},
    [HTTP1_UNKNOWN_EXPECT] = {417, "unknown_expectation",
                              "the only expectation understood here is 100-continue"},
};

/* ---- the state machine ---- */

enum state {
    START, // before the request line; up to two empty lines are skipped
    START_LF,
    METHOD,
    TARGET,
    VERSION,
    LINE_LF,
    HEADER_START,
    NAME,
    VALUE_START,
    VALUE,
    VALUE_LF,
    HEAD_LF,
    BODY_START, // uses no input
    BODY,
    CHUNK_SIZE,
    CHUNK_EXT,
    CHUNK_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    DONE,
    FAILED,
};

/* What a step says when there is no event to report yet. */
#define AGAIN ((enum http1_event) - 1)

enum { EMPTY_LINES_MAX = 2, CHUNK_DIGITS_MAX = 15 };
static const char version_form[] = "HTTP/0.0";

static void use(struct http1 *p, struct bytes *in, size_t n) {
    in->data = (const char *)in->data + n;
    in->len -= n;
    p->consumed += n;
}

static enum http1_event use_piece(struct http1 *p, struct bytes *in, size_t n, struct bytes *piece,
                                  enum http1_event event) {
    *piece = (struct bytes){in->data, n};
    use(p, in, n);
    return event;
}

static enum http1_event fail(struct http1 *p, enum http1_error error) {
    p->error = error;
    p->state = FAILED;
    return HTTP1_ERROR;
}

static enum http1_event go(struct http1 *p, enum state state) {
    p->state = (uint8_t)state;
    return AGAIN;
}

static char first(const struct bytes *in) {
    return *(const char *)in->data;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Length of the run of `class` bytes at the front, at most `max`. */
static size_t run(const struct bytes *in, unsigned class, size_t max) {
    const char *s = in->data;
    size_t end = in->len < max ? in->len : max;
    size_t n = 0;
    while (n < end && http1_is(s[n], class)) {
        n++;
    }
    return n;
}

/* ---- request line ---- */

static size_t line_room(const struct http1 *p) {
    return p->limits->request_line - p->line_len;
}

static enum http1_event step_start(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    if (first(in) != '\r') {
        return go(p, METHOD);
    }
    if (p->blanks == EMPTY_LINES_MAX) {
        return fail(p, HTTP1_BAD_REQUEST_LINE);
    }
    p->blanks++;
    use(p, in, 1);
    return go(p, START_LF);
}

static enum http1_event step_start_lf(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    if (first(in) != '\n') {
        return fail(p, HTTP1_BAD_REQUEST_LINE);
    }
    use(p, in, 1);
    return go(p, START);
}

static enum http1_event step_method(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    char c = first(in);
    if (c == ' ' && p->word_len > 0) {
        int method = http1_method_of(p->word, p->word_len);
        p->method = method < 0 ? HTTP1_METHOD_COUNT : (enum http1_method)method;
        p->word_len = 0;
        go(p, TARGET);
    } else if (!http1_is(c, CLASS_TOKEN)) {
        return fail(p, HTTP1_BAD_REQUEST_LINE);
    } else if (p->word_len < HTTP1_WORD_MAX) {
        p->word[p->word_len++] = c; // a longer one is unknown, whatever its tail
    }
    if (line_room(p) == 0) {
        return fail(p, HTTP1_LONG_REQUEST_LINE);
    }
    p->line_len++;
    use(p, in, 1);
    return AGAIN;
}

/* Percent escapes: 0 none, 1 after '%', 2 after '%' and a digit, 3 after "%0". */
static bool target_takes(struct http1 *p, char c) {
    if (p->escape == 0) {
        p->escape = c == '%';
        return c == '%' || http1_is(c, CLASS_TARGET);
    }
    if (!http1_is(c, CLASS_HEX) || (p->escape == 3 && c == '0')) {
        return false; // not an escape, or one for NUL
    }
    p->escape = p->escape == 1 ? (c == '0' ? 3 : 2) : 0;
    return true;
}

static void keep_value(struct http1 *p, const char *s, size_t n) {
    size_t room = HTTP1_VALUE_MAX - (size_t)p->value_len;
    if (n > room) {
        p->long_value = true;
        n = room;
    }
    memcpy(p->value + p->value_len, s, n);
    p->value_len = (uint16_t)(p->value_len + n);
}

static enum http1_event step_target(struct http1 *p, struct bytes *in, struct bytes *piece) {
    const char *s = in->data;
    size_t max = in->len < line_room(p) ? in->len : line_room(p);
    size_t n = 0;
    while (n < max && target_takes(p, s[n])) {
        n++;
    }
    if (n > 0) {
        keep_value(p, s, n);
        p->line_len += n;
        return use_piece(p, in, n, piece, HTTP1_TARGET);
    }
    if (line_room(p) == 0) {
        return fail(p, HTTP1_LONG_REQUEST_LINE);
    }
    if (s[0] != ' ' || p->escape != 0 || p->value_len == 0) {
        return fail(p, HTTP1_BAD_TARGET);
    }
    p->line_len++;
    use(p, in, 1);
    return go(p, VERSION);
}

static enum http1_event step_version(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    char c = first(in);
    if (p->word_len == sizeof version_form - 1) {
        if (c != '\r') {
            return fail(p, HTTP1_BAD_REQUEST_LINE);
        }
        use(p, in, 1);
        return go(p, LINE_LF);
    }
    char want = version_form[p->word_len];
    if (want == '0' ? !http1_is(c, CLASS_DIGIT) : c != want) {
        return fail(p, HTTP1_BAD_REQUEST_LINE);
    }
    if (line_room(p) == 0) {
        return fail(p, HTTP1_LONG_REQUEST_LINE);
    }
    p->word[p->word_len++] = c;
    p->line_len++;
    use(p, in, 1);
    return AGAIN;
}

static bool text_begins(const char *text, size_t len, const char *prefix) {
    for (size_t i = 0; prefix[i] != '\0'; i++) {
        if (i == len || lower(text[i]) != prefix[i]) {
            return false;
        }
    }
    return true;
}

/* Origin form, "*" for OPTIONS, or absolute form, whose authority then stands for the Host
 * header. */
static enum http1_error target_form(struct http1 *p) {
    size_t len = p->value_len;
    if (p->value[0] == '/') {
        return HTTP1_OK;
    }
    if (p->value[0] == '*') {
        return len == 1 && p->method == HTTP1_OPTIONS ? HTTP1_OK : HTTP1_BAD_TARGET;
    }
    size_t at = text_begins(p->value, len, "http://")    ? 7
                : text_begins(p->value, len, "https://") ? 8
                                                         : 0;
    size_t end = at;
    while (end < len && p->value[end] != '/' && p->value[end] != '?') {
        end++;
    }
    if (at == 0 || (end == len && p->long_value) || !http1_host_valid(p->value + at, end - at)) {
        return HTTP1_BAD_TARGET;
    }
    memcpy(p->host, p->value + at, end - at);
    p->host[end - at] = '\0';
    p->absolute = true;
    return HTTP1_OK;
}

static enum http1_event step_line_lf(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    if (first(in) != '\n') {
        return fail(p, HTTP1_BAD_REQUEST_LINE);
    }
    use(p, in, 1);
    char major = p->word[5], minor = p->word[7];
    if (major != '1' || minor > '1') {
        return fail(p, HTTP1_BAD_VERSION);
    }
    p->minor = (uint8_t)(minor - '0');
    if (p->method == HTTP1_METHOD_COUNT) {
        return fail(p, HTTP1_UNKNOWN_METHOD);
    }
    enum http1_error error = target_form(p);
    return error != HTTP1_OK ? fail(p, error) : go(p, HEADER_START);
}

/* ---- headers and trailers ---- */

static size_t head_room(const struct http1 *p) {
    return p->limits->headers - p->head_len;
}

static enum http1_event use_head(struct http1 *p, struct bytes *in, size_t n, enum state next) {
    if (head_room(p) < n) {
        return fail(p, HTTP1_MANY_HEADERS);
    }
    p->head_len += n;
    use(p, in, n);
    return go(p, next);
}

static enum http1_event step_header_start(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    char c = first(in);
    if (c == '\r') {
        return use_head(p, in, 1, HEAD_LF);
    }
    if (!http1_is(c, CLASS_TOKEN)) { // a blank would fold the line onto the one before
        return fail(p, HTTP1_BAD_HEADER);
    }
    if (p->header_count == p->limits->header_count) {
        return fail(p, HTTP1_MANY_HEADERS);
    }
    p->header_count++;
    p->word_len = 0;
    p->value_len = 0;
    p->long_value = false;
    return go(p, NAME);
}

static enum http1_event step_name(struct http1 *p, struct bytes *in, struct bytes *piece) {
    const char *s = in->data;
    size_t n = run(in, CLASS_TOKEN, head_room(p));
    if (n == 0) {
        if (head_room(p) == 0) {
            return fail(p, HTTP1_MANY_HEADERS);
        }
        if (s[0] != ':') {
            return fail(p, HTTP1_BAD_HEADER);
        }
        p->field = (uint8_t)http1_head_field(p);
        if (p->trailers && p->field != FIELD_OTHER) {
            return fail(p, HTTP1_BAD_HEADER); // too late to mean anything good
        }
        return use_head(p, in, 1, VALUE_START);
    }
    for (size_t i = 0; i < n && p->word_len < HTTP1_WORD_MAX; i++) {
        p->word[p->word_len++] = lower(s[i]);
    }
    p->head_len += n;
    return use_piece(p, in, n, piece, p->trailers ? AGAIN : HTTP1_NAME);
}

static enum http1_event step_value_start(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    char c = first(in);
    if (c == ' ' || c == '\t') {
        return use_head(p, in, 1, VALUE_START);
    }
    return go(p, VALUE);
}

static enum http1_event step_value(struct http1 *p, struct bytes *in, struct bytes *piece) {
    size_t n = run(in, CLASS_VALUE, head_room(p));
    if (n == 0) {
        if (head_room(p) == 0) {
            return fail(p, HTTP1_MANY_HEADERS);
        }
        if (first(in) != '\r') {
            return fail(p, HTTP1_BAD_HEADER);
        }
        return use_head(p, in, 1, VALUE_LF);
    }
    if (p->field != FIELD_OTHER) {
        keep_value(p, in->data, n);
    }
    p->head_len += n;
    return use_piece(p, in, n, piece, p->trailers ? AGAIN : HTTP1_VALUE);
}

static enum http1_event step_value_lf(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    if (first(in) != '\n') {
        return fail(p, HTTP1_BAD_HEADER);
    }
    if (use_head(p, in, 1, HEADER_START) != AGAIN) {
        return HTTP1_ERROR;
    }
    enum http1_error error = http1_head_take(p);
    if (error != HTTP1_OK) {
        return fail(p, error);
    }
    return p->trailers ? AGAIN : HTTP1_HEADER;
}

static enum http1_event step_head_lf(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    if (first(in) != '\n') {
        return fail(p, HTTP1_BAD_HEADER);
    }
    if (use_head(p, in, 1, p->trailers ? DONE : BODY_START) != AGAIN) {
        return HTTP1_ERROR;
    }
    if (p->trailers) {
        return AGAIN;
    }
    enum http1_error error = http1_head_check(p);
    return error != HTTP1_OK ? fail(p, error) : HTTP1_HEAD;
}

/* ---- body ---- */

static enum http1_event step_body_start(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)in;
    (void)piece;
    if (p->chunked) {
        return go(p, CHUNK_SIZE);
    }
    if (p->length > p->body_max) {
        return fail(p, HTTP1_LARGE_BODY);
    }
    p->left = p->length;
    return go(p, p->left == 0 ? DONE : BODY);
}

static enum http1_event step_body(struct http1 *p, struct bytes *in, struct bytes *piece) {
    size_t n = in->len < p->left ? in->len : (size_t)p->left;
    p->left -= n;
    if (p->left == 0) {
        p->state = p->chunked ? CHUNK_DATA_CR : DONE;
    }
    return use_piece(p, in, n, piece, HTTP1_BODY);
}

/* Where in ";name=value" or ";name=\"value\"" an extension is. They are skipped, but only while
 * both ends agree what they are. */
enum ext { EXT_BEGIN, EXT_NAME, EXT_EQUALS, EXT_TOKEN, EXT_QUOTED, EXT_UNQUOTED, EXT_BAD };

static enum http1_event step_chunk_size(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    char c = first(in);
    if (http1_is(c, CLASS_HEX)) {
        if (p->digits == CHUNK_DIGITS_MAX) {
            return fail(p, HTTP1_BAD_CHUNK);
        }
        p->digits++;
        p->left = p->left * 16 + http1_hex_value(c);
    } else if (p->digits > 0 && c == ';') {
        p->ext_len = 0;
        p->ext = EXT_BEGIN;
        go(p, CHUNK_EXT);
    } else if (p->digits > 0 && c == '\r') {
        go(p, CHUNK_LF);
    } else {
        return fail(p, HTTP1_BAD_CHUNK);
    }
    use(p, in, 1);
    return AGAIN;
}

/* Quoted values are held to plain ASCII without escapes: what else is in there, some parsers read
 * differently. */
static enum ext ext_next(enum ext ext, char c) {
    bool token = http1_is(c, CLASS_TOKEN);
    bool quotable = http1_is(c, CLASS_VALUE) && (signed char)c > 0 && c != '\\';
    switch (ext) {
    case EXT_BEGIN: return token ? EXT_NAME : EXT_BAD;
    case EXT_NAME: return token ? EXT_NAME : c == '=' ? EXT_EQUALS : c == ';' ? EXT_BEGIN : EXT_BAD;
    case EXT_EQUALS: return token ? EXT_TOKEN : c == '"' ? EXT_QUOTED : EXT_BAD;
    case EXT_TOKEN: return token ? EXT_TOKEN : c == ';' ? EXT_BEGIN : EXT_BAD;
    case EXT_QUOTED: return c == '"' ? EXT_UNQUOTED : quotable ? EXT_QUOTED : EXT_BAD;
    default: return c == ';' ? EXT_BEGIN : EXT_BAD;
    }
}

static bool ext_may_end(enum ext ext) {
    return ext == EXT_NAME || ext == EXT_TOKEN || ext == EXT_UNQUOTED;
}

static enum http1_event step_chunk_ext(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    char c = first(in);
    if (c == '\r' && ext_may_end(p->ext)) {
        use(p, in, 1);
        return go(p, CHUNK_LF);
    }
    enum ext next = ext_next(p->ext, c);
    if (next == EXT_BAD || p->ext_len == p->limits->chunk_ext ||
        p->ext_total == p->limits->chunk_ext_total) {
        return fail(p, HTTP1_BAD_CHUNK);
    }
    p->ext = (uint8_t)next;
    p->ext_len++;
    p->ext_total++;
    use(p, in, 1);
    return AGAIN;
}

static enum http1_event step_chunk_lf(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    if (first(in) != '\n') {
        return fail(p, HTTP1_BAD_CHUNK);
    }
    use(p, in, 1);
    if (p->left > p->body_max - p->body_len) { // before any of its data
        return fail(p, HTTP1_LARGE_BODY);
    }
    p->body_len += p->left;
    p->digits = 0;
    p->trailers = p->left == 0;
    return go(p, p->trailers ? HEADER_START : CHUNK_DATA);
}

static enum http1_event step_chunk_data_cr(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    if (first(in) != '\r') {
        return fail(p, HTTP1_BAD_CHUNK);
    }
    use(p, in, 1);
    return go(p, CHUNK_DATA_LF);
}

static enum http1_event step_chunk_data_lf(struct http1 *p, struct bytes *in, struct bytes *piece) {
    (void)piece;
    if (first(in) != '\n') {
        return fail(p, HTTP1_BAD_CHUNK);
    }
    use(p, in, 1);
    return go(p, CHUNK_SIZE);
}

typedef enum http1_event step_fn(struct http1 *p, struct bytes *in, struct bytes *piece);

static step_fn *const steps[] = {
    [START] = step_start,
    [START_LF] = step_start_lf,
    [METHOD] = step_method,
    [TARGET] = step_target,
    [VERSION] = step_version,
    [LINE_LF] = step_line_lf,
    [HEADER_START] = step_header_start,
    [NAME] = step_name,
    [VALUE_START] = step_value_start,
    [VALUE] = step_value,
    [VALUE_LF] = step_value_lf,
    [HEAD_LF] = step_head_lf,
    [BODY_START] = step_body_start,
    [BODY] = step_body,
    [CHUNK_SIZE] = step_chunk_size,
    [CHUNK_EXT] = step_chunk_ext,
    [CHUNK_LF] = step_chunk_lf,
    [CHUNK_DATA] = step_body,
    [CHUNK_DATA_CR] = step_chunk_data_cr,
    [CHUNK_DATA_LF] = step_chunk_data_lf,
};

/* ---- the interface ---- */

void http1_init(struct http1 *p, const struct http1_limits *limits) {
    p->limits = limits;
    http1_reset(p);
}

void http1_reset(struct http1 *p) {
    const struct http1_limits *limits = p->limits;
    memset(p, 0, sizeof *p);
    p->limits = limits;
}

bool http1_started(const struct http1 *p) {
    return p->state > START_LF;
}

enum http1_event http1_next(struct http1 *p, struct bytes *input, struct bytes *ret_piece) {
    *ret_piece = (struct bytes){NULL, 0};
    for (;;) {
        if (p->state == DONE) {
            return HTTP1_END;
        }
        if (p->state == FAILED) {
            return HTTP1_ERROR;
        }
        if (input->len == 0 && p->state != BODY_START) {
            return HTTP1_MORE;
        }
        enum http1_event event = steps[p->state](p, input, ret_piece);
        if (event != AGAIN) {
            return event;
        }
    }
}
