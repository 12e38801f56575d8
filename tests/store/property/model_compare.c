/* What the store shows, beside the model. */
#include <errno.h>
#include <string.h>

#include "model.h"

static const char *const output_names[MODEL_OUTPUTS] = {"a.md", "b.html", "c.json"};
static const size_t sizes[MODEL_CONTENTS] = {0, 1, 2, 3};

static void model_compare_outputs(struct model *m, const struct model_job *j,
                                  const struct store_job *job) {
    size_t at = 0;
    for (int i = 0; i < MODEL_OUTPUTS; i++) { // their names are in order
        if (j->outputs[i] == 0) {
            continue;
        }
        bool same = at < job->outputs_listed &&
                    strcmp(job->outputs[at].name, output_names[i]) == 0 &&
                    job->outputs[at].blob.size == sizes[j->outputs[i] - 1];
        (void)model_agree(m, same, "its outputs");
        at++;
    }
    (void)model_agree(m, at == job->outputs_listed && at == job->output_count, "how many outputs");
}

static void model_compare_times(struct model *m, const struct model_job *j,
                                const struct store_job *job) {
    if (j->state == JOB_QUEUED) {
        (void)model_same(m, j->at_ms, job->ready_ms, "ready since");
    } else if (j->state == JOB_SCHEDULED || j->state == JOB_PARKED) {
        (void)model_same(m, j->at_ms, job->spec.run_at_ms, "due at");
    } else if (job_is_final(j->state)) {
        bool stays = j->stays_ms > 0 && !rig_is_shared(); // Redis keeps it beside the job
        (void)model_same(m, stays ? j->stays_ms : j->at_ms, job->expires_at_ms, "kept until");
    }
    if (j->state == JOB_PARKED) {
        (void)model_same(m, (int)j->park, (int)job->park, "parked for");
    }
}

static void model_compare_job(struct model *m, const struct model_job *j) {
    const struct store_job *job = rig_get(&m->rig, &j->id);
    if (!model_agree(m, (job != NULL) == j->there, "whether the job is there") || job == NULL) {
        return;
    }
    (void)model_same(m, (int)j->state, (int)job->state, "its state");
    (void)model_same(m, j->commit_no, job->commit_no, "its number of commits");
    (void)model_same(m, j->attempts, job->counters.attempts, "its attempts");
    (void)model_agree(m, job->cancelling == (j->asked && j->state == JOB_RUNNING),
                      "whether it was asked to end");
    model_compare_outputs(m, j, job);
    model_compare_times(m, j, job);
    (void)model_agree(m, bytes_equal(job->spec.payload, model_payload(j->payload)), "its payload");
    (void)model_agree(m, strcmp(job->spec.queue, model_queue(j->lane)) == 0, "its queue");
    const char *tenant = model_tenant(j->tenant), *is = job->spec.tenant;
    (void)model_agree(m, tenant == NULL || is == NULL ? tenant == is : strcmp(tenant, is) == 0,
                      "its tenant");
}

static void model_compare_counters(struct model *m) {
    int64_t want[MODEL_QUEUES][JOB_STATE_COUNT] = {{0}};
    const struct store_stats *stats = rig_stats(&m->rig);
    for (size_t i = 0; i < m->count; i++) {
        const struct model_job *j = &m->jobs[i];
        want[model_queue_of(j->lane)][j->state] += j->there;
    }
    for (size_t i = 0; i < stats->queue_count * MODEL_QUEUES; i++) {
        const struct store_queue_stats *is = &stats->queues[i / MODEL_QUEUES];
        size_t q = i % MODEL_QUEUES;
        bool same = strcmp(model_queue_name((int)q), is->queue) == 0;
        for (int s = 0; s < JOB_STATE_COUNT && same; s++) {
            (void)model_same(m, want[q][s], is->by_state[s], job_state_name(s));
        }
    }
}

static void model_compare_list(struct model *m) {
    struct store_filter f = rig_filter();
    f.state = (int)model_dice(m, JOB_STATE_COUNT);
    size_t want = 0;
    for (size_t i = 0; i < m->count; i++) {
        want += m->jobs[i].there && (int)m->jobs[i].state == f.state;
    }
    (void)model_same(m, (int64_t)want, (int64_t)rig_list(&m->rig, f, 1000, NULL)->count,
                     "the length of a list");
}

void model_compare_some(struct model *m) {
    model_compare_counters(m);
    model_compare_list(m);
    for (int i = 0; i < 4 && m->count > 0; i++) {
        model_compare_job(m, model_pick(m));
    }
    rig_free_ops(&m->rig);
}

void model_compare_all(struct model *m) {
    for (size_t i = 0; i < m->count; i++) {
        model_compare_job(m, &m->jobs[i]);
        rig_free_ops(&m->rig);
    }
    for (size_t i = 0; i < m->count; i++) {
        if (m->jobs[i].own.there) {
            model_flows_look(m);
        }
    }
    model_schedules_list(m);
    model_limiters_look(m);
    model_breakers_look(m);
}
