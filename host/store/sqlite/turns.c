#include "store/sqlite/turns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "store/sqlite/place.h"

static struct turn *turn_of(struct share_flow *f) {
    return f == NULL ? NULL : CONTAINER_OF(f, struct turn, flow);
}

static int64_t plain_place(const struct lane *lane, int p) {
    return place_number((struct place){.state = JOB_QUEUED}, lane->id, (enum job_priority)p);
}

// FNV-1a, with all of its bits mixed into those that are kept.
int64_t turns_number(struct bytes tenant) {
    const unsigned char *text = tenant.data;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < tenant.len; i++) {
        h = (h ^ text[i]) * UINT64_C(0x100000001b3);
    }
    h = (h ^ (h >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
    int64_t number = (int64_t)(h >> (64 - TURNS_SHIFT));
    return number == 0 ? 1 : number;
}

static uint32_t weight_of(const struct lane *lane, int64_t place) {
    const struct store_queue_setup *setup = lane->queue->setup;
    int64_t number = place & ((INT64_C(1) << TURNS_SHIFT) - 1);
    for (size_t i = 0; setup != NULL && i < setup->weight_count; i++) {
        const char *tenant = setup->weights[i].tenant;
        if (turns_number((struct bytes){tenant, strlen(tenant)}) == number) {
            return setup->weights[i].weight;
        }
    }
    return 1;
}

/* ------------------------------------------------------------------ made and let go */

static struct turn *turn_new(struct lane *lane, enum job_priority p, int64_t place) {
    struct turn *turn = calloc(1, sizeof *turn);
    if (turn == NULL) {
        return NULL;
    }
    share_flow_init(&turn->flow, p, weight_of(lane, place));
    turn->place = place;
    turn->cursor = &turn->own;
    turn->own = (struct band){INT64_MIN, INT64_MIN};
    HASH_ADD(hh, lane->turns->by_place, place, sizeof turn->place, turn);
    if (hash_failed(&turn->hh)) {
        free(turn);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&lane->turns->idle, turn, of_idle);
    return turn;
}

static bool is_plain(const struct turn *turn) {
    return turn->cursor != &turn->own;
}

static struct turn *turn_get(struct lane *lane, enum job_priority p, int64_t place) {
    struct turn *turn = &lane->turns->plain[p];
    if (place != turn->place) {
        HASH_FIND(hh, lane->turns->by_place, &place, sizeof place, turn);
        turn = turn != NULL ? turn : turn_new(lane, p, place);
    }
    return turn;
}

static int make(struct lane *lane) {
    if (lane->turns != NULL) {
        return 0;
    }
    struct turns *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return -ENOMEM;
    }
    share_init(&t->share);
    TAILQ_INIT(&t->idle);
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        share_flow_init(&t->plain[p].flow, (enum job_priority)p, 1);
        t->plain[p].place = plain_place(lane, p);
        t->plain[p].cursor = &lane->cursor[p];
    }
    lane->turns = t;
    return 0;
}

void turns_free(struct lane *lane) {
    struct turns *t = lane->turns;
    if (t == NULL) {
        return;
    }
    struct turn *turn = t->by_place;
    HASH_CLEAR(hh, t->by_place);
    while (turn != NULL) {
        struct turn *next = turn->hh.next;
        free(turn);
        turn = next;
    }
    share_finish(&t->share);
    free(t);
    lane->turns = NULL;
}

// Each start leaves one more here at most, so two looks a claim keep up with them.
void turns_forget(struct lane *lane) {
    struct turns *t = lane->turns;
    unsigned looks = 2;
    while (t != NULL && looks > 0 && !TAILQ_EMPTY(&t->idle)) {
        struct turn *turn = TAILQ_FIRST(&t->idle);
        TAILQ_REMOVE(&t->idle, turn, of_idle);
        if (share_may_forget(&t->share, &turn->flow)) {
            HASH_DEL(t->by_place, turn);
            free(turn);
        } else {
            looks--;
            TAILQ_INSERT_TAIL(&t->idle, turn, of_idle);
        }
    }
    if (t != NULL && t->by_place == NULL) {
        turns_free(lane);
    }
}

/* ------------------------------------------------------------------ who waits */

void turns_wait(struct lane *lane, struct turn *turn, int64_t head_ms) {
    struct turns *t = lane->turns;
    bool was = share_is_waiting(&turn->flow);
    if (head_ms == 0) {
        share_leave(&t->share, &turn->flow);
    } else if (share_wait(&t->share, &turn->flow, head_ms) < 0) {
        lane->turns_known = false; // without memory: it is looked for again
    }
    bool is = share_is_waiting(&turn->flow);
    if (was == is || is_plain(turn)) {
        return;
    }
    if (is) {
        TAILQ_REMOVE(&t->idle, turn, of_idle);
    } else {
        TAILQ_INSERT_TAIL(&t->idle, turn, of_idle);
    }
}

void turns_start(struct lane *lane, struct turn *turn, int64_t head_ms) {
    struct turns *t = lane->turns;
    share_start(&t->share, &turn->flow, head_ms);
    if (head_ms == 0 && !is_plain(turn)) {
        TAILQ_INSERT_TAIL(&t->idle, turn, of_idle);
    }
}

// The lane's first tenant comes, with a job that is counted: others that wait were there before.
static int begin(struct lane *lane, enum job_priority comes) {
    int r = make(lane);
    for (int p = 0; p < PRIORITY_COUNT && r == 0; p++) {
        if (lanes_waiting(lane, p) > (p == (int)comes)) {
            turns_wait(lane, &lane->turns->plain[p], 1);
        }
    }
    return r;
}

void turns_ready(struct lane *lane, enum job_priority p, int64_t place, struct band at) {
    bool plain = place == plain_place(lane, (int)p);
    if (plain) {
        lanes_rewind(&lane->cursor[p], at);
    }
    if (!lane->turns_known || (plain && lane->turns == NULL)) {
        return; // who reads the index finds it
    }
    int r = lane->turns == NULL ? begin(lane, p) : 0;
    struct turn *turn = r < 0 ? NULL : turn_get(lane, p, place);
    if (turn == NULL) {
        lane->turns_known = false;
        return;
    }
    lanes_rewind(turn->cursor, at);
    bool waits = share_is_waiting(&turn->flow);
    if (!waits || at.at_ms < turn->flow.head_ms) {
        turns_wait(lane, turn, at.at_ms);
    }
}

/* ------------------------------------------------------------------ read anew */

// A line as it stands in the index. Claimed jobs are in it too: whoever takes from it passes over them.
struct line {
    int64_t place;
    struct band head;
};
struct lines {
    struct line *all;
    size_t count, cap;
};

static int add_line(struct lines *to, const struct line *line) {
    if (to->count == to->cap) {
        size_t cap = to->cap == 0 ? 16 : to->cap * 2;
        struct line *all = realloc(to->all, cap * sizeof *all);
        if (all == NULL) {
            return -ENOMEM;
        }
        to->all = all;
        to->cap = cap;
    }
    to->all[to->count++] = *line;
    return 0;
}

// The first line behind a place: 1, or 0: there is none before the end.
static int next_line(struct conn *c, int64_t after, int64_t end, struct line *ret) {
    sqlite3_stmt *s = conn_stmt(c, SQL_NEXT_LINE);
    bind_int(s, 1, after);
    bind_int(s, 2, end);
    int r = conn_next(c, SQL_NEXT_LINE);
    if (r > 0) {
        *ret = (struct line){sqlite3_column_int64(s, 0),
                             {sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2)}};
        conn_reset(c, SQL_NEXT_LINE);
    }
    return r;
}

// Places in [first, last].
static int read_lines(struct conn *c, int64_t first, int64_t last, struct lines *ret) {
    struct line line = {.place = first - 1};
    int r = 0;
    while (r == 0 && (r = next_line(c, line.place, last + 1, &line)) > 0) {
        r = add_line(ret, &line);
    }
    return r;
}

static int who_came_first(const void *a, const void *b) {
    const struct band *x = &((const struct line *)a)->head, *y = &((const struct line *)b)->head;
    if (x->at_ms != y->at_ms) {
        return x->at_ms < y->at_ms ? -1 : 1;
    }
    return (x->rid > y->rid) - (x->rid < y->rid);
}

static int enter_line(struct lane *lane, enum job_priority p, const struct line *line) {
    struct turn *turn = turn_get(lane, p, line->place);
    if (turn == NULL) {
        return -ENOMEM;
    }
    *turn->cursor = (struct band){INT64_MIN, INT64_MIN};
    turns_wait(lane, turn, line->head.at_ms > 0 ? line->head.at_ms : 1);
    return 0;
}

// As if they came in the order of their first jobs. A band without tenants takes no turns.
static int load_band(struct lane *lane, struct conn *c, enum job_priority p) {
    int64_t plain = plain_place(lane, (int)p);
    struct lines lines = {.all = NULL};
    int r = read_lines(c, turns_place(plain, 1), turns_place(plain + 1, 1) - 2, &lines);
    bool turns = lines.count > 0 || lane->turns != NULL;
    r = r < 0 || !turns ? r : read_lines(c, plain, plain, &lines);
    r = r < 0 || !turns ? r : make(lane);
    if (lines.count > 0) {
        qsort(lines.all, lines.count, sizeof *lines.all, who_came_first);
    }
    for (size_t i = 0; i < lines.count && r == 0; i++) {
        r = enter_line(lane, p, &lines.all[i]);
    }
    free(lines.all);
    return r;
}

// Twice, where a later band is the first to have tenants: those before it take turns then too.
int turns_load(struct lane *lane, struct conn *c) {
    int r = 0;
    if (lane->turns_known) {
        return 0;
    }
    lane->turns_known = true;
    bool had = lane->turns != NULL;
    for (int p = 0; p < PRIORITY_COUNT && r == 0; p++) {
        r = load_band(lane, c, (enum job_priority)p);
        if (lane->turns != NULL && !had) {
            had = true;
            p = -1;
        }
    }
    lane->turns_known = lane->turns_known && r == 0;
    return r == -ENOMEM ? conn_no_memory(c) : r;
}

struct turn *turns_first(const struct lane *lane, enum job_priority p) {
    return turn_of(share_first(&lane->turns->share, p));
}

struct turn *turns_oldest(const struct lane *lane, enum job_priority p) {
    return turn_of(share_oldest(&lane->turns->share, p));
}
