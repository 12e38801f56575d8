// jobhost.flow/1 through the worker: what is sent, what is asked, and what the plugin is told. The flow is a table here, and the
// answers are what a supervisor may say.
#include <errno.h>
#include <stdio.h>

#include "expect.h"
#include "fake.h"
#include "jobhost_flow.h"

enum { MEMBERS = 250, PAGE = 100 };

struct flow {
    int32_t status; // of every answer
    uint32_t flags;
    int64_t made;
    bool empty, odd; // no members; an answer that nobody can read
    bool result_by_fd;
    int32_t commit;  // status of commits
    uint32_t before; // commits of earlier runs
    unsigned asked, counts, pages, results, children, siblings, thens, on_dead, commits;
    int32_t on_dead_last;
};

// ---- the supervisor ----

static void put_counts(struct record_writer *w, const struct flow *x) {
    const int64_t n[] = {x->made, 3, 4, 5, 6, 7};
    for (size_t i = 0; i < 6; i++) {
        record_i64(w, n[i]);
    }
    record_u32(w, x->flags);
}

// Their cursors are tens, so that none is a number of members.
static void put_page(struct record_writer *w, const struct flow *x, uint64_t cursor) {
    uint64_t first = cursor / 10, last = x->empty ? 0 : first + PAGE;
    last = last > MEMBERS ? MEMBERS : last;
    record_u32(w, (uint32_t)(last > first ? last - first : 0));
    for (uint64_t i = first; i < last; i++) {
        char id[64];
        (void)snprintf(id, sizeof id, "member-%llu", (unsigned long long)i);
        record_u64(w, (i + 1) * 10);
        record_str(w, id);
        record_i32(w, i == 1 ? JH_MEMBER_DEAD : JH_MEMBER_SUCCEEDED);
        record_str(w, i == 2 ? NULL : "crawl.page");
        record_i32(w, i == 1 ? JH_E_PERMANENT : JH_E_NONE);
        record_str(w, i == 1 ? "gone" : NULL);
        record_u32(w, i == 0);
        record_u64(w, i == 0 ? 5 : 0);
    }
}

static void put_result(const struct flow *x, struct msg_value *v) {
    if (x->result_by_fd) {
        v->value = (struct msg_bytes){
            .data = {NULL, 8}, .by_fd = true, .fd = record_memfd(bytes_of("as a fd!"))};
    } else {
        v->value.data = bytes_of("bytes");
    }
}

static void answer(struct fake *f, struct record *r, struct flow *x) {
    struct msg_flow m;
    struct record_writer w = {.fd_count = 0};
    if (msg_flow_get(r, &m) < 0) {
        fake_fail("malformed FLOW");
    }
    struct msg_value v = {.request = m.request, .status = x->status};
    x->asked++;
    if (m.what == FLOW_COUNTS) {
        x->counts++;
        put_counts(&w, x);
    } else if (m.what == FLOW_MEMBERS) {
        x->pages++;
        put_page(&w, x, m.cursor);
    } else {
        x->results++;
        put_result(x, &v);
    }
    if (x->odd) {
        buf_clear(&w.packet);
        record_i32(&w, 9);
    }
    if (m.what != FLOW_RESULT || x->status != 0) {
        msg_bytes_close(&v.value);
        v.value = (struct msg_bytes){.data = x->status != 0 ? bytes_of("") : buf_bytes(&w.packet)};
    }
    (void)msg_value_put(&f->out, r->h.job, &v);
    fake_flush(f);
    record_writer_finish(&w);
}

static void take(struct fake *f, struct record *r, struct flow *x) {
    switch (r->h.type) {
    case REC_FLOW: answer(f, r, x); break;
    case REC_CHILD: x->children++; break;
    case REC_SIBLING: x->siblings++; break;
    case REC_THEN: x->thens++; break;
    case REC_ON_DEAD:
        x->on_dead++;
        x->on_dead_last = record_get_i32(r);
        EXPECT_EQ_INT(0, record_done(r));
        break;
    case REC_COMMIT: fake_committed(f, 1, x->before + ++x->commits, x->commit); break;
    default: break;
    }
}

static uint32_t handler_of(const struct fake *f, const char *name) {
    uint32_t i = 0;
    while (strcmp(f->hello.handlers[i].name, name) != 0) {
        i++;
    }
    return i;
}

// Runs one job and compares its result; NULL = whatever it is. Its status.
static int32_t run(const char *handler, const char *payload, const char *flow_id, const char *want,
                   struct flow *x) {
    struct fake f;
    struct msg_done done = {.status = -1};
    fake_start(&f, &(struct fake_options){.plugin = "chaos"});
    fake_put_job(&f, 1,
                 &(struct msg_job){.handler = handler_of(&f, handler),
                                   .payload = {.data = bytes_of(payload)},
                                   .flow_id = flow_id,
                                   .commit_no = x->before});
    fake_flush(&f);
    for (;;) {
        struct record r = fake_next(&f);
        if (r.h.type == REC_RESULT && want != NULL) {
            struct bytes b = fake_bytes(&f, &r);
            EXPECT_EQ_BYTES(want, strlen(want), b.data, b.len);
        } else if (r.h.type == REC_DONE) {
            EXPECT_EQ_INT(0, msg_done_get(&r, &done));
            break;
        } else {
            take(&f, &r, x);
        }
    }
    fake_drain(&f);
    fake_finish(&f);
    return done.status;
}

static void expect_rows(const char *rows, const char *flow_id, const char *want, struct flow *x) {
    char payload[2048];
    (void)snprintf(payload, sizeof payload, "{\"ops\":[%s]}", rows);
    EXPECT_EQ_INT(JH_OK, run("chaos.flow", payload, flow_id, want, x));
}

// ---- the tests ----

static void test_asked_for(void) {
    struct flow x = {.flags = JH_FLOW_GROWS};
    expect_rows("[\"enqueue\",2,\"chaos.leaf\"],[\"then\",\"chaos.gather\"],[\"on_dead\",1],"
                "[\"on_dead\",0]",
                NULL, "[0,0,0,0]", &x);
    EXPECT_EQ_UINT(2, x.children);
    EXPECT_EQ_UINT(1, x.thens);
    EXPECT_EQ_UINT(2, x.on_dead);
    EXPECT_EQ_INT(JH_ON_DEAD_CONTINUE, x.on_dead_last);
    EXPECT_EQ_UINT(0, x.asked);
}

static void test_then_twice(void) {
    struct flow x = {.made = 0};
    expect_rows("[\"then\",\"chaos.gather\"],[\"then\",\"chaos.leaf\"],[\"step\",\"s\"],"
                "[\"then\",\"chaos.leaf\"]",
                NULL, "[0,-114,0,-114]", &x); // -EALREADY, behind a commit too
    EXPECT_EQ_UINT(1, x.thens);
}

static void test_refused(void) {
    struct flow x = {.made = 0};
    expect_rows("[\"then\",\"no type\"],[\"then\",\"chaos.leaf\",{},null,\"key\"],[\"on_dead\",2],"
                "[\"on_dead\",-1],[\"counts\",3],[\"counts\",-1],[\"page\",9,0,1],"
                "[\"page\",0,9007199254740994,1],[\"result\",0],[\"result\",0,\"\"],"
                "[\"add\",1,\"no type\"]",
                "flow", "[-22,-22,-22,-22,-22,-22,[-22],[-22],-22,-22,-22]", &x);
    EXPECT_EQ_UINT(0, x.asked + x.thens + x.on_dead + x.siblings);
}

// Whether it grows is asked once a commit.
static void test_siblings(void) {
    struct flow x = {.flags = JH_FLOW_GROWS};
    expect_rows("[\"add\",3,\"chaos.leaf\"],[\"add\",1,\"chaos.leaf\"],[\"step\",\"s\"],"
                "[\"add\",1,\"chaos.leaf\"]",
                "flow", "[0,0,0,0]", &x);
    EXPECT_EQ_UINT(5, x.siblings);
    EXPECT_EQ_UINT(2, x.counts);
}

static void test_no_more(void) {
    struct flow x = {.flags = JH_FLOW_CLOSED};
    expect_rows("[\"add\",1,\"chaos.leaf\"],[\"add\",1,\"chaos.leaf\"]", "flow", "[-108,-108]",
                &x); // -ESHUTDOWN
    EXPECT_EQ_UINT(0, x.siblings);
    EXPECT_EQ_UINT(2, x.counts);
    x = (struct flow){.flags = JH_FLOW_GROWS};
    expect_rows("[\"add\",1,\"chaos.leaf\"]", NULL, "[-2]", &x); // a member of none
    EXPECT_EQ_UINT(0, x.asked + x.siblings);
    x = (struct flow){.status = -ENOENT};
    expect_rows("[\"add\",1,\"chaos.leaf\"]", "flow", "[-2]", &x);
    EXPECT_EQ_UINT(0, x.siblings);
}

// A run that may find a flow of an earlier one, or one that fails, asks once a commit.
static void test_children_of_later_runs(void) {
    static const char twice[] = "[\"enqueue\",2,\"chaos.leaf\"],[\"step\",\"s\"],"
                                "[\"enqueue\",1,\"chaos.leaf\"],[\"enqueue\",1,\"chaos.leaf\"]";
    struct flow x = {.flags = JH_FLOW_GROWS, .before = 3};
    expect_rows(twice, NULL, "[0,0,0,0]", &x);
    EXPECT_EQ_UINT(4, x.children);
    EXPECT_EQ_UINT(2, x.counts);
    x = (struct flow){.before = 3};
    expect_rows(twice, NULL, "[-108,0,-108,-108]", &x); // -ESHUTDOWN
    EXPECT_EQ_UINT(0, x.children);
    x = (struct flow){.status = -ENOENT, .before = 3}; // it made none: nothing can have failed
    expect_rows(twice, NULL, "[0,0,0,0]", &x);
    EXPECT_EQ_UINT(4, x.children);
    EXPECT_EQ_UINT(1, x.counts);
    x = (struct flow){.status = -ENOENT, .before = 3}; // the one that it makes now may fail
    expect_rows("[\"on_dead\",1],[\"enqueue\",1,\"chaos.leaf\"],[\"step\",\"s\"],"
                "[\"enqueue\",1,\"chaos.leaf\"]",
                NULL, "[0,0,0,0]", &x);
    EXPECT_EQ_UINT(2, x.counts);
    x = (struct flow){.status = -ETIMEDOUT, .before = 3};
    expect_rows("[\"enqueue\",1,\"chaos.leaf\"]", NULL, "[-110]", &x);
    EXPECT_EQ_UINT(0, x.children);
}

static void test_children_of_a_first_run(void) {
    static const char rows[] = "[\"on_dead\",%d],[\"enqueue\",1,\"chaos.leaf\"],[\"step\",\"s\"],"
                               "[\"enqueue\",1,\"chaos.leaf\"]";
    for (int fails = 0; fails < 2; fails++) {
        struct flow x = {.flags = 0};
        char text[300];
        (void)snprintf(text, sizeof text, rows, fails);
        expect_rows(text, NULL, fails == 1 ? "[0,0,0,-108]" : "[0,0,0,0]", &x);
        EXPECT_EQ_UINT(fails == 1, x.counts);
    }
}

static void test_counts(void) {
    struct flow x = {.made = 25, .flags = JH_FLOW_GROWS};
    expect_rows("[\"counts\",0]", NULL,
                "[{\"made\":25,\"open\":3,\"succeeded\":4,\"dead\":5,\"cancelled\":6,"
                "\"duplicate\":7,\"closed\":false,\"grows\":true}]",
                &x);
    x = (struct flow){.status = -ENOENT};
    expect_rows("[\"counts\",1],[\"page\",1,0,1],[\"result\",1,\"x\"]", NULL, "[-2,[-2],-2]", &x);
    EXPECT_EQ_UINT(3, x.asked);
    x = (struct flow){.status = -ETIMEDOUT};
    expect_rows("[\"counts\",2]", NULL, "[-110]", &x);
}

static void test_members(void) {
    struct flow x = {.made = MEMBERS};
    expect_rows("[\"page\",0,0,3],[\"page\",0,2490,2],[\"page\",0,2500,2]", NULL,
                "[[{\"id\":\"member-0\",\"state\":1,\"type\":\"crawl.page\",\"code\":\"\","
                "\"class\":0,\"size\":5},"
                "{\"id\":\"member-1\",\"state\":2,\"type\":\"crawl.page\",\"code\":\"gone\","
                "\"class\":9,\"size\":-1},"
                "{\"id\":\"member-2\",\"state\":1,\"type\":\"\",\"code\":\"\",\"class\":0,"
                "\"size\":-1}],"
                "[{\"id\":\"member-249\",\"state\":1,\"type\":\"crawl.page\",\"code\":\"\","
                "\"class\":0,\"size\":-1},1],[1]]",
                &x);
    EXPECT_EQ_UINT(4, x.pages); // the one behind the last is looked for each time
    x = (struct flow){.empty = true};
    expect_rows("[\"page\",1,0,1]", NULL, "[[1]]", &x);
}

// A page at a time, each once.
static void test_all_members(void) {
    struct flow x = {.made = MEMBERS};
    EXPECT_EQ_INT(JH_OK, run("chaos.gather", "{\"every\":1000}", NULL, "[250,249,5]", &x));
    EXPECT_EQ_UINT(4, x.pages);
    EXPECT_EQ_UINT(1, x.results);
    x = (struct flow){.made = MEMBERS}; // commits in between change nothing
    EXPECT_EQ_INT(JH_OK, run("chaos.gather", "{\"every\":7}", NULL, "[250,249,5]", &x));
    EXPECT_EQ_UINT(4, x.pages);
}

static void test_results(void) {
    struct flow x = {.made = 1};
    expect_rows("[\"result\",0,\"member-0\"]", NULL, "[\"bytes\"]", &x);
    x.result_by_fd = true;
    expect_rows("[\"result\",0,\"member-0\"],[\"result\",0,\"member-0\"]", NULL,
                "[\"as a fd!\",\"as a fd!\"]", &x);
    x = (struct flow){.status = -ENOENT, .result_by_fd = true};
    expect_rows("[\"result\",0,\"member-0\"]", NULL, "[-2]", &x);
}

// What no supervisor of ours would say is an error, and no crash.
static void test_odd_answers(void) {
    struct flow x = {.odd = true};
    expect_rows("[\"counts\",0],[\"page\",0,0,2],[\"add\",1,\"chaos.leaf\"]", "flow",
                "[-71,[-71],-71]", &x); // -EPROTO
    x = (struct flow){.status = 1};
    expect_rows("[\"counts\",0],[\"page\",0,0,2],[\"result\",0,\"x\"]", NULL, "[-71,[-71],-71]",
                &x);
}

// Behind a commit that was refused nothing is asked, and nothing sent.
static void test_fenced(void) {
    struct flow x = {.flags = JH_FLOW_GROWS, .commit = -ESTALE};
    EXPECT_TRUE(run("chaos.flow",
                    "{\"ops\":[[\"step\",\"s\"],[\"add\",1,\"chaos.leaf\"],[\"counts\",0],"
                    "[\"then\",\"chaos.leaf\"],[\"on_dead\",1],[\"page\",0,0,1]]}",
                    "flow", NULL, &x) != JH_OK);
    EXPECT_EQ_UINT(0, x.asked + x.siblings + x.thens + x.on_dead);
}

static const struct expect_test tests[] = {
    {"what goes with a commit", test_asked_for},
    {"then() twice", test_then_twice},
    {"refusals", test_refused},
    {"siblings", test_siblings},
    {"a flow that takes no more", test_no_more},
    {"children of a later run", test_children_of_later_runs},
    {"children of a first run", test_children_of_a_first_run},
    {"counts", test_counts},
    {"members", test_members},
    {"all members, page by page", test_all_members},
    {"results", test_results},
    {"odd answers", test_odd_answers},
    {"behind a lost commit", test_fenced},
};
SUITE_MAIN("worker: flows", tests)
