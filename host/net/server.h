/* The HTTP server: connections, deadlines and limits; requests come out whole, answers go in whole
 * or as a stream.
 *
 *     listener ─▶ connection ─ http1 (parser) ─▶ struct request ─▶ handler ─▶ respond_*()
 *
 * One server behind every door: the public addresses and the admin socket. Loop thread only.
 * Rules, limits and the behaviour for each class of malformed request: docs/http.md. */
#ifndef JOBHOST_NET_SERVER_H
#define JOBHOST_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "net/forwarded.h"
#include "net/header.h"

struct event_base;
struct env;
struct log;
struct timers;
struct inherited;
struct server;
struct request;
struct side_thread;
struct tls;

struct server_limits {
    size_t request_line;                 /* 8 KiB; over: 414                             */
    size_t headers;                      /* 16 KiB; over: 431                            */
    unsigned header_count;               /* 64; over: 431                                */
    uint64_t body;                       /* 1 MiB; over: 413; `admit` may say otherwise  */
    uint64_t bodies;                     /* 64 MiB of bodies held in memory for all public
                                            connections together, beyond the first
                                            SERVER_BODY_FREE bytes of each; over: 503        */
    unsigned connections;                /* 1024; then the public doors rest. 0 = no cap */
    unsigned uploads;                    /* 512 of the public ones that bring a streamed body, until
                                            it is answered; over: 503. 0 = no cap            */
    unsigned connections_per_peer;       /* 64; over: 503. 0 = no cap; TCP only. Behind a
                                            trusted proxy: requests at once, by the address that
                                            the proxy names                                  */
    int64_t handshake_ms;                /* TLS, from the connection's begin: 10 s        */
    int64_t header_ms, body_ms, idle_ms; /* absolute deadlines: 10 s, 30 s, 60 s         */
    int64_t upload_ms;                   /* a streamed body, however fast: 1 h           */
    uint32_t upload_rate;                /* bytes/s it must keep from body_ms on: 16 KiB */
    int64_t write_ms;                    /* 30 s in which the peer takes no byte: close  */
    unsigned requests_per_connection;    /* 1000; then Connection: close. 0 = no cap     */
    int64_t connection_age_ms;           /* 300 s; then Connection: close. 0 = no cap    */
    size_t stream_unsent;                /* 1 MiB waiting for a slow reader of a stream  */
};
enum {
    SERVER_CERTIFICATE_MAX = 64,  /* bytes of a name that is looked at */
    SERVER_BODY_SMALL = 1 << 20,  /* a body that may be larger must keep, from body_ms on, */
    SERVER_BODY_RATE = 64 * 1024, /* so many bytes/s */
    SERVER_BODY_FREE = 64 * 1024, /* so much of a body is held whatever others hold */
    /* After a refusal so much is still read and thrown away, for unread it would reset the answer
     * away. Many clients send all they have before they look: one with a body of the ordinary
     * size (server_limits.body) is to hear why. It costs no memory. */
    SERVER_LINGER_MS = 2000,
    SERVER_LINGER_BYTES = 1 << 20,
};
extern const struct server_limits server_limits_default;

/* One request, complete and immutable. It lives until it has been answered, also when its peer is
 * gone before that (the answer then goes nowhere), so a handler may keep it while an operation is
 * under way. After the answer has been sent, or has turned out to be undeliverable, `done` is
 * called once, if set, and the request and its arena are freed: never inside a respond call. A
 * request whose body does not arrive whole never reaches the handler; its `done` is called too. */
struct request {
    const char *method; /* "GET", ...                                                       */
    const char *target; /* as sent                                                          */
    const char **path;  /* segments, percent-decoded once, without empty and dot segments   */
    size_t path_count;
    const char *query; /* raw text after '?', or NULL                                      */
    const struct header *headers;
    size_t header_count;
    bool has_body;      /* one was announced, though it may turn out to be empty            */
    uint64_t announced; /* its length; 0 also when it comes in chunks                       */
    struct bytes body;  /* de-chunked; {NULL, size} when it went to request_body.piece      */
    const char *host;   /* Host, or the authority of an absolute target; "" = none          */
    bool admin;         /* came in by an admin door                                         */
    bool mistrusted;    /* server_config.mistrusts() said so                                */
    uint32_t peer_uid;  /* unix socket: SO_PEERCRED; else UINT32_MAX                        */
    const char *peer;   /* "unix", or its address without the port; behind a trusted proxy, the
                           one that it names                                                */
    const char
        *certificate;   /* TLS: the name in the client's, which has been verified; NULL: none */
    struct arena arena; /* for the handler                                                  */
    void *context;      /* the handler's, from `admit` on                                   */
    void (*done)(struct request *req, void *arg);
    void *done_arg;
    /* Of a handler that waits for news: called when nobody waits any longer (the server drains, or is parked). It should
     * answer at once with what there is. */
    void (*hurry)(struct request *req, void *arg);
    void *hurry_arg;
};

/* How many headers of this name there are; *ret_first (may be NULL) is the first one's value. */
unsigned request_header(const struct request *req, const char *name, struct bytes *ret_first);
/* Does If-None-Match list this tag (given without quotes), or "*"? Weak and strong ones are as good as each other here
 * (RFC 9110, 13.1.2). */
bool request_none_match(const struct request *req, const char *etag);
/* The decoded value of a query parameter in the request's arena, or NULL; a repeated name yields
 * the first. */
const char *request_query(struct request *req, const char *name);

/* Exactly one of these three answers a request. Header values are refused (500 instead) if they
 * contain CR, LF or NUL. Content of 1 KiB and more that gets smaller by it goes out as gzip where
 * the request allows that, unless the handler has set Content-Encoding. */
void respond(struct request *req, int status, const char *content_type, struct bytes body);
/* The error envelope {"error":{"code","message","field"}}; field may be NULL. */
void respond_error(struct request *req, int status, const char *code, const char *field,
                   const char *message);
/* Streams a file: `fd` is taken. What is read comes from the disk's thread; if that fails, or the
 * file is shorter than `size`, the connection ends in mid-answer. Answers Range, If-Range and If-None-Match; `etag` (without quotes,
 * at most 64 bytes) may be NULL. */
void respond_file(struct request *req, const char *content_type, int fd, uint64_t size,
                  const char *etag);

/* May its handler wait for news (request.hurry)? Not of a server that drains or is parked. */
bool request_may_wait(const struct request *req);

/* Adds a header to the coming answer. Copied. */
void respond_header(struct request *req, const char *name, const char *value);

/* Server-sent events: starts a chunked text/event-stream answer; chunks may be sent until end() or
 * until the request's `done` callback says that the peer is gone. */
void respond_stream_begin(struct request *req, int status, const char *content_type);
/* 0; -EPIPE peer gone; -ENOBUFS limits.stream_unsent reached (a slow reader): the caller should
 * end. */
int respond_stream(struct request *req, struct bytes chunk);
void respond_stream_end(struct request *req);

/* What is done with a request's body. */
enum { BODY_BEHIND = 1 };
struct request_body {
    uint64_t limit; /* over: 413, before 100 Continue is sent */
    /* NULL: it is held in memory. Else its pieces come here as they arrive, borrowed for the call,
     * and limits.upload_ms and upload_rate are its deadlines; what is kept of them in memory is to be
     * told to request_body_hold(). 0; BODY_BEHIND: taken, but no more is
     * read until request_body_resume(). It may answer the request instead, now or later: then the
     * rest is not read. */
    int (*piece)(struct request *req, struct bytes piece);
    /* Nothing would be made of it any more once the server drains: then its rest is not waited for,
     * and the request is told 503. */
    bool ends_with_drain;
    /* Who asks is still to be found out: nothing of the body is read or asked for until
     * request_admit_again(). If the peer goes before that, the request's `done` says so. */
    bool hold;
};

/* After `hold`: `admit` sees the request once more. Not from inside of it. */
void request_admit_again(struct request *req);

/* After BODY_BEHIND: go on. The time in between is not held against the peer. */
void request_body_resume(struct request *req);

#define SERVER_NO_UPLOAD                                                                           \
    "the host has as many uploads in hand as it takes at a time; try again in a moment"
#define SERVER_NO_ROOM                                                                             \
    "the host holds as many large requests as it has memory for; try again in a moment"
/* So many more bytes of this request's body are held in memory by whoever takes its pieces: they
 * count until the request is freed. 0, or -ENOBUFS: limits.bodies is reached. */
int request_body_hold(struct request *req, size_t len);

/* Told of what happens, for counting. Each is optional, and must not answer or change anything. */
struct server_watch {
    /* The handler begins to answer, `took_us` after the request was complete (a request whose body
     * is not read: after its head). */
    void (*answered)(void *arg, const struct request *req, int status, int64_t took_us);
    /* Something was refused before there was a request to handle. `code` is a constant. */
    void (*refused)(void *arg, const char *code);
    void (*connected)(void *arg);
    void *arg;
};

struct server_config {
    struct server_limits limits;
    struct proxies
        proxies; /* what it points to is borrowed until server_configure() or server_free() */
    struct server_watch watch;
    struct side_thread *disk; /* reads the files of answers; ends after the server */
    void (*handle)(struct request *req, void *arg); /* must answer now or later, never not at all */
    /* Optional. Sees a request before its body (body is empty) and may change what is set in *body;
     * or may answer it: then the body is not read. */
    void (*admit)(struct request *req, struct request_body *body, void *arg);
    void *arg;
    /* Optional. Whether a process (SO_PEERCRED) that has connected to an admin door is one that
     * must not: its requests come with `mistrusted`. */
    bool (*mistrusts)(void *owner, int32_t pid);
    void *owner;
};

/* The process must ignore SIGPIPE. */
struct server *server_new(struct event_base *base, struct timers *timers, const struct env *env,
                          const struct log *log, const struct server_config *config);

/* One way in. */
struct server_door {
    /* "unix:PATH" (at most 107 bytes; mode 0600, a stale socket is replaced, a live one is
     * -EADDRINUSE) or "ADDRESS:PORT" ("127.0.0.1:0" picks a port). */
    const char *address;
    /* For the owner of the host: its connections are not counted, meet no cap, do not age, and go
     * on being accepted while the public doors rest. */
    bool admin;
    struct tls *tls;             /* HTTPS; borrowed until server_free(). NULL: plain */
    struct inherited *inherited; /* a socket for this address may be among these; NULL = none is */
};
int server_listen(struct server *s, const struct server_door *door, struct err *e);
/* While it is held no connection is accepted, by any door: they wait in the kernel's queue. */
void server_hold(struct server *s, bool held);
/* For another process that takes over: nothing new is begun. Streams end, requests under way go on, connections between two
 * requests read no more; those that speak TLS cannot be passed on, and are closed when they are answered. */
void server_park(struct server *s);
void server_unpark(struct server *s);
/* Is nothing under way any more? */
bool server_is_parked(const struct server *s);
/* What still sends its request is refused with 503, what lingers is closed. */
void server_park_late(struct server *s);
/* Each connection of a parked server, and each listening socket; `own`: its file is ours. `url` names
 * the door. */
struct server_each {
    void (*connection)(void *arg, int fd, const char *url);
    void (*socket)(void *arg, int fd, const char *url, bool own);
    void *arg;
};
void server_each(const struct server *s, const struct server_each *each);
/* A connection that another process had; taken. It is closed if there is no such plain door. */
void server_take(struct server *s, int fd, const char *url);
/* Where the n-th public door can be reached: "https://127.0.0.1:40123" (the port it got),
 * "unix:/run/x"; NULL behind the last one. */
const char *server_url(const struct server *s, unsigned n);
/* No more of the public: closes their doors and idle connections, answers what is under way with
 * Connection: close. Streams go on. Bodies that end with a drain do so, whoever sends them. */
void server_drain_public(struct server *s);
/* No more of anybody; streams end. */
void server_drain(struct server *s);
unsigned server_connections(const struct server *s);
/* Closes everything; `done` of streams under way is called. Requests still unanswered stay valid, and
 * may be answered to nobody. */
void server_close(struct server *s);
/* Closes, and frees all requests, answered or not: whoever could still answer one has ended. */
/* Other limits and proxies, for what comes from now on; borrowed as in server_config. */
void server_configure(struct server *s, const struct server_limits *limits,
                      const struct proxies *proxies);
void server_free(struct server **s);

#endif
