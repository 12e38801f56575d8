// What the ways of all schemes have in common: parameters and keys.

#include "intake/scheme.h"

#include <errno.h>
#include <string.h>

const char *way_param(const struct config_verify *c, const char *name, const char *fallback) {
    for (size_t i = 0; i < c->param_count; i++) {
        if (strcmp(c->params[i].name, name) == 0 && c->params[i].value != NULL) {
            return c->params[i].value;
        }
    }
    return fallback;
}

bool way_switch(const struct config_verify *c, const char *name) {
    return strcmp(way_param(c, name, "false"), "true") == 0;
}

int way_add_key(struct way *w, struct keyring *ring, enum mac_hash hash, struct bytes key,
                struct err *e) {
    if (key.len == 0) {
        return err_set(e, -EINVAL, "%s: an empty secret", w->scheme->name);
    }
    if (ring->count == VERIFY_KEYS_MAX) {
        return err_set(e, -EINVAL, "%s: more than %d secrets", w->scheme->name, VERIFY_KEYS_MAX);
    }
    struct mac *m = mac_new(hash, key);
    if (m == NULL) {
        return err_set(e, -ENOMEM, "%s: no memory for a key", w->scheme->name);
    }
    ring->macs[ring->count++] = m;
    return 0;
}

int way_text_keys(struct way *w, struct keyring *ring, const struct config_verify *c,
                  const char *name, enum mac_hash hash, struct err *e) {
    for (size_t i = 0; i < c->param_count; i++) {
        if (strcmp(c->params[i].name, name) != 0) {
            continue;
        }
        int r = way_add_key(w, ring, hash, bytes_of(c->params[i].value), e);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
