// Waits on the cancel descriptor, as an event loop of its own would.
#include <errno.h>
#include <poll.h>

#include "jobhost_util.h"
#include "tiny.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    struct pollfd p = {.fd = c->host->cancel_fd(c), .events = POLLIN};
    (void)self;
    (void)job;
    c->host->log(c, JH_LOG_INFO, "waiting");
    while (poll(&p, 1, -1) == -1 && errno == EINTR) {
    }
    if (c->host->cancelled(c) == 0) {
        return jh_failf(c, JH_E_BUG, NULL, "the descriptor is readable without a cancel");
    }
    return c->host->cancel_fd(c) == p.fd ? jh_stop(c) : JH_FAIL;
}

TINY_PLUGIN("cancel-fd", "1.0.0", run, JH_HANDLER_CONCURRENT);
