/* Which answers are worth compressing, and which requests want them compressed (RFC 9110 §12.5.3).
 * Pure. */
#ifndef JOBHOST_NET_CODING_H
#define JOBHOST_NET_CODING_H

#include <stdbool.h>

#include "base/bytes.h"

struct request;

/* Content of this media type (its parameters do not matter) gets smaller: text, JSON, XML, SVG. An
 * event stream is none of them: it must leave at once. */
bool coding_suits(const char *content_type);

/* What one Accept-Encoding value says, in thousandths; -1: nothing. */
struct coding_weights {
    int gzip, identity, any;
};
void coding_read(struct bytes header, struct coding_weights *weights);

/* Does the request prefer gzip, or at least not mind? Without Accept-Encoding: no. */
bool coding_wants_gzip(const struct request *req);

#endif
