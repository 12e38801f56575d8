#include "worker/sandbox.h"

#include <stdarg.h>
#include <stdio.h>

void sandbox_note(struct sandbox_notes *notes, const char *facility, uint32_t state,
                  const char *fmt, ...) {
    if (notes->count == SANDBOX_NOTES_MAX) {
        return;
    }
    struct sandbox_note *note = &notes->items[notes->count++];
    *note = (struct sandbox_note){.facility = facility, .state = state};
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(note->text, sizeof note->text, fmt, ap);
    va_end(ap);
}

void sandbox_enter(const struct msg_sandbox *m, struct sandbox_notes *notes) {
    sandbox_limits(m, notes);
    sandbox_landlock(m, notes);
    sandbox_seccomp(m, notes); // last: it would refuse what the others do
}
