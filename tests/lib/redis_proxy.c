#include "redis_proxy.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum cutting { CUT_NOT, CUT_ORDERED, CUT_DONE };

/* One connection of the client, and its other half. */
struct pair {
    struct redis_proxy *proxy;
    struct bufferevent *client, *server;
    struct redisReader *replies; /* counts them */
    int open;                    /* commands without a reply */
    bool counts;                 /* it existed when the cut was ordered */
    bool waits;                  /* for the replies to what came before the command to cut */
    bool last;                   /* the next reply is the one that nobody sees */
    TAILQ_ENTRY(pair) link;
};

struct redis_proxy {
    struct event_base *base;
    struct event *stop;
    int stop_fd;
    pthread_t thread;
    pthread_mutex_t lock; /* of all below, while callbacks run and orders are given */
    struct evconnlistener *listener;
    struct sockaddr_un from, to;
    TAILQ_HEAD(, pair) pairs;
    enum cutting state;
    enum redis_cut how;
    unsigned skip, commands;
    char name[32];
};

static void end_pair(struct pair *p) {
    TAILQ_REMOVE(&p->proxy->pairs, p, link);
    bufferevent_free(p->client);
    bufferevent_free(p->server);
    redisReaderFree(p->replies);
    free(p);
}

static void cut(struct pair *p) {
    p->proxy->state = CUT_DONE;
    end_pair(p);
}

/* ------------------------------------------------------------------ commands */

/* The number behind `mark` at `*at`, which is moved behind its line; -1: there is not all of it yet. */
static long take_number(const char *data, size_t len, size_t *at, char mark) {
    const char *end = *at < len ? memchr(data + *at, '\n', len - *at) : NULL;
    if (end == NULL) {
        return -1;
    }
    if (data[*at] != mark) {
        (void)fprintf(stderr, "redis_proxy: the client speaks something else than RESP\n");
        abort();
    }
    long number = strtol(data + *at + 1, NULL, 10);
    *at = (size_t)(end - data) + 1;
    return number;
}

/* Bytes of the first command in `data`, and its name; 0: it is not complete. */
static size_t first_command(const char *data, size_t len, char name[32]) {
    size_t at = 0;
    long words = take_number(data, len, &at, '*');
    for (long i = 0; i < words; i++) {
        long size = take_number(data, len, &at, '$');
        if (size < 0 || len - at < (size_t)size + 2) {
            return 0;
        }
        if (i == 0) {
            (void)snprintf(name, 32, "%.*s", (int)size, data + at);
        }
        at += (size_t)size + 2;
    }
    return words < 0 ? 0 : at;
}

static void forward(struct pair *p, size_t len) {
    (void)evbuffer_remove_buffer(bufferevent_get_input(p->client),
                                 bufferevent_get_output(p->server), len);
    p->open++;
    p->proxy->commands++;
}

/* The command of `len` bytes is the one: once all before it is answered. */
static void cut_here(struct pair *p, size_t len) {
    (void)bufferevent_disable(p->client, EV_READ);
    p->waits = p->open > 0;
    if (p->waits) {
        return;
    }
    if (p->proxy->how == REDIS_CUT_BEFORE) {
        cut(p);
        return;
    }
    p->last = true;
    forward(p, len);
}

static void take_commands(struct pair *p) {
    struct evbuffer *in = bufferevent_get_input(p->client);
    char name[32];
    size_t len;
    while (!p->last && (len = first_command((const char *)evbuffer_pullup(in, -1),
                                            evbuffer_get_length(in), name)) > 0) {
        struct redis_proxy *proxy = p->proxy;
        if (proxy->state == CUT_ORDERED && p->counts && (p->waits || proxy->skip-- == 0)) {
            (void)snprintf(proxy->name, sizeof proxy->name, "%s", name);
            cut_here(p, len);
            return;
        }
        forward(p, len);
    }
}

/* ------------------------------------------------------------------ replies */

static unsigned count_replies(struct pair *p, struct evbuffer *in) {
    unsigned count = 0;
    size_t len = evbuffer_get_length(in);
    void *reply = NULL;
    (void)redisReaderFeed(p->replies, (const char *)evbuffer_pullup(in, -1), len);
    while (redisReaderGetReply(p->replies, &reply) == REDIS_OK && reply != NULL) {
        freeReplyObject(reply);
        count++;
    }
    return count;
}

static void take_replies(struct pair *p) {
    struct evbuffer *in = bufferevent_get_input(p->server);
    unsigned count = count_replies(p, in);
    p->open -= (int)count;
    if (p->last) {
        (void)evbuffer_drain(in, evbuffer_get_length(in));
        if (count > 0) {
            cut(p);
        }
        return;
    }
    (void)evbuffer_add_buffer(bufferevent_get_output(p->client), in);
    if (p->waits && p->open <= 0) {
        take_commands(p);
    }
}

/* ------------------------------------------------------------------ connections */

static void on_commands(struct bufferevent *bev, void *arg) {
    struct redis_proxy *proxy = ((struct pair *)arg)->proxy; // which outlives the pair
    (void)bev;
    (void)pthread_mutex_lock(&proxy->lock);
    take_commands(arg);
    (void)pthread_mutex_unlock(&proxy->lock);
}

static void on_replies(struct bufferevent *bev, void *arg) {
    struct redis_proxy *proxy = ((struct pair *)arg)->proxy;
    (void)bev;
    (void)pthread_mutex_lock(&proxy->lock);
    take_replies(arg);
    (void)pthread_mutex_unlock(&proxy->lock);
}

static void on_end(struct bufferevent *bev, short what, void *arg) {
    struct redis_proxy *proxy = ((struct pair *)arg)->proxy;
    (void)bev;
    (void)pthread_mutex_lock(&proxy->lock);
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        end_pair(arg);
    }
    (void)pthread_mutex_unlock(&proxy->lock);
}

static void add_pair(struct redis_proxy *proxy, evutil_socket_t fd) {
    struct pair *p = calloc(1, sizeof *p);
    if (p == NULL) {
        abort();
    }
    p->proxy = proxy;
    p->replies = redisReaderCreate();
    p->client = bufferevent_socket_new(proxy->base, fd, BEV_OPT_CLOSE_ON_FREE);
    p->server = bufferevent_socket_new(proxy->base, -1, BEV_OPT_CLOSE_ON_FREE);
    TAILQ_INSERT_TAIL(&proxy->pairs, p, link);
    bufferevent_setcb(p->client, on_commands, NULL, on_end, p);
    bufferevent_setcb(p->server, on_replies, NULL, on_end, p);
    (void)bufferevent_enable(p->client, EV_READ | EV_WRITE);
    (void)bufferevent_enable(p->server, EV_READ | EV_WRITE);
    if (bufferevent_socket_connect(p->server, (struct sockaddr *)(void *)&proxy->to,
                                   sizeof proxy->to) == -1) {
        end_pair(p); // the server is away
    }
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int len, void *arg) {
    struct redis_proxy *proxy = arg;
    (void)listener;
    (void)from;
    (void)len;
    (void)pthread_mutex_lock(&proxy->lock);
    add_pair(proxy, fd);
    (void)pthread_mutex_unlock(&proxy->lock);
}

/* ------------------------------------------------------------------ the thread */

static void on_stop(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)event_base_loopbreak(((struct redis_proxy *)arg)->base);
}

static void *run(void *arg) {
    (void)event_base_dispatch(((struct redis_proxy *)arg)->base);
    return NULL;
}

struct redis_proxy *redis_proxy_new(const char *path, const char *to) {
    struct redis_proxy *p = calloc(1, sizeof *p);
    if (p == NULL) {
        abort();
    }
    TAILQ_INIT(&p->pairs);
    p->from.sun_family = p->to.sun_family = AF_UNIX;
    (void)snprintf(p->from.sun_path, sizeof p->from.sun_path, "%s", path);
    (void)snprintf(p->to.sun_path, sizeof p->to.sun_path, "%s", to);
    p->base = event_base_new();
    p->stop_fd = eventfd(0, EFD_CLOEXEC);
    p->stop = event_new(p->base, p->stop_fd, EV_READ, on_stop, p);
    p->listener = evconnlistener_new_bind(
        p->base, on_accept, p, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16,
        (const struct sockaddr *)(const void *)&p->from, sizeof p->from);
    if (p->listener == NULL || p->stop == NULL || event_add(p->stop, NULL) == -1 ||
        pthread_mutex_init(&p->lock, NULL) != 0 || pthread_create(&p->thread, NULL, run, p) != 0) {
        perror(path);
        abort();
    }
    return p;
}

void redis_proxy_free(struct redis_proxy **ref) {
    struct redis_proxy *p = *ref;
    if (p == NULL) {
        return;
    }
    (void)eventfd_write(p->stop_fd, 1);
    (void)pthread_join(p->thread, NULL);
    while (!TAILQ_EMPTY(&p->pairs)) {
        end_pair(TAILQ_FIRST(&p->pairs));
    }
    evconnlistener_free(p->listener);
    event_free(p->stop);
    event_base_free(p->base);
    (void)close(p->stop_fd);
    (void)pthread_mutex_destroy(&p->lock);
    (void)unlink(p->from.sun_path);
    free(p);
    *ref = NULL;
}

/* ------------------------------------------------------------------ orders */

void redis_proxy_cut(struct redis_proxy *p, unsigned skip, enum redis_cut how) {
    struct pair *pair;
    (void)pthread_mutex_lock(&p->lock);
    p->state = CUT_ORDERED;
    p->how = how;
    p->skip = skip;
    p->name[0] = '\0';
    TAILQ_FOREACH(pair, &p->pairs, link) {
        pair->counts = true;
    }
    (void)pthread_mutex_unlock(&p->lock);
}

bool redis_proxy_has_cut(struct redis_proxy *p) {
    (void)pthread_mutex_lock(&p->lock);
    bool done = p->state == CUT_DONE;
    (void)pthread_mutex_unlock(&p->lock);
    return done;
}

unsigned redis_proxy_commands(struct redis_proxy *p) {
    (void)pthread_mutex_lock(&p->lock);
    unsigned commands = p->commands;
    (void)pthread_mutex_unlock(&p->lock);
    return commands;
}

const char *redis_proxy_cut_name(const struct redis_proxy *p) {
    return p->name;
}
