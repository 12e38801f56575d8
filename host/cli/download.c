#define _GNU_SOURCE // mkostemp, renameat2
#include "cli/download.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/remote.h"

struct target {
    const char *name;   /* for people                                    */
    char *final;        /* the file itself, links resolved               */
    struct buf partial; /* the file beside it that is being written to   */
    mode_t mode;
    int fd;
    uint64_t so_far;
    const struct download *d;
};

/* ---- writing ---- */

static int on_body(void *arg, struct bytes part, struct err *e) {
    struct target *t = arg;
    const char *data = part.data;
    for (size_t left = part.len; left > 0;) {
        ssize_t n = write(t->fd, data, left);
        if (n == -1 && errno != EINTR) {
            return err_errno(e, -errno, "%s", t->name);
        }
        if (n > 0) {
            data += n;
            left -= (size_t)n;
        }
    }
    t->so_far += part.len;
    if (t->d->on_part != NULL) {
        t->d->on_part(t->d->arg, t->so_far);
    }
    return 0;
}

static int run(const struct cli *cli, struct target *t) {
    return remote_run(cli,
                      &(struct client_request){
                          .method = "GET", .path = t->d->path, .on_body = on_body, .body_arg = t});
}

/* ---- the file ---- */

/* What open() would give a new file. */
static mode_t default_mode(void) {
    mode_t mask = umask(0);
    (void)umask(mask);
    return 0666 & ~mask;
}

/* A new file in the same folder, so that it can be renamed; its name is short, since the file's may
 * be as long as names can be. */
static int open_partial(struct target *t) {
    const char *slash = strrchr(t->final, '/');
    int folder = slash == NULL ? 0 : (int)(slash - t->final) + 1;
    buf_printf(&t->partial, "%.*s.jobhost-XXXXXX", folder, t->final);
    if (t->partial.failed) {
        return -ENOMEM;
    }
    t->fd = mkostemp(t->partial.data, O_CLOEXEC);
    if (t->fd == -1) {
        int error = -errno;
        buf_clear(&t->partial);
        return error;
    }
    return fchmod(t->fd, t->mode) == -1 ? -errno : 0;
}

static int open_target(struct target *t) {
    struct stat st;
    if (t->d->keep && lstat(t->name, &st) == 0) {
        return -EEXIST;
    }
    bool exists = (t->d->replace ? lstat(t->name, &st) : stat(t->name, &st)) == 0;
    bool regular = exists && S_ISREG(st.st_mode);
    if (exists && !regular && !t->d->replace) {
        t->fd = open(t->name, O_WRONLY | O_CLOEXEC);
        return t->fd == -1 ? -errno : 0;
    }
    t->mode = regular ? st.st_mode & 0777 : default_mode();
    t->final = exists && !t->d->replace ? realpath(t->name, NULL) : strdup(t->name);
    return t->final == NULL ? -errno : open_partial(t);
}

/* Not over one that has come there meanwhile, when it is to be kept. */
static int put_in_place(const struct target *t) {
    const char *from = t->partial.data;
    if (!t->d->keep) {
        return rename(from, t->final) == -1 ? -errno : 0;
    }
    if (renameat2(AT_FDCWD, from, AT_FDCWD, t->final, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return -errno;
    }
    // a file system that cannot do it at once
    return link(from, t->final) == -1 || unlink(from) == -1 ? -errno : 0;
}

/* The file in its place, or what was begun taken away again. */
static int close_target(struct target *t, bool whole) {
    int error = t->fd != -1 && close(t->fd) == -1 ? -errno : 0;
    if (t->partial.len > 0 && whole && error == 0) {
        error = put_in_place(t);
    }
    if (t->partial.len > 0 && (!whole || error != 0)) {
        (void)unlink(t->partial.data);
    }
    buf_free(&t->partial);
    free(t->final);
    return error;
}

int download(const struct cli *cli, const struct download *d) {
    const char *file = d->file;
    struct target t = {
        .name = file == NULL ? "standard output" : file, .fd = STDOUT_FILENO, .d = d};
    if (file == NULL) {
        return run(cli, &t);
    }
    t.fd = -1;
    int error = open_target(&t);
    int r = error != 0 ? cli_fail(cli, CLI_USAGE, "%s: %s", file, strerror(-error)) : run(cli, &t);
    error = close_target(&t, r == CLI_OK);
    return r == CLI_OK && error != 0 ? cli_fail(cli, CLI_FAILED, "%s: %s", file, strerror(-error))
                                     : r;
}
