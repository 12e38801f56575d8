#define _GNU_SOURCE // memmem
#include "redis/facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- INFO ---- */

/* The value of "\nNAME:value\r\n", cut to `cap`. False: there is none. */
static bool field(struct bytes info, const char *name, char *out, size_t cap) {
    char mark[48];
    int len = snprintf(mark, sizeof mark, "\n%s:", name);
    const char *at = memmem(info.data, info.len, mark, (size_t)len);
    if (at == NULL) {
        return false;
    }
    const char *end = (const char *)info.data + info.len;
    size_t used = 0;
    for (at += len; at < end && *at != '\r' && *at != '\n' && used + 1 < cap; at++) {
        out[used++] = (unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at;
    }
    out[used] = '\0';
    return true;
}

static enum redis_known flag(struct bytes info, const char *name) {
    char value[8];
    return !field(info, name, value, sizeof value) ? REDIS_UNTOLD
           : strcmp(value, "1") == 0               ? REDIS_YES
                                                   : REDIS_NO;
}

/* "7.0.15" = 70015, "6.2" = 60200; 0 for what is no version. */
static unsigned version_number(const char *text) {
    unsigned number = 0, parts = 0;
    for (; parts < 3 && *text >= '0' && *text <= '9'; parts++) {
        unsigned long part = strtoul(text, (char **)&text, 10);
        number = number * 100 + (unsigned)(part < 99 ? part : 99);
        text += *text == '.';
    }
    return parts < 2 ? 0 : parts < 3 ? number * 100 : number;
}

void redis_facts_info(struct redis_facts *f, struct bytes info) {
    char text[24];
    if (field(info, "redis_version", text, sizeof text)) {
        f->compatible = version_number(text);
        (void)snprintf(f->server, sizeof f->server, "redis");
        (void)snprintf(f->version, sizeof f->version, "%s", text);
    }
    if (field(info, "server_name", text, sizeof text)) {
        (void)snprintf(f->server, sizeof f->server, "%s", text);
    }
    if (field(info, "valkey_version", text, sizeof text)) {
        (void)snprintf(f->version, sizeof f->version, "%s", text);
    }
    if (field(info, "maxmemory_policy", f->eviction, sizeof f->eviction)) {
        // CONFIG need not be allowed then
    }
    f->aof = flag(info, "aof_enabled");
    f->cluster = flag(info, "cluster_enabled");
    f->replicas = field(info, "connected_slaves", text, sizeof text) ? strtoll(text, NULL, 10) : -1;
}

/* ---- judging ---- */

struct judge {
    const struct redis_facts *f;
    const struct redis_address *address;
    bool allow_eviction;
    struct redis_findings *out;
};

static void say(struct judge *j, bool refuses, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void say(struct judge *j, bool refuses, const char *code, const char *fmt, ...) {
    if (j->out->count == REDIS_FINDINGS_MAX) {
        return;
    }
    struct redis_finding *found = &j->out->list[j->out->count++];
    va_list ap;
    found->refuses = refuses;
    found->code = code;
    va_start(ap, fmt);
    (void)vsnprintf(found->text, sizeof found->text, fmt, ap);
    va_end(ap);
}

/* Where a setting is changed. */
static const char *place(const struct judge *j, const char *upstash, const char *own) {
    return redis_address_is_upstash(j->address) ? upstash : own;
}

static void judge_role(struct judge *j) {
    const struct redis_peer *p = &j->f->peer;
    if (p->role == REDIS_ROLE_REPLICA) {
        say(j, true, "replica",
            "this server is a replica%s%s and takes no writes: store.url has to name the master",
            p->master[0] == '\0' ? "" : " of ", p->master);
    } else if (p->role == REDIS_ROLE_OTHER || strcmp(p->mode, "sentinel") == 0) {
        say(j, true, "sentinel",
            "this is a Sentinel, which keeps no data: store.url has to name the master's own "
            "address");
    } else if (p->role == REDIS_ROLE_UNKNOWN) {
        say(j, false, "role_unknown",
            "the server does not tell whether it is a master: allow its user +role");
    }
    if (j->f->cluster == REDIS_YES || strcmp(p->mode, "cluster") == 0) {
        say(j, true, "cluster",
            "this server is a node of a cluster, which this version of jobhost cannot use: name a "
            "single server (cluster-enabled no in redis.conf)");
    }
}

static void judge_version(struct judge *j) {
    const struct redis_facts *f = j->f;
    if (f->info.class != REDIS_FINE) {
        say(j, false, "info_unknown",
            "the server does not answer INFO (%s), so its version, persistence and replicas are "
            "not known: allow its user +info",
            f->info.words);
    } else if (f->compatible == 0) {
        say(j, false, "version_unknown",
            "the server does not tell its version; jobhost needs what "
            "Redis 6.2 can do");
    } else if (f->compatible < REDIS_VERSION_MIN) {
        say(j, true, "version", "the server is %s %s; jobhost needs Redis 6.2 or later, or Valkey",
            f->server, f->version);
    }
    if (f->missing[0] != '\0') {
        say(j, true, "commands", "the server lacks commands that jobhost needs: %s", f->missing);
    }
}

static void judge_eviction(struct judge *j) {
    const char *policy = j->f->eviction;
    const char *change = place(
        j, "switch Eviction off on the database's page in Upstash's console",
        "CONFIG SET maxmemory-policy noeviction on the server, and the same in redis.conf (or "
        "in the parameters of the service that runs it)");
    if (policy[0] == '\0') {
        say(j, false, "eviction_unknown",
            "the server does not tell its maxmemory-policy. With anything but noeviction jobs can "
            "vanish; make sure: %s",
            change);
    } else if (strcmp(policy, "noeviction") != 0) {
        say(j, !j->allow_eviction, "eviction",
            "maxmemory-policy is %s: the server deletes jobs when its memory is full. Change it: "
            "%s%s",
            policy, change,
            j->allow_eviction
                ? ""
                : ". To start all the same, and lose jobs: store.allow_eviction: true");
    }
}

static void judge_persistence(struct judge *j) {
    const struct redis_facts *f = j->f;
    bool hosted = redis_address_is_upstash(j->address); // writes to disk by itself
    if (f->aof == REDIS_NO && !hosted) {
        say(j, false, "persistence",
            "appendonly is off: jobs that were accepted are lost when the server ends. CONFIG SET "
            "appendonly yes on the server, and the same in redis.conf");
    } else if (f->aof == REDIS_UNTOLD && f->info.class == REDIS_FINE && !hosted) {
        say(j, false, "persistence_unknown",
            "the server does not tell whether it writes to disk (appendonly); if it does not, jobs "
            "are lost when it ends");
    } else if (f->aof == REDIS_YES && strcmp(f->fsync, "no") == 0) {
        say(j, false, "fsync",
            "appendfsync is no: what was accepted in the last half minute is lost when the machine "
            "ends. CONFIG SET appendfsync everysec (or always) on the server, and in redis.conf");
    }
}

static void judge_clock(struct judge *j) {
    int64_t ms = j->f->clock_ms;
    if (ms > REDIS_CLOCK_MS || ms < -REDIS_CLOCK_MS) {
        say(j, false, "clock",
            "the server's clock is %.1f s %s of this machine's: set both by NTP, since times of "
            "jobs are this machine's and leases the server's",
            (double)(ms < 0 ? -ms : ms) / 1000, ms < 0 ? "behind" : "ahead");
    }
}

static void judge_refusal(struct judge *j, const struct redis_refusal *r, const char *what) {
    switch (r->class) {
    case REDIS_FINE:
    case REDIS_READONLY: break; // told by its role
    case REDIS_CREDENTIALS:
        say(j, true, "permission",
            "user %.64s may not %s (%s). ACL SETUSER %.64s ~* &jh:* +@read +@write +@pubsub "
            "+@scripting +@connection -@dangerous +time +info +role +config|get +restore",
            j->address->user[0] == '\0' ? "default" : j->address->user, what, r->words,
            j->address->user[0] == '\0' ? "default" : j->address->user);
        break;
    case REDIS_NO_WRITES:
        say(j, true, "no_writes",
            "the server refuses writes (%s): see maxmemory, its disk and its replicas in "
            "redis.conf",
            r->words);
        break;
    case REDIS_TEMPORARY:
        say(j, true, "busy", "the server is not ready (%s): try again in a moment", r->words);
        break;
    default:
        say(j, true, "broken", "the server does not let jobhost %s: %s", what, r->words);
        break;
    }
}

static void judge_data(struct judge *j) {
    const struct redis_facts *f = j->f;
    judge_refusal(j, &f->script, "write keys by a script");
    if (f->script.class == REDIS_FINE) {
        judge_refusal(j, &f->publish, "publish to the channel jh:wake");
    }
    if (f->marker.class == REDIS_BUG) {
        say(j, true, "format",
            "the key jh:format is not jobhost's (%s): use another database (redis://HOST/1)",
            f->marker.words);
    } else if (f->format[0] != '\0' && strcmp(f->format, REDIS_FORMAT) != 0) {
        say(j, true, "format",
            "the server holds data of another version of jobhost (format %s, this one writes %s): "
            "use that version, or another database (redis://HOST/1)",
            f->format, REDIS_FORMAT);
    }
}

void redis_facts_judge(const struct redis_facts *f, const struct redis_address *address,
                       bool allow_eviction, struct redis_findings *ret) {
    struct judge j = {f, address, allow_eviction, ret};
    ret->count = 0;
    judge_role(&j);
    judge_version(&j);
    judge_eviction(&j);
    judge_persistence(&j);
    judge_clock(&j);
    judge_data(&j);
}
