#define _POSIX_C_SOURCE 200809L
#include "http_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "measure.h"

enum { IN_MAX = 1 << 20, HEAD_MAX = 512 };

struct http_line {
    int fd;
    char *in;
    size_t len, consumed; /* bytes there, and of them those of the last answer */
};

struct http_line *http_line_open(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct http_line *h = calloc(1, sizeof *h);
    if (h == NULL || (h->in = malloc(IN_MAX)) == NULL || strlen(path) >= sizeof to.sun_path) {
        measure_die("socket path");
    }
    memcpy(to.sun_path, path, strlen(path) + 1);
    h->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (h->fd == -1 || connect(h->fd, (struct sockaddr *)&to, sizeof to) == -1) {
        measure_die(path);
    }
    return h;
}

void http_line_close(struct http_line *h) {
    close(h->fd);
    free(h->in);
    free(h);
}

static void send_all(const struct http_line *h, const char *data, size_t len) {
    while (len > 0) {
        ssize_t n = write(h->fd, data, len);
        if (n <= 0) {
            measure_die("write");
        }
        data += n;
        len -= (size_t)n;
    }
}

static void ask(const struct http_line *h, const char *method, const char *target,
                const char *body) {
    char head[HEAD_MAX];
    size_t len = body == NULL ? 0 : strlen(body);
    int n = snprintf(head, sizeof head,
                     "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                     "application/json\r\nContent-Length: %zu\r\n\r\n",
                     method, target, len);
    if (len < HEAD_MAX / 2 && (size_t)n + len < sizeof head) { // one packet
        memcpy(head + n, body == NULL ? "" : body, len);
        send_all(h, head, (size_t)n + len);
        return;
    }
    send_all(h, head, (size_t)n);
    send_all(h, body, len);
}

static size_t receive(struct http_line *h) {
    ssize_t n = read(h->fd, h->in + h->len, IN_MAX - 1 - h->len);
    if (n < 0) {
        measure_die("read");
    }
    h->len += (size_t)n;
    h->in[h->len] = '\0';
    return (size_t)n;
}

/* Its body, if the answer is whole. */
static const char *whole_answer(struct http_line *h) {
    const char *end = strstr(h->in, "\r\n\r\n");
    const char *length = end == NULL ? NULL : strstr(h->in, "ontent-Length: ");
    if (length == NULL && end != NULL) {
        length = strstr(h->in, "ontent-length: ");
    }
    if (length == NULL) {
        return NULL;
    }
    size_t before = (size_t)(end + 4 - h->in), want = strtoul(length + 15, NULL, 10);
    h->consumed = before + want;
    return h->len >= before + want ? end + 4 : NULL;
}

int http_line_call(struct http_line *h, const char *method, const char *target, const char *body,
                   const char **ret_body) {
    ask(h, method, target, body);
    memmove(h->in, h->in + h->consumed, h->len - h->consumed);
    h->len -= h->consumed;
    h->consumed = 0;
    h->in[h->len] = '\0';
    while ((*ret_body = whole_answer(h)) == NULL) {
        if (receive(h) == 0) {
            measure_die("the connection ended");
        }
    }
    return (int)strtol(h->in + 9, NULL, 10);
}

void http_line_expect(struct http_line *h, int want, const char *method, const char *target,
                      const char *body) {
    const char *got;
    int status = http_line_call(h, method, target, body, &got);
    if (status != want) {
        (void)fprintf(stderr, "%s %s: %d %.300s\n", method, target, status, got);
        exit(1);
    }
}

void http_line_drain(struct http_line *h, const char *target) {
    static const char last[] = "\r\n0\r\n\r\n"; // chunk
    ask(h, "GET", target, NULL);
    h->len = h->consumed = 0;
    do {
        if (receive(h) == 0) {
            measure_die("the stream broke off");
        }
    } while (h->len < sizeof last - 1 ||
             memcmp(h->in + h->len - (sizeof last - 1), last, sizeof last - 1) != 0);
    h->len = 0;
}
