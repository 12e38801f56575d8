#include "config/config_suggest.h"

#include <string.h>

enum { WORD_MAX = 64, DISTANCE_MAX = 2 };

static unsigned least(unsigned a, unsigned b, unsigned c) {
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

unsigned config_distance(const char *a, const char *b, unsigned limit) {
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
            unsigned cost = a[i - 1] != b[j - 1];
            now[j] = least(before[j] + 1, now[j - 1] + 1, before[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                earlier[j - 2] + 1 < now[j]) {
                now[j] = earlier[j - 2] + 1;
            }
        }
    }
    unsigned distance = rows[n % 3][m];
    return distance > limit ? limit + 1 : distance;
}

void config_nearest_try(struct config_nearest *n, const char *word, const char *candidate) {
    // in a short word two changes leave little of it
    size_t len = strlen(word);
    unsigned limit = len < 3 ? 0 : len < 5 ? 1 : DISTANCE_MAX;
    unsigned distance = config_distance(word, candidate, limit);
    if (distance > limit || distance == 0) {
        return;
    }
    if (n->best == NULL || distance < n->distance) {
        *n = (struct config_nearest){candidate, distance, false};
    } else if (distance == n->distance && strcmp(n->best, candidate) != 0) {
        n->tie = true;
    }
}

const char *config_nearest_word(const struct config_nearest *n) {
    return n->tie ? NULL : n->best;
}

// ---- keys

struct homes {
    const char *key;
    char path[128]; /* of the section under way */
    size_t len;
    struct buf *found; /* the sections that have it */
    unsigned count;
};

static void look_for_home(struct homes *h, const struct config_table *table);

static void enter(struct homes *h, const struct config_field *field) {
    static const char *const suffixes[CONFIG_KIND_COUNT] = {
        [CONFIG_NAMED] = ".<name>", [CONFIG_LIST] = "[]"};
    size_t before = h->len;
    const char *suffix = suffixes[field->kind] == NULL ? "" : suffixes[field->kind];
    size_t need = strlen(field->key) + strlen(suffix) + 1;
    if (before + need >= sizeof(h->path)) {
        return;
    }
    for (const char *part[] = {before == 0 ? "" : ".", field->key, suffix, NULL}, **p = part;
         *p != NULL; p++) {
        size_t len = strlen(*p);
        memcpy(h->path + h->len, *p, len);
        h->len += len;
    }
    h->path[h->len] = '\0';
    look_for_home(h, field->table);
    h->len = before;
    h->path[before] = '\0';
}

static void look_for_home(struct homes *h, const struct config_table *table) {
    if (config_table_field(table, h->key) != NULL && h->count++ < 3) {
        buf_str(h->found, h->count == 1 ? "" : " or ");
        buf_str(h->found, h->len == 0 ? "the top level" : h->path);
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->fields[i].table != NULL) {
            enter(h, &table->fields[i]);
        }
    }
}

void config_suggest_key(const struct config_table *table, const char *key, struct buf *out) {
    struct config_nearest nearest = {0};
    for (size_t i = 0; i < table->count; i++) {
        config_nearest_try(&nearest, key, table->fields[i].key);
    }
    const char *word = config_nearest_word(&nearest);
    if (word != NULL) {
        buf_printf(out, "; did you mean \"%s\"?", word);
        return;
    }
    struct buf homes = {0};
    struct homes h = {.key = key, .found = &homes};
    look_for_home(&h, &config_root);
    if (h.count >= 1 && h.count <= 3 && !homes.failed) {
        buf_printf(out, "; it belongs to %s", homes.data);
    }
    buf_free(&homes);
}
