// Page by page through a list, with a store and with actions that the test answers when it likes.
#include "supervisor/patrol.h"

#include <errno.h>
#include <event2/event.h>

#include "base/bytes.h"
#include "expect.h"
#include "supervisor/host.h"

enum { SECOND = 1000, FIRST_REV = 100 };

static struct env_clock_file clock_file;
static struct host host;
static struct patrol patrol;
static struct store_list *asked; // by the patrol, not answered
static unsigned asked_count;
static struct jobs_act *acts[PATROL_PER_S + 1];
static unsigned act_count, ended_count;
static uint64_t ended_acted;
static unsigned due_each; // every n-th job of a page is due; 0: none is

/* ---- store and supervisor ---- */

static void post(void *self, struct store_op *op) {
    (void)self;
    EXPECT_EQ_INT(STORE_LIST, op->kind);
    EXPECT_NULL(asked); // one page at a time
    asked = CONTAINER_OF(op, struct store_list, op);
    asked_count++;
}

static const struct store_ops ops = {.caps = {.name = "fake"}, .post = post};

void jobs_act(struct host *of, struct jobs_act *act) {
    EXPECT_TRUE(of == &host);
    if (EXPECT_TRUE(act_count < PATROL_PER_S)) {
        acts[act_count++] = act;
    }
}

/* ---- the patrol's owner ---- */

static bool judge(struct patrol *p, const struct store_job *job, struct jobs_act *act,
                  char why[PATROL_WHY_MAX]) {
    EXPECT_TRUE(p == &patrol);
    if (due_each == 0 || (job->rev - FIRST_REV) % due_each != 0) {
        (void)snprintf(why, PATROL_WHY_MAX, "not told to anybody");
        act->rev = 7777;
        return false;
    }
    act->action = JOBS_WAKE;
    act->rev = job->rev;
    (void)snprintf(why, PATROL_WHY_MAX, "rev %u", job->rev);
    return true;
}

static void ended(struct patrol *p, uint64_t acted) {
    EXPECT_TRUE(p == &patrol);
    ended_count++;
    ended_acted = acted;
}

/* ---- turns ---- */

static void begin(void) {
    clock_file = (struct env_clock_file){.magic = ENV_CLOCK_MAGIC, .base_test_ms = 5000};
    host = (struct host){.base = event_base_new(), .phase = HOST_RUNNING, .store = {.ops = &ops}};
    host.env.clock = &clock_file;
    host.timers = timers_new(host.base, &host.env);
    patrol = (struct patrol){.host = &host, .judge = judge, .ended = ended};
    patrol_init(&patrol);
    asked = NULL;
    asked_count = act_count = ended_count = 0;
    ended_acted = 0;
    due_each = 1;
}

static void end(void) {
    patrol_finish(&patrol);
    timers_free(&host.timers);
    event_base_free(host.base);
}

static void advance(int64_t ms) {
    clock_file.base_test_ms += ms;
    timers_look(host.timers);
}

static void go(int64_t pause_ms) {
    static const struct store_filter filter = {.state = JOB_PARKED, .type = "a.b", .error_cls = -1};
    patrol_go(&patrol, &filter, pause_ms);
}

/* Answers the page that is asked for, with so many jobs. */
static void answer(size_t count, const char *next_cursor) {
    static struct store_job jobs[PATROL_PER_S + 1];
    struct store_list *list = asked;
    for (size_t i = 0; i < count; i++) {
        jobs[i] = (struct store_job){.rev = FIRST_REV + (uint32_t)i};
        jobs[i].spec.id.b[15] = (uint8_t)i;
    }
    act_count = 0;
    asked = NULL;
    list->jobs = jobs;
    list->count = count;
    list->next_cursor = next_cursor;
    list->op.done(&list->op);
}

static void fail(int status) {
    struct store_list *list = asked;
    asked = NULL;
    list->op.status = status;
    list->op.done(&list->op);
}

static void act_done(unsigned i, int status) {
    acts[i]->status = status;
    acts[i]->done(acts[i], acts[i]->arg);
}

/* ---- tests ---- */

static void test_one_page(void) {
    begin();
    go(250);
    advance(249);
    EXPECT_NULL(asked);
    advance(1);
    if (!EXPECT_TRUE(asked != NULL)) {
        return;
    }
    EXPECT_EQ_INT(JOB_PARKED, asked->filter.state);
    EXPECT_EQ_STR("a.b", asked->filter.type);
    EXPECT_EQ_UINT(PATROL_PER_S, asked->limit);
    EXPECT_NULL(asked->cursor);
    answer(3, NULL);
    EXPECT_EQ_UINT(3, act_count);
    for (unsigned i = 0; i < 3; i++) {
        char why[16];
        (void)snprintf(why, sizeof why, "rev %u", FIRST_REV + i);
        EXPECT_EQ_STR(why, acts[i]->why);
        EXPECT_EQ_STR("jobhost", acts[i]->actor);
        EXPECT_EQ_UINT(i, acts[i]->id.b[15]);
        EXPECT_EQ_UINT(FIRST_REV + i, acts[i]->rev);
    }
    act_done(2, 0);
    act_done(0, 0);
    EXPECT_EQ_UINT(0, ended_count); // one is under way
    act_done(1, 0);
    EXPECT_EQ_UINT(1, ended_count);
    EXPECT_EQ_UINT(3, ended_acted);
    end();
}

static void test_who_is_not_due(void) {
    begin();
    due_each = 3; // the first, fourth and seventh
    go(0);
    advance(0);
    answer(7, NULL);
    EXPECT_EQ_UINT(3, act_count);
    EXPECT_EQ_UINT(FIRST_REV + 3, acts[1]->rev);
    EXPECT_EQ_STR("rev 106", acts[2]->why);
    act_done(0, -EBUSY); // has changed since
    act_done(1, 0);
    act_done(2, -ENOENT);
    EXPECT_EQ_UINT(1, ended_count);
    EXPECT_EQ_UINT(1, ended_acted);
    end();
}

static void test_nobody_is_due(void) {
    begin();
    due_each = 0;
    go(0);
    advance(0);
    answer(PATROL_PER_S, "more");
    EXPECT_EQ_UINT(0, act_count);
    advance(SECOND - 1);
    EXPECT_NULL(asked); // its second, for reading costs too
    advance(1);
    EXPECT_TRUE(asked != NULL);
    answer(0, NULL);
    EXPECT_EQ_UINT(1, ended_count);
    EXPECT_EQ_UINT(0, ended_acted);
    end();
}

static void test_fifty_a_second(void) {
    begin();
    go(0);
    advance(0);
    answer(PATROL_PER_S, "fifty");
    EXPECT_EQ_UINT(PATROL_PER_S, act_count);
    advance(10 * SECOND);
    EXPECT_NULL(asked); // not before all are answered
    for (unsigned i = 0; i < PATROL_PER_S; i++) {
        act_done(i, 0);
    }
    advance(SECOND - 1);
    EXPECT_NULL(asked);
    advance(1);
    EXPECT_EQ_STR("fifty", asked->cursor);
    answer(1, NULL);
    EXPECT_EQ_UINT(1, act_count);
    act_done(0, 0);
    EXPECT_EQ_UINT(1, ended_count);
    EXPECT_EQ_UINT(PATROL_PER_S + 1, ended_acted);
    go(0); // another one begins at the beginning
    advance(0);
    EXPECT_NULL(asked->cursor);
    answer(0, NULL);
    EXPECT_EQ_UINT(0, ended_acted);
    end();
}

static void test_more_than_was_asked_for(void) {
    begin();
    go(0);
    advance(0);
    answer(PATROL_PER_S + 1, NULL);
    EXPECT_EQ_UINT(PATROL_PER_S, act_count);
    for (unsigned i = 0; i < PATROL_PER_S; i++) {
        act_done(i, 0);
    }
    EXPECT_EQ_UINT(PATROL_PER_S, ended_acted);
    end();
}

static void test_the_store_is_away(void) {
    begin();
    go(0);
    advance(0);
    answer(1, "one");
    act_done(0, 0);
    advance(SECOND);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ_STR("one", asked->cursor); // the same page again
        fail(-ENOTCONN);
        advance(SECOND - 1);
        EXPECT_NULL(asked);
        advance(1);
    }
    answer(1, NULL);
    act_done(0, 0);
    EXPECT_EQ_UINT(5, asked_count);
    EXPECT_EQ_UINT(2, ended_acted);
    end();
}

static void test_the_host_ends(void) {
    for (int at = 0; at < 4; at++) {
        begin();
        go(0);
        host.phase = at == 0 ? HOST_DRAINING : HOST_RUNNING;
        advance(0);
        EXPECT_EQ_UINT(at > 0, asked_count);
        if (at == 1) { // before the page comes
            host.phase = HOST_DRAINING;
            answer(1, "more");
            EXPECT_EQ_UINT(0, act_count);
        } else if (at == 2) { // before it does not
            host.phase = HOST_DRAINING;
            fail(-ENOTCONN);
        } else if (at == 3) { // before the actions are answered
            answer(1, NULL);
            host.phase = HOST_DRAINING;
            act_done(0, 0);
        }
        advance(10 * SECOND);
        EXPECT_NULL(asked);
        EXPECT_EQ_UINT(0, ended_count);
        end();
    }
}

static const struct expect_test tests[] = {
    {"one page, after a pause", test_one_page},
    {"only those that are due, and still are", test_who_is_not_due},
    {"a page of which nobody is due", test_nobody_is_due},
    {"fifty a second, and one more", test_fifty_a_second},
    {"a page that is too long", test_more_than_was_asked_for},
    {"the store is away", test_the_store_is_away},
    {"the host ends", test_the_host_ends},
};
SUITE_MAIN("patrol", tests)
