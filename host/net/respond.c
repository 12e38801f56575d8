/* Answers: whole ones, errors, streams. Everything that becomes a header line passes through
 * here. */
#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "net/server_private.h"

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

static const char *reason_of(int status) {
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Status";
}

/* ---- header lines ---- */

static bool header_clean(const char *text) {
    return strpbrk(text, "\r\n") == NULL; // a C string has no NUL to worry about
}

/* "Sat, 21 Nov 2026 10:00:00 GMT", made once a second. */
static const char *server_date(struct server *s) {
    int64_t now = env_wall_ms(s->env) / 1000;
    if (now != s->date_s) {
        static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        time_t t = (time_t)now;
        struct tm tm = {0};
        (void)gmtime_r(&t, &tm);
        (void)snprintf(s->date, sizeof s->date, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                       days[tm.tm_wday % 7], tm.tm_mday % 100, months[tm.tm_mon % 12],
                       (tm.tm_year + 1900) % 10000, tm.tm_hour % 100, tm.tm_min % 100,
                       tm.tm_sec % 100);
        s->date_s = now;
    }
    return s->date;
}

static void add_head(struct server *s, struct buf *out, int status, const char *content_type) {
    buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, reason_of(status), server_date(s));
    if (content_type != NULL) {
        buf_printf(out, "Content-Type: %s\r\n", content_type);
    }
    buf_str(out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
}

static void add_connection(struct buf *out, const struct conn *c) {
    if (c->close_after) {
        buf_str(out, "Connection: close\r\n");
    } else if (c->parser.minor == 0) {
        buf_str(out, "Connection: keep-alive\r\n");
    }
}

void respond_header(struct request *req, const char *name, const char *value) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    if (!header_clean(name) || !header_clean(value)) {
        ex->bad_header = true;
        return;
    }
    ex->has_coding = ex->has_coding || strcasecmp(name, "Content-Encoding") == 0;
    buf_printf(&ex->extra, "%s: %s\r\n", name, value);
}

/* ---- the way out ---- */

static void log_access(struct exchange *ex) {
    const struct log *log = ex->server->log;
    if (log->level > LOG_LEVEL_DEBUG) {
        return;
    }
    // the query may carry a token
    int path_len = (int)strcspn(ex->req.target, "?");
    log_debug(log, "http.request", "peer=%s method=%s target=%.*s status=%d bytes_in=%zu",
              ex->req.peer, ex->req.method, path_len, ex->req.target, ex->status, ex->req.body.len);
}

static void tell_answered(const struct exchange *ex, int status) {
    const struct server_watch *watch = &ex->server->config.watch;
    if (watch->answered != NULL) {
        watch->answered(watch->arg, &ex->req, status, env_stopwatch_us() - ex->begun_us);
    }
}

/* Starts an answer. NULL: nobody is there to read it, and the exchange is on its way out. */
static struct conn *begin(struct exchange *ex, enum answer_kind kind, int status) {
    ex->answer = kind;
    ex->status = status;
    tell_answered(ex, status);
    if (ex->conn == NULL) {
        exchange_discard(ex); // until `done` a stream may be written to
        return NULL;
    }
    if (ex->conn->phase == CONN_CLOSED) {
        return NULL;
    }
    log_access(ex);
    ex->conn->close_after = connection_must_close(ex->conn);
    buf_clear(&ex->server->scratch);
    return ex->conn;
}

static void send_bytes(struct conn *c, struct bytes b) {
    if (b.len > 0 && bufferevent_write(c->bev, b.data, b.len) != 0) {
        connection_close(c);
    }
}

/* What the socket takes at once needs no second turn of the loop. Returns how much that was; what
 * stands in the way is met again by whoever sends the rest. */
static size_t send_now(const struct conn *c, struct bytes b) {
    if (evbuffer_get_length(bufferevent_get_output(c->bev)) > 0) {
        return 0;
    }
    ssize_t n = send(bufferevent_getfd(c->bev), b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n > 0 ? (size_t)n : 0;
}

static bool is_head(const struct conn *c) {
    return c->parser.method == HTTP1_HEAD_METHOD;
}

/* Sends what is in the scratch buffer, then `body`, as one answer. */
static void send_whole(struct conn *c, struct bytes body) {
    struct buf *out = &c->server->scratch;
    if (out->failed) {
        connection_close(c);
        return;
    }
    connection_write_phase(c, CONN_WRITE);
    if (body.len > 0 && body.len <= 4096) {
        buf_add(out, body.data, body.len);
        body.len = 0;
    }
    size_t sent = c->secure ? 0 : send_now(c, buf_bytes(out));
    send_bytes(c, (struct bytes){out->data + sent, out->len - sent});
    if (c->phase == CONN_WRITE) {
        send_bytes(c, body);
    }
    if (c->phase == CONN_WRITE && sent > 0) {
        connection_answered(c);
    }
}

static void add_length(struct buf *out, uint64_t length) {
    buf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)length);
}

static void send_answer(struct exchange *ex, int status, const char *content_type,
                        struct bytes body) {
    struct conn *c = begin(ex, ANSWER_WHOLE, status);
    if (c == NULL) {
        return;
    }
    bool has_body = status != 204 && status != 304;
    struct buf *out = &c->server->scratch;
    add_head(c->server, out, status, content_type);
    buf_add(out, ex->extra.data, ex->extra.len);
    if (has_body) {
        add_length(out, body.len);
    }
    add_connection(out, c);
    buf_str(out, "\r\n");
    send_whole(c, is_head(c) || !has_body ? (struct bytes){NULL, 0} : body);
}

void respond(struct request *req, int status, const char *content_type, struct bytes body) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    if (ex->bad_header || (content_type != NULL && !header_clean(content_type))) {
        ex->bad_header = false;
        buf_clear(&ex->extra);
        respond_error(req, 500, "bad_header", NULL,
                      "the answer has a header with a line end in it");
        return;
    }
    struct buf packed = {0};
    bool streamed = body.len > RESPOND_GZIP_AT_ONCE;
    if (respond_gzip_wanted(ex, status, content_type, body.len, streamed)) {
        if (streamed && respond_gzip_begin(ex)) {
            respond_packed(req, status, content_type, body);
            return;
        }
        if (!streamed && respond_gzip_at_once(ex, body, &packed)) {
            body = buf_bytes(&packed);
        }
    }
    send_answer(ex, status, content_type, body);
    buf_free(&packed);
}

void respond_pumped(struct request *req, int status, const char *content_type, uint64_t length) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    if (ex->bad_header || !header_clean(content_type)) {
        respond(req, status, content_type, (struct bytes){NULL, 0}); // says what is wrong
        return;
    }
    struct conn *c = begin(ex, ANSWER_PUMPED, status);
    if (c == NULL) {
        return;
    }
    struct buf *out = &c->server->scratch;
    add_head(c->server, out, status, content_type);
    buf_add(out, ex->extra.data, ex->extra.len);
    if (length == RESPOND_CHUNKED) {
        buf_str(out, "Transfer-Encoding: chunked\r\n");
    } else {
        add_length(out, length);
    }
    add_connection(out, c);
    buf_str(out, "\r\n");
    send_whole(c, (struct bytes){NULL, 0});
}

static void error_body(struct buf *out, const char *code, const char *field, const char *message) {
    buf_str(out, "{\"error\":{");
    json_kstr(out, "code", code);
    json_kstr(out, "message", message);
    json_kstr(out, "field", field);
    buf_str(out, "}}\n");
}

void respond_error(struct request *req, int status, const char *code, const char *field,
                   const char *message) {
    struct buf body = {0};
    error_body(&body, code, field, message);
    respond(req, status, "application/json", buf_bytes(&body));
    buf_free(&body);
}

void respond_refusal(struct conn *c, int status, const char *code, const char *message) {
    struct buf body = {0};
    struct buf *out = &c->server->scratch;
    buf_clear(out);
    error_body(&body, code, NULL, message);
    log_debug(c->server->log, "http.refused", "peer=%s status=%d code=%s", c->visitor.text, status,
              code);
    if (c->server->config.watch.refused != NULL) {
        c->server->config.watch.refused(c->server->config.watch.arg, code);
    }
    c->close_after = true;
    c->ex->answer = ANSWER_SENT;
    bufferevent_disable(c->bev, EV_READ);
    add_head(c->server, out, status, "application/json");
    add_length(out, body.len);
    add_connection(out, c);
    buf_str(out, "\r\n");
    send_whole(c, is_head(c) ? (struct bytes){NULL, 0} : buf_bytes(&body));
    buf_free(&body);
}

void respond_last(int fd, int status, const char *code, const char *message) {
    char text[512], body[200], ignored[4096];
    int len = snprintf(body, sizeof body, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}\n",
                       code, message);
    len = snprintf(text, sizeof text,
                   "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/json\r\n%s"
                   "Content-Length: %d\r\n\r\n%s",
                   status, reason_of(status), status == 503 ? "Retry-After: 1\r\n" : "", len, body);
    if (status != 0) {
        (void)send(fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    (void)shutdown(fd, SHUT_WR);
    (void)recv(fd, ignored, sizeof ignored, MSG_DONTWAIT);
}

/* ---- streams ---- */

void respond_stream_begin(struct request *req, int status, const char *content_type) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    struct conn *c = begin(ex, ANSWER_STREAM, status);
    if (c == NULL) {
        return;
    }
    struct buf *out = &c->server->scratch;
    ex->chunked = c->parser.minor > 0;
    c->close_after |= !ex->chunked; // HTTP/1.0: the end of the connection is the end of the stream
    add_head(c->server, out, status, content_type);
    buf_add(out, ex->extra.data, ex->extra.len);
    if (ex->chunked) {
        buf_str(out, "Transfer-Encoding: chunked\r\n");
    }
    add_connection(out, c);
    buf_str(out, "\r\n");
    connection_write_phase(c, CONN_STREAM);
    if (c->phase == CONN_STREAM) {
        connection_read_on(c); // to learn when the peer leaves
        send_bytes(c, buf_bytes(out));
    }
    if (c->phase == CONN_STREAM && is_head(c)) {
        bufferevent_disable(c->bev, EV_READ);
        connection_answered(c);
    }
}

static struct conn *stream_conn(const struct exchange *ex) {
    struct conn *c = ex->conn;
    return c == NULL || c->phase != CONN_STREAM ? NULL : c;
}

int respond_stream(struct request *req, struct bytes chunk) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    struct conn *c = stream_conn(ex);
    if (c == NULL) {
        return -EPIPE;
    }
    if (chunk.len == 0) {
        return 0; // an empty chunk would end the stream
    }
    struct evbuffer *out = bufferevent_get_output(c->bev);
    size_t unsent = evbuffer_get_length(out);
    if (unsent + chunk.len > c->server->config.limits.stream_unsent) {
        return -ENOBUFS;
    }
    if (unsent == 0) {
        connection_write_phase(c, CONN_STREAM); // from now on the peer has something to take
    }
    if (ex->chunked) {
        (void)evbuffer_add_printf(out, "%zx\r\n", chunk.len);
    }
    send_bytes(c, chunk);
    if (ex->chunked && c->phase == CONN_STREAM) {
        send_bytes(c, (struct bytes){"\r\n", 2});
    }
    return c->phase == CONN_STREAM ? 0 : -EPIPE;
}

void respond_stream_end(struct request *req) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    struct conn *c = stream_conn(ex);
    if (c == NULL) {
        return;
    }
    bufferevent_disable(c->bev, EV_READ);
    if (ex->chunked) {
        send_bytes(c, (struct bytes){"0\r\n\r\n", 5});
    }
    if (c->phase == CONN_STREAM) {
        connection_answered(c);
    }
}
