#include "core/lease.h"

#include <stddef.h>

enum {
    BEATS = 3,       /* in a lease, while jobs are in hand                       */
    RETRY_PART = 12, /* of a lease: after a beat that failed                     */
    RETRY_IDLE_MS = 10000,
    LATE_PART = 12,  /* of a lease: so late may a look be                        */
    SPARE_PART = 8,  /* of a lease: a jump's beat has so long to be answered      */
    SPREAD_PART = 8, /* of a lease: over which hosts spread their looks           */
    SPREAD_MAX_MS = 2000,
};

const char *lease_state_name(enum lease_state state) {
    static const char *const names[] = {"held", "doubted", "fading", "lost"};
    return (unsigned)state <= LEASE_LOST ? names[state] : NULL;
}

void lease_init(struct lease *l, int64_t lease_ms, int64_t idle_ms, int64_t wall_ms, int64_t now) {
    *l = (struct lease){.lease_ms = lease_ms,
                        .idle_ms = idle_ms,
                        .sure_ms = now,
                        .beat_ms = now,
                        .skew_ms = wall_ms - now};
}

void lease_take(struct lease *l, int64_t now) {
    l->busy = true;
    l->sure_ms = now;
    l->spare_ms = now;
    l->looked_ms = now;
}

void lease_rest(struct lease *l) {
    l->busy = false;
}

void lease_beaten(struct lease *l, bool ok, bool busy, int64_t posted, int64_t now) {
    if (!ok) {
        l->again_ms = now + (l->busy ? l->lease_ms / RETRY_PART : RETRY_IDLE_MS);
        return;
    }
    l->beat_ms = posted;
    l->beat_busy = busy;
    l->again_ms = posted;
    l->doubted = false;
    l->spare_ms = posted;
    l->sure_ms = posted > l->sure_ms ? posted : l->sure_ms;
}

void lease_hurry(struct lease *l, int64_t now) {
    l->again_ms = l->again_ms > now ? now : l->again_ms;
}

/* How long the machine slept is not known for sure, so half of the lease counts as gone: the host
 * keeps its jobs only if a beat says so soon. */
bool lease_look(struct lease *l, int64_t wall_ms, int64_t now) {
    int64_t skew = wall_ms - now, sure = now - l->lease_ms / 2;
    bool jumped = skew - l->skew_ms > l->lease_ms / 4;
    bool stood = l->busy && now - l->looked_ms > l->lease_ms / BEATS + l->lease_ms / LATE_PART;
    l->skew_ms = skew;
    l->looked_ms = now;
    if (!jumped && !stood) {
        return false;
    }
    l->doubted = true;
    l->again_ms = now;
    if (l->sure_ms > sure || stood) {
        l->spare_ms = now + l->lease_ms / SPARE_PART;
    }
    if (jumped && l->sure_ms > sure) {
        l->sure_ms = sure;
    }
    return true;
}

enum lease_state lease_state(const struct lease *l, int64_t now) {
    if (!l->busy || now < l->sure_ms + l->lease_ms / 2) {
        return LEASE_HELD;
    }
    if (now >= l->sure_ms + l->lease_ms) {
        return LEASE_LOST;
    }
    return now < l->spare_ms ? LEASE_DOUBTED : LEASE_FADING;
}

int64_t lease_next_change(const struct lease *l, int64_t now) {
    const int64_t changes[] = {l->sure_ms + l->lease_ms / 2, l->spare_ms, l->sure_ms + l->lease_ms};
    int64_t next = INT64_MAX;
    for (unsigned i = 0; l->busy && i < sizeof changes / sizeof changes[0]; i++) {
        next = changes[i] > now && changes[i] < next ? changes[i] : next;
    }
    return next;
}

int64_t lease_next_beat(const struct lease *l) {
    int64_t beat = l->lease_ms / BEATS, due;
    if (l->doubted) {
        due = l->again_ms;
    } else if (l->busy) {
        due = l->sure_ms + beat;
    } else {
        due = l->beat_ms + (l->beat_busy ? beat : l->idle_ms);
    }
    return due < l->again_ms ? l->again_ms : due;
}

int64_t lease_span(const struct lease *l) {
    return l->busy ? l->lease_ms : l->idle_ms * 5 / 2;
}

int64_t lease_takeover_at(int64_t lease_ms, int64_t end_ms, int64_t looked_ms, uint32_t random) {
    int64_t spread = lease_ms / SPREAD_PART;
    spread = spread > SPREAD_MAX_MS ? SPREAD_MAX_MS : spread;
    int64_t at = end_ms + (spread > 0 ? random % spread : 0);
    int64_t earliest = looked_ms == 0 ? 0 : looked_ms + lease_ms / 2;
    return at < earliest ? earliest : at;
}
