#define _GNU_SOURCE // file seals
#include "record/start_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"

static void test_new(void) {
    struct start_page *page = NULL;
    int fd = start_page_new(&page);
    EXPECT_TRUE(fd >= 0);
    EXPECT_EQ_INT(FD_CLOEXEC, fcntl(fd, F_GETFD) & FD_CLOEXEC);
    for (int i = 0; i < START_PAGE_THREADS_MAX; i++) {
        EXPECT_EQ_UINT(0, atomic_load(&page->thread[i].job));
        EXPECT_EQ_UINT(0, atomic_load(&page->thread[i].started));
    }
    start_page_unmap(&page);
    EXPECT_NULL(page);
    start_page_unmap(&page);
    (void)close(fd);
}

// What a worker writes is there after its death.
static void test_outlives(void) {
    struct start_page *page = NULL;
    int fd = start_page_new(&page);
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct start_page *mine = start_page_map(fd);
        atomic_store(&mine->thread[63].job, 4711);
        atomic_store(&mine->thread[63].since_us, 123456);
        (void)kill(getpid(), SIGKILL);
    }
    (void)waitpid(pid, NULL, 0);
    EXPECT_EQ_UINT(4711, atomic_load(&page->thread[63].job));
    EXPECT_EQ_INT(123456, atomic_load(&page->thread[63].since_us));
    EXPECT_EQ_UINT(0, atomic_load(&page->thread[62].job));
    start_page_unmap(&page);
    (void)close(fd);
}

// A worker cannot pull the page from under the supervisor.
static void test_sealed(void) {
    struct start_page *page = NULL;
    int fd = start_page_new(&page);
    EXPECT_EQ_INT(-1, ftruncate(fd, 0));
    EXPECT_EQ_INT(-1, ftruncate(fd, 1 << 20));
    EXPECT_EQ_INT(-1, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    start_page_unmap(&page);
    (void)close(fd);
}

static void test_bad_fd(void) {
    EXPECT_NULL(start_page_map(-1));
    int ends[2];
    EXPECT_EQ_INT(0, pipe(ends));
    EXPECT_NULL(start_page_map(ends[0]));
    (void)close(ends[0]);
    (void)close(ends[1]);
    int fd = memfd_create("small", MFD_CLOEXEC);
    EXPECT_EQ_INT(0, ftruncate(fd, sizeof(struct start_page) - 1));
    EXPECT_NULL(start_page_map(fd));
    (void)close(fd);
}

static const struct expect_test tests[] = {
    {"a new page is empty and private to this process", test_new},
    {"what a worker wrote outlives it", test_outlives},
    {"its size is sealed", test_sealed},
    {"other files are refused", test_bad_fd},
};
SUITE_MAIN("start_page", tests)
