// Schemes of webhooks: what is published passes, what differs by a bit does not.
#include <errno.h>
#include <pthread.h>

#include "failing_alloc.h"
#include "intake_fixture.h"

static const char *sha256(const char *key, const char *text, char out[129]) {
    return own_hex(EVP_sha256(), key, strlen(key), text, strlen(text), out);
}

// ---- GitHub

static void test_github(void) {
    struct intake in;
    intake_begin(&in, "verify: {github: \"It's a Secret to Everybody\"}");
    intake_body(&in, "Hello, World!", 13);
    char *value =
        intake_header(&in, "x-hub-signature-256",
                      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    EXPECT_EQ_INT(0, intake_head(&in));
    EXPECT_EQ_INT(0, intake_check(&in));
    EXPECT_STR("github", in.verdict.scheme);
    EXPECT_EQ_INT(0, in.verdict.id.len + in.verdict.replay.len);
    intake_header(&in, "X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    EXPECT_EQ_INT(0, intake_check(&in));
    EXPECT_EQ_BYTES("72d3162e-cc78-11e3-81ab-4c9367dc0958", 36, in.verdict.id.data,
                    in.verdict.id.len);
    EXPECT_FALSE(in.verdict.id_signed);
    EXPECT_EQ_INT(0, in.verdict.replay.len);
    value[7] = 'A'; // gh-01
    EXPECT_STR("header_form", intake_why(&in));
    EXPECT_EQ_INT(401, intake_head(&in));
    value[7] = '8';
    EXPECT_EQ_INT(0, intake_head(&in)); // the head alone cannot tell
    EXPECT_STR("signature", intake_why(&in));
    EXPECT_EQ_INT(0, in.verdict.id.len);
    intake_end(&in);
}

static void test_github_sha1(void) { // gh-02
    char sum[129];
    const char *hex = own_hex(EVP_sha1(), "key", 3, "body", 4, sum);
    struct intake in;
    for (int allowed = 0; allowed < 2; allowed++) {
        intake_begin(&in, allowed ? "verify: {github: {secret: key, allow_sha1: true}}"
                                  : "verify: {github: {secret: key}}");
        intake_body(&in, "body", 4);
        intake_header(&in, "X-Hub-Signature", "sha1=%s", hex);
        EXPECT_STR(allowed ? "" : "header_missing", intake_why(&in));
        intake_header(&in, "X-Hub-Signature-256", "sha256=%064d", 0); // then only this one counts
        EXPECT_STR("signature", intake_why(&in));
        intake_end(&in);
    }
}

static void test_github_keys(void) { // gh-06
    char sum[129];
    struct intake in;
    intake_begin(&in, "verify: {github: {secret: [new, old, older]}}");
    static const char *const keys[] = {"new", "old", "older"};
    for (unsigned i = 0; i < 3; i++) {
        intake_body(&in, "body", 4);
        intake_header(&in, "X-Hub-Signature-256", "sha256=%s", sha256(keys[i], "body", sum));
        EXPECT_STR("", intake_why(&in));
        EXPECT_EQ_UINT(i, in.verdict.key);
    }
    intake_end(&in);
}

// ---- Slack

static void test_slack_published(void) {
    static const char body[] =
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id="
        "G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-"
        "collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%"
        "2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
        "803a0bc887a14d10d2c447fce8b6703c";
    struct intake in;
    intake_begin(&in, "verify: {slack: 8f742231b10e8888abcd99yyyzzz85a5}");
    in.d.now_ms = INT64_C(1531420618) * 1000;
    intake_body(&in, body, sizeof body - 1);
    intake_header(&in, "X-Slack-Signature",
                  "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
    intake_header(&in, "X-Slack-Request-Timestamp", "1531420618");
    EXPECT_STR("", intake_why(&in));
    EXPECT_EQ_INT(0, in.verdict.id.len);
    EXPECT_EQ_INT(43, in.verdict.replay.len);         // a slash command: by what was signed
    EXPECT_EQ_INT(601000, in.verdict.replay_keep_ms); // the last second of the window is whole
    in.texts[0][1] = '1';                             // sl-02
    EXPECT_STR("header_form", intake_why(&in));
    intake_end(&in);
}

static void slack(struct intake *in, const char *body, int64_t at_s) {
    char text[512], sum[129];
    (void)snprintf(text, sizeof text, "v0:%" PRId64 ":%s", at_s, body);
    intake_body(in, body, strlen(body));
    intake_header(in, "X-Slack-Signature", "v0=%s", sha256("key", text, sum));
    intake_header(in, "X-Slack-Request-Timestamp", "%" PRId64, at_s);
}

static void test_slack_event(void) { // sl-03, sl-04: the id of an event is what tells resends
    struct intake in;
    intake_begin(&in, "verify: {slack: key}");
    slack(&in, "{\"type\":\"event_callback\",\"event_id\":\"Ev08MFMKH6\"}", NOW_S);
    intake_header(&in, "X-Slack-Retry-Num", "1");
    EXPECT_STR("", intake_why(&in));
    EXPECT_EQ_BYTES("Ev08MFMKH6", 10, in.verdict.replay.data, in.verdict.replay.len);
    EXPECT_TRUE(in.verdict.id_signed);
    EXPECT_EQ_INT(VERIFY_KEEP_MS, in.verdict.replay_keep_ms);
    static const char *const without[] = {
        "{\"event_id\":7}",       "{\"event_id\":\"\"}",   "{}", "[]", "",
        "{\"event_id\":\"a\"} x", "{\"event_id\":\"a b\"}"};
    for (size_t i = 0; i < ARRAY_LEN(without); i++) {
        slack(&in, without[i], NOW_S);
        EXPECT_STR("", intake_why(&in));
        EXPECT_EQ_INT(43, in.verdict.replay.len);
        EXPECT_EQ_INT(0, in.verdict.id.len);
    }
    intake_end(&in);
}

static void test_slack_window(void) { // sl-01
    static const struct {
        int64_t at_s;
        const char *why, *detail;
    } rows[] = {
        {NOW_S - 300, "", ""},
        {NOW_S + 300, "", ""},
        {NOW_S - 301, "timestamp_old", "the time is 301 s old; 300 s are allowed"},
        {NOW_S + 301, "timestamp_ahead", "the time is 301 s ahead; 300 s are allowed"},
        {NOW_S * 1000, "timestamp_ahead", NULL}, // milliseconds are out of the window
        {999999999999999, "timestamp_ahead", NULL},
    };
    struct intake in;
    intake_begin(&in, "verify: {slack: key}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        slack(&in, "{}", rows[i].at_s);
        EXPECT_STR(rows[i].why, intake_why(&in));
        EXPECT_EQ_INT(in.verdict.status, intake_head(&in));
        if (rows[i].detail != NULL) {
            EXPECT_STR(rows[i].detail, in.verdict.detail);
        }
    }
    intake_end(&in);
    intake_begin(&in, "verify: {slack: key}, tolerance: 10s");
    slack(&in, "{}", NOW_S - 11);
    EXPECT_STR("timestamp_old", intake_why(&in));
    slack(&in, "{}", NOW_S - 10);
    EXPECT_STR("", intake_why(&in));
    intake_end(&in);
}

// ---- Shopify

static void test_shopify(void) {
    char sum[129];
    const char *right = own_base64(EVP_sha256(), "key", 3, "body", 4, sum);
    struct intake in;
    intake_begin(&in, "verify: {shopify: key}");
    intake_body(&in, "body", 4);
    char *value = intake_header(&in, "X-Shopify-Hmac-Sha256", "%s", right);
    intake_header(&in, "X-Shopify-Webhook-Id", "b54557e4-bdd9");
    EXPECT_STR("", intake_why(&in));
    EXPECT_EQ_BYTES("b54557e4-bdd9", 13, in.verdict.id.data, in.verdict.id.len);
    in.headers[0].value.len--; // sh-01: without its padding
    EXPECT_STR("header_form", intake_why(&in));
    char hex[129];
    (void)snprintf(value, 1024, "%s", sha256("key", "body", hex));
    in.headers[0].value = bytes_of(value);
    EXPECT_STR("header_form", intake_why(&in));
    intake_end(&in);
    intake_begin(&in, "verify: {shopify: {secret: key, header: Shopify-Hmac-Sha256}}");
    intake_body(&in, "body", 4);
    intake_header(&in, "Shopify-Hmac-Sha256", "%s", right);
    intake_header(&in, "Shopify-Webhook-Id", "b54557e4-bdd9");
    EXPECT_STR("", intake_why(&in));
    EXPECT_EQ_INT(13, in.verdict.id.len);
    intake_end(&in);
}

// ---- tokens

static void test_gitlab(void) {
    struct intake in;
    intake_begin(&in, "verify: {gitlab: [token-one, token-two]}");
    intake_body(&in, "body", 4);
    char *value = intake_header(&in, "X-Gitlab-Token", "token-two");
    intake_header(&in, "Idempotency-Key", "7bb5a5e4");
    EXPECT_EQ_INT(0, intake_head(&in));
    EXPECT_STR("", intake_why(&in));
    EXPECT_EQ_UINT(1, in.verdict.key);
    EXPECT_FALSE(in.verdict.id_signed);
    EXPECT_EQ_INT(8, in.verdict.id.len);
    value[8] = 'x';
    EXPECT_EQ_INT(401, intake_head(&in)); // no body is needed to tell
    EXPECT_STR("signature", intake_why(&in));
    in.headers[0].value.len = 0;
    EXPECT_STR("signature", intake_why(&in));
    intake_end(&in);
}

static void test_bearer(void) { // be-01
    static const struct {
        const char *value, *why;
    } rows[] = {
        {"Bearer the-token", ""},
        {"bEARER the-token", ""},
        {"Bearer  the-token", "signature"},
        {"Bearer the-token ", "signature"}, // the HTTP layer trims, nobody else does
        {"Bearer the-toke", "signature"},
        {"Bearer the-tokenn", "signature"},
        {"Bearer", "header_form"},
        {"Bearer ", "header_form"},
        {"Bearer\tthe-token", "header_form"},
        {"Basic the-token", "header_form"},
        {"the-token", "header_form"},
    };
    struct intake in;
    intake_begin(&in, "verify: {bearer: the-token}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        intake_body(&in, "", 0);
        intake_header(&in, "authorization", "%s", rows[i].value);
        EXPECT_STR(rows[i].why, intake_why(&in));
    }
    intake_body(&in, "", 0);
    EXPECT_STR("header_missing", intake_why(&in));
    EXPECT_EQ_INT(401, in.verdict.status);
    intake_end(&in);
}

// ---- several schemes, and none

static void test_repeated(void) { // ht-01, be-01: 400 before anything else, equal or not
    char sum[129];
    struct intake in;
    intake_begin(&in, "verify: [{bearer: the-token}, {github: key}]");
    for (int i = 0; i < 3; i++) {
        intake_body(&in, "body", 4);
        intake_header(&in, "Authorization", "Bearer %s", i == 1 ? "other" : "the-token");
        intake_header(&in, "AUTHORIZATION", "Bearer %s", i == 2 ? "other" : "the-token");
        EXPECT_EQ_INT(400, intake_head(&in));
        EXPECT_STR("header_repeated", intake_why(&in));
        EXPECT_EQ_INT(400, in.verdict.status);
        intake_header(&in, "X-Hub-Signature-256", "sha256=%s", sha256("key", "body", sum));
        EXPECT_EQ_INT(400, intake_check(&in));
    }
    intake_end(&in);
}

static void test_several_schemes(void) {
    char sum[129];
    struct intake in;
    intake_begin(&in, "verify: [{bearer: the-token}, {github: key}]");
    intake_body(&in, "body", 4);
    EXPECT_STR("header_missing", intake_why(&in));
    EXPECT_STR("bearer", in.verdict.scheme);
    intake_header(&in, "X-Hub-Signature-256", "sha256=%s", sha256("key", "body", sum));
    EXPECT_STR("", intake_why(&in));
    EXPECT_STR("github", in.verdict.scheme);
    in.d.body.len = 3;
    EXPECT_STR("signature", intake_why(&in)); // of the one whose header is there
    EXPECT_STR("github", in.verdict.scheme);
    intake_header(&in, "Authorization", "Bearer the-token");
    EXPECT_STR("", intake_why(&in)); // one that passes is enough
    EXPECT_STR("bearer", in.verdict.scheme);
    intake_end(&in);
}

static void test_none(void) {
    struct intake in;
    intake_begin(&in, "verify: none");
    intake_body(&in, "x", 1);
    EXPECT_EQ_INT(0, intake_head(&in));
    EXPECT_STR("", intake_why(&in));
    EXPECT_STR("none", in.verdict.scheme);
    EXPECT_EQ_INT(0, in.verdict.replay.len);
    intake_end(&in);
}

static void test_held(void) { // qs-26: a request in flight keeps the keys that it started with
    struct intake in;
    intake_begin(&in, "verify: {bearer: the-token}");
    struct verifier *held = verifier_hold(in.verifier);
    verifier_release(&in.verifier);
    EXPECT_NULL(in.verifier);
    config_free(&in.config);
    in.verifier = held;
    intake_body(&in, "", 0);
    intake_header(&in, "Authorization", "Bearer the-token");
    EXPECT_STR("", intake_why(&in));
    intake_end(&in);
    verifier_release(&in.verifier); // NULL is nothing
}

static void test_unsigned_ids(void) {
    char sum[129], id[VERIFY_ID_MAX + 2];
    struct intake in;
    intake_begin(&in, "verify: {github: key}");
    for (size_t len = VERIFY_ID_MAX; len <= VERIFY_ID_MAX + 1; len++) {
        memset(id, 'a', len);
        id[len] = '\0';
        intake_body(&in, "body", 4);
        intake_header(&in, "X-Hub-Signature-256", "sha256=%s", sha256("key", "body", sum));
        intake_header(&in, "X-GitHub-Delivery", "%s", id);
        EXPECT_STR("", intake_why(&in));
        EXPECT_EQ_INT(len == VERIFY_ID_MAX ? VERIFY_ID_MAX : 0, in.verdict.id.len);
    }
    in.headers[1].value = bytes_of("a b");
    EXPECT_STR("", intake_why(&in));
    EXPECT_EQ_INT(0, in.verdict.id.len);
    intake_end(&in);
}

// One signed text is cut in one way only: a longer id with less of a body is refused.
static void test_hmac_cuts(void) {
    static const char *const templates[] = {"{body}.{id}", "{id}.{body}", "{body}.:{id}"};
    static const struct {
        const char *id, *body, *signed_text, *why;
    } rows[][3] = {
        {{"z", "v=1.5", "v=1.5.z", ""},
         {"5.z", "v=1", "v=1.5.z", "header_form"},
         {NULL, "", "", ""}},
        {{"z", "1.5", "z.1.5", ""}, {"z.1", "5", "z.1.5", "header_form"}, {NULL, "", "", ""}},
        {{"z", "a", "a.:z", ""}, {"5.:z", "a", "a.:5.:z", "header_form"}, {".z", "a", "a.:.z", ""}},
    };
    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        char verify[160], sum[129];
        struct intake in;
        (void)snprintf(verify, sizeof verify,
                       "verify: {hmac: {secret: key, header: X-Sig, id_header: X-Id, template: "
                       "'%s'}}",
                       templates[i]);
        intake_begin(&in, verify);
        for (size_t j = 0; j < 3 && rows[i][j].id != NULL; j++) {
            intake_body(&in, rows[i][j].body, strlen(rows[i][j].body));
            intake_header(&in, "X-Id", "%s", rows[i][j].id);
            intake_header(&in, "X-Sig", "%s", sha256("key", rows[i][j].signed_text, sum));
            EXPECT_STR(rows[i][j].why, intake_why(&in));
        }
        intake_end(&in);
    }
}

// The form is signed by what it means: whoever spells it in another way has not made another delivery.
static void test_twilio_content(void) {
    static const char *const forms[] = {"a=1&b=2", "&b=2&a=1&", "%61=1&b=2&a=1", "a=1b2"};
    char sum[129], first[64] = "";
    struct intake in;
    intake_begin(&in,
                 "verify: {twilio: {secret: key, public_url: 'https://x/', allow_sha1: true}}");
    in.d.target = "/";
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        intake_body(&in, forms[i], strlen(forms[i]));
        intake_header(&in, "X-Twilio-Signature", "%s",
                      own_base64(EVP_sha1(), "key", 3, "https://x/a1b2", 14, sum));
        intake_header(&in, "Content-Type", "application/x-www-form-urlencoded");
        EXPECT_STR("", intake_why(&in));
        EXPECT_EQ_INT(32, in.verdict.content.len);
        if (i == 0) {
            memcpy(first, in.verdict.content.data, 32);
        }
        EXPECT_EQ_INT(0, memcmp(first, in.verdict.content.data, 32));
    }
    intake_body(&in, "a=2", 3);
    intake_header(&in, "X-Twilio-Signature", "%s",
                  own_base64(EVP_sha1(), "key", 3, "https://x/a2", 12, sum));
    intake_header(&in, "Content-Type", "application/x-www-form-urlencoded");
    EXPECT_STR("", intake_why(&in));
    EXPECT_TRUE(memcmp(first, in.verdict.content.data, 32) != 0);
    intake_end(&in);
}

// ---- limits, memory, threads

static void test_twilio_params(void) {
    char url[64] = "https://x/", sum[129], *form = calloc(1, 8192), *text = calloc(1, 8192);
    struct intake in;
    intake_begin(&in,
                 "verify: {twilio: {secret: key, public_url: 'https://x/', allow_sha1: true}}");
    in.d.target = "/";
    (void)strcpy(text, url);
    for (int i = 0; i <= 1000; i++) {
        char pair[16];
        (void)snprintf(pair, sizeof pair, "%sp%04d=", i == 0 ? "" : "&", i);
        (void)strcat(form, pair);
        (void)snprintf(pair, sizeof pair, "p%04d", i);
        (void)strcat(text, pair);
        if (i >= 999) {
            intake_body(&in, form, strlen(form));
            intake_header(&in, "X-Twilio-Signature", "%s",
                          own_base64(EVP_sha1(), "key", 3, text, strlen(text), sum));
            intake_header(&in, "Content-Type", "application/x-www-form-urlencoded");
            EXPECT_STR(i == 999 ? "" : "body_form", intake_why(&in));
        }
    }
    static const char *const broken[] = {"a=%", "a=%4", "a=%zz", "%=1"};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        in.d.body = bytes_of(broken[i]);
        EXPECT_STR("body_form", intake_why(&in));
    }
    intake_end(&in);
    free(form);
    free(text);
}

static void test_key_text_limit(void) {
    char verify[2048], key[CONFIG_KEY_TEXT_MAX + 3];
    for (size_t len = CONFIG_KEY_TEXT_MAX; len <= CONFIG_KEY_TEXT_MAX + 2; len += 2) {
        memset(key, 'a', len);
        key[len] = '\0';
        (void)snprintf(verify, sizeof verify,
                       "verify: {hmac: {secret: %s, header: X-Sig, key_encoding: hex}}", key);
        struct config *c = intake_config(verify, NULL);
        struct verifier *v = NULL;
        EXPECT_EQ_INT(len == CONFIG_KEY_TEXT_MAX, c != NULL);
        if (c != NULL) { // what the configuration takes, the verifier does
            EXPECT_EQ_INT(0, verifier_new(&c->hooks[0], NULL, &v, NULL));
            verifier_release(&v);
        }
        config_free(&c);
    }
}

static void *check_often(void *arg) {
    const struct intake *in = arg;
    intptr_t wrong = 0;
    for (int i = 0; i < 2000; i++) {
        struct arena a = {.head = NULL};
        struct verdict verdict;
        struct delivery d = in->d;
        d.body.len -= (size_t)(i & 1);
        verifier_check(in->verifier, &d, &a, &verdict);
        wrong += (verdict.status == 0) != ((i & 1) == 0);
        arena_free(&a);
    }
    return (void *)wrong;
}

static void test_threads(void) {
    struct intake in;
    pthread_t threads[4];
    intake_begin(&in, "verify: {slack: key}");
    slack(&in, "{}", NOW_S);
    in.d.header_count = in.header_count;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        EXPECT_EQ_INT(0, pthread_create(&threads[i], NULL, check_often, &in));
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *wrong = &threads;
        EXPECT_EQ_INT(0, pthread_join(threads[i], &wrong));
        EXPECT_NULL(wrong);
    }
    intake_end(&in);
}

// Whichever allocation fails: no key is taken for none, and nothing false is accepted.
static void test_no_memory(void) {
    static const char *const hooks[] = {
        "verify: [{standard_webhooks: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, "
        "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=]}, {qstash: {current: a, url: "
        "'https://x/'}}, {hmac: {secret: a, header: X}}, {slack: key}]"};
    struct intake in;
    intake_begin(&in, hooks[0]);
    slack(&in, "{\"event_id\":\"Ev\\u0031\"}", NOW_S);
    intake_header(&in, "Upstash-Signature", "e30.e30.%043d", 0);
    intake_header(&in, "webhook-id", "m");
    intake_header(&in, "webhook-timestamp", "%" PRId64, NOW_S);
    intake_header(&in, "webhook-signature", "v1,AAAA");
    EXPECT_STR("", intake_why(&in));
    arena_free(&in.arena);
    unsigned failed = 0, refused = 0;
    for (int n = 1; n < 1000 && in.verdict.status == 0; n++) {
        struct verifier *v = NULL;
        struct verdict verdict = {.status = -1};
        failing_alloc_after(n);
        int r = verifier_new(&in.config->hooks[0], "https://x", &v, NULL);
        if (r == 0) {
            verifier_check(v, &in.d, &in.arena, &verdict);
        }
        failing_alloc_after(0);
        EXPECT_TRUE(r == 0 || r == -ENOMEM || r == -EINVAL);
        EXPECT_TRUE(r < 0 || verdict.status == 401 ||
                    (verdict.status == 0 && verdict.replay.len > 0));
        failed += r < 0;
        refused += verdict.status == 401;
        verifier_release(&v);
        arena_free(&in.arena);
        if (verdict.status == 0) {
            break;
        }
    }
    EXPECT_TRUE(refused > 0);
    EXPECT_TRUE(failed > 3);
    intake_end(&in);
}

static const struct expect_test tests[] = {
    {"github: the published example, the case of digits", test_github},
    {"github: sha1 by opt-in only", test_github_sha1},
    {"github: every key of the list", test_github_keys},
    {"slack: the published example", test_slack_published},
    {"slack: the event's id", test_slack_event},
    {"slack: the window, to the second", test_slack_window},
    {"shopify: base64 with its padding", test_shopify},
    {"gitlab: a token", test_gitlab},
    {"bearer: a token", test_bearer},
    {"a header that is there twice", test_repeated},
    {"several schemes", test_several_schemes},
    {"none takes from anybody", test_none},
    {"a request keeps its keys", test_held},
    {"ids that are not signed", test_unsigned_ids},
    {"hmac: what is signed is cut in one way", test_hmac_cuts},
    {"twilio: one content in several spellings", test_twilio_content},
    {"twilio: parameters of a form", test_twilio_params},
    {"keys as long as they may be", test_key_text_limit},
    {"several threads", test_threads},
    {"without memory", test_no_memory},
};
SUITE_MAIN("verify", tests)
