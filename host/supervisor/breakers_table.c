// The table of those that are not closed.
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/breakers_private.h"

struct breaker_entry *breakers_find(const struct breakers *b, const char *name) {
    struct breaker_entry *e;
    HASH_FIND_STR(b->open, name, e);
    return e;
}

struct breaker_entry *breakers_add(struct breakers *b, const char *name) {
    enum breaker_kind kind;
    const char *scope;
    bool may =
        HASH_COUNT(b->open) < STORE_BREAKERS_MAX && breaker_name_split(name, &kind, &scope) == 0;
    struct breaker_entry *e = may ? calloc(1, sizeof *e) : NULL;
    if (e != NULL) {
        (void)snprintf(e->name, sizeof e->name, "%s", name);
        e->kind = kind;
        b->of_kind[kind]++;
        HASH_ADD_STR(b->open, name, e);
    }
    return e;
}

void breakers_drop(struct breakers *b, struct breaker_entry *e) {
    b->of_kind[e->kind]--;
    HASH_DEL(b->open, e);
    free(e);
}
