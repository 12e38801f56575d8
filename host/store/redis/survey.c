#include "store/redis/survey.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>

#include "redis/probe.h"

struct session {
    struct redis_survey *out;
    const struct store_config *config;
    struct redis_address address;
    struct redis_tls *tls;
    struct env env;
    struct event_base *base;
    struct timers *timers;
    struct redis_link *link;
    struct redis_probe *probe;
};

static void stop(struct session *s) {
    (void)event_base_loopbreak(s->base);
}

static void on_facts(void *arg, int r, const struct redis_facts *facts, const struct err *e) {
    struct session *s = arg;
    s->out->reached = r == 0;
    s->out->facts = *facts;
    if (r == 0) {
        redis_facts_judge(facts, &s->address, s->config->allow_eviction, &s->out->findings);
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
    s->out->may_pass = redis_class_passes(why->class);
    stop(s);
}

static int prepare(struct session *s, struct err *e) {
    const struct redis_tls_files files = {
        .ca = s->config->tls_ca, .cert = s->config->tls_cert, .key = s->config->tls_key};
    int r = redis_address_parse(s->config->url, &s->address, e);
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
                                             .connect_ms = s->config->connect_timeout_ms,
                                             .command_ms = s->config->command_timeout_ms,
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

void redis_survey_run(const struct store_config *config, struct redis_survey *ret) {
    struct session s = {.out = ret, .config = config};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    *ret = (struct redis_survey){.where = ""};
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

const char *redis_survey_refusal(const struct redis_survey *s) {
    if (!s->reached) {
        return s->err.msg;
    }
    for (unsigned i = 0; i < s->findings.count; i++) {
        if (s->findings.list[i].refuses) {
            return s->findings.list[i].text;
        }
    }
    return NULL;
}

unsigned redis_survey_warnings(const struct redis_survey *s) {
    unsigned n = 0;
    for (unsigned i = 0; s->reached && i < s->findings.count; i++) {
        n += !s->findings.list[i].refuses;
    }
    return n;
}
