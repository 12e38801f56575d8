/* A file of vectors for a decision that is made in two languages, and must be the same in both. A line is one vector:
 * decimal numbers, separated by blanks; what follows '#' is for people, and so are empty lines.
 *
 *     uint64_t v[8];
 *     FILE *f = vectors_open("priority_split.txt");
 *     while (vectors_next(f, v, 8)) { ... }   // expects 8 numbers on every line
 *     fclose(f);
 *
 * The files are made by programs of this directory (make_*.c) from the form in C, once: when the decision itself is
 * changed, by `make_NAME > NAME.txt`. */
#ifndef JOBHOST_TESTS_VECTORS_H
#define JOBHOST_TESTS_VECTORS_H

#include "expect.h"

#ifndef VECTORS_DIR
#error "VECTORS_DIR is not defined (target_link_libraries(... jh_vectors))"
#endif

static inline FILE *vectors_open(const char *name) {
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", VECTORS_DIR, name);
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        perror(path);
        abort();
    }
    return f;
}

static inline bool vectors_next(FILE *f, uint64_t *ret, size_t count) {
    char line[512];
    while (fgets(line, sizeof line, f) != NULL) {
        char *at = line;
        size_t got = 0;
        line[strcspn(line, "#\n")] = '\0';
        for (char *end = at; got <= count; at = end) {
            uint64_t number = strtoull(at, &end, 10);
            if (end == at) {
                break;
            }
            if (got < count) {
                ret[got] = number;
            }
            got++;
        }
        if (got > 0) {
            return EXPECT_EQ_UINT(count, got);
        }
    }
    return false;
}

#endif
