/* Random operations against the store and against a model of a few dozen lines, compared all the
 * way. The seed is printed; give it as argument to see a failure again: store_property
 * [--store BACKEND] [SEED [OPERATIONS]] */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig.h"

enum {
    MODEL_JOBS = 120,
    MODEL_KEYS = 4,
    MODEL_LANES = 3,
    MODEL_OUTPUTS = 3, /* names of outputs  */
    MODEL_CONTENTS = 4,
    KEEP_MS = 5000,
    TTL_MS = 3000
};

struct model_job {
    struct job_id id;
    int lane;
    enum job_priority priority;
    enum job_state state;
    int64_t at_ms; /* ready, due or expiry, as the state says */
    uint64_t turn; /* shared stores: when it became ready, in order; equal: in any order */
    int key;       /* -1 = none */
    uint32_t token, commit_no;
    int32_t attempts;
    int outputs[MODEL_OUTPUTS]; /* number of the content, from 1 on; 0 = none */
    bool there, written;
    struct store_claimed claim; /* while running */
};

struct model_key {
    int holder;        /* index of a job, -1 = free */
    int64_t expire_ms; /* 0 = with its job     */
};

struct model {
    struct rig rig;
    struct model_job jobs[MODEL_JOBS];
    size_t count;
    struct model_key keys[MODEL_LANES][MODEL_KEYS];
    uint64_t random;
    uint64_t turns;   /* given out */
    const char *last; /* operation, for the report */
};

static const char *const queues[MODEL_LANES] = {"qa", "qa", "qb"};
static const char *const types[MODEL_LANES] = {"t1", "t2", "t1"};
static const char *const output_names[MODEL_OUTPUTS] = {"a.md", "b.html", "c.json"};
static const char *const contents[MODEL_CONTENTS] = {"", "1", "22", "333"};
static const char *const key_names[MODEL_KEYS] = {"k0", "k1", "k2", "k3"};

static uint64_t dice(struct model *m, uint64_t sides) {
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random % sides;
}

static bool agree(struct model *m, bool held, const char *what) {
    char words[200];
    (void)snprintf(words, sizeof words, "%s, after %s", what, m->last);
    return expect_that(held, "true", words, __FILE__, __LINE__);
}

// Keys belong to a queue: lanes 0 and 1 share one.
static struct model_key *key_of(struct model *m, int lane, int key) {
    return &m->keys[lane == 2 ? 2 : 0][key];
}

static bool key_held(const struct model *m, const struct model_key *k) {
    return k->holder >= 0 && (k->expire_ms == 0 || k->expire_ms > m->rig.now);
}

static struct model_job *pick(struct model *m) {
    return m->count == 0 ? NULL : &m->jobs[dice(m, m->count)];
}

/* A shared store hands jobs of a band out in the order in which they became ready there. */
enum { TURN_BACK = 0 /* given back: before all that never ran */ };

static void make_ready(struct model *m, struct model_job *j, int64_t since_ms) {
    j->state = JOB_QUEUED;
    j->at_ms = since_ms;
    j->turn = ++m->turns;
}

/* ------------------------------------------------------------------ operations */

static void do_submit(struct model *m) {
    if (m->count == MODEL_JOBS) {
        return;
    }
    struct model_job *j = &m->jobs[m->count];
    int lane = (int)dice(m, MODEL_LANES);
    struct job_spec spec = rig_spec(&m->rig, queues[lane], types[lane]);
    *j = (struct model_job){.id = spec.id, .lane = lane, .key = -1, .there = true};
    j->priority = spec.priority = (enum job_priority)dice(m, PRIORITY_COUNT);
    if (dice(m, 3) == 0) {
        spec.run_at_ms = m->rig.now + 1 + (int64_t)dice(m, 2000);
    }
    j->state = JOB_SCHEDULED;
    j->at_ms = spec.run_at_ms;
    if (spec.run_at_ms == 0) {
        make_ready(m, j, m->rig.now);
    }
    int want = SUBMIT_NEW;
    if (dice(m, 3) == 0) {
        int key = (int)dice(m, MODEL_KEYS);
        struct model_key *k = key_of(m, lane, key);
        spec.dedup_key = key_names[key];
        spec.dedup_mode = dice(m, 2) == 0 ? DEDUP_REJECT : DEDUP_RETURN;
        spec.dedup_ttl_ms = TTL_MS;
        if (key_held(m, k)) {
            want = spec.dedup_mode == DEDUP_REJECT ? -EEXIST : (int)SUBMIT_DUPLICATE;
        } else {
            *k = (struct model_key){(int)m->count, 0};
            j->key = key;
        }
    }
    (void)agree(m, rig_submit(&m->rig, &spec) == want, "the verdict is the model's");
    if (want == SUBMIT_NEW) {
        m->count++;
        if (dice(m, 8) == 0) {
            (void)agree(m, rig_submit(&m->rig, &spec) == SUBMIT_REPEATED, "a repetition");
        }
    }
}

// Is `a` before `b` in a band?
static bool before(const struct model_job *a, const struct model_job *b) {
    if (rig_is_shared()) {
        return a->turn < b->turn;
    }
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : id_order(&a->id) < id_order(&b->id);
}

static bool waits(const struct model_job *j, int lane) {
    return j->there && j->state == JOB_QUEUED && j->lane == lane;
}

// Strict priorities: time in this test never runs long enough for ageing.
static bool goes_before(const struct model_job *a, const struct model_job *b) {
    return a->priority != b->priority ? a->priority < b->priority : before(a, b);
}

// The job of that id, if it waits in the lane and nobody must go before it.
static struct model_job *next_of(struct model *m, int lane, const struct job_id *id) {
    struct model_job *found = NULL;
    for (size_t i = 0; i < m->count; i++) {
        if (waits(&m->jobs[i], lane) && id_equal(&m->jobs[i].id, id)) {
            found = &m->jobs[i];
        }
    }
    for (size_t i = 0; found != NULL && i < m->count; i++) {
        if (waits(&m->jobs[i], lane) && goes_before(&m->jobs[i], found)) {
            return NULL;
        }
    }
    return found;
}

static bool any_waits(const struct model *m, int lane) {
    for (size_t i = 0; i < m->count; i++) {
        if (waits(&m->jobs[i], lane)) {
            return true;
        }
    }
    return false;
}

static void do_claim(struct model *m) {
    int lane = (int)dice(m, MODEL_LANES);
    uint32_t limit = (uint32_t)dice(m, 6);
    const struct store_claim *claim = rig_claim(&m->rig, queues[lane], types[lane], limit);
    for (size_t i = 0; i < claim->job_count; i++) {
        struct model_job *j = next_of(m, lane, &claim->jobs[i].spec.id);
        if (!agree(m, j != NULL, "who is next")) {
            return;
        }
        (void)agree(m, claim->jobs[i].token > j->token, "tokens grow");
        (void)agree(m, claim->jobs[i].commit_no == j->commit_no, "the number of commits");
        (void)agree(m, claim->jobs[i].counters.attempts == j->attempts, "the attempts");
        size_t outputs = 0;
        for (int o = 0; o < MODEL_OUTPUTS; o++) {
            outputs += j->outputs[o] != 0;
        }
        (void)agree(m, claim->jobs[i].output_count == outputs, "the outputs of a claim");
        j->state = JOB_RUNNING;
        j->token = claim->jobs[i].token;
        j->claim = claim->jobs[i];
        j->written = false;
    }
    (void)agree(m, claim->job_count == limit || !any_waits(m, lane), "none is left behind");
}

static void release_key(struct model *m, struct model_job *j) {
    if (j->key < 0) {
        return;
    }
    struct model_key *k = key_of(m, j->lane, j->key);
    if (k->holder != (int)(j - m->jobs)) {
        return;
    }
    if (j->state == JOB_SUCCEEDED) {
        k->expire_ms = m->rig.now + TTL_MS;
    } else {
        k->holder = -1;
    }
}

// Up to three outputs, perhaps with one name twice: what the job has if they are committed.
static size_t ask_outputs(struct model *m, struct store_output out[3], int ret[MODEL_OUTPUTS]) {
    size_t count = dice(m, 3) == 0 ? dice(m, 4) : 0;
    for (size_t i = 0; i < count; i++) {
        int name = (int)dice(m, MODEL_OUTPUTS), content = (int)dice(m, MODEL_CONTENTS);
        struct store_blob_put put = {.data = bytes_of(contents[content]), .fd = -1};
        (void)agree(m, rig_run(&m->rig, &put.op, STORE_BLOB_PUT) == 0, "a put");
        out[i] = (struct store_output){output_names[name], NULL, put.ref};
        ret[name] = content + 1;
        store_op_finish(&put.op);
    }
    return count;
}

static void do_commit(struct model *m) {
    static const enum job_event events[] = {JOB_EV_NONE, JOB_EV_SUCCEED, JOB_EV_RETRY, JOB_EV_DIE,
                                            JOB_EV_PARK, JOB_EV_RELEASE, JOB_EV_CANCEL};
    struct model_job *j = pick(m);
    if (j == NULL || j->token == 0) {
        return;
    }
    bool live = j->there && j->state == JOB_RUNNING;
    struct store_commit_item item = {.id = j->id,
                                     .token = j->token,
                                     .commit_no = j->commit_no + 1,
                                     .event = events[dice(m, ARRAY_LEN(events))],
                                     .counters = {.attempts = j->attempts + 1}};
    if (dice(m, 2) == 0) {
        item.run_at_ms = m->rig.now - 5 + (int64_t)dice(m, 500);
    }
    item.park = PARK_EVENT;
    item.keep_ms = KEEP_MS;
    struct store_output outputs[3];
    int after[MODEL_OUTPUTS];
    memcpy(after, j->outputs, sizeof after);
    item.outputs = outputs;
    item.output_count = ask_outputs(m, outputs, after);
    int r = rig_commit(&m->rig, &item);
    (void)agree(m, r == (live ? 0 : -ESTALE), "only the holder commits");
    if (r < 0 || !live) {
        return;
    }
    j->commit_no++;
    j->attempts++;
    memcpy(j->outputs, after, sizeof after);
    if (item.event == JOB_EV_NONE) {
        j->written = true;
    } else {
        j->state = (enum job_state)job_next_state(JOB_RUNNING, item.event);
        if (job_is_final(j->state)) {
            j->at_ms = m->rig.now + KEEP_MS;
            release_key(m, j);
        } else if (j->state == JOB_QUEUED) { // RELEASE: with its old time
            j->turn = TURN_BACK;
        } else {
            bool timed = j->state == JOB_SCHEDULED || item.run_at_ms > 0;
            j->at_ms = item.run_at_ms;
            if (timed && item.run_at_ms <= m->rig.now) {
                make_ready(m, j, m->rig.now);
            }
        }
    }
    if (dice(m, 4) == 0) {
        (void)agree(m, rig_commit(&m->rig, &item) == 0, "a repeated commit");
    }
}

static void do_move(struct model *m) {
    static const enum job_event events[] = {JOB_EV_CANCEL, JOB_EV_REVIVE, JOB_EV_PROMOTE,
                                            JOB_EV_WAKE,   JOB_EV_PARK,   JOB_EV_DIE};
    static const enum job_state targets[] = {JOB_CANCELLED, JOB_QUEUED, JOB_QUEUED,
                                             JOB_QUEUED,    JOB_PARKED, JOB_DEAD};
    struct model_job *j = pick(m);
    size_t e = dice(m, ARRAY_LEN(events));
    if (j == NULL) {
        return;
    }
    int want = 0;
    bool moves = false;
    if (!j->there) {
        want = -ENOENT;
    } else if (j->state == JOB_RUNNING) {
        want = -EBUSY;
    } else if (j->state != targets[e]) {
        moves = job_next_state(j->state, events[e]) == (int)targets[e];
        want = moves ? 0 : -EINVAL;
    }
    (void)agree(m, rig_move(&m->rig, &j->id, events[e]) == want, "the move's answer");
    if (!moves) {
        return;
    }
    bool revived = job_is_final(j->state);
    j->state = targets[e];
    j->at_ms = 0;
    if (j->state == JOB_QUEUED) {
        make_ready(m, j, m->rig.now);
    }
    if (job_is_final(j->state)) {
        release_key(m, j);
    } else if (revived && j->key >= 0 && !key_held(m, key_of(m, j->lane, j->key))) {
        *key_of(m, j->lane, j->key) = (struct model_key){(int)(j - m->jobs), 0};
    }
}

static void do_due(struct model *m) {
    size_t want = 0;
    int64_t next = 0, got_next = 0;
    uint64_t turn = ++m->turns; // one for all of them
    for (size_t i = 0; i < m->count; i++) {
        struct model_job *j = &m->jobs[i];
        if (!j->there || (j->state != JOB_SCHEDULED && j->state != JOB_PARKED) || j->at_ms == 0) {
            continue;
        }
        if (j->at_ms <= m->rig.now) {
            make_ready(m, j, j->at_ms); // since it was due
            j->turn = turn;
            want++;
        } else if (next == 0 || j->at_ms < next) {
            next = j->at_ms;
        }
    }
    (void)agree(m, rig_due(&m->rig, &got_next) == want, "how many are due");
    (void)agree(m, got_next == next, "when the next is due");
}

static void do_remove(struct model *m) {
    struct model_job *j = pick(m);
    if (j == NULL) {
        return;
    }
    int status = 1;
    struct store_remove rm = {.ids = &j->id, .status = &status, .count = 1};
    (void)rig_run(&m->rig, &rm.op, STORE_REMOVE);
    store_op_finish(&rm.op);
    int want = !j->there ? -ENOENT : job_is_final(j->state) ? 0 : -EBUSY;
    (void)agree(m, status == want, "only ended jobs are removed");
    j->there = j->there && want != 0;
}

static void do_sweep(struct model *m) {
    struct store_sweep sweep = {.limit = 1000};
    (void)rig_run(&m->rig, &sweep.op, STORE_SWEEP);
    store_op_finish(&sweep.op);
    for (size_t i = 0; i < m->count; i++) {
        struct model_job *j = &m->jobs[i];
        if (j->there && job_is_final(j->state) && j->at_ms > 0 && j->at_ms <= m->rig.now) {
            j->there = false;
        }
    }
}

static void do_reopen(struct model *m) {
    if (dice(m, 4) != 0) {
        return;
    }
    (void)rig_reopen(&m->rig);
    (void)rig_recover(&m->rig);
    for (size_t i = 0; i < m->count; i++) {
        struct model_job *j = &m->jobs[i];
        if (j->there && j->state == JOB_RUNNING) {
            j->state = JOB_QUEUED; // with its old time
            j->turn = TURN_BACK;
        }
    }
}

static void do_wait(struct model *m) {
    m->rig.now += (int64_t)dice(m, 300);
}

static void do_check(struct model *m) {
    rig_expect_sound(&m->rig);
}

static const struct {
    const char *name;
    void (*run)(struct model *m);
    unsigned weight;
} operations[] = {
    {"submit", do_submit, 12}, {"claim", do_claim, 12},  {"commit", do_commit, 20},
    {"move", do_move, 10},     {"due", do_due, 5},       {"remove", do_remove, 1},
    {"sweep", do_sweep, 1},    {"reopen", do_reopen, 1}, {"wait", do_wait, 8},
    {"check", do_check, 1},
};

/* ------------------------------------------------------------------ comparison */

static void compare_outputs(struct model *m, const struct model_job *j,
                            const struct store_job *job) {
    size_t at = 0;
    for (int i = 0; i < MODEL_OUTPUTS; i++) { // their names are in order
        if (j->outputs[i] == 0) {
            continue;
        }
        bool same = at < job->outputs_listed &&
                    strcmp(job->outputs[at].name, output_names[i]) == 0 &&
                    job->outputs[at].blob.size == strlen(contents[j->outputs[i] - 1]);
        (void)agree(m, same, "its outputs");
        at++;
    }
    (void)agree(m, at == job->outputs_listed && at == job->output_count, "how many outputs");
}

static void compare_job(struct model *m, const struct model_job *j) {
    const struct store_job *job = rig_get(&m->rig, &j->id);
    if (!agree(m, (job != NULL) == j->there, "whether the job is there") || job == NULL) {
        return;
    }
    (void)agree(m, job->state == j->state, "its state");
    (void)agree(m, job->commit_no == j->commit_no, "its number of commits");
    (void)agree(m, job->counters.attempts == j->attempts, "its attempts");
    compare_outputs(m, j, job);
    if (j->state == JOB_QUEUED) {
        (void)agree(m, job->ready_ms == j->at_ms, "ready since");
    } else if (j->state == JOB_SCHEDULED || j->state == JOB_PARKED) {
        (void)agree(m, job->spec.run_at_ms == j->at_ms, "due at");
    }
}

static void compare_counters(struct model *m) {
    int64_t want[2][JOB_STATE_COUNT] = {{0}};
    const struct store_stats *stats = rig_stats(&m->rig);
    for (size_t i = 0; i < m->count; i++) {
        want[m->jobs[i].lane == 2][m->jobs[i].state] += m->jobs[i].there;
    }
    for (size_t q = 0; q < stats->queue_count; q++) {
        bool b = strcmp(stats->queues[q].queue, "qb") == 0;
        for (int s = 0; s < JOB_STATE_COUNT; s++) {
            (void)agree(m, stats->queues[q].by_state[s] == want[b][s], job_state_name(s));
        }
    }
}

static void compare_list(struct model *m) {
    struct store_filter f = rig_filter();
    f.state = (int)dice(m, JOB_STATE_COUNT);
    size_t want = 0;
    for (size_t i = 0; i < m->count; i++) {
        want += m->jobs[i].there && (int)m->jobs[i].state == f.state;
    }
    (void)agree(m, rig_list(&m->rig, f, 1000, NULL)->count == want, "the length of a list");
}

static void step(struct model *m) {
    unsigned all = 0, at = 0;
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        all += operations[i].weight;
    }
    unsigned n = (unsigned)dice(m, all);
    while (n >= operations[at].weight) {
        n -= operations[at++].weight;
    }
    m->last = operations[at].name;
    operations[at].run(m);
    compare_counters(m);
    compare_list(m);
    for (int i = 0; i < 4 && m->count > 0; i++) {
        compare_job(m, pick(m));
    }
}

static uint64_t seed;
static unsigned long steps = 1500;

static void test_model(void) {
    static struct model m;
    m = (struct model){.random = seed * 2654435761u + 88172645463325252u, .last = "start"};
    rig_start(&m.rig);
    for (int l = 0; l < MODEL_LANES; l++) {
        for (int k = 0; k < MODEL_KEYS; k++) {
            m.keys[l][k].holder = -1;
        }
    }
    unsigned failures = CU_get_number_of_failures();
    for (unsigned long i = 0; i < steps && CU_get_number_of_failures() == failures; i++) {
        step(&m);
        if (m.count == MODEL_JOBS) { // begin again with an empty model and other jobs
            for (size_t k = 0; k < m.count; k++) {
                compare_job(&m, &m.jobs[k]);
            }
            break;
        }
    }
    rig_expect_sound(&m.rig);
    rig_finish(&m.rig);
}

static void test_models(void) {
    for (int i = 0; i < 12; i++) {
        test_model();
        seed++;
    }
}

int main(int argc, char **argv) {
    static const struct expect_test many[] = {{"the store and the model agree", test_models}};
    static const struct expect_test one[] = {{"the store and the model agree", test_model}};
    rig_parse(&argc, &argv);
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    steps = argc > 2 ? strtoul(argv[2], NULL, 10) : steps;
    (void)printf("seed %llu\n", (unsigned long long)seed);
    return expect_run("store against a model", argc > 1 ? one : many, 1, 1, argv);
}
