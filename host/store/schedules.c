#include "store/schedules.h"

#include <errno.h>
#include <string.h>

// Printable without blanks: such words stand in keys and lists of words.
static bool is_word(const char *text, size_t max) {
    size_t len = text == NULL ? 0 : strlen(text);
    if (len == 0 || len > max) {
        return false;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == 127) {
            return false;
        }
    }
    return true;
}

int store_schedule_check_put(const struct store_schedule_put_item *item) {
    bool ok = is_word(item->id, STORE_SCHEDULE_ID_MAX) &&
              (item->remove ||
               (job_check_queue(item->queue, NULL) == 0 &&
                is_word(item->revision, STORE_SCHEDULE_REVISION_MAX) && item->definition != NULL &&
                strlen(item->definition) <= STORE_SCHEDULE_DEFINITION_MAX));
    return ok ? 0 : -EINVAL;
}

// A job that takes another's place, or lets others take its own, has no line to wait in.
static bool check_dedup(const struct job_spec *spec) {
    return spec->dedup_key == NULL ||
           (spec->dedup_mode != DEDUP_REPLACE && spec->dedup_mode != DEDUP_DEBOUNCE);
}

static bool check_job(const struct store_fire_item *item) {
    const struct job_spec *spec = item->spec;
    return spec == NULL || (check_dedup(spec) && spec->file_count == 0 && spec->schedule != NULL &&
                            spec->run_at_ms == 0 && strcmp(spec->schedule, item->schedule) == 0 &&
                            strcmp(spec->queue, item->queue) == 0);
}

int store_schedule_check_fire(const struct store_fire_item *item) {
    const struct store_ledger_row *row = &item->row;
    bool ok =
        is_word(item->schedule, STORE_SCHEDULE_ID_MAX) && job_check_queue(item->queue, NULL) == 0 &&
        is_word(row->revision, STORE_SCHEDULE_REVISION_MAX) &&
        is_word(row->key, SCHEDULE_KEY_MAX) && schedule_verdict_name((int)row->verdict) != NULL &&
        check_job(item) && (row->reason == NULL || strlen(row->reason) <= JOB_MESSAGE_MAX);
    return ok ? 0 : -EINVAL;
}

bool store_schedule_same_series(const char *revision, const char *other) {
    size_t len = strcspn(revision, ".");
    return revision[len] == '.' && strncmp(revision, other, len + 1) == 0;
}

const char *store_fire_refusal(int status) {
    switch (status) {
    case -EDQUOT: return "the store has no room for it";
    case -ENOBUFS: return "too many jobs wait in its queue";
    case -ENOTSUP: return "the store does not know its dedup mode";
    default: return "the store refused it";
    }
}
