/* Whom a proxy speaks for: X-Forwarded-For. Pure. */
#ifndef JOBHOST_NET_FORWARDED_H
#define JOBHOST_NET_FORWARDED_H

#include "base/network.h"

struct request;

/* The addresses that may say so. */
struct proxies {
    const struct network *networks; /* borrowed */
    size_t count;
    bool unix_socket; /* whoever comes in by a public unix socket may, too */
};

bool proxies_have(const struct proxies *p, const struct ip *ip);

/* The last address that is no trusted proxy: each proxy appends whom it has seen, so what stands
 * further left is only what that one claims. False: there is none. */
bool forwarded_for(const struct request *req, const struct proxies *p, struct ip *ret);

#endif
