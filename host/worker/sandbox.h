/* Containment of this process: what SANDBOX asks for, put in force before a thread is started and
 * before the plugin is loaded, in this order:
 *
 *     limits (setrlimit) ─▶ Landlock: files, ports, signals ─▶ seccomp: system calls
 *
 * Each part that this kernel does not have, or refuses, is left out and said so: a part is never a
 * reason not to work. What it is for, and what it does not do: docs/sandbox.md. */
#ifndef JOBHOST_WORKER_SANDBOX_H
#define JOBHOST_WORKER_SANDBOX_H

#include <stdint.h>

#include "record/messages.h"

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

/* The parts, for tests of one at a time. */
void sandbox_limits(const struct msg_sandbox *m, struct sandbox_notes *notes);

/* For the parts. */
void sandbox_note(struct sandbox_notes *notes, const char *facility, uint32_t state,
                  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
