#include "net/spool.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/side_thread.h"
#include "net/descriptors.h"

#include "expect.h"

struct rig {
    struct event_base *base;
    struct spools all;
    char dir[32];
    unsigned rooms, dones;
    int status;
};

static void on_room(void *arg) {
    ((struct rig *)arg)->rooms++;
}

static void on_done(void *arg, int status) {
    struct rig *r = arg;
    r->dones++;
    r->status = status;
}

static void begin(struct rig *r) {
    struct err e = {.msg = ""};
    *r = (struct rig){.base = event_base_new(), .dir = "/tmp/jobhost-spool-XXXXXX", .status = 1};
    if (mkdtemp(r->dir) == NULL || side_thread_new(r->base, "disk", &r->all.disk, &e) != 0) {
        abort();
    }
    r->all.dir = r->dir;
}

static void end(struct rig *r) {
    side_thread_free(&r->all.disk);
    EXPECT_EQ_UINT(0, r->all.ahead);
    EXPECT_EQ_UINT(0, r->all.size);
    EXPECT_EQ_UINT(0, r->all.files);
    EXPECT_EQ_INT(0, rmdir(r->dir)); // nothing is left in it
    event_base_free(r->base);
}

static void settle(struct rig *r) {
    while (side_thread_is_busy(r->all.disk)) {
        (void)event_base_loop(r->base, EVLOOP_ONCE);
    }
}

static struct spool *new_spool(struct rig *r) {
    return spool_new(&r->all, &(struct spool_plan){0}, &(struct spool_events){on_room, on_done, r});
}

static void test_content(void) {
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 3000001};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct rig r;
        struct stat st = {0};
        begin(&r);
        struct spool *s = new_spool(&r);
        for (size_t at = 0, n; at < sizes[i]; at += n) {
            char part[7001];
            n = sizes[i] - at < sizeof part ? sizes[i] - at : sizeof part;
            for (size_t k = 0; k < n; k++) {
                part[k] = (char)((at + k) % 251);
            }
            if (spool_write(s, (struct bytes){part, n}) == SPOOL_BEHIND) {
                settle(&r);
            }
        }
        spool_end(s);
        EXPECT_EQ_UINT(0, r.dones);
        settle(&r);
        EXPECT_EQ_UINT(1, r.dones);
        EXPECT_EQ_INT(0, r.status);
        EXPECT_EQ_UINT(sizes[i], spool_size(s));
        EXPECT_EQ_INT(0, fstat(spool_fd(s), &st));
        EXPECT_EQ_UINT(sizes[i], st.st_size);
        EXPECT_EQ_UINT(0, st.st_nlink); // it has no name
        bool same = true;
        for (size_t at = 0; at < sizes[i]; at += 997) {
            unsigned char c = 0;
            same &= pread(spool_fd(s), &c, 1, (off_t)at) == 1 && c == at % 251;
        }
        EXPECT_TRUE(same);
        spool_free(&s);
        EXPECT_NULL(s);
        end(&r);
    }
}

/* While the first part is being written so much may wait, and not a byte more. */
static void test_bound(void) {
    struct rig r;
    static char part[SPOOL_AHEAD_MAX];
    begin(&r);
    struct spool *s = new_spool(&r);
    EXPECT_EQ_INT(0, spool_write(s, (struct bytes){part, 64 * 1024})); // off to the disk
    EXPECT_EQ_INT(0, spool_write(s, (struct bytes){part, sizeof part - 1}));
    EXPECT_EQ_INT(SPOOL_BEHIND, spool_write(s, (struct bytes){part, 1}));
    EXPECT_EQ_UINT(64 * 1024 + SPOOL_AHEAD_MAX, r.all.ahead);
    settle(&r);
    EXPECT_EQ_UINT(1, r.rooms);
    EXPECT_EQ_UINT(0, r.all.ahead);
    spool_free(&s);
    end(&r);
}

static void test_bound_of_all(void) {
    struct rig r;
    static char part[SPOOL_AHEAD_MAX - 1];
    struct spool *s[1 + SPOOL_ALL_AHEAD_MAX / (SPOOL_AHEAD_MAX - 1)];
    begin(&r);
    int last = 0;
    size_t count = 0;
    while (last == 0 && count < ARRAY_LEN(s)) {
        s[count] = new_spool(&r);
        EXPECT_EQ_INT(0, spool_write(s[count], (struct bytes){part, sizeof part})); // being written
        last = spool_write(s[count++], (struct bytes){part, sizeof part});
    }
    EXPECT_EQ_INT(SPOOL_BEHIND, last);
    EXPECT_TRUE(r.all.ahead >= SPOOL_ALL_AHEAD_MAX);
    EXPECT_TRUE(r.all.ahead - 2 * sizeof part < SPOOL_ALL_AHEAD_MAX); // one piece each
    // from now on one piece each
    struct spool *late = new_spool(&r);
    EXPECT_EQ_INT(0, spool_write(late, (struct bytes){part, 1}));
    EXPECT_EQ_INT(SPOOL_BEHIND, spool_write(late, (struct bytes){part, 1}));
    settle(&r);
    EXPECT_EQ_UINT(2, r.rooms);
    spool_free(&late);
    for (size_t i = 0; i < count; i++) {
        spool_free(&s[i]);
    }
    end(&r);
}

static void test_failure(void) {
    struct rig r;
    begin(&r);
    struct spools nowhere = {.disk = r.all.disk, .dir = "/proc/none"};
    struct spool *s =
        spool_new(&nowhere, &(struct spool_plan){0}, &(struct spool_events){on_room, on_done, &r});
    EXPECT_EQ_INT(0, spool_write(s, bytes_of("x")));
    spool_end(s);
    settle(&r);
    EXPECT_EQ_INT(-ENOENT, r.status);
    spool_free(&s);
    // noticed by who goes on writing, and by who waits
    static char part[SPOOL_AHEAD_MAX];
    s = spool_new(&nowhere, &(struct spool_plan){0}, &(struct spool_events){on_room, on_done, &r});
    EXPECT_EQ_INT(0, spool_write(s, (struct bytes){part, sizeof part}));
    EXPECT_EQ_INT(SPOOL_BEHIND, spool_write(s, (struct bytes){part, sizeof part}));
    settle(&r);
    EXPECT_EQ_UINT(1, r.rooms);
    EXPECT_EQ_INT(-ENOENT, spool_write(s, bytes_of("x")));
    spool_end(s);
    settle(&r);
    EXPECT_EQ_UINT(2, r.dones);
    EXPECT_EQ_INT(-ENOENT, r.status);
    EXPECT_EQ_UINT(0, nowhere.ahead);
    spool_free(&s);
    end(&r);
}

static void test_no_room(void) {
    struct rig r;
    struct rlimit before, small = {4096, 4096};
    begin(&r);
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    (void)setrlimit(RLIMIT_FSIZE, &small);
    struct spool *s = new_spool(&r);
    static char part[8192];
    EXPECT_EQ_INT(0, spool_write(s, (struct bytes){part, sizeof part}));
    spool_end(s);
    settle(&r);
    EXPECT_EQ_INT(-EFBIG, r.status);
    (void)setrlimit(RLIMIT_FSIZE, &before);
    spool_free(&s);
    end(&r);
}

static uint64_t free_now;

static uint64_t tell_free(int fd) {
    EXPECT_TRUE(fd >= 0);
    return free_now;
}

/* The reserve at N and N + 1: an upload by itself, one that announces more than has come, one beside
 * another that waits for the store. */
static void test_reserve(void) {
    static const struct {
        size_t beside;
        uint64_t announced, needed;
    } rows[] = {{0, 0, 16384}, {0, 8000, 16384}, {0, 10000, 20000}, {5000, 0, 21384}};
    static char part[8192];
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        bool over = i % 2 == 1;
        struct rig r;
        begin(&r);
        r.all.reserve = 1000;
        r.all.free_bytes = tell_free;
        free_now = UINT64_MAX;
        struct spool *other = new_spool(&r);
        EXPECT_EQ_INT(0, spool_write(other, (struct bytes){part, rows[i / 2].beside}));
        spool_end(other);
        settle(&r);
        EXPECT_EQ_INT(0, r.status);
        free_now = 1000 + rows[i / 2].needed - over;
        struct spool *s =
            spool_new(&r.all, &(struct spool_plan){.announced = rows[i / 2].announced},
                      &(struct spool_events){on_room, on_done, &r});
        EXPECT_EQ_INT(0, spool_write(s, (struct bytes){part, sizeof part}));
        EXPECT_EQ_UINT(rows[i / 2].beside + sizeof part, r.all.size);
        spool_end(s);
        settle(&r);
        EXPECT_EQ_INT(over ? -ENOSPC : 0, r.status);
        spool_free(&s);
        spool_free(&other);
        EXPECT_EQ_UINT(0, r.all.size);
        end(&r);
    }
}

/* Less than the reserve; and a file that takes nothing. */
static void test_no_reserve(void) {
    for (size_t len = 0; len <= 1; len++) {
        struct rig r;
        begin(&r);
        r.all.reserve = 1000;
        r.all.free_bytes = tell_free;
        free_now = 0;
        struct spool *s = new_spool(&r);
        EXPECT_EQ_INT(0, spool_write(s, (struct bytes){"x", len}));
        spool_end(s);
        settle(&r);
        EXPECT_EQ_INT(len == 0 ? 0 : -ENOSPC, r.status);
        spool_free(&s);
        end(&r);
    }
}

/* As many files as there may be, and one more; the owner of the host is not counted. */
static void test_files(void) {
    struct rig r;
    begin(&r);
    r.all.files_max = 2;
    struct spool *s[4];
    for (unsigned i = 0; i < 4; i++) {
        s[i] = spool_new(&r.all, &(struct spool_plan){.admin = i == 3},
                         &(struct spool_events){on_room, on_done, &r});
        EXPECT_EQ_INT(0, spool_write(s[i], (struct bytes){"x", 1}));
        spool_end(s[i]);
        settle(&r);
        EXPECT_EQ_INT(i == 2 ? -EMFILE : 0, r.status);
    }
    spool_free(&s[0]);
    settle(&r);
    s[0] = new_spool(&r);
    spool_end(s[0]);
    settle(&r);
    EXPECT_EQ_INT(0, r.status);
    EXPECT_EQ_UINT(2, r.all.files);
    for (unsigned i = 0; i < 4; i++) {
        spool_free(&s[i]);
    }
    end(&r);
}

/* One file gets the last descriptor that is not the host's own, the next one none. */
static void test_descriptors(void) {
    struct rig r;
    struct rlimit before, few;
    begin(&r);
    (void)getrlimit(RLIMIT_NOFILE, &before);
    int next = dup(0);
    close(next);
    few = (struct rlimit){.rlim_cur = (rlim_t)next + 1 + DESCRIPTORS_RESERVE,
                          .rlim_max = before.rlim_max};
    EXPECT_EQ_INT(0, setrlimit(RLIMIT_NOFILE, &few));
    struct spool *s[2];
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        s[i] = new_spool(&r);
        EXPECT_EQ_INT(0, spool_write(s[i], bytes_of("x")));
        spool_end(s[i]);
        settle(&r);
        EXPECT_EQ_INT(i == 0 ? 0 : -EMFILE, r.status);
    }
    EXPECT_EQ_INT(next, spool_fd(s[0]));
    EXPECT_EQ_INT(-1, spool_fd(s[1]));
    spool_free(&s[0]);
    spool_free(&s[1]);
    settle(&r);
    s[0] = new_spool(&r); // there is room again
    spool_end(s[0]);
    settle(&r);
    EXPECT_EQ_INT(0, r.status);
    spool_free(&s[0]);
    (void)setrlimit(RLIMIT_NOFILE, &before);
    end(&r);
}

/* At every stage. */
static void test_freed(void) {
    struct rig r;
    begin(&r);
    struct spool *s = new_spool(&r);
    spool_free(&s);
    static char part[100000];
    for (int settled = 0; settled <= 1; settled++) {
        for (int ended = 0; ended <= 1; ended++) {
            s = new_spool(&r);
            EXPECT_EQ_INT(0, spool_write(s, (struct bytes){part, sizeof part}));
            EXPECT_EQ_INT(0, spool_write(s, (struct bytes){part, sizeof part}));
            if (ended) {
                spool_end(s);
            }
            if (settled) {
                settle(&r);
            }
            spool_free(&s);
            settle(&r);
            EXPECT_EQ_UINT(0, r.all.ahead);
        }
    }
    EXPECT_EQ_UINT(1, r.dones); // ended and settled
    spool_free(&s);
    end(&r);
}

static const struct expect_test tests[] = {
    {"what is written is in a file without a name", test_content},
    {"what may wait for the disk", test_bound},
    {"what all of them may wait for", test_bound_of_all},
    {"a file that cannot be made", test_failure},
    {"a full disk", test_no_room},
    {"what is kept free", test_reserve},
    {"less is free than what is kept", test_no_reserve},
    {"as many files as there may be", test_files},
    {"the host's own descriptors", test_descriptors},
    {"freed at any time", test_freed},
};

SUITE_MAIN("spool", tests)
