#include "store/redis/queues.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static char *join(const char *a, const char *b, const char *c) {
    size_t len = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = malloc(len);
    if (text != NULL) {
        (void)snprintf(text, len, "%s%s%s", a, b, c);
    }
    return text;
}

static void queue_free(struct redis_queue *q) {
    if (q == NULL) {
        return;
    }
    free(q->name);
    free(q->prefix);
    free(q->structures);
    free(q->jobs);
    free(q->normal);
    free(q);
}

static struct redis_queue *queue_new(const char *name, const char *prefix, bool split_normal) {
    struct redis_queue *q = calloc(1, sizeof *q);
    if (q == NULL) {
        return NULL;
    }
    bool bare = *prefix == '\0';
    q->name = strdup(name);
    q->prefix = strdup(prefix);
    q->split_normal = split_normal;
    q->structures = bare ? join("jobs:", name, ":") : join(prefix, "jobs:", "");
    q->jobs = strdup(prefix);
    q->normal =
        q->structures == NULL ? NULL : join(q->structures, "queue", split_normal ? ":normal" : "");
    if (q->name == NULL || q->prefix == NULL || q->jobs == NULL || q->normal == NULL) {
        queue_free(q);
        return NULL;
    }
    return q;
}

static int add(struct redis_queues *all, const char *name, const char *prefix, bool split_normal,
               struct redis_queue **ret) {
    if (redis_queues_count(all) >= REDIS_QUEUES_MAX) {
        return -EDQUOT;
    }
    struct redis_queue *q = queue_new(name, prefix, split_normal);
    if (q == NULL) {
        return -ENOMEM;
    }
    q->caller = all->caller;
    HASH_ADD_KEYPTR(hh, all->by_name, q->name, strlen(q->name), q);
    if (hash_failed(&q->hh)) {
        queue_free(q);
        return -ENOMEM;
    }
    *ret = q;
    return 0;
}

static const struct redis_queue *with_prefix(const struct redis_queues *all, const char *prefix) {
    const struct redis_queue *q = all->by_name;
    while (q != NULL && strcmp(q->prefix, prefix) != 0) {
        q = q->hh.next;
    }
    return q;
}

int redis_queues_configure(struct redis_queues *all, const struct store_queue_setup *list,
                           size_t count, struct err *e) {
    for (size_t i = 0; i < count; i++) {
        const char *prefix = list[i].prefix == NULL ? "" : list[i].prefix;
        const struct redis_queue *twin = *prefix == '\0' ? NULL : with_prefix(all, prefix);
        struct redis_queue *q = NULL;
        if (strlen(prefix) > REDIS_PREFIX_MAX) {
            return err_set(e, -EINVAL, "queue %s: its key_prefix is longer than %d bytes",
                           list[i].queue, REDIS_PREFIX_MAX);
        }
        if (twin != NULL) {
            return err_set(e, -EINVAL,
                           "queues %s and %s have the same key_prefix \"%s\": give each its own",
                           twin->name, list[i].queue, prefix);
        }
        int r = add(all, list[i].queue, prefix, list[i].split_normal, &q);
        if (r < 0) {
            return err_set(e, r, "too many queues, or no memory for them");
        }
        q->one_line = list[i].one_line;
        q->weights = list[i].weights;
        q->weight_count = list[i].weight_count;
    }
    return 0;
}

void redis_queues_finish(struct redis_queues *all) {
    struct redis_queue *q = all->by_name;
    HASH_CLEAR(hh, all->by_name); // the links from one to the next stay
    while (q != NULL) {
        struct redis_queue *next = q->hh.next;
        queue_free(q);
        q = next;
    }
}

struct redis_queue *redis_queues_find(const struct redis_queues *all, const char *name) {
    struct redis_queue *q = NULL;
    HASH_FIND_STR(all->by_name, name, q);
    return q;
}

struct redis_queue *redis_queues_get(struct redis_queues *all, const char *name, int *r) {
    struct redis_queue *q = redis_queues_find(all, name);
    *r = q != NULL ? 0 : add(all, name, "", false, &q);
    return q;
}

struct bytes redis_queues_value(const struct redis_queue *q, char room[REDIS_PREFIX_MAX + 4]) {
    int n = snprintf(room, REDIS_PREFIX_MAX + 4, "%s\n%d", q->prefix, q->split_normal);
    return (struct bytes){room, (size_t)n};
}

// One name and value of jh:queues, which another program may have written.
static int learn_one(struct redis_queues *all, struct bytes name, struct bytes value,
                     struct err *e) {
    char text[JOB_QUEUE_MAX + 1], prefix[REDIS_PREFIX_MAX + 1];
    const char *end = value.len == 0 ? NULL : memchr(value.data, '\n', value.len);
    size_t len = end == NULL ? SIZE_MAX : (size_t)(end - (const char *)value.data);
    if (name.len > JOB_QUEUE_MAX || len > REDIS_PREFIX_MAX || value.len != len + 2) {
        return 0;
    }
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    memcpy(prefix, value.data, len);
    prefix[len] = '\0';
    if (job_check_queue(text, NULL) != 0 || strlen(prefix) != len) {
        return 0;
    }
    struct redis_queue *q = redis_queues_find(all, text);
    bool split = end[1] == '1';
    if (q == NULL) {
        int r = add(all, text, prefix, split, &q);
        if (r < 0) {
            return err_set(e, r, "too many queues, or no memory for them");
        }
    } else if (strcmp(q->prefix, prefix) != 0 || q->split_normal != split) {
        return err_set(
            e, -EINVAL,
            "queue %s has its jobs in Redis under key_prefix \"%s\"%s, and is configured "
            "with \"%s\"%s: change the configuration back, or empty the queue and "
            "HDEL jh:queues %s",
            text, prefix, split ? " with split_normal" : "", q->prefix,
            q->split_normal ? " with split_normal" : "", text);
    }
    q->registered = true;
    return 0;
}

int redis_queues_learn(struct redis_queues *all, const struct redis_reply *stored, struct err *e) {
    int r = 0;
    for (size_t i = 0; r == 0 && i + 1 < stored->count; i += 2) {
        r = learn_one(all, redis_reply_text(&stored->items[i]),
                      redis_reply_text(&stored->items[i + 1]), e);
    }
    return r;
}

static const char *colon_of(struct bytes field) {
    return field.len == 0 ? NULL : memchr(field.data, ':', field.len);
}

size_t redis_lane_type(struct bytes field) {
    const char *colon = colon_of(field);
    return colon == NULL ? field.len : (size_t)(colon - (const char *)field.data);
}

enum job_priority redis_lane_priority(struct bytes field, bool *ret_in_lines) {
    static const struct {
        const char *rest;
        enum job_priority priority;
        bool in_lines;
    } rests[] = {{":high", PRIORITY_HIGH, false},
                 {":low", PRIORITY_LOW, false},
                 {":user", PRIORITY_NORMAL, true},
                 {":high:user", PRIORITY_HIGH, true},
                 {":low:user", PRIORITY_LOW, true}};
    size_t type = redis_lane_type(field), at = 0;
    size_t len = field.len - type;
    while (at < ARRAY_LEN(rests) &&
           (len != strlen(rests[at].rest) ||
            memcmp((const char *)field.data + type, rests[at].rest, len) != 0)) {
        at++;
    }
    bool known = at < ARRAY_LEN(rests);
    if (ret_in_lines != NULL) {
        *ret_in_lines = known && rests[at].in_lines;
    }
    return known ? rests[at].priority : PRIORITY_NORMAL;
}
