#include "supervisor/shutdown.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/timer.h"
#include "jobhost_plugin.h"
#include "net/server.h"
#include "supervisor/commits.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"
#include "supervisor/query.h"
#include "supervisor/reload.h"
#include "supervisor/sd_notify.h"
#include "supervisor/upkeep.h"

enum {
    SHUTDOWN_LOOK_MS = 50,
    SHUTDOWN_STORE_MS = 10000,
    SHUTDOWN_HTTP_MS = 2000, // the least that answers under way get, however long the jobs took
};

struct shutdown {
    struct host *host;
    struct timer soft, hard, look, store;
    struct timer http; // real time, as all of the server's
    int64_t grace_end_ms, http_end_ms;
    bool closed; // the server takes nothing any more
    bool leaving;
};

static void shutdown_cancel_worker(struct worker *w, void *arg) {
    (void)arg;
    struct attempt *a;
    TAILQ_FOREACH(a, &w->attempts, link) {
        attempt_cancel(a, JH_CANCEL_DRAIN);
    }
}

static void shutdown_soft(struct timer *t, void *arg) {
    struct shutdown *s = arg;
    (void)t;
    pools_each_worker(s->host->pools, shutdown_cancel_worker, NULL);
}

static void shutdown_kill_worker(struct worker *w, void *arg) {
    (void)arg;
    worker_kill(w, "the host is shutting down");
}

static void shutdown_hard(struct timer *t, void *arg) {
    struct shutdown *s = arg;
    (void)t;
    log_warn(&s->host->log, "host.grace_over", "workers=%u", pools_workers(s->host->pools));
    pools_each_worker(s->host->pools, shutdown_kill_worker, NULL);
}

static void shutdown_left(struct host *host) {
    timer_cancel(host->timers, &host->shutdown->store);
    host->phase = HOST_STOPPED;
    (void)event_base_loopexit(host->base, NULL);
}

static void shutdown_store_late(struct timer *t, void *arg) {
    struct shutdown *s = arg;
    (void)t;
    log_error(&s->host->log, "host.store_late",
              "commits=%u msg=\"the store does not answer; its jobs are recovered at the "
              "next start\"",
              commits_pending(s->host));
    shutdown_left(s->host);
}

static void shutdown_look(struct timer *t, void *arg) {
    (void)t;
    shutdown_progress(((struct shutdown *)arg)->host);
}

/* The last part of the drain is the clients': answers on their way get the rest of the grace. True
 * when there are none left, or it is over. */
static bool shutdown_http_done(struct shutdown *s) {
    struct host *host = s->host;
    int64_t now = env_mono_ms(&host->net_env);
    if (host->server == NULL) {
        return true;
    }
    if (!s->closed) {
        int64_t left = s->grace_end_ms - env_mono_ms(&host->env);
        s->closed = true;
        s->http_end_ms = now + (left > SHUTDOWN_HTTP_MS ? left : SHUTDOWN_HTTP_MS);
        server_drain(host->server); // only now: an operator may look at a long drain
    }
    unsigned connections = server_connections(host->server);
    if (connections > 0 && now < s->http_end_ms) {
        (void)timer_set(host->net_timers, &s->http, now + SHUTDOWN_LOOK_MS);
        return false;
    }
    if (connections > 0) {
        log_warn(&host->log, "host.answers_cut", "connections=%u", connections);
    }
    return true;
}

void shutdown_progress(struct host *host) {
    struct shutdown *s = host->shutdown;
    if (host->phase != HOST_DRAINING || s->leaving) {
        return;
    }
    int64_t now = env_mono_ms(&host->env);
    if (pools_workers(host->pools) > 0) {
        return; // each one's end brings us here
    }
    timer_cancel(host->timers, &s->soft);
    timer_cancel(host->timers, &s->hard);
    if (!timer_running(&s->store)) {
        (void)timer_set(host->timers, &s->store, now + SHUTDOWN_STORE_MS);
    }
    if (dispatch_has_claims(host) || HASH_CNT(by_id, host->dispatch->fenced) > 0 ||
        commits_pending(host) > 0) {
        (void)timer_set(host->timers, &s->look, now + SHUTDOWN_LOOK_MS);
        return;
    }
    timer_cancel(host->timers, &s->store);
    if (!shutdown_http_done(s)) {
        return;
    }
    s->leaving = true;
    (void)timer_set(host->timers, &s->store, now + SHUTDOWN_STORE_MS);
    upkeep_leave(host, shutdown_left);
}

void shutdown_begin(struct host *host, const char *why) {
    struct shutdown *s = host->shutdown;
    int64_t now = env_mono_ms(&host->env);
    if (host->phase == HOST_DRAINING) {
        s->http_end_ms = 0;
        s->grace_end_ms = 0;
        shutdown_hard(NULL, s);
        shutdown_progress(host);
    }
    if (host->phase != HOST_RUNNING) {
        return;
    }
    int64_t grace = host->config->host.shutdown_grace_ms;
    log_info(&host->log, "host.draining", "grace_ms=%lld why=\"%s\"", (long long)grace, why);
    sd_notify_send(host->notify_socket, "STOPPING=1");
    host->phase = HOST_DRAINING;
    s->grace_end_ms = now + grace;
    if (host->server != NULL) {
        server_drain_public(host->server);
    }
    reload_stop(host);
    queries_refuse(host, "the host is shutting down");
    pools_drain(host->pools);
    // half of the grace to finish by themselves, the rest to react to the request
    (void)timer_set(host->timers, &s->soft, now + grace / 2);
    (void)timer_set(host->timers, &s->hard, now + grace);
    (void)timer_set(host->timers, &s->look, now);
}

struct shutdown *shutdown_new(struct host *host) {
    struct shutdown *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->host = host;
        timer_init(&s->soft, shutdown_soft, s);
        timer_init(&s->hard, shutdown_hard, s);
        timer_init(&s->look, shutdown_look, s);
        timer_init(&s->store, shutdown_store_late, s);
        timer_init(&s->http, shutdown_look, s);
    }
    return s;
}

void shutdown_free(struct shutdown **sp) {
    struct shutdown *s = *sp;
    if (s != NULL) {
        struct timer *timers[] = {&s->soft, &s->hard, &s->look, &s->store};
        for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
            timer_cancel(s->host->timers, timers[i]);
        }
        timer_cancel(s->host->net_timers, &s->http);
        free(s);
        *sp = NULL;
    }
}
