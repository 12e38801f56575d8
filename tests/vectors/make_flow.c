// Prints tests/vectors/flow.txt: few members in every mixture, with every end of the opener.
#include <stdio.h>

#include "base/bytes.h"
#include "core/flow.h"

static const int openers[] = {-1, JOB_SUCCEEDED, JOB_DEAD, JOB_CANCELLED};

static void print(const struct flow_facts *f) {
    const struct flow_tally *t = &f->tally;
    (void)printf("%d %d %d %d %d %d %d %d %d  %d %d %d %d %d %d %d\n", (int)t->made,
                 (int)t->succeeded, (int)t->dead, (int)t->cancelled, (int)t->duplicate,
                 f->opener < 0 ? 0 : f->opener, (int)f->on_dead, f->closed, f->deep,
                 (int)flow_open_count(t), (int)flow_fate(f), (int)flow_then(f), flow_grows(f),
                 flow_cancels(f), flow_leaves(f), flow_follows(f));
}

static void print_mixture(const struct flow_tally *tally) {
    for (size_t i = 0; i < ARRAY_LEN(openers); i++) {
        for (int bits = 0; bits < 8; bits++) {
            print(&(struct flow_facts){.tally = *tally,
                                       .opener = openers[i],
                                       .on_dead = (enum flow_on_dead)(bits % 2),
                                       .closed = bits / 2 % 2 != 0,
                                       .deep = bits / 4 != 0});
        }
    }
}

int main(void) {
    (void)printf("# the decisions of host/core/flow.h, made by make_flow.c\n"
                 "# made succeeded dead cancelled duplicate opener(state, 0: it goes on) on_dead"
                 " closed deep  open fate then grows cancels leaves follows\n");
    for (int i = 0; i < 4 * 2 * 3 * 2 * 2; i++) {
        print_mixture(&(struct flow_tally){.made = i % 4,
                                           .succeeded = i / 4 % 2,
                                           .dead = i / 8 % 3,
                                           .cancelled = i / 24 % 2,
                                           .duplicate = i / 48});
    }
    return 0;
}
