#include "intake/mac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>

// `keyed` is what others are copied from and is never used itself. `spare` is one that nobody uses
// at the moment; NULL while somebody does.
struct mac {
    EVP_MAC_CTX *keyed; // NULL: a plain hash
    EVP_MD *md;
    size_t size;
    _Atomic(void *) spare; // EVP_MAC_CTX, or EVP_MD_CTX of a plain hash
};

static const struct {
    const char *name;
    size_t size;
} hashes[] = {
    [MAC_SHA1] = {"SHA1", 20}, [MAC_SHA256] = {"SHA256", 32}, [MAC_SHA512] = {"SHA512", 64}};

// ---- contexts

static void *take_context(const struct mac *m) {
    struct mac *own = (struct mac *)m; // the spare one is no part of what it is
    void *spare = atomic_exchange(&own->spare, NULL);
    if (spare != NULL) {
        return spare;
    }
    return m->keyed != NULL ? (void *)EVP_MAC_CTX_dup(m->keyed) : (void *)EVP_MD_CTX_new();
}

static void free_context(const struct mac *m, void *context) {
    if (m->keyed != NULL) {
        EVP_MAC_CTX_free(context);
    } else {
        EVP_MD_CTX_free(context);
    }
}

static void give_context(const struct mac *m, void *context) {
    struct mac *own = (struct mac *)m;
    free_context(m, atomic_exchange(&own->spare, context));
}

// ---- making

struct mac *mac_new_plain(enum mac_hash hash) {
    struct mac *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->size = hashes[hash].size;
    m->md = EVP_MD_fetch(NULL, hashes[hash].name, NULL);
    if (m->md == NULL) {
        mac_free(&m);
    }
    return m;
}

static EVP_MAC_CTX *new_keyed(const char *hash, struct bytes key) {
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = algorithm == NULL ? NULL : EVP_MAC_CTX_new(algorithm);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)hash, 0),
        OSSL_PARAM_construct_end(),
    };
    // an empty key is one, too, if it has an address
    const unsigned char *at = key.len == 0 ? (const unsigned char *)"" : key.data;
    if (context != NULL && EVP_MAC_init(context, at, key.len, params) != 1) {
        EVP_MAC_CTX_free(context);
        context = NULL;
    }
    EVP_MAC_free(algorithm);
    return context;
}

struct mac *mac_new(enum mac_hash hash, struct bytes key) {
    struct mac *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->size = hashes[hash].size;
    m->keyed = new_keyed(hashes[hash].name, key);
    if (m->keyed == NULL) {
        mac_free(&m);
    }
    return m;
}

void mac_free(struct mac **m) {
    if (*m == NULL) {
        return;
    }
    free_context(*m, atomic_load(&(*m)->spare));
    EVP_MAC_CTX_free((*m)->keyed);
    EVP_MD_free((*m)->md);
    free(*m);
    *m = NULL;
}

// ---- using

static bool sum_keyed(EVP_MAC_CTX *context, const struct bytes *parts, size_t count,
                      uint8_t out[MAC_MAX]) {
    size_t len;
    bool good = EVP_MAC_init(context, NULL, 0, NULL) == 1;
    for (size_t i = 0; i < count && good; i++) {
        good = parts[i].len == 0 || EVP_MAC_update(context, parts[i].data, parts[i].len) == 1;
    }
    return good && EVP_MAC_final(context, out, &len, MAC_MAX) == 1;
}

static bool sum_plain(EVP_MD_CTX *context, EVP_MD *md, const struct bytes *parts, size_t count,
                      uint8_t out[MAC_MAX]) {
    bool good = EVP_DigestInit_ex2(context, md, NULL) == 1;
    for (size_t i = 0; i < count && good; i++) {
        good = parts[i].len == 0 || EVP_DigestUpdate(context, parts[i].data, parts[i].len) == 1;
    }
    return good && EVP_DigestFinal_ex(context, out, NULL) == 1;
}

size_t mac_size(const struct mac *m) {
    return m->size;
}

bool mac_sum(const struct mac *m, const struct bytes *parts, size_t count, uint8_t out[MAC_MAX]) {
    void *context = take_context(m);
    if (context == NULL) {
        return false;
    }
    bool good = m->keyed != NULL ? sum_keyed(context, parts, count, out)
                                 : sum_plain(context, m->md, parts, count, out);
    give_context(m, context);
    return good;
}
