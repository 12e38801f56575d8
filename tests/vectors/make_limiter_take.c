// Prints tests/vectors/limiter_take.txt: windows, paces and what answers tell, at the edges of each, and then at random.
#include "limiter_stories.h"

#define BIG ((INT64_C(1) << 53) - 1)

static struct limiter_rules moving(int64_t rate, int64_t per) {
    return (struct limiter_rules){
        .rate = rate, .per_ms = per, .window = LIMITER_WINDOW_MOVING, .lease_ms = 30000};
}

static struct limiter_rules fixed(int64_t rate, int64_t per) {
    return (struct limiter_rules){
        .rate = rate, .per_ms = per, .window = LIMITER_WINDOW_FIXED, .lease_ms = 30000};
}

static struct limiter_rules pace(int64_t rate, int64_t per, int64_t burst) {
    return (struct limiter_rules){.rate = rate, .per_ms = per, .burst = burst, .lease_ms = 30000};
}

static void tell_hint(int64_t now, uint64_t id, struct limiter_hint hint) {
    tell(OP_ANSWERED, now, id, 0, hint);
}

// A slot is not free a millisecond before its window is over.
static void tell_edges(const char *title, struct limiter_rules rules) {
    int64_t per = rules.per_ms;
    begin(title, rules);
    take(NOW, 1, 1);
    take(NOW, 2, 1); // held counts
    answered(NOW, 1);
    int64_t ends = rules.window == LIMITER_WINDOW_FIXED ? (NOW / per + 1) * per : NOW + per + 1;
    take(NOW + 1, 2, 1);
    take(ends - 1, 2, 1);
    take(ends, 2, 1);
    take(ends, 3, 1);
    tell(OP_GIVE_BACK, ends, 2, 0, LIMITER_HINT_NONE);
    take(ends, 3, 1);
}

static void tell_windows(void) {
    tell_edges("1 in 1 ms", moving(1, 1));
    tell_edges("1 in 2 ms", moving(1, 2));
    tell_edges("1 a second", moving(1, 1000));
    tell_edges("1 in 24 h", moving(1, DAY));
    tell_edges("1 in 366 days", moving(1, 366 * DAY));
    tell_edges("fixed: 1 in 1 ms", fixed(1, 1));
    tell_edges("fixed: 1 a minute", fixed(1, 60000));
    tell_edges("fixed: 1 in 24 h", fixed(1, DAY));

    begin("n: none, too many, all, more than are left", moving(3, 1000));
    take(NOW, 1, 0);
    take(NOW, 1, 4);
    take(NOW, 1, BIG);
    take(NOW, 1, 2);
    take(NOW, 2, 2);
    take(NOW, 2, 1);
    take(NOW, 2, 1); // again: it has been granted
    answered(NOW + 5, 1);
    answered(NOW + 9, 2);
    answered(NOW + 9, 2); // it holds nothing any more
    take(NOW + 10, 3, 1);
    take(NOW + 10, 3, 2);
    take(NOW + 10, 3, 3);
    take(NOW + 1005, 3, 1);
    take(NOW + 1006, 3, 2);
    take(NOW + 1006, 4, 1);
    take(NOW + 1010, 4, 1);

    begin("a window begins with the answer", moving(1, 1000));
    take(NOW, 1, 1);
    take(NOW + 1000, 2, 1);
    take(NOW + 20000, 2, 1);
    answered(NOW + 20000, 1);
    take(NOW + 21000, 2, 1);
    take(NOW + 21001, 2, 1);

    begin("a lease that ends counts as an answer", moving(1, 1000));
    take(NOW, 1, 1);
    take(NOW + 29999, 2, 1);
    take(NOW + 30000, 2, 1);
    take(NOW + 31000, 2, 1);
    take(NOW + 31001, 2, 1);
    tell(OP_RENEW, NOW + 60000, 2, 0, LIMITER_HINT_NONE);
    tell(OP_RENEW, NOW + 61001, 2, 0, LIMITER_HINT_NONE); // renewed until then
    tell(OP_RENEW, NOW + 91001, 2, 0, LIMITER_HINT_NONE);
    answered(NOW + 91001, 2);
    take(NOW + 200000, 3, 1);

    begin("a lease of an hour ago", moving(1, 1000));
    take(NOW, 1, 1);
    take(NOW + 3600000, 2, 1);
}

static void tell_clocks(void) {
    begin("the clock goes back: what was taken counts, for no longer than a window",
          moving(2, 1000));
    take(NOW, 1, 1);
    take(NOW, 2, 1);
    answered(NOW, 1);
    take(NOW - 3600000, 3, 1);
    take(NOW - 3600000 + 1000, 3, 1);
    take(NOW - 3600000 + 1001, 3, 1);
    take(NOW - 3600000 + 1001, 4, 1);
    take(NOW - 3600000 + 30000, 4, 1); // the lease too
    take(NOW - 3600000 + 31001, 4, 1);

    begin("fixed, and it goes back into the window before", fixed(1, 60000));
    take(NOW, 1, 1);
    answered(NOW, 1);
    take(NOW - 1, 2, 1);
    take(NOW, 2, 1);
    take(NOW + 60000, 3, 1);

    begin("a pace, and it goes back", pace(1, 1000, 2));
    take(NOW, 1, 2);
    take(NOW - DAY, 2, 1);
    take(NOW - DAY + 1000, 2, 1);

    begin("closed, and it goes back", moving(1, 1000));
    tell(OP_CLOSE, NOW, 0, NOW + 2 * DAY, LIMITER_HINT_NONE);
    take(NOW - 10 * DAY, 1, 1);
    take(NOW - 9 * DAY, 1, 1);

    begin("it leaps ahead by a year", moving(1, 1000));
    take(NOW, 1, 1);
    take(NOW + 365 * DAY, 2, 1);
}

static void tell_paces(void) {
    begin("a burst, then one a second", pace(60, 60000, 3));
    take(NOW, 1, 4);
    take(NOW, 1, 2);
    take(NOW, 2, 2);
    take(NOW, 2, 1);
    take(NOW, 3, 1);
    take(NOW + 999, 3, 1);
    take(NOW + 1000, 3, 1);
    take(NOW + 1000, 4, 3);
    take(NOW + 3999, 4, 3);
    take(NOW + 4000, 4, 3);
    answered(NOW + 4000, 4); // it holds nothing
    take(NOW + DAY, 5, 3);
    take(NOW + DAY, 5, 1);

    begin("no burst is the rate", pace(2, 1000, 0));
    take(NOW, 1, 2);
    take(NOW + 499, 2, 1);
    take(NOW + 500, 2, 1);

    begin("a third of a second, rounded up", pace(3, 1000, 1));
    for (int i = 0; i < 4; i++) {
        take(NOW + i * 333, (uint64_t)i, 1);
        take(NOW + i * 333 + 1, (uint64_t)i, 1);
    }
    begin("1 in 366 days", pace(1, 366 * DAY, 1));
    take(NOW, 1, 1);
    take(NOW + 366 * DAY - 1, 2, 1);
    take(NOW + 366 * DAY, 2, 1);
    begin("a million a second", pace(1000000, 1000, 1000));
    take(NOW, 1, 1000);
    take(NOW, 2, 1);
    take(NOW + 1, 2, 1000);
    take(NOW + 1, 3, 1);
    begin("the most", pace(1000000000, 1000, 1000000000));
    take(NOW, 1, 1000000000);
    take(NOW, 1, BIG);
    take(NOW + 1, 2, 1000);
    take(NOW + 1, 2, 1001);

    struct limiter_rules both = moving(4, 1000);
    both.burst = 2;
    begin("a window with a burst: both hold", both);
    take(NOW, 1, 3);
    take(NOW, 1, 2);
    take(NOW, 2, 1);
    answered(NOW, 1);
    take(NOW + 250, 2, 1);
    answered(NOW + 250, 2);
    take(NOW + 500, 3, 1);
    answered(NOW + 500, 3);
    take(NOW + 750, 4, 1);
    take(NOW + 1001, 4, 2);
    tell(OP_GIVE_BACK, NOW + 1001, 4, 0, LIMITER_HINT_NONE); // the pace keeps it
    take(NOW + 1001, 4, 2);
}

static void tell_answers(void) {
    const struct limiter_hint none = LIMITER_HINT_NONE;
    struct limiter_hint h = none;

    begin("refused, and told for how long", moving(2, 1000));
    take(NOW, 1, 1);
    h.refused = true;
    h.retry_ms = 5000;
    tell_hint(NOW + 10, 1, h);
    take(NOW + 5009, 2, 1);
    take(NOW + 5010, 2, 1);
    h.retry_ms = 0;
    tell_hint(NOW + 5010, 2, h); // a second at least
    h.retry_ms = 400 * DAY;
    tell_hint(NOW + 5010, 99, h); // a day at most, by whom ever
    h.retry_ms = 2000;
    tell_hint(NOW + 5011, 98, h); // never shorter than it was
    tell(OP_OPEN, NOW + 5011, 0, 0, none);
    take(NOW + 5011, 3, 1);

    begin("refused without a time: for a window", moving(2, 10000));
    h = none;
    h.refused = true;
    tell_hint(NOW, 1, h);
    h.reset_ms = 30000;
    tell_hint(NOW, 1, h);
    begin("a minute of a long one", fixed(1000, DAY));
    h = none;
    h.refused = true;
    tell_hint(NOW, 1, h);

    begin("a lower limit of the other side, for a day", moving(60, 60000));
    h = none;
    h.limit = 25;
    tell_hint(NOW, 1, h);
    take(NOW, 1, 26);
    take(NOW, 1, 25);
    take(NOW, 2, 1);
    answered(NOW, 1);
    take(NOW + 60001, 2, 26);
    take(NOW + DAY, 2, 60);
    h.limit = 1000000; // never a higher one
    tell_hint(NOW + DAY, 3, h);
    h.limit = 0;
    tell_hint(NOW + DAY, 3, h);
    h.limit = BIG - 1;
    tell_hint(NOW + DAY, 3, h);

    begin("one's own calls are no others'", moving(10, 1000));
    h = none;
    take(NOW, 1, 1);
    take(NOW, 2, 1);
    take(NOW, 3, 1);
    h.remaining = 7; // it has counted all three
    tell_hint(NOW + 5, 1, h);
    tell_hint(NOW + 5, 2, h);
    h.remaining = 9;
    tell_hint(NOW + 6, 3, h); // overtaken

    begin("what others use, and for how long", moving(10, 1000));
    h = none;
    take(NOW, 1, 1);
    h.remaining = 3;
    tell_hint(NOW, 1, h); // six
    take(NOW, 2, 4);
    take(NOW, 2, 3);
    take(NOW, 3, 1);
    h.remaining = 4; // it falls by one an answer
    tell_hint(NOW + 1, 2, h);
    take(NOW + 1, 3, 1);
    tell_hint(NOW + 2, 3, h);
    take(NOW + 500, 4, 1);
    h.remaining = 0;
    h.reset_ms = 100; // sooner than a window
    tell_hint(NOW + 500, 4, h);
    take(NOW + 599, 5, 1);
    take(NOW + 600, 5, 1);
    take(NOW + 5000, 6, 10);
    h.remaining = BIG - 1;
    h.reset_ms = BIG - 1;
    tell_hint(NOW + 5000, 6, h);
}

int main(void) {
    (void)printf("# limiter_take() of host/core/limiter.h and what goes with it, made by "
                 "make_limiter_take.c\n"
                 "# rate per window burst concurrency lease  op now id n  refused remaining limit "
                 "reset retry"
                 "  verdict part until  limit held settled foreign closed\n");
    tell_windows();
    tell_clocks();
    tell_paces();
    tell_answers();

    begin("more a window than are remembered exactly", moving(1000000, 60000));
    for (int i = 0; i < 8; i++) {
        take(NOW + i * 10, (uint64_t)i, 150000);
        answered(NOW + i * 10 + 5, (uint64_t)i);
    }
    take(NOW + 60100, 9, 150000);
    take(NOW + 60400, 9, 150000);
    begin("at random, moving", moving(5, 1000));
    ramble(1, 400);
    begin("at random, fixed", fixed(7, 300));
    ramble(2, 300);
    struct limiter_rules all = moving(6, 500);
    all.burst = 3;
    all.concurrency = 2;
    all.lease_ms = 700;
    begin("at random, all at once", all);
    ramble(3, 400);
    begin("at random, a pace", pace(7, 1000, 4));
    ramble(4, 150);
    limiter_finish(&story.limiter);
    return 0;
}
