#include "server_info.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct redisContext *server_connect(const char *port) {
    struct redisContext *server = redisConnect("127.0.0.1", atoi(port));
    if (server == NULL || server->err != 0) {
        (void)fprintf(stderr, "redis-server on port %s: %s\n", port,
                      server == NULL ? "out of memory" : server->errstr);
        exit(1);
    }
    return server;
}

static double field(const char *info, const char *name) {
    const char *at = strstr(info, name);
    return at == NULL ? 0 : strtod(at + strlen(name), NULL);
}

struct server_info server_look(struct redisContext *server) {
    struct server_info ret = {0, 0};
    redisReply *reply = server == NULL ? NULL : redisCommand(server, "INFO");
    if (reply != NULL && reply->type == REDIS_REPLY_STRING) {
        ret.cpu_s = field(reply->str, "used_cpu_sys:") + field(reply->str, "used_cpu_user:");
        ret.used_memory = field(reply->str, "used_memory:");
    } else if (server != NULL) {
        (void)fprintf(stderr, "INFO: %s\n", reply == NULL ? server->errstr : reply->str);
        exit(1);
    }
    freeReplyObject(reply);
    return ret;
}
