// The table that one binary leaves to the next. What is believed is written again, and believed again; effects in it, which are a
// table of their own, likewise.
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "record/record.h"
#include "supervisor/effects_pack.h"
#include "supervisor/handover.h"

static void count_fd(void *arg, int fd) {
    size_t *count = arg;
    FUZZ_CHECK(fd > 0);
    (*count)++;
}

static void check_effects(struct bytes packed) {
    struct effects *fx = NULL, *again = NULL;
    struct buf out = {.data = NULL};
    if (effects_unpack(packed, &fx) != 0) {
        return;
    }
    effects_pack(fx, &out);
    FUZZ_CHECK(!out.failed && effects_unpack(buf_bytes(&out), &again) == 0);
    FUZZ_CHECK(again->step_count == fx->step_count && again->child_count == fx->child_count &&
               again->kv_count == fx->kv_count && again->output_count == fx->output_count);
    effects_free(&again);
    effects_free(&fx);
    buf_free(&out);
}

static void check_attempts(const struct handover *h) {
    for (size_t p = 0; p < h->pool_count; p++) {
        for (size_t w = 0; w < h->pools[p].worker_count; w++) {
            const struct handover_worker *worker = &h->pools[p].workers[w];
            for (size_t i = 0; i < worker->attempt_count; i++) {
                FUZZ_CHECK(worker->attempts[i].slot <= worker->slot_seq);
                check_effects(worker->attempts[i].effects);
            }
        }
    }
}

static void check_again(const struct handover *h) {
    struct handover again;
    struct err e;
    int fd = handover_write(h, &e);
    FUZZ_CHECK(fd >= 0);
    FUZZ_CHECK(handover_read(fd, &again, &e) == 0);
    FUZZ_CHECK(again.nonce == h->nonce && strcmp(again.version, h->version) == 0 &&
               again.pool_count == h->pool_count && again.socket_count == h->socket_count);
    handover_finish(&again);
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct handover h;
    struct err e;
    size_t fds = 0;
    if (handover_parse((struct bytes){data, size}, &h, &e) == 0) {
        handover_each_fd(&h, count_fd, &fds);
        FUZZ_CHECK(fds > 0);
        check_attempts(&h);
        check_again(&h);
    }
    handover_finish(&h);
    check_effects((struct bytes){data, size});
    return 0;
}
