#include "family.h"

#include <stdio.h>
#include <string.h>

#include "jobhost_plugin.h"

void family_begin_with(struct family *f, const char *key) {
    memset(f, 0, sizeof *f);
    rig_start(&f->rig);
    struct job_spec opener = rig_spec(&f->rig, "q", "opener");
    opener.dedup_key = key;
    (void)rig_submit(&f->rig, &opener);
    f->opener = rig_claim_one(&f->rig, "q", "opener");
    id_format(&f->opener->spec.id, f->flow);
    f->then = rig_spec(&f->rig, "q", "then");
    f->then.parent = f->opener->spec.id;
}

void family_begin(struct family *f) {
    family_begin_with(f, NULL);
}

struct job_spec *family_add_kid(struct family *f, const char *queue, const char *type) {
    struct job_spec *kid = &f->kids[f->kid_count++];
    *kid = rig_spec(&f->rig, queue, type);
    kid->parent = f->opener->spec.id;
    kid->flow_id = f->flow;
    kid->flow_queue = strcmp(queue, "q") == 0 ? NULL : "q";
    return kid;
}

void family_add_kids(struct family *f, size_t here, size_t there) {
    for (size_t i = 0; i < here; i++) {
        (void)family_add_kid(f, "q", "here");
    }
    for (size_t i = 0; i < there; i++) {
        (void)family_add_kid(f, "r", "there");
    }
}

void family_forward(struct rig *rig) {
    struct store_forward forward;
    do {
        forward = (struct store_forward){.limit = 100};
        (void)EXPECT_EQ_INT(0, rig_run(rig, &forward.op, STORE_FORWARD));
        store_op_finish(&forward.op);
    } while (forward.more);
}

struct store_commit_item family_opener_item(struct family *f, enum job_event event) {
    struct store_commit_item item = rig_item(f->opener, event);
    item.commit_no = f->opener->commit_no + ++f->commits;
    item.keep_ms = KEEP_MS;
    return item;
}

void family_send(struct family *f, size_t here, size_t there, bool then) {
    family_add_kids(f, here, there);
    struct store_commit_item item = family_opener_item(f, JOB_EV_NONE);
    item.children = f->kids;
    item.child_count = f->kid_count;
    item.then = then ? &f->then : NULL;
    item.then_keep_ms = then ? KEEP_MS : 0;
    (void)EXPECT_EQ_INT(0, rig_commit(&f->rig, &item));
}

void family_make(struct family *f, size_t here, size_t there, bool then) {
    family_send(f, here, there, then);
    family_forward(&f->rig);
}

void family_end_opener(struct family *f, enum job_event event) {
    struct store_commit_item item = family_opener_item(f, event);
    (void)EXPECT_EQ_INT(0, rig_commit(&f->rig, &item));
}

struct job_id family_end_kid(struct family *f, const char *queue, enum job_event event) {
    const char *type = strcmp(queue, "q") == 0 ? "here" : "there";
    const struct store_claimed *kid = rig_claim_one(&f->rig, queue, type);
    struct store_commit_item item = rig_item(kid, event);
    const struct job_error error = {.cls = JH_E_PERMANENT, .code = "bad", .message = "bad"};
    item.keep_ms = KEEP_MS;
    item.error = event == JOB_EV_DIE ? &error : NULL;
    (void)EXPECT_EQ_INT(0, rig_commit(&f->rig, &item));
    family_forward(&f->rig);
    return kid->spec.id;
}

const struct store_flow *family_flow_of(struct rig *rig, const struct job_id *id) {
    static const struct store_flow none = {.facts = {.opener = -2}};
    struct store_flow_get *get = RIG_NEW(rig, store_flow_get);
    get->id = *id;
    return rig_run(rig, &get->op, STORE_FLOW_GET) == 0 ? &get->flow : &none;
}

const struct store_flow *family_flow(struct family *f) {
    return family_flow_of(&f->rig, &f->opener->spec.id);
}

int64_t family_open_count(struct family *f) {
    return flow_open_count(&family_flow(f)->facts.tally);
}

int family_then_state(struct family *f) {
    family_forward(&f->rig);
    return rig_state(&f->rig, &f->then.id);
}

void family_sweep(struct rig *rig) {
    struct store_sweep sweep = {.limit = 100};
    (void)EXPECT_EQ_INT(0, rig_run(rig, &sweep.op, STORE_SWEEP));
    store_op_finish(&sweep.op);
}

void family_finish(struct family *f) {
    rig_expect_sound(&f->rig);
    rig_finish(&f->rig);
}

int family_park(struct family *f) {
    struct store_commit_item item = family_opener_item(f, JOB_EV_PARK);
    item.park = PARK_CHILDREN;
    (void)EXPECT_EQ_INT(0, rig_commit(&f->rig, &item));
    (void)EXPECT_EQ_INT((int)item.state, rig_state(&f->rig, &f->opener->spec.id));
    return (int)item.state;
}

bool family_look(struct rig *rig, struct store_flow_cancel *c) {
    c->done = c->id;
    c->done_cursor = c->cursor;
    c->done_walk = c->walk;
    store_op_finish(&c->op);
    memset(&c->op, 0, sizeof c->op);
    return EXPECT_EQ_INT(0, rig_run(rig, &c->op, STORE_FLOW_CANCEL)) && !id_is_zero(&c->id);
}

void family_cancel(struct rig *rig, const struct store_flow_cancel *c) {
    for (size_t i = 0; i < c->count; i++) {
        struct store_move_item item = {.id = c->members[i],
                                       .event = JOB_EV_CANCEL,
                                       .ask = true,
                                       .through = true,
                                       .keep_ms = KEEP_MS};
        if (c->queues[i] != NULL) { // else it is underway
            EXPECT_EQ_STR(rig_get(rig, &c->members[i])->spec.queue, c->queues[i]);
        }
        struct store_move move = {.items = &item, .count = 1};
        (void)EXPECT_EQ_INT(0, rig_run(rig, &move.op, STORE_MOVE));
        store_op_finish(&move.op);
    }
}

size_t family_walk(struct rig *rig, uint32_t limit) {
    struct store_flow_cancel c = {.limit = limit};
    size_t met = 0;
    while (family_look(rig, &c)) {
        family_cancel(rig, &c);
        met += c.count;
    }
    store_op_finish(&c.op);
    return met;
}

size_t family_cascade(struct rig *rig, uint32_t limit) {
    family_forward(rig);
    size_t met = family_walk(rig, limit);
    family_forward(rig);
    return met;
}
