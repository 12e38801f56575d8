#include "base/pem.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>

const char *pem_reason(void) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason == NULL ? "unknown reason" : reason;
}

/* Called for an encrypted key only; the default one would ask on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *arg) {
    (void)buf;
    (void)size;
    (void)writing;
    *(bool *)arg = true;
    return 0;
}

static int check_readable(const char *file, struct err *e) {
    FILE *f = fopen(file, "re");
    if (f == NULL) {
        return err_errno(e, -errno, "cannot read %s", file);
    }
    (void)fclose(f);
    return 0;
}

static int load_cert(SSL_CTX *context, const char *file, struct err *e) {
    int r = check_readable(file, e);
    if (r == 0 && SSL_CTX_use_certificate_chain_file(context, file) != 1) {
        r = err_set(e, -EINVAL, "%s: no certificate in PEM form (%s)", file, pem_reason());
    }
    return r;
}

static int load_key(SSL_CTX *context, const char *cert_file, const char *key_file, struct err *e) {
    bool encrypted = false;
    FILE *f = fopen(key_file, "re");
    if (f == NULL) {
        return err_errno(e, -errno, "cannot read %s", key_file);
    }
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, no_passphrase, &encrypted);
    (void)fclose(f);
    if (key == NULL) {
        const char *why = pem_reason();
        return encrypted
                   ? err_set(e, -EINVAL, "%s: the key is encrypted; store it without a passphrase",
                             key_file)
                   : err_set(e, -EINVAL, "%s: no private key in PEM form (%s)", key_file, why);
    }
    int ok = SSL_CTX_use_PrivateKey(context, key);
    EVP_PKEY_free(key);
    if (ok != 1) {
        return err_set(e, -EINVAL, "%s: the key does not belong to the certificate in %s (%s)",
                       key_file, cert_file, pem_reason());
    }
    return 0;
}

int pem_use_pair(SSL_CTX *context, const char *cert_file, const char *key_file, struct err *e) {
    int r = load_cert(context, cert_file, e);
    return r == 0 ? load_key(context, cert_file, key_file, e) : r;
}

int pem_trust(SSL_CTX *context, const char *ca_file, struct err *e) {
    int r = check_readable(ca_file, e);
    if (r == 0 && SSL_CTX_load_verify_file(context, ca_file) != 1) {
        r = err_set(e, -EINVAL, "%s: no certificate of an authority in PEM form (%s)", ca_file,
                    pem_reason());
    }
    return r;
}
