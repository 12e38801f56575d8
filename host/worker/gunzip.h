/* Bodies of Content-Encoding gzip, to their end: what breaks off before it is not whole, which libcurl does not tell. */
#ifndef JOBHOST_WORKER_GUNZIP_H
#define JOBHOST_WORKER_GUNZIP_H

#include <stdbool.h>

#include "base/bytes.h"
#include "worker/curl_api.h"

struct gunzip;

/* NULL: no memory. */
struct gunzip *gunzip_new(const struct curl_api *api);
void gunzip_free(struct gunzip **at);

/* `take` is called with what comes out, and ends it with a negative errno. 0, that, -EBADMSG (no gzip) or -ENOMEM. */
int gunzip_add(struct gunzip *g, struct bytes piece, int (*take)(void *arg, struct bytes part),
               void *arg);

/* Has all come that belongs to it? */
bool gunzip_is_whole(const struct gunzip *g);

#endif
