// What a job leaves behind: results, log lines, warnings, progress, key/values, children.
#define _GNU_SOURCE // memfd_create

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chaos.h"
#include "jobhost_blob.h"

enum { BLOCK = 8192 };

// Byte i of every big result is 'a' + i % 26, so that any range can be checked.
static void fill(char *block, size_t len, uint64_t from) {
    for (size_t i = 0; i < len; i++) {
        block[i] = (char)('a' + (from + i) % 26);
    }
}

static int write_block(const struct chaos *x, int fd, const char *block, size_t len) {
    if (fd == -1) {
        return x->host->result(x->call, jh_bytes_make(block, len));
    }
    return write(fd, block, len) == (ssize_t)len ? 0 : -1;
}

// bytes (1000000), chunk (8192, at most), how: chunks | fd, type.
jh_status chaos_big_result(struct chaos *x) {
    const struct jh_blob *blob = (const struct jh_blob *)x->host->extension(x->host, JH_BLOB_1);
    uint64_t bytes = (uint64_t)chaos_int(x, "bytes", 1000000);
    uint64_t chunk = (uint64_t)chaos_int(x, "chunk", BLOCK);
    const char *type = chaos_text(x, "type", NULL);
    bool by_fd = strcmp(chaos_text(x, "how", "chunks"), "fd") == 0;
    int fd = by_fd ? memfd_create("chaos", MFD_CLOEXEC) : -1;
    int rc = chunk == 0 || chunk > BLOCK ? -1 : 0;
    for (uint64_t at = 0; rc == 0 && at < bytes; at += chunk) {
        char block[BLOCK];
        size_t len = (size_t)(bytes - at < chunk ? bytes - at : chunk);
        fill(block, len, at);
        rc = write_block(x, fd, block, len);
    }
    if (rc == 0 && by_fd) {
        rc = blob->result_fd(x->call, fd, type);
    } else if (rc == 0 && type != NULL) {
        rc = blob->result_type(x->call, type);
    }
    if (fd != -1) {
        (void)close(fd);
    }
    return rc < 0 ? jh_failf(x->call, JH_E_RESOURCE, "result", "result: %d", rc) : JH_OK;
}

// lines (10), bytes (20) each, level (1).
jh_status chaos_log(struct chaos *x) {
    size_t bytes = (size_t)chaos_int(x, "bytes", 20);
    char *line = (char *)malloc(bytes + 1);
    for (int64_t i = 0; line != NULL && i < chaos_int(x, "lines", 10); i++) {
        fill(line, bytes, (uint64_t)i);
        line[bytes] = '\0';
        x->host->log(x->call, (int32_t)chaos_int(x, "level", JH_LOG_INFO), line);
    }
    free(line);
    return JH_OK;
}

// count (1).
jh_status chaos_warn(struct chaos *x) {
    for (int64_t i = 1; i <= chaos_int(x, "count", 1); i++) {
        (void)jh_warnf(x->call, "chaos", "warning %lld", (long long)i);
    }
    return JH_OK;
}

// updates (1000), pause_ms (0) between.
jh_status chaos_progress(struct chaos *x) {
    int64_t updates = chaos_int(x, "updates", 1000);
    for (int64_t i = 1; i <= updates; i++) {
        (void)x->host->progress(x->call, (uint64_t)i, (uint64_t)updates, "working");
        if (x->host->sleep_ms(x->call, chaos_int(x, "pause_ms", 0)) != 0) {
            return jh_stop(x->call);
        }
    }
    return JH_OK;
}

// ---- key/values ----

static const char *text_at(const cJSON *op, int index) {
    const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(op, index));
    return text == NULL ? "" : text;
}

static int64_t number_at(const cJSON *op, int index) {
    const cJSON *item = cJSON_GetArrayItem(op, index);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0;
}

static cJSON *read_value(const struct chaos *x, const char *key) {
    struct jh_bytes value;
    int rc = x->kv->get(x->call, key, &value);
    if (rc != 0) {
        return rc < 0 ? cJSON_CreateNumber(rc) : cJSON_CreateNull();
    }
    char *text = strndup(value.data == NULL ? "" : (const char *)value.data, value.len);
    cJSON *item = cJSON_CreateString(text);
    free(text);
    return item;
}

static cJSON *read_claim(const struct chaos *x, const char *key) {
    static const char *const names[] = {"won", "held", "done"};
    const char *holder = NULL;
    int rc = x->kv->claim(x->call, key, &holder);
    return rc < 0 || rc > 2 ? cJSON_CreateNumber(rc) : cJSON_CreateString(names[rc]);
}

// One operation: what it answered, as JSON (numbers below 0 are errors).
static cJSON *do_operation(const struct chaos *x, const cJSON *op) {
    const char *what = text_at(op, 0);
    const char *key = text_at(op, 1);
    struct jh_bytes value = jh_bytes_of(text_at(op, 2));
    int64_t counter = 0;
    uint64_t count = 0;
    int rc = -1;
    if (strcmp(what, "get") == 0) {
        return read_value(x, key);
    } else if (strcmp(what, "claim") == 0) {
        return read_claim(x, key);
    } else if (strcmp(what, "counter") == 0) {
        rc = x->kv->counter(x->call, key, &counter);
        return cJSON_CreateNumber(rc < 0 ? rc : (double)counter);
    } else if (strcmp(what, "scard") == 0) {
        rc = x->kv->scard(x->call, key, &count);
        return cJSON_CreateNumber(rc < 0 ? rc : (double)count);
    } else if (strcmp(what, "sismember") == 0) {
        rc = x->kv->sismember(x->call, key, value);
    } else if (strcmp(what, "set") == 0) {
        rc = x->kv->set(x->call, key, value, number_at(op, 3));
    } else if (strcmp(what, "del") == 0) {
        rc = x->kv->del(x->call, key);
    } else if (strcmp(what, "add") == 0) {
        rc = x->kv->add(x->call, key, number_at(op, 2));
    } else if (strcmp(what, "sadd") == 0) {
        rc = x->kv->sadd(x->call, key, value);
    } else if (strcmp(what, "srem") == 0) {
        rc = x->kv->srem(x->call, key, value);
    } else if (strcmp(what, "done") == 0) {
        rc = x->kv->done(x->call, key, number_at(op, 2));
    } else if (strcmp(what, "commit") == 0) {
        rc = x->host->step_put(x->call, key, value);
    } else if (strcmp(what, "sleep") == 0) {
        rc = x->host->sleep_ms(x->call, number_at(op, 1));
    }
    return cJSON_CreateNumber(rc);
}

// ops: [["set", key, value, ttl_ms], ["del", key], ["add", key, delta], ["sadd", key, member],
// ["srem", key, member], ["done", key, ttl_ms], ["get", key], ["counter", key], ["sismember", key,
// member], ["scard", key], ["claim", key], ["commit", step, value], ["sleep", ms]]. Result: what
// each answered.
jh_status chaos_kv(struct chaos *x) {
    const cJSON *ops = cJSON_GetObjectItemCaseSensitive(x->payload, "ops");
    cJSON *answers = cJSON_CreateArray();
    const cJSON *op;
    cJSON_ArrayForEach(op, ops) {
        (void)cJSON_AddItemToArray(answers, do_operation(x, op));
    }
    return chaos_result(x, answers) < 0 ? JH_CANCELLED : JH_OK;
}

// count (10), type (chaos.child), delay_ms, spread_ms, queue, key (dedup key, the same for all),
// payload (text), priority.
jh_status chaos_children(struct chaos *x) {
    char payload[128];
    (void)snprintf(payload, sizeof payload, "{\"parent\":\"%s\"}", x->job->id);
    const struct jh_child child = {
        .size = sizeof child,
        .priority = (int32_t)chaos_int(x, "priority", 0),
        .handler = chaos_text(x, "type", "chaos.child"),
        .dedup_key = chaos_text(x, "key", NULL),
        .payload = jh_bytes_of(chaos_text(x, "payload", payload)),
        .delay_ms = chaos_int(x, "delay_ms", 0),
        .spread_ms = chaos_int(x, "spread_ms", 0),
        .queue = chaos_text(x, "queue", NULL),
    };
    for (int64_t i = 0; i < chaos_int(x, "count", 10); i++) {
        int rc = x->host->enqueue(x->call, &child);
        if (rc < 0) {
            return jh_failf(x->call, JH_E_INPUT, "enqueue", "child %lld: %d", (long long)i, rc);
        }
    }
    return JH_OK;
}

// The payload as the result.
jh_status chaos_echo(struct chaos *x) {
    (void)x->host->result(x->call, x->job->payload);
    return JH_OK;
}

static void add_text(cJSON *o, const char *name, const char *text) {
    if (text != NULL) {
        (void)cJSON_AddStringToObject(o, name, text);
    }
}

// Result: the members of struct jh_job; texts that are NULL are left out.
jh_status chaos_fields(struct chaos *x) {
    const struct jh_job *j = x->job;
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"attempt", j->attempt},
        {"payload_len", (double)j->payload.len},
        {"deadline_ms", (double)j->deadline_ms},
        {"steps_version", j->steps_version},
        {"input_count", j->input_count},
        {"nominal_ms", (double)j->nominal_ms},
        {"first_run_ms", (double)j->first_run_ms},
        {"seed", (double)j->seed},
    };
    cJSON *o = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        (void)cJSON_AddNumberToObject(o, numbers[i].name, numbers[i].value);
    }
    add_text(o, "id", j->id);
    add_text(o, "handler", j->handler);
    add_text(o, "dedup_key", j->dedup_key);
    add_text(o, "content_type", j->content_type);
    add_text(o, "queue", j->queue);
    add_text(o, "tenant", j->tenant);
    add_text(o, "labels", j->labels);
    add_text(o, "flow_id", j->flow_id);
    return chaos_result(x, o) < 0 ? JH_RETRY : JH_OK;
}
