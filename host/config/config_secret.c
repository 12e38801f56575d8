#define _GNU_SOURCE // explicit_bzero, madvise, MAP_ANONYMOUS

#include "config/config_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VAULT_PAGE = 64 * 1024 };

struct config_vault_page {
    struct config_vault_page *next;
    size_t size, used; /* bytes, this header included */
};

// ---- memory

static struct config_vault_page *page_new(size_t need) {
    size_t size = VAULT_PAGE;
    while (size - sizeof(struct config_vault_page) < need) {
        size *= 2;
    }
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        return NULL;
    }
    // best effort: an ordinary user may lock little, and a secret in swap is better than no start
    (void)mlock(at, size);
    (void)madvise(at, size, MADV_DONTDUMP);
    struct config_vault_page *page = at;
    *page = (struct config_vault_page){.size = size, .used = sizeof(*page)};
    return page;
}

char *config_vault_strn(struct config_vault *vault, const char *text, size_t len) {
    if (len >= CONFIG_SECRET_TOTAL_MAX || vault->used > CONFIG_SECRET_TOTAL_MAX - len - 1) {
        return NULL;
    }
    struct config_vault_page *page = vault->head;
    if (page == NULL || page->size - page->used <= len) {
        page = page_new(len + 1);
        if (page == NULL) {
            return NULL;
        }
        page->next = vault->head;
        vault->head = page;
    }
    char *at = (char *)page + page->used;
    if (len > 0) {
        memcpy(at, text, len);
    }
    at[len] = '\0';
    page->used += len + 1;
    vault->used += len + 1;
    return at;
}

void config_vault_free(struct config_vault *vault) {
    for (struct config_vault_page *page = vault->head; page != NULL;) {
        struct config_vault_page *next = page->next;
        size_t size = page->size;
        explicit_bzero(page, size);
        (void)munmap(page, size);
        page = next;
    }
    *vault = (struct config_vault){0};
}

void config_secret_buf_free(struct buf *b) {
    if (b->data != NULL) {
        explicit_bzero(b->data, b->cap);
    }
    buf_free(b);
}

// ---- files

static int check_file(const struct stat *st, const char *path, bool loose, struct err *e) {
    if (!S_ISREG(st->st_mode)) {
        return err_set(e, -EINVAL, "%s is not a regular file", path);
    }
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        return err_set(e, -EPERM,
                       "%s belongs to user %u, not to root or the user that runs jobhost", path,
                       (unsigned)st->st_uid);
    }
    if ((st->st_mode & 077) != 0 && !loose) {
        return err_set(e, -EPERM,
                       "%s is open to group or others (mode %04o); chmod 600, or set "
                       "host.allow_loose_secret_files: true",
                       path, (unsigned)st->st_mode & 07777);
    }
    if (st->st_size > CONFIG_SECRET_FILE_MAX) {
        return err_set(e, -EFBIG, "%s is larger than 64 KiB", path);
    }
    return 0;
}

// A stat before the open: opening a device or a FIFO may already do something.
static int open_file(const char *path, const char *shown, bool loose, struct err *e) {
    struct stat st;
    if (stat(path, &st) == -1) {
        return err_errno(e, -errno, "%s", shown);
    }
    int r = check_file(&st, shown, loose, e);
    if (r < 0) {
        return r;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd == -1) {
        return err_errno(e, -errno, "%s", shown);
    }
    if (fstat(fd, &st) == -1) {
        r = err_errno(e, -errno, "%s", shown);
    } else {
        r = check_file(&st, shown, loose, e);
    }
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}

// Up to one byte more than allowed, so that a file that grew is noticed.
static int read_all(int fd, const char *path, char *data, size_t *ret_len, struct err *e) {
    size_t len = 0;
    while (len <= CONFIG_SECRET_FILE_MAX) {
        ssize_t n = read(fd, data + len, CONFIG_SECRET_FILE_MAX + 1 - len);
        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n == -1) {
            return err_errno(e, -errno, "%s", path);
        }
        if (n == 0) {
            *ret_len = len;
            return 0;
        }
        len += (size_t)n;
    }
    return err_set(e, -EFBIG, "%s is larger than 64 KiB", path);
}

static size_t without_line_break(const char *data, size_t len) {
    if (len > 0 && data[len - 1] == '\n') {
        len--;
        if (len > 0 && data[len - 1] == '\r') {
            len--;
        }
    }
    return len;
}

static int keep_content(struct config_vault *vault, const char *path, const char *data, size_t len,
                        const char **ret_text, struct err *e) {
    if (len == 0) {
        return err_set(e, -EINVAL, "%s is empty", path);
    }
    if (memchr(data, '\0', len) != NULL) {
        return err_set(e, -EINVAL, "%s holds a NUL byte", path);
    }
    *ret_text = config_vault_strn(vault, data, len);
    return *ret_text == NULL ? err_set(e, -ENOMEM, "%s: no room for more secrets", path) : 0;
}

int config_secret_read(struct config_vault *vault, const char *path, const char *shown, bool loose,
                       const char **ret_text, size_t *ret_len, struct err *e) {
    int fd = open_file(path, shown, loose, e);
    if (fd < 0) {
        return fd;
    }
    char data[CONFIG_SECRET_FILE_MAX + 1];
    size_t len = 0;
    int r = read_all(fd, shown, data, &len, e);
    (void)close(fd);
    if (r == 0) {
        len = without_line_break(data, len);
        r = keep_content(vault, shown, data, len, ret_text, e);
    }
    explicit_bzero(data, sizeof(data));
    if (r == 0) {
        *ret_len = len;
    }
    return r;
}

// ---- telling two apart

// The machine's id is the same for every process of this host and nobody else's business.
static size_t host_salt(char out[64]) {
    int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd == -1) {
        return 0;
    }
    ssize_t n = read(fd, out, 64);
    (void)close(fd);
    return n < 0 ? 0 : (size_t)n;
}

void config_secret_fingerprint(const char *text, char out[9]) {
    unsigned char salted[SHA256_DIGEST_LENGTH * 2], digest[SHA256_DIGEST_LENGTH];
    char salt[64];
    SHA256((const unsigned char *)salt, host_salt(salt), salted);
    SHA256((const unsigned char *)text, strlen(text), salted + SHA256_DIGEST_LENGTH);
    SHA256(salted, sizeof(salted), digest);
    for (int i = 0; i < 4; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
    explicit_bzero(salted, sizeof(salted));
}
