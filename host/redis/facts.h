/* What a Redis server said about itself, and what is wrong with it for a store of jobs, in words
 * that say where to change it. Pure. */
#ifndef JOBHOST_REDIS_FACTS_H
#define JOBHOST_REDIS_FACTS_H

#include "redis/conn.h"

enum {
    REDIS_VERSION_MIN = 60200, /* 6.2: LMOVE, ZRANGE BYSCORE, SET GET, LPOP with a count */
    REDIS_CLOCK_MS = 1000,     /* a difference that is worth a word                     */
    REDIS_FINDINGS_MAX = 16,
};

/* The marker in jh:format of data that this version reads and writes. */
#define REDIS_FORMAT "1"

/* An answer that was an error: REDIS_FINE = there was none. */
struct redis_refusal {
    enum redis_class class;
    char words[160];
};

enum redis_known { REDIS_UNTOLD, REDIS_NO, REDIS_YES };

struct redis_facts {
    struct redis_peer peer;
    char server[24];      /* "redis", "valkey"; "" = not told, as the following ones      */
    char version[24];     /* of the server, as its people call it                         */
    unsigned compatible;  /* with which Redis: 70015 for 7.0.15; 0 = not told              */
    enum redis_known aof; /* appendonly                                                    */
    char fsync[16];       /* appendfsync                                                   */
    char eviction[32];    /* maxmemory-policy                                              */
    enum redis_known cluster;
    int64_t replicas;   /* -1 = not told                                                 */
    int64_t latency_us; /* of a PING, the median                                         */
    int64_t clock_ms;   /* of the server, minus ours                                     */
    char format[24];    /* what jh:format holds; "" = there is none                      */
    char missing[200];  /* commands that it lacks: "LMOVE, XADD"                         */
    bool restores;      /* takes a hash in the form of redis/rdb.h                       */
    struct redis_refusal info, marker, script, publish;
};

/* Reads the answer to INFO. */
void redis_facts_info(struct redis_facts *f, struct bytes info);

struct redis_finding {
    bool refuses;     /* the host would not start; else a warning */
    const char *code; /* a constant                               */
    char text[512];
};

struct redis_findings {
    struct redis_finding list[REDIS_FINDINGS_MAX];
    unsigned count;
};

void redis_facts_judge(const struct redis_facts *f, const struct redis_address *address,
                       bool allow_eviction, struct redis_findings *ret);

#endif
