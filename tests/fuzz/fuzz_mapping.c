// Mappings of deliveries: the first line of the input is the mapping, the rest a body. What is refused has words; what is
// compiled from JSON writes JSON whatever the values are, and a value never becomes a placeholder.
#define _GNU_SOURCE // memmem
#include "core/mapping.h"

#include <string.h>

#include "base/json.h"
#include "fuzz.h"

#define CANARY "canary-5f1d"

static struct bytes body;

static bool find(void *arg, enum mapping_from from, const char *name, struct bytes *ret,
                 bool *ret_json) {
    (void)arg;
    (void)name;
    *ret_json = false;
    // what a sender could try: everything that the mapping knows, once more
    *ret = from == MAPPING_HOOK ? bytes_of(CANARY) : bytes_of("{hook} {body} \"\\");
    return from != MAPPING_FORM;
}

static bool has(struct bytes text, const char *word) {
    return text.len > 0 && memmem(text.data, text.len, word, strlen(word)) != NULL;
}

static void try_one(struct bytes text, bool is_text) {
    struct mapping_rules rules = {.path = "/{a}/{b}", .answer = true, .text = is_text};
    struct mapping_values values = {.body = body, .find = find};
    struct mapping *m = NULL;
    struct err e = {0};
    struct buf out = {0};
    int r = mapping_new(text, &rules, &m, &e);
    FUZZ_CHECK(r == 0 ? m != NULL : m == NULL && e.msg[0] != '\0');
    if (r == 0) {
        e.msg[0] = '\0';
        r = mapping_write(m, &values, &out, &e);
        FUZZ_CHECK(r == 0 || e.msg[0] != '\0');
        bool deep = !is_text && mapping_reads_body(m); // the two depths add up
        FUZZ_CHECK(r != 0 || is_text || deep || json_is_valid(buf_bytes(&out)));
        FUZZ_CHECK(r != 0 || has(text, "hook") || has(text, CANARY) || has(body, CANARY) ||
                   !has(buf_bytes(&out), CANARY));
    }
    mapping_free(&m);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = memchr(data, '\n', size);
    size_t len = end == NULL ? size : (size_t)(end - data);
    struct bytes text = {len == 0 ? (const void *)"" : data, len};
    struct bytes rest = {end == NULL ? NULL : end + 1, end == NULL ? 0 : size - len - 1};
    body = rest.len > 0 && json_is_valid(rest) ? rest : (struct bytes){NULL, 0};
    try_one(text, true);
    if (json_is_valid(text)) {
        try_one(text, false);
    }
    return 0;
}
