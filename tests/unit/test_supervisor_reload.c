// Reloads, as far as it matters which worker is where when: numbers of workers, tries that fail half way.
#include <signal.h>
#include <string.h>

#include "expect.h"
#include "lab.h"
#include "supervisor/pool_private.h"
#include "supervisor/reload.h"

static struct lab *lab;

struct asked {
    struct reload_waiter waiter;
    bool answered, ok;
    char verdict[16], why[128];
};

static void on_verdict(struct reload_waiter *w, const struct reload_report *report) {
    struct asked *asked = CONTAINER_OF(w, struct asked, waiter);
    asked->answered = true;
    asked->ok = report->ok;
    if (report->item_count > 0) {
        const struct reload_item *it = &report->items[0];
        (void)snprintf(asked->verdict, sizeof asked->verdict, "%s",
                       reload_verdict_name(it->verdict));
        (void)snprintf(asked->why, sizeof asked->why, "%s", it->why == NULL ? "" : it->why);
    }
}

static void ask(struct asked *asked) {
    *asked = (struct asked){.waiter = {.done = on_verdict}};
    reload_request(lab->host, "test", 0, &asked->waiter);
}

static bool is_answered(struct lab *of, void *arg) {
    (void)of;
    return ((const struct asked *)arg)->answered;
}

static void reload(struct asked *asked) {
    ask(asked);
    lab_until(lab, is_answered, asked, "the reload has ended");
}

static struct pool *pool(void) {
    return lab->host->pools->items[0];
}

// A start that fails for the second of two workers is the end of the try, not of all reloads.
static void test_no_second_worker(void) {
    struct asked asked, again;
    lab = lab_open(&(struct lab_options){.plugin = "workers: 2"});
    (void)lab_ready_worker(lab);
    (void)lab_ready_worker(lab);
    lab_change_plugin(lab, "another one");
    ask(&asked);
    struct lab_worker *canary = lab_worker(lab);
    lab->refuse_spawn = true;
    lab_shake_hands(lab, canary);
    lab_until(lab, is_answered, &asked, "the reload has ended");
    EXPECT_TRUE(!asked.ok);
    EXPECT_EQ_STR("failed", asked.verdict);
    EXPECT_TRUE(asked.why[0] != '\0');
    EXPECT_EQ_UINT(2, pool()->ready_count);
    EXPECT_EQ_INT(SIGKILL, canary->signal);
    lab->refuse_spawn = false;
    lab_change_plugin(lab, "plugin");
    reload(&again);
    EXPECT_EQ_STR("kept", again.verdict);
    lab_close(lab);
}

// Fewer workers, while some of those that were wanted before are on their way.
static void test_fewer_before_they_are_there(void) {
    struct asked asked;
    lab = lab_open(&(struct lab_options){.plugin = "workers: 3"});
    struct lab_worker *first = lab_ready_worker(lab);
    struct lab_worker *second = lab_worker(lab), *third = lab_worker(lab);
    lab_configure_plugin(lab, "workers: 1");
    reload(&asked);
    EXPECT_EQ_STR("kept", asked.verdict);
    lab_shake_hands(lab, second);
    lab_shake_hands(lab, third);
    (void)lab_expect(lab, second, REC_DRAIN);
    (void)lab_expect(lab, third, REC_DRAIN);
    EXPECT_EQ_UINT(1, pool()->ready_count);
    EXPECT_EQ_INT(0, first->signal);
    lab_close(lab);
}

// Nobody takes the place of those that were to go, and their ends are not deaths.
static void test_fewer_is_no_death(void) {
    struct asked asked;
    lab = lab_open(&(struct lab_options){.plugin = "workers: 2"});
    struct lab_worker *w[2] = {lab_ready_worker(lab), lab_ready_worker(lab)};
    lab_configure_plugin(lab, "workers: 1");
    reload(&asked);
    EXPECT_EQ_UINT(1, pool()->ready_count);
    bool first_stays = lab_seen(lab, w[0])->state == WORKER_READY;
    lab_send(w[first_stays], REC_BYE, 0);
    lab_bury(lab, w[first_stays], 0);
    lab_advance(lab, 60000);
    EXPECT_EQ_UINT(2, lab->spawned);
    EXPECT_EQ_UINT(0, pool()->deaths);
    EXPECT_EQ_UINT(0, (unsigned)pool()->restarts);
    lab_close(lab);
}

static const struct expect_test tests[] = {
    {"the second worker of a try cannot be started", test_no_second_worker},
    {"fewer workers before all are there", test_fewer_before_they_are_there},
    {"fewer workers are no deaths", test_fewer_is_no_death},
};
SUITE_MAIN("supervisor reload", tests)
