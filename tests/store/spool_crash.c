/* The host of a spool is killed at each of its fault points in turn, and the next one goes on: what
 * was answered is in main in the end, each job once, in order.
 *
 *     store_spool_crash                every row of the table below
 *     store_spool_crash --child DIR    one play, with JOBHOST_FAULT in force */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spool_rig.h"

enum { JOBS = 40, HALF = JOBS / 2 };

static const char *self;

static void use_dir(struct rig *rig, const char *dir) {
    if (rig->dir != dir) {
        (void)rmdir(rig->dir);
        (void)snprintf(rig->dir, sizeof rig->dir, "%s", dir);
    }
    (void)snprintf(rig->db, sizeof rig->db, "%s/jobs.db", dir);
    (void)snprintf(rig->url, sizeof rig->url, "faulty:down:sqlite:%s", rig->db);
    (void)snprintf(rig->blobs, sizeof rig->blobs, "%s/blobs", dir);
    (void)snprintf(rig->fallback, sizeof rig->fallback, "sqlite:%s/spool.db", dir);
}

/* Jobs have their number in them; ids of a run are made anew each time, so that those of a killed
 * one are not met again. */
static void submit(struct rig *rig, int i) {
    char payload[32];
    rig->now = env_wall_ms(&rig->env); // as the spool's own
    struct job_spec spec = rig_spec(rig, i % 2 == 0 ? "even" : "odd", "t");
    (void)snprintf(payload, sizeof payload, "%d", i);
    spec.payload = bytes_of(payload);
    int r = rig_submit(rig, &spec);
    if (r == SUBMIT_SPOOLED || r == SUBMIT_NEW) { // it is answered: from now on it counts
        char line[16];
        int n = snprintf(line, sizeof line, "%d\n", i);
        if (write(STDOUT_FILENO, line, (size_t)n) != n) {
            abort();
        }
    }
}

static int child_main(const char *dir) {
    static struct rig rig;
    rig_backend = "spool";
    rig_init(&rig);
    use_dir(&rig, dir);
    rig.now = env_wall_ms(&rig.env);
    if (rig_open(&rig) != 0) {
        (void)fprintf(stderr, "%s\n", rig.err.msg);
        return 3;
    }
    for (int i = 0; i < HALF; i++) {
        submit(&rig, i);
    }
    faulty_set_down(spool_store_main(&rig.store), NULL);
    for (int i = HALF; i < JOBS; i++) {
        submit(&rig, i); // behind those that wait, while they are brought to main
    }
    while (store_backlog(&rig.store).waiting > 0) {
        (void)rig_turn(&rig, INT64_MAX);
    }
    rig_close(&rig);
    return 0;
}

static int run_child(const char *dir, const char *fault, bool answered[JOBS]) {
    int ends[2], status = 0;
    if (pipe(ends) == -1) {
        abort();
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)setenv("JOBHOST_FAULT", fault, 1);
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execl(self, self, "--child", dir, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    FILE *notes = fdopen(ends[0], "r");
    for (int i; notes != NULL && fscanf(notes, "%d", &i) == 1;) {
        answered[i] = true;
    }
    (void)fclose(notes);
    (void)waitpid(pid, &status, 0);
    return status;
}

// All of a queue in main, in order. The lowest comes first, nobody is there twice.
static void check_queue(struct rig *rig, const char *queue, bool seen[JOBS]) {
    const struct store_claim *claim = rig_claim(rig, queue, "t", 1000);
    int last = -1;
    for (size_t i = 0; i < claim->job_count; i++) {
        struct bytes text = claim->jobs[i].spec.payload;
        int n = atoi((const char *)text.data);
        (void)EXPECT_TRUE(n > last && n < JOBS);
        last = n;
        seen[n] = true;
    }
}

static void play(const char *point, int passage) {
    static struct rig rig;
    bool answered[JOBS] = {false}, seen[JOBS] = {false};
    char fault[64];
    rig_backend = "spool";
    rig_init(&rig);
    use_dir(&rig, rig.dir);
    (void)snprintf(fault, sizeof fault, "%s:%d=kill", point, passage);
    int status = run_child(rig.dir, fault, answered);
    if (!EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
        (void)printf("    %s: wait status %d\n", fault, status);
    }
    (void)snprintf(rig.url, sizeof rig.url, "sqlite:%s", rig.db);
    if (EXPECT_EQ_INT(0, rig_open(&rig))) {
        rig.now = env_wall_ms(&rig.env);
        (void)rig_stats(&rig); // it is known what waits
        while (store_backlog(&rig.store).waiting > 0) {
            (void)rig_turn(&rig, INT64_MAX);
        }
        check_queue(&rig, "even", seen);
        check_queue(&rig, "odd", seen);
        for (int i = 0; i < JOBS; i++) {
            (void)EXPECT_TRUE(seen[i] || !answered[i]);
        }
        rig_expect_sound(&rig);
    }
    rig_finish(&rig);
}

static void test_kill(void) {
    static const struct {
        const char *point;
        int passages[9]; /* 0 ends */
    } rows[] = {
        {"store_before_commit", {1, 2, 9, 22, 24, 25, 31, 40}},
        {"store_sync", {1, 2, 9, 22, 24, 26, 33, 42}},
        {"store_after_commit", {1, 2, 9, 22, 23, 24, 29, 38}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (const int *n = rows[i].passages; *n != 0; n++) {
            play(rows[i].point, *n);
        }
    }
}

int main(int argc, char **argv) {
    static const struct expect_test tests[] = {{"killed at every fault point", test_kill}};
    self = argv[0];
    if (argc == 3 && strcmp(argv[1], "--child") == 0) {
        return child_main(argv[2]);
    }
    return expect_run("spool crashes", tests, ARRAY_LEN(tests), argc, argv);
}
