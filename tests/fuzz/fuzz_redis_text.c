// Texts about a Redis server: the URL of one (first byte even), and what INFO answers (odd). A URL that is taken is taken again from
// its words without credentials; no verdict holds control bytes or runs over its place.
#include <string.h>

#include "fuzz.h"
#include "redis/facts.h"

static void try_url(const char *url) {
    struct redis_address a, again;
    struct err e = {.msg = ""};
    char where[REDIS_WHERE_MAX], where_again[REDIS_WHERE_MAX];
    if (redis_address_parse(url, &a, &e) != 0) {
        FUZZ_CHECK(e.msg[0] != '\0' && a.password[0] == '\0');
        return;
    }
    FUZZ_CHECK((a.host[0] == '\0') != (a.path[0] == '\0'));
    redis_address_where(&a, where);
    FUZZ_CHECK(redis_address_parse(where, &again, &e) == 0 || strchr(a.path, '?') != NULL ||
               strncmp(a.path, "//", 2) == 0);
    redis_address_where(&again, where_again);
    FUZZ_CHECK(strcmp(where, where_again) == 0 || again.host[0] == again.path[0] ||
               strncmp(a.path, "//", 2) == 0);
}

static void try_info(struct bytes info) {
    struct redis_facts f = {.replicas = -1};
    struct redis_findings found;
    struct redis_address address = {.host = "h"};
    redis_facts_info(&f, info);
    redis_facts_judge(&f, &address, false, &found);
    FUZZ_CHECK(found.count <= REDIS_FINDINGS_MAX);
    for (unsigned i = 0; i < found.count; i++) {
        const char *text = found.list[i].text;
        FUZZ_CHECK(memchr(text, '\0', sizeof found.list[i].text) != NULL);
        for (; *text != '\0'; text++) {
            FUZZ_CHECK((unsigned char)*text >= ' ' && *text != 0x7f);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[4096];
    if (size == 0 || size > sizeof text) {
        return 0;
    }
    if (data[0] % 2 == 1) {
        try_info((struct bytes){data + 1, size - 1});
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    try_url(text);
    return 0;
}
