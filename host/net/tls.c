#include "net/tls.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pem.h"

struct tls {
    SSL_CTX *context;
    char *cert_file, *key_file, *client_ca; /* the last may be NULL */
};

/* ---- contexts ---- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned offered_len, void *arg) {
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    // A request says where it ends, so a peer that leaves without a farewell cuts nothing off: what
    // is complete is answered, what is not is dropped.
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return context;
}

/* Nobody gets past the handshake without a certificate of these. Renewed ones need no word to us: who signs is what
 * counts. */
static int want_client(SSL_CTX *context, const char *ca_file, struct err *e) {
    int r = pem_trust(context, ca_file, e);
    STACK_OF(X509_NAME) *names = r == 0 ? SSL_load_client_CA_file(ca_file) : NULL;
    if (r == 0 && names == NULL) {
        r = err_set(e, -EINVAL, "%s: %s", ca_file, pem_reason());
    }
    if (r == 0) {
        SSL_CTX_set_client_CA_list(context, names); // taken
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return r;
}

static SSL_CTX *context_load(const struct tls *t, struct err *e) {
    ERR_clear_error();
    SSL_CTX *context = context_new();
    if (context == NULL) {
        (void)err_set(e, -ENOMEM, "cannot set up TLS: %s", pem_reason());
        return NULL;
    }
    if (pem_use_pair(context, t->cert_file, t->key_file, e) != 0 ||
        (t->client_ca != NULL && want_client(context, t->client_ca, e) != 0)) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

static bool keep_paths(struct tls *t, const struct tls_files *files) {
    t->cert_file = strdup(files->cert);
    t->key_file = strdup(files->key);
    t->client_ca = files->client_ca == NULL ? NULL : strdup(files->client_ca);
    return t->cert_file != NULL && t->key_file != NULL &&
           (t->client_ca == NULL) == (files->client_ca == NULL);
}

struct tls *tls_new(const struct tls_files *files, struct err *e) {
    struct tls *t = calloc(1, sizeof *t);
    if (t == NULL || !keep_paths(t, files)) {
        (void)err_set(e, -ENOMEM, "out of memory");
        tls_free(&t);
        return NULL;
    }
    t->context = context_load(t, e);
    if (t->context == NULL) {
        tls_free(&t);
    }
    return t;
}

int tls_reload(struct tls *t, struct err *e) {
    struct err why = {.code = 0};
    SSL_CTX *context = context_load(t, &why);
    if (context == NULL) {
        return err_set(e, why.code, "%s", why.msg);
    }
    SSL_CTX_free(t->context); // sessions hold their own reference
    t->context = context;
    return 0;
}

static int said_at(const ASN1_TIME *time, const char *what, const char *file, struct err *e) {
    struct tm tm = {0};
    char text[32] = "an unknown day";
    if (ASN1_TIME_to_tm(time, &tm) == 1) {
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    return err_set(e, -EINVAL, "%s: the certificate %s %s", file, what, text);
}

int tls_check_time(const struct tls *t, int64_t wall_ms, struct err *e) {
    const X509 *cert = SSL_CTX_get0_certificate(t->context);
    time_t now = (time_t)(wall_ms / 1000);
    if (X509_cmp_time(X509_get0_notAfter(cert), &now) < 0) {
        return said_at(X509_get0_notAfter(cert), "expired at", t->cert_file, e);
    }
    if (X509_cmp_time(X509_get0_notBefore(cert), &now) > 0) {
        return said_at(X509_get0_notBefore(cert), "is not valid before", t->cert_file, e);
    }
    return 0;
}

void tls_free(struct tls **at) {
    struct tls *t = *at;
    if (t != NULL) {
        SSL_CTX_free(t->context);
        free(t->cert_file);
        free(t->key_file);
        free(t->client_ca);
        free(t);
        *at = NULL;
    }
}

/* ---- sessions ---- */

struct bufferevent *tls_accept(struct tls *t, struct event_base *base, int fd) {
    SSL *ssl = SSL_new(t->context);
    if (ssl == NULL) {
        ERR_clear_error();
        return NULL;
    }
    // takes the session, also when it fails; the descriptor only when it does not
    return bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
}

void tls_say_goodbye(struct bufferevent *bev) {
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    if (SSL_is_init_finished(ssl) == 1 && (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN) == 0) {
        ERR_clear_error();
        (void)SSL_shutdown(ssl); // the peer's own farewell is not waited for
        ERR_clear_error();
    }
}

void tls_peer_name(struct bufferevent *bev, char *out, size_t cap) {
    const X509 *cert = SSL_get0_peer_certificate(bufferevent_openssl_get_ssl(bev));
    out[0] = '\0';
    if (cert != NULL &&
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out, (int)cap) < 0) {
        out[0] = '\0';
    }
    for (char *c = out; *c != '\0'; c++) {
        *c = *c < ' ' || *c > '~' || *c == '"' ? '?' : *c; // it goes into logs
    }
}

bool tls_was_plain_http(struct bufferevent *bev) {
    unsigned long error;
    bool plain = false;
    while ((error = bufferevent_get_openssl_error(bev)) != 0) {
        plain = plain || ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST;
    }
    return plain;
}
