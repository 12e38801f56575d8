/* Containment of this process: what SANDBOX asks for, put in force before a thread is started and
 * before the plugin is loaded, in this order:
 *
 *     limits (setrlimit) ─▶ Landlock: files, ports, signals ─▶ seccomp: system calls
 *
 * Each part that this kernel does not have, or refuses, is left out and said so: a part is never a
 * reason not to work. What it is for, and what it does not do: docs/sandbox.md. */
#ifndef JOBHOST_WORKER_SANDBOX_H
#define JOBHOST_WORKER_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "record/messages.h"

/* Sanitizers do what no plugin should. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANDBOX_SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANDBOX_SANITIZED = 1 };
#else
enum { SANDBOX_SANITIZED = 0 };
#endif
#else
enum { SANDBOX_SANITIZED = 0 };
#endif

/* Coverage is written to files when the process ends. */
#ifdef JOBHOST_COVERAGE
enum { SANDBOX_COUNTED = 1 };
#else
enum { SANDBOX_COUNTED = 0 };
#endif

enum { SANDBOX_NOTES_MAX = 8, SANDBOX_NOTE_TEXT = 256 };

struct sandbox_note {
    const char *facility; /* a constant */
    uint32_t state;       /* MSG_NOTE_* */
    char text[SANDBOX_NOTE_TEXT];
};

struct sandbox_notes {
    uint32_t count;
    struct sandbox_note items[SANDBOX_NOTES_MAX];
};

/* Cannot be taken back. What came of each part is added to `notes`. */
void sandbox_enter(const struct msg_sandbox *m, struct sandbox_notes *notes);

/* The parts. */
void sandbox_limits(const struct msg_sandbox *m, struct sandbox_notes *notes);
void sandbox_landlock(const struct msg_sandbox *m, struct sandbox_notes *notes);
void sandbox_seccomp(const struct msg_sandbox *m, struct sandbox_notes *notes);

/* Will the plugin be able to have processes? True where that is not certain. */
bool sandbox_may_fork(const struct msg_sandbox *m);

/* For the parts. */
void sandbox_note(struct sandbox_notes *notes, const char *facility, uint32_t state,
                  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
