/* Key/value writes that an attempt has asked for and not yet committed, and how they change what it
 * reads: jobhost.kv/1 promises that reads see the attempt's own writes. Shared by the worker (which
 * asks the supervisor for the rest) and the authors' test harness (whose rest is a table).
 *
 *     key ─▶ value    untouched | set to V | deleted
 *            counter  starts from the stored one, or from 0 after a delete;  + delta
 *            members  added or removed, each with what is known about the stored set
 *
 * del() forgets all three. Used by one thread. */
#ifndef JOBHOST_WORKER_PENDING_H
#define JOBHOST_WORKER_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

enum pending_op { PENDING_SET, PENDING_DEL, PENDING_ADD, PENDING_SADD, PENDING_SREM };
enum pending_known { PENDING_UNKNOWN, PENDING_YES, PENDING_NO };

struct pending_key;
struct pending {
    struct pending_key *head;
    struct arena arena;
};

/* Copies. `number` is the delta of ADD. 0 or -ENOMEM. */
int pending_write(struct pending *p, enum pending_op op, const char *key, struct bytes value,
                  int64_t number);

/* PENDING_YES sets *ret, which lives until the next commit; UNKNOWN: the stored value holds. */
enum pending_known pending_value(const struct pending *p, const char *key, struct bytes *ret);
/* What to add to the stored counter; true = the stored one does not count. */
bool pending_counter(const struct pending *p, const char *key, int64_t *ret_delta);
enum pending_known pending_is_member(const struct pending *p, const char *key, struct bytes member);

/* The number of members needs to know which of the touched ones are in the stored set. Each call
 * gives one that is not known yet (false: none is left); pending_learn() answers for it. */
bool pending_ask_member(const struct pending *p, const char *key, struct bytes *ret_member);
void pending_learn(struct pending *p, const char *key, struct bytes member, bool stored);
/* What to add to the stored number of members; true = the stored set does not count. */
bool pending_card(const struct pending *p, const char *key, int64_t *ret_delta);

/* A commit happened, or the attempt is over. */
void pending_clear(struct pending *p);

#endif
