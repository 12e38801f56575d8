// What Redis tells of contents: references "<sha256> <queue> <id> <what>" (first byte even), names of files (odd). What is taken
// consists of exactly its parts; a file's name leads to no other directory.
#include <string.h>

#include "fuzz.h"
#include "store/redis/blob_private.h"

static void try_reference(struct bytes text) {
    struct redis_blob_reference ref;
    if (!redis_blob_reference_parse(text, &ref)) {
        return;
    }
    char sha[BLOBFILE_SHA_TEXT + 1];
    const char *p = text.data;
    blobfile_sha_text(ref.sha256, sha);
    FUZZ_CHECK(memcmp(sha, ref.hex.data, BLOBFILE_SHA_TEXT) == 0 && ref.hex.data == p);
    FUZZ_CHECK(memchr(ref.queue.data, ' ', ref.queue.len) == NULL);
    FUZZ_CHECK(ref.id.len == JOB_ID_TEXT && ref.what.len > 0);
    FUZZ_CHECK((const char *)ref.what.data + ref.what.len == p + text.len);
    FUZZ_CHECK(ref.hex.len + ref.queue.len + ref.id.len + ref.what.len + 3 == text.len);
}

static void try_name(const char *name) {
    uint8_t sha[32];
    if (blobfile_is_name(name)) {
        FUZZ_CHECK(strlen(name) == BLOBFILE_NAME_MAX && strpbrk(name, "/.") == NULL);
    }
    FUZZ_CHECK(!blobfile_sha_parse(name, sha) || strlen(name) == BLOBFILE_SHA_TEXT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[1024];
    if (size == 0 || size > sizeof text) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        try_reference((struct bytes){data + 1, size - 1});
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    try_name(text);
    return 0;
}
