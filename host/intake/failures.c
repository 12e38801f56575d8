#include "intake/failures.h"

#include <string.h>

void failures_init(struct failures *f, uint64_t seed) {
    memset(f, 0, sizeof *f);
    f->seed = seed;
}

static uint64_t mix(uint64_t h, const void *data, size_t len) {
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
        h ^= h >> 29;
    }
    return h;
}

uint64_t failures_who(const struct failures *f, const char *hook, const char *peer) {
    struct ip ip;
    uint64_t h = mix(f->seed, hook, strlen(hook) + 1);
    if (ip_parse(peer, strlen(peer), &ip)) {
        h = mix(h, ip.b, ip_is_v4(&ip) ? sizeof ip.b : sizeof ip.b / 2);
    } else {
        h = mix(h, peer, strlen(peer));
    }
    h *= UINT64_C(0x9e3779b97f4a7c15);
    h ^= h >> 32;
    return h == 0 ? 1 : h;
}

static struct failure *row_of(const struct failures *f, uint64_t who) {
    return (struct failure *)(uintptr_t)f->table[who % FAILURES_SETS];
}

static int is_over(const struct failure *row, int64_t now_ms) {
    return row->who == 0 || now_ms - row->since_ms >= FAILURES_WINDOW_MS;
}

/* Its own place, or one that is free, or that of the one that has failed least. */
static struct failure *place_of(struct failures *f, uint64_t who, int64_t now_ms) {
    struct failure *row = row_of(f, who), *place = &row[0];
    for (unsigned i = 0; i < FAILURES_WAYS; i++) {
        if (row[i].who == who) {
            return &row[i];
        }
        if (is_over(&row[i], now_ms)) {
            row[i].count = 0;
        }
        place = row[i].count < place->count ? &row[i] : place;
    }
    return place;
}

void failures_add(struct failures *f, uint64_t who, int64_t now_ms) {
    struct failure *place = place_of(f, who, now_ms);
    if (place->who != who || is_over(place, now_ms)) {
        *place = (struct failure){.who = who, .since_ms = now_ms};
    }
    place->count++;
    f->last_ms = now_ms == 0 ? 1 : now_ms;
}

int64_t failures_wait_ms(const struct failures *f, uint64_t who, int64_t limit, int64_t now_ms) {
    const struct failure *row = row_of(f, who);
    for (unsigned i = 0; i < FAILURES_WAYS && limit > 0; i++) {
        if (row[i].who == who && row[i].count >= limit && !is_over(&row[i], now_ms)) {
            return row[i].since_ms + FAILURES_WINDOW_MS - now_ms;
        }
    }
    return 0;
}
