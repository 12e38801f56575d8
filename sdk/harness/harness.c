// Life of a harness, the plugin's options, the job, what goes wrong.
#include "harness.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "core/job.h"

#define START_MS INT64_C(1767225600000) // 2026-01-01T00:00:00Z

void harness_misused(const char *fmt, ...) {
    va_list ap;
    (void)fputs("jobhost harness: ", stderr);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    exit(2);
}

static const char *keep(struct jh_harness *h, const char *text) {
    char *copy = arena_str(&h->arena, text);
    if (copy == NULL && text != NULL) {
        vault_no_memory();
    }
    return copy;
}

struct jh_harness *jh_harness_new(const struct jh_plugin *plugin) {
    struct jh_harness *h = calloc(1, sizeof *h);
    const char *stage;
    struct err e;
    if (h == NULL) {
        vault_no_memory();
    }
    if (manifest_read(plugin, &h->manifest, &stage, &e) < 0) {
        harness_misused("%s: %s", stage, e.msg);
    }
    h->call.host = &harness_host;
    h->owner = pthread_self();
    (void)pthread_mutex_init(&h->lock, NULL);
    vault_init(&h->vault);
    h->now_ms = START_MS;
    h->max_result = CHECK_RESULT_MAX;
    h->entropy = 1;
    h->attempt.cancel_fd = h->attempt.cancel_write = -1;
    h->attempt.wishes_end = &h->attempt.wishes;
    h->progress.message = "";
    h->job = (struct jh_job){.size = sizeof h->job,
                             .id = "019b7777-7777-7777-8777-777777777777",
                             .content_type = "application/json",
                             .seed = 42};
    return h;
}

void jh_harness_free(struct jh_harness **h_at) {
    struct jh_harness *h = *h_at;
    if (h == NULL) {
        return;
    }
    if (h->created && h->manifest.plugin.destroy != NULL) {
        h->manifest.plugin.destroy(h->self);
    }
    harness_end_attempt(h);
    vault_finish(&h->vault);
    manifest_finish(&h->manifest);
    arena_free(&h->arena);
    buf_free(&h->log);
    free(h->inputs);
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
    *h_at = NULL;
}

const char *jh_harness_error(const struct jh_harness *h) {
    return h->error;
}

// ---- options ----

__attribute__((format(printf, 3, 4))) static int refuse(struct jh_harness *h, const char *name,
                                                        const char *fmt, ...) {
    va_list ap;
    int n = snprintf(h->error, sizeof h->error, "%s: ", name);
    va_start(ap, fmt);
    (void)vsnprintf(h->error + n, sizeof h->error - (size_t)n, fmt, ap);
    va_end(ap);
    return -1;
}

static int is_whole_number(const char *text) {
    char *end;
    errno = 0;
    (void)strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

// The text that config() will return for what a user wrote, or NULL.
static const char *normalise(struct jh_harness *h, const struct jh_option *o, const char *value) {
    int64_t ms;
    uint64_t bytes;
    switch (o->type) {
    case JH_OPT_INT: return is_whole_number(value) ? value : NULL;
    case JH_OPT_BOOL:
        return strcmp(value, "true") == 0 || strcmp(value, "false") == 0 ? value : NULL;
    case JH_OPT_DURATION:
        return duration_parse(value, &ms) < 0 ? NULL : arena_printf(&h->arena, "%" PRId64, ms);
    case JH_OPT_SIZE:
        return size_parse(value, &bytes) < 0 ? NULL : arena_printf(&h->arena, "%" PRIu64, bytes);
    case JH_OPT_URL:
        return strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0 ? value
                                                                                       : NULL;
    default: return value;
    }
}

static int set_option(struct jh_harness *h, const struct jh_option *o, const char *value) {
    static const char *const kinds[] = {"",
                                        "a text",
                                        "a whole number",
                                        "true or false",
                                        "a duration like 30s",
                                        "a size like 10MiB",
                                        "an http(s) URL"};
    const char *text = normalise(h, o, value);
    if (text == NULL) {
        return refuse(h, o->name, "\"%s\" is not %s", value, kinds[o->type]);
    }
    size_t i = 0;
    while (i < h->setting_count && strcmp(h->settings[i].name, o->name) != 0) {
        i++;
    }
    h->setting_count += i == h->setting_count;
    h->settings[i] = (struct harness_setting){o->name, keep(h, text)};
    return 0;
}

static const struct jh_option *find_option(const struct jh_harness *h, const char *name) {
    const struct jh_option *options = h->manifest.plugin.options;
    for (uint32_t i = 0; i < h->manifest.option_count; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

int jh_harness_option(struct jh_harness *h, const char *name, const char *value) {
    if (h->created) {
        harness_misused("option %s is set after create()", name);
    }
    const struct jh_option *o = find_option(h, name);
    return o == NULL ? refuse(h, name, "the plugin has no such option") : set_option(h, o, value);
}

static int is_set(const struct jh_harness *h, const char *name) {
    for (size_t i = 0; i < h->setting_count; i++) {
        if (strcmp(h->settings[i].name, name) == 0) {
            return 1;
        }
    }
    return 0;
}

static int fill_options(struct jh_harness *h) {
    const struct jh_option *options = h->manifest.plugin.options;
    for (uint32_t i = 0; i < h->manifest.option_count; i++) {
        const struct jh_option *o = &options[i];
        if (is_set(h, o->name)) {
            continue;
        }
        if ((o->flags & JH_OPT_REQUIRED) != 0) {
            return refuse(h, o->name, "is required");
        }
        if (o->fallback != NULL && set_option(h, o, o->fallback) < 0) {
            return -1;
        }
    }
    return 0;
}

int jh_harness_create(struct jh_harness *h) {
    const struct jh_plugin *p = &h->manifest.plugin;
    if (h->created) {
        return 0;
    }
    if (fill_options(h) < 0) {
        return -1;
    }
    if (p->create != NULL) {
        h->setting_up = true;
        int rc = p->create(&h->call, &h->self);
        h->setting_up = false;
        if (rc != 0) {
            bool said = h->attempt.notes.said == SAID_FAIL;
            const char *words = said ? h->attempt.notes.failure.message : NULL;
            return refuse(h, "create", "%s",
                          words == NULL ? "failed without saying why: call fail() first" : words);
        }
    }
    h->created = true;
    return 0;
}

// ---- the job ----

struct jh_job *jh_harness_job(struct jh_harness *h) {
    return &h->job;
}

void jh_harness_payload_bytes(struct jh_harness *h, const void *data, size_t len) {
    struct bytes copy = arena_bytes(&h->arena, (struct bytes){data, len});
    h->job.payload = (struct jh_bytes){copy.data, copy.len};
}

void jh_harness_payload(struct jh_harness *h, const char *text) {
    jh_harness_payload_bytes(h, text, strlen(text));
}

void jh_harness_input_file(struct jh_harness *h, const char *name, const char *filename,
                           const char *content_type, const void *data, size_t len) {
    size_t count = h->job.input_count;
    struct harness_input *inputs = realloc(h->inputs, (count + 1) * sizeof *inputs);
    if (inputs == NULL) {
        vault_no_memory();
    }
    if (count == JOB_FILES_MAX) {
        harness_misused("a job has at most %d input files", JOB_FILES_MAX);
    }
    h->inputs = inputs;
    h->inputs[count] = (struct harness_input){
        .name = keep(h, name),
        .filename = keep(h, filename),
        .content_type = keep(h, content_type == NULL ? "application/octet-stream" : content_type),
        .content = arena_bytes(&h->arena, (struct bytes){data, len}),
    };
    h->job.input_count++;
}

void jh_harness_input(struct jh_harness *h, const char *name, const char *content_type,
                      const void *data, size_t len) {
    jh_harness_input_file(h, name, NULL, content_type, data, len);
}

void jh_harness_max_result(struct jh_harness *h, size_t bytes) {
    h->max_result = bytes < CHECK_RESULT_MAX ? bytes : CHECK_RESULT_MAX;
}

void jh_harness_set_step(struct jh_harness *h, const char *name, const char *value) {
    vault_apply(&h->vault,
                &(struct wish){.kind = WISH_STEP, .name = name, .value = bytes_of(value)});
    h->steps_set = true;
}

void jh_harness_set_steps_version(struct jh_harness *h, uint32_t version) {
    h->vault.steps_version = version;
}

static void set_key(struct jh_harness *h, enum pending_op op, const char *key, const char *value,
                    int64_t number) {
    vault_apply(
        &h->vault,
        &(struct wish){
            .kind = WISH_KV, .op = op, .name = key, .value = bytes_of(value), .number = number});
}

void jh_harness_set_kv(struct jh_harness *h, const char *key, const char *value) {
    set_key(h, PENDING_SET, key, value, 0);
}

void jh_harness_set_counter(struct jh_harness *h, const char *key, int64_t value) {
    vault_need(&h->vault, key)->counter = value;
}

void jh_harness_set_member(struct jh_harness *h, const char *key, const char *member) {
    set_key(h, PENDING_SADD, key, member, 0);
}

void jh_harness_set_claim(struct jh_harness *h, const char *key, const char *holder) {
    struct vault_key *k = vault_need(&h->vault, key);
    k->done = holder == NULL;
    k->holder = keep(h, holder);
}

// ---- trouble ----

void jh_harness_cancel_after_ms(struct jh_harness *h, int64_t ms, uint32_t mask) {
    h->trouble.cancel_after_ms = ms;
    h->trouble.cancel_mask = mask;
}

void jh_harness_cancel_at_call(struct jh_harness *h, unsigned n, uint32_t mask) {
    h->trouble.cancel_call = n;
    h->trouble.cancel_mask = mask;
}

void jh_harness_fail_commit(struct jh_harness *h, unsigned n, int error) {
    h->trouble.fail_commit = n;
    h->trouble.fail_error = error;
}

void jh_harness_crash_at_commit(struct jh_harness *h, unsigned n, int when) {
    h->trouble.crash_commit = n;
    h->trouble.crash_when = when;
}

// ---- the clock ----

int64_t jh_harness_now_ms(const struct jh_harness *h) {
    return h->now_ms;
}

void jh_harness_advance(struct jh_harness *h, int64_t ms) {
    h->now_ms += ms;
}
