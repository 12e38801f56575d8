/* Hooks: signed requests that become jobs (the section `hooks`; docs/webhooks.md).
 *
 *     head ─▶ hook_admit: method, limit of failures, coding, size, what the verifier says of the head
 *     body ─▶ hook_handle: verifier ─▶ skip? ─▶ payload, key, ... ─▶ store, once ─▶ answer
 *
 * Hooks are compiled at start and at each reload; a request keeps the one it began with. */
#ifndef JOBHOST_API_HOOKS_H
#define JOBHOST_API_HOOKS_H

#include <uthash.h>

#include "api/call.h"
#include "core/mapping.h"
#include "intake/failures.h"
#include "intake/verify.h"
#include "store/inbox.h"

/* What became of deliveries. */
enum hook_fate {
    HOOK_ACCEPTED,
    HOOK_DUPLICATE,
    HOOK_SKIPPED,  /* no job is meant: a ping, a rule of `skip`            */
    HOOK_REFUSED,  /* by the verifier                                      */
    HOOK_UNMAPPED, /* verified, but it makes no job                        */
    HOOK_FAILED,   /* verified, but the job could not be stored            */
    HOOK_LIMITED,  /* not looked at: its address has been refused too often */
    HOOK_FATES
};
const char *hook_fate_name(enum hook_fate fate);

/* Counted since the host started; a reload changes nothing. */
struct hook_stats {
    char *name;
    uint64_t fates[HOOK_FATES];
    struct stats_words checks; /* of HOOK_REFUSED                                      */
    uint64_t other_content;    /* an id that was taken came with another body          */
    uint64_t without_id;       /* it has no id, and nothing else tells it from another */
    struct {
        const char *scheme;
        unsigned key;
        uint64_t count;
    } keys[VERIFY_KEYS_MAX * 2]; /* that have matched */
    struct hook_pending {
        struct hook_record *first, *last;
        int64_t count;
    } pending[INBOX_KINDS]; /* for the inbox */
    int64_t last_ms;        /* of the last one that passed */
    int64_t told_ms;        /* when the log was last told of a refused one */
    uint64_t untold;
    UT_hash_handle hh;
};

struct hook {
    unsigned holders;
    struct config *config; /* held */
    const struct config_hook *of;
    struct verifier *verifier;
    struct mapping *payload, *response, *key, *user, *flow, *priority; /* NULL = none */
    struct mapping **skip;
    bool reads_body; /* one of them, so it must be JSON */
    size_t most;     /* of what comes of one of them: what no queue would take is not made */
    struct hook_stats *stats;
    const char *allow; /* "POST, PUT" */
};

struct hooks {
    struct hook **items;
    size_t count;
    struct hook_stats *stats;
    struct failures failures;
    struct hook_inbox *inbox;
};

/* ---- the table: hook_table.c */

/* NULL: no memory. */
struct hooks *hooks_new(struct host *host);
void hooks_free(struct hooks **hooks);
/* Those that are on, in place of those that were. 0 or -ENOMEM: they stay as they are. */
int hooks_compile(struct hooks *hooks, struct host *host);
struct hook *hook_hold(struct hook *hook);
void hook_release(struct hook **hook);
/* The hook of this path that takes the method, or else the first of this path; NULL: none. What stands at {names} goes to
 * ret_param. */
struct hook *hooks_find(const struct hooks *hooks, const struct request *req,
                        const char *ret_param[CALL_PARAMS_MAX]);
struct hook *hooks_named(const struct hooks *hooks, const char *name);
bool hook_takes(const struct hook *hook, const char *method);

/* ---- one delivery: hook_job.c. [any thread that has its arena] */

struct hook_delivery {
    const struct hook *hook;
    struct arena *arena;
    const struct header *headers;
    size_t header_count;
    const char *const *param; /* by the places of the names in the path */
    const char *query;        /* raw, or NULL  */
    struct bytes body;
    const char *scheme; /* that it has passed; NULL = none */
    struct bytes id;    /* {NULL, 0}: none */
    bool id_signed;     /* then it guards itself */
    int64_t now_ms;
    /* filled in by hook_delivery_read() */
    bool is_form;
    bool is_json;
    struct bytes json; /* the body, or what its form comes to */
    /* for the answer */
    const char *job, *state;
    bool duplicate;
};

/* What its body is, as far as the hook asks. 0, or -ENOMEM. */
int hook_delivery_read(struct hook_delivery *d);
/* The job that it asks for; borrowed from delivery, hook and arena. 0, or -EINVAL with *ret_problem. */
int hook_delivery_job(const struct hook_delivery *d, struct job_request *ret,
                      struct problem *ret_problem);
/* Is it one of those that the configuration passes over? 0, or -EINVAL with *ret_problem. */
int hook_delivery_skip(const struct hook_delivery *d, bool *ret, struct problem *ret_problem);
/* The configured answer. *ret_type: of its content. 0, or negative with words. */
int hook_delivery_answer(const struct hook_delivery *d, struct buf *out, const char **ret_type,
                         struct err *why);
/* The first header of that name. */
bool hook_delivery_header(const struct hook_delivery *d, const char *name, struct bytes *ret);

/* The value of a field of an urlencoded text; in the arena. False: it has none, or no memory. */
bool hook_form_field(struct arena *a, struct bytes form, const char *name, struct bytes *ret);
/* All of them as a JSON object; of a name that is there again the first. 0, -E2BIG, -ENOMEM. */
enum { HOOK_FORM_FIELDS_MAX = 1000 };
int hook_form_json(struct arena *a, struct bytes form, struct buf *out);

/* ---- serving: hook_serve.c */

/* Is the request for a hook? Then it is answered, or its body is awaited. */
bool hook_admit(struct call *call, struct request_body *body);

/* ---- numbers: hook_stats.c */

struct hook_stats *hook_stats_of(struct hooks *hooks, const char *name);
void hook_stats_key(struct hook_stats *stats, const struct verdict *verdict);

#endif
