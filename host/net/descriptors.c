#include "net/descriptors.h"

#include <limits.h>
#include <sys/resource.h>

int descriptors_max(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= INT_MAX) {
        return INT_MAX;
    }
    return (int)limit.rlim_cur - DESCRIPTORS_RESERVE;
}
