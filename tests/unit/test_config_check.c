// Meaning: values that contradict each other, references, paths; and what is on.

#include "config_test.h"
#include "expect.h"

struct row {
    const char *text;
    const char *path, *code; // of the one problem; NULL = accepted without a word
    const char *words;
};

#define HOOK(verify) "hooks: {h: {path: /h, job: a.b, verify: " verify "}}"
#define B32          "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
#define A23          "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define A24          "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define A64          A24 A24 "AAAAAAAAAAAAAAAAAAAAAA=="
#define A65          A24 A24 "AAAAAAAAAAAAAAAAAAAAAAA="

static const struct row rows[] = {
    // host
    {"host: {listen: '0.0.0.0:80'}", "host.listen[0]", "open_to_all", "0.0.0.0:80 can be reached"},
    {"host: {listen: '[::]:80'}", "host.listen[0]", "open_to_all", "host.auth is none"},
    {"host: {listen: ['127.0.0.1:1', '192.168.1.1:80']}", "host.listen[1]", "open_to_all",
     "192.168.1.1"},
    {"host: {listen: '0.0.0.0:80', auth: tokens, admin_token: 0123456789abcdef}", "host.listen[0]",
     "plain_http", "0.0.0.0:80 go over the network in clear text"},
    {"host: {listen: {address: '0.0.0.0:80', tls: {cert: /dev/null, key: /dev/null}}, auth: "
     "tokens, "
     "admin_token: 0123456789abcdef}",
     NULL, NULL, NULL},
    {"host: {listen: '127.0.0.1:80', auth: tokens, admin_token: 0123456789abcdef}", NULL, NULL,
     NULL},
    {"host: {admin_token: 0123456789abcde}", "host.admin_token", "bad_secret",
     "shorter than 16 characters and could be guessed; make one with: openssl rand -hex 24"},
    {"host: {admin_token: abc-._~+/0123456==}", NULL, NULL, NULL},
    {"host: {admin_token: ================}", "host.admin_token", "bad_secret", "letters, digits"},
    {"host: {admin_token: 0123456789=abcdef}", "host.admin_token", "bad_secret", "= at its end"},
    {"host: {admin_token: 0123456789 abcdef}", "host.admin_token", "bad_secret", "rand -hex 24"},
    {"host: {admin_token: 0123456789äbcdef}", "host.admin_token", "bad_secret", "letters, digits"},
    {"host: {auth: tokens}", "host.auth", "no_token", "host.admin_token"},
    {"host: {listen: ['127.9.9.9:1', '[::1]:1', 'localhost:1', 'unix:s']}", NULL, NULL, NULL},
    {"host: {listen: ['127.0.0.1:1', '127.0.0.1:1']}", "host.listen[1]", "duplicate_address",
     "twice"},
    {"host: {listen: ['127.0.0.1:0', '127.0.0.1:0']}", NULL, NULL, NULL},
    {"host: {listen: {address: '127.0.0.1:1', tls: {cert: c}}}", "host.listen[0].tls", "tls_pair",
     "key is missing"},
    {"host: {listen: {address: '127.0.0.1:1', tls: {cert: /none, key: /dev/null}}}",
     "host.listen[0].tls.cert", "cannot_read", "cannot read /none"},
    {"host: {listen: []}", NULL, NULL, NULL},
    // store
    {"store: {url: 'redis://h', fallback: sqlite:x}", NULL, NULL, NULL},
    {"store: {url: sqlite:y, fallback: sqlite:x}", "store.fallback", "contradiction",
     "SQLite itself"},
    {"store: {url: 'redis://h', fallback: redis://g}", "store.fallback", "bad_value",
     "sqlite:PATH"},
    {"store: {url: 'rediss://h', tls: {ca: /dev/null, cert: /dev/null, key: /dev/null}}", NULL,
     NULL, NULL},
    {"store: {url: 'rediss+cluster://h', tls: {ca: /dev/null}}", NULL, NULL, NULL},
    {"store: {url: 'rediss://h', tls: {cert: /dev/null}}", "store.tls", "tls_pair",
     "key is missing"},
    {"store: {url: 'rediss://h', tls: {ca: /none}}", "store.tls.ca", "cannot_read",
     "cannot read /none"},
    {"store: {url: 'redis://u:p@h', tls: {ca: /dev/null}}", "store.tls", "contradiction",
     "this store is redis:"},
    {"store: {tls: {ca: /dev/null}}", "store.tls", "contradiction", "this store is sqlite:"},
    // plugins
    {"plugins: {p: {drain_soft: 2m, drain_hard: 1m}}", "plugins.p.drain_soft", "contradiction",
     "drain_hard"},
    {"plugins: {p: {isolation: process, threads: 2}}", "plugins.p.threads", "contradiction",
     "must be 1"},
    {"plugins: {p: {isolation: process}}", NULL, NULL, NULL},
    {"plugins: {p: {sandbox: {net: none, seccomp: false}}}", "plugins.p.sandbox.net",
     "contradiction", "switched off"},
    {"plugins: {p: {sandbox: {net: none}}}", NULL, NULL, NULL},
    {"plugins: {p: {sandbox: {net: none, ports: [443]}}}", "plugins.p.sandbox.ports",
     "contradiction", "net: none"},
    {"plugins: {p: {sandbox: {landlock: false, ports: [443]}}}", "plugins.p.sandbox.ports",
     "contradiction", "switched off"},
    {"plugins: {p: {sandbox: {ports: 65535, read: /}}}", NULL, NULL, NULL},
    {"plugins: {p: {sandbox: {ports: 65536}}}", "plugins.p.sandbox.ports", "bad_value", "65535"},
    {"plugins: {p: {sandbox: {ports: 0}}}", "plugins.p.sandbox.ports", "bad_value", "65535"},
    {"plugins: {p: {sandbox: {write: data}}}", "plugins.p.sandbox.write", "bad_value",
     "absolute path"},
    {"plugins: {p.q: {}}", "plugins.p.q", "bad_name", "plugin's name"},
    // jobs
    {"jobs: {a.b: {timeout: 2h, deadline: 1h}}", "jobs.a.b.timeout", "contradiction", "deadline"},
    {"jobs: {a.b: {expires: 2h, deadline: 1h}}", "jobs.a.b.expires", "contradiction", "deadline"},
    {"jobs: {a.b: {retry: {backoff: fixed, base: 2h}}}", NULL, NULL, NULL},
    {"jobs: {a.b: {retry: {base: 2h}}}", "jobs.a.b.retry.base", "contradiction", "cap"},
    {"queues: {q: {retry: {base: 2h}}}", "queues.q.retry.base", "contradiction", "cap"},
    {"queues: {q: {retry: {classes: {auth: {base: 2h}}}}}", "queues.q.retry.classes.auth.base",
     "contradiction", "cap"},
    {"jobs: {a.b: {retry: {classes: {network: {base: 2h}}}}}",
     "jobs.a.b.retry.classes.network.base", "contradiction", "cap"},
    {"jobs: {a.b: {retry: {classes: {network: {backoff: expression}}}}}",
     "jobs.a.b.retry.classes.network.expression", "missing_key", "needs one"},
    {"jobs: {a.b: {retry: {classes: {network: {expression: '1'}}}}}",
     "jobs.a.b.retry.classes.network.expression", "contradiction", "backoff: expression"},
    {"jobs: {a.b: {retry: {classes: {input: {max: 1}}}}}", "jobs.a.b.retry.classes.input",
     "bad_name", "auth, network"},
    {"jobs: {a.b: {retry: {backoff: expression}}}", "jobs.a.b.retry.expression", "missing_key",
     "pow"},
    {"jobs: {a.b: {retry: {expression: '1'}}}", "jobs.a.b.retry.expression", "contradiction",
     "only"},
    {"jobs: {a.b: {retry: {backoff: expression, expression: 'pow(2'}}}",
     "jobs.a.b.retry.expression", "bad_value", ""},
    {"jobs: {1a: {}}", "jobs.1a", "bad_name", "1a"},
    {"jobs: {a.b: {labels: ['x,y']}}", "jobs.a.b.labels", "bad_value", "comma"},
    // a queue that is nearly another
    {"queues: {crawl: {}}\njobs: {a.b: {queue: crwal}}", "jobs.a.b.queue", "unknown_queue",
     "did you mean \"crawl\""},
    {"queues: {crawl: {}}\nschedules: {s: {cron: '@daily', job: a.b, queue: crawl2}}",
     "schedules.s.queue", "unknown_queue", "crawl"},
    {"queues: {crawl: {}}\nroutes: [{match: POST /x, action: submit, job: a.b, queue: crowl}]",
     "routes[0].queue", "unknown_queue", "crawl"},
    {"queues: {crawl: {}}\njobs: {a.b: {queue: elsewhere}}", NULL, NULL, NULL},
    // what keys in Redis begin with
    {"queues: {a: {key_prefix: 'k:'}, b: {key_prefix: 'l:'}, c: {}, d: {}}", NULL, NULL, NULL},
    {"queues: {a: {key_prefix: ''}, b: {key_prefix: ''}}", NULL, NULL, NULL},
    {"queues:\n  a: {key_prefix: 'k:'}\n  b: {key_prefix: 'k:'}", "queues.b.key_prefix",
     "duplicate_prefix", "k: is the prefix of queue a too (line 2)"},
    {"queues: {a: {key_prefix: 'jh:x'}}", "queues.a.key_prefix", "reserved", "begins with jh:"},
    {"queues: {a: {key_prefix: 'jobs:x:'}}", "queues.a.key_prefix", "reserved", "jobs:"},
    {"queues: {a: {key_prefix: '{a}:'}}", "queues.a.key_prefix", "bad_value", "has braces"},
    {"queues: {a: {key_prefix: \"a\\tb\"}}", "queues.a.key_prefix", "bad_value", "control"},
    // schedules
    {"schedules: {s: {job: a.b}}", "schedules.s.cron", "missing_key", "is missing"},
    {"schedules: {s: {cron: '@daily', job: a.b, start_at: 2026-01-02T00:00:00Z, end_at: "
     "2026-01-01T00:00:00Z}}",
     "schedules.s.end_at", "contradiction", "start_at"},
    {"schedules: {s: {cron: 'TZ=Europe/Berlin @daily', job: a.b, timezone: UTC}}",
     "schedules.s.timezone", "contradiction", "zone in cron"},
    {"schedules: {s: {cron: 'TZ=UTC @daily', job: a.b, timezone: UTC}}", NULL, NULL, NULL},
    {"schedules: {s: {cron: 'TZ=Europe/Berlin @daily', job: a.b}}", NULL, NULL, NULL},
    {"schedules: {s: {cron: '@daily', job: a.b, payload: {a: '${file:x}'}}}", "schedules.s.payload",
     "secret_file", "No such file"},
    // limits and breakers
    {"limits: {l: {}}", "limits.l", "contradiction", "limits nothing"},
    {"limits: {l: {concurrency: 1, burst: 2}}", "limits.l.burst", "contradiction", "needs a rate"},
    {"limits: {l: {rate: 1, per: 1d, burst: 60000}}", "limits.l.burst", "contradiction",
     "comes in a hundred years"},
    {"limits: {l: {rate: 10/s, per: 1m}}", "limits.l.rate", "given_twice", "keep one"},
    {"breakers: {auth: {base: 5h}}", "breakers.auth.base", "contradiction", "cap"},
    {"breakers: {rate: {}}", "breakers.rate", "unknown_key", "auth, network or unknown"},
    // hooks
    {HOOK("none"), NULL, NULL, NULL},
    {HOOK("[]"), "hooks.h.verify", "too_few", "write `none`"},
    {HOOK(""), "hooks.h.verify", "too_few", "write `none`"},
    {"hooks: {h: {path: /h, job: a.b}}", "hooks.h.verify", "missing_key", "is missing"},
    {HOOK("[none, {bearer: x}]"), "hooks.h.verify", "contradiction", "let everybody in"},
    {HOOK("{bearer: x, github: y}"), "hooks.h.verify", "wrong_kind", "one scheme"},
    {HOOK("{bearer: ''}"), "hooks.h.verify.bearer.secret", "empty_secret", "is empty"},
    {HOOK("{bearer: {}}"), "hooks.h.verify.bearer.secret", "missing_key", "is missing"},
    {HOOK("{bearer: [x, '']}"), "hooks.h.verify.bearer.secret[1]", "empty_secret", "is empty"},
    {HOOK("{bearer: []}"), "hooks.h.verify.bearer.secret", "too_few", "0 entries"},
    {HOOK("{svix: whsec_" B32 "}"), NULL, NULL, NULL},
    {HOOK("{svix: " B32 "}"), NULL, NULL, NULL},
    {HOOK("{standard_webhooks: whpk_" B32 "}"), NULL, NULL, NULL},
    {HOOK("{standard_webhooks: whsk_" B32 "}"), "hooks.h.verify", "bad_secret", "private key"},
    {HOOK("{standard_webhooks: whsec_x}"), "hooks.h.verify", "bad_secret", "not valid base64"},
    {HOOK("{standard_webhooks: whsec_YWJj}"), "hooks.h.verify", "bad_secret", "24 to 64 bytes"},
    {HOOK("{standard_webhooks: whpk_YWJj}"), "hooks.h.verify", "bad_secret", "32 bytes"},
    {HOOK("{standard_webhooks: {secret: whsec_" B32 ", version: v1}}"), NULL, NULL, NULL},
    {HOOK("{standard_webhooks: {secret: whsec_" B32 ", version: v1a}}"), "hooks.h.verify",
     "contradiction", "v1a needs a whpk_ key"},
    {HOOK("{svix: {secret: whpk_" B32 ", version: v1}}"), "hooks.h.verify", "contradiction",
     "v1 needs whsec_"},
    {HOOK("{svix: " A23 "}"), "hooks.h.verify", "bad_secret", "24 to 64 bytes"},
    {HOOK("{svix: " A24 "}"), NULL, NULL, NULL},
    {HOOK("{svix: " A64 "}"), NULL, NULL, NULL},
    {HOOK("{svix: " A65 "}"), "hooks.h.verify", "bad_secret", "24 to 64 bytes"},
    {HOOK("{svix: {secret: " A65 ", allow_weak_secret: true}}"), "hooks.h.verify", "weak_secret",
     "this one has 65"},
    {HOOK("{svix: {secret: whsec_, allow_weak_secret: true}}"), "hooks.h.verify", "bad_secret",
     "24 to 64 bytes"},
    {HOOK("{svix: " A24 "B=}"), "hooks.h.verify", "bad_secret", "not valid base64"},
    {"hooks: {h: {path: /h, job: a.b, tolerance: 0, verify: {stripe: x}}}", "hooks.h.tolerance",
     "bad_duration", "write 0s"},
    {"hooks: {h: {path: /h, job: a.b, tolerance: 61m, verify: {stripe: x}}}", "hooks.h.tolerance",
     "out_of_range", "1s to 1h"},
    {HOOK("{qstash: {current: a, next: b, url: 'https://x/y'}}"), NULL, NULL, NULL},
    {HOOK("{qstash: {next: b}}"), "hooks.h.verify.qstash.current", "missing_key", "is missing"},
    {HOOK("{qstash: {current: a, check_url: maybe}}"), "hooks.h.verify.qstash.check_url",
     "bad_bool", "true or false"},
    {HOOK("{twilio: {secret: a, public_url: 'https://x/'}}"), "hooks.h.verify", "sha1",
     "allow_sha1"},
    {HOOK("{twilio: {secret: a, public_url: 'https://x/', allow_sha1: true}}"), NULL, NULL, NULL},
    {HOOK("{twilio: {secret: a, allow_sha1: true}}"), "hooks.h.verify.twilio.public_url",
     "missing_key", "missing"},
    {HOOK("{hmac: {secret: a, header: X}}"), NULL, NULL, NULL},
    {HOOK("{hmac: {secret: a}}"), "hooks.h.verify.hmac.header", "missing_key", "missing"},
    {HOOK("{hmac: {secret: a, header: X, template: '{id}'}}"), "hooks.h.verify.hmac.template",
     "bad_value", "{body}"},
    {HOOK("{hmac: {secret: a, header: X, template: '{body}{x}'}}"), "hooks.h.verify.hmac.template",
     "bad_value", "placeholder"},
    {HOOK("{hmac: {secret: a, header: X, template: '{timestamp}.{body}'}}"), "hooks.h.verify",
     "missing_key", "timestamp_header"},
    {HOOK("{hmac: {secret: a, header: X, template: '{id}.{body}'}}"), "hooks.h.verify",
     "missing_key", "id_header"},
    {HOOK("{hmac: {secret: a, header: X, id_header: Y, template: '{id}{body}'}}"), "hooks.h.verify",
     "contradiction", "text between"},
    {HOOK("{hmac: {secret: a, header: X, id_header: Y, template: '{body}{id}'}}"), "hooks.h.verify",
     "contradiction", "text between"},
    {HOOK("{hmac: {secret: a, header: X, id_header: Y, template: '{id}.{id}.{body}'}}"), NULL, NULL,
     NULL},
    {HOOK("{hmac: {secret: a, header: X, timestamp_header: Y}}"), "hooks.h.verify", "contradiction",
     "not signed"},
    {HOOK("{hmac: {secret: a, header: X, template: '{timestamp}.{body}', timestamp_label: t}}"),
     "hooks.h.verify", "contradiction", "goes with label"},
    {HOOK("{hmac: {secret: a, header: X, template: '{timestamp}.{body}', timestamp_label: t, "
          "label: v1}}"),
     NULL, NULL, NULL},
    {HOOK("{hmac: {secret: a, header: X, label: 'v=1'}}"), "hooks.h.verify.hmac.label", "bad_value",
     "letters"},
    {HOOK("{hmac: {secret: a, header: X, algorithm: sha1}}"), "hooks.h.verify", "sha1",
     "allow_sha1"},
    {HOOK("{hmac: {secret: abc, header: X, key_encoding: hex}}"), "hooks.h.verify", "bad_secret",
     "valid hex"},
    {HOOK("{hmac: {secret: a-c, header: X, key_encoding: base64}}"), "hooks.h.verify", "bad_secret",
     "valid base64"},
    {"hooks: {h: {path: /v1/jobs, job: a.b, verify: none}}", "hooks.h.path", "taken_path",
     "the host itself"},
    {"hooks: {g: {path: /h, job: a.b, verify: none}, h: {path: /h, job: a.b, verify: none}}",
     "hooks.h.path", "duplicate_path", "hook g"},
    {"hooks: {g: {path: /h, job: a.b, verify: none, enabled: false}, h: {path: /h, job: a.b, "
     "verify: none}}",
     NULL, NULL, NULL},
    {"hooks: {h: {path: /healthz, job: a.b, verify: none}}", "hooks.h.path", "taken_path",
     "the host itself"},
    // routes
    {"routes: [{match: 'GET /a/{id}', action: status}, {match: POST /a/, action: submit, job: "
     "a.b}]",
     NULL, NULL, NULL},
    {"routes: [{match: GET /a/, action: plugin.query, job: a.b}]", NULL, NULL, NULL},
    {"routes: [{match: GET /a/, action: plugin.query}]", "routes[0].job", "missing_key",
     "needs the type"},
    {"routes: [{match: POST /a, action: submit, job: a.b, auth: {bearer: x}}]", NULL, NULL, NULL},
    {"routes: [{match: POST /a, action: submit, job: a.b, auth: [none, {bearer: x}]}]",
     "routes[0].auth", "contradiction", "none beside other schemes"},
    {"routes: [{match: POST /a, action: submit, job: a.b, view: amazon, auth: {github: x}}]",
     "routes[0].auth", "contradiction", "signs a body as a whole"},
    {"routes: [{match: 'GET /a/{id}', action: status, view: amazom}]", "routes[0].view", "bad_word",
     "did you mean \"amazon\""},
    {"routes: [{match: 'GET /a/{id}', action: status, view: v1, enabled: auto}]", NULL, NULL, NULL},
    {"routes: [{match: 'GET /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{id}', action: status}]", NULL, NULL,
     NULL},
    {"routes: [{match: 'GET /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{id}/{i}', action: status}]",
     "routes[0].match", "bad_value", "more than 8 names"},
    {"routes: [{match: 'GET /a/{id}', action: status}, {match: 'GET /b/{id}', action: status}]",
     NULL, NULL, NULL},
    {"routes: [{match: 'GET /a/{id}', action: status}, {match: 'GET /a/{id}', action: result}]",
     "routes[1].match", "duplicate_path", "same requests"},
    {"routes: [{match: 'POST /a/{x}', action: submit, job: a.b}, {match: POST /a/b, action: "
     "submit, job: a.b}]",
     "routes[1].match", "shadowed_path", "put this one before"},
    {"routes: [{match: POST /a/b, action: submit, job: a.b}, {match: 'POST /a/{x}', action: "
     "submit, job: a.b}]",
     NULL, NULL, NULL},
    {"routes: [{match: 'GET /a/{id}', action: status}, {match: 'POST /a/{id}', action: cancel}]",
     NULL, NULL, NULL},
    {"routes: [{match: 'GET /a/{id}', action: status}, {match: 'GET /a/{id}/b', action: status}]",
     NULL, NULL, NULL},
    {"routes: [{match: GET /a, action: status}]", "routes[0].match", "missing_key", "{id}"},
    {"routes: [{match: POST /a, action: submit}]", "routes[0].job", "missing_key", "type of a job"},
    {"routes: [{match: 'GET /a/{id}', action: status, job: a.b}]", "routes[0].job", "contradiction",
     "job in the path"},
    {"routes: [{match: POST /v1/x, action: submit, job: a.b}]", "routes[0].match", "taken_path",
     "host itself"},
    {"routes: [{match: 'GET /a/{id}/{id}', action: status}]", "routes[0].match", "bad_value",
     "twice"},
    {"routes: [{match: 'FETCH /a', action: submit, job: a.b}]", "routes[0].match", "bad_value",
     "METHOD /path"},
    {"routes: [{match: 'GET /a{id}', action: status}]", "routes[0].match", "bad_value",
     "whole segment"},
    {"routes: [{match: 'GET /{a-b}', action: status}]", "routes[0].match", "bad_value",
     "whole segment"},
    {"routes: {a: b}", "routes", "wrong_kind", "expected a list"},
    {"routes: [{match: POST /h, action: submit, job: a.b}]\n" HOOK("none"), "routes[0].match",
     "shadowed_path", "hook h"},
    // notify
    {"notify: {n: {on: job.dead, url: 'https://x/', secret: s}}", NULL, NULL, NULL},
    {"notify: {n: {on: [], url: 'https://x/', secret: s}}", "notify.n.on", "too_few", "1 to 16"},
    {"notify: {n: {on: job.died, url: 'https://x/', secret: s}}", "notify.n.on", "bad_word",
     "job.dead"},
    {"notify: {n: {on: job.dead, url: 'https://x/'}}", "notify.n.secret", "missing_key",
     "is missing"},
};

static void test_rows(void) {
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct loaded l = load_text(r->text, NULL);
        bool held;
        if (r->path == NULL) {
            held = EXPECT_TRUE(l.config != NULL) && EXPECT_STR("", printed(&l));
        } else {
            held = EXPECT_EQ_UINT(1, l.report.count) &&
                   EXPECT_STR(r->path, l.report.items[0].path) &&
                   EXPECT_STR(r->code, l.report.items[0].code) &&
                   EXPECT_CONTAINS(r->words, l.report.items[0].message);
        }
        if (!held) {
            (void)fprintf(stderr, "%s\n%s", r->text, printed(&l));
        }
        unload(&l);
    }
}

// ---- on and off

struct state {
    const char *text;
    bool on;
    const char *why; // when off; NULL with `on` false = an error
};

static const char *const environment[] = {"SET=x", "EMPTY=", NULL};

static const struct state plugin_states[] = {
    {"plugins: {p: }", true, NULL},
    {"plugins: {p: {enabled: true}}", true, NULL},
    {"plugins: {p: {enabled: false}}", false, "enabled: false"},
    {"plugins: {p: {enabled: auto}}", true, NULL},
    {"plugins: {p: {config: {a: \"${SET}\"}, enabled: auto}}", true, NULL},
    {"plugins: {p: {config: {a: \"${UNSET}\"}, enabled: auto}}", false, "UNSET is not set"},
    {"plugins: {p: {config: {a: \"${UNSET:-}\"}, enabled: auto}}", true, NULL},
    {"plugins: {p: {config: {a: \"${EMPTY:?needed}\"}, enabled: auto}}", false, "EMPTY: needed"},
    {"plugins: {p: {config: {a: file:/none/such}, enabled: auto}}", false, "No such file"},
    {"plugins: {p: {config: {a: \"${UNSET}\"}, enabled: false}}", false, "enabled: false"},
    {"plugins: {p: {config: {a: \"${UNSET}\"}, enabled: true}}", false, NULL},
    {"plugins: {p: {config: {a: \"${UNSET}\"}}}", false, NULL},
    {"plugins: {p: {config: {a: \"${\"}, enabled: auto}}", false, NULL}, // a mistake is a mistake
};

static void test_plugins(void) {
    for (size_t i = 0; i < sizeof(plugin_states) / sizeof(plugin_states[0]); i++) {
        const struct state *s = &plugin_states[i];
        struct loaded l = load_text(s->text, environment);
        if (!s->on && s->why == NULL) {
            EXPECT_NULL(l.config);
        } else if (EXPECT_TRUE(l.config != NULL)) {
            EXPECT_EQ_INT(s->on, l.config->plugins[0].entry.on);
            if (!s->on) {
                EXPECT_CONTAINS(s->why, l.config->plugins[0].entry.off_why);
            }
        }
        unload(&l);
    }
}

#define HOOK_OF(verify, more)                                                                      \
    "hooks: {h: {path: /h, job: p.x, verify: " verify ", " more "}}\nplugins: {p: {}}"

static const struct state hook_states[] = {
    {HOOK_OF("{bearer: \"${SET}\"}", "enabled: auto"), true, NULL},
    {HOOK_OF("{bearer: \"${SET}\"}", "enabled: true"), true, NULL},
    {HOOK_OF("{bearer: \"${UNSET:-}\"}", "enabled: auto"), false, "UNSET is not set"},
    {HOOK_OF("{bearer: \"${EMPTY:-}\"}", "enabled: auto"), false, "EMPTY is not set"},
    {HOOK_OF("{bearer: \"${UNSET}\"}", "enabled: auto"), false, "UNSET is not set"},
    {HOOK_OF("{bearer: \"${UNSET:-}\"}", "enabled: true"), false, NULL},
    {HOOK_OF("{qstash: {current: \"${SET}\", next: \"${UNSET:-}\"}}", "enabled: true"), true, NULL},
    {HOOK_OF("{qstash: {current: \"${SET}\", next: \"${UNSET:-}\"}}", "enabled: auto"), false,
     "UNSET is not set"},
    {HOOK_OF("[{bearer: \"${SET}\"}, {github: \"${UNSET}\"}]", "enabled: auto"), false,
     "UNSET is not set"},
    {HOOK_OF("none", "enabled: auto"), true, NULL},
    {"hooks: {h: {path: /h, job: q.x, verify: none, enabled: auto}}\nplugins: {p: {}}", false,
     "plugin q is not on"},
    {"hooks: {h: {path: /h, job: q.x, verify: none}}\nplugins: {p: {}}", true, NULL},
    {"hooks: {h: {path: /h, job: p.x, verify: none, enabled: auto}}\nplugins: {p: {enabled: "
     "false}}",
     false, "plugin p is not on"},
};

static void test_hooks(void) {
    for (size_t i = 0; i < sizeof(hook_states) / sizeof(hook_states[0]); i++) {
        const struct state *s = &hook_states[i];
        struct loaded l = load_text(s->text, environment);
        if (!s->on && s->why == NULL) {
            EXPECT_NULL(l.config);
        } else if (EXPECT_TRUE(l.config != NULL)) {
            EXPECT_EQ_INT(s->on, l.config->hooks[0].entry.on);
            if (!s->on) {
                EXPECT_CONTAINS(s->why, l.config->hooks[0].entry.off_why);
            }
        }
        unload(&l);
    }
}

// A section that is off is still judged.
static void test_off_is_judged(void) {
    struct loaded l = load_text("plugins: {p: {enabled: false, workers: 0, bogus: 1}}\n", NULL);
    EXPECT_EQ_UINT(2, l.report.errors);
    unload(&l);
}

/* All that is wrong is said in one go; what follows from a mistake that was told is not told as another one. */
static void test_in_one_go(void) {
    static const struct {
        const char *text, *found;
    } all[] = {
        {"jobs: {a.b: {retry: {base: 2h, mx: 1}}}",
         "1:28 contradiction jobs.a.b.retry.base, 1:32 unknown_key jobs.a.b.retry.mx"},
        {"jobs: {a.b: {labls: [x], timeout: 25h, retry: {expression: '1'}}}",
         "1:14 unknown_key jobs.a.b.labls, 1:35 contradiction jobs.a.b.timeout, "
         "1:60 contradiction jobs.a.b.retry.expression"},
        {"queues: {q: {concurrency: x, retry: {classes: {auth: {base: 2h}}}}}",
         "1:27 bad_int queues.q.concurrency, 1:61 contradiction "
         "queues.q.retry.classes.auth.base"},
        {"jobs: {a.b: {retry: {classes: {auth: {mx: 1}}, backoff: expression}}}",
         "1:39 unknown_key jobs.a.b.retry.classes.auth.mx"}, // the misspelt one may be what lacks
        {"jobs: {a.b: {retry: {base: 2h, cap: x}}}", "1:37 bad_duration jobs.a.b.retry.cap"},
        {"jobs: {a.b: {retry: {cap: 1s, classes: {auth: {base: x}}, base: 1s}}}",
         "1:54 bad_duration jobs.a.b.retry.classes.auth.base"},
        {"jobs: {a.b: {retry: {backoff: x, expression: '1', base: 2h}}}",
         "1:31 bad_word jobs.a.b.retry.backoff"},
        {"jobs: {a.b: {timeout: 2h, deadline: x}}", "1:37 bad_duration jobs.a.b.deadline"},
        {"plugins: {p: {drain_soft: 2m, drain_hard: x}}", "1:43 bad_duration plugins.p.drain_hard"},
        {"plugins: {p: {sandbox: {net: none, seccomp: x}}}",
         "1:45 bad_bool plugins.p.sandbox.seccomp"},
        {"breakers: {auth: {base: 5h, cap: x}}", "1:34 bad_duration breakers.auth.cap"},
        {"limits: {l: {rte: 1, burst: 2}}", "1:14 unknown_key limits.l.rte"},
        {"limits: {l: {rate: 1}}\njobs: {a.b: {limit: {nme: l, key: tenant}}}",
         "2:22 unknown_key jobs.a.b.limit.nme"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct loaded l = load_text(all[i].text, NULL);
        struct buf found = {0};
        for (size_t k = 0; k < l.report.count; k++) {
            const struct config_diagnostic *d = &l.report.items[k];
            buf_printf(&found, "%s%d:%d %s %s", k == 0 ? "" : ", ", d->line, d->column, d->code,
                       d->path);
        }
        buf_char(&found, '\0');
        EXPECT_STR(all[i].found, found.data);
        buf_free(&found);
        unload(&l);
    }
}

static void test_params(void) {
    struct loaded l =
        load_text(HOOK("[{bearer: [a, \"${SET}\"]}, {hmac: {secret: k, header: X}}]"), environment);
    if (EXPECT_TRUE(l.config != NULL)) {
        const struct config_verify *bearer = &l.config->hooks[0].verify[0];
        EXPECT_EQ_UINT(2, bearer->param_count);
        EXPECT_STR("secret", bearer->params[1].name);
        EXPECT_STR("x", bearer->params[1].value);
        EXPECT_TRUE(bearer->params[1].secret_source);
        const struct config_verify *hmac = &l.config->hooks[0].verify[1];
        EXPECT_EQ_UINT(8, hmac->param_count); // the unset ones with their defaults
        EXPECT_STR("template", hmac->params[2].name);
        EXPECT_STR("{body}", hmac->params[2].value);
    }
    unload(&l);
}

static const struct expect_test tests[] = {
    {"what contradicts itself or another", test_rows},
    {"a plugin is on, off or wrong", test_plugins},
    {"a hook is on, off or wrong", test_hooks},
    {"what is off is judged all the same", test_off_is_judged},
    {"every mistake in one go", test_in_one_go},
    {"parameters of schemes", test_params},
};
SUITE_MAIN("config_check", tests)
