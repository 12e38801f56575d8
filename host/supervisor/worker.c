#define _GNU_SOURCE
#include "supervisor/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "supervisor/confine.h"
#include "supervisor/dispatch.h"
#include "supervisor/handover.h"
#include "supervisor/host.h"
#include "supervisor/lane.h"
#include "supervisor/memory.h"
#include "supervisor/pool_private.h"
#include "supervisor/query_worker.h"
#include "supervisor/spawn.h"
#include "supervisor/worker_check.h"

enum {
    WORKER_READS_PER_TURN = 16, /* packets, so that one chatty worker does not hold the loop */
    WORKER_RECORD_ROOM = 4096,  /* of a record besides its payload                           */
    WORKER_EST_UNKNOWN_US = 5000,
};

/* ------------------------------------------------------------------ sending */

static struct out_packet *worker_new_packet(struct worker *w) {
    struct out_packet *p = w->out_count >= WORKER_PACKETS_MAX ? NULL : calloc(1, sizeof *p);
    if (p != NULL) {
        TAILQ_INSERT_TAIL(&w->out, p, link);
        w->out_count++;
    }
    return p;
}

struct record_writer *worker_out(struct worker *w, size_t need) {
    if (w->state == WORKER_GONE || w->eof) {
        return NULL;
    }
    struct out_packet *p = TAILQ_LAST(&w->out, out_packets);
    if (p == NULL || p->w.packet.len + need + WORKER_RECORD_ROOM > RECORD_PACKET_MAX ||
        p->w.fd_count == RECORD_FDS_MAX) {
        p = worker_new_packet(w);
        if (p == NULL) {
            worker_kill(w, "it does not read what it is sent");
            return NULL;
        }
    }
    pool_want_flush(w);
    return &p->w;
}

void worker_flush(struct worker *w) {
    struct out_packet *p;
    while (!w->eof && (p = TAILQ_FIRST(&w->out)) != NULL) {
        int r = record_send(&p->w, w->sock);
        if (r == -EAGAIN) {
            w->blocked = true;
            (void)event_add(w->ev_write, NULL);
            return;
        }
        TAILQ_REMOVE(&w->out, p, link);
        w->out_count--;
        record_writer_finish(&p->w);
        free(p);
        if (r != 0) {
            if (r != -EPIPE && r != -ECONNRESET) { // else the reading side notices its end
                worker_kill(w, "it could not be written to");
            }
            break;
        }
    }
    if (w->blocked) {
        w->blocked = false;
        dispatch_kick(w->host);
    }
}

static void worker_writable(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    worker_flush(arg);
}

/* ------------------------------------------------------------------ death */

static void worker_cancel_timers(struct worker *w) {
    timer_cancel(w->host->timers, &w->start_timer);
    timer_cancel(w->host->timers, &w->end_timer);
    timer_cancel(w->host->timers, &w->check_timer);
    timer_cancel(w->host->timers, &w->memory_timer);
}

static void worker_end_of_stream(struct worker *w);

static void worker_end_late(struct timer *t, void *arg) {
    struct worker *w = arg;
    (void)t;
    if (w->eof) {
        worker_kill(w, "it closed its socket and lived on");
    } else {
        worker_end_of_stream(w); // it is dead; a process that it left behind holds the socket
    }
}

/* Process and socket end in either order, and usually at once. */
static void worker_wait_for_end(struct worker *w) {
    (void)timer_set(w->host->timers, &w->end_timer,
                    env_mono_ms(&w->host->env) + WORKER_KILL_AFTER_MS);
}

static void worker_gone(struct worker *w) {
    if (!w->eof || !w->reaped) {
        return;
    }
    worker_cancel_timers(w);
    w->state = WORKER_GONE;
    pool_on_gone(w);
}

/* The process is dead, but what it sent before is still in the socket. */
static void worker_exited(evutil_socket_t fd, short what, void *arg) {
    struct worker *w = arg;
    (void)fd;
    (void)what;
    if (!w->host->spawn->reap(w->pid, false, &w->end)) {
        return;
    }
    w->reaped = true;
    confine_end(w);
    (void)event_del(w->ev_pid);
    worker_wait_for_end(w);
    worker_gone(w);
}

static void worker_end_of_stream(struct worker *w) {
    w->eof = true;
    (void)event_del(w->ev_read);
    (void)event_del(w->ev_write);
    worker_wait_for_end(w);
    worker_gone(w);
}

void worker_kill(struct worker *w, const char *why) {
    if (w->reaped || w->killed_by_us) {
        return;
    }
    w->killed_by_us = true;
    w->kill_why = why;
    w->host->spawn->signal(w->pid, SIGKILL);
}

void worker_term(struct worker *w) {
    if (!w->reaped) {
        w->host->spawn->signal(w->pid, SIGTERM);
    }
}

/* ------------------------------------------------------------------ receiving */

/* After a breach of the protocol the worker is killed, and read on to its end, believing nothing.
 */
static void worker_take_packet(struct worker *w, struct record_packet *packet) {
    struct record r;
    struct err e = {.code = 0};
    int more;
    while ((more = record_next(packet, &r)) == 1) {
        int err = worker_record(w, &r, &e);
        if (w->distrusted) {
            return; // it has been killed for what it said
        }
        if (err != 0) {
            more = err;
            break;
        }
    }
    if (more == 0) {
        return;
    }
    snprintf(w->fail_text, sizeof w->fail_text, "%s",
             e.msg[0] == '\0' ? "what it sent is no record" : e.msg);
    log_error(&w->host->log, "worker.protocol", "plugin=%s pid=%d status=%d msg=\"%s\"",
              w->pool->config->entry.name, (int)w->pid, more, w->fail_text);
    w->distrusted = true;
    worker_kill(w, "it broke the protocol");
}

static void worker_readable(evutil_socket_t fd, short what, void *arg) {
    struct worker *w = arg;
    struct record_packet *packet = &w->host->packet;
    (void)fd;
    (void)what;
    w->seen_us = env_stopwatch_us();
    for (int i = 0; i < WORKER_READS_PER_TURN; i++) {
        int r = record_recv(packet, w->sock);
        if (r == -EAGAIN) {
            return;
        }
        if (r == 1) {
            if (!w->distrusted) {
                worker_take_packet(w, packet);
            }
        } else if (r == -EBADMSG) {
            w->distrusted = true;
            worker_kill(w, "it sent a packet that is too large");
        } else {
            worker_end_of_stream(w);
            return;
        }
    }
}

/* ------------------------------------------------------------------ life */

static void worker_start_late(struct timer *t, void *arg) {
    struct worker *w = arg;
    int64_t left = w->pool->config->start_timeout_ms - (env_stopwatch_us() - w->spawned_us) / 1000;
    if (left > 0) { // a test has moved the clock
        (void)timer_set(w->host->timers, t, env_mono_ms(&w->host->env) + left);
        return;
    }
    snprintf(w->fail_text, sizeof w->fail_text, "not ready after start_timeout (%lld ms), while %s",
             (long long)w->pool->config->start_timeout_ms,
             w->state == WORKER_SPAWNED ? "loading" : "in create()");
    worker_kill(w, "it did not become ready in time");
}

/* Several in half a lease, which a worker takes for silence. */
static int64_t worker_ping_ms(int64_t lease_ms) {
    return lease_ms / 6 < WORKER_PING_MS ? lease_ms / 6 : WORKER_PING_MS;
}

static int worker_welcome(struct worker *w) {
    struct record_writer *out = worker_out(w, 0);
    char data_dir[4096];
    snprintf(data_dir, sizeof data_dir, "%s/data/%s", w->host->config->host.state_dir,
             w->pool->config->entry.name);
    if (out == NULL) {
        return -ENOMEM;
    }
    int r = confine_put(out, w->pool->config, data_dir, w->pool->snapshot.path);
    if (r != 0) {
        return r;
    }
    return msg_welcome_put(
        out, 0,
        &(struct msg_welcome){
            .wire_version = RECORD_WIRE_VERSION,
            .plugin = w->pool->config->entry.name,
            .snapshot = w->pool->snapshot.path,
            .sha256 = w->pool->snapshot.sha256,
            .threads = w->querier != NULL ? QUERY_THREADS : (uint32_t)w->pool->config->threads,
            .ping_ms = worker_ping_ms(w->host->config->host.lease_ms),
            .lease_ms = w->host->config->host.lease_ms,
            .log_level = (uint32_t)w->host->log.level,
            .data_dir = data_dir,
        });
}

static int worker_events(struct worker *w) {
    struct event_base *base = w->host->base;
    w->ev_read = event_new(base, w->sock, EV_READ | EV_PERSIST, worker_readable, w);
    w->ev_write = event_new(base, w->sock, EV_WRITE, worker_writable, w);
    w->ev_pid = event_new(base, w->pidfd, EV_READ | EV_PERSIST, worker_exited, w);
    if (w->ev_read == NULL || w->ev_write == NULL || w->ev_pid == NULL ||
        event_add(w->ev_read, NULL) == -1 || event_add(w->ev_pid, NULL) == -1) {
        return -ENOMEM;
    }
    return 0;
}

static struct worker *worker_new(struct pool *pool) {
    struct worker *w = calloc(1, sizeof *w);
    // more places than it can have attempts, so that a free one is always near
    uint64_t places = 64;
    while (places <= (uint64_t)pool->config->threads * (RECORD_WINDOW_MAX + 1)) {
        places *= 2;
    }
    if (w == NULL || (w->slots = calloc(places, sizeof(struct attempt *))) == NULL) {
        free(w);
        return NULL;
    }
    w->slot_mask = places - 1;
    w->pool = pool;
    w->host = pool->host;
    w->sock = w->pidfd = -1;
    TAILQ_INIT(&w->out);
    TAILQ_INIT(&w->attempts);
    timer_init(&w->start_timer, worker_start_late, w);
    timer_init(&w->end_timer, worker_end_late, w);
    timer_init(&w->check_timer, worker_check, w);
    timer_init(&w->memory_timer, memory_check, w);
    return w;
}

struct worker *worker_spawn(struct pool *pool, struct querier *querier, struct err *e) {
    struct host *host = pool->host;
    struct worker *w = worker_new(pool);
    if (w == NULL) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    struct spawned s;
    if (host->spawn->start(host->worker_program, pool->config->entry.name, &s, e) != 0) {
        worker_free(w);
        return NULL;
    }
    w->querier = querier;
    w->pid = s.pid;
    w->pidfd = s.pidfd;
    w->sock = s.sock;
    w->page = s.page;
    w->page_fd = s.page_fd;
    w->spawned_mono_ms = env_mono_ms(&host->env);
    w->spawned_us = w->seen_us = env_stopwatch_us();
    confine_begin(w);
    if (worker_events(w) != 0 || worker_welcome(w) != 0 ||
        timer_set(host->timers, &w->start_timer,
                  w->spawned_mono_ms + pool->config->start_timeout_ms) != 0) {
        err_set(e, -ENOMEM, "out of memory");
        worker_kill(w, "it could not be set up");
        w->reaped = host->spawn->reap(w->pid, true, &w->end);
        confine_end(w);
        worker_free(w);
        return NULL;
    }
    worker_check_by(w, w->spawned_mono_ms + (int64_t)WORKER_PING_MS * WORKER_HUNG_PINGS);
    return w;
}

struct worker *worker_adopt(struct pool *pool, const struct handover_worker *from) {
    struct host *host = pool->host;
    struct worker *w = worker_new(pool);
    int type = 0;
    socklen_t len = sizeof type;
    if (w == NULL) {
        return NULL;
    }
    w->pid = from->pid;
    w->pidfd = from->pidfd;
    w->sock = from->sock;
    w->page_fd = from->page_fd;
    w->page = start_page_map(w->page_fd);
    if (w->page == NULL || getsockopt(w->sock, SOL_SOCKET, SO_TYPE, &type, &len) == -1 ||
        type != SOCK_SEQPACKET || worker_events(w) != 0) {
        worker_free(w);
        return NULL;
    }
    w->state = from->draining != 0 ? WORKER_DRAINING : WORKER_READY;
    w->drained = w->state == WORKER_DRAINING;
    w->grouped = from->grouped != 0;
    w->slot_seq = from->slot_seq;
    w->jobs_done = from->jobs_done;
    w->load_begin = from->load_begin;
    w->load_end = from->load_end;
    w->spawned_mono_ms = from->spawned_mono_ms;
    w->ready_mono_ms = from->ready_mono_ms;
    w->spawned_us = w->seen_us = env_stopwatch_us();
    worker_check_by(w, env_mono_ms(&host->env));
    return w;
}

void worker_free(struct worker *w) {
    worker_cancel_timers(w);
    pool_forget_flush(w);
    struct event *events[] = {w->ev_read, w->ev_write, w->ev_pid};
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (events[i] != NULL) {
            event_free(events[i]);
        }
    }
    struct out_packet *p;
    while ((p = TAILQ_FIRST(&w->out)) != NULL) {
        TAILQ_REMOVE(&w->out, p, link);
        record_writer_finish(&p->w);
        free(p);
    }
    start_page_unmap(&w->page);
    if (w->page_fd > 0) {
        close(w->page_fd);
    }
    if (w->sock != -1) {
        close(w->sock);
    }
    if (w->pidfd != -1) {
        close(w->pidfd);
    }
    free(w->slots);
    free(w);
}

void worker_drain(struct worker *w, const char *why) {
    if (w->querier != NULL) {
        querier_retire(w, why);
        return;
    }
    if (w->state == WORKER_DRAINING) {
        return;
    }
    if (w->state != WORKER_READY) {
        worker_kill(w, why);
        return;
    }
    w->state = WORKER_DRAINING;
    w->pool->ready_count--;
    w->pool->draining++;
    w->drained = true;
    struct record_writer *out = worker_out(w, 0);
    if (out != NULL) {
        record_begin(out, REC_DRAIN, 0);
        (void)record_end(out);
    }
}

/* ------------------------------------------------------------------ the window */

static int64_t worker_est_us(const struct lane *lane) {
    return lane->est_us == 0 ? WORKER_EST_UNKNOWN_US : (int64_t)lane->est_us;
}

bool worker_has_room(const struct worker *w, const struct attempt *a) {
    uint32_t threads = (uint32_t)w->pool->config->threads;
    const struct lane *lane = a->lane;
    if (w->state != WORKER_READY || w->blocked || w->eof || w->reaped || w->kill_why != NULL) {
        return false;
    }
    if (attempt_is_suspect(a) || w->alone || w == w->pool->kept) {
        return attempt_is_suspect(a) && w->outstanding == 0;
    }
    if (w->outstanding < threads || pool_is_one_job(w->pool)) {
        return w->outstanding < threads;
    }
    return w->outstanding < threads * (RECORD_WINDOW_MAX + 1) &&
           worker_est_us(lane) < WORKER_EST_UNKNOWN_US &&
           w->load_us + worker_est_us(lane) <= (int64_t)WORKER_EST_UNKNOWN_US * threads;
}

static uint64_t worker_new_slot(struct worker *w) {
    do {
        w->slot_seq++;
    } while (w->slots[w->slot_seq & w->slot_mask] != NULL);
    return w->slot_seq;
}

struct attempt *worker_slot(const struct worker *w, uint64_t slot) {
    struct attempt *a = w->slots[slot & w->slot_mask];
    return a != NULL && a->slot == slot ? a : NULL;
}

static int worker_send_job(struct worker *w, const struct attempt *a) {
    const struct store_claimed *job = a->job;
    const struct job_spec *spec = &job->spec;
    struct msg_input inputs[JOB_FILES_MAX];
    char id[JOB_ID_TEXT + 1];
    id_format(&spec->id, id);
    for (size_t i = 0; i < spec->file_count; i++) {
        inputs[i] = (struct msg_input){.name = spec->files[i].name,
                                       .filename = spec->files[i].filename,
                                       .content_type = spec->files[i].content_type,
                                       .size = spec->files[i].blob.size};
        memcpy(inputs[i].sha256, spec->files[i].blob.sha256, sizeof inputs[i].sha256);
    }
    size_t inline_len = spec->payload.len > RECORD_INLINE_MAX ? 0 : spec->payload.len;
    struct record_writer *out =
        worker_out(w, inline_len + spec->file_count * (2 * JOB_FILE_NAME_MAX + 256));
    if (out == NULL) {
        return -EPIPE;
    }
    return msg_job_put(out, a->slot,
                       &(struct msg_job){
                           .handler = a->handler,
                           .attempt = (uint32_t)job->counters.attempts + 1,
                           .id = id,
                           .dedup_key = spec->dedup_key,
                           .content_type = spec->content_type,
                           .payload = {.data = spec->payload},
                           .deadline_ms = spec->deadline_ms,
                           .steps_version = job->steps_version,
                           .input_count = (uint32_t)spec->file_count,
                           .queue = spec->queue,
                           .tenant = spec->tenant,
                           .labels = spec->labels,
                           .flow_id = spec->flow_id,
                           .nominal_ms = spec->nominal_ms,
                           .first_run_ms = job->first_run_ms,
                           .seed = id_seed(&spec->id),
                           .commit_no = a->commit_no,
                           .timeout_ms = spec->timeout_ms,
                           .max_result = (uint64_t)a->lane->queue->config->max_result,
                           .inputs = inputs,
                       });
}

/* A pinned generation has a manifest of its own. */
static uint32_t worker_handler(const struct worker *w, const struct attempt *a) {
    const struct pool_manifest *m = &w->pool->manifest;
    const struct pool_handler *h =
        w->pool == a->lane->pool ? NULL : pool_find_handler(w->pool, a->lane->type);
    return h == NULL ? a->lane->handler : (uint32_t)(h - m->handlers);
}

static void worker_enter(struct worker *w, struct attempt *a) {
    a->worker = w;
    a->pid = w->pid;
    a->cost_us = worker_est_us(a->lane);
    w->slots[a->slot & w->slot_mask] = a;
    TAILQ_INSERT_TAIL(&w->attempts, a, link);
    w->outstanding++;
    w->alone = attempt_is_suspect(a);
    w->load_us += a->cost_us;
    memory_watch(w);
    disk_watch(w->pool);
}

int worker_take_attempt(struct worker *w, struct attempt *a) {
    bool free =
        w->slots[a->slot & w->slot_mask] == NULL && a->handler < w->pool->manifest.handler_count;
    if (free) {
        worker_enter(w, a);
    }
    return free ? 0 : -EBADMSG;
}

bool worker_place(struct worker *w, struct attempt *a) {
    if (!worker_has_room(w, a)) {
        return false;
    }
    (void)fault(FAULT_CLAIM_BEFORE_DISPATCH);
    a->slot = worker_new_slot(w);
    a->handler = worker_handler(w, a);
    if (worker_send_job(w, a) != 0) {
        return false;
    }
    (void)fault(FAULT_DISPATCH_AFTER_SEND);
    a->asking = false;
    a->placed_mono_ms = a->recalled_mono_ms = env_mono_ms(&w->host->env);
    worker_enter(w, a);
    worker_check_by(w, a->placed_mono_ms + worker_check_first(w, a));
    return true;
}

void worker_forget(struct worker *w, struct attempt *a) {
    TAILQ_REMOVE(&w->attempts, a, link);
    w->slots[a->slot & w->slot_mask] = NULL;
    w->outstanding--;
    w->alone = w->alone && w->outstanding > 0;
    w->load_us -= a->cost_us;
}

struct attempt *worker_runs(const struct worker *w, int64_t thread, int64_t *ret_since_ms) {
    const struct start_slot *slot = &w->page->thread[thread];
    struct attempt *a = worker_slot(w, atomic_load_explicit(&slot->job, memory_order_acquire));
    if (a != NULL) {
        int64_t since = atomic_load_explicit(&slot->since_us, memory_order_relaxed) / 1000;
        int64_t now = env_mono_ms(&w->host->env);
        since = since > now ? now : since;
        *ret_since_ms = since < a->placed_mono_ms ? a->placed_mono_ms : since;
    }
    return a;
}

bool worker_is_running(const struct worker *w, const struct attempt *a, int64_t *ret_since_ms) {
    for (int64_t i = 0; i < w->pool->config->threads; i++) {
        if (worker_runs(w, i, ret_since_ms) == a) {
            return true;
        }
    }
    return false;
}

bool worker_has_begun(const struct worker *w, const struct attempt *a) {
    for (int64_t i = 0; i < w->pool->config->threads; i++) {
        if (atomic_load_explicit(&w->page->thread[i].last, memory_order_acquire) >= a->slot) {
            return true;
        }
    }
    return false;
}

void worker_cancel(struct worker *w, struct attempt *a) {
    struct record_writer *out = worker_out(w, 64);
    if (out == NULL) {
        return;
    }
    // whichever comes first: an unstarted job comes back, a running one hears of it
    record_begin(out, REC_RECALL, a->slot);
    (void)record_end(out);
    record_begin(out, REC_CANCEL, a->slot);
    record_u32(out, a->cancel_mask);
    (void)record_end(out);
    worker_check_by(w, env_mono_ms(&w->host->env) + w->pool->config->grace_ms);
}
