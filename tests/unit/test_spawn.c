// Which program a worker runs.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"
#include "supervisor/spawn.h"

static char dir[64];

static void make_dir(void) {
    (void)snprintf(dir, sizeof dir, "/tmp/jobhost-spawn.XXXXXX");
    EXPECT_TRUE(mkdtemp(dir) != NULL);
}

static void run(const char *verb, const char *path) {
    char command[256];
    (void)snprintf(command, sizeof command, "%s %s/%s", verb, dir, path);
    EXPECT_EQ_INT(0, system(command));
}

static void put_program(const char *folder, const char *name, const char *mode) {
    char path[128];
    run("mkdir -p", folder);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    run("touch", path);
    run(mode, path);
}

static const char *program(const char *self) {
    static char path[PATH_MAX], out[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", dir, self);
    const char *found = spawn_program(path, out);
    return strncmp(found, dir, strlen(dir)) == 0 ? found + strlen(dir) + 1 : found;
}

static void test_alone(void) {
    char out[PATH_MAX];
    make_dir();
    EXPECT_EQ_STR("usr/bin/jobhost", program("usr/bin/jobhost"));
    EXPECT_EQ_STR("jobhost", spawn_program("jobhost", out));
    put_program("usr/bin", "jobhost-worker", "chmod 644"); // which nobody can run
    EXPECT_EQ_STR("usr/bin/jobhost", program("usr/bin/jobhost"));
    run("rm -rf", "");
}

static void test_beside(void) {
    make_dir();
    put_program("build", "jobhost-worker", "chmod 755");
    EXPECT_EQ_STR("build/jobhost-worker", program("build/jobhost"));
    EXPECT_EQ_STR("other/jobhost", program("other/jobhost"));
    run("rm -rf", "");
}

static void test_installed(void) {
    make_dir();
    put_program("usr/libexec/jobhost", "jobhost-worker", "chmod 755");
    EXPECT_EQ_STR("usr/libexec/jobhost/jobhost-worker", program("usr/bin/jobhost"));
    EXPECT_EQ_STR("usr/sbin/jobhost", program("usr/sbin/jobhost")); // somebody else's place
    run("rm -rf", "");
}

static const struct expect_test tests[] = {
    {"alone, it is the host's own", test_alone},
    {"beside it, as in a build folder", test_beside},
    {"where it is installed", test_installed},
};
SUITE_MAIN("spawn", tests)
