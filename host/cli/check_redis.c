#include "cli/check_redis.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>

#include "base/json.h"
#include "cli/out.h"
#include "store/redis/probe.h"

struct session {
    struct check_redis *out;
    const struct config_store *store;
    struct redis_address address;
    struct redis_tls *tls;
    struct env env;
    struct event_base *base;
    struct timers *timers;
    struct redis_link *link;
    struct redis_probe *probe;
};

/* ---- asking ---- */

static void stop(struct session *s) {
    (void)event_base_loopbreak(s->base);
}

static void on_facts(void *arg, int r, const struct redis_facts *facts, const struct err *e) {
    struct session *s = arg;
    s->out->reached = r == 0;
    s->out->facts = *facts;
    if (r == 0) {
        redis_facts_judge(facts, &s->address, s->store->allow_eviction, &s->out->findings);
    } else {
        s->out->err = *e;
    }
    stop(s);
}

static void on_up(void *arg, const struct redis_peer *peer) {
    struct session *s = arg;
    s->probe = redis_probe_start(s->link, peer, &s->env, on_facts, s, &s->out->err);
    if (s->probe == NULL) {
        stop(s);
    }
}

static void on_down(void *arg, const struct redis_failure *why, int64_t wait_ms) {
    struct session *s = arg;
    (void)wait_ms;
    s->out->err = why->err;
    stop(s);
}

static int prepare(struct session *s, struct err *e) {
    const struct redis_tls_files files = {
        .ca = s->store->tls_ca, .cert = s->store->tls_cert, .key = s->store->tls_key};
    int r = redis_address_parse(s->store->url, &s->address, e);
    r = r == 0 ? env_open(&s->env, e) : r;
    if (r != 0) {
        return r;
    }
    redis_address_where(&s->address, s->out->where);
    if (s->address.tls && (s->tls = redis_tls_new(&files, e)) == NULL) {
        return -EINVAL;
    }
    s->base = event_base_new();
    s->timers = s->base == NULL ? NULL : timers_new(s->base, &s->env);
    if (s->timers == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    const struct redis_link_config config = {.base = s->base,
                                             .timers = s->timers,
                                             .env = &s->env,
                                             .address = &s->address,
                                             .tls = s->tls,
                                             .name = "jobhost-check",
                                             .connect_ms = s->store->connect_timeout_ms,
                                             .command_ms = s->store->command_timeout_ms,
                                             .any_role = true};
    const struct redis_link_events events = {.up = on_up, .down = on_down, .arg = s};
    s->link = redis_link_new(&config, &events, e);
    return s->link == NULL ? -ENOMEM : 0;
}

static void finish(struct session *s) {
    redis_link_free(&s->link); // answers the probe's calls, to nobody
    redis_probe_free(&s->probe);
    redis_tls_free(&s->tls);
    timers_free(&s->timers);
    if (s->base != NULL) {
        event_base_free(s->base);
    }
    env_close(&s->env);
    redis_address_wipe(&s->address);
}

void check_redis_run(const struct config_store *store, struct check_redis *ret) {
    struct session s = {.out = ret, .store = store};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    *ret = (struct check_redis){.where = ""};
    (void)sigaction(SIGPIPE, &ignore, &before);
    if (prepare(&s, &ret->err) == 0) {
        (void)event_base_dispatch(s.base);
    }
    bool reached = ret->reached; // what comes of closing is no news
    struct err err = ret->err;
    finish(&s);
    ret->reached = reached;
    ret->err = err;
    (void)sigaction(SIGPIPE, &before, NULL);
}

/* ---- telling ---- */

const char *check_redis_refusal(const struct check_redis *k) {
    if (!k->reached) {
        return k->err.msg;
    }
    for (unsigned i = 0; i < k->findings.count; i++) {
        if (k->findings.list[i].refuses) {
            return k->findings.list[i].text;
        }
    }
    return NULL;
}

unsigned check_redis_warnings(const struct check_redis *k) {
    unsigned n = 0;
    for (unsigned i = 0; k->reached && i < k->findings.count; i++) {
        n += !k->findings.list[i].refuses;
    }
    return n;
}

static const char *const roles[] = {[REDIS_ROLE_UNKNOWN] = NULL,
                                    [REDIS_ROLE_MASTER] = "master",
                                    [REDIS_ROLE_REPLICA] = "replica",
                                    [REDIS_ROLE_OTHER] = "other"};

static const char *told(const char *text) {
    return text[0] == '\0' ? NULL : text;
}

static void findings_json(const struct redis_findings *all, struct buf *out) {
    json_key(out, "findings");
    buf_char(out, '[');
    for (unsigned i = 0; i < all->count; i++) {
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "code", all->list[i].code);
        json_kbool(out, "refuses", all->list[i].refuses);
        json_kstr(out, "text", all->list[i].text);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

void check_redis_json(const struct check_redis *k, struct buf *out) {
    const struct redis_facts *f = &k->facts;
    buf_char(out, '{');
    json_kstr(out, "address", told(k->where));
    json_kbool(out, "reached", k->reached);
    if (!k->reached) {
        json_kstr(out, "problem", k->err.msg);
        buf_char(out, '}');
        return;
    }
    json_kstr(out, "name", told(f->server));
    json_kstr(out, "version", told(f->version));
    json_kstr(out, "role", roles[f->peer.role]);
    json_kstr(out, "master", told(f->peer.master));
    if (f->replicas >= 0) {
        json_kint(out, "replicas", f->replicas);
    }
    if (f->aof != REDIS_UNTOLD) {
        json_kbool(out, "aof", f->aof == REDIS_YES);
    }
    json_kstr(out, "fsync", told(f->fsync));
    json_kstr(out, "eviction", told(f->eviction));
    json_kint(out, "latency_us", f->latency_us);
    json_kint(out, "clock_ms", f->clock_ms);
    findings_json(&k->findings, out);
    buf_char(out, '}');
}

static const char *or_unknown(const char *text) {
    return text == NULL || text[0] == '\0' ? "not told" : text;
}

static void print_server(const struct redis_facts *f, const struct cli *cli) {
    char replicas[48] = "";
    if (f->replicas >= 0) {
        (void)snprintf(replicas, sizeof replicas, ", %lld replica%s", (long long)f->replicas,
                       f->replicas == 1 ? "" : "s");
    }
    out_linef(cli, "server", "%s%s%s", or_unknown(f->server), f->version[0] == '\0' ? "" : " ",
              f->version);
    out_linef(cli, "role", "%s%s%s%s", or_unknown(roles[f->peer.role]),
              f->peer.master[0] == '\0' ? "" : " of ", f->peer.master, replicas);
}

void check_redis_print(const struct check_redis *k, const struct cli *cli) {
    const struct redis_facts *f = &k->facts;
    if (!k->reached) {
        return;
    }
    print_server(f, cli);
    if (f->aof == REDIS_YES) {
        out_linef(cli, "persistence", "AOF, fsync %s", or_unknown(f->fsync));
    } else {
        out_line(cli, "persistence", f->aof == REDIS_NO ? "no AOF" : or_unknown(NULL));
    }
    out_line(cli, "eviction", or_unknown(f->eviction));
    out_linef(cli, "latency", "%.2f ms", (double)f->latency_us / 1000);
    out_linef(cli, "clock", "%lld ms %s", (long long)(f->clock_ms < 0 ? -f->clock_ms : f->clock_ms),
              f->clock_ms < 0 ? "behind" : "ahead");
}
