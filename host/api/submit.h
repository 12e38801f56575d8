/* A submission under way. Shared by submit.c and submit_files.c. */
#ifndef JOBHOST_API_SUBMIT_H
#define JOBHOST_API_SUBMIT_H

#include "api/call.h"
#include "api/form.h"

enum { SUBMIT_ITEMS_MAX = 1000 };

struct submit_slot {
    struct job_spec spec;
    struct job_file *files;        /* spec.files, writable: contents are filled in  */
    size_t named;                  /* so many of them name content sent before      */
    const struct problem *problem; /* this one is refused; the others go on         */
};

struct submit {
    struct store_submit store;
    struct call *call;
    bool is_array;
    struct submit_slot *slots;
    size_t count, room;
    unsigned file_ops; /* files whose content is being looked for       */
    struct form *form; /* brings the other files of its one job; or NULL */
    void (*answer)(struct submit *s);
};

/* What a form with a job may have: the part `job`, and files. */
extern const struct form_rules submit_form_rules;

/* Is this part a file that a job may have? 0, or -EINVAL with *ret_problem. */
int submit_check_file(const struct form *form, const struct multipart *part,
                      struct problem *ret_problem);

/* The part `job`, valid JSON; {NULL, 0}: *ret_problem says what is wrong with it. */
struct bytes submit_form_job(const struct form *form, struct problem *ret_problem);
/* Adds the form's files behind those that the request names; their content follows with
 * submit_form_stored(). 0, or a negative errno with *ret_problem. */
int submit_form_files(struct submit *s, struct job_request *request, struct problem *ret_problem);
/* The form's files are in the store. */
void submit_form_stored(struct submit *s);

/* One job made by a view out of a form (NULL: without files). Its files follow those of the request.
 * `answer` finds the job's problem in slots[0], or its fate in store.items[0]. */
void submit_request(struct call *call, struct job_request *request, struct form *form,
                    void (*answer)(struct submit *s));
/* Why the store did not take the job. */
void submit_refusal(const struct store_submit_item *item, struct problem *ret);

/* Looks for the content of every named file. `go_on` is called when all have been found or refused (at
 * once if there are none). */
void submit_files_check(struct submit *s, void (*go_on)(struct submit *s));

/* Refuses one job of the submission; the problem is copied. */
void submit_refuse(struct submit *s, struct submit_slot *slot, const struct problem *problem);

#endif
