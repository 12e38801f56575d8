// The extension blob: inputs that the test gave, results and outputs over the same vault.
#define _GNU_SOURCE // memfd_create

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/job.h"
#include "harness.h"
#include "worker/check.h"

static int blob_input(struct jh_call *call, uint32_t index, struct jh_input *ret_input) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    int rc = harness_check_run(h);
    if (rc == 0 && index >= h->job.input_count) {
        rc = -EINVAL;
    }
    if (rc == 0) {
        const struct harness_input *in = &h->inputs[index];
        rc = check_input_room(&(struct jh_input){.length = in->content.len,
                                                 .name = in->name,
                                                 .content_type = in->content_type,
                                                 .filename = in->filename},
                              ret_input);
    }
    return harness_refuse(h, "input", rc);
}

static int blob_open(struct jh_call *call, uint32_t index) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    int rc = harness_check_run(h);
    if (rc == 0 && index >= h->job.input_count) {
        rc = -EINVAL;
    }
    if (rc < 0) {
        return harness_refuse(h, "open", rc);
    }
    struct bytes content = h->inputs[index].content;
    int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd == -1) {
        return -errno;
    }
    if (write(fd, content.data, content.len) != (ssize_t)content.len ||
        lseek(fd, 0, SEEK_SET) == -1) {
        (void)close(fd);
        return -EIO;
    }
    return fd;
}

static int blob_result_type(struct jh_call *call, const char *content_type) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    int rc = harness_check_run(h);
    if (rc == 0) {
        rc = check_text(content_type, JOB_CONTENT_TYPE_MAX);
    }
    if (rc == 0) {
        h->attempt.result_type = arena_str(&h->attempt.arena, content_type);
    }
    return harness_refuse(h, "result_type", rc);
}

// Adds all of the file to an empty buffer: 0, -EFBIG over `max`, or another negative errno.
static int read_all(int fd, uint64_t max, struct buf *ret) {
    int rc = check_file(fd);
    while (rc == 0) {
        char block[16384];
        ssize_t n = pread(fd, block, sizeof block, (off_t)ret->len);
        if (n == 0) {
            break;
        }
        if (n > 0) {
            buf_add(ret, block, (size_t)n);
            rc = ret->failed ? -ENOMEM : ret->len > max ? -EFBIG : 0;
        } else if (errno != EINTR) {
            rc = -errno;
        }
    }
    return rc;
}

static int blob_result_fd(struct jh_call *call, int fd, const char *content_type) {
    struct jh_harness *h = harness_of(call);
    struct buf content = {0};
    harness_enter(h);
    int rc = harness_check_run(h);
    if (rc == 0 && content_type != NULL) {
        rc = blob_result_type(call, content_type);
    }
    if (rc == 0) {
        rc = read_all(fd, CHECK_RESULT_MAX, &content);
    }
    if (rc < 0) {
        buf_free(&content);
        return harness_refuse(h, "result_fd", rc);
    }
    buf_free(&h->attempt.result);
    h->attempt.result = content;
    return 0;
}

// Would one more name be too many? Counts those that are committed and those that are asked for.
static bool outputs_full(const struct jh_harness *h, const char *name) {
    size_t count;
    if (vault_named(&h->vault, WISH_OUTPUT, name) != NULL) {
        return false;
    }
    (void)vault_effect(&h->vault, WISH_OUTPUT, 0, &count);
    for (const struct wish *w = h->attempt.wishes; w != NULL; w = w->next) {
        if (w->kind != WISH_OUTPUT) {
            continue;
        }
        if (strcmp(w->name, name) == 0) {
            return false;
        }
        count += vault_named(&h->vault, WISH_OUTPUT, w->name) == NULL;
    }
    return count >= JOB_OUTPUTS_MAX;
}

// Of several wishes for one name the last one counts; the earlier ones need no room.
static void forget_output(struct jh_harness *h, const char *name) {
    struct attempt *a = &h->attempt;
    struct wish **at = &a->wishes;
    while (*at != NULL) {
        if ((*at)->kind == WISH_OUTPUT && strcmp((*at)->name, name) == 0) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
    a->wishes_end = at;
}

static int blob_output_fd(struct jh_call *call, const char *name, int fd,
                          const char *content_type) {
    struct jh_harness *h = harness_of(call);
    struct buf content = {0};
    harness_enter(h);
    int rc = harness_check_job(h);
    if (rc == 0) {
        rc = check_output(name, content_type);
    }
    if (rc == 0) {
        rc = outputs_full(h, name) ? -ENOSPC : read_all(fd, h->max_result, &content);
    }
    if (rc == 0) {
        forget_output(h, name);
        rc =
            harness_wish(h, &(struct wish){.kind = WISH_OUTPUT,
                                           .name = name,
                                           .type = content_type == NULL ? "application/octet-stream"
                                                                        : content_type,
                                           .value = buf_bytes(&content)});
    }
    buf_free(&content);
    return harness_refuse(h, "output_fd", rc);
}

const struct jh_blob harness_blob = {
    .size = sizeof(struct jh_blob),
    .input = blob_input,
    .open = blob_open,
    .result_fd = blob_result_fd,
    .result_type = blob_result_type,
    .output_fd = blob_output_fd,
};
