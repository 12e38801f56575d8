#define _GNU_SOURCE // SO_DOMAIN, SO_ACCEPTCONN
#include "net/inherited.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- one descriptor ---- */

static int option(int fd, int name) {
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == -1 ? -1 : value;
}

/* NULL: it is what can be listened on. */
static const char *fault_of(int fd) {
    int family = option(fd, SO_DOMAIN);
    if (fcntl(fd, F_GETFD) == -1) {
        return "is not open";
    }
    if (family == -1) {
        return "is no socket";
    }
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) {
        return "is a socket of another kind than TCP and unix";
    }
    if (option(fd, SO_TYPE) != SOCK_STREAM) {
        return "is not a stream socket (use ListenStream=)";
    }
    return option(fd, SO_ACCEPTCONN) == 1 ? NULL : "does not listen (Accept=yes is not served)";
}

static int make_ready(int fd) {
    int flags = fcntl(fd, F_GETFL);
    bool ok = flags != -1 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != -1 &&
              fcntl(fd, F_SETFD, FD_CLOEXEC) != -1;
    return ok ? 0 : -errno;
}

int inherited_add(struct inherited *in, int fd, const char *name, bool own, struct err *e) {
    const char *fault = fault_of(fd);
    int r = 0;
    if (fault != NULL) {
        r = err_set(e, -EINVAL, "descriptor %d (%s) that the host was started with %s", fd, name,
                    fault);
    } else if (in->count == INHERITED_MAX) {
        r = err_set(e, -ENOSPC, "descriptor %d (%s): at most %d sockets can be given", fd, name,
                    INHERITED_MAX);
    } else if ((r = make_ready(fd)) != 0) {
        r = err_errno(e, r, "descriptor %d (%s)", fd, name);
    }
    if (r != 0) {
        (void)close(fd);
        return r;
    }
    struct inherited_socket *s = &in->sockets[in->count++];
    *s = (struct inherited_socket){.fd = fd, .own = own};
    (void)snprintf(s->name, sizeof s->name, "%s", name);
    return 0;
}

/* ---- the environment ---- */

/* A whole decimal number, or -1. */
static long number(const char *text) {
    char *end;
    if (text[0] < '0' || text[0] > '9') {
        return -1;
    }
    errno = 0;
    long n = strtol(text, &end, 10);
    return *end != '\0' || errno != 0 ? -1 : n;
}

/* The next name of a list with colons; "unknown" behind its end, as systemd would say. */
static void next_name(const char **list, char ret[INHERITED_NAME_MAX + 1]) {
    size_t len = *list == NULL ? 0 : strcspn(*list, ":");
    size_t kept = len > INHERITED_NAME_MAX ? INHERITED_NAME_MAX : len;
    (void)snprintf(ret, INHERITED_NAME_MAX + 1, "%.*s", (int)kept, len == 0 ? "" : *list);
    if (len == 0) {
        (void)snprintf(ret, INHERITED_NAME_MAX + 1, "unknown");
    }
    *list = *list == NULL || (*list)[len] == '\0' ? NULL : *list + len + 1;
}

static int take_all(struct inherited *in, long count, const char *names, struct err *e) {
    char name[INHERITED_NAME_MAX + 1];
    for (int i = 0; i < count; i++) {
        next_name(&names, name);
        int r = inherited_add(in, INHERITED_FIRST_FD + i, name, false, e);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int take_named(struct inherited *in, struct err *e) {
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    if (pid == NULL || fds == NULL || number(pid) != (long)getpid()) {
        return 0; // they are for another process
    }
    long count = number(fds);
    if (count < 0 || count > INHERITED_MAX) {
        return err_set(e, -EINVAL, "LISTEN_FDS=%.32s: not a number of sockets (0 to %d)", fds,
                       INHERITED_MAX);
    }
    return take_all(in, count, getenv("LISTEN_FDNAMES"), e);
}

int inherited_take(struct inherited *ret, struct err *e) {
    static const char *const variables[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};
    ret->count = 0;
    int r = take_named(ret, e);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        (void)unsetenv(variables[i]);
    }
    return r;
}

/* ---- doors ---- */

int inherited_open(struct inherited *in, const char *address, struct listen_socket *ret,
                   struct err *e) {
    for (unsigned i = 0; i < in->count; i++) {
        struct inherited_socket *s = &in->sockets[i];
        int r = s->fd == -1 ? 0 : listen_adopt(s->fd, address, ret, e);
        if (r == 1) {
            ret->own = s->own;
            s->fd = -1;
        }
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static void format_address(int fd, struct buf *out) {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } at = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t len = sizeof at;
    char text[INET6_ADDRSTRLEN] = "?";
    (void)getsockname(fd, &at.any, &len);
    if (at.any.sa_family == AF_UNIX) {
        buf_printf(out, "unix:%.*s", (int)sizeof at.un.sun_path, at.un.sun_path);
    } else if (at.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &at.in6.sin6_addr, text, sizeof text);
        buf_printf(out, "[%s]:%u", text, ntohs(at.in6.sin6_port));
    } else {
        (void)inet_ntop(AF_INET, &at.in.sin_addr, text, sizeof text);
        buf_printf(out, "%s:%u", text, ntohs(at.in.sin_port));
    }
}

void inherited_close_rest(struct inherited *in, struct buf *out) {
    for (unsigned i = 0; i < in->count; i++) {
        struct inherited_socket *s = &in->sockets[i];
        if (s->fd == -1) {
            continue;
        }
        buf_printf(out, "%s%d (%s, ", out->len == 0 ? "" : ", ", s->fd, s->name);
        format_address(s->fd, out);
        buf_printf(out, ")");
        (void)close(s->fd);
        s->fd = -1;
    }
}

void inherited_finish(struct inherited *in) {
    for (unsigned i = 0; i < in->count; i++) {
        if (in->sockets[i].fd != -1) {
            (void)close(in->sockets[i].fd);
        }
    }
    in->count = 0;
}
