// Prints tests/vectors/concurrency_take.txt: what may be under way at once, leases and their ends.
#include "limiter_stories.h"

static struct limiter_rules at_once(int64_t concurrency, int64_t lease) {
    return (struct limiter_rules){.concurrency = concurrency, .lease_ms = lease};
}

static void tell_leases(const char *title, int64_t lease) {
    begin(title, at_once(2, lease));
    take(NOW, 1, 1);
    take(NOW, 2, 1);
    take(NOW, 3, 1);
    tell(OP_RENEW, NOW, 2, 0, LIMITER_HINT_NONE);
    take(NOW + lease - 1, 3, 1);
    tell(OP_RENEW, NOW + lease - 1, 2, 0, LIMITER_HINT_NONE);
    take(NOW + lease, 3, 1);
    answered(NOW + lease, 1); // too late
    take(NOW + lease, 4, 1);
    take(NOW + 2 * lease - 1, 4, 2);
    take(NOW + 2 * lease, 4, 2);
    take(NOW + 9 * lease, 5, 2);
}

int main(void) {
    (void)printf("# limiter_take() of host/core/limiter.h with nothing but a concurrency, made by "
                 "make_concurrency_take.c\n"
                 "# rate per window burst concurrency lease  op now id n  refused remaining limit "
                 "reset retry"
                 "  verdict part until  limit held settled foreign closed\n");
    begin("so many at once", at_once(3, 1000));
    take(NOW, 1, 0);
    take(NOW, 1, 4);
    take(NOW, 1, 2);
    take(NOW, 2, 2);
    take(NOW, 2, 1);
    take(NOW, 2, 1); // again
    take(NOW, 3, 1);
    answered(NOW + 1, 2);
    take(NOW + 1, 3, 1);
    tell(OP_GIVE_BACK, NOW + 1, 1, 0, LIMITER_HINT_NONE);
    tell(OP_GIVE_BACK, NOW + 1, 1, 0, LIMITER_HINT_NONE);
    take(NOW + 1, 4, 2);
    take(NOW + 1, (UINT64_C(1) << 53) - 1, 1);

    tell_leases("a lease of a second", 1000);
    tell_leases("of a millisecond", 1);
    tell_leases("of a day", DAY);

    begin("the clock goes back: no lease is longer for that", at_once(1, 1000));
    take(NOW, 1, 1);
    take(NOW - DAY, 2, 1);
    take(NOW - DAY + 999, 2, 1);
    take(NOW - DAY + 1000, 2, 1);

    struct limiter_hint h = LIMITER_HINT_NONE;
    h.refused = true;
    begin("refused: a minute, or what it said", at_once(1, 1000));
    take(NOW, 1, 1);
    tell(OP_ANSWERED, NOW, 1, 0, h);
    take(NOW + 1, 2, 1);
    h.retry_ms = 90000;
    h.remaining = h.limit = 0; // of a window, which it has not
    tell(OP_ANSWERED, NOW, 2, 0, h);
    take(NOW + 89999, 2, 1);
    take(NOW + 90000, 2, 1);

    begin("the most", at_once(1000000, 1000));
    take(NOW, 1, 1000000);
    take(NOW, 2, 1);
    take(NOW, 2, 1000001);
    begin("at random", at_once(4, 300));
    ramble(5, 500);
    limiter_finish(&story.limiter);
    return 0;
}
