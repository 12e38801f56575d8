/* What the parts of a simulation share:
 *
 *     sim.c            the loop                          sim_places.c    types, lanes, queues, pools by name
 *     sim_times.c      schedules                         sim_arrivals.c  jobs from outside
 *     sim_flush.c      what goes to the store at once    sim_dispatch.c  what starts where
 *     sim_attempt.c    what a handler does, and its end  sim_calls.c     its calls, and whom it calls
 *     sim_limits.c     limiters, and who waits for one   sim_slots.c     jobs that need leave to start
 *     sim_children.c   jobs that jobs make               sim_flows.c     what becomes of them together
 *     sim_waits.c      questions, answers, events        sim_acts.c      what people do
 *     sim_plugin.c     attempts that are a plugin's code
 *     sim_breakers.c   scopes that are left alone        sim_faults.c    what goes wrong
 *     sim_verify.c     was it as expected? */
#ifndef JOBHOST_SIM_SIM_PRIVATE_H
#define JOBHOST_SIM_SIM_PRIVATE_H

#include <sys/queue.h>
#include <uthash.h>

#include "base/arena.h"
#include "core/breaker.h"
#include "core/limiter.h"
#include "core/outcome.h"
#include "sim/agenda.h"
#include "sim/plugin_run.h"
#include "sim/sim.h"
#include "sim/stock.h"
#include "store/flows.h"
#include "store/schedules.h"
#include "supervisor/jobs.h"
#include "supervisor/schedule_fire.h"

/* ------------------------------------------------------------------ by name */

TAILQ_HEAD(sim_held, sim_attempt);

struct sim_pool { /* a plugin on all hosts */
    char *name;
    uint32_t slots; /* on each host */
    uint32_t busy[SCENARIO_HOSTS_MAX], busy_all;
    uint32_t asked;       /* by the claim that is being made */
    struct sim_held held; /* claimed, and waiting for a thread of their host */
    uint32_t held_count;
    struct plugin_breaker_rules rules;
    struct plugin_breaker breaker;
    struct agenda_event probes; /* when the first probe may go */
    UT_hash_handle hh;
};

struct sim_queue {
    char *name;
    const struct config_queue *config;
    uint32_t running;
    uint32_t asked; /* by the claim that is being made */
    bool paused;
    int64_t paused_ms; /* wall */
    UT_hash_handle hh;
};

struct sim_user {
    struct report_type *report;
    UT_hash_handle hh;
};

struct sim_type {
    char *name;
    const struct config_job *config;
    const struct scenario_handler *handler;
    struct plugin_run *plugin; /* whose code runs; NULL = the handler is a model */
    struct sim_pool *pool;
    struct report_type *report;
    UT_hash_handle hh;
};

struct sim_lane {
    char *name; /* "queue type" */
    struct sim_queue *queue;
    struct sim_type *type;
    unsigned number;           /* in the order in which they came up */
    bool hot;                  /* jobs of it may be ready */
    struct agenda_event opens; /* when a limiter or a breaker lets it go on */
    uint64_t turn;             /* priority_split()'s */
    uint32_t asked, got;       /* by the claim under way */
    enum reason_code reason;   /* what kept its jobs from starting last; REASON_COUNT = nothing */
    UT_hash_handle hh;
};

struct sim_schedule {
    struct schedule_definition *is; /* as a host of this configuration has it */
    int64_t stored_ms;              /* its series began then                  */
    struct agenda_event event;
    struct report_schedule *report;
    int64_t last_ms;
    uint32_t unfinished; /* of its jobs, as far as is known here */
    bool booted;         /* @reboot: a row of this start is still to come */
    bool asked;          /* something of it is on its way to the store */
    bool paused;         /* by people */
    int64_t resumed_ms;
    UT_hash_handle hh;
};

/* Somebody who wants slots. */
struct sim_wish {
    int64_t n;
    int64_t give_up_ms; /* virtual: how long it may wait */
    /* 0: `ticket` holds the slots; SIM_LIMITS_NEVER; else it is worth asking after that time. */
    void (*done)(struct sim *s, struct sim_wish *w, int64_t wait_ms);
    struct sim_attempt *of;
    struct sim_ticket *ticket;
    /* private */
    struct sim_limit *limit; /* NULL = it does not wait */
    uint64_t id;
    TAILQ_ENTRY(sim_wish) link;
};
enum { SIM_LIMITS_NEVER = -1 };

struct sim_ticket {
    struct sim_limit *limit; /* NULL = it holds nothing */
    uint64_t id;
    const struct sim_attempt *of;
    LIST_ENTRY(sim_ticket) link;
};

/* That a plugin's code holds. */
struct sim_plugin_ticket {
    struct sim_ticket is;
    uint64_t id; /* as it knows it */
    struct sim_plugin_ticket *next;
};

enum { SIM_LIMITS_PARKED_MAX = 64 };
struct sim_limit {
    char *name; /* with its key */
    const struct config_limit *config;
    struct limiter core;
    struct limiter_rules rules;
    TAILQ_HEAD(, sim_wish) wishes;
    uint32_t waiting;
    LIST_HEAD(, sim_ticket) tickets;
    int64_t until_ms;       /* virtual: nothing is asked before; 0 = at once */
    enum limiter_part part; /* that it waits for                             */
    int64_t next_ms;        /* when the next one who is sent away may come   */
    struct job_id parked[SIM_LIMITS_PARKED_MAX];
    uint32_t parked_count;
    bool looking;
    struct agenda_event look, renew;
    struct report_calls *report;
    UT_hash_handle hh;
};

/* The latest times, in a ring. */
struct sim_ring {
    int64_t *times;
    size_t cap, next, count;
};

struct sim_remote {
    const struct scenario_remote *config;
    const struct scenario_expect_remote *expect; /* NULL = nothing */
    struct sim_ring calls;                       /* that were answered */
    struct sim_ring watch;                       /* that came          */
    uint64_t over_most;
    unsigned storms; /* that rage */
    unsigned downs;  /* reasons why nobody reaches it */
    int64_t storm_retry_ms;
    struct agenda_event other;
    struct report_calls *report;
};

struct sim_sleeper { /* a job that is parked */
    struct job_id id;
    struct sim_sleeper *next;
};

struct sim_breaker {
    char *name;
    struct breaker core;
    struct sim_sleeper *sleepers;
    struct report_breaker *report;
    UT_hash_handle hh;
};

/* ------------------------------------------------------------------ attempts */

/* What a model does, in order; each is left behind when it parks. */
enum sim_phase { SIM_PHASE_WORK, SIM_PHASE_EVENT, SIM_PHASE_CALLS, SIM_PHASE_END };

/* What a remote says to a call. */
struct sim_said {
    bool down, refused;
    int64_t retry_after_ms;
    struct sim_remote *remote; /* NULL = nobody */
};

struct sim_attempt {
    struct agenda_event event;
    struct arena arena;
    struct job_spec spec; /* strings in the arena */
    struct job_counters counters;
    uint32_t token, commit_no;
    int64_t first_run_ms, ready_ms;
    uint32_t steps_version;
    const char *scope; /* of its last failure; NULL = none */
    struct sim_lane *lane;
    struct sim_schedule *schedule; /* NULL = it is of none */
    struct report_type *user;      /* NULL = it is nobody's, or there are too many */
    unsigned host;
    int64_t began_ms, until_ms; /* virtual; its timeout */
    int64_t died_ms;            /* when its host did; 0 = it has not */
    uint64_t draw;              /* chance, the same for the same job and execution */
    bool begun; /* it has a thread; before that it waits for one, or for leave to start */
    bool held;  /* for a thread */
    bool resumed, crashes;
    struct plugin_run_answer *answer; /* of a plugin's code */
    struct store_step *found;         /* steps that were written while it was parked */
    size_t found_count;
    int64_t asked_ms; /* virtual */
    struct sim_plugin_ticket *tickets;
    int64_t created_ms;
    int64_t calls_made;
    struct sim_wish wish;
    const struct sim_limit *turn_of; /* by which it was sent away last, */
    int64_t turn_ms;                 /* and until when                  */
    enum sim_phase phase;
    bool makes;             /* its children, with what ends this run                   */
    struct job_id flow;     /* that it is a member of; zero = none */
    struct sim_ticket call; /* of the call under way */
    struct sim_ticket slot; /* its leave to start    */
    struct sim_limit *slot_of;
    bool slot_till_start;
    struct sim_said said; /* to the call under way; and what the limit learns of it */
    struct limiter_hint hint;
    bool call_late; /* of a plugin's code: it is counted at its end */
    struct plugin_run_question question;
    LIST_ENTRY(sim_attempt) link;
    TAILQ_ENTRY(sim_attempt) held_link;
};
LIST_HEAD(sim_attempts, sim_attempt);

/* A job that waits, since when, and for what. */
struct sim_pause {
    struct job_id id;
    int64_t since_ms; /* wall */
    enum reason_code reason;
    enum park_reason park;
    char *wait_key, *wait_for; /* of a plugin's code */
    UT_hash_handle hh;
};

struct sim_host {
    bool up;
    unsigned boots;
    struct sim_attempts attempts; /* that run here, or ran here when it died */
    struct agenda_event lease;    /* when others take what it had */
};

/* ------------------------------------------------------------------ on its way to the store */

struct sim_commit {
    struct store_commit_item item;
    struct job_error error;
    struct store_step steps[2];
    int64_t wall_ms; /* when it came to be */
    struct sim_commit *next;
};
struct sim_fire {
    struct schedule_fire shot;
    enum cron_mark mark; /* of its time, in a night in which clocks change */
    struct sim_schedule *schedule;
    struct sim_fire *next;
};
struct sim_submit {
    struct store_submit_item item;
    struct job_spec spec;
    struct sim_submit *next;
};

struct sim_move {
    struct store_move_item item;
    const char *wait_key; /* only if it is parked for this; NULL = whatever it waits for */
    bool *one; /* shared by moves of which only the first that is made is; NULL = its own */
    struct sim_move *next;
};

struct sim_batch {
    struct arena arena;
    struct sim_commit *commits, **commits_end;
    struct sim_fire *fires, **fires_end;
    struct sim_submit *submits, **submits_end;
    struct sim_move *moves, **moves_end;
    size_t commit_count, fire_count, submit_count, move_count;
    bool hurries; /* it does not wait for what comes next */
};

struct sim_fault {
    struct agenda_event begin, end;
    const struct scenario_fault *config;
    bool on;
};

struct sim_act {
    struct agenda_event begin, end;
    const struct scenario_act *config;
};

/* What is known of a flow. */
struct sim_flow {
    struct job_id id; /* of its opener */
    uint64_t made, ended, keyed;
    const char *type; /* of the opener */
    struct sim_type *then;
    bool opener_ended, closed, listed, again;
    struct sim_flow *next;
    UT_hash_handle hh;
};

struct sim_arrival {
    struct agenda_event event;
    const struct scenario_arrival *config;
    uint64_t draw, number;
};

struct sim {
    const struct scenario *scenario;
    const struct config *config;
    const struct sim_options *options;
    struct report *report;
    struct agenda agenda;
    struct stock stock;
    struct arena arena; /* what lives as long as the simulation */
    int64_t passed_ms, skew_ms;
    struct id_gen ids;
    uint64_t nonce;
    struct config_plugin plugin_default;
    struct config_part plugin_part;
    struct sim_pool *pools;
    struct sim_queue *queues;
    struct sim_type *types;
    struct sim_user *users;
    struct sim_lane *lanes;
    unsigned lane_count;
    struct sim_lane **hot; /* lane_cap places */
    size_t hot_count, lane_cap;
    uint64_t rotation;
    struct sim_schedule *schedules; /* by the id */
    struct sim_schedule *schedule_items;
    size_t schedule_count;
    struct plugin_run **plugins; /* plugin_count of them */
    size_t plugin_count;
    struct sim_limit *limits;
    struct sim_remote *remotes;
    struct sim_breaker *breakers;
    uint32_t held; /* of all pools */
    struct sim_host hosts[SCENARIO_HOSTS_MAX];
    struct sim_fault *faults;
    struct sim_arrival *arrivals;
    struct sim_act *acts;
    struct sim_pause *pauses;
    struct sim_flow *flows, *flows_to_ask;
    bool cascades; /* somebody's flow may have to be cancelled */
    struct agenda_event due, sweep;
    struct sim_batch batch;
    bool away;        /* the store */
    bool running_out; /* the end has come: nothing starts */
    uint64_t tickets;
    struct err failure;        /* code != 0: it cannot go on */
    struct schedule_plan plan; /* scratch */
};

/* ---- sim.c */

static inline int64_t sim_wall(const struct sim *s) {
    return s->scenario->from_ms + s->passed_ms + s->skew_ms;
}
/* Virtual time at which the hosts' clocks show that. */
static inline int64_t sim_passed_at(const struct sim *s, int64_t wall_ms) {
    return wall_ms - s->scenario->from_ms - s->skew_ms;
}
/* Memory, or something else without which it cannot go on: the first failure counts. */
void sim_fail(struct sim *s, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* NULL fails the simulation. */
void *sim_alloc(struct sim *s, struct arena *a, size_t size);
const char *sim_text(struct sim *s, struct arena *a, const char *text);
void sim_set(struct sim *s, struct agenda_event *e, int64_t passed_ms);
/* An event after which is looked at what is due, and what may start. */
void sim_look(struct sim *s, struct agenda_event *e);
/* Is anybody there to do something? */
bool sim_works(const struct sim *s);
void sim_note(struct sim *s, enum note_kind kind, const char *what, const struct job_spec *job,
              const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* A number in [0, 1), evenly. */
double sim_chance(uint64_t *draw);
int64_t sim_span(uint64_t *draw, const struct scenario_span *span);
/* The start of a stream of its own. */
uint64_t sim_draw(const struct sim *s, uint64_t of, uint64_t number);
/* `text` with {user} and {n} replaced. */
const char *sim_expand(struct sim *s, struct arena *a, const char *text, const char *user,
                       uint64_t number);

/* ---- sim_places.c: found or made; NULL fails the simulation */

int sim_places_init(struct sim *s);
void sim_places_finish(struct sim *s);
struct sim_type *sim_places_type(struct sim *s, const char *name);
struct sim_queue *sim_places_queue(struct sim *s, const char *name);
struct sim_lane *sim_places_lane(struct sim *s, const char *queue, const char *type);
/* NULL: nobody's, or of one more than are told of. */
struct report_type *sim_places_user(struct sim *s, const char *name);
/* Its jobs may be ready. */
void sim_places_heat(struct sim *s, const char *queue, const char *type);

/* ---- sim_times.c */

int sim_times_init(struct sim *s);
void sim_times_finish(struct sim *s);
/* All of them, as after a start or when the clock was set. */
void sim_times_look_all(struct sim *s, bool booted);
void sim_times_answered(struct sim *s, const struct sim_fire *f);
struct sim_schedule *sim_times_find(struct sim *s, const char *id);
void sim_times_pause(struct sim *s, struct sim_schedule *t, bool paused);

/* ---- sim_arrivals.c */

int sim_arrivals_init(struct sim *s);
void sim_arrivals_answered(struct sim *s, const struct sim_submit *submit);

/* ---- sim_flush.c */

void sim_flush_init(struct sim *s);
void sim_flush_finish(struct sim *s);
/* Something was added: its memory comes from batch.arena. A commit that nobody can notice before something else goes to the
 * store (`waits`) goes with that, as of its own time. */
void sim_flush_commit(struct sim *s, struct sim_commit *c, bool waits);
void sim_flush_fire(struct sim *s, struct sim_fire *f);
void sim_flush_submit(struct sim *s, struct sim_submit *f);
void sim_flush_move(struct sim *s, struct sim_move *m);
/* Takes everything to the store, with a claim for what can start, and hears the answers. False: there was nothing, or the
 * store is away. */
bool sim_flush_all(struct sim *s);

/* ---- sim_dispatch.c */

/* What is asked of the store for threads that are free; its lanes stay until the answer is heard. */
struct sim_claim {
    struct store_claim op;
    struct sim_lane **lanes; /* of the wants */
};
/* False: nothing is. Who waits for a thread begins. */
bool sim_dispatch_ask(struct sim *s, struct arena *arena, struct sim_claim *ret);
void sim_dispatch_hear(struct sim *s, const struct sim_claim *c);

/* ---- sim_attempt.c */

void sim_attempt_start(struct sim *s, struct sim_lane *lane, const struct store_claimed *job,
                       unsigned host);
/* It has leave to start: it begins as soon as its host has a thread. */
void sim_attempt_place(struct sim *s, struct sim_attempt *a);
void sim_attempt_unhold(struct sim *s, struct sim_attempt *a);
/* A thread is free. */
void sim_attempt_begin(struct sim *s, struct sim_attempt *a);
/* It waits, for so long at most, in its thread. */
void sim_attempt_waits(struct sim *s, struct sim_attempt *a, int64_t wait_ms);
/* The handler goes on after its own work, or after a call. */
void sim_attempt_next(struct sim *s, struct sim_attempt *a, int64_t after_ms,
                      void (*happen)(struct sim *, struct agenda_event *));
void sim_attempt_return(struct sim *s, struct sim_attempt *a, const struct attempt_report *report,
                        const char *code);
void sim_attempt_go_on(struct sim *s, struct sim_attempt *a); /* after what it has done so far */
void sim_attempt_done(struct sim *s, struct sim_attempt *a);
/* One that has begun, or waits to, also on a host that has died; NULL. */
struct sim_attempt *sim_attempt_find(struct sim *s, const struct job_id *id);
/* Its process dies. */
void sim_attempt_crash(struct sim *s, struct agenda_event *e);
/* Its schedule wants it to end. */
void sim_attempt_cancel(struct sim *s, struct sim_attempt *a);
/* Its host dies. */
void sim_attempt_die(struct sim *s, struct sim_attempt *a);
/* Its host died, and it goes back. */
void sim_attempt_recover(struct sim *s, struct sim_attempt *a);
void sim_attempt_free(struct sim_attempt **a);
/* A job goes on, or is over, until then: its wait is counted. All: those of the end. */
void sim_attempt_waited(struct sim *s, const struct job_id *id, int64_t until_ms);
void sim_attempt_waited_all(struct sim *s, bool count);

/* ---- sim_children.c */

/* Those of a model; those that its code had committed at that age. */
void sim_children_make(struct sim *s, const struct sim_attempt *a, struct sim_commit *c);
void sim_children_of_plugin(struct sim *s, const struct sim_attempt *a, int64_t age_ms,
                            struct sim_commit *c);

/* ---- sim_flows.c */

/* A commit that is under way makes a member, or says what comes behind all of them. */
void sim_flows_grow(struct sim *s, const struct job_id *opener, const char *type, bool keyed);
void sim_flows_then(struct sim *s, const struct job_id *opener, const char *type, const char *then);
/* NULL = none of that opener. */
struct sim_flow *sim_flows_find(struct sim *s, const struct job_id *opener);
/* A job has ended; `flow` is that which it is a member of, zero = none. */
void sim_flows_ended(struct sim *s, const struct job_id *id, const struct job_id *flow,
                     enum job_state state);
/* Its cancel was taken by the store. */
void sim_flows_cancelled(struct sim *s, const struct store_move_item *item);
/* Cancels whom it has to, and tells of those that closed. */
void sim_flows_look(struct sim *s);
int sim_flows_get(struct sim *s, const struct sim_flow *f, struct store_flow *ret);
void sim_flows_finish(struct sim *s);

/* ---- sim_waits.c */

#define SIM_WAITS_KEY "sim"
/* The question of its handler, or the event that it waits for. */
void sim_waits_begin(struct sim *s, const struct sim_attempt *a, enum park_reason park,
                     struct sim_commit *c);
/* 0, or negative errno: it was not published. */
int sim_waits_publish(struct sim *s, const char *name, const char *payload, const char *user);
size_t sim_waits_resolve(struct sim *s, const char *type, const char *answer);
/* Jobs of a type that are not over; of those parked for `park` only, unless that is -1. How many there are. */
size_t sim_waits_each(struct sim *s, const char *type, int park,
                      void (*each)(struct sim *s, const struct store_job *job, const void *arg),
                      const void *arg);

/* ---- sim_acts.c */

int sim_acts_init(struct sim *s);

/* ---- sim_plugin.c */

void sim_plugin_begin(struct sim *s, struct sim_attempt *a);
/* What its code had committed at that age. */
void sim_plugin_commit(struct sim *s, const struct sim_attempt *a, int64_t age_ms,
                       struct sim_commit *c);
/* Slots that it still holds. */
void sim_plugin_end(struct sim *s, struct sim_attempt *a);
/* What was written for it while it was parked. */
void sim_plugin_recall(struct sim *s, struct sim_attempt *a);

/* ---- sim_calls.c */

int sim_calls_init(struct sim *s);
void sim_calls_go_on(struct sim *s, struct sim_attempt *a);
struct sim_remote *sim_calls_remote(struct sim *s, const char *name);
/* Whose the URL is, and where what stands behind the remote's begins; NULL = nobody's. */
struct sim_remote *sim_calls_of_url(struct sim *s, const char *url, const char **ret_path);
/* It counts a call, and decides what it says; `r` NULL: somebody who always answers. */
struct sim_said sim_calls_ask(struct sim *s, struct sim_remote *r);
/* The header lines that it tells with an answer of now. */
void sim_calls_headers(const struct sim *s, const struct sim_said *said, struct buf *out);

/* ---- sim_limits.c */

/* NULL: the configuration has none of that name, or the simulation fails. */
struct sim_limit *sim_limits_find(struct sim *s, const char *name);
/* done() comes before or after it returns. */
void sim_limits_wish(struct sim *s, struct sim_limit *l, struct sim_wish *w);
/* As if it had never been. */
void sim_limits_withdraw(struct sim *s, struct sim_wish *w);
/* The call is over; `hint` may be NULL. These three do nothing for a ticket that holds nothing. */
void sim_limits_answered(struct sim *s, struct sim_ticket *t, const struct limiter_hint *hint);
/* It was never made. */
void sim_limits_give_back(struct sim *s, struct sim_ticket *t);
/* Its host is dead: its slots end with their lease. */
void sim_limits_forget(struct sim *s, struct sim_ticket *t);
/* Nothing is granted for so long. */
void sim_limits_close(struct sim *s, struct sim_limit *l, int64_t for_ms);
/* A job is parked for it: it can be woken before its time. */
void sim_limits_parked(struct sim_limit *l, const struct job_id *id);
void sim_limits_finish(struct sim *s);

/* ---- sim_slots.c */

/* True: it is to have a slot first, and goes on by itself when it has one, or ends. */
bool sim_slots_wants(struct sim *s, struct sim_attempt *a);
void sim_slots_begun(struct sim *s, struct sim_attempt *a);
void sim_slots_end(struct sim *s, struct sim_attempt *a, const struct attempt_report *report);
/* How many more of its jobs may be claimed; whether its limiter is shut. */
uint32_t sim_slots_room(struct sim *s, const struct sim_lane *lane);
void sim_slots_facts(struct sim *s, struct sim_lane *lane, struct job_facts *ret);

/* ---- sim_breakers.c */

/* Do all of the lane wait for one? */
void sim_breakers_facts(struct sim *s, struct sim_lane *lane, struct job_facts *ret);
/* One of its jobs at a time. */
bool sim_breakers_probing(struct sim *s, const struct sim_lane *lane);
/* NULL: it may start. Else the one for which it waits, and until when. */
struct sim_breaker *sim_breakers_admit(struct sim *s, struct sim_attempt *a, int64_t *ret_until_ms);
/* The job is parked for it. */
void sim_breakers_parked(struct sim *s, struct sim_breaker *b, const struct job_id *id);
/* `scope` is the failure's own; NULL = the handler's. May put off when it runs again. */
void sim_breakers_learn(struct sim *s, struct sim_attempt *a, const struct attempt_report *report,
                        const char *scope, struct outcome *o);
void sim_breakers_finish(struct sim *s);

/* ---- sim_faults.c */

int sim_faults_init(struct sim *s);
/* How likely an attempt of the type crashes now. */
double sim_faults_crash(const struct sim *s, const struct sim_type *type);
/* A host begins to work. */
void sim_faults_boot(struct sim *s, unsigned host);

/* ---- sim_verify.c */

void sim_verify_all(struct sim *s);

#endif
