/* The last deliveries of hooks, in a small SQLite file of their own beside the store: for people who look what came, and why it
 * was refused. It holds nothing that is needed: a host whose inbox cannot be written goes on without. What is lost by a
 * sudden end is what had not been added yet. Blocking; one thread at a time. */
#ifndef JOBHOST_STORE_INBOX_H
#define JOBHOST_STORE_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "core/id.h"

enum { INBOX_KEPT_DAYS = 30 };

enum { INBOX_TAKEN, INBOX_FAILED /* proved, but no job */, INBOX_REFUSED, INBOX_KINDS };

struct inbox;
struct inbox_entry {
    struct job_id id; /* in the order of arrival */
    const char *hook;
    int kind;     /* INBOX_*: those of one do not push out those of another */
    int64_t keep; /* so many of its hook and kind                              */
    int64_t at_ms;
    const char *verdict, *check, *detail, *scheme; /* constants or texts; NULL = none */
    int64_t key;                                   /* -1 = none                          */
    int64_t status;                                /* of the answer */
    const char *peer, *method, *target;
    const char *ident;   /* by its scheme; NULL = none               */
    const char *job;     /* its id as text, or NULL                  */
    const char *headers; /* JSON: [["Name","value"], ...], redacted   */
    struct bytes body;   /* as much as is kept                       */
    int64_t body_size;   /* all of it                                */
};

/* Opens or makes the file; what is older than INBOX_KEPT_DAYS goes. 0, or negative with words. */
int inbox_open(const char *path, int64_t now_ms, struct inbox **ret, struct err *e);
void inbox_close(struct inbox **inbox);

/* All or none of them; what is beyond `keep` goes. 0, or negative with words. */
int inbox_add(struct inbox *inbox, const struct inbox_entry *const *entries, size_t count,
              struct err *e);

struct inbox_query {
    const char *hook;            /* NULL = all        */
    int refused;                 /* 1: what is no job; 0: what is one; -1 = both */
    const struct job_id *before; /* NULL = the newest */
    unsigned limit;
};
/* Newest first. The entries are borrowed for the call of `each`, and without headers and body. */
int inbox_list(struct inbox *inbox, const struct inbox_query *query,
               void (*each)(void *arg, const struct inbox_entry *entry), void *arg, struct err *e);
/* One with all that is kept; -ENOENT. */
int inbox_get(struct inbox *inbox, const struct job_id *id,
              void (*each)(void *arg, const struct inbox_entry *entry), void *arg, struct err *e);

#endif
