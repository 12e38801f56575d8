/* A scenario: what is simulated, as its file says it. Tables of keys like the configuration's, read by the same code
 * (config/config_part.h): docs/sim.md has all of them.
 *
 *     config    the schedules, queues, jobs, limits and breakers of the real host
 *     hosts     how many there are, and what each can do at once
 *     arrivals  jobs that come from outside          remotes   whom handlers call
 *     handlers  what a job of a type does            faults    what goes wrong, and when
 *     acts      what people do meanwhile             expect    what must hold in the end */
#ifndef JOBHOST_SIM_SCENARIO_H
#define JOBHOST_SIM_SCENARIO_H

#include "config/config.h"
#include "config/config_part.h"
#include "jobhost_plugin.h"

enum {
    SCENARIO_HOSTS_MAX = 64,
    SCENARIO_SLOTS_MAX = 1000,
    SCENARIO_ARRIVALS_MAX = 200,
    SCENARIO_HANDLERS_MAX = 1000,
    SCENARIO_REMOTES_MAX = 100,
    SCENARIO_FAULTS_MAX = 1000,
    SCENARIO_ACTS_MAX = 1000,
    SCENARIO_CALLS_MAX = 10000,
    SCENARIO_CHILDREN_MAX = 1000,
    SCENARIO_USERS_MAX = 1000000,
    SCENARIO_ANSWERS_MAX = 1000,
    SCENARIO_RATE_MAX = 100000, /* of a remote: it remembers so many calls */
};
#define SCENARIO_EVENTS_MAX INT64_C(1000000000)

/* "200ms..3s", or "1s" for both. Drawn evenly. */
struct scenario_span {
    int64_t min_ms, max_ms;
};

/* What a job of a type does. */
struct scenario_handler {
    struct config_entry entry; /* name = job type */
    const char *plugin;        /* whose code runs, absolute; NULL = a model */
    const char *takes_text;
    double fails[JH_E_UNKNOWN + 1]; /* by jh_class: how likely an attempt ends so */
    double crash;
    const char *scope; /* of its breakers: type | user */
    int64_t retry_after_ms;
    int64_t calls; /* 0 = it calls nobody */
    int64_t call_wait_ms;
    const char *limit, *remote;
    const char *call_takes_text;
    const char *child;
    int64_t children;
    bool waits; /* for them, before it ends */
    const char *then;
    const char *on_dead; /* continue | fail */
    const char *asks;    /* a question for an operator; NULL = none */
    const char *event;   /* that it waits for; NULL = none */
    int64_t event_for_ms;
    /* worked out */
    struct scenario_span takes, call_takes;
};

/* What a remote says to calls of a plugin's code. */
struct scenario_answer {
    struct config_entry entry;
    const char *path; /* behind the remote's URL; one that ends with '*' is a beginning */
    int64_t status;
    const char *body; /* JSON */
};

struct scenario_remote {
    struct config_entry entry;
    const char *url; /* calls to URLs that begin so are its; NULL = none */
    const char *takes_text;
    struct scenario_answer *answers;
    size_t answer_count;
    struct scenario_span takes; /* worked out */
    int64_t rate, per_ms;       /* accepted calls in any `per`; 0 = any number */
    int64_t retry_after_ms;
    const char **headers; /* that its answers have */
    size_t header_count;
    int64_t others_ms; /* between calls of others, 0 = there are none */
};

struct scenario_arrival {
    struct config_entry entry; /* where it stands */
    const char *job, *queue, *key, *payload, *user;
    int64_t every_ms, from_ms, until_ms; /* from the beginning on; until 0 = the end */
    int64_t users, count;                /* at a time */
    bool steady;
};

enum scenario_fault_kind {
    FAULT_CRASH,
    FAULT_STORM,
    FAULT_DOWN,
    FAULT_CLOCK,
    FAULT_HOST,
    FAULT_STORE,
    FAULT_KINDS
};

struct scenario_fault {
    struct config_entry entry;
    int64_t at_ms, for_ms; /* since the beginning */
    const char *crash, *storm, *down, *clock_text;
    double probability;
    int64_t host; /* from 1; 0 = this is about none */
    bool store;
    int64_t retry_after_ms;
    /* worked out */
    enum scenario_fault_kind kind;
    int64_t clock_ms;
    const struct scenario_remote *remote;
};

struct scenario_expect_remote {
    struct config_entry entry;
    int64_t most, per_ms; /* calls that come to it in any `per`; 0 = not looked at   */
    double used;          /* of what its rate allows; 0 = not looked at             */
};

/* What is expected of some jobs. Counts of -1 and times of 0: not looked at. */
struct scenario_expect_jobs {
    struct config_entry entry; /* name = job type or user; none: of all */
    int64_t dead, succeeded;
    int64_t wait_p99_ms, wait_max_ms;
};

enum scenario_act_kind {
    ACT_PUBLISH,
    ACT_RESOLVE,
    ACT_CANCEL,
    ACT_PAUSE_QUEUE,
    ACT_PAUSE_SCHEDULE,
    ACT_KINDS
};

/* What people do. */
struct scenario_act {
    struct config_entry entry;
    int64_t at_ms, for_ms, every_ms; /* since the beginning; every 0 = once */
    const char *publish, *payload, *user;
    const char *resolve, *answer;
    const char *cancel, *pause_queue, *pause_schedule;
    /* worked out */
    enum scenario_act_kind kind;
    const char *what; /* a job type, queue, schedule */
};

/* -1: not looked at. */
struct scenario_expect {
    struct scenario_expect_jobs all;
    int64_t over_rate;
    int64_t late_p99_ms, late_max_ms;
    bool each_time_once, each_flow_once;
    int64_t flows_closed;
    struct scenario_expect_remote *remotes;
    size_t remote_count;
    struct scenario_expect_jobs *types, *users;
    size_t type_count, user_count;
};

struct scenario {
    const char *config; /* absolute, or NULL */
    const char *from;
    int64_t from_ms, for_ms, seed, events;
    int64_t hosts, slots;
    struct scenario_arrival *arrivals;
    size_t arrival_count;
    struct scenario_handler *handlers;
    size_t handler_count;
    struct scenario_remote *remotes;
    size_t remote_count;
    struct scenario_fault *faults;
    size_t fault_count;
    struct scenario_act *acts;
    size_t act_count;
    struct scenario_expect expect;
    struct config_part part; /* owns the texts */
};

extern const struct config_table scenario_table;

/* 0, or -EINVAL: report->errors > 0. The report is finished by its reader, the scenario with scenario_finish(). */
int scenario_load(const char *path, const struct config_env *env, struct scenario *ret,
                  struct config_report *report);
int scenario_load_text(const char *name, struct bytes text, const struct config_env *env,
                       struct scenario *ret, struct config_report *report);
void scenario_finish(struct scenario *s);

/* NULL = none. */
const struct scenario_handler *scenario_handler(const struct scenario *s, const char *type);
const struct scenario_remote *scenario_remote(const struct scenario *s, const char *name);

/* "200ms..3s": 0, or -EINVAL with the reason. */
int scenario_span_parse(const char *text, struct scenario_span *ret, struct err *e);
/* "+3h", "-10m". */
int scenario_jump_parse(const char *text, int64_t *ret_ms, struct err *e);

#endif
