/* Flows (store/flows.h): the store decides what becomes of them; here is counted what should, and who is to be cancelled
 * is, as supervisor/cascade.c does it. */
#include <errno.h>
#include <string.h>

#include "sim/sim_private.h"

enum { CASCADE_PAGE = 200 };

static struct sim_flow *find(struct sim *s, const struct job_id *opener) {
    struct sim_flow *f;
    HASH_FIND(hh, s->flows, opener, sizeof *opener, f);
    return f;
}

/* ------------------------------------------------------------------ what is known of them */

static struct sim_flow *need(struct sim *s, const struct job_id *opener, const char *type) {
    struct sim_flow *f = find(s, opener);
    if (f == NULL && (f = sim_alloc(s, &s->arena, sizeof *f)) != NULL) {
        f->id = *opener;
        f->type = type;
        HASH_ADD(hh, s->flows, id, sizeof f->id, f);
        s->report->flows_opened++;
    }
    return f;
}

void sim_flows_grow(struct sim *s, const struct job_id *opener, const char *type, bool keyed) {
    struct sim_flow *f = need(s, opener, type);
    if (f != NULL) {
        f->made++;
        f->keyed += keyed;
    }
}

void sim_flows_then(struct sim *s, const struct job_id *opener, const char *type,
                    const char *then) {
    struct sim_flow *f = need(s, opener, type);
    if (f != NULL && f->then == NULL) { // the first stays
        f->then = sim_places_type(s, then);
    }
}

struct sim_flow *sim_flows_find(struct sim *s, const struct job_id *opener) {
    return s->flows == NULL || id_is_zero(opener) ? NULL : find(s, opener);
}

/* Has all that it needs to close happened, as far as can be told here? Members with a key may have been others' duplicates. */
static bool may_be_over(const struct sim_flow *f) {
    return f->opener_ended && f->ended + f->keyed >= f->made;
}

static void look_at(struct sim *s, struct sim_flow *f) {
    if (!f->listed && !f->closed && may_be_over(f)) {
        f->listed = true;
        f->next = s->flows_to_ask;
        s->flows_to_ask = f;
    }
}

void sim_flows_ended(struct sim *s, const struct job_id *id, const struct job_id *flow,
                     enum job_state state) {
    struct sim_flow *own = s->flows == NULL ? NULL : find(s, id);
    struct sim_flow *of = s->flows == NULL || id_is_zero(flow) ? NULL : find(s, flow);
    if (own != NULL) {
        own->opener_ended = true;
        s->cascades |= state == JOB_CANCELLED;
        look_at(s, own);
    }
    if (of != NULL) {
        of->ended++;
        of->again = false;
        s->cascades |= state == JOB_DEAD;
        look_at(s, of);
    }
}

/* ------------------------------------------------------------------ the close */

static void note_close(struct sim *s, struct sim_flow *f, const struct store_flow *is) {
    const struct flow_tally *t = &is->facts.tally;
    const struct job_spec opener = {.id = f->id};
    f->closed = true;
    s->report->flows_closed++;
    sim_note(s, NOTE_FLOW, f->type, &opener,
             "closes: %lld succeeded, %lld dead, %lld cancelled, %lld duplicates",
             (long long)t->succeeded, (long long)t->dead, (long long)t->cancelled,
             (long long)t->duplicate);
    if (f->then != NULL && is->then_made) {
        const struct job_spec then = {.id = is->then};
        f->then->report->made++;
        sim_note(s, NOTE_ARRIVE, f->then->name, &then, "then");
        if (flow_then(&is->facts) != FLOW_THEN_RUNS) {
            f->then->report->dead++;
            sim_note(s, NOTE_DEAD, f->then->name, &then, "%s",
                     flow_then(&is->facts) == FLOW_THEN_CHILD_DEAD ? FLOW_CODE_CHILD_DEAD
                                                                   : FLOW_CODE_OPENER_DEAD);
        }
    }
}

int sim_flows_get(struct sim *s, const struct sim_flow *f, struct store_flow *ret) {
    struct store_flow_get op = {.op = {.kind = STORE_FLOW_GET}, .id = f->id};
    int r = stock_run(&s->stock, &op.op, sim_wall(s));
    *ret = op.flow;
    store_op_finish(&op.op);
    s->report->store_ops++;
    return r;
}

static void ask_all(struct sim *s) {
    struct sim_flow *f, *later = NULL;
    while ((f = s->flows_to_ask) != NULL) {
        struct store_flow is;
        s->flows_to_ask = f->next;
        f->listed = false;
        if (sim_flows_get(s, f, &is) == 0 && is.facts.closed) {
            note_close(s, f, &is);
        } else if (!f->again) { // what ended it is on its way to the store
            f->again = true;
            f->next = later;
            later = f;
        }
    }
    while ((f = later) != NULL) {
        later = f->next;
        look_at(s, f);
    }
}

/* ------------------------------------------------------------------ cascades */

void sim_flows_cancelled(struct sim *s, const struct store_move_item *item) {
    struct store_get op = {.op = {.kind = STORE_GET}, .id = item->id};
    if (item->state == JOB_RUNNING) {
        struct sim_attempt *a = sim_attempt_find(s, &item->id);
        if (a != NULL && a->died_ms == 0) { // else who takes it over hears of it
            sim_attempt_cancel(s, a);
        }
        return;
    }
    if (stock_run(&s->stock, &op.op, sim_wall(s)) == 0 && op.job.state == JOB_CANCELLED) {
        const struct job_spec *spec = &op.job.spec;
        struct sim_type *type = sim_places_type(s, spec->type);
        struct sim_schedule *t = sim_times_find(s, spec->schedule);
        const struct job_id flow = store_flow_has(spec) ? spec->parent : (struct job_id){{0}};
        if (type != NULL) {
            type->report->cancelled++;
            sim_note(s, NOTE_CANCEL, type->name, spec, "%s", "");
        }
        if (t != NULL && t->unfinished > 0) {
            t->unfinished--;
        }
        sim_attempt_waited(s, &item->id, sim_wall(s));
        sim_flows_ended(s, &item->id, &flow, JOB_CANCELLED);
    }
    store_op_finish(&op.op);
}

static size_t cancel_page(struct sim *s, const struct store_flow_cancel *page) {
    struct store_move_item items[CASCADE_PAGE];
    struct store_move op = {.op = {.kind = STORE_MOVE}, .items = items, .count = page->count};
    for (size_t i = 0; i < page->count; i++) {
        items[i] = (struct store_move_item){.id = page->members[i],
                                            .event = JOB_EV_CANCEL,
                                            .ask = true,
                                            .through = true,
                                            .keep_ms = s->config->queue_default.ttl_ms};
    }
    int r = stock_run(&s->stock, &op.op, sim_wall(s));
    for (size_t i = 0; r == 0 && i < page->count; i++) {
        if (items[i].status == 0) {
            sim_flows_cancelled(s, &items[i]);
        }
    }
    store_op_finish(&op.op);
    return page->count;
}

static void cascade(struct sim *s) {
    struct job_id done = {{0}};
    uint64_t cursor = 0, walk = 0;
    bool more = true;
    while (more && s->failure.code == 0 && s->stock.failure.code == 0) {
        struct store_flow_cancel op = {.op = {.kind = STORE_FLOW_CANCEL},
                                       .limit = CASCADE_PAGE,
                                       .done = done,
                                       .done_cursor = cursor,
                                       .done_walk = walk};
        more = stock_run(&s->stock, &op.op, sim_wall(s)) == 0 && !id_is_zero(&op.id);
        if (more) {
            (void)cancel_page(s, &op);
            done = op.id;
            cursor = op.cursor;
            walk = op.walk;
        }
        store_op_finish(&op.op);
        s->report->store_ops += 2;
    }
}

void sim_flows_look(struct sim *s) {
    while (s->cascades && s->failure.code == 0) {
        s->cascades = false;
        cascade(s);
    }
    ask_all(s);
}

void sim_flows_finish(struct sim *s) {
    HASH_CLEAR(hh, s->flows);
}
