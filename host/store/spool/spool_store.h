/* A store in front of another one that may be away: what is submitted meanwhile is kept on this
 * host, durably, and brought to the store when it is back.
 *
 *                       main is there                          main: any store
 *    SUBMIT ──────┬──────────────────────────────────────────▶ (Redis)
 *                 │ main is away, its answer got lost,               ▲
 *                 │ or earlier jobs of the queue wait                │ forward: by queue, in order,
 *                 └───────▶ disk: an embedded store of our own ──────┘ each once by its id
 *                             │ too old, or never to be accepted
 *                             └───▶ PATH.undelivered.jsonl, for people
 *
 * While main is there and nothing waits, operations go straight through. What is answered
 * SUBMIT_SPOOLED is on disk; its id is final. Everything else (claims, commits, moves, lists) is
 * main's alone, and fails while it is away. docs/spool.md has the promises.
 *
 * The disk is a plain sqlite store: an entry is a job of it, in a lane of its target's queue, whose
 * payload is the submission (spool_entry.h). So group commit, syncs, limits on bytes and the files
 * of jobs are those of that store.
 *
 * Answers of submissions have an order of their own while some are kept here. Submissions that
 * pass through are given a tombstone_ms. Loop thread only. */
#ifndef JOBHOST_STORE_SPOOL_SPOOL_STORE_H
#define JOBHOST_STORE_SPOOL_SPOOL_STORE_H

#include "store/store.h"

/* Opens config->fallback, and config->url behind it (with may_wait). */
int spool_store_open(const struct store_config *config, struct event_base *base,
                     const struct log *log, const struct env *env,
                     const struct store_events *events, struct store *ret_store, struct err *e);

/* For tests: the store behind a spool; NULL if `store` is none. */
struct store *spool_store_main(const struct store *store);

#endif
