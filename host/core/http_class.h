/* What the answer of an HTTP server, or the lack of one, comes to for a job: its class of failure, and where to go
 * next. Pure. Source: RFC 9110 (15, status codes; 10.2.3, Retry-After), RFC 6585, the table of classes in jobhost_plugin.h. */
#ifndef JOBHOST_CORE_HTTP_CLASS_H
#define JOBHOST_CORE_HTTP_CLASS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "jobhost_plugin.h"

/* Of a whole answer. */
jh_class http_class(int status);

/* Why there is no whole answer. */
enum http_trouble {
    HTTP_NO_TROUBLE,
    HTTP_ADDRESS,     /* none that may be called          */
    HTTP_NAME,        /* does not resolve                 */
    HTTP_CONNECT,     /* nobody there, or no way there    */
    HTTP_CUT_OFF,     /* ended in the middle              */
    HTTP_TIMEOUT,     /*                                  */
    HTTP_CERTIFICATE, /* of somebody else, or TLS failed  */
    HTTP_NOT_HTTP,    /* what came is none                */
    HTTP_TOO_LONG,    /* headers or body                  */
    HTTP_REDIRECTS,   /* too many, or one that leads nowhere */
    HTTP_DISK,        /* the body could not be written    */
};
jh_class http_trouble_class(enum http_trouble trouble);
const char *http_trouble_code(enum http_trouble trouble);

/* Is it one with a Location that is followed? */
bool http_is_redirect(int status);
/* The method of the next request; the body goes along if it is the same. 303, and 301 and 302 of a POST, become GET (RFC 9110,
 * 15.4.2 to 15.4.4). */
const char *http_next_method(int status, const char *method);

/* May a header go along to another origin? None that could hold a secret does. */
bool http_goes_along(const char *name);

/* The value of the first header of this name in `lines` ("Name: value", LF or CR LF each); false = none. */
bool http_header(struct bytes lines, const char *name, struct bytes *ret);

/* What Retry-After says of 429 and 503, in ms from now; 0 = nothing. */
int64_t http_retry_after_ms(int status, struct bytes lines, int64_t now_ms);

/* Scheme, host and port as written ("https://example.com:8443"), without anything behind; len 0 = no http or https URL, or one
 * with a password, blanks, or bytes that belong in percent signs. */
struct bytes http_origin(const char *url);

#endif
