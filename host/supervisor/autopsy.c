#define _GNU_SOURCE
#include "supervisor/autopsy.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/crash.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

static const char *autopsy_signal(int sig) {
    const char *name = sigabbrev_np(sig);
    return name == NULL ? "?" : name;
}

static bool autopsy_has_address(const struct msg_crash *c) {
    return c->si_code > 0 && // a signal that somebody sent has none
           (c->signal == SIGSEGV || c->signal == SIGBUS || c->signal == SIGFPE ||
            c->signal == SIGILL);
}

/* Reads the snapshot, in the loop: a crash costs a new process anyway, and one place is looked up
 * once. */
static void autopsy_name(const struct worker *w, struct crash *crash) {
    const struct crash *known = crash_log_find(&w->pool->plugin->crash_log, crash);
    const char *path = w->pool->snapshot.path;
    if (known != NULL) {
        memcpy(crash->symbol, known->symbol, sizeof crash->symbol);
        memcpy(crash->build_id, known->build_id, sizeof crash->build_id);
        return;
    }
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return;
    }
    (void)elf_build_id(fd, crash->build_id);
    if (crash->offset != 0) {
        (void)elf_symbol(fd, crash->offset, crash->symbol, sizeof crash->symbol);
    }
    (void)close(fd);
}

static void autopsy_locate(const struct worker *w, struct crash *crash) {
    const struct msg_crash *c = &w->crash;
    if (!w->crashed) {
        return;
    }
    crash->at_address = autopsy_has_address(c);
    crash->address = c->fault_address;
    if (c->program_counter >= w->load_begin && c->program_counter < w->load_end) {
        crash->offset = c->program_counter - w->load_begin;
        snprintf(crash->code, sizeof crash->code, "%.64s.so+0x%llx", w->pool->config->entry.name,
                 (unsigned long long)crash->offset);
    }
}

static void autopsy_place(const struct crash *crash, char *out, size_t cap) {
    int n = crash->at_address
                ? snprintf(out, cap, " at address 0x%llx", (unsigned long long)crash->address)
                : 0;
    if (crash->symbol[0] != '\0') {
        snprintf(out + n, cap - (size_t)n, " in %s (%s)", crash->symbol, crash->code);
    } else if (crash->code[0] != '\0') {
        snprintf(out + n, cap - (size_t)n, " in %s", crash->code);
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

static void autopsy_signalled(const struct worker *w, const char *who, struct crash *crash) {
    char place[CRASH_SYMBOL_MAX + CRASH_CODE_MAX + 64] = "";
    if (w->crashed) {
        autopsy_place(crash, place, sizeof place);
    } else if (crash->signal == SIGKILL && w->over_memory) {
        snprintf(place, sizeof place, ", by the kernel: its plugin was over sandbox.memory");
    } else if (crash->signal == SIGKILL) {
        snprintf(place, sizeof place, ", not sent by jobhost: out of memory, or killed by hand");
    }
    snprintf(crash->message, sizeof crash->message, "%s killed by signal %d (SIG%s)%s%s", who,
             crash->signal, autopsy_signal(crash->signal), place, autopsy_stage(w, crash->signal));
}

static void autopsy_say(const struct worker *w, struct crash *crash) {
    char who[128];
    bool told = w->killed_by_us || w->fail_text[0] != '\0';
    snprintf(who, sizeof who, "plugin %s%s%s", w->pool->config->entry.name,
             crash->build[0] == '\0' ? "" : " ", crash->build);
    if (w->crashed || (!told && WIFSIGNALED(w->end.status))) {
        autopsy_signalled(w, who, crash);
    } else if (w->killed_by_us) {
        snprintf(crash->message, sizeof crash->message,
                 "worker of %s killed by the host: %s%s%.300s", who, w->kill_why,
                 w->fail_text[0] == '\0' ? "" : ": ", w->fail_text);
    } else if (told) {
        snprintf(crash->message, sizeof crash->message, "%s", w->fail_text);
    } else {
        snprintf(crash->message, sizeof crash->message,
                 "%s ended its process with exit status %d%s", who, WEXITSTATUS(w->end.status),
                 autopsy_stage(w, 0));
    }
}

void autopsy_examine(const struct worker *w, struct crash *ret) {
    *ret = (struct crash){.at_ms = env_wall_ms(&w->host->env),
                          .pid = (int32_t)w->pid,
                          .rss = w->crashed && w->crash.rss != 0 ? w->crash.rss : w->end.peak_rss};
    memcpy(ret->build, w->pool->build, sizeof ret->build);
    if (w->crashed) {
        ret->signal = w->crash.signal;
    } else if (!w->killed_by_us && WIFSIGNALED(w->end.status)) {
        ret->signal = WTERMSIG(w->end.status);
    }
    if (!w->said_bye && !w->for_a_job) {
        autopsy_locate(w, ret);
        autopsy_name(w, ret);
    }
    autopsy_say(w, ret);
}

static bool autopsy_was_killed_from_outside(const struct worker *w) {
    return !w->crashed && !w->killed_by_us && WIFSIGNALED(w->end.status) &&
           WTERMSIG(w->end.status) == SIGKILL;
}

/* By the kernel, most likely, or by us for max_rss. */
static bool autopsy_was_memory(const struct worker *w) {
    return w->for_memory || autopsy_was_killed_from_outside(w);
}

const char *autopsy_word(const struct worker *w) {
    if (w->said_bye || w->for_drain) {
        return "drained";
    }
    if (w->for_a_job) {
        return "cancel";
    }
    if (w->for_memory) {
        return "memory";
    }
    if (autopsy_was_killed_from_outside(w)) {
        return "killed";
    }
    if (w->crashed || (!w->killed_by_us && WIFSIGNALED(w->end.status))) {
        return "signal";
    }
    return w->killed_by_us ? "host" : w->fail_text[0] != '\0' ? "failed" : "exit";
}

bool autopsy_is_crash(const struct worker *w) {
    return !w->said_bye && !w->for_a_job && !w->for_drain && w->host->phase == HOST_RUNNING;
}

static void autopsy_stopped(struct attempt *a) {
    char text[160];
    int64_t deadline = a->job->spec.deadline_ms;
    bool late = (a->cancel_mask & JH_CANCEL_DEADLINE) != 0;
    if (a->over_disk) {
        snprintf(text, sizeof text,
                 "did not stop when asked to, while its plugin's data folder held more than "
                 "max_disk; killed");
    } else if (a->stalled) {
        snprintf(text, sizeof text,
                 "said nothing for %lld ms (stall), nor stopped when asked to; killed",
                 (long long)a->lane->config->stall_ms);
    } else if (late && deadline > 0 && deadline <= env_wall_ms(&a->host->env)) {
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

/* What is kept on the job; the plugin's record names the first. */
static void autopsy_charge(struct attempt *a, struct crash *crash) {
    struct crash *own = malloc(sizeof *own);
    if (own != NULL) {
        *own = *crash;
        crash_of_job(own, &a->job->spec, a->step, buf_bytes(&a->log));
        free(a->crash);
        a->crash = own;
    }
    if (id_is_zero(&crash->job)) {
        crash_of_job(crash, &a->job->spec, a->step, buf_bytes(&a->log));
    }
}

static void autopsy_started(struct worker *w, struct attempt *a, struct crash *crash) {
    bool drained = w->for_drain && (a->cancel_mask & ~(uint32_t)JH_CANCEL_DRAIN) == 0;
    if (a->stop != STOP_NOT && !drained) {
        autopsy_stopped(a);
    } else if (w->host->phase != HOST_RUNNING || drained) {
        attempt_end(a, ATTEMPT_DRAINED, crash->message);
    } else if (w->for_a_job || (w->crashed && w->crash_slot != 0 && w->crash_slot != a->slot)) {
        attempt_end(a, ATTEMPT_NEIGHBOUR, crash->message);
    } else {
        bool outside = autopsy_was_memory(w);
        autopsy_charge(a, crash);
        attempt_end(a, outside ? ATTEMPT_OOM : ATTEMPT_CRASHED, crash->message);
    }
}

static bool autopsy_found_running(const struct worker *w) {
    int64_t since;
    for (int64_t i = 0; i < w->pool->config->threads; i++) {
        if (worker_runs(w, i, &since) != NULL) {
            return true;
        }
    }
    return false;
}

/* Is what has begun, and of whose end nothing was heard, to be charged although it is not running?
 * After a breach nothing is believed. And where nothing was running, somebody must have wrecked the
 * process before it could tell of its own end, and would do it again. */
static bool autopsy_blames_ended(const struct worker *w) {
    return w->distrusted ||
           (autopsy_is_crash(w) && !autopsy_was_memory(w) && !autopsy_found_running(w));
}

void autopsy_settle(struct worker *w, struct crash *crash) {
    struct host *host = w->host;
    struct attempt *a;
    bool blame = autopsy_blames_ended(w);
    // from the last, for each goes to the head of those that are held
    while ((a = TAILQ_LAST(&w->attempts, attempt_list)) != NULL) {
        int64_t since = env_mono_ms(&host->env);
        bool begun = worker_is_running(w, a, &since) || (blame && worker_has_begun(w, a));
        worker_forget(w, a);
        a->worker = NULL;
        if (!begun) {
            dispatch_return(a);
            continue;
        }
        attempt_begun(a, env_wall_ms(&host->env) - (env_mono_ms(&host->env) - since));
        autopsy_started(w, a, crash);
    }
}
