#include "supervisor/hub.h"

#include "expect.h"

struct seen {
    struct hub_watch watch;
    struct hub *hub;
    int events;
    bool leave; /* removes itself at the first event */
    struct seen *also_remove;
};

static void see(struct hub_watch *watch, const struct hub_event *event) {
    struct seen *s = watch->arg;
    s->events += event->kind == HUB_STATE;
    if (s->leave) {
        hub_remove(s->hub, watch);
    }
    if (s->also_remove != NULL) {
        hub_remove(s->hub, &s->also_remove->watch);
    }
}

static void watch(struct hub *hub, struct seen *s, const struct job_id *id) {
    s->hub = hub;
    s->watch.event = see;
    s->watch.arg = s;
    if (id != NULL) {
        s->watch.id = *id;
    }
    EXPECT_EQ_INT(0, hub_add(hub, &s->watch));
}

static const struct job_id id_a = {{1}}, id_b = {{2}};

static void publish(struct hub *hub, const struct job_id *id) {
    hub_publish(hub, &(struct hub_event){.kind = HUB_STATE, .id = *id});
}

static void test_only_its_own(void) {
    struct hub *hub = hub_new();
    struct seen a = {.events = 0}, all = {.events = 0};
    watch(hub, &a, &id_a);
    EXPECT_TRUE(hub_watching(hub, &id_a));
    EXPECT_FALSE(hub_watching(hub, &id_b));
    watch(hub, &all, NULL);
    EXPECT_TRUE(hub_watching(hub, &id_b));
    publish(hub, &id_a);
    publish(hub, &id_b);
    EXPECT_EQ_INT(1, a.events);
    EXPECT_EQ_INT(2, all.events);
    hub_remove(hub, &a.watch);
    hub_remove(hub, &a.watch); // a second time is harmless
    publish(hub, &id_a);
    EXPECT_EQ_INT(1, a.events);
    hub_remove(hub, &all.watch);
    hub_free(&hub);
    EXPECT_NULL(hub);
}

static void test_leaving_in_the_middle(void) {
    struct hub *hub = hub_new();
    struct seen first = {.events = 0}, second = {.events = 0}, third = {.events = 0};
    watch(hub, &first, NULL);
    watch(hub, &second, NULL);
    watch(hub, &third, NULL);
    // newest first: the third leaves and takes the second, which would be next, along
    third.leave = true;
    third.also_remove = &second;
    publish(hub, &id_a);
    EXPECT_EQ_INT(1, third.events);
    EXPECT_EQ_INT(0, second.events);
    EXPECT_EQ_INT(1, first.events);
    publish(hub, &id_a);
    EXPECT_EQ_INT(1, third.events);
    EXPECT_EQ_INT(2, first.events);
    hub_free(&hub);
}

static const struct expect_test tests[] = {
    {"a watcher hears of its own job, or of every one", test_only_its_own},
    {"watchers may leave while they are called", test_leaving_in_the_middle},
};
SUITE_MAIN("hub", tests)
