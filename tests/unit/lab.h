/* A supervisor in the laboratory: a real host over SQLite in a folder of its own, in the test's
 * process, whose workers are no processes but socket ends that the test holds. Time stands still
 * until the test moves it.
 *
 *     test ── lab_worker ══ packets, start page ══ struct worker ── pools, dispatch ── store
 *
 * Waits turn the host's loop; one that lasts for LAB_PATIENCE_S ends the program with words. One
 * lab at a time. */
#ifndef JOBHOST_TESTS_LAB_H
#define JOBHOST_TESTS_LAB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/outcome.h"
#include "record/messages.h"
#include "record/start_page.h"
#include "supervisor/host.h"

enum { LAB_PATIENCE_S = 30, LAB_WORKERS_MAX = 256 };

/* Stands in for a process of plugin `t`, which has the handlers of lab_handlers. */
struct lab_worker {
    pid_t pid;    /* made up */
    int sock;     /* our end; -1 once closed */
    int death_fd; /* the supervisor's pidfd is a copy */
    bool dead;
    int status;                           /* wait status */
    int signal;                           /* the last one the supervisor sent */
    bool immortal;                        /* signals are noted and nothing else happens */
    bool reaped;                          /* the supervisor has taken its status */
    uint32_t steps_version, oldest_steps; /* what its handlers say of steps; 0: 1, and none older */
    bool restartable;
    struct start_page *page;
    struct record_packet *in;
    struct record_writer out;
};

struct lab_options {
    const char *plugin; /* keys of plugins.t, as flow: "workers: 2, threads: 1" */
    const char *store;  /* keys of store: "budget: {kv: 1KiB}" */
    const char *more;   /* further sections of the configuration */
    bool faulty;        /* the store is store/faulty over SQLite */
    bool spool;         /* the faulty one has a spool in front   */
    bool away;          /* and cannot be reached at first        */
    bool shared;        /* it says that other hosts use it too   */
    bool breakers;      /* failures open some */
    bool loud;          /* log to stderr */
    bool strict;
};

struct event;
struct worker;
struct lab_get {
    struct store_get op;
    bool done;
    struct lab_get *next;
};

struct lab {
    struct host *host;
    struct store store;   /* the host's, behind one that counts */
    unsigned outstanding; /* operations with it                 */
    uint64_t posted;
    uint64_t posted_of[STORE_OP_KINDS];
    struct {
        int64_t lease_ms;
        uint32_t running;
    } beat; /* the last sign of life */
    struct lab_get *gets;
    struct event *ticker;
    struct env_clock_file clock;   /* the jobs' */
    struct env_clock_file outside; /* stands in for real time */
    struct config_env *env;
    char dir[128], url[256], fallback[256];
    struct lab_options options;
    struct lab_worker *workers[LAB_WORKERS_MAX];
    unsigned spawned, taken; /* workers made, and of those given to the test */
    bool refuse_spawn;
    pid_t next_pid;
};

enum lab_handler { LAB_FAST, LAB_SLOW, LAB_HANDLERS };
extern const char *const lab_handlers[LAB_HANDLERS]; /* "t.fast", "t.slow" */

struct lab *lab_open(const struct lab_options *options);
/* Ends the host as SIGTERM does, and waits for it. Workers that the test leaves alive are killed
 * when the grace is over, so it has to move the time then. */
void lab_stop(struct lab *lab);
/* Closes the host whatever it is doing; the folder stays for lab_reopen(). */
void lab_shut(struct lab *lab);
void lab_reopen(struct lab *lab);
/* Other keys of plugins.t stand in the configuration from the next start or reload on. */
void lab_configure_plugin(struct lab *lab, const char *plugin);
/* Other code stands in its plugin's file from the next start or reload on. */
void lab_change_plugin(struct lab *lab, const char *content);
/* The same in two steps. */
void lab_reopen_only(struct lab *lab);
void lab_wait_running(struct lab *lab);
void lab_close(struct lab *lab);

void lab_turn(struct lab *lab);
void lab_until(struct lab *lab, bool (*is_so)(struct lab *lab, void *arg), void *arg,
               const char *what);
/* Turns until nothing is under way that could go on by itself: all that was posted to the store has
 * been answered. */
void lab_settle(struct lab *lab);
void lab_advance(struct lab *lab, int64_t ms);
/* The jobs' clock stands meanwhile. */
void lab_advance_outside(struct lab *lab, int64_t ms);
int64_t lab_wall_ms(struct lab *lab);

/* ---- workers ---- */

/* The next one that the supervisor has started. */
struct lab_worker *lab_worker(struct lab *lab);
void lab_say_hello(struct lab_worker *w);
/* WELCOME, HELLO, CONFIG, READY. */
void lab_shake_hands(struct lab *lab, struct lab_worker *w);
/* A started worker, ready for jobs. */
struct lab_worker *lab_ready_worker(struct lab *lab);

/* The next record of this type; others are passed over. Its strings live until the next call. */
struct record lab_expect(struct lab *lab, struct lab_worker *w, enum record_type type);
/* As above for JOB: its slot. */
uint64_t lab_expect_job(struct lab *lab, struct lab_worker *w);
/* The next record if there is one: true. Reads what has been sent, turns nothing. */
bool lab_next(struct lab_worker *w, struct record *ret);

/* Sends what has been put into w->out. */
void lab_flush(struct lab_worker *w);
void lab_send(struct lab_worker *w, enum record_type type, uint64_t slot);
void lab_send_u32(struct lab_worker *w, enum record_type type, uint64_t slot, uint32_t value);
void lab_send_packet(struct lab_worker *w, const void *data, size_t len);
void lab_done(struct lab_worker *w, uint64_t slot, int32_t status, int32_t cls);
void lab_effect_kv(struct lab_worker *w, uint64_t slot, const char *key, const char *value);
void lab_effect_child(struct lab_worker *w, uint64_t slot, size_t payload_len);
/* Writes the start page; slot 0 = that thread is idle again. */
void lab_begin(struct lab *lab, struct lab_worker *w, unsigned thread, uint64_t slot);
/* Takes the next job and begins it on thread 0: its slot. */
uint64_t lab_start(struct lab *lab, struct lab_worker *w);
/* Its process ends with this wait status. */
void lab_die(struct lab_worker *w, int status);
/* Dies, and the supervisor has buried it. */
void lab_bury(struct lab *lab, struct lab_worker *w, int status);
unsigned lab_live_workers(const struct lab *lab);
/* Frees the workers that are buried. */
void lab_clear_away(struct lab *lab);

/* ---- jobs ---- */

struct job_id lab_submit(struct lab *lab, enum lab_handler handler);
struct job_id lab_submit_to(struct lab *lab, const char *queue, const char *type);
/* The job as the store has it; freed with the lab. */
const struct store_job *lab_job(struct lab *lab, const struct job_id *id);
enum job_state lab_state(struct lab *lab, const struct job_id *id);
/* The worker of this pid as the supervisor sees it; NULL = buried. */
struct worker *lab_seen(struct lab *lab, const struct lab_worker *w);
/* Until the store has it in this state. */
void lab_expect_state(struct lab *lab, const struct job_id *id, enum job_state state);

/* ---- what must always hold ---- */

/* No attempt in hand, and every count of them back to zero. */
void lab_check_idle(struct lab *lab);
/* fsck finds nothing. */
void lab_check_sound(struct lab *lab);
/* How a test ends: nothing is under way, all of that holds, the host stops, and the lab is gone. */
void lab_end(struct lab *lab);

_Noreturn void lab_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
