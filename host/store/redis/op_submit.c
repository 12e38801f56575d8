#include <errno.h>
#include <string.h>

#include "store/redis/blob.h"
#include "store/redis/insert.h"
#include "store/redis/jobhash.h"
#include "store/redis/ops.h"

int redis_insert_check(const struct job_spec *spec) {
    return spec->dedup_key != NULL && spec->dedup_mode > DEDUP_RETURN ? -ENOTSUP : 0;
}

// What is not as it mostly is, by the names of lua/lib/insert.lua.
static void write_settings(const struct store_submit_item *item, const char *comes, int64_t now_ms,
                           struct redis_args *a) {
    const struct job_spec *spec = item->spec;
    bool normal = spec->priority == PRIORITY_NORMAL;
    bool reject = spec->dedup_key != NULL && spec->dedup_mode == DEDUP_REJECT;
    bool large = spec->payload.len > REDIS_PAYLOAD_INLINE;
    struct redis_settings s = redis_settings_begin(a);
    redis_setting_text(&s, "priority", normal ? NULL : priority_name((int)spec->priority));
    redis_setting_number(&s, "due", spec->run_at_ms > now_ms ? spec->run_at_ms : 0);
    redis_setting_text(&s, "key", spec->dedup_key);
    redis_setting_text(&s, "mode", reject ? "reject" : NULL);
    redis_setting_text(&s, "comes", *comes != '\0' ? comes : NULL);
    redis_setting_bytes(&s, "payload", large ? spec->payload : (struct bytes){NULL, 0});
    redis_setting_number(&s, "max_waiting", item->max_waiting);
    redis_setting_number(&s, "keep_ms", item->keep_ms);
    redis_setting_number(&s, "tombstone", item->tombstone_ms);
    redis_settings_end(&s);
}

// Its hash as it is when it is queued: in how many words.
static size_t write_fields(const struct job_spec *spec, bool with_queue, bool whole,
                           struct redis_args *a) {
    struct redis_job job;
    size_t first = a->count;
    jobhash_of_spec(spec, &job);
    redis_args_text(a, "id");
    redis_args_id(a, &spec->id);
    redis_args_text(a, "status");
    redis_args_text(a, job_state_name(JOB_QUEUED));
    if (whole) {
        (void)jobhash_write_whole(&job, with_queue, a);
        redis_args_fold(a, first);
    } else {
        (void)jobhash_write(&job, with_queue, a);
    }
    return a->count - first;
}

void redis_insert_write(const struct redis_store *s, const struct store_submit_item *item,
                        const char *comes, unsigned queue, const struct redis_queue *q,
                        int64_t now_ms, struct redis_args *a, struct redis_head *head) {
    const struct job_spec *spec = item->spec;
    size_t first = a->count;
    redis_args_number(a, queue);
    redis_args_text(a, spec->type);
    redis_args_number(a, jobhash_bytes(spec));
    size_t fields = redis_args_hole(a);
    write_settings(item, comes, now_ms, a);
    size_t own = a->count;
    redis_args_id(a, &spec->id);
    redis_args_copy(a, (struct bytes){spec->id.b, sizeof spec->id.b});
    redis_args_fill(a, fields, (int64_t)write_fields(spec, q->prefix[0] == '\0', s->restores, a));
    redis_args_head(a, head, first, own - first);
}

static bool read_holder(const struct redis_reply *reply, struct store_submit_item *item) {
    const struct redis_reply *id = redis_reply_at(reply, 1), *state = redis_reply_at(reply, 2);
    int known = state == NULL || state->text.len == 0
                    ? -1
                    : job_state_from_name(redis_reply_text(state).data);
    if (id == NULL || id->text.len == 0 || known < 0 ||
        id_parse(redis_reply_text(id).data, &item->winner) != 0) {
        return false;
    }
    item->winner_state = (enum job_state)known;
    return true;
}

int redis_insert_read(const struct redis_reply *reply, struct store_submit_item *item) {
    static const struct {
        enum submit_verdict verdict;
        int status;
        bool holder;
    } meanings[] = {
        [REDIS_INSERT_NEW] = {SUBMIT_NEW, 0, false},
        [REDIS_INSERT_DUPLICATE] = {SUBMIT_DUPLICATE, 0, true},
        [2] = {SUBMIT_REFUSED, -EPROTO, false},
        [REDIS_INSERT_REPEATED] = {SUBMIT_REPEATED, 0, false},
        [REDIS_INSERT_HELD] = {SUBMIT_REFUSED, -EEXIST, true},
        [REDIS_INSERT_OVER_BUDGET] = {SUBMIT_REFUSED, -EDQUOT, false},
        [REDIS_INSERT_FULL] = {SUBMIT_REFUSED, -ENOBUFS, false},
    };
    const struct redis_reply *said = reply->kind == REDIS_ARRAY ? redis_reply_at(reply, 0) : reply;
    int64_t code;
    if (!redis_reply_integer(said, &code) || code < 0 || (size_t)code >= ARRAY_LEN(meanings)) {
        return -EPROTO;
    }
    item->verdict = meanings[code].verdict;
    item->status = meanings[code].status;
    return meanings[code].holder && !read_holder(reply, item) ? -EPROTO : 0;
}

/* ------------------------------------------------------------------ SUBMIT */

struct submit_task {
    struct redis_task task;
    struct redis_blob_name *names; /* of all input files of all items, one after the other */
};

static void release_files(struct redis_task *t, const struct store_submit_item *item);

static void submit_head(struct redis_store *s, struct redis_queue *const *queues, size_t count,
                        struct redis_args *a) {
    for (size_t i = 0; i < count; i++) {
        redis_store_put_room(s, queues[i], BUDGET_JOBS, a);
    }
}

static void submit_write(struct redis_task *t, void *arg, unsigned queue, struct redis_args *a,
                         struct redis_head *head) {
    struct store_submit_item *item = arg;
    struct redis_queue *q = redis_queues_find(&t->store->queues, item->spec->queue);
    redis_insert_write(t->store, item, item->spooled ? "spooled" : "", queue, q, t->op->now_ms, a,
                       head);
}

// It may be claimed right away. Of one that leaves a tombstone there is more in its hash than its spec says.
static void remember(struct redis_store *s, const struct store_submit_item *item) {
    const struct redis_queue *q = redis_queues_find(&s->queues, item->spec->queue);
    if (item->tombstone_ms == 0 && q != NULL) {
        redis_recall_add(&s->recall, item->spec, q->prefix[0] == '\0');
    }
}

static void submit_read(struct redis_task *t, void *arg, const struct redis_reply *reply) {
    struct store_submit_item *item = arg;
    const struct store_events *events = &t->store->events;
    if (redis_insert_read(reply, item) != 0) {
        t->op->status = err_set(&t->op->err, -EPROTO, "a script answered something else");
        return;
    }
    bool stored = item->verdict == SUBMIT_NEW || item->verdict == SUBMIT_REPEATED ||
                  (item->verdict == SUBMIT_DUPLICATE && item->spooled);
    if (!stored && item->spec->file_count > 0) {
        release_files(t, item);
    }
    if (item->verdict != SUBMIT_NEW) {
        return;
    }
    if (item->spec->run_at_ms > t->op->now_ms) {
        events->due(events->arg, item->spec->run_at_ms);
    } else {
        remember(t->store, item);
        const struct store_lane lane = {item->spec->queue, item->spec->type};
        events->ready(events->arg, &lane);
    }
}

static void submit_after(struct redis_store *s, struct redis_queue *const *queues, size_t count,
                         const struct redis_reply *reply) {
    (void)s;
    for (size_t i = 0; i < count; i++) {
        (void)redis_reply_integer(redis_reply_at(redis_reply_at(reply, 1), i),
                                  &queues[i]->bytes[BUDGET_JOBS]);
    }
}

static const struct redis_batch_kind batch = {.script = REDIS_SCRIPT_submit,
                                              .write = submit_write,
                                              .head = submit_head,
                                              .read = submit_read,
                                              .after = submit_after};

/* ------------------------------------------------------------------ input files */

// The files of an item among the names of all.
static struct redis_blob_name *names_of(struct submit_task *st,
                                        const struct store_submit_item *item) {
    const struct store_submit *submit = CONTAINER_OF(st->task.op, struct store_submit, op);
    struct redis_blob_name *name = st->names;
    for (const struct store_submit_item *i = submit->items; i < item; i++) {
        name += i->spec->file_count;
    }
    return name;
}

static void released(struct redis_task *t, void *arg) {
    (void)t;
    (void)arg;
}

static void release_files(struct redis_task *t, const struct store_submit_item *item) {
    struct submit_task *st = CONTAINER_OF(t, struct submit_task, task);
    redis_blobs_release(t, names_of(st, item), item->spec->file_count, released, NULL);
}

static bool has_all_files(struct submit_task *st, const struct store_submit_item *item) {
    const struct redis_blob_name *names = names_of(st, item);
    for (size_t i = 0; i < item->spec->file_count; i++) {
        if (names[i].missing) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ the operation */

static void refuse(struct store_submit_item *item, int status) {
    item->verdict = SUBMIT_REFUSED;
    item->status = status;
}

static void submit(struct redis_task *t, struct store_submit_item *item) {
    int r = redis_insert_check(item->spec);
    struct redis_queue *q = r == 0 ? redis_store_queue(t->store, item->spec->queue, &r) : NULL;
    if (q != NULL) {
        redis_batch_add(t, &batch, item, q);
        return;
    }
    refuse(item, r);
    if (item->spec->file_count > 0) {
        release_files(t, item);
    }
}

static void on_held(struct redis_task *t, void *arg) {
    struct submit_task *st = CONTAINER_OF(t, struct submit_task, task);
    struct store_submit *op = arg;
    for (size_t i = 0; i < op->count; i++) {
        struct store_submit_item *item = &op->items[i];
        if (item->spec->file_count == 0) {
            continue;
        }
        if (has_all_files(st, item)) {
            submit(t, item);
        } else {
            refuse(item, -ENOENT);
            release_files(t, item);
        }
    }
}

static void hold_files(struct submit_task *st, struct store_submit *op, size_t count) {
    st->names = arena_zalloc(&op->op.arena, count * sizeof *st->names);
    if (st->names == NULL) {
        redis_ask_no_memory(&st->task);
        return;
    }
    struct redis_blob_name *name = st->names;
    for (size_t i = 0; i < op->count; i++) {
        const struct job_spec *spec = op->items[i].spec;
        for (size_t k = 0; k < spec->file_count; k++) {
            *name++ = (struct redis_blob_name){.blob = spec->files[k].blob,
                                               .queue = spec->queue,
                                               .id = spec->id,
                                               .part = REDIS_BLOB_FILE};
        }
    }
    redis_blobs_hold(&st->task, st->names, count, on_held, op);
}

static void run(struct redis_task *t) {
    struct submit_task *st = CONTAINER_OF(t, struct submit_task, task);
    struct store_submit *op = CONTAINER_OF(t->op, struct store_submit, op);
    size_t files = 0;
    t->open = 1; // until all are handed over
    for (size_t i = 0; i < op->count; i++) {
        files += op->items[i].spec->file_count;
        if (op->items[i].spec->file_count == 0) {
            submit(t, &op->items[i]);
        }
    }
    if (files > 0) {
        hold_files(st, op, files);
    }
    redis_task_leave(t, 0, NULL);
}

const struct redis_op_kind redis_submit = {
    .run = run, .size = sizeof(struct submit_task), .mutates = true, .batched = true};
