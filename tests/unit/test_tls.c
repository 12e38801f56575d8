// TLS: certificate files, their reload and time, and the handshake's place among deadlines and caps. What is negotiated and real
// clients: tests/e2e/test_http_tls.py.
#include <event2/buffer.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "net/server_private.h"
#include "net/tls.h"

#include "server_fixture.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

enum { DAY_S = 86400 };

struct files {
    char dir[64];
    char cert[96], key[96], other_key[96];
};

static void write_key(const char *path, EVP_PKEY *key) {
    FILE *f = fopen(path, "w");
    EXPECT_EQ_INT(1, PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
    (void)fclose(f);
}

/* A self-signed certificate that is valid from `from` to `to` seconds from now. */
static void write_pair(const struct files *files, long from, long to) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), from);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), to);
    (void)X509_set_pubkey(cert, key);
    (void)X509_sign(cert, key, EVP_sha256());
    FILE *f = fopen(files->cert, "w");
    EXPECT_EQ_INT(1, PEM_write_X509(f, cert));
    (void)fclose(f);
    write_key(files->key, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static struct files make_files(void) {
    struct files files = {.dir = "/tmp/jobhost-test-XXXXXX"};
    if (mkdtemp(files.dir) == NULL) {
        abort();
    }
    (void)snprintf(files.cert, sizeof files.cert, "%s/cert", files.dir);
    (void)snprintf(files.key, sizeof files.key, "%s/key", files.dir);
    (void)snprintf(files.other_key, sizeof files.other_key, "%s/other", files.dir);
    write_pair(&files, -DAY_S, DAY_S);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    write_key(files.other_key, key);
    EVP_PKEY_free(key);
    return files;
}

static void remove_files(const struct files *files) {
    (void)unlink(files->cert);
    (void)unlink(files->key);
    (void)unlink(files->other_key);
    (void)rmdir(files->dir);
}

/* ---- files ---- */

static void test_files(void) {
    struct files files = make_files();
    const struct {
        const char *cert, *key, *client_ca, *words; // NULL = taken
    } rows[] = {
        {files.cert, files.key, NULL, NULL},
        {files.cert, files.key, files.cert, NULL},
        {"/none", files.key, NULL, "cannot read /none: No such file"},
        {files.cert, "/none", NULL, "cannot read /none: No such file"},
        {files.cert, files.key, "/none", "cannot read /none: No such file"},
        {files.key, files.key, NULL, "no certificate in PEM form"},
        {"/dev/null", files.key, NULL, "no certificate in PEM form"},
        {files.cert, files.cert, NULL, "no private key in PEM form"},
        {files.cert, files.key, files.key, "no certificate of an authority in PEM form"},
        {files.cert, files.other_key, NULL, "does not belong to the certificate in"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {.msg = ""};
        struct tls *t =
            tls_new(&(struct tls_files){rows[i].cert, rows[i].key, rows[i].client_ca}, &e);
        EXPECT_TRUE((t != NULL) == (rows[i].words == NULL));
        EXPECT_CONTAINS(rows[i].words == NULL ? "" : rows[i].words, e.msg);
        tls_free(&t);
        EXPECT_NULL(t);
    }
    remove_files(&files);
}

static void test_time(void) {
    static const struct {
        long from, to;
        const char *words;
    } rows[] = {
        {-DAY_S, DAY_S, ""},
        {-2 * DAY_S, -DAY_S, "expired at"},
        {DAY_S, 2 * DAY_S, "is not valid before"},
    };
    struct files files = make_files();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {.msg = ""};
        write_pair(&files, rows[i].from, rows[i].to);
        struct tls *t = tls_new(&(struct tls_files){files.cert, files.key, NULL}, &e);
        EXPECT_EQ_INT(rows[i].words[0] == '\0' ? 0 : -EINVAL,
                      tls_check_time(t, (int64_t)time(NULL) * 1000, &e));
        EXPECT_CONTAINS(rows[i].words, e.msg);
        tls_free(&t);
    }
    remove_files(&files);
}

/* ---- sessions ---- */

static void start(struct fixture *f, struct tls *tls, struct server_limits limits) {
    struct err e = {.msg = ""};
    *f = fixture_defaults();
    f->config.limits = limits;
    fixture_start(f);
    struct server_door admin = {.address = f->address, .admin = true};
    struct server_door door = {.address = "127.0.0.1:0", .tls = tls};
    EXPECT_EQ_INT(0, server_listen(f->server, &admin, &e));
    EXPECT_EQ_INT(0, server_listen(f->server, &door, &e));
    EXPECT_TRUE(strncmp("https://127.0.0.1:", server_url(f->server, 0), 18) == 0);
}

/* A client's session on a new connection; its handshake is done with `f` in turn. NULL: refused. */
static SSL *client_tls(struct fixture *f, SSL_CTX *context) {
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, client_tcp(f));
    int r = -1;
    for (int turn = 0; r != 1 && turn < FIXTURE_TURNS; turn++) {
        fixture_turn(f);
        r = SSL_connect(ssl);
    }
    EXPECT_EQ_INT(1, r);
    fixture_settle(f); // the server's half of it
    return ssl;
}

static void client_tls_close(SSL *ssl) {
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
}

/* The first bytes of the answer to `text`. */
static int client_tls_ask(struct fixture *f, SSL *ssl, const char *text, char *out, int cap) {
    int n = 0;
    EXPECT_EQ_INT((int)strlen(text), SSL_write(ssl, text, (int)strlen(text)));
    for (int turn = 0; n <= 0 && turn < FIXTURE_TURNS; turn++) {
        fixture_turn(f);
        n = SSL_read(ssl, out, cap - 1);
    }
    out[n < 0 ? 0 : n] = '\0';
    return n;
}

static void test_session(void) {
    struct files files = make_files();
    struct err e = {.msg = ""};
    struct tls *tls = tls_new(&(struct tls_files){files.cert, files.key, NULL}, &e);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct fixture f;
    char text[1024];
    start(&f, tls, server_limits_default);
    SSL *before = client_tls(&f, context);
    EXPECT_TRUE(client_tls_ask(&f, before, GET, text, sizeof text) > 0);
    EXPECT_TRUE(strncmp(text, "HTTP/1.1 200 ", 13) == 0);
    // a new pair is for new sessions, those under way keep theirs
    X509 *old = SSL_get1_peer_certificate(before);
    write_pair(&files, -DAY_S, 2 * DAY_S);
    EXPECT_EQ_INT(0, tls_reload(tls, &e));
    SSL *after = client_tls(&f, context);
    X509 *now = SSL_get1_peer_certificate(after);
    EXPECT_TRUE(X509_cmp(old, now) != 0);
    EXPECT_TRUE(client_tls_ask(&f, before, GET, text, sizeof text) > 0);
    client_tls_close(after);
    X509_free(old);
    // one that cannot be used changes nothing
    (void)unlink(files.key);
    EXPECT_EQ_INT(-ENOENT, tls_reload(tls, &e));
    EXPECT_CONTAINS(files.key, e.msg);
    after = client_tls(&f, context);
    old = SSL_get1_peer_certificate(after);
    EXPECT_EQ_INT(0, X509_cmp(old, now));
    X509_free(old);
    X509_free(now);
    // idle sessions are ended by a drain, and with a farewell
    server_drain(f.server);
    fixture_settle(&f);
    EXPECT_EQ_INT(0, SSL_read(before, text, sizeof text));
    EXPECT_EQ_INT(SSL_ERROR_ZERO_RETURN, SSL_get_error(before, 0));
    EXPECT_EQ_UINT(0, server_connections(f.server));
    client_tls_close(before);
    client_tls_close(after);
    fixture_stop(&f);
    SSL_CTX_free(context);
    tls_free(&tls);
    remove_files(&files);
}

static void test_handshake_deadline(void) {
    struct files files = make_files();
    struct err e = {.msg = ""};
    struct tls *tls = tls_new(&(struct tls_files){files.cert, files.key, NULL}, &e);
    struct server_limits limits = server_limits_default;
    limits.handshake_ms = 5000;
    struct fixture f;
    start(&f, tls, limits);
    static const char *const openings[] = {"", "\x16\x03\x01\x02"};
    for (size_t i = 0; i < ARRAY_LEN(openings); i++) {
        int fd = client_tcp(&f);
        fixture_settle(&f);
        fixture_wait(&f, 2500);
        client_say(&f, fd, openings[i]); // moves nothing
        fixture_wait(&f, 2499);
        EXPECT_EQ_UINT(1, server_connections(f.server));
        fixture_wait(&f, 1);
        EXPECT_EQ_UINT(0, server_connections(f.server));
        close(fd);
    }
    // with the handshake the head's deadline begins
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = client_tls(&f, context);
    fixture_wait(&f, limits.header_ms - 1);
    EXPECT_EQ_UINT(1, server_connections(f.server));
    fixture_wait(&f, 1);
    EXPECT_EQ_UINT(0, server_connections(f.server));
    client_tls_close(ssl);
    fixture_stop(&f);
    SSL_CTX_free(context);
    tls_free(&tls);
    remove_files(&files);
}

/* Who has not yet shaken hands counts, and who is over the cap hears no plain text. */
static void test_handshake_caps(void) {
    struct files files = make_files();
    struct err e = {.msg = ""};
    struct tls *tls = tls_new(&(struct tls_files){files.cert, files.key, NULL}, &e);
    struct server_limits limits = server_limits_default;
    limits.connections_per_peer = 1;
    struct fixture f;
    struct buf in = {0};
    start(&f, tls, limits);
    int first = client_tcp(&f);
    fixture_settle(&f);
    int second = client_tcp(&f);
    fixture_settle(&f);
    EXPECT_EQ_UINT(1, server_connections(f.server));
    EXPECT_EQ_INT(0, client_poll(second, &in));
    EXPECT_EQ_UINT(0, in.len);
    int other = client_tcp_from(&f, 2);
    fixture_settle(&f);
    EXPECT_EQ_UINT(2, server_connections(f.server));
    server_drain(f.server);
    EXPECT_EQ_UINT(0, server_connections(f.server));
    close(first);
    close(second);
    close(other);
    fixture_stop(&f);
    tls_free(&tls);
    remove_files(&files);
}

static size_t input_of(const struct fixture *f) {
    return evbuffer_get_length(bufferevent_get_input(f->server->live->bev));
}

/* Requests without end, answered one by one: what waits does not grow with each answer. */
static void test_pipelined_input(void) {
    static const char *const requests[] = {"GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n"};
    enum { RECORD = 16 * 1024, ANSWERS = 50 };
    struct files files = make_files();
    struct err e = {.msg = ""};
    struct tls *tls = tls_new(&(struct tls_files){files.cert, files.key, NULL}, &e);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct fixture f;
        struct buf record = {0};
        start(&f, tls, server_limits_default);
        SSL *ssl = client_tls(&f, context);
        while (record.len + strlen(requests[i]) <= RECORD) {
            buf_str(&record, requests[i]);
        }
        size_t most = 0;
        for (int turn = 0; f.handled < ANSWERS && turn < FIXTURE_TURNS; turn++) {
            (void)SSL_write(ssl, record.data, (int)record.len); // the same while there is no room
            fixture_settle(&f);
            most = input_of(&f) > most ? input_of(&f) : most;
            if (f.kept_count == 1 && i == 0) {
                respond(f.kept[0], 200, "text/plain", bytes_of("x"));
            } else if (f.kept_count == 1) {
                respond_stream_begin(f.kept[0], 200, "text/event-stream");
            }
            f.kept_count = 0;
        }
        EXPECT_EQ_UINT(ANSWERS, f.handled);
        EXPECT_TRUE(most <
                    server_limits_default.request_line + server_limits_default.headers + RECORD);
        client_tls_close(ssl);
        fixture_settle(&f);
        fixture_stop(&f);
        buf_free(&record);
    }
    SSL_CTX_free(context);
    tls_free(&tls);
    remove_files(&files);
}

/* The end of the session comes with the farewell, and behind one whole answer of this status. */
static void expect_last_answer(struct fixture *f, SSL *ssl, const char *status) {
    struct buf in = {0};
    char part[4096];
    int n = -1, error = SSL_ERROR_WANT_READ;
    for (int turn = 0; error == SSL_ERROR_WANT_READ && turn < FIXTURE_TURNS; turn++) {
        fixture_turn(f);
        n = SSL_read(ssl, part, sizeof part);
        buf_add(&in, part, n > 0 ? (size_t)n : 0);
        error = n > 0 ? SSL_ERROR_WANT_READ : SSL_get_error(ssl, n);
    }
    EXPECT_EQ_INT(SSL_ERROR_ZERO_RETURN, error);
    EXPECT_CONTAINS(status, in.data == NULL ? "" : in.data);
    EXPECT_CONTAINS("}}\n", in.data == NULL ? "" : in.data);
    EXPECT_EQ_UINT(0, f->handled); // not what stands behind it
    buf_free(&in);
}

/* However soon after the handshake a malformed request comes, in two pieces and with one behind it, and
 * however soon the peer ends: it is told, and the session ends in order. `pause` is the number of turns
 * that the server gets before the first piece, then before the others. */
static void check_refused_early(struct tls *tls, int version, int pause, int end) {
    static const char *const pieces[] = {"GET  / HT", "TP/1.1\r\n\r\n", GET};
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct fixture f;
    start(&f, tls, server_limits_default);
    (void)SSL_CTX_set_max_proto_version(context, version);
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, client_tcp(&f));
    for (int turn = 0, r = -1; r != 1 && turn < FIXTURE_TURNS; turn++) {
        fixture_turn(&f);
        r = SSL_connect(ssl); // the server has not seen the last of it
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        for (int turn = 0; turn < (i == 0 ? pause / 3 : pause % 3); turn++) {
            fixture_turn(&f);
        }
        (void)SSL_write(ssl, pieces[i], (int)strlen(pieces[i]));
    }
    if (end == 1) {
        (void)SSL_shutdown(ssl);
    }
    if (end > 0) {
        (void)shutdown(SSL_get_fd(ssl), SHUT_WR); // end == 2: without a farewell
    }
    expect_last_answer(&f, ssl, "HTTP/1.1 400 ");
    client_tls_close(ssl);
    fixture_settle(&f);
    EXPECT_EQ_UINT(0, server_connections(f.server));
    fixture_stop(&f);
    SSL_CTX_free(context);
}

static void test_refused_early(void) {
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct files files = make_files();
    struct err e = {.msg = ""};
    struct tls *tls = tls_new(&(struct tls_files){files.cert, files.key, NULL}, &e);
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        for (int pause = 0; pause < 9; pause++) {
            for (int end = 0; end < 3; end++) {
                check_refused_early(tls, versions[i], pause, end);
            }
        }
    }
    tls_free(&tls);
    remove_files(&files);
}

static const struct expect_test tests[] = {
    {"a request that is refused right after the handshake", test_refused_early},
    {"files of certificates and keys", test_files},
    {"a certificate's time", test_time},
    {"sessions, reload, farewell", test_session},
    {"the handshake's deadline", test_handshake_deadline},
    {"handshakes and caps", test_handshake_caps},
    {"input behind answers that nobody takes", test_pipelined_input},
};

SUITE_MAIN("tls", tests)
