/* What complete headers mean: the ones that frame the body or steer the connection. */
#include "net/http1_private.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static bool value_is(const struct http1 *p, const char *text) {
    size_t len = strlen(text);
    return !p->long_value && p->value_len == len && strncasecmp(p->value, text, len) == 0;
}

int http1_method_of(const char *name, size_t len) {
    for (int i = 0; i < HTTP1_METHOD_COUNT; i++) {
        if (strlen(http1_method_names[i]) == len && memcmp(name, http1_method_names[i], len) == 0) {
            return i;
        }
    }
    return -1;
}

/* ---- Host ---- */

static bool port_valid(const char *text, size_t len) {
    unsigned port = 0;
    for (size_t i = 0; i < len; i++) {
        if (i == 5 || !http1_is(text[i], CLASS_DIGIT)) {
            return false;
        }
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return port <= 65535;
}

static bool ipv6_valid(const char *text, size_t len) {
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    return inet_pton(AF_INET6, copy, &address) == 1;
}

/* Names and IPv4 addresses are held to letters, digits and - . _ ~: RFC 3986 would allow a comma,
 * which in a Host is the mark of two of them merged. */
bool http1_host_valid(const char *text, size_t len) {
    if (len == 0 || len > HTTP1_HOST_MAX) {
        return false;
    }
    size_t end = 0;
    if (text[0] == '[') {
        const char *close = memchr(text, ']', len);
        if (close == NULL || !ipv6_valid(text + 1, (size_t)(close - text) - 1)) {
            return false;
        }
        end = (size_t)(close - text) + 1;
    } else {
        while (end < len && http1_is(text[end], CLASS_HOST)) {
            end++;
        }
    }
    if (end == 0 || end == len) {
        return end != 0;
    }
    return text[end] == ':' && port_valid(text + end + 1, len - end - 1);
}

static enum http1_error take_host(struct http1 *p) {
    if (p->has_host || p->long_value || !http1_host_valid(p->value, p->value_len)) {
        return HTTP1_BAD_HOST;
    }
    p->has_host = true;
    if (!p->absolute) {
        memcpy(p->host, p->value, p->value_len);
        p->host[p->value_len] = '\0';
    }
    return HTTP1_OK;
}

/* ---- framing ---- */

enum { LENGTH_DIGITS_MAX = 18 };

static enum http1_error take_length(struct http1 *p) {
    if (p->has_length || p->value_len == 0 || p->value_len > LENGTH_DIGITS_MAX) {
        return HTTP1_BAD_LENGTH;
    }
    for (size_t i = 0; i < p->value_len; i++) {
        if (!http1_is(p->value[i], CLASS_DIGIT)) {
            return HTTP1_BAD_LENGTH;
        }
        p->length = p->length * 10 + (uint64_t)(p->value[i] - '0');
    }
    p->has_length = true;
    return HTTP1_OK;
}

/* A next token of a comma list at *at: its length, 0 if there is none. *at moves behind it and its
 * comma; -1 when what follows the token is neither comma nor end. */
static int list_token(const struct http1 *p, size_t *at, const char **ret_token) {
    size_t i = *at;
    while (i < p->value_len && (p->value[i] == ' ' || p->value[i] == '\t')) {
        i++;
    }
    size_t start = i;
    while (i < p->value_len && http1_is(p->value[i], CLASS_TOKEN)) {
        i++;
    }
    *ret_token = p->value + start;
    int len = (int)(i - start);
    while (i < p->value_len && (p->value[i] == ' ' || p->value[i] == '\t')) {
        i++;
    }
    if (i < p->value_len && p->value[i] != ',') {
        return -1;
    }
    *at = i + 1;
    return len;
}

static bool token_is(const char *token, int len, const char *text) {
    return (size_t)len == strlen(text) && strncasecmp(token, text, (size_t)len) == 0;
}

/* Other codings before one final "chunked" are well-formed but unknown here; every other value
 * might be read as "no body" by one party and as a body by another. */
static enum http1_error judge_codings(const struct http1 *p) {
    bool ended = false, others = false;
    for (size_t at = 0; at <= p->value_len;) {
        const char *token;
        int len = list_token(p, &at, &token);
        if (len <= 0 || ended || token_is(token, len, "identity")) {
            return HTTP1_BAD_CODING;
        }
        ended = token_is(token, len, "chunked");
        others |= !ended;
    }
    return ended && others ? HTTP1_UNKNOWN_CODING : HTTP1_BAD_CODING;
}

static enum http1_error take_coding(struct http1 *p) {
    if (p->has_coding || p->long_value) {
        return HTTP1_BAD_CODING;
    }
    p->has_coding = true;
    p->chunked = value_is(p, "chunked");
    return p->chunked ? HTTP1_OK : judge_codings(p);
}

/* ---- expectations and the connection ---- */

static enum http1_error take_expect(struct http1 *p) {
    if (!value_is(p, "100-continue")) {
        return HTTP1_UNKNOWN_EXPECT;
    }
    p->expect_continue = p->minor > 0;
    return HTTP1_OK;
}

static enum http1_error take_connection(struct http1 *p) {
    if (p->long_value) {
        p->saw_close = true; // the unread rest might say so
        return HTTP1_OK;
    }
    for (size_t at = 0; at < p->value_len;) {
        const char *token;
        int len = list_token(p, &at, &token);
        if (len < 0) {
            p->saw_close = true; // not a list: do not guess
            break;
        }
        p->saw_close |= token_is(token, len, "close");
        p->saw_keep |= token_is(token, len, "keep-alive");
    }
    return HTTP1_OK;
}

static const struct {
    const char *name;
    enum http1_error (*take)(struct http1 *p);
} fields[FIELD_COUNT] = {
    [FIELD_OTHER] = {"", NULL},
    [FIELD_HOST] = {"host", take_host},
    [FIELD_LENGTH] = {"content-length", take_length},
    [FIELD_CODING] = {"transfer-encoding", take_coding},
    [FIELD_EXPECT] = {"expect", take_expect},
    [FIELD_CONNECTION] = {"connection", take_connection},
};

enum http1_field http1_head_field(const struct http1 *p) {
    for (unsigned f = FIELD_OTHER + 1; f < FIELD_COUNT; f++) {
        if (strlen(fields[f].name) == p->word_len &&
            memcmp(fields[f].name, p->word, p->word_len) == 0) {
            return (enum http1_field)f;
        }
    }
    return FIELD_OTHER;
}

/* Blanks behind the value go; but a tab behind a coding stays, and spoils it: not every parser sees
 * "chunked" there. */
static bool trims(const struct http1 *p, char c) {
    return c == ' ' || (c == '\t' && p->field != FIELD_CODING);
}

enum http1_error http1_head_take(struct http1 *p) {
    if (p->field == FIELD_OTHER) {
        return HTTP1_OK;
    }
    while (!p->long_value && p->value_len > 0 && trims(p, p->value[p->value_len - 1])) {
        p->value_len--;
    }
    return fields[p->field].take(p);
}

enum http1_error http1_head_check(struct http1 *p) {
    if (p->minor > 0 && !p->has_host) {
        return HTTP1_BAD_HOST;
    }
    if (p->has_coding && (p->has_length || p->minor == 0)) {
        return HTTP1_BAD_CODING;
    }
    p->keep_alive = !p->saw_close && (p->minor > 0 || p->saw_keep);
    return HTTP1_OK;
}
