// Which libraries a process runs with: this one, with files of its own mapped as a loader maps them.
#define _GNU_SOURCE // mkdtemp, mmap's flags
#include "supervisor/libraries.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"

enum { PAGE = 4096 };

static const char sha[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static char dir[] = "/tmp/test_libraries-XXXXXX";
static struct arena arena;
static const struct library *items;
static size_t count;

static const char *path_of(const char *name) {
    static char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void make(const char *name) {
    int fd = open(path_of(name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (fd == -1 || ftruncate(fd, 2 * PAGE) == -1) {
        perror(path_of(name));
        abort();
    }
    (void)close(fd);
}

static void *map(const char *name, int rights) {
    int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
    void *at = mmap(NULL, PAGE, rights, MAP_PRIVATE, fd, 0);
    if (fd == -1 || at == MAP_FAILED) {
        perror(path_of(name));
        abort();
    }
    (void)close(fd);
    return at;
}

static void *make_and_map(const char *name, int rights) {
    make(name);
    return map(name, rights);
}

static void look(void) {
    arena_free(&arena);
    count = libraries_of((int32_t)getpid(), sha, &arena, &items);
}

static const struct library *find(const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].file, path_of(name)) == 0) {
            return &items[i];
        }
    }
    return NULL;
}

static void end(const char *name, void *at) {
    (void)munmap(at, PAGE);
    (void)unlink(path_of(name));
}

static void test_what_is_one(void) {
    static const struct {
        const char *name;
        int rights;
        bool listed;
    } rows[] = {
        {"libz.so.1", PROT_READ | PROT_EXEC, true},
        {"lib with spaces.so", PROT_READ | PROT_EXEC, true},
        {"data.so", PROT_READ, false}, // no code of it
        {"program", PROT_READ | PROT_EXEC, false},
        {"x.so", PROT_EXEC, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        void *at = make_and_map(rows[i].name, rows[i].rights);
        look();
        const struct library *lib = find(rows[i].name);
        EXPECT_TRUE((lib != NULL) == rows[i].listed);
        if (lib != NULL) {
            EXPECT_FALSE(lib->replaced);
            EXPECT_EQ_STR("", lib->build_id); // nobody linked it
        }
        end(rows[i].name, at);
    }
}

static void test_twice_is_once(void) {
    void *one = make_and_map("twice.so", PROT_READ | PROT_EXEC);
    void *gap = make_and_map("between.so", PROT_READ | PROT_EXEC);
    look();
    size_t before = count;
    void *two = map("twice.so", PROT_READ | PROT_EXEC);
    look();
    EXPECT_EQ_UINT(before, count);
    (void)munmap(two, PAGE);
    end("between.so", gap);
    end("twice.so", one);
}

static void test_the_snapshot_is_none(void) {
    char name[80], near[80];
    (void)snprintf(name, sizeof name, "%s.so", sha);
    (void)snprintf(near, sizeof near, "x%s.so", sha);
    void *own = make_and_map(name, PROT_READ | PROT_EXEC);
    void *other = make_and_map(near, PROT_READ | PROT_EXEC);
    look();
    EXPECT_NULL(find(name));
    EXPECT_TRUE(find(near) != NULL);
    end(near, other);
    end(name, own);
}

static void test_replaced(void) {
    void *old = make_and_map("old.so", PROT_READ | PROT_EXEC);
    void *gone = make_and_map("gone.so", PROT_READ | PROT_EXEC);
    char to[300];
    look();
    EXPECT_NULL(libraries_replaced(items, count));
    make("new.so");
    (void)snprintf(to, sizeof to, "%s", path_of("old.so"));
    EXPECT_EQ_INT(0, rename(path_of("new.so"), to));
    look();
    if (EXPECT_TRUE(find("old.so") != NULL)) { // under the name that it had
        EXPECT_TRUE(find("old.so")->replaced);
    }
    EXPECT_EQ_STR("old.so", libraries_replaced(items, count));
    EXPECT_EQ_INT(0, unlink(path_of("gone.so")));
    look();
    EXPECT_TRUE(find("gone.so") != NULL && find("gone.so")->replaced);
    end("old.so", old);
    (void)munmap(gone, PAGE);
    look();
    EXPECT_NULL(libraries_replaced(items, count));
}

static void test_libc_has_a_build_id(void) {
    look();
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        found = found || items[i].build_id[0] != '\0';
    }
    EXPECT_TRUE(found);
}

static void test_as_many_as_there_may_be(void) {
    void *at[LIBRARIES_MAX + 1];
    char name[32];
    look();
    size_t most = LIBRARIES_MAX - count; // that fit beside the program's own
    for (size_t i = 0; i <= most; i++) {
        (void)snprintf(name, sizeof name, "lib%zu.so", i);
        at[i] = make_and_map(name, PROT_READ | PROT_EXEC);
        if (i + 2 > most) {
            look();
            EXPECT_EQ_UINT(i + 1 == most ? LIBRARIES_MAX : count, count);
        }
    }
    EXPECT_EQ_UINT(LIBRARIES_MAX, count); // one more was there
    for (size_t i = 0; i <= most; i++) {
        (void)snprintf(name, sizeof name, "lib%zu.so", i);
        end(name, at[i]);
    }
}

static void test_a_process_that_is_gone(void) {
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    (void)waitpid(pid, NULL, 0);
    arena_free(&arena);
    EXPECT_EQ_UINT(0, libraries_of((int32_t)pid, sha, &arena, &items));
}

static const struct expect_test tests[] = {
    {"code of a file that is named as a library", test_what_is_one},
    {"two mappings are one library", test_twice_is_once},
    {"the plugin's snapshot is left out", test_the_snapshot_is_none},
    {"a library that has been replaced", test_replaced},
    {"the build id of one that was linked", test_libc_has_a_build_id},
    {"as many as there may be, and one more", test_as_many_as_there_may_be},
    {"a process that is gone", test_a_process_that_is_gone},
};

int main(int argc, char **argv) {
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return EXIT_FAILURE;
    }
    int status = expect_run("libraries", tests, sizeof tests / sizeof tests[0], argc, argv);
    arena_free(&arena);
    (void)rmdir(dir);
    return status;
}
