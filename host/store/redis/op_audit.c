#include <errno.h>
#include <string.h>

#include "store/filter.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"

// The STREAM jh:audit: a line has the fields at, actor, action, and target, detail, origin and outcome if it has them.

enum { LINES_KEPT = 10000, PAGE_MAX = 1000, LOOKED_AT = 1000 };

struct auditing {
    struct redis_task task;
    struct redis_request request;
};

static void ask_server(struct auditing *a, redis_request_fn *done) {
    a->request.done = done;
    a->request.safe = true;
    redis_request_send(&a->task.store->cmd, &a->request, redis_task_left(&a->task));
}

static void finish(struct redis_task *t) {
    redis_request_finish(&CONTAINER_OF(t, struct auditing, task)->request);
}

/* ------------------------------------------------------------------ adding */

static size_t put(struct redis_args *a, const char *name, const char *value) {
    if (value == NULL) {
        return 0;
    }
    redis_args_text(a, name);
    redis_args_text(a, value);
    return 2;
}

static void on_added(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    (void)reply;
    redis_task_end(&CONTAINER_OF(rq, struct auditing, request)->task, r, e);
}

static void run_add(struct redis_task *t) {
    struct auditing *a = CONTAINER_OF(t, struct auditing, task);
    const struct store_audit *entry = &CONTAINER_OF(t->op, struct store_audit_add, op)->entry;
    struct redis_args *args = &a->request.args;
    redis_request_script(&a->request, REDIS_SCRIPT_audit, NULL, 0, t->op->now_ms);
    redis_args_number(args, LINES_KEPT);
    size_t count = redis_args_hole(args), n = 2;
    redis_args_text(args, "at");
    redis_args_number(args, entry->at_ms);
    n += put(args, "actor", entry->actor);
    n += put(args, "action", entry->action);
    n += put(args, "target", entry->target);
    n += put(args, "detail", entry->detail);
    n += put(args, "origin", entry->origin);
    n += put(args, "outcome", entry->outcome);
    redis_args_fill(args, count, (int64_t)n);
    ask_server(a, on_added);
}

const struct redis_op_kind redis_audit_add = {
    .run = run_add, .size = sizeof(struct auditing), .mutates = true, .finish = finish};

/* ------------------------------------------------------------------ listing */

// One more than is looked at: is there a next page?
static size_t asked_for(const struct store_audit_list *list) {
    bool all = list->actor == NULL && list->action == NULL && list->target == NULL &&
               list->after_ms == 0 && list->before_ms == 0;
    return (all ? list->limit : (size_t)LOOKED_AT) + 1;
}

static int take_line(const struct redis_reply *line, struct arena *a, struct store_audit *ret) {
    const struct redis_reply *fields = redis_reply_at(line, 1);
    *ret = (struct store_audit){.at_ms = 0};
    (void)redis_reply_integer(redis_reply_field(fields, "at"), &ret->at_ms);
    int r = redis_reply_copy(fields, "actor", a, &ret->actor);
    r = r < 0 ? r : redis_reply_copy(fields, "action", a, &ret->action);
    r = r < 0 ? r : redis_reply_copy(fields, "target", a, &ret->target);
    r = r < 0 ? r : redis_reply_copy(fields, "detail", a, &ret->detail);
    r = r < 0 ? r : redis_reply_copy(fields, "origin", a, &ret->origin);
    return r < 0 ? r : redis_reply_copy(fields, "outcome", a, &ret->outcome);
}

// Those that are wanted, until the page is full; the cursor is the line looked at last.
static int take_lines(struct store_audit_list *list, const struct redis_reply *lines) {
    struct arena *a = &list->op.arena;
    size_t most = asked_for(list) - 1, at = 0;
    list->entries = arena_alloc(a, ((size_t)list->limit + 1) * sizeof *list->entries);
    int r = list->entries == NULL ? -ENOMEM : 0;
    for (; at < lines->count && at < most && list->count < list->limit && r == 0; at++) {
        struct store_audit *entry = &list->entries[list->count];
        r = take_line(&lines->items[at], a, entry);
        list->count += r == 0 && filter_matches_audit(list, entry);
    }
    if (r == 0 && at > 0 && at < lines->count) {
        struct bytes id = redis_reply_text(redis_reply_at(&lines->items[at - 1], 0));
        list->next_cursor = arena_strn(a, id.data, id.len);
        r = list->next_cursor == NULL ? -ENOMEM : 0;
    }
    return r;
}

static void on_lines(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct redis_task *t = &CONTAINER_OF(rq, struct auditing, request)->task;
    struct err words;
    if (r == 0 && redis_reply_is(reply, REDIS_ARRAY)) {
        r = take_lines(CONTAINER_OF(t->op, struct store_audit_list, op), reply);
        if (r < 0) {
            (void)err_set(&words, r, "out of memory");
            e = &words;
        }
    }
    redis_task_end(t, r, e);
}

// "ms-seq", as streams have it.
static bool is_cursor(const char *text) {
    static const char digits[] = "0123456789";
    size_t ms = strspn(text, digits), seq = text[ms] == '-' ? strspn(text + ms + 1, digits) : 0;
    return ms > 0 && ms <= 20 && seq > 0 && seq <= 20 && text[ms + 1 + seq] == '\0';
}

static void run_list(struct redis_task *t) {
    struct auditing *a = CONTAINER_OF(t, struct auditing, task);
    struct store_audit_list *list = CONTAINER_OF(t->op, struct store_audit_list, op);
    struct redis_args *args = &a->request.args;
    list->count = 0;
    list->entries = NULL;
    list->next_cursor = NULL;
    int r = 0;
    if (list->limit < 1 || list->limit > PAGE_MAX) {
        r = err_set(&t->op->err, -EINVAL, "limit must be 1 to %d", PAGE_MAX);
    } else if (list->cursor != NULL && !is_cursor(list->cursor)) {
        r = err_set(&t->op->err, -EINVAL, "the cursor is not one of this store's");
    }
    if (r < 0) {
        redis_task_end(t, r, &t->op->err);
        return;
    }
    redis_request_begin(&a->request, "XREVRANGE");
    redis_args_text(args, "jh:audit");
    if (list->cursor == NULL) {
        redis_args_text(args, "+");
    } else {
        redis_args_printf(args, "(%s", list->cursor);
    }
    redis_args_text(args, "-");
    redis_args_text(args, "COUNT");
    redis_args_number(args, (int64_t)asked_for(list));
    ask_server(a, on_lines);
}

const struct redis_op_kind redis_audit_list = {
    .run = run_list, .size = sizeof(struct auditing), .finish = finish};
