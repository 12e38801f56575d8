#include "model.h"

#include <string.h>

#include "redis_proxy.h"

enum { CUT_NEVER = 1 << 30 };

// Two types share a queue; one queue has a prefix, where there are any, and one is called like its type.
static const char *const queue_names[MODEL_QUEUES] = {"qa", "qb", "t2"};
static const int queue_of[MODEL_LANES] = {0, 0, 1, 1, 2};
static const char *const types[MODEL_LANES] = {"t1", "t2", "t1", "t2", "t2"};
static const char *const tenants[MODEL_TENANTS] = {NULL, "ann", "bob", "cyd", "dee"};
static const char *const key_names[MODEL_KEYS] = {"k0", "k1", "k2", "k3"};
static const char *const schedule_names[MODEL_SCHEDULES] = {"s0", "s1", "s2"};

// In one queue a tenant has more turns than others, in another all stand in one line.
enum { HEAVY = 1, HEAVY_WEIGHT = 3, WEIGHTED_QUEUE = 0, ONE_LINE_QUEUE = 2 };
static const struct store_weight weights[] = {{"ann", HEAVY_WEIGHT}};
static const struct store_queue_setup setups[] = {
    {.queue = "qa", .weights = weights, .weight_count = 1},
    {.queue = "t2", .one_line = true},
    {.queue = "qb", .prefix = "p:"},
};
enum { SHARED_SETUPS = ARRAY_LEN(setups), SETUPS = SHARED_SETUPS - 1 };

/* ------------------------------------------------------------------ dice and agreement */

uint64_t model_dice(struct model *m, uint64_t sides) {
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random % sides;
}

bool model_agree(struct model *m, bool held, const char *what) {
    char words[200];
    (void)snprintf(words, sizeof words, "%s, after step %lu, %s", what, m->number, m->last);
    return expect_that(held, "true", words, __FILE__, __LINE__);
}

bool model_same(struct model *m, int64_t want, int64_t got, const char *what) {
    char words[200];
    (void)snprintf(words, sizeof words, "%s, after step %lu, %s", what, m->number, m->last);
    return expect_int(want, got, words, __FILE__, __LINE__);
}

struct rig *model_host(struct model *m) {
    if (!m->other.open || model_dice(m, 3) != 0) {
        return &m->rig;
    }
    m->other.now = m->rig.now;
    return &m->other;
}

bool model_run(struct model *m, struct store_op *op, enum store_op_kind kind) {
    if (m->proxy != NULL && model_dice(m, 50) == 0) {
        enum redis_cut how = model_dice(m, 4) == 0 ? REDIS_CUT_BEFORE : REDIS_CUT_AFTER;
        redis_proxy_cut(m->proxy, (unsigned)model_dice(m, 2), how);
    }
    (void)model_same(m, 0, rig_run(&m->rig, op, kind), "an operation");
    bool cut = m->proxy != NULL && redis_proxy_has_cut(m->proxy);
    if (m->proxy != NULL) {
        redis_proxy_cut(m->proxy, CUT_NEVER, REDIS_CUT_AFTER);
    }
    return cut;
}

/* ------------------------------------------------------------------ names */

int model_queue_of(int lane) {
    return queue_of[lane];
}

const char *model_queue_name(int queue) {
    return queue_names[queue];
}

const char *model_queue(int lane) {
    return queue_names[queue_of[lane]];
}

const char *model_type(int lane) {
    return types[lane];
}

int model_lane_of(const char *queue, const char *type) {
    int lane = 0;
    while (strcmp(model_queue(lane), queue) != 0 || strcmp(types[lane], type) != 0) {
        lane++;
    }
    return lane;
}

const char *model_tenant(int tenant) {
    return tenants[tenant];
}

bool model_takes_turns(int lane) {
    return queue_of[lane] != ONE_LINE_QUEUE;
}

int model_weight(int lane, int tenant) {
    return queue_of[lane] == WEIGHTED_QUEUE && tenant == HEAVY ? HEAVY_WEIGHT : 1;
}

const char *model_schedule_name(int schedule) {
    return schedule_names[schedule];
}

const char *model_key_name(int key) {
    return key_names[key];
}

struct bytes model_payload(size_t size) {
    static char text[PAYLOAD_MAX];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)('a' + i % 26);
    }
    return (struct bytes){text, size};
}

/* ------------------------------------------------------------------ steps */

void model_configure(struct rig *rig) {
    rig->config.queues = setups;
    rig->config.queue_count = rig_is_shared() ? SHARED_SETUPS : SETUPS;
    rig->config.event_keep_ms = MODEL_KEEP_EVENTS_MS;
    rig->config.event_max_kept = MODEL_KEPT;
    rig->config.event_max_bytes = MODEL_KEPT_BYTES;
}

// SplitMix64: neighbours have nothing to do with each other.
static uint64_t mix(uint64_t x) {
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (x ^ (x >> 31)) | 1;
}

void model_init(struct model *m, uint64_t seed) {
    memset(m, 0, sizeof *m);
    model_begin_step(m, seed, 0, "start");
    for (int q = 0; q < MODEL_QUEUES; q++) {
        for (int k = 0; k < MODEL_KEYS; k++) {
            m->keys[q][k].holder = NOBODY;
        }
        for (int i = 0; i < MODEL_IDS; i++) {
            m->firsts[q][i] = NOBODY;
        }
    }
}

void model_begin_step(struct model *m, uint64_t seed, unsigned long number, const char *name) {
    m->random = mix(mix(seed) ^ number);
    m->number = number;
    m->last = name;
    m->turns_before = m->turns;
}

// All that came loosely has come now.
void model_end_step(struct model *m) {
    model_flows_forward(m);
    model_events_forward(m);
    uint64_t end = ++m->turns;
    for (size_t i = 0; i < m->count; i++) {
        m->jobs[i].turn.to = m->jobs[i].turn.to == UINT64_MAX ? end : m->jobs[i].turn.to;
    }
}

/* ------------------------------------------------------------------ jobs */

struct model_job *model_pick(struct model *m) {
    return m->count == 0 ? NULL : &m->jobs[model_dice(m, m->count)];
}

int model_index(const struct model *m, const struct model_job *j) {
    return (int)(j - m->jobs);
}

struct model_job *model_find(struct model *m, const struct job_id *id) {
    for (size_t i = 0; i < m->count; i++) {
        if (id_equal(&m->jobs[i].id, id)) {
            return &m->jobs[i];
        }
    }
    return NULL;
}

bool model_has_room(const struct model *m) {
    return m->count + MODEL_SPARE <= MODEL_JOBS;
}

int64_t model_waiting(const struct model *m, int lane) {
    int64_t n = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct model_job *j = &m->jobs[i];
        bool waits = j->state == JOB_QUEUED || j->state == JOB_SCHEDULED || j->state == JOB_PARKED;
        n += j->there && waits && queue_of[j->lane] == queue_of[lane];
    }
    return n;
}

struct model_kind model_any_kind(struct model *m) {
    static const size_t sizes[] = {7, 7, 100, 1024, 1025, PAYLOAD_MAX};
    struct model_kind kind = {.lane = (int)model_dice(m, MODEL_LANES), .priority = PRIORITY_NORMAL};
    kind.tenant = model_dice(m, 2) == 0 ? 0 : (int)model_dice(m, MODEL_TENANTS);
    kind.priority =
        model_dice(m, 2) == 0 ? kind.priority : (enum job_priority)model_dice(m, PRIORITY_COUNT);
    kind.payload = sizes[model_dice(m, ARRAY_LEN(sizes))];
    kind.plain = model_dice(m, 2) == 0;
    return kind;
}

void model_fill(struct rig *rig, const struct model_kind *kind, struct job_spec *ret) {
    *ret = rig_spec(rig, model_queue(kind->lane), types[kind->lane]);
    ret->priority = kind->priority;
    ret->tenant = tenants[kind->tenant];
    ret->payload = model_payload(kind->payload);
}

static int tenant_of(const char *name) {
    int tenant = 0;
    while (name != NULL && (tenant == 0 || strcmp(tenants[tenant], name) != 0)) {
        tenant++;
    }
    return tenant;
}

struct model_job *model_next_job(struct model *m, const struct job_spec *spec) {
    struct model_job *j = &m->jobs[m->count];
    memset(j, 0, sizeof *j);
    j->id = spec->id;
    j->lane = model_lane_of(spec->queue, spec->type);
    j->tenant = tenant_of(spec->tenant);
    j->priority = spec->priority;
    j->payload = spec->payload.len;
    j->expires_ms = spec->expires_ms;
    j->key = j->schedule = j->flow = NOBODY;
    j->there = true;
    return j;
}

/* ------------------------------------------------------------------ states */

// Who was in a line leaves it; who comes back has a new place.
static void set_state(struct model *m, struct model_job *j, enum job_state state, int64_t at_ms) {
    bool left = j->state == JOB_QUEUED;
    j->state = state;
    j->at_ms = at_ms;
    j->stays_ms = 0;
    j->behind = false;
    j->park = PARK_NONE;
    j->awaits = 0;
    if (left || state == JOB_QUEUED) {
        model_turns_look(m, j->lane, j->priority, j->tenant);
    }
}

void model_queue_up(struct model *m, struct model_job *j, int64_t since_ms) {
    set_state(m, j, JOB_QUEUED, since_ms);
    m->turns++;
    j->turn = (struct model_turn){m->turns, m->turns};
}

void model_queue_loosely(struct model *m, struct model_job *j, int64_t since_ms) {
    set_state(m, j, JOB_QUEUED, since_ms);
    j->turn = (struct model_turn){m->turns_before + 1, UINT64_MAX};
}

// Before all that never ran.
void model_give_back(struct model *m, struct model_job *j) {
    set_state(m, j, JOB_QUEUED, j->at_ms);
    j->turn = (struct model_turn){0, 0};
}

void model_wait(struct model *m, struct model_job *j, enum job_state state, int64_t at_ms) {
    set_state(m, j, state, at_ms);
}

void model_end(struct model *m, struct model_job *j, enum job_state state, int64_t keep_ms) {
    set_state(m, j, state, keep_ms > 0 ? m->rig.now + keep_ms : 0);
    bool asked = j->asked;
    j->asked = false;
    model_keys_release(m, j);
    if (j->schedule != NOBODY) {
        model_schedules_ended(m, j);
    }
    model_flows_ended(m, j, asked);
}

void model_revive(struct model *m, struct model_job *j) {
    enum job_state was = j->state;
    model_queue_up(m, j, m->rig.now);
    model_keys_take_again(m, j);
    model_flows_revived(m, j, was);
}

void model_cancel(struct model *m, struct model_job *j, int64_t keep_ms) {
    if (!j->there || job_is_final(j->state)) {
        return;
    }
    if (j->state != JOB_RUNNING) {
        model_end(m, j, JOB_CANCELLED, keep_ms);
        return;
    }
    if (!j->asked) {
        j->asked_keep_ms = keep_ms;
    }
    j->asked = j->traced = true;
}
