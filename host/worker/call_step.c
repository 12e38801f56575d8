#include "worker/call_step.h"

#include <errno.h>

#include "base/fault.h"
#include "worker/ask.h"
#include "worker/check.h"
#include "worker/state.h"

static int fetch_step(struct call *c, const char *name, struct bytes *ret) {
    struct answer a;
    int rc = ask_value(c, GET_STEP, name, (struct bytes){NULL, 0}, &a);
    if (rc == 0) {
        rc = ask_map(c, &a);
    }
    if (rc < 0 || a.status < 0) {
        return rc < 0 ? rc : a.status;
    }
    if (a.status > 0) {
        rc = steps_note(&c->steps, &c->arena, name, STEPS_ABSENT, (struct bytes){NULL, 0});
        return rc < 0 ? rc : 1;
    }
    *ret = a.value;
    return steps_note(&c->steps, &c->arena, name, STEPS_PRESENT, a.value);
}

int call_step_get(struct jh_call *pub, const char *name, struct jh_bytes *out) {
    struct call *c = call_of(pub);
    int rc = call_check(c);
    if (rc == 0) {
        rc = out == NULL ? -EINVAL : check_step(name, (struct jh_bytes){NULL, 0});
    }
    if (rc < 0) {
        return call_refuse(c, "step_get", rc);
    }
    struct bytes value = {NULL, 0};
    switch (steps_find(&c->steps, name, &value)) {
    case STEPS_PRESENT: break;
    case STEPS_ABSENT: rc = 1; break;
    case STEPS_UNKNOWN:
        // without stored steps every answer is no, and costs nothing
        rc = c->task->job.steps_version == 0 ? 1 : fetch_step(c, name, &value);
        break;
    case STEPS_ELSEWHERE: rc = fetch_step(c, name, &value); break;
    }
    if (rc == 0) {
        *out = (struct jh_bytes){value.data, value.len};
    }
    return rc;
}

// Known from now on; of a large value only that it is there.
static int remember_step(struct call *c, const char *name, struct jh_bytes value) {
    if (value.len > STEPS_KEEP_MAX) {
        return steps_note(&c->steps, &c->arena, name, STEPS_ELSEWHERE, (struct bytes){NULL, 0});
    }
    struct bytes copy = arena_bytes(&c->arena, (struct bytes){value.data, value.len});
    if (copy.len != 0 && copy.data == NULL) {
        return -ENOMEM;
    }
    return steps_note(&c->steps, &c->arena, name, STEPS_PRESENT, copy);
}

int call_step_send(struct call *c, const char *name, struct jh_bytes value) {
    const struct msg_step m = {
        .name = name,
        .value = {.data = {value.data, value.len}},
        .state_version = c->task->handler->state_version,
    };
    int rc;
    sender_lock(c->sender);
    do {
        rc = msg_step_put(&c->sender->w, c->task->slot, &m);
    } while (sender_again(c->sender, &rc));
    sender_unlock(c->sender);
    return rc;
}

int call_step_put(struct jh_call *pub, const char *name, struct jh_bytes value) {
    struct call *c = call_of(pub);
    int rc = call_check_job(c);
    if (rc == 0) {
        rc = check_step(name, value);
    }
    if (rc < 0) {
        return call_refuse(c, "step_put", rc);
    }
    rc = call_step_send(c, name, value);
    if (rc == 0) {
        rc = fault(FAULT_WORKER_BEFORE_COMMIT);
    }
    if (rc == 0) {
        rc = ask_commit(c);
    }
    if (rc == 0) {
        rc = fault(FAULT_WORKER_AFTER_COMMIT);
    }
    if (rc == 0) {
        pending_clear(&c->pending);
        c->sum = (struct check_sum){0};
        rc = remember_step(c, name, value);
    }
    if (rc < 0) {
        // Nobody knows any more what is durable, so nothing else may be asked for.
        c->notes.broken = rc;
    }
    return rc;
}
