#include "redis/call.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A part takes its length in digits and 5 bytes more; the formatter counts in int. */
static bool fits(int argc, const char **argv, const size_t *lens) {
    size_t sum = 16;
    for (int i = 0; i < argc; i++) {
        size_t len = lens == NULL ? strlen(argv[i]) : lens[i];
        if (len > REDIS_CALL_BYTES_MAX || sum > REDIS_CALL_BYTES_MAX - len) {
            return false;
        }
        sum += len + 16;
    }
    return sum <= REDIS_CALL_BYTES_MAX;
}

int redis_call_set(struct redis_call *call, int argc, const char **argv, const size_t *lens) {
    redis_call_finish(call);
    if (!fits(argc, argv, lens)) {
        return -E2BIG;
    }
    int len = redisFormatCommandArgv(&call->wire, argc, argv, lens);
    if (len < 0) {
        call->wire = NULL;
        return -ENOMEM;
    }
    call->wire_len = (size_t)len;
    call->subscribes = strcmp(argv[0], "SUBSCRIBE") == 0;
    return 0;
}

int redis_call_words(struct redis_call *call, const char *first, ...) {
    const char *argv[8];
    int argc = 0;
    va_list ap;
    va_start(ap, first);
    for (const char *word = first; word != NULL && argc < (int)ARRAY_LEN(argv);
         word = va_arg(ap, const char *)) {
        argv[argc++] = word;
    }
    va_end(ap);
    return redis_call_set(call, argc, argv, NULL);
}

void redis_call_finish(struct redis_call *call) {
    redisFreeCommand(call->wire);
    call->wire = NULL;
    call->wire_len = 0;
}

void redis_answer_words(const struct redis_answer *answer, char *out, size_t cap) {
    if (answer->err != NULL) {
        (void)snprintf(out, cap, "%s", answer->err->msg);
    } else if (redis_reply_is(answer->reply, REDIS_ERROR)) {
        (void)snprintf(out, cap, "%.*s", (int)answer->reply->text.len,
                       (const char *)answer->reply->text.data);
    } else {
        (void)snprintf(out, cap, "an answer of another kind than expected");
    }
    for (char *p = out; *p != '\0'; p++) {
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
    }
}

void redis_calls_add(struct redis_calls *all, struct redis_call *call) {
    call->next = NULL;
    if (all->head == NULL) {
        all->head = call;
    } else {
        all->tail->next = call;
    }
    all->tail = call;
    all->count++;
    all->bytes += call->wire_len;
}

struct redis_call *redis_calls_take(struct redis_calls *all) {
    struct redis_call *call = all->head;
    if (call != NULL) {
        all->head = call->next;
        all->count--;
        all->bytes -= call->wire_len;
    }
    return call;
}

void redis_calls_fail(struct redis_calls *all, enum redis_class class, const struct err *err) {
    for (struct redis_call *call = redis_calls_take(all); call != NULL;
         call = redis_calls_take(all)) {
        call->done(call,
                   &(struct redis_answer){.fate = call->may_have_run ? REDIS_UNKNOWN : REDIS_FAILED,
                                          .class = class,
                                          .err = err});
    }
}
