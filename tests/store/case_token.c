/* Tokens of the API: what is kept of them, and who hears of it. */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "redis_server.h"
#include "sample.h"
#include "store/tokens.h"

static const char hash_a[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
#define ID "abcdefghijkl"

static struct store_token plain(const char *id) {
    return (struct store_token){
        .id = id, .name = "ci", .hash = hash_a, .scope = TOKEN_SUBMIT, .created_ms = 1};
}

static int put(struct rig *rig, struct store_token token) {
    struct store_token_put *op = RIG_NEW(rig, store_token_put);
    op->token = token;
    return rig_run(rig, &op->op, STORE_TOKEN_PUT);
}

static int set(struct rig *rig, const char *id, int64_t used_ms, int64_t revoked_ms) {
    struct store_token_set_item item = {.id = id, .used_ms = used_ms, .revoked_ms = revoked_ms};
    struct store_token_set op = {.items = &item, .count = 1};
    int r = rig_run(rig, &op.op, STORE_TOKEN_SET);
    store_op_finish(&op.op);
    return r < 0 ? r : item.status;
}

static const struct store_token_list *list_of(struct rig *rig, const char *id, int want) {
    struct store_token_list *list = RIG_NEW(rig, store_token_list);
    list->id = id;
    (void)EXPECT_EQ_INT(want, rig_run(rig, &list->op, STORE_TOKEN_LIST));
    return list;
}

static void test_life(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_EQ_UINT(0, list_of(&rig, NULL, 0)->count);
    struct store_token all = {.id = ID,
                              .name = "ci@build/1",
                              .hash = hash_a,
                              .tenant = "ann, \"the\" first",
                              .queues = "a,b.c-d",
                              .by = "uid:0",
                              .scope = TOKEN_OPERATOR,
                              .created_ms = rig.now,
                              .expires_ms = rig.now + 1000};
    EXPECT_EQ_INT(0, put(&rig, all));
    EXPECT_EQ_INT(0, put(&rig, all)); // the answer was lost
    all.scope = TOKEN_ADMIN;
    EXPECT_EQ_INT(-EEXIST, put(&rig, all));
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    const struct store_token_list *one = list_of(&rig, ID, 0);
    if (EXPECT_EQ_UINT(1, one->count)) {
        const struct store_token *t = &one->tokens[0];
        EXPECT_EQ_STR(ID, t->id);
        EXPECT_EQ_STR(all.name, t->name);
        EXPECT_EQ_STR(all.hash, t->hash);
        EXPECT_EQ_STR(all.tenant, t->tenant);
        EXPECT_EQ_STR(all.queues, t->queues);
        EXPECT_EQ_STR(all.by, t->by);
        EXPECT_EQ_INT(TOKEN_OPERATOR, t->scope);
        EXPECT_EQ_INT(all.created_ms, t->created_ms);
        EXPECT_EQ_INT(all.expires_ms, t->expires_ms);
        EXPECT_EQ_INT(0, t->used_ms);
        EXPECT_EQ_INT(0, t->revoked_ms);
    }
    (void)list_of(&rig, "mnopqrstuvwx", -ENOENT);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Times only grow, and what is revoked stays so.
static void test_set(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_EQ_INT(-ENOENT, set(&rig, ID, 1, 1));
    EXPECT_EQ_INT(0, put(&rig, plain(ID)));
    EXPECT_EQ_INT(0, set(&rig, ID, 2000, 0));
    EXPECT_EQ_INT(0, set(&rig, ID, 1000, 0));
    EXPECT_EQ_INT(2000, list_of(&rig, ID, 0)->tokens[0].used_ms);
    EXPECT_EQ_INT(0, list_of(&rig, ID, 0)->tokens[0].revoked_ms);
    EXPECT_EQ_INT(0, set(&rig, ID, 0, 3000));
    EXPECT_EQ_INT(0, set(&rig, ID, 0, 4000));
    EXPECT_EQ_INT(0, set(&rig, ID, 5000, 0));
    EXPECT_EQ_INT(3000, list_of(&rig, ID, 0)->tokens[0].revoked_ms);
    EXPECT_EQ_INT(5000, list_of(&rig, ID, 0)->tokens[0].used_ms);
    EXPECT_EQ_STR("ci", list_of(&rig, ID, 0)->tokens[0].name);
    rig_finish(&rig);
}

static void test_list(void) {
    struct rig rig;
    rig_start(&rig);
    struct store_token later = plain("aaaaaaaaaaaa");
    later.created_ms = 9;
    EXPECT_EQ_INT(0, put(&rig, later));
    EXPECT_EQ_INT(0, put(&rig, plain("zzzzzzzzzzzz")));
    EXPECT_EQ_INT(0, put(&rig, plain("bbbbbbbbbbbb")));
    const struct store_token_list *all = list_of(&rig, NULL, 0);
    if (EXPECT_EQ_UINT(3, all->count)) {
        EXPECT_EQ_STR("bbbbbbbbbbbb", all->tokens[0].id);
        EXPECT_EQ_STR("zzzzzzzzzzzz", all->tokens[1].id);
        EXPECT_EQ_STR("aaaaaaaaaaaa", all->tokens[2].id);
    }
    rig_finish(&rig);
}

static void test_refused(void) {
    static char long_by[STORE_TOKEN_BY_MAX + 2];
    struct rig rig;
    rig_start(&rig);
    memset(long_by, 'x', sizeof long_by - 1);
    struct store_token bad[] = {plain("short"), plain("abcdefghijk0"),
                                plain(ID),      plain(ID),
                                plain(ID),      plain(ID),
                                plain(ID),      plain(ID),
                                plain(ID)};
    bad[2].name = "two words";
    bad[3].hash = "0011";
    bad[4].scope = TOKEN_SCOPES;
    bad[5].tenant = "";
    bad[6].queues = "a,,b";
    bad[7].queues = "a,";
    bad[8].by = long_by;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT_EQ_INT(-EINVAL, put(&rig, bad[i]));
    }
    EXPECT_EQ_UINT(0, list_of(&rig, NULL, 0)->count);
    rig_finish(&rig);
}

// As many as there may be; one that has ended makes room, the one first that ended first.
static void test_full(void) {
    struct rig rig;
    char id[TOKEN_ID_LEN + 1] = ID;
    rig_start(&rig);
    for (int i = 0; i < STORE_TOKENS_MAX; i++) {
        id[0] = (char)('a' + i / 100);
        id[1] = (char)('a' + i / 10 % 10);
        id[2] = (char)('a' + i % 10);
        EXPECT_EQ_INT(0, put(&rig, plain(id)));
        rig_free_ops(&rig);
    }
    EXPECT_EQ_INT(-EDQUOT, put(&rig, plain("zzzzzzzzzzzz")));
    EXPECT_EQ_UINT(STORE_TOKENS_MAX, list_of(&rig, NULL, 0)->count);
    EXPECT_EQ_INT(0, set(&rig, "aabdefghijkl", 0, rig.now - 5));
    EXPECT_EQ_INT(0, set(&rig, "aacdefghijkl", 0, rig.now - 9));
    EXPECT_EQ_INT(0, put(&rig, plain("zzzzzzzzzzzz")));
    (void)list_of(&rig, "aacdefghijkl", -ENOENT);
    (void)list_of(&rig, "aabdefghijkl", 0);
    rig_finish(&rig);
}

// What cannot be read is found, hides none of the others, and goes.
static void test_damaged(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_EQ_INT(0, put(&rig, plain(ID)));
    if (rig_is_shared()) {
        const char *words[] = {"HSET", "jh:tokens", "bbbbbbbbbbbb", "0 0 0 what"};
        freeReplyObject(redis_server_ask(rig_server(), 4, words, NULL));
    } else {
        rig_close(&rig);
        rig_sql(&rig, "INSERT INTO tokens(id, data) VALUES('bbbbbbbbbbbb', 'what')");
        EXPECT_EQ_INT(0, rig_open(&rig));
    }
    EXPECT_EQ_UINT(1, list_of(&rig, NULL, 0)->count);
    (void)list_of(&rig, "bbbbbbbbbbbb", -ENOENT);
    EXPECT_TRUE(sample_has(sample_fsck(&rig, false), "token_damaged", false));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, true), "token_damaged", true));
    rig_expect_sound(&rig);
    EXPECT_EQ_UINT(1, list_of(&rig, NULL, 0)->count);
    rig_finish(&rig);
}

// Another host hears of a new one and of its end, not of its use; whoever did it, not at all.
static void test_news(void) {
    struct rig a, b;
    rig_start(&a);
    rig_start_beside(&b, &a);
    RIG_AWAIT(&a, rig_listeners() == 2);
    EXPECT_EQ_INT(0, put(&a, plain(ID)));
    RIG_AWAIT(&b, b.token_events == 1);
    EXPECT_EQ_STR(ID, b.token);
    EXPECT_EQ_INT(0, set(&a, ID, 77, 0));
    EXPECT_EQ_INT(0, set(&a, ID, 0, 88));
    RIG_AWAIT(&b, b.token_events == 2);
    EXPECT_EQ_INT(0, put(&b, plain("bbbbbbbbbbbb")));
    RIG_AWAIT(&a, a.token_events == 1);
    EXPECT_EQ_STR("bbbbbbbbbbbb", a.token);
    EXPECT_EQ_UINT(2, b.token_events);
    rig_finish(&b);
    rig_finish(&a);
}

/* ------------------------------------------------------------------ the audit log */

static void note(struct rig *rig, const char *actor, const char *action, const char *target,
                 const char *outcome) {
    struct store_audit_add *op = RIG_NEW(rig, store_audit_add);
    op->entry = (struct store_audit){.at_ms = rig->now++,
                                     .actor = actor,
                                     .action = action,
                                     .target = target,
                                     .origin = "192.0.2.7",
                                     .outcome = outcome};
    EXPECT_EQ_INT(0, rig_run(rig, &op->op, STORE_AUDIT_ADD));
}

static const struct store_audit_list *audit_of(struct rig *rig, struct store_audit_list how) {
    struct store_audit_list *list = RIG_NEW(rig, store_audit_list);
    *list = how;
    list->limit = list->limit == 0 ? 10 : list->limit;
    EXPECT_EQ_INT(0, rig_run(rig, &list->op, STORE_AUDIT_LIST));
    return list;
}

static void test_audit(void) {
    struct rig rig;
    rig_start(&rig);
    int64_t start = rig.now;
    note(&rig, "token:ci (abcdefghijkl)", "queue.pause", "mail", NULL);
    note(&rig, "uid:0", "queue.resume", "mail", NULL);
    note(&rig, "token:ci (abcdefghijkl)", "job.cancel", "x", "forbidden");
    const struct store_audit_list *all = audit_of(&rig, (struct store_audit_list){.limit = 0});
    if (EXPECT_EQ_UINT(3, all->count)) {
        EXPECT_EQ_STR("forbidden", all->entries[0].outcome);
        EXPECT_EQ_STR("192.0.2.7", all->entries[0].origin);
        EXPECT_NULL(all->entries[1].outcome);
        EXPECT_NULL(all->next_cursor);
    }
    EXPECT_EQ_UINT(2, audit_of(&rig, (struct store_audit_list){.actor = "abcdefghijkl"})->count);
    EXPECT_EQ_UINT(2, audit_of(&rig, (struct store_audit_list){.action = "queue."})->count);
    EXPECT_EQ_UINT(0, audit_of(&rig, (struct store_audit_list){.action = "pause"})->count);
    EXPECT_EQ_UINT(2, audit_of(&rig, (struct store_audit_list){.target = "mail"})->count);
    EXPECT_EQ_UINT(2, audit_of(&rig, (struct store_audit_list){.after_ms = start + 1})->count);
    EXPECT_EQ_UINT(1, audit_of(&rig, (struct store_audit_list){.before_ms = start + 1})->count);
    const struct store_audit_list *page =
        audit_of(&rig, (struct store_audit_list){.actor = "token", .limit = 1});
    EXPECT_EQ_UINT(1, page->count);
    if (EXPECT_TRUE(page->next_cursor != NULL)) {
        page = audit_of(&rig, (struct store_audit_list){
                                  .actor = "token", .limit = 5, .cursor = page->next_cursor});
        EXPECT_EQ_UINT(1, page->count);
        EXPECT_NULL(page->next_cursor);
    }
    rig_finish(&rig);
}

CASES(token, ON_ALL, {"a token is kept, but its secret", test_life},
      {"a token that is revoked stays so", test_set}, {"tokens in their order", test_list},
      {"tokens that are none", test_refused}, {"as many tokens as there may be", test_full},
      {"tokens that cannot be read", test_damaged}, {"the audit log is filtered", test_audit});

CASES(token_shared, ON_SHARED, {"other hosts hear of tokens", test_news});
