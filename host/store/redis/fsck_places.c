#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/redis/fsck.h"

// Lists are read from their tails: what is popped in front meanwhile moves nothing, and what is
// pushed behind only makes some entries come again. None is passed over, unless something is taken
// out of the middle, which nobody does in a list of more than SEARCHED_MAX (lua/lib/place.lua).
//
// Where a place is in the part `places`: the lists, the ZSETs, then the lists that stand aside.
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

// All lists that may stand aside: of each type and priority.
static int take_types(struct redis_fsck *f, const struct redis_reply *reply) {
    static const char *const priorities[] = {"high", "normal", "low"};
    const char *structures = f->queues[f->at.queue].queue->structures;
    if (!redis_reply_is(reply, REDIS_ARRAY)) {
        return -EPROTO;
    }
    f->at.asides = arena_alloc(&f->arena, (reply->count * 3 + 1) * sizeof *f->at.asides);
    f->at.asides_known = true;
    for (size_t i = 0; f->at.asides != NULL && i < reply->count; i++) {
        struct bytes type = redis_reply_text(&reply->items[i]);
        const char *colon = type.len == 0 ? NULL : memchr(type.data, ':', type.len);
        int len = colon == NULL ? (int)type.len : (int)(colon - (const char *)type.data);
        for (size_t p = 0; p < 3; p++) {
            const char *name = arena_printf(&f->arena, "%squeue:aside:%s:%.*s", structures,
                                            priorities[p], len, (const char *)type.data);
            if (name == NULL) {
                return -ENOMEM;
            }
            f->at.asides[f->at.aside_count++] = name;
        }
    }
    return f->at.asides == NULL ? -ENOMEM : 0;
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
