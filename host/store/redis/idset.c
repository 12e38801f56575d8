#include "store/redis/idset.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_CAP = 1024 };

// Where the id is, or its free slot.
static size_t slot_of(const struct job_id *slots, size_t cap, const struct job_id *id) {
    size_t at = (size_t)id_seed(id) & (cap - 1);
    while (!id_is_zero(&slots[at]) && !id_equal(&slots[at], id)) {
        at = (at + 1) & (cap - 1);
    }
    return at;
}

static int grow(struct idset *set) {
    size_t cap = set->cap == 0 ? FIRST_CAP : set->cap * 2;
    struct job_id *slots = calloc(cap, sizeof *slots);
    if (slots == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < set->cap; i++) {
        if (!id_is_zero(&set->slots[i])) {
            slots[slot_of(slots, cap, &set->slots[i])] = set->slots[i];
        }
    }
    free(set->slots);
    set->slots = slots;
    set->cap = cap;
    return 0;
}

int idset_add(struct idset *set, const struct job_id *id) {
    if (set->count + set->count / 2 >= set->cap && grow(set) < 0) {
        return -ENOMEM;
    }
    size_t at = slot_of(set->slots, set->cap, id);
    if (!id_is_zero(&set->slots[at])) {
        return 0;
    }
    set->slots[at] = *id;
    set->count++;
    return 1;
}

bool idset_has(const struct idset *set, const struct job_id *id) {
    return set->cap > 0 && !id_is_zero(&set->slots[slot_of(set->slots, set->cap, id)]);
}

void idset_free(struct idset *set) {
    free(set->slots);
    *set = (struct idset){.slots = NULL};
}
