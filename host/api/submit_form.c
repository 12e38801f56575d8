/* Submissions by form: which parts there may be, and how its files become the job's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/submit.h"
#include "api/submit_item.h"
#include "base/fault.h"

int submit_check_file(const struct form *form, const struct multipart *part,
                      struct problem *ret_problem) {
    size_t files = 0;
    for (const struct form_part *p = form->parts; p != NULL; p = p->next) {
        files += p->is_file;
    }
    *ret_problem = (struct problem){.status = 400};
    if (files == JOB_FILES_MAX) {
        ret_problem->code = "too_many_files";
        (void)snprintf(ret_problem->message, sizeof ret_problem->message,
                       "a job has at most %d files", JOB_FILES_MAX);
        return -EINVAL;
    }
    if (job_check_file_name(part->name, NULL) < 0 ||
        (part->filename[0] != '\0' && job_check_file_name(part->filename, NULL) < 0)) {
        ret_problem->code = "bad_file";
        (void)snprintf(ret_problem->message, sizeof ret_problem->message,
                       "names and file names of parts have 1 to %d bytes, without slashes and "
                       "control characters",
                       JOB_FILE_NAME_MAX);
        return -EINVAL;
    }
    return 0;
}

static int begin_part(struct form *form, const struct multipart *part, bool *ret_is_file,
                      uint64_t *ret_max, struct problem *ret_problem) {
    const struct call *call = form->call;
    *ret_is_file = strcmp(part->name, "job") != 0;
    if (*ret_is_file) {
        *ret_max = (uint64_t)call->host->config->store.blobs_max_in_store;
        return submit_check_file(form, part, ret_problem);
    }
    *ret_max = call->api->submit_body_max;
    if (form_find(form, "job", NULL) != NULL) {
        *ret_problem = (struct problem){.status = 400,
                                        .code = "repeated_field",
                                        .field = "job",
                                        .message = "a form has one part named job"};
        return -EINVAL;
    }
    return 0;
}

const struct form_rules submit_form_rules = {.begin = begin_part};

struct bytes submit_form_job(const struct form *form) {
    const struct form_part *job = form_find(form, "job", NULL);
    return job == NULL ? (struct bytes){NULL, 0} : job->text;
}

int submit_form_files(struct submit *s, struct job_request *request, struct problem *ret) {
    struct job_file *files = arena_zalloc(&s->call->req->arena, JOB_FILES_MAX * sizeof *files);
    size_t count = request->file_count;
    if (files == NULL) {
        *ret = (struct problem){
            .status = 503, .code = "out_of_memory", .message = "the host is out of memory"};
        return -ENOMEM;
    }
    if (count > 0) {
        memcpy(files, request->files, count * sizeof *files);
    }
    for (const struct form_part *p = s->form->parts; p != NULL; p = p->next) {
        if (p->is_file && count == JOB_FILES_MAX) {
            *ret = (struct problem){.status = 400, .code = "too_many_files", .field = "files"};
            (void)snprintf(ret->message, sizeof ret->message, "a job has at most %d files",
                           JOB_FILES_MAX);
            return -EINVAL;
        }
        if (p->is_file) {
            files[count++] = (struct job_file){
                .name = p->name, .filename = p->filename, .content_type = p->content_type};
        }
    }
    s->slots[0].files = files;
    request->files = files;
    request->file_count = count;
    return 0;
}

void submit_form_stored(struct submit *s) {
    struct job_file *file = s->slots[0].files + s->slots[0].named;
    for (const struct form_part *p = s->form->parts; p != NULL; p = p->next) {
        if (p->is_file) {
            file++->blob = p->blob;
        }
    }
    if (fault(FAULT_FORM_STORED) != 0) {
        struct problem problem;
        call_store_problem(-EIO, "fault injected", &problem);
        submit_refuse(s, &s->slots[0], &problem);
    }
}
