#include "worker/call_blob.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "worker/ask.h"
#include "worker/call_result.h"
#include "worker/check.h"
#include "worker/state.h"

static int blob_input(struct jh_call *pub, uint32_t index, struct jh_input *ret_input) {
    struct call *c = call_of(pub);
    int rc = call_check(c);
    if (rc < 0) {
        return rc;
    }
    const struct msg_job *job = &c->task->message;
    if (index >= job->input_count) {
        return call_refuse(c, "input", -EINVAL);
    }
    const struct msg_input *in = &job->inputs[index];
    struct jh_input full = {
        .length = in->size,
        .name = in->name,
        .filename = in->filename,
        .content_type = in->content_type == NULL ? "application/octet-stream" : in->content_type,
    };
    memcpy(full.sha256, in->sha256, sizeof full.sha256);
    rc = check_input_room(&full, ret_input);
    return rc < 0 ? call_refuse(c, "input", rc) : 0;
}

static int blob_open(struct jh_call *pub, uint32_t index) {
    struct call *c = call_of(pub);
    int rc = call_check(c);
    if (rc == 0 && index >= c->task->message.input_count) {
        rc = -EINVAL;
    }
    if (rc < 0) {
        return call_refuse(c, "open", rc);
    }
    char number[16];
    (void)snprintf(number, sizeof number, "%u", index);
    struct answer a;
    rc = ask_value(c, GET_INPUT, number, (struct bytes){NULL, 0}, &a);
    if (rc < 0) {
        return rc;
    }
    if (a.status != 0 && a.fd != -1) { // a refusal that comes with a file
        (void)close(a.fd);
    }
    if (a.status != 0) {
        return a.status < 0 ? a.status : -ENOENT;
    }
    return a.fd != -1 ? a.fd : -EIO;
}

static int put_output(struct call *c, const char *name, int fd, const char *content_type) {
    uint64_t limit = c->task->message.max_result;
    struct msg_output m = {.name = name, .content_type = content_type, .content = {.by_fd = true}};
    struct answer a = {.fd = -1};
    uint64_t size = 0;
    int own = call_result_copy(fd, limit < CHECK_RESULT_MAX ? limit : CHECK_RESULT_MAX, &size);
    if (own < 0) {
        return own;
    }
    m.content.fd = own;
    m.content.data.len = size;
    int rc = record_memfd_seal(own);
    rc = rc < 0 ? rc : ask_output(c, &m, &a);
    msg_bytes_close(&m.content); // unless it was sent
    if (rc == 0 && a.fd != -1) {
        (void)close(a.fd);
    }
    return rc < 0 ? rc : a.status > 0 ? -EIO : a.status;
}

static int blob_output_fd(struct jh_call *pub, const char *name, int fd, const char *content_type) {
    struct call *c = call_of(pub);
    int rc = call_check_job(c);
    if (rc == 0) {
        rc = check_output(name, content_type);
    }
    if (rc == 0) {
        rc = put_output(c, name, fd, content_type);
    }
    return rc < 0 ? call_refuse(c, "output_fd", rc) : 0;
}

const struct jh_blob call_blob_table = {
    .size = sizeof(struct jh_blob),
    .input = blob_input,
    .open = blob_open,
    .result_fd = call_result_fd,
    .result_type = call_result_type,
    .output_fd = blob_output_fd,
};
