// asks — queries of every behaviour, and two jobs that are beside them. Each handler's line says what it does.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobhost_blob.h"
#include "jobhost_event.h"
#include "jobhost_flow.h"
#include "jobhost_json.h"
#include "jobhost_kv.h"
#include "jobhost_limit.h"
#include "jobhost_operator.h"
#include "jobhost_plugin.h"
#include "jobhost_util.h"

static void answer(struct jh_call *c, const char *text) {
    (void)c->host->result(c, (struct jh_bytes){text, strlen(text)});
}

static int64_t number(const struct jh_job *job, const char *name, int64_t fallback) {
    return jh_json_get_int(job->payload, name, fallback);
}

static void text_of(const struct jh_job *job, const char *name, char *out, size_t cap) {
    out[0] = '\0';
    (void)jh_json_get_text(job->payload, name, out, cap);
}

// its own payload
static jh_status echo(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c->host->result(c, job->payload);
    return JH_OK;
}

// sleeps `ms`, and stops when it is asked to
static jh_status slow(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    if (c->host->sleep_ms(c, number(job, "ms", 60000)) != 0) {
        return jh_stop(c);
    }
    answer(c, "\"slept\"");
    return JH_OK;
}

// listens to nobody
static jh_status hang(void *self, struct jh_call *c, const struct jh_job *job) {
    volatile unsigned long turns = 0;
    (void)self;
    (void)c;
    while (job != NULL) {
        turns++;
    }
    return JH_OK;
}

static jh_status crash(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    (void)job;
    abort();
}

// `bytes` of text
static jh_status big(void *self, struct jh_call *c, const struct jh_job *job) {
    size_t len = (size_t)number(job, "bytes", 0);
    char *text = malloc(len + 1);
    (void)self;
    if (text == NULL) {
        return jh_failf(c, JH_E_RESOURCE, "memory", "no memory");
    }
    memset(text, 'a', len);
    const struct jh_blob *blob = c->host->extension(c->host, JH_BLOB_1);
    (void)blob->result_type(c, "text/plain");
    (void)c->host->result(c, (struct jh_bytes){text, len});
    free(text);
    return JH_OK;
}

// what each call that changes something, or waits, answers
static jh_status writes(void *self, struct jh_call *c, const struct jh_job *job) {
    const struct jh_host *h = c->host;
    const struct jh_kv *kv = h->extension(h, JH_KV_1);
    const struct jh_events *events = h->extension(h, JH_EVENT_1);
    const struct jh_flow *flow = h->extension(h, JH_FLOW_1);
    const struct jh_limit *limit = h->extension(h, JH_LIMIT_1);
    const struct jh_operator *operator= h->extension(h, JH_OPERATOR_1);
    const struct jh_blob *blob = h->extension(h, JH_BLOB_1);
    const struct jh_bytes v = {"v", 1};
    const struct jh_child child = {.size = sizeof child, .handler = "asks.put"};
    const struct jh_event event = {.size = sizeof event, .name = "e"};
    const struct jh_event_wait wait = {.size = sizeof wait, .name = "e"};
    const struct jh_question q = {.size = sizeof q, .key = "k", .question = "?"};
    struct jh_wait until = {.size = sizeof until};
    struct jh_bytes out;
    uint64_t ticket;
    const struct {
        const char *name;
        int rc;
    } calls[] = {
        {"step_put", h->step_put(c, "s", v)},
        {"enqueue", h->enqueue(c, &child)},
        {"warn", h->warn(c, "w", "w")},
        {"kv.set", kv->set(c, "k", v, 0)},
        {"kv.add", kv->add(c, "k", 1)},
        {"kv.claim", kv->claim(c, "k", NULL)},
        {"kv.done", kv->done(c, "k", 0)},
        {"event.publish", events->publish(c, &event)},
        {"event.wait", events->wait(c, &wait, &out)},
        {"flow.then", flow->then(c, &child)},
        {"limit.acquire", limit->acquire(c, "l", 1, 0, &ticket, &until)},
        {"operator.ask", operator->ask(c, &q, &out)},
        {"output_fd", blob->output_fd(c, "f", 0, NULL)},
        {"step_get", h->step_get(c, "s", &out)},
    };
    char text[1024] = "{";
    size_t used = 1;
    (void)self;
    (void)job;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%s\":%d", i == 0 ? "" : ",",
                                 calls[i].name, calls[i].rc);
    }
    (void)snprintf(text + used, sizeof text - used, "}");
    answer(c, text);
    return JH_OK;
}

// waits, as jobs do
static jh_status yields(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)job;
    return c->host->yield(c, &(struct jh_wait){.size = sizeof(struct jh_wait)});
}

// fails in class `class`, and says `words`
static jh_status fails(void *self, struct jh_call *c, const struct jh_job *job) {
    char words[128];
    (void)self;
    text_of(job, "words", words, sizeof words);
    return c->host->fail(c, &(struct jh_failure){.size = sizeof(struct jh_failure),
                                                 .cls = (jh_class)number(job, "class", 0),
                                                 .retry_after_ms = 7000,
                                                 .message = words});
}

// the value of `key`, and the process that tells it
static jh_status reads(void *self, struct jh_call *c, const struct jh_job *job) {
    const struct jh_kv *kv = c->host->extension(c->host, JH_KV_1);
    struct jh_bytes value;
    char key[64], text[256];
    (void)self;
    text_of(job, "key", key, sizeof key);
    int rc = kv->get(c, key, &value);
    (void)snprintf(text, sizeof text, "{\"rc\":%d,\"value\":\"%.*s\",\"build\":\"%s\"}", rc,
                   rc == 0 ? (int)value.len : 0, rc == 0 ? (const char *)value.data : "",
                   ASKS_VERSION);
    answer(c, text);
    return JH_OK;
}

// a job: puts `value` at `key`
static jh_status put(void *self, struct jh_call *c, const struct jh_job *job) {
    const struct jh_kv *kv = c->host->extension(c->host, JH_KV_1);
    char key[64], value[64];
    (void)self;
    text_of(job, "key", key, sizeof key);
    text_of(job, "value", value, sizeof value);
    (void)kv->set(c, key, (struct jh_bytes){value, strlen(value)}, 0);
    return JH_OK;
}

// a job: wants a query for a child
static jh_status begets(void *self, struct jh_call *c, const struct jh_job *job) {
    const struct jh_child child = {.size = sizeof child, .handler = "asks.echo"};
    (void)self;
    (void)job;
    (void)c->host->enqueue(c, &child);
    return jh_step_puts(c, "s", "1") < 0 ? jh_stop(c) : JH_OK;
}

static const struct jh_option echo_takes[] = {
    {.name = "user", .type = JH_OPT_STRING, .flags = JH_OPT_REQUIRED},
    {.name = "limit", .type = JH_OPT_INT},
    {.name = "all", .type = JH_OPT_BOOL},
    {.name = "asin", .type = JH_OPT_LIST},
    {.name = "from", .type = JH_OPT_DAY},
    {.name = "market", .type = JH_OPT_CHOICE, .fallback = "US DE"},
    {.name = "more", .type = JH_OPT_OBJECT},
    {.name = NULL},
};

static const struct jh_option number_takes[] = {
    {.name = "ms", .type = JH_OPT_INT},
    {.name = "bytes", .type = JH_OPT_INT},
    {.name = "class", .type = JH_OPT_INT},
    {.name = "words", .type = JH_OPT_STRING},
    {.name = NULL},
};

#define QUERY (JH_HANDLER_QUERY | JH_HANDLER_CONCURRENT)
static const struct jh_handler handlers[] = {
    {.name = "asks.echo", .run = echo, .flags = QUERY, .takes = echo_takes},
    {.name = "asks.any", .summary = "Tells what it was asked.", .run = echo, .flags = QUERY},
    {.name = "asks.slow", .run = slow, .flags = QUERY, .takes = number_takes},
    {.name = "asks.slow_alone", .run = slow, .flags = JH_HANDLER_QUERY, .takes = number_takes},
    {.name = "asks.hang", .run = hang, .flags = QUERY},
    {.name = "asks.crash", .run = crash, .flags = QUERY},
    {.name = "asks.big", .run = big, .flags = QUERY, .takes = number_takes},
    {.name = "asks.writes", .run = writes, .flags = QUERY},
    {.name = "asks.yields", .run = yields, .flags = QUERY},
    {.name = "asks.fails", .run = fails, .flags = QUERY, .takes = number_takes},
    {.name = "asks.reads", .run = reads, .flags = QUERY},
    {.name = "asks.put", .run = put},
    {.name = "asks.busy", .run = slow},
    {.name = "asks.begets", .run = begets},
};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,
    .name = "asks",
    .version = ASKS_VERSION,
    .handlers = handlers,
    .handler_count = sizeof handlers / sizeof handlers[0],
};
