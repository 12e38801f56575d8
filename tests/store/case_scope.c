/* Operations with a scope: what is not in it is not there. */
#include <errno.h>
#include <unistd.h>

#include "cases.h"
#include "store/events.h"
#include "store/flows.h"
#include "store/scope.h"

static const struct store_scope ann = {.tenant = "ann"}, bob = {.tenant = "bob"};
static const struct store_scope in_q = {.queues = "q,r"}, in_other = {.queues = "other"};
static const struct store_scope ann_in_q = {.tenant = "ann", .queues = "q"};

static struct job_id submit_of(struct rig *rig, const char *queue, const char *tenant) {
    struct job_spec spec = rig_spec(rig, queue, "t");
    spec.tenant = tenant;
    (void)EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    return spec.id;
}

static int get(struct rig *rig, const struct store_scope *scope, const struct job_id *id) {
    struct store_get *op = RIG_NEW(rig, store_get);
    op->id = *id;
    op->op.scope = scope;
    return rig_run(rig, &op->op, STORE_GET);
}

static size_t count(struct rig *rig, const struct store_scope *scope, struct store_filter filter) {
    struct store_list *op = RIG_NEW(rig, store_list);
    op->filter = filter;
    op->limit = 100;
    op->op.scope = scope;
    (void)EXPECT_EQ_INT(0, rig_run(rig, &op->op, STORE_LIST));
    return op->count;
}

static void test_reading(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id a = submit_of(&rig, "q", "ann"), b = submit_of(&rig, "q", "bob");
    struct job_id nobodys = submit_of(&rig, "r", NULL), far = submit_of(&rig, "far", "ann");
    EXPECT_EQ_INT(0, get(&rig, &ann, &a));
    EXPECT_EQ_INT(-ENOENT, get(&rig, &bob, &a));
    EXPECT_EQ_INT(-ENOENT, get(&rig, &ann, &nobodys));
    EXPECT_EQ_INT(0, get(&rig, &in_q, &nobodys));
    EXPECT_EQ_INT(-ENOENT, get(&rig, &in_q, &far));
    EXPECT_EQ_INT(-ENOENT, get(&rig, &ann_in_q, &far));
    EXPECT_EQ_INT(-ENOENT, get(&rig, &ann_in_q, &b));
    EXPECT_EQ_UINT(2, count(&rig, &ann, rig_filter()));
    EXPECT_EQ_UINT(1, count(&rig, &bob, rig_filter()));
    EXPECT_EQ_UINT(3, count(&rig, &in_q, rig_filter()));
    EXPECT_EQ_UINT(1, count(&rig, &ann_in_q, rig_filter()));
    struct store_filter filter = rig_filter();
    filter.tenant = "bob";
    EXPECT_EQ_UINT(0, count(&rig, &ann, filter));
    filter = rig_filter();
    filter.state = JOB_QUEUED;
    EXPECT_EQ_UINT(2, count(&rig, &ann, filter));
    filter.queue = "far";
    EXPECT_EQ_UINT(0, count(&rig, &in_q, filter));
    EXPECT_EQ_UINT(4, count(&rig, NULL, rig_filter()));
    rig_finish(&rig);
}

static int result_of(struct rig *rig, const struct store_scope *scope, const struct job_id *id) {
    struct store_result_get *op = RIG_NEW(rig, store_result_get);
    op->id = *id;
    op->fd = -1;
    op->op.scope = scope;
    int r = rig_run(rig, &op->op, STORE_RESULT_GET);
    if (op->fd != -1) {
        close(op->fd);
    }
    return r;
}

static int output_of(struct rig *rig, const struct store_scope *scope, const struct job_id *id) {
    struct store_output_get *op = RIG_NEW(rig, store_output_get);
    op->id = *id;
    op->name = "out";
    op->fd = -1;
    op->op.scope = scope;
    int r = rig_run(rig, &op->op, STORE_OUTPUT_GET);
    if (op->fd != -1) {
        close(op->fd);
    }
    return r;
}

static void test_results(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = submit_of(&rig, "q", "ann");
    struct store_blob_put *put = RIG_NEW(&rig, store_blob_put);
    put->data = bytes_of("content");
    put->fd = -1;
    EXPECT_EQ_INT(0, rig_run(&rig, &put->op, STORE_BLOB_PUT));
    struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_SUCCEED);
    const struct store_result result = {.data = bytes_of("1")};
    const struct store_output output = {.name = "out", .blob = put->ref};
    item.result = &result;
    item.outputs = &output;
    item.output_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(0, result_of(&rig, &ann, &id));
    EXPECT_EQ_INT(0, output_of(&rig, &ann_in_q, &id));
    EXPECT_EQ_INT(-ENOENT, result_of(&rig, &bob, &id));
    EXPECT_EQ_INT(-ENOENT, output_of(&rig, &bob, &id));
    EXPECT_EQ_INT(-ENOENT, output_of(&rig, &in_other, &id));
    rig_finish(&rig);
}

static int move(struct rig *rig, const struct store_scope *scope, const struct job_id *id,
                enum job_event event) {
    struct store_move_item item = {.id = *id, .event = event, .ask = true};
    struct store_move op = {.items = &item, .count = 1, .op.scope = scope};
    int r = rig_run(rig, &op.op, STORE_MOVE);
    store_op_finish(&op.op);
    return r < 0 ? r : item.status;
}

static int drop(struct rig *rig, const struct store_scope *scope, const struct job_id *id) {
    int status = 0;
    struct store_remove op = {.ids = id, .status = &status, .count = 1, .op.scope = scope};
    int r = rig_run(rig, &op.op, STORE_REMOVE);
    store_op_finish(&op.op);
    return r < 0 ? r : status;
}

static void test_acting(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = submit_of(&rig, "q", "ann");
    EXPECT_EQ_INT(-ENOENT, move(&rig, &bob, &id, JOB_EV_CANCEL));
    EXPECT_EQ_INT(-ENOENT, move(&rig, &in_other, &id, JOB_EV_CANCEL));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &id));
    EXPECT_EQ_INT(0, move(&rig, &ann_in_q, &id, JOB_EV_CANCEL));
    EXPECT_EQ_INT(-ENOENT, drop(&rig, &bob, &id));
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &id));
    EXPECT_EQ_INT(0, drop(&rig, &ann, &id));
    EXPECT_EQ_INT(-1, rig_state(&rig, &id));
    struct job_id runs = submit_of(&rig, "q", "ann");
    (void)rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_INT(-ENOENT, move(&rig, &bob, &runs, JOB_EV_CANCEL));
    EXPECT_FALSE(rig_get(&rig, &runs)->cancelling);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ keys */

struct tried {
    int r;
    enum submit_verdict verdict;
    struct job_id id, winner, replaced;
    bool updated;
};

static struct tried try_key(struct rig *rig, const struct store_scope *scope, const char *tenant,
                            enum dedup_mode mode) {
    struct job_spec spec = rig_spec(rig, "q", "t");
    spec.tenant = tenant;
    spec.dedup_key = "key";
    spec.dedup_mode = mode;
    spec.dedup_ttl_ms = 3600000;
    spec.run_at_ms = rig->now + 60000;
    struct store_submit_item item = {.spec = &spec};
    struct store_submit op = {.items = &item, .count = 1, .op.scope = scope};
    int r = rig_run(rig, &op.op, STORE_SUBMIT);
    store_op_finish(&op.op);
    return (struct tried){r < 0 ? r : item.status, item.verdict, spec.id, item.winner,
                          item.replaced,           item.updated};
}

// Nothing of the holder is told, and nothing happens to it, whatever the mode.
static void test_keys(void) {
    static const enum dedup_mode modes[] = {DEDUP_RETURN, DEDUP_REJECT, DEDUP_REPLACE,
                                            DEDUP_DEBOUNCE, DEDUP_THROTTLE};
    for (size_t held = 0; held < ARRAY_LEN(modes); held++) {
        struct rig rig;
        rig_start(&rig);
        struct job_id holder = try_key(&rig, NULL, "ann", modes[held]).id;
        uint32_t rev = rig_get(&rig, &holder)->rev;
        for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
            struct tried got = try_key(&rig, &bob, "bob", modes[i]);
            EXPECT_EQ_INT(-EPERM, got.r);
            EXPECT_EQ_INT(SUBMIT_REFUSED, got.verdict);
            EXPECT_TRUE(id_is_zero(&got.winner) && id_is_zero(&got.replaced) && !got.updated);
            EXPECT_EQ_INT(-1, rig_state(&rig, &got.id));
        }
        EXPECT_EQ_UINT(rev, rig_get(&rig, &holder)->rev);
        EXPECT_EQ_INT(JOB_SCHEDULED, rig_state(&rig, &holder));
        struct tried own = try_key(&rig, &ann, "ann", DEDUP_RETURN);
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, own.verdict);
        EXPECT_TRUE(id_equal(&holder, &own.winner));
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, try_key(&rig, &in_q, NULL, DEDUP_RETURN).verdict);
        EXPECT_EQ_INT(0, move(&rig, &ann, &holder, JOB_EV_CANCEL));
        if (modes[held] != DEDUP_THROTTLE) { // whose key lives on by time
            EXPECT_EQ_INT(SUBMIT_NEW, try_key(&rig, &bob, "bob", DEDUP_RETURN).verdict);
        }
        rig_finish(&rig);
    }
}

// What a success keeps is not taken by others, either; what a debounced job held until it began is free.
static void test_kept_keys(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id holder = try_key(&rig, NULL, "ann", DEDUP_RETURN).id;
    EXPECT_EQ_INT(0, move(&rig, &ann, &holder, JOB_EV_PROMOTE));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    EXPECT_EQ_INT(-EPERM, try_key(&rig, &bob, "bob", DEDUP_RETURN).r);
    EXPECT_EQ_INT(-EPERM, try_key(&rig, &bob, "bob", DEDUP_REPLACE).r);
    EXPECT_EQ_INT(SUBMIT_NEW, try_key(&rig, &ann, "ann", DEDUP_REPLACE).verdict);
    rig_finish(&rig);
    rig_start(&rig);
    holder = try_key(&rig, NULL, "ann", DEDUP_DEBOUNCE).id;
    EXPECT_EQ_INT(0, move(&rig, &ann, &holder, JOB_EV_PROMOTE));
    (void)rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_INT(SUBMIT_NEW, try_key(&rig, &bob, "bob", DEDUP_RETURN).verdict);
    rig_finish(&rig);
}

// A job does not say which other one took its key.
static void test_winner(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id first = try_key(&rig, NULL, "ann", DEDUP_RETURN).id;
    struct tried second = try_key(&rig, NULL, "bob", DEDUP_REPLACE);
    EXPECT_TRUE(id_equal(&first, &second.replaced));
    EXPECT_TRUE(id_equal(&second.id, &rig_get(&rig, &first)->winner));
    struct store_get *op = RIG_NEW(&rig, store_get);
    op->id = first;
    op->op.scope = &ann;
    EXPECT_EQ_INT(0, rig_run(&rig, &op->op, STORE_GET));
    EXPECT_TRUE(id_is_zero(&op->job.winner));
    rig_finish(&rig);
}

static void test_submitting(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec specs[] = {rig_spec(&rig, "q", "t"), rig_spec(&rig, "q", "t")};
    struct store_submit_item items[] = {{.spec = &specs[0]}, {.spec = &specs[1]}};
    struct store_submit op = {.items = items, .count = 2, .op.scope = &ann};
    specs[0].tenant = "ann";
    EXPECT_EQ_INT(-EACCES, rig_run(&rig, &op.op, STORE_SUBMIT)); // one of them is nobody's
    store_op_finish(&op.op);
    EXPECT_EQ_INT(-1, rig_state(&rig, &specs[0].id));
    specs[1].tenant = "ann";
    EXPECT_EQ_INT(0, rig_run(&rig, &op.op, STORE_SUBMIT));
    store_op_finish(&op.op);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &specs[1].id));
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ flows */

static int join(struct rig *rig, const struct store_scope *scope, const struct job_id *flow,
                const char *tenant) {
    char text[JOB_ID_TEXT + 1];
    struct job_spec spec = rig_spec(rig, "q", "member");
    id_format(flow, text);
    spec.tenant = tenant;
    spec.parent = *flow;
    spec.flow_id = text;
    struct store_submit_item item = {.spec = &spec};
    struct store_flow_join op = {.items = &item, .count = 1, .op.scope = scope};
    int r = rig_run(rig, &op.op, STORE_FLOW_JOIN);
    store_op_finish(&op.op);
    return r < 0 ? r : item.status;
}

static int members_of(struct rig *rig, const struct store_scope *scope, const struct job_id *id) {
    struct store_flow_members *op = RIG_NEW(rig, store_flow_members);
    op->id = *id;
    op->limit = 10;
    op->op.scope = scope;
    int r = rig_run(rig, &op->op, STORE_FLOW_MEMBERS);
    return r < 0 ? r : (int)op->count;
}

static int ended_of(struct rig *rig, const struct store_scope *scope, const struct job_id *id) {
    struct store_flow_ended *op = RIG_NEW(rig, store_flow_ended);
    op->id = *id;
    op->limit = 10;
    op->op.scope = scope;
    int r = rig_run(rig, &op->op, STORE_FLOW_ENDED);
    return r < 0 ? r : (int)op->count;
}

static int flow_of(struct rig *rig, const struct store_scope *scope, const struct job_id *id) {
    struct store_flow_get *op = RIG_NEW(rig, store_flow_get);
    op->id = *id;
    op->op.scope = scope;
    return rig_run(rig, &op->op, STORE_FLOW_GET);
}

static void test_flows(void) {
    struct rig rig;
    char flow[JOB_ID_TEXT + 1];
    rig_start(&rig);
    struct job_id id = submit_of(&rig, "q", "ann");
    const struct store_claimed *opener = rig_claim_one(&rig, "q", "t");
    id_format(&id, flow);
    struct job_spec kid = rig_spec(&rig, "q", "member");
    kid.parent = id;
    kid.flow_id = flow;
    kid.tenant = "ann";
    struct store_commit_item item = rig_item(opener, JOB_EV_PARK);
    item.park = PARK_CHILDREN;
    item.children = &kid;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(-ENOENT, join(&rig, &bob, &id, "bob"));
    EXPECT_EQ_INT(0, join(&rig, &ann, &id, "ann"));
    EXPECT_EQ_INT(0, join(&rig, NULL, &id, "bob")); // who is bound to nobody may mix them
    EXPECT_EQ_INT(0, flow_of(&rig, &ann, &id));
    EXPECT_EQ_INT(-ENOENT, flow_of(&rig, &bob, &id));
    EXPECT_EQ_INT(3, members_of(&rig, NULL, &id));
    EXPECT_EQ_INT(2, members_of(&rig, &ann, &id));
    EXPECT_EQ_INT(-ENOENT, members_of(&rig, &bob, &id));
    struct store_filter of = rig_filter();
    of.parent = id;
    EXPECT_EQ_UINT(1, count(&rig, &bob, of));
    while (rig_claim(&rig, "q", "member", 1)->job_count > 0) {
    }
    EXPECT_EQ_INT(-ENOENT, ended_of(&rig, &bob, &id));
    EXPECT_EQ_INT(0, ended_of(&rig, &ann, &id));
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ all the rest */

static int publish(struct rig *rig, const struct store_scope *scope, const char *tenant) {
    struct store_event_item item = {
        .event = {.name = "paid", .value = bytes_of("1"), .tenant = tenant}};
    struct store_event_put op = {.items = &item, .count = 1, .op.scope = scope};
    int r = rig_run(rig, &op.op, STORE_EVENT_PUT);
    store_op_finish(&op.op);
    return r < 0 ? r : item.status;
}

static int pause_queue(struct rig *rig, const struct store_scope *scope, const char *queue) {
    struct store_queue_set op = {.queue = queue, .paused = true, .by = "x", .op.scope = scope};
    int r = rig_run(rig, &op.op, STORE_QUEUE_SET);
    store_op_finish(&op.op);
    return r;
}

static void test_others(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_EQ_INT(0, publish(&rig, &ann, "ann"));
    EXPECT_EQ_INT(-EACCES, publish(&rig, &ann, "bob"));
    EXPECT_EQ_INT(-EACCES, publish(&rig, &ann, NULL));
    EXPECT_EQ_INT(-EACCES, publish(&rig, &ann_in_q, "ann"));
    EXPECT_EQ_INT(0, pause_queue(&rig, &in_q, "r"));
    EXPECT_EQ_INT(-EACCES, pause_queue(&rig, &in_q, "far"));
    EXPECT_EQ_INT(-EACCES, pause_queue(&rig, &ann, "q"));
    (void)submit_of(&rig, "q", NULL);
    (void)submit_of(&rig, "far", NULL);
    struct store_stats *stats = RIG_NEW(&rig, store_stats);
    stats->op.scope = &in_q;
    EXPECT_EQ_INT(0, rig_run(&rig, &stats->op, STORE_STATS));
    for (size_t i = 0; i < stats->queue_count; i++) {
        EXPECT_TRUE(store_scope_has(&in_q, stats->queues[i].queue, NULL));
    }
    EXPECT_EQ_UINT(1, stats->lane_count);
    EXPECT_EQ_UINT(0, stats->bytes[BUDGET_JOBS]);
    stats = RIG_NEW(&rig, store_stats);
    stats->op.scope = &ann;
    EXPECT_EQ_INT(-EACCES, rig_run(&rig, &stats->op, STORE_STATS));
    rig_finish(&rig);
}

// What no rule lets through is refused: a new operation too, until somebody has thought about it.
static void test_refused(void) {
    static const enum store_op_kind kinds[] = {
        STORE_FSCK,          STORE_HOST_LIST,     STORE_AUDIT_LIST,   STORE_DEDUP_LIST,
        STORE_DEDUP_RELEASE, STORE_SCHEDULE_LIST, STORE_BLOB_OPEN,    STORE_KV_GET,
        STORE_TOKEN_LIST,    STORE_BREAKER_LIST,  STORE_LIMITER_LIST, STORE_SWEEP,
        STORE_CLAIM};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct store_list op = {.op = {.kind = kinds[i], .scope = &ann}}; // as large as any of them
        EXPECT_EQ_INT(-EACCES, store_scope_check(&op.op));
    }
    struct rig rig;
    rig_start(&rig);
    struct store_host_list *hosts = RIG_NEW(&rig, store_host_list);
    hosts->op.scope = &in_q;
    EXPECT_EQ_INT(-EACCES, rig_run(&rig, &hosts->op, STORE_HOST_LIST));
    rig_finish(&rig);
}

CASES(scope, ON_ALL, {"a scope: what is read", test_reading},
      {"a scope: results and outputs", test_results}, {"a scope: what is changed", test_acting},
      {"a scope: keys that others hold", test_keys},
      {"a scope: keys that a success keeps", test_kept_keys},
      {"a scope: who took the key", test_winner}, {"a scope: what is submitted", test_submitting},
      {"a scope: flows", test_flows}, {"a scope: events, queues, counts", test_others},
      {"a scope: all else is refused", test_refused});
