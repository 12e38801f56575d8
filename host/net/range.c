#include "net/range.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Digits at *at: their value (clamped) and whether there were any. */
static bool take_number(struct bytes *text, uint64_t *ret) {
    const char *s = text->data;
    size_t n = 0;
    uint64_t v = 0;
    while (n < text->len && s[n] >= '0' && s[n] <= '9') {
        v = v > UINT64_MAX / 10 - 1 ? UINT64_MAX / 10 : v * 10 + (uint64_t)(s[n] - '0');
        n++;
    }
    *text = (struct bytes){s + n, text->len - n};
    *ret = v;
    return n > 0;
}

enum range_kind range_parse(struct bytes header, uint64_t size, struct range *ret) {
    static const char unit[] = "bytes=";
    if (header.len < sizeof unit - 1 || strncasecmp(header.data, unit, sizeof unit - 1) != 0) {
        return RANGE_NONE;
    }
    struct bytes text = {(const char *)header.data + sizeof unit - 1, header.len - sizeof unit + 1};
    uint64_t first, last;
    bool has_first = take_number(&text, &first);
    if (text.len == 0 || *(const char *)text.data != '-') {
        return RANGE_NONE;
    }
    text = (struct bytes){(const char *)text.data + 1, text.len - 1};
    bool has_last = take_number(&text, &last);
    if (text.len != 0 || (!has_first && !has_last) || (has_first && has_last && last < first)) {
        return RANGE_NONE;
    }
    if (!has_first) { // the last so many bytes
        first = last >= size ? 0 : size - last;
        if (last == 0) {
            return RANGE_UNSATISFIABLE;
        }
        last = size;
    }
    if (first >= size) {
        return RANGE_UNSATISFIABLE;
    }
    if (!has_last || last >= size) {
        last = size - 1;
    }
    *ret = (struct range){first, last - first + 1};
    return RANGE_PART;
}
