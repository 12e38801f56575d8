/* The dead-letter queue: GET /v1/dlq, and POST /v1/dlq/retry|remove by ids or by filter.
 *
 * By filter, the jobs are worked through page by page: list, act on the page, next. The cursor
 * moves towards older jobs, so jobs that die meanwhile are left alone and the walk ends. */
#include <stdio.h>
#include <string.h>

#include "api/actions.h"
#include "api/input.h"
#include "api/job_json.h"
#include "api/job_list.h"
#include "api/routes.h"

enum { PAGE = 200, ERRORS_SHOWN = 10 };

void dlq_list_handle(struct call *call) {
    job_list_post(call, JOB_DEAD);
}

struct look { // is this job dead at all?
    struct store_get get;
    struct walk *walk;
};

struct walk {
    struct call *call;
    struct store_list list;
    struct store_filter filter;
    struct actions actions;
    struct jobs_act acts[PAGE];
    struct job_id ids[PAGE];
    const struct input_ids *given; // instead of a filter
    size_t given_at;
    struct look *looks; // PAGE of them, for the given
    size_t looking, dead;
    bool dry_run, begun;
    uint64_t matched, done, failed;
    char *cursor;
    struct problem errors[ERRORS_SHOWN];
    struct job_id error_ids[ERRORS_SHOWN];
    size_t error_count;
};

static void answer(struct walk *w) {
    struct buf out = {0};
    buf_char(&out, '{');
    json_kint(&out, "matched", (int64_t)w->matched);
    json_kint(&out, "done", (int64_t)w->done);
    json_kint(&out, "failed", (int64_t)w->failed);
    if (w->dry_run) {
        json_kbool(&out, "dry_run", true);
    }
    json_key(&out, "errors");
    buf_char(&out, '[');
    for (size_t i = 0; i < w->error_count; i++) {
        json_comma(&out);
        buf_char(&out, '{');
        job_json_id(&out, "id", &w->error_ids[i]);
        problem_json(&out, &w->errors[i]);
        buf_char(&out, '}');
    }
    buf_str(&out, "]}");
    call_reply(w->call, 200, &out);
}

static void next_page(struct walk *w);

static void add_failed(struct walk *w, const struct job_id *id, const struct problem *problem) {
    w->failed++;
    if (w->error_count < ERRORS_SHOWN) {
        w->error_ids[w->error_count] = *id;
        w->errors[w->error_count++] = *problem;
    }
}

static void page_done(struct actions *all, void *arg) {
    struct walk *w = arg;
    struct problem problem;
    for (size_t i = 0; i < all->count; i++) {
        const struct jobs_act *act = &all->acts[i];
        if (act->status == 0) {
            w->done++;
        } else {
            actions_problem(act, &problem);
            add_failed(w, &act->id, &problem);
        }
    }
    next_page(w);
}

/* ---- given ids: what is no dead letter is left alone ---- */

static void add_not_dead(struct walk *w, const struct store_get *get) {
    struct problem problem = {.status = 409, .code = "wrong_state"};
    if (get->op.status == 0) {
        (void)snprintf(problem.message, sizeof problem.message,
                       "it is no dead letter: the job is %s", job_state_name((int)get->job.state));
    } else {
        const struct jobs_act act = {.action = w->actions.action, .status = get->op.status};
        actions_problem(&act, &problem);
    }
    add_failed(w, &get->id, &problem);
}

static void looked(struct store_op *op) {
    struct look *look = CONTAINER_OF(op, struct look, get.op);
    struct walk *w = look->walk;
    if (op->status == 0 && look->get.job.state == JOB_DEAD) {
        w->ids[w->dead++] = look->get.id;
        w->matched++;
    } else {
        add_not_dead(w, &look->get);
    }
    store_op_finish(op);
    if (--w->looking > 0) {
        return;
    }
    if (w->dead > 0 && !w->dry_run) {
        actions_run(&w->actions, w->ids, w->dead);
    } else {
        next_page(w);
    }
}

static void look_up(struct walk *w, const struct job_id *ids, size_t count) {
    w->looking = count;
    w->dead = 0;
    for (size_t i = 0; i < count; i++) {
        struct look *look = &w->looks[i];
        *look = (struct look){.get = {.id = ids[i]}, .walk = w};
        call_op(w->call, &look->get.op, STORE_GET, looked);
        store_post(&w->call->host->store, &look->get.op);
    }
}

/* ---- by filter ---- */

static void listed(struct store_op *op) {
    struct walk *w = CONTAINER_OF(op, struct walk, list.op);
    if (op->status != 0) {
        call_store_failed(w->call, op);
        return;
    }
    size_t count = w->list.count;
    for (size_t i = 0; i < count; i++) {
        w->ids[i] = w->list.jobs[i].spec.id;
    }
    const char *next = w->list.next_cursor;
    w->cursor = next == NULL ? NULL : arena_str(&w->call->req->arena, next);
    store_op_finish(op);
    w->matched += count;
    if (count == 0 || w->dry_run) {
        next_page(w);
        return;
    }
    actions_run(&w->actions, w->ids, count);
}

static void post_list(struct walk *w) {
    w->list = (struct store_list){.filter = w->filter, .limit = PAGE, .cursor = w->cursor};
    call_op(w->call, &w->list.op, STORE_LIST, listed);
    store_post(&w->call->host->store, &w->list.op);
}

static void next_page(struct walk *w) {
    if (w->given == NULL && (w->cursor != NULL || !w->begun)) {
        w->begun = true;
        post_list(w);
    } else if (w->given != NULL && w->given_at < w->given->count) {
        size_t left = w->given->count - w->given_at;
        size_t n = left < PAGE ? left : PAGE;
        const struct job_id *ids = w->given->ids + w->given_at;
        w->given_at += n;
        look_up(w, ids, n);
    } else {
        answer(w);
    }
}

/* {"queue": ..., "type": ..., "class": ..., "code": ..., "user": ...} */
static bool read_filter(struct call *call, struct bytes object, struct store_filter *ret) {
    static const char *const names[] = {"queue", "type", "class", "code", "user", "label", "q"};
    const char *values[ARRAY_LEN(names)] = {NULL};
    struct input_field fields[ARRAY_LEN(names)];
    struct problem problem;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        fields[i] = (struct input_field){names[i], INPUT_TEXT, &values[i]};
    }
    *ret = (struct store_filter){.state = JOB_DEAD, .error_cls = -1};
    if (!input_read_object(call, object, "filter.", fields, ARRAY_LEN(fields))) {
        return false;
    }
    bool any = false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        any |= values[i] != NULL;
        if (values[i] != NULL && job_list_filter_set(ret, names[i], values[i], &problem) != 0) {
            call_problem(call, &problem);
            return false;
        }
    }
    if (!any) {
        call_error(call, 400, "empty_filter", "filter", "say \"all\": true to mean every dead job");
    }
    return any;
}

static bool read_walk(struct call *call, struct walk *w) {
    struct input_ids *ids = CALL_NEW(call, struct input_ids);
    struct bytes filter = {NULL, 0};
    bool all = false;
    const struct input_field fields[] = {
        {"ids", INPUT_IDS, ids},
        {"filter", INPUT_OBJECT, &filter},
        {"all", INPUT_BOOL, &all},
        {"dry_run", INPUT_BOOL, &w->dry_run},
        {"why", INPUT_WHY, &w->actions.why},
    };
    if (ids == NULL || !input_read(call, fields, ARRAY_LEN(fields))) {
        return false;
    }
    if ((ids->count > 0) + (filter.len > 0) + (all ? 1 : 0) != 1) {
        call_error(call, 400, "which_jobs", NULL,
                   "give one of \"ids\": [...], \"filter\": {...} or \"all\": true");
        return false;
    }
    w->filter = (struct store_filter){.state = JOB_DEAD, .error_cls = -1};
    w->given = ids->count > 0 ? ids : NULL;
    if (w->given != NULL) {
        w->looks = call_alloc(call, PAGE * sizeof *w->looks);
        if (w->looks == NULL) {
            return false;
        }
    }
    return filter.len == 0 || read_filter(call, filter, &w->filter);
}

static void walk_dlq(struct call *call, enum jobs_action action) {
    struct walk *w = CALL_NEW(call, struct walk);
    if (w == NULL || !read_walk(call, w)) {
        return;
    }
    w->call = call;
    w->actions.call = call;
    w->actions.action = action;
    w->actions.actor = call_actor(call);
    w->actions.acts = w->acts;
    w->actions.done = page_done;
    w->actions.arg = w;
    next_page(w);
}

void dlq_retry_handle(struct call *call) {
    walk_dlq(call, JOBS_RETRY);
}

void dlq_remove_handle(struct call *call) {
    walk_dlq(call, JOBS_REMOVE);
}
