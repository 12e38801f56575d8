/* Jobs that wait for people: a question leaves a step behind (core/waits.h), and the answer replaces it as it wakes the
 * job. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/waits.h"
#include "sim/sim_private.h"

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

void sim_waits_ask(struct sim *s, const struct sim_attempt *a, struct sim_commit *c) {
    const struct scenario_handler *h = a->lane->type->handler;
    struct arena *arena = &s->batch.arena;
    struct buf text = {.data = NULL};
    char name[WAITS_STEP_MAX];
    if (h == NULL || h->asks == NULL) {
        return; // a plugin's code has its own steps
    }
    waits_operator_step(SIM_WAITS_KEY, name);
    if (waits_question_put(&text, h->asks, NULL) != 0) {
        sim_fail(s, -EINVAL, "%s: `asks` is no question of one line", h->entry.name);
    }
    buf_char(&text, '\0');
    c->item.wait_for = text.failed ? NULL : sim_text(s, arena, text.data);
    buf_free(&text);
    const struct waits_step step = {.state = WAITS_OPEN, .position = "-"};
    c->steps[c->item.step_count++] =
        (struct store_step){.name = sim_text(s, arena, name), .value = step_text(s, arena, &step)};
    c->item.steps = c->steps;
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
            if (!job_is_final(op.jobs[i].state)) {
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
