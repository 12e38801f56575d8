#include "config/config_tables.h"

#include <limits.h>
#include <string.h>

#include "config/config.h"
#include "config/config_forms.h"
#include "core/share.h"

#define AT(type, member)           .offset = offsetof(struct type, member)
#define MANY(type, member, number) AT(type, member), .count_offset = offsetof(struct type, number)
#define FIELDS(rows)               .fields = (rows), .count = sizeof(rows) / sizeof((rows)[0])

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)
#define KIB    1024LL
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define TIB    (1024 * GIB)

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* In the order of enum config_enabled, enum job_priority, enum backoff_kind. */
#define ENABLED_WORDS  WORDS("auto", "true", "false")
#define PRIORITY_WORDS WORDS("high", "normal", "low")
#define BACKOFF_WORDS  WORDS("exponential", "fixed", "expression")

#define ENABLED_ROW(type, of, more)                                                                \
    {                                                                                              \
        "enabled", CONFIG_CHOICE, AT(type, entry.enabled),                                         \
            .fallback = "true", .words = ENABLED_WORDS,                                            \
            .doc =                                                                                 \
                "`auto` switches " of " on if and only if every secret and variable it names is "  \
                "set" more "."                                                                     \
    }

// ---- host

static const struct config_field tls_rows[] = {
    {"cert", CONFIG_PATH, 0, AT(config_listen, tls_cert), .doc = "Certificate chain, PEM."},
    {"key", CONFIG_PATH, 0, AT(config_listen, tls_key), .doc = "Private key, PEM."},
    {"client_ca", CONFIG_PATH, 0, AT(config_listen, tls_client_ca),
     .doc = "Authorities, PEM: who connects needs a certificate that one of them has signed. "
            "Unset: nobody needs one."},
};
static const struct config_table tls_table = {.what = "TLS", FIELDS(tls_rows)};

static const struct config_field listen_rows[] = {
    {"address", CONFIG_LOCATION, FIELD_SHORT, AT(config_listen, address),
     .fallback = "127.0.0.1:8080", .form = &form_address,
     .doc = "`IP:PORT`, `[IPV6]:PORT`, `localhost:PORT` or `unix:PATH`."},
    {"tls", CONFIG_SECTION, .table = &tls_table,
     .doc = "Serves HTTPS here; certificate and key are needed."},
};
static const struct config_table listen_table = {
    .what = "an address", FIELDS(listen_rows), .size = sizeof(struct config_listen)};

static const struct config_field http_rows[] = {
    {"handshake_timeout", CONFIG_DURATION, 0, AT(config_host, http_handshake_ms), .fallback = "10s",
     .min = 100, .max = HOUR, .doc = "From the connection to the end of the TLS handshake."},
    {"header_timeout", CONFIG_DURATION, 0, AT(config_host, http_header_ms), .fallback = "10s",
     .min = 100, .max = HOUR, .doc = "From a request's first byte to the end of its headers."},
    {"body_timeout", CONFIG_DURATION, 0, AT(config_host, http_body_ms), .fallback = "30s",
     .min = 100, .max = HOUR,
     .doc = "From there to the end of the body; more for one that may be larger than 1 MiB."},
    {"idle_timeout", CONFIG_DURATION, 0, AT(config_host, http_idle_ms), .fallback = "60s",
     .min = 100, .max = DAY, .doc = "Between an answer and the next request."},
    {"write_timeout", CONFIG_DURATION, 0, AT(config_host, http_write_ms), .fallback = "30s",
     .min = 100, .max = HOUR, .doc = "For which a client may take nothing of its answer."},
    {"max_requests", CONFIG_INT, 0, AT(config_host, http_requests), .fallback = "1000",
     .max = 1000000000, .doc = "Requests of one public connection. 0: no cap."},
    {"max_age", CONFIG_DURATION, 0, AT(config_host, http_age_ms), .fallback = "300s", .max = YEAR,
     .doc = "After which a public connection ends with its next answer. 0: never."},
    {"rate", CONFIG_INT, 0, AT(config_host, http_rate), .fallback = "500", .max = 1000000,
     .doc =
         "Requests a second of one token, or, without one, of one address that is not the host's "
         "own (IPv6: of one /64); more are told 429. 0: any number."},
    {"burst", CONFIG_INT, 0, AT(config_host, http_burst), .fallback = "2000", .min = 1,
     .max = 1000000, .doc = "How many of these may come at once after a pause."},
    {"failures", CONFIG_INT, 0, AT(config_host, http_failures), .fallback = "30", .max = 1000000,
     .doc = "Requests a minute with a token that is none, of one such address; more are told 429. "
            "0: any number."},
};
static const struct config_table http_table = {.what = "HTTP", FIELDS(http_rows)};

static const struct config_field host_rows[] = {
    // first: the files of later secrets are judged by it
    {"allow_loose_secret_files", CONFIG_BOOL, FIELD_PLACE,
     AT(config_host, allow_loose_secret_files), .fallback = "false",
     .doc = "Accepts secret files that group or others may read (some Kubernetes volumes)."},
    {"listen", CONFIG_LIST, FIELD_ONE | FIELD_RESTART, MANY(config_host, listen, listen_count),
     .fallback = "", .default_words = "127.0.0.1:8080", .max = 16, .table = &listen_table,
     .doc = "Where HTTP is served: one address, or a list (`[]`: nowhere but at `admin`); with TLS "
            "a mapping."},
    {"admin", CONFIG_SOCKET, FIELD_RESTART | FIELD_PLACE, AT(config_host, admin),
     .default_words = "unix:<state_dir>/admin.sock", .form = &form_socket,
     .doc = "The socket the command line talks to."},
    {"state_dir", CONFIG_PATH, FIELD_RESTART | FIELD_PLACE, AT(config_host, state_dir),
     .fallback = "./var",
     .doc = "What the host keeps on disk: blobs, snapshots of plugins, the embedded store."},
    {"base_url", CONFIG_STRING, 0, AT(config_host, base_url),
     .default_words = "the first listen address", .max = 2048, .form = &form_http_url,
     .doc = "How the outside reaches this host; used in links and to check signed URLs."},
    {"auth", CONFIG_WORD, 0, AT(config_host, auth), .fallback = "none",
     .words = WORDS("none", "tokens"),
     .doc = "`none` is allowed on loopback and unix sockets only."},
    {"admin_token", CONFIG_SECRET, 0, AT(config_host, admin_token), .max = 512,
     .doc = "The token that opens this host's HTTP API, with every right, when `auth` is `tokens`: "
            "16 or more letters, digits and `-._~+/`, as of `openssl rand -hex 24`. The admin "
            "socket needs none."},
    {"shutdown_grace", CONFIG_DURATION, 0, AT(config_host, shutdown_grace_ms), .fallback = "60s",
     .max = DAY, .doc = "How long running jobs may go on after SIGTERM."},
    {"lease", CONFIG_DURATION, FIELD_RESTART, AT(config_host, lease_ms), .fallback = "30s",
     .min = 5 * SECOND, .max = HOUR,
     .doc =
         "A host that is silent for this long loses its running jobs to another; the same on all "
         "hosts of a store."},
    {"log_level", CONFIG_WORD, 0, AT(config_host, log_level), .fallback = "info",
     .words = WORDS("debug", "info", "warn", "error"), .doc = "The least that is logged."},
    {"log_format", CONFIG_WORD, 0, AT(config_host, log_format), .fallback = "text",
     .words = WORDS("text", "json"), .doc = "How a line of the log is written."},
    {"max_connections", CONFIG_INT, 0, AT(config_host, max_connections), .fallback = "1024",
     .max = 65536,
     .doc = "Public HTTP connections at once; more wait until one ends. Half of them may bring "
            "uploads. 0: no cap."},
    {"max_connections_per_peer", CONFIG_INT, 0, AT(config_host, max_connections_per_peer),
     .fallback = "64", .max = 65536,
     .doc = "Of these, from one address (IPv6: one /64); more are refused with 503. 0: no cap."},
    {"trusted_proxies", CONFIG_STRINGS, FIELD_ONE, MANY(config_host, proxies, proxy_count),
     .max = 64, .form = &form_proxy,
     .doc = "Addresses and networks of reverse proxies, such as `10.0.0.0/8`, and `unix` for those "
            "that come by a `unix:` address of `listen`: their connections do not count as one "
            "peer's; their requests do, for the address in `X-Forwarded-For`."},
    {"http", CONFIG_SECTION, .table = &http_table,
     .doc = "How long HTTP clients may take, and how long a connection lives."},
    {"monitoring", CONFIG_WORD, 0, AT(config_host, monitoring), .fallback = "all",
     .words = WORDS("all", "admin"),
     .doc = "Where `/metrics`, `/healthz` and `/readyz` are served: at every address, or on the "
            "admin socket only."},
    {"ready_stall", CONFIG_DURATION, 0, AT(config_host, ready_stall_ms), .fallback = "60s",
     .max = DAY,
     .doc = "`/readyz` fails when jobs could start, threads are free and nothing has started for "
            "so long; `0s`: never for that."},
};
static const struct config_table host_table = {
    .what = "the host", FIELDS(host_rows), .doc = "The process itself: addresses, files, log."};

// ---- store

static const struct config_field budget_rows[] = {
    {"jobs", CONFIG_SIZE, FIELD_RESTART, AT(config_store, budget_jobs), .fallback = "0B",
     .max = 1024 * TIB, .doc = "Payloads, fields and steps of jobs."},
    {"results", CONFIG_SIZE, FIELD_RESTART, AT(config_store, budget_results), .fallback = "0B",
     .max = 1024 * TIB, .doc = "Results."},
    {"kv", CONFIG_SIZE, FIELD_RESTART, AT(config_store, budget_kv), .fallback = "0B",
     .max = 1024 * TIB, .doc = "Key/value data of plugins."},
    {"blobs", CONFIG_SIZE, FIELD_RESTART, AT(config_store, budget_blobs), .fallback = "0B",
     .max = 1024 * TIB, .doc = "Files: inputs and large results."},
};
static const struct config_table budget_table = {.what = "the budget", FIELDS(budget_rows)};

static const struct config_field blobs_rows[] = {
    {"place", CONFIG_LOCATION, FIELD_SHORT | FIELD_RESTART, AT(config_store, blobs),
     .default_words = "<state_dir>/blobs", .form = &form_blob_place,
     .doc = "`dir:PATH`: a folder that every host of the store sees."},
    {"max_in_store", CONFIG_SIZE, FIELD_RESTART, AT(config_store, blobs_max_in_store),
     .fallback = "64MiB", .min = 256 * KIB, .max = GIB,
     .doc = "The largest file kept inside Redis (in chunks); larger ones are refused with 413 "
            "unless there is a place for files."},
};
static const struct config_table blobs_table = {.what = "the files", FIELDS(blobs_rows)};

static const struct config_field spool_rows[] = {
    {"max_age", CONFIG_DURATION, FIELD_RESTART, AT(config_store, spool_max_age_ms),
     .fallback = "7d", .min = MINUTE, .max = YEAR,
     .doc = "Entries older than this go to a file for inspection instead of the store."},
    {"max_bytes", CONFIG_SIZE, FIELD_RESTART, AT(config_store, spool_max_bytes), .fallback = "1GiB",
     .min = MIB, .max = 16 * TIB, .doc = "A full spool refuses submissions with 503."},
};
static const struct config_table spool_table = {.what = "the spool", FIELDS(spool_rows)};

static const struct config_field ledger_rows[] = {
    {"keep", CONFIG_DURATION, 0, AT(config_store, ledger_keep_ms), .fallback = "30d",
     .max = 10 * YEAR,
     .doc = "Rows older than this are deleted, unless a schedule's `catch_up_window` is longer. 0s "
            "= none is."},
    {"rows", CONFIG_INT, 0, AT(config_store, ledger_rows), .fallback = "1000", .max = 1000000,
     .doc = "Of each schedule at most so many are kept, unless they are younger than that window. "
            "0 = no limit."},
};
static const struct config_table ledger_table = {.what = "the ledgers", FIELDS(ledger_rows)};

static const struct config_field store_event_rows[] = {
    {"keep", CONFIG_DURATION, FIELD_RESTART, AT(config_store, event_keep_ms), .fallback = "24h",
     .min = MINUTE, .max = YEAR,
     .doc = "How long an event is kept for jobs that begin to wait later."},
    {"max_kept", CONFIG_INT, FIELD_RESTART, AT(config_store, event_max_kept), .fallback = "1000",
     .min = 1, .max = 100000, .doc = "Of each name; the oldest go first."},
    {"max_bytes", CONFIG_SIZE, FIELD_RESTART, AT(config_store, event_max_bytes), .fallback = "4MiB",
     .min = MIB, .max = GIB, .doc = "The same in bytes."},
};
static const struct config_table store_event_table = {.what = "the events",
                                                      FIELDS(store_event_rows)};

static const struct config_field store_tls_rows[] = {
    {"ca", CONFIG_PATH, FIELD_RESTART, AT(config_store, tls_ca),
     .default_words = "the system's authorities",
     .doc = "Authorities that may have issued the server's certificate, PEM."},
    {"cert", CONFIG_PATH, FIELD_RESTART, AT(config_store, tls_cert),
     .doc = "Certificate chain of this client, PEM, for servers that ask for one."},
    {"key", CONFIG_PATH, FIELD_RESTART, AT(config_store, tls_key), .doc = "Its private key, PEM."},
};
static const struct config_table store_tls_table = {.what = "TLS", FIELDS(store_tls_rows)};

static const struct config_field store_rows[] = {
    {"url", CONFIG_LOCATION, FIELD_RESTART | FIELD_PASSWORD, AT(config_store, url),
     .default_words = "the environment's Redis, else sqlite:<state_dir>/jobhost.db", .max = 4096,
     .form = &form_store_url,
     .doc = "`sqlite:PATH`, `redis://`, `rediss://`, `unix:PATH` or `unix://USER:PASSWORD@/PATH` "
            "(Redis on a socket), `redis+sentinel://` or `redis+cluster://`."},
    {"tls", CONFIG_SECTION, .table = &store_tls_table,
     .doc = "Files for `rediss://`. The server's certificate and its name are always verified."},
    {"connect_timeout", CONFIG_DURATION, FIELD_RESTART, AT(config_store, connect_timeout_ms),
     .fallback = "5s", .min = 100, .max = MINUTE,
     .doc = "Redis: for each of looking its name up, connecting, TLS, and the first commands."},
    {"command_timeout", CONFIG_DURATION, FIELD_RESTART, AT(config_store, command_timeout_ms),
     .fallback = "2s", .min = 100, .max = MINUTE,
     .doc = "Redis: until a command is answered; after that the connection is made anew."},
    {"fallback", CONFIG_LOCATION, FIELD_RESTART, AT(config_store, fallback), .max = 4096,
     .form = &form_sqlite_url,
     .doc = "`sqlite:PATH`: takes submissions while Redis is not reachable and forwards them "
            "later."},
    {"allow_eviction", CONFIG_BOOL, FIELD_RESTART, AT(config_store, allow_eviction),
     .fallback = "false",
     .doc = "Starts although the server may evict keys (maxmemory-policy other than noeviction): "
            "jobs can be lost."},
    {"budget", CONFIG_SECTION, .table = &budget_table,
     .doc = "Bytes a class of data may take; 0B = no limit. Beyond it submissions are refused, "
            "nothing is evicted."},
    {"blobs", CONFIG_SECTION, .table = &blobs_table, .doc = "Where large files are kept."},
    {"spool", CONFIG_SECTION, .table = &spool_table,
     .doc = "Bounds of what `fallback` holds back."},
    {"ledger", CONFIG_SECTION, .table = &ledger_table,
     .doc = "What became of the times of schedules."},
    {"events", CONFIG_SECTION, .table = &store_event_table,
     .doc = "What is kept of events that jobs wait for (docs/waits.md)."},
};
static const struct config_table store_table = {
    .what = "the store", FIELDS(store_rows), .doc = "Where jobs live."};

// ---- plugins

static const struct config_field sandbox_rows[] = {
    {"max_data", CONFIG_SIZE, 0, AT(config_plugin, sandbox.max_data), .fallback = "4GiB",
     .max = 16 * TIB,
     .doc = "Memory one process may have for writing (RLIMIT_DATA), 8 MiB for each thread's stack "
            "included; more is refused to it. 0B = no limit."},
    {"max_files", CONFIG_INT, 0, AT(config_plugin, sandbox.max_files), .fallback = "1024",
     .min = 64, .max = 1048576, .doc = "Descriptors that a process may have open."},
    {"max_file", CONFIG_SIZE, 0, AT(config_plugin, sandbox.max_file), .fallback = "4GiB",
     .max = 16 * TIB,
     .doc = "The largest file that a process may write, results and outputs among them. 0B = no "
            "limit."},
    {"max_disk", CONFIG_SIZE, FIELD_LIVE, AT(config_plugin, sandbox.max_disk), .fallback = "0B",
     .max = 16 * TIB,
     .doc = "What its data folder may hold. When it is found to hold more, jobs that run are "
            "stopped and none starts until it holds less. 0B = no limit."},
    {"max_cpu", CONFIG_DURATION, 0, AT(config_plugin, sandbox.max_cpu_ms), .fallback = "0s",
     .max = YEAR,
     .doc = "Processor time, in whole seconds, after which a process is killed. It counts over all "
            "its jobs, so it is meant for `isolation: process`. 0s = no limit."},
    {"memory", CONFIG_SIZE, 0, AT(config_plugin, sandbox.memory), .fallback = "0B", .max = 16 * TIB,
     .doc = "Memory of all its processes together, programs that they run included (control "
            "groups). 0B = no limit."},
    {"cpu", CONFIG_NUMBER, 0, AT(config_plugin, sandbox.cpu), .fallback = "0", .max = 1024,
     .doc = "Processors that all its processes together may use, such as 1.5 (control groups). 0 = "
            "no limit."},
    {"pids", CONFIG_INT, 0, AT(config_plugin, sandbox.pids), .fallback = "0", .max = 4194304,
     .doc = "Threads and processes that it may have in all (control groups). 0 = no limit."},
    {"core", CONFIG_BOOL, 0, AT(config_plugin, sandbox.core), .fallback = "false",
     .doc = "Lets a crashing process leave a core file, which holds whatever it knew."},
    {"seccomp", CONFIG_BOOL, 0, AT(config_plugin, sandbox.seccomp), .fallback = "true",
     .doc = "Refuses system calls that no handler has a use for; programs and second processes "
            "too, unless `exec` names some."},
    {"net", CONFIG_WORD, 0, AT(config_plugin, sandbox.net), .fallback = "any",
     .words = WORDS("any", "none"), .doc = "`none`: no sockets of the internet (needs `seccomp`)."},
    {"landlock", CONFIG_BOOL, 0, AT(config_plugin, sandbox.landlock), .fallback = "true",
     .doc = "Denies files beyond the plugin's own data folder, libraries, certificates and what "
            "looking up names needs, and signals to others."},
    {"read", CONFIG_STRINGS, FIELD_ONE, MANY(config_plugin, sandbox.read, sandbox.read_count),
     .max = 32, .form = &form_absolute, .doc = "Files and folders that it may read as well."},
    {"write", CONFIG_STRINGS, FIELD_ONE, MANY(config_plugin, sandbox.write, sandbox.write_count),
     .max = 32, .form = &form_absolute,
     .doc = "Files and folders that it may read and change as well."},
    {"ports", CONFIG_STRINGS, FIELD_ONE, MANY(config_plugin, sandbox.ports, sandbox.port_count),
     .max = 63, .form = &form_port,
     .doc = "The only TCP ports it may connect to, besides 53; it may listen on none. Unset: any "
            "(needs `landlock`)."},
    {"allow_private", CONFIG_STRINGS, FIELD_ONE,
     MANY(config_plugin, sandbox.allow_private, sandbox.allow_private_count), .max = 64,
     .form = &form_egress,
     .doc = "Addresses that are not of the public internet and that its calls by HTTP "
            "(`jobhost.http/1`) may go to all the same: `10.0.0.0/8`, `127.0.0.1:8080`, "
            "`[fd00::1]:443`."},
};
static const struct config_table sandbox_table = {.what = "a sandbox", FIELDS(sandbox_rows)};

static const struct config_field crash_breaker_rows[] = {
    {"jobs", CONFIG_INT, 0, AT(config_plugin, breaker.jobs), .fallback = "5",
     .max = PLUGIN_BREAKER_JOBS_MAX,
     .doc =
         "Different jobs that crash in the window and open it; one that returns makes up for one "
         "of them. 0 = never."},
    {"window", CONFIG_DURATION, 0, AT(config_plugin, breaker.window_ms), .fallback = "1m",
     .min = SECOND, .max = DAY, .doc = "How long a crash counts."},
    {"pause", CONFIG_DURATION, 0, AT(config_plugin, breaker.pause_ms), .fallback = "10s", .min = 1,
     .max = DAY, .doc = "Nothing starts for so long; then one job at a time, until one returns."},
    {"max_pause", CONFIG_DURATION, 0, AT(config_plugin, breaker.pause_max_ms), .fallback = "10m",
     .min = 1, .max = DAY, .doc = "The pause doubles with each opening in a row, up to this."},
};
static const struct config_table crash_breaker_table = {.what = "a breaker",
                                                        FIELDS(crash_breaker_rows)};

static const struct config_field plugin_rows[] = {
    ENABLED_ROW(config_plugin, "the plugin", ""),
    {"file", CONFIG_STRING, FIELD_LIVE, AT(config_plugin, file),
     .default_words = "<plugin_dir>/NAME.so", .min = 1, .max = 4096,
     .doc = "The shared object: a bare name is looked up in plugin_dir, a path is relative to this "
            "file."},
    {"workers", CONFIG_INT, FIELD_LIVE, AT(config_plugin, workers), .fallback = "1", .min = 1,
     .max = 256, .doc = "Worker processes."},
    {"threads", CONFIG_INT, 0, AT(config_plugin, threads), .fallback = "1", .min = 1, .max = 256,
     .doc = "Threads that run jobs in each process; above 1 only for handlers that say they can."},
    {"start_timeout", CONFIG_DURATION, FIELD_LIVE, AT(config_plugin, start_timeout_ms),
     .fallback = "10s", .min = 100, .max = HOUR,
     .doc = "Time to load, check and create the plugin."},
    {"drain_soft", CONFIG_DURATION, FIELD_LIVE, AT(config_plugin, drain_soft_ms), .fallback = "30s",
     .max = DAY, .doc = "On reload: jobs still running after this are asked to stop at a step."},
    {"drain_hard", CONFIG_DURATION, FIELD_LIVE, AT(config_plugin, drain_hard_ms), .fallback = "10m",
     .max = 7 * DAY,
     .doc = "On reload: old processes are ended after this; their jobs start again."},
    {"probation", CONFIG_DURATION, FIELD_LIVE, AT(config_plugin, probation_ms), .fallback = "60s",
     .max = HOUR,
     .doc = "On reload: new code of which three jobs crash in that time (and before 20 jobs have "
            "ended) is "
            "rolled back. 0s: never."},
    {"pin_max_age", CONFIG_DURATION, FIELD_LIVE, AT(config_plugin, pin_max_age_ms),
     .fallback = "7d", .min = 1000, .max = YEAR,
     .doc = "How long an old build stays for jobs with `state_policy: pin`; then they park."},
    {"grace", CONFIG_DURATION, FIELD_LIVE, AT(config_plugin, grace_ms), .fallback = "10s",
     .max = HOUR, .doc = "From asking a job to stop to SIGTERM."},
    {"max_rss", CONFIG_SIZE, FIELD_LIVE, AT(config_plugin, max_rss), .fallback = "0B",
     .max = 16 * TIB,
     .doc = "Resident memory of one process; above it the process takes no more jobs and is "
            "replaced, above one and a half times it is killed. 0B = no limit."},
    {"isolation", CONFIG_WORD, 0, AT(config_plugin, isolation), .fallback = "worker",
     .words = WORDS("worker", "process"), .doc = "`process` gives each job a process of its own."},
    {"exec", CONFIG_STRINGS, FIELD_ONE, MANY(config_plugin, exec, exec_count), .max = 32,
     .form = &form_program, .doc = "Programs the plugin may run, such as ffmpeg."},
    {"crash_breaker", CONFIG_SECTION, .table = &crash_breaker_table,
     .doc = "When a plugin that crashes on one job after the other is left alone for a while."},
    {"sandbox", CONFIG_SECTION, .table = &sandbox_table,
     .doc = "What its processes may do: docs/sandbox.md."},
    {"config", CONFIG_OPTIONS, 0, MANY(config_plugin, options, option_count),
     .doc = "The plugin's own options (`jobhost describe NAME` lists them): names and single "
            "values. A value may be `file:PATH`, and an option that is a secret may be given as "
            "`NAME_file: PATH`."},
};
const struct config_table config_plugin_table = {
    .what = "a plugin", FIELDS(plugin_rows), .size = sizeof(struct config_plugin), .entry = true};

// ---- queues and job types

static const struct config_field use_rows[] = {
    {"name", CONFIG_STRING, FIELD_SHORT, AT(config_use, name), .max = 64,
     .doc = "Which of `limits`."},
    {"key", CONFIG_CHOICE, 0, AT(config_use, key), .fallback = "none",
     .words = WORDS("none", "tenant", "queue", "type"),
     .doc = "Of which jobs each has a limiter of its own by these rules."},
    {"until", CONFIG_CHOICE, 0, AT(config_use, until), .fallback = "end",
     .words = WORDS("end", "start"),
     .doc = "Until when a job's slot is taken (then its window begins): the end of its run, or its "
            "start, which limits the rate of starts."},
};
static const struct config_table use_table = {.what = "a limit's use", FIELDS(use_rows)};

static const struct config_field retry_class_rows[] = {
    {"max", CONFIG_INT32, 0, AT(config_retry_class, max), .default_words = "as of all", .min = 1,
     .max = JOB_MAX_MAX, .doc = "A failure of this class is the last one after so many attempts."},
    {"backoff", CONFIG_WORD, 0, AT(config_retry_class, backoff), .default_words = "as of all",
     .words = BACKOFF_WORDS, .doc = "How the waits grow after a failure of this class."},
    {"base", CONFIG_DURATION, 0, AT(config_retry_class, base_ms), .default_words = "as of all",
     .min = 1, .max = 30 * DAY, .doc = "The first wait."},
    {"factor", CONFIG_NUMBER, 0, AT(config_retry_class, factor), .default_words = "as of all",
     .min = 1, .max = 100, .doc = "Each wait is this much longer than the one before."},
    {"cap", CONFIG_DURATION, 0, AT(config_retry_class, cap_ms), .default_words = "as of all",
     .min = 1, .max = 30 * DAY, .doc = "The longest wait."},
    {"expression", CONFIG_STRING, 0, AT(config_retry_class, expression), .max = JOB_RETRY_MAX,
     .default_words = "as of all",
     .doc = "With `backoff: expression`: milliseconds as a formula of `retried`."},
};
static const struct config_table retry_class_table = {.what = "a class of failures",
                                                      FIELDS(retry_class_rows),
                                                      .size = sizeof(struct config_retry_class),
                                                      .entry = true};

static const struct config_field retry_rows[] = {
    {"max", CONFIG_INT32, 0, AT(config_retry, policy.max), .fallback = "3", .min = 1,
     .max = JOB_MAX_MAX, .doc = "Executions, the first included."},
    {"backoff", CONFIG_CHOICE, 0, AT(config_retry, policy.backoff), .fallback = "exponential",
     .words = BACKOFF_WORDS, .doc = "How the waits between attempts grow."},
    {"base", CONFIG_DURATION, 0, AT(config_retry, policy.base_ms), .fallback = "10s",
     .max = 30 * DAY, .doc = "The first wait."},
    {"factor", CONFIG_NUMBER, 0, AT(config_retry, policy.factor), .fallback = "2", .min = 1,
     .max = 100, .doc = "Each wait is this much longer than the one before."},
    {"cap", CONFIG_DURATION, 0, AT(config_retry, policy.cap_ms), .fallback = "1h", .max = 30 * DAY,
     .doc = "The longest wait."},
    {"jitter", CONFIG_NUMBER, 0, AT(config_retry, policy.jitter), .fallback = "0.2", .max = 1,
     .doc = "Spreads each wait by this part of it, up and down: `0.2` or `20%`."},
    {"expression", CONFIG_STRING, 0, AT(config_retry, policy.expression), .max = JOB_RETRY_MAX,
     .doc = "With `backoff: expression`: milliseconds as a formula of `retried`."},
    {"classes", CONFIG_NAMED, 0, MANY(config_retry, classes, class_count), .max = RETRY_CLASSES,
     .form = &form_failure_class, .table = &retry_class_table,
     .doc = "What failures of a class do otherwise: `auth`, `network`, `upstream`, `timeout`, "
            "`resource`, `bug` or `unknown`."},
};
const struct config_table config_retry_table = {.what = "a retry policy", FIELDS(retry_rows)};

static const struct config_field queue_rows[] = {
    {"concurrency", CONFIG_INT, 0, AT(config_queue, concurrency), .fallback = "0", .max = 100000,
     .doc = "Jobs of this queue that run at once on this host; 0 = no limit."},
    {"limit", CONFIG_SECTION, 0, AT(config_queue, limit), .table = &use_table,
     .doc = "A slot of this limit is taken before a job starts, on whichever host. That of its "
            "type goes before it."},
    {"breakers", CONFIG_BOOL, 0, AT(config_queue, breakers), .fallback = "true",
     .doc = "`false`: failures in this queue open none of the `breakers`, and none of them holds "
            "its jobs back."},
    {"retry", CONFIG_SECTION, 0, AT(config_queue, retry), .table = &config_retry_table,
     .doc =
         "What happens after a failed attempt of a job whose type has no policy of its own. What "
         "is left out of it is as by default."},
    {"weight", CONFIG_INT, 0, AT(config_queue, weight), .fallback = "1", .min = 1, .max = 100,
     .doc = "Share among the queues that wait for the same workers."},
    {"key_prefix", CONFIG_STRING, FIELD_RESTART, AT(config_queue, key_prefix), .fallback = "",
     .max = 64,
     .doc =
         "What the queue's keys in Redis begin with, such as `klap:`: of each queue its own, the "
         "same on all hosts."},
    {"split_normal", CONFIG_BOOL, FIELD_RESTART, AT(config_queue, split_normal),
     .fallback = "false",
     .doc = "Names the list of normal priority `:normal` instead of leaving the bare name."},
    {"fair_share", CONFIG_CHOICE, FIELD_RESTART, AT(config_queue, fair_share), .fallback = "tenant",
     .words = WORDS("tenant", "none"),
     .doc =
         "Whose job goes next: tenants (`user`) take turns, and all jobs without one are one more "
         "(`tenant`); or all jobs stand in one line (`none`). docs/limits.md."},
    {"weights", CONFIG_STRINGS, FIELD_RESTART, MANY(config_queue, weights, weight_count),
     .max = SHARE_WEIGHTS_MAX, .form = &form_weight,
     .doc =
         "How many turns a tenant has for one of the others: `[acme=3, beta=2]`. All that are not "
         "named have 1."},
    {"ttl", CONFIG_DURATION, 0, AT(config_queue, ttl_ms), .fallback = "24h", .min = SECOND,
     .max = 10 * YEAR, .doc = "How long jobs are kept after a good end."},
    {"dead_ttl", CONFIG_DURATION, 0, AT(config_queue, dead_ttl_ms), .fallback = "30d",
     .min = SECOND, .max = 10 * YEAR, .doc = "How long dead jobs are kept."},
    {"dedup_ttl", CONFIG_DURATION, 0, AT(config_queue, dedup_ttl_ms), .fallback = "24h",
     .max = YEAR,
     .doc = "How long a key stays taken after its job succeeded; of `throttle`, after it was "
            "submitted."},
    {"max_jobs", CONFIG_INT, 0, AT(config_queue, max_jobs), .fallback = "0", .max = 1000000000,
     .doc = "Jobs that may wait (queued, scheduled, parked); more are refused with 429. 0 = no "
            "limit."},
    {"max_payload", CONFIG_SIZE, 0, AT(config_queue, max_payload), .fallback = "1MiB", .min = 1,
     .max = 64 * MIB, .doc = "The largest payload."},
    {"max_result", CONFIG_SIZE, 0, AT(config_queue, max_result), .fallback = "64MiB", .min = 1,
     .max = 4 * GIB, .doc = "The largest result, and the largest output file."},
};
const struct config_table config_queue_table = {
    .what = "a queue", FIELDS(queue_rows), .size = sizeof(struct config_queue), .entry = true};

static const struct config_field job_rows[] = {
    {"queue", CONFIG_STRING, 0, AT(config_job, queue),
     .default_words = "the type up to its first dot", .form = &form_queue,
     .doc = "Where jobs of this type wait."},
    {"priority", CONFIG_CHOICE, 0, AT(config_job, priority), .fallback = "normal",
     .words = PRIORITY_WORDS, .doc = "Which of the queue's jobs go first."},
    {"timeout", CONFIG_DURATION, 0, AT(config_job, timeout_ms), .fallback = "5m", .min = 1,
     .max = 30 * DAY, .doc = "One run, from claim to return."},
    {"stall", CONFIG_DURATION, 0, AT(config_job, stall_ms), .fallback = "0s", .max = 30 * DAY,
     .doc = "A run of which nothing is heard for so long (progress, step, log line, effect) hangs "
            "and is stopped; 0s = never."},
    {"deadline", CONFIG_DURATION, 0, AT(config_job, deadline_ms), .fallback = "24h", .min = 1,
     .max = YEAR, .doc = "The whole job, with its waits and retries."},
    {"expires", CONFIG_DURATION, 0, AT(config_job, expires_ms), .fallback = "0s", .max = YEAR,
     .doc = "No first attempt starts later than this; 0s = never expires."},
    {"retry", CONFIG_SECTION, 0, AT(config_job, retry), .table = &config_retry_table,
     .doc = "What happens after a failed attempt. A type that says nothing of it has the policy of "
            "the queue, if that has one."},
    {"limit", CONFIG_SECTION, 0, AT(config_job, limit), .table = &use_table,
     .doc = "A slot of this limit is taken before a job starts, on whichever host."},
    {"breakers", CONFIG_BOOL, 0, AT(config_job, breakers), .fallback = "true",
     .doc = "`false`: its failures open none of the `breakers`, and none of them holds its jobs "
            "back."},
    {"max_crashes", CONFIG_INT32, 0, AT(config_job, retry.policy.crashes), .fallback = "3",
     .min = 1, .max = JOB_MAX_MAX,
     .doc = "Crashes under one build of the plugin that put a job into quarantine."},
    {"state_policy", CONFIG_CHOICE, 0, AT(config_job, state_policy), .fallback = "park",
     .words = WORDS("park", "restart", "pin", "fail"),
     .doc =
         "What becomes of a job whose steps are of a version that its handler does not resume: it "
         "waits for code that does (`park`, and `pin` where that code is gone), begins again "
         "without them (`restart`, if the handler allows it), or is dead (`fail`)."},
    {"labels", CONFIG_LABELS, FIELD_ONE, AT(config_job, labels), .max = JOB_LABEL_COUNT_MAX,
     .doc = "Added to every job of this type, for searching."},
};
const struct config_table config_job_table = {
    .what = "a job type", FIELDS(job_rows), .size = sizeof(struct config_job), .entry = true};

// ---- schedules

static const struct config_field schedule_rows[] = {
    ENABLED_ROW(config_schedule, "the schedule", " and the plugin of its job is on"),
    {"cron", CONFIG_STRING, FIELD_REQUIRED, AT(config_schedule, cron), .max = 256,
     .form = &form_cron,
     .doc = "Five fields (or six, seconds first), or a macro such as `@daily` or `@every 90s`."},
    {"days", CONFIG_WORD, 0, AT(config_schedule, days), .fallback = "or",
     .words = WORDS("or", "and"),
     .doc =
         "Where day and weekday are both restricted: whether one of them has to match, or both."},
    {"timezone", CONFIG_STRING, 0, AT(config_schedule, timezone), .fallback = "UTC", .max = 64,
     .form = &form_zone, .doc = "A zone name such as `Europe/Berlin`."},
    {"dst", CONFIG_WORD, 0, AT(config_schedule, dst), .fallback = "vixie",
     .words = WORDS("vixie", "skip", "both", "shift"),
     .doc = "What fixed times do when clocks change."},
    {"catch_up", CONFIG_WORD, 0, AT(config_schedule, catch_up), .fallback = "latest",
     .words = WORDS("latest", "all", "none"), .doc = "What happens to times that were missed."},
    {"catch_up_window", CONFIG_DURATION, 0, AT(config_schedule, catch_up_window_ms),
     .fallback = "1h", .max = YEAR, .doc = "Missed times older than this are dropped."},
    {"catch_up_max", CONFIG_INT, 0, AT(config_schedule, catch_up_max), .fallback = "100",
     .max = 10000, .doc = "At most so many missed times are caught up."},
    {"overlap", CONFIG_WORD, 0, AT(config_schedule, overlap), .fallback = "skip",
     .words = WORDS("skip", "queue_one", "queue_all", "allow", "replace"),
     .doc = "What happens when the job of the previous time has not ended."},
    {"jitter", CONFIG_DURATION, 0, AT(config_schedule, jitter_ms), .fallback = "0s", .max = DAY,
     .doc = "Delays each fire by up to this much, the same on every host."},
    {"start_at", CONFIG_STRING, 0, AT(config_schedule, start_at), .form = &form_time,
     .doc = "No fire before this time (RFC 3339)."},
    {"end_at", CONFIG_STRING, 0, AT(config_schedule, end_at), .form = &form_time,
     .doc = "No fire after this time (RFC 3339)."},
    {"paused", CONFIG_BOOL, 0, AT(config_schedule, paused), .fallback = "false",
     .doc = "Known, but does not fire."},
    {"job", CONFIG_STRING, FIELD_REQUIRED, AT(config_schedule, job), .form = &form_job_type,
     .doc = "The type of the job it starts."},
    {"queue", CONFIG_STRING, 0, AT(config_schedule, queue), .default_words = "the job type's",
     .form = &form_queue, .doc = "Where the job waits."},
    {"user", CONFIG_STRING, 0, AT(config_schedule, user), .min = 1, .max = JOB_TENANT_MAX,
     .doc = "The tenant the job belongs to."},
    {"key", CONFIG_STRING, 0, AT(config_schedule, key), .min = 1, .max = JOB_KEY_MAX,
     .doc = "The job's dedup key."},
    {"payload", CONFIG_JSON, 0, AT(config_schedule, payload), .fallback = "{}",
     .doc = "The job's payload, written as YAML."},
};
const struct config_table config_schedule_table = {.what = "a schedule",
                                                   FIELDS(schedule_rows),
                                                   .size = sizeof(struct config_schedule),
                                                   .entry = true};

// ---- hooks

static const struct config_field skip_rows[] = {
    {"when", CONFIG_STRING, FIELD_REQUIRED, AT(config_hook_skip, when), .min = 1, .max = 1024,
     .doc = "Text with placeholders, such as `{header.X-GitHub-Event}`; without a value it is "
            "empty."},
    {"is", CONFIG_STRINGS, FIELD_ONE, MANY(config_hook_skip, is, is_count), .min = 1, .max = 64,
     .doc = "One of these: the delivery is answered, and no job."},
    {"is_not", CONFIG_STRINGS, FIELD_ONE, MANY(config_hook_skip, is_not, is_not_count), .min = 1,
     .max = 64, .doc = "None of these: the same."},
};
static const struct config_table skip_table = {
    .what = "a rule", FIELDS(skip_rows), .size = sizeof(struct config_hook_skip)};

static const struct config_field response_rows[] = {
    {"status", CONFIG_INT, 0, AT(config_hook_response, status), .fallback = "202", .min = 200,
     .max = 204, .doc = "Of the answer to a delivery that has been stored."},
    {"body", CONFIG_JSON, 0, AT(config_hook_response, body),
     .default_words = "as `POST /v1/jobs` answers",
     .doc = "The answer, with placeholders and `{job.id}`; a text is sent as text, all else as "
            "JSON."},
};
static const struct config_table response_table = {.what = "an answer", FIELDS(response_rows)};

static const struct config_field inbox_rows[] = {
    {"keep", CONFIG_INT, 0, AT(config_hook_inbox, keep), .fallback = "100", .max = 10000,
     .doc = "So many deliveries that were taken, and as many that were refused. 0 = none."},
    {"bodies", CONFIG_SIZE, 0, AT(config_hook_inbox, bodies), .fallback = "64KiB", .max = MIB,
     .doc = "So much of each body; only whole ones can be replayed."},
};
static const struct config_table inbox_table = {.what = "an inbox", FIELDS(inbox_rows)};

static const struct config_field hook_rows[] = {
    ENABLED_ROW(config_hook, "the hook", " and the plugin of its job is on"),
    {"path", CONFIG_STRING, FIELD_REQUIRED, AT(config_hook, path), .max = 1024,
     .form = &form_hook_path,
     .doc = "Requests to this path are taken; `{name}` stands for any one segment."},
    {"methods", CONFIG_STRINGS, FIELD_ONE, MANY(config_hook, methods, method_count),
     .default_words = "POST", .min = 1, .max = 5,
     .words = WORDS("POST", "GET", "PUT", "PATCH", "DELETE"), .doc = "What may be sent to it."},
    {"verify", CONFIG_VERIFY, FIELD_REQUIRED | FIELD_ONE, MANY(config_hook, verify, verify_count),
     .min = 1, .max = 8,
     .doc = "Ways to prove who sends: one that passes is enough. The word `none` takes requests "
            "from anybody."},
    {"public_url", CONFIG_STRING, 0, AT(config_hook, public_url), .max = 1024,
     .form = &form_http_url, .default_words = "host.base_url",
     .doc = "What stands before the path in the URL that the sender calls."},
    {"job", CONFIG_STRING, FIELD_REQUIRED, AT(config_hook, job), .form = &form_job_type,
     .doc = "The type of the job that a delivery becomes."},
    {"queue", CONFIG_STRING, 0, AT(config_hook, queue), .default_words = "the job type's",
     .form = &form_queue, .doc = "Where the job waits."},
    {"key", CONFIG_STRING, 0, AT(config_hook, key), .min = 1, .max = JOB_KEY_MAX,
     .default_words = "the sender's id where it is not signed",
     .doc = "The job's dedup key, behind the hook's name: text with placeholders "
            "(docs/webhooks.md). A "
            "delivery without their values has none."},
    {"user", CONFIG_STRING, 0, AT(config_hook, user), .min = 1, .max = JOB_TENANT_MAX,
     .doc = "The tenant the job belongs to: text with placeholders."},
    {"flow", CONFIG_STRING, 0, AT(config_hook, flow), .min = 1, .max = 256,
     .doc = "The id of the job whose flow it joins: text with placeholders."},
    {"payload", CONFIG_JSON, 0, AT(config_hook, payload), .default_words = "the body as it is",
     .doc = "The job's payload, written as YAML, with placeholders."},
    {"priority", CONFIG_STRING, 0, AT(config_hook, priority), .min = 1, .max = 256,
     .default_words = "the job type's",
     .doc = "`high`, `normal` or `low`, or text with placeholders that becomes one of them."},
    {"delay", CONFIG_DURATION, 0, AT(config_hook, delay_ms), .fallback = "0s", .max = 30 * DAY,
     .doc = "The job starts so long after its delivery."},
    {"labels", CONFIG_LABELS, FIELD_ONE, AT(config_hook, labels), .max = JOB_LABEL_COUNT_MAX,
     .default_words = "the job type's", .doc = "Words to find its jobs by."},
    {"max_body", CONFIG_SIZE, 0, AT(config_hook, max_body), .fallback = "1MiB", .min = 1,
     .max = 64 * MIB, .doc = "The largest body; larger ones are refused with 413."},
    {"tolerance", CONFIG_DURATION, 0, AT(config_hook, tolerance_ms),
     .default_words = "the scheme's own: 0s for qstash, else 5m", .min = SECOND, .max = HOUR,
     .doc = "How far a signed time may be from now."},
    {"replay", CONFIG_WORD, 0, AT(config_hook, replay), .fallback = "scheme",
     .words = WORDS("scheme", "body"),
     .doc =
         "What makes two deliveries the same: what their scheme signs, or also that their bodies "
         "are equal."},
    {"remember", CONFIG_DURATION, 0, AT(config_hook, remember_ms), .fallback = "24h", .min = MINUTE,
     .max = 30 * DAY,
     .doc = "How long a delivery is known: the same one again becomes no second job."},
    {"failures", CONFIG_INT, 0, AT(config_hook, failures), .fallback = "1000", .max = 1000000000,
     .doc = "So many deliveries of one address may be refused in a minute; then it is answered 429 "
            "until the minute is over. 0 = any number."},
    {"skip", CONFIG_LIST, FIELD_ONE, MANY(config_hook, skip, skip_count), .max = 16,
     .table = &skip_table, .doc = "Deliveries that are answered with 200 and are no jobs."},
    {"response", CONFIG_SECTION, 0, AT(config_hook, response), .table = &response_table,
     .doc = "What a sender is told."},
    {"inbox", CONFIG_SECTION, 0, AT(config_hook, inbox), .table = &inbox_table,
     .doc = "The last deliveries, for `jobhost hooks`."},
    {"hide_routes", CONFIG_BOOL, 0, AT(config_hook, hide_routes), .fallback = "false",
     .doc = "Answers whom it refuses as if there were nothing at the path."},
};
static const struct config_table hook_table = {
    .what = "a hook", FIELDS(hook_rows), .size = sizeof(struct config_hook), .entry = true};

// ---- routes

const char *const config_view_names[] = {"v1", "amazon", NULL};

static const struct config_field route_rows[] = {
    ENABLED_ROW(config_route, "the route", " and the plugin of its job, or of its view, is on"),
    {"match", CONFIG_STRING, FIELD_REQUIRED, AT(config_route, entry.name), .max = 1024,
     .form = &form_match, .doc = "Method and path, such as `GET /job-status/{id}`."},
    {"action", CONFIG_WORD, FIELD_REQUIRED, AT(config_route, action),
     .words = WORDS("submit", "status", "result", "cancel", "events", "plugin.query"),
     .doc = "What the request asks for: docs/routes.md."},
    {"view", CONFIG_WORD, 0, AT(config_route, view), .default_words = "`v1`, the API's own",
     .words = config_view_names,
     .doc = "Whose fields and status codes the route has: docs/routes.md."},
    {"job", CONFIG_STRING, 0, AT(config_route, job), .form = &form_job_type,
     .doc = "`submit`: the type of the job. `plugin.query`: the name of the query."},
    {"queue", CONFIG_STRING, 0, AT(config_route, queue), .default_words = "the job type's",
     .form = &form_queue, .doc = "`submit`: where the job waits."},
    {"auth", CONFIG_VERIFY, FIELD_ONE, MANY(config_route, auth, auth_count), .min = 1, .max = 8,
     .doc = "Another way to prove who asks, for this route, instead of what host.auth wants: the "
            "schemes of hooks.<name>.verify, or `none` for anybody."},
    {"cors", CONFIG_STRINGS, FIELD_ONE, MANY(config_route, cors, cors_count), .max = 64,
     .form = &form_origin, .default_words = "those of `cors`",
     .doc = "Origins whose pages may call this route from a browser, instead of those of `cors`."},
    {"max_age", CONFIG_DURATION, 0, AT(config_route, max_age_ms), .fallback = "10m", .max = DAY,
     .doc = "How long a browser need not ask again whether it may."},
    {"max_body", CONFIG_SIZE, 0, AT(config_route, max_body), .fallback = "1MiB", .min = 1,
     .max = 4 * GIB,
     .doc = "The largest body, files included; larger ones are refused with 413. JSON also where "
            "`POST /v1/jobs` would."},
};
static const struct config_table route_table = {
    .what = "a route", FIELDS(route_rows), .size = sizeof(struct config_route), .entry = true};

// ---- limits, breakers, notify

_Static_assert(offsetof(struct config_limit, per_ms) ==
                   offsetof(struct config_limit, rate) + offsetof(struct config_rate, per_ms),
               "a rate with a unit fills both");
static const struct config_field limit_rows[] = {
    // before the rate, whose own unit must not meet it
    {"per", CONFIG_DURATION, 0, AT(config_limit, per_ms), .default_words = "1s", .min = 1,
     .max = YEAR, .doc = "The length of the window."},
    {"rate", CONFIG_RATE, 0, AT(config_limit, rate), .fallback = "0", .max = 1000000000,
     .doc = "Calls per `per`, or with its own unit: `10/s`, `60/m`. 0 = no limit."},
    {"burst", CONFIG_INT, 0, AT(config_limit, burst), .fallback = "0", .max = 1000000000,
     .doc = "Calls that may come at once; 0 = the rate."},
    {"concurrency", CONFIG_INT, 0, AT(config_limit, concurrency), .fallback = "0", .max = 1000000,
     .doc = "Calls under way at once, on all hosts; 0 = no limit."},
    {"window", CONFIG_WORD, 0, AT(config_limit, window), .fallback = "moving",
     .words = WORDS("moving", "fixed"), .doc = "How the window goes with time."},
    {"learn", CONFIG_STRINGS, FIELD_ONE, MANY(config_limit, learn, learn_count), .max = 16,
     .form = &form_header, .doc = "Response headers that tell what is left."},
};
static const struct config_table limit_table = {
    .what = "a limit", FIELDS(limit_rows), .size = sizeof(struct config_limit), .entry = true};

static const struct config_field breaker_rows[] = {
    ENABLED_ROW(config_breaker, "the breaker", ""),
    {"base", CONFIG_DURATION, 0, AT(config_breaker, base_ms),
     .default_words = "auth 30m, network 10m, unknown 20m", .min = SECOND, .max = 30 * DAY,
     .doc = "How long it opens after the first failure; it doubles up to eight times that."},
    {"cap", CONFIG_DURATION, 0, AT(config_breaker, cap_ms),
     .default_words = "auth 4h, network 1h, unknown 160m", .min = SECOND, .max = 30 * DAY,
     .doc = "It never opens for longer."},
    {"failures", CONFIG_INT, 0, AT(config_breaker, failures), .fallback = "1", .min = 1,
     .max = 1000,
     .doc = "So many failures in a row open it; a success in between begins the count anew."},
};
static const struct config_table breaker_table = {.what = "a breaker",
                                                  FIELDS(breaker_rows),
                                                  .size = sizeof(struct config_breaker),
                                                  .entry = true};

static const struct config_field notify_rows[] = {
    ENABLED_ROW(config_notify, "the rule", ""),
    {"on", CONFIG_STRINGS, FIELD_REQUIRED | FIELD_ONE, MANY(config_notify, on, on_count), .min = 1,
     .max = 16,
     .words = WORDS("job.dead", "job.finished", "dlq.size", "breaker.open", "needs_reauth",
                    "needs_operator", "store.degraded", "plugin.quarantined", "schedule.missed"),
     .doc = "What to tell of."},
    {"url", CONFIG_STRING, FIELD_REQUIRED | FIELD_PASSWORD, AT(config_notify, url), .max = 2048,
     .form = &form_http_url, .doc = "Where the signed message is posted."},
    {"secret", CONFIG_SECRET, FIELD_REQUIRED, AT(config_notify, secret), .max = 512,
     .doc = "Signs the message (Standard Webhooks, `whsec_...`)."},
    {"threshold", CONFIG_INT, 0, AT(config_notify, threshold), .fallback = "1", .min = 1,
     .max = 1000000000, .doc = "`dlq.size`: tells from this many dead jobs on."},
};
static const struct config_table notify_table = {.what = "a notify rule",
                                                 FIELDS(notify_rows),
                                                 .size = sizeof(struct config_notify),
                                                 .entry = true};

// ---- the file

static const struct config_field root_rows[] = {
    {"include", CONFIG_INCLUDE, FIELD_ONE, .max = 256,
     .doc = "More files, with wildcards in the last part: `conf.d/*.yaml`. They add sections and "
            "entries; nothing may be said twice."},
    {"host", CONFIG_SECTION, FIELD_PLACE, AT(config, host), .table = &host_table,
     .doc = "The process itself: addresses, files, log."},
    {"store", CONFIG_SECTION, 0, AT(config, store), .table = &store_table,
     .doc = "Where jobs live."},
    {"plugin_dir", CONFIG_PATH, 0, AT(config, plugin_dir),
     .default_words = "build/plugins in a source tree, else <libdir>/jobhost/plugins",
     .doc = "Where plugin files with a bare name are looked up."},
    {"plugins", CONFIG_NAMED, 0, MANY(config, plugins, plugin_count), .max = 256,
     .form = &form_plugin_name, .table = &config_plugin_table, .doc = "What to load, by name."},
    {"queues", CONFIG_NAMED, 0, MANY(config, queues, queue_count), .max = 10000,
     .form = &form_queue, .table = &config_queue_table,
     .doc = "Queues that differ from the defaults; others exist without being named."},
    {"jobs", CONFIG_NAMED, 0, MANY(config, jobs, job_count), .max = 10000, .form = &form_job_type,
     .table = &config_job_table,
     .doc = "Job types that differ from the defaults; others run without being named."},
    {"schedules", CONFIG_NAMED, 0, MANY(config, schedules, schedule_count), .max = 10000,
     .form = &form_name, .table = &config_schedule_table, .doc = "Jobs that start by the clock."},
    {"hooks", CONFIG_NAMED, 0, MANY(config, hooks, hook_count), .max = 1000, .form = &form_name,
     .table = &hook_table, .doc = "Webhooks: signed requests that become jobs."},
    {"routes", CONFIG_LIST, 0, MANY(config, routes, route_count), .max = 1000,
     .table = &route_table,
     .doc = "More paths for the same actions, for clients that expect them."},
    {"limits", CONFIG_NAMED, 0, MANY(config, limits, limit_count), .max = 1000, .form = &form_name,
     .table = &limit_table, .doc = "Rate limits by name, shared by all hosts of a store."},
    {"breakers", CONFIG_NAMED, 0, MANY(config, breakers, breaker_count), .max = 3,
     .words = WORDS("auth", "network", "unknown"), .table = &breaker_table,
     .doc = "How long calls stop after failures of a class: `auth`, `network` or `unknown`."},
    {"notify", CONFIG_NAMED, 0, MANY(config, notify, notify_count), .max = 100, .form = &form_name,
     .table = &notify_table, .doc = "Messages about what needs a person."},
    {"cors", CONFIG_STRINGS, FIELD_ONE, MANY(config, host.cors, host.cors_count), .max = 64,
     .form = &form_origin,
     .doc = "Origins whose pages may call the API from a browser, such as "
            "`https://app.example.org`."},
};
const struct config_table config_root = {.what = "the file", FIELDS(root_rows)};

// ---- schemes of hooks.<name>.verify

#define ALLOW_SHA1_ROW                                                                             \
    { "allow_sha1", CONFIG_BOOL, .fallback = "false", .doc = "Accepts SHA-1 signatures." }
#define SECRET_ROW(words)                                                                          \
    {                                                                                              \
        "secret", CONFIG_SECRETS, FIELD_REQUIRED | FIELD_ONE | FIELD_SHORT,                        \
            .min = 1, .max = 8, .doc = words " Several while one is being replaced."               \
    }

static const struct config_field qstash_rows[] = {
    {"current", CONFIG_SECRET, FIELD_REQUIRED, .doc = "The current signing key."},
    {"next", CONFIG_SECRET, 0, .doc = "The next signing key."},
    {"url", CONFIG_STRINGS, FIELD_ONE, .max = 16, .form = &form_http_url,
     .doc = "The URLs a delivery may be addressed to, each as the sender writes it; unset = "
            "host.base_url and the hook's path."},
    {"check_url", CONFIG_BOOL, .fallback = "true",
     .doc = "`false` accepts any addressee (behind proxies that rewrite URLs)."},
    {"require_nbf", CONFIG_BOOL, .fallback = "true", .doc = "`false` accepts tokens without nbf."},
};
static const struct config_field whsec_rows[] = {
    SECRET_ROW("`whsec_...`, or `whpk_...` for Ed25519."),
    {"version", CONFIG_WORD, .fallback = "any", .words = WORDS("any", "v1", "v1a"),
     .doc = "Only signatures of this version: v1 goes with `whsec_...`, v1a with `whpk_...`."},
    {"allow_weak_secret", CONFIG_BOOL, .fallback = "false",
     .doc =
         "Takes secrets of fewer than 24 or more than 64 bytes, with a warning (of old senders)."},
};
static const struct config_field github_rows[] = {SECRET_ROW("The webhook's secret."),
                                                  ALLOW_SHA1_ROW};
static const struct config_field stripe_rows[] = {SECRET_ROW("The endpoint's `whsec_...`, whole.")};
static const struct config_field slack_rows[] = {SECRET_ROW("The app's signing secret.")};
static const struct config_field shopify_rows[] = {
    SECRET_ROW("The app's client secret."),
    {"header", CONFIG_STRING, .fallback = "X-Shopify-Hmac-Sha256", .max = 128, .form = &form_header,
     .doc = "The header that holds the signature."},
};
static const struct config_field gitlab_rows[] = {SECRET_ROW("The webhook's secret token.")};
static const struct config_field twilio_rows[] = {
    SECRET_ROW("The account's auth token."),
    {"public_url", CONFIG_STRING, FIELD_REQUIRED, .max = 2048, .form = &form_http_url,
     .doc = "The URL as Twilio calls it; it is part of what is signed."},
    ALLOW_SHA1_ROW,
};
static const struct config_field bearer_rows[] = {SECRET_ROW("The token.")};
static const struct config_field hmac_rows[] = {
    SECRET_ROW("The shared key."),
    {"header", CONFIG_STRING, FIELD_REQUIRED, .max = 128, .form = &form_header,
     .doc = "The header that holds the signature."},
    {"template", CONFIG_STRING, .fallback = "{body}", .max = 256, .form = &form_template,
     .doc = "What is signed: text with `{body}`, `{id}` and `{timestamp}`."},
    {"algorithm", CONFIG_WORD, .fallback = "sha256", .words = WORDS("sha256", "sha512", "sha1"),
     .doc = "The hash of the HMAC."},
    ALLOW_SHA1_ROW,
    {"encoding", CONFIG_WORD, .fallback = "hex",
     .words = WORDS("hex", "hex_upper", "base64", "base64url"),
     .doc = "How the signature is written."},
    {"prefix", CONFIG_STRING, .fallback = "", .max = 64,
     .doc = "What stands before the signature, such as `sha256=`."},
    {"label", CONFIG_STRING, .max = 64, .form = &form_label,
     .doc = "The header is a list such as `t=1,v1=...`, and this names its signatures (up to 8)."},
    {"timestamp_label", CONFIG_STRING, .max = 64, .form = &form_label,
     .doc = "With `label`: what names the time behind `{timestamp}` in the list."},
    {"key_encoding", CONFIG_WORD, .fallback = "text", .words = WORDS("text", "base64", "hex"),
     .doc = "How the key is written."},
    {"timestamp_header", CONFIG_STRING, .max = 128, .form = &form_header,
     .doc = "The header behind `{timestamp}`: Unix seconds."},
    {"id_header", CONFIG_STRING, .max = 128, .form = &form_header,
     .doc = "The header behind `{id}`."},
};

const struct config_table config_schemes[] = {
    {.what = "qstash", FIELDS(qstash_rows), .doc = "QStash (JWT, HS256)."},
    {.what = "standard_webhooks", FIELDS(whsec_rows), .doc = "Standard Webhooks v1 and v1a."},
    {.what = "svix", FIELDS(whsec_rows), .doc = "Svix."},
    {.what = "github", FIELDS(github_rows), .doc = "GitHub."},
    {.what = "stripe", FIELDS(stripe_rows), .doc = "Stripe."},
    {.what = "slack", FIELDS(slack_rows), .doc = "Slack."},
    {.what = "shopify", FIELDS(shopify_rows), .doc = "Shopify."},
    {.what = "gitlab", FIELDS(gitlab_rows), .doc = "GitLab (shared token)."},
    {.what = "twilio", FIELDS(twilio_rows), .doc = "Twilio (SHA-1: needs allow_sha1)."},
    {.what = "bearer", FIELDS(bearer_rows), .doc = "`Authorization: Bearer TOKEN`."},
    {.what = "hmac", FIELDS(hmac_rows), .doc = "Any HMAC over the body in a header."},
};
const size_t config_scheme_count = sizeof(config_schemes) / sizeof(config_schemes[0]);

const struct config_field *config_table_field(const struct config_table *table, const char *key) {
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->fields[i].key, key) == 0) {
            return &table->fields[i];
        }
    }
    return NULL;
}
