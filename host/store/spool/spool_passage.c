// Operations that look in main and on the disk, one after the other.
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "store/scope.h"
#include "store/spool/spool_private.h"

enum place { NO_PLACE, IN_MAIN, ON_DISK };
enum { PLACES = 3 };

struct passage {
    struct spool_store *s;
    struct store_op *op;
    void (*done)(struct store_op *op);
    void *arg;
    const struct store_scope *scope; // its own: an entry's job is not the job that it will be
    enum place places[PLACES + 1];   // where to look, until one has it
    int at;
    bool (*goes_on)(const struct passage *p, int status);
    int (*take)(struct passage *p); // what was found on the disk; the operation's status
};

static void passage_done(struct store_op *op);

bool spool_passage_is(const struct store_op *op) {
    return op->done == passage_done;
}

static void step(struct passage *p) {
    bool in_main = p->places[p->at] == IN_MAIN;
    struct store *where = in_main ? &p->s->main : &p->s->disk;
    p->op->scope = in_main ? p->scope : NULL;
    store_post(where, p->op);
}

static void passage_end(struct passage *p) {
    struct spool_store *s = p->s;
    struct store_op *op = p->op;
    op->done = p->done;
    op->arg = p->arg;
    op->scope = p->scope;
    free(p);
    spool_answer(s, op);
}

static void passage_done(struct store_op *op) {
    struct passage *p = op->arg;
    if (op->status == 0 && p->places[p->at] == ON_DISK && p->take != NULL) {
        op->status = p->take(p);
    }
    if (op->status != 0 && p->goes_on(p, op->status) && p->places[p->at + 1] != NO_PLACE &&
        !(p->places[p->at + 1] == IN_MAIN && p->s->main_closed)) {
        p->at++;
        step(p);
        return;
    }
    passage_end(p);
}

static void start(struct spool_store *s, struct store_op *op, struct passage how) {
    struct passage *p = malloc(sizeof *p);
    if (p == NULL) {
        store_post(&s->main, op);
        return;
    }
    *p = how;
    p->s = s;
    p->op = op;
    p->done = op->done;
    p->arg = op->arg;
    p->scope = op->scope;
    op->done = passage_done;
    op->arg = p;
    step(p);
}

static bool if_not_there(const struct passage *p, int status) {
    (void)p;
    return status == -ENOENT;
}

/* ------------------------------------------------------------------ a job */

// The entry's job becomes the job that it will be. One that was delivered is main's.
static int take_job(struct passage *p) {
    struct store_get *get = CONTAINER_OF(p->op, struct store_get, op);
    struct spool_entry entry;
    if (job_is_final(get->job.state)) {
        return err_set(&p->op->err, -ENOENT, "the job is not in the spool any more");
    }
    int r = spool_entry_read(get->job.spec.payload, &p->op->arena, &entry);
    if (r != 0) {
        return err_set(&p->op->err, r, "an entry of the spool cannot be read");
    }
    if (!store_scope_has_job(p->scope, &entry.spec)) {
        return err_set(&p->op->err, -ENOENT, "the job is not in the spool");
    }
    get->job = (struct store_job){
        .spec = entry.spec,
        .state = entry.spec.run_at_ms > env_wall_ms(p->s->env) ? JOB_SCHEDULED : JOB_QUEUED,
        .created_ms = id_time_ms(&entry.spec.id),
        .spooled = true,
    };
    return 0;
}

void spool_get_post(struct spool_store *s, struct store_op *op) {
    if (s->waiting == 0 && s->known) {
        store_post(&s->main, op);
    } else if (s->down) {
        start(s, op,
              (struct passage){
                  .places = {ON_DISK, IN_MAIN}, .goes_on = if_not_there, .take = take_job});
    } else { // it may be on its way while it is looked for
        start(s, op,
              (struct passage){.places = {IN_MAIN, ON_DISK, IN_MAIN},
                               .goes_on = if_not_there,
                               .take = take_job});
    }
}

/* ------------------------------------------------------------------ content */

void spool_blob_open_post(struct spool_store *s, struct store_op *op) {
    if (!s->has_blobs) {
        store_post(&s->main, op);
    } else if (s->down) {
        start(s, op, (struct passage){.places = {ON_DISK, IN_MAIN}, .goes_on = if_not_there});
    } else {
        start(s, op, (struct passage){.places = {IN_MAIN, ON_DISK}, .goes_on = if_not_there});
    }
}

static uint64_t size_of(const struct store_blob_put *put) {
    struct stat st;
    return put->fd < 0 ? put->data.len : fstat(put->fd, &st) == -1 ? 0 : (uint64_t)st.st_size;
}

static int say_full(struct spool_store *s, struct store_op *op) {
    return err_set(
        &op->err, -EAGAIN,
        "the store is away, and what this host keeps for it is full (store.spool.max_bytes, "
        "%llu bytes)",
        (unsigned long long)s->max_bytes);
}

static bool if_away(const struct passage *p, int status) {
    const struct store_blob_put *put = CONTAINER_OF(p->op, struct store_blob_put, op);
    return spool_is_away(status) && !spool_is_full(p->s, size_of(put));
}

static int take_content(struct passage *p) {
    const struct store_blob_put *put = CONTAINER_OF(p->op, struct store_blob_put, op);
    p->s->has_blobs = true;
    p->s->added += put->ref.size;
    spool_upkeep_in(p->s, SPOOL_UPKEEP_MS);
    return 0;
}

void spool_blob_put_post(struct spool_store *s, struct store_op *op) {
    const struct store_blob_put *put = CONTAINER_OF(op, struct store_blob_put, op);
    if (!put->for_submit) {
        store_post(&s->main, op);
    } else if (!s->down) {
        start(s, op,
              (struct passage){
                  .places = {IN_MAIN, ON_DISK}, .goes_on = if_away, .take = take_content});
    } else if (spool_is_full(s, size_of(put))) {
        op->status = say_full(s, op);
        spool_answer_later(s, op);
    } else {
        start(s, op,
              (struct passage){.places = {ON_DISK}, .goes_on = if_not_there, .take = take_content});
    }
}
