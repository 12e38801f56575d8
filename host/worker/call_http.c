#include "worker/call_http.h"

#include <errno.h>

#include "worker/call_limit.h"
#include "worker/curl_api.h"
#include "worker/fetch.h"
#include "worker/state.h"
#include "worker/transfer.h"

static int ops_check(struct jh_call *pub) {
    return call_check(call_of(pub));
}

static int ops_refuse(struct jh_call *pub, const char *name, int rc) {
    struct call *c = call_of(pub);
    const char *words = c->notes.refused == rc ? c->notes.refused_words : NULL; // of its limit
    (void)call_refuse(c, name, rc);
    c->notes.refused_words = words;
    return rc;
}

static int64_t ops_now_ms(struct jh_call *pub) {
    return env_wall_ms(&call_of(pub)->worker->env);
}

static struct arena *ops_arena(struct jh_call *pub) {
    return &call_of(pub)->arena;
}

/* What is waiting to be sent is sent before the thread is away for a while. */
static void flush(struct call *c) {
    sender_lock(c->sender);
    (void)sender_flush(c->sender);
    sender_unlock(c->sender);
}

static int ops_exchange(struct jh_call *pub, const struct fetch_hop *hop, struct fetch_got *ret) {
    struct call *c = call_of(pub);
    if (c->transfer == NULL) {
        c->transfer = transfer_new(&c->worker->terms);
    }
    int cancel_fd = pub->host->cancel_fd(pub);
    if (c->transfer == NULL || cancel_fd < 0) {
        return -ENOMEM;
    }
    flush(c);
    return pub->host->cancelled(pub) != 0
               ? -ECANCELED
               : transfer_run(c->transfer, hop, cancel_fd, &c->arena, ret);
}

static const struct fetch_ops ops = {
    .check = ops_check,
    .refuse = ops_refuse,
    .now_ms = ops_now_ms,
    .arena = ops_arena,
    .limit = &call_limit_table,
    .exchange = ops_exchange,
};

static int http_fetch(struct jh_call *pub, const struct jh_http_request *q,
                      struct jh_http_answer *ret) {
    return fetch_run(pub, &ops, q, ret);
}

static const char *http_header_of(struct jh_call *pub, const struct jh_http_answer *answer,
                                  const char *name) {
    return fetch_header(pub, &ops, answer, name);
}

static const struct jh_http table = {
    .size = sizeof(struct jh_http),
    .fetch = http_fetch,
    .header = http_header_of,
    .fail = fetch_fail,
};

const struct jh_http *call_http_table(void) {
    return curl_api() == NULL ? NULL : &table;
}

int call_http_allow(struct worker *w, const struct msg_sandbox *m) {
    struct err e = {0};
    for (uint32_t i = 0; i < m->allowed_count; i++) {
        if (egress_rule_parse(m->allowed[i].to, &w->allowed[i], &e) < 0) {
            return -EBADMSG;
        }
    }
    w->terms.allowed = w->allowed;
    w->terms.allowed_count = m->allowed_count;
    return 0;
}

void call_http_forget(struct call *c) {
    if (c->transfer != NULL) {
        transfer_forget(c->transfer);
    }
}

void call_http_finish(struct call *c) {
    transfer_free(c->transfer);
    c->transfer = NULL;
}
