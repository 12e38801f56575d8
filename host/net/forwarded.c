#include "net/forwarded.h"

#include <string.h>
#include <strings.h>

#include "net/server.h"

bool proxies_have(const struct proxies *p, const struct ip *ip) {
    for (size_t i = 0; i < p->count; i++) {
        if (network_has(&p->networks[i], ip)) {
            return true;
        }
    }
    return false;
}

/* An address as proxies write it: bare, or with a port, then IPv6 in brackets. */
static bool read_address(const char *s, size_t len, struct ip *ret) {
    while (len > 0 && (s[0] == ' ' || s[0] == '\t')) {
        s++;
        len--;
    }
    while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t')) {
        len--;
    }
    if (len > 0 && s[0] == '[') {
        const char *end = memchr(s, ']', len);
        return end != NULL && ip_parse(s + 1, (size_t)(end - s) - 1, ret);
    }
    const char *colon = len == 0 ? NULL : memchr(s, ':', len);
    bool has_port = colon != NULL && memchr(s, '.', (size_t)(colon - s)) != NULL;
    return ip_parse(s, has_port ? (size_t)(colon - s) : len, ret);
}

/* From the right end of one value: 1 found, 0 only proxies, -1 nonsense. */
static int last_stranger(struct bytes value, const struct proxies *p, struct ip *ret) {
    const char *s = value.data;
    for (size_t end = value.len + 1; end > 0;) {
        size_t start = end - 1;
        while (start > 0 && s[start - 1] != ',') {
            start--;
        }
        if (!read_address(s + start, end - 1 - start, ret)) {
            return -1;
        }
        if (!proxies_have(p, ret)) {
            return 1;
        }
        end = start;
    }
    return 0;
}

bool forwarded_for(const struct request *req, const struct proxies *p, struct ip *ret) {
    static const char name[] = "X-Forwarded-For";
    int found = 0;
    for (size_t i = req->header_count; found == 0 && i > 0; i--) {
        const struct header *h = &req->headers[i - 1];
        if (h->name.len == sizeof name - 1 && strncasecmp(h->name.data, name, h->name.len) == 0) {
            found = last_stranger(h->value, p, ret);
        }
    }
    return found == 1;
}
