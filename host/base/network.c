#include "base/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

static void set_v4(struct ip *ret, const void *four) {
    memcpy(ret->b, v4_prefix, sizeof v4_prefix);
    memcpy(ret->b + sizeof v4_prefix, four, 4);
}

bool ip_parse(const char *text, size_t len, struct ip *ret) {
    char copy[IP_TEXT_MAX];
    struct in_addr v4;
    if (len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        set_v4(ret, &v4);
        return true;
    }
    return inet_pton(AF_INET6, copy, ret->b) == 1;
}

bool ip_of_sockaddr(const struct sockaddr *address, struct ip *ret) {
    if (address->sa_family == AF_INET) {
        set_v4(ret, &((const struct sockaddr_in *)(const void *)address)->sin_addr);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        memcpy(ret->b, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
        return true;
    }
    return false;
}

bool ip_is_v4(const struct ip *ip) {
    return memcmp(ip->b, v4_prefix, sizeof v4_prefix) == 0;
}

void ip_text(const struct ip *ip, char out[IP_TEXT_MAX]) {
    bool v4 = ip_is_v4(ip);
    if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? ip->b + 12 : ip->b, out, IP_TEXT_MAX) == NULL) {
        out[0] = '\0';
    }
}

static bool same_prefix(const struct ip *a, const struct ip *b, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(a->b, b->b, whole) == 0 &&
           (rest == 0 || (a->b[whole] ^ b->b[whole]) >> (8 - rest) == 0);
}

static bool is_first(const struct network *n) {
    for (unsigned i = n->bits; i < 128; i++) {
        if (n->first.b[i / 8] & (0x80 >> i % 8)) {
            return false;
        }
    }
    return true;
}

int network_parse(const char *text, struct network *ret, struct err *e) {
    size_t len = strcspn(text, "/");
    char *end = NULL;
    unsigned long bits = 0;
    if (!ip_parse(text, len, &ret->first)) {
        return err_set(e, -EINVAL, "expected an address or a network, such as 10.0.0.0/8");
    }
    unsigned most = ip_is_v4(&ret->first) && strchr(text, '.') != NULL ? 32 : 128;
    if (text[len] == '/') {
        bits = strtoul(text + len + 1, &end, 10);
        if (text[len + 1] < '0' || text[len + 1] > '9' || *end != '\0' || bits > most) {
            return err_set(e, -EINVAL, "the prefix of a network has 0 to %u bits", most);
        }
    } else {
        bits = most;
    }
    ret->bits = (unsigned)bits + (128 - most);
    return is_first(ret) ? 0 : err_set(e, -EINVAL, "bits are set behind the prefix of %lu", bits);
}

bool network_has(const struct network *n, const struct ip *ip) {
    return same_prefix(&n->first, ip, n->bits);
}
