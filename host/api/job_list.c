#include "api/job_list.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/rfc3339.h"
#include "core/outcome.h"

static int bad(struct problem *ret, const char *field, const char *message) {
    *ret = (struct problem){.status = 400, .code = "bad_parameter"};
    (void)snprintf(ret->field, sizeof ret->field, "%s", field);
    (void)snprintf(ret->message, sizeof ret->message, "%s", message);
    return -EINVAL;
}

static const struct {
    const char *name;
    size_t offset; // of a string member
} text_filters[] = {
    {"queue", offsetof(struct store_filter, queue)},
    {"type", offsetof(struct store_filter, type)},
    {"user", offsetof(struct store_filter, tenant)},
    {"label", offsetof(struct store_filter, label)},
    {"q", offsetof(struct store_filter, text)},
    {"code", offsetof(struct store_filter, error_code)},
};

static int set_other(struct store_filter *f, const char *name, const char *value,
                     struct problem *ret) {
    if (strcmp(name, "state") == 0) {
        f->state = job_state_from_name(value);
        return f->state >= 0 ? 0
                             : bad(ret, name,
                                   "state is one of scheduled, queued, running, parked, succeeded, "
                                   "dead, cancelled, duplicate");
    }
    if (strcmp(name, "class") == 0) {
        f->error_cls = outcome_class_from_name(value);
        return f->error_cls > JH_E_NONE
                   ? 0
                   : bad(ret, name,
                         "class is one of input, auth, network, rate, upstream, "
                         "timeout, resource, bug, permanent, unknown");
    }
    if (strcmp(name, "park") == 0) {
        int park = park_reason_from_name(value);
        f->park = park > 0 ? (enum park_reason)park : PARK_NONE;
        return park > 0 ? 0
                        : bad(ret, name,
                              "park is one of time, event, children, limiter, breaker, no_handler, "
                              "state_version, needs_operator, pin_unavailable, schedule");
    }
    if (strcmp(name, "steps") == 0) {
        f->has_steps = strcmp(value, "1") == 0;
        return f->has_steps ? 0 : bad(ret, name, "steps is 1 (only jobs that have some)");
    }
    if (strcmp(name, "parent") == 0) {
        return id_parse(value, &f->parent) == 0 ? 0 : bad(ret, name, "parent is a job id");
    }
    int64_t *time = strcmp(name, "after") == 0    ? &f->created_after_ms
                    : strcmp(name, "before") == 0 ? &f->created_before_ms
                                                  : NULL;
    if (time == NULL) {
        return bad(ret, name, "there is no such filter");
    }
    return rfc3339_parse(value, time) == 0
               ? 0
               : bad(ret, name, "write a time such as 2026-11-21T10:00:00Z");
}

/* An empty value is refused, not taken for "any": who deletes by a filter whose variable was not
 * set does not mean everything. */
int job_list_filter_set(struct store_filter *filter, const char *name, const char *value,
                        struct problem *ret_problem) {
    if (value[0] == '\0') {
        return bad(ret_problem, name, "is empty; leave it out to mean any");
    }
    for (size_t i = 0; i < ARRAY_LEN(text_filters); i++) {
        if (strcmp(name, text_filters[i].name) == 0) {
            *(const char **)((char *)filter + text_filters[i].offset) = value;
            return 0;
        }
    }
    return set_other(filter, name, value, ret_problem);
}

int job_list_filter(struct call *call, int state, struct store_filter *ret,
                    struct problem *ret_problem) {
    static const char *const names[] = {"state",  "queue", "type", "user",  "label",
                                        "q",      "class", "code", "after", "before",
                                        "parent", "park",  "steps"};
    *ret = (struct store_filter){.state = state, .error_cls = -1};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = request_query(call->req, names[i]);
        if (value != NULL) {
            int r = job_list_filter_set(ret, names[i], value, ret_problem);
            if (r != 0) {
                return r;
            }
        }
    }
    return 0;
}
