#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/redis/fsck.h"

// Lists are read from their tails: what is popped in front meanwhile moves nothing, and what is
// pushed behind only makes some entries come again. None is passed over, unless something is taken
// out of the middle, which nobody does in a list of more than SEARCHED_MAX (lua/lib/place.lua).
//
// Where a place is in the part `places`: the lists, the ZSETs, then the lists that stand aside, and those of tenants.
enum { LISTS = 3, ZSETS = 8, PLACES = LISTS + ZSETS };
static const char *const zsets[ZSETS] = {"scheduled", "processing", "parked",    "dlq",
                                         "succeeded", "cancelled",  "duplicate", "dlq:expiry"};

static int met(struct redis_fsck *f, const struct redis_reply *entry, enum fsck_met how) {
    struct redis_queue *q = f->queues[f->at.queue].queue;
    struct bytes text = redis_reply_text(entry);
    struct job_id id;
    bool is_id = id_parse(text.data, &id) == 0;
    if (f->once_more) {
        int r = is_id ? idset_add(&f->listed, &id) : 0;
        return r < 0 ? r : 0;
    }
    if (!is_id) {
        char words[160];
        (void)snprintf(words, sizeof words, "queue %s: \"%.40s\" is no id", q->name,
                       (const char *)text.data);
        return redis_fsck_report(f, bytes_of("orphan_entry"), NULL, false, bytes_of(words));
    }
    return redis_fsck_met(f, q, &id, how);
}

static void next_place(struct redis_fsck *f) {
    f->at.place++;
    f->at.offset = 0;
    f->at.cursor[0] = '\0';
}

static int take_list(struct redis_fsck *f, const struct redis_reply *reply) {
    int r = redis_reply_is(reply, REDIS_ARRAY) ? 0 : -EPROTO;
    for (size_t i = 0; r == 0 && i < reply->count; i++) {
        r = met(f, &reply->items[i], FSCK_MET_LIST);
    }
    if (r == 0 && reply->count == FSCK_PIECE) {
        f->at.offset += FSCK_PIECE;
    } else {
        next_place(f);
    }
    return r;
}

static int ask_list(struct redis_fsck *f, const char *name) {
    redis_request_begin(&f->request, "LRANGE");
    redis_args_text(&f->request.args, name);
    redis_args_number(&f->request.args, -f->at.offset - FSCK_PIECE);
    redis_args_number(&f->request.args, -f->at.offset - 1);
    return redis_fsck_ask(f, take_list);
}

static int take_zset(struct redis_fsck *f, const struct redis_reply *reply) {
    const struct redis_reply *pairs = redis_reply_at(reply, 1);
    int r = redis_fsck_take_cursor(f, reply) ? 0 : -EPROTO;
    for (size_t i = 0; r == 0 && i < pairs->count; i += 2) {
        r = met(f, &pairs->items[i], FSCK_MET_ELSEWHERE);
    }
    if (redis_fsck_at_end(f)) {
        next_place(f);
    }
    return r;
}

static int add_aside(struct redis_fsck *f, const char *name) {
    struct fsck_spot *at = &f->at;
    if (name != NULL && at->aside_count == at->aside_cap) {
        size_t cap = at->aside_cap == 0 ? 64 : at->aside_cap * 2;
        const char **more = arena_alloc(&f->arena, cap * sizeof *more);
        if (more == NULL) {
            return -ENOMEM;
        }
        if (at->aside_count > 0) {
            memcpy(more, at->asides, at->aside_count * sizeof *more);
        }
        at->asides = more;
        at->aside_cap = cap;
    }
    if (name != NULL) {
        at->asides[at->aside_count++] = name;
    }
    return name == NULL ? -ENOMEM : 0;
}

// "type", "type:high", and behind those ":user" where tenants have lines.
static int take_field(struct redis_fsck *f, struct bytes field) {
    static const char *const priorities[] = {"high", "normal", "low"};
    const char *structures = f->queues[f->at.queue].queue->structures;
    size_t len = redis_lane_type(field);
    bool in_lines = false;
    enum job_priority band = redis_lane_priority(field, &in_lines);
    int r = 0;
    for (size_t p = 0; p < ARRAY_LEN(priorities) && r == 0; p++) {
        r = add_aside(f, arena_printf(&f->arena, "%squeue:aside:%s:%.*s", structures, priorities[p],
                                      (int)len, (const char *)field.data));
    }
    if (r == 0 && in_lines) {
        const char *name = arena_printf(&f->arena, "%s:%.*s", priority_name((int)band), (int)len,
                                        (const char *)field.data);
        f->at.bands[f->at.band_count++] = name;
        r = name == NULL ? -ENOMEM : 0;
    }
    return r;
}

// All lists that may stand aside, of each type and priority; and where tenants wait.
static int take_types(struct redis_fsck *f, const struct redis_reply *reply) {
    if (!redis_reply_is(reply, REDIS_ARRAY)) {
        return -EPROTO;
    }
    f->at.asides_known = true;
    f->at.bands = arena_alloc(&f->arena, (reply->count + 1) * sizeof *f->at.bands);
    int r = f->at.bands == NULL ? -ENOMEM : 0;
    for (size_t i = 0; r == 0 && i < reply->count; i++) {
        r = take_field(f, redis_reply_text(&reply->items[i]));
    }
    return r;
}

// Tenants of a band: each has a line.
static int take_users(struct redis_fsck *f, const struct redis_reply *reply) {
    const struct redis_reply *pairs = redis_reply_at(reply, 1);
    const char *structures = f->queues[f->at.queue].queue->structures;
    int r = redis_fsck_take_cursor(f, reply) ? 0 : -EPROTO;
    for (size_t i = 0; r == 0 && i < pairs->count; i += 2) {
        struct bytes user = redis_reply_text(&pairs->items[i]);
        r = add_aside(f, arena_printf(&f->arena, "%squeue:user:%s:%.*s", structures,
                                      f->at.bands[f->at.band], (int)user.len,
                                      (const char *)user.data));
    }
    if (redis_fsck_at_end(f)) {
        f->at.band++;
        f->at.cursor[0] = '\0';
    }
    return r;
}

static int ask_users(struct redis_fsck *f, const struct redis_queue *q) {
    const char *place = arena_printf(&f->arena, "queue:users:%s", f->at.bands[f->at.band]);
    if (place == NULL) {
        return -ENOMEM;
    }
    redis_fsck_scan(f, "HSCAN", q->structures, place, FSCK_PIECE);
    return redis_fsck_ask(f, take_users);
}

static int ask_place(struct redis_fsck *f, const struct redis_queue *q) {
    static const char *const bands[LISTS] = {[1] = "queue:high", [2] = "queue:low"};
    size_t place = f->at.place;
    if (place == 0) {
        return ask_list(f, q->normal);
    }
    if (place < LISTS) {
        char name[256];
        (void)snprintf(name, sizeof name, "%s%s", q->structures, bands[place]);
        return ask_list(f, name);
    }
    redis_fsck_scan(f, "ZSCAN", q->structures, zsets[place - LISTS], FSCK_PIECE);
    return redis_fsck_ask(f, take_zset);
}

int redis_fsck_places(struct redis_fsck *f) {
    for (; f->at.queue < f->queue_count; f->at = (struct fsck_spot){.queue = f->at.queue + 1}) {
        struct redis_queue *q = f->queues[f->at.queue].queue;
        if (f->once_more && f->at.place == LISTS) {
            f->at.place = PLACES;
        }
        if (f->at.place < PLACES) {
            return ask_place(f, q);
        }
        if (!f->at.asides_known) {
            redis_request_begin(&f->request, "HKEYS");
            redis_args_printf(&f->request.args, "%stypes", q->structures);
            return redis_fsck_ask(f, take_types);
        }
        if (f->at.band < f->at.band_count) {
            return ask_users(f, q);
        }
        if (f->at.place - PLACES < f->at.aside_count) {
            return ask_list(f, f->at.asides[f->at.place - PLACES]);
        }
    }
    return 0;
}

/* ------------------------------------------------------------------ once more */

// Queued jobs that may be in a list which is too long to be searched for each of them: all lists are
// read again. A job that was in none, and is as it was before, is in no list: its entry would have
// stood there all the while, or been moved from a list to one that stands aside, which is read later.
int redis_fsck_lists(struct redis_fsck *f) {
    if (f->unsure.count == 0) {
        return 0;
    }
    f->once_more = true;
    int r = redis_fsck_places(f); // 0, again and again, once they are read
    while (r == 0 && f->unsure.count > 0 && f->jobs.count < FSCK_JOBS) {
        const struct fsck_item *item = &f->unsure.list[--f->unsure.count];
        r = idset_has(&f->listed, &item->id) ? 0 : redis_fsck_add(&f->jobs, *item);
    }
    return r != 0 || f->jobs.count == 0 ? r : redis_fsck_look_at_jobs(f);
}
