/* Random operations against the store and against a model (model.h), compared all the way; the store is sound after
 * each of them (fsck).
 *
 *     store_property [--store BACKEND] [SEED [STEPS [WHICH]]]
 *
 * Without a seed: some models, from a seed that is printed; JOBHOST_FULL=1: many. A sequence that fails is shortened:
 * the steps that it takes are printed, and a line that runs them alone again (WHICH: "3,7-9"). */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model.h"
#include "redis_proxy.h"
#include "redis_server.h"

enum { STEPS_MAX = 4000, MODELS = 2, MODELS_FULL = 40, TRIALS_MAX = 100 };
enum { FSCK_SHARED = 8 }; // steps: it takes more round trips than all else

/* ------------------------------------------------------------------ operations */

static void pass(struct model *m) {
    m->rig.now += (int64_t)model_dice(m, 300);
}

static const struct {
    const char *name;
    void (*run)(struct model *m);
    unsigned weight;
} operations[] = {
    {"submit", model_jobs_submit, 12},
    {"claim", model_runs_claim, 14},
    {"start", model_runs_start, 4},
    {"commit", model_runs_commit, 22},
    {"move", model_jobs_move, 10},
    {"ask", model_jobs_ask, 2},
    {"resolve", model_jobs_resolve, 4},
    {"due", model_jobs_due, 5},
    {"remove", model_jobs_remove, 1},
    {"sweep", model_jobs_sweep, 2},
    {"reopen", model_runs_reopen, 1},
    {"take over", model_runs_take_over, 2},
    {"wait", pass, 8},
    {"put a schedule", model_schedules_put, 2},
    {"pause a schedule", model_schedules_set, 1},
    {"fire", model_schedules_fire, 8},
    {"list schedules", model_schedules_list, 2},
    {"join a flow", model_flows_join, 3},
    {"cancel members", model_flows_cascade, 4},
    {"look at a flow", model_flows_look, 4},
    {"limiter", model_limiters_post, 12},
    {"look at limiters", model_limiters_look, 2},
    {"breaker", model_breakers_post, 8},
    {"look at breakers", model_breakers_look, 1},
    {"publish", model_events_publish, 8},
};

static size_t any_operation(struct model *m) {
    unsigned all = 0;
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        all += operations[i].weight;
    }
    unsigned n = (unsigned)model_dice(m, all);
    while (n >= operations[at].weight) {
        n -= operations[at++].weight;
    }
    return at;
}

/* ------------------------------------------------------------------ a sequence */

static uint64_t seed;
static unsigned long steps = 600;
static bool chosen[STEPS_MAX + 1]; /* by WHICH */
static unsigned long failed;       /* the last step there was; 0 = all went well */

static const char *name_of(struct model *m, unsigned long number) {
    model_begin_step(m, seed, number, "");
    return operations[any_operation(m)].name;
}

// Who asks breakers here is no job.
static void expect_sound(struct model *m) {
    struct store_fsck fsck = {.repair = false};
    (void)model_same(m, 0, rig_run(&m->rig, &fsck.op, STORE_FSCK), "fsck");
    for (size_t i = 0; i < fsck.count; i++) {
        if (strcmp(fsck.findings[i].code, "breaker_probe_lost") != 0) {
            (void)EXPECT_EQ_STR("", fsck.findings[i].code);
            (void)EXPECT_EQ_STR("", fsck.findings[i].detail);
        }
    }
    store_op_finish(&fsck.op);
}

static void step(struct model *m, unsigned long number) {
    model_begin_step(m, seed, number, "");
    size_t at = any_operation(m);
    m->last = operations[at].name;
    operations[at].run(m);
    model_end_step(m);
    model_compare_some(m);
    if (number % (rig_is_shared() ? FSCK_SHARED : 1) == 0) {
        expect_sound(m);
    }
}

static void open_rigs(struct model *m) {
    rig_init(&m->rig);
    model_configure(&m->rig);
    if (strcmp(rig_backend, "redis") == 0) {
        char path[300];
        (void)snprintf(path, sizeof path, "%s/proxy", m->rig.dir);
        (void)snprintf(m->rig.url, sizeof m->rig.url, "unix:%s", path);
        m->proxy = redis_proxy_new(path, rig_server()->socket);
    }
    (void)EXPECT_EQ_INT(0, rig_open(&m->rig));
    if (rig_is_shared()) {
        rig_init_beside(&m->other, &m->rig);
        model_configure(&m->other);
        (void)EXPECT_EQ_INT(0, rig_open(&m->other));
    }
}

static void close_rigs(struct model *m) {
    if (m->other.open) {
        rig_finish(&m->other);
    }
    rig_close(&m->rig);
    if (m->proxy != NULL) {
        redis_proxy_free(&m->proxy);
    }
    rig_finish(&m->rig);
}

static struct model model;

static void run_sequence(void) {
    struct model *m = &model;
    unsigned failures = CU_get_number_of_failures();
    model_init(m, seed);
    open_rigs(m);
    failed = 0;
    for (unsigned long i = 1; i <= steps && failed == 0 && model_has_room(m); i++) {
        if (chosen[i]) {
            step(m, i);
        }
        failed = CU_get_number_of_failures() > failures ? i : 0;
    }
    if (failed == 0) {
        model_compare_all(m);
        expect_sound(m);
        failed = CU_get_number_of_failures() > failures ? steps : 0;
    }
    close_rigs(m);
}

/* ------------------------------------------------------------------ what is left of one that fails */

// "3,7-9"
static void choose(const char *which) {
    memset(chosen, which == NULL, sizeof chosen);
    while (which != NULL && *which != '\0') {
        char *end = NULL;
        unsigned long first = strtoul(which, &end, 10), last = first;
        last = *end == '-' ? strtoul(end + 1, &end, 10) : last;
        for (unsigned long i = first; i <= last && i <= STEPS_MAX; i++) {
            chosen[i] = true;
        }
        which = *end == '\0' ? NULL : end + 1;
    }
}

static void write_chosen(const bool which[STEPS_MAX + 1], unsigned long last, char *out,
                         size_t size) {
    size_t used = 0;
    for (unsigned long i = 1; i <= last && used + 32 < size; i++) {
        unsigned long first = i;
        while (i < last && which[i] && which[i + 1]) {
            i++;
        }
        const char *comma = used > 0 ? "," : "";
        if (which[i] && i > first) {
            used += (size_t)snprintf(out + used, size - used, "%s%lu-%lu", comma, first, i);
        } else if (which[i]) {
            used += (size_t)snprintf(out + used, size - used, "%s%lu", comma, i);
        }
    }
}

// In a process of its own, which may die of it.
static bool fails(const bool which[STEPS_MAX + 1], unsigned long last) {
    static char words[STEPS_MAX * 6];
    char seed_word[32], steps_word[32];
    int status = 0;
    words[0] = '\0';
    write_chosen(which, last, words, sizeof words);
    (void)snprintf(seed_word, sizeof seed_word, "%llu", (unsigned long long)seed);
    (void)snprintf(steps_word, sizeof steps_word, "%lu", last);
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        bool quiet = freopen("/dev/null", "w", stdout) != NULL;
        (void)execl("/proc/self/exe", "store_property", "--store", rig_backend, seed_word,
                    steps_word, words, (char *)NULL);
        _exit(quiet ? 127 : 126);
    }
    bool ended = pid > 0 && waitpid(pid, &status, 0) == pid;
    return ended && !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Leaves out pieces, ever smaller ones, as long as it still fails without them.
static void shorten(bool which[STEPS_MAX + 1], unsigned long last) {
    unsigned trials = 0;
    for (unsigned long piece = last / 2; piece > 0 && trials < TRIALS_MAX; piece /= 2) {
        for (unsigned long from = 1; from < last && trials < TRIALS_MAX; from += piece) {
            bool tried[STEPS_MAX + 1];
            unsigned long end = from + piece < last ? from + piece : last;
            memcpy(tried, which, sizeof tried);
            memset(tried + from, false, end - from);
            if (memcmp(tried, which, sizeof tried) != 0 && (trials++, fails(tried, last))) {
                memcpy(which, tried, sizeof tried);
            }
        }
    }
}

static void report(void) {
    static char words[STEPS_MAX * 6];
    static bool which[STEPS_MAX + 1];
    unsigned long last = failed;
    memcpy(which, chosen, sizeof which);
    (void)printf("seed %llu fails at step %lu", (unsigned long long)seed, last);
    if (!fails(which, last)) {
        (void)printf(", and not always\n");
        return;
    }
    shorten(which, last);
    words[0] = '\0';
    write_chosen(which, last, words, sizeof words);
    (void)printf("; what it takes:\n");
    for (unsigned long i = 1; i <= last; i++) {
        if (which[i]) {
            (void)printf("    %5lu %s\n", i, name_of(&model, i));
        }
    }
    (void)printf("again: store_property --store %s %llu %lu %s\n", rig_backend,
                 (unsigned long long)seed, last, words);
}

/* ------------------------------------------------------------------ main */

static bool is_part; // of a sequence: WHICH

static void test_one(void) {
    run_sequence();
    if (failed != 0 && !is_part) {
        report();
    }
}

static void test_many(void) {
    const char *full = getenv("JOBHOST_FULL");
    int count = full != NULL && full[0] == '1' ? MODELS_FULL : MODELS;
    for (int i = 0; i < count; i++, seed++) {
        run_sequence();
        if (failed != 0) {
            report();
            return;
        }
    }
}

int main(int argc, char **argv) {
    static const struct expect_test many[] = {{"the store and the model agree", test_many}};
    static const struct expect_test one[] = {{"the store and the model agree", test_one}};
    if (access("/dev/shm", W_OK) == 0) {
        (void)setenv("TMPDIR", "/dev/shm", 0); // no disk is waited for
    }
    rig_parse(&argc, &argv);
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    steps = argc > 2 ? strtoul(argv[2], NULL, 10) : steps;
    steps = steps > STEPS_MAX ? STEPS_MAX : steps;
    is_part = argc > 3;
    choose(argc > 3 ? argv[3] : NULL);
    (void)printf("seed %llu\n", (unsigned long long)seed);
    return expect_run("store against a model", argc > 1 ? one : many, 1, 1, argv);
}
