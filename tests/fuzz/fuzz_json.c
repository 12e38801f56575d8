// The JSON checker and the scanners. What the checker accepts, the scanners take apart into values that it accepts too; what
// it refuses must do no harm to them. Whatever is written as a string is JSON.
#include <string.h>

#include "base/json.h"

#include "fuzz.h"

struct walk {
    struct arena arena;
    bool valid; // the whole was accepted
    int depth;
};

static int visit(void *arg, struct bytes value);

static int visit_member(void *arg, struct bytes key, struct bytes value) {
    const struct walk *w = arg;
    FUZZ_CHECK(!w->valid || (json_is_valid(key) && *(const char *)key.data == '"'));
    return visit(arg, value);
}

static int visit(void *arg, struct bytes value) {
    struct walk *w = arg;
    static const char *const keys[] = {"a", "", "id", "\xc3\xa9", "\n"};
    FUZZ_CHECK(!w->valid || json_is_valid(value));
    const char *decoded = json_text(&w->arena, value);
    FUZZ_CHECK(decoded == NULL || strlen(decoded) < value.len);
    if (++w->depth < 8) {
        (void)json_members(value, visit_member, w);
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            struct bytes member = json_member(value, keys[i]);
            if (member.len != 0) {
                (void)visit(w, member);
            }
        }
        (void)json_each(value, visit, w);
    }
    w->depth--;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes text = {data, size};
    struct walk w = {.valid = json_is_valid(text)};
    (void)visit(&w, text);
    arena_free(&w.arena);

    struct buf b = {0};
    json_strn(&b, (const char *)data, size);
    FUZZ_CHECK(json_is_valid(buf_bytes(&b)));
    buf_free(&b);
    return 0;
}
