/* A server and its clients in one process and one thread: clients write and read without blocking, and the loop is turned until what
 * a test waits for is there. Time stands still unless the test moves it, so every deadline can be met to the millisecond. */
#ifndef JOBHOST_TESTS_SERVER_FIXTURE_H
#define JOBHOST_TESTS_SERVER_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/side_thread.h"
#include "base/timer.h"
#include "net/server.h"

#include "expect.h"

enum { FIXTURE_TURNS = 3000, FIXTURE_KEPT = 16 };

struct fixture {
    struct env_clock_file clock;
    struct env env;
    struct log log;
    struct event_base *base;
    struct timers *timers;
    struct server *server;
    struct side_thread *disk;
    struct server_config config;
    char dir[64];
    char socket_path[96];
    char address[128];
    /* what the handler has seen */
    unsigned handled, done;
    struct request
        *kept[FIXTURE_KEPT]; /* requests under /later and /stream that wait for an answer */
    unsigned kept_count;
};

static inline void fixture_on_done(struct request *req, void *arg) {
    (void)req;
    struct fixture *f = arg;
    f->done++;
}

/* /later and /stream are kept for the test; everything else is answered with what came. */
static inline void fixture_handle(struct request *req, void *arg) {
    struct fixture *f = arg;
    struct buf b = {0};
    f->handled++;
    req->done = fixture_on_done;
    req->done_arg = f;
    if (req->path_count == 1 &&
        (strcmp(req->path[0], "later") == 0 || strcmp(req->path[0], "stream") == 0) &&
        f->kept_count < FIXTURE_KEPT) {
        f->kept[f->kept_count++] = req;
        return;
    }
    buf_printf(&b, "%s %s", req->method, req->target);
    for (size_t i = 0; i < req->path_count; i++) {
        buf_printf(&b, " [%s]", req->path[i]);
    }
    buf_printf(&b, " body=%zu", req->body.len);
    respond(req, 200, "text/plain", buf_bytes(&b));
    buf_free(&b);
}

static inline void fixture_start(struct fixture *f) {
    (void)signal(SIGPIPE, SIG_IGN);
    f->clock = (struct env_clock_file){.magic = ENV_CLOCK_MAGIC, .base_test_ms = 1000000};
    f->env.clock = &f->clock;
    f->log = (struct log){.env = &f->env, .fd = -1};
    f->base = event_base_new();
    f->timers = timers_new(f->base, &f->env);
    if (f->config.handle == NULL) {
        f->config.handle = fixture_handle;
        f->config.arg = f;
    }
    struct err e = {.code = 0};
    if (side_thread_new(f->base, "disk", &f->disk, &e) != 0) {
        abort();
    }
    f->config.disk = f->disk;
    f->server = server_new(f->base, f->timers, &f->env, &f->log, &f->config);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/jobhost-test-XXXXXX");
    if (mkdtemp(f->dir) == NULL) {
        abort();
    }
    (void)snprintf(f->socket_path, sizeof f->socket_path, "%s/s", f->dir);
    (void)snprintf(f->address, sizeof f->address, "unix:%s", f->socket_path);
}

static inline void fixture_listen(struct fixture *f) {
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(
        0,
        server_listen(f->server, &(struct server_door){.address = f->address, .admin = true}, &e));
    EXPECT_EQ_INT(0, server_listen(f->server, &(struct server_door){.address = "127.0.0.1:0"}, &e));
    EXPECT_EQ_STR("", e.msg);
}

static inline struct fixture fixture_defaults(void) {
    return (struct fixture){.config = {.limits = server_limits_default}};
}

/* What the disk thread has in hand is waited for: it comes back by itself. */
static inline void fixture_turn(struct fixture *f) {
    (void)event_base_loop(f->base, side_thread_is_busy(f->disk) ? EVLOOP_ONCE : EVLOOP_NONBLOCK);
}

/* Lets everything that can happen now happen. */
static inline void fixture_settle(struct fixture *f) {
    for (int i = 0; i < 8; i++) {
        fixture_turn(f);
    }
}

static inline void fixture_stop(struct fixture *f) {
    server_free(&f->server);
    side_thread_free(&f->disk);
    (void)unlink(f->socket_path);
    (void)rmdir(f->dir);
    timers_free(&f->timers);
    event_base_free(f->base);
}

/* Moves the clock and gives the timers the turns they need: under a test clock they look every 2 ms. */
static inline void fixture_wait(struct fixture *f, int64_t ms) {
    const struct timeval look = {.tv_usec = 5000};
    f->clock.base_test_ms += ms;
    (void)event_base_loopexit(f->base, &look);
    (void)event_base_dispatch(f->base);
    fixture_settle(f);
}

/* ---- clients ---- */

static inline int client_unix(struct fixture *f) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, f->socket_path, strlen(f->socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == -1) {
        close(fd);
        return -1;
    }
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static inline uint16_t fixture_port(const struct fixture *f) {
    return (uint16_t)strtoul(strrchr(server_url(f->server, 0), ':') + 1, NULL, 10);
}

/* From 127.0.0.`last`: another peer for each. */
static inline int client_tcp_from(struct fixture *f, unsigned last) {
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(fixture_port(f)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr = {htonl(INADDR_LOOPBACK - 1 + last)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) == -1 ||
        connect(fd, (struct sockaddr *)&at, sizeof at) == -1) {
        close(fd);
        return -1;
    }
    // what is sent is there at once, also behind something that is not acknowledged yet
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static inline int client_tcp(struct fixture *f) {
    return client_tcp_from(f, 1);
}

/* Writes all of it, turning the loop while the socket is full. */
static inline void client_send(struct fixture *f, int fd, const char *data, size_t len) {
    for (int turn = 0; len > 0 && turn < FIXTURE_TURNS; turn++) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (n == -1 && errno != EAGAIN) {
            return; // the server has closed: the test looks at what it said
        }
        fixture_turn(f);
    }
}

static inline void client_say(struct fixture *f, int fd, const char *text) {
    client_send(f, fd, text, strlen(text));
}

struct answer {
    int status;      /* 0: closed without one; -1: nothing yet */
    struct buf head; /* status line and headers                */
    struct buf body;
    bool closed; /* the connection ended behind it */
};

/* Takes in what is there: 1 bytes, 0 end or reset, -1 nothing now. */
static inline int client_poll(int fd, struct buf *in) {
    char part[65536];
    ssize_t n = recv(fd, part, sizeof part, 0);
    if (n > 0) {
        buf_add(in, part, (size_t)n);
        return 1;
    }
    return n == -1 && errno == EAGAIN ? -1 : 0;
}

/* One more chunk of a chunked body at *at, appended to `body`: 1 a chunk, 0 the last, -1 not all there. */
static inline int answer_chunk(const struct buf *in, size_t *at, struct buf *body) {
    char *line_end = in->data == NULL ? NULL : strstr(in->data + *at, "\r\n");
    if (line_end == NULL) {
        return -1;
    }
    size_t size = strtoul(in->data + *at, NULL, 16);
    size_t start = (size_t)(line_end - in->data) + 2;
    if (in->len < start + size + 2) {
        return -1;
    }
    buf_add(body, in->data + start, size);
    *at = start + size + 2;
    return size > 0;
}

static inline bool answer_complete(const struct buf *in, size_t head_len, bool no_body,
                                   size_t *ret_end, struct buf *body) {
    const char *length = strstr(in->data, "Content-Length: ");
    bool has_length = length != NULL && (size_t)(length - in->data) < head_len;
    const char *chunked = strstr(in->data, "Transfer-Encoding: chunked");
    bool is_chunked = chunked != NULL && (size_t)(chunked - in->data) < head_len;
    if (no_body || (!has_length && !is_chunked)) {
        *ret_end = head_len;
        return true;
    }
    if (is_chunked) {
        size_t at = head_len;
        buf_clear(body);
        int r = 1;
        while (r == 1) {
            r = answer_chunk(in, &at, body);
        }
        *ret_end = at;
        return r == 0;
    }
    size_t size = strtoul(length + 16, NULL, 10);
    *ret_end = head_len + size;
    if (in->len < *ret_end) {
        return false;
    }
    buf_add(body, in->data + head_len, size);
    return true;
}

/* The next final answer on this connection; what came behind it stays in `in`. 100 Continue is counted in *continues (may be NULL). */
static inline struct answer client_answer_from(struct fixture *f, int fd, struct buf *in,
                                               bool no_body, unsigned *continues) {
    struct answer a = {.status = -1};
    bool ended = false;
    for (int turn = 0; turn < FIXTURE_TURNS; turn++) {
        char *end = in->len == 0 ? NULL : strstr(in->data, "\r\n\r\n");
        size_t head_len = end == NULL ? 0 : (size_t)(end - in->data) + 4;
        size_t all = 0;
        if (end != NULL && strncmp(in->data, "HTTP/1.1 100", 12) == 0) {
            buf_consume(in, head_len);
            if (continues != NULL) {
                ++*continues;
            }
            continue;
        }
        if (end != NULL && answer_complete(in, head_len, no_body, &all, &a.body)) {
            a.status = (int)strtol(in->data + 9, NULL, 10);
            buf_add(&a.head, in->data, head_len);
            buf_consume(in, all);
            return a;
        }
        if (ended) {
            a.status = 0;
            a.closed = true;
            return a;
        }
        fixture_turn(f);
        ended = client_poll(fd, in) == 0;
    }
    return a;
}

static inline struct answer client_answer(struct fixture *f, int fd) {
    struct buf in = {0};
    struct answer a = client_answer_from(f, fd, &in, false, NULL);
    buf_free(&in);
    return a;
}

static inline void answer_free(struct answer *a) {
    buf_free(&a->head);
    buf_free(&a->body);
}

/* True once the server has closed, whatever else it sends before. */
static inline bool client_closed(struct fixture *f, int fd) {
    struct buf in = {0};
    bool closed = false;
    for (int turn = 0; turn < 64 && !closed; turn++) {
        fixture_turn(f);
        closed = client_poll(fd, &in) == 0;
    }
    buf_free(&in);
    return closed;
}

/* A whole exchange on a connection of its own. */
static inline struct answer client_ask(struct fixture *f, const char *text) {
    int fd = client_unix(f);
    client_say(f, fd, text);
    struct answer a = client_answer(f, fd);
    close(fd);
    fixture_settle(f);
    return a;
}

#endif
