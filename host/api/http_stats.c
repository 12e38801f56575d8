#include "api/http_stats.h"

#include "api/call.h"

static struct http_route_stats *stats_of(struct http_stats *s, const struct route *route) {
    unsigned i = 0;
    while (i < s->route_count && s->routes[i].route != route) {
        i++;
    }
    if (route == NULL || i == HTTP_STATS_ROUTES) {
        return &s->other;
    }
    if (i == s->route_count) {
        s->routes[s->route_count++].route = route;
    }
    return &s->routes[i];
}

void http_stats_answered(struct http_stats *s, const struct route *route, int status,
                         int64_t took_us) {
    struct http_route_stats *r = stats_of(s, route);
    int class = status / 100;
    r->by_class[class > 0 && class < HTTP_STATUS_CLASSES ? class : HTTP_STATUS_CLASSES - 1]++;
    histogram_add(&r->latency, &histogram_latencies, took_us);
}

static void on_answered(void *arg, const struct request *req, int status, int64_t took_us) {
    const struct call *call = req->context;
    http_stats_answered(arg, call == NULL ? NULL : call->route, status, took_us);
}

static void on_refused(void *arg, const char *code) {
    struct http_stats *s = arg;
    stats_word(&s->refused, code);
}

static void on_connected(void *arg) {
    struct http_stats *s = arg;
    s->connections++;
}

void http_stats_watch(struct http_stats *s, struct server_watch *ret) {
    *ret = (struct server_watch){
        .answered = on_answered, .refused = on_refused, .connected = on_connected, .arg = s};
}
