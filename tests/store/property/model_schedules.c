/* Definitions that hosts with different files put over each other, and what they fire: one row and at most one job for
 * each time. */
#include <errno.h>
#include <string.h>

#include "model.h"

static const char *const revisions[] = {"A.1", "A.2", "B.1", "C"};

/* ------------------------------------------------------------------ jobs behind each other */

size_t model_schedules_unfinished(const struct model *m, int schedule, int queue,
                                  size_t *ret_waiting) {
    size_t all = 0, waiting = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct model_job *j = &m->jobs[i];
        bool of = j->there && j->schedule == schedule && model_queue_of(j->lane) == queue;
        all += of && !job_is_final(j->state);
        waiting += of && j->behind;
    }
    if (ret_waiting != NULL) {
        *ret_waiting = waiting;
    }
    return all;
}

// The first of those that wait begins, if nobody is left that does not.
void model_schedules_ended(struct model *m, struct model_job *ended) {
    int queue = model_queue_of(ended->lane);
    size_t waiting = 0, all = model_schedules_unfinished(m, ended->schedule, queue, &waiting);
    for (size_t i = 0; i < m->count && all == waiting; i++) {
        struct model_job *j = &m->jobs[i];
        if (j->behind && j->schedule == ended->schedule && model_queue_of(j->lane) == queue) {
            model_queue_loosely(m, j, m->rig.now);
            return;
        }
    }
}

/* ------------------------------------------------------------------ definitions */

static int64_t last_of(const struct model *m, const struct model_schedule *s) {
    int64_t last = SCHEDULE_NONE;
    for (size_t i = 0; i < s->row_count; i++) {
        const struct model_row *row = &s->rows[i];
        bool tells = !row->by_hand && strcmp(row->revision, s->revision) == 0 &&
                     row->last_ms <= m->rig.now + SCHEDULE_AHEAD_MS;
        last = tells && row->last_ms > last ? row->last_ms : last;
    }
    return last;
}

static bool are_of_one_series(const char *a, const char *b) {
    return a[1] == '.' && b[1] == '.' && a[0] == b[0];
}

static void apply_put(struct model *m, struct model_schedule *s, int queue, const char *revision) {
    int64_t begin = m->rig.now;
    if (s->there && s->queue == queue && strcmp(s->revision, revision) == 0) {
        return;
    }
    if (s->there && are_of_one_series(s->revision, revision)) {
        int64_t last = last_of(m, s);
        begin = last > s->stored_ms ? last : s->stored_ms;
    }
    s->known = s->there = true;
    s->queue = queue;
    s->stored_ms = begin;
    (void)snprintf(s->revision, sizeof s->revision, "%s", revision);
}

static void apply_remove(struct model_schedule *s) {
    s->there = false;
    s->known = s->row_count > 0;
    s->paused_ms = s->resumed_ms = 0;
}

void model_schedules_put(struct model *m) {
    int number = (int)model_dice(m, MODEL_SCHEDULES), queue = (int)model_dice(m, MODEL_QUEUES);
    struct model_schedule *s = &m->schedules[number];
    if (s->there && model_dice(m, 3) != 0) {
        queue = s->queue;
    }
    struct store_schedule_put_item item = {.id = model_schedule_name(number),
                                           .queue = model_queue_name(queue),
                                           .revision =
                                               revisions[model_dice(m, ARRAY_LEN(revisions))],
                                           .definition = "{}",
                                           .by = "a host",
                                           .remove = model_dice(m, 6) == 0};
    struct store_schedule_put put = {.items = &item, .count = 1};
    bool again = model_run(m, &put.op, STORE_SCHEDULE_PUT);
    if (item.remove) {
        int want = s->there ? 0 : -ENOENT;
        (void)model_same(m, again ? item.status : want, item.status, "a removal");
        apply_remove(s);
    } else {
        (void)model_same(m, 0, item.status, "a definition");
        apply_put(m, s, queue, item.revision);
        (void)model_same(m, s->stored_ms, item.stored_ms, "since when it is stored");
    }
    store_op_finish(&put.op);
}

void model_schedules_set(struct model *m) {
    int number = (int)model_dice(m, MODEL_SCHEDULES);
    struct model_schedule *s = &m->schedules[number];
    struct store_schedule_set set = {.id = model_schedule_name(number),
                                     .paused = model_dice(m, 2) == 0,
                                     .by = "op",
                                     .why = "so"};
    int want = s->there ? 0 : -ENOENT;
    (void)model_same(m, want, rig_run(model_host(m), &set.op, STORE_SCHEDULE_SET), "a pause");
    store_op_finish(&set.op);
    if (want == 0 && set.paused && s->paused_ms == 0) {
        s->paused_ms = m->rig.now;
    } else if (want == 0 && !set.paused && s->paused_ms != 0) {
        s->paused_ms = 0;
        s->resumed_ms = m->rig.now;
    }
}

/* ------------------------------------------------------------------ what is fired */

struct firing {
    int schedule, queue, key;
    struct job_spec spec;
    char row_key[16];
    struct store_fire_item item;
    bool twice; /* sent again: who waits is not told */
};

static enum schedule_verdict any_verdict(struct model *m) {
    static const enum schedule_verdict verdicts[] = {
        SCHEDULE_FIRE,           SCHEDULE_FIRE,       SCHEDULE_CAUGHT_UP,
        SCHEDULE_QUEUED,         SCHEDULE_QUEUED,     SCHEDULE_QUEUED,
        SCHEDULE_REPLACE,        SCHEDULE_REPLACE,    SCHEDULE_SKIPPED_OVERLAP,
        SCHEDULE_SKIPPED_PAUSED, SCHEDULE_DROPPED_MAX};
    return verdicts[model_dice(m, ARRAY_LEN(verdicts))];
}

// As the host's file has it: mostly as it is stored.
static void read_file(struct model *m, const struct model_schedule *s, struct firing *f) {
    bool drifts = !s->there || model_dice(m, 8) == 0;
    f->queue = drifts ? (int)model_dice(m, MODEL_QUEUES) : s->queue;
    f->item.row.revision = drifts ? revisions[model_dice(m, ARRAY_LEN(revisions))] : s->revision;
}

static void make_job(struct model *m, struct rig *host, struct firing *f) {
    struct model_kind kind = model_any_kind(m);
    while (model_queue_of(kind.lane) != f->queue) {
        kind.lane = (kind.lane + 1) % MODEL_LANES;
    }
    model_fill(host, &kind, &f->spec);
    f->spec.schedule = f->item.schedule;
    f->spec.nominal_ms = f->item.row.nominal_ms;
    if (model_dice(m, 4) == 0) {
        f->key = model_keys_add(m, &f->spec);
        bool waits = f->spec.dedup_mode != DEDUP_REPLACE && f->spec.dedup_mode != DEDUP_DEBOUNCE;
        f->spec.dedup_mode = waits ? f->spec.dedup_mode : DEDUP_RETURN;
    }
    if (model_dice(m, 4) == 0) {
        f->item.max_waiting = model_waiting(m, kind.lane) + (int64_t)model_dice(m, 3);
    }
    f->item.spec = &f->spec;
}

static void make_firing(struct model *m, struct rig *host, struct firing *f) {
    f->schedule = (int)model_dice(m, MODEL_SCHEDULES);
    f->key = NOBODY;
    struct model_schedule *s = &m->schedules[f->schedule];
    read_file(m, s, f);
    int64_t minute = (int64_t)model_dice(m, s->row_count + 3);
    (void)snprintf(f->row_key, sizeof f->row_key, "%lld", (long long)minute);
    f->item.schedule = model_schedule_name(f->schedule);
    f->item.queue = model_queue_name(f->queue);
    f->item.row.key = f->row_key;
    f->item.row.verdict = any_verdict(m);
    f->item.row.count = 1 + (uint32_t)model_dice(m, 3);
    f->item.row.nominal_ms = 1000 * minute;
    f->item.row.last_ms = 1000 * (minute + (int64_t)model_dice(m, 4));
    f->item.row.actual_ms = m->rig.now;
    f->item.unfinished_max = model_dice(m, 3) == 0 ? (int64_t)model_dice(m, 3) : -1;
    f->item.keep_ms = KEEP_MS;
    f->item.by_hand = model_dice(m, 6) == 0;
    if (schedule_verdict_starts(f->item.row.verdict)) {
        make_job(m, host, f);
    }
}

static const struct model_row *find_row(const struct model_schedule *s, const struct firing *f) {
    for (size_t i = 0; i < s->row_count; i++) {
        const struct model_row *row = &s->rows[i];
        if (strcmp(row->key, f->row_key) == 0 && strcmp(row->revision, f->item.row.revision) == 0) {
            return row;
        }
    }
    return NULL;
}

static int refusal(const struct model *m, const struct model_schedule *s, const struct firing *f) {
    const struct store_fire_item *item = &f->item;
    bool waits = s->paused_ms != 0 && !item->by_hand;
    if (find_row(s, f) != NULL) {
        return -EEXIST;
    }
    if (!s->there) {
        return -ENOENT;
    }
    if (strcmp(s->revision, item->row.revision) != 0 || s->queue != f->queue) {
        return -ESTALE;
    }
    if (waits && item->row.verdict != SCHEDULE_SKIPPED_PAUSED) {
        return -EBUSY;
    }
    size_t unfinished = model_schedules_unfinished(m, f->schedule, f->queue, NULL);
    return item->unfinished_max >= 0 && (int64_t)unfinished > item->unfinished_max ? -EAGAIN : 0;
}

// The newest first, so that none of them begins in between.
static void cancel_others(struct model *m, const struct firing *f) {
    for (size_t i = m->count; i-- > 0;) {
        struct model_job *j = &m->jobs[i];
        if (j->schedule == f->schedule && model_queue_of(j->lane) == f->queue) {
            model_cancel(m, j, f->item.keep_ms);
        }
    }
}

// Its job, or NULL: it is refused.
static struct model_job *start(struct model *m, const struct firing *f) {
    enum schedule_verdict verdict = f->item.row.verdict;
    struct model_job *j = model_next_job(m, &f->spec);
    if (model_keys_enter(m, j, &f->spec, f->key, f->item.max_waiting) != SUBMIT_NEW) {
        return NULL;
    }
    if (verdict == SCHEDULE_REPLACE) {
        cancel_others(m, f);
    }
    bool queues = verdict == SCHEDULE_REPLACE || verdict == SCHEDULE_QUEUED;
    bool waits = queues && model_schedules_unfinished(m, f->schedule, f->queue, NULL) > 0;
    j->schedule = f->schedule;
    if (waits) {
        model_wait(m, j, JOB_PARKED, 0);
        j->behind = true;
        j->park = PARK_SCHEDULE;
    }
    return j;
}

static void apply_fire(struct model *m, struct model_schedule *s, const struct firing *f) {
    struct model_row *row = &s->rows[s->row_count++];
    const struct model_job *j = f->item.spec == NULL ? NULL : start(m, f);
    *row = (struct model_row){.verdict = f->item.row.verdict,
                              .last_ms = f->item.row.last_ms,
                              .count = f->item.row.count,
                              .by_hand = f->item.by_hand};
    (void)snprintf(row->revision, sizeof row->revision, "%s", f->item.row.revision);
    (void)snprintf(row->key, sizeof row->key, "%s", f->row_key);
    if (j != NULL) {
        row->job = j->id;
    } else if (f->item.spec != NULL) {
        row->verdict = SCHEDULE_REFUSED;
    }
    bool waits = j != NULL && j->behind;
    (void)model_same(m, f->twice ? f->item.waits : waits, f->item.waits,
                     "whether it waits behind others");
}

static void expect_row(struct model *m, const struct model_row *row,
                       const struct store_fire_item *item) {
    (void)model_same(m, (int)row->verdict, (int)item->verdict, "what became of a time");
    (void)model_agree(m, id_equal(&row->job, &item->job), "the job of a time");
}

// `again`: it may have been sent twice; then the second answer is that the row is there.
static void fire_one(struct model *m, struct firing *f, bool again) {
    struct model_schedule *s = &m->schedules[f->schedule];
    const struct model_row *row = find_row(s, f);
    int want = refusal(m, s, f), got = f->item.status;
    bool elsewhere = want < 0 && s->known && s->queue != f->queue; // some say more than others
    if (elsewhere) {
        (void)model_agree(m, got == -EEXIST || got == -ESTALE || got == -ENOENT,
                          "a fire elsewhere");
        return;
    }
    f->twice = again && want == 0 && got == -EEXIST;
    (void)model_same(m, f->twice ? got : want, got, "a fire");
    if (want == 0) {
        apply_fire(m, s, f);
        expect_row(m, &s->rows[s->row_count - 1], &f->item);
    } else if (row != NULL) {
        expect_row(m, row, &f->item);
    }
}

void model_schedules_fire(struct model *m) {
    struct firing all[4];
    struct store_fire_item items[4];
    struct rig *host = model_host(m);
    size_t count = 1 + model_dice(m, 3);
    memset(all, 0, sizeof all);
    for (size_t i = 0; i < count; i++) {
        make_firing(m, host, &all[i]);
        if (m->schedules[all[i].schedule].row_count + count > MODEL_ROWS) {
            return;
        }
        items[i] = all[i].item;
    }
    struct store_fire fire = {.items = items, .count = count};
    bool again = false;
    if (host == &m->rig) {
        again = model_run(m, &fire.op, STORE_FIRE);
    } else {
        (void)model_same(m, 0, rig_run(host, &fire.op, STORE_FIRE), "another's fire");
    }
    for (size_t i = 0; i < count; i++) {
        all[i].item = items[i];
        fire_one(m, &all[i], again);
    }
    store_op_finish(&fire.op);
}

/* ------------------------------------------------------------------ what is shown */

static void expect_schedule(struct model *m, int number, const struct store_schedule *is) {
    const struct model_schedule *s = &m->schedules[number];
    uint64_t times[SCHEDULE_VERDICT_COUNT] = {0};
    size_t waiting = 0, all = model_schedules_unfinished(m, number, s->queue, &waiting);
    for (size_t i = 0; i < s->row_count; i++) {
        times[s->rows[i].verdict] += s->rows[i].count;
    }
    (void)model_agree(m, strcmp(is->revision, s->revision) == 0, "the revision");
    (void)model_agree(m, strcmp(is->queue, model_queue_name(s->queue)) == 0, "the target");
    (void)model_same(m, s->stored_ms, is->stored_ms, "stored at");
    (void)model_same(m, s->paused_ms, is->paused_ms, "paused at");
    (void)model_same(m, s->resumed_ms, is->resumed_ms, "resumed at");
    (void)model_same(m, last_of(m, s), is->last_ms, "where a schedule is");
    (void)model_same(m, (int64_t)waiting, is->waiting, "how many wait of a schedule");
    (void)model_same(m, (int64_t)(all - waiting), is->running, "how many run of a schedule");
    for (int v = 0; v < SCHEDULE_VERDICT_COUNT; v++) {
        (void)model_same(m, (int64_t)times[v], (int64_t)is->times[v], "how often");
    }
}

static void expect_ledger(struct model *m, int number) {
    const struct model_schedule *s = &m->schedules[number];
    struct store_ledger_list list = {.schedule = model_schedule_name(number), .verdict = -1};
    list.limit = 1 + (uint32_t)model_dice(m, 9);
    char cursor[128] = "";
    size_t left = s->row_count;
    for (bool more = true; more;) {
        int want = s->known ? 0 : -ENOENT;
        list.cursor = cursor[0] == '\0' ? NULL : cursor;
        (void)model_same(m, want, rig_run(model_host(m), &list.op, STORE_LEDGER_LIST), "a ledger");
        for (size_t i = 0; i < list.count && left > 0; i++) {
            const struct model_row *row = &s->rows[--left];
            const struct store_ledger_row *is = &list.rows[i];
            (void)model_agree(m, strcmp(row->key, is->key) == 0, "the key of a row");
            (void)model_agree(m, strcmp(row->revision, is->revision) == 0, "its revision");
            (void)model_same(m, (int)row->verdict, (int)is->verdict, "its verdict");
            (void)model_agree(m, id_equal(&row->job, &is->job), "its job");
        }
        more = list.next_cursor != NULL;
        (void)snprintf(cursor, sizeof cursor, "%s", more ? list.next_cursor : "");
        store_op_finish(&list.op);
        memset(&list.op, 0, sizeof list.op);
    }
    (void)model_same(m, 0, (int64_t)left, "rows that are not shown");
}

void model_schedules_list(struct model *m) {
    struct store_schedule_list list = {.limit = 100};
    size_t at = 0;
    (void)model_same(m, 0, rig_run(model_host(m), &list.op, STORE_SCHEDULE_LIST), "schedules");
    for (int i = 0; i < MODEL_SCHEDULES; i++) {
        bool is = at < list.count && strcmp(list.schedules[at].id, model_schedule_name(i)) == 0;
        if (model_agree(m, is == m->schedules[i].there, "whether a schedule is there") && is) {
            expect_schedule(m, i, &list.schedules[at++]);
        }
        expect_ledger(m, i);
    }
    (void)model_same(m, (int64_t)at, (int64_t)list.count, "how many schedules");
    store_op_finish(&list.op);
}
