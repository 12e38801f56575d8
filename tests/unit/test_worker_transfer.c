// Calls by HTTP as a run thread makes them, fetch.c over libcurl, against a server that answers to the byte.
#define _GNU_SOURCE // RTLD_NEXT
#include "worker/transfer.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/write_all.h"
#include "expect.h"

#define NOW INT64_C(1795254000000)

/* ------------------------------------------------------------------ a server */

struct page {
    const char *path, *bytes; /* NULL: nothing, until its client has gone */
    size_t len;
    bool kept; /* the connection is */
};
#define PAGE(path_, bytes_)                                                                        \
    { (path_), (bytes_), sizeof(bytes_) - 1, false }

static struct {
    int fd, port;
    pthread_t thread;
    const struct page *pages;
    size_t page_count;
    int heard_fd;    /* a request is there */
    struct buf last; // request
    _Atomic unsigned asked;
} site;

static const struct page *page_of(const char *path) {
    for (size_t i = 0; i < site.page_count; i++) {
        size_t len = strlen(site.pages[i].path);
        if (strncmp(site.pages[i].path, path, len) == 0 && path[len] == ' ') {
            return &site.pages[i];
        }
    }
    return NULL;
}

/* The next request, if it has a page. */
static const struct page *ask(int fd) {
    char chunk[4096];
    ssize_t n = 0;
    buf_clear(&site.last);
    buf_str(&site.last, " ");
    while (strstr(site.last.data, "\r\n\r\n") == NULL && (n = read(fd, chunk, sizeof chunk)) > 0) {
        buf_add(&site.last, chunk, (size_t)n);
    }
    buf_consume(&site.last, 1);
    if (n <= 0) {
        return NULL;
    }
    site.asked++;
    const char *path = strchr(site.last.data, ' ');
    return path == NULL ? NULL : page_of(path + 1);
}

static void answer(int fd) {
    char chunk[4096];
    const struct page *p;
    bool more = true;
    while (more && (p = ask(fd)) != NULL) {
        (void)eventfd_write(site.heard_fd, 1);
        if (p->bytes == NULL) {
            (void)!read(fd, chunk, sizeof chunk);
        }
        (void)write_all(fd, (struct bytes){p->bytes, p->len});
        more = p->kept;
    }
    (void)shutdown(fd, SHUT_WR);
    while (read(fd, chunk, sizeof chunk) > 0) {
    }
    (void)close(fd);
}

static void *serve(void *arg) {
    int fd;
    while ((fd = accept(site.fd, NULL, NULL)) != -1) {
        answer(fd);
    }
    return arg;
}

static void site_open(const struct page *pages, size_t count) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    site.pages = pages;
    site.page_count = count;
    site.asked = 0;
    site.heard_fd = eventfd(0, EFD_CLOEXEC);
    site.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_TRUE(bind(site.fd, (struct sockaddr *)&a, len) == 0 && listen(site.fd, 16) == 0 &&
                getsockname(site.fd, (struct sockaddr *)&a, &len) == 0);
    site.port = ntohs(a.sin_port);
    EXPECT_EQ_INT(0, pthread_create(&site.thread, NULL, serve, NULL));
}

static void site_close(void) {
    (void)shutdown(site.fd, SHUT_RDWR);
    (void)pthread_join(site.thread, NULL);
    (void)close(site.fd);
    (void)close(site.heard_fd);
    buf_free(&site.last);
}

/* ------------------------------------------------------------------ who calls */

static struct {
    struct arena arena;
    struct transfer *transfer;
    int cancel_fd, refused;
    unsigned granted, observed, given_back;
    int status;
} own = {.cancel_fd = -1};

static int check(struct jh_call *call) {
    (void)call;
    return 0;
}

static int refuse(struct jh_call *call, const char *name, int rc) {
    (void)call;
    (void)name;
    own.refused = rc;
    return rc;
}

static int64_t now_ms(struct jh_call *call) {
    (void)call;
    return NOW;
}

static struct arena *arena(struct jh_call *call) {
    (void)call;
    return &own.arena;
}

static int exchange(struct jh_call *call, const struct fetch_hop *hop, struct fetch_got *ret) {
    (void)call;
    return transfer_run(own.transfer, hop, own.cancel_fd, &own.arena, ret);
}

static int acquire(struct jh_call *call, const char *name, uint32_t n, int64_t wait_ms,
                   uint64_t *ret_ticket, struct jh_wait *ret_wait) {
    (void)call, (void)name, (void)n, (void)wait_ms, (void)ret_wait;
    *ret_ticket = ++own.granted;
    return 0;
}

static int observe(struct jh_call *call, uint64_t ticket, int32_t status, struct jh_bytes headers) {
    (void)call, (void)ticket, (void)headers;
    own.observed++;
    own.status = status;
    return 0;
}

static int give_back(struct jh_call *call, uint64_t ticket) {
    (void)call, (void)ticket;
    own.given_back++;
    return 0;
}

static void log_nothing(struct jh_call *call, int32_t level, const char *text) {
    (void)call, (void)level, (void)text;
}

static const struct jh_limit limit = {
    .size = sizeof limit, .acquire = acquire, .observe = observe, .give_back = give_back};
static const struct fetch_ops ops = {check, refuse, now_ms, arena, &limit, exchange};
static const struct jh_host host = {.log = log_nothing};
static struct egress_rule here;

static bool begin(const struct page *pages, size_t count) {
    static struct transfer_terms terms = {.allowed = &here, .allowed_count = 1, .agent = "test/1"};
    struct err e = {0};
    site_open(pages, count);
    EXPECT_EQ_INT(0, egress_rule_parse("127.0.0.1", &here, &e));
    own.cancel_fd = eventfd(0, EFD_CLOEXEC);
    own.refused = own.status = 0;
    own.granted = own.observed = own.given_back = 0;
    own.transfer = transfer_new(&terms);
    return EXPECT_TRUE(own.transfer != NULL);
}

static void end(void) {
    transfer_free(own.transfer);
    arena_free(&own.arena);
    (void)close(own.cancel_fd);
    site_close();
}

static int fetch(const char *path, struct jh_http_request q, struct jh_http_answer *ret) {
    struct jh_call call = {&host};
    char url[256];
    if (path[0] == '/') {
        (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", site.port, path);
    } else {
        (void)snprintf(url, sizeof url, "%s", path);
    }
    q.size = sizeof q;
    q.url = q.url == NULL ? url : q.url;
    *ret = (struct jh_http_answer){.size = sizeof *ret};
    return fetch_run(&call, &ops, &q, ret);
}

/* ------------------------------------------------------------------ what is cancelled, or takes too long */

/* "stuck.example" resolves when the test says so: a name server that does not answer. */
static struct {
    int fds[2];
    _Atomic unsigned inside;
    sem_t left;
} resolver;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &symbol, sizeof real);
    if (name == NULL || strcmp(name, "stuck.example") != 0) {
        return real(name, service, hints, ret);
    }
    struct pollfd p = {.fd = resolver.fds[0], .events = POLLIN};
    resolver.inside++;
    (void)eventfd_write(site.heard_fd, 1);
    (void)poll(&p, 1, 10000);
    resolver.inside--;
    (void)sem_post(&resolver.left);
    return EAI_AGAIN;
}

static void *cancel_when_heard(void *arg) {
    eventfd_t count;
    (void)eventfd_read(site.heard_fd, &count);
    (void)eventfd_write(own.cancel_fd, 1);
    return arg;
}

static int fetch_cancelled(const char *url, struct jh_http_answer *ret) {
    pthread_t thread;
    const struct jh_http_request q = {.limit = "l"};
    EXPECT_EQ_INT(0, pthread_create(&thread, NULL, cancel_when_heard, NULL));
    int rc = fetch(url, q, ret);
    (void)pthread_join(thread, NULL);
    return rc;
}

/* The other side may have counted it. */
static void test_cancelled_after_it_was_sent(void) {
    static const struct page pages[] = {{"/never", NULL, 0, false}};
    struct jh_http_answer a;
    if (begin(pages, ARRAY_LEN(pages))) {
        EXPECT_EQ_INT(-ECANCELED, fetch_cancelled("/never", &a));
        EXPECT_EQ_UINT(1, own.granted);
        EXPECT_EQ_UINT(1, own.observed);
        EXPECT_EQ_UINT(0, own.given_back);
    }
    end();
}

static void test_a_name_that_nobody_resolves(void) {
    struct jh_http_answer a;
    if (begin(NULL, 0) && EXPECT_EQ_INT(0, pipe(resolver.fds)) &&
        EXPECT_EQ_INT(0, sem_init(&resolver.left, 0, 0))) {
        EXPECT_EQ_INT(-ECANCELED, fetch_cancelled("http://stuck.example/", &a));
        EXPECT_TRUE(resolver.inside > 0);
        EXPECT_EQ_UINT(1, own.given_back);
        (void)close(own.cancel_fd);
        own.cancel_fd = -1;
        EXPECT_EQ_INT(
            0, fetch("http://stuck.example/", (struct jh_http_request){.timeout_ms = 50}, &a));
        EXPECT_EQ_STR("timeout", a.code);
        EXPECT_TRUE(resolver.inside > 0);
        (void)close(resolver.fds[1]);
        (void)sem_wait(&resolver.left); // of both
        (void)sem_wait(&resolver.left);
    }
    end();
}

/* ------------------------------------------------------------------ what is no whole answer */

#define HEAD(status_, headers_) "HTTP/1.1 " status_ " So\r\nConnection: close\r\n" headers_ "\r\n"

/* What a server can send is never a mistake of the plugin's. */
static void test_troubles(void) {
    static const struct {
        struct page page;
        jh_class cls;
        const char *code;
    } rows[] = {
        {PAGE("/port", HEAD("302", "Location: http://127.0.0.1:99999/\r\n")), JH_E_UPSTREAM,
         "redirects"},
        {PAGE("/host", HEAD("302", "Location: http://a%00b/\r\n")), JH_E_UPSTREAM, "redirects"},
        {PAGE("/v6", HEAD("302", "Location: http://[::1/\r\n")), JH_E_UPSTREAM, "redirects"},
        {PAGE("/101", HEAD("101", "Upgrade: x\r\n") "x"), JH_E_UPSTREAM, "not_http"},
        {PAGE("/lengths", HEAD("200", "Content-Length: 4\r\nContent-Length: 2\r\n") "four"),
         JH_E_UPSTREAM, "not_http"},
        {PAGE("/status", "HTTP/1.1 200 So\r\n"), JH_E_NETWORK, "cut_off"},
        {PAGE("/head", "HTTP/1.1 200 So\r\nContent-Le"), JH_E_NETWORK, "cut_off"},
        {PAGE("/chunks", HEAD("200", "Transfer-Encoding: chunked\r\n") "4\r\nfour\r\n"),
         JH_E_NETWORK, "cut_off"},
    };
    static struct page pages[ARRAY_LEN(rows)];
    struct jh_http_answer a;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        pages[i] = rows[i].page;
    }
    if (begin(pages, ARRAY_LEN(pages))) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            EXPECT_EQ_INT(0, fetch(rows[i].page.path, (struct jh_http_request){.limit = "l"}, &a));
            EXPECT_EQ_INT(0, a.status);
            EXPECT_EQ_INT(rows[i].cls, a.cls);
            EXPECT_EQ_STR(rows[i].code, a.code);
            EXPECT_EQ_UINT(0, a.body.len);
        }
        EXPECT_EQ_UINT(own.granted, own.observed + own.given_back);
    }
    end();
}

/* One header that is longer than libcurl has room for. */
static void test_a_long_line(void) {
    static char bytes[150000];
    static const char head[] = "HTTP/1.1 200 So\r\nX: ";
    const struct page pages[] = {{"/", bytes, sizeof bytes, false}};
    struct jh_http_answer a;
    memset(bytes, 'a', sizeof bytes);
    memcpy(bytes, head, sizeof head - 1);
    memcpy(bytes + sizeof bytes - 4, "\r\n\r\n", 4);
    if (begin(pages, ARRAY_LEN(pages))) {
        EXPECT_EQ_INT(0, fetch("/", (struct jh_http_request){.limit = "l"}, &a));
        EXPECT_EQ_INT(JH_E_PERMANENT, a.cls);
        EXPECT_EQ_STR("too_long", a.code);
        EXPECT_EQ_UINT(1, own.observed);
    }
    end();
}

/* A kept connection that breaks before an answer: what may not be repeated is not. */
static void test_a_kept_connection_breaks(void) {
    static const char bytes[] = "HTTP/1.1 200 So\r\nContent-Length: 2\r\n\r\nok";
    static const struct page pages[] = {{"/kept", bytes, sizeof bytes - 1, true}};
    static const struct {
        const char *method;
        unsigned asked;
    } rows[] = {{"GET", 3}, {"PUT", 3}, {"POST", 2}, {"PATCH", 2}};
    struct jh_http_answer a;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (begin(pages, ARRAY_LEN(pages))) {
            const struct jh_http_request q = {.method = rows[i].method, .limit = "l"};
            EXPECT_EQ_INT(0, fetch("/kept", (struct jh_http_request){.limit = "l"}, &a));
            EXPECT_EQ_INT(200, a.status);
            EXPECT_EQ_INT(0, fetch("/lost", q, &a));
            EXPECT_EQ_STR("cut_off", a.code);
            EXPECT_EQ_UINT(rows[i].asked, site.asked);
            EXPECT_EQ_UINT(2, own.observed);
        }
        end();
    }
}

/* Servers answer 411 to what does not say that it is empty. */
static void test_no_body(void) {
    static const struct page pages[] = {PAGE("/", HEAD("204", ""))};
    static const struct {
        const char *method;
        bool says;
    } rows[] = {{"POST", true}, {"PUT", true}, {"PATCH", true}, {"DELETE", false}, {"GET", false}};
    struct jh_http_answer a;
    if (begin(pages, ARRAY_LEN(pages))) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            EXPECT_EQ_INT(0, fetch("/", (struct jh_http_request){.method = rows[i].method}, &a));
            EXPECT_EQ_INT(204, a.status);
            EXPECT_TRUE((strstr(site.last.data, "\r\nContent-Length: 0\r\n") != NULL) ==
                        rows[i].says);
            EXPECT_TRUE(strncmp(site.last.data, rows[i].method, strlen(rows[i].method)) == 0);
        }
    }
    end();
}

static void test_sizes(void) {
    static const struct page pages[] = {
        PAGE("/empty", HEAD("200", "Content-Length: 0\r\n")),
        PAGE("/304", HEAD("304", "Content-Length: 100\r\n")),
        PAGE("/moved", HEAD("302", "Location: /empty\r\nContent-Length: 11\r\n") "hello there"),
        PAGE("/busy", HEAD("503", "Retry-After: 7\r\nContent-Length: 11\r\n") "hello there"),
        PAGE("/404", HEAD("404", "Content-Length: 11\r\n") "hello there"),
    };
    static const struct jh_http_request ten = {.max_body = 10, .limit = "l"};
    struct jh_http_answer a;
    if (begin(pages, ARRAY_LEN(pages))) {
        EXPECT_EQ_INT(0, fetch("/empty", ten, &a));
        EXPECT_EQ_UINT(0, a.body.len);
        EXPECT_EQ_STR("", a.body.data);
        EXPECT_EQ_INT(0, fetch("/304", ten, &a));
        EXPECT_EQ_INT(304, a.status);
        EXPECT_EQ_INT(0, fetch("/moved", ten, &a));
        EXPECT_EQ_INT(200, a.status);
        EXPECT_EQ_INT(0, fetch("/busy", ten, &a));
        EXPECT_EQ_INT(0, a.status);
        EXPECT_EQ_INT(JH_E_UPSTREAM, a.cls);
        EXPECT_EQ_STR("too_long", a.code);
        EXPECT_EQ_INT(7000, a.retry_after_ms);
        EXPECT_EQ_INT(503, own.status);
        EXPECT_EQ_INT(0, fetch("/404", ten, &a));
        EXPECT_EQ_INT(JH_E_PERMANENT, a.cls);
    }
    end();
}

/* A file has room for what memory has not: an error's body is bounded all the same. */
static void test_sizes_of_a_file(void) {
    static const struct page pages[] = {
        PAGE("/file", HEAD("200", "Content-Length: 11\r\n") "hello there"),
        PAGE("/most", HEAD("404", "Content-Length: 268435456\r\n") "x"),
        PAGE("/more", HEAD("404", "Content-Length: 268435457\r\n") "x"),
    };
    struct jh_http_answer a;
    FILE *file = tmpfile();
    if (begin(pages, ARRAY_LEN(pages)) && EXPECT_TRUE(file != NULL)) {
        const struct jh_http_request q = {
            .flags = JH_HTTP_BODY_TO_FD, .body_fd = fileno(file), .max_body = UINT64_MAX};
        EXPECT_EQ_INT(0, fetch("/file", q, &a));
        EXPECT_EQ_UINT(11, a.body_size);
        EXPECT_EQ_STR("", a.body.data);
        EXPECT_EQ_INT(0, fetch("/most", q, &a));
        EXPECT_EQ_STR("cut_off", a.code);
        EXPECT_EQ_INT(0, fetch("/more", q, &a));
        EXPECT_EQ_STR("too_long", a.code);
        EXPECT_EQ_INT(11, lseek(fileno(file), 0, SEEK_END));
        (void)fclose(file);
    }
    end();
}

/* ------------------------------------------------------------------ gzip */

/* "hello there, hello there" */
static const char zipped[] =
    "\037\213\010\000\000\000\000\000\002\003\313\110\315\311\311\127\050\311\110\055"
    "\112\325\121\310\100\160\000\012\313\041\066\030\000\000\000";
enum { ZIPPED = sizeof zipped - 1 };

/* "4\r\nfour" and so on: `text` comes a byte at a time. */
static size_t put_chunks(char *out, const char *head, struct bytes text) {
    size_t len = (size_t)sprintf(out, "%s", head);
    for (size_t i = 0; i < text.len; i++) {
        len += (size_t)sprintf(out + len, "1\r\n%c\r\n", 'x');
        out[len - 3] = ((const char *)text.data)[i];
    }
    return len + (size_t)sprintf(out + len, "0\r\n\r\n");
}

/* However it comes, and wherever it breaks off: half of it is never taken for all. */
static void test_gzip(void) {
    static const struct {
        const char *path;
        size_t times, less; /* so often, and so many bytes of it are missing */
        const char *behind, *coding, *body, *code;
    } rows[] = {
        {"/whole", 1, 0, "", "gzip", "hello there, hello there", NULL},
        {"/x-gzip", 1, 0, "", "X-GZip", "hello there, hello there", NULL},
        {"/twice", 2, 0, "", "gzip", "hello there, hello therehello there, hello there", NULL},
        {"/tail", 1, 1, "", "gzip", "", "cut_off"},
        {"/half", 1, ZIPPED / 2, "", "gzip", "", "cut_off"},
        {"/first", 1, ZIPPED - 1, "", "gzip", "", "cut_off"},
        {"/second", 2, 1, "", "gzip", "", "cut_off"},
        {"/none", 0, 0, "", "gzip", "", NULL},
        {"/behind", 1, 0, "and more", "gzip", "", "not_http"},
        {"/other", 1, 0, "", "br", "", "not_http"},
        {"/both", 1, 0, "", "gzip, gzip", "", "not_http"},
        {"/plain", 0, 0, "as it is", "identity", "as it is", NULL},
    };
    struct page pages[2 * ARRAY_LEN(rows)];
    static char paths[ARRAY_LEN(rows)][32], bytes[2 * ARRAY_LEN(rows)][1024];
    struct jh_http_answer a;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char head[256], body[256];
        size_t len = 0;
        for (size_t n = 0; n < rows[i].times; n++, len += ZIPPED) {
            memcpy(body + len, zipped, ZIPPED);
        }
        len += (size_t)sprintf(body + len, "%s", rows[i].behind) - rows[i].less;
        (void)sprintf(paths[i], "%s-chunks", rows[i].path);
        size_t whole =
            (size_t)sprintf(bytes[2 * i], HEAD("200", "Content-Encoding: %s\r\n"), rows[i].coding);
        memcpy(bytes[2 * i] + whole, body, len); // it ends with the connection
        pages[2 * i] = (struct page){rows[i].path, bytes[2 * i], whole + len, false};
        (void)sprintf(head, HEAD("200", "Content-Encoding: %s\r\nTransfer-Encoding: chunked\r\n"),
                      rows[i].coding);
        pages[2 * i + 1] =
            (struct page){paths[i], bytes[2 * i + 1],
                          put_chunks(bytes[2 * i + 1], head, (struct bytes){body, len}), false};
    }
    if (begin(pages, ARRAY_LEN(pages))) {
        for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
            EXPECT_EQ_INT(0, fetch(pages[i].path, (struct jh_http_request){.max_body = 48}, &a));
            EXPECT_EQ_STR(rows[i / 2].code, a.code);
            EXPECT_EQ_STR(a.status == 200 ? rows[i / 2].body : NULL, a.body.data);
        }
        EXPECT_EQ_INT(0, fetch("/twice", (struct jh_http_request){.max_body = 47}, &a));
        EXPECT_EQ_STR("too_long", a.code);
    }
    end();
}

static const struct expect_test tests[] = {
    {"cancelled after it was sent", test_cancelled_after_it_was_sent},
    {"a name that nobody resolves", test_a_name_that_nobody_resolves},
    {"what is no whole answer", test_troubles},
    {"a long line", test_a_long_line},
    {"a kept connection breaks", test_a_kept_connection_breaks},
    {"no body", test_no_body},
    {"sizes", test_sizes},
    {"sizes of a file", test_sizes_of_a_file},
    {"gzip", test_gzip},
};

SUITE_MAIN("transfer", tests)
