/* Answers from a file: ranges, and parts pumped as the peer takes them, so that memory stays small
 * whatever the file's size. */
#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/range.h"
#include "net/server_private.h"

// read by the loop, from the page cache as a rule; a slice to compress takes about a
// millisecond
enum { FILE_PART = 64 * 1024, GZIP_SLICE = 32 * 1024 };

static ssize_t read_source(const struct exchange *ex, char *part, size_t want) {
    if (ex->file_fd != -1) {
        return pread(ex->file_fd, part, want, (off_t)ex->file_at);
    }
    memcpy(part, ex->content.data + ex->file_at, want);
    return (ssize_t)want;
}

static int send_part(struct exchange *ex, struct bytes part) {
    ex->file_at += part.len;
    ex->file_left -= part.len;
    return ex->gzip != NULL ? respond_gzip_part(ex, part, ex->file_left == 0)
                            : bufferevent_write(ex->conn->bev, part.data, part.len);
}

bool respond_pump(struct exchange *ex) {
    struct conn *c = ex->conn;
    if (ex->answer != ANSWER_PUMPED || ex->file_left == 0) {
        return false;
    }
    size_t most = ex->gzip != NULL ? GZIP_SLICE : FILE_PART;
    size_t want = ex->file_left < most ? (size_t)ex->file_left : most;
    char *part = malloc(want);
    ssize_t n = part == NULL ? -1 : read_source(ex, part, want);
    if (n <= 0 || send_part(ex, (struct bytes){part, (size_t)n}) != 0) {
        connection_close(c); // what was promised cannot be kept: the peer must see that
    } else if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0) {
        connection_answered(c); // all of it waits in the compressor: go on, but after the others
    }
    free(part);
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

static bool header_has_etag(const struct request *req, const char *name, const char *etag) {
    struct bytes value;
    return request_header(req, name, &value) == 1 && etag != NULL && etag_listed(value, etag);
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

static void send_range(struct request *req, int status, const char *content_type, int fd,
                       const struct range *range) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    ex->file_fd = fd;
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
    return header_has_etag(req, "If-None-Match", text + 1);
}

void respond_file(struct request *req, const char *content_type, int fd, uint64_t size,
                  const char *etag) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    struct range range = {0, size};
    char text[80];
    bool packed = respond_gzip_wanted(ex, 200, content_type, size);
    if (not_modified(req, etag, packed)) {
        close(fd);
        respond(req, 304, NULL, (struct bytes){NULL, 0});
        return;
    }
    if (packed && !respond_gzip_begin(ex)) {
        close(fd);
        respond_error(req, 503, "out_of_memory", NULL, "the host is out of memory");
        return;
    }
    if (packed) {
        send_range(req, 200, content_type, fd, &range);
        return;
    }
    respond_header(req, "Accept-Ranges", "bytes");
    enum range_kind kind = asked_range(req, etag, size, &range);
    if (kind == RANGE_UNSATISFIABLE) {
        close(fd);
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
    send_range(req, kind == RANGE_PART ? 206 : 200, content_type, fd, &range);
}
