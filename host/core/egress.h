/* Which addresses a plugin's calls may go to: none of a private network, of this machine, or of what a cloud has inside,
 * unless somebody listed it. The address that is dialled is judged, so a name that resolves to something else a moment
 * later gains nothing. Pure.
 *
 * Sources: IANA's registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890 and what came since). */
#ifndef JOBHOST_CORE_EGRESS_H
#define JOBHOST_CORE_EGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/network.h"

/* What is allowed besides the public internet. */
struct egress_rule {
    struct network to;
    uint16_t port; /* 0 = any */
};

enum { EGRESS_RULE_TEXT_MAX = 64 };

/* "10.1.0.0/16", "127.0.0.1:8080", "fd00::/8", "[fd00::1]:443". 0, or -EINVAL with words. */
int egress_rule_parse(const char *text, struct egress_rule *ret, struct err *e);

/* What kind of address it is, for a message: "loopback", "private", ...; NULL = a public one. */
const char *egress_kind(const struct ip *ip);

/* NULL = it may be called; else what kind of address it is. */
const char *egress_refuses(const struct ip *ip, uint16_t port, const struct egress_rule *rules,
                           size_t rule_count);

#endif
