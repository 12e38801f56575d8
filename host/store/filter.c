#include "store/filter.h"

#include <string.h>

#include "store/scope.h"

static bool has_label(const char *labels, const char *label) {
    size_t len = strlen(label);
    for (const char *at = labels; at != NULL && *at != '\0';) {
        const char *comma = strchr(at, ',');
        size_t n = comma == NULL ? strlen(at) : (size_t)(comma - at);
        if (n == len && memcmp(at, label, len) == 0) {
            return true;
        }
        at = comma == NULL ? NULL : comma + 1;
    }
    return false;
}

static bool equal(const char *wanted, const char *value) {
    return wanted == NULL || (value != NULL && strcmp(wanted, value) == 0);
}

static bool contains(const char *value, const char *text) {
    return value != NULL && strstr(value, text) != NULL;
}

static bool has_text(const struct store_job *job, const char *text) {
    char id[JOB_ID_TEXT + 1];
    id_format(&job->spec.id, id);
    return contains(id, text) || contains(job->spec.type, text) ||
           contains(job->spec.dedup_key, text) || contains(job->error.message, text);
}

static bool created_within(const struct store_filter *f, int64_t ms) {
    return (f->created_after_ms == 0 || ms >= f->created_after_ms) &&
           (f->created_before_ms == 0 || ms < f->created_before_ms);
}

bool filter_matches(const struct store_filter *f, const struct store_scope *scope,
                    const struct store_job *job) {
    return store_scope_has_job(scope, &job->spec) &&
           (f->state < 0 || f->state == (int)job->state) && equal(f->queue, job->spec.queue) &&
           equal(f->type, job->spec.type) && equal(f->tenant, job->spec.tenant) &&
           equal(f->error_code, job->error.code) &&
           (f->error_cls < 0 || f->error_cls == job->error.cls) &&
           (f->label == NULL || has_label(job->spec.labels, f->label)) &&
           created_within(f, job->created_ms) &&
           (f->park == PARK_NONE || (job->state == JOB_PARKED && f->park == job->park)) &&
           (!f->has_steps || job->step_count > 0) &&
           (id_is_zero(&f->parent) || id_equal(&f->parent, &job->spec.parent)) &&
           (f->text == NULL || has_text(job, f->text));
}

bool filter_matches_id(const struct store_filter *f, const struct job_id *id) {
    return created_within(f, id_time_ms(id));
}

bool filter_matches_audit(const struct store_audit_list *list, const struct store_audit *entry) {
    return (list->actor == NULL || contains(entry->actor, list->actor)) &&
           (list->action == NULL ||
            (entry->action != NULL &&
             strncmp(entry->action, list->action, strlen(list->action)) == 0)) &&
           equal(list->target, entry->target) &&
           (list->after_ms == 0 || entry->at_ms >= list->after_ms) &&
           (list->before_ms == 0 || entry->at_ms < list->before_ms);
}
