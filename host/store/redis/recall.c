#include "store/redis/recall.h"

#include <stdlib.h>

#include "store/hash.h"

enum {
    WORDS_MAX = 160,     // names and values of a job: no spec has as many
    SHARE_ONE = 1024,    // all of the last jobs
    SHARE_SLOWNESS = 32, // of how many jobs the last ones are
    HELPS_BELOW = SHARE_ONE / 8,
};

struct redis_recalled {
    struct job_id id;
    size_t size, count; // of `words` in bytes; how many
    UT_hash_handle hh;
    char words[]; // each: its length (uint16_t), its bytes, a NUL
};

static void take_out(struct redis_recall *all, struct redis_recalled *job) {
    HASH_DELETE(hh, all->by_id, job);
    all->bytes -= sizeof *job + job->size;
}

// The oldest, until no more than `most` bytes are left.
static void forget(struct redis_recall *all, size_t most) {
    while (all->by_id != NULL && all->bytes > most) {
        struct redis_recalled *job = all->by_id;
        take_out(all, job);
        if (all->by_id == job) {
            break; // never: it was the first. For who reads uthash's macros without knowing that
        }
        free(job);
    }
}

void redis_recall_finish(struct redis_recall *all) {
    forget(all, 0);
    redis_args_free(&all->words);
}

/* ------------------------------------------------------------------ in */

static void pack(const struct redis_args *a, char *p) {
    for (size_t i = 0; i < a->count; i++) {
        uint16_t len = (uint16_t)a->lens[i];
        memcpy(p, &len, sizeof len);
        memcpy(p + sizeof len, a->words[i], len);
        p += sizeof len + len;
        *p++ = '\0';
    }
}

static void add(struct redis_recall *all, const struct job_id *id, const struct redis_args *a) {
    size_t size = a->bytes + a->count * (sizeof(uint16_t) + 1);
    size_t most = all->bytes_max != 0 ? all->bytes_max : REDIS_RECALL_BYTES;
    struct redis_recalled *job = malloc(sizeof *job + size);
    if (job == NULL) {
        return;
    }
    *job = (struct redis_recalled){.id = *id, .size = size, .count = a->count};
    pack(a, job->words);
    HASH_ADD(hh, all->by_id, id, sizeof job->id, job);
    if (hash_failed(&job->hh)) {
        free(job);
        return;
    }
    all->bytes += sizeof *job + size;
    forget(all, most);
}

void redis_recall_add(struct redis_recall *all, const struct job_spec *spec, bool with_queue) {
    if (spec->file_count > 0 || spec->payload.len > REDIS_PAYLOAD_INLINE) {
        return;
    }
    struct redis_args *a = &all->words;
    struct redis_job job;
    jobhash_of_spec(spec, &job);
    redis_args_clear(a);
    redis_args_text(a, "id");
    redis_args_id(a, &spec->id);
    (void)jobhash_write_whole(&job, with_queue, a);
    struct redis_recalled *before = redis_recall_take(all, &spec->id);
    redis_recalled_free(&before);
    if (!a->failed && a->count <= WORDS_MAX && a->bytes <= REDIS_RECALL_JOB_MAX) {
        add(all, &spec->id, a);
    }
}

/* ------------------------------------------------------------------ out */

// The word at *at, behind which a NUL stands; *at is the next one then.
static struct bytes next_word(const char **at) {
    uint16_t len = 0;
    memcpy(&len, *at, sizeof len);
    struct bytes word = {*at + sizeof len, len};
    *at += sizeof len + len + 1;
    return word;
}

struct redis_recalled *redis_recall_take(struct redis_recall *all, const struct job_id *id) {
    struct redis_recalled *job = NULL;
    HASH_FIND(hh, all->by_id, id, sizeof *id, job);
    if (job != NULL) {
        take_out(all, job);
    }
    return job;
}

bool redis_recalled_read(const struct redis_recalled *from, struct arena *a,
                         struct redis_job *ret) {
    struct redis_reply items[WORDS_MAX];
    const char *at = from->words;
    struct err e;
    for (size_t i = 0; i < from->count; i++) {
        items[i] = (struct redis_reply){.kind = REDIS_STRING, .text = next_word(&at)};
    }
    const struct redis_reply all = {.kind = REDIS_ARRAY, .items = items, .count = from->count};
    return jobhash_read_waiting(&all, a, ret, &e) == 0;
}

void redis_recalled_put(const struct redis_recalled *from, struct redis_args *a) {
    const char *at = from->words;
    for (size_t i = 0; i < from->count; i++) {
        redis_args_bytes(a, next_word(&at));
    }
}

void redis_recalled_free(struct redis_recalled **r) {
    free(*r);
    *r = NULL;
}

void redis_recall_note(struct redis_recall *all, bool known) {
    unsigned now = known ? 0 : SHARE_ONE;
    all->missed = (all->missed * (SHARE_SLOWNESS - 1) + now) / SHARE_SLOWNESS;
}

bool redis_recall_helps(const struct redis_recall *all) {
    return all->by_id != NULL && all->missed < HELPS_BELOW;
}
