#include <errno.h>
#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "redis/conn_private.h"

static int64_t now_ms(const struct redis_conn *c) {
    return env_mono_ms(c->config.env);
}

/* ---- the end ---- */

/* Bytes of commands that may have reached the server. What TLS has in hand is not told apart. */
static uint64_t bytes_gone(const struct redis_conn *c) {
    if (c->bev == NULL) {
        return 0;
    }
    return c->config.tls != NULL ? c->sent
                                 : c->sent - evbuffer_get_length(bufferevent_get_output(c->bev));
}

static void mark_fates(struct redis_conn *c) {
    uint64_t gone = bytes_gone(c);
    for (struct redis_call *call = c->calls.head; call != NULL; call = call->next) {
        call->may_have_run = call->may_have_run || call->begins_at < gone;
    }
    if (!c->was_up) {
        c->calls = (struct redis_calls){.head = NULL}; // the greeting's own
    }
}

static void stop_io(struct redis_conn *c) {
    redis_conn_dial_stop(c);
    timer_cancel(c->config.timers, &c->deadline);
    if (c->bev != NULL) {
        bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
        (void)bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    }
}

static void end(struct redis_conn *c) {
    c->state = CONN_DEAD;
    stop_io(c);
    mark_fates(c);
    event_active(c->reap, EV_TIMEOUT, 0);
}

void redis_conn_fail(struct redis_conn *c, enum redis_class class, int code, const char *fmt, ...) {
    char where[REDIS_WHERE_MAX], words[sizeof c->failure.err.msg];
    va_list ap;
    if (c->state == CONN_DEAD) {
        return;
    }
    va_start(ap, fmt);
    (void)vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    redis_address_where(c->config.address, where);
    c->failure.class = class;
    (void)err_set(&c->failure.err, code, "%s: %s", where, words);
    end(c);
}

void redis_conn_break(struct redis_conn *c, enum redis_class class, const struct err *why) {
    if (c->state != CONN_DEAD) {
        c->failure = (struct redis_failure){class, *why};
        end(c);
    }
}

/* After stop_io(). What was borrowed may be gone. */
static void destroy(struct redis_conn *c) {
    if (c->bev != NULL) {
        bufferevent_free(c->bev);
    }
    if (c->reap != NULL) {
        event_free(c->reap);
    }
    for (size_t i = 0; i < ARRAY_LEN(c->greeting); i++) {
        redis_call_finish(&c->greeting[i]);
    }
    redis_reader_free(&c->reader);
    free(c);
}

/* A turn of the loop of its own, so that nobody frees a bufferevent below its own callback. */
static void on_reap(evutil_socket_t fd, short what, void *arg) {
    struct redis_conn *c = arg;
    (void)fd;
    (void)what;
    if (c->freed) {
        destroy(c);
        return;
    }
    struct redis_calls left = c->calls;
    c->calls = (struct redis_calls){.head = NULL};
    c->events.down(c->events.arg, &c->failure, &left);
}

void redis_conn_free(struct redis_conn **at, struct redis_calls *left) {
    struct redis_conn *c = *at;
    *at = NULL;
    *left = (struct redis_calls){.head = NULL};
    if (c == NULL) {
        return;
    }
    if (c->state != CONN_DEAD) {
        c->state = CONN_DEAD;
        stop_io(c);
        mark_fates(c);
    }
    *left = c->calls;
    c->calls = (struct redis_calls){.head = NULL};
    c->freed = true;
    if (c->busy > 0) {
        event_active(c->reap, EV_TIMEOUT, 0);
    } else {
        destroy(c);
    }
}

/* ---- deadlines ---- */

static void set_deadline(struct redis_conn *c, int64_t due_ms) {
    bool sooner = !timer_running(&c->deadline) || due_ms < c->deadline.due_mono_ms;
    if (sooner && timer_set(c->config.timers, &c->deadline, due_ms) != 0) {
        redis_conn_fail(c, REDIS_UNREACHABLE, -ENOMEM, "out of memory");
    }
}

void redis_conn_enter(struct redis_conn *c, enum redis_conn_state state) {
    c->state = state;
    c->phase_until_ms = now_ms(c) + c->config.phase_ms;
    timer_cancel(c->config.timers, &c->deadline);
    if (state != CONN_DIALLING) { // where each address has its share
        set_deadline(c, c->phase_until_ms);
    }
}

static void check_calls(struct redis_conn *c) {
    int64_t earliest = INT64_MAX, now = now_ms(c);
    for (const struct redis_call *call = c->calls.head; call != NULL; call = call->next) {
        earliest = call->until_ms < earliest ? call->until_ms : earliest;
    }
    if (earliest <= now) {
        redis_conn_fail(c, REDIS_TIMEOUT, -ETIMEDOUT,
                        "no answer in time; %zu command%s waited for one", c->calls.count,
                        c->calls.count == 1 ? "" : "s");
    } else if (earliest < INT64_MAX) {
        set_deadline(c, earliest);
    }
}

static void on_deadline(struct timer *t, void *arg) {
    static const char *const phases[] = {
        [CONN_TLS] = "the TLS handshake was not done in time; if the server does not speak TLS "
                     "on this port, use redis://",
        [CONN_GREETING] = "no answer to the first commands in time"};
    struct redis_conn *c = arg;
    (void)t;
    c->busy++;
    switch (c->state) {
    case CONN_DIALLING: redis_conn_dial_late(c); break;
    case CONN_TLS:
    case CONN_GREETING:
        redis_conn_fail(c, REDIS_TIMEOUT, -ETIMEDOUT, "%s", phases[c->state]);
        break;
    case CONN_UP: check_calls(c); break;
    case CONN_DEAD: break;
    }
    c->busy--;
}

/* ---- sending ---- */

void redis_conn_write(struct redis_conn *c, struct redis_call *call, int64_t until_ms) {
    call->until_ms = until_ms;
    call->begins_at = c->sent;
    if (bufferevent_write(c->bev, call->wire, call->wire_len) != 0) {
        call->until_ms = 0; // half of it may be there: nothing can follow
    }
    c->sent += call->wire_len;
    redis_calls_add(&c->calls, call);
    if (call->until_ms == 0) {
        redis_conn_fail(c, REDIS_UNREACHABLE, -ENOMEM, "out of memory");
    } else if (until_ms < INT64_MAX) {
        set_deadline(c, until_ms);
    }
}

int redis_conn_send(struct redis_conn *c, struct redis_call *call, int64_t until_ms) {
    if (c->state != CONN_UP) {
        return -ENOTCONN;
    }
    if (c->calls.count == REDIS_CONN_CALLS_MAX ||
        call->wire_len > REDIS_CONN_BYTES_MAX - c->calls.bytes) {
        return -EBUSY;
    }
    redis_conn_write(c, call, until_ms);
    return 0;
}

/* ---- replies ---- */

static bool is_push(const struct redis_conn *c, const struct redis_reply *r) {
    return c->subscribed && redis_reply_says(redis_reply_at(r, 0), "message");
}

static void unasked(struct redis_conn *c, const struct redis_reply *r) {
    struct redis_answer answer = {.fate = REDIS_ANSWERED, .reply = r};
    char words[160];
    redis_answer_words(&answer, words, sizeof words);
    bool is_error = redis_reply_is(r, REDIS_ERROR);
    redis_conn_fail(c, is_error ? redis_class_of(r->text) : REDIS_PROTOCOL, -EPROTO,
                    "a reply that nothing asked for%s%s", is_error ? ": " : "",
                    is_error ? words : "");
}

/* A master that has become a replica: whoever comes next asks the new one. */
static void check_readonly(struct redis_conn *c, enum redis_class class) {
    if (class == REDIS_READONLY && c->state == CONN_UP && !c->config.any_role) {
        redis_conn_fail(c, REDIS_READONLY, -EROFS,
                        "this server has become a replica and takes no writes");
    }
}

static void deliver(struct redis_conn *c, const struct redis_reply *r) {
    if (is_push(c, r)) {
        if (c->events.push != NULL) {
            c->events.push(c->events.arg, r);
        }
        return;
    }
    struct redis_call *call = redis_calls_take(&c->calls);
    if (call == NULL) {
        unasked(c, r);
        return;
    }
    enum redis_class class = redis_reply_is(r, REDIS_ERROR) ? redis_class_of(r->text) : REDIS_FINE;
    c->subscribed = c->subscribed || (call->subscribes && class == REDIS_FINE);
    call->done(call, &(struct redis_answer){.fate = REDIS_ANSWERED, .class = class, .reply = r});
    check_readonly(c, class);
}

/* All whole replies in `input`. */
static void read_bytes(struct redis_conn *c, struct bytes input) {
    const struct redis_reply *reply;
    struct err e = {.code = 0};
    int r = 1;
    while (c->state != CONN_DEAD && (r = redis_reader_next(c->reader, &input, &reply, &e)) == 1) {
        deliver(c, reply);
    }
    if (r < 0) {
        redis_conn_fail(c, REDIS_PROTOCOL, r, "%s", e.msg);
    }
}

static void read_buffer(struct redis_conn *c) {
    struct evbuffer *in = bufferevent_get_input(c->bev);
    struct evbuffer_iovec part;
    c->heard_ms = now_ms(c);
    while (c->state != CONN_DEAD && evbuffer_peek(in, -1, NULL, &part, 1) > 0 && part.iov_len > 0) {
        read_bytes(c, (struct bytes){part.iov_base, part.iov_len});
        (void)evbuffer_drain(in, part.iov_len);
    }
}

static void on_read(struct bufferevent *bev, void *arg) {
    struct redis_conn *c = arg;
    (void)bev;
    c->busy++;
    read_buffer(c);
    c->busy--;
}

/* ---- what happens to the bufferevent ---- */

/* A failed write comes before what the server said last ("max number of clients") is read. */
static void read_last_words(struct redis_conn *c) {
    char words[4096];
    ssize_t n = c->config.tls != NULL ? 0 : recv(bufferevent_getfd(c->bev), words, sizeof words, 0);
    if (n > 0) {
        read_bytes(c, (struct bytes){words, (size_t)n});
    }
}

/* What an end before the first answer often means. */
static const char *hint(const struct redis_conn *c) {
    if (c->state != CONN_GREETING || c->config.address->path[0] != '\0') {
        return "";
    }
    return c->config.tls != NULL ? "; if it wants a client certificate, name one in store.tls.cert"
                                 : "; does it speak TLS on this port? then use rediss://";
}

static void cut(struct redis_conn *c, short what, int cause) {
    struct err e = {.code = 0};
    if (c->config.tls != NULL && redis_tls_failure(c->bev, c->config.address->host, &e) != 0) {
        redis_conn_fail(c, REDIS_TLS, e.code, "%s", e.msg);
        return;
    }
    const char *rest = redis_reader_pending(c->reader) > 0 ? " in the middle of a reply" : "";
    bool ended = (what & BEV_EVENT_EOF) != 0 || cause == 0;
    redis_conn_fail(c, REDIS_UNREACHABLE, ended ? -ECONNRESET : -cause,
                    "the server ended the connection%s%s%s%s%s", rest, ended ? "" : " (",
                    ended ? "" : strerror(cause), ended ? "" : ")", hint(c));
}

static void on_event(struct bufferevent *bev, short what, void *arg) {
    int cause = EVUTIL_SOCKET_ERROR();
    struct redis_conn *c = arg;
    (void)bev;
    c->busy++;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        redis_conn_greet(c);
    } else {
        read_buffer(c);
        if (c->state != CONN_DEAD) {
            read_last_words(c);
        }
        if (c->state != CONN_DEAD) {
            cut(c, what, cause);
        }
    }
    c->busy--;
}

/* ---- the beginning ---- */

static struct bufferevent *wrap(struct redis_conn *c, int fd) {
    if (c->config.tls != NULL) {
        return redis_tls_connect(c->config.tls, c->config.base, fd, c->config.address->host);
    }
    return bufferevent_socket_new(c->config.base, fd,
                                  BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
}

void redis_conn_dialled(struct redis_conn *c, int fd) {
    c->bev = wrap(c, fd);
    if (c->bev == NULL) {
        (void)evutil_closesocket(fd);
        redis_conn_fail(c, REDIS_UNREACHABLE, -ENOMEM, "out of memory");
        return;
    }
    c->heard_ms = now_ms(c);
    bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
    (void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    if (c->config.tls != NULL) {
        redis_conn_enter(c, CONN_TLS);
    } else {
        redis_conn_greet(c);
    }
}

void redis_conn_greeted(struct redis_conn *c) {
    c->state = CONN_UP;
    c->was_up = true;
    timer_cancel(c->config.timers, &c->deadline);
    c->events.up(c->events.arg);
}

struct redis_conn *redis_conn_new(const struct redis_conn_config *config,
                                  const struct redis_conn_events *events,
                                  const struct redis_endpoints *endpoints, struct err *e) {
    struct redis_conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    c->config = *config;
    c->events = *events;
    c->fd = -1;
    if (endpoints != NULL) {
        c->endpoints = *endpoints;
    }
    timer_init(&c->deadline, on_deadline, c);
    c->reap = event_new(config->base, -1, 0, on_reap, c);
    c->reader = redis_reader_new(0, 0);
    if (c->reap == NULL || c->reader == NULL) {
        (void)err_set(e, -ENOMEM, "out of memory");
        destroy(c);
        return NULL;
    }
    redis_conn_enter(c, CONN_DIALLING);
    redis_conn_dial(c);
    return c;
}

const struct redis_calls *redis_conn_open(const struct redis_conn *c) {
    return &c->calls;
}

const struct redis_peer *redis_conn_peer(const struct redis_conn *c) {
    return &c->peer;
}

int64_t redis_conn_heard_ms(const struct redis_conn *c) {
    return c->heard_ms;
}
