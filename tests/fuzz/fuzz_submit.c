// A submission's JSON. What is accepted has a type, a payload that is a piece of the input and valid JSON itself, and everything within
// its limits; what is refused has a code and words.
#include <string.h>

#include "api/submit_item.h"
#include "base/json.h"

#include "fuzz.h"

static void check_accepted(const struct job_request *r, struct bytes text) {
    const char *from = text.data;
    FUZZ_CHECK(r->type != NULL);
    FUZZ_CHECK(r->payload.len == 0 || json_is_valid(r->payload));
    FUZZ_CHECK(r->payload.len == 0 ||
               ((const char *)r->payload.data >= from &&
                (const char *)r->payload.data + r->payload.len <= from + text.len));
    FUZZ_CHECK(r->priority >= -1 && r->priority < PRIORITY_COUNT);
    FUZZ_CHECK(r->dedup_mode >= -1 && r->dedup_mode < DEDUP_MODE_COUNT);
    FUZZ_CHECK(r->delay_ms >= 0 && r->timeout_ms >= 0 && r->deadline_ms >= 0 && r->expires_ms >= 0);
    FUZZ_CHECK(r->max >= 0 && r->file_count <= JOB_FILES_MAX);
    for (size_t i = 0; i < r->file_count; i++) {
        const char *filename = r->files[i].filename;
        FUZZ_CHECK(job_check_file_name(r->files[i].name, NULL) == 0);
        FUZZ_CHECK(filename == NULL || job_check_file_name(filename, NULL) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes text = {data, size};
    struct arena arena = {0};
    struct job_request request;
    struct job_file *files = NULL;
    struct problem problem = {.status = 0};
    while (text.len > 0 && memchr(" \t\r\n", *(const char *)text.data, 4) != NULL) {
        text = (struct bytes){(const char *)text.data + 1, text.len - 1};
    }
    if (!json_is_valid(text)) {
        return 0;
    }
    if (submit_item_read(text, NULL, &arena, &request, &files, &problem) == 0) {
        check_accepted(&request, text);
    } else {
        FUZZ_CHECK(problem.status >= 400 && problem.code != NULL && problem.message[0] != '\0');
    }
    arena_free(&arena);
    return 0;
}
