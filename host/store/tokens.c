#include "store/tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/pack.h"

// Numbers of fields are stored: never reuse one.
static const struct pack_field fields[] = {
    {1, PACK_TEXT, offsetof(struct store_token, name)},
    {2, PACK_TEXT, offsetof(struct store_token, hash)},
    {3, PACK_TEXT, offsetof(struct store_token, tenant)},
    {4, PACK_TEXT, offsetof(struct store_token, queues)},
    {5, PACK_TEXT, offsetof(struct store_token, by)},
    {6, PACK_I32, offsetof(struct store_token, scope)},
    {7, PACK_I64, offsetof(struct store_token, created_ms)},
};

static bool is_hash(const char *hash) {
    return hash != NULL && strlen(hash) == STORE_TOKEN_HASH_LEN &&
           strspn(hash, "0123456789abcdef") == STORE_TOKEN_HASH_LEN;
}

static bool are_queues(const char *queues) {
    char name[JOB_QUEUE_MAX + 1];
    struct err e;
    for (unsigned count = 1;; count++) {
        size_t len = strcspn(queues, ",");
        if (len > JOB_QUEUE_MAX || count > TOKEN_QUEUES_MAX) {
            return false;
        }
        memcpy(name, queues, len);
        name[len] = '\0';
        if (job_check_queue(name, &e) < 0) {
            return false;
        }
        if (queues[len] == '\0') {
            return true;
        }
        queues += len + 1;
    }
}

static bool is_tenant(const char *tenant) {
    return tenant[0] != '\0' && strlen(tenant) <= JOB_TENANT_MAX;
}

int store_token_check(const struct store_token *t) {
    bool ok = t->id != NULL && token_is_id(t->id) && t->name != NULL && token_is_name(t->name) &&
              is_hash(t->hash) && t->scope > TOKEN_NO_SCOPE && t->scope < TOKEN_SCOPES &&
              (t->tenant == NULL || is_tenant(t->tenant)) &&
              (t->queues == NULL || are_queues(t->queues)) &&
              (t->by == NULL || strlen(t->by) <= STORE_TOKEN_BY_MAX) && t->created_ms >= 0 &&
              t->expires_ms >= 0;
    return ok ? 0 : -EINVAL;
}

void store_token_write(const struct store_token *token, struct buf *out) {
    pack_fields(out, fields, ARRAY_LEN(fields), token, 0);
}

int store_token_read(struct bytes packed, struct arena *a, struct store_token *ret) {
    struct bytes copy = arena_bytes(a, packed);
    if (packed.len > 0 && copy.data == NULL) {
        return -ENOMEM;
    }
    int r = pack_read(fields, ARRAY_LEN(fields), copy, ret, 0);
    return r < 0 || store_token_check(ret) < 0 ? -EBADMSG : 0;
}

static int older_first(const void *x, const void *y) {
    const struct store_token *a = x, *b = y;
    return a->created_ms != b->created_ms
               ? (a->created_ms > b->created_ms) - (a->created_ms < b->created_ms)
               : strcmp(a->id, b->id);
}

void store_token_sort(struct store_token_list *list) {
    if (list->count > 0) {
        qsort(list->tokens, list->count, sizeof *list->tokens, older_first);
    }
}
