#include "cli/check_redis.h"

#include <stdio.h>

#include "base/json.h"
#include "cli/out.h"

void check_redis_run(const struct config_store *store, struct redis_survey *ret) {
    const struct store_config config = {.url = store->url,
                                        .tls_ca = store->tls_ca,
                                        .tls_cert = store->tls_cert,
                                        .tls_key = store->tls_key,
                                        .connect_timeout_ms = store->connect_timeout_ms,
                                        .command_timeout_ms = store->command_timeout_ms,
                                        .allow_eviction = store->allow_eviction};
    redis_survey_run(&config, ret);
}

static const char *const roles[] = {[REDIS_ROLE_UNKNOWN] = NULL,
                                    [REDIS_ROLE_MASTER] = "master",
                                    [REDIS_ROLE_REPLICA] = "replica",
                                    [REDIS_ROLE_OTHER] = "other"};

static const char *told(const char *text) {
    return text[0] == '\0' ? NULL : text;
}

static void findings_json(const struct redis_findings *all, struct buf *out) {
    json_key(out, "findings");
    buf_char(out, '[');
    for (unsigned i = 0; i < all->count; i++) {
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "code", all->list[i].code);
        json_kbool(out, "refuses", all->list[i].refuses);
        json_kstr(out, "text", all->list[i].text);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

void check_redis_json(const struct redis_survey *k, struct buf *out) {
    const struct redis_facts *f = &k->facts;
    buf_char(out, '{');
    json_kstr(out, "address", told(k->where));
    json_kbool(out, "reached", k->reached);
    if (!k->reached) {
        json_kstr(out, "problem", k->err.msg);
        buf_char(out, '}');
        return;
    }
    json_kstr(out, "name", told(f->server));
    json_kstr(out, "version", told(f->version));
    json_kstr(out, "role", roles[f->peer.role]);
    json_kstr(out, "master", told(f->peer.master));
    if (f->replicas >= 0) {
        json_kint(out, "replicas", f->replicas);
    }
    if (f->aof != REDIS_UNTOLD) {
        json_kbool(out, "aof", f->aof == REDIS_YES);
    }
    json_kstr(out, "fsync", told(f->fsync));
    json_kstr(out, "eviction", told(f->eviction));
    json_kint(out, "latency_us", f->latency_us);
    json_kint(out, "clock_ms", f->clock_ms);
    findings_json(&k->findings, out);
    buf_char(out, '}');
}

static const char *or_unknown(const char *text) {
    return text == NULL || text[0] == '\0' ? "not told" : text;
}

static void print_server(const struct redis_facts *f, const struct cli *cli) {
    char replicas[48] = "";
    if (f->replicas >= 0) {
        (void)snprintf(replicas, sizeof replicas, ", %lld replica%s", (long long)f->replicas,
                       f->replicas == 1 ? "" : "s");
    }
    out_linef(cli, "server", "%s%s%s", or_unknown(f->server), f->version[0] == '\0' ? "" : " ",
              f->version);
    out_linef(cli, "role", "%s%s%s%s", or_unknown(roles[f->peer.role]),
              f->peer.master[0] == '\0' ? "" : " of ", f->peer.master, replicas);
}

void check_redis_print(const struct redis_survey *k, const struct cli *cli) {
    const struct redis_facts *f = &k->facts;
    if (!k->reached) {
        return;
    }
    print_server(f, cli);
    if (f->aof == REDIS_YES) {
        out_linef(cli, "persistence", "AOF, fsync %s", or_unknown(f->fsync));
    } else {
        out_line(cli, "persistence", f->aof == REDIS_NO ? "no AOF" : or_unknown(NULL));
    }
    out_line(cli, "eviction", or_unknown(f->eviction));
    out_linef(cli, "latency", "%.2f ms", (double)f->latency_us / 1000);
    out_linef(cli, "clock", "%lld ms %s", (long long)(f->clock_ms < 0 ? -f->clock_ms : f->clock_ms),
              f->clock_ms < 0 ? "behind" : "ahead");
}
