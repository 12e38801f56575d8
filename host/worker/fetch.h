/* Calls by HTTP (jobhost_http.h): the part that is the same in the worker and in the authors' test harness: what a request may
 * be, slots of a limit, redirects, and what the answer comes to. Who makes the single request is theirs. Called by the
 * thread of the run. */
#ifndef JOBHOST_WORKER_FETCH_H
#define JOBHOST_WORKER_FETCH_H

#include "base/arena.h"
#include "core/http_class.h"
#include "jobhost_http.h"
#include "jobhost_limit.h"

/* One request. */
struct fetch_hop {
    const char *method, *url;
    const struct jh_http_header *headers;
    uint32_t header_count;
    struct jh_bytes body;
    int body_fd;  /* the body of a 2xx goes here; -1 = to memory */
    bool follows; /* redirects are followed: nobody wants their bodies */
    uint64_t max_body;
    int64_t timeout_ms;
    /* To be called as soon as the answer's headers are there; 1xx are none. */
    void (*on_head)(void *arg, int32_t status, struct jh_bytes headers);
    void *arg;
};

/* What came of it; memory is the arena's of the run. */
struct fetch_got {
    enum http_trouble trouble;
    const char *words; /* of the trouble; NULL = what its kind says */
    bool sent;         /* it may have come to the other side        */
    int32_t status;
    struct jh_bytes headers, body;
    uint64_t body_size;
    const char *next_url; /* whither a redirect leads; NULL = nowhere */
    int64_t took_ms;
};

/* What it needs of whoever runs the handler. */
struct fetch_ops {
    int (*check)(struct jh_call *);                            /* may it ask? 0 or negative errno */
    int (*refuse)(struct jh_call *, const char *name, int rc); /* notes why it was refused: rc    */
    int64_t (*now_ms)(struct jh_call *);                       /* unix ms                         */
    struct arena *(*arena)(struct jh_call *);                  /* until run() returns             */
    const struct jh_limit *limit;
    /* 0 and *ret (zeroed before), -ECANCELED, -ENOMEM. */
    int (*exchange)(struct jh_call *, const struct fetch_hop *hop, struct fetch_got *ret);
};

/* As the functions of struct jh_http. */
int fetch_run(struct jh_call *call, const struct fetch_ops *ops, const struct jh_http_request *q,
              struct jh_http_answer *ret);
const char *fetch_header(struct jh_call *call, const struct fetch_ops *ops,
                         const struct jh_http_answer *answer, const char *name);
jh_status fetch_fail(struct jh_call *call, const struct jh_http_answer *answer, const char *scope);

#endif
