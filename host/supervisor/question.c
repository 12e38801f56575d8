#include "supervisor/question.h"

#include <errno.h>
#include <unistd.h>

#include "supervisor/pool_private.h"
#include "supervisor/query_worker.h"

void question_begin(struct question *q, struct worker *w, struct attempt *a, uint32_t request) {
    a->asking = true;
    *q = (struct question){
        .host = w->host, .pool = w->pool, .pid = w->pid, .slot = a->slot, .request = request};
}

/* The generation stays until the answer is there. */
void question_begin_query(struct question *q, struct worker *w, struct query *query,
                          uint32_t request) {
    query->asking = true;
    pool_hold(w->pool);
    *q = (struct question){.host = w->host,
                           .pool = w->pool,
                           .pid = w->pid,
                           .slot = query->slot,
                           .request = request,
                           .of_query = true};
}

struct worker *question_worker(const struct question *q) {
    struct worker *w;
    TAILQ_FOREACH(w, &q->pool->workers, link) {
        if (w->pid == q->pid && worker_slot(w, q->slot) != NULL) {
            return w;
        }
    }
    return NULL;
}

struct attempt *question_attempt(const struct question *q) {
    struct worker *w = question_worker(q);
    return w == NULL ? NULL : worker_slot(w, q->slot);
}

static void send_answer(struct worker *w, uint64_t slot, uint32_t request,
                        struct question_answer *answer) {
    size_t inline_len = answer->value.len > RECORD_INLINE_MAX ? 0 : answer->value.len;
    struct record_writer *out = worker_out(w, inline_len);
    struct msg_value m = {.request = request, .status = answer->status, .number = answer->number};
    if (answer->fd >= 0) {
        m.value =
            (struct msg_bytes){.data = {NULL, answer->fd_size}, .by_fd = true, .fd = answer->fd};
    } else {
        m.value.data = answer->value;
    }
    int r = out == NULL ? -EPIPE : msg_value_put(out, slot, &m);
    if (r == 0) {
        answer->fd = -1;      // taken
    } else if (out != NULL) { // the handler waits for something
        (void)msg_value_put(out, slot, &(struct msg_value){.request = request, .status = r});
    }
}

/* It asks nothing any more. NULL: it is gone. */
static struct worker *take_asker(const struct question *q) {
    struct worker *w = q->of_query ? NULL : question_worker(q);
    const struct querier *k = q->pool->querier;
    if (w != NULL) {
        worker_slot(w, q->slot)->asking = false;
    } else if (q->of_query && k != NULL && k->worker->pid == q->pid) {
        struct query *query = querier_slot(k->worker, q->slot);
        w = query == NULL ? NULL : k->worker;
        if (query != NULL) {
            query->asking = false;
        }
    }
    return w;
}

void question_answer(const struct question *q, struct question_answer *answer) {
    struct worker *w = take_asker(q);
    if (w != NULL) {
        send_answer(w, q->slot, q->request, answer);
    }
    if (q->of_query) {
        pool_release(q->pool);
    }
    if (answer->fd >= 0) {
        (void)close(answer->fd);
        answer->fd = -1;
    }
}

void question_refuse(struct worker *w, const struct attempt *a, uint32_t request, int status) {
    send_answer(w, a->slot, request, &(struct question_answer){.status = status, .fd = -1});
}
