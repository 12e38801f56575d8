// Flows: jobs that make others, join them, come behind them, and read what became of them.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos.h"
#include "jobhost_flow.h"

static const struct jh_flow *flow_of(const struct chaos *x) {
    return (const struct jh_flow *)x->host->extension(x->host, JH_FLOW_1);
}

static const char *text_at(const cJSON *op, int index) {
    return cJSON_GetStringValue(cJSON_GetArrayItem(op, index));
}

static int64_t number_at(const cJSON *op, int index) {
    const cJSON *item = cJSON_GetArrayItem(op, index);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0;
}

// ---- making ----

// `n` of what a row says from `at` on: type, payload, queue, dedup key. 0 or the first refusal.
static int make(const struct chaos *x, const cJSON *op, int at, int64_t n,
                int (*how)(struct jh_call *, const struct jh_child *)) {
    const cJSON *payload = cJSON_GetArrayItem(op, at + 1);
    char *text = payload == NULL ? NULL : cJSON_PrintUnformatted(payload);
    const struct jh_child child = {.size = sizeof child,
                                   .handler = text_at(op, at),
                                   .payload = jh_bytes_of(text == NULL ? "{}" : text),
                                   .queue = text_at(op, at + 2),
                                   .dedup_key = text_at(op, at + 3)};
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        rc = how(x->call, &child);
    }
    free(text);
    return rc;
}

// ---- reading ----

static cJSON *read_counts(const struct chaos *x, int32_t which) {
    struct jh_flow_counts is = {.size = sizeof is};
    int rc = flow_of(x)->counts(x->call, which, &is);
    const struct {
        const char *name;
        uint64_t n;
    } rows[] = {{"made", is.made}, {"open", is.open},           {"succeeded", is.succeeded},
                {"dead", is.dead}, {"cancelled", is.cancelled}, {"duplicate", is.duplicate}};
    if (rc < 0) {
        return cJSON_CreateNumber(rc);
    }
    cJSON *out = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)cJSON_AddNumberToObject(out, rows[i].name, (double)rows[i].n);
    }
    (void)cJSON_AddBoolToObject(out, "closed", (is.flags & JH_FLOW_CLOSED) != 0);
    (void)cJSON_AddBoolToObject(out, "grows", (is.flags & JH_FLOW_GROWS) != 0);
    return out;
}

static cJSON *member_json(const struct jh_member *m) {
    cJSON *out = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(out, "id", m->id);
    (void)cJSON_AddNumberToObject(out, "state", m->state);
    (void)cJSON_AddStringToObject(out, "type", m->type == NULL ? "" : m->type);
    (void)cJSON_AddStringToObject(out, "code", m->code == NULL ? "" : m->code);
    (void)cJSON_AddNumberToObject(out, "class", m->cls);
    (void)cJSON_AddNumberToObject(out, "size", m->has_result ? (double)m->result_size : -1);
    return out;
}

// At most n members behind a cursor; behind them the last answer if it was not 0.
static cJSON *read_page(const struct chaos *x, int32_t which, uint64_t cursor, int64_t n) {
    struct jh_member m = {.size = sizeof m};
    cJSON *out = cJSON_CreateArray();
    for (int64_t i = 0; i < n; i++) {
        int rc = flow_of(x)->results(x->call, which, &cursor, &m);
        if (rc != 0) {
            (void)cJSON_AddItemToArray(out, cJSON_CreateNumber(rc));
            break;
        }
        (void)cJSON_AddItemToArray(out, member_json(&m));
    }
    return out;
}

static cJSON *read_result(const struct chaos *x, int32_t which, const char *id) {
    struct jh_bytes b;
    int rc = flow_of(x)->result(x->call, which, id, &b);
    if (rc < 0) {
        return cJSON_CreateNumber(rc);
    }
    char *text = strndup(b.data == NULL ? "" : (const char *)b.data, b.len < 100 ? b.len : 100);
    cJSON *out = cJSON_CreateString(text);
    free(text);
    return out;
}

// ---- the script ----

static cJSON *do_row(const struct chaos *x, const cJSON *op) {
    const char *what = text_at(op, 0);
    int32_t which = (int32_t)number_at(op, 1);
    int rc = -ENOSYS;
    if (strcmp(what, "counts") == 0) {
        return read_counts(x, which);
    } else if (strcmp(what, "page") == 0) {
        return read_page(x, which, (uint64_t)number_at(op, 2), number_at(op, 3));
    } else if (strcmp(what, "result") == 0) {
        return read_result(x, which, text_at(op, 2));
    } else if (strcmp(what, "enqueue") == 0) {
        rc = make(x, op, 2, number_at(op, 1), x->host->enqueue);
    } else if (strcmp(what, "add") == 0) {
        rc = make(x, op, 2, number_at(op, 1), flow_of(x)->add);
    } else if (strcmp(what, "then") == 0) {
        rc = make(x, op, 1, 1, flow_of(x)->then);
    } else if (strcmp(what, "on_dead") == 0) {
        rc = flow_of(x)->on_child_dead(x->call, which);
    } else if (strcmp(what, "step") == 0) {
        rc = jh_step_puts(x->call, text_at(op, 1), "done");
    } else if (strcmp(what, "sleep") == 0) {
        rc = x->host->sleep_ms(x->call, number_at(op, 1));
    }
    return cJSON_CreateNumber(rc);
}

static cJSON *do_rows(const struct chaos *x, const char *name) {
    const cJSON *op;
    cJSON *out = cJSON_CreateArray();
    cJSON_ArrayForEach(op, cJSON_GetObjectItemCaseSensitive(x->payload, name)) {
        (void)cJSON_AddItemToArray(out, do_row(x, op));
    }
    return out;
}

// 1: it has been done now, 0: by an earlier run, or there is nothing to do.
static int do_first(const struct chaos *x) {
    struct jh_bytes seen;
    int found = cJSON_GetObjectItemCaseSensitive(x->payload, "first") == NULL
                    ? 0
                    : x->host->step_get(x->call, "first", &seen);
    if (found <= 0) {
        return found;
    }
    cJSON_Delete(do_rows(x, "first"));
    int rc = jh_step_puts(x->call, "first", "done");
    return rc < 0 ? rc : 1;
}

// Asked in every run: one that was cut off between its step and its yield() has to wait as well.
static bool has_open_children(const struct chaos *x) {
    struct jh_flow_counts counts = {.size = sizeof counts};
    return flow_of(x)->counts(x->call, JH_FLOW_OPENED, &counts) == 0 && counts.open > 0;
}

// first: rows that are done in the first run alone, and then a step; park: it waits for its children behind them; ops: rows of
// every run. A row is ["enqueue", n, type, payload, queue, key], the same with "add", ["then", type, payload, queue, key],
// ["on_dead", what], ["counts", which], ["page", which, cursor, n], ["result", which, id], ["step", name] or ["sleep", ms]. The
// result: what the rows of its last run answered. die: it fails for good.
jh_status chaos_flow(struct chaos *x) {
    const struct jh_wait wait = {.size = sizeof wait, .kind = JH_WAIT_CHILDREN};
    int made = do_first(x);
    if (made < 0) {
        return jh_stop(x->call);
    }
    if (chaos_flag(x, "park") && (made == 1 || has_open_children(x))) {
        return x->host->yield(x->call, &wait);
    }
    if (chaos_result(x, do_rows(x, "ops")) < 0) {
        return JH_RETRY;
    }
    return chaos_flag(x, "die") ? jh_failf(x->call, JH_E_PERMANENT, "chaos", "as asked") : JH_OK;
}

// name: is its result. grow (0): so many siblings, of depth (0) less one, unless that is 0. die: it fails for good.
jh_status chaos_leaf(struct chaos *x) {
    int64_t depth = chaos_int(x, "depth", 0);
    char payload[128];
    (void)snprintf(payload, sizeof payload, "{\"grow\":%lld,\"depth\":%lld,\"name\":\"grown\"}",
                   (long long)chaos_int(x, "grow", 0), (long long)depth - 1);
    const struct jh_child child = {
        .size = sizeof child, .handler = "chaos.leaf", .payload = jh_bytes_of(payload)};
    int rc = chaos_sink(x, "end");
    for (int64_t i = 0; rc == 0 && depth > 0 && i < chaos_int(x, "grow", 0); i++) {
        rc = flow_of(x)->add(x->call, &child);
    }
    if (rc < 0) {
        return jh_failf(x->call, JH_E_PERMANENT, "add", "add: %d", rc);
    }
    if (chaos_result(x, cJSON_CreateString(chaos_text(x, "name", "leaf"))) < 0) {
        return JH_RETRY;
    }
    return chaos_flag(x, "die") ? jh_failf(x->call, JH_E_PERMANENT, "chaos", "as asked") : JH_OK;
}

// ---- gathering ----

struct sums {
    uint64_t cursor;
    int64_t members, succeeded, bytes;
};

// Cursors of this plugin's tests are far below 2^53, so a number of JSON holds one.
static int keep_sums(const struct chaos *x, const struct sums *s) {
    const double numbers[] = {(double)s->cursor, (double)s->members, (double)s->succeeded,
                              (double)s->bytes};
    cJSON *row = cJSON_CreateDoubleArray(numbers, 4);
    char *text = cJSON_PrintUnformatted(row);
    int rc = text == NULL ? -ENOMEM : jh_step_puts(x->call, "sums", text);
    free(text);
    cJSON_Delete(row);
    return rc;
}

static int load_sums(const struct chaos *x, struct sums *ret) {
    struct jh_bytes b;
    int rc = x->host->step_get(x->call, "sums", &b);
    if (rc != 0) {
        return rc;
    }
    cJSON *row = cJSON_ParseWithLength((const char *)b.data, b.len);
    *ret = (struct sums){(uint64_t)number_at(row, 0), number_at(row, 1), number_at(row, 2),
                         number_at(row, 3)};
    cJSON_Delete(row);
    return 0;
}

static int add_member(const struct chaos *x, int32_t which, struct sums *s) {
    struct jh_member m = {.size = sizeof m};
    struct jh_bytes b = {NULL, 0};
    int rc = flow_of(x)->results(x->call, which, &s->cursor, &m);
    if (rc == 0 && m.has_result) {
        rc = flow_of(x)->result(x->call, which, m.id, &b);
    }
    if (rc == 0) {
        s->members++;
        s->succeeded += m.state == JH_MEMBER_SUCCEEDED;
        s->bytes += (int64_t)b.len;
    }
    return rc;
}

// which (1 = the flow that it comes behind), every (10): adds up all members that have ended and the bytes of their results, with a
// step every so many, from which another run goes on. The result: [members, succeeded, bytes].
jh_status chaos_gather(struct chaos *x) {
    struct sums s = {0};
    int rc = load_sums(x, &s);
    int64_t every = chaos_int(x, "every", 10);
    while (rc >= 0 && (rc = add_member(x, (int32_t)chaos_int(x, "which", 1), &s)) == 0) {
        rc = s.members % every == 0 ? keep_sums(x, &s) : 0;
    }
    if (rc < 0) {
        return rc == -ENOENT ? jh_failf(x->call, JH_E_PERMANENT, "gather", "there is no such flow")
                             : jh_stop(x->call);
    }
    if (chaos_sink(x, "end") < 0) {
        return jh_stop(x->call);
    }
    const int sums[] = {(int)s.members, (int)s.succeeded, (int)s.bytes};
    return chaos_result(x, cJSON_CreateIntArray(sums, 3)) < 0 ? JH_RETRY : JH_OK;
}
