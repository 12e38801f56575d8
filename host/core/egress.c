#include "core/egress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ addresses */

struct range {
    const char *network, *kind;
};

/* IPv4: all is public but for these. */
static const struct range closed_v4[] = {
    {"0.0.0.0/8", "this network"},
    {"10.0.0.0/8", "private"},
    {"100.64.0.0/10", "carrier's"},
    {"127.0.0.0/8", "loopback"},
    {"168.63.129.16", "a cloud's inside"}, // Azure's wire server, in a public range
    {"169.254.0.0/16", "link-local"},      // 169.254.169.254: metadata of clouds
    {"172.16.0.0/12", "private"},
    {"192.0.0.0/24", "reserved"},
    {"192.0.2.0/24", "documentation"},
    {"192.88.99.0/24", "reserved"},
    {"192.168.0.0/16", "private"},
    {"198.18.0.0/15", "benchmarking"},
    {"198.51.100.0/24", "documentation"},
    {"203.0.113.0/24", "documentation"},
    {"224.0.0.0/3", "multicast or reserved"},
};

/* IPv6: nothing is public but 2000::/3, and of that not these. The rest is told apart for people. */
static const struct range closed_v6[] = {
    {"2001::/23", "reserved"},      {"2001:db8::/32", "documentation"},
    {"3fff::/20", "documentation"}, {"::1", "loopback"},
    {"::", "unspecified"},          {"fc00::/7", "private"},
    {"fe80::/10", "link-local"},    {"fec0::/10", "private"},
    {"ff00::/8", "multicast"},
};

/* Networks whose addresses carry one of IPv4, which is judged. */
static const struct {
    const char *network;
    size_t at; /* byte of the address */
} carriers[] = {
    {"64:ff9b::/96", 12}, // NAT64
    {"2002::/16", 2},     // 6to4
};

static bool is_inside(const char *network, const struct ip *ip) {
    struct network n;
    struct err e = {0};
    return network_parse(network, &n, &e) == 0 && network_has(&n, ip);
}

static const char *kind_in(const struct range *ranges, size_t count, const struct ip *ip) {
    for (size_t i = 0; i < count; i++) {
        if (is_inside(ranges[i].network, ip)) {
            return ranges[i].kind;
        }
    }
    return NULL;
}

static struct ip carried(const struct ip *ip, size_t at) {
    struct ip v4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    memcpy(v4.b + 12, ip->b + at, 4);
    return v4;
}

const char *egress_kind(const struct ip *ip) {
    if (ip_is_v4(ip)) {
        return kind_in(closed_v4, ARRAY_LEN(closed_v4), ip);
    }
    for (size_t i = 0; i < ARRAY_LEN(carriers); i++) {
        if (is_inside(carriers[i].network, ip)) {
            struct ip v4 = carried(ip, carriers[i].at);
            return kind_in(closed_v4, ARRAY_LEN(closed_v4), &v4);
        }
    }
    const char *kind = kind_in(closed_v6, ARRAY_LEN(closed_v6), ip);
    return kind != NULL || is_inside("2000::/3", ip) ? kind : "reserved";
}

const char *egress_refuses(const struct ip *ip, uint16_t port, const struct egress_rule *rules,
                           size_t rule_count) {
    for (size_t i = 0; i < rule_count; i++) {
        if ((rules[i].port == 0 || rules[i].port == port) && network_has(&rules[i].to, ip)) {
            return NULL;
        }
    }
    return egress_kind(ip);
}

/* ------------------------------------------------------------------ rules */

/* The address, and what follows it: "" or ":PORT". Colons of an IPv6 address without brackets are none of a port's. */
static bool split(const char *text, struct bytes *ret_address, const char **ret_rest) {
    const char *colon = strchr(text, ':'), *close = strchr(text, ']');
    if (text[0] == '[') {
        *ret_rest = close == NULL ? "" : close + 1;
        *ret_address = (struct bytes){text + 1, close == NULL ? 0 : (size_t)(close - text - 1)};
    } else {
        bool has_port = colon != NULL && strchr(colon + 1, ':') == NULL;
        *ret_rest = has_port ? colon : text + strlen(text);
        *ret_address = (struct bytes){text, (size_t)(*ret_rest - text)};
    }
    return ret_address->len > 0 && ret_address->len < EGRESS_RULE_TEXT_MAX;
}

static bool read_port(const char *rest, uint16_t *ret) {
    char *end;
    *ret = 0;
    if (rest[0] == '\0') {
        return true;
    }
    if (rest[0] != ':' || rest[1] < '1' || rest[1] > '9' || strlen(rest) > 6) {
        return false;
    }
    unsigned long value = strtoul(rest + 1, &end, 10);
    *ret = (uint16_t)value;
    return *end == '\0' && value <= UINT16_MAX;
}

int egress_rule_parse(const char *text, struct egress_rule *ret, struct err *e) {
    char copy[EGRESS_RULE_TEXT_MAX];
    struct bytes address;
    const char *rest;
    if (!split(text, &address, &rest) || !read_port(rest, &ret->port)) {
        return err_set(e, -EINVAL,
                       "expected an address or a network, perhaps with a port: 10.0.0.0/8, "
                       "127.0.0.1:8080, [fd00::1]:443");
    }
    memcpy(copy, address.data, address.len);
    copy[address.len] = '\0';
    return network_parse(copy, &ret->to, e);
}
