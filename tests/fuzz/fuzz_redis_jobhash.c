// Answers to HGETALL that hold anything: a job comes out, or the name of the damaged field. What comes out can be written, read
// again and compared, and is the same job then.
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "store/redis/jobhash.h"

enum { PAIRS_MAX = 128 };

static int read_words(const struct redis_args *a, const struct job_id *id, struct arena *arena,
                      struct redis_job *ret) {
    static struct redis_reply items[2 * (PAIRS_MAX + 2)];
    char text[JOB_ID_TEXT + 1];
    id_format(id, text);
    const struct bytes head[] = {bytes_of("id"), bytes_of(text), bytes_of("status"),
                                 bytes_of("dead")};
    struct redis_reply all = {.kind = REDIS_ARRAY, .items = items};
    for (size_t i = 0; i < 4; i++) {
        items[all.count++] = (struct redis_reply){.kind = REDIS_STRING, .text = head[i]};
    }
    FUZZ_CHECK(a->count <= 2 * PAIRS_MAX);
    for (size_t i = 0; i < a->count; i++) {
        struct bytes word = arena_bytes(arena, (struct bytes){a->words[i], a->lens[i]});
        items[all.count++] = (struct redis_reply){
            .kind = REDIS_STRING, .text = word.len == 0 ? (struct bytes){"", 0} : word};
    }
    return jobhash_read(&all, arena, ret, NULL);
}

static void check_job(const struct redis_job *job) {
    struct redis_args first = {.words = NULL}, second = {.words = NULL}, none = {.words = NULL};
    struct arena arena = {.head = NULL};
    struct redis_job again;
    struct store_job view;
    jobhash_view(job, &view);
    FUZZ_CHECK(job_state_name((int)view.state) != NULL && view.spec.type != NULL);
    FUZZ_CHECK(job->spec.file_count <= JOB_FILES_MAX);
    (void)jobhash_bytes(&job->spec);
    (void)jobhash_write(job, true, &first);
    FUZZ_CHECK(read_words(&first, &job->spec.id, &arena, &again) == 0);
    (void)jobhash_write(&again, true, &second);
    FUZZ_CHECK(first.count == second.count);
    for (size_t i = 0; i < first.count; i++) {
        FUZZ_CHECK(bytes_equal((struct bytes){first.words[i], first.lens[i]},
                               (struct bytes){second.words[i], second.lens[i]}));
    }
    jobhash_diff(job, &again, &none, &none);
    FUZZ_CHECK(none.count == 0);
    redis_args_free(&first);
    redis_args_free(&second);
    redis_args_free(&none);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct redis_reader *reader = redis_reader_new(1 << 16, 2 * PAIRS_MAX);
    struct bytes input = {data, size};
    const struct redis_reply *reply = NULL;
    if (reader != NULL && redis_reader_next(reader, &input, &reply, NULL) == 1) {
        struct arena arena = {.head = NULL};
        struct redis_job job;
        struct err e = {.code = 0};
        int r = jobhash_read(reply, &arena, &job, &e);
        FUZZ_CHECK(r == 0 || r == -ENOENT || r == -EBADMSG);
        FUZZ_CHECK(r == e.code);
        if (r == 0) {
            check_job(&job);
        }
        (void)jobhash_read_parcel(reply, &arena, &job, &e);
        arena_free(&arena);
    }
    redis_reader_free(&reader);
    return 0;
}
