/* Small JSON bodies of actions: {"why": "...", "ids": [...], "dry_run": true}, by table. */
#ifndef JOBHOST_API_INPUT_H
#define JOBHOST_API_INPUT_H

#include "api/call.h"

enum input_kind { INPUT_TEXT, INPUT_WHY, INPUT_BOOL, INPUT_IDS, INPUT_OBJECT, INPUT_QUEUES };

struct input_ids {
    struct job_id *ids;
    size_t count;
};
enum { INPUT_IDS_MAX = 1000, INPUT_WHY_MAX = 500 };

struct input_field {
    const char *name;
    enum input_kind kind;
    void *
        to; /* const char * (TEXT, WHY; QUEUES: an array of names, "a,b") | bool | struct input_ids | struct bytes (raw text) */
};

/* Reads the call's body (an object, or empty) into the fields; those that are not there keep their
 * values. False: the call has been answered with 400. */
bool input_read(struct call *call, const struct input_field *fields, size_t count);
/* The same for the raw text of an object inside of the body; `prefix` stands before field names in
 * messages ("filter."). */
bool input_read_object(struct call *call, struct bytes object, const char *prefix,
                       const struct input_field *fields, size_t count);

/* A reason for the audit log (NULL: none) that did not come in a body. False: answered with 400. */
bool input_why_fits(struct call *call, const char *why);

#endif
