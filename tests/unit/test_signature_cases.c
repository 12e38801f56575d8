// Cases of signatures by their ids: what a verifier has to take and to refuse, scheme by scheme. Where
// the table that the ids come from is at hand, no row of these schemes may be missing here, and all
// verdicts are the same.
#include "intake_fixture.h"

struct rig {
    struct intake in;
    bool begun;
    const char *verdict; // of all that was judged; "mixed" if they differ
};

#define CURRENT "sig_current"
#define NEXT    "sig_next"
#define QSTASH  "verify: {qstash: {current: " CURRENT ", next: " NEXT "}}"
#define WHSEC   "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static void begin(struct rig *r, const char *verify) {
    if (r->begun) {
        intake_end(&r->in);
    }
    intake_begin(&r->in, verify);
    r->begun = true;
}

static void say(struct rig *r, const char *verdict) {
    r->verdict = r->verdict == NULL || strcmp(r->verdict, verdict) == 0 ? verdict : "mixed";
}

static void judge(struct rig *r) {
    int status = intake_check(&r->in);
    say(r, status == 0 ? "A" : status == 400 ? "R400" : status == 401 ? "R401" : "?");
}

// The pattern with `value` where it says %s.
static const char *fill(const char *pattern, const char *value, char *out, size_t room) {
    const char *at = strstr(pattern, "%s");
    int before = at == NULL ? (int)strlen(pattern) : (int)(at - pattern);
    (void)snprintf(out, room, "%.*s%s%s", before, pattern, at == NULL ? "" : value,
                   at == NULL ? "" : at + 2);
    return out;
}

static void judge_config(struct rig *r, const char *verify) {
    struct config *c = intake_config(verify, NULL);
    say(r, c == NULL ? "CONFIG" : "A");
    config_free(&c);
}

// ---- QStash

static const char *own_url64(const void *data, size_t len, char *out) {
    int n = EVP_EncodeBlock((unsigned char *)out, data, (int)len);
    for (int i = 0; i < n; i++) {
        out[i] = (char)(out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i]);
    }
    out[n - (len % 3 == 0 ? 0 : 3 - (int)(len % 3))] = '\0';
    return out;
}

struct claims { // raw JSON; NULL = not there
    const char *iss, *sub, *exp, *nbf, *body, *jti;
};

static void put_claim(char *out, size_t room, const char *name, const char *value) {
    size_t len = strlen(out);
    if (value != NULL) {
        (void)snprintf(out + len, room - len, "%s\"%s\":%s", len == 1 ? "" : ",", name, value);
    }
}

static char *number(int64_t n) {
    static char texts[8][24];
    static unsigned next;
    char *out = texts[next++ % 8];
    (void)snprintf(out, 24, "%" PRId64, n);
    return out;
}

static char *body_claim(const void *body, size_t len, bool padded) {
    static char text[96];
    unsigned char hash[32];
    char plain[64];
    (void)EVP_Digest(body, len, hash, NULL, EVP_sha256(), NULL);
    (void)snprintf(text, sizeof text, "\"%s%s\"", own_url64(hash, 32, plain), padded ? "=" : "");
    return text;
}

static struct claims good_claims(struct rig *r) {
    return (struct claims){.iss = "\"Upstash\"",
                           .sub = "\"https://jobs.example.com/hooks/h\"",
                           .exp = number(NOW_S + 300),
                           .nbf = "0",
                           .body = body_claim(r->in.d.body.data, r->in.d.body.len, true),
                           .jti = "\"jwt_1\""};
}

// A token of any two texts.
static char *qs_raw(const char *header, const char *payload, const EVP_MD *md, const char *key) {
    static char token[32768];
    char text[12000], sum[128];
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    char head[12000];
    (void)own_url64(header, strlen(header), head);
    (void)own_url64(payload, strlen(payload), text);
    int at = snprintf(token, sizeof token, "%s.%s", head, text);
    (void)HMAC(md, key, (int)strlen(key), (unsigned char *)token, (size_t)at, mac, &len);
    (void)snprintf(token + at, sizeof token - (size_t)at, ".%s", own_url64(mac, len, sum));
    return token;
}

static char *qs_payload(const struct claims *c) {
    static char payload[2048];
    (void)strcpy(payload, "{");
    put_claim(payload, sizeof payload, "iss", c->iss);
    put_claim(payload, sizeof payload, "sub", c->sub);
    put_claim(payload, sizeof payload, "exp", c->exp);
    put_claim(payload, sizeof payload, "nbf", c->nbf);
    put_claim(payload, sizeof payload, "body", c->body);
    put_claim(payload, sizeof payload, "jti", c->jti);
    (void)strcat(payload, "}");
    return payload;
}

static const char hs256[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

static void qs_begin(struct rig *r, const char *body) {
    begin(r, QSTASH);
    intake_body(&r->in, body, strlen(body));
}

static void qs_token(struct rig *r, char *token) {
    r->in.header_count = 1;
    r->in.headers[0] = (struct header){bytes_of("Upstash-Signature"), bytes_of(token)};
    judge(r);
}

static void qs_claims(struct rig *r, struct claims c) {
    qs_token(r, qs_raw(hs256, qs_payload(&c), EVP_sha256(), CURRENT));
}

static void qs_header(struct rig *r, const char *header) {
    struct claims c = good_claims(r);
    qs_token(r, qs_raw(header, qs_payload(&c), EVP_sha256(), CURRENT));
}

static char *qs_good(struct rig *r, const char *key) {
    struct claims c = good_claims(r);
    return qs_raw(hs256, qs_payload(&c), EVP_sha256(), key);
}

static void qs_01(struct rig *r) {
    qs_begin(r, "{\"a\":1}");
    qs_token(r, qs_good(r, CURRENT));
    EXPECT_EQ_UINT(0, r->in.verdict.key);
    EXPECT_EQ_BYTES("jwt_1", 5, r->in.verdict.replay.data, r->in.verdict.replay.len);
    EXPECT_TRUE(r->in.verdict.id_signed);
    qs_token(r, qs_good(r, NEXT));
    EXPECT_EQ_UINT(1, r->in.verdict.key);
    EXPECT_EQ_INT(0, intake_head(&r->in));
}

static void qs_02(struct rig *r) {
    qs_begin(r, "x");
    qs_token(r, qs_good(r, "sig_of_two_rolls_ago"));
    EXPECT_STR("signature", r->in.verdict.check);
    EXPECT_EQ_INT(401, intake_head(&r->in));
}

static void qs_03(struct rig *r) {
    static const char *const spellings[] = {"none", "None", "nOnE", "NONE"};
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        char header[64];
        (void)snprintf(header, sizeof header, "{\"alg\":\"%s\"}", spellings[i]);
        qs_begin(r, "x");
        struct claims c = good_claims(r);
        char *token = qs_raw(header, qs_payload(&c), EVP_sha256(), CURRENT);
        *(strrchr(token, '.') + 1) = '\0';
        qs_token(r, token);
        qs_header(r, header); // with a right MAC, too
        EXPECT_STR("token_alg", r->in.verdict.check);
    }
}

static void qs_04(struct rig *r) {
    qs_begin(r, "x");
    struct claims c = good_claims(r);
    qs_token(r, qs_raw("{\"alg\":\"HS512\"}", qs_payload(&c), EVP_sha512(), CURRENT));
    qs_token(r, qs_raw("{\"alg\":\"HS384\"}", qs_payload(&c), EVP_sha384(), CURRENT));
}

static void qs_05(struct rig *r) {
    qs_begin(r, "x");
    qs_header(r, "{\"alg\":\"none\",\"alg\":\"HS256\"}");
    EXPECT_STR("token_form", r->in.verdict.check);
    qs_header(r, "{\"alg\":\"HS256\",\"alg\":\"HS256\"}");
    qs_header(r, "{\"alg\":\"HS256\",\"a\\u006cg\":\"none\"}");
    EXPECT_STR("token_form", r->in.verdict.check);
}

static void qs_06(struct rig *r) {
    qs_begin(r, "x");
    qs_header(r, "{\"alg\":\"HS256\",\"crit\":[\"x\"]}");
    EXPECT_STR("token_crit", r->in.verdict.check);
    qs_header(r, "{\"alg\":\"HS256\",\"crit\":null}");
}

static const char followed[] =
    "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"YXR0YWNrZXI\"},\"jku\":\"https://"
    "attacker.example/\",\"kid\":\"attacker\",\"x5u\":\"https://attacker.example/\",\"x5c\":[]}";

static void qs_07(struct rig *r) {
    qs_begin(r, "x");
    struct claims c = good_claims(r);
    qs_token(r, qs_raw(followed, qs_payload(&c), EVP_sha256(), "attacker"));
}

static void qs_08(struct rig *r) {
    qs_begin(r, "x");
    struct claims c = good_claims(r);
    c.exp = number(NOW_S - 1);
    qs_claims(r, c);
    EXPECT_STR("exp was 1 s ago; less than 0 s are allowed", r->in.verdict.detail);
    c.exp = number(NOW_S); // it has to be later than now
    qs_claims(r, c);
    EXPECT_STR("claim_exp", r->in.verdict.check);
}

static void qs_09(struct rig *r) {
    qs_begin(r, "x");
    struct claims c = good_claims(r);
    c.nbf = number(NOW_S + 3);
    qs_claims(r, c);
    EXPECT_STR("nbf is 3 s ahead; 0 s are allowed", r->in.verdict.detail);
}

static void qs_10(struct rig *r) {
    qs_begin(r, "x");
    struct claims c = good_claims(r);
    c.exp = NULL;
    qs_claims(r, c);
    EXPECT_STR("claim_missing", r->in.verdict.check);
    c = good_claims(r);
    c.nbf = NULL;
    qs_claims(r, c);
    EXPECT_STR("claim_missing", r->in.verdict.check);
}

static void qs_11(struct rig *r) {
    static const char *const forms[] = {
        "\"1795254300\"",   "1795254300.0", "1.7952543e9", "-1",          "01",
        "9007199254740992", "null",         "true",        "[1795254300]"};
    qs_begin(r, "x");
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct claims c = good_claims(r);
        c.exp = forms[i];
        qs_claims(r, c);
    }
}

static void qs_12(struct rig *r) {
    qs_begin(r, "x");
    struct claims c = good_claims(r);
    c.exp = number(NOW_S + 86401);
    qs_claims(r, c);
    EXPECT_STR("claim_exp", r->in.verdict.check);
    c.exp = "9007199254740991";
    qs_claims(r, c);
}

static void qs_subs(struct rig *r, const char *const *subs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct claims c = good_claims(r);
        c.sub = subs[i];
        qs_claims(r, c);
        EXPECT_STR("claim_sub", r->in.verdict.check);
    }
}

static void qs_13(struct rig *r) {
    static const char *const subs[] = {"\"https://jobs.example.com/hooks/h/\""};
    qs_begin(r, "x");
    qs_subs(r, subs, ARRAY_LEN(subs));
    begin(r, "verify: {qstash: {current: " CURRENT ", url: ['https://a/', 'https://b/x']}}");
    intake_body(&r->in, "x", 1);
    static const char *const others[] = {"\"https://a\"", "\"https://b/x/\"",
                                         "\"https://jobs.example.com/hooks/h\""};
    qs_subs(r, others, ARRAY_LEN(others));
}

static void qs_14(struct rig *r) {
    static const char *const subs[] = {"\"https://Jobs.example.com/hooks/h\"",
                                       "\"https://jobs.example.com:443/hooks/h\"",
                                       "\"https://jobs.example.com/hooks/%68\"",
                                       "\"http://jobs.example.com/hooks/h\"",
                                       "\"https://jobs.example.com//hooks/h\"",
                                       "\"https://jobs.example.com/hooks/h?\"",
                                       "\"https://jobs.example.com/hooks/h#\"",
                                       "\"\"",
                                       "\"https://jobs.example.com\""};
    qs_begin(r, "x");
    qs_subs(r, subs, ARRAY_LEN(subs));
}

static void qs_15(struct rig *r) {
    qs_begin(r, "x");
    struct claims c = good_claims(r);
    c.body = body_claim("x", 1, false);
    qs_claims(r, c);
    c.body = body_claim("x", 1, true);
    qs_claims(r, c);
}

static void qs_16(struct rig *r) {
    static const char *const forms[] = {NULL,
                                        "null",
                                        "1",
                                        "\"\"",
                                        "[]",
                                        "\"AAAA\"",
                                        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\""};
    qs_begin(r, "x");
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct claims c = good_claims(r);
        c.body = forms[i];
        qs_claims(r, c);
    }
    struct claims c = good_claims(r);
    c.body = body_claim("y", 1, true);
    qs_claims(r, c);
    EXPECT_STR("body_hash", r->in.verdict.check);
    EXPECT_EQ_INT(0, intake_head(&r->in)); // the head says nothing of it
}

static void qs_17(struct rig *r) {
    qs_begin(r, "");
    qs_token(r, qs_good(r, CURRENT));
    r->in.d.body.data = NULL;
    judge(r);
}

static void qs_18(struct rig *r) {
    begin(r, QSTASH);
    intake_body(&r->in, "\xff\0\xc3(", 4);
    qs_token(r, qs_good(r, CURRENT));
}

// The HTTP layer trims (test_signature_http); what reaches the verifier has no blanks.
static void qs_19(struct rig *r) {
    qs_begin(r, "x");
    qs_token(r, qs_good(r, CURRENT));
}

static void qs_20(struct rig *r) {
    qs_begin(r, "x");
    static const char *const tails[] = {"=", "==", "A", " ", "\t", "."};
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        qs_token(r, strcat(qs_good(r, CURRENT), tails[i]));
        EXPECT_STR("header_form", r->in.verdict.check);
    }
    // the last character stands for 4 bits that count and 2 that do not
    static const char url64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *token = qs_good(r, CURRENT);
    char *last = token + strlen(token) - 1;
    *last = url64[(strchr(url64, *last) - url64) | 1];
    qs_token(r, token);
    EXPECT_STR("header_form", r->in.verdict.check);
    // a payload whose text needs characters 62 and 63, in the standard alphabet and a MAC of that
    struct claims c = good_claims(r);
    c.jti = "\"~~~\?\?\?>>>\"";
    char *good = qs_raw(hs256, qs_payload(&c), EVP_sha256(), CURRENT);
    bool changed = false;
    for (char *p = good; *p != '\0'; p++) {
        changed |= *p == '-' || *p == '_';
        *p = (char)(*p == '-' ? '+' : *p == '_' ? '/' : *p);
    }
    EXPECT_TRUE(changed);
    qs_token(r, good);
    EXPECT_STR("header_form", r->in.verdict.check);
}

static void qs_21(struct rig *r) {
    static const size_t chars[] = {42, 41, 22, 2, 1, 0};
    for (size_t i = 0; i < ARRAY_LEN(chars); i++) {
        qs_begin(r, "x");
        char *token = qs_good(r, CURRENT);
        strrchr(token, '.')[1 + chars[i]] = '\0';
        qs_token(r, token);
        EXPECT_STR("header_form", r->in.verdict.check);
    }
    qs_begin(r, "x");
    char *token = qs_good(r, CURRENT);
    *strrchr(token, '.') = '\0';
    qs_token(r, token);
}

static void qs_22(struct rig *r) {
    static const char *const objects[] = {"[]",
                                          "null",
                                          "1",
                                          "",
                                          "\"\"",
                                          "{",
                                          "{}x",
                                          "\xef\xbb\xbf{}",
                                          "{\"alg\":\"HS256\",}",
                                          "{\"alg\":\"HS\\u0000256\"}",
                                          "{\"alg\":\"hs256\"}",
                                          "{\"ALG\":\"HS256\"}",
                                          "{}",
                                          "{\"alg\":[\"HS256\"]}"};
    qs_begin(r, "x");
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        qs_header(r, objects[i]);
        qs_token(r, qs_raw(hs256, objects[i], EVP_sha256(), CURRENT));
    }
    static char deep[8192];
    (void)strcpy(deep, "{\"alg\":\"HS256\",\"a\":");
    memset(deep + strlen(deep), '[', 4000);
    qs_header(r, deep);
    EXPECT_STR("token_form", r->in.verdict.check);
}

static void qs_23(struct rig *r) {
    for (int first = 0; first < 2; first++) {
        qs_begin(r, "x");
        intake_header(&r->in, "upstash-signature", "%s", first ? "bad" : qs_good(r, CURRENT));
        intake_header(&r->in, "Upstash-Signature", "%s", first ? qs_good(r, CURRENT) : "bad");
        judge(r);
        EXPECT_STR("header_repeated", r->in.verdict.check);
    }
}

static void qs_24(struct rig *r) {
    static char target[4096];
    qs_begin(r, "x");
    (void)snprintf(target, sizeof target, "/hooks/h?Upstash-Signature=%s", qs_good(r, CURRENT));
    r->in.d.target = target;
    judge(r);
    r->in.d.target = "/hooks/h";
    char *token = qs_good(r, CURRENT);
    intake_body(&r->in, token, strlen(token));
    judge(r);
    EXPECT_STR("header_missing", r->in.verdict.check);
}

static void qs_25(struct rig *r) { // a verifier remembers nothing
    qs_begin(r, "x");
    char *token = qs_good(r, CURRENT);
    for (int i = 0; i < 2; i++) {
        r->in.header_count = 1;
        qs_token(r, token);
        intake_header(&r->in, "Upstash-Retried", "%d", i);
        judge(r);
    }
}

static void qs_26(struct rig *r) {
    qs_begin(r, "x");
    struct verifier *old = verifier_hold(r->in.verifier);
    begin(r, "verify: {qstash: {current: other, next: another}}");
    verifier_release(&r->in.verifier);
    r->in.verifier = old;
    intake_body(&r->in, "x", 1);
    qs_token(r, qs_good(r, CURRENT));
}

// ---- Standard Webhooks

static const unsigned char whsec_key[] = {0x31, 0xf2, 0x90, 0xf6, 0xbf, 0x06, 0x29, 0x8a,
                                          0xab, 0x4f, 0x08, 0xd4, 0x3c, 0x3f, 0x08, 0x2c,
                                          0xf6, 0x48, 0xa3, 0x62, 0xda, 0x2d, 0xa4, 0xb0};

// The base64 of a v1 signature.
static const char *sw_sum(struct rig *r, const char *id, const char *time) {
    static char sum[129];
    char text[1024];
    int n = snprintf(text, sizeof text, "%s.%s.", id, time);
    struct bytes body = r->in.d.body;
    if (body.len > 0) {
        memcpy(text + n, body.data, body.len);
    }
    return own_base64(EVP_sha256(), whsec_key, sizeof whsec_key, text, (size_t)n + body.len, sum);
}

static void sw_begin(struct rig *r, const char *body) {
    begin(r, "verify: {standard_webhooks: " WHSEC "}");
    intake_body(&r->in, body, strlen(body));
}

static void sw_headers(struct rig *r, const char *id, const char *time, const char *signature) {
    r->in.header_count = 0;
    intake_header(&r->in, "webhook-id", "%s", id);
    intake_header(&r->in, "webhook-timestamp", "%s", time);
    intake_header(&r->in, "webhook-signature", "%s", signature);
}

static void sw_send(struct rig *r, const char *id, const char *time, const char *pattern) {
    char signature[1024];
    sw_headers(r, id, time, fill(pattern, sw_sum(r, id, time), signature, sizeof signature));
    judge(r);
}
#define SW_NOW "1795254000"

static void sw_01(struct rig *r) {
    sw_begin(r, "{\"test\": 2432232314}");
    r->in.d.now_ms = INT64_C(1614265330) * 1000;
    sw_headers(r, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", // as published
               "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    judge(r);
    EXPECT_EQ_BYTES("msg_p5jXN8AQM9LWM0D4loKWxJek", 28, r->in.verdict.replay.data,
                    r->in.verdict.replay.len);
    EXPECT_TRUE(r->in.verdict.id_signed);
    EXPECT_EQ_INT(VERIFY_KEEP_MS, r->in.verdict.replay_keep_ms);
    EXPECT_EQ_INT(0, intake_head(&r->in));
}

static void sw_02(struct rig *r) {
    static const char *const schemes[] = {"verify: {standard_webhooks: " WHSEC "}",
                                          "verify: {svix: " WHSEC "}"};
    static const char *const names[2][3] = {
        {"webhook-id", "webhook-timestamp", "webhook-signature"},
        {"svix-id", "svix-timestamp", "svix-signature"}};
    for (size_t s = 0; s < 2; s++) {
        for (unsigned mix = 1; mix < 7; mix++) { // but all of one
            begin(r, schemes[s]);
            intake_body(&r->in, "x", 1);
            intake_header(&r->in, names[mix & 1][0], "m");
            intake_header(&r->in, names[mix >> 1 & 1][1], SW_NOW);
            intake_header(&r->in, names[mix >> 2][2], "v1,%s", sw_sum(r, "m", SW_NOW));
            judge(r);
            EXPECT_STR("header_missing", r->in.verdict.check);
        }
    }
}

static void sw_03(struct rig *r) {
    sw_begin(r, "x");
    sw_send(r, "m", SW_NOW, "v2,AAAA v1,%s");
    sw_send(r, "m", SW_NOW, "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= v1,%s v9z,Zg==");
}

static void sw_04(struct rig *r) {
    sw_begin(r, "x");
    sw_send(r, "m", SW_NOW, "v1a,%s");
    sw_send(r, "m", SW_NOW, "v2,%s");
}

static void sw_05(struct rig *r) {
    sw_begin(r, "x");
    static const char *const forms[] = {"%s", ",%s", "1,%s", "v,%s", "V1,%s", "v1 ,%s", "v1=%s"};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        sw_send(r, "m", SW_NOW, forms[i]);
        EXPECT_STR("header_form", r->in.verdict.check);
    }
}

static void sw_06(struct rig *r) {
    sw_begin(r, "x");
    char *value = NULL;
    sw_headers(r, "m", SW_NOW, "");
    r->in.header_count = 2;
    value = intake_header(&r->in, "webhook-signature", "v1,%s", sw_sum(r, "m", SW_NOW));
    value[strlen(value) - 1] = '\0';
    r->in.headers[2].value = bytes_of(value);
    judge(r);
    EXPECT_STR("header_form", r->in.verdict.check);
}

static void sw_07(struct rig *r) {
    char sum[129], value[160], text[64] = "m." SW_NOW ".x";
    sw_begin(r, "x");
    (void)snprintf(value, sizeof value, "v1,%s",
                   own_hex(EVP_sha256(), whsec_key, sizeof whsec_key, text, strlen(text), sum));
    sw_headers(r, "m", SW_NOW, value);
    judge(r);
}

static void sw_08(struct rig *r) {
    static const char *const forms[] = {"v1,%s,x",        "v1,%s, v1,AAAA", "v1,%s,",
                                        "v1,%s x",        "v1,%s ",         " v1,%s",
                                        "v1,%s  v1,AAAA", "v1,%s\tv1,AAAA"};
    sw_begin(r, "x");
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        sw_send(r, "m", SW_NOW, forms[i]);
        EXPECT_STR("header_form", r->in.verdict.check);
    }
}

static void sw_09(struct rig *r) {
    static char many[64 * 1000];
    sw_begin(r, "x");
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(many + strlen(many), 64, "%sv1,%s", i == 0 ? "" : " ",
                       sw_sum(r, "m", SW_NOW));
        if (i == 7) { // eight are allowed
            sw_headers(r, "m", SW_NOW, many);
            EXPECT_EQ_INT(0, intake_check(&r->in));
        }
        if (i == 8) {
            sw_headers(r, "m", SW_NOW, many);
            judge(r);
        }
    }
    r->in.headers[2].value = bytes_of(many);
    judge(r);
    EXPECT_STR("signatures_many", r->in.verdict.check);
}

static void sw_10(struct rig *r) {
    sw_begin(r, "x");
    sw_send(r, "m", number(NOW_S - 301), "v1,%s");
    EXPECT_STR("the time is 301 s old; 300 s are allowed", r->in.verdict.detail);
    sw_send(r, "m", number(NOW_S + 301), "v1,%s");
    EXPECT_STR("timestamp_ahead", r->in.verdict.check);
}

static void sw_times(struct rig *r, const char *const *times, size_t count) {
    sw_begin(r, "x");
    for (size_t i = 0; i < count; i++) {
        sw_send(r, "m", times[i], "v1,%s");
        EXPECT_STR("header_form", r->in.verdict.check);
        // over the number that a lenient reader would see
        sw_headers(r, "m", times[i], "");
        r->in.header_count = 2;
        intake_header(&r->in, "webhook-signature", "v1,%s", sw_sum(r, "m", SW_NOW));
        judge(r);
    }
}

static void sw_11(struct rig *r) {
    static const char *const times[] = {SW_NOW "abc", SW_NOW "s", SW_NOW " "};
    sw_times(r, times, ARRAY_LEN(times));
}

static void sw_12(struct rig *r) {
    static const char *const times[] = {
        SW_NOW ".0", "1.795254e9", "0x6b01a2f0", "0" SW_NOW, "+" SW_NOW, "-" SW_NOW, ""};
    sw_times(r, times, ARRAY_LEN(times));
}

static void sw_13(struct rig *r) {
    static const char *const times[] = {"18446744075504805616", "99999999999999999999"};
    sw_times(r, times, ARRAY_LEN(times));
}

static void sw_14(struct rig *r) {
    static const char *const ids[] = {"a.b", ".", "", "a b", "m\xc3\xa4", "m:1"};
    sw_begin(r, "x");
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        sw_send(r, ids[i], SW_NOW, "v1,%s");
        EXPECT_STR("header_form", r->in.verdict.check);
    }
    char id[VERIFY_ID_MAX + 2];
    memset(id, 'm', sizeof id);
    id[VERIFY_ID_MAX + 1] = '\0';
    sw_send(r, id, SW_NOW, "v1,%s");
    id[VERIFY_ID_MAX] = '\0';
    sw_headers(r, id, SW_NOW, "");
    r->in.header_count = 2;
    intake_header(&r->in, "webhook-signature", "v1,%s", sw_sum(r, id, SW_NOW));
    EXPECT_EQ_INT(0, intake_check(&r->in));
}

static void sw_15(struct rig *r) {
    sw_begin(r, "");
    sw_send(r, "m", SW_NOW, "v1,%s");
}

static void sw_16(struct rig *r) {
    begin(r, "verify: {standard_webhooks: " WHSEC "}");
    intake_body(&r->in, "\xff\0\xc3(", 4);
    sw_send(r, "m", SW_NOW, "v1,%s");
}

static void sw_17(struct rig *r) {
    judge_config(r, "verify: {standard_webhooks: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=}");
    judge_config(r,
                 "verify: {standard_webhooks: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=}");
}

// RFC 8032, 7.1, TEST 1: a key pair; the signature is made here.
static const unsigned char ed_private[32] = {
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
#define WHPK "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static void sw_18(struct rig *r) {
    static const char text[] = "m." SW_NOW ".x";
    unsigned char sum[64];
    size_t len = sizeof sum;
    char base64[128];
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, ed_private, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EXPECT_EQ_INT(1, EVP_DigestSignInit(context, NULL, NULL, NULL, key));
    EXPECT_EQ_INT(1,
                  EVP_DigestSign(context, sum, &len, (const unsigned char *)text, sizeof text - 1));
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    (void)EVP_EncodeBlock((unsigned char *)base64, sum, 64);
    begin(r, "verify: {standard_webhooks: [" WHSEC ", " WHPK "]}");
    intake_body(&r->in, "x", 1);
    intake_header(&r->in, "webhook-id", "m");
    intake_header(&r->in, "webhook-timestamp", SW_NOW);
    char *value = intake_header(&r->in, "webhook-signature", "v1a,%s", base64);
    judge(r);
    EXPECT_EQ_UINT(1, r->in.verdict.key);
    value[7] ^= 1;
    EXPECT_STR("signature", intake_why(&r->in));
}

static void sw_19(struct rig *r) {
    judge_config(r,
                 "verify: {standard_webhooks: "
                 "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWv"
                 "Ahpo9wdRGg==}");
}

static void sw_20(struct rig *r) { // the same replay key: the store says "duplicate"
    sw_begin(r, "x");
    sw_send(r, "m", SW_NOW, "v1,%s");
    struct bytes first = r->in.verdict.replay;
    sw_send(r, "m", number(NOW_S + 60), "v1,%s");
    bool same = r->in.verdict.status == 0 && bytes_equal(first, r->in.verdict.replay);
    r->verdict = same ? "D" : "A";
}

static void sw_21(struct rig *r) {
    sw_begin(r, "x");
    intake_header(&r->in, "webhook-timestamp", SW_NOW);
    intake_header(&r->in, "webhook-signature", "v1,%s", sw_sum(r, "m", SW_NOW));
    judge(r);
    EXPECT_STR("header_missing", r->in.verdict.check);
}

// ---- GitHub

static void gh_send(struct rig *r, const char *name, const char *label, const EVP_MD *md,
                    const char *key, bool upper) {
    char sum[129];
    (void)own_hex(md, key, strlen(key), r->in.d.body.data, r->in.d.body.len, sum);
    for (char *p = sum; upper && *p != '\0'; p++) {
        *p = (char)(*p >= 'a' && *p <= 'f' ? *p - 32 : *p);
    }
    r->in.header_count = 0;
    intake_header(&r->in, name, "%s%s", label, sum);
    judge(r);
}

static void gh_begin(struct rig *r, const char *body) {
    begin(r, "verify: {github: [new-secret, old-secret]}");
    intake_body(&r->in, body, strlen(body));
}

static void gh_01(struct rig *r) {
    gh_begin(r, "x");
    gh_send(r, "X-Hub-Signature-256", "sha256=", EVP_sha256(), "new-secret", true);
    EXPECT_STR("header_form", r->in.verdict.check);
    gh_send(r, "X-Hub-Signature-256", "SHA256=", EVP_sha256(), "new-secret", false);
}

static void gh_02(struct rig *r) {
    gh_begin(r, "x");
    gh_send(r, "X-Hub-Signature", "sha1=", EVP_sha1(), "new-secret", false);
    gh_send(r, "X-Hub-Signature-256", "sha1=", EVP_sha1(), "new-secret", false);
}

static void gh_03(struct rig *r) {
    gh_begin(r, "x");
    gh_send(r, "X-Hub-Signature-256", "", EVP_sha256(), "new-secret", false);
}

static void gh_04(struct rig *r) {
    gh_begin(r, "payload=%7B%22zen%22%3A%22x%22%7D");
    gh_send(r, "X-Hub-Signature-256", "sha256=", EVP_sha256(), "new-secret", false);
}

// The window is the host's; from here it gets the body, and the word that no id protects.
static void gh_05(struct rig *r) {
    gh_begin(r, "x");
    gh_send(r, "X-Hub-Signature-256", "sha256=", EVP_sha256(), "new-secret", false);
    bool left = r->in.verdict.replay.data == NULL && !r->in.verdict.id_signed;
    r->verdict = left ? "D" : "A";
}

static void gh_06(struct rig *r) {
    gh_begin(r, "x");
    gh_send(r, "X-Hub-Signature-256", "sha256=", EVP_sha256(), "old-secret", false);
    EXPECT_EQ_UINT(1, r->in.verdict.key);
}

// ---- Stripe

static const char *st_sum(struct rig *r, const char *time) {
    static char sum[129];
    char text[1024];
    int n = snprintf(text, sizeof text, "%s.%s", time, (const char *)r->in.d.body.data);
    return own_hex(EVP_sha256(), "whsec_stripe", 12, text, (size_t)n, sum);
}

static void st_begin(struct rig *r, const char *body) {
    begin(r, "verify: {stripe: [whsec_stripe, whsec_other]}");
    intake_body(&r->in, body, strlen(body));
}

static void st_send(struct rig *r, const char *value) {
    r->in.header_count = 0;
    intake_header(&r->in, "Stripe-Signature", "%s", value);
    judge(r);
}
#define ZERO32 "0000000000000000000000000000000000000000000000000000000000000000"

static void st_01(struct rig *r) {
    char value[1024];
    st_begin(r, "{\"id\":\"evt_1\",\"type\":\"x\"}");
    (void)snprintf(value, sizeof value, "t=" SW_NOW ",v1=" ZERO32 ",v1=%s,v0=" ZERO32,
                   st_sum(r, SW_NOW));
    st_send(r, value);
    EXPECT_EQ_BYTES("evt_1", 5, r->in.verdict.replay.data, r->in.verdict.replay.len);
    EXPECT_TRUE(r->in.verdict.id_signed);
    st_begin(r, "{\"type\":\"x\"}"); // no id: by what was signed
    (void)snprintf(value, sizeof value, "v1=%s,t=" SW_NOW, st_sum(r, SW_NOW));
    st_send(r, value);
    EXPECT_EQ_INT(43, r->in.verdict.replay.len);
}

static void st_02(struct rig *r) {
    char value[1024];
    const int64_t off[] = {-301, 301, 315360000};
    for (size_t i = 0; i < ARRAY_LEN(off); i++) {
        const char *time = number(NOW_S + off[i]);
        st_begin(r, "{}");
        (void)snprintf(value, sizeof value, "t=%s,v1=%s", time, st_sum(r, time));
        st_send(r, value);
    }
}

static void st_03(struct rig *r) {
    char value[1024];
    st_begin(r, "{}");
    (void)snprintf(value, sizeof value, "t=" SW_NOW ",t=1,v1=%s", st_sum(r, SW_NOW));
    st_send(r, value);
    (void)snprintf(value, sizeof value, "t=1,t=" SW_NOW ",v1=%s", st_sum(r, SW_NOW));
    st_send(r, value);
    (void)snprintf(value, sizeof value, "t=" SW_NOW ",t=" SW_NOW ",v1=%s", st_sum(r, SW_NOW));
    st_send(r, value);
    EXPECT_STR("header_form", r->in.verdict.check);
    (void)snprintf(value, sizeof value, "v1=%s", st_sum(r, SW_NOW));
    st_send(r, value);
    (void)snprintf(value, sizeof value, "t=" SW_NOW "x,v1=%s", st_sum(r, SW_NOW));
    st_send(r, value);
    (void)snprintf(value, sizeof value, "t=" SW_NOW ", v1=%s", st_sum(r, SW_NOW));
    st_send(r, value);
    (void)snprintf(value, sizeof value, "t=" SW_NOW ",v0=%s", st_sum(r, SW_NOW));
    st_send(r, value);
    (void)snprintf(value, sizeof value, "t=" SW_NOW ",v1=%s,", st_sum(r, SW_NOW));
    st_send(r, value);
}

static void st_04(struct rig *r) {
    char value[1024];
    st_begin(r, "{}");
    (void)snprintf(value, sizeof value, "t=" SW_NOW ",v1=%s", st_sum(r, SW_NOW));
    for (char *p = strstr(value, "v1=") + 3; *p != '\0'; p++) {
        *p = (char)(*p >= 'a' && *p <= 'f' ? *p - 32 : *p);
    }
    st_send(r, value);
}

static void st_05(struct rig *r) {
    judge_config(r, "verify: {stripe: x}, tolerance: 0s");
    judge_config(r, "verify: {stripe: x}, tolerance: 2h");
}

static void st_06(struct rig *r) {
    static char many[300 * 72];
    st_begin(r, "{}");
    (void)strcpy(many, "t=" SW_NOW);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(many + strlen(many), 72, ",v1=%s", st_sum(r, SW_NOW));
        r->in.header_count = 1;
        r->in.headers[0] = (struct header){bytes_of("Stripe-Signature"), bytes_of(many)};
        if (i == 7) { // eight are allowed
            EXPECT_EQ_INT(0, intake_check(&r->in));
        } else if (i == 8 || i == 299) {
            judge(r);
            EXPECT_STR("signatures_many", r->in.verdict.check);
        }
    }
}

// ---- Slack

static void sl_send(struct rig *r, const char *body, int64_t at_s, const char *label) {
    char text[512], sum[129];
    begin(r, "verify: {slack: slack-secret}");
    intake_body(&r->in, body, strlen(body));
    int n = snprintf(text, sizeof text, "v0:%" PRId64 ":%s", at_s, body);
    intake_header(&r->in, "X-Slack-Signature", "%s%s", label,
                  own_hex(EVP_sha256(), "slack-secret", 12, text, (size_t)n, sum));
    intake_header(&r->in, "X-Slack-Request-Timestamp", "%" PRId64, at_s);
    judge(r);
}

static void sl_01(struct rig *r) {
    sl_send(r, "{}", NOW_S - 301, "v0=");
    sl_send(r, "{}", NOW_S + 301, "v0=");
}

static void sl_02(struct rig *r) {
    sl_send(r, "{}", NOW_S, "v1=");
}

static void sl_03(struct rig *r) { // the answer is the host's
    sl_send(r, "{\"type\":\"url_verification\",\"challenge\":\"c\"}", NOW_S, "v0=");
}

static void sl_04(struct rig *r) {
    static const char event[] = "{\"event_id\":\"Ev1\"}";
    sl_send(r, event, NOW_S, "v0=");
    char first[16] = "";
    memcpy(first, r->in.verdict.replay.data, r->in.verdict.replay.len);
    sl_send(r, event, NOW_S + 60, "v0=");
    r->verdict = r->in.verdict.status == 0 && strcmp(first, "Ev1") == 0 &&
                         bytes_equal(bytes_of(first), r->in.verdict.replay)
                     ? "D"
                     : "A";
}

// ---- the others

static void sh_01(struct rig *r) {
    char sum[129];
    begin(r, "verify: {shopify: shopify-secret}");
    intake_body(&r->in, "x", 1);
    intake_header(&r->in, "X-Shopify-Hmac-Sha256", "%s",
                  own_hex(EVP_sha256(), "shopify-secret", 14, "x", 1, sum));
    judge(r);
    (void)own_base64(EVP_sha256(), "shopify-secret", 14, "x", 1, sum);
    r->in.headers[0].value = (struct bytes){sum, 44};
    EXPECT_EQ_INT(0, intake_check(&r->in));
    r->in.headers[0].value.len = 43;
    judge(r);
}

#define TWILIO                                                                                     \
    "verify: {twilio: {secret: '12345', public_url: 'https://mycompany.com/myapp.php', "           \
    "allow_sha1: true}}"

static void tw_01(struct rig *r) {
    static const char form[] = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%"
                               "2B14158675309&To=%2B18005551212";
    begin(r, TWILIO);
    r->in.d.target = "/myapp.php?foo=1&bar=2";
    intake_body(&r->in, form, sizeof form - 1);
    intake_header(&r->in, "X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    intake_header(&r->in, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    judge(r);
    static const char *const others[] = {
        "To=%2b18005551212&Digits=1234&From=%2B14158675309&CallSid=CA1234567890ABCDE&Caller=%"
        "2B14158675309", // in any order and case of escapes
        "To=%2b18005551212&Digits=1234&Digits=1234&From=%2B14158675309&CallSid=CA1234567890ABCDE&"
        "Caller=%2B14158675309", // of equal pairs one is signed
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        r->in.d.body = bytes_of(others[i]);
        judge(r);
    }
    static const char *const targets[] = {"/myapp.php", "/myapp.php?", "/myapp.php?foo=1&bar=3",
                                          "/myapp.php?bar=2&foo=1"};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        r->in.d.target = targets[i];
        EXPECT_STR("signature", intake_why(&r->in));
    }
    r->in.d.target = "/elsewhere?foo=1&bar=2"; // only the operator says what the path is
    EXPECT_STR("", intake_why(&r->in));
}

static void tw_json(struct rig *r, const char *body, const char *hashed) {
    static char target[200];
    unsigned char hash[32];
    char url[256], sum[129], hex[65];
    (void)EVP_Digest(hashed, strlen(hashed), hash, NULL, EVP_sha256(), NULL);
    for (int i = 0; i < 32; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    }
    (void)snprintf(target, sizeof target, "/myapp.php?foo=1&bodySHA256=%s", hex);
    (void)snprintf(url, sizeof url, "https://mycompany.com%s", target);
    begin(r, TWILIO);
    r->in.d.target = target;
    intake_body(&r->in, body, strlen(body));
    intake_header(&r->in, "X-Twilio-Signature", "%s",
                  own_base64(EVP_sha1(), "12345", 5, url, strlen(url), sum));
    intake_header(&r->in, "Content-Type", "application/json");
}

static void tw_02(struct rig *r) {
    tw_json(r, "{\"a\":1}", "{\"a\":1}");
    EXPECT_EQ_INT(0, intake_check(&r->in));
    tw_json(r, "{\"a\":1}", "{\"a\":2}");
    judge(r);
    EXPECT_STR("body_hash", r->in.verdict.check);
    // a body that nothing signs
    char sum[129];
    static const char url[] = "https://mycompany.com/myapp.php";
    begin(r, TWILIO);
    r->in.d.target = "/myapp.php";
    intake_body(&r->in, "{}", 2);
    intake_header(&r->in, "X-Twilio-Signature", "%s",
                  own_base64(EVP_sha1(), "12345", 5, url, sizeof url - 1, sum));
    judge(r);
    EXPECT_STR("body_form", r->in.verdict.check);
    r->in.d.body.len = 0;
    EXPECT_EQ_INT(0, intake_check(&r->in));
}

static void gl_01(struct rig *r) {
    judge_config(r, "verify: {gitlab: ''}");
    judge_config(r, "verify: {gitlab: {secret: ['']}}");
    judge_config(r, "verify: {gitlab: {}}");
    judge_config(r, "verify: {gitlab: []}");
}

static void be_01(struct rig *r) { // three variants
    begin(r, "verify: {bearer: the-token}");
    intake_body(&r->in, "", 0);
    intake_header(&r->in, "Authorization", "Basic the-token");
    EXPECT_EQ_INT(401, intake_check(&r->in));
    intake_body(&r->in, "", 0);
    EXPECT_EQ_INT(401, intake_check(&r->in));
    intake_header(&r->in, "Authorization", "Bearer the-token");
    EXPECT_EQ_INT(0, intake_check(&r->in));
    intake_header(&r->in, "Authorization", "Bearer the-token");
    EXPECT_EQ_INT(400, intake_check(&r->in));
    r->verdict = "R401 / R401 / R400";
}

struct generic {
    const char *algorithm, *encoding, *prefix;
    const EVP_MD *(*md)(void);
};

static void ge_01(struct rig *r) {
    static const struct generic rows[] = {{"sha256", "hex", "", EVP_sha256},
                                          {"sha256", "base64", "sha256=", EVP_sha256},
                                          {"sha512", "hex", "v1:", EVP_sha512},
                                          {"sha512", "base64", "", EVP_sha512},
                                          {"sha1", "hex", "sha1=", EVP_sha1}};
    static const char text[] = SW_NOW ".x";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char verify[512], sum[129];
        bool hex = strcmp(rows[i].encoding, "hex") == 0;
        (void)snprintf(verify, sizeof verify,
                       "verify: {hmac: {secret: key, header: X-Sig, algorithm: %s, encoding: %s, "
                       "prefix: '%s', template: '{timestamp}.{body}', timestamp_header: X-Time, "
                       "id_header: X-Id, allow_sha1: true}}",
                       rows[i].algorithm, rows[i].encoding, rows[i].prefix);
        begin(r, verify);
        intake_body(&r->in, "x", 1);
        intake_header(
            &r->in, "X-Sig", "%s%s", rows[i].prefix,
            (hex ? own_hex : own_base64)(rows[i].md(), "key", 3, text, sizeof text - 1, sum));
        char *time = intake_header(&r->in, "X-Time", SW_NOW);
        intake_header(&r->in, "X-Id", "id-1");
        judge(r);
        EXPECT_EQ_INT(4, r->in.verdict.id.len);
        EXPECT_FALSE(r->in.verdict.id_signed);
        EXPECT_EQ_INT(43, r->in.verdict.replay.len);
        time[9] = '1';
        EXPECT_STR("signature", intake_why(&r->in));
    }
}

static void ge_02(struct rig *r) {
    char sum[129];
    begin(r, "verify: {hmac: {secret: key, header: X-Sig, template: '{timestamp}.{body}', "
             "timestamp_header: X-Time}}");
    static const char *const signed_texts[] = {"{body}.x", "x.x"}; // as text, and expanded again
    for (size_t i = 0; i < ARRAY_LEN(signed_texts); i++) {
        intake_body(&r->in, "x", 1);
        intake_header(&r->in, "X-Time", "{body}");
        intake_header(
            &r->in, "X-Sig", "%s",
            own_hex(EVP_sha256(), "key", 3, signed_texts[i], strlen(signed_texts[i]), sum));
        judge(r);
        EXPECT_STR("header_form", r->in.verdict.check);
    }
    // an id may hold such text, and is signed as it is
    begin(r, "verify: {hmac: {secret: key, header: X-Sig, template: '{id}.{body}', id_header: X}}");
    intake_body(&r->in, "x", 1);
    intake_header(&r->in, "X", "{body}");
    char *value =
        intake_header(&r->in, "X-Sig", "%s", own_hex(EVP_sha256(), "key", 3, "{body}.x", 8, sum));
    EXPECT_EQ_INT(0, intake_check(&r->in));
    EXPECT_EQ_BYTES("{body}", 6, r->in.verdict.replay.data, r->in.verdict.replay.len);
    (void)strcpy(value, own_hex(EVP_sha256(), "key", 3, "x.x", 3, sum));
    judge(r);
    EXPECT_STR("signature", r->in.verdict.check);
}

// ---- the table

static const struct {
    const char *id, *verdict;
    void (*run)(struct rig *r);
} cases[] = {
    {"qs-01", "A", qs_01},      {"qs-02", "R401", qs_02},
    {"qs-03", "R401", qs_03},   {"qs-04", "R401", qs_04},
    {"qs-05", "R401", qs_05},   {"qs-06", "R401", qs_06},
    {"qs-07", "R401", qs_07},   {"qs-08", "R401", qs_08},
    {"qs-09", "R401", qs_09},   {"qs-10", "R401", qs_10},
    {"qs-11", "R401", qs_11},   {"qs-12", "R401", qs_12},
    {"qs-13", "R401", qs_13},   {"qs-14", "R401", qs_14},
    {"qs-15", "A", qs_15},      {"qs-16", "R401", qs_16},
    {"qs-17", "A", qs_17},      {"qs-18", "A", qs_18},
    {"qs-19", "A", qs_19},      {"qs-20", "R401", qs_20},
    {"qs-21", "R401", qs_21},   {"qs-22", "R401", qs_22},
    {"qs-23", "R400", qs_23},   {"qs-24", "R401", qs_24},
    {"qs-25", "A", qs_25},      {"qs-26", "A", qs_26},
    {"sw-01", "A", sw_01},      {"sw-02", "R401", sw_02},
    {"sw-03", "A", sw_03},      {"sw-04", "R401", sw_04},
    {"sw-05", "R401", sw_05},   {"sw-06", "R401", sw_06},
    {"sw-07", "R401", sw_07},   {"sw-08", "R401", sw_08},
    {"sw-09", "R400", sw_09},   {"sw-10", "R401", sw_10},
    {"sw-11", "R401", sw_11},   {"sw-12", "R401", sw_12},
    {"sw-13", "R401", sw_13},   {"sw-14", "R401", sw_14},
    {"sw-15", "A", sw_15},      {"sw-16", "A", sw_16},
    {"sw-17", "CONFIG", sw_17}, {"sw-18", "A", sw_18},
    {"sw-19", "CONFIG", sw_19}, {"sw-20", "D", sw_20},
    {"sw-21", "R401", sw_21},   {"gh-01", "R401", gh_01},
    {"gh-02", "R401", gh_02},   {"gh-03", "R401", gh_03},
    {"gh-04", "A", gh_04},      {"gh-05", "D", gh_05},
    {"gh-06", "A", gh_06},      {"st-01", "A", st_01},
    {"st-02", "R401", st_02},   {"st-03", "R401", st_03},
    {"st-04", "R401", st_04},   {"st-05", "CONFIG", st_05},
    {"st-06", "R400", st_06},   {"sl-01", "R401", sl_01},
    {"sl-02", "R401", sl_02},   {"sl-03", "A", sl_03},
    {"sl-04", "D", sl_04},      {"sh-01", "R401", sh_01},
    {"tw-01", "A", tw_01},      {"tw-02", "R401", tw_02},
    {"gl-01", "CONFIG", gl_01}, {"be-01", "R401 / R401 / R400", be_01},
    {"ge-01", "A", ge_01},      {"ge-02", "R401", ge_02},
};

static void test_cases(void) {
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct rig r;
        unsigned failures = CU_get_number_of_failures();
        r = (struct rig){.verdict = NULL};
        cases[i].run(&r);
        EXPECT_STR(cases[i].verdict, r.verdict);
        if (CU_get_number_of_failures() != failures) {
            (void)fprintf(stderr, "that was case %s\n", cases[i].id);
        }
        if (r.begun) {
            intake_end(&r.in);
        }
    }
}

static const char *verdict_of(const char *id) {
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (strcmp(cases[i].id, id) == 0) {
            return cases[i].verdict;
        }
    }
    return NULL;
}

static void test_table(void) {
    FILE *f = fopen(SHARED_DATA "/signature_cases.tsv", "re");
    char line[1024];
    if (f == NULL) {
        (void)printf("skipped: no " SHARED_DATA "/signature_cases.tsv ");
        return;
    }
    while (fgets(line, sizeof line, f) != NULL) {
        char *id = strtok(line, "\t"), *scheme = strtok(NULL, "\t");
        (void)strtok(NULL, "\t");
        char *verdict = strtok(NULL, "\t\n");
        if (id == NULL || scheme == NULL || strcmp(id, "id") == 0 || strcmp(scheme, "http") == 0) {
            continue; // those are of the server's tests
        }
        if (!EXPECT_STR(verdict, verdict_of(id))) {
            (void)fprintf(stderr, "that was row %s\n", id);
        }
    }
    (void)fclose(f);
}

// ---- beside the table

static void test_qstash_switches(void) {
    static struct rig r;
    r = (struct rig){.verdict = NULL};
    qs_begin(&r, "x");
    qs_header(&r, followed); // beside a right MAC they are passed by
    struct claims c = good_claims(&r);
    c.jti = NULL; // then the token itself stands for the delivery
    qs_claims(&r, c);
    EXPECT_EQ_INT(43, r.in.verdict.replay.len);
    EXPECT_EQ_INT(0, r.in.verdict.id.len);
    c = good_claims(&r);
    c.exp = number(NOW_S + 86400); // as far ahead as may be: remembered as long
    qs_claims(&r, c);
    EXPECT_EQ_INT(VERIFY_KEEP_MS, r.in.verdict.replay_keep_ms);
    r.in.d.target = "/hooks/h?a=1";
    c = good_claims(&r);
    c.sub = "\"https://jobs.example.com/hooks/h?a=1\"";
    qs_claims(&r, c);
    EXPECT_STR("A", r.verdict);
    c.jti = "7";
    qs_claims(&r, c);
    EXPECT_STR("claim_form", r.in.verdict.check);
    begin(&r, "verify: {qstash: {current: " CURRENT
              ", check_url: false, require_nbf: false}}, tolerance: 5s");
    intake_body(&r.in, "x", 1);
    r.verdict = NULL;
    c = good_claims(&r);
    c.sub = "\"https://proxy.example/\"";
    c.nbf = NULL;
    c.exp = number(NOW_S - 4);
    qs_claims(&r, c);
    c.nbf = number(NOW_S + 5);
    qs_claims(&r, c);
    EXPECT_STR("A", r.verdict);
    c.nbf = number(NOW_S + 6);
    qs_claims(&r, c);
    EXPECT_STR("claim_nbf", r.in.verdict.check);
    c.nbf = "0";
    c.exp = number(NOW_S - 5);
    qs_claims(&r, c);
    EXPECT_STR("claim_exp", r.in.verdict.check);
    intake_end(&r.in);
}

static void test_svix_families(void) {
    static struct rig r;
    r = (struct rig){.verdict = NULL};
    begin(&r, "verify: {svix: " WHSEC "}");
    for (int i = 0; i < 2; i++) {
        intake_body(&r.in, "x", 1);
        intake_header(&r.in, i ? "webhook-id" : "svix-id", "m");
        intake_header(&r.in, i ? "webhook-timestamp" : "svix-timestamp", SW_NOW);
        intake_header(&r.in, i ? "webhook-signature" : "svix-signature", "v1,%s",
                      sw_sum(&r, "m", SW_NOW));
        judge(&r);
    }
    EXPECT_STR("A", r.verdict);
    intake_header(&r.in, "webhook-id", "m");
    EXPECT_EQ_INT(400, intake_check(&r.in));
    intake_end(&r.in);
}

static void test_generic_list(void) {
    static struct rig r;
    char sum[129], value[1024];
    r = (struct rig){.verdict = NULL};
    begin(&r, "verify: {hmac: {secret: key, header: X-Sig, template: '{timestamp}.{body}', label: "
              "v1, timestamp_label: t}}");
    intake_body(&r.in, "x", 1);
    (void)own_hex(EVP_sha256(), "key", 3, SW_NOW ".x", 12, sum);
    static const char *const good[] = {"t=" SW_NOW ",v1=%s", "v1=" ZERO32 ",v1=%s,t=" SW_NOW,
                                       "t=" SW_NOW ",v0=x,v1=%s"};
    static const char *const bad[] = {
        "t=" SW_NOW ",v0=%s",  "t=" SW_NOW ",t=" SW_NOW ",v1=%s", "v1=%s",
        "t=" SW_NOW ", v1=%s", "t=" SW_NOW ",v1=%s,v1=x",         "%s",
        "t=" SW_NOW ",v1:%s"};
    for (size_t i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
        bool is_good = i < ARRAY_LEN(good);
        (void)fill(is_good ? good[i] : bad[i - ARRAY_LEN(good)], sum, value, sizeof value);
        r.in.header_count = 0;
        intake_header(&r.in, "X-Sig", "%s", value);
        EXPECT_STR(is_good ? "" : "header_form", intake_why(&r.in));
    }
    (void)strcpy(value, "t=" SW_NOW);
    for (int i = 1; i <= VERIFY_SIGNATURES_MAX + 1; i++) {
        (void)strcat(strcat(value, ",v1="), sum);
        r.in.headers[0].value = bytes_of(value);
        EXPECT_EQ_INT(i <= VERIFY_SIGNATURES_MAX ? 0 : 400, intake_check(&r.in));
    }
    intake_end(&r.in);
}

static void test_generic_keys(void) {
    static const char *const keys[] = {"secret: a2V5, key_encoding: base64",
                                       "secret: 6b6579, key_encoding: hex", "secret: key"};
    char verify[256], sum[129];
    static struct rig r;
    r = (struct rig){.verdict = NULL};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        (void)snprintf(verify, sizeof verify, "verify: {hmac: {header: X-Sig, %s}}", keys[i]);
        begin(&r, verify);
        intake_body(&r.in, "x", 1);
        intake_header(&r.in, "X-Sig", "%s", own_hex(EVP_sha256(), "key", 3, "x", 1, sum));
        judge(&r);
        EXPECT_EQ_INT(0, r.in.verdict.replay.len);
    }
    EXPECT_STR("A", r.verdict);
    begin(&r,
          "verify: {hmac: {header: X-Sig, secret: key, template: '{id}.{body}', id_header: X}}");
    intake_body(&r.in, "x", 1);
    intake_header(&r.in, "X-Sig", "%s", own_hex(EVP_sha256(), "key", 3, "a.b.x", 5, sum));
    intake_header(&r.in, "X", "a.b"); // as well "a" and the body "b.x"
    EXPECT_STR("header_form", intake_why(&r.in));
    intake_end(&r.in);
}

static const struct expect_test tests[] = {
    {"each case of the table", test_cases},
    {"no row of the table is missing", test_table},
    {"qstash: switches, ids, queries", test_qstash_switches},
    {"svix: either family, whole", test_svix_families},
    {"hmac: a list of k=v", test_generic_list},
    {"hmac: keys and ids", test_generic_keys},
};
SUITE_MAIN("signature_cases", tests)
