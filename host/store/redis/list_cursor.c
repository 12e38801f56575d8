#include "store/redis/list_cursor.h"

#include <inttypes.h>
#include <string.h>

// Up to 16 digits, at most INT64_MAX.
static bool take_number(const char **text, int64_t *ret) {
    static const char digits[] = "0123456789abcdef";
    uint64_t n = 0;
    size_t len = strspn(*text, digits);
    for (size_t i = 0; i < len; i++) {
        n = n << 4 | (uint64_t)(strchr(digits, (*text)[i]) - digits);
    }
    *text += len;
    *ret = (int64_t)n;
    return len > 0 && len <= 16 && n <= INT64_MAX;
}

static bool take_dash(const char **text) {
    bool is = **text == '-';
    *text += is;
    return is;
}

bool redis_cursor_parse(const char *text, struct redis_cursor *ret) {
    *ret = (struct redis_cursor){.spot = {INT64_MAX, INT64_MAX}, .below = INT64_MAX};
    if (text == NULL) {
        return true;
    }
    const char *p = text + (*text != '\0');
    if (*text == 'i') {
        ret->narrow = true;
        return take_number(&p, &ret->spot.order) && *p == '\0';
    }
    bool good = *text == 'w' && take_number(&p, &ret->spot.ms) && take_dash(&p) &&
                take_number(&p, &ret->spot.order);
    if (good && take_dash(&p)) {
        good = take_number(&p, &ret->below);
    }
    return good && *p == '\0';
}

const char *redis_cursor_text(const struct redis_cursor *c, struct arena *a) {
    if (c->narrow) {
        return arena_printf(a, "i%" PRIx64, (uint64_t)c->spot.order);
    }
    return c->below == INT64_MAX
               ? arena_printf(a, "w%" PRIx64 "-%" PRIx64, (uint64_t)c->spot.ms,
                              (uint64_t)c->spot.order)
               : arena_printf(a, "w%" PRIx64 "-%" PRIx64 "-%" PRIx64, (uint64_t)c->spot.ms,
                              (uint64_t)c->spot.order, (uint64_t)c->below);
}
