#include "supervisor/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/inherited.h"
#include "net/server.h"
#include "net/tls.h"
#include "supervisor/host.h"
#include "supervisor/knock.h"

struct serve {
    struct tls **tls; // of each host.listen, NULL where it is plain
    struct network *proxies;
};

static int serve_door(struct host *host, const struct server_door *door, const char *key,
                      struct err *e) {
    struct err why = {.code = 0};
    int r = server_listen(host->server, door, &why);
    return r == 0 ? 0 : err_set(e, r, "%s (change %s in %s)", why.msg, key, host->config->file);
}

/* ---- certificates ---- */

static void serve_check_time(const struct host *host, const struct tls *tls) {
    struct err e;
    if (tls_check_time(tls, env_wall_ms(&host->env), &e) != 0) {
        log_warn(&host->log, "tls.certificate", "msg=\"%s\"", e.msg);
    }
}

static int serve_certificates(struct host *host, struct err *e) {
    const struct config_host *c = &host->config->host;
    host->serve->tls = calloc(c->listen_count + 1, sizeof(struct tls *));
    if (host->serve->tls == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < c->listen_count; i++) {
        struct err why = {.code = 0};
        const struct config_listen *l = &c->listen[i];
        if (l->tls_cert == NULL) {
            continue;
        }
        host->serve->tls[i] =
            tls_new(&(struct tls_files){l->tls_cert, l->tls_key, l->tls_client_ca}, &why);
        if (host->serve->tls[i] == NULL) {
            return err_set(e, why.code, "host.listen[%zu].tls: %s", i, why.msg);
        }
        serve_check_time(host, host->serve->tls[i]);
    }
    return 0;
}

static void serve_read_certificates(struct host *host) {
    for (size_t i = 0; i < host->config->host.listen_count; i++) {
        const struct config_listen *l = &host->config->host.listen[i];
        struct err e = {.code = 0};
        if (host->serve->tls[i] == NULL) {
            continue;
        }
        if (tls_reload(host->serve->tls[i], &e) == 0) {
            log_info(&host->log, "tls.reloaded", "address=%s cert=%s", l->address, l->tls_cert);
            serve_check_time(host, host->serve->tls[i]);
        } else {
            log_error(&host->log, "tls.reload_failed",
                      "address=%s msg=\"%s; the certificate from before stays in use\"", l->address,
                      e.msg);
        }
    }
}

/* ---- start and stop ---- */

/* Nobody is to be told "starting" who could as well wait; and whoever connects to a socket that no
 * door wanted would wait for ever. */
static void serve_take_inherited(struct host *host) {
    struct buf names = {.data = NULL};
    if (host->inherited == NULL || host->inherited->count == 0) {
        return;
    }
    server_hold(host->server, true);
    inherited_close_rest(host->inherited, &names);
    if (names.len > 0) {
        log_warn(&host->log, "host.surplus_sockets",
                 "msg=\"descriptor %.*s: host.listen and host.admin name no such address\"",
                 (int)names.len, (const char *)names.data);
    }
    buf_free(&names);
}

static int serve_doors(struct host *host, struct err *e) {
    const struct config_host *c = &host->config->host;
    char admin[4096];
    (void)snprintf(admin, sizeof admin, "unix:%s", c->admin);
    int r = serve_door(
        host, &(struct server_door){.address = admin, .admin = true, .inherited = host->inherited},
        "host.admin", e);
    for (size_t i = 0; r == 0 && i < c->listen_count; i++) {
        struct server_door door = {.address = c->listen[i].address,
                                   .tls = host->serve->tls[i],
                                   .inherited = host->inherited};
        r = serve_door(host, &door, "host.listen", e);
    }
    if (r == 0) {
        serve_take_inherited(host);
    }
    return r;
}

/* ---- limits, proxies ---- */

static void serve_limits(const struct config_host *c, struct server_limits *limits) {
    limits->connections = (unsigned)c->max_connections;
    limits->uploads = (limits->connections + 1) / 2; // the others are for what takes no time
    limits->connections_per_peer = (unsigned)c->max_connections_per_peer;
    limits->handshake_ms = c->http_handshake_ms;
    limits->header_ms = c->http_header_ms;
    limits->body_ms = c->http_body_ms;
    limits->idle_ms = c->http_idle_ms;
    limits->write_ms = c->http_write_ms;
    limits->requests_per_connection = (unsigned)c->http_requests;
    limits->connection_age_ms = c->http_age_ms;
}

static int serve_proxies(struct serve *serve, const struct config_host *c, struct proxies *ret,
                         struct err *e) {
    struct network *networks = calloc(c->proxy_count + 1, sizeof *networks);
    if (networks == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    ret->networks = networks;
    for (size_t i = 0; i < c->proxy_count; i++) {
        if (strcmp(c->proxies[i], "unix") == 0) {
            ret->unix_socket = true;
        } else if (network_parse(c->proxies[i], &networks[ret->count++], e) != 0) {
            free(networks);
            return -EINVAL; // the configuration has checked it
        }
    }
    free(serve->proxies);
    serve->proxies = networks;
    return 0;
}

/* What a configuration says of the server. */
static int serve_configure(struct host *host, struct server_config *ret, struct err *e) {
    *ret = (struct server_config){.limits = server_limits_default};
    host->front->configure(host->front_self, ret);
    ret->disk = host->disk;
    ret->mistrusts = knock_is_worker;
    ret->owner = host;
    serve_limits(&host->config->host, &ret->limits);
    return serve_proxies(host->serve, &host->config->host, &ret->proxies, e);
}

int serve_open(struct host *host, struct err *e) {
    struct server_config config;
    host->serve = calloc(1, sizeof *host->serve);
    host->front_self = host->front->open(host);
    if (host->serve == NULL || host->front_self == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    int r = serve_configure(host, &config, e);
    r = r == 0 ? serve_certificates(host, e) : r;
    if (r != 0) {
        return r;
    }
    host->server = server_new(host->base, host->net_timers, &host->net_env, &host->log, &config);
    return host->server == NULL ? err_set(e, -ENOMEM, "out of memory") : serve_doors(host, e);
}

void serve_begin(struct host *host) {
    if (host->server != NULL) {
        server_hold(host->server, false);
    }
}

void serve_reload(struct host *host) {
    struct server_config config;
    struct err e = {.code = 0};
    if (host->server == NULL) {
        return;
    }
    host->front->reload(host->front_self);
    if (serve_configure(host, &config, &e) == 0) {
        server_configure(host->server, &config.limits, &config.proxies);
    } else {
        log_error(&host->log, "serve.reload", "msg=\"%s; limits and proxies stay as they were\"",
                  e.msg);
    }
    serve_read_certificates(host);
}

void serve_urls(const struct host *host, struct buf *out) {
    const char *url;
    for (unsigned i = 0; host->server != NULL && (url = server_url(host->server, i)) != NULL; i++) {
        buf_printf(out, "%s%s", i == 0 ? "" : ",", url);
    }
}

void serve_close(struct host *host) {
    if (host->server != NULL) {
        server_close(host->server);
    }
}

void serve_free(struct host *host) {
    struct serve *serve = host->serve;
    server_free(&host->server);
    if (serve == NULL) {
        return;
    }
    for (size_t i = 0; serve->tls != NULL && i < host->config->host.listen_count; i++) {
        tls_free(&serve->tls[i]);
    }
    free(serve->tls);
    free(serve->proxies);
    free(serve);
    host->serve = NULL;
}
