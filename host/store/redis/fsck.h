/* The proof that the keys in Redis are sound, on the live server: a walk in pieces through all places
 * and then all keys, one call at a time, so that nobody waits for it.
 *
 *     stamps   of each queue's counters, before
 *     places   lists and ZSETs ─▶ ids ─┐
 *     keys     SCAN ─▶ jobs not met ───┼─▶ fsck_jobs.lua: all that is to be said of one job
 *                  ├─▶ what hangs on jobs ─▶ fsck_sides.lua
 *                  └─▶ flows ─▶ fsck_flows.lua
 *     lists    once more, for queued jobs that were in none, where they are too long to be searched
 *     dedup    HSCAN ─▶ fsck_keys.lua
 *     outbox   parcels that cannot be read, and those that were set aside
 *     schedules ─▶ fsck_schedules.lua
 *     breakers ─▶ fsck_breakers.lua
 *     tokens   ─▶ fsck_tokens.lua
 *     events   ─▶ fsck_events.lua
 *     counters ─▶ fsck_counts.lua
 *     contents ─▶ fsck_blobs.lua
 *
 * The walk itself proves nothing, since others change what it has read: it only finds what to look
 * at. A finding is what one script sees of one job (key, queue): scripts see no half of a change, so
 * nothing that is under way looks like damage. With `repair` the same script mends.
 * docs/store-redis.md lists the codes. */
#ifndef JOBHOST_STORE_REDIS_FSCK_H
#define JOBHOST_STORE_REDIS_FSCK_H

#include "store/breakers.h"
#include "store/redis/idset.h"
#include "store/redis/jobhash.h"
#include "store/redis/store_private.h"

enum {
    FSCK_LISTED = 1000,
    FSCK_PIECE = 500,       /* entries of a place, read at once    */
    FSCK_JOBS = 100,        /* looked at by one call               */
    FSCK_SIDES = 200,       /* keys that hang on jobs              */
    FSCK_FLOWS = 10,        /* with their members                  */
    FSCK_MOST = FSCK_SIDES, /* of all that are looked at           */
    FSCK_SCANNED = 1000     /* keys of a step of SCAN              */
};

/* NOWHERE: all lists were read since it was looked at, and it was in none. */
enum fsck_met { FSCK_MET_ELSEWHERE, FSCK_MET_LIST, FSCK_MET_AGAIN, FSCK_MET_NOWHERE };

struct fsck_item {
    struct redis_queue *queue;
    struct job_id id;
    int what;    /* of a job: enum fsck_met; else which key hangs on it (fsck_keys.c) */
    int64_t rev; /* of a job that is looked for once more */
};

struct fsck_items {
    struct fsck_item *list;
    size_t count, cap;
};

struct redis_fsck;

/* How the items of a list are looked at, some by each call. */
struct fsck_look {
    enum redis_script script; /* is told of each item the number of its queue, and its id */
    bool reads;               /* it has no `repair` before the items */
    size_t most;              /* up to FSCK_MOST */
    /* What it is told of an item besides; NULL = nothing. */
    void (*put)(struct redis_args *a, const struct fsck_item *item);
    /* What it answered of one. 0 or a negative errno. */
    int (*take)(struct redis_fsck *f, const struct fsck_item *item,
                const struct redis_reply *answer);
};

struct fsck_queue {
    struct redis_queue *queue;
    const char *stamp;  /* of its counters, before */
    int64_t bytes[2];   /* of jobs, of results: summed up */
    const char **types; /* of which it has queued jobs */
    size_t type_count, type_cap;
};

/* One that is wrong, with what it should be; "" = closed. */
struct fsck_breaker {
    const char *code, *words;
    struct bytes name, before;
    char after[STORE_BREAKER_TEXT_MAX];
};

/* A token that cannot be read. */
struct fsck_token {
    struct bytes id, before;
    const char *words;
};

/* Where a part of the walk is; zeroed at its beginning. */
struct fsck_spot {
    size_t queue, place;
    int64_t offset;
    char cursor[64];     /* of SCAN and its like; a stream's id */
    const char **asides; /* lists that stand aside, and lines of tenants */
    size_t aside_count, aside_cap;
    const char **bands; /* "<priority>:<type>" of those in which tenants wait */
    size_t band_count, band;
    bool asides_known, over;
};

struct redis_fsck {
    struct redis_task task;
    struct redis_request request;
    struct arena arena;      /* as long as the walk */
    struct arena scratch;    /* for one job         */
    struct redis_queue bare; /* queues without a prefix: where their jobs are */
    struct fsck_queue *queues;
    size_t queue_count;
    struct idset seen; /* jobs that were looked at, or are about to be */
    struct idset flows_seen;
    struct fsck_items jobs, sides, flows,
        unplaced;             /* to be looked at; unplaced: their queue is not known */
    struct fsck_items unsure; /* queued, and perhaps in no list */
    struct idset listed;      /* ids of the lists, once more */
    bool once_more;
    /* by the open call */
    const struct fsck_look *look;
    struct fsck_items *looked_at;
    size_t asked;
    struct fsck_spot at;
    size_t part;
    struct fsck_breaker *breakers; /* of a page, that are wrong */
    size_t breaker_count;
    struct fsck_token *tokens; /* the same */
    size_t token_count;
    const char **names; /* of events, of a page; looked at up to `name_at` */
    size_t name_count, name_at;
    struct fsck_blob *blobs, *blob_next; /* contents that were met; the next one to look at */
    const char *blob_stamp;
    int64_t blob_bytes; /* summed up */
    int (*take)(struct redis_fsck *f, const struct redis_reply *reply);
};

/* A part of the walk: sends its next call, 1; or it is over, 0; or a negative errno. */
typedef int fsck_part(struct redis_fsck *f);
fsck_part redis_fsck_stamps, redis_fsck_places, redis_fsck_keys, redis_fsck_lists, redis_fsck_dedup,
    redis_fsck_outbox, redis_fsck_schedules, redis_fsck_breakers, redis_fsck_tokens,
    redis_fsck_events, redis_fsck_counters, redis_fsck_blobs;

/* Look at what waits: 1, as above. */
int redis_fsck_look_at_jobs(struct redis_fsck *f);
int redis_fsck_look_at_sides(struct redis_fsck *f);
int redis_fsck_look_at_flows(struct redis_fsck *f);
/* Sends a call over the first items of a list, and drops them when it is answered. Always 1. */
int redis_fsck_look(struct redis_fsck *f, const struct fsck_look *look, struct fsck_items *items);
/* Reports all that was found of an item, which is the whole answer. */
int redis_fsck_take_found(struct redis_fsck *f, const struct fsck_item *item,
                          const struct redis_reply *answer);

/* Takes the opener of a flow whose key was met at `structures`; others are ignored. 0 or -ENOMEM. */
int redis_fsck_met_flow(struct redis_fsck *f, struct bytes structures, const struct job_id *id);
int redis_fsck_look_at_unplaced(struct redis_fsck *f);

/* Takes a key that is the head of a content, ignores others. 0 or -ENOMEM. */
int redis_fsck_met_blob(struct redis_fsck *f, struct bytes key);
void redis_fsck_forget_blobs(struct redis_fsck *f);

/* Sends f->request; `take` gets the reply, and returns 0, a negative errno, or 1 when it has sent the
 * next call itself. Always 1. */
int redis_fsck_ask(struct redis_fsck *f,
                   int (*take)(struct redis_fsck *f, const struct redis_reply *r));

static inline struct store_fsck *fsck_op(struct redis_fsck *f) {
    return CONTAINER_OF(f->task.op, struct store_fsck, op);
}

/* SCAN and its like (a command, or one of S..place), from f->at.cursor on: "" and "0" begin. */
void redis_fsck_scan(struct redis_fsck *f, const char *command, const char *structures,
                     const char *place, int64_t count);
/* The cursor of its reply {cursor, array}. False: it is none. */
bool redis_fsck_take_cursor(struct redis_fsck *f, const struct redis_reply *reply);
bool redis_fsck_at_end(const struct redis_fsck *f);

/* The field of a job that says what hangs on it, as lua/fsck_sides.lua knows it (fsck_keys.c). */
const char *redis_fsck_side_field(int side);

/* 0 or -ENOMEM. */
int redis_fsck_add(struct fsck_items *items, struct fsck_item item);
/* An id that was met in a place or as a key, if it is to be looked at. */
int redis_fsck_met(struct redis_fsck *f, struct redis_queue *queue, const struct job_id *id,
                   enum fsck_met met);
struct fsck_queue *redis_fsck_queue_of(struct redis_fsck *f, const struct redis_queue *q);

/* Writes a finding down; texts are copied. 0 or -ENOMEM. */
int redis_fsck_report(struct redis_fsck *f, struct bytes code, const struct job_id *id,
                      bool repaired, struct bytes words);
/* {code, words, mended, code, ...} from `at` on. */
int redis_fsck_report_all(struct redis_fsck *f, const struct redis_reply *found, size_t at,
                          const struct job_id *id);

#endif
