#include "core/id.h"

#include <errno.h>
#include <stddef.h>

#define COUNTER_BITS 21
#define COUNTER_MAX  ((1u << COUNTER_BITS) - 1)
#define MS_MASK      ((INT64_C(1) << 42) - 1)

// Layout of the 21 counter bits and the 53 random ones in the two halves of the id:
//   high  48 ms | 4 version | 12 counter, its upper bits
//   low   2 variant | 9 counter, its lower bits | 53 random
#define LOW_COUNTER_BITS 9
#define RANDOM_BITS      53

// splitmix64: one step of a sequence that visits every 64-bit number once.
static uint64_t mix_next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void put_be64(uint8_t *p, uint64_t v) {
    for (int i = 7; i >= 0; i--) {
        p[i] = (uint8_t)v;
        v >>= 8;
    }
}

static uint64_t get_be64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

void id_gen_init(struct id_gen *gen, uint64_t seed) {
    *gen = (struct id_gen){.mix = seed};
}

struct job_id id_next(struct id_gen *gen, int64_t now_ms) {
    if (now_ms > gen->last_ms) {
        gen->last_ms = now_ms;
        gen->counter = (uint32_t)(mix_next(&gen->mix) & (COUNTER_MAX >> 1));
    } else if (gen->counter < COUNTER_MAX) {
        gen->counter++;
    } else {
        gen->last_ms++;
        gen->counter = 0;
    }
    uint64_t counter_low = gen->counter & ((1u << LOW_COUNTER_BITS) - 1);
    uint64_t random = mix_next(&gen->mix) >> (64 - RANDOM_BITS);
    struct job_id id;
    put_be64(id.b,
             (uint64_t)gen->last_ms << 16 | UINT64_C(7) << 12 | gen->counter >> LOW_COUNTER_BITS);
    put_be64(id.b + 8, UINT64_C(2) << 62 | counter_low << RANDOM_BITS | random);
    return id;
}

int64_t id_order(const struct job_id *id) {
    uint64_t high = get_be64(id->b);
    uint64_t low = get_be64(id->b + 8);
    int64_t counter = (int64_t)((high & 0xfff) << LOW_COUNTER_BITS |
                                (low >> RANDOM_BITS & ((1u << LOW_COUNTER_BITS) - 1)));
    return ((int64_t)(high >> 16) & MS_MASK) << COUNTER_BITS | counter;
}

int64_t id_order_ms(int64_t order) {
    return order >> COUNTER_BITS;
}

int64_t id_time_ms(const struct job_id *id) {
    return (int64_t)(get_be64(id->b) >> 16);
}

uint64_t id_seed(const struct job_id *id) {
    uint64_t state = get_be64(id->b) ^ get_be64(id->b + 8);
    return mix_next(&state);
}

static const uint8_t dash_after[16] = {[3] = 1, [5] = 1, [7] = 1, [9] = 1};

void id_format(const struct job_id *id, char out[JOB_ID_TEXT + 1]) {
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (size_t i = 0; i < sizeof id->b; i++) {
        *p++ = hex[id->b[i] >> 4];
        *p++ = hex[id->b[i] & 15];
        if (dash_after[i]) {
            *p++ = '-';
        }
    }
    *p = '\0';
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int id_parse(const char *text, struct job_id *ret_id) {
    struct job_id id;
    const char *p = text;
    for (size_t i = 0; i < sizeof id.b; i++) {
        int high = hex_value(p[0]);
        int low = high == -1 ? -1 : hex_value(p[1]);
        if (low == -1) {
            return -EINVAL;
        }
        id.b[i] = (uint8_t)(high << 4 | low);
        p += 2;
        if (dash_after[i] && *p++ != '-') {
            return -EINVAL;
        }
    }
    if (*p != '\0' || id.b[6] >> 4 != 7 || id.b[8] >> 6 != 2) {
        return -EINVAL;
    }
    *ret_id = id;
    return 0;
}
