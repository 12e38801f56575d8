/* One command to a Redis server and what became of it.
 *
 *     redis_call_set() ─▶ redis_conn_send() or redis_link_send() ─▶ done(), once, on the loop
 *
 * A call belongs to whoever sends it, and stays where it is between sending and done(); done() may
 * send it again, or free it after redis_call_finish(). */
#ifndef JOBHOST_REDIS_CALL_H
#define JOBHOST_REDIS_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "redis/reply.h"
#include "redis/reply_class.h"

enum { REDIS_CALL_BYTES_MAX = 16 * 1024 * 1024 }; /* of one command as it is sent */

enum redis_fate {
    REDIS_ANSWERED, /* by a reply, an error's included (which changed nothing)   */
    REDIS_FAILED,   /* it never left this process: it was not run                */
    REDIS_UNKNOWN,  /* the connection was lost in between: it was run, or it was not */
};

struct redis_answer {
    enum redis_fate fate;
    enum redis_class class;          /* REDIS_FINE: a reply that is no error           */
    const struct redis_reply *reply; /* ANSWERED: borrowed for the call; else NULL     */
    const struct err *err;           /* not ANSWERED: why; borrowed for the call       */
};

struct redis_call {
    void (*done)(struct redis_call *call, const struct redis_answer *answer);
    int64_t timeout_ms; /* over all attempts; 0 = what the connection gives a command */
    bool safe;          /* running it twice does no harm: a link may send it again    */
    bool patient;       /* a link may keep it until there is a connection; once sent, it is sent */
    /* private */
    char *wire;
    size_t wire_len;
    int64_t deadline_ms; /* of the link                                                */
    int64_t until_ms;    /* of the connection                                          */
    uint64_t begins_at;  /* place in what the connection has sent                      */
    bool may_have_run;   /* in an earlier connection                                   */
    bool subscribes;
    struct redis_call *next;
};

/* Writes the command (hiredis' formatter); what was there before is freed. lens NULL: the words end
 * with NULs. 0, -E2BIG, -ENOMEM. */
int redis_call_set(struct redis_call *call, int argc, const char **argv, const size_t *lens);
/* The same from texts, up to a NULL; at most 8. */
int redis_call_words(struct redis_call *call, const char *first, ...) __attribute__((sentinel));
void redis_call_finish(struct redis_call *call);

/* What was answered, in words, for a person: the error's text, or why there is none. Without line
 * ends or control bytes. */
void redis_answer_words(const struct redis_answer *answer, char *out, size_t cap);

/* ---- lists, in the order of sending */

struct redis_calls {
    struct redis_call *head, *tail;
    size_t count, bytes;
};

void redis_calls_add(struct redis_calls *all, struct redis_call *call);
struct redis_call *redis_calls_take(struct redis_calls *all); /* the first, or NULL */
/* Answers each of them, by what may have become of it. */
void redis_calls_fail(struct redis_calls *all, enum redis_class class, const struct err *err);

#endif
