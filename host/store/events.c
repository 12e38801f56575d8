#include "store/events.h"

#include <errno.h>
#include <string.h>

int store_event_check(const struct store_event *e) {
    int r = waits_check_name(e->name);
    if (r == 0 && e->key != NULL) {
        r = waits_check_event_key(e->key);
    }
    if (r == 0 && e->content_type != NULL) {
        r = waits_check_type(e->content_type);
    }
    if (r == 0 && e->tenant != NULL && strlen(e->tenant) > JOB_TENANT_MAX) {
        r = -EFBIG;
    }
    return r < 0 ? r : e->value.len > WAITS_EVENT_MAX ? -EFBIG : 0;
}

static int64_t length(const char *text) {
    return text == NULL ? 0 : (int64_t)strlen(text);
}

int64_t store_event_bytes(const struct store_event *e) {
    return (int64_t)e->value.len + length(e->key) + length(e->tenant) + length(e->content_type) +
           STORE_EVENT_OVERHEAD;
}

struct store_event_bounds store_event_bounds(const struct store_config *config) {
    return (struct store_event_bounds){
        .keep_ms = config->event_keep_ms > 0 ? config->event_keep_ms : INT64_C(86400000),
        .count = config->event_max_kept > 0 ? config->event_max_kept : 1000,
        .bytes = config->event_max_bytes > 0 ? config->event_max_bytes : 4 << 20,
    };
}
