#define _GNU_SOURCE // REG_RIP

#include "worker/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#include "record/messages.h"
#include "worker/call.h"
#include "worker/sender.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CRASH_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CRASH_SANITIZED 1
#endif
#endif

#ifdef CRASH_SANITIZED

void crash_install(int sock) {
    (void)sock;
}

void crash_watch_thread(struct call *call) {
    (void)call;
}

void crash_unwatch_thread(void) {
}

#else

enum { CRASH_STACK = 64 * 1024, CRASH_WAIT_MS = 100 };

// A signal handler has no argument of ours, so these are the only file-scope variables of the
// worker.
static int crash_sock = -1, crash_statm = -1; // the second: /proc's words on our memory
static uint64_t crash_page_bytes;
static _Thread_local struct call *crash_call;
static _Thread_local void *crash_stack;

static uint64_t program_counter(const void *context) {
    const ucontext_t *u = context;
#if defined(__x86_64__)
    return (uint64_t)u->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return u->uc_mcontext.pc;
#else
    (void)u;
    return 0;
#endif
}

// "size resident ...", in pages. Nothing of stdio is allowed here.
static uint64_t resident(void) {
    char text[64];
    ssize_t len = pread(crash_statm, text, sizeof text, 0);
    ssize_t i = 0;
    uint64_t pages = 0;
    while (i < len && text[i] != ' ') {
        i++;
    }
    for (i++; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        pages = pages * 10 + (uint64_t)(text[i] - '0');
    }
    return pages * crash_page_bytes;
}

static void send_last(const uint8_t *packet, size_t len) {
    for (int tries = 0; tries < 2; tries++) {
        if (send(crash_sock, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT) != -1 || errno != EAGAIN) {
            return;
        }
        struct pollfd p = {.fd = crash_sock, .events = POLLOUT};
        (void)poll(&p, 1, CRASH_WAIT_MS);
    }
}

// Only what POSIX allows in a handler: sends, polls, a read, atomics and arithmetic. record_send() is a
// sendmsg() and close().
static void on_crash(int sig, siginfo_t *info, void *context) {
    struct call *c = crash_call;
    uint64_t slot = 0;
    if (c != NULL) {
        slot = atomic_load_explicit(&c->slot, memory_order_relaxed);
        if (!atomic_exchange_explicit(&c->sender->busy, true, memory_order_acquire)) {
            (void)record_send(&c->sender->w, crash_sock);
        }
    }
    const struct msg_crash m = {
        .signal = sig,
        .si_code = info->si_code,
        .fault_address = (uint64_t)(uintptr_t)info->si_addr,
        .program_counter = program_counter(context),
        .rss = resident(),
    };
    uint8_t packet[MSG_CRASH_PACKET];
    msg_crash_packet(packet, slot, &m);
    send_last(packet, sizeof packet);
    // SA_RESETHAND has put the default back; it acts when this handler returns and unblocks the
    // signal.
    (void)raise(sig);
}

void crash_install(int sock) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGXCPU};
    crash_sock = sock;
    crash_statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC); // without it: not known
    crash_page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    struct sigaction sa = {.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND};
    sa.sa_sigaction = on_crash;
    (void)sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        (void)sigaction(signals[i], &sa, NULL);
    }
}

void crash_watch_thread(struct call *call) {
    crash_call = call;
    crash_stack = malloc(CRASH_STACK);
    if (crash_stack != NULL) {
        const stack_t stack = {.ss_sp = crash_stack, .ss_size = CRASH_STACK};
        (void)sigaltstack(&stack, NULL);
    }
}

void crash_unwatch_thread(void) {
    const stack_t none = {.ss_flags = SS_DISABLE};
    (void)sigaltstack(&none, NULL);
    free(crash_stack);
    crash_stack = NULL;
    crash_call = NULL;
}

#endif
