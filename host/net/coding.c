#include "net/coding.h"

#include <string.h>
#include <strings.h>

#include "net/server.h"

/* ---- what suits ---- */

static bool is_type(const char *type, size_t len, const char *name) {
    return strlen(name) == len && strncasecmp(type, name, len) == 0;
}

static bool ends_with(const char *type, size_t len, const char *end) {
    size_t n = strlen(end);
    return len > n && strncasecmp(type + len - n, end, n) == 0;
}

bool coding_suits(const char *content_type) {
    static const char *const names[] = {"application/json",     "application/javascript",
                                        "application/x-ndjson", "application/xml",
                                        "application/yaml",     "image/svg+xml"};
    size_t len = strcspn(content_type, "; ");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (is_type(content_type, len, names[i])) {
            return true;
        }
    }
    if (is_type(content_type, len, "text/event-stream")) {
        return false;
    }
    return strncasecmp(content_type, "text/", 5) == 0 || ends_with(content_type, len, "+json") ||
           ends_with(content_type, len, "+xml");
}

/* ---- what is wanted ---- */

/* Cuts the part before `mark` off; what is behind it stays in *rest. */
static struct bytes cut(struct bytes *rest, char mark) {
    const char *s = rest->data;
    const char *at = rest->len == 0 ? NULL : memchr(s, mark, rest->len);
    size_t len = at == NULL ? rest->len : (size_t)(at - s);
    size_t used = len + (at != NULL);
    *rest = (struct bytes){used == 0 ? s : s + used, rest->len - used};
    return bytes_trim((struct bytes){s, len});
}

/* "q=0.5" in thousandths: 0 or 1 with at most three decimals, not above 1. -1: something else. */
static int read_weight(struct bytes text) {
    const char *s = text.data;
    if (text.len < 3 || text.len > 7 || (s[0] != 'q' && s[0] != 'Q') || s[1] != '=' ||
        (s[2] != '0' && s[2] != '1') || (text.len > 3 && s[3] != '.')) {
        return -1;
    }
    int weight = (s[2] - '0') * 1000;
    for (size_t i = 4, unit = 100; i < text.len; i++, unit /= 10) {
        if (s[i] < '0' || s[i] > '9') {
            return -1;
        }
        weight += (s[i] - '0') * (int)unit;
    }
    return weight <= 1000 ? weight : -1;
}

static bool is(struct bytes text, const char *word) {
    return text.len == strlen(word) && strncasecmp(text.data, word, text.len) == 0;
}

void coding_read(struct bytes header, struct coding_weights *weights) {
    while (header.len > 0) {
        struct bytes element = cut(&header, ',');
        struct bytes name = cut(&element, ';');
        int weight = 1000;
        if (element.len > 0) {
            weight = read_weight(bytes_trim(element));
        }
        if (weight == -1) {
            continue; // not understood: as if it were not there
        }
        if (is(name, "gzip") || is(name, "x-gzip")) {
            weights->gzip = weight;
        } else if (is(name, "identity")) {
            weights->identity = weight;
        } else if (is(name, "*")) {
            weights->any = weight;
        }
    }
}

bool coding_wants_gzip(const struct request *req) {
    static const char name[] = "Accept-Encoding";
    struct coding_weights w = {-1, -1, -1};
    for (size_t i = 0; i < req->header_count; i++) {
        const struct header *h = &req->headers[i];
        if (h->name.len == sizeof name - 1 && strncasecmp(h->name.data, name, h->name.len) == 0) {
            coding_read(h->value, &w);
        }
    }
    int gzip = w.gzip != -1 ? w.gzip : w.any;
    return gzip > 0 && gzip >= w.identity;
}
