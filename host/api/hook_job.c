/* What job a delivery asks for. */
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/hooks.h"
#include "base/json.h"
#include "base/rfc3339.h"
#include "core/priority.h"

bool hook_delivery_header(const struct hook_delivery *d, const char *name, struct bytes *ret) {
    size_t len = strlen(name);
    for (size_t i = 0; i < d->header_count; i++) {
        const struct header *h = &d->headers[i];
        if (h->name.len == len && strncasecmp(h->name.data, name, len) == 0) {
            *ret = h->value;
            return true;
        }
    }
    return false;
}

/* ---- the body ---- */

/* The media type without its parameters. */
static struct bytes media_type(const struct hook_delivery *d) {
    struct bytes type = {NULL, 0};
    if (!hook_delivery_header(d, "Content-Type", &type)) {
        return type;
    }
    const char *semicolon = memchr(type.data, ';', type.len);
    type.len = semicolon == NULL ? type.len : (size_t)(semicolon - (const char *)type.data);
    return bytes_trim(type);
}

static bool type_is(struct bytes type, const char *name) {
    return type.len == strlen(name) && strncasecmp(type.data, name, type.len) == 0;
}

static bool is_scheme(const struct hook_delivery *d, const char *name) {
    return d->scheme != NULL && strcmp(d->scheme, name) == 0;
}

/* GitHub puts its JSON into the field `payload`; what others send is an object of texts. */
static int read_form(struct hook_delivery *d) {
    if (is_scheme(d, "github") && hook_form_field(d->arena, d->body, "payload", &d->json)) {
        d->is_json = json_is_valid(d->json);
        return 0;
    }
    struct buf out = {0};
    int r = hook_form_json(d->arena, d->body, &out);
    if (r == 0) {
        d->json = arena_bytes(d->arena, buf_bytes(&out));
        r = d->json.data == NULL ? -ENOMEM : 0;
    }
    buf_free(&out);
    d->is_json = r == 0;
    return r == -E2BIG ? 0 : r;
}

int hook_delivery_read(struct hook_delivery *d) {
    d->is_form = type_is(media_type(d), "application/x-www-form-urlencoded");
    if (d->hook->payload != NULL && !d->hook->reads_body) {
        return 0; // whatever it is
    }
    if (d->is_form) {
        return read_form(d);
    }
    d->json = d->body;
    d->is_json = json_is_valid(d->body);
    return 0;
}

/* ---- what placeholders stand for ---- */

static bool set_text(const char *text, struct bytes *ret) {
    *ret = bytes_of(text);
    return text != NULL;
}

static bool find_query(const struct hook_delivery *d, const char *name, struct bytes *ret) {
    return d->query != NULL && hook_form_field(d->arena, bytes_of(d->query), name, ret);
}

static bool find_path(const struct hook_delivery *d, const char *name, struct bytes *ret) {
    size_t len = strlen(name), place = 0;
    for (const char *at = strchr(d->hook->of->path, '{'); at != NULL; at = strchr(at + 1, '{')) {
        if (strncmp(at + 1, name, len) == 0 && at[1 + len] == '}') {
            return set_text(d->param[place], ret);
        }
        place++;
    }
    return false;
}

static bool find_time(const struct hook_delivery *d, struct bytes *ret) {
    char *text = arena_alloc(d->arena, RFC3339_LEN + 1);
    if (text != NULL) {
        rfc3339_format(d->now_ms, text);
    }
    return set_text(text, ret);
}

static bool find_job(const struct hook_delivery *d, const char *name, struct bytes *ret,
                     bool *ret_json) {
    if (strcmp(name, "duplicate") == 0) {
        *ret_json = true;
        return set_text(d->duplicate ? "true" : "false", ret);
    }
    return set_text(strcmp(name, "id") == 0 ? d->job : d->state, ret);
}

static bool find(void *arg, enum mapping_from from, const char *name, struct bytes *ret,
                 bool *ret_json) {
    const struct hook_delivery *d = arg;
    switch (from) {
    case MAPPING_HEADER: return hook_delivery_header(d, name, ret);
    case MAPPING_QUERY: return find_query(d, name, ret);
    case MAPPING_PATH: return find_path(d, name, ret);
    case MAPPING_FORM: return d->is_form && hook_form_field(d->arena, d->body, name, ret);
    case MAPPING_HOOK: return set_text(d->hook->of->entry.name, ret);
    case MAPPING_ID: *ret = d->id; return d->id.len > 0;
    case MAPPING_RECEIVED_AT: return find_time(d, ret);
    case MAPPING_JOB: return find_job(d, name, ret, ret_json);
    default: return false;
    }
}

static struct mapping_values values_of(const struct hook_delivery *d) {
    return (struct mapping_values){.body = d->is_json ? d->json : (struct bytes){NULL, 0},
                                   .find = find,
                                   .most = d->hook->most,
                                   .arg = (void *)(uintptr_t)d};
}

/* ---- the parts of a job ---- */

static int refuse(struct problem *p, const char *field, const char *words) {
    *p = (struct problem){.status = 422, .code = "bad_delivery"};
    (void)snprintf(p->field, sizeof p->field, "%s", field);
    (void)snprintf(p->message, sizeof p->message, "%s", words);
    return -EINVAL;
}

static int no_memory(struct problem *p) {
    *p = (struct problem){
        .status = 503, .code = "out_of_memory", .message = "the host is out of memory"};
    return -EINVAL;
}

static int write_mapping(const struct hook_delivery *d, const struct mapping *m, struct bytes *ret,
                         struct err *e) {
    struct mapping_values values = values_of(d);
    struct buf out = {0};
    int r = mapping_write(m, &values, &out, e);
    if (r == 0) {
        buf_char(&out, '\0');
        *ret = arena_bytes(d->arena, buf_bytes(&out));
        ret->len -= ret->len > 0;
        r = ret->data == NULL ? -ENOMEM : 0;
    }
    buf_free(&out);
    return r;
}

/* A text of the job; NULL: there is no mapping, or (-ENODATA) no value. */
static int take_text(const struct hook_delivery *d, const struct mapping *m, const char *field,
                     const char **ret, struct problem *p) {
    struct bytes text = {NULL, 0};
    struct err e = {.code = 0};
    *ret = NULL;
    int r = m == NULL ? 0 : write_mapping(d, m, &text, &e);
    if (r == 0) {
        *ret = text.len == 0 ? NULL : text.data;
        return m != NULL && text.len == 0 ? -ENODATA : 0;
    }
    int refused = r == -ENOMEM ? no_memory(p) : refuse(p, field, e.msg);
    return r == -ENODATA ? r : refused;
}

/* What would be somebody else's job, or one of another flow, is none. */
static int need_text(const struct hook_delivery *d, const struct mapping *m, const char *field,
                     const char **ret, struct problem *p) {
    int r = take_text(d, m, field, ret, p);
    if (r == -ENODATA && p->status == 0) {
        return refuse(p, field, "is empty");
    }
    return r == -ENODATA ? -EINVAL : r;
}

static int take_priority(const struct hook_delivery *d, struct job_request *to, struct problem *p) {
    const char *text;
    int r = take_text(d, d->hook->priority, "priority", &text, p);
    to->priority = text == NULL ? -1 : priority_from_name(text);
    if (text != NULL && to->priority < 0) {
        return refuse(p, "priority", "is none of high, normal and low");
    }
    return r == -ENODATA ? 0 : r;
}

/* Keys of two hooks do not meet: each begins with the hook's name. Who submits to the same queue by the API may take
 * one first. What is too long to be one is told from others by its digest. */
static const char *key_of(const struct hook_delivery *d, struct bytes id) {
    const char *name = d->hook->of->entry.name;
    if (strlen(name) + 1 + id.len <= JOB_KEY_MAX) {
        return arena_printf(d->arena, "%s:%.*s", name, (int)id.len, (const char *)id.data);
    }
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct buf hex = {0};
    SHA256(id.data, id.len, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        buf_printf(&hex, "%02x", digest[i]);
    }
    const char *key = hex.failed ? NULL : arena_printf(d->arena, "%s:sha256:%s", name, hex.data);
    buf_free(&hex);
    return key;
}

static int take_key(const struct hook_delivery *d, struct job_request *to, struct problem *p) {
    struct bytes id = d->id;
    if (d->hook->key != NULL) {
        const char *text;
        int r = take_text(d, d->hook->key, "key", &text, p);
        if (r != 0) {
            return r == -ENODATA ? 0 : r;
        }
        id = bytes_of(text);
    } else if (id.len == 0 || d->id_signed || to->flow_id != NULL) {
        return 0;
    } else {
        to->dedup_ttl_ms = d->hook->of->remember_ms;
    }
    to->key = key_of(d, id);
    return to->key == NULL ? no_memory(p) : 0;
}

/* The body as it is: JSON, or bytes with their type. */
static int take_body(const struct hook_delivery *d, struct job_request *to, struct problem *p) {
    struct bytes type = media_type(d);
    if (d->is_json || d->body.len == 0) {
        to->payload = d->is_json ? d->json : d->body;
        return 0;
    }
    bool told = type.len > 0 && type.len <= JOB_CONTENT_TYPE_MAX &&
                !type_is(type, "application/json") && memchr(type.data, '\0', type.len) == NULL;
    to->payload = d->body;
    to->content_type =
        told ? arena_strn(d->arena, type.data, type.len) : "application/octet-stream";
    return to->content_type == NULL ? no_memory(p) : 0;
}

static int take_payload(const struct hook_delivery *d, struct job_request *to, struct problem *p) {
    struct err e = {.code = 0};
    if (d->hook->payload == NULL) {
        return take_body(d, to, p);
    }
    int r = write_mapping(d, d->hook->payload, &to->payload, &e);
    if (r != 0) {
        return r == -ENOMEM ? no_memory(p) : refuse(p, "payload", e.msg);
    }
    return !d->hook->reads_body || json_is_valid(to->payload)
               ? 0
               : refuse(p, "payload", "what comes of the delivery is too deep");
}

int hook_delivery_job(const struct hook_delivery *d, struct job_request *ret, struct problem *p) {
    const struct config_hook *of = d->hook->of;
    *p = (struct problem){.status = 0};
    *ret = (struct job_request){.type = of->job,
                                .queue = of->queue,
                                .delay_ms = of->delay_ms,
                                .labels = of->labels,
                                .priority = -1,
                                .dedup_mode = -1};
    if (d->hook->reads_body && !d->is_json) {
        return refuse(p, "body", "is not JSON, and the hook looks into it");
    }
    int r = take_payload(d, ret, p);
    r = r == 0 ? take_priority(d, ret, p) : r;
    r = r == 0 ? need_text(d, d->hook->user, "user", &ret->tenant, p) : r;
    r = r == 0 ? need_text(d, d->hook->flow, "flow", &ret->flow_id, p) : r;
    return r == 0 ? take_key(d, ret, p) : r;
}

/* ---- no jobs ---- */

static bool is_among(const char *text, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Nothing is passed over by a text that could not be made: its sender would take the 200 for a promise. */
int hook_delivery_skip(const struct hook_delivery *d, bool *ret, struct problem *p) {
    const struct config_hook *of = d->hook->of;
    *ret = false;
    for (size_t i = 0; i < of->skip_count && !*ret; i++) {
        const struct config_hook_skip *skip = &of->skip[i];
        const char *text;
        if (mapping_reads_body(d->hook->skip[i]) && !d->is_json) {
            return refuse(p, "body", "is not JSON, and the hook looks into it");
        }
        int r = take_text(d, d->hook->skip[i], "skip", &text, p);
        if (r != 0 && r != -ENODATA) {
            return r;
        }
        text = text == NULL ? "" : text;
        *ret = skip->is_count > 0 ? is_among(text, skip->is, skip->is_count)
                                  : !is_among(text, skip->is_not, skip->is_not_count);
    }
    return 0;
}

/* ---- the answer ---- */

int hook_delivery_answer(const struct hook_delivery *d, struct buf *out, const char **ret_type,
                         struct err *why) {
    struct mapping_values values = values_of(d);
    int r = mapping_write(d->hook->response, &values, out, why);
    *ret_type = "application/json";
    if (r != 0 || out->len == 0 || out->data[0] != '"') {
        return r;
    }
    char *text = json_text(d->arena, buf_bytes(out)); // a text is sent as text
    if (text != NULL) {
        buf_clear(out);
        buf_str(out, text);
        *ret_type = "text/plain; charset=utf-8";
    }
    return 0;
}
