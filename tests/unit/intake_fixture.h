/* A hook from the text of its `verify`, deliveries to it, and signatures that are made apart from the
 * code under test (HMAC() of libcrypto, printf). */
#ifndef JOBHOST_TESTS_INTAKE_FIXTURE_H
#define JOBHOST_TESTS_INTAKE_FIXTURE_H

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdarg.h>

#include "config/config.h"
#include "expect.h"
#include "intake/verify.h"

#define NOW_S INT64_C(1795254000)

extern char **environ;

struct intake {
    struct config *config;
    struct verifier *verifier;
    struct arena arena;
    struct header headers[16];
    size_t header_count;
    struct delivery d;
    struct verdict verdict;
    char texts[16][1024];
};

/* A config of one hook; its words go to `errors` (may be NULL). NULL if it is refused. */
static inline struct config *intake_config(const char *verify, struct buf *errors) {
    struct buf text = {0};
    struct config_report report;
    const struct config_load_options options = {.memory_only = true};
    struct config_env *env = config_env_new(environ);
    buf_printf(&text,
               "host: {base_url: \"https://jobs.example.com\"}\n"
               "hooks: {h: {path: /hooks/h, job: hello.echo, %s}}\n",
               verify);
    struct config *c = config_load_text("t.yaml", buf_bytes(&text), env, &options, &report);
    if (errors != NULL) {
        config_report_print(&report, false, errors);
    }
    config_report_finish(&report);
    config_env_free(&env);
    buf_free(&text);
    return c;
}

/* "verify: ..., tolerance: ..." */
static inline void intake_begin(struct intake *in, const char *verify) {
    struct buf errors = {0};
    struct err e = {.msg = ""};
    *in = (struct intake){.d = {.target = "/hooks/h", .now_ms = NOW_S * 1000 + 999}};
    in->d.headers = in->headers;
    in->config = intake_config(verify, &errors);
    EXPECT_STR("", errors.data == NULL ? "" : errors.data);
    buf_free(&errors);
    if (EXPECT_TRUE(in->config != NULL)) {
        EXPECT_EQ_INT(
            0, verifier_new(&in->config->hooks[0], in->config->host.base_url, &in->verifier, &e));
        EXPECT_STR("", e.msg);
    }
}

static inline void intake_end(struct intake *in) {
    verifier_release(&in->verifier);
    config_free(&in->config);
    arena_free(&in->arena);
}

/* A delivery without headers. */
static inline void intake_body(struct intake *in, const void *body, size_t len) {
    in->header_count = 0;
    in->d.body = (struct bytes){body, len};
}

__attribute__((format(printf, 3, 4))) static inline char *
intake_header(struct intake *in, const char *name, const char *fmt, ...) {
    size_t at = in->header_count++;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(in->texts[at], sizeof in->texts[at], fmt, ap);
    va_end(ap);
    in->headers[at] = (struct header){bytes_of(name), bytes_of(in->texts[at])};
    return in->texts[at];
}

static inline int intake_check(struct intake *in) {
    in->d.header_count = in->header_count;
    verifier_check(in->verifier, &in->d, &in->arena, &in->verdict);
    return in->verdict.status;
}

static inline int intake_head(struct intake *in) {
    in->d.header_count = in->header_count;
    verifier_check_head(in->verifier, &in->d, &in->arena, &in->verdict);
    return in->verdict.status;
}

/* What the verdict says of the cause; "" when it passed. */
static inline const char *intake_why(struct intake *in) {
    return intake_check(in) == 0 ? "" : in->verdict.check;
}

/* ---- signatures of the test's own */

static inline const char *own_hex(const EVP_MD *md, const void *key, size_t key_len,
                                  const void *text, size_t len, char out[129]) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    (void)HMAC(md, key, (int)key_len, text, len, sum, &n);
    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", sum[i]);
    }
    return out;
}

static inline const char *own_base64(const EVP_MD *md, const void *key, size_t key_len,
                                     const void *text, size_t len, char out[129]) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    (void)HMAC(md, key, (int)key_len, text, len, sum, &n);
    (void)EVP_EncodeBlock((unsigned char *)out, sum, (int)n);
    return out;
}

#endif
