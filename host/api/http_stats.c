#include "api/http_stats.h"

#include <stdlib.h>
#include <string.h>

#include "api/custom.h"

struct http_known {
    struct route route;
    struct http_known *next;
};

/* One that stays, for a route of the configuration. NULL: there are too many, or no memory. */
static const struct route *known_of(struct http_stats *s, const struct route *like) {
    struct http_known *k = s->known;
    while (k != NULL && (strcmp(k->route.method, like->method) != 0 ||
                         strcmp(k->route.pattern, like->pattern) != 0)) {
        k = k->next;
    }
    if (k != NULL || s->known_count == HTTP_STATS_ROUTES) {
        return k == NULL ? NULL : &k->route;
    }
    k = calloc(1, sizeof *k);
    char *method = strdup(like->method), *pattern = strdup(like->pattern);
    if (k == NULL || method == NULL || pattern == NULL) {
        free(k);
        free(method);
        free(pattern);
        return NULL;
    }
    *k = (struct http_known){{.method = method, .pattern = pattern}, s->known};
    s->known = k;
    s->known_count++;
    return &k->route;
}

void http_stats_finish(struct http_stats *s) {
    struct http_known *k;
    while ((k = s->known) != NULL) {
        s->known = k->next;
        free((char *)(uintptr_t)k->route.method);
        free((char *)(uintptr_t)k->route.pattern);
        free(k);
    }
}

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
    const struct route *route = call == NULL ? NULL : call->route;
    if (route != NULL && call->custom != NULL) {
        route = known_of(arg, route);
    }
    http_stats_answered(arg, route, status, took_us);
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
