/* SUBMIT, MOVE and what else is done to jobs that do not run. */
#include <errno.h>
#include <string.h>

#include "model.h"

/* ------------------------------------------------------------------ SUBMIT */

// Some are deliveries: which job came first with that one?
static int *add_once(struct model *m, const struct model_kind *kind, struct store_once *once,
                     struct store_submit_item *item) {
    if (kind->plain || model_dice(m, 3) != 0) {
        return NULL;
    }
    size_t id = model_dice(m, MODEL_IDS);
    *once = (struct store_once){.key = {1, (uint8_t)id}, .content = 7, .keep_ms = INT64_MAX};
    item->once = once;
    item->once_count = 1;
    return &m->firsts[model_queue_of(kind->lane)][id];
}

// An item, and what is to come of it.
static int make_item(struct model *m, struct rig *host, const struct model_kind *kind,
                     struct job_spec *spec, struct store_once *once,
                     struct store_submit_item *item) {
    const struct model_job *old = model_dice(m, 12) == 0 ? model_pick(m) : NULL;
    int key = NOBODY;
    model_fill(host, kind, spec);
    *item = (struct store_submit_item){.spec = spec, .keep_ms = KEEP_MS};
    if (old != NULL && old->there && old->lane == kind->lane) {
        spec->id = old->id;
        return SUBMIT_REPEATED;
    }
    if (!kind->plain && model_dice(m, 3) == 0) {
        spec->run_at_ms = m->rig.now + 1 + (int64_t)model_dice(m, 2000);
    }
    if (!kind->plain && model_dice(m, 4) == 0) {
        spec->expires_ms = m->rig.now + 1 + (int64_t)model_dice(m, 1500);
    }
    if (!kind->plain && model_dice(m, 3) == 0) {
        key = model_keys_add(m, spec);
    }
    if (!kind->plain && model_dice(m, 3) == 0) {
        item->max_waiting = model_waiting(m, kind->lane) + (int64_t)model_dice(m, 3);
    }
    int *first = add_once(m, kind, once, item);
    if (first != NULL && *first != NOBODY) {
        return SUBMIT_DUPLICATE;
    }
    struct model_job *j = model_next_job(m, spec);
    int want = model_keys_enter(m, j, spec, key, item->max_waiting);
    if (first != NULL && want >= 0) {
        *first = want == SUBMIT_NEW ? model_index(m, j) : model_keys_holder(m, kind->lane, key);
    }
    return want;
}

// Who came with a delivery that has been here is told of the first.
static void expect_first(struct model *m, const struct store_submit_item *item, int lane) {
    int first = item->once_held ? m->firsts[model_queue_of(lane)][item->once->key[1]] : NOBODY;
    if (item->once_held) {
        (void)model_same(m, 1, first != NOBODY && id_equal(&m->jobs[first].id, &item->winner),
                         "the first");
    }
}

/* A call that is sent again finds what it has made before: the job itself, or, where there was no room for it, the holder of
 * its key, who came behind it in the call. */
static bool is_of_first(int want, int got) {
    return want == SUBMIT_NEW ? got == SUBMIT_REPEATED
                              : want == -ENOBUFS && (got == -EEXIST || got == SUBMIT_DUPLICATE);
}

/* Some jobs by one call: mostly a few in a row are alike. */
void model_jobs_submit(struct model *m) {
    struct job_spec specs[MODEL_CALL];
    struct store_submit_item items[MODEL_CALL] = {{.spec = NULL}};
    struct store_once once[MODEL_CALL];
    int want[MODEL_CALL] = {0}, lanes[MODEL_CALL] = {0};
    struct model_kind kind = model_any_kind(m);
    struct store_submit submit = {.items = items};
    struct rig *host = model_host(m);
    size_t most = model_dice(m, 2) == 0 ? 1 : 1 + model_dice(m, MODEL_CALL);
    for (; submit.count < most; submit.count++) {
        size_t i = submit.count;
        kind = model_dice(m, 4) == 0 ? model_any_kind(m) : kind;
        want[i] = make_item(m, host, &kind, &specs[i], &once[i], &items[i]);
        lanes[i] = kind.lane;
    }
    bool again = false;
    if (host != &m->rig) {
        (void)model_same(m, 0, rig_run(host, &submit.op, STORE_SUBMIT), "another's submission");
    } else {
        again = model_run(m, &submit.op, STORE_SUBMIT);
    }
    for (size_t i = 0; i < submit.count; i++) {
        int got = items[i].status < 0 ? items[i].status : (int)items[i].verdict;
        bool twice = again && is_of_first(want[i], got);
        (void)model_same(m, twice ? got : want[i], got, "the verdict");
        expect_first(m, &items[i], lanes[i]);
    }
    store_op_finish(&submit.op);
}

/* ------------------------------------------------------------------ MOVE */

/* As the parts of a host ask for it that wait for an answer: it may be sent twice. */
static int move(struct model *m, struct store_move_item *item) {
    struct store_move op = {.items = item, .count = 1};
    (void)model_run(m, &op.op, STORE_MOVE);
    store_op_finish(&op.op);
    return item->status;
}

void model_jobs_ask(struct model *m) {
    struct model_job *j = model_pick(m);
    if (j == NULL || !j->there || j->state != JOB_RUNNING) {
        return;
    }
    struct store_move_item item = {
        .id = j->id, .event = JOB_EV_CANCEL, .ask = true, .keep_ms = KEEP_MS};
    (void)model_same(m, 0, move(m, &item), "a wish");
    model_cancel(m, j, KEEP_MS);
}

static void apply_move(struct model *m, struct model_job *j, enum job_state to) {
    if (job_is_final(j->state)) {
        model_revive(m, j);
    } else if (job_is_final(to)) {
        model_end(m, j, to, 0);
    } else if (to == JOB_QUEUED) {
        model_queue_up(m, j, m->rig.now);
    } else {
        model_wait(m, j, to, 0);
    }
}

void model_jobs_move(struct model *m) {
    static const enum job_event events[] = {JOB_EV_CANCEL,  JOB_EV_REVIVE, JOB_EV_REVIVE,
                                            JOB_EV_PROMOTE, JOB_EV_WAKE,   JOB_EV_PARK,
                                            JOB_EV_DIE};
    static const enum job_state targets[] = {JOB_CANCELLED, JOB_QUEUED, JOB_QUEUED, JOB_QUEUED,
                                             JOB_QUEUED,    JOB_PARKED, JOB_DEAD};
    struct model_job *j = model_pick(m);
    size_t e = model_dice(m, ARRAY_LEN(events));
    if (j == NULL) {
        return;
    }
    int want = 0;
    bool moves = false;
    if (!j->there) {
        want = -ENOENT;
    } else if (j->state == JOB_RUNNING) {
        want = -EBUSY;
    } else if (j->state != targets[e]) {
        moves = job_next_state(j->state, events[e]) == (int)targets[e];
        want = moves ? 0 : -EINVAL;
    }
    struct store_move_item item = {.id = j->id, .event = events[e]};
    (void)model_same(m, want, move(m, &item), "the move's answer");
    if (moves) {
        apply_move(m, j, targets[e]);
    }
}

/* ------------------------------------------------------------------ answers of operators */

static struct model_job *pick_asking(struct model *m) {
    for (size_t i = 0, from = model_dice(m, m->count + 1); i < m->count; i++) {
        struct model_job *j = &m->jobs[(from + i) % m->count];
        if (j->there && j->state == JOB_PARKED && j->park == PARK_NEEDS_OPERATOR) {
            return j;
        }
    }
    return NULL;
}

static int wake(struct model *m, struct model_job *j, uint32_t rev, int answer) {
    char text[16];
    (void)snprintf(text, sizeof text, "answer %d", answer);
    const struct store_step step = {"operator:q", bytes_of(text)};
    struct store_move_item item = {.id = j->id, .event = JOB_EV_WAKE, .rev = rev, .step = &step};
    return move(m, &item);
}

static void expect_answer(struct model *m, struct model_job *j) {
    char text[16];
    (void)snprintf(text, sizeof text, "answer %d", j->answer);
    struct store_step_get get = {.id = j->id, .name = "operator:q"};
    int r = rig_run(&m->rig, &get.op, STORE_STEP_GET);
    (void)model_agree(m, r == 0 && bytes_equal(get.value, bytes_of(text)), "the answer it finds");
    store_op_finish(&get.op);
}

/* Of several answers to one question one counts, be it sent twice. */
void model_jobs_resolve(struct model *m) {
    struct model_job *j = pick_asking(m);
    const struct store_job *is = j == NULL ? NULL : rig_get(&m->rig, &j->id);
    if (is == NULL) {
        (void)model_agree(m, j == NULL, "who asks is there");
        return;
    }
    uint32_t rev = is->rev;
    (void)model_same(m, -ESTALE, wake(m, j, rev + 7, 9), "an answer to another question");
    j->answer = 1 + (int)model_dice(m, 8);
    (void)model_same(m, 0, wake(m, j, rev, j->answer), "an answer");
    model_queue_up(m, j, m->rig.now);
    (void)model_same(m, 0, wake(m, j, rev, j->answer), "the answer again");
    (void)model_same(m, -ESTALE, wake(m, j, rev, j->answer + 1), "another answer");
    expect_answer(m, j);
}

/* ------------------------------------------------------------------ time passes */

enum { LOOK_AGAIN_MS = 3600000 }; // an opener whose flow is open stays

void model_jobs_due(struct model *m) {
    size_t want = 0;
    int64_t next = 0, got_next = 0;
    for (size_t i = 0; i < m->count; i++) {
        struct model_job *j = &m->jobs[i];
        if (!j->there || (j->state != JOB_SCHEDULED && j->state != JOB_PARKED) || j->at_ms == 0) {
            continue;
        }
        if (j->at_ms <= m->rig.now) {
            model_queue_loosely(m, j, j->at_ms); // since it was due
            want++;
        } else if (next == 0 || j->at_ms < next) {
            next = j->at_ms;
        }
    }
    (void)model_same(m, (int64_t)want, (int64_t)rig_due(&m->rig, &got_next), "how many are due");
    (void)model_same(m, next, got_next, "when the next is due");
}

void model_jobs_remove(struct model *m) {
    struct model_job *j = model_pick(m);
    if (j == NULL) {
        return;
    }
    int status = 1;
    struct store_remove rm = {.ids = &j->id, .status = &status, .count = 1};
    (void)rig_run(&m->rig, &rm.op, STORE_REMOVE);
    store_op_finish(&rm.op);
    bool stays = !job_is_final(j->state) || model_flows_is_open(j);
    int want = !j->there ? -ENOENT : stays ? -EBUSY : 0;
    (void)model_same(m, want, status, "only ended jobs are removed");
    j->there = j->there && want != 0;
}

void model_jobs_sweep(struct model *m) {
    struct store_sweep sweep = {.limit = 1000};
    (void)rig_run(&m->rig, &sweep.op, STORE_SWEEP);
    store_op_finish(&sweep.op);
    for (size_t i = 0; i < m->count; i++) {
        struct model_job *j = &m->jobs[i];
        bool over = job_is_final(j->state) && j->at_ms > 0 && j->at_ms <= m->rig.now &&
                    j->stays_ms <= m->rig.now;
        if (j->there && over && model_flows_is_open(j)) {
            j->stays_ms = m->rig.now + LOOK_AGAIN_MS;
        } else if (over) {
            j->there = false;
        }
    }
    model_events_sweep(m);
}
