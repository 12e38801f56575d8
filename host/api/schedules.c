/* GET /v1/schedules, GET /v1/schedules/{id}, .../ledger and .../preview. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/job_json.h"
#include "api/routes.h"
#include "api/schedule_json.h"
#include "base/rfc3339.h"
#include "config/config_times.h"
#include "store/schedules.h"

enum { PREVIEW_COUNT = 10, PREVIEW_MAX = 1000 };

bool schedules_id(struct call *call, const char **ret) {
    *ret = call->param[0];
    if (strlen(*ret) <= STORE_SCHEDULE_ID_MAX) {
        return true;
    }
    call_error(call, 404, "schedule_not_found", "id", "there is no schedule of this name");
    return false;
}

/* ---- the list */

struct listing {
    struct store_schedule_list list;
    struct buf out;
};

static void add_missing(void *arg, const char *id) {
    struct listing *l = arg;
    schedule_json_missing(&l->out, id);
}

static void listed(struct store_op *op) {
    struct call *call = op->arg;
    struct listing *l = CONTAINER_OF(op, struct listing, list.op);
    if (op->status != 0) {
        call_list_failed(call, op);
        return;
    }
    call_list_begin(&l->out);
    for (size_t i = 0; i < l->list.count; i++) {
        schedule_json(&l->out, call->host, &l->list.schedules[i], false);
    }
    if (l->list.next_cursor == NULL) { // what others have removed is still in this host's file
        schedules_each_missing(call->host, add_missing, l);
    }
    call_list_end(call, op, &l->out, l->list.next_cursor, false);
}

void schedules_list_handle(struct call *call) {
    struct listing *l = CALL_NEW(call, struct listing);
    if (l == NULL) {
        return;
    }
    l->list.limit = call_limit(call, 50, 1000);
    l->list.cursor = request_query(call->req, "cursor");
    if (l->list.limit != 0) {
        call_op(call, &l->list.op, STORE_SCHEDULE_LIST, listed);
        store_post(&call->host->store, &l->list.op);
    }
}

/* ---- one */

/* Writes the answer, or says what the problem is. */
struct one;
typedef void writer(struct call *call, struct one *one, struct buf *out, struct problem *problem);

struct one {
    struct store_schedule_list list;
    writer *write;
    /* a preview's */
    int64_t from_ms, until_ms;
    uint32_t count;
};

static void found(struct store_op *op) {
    struct call *call = op->arg;
    struct one *one = CONTAINER_OF(op, struct one, list.op);
    struct problem problem = {.status = 0};
    struct buf out = {0};
    if (op->status == -ENOENT) {
        store_op_finish(op);
        call_error(call, 404, "schedule_not_found", "id",
                   schedules_of_file(call->host, one->list.id) == NULL
                       ? "there is no schedule of this name"
                       : "another host has removed it; this one's file has it: reload to store it");
        return;
    }
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    one->write(call, one, &out, &problem);
    store_op_finish(op);
    if (problem.status != 0) {
        buf_free(&out);
        call_problem(call, &problem);
    } else {
        call_reply(call, 200, &out);
    }
}

static void find(struct call *call, struct one *one, writer *write) {
    one->list.id = call->param[0];
    one->list.limit = 1;
    one->write = write;
    call_op(call, &one->list.op, STORE_SCHEDULE_LIST, found);
    store_post(&call->host->store, &one->list.op);
}

static void show(struct call *call, struct one *one, struct buf *out, struct problem *problem) {
    (void)problem;
    schedule_json(out, call->host, &one->list.schedules[0], true);
}

void schedules_get_handle(struct call *call) {
    const char *id;
    struct one *one = schedules_id(call, &id) ? CALL_NEW(call, struct one) : NULL;
    if (one != NULL) {
        find(call, one, show);
    }
}

/* ---- the ledger */

static void add_row(struct buf *out, const struct store_ledger_row *row) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "verdict", schedule_verdict_name((int)row->verdict));
    json_ktime(out, "nominal", row->nominal_ms);
    if (row->count > 1) {
        json_ktime(out, "last", row->last_ms);
    }
    json_kint(out, "times", row->count);
    json_ktime(out, "actual", row->actual_ms);
    if (row->missed) {
        json_kbool(out, "missed", true);
    }
    job_json_id(out, "job", &row->job);
    json_kstr(out, "reason", row->reason);
    json_kstr(out, "key", row->key);
    json_kstr(out, "revision", row->revision);
    buf_char(out, '}');
}

static void ledger_read(struct store_op *op) {
    struct call *call = op->arg;
    struct store_ledger_list *list = CONTAINER_OF(op, struct store_ledger_list, op);
    struct buf out = {0};
    if (op->status == -ENOENT) {
        store_op_finish(op);
        call_error(call, 404, "schedule_not_found", "id", "nothing is known of such a schedule");
        return;
    }
    if (op->status != 0) {
        call_list_failed(call, op);
        return;
    }
    call_list_begin(&out);
    for (size_t i = 0; i < list->count; i++) {
        add_row(&out, &list->rows[i]);
    }
    call_list_end(call, op, &out, list->next_cursor, false);
}

static bool read_verdict(struct call *call, int *ret) {
    const char *text = request_query(call->req, "verdict");
    *ret = -1;
    for (int v = 0; text != NULL && v < SCHEDULE_VERDICT_COUNT; v++) {
        if (strcmp(text, schedule_verdict_name(v)) == 0) {
            *ret = v;
        }
    }
    if (text == NULL || *ret >= 0) {
        return true;
    }
    call_error(call, 400, "bad_parameter", "verdict",
               "is one of fire, caught_up, queued, replace, skipped_overlap, skipped_gap, "
               "skipped_paused, dropped_window, dropped_max, dropped_catch_up, refused");
    return false;
}

void schedules_ledger_handle(struct call *call) {
    const char *id;
    int verdict;
    struct store_ledger_list *list = schedules_id(call, &id) && read_verdict(call, &verdict)
                                         ? CALL_NEW(call, struct store_ledger_list)
                                         : NULL;
    if (list == NULL) {
        return;
    }
    list->schedule = id;
    list->verdict = verdict;
    list->limit = call_limit(call, 50, 1000);
    list->cursor = request_query(call->req, "cursor");
    if (list->limit != 0) {
        call_op(call, &list->op, STORE_LEDGER_LIST, ledger_read);
        store_post(&call->host->store, &list->op);
    }
}

/* ---- the preview */

struct times {
    struct buf *out;
    const char *id;
};

static void add_time(void *arg, const struct schedule_time *t) {
    struct times *times = arg;
    config_times_json(times->out, times->id, t);
}

static bool read_time(struct call *call, const char *name, int64_t *ret) {
    const char *text = request_query(call->req, name);
    if (text == NULL || rfc3339_parse(text, ret) == 0) {
        return true;
    }
    call_error(call, 400, "bad_parameter", name, "write a time such as 2026-01-31T09:00:00Z");
    return false;
}

static void preview(struct call *call, struct one *one, struct buf *out, struct problem *problem) {
    struct times times = {.out = out, .id = one->list.id};
    struct schedule_view view;
    char version[CONFIG_ZONE_VERSION_MAX];
    schedules_view(call->host, &one->list.schedules[0], &view);
    if (view.definition == NULL || view.why != NULL) {
        *problem = (struct problem){.status = 409, .code = "schedule_drifts"};
        (void)snprintf(problem->message, sizeof problem->message, "this host cannot tell: %s",
                       view.why);
        return;
    }
    call_list_begin(out);
    config_times_each(&view.rule, one->from_ms, one->until_ms, one->count, add_time, &times);
    buf_char(out, ']');
    config_zone_version(version);
    json_kstr(out, "tzdata", version[0] == '\0' ? NULL : version);
    buf_char(out, '}');
}

void schedules_preview_handle(struct call *call) {
    const char *id;
    struct one *one = schedules_id(call, &id) ? CALL_NEW(call, struct one) : NULL;
    if (one == NULL) {
        return;
    }
    one->from_ms = env_wall_ms(&call->host->env);
    one->until_ms = INT64_MAX;
    one->count = call_limit(call, PREVIEW_COUNT, PREVIEW_MAX);
    if (one->count != 0 && read_time(call, "from", &one->from_ms) &&
        read_time(call, "until", &one->until_ms)) {
        find(call, one, preview);
    }
}
