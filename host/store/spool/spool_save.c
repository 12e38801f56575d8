#define _GNU_SOURCE // copy_file_range, O_CLOEXEC in all headers
#include "store/spool/spool_save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/rfc3339.h"
#include "base/write_all.h"

/* ------------------------------------------------------------------ the line */

static void add_hex(struct buf *out, const char *key, const uint8_t *bytes, size_t len) {
    json_key(out, key);
    buf_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        buf_printf(out, "%02x", bytes[i]);
    }
    buf_char(out, '"');
}

static void add_duration(struct buf *out, const char *key, int64_t ms) {
    char text[48];
    if (ms > 0) {
        duration_format(ms, text, sizeof text);
        json_kstr(out, key, text);
    }
}

static void add_raw(struct buf *out, const char *key, struct bytes json) {
    json_key(out, key);
    buf_add(out, json.data, json.len);
}

static bool is_json(const struct job_spec *spec) {
    return spec->content_type == NULL && spec->payload.len > 0 && json_is_valid(spec->payload) &&
           memchr(spec->payload.data, '\n', spec->payload.len) == NULL;
}

static void add_files(struct buf *out, const struct job_spec *spec) {
    json_key(out, "files");
    buf_char(out, '[');
    for (size_t i = 0; i < spec->file_count; i++) {
        const struct job_file *f = &spec->files[i];
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "name", f->name);
        json_kstr(out, "filename", f->filename);
        json_kstr(out, "content_type", f->content_type);
        add_hex(out, "sha256", f->blob.sha256, sizeof f->blob.sha256);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

static void add_labels(struct buf *out, const char *labels) {
    json_key(out, "labels");
    buf_char(out, '[');
    while (*labels != '\0') {
        size_t len = strcspn(labels, ",");
        json_comma(out);
        json_strn(out, labels, len);
        labels += len + (labels[len] == ',');
    }
    buf_char(out, ']');
}

static void add_dedup(struct buf *out, const struct job_spec *spec) {
    json_kstr(out, "key", spec->dedup_key);
    json_key(out, "dedup");
    buf_char(out, '{');
    json_kstr(out, "mode", dedup_mode_name((int)spec->dedup_mode));
    if (spec->dedup_ttl_ms < 0) {
        json_kstr(out, "ttl", "0s"); // with the job
    }
    add_duration(out, "ttl", spec->dedup_ttl_ms);
    buf_char(out, '}');
}

static void add_job(struct buf *out, const struct job_spec *spec) {
    int64_t created = id_time_ms(&spec->id);
    buf_char(out, '{');
    json_kstr(out, "type", spec->type);
    json_kstr(out, "queue", spec->queue);
    json_kstr(out, "user", spec->tenant);
    json_kstr(out, "priority", priority_name((int)spec->priority));
    if (is_json(spec)) {
        add_raw(out, "payload", spec->payload);
    }
    json_ktime(out, "run_at", spec->run_at_ms);
    if (spec->dedup_key != NULL) {
        add_dedup(out, spec);
    }
    if (spec->max_attempts > 0) {
        json_kint(out, "max", spec->max_attempts);
    }
    add_duration(out, "timeout", spec->timeout_ms);
    add_duration(out, "deadline", spec->deadline_ms == 0 ? 0 : spec->deadline_ms - created);
    add_duration(out, "expires", spec->expires_ms == 0 ? 0 : spec->expires_ms - created);
    if (spec->labels != NULL) {
        add_labels(out, spec->labels);
    }
    json_kstr(out, "callback", spec->callback);
    if (spec->retry != NULL) {
        add_raw(out, "retry", (struct bytes){spec->retry, strlen(spec->retry)});
    }
    json_kstr(out, "flow", spec->flow_id);
    if (spec->file_count > 0) {
        add_files(out, spec);
    }
    buf_char(out, '}');
}

void spool_save_line(struct buf *out, const struct spool_entry *entry, const char *reason,
                     const char *detail, int64_t now_ms) {
    const struct job_spec *spec = &entry->spec;
    char id[JOB_ID_TEXT + 1];
    id_format(&spec->id, id);
    buf_char(out, '{');
    json_kstr(out, "id", id);
    json_kstr(out, "reason", reason);
    json_kstr(out, "detail", detail);
    json_ktime(out, "accepted_at", entry->spooled_ms);
    json_ktime(out, "moved_at", now_ms);
    json_key(out, "job");
    add_job(out, spec);
    if (spec->payload.len > 0 && !is_json(spec)) {
        json_kstr(out, "content_type", spec->content_type);
        add_hex(out, "payload_hex", spec->payload.data, spec->payload.len);
    }
    buf_str(out, "}\n");
}

/* ------------------------------------------------------------------ the files */

static int sync_folder_of(const char *path) {
    char folder[4200];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
                   slash == NULL ? "." : path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd == -1 || fsync(fd) == -1 ? -errno : 0;
    if (fd != -1) {
        (void)close(fd);
    }
    return r;
}

// To `fd`, from its beginning.
static int copy(int from, int fd) {
    static const size_t piece = (size_t)1 << 20;
    off_t at = 0;
    for (;;) {
        ssize_t n = copy_file_range(from, &at, fd, NULL, piece, 0);
        if (n <= 0) {
            return n == 0 ? 0 : -errno;
        }
    }
}

static int save_file(const char *path, const struct spool_save_file *file) {
    char name[4400];
    int n = snprintf(name, sizeof name, "%s.undelivered", path);
    if (mkdir(name, 0700) == -1 && errno != EEXIST) {
        return -errno;
    }
    name[n++] = '/';
    for (size_t i = 0; i < sizeof file->sha256; i++) {
        n += snprintf(name + n, sizeof name - (size_t)n, "%02x", file->sha256[i]);
    }
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r = fd == -1 ? -errno : copy(file->fd, fd);
    r = r == 0 && fsync(fd) == -1 ? -errno : r;
    if (fd != -1) {
        (void)close(fd);
    }
    return r == 0 ? sync_folder_of(name) : r;
}

static int save_line(const char *path, struct bytes line) {
    char name[4200];
    (void)snprintf(name, sizeof name, "%s.undelivered.jsonl", path);
    int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int r = fd == -1 ? -errno : write_all(fd, line);
    r = r == 0 && fsync(fd) == -1 ? -errno : r;
    if (fd != -1) {
        (void)close(fd);
    }
    return r == 0 ? sync_folder_of(name) : r;
}

int spool_save(const char *path, struct bytes line, const struct spool_save_file *files,
               size_t count) {
    int r = 0;
    for (size_t i = 0; i < count; i++) {
        r = r == 0 ? save_file(path, &files[i]) : r;
        (void)close(files[i].fd);
    }
    return r == 0 ? save_line(path, line) : r;
}
