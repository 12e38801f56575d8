/* A small blocking HTTP/1.1 client over the host's unix socket: one connection per request. */
#ifndef JOBHOST_CLI_CLIENT_H
#define JOBHOST_CLI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

struct client_request {
    const char *method;
    const char *path;         /* with its query, already escaped */
    const char *content_type; /* NULL: no body                   */
    struct bytes body;
    int body_fd; /* > 0: a regular file sent from its start instead */
    uint64_t body_fd_size;
    const char *accept;
};

struct client_response {
    int status;
    char content_type[128];
    bool chunked;
    uint64_t left;     /* of Content-Length, or of the chunk */
    bool until_close;  /* neither length nor chunks          */
    bool begun, ended; /* of chunks */
    int fd;
    char in[16384]; /* read but not yet used: in[at..len) */
    size_t at, len;
};

/* Connects, sends, and reads the head of the answer. 0; -ECONNREFUSED, -ENOENT, -EACCES: nobody
 * there or not allowed; other negative errno with words. The body follows by client_read(). */
int client_open(const char *socket_path, const struct client_request *request,
                struct client_response *ret, struct err *e);
/* Up to `cap` bytes of the body; 0 at its end; negative errno (-EBADMSG: cut short). */
int64_t client_read(struct client_response *r, void *out, size_t cap, struct err *e);
/* The rest of the body, at most `max`. */
int client_read_all(struct client_response *r, struct buf *out, size_t max, struct err *e);
void client_close(struct client_response *r);

#endif
