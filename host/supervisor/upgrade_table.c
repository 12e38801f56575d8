#include "supervisor/upgrade_table.h"

#include <errno.h>
#include <string.h>

#include "net/server.h"
#include "record/record.h"
#include "supervisor/boot.h"
#include "supervisor/dispatch.h"
#include "supervisor/effects_pack.h"
#include "supervisor/host.h"
#include "supervisor/limits.h"
#include "supervisor/pool_private.h"
#include "supervisor/reload.h"

/* ------------------------------------------------------------------ doors */

struct doors {
    struct handover *table;
    struct buf sockets, connections;
};

static void add_socket(void *arg, int fd, const char *url, bool own) {
    struct doors *d = arg;
    const struct handover_socket one = {.fd = fd, .url = url, .own = own};
    buf_add(&d->sockets, &one, sizeof one);
    d->table->socket_count++;
}

static void add_connection(void *arg, int fd, const char *url) {
    struct doors *d = arg;
    const struct handover_connection one = {.fd = fd, .url = url};
    buf_add(&d->connections, &one, sizeof one);
    d->table->connection_count++;
}

static int fill_doors(struct host *host, struct handover *h) {
    struct doors d = {.table = h};
    server_each(host->server, &(struct server_each){
                                  .socket = add_socket, .connection = add_connection, .arg = &d});
    bool ok = !d.sockets.failed && !d.connections.failed;
    h->sockets = ok ? (void *)(uintptr_t)arena_bytes(&h->arena, buf_bytes(&d.sockets)).data : NULL;
    h->connections =
        ok ? (void *)(uintptr_t)arena_bytes(&h->arena, buf_bytes(&d.connections)).data : NULL;
    ok = ok && (h->socket_count == 0 || h->sockets != NULL) &&
         (h->connection_count == 0 || h->connections != NULL);
    buf_free(&d.sockets);
    buf_free(&d.connections);
    return ok ? 0 : -ENOMEM;
}

/* ------------------------------------------------------------------ attempts */

static int fill_outputs(struct handover *h, const struct attempt *a, struct handover_attempt *ret) {
    size_t count = a->outputs.count;
    ret->outputs = arena_zalloc(&h->arena, (count + 1) * sizeof *ret->outputs);
    for (size_t i = 0; ret->outputs != NULL && i < count; i++) {
        ret->outputs[i].name = a->outputs.names[i];
    }
    ret->output_count = count;
    return ret->outputs == NULL ? -ENOMEM : 0;
}

static struct handover_ticket ticket_of(const struct limit_ticket *t) {
    return (struct handover_ticket){.limiter = limits_name(t), .id = t->id};
}

static int fill_tickets(struct handover *h, const struct attempt *a, struct handover_attempt *ret) {
    const struct limit_ticket *t;
    size_t n = 0;
    ret->tickets = arena_zalloc(&h->arena, (a->ticket_count + 1) * sizeof *ret->tickets);
    if (ret->tickets == NULL) {
        return -ENOMEM;
    }
    TAILQ_FOREACH(t, &a->tickets, of_owner) {
        ret->tickets[n++] = ticket_of(t);
    }
    if (a->slot_ticket != NULL) {
        ret->tickets[n] = ticket_of(a->slot_ticket);
        ret->tickets[n].of_job = 1;
        ret->tickets[n++].till_start = a->slot_till_start;
    }
    ret->ticket_count = n;
    return 0;
}

static int fill_effects(struct handover *h, const struct attempt *a, struct handover_attempt *ret) {
    struct buf packed = {.data = NULL};
    if (a->effects == NULL) {
        return 0;
    }
    effects_pack(a->effects, &packed);
    ret->effects = arena_bytes(&h->arena, buf_bytes(&packed));
    bool ok = !packed.failed && ret->effects.data != NULL;
    buf_free(&packed);
    return ok ? 0 : -ENOMEM;
}

static int fill_attempt(struct handover *h, const struct attempt *a, struct handover_attempt *ret) {
    *ret = (struct handover_attempt){
        .id = a->job->spec.id,
        .queue = a->lane->queue->name,
        .type = a->lane->type,
        .token = a->job->token,
        .commit_no = a->commit_no,
        .handler = a->handler,
        .cancel_mask = a->cancel_mask,
        .slot = a->slot,
        .stop = (int32_t)a->stop,
        .stalled = a->stalled,
        .result_over = a->result_over,
        .result_fd = a->result_fd > 0 ? a->result_fd : 0,
        .stop_mono_ms = a->stop_mono_ms,
        .placed_mono_ms = a->placed_mono_ms,
        .heard_mono_ms = a->heard_mono_ms,
        .started_wall_ms = a->started_wall_ms,
        .kept_mono_ms = a->outputs.kept_mono_ms,
        .result = buf_bytes(&a->result),
        .log = buf_bytes(&a->log),
        .result_type = a->result_type,
        .step = a->step,
        .progress_done = a->progress.done,
        .progress_total = a->progress.total,
        .progress_at_ms = a->progress.at_ms,
        .progress_text = a->progress_text,
    };
    int r = fill_outputs(h, a, ret);
    r = r != 0 ? r : fill_tickets(h, a, ret);
    return r != 0 ? r : fill_effects(h, a, ret);
}

/* ------------------------------------------------------------------ workers and pools */

static int fill_worker(struct handover *h, const struct worker *w, struct handover_worker *ret) {
    const struct attempt *a;
    int r = 0;
    *ret = (struct handover_worker){
        .pid = (int32_t)w->pid,
        .pidfd = w->pidfd,
        .sock = w->sock,
        .page_fd = w->page_fd,
        .draining = w->state == WORKER_DRAINING,
        .grouped = w->grouped,
        .slot_seq = w->slot_seq,
        .jobs_done = w->jobs_done,
        .load_begin = w->load_begin,
        .load_end = w->load_end,
        .spawned_mono_ms = w->spawned_mono_ms,
        .ready_mono_ms = w->ready_mono_ms,
        .attempts = arena_zalloc(&h->arena, (w->outstanding + 1) * sizeof *ret->attempts),
    };
    if (ret->attempts == NULL) {
        return -ENOMEM;
    }
    TAILQ_FOREACH(a, &w->attempts, link) {
        r = r != 0 ? r : fill_attempt(h, a, &ret->attempts[ret->attempt_count++]);
    }
    return r;
}

static int fill_notes(struct handover *h, const struct pool *pool, struct handover_pool *ret) {
    ret->notes = arena_zalloc(&h->arena, (pool->note_count + 1) * sizeof *ret->notes);
    for (uint32_t i = 0; ret->notes != NULL && i < pool->note_count; i++) {
        ret->notes[i] = (struct handover_note){.facility = pool->notes[i].facility,
                                               .text = pool->notes[i].text,
                                               .state = pool->notes[i].state};
    }
    ret->note_count = pool->note_count;
    return ret->notes == NULL ? -ENOMEM : 0;
}

static bool goes_on(const struct worker *w) {
    return w->state == WORKER_READY || w->state == WORKER_DRAINING;
}

static int fill_pool(struct handover *h, const struct pool *pool, bool serves,
                     struct handover_pool *ret) {
    const struct config_plugin *c = pool->config;
    const struct worker *w;
    char *settings = arena_alloc(&h->arena, CONFIG_DIGEST_LEN + 1);
    int r = 0;
    *ret = (struct handover_pool){
        .plugin = c->entry.name,
        .sha256 = pool->snapshot.sha256,
        .settings = pool->stale ? "" : settings,
        .isolation = c->isolation,
        .number = pool->number,
        .threads = (uint32_t)c->threads,
        .serves = serves,
        .drain_asked = pool->drain_asked,
        .drain_mono_ms = timer_running(&pool->drain_timer) ? pool->drain_timer.due_mono_ms : 0,
        .drain_soft_ms = c->drain_soft_ms,
        .drain_hard_ms = c->drain_hard_ms,
        .grace_ms = c->grace_ms,
        .since_ms = pool->since_ms,
        .jobs_done = pool->jobs_done,
        .crashes = pool->crashes,
        .restarts = pool->restarts,
        .hello = pool->hello,
        .workers = arena_zalloc(&h->arena, (pool->worker_count + 1) * sizeof *ret->workers),
    };
    if (settings == NULL || ret->workers == NULL || fill_notes(h, pool, ret) != 0) {
        return -ENOMEM;
    }
    config_plugin_digest(c, settings);
    if (serves && pool->plugin->refused_sha256[0] != '\0') {
        ret->refused_sha256 = pool->plugin->refused_sha256;
        ret->refused_settings = pool->plugin->refused_settings;
        ret->refused_note = pool->plugin->note;
    }
    TAILQ_FOREACH(w, &pool->workers, link) {
        if (goes_on(w)) {
            r = r != 0 ? r : fill_worker(h, w, &ret->workers[ret->worker_count++]);
        }
    }
    return r;
}

static int fill_pools(struct host *host, struct handover *h) {
    const struct pools *pools = host->pools;
    const struct pool *pool;
    int r = 0;
    h->pools = arena_zalloc(&h->arena, (pools_generations(pools) + 1) * sizeof *h->pools);
    if (h->pools == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < pools->count && r == 0; i++) {
        if (pools->items[i]->state == POOL_READY && pools->items[i]->hello.len > 0) {
            r = fill_pool(h, pools->items[i], true, &h->pools[h->pool_count++]);
        }
    }
    TAILQ_FOREACH(pool, &pools->others, link) {
        if (r == 0 && pool->worker_count > 0 && pool->hello.len > 0) {
            r = fill_pool(h, pool, false, &h->pools[h->pool_count++]);
        }
    }
    return r;
}

int upgrade_table_fill(struct host *host, int64_t asked_ms, struct handover *ret) {
    char *identity;
    unsigned reload_flags;
    bool reload = reload_is_wanted(host, &reload_flags);
    *ret = (struct handover){
        .format = HANDOVER_VERSION,
        .record = RECORD_WIRE_VERSION,
        .nonce = host->nonce,
        .version = JOBHOST_VERSION,
        .cgroup = host->pools->cgroup.base,
        .asked_ms = asked_ms,
        .reload = reload,
        .reload_flags = reload_flags,
        .lock_fd = boot_lock_fd(host->boot),
        .worker_fd = host->worker_fd > 0 ? host->worker_fd : 0,
    };
    identity = arena_alloc(&ret->arena, HANDOVER_IDENTITY_LEN + 1);
    if (identity == NULL) {
        return -ENOMEM;
    }
    handover_identity(host->first_config, identity);
    ret->identity = identity;
    int r = fill_doors(host, ret);
    return r != 0 ? r : fill_pools(host, ret);
}

/* ------------------------------------------------------------------ once more */

static int check_effects(const struct handover_worker *w, struct err *e) {
    int r = 0;
    for (size_t i = 0; i < w->attempt_count && r == 0; i++) {
        struct effects *fx = NULL;
        struct bytes packed = w->attempts[i].effects;
        r = packed.len == 0 ? 0 : effects_unpack(packed, &fx);
        effects_free(&fx);
    }
    return r == 0
               ? 0
               : err_errno(e, r,
                           "what a job of process %d has not yet committed cannot be handed over",
                           (int)w->pid);
}

int upgrade_table_check(int table, struct err *e) {
    struct handover h;
    int r = handover_read(table, &h, e);
    for (size_t p = 0; p < h.pool_count && r == 0; p++) {
        for (size_t w = 0; w < h.pools[p].worker_count && r == 0; w++) {
            r = check_effects(&h.pools[p].workers[w], e);
        }
    }
    handover_finish(&h);
    return r;
}
