/* A claim may be answered before its group is synced (writer.c). Here that sync fails: what was
 * claimed in the group and had been there before stays claimed; what was submitted in it never was,
 * whoever runs it is told so, and nothing else is disturbed.
 *
 *     store_lent            children with the error at one sync after the other; both outcomes
 *                           must occur
 *     store_lent --child    one of them, with JOBHOST_FAULT in force; exit status: what it met */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

enum { BUSY_JOBS = 3000, ROUNDS = 12, FIRST_SYNC = 4, LAST_SYNC = 24 };
enum met {
    MET_NOTHING,
    MET_OLD,
    MET_NEW
}; // a lent claim of a job from before, or of one that never was

// Three operations of which the last two share a group, since the first one takes so long.
struct round {
    struct job_spec busy[BUSY_JOBS], spec;
    struct store_submit_item busy_items[BUSY_JOBS], item;
    struct store_claim_want want;
    struct store_submit *first, *submit;
    struct store_claim *claim;
};

static void play_round(struct rig *rig, struct round *r, bool submit) {
    bool done[3] = {false, !submit, false};
    r->first = RIG_NEW(rig, store_submit);
    r->submit = RIG_NEW(rig, store_submit);
    r->claim = RIG_NEW(rig, store_claim);
    for (int i = 0; i < BUSY_JOBS; i++) {
        r->busy[i] = rig_spec(rig, "busy", "t");
        r->busy_items[i] = (struct store_submit_item){.spec = &r->busy[i]};
    }
    r->item = (struct store_submit_item){.spec = &r->spec};
    r->want = (struct store_claim_want){.lane = {"q", "t"}, .limit = 1};
    r->first->items = r->busy_items;
    r->first->count = BUSY_JOBS;
    r->submit->items = &r->item;
    r->submit->count = 1;
    r->claim->wants = &r->want;
    r->claim->want_count = 1;
    r->claim->host_nonce = rig->nonce;
    rig_post(rig, &r->first->op, STORE_SUBMIT, &done[0]);
    if (submit) {
        rig_post(rig, &r->submit->op, STORE_SUBMIT, &done[1]);
    }
    rig_post(rig, &r->claim->op, STORE_CLAIM, &done[2]);
    for (int i = 0; i < 3; i++) {
        rig_wait(rig, &done[i]);
    }
}

static int start(struct rig *rig, const struct store_claimed *job) {
    struct store_start_item item = {
        .id = job->spec.id, .token = job->token, .started_ms = rig->now};
    struct store_start *s = RIG_NEW(rig, store_start);
    s->items = &item;
    s->count = 1;
    EXPECT_EQ_INT(0, rig_run(rig, &s->op, STORE_START));
    return item.status;
}

// It was handed out, and is not there.
static void check_never_was(struct rig *rig, struct round *r) {
    const struct store_claimed *job = &r->claim->jobs[0];
    EXPECT_TRUE(id_equal(&r->spec.id, &job->spec.id));
    EXPECT_TRUE(rig_get(rig, &job->spec.id) == NULL);
    (void)rig_submit_plain(rig, "q", "elsewhere");
    const struct store_claimed *elsewhere = rig_claim_one(rig, "q", "elsewhere");
    EXPECT_EQ_INT(0, elsewhere == NULL ? -1 : rig_succeed(rig, elsewhere));
    struct job_id other = rig_submit_plain(rig, "q", "t");
    EXPECT_EQ_INT(-ESTALE, start(rig, job));
    struct store_commit_item step = rig_item(job, JOB_EV_NONE);
    EXPECT_EQ_INT(-ESTALE, rig_commit(rig, &step));
    EXPECT_EQ_INT(-ESTALE, rig_succeed(rig, job));
    const struct store_claimed *next = rig_claim_one(rig, "q", "t");
    EXPECT_TRUE(next != NULL && id_equal(&other, &next->spec.id));
    EXPECT_EQ_INT(0, next == NULL ? -1 : rig_succeed(rig, next));
    // its submitter tries again
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &r->spec));
    next = rig_claim_one(rig, "q", "t");
    EXPECT_EQ_INT(0, next == NULL ? -1 : rig_succeed(rig, next));
}

// It was there before, so its claim stands.
static void check_still_claimed(struct rig *rig, struct round *r) {
    const struct store_claimed *job = &r->claim->jobs[0];
    EXPECT_EQ_UINT(0, rig_claim(rig, "q", "t", 5)->job_count);
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(rig, &job->spec.id));
    EXPECT_EQ_INT(0, start(rig, job));
    EXPECT_EQ_INT(0, rig_succeed(rig, job));
}

static enum met met;

static void test_child(void) {
    static struct round r;
    static struct env_clock_file clock;
    struct rig rig;
    rig_init(&rig);
    rig.env.clock = &clock;
    if (!EXPECT_EQ_INT(0, rig_open(&rig))) {
        return;
    }
    for (int i = 0; i < ROUNDS && met == MET_NOTHING; i++) {
        bool is_new = i % 2 == 0;
        r.spec = rig_spec(&rig, "q", "t");
        if (!is_new && rig_submit(&rig, &r.spec) < 0) { // a group of its own, before
            break;
        }
        play_round(&rig, &r, is_new);
        rig_advance(&clock, 1000); // a store that went read-only tries again
        bool failed = r.first->op.status < 0 || r.submit->op.status < 0;
        if (r.claim->op.status == 0 && failed && r.claim->job_count == 1) {
            met = is_new && r.submit->op.status < 0 ? MET_NEW : MET_OLD;
            (met == MET_NEW ? check_never_was : check_still_claimed)(&rig, &r);
        } else if (r.claim->op.status < 0 || r.claim->job_count != 1 ||
                   rig_succeed(&rig, &r.claim->jobs[0]) < 0) {
            break; // the error met somebody else
        }
    }
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static int child_main(char **argv) {
    static const struct expect_test tests[] = {{"child", test_child}};
    int status = expect_run("lent", tests, 1, 1, argv);
    return status == EXIT_SUCCESS ? 10 + (int)met : status;
}

// A group larger than the cache is written to the log, and synced there, before all of it has been
// done: a claim behind it is answered all the same with what there is.
static void test_spill(void) {
    enum { BIG_JOBS = 1500, BIG_PAYLOAD = 8000, WAITING = 200, SPILLS = 6 };
    static char payload[BIG_PAYLOAD];
    static struct job_spec specs[BIG_JOBS];
    static struct store_submit_item items[BIG_JOBS];
    struct rig rig;
    rig_start(&rig);
    for (int i = 0; i < WAITING; i++) {
        (void)rig_submit_plain(&rig, "q", "t");
    }
    for (int round = 0; round < SPILLS; round++) {
        bool submitted = false, claimed = false;
        for (int i = 0; i < BIG_JOBS; i++) {
            specs[i] = rig_spec(&rig, "busy", "b");
            specs[i].payload = (struct bytes){payload, sizeof payload};
            items[i] = (struct store_submit_item){.spec = &specs[i]};
        }
        struct store_submit *s = RIG_NEW(&rig, store_submit);
        struct store_claim *c = RIG_NEW(&rig, store_claim);
        struct store_claim_want want = {.lane = {"q", "t"}, .limit = 10};
        s->items = items;
        s->count = BIG_JOBS;
        c->wants = &want;
        c->want_count = 1;
        rig_post(&rig, &s->op, STORE_SUBMIT, &submitted);
        rig_post(&rig, &c->op, STORE_CLAIM, &claimed);
        rig_wait(&rig, &claimed);
        rig_wait(&rig, &submitted);
        EXPECT_EQ_UINT(10, c->job_count);
        EXPECT_EQ_INT(0, s->op.status);
        EXPECT_TRUE(rig_get(&rig, &specs[BIG_JOBS - 1].id) != NULL);
    }
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static const char *self;

static void test_each_sync(void) {
    int seen[MET_NEW + 1] = {0};
    for (int n = FIRST_SYNC; n <= LAST_SYNC; n++) {
        char plan[32];
        (void)snprintf(plan, sizeof plan, "store_sync:%d=error", n);
        (void)fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            if (freopen("/dev/null", "w", stdout) == NULL) {
                _exit(126);
            }
            (void)setenv("JOBHOST_FAULT", plan, 1);
            (void)execl(self, self, "--child", (char *)NULL);
            _exit(127);
        }
        int status = -1;
        (void)waitpid(pid, &status, 0);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) - 10 : -1;
        if (EXPECT_TRUE(code >= MET_NOTHING && code <= MET_NEW)) {
            seen[code]++;
        } else {
            (void)printf("    JOBHOST_FAULT=%s %s --child: wait status %d\n", plan, self, status);
        }
    }
    EXPECT_TRUE(seen[MET_OLD] > 0);
    EXPECT_TRUE(seen[MET_NEW] > 0);
}

int main(int argc, char **argv) {
    static const struct expect_test tests[] = {
        {"a group that is not synced after its claims were lent", test_each_sync},
        {"a group that is synced in its middle", test_spill}};
    self = argv[0];
    if (argc == 2 && strcmp(argv[1], "--child") == 0) {
        return child_main(argv);
    }
    return expect_run("store: lent claims", tests, ARRAY_LEN(tests), argc, argv);
}
