// Traffic against conversion, of the last period.
#include "analyse.h"

enum { POINTS = 150 };

static int read_sums(struct analysis *a, struct quadrants *q) {
    int rc = query_begin(a,
                         "SELECT quadrant, count(*), sum(sessions), sum(units), sum(sales) FROM "
                         "latest WHERE quadrant IS NOT NULL GROUP BY quadrant",
                         NULL, 0);
    while (rc == 0 && (rc = query_next(a)) > 0) {
        struct quadrant_sum *s = &q->sums[query_int(a, 0)];
        rc = 0;
        s->products = query_int(a, 1);
        s->sessions = query_int(a, 2);
        s->units = query_int(a, 3);
        s->sales = query_int(a, 4);
    }
    query_end(a);
    return rc;
}

static int read_points(struct analysis *a, struct quadrants *q) {
    const int64_t limit = POINTS;
    q->points = pool_array(&a->report->pool, POINTS, sizeof *q->points);
    if (q->points == NULL) {
        return trouble_no_memory(a->trouble);
    }
    int rc = query_begin(a,
                         "SELECT key, title, sessions, units, sales, quadrant FROM latest WHERE "
                         "quadrant IS NOT NULL ORDER BY sessions DESC, key LIMIT ?1",
                         &limit, 1);
    while (rc == 0 && (rc = query_next(a)) > 0) {
        struct scatter_point *p = &q->points[q->point_count++];
        rc = 0;
        p->key = query_text(a, 0);
        p->title = query_text(a, 1);
        p->sessions = query_int(a, 2);
        p->conversion_ppm = number_ratio(query_int(a, 3), p->sessions, 1000000);
        p->sales = query_int(a, 4);
        p->in = (enum quadrant)query_int(a, 5);
    }
    query_end(a);
    return rc;
}

int analyse_quadrants(struct analysis *a) {
    struct business *b = &a->report->business;
    struct quadrants *q = &b->quadrants;
    q->conversion_ppm = b->periods[b->period_count - 1].is.conversion_ppm;
    if (query_one(a, "SELECT min(sessions) FROM latest WHERE quadrant < 2", NULL, 0,
                  &q->sessions_from) < 0 ||
        read_sums(a, q) < 0) {
        return -1;
    }
    return read_points(a, q);
}
