#include "core/job.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"

static const char *const state_names[JOB_STATE_COUNT] = {
    [JOB_SCHEDULED] = "scheduled", [JOB_QUEUED] = "queued",       [JOB_RUNNING] = "running",
    [JOB_PARKED] = "parked",       [JOB_SUCCEEDED] = "succeeded", [JOB_DEAD] = "dead",
    [JOB_CANCELLED] = "cancelled", [JOB_DUPLICATE] = "duplicate",
};

static const char *const event_names[JOB_EVENT_COUNT] = {
    [JOB_EV_NONE] = "none",           [JOB_EV_CLAIM] = "claim",   [JOB_EV_SUCCEED] = "succeed",
    [JOB_EV_RETRY] = "retry",         [JOB_EV_DIE] = "die",       [JOB_EV_PARK] = "park",
    [JOB_EV_RELEASE] = "release",     [JOB_EV_DUE] = "due",       [JOB_EV_WAKE] = "wake",
    [JOB_EV_PROMOTE] = "promote",     [JOB_EV_CANCEL] = "cancel", [JOB_EV_REVIVE] = "revive",
    [JOB_EV_DUPLICATE] = "duplicate",
};

static const char *const park_names[PARK_REASON_COUNT] = {
    [PARK_NONE] = "none",
    [PARK_TIME] = "time",
    [PARK_EVENT] = "event",
    [PARK_CHILDREN] = "children",
    [PARK_LIMITER] = "limiter",
    [PARK_BREAKER] = "breaker",
    [PARK_NO_HANDLER] = "no_handler",
    [PARK_STATE_VERSION] = "state_version",
    [PARK_NEEDS_OPERATOR] = "needs_operator",
    [PARK_PIN_UNAVAILABLE] = "pin_unavailable",
    [PARK_SCHEDULE] = "schedule",
};

static const char *const priority_names[PRIORITY_COUNT] = {
    [PRIORITY_HIGH] = "high", [PRIORITY_NORMAL] = "normal", [PRIORITY_LOW] = "low"};

static const char *const dedup_names[DEDUP_MODE_COUNT] = {
    [DEDUP_REJECT] = "reject",     [DEDUP_RETURN] = "return",     [DEDUP_REPLACE] = "replace",
    [DEDUP_DEBOUNCE] = "debounce", [DEDUP_THROTTLE] = "throttle",
};

static const char *name_of(const char *const *names, int count, int value) {
    return value >= 0 && value < count ? names[value] : NULL;
}

static int value_of(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

const char *job_state_name(int state) {
    return name_of(state_names, JOB_STATE_COUNT, state);
}

const char *job_event_name(int event) {
    return name_of(event_names, JOB_EVENT_COUNT, event);
}

const char *park_reason_name(int reason) {
    return name_of(park_names, PARK_REASON_COUNT, reason);
}

const char *priority_name(int priority) {
    return name_of(priority_names, PRIORITY_COUNT, priority);
}

const char *dedup_mode_name(int mode) {
    return name_of(dedup_names, DEDUP_MODE_COUNT, mode);
}

int job_state_from_name(const char *name) {
    return value_of(state_names, JOB_STATE_COUNT, name);
}

int park_reason_from_name(const char *name) {
    return value_of(park_names, PARK_REASON_COUNT, name);
}

int priority_from_name(const char *name) {
    return value_of(priority_names, PRIORITY_COUNT, name);
}

int dedup_mode_from_name(const char *name) {
    return value_of(dedup_names, DEDUP_MODE_COUNT, name);
}

// The state after an event, plus one; 0 = not allowed.
#define TO(state) ((int8_t)((state) + 1))

static const int8_t transitions[JOB_STATE_COUNT][JOB_EVENT_COUNT] = {
    [JOB_SCHEDULED] = {[JOB_EV_NONE] = TO(JOB_SCHEDULED),
                       [JOB_EV_DUE] = TO(JOB_QUEUED),
                       [JOB_EV_PROMOTE] = TO(JOB_QUEUED),
                       [JOB_EV_DIE] = TO(JOB_DEAD),
                       [JOB_EV_PARK] = TO(JOB_PARKED),
                       [JOB_EV_CANCEL] = TO(JOB_CANCELLED),
                       [JOB_EV_DUPLICATE] = TO(JOB_DUPLICATE)},
    [JOB_QUEUED] = {[JOB_EV_NONE] = TO(JOB_QUEUED),
                    [JOB_EV_CLAIM] = TO(JOB_RUNNING),
                    [JOB_EV_DIE] = TO(JOB_DEAD),
                    [JOB_EV_PARK] = TO(JOB_PARKED),
                    [JOB_EV_CANCEL] = TO(JOB_CANCELLED),
                    [JOB_EV_DUPLICATE] = TO(JOB_DUPLICATE)},
    [JOB_RUNNING] = {[JOB_EV_NONE] = TO(JOB_RUNNING),
                     [JOB_EV_SUCCEED] = TO(JOB_SUCCEEDED),
                     [JOB_EV_RETRY] = TO(JOB_SCHEDULED),
                     [JOB_EV_DIE] = TO(JOB_DEAD),
                     [JOB_EV_PARK] = TO(JOB_PARKED),
                     [JOB_EV_RELEASE] = TO(JOB_QUEUED),
                     [JOB_EV_CANCEL] = TO(JOB_CANCELLED)},
    [JOB_PARKED] = {[JOB_EV_NONE] = TO(JOB_PARKED),
                    [JOB_EV_DUE] = TO(JOB_QUEUED),
                    [JOB_EV_WAKE] = TO(JOB_QUEUED),
                    [JOB_EV_PROMOTE] = TO(JOB_QUEUED),
                    [JOB_EV_DIE] = TO(JOB_DEAD),
                    [JOB_EV_CANCEL] = TO(JOB_CANCELLED),
                    [JOB_EV_DUPLICATE] = TO(JOB_DUPLICATE)},
    [JOB_SUCCEEDED] = {[JOB_EV_NONE] = TO(JOB_SUCCEEDED)},
    [JOB_DEAD] = {[JOB_EV_NONE] = TO(JOB_DEAD), [JOB_EV_REVIVE] = TO(JOB_QUEUED)},
    [JOB_CANCELLED] = {[JOB_EV_NONE] = TO(JOB_CANCELLED), [JOB_EV_REVIVE] = TO(JOB_QUEUED)},
    [JOB_DUPLICATE] = {[JOB_EV_NONE] = TO(JOB_DUPLICATE)},
};

#undef TO

int job_next_state(enum job_state from, enum job_event event) {
    if ((unsigned)from >= JOB_STATE_COUNT || (unsigned)event >= JOB_EVENT_COUNT) {
        return -1;
    }
    return transitions[from][event] - 1;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_char(char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

static int check_name(const char *what, const char *name, size_t most, struct err *e) {
    size_t len = strlen(name);
    if (len == 0) {
        return err_set(e, -EINVAL, "the %s is empty", what);
    }
    if (len > most) {
        return err_set(e, -EINVAL, "the %s has %zu characters, at most %zu are allowed", what, len,
                       most);
    }
    if (!is_letter(name[0])) {
        return err_set(e, -EINVAL, "the %s \"%s\" does not begin with a letter", what, name);
    }
    for (const char *p = name; *p != '\0'; p++) {
        if (!is_name_char(*p)) {
            return err_set(
                e, -EINVAL,
                "the %s has a character that is not allowed at position %zu: use letters, "
                "digits and _ . -",
                what, (size_t)(p - name) + 1);
        }
    }
    return 0;
}

int job_check_type(const char *type, struct err *e) {
    return check_name("type", type, JOB_TYPE_MAX, e);
}

int job_check_queue(const char *queue, struct err *e) {
    return check_name("queue", queue, JOB_QUEUE_MAX, e);
}

struct bytes job_own_queue(const char *type) {
    size_t len = strcspn(type, ".");
    return (struct bytes){type, len < JOB_QUEUE_MAX ? len : JOB_QUEUE_MAX};
}

int job_check_file_name(const char *name, struct err *e) {
    size_t len = strnlen(name, JOB_FILE_NAME_MAX + 1);
    const uint8_t *p = (const uint8_t *)name, *end = p + len;
    if (len == 0 || len > JOB_FILE_NAME_MAX) {
        return err_set(e, -EINVAL, "a file's name has 1 to %d bytes", JOB_FILE_NAME_MAX);
    }
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return err_set(e, -EINVAL, "\"%s\" is a folder, not a name for a file", name);
    }
    while (p < end) {
        size_t n = utf8_char_len(p, end);
        if (n == 0) {
            return err_set(e, -EINVAL, "a file's name is UTF-8");
        }
        if (*p == '/' || *p < 0x20 || *p == 0x7f) {
            return err_set(e, -EINVAL, "a file's name has no slashes and no control characters");
        }
        p += n;
    }
    return 0;
}
