#include "supervisor/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/events.h"
#include "store/flows.h"

void stats_word(struct stats_words *words, const char *word) {
    for (unsigned i = 0; i < words->count; i++) {
        if (words->items[i].word == word || strcmp(words->items[i].word, word) == 0) {
            words->items[i].count++;
            return;
        }
    }
    if (words->count == STATS_WORDS_MAX) {
        words->other++;
        return;
    }
    words->items[words->count].word = word;
    words->items[words->count++].count = 1;
}

/* ---- life ---- */

struct stats *stats_new(void) {
    static char other[] = STATS_OTHER;
    struct stats *stats = calloc(1, sizeof *stats);
    if (stats != NULL) {
        stats->other.queue = stats->other.type = other;
        stats->last = &stats->other;
    }
    return stats;
}

static void series_free(struct stats_series *s) {
    free(s->key);
    free(s->queue);
    free(s->type);
    free(s);
}

void stats_free(struct stats **at) {
    struct stats *stats = *at;
    if (stats == NULL) {
        return;
    }
    struct stats_series *s = stats->series, *next;
    HASH_CLEAR(hh, stats->series); // their order stays
    for (; s != NULL; s = next) {
        next = s->hh.next;
        series_free(s);
    }
    free(stats);
    *at = NULL;
}

/* ---- series ---- */

static struct stats_series *series_new(const char *key, const char *queue, const char *type) {
    struct stats_series *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->key = strdup(key);
    s->queue = strdup(queue);
    s->type = strdup(type);
    if (s->key == NULL || s->queue == NULL || s->type == NULL) {
        series_free(s);
        return NULL;
    }
    return s;
}

static bool series_is(const struct stats_series *s, const char *queue, const char *type) {
    return strcmp(s->queue, queue) == 0 && strcmp(s->type, type) == 0;
}

static struct stats_series *series_find(struct stats *stats, const char *queue, const char *type) {
    char key[JOB_QUEUE_MAX + 1 + JOB_TYPE_MAX + 1];
    struct stats_series *s = NULL;
    int n = snprintf(key, sizeof key, "%s\n%s", queue, type);
    if (n < 0 || (size_t)n >= sizeof key) {
        return &stats->other;
    }
    HASH_FIND(hh, stats->series, key, (unsigned)n, s);
    if (s != NULL || stats->series_count == STATS_SERIES_MAX) {
        return s != NULL ? s : &stats->other;
    }
    s = series_new(key, queue, type);
    if (s == NULL) {
        return &stats->other;
    }
    HASH_ADD_KEYPTR(hh, stats->series, s->key, (unsigned)n, s);
    stats->series_count++;
    return s;
}

struct stats_series *stats_series(struct stats *stats, const char *queue, const char *type) {
    if (!series_is(stats->last, queue, type)) { // submissions come in runs
        // a queue and a type of that very name share the series of those without one
        bool other = series_is(&stats->other, queue, type);
        stats->last = other ? &stats->other : series_find(stats, queue, type);
    }
    return stats->last;
}

/* ---- the store ---- */

static const char *const store_names[STORE_OP_KINDS] = {
    [STORE_SUBMIT] = "submit",
    [STORE_CLAIM] = "claim",
    [STORE_ADOPT] = "adopt",
    [STORE_START] = "start",
    [STORE_COMMIT] = "commit",
    [STORE_MOVE] = "move",
    [STORE_REMOVE] = "remove",
    [STORE_DUE] = "due",
    [STORE_FORWARD] = "forward",
    [STORE_RECOVER] = "recover",
    [STORE_SWEEP] = "sweep",
    [STORE_GET] = "get",
    [STORE_LIST] = "list",
    [STORE_STEP_GET] = "step_get",
    [STORE_RESULT_GET] = "result_get",
    [STORE_OUTPUT_GET] = "output_get",
    [STORE_STATS] = "stats",
    [STORE_FSCK] = "fsck",
    [STORE_BLOB_PUT] = "blob_put",
    [STORE_BLOB_OPEN] = "blob_open",
    [STORE_BLOB_KEEP] = "blob_keep",
    [STORE_KV_GET] = "kv_get",
    [STORE_KV_CLAIM] = "kv_claim",
    [STORE_QUEUE_SET] = "queue_set",
    [STORE_HOST_LEASE] = "host_lease",
    [STORE_HOST_LIST] = "host_list",
    [STORE_AUDIT_ADD] = "audit_add",
    [STORE_AUDIT_LIST] = "audit_list",
    [STORE_DEDUP_LIST] = "dedup_list",
    [STORE_DEDUP_RELEASE] = "dedup_release",
    [STORE_SCHEDULE_PUT] = "schedule_put",
    [STORE_SCHEDULE_SET] = "schedule_set",
    [STORE_SCHEDULE_LIST] = "schedule_list",
    [STORE_FIRE] = "fire",
    [STORE_LEDGER_LIST] = "ledger_list",
    [STORE_EVENT_PUT] = "event_put",
    [STORE_LIMITER] = "limiter",
    [STORE_LIMITER_LIST] = "limiter_list",
    [STORE_FLOW_GET] = "flow_get",
    [STORE_FLOW_ENDED] = "flow_ended",
    [STORE_FLOW_JOIN] = "flow_join",
    [STORE_FLOW_CANCEL] = "flow_cancel",
    [STORE_FLOW_MEMBERS] = "flow_members",
    [STORE_BREAKER] = "breaker",
    [STORE_BREAKER_LIST] = "breaker_list",
    [STORE_TOKEN_PUT] = "token_put",
    [STORE_TOKEN_SET] = "token_set",
    [STORE_TOKEN_LIST] = "token_list",
};

const char *stats_store_name(enum store_op_kind kind) {
    return (unsigned)kind < STORE_OP_KINDS ? store_names[kind] : NULL;
}

/* Not finding something is an answer. */
static bool is_failure(const struct store_op *op) {
    return op->status != 0 && op->status != -ENOENT;
}

static void count_submit(struct stats *stats, const struct store_submit_item *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct store_submit_item *item = &items[i];
        struct stats_series *s = stats_series(stats, item->spec->queue, item->spec->type);
        bool taken = item->verdict == SUBMIT_NEW || item->verdict == SUBMIT_SPOOLED;
        s->submitted += taken && item->status == 0;
        s->duplicates += item->verdict == SUBMIT_DUPLICATE;
        if (!id_is_zero(&item->replaced) && job_is_final(item->replaced_state)) {
            stats->ended_waiting[item->replaced_state]++;
        }
    }
}

static void count_fire(struct stats *stats, const struct store_fire *fire) {
    for (size_t i = 0; i < fire->count; i++) {
        const struct store_fire_item *item = &fire->items[i];
        if (item->status != 0) {
            continue;
        }
        stats->schedule_times[item->verdict] += item->row.count;
        if (item->row.missed && !schedule_verdict_starts(item->verdict)) {
            stats->schedule_missed += item->row.count;
        }
        if (!id_is_zero(&item->job)) {
            stats_series(stats, item->queue, item->spec->type)->submitted++;
        }
    }
}

static const char *why_refused(int status) {
    switch (status) {
    case -EEXIST: return "duplicate";
    case -ENOBUFS: return "event_backlog";
    case -EDQUOT: return "events_full";
    default: return "bad_event";
    }
}

static void count_events(struct stats *stats, const struct store_event_put *put) {
    for (size_t i = 0; i < put->count; i++) {
        if (put->items[i].status == 0) {
            stats->events_told++;
        } else {
            stats_word(&stats->events_refused, why_refused(put->items[i].status));
        }
    }
}

static void count_move(struct stats *stats, const struct store_move *move) {
    for (size_t i = 0; i < move->count; i++) {
        const struct store_move_item *item = &move->items[i];
        if (item->status == 0 && job_is_final(item->state)) {
            stats->ended_waiting[item->state]++;
        }
    }
}

void stats_store_answered(struct stats *stats, const struct store_op *op, int64_t took_us) {
    struct stats_store *row = &stats->store[op->kind];
    row->count++;
    row->errors += is_failure(op);
    histogram_add(&row->latency, &histogram_latencies, took_us);
    if (op->group > 0) {
        histogram_add(&stats->groups, &histogram_sizes, op->group);
    }
    if (op->status != 0) {
        return;
    }
    switch (op->kind) {
    case STORE_SUBMIT: {
        const struct store_submit *s = CONTAINER_OF(op, const struct store_submit, op);
        count_submit(stats, s->items, s->count);
        break;
    }
    case STORE_FLOW_JOIN: {
        const struct store_flow_join *j = CONTAINER_OF(op, const struct store_flow_join, op);
        count_submit(stats, j->items, j->count);
        break;
    }
    case STORE_FIRE: count_fire(stats, CONTAINER_OF(op, const struct store_fire, op)); break;
    case STORE_MOVE: count_move(stats, CONTAINER_OF(op, const struct store_move, op)); break;
    case STORE_CLAIM:
        stats->ended_waiting[JOB_DEAD] +=
            CONTAINER_OF(op, const struct store_claim, op)->ended_count;
        break;
    case STORE_EVENT_PUT:
        count_events(stats, CONTAINER_OF(op, const struct store_event_put, op));
        break;
    case STORE_FORWARD:
        stats->event_wakes += CONTAINER_OF(op, const struct store_forward, op)->woken;
        break;
    default: break;
    }
}
