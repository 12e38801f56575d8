// Redis as hosted services put it into the environment. They name an HTTP API and its token; the
// same token is the password of the Redis protocol on the same host.

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "config/config_defaults.h"
#include "config/config_env.h"

struct source {
    const char *url, *token;     /* token NULL: the URL holds it */
    const char *read_only_token; /* refused by name              */
};

// In this order; the first whose URL is set is used.
static const struct source sources[] = {
    {"UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "UPSTASH_REDIS_REST_READONLY_TOKEN"},
    {"UPSTASH_REDIS_URL", "UPSTASH_REDIS_TOKEN", "UPSTASH_REDIS_READONLY_TOKEN"},
    {"KV_URL", NULL, NULL},
    {"KV_REST_API_URL", "KV_REST_API_TOKEN", "KV_REST_API_READ_ONLY_TOKEN"},
};

static const char *get(const struct config_binding *b, const char *name) {
    const char *value = name == NULL ? NULL : config_env_get(b->env, name, strlen(name));
    return value == NULL || *value == '\0' ? NULL : value;
}

#define REFUSE(b, code, ...)                                                                       \
    config_report_error((b)->report, (b)->at, "store.url", (code), __VA_ARGS__)

struct parts {
    const char *user_info; /* "default:TOKEN", or NULL */
    size_t user_info_len;
    char host[256];
    char port[8];
};

// "scheme://[user:password@]host[:port][/...]"
static bool split(const char *url, struct parts *ret) {
    const char *at = strstr(url, "://");
    if (at == NULL) {
        return false;
    }
    at += 3;
    size_t len = strcspn(at, "/?#");
    const char *sign = NULL;
    for (size_t i = 0; i < len; i++) {
        sign = at[i] == '@' ? at + i : sign;
    }
    if (sign != NULL) {
        ret->user_info = at;
        ret->user_info_len = (size_t)(sign - at);
        len -= ret->user_info_len + 1;
        at = sign + 1;
    }
    size_t host = 0;
    while (host < len && at[host] != ':') {
        unsigned char c = (unsigned char)at[host++];
        if (!isalnum(c) && c != '.' && c != '-' && c != '_') {
            return false;
        }
    }
    const char *port = host < len ? at + host + 1 : "6379";
    size_t port_len = host < len ? len - host - 1 : 4;
    if (host == 0 || host >= sizeof(ret->host) || port_len == 0 || port_len > 5 ||
        strspn(port, "0123456789") < port_len) {
        return false;
    }
    (void)snprintf(ret->host, sizeof(ret->host), "%.*s", (int)host, at);
    (void)snprintf(ret->port, sizeof(ret->port), "%.*s", (int)port_len, port);
    return true;
}

// A token may hold what has a meaning in a URL.
static void add_encoded(struct buf *out, const char *text) {
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-_.~", c) != NULL) {
            buf_char(out, (char)c);
        } else {
            buf_printf(out, "%%%02X", c);
        }
    }
}

static bool is_hosted(const char *host) {
    size_t len = strlen(host);
    return len > 11 && strcmp(host + len - 11, ".upstash.io") == 0;
}

// True when a usable token is there or none is needed; otherwise the reason was reported.
static bool find_token(struct config_binding *b, const struct source *s, const struct parts *parts,
                       const char **ret_token) {
    const char *token = get(b, s->token), *read_only = get(b, s->read_only_token);
    *ret_token = token;
    if (token == NULL && parts->user_info != NULL) {
        return true;
    }
    if (token == NULL && read_only != NULL) {
        REFUSE(b, "read_only_token", "%s cannot write; set %s", s->read_only_token, s->token);
        return false;
    }
    if (token == NULL) {
        REFUSE(b, "store_env",
               s->token == NULL ? "%s has no password%s" : "%s is set but %s is not", s->url,
               s->token == NULL ? "" : s->token);
        return false;
    }
    if (read_only != NULL && strcmp(token, read_only) == 0) {
        REFUSE(b, "read_only_token", "%s holds the same as %s, which cannot write", s->token,
               s->read_only_token);
        return false;
    }
    return true;
}

static void remember(struct config_binding *b, const struct source *s, const void *slot) {
    struct config_origin origin = {.slot = slot, .variable = s->url};
    if (config_origin_add(b->priv, &origin) < 0 || config_variable_add(b->priv, s->url) < 0 ||
        (s->token != NULL && config_variable_add(b->priv, s->token) < 0)) {
        config_bind_no_memory(b, NULL);
    }
}

static const char *compose(struct config_binding *b, const struct source *s, const char *url) {
    struct parts parts = {0};
    const char *token;
    if (!split(url, &parts)) {
        REFUSE(b, "store_env", "%s is not a URL such as https://name.upstash.io", s->url);
        return NULL;
    }
    if (!find_token(b, s, &parts, &token)) {
        return NULL;
    }
    bool is_http = strncmp(url, "http", 4) == 0; // the port is then that of the HTTP API
    bool tls = is_http || strncmp(url, "rediss:", 7) == 0 || is_hosted(parts.host);
    struct buf out = {0};
    (void)buf_room(&out, 8192); // a buffer that moves leaves an unwiped copy behind
    buf_str(&out, tls ? "rediss://" : "redis://");
    if (token != NULL) {
        buf_str(&out, "default:");
        add_encoded(&out, token);
    } else {
        buf_add(&out, parts.user_info, parts.user_info_len);
    }
    buf_printf(&out, "@%s:%s", parts.host, is_http ? "6379" : parts.port);
    const char *kept = out.failed ? NULL : config_vault_strn(&b->priv->vault, out.data, out.len);
    config_secret_buf_free(&out);
    return config_bind_checked(b, kept);
}

const char *config_store_from_env(struct config_binding *b, const void *slot) {
    const char *use = get(b, "USE_REDIS_FOR_JOBS");
    if (use != NULL && strcmp(use, "false") == 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        const char *url = get(b, sources[i].url);
        if (url == NULL) {
            continue;
        }
        const char *composed = compose(b, &sources[i], url);
        if (composed != NULL) {
            remember(b, &sources[i], slot);
        }
        return composed;
    }
    return NULL;
}
