/* Reading a request: its headers, its path, its query. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "net/path.h"
#include "net/server.h"

unsigned request_header(const struct request *req, const char *name, struct bytes *ret_first) {
    size_t len = strlen(name);
    unsigned count = 0;
    for (size_t i = 0; i < req->header_count; i++) {
        const struct header *h = &req->headers[i];
        if (h->name.len != len || strncasecmp(h->name.data, name, len) != 0) {
            continue;
        }
        if (count++ == 0 && ret_first != NULL) {
            *ret_first = h->value;
        }
    }
    return count;
}

const char *request_query(struct request *req, const char *name) {
    size_t name_len = strlen(name);
    for (const char *p = req->query; p != NULL;) {
        const char *end = strchr(p, '&');
        size_t len = end == NULL ? strlen(p) : (size_t)(end - p);
        const char *equals = memchr(p, '=', len);
        size_t key_len = equals == NULL ? len : (size_t)(equals - p);
        char *key = path_decode(&req->arena, p, key_len, true);
        if (key != NULL && strlen(key) == name_len && memcmp(key, name, name_len) == 0) {
            return equals == NULL ? ""
                                  : path_decode(&req->arena, equals + 1, len - key_len - 1, true);
        }
        p = end == NULL ? NULL : end + 1;
    }
    return NULL;
}
