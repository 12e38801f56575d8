#include <errno.h>

#include "core/fence.h"
#include "store/redis/ask.h"
#include "store/redis/commit.h"
#include "store/redis/locate.h"
#include "store/redis/ops.h"

// An item on its way. Of each job one is under way at a time, because each is sent as what it
// changes of the job behind the one before.
//
//     begin ─┬─▶ batch ─▶ read / lost ─▶ those that waited for it begin
//            ├─▶ waits for another of its job
//            └─▶ not our claim: look ─▶ was it applied before?
struct redis_commit_entry {
    struct redis_task *task;
    struct store_commit_item *item;
    struct redis_claim *claim; // while its words are written
    struct redis_commit_plan plan;
    struct redis_located at;
    struct redis_commit_entry *next; // that waits
};

struct commit_task {
    struct redis_task task;
    struct arena arena;
};

static const struct redis_batch_kind batch;

static struct redis_claim *claim_of(const struct redis_task *t,
                                    const struct store_commit_item *item) {
    struct redis_claim *claim = redis_claims_find(&t->store->claims, &item->id);
    return claim != NULL && claim->job.token == item->token ? claim : NULL;
}

/* ------------------------------------------------------------------ not our claim */

static void looked(struct redis_task *t, void *arg) {
    struct redis_commit_entry *entry = arg;
    struct store_commit_item *item = entry->item;
    const struct redis_job *job = &entry->at.job;
    const struct fence_stored stored = {job->state == JOB_RUNNING, job->token, job->commit_no};
    bool goes_on = item->event == JOB_EV_NONE;
    (void)t;
    item->status = -ESTALE;
    if (entry->at.queue != NULL &&
        fence_commit(&stored, item->token, item->commit_no, goes_on) == FENCE_APPLIED) {
        item->status = 0;
        item->state = job->state;
    }
}

static void look(struct redis_commit_entry *entry) {
    struct commit_task *c = CONTAINER_OF(entry->task, struct commit_task, task);
    entry->at.id = entry->item->id;
    redis_locate(entry->task, &entry->at, 1, &c->arena, looked, entry);
}

/* ------------------------------------------------------------------ our claim */

static void wait_for(struct redis_store *s, struct redis_commit_entry *entry) {
    struct redis_commit_entry **end = &s->waiting;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = entry;
    entry->task->open++;
}

// True: it is under way.
static bool send_one(struct redis_commit_entry *entry, struct redis_claim *claim) {
    struct store_commit_item *item = entry->item;
    item->status = redis_commit_check(item);
    if (item->status != 0) {
        return false;
    }
    claim->busy = true;
    entry->claim = claim;
    redis_commit_decide(item, &claim->job, entry->task->op->now_ms, &entry->plan);
    redis_batch_add(entry->task, &batch, entry, claim->queue);
    return true;
}

static void next_of(struct redis_store *s, const struct job_id *id);

static void begin(struct redis_commit_entry *entry) {
    struct redis_store *s = entry->task->store;
    struct redis_claim *claim = claim_of(entry->task, entry->item);
    if (claim == NULL) {
        look(entry);
    } else if (claim->busy) {
        wait_for(s, entry);
    } else if (!send_one(entry, claim)) {
        next_of(s, &entry->item->id);
    }
}

// The job's commit is over: the next one that waits for it, if any.
static void next_of(struct redis_store *s, const struct job_id *id) {
    struct redis_commit_entry **at = &s->waiting;
    while (*at != NULL && !id_equal(&(*at)->item->id, id)) {
        at = &(*at)->next;
    }
    struct redis_commit_entry *entry = *at;
    if (entry != NULL) {
        *at = entry->next;
        entry->next = NULL;
        begin(entry);
        redis_task_leave(entry->task, 0, NULL);
    }
}

static void commit_write(struct redis_task *t, void *arg, unsigned queue, struct redis_args *a) {
    const struct redis_commit_entry *entry = arg;
    redis_commit_write(t->store, entry->claim, entry->item, &entry->plan, queue, t->op->now_ms, a);
}

static void commit_head(struct redis_store *s, struct redis_queue *const *queues, size_t count,
                        struct redis_args *a) {
    static const enum store_budget classes[] = {BUDGET_JOBS, BUDGET_RESULTS};
    static const int64_t limits[] = {JOB_STEPS_MAX, JOB_STEPS_BYTES_MAX, JOB_WARNINGS_MAX,
                                     JOB_OUTPUTS_MAX, JOB_HISTORY_MAX};
    for (size_t i = 0; i < count * ARRAY_LEN(classes); i++) {
        redis_store_put_room(s, queues[i / ARRAY_LEN(classes)], classes[i % ARRAY_LEN(classes)], a);
    }
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        redis_args_number(a, limits[i]);
    }
}

/* ------------------------------------------------------------------ answers */

// What may be claimed now, or will be.
static void tell_place(const struct redis_task *t, const struct store_lane *lane, int64_t due_ms) {
    const struct store_events *events = &t->store->events;
    if (due_ms > t->op->now_ms) {
        events->due(events->arg, due_ms);
    } else {
        events->ready(events->arg, lane);
    }
}

static void tell(const struct redis_commit_entry *entry, const struct redis_claim *claim) {
    struct redis_task *t = entry->task;
    const struct store_commit_item *item = entry->item;
    const struct store_lane lane = {claim->queue->name, claim->job.spec.type};
    if (item->state == JOB_QUEUED) {
        tell_place(t, &lane, 0);
    } else if (!job_is_final(item->state) && entry->plan.at_ms > 0) {
        tell_place(t, &lane, entry->plan.at_ms);
    }
    for (size_t i = 0; i < item->child_count; i++) {
        const struct job_spec *child = &item->children[i];
        if (redis_commit_is_parcel(claim, child)) {
            CONTAINER_OF(t->op, struct store_commit, op)->outbox = true;
        } else {
            tell_place(t, &(struct store_lane){child->queue, child->type}, child->run_at_ms);
        }
    }
}

// 0 and item->state, or the item's status; -EPROTO: neither.
static int read_item(const struct redis_reply *reply, struct store_commit_item *item) {
    static const int statuses[] = {0, -E2BIG, -EDQUOT, -ESTALE, -EINVAL}; // commit.lua, effects.lua
    const struct redis_reply *place = reply->kind == REDIS_ARRAY ? redis_reply_at(reply, 0) : reply;
    int64_t code = 0;
    if (reply->kind == REDIS_INTEGER) {
        code = -reply->integer;
        return code > 0 && code < (int64_t)ARRAY_LEN(statuses) ? statuses[code] : -EPROTO;
    }
    int state = redis_reply_is(place, REDIS_STRING)
                    ? job_state_from_name(redis_reply_text(place).data)
                    : -1;
    if (state < 0) {
        return -EPROTO;
    }
    item->state = (enum job_state)state;
    return 0;
}

static void commit_read(struct redis_task *t, void *arg, const struct redis_reply *reply) {
    struct redis_commit_entry *entry = arg;
    struct store_commit_item *item = entry->item;
    struct redis_claim *claim = claim_of(t, item);
    int r = read_item(reply, item);
    item->status = r == -EPROTO ? 0 : r;
    if (r == -EPROTO) {
        t->op->status = err_set(&t->op->err, r, "a script answered something else");
    }
    if (claim != NULL) {
        claim->busy = false;
        if (r == 0) {
            tell(entry, claim);
        }
        if (r == 0 && item->state == JOB_RUNNING) {
            r = redis_claims_update(&t->store->claims, claim, &entry->plan.job);
            t->op->status = r < 0 ? err_set(&t->op->err, r, "out of memory") : t->op->status;
        } else if (r == 0 || r == -ESTALE) {
            redis_claims_end(&t->store->claims, claim);
        }
    }
    next_of(t->store, &item->id);
}

static void commit_lost(struct redis_task *t, void *arg) {
    struct redis_commit_entry *entry = arg;
    struct redis_claim *claim = claim_of(t, entry->item);
    if (claim != NULL) {
        claim->busy = false;
    }
    next_of(t->store, &entry->item->id);
}

static void commit_after(struct redis_store *s, struct redis_queue *const *queues, size_t count,
                         const struct redis_reply *reply) {
    (void)s;
    for (size_t i = 0; i < count; i++) {
        const struct redis_reply *bytes = redis_reply_at(redis_reply_at(reply, 1), i);
        for (size_t k = 0; k < ARRAY_LEN(queues[i]->bytes); k++) {
            (void)redis_reply_integer(redis_reply_at(bytes, k), &queues[i]->bytes[k]);
        }
    }
}

static const struct redis_batch_kind batch = {.script = REDIS_SCRIPT_commit,
                                              .write = commit_write,
                                              .head = commit_head,
                                              .read = commit_read,
                                              .lost = commit_lost,
                                              .after = commit_after};

/* ------------------------------------------------------------------ the operation */

// The queues of children that go by the outbox are entered before somebody looks for them there.
static int know_queues(struct redis_task *t, const struct store_commit_item *item) {
    int r = 0;
    for (size_t i = 0; i < item->child_count && r == 0; i++) {
        (void)redis_store_queue(t->store, item->children[i].queue, &r);
    }
    return r;
}

static void run(struct redis_task *t) {
    struct store_commit *commit = CONTAINER_OF(t->op, struct store_commit, op);
    struct commit_task *c = CONTAINER_OF(t, struct commit_task, task);
    struct redis_commit_entry *entries = arena_zalloc(&c->arena, commit->count * sizeof *entries);
    commit->outbox = false;
    if (entries == NULL && commit->count > 0) {
        redis_ask_no_memory(t);
        return;
    }
    t->open = 1; // until all are handed over
    for (size_t i = 0; i < commit->count; i++) {
        struct redis_commit_entry *entry = &entries[i];
        entry->task = t;
        entry->item = &commit->items[i];
        entry->item->state = JOB_RUNNING;
        entry->item->status = know_queues(t, entry->item);
        if (entry->item->status == 0) {
            begin(entry);
        }
    }
    redis_task_leave(t, 0, NULL);
}

static void finish(struct redis_task *t) {
    arena_free(&CONTAINER_OF(t, struct commit_task, task)->arena);
}

const struct redis_op_kind redis_commit = {.run = run,
                                           .size = sizeof(struct commit_task),
                                           .mutates = true,
                                           .batched = true,
                                           .finish = finish};
