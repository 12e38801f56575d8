#define _GNU_SOURCE // SOCK_CLOEXEC
#include "cli/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEAD_LINE_MAX = 8192 };

/* ---- the socket ---- */

static int connect_unix(const char *path, struct err *e) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        return err_set(e, -ENAMETOOLONG, "%s: the socket's path is too long", path);
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return err_errno(e, -errno, "socket");
    }
    if (connect(fd, (const void *)&at, sizeof at) == -1) {
        int r = err_errno(e, -errno, "%s", path);
        close(fd);
        return r;
    }
    return fd;
}

/* 0, or negative errno. A peer that stops reading early may have answered already: the caller
 * looks. */
static int send_all(int fd, struct bytes b) {
    const char *data = b.data;
    for (size_t left = b.len; left > 0;) {
        ssize_t n = send(fd, data, left, MSG_NOSIGNAL);
        if (n == -1 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            data += n;
            left -= (size_t)n;
        }
    }
    return 0;
}

static int send_file(int fd, int file, uint64_t size) {
    char part[65536];
    for (uint64_t at = 0; at < size;) {
        size_t want = size - at < sizeof part ? (size_t)(size - at) : sizeof part;
        ssize_t n = pread(file, part, want, (off_t)at);
        if (n <= 0) {
            return n == 0 ? -ENODATA : -errno;
        }
        int r = send_all(fd, (struct bytes){part, (size_t)n});
        if (r != 0) {
            return r;
        }
        at += (uint64_t)n;
    }
    return 0;
}

static int send_request(int fd, const struct client_request *q) {
    struct buf head = {0};
    uint64_t length = q->body_fd > 0 ? q->body_fd_size : q->body.len;
    buf_printf(
        &head,
        "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: jobhost-cli\r\nConnection: close\r\n",
        q->method, q->path);
    if (q->accept != NULL) {
        buf_printf(&head, "Accept: %s\r\n", q->accept);
    }
    if (q->content_type != NULL) {
        buf_printf(&head, "Content-Type: %s\r\nContent-Length: %llu\r\n", q->content_type,
                   (unsigned long long)length);
    }
    buf_str(&head, "\r\n");
    int r = head.failed ? -ENOMEM : send_all(fd, buf_bytes(&head));
    buf_free(&head);
    if (r == 0 && q->content_type != NULL) {
        r = q->body_fd > 0 ? send_file(fd, q->body_fd, q->body_fd_size) : send_all(fd, q->body);
    }
    return r;
}

/* ---- reading ---- */

/* More input: 1, 0 at the end of the connection, or negative errno. */
static int fill(struct client_response *r) {
    for (;;) {
        ssize_t n = recv(r->fd, r->in, sizeof r->in, 0);
        if (n >= 0) {
            r->at = 0;
            r->len = (size_t)n;
            return n > 0;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

/* A line without its CR LF. */
static int read_line(struct client_response *r, char *out, size_t cap, struct err *e) {
    size_t n = 0;
    for (;;) {
        if (r->at == r->len) {
            int got = fill(r);
            if (got <= 0) {
                return got == 0 ? err_set(e, -EBADMSG, "the host closed the connection")
                                : err_errno(e, got, "reading the answer");
            }
        }
        char c = r->in[r->at++];
        if (c == '\n') {
            n -= n > 0 && out[n - 1] == '\r';
            out[n] = '\0';
            return 0;
        }
        if (n + 1 == cap) {
            return err_set(e, -EBADMSG, "the answer has a line over %zu bytes", cap);
        }
        out[n++] = c;
    }
}

static const char *header_value(const char *line, const char *name) {
    size_t len = strlen(name);
    if (strncasecmp(line, name, len) != 0 || line[len] != ':') {
        return NULL;
    }
    return line + len + 1 + strspn(line + len + 1, " \t");
}

static void take_header(struct client_response *r, const char *line) {
    const char *value = header_value(line, "Content-Length");
    if (value != NULL) {
        r->left = strtoull(value, NULL, 10);
        r->until_close = false;
    }
    value = header_value(line, "Transfer-Encoding");
    if (value != NULL && strcasecmp(value, "chunked") == 0) {
        r->chunked = true;
        r->until_close = false;
        r->left = 0;
    }
    value = header_value(line, "Content-Type");
    if (value != NULL) {
        size_t len = strlen(value);
        len = len < sizeof r->content_type ? len : sizeof r->content_type - 1;
        memcpy(r->content_type, value, len);
        r->content_type[len] = '\0';
    }
}

static int read_head(struct client_response *r, struct err *e) {
    char line[HEAD_LINE_MAX];
    int error = read_line(r, line, sizeof line, e);
    if (error != 0) {
        return error;
    }
    if (strncmp(line, "HTTP/1.", 7) != 0 || strlen(line) < 12) {
        return err_set(e, -EBADMSG, "what listens there does not speak HTTP");
    }
    r->status = (int)strtol(line + 9, NULL, 10);
    r->until_close = true;
    while ((error = read_line(r, line, sizeof line, e)) == 0 && line[0] != '\0') {
        take_header(r, line);
    }
    if (error == 0 && r->status == 100) {
        return read_head(r, e);
    }
    return error;
}

int client_open(const char *socket_path, const struct client_request *request,
                struct client_response *ret, struct err *e) {
    *ret = (struct client_response){.fd = -1};
    int fd = connect_unix(socket_path, e);
    if (fd < 0) {
        return fd;
    }
    ret->fd = fd;
    int sent = send_request(fd, request);
    int r = read_head(ret, e); // even when not all could be sent: a refusal may be waiting
    if (r != 0) {
        r = sent != 0 ? err_errno(e, sent, "sending the request") : r;
        client_close(ret);
    }
    return r;
}

/* The size line of the next chunk; and for the last, the rest of the body. */
static int next_chunk(struct client_response *r, bool first, struct err *e) {
    char line[256];
    int error = first ? 0 : read_line(r, line, sizeof line, e); // the line end behind the data
    if (error == 0) {
        error = read_line(r, line, sizeof line, e);
    }
    if (error != 0) {
        return error;
    }
    char *end;
    r->left = strtoull(line, &end, 16);
    if (end == line) {
        return err_set(e, -EBADMSG, "the answer's chunks are malformed");
    }
    while (r->left == 0 && error == 0) { // trailers, up to an empty line
        error = read_line(r, line, sizeof line, e);
        if (line[0] == '\0') {
            r->ended = true;
            break;
        }
    }
    return error;
}

int64_t client_read(struct client_response *r, void *out, size_t cap, struct err *e) {
    if (r->chunked && r->left == 0 && !r->ended) {
        int error = next_chunk(r, !r->begun, e);
        r->begun = true;
        if (error != 0) {
            return error;
        }
    }
    if (r->ended || (!r->until_close && r->left == 0)) {
        return 0;
    }
    if (r->at == r->len) {
        int got = fill(r);
        if (got <= 0) {
            bool whole = got == 0 && r->until_close;
            return whole ? 0 : err_set(e, -EBADMSG, "the answer was cut short");
        }
    }
    size_t n = r->len - r->at;
    n = n < cap ? n : cap;
    if (!r->until_close) {
        n = n < r->left ? n : (size_t)r->left;
        r->left -= n;
    }
    memcpy(out, r->in + r->at, n);
    r->at += n;
    return (int64_t)n;
}

int client_read_all(struct client_response *r, struct buf *out, size_t max, struct err *e) {
    for (;;) {
        char *room = buf_room(out, 65536);
        if (room == NULL) {
            return err_set(e, -ENOMEM, "out of memory");
        }
        int64_t n = client_read(r, room, 65536, e);
        if (n <= 0) {
            return (int)n;
        }
        buf_grew(out, (size_t)n);
        if (out->len > max) {
            return err_set(e, -EFBIG, "the answer is larger than %zu bytes", max);
        }
    }
}

void client_close(struct client_response *r) {
    if (r->fd != -1) {
        close(r->fd);
        r->fd = -1;
    }
}
