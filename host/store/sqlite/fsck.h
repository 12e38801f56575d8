/* The proof that the store is sound. Everything is derived anew from the rows of `jobs` inside one
 * transaction and compared with what the other tables, the counters and the blob directory say.
 * Reading runs on the searcher's snapshot. Only if it finds something that is to be mended, all of
 * it runs again on the writer, like any other operation. docs/store.md lists the invariants. */
#ifndef JOBHOST_STORE_SQLITE_FSCK_H
#define JOBHOST_STORE_SQLITE_FSCK_H

#include "store/sqlite/jobrow.h"
#include "store/sqlite/writer.h"

enum { FSCK_LISTED = 1000 };

struct fsck {
    struct conn *conn;
    struct writer *w; /* its shared parts; all of it when `repair` */
    bool repair;
    struct store_fsck *op;
    struct arena scratch; /* for one job */
    size_t cap;
};

/* A query that yields (id or NULL, words, k1, k2, k3) for everything that is wrong, and the
 * statement that mends it with ?1..?3 = k1..k3 (NULL: cannot be mended). */
struct fsck_rule {
    const char *code;
    const char *find;
    const char *mend;
};

int fsck_rules_run(struct fsck *f, const struct fsck_rule *rules, size_t count);

/* Writes a finding down. */
int fsck_report(struct fsck *f, const char *code, const struct job_id *id, bool repaired,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Calls `each` for every row of a one-off query. */
int fsck_query(struct fsck *f, const char *sql, int (*each)(struct fsck *f, sqlite3_stmt *s));

/* The parts: 0 or negative errno, words in the connection. */
int fsck_rules(struct fsck *f);     /* fsck_rules.c: what SQL can say by itself           */
int fsck_once(struct fsck *f);      /* fsck_once.c: what was accepted once                */
int fsck_jobs(struct fsck *f);      /* fsck_jobs.c: every row, unpacked                   */
int fsck_counts(struct fsck *f);    /* fsck_counts.c: counters and budgets                */
int fsck_blobs(struct fsck *f);     /* fsck_blobs.c: references, rows and files of blobs  */
int fsck_outbox(struct fsck *f);    /* fsck_jobs.c                                        */
int fsck_schedules(struct fsck *f); /* fsck_schedules.c: what waits for whom */
int fsck_events(struct fsck *f);    /* fsck_events.c: events, and who waits for them */
int fsck_breakers(struct fsck *f);  /* fsck_breakers.c: states, and who tries */
int fsck_tokens(struct fsck *f);    /* fsck_tokens.c: tokens that nobody can read */
int fsck_flows(struct fsck *f);     /* fsck_flows.c: what flows know of their members */
int fsck_running(struct fsck *f);   /* fsck_running.c: rows that say RUNNING have a claim */

#endif
