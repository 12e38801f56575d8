#include "supervisor/commits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/fault.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/hub.h"
#include "supervisor/pool_private.h"
#include "supervisor/stats.h"
#include "supervisor/upkeep.h"

enum { COMMITS_BATCH = 256, COMMITS_SPARE = 8, COMMITS_RETRY_MS = 1000 };

struct batch {
    struct store_commit op;
    struct host *host;
    uint64_t seq;
    struct store_commit_item items[COMMITS_BATCH];
    struct commit_entry entries[COMMITS_BATCH];
    STAILQ_ENTRY(batch) link;
};
STAILQ_HEAD(batches, batch);

struct commits {
    struct host *host;
    struct batch *open;
    struct batches waiting;    /* behind a batch that the store refused, in order */
    uint64_t seq;              /* of the last batch */
    struct attempt_list later; /* ends that cannot be written yet */
    unsigned later_count;
    char later_why[256];
    struct batches spare;
    unsigned spare_count;
    struct timer retry;
    bool replaying; /* since the store refused a batch, until all that waited is through */
    unsigned pending;
};

static void commits_retry(struct timer *t, void *arg);
static void commits_done(struct store_op *op);

struct commits *commits_new(struct host *host) {
    struct commits *c = calloc(1, sizeof *c);
    if (c != NULL) {
        c->host = host;
        STAILQ_INIT(&c->waiting);
        STAILQ_INIT(&c->spare);
        TAILQ_INIT(&c->later);
        timer_init(&c->retry, commits_retry, c);
    }
    return c;
}

static void batch_release(struct commits *c, struct batch *b) {
    store_op_finish(&b->op.op);
    if (c->spare_count < COMMITS_SPARE) {
        STAILQ_INSERT_HEAD(&c->spare, b, link);
        c->spare_count++;
    } else {
        free(b);
    }
}

static void entry_finish(struct commit_entry *entry) {
    effects_free(&entry->effects);
    arena_free(&entry->arena);
}

static void batch_drop(struct commits *c, struct batch *b) {
    for (size_t i = 0; i < b->op.count; i++) {
        struct commit_entry *entry = &b->entries[i];
        if (entry->final) {
            attempt_free(entry->attempt);
        }
        entry_finish(entry);
    }
    c->pending -= (unsigned)b->op.count;
    batch_release(c, b);
}

void commits_free(struct commits **cp) {
    struct commits *c = *cp;
    if (c == NULL) {
        return;
    }
    timer_cancel(c->host->net_timers, &c->retry);
    struct batch *b;
    if (c->open != NULL) {
        STAILQ_INSERT_TAIL(&c->waiting, c->open, link);
    }
    while ((b = STAILQ_FIRST(&c->waiting)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->waiting, link);
        batch_drop(c, b);
    }
    while ((b = STAILQ_FIRST(&c->spare)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->spare, link);
        free(b);
    }
    free(c);
    *cp = NULL;
}

static struct batch *batch_take(struct commits *c) {
    struct batch *b = STAILQ_FIRST(&c->spare);
    if (b != NULL) {
        STAILQ_REMOVE_HEAD(&c->spare, link);
        c->spare_count--;
    } else {
        b = malloc(sizeof *b);
        if (b == NULL) {
            return NULL;
        }
    }
    b->host = c->host;
    b->seq = ++c->seq;
    b->op = (struct store_commit){.op = {.kind = STORE_COMMIT, .done = commits_done, .arg = b},
                                  .items = b->items};
    return b;
}

struct store_commit_item *commits_add(struct host *host, struct commit_entry **ret_entry) {
    struct commits *c = host->commits;
    if (c->open != NULL && c->open->op.count == COMMITS_BATCH) {
        commits_flush(host);
    }
    if (c->open == NULL) {
        c->open = batch_take(c);
        if (c->open == NULL) {
            return NULL;
        }
    }
    size_t i = c->open->op.count++;
    c->pending++;
    c->open->items[i] = (struct store_commit_item){.event = JOB_EV_NONE};
    c->open->entries[i] = (struct commit_entry){.attempt = NULL};
    *ret_entry = &c->open->entries[i];
    dispatch_kick(host);
    return &c->open->items[i];
}

static void batch_post(struct batch *b) {
    (void)fault(FAULT_COMMIT_BEFORE_STORE);
    b->op.op.now_ms = env_wall_ms(&b->host->env);
    store_post(&b->host->store, &b->op.op);
}

void commits_flush(struct host *host) {
    struct commits *c = host->commits;
    struct batch *b = c->open;
    if (b == NULL) {
        return;
    }
    c->open = NULL;
    if (c->replaying) {
        STAILQ_INSERT_TAIL(&c->waiting, b, link);
    } else {
        batch_post(b);
    }
}

unsigned commits_pending(const struct host *host) {
    return host->commits->pending;
}

/* One at a time, so that what was refused stays in order. */
static void commits_replay(struct commits *c) {
    struct batch *b = STAILQ_FIRST(&c->waiting);
    if (b == NULL) {
        c->replaying = false;
        return;
    }
    STAILQ_REMOVE_HEAD(&c->waiting, link);
    batch_post(b);
}

static void commits_retry(struct timer *t, void *arg) {
    struct commits *c = arg;
    (void)t;
    struct attempt_list later = TAILQ_HEAD_INITIALIZER(later);
    struct attempt *a;
    TAILQ_CONCAT(&later, &c->later, link); // those that fail again come back to the other list
    c->later_count = 0;
    while ((a = TAILQ_FIRST(&later)) != NULL) {
        TAILQ_REMOVE(&later, a, link);
        attempt_conclude(a);
    }
    commits_replay(c);
}

static void commits_retry_soon(struct commits *c) {
    if (!timer_running(&c->retry)) {
        (void)timer_set(c->host->net_timers, &c->retry,
                        env_mono_ms(&c->host->net_env) + COMMITS_RETRY_MS);
    }
}

/* The store could not take the batch: it keeps its place in the order. */
static void commits_keep(struct commits *c, struct batch *b) {
    struct batch *at, *before = NULL;
    if (!timer_running(&c->retry)) {
        log_warn(&c->host->log, "store.commit_refused", "status=%d retry_ms=%d msg=\"%s\"",
                 b->op.op.status, (int)COMMITS_RETRY_MS, b->op.op.err.msg);
    }
    c->replaying = true;
    commits_retry_soon(c);
    store_op_finish(&b->op.op);
    STAILQ_FOREACH(at, &c->waiting, link) {
        if (at->seq > b->seq) {
            break;
        }
        before = at;
    }
    if (before == NULL) {
        STAILQ_INSERT_HEAD(&c->waiting, b, link);
    } else {
        STAILQ_INSERT_AFTER(&c->waiting, before, b, link);
    }
}

void commits_later(struct attempt *a, const char *why) {
    struct commits *c = a->host->commits;
    if (!timer_running(&c->retry)) {
        log_warn(&a->host->log, "result.not_written", "retry_ms=%d msg=\"%s\"",
                 (int)COMMITS_RETRY_MS, why);
    }
    (void)snprintf(c->later_why, sizeof c->later_why, "%s", why);
    TAILQ_INSERT_TAIL(&c->later, a, link);
    c->later_count++;
    commits_retry_soon(c);
}

const char *commits_stalled(const struct host *host) {
    return host->commits->later_count < COMMITS_LATER_MAX ? NULL : host->commits->later_why;
}

static void commits_tell_worker(struct attempt *a, const struct store_commit_item *item) {
    a->committing = false;
    if (item->status != 0) {
        a->commit_no--; // it did not happen: the number is free
    }
    (void)fault(FAULT_COMMIT_BEFORE_ACK);
    if (item->status == -ESTALE && !a->concluded) {
        attempt_fence(a, "the store has refused its commit: the job is another host's");
    }
    if (a->concluded) {
        attempt_conclude(a);
    } else {
        attempt_tell_committed(a, item->commit_no, item->status);
    }
}

static void commits_publish(struct host *host, const struct commit_entry *entry,
                            enum job_state state) {
    const struct attempt *a = entry->attempt;
    if (!hub_follows(host->hub, &a->job->spec.id)) {
        return;
    }
    hub_publish(host->hub, &(struct hub_event){
                               .kind = HUB_STATE,
                               .id = a->job->spec.id,
                               .at_ms = env_wall_ms(&host->env),
                               .state = state,
                               .attempt = a->job->counters.attempts + 1,
                               .progress = a->progress,
                               .text = entry->error.message,
                               .spec = &a->job->spec,
                           });
}

/* What the store has taken. A retry's class is that of its error. */
static void commits_count(struct host *host, const struct store_commit_item *item,
                          const struct commit_entry *entry) {
    struct stats_series *s = entry->attempt->lane->stats;
    s->children += item->child_count;
    host->stats->events_by_jobs += item->event_count;
    if (entry->final && job_is_final(item->state)) {
        s->finished[item->state]++;
    }
    if (item->event == JOB_EV_RETRY) {
        stats_word(&host->stats->retries, outcome_class(entry->error.cls)->name);
    }
    if (item->state == JOB_PARKED) {
        stats_word(&host->stats->parked, park_reason_name((int)item->park));
    }
}

static void commits_item_done(struct host *host, struct store_commit_item *item,
                              struct commit_entry *entry) {
    struct attempt *a = entry->attempt;
    if (item->status != 0) {
        char id[JOB_ID_TEXT + 1];
        id_format(&a->job->spec.id, id);
        log_warn(&host->log, "commit.refused", "job=%s commit=%u event=%s status=%d", id,
                 item->commit_no, job_event_name((int)item->event), item->status);
    } else {
        commits_count(host, item, entry);
    }
    if (!entry->final) {
        commits_tell_worker(a, item);
        return;
    }
    host->stats->fenced += item->status == -ESTALE && !a->fenced;
    if (item->status == 0) {
        commits_publish(host, entry, item->state);
    } else if (item->status != -ESTALE && attempt_refuse(a, item->status)) {
        return;
    }
    attempt_free(a);
}

static void commits_done(struct store_op *op) {
    struct batch *b = op->arg;
    struct host *host = b->host;
    struct commits *c = host->commits;
    if (op->status != 0 && host->phase != HOST_STOPPED) {
        commits_keep(c, b);
        return;
    }
    for (size_t i = 0; i < b->op.count; i++) {
        if (op->status == 0) {
            commits_item_done(host, &b->items[i], &b->entries[i]);
        } else if (b->entries[i].final) {
            attempt_free(b->entries[i].attempt);
        }
        entry_finish(&b->entries[i]);
    }
    c->pending -= (unsigned)b->op.count;
    if (b->op.outbox) {
        upkeep_forward(host);
    }
    batch_release(c, b);
    if (c->replaying) {
        commits_replay(c);
    }
    dispatch_kick(host);
}
