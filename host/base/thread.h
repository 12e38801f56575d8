/* Threads of the host. They get no signals: those are the loop's, and one that a thread took while the loop holds them back would
 * be heard by nobody. */
#ifndef JOBHOST_BASE_THREAD_H
#define JOBHOST_BASE_THREAD_H

#include <pthread.h>

/* `attr` may be NULL. 0 or negative errno. */
int thread_start(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *), void *arg);

#endif
