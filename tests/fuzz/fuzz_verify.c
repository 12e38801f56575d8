// Deliveries for every scheme. The first byte says what is done:
//   0  the rest is headers and a body: nobody without the key is accepted
//   1  the rest is a body, signed here: accepted; with one bit changed, not
//   2  the rest is the payload of a token, signed here: accepted only with all that it needs
#include <string.h>

#include "base/decode.h"
#include "base/json.h"
#include "config/config.h"
#include "fuzz.h"
#include "intake/mac.h"
#include "intake/sign.h"
#include "intake/verify.h"

#define NOW_MS INT64_C(1795254000000)
#define URL    "https://jobs.example.com/hooks/h"
#define WHSEC  "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

enum { HEADERS_MAX = 16, PARAMS = 8 };

static struct config_option qstash[PARAMS] = {{.name = "current", .value = "sig_4711"},
                                              {.name = "next", .value = "sig_4712"}};
static struct config_option standard[PARAMS] = {{.name = "secret", .value = WHSEC}};
static struct config_option secret[PARAMS] = {{.name = "secret", .value = "fuzzed-secret"},
                                              {.name = "allow_sha1", .value = "true"},
                                              {.name = "public_url", .value = URL}};
static struct config_option hmac[PARAMS] = {
    {.name = "secret", .value = "fuzzed-secret"},
    {.name = "header", .value = "X-Sig"},
    {.name = "template", .value = "{id}:{timestamp}:{body}"},
    {.name = "id_header", .value = "X-Id"},
    {.name = "label", .value = "s"},
    {.name = "timestamp_label", .value = "t"},
};

static const struct {
    const char *name;
    struct config_option *params;
    size_t count;
} schemes[] = {{"qstash", qstash, 2},  {"standard_webhooks", standard, 1},
               {"svix", standard, 1},  {"github", secret, 2},
               {"stripe", secret, 1},  {"slack", secret, 1},
               {"shopify", secret, 1}, {"twilio", secret, 3},
               {"hmac", hmac, 6},      {"gitlab", secret, 1},
               {"bearer", secret, 1}};
enum { TOKENS = 9 }; // from here on the body is not signed

static struct verifier *verifiers[ARRAY_LEN(schemes)];
static struct verifier *all;

static void prepare(void) {
    static struct config_verify entries[ARRAY_LEN(schemes)];
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        entries[i] = (struct config_verify){schemes[i].name, schemes[i].params, schemes[i].count};
        const struct config_hook hook = {.verify = &entries[i], .verify_count = 1};
        FUZZ_CHECK(verifier_new(&hook, "https://jobs.example.com/", &verifiers[i], NULL) == 0);
    }
    const struct config_hook hook = {.verify = entries, .verify_count = ARRAY_LEN(schemes)};
    FUZZ_CHECK(verifier_new(&hook, "https://jobs.example.com/", &all, NULL) == 0);
}

static int judge(const struct verifier *v, const struct delivery *d) {
    struct arena a = {.head = NULL};
    struct verdict head, whole;
    verifier_check_head(v, d, &a, &head);
    verifier_check(v, d, &a, &whole);
    FUZZ_CHECK(whole.status == 0 || whole.status == 400 || whole.status == 401);
    FUZZ_CHECK(head.status == 0 || whole.status != 0); // what the head refuses is refused
    FUZZ_CHECK((whole.status == 0) == (whole.check == NULL));
    FUZZ_CHECK(memchr(whole.detail, '\0', sizeof whole.detail) != NULL);
    FUZZ_CHECK(whole.status != 0 ||
               (whole.id.len <= VERIFY_ID_MAX && whole.replay.len <= VERIFY_ID_MAX));
    int status = whole.status;
    arena_free(&a);
    return status;
}

// ---- from anybody

static struct bytes next_line(struct bytes *rest) {
    const char *p = rest->data;
    const char *end = rest->len == 0 ? NULL : memchr(p, '\n', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - p);
    size_t step = len + (end != NULL);
    *rest = (struct bytes){p + step, rest->len - step};
    return (struct bytes){p, len};
}

static void anybody(struct bytes input) {
    struct header headers[HEADERS_MAX];
    struct delivery d = {.headers = headers, .target = "/hooks/h?a=1", .now_ms = NOW_MS};
    while (d.header_count < HEADERS_MAX) {
        struct bytes line = next_line(&input);
        const char *colon = line.len == 0 ? NULL : memchr(line.data, ':', line.len);
        if (colon == NULL) {
            break;
        }
        size_t name = (size_t)(colon - (const char *)line.data);
        headers[d.header_count++] = (struct header){
            {line.data, name}, bytes_trim((struct bytes){colon + 1, line.len - name - 1})};
    }
    d.body = input;
    FUZZ_CHECK(judge(all, &d) != 0);
}

// ---- signed here

static void signed_body(size_t scheme, unsigned bit, struct bytes body) {
    const struct config_verify c = {schemes[scheme].name, schemes[scheme].params,
                                    schemes[scheme].count};
    const struct sign_ask ask = {
        .url = URL, .id = "msg_1", .content_type = "", .body = body, .now_ms = NOW_MS};
    struct arena a = {.head = NULL};
    struct signature made;
    struct header headers[SIGN_HEADERS_MAX];
    FUZZ_CHECK(sign_delivery(&c, &ask, &a, &made, NULL) == 0);
    for (size_t i = 0; i < made.count; i++) {
        headers[i] =
            (struct header){bytes_of(made.headers[i].name), bytes_of(made.headers[i].value)};
    }
    char *copy = arena_strn(&a, body.data == NULL ? "" : body.data, body.len);
    struct delivery d = {.headers = headers,
                         .header_count = made.count,
                         .body = {copy, body.len},
                         .target = strstr(made.url, "/hooks"),
                         .now_ms = NOW_MS};
    FUZZ_CHECK(copy != NULL && judge(verifiers[scheme], &d) == 0);
    if (body.len > 0 && scheme < TOKENS) {
        copy[bit / 8 % body.len] ^= (char)(1 << bit % 8);
        FUZZ_CHECK(judge(verifiers[scheme], &d) != 0);
    }
    arena_free(&a);
}

static void signed_payload(struct bytes payload) {
    struct buf token = {0};
    uint8_t sum[MAC_MAX];
    struct mac *key = mac_new(MAC_SHA256, bytes_of("sig_4711"));
    buf_str(&token, "eyJhbGciOiJIUzI1NiJ9.");
    encode_bytes(DECODE_BASE64URL, payload.data, payload.len, &token);
    struct bytes text = buf_bytes(&token);
    FUZZ_CHECK(key != NULL && mac_sum(key, &text, 1, sum));
    buf_char(&token, '.');
    encode_bytes(DECODE_BASE64URL, sum, 32, &token);
    const struct header header = {bytes_of("Upstash-Signature"), buf_bytes(&token)};
    const struct delivery d = {.headers = &header,
                               .header_count = 1,
                               .body = {"", 0},
                               .target = "/hooks/h",
                               .now_ms = NOW_MS};
    if (judge(verifiers[0], &d) == 0) {
        static const char *const needed[] = {"exp", "nbf", "body"};
        FUZZ_CHECK(json_is_valid(payload));
        FUZZ_CHECK(bytes_equal(json_member(payload, "iss"), bytes_of("\"Upstash\"")) ||
                   memchr(payload.data, '\\', payload.len) != NULL);
        for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
            FUZZ_CHECK(json_member(payload, needed[i]).len > 0);
        }
    }
    mac_free(&key);
    buf_free(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (all == NULL) {
        prepare();
    }
    if (size < 3) {
        return 0;
    }
    switch (data[0] % 3) {
    case 0: anybody((struct bytes){data + 1, size - 1}); break;
    case 1:
        signed_body(data[1] % ARRAY_LEN(schemes), data[2] * 37U,
                    (struct bytes){data + 3, size - 3});
        break;
    default: signed_payload((struct bytes){data + 1, size - 1}); break;
    }
    return 0;
}
