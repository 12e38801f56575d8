// Nothing stops at the first match: each key makes its HMAC and is compared with each signature, in
// constant time, whichever of them is right. Counted at the calls of libcrypto.
#include <openssl/crypto.h>

#include "intake_fixture.h"

static unsigned sums, compared;

int __real_EVP_MAC_final(EVP_MAC_CTX *ctx, unsigned char *out, size_t *outl, size_t outsize);
int __wrap_EVP_MAC_final(EVP_MAC_CTX *ctx, unsigned char *out, size_t *outl, size_t outsize);
int __wrap_EVP_MAC_final(EVP_MAC_CTX *ctx, unsigned char *out, size_t *outl, size_t outsize) {
    sums++;
    return __real_EVP_MAC_final(ctx, out, outl, outsize);
}

int __real_CRYPTO_memcmp(const void *a, const void *b, size_t len);
int __wrap_CRYPTO_memcmp(const void *a, const void *b, size_t len);
int __wrap_CRYPTO_memcmp(const void *a, const void *b, size_t len) {
    compared++;
    return __real_CRYPTO_memcmp(a, b, len);
}

static void expect_calls(struct intake *in, int status, unsigned want_sums,
                         unsigned want_compared) {
    sums = compared = 0;
    EXPECT_EQ_INT(status, intake_check(in));
    EXPECT_EQ_UINT(want_sums, sums);
    EXPECT_EQ_UINT(want_compared, compared);
}

static void test_hmac_keys(void) {
    static const char *const keys[] = {"k0", "k1", "k2", "wrong"};
    struct intake in;
    intake_begin(&in, "verify: {github: [k0, k1, k2]}");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char sum[129];
        intake_body(&in, "body", 4);
        intake_header(&in, "X-Hub-Signature-256", "sha256=%s",
                      own_hex(EVP_sha256(), keys[i], strlen(keys[i]), "body", 4, sum));
        expect_calls(&in, i < 3 ? 0 : 401, 3, 3);
    }
    intake_end(&in);
}

static void test_signatures(void) {
    struct intake in;
    char sum[129];
    intake_begin(&in, "verify: {stripe: [k0, k1]}");
    for (int right = 0; right < 4; right++) {
        intake_body(&in, "{}", 2);
        char *value = intake_header(&in, "Stripe-Signature", "t=1795254000");
        for (int i = 0; i < 3; i++) {
            const char *key = i == right ? "k0" : "wrong";
            (void)own_hex(EVP_sha256(), key, strlen(key), "1795254000.{}", 13, sum);
            (void)strcat(strcat(value, ",v1="), sum);
        }
        in.headers[0].value = bytes_of(value);
        expect_calls(&in, right < 3 ? 0 : 401, 2, 6);
    }
    intake_end(&in);
}

static void test_tokens(void) {
    static const char *const given[] = {"t0", "t1", "t2", "no", ""};
    struct intake in;
    intake_begin(&in, "verify: {gitlab: [t0, t1, t2]}");
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        intake_body(&in, "", 0);
        intake_header(&in, "X-Gitlab-Token", "%s", given[i]);
        expect_calls(&in, i < 3 ? 0 : 401, 0, 3);
    }
    intake_end(&in);
}

static const struct expect_test tests[] = {
    {"every key makes its HMAC", test_hmac_keys},
    {"every signature is compared", test_signatures},
    {"every token is compared", test_tokens},
};
SUITE_MAIN("verify_keys", tests)
