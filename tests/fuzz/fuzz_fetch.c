// What servers answer to calls of plugins: any statuses, headers and redirects, through all that is decided about them. Never is a secret
// sent to another origin, half an answer given out, or more than the allowed number of requests made. Lines: "STATUS URL" begins an
// answer, headers follow it; the first line is the URL that is asked for.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/egress.h"
#include "fuzz.h"
#include "worker/fetch.h"

#define NOW INT64_C(1795254000000)

static struct {
    struct arena arena;
    const char *at, *end; // answers that are left
    char first[64];       // the origin that may see the secret
    unsigned hops;
    jh_class failed;
} site;

static int check(struct jh_call *call) {
    (void)call;
    return 0;
}

static int refuse(struct jh_call *call, const char *name, int rc) {
    (void)call;
    (void)name;
    return rc;
}

static int64_t now_ms(struct jh_call *call) {
    (void)call;
    return NOW;
}

static struct arena *arena(struct jh_call *call) {
    (void)call;
    return &site.arena;
}

static char *next_line(void) {
    const char *nl = memchr(site.at, '\n', (size_t)(site.end - site.at));
    const char *stop = nl == NULL ? site.end : nl;
    char *line = arena_strn(&site.arena, site.at, (size_t)(stop - site.at));
    site.at = nl == NULL ? site.end : nl + 1;
    return line;
}

static void check_hop(const struct fetch_hop *hop) {
    struct bytes origin = http_origin(hop->url);
    bool home =
        origin.len == strlen(site.first) && strncasecmp(origin.data, site.first, origin.len) == 0;
    FUZZ_CHECK(origin.len > 0);
    FUZZ_CHECK(strlen(hop->url) <= JH_HTTP_URL_MAX);
    FUZZ_CHECK(++site.hops <= JH_HTTP_REDIRECTS_MAX + 1);
    for (uint32_t i = 0; i < hop->header_count; i++) {
        FUZZ_CHECK(home || strcasecmp(hop->headers[i].name, "Authorization") != 0);
    }
}

// Everything up to the next line that begins with a digit.
static struct jh_bytes take_headers(void) {
    const char *from = site.at;
    while (site.at < site.end && (*site.at < '0' || *site.at > '9')) {
        (void)next_line();
    }
    return (struct jh_bytes){from, (size_t)(site.at - from)};
}

static int exchange(struct jh_call *call, const struct fetch_hop *hop, struct fetch_got *ret) {
    (void)call;
    check_hop(hop);
    char *line = next_line(), *rest = NULL;
    ret->status = (int32_t)(strtoul(line, &rest, 10) % 1000);
    if (ret->status < 100) {
        ret->trouble = (enum http_trouble)(1 + ret->status % HTTP_DISK);
    } else {
        ret->trouble = HTTP_NO_TROUBLE;
    }
    ret->next_url = *rest == ' ' ? rest + 1 : NULL;
    ret->took_ms = ret->status;
    ret->headers = take_headers();
    ret->body = (struct jh_bytes){"body", 4};
    ret->body_size = 4;
    hop->on_head(hop->arg, ret->status, ret->headers);
    return 0;
}

static void log_nothing(struct jh_call *call, int32_t level, const char *text) {
    (void)call;
    (void)level;
    FUZZ_CHECK(strlen(text) < 1024 && strstr(text, "?") == NULL);
}

static jh_status fail(struct jh_call *call, const struct jh_failure *f) {
    (void)call;
    site.failed = f->cls;
    FUZZ_CHECK(f->message != NULL);
    return JH_FAIL;
}

static void check_answer(struct jh_call *call, const struct fetch_ops *ops,
                         const struct jh_http_answer *a) {
    bool whole = a->status != 0;
    FUZZ_CHECK(whole || (a->body.len == 0 && a->headers.len == 0 && a->cls != JH_E_NONE));
    FUZZ_CHECK((a->cls == JH_E_NONE) == (a->code == NULL && a->message == NULL));
    FUZZ_CHECK(a->retry_after_ms >= 0);
    const char *value = fetch_header(call, ops, a, "X-A");
    FUZZ_CHECK(value == NULL || strchr(value, '\n') == NULL);
    (void)fetch_fail(call, a, NULL);
    FUZZ_CHECK(site.failed == (a->cls == JH_E_NONE ? JH_E_UNKNOWN : a->cls));
}

static void check_rule(const char *text) {
    struct egress_rule rule;
    struct err e = {0};
    if (egress_rule_parse(text, &rule, &e) == 0) {
        FUZZ_CHECK(egress_refuses(&rule.to.first, rule.port == 0 ? 1 : rule.port, &rule, 1) ==
                   NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct fetch_ops ops = {check, refuse, now_ms, arena, NULL, exchange};
    static const struct jh_host host = {.log = log_nothing, .fail = fail};
    struct jh_call call = {&host};
    struct jh_http_header secret = {"Authorization", "t"};
    struct jh_http_answer a = {.size = sizeof a};
    site.at = (const char *)data;
    site.end = site.at + size;
    site.hops = 0;
    const char *url = size == 0 ? "" : next_line();
    struct bytes origin = http_origin(url);
    (void)snprintf(site.first, sizeof site.first, "%.*s", (int)origin.len,
                   origin.len == 0 ? "" : (const char *)origin.data);
    const struct jh_http_request q = {
        .size = sizeof q, .url = url, .headers = &secret, .header_count = 1};
    check_rule(url);
    if (origin.len < sizeof site.first && fetch_run(&call, &ops, &q, &a) == 0) {
        check_answer(&call, &ops, &a);
    }
    arena_free(&site.arena);
    return 0;
}
