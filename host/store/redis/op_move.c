#include <errno.h>

#include "core/dedup.h"
#include "store/moving.h"
#include "store/redis/ask.h"
#include "store/redis/locate.h"
#include "store/redis/ops.h"
#include "store/redis/queue_set.h"

// Jobs are read, decided upon, and changed if they are as they were read; those that somebody else
// changed in between are read again. A part of the items after the other.
//
// Who changed it may be this move itself, whose answer was lost. Mostly the job is then where it
// should be; but one that was revived may run by now, or have died again. It is known by its
// revision: nothing but being revived changes that of a final job.
enum {
    TRIES = 5,
    PART = 25, // each may be searched for in a list of ten thousand: lua/lib/place.lua
};

struct moving_item {
    struct store_move_item *item;
    struct redis_queue *queue;
    enum moving what;
    enum job_state to;
    const struct redis_job *before;
    struct redis_job next; // as it will be
    uint32_t ended_rev;    // of the final job that a call should have revived; 0 = none yet
};

struct move_task {
    struct redis_task task;
    size_t begun; // items of this part and of those before it
    unsigned tries;
    struct arena arena;
    struct redis_located found[PART];
    struct moving_item items[PART]; // that are not settled
    size_t count;
};

/* ------------------------------------------------------------------ deciding */

static int64_t keep_of(const struct moving_item *m) {
    return m->item->keep_ms > 0 ? m->item->keep_ms : 0;
}

static void decide(struct moving_item *m, int64_t now_ms) {
    const struct store_move_item *item = m->item;
    struct redis_job *next = &m->next;
    struct redis_life *life = &next->life;
    *next = *m->before;
    life->park = item->event == JOB_EV_PARK ? item->park : PARK_NONE;
    life->wait_key = item->event == JOB_EV_PARK ? life->wait_key : NULL;
    life->wait_for = NULL;
    life->error = item->error != NULL ? *item->error : life->error;
    life->updated_ms = now_ms;
    if (moving_drops_steps(item)) {
        life->steps_version = 0;
    }
    if (item->event == JOB_EV_REVIVE) {
        life->finished_ms = 0;
        life->winner = (struct job_id){{0}};
        next->spec.deadline_ms =
            item->deadline_ms != 0 ? item->deadline_ms : next->spec.deadline_ms;
        next->spec.expires_ms = item->expires_ms != 0 ? item->expires_ms : next->spec.expires_ms;
        if (item->reset_counters) {
            life->counters.attempts = life->counters.crashes = life->counters.resource = 0;
        }
    }
}

/* ------------------------------------------------------------------ the call */

static void put_pair(struct redis_args *a, const char *name, int64_t number) {
    redis_args_text(a, name);
    redis_args_number(a, number);
}

static void write_place(const struct moving_item *m, struct redis_args *a) {
    const struct job_spec *spec = &m->before->spec;
    redis_args_number(a, m->before->rev);
    redis_args_text(a, job_state_name((int)m->before->state));
    redis_args_text(a, job_state_name((int)m->to));
    redis_args_text(a, spec->type);
    redis_args_text(a, spec->priority == PRIORITY_NORMAL ? "" : priority_name((int)spec->priority));
    redis_args_text(a, spec->tenant);
    if (job_is_final(m->to)) {
        redis_args_number(a, keep_of(m));
    } else if (m->to == JOB_PARKED && m->item->run_at_ms > 0) {
        redis_args_number(a, m->item->run_at_ms);
    } else {
        redis_args_text(a, "");
    }
    bool comes_back = job_is_final(m->to) || dedup_comes_back(spec->dedup_mode);
    redis_args_text(a, comes_back ? spec->dedup_key : "");
    redis_args_number(a, moving_drops_steps(m->item) ? 1 : 0);
    const struct store_step *step = moving_step(m->item);
    redis_args_text(a, step == NULL ? "" : step->name);
    if (step != NULL) {
        redis_args_bytes(a, step->value);
    }
    const struct redis_life *life = &m->before->life;
    bool waits = m->before->state == JOB_PARKED && life->park == PARK_EVENT;
    redis_args_text(a, waits ? life->wait_key : "");
}

static void write_hash(const struct moving_item *m, int64_t now_ms, struct redis_args *a) {
    static const char *const places[] = {"dueAt", "deleteAt", "ask"}; // what the place before left
    struct redis_args gone = {.words = NULL};
    size_t count = redis_args_hole(a), first = a->count;
    jobhash_diff(m->before, &m->next, a, &gone);
    if (m->to == JOB_QUEUED) {
        put_pair(a, "ready", now_ms);
    } else if (m->to == JOB_PARKED && m->item->run_at_ms > 0) {
        put_pair(a, "dueAt", m->item->run_at_ms);
    } else if (job_is_final(m->to) && keep_of(m) > 0) {
        put_pair(a, "deleteAt", keep_of(m) > INT64_MAX - now_ms ? INT64_MAX : now_ms + keep_of(m));
    }
    redis_args_fill(a, count, (int64_t)(a->count - first));
    redis_args_number(a, (int64_t)(gone.count + ARRAY_LEN(places)));
    redis_args_append(a, &gone);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        redis_args_text(a, places[i]);
    }
    redis_args_free(&gone);
}

static void write_item(const struct moving_item *m, unsigned queue, int64_t now_ms,
                       struct redis_args *a) {
    redis_args_number(a, queue);
    redis_args_id(a, &m->item->id);
    if (m->what == MOVING_ASK) {
        redis_args_text(a, "ask");
        redis_args_number(a, keep_of(m));
        return;
    }
    if (m->what == MOVING_THROUGH) {
        redis_args_text(a, "through");
        return;
    }
    redis_args_text(a, "move");
    write_place(m, a);
    write_hash(m, now_ms, a);
}

static void tell(struct redis_task *t, const struct moving_item *m) {
    const struct store_events *events = &t->store->events;
    if (m->to == JOB_QUEUED) {
        const struct store_lane lane = {m->queue->name, m->before->spec.type};
        events->ready(events->arg, &lane);
    } else if (m->to == JOB_PARKED && m->item->run_at_ms > 0) {
        events->due(events->arg, m->item->run_at_ms);
    }
}

static void look(struct move_task *mt);
static void next_part(struct move_task *mt);

// To be read once more.
static struct moving_item again(const struct moving_item *m) {
    bool revives = m->what == MOVING_TO && job_is_final(m->before->state);
    return (struct moving_item){.item = m->item, .ended_rev = revives ? m->before->rev : 0};
}

static int moved(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct move_task *mt = arg;
    size_t left = 0;
    if (reply->count != mt->count) {
        return redis_ask_odd(t, e);
    }
    for (size_t i = 0; i < mt->count; i++) {
        struct moving_item *m = &mt->items[i];
        int64_t done = 0;
        (void)redis_reply_integer(&reply->items[i], &done);
        if (done == 0) { // it is not as it was read
            m->item->status = -ESTALE;
            mt->items[left++] = again(m);
        } else if (m->what == MOVING_TO) {
            m->item->state = m->to;
            tell(t, m);
        }
    }
    mt->count = left;
    mt->tries++;
    if (left > 0 && mt->tries < TRIES) {
        look(mt);
    } else {
        next_part(mt);
    }
    return 0;
}

static void send_all(struct move_task *mt) {
    struct redis_task *t = &mt->task;
    struct redis_queue_set set = {.count = 0};
    for (size_t i = 0; i < mt->count; i++) {
        (void)redis_queue_set_add(&set, mt->items[i].queue);
    }
    struct redis_ask *ask = redis_ask_over(t, REDIS_SCRIPT_move, set.list, set.count, moved, mt);
    if (ask == NULL) {
        return;
    }
    redis_args_number(&ask->request.args, (int64_t)mt->count);
    for (size_t i = 0; i < mt->count; i++) {
        const struct moving_item *m = &mt->items[i];
        write_item(m, redis_queue_set_add(&set, m->queue), t->op->now_ms, &ask->request.args);
    }
    redis_ask_send(ask);
}

/* ------------------------------------------------------------------ reading */

// It was revived since it was read first.
static bool is_done(const struct moving_item *m, const struct redis_job *now) {
    bool done = m->ended_rev != 0 && m->ended_rev != now->rev;
    if (done) {
        m->item->status = 0;
        m->item->state = now->state;
    }
    return done;
}

static bool is_perhaps_done(const struct moving_item *m) {
    return m->what == MOVING_NOT && m->item->status == -ESTALE && m->item->state == JOB_QUEUED &&
           moving_step(m->item) != NULL;
}

static void located(struct redis_task *t, void *arg) {
    struct move_task *mt = arg;
    size_t left = 0;
    for (size_t i = 0; i < mt->count; i++) {
        struct store_move_item *item = mt->items[i].item;
        struct redis_located *at = &mt->found[i];
        redis_located_scope(t, at);
        struct moving_item m = {.item = item, .queue = at->queue, .before = &at->job};
        item->status = -ENOENT;
        m.what = at->queue == NULL || is_done(&mt->items[i], &at->job)
                     ? MOVING_NOT
                     : moving_decide(item, at->job.state, at->job.rev, &m.to);
        if (m.what == MOVING_TO && !moving_fits(item, at->job.life.park)) {
            m.what = MOVING_NOT;
        }
        if (m.what == MOVING_THROUGH && at->job.life.opened == 0) {
            m.what = MOVING_NOT;
        }
        if (is_perhaps_done(&m)) { // the script sees whose step is there
            item->status = 0;
            m.what = MOVING_TO;
            m.to = JOB_QUEUED;
        }
        if (m.what != MOVING_NOT) {
            decide(&m, t->op->now_ms);
            mt->items[left++] = m;
        }
    }
    mt->count = left;
    if (left > 0) {
        send_all(mt);
    } else {
        next_part(mt);
    }
}

static void look(struct move_task *mt) {
    arena_reset(&mt->arena);
    for (size_t i = 0; i < mt->count; i++) {
        mt->found[i].id = mt->items[i].item->id;
    }
    redis_locate(&mt->task, mt->found, mt->count, &mt->arena, located, mt);
}

static void next_part(struct move_task *mt) {
    struct store_move *move = CONTAINER_OF(mt->task.op, struct store_move, op);
    size_t left = move->count - mt->begun;
    mt->count = left < PART ? left : PART;
    mt->tries = 0;
    for (size_t i = 0; i < mt->count; i++) {
        mt->items[i] = (struct moving_item){.item = &move->items[mt->begun++]};
    }
    if (mt->count > 0) {
        look(mt);
    }
}

static void run(struct redis_task *t) {
    t->open = 1;
    next_part(CONTAINER_OF(t, struct move_task, task));
    redis_task_leave(t, 0, NULL);
}

static void finish(struct redis_task *t) {
    arena_free(&CONTAINER_OF(t, struct move_task, task)->arena);
}

const struct redis_op_kind redis_move = {
    .run = run, .size = sizeof(struct move_task), .mutates = true, .finish = finish};
