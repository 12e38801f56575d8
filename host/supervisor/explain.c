/* Gathers the facts about one job, one queue, or all that wait, for core/evaluate.h. */
#include <stdio.h>
#include <string.h>

#include "core/waits.h"
#include "supervisor/attempt.h"
#include "supervisor/breakers.h"
#include "supervisor/commits.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/jobs.h"
#include "supervisor/lane.h"
#include "supervisor/slots.h"
#include "supervisor/upkeep.h"

static const struct store_lane_stats *explain_lane(const struct store_stats *stats,
                                                   const struct store_job *job) {
    for (size_t i = 0; stats != NULL && i < stats->lane_count; i++) {
        const struct store_lane_stats *lane = &stats->lanes[i];
        if (strcmp(lane->lane.queue, job->spec.queue) == 0 &&
            strcmp(lane->lane.type, job->spec.type) == 0) {
            return lane;
        }
    }
    return NULL;
}

/* Jobs of its lane that go first are not counted exactly: all that wait in the lane are an upper
 * bound. So are the lines of other tenants. */
static void explain_others(const struct store_lane_stats *lane, const struct store_job *job,
                           struct job_facts *ret) {
    ret->ahead = lane == NULL ? -1 : lane->waiting > 0 ? lane->waiting - 1 : 0;
    ret->tenant = job->spec.tenant;
    ret->tenants = lane == NULL ? 0 : lane->tenants - (job->spec.tenant != NULL);
}

unsigned jobs_explain(struct host *host, const struct store_job *job,
                      const struct jobs_awaited *awaited, const struct store_stats *stats,
                      struct reason *ret_reasons, unsigned cap) {
    struct job_facts facts = {.state = job->state,
                              .park = job->park,
                              .run_at_ms = job->state == JOB_SCHEDULED || job->state == JOB_PARKED
                                               ? job->spec.run_at_ms
                                               : 0,
                              .wait_key = job->wait_key,
                              .parked_ms = job->state == JOB_PARKED ? job->updated_ms : 0,
                              .steps_version = job->steps_version};
    char question[WAITS_QUESTION_MAX + 1];
    if (job->park == PARK_NEEDS_OPERATOR && job->wait_for != NULL) {
        size_t len = strcspn(job->wait_for, "\n");
        (void)snprintf(question, sizeof question, "%.*s", (int)len, job->wait_for);
        facts.question = question;
    }
    struct lane *lane = lane_get(host, job->spec.queue, job->spec.type);
    struct job_live live;
    char winner[JOB_ID_TEXT + 1];
    id_format(&job->winner, winner);
    facts.winner = id_is_zero(&job->winner) ? NULL : winner;
    char first[JOB_ID_TEXT + 1];
    id_format(&awaited->job, first);
    facts.wait_job = id_is_zero(&awaited->job) ? NULL : first;
    facts.children = awaited->children;
    facts.children_open = awaited->open;
    facts.no_room_ms = upkeep_no_room_ms(host);
    if (jobs_live(host, &job->spec.id, &live)) {
        facts.state = JOB_RUNNING;
    }
    if (lane != NULL) {
        dispatch_lane_facts(host, lane, &facts);
        breakers_facts(lane, job, &facts);
        const struct attempt *a = attempt_find(host, &job->spec.id);
        if (a != NULL) {
            slots_facts(lane, a, &facts);
        }
    }
    explain_others(explain_lane(stats, job), job, &facts);
    char spooled[320];
    if (job->spooled) {
        (void)snprintf(spooled, sizeof spooled, "%s%sthe job is on this host only, until it has it",
                       facts.store_fault == NULL ? "" : facts.store_fault,
                       facts.store_fault == NULL ? "" : "; ");
        facts.store_fault = spooled;
    }
    return evaluate(&facts, env_wall_ms(&host->env), ret_reasons, cap);
}

unsigned jobs_explain_queue(struct host *host, const char *queue, const struct store_stats *stats,
                            struct reason *ret_reasons, unsigned cap) {
    unsigned n = 0;
    struct lane *lane, *next;
    (void)stats;
    HASH_ITER(hh, host->dispatch->lanes.lanes, lane, next) {
        if (strcmp(lane->queue->name, queue) != 0) {
            continue;
        }
        struct job_facts facts = {.state = JOB_QUEUED};
        struct reason reasons[REASON_COUNT];
        dispatch_lane_facts(host, lane, &facts);
        unsigned found = evaluate(&facts, env_wall_ms(&host->env), reasons, REASON_COUNT);
        for (unsigned i = 0; i < found && i < REASON_COUNT; i++) {
            bool seen = false;
            for (unsigned k = 0; k < n && k < cap; k++) {
                seen = seen || (ret_reasons[k].code == reasons[i].code &&
                                strcmp(ret_reasons[k].detail, reasons[i].detail) == 0);
            }
            if (!seen && n < cap) {
                ret_reasons[n++] = reasons[i];
            }
        }
    }
    return n;
}

void jobs_waiting(struct host *host, const struct store_stats *stats, struct jobs_waiting *ret) {
    *ret = (struct jobs_waiting){.commits_pending = commits_pending(host)};
    for (size_t i = 0; stats != NULL && i < stats->lane_count; i++) {
        const struct store_lane_stats *s = &stats->lanes[i];
        struct lane *lane =
            i < JOBS_WAITING_LANES_MAX ? lane_find(host, s->lane.queue, s->lane.type) : NULL;
        if (lane == NULL) {
            ret->not_looked_at += s->waiting;
            continue;
        }
        struct job_facts facts = {.state = JOB_QUEUED};
        struct reason first;
        dispatch_lane_facts(host, lane, &facts);
        unsigned found = evaluate(&facts, env_wall_ms(&host->env), &first, 1);
        *(found == 0 ? &ret->startable : &ret->by_reason[first.code]) += s->waiting;
    }
}
