#define _GNU_SOURCE // SOCK_CLOEXEC, TCP_USER_TIMEOUT
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/network.h"
#include "redis/conn_private.h"

/* Found dead after 30 s + 3 * 10 s without a word, whether or not anything was sent. */
enum { KEEP_IDLE_S = 30, KEEP_EVERY_S = 10, KEEP_TIMES = 3 };

static void set_options(int fd) {
    static const struct {
        int level, option, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEP_TIMES},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, REDIS_USER_TIMEOUT_MS},
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        // all make things better, none is needed for them to be right
        (void)setsockopt(fd, options[i].level, options[i].option, &options[i].value,
                         sizeof options[i].value);
    }
}

static bool is_local(const struct redis_conn *c) {
    return c->config.address->path[0] != '\0';
}

static unsigned endpoint_count(const struct redis_conn *c) {
    return is_local(c) ? 1 : c->endpoints.count;
}

static struct redis_endpoint endpoint_at(const struct redis_conn *c, unsigned i) {
    if (!is_local(c)) {
        return c->endpoints.list[i];
    }
    struct redis_endpoint e = {.len = sizeof(struct sockaddr_un)};
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&e.address;
    un->sun_family = AF_UNIX;
    (void)snprintf(un->sun_path, sizeof un->sun_path, "%s", c->config.address->path);
    return e;
}

/* Why this address did not do, for the case that none does. */
static void note(struct redis_conn *c, int code) {
    struct redis_endpoint e = endpoint_at(c, c->next_endpoint - 1);
    char text[IP_TEXT_MAX] = "";
    struct ip ip;
    bool named = ip_of_sockaddr((const struct sockaddr *)(const void *)&e.address, &ip);
    if (named) {
        ip_text(&ip, text);
    }
    named = named && strcmp(text, c->config.address->host) != 0;
    c->dial_err.code = code;
    (void)snprintf(c->dial_err.msg, sizeof c->dial_err.msg, "%s%s%s%s",
                   code == -ETIMEDOUT ? "no connection in time" : strerror(-code),
                   named ? " (" : "", named ? text : "", named ? ")" : "");
}

static const char *advice(const struct redis_conn *c, int code) {
    switch (code) {
    case -ECONNREFUSED: return ": is the server running, and is this its port?";
    case -ENOENT: return ": is the server running, with this unixsocket in its redis.conf?";
    case -EACCES: return is_local(c) ? ": see unixsocketperm in redis.conf" : "";
    default: return "";
    }
}

static void fail(struct redis_conn *c) {
    int code = c->dial_err.code;
    redis_conn_fail(c, code == -ETIMEDOUT ? REDIS_TIMEOUT : REDIS_UNREACHABLE, code, "%s%s",
                    c->dial_err.msg, advice(c, code));
}

void redis_conn_dial_stop(struct redis_conn *c) {
    if (c->dialled != NULL) {
        event_free(c->dialled);
        c->dialled = NULL;
    }
    if (c->fd != -1) {
        (void)close(c->fd);
        c->fd = -1;
    }
}

static void hand_over(struct redis_conn *c) {
    int fd = c->fd;
    c->fd = -1;
    redis_conn_dial_stop(c);
    redis_conn_dialled(c, fd);
}

static void on_dialled(evutil_socket_t fd, short what, void *arg) {
    struct redis_conn *c = arg;
    int cause = 0;
    socklen_t len = sizeof cause;
    (void)what;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &len) == -1) {
        cause = errno;
    }
    if (cause == 0) {
        hand_over(c);
    } else {
        note(c, -cause);
        redis_conn_dial(c);
    }
}

/* 1: connected; 0: on its way; else a negative errno. */
static int try_endpoint(struct redis_conn *c, const struct redis_endpoint *e) {
    c->fd = socket(e->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd == -1) {
        return -errno;
    }
    if (!is_local(c)) {
        set_options(c->fd);
    }
    if (connect(c->fd, (const struct sockaddr *)(const void *)&e->address, e->len) == 0) {
        return 1;
    }
    if (errno != EINPROGRESS) { // a unix socket says EAGAIN when its backlog is full
        return -errno;
    }
    c->dialled = event_new(c->config.base, c->fd, EV_WRITE, on_dialled, c);
    return c->dialled != NULL && event_add(c->dialled, NULL) == 0 ? 0 : -ENOMEM;
}

/* An equal share of what is left of the phase for each address that is left. */
static int set_deadline(struct redis_conn *c) {
    int64_t now = env_mono_ms(c->config.env);
    int64_t left = c->phase_until_ms - now;
    unsigned addresses = endpoint_count(c) - c->next_endpoint;
    return timer_set(c->config.timers, &c->deadline, now + (left < 0 ? 0 : left / addresses));
}

void redis_conn_dial(struct redis_conn *c) {
    redis_conn_dial_stop(c);
    while (c->next_endpoint < endpoint_count(c)) {
        int r = set_deadline(c);
        struct redis_endpoint e = endpoint_at(c, c->next_endpoint++);
        r = r == 0 ? try_endpoint(c, &e) : r;
        if (r == 0) {
            return;
        }
        if (r == 1) {
            hand_over(c);
            return;
        }
        redis_conn_dial_stop(c);
        note(c, r);
    }
    fail(c);
}

void redis_conn_dial_late(struct redis_conn *c) {
    note(c, -ETIMEDOUT);
    redis_conn_dial(c);
}
