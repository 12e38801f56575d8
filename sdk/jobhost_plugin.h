/* jobhost_plugin.h — everything a handler plugin may rely on: plugin ABI 1.0.
 *
 * A plugin is a shared object that exports exactly one symbol, the constant `jobhost_plugin`.
 * It runs inside a worker process, never inside the supervisor. It is loaded once and never
 * unloaded: new code means a new process. It must not fork without exec, change signal
 * dispositions, chdir, setenv, setlocale, exit, or write to fds it did not open.
 *
 * Thread words used below:
 *   [setup]  one thread, no other call into this plugin is running
 *   [run]    the thread executing run(); the jh_call is usable from this thread only
 *   [any]    any thread while run() has not returned
 * Ownership: nothing changes owner across this header. Pointers given to the plugin are borrowed
 * for the call in which they appear unless stated; pointers given to the host are copied before it
 * returns.
 * Evolution: structs grow only at the end; `size` says how much exists; enums only gain values; an
 * unknown value from a plugin is treated as the documented fallback. */
#ifndef JOBHOST_PLUGIN_H
#define JOBHOST_PLUGIN_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define JH_ABI_MAGIC 0x314A4842u /* "BHJ1" */
#define JH_ABI_MAJOR 1u
#ifndef JH_ABI_MINOR /* define lower to run on older hosts; then use JH_HAS */
#define JH_ABI_MINOR 0u
#endif
#if defined(__GNUC__)
#define JH_MUST_CHECK __attribute__((warn_unused_result))
#else
#define JH_MUST_CHECK
#endif
#define JH_HAS(p, type, member)                                                                    \
    ((p)->size >= offsetof(struct type, member) + sizeof(((struct type *)0)->member))

/* What became of the attempt. Unknown value = JH_FAIL with class JH_E_BUG. */
typedef int32_t jh_status;
enum {
    JH_OK = 0,       /* done; the result and all that is not yet committed go together  */
    JH_RETRY = 1,    /* failed for now; uses up an attempt; backoff by class            */
    JH_FAIL = 2,     /* failed for good; goes to the dead-letter queue                  */
    JH_YIELD = 3,    /* park and run again later; uses no attempt (sleep, rate, drain)  */
    JH_CANCELLED = 4 /* stopped because cancelled() was non-zero                        */
};

/* Why it failed; drives backoff, circuit breaker and alerts. Unknown = JH_E_BUG. */
typedef int32_t jh_class;
enum {
    JH_E_NONE = 0,
    JH_E_INPUT = 1,     /* the payload or file is wrong: dead at once, the caller's fault */
    JH_E_AUTH = 2,      /* credentials rejected: breaker opens long, per scope           */
    JH_E_NETWORK = 3,   /* could not connect, reset, DNS                                 */
    JH_E_RATE = 4,      /* 429: not a failure, obey retry_after_ms                       */
    JH_E_UPSTREAM = 5,  /* 5xx or nonsense from the other side                           */
    JH_E_TIMEOUT = 6,   /* deadline passed                                               */
    JH_E_RESOURCE = 7,  /* local disk, memory, fds                                       */
    JH_E_BUG = 8,       /* broken invariant; also set by the host for crash, hang, exit  */
    JH_E_PERMANENT = 9, /* target gone, forbidden, too long: dead at once, nobody's bug  */
    JH_E_UNKNOWN = 10   /* cannot tell: retried, has its own breaker times               */
};

enum { JH_CANCEL_USER = 1, JH_CANCEL_DEADLINE = 2, JH_CANCEL_DRAIN = 4 };
enum { JH_LOG_DEBUG = 0, JH_LOG_INFO = 1, JH_LOG_WARN = 2, JH_LOG_ERROR = 3 };

struct jh_bytes {
    const void *data;
    size_t len;
}; /* not NUL-terminated */
struct jh_call;

struct jh_failure {
    uint32_t size;
    jh_class cls;
    int64_t retry_after_ms; /* 0 = host decides                                  */
    const char *scope;      /* breaker key, e.g. "user:42", or NULL = handler    */
    const char *message;    /* shown to operators; must hold no secrets          */
    const char *code;       /* short machine word, e.g. "invalid_grant", or NULL */
    uint32_t flags;         /* JH_FAILURE_KEEP_RESULT: attach what result() got  */
    uint32_t reserved;
};
enum { JH_FAILURE_KEEP_RESULT = 1u };

/* What a parked job waits for. Parking holds no worker and uses no attempt. */
enum {
    JH_WAIT_NOW = 0,
    JH_WAIT_UNTIL = 1,
    JH_WAIT_EVENT = 2,
    JH_WAIT_CHILDREN = 3,
    JH_WAIT_LIMITER = 4
};
struct jh_wait {
    uint32_t size;
    int32_t kind;
    int64_t wake_at_ms; /* UNTIL: unix time                                        */
    const char *key;    /* EVENT, LIMITER: its name                                */
    int64_t timeout_ms; /* EVENT, CHILDREN, LIMITER: wake anyway after; 0 = never  */
};

struct jh_child { /* a job to enqueue with the next commit: step_put, JH_OK or JH_YIELD */
    uint32_t size;
    int32_t priority; /* -1 low, 0 normal, 1 high                             */
    const char *handler;
    const char *dedup_key; /* NULL = none                                          */
    struct jh_bytes payload;
    int64_t delay_ms;
    int64_t spread_ms;  /* adds 0..spread_ms, fixed by the child's id           */
    const char *queue;  /* NULL = the handler's own                             */
    const char *tenant; /* NULL = the parent's                                  */
    const char *labels; /* "a,b" or NULL                                        */
};

struct jh_host {
    uint32_t size;
    uint16_t abi_major, abi_minor;
    void (*log)(struct jh_call *, int32_t level, const char *msg); /* [any], and in create() */
    uint32_t (*cancelled)(struct jh_call *);                       /* [any]   */
    int (*cancel_fd)(struct jh_call *); /* readable when cancelled; do not close  [any]   */
    int (*sleep_ms)(struct jh_call *, int64_t ms); /* 0, or 1 = woken by cancel       [run]   */
    int (*progress)(struct jh_call *, uint64_t done, uint64_t total,
                    const char *); /* [run] shown live, coalesced, not durable */
    int (*step_get)(
        struct jh_call *, const char *name,
        struct jh_bytes *out); /* [run] 0 found, 1 none; out valid until run() returns */
    /* [run] a commit: returns when the step and all asked for since the last commit are durable
     * together; <0 = fenced off, return now */
    JH_MUST_CHECK int (*step_put)(struct jh_call *, const char *name, struct jh_bytes value);
    int (*result)(
        struct jh_call *,
        struct jh_bytes chunk); /* [run] appends; attached with JH_OK or JH_FAILURE_KEEP_RESULT */
    int (*enqueue)(struct jh_call *,
                   const struct jh_child *); /* [run] buffered until the next commit */
    jh_status (*fail)(
        struct jh_call *,
        const struct jh_failure *); /* [setup][run] returns the status to return, by class */
    jh_status (*yield)(
        struct jh_call *,
        const struct jh_wait *); /* [run] a commit; returns JH_YIELD, to be returned at once */
    int (*warn)(struct jh_call *, const char *code,
                const char *message); /* [run] counted and listed on the job; it stays succeeded */
    const char *(*config)(struct jh_call *, const char *option); /* [setup][run] NULL = unset */
    const void *(*extension)(const struct jh_host *, const char *id); /* "jobhost.http/1" [any] */
};
struct jh_call {
    const struct jh_host *host; /* private members follow */
};

struct jh_job {
    uint32_t size;
    uint32_t attempt; /* 1 = first */
    const char *id, *handler, *dedup_key, *content_type;
    struct jh_bytes payload;
    int64_t deadline_ms;    /* unix time */
    uint32_t steps_version; /* state_version of the code that wrote the steps; 0 = no steps */
    uint32_t input_count;   /* files that came with the job: jobhost.blob/1                 */
    const char *queue, *tenant, *labels, *flow_id; /* NULL = none */
    int64_t nominal_ms;   /* the schedule's time, or 0                                    */
    int64_t first_run_ms; /* unix time of the first attempt                               */
    uint64_t seed;        /* same on every attempt: for sampling and jitter               */
};

enum {
    JH_OPT_STRING = 1,
    JH_OPT_INT = 2,
    JH_OPT_BOOL = 3,
    JH_OPT_DURATION = 4,
    JH_OPT_SIZE = 5,
    JH_OPT_URL = 6,
    JH_OPT_LIST = 7, /* this and those below: in jh_handler.takes alone */
    JH_OPT_OBJECT = 8,
    JH_OPT_FILE = 9,    /* not of the payload: the name of a file that may come with the job */
    JH_OPT_CHOICE = 10, /* one of the words in `fallback`: "US UK DE"; letter case counts */
    JH_OPT_DAY = 11     /* "2026-03-31"; of this and CHOICE "" counts as not given, as null does */
};
enum { JH_OPT_REQUIRED = 1u, JH_OPT_SECRET = 2u };
struct jh_option { /* array ends with name == NULL; layout frozen per ABI major */
    const char *name;
    int32_t type;
    uint32_t flags;
    const char *fallback; /* NULL = none */
    const char *help;
};

enum {
    JH_HANDLER_CONCURRENT = 1u, /* run() may execute on several threads at once */
    JH_HANDLER_RESTARTABLE =
        2u, /* a run may begin again without its steps: nothing is paid or sent twice by it */
    /* Answers a question within two seconds and is no job: run for a request of a route (action
     * plugin.query), in a process beside those of the jobs. result() is the answer. It may read what
     * there is, and change nothing: step_put(), enqueue(), warn(), writes and claims of kv, outputs,
     * events, flows, limits and operators are refused with -EROFS, and yield() is a failure. A host
     * that does not know the flag takes it for the handler of a job. */
    JH_HANDLER_QUERY = 4u
};
struct jh_handler {
    const char *name; /* "crawl.page" */
    const char *summary;
    jh_status (*run)(void *self, struct jh_call *, const struct jh_job *); /* [run] */
    uint32_t flags;
    uint32_t state_version; /* raise when old steps cannot be resumed by this code; 0 counts as 1 */
    const struct jh_option *payload; /* fields of the JSON payload, or NULL = opaque */
    /* What came after 1.0; a host that does not know it reads `payload`. */
    const struct jh_option *takes; /* instead of `payload`, with lists, objects and files; or NULL.
        A name is a path: "periods" (a list), "periods[]" (its elements; objects without a row),
        "periods[].from" (a member of each). What a path is in stands above it. Lists and objects
        without such rows hold anything; with files alone the payload is opaque. */
    uint32_t oldest_state_version; /* steps of this one and of later ones, up to state_version, are
        resumed; 0 = only its own. A host that does not know it looks at neither. */
    uint32_t reserved;
};

struct jh_plugin {
    uint32_t magic; /* first four fields never move, in any ABI major */
    uint16_t abi_major, abi_minor;
    uint32_t size;
    uint32_t handler_size;      /* stride of `handlers` */
    const char *name, *version; /* "crawl", "0.3.1" */
    const struct jh_option *options;
    const struct jh_handler *handlers;
    uint32_t handler_count, reserved;
    int (*create)(struct jh_call *, void **self); /* [setup] 0 = ok; else fail() has been called */
    void (*destroy)(void *self);                  /* [setup] after the last run() */
};

#define JH_PLUGIN_INIT                                                                             \
    .magic = JH_ABI_MAGIC, .abi_major = JH_ABI_MAJOR, .abi_minor = JH_ABI_MINOR,                   \
    .size = sizeof(struct jh_plugin), .handler_size = sizeof(struct jh_handler)
#define JH_EXPORT __attribute__((visibility("default")))
extern JH_EXPORT const struct jh_plugin jobhost_plugin;

#ifdef __cplusplus
}
#endif
#endif
