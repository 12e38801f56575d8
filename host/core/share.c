#include "core/share.h"

#include "core/priority.h"

static bool is_before(const void *a, const void *b) {
    const struct share_flow *f = a, *g = b;
    return f->tag != g->tag ? f->tag < g->tag : f->turn < g->turn;
}

static bool is_older(const void *a, const void *b) {
    const struct share_flow *f = a, *g = b;
    return f->head_ms < g->head_ms;
}

static void set_tag_at(void *item, size_t at) {
    ((struct share_flow *)item)->tag_at = at;
}

static void set_age_at(void *item, size_t at) {
    ((struct share_flow *)item)->age_at = at;
}

void share_init(struct share *s) {
    *s = (struct share){.turn = 0};
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        s->bands[p].by_tag = (struct heap){.less = is_before, .set_pos = set_tag_at};
        s->bands[p].by_age = (struct heap){.less = is_older, .set_pos = set_age_at};
    }
}

void share_finish(struct share *s) {
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        heap_finish(&s->bands[p].by_tag);
        heap_finish(&s->bands[p].by_age);
    }
}

void share_flow_init(struct share_flow *f, enum job_priority priority, uint32_t weight) {
    *f = (struct share_flow){
        .weight = weight, .priority = priority, .tag_at = HEAP_NOWHERE, .age_at = HEAP_NOWHERE};
}

bool share_is_waiting(const struct share_flow *f) {
    return f->tag_at != HEAP_NOWHERE;
}

static void drop(struct heap *h, size_t at) {
    if (at != HEAP_NOWHERE) {
        heap_remove(h, at);
    }
}

static int enter(struct share *s, struct share_band *b, struct share_flow *f) {
    f->tag = f->tag > b->now ? f->tag : b->now;
    f->turn = s->comers++;
    int r = heap_add(&b->by_tag, f);
    if (r == 0) {
        r = heap_add(&b->by_age, f);
        if (r < 0) {
            drop(&b->by_tag, f->tag_at);
        }
    }
    return r;
}

int share_wait(struct share *s, struct share_flow *f, int64_t head_ms) {
    struct share_band *b = &s->bands[f->priority];
    head_ms = head_ms > 0 ? head_ms : 1; // 0 is nobody's
    if (!share_is_waiting(f)) {
        f->head_ms = head_ms;
        return enter(s, b, f);
    }
    if (f->head_ms != head_ms) {
        drop(&b->by_age, f->age_at);
        f->head_ms = head_ms;
        (void)heap_add(&b->by_age, f); // where there was room for it
    }
    return 0;
}

void share_leave(struct share *s, struct share_flow *f) {
    struct share_band *b = &s->bands[f->priority];
    drop(&b->by_tag, f->tag_at);
    drop(&b->by_age, f->age_at);
    if (b->by_tag.len == 0) {
        b->now = b->last; // the next ones begin anew, so that all tags have passed
    }
}

struct share_flow *share_first(const struct share *s, enum job_priority priority) {
    return heap_min(&s->bands[priority].by_tag);
}

struct share_flow *share_oldest(const struct share *s, enum job_priority priority) {
    return heap_min(&s->bands[priority].by_age);
}

struct share_flow *share_next(const struct share *s, int64_t now_ms) {
    int64_t heads[PRIORITY_COUNT] = {0};
    uint32_t take[PRIORITY_COUNT];
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        const struct share_flow *oldest = share_oldest(s, (enum job_priority)p);
        heads[p] = oldest == NULL ? 0 : oldest->head_ms;
    }
    priority_split(1, heads, s->turn, now_ms, take);
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        if (take[p] > 0) {
            return share_first(s, (enum job_priority)p);
        }
    }
    return NULL;
}

static int64_t cost_of(const struct share_flow *f) {
    uint32_t weight = f->weight < 1 ? 1 : f->weight;
    return SHARE_UNIT / (weight > SHARE_WEIGHT_MAX ? SHARE_WEIGHT_MAX : weight);
}

void share_start(struct share *s, struct share_flow *f, int64_t head_ms) {
    struct share_band *b = &s->bands[f->priority];
    drop(&b->by_tag, f->tag_at);
    drop(&b->by_age, f->age_at);
    s->turn++;
    b->now = f->tag > b->now ? f->tag : b->now;
    f->tag += cost_of(f);
    b->last = f->tag > b->last ? f->tag : b->last;
    if (head_ms != 0) {
        (void)share_wait(s, f, head_ms); // where there was room for it
    } else {
        share_leave(s, f);
    }
}

size_t share_ahead(const struct share *s, const struct share_flow *f) {
    const struct heap *h = &s->bands[f->priority].by_tag;
    size_t count = 0;
    for (size_t i = 0; i < h->len; i++) {
        count += is_before(h->items[i], f);
    }
    return count;
}

bool share_may_forget(const struct share *s, const struct share_flow *f) {
    return !share_is_waiting(f) && f->tag <= s->bands[f->priority].now;
}
