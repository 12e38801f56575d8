#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/dedup.h"
#include "store/files.h"
#include "store/flows.h"
#include "store/pack.h"
#include "store/redis/blob.h"
#include "store/redis/insert.h"
#include "store/redis/jobhash.h"
#include "store/redis/ops.h"

// Of one that may change another.
static void write_debounce(const struct redis_store *s, const struct job_spec *spec,
                           const struct job_id *files_of, struct redis_settings *to) {
    char id[JOB_ID_TEXT + 1];
    redis_setting_number(to, "deadline", spec->deadline_ms);
    redis_setting_number(to, "usual_ttl", s->config.dedup_ttl_ms);
    redis_setting_number(to, "overhead", REDIS_JOB_OVERHEAD);
    if (spec->file_count > 0) {
        id_format(files_of != NULL ? files_of : &spec->id, id);
        redis_setting_text(to, "files_of", redis_args_keep(to->args, id));
    }
}

static void write_key(const struct redis_store *s, const struct store_submit_item *item,
                      const struct job_id *files_of, struct redis_settings *to) {
    const struct job_spec *spec = item->spec;
    enum dedup_mode mode = spec->dedup_mode;
    redis_setting_text(to, "key", spec->dedup_key);
    redis_setting_text(to, "mode", mode == DEDUP_RETURN ? NULL : dedup_mode_name((int)mode));
    redis_setting_text(to, "bound", item->scope == NULL ? NULL : item->scope->tenant);
    redis_setting_number(to, "ends", dedup_ends_ms(spec, s->config.dedup_ttl_ms));
    if (mode == DEDUP_DEBOUNCE) {
        write_debounce(s, spec, files_of, to);
    }
}

// lua/lib/once.lua
static void write_once(const struct store_submit_item *item, struct redis_settings *to) {
    char text[STORE_ONCE_MAX * 80], *at = text;
    for (size_t i = 0; i < item->once_count && i < STORE_ONCE_MAX; i++) {
        const struct store_once *once = &item->once[i];
        int64_t keep = store_once_keep_ms(once);
        for (size_t k = 0; k < sizeof once->key; k++) {
            at += sprintf(at, "%02x", once->key[k]);
        }
        at += sprintf(at, " %016" PRIx64 " %" PRId64 " ", once->content, keep > 0 ? keep : 1);
    }
    redis_setting_text(to, "once", redis_args_keep(to->args, text));
}

// What is not as it mostly is, by the names of lua/lib/insert.lua.
static void write_settings(const struct redis_store *store, const struct store_submit_item *item,
                           struct redis_coming comes, bool one_line, int64_t now_ms,
                           struct redis_args *a) {
    const struct job_spec *spec = item->spec;
    bool normal = spec->priority == PRIORITY_NORMAL, keyed = spec->dedup_key != NULL;
    bool may_end =
        item->spooled || comes.dies != NULL || (keyed && spec->dedup_mode == DEDUP_REPLACE);
    bool large = spec->payload.len > REDIS_PAYLOAD_INLINE;
    struct redis_settings s = redis_settings_begin(a);
    redis_setting_text(&s, "priority", normal ? NULL : priority_name((int)spec->priority));
    redis_setting_number(&s, "due", spec->run_at_ms > now_ms ? spec->run_at_ms : 0);
    if (keyed) {
        write_key(store, item, comes.files_of, &s);
    }
    redis_setting_text(&s, "comes", comes.how);
    redis_setting_bytes(&s, "payload", large ? spec->payload : (struct bytes){NULL, 0});
    redis_setting_number(&s, "max_waiting", item->max_waiting);
    redis_setting_number(&s, "keep_ms", may_end ? item->keep_ms : 0);
    redis_setting_number(&s, "tombstone", item->tombstone_ms);
    redis_setting_text(&s, "user", one_line ? NULL : spec->tenant);
    if (store_flow_has(spec)) {
        redis_setting_text(&s, "flow", spec->flow_id);
        redis_setting_text(&s, "flow_queue", spec->flow_queue);
    }
    redis_setting_text(&s, "dies", comes.dies);
    redis_setting_text(&s, "why", comes.why);
    redis_setting_text(&s, "ready", comes.ready);
    if (item->once_count > 0) {
        write_once(item, &s);
    }
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
                        struct redis_coming comes, unsigned queue, const struct redis_queue *q,
                        int64_t now_ms, struct redis_args *a, struct redis_head *head) {
    const struct job_spec *spec = item->spec;
    size_t first = a->count;
    redis_args_number(a, queue);
    redis_args_text(a, spec->type);
    redis_args_number(a, jobhash_bytes(spec));
    size_t fields = redis_args_hole(a);
    write_settings(s, item, comes, q->one_line, now_ms, a);
    size_t own = a->count;
    redis_args_id(a, &spec->id);
    redis_args_copy(a, (struct bytes){spec->id.b, sizeof spec->id.b});
    redis_args_fill(a, fields, (int64_t)write_fields(spec, q->prefix[0] == '\0', s->restores, a));
    redis_args_head(a, head, first, own - first);
}

static bool read_holder(const struct redis_reply *reply, struct job_id *ret_id,
                        enum job_state *ret_state) {
    const struct redis_reply *id = redis_reply_at(reply, 1), *state = redis_reply_at(reply, 2);
    int known = state == NULL || state->text.len == 0
                    ? -1
                    : job_state_from_name(redis_reply_text(state).data);
    if (id == NULL || id->text.len == 0 || known < 0 ||
        id_parse(redis_reply_text(id).data, ret_id) != 0) {
        return false;
    }
    *ret_state = (enum job_state)known;
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
        [REDIS_INSERT_NOT_TOLD] = {SUBMIT_REFUSED, -EPERM, false},
        [REDIS_INSERT_OTHER_FILES] = {SUBMIT_REFUSED, -EBUSY, true},
        [REDIS_INSERT_ONCE] = {SUBMIT_DUPLICATE, 0, true},
        [REDIS_INSERT_ONCE_DIFFERS] = {SUBMIT_DUPLICATE, 0, true},
    };
    const struct redis_reply *said = reply->kind == REDIS_ARRAY ? redis_reply_at(reply, 0) : reply;
    int64_t code;
    if (!redis_reply_integer(said, &code) || code < 0 || (size_t)code >= ARRAY_LEN(meanings)) {
        return -EPROTO;
    }
    item->verdict = meanings[code].verdict;
    item->status = meanings[code].status;
    item->updated = code == REDIS_INSERT_DUPLICATE && reply->count > 3;
    item->once_differs = code == REDIS_INSERT_ONCE_DIFFERS;
    item->once_held = code == REDIS_INSERT_ONCE || item->once_differs;
    item->replaced = (struct job_id){{0}};
    if (code == REDIS_INSERT_NEW && reply->kind == REDIS_ARRAY) {
        return read_holder(reply, &item->replaced, &item->replaced_state) ? 0 : -EPROTO;
    }
    return meanings[code].holder && !read_holder(reply, &item->winner, &item->winner_state)
               ? -EPROTO
               : 0;
}

/* ------------------------------------------------------------------ SUBMIT */

struct submit_task {
    struct redis_task task;
    struct redis_blob_name *names; /* of all input files of all items, one after the other */
    unsigned reheld;               /* how often files were held for another job */
};

enum { REHELD_MAX = 64 };

static void submit(struct redis_task *t, struct store_submit_item *item);

static void refuse(struct store_submit_item *item, int status) {
    item->verdict = SUBMIT_REFUSED;
    item->status = status;
}

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

// Those that were held under its own id.
static void release_files(struct redis_task *t, const struct store_submit_item *item) {
    struct submit_task *st = CONTAINER_OF(t, struct submit_task, task);
    size_t count = item->spec->file_count;
    struct redis_blob_name *own = arena_alloc(&t->op->arena, count * sizeof *own);
    for (size_t i = 0; own != NULL && i < count; i++) {
        own[i] = names_of(st, item)[i];
        own[i].id = item->spec->id;
    }
    if (own != NULL) { // else the sweep finds them
        redis_blobs_release(t, own, count, released, NULL);
    }
}

static bool brings(const struct store_submit_item *item, const struct blob_ref *blob) {
    for (size_t i = 0; i < item->spec->file_count; i++) {
        if (memcmp(item->spec->files[i].blob.sha256, blob->sha256, sizeof blob->sha256) == 0) {
            return true;
        }
    }
    return false;
}

// The files that a debounced job had before it was changed, but for those that it has again.
static void release_replaced(struct redis_task *t, const struct store_submit_item *item,
                             struct bytes packed) {
    struct arena *a = &t->op->arena;
    struct files_taken *had = packed.len == 0 ? NULL : arena_zalloc(a, sizeof *had);
    struct redis_blob_name *names =
        had == NULL ? NULL : arena_zalloc(a, JOB_FILES_MAX * sizeof *names);
    struct bytes left = names == NULL ? (struct bytes){NULL, 0} : arena_bytes(a, packed);
    struct pack_item one;
    size_t count = 0;
    while (left.data != NULL && pack_next(&left, &one) > 0) {
        (void)(one.number == FILES_ITEM ? files_take(had, one.bytes) : 0);
    }
    for (size_t i = 0; names != NULL && i < had->count; i++) {
        if (!brings(item, &had->all[i].blob)) {
            names[count++] = (struct redis_blob_name){.blob = had->all[i].blob,
                                                      .queue = item->spec->queue,
                                                      .id = item->winner,
                                                      .part = REDIS_BLOB_FILE};
        }
    }
    if (count > 0) {
        redis_blobs_release(t, names, count, released, NULL);
    }
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

/* ------------------------------------------------------------------ the call */

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
    bool has_names = item->spec->file_count > 0;
    const struct redis_coming comes = {
        .how = item->spooled ? "spooled" : NULL,
        .files_of =
            has_names ? &names_of(CONTAINER_OF(t, struct submit_task, task), item)->id : NULL};
    redis_insert_write(t->store, item, comes, queue, q, t->op->now_ms, a, head);
}

// It may be claimed right away. Of one that leaves a tombstone there is more in its hash than its spec says.
static void remember(struct redis_store *s, const struct store_submit_item *item) {
    const struct redis_queue *q = redis_queues_find(&s->queues, item->spec->queue);
    if (item->tombstone_ms == 0 && q != NULL) {
        redis_recall_add(&s->recall, item->spec, q->prefix[0] == '\0');
    }
}

static void on_reheld(struct redis_task *t, void *arg) {
    struct store_submit_item *item = arg;
    if (has_all_files(CONTAINER_OF(t, struct submit_task, task), item)) {
        submit(t, item);
    } else {
        refuse(item, -ENOENT);
        release_files(t, item);
    }
}

// A debounced job is to get this one's files: so they are held for it first. What is held for nothing, because that job
// begins meanwhile, is found by the sweep.
static bool hold_for_holder(struct redis_task *t, struct store_submit_item *item) {
    struct submit_task *st = CONTAINER_OF(t, struct submit_task, task);
    struct redis_blob_name *names = names_of(st, item);
    if (item->status != -EBUSY || st->reheld == REHELD_MAX) {
        return false;
    }
    st->reheld++;
    for (size_t i = 0; i < item->spec->file_count; i++) {
        names[i].id = item->winner;
    }
    redis_blobs_hold(t, names, item->spec->file_count, on_reheld, item);
    return true;
}

static void tell_updated(struct redis_task *t, const struct store_submit_item *item,
                         const struct redis_reply *reply) {
    const struct store_events *events = &t->store->events;
    const struct store_lane lane = {item->spec->queue, item->spec->type};
    int64_t due_ms;
    if (redis_reply_integer(redis_reply_at(reply, 3), &due_ms)) {
        events->due(events->arg, due_ms);
    } else if (item->winner_state == JOB_QUEUED) {
        events->ready(events->arg, &lane);
    }
    release_replaced(t, item, redis_reply_text(redis_reply_at(reply, 4)));
}

static void submit_read(struct redis_task *t, void *arg, const struct redis_reply *reply) {
    struct store_submit_item *item = arg;
    const struct store_events *events = &t->store->events;
    if (redis_insert_read(reply, item) != 0) {
        t->op->status = err_set(&t->op->err, -EPROTO, "a script answered something else");
        return;
    }
    if (hold_for_holder(t, item)) {
        return;
    }
    if (item->updated) {
        tell_updated(t, item, reply);
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

/* ------------------------------------------------------------------ the operation */

static void submit(struct redis_task *t, struct store_submit_item *item) {
    int r = 0;
    struct redis_queue *q = redis_store_queue(t->store, item->spec->queue, &r);
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
        op->items[i].scope = op->op.scope;
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
