#include "config/config_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int config_origin_add(struct config_private *p, const struct config_origin *origin) {
    if (p->origin_count == p->origin_cap) {
        size_t cap = p->origin_cap == 0 ? 64 : p->origin_cap * 2;
        struct config_origin *grown = realloc(p->origins, cap * sizeof(*grown));
        if (grown == NULL) {
            return -ENOMEM;
        }
        p->origins = grown;
        p->origin_cap = cap;
    }
    p->origins[p->origin_count++] = *origin;
    return 0;
}

static int by_slot(const void *a, const void *b) {
    uintptr_t x = (uintptr_t)((const struct config_origin *)a)->slot;
    uintptr_t y = (uintptr_t)((const struct config_origin *)b)->slot;
    return (x > y) - (x < y);
}

void config_origins_sort(struct config_private *p) {
    if (p->origin_count > 1) {
        qsort(p->origins, p->origin_count, sizeof(p->origins[0]), by_slot);
    }
}

const struct config_origin *config_origin_find(const struct config_private *p, const void *slot) {
    struct config_origin key = {.slot = slot};
    return p->origin_count == 0 ? NULL
                                : bsearch(&key, p->origins, p->origin_count, sizeof(key), by_slot);
}

int config_variable_add(struct config_private *p, const char *name) {
    for (size_t i = 0; i < p->variable_count; i++) {
        if (strcmp(p->variables[i], name) == 0) {
            return 0;
        }
    }
    if (p->variable_count == p->variable_cap) {
        size_t cap = p->variable_cap == 0 ? 16 : p->variable_cap * 2;
        const char **grown = realloc(p->variables, cap * sizeof(*grown));
        if (grown == NULL) {
            return -ENOMEM;
        }
        p->variables = grown;
        p->variable_cap = cap;
    }
    p->variables[p->variable_count++] = name;
    return 0;
}

void config_private_free(struct config_private *p) {
    if (p != NULL) {
        config_vault_free(&p->vault);
        arena_wipe(&p->arena);
        free(p->origins);
        free(p->variables);
        free(p);
    }
}

size_t config_secret_variables(const struct config *c, const char *const **ret_names) {
    *ret_names = c->priv->variables;
    return c->priv->variable_count;
}
