/* A multipart/form-data body. As it comes in its fields gather in memory, and each file goes to a
 * spool of its own; the order of the parts does not matter. When the body is there the handler may
 * refuse what is in it, or have the files put into the store.
 *
 *     form_admit() ─▶ pieces ─▶ multipart.h ─▶ parts ─▶ form_end() ─▶ the handler looks
 *                                                                         │
 *                                            parts have their blobs ◀─ form_store()
 *
 * Until form_store() nothing is left of a form whatever happens; what it has stored and no job
 * names is swept within the hour. */
#ifndef JOBHOST_API_FORM_H
#define JOBHOST_API_FORM_H

#include "api/call.h"
#include "net/multipart.h"

struct form;

/* A part that has been let in. */
struct form_part {
    struct form *form;
    struct form_part *next;
    const char *name;
    const char *filename;     /* NULL: none, or an empty one */
    const char *content_type; /* NULL: none */
    bool is_file;
    struct bytes text; /* a field's content */
    uint64_t size;
    struct blob_ref blob; /* a file's, after form_store() */
    /* private */
    uint64_t max;
    bool unnamed; /* its file name is "": nothing was chosen, if there is no content either */
    struct buf gathered;
    struct spool *spool;
    struct store_blob_put put;
};

enum { FORM_LEAVE_OUT = 1 };

struct form_rules {
    /* A part has begun, its facts are the parser's: is it a file, and how many bytes may it have? 0;
     * FORM_LEAVE_OUT: it is not to be kept; or -EINVAL with *ret_problem. */
    int (*begin)(struct form *form, const struct multipart *part, bool *ret_is_file,
                 uint64_t *ret_max, struct problem *ret_problem);
};

struct form {
    struct call *call;
    const struct form_rules *rules;
    struct form_part *parts; /* in the order in which they came */
    /* private */
    struct form_part **last, *now; /* now: NULL while a part is left out */
    struct multipart parser;
    unsigned open; /* files that are still being written, or put into the store */
    bool behind;
    int error; /* of the first spool that failed */
    struct problem problem;
    void (*then)(struct call *call);
};

/* Does the request say that it brings a form? */
bool form_is_sent(const struct call *call);

/* [admit] call->form takes the body. False: the call has been answered. */
bool form_admit(struct call *call, const struct form_rules *rules, struct request_body *body);

/* [handler] When all of it is there and its files are on the disk: then(). Else the call is
 * answered. File fields that a browser's user has left empty are no longer among the parts. */
void form_end(struct call *call, void (*then)(struct call *call));

/* Puts the files into the store: then(), or the call is answered. */
void form_store(struct form *form, void (*then)(struct call *call));

/* The first part of this name behind `after` (NULL: of all), or NULL. */
struct form_part *form_find(const struct form *form, const char *name,
                            const struct form_part *after);

#endif
