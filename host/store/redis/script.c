#include "store/redis/script.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { MARKS_MAX = 2048 }; // those beyond take turns, which is no harm
enum { AGAIN_MS = 20, AGAIN_MAX_MS = 500 };

#define X(name) [REDIS_SCRIPT_##name] = #name,
static const char *const names[] = {REDIS_SCRIPTS(X)};
#undef X
#define X(name) [REDIS_SCRIPT_##name] = redis_lua_##name,
static const char *const texts[] = {REDIS_SCRIPTS(X)};
#undef X

const char *redis_script_text(enum redis_script id) {
    return texts[id];
}

const char *redis_script_name(enum redis_script id) {
    return names[id];
}

int redis_scripts_init(struct redis_scripts *all) {
    for (size_t i = 0; i < REDIS_SCRIPT_COUNT; i++) {
        unsigned char sum[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        if (EVP_Digest(texts[i], strlen(texts[i]), sum, &len, EVP_sha1(), NULL) != 1) {
            return -ENOMEM;
        }
        for (unsigned k = 0; k < 20; k++) {
            (void)snprintf(all->sha[i] + (size_t)2 * k, 3, "%02x", sum[k]);
        }
    }
    return 0;
}

/* ---- building ---- */

void redis_request_begin(struct redis_request *rq, const char *command) {
    redis_args_clear(&rq->args);
    rq->script = REDIS_NO_SCRIPT_ID;
    rq->by_text = false;
    redis_args_text(&rq->args, command);
}

// "!2!5!": the numbers of those in which tenants do not take turns.
static void mark_lines(struct redis_queue *const *queues, size_t count, char marks[MARKS_MAX]) {
    size_t len = 0;
    for (size_t i = 0; i < count && len < MARKS_MAX - 16; i++) {
        if (queues[i]->one_line) {
            len += (size_t)snprintf(marks + len, MARKS_MAX - len, "%s%zu!", len == 0 ? "!" : "",
                                    i + 1);
        }
    }
}

void redis_request_script(struct redis_request *rq, enum redis_script id,
                          struct redis_queue *const *queues, size_t count, int64_t now_ms) {
    struct redis_args *a = &rq->args;
    redis_request_begin(rq, "EVALSHA");
    rq->script = id;
    redis_args_text(a, ""); // its name among the server's: known when it is sent
    redis_args_number(a, (int64_t)count * 3);
    for (size_t i = 0; i < count; i++) {
        redis_args_text(a, queues[i]->structures);
        redis_args_text(a, queues[i]->jobs);
        redis_args_text(a, queues[i]->normal);
    }
    const char *caller = count == 0 || queues[0]->caller == NULL ? "" : queues[0]->caller;
    char marks[MARKS_MAX] = "";
    mark_lines(queues, count, marks);
    if (*caller == '\0') {
        redis_args_printf(a, "%" PRId64 "%s", now_ms, marks);
    } else {
        redis_args_printf(a, "%" PRId64 "%s %s", now_ms, marks, caller);
    }
    for (size_t i = 0; i < count; i++) {
        redis_args_text(a, queues[i]->name);
    }
}

/* ---- answers ---- */

static void unlist(struct redis_request *rq) {
    if (rq->prev != NULL) {
        rq->prev->next = rq->next;
    } else if (rq->line->waiting == rq) {
        rq->line->waiting = rq->next;
    }
    if (rq->next != NULL) {
        rq->next->prev = rq->prev;
    }
    rq->prev = rq->next = NULL;
}

static void answer(struct redis_request *rq, const struct redis_reply *reply, int r,
                   const struct err *e) {
    redis_call_finish(&rq->call);
    rq->done(rq, reply, r, e);
}

static void attempt(struct redis_request *rq);

static void on_again(struct timer *t, void *arg) {
    struct redis_request *rq = arg;
    (void)t;
    unlist(rq);
    attempt(rq);
}

// 1 = it will be sent again.
static int later(struct redis_request *rq, int64_t in_ms) {
    int64_t now = env_mono_ms(rq->line->env);
    if (now + in_ms >= rq->until_ms) {
        return 0;
    }
    timer_init(&rq->again, on_again, rq);
    if (timer_set(rq->line->timers, &rq->again, now + in_ms) < 0) {
        return 0;
    }
    rq->prev = NULL;
    rq->next = rq->line->waiting;
    if (rq->next != NULL) {
        rq->next->prev = rq;
    }
    rq->line->waiting = rq;
    return 1;
}

static int errno_of(enum redis_class class) {
    switch (class) {
    case REDIS_NO_WRITES: return -EROFS;
    case REDIS_CREDENTIALS: return -EACCES;
    case REDIS_TEMPORARY:
    case REDIS_READONLY:
    case REDIS_NO_CLIENTS: return -EAGAIN;
    default: return -EPROTO;
    }
}

static void refused(struct redis_request *rq, const struct redis_answer *a) {
    bool passes = redis_class_passes(a->class) || a->class == REDIS_READONLY;
    if (a->class == REDIS_NO_SCRIPT && rq->script != REDIS_NO_SCRIPT_ID) {
        rq->by_text = true; // which also makes it known
        attempt(rq);
        return;
    }
    if (passes) {
        int64_t in = (int64_t)AGAIN_MS << (rq->tries < 5 ? rq->tries : 5);
        rq->tries++;
        if (later(rq, in < AGAIN_MAX_MS ? in : AGAIN_MAX_MS) != 0) {
            return;
        }
    }
    struct err e;
    char words[200];
    redis_answer_words(a, words, sizeof words);
    (void)err_set(&e, errno_of(a->class), "%s: %s: %s", rq->line->where,
                  rq->script == REDIS_NO_SCRIPT_ID ? rq->args.words[0] : names[rq->script], words);
    answer(rq, NULL, e.code, &e);
}

static void on_call(struct redis_call *call, const struct redis_answer *a) {
    struct redis_request *rq = CONTAINER_OF(call, struct redis_request, call);
    if (a->fate == REDIS_ANSWERED && a->class == REDIS_FINE) {
        answer(rq, a->reply, 0, NULL);
        return;
    }
    if (a->fate == REDIS_ANSWERED) {
        refused(rq, a);
        return;
    }
    struct err e = *a->err;
    int r = a->fate == REDIS_FAILED ? -ENOTCONN : a->class == REDIS_TIMEOUT ? -ETIMEDOUT : -EIO;
    e.code = r;
    answer(rq, NULL, r, &e);
}

/* ---- sending ---- */

// What cannot even be sent is answered from a timer: never from inside redis_request_send().
static void on_unsent(struct timer *t, void *arg) {
    struct redis_request *rq = arg;
    struct err e;
    int r = (int)rq->tries * -1;
    (void)t;
    unlist(rq);
    (void)err_set(&e, r, "%s: %s", rq->line->where,
                  r == -ENOTCONN ? "there is no connection"
                  : r == -EBUSY  ? "too many commands wait for their answers"
                  : r == -E2BIG  ? "a command is larger than this program sends"
                                 : "out of memory");
    answer(rq, NULL, r, &e);
}

static void unsent(struct redis_request *rq, int r) {
    rq->tries = (unsigned)-r;
    rq->until_ms = INT64_MAX;
    if (later(rq, 0) == 0) { // no memory for a timer: there is no other way to tell
        on_unsent(&rq->again, rq);
        return;
    }
    rq->again.fire = on_unsent;
}

static void attempt(struct redis_request *rq) {
    int64_t left = rq->until_ms - env_mono_ms(rq->line->env);
    if (rq->script != REDIS_NO_SCRIPT_ID && !rq->args.failed) {
        const char *what = rq->by_text ? texts[rq->script] : rq->line->scripts->sha[rq->script];
        rq->args.words[0] = rq->by_text ? "EVAL" : "EVALSHA";
        rq->args.lens[0] = strlen(rq->args.words[0]);
        rq->args.words[1] = what;
        rq->args.lens[1] = strlen(what);
    }
    int r = redis_args_call(&rq->args, &rq->call);
    rq->call.done = on_call;
    rq->call.safe = rq->safe;
    rq->call.patient = rq->patient;
    rq->call.timeout_ms = left > 0 ? left : 1;
    r = r == 0 && rq->line->link == NULL ? -ENOTCONN : r; // it is being closed
    r = r == 0 ? redis_link_send(rq->line->link, &rq->call) : r;
    if (r != 0) {
        redis_call_finish(&rq->call);
        unsent(rq, r);
    }
}

void redis_request_send(struct redis_line *line, struct redis_request *rq, int64_t timeout_ms) {
    rq->line = line;
    rq->tries = 0;
    rq->until_ms = env_mono_ms(line->env) + timeout_ms;
    attempt(rq);
}

void redis_request_finish(struct redis_request *rq) {
    redis_call_finish(&rq->call);
    redis_args_free(&rq->args);
}

void redis_line_finish(struct redis_line *line) {
    struct err e;
    (void)err_set(&e, -EIO, "%s: the store is being closed", line->where);
    while (line->waiting != NULL) {
        struct redis_request *rq = line->waiting;
        timer_cancel(line->timers, &rq->again);
        unlist(rq);
        answer(rq, NULL, -EIO, &e);
    }
}
