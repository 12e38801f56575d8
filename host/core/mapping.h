/* Texts and JSON with placeholders, which make a job of a delivery. Pure.
 *
 *     payload: {repo: "{body.repository.full_name}", by: "{header.X-GitHub-Event} of {id}"}
 *
 *     written          stands for
 *     {body}           the whole body                      {body.a.b.0}   a part of it: members by name, list items from 0
 *     {header.NAME}    a header                            {query.NAME}   a parameter of the query
 *     {path.NAME}      a segment of the hook's path        {form.NAME}    a field of a form
 *     {hook}           the hook's name                     {id}           the delivery's id, as its scheme says
 *     {received_at}    when it came, RFC 3339              {{             a brace
 *     {job.id}         in answers: the job; also {job.state} and {job.duplicate}
 *     {...?text}       text, where there is no value, or null
 *
 * In a mapping to JSON a string that is one placeholder and nothing else becomes the value as it is (a number, an object);
 * without a value it is null. Elsewhere values are put in as text, and what is put in is never looked at again: a value that
 * holds "{body}" stays that. Keys of objects are taken as they are written. */
#ifndef JOBHOST_CORE_MAPPING_H
#define JOBHOST_CORE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

enum mapping_from {
    MAPPING_BODY,
    MAPPING_HEADER,
    MAPPING_QUERY,
    MAPPING_PATH,
    MAPPING_FORM,
    MAPPING_HOOK,
    MAPPING_ID,
    MAPPING_RECEIVED_AT,
    MAPPING_JOB,
};

enum {
    MAPPING_TEXT_MAX = 64 * 1024, /* of what is compiled                       */
    MAPPING_PLACES_MAX = 256,     /* placeholders in it                        */
    MAPPING_NAME_MAX = 128,       /* of a header, a parameter, a default       */
    MAPPING_STEPS_MAX = 16,       /* in {body.a.b}                             */
    MAPPING_DEPTH_MAX = 16,       /* lists and objects of what is compiled     */
    MAPPING_RESULT_MAX = 64 << 20,
};

/* What there is where the mapping stands. */
struct mapping_rules {
    const char *path; /* the hook's, with its {names}; NULL = {path...} is not there   */
    bool answer;      /* {job...} is                                                    */
    bool text;        /* a plain text, and no JSON                                      */
};

struct mapping;
/* `text` is borrowed for the call: a plain text, or JSON that a parser has accepted. 0; -EINVAL with words; -ENOMEM. */
int mapping_new(struct bytes text, const struct mapping_rules *rules, struct mapping **ret,
                struct err *e);
void mapping_free(struct mapping **m);

/* Does it look into the body? Then that must be JSON. */
bool mapping_reads_body(const struct mapping *m);
/* Has it any placeholder? */
bool mapping_varies(const struct mapping *m);

struct mapping_values {
    struct bytes body; /* valid JSON; {NULL, 0}: none. Read only where mapping_reads_body() */
    /* All other values, as text; borrowed until the call ends. *ret_json: it is JSON already. False: there is none. */
    bool (*find)(void *arg, enum mapping_from from, const char *name, struct bytes *ret,
                 bool *ret_json);
    void *arg;
    size_t most; /* of what comes of it; 0 = MAPPING_RESULT_MAX */
};

/* Appends what comes of it. 0; -ENODATA (texts only): a value is missing; -EINVAL: a name in the body is there twice, or a
 * text is not UTF-8, or cannot be text; -EMSGSIZE; -ENOMEM: out->failed. Words in *why. */
int mapping_write(const struct mapping *m, const struct mapping_values *values, struct buf *out,
                  struct err *why);

#endif
