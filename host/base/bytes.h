/* A borrowed run of bytes with its length; never NUL-terminated by contract. */
#ifndef JOBHOST_BASE_BYTES_H
#define JOBHOST_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct bytes {
    const void *data; /* NULL only when len is 0 */
    size_t len;
};

static inline struct bytes bytes_of(const char *text) {
    return (struct bytes){text, text == NULL ? 0 : strlen(text)};
}

static inline bool bytes_equal(struct bytes a, struct bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Without the blanks, tabs and line ends at both ends (a NUL is none of them). */
static inline struct bytes bytes_trim(struct bytes text) {
    static const char blanks[] = " \t\r\n";
    const char *p = text.data;
    size_t len = text.len;
    while (len > 0 && memchr(blanks, p[len - 1], sizeof blanks - 1) != NULL) {
        len--;
    }
    while (len > 0 && memchr(blanks, *p, sizeof blanks - 1) != NULL) {
        p++;
        len--;
    }
    return (struct bytes){p, len};
}

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* From a member's address to its struct. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
