/* Random operations against the store and against a model of a few dozen lines, compared all the
 * way. The seed is printed; give it as argument to see a failure again: store_property
 * [--store BACKEND] [SEED [OPERATIONS]] */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/dedup.h"
#include "redis_proxy.h"
#include "redis_server.h"
#include "rig.h"

enum {
    MODEL_JOBS = 240,
    MODEL_KEYS = 4,
    MODEL_LANES = 5,
    MODEL_QUEUES = 3,
    MODEL_CALL = 12,   /* items of a call    */
    MODEL_OUTPUTS = 3, /* names of outputs  */
    MODEL_CONTENTS = 4,
    KEEP_MS = 5000,
    TTL_MS = 3000,
    PAYLOAD_MAX = 2000,
    CUT_NEVER = 1 << 30
};

struct model_job {
    struct job_id id;
    int lane;
    enum job_priority priority;
    enum job_state state;
    int64_t at_ms; /* ready, due or expiry, as the state says */
    uint64_t turn; /* shared stores: when it became ready, in order; equal: in any order */
    int key;       /* -1 = none */
    enum dedup_mode mode;
    bool begun;       /* it has been claimed, as far as the store knows; */
    bool begun_known; /* by more than the claim that is out              */
    bool traced;      /* what is known of that claim outlives a host alone on its store */
    uint32_t token, commit_no;
    int32_t attempts;
    int outputs[MODEL_OUTPUTS]; /* number of the content, from 1 on; 0 = none */
    size_t payload;             /* its bytes                                  */
    bool there, asked;          /* to end                                     */
    struct store_claimed claim; /* while running */
};

struct model_key {
    int holder;        /* index of a job, -1 = free */
    int64_t expire_ms; /* 0 = with its job     */
};

struct model {
    struct rig rig;
    struct rig other;          /* shared stores: a host that submits, too */
    struct redis_proxy *proxy; /* to a shared store                       */
    struct model_job jobs[MODEL_JOBS];
    size_t count;
    struct model_key keys[MODEL_QUEUES][MODEL_KEYS];
    uint64_t random;
    uint64_t turns;   /* given out */
    const char *last; /* operation, for the report */
};

// Two types share a queue; one queue has a prefix, where there are any, and one is called like its type.
static const char *const queue_names[MODEL_QUEUES] = {"qa", "qb", "t2"};
static const int queue_of[MODEL_LANES] = {0, 0, 1, 1, 2};
static const char *const types[MODEL_LANES] = {"t1", "t2", "t1", "t2", "t2"};
static const struct store_queue_setup prefixed = {.queue = "qb", .prefix = "p:"};
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

static const char *queue_name(int lane) {
    return queue_names[queue_of[lane]];
}

// Keys belong to a queue.
static struct model_key *key_of(struct model *m, int lane, int key) {
    return &m->keys[queue_of[lane]][key];
}

static bool key_held(const struct model *m, const struct model_key *k) {
    return k->holder >= 0 && (k->expire_ms == 0 || k->expire_ms > m->rig.now);
}

static struct model_job *pick(struct model *m) {
    return m->count == 0 ? NULL : &m->jobs[dice(m, m->count)];
}

/* On the way to a shared store connections are lost, and what is safe to run twice is sent again. */
static bool run_twice(struct model *m, struct store_op *op, enum store_op_kind kind) {
    if (m->proxy != NULL && dice(m, 50) == 0) {
        enum redis_cut how = dice(m, 4) == 0 ? REDIS_CUT_BEFORE : REDIS_CUT_AFTER;
        redis_proxy_cut(m->proxy, (unsigned)dice(m, 2), how);
    }
    (void)agree(m, rig_run(&m->rig, op, kind) == 0, "an operation");
    bool cut = m->proxy != NULL && redis_proxy_has_cut(m->proxy);
    if (m->proxy != NULL) {
        redis_proxy_cut(m->proxy, CUT_NEVER, REDIS_CUT_AFTER);
    }
    return cut;
}

/* A shared store hands jobs of a band out in the order in which they became ready there. */
enum { TURN_BACK = 0 /* given back: before all that never ran */ };

static void make_ready(struct model *m, struct model_job *j, int64_t since_ms) {
    j->state = JOB_QUEUED;
    j->at_ms = since_ms;
    j->turn = ++m->turns;
}

/* ------------------------------------------------------------------ operations */

// Of each size another beginning of the same text.
static struct bytes payload_of(size_t size) {
    static char text[PAYLOAD_MAX];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)('a' + i % 26);
    }
    return (struct bytes){text, size};
}

// What jobs of a call have in common.
struct kind {
    int lane;
    enum job_priority priority;
    size_t payload;
    bool plain; /* no time, no key, no limit */
};

static struct kind any_kind(struct model *m) {
    static const size_t sizes[] = {7, 7, 100, 1024, 1025, PAYLOAD_MAX};
    struct kind kind = {.lane = (int)dice(m, MODEL_LANES), .priority = PRIORITY_NORMAL};
    kind.priority = dice(m, 2) == 0 ? kind.priority : (enum job_priority)dice(m, PRIORITY_COUNT);
    kind.payload = sizes[dice(m, ARRAY_LEN(sizes))];
    kind.plain = dice(m, 2) == 0;
    return kind;
}

// A job that would be the model's next one.
static struct model_job *new_job(struct model *m, const struct kind *kind, struct job_spec *ret) {
    struct model_job *j = &m->jobs[m->count];
    *ret = rig_spec(&m->rig, queue_name(kind->lane), types[kind->lane]);
    ret->priority = kind->priority;
    ret->payload = payload_of(kind->payload);
    *j = (struct model_job){.id = ret->id,
                            .lane = kind->lane,
                            .priority = kind->priority,
                            .key = -1,
                            .payload = kind->payload,
                            .there = true};
    return j;
}

static int64_t how_many_wait(const struct model *m, int lane) {
    int64_t n = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct model_job *j = &m->jobs[i];
        bool waits = j->state == JOB_QUEUED || j->state == JOB_SCHEDULED || j->state == JOB_PARKED;
        n += j->there && waits && queue_of[j->lane] == queue_of[lane];
    }
    return n;
}

static int lane_of(const struct job_spec *spec) {
    int lane = 0;
    while (strcmp(queue_name(lane), spec->queue) != 0 || strcmp(types[lane], spec->type) != 0) {
        lane++;
    }
    return lane;
}

// A debounced job that waits is given other words.
static void change(struct model *m, struct model_job *j, const struct job_spec *spec) {
    int64_t due = dedup_run_at(id_time_ms(&j->id), TTL_MS, spec->run_at_ms);
    bool was_ready = j->state == JOB_QUEUED;
    bool same = j->lane == lane_of(spec) && j->priority == spec->priority;
    j->lane = lane_of(spec);
    j->priority = spec->priority;
    j->payload = spec->payload.len;
    if (due > m->rig.now) {
        j->state = JOB_SCHEDULED;
        j->at_ms = due;
    } else if (!was_ready || !same) {
        make_ready(m, j, was_ready ? j->at_ms : m->rig.now);
    }
}

// Who held a key that another took.
static void make_room(struct model *m, struct model_job *j, enum dedup_verdict verdict) {
    if (verdict == DEDUP_CANCELS) {
        j->state = JOB_CANCELLED;
        j->at_ms = m->rig.now + KEEP_MS;
    } else if (verdict == DEDUP_ASKS) {
        j->asked = j->traced = true;
    }
}

static enum dedup_verdict meet(const struct model *m, const struct model_key *k,
                               const struct job_spec *spec) {
    if (k == NULL || !key_held(m, k)) {
        return DEDUP_TAKES;
    }
    const struct model_job *j = &m->jobs[k->holder];
    struct dedup_holder holder = {.mode = DEDUP_REJECT, .state = JOB_SUCCEEDED};
    if (j->there) {
        holder = (struct dedup_holder){.mode = j->mode, .state = j->state, .begun = j->begun};
    }
    return dedup_decide(spec->dedup_mode, &holder);
}

// What becomes of the next job if it is submitted with that key (-1 = none), and of the model.
static int enter(struct model *m, struct model_job *j, const struct job_spec *spec, int key,
                 int64_t max_waiting) {
    struct model_key *k = key < 0 ? NULL : key_of(m, j->lane, key);
    enum dedup_verdict verdict = meet(m, k, spec);
    if (verdict == DEDUP_REFUSED || verdict == DEDUP_STAYS) {
        return verdict == DEDUP_REFUSED ? -EEXIST : (int)SUBMIT_DUPLICATE;
    }
    if (verdict == DEDUP_UPDATES) {
        change(m, &m->jobs[k->holder], spec);
        return SUBMIT_DUPLICATE;
    }
    if (max_waiting > 0 && how_many_wait(m, j->lane) - (verdict == DEDUP_CANCELS) >= max_waiting) {
        return -ENOBUFS;
    }
    if (k != NULL) {
        make_room(m, &m->jobs[k->holder < 0 ? 0 : k->holder], verdict);
        *k = (struct model_key){(int)m->count, dedup_ends_ms(spec, 0)};
        j->key = key;
        j->mode = spec->dedup_mode;
    }
    if (spec->run_at_ms > m->rig.now) {
        j->state = JOB_SCHEDULED;
        j->at_ms = spec->run_at_ms;
    } else {
        make_ready(m, j, m->rig.now);
    }
    m->count++;
    return SUBMIT_NEW;
}

static int add_key(struct model *m, struct job_spec *spec) {
    int key = (int)dice(m, MODEL_KEYS);
    spec->dedup_key = key_names[key];
    spec->dedup_mode = (enum dedup_mode)dice(m, DEDUP_MODE_COUNT);
    spec->dedup_ttl_ms = TTL_MS;
    return key;
}

// An item, and what is to come of it.
static int make_item(struct model *m, const struct kind *kind, struct job_spec *spec,
                     struct store_submit_item *item) {
    const struct model_job *old = dice(m, 12) == 0 ? pick(m) : NULL;
    struct model_job *j = new_job(m, kind, spec);
    int key = -1;
    *item = (struct store_submit_item){.spec = spec, .keep_ms = KEEP_MS};
    if (old != NULL && old->there && old->lane == kind->lane) {
        spec->id = old->id;
        return SUBMIT_REPEATED;
    }
    if (!kind->plain && dice(m, 3) == 0) {
        spec->run_at_ms = m->rig.now + 1 + (int64_t)dice(m, 2000);
    }
    if (!kind->plain && dice(m, 3) == 0) {
        key = add_key(m, spec);
    }
    if (!kind->plain && dice(m, 3) == 0) {
        item->max_waiting = how_many_wait(m, kind->lane) + (int64_t)dice(m, 3);
    }
    return enter(m, j, spec, key, item->max_waiting);
}

/* Some jobs by one call: mostly a few in a row are alike. */
static void do_submit(struct model *m) {
    struct job_spec specs[MODEL_CALL];
    struct store_submit_item items[MODEL_CALL] = {{.spec = NULL}};
    int want[MODEL_CALL] = {0};
    struct kind kind = any_kind(m);
    struct store_submit submit = {.items = items};
    for (size_t most = dice(m, 2) == 0 ? 1 : 1 + dice(m, MODEL_CALL);
         submit.count < most && m->count < MODEL_JOBS; submit.count++) {
        size_t i = submit.count;
        kind = dice(m, 4) == 0 ? any_kind(m) : kind;
        want[i] = make_item(m, &kind, &specs[i], &items[i]);
    }
    bool again = false;
    if (m->other.open && dice(m, 3) == 0) {
        m->other.now = m->rig.now;
        (void)agree(m, rig_run(&m->other, &submit.op, STORE_SUBMIT) == 0, "another's submission");
    } else {
        again = run_twice(m, &submit.op, STORE_SUBMIT);
    }
    for (size_t i = 0; i < submit.count; i++) {
        int got = items[i].status < 0 ? items[i].status : (int)items[i].verdict;
        bool twice = again && want[i] == SUBMIT_NEW && got == SUBMIT_REPEATED;
        (void)agree(m, got == want[i] || twice, "the verdict is the model's");
    }
    store_op_finish(&submit.op);
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

static void take(struct model *m, int lane, const struct store_claimed *got) {
    struct model_job *j = next_of(m, lane, &got->spec.id);
    if (!agree(m, j != NULL, "who is next")) {
        return;
    }
    struct bytes payload = payload_of(j->payload);
    (void)agree(m, got->token > j->token, "tokens grow");
    (void)agree(m, got->commit_no == j->commit_no, "the number of commits");
    (void)agree(m, got->counters.attempts == j->attempts, "the attempts");
    (void)agree(m, bytes_equal(got->spec.payload, payload), "the payload");
    (void)agree(m, strcmp(got->spec.queue, queue_name(lane)) == 0, "the queue");
    (void)agree(m, got->spec.max_attempts == 3 && got->spec.timeout_ms == 300000, "its limits");
    size_t outputs = 0;
    for (int o = 0; o < MODEL_OUTPUTS; o++) {
        outputs += j->outputs[o] != 0;
    }
    (void)agree(m, got->output_count == outputs, "the outputs of a claim");
    j->state = JOB_RUNNING;
    j->begun_known = j->begun;
    j->begun = true;
    j->traced = false;
    j->token = got->token;
    j->claim = *got;
}

/* Some lanes by one call. */
static void do_claim(struct model *m) {
    struct store_claim_want wants[MODEL_LANES] = {{.limit = 0}};
    int lanes[MODEL_LANES] = {0};
    struct store_claim claim = {.wants = wants, .host_nonce = m->rig.nonce};
    for (size_t most = dice(m, 2) == 0 ? 1 : 1 + dice(m, MODEL_LANES); claim.want_count < most;
         claim.want_count++) {
        int lane = lanes[claim.want_count] = (int)dice(m, MODEL_LANES);
        wants[claim.want_count] = (struct store_claim_want){.lane = {queue_name(lane), types[lane]},
                                                            .limit = (uint32_t)dice(m, 6)};
    }
    (void)agree(m, rig_run(&m->rig, &claim.op, STORE_CLAIM) == 0, "a claim");
    size_t count[MODEL_LANES] = {0};
    for (size_t i = 0; i < claim.job_count; i++) {
        take(m, lanes[claim.jobs[i].want], &claim.jobs[i]);
        count[claim.jobs[i].want]++;
    }
    for (size_t i = 0; i < claim.want_count; i++) {
        (void)agree(m, count[i] == wants[i].limit || !any_waits(m, lanes[i]),
                    "none is left behind");
    }
    store_op_finish(&claim.op);
}

static void do_start(struct model *m) {
    struct model_job *j = pick(m);
    if (j == NULL || j->token == 0) {
        return;
    }
    struct store_start_item item = {
        .id = j->id, .token = j->token, .started_ms = m->rig.now, .pid = 7};
    struct store_start start = {.items = &item, .count = 1};
    (void)rig_run(&m->rig, &start.op, STORE_START);
    store_op_finish(&start.op);
    j->traced = j->traced || j->state == JOB_RUNNING;
}

static void release_key(struct model *m, struct model_job *j) {
    if (j->key < 0) {
        return;
    }
    struct model_key *k = key_of(m, j->lane, j->key);
    if (k->holder != (int)(j - m->jobs) || k->expire_ms != 0) {
        return;
    }
    if (j->state == JOB_SUCCEEDED && dedup_comes_back(j->mode)) {
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

/* A commit of a job, and what it is to bring. */
struct making {
    struct model_job *job;
    bool live;
    struct store_output outputs[3];
    int after[MODEL_OUTPUTS];
    struct job_spec kids[2];
    int kid_keys[2];
};

static void add_children(struct model *m, struct making *of, struct store_commit_item *item) {
    while (item->child_count < ARRAY_LEN(of->kids) && dice(m, 3) == 0) {
        struct kind kind = any_kind(m);
        struct job_spec *kid = &of->kids[item->child_count];
        kind.lane = dice(m, 2) == 0 ? of->job->lane : kind.lane;
        *kid = rig_spec(&m->rig, queue_name(kind.lane), types[kind.lane]);
        kid->priority = kind.priority;
        kid->payload = payload_of(kind.payload);
        bool here = queue_of[kind.lane] == queue_of[of->job->lane];
        of->kid_keys[item->child_count++] = here && dice(m, 4) == 0 ? add_key(m, kid) : -1;
        kid->dedup_mode = kid->dedup_mode == DEDUP_REPLACE ? DEDUP_RETURN : kid->dedup_mode;
    }
    item->children = of->kids;
}

static void make_commit(struct model *m, enum job_event event, bool plain, struct making *of,
                        struct store_commit_item *item) {
    struct model_job *j = of->job;
    of->live = j->there && j->state == JOB_RUNNING;
    *item = (struct store_commit_item){.id = j->id,
                                       .token = j->token,
                                       .commit_no = j->commit_no + 1,
                                       .event = event,
                                       .counters = {.attempts = j->attempts + 1},
                                       .park = PARK_EVENT,
                                       .keep_ms = KEEP_MS};
    memcpy(of->after, j->outputs, sizeof of->after);
    if (plain) {
        return;
    }
    if (dice(m, 2) == 0) {
        item->run_at_ms = m->rig.now - 5 + (int64_t)dice(m, 500);
    }
    item->keep_ms = (int64_t)dice(m, 3) * KEEP_MS; // 0: for ever
    item->outputs = of->outputs;
    item->output_count = ask_outputs(m, of->outputs, of->after);
    add_children(m, of, item);
}

static void take_place(struct model *m, struct model_job *j, const struct store_commit_item *item) {
    j->state = (enum job_state)job_next_state(JOB_RUNNING, item->event);
    int64_t keep_ms = item->keep_ms;
    if (j->asked && !job_is_final(j->state)) { // it does not wait again
        j->state = JOB_CANCELLED;
        keep_ms = KEEP_MS;
    }
    j->asked = false;
    if (job_is_final(j->state)) {
        j->at_ms = keep_ms > 0 ? m->rig.now + keep_ms : 0;
        release_key(m, j);
    } else if (j->state == JOB_QUEUED) { // RELEASE: with its old time
        j->turn = TURN_BACK;
    } else {
        bool timed = j->state == JOB_SCHEDULED || item->run_at_ms > 0;
        j->at_ms = item->run_at_ms;
        if (timed && item->run_at_ms <= m->rig.now) {
            make_ready(m, j, m->rig.now);
        }
    }
}

// Children of the parent's own queue are there at once, the others once they are forwarded: `turn`, in any order.
static void bear(struct model *m, const struct making *of, size_t count, uint64_t turn) {
    for (size_t i = 0; i < count; i++) {
        const struct job_spec *spec = &of->kids[i];
        int lane = lane_of(spec);
        if ((queue_of[lane] == queue_of[of->job->lane]) == (turn == 0)) {
            struct model_job *j = &m->jobs[m->count];
            *j = (struct model_job){.id = spec->id,
                                    .lane = lane,
                                    .priority = spec->priority,
                                    .key = -1,
                                    .payload = spec->payload.len,
                                    .there = true};
            (void)enter(m, j, spec, of->kid_keys[i], 0);
            j->turn = turn != 0 ? turn : j->turn;
        }
    }
}

// Its children are there before its key is free, and before it waits again itself.
static void apply(struct model *m, const struct making *of, const struct store_commit_item *item) {
    struct model_job *j = of->job;
    bear(m, of, item->child_count, 0);
    j->commit_no++;
    j->attempts++;
    j->traced = true;
    memcpy(j->outputs, of->after, sizeof j->outputs);
    if (item->event != JOB_EV_NONE) {
        take_place(m, j, item);
    }
}

static void forward(struct model *m) {
    struct store_forward op = {.limit = 1000};
    (void)agree(m, rig_run(&m->rig, &op.op, STORE_FORWARD) == 0, "children are forwarded");
    store_op_finish(&op.op);
}

static bool is_among(const struct making *all, size_t count, const struct model_job *j) {
    for (size_t i = 0; i < count; i++) {
        if (all[i].job == j) {
            return true;
        }
    }
    return false;
}

static enum job_event any_event(struct model *m) {
    static const enum job_event events[] = {JOB_EV_NONE, JOB_EV_SUCCEED, JOB_EV_RETRY, JOB_EV_DIE,
                                            JOB_EV_PARK, JOB_EV_RELEASE, JOB_EV_CANCEL};
    return events[dice(m, ARRAY_LEN(events))];
}

// Jobs that run, and a few that do not: how many.
static size_t choose(struct model *m, struct making *all) {
    size_t count = 0, most = dice(m, 2) == 0 ? 1 : 1 + dice(m, MODEL_CALL);
    for (size_t i = 0, from = dice(m, m->count + 1); i < m->count && count < most; i++) {
        struct model_job *j = &m->jobs[(from + i) % m->count];
        bool runs = j->there && j->state == JOB_RUNNING;
        if (j->token != 0 && (runs || dice(m, 8) == 0) && !is_among(all, count, j)) {
            all[count++].job = j;
        }
    }
    return m->count + 2 * count > MODEL_JOBS ? 0 : count; // there is room for children
}

/* Some jobs by one call: plain ends that are alike, and all else between them. */
static void do_commit(struct model *m) {
    struct making all[MODEL_CALL] = {{.job = NULL}};
    struct store_commit_item items[MODEL_CALL] = {{.status = 0}};
    struct store_commit commit = {.items = items, .count = choose(m, all)};
    enum job_event event = JOB_EV_SUCCEED;
    uint64_t odd = 1 + dice(m, 3); // of three are not plain
    for (size_t i = 0; i < commit.count; i++) {
        bool plain = dice(m, 3) >= odd;
        event = dice(m, 6) == 0 || !plain ? any_event(m) : event;
        make_commit(m, event, plain, &all[i], &items[i]);
    }
    (void)run_twice(m, &commit.op, STORE_COMMIT);
    for (size_t i = 0; i < commit.count; i++) {
        int want = all[i].live ? 0 : -ESTALE;
        (void)agree(m, items[i].status == want, "only the holder commits");
        if (all[i].live) {
            apply(m, &all[i], &items[i]);
        }
    }
    store_op_finish(&commit.op);
    if (commit.count > 0 && dice(m, 4) == 0) {
        (void)rig_run(&m->rig, &commit.op, STORE_COMMIT);
        for (size_t i = 0; i < commit.count; i++) {
            (void)agree(m, items[i].status == (all[i].live ? 0 : -ESTALE), "a repeated commit");
        }
        store_op_finish(&commit.op);
    }
    forward(m);
    uint64_t turn = ++m->turns; // one for all of them
    for (size_t i = 0; i < commit.count; i++) {
        bear(m, &all[i], all[i].live ? items[i].child_count : 0, turn);
    }
}

static void do_ask(struct model *m) {
    struct model_job *j = pick(m);
    if (j == NULL || !j->there || j->state != JOB_RUNNING) {
        return;
    }
    struct store_move_item item = {
        .id = j->id, .event = JOB_EV_CANCEL, .ask = true, .keep_ms = KEEP_MS};
    struct store_move move = {.items = &item, .count = 1};
    (void)agree(m, rig_run(&m->rig, &move.op, STORE_MOVE) == 0 && item.status == 0, "a wish");
    store_op_finish(&move.op);
    j->asked = j->traced = true;
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
    } else if (revived && j->key >= 0 && dedup_comes_back(j->mode) &&
               !key_held(m, key_of(m, j->lane, j->key))) {
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

// Nobody has its jobs any more.
static void lose_host(struct model *m) {
    for (size_t i = 0; i < m->count; i++) {
        struct model_job *j = &m->jobs[i];
        if (j->state == JOB_RUNNING && !j->traced && !rig_is_shared()) {
            j->begun = j->begun_known;
        }
        if (j->there && j->state == JOB_RUNNING && j->asked) {
            j->state = JOB_CANCELLED;
            j->at_ms = m->rig.now + KEEP_MS;
            j->asked = false;
            release_key(m, j);
        } else if (j->there && j->state == JOB_RUNNING) {
            j->state = JOB_QUEUED; // with its old time
            j->turn = TURN_BACK;
        }
    }
}

static void do_reopen(struct model *m) {
    if (dice(m, 4) != 0) {
        return;
    }
    (void)rig_reopen(&m->rig);
    (void)rig_recover(&m->rig);
    lose_host(m);
}

/* Leases end and the other host sees to that; this one does not know it, and commits all the same. */
static void do_take_over(struct model *m) {
    struct store_recover rec = {.host_nonce = m->other.nonce, .limit = 1000};
    if (!m->other.open) {
        return;
    }
    m->other.now = m->rig.now;
    (void)rig_end_leases();
    (void)agree(m, rig_run(&m->other, &rec.op, STORE_RECOVER) == 0, "a recovery");
    store_op_finish(&rec.op);
    lose_host(m);
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
    {"submit", do_submit, 12},      {"claim", do_claim, 12},  {"commit", do_commit, 20},
    {"move", do_move, 10},          {"due", do_due, 5},       {"remove", do_remove, 1},
    {"sweep", do_sweep, 1},         {"reopen", do_reopen, 1}, {"wait", do_wait, 8},
    {"check", do_check, 1},         {"start", do_start, 4},   {"ask", do_ask, 2},
    {"take over", do_take_over, 2},
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
    } else if (job_is_final(j->state)) {
        (void)agree(m, job->expires_at_ms == j->at_ms, "kept until");
    }
    (void)agree(m, bytes_equal(job->spec.payload, payload_of(j->payload)), "its payload");
    (void)agree(m, strcmp(job->spec.queue, queue_name(j->lane)) == 0, "its queue");
}

static void compare_counters(struct model *m) {
    int64_t want[MODEL_QUEUES][JOB_STATE_COUNT] = {{0}};
    const struct store_stats *stats = rig_stats(&m->rig);
    for (size_t i = 0; i < m->count; i++) {
        want[queue_of[m->jobs[i].lane]][m->jobs[i].state] += m->jobs[i].there;
    }
    for (size_t i = 0; i < stats->queue_count * MODEL_QUEUES; i++) {
        const struct store_queue_stats *is = &stats->queues[i / MODEL_QUEUES];
        size_t q = i % MODEL_QUEUES;
        for (int s = 0; s < JOB_STATE_COUNT && strcmp(queue_names[q], is->queue) == 0; s++) {
            (void)agree(m, is->by_state[s] == want[q][s], job_state_name(s));
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
    rig_init(&m.rig);
    if (rig_is_shared()) {
        m.rig.config.queues = &prefixed;
        m.rig.config.queue_count = 1;
    }
    if (strcmp(rig_backend, "redis") == 0) {
        char path[300];
        (void)snprintf(path, sizeof path, "%s/proxy", m.rig.dir);
        (void)snprintf(m.rig.url, sizeof m.rig.url, "unix:%s", path);
        m.proxy = redis_proxy_new(path, rig_server()->socket);
    }
    (void)EXPECT_EQ_INT(0, rig_open(&m.rig));
    if (rig_is_shared()) {
        rig_init_beside(&m.other, &m.rig);
        m.other.config.queues = &prefixed;
        m.other.config.queue_count = 1;
        (void)EXPECT_EQ_INT(0, rig_open(&m.other));
    }
    for (int q = 0; q < MODEL_QUEUES; q++) {
        for (int k = 0; k < MODEL_KEYS; k++) {
            m.keys[q][k].holder = -1;
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
    if (m.other.open) {
        rig_finish(&m.other);
    }
    rig_close(&m.rig);
    if (m.proxy != NULL) {
        redis_proxy_free(&m.proxy);
    }
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
