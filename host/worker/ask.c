#include "worker/ask.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "worker/receive.h"
#include "worker/state.h"

struct ask_mapping {
    struct ask_mapping *next;
    const void *data;
    size_t len;
};

static void expect(struct call *c, bool commit, uint32_t number, struct buf *into) {
    (void)pthread_mutex_lock(&c->worker->lock);
    c->answer =
        (struct answer){.wanted = true, .commit = commit, .number = number, .fd = -1, .into = into};
    (void)pthread_mutex_unlock(&c->worker->lock);
}

static bool has_answer(const struct runner *r) {
    return r->call.answer.arrived;
}

static int await(struct call *c, struct answer *ret) {
    struct worker *w = c->worker;
    (void)pthread_mutex_lock(&w->lock);
    int rc = receive_wait(w, c->runner, has_answer, -1);
    *ret = c->answer;
    c->answer = (struct answer){.fd = -1};
    (void)pthread_mutex_unlock(&w->lock);
    return rc;
}

int ask_commit(struct call *c) {
    uint32_t number = c->commit_no + 1;
    expect(c, true, number, NULL);
    sender_lock(c->sender);
    if (c->progress.pending) {
        call_put_progress(c, env_stopwatch_us());
    }
    int rc;
    do {
        record_begin(&c->sender->w, REC_COMMIT, c->task->slot);
        record_u32(&c->sender->w, number);
        rc = record_end(&c->sender->w);
    } while (sender_again(c->sender, &rc));
    if (rc == 0) {
        rc = sender_flush(c->sender);
    }
    sender_unlock(c->sender);
    struct answer a = {.fd = -1};
    if (rc == 0) {
        rc = await(c, &a);
    }
    if (rc < 0) {
        return rc;
    }
    if (a.status == 0) {
        c->commit_no = number;
    }
    return a.status;
}

int ask_value(struct call *c, enum record_get what, const char *key, struct bytes member,
              struct answer *ret) {
    const struct msg_get m = {
        .request = ++c->requests, .what = what, .key = key, .member = {.data = member}};
    expect(c, false, m.request, NULL);
    sender_lock(c->sender);
    int rc;
    do {
        rc = msg_get_put(&c->sender->w, c->task->slot, &m);
    } while (sender_again(c->sender, &rc));
    if (rc == 0) {
        rc = sender_flush(c->sender);
    }
    sender_unlock(c->sender);
    return rc < 0 ? rc : await(c, ret);
}

int ask_limit(struct call *c, struct msg_limit *m, struct answer *ret) {
    m->request = ++c->requests;
    expect(c, false, m->request, NULL);
    sender_lock(c->sender);
    int rc;
    do {
        rc = msg_limit_put(&c->sender->w, c->task->slot, m);
    } while (sender_again(c->sender, &rc));
    if (rc == 0) {
        rc = sender_flush(c->sender);
    }
    sender_unlock(c->sender);
    return rc < 0 ? rc : await(c, ret);
}

int ask_flow(struct call *c, struct msg_flow *m, struct buf *into, struct answer *ret) {
    m->request = ++c->requests;
    expect(c, false, m->request, into);
    sender_lock(c->sender);
    int rc;
    do {
        rc = msg_flow_put(&c->sender->w, c->task->slot, m);
    } while (sender_again(c->sender, &rc));
    if (rc == 0) {
        rc = sender_flush(c->sender);
    }
    sender_unlock(c->sender);
    ret->fd = -1;
    return rc < 0 ? rc : await(c, ret);
}

int ask_output(struct call *c, struct msg_output *m, struct answer *ret) {
    m->request = ++c->requests;
    expect(c, false, m->request, NULL);
    sender_lock(c->sender);
    int rc;
    do {
        rc = msg_output_put(&c->sender->w, c->task->slot, m);
    } while (sender_again(c->sender, &rc));
    bool taken = rc == 0;
    if (rc == 0) {
        rc = sender_flush(c->sender);
    }
    sender_unlock(c->sender);
    if (taken) {
        m->content = (struct msg_bytes){.fd = -1};
    }
    return rc < 0 ? rc : await(c, ret);
}

int ask_map(struct call *c, struct answer *answer) {
    if (answer->fd == -1) {
        return 0;
    }
    if (answer->value.len == 0) {
        (void)close(answer->fd);
        answer->fd = -1;
        return 0;
    }
    struct ask_mapping *m = arena_alloc(&c->arena, sizeof *m);
    const void *data = m == NULL ? NULL : record_map(answer->fd, answer->value.len);
    (void)close(answer->fd);
    answer->fd = -1;
    if (data == NULL) {
        return -ENOMEM;
    }
    *m = (struct ask_mapping){c->mappings, data, answer->value.len};
    c->mappings = m;
    answer->value.data = data;
    return 0;
}

void ask_unmap(struct call *c) {
    for (; c->mappings != NULL; c->mappings = c->mappings->next) {
        (void)munmap((void *)c->mappings->data, c->mappings->len);
    }
}
