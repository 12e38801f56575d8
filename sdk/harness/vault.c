#include "vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vault_no_memory(void) {
    (void)fputs("jobhost harness: out of memory\n", stderr);
    exit(2);
}

static void *need(void *p) {
    if (p == NULL) {
        vault_no_memory();
    }
    return p;
}

static const char *copy_text(struct arena *a, const char *text) {
    return text == NULL ? NULL : need(arena_str(a, text));
}

// Never NULL, and with a NUL after it.
static struct bytes copy_bytes(struct arena *a, struct bytes b) {
    return b.len == 0 ? bytes_of("") : (struct bytes){need((void *)arena_bytes(a, b).data), b.len};
}

struct wish *vault_copy_wish(struct arena *a, const struct wish *wish) {
    struct wish *w = need(arena_alloc(a, sizeof *w));
    const struct jh_child *c = &wish->child;
    *w = *wish;
    w->next = NULL;
    w->name = copy_text(a, wish->name);
    w->type = copy_text(a, wish->type);
    w->value = copy_bytes(a, wish->value);
    w->child.handler = copy_text(a, c->handler);
    w->child.dedup_key = copy_text(a, c->dedup_key);
    w->child.queue = copy_text(a, c->queue);
    w->child.tenant = copy_text(a, c->tenant);
    w->child.labels = copy_text(a, c->labels);
    struct bytes payload = copy_bytes(a, (struct bytes){c->payload.data, c->payload.len});
    w->child.payload = (struct jh_bytes){payload.data, payload.len};
    return w;
}

void vault_init(struct vault *v) {
    *v = (struct vault){0};
    v->effects_end = &v->effects;
}

void vault_finish(struct vault *v) {
    for (struct vault_key *k = v->keys; k != NULL; k = k->next) {
        free(k->members);
    }
    arena_free(&v->arena);
    vault_init(v);
}

// ---- keys ----

const struct vault_key *vault_find(const struct vault *v, const char *key) {
    const struct vault_key *k = v->keys;
    while (k != NULL && strcmp(k->name, key) != 0) {
        k = k->next;
    }
    return k;
}

struct vault_key *vault_need(struct vault *v, const char *key) {
    for (struct vault_key *k = v->keys; k != NULL; k = k->next) {
        if (strcmp(k->name, key) == 0) {
            return k;
        }
    }
    struct vault_key *k = need(arena_zalloc(&v->arena, sizeof *k));
    k->name = copy_text(&v->arena, key);
    k->next = v->keys;
    v->keys = k;
    return k;
}

static size_t member_at(const struct vault_key *k, struct bytes member) {
    size_t i = 0;
    while (i < k->member_count && !bytes_equal(k->members[i], member)) {
        i++;
    }
    return i;
}

bool vault_has_member(const struct vault_key *k, struct bytes member) {
    return k != NULL && member_at(k, member) < k->member_count;
}

static void set_member(struct vault *v, struct vault_key *k, struct bytes member, bool in) {
    size_t at = member_at(k, member);
    if (!in && at < k->member_count) {
        k->members[at] = k->members[--k->member_count];
    } else if (in && at == k->member_count) {
        if (k->member_count == k->member_cap) {
            k->member_cap = k->member_cap * 2 + 8;
            k->members = need(realloc(k->members, k->member_cap * sizeof k->members[0]));
        }
        k->members[k->member_count++] = copy_bytes(&v->arena, member);
    }
}

static void apply_kv(struct vault *v, const struct wish *w) {
    struct vault_key *k = vault_need(v, w->name);
    switch (w->op) {
    case PENDING_SET:
        k->has_value = true;
        k->value = copy_bytes(&v->arena, w->value);
        break;
    case PENDING_DEL:
        k->has_value = k->done = false;
        k->counter = 0;
        k->member_count = 0;
        k->holder = NULL;
        break;
    case PENDING_ADD: k->counter = (int64_t)((uint64_t)k->counter + (uint64_t)w->number); break;
    case PENDING_SADD: set_member(v, k, w->value, true); break;
    case PENDING_SREM: set_member(v, k, w->value, false); break;
    }
}

// ---- effects ----

static void add_effect(struct vault *v, const struct wish *wish) {
    struct wish *w = vault_copy_wish(&v->arena, wish);
    *v->effects_end = w;
    v->effects_end = &w->next;
}

void vault_apply(struct vault *v, const struct wish *wish) {
    struct wish *old;
    switch (wish->kind) {
    case WISH_KV: apply_kv(v, wish); break;
    case WISH_DONE: vault_need(v, wish->name)->done = true; break;
    case WISH_STEP:
    case WISH_OUTPUT:
        old = (struct wish *)vault_named(v, wish->kind, wish->name);
        if (old != NULL) {
            old->value = copy_bytes(&v->arena, wish->value);
            old->type = copy_text(&v->arena, wish->type);
            break;
        }
        add_effect(v, wish);
        break;
    case WISH_THEN:
        if (vault_effect(v, WISH_THEN, 0, NULL) == NULL) {
            add_effect(v, wish);
        }
        break;
    case WISH_ON_DEAD:
        old = (struct wish *)vault_named(v, wish->kind, wish->name);
        if (old != NULL) {
            old->number = wish->number;
            break;
        }
        add_effect(v, wish);
        break;
    case WISH_CHILD:
    case WISH_EVENT:
    case WISH_SIBLING:
    case WISH_WARN: add_effect(v, wish); break;
    }
}

const struct wish *vault_named(const struct vault *v, enum wish_kind kind, const char *name) {
    const struct wish *w = v->effects;
    while (w != NULL && (w->kind != kind || strcmp(w->name, name) != 0)) {
        w = w->next;
    }
    return w;
}

const struct wish *vault_effect(const struct vault *v, enum wish_kind kind, size_t n,
                                size_t *ret_count) {
    const struct wish *found = NULL;
    size_t count = 0;
    for (const struct wish *w = v->effects; w != NULL; w = w->next) {
        if (w->kind == kind && count++ == n) {
            found = w;
        }
    }
    if (ret_count != NULL) {
        *ret_count = count;
    }
    return found;
}

// ---- whole vaults ----

void vault_copy(struct vault *to, const struct vault *from) {
    vault_finish(to);
    for (const struct wish *w = from->effects; w != NULL; w = w->next) {
        add_effect(to, w);
    }
    for (const struct vault_key *k = from->keys; k != NULL; k = k->next) {
        struct vault_key *copy = vault_need(to, k->name);
        copy->has_value = k->has_value;
        copy->done = k->done;
        copy->counter = k->counter;
        copy->value = copy_bytes(&to->arena, k->value);
        copy->holder = copy_text(&to->arena, k->holder);
        for (size_t i = 0; i < k->member_count; i++) {
            set_member(to, copy, k->members[i], true);
        }
    }
    to->steps_version = from->steps_version;
}

static bool keys_equal(const struct vault_key *a, const struct vault_key *b) {
    static const struct vault_key empty;
    a = a == NULL ? &empty : a;
    b = b == NULL ? &empty : b;
    bool same = a->has_value == b->has_value && a->done == b->done && a->counter == b->counter &&
                a->member_count == b->member_count &&
                (!a->has_value || bytes_equal(a->value, b->value));
    for (size_t i = 0; same && i < a->member_count; i++) {
        same = vault_has_member(b, a->members[i]);
    }
    return same;
}

static bool key_differs(const struct vault *a, const struct vault *b, char *out, size_t cap) {
    for (const struct vault_key *k = a->keys; k != NULL; k = k->next) {
        const struct vault_key *other = vault_find(b, k->name);
        if (!keys_equal(k, other)) {
            (void)snprintf(out, cap, "key \"%s\": counter %lld and %lld, %zu and %zu members",
                           k->name, (long long)k->counter,
                           other == NULL ? 0LL : (long long)other->counter, k->member_count,
                           other == NULL ? (size_t)0 : other->member_count);
            return true;
        }
    }
    return false;
}

static bool effects_equal(const struct wish *a, const struct wish *b) {
    if (a->kind == WISH_CHILD || a->kind == WISH_SIBLING || a->kind == WISH_THEN) {
        return strcmp(a->child.handler, b->child.handler) == 0 &&
               a->child.payload.len == b->child.payload.len &&
               memcmp(a->child.payload.data, b->child.payload.data, a->child.payload.len) == 0;
    }
    return strcmp(a->name, b->name) == 0 && bytes_equal(a->value, b->value) &&
           a->number == b->number;
}

static bool effect_differs(const struct vault *want, const struct vault *got, enum wish_kind kind,
                           const char *what, char *out, size_t cap) {
    size_t wanted, have;
    (void)vault_effect(want, kind, 0, &wanted);
    (void)vault_effect(got, kind, 0, &have);
    if (wanted != have) {
        (void)snprintf(out, cap, "%zu %s instead of %zu", have, what, wanted);
        return true;
    }
    for (size_t i = 0; i < wanted; i++) {
        if (!effects_equal(vault_effect(want, kind, i, NULL), vault_effect(got, kind, i, NULL))) {
            (void)snprintf(out, cap, "%s: number %zu is another", what, i + 1);
            return true;
        }
    }
    return false;
}

// Put again after a crash they may stand in another order.
static bool output_differs(const struct vault *want, const struct vault *got, char *out,
                           size_t cap) {
    for (const struct wish *w = want->effects; w != NULL; w = w->next) {
        if (w->kind != WISH_OUTPUT) {
            continue;
        }
        const struct wish *other = vault_named(got, WISH_OUTPUT, w->name);
        if (other == NULL || !effects_equal(w, other) || strcmp(w->type, other->type) != 0) {
            (void)snprintf(out, cap, "output \"%s\" is %s", w->name,
                           other == NULL ? "in one of them only" : "another");
            return true;
        }
    }
    return false;
}

bool vault_differs(const struct vault *want, const struct vault *got, char *out, size_t cap) {
    return effect_differs(want, got, WISH_STEP, "steps", out, cap) ||
           effect_differs(want, got, WISH_CHILD, "children", out, cap) ||
           effect_differs(want, got, WISH_SIBLING, "siblings", out, cap) ||
           effect_differs(want, got, WISH_THEN, "jobs behind the flow", out, cap) ||
           effect_differs(want, got, WISH_ON_DEAD, "on_child_dead", out, cap) ||
           effect_differs(want, got, WISH_WARN, "warnings", out, cap) ||
           output_differs(want, got, out, cap) || output_differs(got, want, out, cap) ||
           key_differs(want, got, out, cap) || key_differs(got, want, out, cap);
}
