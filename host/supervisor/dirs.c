#include "supervisor/dirs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int dirs_make(const char *path, struct err *e) {
    char part[PATH_MAX];
    if (strlen(path) >= sizeof part) {
        return err_set(e, -ENAMETOOLONG, "%s: path too long", path);
    }
    for (const char *slash = path;;) {
        slash = strchr(slash + 1, '/');
        size_t len = slash == NULL ? strlen(path) : (size_t)(slash - path);
        memcpy(part, path, len);
        part[len] = '\0';
        // a folder above may be there and not be ours to make
        if (mkdir(part, 0700) == -1 && errno != EEXIST && (slash == NULL || errno != EACCES)) {
            return err_errno(e, -errno, "%s: cannot make the folder", part);
        }
        if (slash == NULL) {
            return 0;
        }
    }
}

int dirs_make_data(const char *state_dir, const char *plugin, char ret_path[PATH_MAX],
                   struct err *e) {
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/data/%s", state_dir, plugin) >= sizeof path) {
        return err_set(e, -ENAMETOOLONG, "%s: path too long", state_dir);
    }
    if (ret_path != NULL) {
        memcpy(ret_path, path, sizeof path);
    }
    return dirs_make(path, e);
}
