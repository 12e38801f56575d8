/* FLOW_GET, FLOW_ENDED. */
#include <errno.h>

#include "store/flows.h"
#include "store/redis/ask.h"
#include "store/redis/locate.h"
#include "store/redis/ops.h"

// Where the opener is, then how its flow stands, then how those members are.
struct flow_task {
    struct redis_task task;
    struct redis_located at;
    struct redis_located *members;
};

static struct flow_task *of_task(struct redis_task *t) {
    return CONTAINER_OF(t, struct flow_task, task);
}

static const struct job_id *opener_of(const struct redis_task *t) {
    return t->op->kind == STORE_FLOW_GET ? &CONTAINER_OF(t->op, struct store_flow_get, op)->id
                                         : &CONTAINER_OF(t->op, struct store_flow_ended, op)->id;
}

static int no_flow(const struct redis_task *t, struct err *e) {
    char text[JOB_ID_TEXT + 1];
    id_format(opener_of(t), text);
    return err_set(e, -ENOENT, "job %s has opened no flow", text);
}

/* ------------------------------------------------------------------ what a flow is */

// As lua/flow_get.lua puts them.
enum {
    AT_MADE,
    AT_SUCCEEDED,
    AT_DEAD,
    AT_CANCELLED,
    AT_DUPLICATE,
    AT_OPENER,
    AT_ON_DEAD,
    AT_CLOSED,
    AT_THEN,
    AT_THEN_MADE,
    AT_DIED,
    AT_DEEP,
    AT_COUNT
};

static int64_t number_at(const struct redis_reply *is, int at) {
    int64_t n = 0;
    (void)redis_reply_integer(redis_reply_at(is, (size_t)at), &n);
    return n;
}

static const char *text_at(const struct redis_reply *is, int at) {
    return redis_reply_text(redis_reply_at(is, (size_t)at)).data;
}

static void read_flow(const struct redis_reply *is, bool cancelling, struct store_flow *ret) {
    int on_dead = flow_on_dead_from_name(text_at(is, AT_ON_DEAD));
    *ret = (struct store_flow){
        .facts = {.tally = {.made = number_at(is, AT_MADE),
                            .succeeded = number_at(is, AT_SUCCEEDED),
                            .dead = number_at(is, AT_DEAD),
                            .cancelled = number_at(is, AT_CANCELLED),
                            .duplicate = number_at(is, AT_DUPLICATE)},
                  .opener = job_state_from_name(text_at(is, AT_OPENER)),
                  .on_dead = on_dead < 0 ? FLOW_CONTINUE : (enum flow_on_dead)on_dead,
                  .closed = text_at(is, AT_CLOSED)[0] != '\0',
                  .deep = text_at(is, AT_DEEP)[0] != '\0'},
        .closed_ms = number_at(is, AT_CLOSED),
        .then_made = text_at(is, AT_THEN_MADE)[0] != '\0',
        .cancelling = cancelling,
    };
    (void)id_parse(text_at(is, AT_THEN), &ret->then);
    (void)id_parse(text_at(is, AT_DIED), &ret->died);
}

/* ------------------------------------------------------------------ those that have ended */

static void fill(const struct redis_located *at, struct store_flow_member *m) {
    if (at->queue != NULL) {
        m->type = at->job.spec.type;
        m->error = at->job.life.error;
        m->has_result = at->job.life.has_result;
        m->result_size = at->job.life.result_size;
    }
}

static void located(struct redis_task *t, void *arg) {
    struct flow_task *ft = arg;
    struct store_flow_ended *e = CONTAINER_OF(t->op, struct store_flow_ended, op);
    size_t kept = 0;
    for (size_t i = 0; i < e->count; i++) {
        redis_located_scope(t, &ft->members[i]);
        if (ft->members[i].queue != NULL || t->op->scope == NULL) {
            e->members[kept] = e->members[i];
            fill(&ft->members[i], &e->members[kept++]);
        }
    }
    e->count = kept;
}

// 16 bytes of its id, and a digit.
static bool read_member(const struct redis_reply *reply, struct store_flow_member *ret) {
    struct bytes raw = redis_reply_text(reply);
    const char *text = raw.data;
    if (raw.len != sizeof ret->id.b + 1) {
        return false;
    }
    memcpy(ret->id.b, text, sizeof ret->id.b);
    int state = text[raw.len - 1] - '0';
    ret->state = (enum job_state)state;
    return state >= 0 && state < JOB_STATE_COUNT && job_is_final(ret->state);
}

static int read_ended(struct redis_task *t, const struct redis_reply *ended, int64_t all,
                      int64_t at, struct err *err) {
    struct store_flow_ended *e = CONTAINER_OF(t->op, struct store_flow_ended, op);
    struct flow_task *ft = of_task(t);
    size_t count = ended->count / 2; // each with its place
    e->members = arena_zalloc(&t->op->arena, (count + 1) * sizeof *e->members);
    ft->members = arena_zalloc(&t->op->arena, (count + 1) * sizeof *ft->members);
    if (e->members == NULL || ft->members == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        int64_t place = 0;
        if (!read_member(&ended->items[2 * i], &e->members[i]) ||
            !redis_reply_integer(&ended->items[2 * i + 1], &place)) {
            return err_set(err, -EBADMSG, "a flow's list is damaged");
        }
        e->members[i].cursor = (uint64_t)place;
        ft->members[i].id = e->members[i].id;
    }
    e->count = count;
    e->next_cursor = (uint64_t)at;
    e->more = (int64_t)e->next_cursor < all;
    if (e->count > 0) {
        redis_locate(t, ft->members, e->count, &t->op->arena, located, ft);
    }
    return 0;
}

/* ------------------------------------------------------------------ the operations */

static int got(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    const struct redis_reply *is = redis_reply_at(reply, 0), *ended = redis_reply_at(reply, 2);
    int64_t cancelling = 0, all = 0, at = 0;
    (void)arg;
    if (redis_reply_is(reply, REDIS_STRING)) {
        return no_flow(t, e);
    }
    if (!redis_reply_is(is, REDIS_ARRAY) || is->count != AT_COUNT ||
        !redis_reply_is(ended, REDIS_ARRAY) ||
        !redis_reply_integer(redis_reply_at(reply, 1), &cancelling) ||
        !redis_reply_integer(redis_reply_at(reply, 3), &all) ||
        !redis_reply_integer(redis_reply_at(reply, 4), &at)) {
        return redis_ask_odd(t, e);
    }
    if (t->op->kind == STORE_FLOW_ENDED) {
        return read_ended(t, ended, all, at, e);
    }
    read_flow(is, cancelling != 0, &CONTAINER_OF(t->op, struct store_flow_get, op)->flow);
    return 0;
}

static void found(struct redis_task *t, void *arg) {
    struct flow_task *ft = arg;
    const struct store_flow_ended *e = CONTAINER_OF(t->op, struct store_flow_ended, op);
    bool lists = t->op->kind == STORE_FLOW_ENDED;
    redis_located_scope(t, &ft->at);
    if (ft->at.queue == NULL) {
        redis_task_end(t, no_flow(t, &t->op->err), NULL);
        return;
    }
    struct redis_ask *ask = redis_ask_over(t, REDIS_SCRIPT_flow_get, &ft->at.queue, 1, got, ft);
    if (ask != NULL) {
        redis_args_id(&ask->request.args, &ft->at.id);
        redis_args_number(&ask->request.args, lists ? (int64_t)e->cursor : 0);
        redis_args_number(&ask->request.args, lists ? e->limit : 0);
        if (lists && e->only != JOB_SCHEDULED) {
            redis_args_number(&ask->request.args, e->only);
        } else {
            redis_args_text(&ask->request.args, "");
        }
        redis_ask_send(ask);
    }
}

static void run(struct redis_task *t) {
    struct flow_task *ft = of_task(t);
    struct store_flow_ended *e = CONTAINER_OF(t->op, struct store_flow_ended, op);
    if (t->op->kind == STORE_FLOW_ENDED) {
        e->count = 0;
        e->more = false;
        e->next_cursor = e->cursor;
        if (store_flow_check_page(e) < 0) {
            redis_task_end(t, -EINVAL, NULL);
            return;
        }
    }
    ft->at.id = *opener_of(t);
    redis_locate(t, &ft->at, 1, &t->op->arena, found, ft);
}

const struct redis_op_kind redis_flow_get = {.run = run, .size = sizeof(struct flow_task)};
const struct redis_op_kind redis_flow_ended = {.run = run, .size = sizeof(struct flow_task)};
