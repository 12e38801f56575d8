/* Listeners: who is let in, what happens when there is no room, and the way out. */
#define _GNU_SOURCE // struct ucred, accept4, asprintf
#include "net/server.h"

#include <errno.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "net/descriptors.h"
#include "net/inherited.h"
#include "net/listen.h"
#include "net/server_private.h"

const struct server_limits server_limits_default = {
    .request_line = 8 * 1024,
    .headers = 16 * 1024,
    .header_count = 64,
    .body = 1024 * 1024,
    .bodies = 64 * 1024 * 1024,
    .connections = 1024,
    .uploads = 512,
    .connections_per_peer = 64,
    .handshake_ms = 10 * 1000,
    .header_ms = 10 * 1000,
    .body_ms = 30 * 1000,
    .idle_ms = 60 * 1000,
    .upload_ms = 3600 * 1000,
    .upload_rate = 16 * 1024,
    .write_ms = 30 * 1000,
    .requests_per_connection = 1000,
    .connection_age_ms = 300 * 1000,
    .stream_unsent = 1024 * 1024,
};

enum {
    CHUNK_EXT = 256,
    CHUNK_EXT_TOTAL = 16 * 256,
    REST_MS = 1000,
};

/* ---- resting: a listener that rests leaves new connections in the kernel's queue ---- */

static void apply_rest(struct server *s) {
    for (unsigned i = 0; i < s->listener_count; i++) {
        struct listener *l = &s->listeners[i];
        if (l->lev == NULL) {
            continue; // closed
        }
        bool rests = s->held || s->no_fds || (!l->admin && (s->full || s->few_fds));
        if (rests == l->resting) {
            continue;
        }
        l->resting = rests;
        (void)(rests ? evconnlistener_disable(l->lev) : evconnlistener_enable(l->lev));
    }
}

/* Not at the cap itself: that would switch the listeners for each connection. */
static unsigned wake_mark(const struct server *s) {
    unsigned max = s->config.limits.connections;
    return max - (max + 15) / 16;
}

static void check_full(struct server *s) {
    unsigned max = s->config.limits.connections;
    if (max != 0 && s->public_count >= max) {
        s->full = true;
    } else if (s->public_count <= wake_mark(s)) {
        s->full = false;
    }
    apply_rest(s);
}

void server_conn_gone(struct server *s) {
    check_full(s);
}

static void on_wake(struct timer *t, void *arg) {
    (void)t;
    struct server *s = arg;
    s->few_fds = s->no_fds = false;
    apply_rest(s);
}

static void rest_for_fds(struct server *s) {
    apply_rest(s);
    (void)timer_set(s->timers, &s->wake, env_mono_ms(s->env) + REST_MS);
}

/* ---- accepting ---- */

static void turn_away(const struct listener *l, int fd) {
    const struct server_watch *watch = &l->server->config.watch;
    if (watch->refused != NULL) {
        watch->refused(watch->arg, "too_many_connections");
    }
    bool plain = l->tls == NULL; // else the peer would not understand
    respond_last(fd, plain ? 503 : 0, "too_many_connections", "try again in a moment");
    close(fd);
}

/* As they were when it connected, whoever has the socket now. */
static void identify_process(const struct server *s, int fd, struct visitor *v) {
    struct ucred cred;
    socklen_t len = sizeof cred;
    bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0;
    v->uid = known ? cred.uid : UINT32_MAX - 1; // never taken for TCP
    v->mistrusted = known && v->admin && s->config.mistrusts != NULL &&
                    s->config.mistrusts(s->config.owner, (int32_t)cred.pid);
}

/* False: it has too many connections already. */
static bool identify(struct listener *l, int fd, const struct sockaddr *address,
                     struct visitor *ret) {
    struct server *s = l->server;
    const int on = 1;
    struct ip ip;
    *ret = (struct visitor){.door = l, .admin = l->admin, .uid = UINT32_MAX, .text = "unix"};
    if (!ip_of_sockaddr(address, &ip)) {
        identify_process(s, fd, ret);
        ret->proxy = !l->admin && s->config.proxies.unix_socket;
        return true;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ip_text(&ip, ret->text);
    ret->proxy = !l->admin && proxies_have(&s->config.proxies, &ip);
    if (l->admin || ret->proxy) {
        return true;
    }
    ret->peer = peers_enter(&s->peers, &ip, s->config.limits.connections_per_peer);
    return ret->peer != NULL;
}

static void on_accept(struct evconnlistener *lev, evutil_socket_t fd, struct sockaddr *address,
                      int address_len, void *arg) {
    (void)lev;
    (void)address_len;
    struct listener *l = arg;
    struct server *s = l->server;
    struct visitor visitor;
    if (!l->admin && fd >= s->fd_max) { // what is left is for the host itself
        turn_away(l, fd);
        s->few_fds = true;
        log_warn(s->log, "http.few_descriptors", "fd=%d rest_ms=%d", fd, REST_MS);
        rest_for_fds(s);
        return;
    }
    if (!identify(l, fd, address, &visitor)) {
        turn_away(l, fd);
        return;
    }
    if (connection_open(s, fd, &visitor, l->tls) != 0) {
        peers_leave(&s->peers, visitor.peer);
        turn_away(l, fd);
        return;
    }
    check_full(s);
}

/* accept() failed for want of descriptors: turn one away with the spare, then rest, or this would
 * be called without end. */
static void on_accept_error(struct evconnlistener *lev, void *arg) {
    struct listener *l = arg;
    struct server *s = l->server;
    int error = EVUTIL_SOCKET_ERROR();
    if ((error == EMFILE || error == ENFILE) && s->spare_fd != -1) {
        close(s->spare_fd);
        int fd = accept4(evconnlistener_get_fd(lev), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd != -1) {
            turn_away(l, fd);
        }
        s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    log_warn(s->log, "http.accept_failed", "errno=%d rest_ms=%d", error, REST_MS);
    s->no_fds = true;
    rest_for_fds(s);
}

/* ---- the reaper ---- */

static void go_on(struct server *s) {
    struct conn *c = s->answered;
    s->answered = NULL;
    while (c != NULL) {
        struct conn *next = c->answered_next;
        connection_go_on(c); // may end it, or answer its next request
        c = next;
    }
}

void server_reap(struct server *s) {
    go_on(s); // before anything is freed
    while (s->dead != NULL) {
        struct conn *c = s->dead;
        s->dead = c->next;
        connection_free(c);
    }
    while (s->ended != NULL) {
        struct exchange *ex = s->ended;
        s->ended = ex->next;
        exchange_free(ex);
    }
}

static void on_reap(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    server_reap(arg);
}

/* ---- life ---- */

struct server *server_new(struct event_base *base, struct timers *timers, const struct env *env,
                          const struct log *log, const struct server_config *config) {
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->base = base;
    s->timers = timers;
    s->env = env;
    s->log = log;
    s->config = *config;
    s->http1 = (struct http1_limits){.request_line = config->limits.request_line,
                                     .headers = config->limits.headers,
                                     .header_count = config->limits.header_count,
                                     .chunk_ext = CHUNK_EXT,
                                     .chunk_ext_total = CHUNK_EXT_TOTAL};
    s->date_s = -1;
    timer_init(&s->wake, on_wake, s);
    s->fd_max = descriptors_max(); // the kernel gives the lowest free number
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    s->reaper = event_new(base, -1, EV_PERSIST, on_reap, s);
    if (s->reaper == NULL) {
        server_free(&s);
    }
    return s;
}

void server_configure(struct server *s, const struct server_limits *limits,
                      const struct proxies *proxies) {
    s->config.limits = *limits;
    s->config.proxies = *proxies;
}

/* Those that wait for news wait no longer. */
static void hurry(struct server *s) {
    for (struct conn *c = s->live, *next; c != NULL; c = next) {
        next = c->next;
        if (c->phase == CONN_HANDLE && c->ex->req.hurry != NULL) {
            c->ex->req.hurry(&c->ex->req, c->ex->req.hurry_arg);
        }
    }
    for (struct exchange *ex = s->orphans, *next; ex != NULL; ex = next) {
        next = ex->next;
        if (ex->req.hurry != NULL) {
            ex->req.hurry(&ex->req, ex->req.hurry_arg);
        }
    }
}

bool request_may_wait(const struct request *req) {
    const struct server *s = CONTAINER_OF(req, struct exchange, req)->server;
    return !s->draining && !s->parked;
}

/* ---- to another process ---- */

void server_park(struct server *s) {
    s->parked = true;
    server_hold(s, true);
    hurry(s);
    for (struct conn *c = s->live, *next; c != NULL; c = next) {
        next = c->next;
        connection_park(c);
    }
}

void server_unpark(struct server *s) {
    s->parked = false;
    for (struct conn *c = s->live, *next; c != NULL; c = next) {
        next = c->next;
        connection_unpark(c);
    }
    server_hold(s, false);
}

bool server_is_parked(const struct server *s) {
    for (const struct conn *c = s->live; c != NULL; c = c->next) {
        if (!connection_is_quiet(c)) {
            return false;
        }
    }
    return s->parked && s->answered == NULL && s->orphans == NULL;
}

void server_park_late(struct server *s) {
    for (struct conn *c = s->live, *next; c != NULL; c = next) {
        next = c->next;
        connection_park_late(c);
    }
}

void server_each(const struct server *s, const struct server_each *each) {
    for (unsigned i = 0; i < s->listener_count; i++) {
        const struct listener *l = &s->listeners[i];
        if (l->lev != NULL) {
            each->socket(each->arg, evconnlistener_get_fd(l->lev), l->url, l->unix_path != NULL);
        }
    }
    for (const struct conn *c = s->live; c != NULL; c = c->next) {
        each->connection(each->arg, bufferevent_getfd(c->bev), c->visitor.door->url);
    }
}

void server_take(struct server *s, int fd, const char *url) {
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof peer;
    for (unsigned i = 0; i < s->listener_count; i++) {
        struct listener *l = &s->listeners[i];
        if (l->lev != NULL && l->tls == NULL && strcmp(l->url, url) == 0 &&
            getpeername(fd, (struct sockaddr *)&peer, &len) == 0) {
            on_accept(l->lev, fd, (struct sockaddr *)&peer, (int)len, l);
            return;
        }
    }
    (void)close(fd);
}

static char *door_url(const struct listen_socket *sock, const struct server_door *door) {
    char *url = NULL;
    if (sock->path != NULL) {
        return strdup(door->address);
    }
    int host_len = (int)(strrchr(door->address, ':') - door->address);
    int n = asprintf(&url, "http%s://%.*s:%u", door->tls == NULL ? "" : "s", host_len,
                     door->address, sock->port);
    return n == -1 ? NULL : url;
}

static void listener_finish(struct listener *l) {
    if (l->lev != NULL) {
        evconnlistener_free(l->lev);
    }
    if (l->unix_path != NULL) {
        listen_unlink(l->unix_path, l->unix_dev, l->unix_ino);
    }
    free(l->unix_path);
    free(l->url);
    *l = (struct listener){.lev = NULL};
}

static bool everybody_may(const char *path) {
    struct stat st;
    return path != NULL && stat(path, &st) == 0 && (st.st_mode & S_IWOTH) != 0;
}

/* A socket that is there already, or a new one. */
static int door_socket(const struct server_door *door, struct listen_socket *ret, struct err *e) {
    int r = door->inherited == NULL ? 0 : inherited_open(door->inherited, door->address, ret, e);
    if (r == 1 && door->admin && everybody_may(ret->path)) {
        (void)close(ret->fd);
        return err_set(e, -EACCES, "%s: everybody may connect to it, set SocketMode=0600",
                       door->address);
    }
    if (r != 0) {
        return r == 1 ? 0 : r;
    }
    return listen_open(door->address, ret, e);
}

int server_listen(struct server *s, const struct server_door *door, struct err *e) {
    struct listen_socket sock;
    if (s->listener_count == SERVER_LISTEN_MAX) {
        return err_set(e, -ENOSPC, "%s: at most %d addresses to listen on", door->address,
                       SERVER_LISTEN_MAX);
    }
    int r = door_socket(door, &sock, e);
    if (r != 0) {
        return r;
    }
    struct listener *l = &s->listeners[s->listener_count];
    *l = (struct listener){.server = s,
                           .admin = door->admin,
                           .tls = door->tls,
                           .url = door_url(&sock, door),
                           .unix_path = sock.own ? strdup(sock.path) : NULL,
                           .unix_dev = sock.dev,
                           .unix_ino = sock.ino};
    l->lev = evconnlistener_new(s->base, on_accept, l,
                                LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, sock.fd);
    if (l->lev == NULL) {
        close(sock.fd);
    }
    if (l->lev == NULL || l->url == NULL || (sock.own && l->unix_path == NULL)) {
        listener_finish(l);
        return err_set(e, -ENOMEM, "%s: out of memory", door->address);
    }
    evconnlistener_set_error_cb(l->lev, on_accept_error);
    s->listener_count++;
    return 0;
}

void server_hold(struct server *s, bool held) {
    s->held = held;
    apply_rest(s);
}

const char *server_url(const struct server *s, unsigned n) {
    for (unsigned i = 0; i < s->listener_count; i++) {
        if (s->listeners[i].lev != NULL && !s->listeners[i].admin && n-- == 0) {
            return s->listeners[i].url;
        }
    }
    return NULL;
}

unsigned server_connections(const struct server *s) {
    return s->live_count;
}

static void close_listeners(struct server *s, bool public_only) {
    for (unsigned i = 0; i < s->listener_count; i++) {
        struct listener *l = &s->listeners[i];
        if (l->lev != NULL && !(public_only && l->admin)) {
            listener_finish(l);
        }
    }
}

/* A peer that has stalled in mid-body would hold up the end. */
static void end_bodies(struct server *s) {
    for (struct conn *c = s->live, *next; c != NULL; c = next) {
        next = c->next;
        if (c->phase == CONN_BODY && c->ex->ends_with_drain) {
            respond_refusal(c, 503, "draining", "the host is shutting down; send it again later");
        }
    }
}

static void drain(struct server *s, bool public_only) {
    close_listeners(s, public_only);
    end_bodies(s);
    for (struct conn *c = s->live, *next; c != NULL; c = next) {
        next = c->next;
        bool nothing_yet = c->phase == CONN_HEAD && c->parser.consumed == 0;
        bool idle = c->phase == CONN_HANDSHAKE || c->phase == CONN_IDLE || nothing_yet;
        bool ends = idle || (!public_only && c->phase == CONN_STREAM);
        if (ends && !(public_only && c->visitor.admin)) {
            connection_close(c);
        }
    }
}

void server_drain_public(struct server *s) {
    s->draining_public = true;
    drain(s, true);
}

void server_drain(struct server *s) {
    s->draining = true;
    drain(s, false);
    hurry(s);
    timer_cancel(s->timers, &s->wake);
}

void server_close(struct server *s) {
    close_listeners(s, false);
    timer_cancel(s->timers, &s->wake);
    while (s->live != NULL) {
        connection_close(s->live);
    }
    server_reap(s);
}

void server_free(struct server **at) {
    struct server *s = *at;
    if (s == NULL) {
        return;
    }
    *at = NULL;
    server_close(s);
    while (s->orphans != NULL) {
        exchange_discard(s->orphans);
    }
    server_reap(s);
    if (s->reaper != NULL) {
        event_free(s->reaper);
    }
    if (s->spare_fd != -1) {
        close(s->spare_fd);
    }
    peers_finish(&s->peers);
    buf_free(&s->scratch);
    free(s);
}
