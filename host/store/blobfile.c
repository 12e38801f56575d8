#include "store/blobfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/write_all.h"

enum { COPY_CHUNK = 256 * 1024, SHA_TEXT = BLOBFILE_SHA_TEXT, STALE_S = 24 * 3600 };
#define MARK "doubt-"

void blobfile_sha_text(const uint8_t sha256[32], char out[SHA_TEXT + 1]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 32; i++) {
        out[2 * i] = digits[sha256[i] >> 4];
        out[2 * i + 1] = digits[sha256[i] & 15];
    }
    out[SHA_TEXT] = '\0';
}

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool sha_begins(const char *text, uint8_t out[32]) {
    for (size_t i = 0; i < 32; i++) {
        int hi = digit(text[2 * i]);
        int lo = hi < 0 ? -1 : digit(text[2 * i + 1]);
        if (lo < 0) {
            return false;
        }
        out[i] = (uint8_t)(hi * 16 + lo);
    }
    return true;
}

bool blobfile_sha_parse(const char *text, uint8_t ret[32]) {
    return sha_begins(text, ret) && text[SHA_TEXT] == '\0';
}

void blobfile_name(const uint8_t sha256[32], uint64_t time, char out[BLOBFILE_NAME_MAX + 1]) {
    blobfile_sha_text(sha256, out);
    (void)snprintf(out + SHA_TEXT, BLOBFILE_NAME_MAX + 1 - SHA_TEXT, "-%016" PRIx64, time);
}

bool blobfile_is_name(const char *text) {
    uint8_t sha[32];
    if (!sha_begins(text, sha) || text[SHA_TEXT] != '-') {
        return false;
    }
    for (size_t i = SHA_TEXT + 1; i < BLOBFILE_NAME_MAX; i++) {
        if (digit(text[i]) < 0) {
            return false;
        }
    }
    return text[BLOBFILE_NAME_MAX] == '\0';
}

// DIR/ab or DIR/ab/NAME; 0 or -ENAMETOOLONG
static int path_of_name(const char *dir, const char *name, bool file, char *out, size_t cap) {
    int n = snprintf(out, cap, "%s/%.2s%s%s", dir, name, file ? "/" : "", file ? name : "");
    return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

static int path_of(const char *dir, const uint8_t sha256[32], bool file, char *out, size_t cap) {
    char text[SHA_TEXT + 1];
    blobfile_sha_text(sha256, text);
    return path_of_name(dir, text, file, out, cap);
}

static int mark_path(const char *dir, const uint8_t sha256[32], char *out, size_t cap) {
    char text[SHA_TEXT + 1];
    blobfile_sha_text(sha256, text);
    int n = snprintf(out, cap, "%s/tmp/" MARK "%s", dir, text);
    return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

static int make_dir(const char *path, struct err *e) {
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : err_errno(e, -errno, "%s", path);
}

static int sync_dir(const char *path, struct err *e) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1) {
        return err_errno(e, -errno, "%s", path);
    }
    int r = fsync(fd) == -1 ? err_errno(e, -errno, "fsync %s", path) : 0;
    (void)close(fd);
    return r;
}

static bool is_stale(int dir, const char *name, bool shared) {
    struct stat st;
    return !shared || (fstatat(dir, name, &st, 0) == 0 && st.st_mtim.tv_sec < time(NULL) - STALE_S);
}

int blobfile_prepare(const char *dir, bool shared, struct err *e) {
    char tmp[PATH_MAX];
    (void)snprintf(tmp, sizeof tmp, "%s/tmp", dir);
    int r = make_dir(dir, e);
    r = r < 0 ? r : make_dir(tmp, e);
    DIR *d = r < 0 ? NULL : opendir(tmp);
    if (d == NULL) {
        return r < 0 ? r : err_errno(e, -errno, "%s", tmp);
    }
    for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
        if (strncmp(entry->d_name, "put-", 4) == 0 && is_stale(dirfd(d), entry->d_name, shared)) {
            (void)unlinkat(dirfd(d), entry->d_name, 0);
        }
    }
    (void)closedir(d);
    return sync_dir(dir, e); // also of directories that a dying host made and did not sync
}

/* A file that the file system, or a limit of the process, lets grow no further is a full disk: -EFBIG says here that
 * the content is larger than the caller takes. */
static int write_chunk(int out, struct bytes chunk) {
    int r = write_all(out, chunk);
    return r == -EFBIG ? -ENOSPC : r;
}

static int take_chunk(int out, EVP_MD_CTX *md, struct bytes chunk) {
    return EVP_DigestUpdate(md, chunk.data, chunk.len) != 1 ? -EIO
           : out == -1                                      ? 0
                                                            : write_chunk(out, chunk);
}

// From `in` (offset 0 to its end, its own position is not used) into `out`.
static int copy_fd(int in, int out, EVP_MD_CTX *md, uint64_t max, uint64_t *ret_size) {
    char *chunk = malloc(COPY_CHUNK);
    int r = chunk == NULL ? -ENOMEM : 0;
    uint64_t size = 0;
    while (r == 0) {
        ssize_t n = pread(in, chunk, COPY_CHUNK, (off_t)size);
        if (n == 0) {
            break;
        }
        if (n == -1) {
            r = errno == EINTR ? 0 : -errno;
            continue;
        }
        size += (uint64_t)n;
        r = size > max ? -EFBIG : take_chunk(out, md, (struct bytes){chunk, (size_t)n});
    }
    free(chunk);
    *ret_size = size;
    return r;
}

int blobfile_copy(int out, struct bytes data, int fd, uint64_t max, struct blob_ref *ret) {
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(md);
        return -ENOMEM;
    }
    int r = 0;
    ret->size = data.len;
    if (fd >= 0) {
        r = copy_fd(fd, out, md, max, &ret->size);
    } else {
        r = data.len > max ? -EFBIG : take_chunk(out, md, data);
    }
    if (r == 0 && EVP_DigestFinal_ex(md, ret->sha256, NULL) != 1) {
        r = -EIO;
    }
    EVP_MD_CTX_free(md);
    return r;
}

int blobfile_temp(const char *dir, struct err *e) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/tmp/put-XXXXXX", dir);
    int fd = mkstemp(path);
    if (fd == -1) {
        return err_errno(e, -errno, "%s", path);
    }
    (void)unlink(path);
    return fd;
}

int blobfile_write(const char *dir, struct bytes data, int fd, uint64_t max, char **ret_tmp,
                   struct blob_ref *ret, struct err *e) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/tmp/put-XXXXXX", dir);
    int out = mkstemp(path);
    if (out == -1) {
        return err_errno(e, -errno, "%s", path);
    }
    int r = blobfile_copy(out, data, fd, max, ret);
    r = r < 0 || fsync(out) == 0 ? r : -errno;
    (void)close(out);
    *ret_tmp = r < 0 ? NULL : strdup(path);
    r = r == 0 && *ret_tmp == NULL ? -ENOMEM : r;
    if (r < 0) {
        (void)unlink(path);
        return r == -EFBIG
                   ? err_set(e, r, "the content is larger than %llu bytes", (unsigned long long)max)
                   : err_errno(e, r, "%s", path);
    }
    return 0;
}

// `sha256` NULL: without a mark.
static int publish(const char *dir, const char *tmp, const char *name, const uint8_t sha256[32],
                   struct err *e) {
    char parent[PATH_MAX], path[PATH_MAX];
    int r = path_of_name(dir, name, false, parent, sizeof parent);
    r = r < 0 ? r : path_of_name(dir, name, true, path, sizeof path);
    r = r < 0 ? err_set(e, r, "%s: the path is too long", dir) : 0;
    if (r == 0 && mkdir(parent, 0700) == 0) {
        r = sync_dir(dir, e);
    }
    int marked = r < 0 || sha256 == NULL ? 0 : blobfile_mark(dir, sha256);
    r = marked < 0 ? err_errno(e, marked, "%s/tmp", dir) : r;
    if (r == 0 && fault(FAULT_BLOB_BEFORE_RENAME) < 0) {
        r = err_set(e, -EIO, "fault injected before a blob's rename");
    }
    if (r < 0 || rename(tmp, path) == -1) {
        r = r < 0 ? r : err_errno(e, -errno, "%s", path);
        (void)unlink(tmp);
        return r;
    }
    r = sync_dir(parent, e);
    if (r == 0 && fault(FAULT_BLOB_AFTER_RENAME) < 0) {
        r = err_set(e, -EIO, "fault injected after a blob's rename");
    }
    return r;
}

int blobfile_publish(const char *dir, const char *tmp, const struct blob_ref *blob, struct err *e) {
    char text[SHA_TEXT + 1];
    blobfile_sha_text(blob->sha256, text);
    return publish(dir, tmp, text, blob->sha256, e);
}

int blobfile_publish_as(const char *dir, const char *tmp, const char *name, struct err *e) {
    return publish(dir, tmp, name, NULL, e);
}

// ---- marks

int blobfile_mark(const char *dir, const uint8_t sha256[32]) {
    char path[PATH_MAX];
    int r = mark_path(dir, sha256, path, sizeof path);
    int fd = r < 0 ? -1 : open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd == -1) {
        return r < 0 ? r : -errno;
    }
    (void)close(fd);
    return 0;
}

void blobfile_unmark(const char *dir, const uint8_t sha256[32]) {
    char path[PATH_MAX];
    if (mark_path(dir, sha256, path, sizeof path) == 0) {
        (void)unlink(path);
    }
}

static bool is_mark(const char *name, uint8_t ret_sha[32]) {
    return strncmp(name, MARK, sizeof MARK - 1) == 0 &&
           strlen(name) == sizeof MARK - 1 + SHA_TEXT &&
           blobfile_sha_parse(name + sizeof MARK - 1, ret_sha);
}

int blobfile_each_mark(const char *dir, int (*each)(void *arg, const uint8_t sha256[32]),
                       void *arg) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/tmp", dir);
    DIR *d = opendir(path);
    int r = 0;
    if (d == NULL) {
        return -errno;
    }
    for (struct dirent *entry = readdir(d); entry != NULL && r == 0; entry = readdir(d)) {
        uint8_t sha[32];
        r = is_mark(entry->d_name, sha) ? each(arg, sha) : 0;
    }
    (void)closedir(d);
    return r;
}

// ---- files in place

int blobfile_open_as(const char *dir, const char *name, struct err *e) {
    char path[PATH_MAX];
    int r = path_of_name(dir, name, true, path, sizeof path);
    int fd = r < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return err_errno(e, r < 0 ? r : -errno, "blob %s", path);
    }
    return fd;
}

int blobfile_open(const char *dir, const uint8_t sha256[32], struct err *e) {
    char text[SHA_TEXT + 1];
    blobfile_sha_text(sha256, text);
    return blobfile_open_as(dir, text, e);
}

int64_t blobfile_size(const char *dir, const uint8_t sha256[32]) {
    char path[PATH_MAX];
    struct stat st;
    int r = path_of(dir, sha256, true, path, sizeof path);
    return r < 0 ? r : stat(path, &st) == -1 ? -errno : (int64_t)st.st_size;
}

int blobfile_unlink_as(const char *dir, const char *name) {
    char path[PATH_MAX];
    int r = path_of_name(dir, name, true, path, sizeof path);
    return r < 0 || unlink(path) == 0 ? r : -errno;
}

int blobfile_unlink(const char *dir, const uint8_t sha256[32]) {
    char text[SHA_TEXT + 1];
    blobfile_sha_text(sha256, text);
    return blobfile_unlink_as(dir, text);
}

static int each_in(const char *dir, const char *sub,
                   int (*each)(void *arg, const uint8_t sha256[32], uint64_t size,
                               int64_t changed_ms),
                   void *arg) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", dir, sub);
    DIR *d = opendir(path);
    int r = 0;
    if (d == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(d); entry != NULL && r == 0; entry = readdir(d)) {
        uint8_t sha[32];
        struct stat st;
        if (strlen(entry->d_name) == SHA_TEXT && blobfile_sha_parse(entry->d_name, sha) &&
            fstatat(dirfd(d), entry->d_name, &st, 0) == 0) {
            int64_t changed_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
            r = each(arg, sha, (uint64_t)st.st_size, changed_ms);
        }
    }
    (void)closedir(d);
    return r;
}

int blobfile_each(const char *dir,
                  int (*each)(void *arg, const uint8_t sha256[32], uint64_t size,
                              int64_t changed_ms),
                  void *arg) {
    DIR *d = opendir(dir);
    int r = 0;
    if (d == NULL) {
        return -errno;
    }
    for (struct dirent *entry = readdir(d); entry != NULL && r == 0; entry = readdir(d)) {
        if (strlen(entry->d_name) == 2 && digit(entry->d_name[0]) >= 0) {
            r = each_in(dir, entry->d_name, each, arg);
        }
    }
    (void)closedir(d);
    return r;
}
