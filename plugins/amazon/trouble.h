/* Why a job cannot go on: filled once, where it is seen, and carried to the handler's end.
 * Functions that can fail return 0, or -1 with the trouble filled. */
#ifndef AMAZON_TROUBLE_H
#define AMAZON_TROUBLE_H

#include <stdarg.h>
#include <stdio.h>

enum trouble_kind {
    TROUBLE_NONE = 0,
    TROUBLE_INPUT,    /* the payload or a file is wrong, and will be tomorrow      */
    TROUBLE_RESOURCE, /* this machine: disk, memory, a file that cannot be read    */
    TROUBLE_STOPPED,  /* asked to stop                                             */
    TROUBLE_BUG,      /* a broken invariant of ours                                */
};

struct trouble {
    enum trouble_kind kind;
    const char *code; /* short machine word; a literal */
    char text[640];   /* what, where, what to do       */
};

/* Fills `t` and returns -1. */
__attribute__((format(printf, 4, 5))) static inline int
trouble_set(struct trouble *t, enum trouble_kind kind, const char *code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(t->text, sizeof t->text, format, args);
    va_end(args);
    t->kind = kind;
    t->code = code;
    return -1;
}

static inline int trouble_no_memory(struct trouble *t) {
    return trouble_set(t, TROUBLE_RESOURCE, "no_memory", "out of memory");
}

#endif
