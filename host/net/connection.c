/* A connection: from bytes to requests, from answers to the next request or the end, each phase
 * with its deadline. */
#include <errno.h>
#include <event2/buffer.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/server_private.h"
#include "net/tls.h"

static void connection_advance(struct conn *c);

static int64_t now_ms(const struct conn *c) {
    return env_mono_ms(c->server->env);
}

static const struct server_limits *limits(const struct conn *c) {
    return &c->server->config.limits;
}

/* How much input may wait to be looked at. */
static size_t input_max(const struct server *s) {
    return s->http1.request_line + s->http1.headers;
}

static size_t input_len(const struct conn *c) {
    return evbuffer_get_length(bufferevent_get_input(c->bev));
}

/* What comes behind a request that is not answered yet waits in the input, up to a bound: on a plain
 * connection that is the bufferevent's watermark. Under TLS it would stop within a record, and then
 * wait for a socket that has no more to say; so reading stops here, between two. */
static bool input_full(const struct conn *c) {
    return c->secure && input_len(c) >= input_max(c->server);
}

void connection_read_on(struct conn *c) {
    if (!input_full(c)) {
        bufferevent_enable(c->bev, EV_READ);
    }
}

static bool draining(const struct conn *c) {
    return c->server->draining || (c->server->draining_public && !c->visitor.admin);
}

/* ---- phases and their deadlines ---- */

static void enter(struct conn *c, enum connection_phase phase, int64_t wait_ms) {
    c->phase = phase;
    if (wait_ms == 0) {
        timer_cancel(c->server->timers, &c->deadline);
    } else if (timer_set(c->server->timers, &c->deadline, now_ms(c) + wait_ms) != 0) {
        connection_close(c); // without a deadline it could stay for ever
    }
}

/* How long a streamed body may take by what has arrived of it. */
static int64_t upload_wait_ms(const struct conn *c) {
    uint64_t earned = c->ex->body_size * 1000 / limits(c)->upload_rate;
    int64_t most = limits(c)->upload_ms, least = limits(c)->body_ms;
    return earned >= (uint64_t)(most - least) ? most : least + (int64_t)earned;
}

/* A body may take body_ms. One that may be larger than what that was made for earns more by what
 * has arrived of it. */
static int64_t body_wait_ms(const struct conn *c) {
    if (c->ex->body_piece != NULL) {
        return upload_wait_ms(c);
    }
    const struct http1 *p = &c->parser;
    uint64_t size = p->chunked ? p->body_max : p->length;
    uint64_t earned = size > SERVER_BODY_SMALL ? c->ex->body_size * 1000 / SERVER_BODY_RATE : 0;
    return limits(c)->body_ms + (int64_t)earned;
}

static void await_body(struct conn *c) {
    if (c->phase != CONN_BODY) {
        c->body_since_ms = now_ms(c);
        enter(c, CONN_BODY, body_wait_ms(c));
    }
    if (c->behind && c->phase == CONN_BODY) {
        enter(c, CONN_BODY, 0);
    }
}

/* The end of all input so far: which deadline holds while more is awaited. */
static void await_input(struct conn *c, bool in_body) {
    if (c->peer_ended && !c->behind) {
        connection_close(c);
        return;
    }
    if (c->want_continue) {
        static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
        c->want_continue = false;
        (void)bufferevent_write(c->bev, text, sizeof text - 1);
    }
    if (!c->behind) {
        connection_read_on(c); // it may have been stopped while there was enough
    }
    if (in_body) {
        await_body(c);
    } else if (c->phase == CONN_IDLE && c->parser.consumed > 0) {
        enter(c, CONN_HEAD, limits(c)->header_ms);
    }
}

/* The answer has left: half-closes and reads on for a while, because closing with unread input
 * would reset the connection and may take the answer away from the peer. */
static void linger(struct conn *c) {
    evutil_socket_t fd = bufferevent_getfd(c->bev);
    if (c->secure) {
        tls_say_goodbye(c->bev);
    }
    if (c->peer_ended || shutdown(fd, SHUT_WR) == -1) {
        connection_close(c);
        return;
    }
    enter(c, CONN_LINGER, SERVER_LINGER_MS);
    if (c->phase == CONN_LINGER) {
        bufferevent_enable(c->bev, EV_READ);
        connection_advance(c);
    }
}

static void linger_read(struct conn *c) {
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t n = evbuffer_get_length(in);
    c->lingered += n;
    (void)evbuffer_drain(in, n);
    if (c->lingered >= SERVER_LINGER_BYTES) {
        connection_close(c);
    }
}

static void next_request(struct conn *c) {
    exchange_recycle(c->ex);
    if (c->close_after || draining(c)) {
        linger(c);
        return;
    }
    http1_reset(&c->parser);
    c->complete = false;
    c->behind = false;
    enter(c, CONN_IDLE, limits(c)->idle_ms);
    if (c->phase == CONN_IDLE) {
        connection_read_on(c);
        connection_advance(c); // what came behind the last request
    }
    if (c->server->parked && connection_is_quiet(c)) {
        bufferevent_disable(c->bev, EV_READ);
    }
}

/* The deadline of an answer is a stall, not a length: it moves with every byte that the peer
 * takes. */
static void check_stall(struct conn *c) {
    if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0) {
        c->progress_ms = now_ms(c); // a stream with nothing to say
    }
    int64_t left = c->progress_ms + limits(c)->write_ms - now_ms(c);
    if (left <= 0) {
        connection_close(c);
    } else {
        enter(c, c->phase, left);
    }
}

/* A large body earns its time by what has arrived. */
static void check_body(struct conn *c) {
    int64_t left = c->body_since_ms + body_wait_ms(c) - now_ms(c);
    if (left <= 0) {
        respond_refusal(c, 408, "slow_request", "the request's body did not arrive in time");
    } else {
        enter(c, CONN_BODY, left);
    }
}

static void on_deadline(struct timer *t, void *arg) {
    (void)t;
    struct conn *c = arg;
    switch (c->phase) {
    case CONN_WRITE:
    case CONN_STREAM: check_stall(c); break;
    case CONN_HEAD:
        if (http1_started(&c->parser)) {
            respond_refusal(c, 408, "slow_request", "the request did not arrive in time");
        } else {
            connection_close(c);
        }
        break;
    case CONN_BODY: check_body(c); break;
    default: connection_close(c);
    }
}

void connection_write_phase(struct conn *c, enum connection_phase phase) {
    c->progress_ms = now_ms(c);
    enter(c, phase, limits(c)->write_ms);
}

/* ---- to another process ---- */

bool connection_is_quiet(const struct conn *c) {
    bool between = c->phase == CONN_IDLE || c->phase == CONN_HEAD;
    return between && !c->secure && !c->peer_ended && !c->answered && c->parser.consumed == 0 &&
           input_len(c) == 0 && evbuffer_get_length(bufferevent_get_output(c->bev)) == 0;
}

void connection_park(struct conn *c) {
    if (c->phase == CONN_STREAM) {
        respond_stream_end(&c->ex->req);
    } else if (connection_is_quiet(c)) {
        bufferevent_disable(c->bev, EV_READ);
    } else if (c->secure && c->phase == CONN_IDLE && input_len(c) == 0) {
        connection_close(c);
    }
}

void connection_unpark(struct conn *c) {
    if (connection_is_quiet(c)) {
        connection_read_on(c);
    }
}

void connection_park_late(struct conn *c) {
    bool nothing_yet = c->parser.consumed == 0 && input_len(c) == 0;
    if (c->phase == CONN_LINGER || c->phase == CONN_HANDSHAKE || (c->secure && nothing_yet)) {
        connection_close(c);
    } else if ((c->phase == CONN_HEAD || c->phase == CONN_BODY) && !connection_is_quiet(c)) {
        respond_refusal(c, 503, "upgrading", "the host is being replaced; send it again");
    }
}

bool connection_must_close(const struct conn *c) {
    bool unread = !c->complete && c->ex->req.has_body;
    bool leaves = draining(c) || (c->server->parked && c->secure);
    if (!c->parser.keep_alive || unread || c->close_after || leaves) {
        return true;
    }
    // a connection's life is bounded for the sake of balancers and slow attackers: none comes in by
    // the admin door
    unsigned requests = limits(c)->requests_per_connection;
    int64_t age_ms = limits(c)->connection_age_ms;
    return !c->visitor.admin && ((requests != 0 && c->requests >= requests) ||
                                 (age_ms != 0 && now_ms(c) - c->born_ms >= age_ms));
}

/* ---- reading requests ---- */

static void refuse(struct conn *c, enum http1_error error) {
    const struct http1_error_row *row = &http1_error_rows[error];
    respond_refusal(c, row->status, row->code, row->message);
}

static void refuse_body(struct request *req, const char *code, const char *message) {
    respond_header(req, "Retry-After", "1");
    respond_error(req, 503, code, NULL, message);
}

static bool reading(const struct conn *c) {
    return c->phase == CONN_IDLE || c->phase == CONN_HEAD || c->phase == CONN_BODY;
}

static void fall_behind(struct conn *c) {
    c->behind = true;
    c->behind_since_ms = now_ms(c);
    bufferevent_disable(c->bev, EV_READ);
}

static void ask_admission(struct conn *c) {
    struct server_config *config = &c->server->config;
    struct request_body body = {.limit = limits(c)->body};
    if (config->admit != NULL) {
        config->admit(&c->ex->req, &body, config->arg);
    }
    if (body.hold && reading(c)) {
        fall_behind(c);
        return;
    }
    c->parser.body_max = body.limit;
    c->ex->body_piece = body.piece;
    c->ex->ends_with_drain = body.ends_with_drain;
    if (reading(c) && body.piece != NULL && !exchange_upload(c->ex)) {
        refuse_body(&c->ex->req, "too_many_uploads", SERVER_NO_UPLOAD);
    }
    bool held = reading(c) && body.piece == NULL && !c->parser.chunked;
    if (held && c->parser.length <= body.limit && !exchange_body_fits(c->ex, c->parser.length)) {
        refuse_body(&c->ex->req, "too_many_bodies", SERVER_NO_ROOM);
    }
    c->want_continue = reading(c) && c->parser.expect_continue; // an answer is all there will be
}

static void head_complete(struct conn *c) {
    int r = exchange_head(c->ex, &c->parser);
    if (r != 0) {
        respond_refusal(c, r == -EINVAL ? 400 : 503, r == -EINVAL ? "bad_path" : "out_of_memory",
                        r == -EINVAL ? "the path leads above its root" : "try again later");
        return;
    }
    c->requests++;
    c->ex->begun_us = env_stopwatch_us();
    if (c->visitor.proxy && !exchange_forwarded(c->ex)) {
        respond_header(&c->ex->req, "Retry-After", "1");
        respond_error(&c->ex->req, 503, "too_many_connections", NULL, "try again in a moment");
        return;
    }
    ask_admission(c);
}

static void request_complete(struct conn *c) {
    c->complete = true;
    c->want_continue = false;
    exchange_body_end(c->ex);
    enter(c, CONN_HANDLE, 0);
    c->ex->begun_us = env_stopwatch_us();
    c->server->config.handle(&c->ex->req, c->server->config.arg);
}

/* False: nothing more is read for now. */
static bool take_body(struct conn *c, struct bytes piece) {
    c->want_continue = false;
    int r = exchange_body(c->ex, piece);
    if (r == BODY_BEHIND && reading(c)) {
        fall_behind(c);
    } else if (r == -ENOBUFS && c->ex->body_piece == NULL) {
        refuse_body(&c->ex->req, "too_many_bodies", SERVER_NO_ROOM);
    } else if (r < 0) {
        respond_refusal(c, 503, "out_of_memory", "there is no memory left for the body");
    }
    return r == 0 && reading(c);
}

/* It reads again; the time in between is not held against the peer. */
static void catch_up(struct conn *c) {
    c->body_since_ms += now_ms(c) - c->behind_since_ms;
    check_body(c);
    if (c->phase == CONN_BODY) {
        connection_read_on(c);
        bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
    }
}

void request_body_resume(struct request *req) {
    struct conn *c = CONTAINER_OF(req, struct exchange, req)->conn;
    if (c == NULL || !c->behind) {
        return;
    }
    c->behind = false;
    if (c->phase == CONN_BODY) {
        catch_up(c);
    }
}

void request_admit_again(struct request *req) {
    struct conn *c = CONTAINER_OF(req, struct exchange, req)->conn;
    if (c == NULL || !c->behind || !reading(c)) {
        return;
    }
    c->behind = false;
    ask_admission(c);
    if (c->phase == CONN_BODY && !c->behind) {
        catch_up(c);
    }
}

/* Feeds one contiguous run of input to the parser; returns the event that ended it: MORE, HEAD, END
 * or ERROR. */
static enum http1_event feed(struct conn *c, struct bytes *input) {
    for (;;) {
        struct bytes piece;
        enum http1_event event = http1_next(&c->parser, input, &piece);
        switch (event) {
        case HTTP1_TARGET:
        case HTTP1_NAME:
        case HTTP1_VALUE:
        case HTTP1_HEADER: exchange_piece(c->ex, event, piece); break;
        case HTTP1_BODY:
            if (!take_body(c, piece)) {
                return HTTP1_MORE;
            }
            break;
        default: return event;
        }
    }
}

/* One run of input. False when there is no more, or the connection has left the reading phases. */
static bool advance_once(struct conn *c) {
    struct evbuffer *in = bufferevent_get_input(c->bev);
    struct evbuffer_iovec run = {NULL, 0};
    (void)evbuffer_peek(in, -1, NULL, &run, 1);
    struct bytes input = {run.iov_base, run.iov_len};
    enum http1_event event = feed(c, &input);
    (void)evbuffer_drain(in, run.iov_len - input.len);
    switch (event) {
    case HTTP1_HEAD: head_complete(c); return reading(c) && !c->behind;
    case HTTP1_END: request_complete(c); return false;
    case HTTP1_ERROR: refuse(c, c->parser.error); return false;
    default: return reading(c) && !c->behind && evbuffer_get_length(in) > 0;
    }
}

static void connection_advance(struct conn *c) {
    if (c->phase == CONN_LINGER) {
        linger_read(c);
        return;
    }
    if (!reading(c) || c->behind) {
        if (input_full(c)) {
            bufferevent_disable(c->bev, EV_READ);
        }
        return;
    }
    if (c->ex == NULL) {
        c->ex = exchange_new(c);
        if (c->ex == NULL) {
            connection_close(c);
            return;
        }
    }
    bool more = true;
    while (more) {
        more = advance_once(c);
    }
    if (reading(c)) {
        await_input(c, c->ex->req.method != NULL);
    }
}

/* ---- the bufferevent's callbacks ---- */

static void on_read(struct bufferevent *bev, void *arg) {
    (void)bev;
    connection_advance(arg);
}

/* The output is empty (or low, for a file). */
static void on_write(struct bufferevent *bev, void *arg) {
    struct conn *c = arg;
    if (c->phase != CONN_WRITE) {
        return;
    }
    if (respond_pump(c->ex)) {
        return;
    }
    if (c->phase == CONN_WRITE && evbuffer_get_length(bufferevent_get_output(bev)) == 0) {
        next_request(c);
    }
}

/* A handshake that came to nothing. Who speaks plain HTTP is told so. */
static void refuse_handshake(struct conn *c) {
    bool plain = tls_was_plain_http(c->bev);
    log_debug(c->server->log, "http.handshake_failed", "peer=%s plain_http=%d", c->visitor.text,
              plain);
    respond_last(bufferevent_getfd(c->bev), plain ? 400 : 0, "https_only",
                 "this address is served by HTTPS");
    connection_close(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg) {
    struct conn *c = arg;
    if (c->phase == CONN_CLOSED) {
        return;
    }
    log_debug(c->server->log, "http.event", "peer=%s phase=%d what=%#x unsent=%zu", c->visitor.text,
              (int)c->phase, (unsigned)what, evbuffer_get_length(bufferevent_get_output(bev)));
    if (what & BEV_EVENT_CONNECTED) {
        tls_peer_name(bev, c->visitor.certificate, sizeof c->visitor.certificate);
        enter(c, CONN_HEAD, limits(c)->header_ms);
        return;
    }
    if (c->phase == CONN_HANDSHAKE) {
        refuse_handshake(c);
        return;
    }
    if ((what & BEV_EVENT_EOF) == 0) {
        connection_close(c);
        return;
    }
    c->peer_ended = true;
    // A peer that has only shut down its side still reads what was under way.
    struct pollfd p = {.fd = bufferevent_getfd(bev), .events = 0};
    bool gone = poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
    bool busy = c->phase == CONN_HANDLE || c->phase == CONN_WRITE || c->phase == CONN_STREAM;
    if (gone || !(busy || c->behind)) {
        connection_close(c);
    } else {
        bufferevent_enable(bev, EV_WRITE); // TLS has stopped both ways
    }
}

static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg) {
    (void)out;
    struct conn *c = arg;
    if (info->n_deleted > 0) {
        c->progress_ms = now_ms(c);
    }
}

/* ---- life ---- */

void connection_answered(struct conn *c) {
    c->phase = CONN_WRITE;
    // all of it has left already: bufferevent has nothing to tell
    if (!c->answered && evbuffer_get_length(bufferevent_get_output(c->bev)) == 0) {
        c->answered = true;
        c->answered_next = c->server->answered;
        c->server->answered = c;
        event_active(c->server->reaper, 0, 0);
    }
}

void connection_go_on(struct conn *c) {
    c->answered = false;
    on_write(c->bev, c);
}

static void forget_answered(struct conn *c) {
    struct conn **at = &c->server->answered;
    while (c->answered && *at != c) {
        at = &(*at)->answered_next;
    }
    if (c->answered) {
        *at = c->answered_next;
    }
}

int connection_open(struct server *s, int fd, const struct visitor *visitor, struct tls *tls) {
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return -ENOMEM;
    }
    c->bev = tls != NULL ? tls_accept(tls, s->base, fd)
                         : bufferevent_socket_new(s->base, fd,
                                                  BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (c->bev == NULL) {
        free(c);
        return -ENOMEM;
    }
    c->server = s;
    c->visitor = *visitor;
    c->secure = tls != NULL;
    c->born_ms = now_ms(c);
    http1_init(&c->parser, &s->http1);
    timer_init(&c->deadline, on_deadline, c);
    c->next = s->live;
    c->prev = &s->live;
    if (c->next != NULL) {
        c->next->prev = &c->next;
    }
    s->live = c;
    s->live_count++;
    s->public_count += !visitor->admin;
    if (s->config.watch.connected != NULL) {
        s->config.watch.connected(s->config.watch.arg);
    }
    bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
    (void)evbuffer_add_cb(bufferevent_get_output(c->bev), on_output, c);
    if (!c->secure) { // else: input_full()
        bufferevent_setwatermark(c->bev, EV_READ, 0, input_max(s));
    }
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    enter(c, c->secure ? CONN_HANDSHAKE : CONN_HEAD,
          c->secure ? s->config.limits.handshake_ms : s->config.limits.header_ms);
    return 0;
}

void connection_close(struct conn *c) {
    if (c->phase == CONN_CLOSED) {
        return;
    }
    struct server *s = c->server;
    if (c->secure) {
        tls_say_goodbye(c->bev);
    }
    c->phase = CONN_CLOSED;
    timer_cancel(s->timers, &c->deadline);
    bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    *c->prev = c->next;
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    c->next = s->dead;
    s->dead = c;
    s->live_count--;
    s->public_count -= !c->visitor.admin;
    peers_leave(&s->peers, c->visitor.peer);
    event_active(s->reaper, 0, 0);
    server_conn_gone(s);
}

void connection_free(struct conn *c) {
    forget_answered(c);
    bufferevent_free(c->bev);
    if (c->ex != NULL && c->ex->req.method != NULL && c->ex->answer == ANSWER_NONE && c->complete) {
        exchange_orphan(c->ex);
    } else {
        exchange_free(c->ex);
    }
    free(c);
}
