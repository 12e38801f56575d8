// Calls everything from a thread of its own. Result: how many [run] functions were refused, and how
// many were not.
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "jobhost_blob.h"
#include "jobhost_clock.h"
#include "jobhost_kv.h"
#include "tiny.h"

struct count {
    struct jh_call *call;
    int refused, allowed;
};

static void note(struct count *n, int rc) {
    if (rc == -EPERM) {
        n->refused++;
    } else {
        n->allowed++;
    }
}

static void try_core(struct count *n) {
    struct jh_call *c = n->call;
    const struct jh_host *h = c->host;
    struct jh_bytes bytes = {"x", 1};
    const struct jh_child child = {.size = sizeof child, .handler = "a.b"};
    const struct jh_failure failure = {.size = sizeof failure, .cls = JH_E_NETWORK};
    const struct jh_wait wait = {.size = sizeof wait};
    note(n, h->sleep_ms(c, 1));
    note(n, h->progress(c, 1, 1, NULL));
    note(n, h->step_get(c, "x", &bytes));
    note(n, h->step_put(c, "x", bytes));
    note(n, h->result(c, bytes));
    note(n, h->enqueue(c, &child));
    note(n, h->warn(c, "x", "y"));
    note(n, h->fail(c, &failure) == JH_FAIL ? -EPERM : 0); // else JH_RETRY
    note(n, h->yield(c, &wait) == JH_FAIL ? -EPERM : 0);   // else JH_YIELD
}

static void try_extensions(struct count *n) {
    struct jh_call *c = n->call;
    const struct jh_host *h = c->host;
    const struct jh_kv *kv = (const struct jh_kv *)h->extension(h, JH_KV_1);
    const struct jh_blob *blob = (const struct jh_blob *)h->extension(h, JH_BLOB_1);
    struct jh_bytes bytes = {"x", 1};
    struct jh_input input = {.size = sizeof input};
    int64_t number;
    uint64_t size;
    note(n, kv->get(c, "x", &bytes));
    note(n, kv->set(c, "x", bytes, 0));
    note(n, kv->del(c, "x"));
    note(n, kv->add(c, "x", 1));
    note(n, kv->counter(c, "x", &number));
    note(n, kv->sadd(c, "x", bytes));
    note(n, kv->srem(c, "x", bytes));
    note(n, kv->sismember(c, "x", bytes));
    note(n, kv->scard(c, "x", &size));
    note(n, kv->claim(c, "x", NULL));
    note(n, kv->done(c, "x", 0));
    note(n, blob->input(c, 0, &input));
    note(n, blob->open(c, 0));
    note(n, blob->result_fd(c, 0, NULL));
    note(n, blob->result_type(c, "text/plain"));
    note(n, blob->output_fd(c, "x", 0, NULL));
}

static void *other_thread(void *arg) {
    struct count *n = (struct count *)arg;
    struct jh_call *c = n->call;
    try_core(n);
    try_extensions(n);
    // [any]
    c->host->log(c, JH_LOG_INFO, "from another thread");
    if (c->host->cancelled(c) != 0 || c->host->cancel_fd(c) < 0) {
        n->allowed += 100;
    }
    return NULL;
}

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    struct count n = {.call = c};
    pthread_t thread;
    char text[64];
    (void)self;
    (void)job;
    if (pthread_create(&thread, NULL, other_thread, &n) != 0 || pthread_join(thread, NULL) != 0) {
        return JH_FAIL;
    }
    (void)snprintf(text, sizeof text, "refused %d, allowed %d", n.refused, n.allowed);
    (void)c->host->result(c, (struct jh_bytes){text, strlen(text)});
    return JH_OK;
}

TINY_PLUGIN("wrong-thread", "1.0.0", run, 0);
