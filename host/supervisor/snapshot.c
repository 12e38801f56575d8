#define _GNU_SOURCE
#include "supervisor/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SNAPSHOT_TRIES = 3, SNAPSHOT_COPY_BLOCK = 64 * 1024 };

/* Makes DIR/run/so, 0700 each. */
static int snapshot_make_dir(const char *state_dir, char *ret_dir, size_t cap, struct err *e) {
    static const char *const parts[] = {"", "/run", "/run/so"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if ((size_t)snprintf(ret_dir, cap, "%s%s", state_dir, parts[i]) >= cap) {
            return err_set(e, -ENAMETOOLONG, "%s: path too long", state_dir);
        }
        if (mkdir(ret_dir, 0700) == -1 && errno != EEXIST) {
            return err_errno(e, -errno, "%s: cannot make the folder", ret_dir);
        }
    }
    return 0;
}

static int snapshot_check_owner(const char *file, const struct stat *st, struct err *e) {
    if (!S_ISREG(st->st_mode)) {
        return err_set(e, -EINVAL, "%s: not a regular file", file);
    }
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        return err_set(e, -EPERM,
                       "%s: belongs to uid %u; it must belong to root or to the host's own user",
                       file, (unsigned)st->st_uid);
    }
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return err_set(e, -EPERM, "%s: writable by group or others (mode %03o); chmod go-w it",
                       file, (unsigned)(st->st_mode & 0777));
    }
    if (st->st_size == 0) {
        return err_set(e, -EINVAL, "%s: empty file", file);
    }
    return 0;
}

static int snapshot_copy(int in, int out, EVP_MD_CTX *md) {
    char *block = malloc(SNAPSHOT_COPY_BLOCK);
    int r = block == NULL ? -ENOMEM : 0;
    while (r == 0) {
        ssize_t n = read(in, block, SNAPSHOT_COPY_BLOCK);
        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            r = n == 0 ? 0 : -errno;
            break;
        }
        EVP_DigestUpdate(md, block, (size_t)n);
        for (ssize_t done = 0; done < n;) {
            ssize_t k = write(out, block + done, (size_t)(n - done));
            if (k == -1 && errno != EINTR) {
                r = -errno;
                break;
            }
            done += k > 0 ? k : 0;
        }
    }
    free(block);
    return r;
}

static bool snapshot_unchanged(const struct stat *a, const struct stat *b) {
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void snapshot_hex(const unsigned char *digest, char out[65]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 32; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[64] = '\0';
}

/* One copy into `tmp`: 0, -EAGAIN when the file changed meanwhile, or another failure. */
static int snapshot_try(const char *file, const char *tmp, char sha256[65], struct err *e) {
    struct stat before, after = {.st_size = -1};
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int out = -1;
    int in = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int r = 0;
    if (in == -1) {
        r = err_errno(e, -errno, "%s", file);
        goto end;
    }
    if (fstat(in, &before) == -1) {
        r = err_errno(e, -errno, "%s", file);
        goto end;
    }
    r = snapshot_check_owner(file, &before, e);
    if (r != 0) {
        goto end;
    }
    out = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0500);
    if (out == -1) {
        r = err_errno(e, -errno, "%s: cannot write the snapshot", tmp);
        goto end;
    }
    if (md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
        r = err_set(e, -ENOMEM, "%s: no memory for its hash", file);
        goto end;
    }
    r = snapshot_copy(in, out, md);
    if (r == 0 && fstat(in, &after) == -1) {
        r = -errno;
    }
    if (r != 0) {
        r = err_errno(e, r, "%s: cannot copy it", file);
    } else if (!snapshot_unchanged(&before, &after)) {
        r = -EAGAIN;
    } else {
        EVP_DigestFinal_ex(md, digest, NULL);
        snapshot_hex(digest, sha256);
    }
end:
    EVP_MD_CTX_free(md);
    if (in != -1) {
        close(in);
    }
    if (out != -1) {
        close(out);
    }
    return r;
}

/* A mount without the right to execute is found here, not by every worker in the loader's words. */
static int snapshot_check_mount(const char *tmp, const char *dir, struct err *e) {
    int fd = open(tmp, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    void *code = fd == -1 ? MAP_FAILED : mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    int r = code == MAP_FAILED ? -errno : 0;
    if (code != MAP_FAILED) {
        (void)munmap(code, 1);
    }
    if (fd != -1) {
        close(fd);
    }
    return r == -EPERM
               ? err_set(
                     e, -EPERM,
                     "%s: plugins are loaded from copies in this folder, and its file system is "
                     "mounted noexec; mount it without, or set host.state_dir to another place",
                     dir)
           : r != 0 ? err_errno(e, r, "%s: cannot map the snapshot", tmp)
                    : 0;
}

int snapshot_take(const char *file, const char *state_dir, struct snapshot *ret, struct err *e) {
    char dir[4096], tmp[4224], path[4224], sha256[65];
    int r = snapshot_make_dir(state_dir, dir, sizeof dir, e);
    if (r != 0) {
        return r;
    }
    snprintf(tmp, sizeof tmp, "%s/.tmp.%ld", dir, (long)getpid());
    for (int i = 0; i < SNAPSHOT_TRIES; i++) {
        unlink(tmp);
        r = snapshot_try(file, tmp, sha256, e);
        if (r != -EAGAIN) {
            break;
        }
    }
    if (r == -EAGAIN) {
        err_set(e, r, "%s: it keeps changing while it is read; is it being written?", file);
    }
    if (r == 0) {
        r = snapshot_check_mount(tmp, dir, e);
    }
    if (r == 0) {
        snprintf(path, sizeof path, "%s/%s.so", dir, sha256);
        if (rename(tmp, path) == -1) {
            r = err_errno(e, -errno, "%s: cannot put the snapshot in place", path);
        }
    }
    if (r != 0) {
        unlink(tmp);
        return r;
    }
    char *copy = strdup(path);
    if (copy == NULL) {
        return err_set(e, -ENOMEM, "%s: out of memory", file);
    }
    snapshot_finish(ret);
    ret->path = copy;
    memcpy(ret->sha256, sha256, sizeof sha256);
    return 0;
}

int snapshot_sync(const char *state_dir, const char *sha256) {
    char path[4224];
    (void)snprintf(path, sizeof path, "%s/run/so/%s.so", state_dir, sha256);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int r = fd == -1 || fsync(fd) == -1 ? -errno : 0;
    if (fd != -1) {
        close(fd);
    }
    return r;
}

int snapshot_copy_of(const struct snapshot *from, struct snapshot *ret) {
    *ret = *from;
    ret->path = from->path == NULL ? NULL : strdup(from->path);
    return from->path != NULL && ret->path == NULL ? -ENOMEM : 0;
}

void snapshot_finish(struct snapshot *s) {
    free(s->path);
    *s = (struct snapshot){.path = NULL};
}

/* ------------------------------------------------------------------ sweeping */

struct old_snapshot {
    char name[72]; // <sha256>.so
    struct timespec made;
};

static bool is_newer(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

// Into the newest ones, of which the oldest is pushed out: true with its name, or with that of `s` itself.
static bool push(struct old_snapshot newest[SNAPSHOTS_KEPT], struct old_snapshot *s) {
    for (int i = 0; i < SNAPSHOTS_KEPT; i++) {
        if (newest[i].name[0] == '\0') {
            newest[i] = *s;
            return false;
        }
        if (is_newer(&s->made, &newest[i].made)) {
            struct old_snapshot later = newest[i];
            newest[i] = *s;
            *s = later;
        }
    }
    return true;
}

// Copies that were not finished: of a host that was killed meanwhile, or of a `check`.
void snapshots_clear(const char *state_dir) {
    static const char prefix[] = ".tmp.";
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/run/so", state_dir);
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) != 0) {
            continue;
        }
        long pid = strtol(entry->d_name + sizeof prefix - 1, NULL, 10);
        bool gone = pid == getpid() || (pid > 0 && kill((pid_t)pid, 0) == -1 && errno == ESRCH);
        if (gone) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

void snapshots_sweep(const char *state_dir, bool (*in_use)(const void *arg, const char *sha256),
                     const void *arg) {
    char path[4096], sha256[65];
    struct old_snapshot newest[SNAPSHOTS_KEPT] = {{.name = ""}}, s;
    (void)snprintf(path, sizeof path, "%s/run/so", state_dir);
    DIR *dir = opendir(path);
    struct dirent *entry;
    struct stat st;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strlen(entry->d_name) != 64 + 3 || strcmp(entry->d_name + 64, ".so") != 0 ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
            continue;
        }
        (void)snprintf(sha256, sizeof sha256, "%.64s", entry->d_name);
        (void)snprintf(s.name, sizeof s.name, "%.67s", entry->d_name);
        s.made = st.st_mtim;
        if (!in_use(arg, sha256) && push(newest, &s)) {
            (void)unlinkat(dirfd(dir), s.name, 0);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}
