/* Events: what is published and kept, and the jobs that wait for it. */
#include <errno.h>
#include <string.h>

#include "model.h"

enum { PUTS_MAX = 2 * MODEL_KEPT + 3 };

static const char *const names[MODEL_NAMES] = {"paid", "paid:2", "a.b"};
static const char *const keys[] = {"delivery-1", "delivery-2"};

/* ------------------------------------------------------------------ what is kept */

static int64_t bytes_of_event(const struct model_event *e) {
    return store_event_bytes(&e->as);
}

static bool is_kept(const struct model_name *n, const char *key) {
    for (size_t i = 0; i < n->count; i++) {
        if (n->events[i].as.key == key) {
            return true;
        }
    }
    return false;
}

// Would it be too many, or too much, for so many times what a name may keep?
static bool is_over(const struct model_name *n, const struct model_event *more, int64_t times) {
    int64_t bytes = bytes_of_event(more);
    for (size_t i = 0; i < n->count; i++) {
        bytes += bytes_of_event(&n->events[i]);
    }
    return (int64_t)n->count + 1 > times * MODEL_KEPT || bytes > times * MODEL_KEPT_BYTES;
}

static void drop_oldest(struct model_name *n) {
    n->count--;
    memmove(n->events, n->events + 1, n->count * sizeof *n->events);
}

static bool is_waited_for(const struct model *m, int name) {
    for (size_t i = 0; i < m->count; i++) {
        const struct model_job *j = &m->jobs[i];
        if (j->there && j->state == JOB_PARKED && j->awaits == name + 1) {
            return true;
        }
    }
    return false;
}

// What becomes of it: the item's status. While somebody is to be told none goes.
static int publish(struct model *m, const struct model_event *e, bool bounded) {
    struct model_name *n = &m->names[e->name];
    if (e->as.key != NULL && is_kept(n, e->as.key)) {
        return -EEXIST;
    }
    if (bounded && n->pending && is_over(n, e, 2)) {
        return -ENOBUFS;
    }
    while (!n->pending && n->count > 0 && is_over(n, e, 1)) {
        drop_oldest(n);
    }
    n->events[n->count++] = *e;
    n->pending = n->pending || is_waited_for(m, e->name);
    return 0;
}

// Of each number another text.
static struct bytes value_of(const struct model_event *e) {
    static char text[MODEL_VALUE_MAX];
    memset(text, 'x', sizeof text);
    (void)snprintf(text, sizeof text, "%d:", e->number);
    return (struct bytes){text, e->as.value.len};
}

static void make_event(struct model *m, struct model_event *ret, char value[MODEL_VALUE_MAX]) {
    static const size_t sizes[] = {0, 3, 3, 100, MODEL_VALUE_MAX};
    *ret = (struct model_event){.number = ++m->published, .at_ms = m->rig.now};
    ret->name = (int)model_dice(m, MODEL_NAMES);
    ret->as.name = names[ret->name];
    ret->as.value.len = sizes[model_dice(m, ARRAY_LEN(sizes))];
    ret->as.tenant = model_dice(m, 2) == 0 ? NULL : model_tenant((int)model_dice(m, MODEL_TENANTS));
    ret->as.content_type = model_dice(m, 2) == 0 ? "text/plain; charset=utf-8" : NULL;
    ret->as.key = model_dice(m, 3) == 0 ? keys[model_dice(m, ARRAY_LEN(keys))] : NULL;
    memcpy(value, value_of(ret).data, ret->as.value.len);
    ret->as.value.data = value;
}

/* Some events by one call. Those without a key are not sent again, so nothing cuts them off. */
void model_events_publish(struct model *m) {
    static char values[PUTS_MAX][MODEL_VALUE_MAX];
    struct model_event events[PUTS_MAX];
    struct store_event_item items[PUTS_MAX] = {{.status = 0}};
    struct store_event_put put = {.items = items};
    bool keyed = true, again = false;
    size_t most = 1 + model_dice(m, model_dice(m, 4) == 0 ? PUTS_MAX : 3);
    for (; put.count < most; put.count++) {
        struct model_event *e = &events[put.count];
        make_event(m, e, values[put.count]);
        keyed = keyed && e->as.key != NULL;
        items[put.count].event = e->as;
    }
    if (keyed) {
        again = model_run(m, &put.op, STORE_EVENT_PUT);
    } else {
        (void)model_same(m, 0, rig_run(model_host(m), &put.op, STORE_EVENT_PUT), "events");
    }
    for (size_t i = 0; i < put.count; i++) {
        int want = publish(m, &events[i], true), is = items[i].status;
        bool twice = again && want == 0 && is == -EEXIST;
        (void)model_same(m, twice ? is : want, is, "what becomes of an event");
    }
    store_op_finish(&put.op);
}

void model_events_sweep(struct model *m) {
    for (int i = 0; i < MODEL_NAMES; i++) {
        struct model_name *n = &m->names[i];
        while (n->count > 0 && n->events[0].at_ms <= m->rig.now - MODEL_KEEP_EVENTS_MS) {
            drop_oldest(n);
        }
    }
}

/* ------------------------------------------------------------------ who waits */

// What a job that looks finds: the oldest one that is behind, and for it.
static const struct model_event *look(const struct model *m, const struct model_job *j) {
    const struct model_name *n = &m->names[j->awaits - 1];
    const char *tenant = model_tenant(j->tenant);
    for (size_t i = 0; i < n->count; i++) {
        const struct model_event *e = &n->events[i];
        bool for_it = e->as.tenant == NULL || e->as.tenant == tenant;
        if (for_it && e->number > j->seen[j->awaits - 1].number && e->at_ms >= j->since_ms) {
            return e;
        }
    }
    return NULL;
}

static int64_t any_since(struct model *m, const struct model_job *j) {
    const int64_t all[] = {0, id_time_ms(&j->id), m->rig.now, m->rig.now - 500};
    return all[model_dice(m, ARRAY_LEN(all))];
}

/* In the life of a job the waits for a name are numbered; 0 is a plain yield. */
void model_events_ask(struct model *m, const struct model_job *j, struct model_wait *w,
                      struct store_commit_item *item) {
    w->name = (int)model_dice(m, MODEL_NAMES);
    const struct model_seen *seen = &j->seen[w->name];
    struct waits_event wait = {.n = model_dice(m, 5) == 0 ? 0 : seen->count + 1};
    w->since_ms = wait.since_ms = any_since(m, j);
    w->n = wait.n;
    (void)snprintf(wait.position, sizeof wait.position, "%s", seen->position);
    waits_event_put(&wait, w->text);
    if (w->n == 0) {
        waits_plain_step(names[w->name], w->step_name);
    } else {
        waits_event_step(names[w->name], w->n, w->step_name);
    }
    w->step = (struct store_step){w->step_name, bytes_of("open 0 0 -\n")};
    item->wait_key = names[w->name];
    item->wait_for = w->text;
    item->steps = &w->step;
    item->step_count = 1;
    item->state_version = 1;
}

void model_events_wait(struct model *m, struct model_job *j, const struct model_wait *w) {
    j->awaits = w->name + 1;
    j->since_ms = w->since_ms;
    j->nth = w->n;
    m->names[w->name].pending = m->names[w->name].pending || look(m, j) != NULL;
}

/* Those that a job publishes, with its commit. */
void model_events_tell(struct model *m, struct model_telling *t, struct store_commit_item *item) {
    for (t->count = 1 + model_dice(m, MODEL_TELLS); item->event_count < t->count;) {
        size_t i = item->event_count++;
        make_event(m, &t->events[i], t->values[i]);
        t->as[i] = t->events[i].as;
    }
    item->events = t->as;
}

void model_events_told(struct model *m, const struct model_telling *t) {
    for (size_t i = 0; i < t->count; i++) {
        (void)publish(m, &t->events[i], false);
    }
}

/* ------------------------------------------------------------------ FORWARD */

static struct bytes step_of(struct model *m, struct store_step_get *get, const struct model_job *j,
                            const char *name) {
    *get = (struct store_step_get){.id = j->id, .name = name};
    (void)model_same(m, 0, rig_run(&m->rig, &get->op, STORE_STEP_GET), "the step of an event");
    return get->value;
}

// Also where the job goes on from.
static void expect_got(struct model *m, struct model_job *j, const struct model_event *e) {
    struct model_seen *seen = &j->seen[e->name];
    char name[WAITS_STEP_MAX];
    struct store_step_get get, plain;
    struct waits_step is = {.at_ms = 0};
    bool raw = j->nth == 0;
    waits_event_step(e->as.name, j->nth, name);
    struct bytes value = raw ? step_of(m, &plain, j, name) : (struct bytes){NULL, 0};
    if (raw) {
        waits_plain_step(e->as.name, name);
    }
    (void)model_same(m, 0, waits_step_read(step_of(m, &get, j, name), &is), "what an event left");
    (void)model_same(m, WAITS_GOT, is.state, "how a wait ended");
    (void)model_same(m, e->at_ms, is.at_ms, "when the event came");
    const char *type = e->as.content_type == NULL ? "" : e->as.content_type;
    (void)model_agree(m, strcmp(type, is.type) == 0, "the event's type");
    (void)model_agree(m, bytes_equal(value_of(e), raw ? value : is.value), "what the event says");
    (void)snprintf(seen->position, sizeof seen->position, "%s", is.position);
    seen->number = e->number;
    seen->count += !raw;
    store_op_finish(&get.op);
    if (raw) {
        store_op_finish(&plain.op);
    }
}

void model_events_forward(struct model *m) {
    for (size_t i = 0; i < m->count; i++) {
        struct model_job *j = &m->jobs[i];
        bool waits = j->there && j->state == JOB_PARKED && j->awaits != 0;
        const struct model_event *e = waits ? look(m, j) : NULL;
        if (e != NULL && model_same(m, JOB_QUEUED, rig_state(&m->rig, &j->id), "who is told")) {
            expect_got(m, j, e);
            model_queue_loosely(m, j, m->rig.now);
        }
    }
    for (int i = 0; i < MODEL_NAMES; i++) {
        m->names[i].pending = false;
    }
    rig_free_ops(&m->rig);
}
