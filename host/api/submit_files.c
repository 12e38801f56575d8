/* Files of submitted jobs: their content must be in the store already (POST /v1/blobs). */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/submit.h"

struct file_check {
    struct store_blob_open open;
    struct submit *submit;
    struct submit_slot *slot;
    struct job_file *file;
    void (*go_on)(struct submit *s);
};

static void refuse_file(struct file_check *check, int status) {
    struct problem problem;
    if (status == -ENOENT) {
        problem = (struct problem){.status = 400, .code = "no_such_blob", .field = "files"};
        (void)snprintf(problem.message, sizeof problem.message,
                       "%.100s: its content is not here; send it with POST /v1/blobs first",
                       check->file->name);
    } else {
        call_store_problem(status, check->open.op.err.msg, &problem);
    }
    submit_refuse(check->submit, check->slot, &problem);
}

static void looked(struct store_op *op) {
    struct file_check *check = CONTAINER_OF(op, struct file_check, open.op);
    struct submit *s = check->submit;
    struct stat st;
    int status = op->status;
    if (status == 0) {
        status = fstat(check->open.fd, &st) == -1 ? -errno : 0;
        close(check->open.fd);
    }
    if (status == 0) {
        check->file->blob.size = (uint64_t)st.st_size;
    } else if (check->slot->problem == NULL) {
        refuse_file(check, status);
    }
    store_op_finish(op);
    if (--s->file_ops == 0) {
        check->go_on(s);
    }
}

static void look(struct submit *s, struct submit_slot *slot, struct job_file *file,
                 void (*go_on)(struct submit *s)) {
    struct file_check *check = arena_zalloc(&s->call->req->arena, sizeof *check);
    if (check == NULL) {
        submit_refuse(s, slot, &(struct problem){.status = 503, .code = "out_of_memory"});
        return;
    }
    check->submit = s;
    check->slot = slot;
    check->file = file;
    check->go_on = go_on;
    check->open.ref = file->blob;
    call_op(s->call, &check->open.op, STORE_BLOB_OPEN, looked);
    s->file_ops++;
    store_post(&s->call->host->store, &check->open.op);
}

void submit_files_check(struct submit *s, void (*go_on)(struct submit *s)) {
    for (size_t i = 0; i < s->count; i++) {
        struct submit_slot *slot = &s->slots[i];
        for (size_t f = 0; slot->problem == NULL && f < slot->named; f++) {
            look(s, slot, &slot->files[f], go_on);
        }
    }
    if (s->file_ops == 0) {
        go_on(s);
    }
}
