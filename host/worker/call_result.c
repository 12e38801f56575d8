#include "worker/call_result.h"

#include <errno.h>
#include <unistd.h>

#include "base/write_all.h"
#include "worker/check.h"
#include "worker/state.h"

// Moves what was collected in memory to the memfd.
static int spill(struct call_result *r) {
    if (r->fd == -1) {
        int fd = record_memfd_open();
        if (fd < 0) {
            return fd;
        }
        r->fd = fd;
    }
    int rc = write_all(r->fd, buf_bytes(&r->data));
    buf_clear(&r->data);
    return rc;
}

int call_result_add(struct jh_call *pub, struct jh_bytes chunk) {
    struct call *c = call_of(pub);
    struct call_result *r = &c->result;
    int rc = call_check(c);
    if (rc == 0) {
        rc = check_bytes(chunk, CHECK_RESULT_MAX - (size_t)r->size);
    }
    if (rc < 0) {
        return call_refuse(c, "result", rc);
    }
    if (r->data.len + chunk.len > RECORD_INLINE_MAX) {
        rc = spill(r);
    }
    if (rc == 0 && chunk.len > RECORD_INLINE_MAX) {
        rc = write_all(r->fd, (struct bytes){chunk.data, chunk.len});
    } else if (rc == 0 && chunk.len > 0) {
        buf_add(&r->data, chunk.data, chunk.len);
        rc = r->data.failed ? -ENOMEM : 0;
    }
    if (rc < 0) { // what was collected is torn: the run must not succeed with it
        c->notes.broken = rc;
        return call_refuse(c, "result", rc);
    }
    r->size += chunk.len;
    return 0;
}

static int copy_file(int from, int to, uint64_t max, uint64_t *ret_size) {
    char block[64 * 1024];
    uint64_t size = 0;
    for (;;) {
        ssize_t n = pread(from, block, sizeof block, (off_t)size);
        if (n == -1 && errno != EINTR) {
            return -errno;
        }
        if (n == 0) {
            *ret_size = size;
            return 0;
        }
        if (n > 0) {
            size += (uint64_t)n;
            int rc = size > max ? -EFBIG : write_all(to, (struct bytes){block, (size_t)n});
            if (rc < 0) {
                return rc;
            }
        }
    }
}

int call_result_copy(int fd, uint64_t max, uint64_t *ret_size) {
    int rc = check_file(fd);
    int own = rc < 0 ? rc : record_memfd_open();
    if (own < 0) {
        return own;
    }
    rc = copy_file(fd, own, max, ret_size);
    if (rc < 0) {
        (void)close(own);
        return rc;
    }
    return own;
}

int call_result_fd(struct jh_call *pub, int fd, const char *content_type) {
    struct call *c = call_of(pub);
    struct call_result *r = &c->result;
    int rc = call_check(c);
    if (rc == 0 && content_type != NULL) {
        rc = call_result_type(pub, content_type);
    }
    if (rc < 0) {
        return call_refuse(c, "result_fd", rc);
    }
    uint64_t size = 0;
    int own = call_result_copy(fd, CHECK_RESULT_MAX, &size);
    if (own < 0) {
        return call_refuse(c, "result_fd", own);
    }
    call_result_finish(c);
    r->fd = own;
    r->size = size;
    return 0;
}

int call_result_type(struct jh_call *pub, const char *content_type) {
    struct call *c = call_of(pub);
    int rc = call_check(c);
    if (rc == 0) {
        rc = check_text(content_type, JOB_CONTENT_TYPE_MAX);
    }
    if (rc < 0) {
        return call_refuse(c, "result_type", rc);
    }
    char *copy = arena_str(&c->arena, content_type);
    if (copy == NULL) {
        return -ENOMEM;
    }
    c->result.type = copy;
    return 0;
}

static int put_chunk(struct call *c) {
    struct sender *s = c->sender;
    struct call_result *r = &c->result;
    int rc;
    do {
        record_begin(&s->w, REC_RESULT, c->task->slot);
        if (r->fd != -1) {
            record_bytes_fd(&s->w, r->fd, r->size);
        } else {
            (void)record_bytes(&s->w, buf_bytes(&r->data));
        }
        rc = record_end(&s->w);
    } while (sender_again(s, &rc));
    if (rc == 0) {
        r->fd = -1; // the writer's now
    }
    return rc;
}

int call_result_put(struct call *c) {
    struct call_result *r = &c->result;
    int rc = 0;
    if (r->fd != -1) {
        rc = spill(r);
        rc = rc < 0 ? rc : record_memfd_seal(r->fd);
    }
    if (rc == 0 && r->size > 0) {
        rc = put_chunk(c);
    }
    if (rc == 0 && r->type != NULL) {
        do {
            record_begin(&c->sender->w, REC_RESULT_TYPE, c->task->slot);
            record_str(&c->sender->w, r->type);
            rc = record_end(&c->sender->w);
        } while (sender_again(c->sender, &rc));
    }
    return rc;
}

void call_result_finish(struct call *c) {
    struct call_result *r = &c->result;
    if (r->fd != -1) {
        (void)close(r->fd);
    }
    if (r->data.cap > 0) {
        buf_free(&r->data);
    }
    *r = (struct call_result){.fd = -1, .type = r->type};
}
