/* What the queues' keys in Redis begin with: no two queues may write the same ones, and none those
 * that the store keeps for itself. */
#include <ctype.h>
#include <string.h>

#include "config/config_check.h"

/* Names of keys that begin with one of these are taken (docs/redis-keys.md). */
static const char *reserved(const char *prefix) {
    static const char *const words[] = {"jh:", "job:", "jobs:", "results:"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strncmp(prefix, words[i], strlen(words[i])) == 0) {
            return words[i];
        }
    }
    return NULL;
}

/* Braces name a key's slot in a cluster. */
static bool is_plain(const char *prefix) {
    for (const char *at = prefix; *at != '\0'; at++) {
        if (iscntrl((unsigned char)*at) || *at == '{' || *at == '}') {
            return false;
        }
    }
    return true;
}

static const struct config_queue *same_prefix(const struct config *c, size_t before) {
    const char *prefix = c->queues[before].key_prefix;
    for (size_t i = 0; i < before; i++) {
        const char *other = c->queues[i].key_prefix;
        if (other != NULL && strcmp(other, prefix) == 0) {
            return &c->queues[i];
        }
    }
    return NULL;
}

static void check_prefix(struct config_binding *b, const struct config *c, size_t i) {
    const struct config_queue *q = &c->queues[i], *other = same_prefix(c, i);
    const struct config_subject subject = {&q->entry, "queues", "key_prefix", &q->key_prefix};
    if (!is_plain(q->key_prefix)) {
        config_check_error(
            b, &subject, "bad_value",
            "has braces or control characters, which a prefix does without; such as klap:");
    } else if (reserved(q->key_prefix) != NULL) {
        config_check_error(b, &subject, "reserved",
                           "%s begins with %s, which is for jobhost's own keys", q->key_prefix,
                           reserved(q->key_prefix));
    } else if (other != NULL) {
        config_check_error(b, &subject, "duplicate_prefix",
                           "%s is the prefix of queue %s too (line %d); each needs its own",
                           q->key_prefix, other->entry.name, other->entry.line);
    }
}

void config_check_key_prefixes(struct config_binding *b, const struct config *c) {
    for (size_t i = 0; i < c->queue_count; i++) {
        if (c->queues[i].key_prefix != NULL && *c->queues[i].key_prefix != '\0') {
            check_prefix(b, c, i);
        }
    }
}
