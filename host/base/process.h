/* What the kernel says about this process. */
#ifndef JOBHOST_BASE_PROCESS_H
#define JOBHOST_BASE_PROCESS_H

#include <stdint.h>

struct process_usage {
    double cpu_seconds;         /* user and system, all threads          */
    uint64_t resident, virtual; /* bytes                                 */
    uint64_t open_fds, max_fds;
};

/* What cannot be read is 0. A few reads of /proc: not for hot paths. */
void process_usage(struct process_usage *ret);

/* Resident bytes of any process; 0 if it is gone. */
uint64_t process_resident(int32_t pid);

#endif
