/* Dedup keys, which belong to a queue. */
#include <errno.h>

#include "model.h"

static struct model_key *key_of(struct model *m, int lane, int key) {
    return &m->keys[model_queue_of(lane)][key];
}

bool model_keys_held(const struct model *m, const struct model_key *k) {
    return k->holder != NOBODY && (k->expire_ms == 0 || k->expire_ms > m->rig.now);
}

int model_keys_holder(const struct model *m, int lane, int key) {
    return m->keys[model_queue_of(lane)][key].holder;
}

int model_keys_add(struct model *m, struct job_spec *spec) {
    int key = (int)model_dice(m, MODEL_KEYS);
    spec->dedup_key = model_key_name(key);
    spec->dedup_mode = (enum dedup_mode)model_dice(m, DEDUP_MODE_COUNT);
    spec->dedup_ttl_ms = TTL_MS;
    return key;
}

void model_keys_release(struct model *m, struct model_job *j) {
    struct model_key *k = j->key == NOBODY ? NULL : key_of(m, j->lane, j->key);
    if (k == NULL || k->holder != model_index(m, j) || k->expire_ms != 0) {
        return;
    }
    if (j->state == JOB_SUCCEEDED && dedup_comes_back(j->mode)) {
        k->expire_ms = m->rig.now + TTL_MS;
    } else {
        k->holder = NOBODY;
    }
}

void model_keys_take_again(struct model *m, struct model_job *j) {
    struct model_key *k = j->key == NOBODY ? NULL : key_of(m, j->lane, j->key);
    if (k != NULL && dedup_comes_back(j->mode) && !model_keys_held(m, k)) {
        *k = (struct model_key){model_index(m, j), 0};
    }
}

// A debounced job that waits is given other words: the next job's, which will not be one.
static void change(struct model *m, struct model_job *j, const struct model_job *by,
                   const struct job_spec *spec) {
    int64_t due = dedup_run_at(id_time_ms(&j->id), TTL_MS, spec->run_at_ms);
    struct model_job was = *j;
    bool line = j->tenant == by->tenant || !model_takes_turns(j->lane);
    bool same = j->lane == by->lane && j->priority == by->priority && line;
    j->lane = by->lane;
    j->priority = by->priority;
    j->tenant = by->tenant;
    j->payload = by->payload;
    j->expires_ms = by->expires_ms;
    if (due > m->rig.now) {
        model_wait(m, j, JOB_SCHEDULED, due);
    } else if (was.state != JOB_QUEUED || !same) {
        model_queue_up(m, j, was.state == JOB_QUEUED ? was.at_ms : m->rig.now);
    }
    model_turns_look(m, was.lane, was.priority, was.tenant);
}

static enum dedup_verdict meet(const struct model *m, const struct model_key *k,
                               const struct job_spec *spec) {
    if (k == NULL || !model_keys_held(m, k)) {
        return DEDUP_TAKES;
    }
    const struct model_job *j = &m->jobs[k->holder];
    struct dedup_holder holder = {.mode = DEDUP_REJECT, .state = JOB_SUCCEEDED};
    if (j->there) {
        holder = (struct dedup_holder){.mode = j->mode, .state = j->state, .begun = j->begun};
    }
    return dedup_decide(spec->dedup_mode, &holder);
}

static void begin(struct model *m, struct model_job *j, const struct job_spec *spec) {
    if (spec->run_at_ms > m->rig.now) {
        model_wait(m, j, JOB_SCHEDULED, spec->run_at_ms);
    } else {
        model_queue_up(m, j, m->rig.now);
    }
}

int model_keys_enter(struct model *m, struct model_job *j, const struct job_spec *spec, int key,
                     int64_t max_waiting) {
    struct model_key *k = key == NOBODY ? NULL : key_of(m, j->lane, key);
    enum dedup_verdict verdict = meet(m, k, spec);
    if (verdict == DEDUP_REFUSED || verdict == DEDUP_STAYS) {
        return verdict == DEDUP_REFUSED ? -EEXIST : (int)SUBMIT_DUPLICATE;
    }
    if (verdict == DEDUP_UPDATES) {
        change(m, &m->jobs[k->holder], j, spec);
        return SUBMIT_DUPLICATE;
    }
    if (max_waiting > 0 && model_waiting(m, j->lane) - (verdict == DEDUP_CANCELS) >= max_waiting) {
        return -ENOBUFS;
    }
    m->count++; // what ends by it may make others; it is in no line yet
    if (verdict == DEDUP_CANCELS || verdict == DEDUP_ASKS) {
        model_cancel(m, &m->jobs[k->holder], KEEP_MS);
    }
    if (k != NULL) {
        *k = (struct model_key){model_index(m, j), dedup_ends_ms(spec, 0)};
        j->key = key;
        j->mode = spec->dedup_mode;
    }
    begin(m, j, spec);
    return SUBMIT_NEW;
}
