#include "sim/agenda.h"

static bool comes_before(const void *a, const void *b) {
    const struct agenda_event *x = a, *y = b;
    return x->at_ms != y->at_ms ? x->at_ms < y->at_ms : x->seq < y->seq;
}

static void set_pos(void *item, size_t pos) {
    ((struct agenda_event *)item)->pos = pos;
}

void agenda_init(struct agenda *a) {
    *a = (struct agenda){.heap = {.less = comes_before, .set_pos = set_pos}};
}

void agenda_finish(struct agenda *a) {
    heap_finish(&a->heap);
}

void agenda_event(struct agenda_event *e, void (*happen)(struct sim *, struct agenda_event *)) {
    *e = (struct agenda_event){.happen = happen, .pos = HEAP_NOWHERE};
}

void agenda_drop(struct agenda *a, struct agenda_event *e) {
    if (e->pos != HEAP_NOWHERE) {
        heap_remove(&a->heap, e->pos);
    }
}

int agenda_set(struct agenda *a, struct agenda_event *e, int64_t at_ms) {
    agenda_drop(a, e);
    e->at_ms = at_ms;
    e->seq = a->seq++;
    return heap_add(&a->heap, e);
}

struct agenda_event *agenda_take(struct agenda *a, int64_t by_ms) {
    struct agenda_event *e = heap_min(&a->heap);
    if (e == NULL || e->at_ms > by_ms) {
        return NULL;
    }
    heap_remove(&a->heap, e->pos);
    return e;
}

int64_t agenda_next_ms(const struct agenda *a) {
    const struct agenda_event *e = heap_min(&a->heap);
    return e == NULL ? INT64_MAX : e->at_ms;
}
