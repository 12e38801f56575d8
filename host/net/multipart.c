#include "net/multipart.h"

#include <string.h>

#include "net/http1_private.h"
#include "net/multipart_private.h"

const struct multipart_error_row multipart_error_rows[MULTIPART_ERROR_COUNT] = {
    [MULTIPART_OK] = {200, "ok", ""},
    [MULTIPART_BAD_BEGIN] = {400, "bad_multipart", "the body does not begin with its boundary"},
    [MULTIPART_BAD_BOUNDARY] = {400, "bad_multipart",
                                "a boundary is followed by something else than CR LF or --, or "
                                "stands where content begins"},
    [MULTIPART_BAD_HEADER] = {400, "bad_multipart", "a header of a part is malformed"},
    [MULTIPART_LONG_HEADER] = {413, "large_part_headers", "the headers of a part are too long"},
    [MULTIPART_BAD_DISPOSITION] = {400, "bad_multipart",
                                   "each part needs Content-Disposition: form-data; name=\"...\", "
                                   "with filename=\"...\" and filename*=UTF-8''... at most; a "
                                   "quote in a name is sent as %22, and a name has no backslash"},
    [MULTIPART_BAD_NAME] = {400, "bad_part_name",
                            "names and file names of parts are UTF-8 of at most 255 bytes, a "
                            "name is not empty, and filename* is UTF-8''... of RFC 8187"},
    [MULTIPART_BAD_TYPE] = {400, "bad_part_type",
                            "a part has one Content-Type at most, of 1 to 128 bytes, and is not "
                            "multipart itself"},
    [MULTIPART_BAD_ENCODING] = {400, "bad_part_encoding",
                                "parts are sent as they are: Content-Transfer-Encoding can only "
                                "be 7bit, 8bit or binary"},
    [MULTIPART_MANY_PARTS] = {413, "too_many_parts", "the form has too many parts"},
    [MULTIPART_BAD_END] = {400, "bad_multipart", "there is something behind the last boundary"},
};

enum state {
    BEGIN, // the first boundary, which need not have a line end before it
    AFTER, // behind a boundary
    AFTER_LF,
    AFTER_DASH,
    HEADER,
    HEADER_LF,
    CONTENT,
    COMPLETE, // behind the last boundary
    COMPLETE_LF,
    DONE,
    FAILED,
};

/* What a step says when there is no event to report yet. */
#define AGAIN ((enum multipart_event) - 1)

static void use(struct multipart *p, struct bytes *in, size_t n) {
    in->data = (const char *)in->data + n;
    in->len -= n;
    p->consumed += n;
}

static char take(struct multipart *p, struct bytes *in) {
    char c = *(const char *)in->data;
    use(p, in, 1);
    return c;
}

static enum multipart_event go(struct multipart *p, enum state state) {
    p->state = (uint8_t)state;
    return AGAIN;
}

static enum multipart_event fail(struct multipart *p, enum multipart_error error) {
    p->error = error;
    p->state = FAILED;
    return MULTIPART_ERROR;
}

static enum multipart_event expect(struct multipart *p, struct bytes *in, char c, enum state next,
                                   enum multipart_error error) {
    return take(p, in) == c ? go(p, next) : fail(p, error);
}

/* ---- boundaries ---- */

/* As much of the delimiter as goes on here. */
static void match(struct multipart *p, struct bytes *in) {
    while (in->len > 0 && p->matched < p->delimiter_len &&
           *(const char *)in->data == p->delimiter[p->matched]) {
        p->matched++;
        use(p, in, 1);
    }
}

static enum multipart_event step_begin(struct multipart *p, struct bytes *in) {
    if (p->consumed == 0 && *(const char *)in->data == '\r') {
        p->matched = 0;
    }
    match(p, in);
    if (p->matched == p->delimiter_len) {
        return go(p, AFTER);
    }
    return in->len == 0 ? MULTIPART_MORE : fail(p, MULTIPART_BAD_BEGIN);
}

static enum multipart_event step_after(struct multipart *p, struct bytes *in) {
    char c = take(p, in);
    if (c == '-') {
        return go(p, AFTER_DASH);
    }
    return c == '\r' ? go(p, AFTER_LF) : fail(p, MULTIPART_BAD_BOUNDARY);
}

static enum multipart_event step_after_lf(struct multipart *p, struct bytes *in) {
    if (take(p, in) != '\n') {
        return fail(p, MULTIPART_BAD_BOUNDARY);
    }
    if (p->parts++ == MULTIPART_PARTS_MAX) {
        return fail(p, MULTIPART_MANY_PARTS);
    }
    p->name[0] = p->filename[0] = p->type[0] = '\0';
    p->has_filename = p->has_extended = p->has_disposition = p->has_type = false;
    p->headers_len = p->line_len = 0;
    return go(p, HEADER);
}

/* ---- headers ---- */

static enum multipart_event step_header(struct multipart *p, struct bytes *in) {
    char c = take(p, in);
    if (++p->headers_len > MULTIPART_HEADERS_MAX) {
        return fail(p, MULTIPART_LONG_HEADER);
    }
    if (c == '\r') {
        return go(p, HEADER_LF);
    }
    if (!http1_is(c, CLASS_VALUE)) {
        return fail(p, MULTIPART_BAD_HEADER);
    }
    if (p->line_len == MULTIPART_LINE_MAX) {
        return fail(p, MULTIPART_LONG_HEADER);
    }
    p->line[p->line_len++] = c;
    return AGAIN;
}

static enum multipart_event step_header_lf(struct multipart *p, struct bytes *in) {
    if (take(p, in) != '\n') {
        return fail(p, MULTIPART_BAD_HEADER);
    }
    if (++p->headers_len > MULTIPART_HEADERS_MAX) {
        return fail(p, MULTIPART_LONG_HEADER);
    }
    bool last = p->line_len == 0;
    enum multipart_error error = last ? multipart_head_check(p) : multipart_head_take(p);
    p->line_len = 0;
    if (error != MULTIPART_OK) {
        return fail(p, error);
    }
    if (!last) {
        return go(p, HEADER);
    }
    p->matched = 2; // as if a line end had come: a boundary right here would be ambiguous
    p->fresh = true;
    p->state = CONTENT;
    return MULTIPART_PART;
}

/* ---- content ---- */

/* How much of the input is content for certain: up to a line end that may begin a delimiter. */
static size_t certain(const struct multipart *p, const struct bytes *in) {
    const char *data = in->data, *end = data + in->len;
    for (const char *at = data;; at++) {
        at = memchr(at, '\r', (size_t)(end - at));
        if (at == NULL) {
            return in->len;
        }
        size_t left = (size_t)(end - at);
        if (left < p->delimiter_len || memcmp(at, p->delimiter, p->delimiter_len) == 0) {
            return (size_t)(at - data);
        }
    }
}

/* A delimiter has begun: it goes on, or what there was of it is content. The delimiter has its only
 * CR in front, so the next one can begin nowhere else than here. */
static enum multipart_event step_delimiter(struct multipart *p, struct bytes *in,
                                           struct bytes *piece) {
    match(p, in);
    if (p->matched == p->delimiter_len) {
        if (p->fresh) {
            return fail(p, MULTIPART_BAD_BOUNDARY);
        }
        p->state = AFTER;
        return MULTIPART_PART_END;
    }
    if (in->len == 0) {
        return MULTIPART_MORE;
    }
    size_t from = p->fresh ? 2 : 0;
    *piece = (struct bytes){p->delimiter + from, p->matched - from};
    p->matched = 0;
    p->fresh = false;
    return piece->len > 0 ? MULTIPART_DATA : AGAIN;
}

static enum multipart_event step_content(struct multipart *p, struct bytes *in,
                                         struct bytes *piece) {
    if (p->matched > 0) {
        return step_delimiter(p, in, piece);
    }
    size_t n = certain(p, in);
    if (n > 0) {
        *piece = (struct bytes){in->data, n};
        use(p, in, n);
        return MULTIPART_DATA;
    }
    p->matched = 1;
    use(p, in, 1);
    return AGAIN;
}

/* ---- all of it ---- */

static enum multipart_event step(struct multipart *p, struct bytes *in, struct bytes *piece) {
    switch ((enum state)p->state) {
    case BEGIN: return step_begin(p, in);
    case AFTER: return step_after(p, in);
    case AFTER_LF: return step_after_lf(p, in);
    case AFTER_DASH: return expect(p, in, '-', COMPLETE, MULTIPART_BAD_BOUNDARY);
    case HEADER: return step_header(p, in);
    case HEADER_LF: return step_header_lf(p, in);
    case CONTENT: return step_content(p, in, piece);
    case COMPLETE: return expect(p, in, '\r', COMPLETE_LF, MULTIPART_BAD_END);
    case COMPLETE_LF: return expect(p, in, '\n', DONE, MULTIPART_BAD_END);
    case DONE: return fail(p, MULTIPART_BAD_END);
    default: return MULTIPART_ERROR;
    }
}

void multipart_init(struct multipart *p, const char *boundary) {
    size_t len = strlen(boundary);
    *p = (struct multipart){.state = BEGIN, .matched = 2};
    memcpy(p->delimiter, "\r\n--", 4);
    memcpy(p->delimiter + 4, boundary, len);
    p->delimiter_len = (uint8_t)(4 + len);
}

enum multipart_event multipart_next(struct multipart *p, struct bytes *input,
                                    struct bytes *ret_piece) {
    enum multipart_event event = AGAIN;
    *ret_piece = (struct bytes){NULL, 0};
    while (event == AGAIN) {
        event = p->state == FAILED ? MULTIPART_ERROR
                : input->len == 0  ? MULTIPART_MORE
                                   : step(p, input, ret_piece);
    }
    return event;
}

bool multipart_is_complete(const struct multipart *p) {
    return p->state == COMPLETE || p->state == DONE;
}
