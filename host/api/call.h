/* One API call under way, and the few ways to answer it. Everything hangs on the request's arena.
 *
 * Answering is the last thing a handler does: the call may be freed by it. An operation's arena
 * is therefore finished before the answer, when the text has been built. */
#ifndef JOBHOST_API_CALL_H
#define JOBHOST_API_CALL_H

#include "api/http_stats.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/side_thread.h"
#include "core/rate.h"
#include "net/server.h"
#include "net/spool.h"
#include "store/store.h"
#include "supervisor/host.h"
#include "supervisor/jobs.h"
#include "supervisor/tokens.h"

enum { CALL_PARAMS_MAX = CONFIG_ROUTE_PARAMS_MAX };

/* Who has asked how often (throttle.h). */
struct api_limits {
    struct rates requests, failures;
};

struct api {
    struct host *host;
    struct http_stats http;
    uint64_t submit_body_max; /* of a submission in memory; its files are not */
    struct spools spools;
    struct custom_routes *custom;
    int64_t refused_log_ms; /* mono: when a request of a route was last logged as not proven */
    struct feed *feed;
    struct hooks *hooks;
    struct api_limits *limits;
    unsigned refusals; /* written into the audit log in this minute */
    int64_t refusals_since_ms;
};
enum { CALL_REFUSALS_MS = 60000, CALL_REFUSALS_MAX = 60 };

struct custom_route;
struct custom_routes;
struct feed;
struct hooks;
struct hook_call;
struct route;
struct form;
struct submit;
struct upload;
struct call {
    struct api *api;
    struct host *host;
    struct request *req;
    const struct route *route;
    const char *allow; /* the methods that the path has, if none of them was asked */
    const struct custom_route *custom;  /* the configuration's, when `route` is of it */
    const char *param[CALL_PARAMS_MAX]; /* what stood at the route's {names} */
    struct bearer bearer;               /* who asks; its id is NULL where no token is needed */
    const struct store_scope *bound;    /* what he may see and touch; NULL = everything */
    struct tokens_question question;    /* whose token is not known here yet */
    bool asked;                         /* ... and has been asked for */
    struct upload *upload;              /* the body, when it goes to a file */
    struct form *form;                  /* ... and when it is a form        */
    struct submit *submit;              /* what it submits                  */
    struct hook_call *hook;             /* the delivery that it is          */
    bool json_valid;                    /* the text that was looked at last */
    struct call_aside {
        struct side_op op;
        void (*work)(struct call *call);
        void (*then)(struct call *call);
    } aside;
};

/* Zeroed memory that lives as long as the call; NULL: the call has been answered with 503. */
void *call_alloc(struct call *call, size_t size);

/* Prepares an operation of this kind: its clock, its callback, whose jobs it is about. */
void call_op(struct call *call, struct store_op *op, enum store_op_kind kind,
             void (*done)(struct store_op *op));
#define CALL_NEW(call, type) ((type *)call_alloc((call), sizeof(type)))

/* Calls work(), then then(): at once for a text of up to CALL_AT_ONCE bytes, about half a
 * millisecond. With more of it the work is done on the host's parser thread and the rest later, so
 * that nobody waits for it: work() may use the call's arena and what does not change, and must not
 * answer. One at a time. */
enum { CALL_AT_ONCE = 64 * 1024 };
void call_aside(struct call *call, size_t len, void (*work)(struct call *call),
                void (*then)(struct call *call));

/* Answers with `body`, which is freed. */
void call_reply(struct call *call, int status, struct buf *body);
/* The same with 200 and another type than JSON. */
void call_reply_text(struct call *call, const char *content_type, struct buf *body);
/* A page: what is written between the two stands inside of "items". The end answers, and finishes
 * the operation, of which the cursor (NULL: the last page) may be a part. */
void call_list_begin(struct buf *out);
void call_list_end(struct call *call, struct store_op *op, struct buf *out, const char *next_cursor,
                   bool partial);
void call_error(struct call *call, int status, const char *code, const char *field,
                const char *message);
void call_errorf(struct call *call, int status, const char *code, const char *field,
                 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void call_problem(struct call *call, const struct problem *problem);
/* Has the store's budget room for so many more bytes of files, beside all that are on their way to it? False: it has been answered. */
bool call_has_room(struct call *call, uint64_t more);
/* A body that could not be written to the disk. */
void call_spool_failed(struct call *call, int error);
/* A store operation that failed as a whole; finishes the operation. */
void call_store_failed(struct call *call, struct store_op *op);
/* The same of a list, which may also have been given a cursor that is none. */
void call_list_failed(struct call *call, struct store_op *op);
/* The same words for one item of many. */
void call_store_problem(int status, const char *message, struct problem *ret);

/* param[index] as a job id; false: answered with 404 or 400. */
bool call_job_id(struct call *call, unsigned index, struct job_id *ret_id);

/* ?limit= within 1..max; 0: answered with 400. */
uint32_t call_limit(struct call *call, uint32_t fallback, uint32_t max);

/* Who asks, for the audit log. */
const char *call_actor(struct call *call);

/* {"error":{...}} into a larger answer. */
void problem_json(struct buf *out, const struct problem *problem);

#endif
