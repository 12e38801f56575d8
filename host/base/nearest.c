#include "base/nearest.h"

#include <ctype.h>
#include <string.h>

enum { WORD_MAX = 64, DISTANCE_MAX = 2 };

static unsigned least(unsigned a, unsigned b, unsigned c) {
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static bool same(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

unsigned nearest_distance(const char *a, const char *b, unsigned limit) {
    size_t n = strlen(a), m = strlen(b);
    if (n > WORD_MAX || m > WORD_MAX || (n > m ? n - m : m - n) > limit) {
        return limit + 1;
    }
    // three rows of the table of distances between beginnings: a swap looks two rows back
    unsigned rows[3][WORD_MAX + 1];
    for (unsigned j = 0; j <= m; j++) {
        rows[0][j] = j;
    }
    for (unsigned i = 1; i <= n; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i - 1) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= m; j++) {
            unsigned cost = !same(a[i - 1], b[j - 1]);
            now[j] = least(before[j] + 1, now[j - 1] + 1, before[j - 1] + cost);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]) &&
                earlier[j - 2] + 1 < now[j]) {
                now[j] = earlier[j - 2] + 1;
            }
        }
    }
    unsigned distance = rows[n % 3][m];
    return distance > limit ? limit + 1 : distance;
}

void nearest_offer(struct nearest *n, const char *candidate) {
    // in a short word two changes leave little of it
    size_t len = strlen(n->word);
    unsigned limit = len < 3 ? 0 : len < 5 ? 1 : DISTANCE_MAX;
    unsigned distance = nearest_distance(n->word, candidate, limit);
    if (distance > limit) {
        return;
    }
    if (n->best == NULL || distance < n->distance) {
        n->best = candidate;
        n->distance = distance;
        n->tie = false;
    } else if (distance == n->distance && strcmp(n->best, candidate) != 0) {
        n->tie = true;
    }
}

const char *nearest_best(const struct nearest *n) {
    return n->tie ? NULL : n->best;
}
