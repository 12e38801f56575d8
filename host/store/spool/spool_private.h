/* What the parts of the spool share.
 *
 * spool_store.c    opens and closes, takes operations and events to where they belong
 * spool_submit.c   submissions: to main, or to the disk
 * spool_passage.c  operations that look in both places
 * spool_forward.c  from the disk to main
 * spool_save.c     from the disk to the file for people */
#ifndef JOBHOST_STORE_SPOOL_SPOOL_PRIVATE_H
#define JOBHOST_STORE_SPOOL_SPOOL_PRIVATE_H

#include <uthash.h>

#include "base/log.h"
#include "store/spool/spool_entry.h"
#include "store/store.h"

struct event;
struct spool_forward;

#define SPOOL_TYPE "spool" /* of every job on the disk */

enum {
    /* of main, with what the disk can take: the time of a command, within these */
    SPOOL_PATIENCE_MS = 2000,
    SPOOL_PATIENCE_MAX_MS = 10000,
    SPOOL_RETRY_MS = 1000,     /* after a refusal, of main or of the disk                 */
    SPOOL_UPKEEP_MS = 60000,   /* otherwise, while something waits                        */
    SPOOL_MARGIN_MS = 86400000 /* by which tombstones outlive store.spool.max_age               */
};

/* Counters of one queue. */
struct spool_queue {
    size_t waiting;          /* entries on the disk, or on their way there           */
    size_t in_main;          /* submissions that main has not answered               */
    int64_t blocked_mono_ms; /* main has no room for it: not before this             */
    UT_hash_handle hh;
    char name[];
};

struct spool_store {
    struct store_ops ops; /* with main's capabilities */
    struct store main, disk;
    struct store_events events; /* the host's */
    const struct log *log;      /* may be NULL */
    const struct env *env;
    struct event_base *base;
    char *path; /* of the disk's file */
    uint64_t max_bytes;
    int64_t max_age_ms;
    int32_t patience_ms; /* of a submission that passes through                     */

    bool down;          /* main said so                                       */
    char fault[384];    /* of the disk; "" = healthy                          */
    bool looked, known; /* what waits was asked for; and found out            */
    bool closing, main_closed;

    struct spool_queue *queues;
    size_t waiting;        /* of all queues                                    */
    bool has_blobs;        /* there may be files of jobs on the disk           */
    uint64_t bytes, added; /* when last counted; since then                    */
    int64_t oldest_ms;     /* 0 = none, when last counted                      */
    uint64_t forwarded, undelivered;

    struct store_op *held, **held_end;   /* all of them, until it is known what waits         */
    struct store_op *later, **later_end; /* refused: answered when the loop turns            */
    struct event *wake;                  /* for those                                        */
    struct event *timer;                 /* upkeep                                           */
    struct store_stats stats;
    struct store_sweep sweep;
    bool stats_out, sweep_out;
    struct spool_forward *forward;
};

/* ---- spool_store.c ---- */

/* Is this what a store says that cannot be asked? Its operation may have happened. */
bool spool_is_away(int status);

/* Found, or made; NULL: out of memory. */
struct spool_queue *spool_queue(struct spool_store *s, const char *name);
void spool_count(struct spool_store *s, struct spool_queue *q, int delta);

bool spool_is_full(const struct spool_store *s, uint64_t more);

/* Answers an operation that went nowhere, when the loop turns. */
void spool_answer_later(struct spool_store *s, struct store_op *op);

/* Answers an operation of the host's now, counted. */
void spool_answer(struct spool_store *s, struct store_op *op);

/* Has the disk counted, and swept, soon. */
void spool_upkeep(struct spool_store *s);
void spool_upkeep_in(struct spool_store *s, int ms);

/* ---- spool_submit.c, spool_passage.c ---- */

void spool_submit_post(struct spool_store *s, struct store_op *op);
void spool_get_post(struct spool_store *s, struct store_op *op);
void spool_blob_open_post(struct spool_store *s, struct store_op *op);
void spool_blob_put_post(struct spool_store *s, struct store_op *op);

/* Is it one that has been posted by one of these, and is not answered yet? */
bool spool_passage_is(const struct store_op *op);

/* ---- spool_forward.c ---- */

struct spool_forward *spool_forward_new(struct spool_store *s);
/* While closing: ends its thread, whose work is settled on the disk; then, after the disk. */
void spool_forward_stop(struct spool_forward *f);
void spool_forward_free(struct spool_forward **f);

/* Looks whether something can be brought to main, or has become too old. */
void spool_forward_kick(struct spool_store *s);

#endif
