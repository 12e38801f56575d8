#include "supervisor/handover_adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fault.h"
#include "net/inherited.h"
#include "net/server.h"
#include "supervisor/attempt_outputs.h"
#include "supervisor/dispatch.h"
#include "supervisor/effects_pack.h"
#include "supervisor/generation.h"
#include "supervisor/handover.h"
#include "supervisor/host.h"
#include "supervisor/limits.h"
#include "supervisor/manifest.h"
#include "supervisor/pool_private.h"
#include "supervisor/reload.h"
#include "supervisor/upgrade.h"

enum { GRACE_MS = 10000 };

struct adoption {
    int table, back; /* descriptors; back -1: we are the binary before */
    char why[400];   /* why we are that again; "" = we are not          */
    struct handover h;
    size_t claims_out;
    int status; /* the first failure of those */
    void (*done)(struct host *host, int status);
    struct claim **claims; /* of the attempts, in their order; NULL: it is not ours any more */
    size_t claim_count, next;
    uint32_t workers, jobs;
    bool changed; /* the configuration is not what they were made with */
};

/* ------------------------------------------------------------------ begin */

static bool parse(const char *text, struct adoption *a) {
    char *end = NULL;
    long pid = strtol(text, &end, 10);
    if (pid != (long)getpid() || *end != ':') {
        return false;
    }
    a->table = (int)strtol(end + 1, &end, 10);
    if (*end != ':') {
        return false;
    }
    a->back = (int)strtol(end + 1, &end, 10);
    (void)snprintf(a->why, sizeof a->why, "%s", *end == ':' ? end + 1 : "");
    return a->table > 2;
}

static int take_doors(struct host *host, struct err *e) {
    const struct handover *h = &host->adoption->h;
    int r = 0;
    for (size_t i = 0; i < h->socket_count && r == 0; i++) {
        r = inherited_add(host->inherited, h->sockets[i].fd, h->sockets[i].url,
                          h->sockets[i].own != 0, e);
    }
    return r;
}

int adopt_begin(struct host *host, struct err *e) {
    const char *text = getenv(HOST_HANDOVER);
    struct adoption *a = text == NULL ? NULL : calloc(1, sizeof *a);
    if (text == NULL) {
        return 0;
    }
    bool ok = a != NULL && parse(text, a);
    (void)unsetenv(HOST_HANDOVER);
    if (!ok) {
        free(a);
        return 0; // it is for another process
    }
    host->adoption = a;
    (void)prctl(PR_SET_NAME, "jobhost"); // we may have been executed by a descriptor
    (void)fcntl(a->table, F_SETFD, FD_CLOEXEC);
    if (a->back >= 0) {
        (void)fcntl(a->back, F_SETFD, FD_CLOEXEC);
    }
    int r = handover_read(a->table, &a->h, e);
    if (r != 0) {
        return r;
    }
    handover_pass(&a->h, false);
    if (fault(FAULT_UPGRADE_AFTER_EXEC) < 0 && a->back >= 0) {
        return err_set(e, -EIO, "fault injected after the exec");
    }
    r = take_doors(host, e);
    return r != 0 ? r : 1;
}

void adopt_go_back(struct host *host, const char *why) {
    struct adoption *a = host->adoption;
    char exe[48];
    if (a == NULL || a->back < 0) {
        return;
    }
    log_error(&host->log, "upgrade.going_back", "msg=\"%s\"", why);
    (void)snprintf(exe, sizeof exe, "/proc/self/fd/%d", a->back);
    int r = upgrade_exec(host, exe, &a->h, a->table, -1, why);
    log_error(&host->log, "upgrade.lost", "status=%d msg=\"the binary before cannot be executed\"",
              r);
    upgrade_hold_signals(false);
}

int adopt_check(struct host *host, struct err *e) {
    char identity[HANDOVER_IDENTITY_LEN + 1];
    handover_identity(host->config, identity);
    return strcmp(identity, host->adoption->h.identity) == 0
               ? 0
               : err_set(e, -EINVAL, "the configuration names another store or state_dir by now");
}

int adopt_lock(const struct host *host) {
    return host->adoption == NULL ? -1 : host->adoption->h.lock_fd;
}

int adopt_worker_program(const struct host *host, char out[PATH_MAX]) {
    const struct adoption *a = host->adoption;
    if (a == NULL || a->why[0] == '\0' || a->h.worker_fd <= 0) {
        return -1;
    }
    (void)snprintf(out, PATH_MAX, "/proc/self/fd/%d", a->h.worker_fd);
    return a->h.worker_fd;
}

uint64_t adopt_nonce(const struct host *host) {
    return host->adoption == NULL ? 0 : host->adoption->h.nonce;
}

/* ------------------------------------------------------------------ claims */

struct asking {
    struct store_adopt op;
    struct host *host;
    size_t at;
};

static struct claim *claim_of(struct host *host, struct store_adopt *op) {
    struct claim *claim = calloc(1, sizeof *claim);
    if (claim == NULL) {
        return NULL;
    }
    claim->host = host;
    claim->op.op.arena = op->op.arena; // what the job points to goes with it
    op->op.arena = (struct arena){.head = NULL};
    claim->op.jobs = arena_alloc(&claim->op.op.arena, sizeof *claim->op.jobs);
    if (claim->op.jobs == NULL) {
        claim_unref(claim);
        return NULL;
    }
    claim->op.jobs[0] = op->job;
    claim->op.job_count = 1;
    return claim;
}

static void claims_done(struct host *host) {
    struct adoption *a = host->adoption;
    void (*done)(struct host *, int) = a->done;
    a->done = NULL;
    if (done != NULL) {
        done(host, a->status);
    }
}

static void on_adopted(struct store_op *op) {
    struct asking *q = op->arg;
    struct host *host = q->host;
    struct adoption *a = host->adoption;
    int status = op->status;
    if (status == 0) {
        a->claims[q->at] = claim_of(host, &q->op);
        status = a->claims[q->at] == NULL ? -ENOMEM : 0;
    }
    if (status != 0 && status != -ESTALE && status != -ENOENT && a->status == 0) {
        a->status = status;
    }
    store_op_finish(op);
    free(q);
    if (--a->claims_out == 0) {
        claims_done(host);
    }
}

static void ask(struct host *host, const struct handover_attempt *from, size_t at) {
    struct adoption *a = host->adoption;
    struct asking *q = calloc(1, sizeof *q);
    if (q == NULL) {
        a->status = -ENOMEM;
        return;
    }
    q->host = host;
    q->at = at;
    q->op = (struct store_adopt){.op = {.kind = STORE_ADOPT,
                                        .done = on_adopted,
                                        .arg = q,
                                        .now_ms = env_wall_ms(&host->env)},
                                 .id = from->id,
                                 .token = from->token,
                                 .host_nonce = host->nonce};
    a->claims_out++;
    store_post(&host->store, &q->op.op);
}

static void forget_claims(struct adoption *a) {
    for (size_t i = 0; i < a->claim_count; i++) {
        claim_unref(a->claims[i]);
    }
    free(a->claims);
    a->claims = NULL;
    a->claim_count = 0;
}

static size_t count_attempts(const struct handover *h) {
    size_t n = 0;
    for (size_t p = 0; p < h->pool_count; p++) {
        for (size_t w = 0; w < h->pools[p].worker_count; w++) {
            n += h->pools[p].workers[w].attempt_count;
        }
    }
    return n;
}

void adopt_claims(struct host *host, void (*done)(struct host *host, int status)) {
    struct adoption *a = host->adoption;
    const struct handover *h = &a->h;
    size_t at = 0;
    forget_claims(a);
    a->status = 0;
    a->done = done;
    a->claim_count = count_attempts(h);
    a->claims = calloc(a->claim_count + 1, sizeof(struct claim *));
    a->claims_out = 1; // until all are asked for
    for (size_t p = 0; p < h->pool_count && a->claims != NULL; p++) {
        for (size_t w = 0; w < h->pools[p].worker_count; w++) {
            const struct handover_worker *from = &h->pools[p].workers[w];
            for (size_t i = 0; i < from->attempt_count; i++) {
                ask(host, &from->attempts[i], at++);
            }
        }
    }
    a->status = a->claims == NULL ? -ENOMEM : a->status;
    if (--a->claims_out == 0) {
        claims_done(host);
    }
}

/* ------------------------------------------------------------------ attempts */

/* Slots that it holds go on being renewed. */
static void fill_tickets(struct attempt *a, const struct handover_attempt *from) {
    a->slot_done = true;
    for (size_t i = 0; i < from->ticket_count; i++) {
        const struct handover_ticket *t = &from->tickets[i];
        struct limit_ticket *ticket = limits_adopt(a->host, t->limiter, t->id);
        if (ticket != NULL && t->of_job) {
            a->slot_ticket = ticket;
            a->slot_till_start = t->till_start != 0;
        } else if (ticket != NULL) {
            TAILQ_INSERT_TAIL(&a->tickets, ticket, of_owner);
            a->ticket_count++;
        }
    }
}

static int fill_attempt(struct attempt *a, const struct handover_attempt *from) {
    a->slot = from->slot;
    a->handler = from->handler;
    a->cancel_mask = from->cancel_mask;
    a->stop = (enum attempt_stop)from->stop;
    a->stalled = from->stalled != 0;
    a->result_over = from->result_over != 0;
    a->stop_mono_ms = from->stop_mono_ms;
    a->placed_mono_ms = a->recalled_mono_ms = from->placed_mono_ms;
    a->heard_mono_ms = from->heard_mono_ms;
    a->started_wall_ms = from->started_wall_ms;
    a->reported_mono_ms = env_mono_ms(&a->host->env);
    a->outputs.kept_mono_ms = from->kept_mono_ms;
    a->adopted = true;
    fill_tickets(a, from);
    a->progress = (struct job_progress){
        .done = from->progress_done, .total = from->progress_total, .at_ms = from->progress_at_ms};
    a->progress_news = from->progress_at_ms != 0;
    a->log_news = from->log.len > 0;
    buf_add(&a->result, from->result.data, from->result.len);
    buf_add(&a->log, from->log.data, from->log.len);
    const struct {
        const char *text;
        char **to;
    } texts[] = {{from->result_type, &a->result_type},
                 {from->step, &a->step},
                 {from->progress_text, &a->progress_text}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i].to = texts[i].text == NULL ? NULL : strdup(texts[i].text);
        if (texts[i].text != NULL && *texts[i].to == NULL) {
            return -ENOMEM;
        }
    }
    a->progress.message = a->progress_text;
    int r = from->effects.len == 0 ? 0 : effects_unpack(from->effects, &a->effects);
    for (size_t i = 0; i < from->output_count && r == 0; i++) {
        r = from->outputs[i].name == NULL ? -EBADMSG
                                          : attempt_outputs_know(a, from->outputs[i].name);
    }
    return r != 0 ? r : a->result.failed || a->log.failed ? -ENOMEM : 0;
}

/* 0, or negative errno; one that is not ours any more takes its worker with it. */
static int adopt_attempt(struct worker *w, const struct handover_attempt *from) {
    struct host *host = w->host;
    struct adoption *ad = host->adoption;
    struct claim *claim = ad->claims[ad->next];
    ad->claims[ad->next++] = NULL;
    struct lane *lane = claim == NULL ? NULL : lane_get(host, from->queue, from->type);
    if (claim == NULL) {
        w->for_drain = true;
        worker_kill(w, "it runs a job that is not this host's any more");
        if (from->result_fd > 0) {
            (void)close(from->result_fd);
        }
        return 0;
    }
    struct attempt *a = lane == NULL ? NULL : attempt_new(host, claim, &claim->op.jobs[0], lane);
    if (a == NULL) {
        claim_unref(claim);
        return -ENOMEM;
    }
    if (a->pool != w->pool) {
        attempt_join(a, w->pool);
    }
    int r = fill_attempt(a, from);
    a->result_fd = from->result_fd > 0 ? from->result_fd : -1;
    r = r != 0 ? r : worker_take_attempt(w, a);
    if (r != 0) {
        attempt_free(a);
        return r;
    }
    ad->jobs++;
    return 0;
}

/* ------------------------------------------------------------------ generations */

static int adopt_worker(struct pool *pool, const struct handover_worker *from) {
    struct worker *w = worker_adopt(pool, from);
    int r = w == NULL ? -ENOMEM : 0;
    if (r != 0) {
        return r;
    }
    TAILQ_INSERT_TAIL(&pool->workers, w, link);
    pool->worker_count++;
    pool->ready_count += w->state == WORKER_READY;
    pool->draining += w->state == WORKER_DRAINING;
    pool->host->adoption->workers++;
    for (size_t i = 0; i < from->attempt_count && r == 0; i++) {
        r = adopt_attempt(w, &from->attempts[i]);
    }
    return r;
}

/* What its HELLO said, once more. */
static int adopt_manifest(struct pool *pool, struct bytes hello, struct err *e) {
    struct record_packet *packet = &pool->host->packet;
    struct arena arena = {.head = NULL};
    struct record r;
    struct msg_hello m;
    if (hello.len == 0 || hello.len > RECORD_PACKET_MAX) {
        return -EBADMSG;
    }
    record_packet_finish(packet);
    memcpy(packet->data, hello.data, hello.len);
    packet->len = hello.len;
    packet->at = 0;
    int err = record_next(packet, &r) == 1 && r.h.type == REC_HELLO ? 0 : -EBADMSG;
    err = err != 0 ? err : msg_hello_get(&r, &arena, &m);
    err = err != 0 ? err : pool_take_hello(pool, &m, e);
    arena_free(&arena);
    packet->len = packet->at = 0;
    return err;
}

static const struct config_plugin *find_config(const struct config *c, const char *name) {
    for (size_t i = 0; i < c->plugin_count; i++) {
        if (c->plugins[i].entry.on && strcmp(c->plugins[i].entry.name, name) == 0) {
            return &c->plugins[i];
        }
    }
    return NULL;
}

/* As it is configured now, but for what its processes were made with. */
static struct config_plugin *config_of(struct pool *pool, const struct handover_pool *from) {
    const struct config_plugin *now = find_config(pool->host->config, from->plugin);
    struct config_plugin *own = arena_alloc(&pool->arena, sizeof *own);
    char digest[CONFIG_DIGEST_LEN + 1] = "";
    if (own == NULL) {
        return NULL;
    }
    *own = now != NULL ? *now
                       : (struct config_plugin){.workers = 1,
                                                .start_timeout_ms = GRACE_MS,
                                                .drain_soft_ms = from->drain_soft_ms,
                                                .drain_hard_ms = from->drain_hard_ms,
                                                .grace_ms = from->grace_ms};
    if (now != NULL) {
        config_plugin_digest(now, digest);
    }
    pool->stale = strcmp(digest, from->settings) != 0;
    own->threads = from->threads;
    own->isolation = arena_str(&pool->arena, from->isolation);
    own->entry.name = arena_str(&pool->arena, from->plugin);
    own->entry.on = true;
    own->file = own->file != NULL ? own->file : arena_str(&pool->arena, from->plugin);
    return own->entry.name == NULL || own->file == NULL ? NULL : own;
}

static int take_snapshot(struct pool *pool, const char *sha256) {
    char path[PATH_MAX];
    int n =
        snprintf(path, sizeof path, "%s/run/so/%s.so", pool->host->config->host.state_dir, sha256);
    snapshot_finish(&pool->snapshot);
    (void)snprintf(pool->snapshot.sha256, sizeof pool->snapshot.sha256, "%s", sha256);
    pool->snapshot.path = n > 0 && (size_t)n < sizeof path ? strdup(path) : NULL;
    return pool->snapshot.path == NULL ? -ENOMEM : 0;
}

static void take_notes(struct pool *pool, const struct handover_pool *from) {
    for (size_t i = 0; i < from->note_count && i < POOL_NOTES_MAX; i++) {
        struct pool_note note = {.facility = arena_str(&pool->arena, from->notes[i].facility),
                                 .text = arena_str(&pool->arena, from->notes[i].text),
                                 .state = from->notes[i].state};
        if (note.facility != NULL) {
            pool->notes[pool->note_count++] = note;
        }
    }
}

static void take_refusal(struct plugin *plugin, const struct handover_pool *from) {
    if (from->refused_sha256 != NULL && from->refused_settings != NULL &&
        from->refused_note != NULL) {
        (void)snprintf(plugin->refused_sha256, sizeof plugin->refused_sha256, "%s",
                       from->refused_sha256);
        (void)snprintf(plugin->refused_settings, sizeof plugin->refused_settings, "%s",
                       from->refused_settings);
        (void)snprintf(plugin->note, sizeof plugin->note, "%s", from->refused_note);
    }
}

static int fill_pool(struct pool *pool, const struct handover_pool *from, struct err *e) {
    struct config_plugin *own = config_of(pool, from);
    if (own == NULL || take_snapshot(pool, from->sha256) != 0) {
        return -ENOMEM;
    }
    pool->config = own;
    pool->number = from->number;
    if (pool->plugin->generations < from->number) {
        pool->plugin->generations = from->number;
    }
    take_notes(pool, from);
    take_refusal(pool->plugin, from);
    int r = adopt_manifest(pool, from->hello, e);
    pool->since_ms = from->since_ms;
    pool->jobs_done = from->jobs_done;
    pool->crashes = from->crashes;
    pool->restarts = from->restarts;
    return r;
}

static struct pool *pool_of(struct host *host, const struct handover_pool *from) {
    struct pools *pools = host->pools;
    for (uint32_t i = 0; i < pools->count; i++) {
        if (from->serves && pools->items[i]->hello.len == 0 &&
            strcmp(pools->items[i]->plugin->name, from->plugin) == 0) {
            return pools->items[i];
        }
    }
    const struct config_plugin named = {.entry = {.name = from->plugin}};
    struct pool *pool = pool_new(host, host->config, &named, NULL);
    struct pool **items = pool == NULL || !from->serves
                              ? NULL
                              : realloc(pools->items, (pools->count + 2) * sizeof(struct pool *));
    if (pool == NULL) {
        return NULL;
    }
    if (!from->serves) {
        TAILQ_INSERT_TAIL(&pools->others, pool, link);
    } else if (items != NULL) {
        pools->items = items;
        items[pools->count++] = pool;
    } else {
        pool_free(pool);
        return NULL;
    }
    return pool;
}

static int adopt_pool(struct host *host, const struct handover_pool *from, struct pool **ret,
                      struct err *e) {
    struct pool *pool = pool_of(host, from);
    *ret = pool;
    int r = pool == NULL ? -ENOMEM : fill_pool(pool, from, e);
    if (r != 0) {
        return r;
    }
    pool->state = from->serves ? POOL_READY : POOL_DRAINING;
    host->adoption->changed = host->adoption->changed || (from->serves && pool->stale);
    return 0;
}

static int adopt_workers(struct host *host, struct pool **pools) {
    const struct handover *h = &host->adoption->h;
    int r = 0;
    for (size_t p = 0; p < h->pool_count; p++) {
        for (size_t w = 0; w < h->pools[p].worker_count && r == 0; w++) {
            r = adopt_worker(pools[p], &h->pools[p].workers[w]);
        }
        if (r == 0 && !h->pools[p].serves) {
            generation_drain_on(pools[p], h->pools[p].drain_asked != 0, h->pools[p].drain_mono_ms);
        }
    }
    return r;
}

int adopt_pools(struct host *host, struct err *e) {
    const struct handover *h = &host->adoption->h;
    struct pool **pools = calloc(h->pool_count + 1, sizeof(struct pool *));
    int r = pools == NULL ? -ENOMEM : 0;
    (void)snprintf(host->pools->cgroup.base, sizeof host->pools->cgroup.base, "%s",
                   h->cgroup == NULL ? "" : h->cgroup); // we are in a group below it
    for (size_t i = 0; i < h->pool_count && r == 0; i++) {
        r = adopt_pool(host, &h->pools[i], &pools[i], e);
    }
    if (r == 0) {
        lane_bind_all(host); // before there are attempts, which are counted in their lanes
        r = adopt_workers(host, pools);
    }
    if (r == 0 && fault(FAULT_UPGRADE_ADOPTED) < 0 && host->adoption->back >= 0) {
        r = err_set(e, -EIO, "fault injected after the adoption");
    }
    free(pools);
    if (r != 0 && e->code == 0) {
        (void)err_errno(e, r, "what the binary before handed over");
    }
    return r;
}

/* ------------------------------------------------------------------ the end */

static void fill_up(struct pools *pools) {
    for (uint32_t i = 0; i < pools->count; i++) {
        if (pools->items[i]->state == POOL_READY) {
            pool_resize(pools->items[i]);
        }
    }
}

void adopt_end(struct host *host) {
    struct adoption *a = host->adoption;
    for (size_t i = 0; i < a->h.connection_count; i++) {
        server_take(host->server, a->h.connections[i].fd, a->h.connections[i].url);
    }
    if (a->h.worker_fd > 0 && a->h.worker_fd != host->worker_fd) {
        (void)close(a->h.worker_fd);
    }
    upgrade_note(host, &a->h, a->workers, a->jobs, a->why[0] == '\0' ? NULL : a->why);
    fill_up(host->pools);
    if (a->changed || a->h.reload != 0) {
        reload_request(host, "upgrade", a->h.reload_flags, NULL);
    }
    adopt_free(host);
}

void adopt_free(struct host *host) {
    struct adoption *a = host->adoption;
    if (a == NULL) {
        return;
    }
    host->adoption = NULL;
    forget_claims(a);
    (void)close(a->table);
    if (a->back >= 0) {
        (void)close(a->back);
    }
    handover_finish(&a->h);
    free(a);
}
