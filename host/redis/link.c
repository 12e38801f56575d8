#include "redis/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct redis_link {
    struct redis_link_config config;
    struct redis_link_events events;
    struct redis_address address;
    struct redis_resolver *resolver; // NULL for a unix socket
    struct redis_conn *conn;
    bool up;
    int64_t up_since_ms;
    unsigned failures;          // in a row
    struct timer retry;         // the next attempt; while a name is looked up, the end of that
    struct timer silence;       // the next look at when something was heard
    struct timer late;          // the earliest deadline of `waiting`
    struct redis_calls waiting; // safe and patient ones, for the next connection
    struct redis_call ping, subscribe;
    bool pinging;
};

static int64_t now_ms(const struct redis_link *l) {
    return env_mono_ms(l->config.env);
}

int64_t redis_link_wait_ms(unsigned n, enum redis_class class, uint64_t random) {
    if (class == REDIS_CREDENTIALS || class == REDIS_TLS) {
        return REDIS_LINK_BLOCKED_MS;
    }
    int64_t most = REDIS_LINK_BACKOFF_MS;
    for (unsigned i = 1; i < n && most < REDIS_LINK_BACKOFF_MAX_MS; i++) {
        most *= 2;
    }
    most = most < REDIS_LINK_BACKOFF_MAX_MS ? most : REDIS_LINK_BACKOFF_MAX_MS;
    return (int64_t)(random % ((uint64_t)most + 1));
}

/* ---- calls that wait ---- */

static void set_late(struct redis_link *l) {
    int64_t earliest = INT64_MAX;
    for (const struct redis_call *c = l->waiting.head; c != NULL; c = c->next) {
        earliest = c->deadline_ms < earliest ? c->deadline_ms : earliest;
    }
    timer_cancel(l->config.timers, &l->late);
    if (earliest < INT64_MAX) {
        // without memory for a timer they wait for the next connection, or for its failure
        (void)timer_set(l->config.timers, &l->late, earliest);
    }
}

/* Takes those out whose time is over. */
static struct redis_calls take_late(struct redis_link *l) {
    struct redis_calls all = l->waiting, late = {.head = NULL};
    l->waiting = (struct redis_calls){.head = NULL};
    int64_t now = now_ms(l);
    for (struct redis_call *c = redis_calls_take(&all); c != NULL; c = redis_calls_take(&all)) {
        redis_calls_add(c->deadline_ms <= now ? &late : &l->waiting, c);
    }
    return late;
}

static void fail_late(struct redis_link *l) {
    struct redis_calls late = take_late(l);
    set_late(l);
    struct err e;
    char where[REDIS_WHERE_MAX];
    redis_address_where(&l->address, where);
    (void)err_set(&e, -ETIMEDOUT, "%s: no connection in time", where);
    redis_calls_fail(&late, REDIS_TIMEOUT, &e); // may free the link
}

static void on_late(struct timer *t, void *arg) {
    (void)t;
    fail_late(arg);
}

/* The link's own calls end with their connection; whoever is answered after this may free it. */
static bool drop_own(struct redis_link *l, struct redis_call *call) {
    bool own = call == &l->ping || call == &l->subscribe;
    if (own) {
        l->pinging = false;
        redis_call_finish(call);
    }
    return own;
}

/* What the lost connection left: back into the queue, in front of what came later, if it may be
 * sent again; the rest is in `left`. */
static void keep_safe(struct redis_link *l, enum redis_class class, struct redis_calls *left) {
    struct redis_calls all = *left, later = l->waiting;
    int64_t now = now_ms(l);
    *left = (struct redis_calls){.head = NULL};
    l->waiting = (struct redis_calls){.head = NULL};
    for (struct redis_call *c = redis_calls_take(&all); c != NULL; c = redis_calls_take(&all)) {
        bool may = c->safe || (c->patient && !c->may_have_run);
        bool again = may && c->deadline_ms > now && class != REDIS_PROTOCOL;
        if (!drop_own(l, c)) {
            redis_calls_add(again ? &l->waiting : left, c);
        }
    }
    for (struct redis_call *c = redis_calls_take(&later); c != NULL; c = redis_calls_take(&later)) {
        redis_calls_add(&l->waiting, c);
    }
    set_late(l);
}

/* For the connection: never longer than a command gets there, unless the caller said how long the
 * only attempt may take. */
static int64_t until(const struct redis_link *l, const struct redis_call *call) {
    int64_t once = now_ms(l) + l->config.command_ms;
    return call->safe && once < call->deadline_ms ? once : call->deadline_ms;
}

/* They all fit: the bounds are those of a connection, and this one is new. */
static void send_waiting(struct redis_link *l) {
    struct redis_calls all = l->waiting;
    l->waiting = (struct redis_calls){.head = NULL};
    for (struct redis_call *call = redis_calls_take(&all); call != NULL;
         call = redis_calls_take(&all)) {
        if (redis_conn_send(l->conn, call, until(l, call)) != 0) {
            redis_calls_add(&l->waiting, call); // it just went down again
        }
    }
    set_late(l);
}

/* What a new connection would be given at once: these, and what one that just died still holds. */
static bool has_room(const struct redis_link *l, size_t more) {
    struct redis_calls all = l->waiting;
    if (l->conn != NULL) {
        all.count += redis_conn_open(l->conn)->count;
        all.bytes += redis_conn_open(l->conn)->bytes;
    }
    return all.count < REDIS_CONN_CALLS_MAX && more <= REDIS_CONN_BYTES_MAX &&
           all.bytes <= REDIS_CONN_BYTES_MAX - more;
}

int redis_link_send(struct redis_link *l, struct redis_call *call) {
    int64_t time = call->timeout_ms > 0 ? call->timeout_ms : l->config.command_ms;
    call->deadline_ms = now_ms(l) + time;
    call->may_have_run = false;
    int r = l->up ? redis_conn_send(l->conn, call, until(l, call)) : -ENOTCONN;
    if (r != -ENOTCONN || !(call->safe || call->patient)) {
        return r;
    }
    if (!has_room(l, call->wire_len)) {
        return -EBUSY;
    }
    redis_calls_add(&l->waiting, call);
    bool sooner = !timer_running(&l->late) || call->deadline_ms < l->late.due_mono_ms;
    if (sooner) {
        (void)timer_set(l->config.timers, &l->late, call->deadline_ms);
    }
    return 0;
}

bool redis_link_is_up(const struct redis_link *l) {
    return l->up;
}

/* ---- silence ---- */

static void watch_silence(struct redis_link *l) {
    int64_t due = redis_conn_heard_ms(l->conn) + REDIS_LINK_SILENCE_MS;
    (void)timer_set(l->config.timers, &l->silence, due); // the kernel's keepalive is there without
}

static void on_pong(struct redis_call *call, const struct redis_answer *answer) {
    struct redis_link *l = CONTAINER_OF(call, struct redis_link, ping);
    (void)answer; // any answer is a sign of life
    l->pinging = false;
    redis_call_finish(call);
}

static void on_silence(struct timer *t, void *arg) {
    struct redis_link *l = arg;
    (void)t;
    bool silent = now_ms(l) - redis_conn_heard_ms(l->conn) >= REDIS_LINK_SILENCE_MS;
    if (!silent) {
        watch_silence(l);
        return;
    }
    if (!l->pinging && redis_call_words(&l->ping, "PING", NULL) == 0) {
        l->pinging = redis_conn_send(l->conn, &l->ping, now_ms(l) + l->config.command_ms) == 0;
    }
    (void)timer_set(l->config.timers, &l->silence, now_ms(l) + REDIS_LINK_SILENCE_MS);
}

/* ---- coming and going ---- */

static void attempt(struct redis_link *l);

static void on_retry(struct timer *t, void *arg) {
    (void)t;
    attempt(arg);
}

static void wait(struct redis_link *l, const struct redis_failure *why) {
    uint64_t random;
    env_random(&random, sizeof random);
    l->failures++;
    int64_t ms = redis_link_wait_ms(l->failures, why->class, random);
    timer_init(&l->retry, on_retry, l);
    (void)timer_set(l->config.timers, &l->retry, now_ms(l) + ms);
    l->events.down(l->events.arg, why, ms);
}

static void go_down(struct redis_link *l) {
    if (l->up && now_ms(l) - l->up_since_ms >= REDIS_LINK_HEALTHY_MS) {
        l->failures = 0;
    }
    l->up = false;
    timer_cancel(l->config.timers, &l->silence);
}

static void on_conn_down(void *arg, const struct redis_failure *why, struct redis_calls *left) {
    struct redis_link *l = arg;
    struct redis_failure kept = *why;
    struct redis_calls none, mine = *left;
    go_down(l);
    redis_conn_free(&l->conn, &none);
    keep_safe(l, kept.class, &mine);
    wait(l, &kept);
    redis_calls_fail(&mine, kept.class, &kept.err); // last: may free the link
}

static void go_up(struct redis_link *l) {
    l->up = true;
    l->up_since_ms = now_ms(l);
    watch_silence(l);
    send_waiting(l);
    l->events.up(l->events.arg, redis_conn_peer(l->conn));
}

static void on_subscribed(struct redis_call *call, const struct redis_answer *answer) {
    struct redis_link *l = CONTAINER_OF(call, struct redis_link, subscribe);
    redis_call_finish(call);
    if (answer->fate != REDIS_ANSWERED) {
        return; // its end has been told
    }
    if (answer->class == REDIS_FINE) {
        go_up(l);
        return;
    }
    char words[200], where[REDIS_WHERE_MAX];
    struct err e;
    redis_answer_words(answer, words, sizeof words);
    redis_address_where(&l->address, where);
    (void)err_set(&e, -EACCES, "%s: SUBSCRIBE %s: %s", where, l->config.channel, words);
    redis_conn_break(l->conn, answer->class, &e);
}

static void on_conn_up(void *arg) {
    struct redis_link *l = arg;
    if (l->config.channel == NULL) {
        go_up(l);
        return;
    }
    l->subscribe = (struct redis_call){.done = on_subscribed};
    int r = redis_call_words(&l->subscribe, "SUBSCRIBE", l->config.channel, NULL);
    if (r == 0) {
        r = redis_conn_send(l->conn, &l->subscribe, now_ms(l) + l->config.command_ms);
    }
    if (r != 0) {
        struct err e;
        (void)err_errno(&e, r, "SUBSCRIBE");
        redis_conn_break(l->conn, REDIS_UNREACHABLE, &e);
    }
}

static void on_push(void *arg, const struct redis_reply *message) {
    struct redis_link *l = arg;
    if (l->up && l->events.push != NULL) {
        l->events.push(l->events.arg, message);
    }
}

static void connect_to(struct redis_link *l, const struct redis_endpoints *endpoints) {
    struct redis_conn_config config = {.base = l->config.base,
                                       .timers = l->config.timers,
                                       .env = l->config.env,
                                       .address = &l->address,
                                       .tls = l->address.tls ? l->config.tls : NULL,
                                       .name = l->config.name,
                                       .phase_ms = l->config.connect_ms,
                                       .any_role = l->config.any_role};
    struct redis_conn_events events = {
        .up = on_conn_up, .down = on_conn_down, .push = on_push, .arg = l};
    struct redis_failure why = {.class = REDIS_UNREACHABLE};
    l->conn = redis_conn_new(&config, &events, endpoints, &why.err);
    if (l->conn == NULL) {
        wait(l, &why);
    }
}

static void resolve_failed(struct redis_link *l, enum redis_class class, int code,
                           const char *words) {
    struct redis_failure why = {.class = class};
    char where[REDIS_WHERE_MAX];
    redis_address_where(&l->address, where);
    (void)err_set(&why.err, code, "%s: %s", where, words);
    wait(l, &why);
}

static void on_resolved(void *arg, int r, const struct redis_endpoints *found,
                        const struct err *e) {
    struct redis_link *l = arg;
    timer_cancel(l->config.timers, &l->retry);
    if (r == 0) {
        connect_to(l, found);
    } else {
        resolve_failed(l, REDIS_UNREACHABLE, r, e->msg);
    }
}

static void on_resolve_late(struct timer *t, void *arg) {
    struct redis_link *l = arg;
    (void)t;
    redis_resolver_cancel(l->resolver);
    resolve_failed(l, REDIS_TIMEOUT, -ETIMEDOUT, "the name was not looked up in time");
}

static void attempt(struct redis_link *l) {
    if (l->resolver == NULL) {
        connect_to(l, NULL);
        return;
    }
    timer_init(&l->retry, on_resolve_late, l);
    (void)timer_set(l->config.timers, &l->retry, now_ms(l) + l->config.connect_ms);
    redis_resolver_ask(l->resolver, on_resolved, l);
}

struct redis_link *redis_link_new(const struct redis_link_config *config,
                                  const struct redis_link_events *events, struct err *e) {
    struct redis_link *l = calloc(1, sizeof *l);
    if (l == NULL) {
        (void)err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    l->config = *config;
    l->events = *events;
    l->address = *config->address;
    timer_init(&l->retry, on_retry, l);
    timer_init(&l->silence, on_silence, l);
    timer_init(&l->late, on_late, l);
    l->ping.done = on_pong;
    if (l->address.path[0] == '\0') {
        l->resolver = redis_resolver_new(config->base, l->address.host, l->address.port, e);
    }
    if ((l->address.path[0] == '\0' && l->resolver == NULL) ||
        timer_set(config->timers, &l->retry, now_ms(l)) != 0) {
        redis_link_free(&l);
    }
    return l;
}

void redis_link_free(struct redis_link **at) {
    struct redis_link *l = *at;
    struct redis_calls left = {.head = NULL};
    *at = NULL;
    if (l == NULL) {
        return;
    }
    timer_cancel(l->config.timers, &l->retry);
    timer_cancel(l->config.timers, &l->silence);
    timer_cancel(l->config.timers, &l->late);
    redis_conn_free(&l->conn, &left);
    redis_resolver_free(&l->resolver);
    l->up = false;
    struct err e;
    (void)err_set(&e, -ECANCELED, "the connection to Redis was closed");
    redis_calls_fail(&left, REDIS_UNREACHABLE, &e);
    redis_calls_fail(&l->waiting, REDIS_UNREACHABLE, &e);
    redis_call_finish(&l->ping);
    redis_call_finish(&l->subscribe);
    redis_address_wipe(&l->address);
    free(l);
}
