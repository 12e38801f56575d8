#include "worker/transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/write_all.h"
#include "worker/curl_api.h"
#include "worker/gunzip.h"

enum {
    CONNECT_MS = 10000,
    LOOK_MS = 1000, /* at whether it is cancelled, where there is no descriptor for that */
    CONNECTIONS_MAX = 8,
};

struct body {
    struct body *next;
    struct buf data;
};

struct transfer {
    const struct curl_api *curl;
    const struct transfer_terms *terms;
    CURLM *multi; /* has the connections */
    CURL *easy;
    struct body *bodies; /* of answers that are still in use */
    /* of the request under way: */
    const struct fetch_hop *hop;
    struct curl_slist *lines;
    struct buf head;
    struct body *body;
    struct gunzip *gunzip; /* NULL = the body is as it comes */
    bool has_head, has_body;
    long status;
    uint64_t size;             /* of the body */
    enum http_trouble trouble; /* that this side found */
    unsigned tried;            /* addresses that may be called */
    unsigned uses;             /* connections that it was sent by */
    const char *kind;          /* of the last one that may not */
    char refused[IP_TEXT_MAX];
    char words[CURL_ERROR_SIZE];
    bool no_memory;
    bool unset; /* an option was not accepted */
};

/* ------------------------------------------------------------------ addresses */

static bool may_call(struct transfer *t, const struct ip *ip, uint16_t port) {
    const char *kind = egress_refuses(ip, port, t->terms->allowed, t->terms->allowed_count);
    if (kind != NULL) {
        t->kind = kind;
        ip_text(ip, t->refused);
    }
    return kind == NULL;
}

static uint16_t port_of(const struct sockaddr *a) {
    const unsigned char *p = (const unsigned char *)a->sa_data; // the same place in both families
    return (uint16_t)(p[0] << 8 | p[1]);
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a) {
    struct transfer *t = arg;
    struct ip ip;
    (void)purpose;
    if (!ip_of_sockaddr(&a->addr, &ip) || !may_call(t, &ip, port_of(&a->addr))) {
        return CURL_SOCKET_BAD;
    }
    t->tried++;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* RFC 9110, 9.2.2. */
static bool may_repeat(const char *method) {
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (strcmp(methods[i], method) == 0) {
            return true;
        }
    }
    return false;
}

/* A connection that was kept goes where it went when it was made; that is looked at again. When such a one breaks before an
 * answer, libcurl goes to the next: the other side may have done what it was sent. */
static int on_use(void *arg, char *remote, char *local, int remote_port, int local_port) {
    struct transfer *t = arg;
    struct ip ip;
    (void)local;
    (void)local_port;
    bool ok = ip_parse(remote, strlen(remote), &ip) && may_call(t, &ip, (uint16_t)remote_port);
    t->trouble = ok ? t->trouble : HTTP_ADDRESS;
    if (ok && t->uses++ > 0 && !may_repeat(t->hop->method)) {
        t->trouble = HTTP_CUT_OFF;
        ok = false;
    }
    return ok ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* ------------------------------------------------------------------ the answer */

static size_t give_up(struct transfer *t, enum http_trouble why) {
    t->trouble = why;
    return 0; // libcurl ends the transfer
}

static bool is_blank(const char *line, size_t len) {
    return len > 0 && (line[0] == '\r' || line[0] == '\n');
}

/* Two lengths (RFC 9112, 6.3): where such an answer ends nobody knows. */
static bool contradicts(const struct transfer *t, const char *line, size_t len) {
    static const char name[] = "Content-Length";
    struct bytes one, other;
    return http_header((struct bytes){line, len}, name, &one) &&
           http_header(buf_bytes(&t->head), name, &other) && !bytes_equal(one, other);
}

static void end_head(struct transfer *t) {
    (void)t->curl->easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
    if (t->status >= 200) {
        t->has_head = true;
        t->hop->on_head(t->hop->arg, (int32_t)t->status,
                        (struct jh_bytes){t->head.data, t->head.len});
    }
}

/* "Name: value" without its CR. */
static void add_line(struct buf *head, const char *line, size_t len) {
    struct bytes text = bytes_trim((struct bytes){line, len});
    buf_add(head, text.data, text.len);
    buf_char(head, '\n');
}

static size_t on_header(char *line, size_t size, size_t count, void *arg) {
    struct transfer *t = arg;
    size_t len = size * count;
    if (t->has_head) {
        return len; // trailers
    }
    if (len > 5 && memcmp(line, "HTTP/", 5) == 0) { // another one begins: behind 1xx
        buf_clear(&t->head);
    } else if (is_blank(line, len)) {
        end_head(t);
    } else if (t->head.len + len > JH_HTTP_HEADER_BYTES_MAX) {
        return give_up(t, HTTP_TOO_LONG);
    } else if (contradicts(t, line, len)) {
        return give_up(t, HTTP_NOT_HTTP);
    } else {
        add_line(&t->head, line, len);
    }
    return len;
}

static bool is_to_file(const struct transfer *t) {
    return t->hop->body_fd != -1 && t->status / 100 == 2;
}

/* A file has room for more than memory has. */
static uint64_t most_of(const struct transfer *t) {
    uint64_t most = t->hop->max_body;
    return is_to_file(t) || most < JH_HTTP_BODY_MAX ? most : JH_HTTP_BODY_MAX;
}

static int refuse_body(struct transfer *t, enum http_trouble why) {
    t->trouble = why;
    return -EBADMSG;
}

/* 0, -EBADMSG for what `trouble` says, or -ENOMEM. */
static int take(void *arg, struct bytes part) {
    struct transfer *t = arg;
    if (part.len > most_of(t) - t->size) {
        return refuse_body(t, HTTP_TOO_LONG);
    }
    t->size += part.len;
    if (is_to_file(t)) {
        return write_all(t->hop->body_fd, part) < 0 ? refuse_body(t, HTTP_DISK) : 0;
    }
    buf_add(&t->body->data, part.data, part.len);
    return t->body->data.failed ? -ENOMEM : 0;
}

static bool is_coding(struct bytes coding, const char *name) {
    return coding.len == strlen(name) && strncasecmp(coding.data, name, coding.len) == 0;
}

/* What says of itself that it is too long need not come. */
static int begin_body(struct transfer *t) {
    curl_off_t said = -1;
    struct bytes coding = {NULL, 0};
    (void)t->curl->easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &said);
    if (said > 0 && (uint64_t)said > most_of(t)) {
        return refuse_body(t, HTTP_TOO_LONG);
    }
    t->has_body = true;
    (void)http_header(buf_bytes(&t->head), "Content-Encoding", &coding);
    if (coding.len == 0 || is_coding(coding, "identity")) {
        return 0;
    }
    if (!is_coding(coding, "gzip") && !is_coding(coding, "x-gzip")) { // nobody asked for it
        return refuse_body(t, HTTP_NOT_HTTP);
    }
    t->gunzip = gunzip_new(t->curl);
    return t->gunzip == NULL ? -ENOMEM : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg) {
    struct transfer *t = arg;
    struct bytes piece = {data, size * count};
    if (t->hop->follows && http_is_redirect((int)t->status)) {
        return piece.len; // nobody reads it
    }
    int rc = t->has_body ? 0 : begin_body(t);
    if (rc == 0) {
        rc = t->gunzip == NULL ? take(t, piece) : gunzip_add(t->gunzip, piece, take, t);
    }
    t->no_memory = rc == -ENOMEM;
    if (rc < 0 && t->trouble == HTTP_NO_TROUBLE) {
        t->trouble = HTTP_NOT_HTTP;
    }
    return rc == 0 ? piece.len : 0; // libcurl ends the transfer
}

/* ------------------------------------------------------------------ the request */

#define SET(t_, option_, value_)                                                                   \
    ((t_)->unset |= (t_)->curl->easy_setopt((t_)->easy, (option_), (value_)) != CURLE_OK)

static void set_guard(struct transfer *t) {
    SET(t, CURLOPT_OPENSOCKETFUNCTION, on_open);
    SET(t, CURLOPT_OPENSOCKETDATA, t);
    SET(t, CURLOPT_PREREQFUNCTION, on_use);
    SET(t, CURLOPT_PREREQDATA, t);
    SET(t, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(t, CURLOPT_PROXY, "");
    SET(t, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(t, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(t, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(t, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");
    if (file != NULL) {
        SET(t, CURLOPT_CAINFO, file);
    }
    if (dir != NULL) {
        SET(t, CURLOPT_CAPATH, dir);
    }
}

static void set_limits(struct transfer *t) {
    int64_t ms = t->hop->timeout_ms;
    SET(t, CURLOPT_TIMEOUT_MS, (long)ms);
    SET(t, CURLOPT_CONNECTTIMEOUT_MS, ms < CONNECT_MS ? (long)ms : (long)CONNECT_MS);
    SET(t, CURLOPT_NOSIGNAL, 1L);
    SET(t, CURLOPT_QUICK_EXIT, 1L); // the end does not wait for a resolver's answer
}

static void set_answer(struct transfer *t) {
    SET(t, CURLOPT_HEADERFUNCTION, on_header);
    SET(t, CURLOPT_HEADERDATA, t);
    SET(t, CURLOPT_WRITEFUNCTION, on_body);
    SET(t, CURLOPT_WRITEDATA, t);
    SET(t, CURLOPT_ERRORBUFFER, t->words);
}

static bool add_text(struct transfer *t, const char *line) {
    struct curl_slist *more = t->curl->slist_append(t->lines, line);
    t->lines = more == NULL ? t->lines : more;
    return more != NULL;
}

/* "Name;" is libcurl's form of a header without a value. */
static bool add_headers(struct transfer *t) {
    struct buf line = {.data = NULL};
    bool ok = add_text(t, "Expect:") && add_text(t, "Accept-Encoding: gzip");
    bool typed = false;
    for (uint32_t i = 0; ok && i < t->hop->header_count; i++) {
        const struct jh_http_header *h = &t->hop->headers[i];
        bool empty = bytes_trim(bytes_of(h->value)).len == 0;
        typed = typed || strcasecmp(h->name, "Content-Type") == 0;
        buf_clear(&line);
        buf_printf(&line, empty ? "%s;" : "%s: %s", h->name, h->value);
        ok = !line.failed && add_text(t, line.data);
    }
    buf_free(&line);
    return ok && (typed || add_text(t, "Content-Type:")); // nobody knows what it is
}

/* An empty one is said to be (RFC 9110, 8.6). */
static bool wants_body(const char *method) {
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "PATCH") == 0;
}

static void set_method(struct transfer *t) {
    const struct fetch_hop *hop = t->hop;
    bool head = strcmp(hop->method, "HEAD") == 0, get = strcmp(hop->method, "GET") == 0;
    if (hop->body.len > 0 || wants_body(hop->method)) {
        SET(t, CURLOPT_POST, 1L);
        SET(t, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)hop->body.len);
        SET(t, CURLOPT_POSTFIELDS, hop->body.len > 0 ? hop->body.data : "");
    }
    if (head) {
        SET(t, CURLOPT_NOBODY, 1L);
    } else if (!get || hop->body.len > 0) {
        SET(t, CURLOPT_CUSTOMREQUEST, hop->method);
    }
}

static int prepare(struct transfer *t) {
    t->curl->easy_reset(t->easy);
    t->unset = false;
    set_guard(t);
    set_limits(t);
    set_answer(t);
    set_method(t);
    if (!add_headers(t)) {
        return -ENOMEM;
    }
    SET(t, CURLOPT_USERAGENT, t->terms->agent); // a header of that name goes before it
    SET(t, CURLOPT_HTTPHEADER, t->lines);
    SET(t, CURLOPT_URL, t->hop->url);
    return t->unset ? -ENOSYS : 0; // not without what guards it
}

/* ------------------------------------------------------------------ until it is over */

static bool is_cancelled(int cancel_fd, const struct curl_waitfd *w) {
    return cancel_fd != -1 && (w->revents & CURL_WAIT_POLLIN) != 0;
}

static int64_t stopwatch_ms(void) {
    return env_stopwatch_us() / 1000;
}

/* 0 and libcurl's word, -ECANCELED or -ENOMEM. */
static int perform(struct transfer *t, int cancel_fd, CURLcode *ret) {
    const struct curl_api *c = t->curl;
    struct curl_waitfd cancel = {.fd = cancel_fd, .events = CURL_WAIT_POLLIN};
    int running = 1, left;
    while (c->multi_perform(t->multi, &running) == CURLM_OK && running > 0) {
        (void)c->multi_poll(t->multi, &cancel, cancel_fd == -1 ? 0 : 1, LOOK_MS, NULL);
        if (is_cancelled(cancel_fd, &cancel)) {
            return -ECANCELED;
        }
    }
    const CURLMsg *m = c->multi_info_read(t->multi, &left);
    if (m == NULL) {
        return -ENOMEM;
    }
    *ret = m->data.result;
    return 0;
}

static enum http_trouble trouble_of(CURLcode code) {
    static const struct {
        CURLcode code;
        enum http_trouble trouble;
    } known[] = {
        {CURLE_OK, HTTP_NO_TROUBLE},
        {CURLE_COULDNT_RESOLVE_HOST, HTTP_NAME},
        {CURLE_COULDNT_CONNECT, HTTP_CONNECT},
        {CURLE_OPERATION_TIMEDOUT, HTTP_TIMEOUT},
        {CURLE_PEER_FAILED_VERIFICATION, HTTP_CERTIFICATE},
        {CURLE_SSL_CONNECT_ERROR, HTTP_CERTIFICATE},
        {CURLE_SSL_CACERT_BADFILE, HTTP_CERTIFICATE},
        {CURLE_SSL_CIPHER, HTTP_CERTIFICATE},
        {CURLE_SSL_ISSUER_ERROR, HTTP_CERTIFICATE},
        {CURLE_WEIRD_SERVER_REPLY, HTTP_NOT_HTTP},
        {CURLE_UNSUPPORTED_PROTOCOL, HTTP_NOT_HTTP}, // HTTP/0.9
        {CURLE_BAD_CONTENT_ENCODING, HTTP_NOT_HTTP},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].code == code) {
            return known[i].trouble;
        }
    }
    return HTTP_CUT_OFF;
}

static void say_address(struct transfer *t, struct arena *arena, struct fetch_got *ret) {
    ret->trouble = HTTP_ADDRESS;
    ret->words = arena_printf(arena,
                              "%s may not be called (%s): if it is meant to be, list it in "
                              "sandbox.allow_private of the plugin",
                              t->refused, t->kind);
}

static void say_trouble(struct transfer *t, CURLcode code, struct arena *arena,
                        struct fetch_got *ret) {
    bool no_way = t->kind != NULL && t->tried == 0 && code != CURLE_OK;
    ret->trouble = t->trouble != HTTP_NO_TROUBLE     ? t->trouble
                   : code != CURLE_OK || t->has_head ? trouble_of(code)
                   : t->status == 101                ? HTTP_NOT_HTTP // from here on
                                                     : HTTP_CUT_OFF;
    if (t->trouble == HTTP_ADDRESS || no_way) {
        say_address(t, arena, ret);
    } else if (t->trouble == HTTP_NO_TROUBLE && code != CURLE_OK) {
        ret->words =
            arena_str(arena, t->words[0] == '\0' ? t->curl->easy_strerror(code) : t->words);
    }
}

static int keep(struct transfer *t, struct arena *arena, struct fetch_got *ret) {
    char *next = NULL;
    (void)t->curl->easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &next);
    struct bytes head = arena_bytes(arena, buf_bytes(&t->head));
    ret->status = (int32_t)t->status;
    ret->headers = (struct jh_bytes){head.data, head.len};
    ret->body = (struct jh_bytes){t->body->data.data, t->body->data.len};
    ret->body_size = t->size;
    ret->next_url = arena_str(arena, next);
    return t->head.failed || t->body->data.failed || (head.len > 0 && head.data == NULL) ||
                   (next != NULL && ret->next_url == NULL)
               ? -ENOMEM
               : 0;
}

static int conclude(struct transfer *t, CURLcode code, struct arena *arena, struct fetch_got *ret) {
    bool no_room = code == CURLE_OUT_OF_MEMORY;
    if (no_room && ret->sent) { // of libcurl's own for a line of the answer
        t->trouble = HTTP_TOO_LONG;
    }
    if (t->no_memory || (no_room && !ret->sent)) {
        return -ENOMEM;
    }
    if (code == CURLE_URL_MALFORMAT) {
        return -EINVAL;
    }
    if (code == CURLE_OK && t->gunzip != NULL && !gunzip_is_whole(t->gunzip)) {
        t->trouble = HTTP_CUT_OFF;
    }
    say_trouble(t, code, arena, ret);
    if (ret->trouble != HTTP_NO_TROUBLE) {
        buf_free(&t->body->data);
    }
    return keep(t, arena, ret);
}

static int go(struct transfer *t, int cancel_fd, struct arena *arena, struct fetch_got *ret) {
    int64_t began_ms = stopwatch_ms();
    CURLcode code = CURLE_OK;
    int rc = prepare(t);
    if (rc < 0) {
        return rc;
    }
    if (t->curl->multi_add_handle(t->multi, t->easy) != CURLM_OK) {
        return -ENOMEM;
    }
    rc = perform(t, cancel_fd, &code);
    ret->took_ms = stopwatch_ms() - began_ms;
    ret->sent = t->uses > 0;
    rc = rc < 0 ? rc : conclude(t, code, arena, ret);
    (void)t->curl->multi_remove_handle(t->multi, t->easy);
    return rc;
}

static void begin(struct transfer *t, const struct fetch_hop *hop, struct body *body) {
    t->hop = hop;
    t->body = body;
    t->has_head = t->has_body = t->no_memory = false;
    t->status = 0;
    t->size = 0;
    t->trouble = HTTP_NO_TROUBLE;
    t->tried = t->uses = 0;
    t->kind = NULL;
    t->words[0] = '\0';
}

static void end(struct transfer *t) {
    t->curl->slist_free_all(t->lines);
    t->lines = NULL;
    gunzip_free(&t->gunzip);
    buf_free(&t->head);
    t->head = (struct buf){.data = NULL};
}

int transfer_run(struct transfer *t, const struct fetch_hop *hop, int cancel_fd,
                 struct arena *arena, struct fetch_got *ret) {
    struct body *body = calloc(1, sizeof *body);
    if (body == NULL) {
        return -ENOMEM;
    }
    body->next = t->bodies;
    t->bodies = body;
    begin(t, hop, body);
    int rc = go(t, cancel_fd, arena, ret);
    end(t);
    return rc;
}

void transfer_forget(struct transfer *t) {
    while (t->bodies != NULL) {
        struct body *b = t->bodies;
        t->bodies = b->next;
        buf_free(&b->data);
        free(b);
    }
}

/* ------------------------------------------------------------------ life */

struct transfer *transfer_new(const struct transfer_terms *terms) {
    const struct curl_api *curl = curl_api();
    struct transfer *t = curl == NULL ? NULL : calloc(1, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    *t = (struct transfer){.curl = curl, .terms = terms};
    t->multi = curl->multi_init();
    t->easy = curl->easy_init();
    if (t->multi == NULL || t->easy == NULL ||
        curl->multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX) != CURLM_OK) {
        transfer_free(t);
        return NULL;
    }
    return t;
}

void transfer_free(struct transfer *t) {
    if (t == NULL) {
        return;
    }
    transfer_forget(t);
    t->curl->easy_cleanup(t->easy);
    (void)t->curl->multi_cleanup(t->multi);
    free(t);
}
