/* The configuration: YAML in, one immutable typed object out, or every error of the files at once.
 *
 *     files ─▶ yaml_tree ─────▶ config_bind ────▶ config_check ─▶ struct config
 *              nodes with       by the tables,    values that      or the report
 *              file:line:col    defaults filled   contradict
 *
 * One set of tables (config_tables.c) gives each key its type, range, default, secrecy and doc
 * string; binding, `config schema`, `config dump` and docs/config.md all come from it. A config is
 * never changed after config_load(); a reload makes another. The rules for those who write the
 * files: docs/config-format.md. */
#ifndef JOBHOST_CONFIG_CONFIG_H
#define JOBHOST_CONFIG_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/breaker.h"
#include "core/job.h"
#include "core/plugin_breaker.h"
#include "core/retry.h"
#include "core/skew.h"

/* `enabled: auto` is on iff every secret of the section resolves. */
enum config_enabled { ENABLED_AUTO, ENABLED_TRUE, ENABLED_FALSE };

/* Embedded first in every named section entry. */
struct config_entry {
    const char *name;
    const char *file; /* where it stands */
    int line, column;
    enum config_enabled enabled;
    bool on;             /* after resolving `auto` */
    const char *off_why; /* !on: "enabled: false", or "QSTASH_CURRENT_SIGNING_KEY is not set" */
    bool broken;         /* while loading: has an error of its own, so what it lacks is no news  */
};

struct config_listen {
    const char *address; /* "127.0.0.1:8080" or "unix:PATH" (absolute)   */
    const char *tls_cert, *tls_key;
    const char *
        tls_client_ca; /* who connects must have a certificate of one of these; NULL = nobody must */
};

struct config_host {
    struct config_listen *listen;
    size_t listen_count;
    const char *admin;     /* absolute path of the admin socket           */
    const char *state_dir; /* absolute                                    */
    const char *base_url;
    const char *auth;        /* "none" | "tokens"                           */
    const char *admin_token; /* secret; NULL = none                         */
    int64_t shutdown_grace_ms;
    int64_t lease_ms;       /* 30 s                                        */
    const char *log_level;  /* debug | info | warn | error                 */
    const char *log_format; /* text | json                                 */
    const char **cors;      /* allowed origins (the section `cors`)        */
    size_t cors_count;
    int64_t max_connections, max_connections_per_peer; /* 0 = no cap             */
    const char **proxies; /* trusted: addresses, networks, "unix"        */
    size_t proxy_count;
    int64_t http_handshake_ms, http_header_ms, http_body_ms, http_idle_ms, http_write_ms;
    int64_t http_requests, http_age_ms;           /* of one public connection; 0 = no cap        */
    int64_t http_rate, http_burst, http_failures; /* of one token or address; 0 = no limit */
    const char *monitoring;                       /* all | admin                                 */
    int64_t ready_stall_ms;                       /* 0 = never                                   */
    bool allow_loose_secret_files;
};

struct config_store {
    const char *url;    /* with absolute path; environment variables of design §4 applied */
    const char *tls_ca; /* Redis: a PEM file; NULL = the system's authorities             */
    const char *tls_cert, *tls_key; /* PEM files; both, or neither                  */
    int64_t connect_timeout_ms, command_timeout_ms;
    const char *fallback; /* NULL = none                                                    */
    bool allow_eviction;
    int64_t budget_jobs, budget_results, budget_kv, budget_blobs; /* bytes; 0 = no limit        */
    const char *blobs; /* "dir:PATH" or NULL = state_dir/blobs                            */
    int64_t blobs_max_in_store;
    int64_t spool_max_age_ms, spool_max_bytes;
    int64_t ledger_keep_ms, ledger_rows;                    /* 0 = no limit */
    int64_t event_keep_ms, event_max_kept, event_max_bytes; /* of each name */
};

struct config_option { /* plugins.<name>.config: validated later by the plugin's own table */
    const char *name;
    const char *value;  /* text; nested YAML is an error. Lists of a verify entry repeat the name */
    bool secret_source; /* came from ${file:} or an environment variable: never shown       */
    int line, column;
};

struct config_sandbox {                                /* plugins.<name>.sandbox; docs/sandbox.md */
    int64_t max_data, max_files, max_file, max_cpu_ms; /* 0 = no limit */
    int64_t max_disk;                                  /* of its data folder; 0 = no limit */
    int64_t memory, pids; /* of all its processes together, by control groups; 0 = no limit */
    double cpu;
    bool core, seccomp, landlock;
    const char *net; /* "any" | "none" */
    const char **ports, **read, **write, **allow_private;
    size_t port_count, read_count, write_count, allow_private_count;
};

struct config_plugin {
    struct config_entry entry;
    const char *file;         /* absolute; default plugin_dir/NAME.so        */
    int64_t workers;          /* processes                                   */
    int64_t threads;          /* run threads per process                     */
    int64_t start_timeout_ms; /* 10 s: load, ABI check, create()             */
    int64_t drain_soft_ms, drain_hard_ms;
    int64_t probation_ms;   /* of new code; 0 = none                       */
    int64_t pin_max_age_ms; /* of a pinned generation                     */
    int64_t grace_ms;       /* from cancel to SIGTERM, 10 s                */
    int64_t max_rss;        /* bytes; 0 = none                             */
    const char *isolation;  /* "worker" | "process"                        */
    const char **exec;      /* programs it may run                         */
    size_t exec_count;
    struct config_sandbox sandbox;
    struct plugin_breaker_rules breaker;
    const char *dir;  /* where relative paths of its options begin  */
    bool loose_files; /* host.allow_loose_secret_files, for NAME_file options */
    struct config_option *options;
    size_t option_count;
};

enum config_fair_share { FAIR_SHARE_TENANT, FAIR_SHARE_NONE };
enum { LIMIT_KEY_NONE, LIMIT_KEY_TENANT, LIMIT_KEY_QUEUE, LIMIT_KEY_TYPE };
enum { LIMIT_UNTIL_END, LIMIT_UNTIL_START };
struct config_use {   /* jobs.<type>.limit, queues.<name>.limit */
    const char *name; /* in `limits`; NULL = none */
    int key, until;   /* LIMIT_KEY_*, LIMIT_UNTIL_* */
};

struct config_retry_class {    /* of a policy; what is 0 or NULL is as the policy has it */
    struct config_entry entry; /* name = the class, "network"                */
    int32_t max;
    const char *backoff;
    int64_t base_ms, cap_ms;
    double factor;
    const char *expression;
};

struct config_retry { /* jobs.<type>.retry, queues.<name>.retry */
    struct retry_policy policy;
    struct config_retry_class *classes; /* `policy.rules` has them, too */
    size_t class_count;
    bool given; /* the files say something of it */
};

struct config_queue {
    struct config_entry entry;
    int64_t concurrency;    /* running at once; 0 = no limit               */
    const char *key_prefix; /* Redis                                       */
    bool split_normal;
    enum config_fair_share fair_share;
    const char **weights; /* of tenants, "NAME=3"; config_weight() reads them */
    size_t weight_count;
    int64_t ttl_ms;      /* how long final jobs are kept: 24 h          */
    int64_t dead_ttl_ms; /* dead ones: 30 d                             */
    int64_t max_jobs;    /* queued + scheduled + parked; 0 = no limit   */
    int64_t max_payload; /* bytes: 1 MiB                                */
    int64_t max_result;  /* bytes: 64 MiB                               */
    int64_t dedup_ttl_ms;
    int64_t weight; /* share among queues: 1..100                  */
    struct config_use limit;
    bool breakers;             /* of scopes */
    struct config_retry retry; /* of jobs whose type has none */
};

struct config_job { /* per job type */
    struct config_entry entry;
    const char *queue;
    enum job_priority priority;
    int64_t timeout_ms;        /* 5 min                                       */
    int64_t deadline_ms;       /* 24 h; for the whole job incl. parking       */
    int64_t expires_ms;        /* 0 = never                                   */
    struct config_retry retry; /* goes before the queue's: config_retry_policy() */
    int64_t stall_ms;          /* 0 = off                                     */
    enum skew_policy state_policy;
    const char *labels;
    struct config_use limit; /* goes before the queue's */
    bool breakers;           /* of scopes; as the queue's, too  */
};

struct config_schedule {
    struct config_entry entry;
    const char *cron, *days, *timezone, *dst, *catch_up, *overlap;
    int64_t catch_up_window_ms, catch_up_max, jitter_ms;
    const char *start_at, *end_at;
    bool paused;
    const char *job; /* type        */
    const char *queue, *user, *key;
    const char *payload; /* JSON text   */
};

enum { CONFIG_KEY_TEXT_MAX = 1024 }; /* characters of a secret in base64 or hex */
struct config_verify {               /* one entry of hooks.<name>.verify */
    /* qstash, standard_webhooks, svix, github, stripe, slack, shopify, gitlab, twilio, bearer, hmac
     */
    const char *scheme;
    struct config_option *params;
    size_t param_count;
};

enum { CONFIG_ROUTE_PARAMS_MAX = 8 }; /* {names} in a path */

struct config_hook_skip { /* hooks.<name>.skip: deliveries that are no jobs */
    const char *when;     /* text with placeholders                       */
    const char **is, **is_not;
    size_t is_count, is_not_count;
};

struct config_hook_response {
    int64_t status;
    const char *body; /* JSON text of the mapping; NULL = the API's own */
};

struct config_hook_inbox {
    int64_t keep; /* deliveries of each kind */
    int64_t bodies;
};

struct config_hook {
    struct config_entry entry;
    const char *path;
    const char **methods;
    size_t method_count;
    struct config_verify *verify;
    size_t verify_count;
    const char *public_url;  /* NULL = host.base_url                                */
    const char *job, *queue; /* constants                                           */
    const char *key, *user, *flow, *priority; /* texts with placeholders, or NULL   */
    const char *payload; /* JSON text of the mapping, or NULL = the body as it is */
    int64_t delay_ms;
    const char *labels;
    const char *replay;  /* scheme | body                                        */
    int64_t remember_ms; /* deliveries that were taken                           */
    int64_t max_body;
    int64_t tolerance_ms; /* 0 = the scheme's own: 0 for qstash, else 5 min */
    int64_t failures;     /* of one address in a minute; 0 = any number */
    struct config_hook_skip *skip;
    size_t skip_count;
    struct config_hook_response response;
    struct config_hook_inbox inbox;
    bool hide_routes;
};

struct config_route {
    struct config_entry entry; /* name = "METHOD path"                       */
    const char *method, *path;
    const char *action; /* submit | status | result | cancel | events | plugin.query */
    const char *view;   /* one of config_view_names; NULL = the first of them */
    const char *job, *queue;
    struct config_verify *auth; /* one of them is to prove who asks; none: as host.auth says */
    size_t auth_count;
    const char **cors; /* origins, instead of host.cors; none: those */
    size_t cors_count;
    int64_t max_age_ms; /* for which a browser keeps what it was told of them */
    int64_t max_body;
};

/* Views that there are, "v1" (the API's own) first; NULL-terminated. */
extern const char *const config_view_names[];

struct config_limit {
    struct config_entry entry;
    int64_t rate, per_ms, burst, concurrency;
    const char *window; /* moving | fixed                             */
    const char **learn; /* response headers                           */
    size_t learn_count;
};

struct config_breaker {
    struct config_entry entry; /* class name: auth, network, unknown         */
    int64_t base_ms, cap_ms;
    int64_t failures; /* in a row that open it: 1                    */
};

struct config_notify {
    struct config_entry entry;
    const char **on; /* job.dead, dlq.size, ...                    */
    size_t on_count;
    const char *url;
    const char *secret;
    int64_t threshold;
};

struct config_diagnostic {
    bool warning;
    const char *file;    /* as the user named it                       */
    int line, column;    /* 1-based; 0 = not known                     */
    const char *path;    /* "queues.crawl.retires"; "" = whole file    */
    const char *code;    /* "unknown_key", "bad_duration", ...         */
    const char *message; /* "unknown key; did you mean \"retries\"?"   */
    const char *excerpt; /* the source line, or NULL when it may hold a secret */
};

struct config {
    const char *file; /* absolute path of the main file             */
    char hash[65];    /* sha256 of the effective config (secrets by fingerprint) */
    struct config_host host;
    struct config_store store;
    const char *plugin_dir; /* absolute                                   */
    struct config_plugin *plugins;
    size_t plugin_count;
    struct config_queue *queues;
    size_t queue_count;
    struct config_queue queue_default; /* for queues that the file does not name */
    struct config_job *jobs;
    size_t job_count;
    struct config_job job_default; /* for types that the file does not name: queue NULL */
    struct config_schedule *schedules;
    size_t schedule_count;
    struct config_hook *hooks;
    size_t hook_count;
    struct config_route *routes;
    size_t route_count;
    struct config_limit *limits;
    size_t limit_count;
    struct config_breaker *breakers;
    size_t breaker_count;
    struct config_notify *notify;
    size_t notify_count;
    struct config_private *priv; /* arena, secrets, origins                    */
};

struct arena;
struct config_env;

/* The environment as it was at start, wiped when freed; later substitutions (reloads) read this
 * copy only. */
struct config_env *config_env_new(char **environ_at_start);
void config_env_free(struct config_env **env);

struct config_report {
    struct config_diagnostic *items; /* at most 50 errors and 50 warnings, by file, line, column */
    size_t count;
    size_t errors, warnings;            /* all of them, also those not listed                    */
    struct config_report_private *priv; /* owns the texts                                        */
};

struct config_load_options {
    const char *default_plugin_dir; /* used when the file names none (absolute)            */
    bool strict;                    /* warnings are errors                                 */
    bool memory_only;               /* config_load_text: open no file, however it is named */
    /* Only host.state_dir and host.admin are read, for those who look for the host: what else the
     * files say is neither judged nor filled in, so that neither a secret that is not set nor the
     * file of one that only the host may read is missed. Included files are read. */
    bool place_only;
};

/* Reads `path` and what it includes. Returns the config, or NULL when there was an error (then
 * report->errors > 0). The report is always filled and must be finished with
 * config_report_finish(). Performs file I/O; never logs. */
struct config *config_load(const char *path, const struct config_env *env,
                           const struct config_load_options *options,
                           struct config_report *ret_report);
/* Same for text in memory (tests, fuzzing). `name` stands for the file in messages. */
struct config *config_load_text(const char *name, struct bytes text, const struct config_env *env,
                                const struct config_load_options *options,
                                struct config_report *ret_report);
void config_report_finish(struct config_report *report);

/* Where an installed jobhost keeps its plugins, told by where the program itself lies
 * (PREFIX/bin/jobhost → PREFIX/lib/.../jobhost/plugins); NULL when it runs from a source tree. */
const char *config_installed_plugin_dir(const char *self_exe, char out[PATH_MAX]);

/* A plugin's file in plugin_dir that no entry names: somebody has dropped it in. */
struct config_found {
    const char *name; /* that an entry for it would have by default */
    const char *file; /* absolute                                   */
};
enum { CONFIG_FOUND_MAX = 100 };
/* Those that there are, by name, without loading any; no folder has none. In `arena`, `*ret` is NULL without memory. Blocking. */
size_t config_found_plugins(const struct config *c, struct arena *arena,
                            const struct config_found **ret);

/* The environment variables whose values became secrets of this config: the caller clears them
 * (unsetenv) before any other process starts. Returns how many; the names live as long as the
 * config. */
size_t config_secret_variables(const struct config *c, const char *const **ret_names);

/* One more who uses it and calls config_free() in the end. All of them in one thread. */
struct config *config_hold(const struct config *config);
/* The last user's wipes secrets and frees. Accepts NULL. */
void config_free(struct config **config);

/* "config.yaml:14:3: queues.crawl.retires: unknown key; did you mean "retries"?" and the excerpt
 * with a caret. */
void config_report_print(const struct config_report *report, bool colour, struct buf *out);
void config_report_json(const struct config_report *report, struct buf *out);

/* Found by name, or the default entry (never NULL). The job default has entry.name NULL. */
const struct config_queue *config_queue(const struct config *c, const char *name);
const struct config_job *config_job(const struct config *c, const char *type);
const struct config_plugin *config_plugin(const struct config *c,
                                          const char *name); /* NULL = none */
/* What happens after failures of a job of this type in this queue; `crashes` is always the type's. */
const struct retry_policy *config_retry_policy(const struct config_queue *queue,
                                               const struct config_job *type);
const struct config_limit *config_limit(const struct config *c, const char *name,
                                        size_t len); /* NULL = none that is on */
/* False: failures of these classes open none. */
bool config_breaker(const struct config *c, enum breaker_kind kind, struct breaker_times *ret);

/* Calls `say` for each entry that is off, section by section ("plugins", "schedules", ...); its
 * off_why has the reason. */
void config_each_off(const struct config *c,
                     void (*say)(void *arg, const char *section, const struct config_entry *entry),
                     void *arg);

/* The queue a job of this type goes to by default: jobs.<type>.queue, else the part of the type
 * before its first dot. Borrowed from `c` or from `type`'s copy in `out`. */
const char *config_queue_of_type(const struct config *c, const char *type,
                                 char out[JOB_QUEUE_MAX + 1]);

void config_schema_json(struct buf *out);   /* JSON Schema 2020-12     */
void config_docs_markdown(struct buf *out); /* docs/config.md          */
/* Effective configuration with origins; secrets as ***(set). `json` = machine form. */
void config_dump(const struct config *c, bool json, struct buf *out);

/* Would worker processes be made the same way? Where its file lies, how many there are and how patient the host is with
 * them is not their concern. */
bool config_plugin_same_processes(const struct config_plugin *a, const struct config_plugin *b);
/* The same question across processes: equal texts, then yes. Hexadecimal. */
enum { CONFIG_DIGEST_LEN = 64 };
void config_plugin_digest(const struct config_plugin *p, char ret[CONFIG_DIGEST_LEN + 1]);

/* Values of `host` and `store` that need a restart stay in force: `loaded`, which nobody else has yet, gets those of
 * `running`, which must outlive it. */
void config_keep_running(struct config *loaded, const struct config *running);

/* The keys that a reload to `loaded` cannot bring into force ("host.state_dir"), one a line;
 * returns how many. The caller keeps running with their old values and says so. */
size_t config_needs_restart(const struct config *running, const struct config *loaded,
                            struct buf *out);

/* plugins.<name>.config against a plugin's own option table (strings of the manifest; see
 * record.h REC_HELLO). Normalises values (DURATION to ms, SIZE to bytes, BOOL to true/false) and
 * fills fallbacks. Problems are appended to `report`-style diagnostics in `out` as printed
 * lines; returns the number of errors. */
struct config_option_spec {
    const char *name;
    int32_t type;   /* JH_OPT_* */
    uint32_t flags; /* JH_OPT_REQUIRED, JH_OPT_SECRET */
    const char *fallback;
    const char *help;
};
struct config_option_value {
    const char *name, *value;
};
int config_bind_options(const struct config_plugin *plugin, const struct config_option_spec *specs,
                        size_t spec_count, struct arena *arena,
                        struct config_option_value **ret_values, size_t *ret_count,
                        struct buf *out);

#endif
