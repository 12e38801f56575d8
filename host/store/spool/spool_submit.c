// A submission, from the host to main or to the disk, or in parts to both.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/spool/spool_private.h"

enum route { TO_MAIN, TO_DISK, NOWHERE };

// One of the host's operations under way.
struct intake {
    struct spool_store *s;
    struct store_submit *user;
    void (*done)(struct store_op *op); // the user's, while ours stands there
    void *arg;
    int32_t timeout_ms; // the same: the disk has as long as the user says
    struct arena arena;
    const size_t *all; // 0, 1, 2 ...: when the whole of it passes through
    unsigned out;      // parts under way
    size_t undone;     // items that main did not answer and the disk did not take
    struct err err;    // main's words about those
};

// Some items of it, on their way to one of the stores.
struct part {
    struct store_submit submit;
    struct intake *in;
    size_t *index; // which of the user's items
    int why;       // what main said: its fate there is not known; 0: it was not asked
    unsigned opens;
    struct look *looks;
};

// Is the content of a file on the disk?
struct look {
    struct store_blob_open open;
    struct part *part;
    struct job_file *file; // in the entry's own list; its name is NULL until it is found
    const struct job_file *from;
};

static struct store_submit_item *item_of(const struct part *part, size_t i) {
    return &part->in->user->items[part->index[i]];
}

// Only main knows what is to become of it.
static bool needs_main(const struct job_spec *spec) {
    bool may_end_duplicate = spec->dedup_mode == DEDUP_RETURN || spec->dedup_mode == DEDUP_THROTTLE;
    return spec->dedup_key != NULL && !may_end_duplicate;
}

static void refuse(struct store_submit_item *item, int status) {
    item->verdict = SUBMIT_REFUSED;
    item->status = status;
}

static void finish(struct intake *in) {
    struct store_submit *user = in->user;
    struct spool_store *s = in->s;
    user->op.done = in->done;
    user->op.arg = in->arg;
    user->op.timeout_ms = in->timeout_ms;
    // nothing is known of any of them: that is the operation's answer
    user->op.status = in->undone > 0 && in->undone == user->count
                          ? err_set(&user->op.err, in->err.code, "%s", in->err.msg)
                          : 0;
    arena_free(&in->arena);
    free(in);
    spool_answer(s, &user->op);
}

static void part_over(struct part *part) {
    struct intake *in = part->in;
    if (--in->out == 0) {
        finish(in);
    }
}

static struct part *part_new(struct intake *in, size_t count) {
    struct part *part = arena_zalloc(&in->arena, sizeof *part);
    if (part == NULL) {
        return NULL;
    }
    part->in = in;
    part->index = arena_alloc(&in->arena, count * sizeof *part->index);
    part->submit.items = arena_zalloc(&in->arena, count * sizeof *part->submit.items);
    part->submit.op = (struct store_op){.kind = STORE_SUBMIT,
                                        .now_ms = in->user->op.now_ms,
                                        .timeout_ms = in->timeout_ms,
                                        .arg = part};
    return part->index == NULL || part->submit.items == NULL ? NULL : part;
}

/* ------------------------------------------------------------------ to the disk */

// The item ends here. With `why` main may have it all the same.
static void put_failed(struct part *part, size_t i, int status) {
    struct spool_store *s = part->in->s;
    struct store_submit_item *item = item_of(part, i);
    refuse(item, part->why != 0 ? part->why : status);
    part->in->undone += part->why != 0;
    spool_count(s, spool_queue(s, item->spec->queue), -1);
}

static void put_one_done(struct part *part, size_t i) {
    struct spool_store *s = part->in->s;
    const struct store_submit_item *put = &part->submit.items[i];
    struct store_submit_item *item = item_of(part, i);
    int status = part->submit.op.status != 0 ? part->submit.op.status : put->status;
    if (status != 0) {
        put_failed(part, i, status == -EDQUOT ? -ENOSPC : status);
        return;
    }
    item->verdict = SUBMIT_SPOOLED;
    item->status = 0;
    if (put->verdict == SUBMIT_REPEATED) { // it was counted when it came first
        spool_count(s, spool_queue(s, item->spec->queue), -1);
    } else {
        s->added += spool_entry_cost(put->spec->payload.len);
        s->oldest_ms = s->oldest_ms == 0 ? id_time_ms(&put->spec->id) : s->oldest_ms;
    }
}

static void put_done(struct store_op *op) {
    struct part *part = op->arg;
    struct spool_store *s = part->in->s;
    for (size_t i = 0; i < part->submit.count; i++) {
        put_one_done(part, i);
    }
    store_op_finish(op);
    part_over(part);
    spool_upkeep_in(s, SPOOL_UPKEEP_MS);
    spool_forward_kick(s);
}

// Files whose content is elsewhere are named by the entry, but not by its job on the disk.
static void keep_found(struct job_spec *spec) {
    struct job_file *files = (struct job_file *)(uintptr_t)spec->files;
    size_t kept = 0;
    for (size_t i = 0; i < spec->file_count; i++) {
        if (files[i].name != NULL) {
            files[kept++] = files[i];
        }
    }
    spec->file_count = kept;
}

static void put_now(struct part *part) {
    for (size_t i = 0; i < part->submit.count; i++) {
        keep_found((struct job_spec *)(uintptr_t)part->submit.items[i].spec);
    }
    part->submit.op.done = put_done;
    store_post(&part->in->s->disk, &part->submit.op);
}

static void looked(struct store_op *op) {
    struct look *look = op->arg;
    struct part *part = look->part;
    if (op->status == 0) {
        (void)close(look->open.fd);
        *look->file = *look->from;
    }
    store_op_finish(op);
    if (--part->opens == 0) {
        put_now(part);
    }
}

// The job on the disk that holds an entry: the same id, so that it is kept once, and ready at the
// time in it, so that the order is that of the ids.
static struct job_spec *make_entry(struct part *part, const struct store_submit_item *item) {
    struct arena *a = &part->in->arena;
    struct spool_entry entry = {.spooled_ms = part->submit.op.now_ms,
                                .max_waiting = item->max_waiting,
                                .keep_ms = item->keep_ms,
                                .spec = *item->spec};
    for (size_t i = 0; i < item->once_count && i < STORE_ONCE_MAX; i++) {
        entry.once[entry.once_count++] = item->once[i];
    }
    struct buf b = {.data = NULL};
    struct job_spec *spec = arena_zalloc(a, sizeof *spec);
    spool_entry_pack(&b, &entry);
    struct bytes packed = b.failed ? (struct bytes){NULL, 0} : arena_bytes(a, buf_bytes(&b));
    buf_free(&b);
    if (spec == NULL || packed.data == NULL) {
        return NULL;
    }
    *spec = (struct job_spec){.id = item->spec->id,
                              .queue = item->spec->queue,
                              .type = SPOOL_TYPE,
                              .priority = PRIORITY_NORMAL,
                              .payload = packed,
                              .content_type = "application/octet-stream",
                              .max_attempts = 1};
    return spec;
}

static int add_looks(struct part *part, struct job_spec *spec, const struct job_spec *from) {
    struct arena *a = &part->in->arena;
    if (!part->in->s->has_blobs || from->file_count == 0) {
        return 0;
    }
    struct job_file *files = arena_zalloc(a, from->file_count * sizeof *files);
    struct look *looks = arena_zalloc(a, from->file_count * sizeof *looks);
    if (files == NULL || looks == NULL) {
        return -ENOMEM;
    }
    spec->files = files;
    spec->file_count = from->file_count;
    for (size_t f = 0; f < from->file_count; f++) {
        looks[f] = (struct look){.part = part, .file = &files[f], .from = &from->files[f]};
        looks[f].open = (struct store_blob_open){
            .op = {.kind = STORE_BLOB_OPEN, .done = looked, .arg = &looks[f]},
            .ref = from->files[f].blob};
        looks[f].open.op.next = part->looks == NULL ? NULL : &part->looks->open.op;
        part->looks = &looks[f];
        part->opens++;
    }
    return 0;
}

// All are on their way before the first answer can come, which is when the loop turns.
static void post_looks(struct part *part) {
    struct look *look = part->looks;
    while (look != NULL) {
        struct store_op *next = look->open.op.next;
        store_post(&part->in->s->disk, &look->open.op);
        look = next == NULL ? NULL : CONTAINER_OF(next, struct look, open.op);
    }
}

static int add_entry(struct part *part, struct store_submit_item *item) {
    struct spool_store *s = part->in->s;
    struct job_spec *spec = make_entry(part, item);
    if (spec == NULL || add_looks(part, spec, item->spec) != 0) {
        return -ENOMEM;
    }
    uint64_t cost = spool_entry_cost(spec->payload.len);
    for (size_t i = 0; i < part->submit.count; i++) {
        cost += spool_entry_cost(part->submit.items[i].spec->payload.len);
    }
    if (spool_is_full(s, cost)) {
        return -ENOSPC;
    }
    part->submit.items[part->submit.count].spec = spec;
    return 0;
}

// Those of the user's items, which are counted as waiting already.
static void put(struct intake *in, const size_t *index, size_t count, int why) {
    struct part *part = part_new(in, count);
    for (size_t k = 0; k < count; k++) {
        struct store_submit_item *item = &in->user->items[index[k]];
        int r = part == NULL ? -ENOMEM : add_entry(part, item);
        if (r != 0) {
            refuse(item, why != 0 ? why : r);
            in->undone += why != 0;
            spool_count(in->s, spool_queue(in->s, item->spec->queue), -1);
        } else {
            part->index[part->submit.count++] = index[k];
        }
    }
    if (part == NULL || part->submit.count == 0) {
        return;
    }
    part->why = why;
    part->submit.op.now_ms = id_time_ms(&part->submit.items[0].spec->id);
    in->out++;
    if (part->opens > 0) {
        post_looks(part);
    } else {
        put_now(part);
    }
}

/* ------------------------------------------------------------------ to main */

// Main did not take it, and the disk can. An item's own -EPERM is main's word about its key, and no fault.
static bool is_for_disk(const struct spool_store *s, const struct store_submit_item *item,
                        const struct store_op *op) {
    int status = op->status != 0 ? op->status : item->status;
    if (op->status == 0 && status == -EPERM) {
        return false;
    }
    bool files = status == -ENOENT && item->spec->file_count > 0 && s->has_blobs;
    return (files || spool_is_away(status)) && !needs_main(item->spec);
}

// Main's answer about some items: what it could not take goes to the disk.
static void settle(struct intake *in, const size_t *index, size_t count,
                   const struct store_op *op) {
    size_t *disk = arena_alloc(&in->arena, count * sizeof *disk), n = 0;
    int why = op->status;
    for (size_t k = 0; k < count; k++) {
        struct store_submit_item *item = &in->user->items[index[k]];
        int status = op->status != 0 ? op->status : item->status;
        struct spool_queue *q = spool_queue(in->s, item->spec->queue);
        if (disk != NULL && q != NULL && is_for_disk(in->s, item, op)) {
            disk[n++] = index[k];
            spool_count(in->s, q, 1);
            why = spool_is_away(status) ? status : why;
        } else if (op->status != 0) {
            refuse(item, op->status);
            in->undone++;
        }
    }
    if (op->status != 0) {
        in->err = op->err;
        in->err.code = op->status;
    }
    if (n > 0) {
        put(in, disk, n, why);
    }
}

static void count_in_main(struct intake *in, const size_t *index, size_t count, bool back) {
    for (size_t k = 0; k < count; k++) {
        struct spool_queue *q = spool_queue(in->s, in->user->items[index[k]].spec->queue);
        if (q != NULL) {
            q->in_main = back ? q->in_main - 1 : q->in_main + 1;
        }
    }
}

static void main_part_done(struct store_op *op) {
    struct part *part = op->arg;
    struct intake *in = part->in;
    struct spool_store *s = in->s;
    for (size_t i = 0; op->status == 0 && i < part->submit.count; i++) {
        *item_of(part, i) = part->submit.items[i];
    }
    count_in_main(in, part->index, part->submit.count, true);
    settle(in, part->index, part->submit.count, op);
    store_op_finish(op);
    part_over(part);
    spool_forward_kick(s);
}

static void whole_done(struct store_op *op) {
    struct intake *in = op->arg;
    struct spool_store *s = in->s;
    size_t count = in->user->count;
    in->out = 1;
    count_in_main(in, in->all, count, true);
    settle(in, in->all, count, op);
    if (--in->out == 0) {
        finish(in);
    }
    spool_forward_kick(s);
}

/* ------------------------------------------------------------------ which way */

// The time that main has for these. What the disk can take need not wait as long as what only main
// can decide: if it happens after that, forwarding finds its id, or its tombstone, and nothing runs
// twice. With one of the other kind among them all of them wait.
static int32_t patience(const struct intake *in, const size_t *index, size_t count) {
    for (size_t k = 0; k < count; k++) {
        if (needs_main(in->user->items[index[k]].spec)) {
            return in->timeout_ms;
        }
    }
    bool sooner = in->timeout_ms > 0 && in->timeout_ms < in->s->patience_ms;
    return sooner ? in->timeout_ms : in->s->patience_ms;
}

static enum route route_of(struct spool_store *s, const struct job_spec *spec) {
    const struct spool_queue *q = spool_queue(s, spec->queue);
    if (s->down) {
        return needs_main(spec) || q == NULL ? NOWHERE : TO_DISK;
    }
    bool behind = q != NULL && q->waiting > 0 && s->fault[0] == '\0' && !needs_main(spec);
    return behind ? TO_DISK : TO_MAIN;
}

// What passes through as it is.
static void post_whole(struct intake *in, const size_t *index) {
    struct store_op *op = &in->user->op;
    in->all = index;
    count_in_main(in, index, in->user->count, false);
    op->done = whole_done;
    op->arg = in;
    op->timeout_ms = patience(in, index, in->user->count);
    store_post(&in->s->main, op);
}

static void post_main_part(struct intake *in, const size_t *index, size_t count) {
    struct part *part = part_new(in, count);
    if (part == NULL) {
        for (size_t k = 0; k < count; k++) {
            refuse(&in->user->items[index[k]], -ENOMEM);
        }
        return;
    }
    for (size_t k = 0; k < count; k++) {
        part->index[k] = index[k];
        part->submit.items[k] = in->user->items[index[k]];
    }
    part->submit.count = count;
    part->submit.op.done = main_part_done;
    part->submit.op.timeout_ms = patience(in, index, count);
    in->out++;
    count_in_main(in, index, count, false);
    store_post(&in->s->main, &part->submit.op);
}

static void post_parts(struct intake *in, size_t *index[2], const size_t count[2]) {
    struct spool_store *s = in->s;
    in->out = 1; // until all of them are under way
    if (count[TO_DISK] > 0) {
        put(in, index[TO_DISK], count[TO_DISK], 0);
    }
    if (count[TO_MAIN] > 0) {
        post_main_part(in, index[TO_MAIN], count[TO_MAIN]);
    }
    if (--in->out == 0) {
        struct store_op *op = &in->user->op;
        arena_free(&in->arena);
        free(in);
        spool_answer_later(s, op);
    }
}

static void sort_out(struct intake *in, size_t *index[2]) {
    struct spool_store *s = in->s;
    size_t count[2] = {0, 0};
    for (size_t i = 0; i < in->user->count; i++) {
        struct store_submit_item *item = &in->user->items[i];
        enum route route = route_of(s, item->spec);
        if (item->tombstone_ms == 0) {
            item->tombstone_ms = s->max_age_ms + SPOOL_MARGIN_MS;
        }
        if (route == NOWHERE) {
            refuse(item, -EAGAIN);
            continue;
        }
        index[route][count[route]++] = i;
        if (route == TO_DISK) {
            spool_count(s, spool_queue(s, item->spec->queue), 1);
        }
    }
    if (count[TO_MAIN] == in->user->count) {
        post_whole(in, index[TO_MAIN]);
    } else {
        post_parts(in, index, count);
    }
}

void spool_submit_post(struct spool_store *s, struct store_op *op) {
    struct store_submit *user = CONTAINER_OF(op, struct store_submit, op);
    op->status = 0;
    struct intake *in = calloc(1, sizeof *in);
    size_t *index[2] = {NULL, NULL};
    if (in != NULL) {
        *in = (struct intake){
            .s = s, .user = user, .done = op->done, .arg = op->arg, .timeout_ms = op->timeout_ms};
        index[TO_MAIN] = arena_alloc(&in->arena, (user->count + 1) * sizeof(size_t));
        index[TO_DISK] = arena_alloc(&in->arena, (user->count + 1) * sizeof(size_t));
    }
    if (index[TO_MAIN] == NULL || index[TO_DISK] == NULL) {
        free(in);
        (void)err_set(&op->err, -ENOMEM, "out of memory");
        op->status = -ENOMEM;
        spool_answer_later(s, op);
        return;
    }
    sort_out(in, index);
}
