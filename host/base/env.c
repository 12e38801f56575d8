#define _GNU_SOURCE // getrandom
#include "base/env.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"

#define CLOCK_VARIABLE "JOBHOST_TEST_CLOCK"
#define FAULT_VARIABLE "JOBHOST_FAULT"

#define WRITER_PATIENCE_MS 1000

_Static_assert(sizeof(struct env_clock_file) == 48, "scripts write this layout");

static int64_t real_ms(clockid_t which) {
    struct timespec ts;
    if (clock_gettime(which, &ts) == -1) {
        abort(); // both clocks exist on every kernel that we run on
    }
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

#ifdef JOBHOST_TEST
static int map_clock(const char *path, const volatile struct env_clock_file **ret, struct err *e) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return err_errno(e, -errno, "%s=%s", CLOCK_VARIABLE, path);
    }
    struct stat st;
    void *p = MAP_FAILED;
    if (fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof(struct env_clock_file)) {
        p = mmap(NULL, sizeof(struct env_clock_file), PROT_READ, MAP_SHARED, fd, 0);
    }
    (void)close(fd);
    if (p == MAP_FAILED) {
        return err_set(e, -EINVAL, "%s=%s: not a clock file of %zu bytes", CLOCK_VARIABLE, path,
                       sizeof(struct env_clock_file));
    }
    const volatile struct env_clock_file *clock = p;
    if (clock->magic != ENV_CLOCK_MAGIC) {
        (void)munmap(p, sizeof *clock);
        return err_set(e, -EINVAL, "%s=%s: the file does not begin with the clock's magic number",
                       CLOCK_VARIABLE, path);
    }
    *ret = clock;
    return 0;
}

int env_open(struct env *env, struct err *e) {
    *env = (struct env){0};
    int r = fault_check(getenv(FAULT_VARIABLE), e);
    if (r < 0) {
        return r;
    }
    const char *path = getenv(CLOCK_VARIABLE);
    return path == NULL ? 0 : map_clock(path, &env->clock, e);
}
#else
int env_open(struct env *env, struct err *e) {
    static const char *const refused[] = {CLOCK_VARIABLE, FAULT_VARIABLE};
    *env = (struct env){0};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        if (getenv(refused[i]) != NULL) {
            return err_set(e, -EPERM, "%s is set, but only test builds know it: unset it",
                           refused[i]);
        }
    }
    return 0;
}
#endif

void env_close(struct env *env) {
    if (env->clock != NULL) {
        (void)munmap((void *)env->clock, sizeof *env->clock);
        env->clock = NULL;
    }
}

static int64_t load(const volatile int64_t *p) {
    return __atomic_load_n(p, __ATOMIC_ACQUIRE); // so that the second look at seq comes after it
}

// A consistent copy of the file. A writer that died half-way leaves seq odd for ever: after a
// second, which no living one takes, what is there has to do.
static struct env_clock_file read_clock(const volatile struct env_clock_file *c) {
    int64_t give_up_ms = 0;
    for (;;) {
        uint64_t before = __atomic_load_n(&c->seq, __ATOMIC_ACQUIRE);
        struct env_clock_file copy = {
            .base_real_ms = load(&c->base_real_ms),
            .base_test_ms = load(&c->base_test_ms),
            .rate_milli = load(&c->rate_milli),
            .wall_skew_ms = load(&c->wall_skew_ms),
        };
        uint64_t after = __atomic_load_n(&c->seq, __ATOMIC_RELAXED);
        if (before % 2 == 0 && before == after) {
            return copy;
        }
        int64_t now_ms = real_ms(CLOCK_MONOTONIC);
        give_up_ms = give_up_ms == 0 ? now_ms + WRITER_PATIENCE_MS : give_up_ms;
        if (now_ms >= give_up_ms) {
            return copy;
        }
        (void)sched_yield();
    }
}

static int64_t test_mono_ms(const struct env_clock_file *c) {
    int64_t passed = real_ms(CLOCK_MONOTONIC) - c->base_real_ms;
    // in two parts, so that no product is larger than the answer
    return c->base_test_ms + passed / 1000 * c->rate_milli + passed % 1000 * c->rate_milli / 1000;
}

int64_t env_mono_ms(const struct env *env) {
    if (env->clock == NULL) {
        return real_ms(CLOCK_MONOTONIC);
    }
    struct env_clock_file c = read_clock(env->clock);
    return test_mono_ms(&c);
}

int64_t env_wall_ms(const struct env *env) {
    if (env->clock == NULL) {
        return real_ms(CLOCK_REALTIME);
    }
    struct env_clock_file c = read_clock(env->clock);
    return test_mono_ms(&c) + c.wall_skew_ms;
}

bool env_is_virtual(const struct env *env) {
    return env->clock != NULL;
}

int64_t env_stopwatch_us(void) {
    struct timespec ts;
    if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1) {
        abort();
    }
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void env_random(void *out, size_t len) {
    unsigned char *p = out;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }
            abort();
        }
        p += n;
        len -= (size_t)n;
    }
}
