#include "store/redis/claimed.h"

#include <errno.h>

static int read_outputs(const struct redis_reply *outputs, size_t step, struct arena *a,
                        struct store_claimed *ret) {
    size_t count = redis_reply_is(outputs, REDIS_ARRAY) ? outputs->count / step : 0;
    if (count == 0) {
        return 0;
    }
    ret->outputs = arena_alloc(a, count * sizeof *ret->outputs);
    for (size_t i = 0; ret->outputs != NULL && i < count; i++) {
        struct bytes name = redis_reply_text(&outputs->items[step * i]);
        const char *copy = arena_strn(a, name.len == 0 ? "" : name.data, name.len);
        if (copy == NULL) {
            return -ENOMEM;
        }
        ret->outputs[ret->output_count++] = copy;
    }
    return ret->outputs == NULL ? -ENOMEM : 0;
}

int redis_claimed_fill(const struct redis_job *job, const char *queue,
                       const struct redis_reply *outputs, enum redis_outputs form, struct arena *a,
                       struct store_claimed *ret) {
    *ret = (struct store_claimed){
        .spec = job->spec,
        .token = job->token,
        .commit_no = job->commit_no,
        .steps_version = job->life.steps_version,
        .counters = job->life.counters,
        .build = job->life.build,
        .scope = job->life.error.scope,
        .created_ms = id_time_ms(&job->spec.id),
        .first_run_ms = job->life.first_run_ms,
        .ready_ms = job->ready_ms,
    };
    ret->spec.queue = queue;
    return read_outputs(outputs, form, a, ret);
}
