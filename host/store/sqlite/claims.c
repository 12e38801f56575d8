#include "store/sqlite/claims.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

void claims_init(struct claims *cs, pthread_mutex_t *lock) {
    *cs = (struct claims){.lock = lock};
}

static void keep_spare(struct claims *cs, struct claim *claim) {
    LL_PREPEND2(cs->spare, claim, next_ending);
}

static void free_list(struct claim *list) {
    while (list != NULL) {
        struct claim *next = list->next_ending;
        free(list);
        list = next;
    }
}

void claims_finish(struct claims *cs) {
    struct claim *claim = cs->by_rid;
    HASH_CLEAR(hh, cs->by_rid);
    while (claim != NULL) {
        struct claim *next = claim->hh.next;
        free(claim);
        claim = next;
    }
    free_list(cs->ending);
    free_list(cs->spare);
    *cs = (struct claims){.lock = cs->lock};
}

struct claim *claims_find(const struct claims *cs, int64_t rid) {
    struct claim *claim = NULL;
    HASH_FIND(hh, cs->by_rid, &rid, sizeof rid, claim);
    return claim;
}

bool claims_known(struct claims *cs, int64_t rid) {
    (void)pthread_mutex_lock(cs->lock);
    struct claim *claim = claims_find(cs, rid);
    if (claim == NULL) {
        LL_SEARCH_SCALAR2(cs->ending, claim, rid, rid, next_ending);
    }
    (void)pthread_mutex_unlock(cs->lock);
    return claim != NULL;
}

struct claim *claims_new(struct claims *cs) {
    struct claim *claim = cs->spare;
    if (claim == NULL) {
        return calloc(1, sizeof *claim);
    }
    cs->spare = claim->next_ending;
    *claim = (struct claim){.rid = 0};
    return claim;
}

int claims_add(struct claims *cs, struct claim *claim) {
    (void)pthread_mutex_lock(cs->lock);
    HASH_ADD(hh, cs->by_rid, rid, sizeof claim->rid, claim);
    (void)pthread_mutex_unlock(cs->lock);
    return hash_failed(&claim->hh) ? -ENOMEM : 0;
}

void claims_end(struct claims *cs, struct claim *claim) {
    (void)pthread_mutex_lock(cs->lock);
    HASH_DEL(cs->by_rid, claim);
    LL_PREPEND2(cs->ending, claim, next_ending);
    (void)pthread_mutex_unlock(cs->lock);
}

void claims_settle(struct claims *cs) {
    (void)pthread_mutex_lock(cs->lock);
    while (cs->ending != NULL) {
        struct claim *claim = cs->ending;
        cs->ending = claim->next_ending;
        keep_spare(cs, claim);
    }
    (void)pthread_mutex_unlock(cs->lock);
}

void claims_drop(struct claims *cs, struct claim *claim) {
    (void)pthread_mutex_lock(cs->lock);
    HASH_DEL(cs->by_rid, claim);
    keep_spare(cs, claim);
    (void)pthread_mutex_unlock(cs->lock);
}

void claims_restore(struct claims *cs, struct claim *claim) {
    (void)pthread_mutex_lock(cs->lock);
    LL_DELETE2(cs->ending, claim, next_ending);
    HASH_ADD(hh, cs->by_rid, rid, sizeof claim->rid, claim); // it has been in: there is room
    (void)pthread_mutex_unlock(cs->lock);
}

static int newest_first(const void *a, const void *b) {
    const struct claim_view *x = a, *y = b;
    return (x->rid < y->rid) - (x->rid > y->rid);
}

static struct claim_view view_of(const struct claim *c) {
    return (struct claim_view){c->rid, c->token, c->row_rev, c->started_ms};
}

int claims_view(struct claims *cs, struct claim_view **ret, size_t *ret_count) {
    (void)pthread_mutex_lock(cs->lock);
    struct claim *claim;
    size_t count = 0, n = HASH_COUNT(cs->by_rid);
    LL_FOREACH2(cs->ending, claim, next_ending) {
        n++;
    }
    struct claim_view *view = calloc(n + 1, sizeof *view);
    if (view != NULL) {
        for (claim = cs->by_rid; claim != NULL; claim = claim->hh.next) {
            view[count++] = view_of(claim);
        }
        LL_FOREACH2(cs->ending, claim, next_ending) {
            view[count++] = view_of(claim);
        }
    }
    (void)pthread_mutex_unlock(cs->lock);
    if (view == NULL) {
        return -ENOMEM;
    }
    qsort(view, count, sizeof *view, newest_first);
    *ret = view;
    *ret_count = count;
    return 0;
}

const struct claim_view *claims_view_find(const struct claim_view *view, size_t count, int64_t rid,
                                          uint32_t row_rev) {
    size_t lo = 0, hi = count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (view[mid].rid > rid) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    for (; lo < count && view[lo].rid == rid; lo++) {
        if (view[lo].row_rev == row_rev) {
            return &view[lo];
        }
    }
    return NULL;
}
