/* GET /v1/breakers: those that are not closed, as the store has them. POST /v1/breakers/{name}/reset. */
#include <string.h>

#include "api/input.h"
#include "api/routes.h"
#include "core/outcome.h"
#include "store/breakers.h"
#include "supervisor/breakers.h"

/* Times are told by the host's clock: `clock_ms` is what the store's said at the same moment. One that only counts
 * failures is closed. */
static void add_breaker(struct buf *out, const struct store_breaker_state *it, int64_t clock_ms,
                        int64_t ahead_ms) {
    enum breaker_kind kind;
    const char *scope;
    const struct breaker *b = &it->state;
    if (breaker_name_split(it->name, &kind, &scope) != 0 || breaker_is_counting(b)) {
        return;
    }
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "name", it->name);
    json_kstr(out, "breaker", breaker_kind_name(kind));
    json_kstr(out, "scope", scope);
    json_kstr(out, "state", breaker_state_name(breaker_state(b, clock_ms)));
    json_kstr(out, "class", outcome_class(b->cls)->name);
    json_kint(out, "failures", b->failures);
    json_ktime(out, "opened_at", b->opened_ms + ahead_ms);
    json_ktime(out, "open_until", b->until_ms + ahead_ms);
    json_kbool(out, "probing", b->probe_ms > clock_ms);
    buf_char(out, '}');
}

static void listed(struct store_op *op) {
    struct call *call = op->arg;
    struct store_breaker_list *list = CONTAINER_OF(op, struct store_breaker_list, op);
    struct buf out = {0};
    if (op->status != 0) {
        call_list_failed(call, op);
        return;
    }
    int64_t ahead_ms = env_wall_ms(&call->host->env) - list->clock_ms;
    call_list_begin(&out);
    for (size_t i = 0; i < list->count; i++) {
        add_breaker(&out, &list->breakers[i], list->clock_ms, ahead_ms);
    }
    call_list_end(call, op, &out, list->next_cursor, false);
}

void breakers_list_handle(struct call *call) {
    struct store_breaker_list *list = CALL_NEW(call, struct store_breaker_list);
    if (list == NULL) {
        return;
    }
    list->max = call_limit(call, 100, 1000);
    list->cursor = request_query(call->req, "cursor");
    if (list->max != 0) {
        call_op(call, &list->op, STORE_BREAKER_LIST, listed);
        store_post(&call->host->store, &list->op);
    }
}

static void was_reset(struct breaker_reset *reset) {
    struct call *call = reset->arg;
    struct buf out = {0};
    if (reset->failed != NULL) {
        call_store_failed(call, reset->failed);
        return;
    }
    buf_char(&out, '{');
    json_kstr(&out, "name", reset->name);
    json_kstr(&out, "state", breaker_state_name(BREAKER_IS_CLOSED));
    json_kbool(&out, "changed", reset->changed);
    buf_char(&out, '}');
    call_reply(call, 200, &out);
}

void breakers_reset_handle(struct call *call) {
    struct breaker_reset *reset = CALL_NEW(call, struct breaker_reset);
    const struct input_field fields[] = {{"why", INPUT_WHY, reset == NULL ? NULL : &reset->why}};
    enum breaker_kind kind;
    const char *scope;
    if (reset == NULL || !input_read(call, fields, ARRAY_LEN(fields))) {
        return;
    }
    if (breaker_name_split(call->param[0], &kind, &scope) != 0) {
        call_error(call, 404, "breaker_not_found", "name",
                   "a breaker is called auth:PLUGIN:SCOPE, network:... or unknown:...");
        return;
    }
    reset->name = call->param[0];
    reset->by = call_actor(call);
    reset->done = was_reset;
    reset->arg = call;
    breakers_reset(call->host, reset);
}
