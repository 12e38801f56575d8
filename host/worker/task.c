#include "worker/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void describe_job(struct task *t) {
    const struct msg_job *m = &t->message;
    t->job = (struct jh_job){
        .size = sizeof t->job,
        .attempt = m->attempt,
        .id = m->id,
        .handler = t->handler->name,
        .dedup_key = m->dedup_key,
        .content_type = m->content_type,
        .payload = {m->payload.data.data, m->payload.data.len},
        .deadline_ms = m->deadline_ms,
        .steps_version = m->steps_version,
        .input_count = m->input_count,
        .queue = m->queue,
        .tenant = m->tenant,
        .labels = m->labels,
        .flow_id = m->flow_id,
        .nominal_ms = m->nominal_ms,
        .first_run_ms = m->first_run_ms,
        .seed = m->seed,
    };
}

static int map_payload(struct task *t) {
    struct msg_bytes *payload = &t->message.payload;
    if (!payload->by_fd) {
        return 0;
    }
    int rc = record_is_memfd(payload->fd, payload->data.len) ? 0 : -EBADMSG;
    if (rc == 0 && payload->data.len > 0) {
        payload->data.data = record_map(payload->fd, payload->data.len);
        t->mapped = payload->data.data != NULL;
        rc = t->mapped ? 0 : -ENOMEM;
    }
    msg_bytes_close(payload);
    payload->by_fd = false;
    return rc;
}

int task_new(struct record *r, const struct manifest *m, struct task **ret) {
    // The packet's memory is used again for the next packet, so the body is copied and decoded
    // there.
    size_t len = (size_t)(r->end - r->body);
    struct task *t = malloc(sizeof *t + len);
    if (t == NULL) {
        return -ENOMEM;
    }
    memset(t, 0, sizeof *t);
    memcpy(t->body, r->body, len);
    struct record copy = *r;
    copy.body = t->body;
    copy.end = t->body + len;
    t->slot = r->h.job;
    int rc = msg_job_get(&copy, &t->arena, &t->message);
    if (rc < 0) {
        task_free(t);
        return rc;
    }
    if (t->message.handler >= m->plugin.handler_count || t->slot == 0) {
        rc = -EBADMSG;
    } else {
        t->handler = &m->handlers[t->message.handler];
        rc = map_payload(t);
    }
    if (rc < 0) {
        task_free(t);
        return rc;
    }
    describe_job(t);
    *ret = t;
    return 0;
}

void task_free(struct task *t) {
    if (t == NULL) {
        return;
    }
    if (t->mapped) {
        (void)munmap((void *)t->message.payload.data.data, t->message.payload.data.len);
    }
    msg_bytes_close(&t->message.payload);
    arena_free(&t->arena);
    free(t);
}

bool task_is_query(const struct task *t) {
    return (t->handler->flags & JH_HANDLER_QUERY) != 0;
}

static bool is_concurrent(const struct task *t) {
    return (t->handler->flags & JH_HANDLER_CONCURRENT) != 0;
}

void task_queue_init(struct task_queue *q) {
    *q = (struct task_queue){0};
    TAILQ_INIT(&q->waiting);
}

void task_queue_add(struct task_queue *q, struct task *t) {
    TAILQ_INSERT_TAIL(&q->waiting, t, link);
}

bool task_queue_ready(const struct task_queue *q) {
    const struct task *t = TAILQ_FIRST(&q->waiting);
    if (t == NULL || q->held || q->exclusive) {
        return false;
    }
    return is_concurrent(t) || q->sharing == 0;
}

struct task *task_queue_take(struct task_queue *q) {
    if (!task_queue_ready(q)) {
        return NULL;
    }
    struct task *t = TAILQ_FIRST(&q->waiting);
    TAILQ_REMOVE(&q->waiting, t, link);
    if (is_concurrent(t)) {
        q->sharing++;
    } else {
        q->exclusive = true;
    }
    return t;
}

void task_queue_ran(struct task_queue *q, const struct task *t) {
    if (is_concurrent(t)) {
        q->sharing--;
    } else {
        q->exclusive = false;
    }
}

struct task *task_queue_recall(struct task_queue *q, uint64_t slot) {
    struct task *t;
    TAILQ_FOREACH(t, &q->waiting, link) {
        if (t->slot == slot) {
            TAILQ_REMOVE(&q->waiting, t, link);
            return t;
        }
    }
    return NULL;
}
