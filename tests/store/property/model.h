/* What the stores are compared with: jobs, keys, schedules, flows, limiters and breakers as a few arrays, which each
 * operation of the test changes as the headers of host/store say it must.
 *
 *     property.c   seeds, the table of operations, the steps; what is left of a sequence that fails
 *     model.c      dice, agreement, what each end and each beginning of a job brings with it
 *     model_keys.c       dedup: who takes a key, who makes room               model_turns.c      whose turn it is among tenants
 *     model_jobs.c       SUBMIT, MOVE, WAKE, DUE, REMOVE, SWEEP                model_runs.c       CLAIM, START, COMMIT; hosts that die
 *     model_schedules.c  definitions and ledgers, jobs behind each other       model_flows.c      members, closes, cascades
 *     model_limiters.c   takes and what becomes of them                        model_breakers.c   breakers
 *     model_events.c     what is published, who waits for it                   model_compare.c    what the store shows, beside the model
 *
 * Each step has dice of its own, made of the seed and its number: leaving a step out changes no other one's, so a
 * sequence can be shortened. */
#ifndef JOBHOST_TESTS_STORE_PROPERTY_MODEL_H
#define JOBHOST_TESTS_STORE_PROPERTY_MODEL_H

#include "core/dedup.h"
#include "core/flow.h"
#include "rig.h"
#include "store/breakers.h"
#include "store/events.h"
#include "store/flows.h"
#include "store/limits.h"
#include "store/schedules.h"

enum {
    MODEL_JOBS = 320,
    MODEL_SPARE = 60, /* that a step may make: it is not begun without room for so many */
    MODEL_KEYS = 4,
    MODEL_IDS = 40, /* of deliveries to a queue */
    MODEL_LANES = 5,
    MODEL_QUEUES = 3,
    MODEL_TENANTS = 5, /* the first one is nobody  */
    MODEL_CALL = 12,   /* items of a call          */
    MODEL_OUTPUTS = 3, /* names of outputs         */
    MODEL_CONTENTS = 4,
    MODEL_SCHEDULES = 3,
    MODEL_ROWS = 200, /* of a ledger */
    MODEL_LIMITERS = 4,
    MODEL_TAKES = 400,
    MODEL_BREAKERS = 3,
    MODEL_NAMES = 3,         /* of events                          */
    MODEL_KEPT = 6,          /* events of a name, and their bytes  */
    MODEL_KEPT_BYTES = 2200, /* as the store is told to keep them  */
    MODEL_KEEP_EVENTS_MS = 1500,
    MODEL_VALUE_MAX = 700, /* bytes that an event says           */
    MODEL_TELLS = 2,       /* events of a commit                 */
    KEEP_MS = 5000,
    TTL_MS = 3000,
    PAYLOAD_MAX = 2000,
    NOBODY = -1
};

/* Among jobs of a line of a shared store: from when to when it may have become ready there. Whose interval ends before
 * another's begins goes first. */
struct model_turn {
    uint64_t from, to;
};

/* How its members are to be cancelled. */
enum model_walk { WALK_NONE, WALK_NOW, WALK_OVER };

/* A flow lives with its opener. */
struct model_flow {
    bool there, closed;
    bool cancelled; /* it counts as cancelled, whatever its opener ended as */
    bool deep;      /* a member that has ended made what is not over        */
    struct flow_tally tally;
    enum flow_on_dead on_dead;
    enum model_walk walk;
    struct job_id died;
    struct job_id ended[MODEL_JOBS]; /* members, in any order */
    int ended_as[MODEL_JOBS];
    size_t ended_count;
    /* the last job */
    bool asked, made;
    struct job_id then;
    int then_lane, then_tenant;
    size_t then_payload;
    enum job_priority then_priority;
    int64_t then_run_at_ms, asked_ms;
};

/* The last event of a name that a job has got: the store's place for it, and its number. */
struct model_seen {
    int number;
    uint32_t count; /* how many by waits that are numbered */
    char position[WAITS_POSITION_MAX + 1];
};

struct model_job {
    struct job_id id;
    int lane, tenant;
    enum job_priority priority;
    enum job_state state;
    enum park_reason park;
    int64_t at_ms; /* ready, due or expiry, as the state says */
    int64_t expires_ms;
    int64_t stays_ms; /* so long it is not swept: its flow was open; 0 = it may be */
    struct model_turn turn;
    int key; /* NOBODY = none */
    enum dedup_mode mode;
    bool begun;       /* it has been claimed, as far as the store knows; */
    bool begun_known; /* by more than the claim that is out              */
    bool traced;      /* what is known of that claim outlives a host alone on its store */
    bool ran;         /* its first run has a time */
    uint32_t token, commit_no;
    int32_t attempts;
    int outputs[MODEL_OUTPUTS]; /* number of the content, from 1 on; 0 = none */
    size_t payload;             /* its bytes                                  */
    bool there, asked;          /* to end                                     */
    int64_t asked_keep_ms;
    int answer;            /* of its operator; 0 = none */
    int schedule;          /* NOBODY = none                             */
    bool behind;           /* it waits for others of its schedule       */
    int flow;              /* index of the opener whose member it is    */
    bool underway;         /* to its queue                              */
    struct model_flow own; /* that it has opened                        */
    int awaits;            /* an event of this name, + 1; 0 = of none   */
    int64_t since_ms;      /* that came since then                      */
    uint32_t nth;          /* by which of its waits; 0 = a plain yield  */
    struct model_seen seen[MODEL_NAMES];
    struct store_claimed claim; /* while running */
};

struct model_key {
    int holder;        /* index of a job, NOBODY = free */
    int64_t expire_ms; /* 0 = with its job              */
};

struct model_row {
    char revision[8], key[16];
    enum schedule_verdict verdict;
    int64_t last_ms;
    uint32_t count;
    bool by_hand;
    struct job_id job; /* zero = none */
};

struct model_schedule {
    bool known, there; /* a removed one is known as long as it has rows */
    int queue;
    char revision[8];
    int64_t stored_ms, paused_ms, resumed_ms;
    struct model_row rows[MODEL_ROWS];
    size_t row_count;
};

/* A take, as the one who pays for it would write it down. */
struct model_take {
    uint64_t id;
    int64_t n, lease_ms; /* the end of its lease, while it is held */
    bool held;
    int64_t settled_ms; /* until when it counts in the window then */
};

struct model_limiter {
    struct model_take takes[MODEL_TAKES];
    size_t count;
    int64_t pace_us, closed_ms;
};

struct model_event {
    struct store_event as; /* but for the bytes of its value, which are made of its number */
    int name, number;
    int64_t at_ms;
};

/* What is kept of a name, in order. */
struct model_name {
    struct model_event events[2 * MODEL_KEPT + MODEL_TELLS];
    size_t count;
    bool pending; /* somebody has to be told */
};

/* Starts of each other tenant since a line began to wait. */
struct model_line {
    bool waits;
    int late; /* turns of this claim that went to jobs that came too late */
    int since[MODEL_TENANTS];
};

struct model {
    struct rig rig;
    struct rig other;          /* shared stores: another host */
    struct redis_proxy *proxy; /* to a shared store           */
    struct model_job jobs[MODEL_JOBS];
    size_t count;
    struct model_key keys[MODEL_QUEUES][MODEL_KEYS];
    int firsts[MODEL_QUEUES][MODEL_IDS]; /* the job that came with a delivery; NOBODY */
    struct model_line lines[MODEL_LANES][PRIORITY_COUNT][MODEL_TENANTS];
    struct model_schedule schedules[MODEL_SCHEDULES];
    struct model_limiter limiters[MODEL_LIMITERS];
    struct breaker breakers[MODEL_BREAKERS];
    struct model_name names[MODEL_NAMES];
    int published;  /* number of the last event */
    uint64_t takes; /* ids of takes given out */
    uint64_t random;
    uint64_t turns, turns_before; /* given out; before this step */
    unsigned long number;         /* of the step */
    const char *last;             /* its name    */
};

/* ---- dice and agreement */

uint64_t model_dice(struct model *m, uint64_t sides);
bool model_agree(struct model *m, bool held, const char *what);
/* The same for numbers, which it shows. */
bool model_same(struct model *m, int64_t want, int64_t got, const char *what);

/* One of the hosts, at the model's time. */
struct rig *model_host(struct model *m);

/* On the way to a shared store connections are lost, and what is safe to run twice is sent again: true if it may have
 * been. */
bool model_run(struct model *m, struct store_op *op, enum store_op_kind kind);

/* ---- names */

const char *model_queue(int lane);
const char *model_queue_name(int queue);
int model_queue_of(int lane);
const char *model_type(int lane);
int model_lane_of(const char *queue, const char *type);
const char *model_tenant(int tenant); /* NULL = nobody */
bool model_takes_turns(int lane);     /* tenants do, in its queue */
int model_weight(int lane, int tenant);
const char *model_schedule_name(int schedule);
const char *model_key_name(int key);
/* Of each size another beginning of the same text. */
struct bytes model_payload(size_t size);

/* Changes the configuration of a rig that is not open yet. */
void model_configure(struct rig *rig);
void model_init(struct model *m, uint64_t seed);
/* Before and after each operation. */
void model_begin_step(struct model *m, uint64_t seed, unsigned long number, const char *name);
void model_end_step(struct model *m);

/* ---- jobs */

struct model_job *model_pick(struct model *m);
int model_index(const struct model *m, const struct model_job *j);
struct model_job *model_find(struct model *m, const struct job_id *id);
bool model_has_room(const struct model *m);
/* Jobs of the lane's queue that wait for something. */
int64_t model_waiting(const struct model *m, int lane);

/* What jobs of a call have in common. */
struct model_kind {
    int lane, tenant;
    enum job_priority priority;
    size_t payload;
    bool plain; /* no time, no key, no limit */
};
struct model_kind model_any_kind(struct model *m);
void model_fill(struct rig *rig, const struct model_kind *kind, struct job_spec *ret);
/* The model's next job, which counts from model_enter() on. */
struct model_job *model_next_job(struct model *m, const struct job_spec *spec);

/* Each change of state. Queued: behind all others; loosely: among those of the same step. */
void model_queue_up(struct model *m, struct model_job *j, int64_t since_ms);
void model_queue_loosely(struct model *m, struct model_job *j, int64_t since_ms);
void model_give_back(struct model *m, struct model_job *j); /* with its old turn */
void model_wait(struct model *m, struct model_job *j, enum job_state state, int64_t at_ms);
void model_end(struct model *m, struct model_job *j, enum job_state state, int64_t keep_ms);
void model_revive(struct model *m, struct model_job *j);
void model_cancel(struct model *m, struct model_job *j, int64_t keep_ms); /* or asks it to end */

/* ---- model_keys.c */

bool model_keys_held(const struct model *m, const struct model_key *k);
int model_keys_add(struct model *m, struct job_spec *spec);      /* any key, in any mode */
int model_keys_holder(const struct model *m, int lane, int key); /* index of a job       */
void model_keys_release(struct model *m, struct model_job *j);
void model_keys_take_again(struct model *m, struct model_job *j);
/* What becomes of the model's next job if it is submitted with that key, and of the model: a verdict, or an error. */
int model_keys_enter(struct model *m, struct model_job *j, const struct job_spec *spec, int key,
                     int64_t max_waiting);

/* ---- model_turns.c */

/* A job of the line starts, or is not in it any more. */
void model_turns_started(struct model *m, const struct model_job *j);
void model_turns_look(struct model *m, int lane, enum job_priority priority, int tenant);
void model_turns_late(struct model *m, const struct model_job *j);
void model_turns_claimed(struct model *m);
void model_turns_forget(struct model *m);
/* May it be the next one of its lane? */
bool model_turns_is_next(const struct model *m, const struct model_job *j);

/* ---- model_schedules.c */

/* A job of a schedule has ended. */
void model_schedules_ended(struct model *m, struct model_job *j);
size_t model_schedules_unfinished(const struct model *m, int schedule, int queue,
                                  size_t *ret_waiting);

/* ---- model_flows.c */

/* `asked`: it had been asked to end. */
void model_flows_ended(struct model *m, struct model_job *j, bool asked);
void model_flows_revived(struct model *m, struct model_job *j, enum job_state was);
bool model_flows_grow(const struct model *m, int opener);
bool model_flows_waits(const struct model_job *opener);
/* A member came; one was a duplicate. */
void model_flows_came(struct model *m, int opener, struct model_job *member);
void model_flows_duplicate(struct model *m, int opener, const struct job_id *id);
void model_flows_ask(struct model *m, struct model_job *opener,
                     const struct store_commit_item *item);
bool model_flows_is_open(const struct model_job *opener);
/* All that waits in outboxes is delivered. */
void model_flows_forward(struct model *m);

/* ---- model_events.c */

/* What a commit that parks for an event asks for, and what comes of it. */
struct model_wait {
    int name;
    uint32_t n;
    int64_t since_ms;
    char text[WAITS_EVENT_TEXT_MAX], step_name[WAITS_STEP_MAX];
    struct store_step step;
};
void model_events_ask(struct model *m, const struct model_job *j, struct model_wait *w,
                      struct store_commit_item *item);
void model_events_wait(struct model *m, struct model_job *j, const struct model_wait *w);

/* What a commit publishes. */
struct model_telling {
    struct model_event events[MODEL_TELLS];
    struct store_event as[MODEL_TELLS];
    char values[MODEL_TELLS][MODEL_VALUE_MAX];
    size_t count;
};
void model_events_tell(struct model *m, struct model_telling *t, struct store_commit_item *item);
void model_events_told(struct model *m, const struct model_telling *t);

void model_events_sweep(struct model *m);
/* Whoever waits for something that is there has got it. */
void model_events_forward(struct model *m);

/* ---- operations */

void model_jobs_submit(struct model *m);
void model_jobs_move(struct model *m);
void model_jobs_ask(struct model *m);
void model_jobs_resolve(struct model *m);
void model_jobs_due(struct model *m);
void model_jobs_remove(struct model *m);
void model_jobs_sweep(struct model *m);
void model_runs_claim(struct model *m);
void model_runs_start(struct model *m);
void model_runs_commit(struct model *m);
void model_runs_reopen(struct model *m);
void model_runs_take_over(struct model *m);
void model_schedules_put(struct model *m);
void model_schedules_set(struct model *m);
void model_schedules_fire(struct model *m);
void model_schedules_list(struct model *m);
void model_flows_join(struct model *m);
void model_flows_cascade(struct model *m);
void model_flows_look(struct model *m);
void model_limiters_post(struct model *m);
void model_limiters_look(struct model *m);
void model_breakers_post(struct model *m);
void model_breakers_look(struct model *m);
void model_events_publish(struct model *m);

/* ---- model_compare.c */

void model_compare_some(struct model *m); /* after each step                    */
void model_compare_all(struct model *m);  /* every job, schedule, flow, limiter */

#endif
