/* jobhost_http.h — extension "jobhost.http/1": calls to other people's servers, as the host makes them. Thread words
 * and ownership as in jobhost_plugin.h.
 *
 *     const struct jh_http *http = h->extension(h, JH_HTTP_1);   // NULL: this host has none
 *
 *     const struct jh_http_request q = {.size = sizeof q, .url = "https://api.discogs.com/users/ada", .limit = "discogs"};
 *     struct jh_http_answer a = {.size = sizeof a};
 *     int rc = http->fetch(c, &q, &a);
 *     if (rc == 1) { return h->yield(c, a.wait); }                // the limit says later
 *     if (rc < 0) { return jh_stop(c); }                          // cancelled, or no request: the host says why
 *     if (a.cls != JH_E_NONE) { return http->fail(c, &a, "user:ada"); }
 *     ... a.body ...
 *
 * Only http and https; certificates are always verified; no proxy, no cookies, no password in the URL. Each address
 * that is about to be called is judged, that of a redirect too: none of a private network, of the loopback or
 * of a cloud's inside is, unless config.yaml lists it in `plugins.NAME.sandbox.allow_private`. A redirect to another
 * origin is followed without the headers that may hold a secret; the body goes along with 307 and 308. Connections are kept
 * for the jobs that come after.
 *
 * A call with a `limit` takes a slot of it before it is sent, one for each redirect, and tells it what the answer's headers
 * say (jobhost_limit.h). What an answer comes to for the job is in `cls`, by the table below; what is not a
 * whole answer has no status and no body, so half of one is never taken for all.
 *
 *     0    no answer: NETWORK (name, connection, cut off), TIMEOUT, UPSTREAM (certificate, not HTTP), INPUT (an address
 *          that may not be called), PERMANENT (longer than max_body; of 4xx and 5xx as their status says),
 *          RESOURCE (body_fd takes no more)
 *     1xx to 3xx   NONE; more redirects than JH_HTTP_REDIRECTS_MAX: UPSTREAM
 *     400 413 414 415 422 431   INPUT
 *     401  AUTH          408  TIMEOUT        429  RATE
 *     425  UPSTREAM      other 4xx  PERMANENT      5xx  UPSTREAM */
#ifndef JOBHOST_HTTP_H
#define JOBHOST_HTTP_H

#include "jobhost_plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

#define JH_HTTP_1                "jobhost.http/1"
#define JH_HTTP_URL_MAX          8192u  /* bytes: printable ASCII without blanks      */
#define JH_HTTP_HEADERS_MAX      64u    /* of a request                               */
#define JH_HTTP_HEADER_BYTES_MAX 65536u /* of an answer's headers, and of a request's */
#define JH_HTTP_REDIRECTS_MAX    10u    /* that are followed                          */
#define JH_HTTP_BODY_DEFAULT     (16u * 1024u * 1024u) /* bytes                                      */
#define JH_HTTP_BODY_MAX         (256u * 1024u * 1024u) /* in memory; in a file there may be more     */
#define JH_HTTP_TIMEOUT_MS       30000
#define JH_HTTP_TIMEOUT_MAX_MS   3600000

enum {
    JH_HTTP_NO_REDIRECT = 1u, /* 3xx is an answer like any other                           */
    JH_HTTP_BODY_TO_FD = 2u   /* the body of a 2xx is written to body_fd, a regular file   */
};

struct jh_http_header {
    const char *name,
        *value; /* not Host, Content-Length, Accept-Encoding or what is the connection's */
};

struct jh_http_request {
    uint32_t size;
    uint32_t flags;     /* JH_HTTP_* */
    const char *url;    /* absolute, without "user:password@"        */
    const char *method; /* NULL = GET, or POST where there is a body */
    const struct jh_http_header *headers;
    uint32_t header_count;
    int32_t
        body_fd; /* JH_HTTP_BODY_TO_FD: behind what it holds. What is not a whole answer adds nothing */
    struct jh_bytes body;
    int64_t
        timeout_ms; /* of all, redirects and body too, but not of waiting for the limit; 0 = 30 s */
    uint64_t max_body;     /* of the answer, after decompression; 0 = 16 MiB            */
    const char *limit;     /* "discogs" or "discogs:KEY"; NULL = none                       */
    int64_t limit_wait_ms; /* as acquire()'s: how long it may wait here for a slot         */
};

/* What it points to is valid until run() returns. */
struct jh_http_answer {
    uint32_t size;
    int32_t status;          /* of the last answer, whole; 0 = there is none     */
    jh_class cls;            /* JH_E_NONE, or what fail() says                    */
    uint32_t redirects;      /* that were followed                                */
    struct jh_bytes headers; /* its lines, "Name: value" and LF each              */
    struct jh_bytes body;    /* decompressed; a NUL that does not count follows   */
    uint64_t body_size;      /* also of one that went to a file                   */
    const char *url;         /* whence it came                                    */
    const char *
        code; /* short machine word, if cls is not JH_E_NONE: "http_404", "address", "name", "connect",
                              * "cut_off", "timeout", "certificate", "not_http", "too_long", "redirects", "disk"      */
    const char *message;        /* for people, without the query of the URL; as code */
    int64_t retry_after_ms;     /* what Retry-After says of 429 or 503; 0 = nothing  */
    const struct jh_wait *wait; /* of 1: for yield()                              */
};

struct jh_http {
    uint32_t size;
    uint32_t reserved;

    /* [run] Asks, and waits for the answer in this thread, or until the job is cancelled. *ret has its size set by the caller.
     *  0  as *ret says: an answer, or why there is none
     *  1  no slot of the limit in that time: yield(c, ret->wait). It may be that of a redirect: what led there is
     *     sent again then
     *  -EINVAL     of the request: the URL, a header, the method, a descriptor that is no regular file
     *  -EFBIG      one of the limits above
     *  -ECANCELED  the job is to stop
     *  -ENOENT     there is no such limit: *ret says so, as of any failure
     *  -ENOMEM, and as jh_limit.acquire */
    JH_MUST_CHECK int (*fetch)(struct jh_call *, const struct jh_http_request *,
                               struct jh_http_answer *ret);

    /* [run] The value of a header, without regard to case, of several the first; NULL = it has none. Valid until run()
     * returns. */
    const char *(*header)(struct jh_call *, const struct jh_http_answer *, const char *name);

    /* [run] As the host's fail(), with what the answer comes to. `scope` as in struct jh_failure. An answer that is no failure
     * is one of class UNKNOWN: who calls this does not know what to do with it. */
    jh_status (*fail)(struct jh_call *, const struct jh_http_answer *, const char *scope);
};

#ifdef __cplusplus
}
#endif
#endif
