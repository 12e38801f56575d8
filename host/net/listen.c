#define _GNU_SOURCE // SOCK_CLOEXEC, SOCK_NONBLOCK
#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 512 };

static int open_socket(int family) {
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd == -1 ? -errno : fd;
}

/* ---- unix ---- */

static int fill_unix(const char *path, struct sockaddr_un *ret, struct err *e) {
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof ret->sun_path) {
        return err_set(e, -EINVAL, "%s: a socket's path has 1 to %zu bytes, this one has %zu", path,
                       sizeof ret->sun_path - 1, len);
    }
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, path, len + 1);
    return 0;
}

/* Removes a socket that nobody listens on. 0, or why it must stay. */
static int clear_stale(const struct sockaddr_un *at, struct err *e) {
    struct stat st;
    if (lstat(at->sun_path, &st) == -1) {
        return 0; // bind() will tell what else is wrong
    }
    if (!S_ISSOCK(st.st_mode)) {
        return err_set(e, -EEXIST, "%s: there is a file of that name which is not a socket",
                       at->sun_path);
    }
    int fd = open_socket(AF_UNIX);
    if (fd < 0) {
        return err_errno(e, fd, "socket");
    }
    int r = connect(fd, (const void *)at, sizeof *at) == -1 ? -errno : 0;
    close(fd);
    if (r != -ECONNREFUSED && r != -ENOENT) {
        return err_set(e, -EADDRINUSE, "%s: another process listens there", at->sun_path);
    }
    return unlink(at->sun_path) == -1 && errno != ENOENT
               ? err_errno(e, -errno, "%s: cannot remove the stale socket", at->sun_path)
               : 0;
}

static int open_unix(const char *path, struct listen_socket *ret, struct err *e) {
    struct sockaddr_un at;
    struct stat st;
    int r = fill_unix(path, &at, e);
    if (r == 0) {
        r = clear_stale(&at, e);
    }
    if (r != 0) {
        return r;
    }
    int fd = open_socket(AF_UNIX);
    if (fd < 0) {
        return err_errno(e, fd, "socket");
    }
    // Linux gives the file the mode of the unbound socket: there is no moment with a wider one.
    if (fchmod(fd, 0600) == -1 || bind(fd, (const void *)&at, sizeof at) == -1 ||
        listen(fd, BACKLOG) == -1 || stat(path, &st) == -1) {
        r = err_errno(e, -errno, "%s: cannot listen", path);
        close(fd);
        return r;
    }
    *ret = (struct listen_socket){
        .fd = fd, .path = path, .dev = st.st_dev, .ino = st.st_ino, .own = true};
    return 0;
}

void listen_unlink(const char *path, dev_t dev, ino_t ino) {
    struct stat st;
    if (lstat(path, &st) == 0 && st.st_dev == dev && st.st_ino == ino) {
        (void)unlink(path);
    }
}

/* ---- TCP ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* "HOST:PORT" taken apart; no name is looked up. */
static int parse_tcp(const char *text, union address *ret, socklen_t *ret_len, struct err *e) {
    char host[INET6_ADDRSTRLEN + 1];
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[';
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    char *end = NULL;
    unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, &end, 10);
    if (colon == NULL || colon[1] < '0' || colon[1] > '9' || *end != '\0' || port > 65535 ||
        len >= sizeof host || (bracketed && (len < 2 || text[len - 1] != ']'))) {
        return err_set(e, -EINVAL, "%s: write ADDRESS:PORT, [IPV6]:PORT or unix:PATH", text);
    }
    memcpy(host, text + bracketed, len - 2 * (size_t)bracketed);
    host[len - 2 * (size_t)bracketed] = '\0';
    memset(ret, 0, sizeof *ret);
    if (bracketed && inet_pton(AF_INET6, host, &ret->in6.sin6_addr) == 1) {
        ret->in6.sin6_family = AF_INET6;
        ret->in6.sin6_port = htons((uint16_t)port);
        *ret_len = sizeof ret->in6;
        return 0;
    }
    const char *v4 = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (!bracketed && inet_pton(AF_INET, v4, &ret->in.sin_addr) == 1) {
        ret->in.sin_family = AF_INET;
        ret->in.sin_port = htons((uint16_t)port);
        *ret_len = sizeof ret->in;
        return 0;
    }
    return err_set(e, -EINVAL, "%s: \"%s\" is not an IP address", text, host);
}

static int tcp_failed(const char *text, int error, struct err *e) {
    switch (error) {
    case EADDRINUSE: return err_set(e, -error, "%s: another process listens there already", text);
    case EADDRNOTAVAIL: return err_set(e, -error, "%s: this machine has no such address", text);
    case EACCES:
        return err_set(e, -error, "%s: this user may not listen on ports below 1024", text);
    default: return err_errno(e, -error, "%s: cannot listen", text);
    }
}

static int open_tcp(const char *text, struct listen_socket *ret, struct err *e) {
    union address at = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t len = 0;
    int r = parse_tcp(text, &at, &len, e);
    if (r != 0) {
        return r;
    }
    int fd = open_socket(at.any.sa_family);
    if (fd < 0) {
        return err_errno(e, fd, "socket");
    }
    const int on = 1;
    bool v6 =
        at.any.sa_family == AF_INET6; // [::] is IPv6 only, so that 0.0.0.0 can stand beside it
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == -1) ||
        bind(fd, &at.any, len) == -1 || listen(fd, BACKLOG) == -1 ||
        getsockname(fd, &at.any, &len) == -1) {
        r = tcp_failed(text, errno, e);
        close(fd);
        return r;
    }
    // sin_port and sin6_port are at the same place
    *ret = (struct listen_socket){.fd = fd, .port = ntohs(at.in.sin_port)};
    return 0;
}

/* ---- sockets that are there ---- */

static int adopt_unix(int fd, const char *path, struct listen_socket *ret, struct err *e) {
    struct sockaddr_un want, at = {.sun_family = AF_UNSPEC};
    struct stat st = {.st_dev = 0};
    socklen_t len = sizeof at;
    int r = fill_unix(path, &want, e);
    if (r != 0) {
        return r;
    }
    if (getsockname(fd, (void *)&at, &len) == -1 || at.sun_family != AF_UNIX ||
        strncmp(at.sun_path, want.sun_path, sizeof at.sun_path) != 0) {
        return 0;
    }
    (void)stat(path, &st); // a file that is gone is nobody's to remove
    *ret = (struct listen_socket){.fd = fd, .path = path, .dev = st.st_dev, .ino = st.st_ino};
    return 1;
}

static bool same_address(const union address *want, const union address *at) {
    if (want->any.sa_family != at->any.sa_family ||
        (want->in.sin_port != 0 && want->in.sin_port != at->in.sin_port)) {
        return false; // sin_port and sin6_port are at the same place
    }
    return want->any.sa_family == AF_INET
               ? want->in.sin_addr.s_addr == at->in.sin_addr.s_addr
               : memcmp(&want->in6.sin6_addr, &at->in6.sin6_addr, sizeof at->in6.sin6_addr) == 0;
}

static int adopt_tcp(int fd, const char *text, struct listen_socket *ret, struct err *e) {
    union address want = {.any = {.sa_family = AF_UNSPEC}}, at = want;
    socklen_t len = sizeof at;
    int r = parse_tcp(text, &want, &len, e);
    if (r != 0) {
        return r;
    }
    len = sizeof at;
    if (getsockname(fd, &at.any, &len) == -1 || !same_address(&want, &at)) {
        return 0;
    }
    *ret = (struct listen_socket){.fd = fd, .port = ntohs(at.in.sin_port)};
    return 1;
}

int listen_adopt(int fd, const char *address, struct listen_socket *ret, struct err *e) {
    return strncmp(address, "unix:", 5) == 0 ? adopt_unix(fd, address + 5, ret, e)
                                             : adopt_tcp(fd, address, ret, e);
}

int listen_open(const char *address, struct listen_socket *ret, struct err *e) {
    return strncmp(address, "unix:", 5) == 0 ? open_unix(address + 5, ret, e)
                                             : open_tcp(address, ret, e);
}
