// jobhost.kv/1 through the worker: what is written, and that reads see the attempt's own writes.
// The store is a table here: every stored value is "old", every counter 100, every set has two
// members, "a" among them.
#include <stdio.h>

#include "expect.h"
#include "fake.h"
#include "jobhost_kv.h"

struct asked {
    unsigned gets, writes, commits;
    int32_t claim; // answer to GET_CLAIM
};

static void answer(struct fake *f, struct record *r, struct asked *asked) {
    struct msg_get m;
    if (msg_get_get(r, &m) < 0) {
        fake_fail("malformed GET");
    }
    struct msg_value v = {.request = m.request};
    switch (m.what) {
    case GET_KV: v.value.data = bytes_of("old"); break;
    case GET_COUNTER: v.number = 100; break;
    case GET_CARD: v.number = 2; break;
    case GET_IS_MEMBER: v.number = bytes_equal(m.member.data, bytes_of("a")); break;
    case GET_CLAIM:
        v.status = asked->claim;
        v.value.data = bytes_of(asked->claim == JH_CLAIM_HELD ? "holder" : "");
        break;
    default: fake_fail("unexpected GET %u", m.what);
    }
    asked->gets++;
    (void)msg_value_put(&f->out, r->h.job, &v);
    fake_flush(f);
}

// Runs a chaos.kv script and compares what its operations answered.
static void expect_script(const char *ops, const char *want, struct asked *asked) {
    struct fake f;
    char payload[2048];
    (void)snprintf(payload, sizeof payload, "{\"ops\":[%s]}", ops);
    fake_start(&f, &(struct fake_options){.plugin = "chaos"});
    uint32_t handler = 0;
    while (strcmp(f.hello.handlers[handler].name, "chaos.kv") != 0) {
        handler++;
    }
    fake_put_job(&f, 1,
                 &(struct msg_job){.handler = handler, .payload = {.data = bytes_of(payload)}});
    fake_flush(&f);
    for (;;) {
        struct record r = fake_next(&f);
        if (r.h.type == REC_GET) {
            answer(&f, &r, asked);
        } else if (r.h.type == REC_KV) {
            asked->writes++;
        } else if (r.h.type == REC_COMMIT) {
            fake_committed(&f, 1, ++asked->commits, 0);
        } else if (r.h.type == REC_RESULT) {
            struct bytes b = fake_bytes(&f, &r);
            EXPECT_EQ_BYTES(want, strlen(want), b.data, b.len);
        } else if (r.h.type == REC_DONE) {
            break;
        }
    }
    fake_drain(&f);
    fake_finish(&f);
}

static void test_values(void) {
    struct asked asked = {0};
    expect_script("[\"get\",\"k\"],[\"set\",\"k\",\"new\"],[\"get\",\"k\"],[\"del\",\"k\"],"
                  "[\"get\",\"k\"],[\"set\",\"k\",\"\",5],[\"get\",\"k\"]",
                  "[\"old\",0,\"new\",0,null,0,\"\"]", &asked);
    EXPECT_EQ_UINT(1, asked.gets);
    EXPECT_EQ_UINT(3, asked.writes);
}

static void test_counters(void) {
    struct asked asked = {0};
    expect_script("[\"counter\",\"c\"],[\"add\",\"c\",5],[\"add\",\"c\",-2],[\"counter\",\"c\"],"
                  "[\"counter\",\"d\"],[\"del\",\"c\"],[\"counter\",\"c\"],[\"add\",\"c\",1],"
                  "[\"counter\",\"c\"]",
                  "[100,0,0,103,100,0,0,0,1]", &asked);
    EXPECT_EQ_UINT(3, asked.gets); // none after the delete
}

static void test_sets(void) {
    struct asked asked = {0};
    expect_script("[\"scard\",\"s\"],[\"sismember\",\"s\",\"a\"],[\"sismember\",\"s\",\"z\"],"
                  "[\"sadd\",\"s\",\"z\"],[\"sadd\",\"s\",\"a\"],[\"sismember\",\"s\",\"z\"],"
                  "[\"scard\",\"s\"],[\"srem\",\"s\",\"a\"],[\"sismember\",\"s\",\"a\"],"
                  "[\"scard\",\"s\"],[\"del\",\"s\"],[\"scard\",\"s\"],[\"sadd\",\"s\",\"a\"],"
                  "[\"scard\",\"s\"],[\"sismember\",\"s\",\"b\"]",
                  "[2,1,0,0,0,1,3,0,0,2,0,0,0,1,0]", &asked);
}

// After a commit the store knows, and is asked again.
static void test_commit(void) {
    struct asked asked = {0};
    expect_script("[\"set\",\"k\",\"new\"],[\"add\",\"c\",5],[\"sadd\",\"s\",\"z\"],"
                  "[\"commit\",\"step\",\"\"],[\"get\",\"k\"],[\"counter\",\"c\"],"
                  "[\"scard\",\"s\"]",
                  "[0,0,0,0,\"old\",100,2]", &asked);
    EXPECT_EQ_UINT(1, asked.commits);
    EXPECT_EQ_UINT(3, asked.gets);
}

static void test_claims(void) {
    struct asked asked = {.claim = JH_CLAIM_WON};
    expect_script("[\"claim\",\"k\"],[\"claim\",\"k\"],[\"done\",\"k\",1000],[\"claim\",\"k\"]",
                  "[\"won\",\"won\",0,\"done\"]", &asked);
    EXPECT_EQ_UINT(1, asked.gets);
    EXPECT_EQ_UINT(1, asked.writes);
    asked = (struct asked){.claim = JH_CLAIM_WON};
    expect_script("[\"claim\",\"k\"],[\"done\",\"k\",0],[\"del\",\"k\"],[\"claim\",\"k\"]",
                  "[\"won\",0,0,\"won\"]", &asked);
    EXPECT_EQ_UINT(2, asked.gets); // the claim goes with its key
    asked = (struct asked){.claim = JH_CLAIM_HELD};
    expect_script("[\"claim\",\"k\"],[\"claim\",\"k\"]", "[\"held\",\"held\"]", &asked);
    EXPECT_EQ_UINT(2, asked.gets); // it may be free by now
    asked = (struct asked){.claim = JH_CLAIM_DONE};
    expect_script("[\"claim\",\"k\"]", "[\"done\"]", &asked);
    asked = (struct asked){.claim = -110};
    expect_script("[\"claim\",\"k\"]", "[-110]", &asked);
}

static void test_refused(void) {
    struct asked asked = {0};
    expect_script("[\"set\",\"\",\"v\"],[\"get\",\"\"],[\"add\",\"\",1],[\"claim\",\"\"],"
                  "[\"set\",\"k\",\"v\",-1],[\"done\",\"k\",-1]",
                  "[-22,-22,-22,-22,-22,-22]", &asked);
    EXPECT_EQ_UINT(0, asked.gets + asked.writes);
}

static const struct expect_test tests[] = {
    {"values", test_values},   {"counters", test_counters}, {"sets", test_sets},
    {"a commit", test_commit}, {"claims", test_claims},     {"refusals", test_refused},
};
SUITE_MAIN("worker: key/values", tests)
