#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/redis/fsck.h"
#include "store/redis/told.h"

// Where parcels wait: for FORWARD, which sets aside what it cannot read, and for somebody who looks
// at that. From there those go back that can be read, perhaps by a newer version.
static const struct {
    const char *name, *code, *then;
} places[] = {{"outbox", "outbox_damaged", "; FORWARD sets it aside"},
              {"outbox:odd", "outbox_aside", "; XDEL gives it up, and its job with it"}};
enum { OUTBOX, ODD };

static int report(struct redis_fsck *f, const char *entry, const struct job_id *id, bool mended,
                  const char *is, const char *then) {
    const char *words =
        arena_printf(&f->scratch, "entry %s of %s%s: %s%s", entry,
                     f->queues[f->at.queue].queue->structures, places[f->at.place].name, is, then);
    return words == NULL ? -ENOMEM
                         : redis_fsck_report(f, bytes_of(places[f->at.place].code), id, mended,
                                             bytes_of(words));
}

static void give_back(struct redis_fsck *f, const char *entry, size_t *count) {
    struct redis_args *a = &f->request.args;
    redis_args_number(a, 1);
    redis_args_copy(a, bytes_of(entry));
    (*count)++;
}

// A job that is on its way, or what a flow has to know: 0 and whose entry it is.
static int read_entry(struct redis_fsck *f, const struct redis_reply *fields, struct job_id *ret,
                      struct err *e) {
    struct redis_told told;
    struct redis_job job;
    if (redis_told_is(fields)) {
        int r = redis_told_read(fields, &f->scratch, &told, e);
        *ret = told.id;
        return r;
    }
    int r = jobhash_read_parcel(fields, &f->scratch, &job, e);
    *ret = job.spec.id;
    return r;
}

// `back`: how many were put into the call that brings them back.
static int take_parcel(struct redis_fsck *f, const struct redis_reply *reply, size_t *back) {
    struct bytes at = redis_reply_text(redis_reply_at(reply, 0));
    const char *entry = at.len == 0 ? "" : at.data;
    struct job_id id;
    struct err e;
    arena_reset(&f->scratch);
    int r = read_entry(f, redis_reply_at(reply, 1), &id, &e);
    (void)snprintf(f->at.cursor, sizeof f->at.cursor, "(%.40s", entry);
    if (r == -ENOENT || r == -EBADMSG) {
        return report(f, entry, NULL, false, e.msg, places[f->at.place].then);
    }
    if (r < 0 || f->at.place != ODD) {
        return r;
    }
    bool repair = fsck_op(f)->repair;
    if (repair) {
        give_back(f, entry, back);
    }
    return report(f, entry, &id, repair, "it can be read",
                  repair ? ", and is in the outbox again" : "; --repair brings it back");
}

static int went_back(struct redis_fsck *f, const struct redis_reply *reply) {
    (void)f;
    (void)reply;
    return 0;
}

static void next_place(struct redis_fsck *f) {
    size_t place = f->at.place + 1, queue = f->at.queue;
    f->at = (struct fsck_spot){.queue = place == ARRAY_LEN(places) ? queue + 1 : queue,
                               .place = place % ARRAY_LEN(places)};
}

static int take_parcels(struct redis_fsck *f, const struct redis_reply *reply) {
    struct redis_args *a = &f->request.args;
    size_t back = 0;
    int r = redis_reply_is(reply, REDIS_ARRAY) ? 0 : -EPROTO;
    redis_request_script(&f->request, REDIS_SCRIPT_parcel_move, &f->queues[f->at.queue].queue, 1,
                         f->task.op->now_ms);
    redis_args_text(a, places[ODD].name);
    redis_args_text(a, places[OUTBOX].name);
    size_t count = redis_args_hole(a);
    for (size_t i = 0; r == 0 && i < reply->count; i++) {
        r = take_parcel(f, &reply->items[i], &back);
    }
    if (r == 0 && reply->count < FSCK_JOBS) {
        next_place(f);
    }
    if (r < 0 || back == 0) {
        return r;
    }
    redis_args_fill(a, count, (int64_t)back);
    return redis_fsck_ask(f, went_back);
}

int redis_fsck_outbox(struct redis_fsck *f) {
    if (f->at.queue == f->queue_count) {
        return 0;
    }
    redis_request_begin(&f->request, "XRANGE");
    redis_args_printf(&f->request.args, "%s%s", f->queues[f->at.queue].queue->structures,
                      places[f->at.place].name);
    redis_args_text(&f->request.args, f->at.cursor[0] == '\0' ? "-" : f->at.cursor);
    redis_args_text(&f->request.args, "+");
    redis_args_text(&f->request.args, "COUNT");
    redis_args_number(&f->request.args, FSCK_JOBS);
    return redis_fsck_ask(f, take_parcels);
}
