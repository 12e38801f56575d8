#define _GNU_SOURCE // O_NOFOLLOW
#include "supervisor/pin_file.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/write_all.h"

/* ------------------------------------------------------------------ the text */

static void print_pin(const struct pin *p, struct buf *out) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "plugin", p->plugin);
    json_kstr(out, "sha256", p->sha256);
    json_kint(out, "since_ms", p->since_ms);
    json_key(out, "types");
    buf_char(out, '[');
    for (size_t i = 0; i < p->type_count; i++) {
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "type", p->types[i].type);
        json_kint(out, "oldest", p->types[i].oldest);
        json_kint(out, "version", p->types[i].version);
        buf_char(out, '}');
    }
    buf_str(out, "]}");
}

void pin_file_print(const struct pin *pins, size_t count, struct buf *out) {
    buf_str(out, "{\"pins\":[");
    for (size_t i = 0; i < count; i++) {
        print_pin(&pins[i], out);
    }
    buf_str(out, "]}\n");
}

static const char *text_of(const cJSON *object, const char *name) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static bool take_number(const cJSON *object, const char *name, double most, double *ret) {
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(object, name);
    *ret = cJSON_IsNumber(n) ? n->valuedouble : -1;
    return *ret >= 1 && *ret <= most;
}

static bool take_type(const cJSON *item, struct pin_type *ret) {
    const char *type = text_of(item, "type");
    double oldest, version;
    struct err e;
    if (type == NULL || job_check_type(type, &e) != 0 ||
        !take_number(item, "version", UINT32_MAX, &version) ||
        !take_number(item, "oldest", version, &oldest)) {
        return false;
    }
    (void)snprintf(ret->type, sizeof ret->type, "%s", type);
    ret->oldest = (uint32_t)oldest;
    ret->version = (uint32_t)version;
    return true;
}

static bool is_sha256(const char *text) {
    return text != NULL && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static bool take_pin(const cJSON *item, struct pin *ret) {
    const char *plugin = text_of(item, "plugin"), *sha256 = text_of(item, "sha256");
    const cJSON *type;
    double since;
    struct err e;
    *ret = (struct pin){.type_count = 0};
    if (plugin == NULL || job_check_queue(plugin, &e) != 0 || !is_sha256(sha256) ||
        !take_number(item, "since_ms", (double)(INT64_C(1) << 53), &since)) {
        return false;
    }
    (void)snprintf(ret->plugin, sizeof ret->plugin, "%s", plugin);
    (void)snprintf(ret->sha256, sizeof ret->sha256, "%s", sha256);
    ret->since_ms = (int64_t)since;
    cJSON_ArrayForEach(type, cJSON_GetObjectItemCaseSensitive(item, "types")) {
        if (ret->type_count < PIN_TYPES_MAX && take_type(type, &ret->types[ret->type_count])) {
            ret->type_count++;
        }
    }
    return ret->type_count > 0;
}

size_t pin_file_parse(struct bytes text, struct pin *ret) {
    cJSON *tree = cJSON_ParseWithLength(text.data, text.len);
    const cJSON *item;
    size_t count = 0;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(tree, "pins")) {
        if (count < PINS_MAX && take_pin(item, &ret[count])) {
            count++;
        }
    }
    cJSON_Delete(tree);
    return count;
}

/* ------------------------------------------------------------------ the file */

static int path_of(const char *state_dir, const char *end, char out[PATH_MAX], struct err *e) {
    int n = snprintf(out, PATH_MAX, "%s/run/pins.json%s", state_dir, end);
    return n < 0 || n >= PATH_MAX ? err_set(e, -ENAMETOOLONG, "%s: the path is too long", state_dir)
                                  : 0;
}

static int read_all(int fd, struct buf *out) {
    char block[4096];
    ssize_t n;
    while ((n = read(fd, block, sizeof block)) != 0) {
        if (n == -1 && errno != EINTR) {
            return -errno;
        }
        buf_add(out, block, n > 0 ? (size_t)n : 0);
        if (out->failed || out->len > PIN_FILE_MAX) {
            return out->failed ? -ENOMEM : -EFBIG;
        }
    }
    return 0;
}

int pin_file_read(const char *state_dir, struct pin *ret, size_t *ret_count, struct err *e) {
    char path[PATH_MAX];
    struct buf text = {0};
    *ret_count = 0;
    int r = path_of(state_dir, "", path, e);
    if (r < 0) {
        return r;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd == -1) {
        return errno == ENOENT ? 0 : err_errno(e, -errno, "%s", path);
    }
    r = read_all(fd, &text);
    (void)close(fd);
    if (r == 0) {
        *ret_count = pin_file_parse(buf_bytes(&text), ret);
    }
    buf_free(&text);
    return r == 0 ? 0 : err_errno(e, r, "%s", path);
}

int pin_file_write(const char *state_dir, struct bytes text, struct err *e) {
    char path[PATH_MAX], fresh[PATH_MAX];
    int r = path_of(state_dir, "", path, e);
    r = r < 0 ? r : path_of(state_dir, ".new", fresh, e);
    if (r < 0) {
        return r;
    }
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd == -1) {
        return err_errno(e, -errno, "%s", fresh);
    }
    r = write_all(fd, text);
    r = r == 0 && fsync(fd) == -1 ? -errno : r;
    r = close(fd) == -1 && r == 0 ? -errno : r;
    r = r == 0 && rename(fresh, path) == -1 ? -errno : r;
    return r == 0 ? 0 : err_errno(e, r, "%s", fresh);
}
