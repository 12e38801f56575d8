// Leaves a child behind that outlives the job; its pid is the result.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tiny.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)job;
    pid_t pid = fork();
    if (pid == 0) {
        for (;;) {
            (void)pause();
        }
    }
    char text[32];
    (void)snprintf(text, sizeof text, "%ld", (long)pid);
    (void)c->host->result(c, (struct jh_bytes){text, strlen(text)});
    return JH_OK;
}

TINY_PLUGIN("forks-child", "1.0.0", run, 0);
