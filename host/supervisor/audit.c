#include "supervisor/audit.h"

#include <stdlib.h>
#include <string.h>

/* Who, and from where. */
static void split_actor(struct arena *a, struct store_audit *entry) {
    static const char from[] = " from ";
    const char *actor = entry->actor == NULL ? "" : entry->actor;
    const char *at = strncmp(actor, "token:", 6) == 0 ? strstr(actor, from) : NULL;
    char *who = at == NULL ? NULL : arena_strn(a, actor, (size_t)(at - actor));
    if (who != NULL) {
        entry->actor = who;
        entry->origin = at + sizeof from - 1;
    } else if (strncmp(actor, "http:", 5) == 0) {
        entry->origin = actor + 5;
    } else if (strncmp(actor, "uid:", 4) == 0) {
        entry->origin = "unix";
    }
}

void audit_add(struct host *host, struct store_audit_add *op, struct store_audit entry,
               void (*done)(struct store_op *op), void *arg) {
    entry.at_ms = env_wall_ms(&host->env);
    *op = (struct store_audit_add){
        .op = {.kind = STORE_AUDIT_ADD, .done = done, .arg = arg, .now_ms = entry.at_ms},
        .entry = entry};
    split_actor(&op->op.arena, &op->entry);
    store_post(&host->store, &op->op);
}

static void on_noted(struct store_op *op) {
    struct store_audit_add *add = CONTAINER_OF(op, struct store_audit_add, op);
    store_op_finish(op);
    arena_free(op->arg);
    free(op->arg);
    free(add);
}

void audit_note(struct host *host, struct store_audit entry) {
    struct store_audit_add *add = calloc(1, sizeof *add);
    struct arena *a = calloc(1, sizeof *a);
    if (add == NULL || a == NULL) {
        free(add);
        free(a);
        return;
    }
    entry.actor = arena_str(a, entry.actor);
    entry.action = arena_str(a, entry.action);
    entry.target = arena_str(a, entry.target);
    entry.detail = arena_str(a, entry.detail);
    entry.outcome = arena_str(a, entry.outcome);
    audit_add(host, add, entry, on_noted, a);
}
