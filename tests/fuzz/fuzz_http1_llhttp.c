// Our parser against llhttp (Debian package node-llhttp): a request that ours accepts must be accepted there with the same framing:
// method, target, headers, body, and the place where it ends. The reverse does not hold; ours is stricter by intention. Built only
// where llhttp's sources are installed.
#include <string.h>

#include <llhttp.h>

#include "net/http1.h"

#include "fuzz.h"
#include "http1_transcript.h"

static const struct http1_limits limits = {.request_line = 2048,
                                           .headers = 4096,
                                           .header_count = 32,
                                           .chunk_ext = 256,
                                           .chunk_ext_total = 512};
enum { BODY_MAX = 4096 };

/* The other parser's view, in the form of ours. */
struct view {
    struct buf text;
    struct buf body;
    bool complete;
    int part; // 0 target, 1 name, 2 value
    bool in_trailers;
};

static int on_url(llhttp_t *p, const char *at, size_t len) {
    struct view *v = p->data;
    transcript_print(&v->text, (struct bytes){at, len});
    return 0;
}

static int on_name(llhttp_t *p, const char *at, size_t len) {
    struct view *v = p->data;
    if (!v->in_trailers) {
        buf_str(&v->text, v->part == 1 ? "" : " | ");
        v->part = 1;
        transcript_print(&v->text, (struct bytes){at, len});
    }
    return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t len) {
    struct view *v = p->data;
    if (!v->in_trailers) {
        buf_str(&v->text, v->part == 2 ? "" : "=");
        v->part = 2;
        transcript_print(&v->text, (struct bytes){at, len});
    }
    return 0;
}

static int on_value_end(llhttp_t *p) {
    struct view *v = p->data;
    if (!v->in_trailers && v->part == 1) {
        buf_str(&v->text, "=");
        v->part = 2;
    }
    return 0;
}

static int on_headers(llhttp_t *p) {
    struct view *v = p->data;
    v->in_trailers = true;
    return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t len) {
    struct view *v = p->data;
    buf_add(&v->body, at, len);
    return 0;
}

static int on_complete(llhttp_t *p) {
    struct view *v = p->data;
    v->complete = true;
    return HPE_PAUSED;
}

/* Blanks behind values stay in our pieces. */
static void drop_blanks(struct buf *text) {
    size_t n = 0;
    for (size_t i = 0; i < text->len; i++) {
        text->data[n++] = text->data[i];
        while (
            n > 0 && (i + 1 == text->len || strncmp(text->data + i + 1, " | ", 3) == 0) &&
            (text->data[n - 1] == ' ' || (n > 3 && memcmp(text->data + n - 4, "\\x09", 4) == 0))) {
            n -= text->data[n - 1] == ' ' ? 1 : 4;
        }
    }
    text->len = n;
    text->data[n] = '\0';
}

/* What llhttp 8.1.0 refuses although it is valid: a second chunk extension behind an unquoted value, a tab behind a length. */
static bool known_defect(llhttp_errno_t e, llhttp_t *theirs) {
    const char *at = llhttp_get_error_pos(theirs);
    return (e == HPE_INVALID_CHUNK_SIZE && at != NULL && at[-1] == ';') ||
           (e == HPE_INVALID_CONTENT_LENGTH && at != NULL && *at == '\t');
}

static void compare(struct transcript *ours, const char *data) {
    llhttp_settings_t settings;
    llhttp_t theirs;
    struct view v = {.part = 0};
    llhttp_settings_init(&settings);
    settings.on_url = on_url;
    settings.on_header_field = on_name;
    settings.on_header_value = on_value;
    settings.on_header_value_complete = on_value_end;
    settings.on_headers_complete = on_headers;
    settings.on_body = on_body;
    settings.on_message_complete = on_complete;
    llhttp_init(&theirs, HTTP_REQUEST, &settings);
    theirs.data = &v;
    llhttp_errno_t e = llhttp_execute(&theirs, data, (size_t)ours->parser.consumed);
    if (known_defect(e, &theirs)) {
        buf_free(&v.text);
        buf_free(&v.body);
        return;
    }
    FUZZ_CHECK(e == HPE_PAUSED || e == HPE_OK || e == HPE_PAUSED_UPGRADE);
    FUZZ_CHECK(v.complete);
    FUZZ_CHECK(e == HPE_OK || llhttp_get_error_pos(&theirs) == data + ours->parser.consumed);
    FUZZ_CHECK(strcmp(llhttp_method_name((llhttp_method_t)theirs.method),
                      http1_method_names[ours->parser.method]) == 0);
    FUZZ_CHECK(v.body.len == ours->body.len &&
               (v.body.len == 0 || memcmp(v.body.data, ours->body.data, v.body.len) == 0));
    *strstr(ours->text.data, " | HEAD ") = '\0';
    ours->text.len = strlen(ours->text.data);
    buf_str(&v.text, "");
    drop_blanks(&ours->text);
    drop_blanks(&v.text);
    if (strcmp(ours->text.data, v.text.data) != 0) {
        (void)fprintf(stderr, "ours:   %s\ntheirs: %s\n", ours->text.data, v.text.data);
    }
    FUZZ_CHECK(strcmp(ours->text.data, v.text.data) == 0);
    buf_free(&v.text);
    buf_free(&v.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct transcript ours;
    if (size < 1) {
        return 0;
    }
    transcript_init(&ours, &limits, BODY_MAX);
    (void)transcript_feed(&ours, (const char *)data + 1,
                          size - 1); // the first byte is fuzz_http1's
    if (ours.last == HTTP1_END) {
        compare(&ours, (const char *)data + 1);
    }
    transcript_finish(&ours);
    return 0;
}
