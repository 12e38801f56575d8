/* Requests by route, for GET /metrics. What clients choose is not counted by: a path that no route
 * has is "other", and so are routes beyond HTTP_STATS_ROUTES. Loop thread only. */
#ifndef JOBHOST_API_HTTP_STATS_H
#define JOBHOST_API_HTTP_STATS_H

#include <stdint.h>

#include "base/histogram.h"
#include "supervisor/stats.h"

struct route;
struct server_watch;

enum { HTTP_STATS_ROUTES = 128, HTTP_STATUS_CLASSES = 6 /* status / 100; 1xx to 5xx */ };

struct http_route_stats {
    const struct route *route; /* NULL: none has the path */
    uint64_t by_class[HTTP_STATUS_CLASSES];
    struct histogram latency; /* us (histogram_latencies) */
};

struct http_stats {
    struct http_route_stats routes[HTTP_STATS_ROUTES]; /* in order of appearance */
    unsigned route_count;
    struct http_route_stats other;
    struct stats_words refused; /* by the server, before there was a request */
    uint64_t connections;       /* accepted */
    struct http_known
        *known; /* routes of configurations, by method and path: those themselves go with
                                   their request, or at a reload */
    unsigned known_count;
};
void http_stats_finish(struct http_stats *s);

/* A request of this route (NULL: none has its path) has been answered. */
void http_stats_answered(struct http_stats *s, const struct route *route, int status,
                         int64_t took_us);

/* A watch that counts into `s`, which must outlive the server. */
void http_stats_watch(struct http_stats *s, struct server_watch *ret_watch);

#endif
