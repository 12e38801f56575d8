#include "store/sqlite/inlet.h"

#include <errno.h>

int inlet_init(struct inlet *in) {
    *in = (struct inlet){.head = NULL};
    if (pthread_mutex_init(&in->lock, NULL) != 0) {
        return -ENOMEM;
    }
    if (pthread_cond_init(&in->arrived, NULL) != 0) {
        (void)pthread_mutex_destroy(&in->lock);
        return -ENOMEM;
    }
    return 0;
}

void inlet_finish(struct inlet *in) {
    (void)pthread_cond_destroy(&in->arrived);
    (void)pthread_mutex_destroy(&in->lock);
}

bool inlet_add(struct inlet *in, struct store_op *op, bool *ret_first) {
    op->next = NULL;
    (void)pthread_mutex_lock(&in->lock);
    bool open = !in->stopping;
    bool was_empty = in->head == NULL;
    if (open) {
        if (was_empty) {
            in->head = op;
        } else {
            in->tail->next = op;
        }
        in->tail = op;
    }
    (void)pthread_mutex_unlock(&in->lock);
    *ret_first = open && was_empty;
    return open;
}

void inlet_wake(struct inlet *in) {
    (void)pthread_cond_signal(&in->arrived);
}

bool inlet_post(struct inlet *in, struct store_op *op) {
    bool first;
    bool open = inlet_add(in, op, &first);
    if (first) {
        inlet_wake(in);
    }
    return open;
}

struct store_op *inlet_take(struct inlet *in, size_t (*weight)(const struct store_op *op),
                            size_t max) {
    (void)pthread_mutex_lock(&in->lock);
    while (in->head == NULL && !in->stopping) {
        (void)pthread_cond_wait(&in->arrived, &in->lock);
    }
    struct store_op *first = in->head, *last = NULL;
    for (size_t sum = 0; in->head != NULL; in->head = in->head->next) {
        sum += weight(in->head);
        if (last != NULL && sum > max) {
            break;
        }
        last = in->head;
    }
    if (last != NULL) {
        last->next = NULL;
    }
    (void)pthread_mutex_unlock(&in->lock);
    return first;
}

bool inlet_is_empty(struct inlet *in) {
    (void)pthread_mutex_lock(&in->lock);
    bool empty = in->head == NULL;
    (void)pthread_mutex_unlock(&in->lock);
    return empty;
}

bool inlet_is_stopping(struct inlet *in) {
    (void)pthread_mutex_lock(&in->lock);
    bool stopping = in->stopping;
    (void)pthread_mutex_unlock(&in->lock);
    return stopping;
}

void inlet_stop(struct inlet *in) {
    (void)pthread_mutex_lock(&in->lock);
    in->stopping = true;
    (void)pthread_mutex_unlock(&in->lock);
    (void)pthread_cond_signal(&in->arrived);
}

struct store_op *inlet_expire(struct inlet *in, int64_t now_mono_ms,
                              int64_t (*deadline)(const struct store_op *op), bool *ret_left) {
    struct store_op *late = NULL, **end = &late;
    (void)pthread_mutex_lock(&in->lock);
    struct store_op **at = &in->head;
    in->tail = NULL;
    while (*at != NULL) {
        struct store_op *op = *at;
        if (deadline(op) > now_mono_ms) {
            in->tail = op;
            at = &op->next;
            continue;
        }
        *at = op->next;
        op->next = NULL;
        *end = op;
        end = &op->next;
    }
    *ret_left = *ret_left || in->head != NULL;
    (void)pthread_mutex_unlock(&in->lock);
    return late;
}
