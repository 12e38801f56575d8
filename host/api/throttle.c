#include "api/throttle.h"

#include <string.h>

#include "base/network.h"

/* The address that counts: of IPv6 a /64, which is what one household gets. False: there is no limit for it. */
static bool address_of(const struct call *call, struct ip *ret) {
    static const struct network loopback[] = {
        {.first = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}}, .bits = 104},
        {.first = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, .bits = 128}};
    const char *peer = call->req->peer;
    if (!ip_parse(peer, strlen(peer), ret)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(loopback); i++) {
        if (network_has(&loopback[i], ret)) {
            return false;
        }
    }
    if (!ip_is_v4(ret)) {
        memset(ret->b + 8, 0, 8);
    }
    return true;
}

static int64_t now_us(const struct call *call) {
    return env_mono_ms(&call->host->net_env) * 1000;
}

static int seconds(int64_t wait_us) {
    return (int)((wait_us + 999999) / 1000000);
}

int throttle_request(struct call *call) {
    const struct config_host *c = &call->host->config->host;
    const char *id = call->bearer.id != NULL ? call->bearer.id : call->bearer.name;
    const struct rate_rule rule = {.every_us = c->http_rate == 0 ? 0 : 1000000 / c->http_rate,
                                   .burst = c->http_burst};
    struct rates *rates = &call->api->limits->requests;
    struct ip ip;
    if (c->http_rate == 0 || call->req->admin) {
        return 0;
    }
    if (id != NULL) {
        return seconds(rate_take(rates, id, strlen(id), &rule, now_us(call)));
    }
    return address_of(call, &ip) ? seconds(rate_take(rates, ip.b, sizeof ip.b, &rule, now_us(call)))
                                 : 0;
}

static int failures(struct call *call, int64_t (*ask)(struct call *call, const struct ip *ip,
                                                      const struct rate_rule *rule)) {
    int64_t most = call->host->config->host.http_failures;
    struct ip ip;
    if (most == 0 || call->req->admin || !address_of(call, &ip)) {
        return 0;
    }
    const struct rate_rule rule = {.every_us = 60000000 / most, .burst = most};
    return seconds(ask(call, &ip, &rule));
}

static int64_t take(struct call *call, const struct ip *ip, const struct rate_rule *rule) {
    return rate_take(&call->api->limits->failures, ip->b, sizeof ip->b, rule, now_us(call));
}

static int64_t look(struct call *call, const struct ip *ip, const struct rate_rule *rule) {
    return rate_look(&call->api->limits->failures, ip->b, sizeof ip->b, rule, now_us(call));
}

int throttle_failure(struct call *call) {
    return failures(call, take);
}

int throttle_look(struct call *call) {
    return failures(call, look);
}
