#include "base/nearest.h"

#include <ctype.h>
#include <string.h>

enum { WORD_MAX = 64 };

static size_t min3(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Insertions, deletions, replacements and swaps of neighbours, letter case ignored. Both words fit WORD_MAX. */
static size_t edits(const char *a, const char *b) {
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    size_t a_len = strlen(a), b_len = strlen(b);
    for (size_t j = 0; j <= b_len; j++) {
        last[j] = j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= a_len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < now[j]) {
                now[j] = before[j - 2] + 1;
            }
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b_len];
}

void nearest_offer(struct nearest *n, const char *candidate) {
    if (strlen(n->word) > WORD_MAX || strlen(candidate) > WORD_MAX) {
        return;
    }
    size_t distance = edits(n->word, candidate);
    if (n->best == NULL || distance < n->distance) {
        n->best = candidate;
        n->distance = distance;
    }
}

const char *nearest_best(const struct nearest *n) {
    size_t len = strlen(n->word);
    size_t allowed = len <= 4 ? 1 : len / 3;
    return n->best != NULL && n->distance <= allowed ? n->best : NULL;
}
