/* The compact form of a signed token (RFC 7515), HS256 alone, and the members of its two objects, read
 * without leniency: one spelling of each segment, no name twice, no number that is not whole. */
#ifndef JOBHOST_INTAKE_JWT_H
#define JOBHOST_INTAKE_JWT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

enum { JWT_SIGNATURE_LEN = 32, JWT_MEMBERS_MAX = 64 };

struct jwt {
    struct bytes signed_text;     /* both objects as they were sent, with the dot between them */
    struct bytes header, payload; /* decoded, in the arena; no parser has seen them */
    uint8_t signature[JWT_SIGNATURE_LEN];
};

/* False: not three segments of base64url with 32 bytes in the last, or no memory. */
bool jwt_split(struct bytes token, struct arena *a, struct jwt *ret);

/* What `names` (count) are in a JSON object, as raw text; {NULL, 0} where there is none of that name.
 * Other members are passed by. False: no object, text around it, a name that is there twice or that
 * no text can hold, more than JWT_MEMBERS_MAX members, arrays and objects deeper than
 * JSON_DEPTH_MAX, or no memory. */
bool jwt_members(struct bytes object, const struct bytes *names, struct bytes *values, size_t count,
                 struct arena *a);

/* A raw value as a whole number from 0 to 2^53 - 1 without fraction, exponent or quotes. */
bool jwt_integer(struct bytes value, int64_t *ret);

#endif
