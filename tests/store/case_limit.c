/* Limiters: takes, and what became of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "limiter_vectors.h"
#include "redis_proxy.h"
#include "redis_server.h"
#include "store/limits.h"
#include "vectors.h"

static const struct limiter_rules two_a_second = {
    .rate = 2, .per_ms = 1000, .window = LIMITER_WINDOW_MOVING, .lease_ms = 30000};
static const struct limiter_rules two_at_once = {.concurrency = 2, .lease_ms = 30000};

static struct store_limiter_item item_of(enum store_limiter_verb verb, const char *name,
                                         const struct limiter_rules *rules, uint64_t id,
                                         int64_t n) {
    return (struct store_limiter_item){
        .verb = verb, .name = name, .rules = *rules, .id = id, .n = n, .hint = LIMITER_HINT_NONE};
}

static struct store_limiter *post(struct rig *rig, struct store_limiter_item *items, size_t count) {
    struct store_limiter *op = RIG_NEW(rig, store_limiter);
    op->items = items;
    op->count = count;
    (void)EXPECT_EQ_INT(0, rig_run(rig, &op->op, STORE_LIMITER));
    return op;
}

static struct store_limiter_item one(struct rig *rig, struct store_limiter_item item) {
    (void)post(rig, &item, 1);
    return item;
}

static struct limiter_answer take(struct rig *rig, const char *name,
                                  const struct limiter_rules *rules, uint64_t id) {
    struct store_limiter_item item = one(rig, item_of(STORE_LIMITER_TAKE, name, rules, id, 1));
    (void)EXPECT_EQ_INT(0, item.status);
    return item.answer;
}

static bool granted(struct rig *rig, const char *name, const struct limiter_rules *rules,
                    uint64_t id) {
    return take(rig, name, rules, id).verdict == LIMITER_GRANTED;
}

static bool tell(struct rig *rig, enum store_limiter_verb verb, const char *name,
                 const struct limiter_rules *rules, uint64_t id) {
    struct store_limiter_item item = one(rig, item_of(verb, name, rules, id, 0));
    (void)EXPECT_EQ_INT(0, item.status);
    return item.held;
}

static const struct store_limiter_list *list_of(struct rig *rig, const char *limit, uint32_t max,
                                                const char *cursor) {
    struct store_limiter_list *list = RIG_NEW(rig, store_limiter_list);
    list->limit = limit;
    list->max = max;
    list->cursor = cursor;
    (void)EXPECT_EQ_INT(0, rig_run(rig, &list->op, STORE_LIMITER_LIST));
    return list;
}

static struct limiter_view look(struct rig *rig, const char *name,
                                const struct limiter_rules *rules) {
    const struct store_limiter_list *list = list_of(rig, name, 1, NULL);
    struct limiter l = {.pace_us = 0};
    struct limiter_view v;
    if (list->count > 0 && strcmp(list->limiters[0].name, name) == 0) {
        l = list->limiters[0].state;
    }
    limiter_look(&l, rules, rig->now, &v);
    return v;
}

static void test_window(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_TRUE(granted(&rig, "discogs", &two_a_second, 1));
    EXPECT_TRUE(granted(&rig, "discogs", &two_a_second, 2));
    struct limiter_answer a = take(&rig, "discogs", &two_a_second, 3);
    EXPECT_EQ_INT(LIMITER_WAIT, a.verdict);
    EXPECT_EQ_INT(LIMITER_PART_WINDOW, a.part);
    EXPECT_EQ_INT(rig.now + 1001, a.until_ms);
    EXPECT_TRUE(granted(&rig, "discogs:ann", &two_a_second, 3)); // one for each key
    EXPECT_TRUE(granted(&rig, "discogs", &two_a_second, 1));     // asked twice is asked once
    EXPECT_EQ_INT(2, look(&rig, "discogs", &two_a_second).held);
    EXPECT_TRUE(tell(&rig, STORE_LIMITER_ANSWERED, "discogs", &two_a_second, 1));
    EXPECT_FALSE(tell(&rig, STORE_LIMITER_ANSWERED, "discogs", &two_a_second, 1));
    EXPECT_TRUE(tell(&rig, STORE_LIMITER_GIVE_BACK, "discogs", &two_a_second, 2));
    struct limiter_view v = look(&rig, "discogs", &two_a_second);
    EXPECT_EQ_INT(0, v.held);
    EXPECT_EQ_INT(1, v.settled);
    EXPECT_TRUE(granted(&rig, "discogs", &two_a_second, 4));
    rig.now += 1001;
    EXPECT_TRUE(granted(&rig, "discogs", &two_a_second, 5));
    rig_finish(&rig);
}

static void test_reopened(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_TRUE(granted(&rig, "api", &two_at_once, 1));
    EXPECT_TRUE(granted(&rig, "api", &two_at_once, 2));
    EXPECT_EQ_INT(0, rig_reopen(&rig)); // what was granted still counts,
    struct limiter_answer a = take(&rig, "api", &two_at_once, 3);
    EXPECT_EQ_INT(LIMITER_PART_CONCURRENCY, a.part);
    EXPECT_EQ_INT(rig.now + 30000, a.until_ms);
    rig.now += 20000;
    EXPECT_TRUE(tell(&rig, STORE_LIMITER_RENEW, "api", &two_at_once, 2));
    rig.now += 10000; // and for a lease of its own
    EXPECT_TRUE(granted(&rig, "api", &two_at_once, 3));
    EXPECT_FALSE(granted(&rig, "api", &two_at_once, 4));
    rig_finish(&rig);
}

// Who came first goes first, whatever he asks for.
static void test_several(void) {
    struct rig rig;
    rig_start(&rig);
    struct store_limiter_item items[] = {
        item_of(STORE_LIMITER_TAKE, "a", &two_at_once, 1, 1),
        item_of(STORE_LIMITER_TAKE, "a", &two_at_once, 2, 2),
        item_of(STORE_LIMITER_TAKE, "a", &two_at_once, 3, 1),
        item_of(STORE_LIMITER_TAKE, "b", &two_a_second, 4, 2),
        item_of(STORE_LIMITER_GIVE_BACK, "b", &two_a_second, 4, 0),
        item_of(STORE_LIMITER_TAKE, "b", &two_a_second, 5, 3),
    };
    const struct store_limiter *op = post(&rig, items, ARRAY_LEN(items));
    EXPECT_EQ_INT(rig.now, op->clock_ms);
    EXPECT_EQ_INT(LIMITER_GRANTED, items[0].answer.verdict);
    EXPECT_EQ_INT(LIMITER_WAIT, items[1].answer.verdict);
    EXPECT_EQ_INT(LIMITER_WAIT, items[2].answer.verdict);
    EXPECT_EQ_INT(items[1].answer.until_ms, items[2].answer.until_ms);
    EXPECT_EQ_INT(LIMITER_GRANTED, items[3].answer.verdict);
    EXPECT_TRUE(items[4].held);
    EXPECT_EQ_INT(LIMITER_NEVER, items[5].answer.verdict);
    EXPECT_EQ_INT(1, look(&rig, "a", &two_at_once).held);
    rig_finish(&rig);
}

static void test_told(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_TRUE(granted(&rig, "api", &two_a_second, 1));
    struct store_limiter_item answered =
        item_of(STORE_LIMITER_ANSWERED, "api", &two_a_second, 1, 0);
    answered.hint = (struct limiter_hint){true, 0, 1, -1, 5000};
    EXPECT_TRUE(one(&rig, answered).held);
    struct limiter_answer a = take(&rig, "api", &two_a_second, 2);
    EXPECT_EQ_INT(LIMITER_PART_CLOSED, a.part);
    EXPECT_EQ_INT(rig.now + 5000, a.until_ms);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    (void)one(&rig, item_of(STORE_LIMITER_CLOSE, "api", &two_a_second, 0, 9000));
    struct limiter_view v = look(&rig, "api", &two_a_second);
    EXPECT_EQ_INT(rig.now + 9000, v.closed_ms);
    EXPECT_EQ_INT(1, v.limit);
    (void)one(&rig, item_of(STORE_LIMITER_OPEN, "api", &two_a_second, 0, 0));
    v = look(&rig, "api", &two_a_second);
    EXPECT_EQ_INT(0, v.closed_ms);
    EXPECT_EQ_INT(2, v.limit);
    EXPECT_EQ_INT(1, v.settled);
    EXPECT_TRUE(granted(&rig, "api", &two_a_second, 3));
    rig_finish(&rig);
}

static void test_refused(void) {
    struct rig rig;
    rig_start(&rig);
    struct limiter_rules none = {.lease_ms = 1};
    struct store_limiter_item items[] = {
        item_of(STORE_LIMITER_TAKE, "no name", &two_at_once, 1, 1),
        item_of(STORE_LIMITER_TAKE, "a", &none, 1, 1),
        item_of(STORE_LIMITER_TAKE, "a", &two_at_once, 1, -1),
        item_of(STORE_LIMITER_TAKE, "a", &two_at_once, 1, STORE_LIMITER_N_MAX + 1),
        item_of(STORE_LIMITER_CLOSE, "a", &two_at_once, 0, LIMITER_CLOSE_MAX_MS + 1LL),
        item_of(STORE_LIMITER_CLOSE, "a", &two_at_once, 0, LIMITER_CLOSE_MAX_MS),
        item_of(STORE_LIMITER_TAKE, "b:with blanks", &two_at_once, UINT64_MAX, 1),
    };
    (void)post(&rig, items, ARRAY_LEN(items));
    for (size_t i = 0; i < 5; i++) {
        EXPECT_EQ_INT(-EINVAL, items[i].status);
    }
    EXPECT_EQ_INT(0, items[5].status);
    EXPECT_EQ_INT(LIMITER_GRANTED, items[6].answer.verdict);
    EXPECT_TRUE(tell(&rig, STORE_LIMITER_RENEW, "b:with blanks", &two_at_once, UINT64_MAX));
    static struct store_limiter_item many[STORE_LIMITER_ITEMS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = item_of(STORE_LIMITER_TAKE, "c", &two_at_once, i + 1, 1);
    }
    struct store_limiter op = {.items = many, .count = ARRAY_LEN(many)};
    EXPECT_EQ_INT(-EINVAL, rig_run(&rig, &op.op, STORE_LIMITER));
    store_op_finish(&op.op);
    (void)post(&rig, many, STORE_LIMITER_ITEMS_MAX);
    EXPECT_EQ_INT(2, look(&rig, "c", &two_at_once).held);
    rig_finish(&rig);
}

static void test_list(void) {
    struct rig rig;
    rig_start(&rig);
    static const char *const names[] = {"b:2", "a", "b:1", "bc", "b", "b:3"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        EXPECT_TRUE(granted(&rig, names[i], &two_at_once, i + 1));
    }
    const struct store_limiter_list *list = list_of(&rig, NULL, 1000, NULL);
    EXPECT_EQ_UINT(6, list->count);
    EXPECT_EQ_STR("a", list->limiters[0].name);
    EXPECT_EQ_STR("bc", list->limiters[5].name);
    EXPECT_EQ_INT(rig.now, list->clock_ms);
    list = list_of(&rig, "b", 2, NULL);
    EXPECT_EQ_UINT(2, list->count);
    EXPECT_EQ_STR("b:1", list->limiters[1].name);
    EXPECT_EQ_UINT(1, list->limiters[1].state.held_count);
    EXPECT_EQ_UINT(3, list->limiters[1].state.held[0].id);
    list = list_of(&rig, "b", 2, list->next_cursor);
    EXPECT_EQ_UINT(2, list->count);
    EXPECT_EQ_STR("b:3", list->limiters[1].name);
    EXPECT_NULL(list->next_cursor);
    struct store_limiter_list bad = {.max = 0};
    EXPECT_EQ_INT(-EINVAL, rig_run(&rig, &bad.op, STORE_LIMITER_LIST));
    store_op_finish(&bad.op);
    rig.now += 30000; // all have been silent for a lease
    EXPECT_EQ_UINT(0, list_of(&rig, NULL, 1000, NULL)->count);
    struct store_sweep *sweep = RIG_NEW(&rig, store_sweep);
    sweep->limit = 100;
    EXPECT_EQ_INT(0, rig_run(&rig, &sweep->op, STORE_SWEEP));
    EXPECT_EQ_UINT(rig_is_shared() ? 0 : 6, sweep->removed); // Redis forgets by itself
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ the vectors */

static void vector_item(const uint64_t *in, struct store_limiter_item *ret) {
    static const enum store_limiter_verb verbs[] = {
        [OP_TAKE] = STORE_LIMITER_TAKE,           [OP_ANSWERED] = STORE_LIMITER_ANSWERED,
        [OP_GIVE_BACK] = STORE_LIMITER_GIVE_BACK, [OP_RENEW] = STORE_LIMITER_RENEW,
        [OP_CLOSE] = STORE_LIMITER_CLOSE,         [OP_OPEN] = STORE_LIMITER_OPEN};
    int64_t n = (int64_t)in[9], now = (int64_t)in[7];
    ret->verb = verbs[in[6]];
    ret->id = in[8];
    ret->n = n;
    ret->hint = vector_hint(in);
    if (ret->verb == STORE_LIMITER_CLOSE) {
        n = n < now ? 0 : n - now;
        ret->n = n > LIMITER_CLOSE_MAX_MS ? LIMITER_CLOSE_MAX_MS : n;
    }
}

static void expect_vector(struct rig *rig, const char *name, const uint64_t *v) {
    const struct limiter_rules r = {(int64_t)v[0], (int64_t)v[1], (enum limiter_window)v[2],
                                    (int64_t)v[3], (int64_t)v[4], (int64_t)v[5]};
    const uint64_t *out = v + VECTOR_INPUTS;
    struct store_limiter_item item = {.name = name, .rules = r};
    rig->now = (int64_t)v[7];
    if (v[6] != OP_BEGIN) {
        vector_item(v, &item);
        item = one(rig, item);
        bool is_take = item.verb == STORE_LIMITER_TAKE;
        EXPECT_EQ_UINT(out[0], is_take ? (uint64_t)item.answer.verdict : item.held);
        EXPECT_EQ_UINT(out[1], item.answer.part);
        EXPECT_EQ_INT((int64_t)out[2], item.answer.until_ms);
    }
    struct limiter_view view = look(rig, name, &r);
    EXPECT_EQ_INT((int64_t)out[3], view.limit);
    EXPECT_EQ_INT((int64_t)out[4], view.held);
    EXPECT_EQ_INT((int64_t)out[5], view.settled);
    EXPECT_EQ_INT((int64_t)out[6], view.foreign);
    EXPECT_EQ_INT((int64_t)out[7], view.closed_ms);
}

static void expect_vectors(const char *file) {
    struct rig rig;
    uint64_t v[VECTOR_INPUTS + VECTOR_OUTPUTS];
    unsigned story = 0, lines = 0;
    char name[32] = "";
    rig_start(&rig);
    FILE *f = vectors_open(file);
    while (vectors_next(f, v, ARRAY_LEN(v))) {
        if (v[6] == OP_BEGIN) {
            (void)snprintf(name, sizeof name, "story%u", story++);
        }
        expect_vector(&rig, name, v);
        lines++;
    }
    EXPECT_TRUE(story > 5 && lines > 500);
    (void)fclose(f);
    rig_finish(&rig);
}

static void test_vectors(void) {
    expect_vectors("limiter_take.txt");
}

static void test_concurrency_vectors(void) {
    expect_vectors("concurrency_take.txt");
}

CASES(limit, ON_ALL, {"a window of takes", test_window},
      {"takes outlive the host, for a lease", test_reopened},
      {"several takes in one go, in their order", test_several},
      {"what answers tell of a limiter", test_told}, {"limits of limiters", test_refused},
      {"limiters are listed by name", test_list}, {"the vectors of limiters", test_vectors},
      {"the vectors of concurrency", test_concurrency_vectors});

/* ------------------------------------------------------------------ several hosts */

static void test_hosts(void) {
    struct rig a, b;
    rig_start(&a);
    rig_start_beside(&b, &a);
    RIG_AWAIT(&a, rig_listeners() == 2);
    EXPECT_TRUE(granted(&a, "api:x y", &two_at_once, 1));
    EXPECT_TRUE(granted(&b, "api:x y", &two_at_once, 2));
    EXPECT_TRUE(tell(&b, STORE_LIMITER_ANSWERED, "api:x y", &two_at_once, 2));
    EXPECT_TRUE(granted(&b, "api:x y", &two_at_once, 3));
    EXPECT_FALSE(granted(&b, "api:x y", &two_at_once, 4));
    EXPECT_TRUE(tell(&a, STORE_LIMITER_ANSWERED, "api:x y", &two_at_once, 1));
    RIG_AWAIT(&b, b.limiter_events > 0); // who had to wait is told, once
    EXPECT_EQ_STR("api:x y", b.limiter);
    EXPECT_TRUE(granted(&b, "api:x y", &two_at_once, 4));
    EXPECT_TRUE(tell(&a, STORE_LIMITER_ANSWERED, "api:x y", &two_at_once, 3));
    EXPECT_TRUE(granted(&a, "none:z", &two_a_second, 5));
    EXPECT_TRUE(tell(&a, STORE_LIMITER_GIVE_BACK, "none:z", &two_a_second, 5));
    (void)one(&b, item_of(STORE_LIMITER_OPEN, "end", &two_a_second, 0, 0));
    RIG_AWAIT(&a, a.limiter_events > 0);
    EXPECT_EQ_STR("end", a.limiter);
    EXPECT_EQ_UINT(1, b.limiter_events);
    EXPECT_EQ_UINT(1, a.limiter_events);
    rig_finish(&b);
    rig_finish(&a);
}

// The server's clock counts, whatever the hosts' say.
static void test_server_clock(void) {
    struct rig a, b;
    rig_init(&a);
    a.config.one_clock = false;
    EXPECT_EQ_INT(0, rig_open(&a));
    rig_init_beside(&b, &a);
    b.config.one_clock = false;
    b.now += 86400000;
    EXPECT_EQ_INT(0, rig_open(&b));
    EXPECT_TRUE(granted(&a, "api", &two_at_once, 1));
    EXPECT_TRUE(granted(&b, "api", &two_at_once, 2));
    struct store_limiter_item item = item_of(STORE_LIMITER_TAKE, "api", &two_at_once, 3, 1);
    const struct store_limiter *op = post(&b, &item, 1);
    int64_t server = rig_redis("EVAL %s 0", "return(redis.call('TIME')[1]*1000)");
    EXPECT_TRUE(op->clock_ms > server - 60000 && op->clock_ms < server + 60000);
    EXPECT_EQ_INT(LIMITER_WAIT, item.answer.verdict);
    EXPECT_TRUE(item.answer.until_ms > op->clock_ms &&
                item.answer.until_ms <= op->clock_ms + 30000);
    int64_t left = rig_redis("PTTL jh:limiter:api"); // it goes with the last lease
    EXPECT_TRUE(left > 0 && left <= 30000);
    rig_finish(&b);
    rig_finish(&a);
}

// A call that is sent again after its connection was cut takes nothing twice.
static void cut_at(enum redis_cut how) {
    struct rig rig;
    struct redis_proxy *proxy = rig_start_behind_proxy(&rig);
    EXPECT_TRUE(granted(&rig, "api", &two_a_second, 7));
    redis_proxy_cut(proxy, 0, how);
    EXPECT_TRUE(granted(&rig, "api", &two_a_second, 8));
    EXPECT_TRUE(redis_proxy_has_cut(proxy));
    EXPECT_EQ_INT(2, look(&rig, "api", &two_a_second).held);
    EXPECT_FALSE(granted(&rig, "api", &two_a_second, 9));
    rig_close(&rig);
    redis_proxy_free(&proxy);
    rig_finish(&rig);
}

static void test_cut(void) {
    cut_at(REDIS_CUT_BEFORE);
    cut_at(REDIS_CUT_AFTER);
}

CASES(limit_shared, ON_SHARED, {"hosts count together, and tell who waits", test_hosts},
      {"one clock for all takers", test_server_clock},
      {"a take that is sent again is one", test_cut});
