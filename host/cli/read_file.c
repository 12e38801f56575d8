#include "cli/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int read_file(const char *path, size_t max, struct buf *out, struct err *e) {
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;
    int r = 0;
    if (fd == -1) {
        return err_errno(e, -errno, "%s", path);
    }
    while (r == 0 && n > 0) {
        char *room = buf_room(out, 65536);
        n = room == NULL ? -1 : read(fd, room, 65536);
        if (room == NULL) {
            r = err_set(e, -ENOMEM, "out of memory");
        } else if (n == -1 && errno == EINTR) {
            n = 1;
        } else if (n == -1) {
            r = err_errno(e, -errno, "%s", is_stdin ? "standard input" : path);
        } else {
            buf_grew(out, (size_t)n);
        }
        if (r == 0 && out->len > max) {
            r = err_set(e, -EFBIG, "%s: larger than %zu bytes", path, max);
        }
    }
    if (!is_stdin) {
        close(fd);
    }
    return r;
}
