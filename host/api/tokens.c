/* GET /v1/tokens, POST /v1/tokens, DELETE /v1/tokens/{id}. The text of a token is in the answer that makes it,
 * and nowhere else. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "api/input.h"
#include "api/routes.h"
#include "base/rfc3339.h"
#include "supervisor/audit.h"

static void add_queues(struct buf *out, const char *queues) {
    json_key(out, "queues");
    buf_char(out, '[');
    for (const char *at = queues; *at != '\0';) {
        size_t len = strcspn(at, ",");
        json_comma(out);
        json_strn(out, at, len);
        at += len + (at[len] == ',');
    }
    buf_char(out, ']');
}

static const char *state_of(const struct store_token *t, int64_t now_ms) {
    return t->revoked_ms != 0                              ? "revoked"
           : t->expires_ms != 0 && t->expires_ms <= now_ms ? "expired"
                                                           : "active";
}

static void add_members(struct buf *out, const struct store_token *t, int64_t now_ms) {
    json_kstr(out, "id", t->id);
    json_kstr(out, "name", t->name);
    json_kstr(out, "state", state_of(t, now_ms));
    json_kstr(out, "scope", token_scope_name(t->scope));
    json_kstr(out, "user", t->tenant);
    if (t->queues != NULL) {
        add_queues(out, t->queues);
    }
    json_ktime(out, "created_at", t->created_ms);
    json_kstr(out, "created_by", t->by);
    json_ktime(out, "expires_at", t->expires_ms);
    json_ktime(out, "last_used_at", t->used_ms);
    json_ktime(out, "revoked_at", t->revoked_ms);
}

/* ---- all of them ---- */

static void listed(struct store_op *op) {
    struct call *call = op->arg;
    struct store_token_list *list = CONTAINER_OF(op, struct store_token_list, op);
    struct buf out = {0};
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    call_list_begin(&out);
    for (size_t i = 0; i < list->count; i++) {
        json_comma(&out);
        buf_char(&out, '{');
        add_members(&out, &list->tokens[i], env_wall_ms(&call->host->env));
        buf_char(&out, '}');
    }
    call_list_end(call, op, &out, NULL, false);
}

void tokens_list_handle(struct call *call) {
    struct store_token_list *list = CALL_NEW(call, struct store_token_list);
    if (list != NULL) {
        call_op(call, &list->op, STORE_TOKEN_LIST, listed);
        store_post(&call->host->store, &list->op);
    }
}

/* ---- a new one ---- */

struct making {
    struct store_token_put put;
    struct store_audit_add audit;
    char hash[STORE_TOKEN_HASH_LEN + 1];
    char id[TOKEN_ID_LEN + 1];
    char text[TOKEN_TEXT_LEN + 1];
};

static void answer_made(struct store_op *op) {
    struct call *call = op->arg;
    struct making *m = CONTAINER_OF(op, struct making, audit.op);
    struct buf out = {0};
    store_op_finish(op); // it is made, whether or not that could be written down
    buf_char(&out, '{');
    add_members(&out, &m->put.token, m->put.token.created_ms);
    json_kstr(&out, "token", m->text);
    buf_char(&out, '}');
    OPENSSL_cleanse(m->text, sizeof m->text);
    call_reply(call, 201, &out);
}

static void made(struct store_op *op) {
    struct call *call = op->arg;
    struct making *m = CONTAINER_OF(op, struct making, put.op);
    const struct store_token *t = &m->put.token;
    if (op->status == -EDQUOT) {
        store_op_finish(op);
        call_errorf(call, 409, "too_many_tokens", NULL,
                    "there are %d tokens that have not ended; revoke one", STORE_TOKENS_MAX);
        return;
    }
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    store_op_finish(op);
    tokens_learn(call->host, t);
    const char *detail =
        arena_printf(&call->req->arena, "%s, %s%s%s%s%s", t->name, token_scope_name(t->scope),
                     t->tenant == NULL ? "" : ", user ", t->tenant == NULL ? "" : t->tenant,
                     t->queues == NULL ? "" : ", queues ", t->queues == NULL ? "" : t->queues);
    const struct store_audit entry = {
        .actor = call_actor(call), .action = "token.new", .target = t->id, .detail = detail};
    audit_add(call->host, &m->audit, entry, answer_made, call);
}

static void draw(struct making *m) {
    uint8_t id[8], secret[32];
    const char *characters = NULL;
    env_random(id, sizeof id);
    env_random(secret, sizeof secret);
    token_format(id, secret, m->text);
    OPENSSL_cleanse(secret, sizeof secret);
    (void)token_split(bytes_of(m->text), m->id, &characters);
    tokens_hash(characters, m->hash);
}

static bool read_new(struct call *call, struct store_token *t) {
    enum { YEARS = 3650 };
    const char *scope = NULL, *expires = NULL;
    int64_t after_ms = 0, most_ms = INT64_C(86400000) * YEARS;
    const struct input_field fields[] = {{"name", INPUT_TEXT, &t->name},
                                         {"scope", INPUT_TEXT, &scope},
                                         {"user", INPUT_TEXT, &t->tenant},
                                         {"queues", INPUT_QUEUES, &t->queues},
                                         {"expires", INPUT_TEXT, &expires}};
    if (!input_read(call, fields, ARRAY_LEN(fields))) {
        return false;
    }
    t->scope = scope == NULL ? TOKEN_NO_SCOPE : (int32_t)token_scope_from_name(scope);
    if (t->name == NULL || !token_is_name(t->name)) {
        call_errorf(call, 400, "bad_field", "name", "1 to %d letters, digits and _ . - @ : / +",
                    (int)TOKEN_NAME_MAX);
    } else if (t->scope == TOKEN_NO_SCOPE) {
        call_error(call, 400, "bad_field", "scope", "scope is viewer, submit, operator or admin");
    } else if (t->tenant != NULL && (t->tenant[0] == '\0' || strlen(t->tenant) > JOB_TENANT_MAX)) {
        call_errorf(call, 400, "bad_field", "user", "1 to %d bytes", (int)JOB_TENANT_MAX);
    } else if (t->scope == TOKEN_ADMIN && (t->tenant != NULL || t->queues != NULL)) {
        call_error(call, 400, "bad_field", "scope",
                   "an admin's token is for all; bind one of another scope");
    } else if (expires != NULL &&
               (duration_parse(expires, &after_ms) != 0 || after_ms <= 0 || after_ms > most_ms)) {
        call_errorf(call, 400, "bad_field", "expires", "a duration such as 90d, at most %dd",
                    YEARS);
    } else {
        t->created_ms = env_wall_ms(&call->host->env);
        t->expires_ms = after_ms == 0 ? 0 : t->created_ms + after_ms;
        return true;
    }
    return false;
}

void tokens_new_handle(struct call *call) {
    struct making *m = CALL_NEW(call, struct making);
    if (m == NULL || !read_new(call, &m->put.token)) {
        return;
    }
    draw(m);
    m->put.token.id = m->id;
    m->put.token.hash = m->hash;
    m->put.token.by = call_actor(call);
    call_op(call, &m->put.op, STORE_TOKEN_PUT, made);
    if (store_token_check(&m->put.token) < 0) {
        call_errorf(call, 400, "bad_field", "queues", "at most %d of them", (int)TOKEN_QUEUES_MAX);
        return;
    }
    store_post(&call->host->store, &m->put.op);
}

/* ---- the end of one ---- */

struct revoking {
    struct store_token_set set;
    struct store_token_set_item item;
    struct store_token_list list;
    struct store_audit_add audit;
    int64_t revoked_ms;
};

static void answer_revoked(struct store_op *op) {
    struct call *call = op->arg;
    const struct revoking *r = CONTAINER_OF(op, struct revoking, audit.op);
    struct buf out = {0};
    store_op_finish(op);
    buf_char(&out, '{');
    json_kstr(&out, "id", r->item.id);
    json_ktime(&out, "revoked_at", r->revoked_ms);
    buf_char(&out, '}');
    call_reply(call, 200, &out);
}

static void read_again(struct store_op *op) {
    struct call *call = op->arg;
    struct revoking *r = CONTAINER_OF(op, struct revoking, list.op);
    if (op->status == 0 && r->list.count == 1) {
        tokens_learn(call->host, &r->list.tokens[0]);
        r->revoked_ms = r->list.tokens[0].revoked_ms;
    } else {
        tokens_news(call->host, r->item.id);
    }
    store_op_finish(op);
    const char *why = request_query(call->req, "why");
    const struct store_audit entry = {
        .actor = call_actor(call), .action = "token.revoke", .target = r->item.id, .detail = why};
    audit_add(call->host, &r->audit, entry, answer_revoked, call);
}

static void revoked(struct store_op *op) {
    struct call *call = op->arg;
    struct revoking *r = CONTAINER_OF(op, struct revoking, set.op);
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    store_op_finish(op);
    if (r->item.status == -ENOENT) {
        call_error(call, 404, "token_not_found", "id", "there is no token of this id");
        return;
    }
    r->list.id = r->item.id;
    call_op(call, &r->list.op, STORE_TOKEN_LIST, read_again);
    store_post(&call->host->store, &r->list.op);
}

void tokens_revoke_handle(struct call *call) {
    struct revoking *r = CALL_NEW(call, struct revoking);
    if (r == NULL || !input_why_fits(call, request_query(call->req, "why"))) {
        return;
    }
    if (!token_is_id(call->param[0])) {
        call_error(call, 404, "token_not_found", "id",
                   "that is no id of a token: it stands between jh_ and the next _");
        return;
    }
    r->revoked_ms = env_wall_ms(&call->host->env);
    r->item = (struct store_token_set_item){.id = call->param[0], .revoked_ms = r->revoked_ms};
    r->set.items = &r->item;
    r->set.count = 1;
    call_op(call, &r->set.op, STORE_TOKEN_SET, revoked);
    store_post(&call->host->store, &r->set.op);
}
