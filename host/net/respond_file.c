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

enum { FILE_PART = 64 * 1024 };

bool respond_file_pump(struct exchange *ex) {
    struct conn *c = ex->conn;
    if (ex->answer != ANSWER_FILE || ex->file_left == 0) {
        return false;
    }
    size_t want = ex->file_left < FILE_PART ? (size_t)ex->file_left : FILE_PART;
    char *part = malloc(want);
    ssize_t n = part == NULL ? -1 : pread(ex->file_fd, part, want, (off_t)ex->file_at);
    if (n <= 0 || bufferevent_write(c->bev, part, (size_t)n) != 0) {
        free(part);
        connection_close(c); // the promised length cannot be kept: the peer must see that
        return true;
    }
    free(part);
    ex->file_at += (uint64_t)n;
    ex->file_left -= (uint64_t)n;
    return true;
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

/* The range that the request asks for, if it may have one. */
static enum range_kind asked_range(const struct request *req, const char *etag, uint64_t size,
                                   struct range *ret) {
    struct bytes value;
    bool get = strcmp(req->method, "GET") == 0;
    if (!get || request_header(req, "Range", &value) != 1) {
        return RANGE_NONE;
    }
    if (request_header(req, "If-Range", NULL) > 0 && !header_has_etag(req, "If-Range", etag)) {
        return RANGE_NONE;
    }
    return range_parse(value, size, ret);
}

static void send_part(struct request *req, int status, const char *content_type, int fd,
                      const struct range *range) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    bool head = strcmp(req->method, "HEAD") == 0;
    ex->file_fd = fd;
    ex->file_at = range->first;
    ex->file_left = head ? 0 : range->len;
    respond_sized(req, status, content_type, range->len);
}

void respond_file(struct request *req, const char *content_type, int fd, uint64_t size,
                  const char *etag) {
    struct range range = {0, size};
    char text[80];
    respond_header(req, "Accept-Ranges", "bytes");
    if (etag != NULL) {
        (void)snprintf(text, sizeof text, "\"%.70s\"", etag);
        respond_header(req, "ETag", text);
        if (header_has_etag(req, "If-None-Match", etag)) {
            close(fd);
            respond(req, 304, NULL, (struct bytes){NULL, 0});
            return;
        }
    }
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
    send_part(req, kind == RANGE_PART ? 206 : 200, content_type, fd, &range);
}
