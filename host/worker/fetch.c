#include "worker/fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "worker/check.h"

enum { REQUEST_SIZE = 88, ANSWER_SIZE = 96 }; // of jobhost.http/1 as it began

/* A call under way. */
struct fetch {
    struct jh_call *call;
    const struct fetch_ops *ops;
    struct arena *arena;
    struct jh_http_request q;
    const char *method, *url; /* of the request that is next */
    struct jh_http_header headers[JH_HTTP_HEADERS_MAX];
    uint32_t header_count;
    struct jh_bytes body;
    int64_t left_ms, took_ms;
    off_t file_end; /* of body_fd, before anything came */
    uint64_t ticket;
    bool has_ticket;
    struct fetch_got got;
    struct jh_http_answer a;
};

/* ------------------------------------------------------------------ what a request may be */

static bool is_token(const char *text) {
    static const char marks[] = "!#$%&'*+-.^_`|~"; // RFC 9110, 5.6.2
    size_t len = 0;
    for (; text[len] != '\0'; len++) {
        char c = text[len];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && strchr(marks, c) == NULL) {
            return false;
        }
    }
    return len > 0;
}

static bool is_value(const char *text) {
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Those of the connection, and of what is done here. */
static bool is_ours(const char *name) {
    static const char *const ours[] = {
        "Accept-Encoding",
        "Connection",
        "Content-Length",
        "Expect",
        "Host",
        "Keep-Alive",
        "Proxy-Authorization",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    };
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (strcasecmp(ours[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int check_headers(const struct jh_http_request *q) {
    size_t bytes = 0;
    if (q->header_count > 0 && q->headers == NULL) {
        return -EINVAL;
    }
    if (q->header_count > JH_HTTP_HEADERS_MAX) {
        return -EFBIG;
    }
    for (uint32_t i = 0; i < q->header_count; i++) {
        const struct jh_http_header *h = &q->headers[i];
        if (h->name == NULL || h->value == NULL || !is_token(h->name) || !is_value(h->value) ||
            is_ours(h->name)) {
            return -EINVAL;
        }
        bytes += strlen(h->name) + strlen(h->value) + 4; // ": " and CR LF
    }
    return bytes > JH_HTTP_HEADER_BYTES_MAX ? -EFBIG : 0;
}

static int check_body(const struct jh_http_request *q) {
    bool to_fd = (q->flags & JH_HTTP_BODY_TO_FD) != 0;
    int rc = check_bytes(q->body, JH_HTTP_BODY_MAX);
    if (rc == 0 && !to_fd && q->max_body > JH_HTTP_BODY_MAX) {
        rc = -EFBIG;
    }
    return rc == 0 && to_fd && check_file(q->body_fd) < 0 ? -EINVAL : rc;
}

static int check_request(const struct jh_http_request *q) {
    int rc = check_text(q->url, JH_HTTP_URL_MAX);
    if (rc == 0 && http_origin(q->url).len == 0) {
        rc = -EINVAL;
    }
    if (rc == 0 && q->method != NULL &&
        (!is_token(q->method) || strcmp(q->method, "CONNECT") == 0)) {
        rc = -EINVAL;
    }
    if (rc == 0 && (q->timeout_ms < 0 || q->limit_wait_ms < 0 ||
                    (q->flags & ~(uint32_t)(JH_HTTP_NO_REDIRECT | JH_HTTP_BODY_TO_FD)) != 0)) {
        rc = -EINVAL;
    }
    if (rc == 0) {
        rc = check_headers(q);
    }
    return rc == 0 ? check_body(q) : rc;
}

static int64_t bound_timeout(int64_t ms) {
    return ms == 0 ? JH_HTTP_TIMEOUT_MS : ms > JH_HTTP_TIMEOUT_MAX_MS ? JH_HTTP_TIMEOUT_MAX_MS : ms;
}

static int begin(struct fetch *f, const struct jh_http_request *q) {
    if (q == NULL || q->size < REQUEST_SIZE) {
        return -EINVAL;
    }
    memcpy(&f->q, q, q->size < sizeof f->q ? q->size : sizeof f->q);
    int rc = check_request(&f->q);
    if (rc < 0) {
        return rc;
    }
    f->method = f->q.method != NULL ? f->q.method : f->q.body.len > 0 ? "POST" : "GET";
    f->url = arena_str(f->arena, f->q.url);
    f->body = f->q.body;
    f->header_count = f->q.header_count;
    for (uint32_t i = 0; i < f->header_count; i++) {
        f->headers[i] = f->q.headers[i];
    }
    f->left_ms = bound_timeout(f->q.timeout_ms);
    f->q.max_body = f->q.max_body == 0 ? JH_HTTP_BODY_DEFAULT : f->q.max_body;
    if ((f->q.flags & JH_HTTP_BODY_TO_FD) == 0) {
        f->q.body_fd = -1;
    } else if ((f->file_end = lseek(f->q.body_fd, 0, SEEK_END)) == -1) {
        return -EINVAL;
    }
    return f->url == NULL ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------ slots of a limit */

/* The query may hold a secret. */
static int url_len(const char *url) {
    size_t len = strcspn(url, "?#");
    return len > 512 ? 512 : (int)len;
}

static int take_slot(struct fetch *f) {
    struct jh_wait wait = {.size = sizeof wait};
    if (f->q.limit == NULL) {
        return 0;
    }
    int rc = f->ops->limit->acquire(f->call, f->q.limit, 1, f->q.limit_wait_ms, &f->ticket, &wait);
    f->has_ticket = rc == 0;
    if (rc == 1) {
        struct jh_wait *own = arena_alloc(f->arena, sizeof *own);
        if (own == NULL) {
            return -ENOMEM;
        }
        *own = wait;
        f->a.wait = own;
    } else if (rc == -ENOENT) {
        f->a.cls = JH_E_PERMANENT;
        f->a.code = "no_limit";
        f->a.message = arena_printf(f->arena, "%s %.*s: there is no limit \"%s\"", f->method,
                                    url_len(f->url), f->url, f->q.limit);
    }
    return rc;
}

static void on_head(void *arg, int32_t status, struct jh_bytes headers) {
    struct fetch *f = arg;
    if (f->has_ticket) {
        f->has_ticket = false;
        (void)f->ops->limit->observe(f->call, f->ticket, status, headers);
    }
}

/* No headers came. */
static void end_slot(struct fetch *f) {
    if (f->has_ticket && !f->got.sent) {
        f->has_ticket = false;
        (void)f->ops->limit->give_back(f->call, f->ticket);
    }
    on_head(f, 0, (struct jh_bytes){NULL, 0});
}

/* ------------------------------------------------------------------ redirects */

static bool same_origin(const char *a, const char *b) {
    struct bytes x = http_origin(a), y = http_origin(b);
    return x.len == y.len && strncasecmp(x.data, y.data, x.len) == 0;
}

static void drop_secrets(struct fetch *f) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->header_count; i++) {
        if (http_goes_along(f->headers[i].name)) {
            f->headers[kept++] = f->headers[i];
        }
    }
    f->header_count = kept;
}

static bool has_next(const struct fetch *f) {
    return f->got.trouble == HTTP_NO_TROUBLE && http_is_redirect(f->got.status) &&
           (f->q.flags & JH_HTTP_NO_REDIRECT) == 0;
}

static void refuse_redirect(struct fetch *f, const char *words) {
    f->got.trouble = HTTP_REDIRECTS;
    f->got.words = words;
}

/* True: there is another request to be made. */
static bool follow(struct fetch *f) {
    const char *to = f->got.next_url;
    if (!has_next(f)) {
        return false;
    }
    if (to == NULL) {
        refuse_redirect(f, "a redirect without a place");
    } else if (strlen(to) > JH_HTTP_URL_MAX || http_origin(to).len == 0) {
        refuse_redirect(f, "a redirect to what is no URL of http or https");
    } else if (f->a.redirects == JH_HTTP_REDIRECTS_MAX) {
        refuse_redirect(f, "too many redirects");
    } else {
        const char *method = http_next_method(f->got.status, f->method);
        if (strcmp(method, f->method) != 0) {
            f->body = (struct jh_bytes){NULL, 0};
        }
        if (!same_origin(f->url, to)) {
            drop_secrets(f);
        }
        f->method = method;
        f->url = to;
        f->a.redirects++;
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ what it comes to */

static const char *trouble_words(enum http_trouble trouble) {
    static const char *const words[] = {
        [HTTP_ADDRESS] = "an address that may not be called",
        [HTTP_NAME] = "the name does not resolve",
        [HTTP_CONNECT] = "no connection",
        [HTTP_CUT_OFF] = "the answer was cut off",
        [HTTP_TIMEOUT] = "no whole answer in time",
        [HTTP_CERTIFICATE] = "the certificate was not accepted",
        [HTTP_NOT_HTTP] = "the answer is not HTTP",
        [HTTP_TOO_LONG] = "the answer is too long",
        [HTTP_REDIRECTS] = "redirects that lead nowhere",
        [HTTP_DISK] = "the answer could not be written",
    };
    return words[trouble];
}

static int64_t retry_after_ms(const struct fetch *f) {
    struct bytes lines = {f->got.headers.data, f->got.headers.len};
    return http_retry_after_ms(f->got.status, lines, f->ops->now_ms(f->call));
}

static void judge_trouble(struct fetch *f) {
    enum http_trouble t = f->got.trouble;
    f->a.cls = http_trouble_class(t);
    f->a.code = http_trouble_code(t);
    if (t == HTTP_TOO_LONG && f->got.status >= 400) { // a busy server's long page is no end
        f->a.cls = http_class(f->got.status);
        f->a.retry_after_ms = retry_after_ms(f);
    }
    f->a.message = arena_printf(f->arena, "%s %.*s: %s", f->method, url_len(f->url), f->url,
                                f->got.words == NULL ? trouble_words(t) : f->got.words);
}

/* Behind each there is a NUL, of none too. */
static struct jh_bytes ended(struct jh_bytes b) {
    return b.data == NULL ? (struct jh_bytes){"", 0} : b;
}

static void judge_status(struct fetch *f) {
    f->a.status = f->got.status;
    f->a.headers = ended(f->got.headers);
    f->a.body = ended(f->got.body);
    f->a.body_size = f->got.body_size;
    f->a.cls = http_class(f->got.status);
    f->a.retry_after_ms = retry_after_ms(f);
    if (f->a.cls != JH_E_NONE) {
        f->a.code = arena_printf(f->arena, "http_%d", f->got.status);
        f->a.message = arena_printf(f->arena, "%s %.*s answered %d", f->method, url_len(f->url),
                                    f->url, f->got.status);
    }
}

/* A file has what belongs to a whole answer of a 2xx, or nothing of it. */
static int keep_file(struct fetch *f, int rc) {
    bool whole = rc == 0 && f->got.trouble == HTTP_NO_TROUBLE && f->got.status / 100 == 2;
    bool is_bare = f->q.body_fd == -1 || whole;
    return !is_bare && (ftruncate(f->q.body_fd, f->file_end) == -1 ||
                        lseek(f->q.body_fd, f->file_end, SEEK_SET) == -1)
               ? -errno
               : 0;
}

static void log_it(const struct fetch *f) {
    char line[1024];
    (void)snprintf(line, sizeof line, "%s %.*s: %d%s%s, %" PRIu64 " bytes, %" PRId64 " ms",
                   f->method, url_len(f->url), f->url, f->a.status, f->a.code == NULL ? "" : " ",
                   f->a.code == NULL ? "" : f->a.code, f->a.body_size, f->took_ms);
    f->call->host->log(f->call, JH_LOG_DEBUG, line);
}

static int conclude(struct fetch *f) {
    f->a.url = f->url;
    if (f->got.trouble == HTTP_NO_TROUBLE) {
        judge_status(f);
    } else {
        judge_trouble(f);
    }
    log_it(f);
    return f->a.cls != JH_E_NONE && (f->a.code == NULL || f->a.message == NULL) ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------ all of it */

static int exchange(struct fetch *f) {
    struct fetch_hop hop = {
        .method = f->method,
        .url = f->url,
        .headers = f->headers,
        .header_count = f->header_count,
        .body = f->body,
        .body_fd = f->q.body_fd,
        .follows = (f->q.flags & JH_HTTP_NO_REDIRECT) == 0,
        .max_body = f->q.max_body,
        .timeout_ms = f->left_ms,
        .on_head = on_head,
        .arg = f,
    };
    f->got = (struct fetch_got){.trouble = HTTP_TIMEOUT};
    int rc = f->left_ms <= 0 ? 0 : f->ops->exchange(f->call, &hop, &f->got);
    end_slot(f);
    f->left_ms -= f->got.took_ms;
    f->took_ms += f->got.took_ms;
    if (rc == -EINVAL && f->a.redirects > 0) { // not the caller's mistake
        refuse_redirect(f, "a redirect to what is no URL");
        rc = 0;
    }
    return rc;
}

static int go(struct fetch *f) {
    int rc;
    do {
        rc = take_slot(f);
        if (rc != 0) {
            return rc;
        }
        rc = exchange(f);
        int kept = keep_file(f, rc);
        rc = rc < 0 ? rc : kept;
    } while (rc == 0 && follow(f));
    return rc == 0 ? conclude(f) : rc;
}

int fetch_run(struct jh_call *call, const struct fetch_ops *ops, const struct jh_http_request *q,
              struct jh_http_answer *ret) {
    struct fetch f = {.call = call, .ops = ops};
    int rc = ops->check(call);
    if (rc == 0 && (ret == NULL || ret->size < ANSWER_SIZE)) {
        rc = -EINVAL;
    }
    if (rc == 0) {
        f.arena = ops->arena(call);
        rc = begin(&f, q);
    }
    if (rc == 0) {
        rc = go(&f);
    }
    if (rc < 0) {
        rc = rc == -ECANCELED ? rc : ops->refuse(call, "fetch", rc);
    }
    if (ret == NULL || (rc < 0 && f.a.message == NULL)) {
        return rc;
    }
    uint32_t size = ret->size;
    memcpy(ret, &f.a, size < sizeof f.a ? size : sizeof f.a);
    ret->size = size;
    return rc;
}

const char *fetch_header(struct jh_call *call, const struct fetch_ops *ops,
                         const struct jh_http_answer *answer, const char *name) {
    struct bytes value;
    if (ops->check(call) < 0 || answer == NULL || name == NULL ||
        !http_header((struct bytes){answer->headers.data, answer->headers.len}, name, &value)) {
        return NULL;
    }
    return arena_strn(ops->arena(call), value.data, value.len);
}

jh_status fetch_fail(struct jh_call *call, const struct jh_http_answer *answer, const char *scope) {
    struct jh_failure f = {
        .size = sizeof f, .cls = JH_E_BUG, .message = "fail() without an answer"};
    if (answer != NULL && answer->size >= ANSWER_SIZE) {
        bool failed = answer->cls != JH_E_NONE;
        f.cls = failed ? answer->cls : JH_E_UNKNOWN;
        f.message = failed ? answer->message : "an answer that was not expected";
        f.code = answer->code;
        f.retry_after_ms = answer->retry_after_ms;
        f.scope = scope;
    }
    return call->host->fail(call, &f);
}
