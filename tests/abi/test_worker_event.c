// jobhost.event/1 through the worker: what is asked of the store, what is sent, and what the plugin is told. The job's steps
// are one step here.
#include <stdio.h>
#include <time.h>

#include "core/waits.h"
#include "expect.h"
#include "fake.h"
#include "jobhost_event.h"

#define JOB_ID "018bcfe5-6800-7000-8000-000000000001" // made at 1700000000000

struct told {
    const char *name, *step; // the one that there is; NULL = none
    char noted[256];         // the step that came, with its name
    char events[512];        // as they came: name, key, type, flags, value
    unsigned commits;
    struct msg_done done;
    char wait_key[64], wait_for[WAITS_EVENT_TEXT_MAX];
    char result[128];
};

static void answer(struct fake *f, struct record *r, const struct told *x) {
    struct msg_get m;
    if (msg_get_get(r, &m) < 0 || m.what != GET_STEP) {
        fake_fail("unexpected GET");
    }
    bool has = x->step != NULL && strcmp(m.key, x->name) == 0;
    const struct msg_value v = {.request = m.request,
                                .status = has ? 0 : 1,
                                .value = {.data = bytes_of(has ? x->step : "")}};
    (void)msg_value_put(&f->out, r->h.job, &v);
    fake_flush(f);
}

static void take_step(struct fake *f, struct record *r, struct told *x) {
    struct msg_step m;
    EXPECT_EQ_INT(0, msg_step_get(r, &m));
    (void)snprintf(x->noted, sizeof x->noted, "%s=%.*s", m.name, (int)m.value.data.len,
                   (const char *)m.value.data.data);
    (void)f;
}

static void take_event(struct record *r, struct told *x) {
    struct msg_event m;
    size_t len = strlen(x->events);
    EXPECT_EQ_INT(0, msg_event_get(r, &m));
    (void)snprintf(x->events + len, sizeof x->events - len, "%s %s %s %u %.*s\n", m.name,
                   m.key == NULL ? "-" : m.key, m.content_type, (unsigned)m.flags,
                   (int)m.value.data.len, (const char *)m.value.data.data);
}

static void take_done(struct record *r, struct told *x) {
    EXPECT_EQ_INT(0, msg_done_get(r, &x->done));
    const char *key = x->done.wait_key, *what = x->done.wait_for;
    (void)snprintf(x->wait_key, sizeof x->wait_key, "%s", key == NULL ? "" : key);
    (void)snprintf(x->wait_for, sizeof x->wait_for, "%s", what == NULL ? "" : what);
}

static void take(struct fake *f, struct record *r, struct told *x) {
    struct bytes b;
    switch (r->h.type) {
    case REC_GET: answer(f, r, x); break;
    case REC_STEP: take_step(f, r, x); break;
    case REC_EVENT: take_event(r, x); break;
    case REC_COMMIT: fake_committed(f, 1, ++x->commits, 0); break;
    case REC_DONE: take_done(r, x); break;
    case REC_RESULT:
        b = fake_bytes(f, r);
        (void)snprintf(x->result, sizeof x->result, "%.*s", (int)b.len, (const char *)b.data);
        break;
    default: break;
    }
}

// Runs one job; its status.
static int32_t run(const char *handler, const char *payload, struct told *x) {
    struct fake f;
    uint32_t number = 0;
    fake_start(&f, &(struct fake_options){.plugin = "chaos"});
    while (strcmp(f.hello.handlers[number].name, handler) != 0) {
        number++;
    }
    fake_put_job(&f, 1,
                 &(struct msg_job){.handler = number,
                                   .id = JOB_ID,
                                   .steps_version = x->step != NULL,
                                   .payload = {.data = bytes_of(payload)}});
    fake_flush(&f);
    for (bool over = false; !over;) {
        struct record r = fake_next(&f);
        over = r.h.type == REC_DONE || r.h.type == 0;
        take(&f, &r, x);
    }
    fake_drain(&f);
    fake_finish(&f);
    return x->done.status;
}

// Nothing has come: the wait begins, and the job says what it looks for.
static void test_begin(void) {
    struct told x = {.name = ""};
    EXPECT_EQ_INT(JH_YIELD, run("chaos.await", "{\"names\":[\"paid\"]}", &x));
    EXPECT_EQ_STR("event:paid#1=open 0 1700000000000 -\n", x.noted);
    EXPECT_EQ_INT(JH_WAIT_EVENT, x.done.wait_kind);
    EXPECT_EQ_STR("paid", x.wait_key);
    EXPECT_EQ_STR("1 1700000000000 -", x.wait_for);
    EXPECT_EQ_INT(0, x.done.wait_timeout_ms);
    EXPECT_EQ_UINT(0, x.commits); // it is parked by its end
}

// The second wait for a name looks behind what the first has got.
static void test_next(void) {
    struct told x = {.name = "event:paid#1", .step = "got 1700000000100 7-1 text/plain\none"};
    EXPECT_EQ_INT(JH_YIELD,
                  run("chaos.await", "{\"names\":[\"paid\",\"paid\"],\"since_ms\":5}", &x));
    EXPECT_EQ_STR("event:paid#2=open 0 5 7-1\n", x.noted);
    EXPECT_EQ_STR("2 5 7-1", x.wait_for);
}

static void test_got(void) {
    struct told x = {.name = "event:paid#1", .step = "got 1700000000100 7-1 text/plain\none"};
    EXPECT_EQ_INT(JH_OK, run("chaos.await", "{\"names\":[\"paid\"]}", &x));
    EXPECT_EQ_STR("[\"one\"]", x.result);
    EXPECT_EQ_STR("", x.noted);
}

// Woken by something else: it waits for what is left, and no new wait begins.
static void test_goes_on(void) {
    char step[64];
    int64_t until = ((int64_t)time(NULL) + 3600) * 1000;
    (void)snprintf(step, sizeof step, "open %lld 5 7-1\n", (long long)until);
    struct told x = {.name = "event:paid#1", .step = step};
    EXPECT_EQ_INT(JH_YIELD,
                  run("chaos.await", "{\"names\":[\"paid\"],\"timeout_ms\":99000000}", &x));
    EXPECT_EQ_STR("", x.noted);
    EXPECT_EQ_STR("1 5 7-1", x.wait_for);
    EXPECT_TRUE(x.done.wait_timeout_ms > 0 && x.done.wait_timeout_ms <= 3600000);
}

// Its time is over: that is committed, and told; and told again by a later run.
static void test_late(void) {
    struct told x = {.name = "event:paid#1", .step = "open 5 5 -\n"};
    EXPECT_EQ_INT(JH_OK, run("chaos.await", "{\"names\":[\"paid\"]}", &x));
    EXPECT_CONTAINS("event:paid#1=late ", x.noted);
    EXPECT_EQ_UINT(1, x.commits);
    EXPECT_EQ_STR("[-110]", x.result);
    x = (struct told){.name = "event:paid#1", .step = "late 5 -\n"};
    EXPECT_EQ_INT(JH_OK, run("chaos.await", "{\"names\":[\"paid\"]}", &x));
    EXPECT_EQ_UINT(0, x.commits);
    EXPECT_EQ_STR("[-110]", x.result);
}

static void test_damaged(void) {
    static const char *const damaged[] = {"", "got", "open x y z\n", "lost 5 -\n"};
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        struct told x = {.name = "event:paid#1", .step = damaged[i]};
        EXPECT_EQ_INT(JH_OK, run("chaos.await", "{\"names\":[\"paid\"]}", &x));
        EXPECT_EQ_STR("[-74]", x.result); // -EBADMSG
    }
}

static void test_publish(void) {
    struct told x = {.name = ""};
    EXPECT_EQ_INT(JH_OK, run("chaos.tell", "{\"name\":\"paid\",\"body\":\"b\",\"times\":2}", &x));
    EXPECT_EQ_STR("paid - text/plain 0 b\npaid - text/plain 0 b2\n", x.events);
    x = (struct told){.name = ""};
    EXPECT_EQ_INT(JH_OK, run("chaos.tell", "{\"key\":\"k\",\"for_all\":true}", &x));
    EXPECT_EQ_STR("e k text/plain 1 \n", x.events);
}

static void test_refused(void) {
    static const char *const names[] = {"", "a b"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct told x = {.name = ""};
        char payload[64];
        (void)snprintf(payload, sizeof payload, "{\"names\":[\"%s\"],\"name\":\"%s\"}", names[i],
                       names[i]);
        EXPECT_EQ_INT(JH_OK, run("chaos.await", payload, &x));
        EXPECT_EQ_STR("[-22]", x.result);
        EXPECT_EQ_STR("", x.noted);
        EXPECT_EQ_INT(JH_FAIL, run("chaos.tell", payload, &x));
        EXPECT_EQ_STR("", x.events);
    }
}

static const struct expect_test tests[] = {
    {"a wait begins", test_begin},
    {"the next event", test_next},
    {"it has come", test_got},
    {"a wait goes on", test_goes_on},
    {"it did not come in time", test_late},
    {"a step that nobody can read", test_damaged},
    {"published", test_publish},
    {"refused", test_refused},
};
SUITE_MAIN("worker: events", tests)
