#define _GNU_SOURCE
#include "supervisor/autopsy.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

static const char *autopsy_signal(int sig) {
    const char *name = sigabbrev_np(sig);
    return name == NULL ? "?" : name;
}

static void autopsy_place(const struct worker *w, char *out, size_t cap) {
    const struct msg_crash *c = &w->crash;
    bool faults = // a signal that somebody sent (si_code <= 0) has no address
        c->si_code > 0 &&
        (c->signal == SIGSEGV || c->signal == SIGBUS || c->signal == SIGFPE || c->signal == SIGILL);
    int n =
        faults ? snprintf(out, cap, " at address 0x%llx", (unsigned long long)c->fault_address) : 0;
    if (c->program_counter >= w->load_begin && c->program_counter < w->load_end && n >= 0 &&
        (size_t)n < cap) {
        snprintf(out + n, cap - (size_t)n, ", code %s.so+0x%llx", w->pool->config->entry.name,
                 (unsigned long long)(c->program_counter - w->load_begin));
    }
}

/* What it was doing when it had not yet become ready; "" for one that had. */
static const char *autopsy_stage(const struct worker *w, int sig) {
    if (w->ready_mono_ms != 0) {
        return "";
    }
    if (w->load_end != 0) {
        return " in create()";
    }
    return sig == SIGBUS ? " while it was loaded: the file is truncated" : " while it was loaded";
}

static void autopsy_signalled(const struct worker *w, const char *who, char *out, size_t cap) {
    char place[128] = "";
    int sig = w->crashed ? w->crash.signal : WTERMSIG(w->wait_status);
    if (w->crashed) {
        autopsy_place(w, place, sizeof place);
    } else if (sig == SIGKILL) {
        snprintf(place, sizeof place, ", not sent by jobhost: out of memory, or killed by hand");
    }
    snprintf(out, cap, "%s killed by signal %d (SIG%s)%s%s", who, sig, autopsy_signal(sig), place,
             autopsy_stage(w, sig));
}

void autopsy_text(const struct worker *w, char *out, size_t cap) {
    char who[128];
    const char *build = w->pool->build;
    snprintf(who, sizeof who, "plugin %s%s%s", w->pool->config->entry.name,
             build[0] == '\0' ? "" : " ", build);
    bool told = w->killed_by_us || w->fail_text[0] != '\0';
    if (w->crashed || (!told && WIFSIGNALED(w->wait_status))) {
        autopsy_signalled(w, who, out, cap);
    } else if (w->killed_by_us) {
        snprintf(out, cap, "worker of %s killed by the host: %s%s%s", who, w->kill_why,
                 w->fail_text[0] == '\0' ? "" : ": ", w->fail_text);
    } else if (told) {
        snprintf(out, cap, "%s", w->fail_text);
    } else {
        snprintf(out, cap, "%s ended its process with exit status %d%s", who,
                 WEXITSTATUS(w->wait_status), autopsy_stage(w, 0));
    }
}

static bool autopsy_was_killed_from_outside(const struct worker *w) {
    return !w->crashed && !w->killed_by_us && WIFSIGNALED(w->wait_status) &&
           WTERMSIG(w->wait_status) == SIGKILL;
}

const char *autopsy_word(const struct worker *w) {
    if (w->said_bye) {
        return "drained";
    }
    if (w->for_a_job) {
        return "cancel";
    }
    if (autopsy_was_killed_from_outside(w)) {
        return "killed";
    }
    if (w->crashed || (!w->killed_by_us && WIFSIGNALED(w->wait_status))) {
        return "signal";
    }
    return w->killed_by_us ? "host" : w->fail_text[0] != '\0' ? "failed" : "exit";
}

bool autopsy_is_crash(const struct worker *w) {
    return !w->said_bye && !w->for_a_job && w->host->phase == HOST_RUNNING;
}

static void autopsy_stopped(struct attempt *a) {
    char text[160];
    int64_t deadline = a->job->spec.deadline_ms;
    bool late = (a->cancel_mask & JH_CANCEL_DEADLINE) != 0;
    if (late && deadline > 0 && deadline <= env_wall_ms(&a->host->env)) {
        snprintf(text, sizeof text,
                 "did not end before the job's deadline, nor when asked to stop; killed");
    } else if (late) {
        snprintf(text, sizeof text,
                 "did not end within its timeout of %lld ms, nor when asked to stop; killed",
                 (long long)a->job->spec.timeout_ms);
    } else {
        snprintf(text, sizeof text, "did not stop when asked to; killed");
    }
    attempt_end(a, ATTEMPT_RETURNED, text); // the cancel mask decides, as if it had returned
}

static void autopsy_started(struct worker *w, struct attempt *a, const char *text) {
    if (a->stop != STOP_NOT) {
        autopsy_stopped(a);
    } else if (w->host->phase != HOST_RUNNING) {
        attempt_end(a, ATTEMPT_DRAINED, text);
    } else if (w->for_a_job || (w->crashed && w->crash_slot != 0 && w->crash_slot != a->slot)) {
        attempt_end(a, ATTEMPT_NEIGHBOUR, text);
    } else if (autopsy_was_killed_from_outside(w)) {
        attempt_end(a, ATTEMPT_OOM, text);
    } else {
        attempt_end(a, ATTEMPT_CRASHED, text);
    }
}

void autopsy_settle(struct worker *w, const char *text) {
    struct host *host = w->host;
    struct attempt *a;
    // from the last, for each goes to the head of those that are held
    while ((a = TAILQ_LAST(&w->attempts, attempt_list)) != NULL) {
        int64_t since = env_mono_ms(&host->env);
        // after a breach nothing is believed, so what has been begun has not ended for us
        bool begun = worker_is_running(w, a, &since) || (w->distrusted && worker_has_begun(w, a));
        worker_forget(w, a);
        a->worker = NULL;
        if (!begun) {
            dispatch_return(a);
            continue;
        }
        attempt_begun(a, env_wall_ms(&host->env) - (env_mono_ms(&host->env) - since));
        autopsy_started(w, a, text);
    }
}
