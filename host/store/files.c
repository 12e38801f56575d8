#include "store/files.h"

#include <errno.h>
#include <string.h>

#include "store/pack.h"

static void pack_file(struct buf *b, const struct job_file *f) {
    struct buf one = {.data = NULL};
    buf_add(&one, f->blob.sha256, sizeof f->blob.sha256);
    buf_add(&one, &f->blob.size, sizeof f->blob.size);
    buf_add(&one, f->name, strlen(f->name) + 1);
    if (f->content_type != NULL) {
        buf_add(&one, f->content_type, strlen(f->content_type));
    }
    if (f->filename != NULL) {
        buf_char(&one, '\0');
        buf_add(&one, f->filename, strlen(f->filename));
    }
    b->failed = b->failed || one.failed;
    pack_bytes(b, FILES_ITEM, buf_bytes(&one));
    buf_free(&one);
}

void files_pack(struct buf *b, const struct job_file *files, size_t count) {
    for (size_t i = 0; i < count; i++) {
        pack_file(b, &files[i]);
    }
}

int files_take(struct files_taken *taken, struct bytes item) {
    struct job_file file = {.name = NULL};
    const char *p = item.data;
    size_t fixed = sizeof file.blob.sha256 + sizeof file.blob.size;
    const char *end = item.len > fixed ? memchr(p + fixed, '\0', item.len - fixed) : NULL;
    if (end == NULL || taken->count == JOB_FILES_MAX) {
        return -EBADMSG;
    }
    memcpy(file.blob.sha256, p, sizeof file.blob.sha256);
    memcpy(&file.blob.size, p + sizeof file.blob.sha256, sizeof file.blob.size);
    file.name = p + fixed;
    const char *type = end + 1, *last = p + item.len; // the record has a NUL there
    const char *mid = memchr(type, '\0', (size_t)(last - type));
    file.content_type = *type != '\0' ? type : NULL;
    file.filename = mid != NULL ? mid + 1 : NULL;
    taken->all[taken->count++] = file;
    return 0;
}

int files_keep(const struct files_taken *taken, struct arena *a, struct job_spec *spec) {
    spec->file_count = 0;
    if (taken->count == 0) {
        return 0;
    }
    struct job_file *copy = arena_alloc(a, taken->count * sizeof *copy);
    if (copy == NULL) {
        return -ENOMEM;
    }
    memcpy(copy, taken->all, taken->count * sizeof *copy);
    spec->files = copy;
    spec->file_count = taken->count;
    return 0;
}
