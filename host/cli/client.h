/* The HTTP client of the command line, over libcurl: unix sockets, http and https by one code.
 *
 *     client_new(place) ─▶ client_run(request) ... ─▶ client_free
 *
 * Blocking, one request at a time; the connection is kept from one request to the next. TLS is
 * always verified. Proxies, redirects and .netrc are not followed: whatever is asked, and the
 * token with it, goes to the place that was named and nowhere else. */
#ifndef JOBHOST_CLI_CLIENT_H
#define JOBHOST_CLI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

enum {
    CLIENT_CONNECT_MS = 10 * 1000, /* to connect, the TLS handshake included          */
    CLIENT_SILENCE_S = 60,         /* without a byte in either direction              */
    CLIENT_REFUSAL_MAX = 64 << 10, /* of the body of an answer that is not 2xx; rest is dropped */
    CLIENT_TOKEN_MAX = 4096,
};

/* Where the host is. All copied. */
struct client_place {
    const char *socket_path; /* a unix socket, or ...                             */
    const char *url;         /* ... "https://HOST[:PORT][/PREFIX]"                */
    const char *ca_file;     /* PEM; NULL: the system's                           */
    const char *token;       /* NULL: none                                        */
};

struct client_request {
    const char *method;
    const char *path;         /* with its query, already escaped */
    const char *content_type; /* NULL: no body                   */
    struct bytes body;
    int body_fd; /* > 0: a regular file sent from its start instead */
    uint64_t body_fd_size;
    const char *accept;
    const char *last_event_id;
    uint32_t connect_ms; /* 0: CLIENT_CONNECT_MS                                         */
    uint32_t silence_s;  /* 0: CLIENT_SILENCE_S                                          */
    uint32_t total_ms;   /* for all of it; 0: as long as it takes                        */
    /* Parts of a 2xx answer's body as they come; negative errno with words ends it. NULL: dropped. */
    int (*on_body)(void *arg, struct bytes part, struct err *e);
    void *body_arg;
    /* Several times a second while a body is sent; may be NULL. */
    void (*on_sent)(void *arg, uint64_t sent, uint64_t total);
    void *sent_arg;
};

struct client_answer {
    int status;
    struct buf refusal; /* the body, if the status is not 2xx                */
    bool stopped;       /* by on_body, or by the file that was being sent   */
};

struct client;

/* 0, or what is wrong with such a place: -EINVAL, -ENAMETOOLONG with words that do not show it
 * when it may hold a secret. */
int client_check_place(const struct client_place *place, struct err *e);
/* NULL: out of memory. */
struct client *client_new(const struct client_place *place);
void client_free(struct client **c);

/* 0 when there was a whole answer, whatever its status. Otherwise words, and -ECONNREFUSED (nobody
 * there, by whatever cause), -ETIMEDOUT, -EPROTO (TLS, or not HTTP), -EBADMSG (cut short),
 * -ENOKEY (the CA file), -EIO, or, when stopped, what on_body returned. */
int client_run(struct client *c, const struct client_request *request, struct client_answer *ret,
               struct err *e);
void client_answer_finish(struct client_answer *a);

#endif
