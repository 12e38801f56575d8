/* What a store would hold of one job: the committed side of the harness. Texts and bytes are copied
 * into the vault's arena. */
#ifndef JOBHOST_HARNESS_VAULT_H
#define JOBHOST_HARNESS_VAULT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "jobhost_plugin.h"
#include "worker/pending.h"

/* One thing that a handler asked for; a list of them is what a commit applies, in order. */
enum wish_kind {
    WISH_STEP,
    WISH_CHILD,
    WISH_KV,
    WISH_DONE,
    WISH_WARN,
    WISH_OUTPUT,
    WISH_EVENT,
    WISH_SIBLING,
    WISH_THEN,   /* the first stays    */
    WISH_ON_DEAD /* the last one holds */
};
struct wish {
    enum wish_kind kind;
    const char *name; /* step, key, code, output or event */
    struct bytes
        value;        /* of a step or key; a warning's message; an output's or an event's content */
    const char *type; /* of these */
    enum pending_op op; /* WISH_KV */
    int64_t number;     /* WISH_KV, WISH_ON_DEAD; flags of an event */
    struct jh_child child;
    struct wish *next;
};

struct vault_key {
    const char *name;
    bool has_value, done;
    struct bytes value;
    int64_t counter;
    struct bytes *members;
    size_t member_count, member_cap;
    const char *holder; /* of a claim; NULL = free */
    struct vault_key *next;
};

struct vault {
    struct arena arena;
    struct wish *effects,
        **effects_end; /* applied steps, children, warnings, outputs, oldest first */
    struct vault_key *keys;
    uint32_t steps_version; /* of the code that wrote the steps; 0 = there are none */
};

void vault_init(struct vault *v);
void vault_finish(struct vault *v);
/* All functions that allocate end the program when there is no memory: this is test code. */
void vault_apply(struct vault *v, const struct wish *wish);
void vault_copy(struct vault *to, const struct vault *from);

/* A step or an output, or NULL. */
const struct wish *vault_named(const struct vault *v, enum wish_kind kind, const char *name);
/* The n-th effect of this kind, or NULL; *ret_count (may be NULL) = how many there are. */
const struct wish *vault_effect(const struct vault *v, enum wish_kind kind, size_t n,
                                size_t *ret_count);
const struct vault_key *vault_find(const struct vault *v, const char *key);
struct vault_key *vault_need(struct vault *v, const char *key);
bool vault_has_member(const struct vault_key *k, struct bytes member);

/* The first difference in words, or false. */
bool vault_differs(const struct vault *want, const struct vault *got, char *out, size_t cap);

/* Copies a wish and all it points to. */
struct wish *vault_copy_wish(struct arena *a, const struct wish *wish);
_Noreturn void vault_no_memory(void);

#endif
