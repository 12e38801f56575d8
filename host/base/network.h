/* IP addresses and networks as values. An IPv4 address is kept as ::ffff:a.b.c.d, so a host that
 * comes in by either way is the same. Pure. */
#ifndef JOBHOST_BASE_NETWORK_H
#define JOBHOST_BASE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct sockaddr;

struct ip {
    unsigned char b[16];
};
enum { IP_TEXT_MAX = 46 }; /* with its NUL */

/* "10.0.0.1" or "2001:db8::1", nothing around it. */
bool ip_parse(const char *text, size_t len, struct ip *ret);
/* False for other families than the two. */
bool ip_of_sockaddr(const struct sockaddr *address, struct ip *ret);
bool ip_is_v4(const struct ip *ip);
void ip_text(const struct ip *ip, char out[IP_TEXT_MAX]);

struct network {
    struct ip first;
    unsigned bits; /* of 128 */
};

/* "10.0.0.0/8", "2001:db8::/32", or one address. 0, or -EINVAL: neither, or bits are set behind the
 * prefix. */
int network_parse(const char *text, struct network *ret, struct err *e);
bool network_has(const struct network *n, const struct ip *ip);

#endif
