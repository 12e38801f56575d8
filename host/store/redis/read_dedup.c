#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/ops.h"
#include "store/redis/store_private.h"

// The queues in the order of their names, in each of them HSCAN of S.."keys". The cursor is
// "<queue> <cursor of HSCAN> <pairs of its answer that were listed>": one answer may have more than a
// page has room for.

enum {
    PAGE_MAX = 1000,
    SCAN_DIGITS = 20,
    REQUEST_MS = 2000, /* the deadline ends the page, not a request: that costs the connection */
};

struct keylist {
    struct redis_task task;
    struct redis_request request;
    struct redis_queue **queues;
    size_t queue_count, at;
    char scan[SCAN_DIGITS + 1]; /* of queues[at] */
    size_t skip;
};

static struct store_dedup_list *list_of(struct keylist *l) {
    return CONTAINER_OF(l->task.op, struct store_dedup_list, op);
}

static void fail(struct keylist *l, int r, const char *words) {
    redis_task_end(&l->task, err_set(&l->task.op->err, r, "%s", words), &l->task.op->err);
}

static void ask_server(struct keylist *l, redis_request_fn *done) {
    l->request.done = done;
    l->request.safe = true;
    redis_request_send(&l->task.store->cmd, &l->request, REQUEST_MS);
}

static void end_page(struct keylist *l) {
    struct store_dedup_list *list = list_of(l);
    list->next_cursor =
        arena_printf(&list->op.arena, "%s %s %zu", l->queues[l->at]->name, l->scan, l->skip);
    if (list->next_cursor == NULL) {
        fail(l, -ENOMEM, "out of memory");
        return;
    }
    redis_task_end(&l->task, 0, NULL);
}

static void on_keys(struct redis_request *rq, const struct redis_reply *reply, int r,
                    const struct err *e);

static void scan(struct keylist *l) {
    redis_request_begin(&l->request, "HSCAN");
    redis_args_printf(&l->request.args, "%skeys", l->queues[l->at]->structures);
    redis_args_text(&l->request.args, l->scan);
    redis_args_text(&l->request.args, "COUNT");
    redis_args_number(&l->request.args, list_of(l)->limit);
    ask_server(l, on_keys);
}

/* ------------------------------------------------------------------ entries */

// "<id>" or "<id> <unix ms>". False: neither, or its time is over.
static bool read_holder(struct bytes value, int64_t now_ms, struct store_dedup_entry *ret) {
    char id[JOB_ID_TEXT + 1];
    const char *text = value.data;
    ret->expires_ms = 0;
    if (value.len < JOB_ID_TEXT) {
        return false;
    }
    memcpy(id, text, JOB_ID_TEXT);
    id[JOB_ID_TEXT] = '\0';
    if (value.len > JOB_ID_TEXT) {
        char *end = NULL;
        errno = 0;
        ret->expires_ms = strtoll(text + JOB_ID_TEXT, &end, 10);
        if (text[JOB_ID_TEXT] != ' ' || errno != 0 || *end != '\0' || ret->expires_ms <= now_ms) {
            return false;
        }
    }
    return id_parse(id, &ret->id) == 0;
}

static int add(struct keylist *l, struct bytes key, struct bytes value) {
    struct store_dedup_list *list = list_of(l);
    struct store_dedup_entry *entry = &list->entries[list->count];
    if (!read_holder(value, list->op.now_ms, entry)) {
        return 0;
    }
    entry->queue = arena_str(&list->op.arena, l->queues[l->at]->name);
    entry->key = arena_strn(&list->op.arena, key.data, key.len);
    list->count++;
    return entry->queue == NULL || entry->key == NULL ? -ENOMEM : 0;
}

// The answer from `skip` on. 1 = the page is full before its end.
static int take_pairs(struct keylist *l, const struct redis_reply *pairs) {
    struct store_dedup_list *list = list_of(l);
    for (; 2 * l->skip + 1 < pairs->count; l->skip++) {
        if (list->count == list->limit) {
            return 1;
        }
        int r = add(l, redis_reply_text(&pairs->items[2 * l->skip]),
                    redis_reply_text(&pairs->items[2 * l->skip + 1]));
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static bool is_number(const char *text) {
    size_t len = strlen(text);
    return len > 0 && len <= SCAN_DIGITS && strspn(text, "0123456789") == len;
}

static void on_keys(struct redis_request *rq, const struct redis_reply *reply, int r,
                    const struct err *e) {
    struct keylist *l = CONTAINER_OF(rq, struct keylist, request);
    const struct redis_reply *next = redis_reply_at(reply, 0), *pairs = redis_reply_at(reply, 1);
    if (r < 0) {
        redis_task_end(&l->task, r, e);
        return;
    }
    if (!redis_reply_is(next, REDIS_STRING) || !redis_reply_is(pairs, REDIS_ARRAY) ||
        !is_number(next->text.data)) {
        fail(l, -EPROTO, "the server's answer to HSCAN is none");
        return;
    }
    r = take_pairs(l, pairs);
    if (r < 0) {
        fail(l, r, "out of memory");
        return;
    }
    if (r == 0) {
        (void)snprintf(l->scan, sizeof l->scan, "%s", (const char *)next->text.data);
        l->skip = 0;
        l->at += strcmp(l->scan, "0") == 0;
    }
    if (l->at == l->queue_count) {
        redis_task_end(&l->task, 0, NULL);
    } else if (list_of(l)->count == list_of(l)->limit || redis_task_left(&l->task) <= 1) {
        end_page(l);
    } else {
        scan(l);
    }
}

/* ------------------------------------------------------------------ beginning */

static int by_name(const void *x, const void *y) {
    return strcmp((*(struct redis_queue *const *)x)->name, (*(struct redis_queue *const *)y)->name);
}

static int choose_queues(struct keylist *l, const char *only) {
    size_t n = 0;
    l->queues = redis_store_queues(l->task.store, &l->task.op->arena, &l->queue_count);
    if (l->queues == NULL && l->queue_count > 0) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < l->queue_count; i++) {
        if (only == NULL || strcmp(only, l->queues[i]->name) == 0) {
            l->queues[n++] = l->queues[i];
        }
    }
    l->queue_count = n;
    if (n > 0) {
        qsort(l->queues, n, sizeof(struct redis_queue *), by_name);
    }
    return 0;
}

// Finds where the cursor points; a queue that is gone: the one behind it. False: it is no cursor.
static bool read_cursor(struct keylist *l, const char *cursor) {
    char queue[JOB_QUEUE_MAX + 1], skip[SCAN_DIGITS + 1], end;
    (void)snprintf(l->scan, sizeof l->scan, "0");
    if (cursor == NULL) {
        return true;
    }
    if (sscanf(cursor, "%64s %20[0-9] %20[0-9]%c", queue, l->scan, skip, &end) != 3 ||
        strlen(skip) > 6 || job_check_queue(queue, NULL) < 0) {
        return false;
    }
    errno = 0;
    (void)strtoull(l->scan, NULL, 10);
    if (errno != 0) {
        return false;
    }
    while (l->at < l->queue_count && strcmp(l->queues[l->at]->name, queue) < 0) {
        l->at++;
    }
    if (l->at < l->queue_count && strcmp(l->queues[l->at]->name, queue) == 0) {
        l->skip = strtoul(skip, NULL, 10);
    } else {
        (void)snprintf(l->scan, sizeof l->scan, "0");
    }
    return true;
}

static void on_queues(struct redis_request *rq, const struct redis_reply *reply, int r,
                      const struct err *e) {
    struct keylist *l = CONTAINER_OF(rq, struct keylist, request);
    struct store_dedup_list *list = list_of(l);
    if (r < 0) {
        redis_task_end(&l->task, r, e);
        return;
    }
    (void)redis_queues_learn(&l->task.store->queues, reply, NULL); // told when it connected
    if (choose_queues(l, list->queue) < 0) {
        fail(l, -ENOMEM, "out of memory");
    } else if (!read_cursor(l, list->cursor)) {
        fail(l, -EINVAL, "the cursor is not one of this store's");
    } else if (l->at == l->queue_count) {
        redis_task_end(&l->task, 0, NULL);
    } else {
        scan(l);
    }
}

static void run(struct redis_task *t) {
    struct keylist *l = CONTAINER_OF(t, struct keylist, task);
    struct store_dedup_list *list = list_of(l);
    list->count = 0;
    list->entries = NULL;
    list->next_cursor = NULL;
    if (list->limit < 1 || list->limit > PAGE_MAX) {
        fail(l, -EINVAL, "limit must be 1 to 1000");
        return;
    }
    list->entries = arena_alloc(&t->op->arena, list->limit * sizeof *list->entries);
    if (list->entries == NULL) {
        fail(l, -ENOMEM, "out of memory");
        return;
    }
    redis_request_begin(&l->request, "HGETALL");
    redis_args_text(&l->request.args, "jh:queues");
    ask_server(l, on_queues);
}

static void finish(struct redis_task *t) {
    redis_request_finish(&CONTAINER_OF(t, struct keylist, task)->request);
}

const struct redis_op_kind redis_dedup_list = {
    .run = run, .size = sizeof(struct keylist), .finish = finish};
