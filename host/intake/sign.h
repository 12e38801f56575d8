/* The other side of verify.h: the headers that a sender of a scheme would put on a delivery. */
#ifndef JOBHOST_INTAKE_SIGN_H
#define JOBHOST_INTAKE_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

struct config_verify;

struct sign_ask {
    const char *url; /* where it will go; qstash and twilio sign it */
    const char *id;  /* of the delivery: what a header or a claim can hold */
    const char *content_type;
    struct bytes body;
    int64_t now_ms;
};

enum { SIGN_HEADERS_MAX = 4 };
struct signature {
    struct {
        const char *name, *value;
    } headers[SIGN_HEADERS_MAX];
    size_t count;
    const char *url; /* where it has to go: Twilio puts a hash of some bodies into it */
};

/* Signs with the first key of the scheme's parameters; of Standard Webhooks that may be a private key
 * (whsk_...). -EINVAL with words: parameters that are no good, or a key that cannot sign; -ENOMEM. */
int sign_delivery(const struct config_verify *c, const struct sign_ask *ask, struct arena *a,
                  struct signature *ret, struct err *e);

#endif
