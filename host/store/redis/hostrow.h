/* A host in the HASH jh:hosts: its nonce as 16 hexadecimal digits, and a JSON object that people can
 * read as well:
 *
 *     {"name":"web-1","version":"0.1","pid":12,"started":MS,"seen":MS,"lease":MS,"running":3}
 *
 * `lease` is when others may take it for dead (unix ms); <= `seen`: it took its leave; 0: it did not,
 * and its next boot found it dead (lua/recover.lua). Pure. */
#ifndef JOBHOST_STORE_REDIS_HOSTROW_H
#define JOBHOST_STORE_REDIS_HOSTROW_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/store.h"

enum { REDIS_NONCE_TEXT = 16 };
void redis_nonce_format(uint64_t nonce, char out[REDIS_NONCE_TEXT + 1]);

/* The JSON; `left` and `lost` are not looked at. */
void redis_host_write(struct buf *b, const struct store_host *host);

/* What another program may have written: 0, -EBADMSG, -ENOMEM. */
int redis_host_read(struct bytes nonce, struct bytes json, struct arena *a, struct store_host *ret);

#endif
