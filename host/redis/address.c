#define _GNU_SOURCE // explicit_bzero
#include "redis/address.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

bool redis_address_is_redis(const char *url) {
    return begins(url, "redis:") || begins(url, "rediss:") || begins(url, "redis+") ||
           begins(url, "rediss+") || begins(url, "unix:");
}

/* ---- parts ---- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes into `out` of `max` + 1 bytes. */
static int decode(struct bytes in, const char *what, char *out, size_t max, struct err *e) {
    const char *p = in.data;
    size_t used = 0;
    for (size_t i = 0; i < in.len; i++, used++) {
        int c = (unsigned char)p[i];
        if (c == '%') {
            int high = i + 2 < in.len ? hex_digit(p[i + 1]) : -1;
            int low = i + 2 < in.len ? hex_digit(p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return err_set(e, -EINVAL,
                               "the %s in the Redis URL has a %% without two hexadecimal digits "
                               "behind it; a %% of its own is written %%25",
                               what);
            }
            c = high * 16 + low;
            i += 2;
        }
        if (c == 0 || used == max) {
            return err_set(e, -EINVAL,
                           c == 0 ? "the %s in the Redis URL holds a NUL"
                                  : "the %s in the Redis URL has more than %zu bytes",
                           what, max);
        }
        out[used] = (char)c;
    }
    out[used] = '\0';
    return 0;
}

/* "0" to `max`, digits only. */
static bool read_number(struct bytes in, uint32_t max, uint32_t *ret) {
    const char *p = in.data;
    uint32_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return false;
        }
        n = n * 10 + (uint32_t)(p[i] - '0');
        if (n > max) {
            return false;
        }
    }
    *ret = n;
    return in.len > 0;
}

static int read_db(struct bytes in, struct redis_address *ret, struct err *e) {
    if (in.len > 0 && !read_number(in, REDIS_DB_MAX, &ret->db)) {
        return err_set(e, -EINVAL, "the database in the Redis URL is a number up to %d",
                       REDIS_DB_MAX);
    }
    return 0;
}

/* "USER:PASSWORD", "USER", ":PASSWORD" */
static int read_credentials(struct bytes in, struct redis_address *ret, struct err *e) {
    const char *colon = memchr(in.data, ':', in.len);
    size_t user = colon == NULL ? in.len : (size_t)(colon - (const char *)in.data);
    int r = decode((struct bytes){in.data, user}, "user", ret->user, REDIS_USER_MAX, e);
    if (r == 0 && colon != NULL) {
        r = decode((struct bytes){colon + 1, in.len - user - 1}, "password", ret->password,
                   REDIS_PASSWORD_MAX, e);
    }
    if (r == 0 && ret->user[0] != '\0' && ret->password[0] == '\0') {
        r = err_set(e, -EINVAL,
                    "the Redis URL has a user but no password; a password alone is written "
                    "redis://:PASSWORD@HOST");
    }
    return r;
}

/* What stands before the last @, which a password may hold as well, is taken off `in`. */
static int take_credentials(struct bytes *in, struct redis_address *ret, struct err *e) {
    const char *at = memrchr(in->data, '@', in->len);
    if (at == NULL) {
        return 0;
    }
    struct bytes before = {in->data, (size_t)(at - (const char *)in->data)};
    *in = (struct bytes){at + 1, in->len - before.len - 1};
    return read_credentials(before, ret, e);
}

/* ---- a server of the network ---- */

static bool is_host(struct bytes in, bool bracketed) {
    const char *p = in.data;
    for (size_t i = 0; i < in.len; i++) {
        bool good = bracketed ? isxdigit((unsigned char)p[i]) || p[i] == ':' || p[i] == '.'
                              : isalnum((unsigned char)p[i]) || strchr(".-_", p[i]) != NULL;
        if (!good || p[i] == '\0') {
            return false;
        }
    }
    return in.len > 0 && in.len <= REDIS_HOST_MAX;
}

/* "HOST", "HOST:PORT", "[IPV6]:PORT" */
static int read_host(struct bytes in, struct redis_address *ret, struct err *e) {
    const char *p = in.data, *end = p + in.len;
    bool bracketed = in.len > 0 && *p == '[';
    p += bracketed;
    const char *stop =
        bracketed ? memchr(p, ']', (size_t)(end - p)) : memchr(p, ':', (size_t)(end - p));
    stop = stop == NULL ? end : stop;
    struct bytes host = {p, (size_t)(stop - p)};
    if (!is_host(host, bracketed) || (bracketed && stop == end)) {
        return err_set(e, -EINVAL,
                       "the Redis URL needs a host: a name, an IPv4 address, or an IPv6 address in "
                       "brackets");
    }
    memcpy(ret->host, host.data, host.len);
    ret->host[host.len] = '\0';
    stop += bracketed;
    uint32_t port = REDIS_PORT;
    if (stop < end &&
        (*stop != ':' ||
         !read_number((struct bytes){stop + 1, (size_t)(end - stop - 1)}, 65535, &port) ||
         port == 0)) {
        return err_set(e, -EINVAL, "the port in the Redis URL is a number from 1 to 65535");
    }
    ret->port = (uint16_t)port;
    return 0;
}

static int parse_network(const char *rest, struct redis_address *ret, struct err *e) {
    // a raw ? or # in a password would end the address early, so they are looked for behind the @
    const char *at = strrchr(rest, '@');
    const char *behind = at == NULL ? rest : at;
    size_t len = (size_t)(behind - rest) + strcspn(behind, "/?#");
    const char *tail = rest + len;
    struct bytes authority = {rest, len};
    int r = take_credentials(&authority, ret, e);
    r = r == 0 ? read_host(authority, ret, e) : r;
    if (r != 0 || *tail == '\0') {
        return r;
    }
    if (*tail != '/') {
        return err_set(e, -EINVAL,
                       "the Redis URL has options behind a ? or #, which it cannot have "
                       "(files for TLS stand in store.tls)");
    }
    return read_db(bytes_of(tail + 1), ret, e);
}

/* ---- a socket ---- */

static int parse_unix(const char *rest, struct redis_address *ret, struct err *e) {
    const char *query = strchr(rest, '?');
    struct bytes path = {rest, query == NULL ? strlen(rest) : (size_t)(query - rest)};
    int r = 0;
    if (begins(rest, "//")) {
        path = (struct bytes){rest + 2, path.len - 2};
        r = take_credentials(&path, ret, e);
    }
    if (r != 0) {
        return r;
    }
    if (begins(rest, "//") && (path.len == 0 || *(const char *)path.data != '/')) {
        return err_set(e, -EINVAL,
                       "behind unix:// and the @ the path of the Redis socket begins "
                       "with a /");
    }
    if (path.len == 0 || path.len > REDIS_PATH_MAX) {
        return err_set(e, -EINVAL, "the path of the Redis socket has 1 to %d bytes",
                       REDIS_PATH_MAX);
    }
    memcpy(ret->path, path.data, path.len);
    ret->path[path.len] = '\0';
    if (query == NULL) {
        return 0;
    }
    return begins(query, "?db=") ? read_db(bytes_of(query + 4), ret, e)
                                 : err_set(e, -EINVAL,
                                           "behind the ? of a Redis socket only db=N "
                                           "is known");
}

/* ---- the whole ---- */

static const struct {
    const char *scheme;
    bool tls;
    int (*parse)(const char *rest, struct redis_address *ret, struct err *e); // NULL: not yet
} schemes[] = {
    {"redis://", false, parse_network},
    {"rediss://", true, parse_network},
    {"unix:", false, parse_unix},
    {"redis+", false, NULL},
    {"rediss+", true, NULL},
};

int redis_address_parse(const char *url, struct redis_address *ret, struct err *e) {
    *ret = (struct redis_address){.port = REDIS_PORT};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (!begins(url, schemes[i].scheme)) {
            continue;
        }
        if (schemes[i].parse == NULL) {
            return err_set(e, -ENOTSUP,
                           "%.*s: this version of jobhost talks to one Redis server "
                           "only, by redis://, rediss:// or unix:PATH",
                           (int)strcspn(url, ":"), url);
        }
        ret->tls = schemes[i].tls;
        int r = schemes[i].parse(url + strlen(schemes[i].scheme), ret, e);
        if (r != 0) {
            redis_address_wipe(ret);
        }
        return r;
    }
    return err_set(e, -EINVAL, "a Redis URL begins with redis://, rediss:// or unix:");
}

void redis_address_where(const struct redis_address *a, char out[REDIS_WHERE_MAX]) {
    char db[16] = "";
    bool local = a->path[0] != '\0';
    if (a->db != 0) {
        (void)snprintf(db, sizeof db, local ? "?db=%u" : "/%u", (unsigned)a->db);
    }
    if (local) {
        (void)snprintf(out, REDIS_WHERE_MAX, "unix:%s%s", a->path, db);
        return;
    }
    bool v6 = strchr(a->host, ':') != NULL;
    (void)snprintf(out, REDIS_WHERE_MAX, "%s://%s%s%s:%u%s", a->tls ? "rediss" : "redis",
                   v6 ? "[" : "", a->host, v6 ? "]" : "", (unsigned)a->port, db);
}

bool redis_address_is_upstash(const struct redis_address *a) {
    static const char domain[] = ".upstash.io";
    size_t len = strlen(a->host), end = sizeof domain - 1;
    return len > end && strcasecmp(a->host + len - end, domain) == 0;
}

void redis_address_wipe(struct redis_address *a) {
    explicit_bzero(a, sizeof *a);
}
