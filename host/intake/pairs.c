#include "intake/pairs.h"

bool pairs_next(struct bytes *rest, bool *ret_more, struct bytes *ret_name,
                struct bytes *ret_value) {
    const char *p = rest->data;
    const char *comma = rest->len == 0 ? NULL : memchr(p, ',', rest->len);
    size_t len = comma == NULL ? rest->len : (size_t)(comma - p);
    const char *equals = len == 0 ? NULL : memchr(p, '=', len);
    *ret_more = comma != NULL;
    if (comma != NULL) {
        *rest = (struct bytes){comma + 1, rest->len - len - 1};
    }
    if (equals == NULL || equals == p || memchr(p, ' ', len) != NULL) {
        return false;
    }
    *ret_name = (struct bytes){p, (size_t)(equals - p)};
    *ret_value = (struct bytes){equals + 1, len - ret_name->len - 1};
    return true;
}

size_t pairs_count(struct bytes value, const char *name) {
    const struct bytes want = {name, strlen(name)};
    size_t count = 0;
    for (bool more = true; more;) {
        struct bytes key, text;
        count += pairs_next(&value, &more, &key, &text) && bytes_equal(key, want);
    }
    return count;
}
