#include "core/outcome.h"

#include <string.h>

_Static_assert((int)RETRY_CLASSES == JH_E_UNKNOWN + 1, "a rule for each class");

const struct outcome_class outcome_class_rows[JH_E_UNKNOWN + 1] = {
    [JH_E_NONE] = {"none", JH_RETRY, ATTEMPT_USED},
    [JH_E_INPUT] = {"input", JH_FAIL, ATTEMPT_USED},
    [JH_E_AUTH] = {"auth", JH_RETRY, ATTEMPT_USED},
    [JH_E_NETWORK] = {"network", JH_RETRY, ATTEMPT_USED},
    [JH_E_RATE] = {"rate", JH_YIELD, ATTEMPT_FREE},
    [JH_E_UPSTREAM] = {"upstream", JH_RETRY, ATTEMPT_USED},
    [JH_E_TIMEOUT] = {"timeout", JH_RETRY, ATTEMPT_USED},
    [JH_E_RESOURCE] = {"resource", JH_RETRY, ATTEMPT_FREE_THRICE},
    [JH_E_BUG] = {"bug", JH_RETRY, ATTEMPT_CRASH},
    [JH_E_PERMANENT] = {"permanent", JH_FAIL, ATTEMPT_USED},
    [JH_E_UNKNOWN] = {"unknown", JH_RETRY, ATTEMPT_USED},
};

static jh_class known_class(jh_class cls) {
    return cls >= JH_E_NONE && cls <= JH_E_UNKNOWN ? cls : JH_E_BUG;
}

const struct outcome_class *outcome_class(jh_class cls) {
    return &outcome_class_rows[known_class(cls)];
}

int outcome_class_from_name(const char *name) {
    for (int i = 0; i <= JH_E_UNKNOWN; i++) {
        if (strcmp(outcome_class_rows[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

bool outcome_class_backs_off(jh_class cls) {
    return cls != JH_E_NONE && outcome_class(cls)->status == JH_RETRY;
}

jh_status outcome_status(jh_class cls) {
    return outcome_class(cls)->status;
}

// ---- what the report amounts to

enum verdict {
    VERDICT_OK,
    VERDICT_CANCEL,
    VERDICT_RELEASE,
    VERDICT_YIELD,
    VERDICT_SKEW,
    VERDICT_LIMITED,
    VERDICT_BARRED,
    VERDICT_FAILURE
};

struct reading {
    enum verdict verdict;
    jh_class cls;
    const char *code;
    bool for_good; // a failure that gave no class, and asked not to be repeated
};

static struct reading read_return(const struct attempt_report *r) {
    if (r->over_disk) {
        return (struct reading){VERDICT_FAILURE, .cls = JH_E_RESOURCE, .code = "over_disk"};
    }
    if (r->stalled) {
        return (struct reading){VERDICT_FAILURE, .cls = JH_E_BUG, .code = "stalled"};
    }
    if ((r->cancelled & JH_CANCEL_DEADLINE) != 0) {
        return (struct reading){VERDICT_FAILURE, .cls = JH_E_TIMEOUT, .code = "timeout"};
    }
    if ((r->cancelled & JH_CANCEL_DRAIN) != 0 && r->status != JH_FAIL) {
        return (struct reading){VERDICT_RELEASE, .cls = JH_E_NONE};
    }
    jh_class cls = known_class(r->cls);
    switch (r->status) {
    case JH_YIELD: return (struct reading){VERDICT_YIELD, .cls = cls};
    case JH_RETRY:
    case JH_FAIL:
        return (struct reading){VERDICT_FAILURE, .cls = cls == JH_E_NONE ? JH_E_UNKNOWN : cls,
                                .for_good = cls == JH_E_NONE && r->status == JH_FAIL};
    default: // no status at all, or "cancelled" without a cancel
        return (struct reading){VERDICT_FAILURE, .cls = JH_E_BUG, .code = "bad_status"};
    }
}

static struct reading read_report(const struct attempt_report *r) {
    if (r->end == ATTEMPT_RETURNED && r->status == JH_OK) {
        return (struct reading){VERDICT_OK, .cls = JH_E_NONE};
    }
    if ((r->cancelled & JH_CANCEL_USER) != 0) {
        return (struct reading){VERDICT_CANCEL, .cls = JH_E_NONE};
    }
    switch (r->end) {
    case ATTEMPT_RETURNED: return read_return(r);
    case ATTEMPT_CRASHED:
        return (struct reading){VERDICT_FAILURE, .cls = JH_E_BUG, .code = "crash"};
    case ATTEMPT_OOM:
        return (struct reading){VERDICT_FAILURE, .cls = JH_E_RESOURCE, .code = "killed"};
    case ATTEMPT_SKEWED: return (struct reading){VERDICT_SKEW, .cls = JH_E_NONE};
    case ATTEMPT_LIMITED: return (struct reading){VERDICT_LIMITED, .cls = JH_E_NONE};
    case ATTEMPT_BARRED: return (struct reading){VERDICT_BARRED, .cls = JH_E_NONE};
    case ATTEMPT_NEIGHBOUR:
    case ATTEMPT_UNSTARTED:
    case ATTEMPT_DRAINED: break;
    }
    return (struct reading){VERDICT_RELEASE, .cls = JH_E_NONE};
}

// ---- what becomes of the job

static void die(struct outcome *o, jh_class cls, const char *code) {
    *o = (struct outcome){.event = JOB_EV_DIE, .cls = cls, .after = o->after, .code = code};
}

static void run_again(struct outcome *o, enum job_event event, enum park_reason park,
                      int64_t run_at_ms, int64_t deadline_ms) {
    if (deadline_ms != 0 && run_at_ms > deadline_ms) {
        die(o, o->cls == JH_E_NONE ? JH_E_TIMEOUT : o->cls, "deadline");
        return;
    }
    o->event = event;
    o->park = park;
    o->run_at_ms = run_at_ms;
}

static bool count_yield(struct outcome *o) {
    if (o->after.yields >= JOB_MAX_YIELDS) {
        die(o, JH_E_BUG, "max_yields");
        return false;
    }
    o->after.yields++;
    return true;
}

// What a wait that is for no time is for; PARK_NONE: it is for a time, or none that there is.
static enum park_reason waits_for(int32_t wait_kind) {
    switch (wait_kind) {
    case JH_WAIT_EVENT: return PARK_EVENT;
    case JH_WAIT_CHILDREN: return PARK_CHILDREN;
    case JH_WAIT_LIMITER: return PARK_LIMITER;
    case OUTCOME_WAIT_OPERATOR: return PARK_NEEDS_OPERATOR;
    default: return PARK_NONE;
    }
}

static void decide_yield(struct outcome *o, const struct attempt_report *r, int64_t deadline_ms,
                         int64_t now_ms) {
    enum park_reason reason = waits_for(r->wait_kind);
    if (!count_yield(o)) {
        return;
    }
    if (reason != PARK_NONE) {
        // What it waits for may come in time; if it does not, the job's deadline ends the wait.
        bool endless = r->wake_at_ms == 0 || r->wake_at_ms > deadline_ms;
        o->event = JOB_EV_PARK;
        o->park = reason;
        o->run_at_ms = deadline_ms != 0 && endless ? deadline_ms : r->wake_at_ms;
    } else if (r->wait_kind == JH_WAIT_UNTIL && r->wake_at_ms > now_ms) {
        run_again(o, JOB_EV_PARK, PARK_TIME, r->wake_at_ms, deadline_ms);
    } else {
        o->event = JOB_EV_RELEASE;
    }
}

// Code that resumes its steps may come in time; if it does not, the job's deadline ends the wait.
static void decide_skew(struct outcome *o, enum skew skew, int64_t deadline_ms) {
    if (skew == SKEW_FAIL) {
        die(o, JH_E_PERMANENT, "state_version");
    } else if (skew == SKEW_RESTART || skew == SKEW_NONE) {
        o->event = JOB_EV_RELEASE;
        o->drop_steps = skew == SKEW_RESTART;
    } else {
        o->event = JOB_EV_PARK;
        o->park = skew == SKEW_PIN ? PARK_PIN_UNAVAILABLE : PARK_STATE_VERSION;
        o->run_at_ms = deadline_ms;
    }
}

// Books the failure and says how many of its kind there have been, which is what the back-off goes
// by.
static int32_t count_failure(struct job_counters *c, enum attempt_use use) {
    switch (use) {
    case ATTEMPT_CRASH: return ++c->crashes;
    case ATTEMPT_FREE_THRICE:
        if (c->resource < OUTCOME_RESOURCE_FREE) {
            return ++c->resource;
        }
        break;
    case ATTEMPT_FREE: return c->attempts + 1;
    case ATTEMPT_USED: break;
    }
    return ++c->attempts;
}

static void decide_failure(struct outcome *o, const struct reading *reading,
                           const struct attempt_report *r, const struct retry_policy *all,
                           int64_t deadline_ms, uint64_t seed, int64_t now_ms) {
    const struct outcome_class *row = outcome_class(o->cls);
    const struct retry_policy policy = retry_of_class(all, o->cls);
    int32_t n = count_failure(&o->after, row->use);
    if (row->status == JH_FAIL || reading->for_good) {
        die(o, o->cls, reading->code);
        return;
    }
    if (o->after.crashes >= policy.crashes && row->use == ATTEMPT_CRASH) {
        die(o, o->cls, "quarantined");
        return;
    }
    if (o->after.attempts >= policy.max) {
        die(o, o->cls, "attempts_exhausted");
        return;
    }
    int64_t delay_ms = retry_delay_ms(&policy, n, seed, r->retry_after_ms);
    if (row->status == JH_YIELD) {
        if (count_yield(o)) { // the other side has said how long: no back-off on top of that
            bool sooner = r->retry_after_ms > 0 && r->retry_after_ms < delay_ms;
            delay_ms = sooner ? r->retry_after_ms : delay_ms;
            run_again(o, JOB_EV_PARK, PARK_TIME, now_ms + delay_ms, deadline_ms);
        }
        return;
    }
    run_again(o, JOB_EV_RETRY, PARK_NONE, now_ms + delay_ms, deadline_ms);
}

struct outcome outcome_decide(const struct attempt_report *report,
                              const struct job_counters *before, const struct retry_policy *policy,
                              int64_t deadline_ms, uint64_t seed, int64_t now_ms) {
    struct reading reading = read_report(report);
    struct outcome o = {.cls = reading.cls, .after = *before, .code = reading.code};
    if (attempt_was_begun(report)) {
        o.after.executions++;
        o.after.crashes = report->new_build ? 0 : o.after.crashes;
    }
    switch (reading.verdict) {
    case VERDICT_OK:
        o.event = JOB_EV_SUCCEED;
        o.after.attempts++;
        break;
    case VERDICT_CANCEL: o.event = JOB_EV_CANCEL; break;
    case VERDICT_RELEASE: o.event = JOB_EV_RELEASE; break;
    case VERDICT_SKEW: decide_skew(&o, report->skew, deadline_ms); break;
    case VERDICT_LIMITED:
    case VERDICT_BARRED:
        o.event = JOB_EV_PARK;
        o.park = reading.verdict == VERDICT_BARRED ? PARK_BREAKER : PARK_LIMITER;
        o.run_at_ms =
            deadline_ms != 0 && report->wake_at_ms > deadline_ms ? deadline_ms : report->wake_at_ms;
        break;
    case VERDICT_YIELD:
        if (reading.cls == JH_E_RATE && report->wait_kind == JH_WAIT_NOW) {
            // fail(RATE) returned this status: the class row says how long
            decide_failure(&o, &reading, report, policy, deadline_ms, seed, now_ms);
        } else {
            decide_yield(&o, report, deadline_ms, now_ms);
        }
        break;
    case VERDICT_FAILURE:
        decide_failure(&o, &reading, report, policy, deadline_ms, seed, now_ms);
        break;
    }
    return o;
}
