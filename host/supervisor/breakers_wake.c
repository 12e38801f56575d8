/* Jobs that are parked for a breaker which has closed go on. All that are parked for breakers are looked through,
 * a page at a time; what closes meanwhile only makes it look once more, so a thousand that close together are
 * two looks and not a thousand. */
#include <stdlib.h>
#include <string.h>

#include "supervisor/breakers_private.h"
#include "supervisor/commits.h"

static void begin(struct breakers *b);
static void load_page(struct breakers *b);

static void next_page(struct breakers *b) {
    struct breaker_walk *w = &b->walk;
    bool runs = b->host->phase == HOST_RUNNING;
    if (runs && w->cursor != NULL) {
        load_page(b);
    } else if (runs && w->again) {
        begin(b);
    } else {
        w->under_way = false;
    }
}

static void on_moved(struct store_op *op) {
    struct breakers *b = op->arg;
    store_op_finish(op); // who has gone on meanwhile is refused
    next_page(b);
}

static void move(struct breakers *b, size_t count) {
    struct breaker_walk *w = &b->walk;
    w->move = (struct store_move){
        .op = {.kind = STORE_MOVE, .done = on_moved, .arg = b, .now_ms = breakers_now(b)},
        .items = w->items,
        .count = count};
    store_post(&b->host->store, &w->move.op);
}

// One that is half open lets its jobs go at their time, one after the other.
static bool is_free(const struct breakers *b, const struct store_job *job) {
    int64_t until;
    const struct breaker_entry *e = job->wait_key == NULL ? NULL : breakers_find(b, job->wait_key);
    return e == NULL || breaker_ask(&e->state, 0, breakers_now(b), &until) == BREAKER_GO;
}

static void on_page(struct store_op *op) {
    struct breakers *b = op->arg;
    struct breaker_walk *w = &b->walk;
    bool runs = op->status == 0 && b->host->phase == HOST_RUNNING;
    size_t n = 0;
    for (size_t i = 0; runs && i < w->list.count; i++) {
        const struct store_job *job = &w->list.jobs[i];
        if (is_free(b, job)) {
            w->items[n++] =
                (struct store_move_item){.id = job->spec.id, .event = JOB_EV_WAKE, .rev = job->rev};
        }
    }
    free(w->cursor);
    w->cursor = runs && w->list.next_cursor != NULL ? strdup(w->list.next_cursor) : NULL;
    store_op_finish(op);
    if (n > 0) {
        move(b, n);
    } else {
        next_page(b);
    }
}

static void load_page(struct breakers *b) {
    struct breaker_walk *w = &b->walk;
    w->list = (struct store_list){
        .op = {.kind = STORE_LIST, .done = on_page, .arg = b, .now_ms = breakers_now(b)},
        .filter = {.state = JOB_PARKED, .error_cls = -1, .park = PARK_BREAKER},
        .limit = BREAKERS_WAKE_PAGE,
        .cursor = w->cursor};
    store_post(&b->host->store, &w->list.op);
}

static void on_parked(struct store_op *op) {
    struct breakers *b = op->arg;
    store_op_finish(op);
    if (b->host->phase == HOST_RUNNING) {
        load_page(b);
    } else {
        b->walk.under_way = false;
    }
}

// Those that are being parked at this moment come first: an empty move is answered behind them.
static void begin(struct breakers *b) {
    struct breaker_walk *w = &b->walk;
    w->under_way = true;
    w->again = false;
    w->move = (struct store_move){
        .op = {.kind = STORE_MOVE, .done = on_parked, .arg = b, .now_ms = breakers_now(b)},
        .items = w->items};
    commits_flush(b->host);
    store_post(&b->host->store, &w->move.op);
}

void breakers_wake(struct breakers *b) {
    if (b->walk.under_way) {
        b->walk.again = true;
    } else if (b->host->phase == HOST_RUNNING) {
        begin(b);
    }
}
