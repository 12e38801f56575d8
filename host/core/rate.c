#include "core/rate.h"

static uint64_t key_of(const struct rates *r, const void *name, size_t len) {
    const uint8_t *p = name;
    uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ r->seed; // FNV-1a, then stirred
    for (size_t i = 0; i < len; i++) {
        sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
    }
    sum = (sum ^ sum >> 32 ^ r->seed) * UINT64_C(0x9e3779b97f4a7c15);
    sum ^= sum >> 29;
    return sum == 0 ? 1 : sum;
}

static const struct rate_place *find(const struct rates *r, uint64_t key) {
    const struct rate_place *set = r->places[key % RATE_SETS];
    for (int i = 0; i < RATE_WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
    }
    return NULL;
}

// Its place, or the one that it takes.
static struct rate_place *place_of(struct rates *r, uint64_t key) {
    struct rate_place *set = r->places[key % RATE_SETS], *least = &set[0];
    for (int i = 0; i < RATE_WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
        if (set[i].full_us < least->full_us) {
            least = &set[i];
        }
    }
    *least = (struct rate_place){.key = key};
    return least;
}

// What is missing of the burst is what has to come back until it is whole.
static int64_t wait_us(const struct rate_place *p, const struct rate_rule *rule, int64_t now_us) {
    int64_t full = p == NULL || p->full_us < now_us ? now_us : p->full_us;
    int64_t over = full + rule->every_us - (now_us + rule->burst * rule->every_us);
    return over > 0 ? over : 0;
}

int64_t rate_look(const struct rates *r, const void *name, size_t len, const struct rate_rule *rule,
                  int64_t now_us) {
    return wait_us(find(r, key_of(r, name, len)), rule, now_us);
}

int64_t rate_take(struct rates *r, const void *name, size_t len, const struct rate_rule *rule,
                  int64_t now_us) {
    struct rate_place *p = place_of(r, key_of(r, name, len));
    int64_t wait = wait_us(p, rule, now_us);
    if (wait == 0) {
        p->full_us = (p->full_us < now_us ? now_us : p->full_us) + rule->every_us;
    }
    return wait;
}
