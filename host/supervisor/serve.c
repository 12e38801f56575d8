#include "supervisor/serve.h"

#include <errno.h>
#include <stdio.h>

#include "net/server.h"
#include "supervisor/host.h"

static int serve_door(struct host *host, const struct server_door *door, const char *key,
                      struct err *e) {
    struct err why = {.code = 0};
    int r = server_listen(host->server, door, &why);
    return r == 0 ? 0 : err_set(e, r, "%s (change %s in %s)", why.msg, key, host->config->file);
}

static int serve_doors(struct host *host, struct err *e) {
    const struct config_host *c = &host->config->host;
    char admin[4096];
    (void)snprintf(admin, sizeof admin, "unix:%s", c->admin);
    int r =
        serve_door(host, &(struct server_door){.address = admin, .admin = true}, "host.admin", e);
    for (size_t i = 0; r == 0 && i < c->listen_count; i++) {
        r = serve_door(host, &(struct server_door){.address = c->listen[i].address}, "host.listen",
                       e);
    }
    return r;
}

static void serve_limits(const struct config_host *c, struct server_limits *limits) {
    limits->connections = (unsigned)c->max_connections;
}

int serve_open(struct host *host, struct err *e) {
    struct server_config config = {.limits = server_limits_default};
    host->front_self = host->front->open(host);
    if (host->front_self == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    host->front->configure(host->front_self, &config);
    serve_limits(&host->config->host, &config.limits);
    host->server = server_new(host->base, host->net_timers, &host->net_env, &host->log, &config);
    if (host->server == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    return serve_doors(host, e);
}

void serve_urls(const struct host *host, struct buf *out) {
    const char *url;
    for (unsigned i = 0; host->server != NULL && (url = server_url(host->server, i)) != NULL; i++) {
        buf_printf(out, "%s%s", i == 0 ? "" : ",", url);
    }
}

void serve_close(struct host *host) {
    server_free(&host->server);
}
