// References that were held some hours ago: does their job name the blob so? Input files are held
// before their job is a parcel, so one that waits in an outbox names them, too.
//
//     parcel_waits, some queues after the others ─▶ blob_named ─▶ blob_looked
//
// In this order, since a parcel that is delivered in between is a job before it is gone.
#include <errno.h>
#include <string.h>

#include "store/redis/blob_private.h"
#include "store/redis/queue_set.h"

enum { QUEUES_A_CALL = 100 };

struct looking {
    struct redis_blob_reference *refs;
    bool *waits;       /* its job is a parcel */
    unsigned *numbers; /* of their queues in the call, from 1; 0: nobody here can look now */
    size_t count;
    struct redis_queue_set queues;
    struct redis_queue **all;
    size_t all_count, begun, now;
};

struct bytes *redis_blob_texts(const struct redis_reply *list, struct arena *a, size_t *ret_count) {
    size_t count = redis_reply_is(list, REDIS_ARRAY) ? list->count : 0;
    struct bytes *texts = arena_alloc(a, (count + 1) * sizeof *texts);
    *ret_count = count;
    for (size_t i = 0; i < count && texts != NULL; i++) {
        texts[i] = arena_bytes(a, redis_reply_text(&list->items[i]));
        texts = texts[i].len > 0 && texts[i].data == NULL ? NULL : texts;
    }
    return texts;
}

bool redis_blob_reference_parse(struct bytes text, struct redis_blob_reference *ret) {
    *ret = (struct redis_blob_reference){.text = text};
    if (text.len <= BLOBFILE_SHA_TEXT + 1) {
        return false;
    }
    const char *p = text.data, *name = p + BLOBFILE_SHA_TEXT + 1;
    size_t left = text.len - BLOBFILE_SHA_TEXT - 1;
    char hex[BLOBFILE_SHA_TEXT + 1];
    memcpy(hex, p, BLOBFILE_SHA_TEXT);
    hex[BLOBFILE_SHA_TEXT] = '\0';
    const char *blank = memchr(name, ' ', left);
    size_t len = blank == NULL ? 0 : (size_t)(blank - name);
    if (name[-1] != ' ' || !blobfile_sha_parse(hex, ret->sha256) || blank == NULL ||
        left < len + JOB_ID_TEXT + 3 || blank[1 + JOB_ID_TEXT] != ' ') {
        return false;
    }
    ret->queue = (struct bytes){name, len};
    ret->hex = (struct bytes){p, BLOBFILE_SHA_TEXT};
    ret->id = (struct bytes){blank + 1, JOB_ID_TEXT};
    ret->what = (struct bytes){blank + JOB_ID_TEXT + 2, left - len - JOB_ID_TEXT - 2};
    return true;
}

// The number of a queue in the call, from 1; 0: this host does not know it, or the call has no room.
static unsigned number_of(struct redis_task *t, struct looking *l, struct bytes name) {
    char text[JOB_QUEUE_MAX + 1];
    if (name.len > JOB_QUEUE_MAX) {
        return 0;
    }
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    struct redis_queue *q = redis_queues_find(&t->store->queues, text);
    return q == NULL ? 0 : redis_queue_set_add(&l->queues, q);
}

/* Tells what was seen: `seen` are the answers for those that have a queue. What nobody here can look
 * at is left for later, so that it does not stand in the way of others. */
static int tell(struct redis_task *t, void *arg, const struct redis_reply *seen, struct err *e) {
    const struct looking *l = arg;
    size_t at = 0;
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_blob_looked, NULL, NULL);
    (void)e;
    if (ask == NULL) {
        return 0;
    }
    redis_args_number(&ask->request.args, (int64_t)l->count);
    for (size_t i = 0; i < l->count; i++) {
        int64_t good = 1;
        if (l->numbers[i] != 0) {
            (void)redis_reply_integer(redis_reply_at(seen, at++), &good);
        }
        redis_args_number(&ask->request.args, good != 0 || l->waits[i]);
        redis_args_bytes(&ask->request.args, l->refs[i].text);
    }
    redis_ask_send(ask);
    return 0;
}

static void ask_jobs(struct redis_task *t, struct looking *l) {
    struct redis_ask *ask =
        redis_ask_over(t, REDIS_SCRIPT_blob_named, l->queues.list, l->queues.count, tell, l);
    if (ask == NULL) {
        return;
    }
    struct redis_args *a = &ask->request.args;
    size_t hole = redis_args_hole(a);
    int64_t asked = 0;
    for (size_t i = 0; i < l->count; i++) {
        const struct redis_blob_reference *ref = &l->refs[i];
        if (l->numbers[i] == 0) {
            continue;
        }
        asked++;
        redis_args_number(a, l->numbers[i]);
        redis_args_bytes(a, ref->id);
        redis_args_bytes(a, ref->what);
        redis_args_bytes(a, ref->hex);
        redis_args_bytes(a, (struct bytes){ref->sha256, sizeof ref->sha256});
    }
    redis_args_fill(a, hole, asked);
    redis_ask_send(ask);
}

static bool is_file(const struct redis_blob_reference *ref) {
    return ref->what.len > 0 && *(const char *)ref->what.data == 'f';
}

static void ask_parcels(struct redis_task *t, struct looking *l);

static int take_parcels(struct redis_task *t, void *arg, const struct redis_reply *reply,
                        struct err *e) {
    struct looking *l = arg;
    size_t at = 0;
    for (size_t i = 0; i < l->count; i++) {
        int64_t waits = 0;
        if (is_file(&l->refs[i]) && !redis_reply_integer(redis_reply_at(reply, at++), &waits)) {
            return redis_ask_odd(t, e);
        }
        l->waits[i] = l->waits[i] || waits != 0;
    }
    l->begun += l->now;
    ask_parcels(t, l);
    return 0;
}

static void ask_parcels(struct redis_task *t, struct looking *l) {
    size_t left = l->all_count - l->begun;
    int64_t files = 0;
    for (size_t i = 0; i < l->count; i++) {
        files += is_file(&l->refs[i]);
    }
    if (left == 0 || files == 0) {
        ask_jobs(t, l);
        return;
    }
    l->now = left < QUEUES_A_CALL ? left : QUEUES_A_CALL;
    struct redis_ask *ask =
        redis_ask_over(t, REDIS_SCRIPT_parcel_waits, l->all + l->begun, l->now, take_parcels, l);
    if (ask == NULL) {
        return;
    }
    redis_args_number(&ask->request.args, files);
    for (size_t i = 0; i < l->count; i++) {
        if (is_file(&l->refs[i])) {
            redis_args_bytes(&ask->request.args, l->refs[i].id);
        }
    }
    redis_ask_send(ask);
}

static struct looking *prepare(struct redis_task *t, const struct redis_reply *refs) {
    struct arena *a = &t->op->arena;
    struct looking *l = arena_zalloc(a, sizeof *l);
    struct bytes *texts = l == NULL ? NULL : redis_blob_texts(refs, a, &l->count);
    if (texts == NULL) {
        return NULL;
    }
    l->refs = arena_zalloc(a, (l->count + 1) * sizeof *l->refs);
    l->numbers = arena_zalloc(a, (l->count + 1) * sizeof *l->numbers);
    l->waits = arena_zalloc(a, (l->count + 1) * sizeof *l->waits);
    // SWEEP has read jh:queues: what is to be looked at now was held long before
    l->all = redis_store_queues(t->store, a, &l->all_count);
    if (l->refs == NULL || l->numbers == NULL || l->waits == NULL ||
        (l->all == NULL && l->all_count > 0)) {
        return NULL;
    }
    for (size_t i = 0; i < l->count; i++) {
        if (redis_blob_reference_parse(texts[i], &l->refs[i])) {
            l->numbers[i] = number_of(t, l, l->refs[i].queue);
        }
    }
    return l;
}

void redis_blobs_look(struct redis_task *t, const struct redis_reply *refs) {
    struct looking *l = prepare(t, refs);
    if (l == NULL) {
        redis_ask_no_memory(t);
    } else if (l->queues.count > 0) {
        ask_parcels(t, l);
    } else if (l->count > 0) {
        struct err e;
        (void)tell(t, l, NULL, &e);
    }
}
