/* The words of a command while they are gathered. Words that are borrowed must live until the
 * command is set (redis_args_call()). After a failed allocation nothing more is added, and
 * redis_args_call() says so. */
#ifndef JOBHOST_STORE_REDIS_ARGS_H
#define JOBHOST_STORE_REDIS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "core/id.h"
#include "redis/call.h"

/* Zeroed: empty. */
struct redis_args {
    const char **words;
    size_t *lens;
    size_t count, cap;
    size_t bytes; /* of all words */
    bool failed;
    struct arena arena; /* words that were copied */
};

void redis_args_text(struct redis_args *a, const char *text);    /* borrowed; NULL is empty */
void redis_args_bytes(struct redis_args *a, struct bytes bytes); /* borrowed */
void redis_args_copy(struct redis_args *a, struct bytes bytes);
/* A copy that lives as long as the words; not a word itself. */
const char *redis_args_keep(struct redis_args *a, const char *text);
void redis_args_printf(struct redis_args *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void redis_args_number(struct redis_args *a, int64_t number);
void redis_args_id(struct redis_args *a, const struct job_id *id); /* its text */
void redis_args_nonce(struct redis_args *a, uint64_t nonce);       /* of a host; 0 is empty */
/* Who has a job: token and host. */
void redis_args_owner(struct redis_args *a, uint32_t token, uint64_t nonce);
/* That, and the number of its last commit: a claim that runs, or is over (lua/lib/claim.lua). */
void redis_args_claim(struct redis_args *a, uint32_t token, uint64_t nonce, uint32_t commit,
                      bool over);

/* A place for a number that is known later: its index, for redis_args_fill(). */
size_t redis_args_hole(struct redis_args *a);
void redis_args_fill(struct redis_args *a, size_t hole, int64_t number);

/* Names and values of what is not as it mostly is, behind their number (lua/lib/queue.lua:
 * take_settings()): what is NULL, empty or 0 takes no words. Values are borrowed. */
struct redis_settings {
    struct redis_args *args;
    size_t count; /* the place of their number */
    int64_t n;
};
struct redis_settings redis_settings_begin(struct redis_args *a);
void redis_setting_text(struct redis_settings *s, const char *name, const char *text);
void redis_setting_bytes(struct redis_settings *s, const char *name, struct bytes value);
void redis_setting_number(struct redis_settings *s, const char *name, int64_t number);
void redis_settings_end(struct redis_settings *s);

/* The head of an item: words that the one behind it may begin with, too. Where the last ones stand; zeroed: none. */
struct redis_head {
    size_t first, count;
};
/* The last item begins at `first`, with `count` words of that kind, of which the first one is not empty. If they are
 * those of `last` again, one empty word takes their place; else they are `last` from now on. */
void redis_args_head(struct redis_args *a, struct redis_head *last, size_t first, size_t count);

/* Appends the words of `more`, which stays the owner of what it copied. */
void redis_args_append(struct redis_args *a, const struct redis_args *more);

/* Makes one word, a hash in the form of RESTORE (redis/rdb.h), of the names and values from `first` on. */
void redis_args_fold(struct redis_args *a, size_t first);

/* Makes the call of them. 0, -ENOMEM, -E2BIG. */
int redis_args_call(const struct redis_args *a, struct redis_call *call);

void redis_args_clear(struct redis_args *a); /* memory is kept */
void redis_args_free(struct redis_args *a);

#endif
