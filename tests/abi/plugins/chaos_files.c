// Files that come with a job, and files that it leaves.
#define _GNU_SOURCE // memfd_create

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chaos.h"
#include "jobhost_blob.h"

enum { BLOCK = 8192 };

// ---- inputs ----

static int sum_input(int fd, double *ret_bytes, double *ret_sum) {
    unsigned char block[BLOCK];
    ssize_t n;
    *ret_bytes = 0;
    *ret_sum = 0;
    while ((n = read(fd, block, sizeof block)) > 0) {
        *ret_bytes += (double)n;
        for (ssize_t i = 0; i < n; i++) {
            *ret_sum += block[i];
        }
    }
    return n == 0 ? 0 : -1;
}

static cJSON *describe_input(const struct chaos *x, const struct jh_blob *blob, uint32_t index) {
    struct jh_input in = {.size = sizeof in};
    double bytes = 0;
    double sum = 0;
    int fd = blob->input(x->call, index, &in) < 0 ? -1 : blob->open(x->call, index);
    if (fd < 0 || sum_input(fd, &bytes, &sum) < 0) {
        return NULL;
    }
    (void)close(fd);
    cJSON *item = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(item, "name", in.name);
    if (in.filename != NULL) {
        (void)cJSON_AddStringToObject(item, "filename", in.filename);
    }
    (void)cJSON_AddStringToObject(item, "type", in.content_type);
    (void)cJSON_AddNumberToObject(item, "length", (double)in.length);
    (void)cJSON_AddNumberToObject(item, "read", bytes);
    (void)cJSON_AddNumberToObject(item, "sum", sum);
    return item;
}

// Result: [{name, filename, type, length, read, sum of all bytes}, ...].
jh_status chaos_reads_input(struct chaos *x) {
    const struct jh_blob *blob = (const struct jh_blob *)x->host->extension(x->host, JH_BLOB_1);
    cJSON *list = cJSON_CreateArray();
    for (uint32_t i = 0; i < x->job->input_count; i++) {
        cJSON *item = describe_input(x, blob, i);
        if (item == NULL) {
            cJSON_Delete(list);
            return jh_failf(x->call, JH_E_RESOURCE, "input", "input %u cannot be read", i);
        }
        (void)cJSON_AddItemToArray(list, item);
    }
    return chaos_result(x, list) < 0 ? JH_RETRY : JH_OK;
}

// ---- outputs ----

// Byte i of an output is 'a' + i % 26, after `head` (the number of the attempt, say).
static int make_file(const char *head, uint64_t bytes) {
    int fd = memfd_create("chaos", MFD_CLOEXEC);
    char block[BLOCK];
    int rc = fd == -1 || write(fd, head, strlen(head)) != (ssize_t)strlen(head) ? -1 : 0;
    for (uint64_t at = 0; rc == 0 && at < bytes; at += sizeof block) {
        size_t len = (size_t)(bytes - at < sizeof block ? bytes - at : sizeof block);
        for (size_t i = 0; i < len; i++) {
            block[i] = (char)('a' + (at + i) % 26);
        }
        rc = write(fd, block, len) == (ssize_t)len ? 0 : -1;
    }
    if (rc < 0 && fd != -1) {
        (void)close(fd);
    }
    return rc < 0 ? -1 : fd;
}

static int put(struct chaos *x, const char *name, const cJSON *file) {
    const struct jh_blob *blob = (const struct jh_blob *)x->host->extension(x->host, JH_BLOB_1);
    const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(file, "bytes");
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(file, "type");
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(file, "text");
    int fd = make_file(cJSON_IsString(text) ? text->valuestring : "",
                       cJSON_IsNumber(bytes) ? (uint64_t)bytes->valuedouble : 0);
    if (fd < 0) {
        return -EIO;
    }
    int rc = blob->output_fd(x->call, name, fd, cJSON_IsString(type) ? type->valuestring : NULL);
    (void)close(fd);
    return rc;
}

// The step that says that this output is committed.
static int commit(struct chaos *x, const char *name) {
    int rc = chaos_sink(x, name);
    return rc < 0 ? rc : jh_step_puts(x->call, name, "put");
}

static bool is_committed(struct chaos *x, const char *name) {
    struct jh_bytes seen;
    return x->host->step_get(x->call, name, &seen) == 0;
}

// One file; with `commit` a step goes with it, and a run after a crash leaves it out.
static int put_one(struct chaos *x, const char *name, const cJSON *file, cJSON *refused) {
    bool commits = chaos_flag(x, "commit");
    if (commits && is_committed(x, name)) {
        return 0;
    }
    int rc = put(x, name, file);
    if (rc < 0) {
        (void)cJSON_AddNumberToObject(refused, name, rc);
        return chaos_flag(x, "go_on") ? 0 : rc;
    }
    (void)x->host->sleep_ms(x->call, chaos_int(x, "pause_ms", 0));
    return commits ? commit(x, name) : 0;
}

static jh_status end_outputs(struct chaos *x) {
    const char *then = chaos_text(x, "then", "ok");
    if (strcmp(then, "crash") == 0) {
        abort();
    }
    if (strcmp(then, "hang") == 0) {
        (void)x->host->sleep_ms(x->call, INT64_MAX);
        return jh_stop(x->call);
    }
    if (strcmp(then, "ok") == 0) {
        return JH_OK;
    }
    const struct jh_failure failure = {.size = sizeof failure,
                                       .cls = JH_E_INPUT,
                                       .message = "as asked for",
                                       .flags =
                                           strcmp(then, "keep") == 0 ? JH_FAILURE_KEEP_RESULT : 0};
    return x->host->fail(x->call, &failure);
}

// files: [{name, bytes (0), text, type}], and/or count (0) of `bytes` each, named f-0000...;
// commit: a step after each; pause_ms (0) before it; go_on: a refusal is only noted;
// then: ok | fail | keep | crash | hang. Result: {refused: {name: errno}}.
jh_status chaos_outputs(struct chaos *x) {
    cJSON *result = cJSON_CreateObject();
    cJSON *refused = cJSON_AddObjectToObject(result, "refused");
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(x->payload, "files");
    const cJSON *file;
    int rc = 0;
    cJSON_ArrayForEach(file, files) {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(file, "name");
        if (rc == 0 && cJSON_IsString(name)) {
            rc = put_one(x, name->valuestring, file, refused);
        }
    }
    for (int64_t i = 0; rc == 0 && i < chaos_int(x, "count", 0); i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "f-%04lld", (long long)i);
        rc = put_one(x, name, x->payload, refused);
    }
    int said = chaos_result(x, result);
    if (rc < 0 || said < 0) {
        return jh_failf(x->call, JH_E_RESOURCE, "output", "an output was refused: %s",
                        strerror(-rc));
    }
    return end_outputs(x);
}
