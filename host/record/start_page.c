#define _GNU_SOURCE // memfd_create, file seals
#include "record/start_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(struct start_slot) == 64, "one cache line a thread");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "two processes share the page without a lock");

int start_page_new(struct start_page **ret_page) {
    int fd = memfd_create("jobhost-start", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd == -1) {
        return -errno;
    }
    // sealed, or a worker could shrink it and the supervisor would die of reading
    struct start_page *page = NULL;
    int r = 0;
    if (ftruncate(fd, sizeof *page) == -1 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == -1) {
        r = -errno;
    } else {
        page = start_page_map(fd);
        r = page == NULL ? -errno : 0;
    }
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    *ret_page = page;
    return fd;
}

struct start_page *start_page_map(int fd) {
    struct stat st;
    if (fstat(fd, &st) == -1 || st.st_size != (off_t)sizeof(struct start_page)) {
        return NULL;
    }
    void *p = mmap(NULL, sizeof(struct start_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

void start_page_unmap(struct start_page **page) {
    if (*page != NULL) {
        (void)munmap(*page, sizeof **page);
        *page = NULL;
    }
}
