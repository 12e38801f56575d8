#include "core/event_id.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BOOT_DIGITS = 16 };

void event_id_format(const struct event_id *id, char out[EVENT_ID_TEXT + 1]) {
    int n = snprintf(out, EVENT_ID_TEXT + 1, "%016" PRIx64 "-%" PRIu64, id->boot, id->seq);
    if (id->final && n > 0) {
        (void)snprintf(out + n, (size_t)(EVENT_ID_TEXT + 1 - n), "-%" PRIu32, id->rev);
    }
}

int event_id_parse(struct bytes text, struct event_id *ret) {
    char copy[EVENT_ID_TEXT + 1], again[EVENT_ID_TEXT + 1];
    char *rest;
    if (text.len <= BOOT_DIGITS || text.len > EVENT_ID_TEXT) {
        return -EINVAL;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (copy[BOOT_DIGITS] != '-') {
        return -EINVAL;
    }
    struct event_id id = {.boot = strtoull(copy, &rest, 16)};
    id.seq = strtoull(copy + BOOT_DIGITS + 1, &rest, 10);
    if (*rest == '-') {
        id.final = true;
        id.rev = (uint32_t)strtoull(rest + 1, NULL, 10);
    }
    // signs, blanks, capitals, zeros in front, numbers that are too large: not written by us
    event_id_format(&id, again);
    if (strcmp(copy, again) != 0 || strlen(copy) != text.len) {
        return -EINVAL;
    }
    *ret = id;
    return 0;
}
