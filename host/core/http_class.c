#include "core/http_class.h"

#include <string.h>
#include <strings.h>

#include "core/limiter_headers.h"

/* ------------------------------------------------------------------ classes */

jh_class http_class(int status) {
    static const struct {
        int first, last;
        jh_class cls;
    } rows[] = {
        {100, 399, JH_E_NONE},      {400, 400, JH_E_INPUT}, {401, 401, JH_E_AUTH},
        {408, 408, JH_E_TIMEOUT},   {413, 415, JH_E_INPUT}, {422, 422, JH_E_INPUT},
        {425, 425, JH_E_UPSTREAM},  {429, 429, JH_E_RATE},  {431, 431, JH_E_INPUT},
        {400, 499, JH_E_PERMANENT}, // all others
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (status >= rows[i].first && status <= rows[i].last) {
            return rows[i].cls;
        }
    }
    return JH_E_UPSTREAM;
}

static const struct {
    jh_class cls;
    const char *code;
} troubles[] = {
    [HTTP_NO_TROUBLE] = {JH_E_NONE, NULL},
    [HTTP_ADDRESS] = {JH_E_INPUT, "address"},
    [HTTP_NAME] = {JH_E_NETWORK, "name"},
    [HTTP_CONNECT] = {JH_E_NETWORK, "connect"},
    [HTTP_CUT_OFF] = {JH_E_NETWORK, "cut_off"},
    [HTTP_TIMEOUT] = {JH_E_TIMEOUT, "timeout"},
    [HTTP_CERTIFICATE] = {JH_E_UPSTREAM, "certificate"},
    [HTTP_NOT_HTTP] = {JH_E_UPSTREAM, "not_http"},
    [HTTP_TOO_LONG] = {JH_E_PERMANENT, "too_long"},
    [HTTP_REDIRECTS] = {JH_E_UPSTREAM, "redirects"},
    [HTTP_DISK] = {JH_E_RESOURCE, "disk"},
};

jh_class http_trouble_class(enum http_trouble trouble) {
    return troubles[trouble].cls;
}

const char *http_trouble_code(enum http_trouble trouble) {
    return troubles[trouble].code;
}

/* ------------------------------------------------------------------ redirects */

bool http_is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

const char *http_next_method(int status, const char *method) {
    bool was_post = strcmp(method, "POST") == 0, was_head = strcmp(method, "HEAD") == 0;
    bool becomes_get = (status == 303 && !was_head) || (status < 303 && was_post);
    return becomes_get ? "GET" : method;
}

bool http_goes_along(const char *name) {
    static const char *const harmless[] = {
        "Accept",        "Accept-Language", "Cache-Control", "Content-Type", "If-Modified-Since",
        "If-None-Match", "Range",           "User-Agent",
    };
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
        if (strcasecmp(harmless[i], name) == 0) {
            return true;
        }
    }
    return false;
}

struct bytes http_origin(const char *url) {
    static const struct bytes none = {NULL, 0};
    size_t scheme = strncasecmp(url, "https://", 8) == 0  ? 8
                    : strncasecmp(url, "http://", 7) == 0 ? 7
                                                          : 0;
    size_t len = scheme + strcspn(url + scheme, "/?#");
    for (const char *p = url; *p != '\0'; p++) {
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '\\') {
            return none;
        }
    }
    if (scheme == 0 || len == scheme || memchr(url, '@', len) != NULL) {
        return none;
    }
    return (struct bytes){url, len};
}

/* ------------------------------------------------------------------ headers */

static bool is_named(struct bytes line, const char *name, struct bytes *ret) {
    size_t len = strlen(name);
    const char *p = line.data;
    if (line.len <= len || p[len] != ':' || strncasecmp(p, name, len) != 0) {
        return false;
    }
    *ret = bytes_trim((struct bytes){p + len + 1, line.len - len - 1});
    return true;
}

bool http_header(struct bytes lines, const char *name, struct bytes *ret) {
    const char *at = lines.data, *end = at == NULL ? at : at + lines.len;
    while (at < end) {
        const char *nl = memchr(at, '\n', (size_t)(end - at));
        const char *stop = nl == NULL ? end : nl;
        if (is_named((struct bytes){at, (size_t)(stop - at)}, name, ret)) {
            return true;
        }
        at = nl == NULL ? end : nl + 1;
    }
    return false;
}

int64_t http_retry_after_ms(int status, struct bytes lines, int64_t now_ms) {
    int64_t ms = limiter_headers_read(status, lines, NULL, 0, now_ms).retry_ms;
    return ms < 0 ? 0 : ms;
}
