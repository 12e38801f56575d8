/* What schedules there are:
 *
 *     read (a side thread) ─▶ PUT what the file says ─▶ LIST all ─▶ settle: remove what was of the file and is
 *                                                                  not in it any more; put what the API stored and
 *                                                                  time zones have changed
 *
 * or LIST alone, when others may have changed something. A failure begins it again a second later. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/schedules_private.h"

enum { PAGE = 200, SAID = 20 /* by name; of more only how many */ };

struct load {
    struct schedules *of;
    bool busy, whole;
    bool again, again_whole; /* was asked for meanwhile */
    bool first;              /* of this start: @reboot comes */
    struct timer retry;
    /* reading */
    struct side_op side;
    struct config *config;
    struct config_zones *zones;
    struct schedule_definition **read; /* NULL where one could not be */
    struct err *errors;
    size_t count, at;
    /* with the store */
    union {
        struct store_op op;
        struct store_schedule_put put;
        struct store_schedule_list list;
    } u;
    struct store_schedule_put_item items[PAGE];
    char *cursor;
    /* to settle: entries by their ids, for they may go meanwhile */
    char **ids;
    size_t id_count;
    struct schedule_definition *held[PAGE]; /* what the items are made of */
    size_t held_count;
};

static void put_some(struct load *l);
static void list_some(struct load *l);
static void settle_some(struct load *l);

/* ------------------------------------------------------------------ the frame */

static void let_go(struct load *l) {
    while (l->held_count > 0) {
        schedule_definition_free(&l->held[--l->held_count]);
    }
}

static void forget(struct load *l) {
    let_go(l);
    for (size_t i = 0; i < l->count && l->read != NULL; i++) {
        schedule_definition_free(&l->read[i]);
    }
    for (size_t i = 0; i < l->id_count; i++) {
        free(l->ids[i]);
    }
    free(l->read);
    free(l->errors);
    free(l->ids);
    free(l->cursor);
    l->read = NULL;
    l->errors = NULL;
    l->ids = NULL;
    l->cursor = NULL;
    l->count = l->at = l->id_count = 0;
    store_op_finish(&l->u.op);
    config_free(&l->config);
    config_zones_free(&l->zones);
}

static bool is_over(const struct load *l) {
    return l->of->host->phase != HOST_RUNNING;
}

static void load_end(struct load *l) {
    struct schedules *s = l->of;
    bool again = l->again, whole = l->again_whole;
    forget(l);
    l->busy = l->again = l->again_whole = false;
    l->first = l->first && !l->whole;
    s->running = true;
    schedules_ask_all(s);
    schedules_resume(s->host); // those that were asked for meanwhile
    if (again && !is_over(l)) {
        load_begin(l, whole);
    }
}

static void load_fail(struct load *l) {
    struct host *host = l->of->host;
    l->again_whole = l->again_whole || l->whole;
    l->again = true;
    forget(l);
    if (!is_over(l)) {
        (void)timer_set(host->net_timers, &l->retry,
                        env_mono_ms(&host->net_env) + SCHEDULES_RETRY_MS);
    }
}

static void on_retry(struct timer *t, void *arg) {
    struct load *l = arg;
    bool whole = l->again_whole;
    (void)t;
    l->busy = l->again = l->again_whole = false;
    if (!is_over(l)) {
        load_begin(l, whole);
    }
}

static void load_post(struct load *l, enum store_op_kind kind, void (*done)(struct store_op *)) {
    l->u.op = (struct store_op){
        .kind = kind, .done = done, .arg = l, .now_ms = env_wall_ms(&l->of->host->env)};
    store_post(&l->of->host->store, &l->u.op);
}

// An entry that is to be settled; without memory it is left for the next time.
static void note_id(struct load *l, const char *id) {
    char **ids = realloc(l->ids, (l->id_count + 1) * sizeof *ids);
    char *copy = strdup(id);
    l->ids = ids == NULL ? l->ids : ids;
    if (ids == NULL || copy == NULL) {
        free(copy);
        return;
    }
    ids[l->id_count++] = copy;
}

/* ------------------------------------------------------------------ reading */

static void read_all(struct side_op *op) {
    struct load *l = CONTAINER_OF(op, struct load, side);
    const struct config *c = l->config;
    l->read = calloc(c->schedule_count + 1, sizeof *l->read);
    l->errors = calloc(c->schedule_count + 1, sizeof *l->errors);
    if (l->read == NULL || l->errors == NULL) {
        return;
    }
    for (size_t i = 0; i < c->schedule_count; i++) {
        if (c->schedules[i].entry.on) {
            (void)schedule_definition_of_config(c, &c->schedules[i], l->zones, &l->read[i],
                                                &l->errors[i]);
        }
    }
    l->count = c->schedule_count;
}

// The entry says what the file says now.
static void install(struct load *l, struct schedule_definition **d) {
    struct entry *e = schedules_get(l->of, (*d)->is.entry.name);
    if (e == NULL) {
        return;
    }
    bool new = e->own == NULL;
    schedule_definition_free(&e->own);
    e->own = schedule_definition_hold(*d);
    e->listed = true; // for install_all(): it is in the file
    e->boots = new ? l->first && !l->of->adopted : e->boots;
}

static void install_all(struct load *l) {
    struct schedules *s = l->of;
    struct entry *e, *next;
    HASH_ITER(hh, s->entries, e, next) {
        e->listed = false;
    }
    for (size_t i = 0; i < l->count; i++) {
        if (l->read[i] != NULL) {
            install(l, &l->read[i]);
        } else if (l->errors[i].code != 0) {
            log_error(&s->host->log, "schedule.definition", "name=%s msg=\"%s\"",
                      l->config->schedules[i].entry.name, l->errors[i].msg);
        }
    }
    HASH_ITER(hh, s->entries, e, next) {
        if (!e->listed && e->own != NULL) {
            schedule_definition_free(&e->own);
            note_id(l, e->id);
        }
    }
    config_zones_free(&s->zones);
    s->zones = config_zones_hold(l->zones);
}

static void read_done(struct side_op *op) {
    struct load *l = CONTAINER_OF(op, struct load, side);
    if (l->read == NULL || l->errors == NULL) {
        load_fail(l);
        return;
    }
    if (is_over(l)) {
        load_end(l);
        return;
    }
    install_all(l);
    put_some(l);
}

/* ------------------------------------------------------------------ PUT */

static void put_done(struct store_op *op) {
    struct load *l = op->arg;
    const struct log *log = &l->of->host->log;
    size_t changed = 0;
    if (op->status != 0) {
        load_fail(l);
        return;
    }
    for (size_t i = 0; i < l->u.put.count; i++) {
        const struct store_schedule_put_item *item = &l->items[i];
        if (item->status != 0) {
            log_error(log, "schedule.store", "name=%s status=%d msg=\"the store does not take it\"",
                      item->id, item->status);
        } else if (item->changed && ++changed <= SAID) {
            log_info(log, "schedule.stored", "name=%s revision=%s", item->id, item->revision);
        }
    }
    if (changed > SAID) {
        log_info(log, "schedule.stored", "more=%zu", changed - SAID);
    }
    store_op_finish(op);
    if (is_over(l)) {
        load_end(l);
    } else {
        put_some(l);
    }
}

static struct store_schedule_put_item item_of(const struct load *l,
                                              const struct schedule_definition *d, bool api) {
    return (struct store_schedule_put_item){.id = d->is.entry.name,
                                            .queue = d->is.queue,
                                            .revision = d->revision,
                                            .definition = d->text,
                                            .by = l->of->by,
                                            .api = api};
}

static void put_some(struct load *l) {
    size_t count = 0;
    while (l->at < l->count && count < PAGE) {
        const struct schedule_definition *d = l->read[l->at++];
        if (d != NULL) {
            l->items[count++] = item_of(l, d, false);
        }
    }
    if (count == 0) {
        list_some(l);
        return;
    }
    l->u.put = (struct store_schedule_put){.items = l->items, .count = count};
    load_post(l, STORE_SCHEDULE_PUT, put_done);
}

/* ------------------------------------------------------------------ LIST */

static void learn(struct load *l, const struct store_schedule *is) {
    struct schedules *s = l->of;
    struct entry *e = schedules_get(s, is->id);
    if (e == NULL) {
        return;
    }
    e->listed = true;
    if (e->flight != NULL) {
        e->doubtful = true; // what it is told there is newer
        return;
    }
    bool new = is->api && e->theirs == NULL && e->own == NULL;
    schedules_learn(s, e, is);
    e->boots = new ? l->first && !s->adopted : e->boots;
    bool ours = !is->api && e->own == NULL && is->by != NULL && strcmp(is->by, s->by) == 0;
    bool zones = is->api && l->whole && e->own == NULL && schedules_fault(e) != NULL;
    if (ours || zones) {
        note_id(l, e->id);
    }
}

static void list_end(struct load *l) {
    struct schedules *s = l->of;
    struct entry *e, *next;
    HASH_ITER(hh, s->entries, e, next) {
        if (e->listed) {
            continue;
        }
        if (e->flight != NULL) {
            e->doubtful = true;
        } else if (e->own == NULL) {
            schedules_drop(s, e);
        } else {
            schedules_learn(s, e, NULL);
        }
    }
    l->at = 0;
    settle_some(l);
}

static void list_done(struct store_op *op) {
    struct load *l = op->arg;
    if (op->status != 0) {
        load_fail(l);
        return;
    }
    for (size_t i = 0; i < l->u.list.count; i++) {
        learn(l, &l->u.list.schedules[i]);
    }
    free(l->cursor);
    l->cursor = l->u.list.next_cursor == NULL ? NULL : strdup(l->u.list.next_cursor);
    bool more = l->u.list.next_cursor != NULL;
    store_op_finish(op);
    if (is_over(l)) {
        load_end(l);
    } else if (more && l->cursor == NULL) {
        load_fail(l);
    } else if (more) {
        list_some(l);
    } else {
        list_end(l);
    }
}

static void list_some(struct load *l) {
    if (l->cursor == NULL) {
        struct entry *e, *next;
        HASH_ITER(hh, l->of->entries, e, next) {
            e->listed = false;
        }
    }
    l->u.list = (struct store_schedule_list){.limit = PAGE, .cursor = l->cursor};
    load_post(l, STORE_SCHEDULE_LIST, list_done);
}

/* ------------------------------------------------------------------ settle */

static void settle_done(struct store_op *op) {
    struct load *l = op->arg;
    if (op->status != 0) {
        load_fail(l);
        return;
    }
    for (size_t i = 0; i < l->u.put.count; i++) {
        struct entry *e = schedules_find(l->of, l->items[i].id);
        log_info(&l->of->host->log, l->items[i].remove ? "schedule.removed" : "schedule.stored",
                 "name=%s", l->items[i].id);
        if (e != NULL) {
            e->doubtful = true;
        }
    }
    store_op_finish(op);
    if (is_over(l)) {
        load_end(l);
    } else {
        settle_some(l);
    }
}

// What the store has of it is to go, or to be replaced; false: it has settled by itself.
static bool settle_one(struct load *l, const char *id, struct store_schedule_put_item *ret) {
    struct entry *e = schedules_find(l->of, id);
    if (e == NULL || !e->stored || e->own != NULL) {
        return false;
    }
    if (e->of_api && (e->theirs == NULL || schedules_fault(e) == NULL)) {
        return false;
    }
    if (e->of_api) {
        l->held[l->held_count++] = schedule_definition_hold(e->theirs);
        *ret = item_of(l, e->theirs, true);
    } else {
        *ret = (struct store_schedule_put_item){.id = id, .remove = true};
    }
    return true;
}

static void settle_some(struct load *l) {
    size_t count = 0;
    let_go(l);
    while (l->at < l->id_count && count < PAGE) {
        count += settle_one(l, l->ids[l->at++], &l->items[count]);
    }
    if (count == 0) {
        load_end(l);
        return;
    }
    l->u.put = (struct store_schedule_put){.items = l->items, .count = count};
    load_post(l, STORE_SCHEDULE_PUT, settle_done);
}

/* ------------------------------------------------------------------ beginning */

void load_begin(struct load *l, bool whole) {
    struct host *host = l->of->host;
    if (l->busy) {
        l->again = true;
        l->again_whole = l->again_whole || whole;
        return;
    }
    l->busy = true;
    l->whole = whole;
    if (!whole) {
        list_some(l);
        return;
    }
    l->config = config_hold(host->config);
    l->zones = config_zones_new();
    if (l->zones == NULL) {
        load_fail(l);
        return;
    }
    l->side = (struct side_op){.work = read_all, .done = read_done};
    side_thread_post(host->disk, &l->side);
}

struct load *load_new(struct schedules *s) {
    struct load *l = calloc(1, sizeof *l);
    if (l != NULL) {
        l->of = s;
        l->first = true;
        timer_init(&l->retry, on_retry, l);
    }
    return l;
}

void load_free(struct load **at) {
    struct load *l = *at;
    *at = NULL;
    if (l != NULL) {
        timer_cancel(l->of->host->net_timers, &l->retry);
        forget(l);
        free(l);
    }
}
