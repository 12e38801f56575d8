#include "base/env.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "expect.h"

#define CLOCK_VARIABLE "JOBHOST_TEST_CLOCK"

static void test_real_time(void) {
    struct env env;
    EXPECT_EQ_INT(0, env_open(&env, NULL));
    EXPECT_FALSE(env_is_virtual(&env));
    EXPECT_TRUE(env_wall_ms(&env) > INT64_C(1700000000000));
    int64_t mono = env_mono_ms(&env), watch = env_stopwatch_us();
    EXPECT_TRUE(env_mono_ms(&env) >= mono);
    EXPECT_TRUE(env_stopwatch_us() >= watch);
    env_close(&env);
    env_close(&env);
}

static void test_random(void) {
    unsigned char a[32] = {0}, b[32] = {0};
    env_random(a, sizeof a);
    env_random(b, sizeof b);
    EXPECT_TRUE(memcmp(a, b, sizeof a) != 0);
    env_random(a, 0);
}

#ifdef JOBHOST_TEST
static char path[] = "/tmp/jobhost-test-clock-XXXXXX";

// A clock file with this content; its name goes into the environment.
static void make_file(const void *content, size_t len) {
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    EXPECT_EQ_INT((ssize_t)len, write(fd, content, len));
    (void)close(fd);
    (void)setenv(CLOCK_VARIABLE, path, 1);
}

static void remove_file(void) {
    (void)unlink(path);
    (void)unsetenv(CLOCK_VARIABLE);
}

static void test_frozen(void) {
    const struct env_clock_file file = {
        .magic = ENV_CLOCK_MAGIC, .base_test_ms = 5000, .wall_skew_ms = INT64_C(1795254000000)};
    make_file(&file, sizeof file);
    struct env env;
    EXPECT_EQ_INT(0, env_open(&env, NULL));
    EXPECT_TRUE(env_is_virtual(&env));
    EXPECT_EQ_INT(5000, env_mono_ms(&env));
    EXPECT_EQ_INT(INT64_C(1795254005000), env_wall_ms(&env));

    // what a script writes is seen at once, by everyone who has it open
    int fd = open(path, O_WRONLY);
    const int64_t later = 6001;
    EXPECT_EQ_INT(8, pwrite(fd, &later, 8, offsetof(struct env_clock_file, base_test_ms)));
    (void)close(fd);
    EXPECT_EQ_INT(6001, env_mono_ms(&env));
    env_close(&env);
    EXPECT_FALSE(env_is_virtual(&env));
    remove_file();
}

static void test_rate(void) {
    struct env real = {0};
    const int64_t rates[] = {1, 1000, 1500, 1000000};
    for (size_t i = 0; i < 4; i++) {
        struct env_clock_file file = {.magic = ENV_CLOCK_MAGIC,
                                      .base_real_ms = env_mono_ms(&real) - 10007,
                                      .base_test_ms = 100,
                                      .rate_milli = rates[i]};
        make_file(&file, sizeof file);
        struct env env;
        EXPECT_EQ_INT(0, env_open(&env, NULL));
        int64_t before = env_mono_ms(&real) - file.base_real_ms;
        int64_t got = env_mono_ms(&env);
        int64_t after = env_mono_ms(&real) - file.base_real_ms;
        EXPECT_TRUE(got >= 100 + before * rates[i] / 1000 - 1);
        EXPECT_TRUE(got <= 100 + after * rates[i] / 1000 + 1);
        env_close(&env);
        remove_file();
    }
}

// A writer that stopped half-way must not hang the readers.
static void test_dead_writer(void) {
    const struct env_clock_file file = {.magic = ENV_CLOCK_MAGIC, .seq = 1, .base_test_ms = 42};
    make_file(&file, sizeof file);
    struct env env;
    EXPECT_EQ_INT(0, env_open(&env, NULL));
    EXPECT_EQ_INT(42, env_mono_ms(&env));
    env_close(&env);
    remove_file();
}

struct writer {
    struct env_clock_file *file;
    int stop;
};

// Keeps mono + wall skew at 0, so that a reader who mixes two versions sees another wall time than 0.
static void *write_on_and_on(void *arg) {
    struct writer *w = arg;
    for (int64_t i = 0; __atomic_load_n(&w->stop, __ATOMIC_RELAXED) == 0; i++) {
        uint64_t seq = __atomic_load_n(&w->file->seq, __ATOMIC_RELAXED);
        __atomic_store_n(&w->file->seq, seq + 1, __ATOMIC_RELAXED);
        __atomic_store_n(&w->file->base_test_ms, i, __ATOMIC_RELEASE);
        __atomic_store_n(&w->file->wall_skew_ms, -i, __ATOMIC_RELEASE);
        __atomic_store_n(&w->file->seq, seq + 2, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void test_consistent(void) {
    const struct env_clock_file file = {.magic = ENV_CLOCK_MAGIC};
    make_file(&file, sizeof file);
    struct env env;
    EXPECT_EQ_INT(0, env_open(&env, NULL));
    int fd = open(path, O_RDWR);
    struct writer w = {.file = mmap(NULL, sizeof file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)};
    (void)close(fd);
    pthread_t thread;
    EXPECT_EQ_INT(0, pthread_create(&thread, NULL, write_on_and_on, &w));
    int wrong = 0;
    for (int i = 0; i < 200000; i++) {
        wrong += env_wall_ms(&env) != 0;
    }
    __atomic_store_n(&w.stop, 1, __ATOMIC_RELAXED);
    (void)pthread_join(thread, NULL);
    EXPECT_EQ_INT(0, wrong);
    (void)munmap(w.file, sizeof file);
    env_close(&env);
    remove_file();
}

static void test_bad_files(void) {
    struct env env;
    struct err e = {0};
    const struct env_clock_file zero = {0};
    make_file(&zero, sizeof zero);
    EXPECT_EQ_INT(-EINVAL, env_open(&env, &e));
    EXPECT_CONTAINS("magic", e.msg);
    remove_file();

    const struct env_clock_file file = {.magic = ENV_CLOCK_MAGIC};
    make_file(&file, sizeof file - 1);
    EXPECT_EQ_INT(-EINVAL, env_open(&env, &e));
    EXPECT_CONTAINS("48 bytes", e.msg);
    remove_file();

    (void)setenv(CLOCK_VARIABLE, "/no/such/clock", 1);
    EXPECT_EQ_INT(-ENOENT, env_open(&env, &e));
    EXPECT_CONTAINS("/no/such/clock", e.msg);
    (void)unsetenv(CLOCK_VARIABLE);

    (void)setenv("JOBHOST_FAULT", "no_such_point=kill", 1);
    EXPECT_EQ_INT(-EINVAL, env_open(&env, &e));
    EXPECT_CONTAINS("no such point", e.msg);
    (void)unsetenv("JOBHOST_FAULT");
}

static const struct expect_test tests[] = {
    {"real time", test_real_time},
    {"random bytes", test_random},
    {"a frozen clock stands where it was put", test_frozen},
    {"a clock runs at its rate", test_rate},
    {"a dead writer does not hang readers", test_dead_writer},
    {"readers never see half a change", test_consistent},
    {"bad variables are refused", test_bad_files},
};
#else
static void test_release_refuses(void) {
    static const char *const names[] = {CLOCK_VARIABLE, "JOBHOST_FAULT"};
    struct env env;
    struct err e = {0};
    for (size_t i = 0; i < 2; i++) {
        (void)setenv(names[i], "", 1);
        EXPECT_EQ_INT(-EPERM, env_open(&env, &e));
        EXPECT_CONTAINS(names[i], e.msg);
        (void)unsetenv(names[i]);
    }
}

static const struct expect_test tests[] = {
    {"real time", test_real_time},
    {"random bytes", test_random},
    {"test variables are refused", test_release_refuses},
};
#endif
SUITE_MAIN("env", tests)
