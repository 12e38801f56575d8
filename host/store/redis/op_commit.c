#include <errno.h>

#include "core/fence.h"
#include "store/events.h"
#include "store/redis/ask.h"
#include "store/redis/commit.h"
#include "store/redis/locate.h"
#include "store/redis/ops.h"

// An item on its way. Of each job one is under way at a time, because each is sent as what it
// changes of the job behind the one before. Blobs are held before somebody names them: of all items
// of an operation in one go, and meanwhile those items stand among the waiting ones.
//
//     [held] ─▶ begin ─┬─▶ batch ─▶ read / lost ─▶ the next that waits for this job
//                      ├─▶ waits for another of its job
//                      └─▶ not our claim: look ─▶ was it applied before?
struct redis_commit_entry {
    struct redis_task *task;
    struct store_commit_item *item;
    struct redis_claim *claim; // while its words are written
    struct redis_commit_plan plan;
    struct redis_located at;
    struct redis_blob_name *names; // its blobs
    size_t name_count;
    bool holding;                    // it waits until they are held
    struct redis_commit_entry *next; // that waits
};

struct commit_task {
    struct redis_task task;
    struct arena arena;
    struct redis_commit_entry *entries;
    bool holding;
};

static struct commit_task *of_task(struct redis_task *t) {
    return CONTAINER_OF(t, struct commit_task, task);
}

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
    entry->at.id = entry->item->id;
    redis_locate(entry->task, &entry->at, 1, &of_task(entry->task)->arena, looked, entry);
}

/* ------------------------------------------------------------------ our claim */

// Where the first one that waits for the job stands; NULL there: nobody does.
static struct redis_commit_entry **first_of(struct redis_store *s, const struct job_id *id) {
    struct redis_commit_entry **at = &s->waiting;
    while (*at != NULL && !id_equal(&(*at)->item->id, id)) {
        at = &(*at)->next;
    }
    return at;
}

static void wait_in_line(struct redis_store *s, struct redis_commit_entry *entry) {
    struct redis_commit_entry **end = &s->waiting;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = entry;
    entry->next = NULL;
}

static bool names_nothing(const struct redis_commit_entry *entry) {
    for (size_t i = 0; i < entry->name_count; i++) {
        if (entry->names[i].missing) {
            return true;
        }
    }
    return false;
}

// True: it is under way.
static bool send_one(struct redis_commit_entry *entry, struct redis_claim *claim) {
    struct store_commit_item *item = entry->item;
    item->status = redis_commit_check(item);
    if (item->status == 0 && names_nothing(entry)) {
        item->status = -ENOENT;
    }
    if (item->status != 0) {
        return false;
    }
    claim->busy = true;
    entry->claim = claim;
    redis_commit_decide(item, &claim->job, entry->task->op->now_ms, &entry->plan);
    claim->started = claim->started || entry->plan.to == JOB_RUNNING;
    redis_batch_add(entry->task, &batch, entry, claim->queue);
    return true;
}

// The next one of the job begins, if it can; again if that one is over at once.
static void next_of(struct redis_store *s, const struct job_id *id) {
    for (bool over = true; over;) {
        struct redis_commit_entry **at = first_of(s, id), *entry = *at;
        struct redis_claim *claim = entry == NULL ? NULL : claim_of(entry->task, entry->item);
        if (entry == NULL || entry->holding || (claim != NULL && claim->busy)) {
            return;
        }
        *at = entry->next;
        over = claim == NULL || !send_one(entry, claim);
        if (claim == NULL) {
            look(entry);
        }
        redis_task_leave(entry->task, 0, NULL);
    }
}

static void begin(struct redis_commit_entry *entry) {
    entry->task->open++;
    wait_in_line(entry->task->store, entry);
    next_of(entry->task->store, &entry->item->id);
}

static void commit_write(struct redis_task *t, void *arg, unsigned queue, struct redis_args *a,
                         struct redis_head *head) {
    const struct redis_commit_entry *entry = arg;
    redis_commit_write(t->store, entry->claim, entry->item, &entry->plan, queue, t->op->now_ms, a,
                       head);
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

// The commit is applied, whatever comes of this: who looks at references finds what is left.
static void let_go(const struct redis_commit_entry *entry, const struct redis_claim *claim,
                   const struct redis_reply *reply) {
    struct redis_task *t = entry->task;
    const struct redis_store *s = t->store;
    int r = redis_commit_let_go(t, &of_task(t)->arena, claim, entry->item, &entry->plan, reply);
    if (r < 0 && s->log != NULL) {
        char id[JOB_ID_TEXT + 1];
        id_format(&entry->item->id, id);
        log_warn(s->log, "store.outputs", "job=%s msg=\"its replaced outputs cannot be read\"", id);
    }
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
            let_go(entry, claim, reply);
        }
        if (r == 0 && item->state == JOB_RUNNING) {
            r = redis_claims_update(&t->store->claims, claim, &entry->plan.job);
            t->op->status = r < 0 ? err_set(&t->op->err, r, "out of memory") : t->op->status;
        } else if (r == 0) {
            redis_claims_end(&t->store->claims, claim);
        } else if (r == -ESTALE) {
            redis_news_fenced(t->store, claim);
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

// The item fits; the queues of children that go by the outbox are entered before somebody looks for them there.
static int look_over(struct redis_task *t, const struct store_commit_item *item) {
    int r = 0;
    for (size_t i = 0; i < item->child_count && r == 0; i++) {
        (void)redis_store_queue(t->store, item->children[i].queue, &r);
    }
    if (r == 0 && item->then != NULL) {
        (void)redis_store_queue(t->store, item->then->queue, &r);
    }
    for (size_t i = 0; i < item->event_count && r == 0; i++) {
        r = store_event_check(&item->events[i]) < 0 ? -E2BIG : 0;
    }
    return r;
}

// Those that nobody can begin any more leave the line.
static void leave_line(struct commit_task *c) {
    const struct store_commit *commit = CONTAINER_OF(c->task.op, struct store_commit, op);
    struct redis_commit_entry **at = &c->task.store->waiting;
    while (*at != NULL) {
        if ((*at)->task == &c->task) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
    for (size_t i = 0; i < commit->count; i++) {
        next_of(c->task.store, &commit->items[i].id);
    }
}

static void held(struct redis_task *t, void *arg) {
    struct commit_task *c = arg;
    const struct store_commit *commit = CONTAINER_OF(t->op, struct store_commit, op);
    c->holding = false;
    for (size_t i = 0; i < commit->count; i++) {
        t->open += c->entries[i].holding;
        c->entries[i].holding = false;
    }
    for (size_t i = 0; i < commit->count; i++) {
        next_of(t->store, &commit->items[i].id);
    }
}

// All of an operation's items wait until the blobs that they name are held. While they do, it is not
// they that keep the operation open: it ends if holding fails.
static void hold(struct commit_task *c, struct redis_blob_name *names, size_t count) {
    const struct store_commit *commit = CONTAINER_OF(c->task.op, struct store_commit, op);
    size_t n = 0;
    c->holding = true;
    for (size_t i = 0; i < commit->count && c->entries != NULL; i++) {
        struct redis_commit_entry *entry = &c->entries[i];
        const struct redis_claim *claim = claim_of(&c->task, entry->item);
        entry->names = &names[n];
        if (claim != NULL) {
            n += redis_commit_names(entry->item, claim->queue->name, &names[n]);
        }
        entry->name_count = (size_t)(&names[n] - entry->names);
        if (entry->item->status == 0) {
            entry->holding = true;
            wait_in_line(c->task.store, entry);
        }
    }
    redis_blobs_hold(&c->task, names, count, held, c);
}

// How many blobs the operation names.
static size_t prepare(struct commit_task *c) {
    struct store_commit *commit = CONTAINER_OF(c->task.op, struct store_commit, op);
    size_t names = 0;
    for (size_t i = 0; i < commit->count; i++) {
        struct store_commit_item *item = &commit->items[i];
        c->entries[i].task = &c->task;
        c->entries[i].item = item;
        item->state = JOB_RUNNING;
        item->status = look_over(&c->task, item);
        names += claim_of(&c->task, item) == NULL ? 0 : redis_commit_names(item, NULL, NULL);
    }
    return names;
}

static void run(struct redis_task *t) {
    struct store_commit *commit = CONTAINER_OF(t->op, struct store_commit, op);
    struct commit_task *c = of_task(t);
    commit->outbox = false;
    c->entries = arena_zalloc(&c->arena, commit->count * sizeof *c->entries);
    size_t count = c->entries == NULL ? 0 : prepare(c);
    struct redis_blob_name *names =
        count == 0 ? NULL : arena_zalloc(&c->arena, count * sizeof *names);
    if ((c->entries == NULL && commit->count > 0) || (names == NULL && count > 0)) {
        redis_ask_no_memory(t);
        return;
    }
    t->open = 1; // until all are handed over
    if (names != NULL) {
        hold(c, names, count);
    }
    for (size_t i = 0; i < commit->count && names == NULL; i++) {
        if (c->entries[i].item->status == 0) {
            begin(&c->entries[i]);
        }
    }
    redis_task_leave(t, 0, NULL);
}

static void finish(struct redis_task *t) {
    struct commit_task *c = of_task(t);
    if (c->holding) {
        leave_line(c);
    }
    arena_free(&c->arena);
}

const struct redis_op_kind redis_commit = {.run = run,
                                           .size = sizeof(struct commit_task),
                                           .mutates = true,
                                           .batched = true,
                                           .finish = finish};
