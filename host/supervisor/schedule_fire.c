#include "supervisor/schedule_fire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/host.h"

struct schedule schedule_fire_rule(const struct schedule_definition *d, int64_t stored_ms,
                                   bool paused) {
    struct schedule s = d->when.schedule;
    s.stored_ms = stored_ms;
    s.paused = s.paused || paused;
    return s;
}

// More must not be unfinished when it starts: what the plan knew, where that matters to it.
static int64_t unfinished_max(const struct schedule_definition *d, enum schedule_verdict verdict,
                              int64_t unfinished) {
    bool any = d->when.schedule.overlap == OVERLAP_ALLOW || verdict == SCHEDULE_REPLACE ||
               !schedule_verdict_starts(verdict);
    return any ? -1 : unfinished;
}

static void prepare(const struct config *config, const struct schedule_definition *d,
                    int64_t now_ms, struct schedule_fire *f) {
    (void)snprintf(f->revision, sizeof f->revision, "%s", d->revision);
    f->item = (struct store_fire_item){
        .schedule = d->is.entry.name,
        .queue = d->is.queue,
        .row = {.revision = f->revision, .key = f->key, .count = 1, .actual_ms = now_ms},
        .max_waiting = config_queue(config, d->is.queue)->max_jobs,
        .unfinished_max = -1,
        .keep_ms = config_queue(config, d->is.queue)->ttl_ms,
    };
}

struct job_request schedule_fire_request(const struct schedule_definition *d, int64_t nominal_ms) {
    return (struct job_request){
        .type = d->is.job,
        .payload = bytes_of(d->is.payload),
        .queue = d->is.queue,
        .tenant = d->is.user,
        .priority = -1,
        .key = d->is.key,
        .dedup_mode = -1,
        .schedule = d->is.entry.name,
        .nominal_ms = nominal_ms,
    };
}

void schedule_fire_take(struct schedule_fire *f, int resolved) {
    if (resolved == 0) {
        f->item.spec = &f->spec;
    } else {
        f->item.row.verdict = SCHEDULE_REFUSED;
        f->item.row.reason = f->problem.message;
        f->item.unfinished_max = -1;
    }
}

static void make_job(struct host *host, const struct schedule_definition *d, int64_t nominal_ms,
                     struct arena *arena, struct schedule_fire *f) {
    const struct job_request request = schedule_fire_request(d, nominal_ms);
    schedule_fire_take(f, jobs_resolve(host, &request, arena, &f->spec, &f->problem));
}

void schedule_fire_row(const struct config *config, const struct schedule_definition *d,
                       const struct schedule_move *move, const char *boot, int64_t unfinished,
                       int64_t now_ms, struct schedule_fire *ret) {
    prepare(config, d, now_ms, ret);
    schedule_key(move, boot, ret->key);
    struct store_ledger_row *row = &ret->item.row;
    row->verdict = move->verdict;
    row->missed = move->missed;
    row->count = move->count;
    row->nominal_ms = move->time.nominal_ms;
    row->last_ms = move->last_ms;
    ret->item.unfinished_max = unfinished_max(d, move->verdict, unfinished);
}

void schedule_fire_move(struct host *host, const struct schedule_definition *d,
                        const struct schedule_move *move, int64_t unfinished, struct arena *arena,
                        struct schedule_fire *ret) {
    char boot[20];
    (void)snprintf(boot, sizeof boot, "%016" PRIx64, host->nonce);
    schedule_fire_row(host->config, d, move, boot, unfinished, env_wall_ms(&host->env), ret);
    if (schedule_verdict_starts(move->verdict)) {
        make_job(host, d, move->time.nominal_ms, arena, ret);
    }
}

void schedule_fire_by_hand(struct host *host, const struct schedule_definition *d, const char *key,
                           enum schedule_verdict verdict, int64_t nominal_ms, const char *reason,
                           struct arena *arena, struct schedule_fire *ret) {
    prepare(host->config, d, env_wall_ms(&host->env), ret);
    struct store_ledger_row *row = &ret->item.row;
    ret->item.by_hand = true;
    row->verdict = verdict;
    row->missed = nominal_ms != 0;
    row->nominal_ms = row->last_ms = nominal_ms != 0 ? nominal_ms : row->actual_ms;
    row->reason = reason;
    make_job(host, d, nominal_ms, arena, ret);
    char id[JOB_ID_TEXT + 1];
    id_format(&ret->spec.id, id);
    (void)snprintf(ret->key, sizeof ret->key, "%s%s", key == NULL ? "run-" : key,
                   key == NULL ? id : "");
}
