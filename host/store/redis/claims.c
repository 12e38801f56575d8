#include "store/redis/claims.h"

#include <errno.h>
#include <stdlib.h>

enum { SPARE_MAX = 1024 }; // claims whose memory is kept: about 4 MB

/* ------------------------------------------------------------------ copies */

struct copying {
    struct arena *arena;
    bool failed;
};

static void copy_text(struct copying *c, const char **text) {
    const char *from = *text;
    if (from != NULL) {
        *text = arena_str(c->arena, from);
        c->failed = c->failed || *text == NULL;
    }
}

static void copy_life(struct copying *c, struct redis_life *life) {
    copy_text(c, &life->progress.message);
    copy_text(c, &life->error.code);
    copy_text(c, &life->error.message);
    copy_text(c, &life->error.scope);
    copy_text(c, &life->wait_key);
    copy_text(c, &life->wait_for);
    copy_text(c, &life->build);
    copy_text(c, &life->result_type);
    copy_text(c, &life->result_blob);
}

// Into an arena that is empty. 0 or -ENOMEM.
static int copy_job(struct arena *a, const struct redis_queue *queue, const struct redis_job *job,
                    struct redis_job *ret) {
    struct copying c = {.arena = a};
    *ret = *job;
    struct job_spec *spec = &ret->spec;
    spec->queue = queue->name;
    spec->payload = (struct bytes){NULL, 0};
    spec->content_type = spec->labels = spec->callback = NULL;
    spec->retry = NULL;
    spec->files = NULL;
    spec->file_count = 0;
    copy_text(&c, &spec->type);
    copy_text(&c, &spec->tenant);
    copy_text(&c, &spec->schedule);
    copy_text(&c, &spec->dedup_key);
    copy_text(&c, &spec->flow_id);
    copy_text(&c, &spec->flow_queue);
    copy_life(&c, &ret->life);
    return c.failed ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------ memory */

static struct redis_claim *claim_new(struct redis_claims *all) {
    struct redis_claim *claim = all->spare;
    if (claim == NULL) {
        return calloc(1, sizeof *claim);
    }
    struct arena arena = claim->arena;
    all->spare = claim->next_spare;
    all->spare_count--;
    *claim = (struct redis_claim){.arena = arena};
    return claim;
}

static void claim_free(struct redis_claim *claim) {
    redis_recalled_free(&claim->submitted);
    arena_free(&claim->arena);
    free(claim);
}

static void claim_keep(struct redis_claims *all, struct redis_claim *claim) {
    if (all->spare_count >= SPARE_MAX) {
        claim_free(claim);
        return;
    }
    redis_recalled_free(&claim->submitted);
    arena_reset(&claim->arena);
    claim->next_spare = all->spare;
    all->spare = claim;
    all->spare_count++;
}

void redis_claims_finish(struct redis_claims *all) {
    struct redis_claim *claim = all->by_id;
    HASH_CLEAR(hh, all->by_id);
    while (claim != NULL) {
        struct redis_claim *next = claim->hh.next;
        claim_free(claim);
        claim = next;
    }
    while (all->spare != NULL) {
        struct redis_claim *next = all->spare->next_spare;
        claim_free(all->spare);
        all->spare = next;
    }
    all->spare_count = 0;
}

/* ------------------------------------------------------------------ the claims */

struct redis_claim *redis_claims_find(const struct redis_claims *all, const struct job_id *id) {
    struct redis_claim *claim = NULL;
    HASH_FIND(hh, all->by_id, id, sizeof *id, claim);
    return claim;
}

struct redis_claim *redis_claims_add(struct redis_claims *all, struct redis_queue *queue,
                                     const struct redis_job *job) {
    struct redis_claim *older = redis_claims_find(all, &job->spec.id), *claim = claim_new(all);
    if (claim == NULL) {
        return NULL;
    }
    if (copy_job(&claim->arena, queue, job, &claim->job) < 0) {
        claim_keep(all, claim);
        return NULL;
    }
    claim->queue = queue;
    if (older != NULL) {
        redis_claims_end(all, older);
    }
    HASH_ADD(hh, all->by_id, job.spec.id, sizeof claim->job.spec.id, claim);
    if (hash_failed(&claim->hh)) {
        claim_keep(all, claim);
        return NULL;
    }
    return claim;
}

static void take_news(struct redis_life *life, const struct redis_life *news) {
    life->started_ms = news->started_ms;
    life->first_run_ms = news->first_run_ms != 0 ? news->first_run_ms : life->first_run_ms;
    life->pid = news->pid;
    life->build = news->build;
    if (news->progress.at_ms != 0) {
        life->progress = news->progress;
    }
}

// The strings move to an arena of their own, and the old ones go.
static int replace(struct redis_claim *claim, const struct redis_job *job) {
    struct arena arena = {.head = NULL};
    struct redis_job copy;
    if (copy_job(&arena, claim->queue, job, &copy) < 0) {
        arena_free(&arena);
        return -ENOMEM;
    }
    arena_free(&claim->arena);
    claim->arena = arena;
    claim->job = copy;
    return 0;
}

int redis_claims_update(struct redis_claims *all, struct redis_claim *claim,
                        const struct redis_job *job) {
    struct redis_job now = *job;
    (void)all;
    if (claim->told) {
        take_news(&now.life, &claim->job.life);
    }
    int r = replace(claim, &now);
    claim->told = claim->told && r != 0;
    return r;
}

int redis_claims_tell(struct redis_claims *all, struct redis_claim *claim,
                      const struct redis_life *life) {
    (void)all;
    if (!claim->busy) {
        struct redis_job now = claim->job;
        take_news(&now.life, life);
        return replace(claim, &now);
    }
    // the commit that is under way borrows the strings that are there: these come beside them
    struct redis_life news = {.started_ms = life->started_ms,
                              .first_run_ms = life->first_run_ms,
                              .pid = life->pid,
                              .build = life->build,
                              .progress = life->progress};
    struct copying c = {.arena = &claim->arena};
    copy_life(&c, &news);
    if (c.failed) {
        return -ENOMEM;
    }
    take_news(&claim->job.life, &news);
    claim->told = true;
    return 0;
}

void redis_claims_end(struct redis_claims *all, struct redis_claim *claim) {
    HASH_DEL(all->by_id, claim);
    claim_keep(all, claim);
}
