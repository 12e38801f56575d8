#include <errno.h>
#include <string.h>

#include "sim/sim_private.h"

enum { DUE_AT_ONCE = 1000, FORWARD_AT_ONCE = 1000 };

static void empty(struct sim_batch *b) {
    b->commits_end = &b->commits;
    b->fires_end = &b->fires;
    b->submits_end = &b->submits;
    b->moves_end = &b->moves;
    b->commits = NULL;
    b->fires = NULL;
    b->submits = NULL;
    b->moves = NULL;
    b->commit_count = b->fire_count = b->submit_count = b->move_count = 0;
    b->hurries = false;
}

void sim_flush_init(struct sim *s) {
    empty(&s->batch);
}

void sim_flush_finish(struct sim *s) {
    arena_free(&s->batch.arena);
}

void sim_flush_commit(struct sim *s, struct sim_commit *c, bool waits) {
    c->wall_ms = sim_wall(s);
    s->batch.hurries |= !waits;
    *s->batch.commits_end = c;
    s->batch.commits_end = &c->next;
    s->batch.commit_count++;
}

void sim_flush_fire(struct sim *s, struct sim_fire *f) {
    *s->batch.fires_end = f;
    s->batch.fires_end = &f->next;
    s->batch.fire_count++;
}

void sim_flush_submit(struct sim *s, struct sim_submit *f) {
    *s->batch.submits_end = f;
    s->batch.submits_end = &f->next;
    s->batch.submit_count++;
}

void sim_flush_move(struct sim *s, struct sim_move *m) {
    *s->batch.moves_end = m;
    s->batch.moves_end = &m->next;
    s->batch.move_count++;
}

/* ------------------------------------------------------------------ lists to what the store takes */

/* Those of each moment are one operation, by the clock of then. */
struct commits {
    struct store_commit *ops;
    size_t count;
};

static void post_commits(struct sim *s, struct sim_batch *b, struct commits *ret) {
    *ret = (struct commits){.ops = sim_alloc(s, &b->arena, b->commit_count * sizeof *ret->ops)};
    struct store_commit_item *items = sim_alloc(s, &b->arena, b->commit_count * sizeof *items);
    if (ret->ops == NULL || items == NULL) {
        return;
    }
    for (const struct sim_commit *c = b->commits; c != NULL;) {
        struct store_commit *op = &ret->ops[ret->count++];
        int64_t wall = c->wall_ms;
        *op = (struct store_commit){.op = {.kind = STORE_COMMIT}, .items = items};
        for (; c != NULL && c->wall_ms == wall; c = c->next) {
            items[op->count++] = c->item;
        }
        items += op->count;
        stock_post(&s->stock, &op->op, wall);
    }
}

static void post_fires(struct sim *s, struct sim_batch *b, struct store_fire *op) {
    *op = (struct store_fire){.op = {.kind = STORE_FIRE}, .count = b->fire_count};
    op->items = sim_alloc(s, &b->arena, b->fire_count * sizeof *op->items);
    if (op->items == NULL || b->fire_count == 0) {
        return;
    }
    size_t i = 0;
    for (struct sim_fire *f = b->fires; f != NULL; f = f->next) {
        op->items[i++] = f->shot.item;
    }
    stock_post(&s->stock, &op->op, sim_wall(s));
}

static void post_submits(struct sim *s, struct sim_batch *b, struct store_submit *op) {
    *op = (struct store_submit){.op = {.kind = STORE_SUBMIT}, .count = b->submit_count};
    op->items = sim_alloc(s, &b->arena, b->submit_count * sizeof *op->items);
    if (op->items == NULL || b->submit_count == 0) {
        return;
    }
    size_t i = 0;
    for (struct sim_submit *f = b->submits; f != NULL; f = f->next) {
        op->items[i++] = f->item;
    }
    stock_post(&s->stock, &op->op, sim_wall(s));
}

/* ------------------------------------------------------------------ answers */

static void hear_commit(struct sim *s, const struct store_commit *op) {
    s->stock.outbox |= op->outbox;
    for (size_t i = 0; op->op.status == 0 && i < op->count; i++) {
        if (op->items[i].status != 0) {
            sim_fail(s, op->items[i].status, "the store refused the end of an attempt: %s",
                     strerror(-op->items[i].status));
        } else if (op->items[i].event == JOB_EV_RELEASE && op->items[i].state == JOB_CANCELLED) {
            // it was asked to end while its host was dead
            sim_flows_cancelled(
                s, &(struct store_move_item){.id = op->items[i].id, .state = JOB_CANCELLED});
        }
    }
}

static void hear_commits(struct sim *s, const struct commits *all) {
    for (size_t i = 0; i < all->count; i++) {
        hear_commit(s, &all->ops[i]);
    }
}

static void hear_fires(struct sim *s, struct sim_fire *first, const struct store_fire *op) {
    size_t i = 0;
    for (struct sim_fire *f = first; op->op.status == 0 && f != NULL; f = f->next) {
        f->shot.item = op->items[i++];
        sim_times_answered(s, f);
    }
}

static void hear_submits(struct sim *s, struct sim_submit *first, const struct store_submit *op) {
    size_t i = 0;
    for (struct sim_submit *f = first; op->op.status == 0 && f != NULL; f = f->next) {
        f->item = op->items[i++];
        sim_arrivals_answered(s, f);
    }
}

/* Children of other queues go by way of the outbox. */
static void forward(struct sim *s) {
    struct store_forward op;
    s->stock.outbox = false;
    do {
        op = (struct store_forward){.op = {.kind = STORE_FORWARD},
                                    .limit = FORWARD_AT_ONCE,
                                    .ended_keep_ms = s->config->queue_default.ttl_ms};
        int r = stock_run(&s->stock, &op.op, sim_wall(s));
        for (size_t i = 0; r == 0 && i < op.ended_count; i++) {
            sim_flows_cancelled(
                s, &(struct store_move_item){.id = op.ended[i], .state = JOB_CANCELLED});
        }
        store_op_finish(&op.op);
        s->report->store_ops++;
    } while (op.op.status == 0 && op.more);
}

/* ------------------------------------------------------------------ moves */

/* Is it parked for that, now that all else is written? */
static bool waits_for(struct sim *s, const struct sim_move *m) {
    struct store_get op = {.op = {.kind = STORE_GET}, .id = m->item.id};
    bool yes = stock_run(&s->stock, &op.op, sim_wall(s)) == 0 && op.job.state == JOB_PARKED &&
               op.job.wait_key != NULL && strcmp(op.job.wait_key, m->wait_key) == 0;
    store_op_finish(&op.op);
    s->report->store_ops++;
    return yes;
}

static void run_moves(struct sim *s, struct sim_batch *b) {
    struct store_move op = {.op = {.kind = STORE_MOVE}};
    if (b->move_count == 0 ||
        (op.items = sim_alloc(s, &b->arena, b->move_count * sizeof *op.items)) == NULL) {
        return;
    }
    for (const struct sim_move *m = b->moves; m != NULL; m = m->next) {
        bool goes = m->one == NULL || !*m->one;
        if (goes && (m->wait_key == NULL || waits_for(s, m))) {
            op.items[op.count++] = m->item;
            if (m->one != NULL) {
                *m->one = true;
            }
        }
    }
    if (op.count > 0) { // who has gone on by himself is refused, and well
        (void)stock_run(&s->stock, &op.op, sim_wall(s));
        for (size_t i = 0; i < op.count; i++) {
            if (op.items[i].status == 0 && op.items[i].event == JOB_EV_CANCEL) {
                sim_flows_cancelled(s, &op.items[i]);
            }
        }
        store_op_finish(&op.op);
        s->report->store_ops++;
    }
}

/* ------------------------------------------------------------------ all of it */

static bool is_due(const struct sim *s) {
    return s->stock.due_ms <= sim_wall(s);
}

static void learn_due(struct sim *s, const struct store_due *op, bool asked) {
    if (asked && op->op.status == 0) {
        s->stock.due_ms = op->next_ms == 0 ? INT64_MAX : op->next_ms;
    }
    if (s->stock.due_ms != INT64_MAX) {
        int64_t at = sim_passed_at(s, s->stock.due_ms);
        sim_set(s, &s->due, at > s->passed_ms ? at : s->passed_ms);
    }
}

/* Jobs of this batch may be ready at once: they are claimed in the same breath. */
static void heat(struct sim *s, const struct job_spec *spec) {
    if (spec->type != NULL && spec->run_at_ms <= sim_wall(s)) {
        sim_places_heat(s, spec->queue, spec->type);
    }
}

static void heat_all(struct sim *s, const struct sim_batch *b) {
    for (const struct sim_fire *f = b->fires; f != NULL; f = f->next) {
        heat(s, &f->shot.spec);
    }
    for (const struct sim_submit *f = b->submits; f != NULL; f = f->next) {
        heat(s, &f->spec);
    }
}

static void post_due(struct sim *s, struct store_due *op) {
    s->stock.due_ms = INT64_MAX;
    stock_post(&s->stock, &op->op, sim_wall(s));
}

/* What is answered may add to the next batch, so this one is taken first. */
static void take_all(struct sim *s, struct sim_batch *b, struct sim_claim *claim, bool due) {
    struct commits commits;
    struct store_fire fire;
    struct store_submit submit;
    struct store_due moved = {.op = {.kind = STORE_DUE}, .limit = DUE_AT_ONCE};
    post_commits(s, b, &commits);
    post_fires(s, b, &fire);
    post_submits(s, b, &submit);
    if (due) {
        post_due(s, &moved);
    }
    if (claim->op.want_count > 0) {
        stock_post(&s->stock, &claim->op.op, sim_wall(s));
    }
    s->report->store_ops += s->stock.pending;
    stock_wait(&s->stock);
    learn_due(s, &moved, due);
    hear_commits(s, &commits);
    hear_fires(s, b->fires, &fire);
    hear_submits(s, b->submits, &submit);
    sim_dispatch_hear(s, claim);
    run_moves(s, b);
    if (s->stock.outbox) {
        forward(s);
    }
    sim_flows_look(s);
    for (size_t i = 0; i < commits.count; i++) {
        store_op_finish(&commits.ops[i].op);
    }
    store_op_finish(&fire.op);
    store_op_finish(&submit.op);
    store_op_finish(&moved.op);
    store_op_finish(&claim->op.op);
}

bool sim_flush_all(struct sim *s) {
    struct arena scratch = {.head = NULL};
    struct sim_claim claim;
    if (s->away || s->failure.code != 0) {
        return false;
    }
    heat_all(s, &s->batch);
    bool due = is_due(s), asks = sim_dispatch_ask(s, &scratch, &claim);
    struct sim_batch b = s->batch;
    bool any = due || asks || s->stock.outbox || b.hurries ||
               b.fire_count + b.submit_count + b.move_count > 0 ||
               (s->running_out && b.commit_count > 0);
    if (any) {
        s->batch.arena = (struct arena){.head = NULL};
        empty(&s->batch);
        take_all(s, &b, &claim, due);
        arena_free(&b.arena);
    }
    arena_free(&scratch);
    return any;
}
