#include "intake/verify.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "intake/scheme.h"

struct verifier {
    atomic_uint holders;
    struct arena arena;
    struct config_vault vault;
    struct mac *sha256;
    const char *base_url;
    struct way *ways;
    size_t way_count;
};

// ---- making

static void free_ring(struct keyring *ring) {
    for (size_t i = 0; i < ring->count; i++) {
        mac_free(&ring->macs[i]);
    }
}

static void way_finish(struct way *w) {
    if (w->scheme != NULL && w->scheme->finish != NULL) {
        w->scheme->finish(w);
    }
    free_ring(&w->keys);
    free_ring(&w->old_keys);
}

static void verifier_free(struct verifier *v) {
    for (size_t i = 0; i < v->way_count; i++) {
        way_finish(&v->ways[i]);
    }
    mac_free(&v->sha256);
    config_vault_free(&v->vault);
    arena_free(&v->arena);
    free(v);
}

static int way_init(struct verifier *v, struct way *w, const struct config_verify *c,
                    const struct ways_ask *ask, struct err *e) {
    const struct scheme *scheme = scheme_find(c->scheme);
    if (scheme == NULL) {
        return err_set(e, -EINVAL, "%s: no such scheme", c->scheme);
    }
    *w = (struct way){.scheme = scheme,
                      .tolerance_ms =
                          ask->tolerance_ms == 0 ? scheme->tolerance_ms : ask->tolerance_ms,
                      .sha256 = v->sha256,
                      .arena = &v->arena,
                      .vault = &v->vault,
                      .base_url = v->base_url,
                      .signs = ask->signs};
    return scheme->init(w, c, e);
}

static struct verifier *verifier_alloc(size_t way_count, const char *base_url) {
    struct verifier *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return NULL;
    }
    atomic_init(&v->holders, 1);
    v->sha256 = mac_new_plain(MAC_SHA256);
    v->ways = arena_zalloc(&v->arena, way_count * sizeof v->ways[0]);
    v->base_url = arena_str(&v->arena, base_url == NULL ? "" : base_url);
    if (v->sha256 == NULL || v->ways == NULL || v->base_url == NULL) {
        verifier_free(v);
        return NULL;
    }
    return v;
}

int ways_new(const struct ways_ask *ask, struct verifier **ret, struct err *e) {
    struct verifier *v = verifier_alloc(ask->count, ask->base_url);
    if (v == NULL) {
        return err_set(e, -ENOMEM, "no memory for the keys of a hook");
    }
    while (v->way_count < ask->count) {
        size_t i = v->way_count++;
        int r = way_init(v, &v->ways[i], &ask->verify[i], ask, e);
        if (r < 0) {
            verifier_free(v);
            return r;
        }
    }
    *ret = v;
    return 0;
}

const struct way *ways_first(const struct verifier *v) {
    return &v->ways[0];
}

int verifier_new(const struct config_hook *hook, const char *base_url, struct verifier **ret,
                 struct err *e) {
    const struct ways_ask ask = {.verify = hook->verify,
                                 .count = hook->verify_count,
                                 .tolerance_ms = hook->tolerance_ms,
                                 .base_url = base_url};
    return ways_new(&ask, ret, e);
}

struct verifier *verifier_hold(struct verifier *v) {
    atomic_fetch_add(&v->holders, 1);
    return v;
}

void verifier_release(struct verifier **v) {
    if (*v != NULL && atomic_fetch_sub(&(*v)->holders, 1) == 1) {
        verifier_free(*v);
    }
    *v = NULL;
}

// ---- judging

// Two lines of a header that proves something are malformed for whoever reads it, equal or not.
static bool is_repeated(const struct verifier *v, const struct delivery *d, struct verdict *ret) {
    for (size_t i = 0; i < v->way_count; i++) {
        const struct way *w = &v->ways[i];
        struct check c = {.way = w, .d = d, .ret = ret};
        struct bytes value;
        for (size_t j = 0; j < WAY_HEADERS; j++) {
            if (w->headers[j] != NULL && check_header(d, w->headers[j], &value) > 1) {
                ret->scheme = w->scheme->name;
                check_refused(&c, 400, "header_repeated", "header %s is there more than once",
                              w->headers[j]);
                return true;
            }
        }
    }
    return false;
}

static bool is_meant(const struct way *w, const struct delivery *d) {
    static const unsigned char telling[] = {WAY_SIGNATURE, WAY_LEGACY};
    struct bytes value;
    for (size_t i = 0; i < ARRAY_LEN(telling); i++) {
        const char *name = w->headers[telling[i]];
        if (name != NULL && check_header(d, name, &value) > 0) {
            return true;
        }
    }
    return w->headers[WAY_SIGNATURE] == NULL; // asks for none
}

static bool judge_way(const struct way *w, const struct delivery *d, struct arena *a, bool whole,
                      struct verdict *ret) {
    struct check c = {.way = w, .d = d, .a = a, .ret = ret};
    *ret = (struct verdict){.scheme = w->scheme->name};
    bool good = w->scheme->head(&c) && (!whole || w->scheme->prove(&c));
    if (!good) {
        ret->id = ret->replay = ret->content = (struct bytes){NULL, 0};
        ret->id_signed = false;
    }
    return good;
}

// One way that passes is enough; of several failures the first of a way whose headers are there is
// told, since that is what the sender meant. A malformed header spoils the request for all.
static void judge(const struct verifier *v, const struct delivery *d, struct arena *a, bool whole,
                  struct verdict *ret) {
    bool told_meant = false, told = false;
    *ret = (struct verdict){.status = 401, .check = "header_missing", .detail = "no scheme"};
    if (is_repeated(v, d, ret)) {
        return;
    }
    for (size_t i = 0; i < v->way_count; i++) {
        struct verdict one;
        bool meant = is_meant(&v->ways[i], d);
        if (judge_way(&v->ways[i], d, a, whole, &one) || one.status == 400) {
            *ret = one;
            return;
        }
        if (!told || (meant && !told_meant)) {
            *ret = one;
            told = true;
            told_meant = meant;
        }
    }
}

void verifier_check_head(const struct verifier *v, const struct delivery *d, struct arena *a,
                         struct verdict *ret) {
    judge(v, d, a, false, ret);
}

void verifier_check(const struct verifier *v, const struct delivery *d, struct arena *a,
                    struct verdict *ret) {
    judge(v, d, a, true, ret);
}
