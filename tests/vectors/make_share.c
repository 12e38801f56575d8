// Prints tests/vectors/share.txt: tags before, at and behind the time, and each other; weights that divide the unit, do not, and are none.
#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "share_vectors.h"

#define NOW UINT64_C(55440000)
#define FAR (UINT64_C(1) << 52)

static const uint64_t weights[] = {0, 1, 2, 7, 13, 1000, 1001};

static void print(const uint64_t in[SHARE_V_IN]) {
    uint64_t out[SHARE_V_OUT];
    share_vector_run(in, out);
    for (size_t i = 0; i < SHARE_V_IN; i++) {
        (void)printf("%" PRIu64 " ", in[i]);
    }
    for (size_t i = 0; i < SHARE_V_OUT; i++) {
        (void)printf(" %" PRIu64, out[i]);
    }
    (void)printf("\n");
}

static void print_all(uint64_t op, uint64_t base) {
    const uint64_t tags[] = {base - base / 2, base, base + SHARE_UNIT / 3, base + SHARE_UNIT};
    for (size_t f = 0; f < ARRAY_LEN(tags); f++) {
        for (size_t g = 0; g < ARRAY_LEN(tags); g++) {
            for (size_t w = 0; w < ARRAY_LEN(weights); w++) {
                print((uint64_t[]){op, base, tags[g > f ? g : f], 40, tags[f], f + 3, weights[w],
                                   tags[g], g + 3 + (w & 1)});
            }
        }
    }
}

int main(void) {
    (void)printf(
        "# core/share.h, made by make_share.c; tests/vectors/share_vectors.h has the columns\n"
        "# " SHARE_V_COLUMNS "\n");
    for (uint64_t op = 0; op < SHARE_V_OPS; op++) {
        print_all(op, 0);
        print_all(op, NOW);
        print_all(op, FAR);
    }
    return 0;
}
