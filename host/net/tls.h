/* HTTPS for a door: a certificate chain and its key from PEM files, and TLS sessions made with
 * them. TLS 1.2 and 1.3, HTTP/1.1 as the only protocol (ALPN), no renegotiation, no compression, no
 * sessions kept in memory. Loop thread only.
 *
 *     files ─▶ tls_new(), tls_reload() ─▶ context ─▶ tls_accept() ─▶ session
 *
 * A session keeps the context it was made with. */
#ifndef JOBHOST_NET_TLS_H
#define JOBHOST_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct bufferevent;
struct event_base;
struct ssl_st;
struct tls;

/* PEM files. */
struct tls_files {
    const char *cert, *key;
    const char *client_ca; /* NULL: clients need no certificate; else one that these have signed */
};
/* Reads them; the paths are copied. NULL: *e names the file and what is wrong with it. */
struct tls *tls_new(const struct tls_files *files, struct err *e);
/* Reads them again, for sessions from now on. On failure everything stays as it was. */
int tls_reload(struct tls *t, struct err *e);
/* Would clients accept the certificate at this time (Unix ms)? 0, or -EINVAL: it has expired, or is
 * not valid yet. */
int tls_check_time(const struct tls *t, int64_t wall_ms, struct err *e);
/* Sessions under way are not touched. */
void tls_free(struct tls **t);

/* The server's side of a new session on a connected socket; with deferred callbacks, and `fd` is
 * closed with it. BEV_EVENT_CONNECTED ends the handshake. NULL: `fd` stays the caller's. */
struct bufferevent *tls_accept(struct tls *t, struct event_base *base, int fd);
/* Tells the peer that nothing more comes, so that it can tell an end from a cut. Repeatable. */
void tls_say_goodbye(struct bufferevent *bev);
/* The common name in the certificate that the peer has proved to have, cut off at `cap`, what is not printable ASCII as "?"; "": it has
 * shown none. */
void tls_peer_name(struct bufferevent *bev, char *out, size_t cap);
/* After a failed handshake: did the peer speak plain HTTP? */
bool tls_was_plain_http(struct bufferevent *bev);

#endif
