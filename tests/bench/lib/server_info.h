/* What the Redis server of a benchmark says of itself. */
#ifndef JOBHOST_BENCH_SERVER_INFO_H
#define JOBHOST_BENCH_SERVER_INFO_H

#include <stdint.h>

struct redisContext;

struct server_info {
    double cpu_s;       /* user and system, all threads        */
    double used_memory; /* bytes that its data and clients take */
};

/* Ends the program with words if there is no server on that port of 127.0.0.1. */
struct redisContext *server_connect(const char *port);

/* All zero without a server (NULL). */
struct server_info server_look(struct redisContext *server);

#endif
