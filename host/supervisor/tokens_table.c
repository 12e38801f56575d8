#include <stdio.h>
#include <stdlib.h>

#include "supervisor/tokens_private.h"

struct tokens_entry *tokens_find(const struct tokens *t, const char *id) {
    struct tokens_entry *e;
    HASH_FIND_STR(t->all, id, e);
    return e;
}

void tokens_drop(struct tokens *t, struct tokens_entry *e) {
    t->unknown -= e->name == NULL;
    HASH_DEL(t->all, e);
    free(e->name);
    free(e->tenant);
    free(e->queues);
    free(e);
}

struct tokens_entry *tokens_add(struct tokens *t, const char *id) {
    struct tokens_entry *e = calloc(1, sizeof *e);
    if (e != NULL) {
        (void)snprintf(e->id, sizeof e->id, "%s", id);
        HASH_ADD_STR(t->all, id, e);
        t->unknown++;
    }
    return e;
}
