// Prints tests/vectors/priority_split.txt: every combination of empty, young and aged bands, at the edges of portions and turns.
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/bytes.h"
#include "core/priority.h"

#define NOW   INT64_C(1795254000000)
#define AGED  (NOW - PRIORITY_AGED_MS)
#define AHEAD (NOW + 5) /* the clock stepped back */

static const uint32_t portions[] = {0, 1, 3, 4, 5, 64, 1000003};
static const uint64_t turns[] = {
    0, 1, 3, 4, 6, 7, 999, 1004, (UINT64_C(1) << 53) + 5, UINT64_MAX - 8, UINT64_MAX};

static void print(uint32_t n, const int64_t head[PRIORITY_COUNT], uint64_t turn) {
    uint32_t take[PRIORITY_COUNT];
    priority_split(n, head, turn, NOW, take);
    (void)printf("%" PRIu32 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRIu64 " %" PRId64 "  %" PRIu32
                 " %" PRIu32 " %" PRIu32 "\n",
                 n, head[0], head[1], head[2], turn, NOW, take[0], take[1], take[2]);
}

static void print_all(int64_t high, int64_t normal, int64_t low) {
    const int64_t head[PRIORITY_COUNT] = {high, normal, low};
    bool aged = normal == AGED || low == AGED; // else the turn makes no difference: one will do
    for (size_t p = 0; p < ARRAY_LEN(portions); p++) {
        for (size_t t = 0; t < (aged ? ARRAY_LEN(turns) : 1); t++) {
            print(portions[p], head, turns[t]);
        }
    }
}

int main(void) {
    static const int64_t heads[] = {0, AGED, AGED + 1};
    (void)printf("# priority_split() of host/core/priority.h, made by make_priority_split.c\n"
                 "# n head_high head_normal head_low turn now  high normal low\n");
    for (size_t i = 0; i < 27; i++) {
        print_all(heads[i % 3], heads[i / 3 % 3], heads[i / 9]);
    }
    print_all(AHEAD, AGED, AHEAD);
    print_all(NOW, AHEAD, AGED);
    print_all(0, AHEAD, AHEAD);
    return 0;
}
