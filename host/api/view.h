/* A view: the fields, status codes and errors that another program's front end expects, over the
 * same jobs. Each is a table in a file of its own; what is done with the tables is in
 * view_submit.c and view_job.c. docs/routes.md lists the views for those who call them. */
#ifndef JOBHOST_API_VIEW_H
#define JOBHOST_API_VIEW_H

#include "api/call.h"
#include "api/form.h"

enum view_kind {
    VIEW_TEXT,   /* a string of the payload                    */
    VIEW_NUMBER, /* a number of the payload, as it was written */
    VIEW_JSON,   /* any JSON of the payload, as it was written */
    VIEW_FILE,   /* files of the job, named by the field       */
};

/* A field of the form. One that is empty is as good as one that is not there. */
struct view_input {
    const char *name;
    enum view_kind kind;
    bool many; /* files: it may be there several times       */
    bool required;
    bool one_of; /* at least one of those must be there        */
    size_t max;  /* bytes; files: store.blobs.max_in_store      */
};

enum { VIEW_INPUTS_MAX = 32, VIEW_FIELD_MAX = 64 * 1024 };

struct view {
    const char *name; /* one of config_view_names */
    /* action submit: multipart/form-data */
    const struct view_input *inputs;
    size_t input_count;
    const char *none_given; /* words for 400: none of one_of is there */
    int accepted_status;
    void (*accepted)(struct buf *out, const struct job_id *id);
    /* action status; `live` may be NULL */
    void (*status)(struct buf *out, const struct store_job *job, const struct job_live *live);
    /* action events: the name of an event whose data is the above; NULL = the API's own events */
    const char *event;
    /* action result of a job that has none */
    int unfinished_status, failed_status;
    const char *unfinished;
    void (*failed)(const struct store_job *job, char *out, size_t cap);
    /* 404 */
    const char *unknown, *expired;
    /* Every refusal: its status may be another one than the API's. */
    int invalid_status; /* a field has the wrong form, or the job refuses the payload */
    void (*problem)(struct buf *out, const struct problem *problem);
};

/* NULL: no such view, or v1, which is the API itself. */
const struct view *view_find(const char *name);

/* Files of their own: */
extern const struct view view_amazon;

/* Actions. call->custom says which view. */
void view_submit_admit(struct call *call, struct request_body *body);
void view_submit_handle(struct call *call);
void view_status_handle(struct call *call);
void view_result_handle(struct call *call);

#endif
