#include "worker/call_blob.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "worker/ask.h"
#include "worker/call_result.h"
#include "worker/state.h"

static int blob_input(struct jh_call *pub, uint32_t index, struct jh_input *ret_input) {
    struct call *c = call_of(pub);
    int rc = call_check(c);
    if (rc < 0) {
        return rc;
    }
    const struct msg_job *job = &c->task->message;
    if (index >= job->input_count || ret_input == NULL || ret_input->size < sizeof *ret_input) {
        return call_refuse(c, "input", -EINVAL);
    }
    const struct msg_input *in = &job->inputs[index];
    *ret_input = (struct jh_input){
        .size = sizeof *ret_input,
        .length = in->size,
        .name = in->name,
        .content_type = in->content_type == NULL ? "application/octet-stream" : in->content_type,
    };
    memcpy(ret_input->sha256, in->sha256, sizeof ret_input->sha256);
    return 0;
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

const struct jh_blob call_blob_table = {
    .size = sizeof(struct jh_blob),
    .input = blob_input,
    .open = blob_open,
    .result_fd = call_result_fd,
    .result_type = call_result_type,
};
