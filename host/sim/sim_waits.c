/* Jobs that wait for people or events: a question leaves a step behind (core/waits.h), and the answer replaces it as it wakes the
 * job. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/waits.h"
#include "sim/sim_private.h"
#include "store/events.h"

enum { PAGE = 500 };

static struct bytes step_text(struct sim *s, struct arena *arena, const struct waits_step *step) {
    struct buf text = {.data = NULL};
    waits_step_put(&text, step);
    struct bytes kept =
        text.failed ? (struct bytes){NULL, 0} : arena_bytes(arena, buf_bytes(&text));
    if (kept.data == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
    }
    buf_free(&text);
    return kept;
}

static void add_open_step(struct sim *s, struct sim_commit *c, const char *name,
                          const struct waits_step *step) {
    struct arena *arena = &s->batch.arena;
    c->steps[c->item.step_count++] =
        (struct store_step){.name = sim_text(s, arena, name), .value = step_text(s, arena, step)};
    c->item.steps = c->steps;
}

static void ask(struct sim *s, const struct scenario_handler *h, struct sim_commit *c) {
    struct buf text = {.data = NULL};
    char name[WAITS_STEP_MAX];
    waits_operator_step(SIM_WAITS_KEY, name);
    if (waits_question_put(&text, h->asks, NULL) != 0) {
        sim_fail(s, -EINVAL, "%s: `asks` is no question of one line", h->entry.name);
    }
    buf_char(&text, '\0');
    c->item.wait_for = text.failed ? NULL : sim_text(s, &s->batch.arena, text.data);
    buf_free(&text);
    add_open_step(s, c, name, &(struct waits_step){.state = WAITS_OPEN, .position = "-"});
}

/* The first that comes, or has come since the job was made. */
static void look_for(struct sim *s, const struct sim_attempt *a, struct sim_commit *c) {
    char name[WAITS_STEP_MAX], text[WAITS_EVENT_TEXT_MAX];
    const struct waits_event what = {.n = 1, .since_ms = a->created_ms, .position = "-"};
    if (waits_check_name(c->item.wait_key) != 0) {
        sim_fail(s, -EINVAL, "\"%s\" is no name of an event", c->item.wait_key);
        return;
    }
    waits_event_put(&what, text);
    c->item.wait_for = sim_text(s, &s->batch.arena, text);
    waits_event_step(c->item.wait_key, 1, name);
    add_open_step(s, c, name,
                  &(struct waits_step){.state = WAITS_OPEN,
                                       .at_ms = c->item.run_at_ms,
                                       .since_ms = a->created_ms,
                                       .position = "-"});
}

void sim_waits_begin(struct sim *s, const struct sim_attempt *a, enum park_reason park,
                     struct sim_commit *c) {
    if (park == PARK_NEEDS_OPERATOR) {
        ask(s, a->lane->type->handler, c);
    } else if (park == PARK_EVENT) {
        look_for(s, a, c);
    }
}

int sim_waits_publish(struct sim *s, const char *name, const char *payload, const char *user) {
    struct store_event_item item = {
        .event = {.name = name, .value = bytes_of(payload), .tenant = user}};
    struct store_event_put op = {.op = {.kind = STORE_EVENT_PUT}, .items = &item, .count = 1};
    int r = stock_run(&s->stock, &op.op, sim_wall(s));
    s->stock.outbox |= r == 0 && op.outbox;
    store_op_finish(&op.op);
    s->report->store_ops++;
    return r != 0 ? r : item.status;
}

/* ------------------------------------------------------------------ answers */

/* The jobs of a type that are not over, or of those the ones that are parked for that. `each` may add moves. */
size_t sim_waits_each(struct sim *s, const char *type, int park,
                      void (*each)(struct sim *s, const struct store_job *job, const void *arg),
                      const void *arg) {
    char *cursor = NULL;
    size_t count = 0;
    do {
        struct store_list op = {.op = {.kind = STORE_LIST},
                                .filter = {.type = type,
                                           .state = park < 0 ? -1 : JOB_PARKED,
                                           .park = park < 0 ? PARK_NONE : (enum park_reason)park,
                                           .error_cls = -1},
                                .limit = PAGE,
                                .cursor = cursor};
        int r = stock_run(&s->stock, &op.op, sim_wall(s));
        for (size_t i = 0; r == 0 && i < op.count; i++) {
            bool runs = op.jobs[i].state == JOB_RUNNING; // as far as the store has heard
            if (!job_is_final(op.jobs[i].state) &&
                (!runs || sim_attempt_find(s, &op.jobs[i].spec.id) != NULL)) {
                each(s, &op.jobs[i], arg);
                count++;
            }
        }
        free(cursor);
        cursor = r != 0 || op.next_cursor == NULL ? NULL : strdup(op.next_cursor);
        store_op_finish(&op.op);
    } while (cursor != NULL);
    return count;
}

static void answer(struct sim *s, const struct store_job *job, const void *arg) {
    struct arena *arena = &s->batch.arena;
    struct sim_move *m = sim_alloc(s, arena, sizeof *m);
    struct store_step *step = sim_alloc(s, arena, sizeof *step);
    char name[WAITS_STEP_MAX];
    if (m == NULL || step == NULL || job->wait_key == NULL) {
        return;
    }
    const struct waits_step got = {.state = WAITS_GOT,
                                   .at_ms = sim_wall(s),
                                   .position = "-",
                                   .value = bytes_of((const char *)arg)};
    waits_operator_step(job->wait_key, name);
    *step =
        (struct store_step){.name = sim_text(s, arena, name), .value = step_text(s, arena, &got)};
    *m = (struct sim_move){
        .item = {.id = job->spec.id, .event = JOB_EV_WAKE, .rev = job->rev, .step = step}};
    sim_flush_move(s, m);
}

size_t sim_waits_resolve(struct sim *s, const char *type, const char *text) {
    return sim_waits_each(s, type, PARK_NEEDS_OPERATOR, answer, text);
}
