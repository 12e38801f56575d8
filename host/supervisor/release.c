#include "supervisor/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/skew.h"
#include "supervisor/host.h"
#include "supervisor/patrol.h"
#include "supervisor/pins.h"
#include "supervisor/pool.h"

enum { RELEASE_PAUSE_MS = 1000 };

struct release {
    struct patrol patrol;
    const struct round *round; // NULL: none is under way
    bool again;                // another build came up meanwhile
    uint32_t pinned;           // jobs woken for a pinned generation in this round
};

static bool is_quarantined_elsewhere(struct release *r, const struct store_job *job,
                                     struct jobs_act *act, char why[PATROL_WHY_MAX]) {
    const char *build = pools_build(r->patrol.host->pools, job->spec.type);
    if (build == NULL || job->build == NULL || strcmp(build, job->build) == 0) {
        return false;
    }
    (void)snprintf(why, PATROL_WHY_MAX, "build %s is up, it crashed under %.48s", build,
                   job->build);
    act->action = JOBS_RETRY;
    return true;
}

// It would not be parked for that again. A pinned generation is sent no more than it can take.
static bool is_skewed_no_more(struct release *r, const struct store_job *job, struct jobs_act *act,
                              char why[PATROL_WHY_MAX]) {
    const struct host *host = r->patrol.host;
    const char *type = job->spec.type, *plugin;
    const struct pool_handler *h = pools_handler(host->pools, type, &plugin, NULL);
    enum skew_policy policy = config_job(host->config, type)->state_policy;
    enum skew skew = h == NULL ? SKEW_PARK : skew_decide(&h->state, job->steps_version, policy);
    bool pinned = skew == SKEW_PIN && job->park == PARK_PIN_UNAVAILABLE;
    if (h == NULL || skew == SKEW_PARK ||
        (pinned && r->pinned >= pins_room(host, type, job->steps_version))) {
        return false;
    }
    r->pinned += pinned;
    skew_say(&h->state, job->steps_version, policy, plugin, why);
    act->action = JOBS_WAKE;
    act->rev = job->rev;
    return true;
}

static const struct round {
    struct store_filter filter;
    bool (*is_due)(struct release *r, const struct store_job *job, struct jobs_act *act,
                   char why[PATROL_WHY_MAX]);
    const char *event; // for the log
} rounds[] = {
    {{.state = JOB_DEAD, .error_code = "quarantined", .error_cls = -1},
     is_quarantined_elsewhere,
     "quarantine.released"},
    {{.state = JOB_PARKED, .park = PARK_STATE_VERSION, .error_cls = -1},
     is_skewed_no_more,
     "steps.resumed"},
    {{.state = JOB_PARKED, .park = PARK_PIN_UNAVAILABLE, .error_cls = -1},
     is_skewed_no_more,
     "steps.resumed"},
};

static bool judge(struct patrol *p, const struct store_job *job, struct jobs_act *act,
                  char why[PATROL_WHY_MAX]) {
    struct release *r = CONTAINER_OF(p, struct release, patrol);
    return r->round->is_due(r, job, act, why);
}

static void begin(struct release *r) {
    r->again = false;
    r->pinned = 0;
    r->round = rounds;
    patrol_go(&r->patrol, &r->round->filter, RELEASE_PAUSE_MS); // so that what starts has settled
}

static void ended(struct patrol *p, uint64_t acted) {
    struct release *r = CONTAINER_OF(p, struct release, patrol);
    if (acted > 0) {
        log_info(&p->host->log, r->round->event, "jobs=%llu", (unsigned long long)acted);
    }
    if (++r->round < rounds + ARRAY_LEN(rounds)) {
        patrol_go(p, &r->round->filter, 0);
        return;
    }
    r->round = NULL;
    if (r->again) {
        begin(r);
    }
}

void release_look(struct host *host) {
    struct release *r = host->release;
    if (r->round != NULL) {
        r->again = true;
    } else {
        begin(r);
    }
}

struct release *release_new(struct host *host) {
    struct release *r = calloc(1, sizeof *r);
    if (r != NULL) {
        r->patrol.host = host;
        r->patrol.judge = judge;
        r->patrol.ended = ended;
        patrol_init(&r->patrol);
    }
    return r;
}

void release_free(struct release **at) {
    if (*at != NULL) {
        patrol_finish(&(*at)->patrol);
        free(*at);
        *at = NULL;
    }
}
