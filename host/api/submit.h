/* A submission under way. Shared by submit.c and submit_*.c.
 *
 *     text ─ submit_read() ─▶ slots ─▶ files ─▶ store ─▶ answer */
#ifndef JOBHOST_API_SUBMIT_H
#define JOBHOST_API_SUBMIT_H

#include "api/call.h"
#include "api/form.h"
#include "store/flows.h"

enum { SUBMIT_ITEMS_MAX = 1000 };

struct submit_slot {
    struct bytes text; /* the job as it came; {NULL, 0}: a view has made it */
    struct job_request request;
    struct job_spec spec;
    struct job_file *files;               /* spec.files, writable: contents are filled in  */
    size_t named;                         /* so many of them name content sent before      */
    const struct problem *problem;        /* this one is refused; the others go on         */
    const struct store_submit_item *item; /* what became of it, unless it is refused    */
};

struct submit {
    struct store_submit store;
    struct store_flow_join join; /* those that join flows; they go first */
    struct call *call;
    bool is_array;
    struct submit_slot *slots;
    size_t count;
    struct bytes text;               /* what submit_read() reads                     */
    size_t read, resolved;           /* slots                                        */
    int status;                      /* of the reading: 0, -E2BIG or -ENOMEM         */
    unsigned file_ops;               /* files whose content is being looked for       */
    struct form *form;               /* brings the other files of its one job; or NULL */
    void (*go_on)(struct submit *s); /* when its slots are complete                */
    void (*answer)(struct submit *s);
};

/* Zeroed; NULL: the call has been answered. */
struct submit *submit_new(struct call *call);
/* So many slots, in the call's arena. 0 or -ENOMEM. */
int submit_make_slots(struct submit *s, size_t count);

/* Fills the slots with the jobs of `text`, which is valid JSON: one, or an array of them. Little by
 * little where there is much of it. Then go_on(); or the call is answered. */
void submit_read(struct submit *s, struct bytes text);
/* What a slot's request asks for, by what host and configuration say; or its problem. */
void submit_resolve(struct submit *s, struct submit_slot *slot);

/* Does the request bring an Idempotency-Key? It is for one job. */
bool submit_key_is_sent(const struct call *call);
/* [any thread that has the call] It becomes the job's key, kept for a day after its success. 0, also
 * when there is none; or a negative errno with *ret_problem. */
int submit_key_take(const struct call *call, struct job_request *request,
                    struct problem *ret_problem);

/* What a form with a job may have: the part `job`, and files. */
extern const struct form_rules submit_form_rules;

/* Is this part a file that a job may have? 0, or -EINVAL with *ret_problem. */
int submit_check_file(const struct form *form, const struct multipart *part,
                      struct problem *ret_problem);

/* The text of the part `job`; {NULL, 0}: there is none. */
struct bytes submit_form_job(const struct form *form);
/* Adds the form's files behind those that the request names; their content follows with
 * submit_form_stored(). 0, or a negative errno with *ret_problem. */
int submit_form_files(struct submit *s, struct job_request *request, struct problem *ret_problem);
/* The form's files are in the store. */
void submit_form_stored(struct submit *s);

/* One job made by a view out of a form (NULL: without files). Its files follow those of the request.
 * `answer` finds the job's problem in slots[0], or its fate in store.items[0]. */
void submit_request(struct call *call, struct job_request *request, struct form *form,
                    void (*answer)(struct submit *s));
/* How a job that the store has taken stands, or the one that it is a duplicate of. */
enum job_state submit_state(const struct store_submit_item *item, int64_t now_ms);
/* The answer for it. */
void submit_accepted(struct buf *out, const struct store_submit_item *item, int64_t now_ms);
/* Why the store did not take the job. */
void submit_refusal(const struct store_submit_item *item, struct problem *ret);

/* Looks for the content of every named file. `go_on` is called when all have been found or refused (at
 * once if there are none). */
void submit_files_check(struct submit *s, void (*go_on)(struct submit *s));

/* [any thread that has the call] Refuses one job of the submission; the problem is copied. */
void submit_refuse(struct submit *s, struct submit_slot *slot, const struct problem *problem);

#endif
