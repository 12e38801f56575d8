/* System calls that no handler has a use for are refused, by a filter that the kernel runs before
 * each call:
 *
 *     architecture ─▶ number ─▶ rule: this number [and this argument]? ─▶ errno
 *                               ... the next rule ...                  ─▶ allowed
 *
 * A list of what is refused and not of what is allowed: the C library changes which calls it makes
 * from release to release, and a worker must not die of an upgrade. Refused with an errno and not by
 * a signal: libraries that only try something (io_uring, clone3) take their other way, and others
 * say in words what they were not allowed to do. Programs that a plugin runs inherit the filter. */
#define _GNU_SOURCE // CLONE_*
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "worker/sandbox.h"

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
enum { FILTER_OTHER_ABI = 0x40000000 }; // x32: the same numbers with this bit
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
enum { FILTER_OTHER_ABI = 0 };
#endif

#ifdef FILTER_ARCH

// of the kernel's headers, where those of the system are older
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
enum { PROTOCOL_MPTCP = 262, FAMILY_SMC = 43 };

enum rule_when { ALWAYS, WITHOUT_EXEC, WITHOUT_NET, WITH_PORTS };
enum rule_test { ANY_CALL, ARG_IS, ARG_IS_PARENT, ARG_IS_PARENTS_GROUP, ARG_HAS, ARG_LACKS };

struct rule {
    uint32_t call;
    int error;
    enum rule_when when;
    enum rule_test test;
    uint32_t arg, value; // the lower half of that argument
};

enum {
    NEW_NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                     CLONE_NEWPID | CLONE_NEWNET
};

static const struct rule rules[] = {
    // other processes: to look into them, to stop the supervisor, to leave the group that dies
    {.call = SYS_ptrace, .error = EPERM},
    {.call = SYS_process_vm_readv, .error = EPERM},
    {.call = SYS_process_vm_writev, .error = EPERM},
    {.call = SYS_process_madvise, .error = EPERM},
    {.call = SYS_pidfd_getfd, .error = EPERM},
    {.call = SYS_kcmp, .error = EPERM},
    {.call = SYS_setsid, .error = EPERM},
    {.call = SYS_setpgid, .error = EPERM},
    {.call = SYS_kill, .error = EPERM, .test = ARG_IS, .value = UINT32_MAX}, // everybody
    {.call = SYS_kill, .error = EPERM, .test = ARG_IS_PARENT},
    {.call = SYS_kill, .error = EPERM, .test = ARG_IS_PARENTS_GROUP},
    {.call = SYS_tgkill, .error = EPERM, .test = ARG_IS_PARENT},
    {.call = SYS_tkill, .error = EPERM, .test = ARG_IS_PARENT},
    {.call = SYS_rt_sigqueueinfo, .error = EPERM, .test = ARG_IS_PARENT},
    {.call = SYS_rt_tgsigqueueinfo, .error = EPERM, .test = ARG_IS_PARENT},
    {.call = SYS_pidfd_open, .error = EPERM, .test = ARG_IS_PARENT},
    {.call = SYS_prlimit64, .error = EPERM, .test = ARG_IS_PARENT},

    // mounts and namespaces
    {.call = SYS_mount, .error = EPERM},
    {.call = SYS_umount2, .error = EPERM},
    {.call = SYS_pivot_root, .error = EPERM},
    {.call = SYS_chroot, .error = EPERM},
    {.call = SYS_move_mount, .error = EPERM},
    {.call = SYS_open_tree, .error = EPERM},
    {.call = SYS_fsopen, .error = EPERM},
    {.call = SYS_fsconfig, .error = EPERM},
    {.call = SYS_fsmount, .error = EPERM},
    {.call = SYS_fspick, .error = EPERM},
    {.call = SYS_mount_setattr, .error = EPERM},
    {.call = SYS_open_by_handle_at, .error = EPERM},
    {.call = SYS_unshare, .error = EPERM},
    {.call = SYS_setns, .error = EPERM},
    {.call = SYS_clone, .error = EPERM, .test = ARG_HAS, .value = NEW_NAMESPACES},
    // its flags lie in memory, where no filter sees them; the C library then uses clone()
    {.call = SYS_clone3, .error = ENOSYS},

    // the machine
    {.call = SYS_init_module, .error = EPERM},
    {.call = SYS_finit_module, .error = EPERM},
    {.call = SYS_delete_module, .error = EPERM},
    {.call = SYS_kexec_load, .error = EPERM},
    {.call = SYS_kexec_file_load, .error = EPERM},
    {.call = SYS_reboot, .error = EPERM},
    {.call = SYS_swapon, .error = EPERM},
    {.call = SYS_swapoff, .error = EPERM},
    {.call = SYS_acct, .error = EPERM},
    {.call = SYS_quotactl, .error = EPERM},
    {.call = SYS_quotactl_fd, .error = EPERM},
    {.call = SYS_settimeofday, .error = EPERM},
    {.call = SYS_clock_settime, .error = EPERM},
    {.call = SYS_adjtimex, .error = EPERM},
    {.call = SYS_clock_adjtime, .error = EPERM},
    {.call = SYS_sethostname, .error = EPERM},
    {.call = SYS_setdomainname, .error = EPERM},
    {.call = SYS_syslog, .error = EPERM},
    {.call = SYS_vhangup, .error = EPERM},
    {.call = SYS_fanotify_init, .error = EPERM},
#ifdef __x86_64__
    {.call = SYS_iopl, .error = EPERM},
    {.call = SYS_ioperm, .error = EPERM},
#endif

    // large parts of the kernel that handlers do without; io_uring would go round this filter
    {.call = SYS_bpf, .error = EPERM},
    {.call = SYS_perf_event_open, .error = EPERM},
    {.call = SYS_userfaultfd, .error = EPERM},
    {.call = SYS_keyctl, .error = EPERM},
    {.call = SYS_add_key, .error = EPERM},
    {.call = SYS_request_key, .error = EPERM},
    {.call = SYS_io_uring_setup, .error = ENOSYS},
    {.call = SYS_io_uring_enter, .error = ENOSYS},
    {.call = SYS_io_uring_register, .error = ENOSYS},

    // who may run no program has no use for a second process either
    {.call = SYS_execve, .error = EPERM, .when = WITHOUT_EXEC},
    {.call = SYS_execveat, .error = EPERM, .when = WITHOUT_EXEC},
#ifdef __x86_64__
    {.call = SYS_fork, .error = EPERM, .when = WITHOUT_EXEC},
    {.call = SYS_vfork, .error = EPERM, .when = WITHOUT_EXEC},
#endif
    {.call = SYS_clone,
     .error = EPERM,
     .when = WITHOUT_EXEC,
     .test = ARG_LACKS,
     .value = CLONE_THREAD},

    {.call = SYS_socket, .error = EACCES, .when = WITHOUT_NET, .test = ARG_IS, .value = AF_INET},
    {.call = SYS_socket, .error = EACCES, .when = WITHOUT_NET, .test = ARG_IS, .value = AF_INET6},
    {.call = SYS_socket, .error = EACCES, .when = WITHOUT_NET, .test = ARG_IS, .value = AF_PACKET},
    {.call = SYS_socket, .error = EACCES, .when = WITHOUT_NET, .test = ARG_IS, .value = AF_VSOCK},
    {.call = SYS_socket, .error = EACCES, .when = WITHOUT_NET, .test = ARG_IS, .value = FAMILY_SMC},

    // ways to a port that Landlock does not see; the errors are those of kernels without them, after which libraries use TCP
    {.call = SYS_socket,
     .error = EPROTONOSUPPORT,
     .when = WITH_PORTS,
     .test = ARG_IS,
     .arg = 2,
     .value = PROTOCOL_MPTCP},
    {.call = SYS_socket,
     .error = EAFNOSUPPORT,
     .when = WITH_PORTS,
     .test = ARG_IS,
     .value = FAMILY_SMC},
    {.call = SYS_sendto,
     .error = EOPNOTSUPP,
     .when = WITH_PORTS,
     .test = ARG_HAS,
     .arg = 3,
     .value = MSG_FASTOPEN},
    {.call = SYS_sendmsg,
     .error = EOPNOTSUPP,
     .when = WITH_PORTS,
     .test = ARG_HAS,
     .arg = 2,
     .value = MSG_FASTOPEN},
    {.call = SYS_sendmmsg,
     .error = EOPNOTSUPP,
     .when = WITH_PORTS,
     .test = ARG_HAS,
     .arg = 3,
     .value = MSG_FASTOPEN},
};

enum { FILTER_HEAD = 6, FILTER_RULE = 5 }; // instructions, at most
struct filter {
    struct sock_filter code[FILTER_HEAD + ARRAY_LEN(rules) * FILTER_RULE + 1];
    unsigned short len;
};

static void put_statement(struct filter *f, unsigned code, uint32_t k) {
    f->code[f->len++] = (struct sock_filter)BPF_STMT((unsigned short)code, k);
}

static void put_jump(struct filter *f, unsigned code, uint32_t k, unsigned yes, unsigned no) {
    f->code[f->len++] = (struct sock_filter)BPF_JUMP((unsigned short)code, k, (unsigned char)yes,
                                                     (unsigned char)no);
}

static void put_refusal(struct filter *f, int error) {
    put_statement(f, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error);
}

// Leaves the call's number in the accumulator.
static void put_head(struct filter *f) {
    put_statement(f, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    put_jump(f, BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0);
    put_refusal(f, ENOSYS);
    put_statement(f, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    if (FILTER_OTHER_ABI != 0) {
        put_jump(f, BPF_JMP | BPF_JGE | BPF_K, FILTER_OTHER_ABI, 0, 1);
        put_refusal(f, ENOSYS);
    }
}

// Both architectures are little-endian: the lower half of an argument comes first.
static void put_argument_rule(struct filter *f, const struct rule *r) {
    uint32_t value = r->test == ARG_IS_PARENT          ? (uint32_t)getppid()
                     : r->test == ARG_IS_PARENTS_GROUP ? (uint32_t)-getppid()
                                                       : r->value;
    bool bits = r->test == ARG_HAS || r->test == ARG_LACKS;
    bool refused_if = r->test != ARG_LACKS;
    put_jump(f, BPF_JMP | BPF_JEQ | BPF_K, r->call, 0, 4);
    put_statement(f, BPF_LD | BPF_W | BPF_ABS,
                  (uint32_t)(offsetof(struct seccomp_data, args) + r->arg * sizeof(uint64_t)));
    put_jump(f, BPF_JMP | BPF_K | (bits ? BPF_JSET : BPF_JEQ), value, refused_if ? 0 : 1,
             refused_if ? 1 : 0);
    put_refusal(f, r->error);
    put_statement(f, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
}

static void put_rule(struct filter *f, const struct rule *r) {
    if (r->test != ANY_CALL) {
        put_argument_rule(f, r);
        return;
    }
    put_jump(f, BPF_JMP | BPF_JEQ | BPF_K, r->call, 0, 1);
    put_refusal(f, r->error);
}

static void filter_build(struct filter *f, const bool holds[]) {
    f->len = 0;
    put_head(f);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (holds[rules[i].when]) {
            put_rule(f, &rules[i]);
        }
    }
    put_statement(f, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

// Older kernels slow a filtered process down against speculation attacks of one thread on another;
// what runs in it is one plugin's code, which has no secret from itself.
static int filter_load(struct filter *f) {
    struct sock_fprog program = {.len = f->len, .filter = f->code};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) ==
        0) {
        return 0;
    }
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == -1 ? -errno : 0;
}

static bool may_exec(const struct msg_sandbox *m) {
    for (uint32_t i = 0; i < m->path_count; i++) {
        if ((m->paths[i].rights & MSG_PATH_EXEC) != 0) {
            return true;
        }
    }
    return false;
}

bool sandbox_may_fork(const struct msg_sandbox *m) {
    bool filtered =
        (m->flags & MSG_SANDBOX_SECCOMP) != 0 && !SANDBOX_SANITIZED && prctl(PR_GET_SECCOMP) != -1;
    return !filtered || may_exec(m);
}

void sandbox_seccomp(const struct msg_sandbox *m, struct sandbox_notes *notes) {
    struct filter filter;
    bool exec = may_exec(m), net = (m->flags & MSG_SANDBOX_NO_NET) == 0;
    if ((m->flags & MSG_SANDBOX_SECCOMP) == 0) {
        sandbox_note(notes, "seccomp", MSG_NOTE_OFF, "switched off");
        return;
    }
    if (SANDBOX_SANITIZED) { // which looks for leaks with a process that traces this one
        sandbox_note(notes, "seccomp", MSG_NOTE_OFF, "not in builds with a sanitizer");
        return;
    }
    filter_build(&filter, (const bool[]){[ALWAYS] = true,
                                         [WITHOUT_EXEC] = !exec,
                                         [WITHOUT_NET] = !net,
                                         [WITH_PORTS] = m->port_count > 0});
    int r = filter_load(&filter);
    if (r < 0) {
        sandbox_note(notes, "seccomp", MSG_NOTE_DEGRADED, "not available: %s", strerror(-r));
    } else {
        sandbox_note(notes, "seccomp", MSG_NOTE_ON, "%s%s",
                     exec ? "programs may be run" : "no other programs", net ? "" : ", no network");
    }
}

#else

bool sandbox_may_fork(const struct msg_sandbox *m) {
    (void)m;
    return true;
}

void sandbox_seccomp(const struct msg_sandbox *m, struct sandbox_notes *notes) {
    bool wanted = (m->flags & MSG_SANDBOX_SECCOMP) != 0;
    sandbox_note(notes, "seccomp", wanted ? MSG_NOTE_DEGRADED : MSG_NOTE_OFF, "%s",
                 wanted ? "not available: no filter for this processor" : "switched off");
}

#endif
