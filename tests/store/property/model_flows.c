/* Flows: members that end in any order, openers that end, wait, are cancelled and come back; `then`, once. */
#include <errno.h>
#include <string.h>

#include "model.h"

/* ------------------------------------------------------------------ how a flow stands */

static bool has_failed(const struct model_flow *f) {
    return f->on_dead == FLOW_FAIL && f->tally.dead > 0;
}

static int64_t open_of(const struct model_flow *f) {
    const struct flow_tally *t = &f->tally;
    return t->made - t->succeeded - t->dead - t->cancelled - t->duplicate;
}

static bool is_cancelled(const struct model_job *opener) {
    return opener->state == JOB_CANCELLED || opener->own.cancelled;
}

static bool cancels(const struct model_job *opener) {
    return is_cancelled(opener) || has_failed(&opener->own);
}

bool model_flows_grow(const struct model *m, int opener) {
    const struct model_job *o = &m->jobs[opener];
    return o->there && !o->own.closed && !cancels(o);
}

bool model_flows_waits(const struct model_job *opener) {
    return opener->own.there && open_of(&opener->own) > 0;
}

bool model_flows_is_open(const struct model_job *opener) {
    return opener->own.there && !opener->own.closed;
}

/* ------------------------------------------------------------------ the close */

// Among the dead from the start, unless all is well.
static void make_then(struct model *m, struct model_job *opener) {
    struct model_flow *f = &opener->own;
    if (!f->asked || f->made || is_cancelled(opener)) {
        return;
    }
    struct model_job *j = &m->jobs[m->count++];
    memset(j, 0, sizeof *j);
    j->id = f->then;
    j->lane = f->then_lane;
    j->tenant = f->then_tenant;
    j->priority = f->then_priority;
    j->payload = f->then_payload;
    j->key = j->schedule = j->flow = NOBODY;
    j->there = f->made = true;
    int64_t due = f->then_run_at_ms == 0 ? 0 : f->then_run_at_ms + m->rig.now - f->asked_ms;
    if (opener->state == JOB_DEAD || has_failed(f)) {
        model_end(m, j, JOB_DEAD, 0);
    } else if (due > m->rig.now) {
        model_wait(m, j, JOB_SCHEDULED, due);
    } else {
        model_queue_loosely(m, j, m->rig.now);
    }
}

static void settle(struct model *m, struct model_job *opener) {
    struct model_flow *f = &opener->own;
    if (f->closed) {
        return;
    }
    if (cancels(opener) && f->walk == WALK_NONE && (open_of(f) > 0 || f->deep)) {
        f->walk = WALK_NOW;
    }
    if (open_of(f) > 0) {
        return;
    }
    if (job_is_final(opener->state) && !(f->deep && cancels(opener))) {
        f->closed = true;
        f->walk = WALK_OVER;
        make_then(m, opener);
    } else if (opener->state == JOB_PARKED && opener->park == PARK_CHILDREN) {
        model_queue_loosely(m, opener, m->rig.now);
    }
}

/* ------------------------------------------------------------------ members */

static void list(struct model_flow *f, const struct job_id *id, enum job_state state) {
    f->ended[f->ended_count] = *id;
    f->ended_as[f->ended_count++] = (int)state;
    flow_count(&f->tally, state, 1);
    if (state == JOB_DEAD && id_is_zero(&f->died)) {
        f->died = *id;
    }
}

void model_flows_came(struct model *m, int opener, struct model_job *member) {
    struct model_flow *f = &m->jobs[opener].own;
    f->there = true;
    f->tally.made++;
    member->flow = opener;
}

void model_flows_duplicate(struct model *m, int opener, const struct job_id *id) {
    struct model_flow *f = &m->jobs[opener].own;
    f->there = true;
    f->tally.made++;
    list(f, id, JOB_DUPLICATE);
    settle(m, &m->jobs[opener]);
}

void model_flows_ask(struct model *m, struct model_job *opener,
                     const struct store_commit_item *item) {
    struct model_flow *f = &opener->own;
    if (item->then != NULL && !f->asked) {
        f->there = f->asked = true;
        f->then = item->then->id;
        f->then_lane = model_lane_of(item->then->queue, item->then->type);
        f->then_tenant = model_next_job(m, item->then)->tenant;
        f->then_priority = item->then->priority;
        f->then_payload = item->then->payload.len;
        f->then_run_at_ms = item->then->run_at_ms;
        f->asked_ms = m->rig.now;
    }
    if (item->flow_on_dead != 0) {
        f->there = true;
        f->on_dead = (enum flow_on_dead)(item->flow_on_dead - 1);
        settle(m, opener);
    }
}

static bool remembers(const struct model *m, const struct model_job *j) {
    return j->flow != NOBODY && m->jobs[j->flow].there;
}

static bool leaves(const struct model_job *j) {
    return j->own.there && !is_cancelled(j) && (j->own.deep || !j->own.closed);
}

void model_flows_ended(struct model *m, struct model_job *j, bool asked) {
    if (j->own.there) {
        j->own.cancelled = asked;
        settle(m, j);
    }
    if (remembers(m, j)) {
        struct model_flow *of = &m->jobs[j->flow].own;
        of->deep |= leaves(j) && (of->closed || of->walk != WALK_OVER);
        list(of, &j->id, j->state);
        settle(m, &m->jobs[j->flow]);
    }
}

static void unlist(struct model_flow *f, const struct job_id *id, enum job_state was) {
    for (size_t i = 0; i < f->ended_count; i++) {
        if (id_equal(&f->ended[i], id)) {
            f->ended_count--;
            f->ended[i] = f->ended[f->ended_count];
            f->ended_as[i] = f->ended_as[f->ended_count];
            break;
        }
    }
    flow_count(&f->tally, was, -1);
    if (id_equal(&f->died, id)) {
        f->died = (struct job_id){{0}};
    }
}

void model_flows_revived(struct model *m, struct model_job *j, enum job_state was) {
    if (j->own.there) {
        j->own.closed = j->own.cancelled = false;
        j->own.walk = WALK_NONE;
        settle(m, j);
    }
    if (remembers(m, j)) {
        struct model_job *opener = &m->jobs[j->flow];
        unlist(&opener->own, &j->id, was);
        opener->own.walk = opener->own.closed ? WALK_OVER : WALK_NONE;
        settle(m, opener);
    }
}

/* ------------------------------------------------------------------ operations */

// A member that comes too late ends as it arrives.
static void arrive(struct model *m, struct model_job *j) {
    const struct model_job *opener = &m->jobs[j->flow];
    j->underway = false;
    if (model_flows_is_open(opener) && cancels(opener)) {
        model_end(m, j, JOB_CANCELLED, KEEP_MS);
    }
}

void model_flows_forward(struct model *m) {
    bool more = true;
    while (more) {
        struct store_forward op = {.limit = 1 + (uint32_t)model_dice(m, 20),
                                   .ended_keep_ms = KEEP_MS};
        (void)model_run(m, &op.op, STORE_FORWARD);
        more = op.more;
        store_op_finish(&op.op);
    }
    for (size_t i = 0; i < m->count; i++) {
        if (m->jobs[i].underway) {
            arrive(m, &m->jobs[i]);
        }
    }
}

// From outside.
void model_flows_join(struct model *m) {
    struct model_job *opener = model_pick(m);
    struct model_kind kind = model_any_kind(m);
    char flow[JOB_ID_TEXT + 1];
    struct job_spec spec;
    if (opener == NULL) {
        return;
    }
    id_format(&opener->id, flow);
    model_fill(&m->rig, &kind, &spec);
    spec.parent = opener->id;
    spec.flow_id = flow;
    bool near = strcmp(spec.queue, model_queue(opener->lane)) == 0;
    spec.flow_queue = near ? NULL : model_queue(opener->lane);
    struct store_submit_item item = {.spec = &spec};
    struct store_flow_join join = {.items = &item, .count = 1};
    bool again = model_run(m, &join.op, STORE_FLOW_JOIN);
    bool there = opener->there && opener->own.there;
    int want = !there                                        ? -ENOENT
               : model_flows_grow(m, model_index(m, opener)) ? (int)SUBMIT_NEW
                                                             : -ESTALE;
    int got = item.status < 0 ? item.status : (int)item.verdict;
    bool twice = again && want == SUBMIT_NEW && got == SUBMIT_REPEATED;
    (void)model_same(m, twice ? got : want, got, "who joins a flow");
    store_op_finish(&join.op);
    if (want == SUBMIT_NEW) {
        struct model_job *j = model_next_job(m, &spec);
        (void)model_keys_enter(m, j, &spec, NOBODY, 0);
        model_flows_came(m, model_index(m, opener), j);
        model_queue_loosely(m, j, m->rig.now);
    }
}

// What a host does, page by page.
static void cascade(struct model *m) {
    struct store_flow_cancel c = {.limit = 1 + (uint32_t)model_dice(m, 4)};
    for (bool more = true; more;) {
        (void)model_run(m, &c.op, STORE_FLOW_CANCEL);
        for (size_t i = 0; i < c.count; i++) {
            struct store_move_item item = {.id = c.members[i],
                                           .event = JOB_EV_CANCEL,
                                           .ask = true,
                                           .through = true,
                                           .keep_ms = KEEP_MS};
            struct store_move move = {.items = &item, .count = 1};
            (void)model_run(m, &move.op, STORE_MOVE);
            store_op_finish(&move.op);
        }
        more = !id_is_zero(&c.id);
        c.done = c.id;
        c.done_cursor = c.cursor;
        c.done_walk = c.walk;
        store_op_finish(&c.op);
        memset(&c.op, 0, sizeof c.op);
        model_flows_forward(m);
    }
}

static struct model_job *next_walk(struct model *m) {
    for (size_t i = 0; i < m->count; i++) {
        if (m->jobs[i].there && m->jobs[i].own.walk == WALK_NOW) {
            return &m->jobs[i];
        }
    }
    return NULL;
}

// A member that has ended stays as it is; what it made is not over.
static void go_through(struct model *m, struct model_job *j) {
    struct model_flow *f = &j->own;
    if (!f->there || (f->closed ? !f->deep && open_of(f) == 0 : is_cancelled(j))) {
        return;
    }
    f->cancelled = true;
    f->walk = f->closed ? WALK_NONE : f->walk;
    f->closed = false;
    settle(m, j);
}

static void meet(struct model *m, struct model_job *j) {
    if (j->there && job_is_final(j->state)) {
        go_through(m, j);
    } else {
        model_cancel(m, j, KEEP_MS);
    }
}

void model_flows_cascade(struct model *m) {
    struct model_job *opener = NULL;
    cascade(m);
    while ((opener = next_walk(m)) != NULL) {
        for (size_t i = 0; i < m->count; i++) {
            if (m->jobs[i].flow == model_index(m, opener)) {
                meet(m, &m->jobs[i]);
            }
        }
        if (!opener->own.closed) {
            opener->own.walk = WALK_OVER;
            opener->own.deep = false;
            settle(m, opener);
        }
    }
}

/* ------------------------------------------------------------------ what is shown */

static void expect_tally(struct model *m, const struct flow_tally *want,
                         const struct flow_tally *is) {
    (void)model_same(m, want->made, is->made, "members");
    (void)model_same(m, want->succeeded, is->succeeded, "members that succeeded");
    (void)model_same(m, want->dead, is->dead, "members that died");
    (void)model_same(m, want->cancelled, is->cancelled, "members that were cancelled");
    (void)model_same(m, want->duplicate, is->duplicate, "members that were duplicates");
}

static void expect_flow(struct model *m, const struct model_job *j, const struct store_flow *is) {
    const struct model_flow *f = &j->own;
    expect_tally(m, &f->tally, &is->facts.tally);
    int ended = !job_is_final(j->state) ? -1 : is_cancelled(j) ? (int)JOB_CANCELLED : (int)j->state;
    (void)model_same(m, ended, is->facts.opener, "how its opener ended");
    (void)model_same(m, (int)f->on_dead, (int)is->facts.on_dead, "what a death means");
    (void)model_same(m, f->closed, is->facts.closed, "whether a flow is closed");
    (void)model_same(m, f->deep, is->facts.deep, "whether members left something");
    (void)model_same(m, f->walk == WALK_NOW, is->cancelling, "whether members are to be cancelled");
    (void)model_agree(m, id_equal(&f->then, &is->then), "the last job");
    (void)model_same(m, f->made, is->then_made, "whether the last job is there");
}

static bool is_listed(const struct model_flow *f, const struct store_flow_member *member) {
    for (size_t i = 0; i < f->ended_count; i++) {
        if (id_equal(&f->ended[i], &member->id)) {
            return f->ended_as[i] == (int)member->state;
        }
    }
    return false;
}

static void expect_ended(struct model *m, const struct model_job *j) {
    struct store_flow_ended page = {.id = j->id, .limit = 1 + (uint32_t)model_dice(m, 5)};
    size_t met = 0;
    do {
        (void)model_same(m, 0, rig_run(&m->rig, &page.op, STORE_FLOW_ENDED), "those that ended");
        for (size_t i = 0; i < page.count; i++, met++) {
            (void)model_agree(m, is_listed(&j->own, &page.members[i]), "who ended, and how");
        }
        page.cursor = page.next_cursor;
        store_op_finish(&page.op);
        memset(&page.op, 0, sizeof page.op);
    } while (page.more);
    (void)model_same(m, (int64_t)j->own.ended_count, (int64_t)met, "how many ended");
}

// One of the flows there are.
void model_flows_look(struct model *m) {
    for (size_t i = 0, from = model_dice(m, m->count + 1); i < m->count; i++) {
        const struct model_job *j = &m->jobs[(from + i) % m->count];
        if (j->own.there) {
            struct store_flow_get get = {.id = j->id};
            int r = rig_run(&m->rig, &get.op, STORE_FLOW_GET);
            if (model_same(m, j->there ? 0 : -ENOENT, r, "a flow") && r == 0) {
                expect_flow(m, j, &get.flow);
                expect_ended(m, j);
            }
            store_op_finish(&get.op);
            return;
        }
    }
}
