#include "worker/steps.h"

#include <errno.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct step_entry {
    const char *name;
    enum steps_known what;
    struct bytes value;
    UT_hash_handle hh;
};

static struct step_entry *find_entry(const struct steps *s, const char *name) {
    struct step_entry *found = NULL;
    HASH_FIND(hh, s->head, name, strlen(name), found);
    return found;
}

enum steps_known steps_find(const struct steps *s, const char *name, struct bytes *ret) {
    const struct step_entry *entry = find_entry(s, name);
    if (entry == NULL) {
        return STEPS_UNKNOWN;
    }
    *ret = entry->value;
    return entry->what;
}

static struct step_entry *add_entry(struct steps *s, struct arena *a, const char *name) {
    struct step_entry *entry = arena_zalloc(a, sizeof *entry);
    char *own = arena_str(a, name);
    if (entry == NULL || own == NULL) {
        return NULL;
    }
    entry->name = own;
    HASH_ADD_KEYPTR(hh, s->head, entry->name, strlen(entry->name), entry);
    return entry->hh.tbl == NULL ? NULL : entry;
}

int steps_note(struct steps *s, struct arena *a, const char *name, enum steps_known what,
               struct bytes value) {
    struct step_entry *entry = find_entry(s, name);
    if (entry == NULL) {
        entry = add_entry(s, a, name);
    }
    if (entry == NULL) {
        return -ENOMEM;
    }
    entry->what = what;
    entry->value = value;
    return 0;
}

void steps_finish(struct steps *s) {
    if (s->head == NULL) {
        return;
    }
    HASH_CLEAR(hh, s->head); // the entries lie in the arena
    *s = (struct steps){0};
}
