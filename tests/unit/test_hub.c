// The ring of events: who hears what, what is still there for one who comes back, and what happens
// at each of its limits.
#include "supervisor/hub.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"

#include "expect.h"

struct seen {
    struct hub_watch watch;
    struct hub *hub;
    int news;
    bool leave; /* removes itself at the first news */
    struct seen *also_remove;
};

static void see(struct hub_watch *watch) {
    struct seen *s = watch->arg;
    s->news++;
    if (s->leave) {
        hub_remove(s->hub, watch);
    }
    if (s->also_remove != NULL) {
        hub_remove(s->hub, &s->also_remove->watch);
    }
}

static void watch(struct hub *hub, struct seen *s, const struct job_id *id) {
    s->hub = hub;
    s->watch = (struct hub_watch){.id = *id, .news = see, .arg = s};
    EXPECT_EQ_INT(0, hub_add(hub, &s->watch));
}

static struct job_id id_of(uint32_t n) {
    struct job_id id = {{1}};
    memcpy(&id, &n, sizeof n);
    return id;
}

static const struct job_id id_a = {{1}}, id_b = {{2}};

static void publish(struct hub *hub, const struct job_id *id, const char *text) {
    hub_publish(hub, &(struct hub_event){.kind = HUB_LOG, .id = *id, .text = text});
}

static void publish_state(struct hub *hub, const struct job_id *id, enum job_state state,
                          int32_t attempt) {
    hub_publish(
        hub, &(struct hub_event){.kind = HUB_STATE, .id = *id, .state = state, .attempt = attempt});
}

/* The texts behind `seq`, blank-separated; "stale" when they are not all there. */
static const char *texts(const struct hub *hub, const struct job_id *id, uint64_t seq) {
    static char out[4096];
    const struct hub_event *e;
    out[0] = '\0';
    if (hub_after(hub, id, seq, &e) != 0) {
        return "stale";
    }
    uint64_t last = seq;
    for (; e != NULL; e = hub_next(e)) {
        EXPECT_TRUE(e->seq > last);
        EXPECT_TRUE(id_equal(&e->id, id));
        last = e->seq;
        if (strlen(out) + strlen(e->text) + 2 < sizeof out) {
            strcat(strcat(out, out[0] == '\0' ? "" : " "), e->text);
        }
    }
    return out;
}

static void test_only_its_own(void) {
    struct hub *hub = hub_new();
    struct seen a = {.news = 0}, a2 = {.news = 0}, b = {.news = 0};
    EXPECT_FALSE(hub_follows(hub, &id_a));
    publish(hub, &id_a, "nobody is there");
    uint64_t before = hub_seq(hub);
    EXPECT_EQ_UINT(0, before);
    watch(hub, &a, &id_a);
    watch(hub, &a2, &id_a);
    watch(hub, &b, &id_b);
    EXPECT_EQ_UINT(3, hub_watchers(hub));
    publish(hub, &id_a, "1");
    publish(hub, &id_b, "2");
    publish(hub, &id_a, "3");
    EXPECT_EQ_INT(2, a.news);
    EXPECT_EQ_INT(2, a2.news);
    EXPECT_EQ_INT(1, b.news);
    hub_remove(hub, &a.watch);
    hub_remove(hub, &a.watch); // a second time is harmless
    EXPECT_EQ_UINT(2, hub_watchers(hub));
    publish(hub, &id_a, "4");
    EXPECT_EQ_INT(2, a.news);
    EXPECT_EQ_INT(3, a2.news);
    hub_free(&hub);
    EXPECT_NULL(hub);
    hub_free(&hub);
}

/* From any number on: exactly what came behind it. */
static void test_resume(void) {
    struct hub *hub = hub_new();
    struct seen a = {.news = 0}, b = {.news = 0};
    watch(hub, &a, &id_a);
    uint64_t seq[4];
    seq[0] = hub_seq(hub);
    watch(hub, &b, &id_b);
    publish(hub, &id_a, "1");
    seq[1] = hub_seq(hub);
    publish(hub, &id_b, "other");
    publish(hub, &id_a, "2");
    seq[2] = hub_seq(hub);
    EXPECT_STR("1 2", texts(hub, &id_a, seq[0]));
    EXPECT_STR("2", texts(hub, &id_a, seq[1]));
    EXPECT_STR("", texts(hub, &id_a, seq[2]));
    EXPECT_STR("stale", texts(hub, &id_a, seq[0] - 1)); // it was not followed then
    EXPECT_STR("stale", texts(hub, &id_a, hub_seq(hub) + 1));
    EXPECT_STR("stale", texts(hub, &id_a, UINT64_MAX));
    hub_remove(hub, &a.watch); // it goes on being followed
    EXPECT_TRUE(hub_follows(hub, &id_a));
    publish(hub, &id_a, "3");
    EXPECT_STR("2 3", texts(hub, &id_a, seq[1]));
    watch(hub, &a, &id_a);
    EXPECT_STR("2 3", texts(hub, &id_a, seq[1]));
    struct job_id unknown = id_of(99);
    EXPECT_STR("stale", texts(hub, &unknown, 0));
    hub_free(&hub);
}

/* Texts are the ring's own. */
static void test_copies(void) {
    struct hub *hub = hub_new();
    struct seen a = {.news = 0};
    char text[] = "first", message[] = "half way";
    const struct hub_event *e;
    watch(hub, &a, &id_a);
    uint64_t from = hub_seq(hub);
    hub_publish(hub, &(struct hub_event){.kind = HUB_PROGRESS,
                                         .id = id_a,
                                         .text = text,
                                         .progress = {.done = 1, .total = 2, .message = message}});
    memset(text, 'x', sizeof text - 1);
    memset(message, 'x', sizeof message - 1);
    EXPECT_EQ_INT(0, hub_after(hub, &id_a, from, &e));
    if (EXPECT_TRUE(e != NULL)) {
        EXPECT_STR("first", e->text);
        EXPECT_STR("half way", e->progress.message);
        EXPECT_EQ_INT(1, e->progress.done);
    }
    hub_free(&hub);
}

static void test_no_news(void) {
    struct hub *hub = hub_new();
    struct seen a = {.news = 0};
    watch(hub, &a, &id_a);
    publish_state(hub, &id_a, JOB_RUNNING, 1);
    publish_state(hub, &id_a, JOB_RUNNING, 1);
    publish_state(hub, &id_a, JOB_RUNNING, 0); // who says so does not know the attempt
    EXPECT_EQ_INT(1, a.news);
    publish_state(hub, &id_a, JOB_RUNNING, 2);
    publish_state(hub, &id_a, JOB_SCHEDULED, 2);
    publish_state(hub, &id_a, JOB_RUNNING, 2);
    EXPECT_EQ_INT(4, a.news);
    hub_free(&hub);
}

/* Events at their limit and one more: the oldest goes, and only its job has a gap. */
static void test_event_limit(void) {
    struct hub *hub = hub_new();
    struct seen a = {.news = 0}, b = {.news = 0};
    watch(hub, &a, &id_a);
    watch(hub, &b, &id_b);
    uint64_t from_a = hub_seq(hub);
    publish(hub, &id_a, "a1");
    uint64_t from_b = hub_seq(hub);
    for (int i = 0; i < HUB_EVENTS_MAX - 1; i++) {
        publish(hub, &id_b, "b");
    }
    EXPECT_STR("a1", texts(hub, &id_a, from_a));
    publish(hub, &id_b, "one more");
    EXPECT_STR("stale", texts(hub, &id_a, from_a));
    EXPECT_STR("", texts(hub, &id_a, from_a + 1)); // who had seen it misses nothing
    const struct hub_event *e;
    EXPECT_EQ_INT(0, hub_after(hub, &id_b, from_b, &e));
    int count = 0;
    for (; e != NULL; e = hub_next(e)) {
        count++;
    }
    EXPECT_EQ_INT(HUB_EVENTS_MAX, count);
    hub_free(&hub);
}

static void test_byte_limit(void) {
    enum { BIG = 1 << 20 };
    struct hub *hub = hub_new();
    struct seen a = {.news = 0};
    char *text = malloc(HUB_BYTES_MAX + 2);
    if (!EXPECT_TRUE(text != NULL)) {
        hub_free(&hub);
        return;
    }
    memset(text, 'x', HUB_BYTES_MAX + 1);
    text[HUB_BYTES_MAX + 1] = '\0';
    watch(hub, &a, &id_a);
    uint64_t from = hub_seq(hub);
    for (int i = 0; i < 3; i++) {
        publish(hub, &id_a, text + HUB_BYTES_MAX + 1 - BIG);
    }
    const struct hub_event *e;
    EXPECT_EQ_INT(0, hub_after(hub, &id_a, from, &e));
    publish(hub, &id_a, text + HUB_BYTES_MAX + 1 - BIG); // four of them and what they cost beside
    EXPECT_EQ_INT(-ESTALE, hub_after(hub, &id_a, from, &e));
    EXPECT_EQ_INT(0, hub_after(hub, &id_a, from + 1, &e));
    publish(hub, &id_a, text); // no room for it at all: who has not heard it starts anew
    EXPECT_EQ_INT(5, a.news);
    EXPECT_EQ_INT(-ESTALE, hub_after(hub, &id_a, from + 4, &e));
    publish(hub, &id_a, "again");
    EXPECT_STR("again", texts(hub, &id_a, hub_seq(hub) - 1));
    free(text);
    hub_free(&hub);
}

/* Jobs at their limit and one more: who has been without a watcher for longest goes. */
static void test_job_limit(void) {
    struct hub *hub = hub_new();
    static struct seen seen[HUB_JOBS_MAX + 1];
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < HUB_JOBS_MAX; i++) {
        struct job_id id = id_of(i + 1);
        watch(hub, &seen[i], &id);
        publish(hub, &id, "x");
    }
    struct job_id more = id_of(HUB_JOBS_MAX + 1), left = id_of(8), left_later = id_of(5);
    struct seen *last = &seen[HUB_JOBS_MAX];
    last->watch = (struct hub_watch){.id = more, .news = see, .arg = last};
    EXPECT_EQ_INT(-ENOSPC, hub_add(hub, &last->watch)); // all are being watched
    EXPECT_EQ_UINT(HUB_JOBS_MAX, hub_watchers(hub));
    hub_remove(hub, &seen[7].watch);
    hub_remove(hub, &seen[4].watch);
    watch(hub, last, &more);
    EXPECT_FALSE(hub_follows(hub, &left));
    EXPECT_TRUE(hub_follows(hub, &left_later));
    EXPECT_STR("x", texts(hub, &left_later, 4 * 2 + 1)); // each took two numbers
    // what comes back after it was forgotten cannot know what it has missed
    uint64_t then = hub_seq(hub);
    hub_remove(hub, &seen[9].watch);
    watch(hub, &seen[7], &left);
    EXPECT_STR("stale", texts(hub, &left, then));
    hub_free(&hub);
}

static void test_leaving_while_it_is_called(void) {
    struct hub *hub = hub_new();
    struct seen a = {.leave = true}, b = {.news = 0}, c = {.news = 0};
    watch(hub, &c, &id_a);
    watch(hub, &b, &id_a);
    watch(hub, &a, &id_a); // called first
    a.also_remove = &b;    // the one after it
    publish(hub, &id_a, "1");
    EXPECT_EQ_INT(1, a.news);
    EXPECT_EQ_INT(0, b.news);
    EXPECT_EQ_INT(1, c.news);
    publish(hub, &id_a, "2");
    EXPECT_EQ_INT(1, a.news);
    EXPECT_EQ_INT(2, c.news);
    hub_free(&hub);
}

/* Against a naive list, with random leaves, returns and numbers. */
static void test_model(void) {
    enum { STEPS = 20000, JOBS = 5 };
    static struct {
        uint64_t seq;
        uint32_t job;
    } all[STEPS];
    struct hub *hub = hub_new();
    struct seen seen[JOBS] = {{.news = 0}};
    uint64_t since[JOBS];
    size_t count = 0;
    srand(7);
    for (uint32_t j = 0; j < JOBS; j++) {
        struct job_id id = id_of(j + 1);
        watch(hub, &seen[j], &id);
        since[j] = hub_seq(hub);
    }
    for (int step = 0; step < STEPS; step++) {
        uint32_t j = (uint32_t)rand() % JOBS;
        struct job_id id = id_of(j + 1);
        if (rand() % 10 == 0) {
            hub_remove(hub, &seen[j].watch);
        } else if (seen[j].watch.prev == NULL) {
            watch(hub, &seen[j], &id);
        }
        publish(hub, &id, "e");
        all[count].seq = hub_seq(hub);
        all[count++].job = j;
        if (step % 500 != 0) {
            continue;
        }
        uint64_t from = all[(size_t)rand() % count].seq;
        const struct hub_event *e;
        int r = hub_after(hub, &id, from, &e);
        size_t kept_from = count > HUB_EVENTS_MAX ? count - HUB_EVENTS_MAX : 0;
        bool whole = from >= since[j];
        for (size_t i = 0; i < kept_from; i++) {
            whole = whole && (all[i].job != j || all[i].seq <= from);
        }
        EXPECT_EQ_INT(whole ? 0 : -ESTALE, r);
        for (size_t i = kept_from; i < count && r == 0; i++) {
            if (all[i].job == j && all[i].seq > from) {
                if (!EXPECT_TRUE(e != NULL && e->seq == all[i].seq)) {
                    break;
                }
                e = hub_next(e);
            }
        }
        EXPECT_TRUE(r != 0 || e == NULL);
    }
    hub_free(&hub);
}

/* A job that does not exist takes nobody's place. */
static void test_forget(void) {
    struct hub *hub = hub_new();
    struct seen a = {0}, other = {0};
    watch(hub, &a, &id_a);
    watch(hub, &other, &id_a);
    hub_forget(hub, &a.watch);
    EXPECT_TRUE(hub_follows(hub, &id_a)); // somebody else watches it
    hub_forget(hub, &a.watch);            // nothing happens
    EXPECT_EQ_UINT(1, hub_watchers(hub));
    hub_forget(hub, &other.watch);
    EXPECT_FALSE(hub_follows(hub, &id_a));
    EXPECT_EQ_UINT(0, hub_watchers(hub));
    watch(hub, &a, &id_a);
    publish(hub, &id_a, "x");
    hub_forget(hub, &a.watch);
    EXPECT_TRUE(hub_follows(hub, &id_a)); // there is something to come back for
    hub_free(&hub);
}

static const struct expect_test tests[] = {
    {"a job that does not exist", test_forget},
    {"a watcher hears of its own job", test_only_its_own},
    {"what came behind a number", test_resume},
    {"texts are copied", test_copies},
    {"the same state again is no news", test_no_news},
    {"events at their limit and one more", test_event_limit},
    {"bytes at their limit and more", test_byte_limit},
    {"jobs at their limit and one more", test_job_limit},
    {"leaving while it is called", test_leaving_while_it_is_called},
    {"against a naive list", test_model},
};

SUITE_MAIN("hub", tests)
