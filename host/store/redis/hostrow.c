#include "store/redis/hostrow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

void redis_nonce_format(uint64_t nonce, char out[REDIS_NONCE_TEXT + 1]) {
    (void)snprintf(out, REDIS_NONCE_TEXT + 1, "%016" PRIx64, nonce);
}

void redis_host_write(struct buf *b, const struct store_host *host) {
    buf_char(b, '{');
    json_kstr(b, "name", host->name);
    json_kstr(b, "version", host->version);
    json_kint(b, "pid", host->pid);
    json_kint(b, "started", host->started_ms);
    json_kint(b, "seen", host->seen_ms);
    json_kint(b, "lease", host->lease_end_ms);
    json_kint(b, "running", host->running);
    buf_char(b, '}');
}

// A member that is a whole number within the bounds; 0 when it is missing. False: something else.
static bool number(struct bytes json, const char *key, int64_t most, int64_t *ret) {
    struct bytes text = json_member(json, key);
    char digits[24], *end = NULL;
    *ret = 0;
    if (text.len == 0) {
        return true;
    }
    if (text.len >= sizeof digits) {
        return false;
    }
    memcpy(digits, text.data, text.len);
    digits[text.len] = '\0';
    errno = 0;
    *ret = strtoll(digits, &end, 10);
    return errno == 0 && end != digits && *end == '\0' && *ret >= 0 && *ret <= most;
}

static bool read_nonce(struct bytes text, uint64_t *ret) {
    static const char digits[] = "0123456789abcdef";
    const char *p = text.data;
    *ret = 0;
    for (size_t i = 0; i < text.len && text.len <= REDIS_NONCE_TEXT; i++) {
        const char *at = memchr(digits, p[i], sizeof digits - 1);
        if (at == NULL) {
            return false;
        }
        *ret = *ret << 4 | (uint64_t)(at - digits);
    }
    return text.len > 0 && text.len <= REDIS_NONCE_TEXT;
}

int redis_host_read(struct bytes nonce, struct bytes json, struct arena *a,
                    struct store_host *ret) {
    int64_t pid, running;
    *ret = (struct store_host){.name = NULL};
    if (!read_nonce(nonce, &ret->nonce) || !json_is_valid(json) ||
        *(const char *)bytes_trim(json).data != '{') {
        return -EBADMSG;
    }
    if (!number(json, "pid", INT32_MAX, &pid) || !number(json, "running", UINT32_MAX, &running) ||
        !number(json, "started", INT64_MAX, &ret->started_ms) ||
        !number(json, "seen", INT64_MAX, &ret->seen_ms) ||
        !number(json, "lease", INT64_MAX, &ret->lease_end_ms)) {
        return -EBADMSG;
    }
    ret->pid = (int32_t)pid;
    ret->running = (uint32_t)running;
    ret->lost = ret->lease_end_ms == 0 && ret->seen_ms > 0;
    ret->left = ret->lease_end_ms <= ret->seen_ms && !ret->lost;
    ret->name = json_text(a, json_member(json, "name"));
    ret->version = json_text(a, json_member(json, "version"));
    ret->name = ret->name == NULL ? arena_str(a, "") : ret->name;
    ret->version = ret->version == NULL ? arena_str(a, "") : ret->version;
    return ret->name == NULL || ret->version == NULL ? -ENOMEM : 0;
}
