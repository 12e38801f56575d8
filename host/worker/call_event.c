#include "worker/call_event.h"

#include <string.h>

#include "worker/call_operator.h"
#include "worker/check.h"
#include "worker/state.h"

static int event_publish(struct jh_call *pub, const struct jh_event *event) {
    struct call *c = call_of(pub);
    struct jh_event e = {.size = 0};
    int rc = call_check_job(c);
    rc = rc < 0 ? rc : check_event(event, &e);
    rc = rc < 0 ? rc : check_count(&c->sum, strlen(e.name) + e.payload.len + CHECK_EVENT_WEIGHT);
    if (rc < 0) {
        return call_refuse(c, "publish", rc);
    }
    const struct msg_event m = {.flags = e.flags,
                                .name = e.name,
                                .content_type = e.content_type,
                                .key = e.key,
                                .value = {.data = {e.payload.data, e.payload.len}}};
    sender_lock(c->sender);
    do {
        rc = msg_event_put(&c->sender->w, c->task->slot, &m);
    } while (sender_again(c->sender, &rc));
    sender_unlock(c->sender);
    return rc;
}

static int event_wait(struct jh_call *pub, const struct jh_event_wait *wait, struct jh_bytes *ret) {
    return waiting_event(pub, &call_waiting, wait, ret);
}

const struct jh_events call_event_table = {
    .size = sizeof(struct jh_events), .publish = event_publish, .wait = event_wait};
