/* What a case says in one line: one operation, posted and waited for. */
#include "rig.h"

struct job_id rig_id(struct rig *rig) {
    return id_next(&rig->ids, rig->now);
}

struct job_spec rig_spec(struct rig *rig, const char *queue, const char *type) {
    return (struct job_spec){.id = rig_id(rig),
                             .queue = queue,
                             .type = type,
                             .priority = PRIORITY_NORMAL,
                             .payload = bytes_of("{\"n\":1}"),
                             .dedup_mode = DEDUP_RETURN,
                             .max_attempts = 3,
                             .timeout_ms = 300000};
}

int rig_submit(struct rig *rig, const struct job_spec *spec) {
    struct store_submit_item item = {.spec = spec};
    struct store_submit *submit = RIG_NEW(rig, store_submit);
    submit->items = &item;
    submit->count = 1;
    int r = rig_run(rig, &submit->op, STORE_SUBMIT);
    submit->items = NULL;
    return r < 0 ? r : item.status < 0 ? item.status : (int)item.verdict;
}

struct job_id rig_submit_plain(struct rig *rig, const char *queue, const char *type) {
    struct job_spec spec = rig_spec(rig, queue, type);
    (void)EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    return spec.id;
}

struct store_claim *rig_claim(struct rig *rig, const char *queue, const char *type,
                              uint32_t limit) {
    struct store_claim *claim = RIG_NEW(rig, store_claim);
    struct store_claim_want want = {.lane = {queue, type}, .limit = limit};
    claim->wants = &want;
    claim->want_count = 1;
    claim->host_nonce = rig->nonce;
    (void)EXPECT_EQ_INT(0, rig_run(rig, &claim->op, STORE_CLAIM));
    claim->wants = NULL;
    return claim;
}

const struct store_claimed *rig_claim_one(struct rig *rig, const char *queue, const char *type) {
    const struct store_claim *claim = rig_claim(rig, queue, type, 1);
    return EXPECT_EQ_UINT(1, claim->job_count) ? &claim->jobs[0] : NULL;
}

struct store_commit_item rig_item(const struct store_claimed *job, enum job_event event) {
    struct job_counters counters = job->counters;
    counters.executions++;
    counters.attempts++;
    return (struct store_commit_item){.id = job->spec.id,
                                      .token = job->token,
                                      .commit_no = job->commit_no + 1,
                                      .event = event,
                                      .counters = counters};
}

int rig_commit(struct rig *rig, struct store_commit_item *item) {
    struct store_commit *commit = RIG_NEW(rig, store_commit);
    commit->items = item;
    commit->count = 1;
    int r = rig_run(rig, &commit->op, STORE_COMMIT);
    commit->items = NULL;
    return r != 0 ? r : item->status;
}

int rig_succeed(struct rig *rig, const struct store_claimed *job) {
    struct store_commit_item item = rig_item(job, JOB_EV_SUCCEED);
    item.first_run_ms = job->first_run_ms == 0 ? rig->now : 0;
    return rig_commit(rig, &item);
}

const struct store_job *rig_get(struct rig *rig, const struct job_id *id) {
    struct store_get *get = RIG_NEW(rig, store_get);
    get->id = *id;
    int r = rig_run(rig, &get->op, STORE_GET);
    return r == 0 ? &get->job : NULL;
}

int rig_state(struct rig *rig, const struct job_id *id) {
    const struct store_job *job = rig_get(rig, id);
    return job == NULL ? -1 : (int)job->state;
}

int rig_move(struct rig *rig, const struct job_id *id, enum job_event event) {
    struct store_move_item item = {.id = *id, .event = event};
    struct store_move *move = RIG_NEW(rig, store_move);
    move->items = &item;
    move->count = 1;
    int r = rig_run(rig, &move->op, STORE_MOVE);
    move->items = NULL;
    return r < 0 ? r : item.status;
}

const struct store_stats *rig_stats(struct rig *rig) {
    struct store_stats *stats = RIG_NEW(rig, store_stats);
    stats->op.timeout_ms = 60000; // a busy machine is no failure
    (void)EXPECT_EQ_INT(0, rig_run(rig, &stats->op, STORE_STATS));
    return stats;
}

struct store_filter rig_filter(void) {
    return (struct store_filter){.state = -1, .error_cls = -1};
}

const struct store_list *rig_list(struct rig *rig, struct store_filter filter, uint32_t limit,
                                  const char *cursor) {
    struct store_list *list = RIG_NEW(rig, store_list);
    list->filter = filter;
    list->limit = limit;
    list->cursor = cursor;
    (void)EXPECT_EQ_INT(0, rig_run(rig, &list->op, STORE_LIST));
    return list;
}

size_t rig_due(struct rig *rig, int64_t *ret_next) {
    struct store_due due = {.limit = 1000};
    (void)EXPECT_EQ_INT(0, rig_run(rig, &due.op, STORE_DUE));
    if (ret_next != NULL) {
        *ret_next = due.next_ms;
    }
    store_op_finish(&due.op);
    return due.moved;
}

size_t rig_recover(struct rig *rig) {
    struct store_recover rec = {
        .host_nonce = rig->nonce, .gone_nonce = rig->nonce - 1, .limit = 1000};
    (void)EXPECT_EQ_INT(0, rig_run(rig, &rec.op, STORE_RECOVER));
    store_op_finish(&rec.op);
    return rec.released;
}

int rig_beat(struct rig *rig) {
    struct store_host_lease lease = {.name = "rig",
                                     .nonce = rig->nonce,
                                     .lease_ms = 30000,
                                     .version = "0.1",
                                     .pid = 12,
                                     .running = 1};
    int r = rig_run(rig, &lease.op, STORE_HOST_LEASE);
    store_op_finish(&lease.op);
    return r;
}

void rig_expect_sound(struct rig *rig) {
    struct store_fsck fsck = {.repair = false};
    (void)EXPECT_EQ_INT(0, rig_run(rig, &fsck.op, STORE_FSCK));
    for (size_t i = 0; i < fsck.count; i++) {
        (void)EXPECT_EQ_STR("", fsck.findings[i].code);
        (void)EXPECT_EQ_STR("", fsck.findings[i].detail);
    }
    (void)EXPECT_EQ_INT(0, fsck.total_findings);
    store_op_finish(&fsck.op);
}
