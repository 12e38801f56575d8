#include "worker/call_clock.h"

#include <errno.h>

#include "worker/mix.h"
#include "worker/state.h"

static int64_t clock_wall_ms(struct jh_call *pub) {
    return env_wall_ms(&call_of(pub)->worker->env);
}

static int64_t clock_mono_ms(struct jh_call *pub) {
    return env_mono_ms(&call_of(pub)->worker->env);
}

static uint64_t clock_random(struct jh_call *pub) {
    struct call *c = call_of(pub);
    return call_check(c) == -EPERM ? 0 : mix_next(&c->random);
}

static void clock_entropy(struct jh_call *pub, void *out, size_t len) {
    (void)pub;
    if (out != NULL) {
        env_random(out, len);
    }
}

const struct jh_clock call_clock_table = {
    .size = sizeof(struct jh_clock),
    .wall_ms = clock_wall_ms,
    .mono_ms = clock_mono_ms,
    .random = clock_random,
    .entropy = clock_entropy,
};
