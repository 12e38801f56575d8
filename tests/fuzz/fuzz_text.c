// Parsers of short texts: ids of jobs and events, times, durations, sizes, names. What is accepted
// survives being written and read again.
#include <string.h>

#include "base/rfc3339.h"
#include "core/event_id.h"
#include "core/id.h"
#include "core/job.h"
#include "fuzz.h"

static void try_id(const char *text) {
    struct job_id id, again;
    char out[JOB_ID_TEXT + 1];
    if (id_parse(text, &id) == 0) {
        id_format(&id, out);
        FUZZ_CHECK(id_parse(out, &again) == 0 && id_equal(&id, &again));
        FUZZ_CHECK(id_order(&id) >= 0 && id_time_ms(&id) >= 0);
    }
}

static void try_event_id(const char *text) {
    struct event_id id;
    char out[EVENT_ID_TEXT + 1];
    if (event_id_parse(bytes_of(text), &id) == 0) {
        event_id_format(&id, out);
        FUZZ_CHECK(strcmp(out, text) == 0);
    }
}

static void try_time(const char *text) {
    int64_t ms, again;
    char out[RFC3339_LEN + 1];
    if (rfc3339_parse(text, &ms) == 0) {
        rfc3339_format(ms, out);
        FUZZ_CHECK(strlen(out) == RFC3339_LEN && rfc3339_parse(out, &again) == 0);
        // an offset or a leap second can lead out of the years 0..9999, where times are clamped
        bool clamped = strncmp(out, "0000-01-01", 10) == 0 || strncmp(out, "9999-12-31", 10) == 0;
        FUZZ_CHECK(again == ms || clamped);
    }
}

static void try_duration(const char *text) {
    int64_t ms, again;
    char out[64];
    if (duration_parse(text, &ms) == 0) {
        duration_format(ms, out, sizeof out);
        FUZZ_CHECK(ms >= 0 && duration_parse(out, &again) == 0 && again == ms);
    }
}

static void try_size(const char *text) {
    uint64_t bytes, again;
    char out[64];
    if (size_parse(text, &bytes) == 0) {
        size_format(bytes, out, sizeof out);
        FUZZ_CHECK(size_parse(out, &again) == 0 && again == bytes);
    }
}

static void try_names(const char *text) {
    if (job_check_queue(text, NULL) == 0) {
        FUZZ_CHECK(job_check_type(text, NULL) == 0); // the same alphabet, longer
        FUZZ_CHECK(strlen(text) <= JOB_QUEUE_MAX && strpbrk(text, "/: {}*\n") == NULL);
    }
    int state = job_state_from_name(text);
    FUZZ_CHECK(state == -1 || strcmp(job_state_name(state), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    try_event_id(text);
    try_id(text);
    try_time(text);
    try_duration(text);
    try_size(text);
    try_names(text);
    free(text);
    return 0;
}
