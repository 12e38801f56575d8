#include "base/buf.h"
#include "core/dedup.h"
#include "store/history.h"
#include "store/redis/commit.h"
#include "store/redis/event.h"
#include "store/redis/insert.h"
#include "store/redis/kv.h"
#include "store/redis/side.h"

static void put_flag(struct redis_args *a, bool flag) {
    redis_args_text(a, flag ? "1" : "");
}

static void put_pair(struct redis_args *a, const char *name, int64_t number) {
    redis_args_text(a, name);
    redis_args_number(a, number);
}

static int64_t sum(int64_t a, int64_t b) {
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* ------------------------------------------------------------------ the job's own hash */

// What a commit always changes.
static void write_end(const struct redis_claim *claim, const struct redis_commit_plan *plan,
                      int64_t now_ms, struct redis_args *a) {
    const struct redis_job *before = &claim->job;
    if (plan->to == JOB_RUNNING) {
        put_pair(a, "begun", 1);
    } else {
        redis_args_text(a, "status");
        redis_args_text(a, job_state_name((int)plan->to));
    }
    redis_args_text(a, "claim");
    redis_args_claim(a, before->token, before->host_nonce, plan->job.commit_no,
                     plan->to != JOB_RUNNING);
    if (plan->keep_ms > 0) {
        put_pair(a, "deleteAt", sum(now_ms, plan->keep_ms));
    }
}

// What of the hash changes; into `gone`, whose words are constants, what goes.
static void write_hash(const struct redis_claim *claim, const struct redis_commit_plan *plan,
                       int64_t now_ms, struct redis_args *a, struct redis_args *gone) {
    const struct redis_job *before = &claim->job;
    size_t count = redis_args_hole(a), first = a->count;
    write_end(claim, plan, now_ms, a);
    jobhash_diff(before, &plan->job, a, gone);
    if (plan->to != JOB_RUNNING && (before->begun || claim->started)) {
        redis_args_text(gone, "begun");
    }
    if (plan->job.ready_ms != before->ready_ms) {
        put_pair(a, "ready", plan->job.ready_ms);
    }
    if (plan->at_ms > 0) {
        put_pair(a, "dueAt", plan->at_ms);
    }
    redis_args_fill(a, count, (int64_t)(a->count - first));
}

/* ------------------------------------------------------------------ effects */

static void write_steps(const struct store_commit_item *item, struct redis_args *a) {
    put_flag(a, item->drop_steps);
    redis_args_number(a, (int64_t)item->step_count);
    for (size_t i = 0; i < item->step_count; i++) {
        redis_args_text(a, item->steps[i].name);
        redis_args_bytes(a, item->steps[i].value);
    }
}

static void write_lists(const struct store_commit_item *item, struct redis_args *a) {
    redis_args_number(a, (int64_t)item->warning_count);
    for (size_t i = 0; i < item->warning_count; i++) {
        redis_warning_put(a, &item->warnings[i]);
    }
    redis_args_number(a, (int64_t)item->output_count);
    for (size_t i = 0; i < item->output_count; i++) {
        struct buf packed = {.data = NULL};
        redis_output_pack(&packed, &item->outputs[i]);
        a->failed = a->failed || packed.failed;
        redis_args_text(a, item->outputs[i].name);
        redis_args_copy(a, buf_bytes(&packed));
        redis_args_number(a, (int64_t)item->outputs[i].blob.size);
        buf_free(&packed);
    }
}

static void write_log_and_line(const struct store_commit_item *item, struct redis_args *a) {
    struct bytes tail = item->log_tail;
    struct buf line = {.data = NULL};
    if (tail.len > JOB_LOG_TAIL_MAX) { // the newest lines are the ones that matter
        tail = (struct bytes){(const char *)tail.data + (tail.len - JOB_LOG_TAIL_MAX),
                              JOB_LOG_TAIL_MAX};
    }
    redis_args_bytes(a, tail);
    if (item->attempt != NULL && item->event != JOB_EV_NONE) {
        history_pack(&line, item->attempt);
        a->failed = a->failed || line.failed;
    }
    redis_args_copy(a, buf_bytes(&line));
    buf_free(&line);
}

static void write_result(const struct store_commit_item *item, enum redis_result_fate fate,
                         struct redis_args *a) {
    static const char *const words[] = {"", "none", "inline"};
    redis_args_text(a, words[fate]);
    if (fate == REDIS_RESULT_INLINE) {
        redis_args_bytes(a, item->result->data);
    }
}

// One that waits in the outbox, as a job's hash with all of its payload.
void redis_parcel_write(const struct job_spec *child, struct redis_args *a) {
    struct redis_job job;
    jobhash_of_spec(child, &job);
    redis_args_text(a, "id");
    redis_args_id(a, &child->id);
    (void)jobhash_write(&job, true, a);
    if (child->payload.len > REDIS_PAYLOAD_INLINE) {
        redis_args_text(a, "payload");
        redis_args_bytes(a, child->payload);
    }
    if (child->run_at_ms > 0) {
        put_pair(a, "dueAt", child->run_at_ms);
    }
}

static void write_parcel(const struct redis_claim *claim, const struct job_spec *child,
                         struct redis_args *a) {
    bool joins = redis_commit_joins(claim, child);
    redis_args_text(a, !joins && store_flow_has(child) ? child->flow_id : "");
    redis_args_copy(a, (struct bytes){child->id.b, sizeof child->id.b});
    size_t count = redis_args_hole(a), first = a->count;
    redis_parcel_write(child, a);
    if (joins) {
        put_pair(a, "joins", 1);
    }
    redis_args_fill(a, count, (int64_t)(a->count - first));
}

static void write_children(const struct redis_store *s, const struct redis_claim *claim,
                           const struct store_commit_item *item, unsigned queue, int64_t now_ms,
                           struct redis_args *a) {
    struct redis_head head = {.count = 0};
    int64_t bytes = 0, parcels = 0;
    for (size_t i = 0; i < item->child_count; i++) {
        parcels += redis_commit_is_parcel(claim, &item->children[i]);
        bytes += s->config.budget[BUDGET_JOBS] == 0 ? 0 : jobhash_bytes(&item->children[i]);
    }
    redis_args_number(a, bytes);
    redis_args_number(a, (int64_t)item->child_count - parcels);
    for (size_t i = 0; i < item->child_count; i++) {
        const struct store_submit_item child = {.spec = &item->children[i]};
        if (!redis_commit_is_parcel(claim, child.spec)) {
            redis_insert_write(s, &child, (struct redis_coming){.how = NULL}, queue, claim->queue,
                               now_ms, a, &head);
        }
    }
    redis_args_number(a, parcels);
    for (size_t i = 0; i < item->child_count; i++) {
        if (redis_commit_is_parcel(claim, &item->children[i])) {
            write_parcel(claim, &item->children[i], a);
        }
    }
}

static bool has_effects(const struct store_commit_item *item,
                        const struct redis_commit_plan *plan) {
    return item->step_count > 0 || item->drop_steps || item->warning_count > 0 ||
           item->output_count > 0 || item->log_tail.len > 0 || item->attempt != NULL ||
           item->child_count > 0 || item->kv_count > 0 || plan->result != REDIS_RESULT_STAYS;
}

// May something hang on the job? What it had when it was claimed is known; START and commits of this
// claim may have added to that.
static bool may_be_laden(const struct redis_claim *claim) {
    const struct redis_job *job = &claim->job;
    return job->begun || claim->started || job->life.started_ms != 0 || job->big_payload ||
           job->life.has_result ||
           job->step_count + job->warning_count + job->output_count + job->history_count > 0 ||
           job->log_bytes > 0;
}

/* ------------------------------------------------------------------ the item */

// What comes behind its flow: "<length>:<bytes>" of each word of its parcel. `keep`: how long, if it is dead from the start.
static void write_then(const struct store_commit_item *item, struct redis_settings *to) {
    const struct job_spec *then = item->then;
    struct redis_args words = {.words = NULL};
    struct buf packed = {.data = NULL};
    char id[JOB_ID_TEXT + 1];
    redis_parcel_write(then, &words);
    if (item->then_keep_ms > 0) {
        put_pair(&words, "keep", item->then_keep_ms);
    }
    for (size_t i = 0; i < words.count; i++) {
        buf_printf(&packed, "%zu:", words.lens[i]);
        buf_add(&packed, words.words[i], words.lens[i]);
    }
    id_format(&then->id, id);
    to->args->failed = to->args->failed || words.failed || packed.failed;
    redis_setting_text(to, "then_id", redis_args_keep(to->args, id));
    redis_args_text(to->args, "then_job");
    redis_args_copy(to->args, buf_bytes(&packed));
    to->n++;
    buf_free(&packed);
    redis_args_free(&words);
}

// Whose member it is, and what it asks of its own flow.
static void write_flow(const struct redis_claim *claim, const struct store_commit_item *item,
                       const struct redis_commit_plan *plan, struct redis_settings *to) {
    const struct job_spec *spec = &claim->job.spec;
    if (store_flow_has(spec)) {
        redis_setting_text(to, "flow", redis_args_keep(to->args, spec->flow_id));
        redis_setting_text(to, "flow_queue",
                           spec->flow_queue == NULL ? NULL
                                                    : redis_args_keep(to->args, spec->flow_queue));
    }
    redis_setting_number(to, "opens", plan->job.life.opened);
    redis_setting_number(to, "waits", plan->to == JOB_PARKED && item->park == PARK_CHILDREN);
    if (item->flow_on_dead > 0) {
        redis_setting_text(to, "on_dead", flow_on_dead_name(item->flow_on_dead - 1));
    }
    if (item->then != NULL) {
        write_then(item, to);
    }
}

// What is not as it mostly is, by the names of lua/commit.lua. The claim may be gone when the call is
// sent, so its texts are copied.
static void write_settings(const struct redis_store *s, const struct redis_claim *claim,
                           const struct store_commit_item *item,
                           const struct redis_commit_plan *plan, struct redis_args *a) {
    const struct job_spec *spec = &claim->job.spec;
    bool normal = spec->priority == PRIORITY_NORMAL;
    struct redis_settings to = redis_settings_begin(a);
    if (!job_is_final(plan->to)) {
        redis_setting_text(&to, "type", redis_args_keep(a, spec->type));
        if (spec->tenant != NULL) {
            redis_setting_text(&to, "user", redis_args_keep(a, spec->tenant));
        }
    }
    redis_setting_text(&to, "priority", normal ? NULL : priority_name((int)spec->priority));
    redis_setting_number(&to, "in_front", plan->in_front);
    redis_setting_number(&to, "laden", may_be_laden(claim));
    redis_setting_number(&to, "tombstone", claim->job.tombstone_ms);
    if (plan->to == JOB_PARKED && item->park == PARK_EVENT &&
        waits_check_name(item->wait_key) == 0) {
        redis_setting_text(&to, "awaits", item->wait_key);
        redis_setting_text(&to, "wait_for", item->wait_for);
    }
    if (item->event_count > 0) {
        const struct store_event_bounds b = store_event_bounds(&s->config);
        redis_setting_number(&to, "events", (int64_t)item->event_count);
        redis_setting_number(&to, "event_count", b.count);
        redis_setting_number(&to, "event_bytes", b.bytes);
    }
    if (spec->schedule != NULL) {
        redis_setting_text(&to, "schedule", redis_args_keep(a, spec->schedule));
    }
    if (spec->dedup_key != NULL) {
        redis_setting_text(&to, "key", redis_args_keep(a, spec->dedup_key));
        redis_args_text(a, "ttl");
        redis_args_number(a, dedup_outlives_ms(spec, s->config.dedup_ttl_ms));
        to.n++;
    }
    write_flow(claim, item, plan, &to);
    redis_settings_end(&to);
}

// Most jobs end so: what write_settings() would say is as usual.
static bool is_plain(const struct redis_claim *claim, const struct redis_commit_plan *plan) {
    const struct redis_job *job = &claim->job;
    return job_is_final(plan->to) && job->spec.priority == PRIORITY_NORMAL &&
           !may_be_laden(claim) && job->tombstone_ms == 0 && job->spec.dedup_key == NULL &&
           job->spec.schedule == NULL && job->spec.flow_id == NULL && plan->job.life.opened == 0;
}

/* A job that was claimed as it was submitted, and ends without ado: all of its hash is known, and replaces the one that
 * is there. */
static bool write_whole(const struct redis_store *s, const struct redis_claim *claim,
                        const struct redis_commit_plan *plan, int64_t now_ms,
                        struct redis_args *a) {
    if (!s->restores || claim->submitted == NULL || claim->job.token != 1 ||
        plan->job.commit_no != 1 || !is_plain(claim, plan)) {
        return false;
    }
    size_t first = a->count;
    redis_recalled_put(claim->submitted, a);
    write_end(claim, plan, now_ms, a);
    jobhash_write_life(&plan->job, a);
    redis_args_fold(a, first);
    return true;
}

static void write_effects(const struct redis_store *s, const struct redis_claim *claim,
                          const struct store_commit_item *item,
                          const struct redis_commit_plan *plan, unsigned queue, int64_t now_ms,
                          struct redis_args *a) {
    write_steps(item, a);
    write_lists(item, a);
    write_log_and_line(item, a);
    write_result(item, plan->result, a);
    write_children(s, claim, item, queue, now_ms, a);
    redis_kv_write(item, s->config.budget[BUDGET_KV], now_ms, a);
}

// What an item says: the word of lua/commit.lua.
enum form { FORM_WHOLE = 0, FORM_PLAIN = 1, FORM_FULL = 2 };

static enum form write_own(const struct redis_store *s, const struct redis_claim *claim,
                           const struct store_commit_item *item,
                           const struct redis_commit_plan *plan, unsigned queue, int64_t now_ms,
                           struct redis_args *a) {
    struct redis_args gone = {.words = NULL};
    bool effects = has_effects(item, plan);
    if (!effects && item->event_count == 0 && write_whole(s, claim, plan, now_ms, a)) {
        return FORM_WHOLE;
    }
    write_hash(claim, plan, now_ms, a, &gone);
    bool plain = is_plain(claim, plan) && gone.count == 0 && !effects && item->event_count == 0;
    if (!plain) {
        write_settings(s, claim, item, plan, a);
        redis_args_number(a, (int64_t)gone.count);
        redis_args_append(a, &gone);
        put_flag(a, effects);
    }
    redis_args_free(&gone);
    if (effects) {
        write_effects(s, claim, item, plan, queue, now_ms, a);
    }
    for (size_t i = 0; i < item->event_count; i++) {
        redis_event_write(&item->events[i], a);
    }
    return plain ? FORM_PLAIN : FORM_FULL;
}

void redis_commit_write(const struct redis_store *s, const struct redis_claim *claim,
                        const struct store_commit_item *item, const struct redis_commit_plan *plan,
                        unsigned queue, int64_t now_ms, struct redis_args *a,
                        struct redis_head *head) {
    size_t first = a->count;
    redis_args_number(a, queue);
    redis_args_claim(a, item->token, claim->job.host_nonce, item->commit_no - 1, false);
    redis_args_text(a, job_state_name((int)plan->to));
    if (job_is_final(plan->to) || plan->at_ms > 0) {
        redis_args_number(a, job_is_final(plan->to) ? plan->keep_ms : plan->at_ms);
    } else {
        redis_args_text(a, "");
    }
    size_t form = redis_args_hole(a), own = a->count;
    redis_args_id(a, &item->id);
    redis_args_fill(a, form, (int64_t)write_own(s, claim, item, plan, queue, now_ms, a));
    redis_args_head(a, head, first, own - first);
}
