#include "api/submit_item.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/nearest.h"
#include "base/rfc3339.h"

struct reader {
    struct arena *arena;
    struct job_request *request;
    struct job_file *files;
    struct problem *problem;
    const struct field *fields; // of the object being read
    size_t field_count;
    uint32_t seen; // bit per field
};

struct field {
    const char *name;
    int (*take)(struct reader *r, const struct field *field, struct bytes value);
    size_t offset; // in struct job_request
};

static int bad(struct reader *r, const char *code, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static int bad(struct reader *r, const char *code, const char *field, const char *fmt, ...) {
    va_list ap;
    *r->problem = (struct problem){.status = 400, .code = code};
    (void)snprintf(r->problem->field, sizeof r->problem->field, "%s", field);
    va_start(ap, fmt);
    (void)vsnprintf(r->problem->message, sizeof r->problem->message, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

static int no_memory(struct reader *r) {
    *r->problem = (struct problem){
        .status = 503, .code = "out_of_memory", .message = "the host is out of memory"};
    return -ENOMEM;
}

static void *target(struct reader *r, const struct field *f) {
    return (char *)r->request + f->offset;
}

static bool is_kind(struct bytes value, char first) {
    return *(const char *)value.data == first;
}

/* ---- values ---- */

static int get_text(struct reader *r, const char *field, struct bytes value, const char **ret) {
    char *text = json_text(r->arena, value);
    if (text == NULL) {
        return bad(r, "bad_field", field, "%s must be a string (without \\u0000)", field);
    }
    *ret = text;
    return 0;
}

/* An empty text is mostly a variable that was not set; as a key or a user it would mean
 * something. */
static int take_text(struct reader *r, const struct field *f, struct bytes value) {
    const char **text = target(r, f);
    int error = get_text(r, f->name, value, text);
    return error == 0 && (*text)[0] == '\0'
               ? bad(r, "bad_field", f->name, "%s is empty; leave it out instead", f->name)
               : error;
}

static int get_duration(struct reader *r, const char *field, struct bytes value, int64_t *ret) {
    const char *text = NULL;
    if (!is_kind(value, '"')) {
        return bad(r, "bad_duration", field, "write %s with its unit, as in \"30s\" or \"1h30m\"",
                   field);
    }
    int error = get_text(r, field, value, &text);
    if (error == 0 && (duration_parse(text, ret) != 0 || *ret < 0)) {
        error = bad(r, "bad_duration", field,
                    "\"%.40s\" is not a duration such as \"30s\" or \"1h30m\"", text);
    }
    return error;
}

static int take_duration(struct reader *r, const struct field *f, struct bytes value) {
    return get_duration(r, f->name, value, target(r, f));
}

/* A limit on time: none at all would leave no room for anything. */
static int take_limit(struct reader *r, const struct field *f, struct bytes value) {
    const int64_t *ms = target(r, f);
    int error = take_duration(r, f, value);
    return error == 0 && *ms == 0
               ? bad(r, "bad_duration", f->name,
                     "%s must be longer than 0s; leave it out for the default", f->name)
               : error;
}

/* A key that ends with its job is something else than nothing said. */
static int take_ttl(struct reader *r, const struct field *f, struct bytes value) {
    int64_t *ttl = target(r, f);
    int error = get_duration(r, f->name, value, ttl);
    *ttl = error == 0 && *ttl == 0 ? -1 : *ttl;
    return error;
}

/* Spelt as ids are. */
static int take_flow(struct reader *r, const struct field *f, struct bytes value) {
    const char *text = NULL;
    struct job_id id;
    int error = get_text(r, f->name, value, &text);
    if (error != 0) {
        return error;
    }
    char *spelt = arena_alloc(r->arena, JOB_ID_TEXT + 1);
    if (spelt == NULL) {
        return no_memory(r);
    }
    if (id_parse(text, &id) != 0) {
        return bad(r, "bad_field", f->name, "flow is the id of the job that has opened it");
    }
    id_format(&id, spelt);
    *(const char **)target(r, f) = spelt;
    return 0;
}

static int take_time(struct reader *r, const struct field *f, struct bytes value) {
    const char *text = NULL;
    int error = get_text(r, f->name, value, &text);
    if (error == 0 && rfc3339_parse(text, target(r, f)) != 0) {
        error = bad(r, "bad_time", f->name,
                    "\"%.40s\" is not a time such as \"2026-11-21T10:00:00Z\"", text);
    }
    return error;
}

static int take_count(struct reader *r, const struct field *f, struct bytes value) {
    char text[16] = "";
    char *end;
    if (value.len < sizeof text) {
        memcpy(text, value.data, value.len);
    }
    long n = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < 1 || n > INT32_MAX) {
        return bad(r, "bad_number", f->name, "%s must be a whole number from 1 on", f->name);
    }
    *(int32_t *)target(r, f) = (int32_t)n;
    return 0;
}

static int take_payload(struct reader *r, const struct field *f, struct bytes value) {
    (void)f;
    r->request->payload = value;
    return 0;
}

static int take_name(struct reader *r, const struct field *f, struct bytes value,
                     int (*from_name)(const char *), const char *(*name_of)(int), int *ret) {
    const char *text = NULL;
    int error = get_text(r, f->name, value, &text);
    if (error != 0) {
        return error;
    }
    *ret = from_name(text);
    if (*ret >= 0) {
        return 0;
    }
    char known[160] = "";
    for (int i = 0; name_of(i) != NULL; i++) {
        size_t len = strlen(known);
        (void)snprintf(known + len, sizeof known - len, "%s%s", i == 0 ? "" : ", ", name_of(i));
    }
    return bad(r, "bad_field", f->name, "%s is one of %s", f->name, known);
}

static int take_priority(struct reader *r, const struct field *f, struct bytes value) {
    return take_name(r, f, value, priority_from_name, priority_name, target(r, f));
}

static int take_mode(struct reader *r, const struct field *f, struct bytes value) {
    return take_name(r, f, value, dedup_mode_from_name, dedup_mode_name, target(r, f));
}

/* The text of an object as it came. */
static int take_object(struct reader *r, const struct field *f, struct bytes value) {
    if (!is_kind(value, '{')) {
        return bad(r, "bad_field", f->name, "%s must be an object", f->name);
    }
    const char *text = arena_strn(r->arena, value.data, value.len);
    *(const char **)target(r, f) = text;
    return text == NULL ? no_memory(r) : 0;
}

/* ---- labels ---- */

struct labels {
    struct reader *reader;
    char *text;
    size_t len;
    unsigned count;
};

static bool has_label(const struct labels *l, const char *label, size_t len) {
    for (const char *p = l->text; *p != '\0';) {
        size_t n = strcspn(p, ",");
        if (n == len && memcmp(p, label, n) == 0) {
            return true;
        }
        p += n + (p[n] == ',');
    }
    return false;
}

static int add_label(struct labels *l, const char *label, size_t len) {
    if (len == 0 || memchr(label, ',', len) != NULL) {
        return bad(l->reader, "bad_label", "labels", "a label is not empty and has no comma");
    }
    if (has_label(l, label, len)) {
        return bad(l->reader, "bad_label", "labels", "a label is there twice");
    }
    if (++l->count > JOB_LABEL_COUNT_MAX) {
        return bad(l->reader, "too_many_labels", "labels", "a job has at most %d labels",
                   JOB_LABEL_COUNT_MAX);
    }
    if (l->len + (l->len > 0) + len > JOB_LABELS_MAX) {
        return bad(l->reader, "long_labels", "labels", "all labels together have at most %d bytes",
                   JOB_LABELS_MAX);
    }
    if (l->len > 0) {
        l->text[l->len++] = ',';
    }
    memcpy(l->text + l->len, label, len);
    l->len += len;
    l->text[l->len] = '\0';
    return 0;
}

static int add_label_value(void *arg, struct bytes value) {
    struct labels *l = arg;
    const char *label = NULL;
    int error = get_text(l->reader, "labels", value, &label);
    return error != 0 || label == NULL ? error : add_label(l, label, strlen(label));
}

static int take_labels(struct reader *r, const struct field *f, struct bytes value) {
    struct labels l = {r, NULL, 0, 0};
    if (!is_kind(value, '[')) {
        return bad(r, "bad_field", f->name, "labels must be an array of strings");
    }
    l.text = arena_zalloc(r->arena, JOB_LABELS_MAX + 1);
    if (l.text == NULL) {
        return no_memory(r);
    }
    *(const char **)target(r, f) = l.text;
    return json_each(value, add_label_value, &l);
}

/* ---- objects: by table ---- */

static const struct field *find_field(struct reader *r, struct bytes key) {
    for (size_t i = 0; i < r->field_count; i++) {
        size_t len = strlen(r->fields[i].name);
        if (key.len == len + 2 && memcmp((const char *)key.data + 1, r->fields[i].name, len) == 0) {
            return &r->fields[i];
        }
    }
    return NULL;
}

static int unknown_field(struct reader *r, struct bytes key) {
    const char *name = json_text(r->arena, key);
    struct nearest near = {.word = name == NULL ? "" : name};
    for (size_t i = 0; i < r->field_count; i++) {
        nearest_offer(&near, r->fields[i].name);
    }
    const char *meant = nearest_best(&near);
    return bad(r, "unknown_field", near.word, "there is no such field%s%s%s",
               meant == NULL ? "" : "; did you mean \"", meant == NULL ? "" : meant,
               meant == NULL ? "" : "\"?");
}

static int take_member(void *arg, struct bytes key, struct bytes value) {
    struct reader *r = arg;
    const struct field *f = find_field(r, key);
    if (f == NULL) {
        return unknown_field(r, key);
    }
    uint32_t bit = UINT32_C(1) << (f - r->fields);
    if (r->seen & bit) {
        return bad(r, "repeated_field", f->name, "%s is there twice", f->name);
    }
    r->seen |= bit;
    if (f->take != take_payload && value.len == 4 && memcmp(value.data, "null", 4) == 0) {
        return 0; // as if it were not there
    }
    return f->take(r, f, value);
}

static int read_object(struct reader *r, const struct field *fields, size_t count,
                       struct bytes object) {
    struct reader inner = *r;
    inner.fields = fields;
    inner.field_count = count;
    inner.seen = 0;
    int error = json_members(object, take_member, &inner);
    r->files = inner.files;
    return error;
}

#define AT(member) offsetof(struct job_request, member)

static int take_dedup(struct reader *r, const struct field *f, struct bytes value) {
    static const struct field fields[] = {
        {"mode", take_mode, AT(dedup_mode)},
        {"ttl", take_ttl, AT(dedup_ttl_ms)},
    };
    if (!is_kind(value, '{')) {
        return bad(r, "bad_field", f->name, "dedup must be an object with mode and ttl");
    }
    return read_object(r, fields, ARRAY_LEN(fields), value);
}

/* ---- files ---- */

bool submit_item_sha256(const char *text, uint8_t ret[32]) {
    if (strlen(text) != 64 || strspn(text, "0123456789abcdefABCDEF") != 64) {
        return false;
    }
    for (size_t i = 0; i < 32; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        ret[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

/* Files are read through a job_request-shaped scratch: four strings in members of that kind. */
static int add_file(void *arg, struct bytes value) {
    static const struct field fields[] = {
        {"name", take_text, AT(key)},
        {"filename", take_text, AT(flow_id)},
        {"sha256", take_text, AT(callback)},
        {"content_type", take_text, AT(content_type)},
    };
    struct reader *r = arg;
    if (r->request->file_count == JOB_FILES_MAX) {
        return bad(r, "too_many_files", "files", "a job has at most %d files", JOB_FILES_MAX);
    }
    if (!is_kind(value, '{')) {
        return bad(r, "bad_field", "files", "each file is an object with name and sha256");
    }
    struct job_request scratch = {0};
    struct reader inner = *r;
    inner.request = &scratch;
    int error = read_object(&inner, fields, ARRAY_LEN(fields), value);
    if (error != 0) {
        return error;
    }
    struct job_file *file = &r->files[r->request->file_count];
    // handlers may use either as the name of a file of theirs
    struct err e;
    if (job_check_file_name(scratch.key == NULL ? "" : scratch.key, &e) < 0 ||
        (scratch.flow_id != NULL && job_check_file_name(scratch.flow_id, &e) < 0)) {
        return bad(r, "bad_file", "files", "%s", e.msg);
    }
    if (scratch.content_type != NULL && strlen(scratch.content_type) > JOB_CONTENT_TYPE_MAX) {
        return bad(r, "bad_file", "files", "a file's content_type has at most %d bytes",
                   JOB_CONTENT_TYPE_MAX);
    }
    if (scratch.callback == NULL || !submit_item_sha256(scratch.callback, file->blob.sha256)) {
        return bad(r, "bad_file", "files",
                   "sha256 is the 64 hex digits that POST /v1/blobs answered");
    }
    file->name = scratch.key;
    file->filename = scratch.flow_id;
    file->content_type = scratch.content_type;
    r->request->file_count++;
    return 0;
}

static int take_files(struct reader *r, const struct field *f, struct bytes value) {
    if (!is_kind(value, '[')) {
        return bad(r, "bad_field", f->name, "files must be an array of {name, sha256}");
    }
    r->files = arena_zalloc(r->arena, JOB_FILES_MAX * sizeof *r->files);
    if (r->files == NULL) {
        return no_memory(r);
    }
    return json_each(value, add_file, r);
}

/* ---- the submission ---- */

static const struct field submit_fields[] = {
    {"type", take_text, AT(type)},
    {"payload", take_payload, 0},
    {"queue", take_text, AT(queue)},
    {"user", take_text, AT(tenant)},
    {"priority", take_priority, AT(priority)},
    {"delay", take_duration, AT(delay_ms)},
    {"run_at", take_time, AT(run_at_ms)},
    {"key", take_text, AT(key)},
    {"dedup", take_dedup, 0},
    {"max", take_count, AT(max)},
    {"timeout", take_limit, AT(timeout_ms)},
    {"deadline", take_limit, AT(deadline_ms)},
    {"expires", take_limit, AT(expires_ms)},
    {"labels", take_labels, AT(labels)},
    {"callback", take_text, AT(callback)},
    {"retry", take_object, AT(retry)},
    {"flow", take_flow, AT(flow_id)},
    {"files", take_files, 0},
};
_Static_assert(ARRAY_LEN(submit_fields) <= 32, "reader.seen has a bit per field");

int submit_item_read(struct bytes object, const char *default_type, struct arena *arena,
                     struct job_request *ret_request, struct job_file **ret_files,
                     struct problem *ret_problem) {
    *ret_request = (struct job_request){.priority = -1, .dedup_mode = -1};
    struct reader r = {.arena = arena, .request = ret_request, .problem = ret_problem};
    if (!is_kind(object, '{')) {
        return bad(&r, "bad_job", "", "a job is a JSON object");
    }
    int error = read_object(&r, submit_fields, ARRAY_LEN(submit_fields), object);
    if (error != 0) {
        return error;
    }
    ret_request->type = ret_request->type == NULL ? default_type : ret_request->type;
    if (ret_request->type == NULL) {
        return bad(&r, "missing_field", "type", "a job needs a type, such as \"crawl.page\"");
    }
    if (ret_request->delay_ms != 0 && ret_request->run_at_ms != 0) {
        return bad(&r, "bad_field", "run_at", "give either delay or run_at, not both");
    }
    if (ret_request->key == NULL &&
        (ret_request->dedup_mode >= 0 || ret_request->dedup_ttl_ms != 0)) {
        return bad(&r, "missing_field", "key", "dedup needs a key");
    }
    ret_request->files = r.files;
    *ret_files = r.files;
    return 0;
}
