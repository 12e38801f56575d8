#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config.h"

const char *config_installed_plugin_dir(const char *self_exe, char out[PATH_MAX]) {
    static const char bin[] = "/" JOBHOST_BINDIR;
    struct stat st;
    const char *name = self_exe == NULL ? NULL : strrchr(self_exe, '/');
    size_t bin_len = sizeof bin - 1;
    size_t dir_len = name == NULL ? 0 : (size_t)(name - self_exe);
    if (dir_len < bin_len || memcmp(name - bin_len, bin, bin_len) != 0) {
        return NULL;
    }
    int n = snprintf(out, PATH_MAX, "%.*s/" JOBHOST_LIBDIR "/jobhost/plugins",
                     (int)(dir_len - bin_len), self_exe);
    return n > 0 && n < PATH_MAX && stat(out, &st) == 0 && S_ISDIR(st.st_mode) ? out : NULL;
}
