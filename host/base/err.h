/* Why a call failed, in words a user can act on.
 *
 * Functions return 0 (or a positive count) for success and a negative errno value for failure.
 * Those that can say more take a `struct err *` as last argument, which may be NULL; it is filled
 * once, where the failure is first seen, and left alone by everyone above. It is untouched on
 * success. Library code never logs: the caller that decides what to do about a failure logs it. */
#ifndef JOBHOST_BASE_ERR_H
#define JOBHOST_BASE_ERR_H

struct err {
    int code; /* the negative errno that was returned */
    char msg[384];
};

/* Fills *e (if not NULL) and returns `code`, so that a failure is one statement:
 *     return err_set(e, -ENOENT, "%s: no such plugin", name);                        */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, and appends ": " and the text of the errno value `code` stands for. */
int err_errno(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
