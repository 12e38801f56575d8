#include "worker/check.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/job.h"
#include "core/waits.h"
#include "jobhost_kv.h"

// Sizes of the structs in ABI 1.0: the least a caller can have.
enum {
    CHILD_SIZE_1_0 = 80,
    FAILURE_SIZE_1_0 = 48,
    WAIT_SIZE_1_0 = 32,
    INPUT_SIZE_1_0 = 64,
    QUESTION_SIZE = 40,
    EVENT_SIZE = 48,
    EVENT_WAIT_SIZE = 32
};

int check_bytes(struct jh_bytes b, size_t max) {
    if (b.data == NULL && b.len != 0) {
        return -EINVAL;
    }
    return b.len > max ? -EFBIG : 0;
}

int check_text(const char *text, size_t max) {
    if (text == NULL || text[0] == '\0') {
        return -EINVAL;
    }
    return strnlen(text, max + 1) > max ? -EFBIG : 0;
}

int check_optional(const char *text, size_t max) {
    return text != NULL && strnlen(text, max + 1) > max ? -EFBIG : 0;
}

int check_step(const char *name, struct jh_bytes value) {
    int rc = check_text(name, JOB_STEP_NAME_MAX);
    return rc < 0 ? rc : check_bytes(value, JOB_STEP_MAX);
}

int check_warn(const char *code, const char *message) {
    int rc = check_text(code, JOB_CODE_MAX);
    return rc < 0 ? rc : check_optional(message, JOB_MESSAGE_MAX);
}

int check_kv_key(const char *key) {
    return check_text(key, JH_KV_KEY_MAX);
}

int check_kv_value(struct jh_bytes value) {
    return check_bytes(value, JH_KV_VALUE_MAX);
}

int check_kv_ttl(int64_t ttl_ms) {
    return ttl_ms < 0 ? -EINVAL : 0;
}

int check_output(const char *name, const char *content_type) {
    int rc = name == NULL ? -EINVAL : job_check_file_name(name, NULL);
    if (rc == 0 && content_type != NULL && check_text(content_type, JOB_CONTENT_TYPE_MAX) < 0) {
        rc = -EINVAL;
    }
    return rc;
}

int check_file(int fd) {
    struct stat st;
    if (fstat(fd, &st) == -1) {
        return -errno;
    }
    return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

int check_input_room(const struct jh_input *full, struct jh_input *ret) {
    if (ret == NULL || ret->size < INPUT_SIZE_1_0) {
        return -EINVAL;
    }
    uint32_t size = ret->size < sizeof *full ? ret->size : (uint32_t)sizeof *full;
    memcpy(ret, full, size);
    ret->size = size;
    return 0;
}

int check_count(struct check_sum *sum, uint64_t bytes) {
    if (sum->items >= CHECK_COMMIT_ITEMS_MAX || sum->bytes + bytes > CHECK_COMMIT_BYTES_MAX) {
        return -EFBIG;
    }
    sum->items++;
    sum->bytes += bytes;
    return 0;
}

int check_count_child(struct check_sum *sum, const struct jh_child *child) {
    int rc = sum->children == JOB_CHILDREN_PER_COMMIT
                 ? -EFBIG
                 : check_count(sum, child->payload.len + CHECK_CHILD_WEIGHT);
    sum->children += rc == 0;
    return rc;
}

static int copy_sized(void *ret, size_t ret_size, const void *from, uint32_t least) {
    uint32_t size;
    if (from == NULL) {
        return -EINVAL;
    }
    memcpy(&size, from, sizeof size); // every struct of the ABI begins with its size
    if (size < least) {
        return -EINVAL;
    }
    memset(ret, 0, ret_size);
    memcpy(ret, from, size < ret_size ? size : ret_size);
    return 0;
}

static int first_failure(const int *results, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (results[i] < 0) {
            return results[i];
        }
    }
    return 0;
}

int check_child(const struct jh_child *child, struct jh_child *ret) {
    int rc = copy_sized(ret, sizeof *ret, child, CHILD_SIZE_1_0);
    if (rc < 0) {
        return rc;
    }
    const int results[] = {
        check_text(ret->handler, JOB_TYPE_MAX),
        job_check_type(ret->handler == NULL ? "" : ret->handler, NULL),
        check_optional(ret->dedup_key, JOB_KEY_MAX),
        check_bytes(ret->payload, CHECK_COMMIT_BYTES_MAX),
        check_optional(ret->queue, JOB_QUEUE_MAX),
        ret->queue == NULL ? 0 : job_check_queue(ret->queue, NULL),
        check_optional(ret->tenant, JOB_TENANT_MAX),
        check_optional(ret->labels, JOB_LABELS_MAX),
        ret->priority < -1 || ret->priority > 1 ? -EINVAL : 0,
        ret->delay_ms < 0 || ret->spread_ms < 0 ? -EINVAL : 0,
    };
    return first_failure(results, sizeof results / sizeof results[0]);
}

int check_wait(const struct jh_wait *wait, struct jh_wait *ret) {
    int rc = copy_sized(ret, sizeof *ret, wait, WAIT_SIZE_1_0);
    if (rc < 0) {
        return rc;
    }
    if (ret->timeout_ms < 0) {
        return -EINVAL;
    }
    switch (ret->kind) {
    case JH_WAIT_NOW:
    case JH_WAIT_CHILDREN: return 0;
    case JH_WAIT_UNTIL: return ret->wake_at_ms > 0 ? 0 : -EINVAL;
    case JH_WAIT_EVENT: return waits_check_name(ret->key);
    case JH_WAIT_LIMITER: return check_text(ret->key, JOB_KEY_MAX);
    default: return -EINVAL;
    }
}

int check_event(const struct jh_event *event, struct jh_event *ret) {
    int rc = copy_sized(ret, sizeof *ret, event, EVENT_SIZE);
    rc = rc < 0 ? rc : waits_check_name(ret->name);
    if (rc == 0 && ret->content_type != NULL) {
        rc = waits_check_type(ret->content_type);
    }
    if (rc == 0 && ret->key != NULL) {
        rc = waits_check_event_key(ret->key);
    }
    return rc < 0 ? rc : check_bytes(ret->payload, WAITS_EVENT_MAX);
}

int check_event_wait(const struct jh_event_wait *wait, struct jh_event_wait *ret) {
    int rc = copy_sized(ret, sizeof *ret, wait, EVENT_WAIT_SIZE);
    rc = rc < 0 ? rc : waits_check_name(ret->name);
    return rc < 0 ? rc : ret->timeout_ms < 0 || ret->since_ms < -1 ? -EINVAL : 0;
}

int check_question(const struct jh_question *question, struct jh_question *ret) {
    int rc = copy_sized(ret, sizeof *ret, question, QUESTION_SIZE);
    rc = rc < 0 ? rc : waits_check_name(ret->key);
    return rc < 0 ? rc : ret->timeout_ms < 0 ? -EINVAL : 0;
}

void check_failure(const struct jh_failure *failure, struct jh_failure *ret) {
    if (copy_sized(ret, sizeof *ret, failure, FAILURE_SIZE_1_0) < 0) {
        *ret = (struct jh_failure){.size = sizeof *ret,
                                   .cls = JH_E_BUG,
                                   .message = "fail() was called with a bad struct jh_failure"};
        return;
    }
    if (ret->cls <= JH_E_NONE || ret->cls > JH_E_UNKNOWN) {
        ret->cls = JH_E_BUG;
    }
    if (ret->retry_after_ms < 0) {
        ret->retry_after_ms = 0;
    }
}

size_t check_cut(const char *text, size_t max) {
    size_t len = strnlen(text, max + 1);
    if (len <= max) {
        return len;
    }
    len = max;
    while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) {
        len--;
    }
    return len;
}
