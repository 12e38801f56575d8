#include "redis/tls.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/network.h"
#include "base/pem.h"

struct redis_tls {
    SSL_CTX *context;
};

static SSL_CTX *context_new(const struct redis_tls_files *files, struct err *e) {
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        (void)err_set(e, -ENOMEM, "cannot set up TLS: %s", pem_reason());
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    int r = 0;
    if (files->ca != NULL) {
        r = pem_trust(context, files->ca, e);
    } else if (SSL_CTX_set_default_verify_paths(context) != 1) {
        r = err_set(e, -EINVAL, "the system's certificate authorities cannot be read: %s",
                    pem_reason());
    }
    if (r == 0 && files->cert != NULL) {
        r = pem_use_pair(context, files->cert, files->key, e);
    }
    if (r != 0) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

struct redis_tls *redis_tls_new(const struct redis_tls_files *files, struct err *e) {
    struct redis_tls *t = calloc(1, sizeof *t);
    if (t == NULL) {
        (void)err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    t->context = context_new(files, e);
    if (t->context == NULL) {
        redis_tls_free(&t);
    }
    return t;
}

void redis_tls_free(struct redis_tls **at) {
    struct redis_tls *t = *at;
    if (t != NULL) {
        SSL_CTX_free(t->context); // sessions hold their own reference
        free(t);
        *at = NULL;
    }
}

/* The name is sent (SNI) and expected; an IP address is expected only, for SNI knows none. */
static bool expect_host(SSL *ssl, const char *host) {
    struct ip ip;
    if (ip_parse(host, strlen(host), &ip)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

struct bufferevent *redis_tls_connect(const struct redis_tls *t, struct event_base *base, int fd,
                                      const char *host) {
    SSL *ssl = SSL_new(t->context);
    if (ssl == NULL || !expect_host(ssl, host)) {
        SSL_free(ssl);
        return NULL;
    }
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        base, fd, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (bev == NULL) {
        SSL_free(ssl);
    }
    return bev;
}

/* ---- failures ---- */

static int untrusted(long why, const char *host, struct err *e) {
    const char *reason = X509_verify_cert_error_string(why);
    switch (why) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return err_set(e, -EPROTO,
                       "the server's certificate is not for %s: use the name it was issued for in "
                       "store.url",
                       host);
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return err_set(e, -EPROTO,
                       "%s of %s: it needs a new one (or this machine's clock is wrong)", reason,
                       host);
    default:
        return err_set(e, -EPROTO,
                       "the certificate of %s cannot be trusted (%s): name the authority that "
                       "issued it in store.tls.ca",
                       host, reason);
    }
}

/* What OpenSSL says in its own words, for those that tell nothing to a user. */
static const struct {
    int reason;
    const char *words;
} advice[] = {
    {SSL_R_WRONG_VERSION_NUMBER,
     "it does not speak TLS on this port: use redis:// or its TLS port"},
    {SSL_R_PACKET_LENGTH_TOO_LONG,
     "it does not speak TLS on this port: use redis:// or its TLS port"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
     "it wants a client certificate: name one in store.tls.cert and store.tls.key"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "it refuses the handshake; it may want a client certificate (store.tls.cert, store.tls.key)"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "it does not trust the client certificate in store.tls.cert"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "it offers no TLS 1.2 or later"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "it offers no TLS 1.2 or later"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, NULL}, // a cut like any other
};

int redis_tls_failure(struct bufferevent *bev, const char *host, struct err *e) {
    const SSL *ssl = bufferevent_openssl_get_ssl(bev);
    unsigned long code = bufferevent_get_openssl_error(bev);
    long why = ssl == NULL ? X509_V_OK : SSL_get_verify_result(ssl);
    ERR_clear_error();
    if (why != X509_V_OK) {
        return untrusted(why, host, e);
    }
    if (ERR_SYSTEM_ERROR(code) || ERR_GET_LIB(code) == 0) {
        return 0; // a reset, say, for which libevent keeps what SSL_get_error() returned
    }
    for (size_t i = 0; i < ARRAY_LEN(advice); i++) {
        if (ERR_GET_REASON(code) == advice[i].reason) {
            return advice[i].words == NULL
                       ? 0
                       : err_set(e, -EPROTO, "no TLS with %s: %s", host, advice[i].words);
        }
    }
    const char *reason = ERR_reason_error_string(code);
    return err_set(e, -EPROTO, "no TLS with %s: %s", host,
                   reason == NULL ? "unknown reason" : reason);
}
