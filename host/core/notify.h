/* What people are told of, and when: of each thing that goes wrong one message, and one when it is over. Pure: `now` is a parameter,
 * and whoever asks sends the messages.
 *
 *     notify_raise ─▶ holds ──told at once──▶ told ──notify_clear──▶ over ──60 s──▶ told that it is over
 *                                              ▲                      │
 *                                              └──── notify_raise ────┘   in between: it was not over
 *
 *     notify_happen ─▶ gathered ──5 s, and 60 s after the last message──▶ one message of all
 *
 * What holds (a breaker is open, the store is away) has a beginning and an end; what happens (a job is dead) has none, and comes in
 * numbers. The table is bounded: what finds no room is counted. */
#ifndef JOBHOST_CORE_NOTIFY_H
#define JOBHOST_CORE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/job.h"

enum notify_kind {
    NOTIFY_DLQ_SIZE,
    NOTIFY_BREAKER_OPEN,
    NOTIFY_NEEDS_REAUTH,
    NOTIFY_NEEDS_OPERATOR,
    NOTIFY_STORE_DEGRADED,
    NOTIFY_PLUGIN_QUARANTINED,
    NOTIFY_JOB_DEAD, /* from here on: what happens */
    NOTIFY_SCHEDULE_MISSED,
    NOTIFY_KINDS
};

enum {
    NOTIFY_KEY_MAX = 128,
    NOTIFY_ENTRIES_MAX = 256,
    NOTIFY_IDS_MAX = 5,        /* that a message names              */
    NOTIFY_GATHER_MS = 5000,   /* from the first of several         */
    NOTIFY_APART_MS = 60000,   /* between two messages of one thing */
    NOTIFY_SETTLED_MS = 60000, /* away for so long: over            */
};

/* What configuration and messages call it: "breaker.open". */
const char *notify_kind_name(enum notify_kind kind);

struct notify_entry {
    bool used;
    enum notify_kind kind;
    char key[NOTIFY_KEY_MAX + 1]; /* which of its kind: a breaker's name, a queue, a type */
    /* what holds */
    uint64_t epoch; /* of the beginning: the same on all hosts, another the next time */
    bool told;
    int64_t since_ms, over_ms; /* over_ms 0 = it holds */
    /* what happens */
    uint64_t count; /* not told yet */
    struct job_id ids[NOTIFY_IDS_MAX];
    size_t id_count;
    int64_t due_ms, next_ms; /* of those; before which no other message comes */
};

/* Zeroed: nothing is the matter. */
struct notify_book {
    struct notify_entry entries[NOTIFY_ENTRIES_MAX];
    uint64_t lost; /* found no room */
};

struct notify_message {
    enum notify_kind kind;
    char key[NOTIFY_KEY_MAX + 1];
    uint64_t epoch;
    bool resolved;
    int64_t since_ms, until_ms; /* until: of one that is over */
    uint64_t count;             /* of what happened */
    struct job_id ids[NOTIFY_IDS_MAX];
    size_t id_count;
};

/* It holds, since `now` unless it did before. A longer key is cut. */
void notify_raise(struct notify_book *book, enum notify_kind kind, const char *key, uint64_t epoch,
                  int64_t now_ms);
/* It holds no longer. */
void notify_clear(struct notify_book *book, enum notify_kind kind, const char *key, int64_t now_ms);
/* It has happened, to this job (NULL: to none). */
void notify_happen(struct notify_book *book, enum notify_kind kind, const char *key,
                   const struct job_id *id, int64_t now_ms);

/* A message that is due; false: none is. */
bool notify_next(struct notify_book *book, int64_t now_ms, struct notify_message *ret);
/* When one may be; INT64_MAX: not before something else happens. */
int64_t notify_due_ms(const struct notify_book *book);

/* The same for the same message of several hosts, so that one of them is sent. */
enum { NOTIFY_NAME_MAX = NOTIFY_KEY_MAX + 96 };
void notify_message_name(const struct notify_message *m, char out[NOTIFY_NAME_MAX]);

#endif
