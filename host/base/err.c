#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...) {
    if (e == NULL) {
        return code;
    }
    e->code = code;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    return code;
}

int err_errno(struct err *e, int code, const char *fmt, ...) {
    if (e == NULL) {
        return code;
    }
    e->code = code;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);

    char reason[128];
    if (strerror_r(code < 0 ? -code : code, reason, sizeof reason) != 0) {
        (void)snprintf(reason, sizeof reason, "error %d", code);
    }
    size_t used = strlen(e->msg);
    (void)snprintf(e->msg + used, sizeof e->msg - used, ": %s", reason);
    return code;
}
