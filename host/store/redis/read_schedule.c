/* SCHEDULE_LIST, LEDGER_LIST. */
#include <errno.h>
#include <string.h>

#include "store/redis/ask.h"
#include "store/redis/ops.h"
#include "store/schedules.h"

enum { PAGE_MAX = 1000 };

// False: the task has failed.
static bool check_page(struct redis_task *t, uint32_t limit) {
    if (limit >= 1 && limit <= PAGE_MAX) {
        return true;
    }
    redis_task_end(t, err_set(&t->op->err, -EINVAL, "limit must be 1 to %d", PAGE_MAX), NULL);
    return false;
}

static int no_memory(struct err *e) {
    return err_set(e, -ENOMEM, "out of memory");
}

struct text_field {
    const char *name;
    size_t offset;
};
struct number_field {
    const char *name;
    size_t offset; /* of an int64_t */
};

static int get_fields(const struct redis_reply *fields, const struct text_field *texts,
                      size_t text_count, const struct number_field *numbers, size_t number_count,
                      struct arena *a, void *ret) {
    int r = 0;
    for (size_t i = 0; i < text_count && r == 0; i++) {
        const char *text;
        r = redis_reply_copy(fields, texts[i].name, a, &text);
        memcpy((char *)ret + texts[i].offset, &text, sizeof text);
    }
    for (size_t i = 0; i < number_count; i++) {
        int64_t number = 0;
        (void)redis_reply_integer(redis_reply_field(fields, numbers[i].name), &number);
        memcpy((char *)ret + numbers[i].offset, &number, sizeof number);
    }
    return r;
}

/* ------------------------------------------------------------------ schedules */

#define OF(member) offsetof(struct store_schedule, member)
static const struct text_field schedule_texts[] = {{"revision", OF(revision)},
                                                   {"definition", OF(definition)},
                                                   {"by", OF(by)},
                                                   {"pausedBy", OF(paused_by)},
                                                   {"pausedWhy", OF(paused_why)}};
static const struct number_field schedule_numbers[] = {
    {"stored", OF(stored_ms)}, {"paused", OF(paused_ms)}, {"resumed", OF(resumed_ms)}};
#undef OF

static void read_jobs(const struct redis_reply *it, struct store_schedule *ret) {
    int64_t running = 0, waiting = 0;
    (void)redis_reply_integer(redis_reply_at(it, 4), &running);
    (void)redis_reply_integer(redis_reply_at(it, 5), &waiting);
    ret->running = (uint32_t)running;
    ret->waiting = (uint32_t)waiting;
    int state = job_state_from_name(redis_reply_text(redis_reply_at(it, 7)).data);
    if (state >= 0 && id_parse(redis_reply_text(redis_reply_at(it, 6)).data, &ret->job) == 0) {
        ret->job_state = (enum job_state)state;
    }
}

static void read_times(const struct redis_reply *fields, struct store_schedule *ret) {
    for (int v = 0; v < SCHEDULE_VERDICT_COUNT; v++) {
        int64_t times = 0;
        (void)redis_reply_integer(redis_reply_field(fields, schedule_verdict_name(v)), &times);
        ret->times[v] = (uint64_t)times;
    }
}

static int read_schedule(const struct redis_reply *it, struct arena *a,
                         struct store_schedule *ret) {
    const struct redis_reply *fields = redis_reply_at(it, 2);
    if (it->kind != REDIS_ARRAY || it->count != 8 || !redis_reply_is(fields, REDIS_ARRAY)) {
        return -EPROTO;
    }
    for (size_t i = 0; i < it->count; i++) { // texts, but for two numbers
        if (i != 2 && i != 4 && i != 5 && it->items[i].kind != REDIS_STRING) {
            return -EPROTO;
        }
    }
    struct bytes id = redis_reply_text(&it->items[0]), queue = redis_reply_text(&it->items[1]);
    *ret = (struct store_schedule){.id = arena_strn(a, id.data, id.len),
                                   .queue = arena_strn(a, queue.data, queue.len),
                                   .last_ms = SCHEDULE_NONE};
    int r = get_fields(fields, schedule_texts, ARRAY_LEN(schedule_texts), schedule_numbers,
                       ARRAY_LEN(schedule_numbers), a, ret);
    ret->api = redis_reply_field(fields, "api") != NULL;
    (void)redis_reply_integer(redis_reply_at(it, 3), &ret->last_ms); // '' is none
    read_jobs(it, ret);
    read_times(fields, ret);
    return r < 0 || ret->id == NULL || ret->queue == NULL ? -ENOMEM : 0;
}

static int on_schedules(struct redis_task *t, void *arg, const struct redis_reply *reply,
                        struct err *e) {
    struct store_schedule_list *list = arg;
    struct arena *a = &t->op->arena;
    const struct redis_reply *all = redis_reply_at(reply, 0);
    int64_t more;
    if (!redis_reply_is(all, REDIS_ARRAY) ||
        !redis_reply_integer(redis_reply_at(reply, 1), &more)) {
        return redis_ask_odd(t, e);
    }
    list->schedules = arena_alloc(a, (all->count + 1) * sizeof *list->schedules);
    int r = list->schedules == NULL ? -ENOMEM : 0;
    for (; r == 0 && list->count < all->count; list->count++) {
        r = read_schedule(&all->items[list->count], a, &list->schedules[list->count]);
    }
    if (r < 0) {
        return r == -ENOMEM ? no_memory(e) : redis_ask_odd(t, e);
    }
    if (list->id != NULL && list->count == 0) {
        return err_set(e, -ENOENT, "there is no schedule \"%s\"", list->id);
    }
    if (more != 0 && list->count > 0) {
        list->next_cursor = list->schedules[list->count - 1].id;
    }
    return 0;
}

static void run_schedules(struct redis_task *t) {
    struct store_schedule_list *list = CONTAINER_OF(t->op, struct store_schedule_list, op);
    list->count = 0;
    list->next_cursor = NULL;
    uint32_t limit = list->id != NULL ? 1 : list->limit;
    if (!check_page(t, limit)) {
        return;
    }
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_schedules, on_schedules, list);
    if (ask != NULL) {
        redis_args_text(&ask->request.args, list->id);
        redis_args_text(&ask->request.args, list->cursor);
        redis_args_number(&ask->request.args, limit);
        redis_ask_send(ask);
    }
}

const struct redis_op_kind redis_schedule_list = {.run = run_schedules,
                                                  .size = sizeof(struct redis_task)};

/* ------------------------------------------------------------------ the ledger */

#define OF(member) offsetof(struct store_ledger_row, member)
static const struct text_field row_texts[] = {
    {"revision", OF(revision)}, {"key", OF(key)}, {"reason", OF(reason)}};
static const struct number_field row_numbers[] = {
    {"nominal", OF(nominal_ms)}, {"last", OF(last_ms)}, {"actual", OF(actual_ms)}};
#undef OF

static int verdict_of(const struct redis_reply *name) {
    for (int v = 0; name != NULL && v < SCHEDULE_VERDICT_COUNT; v++) {
        if (strcmp(redis_reply_text(name).data, schedule_verdict_name(v)) == 0) {
            return v;
        }
    }
    return -1;
}

static int read_row(const struct redis_reply *entry, struct arena *a,
                    struct store_ledger_row *ret) {
    const struct redis_reply *fields = redis_reply_at(entry, 1);
    if (!redis_reply_is(fields, REDIS_ARRAY)) {
        return -EPROTO;
    }
    int64_t count = 0;
    *ret = (struct store_ledger_row){.count = 0};
    int r = get_fields(fields, row_texts, ARRAY_LEN(row_texts), row_numbers, ARRAY_LEN(row_numbers),
                       a, ret);
    int verdict = verdict_of(redis_reply_field(fields, "verdict"));
    const struct redis_reply *job = redis_reply_field(fields, "job");
    (void)redis_reply_integer(redis_reply_field(fields, "count"), &count);
    ret->count = (uint32_t)count;
    ret->missed = redis_reply_field(fields, "missed") != NULL;
    if (redis_reply_field(fields, "last") == NULL) { // it was made by hand
        ret->last_ms = ret->nominal_ms;
    }
    bool odd = verdict < 0 || ret->revision == NULL || ret->key == NULL ||
               (job != NULL && id_parse(redis_reply_text(job).data, &ret->job) != 0);
    ret->verdict = (enum schedule_verdict)(verdict < 0 ? 0 : verdict);
    return r < 0 ? r : odd ? -EPROTO : 0;
}

static int on_rows(struct redis_task *t, void *arg, const struct redis_reply *reply,
                   struct err *e) {
    struct store_ledger_list *list = arg;
    struct arena *a = &t->op->arena;
    const struct redis_reply *all = redis_reply_at(reply, 0), *cursor = redis_reply_at(reply, 1);
    if (redis_reply_is(reply, REDIS_ARRAY) && reply->count == 0) {
        return err_set(e, -ENOENT, "there is no schedule \"%s\"", list->schedule);
    }
    if (!redis_reply_is(all, REDIS_ARRAY) || !redis_reply_is(cursor, REDIS_STRING)) {
        return redis_ask_odd(t, e);
    }
    list->rows = arena_alloc(a, (all->count + 1) * sizeof *list->rows);
    int r = list->rows == NULL ? -ENOMEM : 0;
    for (; r == 0 && list->count < all->count; list->count++) {
        r = read_row(&all->items[list->count], a, &list->rows[list->count]);
    }
    if (r == 0 && cursor->text.len > 0) {
        struct bytes text = redis_reply_text(cursor);
        list->next_cursor = arena_strn(a, text.data, text.len);
        r = list->next_cursor == NULL ? -ENOMEM : 0;
    }
    return r == 0 ? 0 : r == -ENOMEM ? no_memory(e) : redis_ask_odd(t, e);
}

// "ms-seq", as streams have it.
static bool is_cursor(const char *text) {
    static const char digits[] = "0123456789";
    size_t ms = strspn(text, digits), seq = text[ms] == '-' ? strspn(text + ms + 1, digits) : 0;
    return ms > 0 && ms <= 20 && seq > 0 && seq <= 20 && text[ms + 1 + seq] == '\0';
}

static void run_rows(struct redis_task *t) {
    struct store_ledger_list *list = CONTAINER_OF(t->op, struct store_ledger_list, op);
    list->count = 0;
    list->next_cursor = NULL;
    if (!check_page(t, list->limit)) {
        return;
    }
    if (list->cursor != NULL && !is_cursor(list->cursor)) {
        redis_task_end(t, err_set(&t->op->err, -EINVAL, "the cursor is not one of this store's"),
                       NULL);
        return;
    }
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_ledger, on_rows, list);
    if (ask != NULL) {
        redis_args_text(&ask->request.args, list->schedule);
        redis_args_text(&ask->request.args, schedule_verdict_name(list->verdict));
        redis_args_text(&ask->request.args, list->cursor);
        redis_args_number(&ask->request.args, list->limit);
        redis_ask_send(ask);
    }
}

const struct redis_op_kind redis_ledger_list = {.run = run_rows, .size = sizeof(struct redis_task)};
