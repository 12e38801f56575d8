/* Attempts that are a plugin's code (runner.h). It runs ahead of its time, up to its end or to something that it asks; then
 * the time passes that it has slept, and it is answered.
 *
 *     begin ──▶ run ──▶ asks ── its time comes ──▶ a limiter ── granted, or not ──▶ run ──▶ ... ──▶ ends ── its time comes */
#include <errno.h>
#include <string.h>

#include "core/http_class.h"
#include "core/limiter_headers.h"
#include "core/waits.h"
#include "jobhost_flow.h"
#include "sim/sim_private.h"
#include "store/events.h"

static struct sim_attempt *attempt_of(struct agenda_event *e) {
    return CONTAINER_OF(e, struct sim_attempt, event);
}

/* ------------------------------------------------------------------ its end */

static void on_returned(struct sim *s, struct agenda_event *e) {
    struct sim_attempt *a = attempt_of(e);
    struct attempt_report report = a->answer->report;
    if (report.end == ATTEMPT_CRASHED) {
        sim_attempt_crash(s, e);
        return;
    }
    bool late = a->spec.timeout_ms > 0 && a->answer->after_ms >= a->spec.timeout_ms;
    report.cancelled = late ? JH_CANCEL_DEADLINE : 0;
    sim_attempt_return(s, a, &report,
                       report.status == JH_YIELD ? a->answer->wait_key : a->answer->code);
}

static void on_question(struct sim *s, struct agenda_event *e);

/* What the code came to lies in the future: so long it takes. */
static void let_pass(struct sim *s, struct sim_attempt *a) {
    int64_t wait = a->began_ms + a->answer->after_ms - s->passed_ms;
    wait = wait < 0 ? 0 : wait;
    if (a->answer->asks) {
        sim_attempt_next(s, a, wait, on_question);
        return;
    }
    wait += sim_span(&a->draw, &a->lane->type->handler->takes);
    int64_t crash_ms = (int64_t)(sim_chance(&a->draw) * (double)wait);
    sim_attempt_next(s, a, a->crashes ? crash_ms : wait,
                     a->crashes ? sim_attempt_crash : on_returned);
}

static void gone(struct sim *s, const struct sim_attempt *a, int r) {
    sim_fail(s, r, "the process of %s is gone: %s", plugin_run_file(a->lane->type->plugin),
             strerror(-r));
}

/* ------------------------------------------------------------------ what it asks */

static void reply(struct sim *s, struct sim_attempt *a, struct plugin_run_reply reply) {
    reply.passed_ms = s->passed_ms - a->asked_ms;
    int r = plugin_run_reply(a->lane->type->plugin, &a->spec.id, &reply, &a->arena, a->answer);
    if (r != 0) {
        gone(s, a, r);
    } else {
        let_pass(s, a);
    }
}

static void answer(struct sim *s, struct sim_attempt *a, int status, uint64_t ticket,
                   int64_t again_ms) {
    reply(s, a,
          (struct plugin_run_reply){.status = status, .ticket = ticket, .again_ms = again_ms});
}

static void on_wish(struct sim *s, struct sim_wish *w, int64_t wait_ms) {
    struct sim_attempt *a = CONTAINER_OF(w, struct sim_attempt, wish);
    struct sim_plugin_ticket *t = a->tickets;
    if (wait_ms == 0) {
        answer(s, a, 0, t->id, 0);
        return;
    }
    a->tickets = t->next; // it holds nothing
    answer(s, a, wait_ms == SIM_LIMITS_NEVER ? -ERANGE : 1, 0, wait_ms);
}

static void acquire(struct sim *s, struct sim_attempt *a, const struct plugin_run_question *q) {
    struct sim_limit *l = q->name == NULL ? NULL : sim_limits_find(s, q->name);
    struct sim_plugin_ticket *t = l == NULL ? NULL : sim_alloc(s, &a->arena, sizeof *t);
    if (t == NULL) {
        answer(s, a, -ENOENT, 0, 0);
        return;
    }
    *t = (struct sim_plugin_ticket){.id = ++s->tickets, .next = a->tickets};
    a->tickets = t;
    sim_attempt_waits(s, a, q->number);
    a->wish = (struct sim_wish){.n = q->n,
                                .give_up_ms = s->passed_ms + q->number,
                                .done = on_wish,
                                .of = a,
                                .ticket = &t->is};
    sim_limits_wish(s, l, &a->wish);
}

static struct sim_plugin_ticket *find(const struct sim_attempt *a, uint64_t id) {
    struct sim_plugin_ticket *t = a->tickets;
    while (t != NULL && t->id != id) {
        t = t->next;
    }
    return t;
}

static void observe(struct sim *s, struct sim_attempt *a, const struct plugin_run_question *q) {
    struct sim_plugin_ticket *t = find(a, q->ticket);
    if (t != NULL && t->is.limit != NULL) {
        const struct config_limit *c = t->is.limit->config;
        struct limiter_hint hint =
            limiter_headers_read(q->status, q->headers, c->learn, c->learn_count, sim_wall(s));
        sim_limits_answered(s, &t->is, &hint);
    }
    answer(s, a, 0, 0, 0);
}

static void give_back(struct sim *s, struct sim_attempt *a, const struct plugin_run_question *q) {
    struct sim_plugin_ticket *t = find(a, q->ticket);
    if (t != NULL) {
        sim_limits_give_back(s, &t->is);
    }
    answer(s, a, 0, 0, 0);
}

static void park(struct sim *s, struct sim_attempt *a, const struct plugin_run_question *q) {
    struct sim_limit *l = q->name == NULL ? NULL : sim_limits_find(s, q->name);
    if (l != NULL) {
        sim_limits_close(s, l, q->number - sim_wall(s));
    }
    answer(s, a, l == NULL ? -ENOENT : 0, 0, 0);
}

/* ------------------------------------------------------------------ calls by HTTP */

static bool fits(const struct scenario_answer *a, const char *path) {
    size_t len = strlen(a->path), path_len = strcspn(path, "?#");
    if (a->path[len - 1] == '*') {
        return path_len >= len - 1 && strncmp(a->path, path, len - 1) == 0;
    }
    return path_len == len && strncmp(a->path, path, len) == 0;
}

static const struct scenario_answer *answer_of(const struct sim_remote *r, const char *path) {
    static const struct scenario_answer plain = {.status = 200, .body = "{}"};
    for (size_t i = 0; i < r->config->answer_count; i++) {
        if (fits(&r->config->answers[i], path)) {
            return &r->config->answers[i];
        }
    }
    return &plain;
}

static void say(struct sim *s, struct sim_attempt *a, const char *path) {
    struct sim_remote *r = a->said.remote;
    const struct scenario_answer *is = a->said.refused ? NULL : answer_of(r, path);
    struct buf headers = {.data = NULL};
    if (a->said.refused) {
        sim_note(s, NOTE_REFUSED_CALL, r->config->entry.name, &a->spec, "429");
    } else {
        buf_str(&headers, "Content-Type: application/json\n");
    }
    sim_calls_headers(s, &a->said, &headers);
    reply(s, a,
          (struct plugin_run_reply){.status = is == NULL ? 429 : (int)is->status,
                                    .headers = buf_bytes(&headers),
                                    .body = bytes_of(is == NULL ? NULL : is->body)});
    buf_free(&headers);
}

static void no_answer(struct sim *s, struct sim_attempt *a, enum http_trouble trouble) {
    reply(s, a, (struct plugin_run_reply){.trouble = trouble});
}

static void on_fetched(struct sim *s, struct agenda_event *e) {
    struct sim_attempt *a = attempt_of(e);
    const char *path;
    struct sim_remote *r = sim_calls_of_url(s, a->question.name, &path);
    if (a->call_late) {
        a->said = sim_calls_ask(s, r);
    }
    if (a->said.down) {
        no_answer(s, a, HTTP_CONNECT);
    } else if (s->passed_ms - a->asked_ms >= a->question.number) {
        no_answer(s, a, HTTP_TIMEOUT);
    } else {
        say(s, a, path);
    }
}

/* The other side counts it at its beginning or at its end, as with calls of a model. */
static void fetch(struct sim *s, struct sim_attempt *a, const struct plugin_run_question *q) {
    const char *path;
    struct sim_remote *r = q->name == NULL ? NULL : sim_calls_of_url(s, q->name, &path);
    if (r == NULL) {
        no_answer(s, a, HTTP_NAME);
        return;
    }
    int64_t takes = sim_span(&a->draw, &r->config->takes);
    a->question = *q;
    a->call_late = sim_chance(&a->draw) < 0.5;
    if (!a->call_late) {
        a->said = sim_calls_ask(s, r);
    }
    sim_attempt_next(s, a, takes < q->number ? takes : q->number, on_fetched);
}

static void on_question(struct sim *s, struct agenda_event *e) {
    static void (*const verbs[])(struct sim *, struct sim_attempt *,
                                 const struct plugin_run_question *) = {
        [PLUGIN_RUN_ACQUIRE] = acquire,     [PLUGIN_RUN_OBSERVE] = observe,
        [PLUGIN_RUN_GIVE_BACK] = give_back, [PLUGIN_RUN_PARK] = park,
        [PLUGIN_RUN_FETCH] = fetch,
    };
    struct sim_attempt *a = attempt_of(e);
    const struct plugin_run_question q = a->answer->question; // the answer is written anew
    a->asked_ms = s->passed_ms;
    if ((size_t)q.verb >= ARRAY_LEN(verbs)) {
        gone(s, a, -EBADMSG);
        return;
    }
    verbs[q.verb](s, a, &q);
}

/* ------------------------------------------------------------------ its beginning */

static void read_step(struct sim *s, struct sim_attempt *a, const char *name) {
    struct store_step_get op = {.op = {.kind = STORE_STEP_GET}, .id = a->spec.id, .name = name};
    if (stock_run(&s->stock, &op.op, sim_wall(s)) == 0) {
        a->found[a->found_count++] = (struct store_step){.name = sim_text(s, &a->arena, name),
                                                         .value = arena_bytes(&a->arena, op.value)};
    }
    store_op_finish(&op.op);
    s->report->store_ops++;
}

void sim_plugin_recall(struct sim *s, struct sim_attempt *a) {
    struct sim_pause *p = NULL;
    struct waits_event event;
    char name[WAITS_STEP_MAX];
    if (s->pauses != NULL) {
        HASH_FIND(hh, s->pauses, &a->spec.id, sizeof a->spec.id, p);
    }
    if (p == NULL || p->wait_key == NULL ||
        (a->found = sim_alloc(s, &a->arena, 2 * sizeof *a->found)) == NULL) {
        return;
    }
    if (p->park == PARK_NEEDS_OPERATOR) {
        waits_operator_step(p->wait_key, name);
        read_step(s, a, name);
    } else if (p->park == PARK_EVENT && p->wait_for != NULL &&
               waits_event_read(p->wait_for, &event) == 0) {
        waits_event_step(p->wait_key, event.n, name);
        read_step(s, a, name);
        if (event.n == 0) { // a plain yield() keeps its place in another
            waits_plain_step(p->wait_key, name);
            read_step(s, a, name);
        }
    }
}

/* ------------------------------------------------------------------ flows that it can see */

static int member_state(enum job_state state) {
    switch (state) {
    case JOB_SUCCEEDED: return JH_MEMBER_SUCCEEDED;
    case JOB_CANCELLED: return JH_MEMBER_CANCELLED;
    case JOB_DUPLICATE: return JH_MEMBER_DUPLICATE;
    default: return JH_MEMBER_DEAD;
    }
}

static void take_member(struct sim *s, struct arena *arena, const struct store_flow_member *from,
                        struct plugin_run_flow *f) {
    char id[JOB_ID_TEXT + 1];
    id_format(&from->id, id);
    f->members[f->member_count++] = (struct plugin_run_member){
        .state = member_state(from->state),
        .id = sim_text(s, arena, id),
        .type = from->type == NULL ? NULL : sim_text(s, arena, from->type),
        .code = from->error.code == NULL ? NULL : sim_text(s, arena, from->error.code),
        .cls = from->error.cls,
    };
}

static void read_members(struct sim *s, const struct sim_flow *flow, struct arena *arena,
                         size_t most, struct plugin_run_flow *f) {
    uint64_t cursor = 0;
    bool more = most > 0 && (f->members = sim_alloc(s, arena, most * sizeof *f->members)) != NULL;
    while (more) {
        struct store_flow_ended op = {.op = {.kind = STORE_FLOW_ENDED},
                                      .id = flow->id,
                                      .limit = STORE_FLOW_PAGE_MAX,
                                      .only = JOB_SCHEDULED, // any
                                      .cursor = cursor};
        more = stock_run(&s->stock, &op.op, sim_wall(s)) == 0 && op.more;
        for (size_t i = 0; i < op.count && f->member_count < most; i++) {
            take_member(s, arena, &op.members[i], f);
        }
        cursor = op.next_cursor;
        store_op_finish(&op.op);
        s->report->store_ops++;
    }
}

static void see(struct sim *s, struct sim_attempt *a, int which, const struct job_id *opener,
                struct plugin_run_world *world) {
    const struct sim_flow *flow = sim_flows_find(s, opener);
    struct store_flow is;
    if (flow == NULL || sim_flows_get(s, flow, &is) != 0) {
        return;
    }
    const struct flow_tally *t = &is.facts.tally;
    struct plugin_run_flow *f = &world->flows[world->flow_count++];
    *f = (struct plugin_run_flow){
        .which = which, .open = flow_open_count(t), .closed = is.facts.closed};
    read_members(s, flow, &a->arena, (size_t)(t->made - flow_open_count(t)), f);
}

void sim_plugin_begin(struct sim *s, struct sim_attempt *a) {
    struct plugin_run_world world = {.now_ms = sim_wall(s),
                                     .created_ms = a->created_ms,
                                     .steps = a->found,
                                     .step_count = a->found_count};
    see(s, a, JH_FLOW_OPENED, &a->spec.id, &world);
    see(s, a, JH_FLOW_MEMBER, &a->flow, &world);
    if (id_is_zero(&a->flow)) {
        see(s, a, JH_FLOW_BEHIND, &a->spec.parent, &world);
    }
    a->answer = sim_alloc(s, &a->arena, sizeof *a->answer);
    int r = a->answer == NULL
                ? -ENOMEM
                : plugin_run_attempt(a->lane->type->plugin, &a->spec, a->counters.attempts + 1,
                                     &world, &a->arena, a->answer);
    if (r != 0) {
        gone(s, a, r);
    } else {
        let_pass(s, a);
    }
}

/* ------------------------------------------------------------------ what it leaves behind */

static void add_events(struct sim *s, const struct sim_attempt *a, int64_t age_ms,
                       struct sim_commit *c) {
    struct arena *arena = &s->batch.arena;
    struct store_event *events = sim_alloc(s, arena, (a->answer->event_count + 1) * sizeof *events);
    c->item.events = events;
    for (size_t i = 0; events != NULL && i < a->answer->event_count; i++) {
        const struct plugin_run_event *e = &a->answer->events[i];
        if (e->after_ms <= age_ms && e->name != NULL) {
            events[c->item.event_count++] = (struct store_event){
                .name = sim_text(s, arena, e->name),
                .content_type =
                    e->content_type == NULL ? NULL : sim_text(s, arena, e->content_type),
                .value = arena_bytes(arena, e->value),
                .tenant = e->for_all || a->spec.tenant == NULL
                              ? NULL
                              : sim_text(s, arena, a->spec.tenant)};
            sim_note(s, NOTE_EVENT, a->lane->type->name, &a->spec, "publishes %s", e->name);
        }
    }
}

/* Where its code parks, what it looks for goes with it; its steps are the runner's, but for those that others write. */
static void add_wait(struct sim *s, const struct sim_attempt *a, struct sim_commit *c) {
    const struct plugin_run_answer *answer = a->answer;
    struct arena *arena = &s->batch.arena;
    if (c->item.event == JOB_EV_PARK && !answer->asks && answer->wait_for != NULL) {
        c->item.wait_for = sim_text(s, arena, answer->wait_for);
    }
}

void sim_plugin_commit(struct sim *s, const struct sim_attempt *a, int64_t age_ms,
                       struct sim_commit *c) {
    sim_children_of_plugin(s, a, age_ms, c);
    add_events(s, a, age_ms, c);
    add_wait(s, a, c);
}

void sim_plugin_end(struct sim *s, struct sim_attempt *a) {
    for (struct sim_plugin_ticket *t = a->tickets; t != NULL; t = t->next) {
        if (a->died_ms != 0) {
            sim_limits_forget(s, &t->is);
        }
        sim_limits_answered(s, &t->is, NULL);
    }
    a->tickets = NULL;
}
