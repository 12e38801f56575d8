/* One request and its answer: collecting the parser's pieces, and the life after the answer. */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "net/path.h"
#include "net/server_private.h"

enum { BODY_KEEP = SERVER_BODY_FREE }; // a larger buffer is not kept for the next request

struct exchange *exchange_new(struct conn *c) {
    struct exchange *ex = calloc(1, sizeof *ex);
    if (ex == NULL) {
        return NULL;
    }
    ex->marks = calloc(c->server->config.limits.header_count + 1, sizeof *ex->marks);
    if (ex->marks == NULL) {
        free(ex);
        return NULL;
    }
    ex->server = c->server;
    ex->conn = c;
    return ex;
}

/* ---- the head ---- */

static void begin_value(struct exchange *ex) {
    struct mark *m = &ex->marks[ex->mark_count];
    m->name_len = (uint32_t)ex->head.len - m->name;
    buf_char(&ex->head, '\0');
    m->value = (uint32_t)ex->head.len;
    ex->part = PART_VALUE;
}

static void end_value(struct exchange *ex) {
    struct mark *m = &ex->marks[ex->mark_count++];
    while (ex->head.len > m->value && strchr(" \t", ex->head.data[ex->head.len - 1]) != NULL) {
        ex->head.len--;
    }
    m->value_len = (uint32_t)ex->head.len - m->value;
    buf_char(&ex->head, '\0');
    ex->part = PART_NONE;
}

static void begin_name(struct exchange *ex) {
    if (ex->part == PART_TARGET) {
        buf_char(&ex->head, '\0');
    }
    ex->marks[ex->mark_count].name = (uint32_t)ex->head.len;
    ex->part = PART_NAME;
}

void exchange_piece(struct exchange *ex, enum http1_event event, struct bytes piece) {
    if (event == HTTP1_NAME && ex->part != PART_NAME) {
        begin_name(ex);
    }
    if ((event == HTTP1_VALUE || event == HTTP1_HEADER) && ex->part == PART_NAME) {
        begin_value(ex);
    }
    buf_add(&ex->head, piece.data, piece.len);
    if (event == HTTP1_HEADER) {
        end_value(ex);
    }
}

int exchange_head(struct exchange *ex, const struct http1 *p) {
    struct request *req = &ex->req;
    if (ex->part == PART_TARGET) {
        buf_char(&ex->head, '\0');
        ex->part = PART_NONE;
    }
    struct header *headers = arena_alloc(&req->arena, ex->mark_count * sizeof *headers);
    char *host = arena_str(&req->arena, p->host);
    if (ex->head.failed || headers == NULL || host == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < ex->mark_count; i++) {
        const struct mark *m = &ex->marks[i];
        headers[i].name = (struct bytes){ex->head.data + m->name, m->name_len};
        headers[i].value = (struct bytes){ex->head.data + m->value, m->value_len};
    }
    req->method = http1_method_names[p->method];
    req->target = ex->head.data;
    req->headers = headers;
    req->header_count = ex->mark_count;
    req->host = host;
    req->has_body = p->chunked || p->length > 0;
    req->announced = p->chunked ? 0 : p->length;
    req->admin = ex->conn->visitor.admin;
    req->mistrusted = ex->conn->visitor.mistrusted;
    req->peer_uid = ex->conn->visitor.uid;
    req->peer = ex->conn->visitor.text;
    req->certificate =
        ex->conn->visitor.certificate[0] == '\0' ? NULL : ex->conn->visitor.certificate;
    return path_split(&req->arena, req->target, &req->path, &req->path_count, &req->query);
}

bool exchange_forwarded(struct exchange *ex) {
    struct server *s = ex->server;
    struct request *req = &ex->req;
    struct ip ip;
    if (!forwarded_for(req, &s->config.proxies, &ip)) {
        return true;
    }
    char *text = arena_alloc(&req->arena, IP_TEXT_MAX);
    ex->peer = peers_enter(&s->peers, &ip, s->config.limits.connections_per_peer);
    if (text != NULL) {
        ip_text(&ip, text);
        req->peer = text;
    }
    return ex->peer != NULL;
}

static void leave_peer(struct exchange *ex) {
    peers_leave(&ex->server->peers, ex->peer);
    ex->peer = NULL;
}

/* ---- the body ---- */

bool exchange_upload(struct exchange *ex) {
    struct server *s = ex->server;
    unsigned most = s->config.limits.uploads;
    if (ex->req.admin) {
        return true;
    }
    ex->upload = most == 0 || s->uploads < most;
    s->uploads += ex->upload;
    return ex->upload;
}

/* Of a body of which so much is held, what counts. */
static uint64_t countable(const struct exchange *ex, uint64_t held) {
    return ex->req.admin || held <= SERVER_BODY_FREE ? 0 : held - SERVER_BODY_FREE;
}

bool exchange_body_fits(const struct exchange *ex, uint64_t length) {
    const struct server *s = ex->server;
    uint64_t others = s->bodies - ex->counted;
    return countable(ex, length) == 0 || others + countable(ex, length) <= s->config.limits.bodies;
}

int request_body_hold(struct request *req, size_t len) {
    struct exchange *ex = CONTAINER_OF(req, struct exchange, req);
    if (ex->server == NULL || !exchange_body_fits(ex, ex->held + len)) {
        return -ENOBUFS;
    }
    ex->held += len;
    ex->server->bodies += countable(ex, ex->held) - ex->counted;
    ex->counted = countable(ex, ex->held);
    return 0;
}

static void let_body_go(struct exchange *ex) {
    if (ex->server != NULL) {
        ex->server->bodies -= ex->counted;
        ex->server->uploads -= ex->upload;
    }
    ex->held = ex->counted = 0;
    ex->upload = false;
}

int exchange_body(struct exchange *ex, struct bytes piece) {
    ex->body_size += piece.len;
    if (ex->body_piece != NULL) {
        return ex->body_piece(&ex->req, piece);
    }
    int r = request_body_hold(&ex->req, piece.len);
    if (r != 0) {
        return r;
    }
    buf_add(&ex->body, piece.data, piece.len);
    return ex->body.failed ? -ENOMEM : 0;
}

void exchange_body_end(struct exchange *ex) {
    const void *data = ex->body_piece != NULL || ex->body.len == 0 ? NULL : ex->body.data;
    ex->req.body = (struct bytes){data, (size_t)ex->body_size};
}

/* ---- the end ---- */

static void call_done(struct exchange *ex) {
    void (*done)(struct request *, void *) = ex->req.done;
    ex->req.done = NULL;
    if (done != NULL) {
        done(&ex->req, ex->req.done_arg);
    }
}

void exchange_recycle(struct exchange *ex) {
    call_done(ex);
    leave_peer(ex);
    let_body_go(ex);
    file_reader_free(&ex->file);
    struct arena arena = ex->req.arena;
    arena_reset(&arena);
    ex->req = (struct request){.arena = arena};
    buf_clear(&ex->head);
    buf_clear(&ex->extra);
    if (ex->body.cap > BODY_KEEP) {
        buf_free(&ex->body);
    }
    buf_clear(&ex->body);
    ex->body_size = 0;
    ex->body_piece = NULL;
    ex->ends_with_drain = false;
    ex->mark_count = 0;
    ex->part = PART_TARGET;
    ex->answer = ANSWER_NONE;
    ex->bad_header = false;
    ex->has_coding = false;
    buf_free(&ex->content);
    respond_gzip_end(ex);
    ex->chunked = false;
    ex->file_at = ex->file_left = 0;
}

void exchange_free(struct exchange *ex) {
    if (ex == NULL) {
        return;
    }
    call_done(ex);
    leave_peer(ex);
    let_body_go(ex);
    file_reader_free(&ex->file);
    buf_free(&ex->content);
    respond_gzip_end(ex);
    arena_free(&ex->req.arena);
    buf_free(&ex->head);
    buf_free(&ex->extra);
    buf_free(&ex->body);
    free(ex->marks);
    free(ex);
}

static void orphans_remove(struct exchange *ex) {
    struct exchange **at = &ex->server->orphans;
    while (*at != ex) {
        at = &(*at)->next;
    }
    *at = ex->next;
}

void exchange_orphan(struct exchange *ex) {
    ex->conn = NULL;
    ex->req.peer = "gone";
    ex->req.certificate = NULL;
    ex->next = ex->server->orphans;
    ex->server->orphans = ex;
}

void exchange_discard(struct exchange *ex) {
    orphans_remove(ex);
    ex->next = ex->server->ended;
    ex->server->ended = ex;
    event_active(ex->server->reaper, 0, 0);
}
