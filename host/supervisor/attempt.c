#include "supervisor/attempt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/rfc3339.h"
#include "supervisor/attempt_outputs.h"
#include "supervisor/breakers.h"
#include "supervisor/commits.h"
#include "supervisor/conclude.h"
#include "supervisor/dispatch.h"
#include "supervisor/effects.h"
#include "supervisor/host.h"
#include "supervisor/hub.h"
#include "supervisor/pool_private.h"
#include "supervisor/rollback.h"
#include "supervisor/slots.h"
#include "supervisor/stats.h"
#include "supervisor/worker_limits.h"

void claim_unref(struct claim *claim) {
    if (claim != NULL && claim->attempts == 0) {
        store_op_finish(&claim->op.op);
        free(claim->wants);
        free(claim->lanes);
        free(claim);
    }
}

struct attempt *attempt_new(struct host *host, struct claim *claim, const struct store_claimed *job,
                            struct lane *lane) {
    struct attempt *a = calloc(1, sizeof *a), *old = attempt_find(host, &job->spec.id);
    if (a == NULL) {
        return NULL;
    }
    if (old != NULL) {
        attempt_fence(old, "the job has been claimed anew");
    }
    a->host = host;
    a->claim = claim;
    a->job = job;
    a->lane = lane;
    a->commit_no = job->commit_no;
    a->result_fd = -1;
    TAILQ_INIT(&a->tickets);
    a->placed_mono_ms = env_mono_ms(&host->env);
    claim->attempts++;
    a->pool = lane->pool;
    pool_hold(a->pool);
    lane_take(lane, 1);
    queue_take(lane->queue, 1);
    HASH_ADD(by_id, host->dispatch->running, job->spec.id, sizeof(struct job_id), a);
    return a;
}

// It no longer counts where threads are shared out.
static void attempt_uncount(struct attempt *a) {
    if (!a->concluded && !a->aside && a->pool == a->lane->pool) {
        lane_give(a->lane, 1);
    }
}

void attempt_join(struct attempt *a, struct pool *pool) {
    struct pool *before = a->pool;
    attempt_uncount(a);
    pool_hold(pool);
    a->pool = pool;
    if (!a->concluded && !a->aside && pool == a->lane->pool) {
        lane_take(a->lane, 1);
    }
    pool_release(before);
}

void attempt_set_aside(struct attempt *a, bool aside) {
    if (aside) {
        attempt_uncount(a);
    } else if (a->aside && !a->concluded && a->pool == a->lane->pool) {
        lane_take(a->lane, 1);
    }
    a->aside = aside;
}

static void attempt_forget_result(struct attempt *a) {
    if (a->result_fd != -1) {
        close(a->result_fd);
        a->result_fd = -1;
    }
    buf_free(&a->result);
}

static struct attempt **attempt_table(struct attempt *a) {
    return a->fenced ? &a->host->dispatch->fenced : &a->host->dispatch->running;
}

void attempt_free(struct attempt *a) {
    breakers_forget(a);
    slots_end(a);
    HASH_DELETE(by_id, *attempt_table(a), a);
    attempt_uncount(a);
    queue_give(a->lane->queue, 1);
    pool_release(a->pool);
    worker_limit_end(a);
    effects_free(&a->effects);
    attempt_forget_result(a);
    attempt_outputs_forget(a);
    buf_free(&a->log);
    buf_free(&a->words);
    free(a->result_type);
    free(a->progress_text);
    free(a->step);
    free(a->crash);
    free(a->sent_away);
    a->claim->attempts--;
    claim_unref(a->claim);
    free(a);
}

void attempt_begun(struct attempt *a, int64_t wall_ms) {
    if (a->started_wall_ms != 0) {
        return;
    }
    a->started_wall_ms = wall_ms;
    slots_begun(a);
    a->lane->stats->started++;
    histogram_add(&a->lane->stats->wait, &histogram_waits, (wall_ms - a->job->ready_ms) * 1000);
}

bool attempt_rewind(struct attempt *a) {
    worker_limit_end(a);
    effects_free(&a->effects);
    attempt_outputs_forget(a);
    attempt_forget_result(a);
    free(a->result_type);
    a->result_type = NULL;
    a->result_over = false;
    a->started_wall_ms = a->reported_mono_ms = a->heard_mono_ms = 0;
    return a->commit_no == a->job->commit_no && !a->committing && !a->adopted;
}

struct attempt *attempt_find(struct host *host, const struct job_id *id) {
    struct attempt *a;
    HASH_FIND(by_id, host->dispatch->running, id, sizeof *id, a);
    return a;
}

/* ------------------------------------------------------------------ effects */

static uint64_t attempt_result_limit(const struct attempt *a) {
    return (uint64_t)a->lane->queue->config->max_result;
}

/* It replaces what was collected. What the store keeps in a row need not become a file. */
static int attempt_result_by_fd(struct attempt *a, int fd, uint64_t size) {
    attempt_forget_result(a);
    a->result_over = size > attempt_result_limit(a);
    if (!a->result_over && size > STORE_INLINE_MAX) {
        a->result_fd = fd;
        return 0;
    }
    const void *map = a->result_over || size == 0 ? NULL : record_map(fd, (size_t)size);
    close(fd);
    if (map != NULL) {
        buf_add(&a->result, map, (size_t)size);
        munmap((void *)(uintptr_t)map, (size_t)size);
    }
    return a->result_over || a->result.len == size ? 0 : -ENOMEM;
}

static int attempt_on_result(struct attempt *a, struct record *r) {
    int fd = -1;
    struct bytes chunk = record_get_bytes(r, &fd);
    if (record_done(r) != 0) {
        if (fd != -1) {
            close(fd);
        }
        return -EBADMSG;
    }
    if (fd != -1) {
        return attempt_result_by_fd(a, fd, chunk.len);
    }
    if (a->result_fd != -1) {
        return -EBADMSG; // nothing follows a file
    }
    if (a->result_over || a->result.len + chunk.len > attempt_result_limit(a)) {
        a->result_over = true; // told to the user when the attempt ends
        attempt_forget_result(a);
        return 0;
    }
    buf_add(&a->result, chunk.data, chunk.len);
    return a->result.failed ? -ENOMEM : 0;
}

static int attempt_on_result_type(struct attempt *a, struct record *r) {
    const char *type = record_get_str(r);
    if (record_done(r) != 0 || type == NULL || strlen(type) > JOB_CONTENT_TYPE_MAX) {
        return -EBADMSG;
    }
    free(a->result_type);
    a->result_type = strdup(type);
    return a->result_type == NULL ? -ENOMEM : 0;
}

static int attempt_on_warn(struct attempt *a, struct record *r) {
    struct msg_warn m;
    int err = msg_warn_get(r, &m);
    return err != 0 ? err : effects_add_warning(a->effects, &m);
}

static int attempt_on_step(struct attempt *a, struct record *r) {
    struct msg_step m;
    int err = msg_step_get(r, &m);
    return err != 0 ? err : effects_add_step(a->effects, &m);
}

static int attempt_on_child(struct attempt *a, struct record *r) {
    struct msg_child m;
    int err = msg_child_get(r, &m);
    return err != 0 ? err
                    : effects_add_child(a->effects, a->host, &a->job->spec, EFFECTS_CHILD, &m);
}

static int attempt_on_sibling(struct attempt *a, struct record *r) {
    struct msg_child m;
    int err = msg_sibling_get(r, &m);
    return err != 0 ? err
                    : effects_add_child(a->effects, a->host, &a->job->spec, EFFECTS_SIBLING, &m);
}

static int attempt_on_then(struct attempt *a, struct record *r) {
    struct msg_child m;
    int err = msg_then_get(r, &m);
    return err != 0 ? err : effects_add_child(a->effects, a->host, &a->job->spec, EFFECTS_THEN, &m);
}

static int attempt_on_dead(struct attempt *a, struct record *r) {
    int32_t what = record_get_i32(r);
    return record_done(r) != 0 ? -EBADMSG : effects_set_on_dead(a->effects, what);
}

static int attempt_on_kv(struct attempt *a, struct record *r) {
    struct msg_kv m;
    int err = msg_kv_get(r, &m);
    return err != 0 ? err : effects_add_kv(a->effects, &m);
}

static int attempt_on_event(struct attempt *a, struct record *r) {
    struct msg_event m;
    int err = msg_event_get(r, &m);
    return err != 0 ? err : effects_add_event(a->effects, a->job->spec.tenant, &m);
}

int attempt_on_effect(struct attempt *a, struct record *r) {
    static const struct {
        uint16_t type;
        int (*take)(struct attempt *, struct record *);
    } effects[] = {
        {REC_RESULT, attempt_on_result},   {REC_RESULT_TYPE, attempt_on_result_type},
        {REC_KV, attempt_on_kv},           {REC_STEP, attempt_on_step},
        {REC_CHILD, attempt_on_child},     {REC_WARN, attempt_on_warn},
        {REC_SIBLING, attempt_on_sibling}, {REC_THEN, attempt_on_then},
        {REC_ON_DEAD, attempt_on_dead},    {REC_EVENT, attempt_on_event},
    };
    if (a->effects == NULL && (a->effects = effects_new()) == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < ARRAY_LEN(effects); i++) {
        if (effects[i].type == r->h.type) {
            return effects[i].take(a, r);
        }
    }
    return -EBADMSG;
}

/* ------------------------------------------------------------------ progress and log */

static int64_t attempt_clamp(uint64_t n) {
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static void attempt_publish_progress(struct attempt *a, enum hub_event_kind kind, int level,
                                     const char *text) {
    struct host *host = a->host;
    if (a->fenced || !hub_follows(host->hub, &a->job->spec.id)) {
        return;
    }
    hub_publish(host->hub, &(struct hub_event){
                               .kind = kind,
                               .id = a->job->spec.id,
                               .at_ms = env_wall_ms(&host->env),
                               .state = JOB_RUNNING,
                               .attempt = a->job->counters.attempts + 1,
                               .progress = a->progress,
                               .level = level,
                               .text = text,
                               .spec = &a->job->spec,
                           });
}

int attempt_on_progress(struct attempt *a, const struct msg_progress *m) {
    if (m->message != NULL) {
        char *text = strlen(m->message) > JOB_MESSAGE_MAX ? NULL : strdup(m->message);
        if (text == NULL) {
            return -EBADMSG;
        }
        free(a->progress_text);
        a->progress_text = text;
        a->progress.message = text;
    }
    a->progress.done = attempt_clamp(m->done);
    a->progress.total = attempt_clamp(m->total);
    a->progress.at_ms = env_wall_ms(&a->host->env);
    a->progress_news = true;
    attempt_publish_progress(a, HUB_PROGRESS, 0, NULL);
    return 0;
}

static const char *const attempt_level_names[] = {"debug", "info", "warn", "error"};

void attempt_on_log(struct attempt *a, const struct msg_log *m) {
    int level = m->level < JH_LOG_DEBUG || m->level > JH_LOG_ERROR ? JH_LOG_INFO : m->level;
    char at[RFC3339_LEN + 1];
    rfc3339_format(env_wall_ms(&a->host->env), at);
    buf_printf(&a->log, "%s %-5s %s\n", at, attempt_level_names[level], m->text);
    if (a->log.len > JOB_LOG_TAIL_MAX) {
        // keep whole lines, and not cut at every line once the tail is full
        size_t drop = a->log.len - JOB_LOG_TAIL_MAX * 3 / 4;
        const char *line = memchr(a->log.data + drop, '\n', a->log.len - drop);
        buf_consume(&a->log, line == NULL ? a->log.len : (size_t)(line + 1 - a->log.data));
    }
    a->log_news = true;
    attempt_publish_progress(a, HUB_LOG, level, m->text);
}

static void attempt_report_done(struct store_op *op) {
    struct store_start *start = CONTAINER_OF(op, struct store_start, op);
    store_op_finish(op);
    free(start);
}

void attempt_report(struct attempt *a) {
    struct store_start *start = a->fenced ? NULL : calloc(1, sizeof *start);
    if (start == NULL) {
        return; // news only; the next turn tries again
    }
    struct arena *arena = &start->op.arena;
    struct store_start_item *item = arena_zalloc(arena, sizeof *item);
    struct job_progress *progress = arena_zalloc(arena, sizeof *progress);
    if (item == NULL || progress == NULL) {
        attempt_report_done(&start->op);
        return;
    }
    *item = (struct store_start_item){
        .id = a->job->spec.id,
        .token = a->job->token,
        .started_ms = a->started_wall_ms,
        .pid = a->pid,
        .build = a->pool == NULL ? NULL : arena_str(arena, a->pool->build),
        .log_tail = a->log_news ? arena_bytes(arena, buf_bytes(&a->log)) : (struct bytes){NULL, 0},
    };
    if (a->progress_news) {
        *progress = a->progress;
        progress->message = arena_str(arena, a->progress.message);
        item->progress = progress;
    }
    a->progress_news = a->log_news = false;
    a->reported_mono_ms = env_mono_ms(&a->host->env);
    start->items = item;
    start->count = 1;
    start->op.kind = STORE_START;
    start->op.now_ms = env_wall_ms(&a->host->env);
    start->op.done = attempt_report_done;
    store_post(&a->host->store, &start->op);
}

/* ------------------------------------------------------------------ commits */

void attempt_tell_committed(struct attempt *a, uint32_t commit_no, int status) {
    struct record_writer *out = a->worker == NULL ? NULL : worker_out(a->worker, 64);
    if (out != NULL) {
        (void)msg_committed_put(out, a->slot, &(struct msg_committed){commit_no, status});
    }
}

int attempt_on_commit(struct attempt *a, uint32_t commit_no) {
    if (a->committing || a->concluded || commit_no != a->commit_no + 1) {
        return -EPROTO;
    }
    if (a->fenced) {
        effects_free(&a->effects);
        attempt_tell_committed(a, commit_no, -ESTALE);
        return 0;
    }
    if (a->effects != NULL && a->effects->refused != NULL) {
        attempt_on_log(a, &(struct msg_log){.level = JH_LOG_ERROR, .text = a->effects->refusal});
        effects_free(&a->effects);
        attempt_tell_committed(a, commit_no, -EFBIG);
        return 0;
    }
    struct commit_entry *entry;
    struct store_commit_item *item = commits_add(a->host, &entry);
    if (item == NULL) {
        return -ENOMEM;
    }
    conclude_effects(a, item, entry);
    item->counters = a->job->counters; // should this host die now, the next one goes on from them
    a->committing = true;
    return 0;
}

void attempt_say(struct attempt *a, const char *scope, const char *message, const char *code,
                 const char *wait_key, const char *wait_for) {
    const char *const texts[] = {scope, message, code, wait_key, wait_for};
    buf_clear(&a->words);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *text = texts[i] == NULL ? "" : texts[i];
        buf_add(&a->words, text, strlen(text) + 1);
    }
}

/* From here on it takes no thread, and waits for the store only. */
static void attempt_begin_end(struct attempt *a) {
    slots_end(a);
    worker_limit_end(a);
    attempt_uncount(a);
    a->concluded = true;
    attempt_conclude(a);
}

void attempt_on_done(struct attempt *a, const struct msg_done *m) {
    a->report = (struct attempt_report){
        .end = ATTEMPT_RETURNED,
        .status = m->status,
        .cls = m->cls,
        .retry_after_ms = m->retry_after_ms,
        .cancelled = m->cancel_mask,
        .wait_kind = m->wait_kind,
        .wake_at_ms = m->wake_at_ms,
        .stalled = a->stalled,
        .over_disk = a->over_disk,
    };
    if (m->wait_kind > JH_WAIT_UNTIL) { // its time is when to stop waiting
        int64_t wait = m->wait_timeout_ms < JOB_SPAN_MAX_MS ? m->wait_timeout_ms : JOB_SPAN_MAX_MS;
        a->report.wake_at_ms = wait > 0 ? env_wall_ms(&a->host->env) + wait : 0;
    }
    a->failure_flags = m->failure_flags;
    attempt_begun(a, env_wall_ms(&a->host->env) - m->run_us / 1000);
    histogram_add(&a->lane->stats->run, &histogram_waits, m->run_us);
    if (m->status != JH_OK) {
        bool mute = m->message == NULL || m->message[0] == '\0';
        const char *ours = a->stalled && mute ? "it said nothing for too long" : NULL;
        ours = a->over_disk ? "its plugin's data folder holds more than max_disk" : ours;
        attempt_say(a, m->scope, ours != NULL ? ours : m->message, m->code, m->wait_key,
                    m->wait_for);
    }
    struct pool *pool = a->pool;
    bool bug = m->status != JH_OK && m->cls == JH_E_BUG && a->host->phase == HOST_RUNNING;
    attempt_begin_end(a); // which may free it; its worker keeps the pool
    if (bug) {
        rollback_note(pool);
    }
}

void attempt_end(struct attempt *a, enum attempt_end end, const char *error) {
    if (a->concluded) {
        return;
    }
    effects_free(&a->effects); // what was not committed did not happen
    a->report = (struct attempt_report){.end = end,
                                        .status = JH_CANCELLED,
                                        .cancelled = a->cancel_mask,
                                        .stalled = a->stalled,
                                        .over_disk = a->over_disk};
    attempt_say(a, NULL, error, NULL, NULL, NULL);
    attempt_begin_end(a);
}

void attempt_skewed(struct attempt *a, enum skew skew, const char *why) {
    a->report = (struct attempt_report){
        .end = ATTEMPT_SKEWED, .status = JH_CANCELLED, .cancelled = a->cancel_mask, .skew = skew};
    attempt_say(a, NULL, why, "state_version", NULL, NULL);
    attempt_begin_end(a);
}

// Not begun, parked until a time for what has that name.
static void attempt_put_off(struct attempt *a, enum attempt_end end, const char *what,
                            int64_t wake_at_ms) {
    a->report = (struct attempt_report){
        .end = end, .status = JH_CANCELLED, .cancelled = a->cancel_mask, .wake_at_ms = wake_at_ms};
    attempt_say(a, NULL, NULL, NULL, what, NULL);
    attempt_begin_end(a);
}

void attempt_limited(struct attempt *a, const char *limiter, int64_t wake_at_ms) {
    attempt_put_off(a, ATTEMPT_LIMITED, limiter, wake_at_ms);
}

void attempt_barred(struct attempt *a, const char *breaker, int64_t wake_at_ms) {
    attempt_put_off(a, ATTEMPT_BARRED, breaker, wake_at_ms);
}

void attempt_stall(struct attempt *a) {
    a->stalled = true;
    attempt_cancel(a, JH_CANCEL_DEADLINE);
}

void attempt_over_disk(struct attempt *a) {
    a->over_disk = true;
    attempt_cancel(a, JH_CANCEL_DRAIN);
}

void attempt_cancel(struct attempt *a, uint32_t mask) {
    if (a->concluded || (a->cancel_mask | mask) == a->cancel_mask) {
        return;
    }
    bool drained = a->cancel_mask == JH_CANCEL_DRAIN; // then it has had all the time of that
    a->cancel_mask |= mask;
    if (a->stop == STOP_NOT || (a->stop == STOP_ASKED && drained)) {
        a->stop = STOP_ASKED;
        a->stop_mono_ms = env_mono_ms(&a->host->env);
    }
    worker_limit_cancel(a);
    if (a->worker != NULL) {
        worker_cancel(a->worker, a);
    }
}

/* Held by its pool, or waiting for a slot or a breaker, not yet with a worker: it need not go anywhere. */
static void attempt_drop_held(struct attempt *a) {
    if (!breakers_withdraw(a) && !slots_withdraw(a)) {
        TAILQ_REMOVE(&a->pool->held, a, link);
    }
    attempt_end(a, ATTEMPT_UNSTARTED, NULL);
}

void attempt_cancel_by_user(struct attempt *a) {
    attempt_cancel(a, JH_CANCEL_USER);
    if (a->worker == NULL && !a->concluded) {
        attempt_drop_held(a);
    }
}

void attempt_fence(struct attempt *a, const char *why) {
    struct dispatch *d = a->host->dispatch;
    char id[JOB_ID_TEXT + 1];
    if (a->fenced) {
        return;
    }
    id_format(&a->job->spec.id, id);
    log_warn(&a->host->log, "attempt.fenced", "job=%s pid=%d msg=\"%s\"", id, (int)a->pid, why);
    a->host->stats->fenced++;
    HASH_DELETE(by_id, d->running, a);
    a->fenced = true;
    HASH_ADD(by_id, d->fenced, job->spec.id, sizeof(struct job_id), a);
    attempt_cancel(a, JH_CANCEL_DRAIN);
    if (a->worker != NULL) {
        worker_check_by(a->worker, env_mono_ms(&a->host->env) + a->host->config->host.lease_ms / 4);
    } else if (!a->concluded) {
        attempt_drop_held(a);
    }
}
