#include "supervisor/cascade.h"

#include <stdlib.h>

#include "base/env.h"
#include "base/fault.h"
#include "config/config.h"
#include "store/flows.h"
#include "supervisor/host.h"
#include "supervisor/hub.h"
#include "supervisor/jobs.h"
#include "supervisor/upkeep.h"

enum { CASCADE_PAGE = 200 };

//     look ─▶ a page of members ─▶ move ─▶ look, which gives the page back as done ─▶ ... ─▶ there is none
struct cascade {
    struct host *host;
    struct store_flow_cancel look;
    struct store_move move;
    struct store_move_item items[CASCADE_PAGE];
    bool out, again;
};

static void cascade_post(struct cascade *c, struct store_op *op, enum store_op_kind kind,
                         void (*done)(struct store_op *)) {
    store_op_finish(op);
    *op = (struct store_op){
        .kind = kind, .done = done, .arg = c, .now_ms = env_wall_ms(&c->host->env)};
    store_post(&c->host->store, op);
}

static void cascade_looked(struct store_op *op);

/* `done`: the flow of the page that is done with; zero = none is. */
static void cascade_look(struct cascade *c, struct job_id done) {
    c->look.limit = CASCADE_PAGE;
    c->look.done = done;
    c->look.done_cursor = c->look.cursor;
    c->look.done_walk = c->look.walk;
    cascade_post(c, &c->look.op, STORE_FLOW_CANCEL, cascade_looked);
}

static void cascade_tell(struct cascade *c, const struct store_move_item *item) {
    if (item->status != 0) {
        return; // it is gone, or had ended: what it made follows
    }
    if (item->state == JOB_RUNNING) {
        (void)jobs_ask_to_end(c->host, &item->id);
        return;
    }
    hub_publish(c->host->hub, &(struct hub_event){.kind = HUB_STATE,
                                                  .id = item->id,
                                                  .at_ms = env_wall_ms(&c->host->env),
                                                  .state = item->state});
}

static void cascade_moved(struct store_op *op) {
    struct cascade *c = op->arg;
    if (op->status != 0) { // the page stays as it is until the next look
        c->out = false;
        upkeep_forward_later(c->host);
        return;
    }
    for (size_t i = 0; i < c->move.count; i++) {
        cascade_tell(c, &c->items[i]);
    }
    (void)fault(FAULT_CASCADE_MOVED);
    c->again = true; // flows of those that were cancelled, or had ended, follow
    cascade_look(c, c->look.id);
}

/* As long as others of its queue. */
static int64_t cascade_keep_ms(const struct cascade *c, size_t i) {
    const struct config *config = c->host->config;
    const char *queue = c->look.queues[i];
    return queue == NULL ? config->queue_default.ttl_ms : config_queue(config, queue)->ttl_ms;
}

static void cascade_cancel(struct cascade *c) {
    for (size_t i = 0; i < c->look.count; i++) {
        c->items[i] = (struct store_move_item){.id = c->look.members[i],
                                               .event = JOB_EV_CANCEL,
                                               .ask = true,
                                               .through = true,
                                               .keep_ms = cascade_keep_ms(c, i)};
    }
    c->move.items = c->items;
    c->move.count = c->look.count;
    cascade_post(c, &c->move.op, STORE_MOVE, cascade_moved);
}

static void cascade_looked(struct store_op *op) {
    struct cascade *c = op->arg;
    bool again = c->again;
    if (op->status == 0 && !id_is_zero(&c->look.id)) {
        (void)fault(FAULT_CASCADE_PAGE);
        cascade_cancel(c);
        return;
    }
    c->out = c->again = false;
    if (op->status != 0) {
        upkeep_forward_later(c->host);
    } else if (again) {
        cascade_run(c->host);
    }
}

void cascade_run(struct host *host) {
    struct cascade *c = host->cascade;
    if (c->out) {
        c->again = true;
        return;
    }
    c->out = true;
    cascade_look(c, (struct job_id){{0}});
}

struct cascade *cascade_new(struct host *host) {
    struct cascade *c = calloc(1, sizeof *c);
    if (c != NULL) {
        c->host = host;
    }
    return c;
}

void cascade_free(struct cascade **cp) {
    if (*cp != NULL) {
        store_op_finish(&(*cp)->look.op);
        store_op_finish(&(*cp)->move.op);
        free(*cp);
        *cp = NULL;
    }
}
