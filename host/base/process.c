#include "base/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* "total resident ..." in pages. */
static void read_statm(const char *path, uint64_t *ret_virtual, uint64_t *ret_resident) {
    char line[128] = "";
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    *ret_virtual = *ret_resident = 0;
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return;
    }
    if (fgets(line, sizeof line, f) != NULL) {
        char *rest;
        *ret_virtual = strtoull(line, &rest, 10) * page;
        *ret_resident = strtoull(rest, NULL, 10) * page;
    }
    (void)fclose(f);
}

uint64_t process_resident(int32_t pid) {
    char path[64];
    uint64_t ignored, resident;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    read_statm(path, &ignored, &resident);
    return resident;
}

/* Newer kernels say it as the folder's size. */
static uint64_t count_fds(void) {
    static const char folder[] = "/proc/self/fd";
    struct stat st;
    if (stat(folder, &st) == 0 && st.st_size > 0) {
        return (uint64_t)st.st_size;
    }
    DIR *dir = opendir(folder);
    uint64_t n = 0;
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        n += entry->d_name[0] != '.';
    }
    if (dir != NULL) {
        (void)closedir(dir);
        n--; // its own
    }
    return n;
}

static double seconds(const struct timeval *tv) {
    return (double)tv->tv_sec + (double)tv->tv_usec / 1e6;
}

void process_usage(struct process_usage *ret) {
    struct rusage usage;
    struct rlimit limit;
    *ret = (struct process_usage){.open_fds = count_fds()};
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        ret->cpu_seconds = seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        ret->max_fds = limit.rlim_cur;
    }
    read_statm("/proc/self/statm", &ret->virtual, &ret->resident);
}
