// Control groups in a folder that looks like one: what is written where, and what is said when it cannot be.
#define _GNU_SOURCE // mkdtemp
#include "supervisor/cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "config/config.h"
#include "expect.h"

static char dir[64];
static struct cgroup g;

static const char *at(const char *name) {
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name, const char *text) {
    FILE *f = fopen(at(name), "w");
    EXPECT_TRUE(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static const char *get(const char *name) {
    static char text[256];
    FILE *f = fopen(at(name), "r");
    size_t n = f == NULL ? 0 : fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    if (f != NULL) {
        (void)fclose(f);
    }
    return text;
}

/* The kernel makes a group's files with it; here they are there before. */
static void begin(const char *offered) {
    static const char *const folders[] = {"host", "plugin-p", "plugin-p/w-77"};
    static const char *const files[] = {
        "cgroup.subtree_control",
        "cgroup.procs",
        "host/cgroup.procs",
        "plugin-p/cgroup.subtree_control",
        "plugin-p/memory.max",
        "plugin-p/cpu.max",
        "plugin-p/pids.max",
        "plugin-p/w-77/cgroup.procs",
        "plugin-p/w-77/memory.oom.group",
        "plugin-p/w-77/memory.events",
        "plugin-p/w-77/cgroup.kill",
    };
    (void)snprintf(dir, sizeof dir, "/tmp/cgroup-XXXXXX");
    EXPECT_TRUE(mkdtemp(dir) != NULL);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        EXPECT_EQ_INT(0, mkdir(at(folders[i]), 0700));
    }
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        put(files[i], "");
    }
    put("cgroup.controllers", offered);
    g = (struct cgroup){.opened = false};
    (void)snprintf(g.base, sizeof g.base, "%s", dir);
}

static void end(void) {
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    EXPECT_EQ_INT(0, system(command)); // NOLINT(cert-env33-c): a folder of our own
}

static int enter(const struct config_sandbox *s, const char *says) {
    char why[CGROUP_WHY_MAX] = "";
    int r = cgroup_enter(&g, "p", s, 77, why);
    EXPECT_CONTAINS(says, why);
    return r;
}

static const struct config_sandbox all = {.memory = 1 << 30, .cpu = 1.5, .pids = 50};

static void test_wanted(void) {
    EXPECT_FALSE(cgroup_is_wanted(&(struct config_sandbox){.max_data = 5}));
    EXPECT_TRUE(cgroup_is_wanted(&(struct config_sandbox){.memory = 1}));
    EXPECT_TRUE(cgroup_is_wanted(&(struct config_sandbox){.cpu = 0.1}));
    EXPECT_TRUE(cgroup_is_wanted(&(struct config_sandbox){.pids = 1}));
}

static void test_limits(void) {
    char pid[32];
    begin("cpuset cpu io memory hugetlb pids\n");
    EXPECT_EQ_INT(0, enter(&all, ""));
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    EXPECT_EQ_STR(pid, get("host/cgroup.procs"));
    EXPECT_CONTAINS("pids", get("cgroup.subtree_control"));
    EXPECT_EQ_STR("+memory", get("plugin-p/cgroup.subtree_control"));
    EXPECT_EQ_STR("1073741824", get("plugin-p/memory.max"));
    EXPECT_EQ_STR("150000 100000", get("plugin-p/cpu.max"));
    EXPECT_EQ_STR("50", get("plugin-p/pids.max"));
    EXPECT_EQ_STR("1", get("plugin-p/w-77/memory.oom.group"));
    EXPECT_EQ_STR("77", get("plugin-p/w-77/cgroup.procs"));
    EXPECT_EQ_STR("", get("plugin-p/w-77/cgroup.kill"));
    EXPECT_FALSE(cgroup_leave(&g, "p", 77));
    EXPECT_EQ_STR("1", get("plugin-p/w-77/cgroup.kill"));
    end();
}

static void test_unset_is_max(void) {
    begin("memory cpu pids\n");
    put("plugin-p/memory.max", "5000000000000000000");
    EXPECT_EQ_INT(0, enter(&(struct config_sandbox){.pids = 9}, ""));
    EXPECT_CONTAINS("max", get("plugin-p/memory.max"));
    EXPECT_EQ_STR("max", get("plugin-p/cpu.max"));
    EXPECT_EQ_STR("9", get("plugin-p/pids.max"));
    end();
}

// Of a worker that a host has taken over with its base, and that is the first to end.
static void test_leave_without_having_entered(void) {
    begin("memory pids\n");
    put("plugin-p/w-77/memory.events", "oom_kill 1\n");
    EXPECT_TRUE(cgroup_leave(&g, "p", 77));
    EXPECT_EQ_STR("1", get("plugin-p/w-77/cgroup.kill"));
    end();
}

static void test_out_of_memory(void) {
    static const struct {
        const char *events;
        bool want;
    } rows[] = {
        {"low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 1\n", true},
        {"low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n", false},
        {"oom_kill 4\n", true},
        {"oom_group_kill 4\n", false},
        {"oom_kill", false},
        {"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin("memory pids\n");
        EXPECT_EQ_INT(0, enter(&(struct config_sandbox){.memory = 4096}, ""));
        put("plugin-p/w-77/memory.events", rows[i].events);
        EXPECT_EQ_INT(rows[i].want, cgroup_leave(&g, "p", 77));
        end();
    }
}

// As on a machine whose other controllers are in the first version's trees.
static void test_none_offered(void) {
    begin("hugetlb\n");
    EXPECT_EQ_INT(-ENOTSUP, enter(&all, "none of memory, cpu and pids (it has: hugetlb)"));
    EXPECT_EQ_STR("", get("host/cgroup.procs")); // nothing was touched
    EXPECT_EQ_STR("", get("plugin-p/w-77/cgroup.procs"));
    EXPECT_FALSE(cgroup_leave(&g, "p", 77));
    EXPECT_EQ_STR("", get("plugin-p/w-77/cgroup.kill"));
    end();
    begin("");
    EXPECT_EQ_INT(-ENOTSUP, enter(&all, "(it has: nothing)"));
    end();
}

// The others hold, and the worker is in its group all the same.
static void test_one_is_missing(void) {
    begin("memory pids\n");
    EXPECT_EQ_INT(-ENOTSUP, enter(&all, "offers no cpu"));
    EXPECT_EQ_STR("50", get("plugin-p/pids.max"));
    EXPECT_EQ_STR("1073741824", get("plugin-p/memory.max"));
    EXPECT_EQ_STR("77", get("plugin-p/w-77/cgroup.procs"));
    end();
}

static void test_not_delegated(void) {
    begin("memory cpu pids\n");
    EXPECT_EQ_INT(0, unlink(at("host/cgroup.procs")));
    EXPECT_EQ_INT(-ENOTSUP, enter(&all, "is not its own: No such file"));
    EXPECT_EQ_STR("", get("plugin-p/w-77/cgroup.procs"));
    end();
    begin("memory cpu pids\n");
    EXPECT_EQ_INT(0, unlink(at("cgroup.subtree_control")));
    EXPECT_EQ_INT(-ENOTSUP, enter(&all, "passes nothing on"));
    end();
}

static void test_refused_limit(void) {
    begin("memory cpu pids\n");
    EXPECT_EQ_INT(0, unlink(at("plugin-p/memory.max")));
    EXPECT_EQ_INT(-ENOENT, enter(&all, "memory: No such file"));
    EXPECT_EQ_STR("77", get("plugin-p/w-77/cgroup.procs"));
    end();
}

static void test_sweep(void) {
    begin("memory cpu pids\n");
    EXPECT_EQ_INT(0, mkdir(at("plugin-p/w-1"), 0700));
    EXPECT_EQ_INT(0, mkdir(at("plugin-p/other"), 0700));
    cgroup_sweep(&g, "p"); // it has not been used
    EXPECT_EQ_INT(0, access(at("plugin-p/w-1"), F_OK));
    EXPECT_TRUE(cgroup_open(&g));
    cgroup_sweep(&g, "p");
    EXPECT_EQ_INT(-1, access(at("plugin-p/w-1"), F_OK));
    EXPECT_EQ_INT(0, access(at("plugin-p/w-77"), F_OK)); // it is not empty
    EXPECT_EQ_INT(0, access(at("plugin-p/other"), F_OK));
    cgroup_sweep(&g, "q");
    end();
}

/* A folder of our own in the machine's real tree, or false. It needs no controller. */
static bool begin_for_real(void) {
    static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
        (void)snprintf(dir, sizeof dir, "%s/test-%d", mounts[i], (int)getpid());
        if (mkdir(dir, 0700) == 0 && access(at("cgroup.kill"), W_OK) == 0) {
            g = (struct cgroup){.opened = true};
            (void)snprintf(g.base, sizeof g.base, "%s", dir);
            return true;
        }
        (void)rmdir(dir);
    }
    return false;
}

// What a worker has started and let go dies with its group, and the group goes.
static void test_for_real(void) {
    static const struct config_sandbox none = {.memory = 0};
    char why[CGROUP_WHY_MAX] = "", byte = 0;
    int alive[2] = {-1, -1}, go[2] = {-1, -1};
    if (!begin_for_real()) {
        (void)printf(" skipped: no control groups of version 2 that we may write to");
        return;
    }
    EXPECT_TRUE(pipe(alive) == 0 && pipe(go) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(alive[0]);
        (void)close(go[1]);
        (void)!read(go[0], &byte, 1); // it is in its group
        if (fork() == 0) {
            (void)setsid();
            (void)!write(alive[1], "x", 1);
            for (;;) {
                (void)pause();
            }
        }
        _exit(0);
    }
    (void)close(alive[1]);
    EXPECT_EQ_INT(0, cgroup_enter(&g, "p", &none, pid, why));
    EXPECT_EQ_INT(1, write(go[1], "x", 1));
    EXPECT_EQ_INT(pid, waitpid(pid, NULL, 0));
    EXPECT_EQ_INT(1, read(alive[0], &byte, 1)); // its own child has begun
    EXPECT_FALSE(cgroup_leave(&g, "p", pid));
    EXPECT_EQ_INT(0, read(alive[0], &byte, 1)); // and ended, or this would not return
    for (int i = 0; i < 1000 && access(at("plugin-p"), F_OK) == 0; i++) {
        cgroup_sweep(&g, "p"); // the kernel lets go of what is dead in its own time
        (void)usleep(1000);
    }
    EXPECT_EQ_INT(0, rmdir(dir));
    (void)close(alive[0]);
    (void)close(go[0]);
    (void)close(go[1]);
}

static const struct expect_test tests[] = {
    {"who wants a group", test_wanted},
    {"limits, and the worker", test_limits},
    {"a limit that is not set", test_unset_is_max},
    {"a group that the binary before has made", test_leave_without_having_entered},
    {"out of memory", test_out_of_memory},
    {"none of the controllers", test_none_offered},
    {"one of them missing", test_one_is_missing},
    {"not delegated", test_not_delegated},
    {"a limit that is refused", test_refused_limit},
    {"empty groups go", test_sweep},
    {"in the machine's own tree", test_for_real},
};
SUITE_MAIN("control groups", tests)
