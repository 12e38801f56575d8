// How much a folder holds, whatever stands in it.
#define _GNU_SOURCE // mkdtemp
#include "supervisor/disk_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"

static char dir[64];

static void begin(void) {
    (void)snprintf(dir, sizeof dir, "/tmp/disk-walk-XXXXXX");
    EXPECT_TRUE(mkdtemp(dir) != NULL);
}

static void end(void) {
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    EXPECT_EQ_INT(0, system(command)); // NOLINT(cert-env33-c): a folder of our own
}

static const char *at(const char *name) {
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, size_t kib) {
    static const char chunk[1024] = "x";
    FILE *f = fopen(at(name), "w");
    for (size_t i = 0; f != NULL && i < kib; i++) {
        EXPECT_EQ_UINT(1, fwrite(chunk, sizeof chunk, 1, f));
    }
    EXPECT_TRUE(f != NULL && fclose(f) == 0);
}

static struct disk_walk walk(unsigned step) {
    struct disk_walk w;
    unsigned steps = 0;
    EXPECT_EQ_INT(0, disk_walk_begin(&w, dir));
    while (!disk_walk_step(&w, step)) {
        steps++;
    }
    EXPECT_TRUE(steps <= w.entries / step + 1);
    disk_walk_end(&w);
    return w;
}

static void test_sum(void) {
    begin();
    EXPECT_EQ_UINT(0, walk(100).bytes);
    write_file("a", 256);
    EXPECT_EQ_INT(0, mkdir(at("deep"), 0700));
    EXPECT_EQ_INT(0, mkdir(at("deep/er"), 0700));
    write_file("deep/er/b", 512);
    write_file("deep/c", 128);
    struct disk_walk one = walk(1), all = walk(1000);
    EXPECT_EQ_UINT(5, all.entries);
    EXPECT_FALSE(all.partial);
    EXPECT_TRUE(all.bytes >= 896 * 1024 && all.bytes <= 1024 * 1024);
    EXPECT_EQ_UINT(all.bytes, one.bytes); // in whatever steps
    end();
}

// What a plugin may put there to be led elsewhere.
static void test_links(void) {
    begin();
    EXPECT_EQ_INT(0, symlink("/usr", at("usr")));
    EXPECT_EQ_INT(0, symlink(".", at("loop")));
    EXPECT_EQ_INT(0, symlink("/etc/passwd", at("file")));
    EXPECT_EQ_INT(0, mkfifo(at("pipe"), 0600));
    struct disk_walk w = walk(10);
    EXPECT_EQ_UINT(4, w.entries);
    EXPECT_TRUE(w.bytes < 64 * 1024);
    end();
}

static void test_depth(void) {
    begin();
    char name[512] = "d";
    for (int i = 0; i < DISK_WALK_DEPTH + 3; i++) {
        EXPECT_EQ_INT(0, mkdir(at(name), 0700));
        (void)snprintf(name + strlen(name), sizeof name - strlen(name), "/d");
    }
    struct disk_walk w = walk(100);
    EXPECT_TRUE(w.partial);
    EXPECT_EQ_UINT(DISK_WALK_DEPTH, w.entries);
    end();
}

// Files need not be as large as they say.
static void test_sparse(void) {
    begin();
    int fd = open(at("sparse"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_EQ_INT(0, ftruncate(fd, 1 << 30));
    (void)close(fd);
    EXPECT_TRUE(walk(10).bytes < 64 * 1024);
    end();
}

static void test_not_there(void) {
    struct disk_walk w;
    begin();
    EXPECT_EQ_INT(-ENOENT, disk_walk_begin(&w, at("none")));
    EXPECT_TRUE(disk_walk_step(&w, 10));
    disk_walk_end(&w);
    EXPECT_EQ_INT(0, symlink("/usr", at("usr")));
    EXPECT_TRUE(disk_walk_begin(&w, at("usr")) < 0);
    disk_walk_end(&w);
    end();
}

static void test_left_early(void) {
    begin();
    EXPECT_EQ_INT(0, mkdir(at("a"), 0700));
    write_file("a/b", 1);
    struct disk_walk w;
    int lowest = dup(0);
    EXPECT_EQ_INT(0, disk_walk_begin(&w, dir));
    EXPECT_FALSE(disk_walk_step(&w, 1));
    EXPECT_EQ_UINT(2, w.depth);
    disk_walk_end(&w);
    (void)close(lowest);
    int again = dup(0);
    EXPECT_EQ_INT(lowest, again); // no descriptor is left
    (void)close(again);
    end();
}

static const struct expect_test tests[] = {
    {"the sum of all", test_sum},  {"links lead nowhere", test_links},
    {"too deep", test_depth},      {"files with holes", test_sparse},
    {"not there", test_not_there}, {"left early", test_left_early},
};
SUITE_MAIN("disk walk", tests)
