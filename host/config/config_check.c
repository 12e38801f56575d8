#include "config/config_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "base/rfc3339.h"
#include "config/config_forms.h"
#include "core/limiter.h"
#include "core/outcome.h"

static struct config_place place_of(const struct config_binding *b,
                                    const struct config_subject *s) {
    const struct config_origin *o = s->slot == NULL ? NULL : config_origin_find(b->priv, s->slot);
    struct config_place at = b->at;
    if (o != NULL && o->file != NULL) {
        at = (struct config_place){o->file, 0, o->line, o->column};
    } else if (s->entry != NULL) {
        at = (struct config_place){s->entry->file, 0, s->entry->line, s->entry->column};
    }
    for (size_t i = 0; i < b->sources->count; i++) {
        if (strcmp(b->sources->items[i].name, at.file) == 0) {
            at.source = (unsigned)i;
        }
    }
    return at;
}

static void path_of(const struct config_subject *s, char out[256]) {
    bool indexed = strchr(s->section, '[') != NULL;
    const char *name = s->entry == NULL || indexed ? NULL : s->entry->name;
    (void)snprintf(out, 256, "%s%s%s%s%s", s->section, name == NULL ? "" : ".",
                   name == NULL ? "" : name, *s->key == '\0' ? "" : ".", s->key);
}

__attribute__((format(printf, 5, 0))) static void add(struct config_binding *b, bool warning,
                                                      const struct config_subject *subject,
                                                      const char *code, const char *fmt,
                                                      va_list ap) {
    char path[256];
    path_of(subject, path);
    config_report_add(b->report, warning, place_of(b, subject), path, code, fmt, ap);
}

void config_check_error(struct config_binding *b, const struct config_subject *subject,
                        const char *code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(b, false, subject, code, fmt, ap);
    va_end(ap);
}

void config_check_warning(struct config_binding *b, const struct config_subject *subject,
                          const char *code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(b, true, subject, code, fmt, ap);
    va_end(ap);
}

// `slot` is the address of the value that is wrong.
#define COMPLAIN(b, of, in, name, value, ...)                                                      \
    config_check_error((b), &(struct config_subject){(of), (in), (name), (value)}, __VA_ARGS__)

// ---- host

static void check_readable(struct config_binding *b, const char *path, const void *slot,
                           const char *where, const char *key) {
    int fd = b->sources->no_files ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd != -1) {
        (void)close(fd);
    } else if (!b->sources->no_files) {
        COMPLAIN(b, NULL, where, key, slot, "cannot_read", "cannot read %s: %s", path,
                 strerror(errno));
    }
}

// Port 0 asks for any free port, so two of them do not meet.
static bool is_any_port(const char *address) {
    size_t len = strlen(address);
    return len > 2 && strcmp(address + len - 2, ":0") == 0;
}

static void check_listen(struct config_binding *b, const struct config_host *host, size_t i) {
    const struct config_listen *l = &host->listen[i];
    char where[64];
    (void)snprintf(where, sizeof(where), "host.listen[%zu]", i);
    if (l->address == NULL) {
        return;
    }
    for (size_t j = 0; j < i && !is_any_port(l->address); j++) {
        if (host->listen[j].address != NULL && strcmp(host->listen[j].address, l->address) == 0) {
            COMPLAIN(b, NULL, where, "", &l->address, "duplicate_address", "%s is listed twice",
                     l->address);
        }
    }
    if ((l->tls_cert == NULL) != (l->tls_key == NULL)) {
        COMPLAIN(b, NULL, where, "tls", l->tls_cert == NULL ? &l->tls_key : &l->tls_cert,
                 "tls_pair", "tls needs both cert and key; %s is missing",
                 l->tls_cert == NULL ? "cert" : "key");
    } else if (l->tls_cert != NULL) {
        check_readable(b, l->tls_cert, &l->tls_cert, where, "tls.cert");
        check_readable(b, l->tls_key, &l->tls_key, where, "tls.key");
    }
    if (l->tls_client_ca != NULL && l->tls_cert == NULL) {
        COMPLAIN(b, NULL, where, "tls", &l->tls_client_ca, "tls_pair",
                 "client_ca needs cert and key: without them there is no TLS");
    } else if (l->tls_client_ca != NULL) {
        check_readable(b, l->tls_client_ca, &l->tls_client_ca, where, "tls.client_ca");
    }
    if (host->auth != NULL && strcmp(host->auth, "none") == 0 &&
        !config_address_is_local(l->address)) {
        COMPLAIN(b, NULL, where, "", &l->address, "open_to_all",
                 "%s can be reached from other machines while host.auth is none; set host.auth: "
                 "tokens, or listen on 127.0.0.1",
                 l->address);
    } else if (l->tls_cert == NULL && l->tls_key == NULL && !config_address_is_local(l->address)) {
        config_check_warning(b, &(struct config_subject){NULL, where, "", &l->address},
                             "plain_http",
                             "tokens and data of %s go over the network in clear text; give it "
                             "tls, or listen on 127.0.0.1 behind a proxy that has it",
                             l->address);
    }
}

/* RFC 6750, section 2.1: what an Authorization header can carry. */
static bool is_token68(const char *text) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    size_t data = strspn(text, alphabet);
    return data > 0 && text[data + strspn(text + data, "=")] == '\0';
}

static void check_token(struct config_binding *b, const struct config_host *host) {
    const char *token = host->admin_token;
    if (token != NULL && !is_token68(token)) {
        COMPLAIN(b, NULL, "host", "admin_token", &host->admin_token, "bad_secret",
                 "a token has letters, digits and -._~+/ only, and = at its end; make one with: "
                 "openssl rand -hex 24");
    } else if (token != NULL && strlen(token) < CONFIG_TOKEN_MIN) {
        COMPLAIN(b, NULL, "host", "admin_token", &host->admin_token, "bad_secret",
                 "is shorter than %d characters and could be guessed; make one with: openssl rand "
                 "-hex 24",
                 CONFIG_TOKEN_MIN);
    }
}

static void check_tokens(struct config_binding *b, const struct config_host *host) {
    check_token(b, host);
    if (host->auth == NULL || strcmp(host->auth, "tokens") != 0 || host->admin_token != NULL) {
        return;
    }
    config_check_warning(b, &(struct config_subject){NULL, "host", "auth", &host->auth}, "no_token",
                         "nobody but the admin socket is let in until host.admin_token is set");
}

// ---- pairs of values that contradict each other

// A value that could not be read was complained of already, and contradicts nothing.
static bool is_read(const struct config_binding *b, const void *slot) {
    const struct config_origin *o = config_origin_find(b->priv, slot);
    return o == NULL || !o->unread;
}

// `slot` is a duration that may not be longer than `most`.
static void check_order(struct config_binding *b, const struct config_subject *subject,
                        const int64_t *slot, const int64_t *most, const char *words) {
    if (*slot > *most && is_read(b, slot) && is_read(b, most)) {
        config_check_error(b, subject, "contradiction", "%s", words);
    }
}

#define CHECK_ORDER(b, of, in, name, slot, most, words)                                            \
    check_order((b), &(struct config_subject){(of), (in), (name), (slot)}, (slot), (most), (words))

static void check_sandbox(struct config_binding *b, const struct config_plugin *p) {
    const struct config_sandbox *s = &p->sandbox;
    bool no_net = s->net != NULL && strcmp(s->net, "none") == 0;
    if (no_net && !s->seccomp && is_read(b, &s->seccomp)) {
        COMPLAIN(b, &p->entry, "plugins", "sandbox.net", &p->sandbox.net, "contradiction",
                 "is kept by seccomp, which is switched off");
    }
    if (s->port_count > 0 && (no_net || (!s->landlock && is_read(b, &s->landlock)))) {
        COMPLAIN(b, &p->entry, "plugins", "sandbox.ports", &p->sandbox.ports, "contradiction",
                 no_net ? "has no use with net: none"
                        : "is kept by landlock, which is switched off");
    }
}

static void check_plugin(struct config_binding *b, const struct config_plugin *p) {
    check_sandbox(b, p);
    CHECK_ORDER(b, &p->entry, "plugins", "drain_soft", &p->drain_soft_ms, &p->drain_hard_ms,
                "is longer than drain_hard");
    if (p->isolation != NULL && strcmp(p->isolation, "process") == 0 && p->threads > 1) {
        COMPLAIN(b, &p->entry, "plugins", "threads", &p->threads, "contradiction",
                 "isolation: process runs one job in a process; threads must be 1");
    }
}

// Whose policy is looked at.
struct retry_owner {
    struct config_binding *b;
    const struct config_entry *entry;
    const char *section;
};

// Of a policy, or of a class in it: `where` is its path under the owner, and where its values stand.
struct backoff {
    const char *where;
    const void *expression, *backoff;
    const int64_t *base_ms, *cap_ms;
};

static void check_expression(const struct retry_owner *of, const struct retry_policy *r,
                             const struct backoff *at) {
    char key[96];
    struct err e = {0};
    double ms;
    (void)snprintf(key, sizeof key, "%s.expression", at->where);
    const struct config_subject subject = {of->entry, of->section, key, at->expression};
    if (!is_read(of->b, at->expression) || !is_read(of->b, at->backoff)) {
        return;
    }
    if (r->backoff != BACKOFF_EXPRESSION && r->expression != NULL) {
        config_check_error(of->b, &subject, "contradiction",
                           "is used with backoff: expression only");
    } else if (r->backoff == BACKOFF_EXPRESSION && r->expression == NULL && !of->entry->broken) {
        config_check_error(of->b, &subject, "missing_key",
                           "backoff: expression needs one, such as \"pow(2, retried) * 1000\"");
    } else if (r->expression != NULL && retry_expression_eval(r->expression, 1, &ms, &e) < 0) {
        config_check_error(of->b, &subject, "bad_value", "%s", e.msg);
    }
}

static void check_backoff(const struct retry_owner *of, const struct retry_policy *r,
                          const struct backoff *at) {
    char key[96];
    check_expression(of, r, at);
    if (r->backoff == BACKOFF_EXPONENTIAL && is_read(of->b, at->backoff)) {
        (void)snprintf(key, sizeof key, "%s.base", at->where);
        CHECK_ORDER(of->b, of->entry, of->section, key, at->base_ms, at->cap_ms,
                    "is longer than cap");
    }
}

// What it does not say itself stands in its policy.
static void check_class(const struct retry_owner *of, const struct retry_policy *p,
                        const struct config_retry_class *c) {
    struct config_binding *b = of->b;
    struct retry_policy r = retry_of_class(p, outcome_class_from_name(c->entry.name));
    char where[64];
    if (c->expression == NULL && r.backoff != BACKOFF_EXPRESSION) {
        r.expression = NULL; // the policy's own, which this class does not use
    }
    (void)snprintf(where, sizeof where, "retry.classes.%s", c->entry.name);
    bool own_backoff = c->backoff != NULL || !is_read(b, &c->backoff);
    bool own_base = c->base_ms != 0 || !is_read(b, &c->base_ms);
    bool own_cap = c->cap_ms != 0 || !is_read(b, &c->cap_ms);
    const struct backoff at = {
        where, &c->expression, own_backoff ? (const void *)&c->backoff : &p->backoff,
        own_base ? &c->base_ms : &p->base_ms, own_cap ? &c->cap_ms : &p->cap_ms};
    check_backoff(of, &r, &at);
}

static void check_retry(struct config_binding *b, const struct config_entry *entry,
                        const char *section, const struct config_retry *retry) {
    const struct retry_owner of = {b, entry, section};
    const struct retry_policy *p = &retry->policy;
    const struct backoff at = {"retry", &p->expression, &p->backoff, &p->base_ms, &p->cap_ms};
    check_backoff(&of, p, &at);
    for (size_t i = 0; i < retry->class_count; i++) {
        check_class(&of, p, &retry->classes[i]);
    }
}

static void check_job(struct config_binding *b, const struct config_job *job) {
    check_retry(b, &job->entry, "jobs", &job->retry);
    CHECK_ORDER(b, &job->entry, "jobs", "timeout", &job->timeout_ms, &job->deadline_ms,
                "is longer than deadline, so no run could use it");
    CHECK_ORDER(b, &job->entry, "jobs", "expires", &job->expires_ms, &job->deadline_ms,
                "is later than deadline");
}

static void check_limit(struct config_binding *b, const struct config_limit *l) {
    if (l->rate == 0 && l->concurrency == 0 && !l->entry.broken) {
        COMPLAIN(b, &l->entry, "limits", "", NULL, "contradiction",
                 "limits nothing; set rate or concurrency");
    }
    if (l->rate == 0 && l->burst != 0 && !l->entry.broken) {
        COMPLAIN(b, &l->entry, "limits", "burst", &l->burst, "contradiction", "needs a rate");
    }
    const struct limiter_rules rules = {.rate = l->rate,
                                        .per_ms = l->per_ms == 0 ? 1000 : l->per_ms,
                                        .window = LIMITER_WINDOW_MOVING,
                                        .burst = l->burst,
                                        .lease_ms = 1};
    if (l->rate > 0 && is_read(b, &l->per_ms) &&
        limiter_rules_check(&rules) < 0) { // all else has bounds of its own
        COMPLAIN(b, &l->entry, "limits", "burst", &l->burst, "contradiction",
                 "is more than comes in a hundred years at that rate");
    }
}

static void check_breaker(struct config_binding *b, const struct config_breaker *k) {
    CHECK_ORDER(b, &k->entry, "breakers", "base", &k->base_ms, &k->cap_ms, "is longer than cap");
}

// ---- references

static void check_use(struct config_binding *b, const struct config *c,
                      const struct config_use *use, const struct config_entry *entry,
                      const char *section) {
    struct nearest nearest = {.word = use->name};
    if (use->name == NULL && use->key != LIMIT_KEY_NONE && !entry->broken) {
        const struct config_subject subject = {entry, section, "limit.key", &use->key};
        config_check_error(b, &subject, "contradiction", "needs a name");
    }
    if (use->name == NULL || config_limit(c, use->name, strlen(use->name)) != NULL) {
        return;
    }
    for (size_t i = 0; i < c->limit_count; i++) {
        nearest_offer(&nearest, c->limits[i].entry.name);
    }
    const char *near = nearest_best(&nearest);
    const struct config_subject subject = {entry, section, "limit.name", &use->name};
    config_check_error(b, &subject, "unknown_limit", "there is no limit \"%s\" in limits%s%s%s",
                       use->name, near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                       near == NULL ? "" : "\"?");
}

static void check_uses(struct config_binding *b, const struct config *c) {
    for (size_t i = 0; i < c->job_count; i++) {
        check_use(b, c, &c->jobs[i].limit, &c->jobs[i].entry, "jobs");
    }
    for (size_t i = 0; i < c->queue_count; i++) {
        check_use(b, c, &c->queues[i].limit, &c->queues[i].entry, "queues");
    }
}

struct reference_check {
    struct config_binding *b;
    const struct config *c;
    int searches; /* left: each compares with every queue, too dear to do thousands of times */
};

// Queues need not be named, so a reference is doubtful only if it looks like a slip of the pen.
static void check_queue_name(struct reference_check *r, const char *const *slot,
                             const struct config_entry *entry, const char *section) {
    const char *queue = *slot;
    struct nearest nearest = {.word = queue};
    if (queue == NULL || config_queue(r->c, queue) != &r->c->queue_default || r->searches-- <= 0) {
        return;
    }
    for (size_t i = 0; i < r->c->queue_count; i++) {
        nearest_offer(&nearest, r->c->queues[i].entry.name);
    }
    const char *near = nearest_best(&nearest);
    if (near != NULL) {
        const struct config_subject subject = {entry, section, "queue", slot};
        config_check_warning(r->b, &subject, "unknown_queue",
                             "there is no queue \"%s\" in queues; did you mean \"%s\"?", queue,
                             near);
    }
}

static void check_queue_names(struct config_binding *b, const struct config *c) {
    struct reference_check r = {b, c, 200};
    for (size_t i = 0; i < c->job_count; i++) {
        check_queue_name(&r, &c->jobs[i].queue, &c->jobs[i].entry, "jobs");
    }
    for (size_t i = 0; i < c->schedule_count; i++) {
        check_queue_name(&r, &c->schedules[i].queue, &c->schedules[i].entry, "schedules");
    }
    for (size_t i = 0; i < c->hook_count; i++) {
        check_queue_name(&r, &c->hooks[i].queue, &c->hooks[i].entry, "hooks");
    }
    for (size_t i = 0; i < c->route_count; i++) {
        char section[64];
        (void)snprintf(section, sizeof(section), "routes[%zu]", i);
        check_queue_name(&r, &c->routes[i].queue, &c->routes[i].entry, section);
    }
}

static void check_store_tls(struct config_binding *b, const struct config_store *s) {
    if ((s->tls_cert == NULL) != (s->tls_key == NULL)) {
        COMPLAIN(b, NULL, "store", "tls", s->tls_cert == NULL ? &s->tls_key : &s->tls_cert,
                 "tls_pair", "tls needs both cert and key; %s is missing",
                 s->tls_cert == NULL ? "cert" : "key");
        return;
    }
    const char *const *first = s->tls_ca != NULL ? &s->tls_ca : &s->tls_cert;
    if (*first != NULL && s->url != NULL && strncmp(s->url, "rediss", 6) != 0) {
        COMPLAIN(b, NULL, "store", "tls", first, "contradiction",
                 "is for rediss:// only; this store is %.*s:", (int)strcspn(s->url, ":"), s->url);
    }
    if (s->tls_ca != NULL) {
        check_readable(b, s->tls_ca, &s->tls_ca, "store", "tls.ca");
    }
    if (s->tls_cert != NULL) {
        check_readable(b, s->tls_cert, &s->tls_cert, "store", "tls.cert");
        check_readable(b, s->tls_key, &s->tls_key, "store", "tls.key");
    }
}

static void check_store(struct config_binding *b, const struct config_store *s) {
    check_store_tls(b, s);
    if (s->fallback == NULL || s->url == NULL) {
        return;
    }
    if (strncmp(s->url, "sqlite:", 7) == 0) {
        COMPLAIN(b, NULL, "store", "fallback", &s->fallback, "contradiction",
                 "a fallback is for Redis; the store is SQLite itself");
    }
}

void config_check(struct config_binding *b, const struct config *c) {
    for (size_t i = 0; i < c->host.listen_count; i++) {
        check_listen(b, &c->host, i);
    }
    check_tokens(b, &c->host);
    check_store(b, &c->store);
    for (size_t i = 0; i < c->plugin_count; i++) {
        check_plugin(b, &c->plugins[i]);
    }
    for (size_t i = 0; i < c->job_count; i++) {
        check_job(b, &c->jobs[i]);
    }
    for (size_t i = 0; i < c->queue_count; i++) {
        check_retry(b, &c->queues[i].entry, "queues", &c->queues[i].retry);
    }
    config_check_schedules(b, c);
    for (size_t i = 0; i < c->limit_count; i++) {
        check_limit(b, &c->limits[i]);
    }
    check_uses(b, c);
    for (size_t i = 0; i < c->breaker_count; i++) {
        check_breaker(b, &c->breakers[i]);
    }
    check_queue_names(b, c);
    config_check_key_prefixes(b, c);
    config_check_hooks(b, c);
    config_check_routes(b, c);
}
