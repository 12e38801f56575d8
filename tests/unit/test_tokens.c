/* Who may ask, as a host knows it: against a store that the test plays. */
#include "supervisor/tokens.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timer.h"
#include "expect.h"
#include "supervisor/host.h"

enum { POSTED_MAX = 64 };

struct rig {
    struct host host;
    struct env_clock_file clock;
    struct store_op *posted[POSTED_MAX];
    size_t count;
    unsigned answered;
    struct arena arena;
};

static void post(void *self, struct store_op *op) {
    struct rig *rig = self;
    if (rig->count < POSTED_MAX) {
        rig->posted[rig->count++] = op;
    }
}

static void nothing(void *self) {
    (void)self;
}

static const struct store_ops played = {
    .caps = {.name = "played", .shared = true}, .post = post, .close = nothing};

static void start(struct rig *rig) {
    memset(rig, 0, sizeof *rig);
    rig->clock = (struct env_clock_file){.base_test_ms = 1000, .wall_skew_ms = 1700000000000};
    rig->host.env = (struct env){.clock = &rig->clock};
    rig->host.base = event_base_new();
    rig->host.timers = timers_new(rig->host.base, &rig->host.env);
    rig->host.store = (struct store){&played, rig};
    rig->host.tokens = tokens_new(&rig->host);
    EXPECT_TRUE(rig->host.tokens != NULL);
}

static void stop(struct rig *rig) {
    tokens_free(&rig->host.tokens);
    timers_free(&rig->host.timers);
    event_base_free(rig->host.base);
    arena_free(&rig->arena);
}

static struct store_op *take(struct rig *rig) {
    struct store_op *op = rig->count == 0 ? NULL : rig->posted[0];
    if (op != NULL) {
        memmove(rig->posted, rig->posted + 1, --rig->count * sizeof *rig->posted);
    }
    return op;
}

/* A token's text and what the store keeps of it; `n` tells them apart. */
struct made {
    char text[TOKEN_TEXT_LEN + 1], id[TOKEN_ID_LEN + 1], hash[STORE_TOKEN_HASH_LEN + 1];
    struct store_token token;
};

static void make(struct made *m, unsigned n) {
    uint8_t id[8] = {(uint8_t)(n >> 8), (uint8_t)n}, secret[32] = {(uint8_t)n, 7};
    const char *characters = NULL;
    token_format(id, secret, m->text);
    EXPECT_TRUE(token_split(bytes_of(m->text), m->id, &characters));
    tokens_hash(characters, m->hash);
    m->token = (struct store_token){
        .id = m->id, .name = "ci", .hash = m->hash, .scope = TOKEN_SUBMIT, .tenant = "ann"};
}

static enum tokens_verdict look(struct rig *rig, const struct made *m, struct bearer *ret) {
    return tokens_look(&rig->host, bytes_of(m->text), &rig->arena, ret);
}

static void on_answer(struct tokens_question *q) {
    ((struct rig *)q->arg)->answered++;
}

static struct tokens_question question(struct rig *rig, const struct made *m) {
    struct tokens_question q = {.done = on_answer, .arg = rig};
    (void)snprintf(q.id, sizeof q.id, "%s", m->id);
    return q;
}

static void answer_one(struct rig *rig, struct store_token *token, int status) {
    struct store_op *op = take(rig);
    if (EXPECT_TRUE(op != NULL && op->kind == STORE_TOKEN_LIST)) {
        struct store_token_list *list = CONTAINER_OF(op, struct store_token_list, op);
        list->tokens = token;
        list->count = token != NULL;
        op->status = status;
        op->done(op);
    }
}

static void test_known(void) {
    struct rig rig;
    struct made m;
    struct bearer b;
    start(&rig);
    make(&m, 1);
    tokens_learn(&rig.host, &m.token);
    EXPECT_EQ_INT(TOKENS_BEARER, look(&rig, &m, &b));
    EXPECT_EQ_STR("ci", b.name);
    EXPECT_EQ_STR("ann", b.bound.tenant);
    EXPECT_NULL(b.bound.queues);
    EXPECT_EQ_INT(TOKEN_SUBMIT, b.scope);
    struct made
        other; // the right id with another secret: made of its own characters, so its checksum is right
    make(&other, 1);
    uint8_t id[8] = {0, 1}, secret[32] = {9};
    token_format(id, secret, other.text);
    EXPECT_EQ_INT(TOKENS_NOBODY, look(&rig, &other, &b));
    m.token.expires_ms = env_wall_ms(&rig.host.env) + 5;
    tokens_learn(&rig.host, &m.token);
    EXPECT_EQ_INT(TOKENS_BEARER, look(&rig, &m, &b));
    rig.clock.base_test_ms += 5;
    EXPECT_EQ_INT(TOKENS_NOBODY, look(&rig, &m, &b));
    m.token.expires_ms = 0;
    m.token.revoked_ms = 7;
    tokens_learn(&rig.host, &m.token);
    EXPECT_EQ_INT(TOKENS_NOBODY, look(&rig, &m, &b));
    EXPECT_EQ_UINT(0, rig.count); // nobody was asked
    stop(&rig);
}

// All who wait for one id are told by one answer; that there is none is remembered for a moment.
static void test_asking(void) {
    struct rig rig;
    struct made m, none;
    struct bearer b;
    start(&rig);
    make(&m, 1);
    make(&none, 2);
    EXPECT_EQ_INT(TOKENS_TO_ASK, look(&rig, &m, &b));
    struct tokens_question q[3] = {question(&rig, &m), question(&rig, &m), question(&rig, &m)};
    for (size_t i = 0; i < 3; i++) {
        EXPECT_EQ_INT(0, tokens_ask(&rig.host, &q[i]));
    }
    EXPECT_EQ_UINT(1, rig.count);
    tokens_withdraw(&rig.host, &q[1]);
    answer_one(&rig, &m.token, 0);
    EXPECT_EQ_UINT(2, rig.answered);
    EXPECT_EQ_INT(TOKENS_BEARER, look(&rig, &m, &b));
    EXPECT_EQ_INT(TOKENS_TO_ASK, look(&rig, &none, &b));
    struct tokens_question last = question(&rig, &none);
    EXPECT_EQ_INT(0, tokens_ask(&rig.host, &last));
    answer_one(&rig, NULL, -ENOENT);
    EXPECT_EQ_INT(TOKENS_NOBODY, look(&rig, &none, &b));
    rig.clock.base_test_ms += TOKENS_UNKNOWN_MS;
    EXPECT_EQ_INT(TOKENS_TO_ASK, look(&rig, &none, &b));
    stop(&rig);
}

// Whoever makes some up: so many questions at a time, and so many ids remembered.
static void test_bounds(void) {
    static struct tokens_question q[TOKENS_ASKED_MAX];
    struct rig rig;
    struct made m;
    struct bearer b;
    start(&rig);
    for (unsigned i = 0; i < TOKENS_ASKED_MAX; i++) {
        make(&m, i);
        EXPECT_EQ_INT(TOKENS_TO_ASK, look(&rig, &m, &b));
        q[i] = question(&rig, &m);
        EXPECT_EQ_INT(0, tokens_ask(&rig.host, &q[i]));
    }
    make(&m, 5000);
    EXPECT_EQ_INT(TOKENS_NOBODY, look(&rig, &m, &b));
    while (rig.count > 0) {
        answer_one(&rig, NULL, -ENOENT);
    }
    for (unsigned i = 0; i < 3 * TOKENS_UNKNOWN_MAX; i++) {
        make(&m, i);
        if (look(&rig, &m, &b) == TOKENS_TO_ASK) {
            q[0] = question(&rig, &m);
            EXPECT_EQ_INT(0, tokens_ask(&rig.host, &q[0]));
            answer_one(&rig, NULL, -ENOENT);
        }
        arena_reset(&rig.arena);
    }
    make(&m, 9000); // known ones are not driven out, and new ones are let in
    tokens_learn(&rig.host, &m.token);
    EXPECT_EQ_INT(TOKENS_BEARER, look(&rig, &m, &b));
    stop(&rig);
}

// Another host's news: it is asked about, and what the store says then is in force.
static void test_news(void) {
    struct rig rig;
    struct made m;
    struct bearer b;
    start(&rig);
    make(&m, 1);
    tokens_learn(&rig.host, &m.token);
    m.token.revoked_ms = 9;
    tokens_news(&rig.host, m.id);
    EXPECT_EQ_INT(TOKENS_BEARER, look(&rig, &m, &b));
    answer_one(&rig, &m.token, 0);
    EXPECT_EQ_INT(TOKENS_NOBODY, look(&rig, &m, &b));
    stop(&rig);
}

// A store that is away changes nothing; one that has dropped a token's row does.
static void test_list(void) {
    struct rig rig;
    struct made m[2];
    struct bearer b;
    start(&rig);
    make(&m[0], 1);
    make(&m[1], 2);
    tokens_load(&rig.host);
    struct store_token both[] = {m[0].token, m[1].token};
    struct store_token_list *list = CONTAINER_OF(take(&rig), struct store_token_list, op);
    list->tokens = both;
    list->count = 2;
    list->op.done(&list->op);
    EXPECT_EQ_INT(TOKENS_BEARER, look(&rig, &m[1], &b));
    tokens_load(&rig.host);
    list = CONTAINER_OF(take(&rig), struct store_token_list, op);
    list->op.status = -ENOTCONN;
    list->op.done(&list->op);
    EXPECT_EQ_INT(TOKENS_BEARER, look(&rig, &m[1], &b));
    tokens_load(&rig.host);
    list = CONTAINER_OF(take(&rig), struct store_token_list, op);
    list->op.status = 0;
    list->tokens = both;
    list->count = 1;
    list->op.done(&list->op);
    EXPECT_EQ_INT(TOKENS_BEARER, look(&rig, &m[0], &b));
    EXPECT_EQ_INT(TOKENS_TO_ASK, look(&rig, &m[1], &b));
    stop(&rig);
}

static const struct expect_test tests[] = {
    {"a known token", test_known},           {"one that is asked for", test_asking},
    {"as many as are made up", test_bounds}, {"what other hosts do", test_news},
    {"all of the store's", test_list},
};
SUITE_MAIN("tokens", tests)
