// What is signed is accepted, and nothing that differs from it by one bit.
#include "intake/sign.h"

#include <errno.h>

#include "intake_fixture.h"

struct sender {
    const char *verify, *secret; // the secret as it stands in `verify`
    const char *signs_with;      // NULL = the same
    unsigned signed_headers;     // bit i: every bit of header i is covered
    bool timed;
    const char *body, *type;
};

#define PRIVATE                                                                                    \
    "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/"                               \
    "tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="
#define JSON "{\"a\":1}"

static const struct sender senders[] = {
    {"verify: {qstash: {current: sig_1234}}", "sig_1234", NULL, 1, true, JSON, ""},
    {"verify: {standard_webhooks: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}",
     "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NULL, 7, true, JSON, ""},
    {"verify: {standard_webhooks: whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=}",
     "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", PRIVATE, 7, true, JSON, ""},
    {"verify: {svix: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
     NULL, 7, true, JSON, ""},
    {"verify: {github: my-secret}", "my-secret", NULL, 2, false, JSON, ""},
    {"verify: {stripe: whsec_abc}", "whsec_abc", NULL, 1, true, JSON, ""},
    {"verify: {slack: my-secret}", "my-secret", NULL, 3, true, JSON, ""},
    {"verify: {shopify: my-secret}", "my-secret", NULL, 2, false, JSON, ""},
    {"verify: {gitlab: my-secret}", "my-secret", NULL, 2, false, "", ""},
    {"verify: {twilio: {secret: my-secret, public_url: 'https://jobs.example.com/hooks/h', "
     "allow_sha1: true}}",
     "my-secret", NULL, 1, false, JSON, "application/json"},
    {"verify: {twilio: {secret: my-secret, public_url: 'https://jobs.example.com/hooks/h', "
     "allow_sha1: true}}",
     "my-secret", NULL, 1, false, "b=2&a=1&a=0&c=%26", "application/x-www-form-urlencoded"},
    {"verify: {hmac: {secret: my-secret, header: X-Sig, prefix: 'v1:', algorithm: sha512, "
     "template: "
     "'{id}:{timestamp}:{body}', id_header: X-Id, timestamp_header: X-Time}}",
     "my-secret", NULL, 7, true, JSON, ""},
    {"verify: {hmac: {secret: my-secret, header: X-Sig, label: s, timestamp_label: t, encoding: "
     "base64url, template: '{timestamp}{body}'}}",
     "my-secret", NULL, 1, true, JSON, ""},
};

static struct signature sign(struct intake *in, const struct sender *s) {
    struct config_verify c = in->config->hooks[0].verify[0];
    struct config_option params[16];
    struct signature made = {.count = 0};
    struct err e = {.msg = ""};
    const struct sign_ask ask = {.url = "https://jobs.example.com/hooks/h",
                                 .id = "msg_1",
                                 .content_type = s->type,
                                 .body = bytes_of(s->body),
                                 .now_ms = NOW_S * 1000};
    memcpy(params, c.params, c.param_count * sizeof params[0]);
    for (size_t i = 0; s->signs_with != NULL && i < c.param_count; i++) {
        params[i].value = strcmp(params[i].name, "secret") == 0 ? s->signs_with : params[i].value;
    }
    c.params = params;
    EXPECT_EQ_INT(0, sign_delivery(&c, &ask, &in->arena, &made, &e));
    EXPECT_STR("", e.msg);
    return made;
}

static void deliver(struct intake *in, const struct sender *s, const struct signature *made) {
    intake_body(in, s->body, strlen(s->body));
    for (size_t i = 0; i < made->count; i++) {
        intake_header(in, made->headers[i].name, "%s", made->headers[i].value);
    }
    intake_header(in, "Content-Type", "%s", s->type);
    in->d.target = strstr(made->url, "/hooks");
}

static void flip_headers(struct intake *in, const struct sender *s, size_t count) {
    unsigned passed = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t bit = 0;
             (s->signed_headers >> i & 1) != 0 && bit < 8 * in->headers[i].value.len; bit++) {
            in->texts[i][bit / 8] ^= (char)(1 << bit % 8);
            passed += intake_check(in) == 0;
            in->texts[i][bit / 8] ^= (char)(1 << bit % 8);
        }
    }
    EXPECT_EQ_UINT(0, passed);
    EXPECT_EQ_INT(0, intake_check(in)); // all is as it was
}

static void flip_body(struct intake *in) {
    static char body[64];
    size_t len = in->d.body.len;
    unsigned passed = 0;
    if (len == 0) {
        return;
    }
    memcpy(body, in->d.body.data, len);
    in->d.body.data = body;
    for (size_t bit = 0; bit < 8 * len; bit++) {
        body[bit / 8] ^= (char)(1 << bit % 8);
        passed += intake_check(in) == 0;
        body[bit / 8] ^= (char)(1 << bit % 8);
    }
    in->d.body.len = len - 1;
    passed += intake_check(in) == 0;
    in->d.body.len = len;
    EXPECT_EQ_UINT(0, passed);
    EXPECT_EQ_INT(0, intake_check(in));
}

// Keys that differ by a bit: some are no keys at all.
static void flip_key(struct intake *in, const struct sender *s) {
    const struct config_hook *hook = &in->config->hooks[0];
    struct config_option *params = hook->verify[0].params;
    size_t at = 0;
    while (params[at].value == NULL || strstr(params[at].value, s->secret) == NULL) {
        at++;
    }
    const char *right = params[at].value;
    struct verifier *whole = in->verifier;
    size_t from = strlen(right) - strlen(s->secret);
    unsigned passed = 0, keys = 0;
    char key[128];
    (void)snprintf(key, sizeof key, "%s", right);
    params[at].value = key;
    for (size_t bit = 8 * from; bit < 8 * strlen(right); bit++) {
        key[bit / 8] ^= (char)(1 << bit % 8);
        if (key[bit / 8] != '\0' &&
            verifier_new(hook, in->config->host.base_url, &in->verifier, NULL) == 0) {
            passed += intake_check(in) == 0;
            keys++;
            verifier_release(&in->verifier);
        }
        key[bit / 8] ^= (char)(1 << bit % 8);
    }
    params[at].value = right;
    in->verifier = whole;
    EXPECT_EQ_UINT(0, passed);
    EXPECT_TRUE(keys > 8);
    EXPECT_EQ_INT(0, intake_check(in));
}

static void test_senders(void) {
    for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
        static struct intake in;
        unsigned failures = CU_get_number_of_failures();
        intake_begin(&in, senders[i].verify);
        struct signature made = sign(&in, &senders[i]);
        deliver(&in, &senders[i], &made);
        EXPECT_STR("", intake_why(&in));
        flip_headers(&in, &senders[i], made.count);
        flip_body(&in);
        flip_key(&in, &senders[i]);
        in.d.now_ms += 301 * INT64_C(1000);
        EXPECT_EQ_INT(senders[i].timed ? 401 : 0, intake_check(&in));
        in.d.now_ms = (NOW_S - 86400) * 1000;
        EXPECT_EQ_INT(senders[i].timed ? 401 : 0, intake_check(&in));
        if (CU_get_number_of_failures() != failures) {
            (void)fprintf(stderr, "that was %s\n", senders[i].verify);
        }
        intake_end(&in);
    }
}

static void test_bearer(void) { // the word's case may differ, the token's may not
    static const struct sender s = {
        "verify: {bearer: my-secret}", "my-secret", NULL, 0, false, "", ""};
    static struct intake in;
    intake_begin(&in, s.verify);
    struct signature made = sign(&in, &s);
    deliver(&in, &s, &made);
    EXPECT_STR("Bearer my-secret", made.headers[1].value);
    EXPECT_STR("", intake_why(&in));
    for (size_t bit = 7 * 8; bit < 8 * in.headers[1].value.len; bit++) {
        in.texts[1][bit / 8] ^= (char)(1 << bit % 8);
        EXPECT_EQ_INT(401, intake_check(&in));
        in.texts[1][bit / 8] ^= (char)(1 << bit % 8);
    }
    intake_end(&in);
}

static void test_refused(void) {
    static const struct {
        const char *scheme, *name, *value, *url, *id, *words;
    } rows[] = {
        {"none", "", "", NULL, "m", "nothing to sign"},
        {"nosuch", "secret", "x", NULL, "m", "no such scheme"},
        {"qstash", "current", "x", NULL, "m", "none is known"},
        {"qstash", "current", "", "https://x/", "m", "empty secret"},
        {"standard_webhooks", "secret", "whsec_x", NULL, "m", "not valid base64"},
        {"standard_webhooks", "secret", "whsk_AAAA", NULL, "m", "32 or 64 bytes"},
        {"standard_webhooks", "secret", "AAAA", NULL, "a.b", "an id has"},
        {"standard_webhooks", "secret", "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", NULL,
         "m", "no key that signs"},
        {"twilio", "secret", "x", "https://x/", "m", "public_url"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config_option param = {.name = rows[i].name, .value = rows[i].value};
        const struct config_verify c = {rows[i].scheme, &param, 1};
        const struct sign_ask ask = {.url = rows[i].url,
                                     .id = rows[i].id,
                                     .content_type = "",
                                     .body = {"", 0},
                                     .now_ms = NOW_S * 1000};
        struct arena a = {.head = NULL};
        struct signature made;
        struct err e = {.msg = ""};
        EXPECT_TRUE(sign_delivery(&c, &ask, &a, &made, &e) < 0);
        EXPECT_CONTAINS(rows[i].words, e.msg);
        arena_free(&a);
    }
}

static void test_private_key_of_receiver(void) { // it signs, but judges nothing
    struct config_option param = {.name = "secret", .value = PRIVATE};
    struct config_verify c = {"standard_webhooks", &param, 1};
    const struct config_hook hook = {.verify = &c, .verify_count = 1};
    struct verifier *v = NULL;
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(-EINVAL, verifier_new(&hook, NULL, &v, &e));
    EXPECT_CONTAINS("for senders", e.msg);
}

static const struct expect_test tests[] = {
    {"each scheme: signed, and changed by a bit", test_senders},
    {"bearer: signed, and changed by a bit", test_bearer},
    {"what cannot be signed", test_refused},
    {"a private key is no receiver's", test_private_key_of_receiver},
};
SUITE_MAIN("sign", tests)
