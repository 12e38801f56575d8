#include <errno.h>

#include "jobhost_plugin.h"
#include "store/redis/claimed.h"
#include "store/redis/claiming.h"
#include "store/redis/jobfield.h"

/* ------------------------------------------------------------------ a claimed job */

// Why it may not start any more, or NULL.
static const char *too_late(const struct redis_job *job, int64_t now_ms) {
    const struct job_spec *spec = &job->spec;
    if (spec->deadline_ms > 0 && spec->deadline_ms <= now_ms) {
        return "deadline";
    }
    bool expired = spec->expires_ms > 0 && spec->expires_ms <= now_ms;
    return expired && job->life.first_run_ms == 0 ? "expired" : NULL;
}

static int add_late(struct redis_claiming *c, size_t want, const struct redis_job *job,
                    struct job_error error) {
    const struct store_claim *claim = redis_claiming_op(c);
    struct redis_late *late = arena_alloc(&c->task.op->arena, sizeof *late);
    if (late == NULL) {
        return -ENOMEM;
    }
    int64_t keep_ms = claim->wants[want].ended_keep_ms;
    *late = (struct redis_late){.job = *job,
                                .error = error,
                                .queue = c->wants[want].queue,
                                .keep_ms = keep_ms != 0 ? keep_ms : claim->ended_keep_ms,
                                .next = c->late};
    c->late = late;
    c->late_count++;
    return 0;
}

static int take_payload(const struct redis_reply *payload, struct arena *a, struct redis_job *job,
                        struct err *e) {
    if (!job->big_payload) {
        return 0;
    }
    if (!redis_reply_is(payload, REDIS_STRING) || payload->text.len != job->spec.payload.len) {
        return err_set(e, -EBADMSG, "the job's payload is missing");
    }
    job->spec.payload = arena_bytes(a, payload->text);
    return job->spec.payload.data == NULL ? err_set(e, -ENOMEM, "out of memory") : 0;
}

// A place among the operation's jobs.
static size_t take_place(struct redis_claiming *c, size_t want) {
    struct store_claim *claim = redis_claiming_op(c);
    claim->jobs[claim->job_count] = (struct store_claimed){.want = (uint32_t)want};
    c->wants[want].left--;
    return claim->job_count++;
}

static int take(struct redis_claiming *c, size_t want, size_t place, const struct redis_job *job,
                const struct redis_reply *reply) {
    struct redis_store *s = c->task.store;
    struct store_claim *claim = redis_claiming_op(c);
    struct redis_queue *q = c->wants[want].queue;
    struct store_claimed *out = &claim->jobs[place];
    int r = redis_claimed_fill(job, q->name, redis_reply_at(reply, 3), REDIS_OUTPUT_NAMES,
                               &claim->op.arena, out);
    out->want = (uint32_t)want;
    if (r < 0 || redis_claims_add(&s->claims, q, job) == NULL) {
        *out = (struct store_claimed){.want = (uint32_t)want};
        return -ENOMEM;
    }
    return 0;
}

// What the script has made of a job that it describes as it was before.
static void become_running(const struct redis_claiming *c, struct redis_job *job) {
    job->state = JOB_RUNNING;
    job->token++;
    job->rev++;
    job->host_nonce = redis_claiming_op(c)->host_nonce;
}

// A hash that cannot be understood is one for people to look at: it would come back for ever.
static int take_damaged(struct redis_claiming *c, size_t want, const struct redis_reply *reply,
                        const struct err *e) {
    struct redis_job job = {.state = JOB_QUEUED};
    if (id_parse(redis_reply_text(redis_reply_at(reply, 0)).data, &job.spec.id) < 0) {
        return 0; // no id of ours: whoever looks after the lease sees to it
    }
    const struct redis_reply *claim = redis_reply_field(redis_reply_at(reply, 1), "claim");
    (void)(claim == NULL ? 0 : jobfield_take_claim(redis_reply_text(claim), &job));
    become_running(c, &job);
    const char *words = arena_str(&c->task.op->arena, e->msg);
    return words == NULL
               ? -ENOMEM
               : add_late(c, want, &job, (struct job_error){JH_E_BUG, "damaged", words, NULL});
}

// It runs, for us; or it came too late.
static int settle(struct redis_claiming *c, size_t want, size_t place, const struct redis_job *job,
                  const struct redis_reply *reply) {
    const char *code = too_late(job, c->task.op->now_ms);
    if (code != NULL) {
        return add_late(c, want, job,
                        (struct job_error){JH_E_TIMEOUT, code,
                                           "its time was over before it could start", NULL});
    }
    return take(c, want, place, job, reply);
}

static int read_whole(struct redis_claiming *c, size_t want, const struct redis_reply *reply) {
    struct arena *a = &c->task.op->arena;
    struct redis_job job;
    struct err e;
    int r = jobhash_read(redis_reply_at(reply, 1), a, &job, &e);
    r = r < 0 ? r : take_payload(redis_reply_at(reply, 2), a, &job, &e);
    if (r == -ENOMEM) {
        return r;
    }
    if (r < 0) {
        return take_damaged(c, want, reply, &e);
    }
    struct redis_recall *recall = &c->task.store->recall;
    struct redis_recalled *known = redis_recall_take(recall, &job.spec.id);
    redis_recall_note(recall, known != NULL);
    redis_recalled_free(&known);
    become_running(c, &job);
    return settle(c, want, take_place(c, want), &job, reply);
}

static int add_unread(struct redis_claiming *c, size_t want, const struct job_id *id) {
    struct redis_unread *unread = arena_alloc(&c->task.op->arena, sizeof *unread);
    if (unread == NULL) {
        return -ENOMEM;
    }
    *unread = (struct redis_unread){
        .id = *id, .want = want, .place = take_place(c, want), .next = c->unread};
    c->unread = unread;
    c->unread_count++;
    return 0;
}

// Its end may need it; one that is late has no claim.
static void keep_with_claim(struct redis_claiming *c, const struct job_id *id,
                            struct redis_recalled **known) {
    struct redis_claim *claim = redis_claims_find(&c->task.store->claims, id);
    if (claim != NULL && claim->submitted == NULL) {
        claim->submitted = *known;
        *known = NULL;
    }
    redis_recalled_free(known);
}

// One that is as it was submitted.
static int read_id(struct redis_claiming *c, size_t want, const struct redis_reply *reply) {
    struct redis_recall *recall = &c->task.store->recall;
    struct job_id id;
    struct redis_job job;
    if (id_parse(redis_reply_text(reply).data, &id) < 0) {
        return 0; // no id of ours: whoever looks after the lease sees to it
    }
    struct redis_recalled *known = redis_recall_take(recall, &id);
    redis_recall_note(recall, known != NULL);
    if (known == NULL || !redis_recalled_read(known, &c->task.op->arena, &job)) {
        redis_recalled_free(&known);
        return add_unread(c, want, &id);
    }
    become_running(c, &job);
    int r = settle(c, want, take_place(c, want), &job, NULL);
    keep_with_claim(c, &id, &known);
    return r;
}

static int read_job(struct redis_claiming *c, size_t want, const struct redis_reply *reply) {
    return redis_reply_is(reply, REDIS_STRING) ? read_id(c, want, reply)
                                               : read_whole(c, want, reply);
}

/* ------------------------------------------------------------------ the answer to claim.lua */

// Room for all jobs of this reply behind those of earlier ones.
static int make_room(struct redis_claiming *c, const struct redis_reply *wants) {
    struct store_claim *claim = redis_claiming_op(c);
    size_t need = claim->job_count;
    for (size_t i = 0; i < wants->count; i++) {
        need += wants->items[i].count;
    }
    if (need <= c->cap && claim->jobs != NULL) {
        return 0;
    }
    struct store_claimed *jobs = arena_alloc(&claim->op.arena, (need + 1) * sizeof *jobs);
    if (jobs == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < claim->job_count; i++) {
        jobs[i] = claim->jobs[i];
    }
    claim->jobs = jobs;
    c->cap = need;
    return 0;
}

enum { MORE_LEFT = 1, MORE_ASTRAY = 2 }; // lua/claim.lua

// Only a server that has lost a part of a change, or a stranger, leaves jobs so. Nobody would find them.
static void tell_astray(struct redis_claiming *c, size_t want, bool astray) {
    struct redis_queue *q = c->wants[want].queue;
    const struct log *log = c->task.store->log;
    if (astray && !q->astray && log != NULL) {
        log_warn(
            log, "store.astray",
            "queue=%s type=%s msg=\"jobs are queued, but stand in no list, so no host finds "
            "them: Redis has lost a part of a change, or somebody has changed it. jobhost fsck "
            "--repair brings them back\"",
            q->name, redis_claiming_op(c)->wants[want].lane.type);
    }
    q->astray = astray;
}

static int read_want(struct redis_claiming *c, size_t want, const struct redis_reply *reply) {
    int64_t more = 0;
    size_t late = c->late_count;
    int r = redis_reply_integer(redis_reply_at(reply, 0), &more) ? 0 : -EPROTO;
    if (r == 0 && reply->count - 1 > c->wants[want].left) {
        r = -EPROTO;
    }
    for (size_t i = 1; r == 0 && i < reply->count; i++) {
        r = read_job(c, want, &reply->items[i]);
    }
    c->wants[want].again = more == MORE_LEFT || c->late_count > late;
    tell_astray(c, want, more == MORE_ASTRAY);
    return r;
}

int redis_claiming_read(struct redis_claiming *c, const struct redis_reply *reply) {
    struct redis_store *s = c->task.store;
    const struct redis_reply *pauses = redis_reply_at(reply, 1), *wants = redis_reply_at(reply, 2);
    if (pauses == NULL || wants == NULL || pauses->count != c->queue_count ||
        wants->count != c->asked_count) {
        return -EPROTO;
    }
    redis_news_clock(s, redis_reply_at(reply, 0), c->task.op->now_ms);
    for (size_t i = 0; i < c->queue_count; i++) {
        if (redis_reply_is(&pauses->items[i], REDIS_ARRAY)) { // else whoever knows better tells
            redis_news_paused(s, c->queues[i], &pauses->items[i]);
        }
    }
    int r = make_room(c, wants);
    for (size_t i = 0; r == 0 && i < wants->count; i++) {
        r = read_want(c, c->asked[i], &wants->items[i]);
    }
    return r;
}

/* ------------------------------------------------------------------ the answer to jobs.lua */

// It reads as claim.lua left it: running, and ours, unless that is over already.
static int read_claimed(struct redis_claiming *c, const struct redis_unread *unread,
                        const struct redis_reply *fields) {
    struct redis_job job;
    struct err e;
    int r = jobhash_read(fields, &c->task.op->arena, &job, &e);
    bool ours =
        r == 0 && job.state == JOB_RUNNING && job.host_nonce == redis_claiming_op(c)->host_nonce;
    return r == -ENOMEM ? r : ours ? settle(c, unread->want, unread->place, &job, NULL) : 0;
}

int redis_claiming_read_rest(struct redis_claiming *c, const struct redis_reply *jobs) {
    int r = redis_reply_is(jobs, REDIS_ARRAY) && jobs->count == c->unread_count ? 0 : -EPROTO;
    for (size_t i = 0; r == 0 && c->unread != NULL; c->unread = c->unread->next, i++) {
        size_t late = c->late_count;
        r = read_claimed(c, c->unread, &jobs->items[i]);
        struct redis_want *w = &c->wants[c->unread->want];
        w->again = w->again || c->late_count > late;
    }
    c->unread_count = 0;
    return r;
}

void redis_claiming_close_up(struct redis_claiming *c) {
    struct store_claim *claim = redis_claiming_op(c);
    size_t count = 0;
    for (size_t i = 0; i < claim->job_count; i++) {
        if (claim->jobs[i].spec.type == NULL) {
            c->wants[claim->jobs[i].want].left++;
        } else {
            claim->jobs[count++] = claim->jobs[i];
        }
    }
    claim->job_count = count;
}
