/* The header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a key for the one job of a
 * request, as a structured string or bare. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/submit.h"

enum { KEPT_MS = 24 * 60 * 60 * 1000 }; // after the job's success: as long as requests are repeated

static const char header[] = "Idempotency-Key";

static int refuse(struct problem *ret, const char *code, const char *field, const char *message) {
    *ret = (struct problem){.status = 400, .code = code};
    (void)snprintf(ret->field, sizeof ret->field, "%s", field);
    (void)snprintf(ret->message, sizeof ret->message, "%s", message);
    return -EINVAL;
}

/* What is between the quotes, if there are any. Escapes would make two spellings of one key. */
static bool read_key(struct bytes *key) {
    const char *p = key->data;
    if (key->len >= 2 && p[0] == '"' && p[key->len - 1] == '"') {
        *key = (struct bytes){++p, key->len - 2};
    }
    for (size_t i = 0; i < key->len; i++) {
        if (p[i] < 0x20 || p[i] > 0x7e || p[i] == '"' || p[i] == '\\') {
            return false;
        }
    }
    return key->len > 0 && key->len <= JOB_KEY_MAX;
}

bool submit_key_is_sent(const struct call *call) {
    return request_header(call->req, header, NULL) > 0;
}

int submit_key_take(const struct call *call, struct job_request *request, struct problem *ret) {
    struct bytes key;
    unsigned count = request_header(call->req, header, &key);
    if (count == 0) {
        return 0;
    }
    if (count > 1 || !read_key(&key)) {
        (void)refuse(ret, "bad_idempotency_key", header, "");
        (void)snprintf(ret->message, sizeof ret->message,
                       "%s is one text of at most %d bytes of visible ASCII and blanks, without "
                       "quotes and backslashes in it",
                       header, JOB_KEY_MAX);
        return -EINVAL;
    }
    if (request->key != NULL) {
        return refuse(ret, "bad_field", "key",
                      "the job has a key already; send it without Idempotency-Key");
    }
    request->key = arena_strn(&call->req->arena, key.data, key.len);
    request->dedup_ttl_ms = KEPT_MS;
    if (request->key == NULL) {
        *ret = (struct problem){
            .status = 503, .code = "out_of_memory", .message = "the host is out of memory"};
        return -ENOMEM;
    }
    return 0;
}
