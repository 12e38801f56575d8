#define _GNU_SOURCE // close_range

#include "worker/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

// Handlers do not survive exec, but ignored signals and the mask do, and both may come from the
// supervisor or from whatever started it. Two are ignored on purpose: a plugin that writes to a
// closed connection gets EPIPE, and one whose file grows too large EFBIG.
static void reset_signals(void) {
    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction sa;
        if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN) {
            (void)signal(sig, SIG_DFL);
        }
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

// stdin reads nothing; what a plugin prints joins the log on stderr.
static int settle_descriptors(struct err *e) {
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null == -1 || dup2(null, STDIN_FILENO) == -1) {
        return err_errno(e, -errno, "cannot open /dev/null");
    }
    if (null != STDIN_FILENO) {
        (void)close(null);
    }
    if (dup2(STDERR_FILENO, STDOUT_FILENO) == -1) {
        return err_errno(e, -errno, "stderr is closed");
    }
    if (close_range(SETUP_PAGE_FD + 1, ~0u, 0) == -1 && errno != ENOSYS) {
        return err_errno(e, -errno, "cannot close inherited descriptors");
    }
    for (int fd = SETUP_SOCKET_FD; fd <= SETUP_PAGE_FD; fd++) {
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
            return err_errno(e, -errno, "descriptor %d is missing", fd);
        }
    }
    return 0;
}

int setup_process(pid_t parent, struct err *e) {
    reset_signals();
    int rc = settle_descriptors(e);
    if (rc < 0) {
        return rc;
    }
    // The group is what the supervisor kills, so that programs started by a plugin die with it. A
    // worker that leads a group already (started by hand) keeps it.
    (void)setsid();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1) {
        return err_errno(e, -errno, "cannot ask for death with the parent");
    }
    if (getppid() != parent) { // it died before the request took effect
        return err_set(e, -ESRCH, "parent process %ld is gone", (long)parent);
    }
    struct rlimit core = {0, 0}; // what is allowed at most stays, for a sandbox that allows it
    if (getrlimit(RLIMIT_CORE, &core) == -1) {
        return err_errno(e, -errno, "cannot ask for the limits");
    }
    core.rlim_cur = 0;
    if (setrlimit(RLIMIT_CORE, &core) == -1) {
        return err_errno(e, -errno, "cannot switch off core dumps");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
        return err_errno(e, -errno, "cannot give up new privileges");
    }
    return 0;
}
