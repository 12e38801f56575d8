// From the disk to main, a round at a time:
//
//     claim ─▶ too old? ─▶ files to main ─▶ SUBMIT ─▶ what cannot be delivered is saved ─▶ settle
//
// An entry leaves the disk only when main has it, or the file for people has. A round that is cut
// short leaves its entries where they were; main knows by their ids those that it has already.
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/side_thread.h"
#include "store/spool/spool_private.h"
#include "store/spool/spool_save.h"

enum { ROUND_ENTRIES = 256, ROUND_QUEUES = 32 };

enum fate {
    STAYS,   // where it is
    GOES,    // to main
    DONE,    // main has it
    REFUSED, // nobody will take it: for people
    SAVED    // they have it
};

struct slot {
    const struct store_claimed *job; // on the disk
    struct spool_entry entry;
    enum fate fate;
    const char *reason;
    char detail[160];
};

struct spool_forward {
    struct spool_store *s;
    struct event *retry;
    bool busy;  // a round is under way
    bool again; // something came meanwhile
    bool cut;   // main is away: what was not sent stays
    bool stuck; // the disk refuses to settle the round
    bool told;  // that main did not take what it was sent
    size_t moved;
    struct arena arena;
    struct store_claim claim;
    struct store_claim_want wants[ROUND_QUEUES];
    struct slot slots[ROUND_ENTRIES];
    size_t count;
    size_t at, file; // the entry and its file that is in hand
    struct store_blob_open open;
    struct store_blob_put put;
    struct store_submit submit;
    struct store_submit_item items[ROUND_ENTRIES];
    struct slot *sent[ROUND_ENTRIES];
    struct store_commit commit;
    struct store_commit_item ends[ROUND_ENTRIES];
    // what is saved
    struct side_thread *thread; // made when first needed
    struct side_op side;
    struct buf line;
    struct spool_save_file files[JOB_FILES_MAX];
    size_t file_count;
    int saved;
};

static void send_next(struct spool_forward *f);
static void save_next(struct spool_forward *f);
static void settle(struct spool_forward *f);

static void prepare(struct spool_forward *f, struct store_op *op, enum store_op_kind kind,
                    void (*done)(struct store_op *)) {
    *op = (struct store_op){.kind = kind, .now_ms = env_wall_ms(f->s->env), .done = done, .arg = f};
}

static void retry_later(struct spool_forward *f) {
    static const struct timeval tv = {.tv_sec = SPOOL_RETRY_MS / 1000};
    if (f->s->waiting > 0 && !f->s->closing) {
        (void)event_add(f->retry, &tv);
    }
}

static void on_retry(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct spool_forward *f = arg;
    if (f->stuck) {
        f->stuck = false;
        settle(f);
    } else {
        spool_forward_kick(f->s);
    }
}

/* ------------------------------------------------------------------ the end of a round */

static void end_round(struct spool_forward *f) {
    struct spool_store *s = f->s;
    store_op_finish(&f->claim.op);
    arena_free(&f->arena);
    f->busy = false;
    if (f->moved > 0) {
        spool_upkeep(s);
        if (s->waiting == 0 && s->log != NULL) {
            log_info(s->log, "spool.empty", "forwarded=%llu undelivered=%llu",
                     (unsigned long long)s->forwarded, (unsigned long long)s->undelivered);
        }
    }
    if (f->moved > 0 || f->again) {
        spool_forward_kick(s);
    }
    if (!f->busy) {
        retry_later(f);
    }
}

static void settled(struct store_op *op) {
    struct spool_forward *f = op->arg;
    struct spool_store *s = f->s;
    int status = op->status;
    store_op_finish(op);
    if (status != 0 && !s->closing) { // they stay claimed until it takes this
        f->stuck = true;
        retry_later(f);
        return;
    }
    for (size_t i = 0; i < f->count && status == 0; i++) {
        const struct slot *slot = &f->slots[i];
        if (slot->fate == DONE || slot->fate == SAVED) {
            spool_count(s, spool_queue(s, slot->job->spec.queue), -1);
            s->forwarded += slot->fate == DONE;
            s->undelivered += slot->fate == SAVED;
            f->moved++;
        }
    }
    f->count = 0;
    end_round(f);
}

// What is over leaves the disk, and the rest is put back in its old turn.
static void settle(struct spool_forward *f) {
    for (size_t i = 0; i < f->count; i++) {
        const struct slot *slot = &f->slots[i];
        bool over = slot->fate == DONE || slot->fate == SAVED;
        f->ends[i] = (struct store_commit_item){.id = slot->job->spec.id,
                                                .token = slot->job->token,
                                                .commit_no = slot->job->commit_no + 1,
                                                .event = over ? JOB_EV_SUCCEED : JOB_EV_RELEASE,
                                                .keep_ms = 1};
    }
    prepare(f, &f->commit.op, STORE_COMMIT, settled);
    f->commit.items = f->ends;
    f->commit.count = f->count;
    store_post(&f->s->disk, &f->commit.op);
}

/* ------------------------------------------------------------------ saved for people */

static void drop_files(struct spool_forward *f) {
    for (size_t i = 0; i < f->file_count; i++) {
        (void)close(f->files[i].fd);
    }
    f->file_count = 0;
}

static void save_work(struct side_op *op) {
    struct spool_forward *f = CONTAINER_OF(op, struct spool_forward, side);
    f->saved = spool_save(f->s->path, buf_bytes(&f->line), f->files, f->file_count);
}

static void save_done(struct side_op *op) {
    struct spool_forward *f = CONTAINER_OF(op, struct spool_forward, side);
    struct spool_store *s = f->s;
    struct slot *slot = &f->slots[f->at++];
    char id[JOB_ID_TEXT + 1];
    id_format(&slot->entry.spec.id, id);
    f->file_count = 0;
    slot->fate = f->saved == 0 ? SAVED : STAYS;
    if (s->log != NULL && f->saved == 0) {
        log_warn(s->log, "spool.undelivered",
                 "job=%s reason=%s file=%s.undelivered.jsonl msg=\"%s\"", id, slot->reason, s->path,
                 slot->detail);
    } else if (s->log != NULL) {
        log_error(s->log, "spool.not_saved", "job=%s status=%d file=%s.undelivered.jsonl", id,
                  f->saved, s->path);
    }
    f->file = 0;
    save_next(f);
}

static void save_line(struct spool_forward *f, const struct slot *slot) {
    struct err e;
    buf_clear(&f->line);
    spool_save_line(&f->line, &slot->entry, slot->reason, slot->detail, env_wall_ms(f->s->env));
    if (f->line.failed ||
        (f->thread == NULL && side_thread_new(f->s->base, "spool", &f->thread, &e) != 0)) {
        drop_files(f);
        settle(f);
        return;
    }
    f->side = (struct side_op){.work = save_work, .done = save_done};
    side_thread_post(f->thread, &f->side);
}

static void save_opened(struct store_op *op) {
    struct spool_forward *f = op->arg;
    if (op->status == 0) {
        struct spool_save_file *file = &f->files[f->file_count++];
        file->fd = f->open.fd;
        memcpy(file->sha256, f->open.ref.sha256, sizeof file->sha256);
    }
    store_op_finish(op);
    f->file++;
    save_next(f);
}

// Opens the files of the next refused entry, one after the other, then writes it.
static void save_next(struct spool_forward *f) {
    while (f->at < f->count && f->slots[f->at].fate != REFUSED) {
        f->at++;
    }
    if (f->at == f->count || f->s->closing) {
        drop_files(f);
        settle(f);
        return;
    }
    const struct slot *slot = &f->slots[f->at];
    if (f->file < slot->job->spec.file_count) {
        prepare(f, &f->open.op, STORE_BLOB_OPEN, save_opened);
        f->open.ref = slot->job->spec.files[f->file].blob;
        store_post(&f->s->disk, &f->open.op);
    } else {
        save_line(f, slot);
    }
}

static void save(struct spool_forward *f) {
    f->at = f->file = 0;
    save_next(f);
}

static void give_up(struct slot *slot, const char *reason, const char *detail) {
    slot->fate = REFUSED;
    slot->reason = reason;
    (void)snprintf(slot->detail, sizeof slot->detail, "%s", detail);
}

/* ------------------------------------------------------------------ to main */

// There is no room now; those behind it wait with it.
static void block(struct spool_forward *f, struct slot *slot) {
    struct spool_queue *q = spool_queue(f->s, slot->entry.spec.queue);
    slot->fate = STAYS;
    if (q != NULL) {
        q->blocked_mono_ms = env_mono_ms(f->s->env) + SPOOL_RETRY_MS;
    }
}

static const struct {
    int status;
    const char *detail;
} never[] = {
    {-ENOTSUP, "the store does not have its dedup mode"},
    {-ENOENT, "the content of an input file is not in the store"},
    {-EADDRINUSE, "another job has an id of the same order"},
    {-EFBIG, "an input file is larger than the store takes"},
    {-E2BIG, "it is larger than the store takes"},
    {-EINVAL, "the store refuses it"},
};

static void judge(struct spool_forward *f, struct slot *slot, int status) {
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        if (never[i].status == status) {
            give_up(slot, "refused", never[i].detail);
            return;
        }
    }
    block(f, slot);
}

static void submitted(struct store_op *op) {
    struct spool_forward *f = op->arg;
    f->cut = f->cut || op->status != 0;
    for (size_t i = 0; i < f->submit.count; i++) {
        struct slot *slot = f->sent[i];
        const struct store_submit_item *item = &f->items[i];
        if (op->status != 0) {
            slot->fate = STAYS;
        } else if (item->status == 0) {
            slot->fate = DONE;
        } else {
            judge(f, slot, item->status);
        }
    }
    if (op->status != 0 && f->s->log != NULL && !f->told) {
        log_warn(f->s->log, "spool.waits", "status=%d jobs=%zu msg=\"%s\"", op->status,
                 f->s->waiting, op->err.msg);
    }
    f->told = op->status != 0;
    store_op_finish(op);
    save(f);
}

static bool is_blocked(const struct spool_forward *f, const struct slot *slot) {
    const struct spool_queue *q = spool_queue(f->s, slot->entry.spec.queue);
    return q != NULL && q->blocked_mono_ms > env_mono_ms(f->s->env);
}

static void submit_all(struct spool_forward *f) {
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++) {
        struct slot *slot = &f->slots[i];
        if (slot->fate == GOES && !f->cut && !is_blocked(f, slot)) {
            f->sent[n] = slot;
            f->items[n++] =
                (struct store_submit_item){.spec = &slot->entry.spec,
                                           .max_waiting = slot->entry.max_waiting,
                                           .spooled = true,
                                           .keep_ms = slot->entry.keep_ms,
                                           .once = slot->entry.once,
                                           .once_count = slot->entry.once_count,
                                           .tombstone_ms = f->s->max_age_ms + SPOOL_MARGIN_MS};
        } else if (slot->fate == GOES) {
            slot->fate = STAYS;
        }
    }
    f->submit.items = f->items;
    f->submit.count = n;
    if (n == 0 || f->s->main_closed) {
        save(f);
        return;
    }
    prepare(f, &f->submit.op, STORE_SUBMIT, submitted);
    store_post(&f->s->main, &f->submit.op);
}

static void sent_file(struct store_op *op) {
    struct spool_forward *f = op->arg;
    struct slot *slot = &f->slots[f->at];
    (void)close(f->put.fd);
    if (op->status == -EDQUOT || op->status == -ENOSPC) {
        block(f, slot);
    } else if (spool_is_away(op->status)) {
        f->cut = true;
    } else if (op->status != 0) {
        judge(f, slot, op->status);
    }
    store_op_finish(op);
    f->file++;
    send_next(f);
}

static void opened(struct store_op *op) {
    struct spool_forward *f = op->arg;
    int status = op->status;
    store_op_finish(op);
    if (status != 0 || f->s->main_closed) { // main may have it from before
        if (status == 0) {
            (void)close(f->open.fd);
        }
        f->file++;
        send_next(f);
        return;
    }
    prepare(f, &f->put.op, STORE_BLOB_PUT, sent_file);
    f->put.data = (struct bytes){NULL, 0};
    f->put.fd = f->open.fd;
    f->put.max_size = UINT64_MAX;
    f->put.for_submit = true;
    store_post(&f->s->main, &f->put.op);
}

// The files of all entries that go to main, one after the other.
static void send_next(struct spool_forward *f) {
    const struct slot *slot = &f->slots[f->at];
    while (f->at < f->count && (slot->fate != GOES || f->file >= slot->job->spec.file_count)) {
        slot = &f->slots[++f->at];
        f->file = 0;
    }
    if (f->at >= f->count || f->cut) {
        submit_all(f);
        return;
    }
    prepare(f, &f->open.op, STORE_BLOB_OPEN, opened);
    f->open.ref = slot->job->spec.files[f->file].blob;
    store_post(&f->s->disk, &f->open.op);
}

/* ------------------------------------------------------------------ what is there */

static void look_at(struct spool_forward *f, struct slot *slot) {
    struct spool_store *s = f->s;
    int r = spool_entry_read(slot->job->spec.payload, &f->arena, &slot->entry);
    slot->fate = s->down ? STAYS : GOES;
    if (r == -EBADMSG) {
        slot->entry = (struct spool_entry){.spec = slot->job->spec};
        give_up(slot, "damaged", "the entry cannot be read; its bytes are the payload");
    } else if (r != 0) {
        slot->fate = STAYS;
    } else if (env_wall_ms(s->env) - slot->entry.spooled_ms > s->max_age_ms) {
        give_up(slot, "too_old", "it has waited for longer than store.spool.max_age");
    }
}

static void claimed(struct store_op *op) {
    struct spool_forward *f = op->arg;
    f->count = op->status == 0 ? f->claim.job_count : 0;
    if (f->count == 0) {
        end_round(f);
        return;
    }
    for (size_t i = 0; i < f->count; i++) {
        f->slots[i] = (struct slot){.job = &f->claim.jobs[i]};
        look_at(f, &f->slots[i]);
    }
    f->at = f->file = 0;
    send_next(f);
}

static bool is_old(const struct spool_store *s) {
    return s->oldest_ms != 0 && env_wall_ms(s->env) - s->oldest_ms > s->max_age_ms;
}

// The queues that have something to bring, those of the last round at the end.
static size_t want(struct spool_forward *f) {
    struct spool_store *s = f->s;
    int64_t now = env_mono_ms(s->env);
    size_t n = 0;
    struct spool_queue *q, *next;
    struct spool_queue *chosen[ROUND_QUEUES];
    HASH_ITER(hh, s->queues, q, next) {
        if (n < ROUND_QUEUES && q->waiting > 0 && q->in_main == 0 && q->blocked_mono_ms <= now) {
            chosen[n++] = q;
        }
    }
    for (size_t i = 0; i < n; i++) {
        q = chosen[i];
        HASH_DEL(s->queues, q);
        HASH_ADD_KEYPTR(hh, s->queues, q->name, strlen(q->name), q);
        f->wants[i] = (struct store_claim_want){.lane = {q->name, SPOOL_TYPE},
                                                .limit = (uint32_t)(ROUND_ENTRIES / n)};
    }
    return n;
}

void spool_forward_kick(struct spool_store *s) {
    struct spool_forward *f = s->forward;
    if (f == NULL || s->closing) {
        return;
    }
    f->again = f->busy;
    if (f->busy || !s->known || s->waiting == 0 || (s->down && !is_old(s))) {
        return;
    }
    size_t n = want(f);
    if (n == 0) {
        retry_later(f);
        return;
    }
    f->busy = true;
    f->again = f->cut = false;
    f->moved = 0;
    prepare(f, &f->claim.op, STORE_CLAIM, claimed);
    f->claim.wants = f->wants;
    f->claim.want_count = n;
    f->claim.host_nonce = 1;
    f->claim.jobs = NULL;
    f->claim.job_count = 0;
    store_post(&s->disk, &f->claim.op);
}

struct spool_forward *spool_forward_new(struct spool_store *s) {
    struct spool_forward *f = calloc(1, sizeof *f);
    if (f != NULL) {
        f->s = s;
        f->retry = evtimer_new(s->base, on_retry, f);
        if (f->retry == NULL) {
            free(f);
            return NULL;
        }
    }
    return f;
}

void spool_forward_stop(struct spool_forward *f) {
    if (f != NULL) {
        side_thread_free(&f->thread);
    }
}

void spool_forward_free(struct spool_forward **fp) {
    struct spool_forward *f = *fp;
    if (f == NULL) {
        return;
    }
    event_free(f->retry);
    store_op_finish(&f->claim.op);
    arena_free(&f->arena);
    buf_free(&f->line);
    free(f);
    *fp = NULL;
}
