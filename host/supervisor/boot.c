#include "supervisor/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hostlock.h"
#include "base/write_all.h"

enum {
    BOOT_TEXT_MAX = 128,
    BOOT_ID = 36, /* of the kernel: changes with every start of the machine */
};

struct boot {
    struct hostlock lock;
    char path[PATH_MAX];
    char kernel[BOOT_ID + 1]; /* "" = not known: then nothing is believed */
    uint64_t gone;
};

/* The whole of a small file, or "". */
static void read_text(const char *path, char out[BOOT_TEXT_MAX]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd == -1 ? 0 : read(fd, out, BOOT_TEXT_MAX - 1);
    out[n > 0 ? n : 0] = '\0';
    if (fd != -1) {
        (void)close(fd);
    }
}

static void read_kernel(struct boot *b) {
    char text[BOOT_TEXT_MAX];
    read_text("/proc/sys/kernel/random/boot_id", text);
    if (strcspn(text, "\n") == BOOT_ID) {
        memcpy(b->kernel, text, BOOT_ID);
    }
}

static void format(const struct boot *b, uint64_t nonce, char out[BOOT_TEXT_MAX]) {
    (void)snprintf(out, BOOT_TEXT_MAX, "jobhost 1 %s %016llx\n", b->kernel,
                   (unsigned long long)nonce);
}

/* Only what boot_leave() writes, to the byte. */
static uint64_t read_gone(const struct boot *b) {
    char text[BOOT_TEXT_MAX], same[BOOT_TEXT_MAX];
    read_text(b->path, text);
    const char *last = strrchr(text, ' ');
    if (b->kernel[0] == '\0' || last == NULL) {
        return 0;
    }
    uint64_t nonce = strtoull(last + 1, NULL, 16);
    format(b, nonce, same);
    return strcmp(text, same) == 0 ? nonce : 0;
}

static int take(const char *state_dir, int lock_fd, struct boot **ret, struct err *e) {
    char lock[PATH_MAX];
    struct boot *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    b->lock.fd = -1;
    int r = 0;
    if ((size_t)snprintf(b->path, sizeof b->path, "%s/boot", state_dir) >= sizeof b->path ||
        (size_t)snprintf(lock, sizeof lock, "%s/host.lock", state_dir) >= sizeof lock) {
        r = err_set(e, -ENAMETOOLONG, "%s: the path is too long", state_dir);
    }
    if (r == 0) {
        r = lock_fd < 0 ? hostlock_take(&b->lock, lock, state_dir, e)
                        : hostlock_keep(&b->lock, lock_fd, lock, e);
    }
    if (r != 0) {
        boot_close(&b);
        return r;
    }
    read_kernel(b);
    b->gone = lock_fd < 0 ? read_gone(b) : 0; // else that boot is this one
    *ret = b;
    return 0;
}

int boot_open(const char *state_dir, struct boot **ret, struct err *e) {
    return take(state_dir, -1, ret, e);
}

int boot_keep(const char *state_dir, int lock_fd, struct boot **ret, struct err *e) {
    return take(state_dir, lock_fd, ret, e);
}

int boot_lock_fd(const struct boot *boot) {
    return boot->lock.fd;
}

void boot_close(struct boot **at) {
    if (*at != NULL) {
        hostlock_release(&(*at)->lock);
        free(*at);
        *at = NULL;
    }
}

uint64_t boot_gone(const struct boot *boot) {
    return boot->gone;
}

/* Not synced: what a power cut may take is not believed after it anyway. */
int boot_leave(const struct boot *b, uint64_t nonce, struct err *e) {
    char text[BOOT_TEXT_MAX], new[PATH_MAX + 8];
    (void)snprintf(new, sizeof new, "%s.new", b->path);
    format(b, nonce, text);
    int fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd == -1) {
        return err_errno(e, -errno, "%s", new);
    }
    int r = write_all(fd, (struct bytes){text, strlen(text)});
    if (close(fd) == -1 && r == 0) {
        r = -errno;
    }
    if (r == 0 && rename(new, b->path) == -1) {
        r = -errno;
    }
    return r == 0 ? 0 : err_errno(e, r, "%s", new);
}
