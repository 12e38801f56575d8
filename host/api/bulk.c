#include "api/bulk.h"

#include <stdio.h>
#include <string.h>

#include "api/actions.h"
#include "api/input.h"
#include "api/job_json.h"
#include "api/job_list.h"

enum { PAGE = 200, ERRORS_SHOWN = 10 };

static bool bulk_has_state(const struct bulk *kind, enum job_state state) {
    for (size_t i = 0; i < kind->state_count; i++) {
        if (kind->states[i] == state) {
            return true;
        }
    }
    return false;
}

struct look { // is this job one of those at all?
    struct store_get get;
    struct walk *walk;
};

struct walk {
    struct call *call;
    const struct bulk *kind;
    struct store_list list;
    struct store_filter filter;
    size_t state_at; // which of kind->states is being walked through
    bool one_state;  // the filter names it
    struct actions actions;
    struct jobs_act acts[PAGE];
    struct job_id ids[PAGE];
    const struct input_ids *given; // instead of a filter
    size_t given_at;
    struct look *looks; // PAGE of them, for the given
    size_t looking, fit;
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

/* ---- given ids that are held to the states: what is in another one is left alone ---- */

static void add_unfit(struct walk *w, const struct store_get *get) {
    struct problem problem = {.status = 409, .code = "wrong_state"};
    if (get->op.status == 0) {
        (void)snprintf(problem.message, sizeof problem.message, "%s: the job is %s",
                       w->kind->unfit_words, job_state_name((int)get->job.state));
    } else {
        const struct jobs_act act = {.action = w->actions.action, .status = get->op.status};
        actions_problem(&act, &problem);
    }
    add_failed(w, &get->id, &problem);
}

static void looked(struct store_op *op) {
    struct look *look = CONTAINER_OF(op, struct look, get.op);
    struct walk *w = look->walk;
    if (op->status == 0 && bulk_has_state(w->kind, look->get.job.state)) {
        w->ids[w->fit++] = look->get.id;
        w->matched++;
    } else {
        add_unfit(w, &look->get);
    }
    store_op_finish(op);
    if (--w->looking > 0) {
        return;
    }
    if (w->fit > 0 && !w->dry_run) {
        actions_run(&w->actions, w->ids, w->fit);
    } else {
        next_page(w);
    }
}

static void look_up(struct walk *w, const struct job_id *ids, size_t count) {
    w->looking = count;
    w->fit = 0;
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
    if (!w->one_state) {
        w->list.filter.state = (int)w->kind->states[w->state_at];
    }
    call_op(w->call, &w->list.op, STORE_LIST, listed);
    store_post(&w->call->host->store, &w->list.op);
}

/* Is there another page of this state, or another state? */
static bool goes_on(struct walk *w) {
    if (w->cursor != NULL || !w->begun) {
        w->begun = true;
        return true;
    }
    w->state_at++;
    return !w->one_state && w->state_at < w->kind->state_count;
}

static void next_page(struct walk *w) {
    if (w->given == NULL && goes_on(w)) {
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

/* ---- ids, each with an answer of its own ---- */

static void each_done(struct actions *all, void *arg) {
    (void)arg;
    struct buf out = {0};
    buf_str(&out, "{\"items\":[");
    for (size_t i = 0; i < all->count; i++) {
        json_comma(&out);
        actions_json(&out, &all->acts[i]);
    }
    buf_str(&out, "]}");
    call_reply(all->call, 200, &out);
}

static void act_on_each(struct walk *w, const struct input_ids *ids) {
    w->actions.acts = call_alloc(w->call, ids->count * sizeof *w->actions.acts);
    if (w->actions.acts != NULL) {
        w->actions.done = each_done;
        actions_run(&w->actions, ids->ids, ids->count);
    }
}

/* ---- the request ---- */

/* {"queue": ..., "type": ..., "class": ..., "code": ..., "user": ...}; those of one state only know no state */
static bool read_filter(struct walk *w, struct bytes object) {
    static const char *const names[] = {"queue", "type",  "class",  "code",   "user", "label",
                                        "q",     "after", "before", "parent", "park", "state"};
    const char *values[ARRAY_LEN(names)] = {NULL};
    struct input_field fields[ARRAY_LEN(names)];
    struct problem problem;
    bool any = false;
    size_t count = ARRAY_LEN(names) - (w->kind->state_count == 1 ? 2 : 0);
    for (size_t i = 0; i < count; i++) {
        fields[i] = (struct input_field){names[i], INPUT_TEXT, &values[i]};
    }
    if (!input_read_object(w->call, object, "filter.", fields, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        any |= values[i] != NULL;
        if (values[i] != NULL &&
            job_list_filter_set(&w->filter, names[i], values[i], &problem) != 0) {
            call_problem(w->call, &problem);
            return false;
        }
    }
    w->one_state = w->filter.state >= 0;
    if (!any) {
        call_errorf(w->call, 400, "empty_filter", "filter", "say \"all\": true to mean %s",
                    w->kind->all_words);
    } else if (w->one_state && !bulk_has_state(w->kind, (enum job_state)w->filter.state)) {
        call_errorf(w->call, 400, "bad_field", "filter.state",
                    "nothing is done to jobs that are %s", job_state_name(w->filter.state));
        return false;
    }
    return any;
}

/* Do what was given and what was not make sense together? */
static bool check(const struct walk *w, size_t ids, bool filter, bool all, bool restart) {
    if ((ids > 0) + (filter ? 1 : 0) + (all ? 1 : 0) != 1) {
        call_error(w->call, 400, "which_jobs", NULL,
                   "give one of \"ids\": [...], \"filter\": {...} or \"all\": true");
        return false;
    }
    if (restart && ids == 0) {
        call_error(w->call, 400, "bad_field", "restart",
                   "name the jobs by their ids: steps that are dropped do not come back");
        return false;
    }
    if (w->dry_run && ids > 0 && !w->kind->only_these) {
        call_error(w->call, 400, "bad_field", "dry_run", "is for a filter, or for all");
        return false;
    }
    return true;
}

static void start(struct walk *w, const struct input_ids *ids) {
    if (ids->count > 0 && !w->kind->only_these) {
        act_on_each(w, ids);
        return;
    }
    if (ids->count > 0) {
        w->given = ids;
        w->looks = call_alloc(w->call, PAGE * sizeof *w->looks);
        if (w->looks == NULL) {
            return;
        }
    }
    next_page(w);
}

void bulk_handle(struct call *call, const struct bulk *kind) {
    struct walk *w = CALL_NEW(call, struct walk);
    struct input_ids *ids = CALL_NEW(call, struct input_ids);
    struct bytes filter = {NULL, 0};
    bool all = false, restart = false;
    if (w == NULL || ids == NULL) {
        return;
    }
    *w = (struct walk){
        .call = call,
        .kind = kind,
        .filter = {.state = -1, .error_cls = -1},
        .actions = {.call = call,
                    .action = kind->action,
                    .actor = call_actor(call),
                    .acts = w->acts,
                    .done = page_done,
                    .arg = w},
    };
    const struct input_field fields[] = {
        {"ids", INPUT_IDS, ids},
        {"filter", INPUT_OBJECT, &filter},
        {"all", INPUT_BOOL, &all},
        {"dry_run", INPUT_BOOL, &w->dry_run},
        {"why", INPUT_WHY, &w->actions.why},
        {"restart", INPUT_BOOL, &restart},
    };
    if (!input_read(call, fields, ARRAY_LEN(fields) - (kind->takes_restart ? 0 : 1)) ||
        !check(w, ids->count, filter.len > 0, all, restart) ||
        (filter.len > 0 && !read_filter(w, filter))) {
        return;
    }
    w->actions.action = restart ? JOBS_RESTART : kind->action;
    start(w, ids);
}
