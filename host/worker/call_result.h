/* The result grows in this process and is sent once, with the end of the attempt: small ones
 * inline, others as a sealed memfd. */
#ifndef JOBHOST_WORKER_CALL_RESULT_H
#define JOBHOST_WORKER_CALL_RESULT_H

#include <stdint.h>

#include "jobhost_plugin.h"

struct call;

int call_result_add(struct jh_call *pub, struct jh_bytes chunk);
/* The blob extension's share. */
int call_result_fd(struct jh_call *pub, int fd, const char *content_type);
int call_result_type(struct jh_call *pub, const char *content_type);

/* A memfd of the caller's with all that is in the plugin's file: fd, -EFBIG over `max` bytes, or
 * another negative errno. */
int call_result_copy(int fd, uint64_t max, uint64_t *ret_size);

/* Writes RESULT and RESULT_TYPE if there is anything. With sender->lock held. 0 or a negative
 * errno. */
int call_result_put(struct call *c);
void call_result_finish(struct call *c);

#endif
