#include "supervisor/unpark.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/commits.h"
#include "supervisor/host.h"

static void begin(struct unpark *u);
static void load_page(struct unpark *u);

static void next_page(struct unpark *u) {
    bool runs = u->host->phase == HOST_RUNNING;
    if (runs && u->cursor != NULL) {
        load_page(u);
    } else if (runs && u->again) {
        begin(u);
    } else {
        u->under_way = false;
    }
}

static void move(struct unpark *u, size_t count, void (*done)(struct store_op *op)) {
    u->move = (struct store_move){
        .op = {.kind = STORE_MOVE, .done = done, .arg = u, .now_ms = env_wall_ms(&u->host->env)},
        .items = u->items,
        .count = count};
    store_post(&u->host->store, &u->move.op);
}

static void on_moved(struct store_op *op) {
    struct unpark *u = op->arg;
    store_op_finish(op); // who has gone on meanwhile is refused
    next_page(u);
}

static void on_page(struct store_op *op) {
    struct unpark *u = op->arg;
    bool runs = op->status == 0 && u->host->phase == HOST_RUNNING;
    size_t n = 0;
    for (size_t i = 0; runs && i < u->list.count; i++) {
        const struct store_job *job = &u->list.jobs[i];
        if (u->is_free(u->host, job)) {
            u->items[n++] =
                (struct store_move_item){.id = job->spec.id, .event = JOB_EV_WAKE, .rev = job->rev};
        }
    }
    free(u->cursor);
    u->cursor = runs && u->list.next_cursor != NULL ? strdup(u->list.next_cursor) : NULL;
    store_op_finish(op);
    if (n > 0) {
        move(u, n, on_moved);
    } else {
        next_page(u);
    }
}

static void load_page(struct unpark *u) {
    u->list = (struct store_list){
        .op = {.kind = STORE_LIST, .done = on_page, .arg = u, .now_ms = env_wall_ms(&u->host->env)},
        .filter = {.state = JOB_PARKED, .error_cls = -1, .park = u->park},
        .limit = UNPARK_PAGE,
        .cursor = u->cursor};
    store_post(&u->host->store, &u->list.op);
}

static void on_parked(struct store_op *op) {
    struct unpark *u = op->arg;
    store_op_finish(op);
    if (u->host->phase == HOST_RUNNING) {
        load_page(u);
    } else {
        u->under_way = false;
    }
}

// Those that are being parked at this moment come first: an empty move is answered behind them.
static void begin(struct unpark *u) {
    u->under_way = true;
    u->again = false;
    commits_flush(u->host);
    move(u, 0, on_parked);
}

void unpark_go(struct unpark *u) {
    if (u->under_way) {
        u->again = true;
    } else if (u->host->phase == HOST_RUNNING) {
        begin(u);
    }
}

void unpark_finish(struct unpark *u) {
    free(u->cursor);
    u->cursor = NULL;
}
