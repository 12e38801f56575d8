#include <errno.h>

#include "core/dedup.h"
#include "store/blobfile.h"
#include "store/redis/commit.h"
#include "store/redis/insert.h"
#include "store/redis/kv.h"

/* ------------------------------------------------------------------ limits */

static int check_steps(const struct store_commit_item *item, size_t *bytes) {
    for (size_t i = 0; i < item->step_count; i++) {
        if (item->steps[i].value.len > JOB_STEP_MAX) {
            return -E2BIG;
        }
        *bytes += item->steps[i].value.len;
    }
    return 0;
}

static bool opens_flow(const struct store_commit_item *item) {
    bool opens = item->then != NULL || item->flow_on_dead != 0;
    for (size_t i = 0; i < item->child_count && !opens; i++) {
        opens =
            store_flow_has(&item->children[i]) && id_equal(&item->children[i].parent, &item->id);
    }
    return opens;
}

static int check_children(const struct store_commit_item *item, size_t *bytes) {
    if (item->child_count > JOB_CHILDREN_PER_COMMIT) {
        return -E2BIG;
    }
    for (size_t i = 0; i < item->child_count; i++) {
        if (!dedup_suits_child(&item->children[i])) {
            return -ENOTSUP;
        }
        *bytes += item->children[i].payload.len;
    }
    return 0;
}

static int check_kv(const struct store_commit_item *item, size_t *bytes) {
    for (size_t i = 0; i < item->kv_count; i++) {
        *bytes += item->kv[i].value.len;
    }
    return redis_kv_check(item);
}

static int check_result(const struct store_commit_item *item, size_t *bytes) {
    if (item->result == NULL || item->result->blob != NULL) {
        return 0;
    }
    *bytes += item->result->data.len;
    return item->result->data.len > STORE_INLINE_MAX ? -E2BIG : 0;
}

int redis_commit_check(const struct store_commit_item *item) {
    size_t bytes = 0;
    if (item->event != JOB_EV_NONE && job_next_state(JOB_RUNNING, item->event) < 0) {
        return -EINVAL;
    }
    int r = check_steps(item, &bytes);
    r = r < 0 ? r : check_children(item, &bytes);
    r = r < 0 ? r : check_kv(item, &bytes);
    r = r < 0 ? r : check_result(item, &bytes);
    return r < 0 ? r : bytes > REDIS_COMMIT_BYTES_MAX ? -E2BIG : 0;
}

/* ------------------------------------------------------------------ what becomes of the job */

// Where the event leads. A time that has come already needs no wait.
static void decide_place(const struct store_commit_item *item, int64_t now_ms,
                         struct redis_commit_plan *plan) {
    struct redis_job *job = &plan->job;
    plan->to = item->event == JOB_EV_NONE
                   ? JOB_RUNNING
                   : (enum job_state)job_next_state(JOB_RUNNING, item->event);
    bool waits = plan->to == JOB_SCHEDULED || plan->to == JOB_PARKED;
    bool by_time = plan->to == JOB_SCHEDULED || item->run_at_ms > 0;
    plan->in_front = plan->to == JOB_QUEUED;
    if (waits && by_time && item->run_at_ms <= now_ms) {
        plan->to = JOB_QUEUED;
        job->ready_ms = now_ms;
    } else if (waits) {
        plan->at_ms = job->due_ms = item->run_at_ms;
    } else if (job_is_final(plan->to)) {
        plan->keep_ms = item->keep_ms > 0 ? item->keep_ms : 0;
    }
}

static void update_life(const struct store_commit_item *item, int64_t now_ms,
                        struct redis_life *life) {
    const struct store_attempt *attempt = item->attempt;
    life->counters = item->counters;
    life->first_run_ms = item->first_run_ms != 0 ? item->first_run_ms : life->first_run_ms;
    life->started_ms =
        attempt != NULL && attempt->started_ms != 0 ? attempt->started_ms : life->started_ms;
    if (life->started_ms == life->first_run_ms) {
        life->started_ms = 0; // one of the two times says it all
    }
    life->updated_ms = now_ms;
    life->progress = item->progress != NULL ? *item->progress : life->progress;
    life->error = item->error != NULL ? *item->error : life->error;
    if (attempt != NULL) {
        life->build = attempt->build != NULL ? attempt->build : life->build;
        life->pid = attempt->pid != 0 ? attempt->pid : life->pid;
    }
    life->park = PARK_NONE;
    life->wait_key = life->wait_for = NULL;
    life->child_count += (uint32_t)item->child_count;
    life->opened = life->opened != 0 || opens_flow(item);
    if (item->drop_steps || item->step_count > 0) {
        life->steps_version = item->step_count > 0 ? item->state_version : 0;
    }
}

// One that an earlier end left is not the result of this one.
static void decide_result(const struct store_commit_item *item, struct redis_commit_plan *plan) {
    struct redis_life *life = &plan->job.life;
    const struct store_result *result = item->event == JOB_EV_NONE ? NULL : item->result;
    if (result == NULL && !(life->has_result && job_is_final(plan->to))) {
        return;
    }
    bool is_inline = result != NULL && result->blob == NULL;
    plan->result = is_inline ? REDIS_RESULT_INLINE : REDIS_RESULT_GOES;
    life->has_result = result != NULL;
    life->result_size = result == NULL ? 0 : is_inline ? result->data.len : result->blob->size;
    life->result_type = result == NULL ? NULL : result->content_type;
    life->result_blob = NULL;
    if (result != NULL && !is_inline) {
        blobfile_sha_text(result->blob->sha256, plan->blob);
        life->result_blob = plan->blob;
    }
}

void redis_commit_decide(const struct store_commit_item *item, const struct redis_job *before,
                         int64_t now_ms, struct redis_commit_plan *ret) {
    *ret = (struct redis_commit_plan){.job = *before};
    ret->job.commit_no = item->commit_no;
    ret->job.begun = true;
    decide_place(item, now_ms, ret);
    update_life(item, now_ms, &ret->job.life);
    if (ret->to == JOB_PARKED) {
        ret->job.life.park = item->park;
        ret->job.life.wait_key = item->wait_key;
        ret->job.life.wait_for = item->wait_for;
    }
    decide_result(item, ret);
}
