/* The fields of a job's hash, one by one: the table behind jobhash.c, and the words of a value.
 *
 *     name ─▶ field: what kind of value, whose it is, which member of struct redis_job
 *
 * Pure. */
#ifndef JOBHOST_STORE_REDIS_JOBFIELD_H
#define JOBHOST_STORE_REDIS_JOBFIELD_H

#include "store/redis/jobhash.h"

enum jobfield_part {
    FIELD_SPEC,    /* what was submitted; written once                      */
    FIELD_RENEWED, /* of the spec too, but new when the job is revived      */
    FIELD_LIFE,    /* what happened to it, as C decides                     */
    FIELD_MOVED,   /* the scripts write it                                  */
};

enum jobfield_kind {
    FIELD_I32,
    FIELD_U32,
    FIELD_I64,
    FIELD_U64,   /* at most INT64_MAX                              */
    FIELD_CLAIM, /* "<token> <host> <commit>", and " over": lua/lib/claim.lua */
    FIELD_FLAG,
    FIELD_EXECUTIONS, /* int32_t; not there: as many as attempts          */
    FIELD_TEXT,
    FIELD_QUEUE, /* text; not there: the type's own, job_own_queue() */
    FIELD_ID,
    FIELD_STATE, /* enums, by their names */
    FIELD_PRIORITY,
    FIELD_MODE,
    FIELD_PARK,
    FIELD_CLASS,
    FIELD_FILES,        /* packed: store/files.h                          */
    FIELD_ASK,          /* "<ms> <keep_ms>"                               */
    FIELD_RESULT_SIZE,  /* 0 is a size: life.has_result says whether      */
    FIELD_PAYLOAD,      /* in pieces: jobhash.c                           */
    FIELD_PAYLOAD_SIZE, /* of one that has a key of its own               */
    FIELD_CREATED,      /* for people: the id has it                      */
    FIELD_DEADLINE,     /* unix ms; not there: redis_usual_deadline()    */
    FIELD_PERCENT,      /* for people: done / total                       */
};

struct jobfield {
    const char *name;
    uint8_t len; /* of the name */
    uint8_t kind, part;
    uint16_t offset; /* of the member of struct redis_job */
    int32_t usual;   /* of a number: what it is where the field is not there */
};

extern const struct jobfield jobfields[];
extern const size_t jobfield_count;

/* The field of that name, or NULL. Fields of a hash come about in the table's order, so the search
 * begins at *next, which is then the one behind. */
const struct jobfield *jobfield_find(struct bytes name, size_t *next);

/* Has the job this field? FIELD_PAYLOAD: no. */
bool jobfield_is_set(const struct jobfield *f, const struct redis_job *job);

/* Appends the value of a field that is set; not for FIELD_PAYLOAD and what scripts write. */
void jobfield_put(const struct jobfield *f, const struct redis_job *job, struct redis_args *a);

/* Would it have the same value? For FIELD_RENEWED and FIELD_LIFE. */
bool jobfield_same(const struct jobfield *f, const struct redis_job *x, const struct redis_job *y);

/* Takes a value, behind which a NUL stands. 0, -EBADMSG, -ENOMEM. FIELD_PAYLOAD: nothing. */
int jobfield_take(const struct jobfield *f, struct bytes value, struct arena *a,
                  struct redis_job *job);

/* Reads a claim into token, host_nonce and commit_no. -EBADMSG: what could be read of it is there all the same. */
int jobfield_take_claim(struct bytes text, struct redis_job *job);

#endif
