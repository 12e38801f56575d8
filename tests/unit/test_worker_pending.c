// Buffered key/value writes against a naive model: whatever the store holds and whatever is
// written, what an attempt reads before the commit is what everybody reads after it.
#include <errno.h>
#include <stdlib.h>

#include "expect.h"
#include "failing_alloc.h"
#include "worker/mix.h"
#include "worker/pending.h"

enum { KEYS = 3, MEMBERS = 5 };

struct model { // one key of a store
    int value; // -1 = none
    int64_t counter;
    bool member[MEMBERS];
};

static const char *const key_names[KEYS] = {"a", "b", "c"};

static struct bytes number_bytes(const int *n) {
    return (struct bytes){n, sizeof *n};
}

// The model of what commits make of a write.
static void apply(struct model *m, enum pending_op op, int n) {
    switch (op) {
    case PENDING_SET: m->value = n; break;
    case PENDING_DEL: *m = (struct model){.value = -1}; break;
    case PENDING_ADD: m->counter += n; break;
    case PENDING_SADD: m->member[n % MEMBERS] = true; break;
    case PENDING_SREM: m->member[n % MEMBERS] = false; break;
    }
}

static int read_value(const struct pending *p, const char *key, const struct model *stored) {
    struct bytes b;
    int n;
    switch (pending_value(p, key, &b)) {
    case PENDING_UNKNOWN: return stored->value;
    case PENDING_NO: return -1;
    case PENDING_YES: memcpy(&n, b.data, sizeof n); return n;
    }
    return -2;
}

static int64_t read_counter(const struct pending *p, const char *key, const struct model *stored) {
    int64_t delta;
    return pending_counter(p, key, &delta) ? delta : stored->counter + delta;
}

static bool read_member(const struct pending *p, const char *key, const struct model *stored,
                        int n) {
    enum pending_known known = pending_is_member(p, key, number_bytes(&n));
    return known == PENDING_UNKNOWN ? stored->member[n] : known == PENDING_YES;
}

static int count(const struct model *m) {
    int n = 0;
    for (int i = 0; i < MEMBERS; i++) {
        n += m->member[i];
    }
    return n;
}

static int64_t read_card(struct pending *p, const char *key, const struct model *stored) {
    struct bytes member;
    int64_t delta;
    while (pending_ask_member(p, key, &member)) {
        int n;
        memcpy(&n, member.data, sizeof n);
        pending_learn(p, key, member, stored->member[n]);
    }
    return pending_card(p, key, &delta) ? delta : count(stored) + delta;
}

static bool same(struct pending *p, const struct model *stored, const struct model *after) {
    for (int k = 0; k < KEYS; k++) {
        bool right = read_value(p, key_names[k], &stored[k]) == after[k].value &&
                     read_counter(p, key_names[k], &stored[k]) == after[k].counter &&
                     read_card(p, key_names[k], &stored[k]) == count(&after[k]);
        for (int i = 0; i < MEMBERS; i++) {
            right = right && read_member(p, key_names[k], &stored[k], i) == after[k].member[i];
        }
        if (!right) {
            return false;
        }
    }
    return true;
}

static void test_random(void) {
    uint64_t seed = 20261121;
    struct model stored[KEYS] = {{.value = -1}, {.value = 7, .counter = 100}, {.value = -1}};
    stored[1].member[0] = stored[1].member[3] = true;
    for (int round = 0; round < 2000; round++) {
        struct pending p = {0};
        struct model after[KEYS];
        memcpy(after, stored, sizeof after);
        int writes = (int)(mix_next(&seed) % 12);
        for (int i = 0; i < writes; i++) {
            int k = (int)(mix_next(&seed) % KEYS);
            enum pending_op op = (enum pending_op)(mix_next(&seed) % 5);
            int n = (int)(mix_next(&seed) % MEMBERS);
            apply(&after[k], op, n);
            EXPECT_EQ_INT(0, pending_write(&p, op, key_names[k], number_bytes(&n), n));
            if (!EXPECT_TRUE(same(&p, stored, after))) {
                pending_clear(&p);
                return;
            }
        }
        pending_clear(&p); // the commit
        memcpy(stored, after, sizeof stored);
        EXPECT_TRUE(same(&p, stored, after));
    }
}

static void test_empty(void) {
    struct pending p = {0};
    struct bytes b = {NULL, 0};
    EXPECT_EQ_INT(0, pending_write(&p, PENDING_SET, "k", b, 0));
    EXPECT_EQ_INT(PENDING_YES, pending_value(&p, "k", &b));
    EXPECT_EQ_UINT(0, b.len);
    EXPECT_EQ_INT(0, pending_write(&p, PENDING_SADD, "k", b, 0)); // an empty member is one
    EXPECT_EQ_INT(PENDING_YES, pending_is_member(&p, "k", bytes_of("")));
    EXPECT_EQ_INT(0, pending_write(&p, PENDING_ADD, "k", b, INT64_MAX));
    EXPECT_EQ_INT(0, pending_write(&p, PENDING_ADD, "k", b, 1));
    int64_t delta;
    EXPECT_FALSE(pending_counter(&p, "k", &delta));
    EXPECT_EQ_INT(INT64_MIN, delta); // wraps, as the store's do
    pending_clear(&p);
    pending_clear(&p);
}

// Without memory a write is refused, and what was written before still holds.
static void test_out_of_memory(void) {
    static char large[5000];
    const struct bytes value = {large, sizeof large};
    for (int nth = 1; nth < 12; nth++) {
        struct pending p = {0};
        int rc = 0;
        int64_t delta = 0;
        failing_alloc_after(nth);
        int first = pending_write(&p, PENDING_ADD, "k", (struct bytes){NULL, 0}, 5);
        for (int i = 0; rc == 0 && i < 40; i++) {
            char key[8];
            (void)snprintf(key, sizeof key, "%d", i);
            rc = pending_write(&p, i % 2 == 0 ? PENDING_SET : PENDING_SADD, key, value, 0);
        }
        failing_alloc_after(0);
        EXPECT_EQ_INT(-ENOMEM, rc);
        (void)pending_counter(&p, "k", &delta);
        EXPECT_EQ_INT(first == 0 ? 5 : 0, delta);
        pending_clear(&p);
    }
}

static const struct expect_test tests[] = {
    {"reads see writes: 2000 random rounds", test_random},
    {"empty values and members, wrapping counters", test_empty},
    {"out of memory", test_out_of_memory},
};
SUITE_MAIN("worker: pending", tests)
