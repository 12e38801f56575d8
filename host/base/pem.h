/* Certificates and keys in PEM files, put into an OpenSSL context: what servers and clients of TLS
 * share. Errors name the file and what is wrong with it. */
#ifndef JOBHOST_BASE_PEM_H
#define JOBHOST_BASE_PEM_H

#include "base/err.h"

struct ssl_ctx_st;

/* The newest reason in OpenSSL's queue of this thread, which is emptied; a constant. */
const char *pem_reason(void);

/* A certificate chain and its key. 0, -EINVAL, or what opening a file says. */
int pem_use_pair(struct ssl_ctx_st *context, const char *cert_file, const char *key_file,
                 struct err *e);
/* Authorities to trust. 0, -EINVAL, or what opening the file says. */
int pem_trust(struct ssl_ctx_st *context, const char *ca_file, struct err *e);

#endif
