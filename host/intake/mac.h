/* HMAC with its key, and plain hashes: the contexts of libcrypto are made once and used again, since
 * making one costs more than a small message does.
 *
 * Any thread may use one; a second thread at the same moment gets a context of its own. Keys live in
 * the memory of libcrypto, which wipes them when they are freed. */
#ifndef JOBHOST_INTAKE_MAC_H
#define JOBHOST_INTAKE_MAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum mac_hash { MAC_SHA1, MAC_SHA256, MAC_SHA512 };
enum { MAC_MAX = 64, MAC_SHA256_LEN = 32 };

struct mac;

/* NULL: libcrypto has no memory, or not this hash. */
struct mac *mac_new(enum mac_hash hash, struct bytes key);
struct mac *mac_new_plain(enum mac_hash hash); /* without a key */
void mac_free(struct mac **m);

size_t mac_size(const struct mac *m);
/* Over the parts as if they were one text. False: libcrypto failed. */
bool mac_sum(const struct mac *m, const struct bytes *parts, size_t count, uint8_t out[MAC_MAX]);

#endif
