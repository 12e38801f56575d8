#include "core/notify.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "core/id.h"

const char *notify_kind_name(enum notify_kind kind) {
    static const char *const names[NOTIFY_KINDS] = {
        [NOTIFY_DLQ_SIZE] = "dlq.size",
        [NOTIFY_BREAKER_OPEN] = "breaker.open",
        [NOTIFY_NEEDS_REAUTH] = "needs_reauth",
        [NOTIFY_NEEDS_OPERATOR] = "needs_operator",
        [NOTIFY_STORE_DEGRADED] = "store.degraded",
        [NOTIFY_PLUGIN_QUARANTINED] = "plugin.quarantined",
        [NOTIFY_JOB_DEAD] = "job.dead",
        [NOTIFY_SCHEDULE_MISSED] = "schedule.missed",
    };
    return names[kind];
}

static bool happens(enum notify_kind kind) {
    return kind >= NOTIFY_JOB_DEAD;
}

// ---- the table

static struct notify_entry *find(struct notify_book *book, enum notify_kind kind, const char *key) {
    for (size_t i = 0; i < NOTIFY_ENTRIES_MAX; i++) {
        struct notify_entry *e = &book->entries[i];
        if (e->used && e->kind == kind && strncmp(e->key, key, NOTIFY_KEY_MAX) == 0) {
            return e;
        }
    }
    return NULL;
}

static struct notify_entry *add(struct notify_book *book, enum notify_kind kind, const char *key) {
    for (size_t i = 0; i < NOTIFY_ENTRIES_MAX; i++) {
        struct notify_entry *e = &book->entries[i];
        if (!e->used) {
            *e = (struct notify_entry){.used = true, .kind = kind};
            (void)snprintf(e->key, sizeof e->key, "%s", key);
            return e;
        }
    }
    book->lost++;
    return NULL;
}

// ---- what is told of

void notify_raise(struct notify_book *book, enum notify_kind kind, const char *key, uint64_t epoch,
                  int64_t now_ms) {
    struct notify_entry *e = find(book, kind, key);
    if (e != NULL) {
        e->over_ms = 0; // it was not over for long enough to say so
        return;
    }
    e = add(book, kind, key);
    if (e != NULL) {
        e->epoch = epoch;
        e->since_ms = now_ms;
    }
}

void notify_clear(struct notify_book *book, enum notify_kind kind, const char *key,
                  int64_t now_ms) {
    struct notify_entry *e = find(book, kind, key);
    if (e == NULL || e->over_ms != 0) {
        return;
    }
    e->over_ms = now_ms;
    e->used = e->told; // nobody has heard of it
}

void notify_happen(struct notify_book *book, enum notify_kind kind, const char *key,
                   const struct job_id *id, int64_t now_ms) {
    struct notify_entry *e = find(book, kind, key);
    e = e == NULL ? add(book, kind, key) : e;
    if (e == NULL) {
        return;
    }
    if (e->count == 0) {
        int64_t gathered = now_ms + NOTIFY_GATHER_MS;
        e->since_ms = now_ms;
        e->due_ms = gathered > e->next_ms ? gathered : e->next_ms;
    }
    e->count++;
    if (id != NULL && e->id_count < NOTIFY_IDS_MAX) {
        e->ids[e->id_count++] = *id;
    }
}

// ---- messages

/* When there is something to say or to forget. */
static int64_t due_of(const struct notify_entry *e) {
    if (happens(e->kind)) {
        return e->count > 0 ? e->due_ms : e->next_ms;
    }
    if (!e->told) {
        return e->since_ms;
    }
    return e->over_ms == 0 ? INT64_MAX : e->over_ms + NOTIFY_SETTLED_MS;
}

static void fill(const struct notify_entry *e, struct notify_message *ret) {
    *ret = (struct notify_message){.kind = e->kind,
                                   .epoch = e->epoch,
                                   .resolved = e->over_ms != 0,
                                   .since_ms = e->since_ms,
                                   .until_ms = e->over_ms,
                                   .count = e->count,
                                   .id_count = e->id_count};
    memcpy(ret->key, e->key, sizeof ret->key);
    memcpy(ret->ids, e->ids, sizeof ret->ids);
}

/* Of an entry whose time has come. False: it is only forgotten. */
static bool take(struct notify_entry *e, int64_t now_ms, struct notify_message *ret) {
    bool says = !happens(e->kind) || e->count > 0;
    fill(e, ret);
    if (happens(e->kind)) {
        e->used = says;
        e->count = 0;
        e->id_count = 0;
        e->next_ms = now_ms + NOTIFY_APART_MS;
    } else {
        e->used = e->over_ms == 0;
        e->told = true;
    }
    return says;
}

bool notify_next(struct notify_book *book, int64_t now_ms, struct notify_message *ret) {
    for (size_t i = 0; i < NOTIFY_ENTRIES_MAX; i++) {
        struct notify_entry *e = &book->entries[i];
        if (e->used && due_of(e) <= now_ms && take(e, now_ms, ret)) {
            return true;
        }
    }
    return false;
}

int64_t notify_due_ms(const struct notify_book *book) {
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < NOTIFY_ENTRIES_MAX; i++) {
        const struct notify_entry *e = &book->entries[i];
        if (e->used && due_of(e) < due) {
            due = due_of(e);
        }
    }
    return due;
}

void notify_message_name(const struct notify_message *m, char out[NOTIFY_NAME_MAX]) {
    char id[JOB_ID_TEXT + 1] = "";
    if (!happens(m->kind)) {
        (void)snprintf(out, NOTIFY_NAME_MAX, "%s:%s:%llu%s", notify_kind_name(m->kind), m->key,
                       (unsigned long long)m->epoch, m->resolved ? ":over" : "");
        return;
    }
    if (m->id_count == 0) {
        (void)snprintf(out, NOTIFY_NAME_MAX, "%s:%s:%lld", notify_kind_name(m->kind), m->key,
                       (long long)m->since_ms);
        return;
    }
    id_format(&m->ids[0], id);
    (void)snprintf(out, NOTIFY_NAME_MAX, "%s:%s:%s", notify_kind_name(m->kind), m->key, id);
}
