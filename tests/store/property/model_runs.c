/* CLAIM, START, COMMIT, and hosts that die. */
#include <errno.h>
#include <string.h>

#include "model.h"

static const char *const output_names[MODEL_OUTPUTS] = {"a.md", "b.html", "c.json"};
static const char *const contents[MODEL_CONTENTS] = {"", "1", "22", "333"};

/* ------------------------------------------------------------------ CLAIM */

static bool is_late(const struct model *m, const struct model_job *j) {
    return j->expires_ms > 0 && j->expires_ms <= m->rig.now && !j->ran;
}

static bool any_waits(const struct model *m, int lane) {
    for (size_t i = 0; i < m->count; i++) {
        const struct model_job *j = &m->jobs[i];
        if (j->there && j->state == JOB_QUEUED && j->lane == lane) {
            return true;
        }
    }
    return false;
}

static void expect_words(struct model *m, const struct model_job *j,
                         const struct store_claimed *got) {
    size_t outputs = 0;
    for (int o = 0; o < MODEL_OUTPUTS; o++) {
        outputs += j->outputs[o] != 0;
    }
    (void)model_agree(m, got->token > j->token, "tokens grow");
    (void)model_same(m, j->commit_no, got->commit_no, "the number of commits");
    (void)model_same(m, j->attempts, got->counters.attempts, "the attempts");
    (void)model_agree(m, bytes_equal(got->spec.payload, model_payload(j->payload)), "the payload");
    (void)model_agree(m, strcmp(got->spec.queue, model_queue(j->lane)) == 0, "the queue");
    (void)model_agree(m, got->spec.max_attempts == 3 && got->spec.timeout_ms == 300000,
                      "its limits");
    (void)model_same(m, (int64_t)outputs, (int64_t)got->output_count, "the outputs of a claim");
}

static void take(struct model *m, int lane, const struct store_claimed *got) {
    struct model_job *j = model_find(m, &got->spec.id);
    bool waits = j != NULL && j->there && j->state == JOB_QUEUED && j->lane == lane;
    if (!model_agree(m, waits, "who is claimed waits") || j == NULL ||
        !model_agree(m, model_turns_is_next(m, j), "who is next") ||
        !model_agree(m, !is_late(m, j), "who comes too late does not start")) {
        return;
    }
    expect_words(m, j, got);
    model_turns_started(m, j);
    model_wait(m, j, JOB_RUNNING, j->at_ms);
    j->begun_known = j->begun;
    j->begun = true;
    j->traced = false;
    j->token = got->token;
    j->claim = *got;
}

static void expire(struct model *m, const struct job_id *id) {
    struct model_job *j = model_find(m, id);
    bool waits = j != NULL && j->there && j->state == JOB_QUEUED;
    if (model_agree(m, waits && is_late(m, j), "who ended waited, and came too late") &&
        j != NULL) {
        model_turns_late(m, j);
        model_end(m, j, JOB_DEAD, KEEP_MS);
    }
}

/* Some lanes by one call. */
void model_runs_claim(struct model *m) {
    struct store_claim_want wants[MODEL_LANES] = {{.limit = 0}};
    int lanes[MODEL_LANES] = {0};
    struct store_claim claim = {
        .wants = wants, .host_nonce = m->rig.nonce, .ended_keep_ms = KEEP_MS};
    size_t most = model_dice(m, 2) == 0 ? 1 : 1 + model_dice(m, MODEL_LANES);
    for (; claim.want_count < most; claim.want_count++) {
        int lane = lanes[claim.want_count] = (int)model_dice(m, MODEL_LANES);
        wants[claim.want_count] = (struct store_claim_want){
            .lane = {model_queue(lane), model_type(lane)}, .limit = (uint32_t)model_dice(m, 6)};
    }
    (void)model_same(m, 0, rig_run(&m->rig, &claim.op, STORE_CLAIM), "a claim");
    size_t count[MODEL_LANES] = {0};
    for (size_t i = 0; i < claim.ended_count; i++) {
        expire(m, &claim.ended[i]);
    }
    for (size_t i = 0; i < claim.job_count; i++) {
        take(m, lanes[claim.jobs[i].want], &claim.jobs[i]);
        count[claim.jobs[i].want]++;
    }
    model_turns_claimed(m);
    for (size_t i = 0; i < claim.want_count; i++) {
        bool full = count[i] == wants[i].limit || claim.ended_count > 0;
        (void)model_agree(m, full || !any_waits(m, lanes[i]), "none is left behind");
    }
    store_op_finish(&claim.op);
}

void model_runs_start(struct model *m) {
    struct model_job *j = model_pick(m);
    if (j == NULL || j->token == 0) {
        return;
    }
    struct store_start_item item = {
        .id = j->id, .token = j->token, .started_ms = m->rig.now, .pid = 7};
    struct store_start start = {.items = &item, .count = 1};
    (void)rig_run(&m->rig, &start.op, STORE_START);
    store_op_finish(&start.op);
    j->traced = j->traced || j->state == JOB_RUNNING;
    j->ran = j->ran || j->state == JOB_RUNNING;
}

/* ------------------------------------------------------------------ what a commit asks for */

/* A commit of a job, and what it is to bring. */
struct making {
    struct model_job *job;
    bool live, eventful; /* it may have to do with events */
    struct store_output outputs[3];
    int after[MODEL_OUTPUTS];
    struct job_spec kids[2], then;
    int kid_keys[2];
    char flows[2][JOB_ID_TEXT + 1]; /* whose members they are */
    struct model_wait wait;
    struct model_telling telling;
};

// Up to three outputs, perhaps with one name twice: what the job has if they are committed.
static size_t ask_outputs(struct model *m, struct store_output out[3], int ret[MODEL_OUTPUTS]) {
    size_t count = model_dice(m, 3) == 0 ? model_dice(m, 4) : 0;
    for (size_t i = 0; i < count; i++) {
        int name = (int)model_dice(m, MODEL_OUTPUTS), content = (int)model_dice(m, MODEL_CONTENTS);
        struct store_blob_put put = {.data = bytes_of(contents[content]), .fd = -1};
        (void)model_same(m, 0, rig_run(&m->rig, &put.op, STORE_BLOB_PUT), "a put");
        out[i] = (struct store_output){output_names[name], NULL, put.ref};
        ret[name] = content + 1;
        store_op_finish(&put.op);
    }
    return count;
}

// Of its own flow, of that which it is in itself, or of none.
static void make_member(struct model *m, const struct model_job *j, bool siblings,
                        struct job_spec *kid, char flow[JOB_ID_TEXT + 1]) {
    const struct model_job *opener = j;
    if (siblings && j->flow != NOBODY && model_dice(m, 2) == 0) {
        opener = &m->jobs[j->flow];
    } else if (model_dice(m, 2) == 0) {
        return;
    }
    id_format(&opener->id, flow);
    kid->parent = opener->id;
    kid->flow_id = flow;
    bool near = strcmp(kid->queue, model_queue(opener->lane)) == 0;
    kid->flow_queue = near ? NULL : model_queue(opener->lane);
}

static void add_children(struct model *m, bool alone, struct making *of,
                         struct store_commit_item *item) {
    while (item->child_count < ARRAY_LEN(of->kids) && model_dice(m, 3) == 0) {
        struct model_kind kind = model_any_kind(m);
        size_t i = item->child_count++;
        struct job_spec *kid = &of->kids[i];
        kind.lane = model_dice(m, 2) == 0 ? of->job->lane : kind.lane;
        model_fill(&m->rig, &kind, kid);
        bool here = model_queue_of(kind.lane) == model_queue_of(of->job->lane);
        make_member(m, of->job, alone, kid, of->flows[i]);
        bool sibling = !id_is_zero(&kid->parent) && !id_equal(&kid->parent, &of->job->id);
        of->kid_keys[i] =
            here && !sibling && model_dice(m, 4) == 0 ? model_keys_add(m, kid) : NOBODY;
        kid->dedup_mode = kid->dedup_mode == DEDUP_REPLACE ? DEDUP_RETURN : kid->dedup_mode;
    }
    item->children = of->kids;
}

static void add_flow(struct model *m, struct making *of, struct store_commit_item *item) {
    if (model_dice(m, 6) == 0) {
        struct model_kind kind = model_any_kind(m);
        model_fill(&m->rig, &kind, &of->then);
        of->then.parent = of->job->id;
        of->then.run_at_ms = model_dice(m, 3) == 0 ? m->rig.now + (int64_t)model_dice(m, 500) : 0;
        item->then = &of->then;
    }
    if (model_dice(m, 8) == 0) {
        item->flow_on_dead = 1 + (int)model_dice(m, FLOW_ON_DEAD_COUNT);
    }
}

static enum park_reason any_park(struct model *m) {
    static const enum park_reason reasons[] = {PARK_EVENT, PARK_NEEDS_OPERATOR, PARK_CHILDREN,
                                               PARK_LIMITER};
    return reasons[model_dice(m, ARRAY_LEN(reasons))];
}

// It waits for one, or publishes some.
static void add_events(struct model *m, struct making *of, struct store_commit_item *item) {
    uint64_t what = model_dice(m, 4);
    if (what == 0) {
        item->event = JOB_EV_PARK;
        item->park = PARK_EVENT;
        model_events_ask(m, of->job, &of->wait, item);
    } else if (what == 1) {
        model_events_tell(m, &of->telling, item);
    }
}

static void make_commit(struct model *m, enum job_event event, bool plain, bool alone,
                        struct making *of, struct store_commit_item *item) {
    struct model_job *j = of->job;
    of->live = j->there && j->state == JOB_RUNNING;
    *item = (struct store_commit_item){.id = j->id,
                                       .token = j->token,
                                       .commit_no = j->commit_no + 1,
                                       .event = event,
                                       .counters = {.attempts = j->attempts + 1},
                                       .first_run_ms = j->ran ? 0 : m->rig.now,
                                       .park = any_park(m),
                                       .keep_ms = KEEP_MS};
    item->wait_key = item->park == PARK_NEEDS_OPERATOR ? "operator:q" : NULL;
    memcpy(of->after, j->outputs, sizeof of->after);
    if (plain) {
        return;
    }
    if (model_dice(m, 2) == 0) {
        item->run_at_ms = m->rig.now - 5 + (int64_t)model_dice(m, 500);
    }
    item->keep_ms = (int64_t)model_dice(m, 3) * KEEP_MS; // 0: for ever
    if (of->eventful) {
        add_events(m, of, item);
    }
    item->outputs = of->outputs;
    item->output_count = ask_outputs(m, of->outputs, of->after);
    add_children(m, alone, of, item);
    add_flow(m, of, item);
}

/* ------------------------------------------------------------------ what comes of it */

// It would wait for children, and none is open.
static bool has_nobody(const struct model_job *j, enum job_state to,
                       const struct store_commit_item *item) {
    return to == JOB_PARKED && item->park == PARK_CHILDREN && !model_flows_waits(j);
}

static void take_place(struct model *m, struct model_job *j, const struct model_wait *wait,
                       const struct store_commit_item *item) {
    enum job_state to = (enum job_state)job_next_state(JOB_RUNNING, item->event);
    bool timed = to == JOB_SCHEDULED || item->run_at_ms > 0;
    if (j->asked && !job_is_final(to)) { // it does not wait again
        model_end(m, j, JOB_CANCELLED, j->asked_keep_ms);
    } else if (job_is_final(to)) {
        model_end(m, j, to, item->keep_ms);
    } else if (to == JOB_QUEUED) {
        model_give_back(m, j);
    } else if ((timed && item->run_at_ms <= m->rig.now) || has_nobody(j, to, item)) {
        model_queue_up(m, j, m->rig.now);
    } else {
        model_wait(m, j, to, item->run_at_ms);
        j->park = to == JOB_PARKED ? item->park : PARK_NONE;
    }
    if (j->state == JOB_PARKED && item->wait_for != NULL) {
        model_events_wait(m, j, wait);
    }
}

static int opener_of(struct model *m, const struct job_spec *kid) {
    return kid->flow_id == NULL ? NOBODY : model_index(m, model_find(m, &kid->parent));
}

// By an outbox. In a store of many queues also by that of its flow.
static bool goes_round(const struct model *m, const struct model_job *j,
                       const struct model_job *parent) {
    int home = model_queue_of(m->jobs[j->flow].lane), from = model_queue_of(parent->lane);
    return from != model_queue_of(j->lane) || (rig_is_shared() && from != home);
}

// Children of the parent's own queue are there at once, the others once they are forwarded, in any order.
static void bear(struct model *m, const struct making *of, const struct store_commit_item *item) {
    for (size_t i = 0; i < item->child_count; i++) {
        const struct job_spec *spec = &of->kids[i];
        int opener = opener_of(m, spec);
        if (opener != NOBODY && !model_flows_grow(m, opener)) {
            continue;
        }
        struct model_job *j = model_next_job(m, spec);
        int verdict = model_keys_enter(m, j, spec, of->kid_keys[i], 0);
        if (opener != NOBODY && verdict == SUBMIT_NEW) {
            model_flows_came(m, opener, j);
            j->underway = goes_round(m, j, of->job);
        } else if (opener != NOBODY) {
            model_flows_duplicate(m, opener, &spec->id);
        }
        bool far = model_queue_of(j->lane) != model_queue_of(of->job->lane);
        if (verdict == SUBMIT_NEW && (far || opener != NOBODY)) {
            model_queue_loosely(m, j, j->at_ms);
        }
    }
}

// Its children are there before its key is free, and before it waits again itself.
static void apply(struct model *m, const struct making *of, const struct store_commit_item *item) {
    struct model_job *j = of->job;
    bear(m, of, item);
    model_flows_ask(m, j, item);
    j->commit_no++;
    j->attempts++;
    j->traced = j->ran = true;
    memcpy(j->outputs, of->after, sizeof j->outputs);
    model_events_told(m, &of->telling);
    if (item->event != JOB_EV_NONE) {
        take_place(m, j, &of->wait, item);
    }
}

/* ------------------------------------------------------------------ COMMIT */

// Two in one call that have to do with one flow from different queues: who comes first is not said.
static bool are_far_kin(const struct model *m, const struct model_job *a,
                        const struct model_job *b) {
    int of_a = model_index(m, a), of_b = model_index(m, b);
    bool kin = a->flow == of_b || b->flow == of_a || (a->flow != NOBODY && a->flow == b->flow);
    return kin && model_queue_of(a->lane) != model_queue_of(b->lane);
}

static bool is_among(const struct model *m, const struct making *all, size_t count,
                     const struct model_job *j) {
    for (size_t i = 0; i < count; i++) {
        if (all[i].job == j || are_far_kin(m, all[i].job, j)) {
            return true;
        }
    }
    return false;
}

static enum job_event any_event(struct model *m) {
    static const enum job_event events[] = {JOB_EV_NONE, JOB_EV_SUCCEED, JOB_EV_RETRY, JOB_EV_DIE,
                                            JOB_EV_PARK, JOB_EV_RELEASE, JOB_EV_CANCEL};
    return events[model_dice(m, ARRAY_LEN(events))];
}

// Jobs that run, and a few that do not: how many.
static size_t choose(struct model *m, struct making *all) {
    size_t count = 0, most = model_dice(m, 2) == 0 ? 1 : 1 + model_dice(m, MODEL_CALL);
    for (size_t i = 0, from = model_dice(m, m->count + 1); i < m->count && count < most; i++) {
        struct model_job *j = &m->jobs[(from + i) % m->count];
        bool runs = j->there && j->state == JOB_RUNNING;
        bool wanted = j->token != 0 && (runs || model_dice(m, 8) == 0);
        if (wanted && !is_among(m, all, count, j)) {
            all[count++].job = j;
        }
    }
    return count;
}

static void expect_statuses(struct model *m, const struct making *all,
                            const struct store_commit *commit, const char *what) {
    for (size_t i = 0; i < commit->count; i++) {
        (void)model_same(m, all[i].live ? 0 : -ESTALE, commit->items[i].status, what);
    }
}

/* Some jobs by one call: plain ends that are alike, and all else between them. */
void model_runs_commit(struct model *m) {
    struct making all[MODEL_CALL] = {{.job = NULL}};
    struct store_commit_item items[MODEL_CALL] = {{.status = 0}};
    struct store_commit commit = {.items = items, .count = choose(m, all)};
    enum job_event event = JOB_EV_SUCCEED;
    uint64_t odd = 1 + model_dice(m, 3); // of three are not plain
    for (size_t i = 0; i < commit.count; i++) {
        bool plain = model_dice(m, 3) >= odd;
        event = model_dice(m, 6) == 0 || !plain ? any_event(m) : event;
        all[i].eventful = i == 0; // of several the order would count
        make_commit(m, event, plain, commit.count == 1, &all[i], &items[i]);
    }
    (void)model_run(m, &commit.op, STORE_COMMIT);
    expect_statuses(m, all, &commit, "only the holder commits");
    for (size_t i = 0; i < commit.count; i++) {
        if (all[i].live) {
            apply(m, &all[i], &items[i]);
        }
    }
    store_op_finish(&commit.op);
    if (commit.count > 0 && model_dice(m, 4) == 0) {
        (void)rig_run(&m->rig, &commit.op, STORE_COMMIT);
        expect_statuses(m, all, &commit, "a repeated commit");
        store_op_finish(&commit.op);
    }
}

/* ------------------------------------------------------------------ hosts that die */

// Nobody has its jobs any more.
static void lose_host(struct model *m) {
    for (size_t i = 0; i < m->count; i++) {
        struct model_job *j = &m->jobs[i];
        if (!j->there || j->state != JOB_RUNNING) {
            continue;
        }
        if (!j->traced && !rig_is_shared()) {
            j->begun = j->begun_known;
        }
        if (j->asked) {
            model_end(m, j, JOB_CANCELLED, j->asked_keep_ms);
        } else {
            model_give_back(m, j); // with its old time
        }
    }
}

void model_runs_reopen(struct model *m) {
    if (model_dice(m, 4) != 0) {
        return;
    }
    (void)rig_reopen(&m->rig);
    (void)rig_recover(&m->rig);
    if (!rig_is_shared()) {
        model_turns_forget(m);
    }
    lose_host(m);
}

/* Leases end and the other host sees to that; this one does not know it, and commits all the same. */
void model_runs_take_over(struct model *m) {
    struct store_recover rec = {.host_nonce = m->other.nonce, .limit = 1000};
    if (!m->other.open) {
        return;
    }
    m->other.now = m->rig.now;
    (void)rig_end_leases();
    (void)model_same(m, 0, rig_run(&m->other, &rec.op, STORE_RECOVER), "a recovery");
    store_op_finish(&rec.op);
    lose_host(m);
}
