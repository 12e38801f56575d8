/* One worker process as the supervisor sees it: its socket, its window of attempts, its health and
 * its death. Loop thread only. What its records mean is in worker_records.c, its place among others
 * in pool_private.h. */
#ifndef JOBHOST_SUPERVISOR_WORKER_H
#define JOBHOST_SUPERVISOR_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/timer.h"
#include "record/messages.h"
#include "record/start_page.h"
#include "supervisor/attempt.h"
#include "supervisor/pool.h"
#include "supervisor/spawn.h"

struct event;
struct lane;
struct querier;

enum {
    WORKER_PACKETS_MAX = 1024, /* unsent packets before it counts as stuck              */
    WORKER_PING_MS = 5000,
    WORKER_HUNG_PINGS = 3,       /* missing pings that make a hung process                */
    WORKER_KILL_AFTER_MS = 2000, /* from SIGTERM to SIGKILL                               */
    WORKER_LOG_LINES = 1000,     /* a second, of its plugin, in the host's log            */
};

struct out_packet {
    struct record_writer w;
    TAILQ_ENTRY(out_packet) link;
};
TAILQ_HEAD(out_packets, out_packet);

struct worker {
    struct pool *pool;
    struct host *host;
    struct querier *querier; /* it is a query worker (query_worker.h); NULL = it runs jobs */
    enum worker_state state;
    pid_t pid;
    int pidfd, sock, page_fd; /* the last: 0 = none */
    struct event *ev_read, *ev_write, *ev_pid;
    struct start_page *page;
    struct timer start_timer;  /* load, ABI check, create()                                */
    struct timer end_timer;    /* from the end of its socket to its own end               */
    struct timer memory_timer; /* memory.c's */
    struct timer check_timer;  /* timeouts, stops, START reports, hung process             */
    int64_t check_due_ms;      /* mono; 0 = not running                                    */
    int64_t spawned_mono_ms, ready_mono_ms;
    int64_t spawned_us, seen_us; /* real time, whatever a test does to the clock           */
    struct out_packets out;
    unsigned out_count;
    bool blocked; /* the socket took no more                                              */
    bool flush_wanted;
    struct attempt **slots; /* those in its window, at slot & slot_mask                 */
    uint64_t slot_mask;
    uint64_t slot_seq;
    struct attempt_list attempts;
    uint32_t outstanding;
    int64_t load_us; /* estimated work in its window                                      */
    uint64_t jobs_done;
    bool alone; /* with a suspect: it is given nothing else */
    bool eof, reaped, said_bye;
    bool drained; /* no longer counted as ready */
    struct spawn_end end;
    bool distrusted; /* it broke the protocol */
    bool knocked;    /* it tried to come in by the admin socket */
    bool killed_by_us;
    bool grouped;         /* it has a control group                                       */
    bool over_memory;     /* and the kernel killed in it for lack of memory               */
    bool for_memory;      /* it was killed for what it took                               */
    bool for_a_job;       /* it was terminated because one of its attempts would not stop */
    bool for_drain;       /* it was killed at the hard deadline of its generation's drain */
    const char *kill_why; /* a constant                                                   */
    char fail_text[512];  /* FAIL's words                                                 */
    bool crashed;
    uint64_t crash_slot;
    struct msg_crash crash;
    uint64_t load_begin, load_end;
    int64_t log_second; /* of the count below */
    uint32_t log_lines;
    TAILQ_ENTRY(worker) link;
    TAILQ_ENTRY(worker) flush_link;
};
TAILQ_HEAD(worker_list, worker);

/* Forks and executes; the worker is `spawned`. NULL with *e on failure. `querier` is what its `querier` shall be. */
struct worker *worker_spawn(struct pool *pool, struct querier *querier, struct err *e);

/* One that another binary has started as this process; READY or draining. Its descriptors are taken. NULL: it is none, or no
 * memory. */
struct handover_worker;
struct worker *worker_adopt(struct pool *pool, const struct handover_worker *from);
/* It has this attempt in its window, at attempt->slot. 0; -EBADMSG: the place is taken. */
int worker_take_attempt(struct worker *w, struct attempt *a);

/* A packet with room for `need` more bytes; NULL: gone or out of memory. The record is sent when
 * the loop's turn ends. */
struct record_writer *worker_out(struct worker *w, size_t need);
void worker_flush(struct worker *w);

/* Could this attempt be placed? A suspect needs a worker with nothing in hand, and the others none
 * that is kept for one. */
bool worker_has_room(const struct worker *w, const struct attempt *a);
/* Puts an attempt into its window; false: it cannot take it now (the attempt stays the caller's).
 */
bool worker_place(struct worker *w, struct attempt *a);
/* Takes an attempt out of the window. */
void worker_forget(struct worker *w, struct attempt *a);
struct attempt *worker_slot(const struct worker *w, uint64_t slot);

/* The attempt that this thread runs, or NULL. *ret_since_ms = mono; never before it was placed nor
 * in the future, whatever the page says. */
struct attempt *worker_runs(const struct worker *w, int64_t thread, int64_t *ret_since_ms);
/* Is this attempt being run right now? */
bool worker_is_running(const struct worker *w, const struct attempt *a, int64_t *ret_since_ms);

/* Has it been begun, whether or not it has ended since? A worker begins its jobs in the order in
 * which it got them. */
bool worker_has_begun(const struct worker *w, const struct attempt *a);

void worker_cancel(struct worker *w, struct attempt *a);
/* No more jobs for it; what it has begun goes on, what it has not comes back. One that is not ready yet is killed, for
 * `why`: a constant. */
void worker_drain(struct worker *w, const char *why);
/* SIGKILL to its process group. `why` is a constant. */
void worker_kill(struct worker *w, const char *why);
void worker_term(struct worker *w);

/* Looks at timeouts no later than mono time `due`. */
void worker_check_by(struct worker *w, int64_t due_mono_ms);

/* The records it sends: 0, or -EBADMSG/-EPROTO with *e: kill it. */
int worker_record(struct worker *w, struct record *r, struct err *e);

void worker_free(struct worker *w);

#endif
