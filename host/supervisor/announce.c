#include "supervisor/announce.h"

#include "store/flows.h"
#include "store/schedules.h"
#include "supervisor/host.h"
#include "supervisor/hub.h"

static void announce(struct host *host, const struct job_spec *spec, int64_t now_ms) {
    hub_publish(host->hub, &(struct hub_event){
                               .kind = HUB_STATE,
                               .id = spec->id,
                               .at_ms = now_ms,
                               .state = spec->run_at_ms > now_ms ? JOB_SCHEDULED : JOB_QUEUED,
                               .spec = spec,
                           });
}

static void announce_items(struct host *host, const struct store_op *op,
                           const struct store_submit_item *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (items[i].verdict == SUBMIT_NEW && items[i].status == 0) {
            announce(host, items[i].spec, op->now_ms);
        }
    }
}

void announce_stored(struct host *host, const struct store_op *op) {
    if (op->status != 0 || !hub_is_heard(host->hub)) {
        return;
    }
    if (op->kind == STORE_SUBMIT) {
        const struct store_submit *submit = CONTAINER_OF(op, const struct store_submit, op);
        announce_items(host, op, submit->items, submit->count);
    } else if (op->kind == STORE_FLOW_JOIN) {
        const struct store_flow_join *join = CONTAINER_OF(op, const struct store_flow_join, op);
        announce_items(host, op, join->items, join->count);
    } else if (op->kind == STORE_FIRE) {
        const struct store_fire *fire = CONTAINER_OF(op, const struct store_fire, op);
        for (size_t i = 0; i < fire->count; i++) {
            if (fire->items[i].status == 0 && !id_is_zero(&fire->items[i].job)) {
                announce(host, fire->items[i].spec, op->now_ms);
            }
        }
    }
}
