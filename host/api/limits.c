/* GET /v1/limits: what each limiter has left, and until when: those of the configuration, and with their
 * keys those that the store remembers something of. POST /v1/limits/{name}/reset. */
#include <errno.h>
#include <string.h>

#include "api/input.h"
#include "api/routes.h"
#include "store/limits.h"
#include "supervisor/audit.h"
#include "supervisor/limits.h"

static void add_rules(struct buf *out, const struct config_limit *c) {
    json_kint(out, "rate", c->rate);
    json_kint(out, "per_ms", c->rate > 0 ? c->per_ms : 0);
    json_kstr(out, "window", c->rate > 0 ? c->window : NULL);
    json_kint(out, "burst", c->burst);
    json_kint(out, "concurrency", c->concurrency);
}

/* Of both, the less. -1: nothing is bounded but the pace. */
static int64_t free_slots(const struct config_limit *c, const struct limiter_view *v) {
    int64_t window = v->limit - v->held - v->settled - v->foreign;
    int64_t once = c->concurrency - v->held;
    int64_t least = c->rate == 0 ? once : c->concurrency == 0 || window < once ? window : once;
    return least < 0 ? 0 : least;
}

static void add_view(struct buf *out, const struct config_limit *c, const struct limiter_view *v,
                     int64_t ahead_ms) {
    bool waits = v->next.verdict == LIMITER_WAIT;
    json_kint(out, "held", v->held);
    json_kint(out, "settled", v->settled);
    json_kint(out, "foreign", v->foreign);
    json_kint(out, "free", waits ? 0 : free_slots(c, v));
    json_kint(out, "learnt_rate", v->limit < c->rate ? v->limit : 0);
    json_ktime(out, "closed_until", v->closed_ms == 0 ? 0 : v->closed_ms + ahead_ms);
    json_kstr(out, "waits_for", waits ? limiter_part_name(v->next.part) : NULL);
    json_ktime(out, "free_at", waits ? v->next.until_ms + ahead_ms : 0);
}

/* Times are told by the host's clock: `clock_ms` is what the store's said at the same moment. */
static void add_limiter(struct call *call, struct buf *out, const struct config_limit *c,
                        const char *name, const struct limiter *state, int64_t clock_ms) {
    struct host *host = call->host;
    struct limiter_rules rules = limits_rules(host, c);
    struct limiter own = *state;
    struct limiter_view view;
    limiter_look(&own, &rules, clock_ms, &view);
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "name", name);
    json_kstr(out, "limit", c->entry.name);
    add_rules(out, c);
    add_view(out, c, &view, env_wall_ms(&host->env) - clock_ms);
    json_kint(out, "waiting", limits_waiting(host, name));
    buf_char(out, '}');
}

static bool is_listed(const struct store_limiter_list *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->limiters[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Would a limiter of this name stand on this page? They are in the order of names. */
static bool is_of_page(const struct store_limiter_list *list, const char *name) {
    return (list->cursor == NULL || strcmp(name, list->cursor) > 0) &&
           (list->next_cursor == NULL || strcmp(name, list->next_cursor) <= 0);
}

/* Limits that nobody has taken anything of: in front of those of their page. */
static void add_unused(struct call *call, struct buf *out, const struct store_limiter_list *list) {
    const struct config *c = call->host->config;
    const struct limiter nothing = {.pace_us = 0};
    for (size_t i = 0; i < c->limit_count; i++) {
        const char *name = c->limits[i].entry.name;
        bool wanted = list->limit == NULL || strcmp(list->limit, name) == 0;
        if (wanted && c->limits[i].entry.on && is_of_page(list, name) && !is_listed(list, name)) {
            add_limiter(call, out, &c->limits[i], name, &nothing, list->clock_ms);
        }
    }
}

static void listed(struct store_op *op) {
    struct call *call = op->arg;
    struct store_limiter_list *list = CONTAINER_OF(op, struct store_limiter_list, op);
    struct buf out = {0};
    if (op->status != 0) {
        call_list_failed(call, op);
        return;
    }
    call_list_begin(&out);
    add_unused(call, &out, list);
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->limiters[i].name;
        const struct config_limit *c = config_limit(call->host->config, name, strcspn(name, ":"));
        if (c != NULL) { // else it is another host's
            add_limiter(call, &out, c, name, &list->limiters[i].state, list->clock_ms);
        }
    }
    call_list_end(call, op, &out, list->next_cursor, false);
}

void limits_list_handle(struct call *call) {
    struct store_limiter_list *list = CALL_NEW(call, struct store_limiter_list);
    if (list == NULL) {
        return;
    }
    list->max = call_limit(call, 100, 1000);
    list->limit = request_query(call->req, "name");
    list->cursor = request_query(call->req, "cursor");
    if (list->max != 0) {
        call_op(call, &list->op, STORE_LIMITER_LIST, listed);
        store_post(&call->host->store, &list->op);
    }
}

/* ---- reset */

struct reset {
    struct store_limiter op;
    struct store_limiter_item item;
    struct store_audit_add audit;
    const char *why;
};

static void audited(struct store_op *op) {
    struct call *call = op->arg;
    struct buf out = {0};
    store_op_finish(op); // reset it is, even if that is not written down
    buf_str(&out, "{\"reset\":true}");
    call_reply(call, 200, &out);
}

static void was_reset(struct store_op *op) {
    struct call *call = op->arg;
    struct reset *r = CONTAINER_OF(op, struct reset, op.op);
    if (op->status == 0 && r->item.status < 0) {
        op->status = r->item.status;
    }
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    store_op_finish(op);
    limits_was_reset(call->host, r->item.name);
    const struct store_audit entry = {.actor = call_actor(call),
                                      .action = "limit.reset",
                                      .target = r->item.name,
                                      .detail = r->why};
    audit_add(call->host, &r->audit, entry, audited, call);
}

void limits_reset_handle(struct call *call) {
    struct reset *r = CALL_NEW(call, struct reset);
    const struct input_field fields[] = {{"why", INPUT_WHY, r == NULL ? NULL : &r->why}};
    if (r == NULL || !input_read(call, fields, ARRAY_LEN(fields))) {
        return;
    }
    const char *name = call->param[0], *key;
    size_t len;
    const struct config_limit *c = limiter_name_split(name, &len, &key) == 0
                                       ? config_limit(call->host->config, name, len)
                                       : NULL;
    if (c == NULL) {
        call_error(call, 404, "limit_not_found", "name",
                   "no limit of the configuration; with a key it is called LIMIT:KEY");
        return;
    }
    r->item = (struct store_limiter_item){.verb = STORE_LIMITER_OPEN,
                                          .name = name,
                                          .rules = limits_rules(call->host, c),
                                          .hint = LIMITER_HINT_NONE};
    r->op.items = &r->item;
    r->op.count = 1;
    call_op(call, &r->op.op, STORE_LIMITER, was_reset);
    store_post(&call->host->store, &r->op.op);
}
