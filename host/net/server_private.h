/* Shared by the server's files. Who owns what:
 *
 *     server ─▶ listeners, connections (live list, dead list), ended exchanges
 *     conn   ─▶ bufferevent, parser, deadline, one exchange (kept for the next request)
 *     exchange ─▶ one request and its answer; outlives its connection until it is answered
 *
 * A connection or exchange is never freed inside a callback of its own: it is put on a list, and
 * the reaper event frees it. */
#ifndef JOBHOST_NET_SERVER_PRIVATE_H
#define JOBHOST_NET_SERVER_PRIVATE_H

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/types.h>

#include "base/timer.h"
#include "net/file_reader.h"
#include "net/http1.h"
#include "net/peers.h"
#include "net/server.h"

enum { SERVER_LISTEN_MAX = 20, PEER_TEXT_MAX = IP_TEXT_MAX };

enum connection_phase {
    CONN_HANDSHAKE, /* TLS                                                       */
    CONN_IDLE,      /* between requests                                             */
    CONN_HEAD,      /* a request has begun (or the connection has just been made)   */
    CONN_BODY,      /* its head is complete                                         */
    CONN_HANDLE,    /* the handler has it; nothing is read                          */
    CONN_WRITE,     /* the answer is on its way                                     */
    CONN_STREAM,    /* the answer is a stream that has not ended                    */
    CONN_LINGER,    /* answered and shut down; reading what the peer still sends    */
    CONN_CLOSED,
};

/* Who has come in, and by which door. */
struct listener;
struct visitor {
    const struct listener *door;
    bool admin;
    bool mistrusted;
    uint32_t uid;      /* unix socket; else UINT32_MAX */
    bool proxy;        /* speaks for others            */
    struct peer *peer; /* NULL: not counted            */
    char text[PEER_TEXT_MAX];
    char certificate[SERVER_CERTIFICATE_MAX +
                     1]; /* TLS: the name in the client's; "" = it has none */
};

struct conn {
    struct server *server;
    struct bufferevent *bev;
    struct exchange *ex; /* the request under way, or an unused one; NULL until the first */
    struct http1 parser;
    enum connection_phase phase;
    struct timer deadline;
    int64_t born_ms;
    int64_t progress_ms; /* when the peer last took a byte of the answer */
    unsigned requests;
    bool complete;         /* the request under way has been read to its end */
    bool behind;           /* nothing is read: what takes the body has enough for now */
    int64_t body_since_ms; /* when it began to arrive, pauses taken out */
    int64_t behind_since_ms;
    bool want_continue; /* before more of the body is awaited; never once there is an answer */
    bool close_after;
    bool peer_ended; /* end of file was read */
    size_t lingered;
    struct visitor visitor;
    bool secure; /* bev speaks TLS */
    struct conn *next, **prev;
    bool answered; /* is in server.answered */
    struct conn *answered_next;
};

struct mark {
    uint32_t name, name_len, value, value_len; /* offsets into exchange.head */
};

enum answer_kind { ANSWER_NONE, ANSWER_WHOLE, ANSWER_PUMPED, ANSWER_STREAM, ANSWER_SENT };

struct exchange {
    struct request req;
    struct server *server;
    struct conn *conn;     /* NULL: gone meanwhile                          */
    struct exchange *next; /* in server.ended                               */
    /* the request */
    struct peer *peer; /* for whom a proxy asks; NULL: not counted */
    struct buf head;   /* target, names and values, each with its NUL  */
    struct buf body;
    struct mark *marks; /* limits.header_count of them                   */
    size_t mark_count;
    enum { PART_TARGET, PART_NONE, PART_NAME, PART_VALUE } part;
    uint64_t body_size;
    uint64_t held;    /* of the body in memory */
    uint64_t counted; /* ... of which are counted in server.bodies */
    int64_t begun_us; /* when its head, then its body, was complete */
    int (*body_piece)(struct request *req, struct bytes piece); /* NULL: `body` takes it */
    bool ends_with_drain;
    bool upload; /* is counted in server.uploads */
    /* the answer */
    enum answer_kind answer;
    int status;
    struct buf extra; /* header lines added by the handler             */
    bool bad_header;
    bool has_coding; /* the handler has set Content-Encoding itself */
    bool chunked;
    struct file_reader *file; /* what ANSWER_PUMPED delivers; NULL: `content` */
    struct buf content;
    uint64_t file_at, file_left;
    struct gzip *gzip; /* NULL: as it is */
};

struct listener {
    struct server *server;
    struct evconnlistener *lev;
    bool admin, resting;
    struct tls *tls; /* NULL: plain */
    char *url;
    char *unix_path; /* NULL: TCP */
    dev_t unix_dev;
    ino_t unix_ino;
};

struct server {
    struct event_base *base;
    struct timers *timers;
    const struct env *env;
    const struct log *log;
    struct server_config config;
    struct http1_limits http1;
    struct listener listeners[SERVER_LISTEN_MAX];
    unsigned listener_count;
    bool full;    /* public connections are at their cap: public listeners rest  */
    bool few_fds; /* few descriptors are left: public listeners rest for a while */
    bool no_fds;  /* none are: all listeners rest for a while                    */
    bool held;    /* by server_hold()                                            */
    bool parked;  /* by server_park()                                            */
    int fd_max;   /* no public connection gets a descriptor from this number on  */
    bool draining, draining_public;
    struct timer wake; /* ends a rest for want of descriptors */
    int spare_fd;
    struct peers peers;
    struct conn *live, *dead;
    unsigned live_count, public_count; /* all; those that came in by a public door */
    struct exchange *ended;
    struct exchange *orphans; /* unanswered, connection gone */
    struct conn *answered;    /* whose answers have left: go on when the handlers have returned */
    struct event *reaper;
    int64_t date_s; /* second that `date` shows */
    char date[40];
    unsigned gzip_streams;
    unsigned uploads; /* as limits.uploads */
    uint64_t bodies;  /* bytes, as limits.bodies */
    struct buf scratch;
};

/* conn.c */
/* 0; -ENOMEM: `fd` stays the caller's. */
int connection_open(struct server *s, int fd, const struct visitor *visitor, struct tls *tls);
/* The answer (or its last part) has been put into the output: what comes when it has left. */
void connection_answered(struct conn *c);
/* Begins an answer: turns to `phase` and watches the peer take it. */
void connection_write_phase(struct conn *c, enum connection_phase phase);
/* Reading goes on, unless enough waits to be looked at. */
void connection_read_on(struct conn *c);
void connection_close(struct conn *c);
bool connection_must_close(const struct conn *c);
/* Between two requests, or before the first, and nothing of the next one has been read: another
 * process could go on with it. */
bool connection_is_quiet(const struct conn *c);
/* The server is parked: what is quiet reads no more. */
void connection_park(struct conn *c);
void connection_unpark(struct conn *c);
/* It had its time: what has begun to send is told to come again. */
void connection_park_late(struct conn *c);
/* [reaper] */
void connection_go_on(struct conn *c);
void connection_free(struct conn *c);

/* exchange.c */
struct exchange *exchange_new(struct conn *c);
void exchange_piece(struct exchange *ex, enum http1_event event, struct bytes piece);
/* The head is complete: fills in the request. 0, -EINVAL for a path above the root, -ENOMEM. */
int exchange_head(struct exchange *ex, const struct http1 *p);
/* Finds out for whom a proxy asks, and counts it. False: there are too many of its requests. */
bool exchange_forwarded(struct exchange *ex);
/* The body is an upload. False: there are as many as may be. */
bool exchange_upload(struct exchange *ex);
/* Is there room for a body of this length? It takes none yet. */
bool exchange_body_fits(const struct exchange *ex, uint64_t length);
/* A piece of the body. 0, BODY_BEHIND, -ENOMEM or -ENOBUFS. */
int exchange_body(struct exchange *ex, struct bytes piece);
void exchange_body_end(struct exchange *ex);
/* Calls `done` and makes it ready for the connection's next request. */
void exchange_recycle(struct exchange *ex);
/* Calls `done` if there was an answer, and frees. */
void exchange_free(struct exchange *ex);
/* Its connection is gone. */
void exchange_orphan(struct exchange *ex);
/* The handler has answered and nobody is there to read it. */
void exchange_discard(struct exchange *ex);

/* respond_file.c */
/* Sees to the next part of a pumped answer: it gets into the output now, or when it has been read;
 * false when there is none. */
bool respond_pump(struct exchange *ex);
/* A whole answer, compressed as the peer takes it. The body is copied. */
void respond_packed(struct request *req, int status, const char *content_type, struct bytes body);

/* respond_gzip.c */
/* Is this content to be compressed? Adds Vary where that may depend on the request. `streamed`: by
 * respond_gzip_begin(), which a peer of HTTP/1.0 could not read, and which holds memory until the
 * peer has taken it all. */
bool respond_gzip_wanted(struct exchange *ex, int status, const char *content_type, uint64_t size,
                         bool streamed);
/* Compresses a body of at most this size, a millisecond or two, and says so; false: it
 * does not get smaller. */
enum { RESPOND_GZIP_AT_ONCE = 64 * 1024 };
bool respond_gzip_at_once(struct exchange *ex, struct bytes body, struct buf *ret);
/* From now on the answer's parts are compressed, and chunked. False: out of memory. */
bool respond_gzip_begin(struct exchange *ex);
/* Adds a part to the output, which may wait in the compressor until a later one. 0 or negative. */
int respond_gzip_part(struct exchange *ex, struct bytes part, bool last);
void respond_gzip_end(struct exchange *ex);

/* respond.c */
/* The parser's verdict as an answer; for a request that never came to be. */
void respond_refusal(struct conn *c, int status, const char *code, const char *message);
/* The last words on a socket outside of any exchange, or none (status 0), and the end of its
 * output. What the peer has sent is taken in: unread, it would reset the answer away. */
void respond_last(int fd, int status, const char *code, const char *message);
/* The head of an answer that the pump delivers. `length` is what it says of its content;
 * RESPOND_CHUNKED: nothing. */
#define RESPOND_CHUNKED UINT64_MAX
void respond_pumped(struct request *req, int status, const char *content_type, uint64_t length);

/* server.c */
void server_reap(struct server *s);
/* A connection is gone: perhaps there is room for another. */
void server_conn_gone(struct server *s);

#endif
