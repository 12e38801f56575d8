/* Which job each thread of a worker is running, in memory that outlives the worker: a memfd that
 * the supervisor makes, both map, and the worker inherits as fd 4. The worker stores a slot number
 * before it calls run() and 0 after it; when it dies, the supervisor reads who was running. Only
 * those are charged for the death; START costs no system call. */
#ifndef JOBHOST_RECORD_START_PAGE_H
#define JOBHOST_RECORD_START_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

enum { START_PAGE_THREADS_MAX = 256 };

struct start_slot {
    _Atomic uint64_t job;     /* slot number, 0 = idle                                   */
    _Atomic uint64_t started; /* runs begun on this thread so far                        */
    _Atomic int64_t since_us; /* begin of the current run: env_mono_ms() * 1000          */
    _Atomic uint64_t last;    /* slot number of the newest run, also when it has ended   */
    uint64_t reserved[4];     /* one cache line a thread                                 */
};

struct start_page {
    struct start_slot thread[START_PAGE_THREADS_MAX];
};

/* New page: fd (close-on-exec) and its mapping, or negative errno. */
int start_page_new(struct start_page **ret_page);
/* Maps an inherited one; NULL on failure. */
struct start_page *start_page_map(int fd);
void start_page_unmap(struct start_page **page);

#endif
