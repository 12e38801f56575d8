/* Answers from a file: ranges, and parts pumped as the peer takes them, so that memory stays small
 * whatever the file's size. */
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/range.h"
#include "net/server_private.h"

// a slice to compress takes about a millisecond
enum { FILE_PART = 64 * 1024, GZIP_SLICE = 32 * 1024 };

static void send_part(struct exchange *ex, struct bytes part) {
    struct conn *c = ex->conn;
    ex->file_at += part.len;
    ex->file_left -= part.len;
    int r = ex->gzip != NULL ? respond_gzip_part(ex, part, ex->file_left == 0)
                             : bufferevent_write(c->bev, part.data, part.len);
    if (r != 0) {
        connection_close(c);
    } else if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0) {
        connection_answered(c); // all of it waits in the compressor: go on, but after the others
    }
}

static void on_part(void *arg, struct bytes part, int status) {
    struct exchange *ex = arg;
    struct conn *c = ex->conn;
    if (c->phase != CONN_WRITE) {
        return; // it has ended, and is about to be freed
    }
    if (status != 0) {
        log_warn(ex->server->log, "http.file_failed", "errno=%d at=%llu left=%llu", -status,
                 (unsigned long long)ex->file_at, (unsigned long long)ex->file_left);
        connection_close(c); // what was promised cannot be kept: the peer must see that
        return;
    }
    c->progress_ms = env_mono_ms(ex->server->env); // the peer has waited, not we
    send_part(ex, part);
}

bool respond_pump(struct exchange *ex) {
    if (ex->answer != ANSWER_PUMPED || ex->file_left == 0) {
        return false;
    }
    size_t most = ex->gzip != NULL ? GZIP_SLICE : FILE_PART;
    size_t want = ex->file_left < most ? (size_t)ex->file_left : most;
    if (ex->file == NULL) {
        send_part(ex, (struct bytes){ex->content.data + ex->file_at, want});
    } else if (!file_reader_is_busy(ex->file)) {
        file_reader_want(ex->file, ex->file_at, want);
    }
    return true;
}

static bool is_head(const struct request *req) {
    return strcmp(req->method, "HEAD") == 0;
}

void respond_packed(struct request *req, int status, const char *content_type, struct bytes body) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    if (!is_head(req)) {
        buf_add(&ex->content, body.data, body.len);
        ex->file_left = body.len;
        if (ex->content.failed) {
            ex->answer = ANSWER_PUMPED; // nobody else will: else it would wait for one for ever
            connection_close(ex->conn);
            return;
        }
    }
    respond_pumped(req, status, content_type, RESPOND_CHUNKED);
}

static bool etag_listed(struct bytes value, const char *etag) {
    const char *text = value.data;
    size_t len = strlen(etag);
    if (value.len == 1 && text[0] == '*') {
        return true;
    }
    for (size_t i = 0; i + len + 2 <= value.len; i++) {
        if (text[i] == '"' && text[i + len + 1] == '"' && memcmp(text + i + 1, etag, len) == 0) {
            return true;
        }
    }
    return false;
}

bool request_none_match(const struct request *req, const char *etag) {
    struct bytes value;
    return request_header(req, "If-None-Match", &value) == 1 && etag_listed(value, etag);
}

/* Is what the peer has a part of still the content? One strong tag, as it stands: no list, no "*",
 * no date. */
static bool if_range_holds(const struct request *req, const char *etag) {
    struct bytes value;
    unsigned count = request_header(req, "If-Range", &value);
    if (count != 1 || etag == NULL) {
        return count == 0;
    }
    const char *text = value.data;
    size_t len = strlen(etag);
    return value.len == len + 2 && text[0] == '"' && text[len + 1] == '"' &&
           memcmp(text + 1, etag, len) == 0;
}

/* The range that the request asks for, if it may have one. */
static enum range_kind asked_range(const struct request *req, const char *etag, uint64_t size,
                                   struct range *ret) {
    struct bytes value;
    bool get = strcmp(req->method, "GET") == 0;
    if (!get || request_header(req, "Range", &value) != 1) {
        return RANGE_NONE;
    }
    return if_range_holds(req, etag) ? range_parse(value, size, ret) : RANGE_NONE;
}

static void send_range(struct request *req, int status, const char *content_type,
                       const struct range *range) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    ex->file_at = range->first;
    ex->file_left = is_head(req) ? 0 : range->len;
    respond_pumped(req, status, content_type, ex->gzip == NULL ? range->len : RESPOND_CHUNKED);
}

/* The tag of the content in the form that this answer has: a compressed one is other content. */
static bool not_modified(struct request *req, const char *etag, bool packed) {
    char text[80];
    if (etag == NULL) {
        return false;
    }
    (void)snprintf(text, sizeof text, "\"%.64s%s\"", etag, packed ? "-gzip" : "");
    respond_header(req, "ETag", text);
    text[strlen(text) - 1] = '\0';
    return request_none_match(req, text + 1);
}

/* As it is: all of it, or the range that the request asks for. */
static void send_plain(struct request *req, const char *content_type, uint64_t size,
                       const char *etag) {
    struct range range = {0, size};
    char text[80];
    respond_header(req, "Accept-Ranges", "bytes");
    enum range_kind kind = asked_range(req, etag, size, &range);
    if (kind == RANGE_UNSATISFIABLE) {
        (void)snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)size);
        respond_header(req, "Content-Range", text);
        respond_error(req, 416, "bad_range", NULL, "the range lies outside of the content");
        return;
    }
    if (kind == RANGE_PART) {
        (void)snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)range.first,
                       (unsigned long long)(range.first + range.len - 1), (unsigned long long)size);
        respond_header(req, "Content-Range", text);
    }
    send_range(req, kind == RANGE_PART ? 206 : 200, content_type, &range);
}

void respond_file(struct request *req, const char *content_type, int fd, uint64_t size,
                  const char *etag) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    bool packed = respond_gzip_wanted(ex, 200, content_type, size, true);
    if (not_modified(req, etag, packed)) {
        close(fd);
        respond(req, 304, NULL, (struct bytes){NULL, 0});
        return;
    }
    ex->file =
        file_reader_new(ex->server->config.disk, fd, &(struct file_reader_events){on_part, ex});
    if (ex->file == NULL) {
        close(fd);
    }
    if (ex->file == NULL || (packed && !respond_gzip_begin(ex))) {
        respond_error(req, 503, "out_of_memory", NULL, "the host is out of memory");
    } else if (packed) {
        send_range(req, 200, content_type, &(struct range){0, size});
    } else {
        send_plain(req, content_type, size, etag);
    }
}
