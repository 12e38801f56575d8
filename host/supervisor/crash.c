#define _GNU_SOURCE // memrchr
#include "supervisor/crash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void crash_log_add(struct crash_log *log, const struct crash *crash) {
    struct crash *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        return;
    }
    *copy = *crash;
    if (log->count == CRASHES_KEPT) {
        free(log->items[--log->count]);
    }
    memmove(log->items + 1, log->items, log->count * sizeof(struct crash *));
    log->items[0] = copy;
    log->count++;
}

const struct crash *crash_log_find(const struct crash_log *log, const struct crash *like) {
    for (unsigned i = 0; i < log->count; i++) {
        if (log->items[i]->offset == like->offset &&
            strcmp(log->items[i]->build, like->build) == 0) {
            return log->items[i];
        }
    }
    return NULL;
}

void crash_log_finish(struct crash_log *log) {
    while (log->count > 0) {
        free(log->items[--log->count]);
    }
}

/* Whole lines from the end, as many as fit. */
static struct bytes crash_last_lines(struct bytes log) {
    const char *text = log.data;
    size_t from = log.len;
    for (int lines = 0; lines < CRASH_LOG_LINES && from > 0; lines++) {
        const char *end = memrchr(text, '\n', from - 1);
        size_t line = end == NULL ? 0 : (size_t)(end + 1 - text);
        if (log.len - line > CRASH_LOG_MAX) {
            break;
        }
        from = line;
    }
    return (struct bytes){text + from, log.len - from};
}

void crash_of_job(struct crash *crash, const struct job_spec *spec, const char *step,
                  struct bytes log) {
    struct bytes last = log.len == 0 ? log : crash_last_lines(log);
    crash->job = spec->id;
    (void)snprintf(crash->type, sizeof crash->type, "%s", spec->type);
    (void)snprintf(crash->step, sizeof crash->step, "%s", step == NULL ? "" : step);
    if (last.len > 0) {
        memcpy(crash->log, last.data, last.len);
    }
    crash->log[last.len] = '\0';
}

static const char *crash_text(const char *text) {
    return text[0] == '\0' ? NULL : text;
}

void crash_history(const struct crash *crash, struct store_crash *ret) {
    *ret = (struct store_crash){
        .signal = crash->signal,
        .address = crash->at_address ? crash->address : 0,
        .at_address = crash->at_address,
        .symbol = crash_text(crash->symbol),
        .code = crash_text(crash->code),
        .build_id = crash_text(crash->build_id),
        .step = crash_text(crash->step),
        .rss = crash->rss,
        .log = crash_text(crash->log),
    };
}
