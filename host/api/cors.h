/* Pages of other origins (the Fetch standard's CORS): those that the section `cors` lists may call
 * the API and read its answers; to all others nothing is said, so their browser keeps the answer
 * from them. No cookies are involved: a token is sent by the page itself. */
#ifndef JOBHOST_API_CORS_H
#define JOBHOST_API_CORS_H

#include "api/routes.h"

/* The method that a browser asks about (OPTIONS with Access-Control-Request-Method), in the request's arena; NULL: this is no such
 * request. */
const char *cors_wanted_method(const struct call *call);

/* The listed origin that this request comes from, as configured; NULL: none, or several. */
const char *cors_origin(const struct call *call);

/* A browser asks on behalf of a listed origin whether it may send a request (OPTIONS with
 * Access-Control-Request-Method): that needs no token, for browsers send none. */
bool cors_is_preflight(const struct call *call);

/* Adds to the coming answer what the browser wants to read. `methods`: what the path knows, for the
 * answer to a preflight, else NULL. */
void cors_add_headers(const struct call *call, const char *methods);

#endif
