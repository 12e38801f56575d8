/* Calls somebody who allows only so many: the payload says whom, and by which limit.
 *
 *     {"port": 8080, "limit": "discogs", "wait_ms": 2000, "hold_ms": 0, "calls": 1, "headers": true}
 *
 * Without a limit it calls at once; without a port nobody is called, and hold_ms is how long that takes. An answer 429 is a failure of
 * class RATE. The result: how many calls were answered 200. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "jobhost_limit.h"
#include "jobhost_util.h"

struct calls {
    struct jh_call *call;
    const struct jh_limit *limit;
    cJSON *payload;
    const char *name; // of the limit; NULL = none
    char answer[4096];
};

static int64_t number(const struct calls *x, const char *name, int64_t fallback) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(x->payload, name);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : fallback;
}

// The status of the answer; 0: there was none.
static int32_t get(struct calls *x, int64_t port) {
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t len = 0;
    ssize_t n = 0;
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 &&
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0) {
        while (len < sizeof x->answer - 1 &&
               (n = read(fd, x->answer + len, sizeof x->answer - 1 - len)) > 0) {
            len += (size_t)n;
        }
    }
    (void)close(fd);
    x->answer[len] = '\0';
    const char *status = strchr(x->answer, ' ');
    return status == NULL ? 0 : (int32_t)strtol(status, NULL, 10);
}

static int32_t call_them(struct calls *x) {
    int64_t port = number(x, "port", 0), hold = number(x, "hold_ms", 0);
    x->answer[0] = '\0';
    if (hold > 0 && x->call->host->sleep_ms(x->call, hold) != 0) {
        return 0;
    }
    return port > 0 ? get(x, port) : 200;
}

static struct jh_bytes headers_of(const struct calls *x) {
    bool told = !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(x->payload, "headers"));
    return (struct jh_bytes){x->answer, told ? strlen(x->answer) : 0};
}

static jh_status fail(struct calls *x, jh_class cls, const char *message) {
    return x->call->host->fail(x->call, &(struct jh_failure){.size = sizeof(struct jh_failure),
                                                             .cls = cls,
                                                             .retry_after_ms = 1000,
                                                             .message = message});
}

// One call: JH_OK, or what to return.
static jh_status one(struct calls *x, unsigned *answered) {
    struct jh_wait wait = {.size = sizeof wait};
    uint64_t ticket = 0;
    int r = 0;
    if (x->name != NULL) {
        r = x->limit->acquire(x->call, x->name, 1, number(x, "wait_ms", 0), &ticket, &wait);
    }
    if (r == 1) {
        return x->call->host->yield(x->call, &wait);
    }
    if (r < 0) {
        return r == -ECANCELED ? JH_CANCELLED : fail(x, JH_E_INPUT, strerror(-r));
    }
    int32_t status = call_them(x);
    if (x->name != NULL && x->limit->observe(x->call, ticket, status, headers_of(x)) < 0) {
        return fail(x, JH_E_BUG, "observe");
    }
    *answered += status == 200;
    return status == 429 ? fail(x, JH_E_RATE, "429") : JH_OK;
}

static jh_status run_calls(void *self, struct jh_call *c, const struct jh_job *job) {
    char result[32];
    unsigned answered = 0;
    struct calls x = {.call = c, .limit = c->host->extension(c->host, JH_LIMIT_1)};
    (void)self;
    if (x.limit == NULL) {
        return fail(&x, JH_E_BUG, "no limits");
    }
    x.payload = cJSON_ParseWithLength(job->payload.data, job->payload.len);
    x.name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(x.payload, "limit"));
    jh_status status = JH_OK;
    for (int64_t i = number(&x, "calls", 1); i > 0 && status == JH_OK; i--) {
        status = one(&x, &answered);
    }
    int n = snprintf(result, sizeof result, "%u", answered);
    if (c->host->result(c, (struct jh_bytes){result, (size_t)n}) < 0) {
        status = JH_FAIL;
    }
    cJSON_Delete(x.payload);
    return status;
}

static const struct jh_handler handlers[] = {
    {.name = "calls.run", .run = run_calls, .flags = JH_HANDLER_CONCURRENT, .state_version = 1},
    {.name = "calls.other", .run = run_calls, .flags = JH_HANDLER_CONCURRENT, .state_version = 1},
};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT, .name = "calls", .version = "1.0.0", .handlers = handlers, .handler_count = 2,
};
